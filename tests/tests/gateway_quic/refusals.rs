//! Who gets no session, and is told why not.

use std::net::SocketAddr;

use ringside_gateway::{Builder, Gateway, Limits, Origins, Timing};
use ringside_tests::{
    peer::{Identity, Quic},
    within,
};

use super::{Kind, SOCKET_IO, quic, world};

/// What a page is told at the end.
async fn refused(
    identity: &Identity,
    at: SocketAddr,
    target: &str,
    headers: &[(&str, &str)],
) -> (u32, String) {
    Quic::page(at, identity, target, headers)
        .await
        .closed()
        .await
}

#[tokio::test]
async fn who_may_not_connect_is_told_why_not() {
    let identity = Identity::new();
    let mut gateways = Vec::new();
    let mut start = |set_up: &dyn Fn(&mut Builder)| {
        let mut io = Gateway::builder();
        io.shards(2).pinned(false).quic(quic(&identity));
        set_up(&mut io);
        let gateway = io.listen("127.0.0.1:0").expect("a free port");
        gateways.push(gateway.clone());
        gateway
    };
    let own = start(&|_| {});
    let at = own.address();
    assert_eq!(refused(&identity, at, "/nowhere", &[]).await.0, 4404);
    assert_eq!(refused(&identity, at, "/socket.io/x", &[]).await.0, 4404);
    let stranger = [("origin", "https://evil.example")];
    let told = (4403, "pages of this origin may not connect".to_owned());
    assert_eq!(refused(&identity, at, SOCKET_IO, &stranger).await, told);
    let page = format!("https://localhost:{}", at.port());
    for origin in [&page[..], &page.replace("https", "http")] {
        let mut it = Quic::page(at, &identity, SOCKET_IO, &[("origin", origin)]).await;
        it.open().await;
    }
    assert_eq!(own.closes()["quic.NotFound"], 2);
    assert_eq!(own.closes()["quic.Origin"], 1);
    // A native client is no page.
    Quic::native(at, &identity).await.open().await;
    let listed = start(&|io| {
        io.origins(Origins::list(["https://friend.example"]));
    });
    let friend = [("origin", "https://friend.example")];
    Quic::page(listed.address(), &identity, SOCKET_IO, &friend)
        .await
        .open()
        .await;
    let picky = start(&|io| {
        io.allow_request(|handshake| {
            let ok = handshake.query_value("token").is_some();
            async move { ok.then_some(()).ok_or_else(|| "no token".to_owned()) }
        });
    });
    let told = (4403, "no token".to_owned());
    assert_eq!(
        refused(&identity, picky.address(), SOCKET_IO, &[]).await,
        told
    );
    let target = "/socket.io/?token=x";
    Quic::page(picky.address(), &identity, target, &[])
        .await
        .open()
        .await;
    assert_eq!(
        Quic::native(picky.address(), &identity)
            .await
            .closed()
            .await,
        told
    );
    let full = start(&|io| {
        let mut limits = Limits::default();
        limits.address.sessions = 2;
        limits.address.count_loopback = true;
        io.limits(limits);
    });
    let mut first = Quic::native(full.address(), &identity).await;
    first.open().await;
    let mut second = Quic::page(full.address(), &identity, SOCKET_IO, &[]).await;
    second.open().await;
    assert_eq!(
        refused(&identity, full.address(), SOCKET_IO, &[]).await.0,
        4429
    );
    assert_eq!(
        Quic::native(full.address(), &identity)
            .await
            .closed()
            .await
            .0,
        4429
    );
    first.text("1").await;
    first.closed().await;
    within("room again", async {
        let mut again = Quic::native(full.address(), &identity).await;
        again.open().await;
    })
    .await;
    for gateway in gateways {
        gateway.stop();
        gateway.wait();
    }
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for() {
    let identity = Identity::new();
    let timing = Timing {
        upgrade_timeout: 200,
        ..Timing::default()
    };
    let world = world(&identity, |io| {
        io.timing(timing);
    });
    for kind in [Kind::Page, Kind::Native] {
        for bytes in [None, Some(&b""[..]), Some(&[126]), Some(&[20, b'0'])] {
            let mut it = kind.connect(&world, &identity).await;
            if let Some(bytes) = bytes {
                it.raw(bytes).await.expect("a stream");
            }
            let told = (1002, "no first packet came in time".to_owned());
            assert_eq!(it.closed().await, told, "{kind:?}, {bytes:?}");
        }
    }
    assert_eq!(world.gateway.closes()["quic.NoFirstPacket"], 8);
}

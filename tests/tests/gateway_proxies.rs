//! Whom a forwarded address is believed of, and what one address may ask for.
//!
//! Leaves out: proxies themselves, which `tests/proxies` puts in front.

use ringside_gateway::{AddressLimits, Limits};
use ringside_tests::{
    peer::{Http, Reply, WebSocket},
    world::{World, unpaced},
};

const POLLING: &str = "/engine.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";

/// A gateway behind a proxy on loopback, or one that was told of none.
fn world(trusting: bool, sessions: u32) -> World {
    World::set_up(|io| {
        io.limits(Limits {
            address: AddressLimits {
                sessions,
                sessions_per_second: 1_000,
                count_loopback: false,
            },
            ..unpaced()
        });
        if trusting {
            io.trust_proxies(["127.0.0.1".parse().unwrap()]);
        }
    })
}

async fn open(world: &World, forwarded: &str) -> Reply {
    let mut http = Http::connect(world.at()).await;
    let headers = [("x-forwarded-for", forwarded)];
    http.request("GET", POLLING, &headers, b"").await;
    http.reply().await
}

#[tokio::test]
async fn a_forwarded_address_counts_only_when_a_named_proxy_says_it() {
    for (trusting, forwarded, expected) in [
        (false, "192.0.2.7", "127.0.0.1"),
        (true, "192.0.2.7", "192.0.2.7"),
        (true, "2001:db8::7", "2001:db8::7"),
        // What the client itself claimed stands before what the proxy saw.
        (true, "6.6.6.6, 192.0.2.7", "192.0.2.7"),
        (true, "6.6.6.6, 192.0.2.7, 127.0.0.1", "192.0.2.7"),
        (true, "nonsense", "127.0.0.1"),
        (true, "192.0.2.7, nonsense", "127.0.0.1"),
        (true, "", "127.0.0.1"),
    ] {
        let mut world = world(trusting, 256);
        assert_eq!(open(&world, forwarded).await.status, 200);
        let connection = world.opened().await;
        let seen = connection.handshake().address().ip().to_string();
        assert_eq!(seen, expected, "{forwarded:?}, trusting {trusting}");
    }
}

#[tokio::test]
async fn a_named_proxy_says_whether_its_client_speaks_tls() {
    for (trusting, said, expected) in [
        (true, "https", true),
        (true, "http", false),
        (false, "https", false),
    ] {
        let mut world = world(trusting, 256);
        let mut http = Http::connect(world.at()).await;
        let headers = [("x-forwarded-proto", said)];
        http.request("GET", POLLING, &headers, b"").await;
        assert_eq!(http.reply().await.status, 200);
        let connection = world.opened().await;
        let seen = connection.handshake().is_secure();
        assert_eq!(seen, expected, "{said}, trusting {trusting}");
    }
}

#[tokio::test]
async fn an_address_has_its_share_and_others_theirs() {
    let world = world(true, 3);
    for _ in 0..3 {
        assert_eq!(open(&world, "192.0.2.7").await.status, 200);
    }
    assert_eq!(open(&world, "192.0.2.7").await.status, 429);
    assert_eq!(open(&world, "6.6.6.6, 192.0.2.7").await.status, 429);
    let headers = [("x-forwarded-for", "192.0.2.7")];
    for target in [WEBSOCKET, "/ws"] {
        let http = Http::connect(world.at()).await;
        let refused = WebSocket::upgrade(http, target, &headers).await;
        assert_eq!(refused.expect_err("its share is used").status, 429);
    }
    assert_eq!(open(&world, "192.0.2.8").await.status, 200);
    // Loopback is exempt, unless asked for.
    for _ in 0..10 {
        assert_eq!(open(&world, "127.0.0.1").await.status, 200);
    }
}

#[tokio::test]
async fn a_share_is_given_back_at_the_end_of_a_session() {
    let mut world = world(true, 1);
    let headers = [("x-forwarded-for", "192.0.2.7")];
    for _ in 0..20 {
        let mut websocket = ringside_tests::within("its share is free", async {
            loop {
                let http = Http::connect(world.at()).await;
                // The session before may not be gone to the last.
                match WebSocket::upgrade(http, WEBSOCKET, &headers).await {
                    Ok(websocket) => return websocket,
                    Err(refused) => assert_eq!(refused.status, 429),
                }
            }
        })
        .await;
        let connection = world.opened().await;
        websocket.text("1").await;
        assert_eq!(world.closed(&connection).await, "the peer closed");
    }
}

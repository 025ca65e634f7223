//! How a session ends: what each side is told, whoever ends it, and who is taken for dead.

use std::time::Duration;

use ringside_gateway::Timing;
use ringside_tests::{
    peer::{Identity, Quic, QuicFrame},
    world::PATH,
};

use super::{Kind, world};

#[tokio::test]
async fn an_end_says_why_whoever_ends_it() {
    let identity = Identity::new();
    let mut world = world(&identity, |_| {});
    for kind in [Kind::Page, Kind::Native] {
        // The namespace first, then the rest: the last packet is read before the end.
        let mut it = kind.join(&world, &identity).await;
        it.text("42[\"cut\"]").await;
        assert_eq!(it.next_text().await, "41");
        // What breaks a protocol says which rule.
        for (bytes, code, reason) in [
            (&[0][..], 1002, "a frame is empty"),
            (&[1, b'7'], 1002, "the packet type is unknown"),
            (&[1, 0xff], 1007, "the payload is not UTF-8"),
            (&[126, 0xff, 0xff], 0, ""),
            (
                &[127, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x41],
                1009,
                "the payload is too big",
            ),
            (
                &[127, 255, 255, 255, 255, 255, 255, 255, 255],
                1009,
                "the payload is too big",
            ),
        ] {
            let mut it = kind.join(&world, &identity).await;
            it.raw(bytes).await.expect("a stream");
            if code == 0 {
                // Not whole yet, and no longer than allowed: it is waited for.
                it.raw(&vec![b'6'; 65_535]).await.expect("a stream");
                it.text("42[\"echo\",1]").await;
                assert_eq!(it.next_text().await, "42[\"echo\",1]");
                continue;
            }
            assert_eq!(it.closed().await, (code, reason.to_owned()), "{kind:?}");
        }
    }
    // The peer's own end, by a word or without.
    for by_word in [true, false] {
        let mut it = Quic::page(world.at(), &identity, PATH, &[]).await;
        it.open().await;
        let connection = world.opened().await;
        if by_word {
            it.text("1").await;
            assert_eq!(it.closed().await.0, 1000);
            assert_eq!(world.closed(&connection).await, "the peer closed");
        } else {
            it.session.close(7, b"enough");
            assert_eq!(
                world.closed(&connection).await,
                "the stream ended without a close"
            );
        }
    }
    let draining = Kind::Page.join(&world, &identity).await;
    let mut draining = [draining, Kind::Native.join(&world, &identity).await];
    world.gateway.drain(Duration::from_secs(10));
    for it in &mut draining {
        let (code, reason) = it.closed().await;
        assert_eq!(
            (code, reason.as_str()),
            (1012, "the server shuts down, please reconnect")
        );
    }
}

#[tokio::test]
async fn the_heartbeat_goes_by_the_stream_and_who_misses_it_is_told() {
    let identity = Identity::new();
    let timing = Timing {
        ping_interval: 50,
        ping_timeout: 300,
        ..Timing::default()
    };
    let world = world(&identity, |io| {
        io.timing(timing);
    });
    for kind in [Kind::Page, Kind::Native] {
        let mut it = kind.join(&world, &identity).await;
        for _ in 0..10 {
            assert_eq!(it.next().await, QuicFrame::Text("2".to_owned()));
            it.text("3").await;
        }
        let missed = (1001, "the heartbeat was not answered in time".to_owned());
        assert_eq!(it.closed().await, missed, "{kind:?}");
    }
    assert_eq!(world.gateway.closes()["PingTimeout"], 2);
}

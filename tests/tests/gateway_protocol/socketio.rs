//! Socket.IO: joining namespaces, attachments, and packets that are none.

use std::time::Instant;

use ringside_gateway::{Limits, Socket};
use ringside_tests::{
    peer::WebSocket,
    world::{World, unpaced},
};

use super::keys;

/// A Socket.IO client in `/`, its reply to CONNECT checked.
async fn connected(world: &World) -> WebSocket {
    let mut socket = WebSocket::connect(world.at(), "/socket.io/?EIO=4&transport=websocket").await;
    socket.next_text().await;
    socket.text("40").await;
    let reply = socket.next_text().await;
    let reply = reply.strip_prefix("40").expect("a reply to CONNECT");
    let reply: serde_json::Value = serde_json::from_str(reply).unwrap();
    assert_eq!(keys(&reply), ["sid"]);
    socket
}

#[tokio::test]
async fn connecting_is_answered_with_a_sid_of_its_own() {
    let world = World::set_up(|io| {
        io.of("/custom");
        io.of("/").on("hi", |_: &Socket, n: u32| n + 1);
    });
    let mut socket = connected(&world).await;
    socket.text("40/custom,{\"token\":1}").await;
    let reply = socket.next_text().await;
    assert!(reply.starts_with("40/custom,{\"sid\":\""), "{reply}");
    socket.text("40/random").await;
    assert_eq!(
        socket.next_text().await,
        "44/random,{\"message\":\"Invalid namespace\"}"
    );
    socket.text("4212[\"hi\",41]").await;
    assert_eq!(socket.next_text().await, "4312[42]");
    // Leaving one namespace leaves the other alone.
    socket.text("41/custom,").await;
    socket.text("4213[\"hi\",1]").await;
    assert_eq!(socket.next_text().await, "4313[2]");
}

#[tokio::test]
async fn what_is_no_packet_closes_the_connection() {
    let world = World::new();
    for nonsense in [
        "4abc",
        "42{}",
        "42abc[\"x\"]",
        "42[\"x\"",
        "42[]",
        "42[{}]",
        "42[null]",
        "42[\"connect\"]",
        "49",
        "450-[\"x\"]",
        "4511-[\"x\"]",
        "431{}",
        "4",
        "42/nowhere,[\"x\"]",
    ] {
        let mut socket = connected(&world).await;
        socket.text(nonsense).await;
        let closed = socket.closed().await;
        assert!(
            closed.is_some_and(|(code, reason)| code >= 1002 && !reason.is_empty()),
            "{nonsense}"
        );
    }
    // A packet whose attachment does not come next; an attachment that nobody announced.
    let mut socket = connected(&world).await;
    socket
        .text("451-[\"x\",{\"_placeholder\":true,\"num\":0}]")
        .await;
    socket.text("42[\"x\"]").await;
    assert!(socket.closed().await.is_some());
    let mut socket = connected(&world).await;
    socket.binary(b"bytes").await;
    assert!(socket.closed().await.is_some());
    // Still before CONNECT.
    let mut socket = WebSocket::connect(world.at(), "/socket.io/?EIO=4&transport=websocket").await;
    socket.next_text().await;
    socket.text("42[\"x\"]").await;
    assert!(socket.closed().await.is_some());
}

#[tokio::test]
async fn attachments_that_do_not_come_are_waited_for_ten_seconds() {
    let world = World::new();
    let mut socket = connected(&world).await;
    socket
        .text("451-[\"x\",{\"_placeholder\":true,\"num\":0}]")
        .await;
    let begun = Instant::now();
    let closed = socket.closed().await.expect("a close frame");
    assert_eq!(closed.0, 1008, "{closed:?}");
    assert!(begun.elapsed().as_secs() >= 9);
}

#[tokio::test]
async fn a_client_that_joins_nothing_is_let_go() {
    let world = World::set_up(|io| {
        io.limits(Limits {
            connect_ms: 50,
            ..unpaced()
        });
    });
    let mut socket = WebSocket::connect(world.at(), "/socket.io/?EIO=4&transport=websocket").await;
    socket.next_text().await;
    assert_eq!(
        socket.closed().await,
        Some((1008, "the peer joined no namespace in time".into()))
    );
}

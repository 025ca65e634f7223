//! Engine.IO: messages, the heartbeat, the pace, and the end of a session.

use std::time::Instant;

use ringside_gateway::{Limits, Raw, RawMessage, Timing};
use ringside_tests::{
    peer::{Frame, Polling, WebSocket},
    world::{PATH, WEBSOCKET, World, unpaced},
};

#[tokio::test]
async fn messages_keep_their_type_on_both_transports() {
    let world = World::set_up(|io| {
        io.limits(unpaced()).engineio(
            "/echo",
            Raw::new().on_message(|it, said| it.send(said).unwrap()),
        );
    });
    let session = Polling::open(world.at(), "/echo/").await;
    let reply = session.post(b"4hello\x1ebAQIDBA==\x1e4").await;
    assert_eq!(reply.text(), "ok");
    assert_eq!(reply.header("content-type"), Some("text/html"));
    let reply = session.get().await;
    assert_eq!(reply.text(), "4hello\x1ebAQIDBA==\x1e4");
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; charset=UTF-8")
    );

    let mut websocket = WebSocket::connect(world.at(), "/echo/?EIO=4&transport=websocket").await;
    websocket.next_text().await;
    websocket.text("4héllo").await;
    websocket.binary(&[0, 1, 255]).await;
    assert_eq!(websocket.next().await, Frame::Text("4héllo".into()));
    assert_eq!(websocket.next().await, Frame::Binary(vec![0, 1, 255]));
}

#[tokio::test]
async fn the_server_pings_and_gives_up_without_a_pong() {
    let timing = Timing {
        ping_interval: 50,
        ping_timeout: 500,
        ..Timing::default()
    };
    let mut world = World::with(unpaced(), timing);
    let mut websocket = WebSocket::connect(world.at(), WEBSOCKET).await;
    websocket.next_text().await;
    let connection = world.opened().await;
    for _ in 0..3 {
        assert_eq!(websocket.next_text().await, "2");
        websocket.text("3").await;
    }
    assert_eq!(websocket.next_text().await, "2");
    assert_eq!(
        websocket.closed().await,
        Some((1001, "the heartbeat was not answered in time".into()))
    );
    assert_eq!(
        world.closed(&connection).await,
        "the heartbeat was not answered in time"
    );

    // Polling: the ping is a packet of the next poll, and the pong one of a POST.
    let (session, connection) = world.polling().await;
    assert_eq!(session.get().await.text(), "2");
    assert_eq!(session.post(b"3").await.text(), "ok");
    assert_eq!(session.get().await.text(), "2");
    assert_eq!(session.get().await.text(), "1");
    assert_eq!(
        world.closed(&connection).await,
        "the heartbeat was not answered in time"
    );
}

#[tokio::test]
async fn pings_keep_their_interval_however_patient_the_server_is() {
    let timing = Timing {
        ping_interval: 50,
        ping_timeout: 60_000,
        ..Timing::default()
    };
    let world = World::with(unpaced(), timing);
    let mut websocket = WebSocket::connect(world.at(), WEBSOCKET).await;
    websocket.next_text().await;
    for _ in 0..5 {
        assert_eq!(websocket.next_text().await, "2");
        websocket.text("3").await;
    }
    let session = Polling::open(world.at(), PATH).await;
    for _ in 0..5 {
        assert_eq!(session.get().await.text(), "2");
        assert_eq!(session.post(b"3").await.text(), "ok");
    }
}

#[tokio::test]
async fn closing_is_heard_on_both_sides() {
    let mut world = World::new();
    let mut websocket = WebSocket::connect(world.at(), WEBSOCKET).await;
    websocket.next_text().await;
    let connection = world.opened().await;
    websocket.text("1").await;
    assert_eq!(world.closed(&connection).await, "the peer closed");
    websocket.closed().await;

    let (session, connection) = world.polling().await;
    connection.close().unwrap();
    let reply = session.get().await;
    assert!(
        reply.text() == "1" || reply.is_refusal(1),
        "{}",
        reply.text()
    );
    assert_eq!(world.closed(&connection).await, "the application closed");
}

#[tokio::test]
async fn an_end_the_application_asks_for_comes_with_a_close_frame_behind_all_messages() {
    let mut world = World::new();
    for (target, kind) in [(WEBSOCKET, "4"), ("/ws", "")] {
        let mut websocket = WebSocket::connect(world.at(), target).await;
        let connection = world.opened().await;
        if target != "/ws" {
            websocket.next_text().await;
        }
        for n in 0..100 {
            let text = format!("{n}");
            let message = RawMessage::Text(&text);
            connection.send(message).unwrap();
        }
        connection.close().unwrap();
        for n in 0..100 {
            assert_eq!(websocket.next_text().await, format!("{kind}{n}"));
        }
        let said = Some((1000, "the application closed".to_owned()));
        assert_eq!(websocket.closed().await, said);
        assert_eq!(websocket.next().await, Frame::Ended);
        assert_eq!(world.closed(&connection).await, "the application closed");
    }
}

#[tokio::test]
async fn a_client_over_its_pace_is_read_more_slowly_and_not_closed() {
    let limits = Limits {
        messages_per_second: 500,
        message_burst: 50,
        ..unpaced()
    };
    let timing = Timing {
        ping_interval: 100,
        ping_timeout: 400,
        ..Timing::default()
    };
    let mut world = World::with(limits, timing);
    let mut websocket = WebSocket::connect(world.at(), WEBSOCKET).await;
    let connection = world.opened().await;
    let begun = Instant::now();
    // More than is read at once, and the first part of it a second's worth: several heartbeats pass
    // before the second part is read.
    let flood = WebSocket::frame(0x81, &[b'4'; 100]).repeat(1_050);
    websocket.raw(&flood).await.unwrap();
    websocket.text("4echo end").await;
    loop {
        match websocket.next().await {
            Frame::Text(text) if text == "2" => websocket.text("3").await,
            Frame::Text(text) if text == "4echo end" => break,
            Frame::Text(text) if text.starts_with('0') => {}
            other => panic!("unexpected: {other:?} after {:?}", begun.elapsed()),
        }
    }
    assert!(
        begun.elapsed().as_millis() >= 1_000,
        "it was held to its pace"
    );
    assert!(connection.is_connected());
}

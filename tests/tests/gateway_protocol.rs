//! The facts of Engine.IO 4 and Socket.IO 5 that stock clients build on, at the level of bytes.
//!
//! Each test states one fact of the protocols' pages, or of the reference where they are silent (npm
//! engine.io 6.6, socket.io 4.8). Leaves out: races of polling requests (`gateway_polling.rs`).

use ringside_gateway::{Origins, Timing, Transports};
use ringside_tests::{
    peer::{Frame, Http, Open, Polling, WebSocket},
    world::{World, unpaced},
};

const PATH: &str = "/engine.io/";

fn keys(json: &serde_json::Value) -> Vec<&str> {
    let object = json.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn the_open_packet_says_exactly_five_things() {
    let world = World::new();
    let polling = Polling::open(world.at(), PATH).await.open;
    let mut websocket =
        WebSocket::connect(world.at(), "/engine.io/?EIO=4&transport=websocket").await;
    let websocket = Open::parse(&websocket.next_text().await);
    let expected = [
        "maxPayload",
        "pingInterval",
        "pingTimeout",
        "sid",
        "upgrades",
    ];
    for open in [&polling, &websocket] {
        let mut found = keys(&open.json);
        found.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(open.json["pingInterval"], 25_000);
        assert_eq!(open.json["pingTimeout"], 20_000);
        assert_eq!(open.json["maxPayload"], 1_000_000);
        assert_eq!(open.sid.len(), 20);
    }
    assert_eq!(polling.json["upgrades"], serde_json::json!(["websocket"]));
    assert_eq!(websocket.json["upgrades"], serde_json::json!([]));
    assert_ne!(polling.sid, websocket.sid);
}

#[tokio::test]
async fn a_bad_request_is_refused_with_its_code() {
    let world = World::new();
    let session = Polling::open(world.at(), PATH).await;
    let sid = &session.open.sid;
    let cases = [
        ("GET", "".to_owned(), 0),
        ("GET", "?EIO=4".into(), 0),
        ("GET", "?EIO=4&transport=".into(), 0),
        ("GET", "?EIO=4&transport=abc".into(), 0),
        ("GET", "?EIO=4&transport=constructor".into(), 0),
        ("GET", "?EIO=4&transport=webtransport".into(), 0),
        ("GET", "?EIO=4&transport=polling&sid=abc".into(), 1),
        ("POST", "?EIO=4&transport=polling".into(), 2),
        ("PUT", "?EIO=4&transport=polling".into(), 2),
        ("GET", "?EIO=4&transport=websocket".into(), 3),
        ("GET", format!("?EIO=4&transport=websocket&sid={sid}"), 3),
        ("GET", "?EIO=4&transport=polling&j=0".into(), 3),
        ("GET", format!("?EIO=3&transport=polling&sid={sid}"), 3),
        ("PUT", format!("?EIO=4&transport=polling&sid={sid}"), 3),
        ("GET", "?transport=polling".into(), 5),
        ("GET", "?EIO=abc&transport=polling".into(), 5),
        ("GET", "?EIO=3&transport=polling".into(), 5),
    ];
    for (method, query, code) in cases {
        let mut http = Http::connect(world.at()).await;
        http.request(method, &format!("{PATH}{query}"), &[], b"")
            .await;
        let reply = http.reply().await;
        assert!(
            reply.is_refusal(code),
            "{method} {query}: {} {}",
            reply.status,
            reply.text()
        );
        assert_eq!(reply.header("content-type"), Some("application/json"));
    }
    session.say("echo still here").await;
    assert_eq!(session.get().await.text(), "4echo still here");
}

#[tokio::test]
async fn a_bad_websocket_request_is_refused_with_its_code() {
    let world = World::new();
    let session = Polling::open(world.at(), PATH).await;
    let sid = &session.open.sid;
    let cases = [
        ("?EIO=4&transport=abc".to_owned(), 0),
        ("?EIO=4&transport=websocket&sid=abc".into(), 1),
        ("?EIO=4&transport=polling".into(), 3),
        // An upgrade under the name of a transport that has none (CVE-2023-31125).
        (format!("?EIO=4&transport=polling&sid={sid}"), 3),
        (format!("?EIO=3&transport=websocket&sid={sid}"), 3),
        ("?transport=websocket".into(), 5),
        ("?EIO=abc&transport=websocket".into(), 5),
    ];
    for (query, code) in cases {
        let http = Http::connect(world.at()).await;
        let reply = WebSocket::upgrade(http, &format!("{PATH}{query}"), &[]).await;
        let reply = reply.expect_err(&query);
        assert!(
            reply.is_refusal(code),
            "{query}: {} {}",
            reply.status,
            reply.text()
        );
    }
    session.say("echo still here").await;
    assert_eq!(session.get().await.text(), "4echo still here");
}

#[tokio::test]
async fn a_transport_that_is_switched_off_is_unknown() {
    let world = World::set_up(|io| {
        io.transports(Transports {
            polling: false,
            websocket: true,
        });
    });
    let reply = Http::connect(world.at())
        .await
        .get("/engine.io/?EIO=4&transport=polling")
        .await;
    assert!(reply.is_refusal(0));
    let mut websocket =
        WebSocket::connect(world.at(), "/engine.io/?EIO=4&transport=websocket").await;
    assert!(websocket.next_text().await.starts_with('0'));

    let world = World::set_up(|io| {
        io.transports(Transports {
            polling: true,
            websocket: false,
        });
    });
    let session = Polling::open(world.at(), PATH).await;
    assert_eq!(session.open.json["upgrades"], serde_json::json!([]));
    let refused = WebSocket::upgrade(
        Http::connect(world.at()).await,
        &session.target_by("websocket"),
        &[],
    )
    .await;
    assert!(refused.expect_err("it is off").is_refusal(0));

    let world = World::set_up(|io| {
        io.allow_upgrades(false);
    });
    let session = Polling::open(world.at(), PATH).await;
    assert_eq!(session.open.json["upgrades"], serde_json::json!([]));
    let mut websocket =
        WebSocket::connect(world.at(), "/engine.io/?EIO=4&transport=websocket").await;
    assert!(websocket.next_text().await.starts_with('0'));
}

#[tokio::test]
async fn messages_keep_their_type_on_both_transports() {
    let world = World::set_up(|io| {
        io.limits(unpaced()).engineio(
            "/echo",
            ringside_gateway::Raw::new().on_message(|it, said| it.send(said).unwrap()),
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
    let mut websocket =
        WebSocket::connect(world.at(), "/engine.io/?EIO=4&transport=websocket").await;
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
    let mut websocket =
        WebSocket::connect(world.at(), "/engine.io/?EIO=4&transport=websocket").await;
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
async fn attachments_that_do_not_come_are_waited_for_ten_seconds() {
    let world = World::new();
    let mut socket = connected(&world).await;
    socket
        .text("451-[\"x\",{\"_placeholder\":true,\"num\":0}]")
        .await;
    let begun = std::time::Instant::now();
    let closed = socket.closed().await.expect("a close frame");
    assert_eq!(closed.0, 1008, "{closed:?}");
    assert!(begun.elapsed().as_secs() >= 9);
}

#[tokio::test]
async fn closing_is_heard_on_both_sides() {
    let mut world = World::new();
    let mut websocket =
        WebSocket::connect(world.at(), "/engine.io/?EIO=4&transport=websocket").await;
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
async fn pages_of_other_origins_are_refused_on_both_transports() {
    let world = World::new();
    let at = world.at();
    let host = ("origin", "http://localhost");
    let stranger = ("origin", "https://evil.example");
    for (origin, admitted) in [(host, true), (stranger, false)] {
        let mut http = Http::connect(at).await;
        http.request("GET", "/engine.io/?EIO=4&transport=polling", &[origin], b"")
            .await;
        let reply = http.reply().await;
        assert_eq!(reply.status == 200, admitted);
        let allowed = reply.header("access-control-allow-origin");
        assert_eq!(allowed, admitted.then_some("http://localhost"));
        for target in ["/engine.io/?EIO=4&transport=websocket", "/ws"] {
            let upgraded = WebSocket::upgrade(Http::connect(at).await, target, &[origin]).await;
            assert_eq!(upgraded.is_ok(), admitted);
            if let Err(reply) = upgraded {
                assert!(reply.is_refusal(4));
            }
        }
    }
    let anybody = World::set_up(|io| {
        io.origins(Origins::any());
    });
    let mut http = Http::connect(anybody.at()).await;
    http.request(
        "GET",
        "/engine.io/?EIO=4&transport=polling",
        &[stranger],
        b"",
    )
    .await;
    let reply = http.reply().await;
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.header("access-control-allow-credentials"), None);
}

#[tokio::test]
async fn an_end_the_application_asks_for_comes_with_a_close_frame_behind_all_messages() {
    let mut world = World::new();
    for (target, kind) in [("/engine.io/?EIO=4&transport=websocket", "4"), ("/ws", "")] {
        let mut websocket = WebSocket::connect(world.at(), target).await;
        let connection = world.opened().await;
        if target != "/ws" {
            websocket.next_text().await;
        }
        for n in 0..100 {
            let text = format!("{n}");
            let message = ringside_gateway::RawMessage::Text(&text);
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
    let limits = ringside_gateway::Limits {
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
    let mut websocket =
        WebSocket::connect(world.at(), "/engine.io/?EIO=4&transport=websocket").await;
    let connection = world.opened().await;
    let begun = std::time::Instant::now();
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
        io.of("/")
            .on("hi", |_: &ringside_gateway::Socket, n: u32| n + 1);
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
async fn a_client_that_joins_nothing_is_let_go() {
    let world = World::set_up(|io| {
        io.limits(ringside_gateway::Limits {
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

//! What an application adds to answers: cookies, headers, a first packet, compression; and that every
//! close and refusal is counted.

use std::collections::BTreeMap;

use ringside_gateway::{Compression, Cookie, OutboxLimits, RawMessage, Socket};
use ringside_proto::ws::{Decoder, Event, Limits, Role};
use ringside_tests::{
    peer::{Http, Open, WebSocket, decode_payload},
    within,
    world::{WEBSOCKET, World, unpaced},
};

const POLLING: &str = "/engine.io/?EIO=4&transport=polling";

#[tokio::test]
async fn a_cookie_names_the_session_once_on_either_transport() {
    let world = World::set_up(|io| {
        io.cookie(Cookie::new("io"));
    });
    let expected = |sid: &str| format!("io={sid}; Path=/; HttpOnly; SameSite=Lax");
    let mut http = Http::connect(world.at()).await;
    let reply = http.get(POLLING).await;
    let open = Open::parse(reply.text());
    let set = reply.header("set-cookie").map(str::to_owned);
    assert_eq!(set, Some(expected(&open.sid)));
    let target = format!("{POLLING}&sid={}", open.sid);
    assert_eq!(http.post(&target, b"4x").await.header("set-cookie"), None);
    http.request("GET", WEBSOCKET, &WebSocket::HEADERS, b"")
        .await;
    let reply = http.reply().await;
    assert_eq!(reply.status, 101);
    let open = Open::parse(&WebSocket(http).next_text().await);
    let set = reply.header("set-cookie").map(str::to_owned);
    assert_eq!(set, Some(expected(&open.sid)));
    // Without being asked for, there is none.
    let world = World::new();
    let mut http = Http::connect(world.at()).await;
    assert_eq!(http.get(POLLING).await.header("set-cookie"), None);
}

#[tokio::test]
async fn headers_are_added_to_good_answers_of_engine_io() {
    let world = World::set_up(|io| {
        io.headers(|request, headers| {
            let name = if request.is_initial {
                "x-first"
            } else {
                "x-later"
            };
            let asked = request.headers.get("x-asked").cloned();
            headers.insert(
                name,
                asked.unwrap_or(request.method.as_str().parse().unwrap()),
            );
        });
    });
    let mut http = Http::connect(world.at()).await;
    http.request("GET", POLLING, &[("x-asked", "yes")], b"")
        .await;
    let reply = http.reply().await;
    assert_eq!(reply.header("x-first"), Some("yes"));
    let target = format!("{POLLING}&sid={}", Open::parse(reply.text()).sid);
    let reply = http.post(&target, b"4echo x").await;
    assert_eq!(
        (reply.header("x-first"), reply.header("x-later")),
        (None, Some("POST"))
    );
    assert_eq!(http.get(&target).await.header("x-later"), Some("GET"));
    let refused = http.get("/engine.io/?EIO=9&transport=polling").await;
    assert!(refused.is_refusal(5));
    assert_eq!(
        (refused.header("x-first"), refused.header("x-later")),
        (None, None)
    );
    http.request("GET", WEBSOCKET, &WebSocket::HEADERS, b"")
        .await;
    assert_eq!(http.reply().await.header("x-first"), Some("GET"));
}

#[tokio::test]
async fn a_first_packet_comes_with_the_open_packet() {
    let world = World::set_up(|io| {
        io.initial_packet("welcome").allow_eio3(true);
    });
    let mut http = Http::connect(world.at()).await;
    let reply = http.get(POLLING).await;
    let packets = decode_payload(reply.text());
    assert_eq!((packets.len(), packets[1]), (2, "4welcome"));
    let mut websocket = WebSocket::connect(world.at(), WEBSOCKET).await;
    assert!(websocket.next_text().await.starts_with('0'));
    assert_eq!(websocket.next_text().await, "4welcome");
    let reply = http.get("/engine.io/?EIO=3&transport=polling").await;
    assert!(reply.text().ends_with("8:4welcome"), "{}", reply.text());
}

const DEFLATE: &str = "permessage-deflate; client_max_window_bits";

/// Opens a WebSocket that offers `extension`; gives what was agreed on.
async fn offer(world: &World, target: &str, extension: &str) -> (WebSocket, Option<String>) {
    let mut http = Http::connect(world.at()).await;
    let headers: Vec<_> = WebSocket::HEADERS
        .into_iter()
        .chain([("sec-websocket-extensions", extension)])
        .collect();
    http.request("GET", target, &headers, b"").await;
    let reply = http.reply().await;
    assert_eq!(reply.status, 101);
    let agreed = reply.header("sec-websocket-extensions").map(str::to_owned);
    (WebSocket(http), agreed)
}

/// Reads messages from a compressed WebSocket, as they were before it. Gives how many bytes they were on
/// the wire.
async fn messages(websocket: &mut WebSocket, count: usize) -> (Vec<String>, usize) {
    let mut decoder = Decoder::new(Role::Client, Limits::unlimited()).with_deflate(true);
    let (mut texts, mut wire) = (Vec::new(), 0);
    while texts.len() < count {
        let mut bytes = within("bytes", websocket.0.some())
            .await
            .expect("more comes");
        wire += bytes.len();
        let mut input = decoder.input(&mut bytes);
        while let Some(event) = input.next().expect("good frames") {
            match event {
                Event::Text(text) => texts.push(text.to_owned()),
                Event::Binary(bytes) => texts.push(String::from_utf8_lossy(bytes).into_owned()),
                other => panic!("unexpected: {other:?}"),
            }
        }
    }
    (texts, wire)
}

#[tokio::test]
async fn messages_are_compressed_where_both_sides_agree() {
    // Room for all of it: neither client reads before everything is sent.
    let outbox = OutboxLimits {
        bytes: 64 << 20,
        messages: 10_000,
    };
    let limits = ringside_gateway::Limits {
        outbox,
        ..unpaced()
    };
    let mut world = World::set_up(|io| {
        io.compression(Compression::default()).limits(limits);
    });
    let (mut websocket, agreed) = offer(&world, "/ws", DEFLATE).await;
    assert!(agreed.is_some_and(|it| it.starts_with("permessage-deflate")));
    let compressed = world.opened().await;
    let (mut plain, agreed) = offer(&world, "/ws", "x-other").await;
    assert_eq!(agreed, None);
    world.opened().await;
    // Large ones shrink, small ones go as they are, all arrive in order; and so slowly that they wait.
    let message = |n: usize| format!("{n} {}", "abcdefgh".repeat(n % 5 * 400));
    let sent: Vec<_> = (0..3_000).map(message).collect();
    let bytes: usize = sent.iter().map(String::len).sum();
    for text in &sent {
        compressed.send_to_all(RawMessage::Text(text)).unwrap();
    }
    let (got, wire) = messages(&mut websocket, sent.len()).await;
    assert!(got == sent);
    assert!(wire * 10 < bytes, "{wire} bytes on the wire for {bytes}");
    for text in &sent {
        assert_eq!(&plain.next_text().await, text);
    }
    // Off by default, whatever is offered.
    let world = World::new();
    assert_eq!(offer(&world, "/ws", DEFLATE).await.1, None);
}

#[tokio::test]
async fn a_message_that_is_not_to_be_compressed_is_not() {
    const LONG: usize = 4_000;
    let world = World::set_up(|io| {
        io.compression(Compression::default());
        io.on("one", |socket: &Socket, compress: bool| {
            let emitter = socket.compress(compress);
            emitter.emit("e", &"x".repeat(LONG)).unwrap();
        });
        io.on("all", |socket: &Socket, compress: bool| {
            let all = socket.everybody().compress(compress);
            all.emit("e", &"x".repeat(LONG)).unwrap();
        });
        io.on("bytes", |socket: &Socket, compress: bool| {
            let bytes = bytes::Bytes::from(vec![b'x'; LONG]);
            let all = socket.everybody().to(socket.id()).compress(compress);
            all.emit("e", &bytes).unwrap();
        });
    });
    let target = "/socket.io/?EIO=4&transport=websocket";
    let (mut websocket, agreed) = offer(&world, target, DEFLATE).await;
    assert!(agreed.is_some());
    messages(&mut websocket, 1).await;
    websocket.text("40").await;
    messages(&mut websocket, 1).await;
    for (event, count) in [("one", 1), ("all", 1), ("bytes", 2)] {
        for compress in [true, false, true] {
            websocket
                .text(&format!(r#"42["{event}",{compress}]"#))
                .await;
            let (got, wire) = messages(&mut websocket, count).await;
            assert!(got.iter().any(|it| it.contains(&"x".repeat(LONG))));
            assert_eq!(
                wire < LONG / 2,
                compress,
                "{event}: {wire} bytes on the wire"
            );
        }
    }
}

#[tokio::test]
async fn every_close_and_refusal_is_counted_by_its_name() {
    let mut world = World::new();
    let mut http = Http::connect(world.at()).await;
    http.get("/engine.io/?EIO=9&transport=polling").await;
    http.get(&format!("/{}", "u".repeat(9_000))).await;
    http.get("/nothing").await;
    let mut broken = Http::connect(world.at()).await;
    broken.send(b"\0\0\0\r\n\r\n").await.unwrap();
    broken.closed().await;
    for (bytes, reason) in [
        (WebSocket::frame(0x81, b"1"), "the peer closed"),
        (WebSocket::frame(0xc1, b"4x"), "reserved bits are set"),
    ] {
        let mut websocket = WebSocket::connect(world.at(), WEBSOCKET).await;
        let connection = world.opened().await;
        websocket.raw(&bytes).await.unwrap();
        assert_eq!(world.closed(&connection).await, reason);
    }
    let names = [
        "ClosedByPeer",
        "http.400",
        "http.414",
        "http.BadHead",
        "ws.ReservedBits",
    ];
    // A connection is counted once it is closed, which its peer may see first.
    let counted = within("all are counted", async {
        loop {
            let counted: BTreeMap<_, _> = world.gateway.closes().into_iter().collect();
            if counted.len() >= names.len() {
                return counted;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(counted, names.map(|name| (name, 1)).into());
}

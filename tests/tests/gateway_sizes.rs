//! What is too big: addresses, heads, messages, fragments, and every part of a Socket.IO packet, each at
//! its limit, above it and far above it.

use ringside_gateway::{Limits, OutboxLimits, RawMessage, Socket, Timing};
use ringside_tests::{
    bystander::resident,
    peer::{Frame, Http, WebSocket},
    within,
    world::{WEBSOCKET, World, unpaced},
};

#[tokio::test]
async fn a_request_line_or_head_that_is_too_big_is_refused() {
    let world = World::new();
    let at = world.at();
    let ask = async |url: usize, headers: usize, value: usize| {
        let mut http = Http::connect(at).await;
        let target = format!("/{}", "u".repeat(url));
        let mut head = format!("GET {target} HTTP/1.1\r\nhost: x\r\n");
        for n in 0..headers {
            head.push_str(&format!("h{n}: {}\r\n", "v".repeat(value)));
        }
        head.push_str("\r\n");
        // The refusal may come, and the connection end, before all is sent.
        let _ = http.send(head.as_bytes()).await;
        within("a reply", http.try_reply())
            .await
            .map_or(0, |it| it.status)
    };
    // An address of 8 KiB, 64 headers (the host is one), 16 KiB in all.
    assert_eq!(ask(8 * 1024 - 1, 0, 0).await, 404);
    assert_eq!(ask(8 * 1024, 0, 0).await, 414);
    assert_eq!(ask(10, 63, 8).await, 404);
    assert_eq!(ask(10, 64, 8).await, 431);
    assert_eq!(ask(10, 6_400, 8).await, 431);
    assert_eq!(ask(10, 1, 12 * 1024).await, 404);
    assert_eq!(ask(10, 1, 17 * 1024).await, 431);
    assert!([431, 414].contains(&ask(800 * 1024, 0, 0).await));
    assert_eq!(ask(10, 1, 1024 * 1024).await, 431);
}

#[tokio::test]
async fn a_message_that_is_too_big_is_refused_before_it_is_there() {
    let mut world = World::new();
    for target in [WEBSOCKET, "/ws"] {
        let open = async |world: &mut World| {
            let mut websocket = WebSocket::connect(world.at(), target).await;
            if target == WEBSOCKET {
                websocket.next_text().await;
            }
            (websocket, world.opened().await)
        };
        let (mut websocket, _) = open(&mut world).await;
        let mut message = vec![b'4'; 1_000_000];
        websocket
            .raw(&WebSocket::frame(0x81, &message))
            .await
            .unwrap();
        world.text().await;
        message.push(b'4');
        // Refused by its header alone: whatever length it claims, nothing is kept for it.
        let before = resident();
        for len in [1_000_001, 100_000_000, 1 << 40, (1 << 63) - 1] {
            let (mut websocket, connection) = open(&mut world).await;
            websocket.raw(&WebSocket::header(0x82, len)).await.unwrap();
            let closed = websocket.closed().await;
            assert_eq!(closed.map(|(code, _)| code), Some(1009), "{len}");
            assert_eq!(world.closed(&connection).await, "the message is too big");
        }
        assert!(resident().saturating_sub(before) < 16 << 20);
        // The same in pieces, each of them small.
        let (mut websocket, _) = open(&mut world).await;
        let piece = WebSocket::frame(0x00, &[b'x'; 50_000]);
        websocket.raw(&WebSocket::frame(0x01, b"4")).await.unwrap();
        for _ in 0..21 {
            if websocket.raw(&piece).await.is_err() {
                break;
            }
        }
        let closed = websocket.closed().await;
        assert_eq!(closed.map(|(code, _)| code), Some(1009));
        // And in pieces without number: at the bound, and one above it.
        for (more, code) in [(16_383, None), (16_384, Some(1008))] {
            let (mut websocket, _) = open(&mut world).await;
            let mut bytes = WebSocket::frame(0x01, b"4");
            bytes.extend(WebSocket::frame(0x00, b"").repeat(more - 1));
            bytes.extend(WebSocket::frame(0x80, b"end"));
            websocket.raw(&bytes).await.unwrap();
            match code {
                None => assert!(world.text().await.ends_with("end")),
                Some(_) => {
                    let closed = websocket.closed().await;
                    assert_eq!(closed.map(|(code, _)| code), code);
                }
            }
        }
    }
}

#[tokio::test]
async fn pongs_wait_for_a_client_that_does_not_read_up_to_a_bound() {
    const PONGS: usize = 60;
    // More than the kernel holds for a client, so that it is surely behind.
    const LARGE: usize = 100;
    let large = vec![b'x'; 200_000];
    let outbox = OutboxLimits {
        bytes: 2 * LARGE * large.len(),
        ..OutboxLimits::default()
    };
    let limits = Limits {
        outbox,
        ..unpaced()
    };
    let mut world = World::with(limits, Timing::default());
    for (pings, stays) in [(PONGS, true), (PONGS + 1, false), (PONGS * 100, false)] {
        let mut websocket = WebSocket::connect(world.at(), "/ws").await;
        let connection = world.opened().await;
        let before = world.gateway.stats().accepted;
        for _ in 0..LARGE {
            connection.send(RawMessage::Binary(&large)).unwrap();
        }
        let taken_in = async {
            while world.gateway.stats().accepted < before + LARGE as u64 {
                tokio::task::yield_now().await;
            }
        };
        within("it is behind", taken_in).await;
        let ping = WebSocket::frame(0x89, b"are you there?");
        // It may be closed, and the connection end, before all is sent.
        let _ = websocket.raw(&ping.repeat(pings)).await;
        if !stays {
            let reason = world.closed(&connection).await;
            assert_eq!(reason, "too many pings wait for their pongs", "{pings}");
            continue;
        }
        for _ in 0..LARGE {
            assert!(matches!(websocket.next().await, Frame::Binary(_)));
        }
        let pong = Frame::Pong(b"are you there?".to_vec());
        for _ in 0..pings {
            assert_eq!(websocket.next().await, pong);
        }
        // Whoever reads may ping as often as it likes.
        for _ in 0..PONGS * 2 {
            websocket.raw(&ping).await.unwrap();
            assert_eq!(websocket.next().await, pong);
        }
    }
}

#[tokio::test]
async fn of_pings_that_come_all_at_once_the_first_and_the_last_are_answered() {
    const PINGS: u16 = 2_000;
    let mut world = World::with(unpaced(), Timing::default());
    let mut websocket = WebSocket::connect(world.at(), "/ws").await;
    let connection = world.opened().await;
    let pings: Vec<u8> = (0..PINGS)
        .flat_map(|n| WebSocket::frame(0x89, &n.to_be_bytes()))
        .collect();
    websocket.raw(&pings).await.unwrap();
    let mut answered = Vec::new();
    while answered.last() != Some(&(PINGS - 1)) {
        match websocket.next().await {
            Frame::Pong(payload) => answered.push(u16::from_be_bytes(payload.try_into().unwrap())),
            other => panic!("{other:?} behind {answered:?}"),
        }
    }
    assert!(answered.is_sorted(), "{answered:?}");
    assert!((0..60).eq(answered[..60].iter().copied()), "{answered:?}");
    // Whoever reads has done nothing wrong.
    connection.send(RawMessage::Text("still here")).unwrap();
    assert_eq!(websocket.next_text().await, "still here");
}

/// Joins `/` and sends `packets`; what comes back is the answer, or the close.
async fn say(world: &World, packets: &[String]) -> Frame {
    let mut socket = WebSocket::connect(world.at(), "/socket.io/?EIO=4&transport=websocket").await;
    socket.next_text().await;
    socket.text("40").await;
    socket.next_text().await;
    for packet in packets {
        socket.text(packet).await;
    }
    socket.text("42[\"end\"]").await;
    loop {
        match socket.next().await {
            // Namespaces joined on the way.
            Frame::Text(text) if text.starts_with("40/") => {}
            frame => return frame,
        }
    }
}

#[tokio::test]
async fn socket_io_packets_that_are_too_big_close_their_own_connection() {
    let world = World::set_up(|io| {
        for n in 0..40 {
            io.of(&format!("/{n}"));
        }
        io.limits(unpaced()).on("end", |socket: &Socket, (): ()| {
            drop(socket.emit("end", &()))
        });
    });
    let event = |name: usize| vec![format!("42[\"{}\"]", "n".repeat(name))];
    let deep = |depth: usize| {
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        vec![format!("42[\"x\",{open}{close}]")]
    };
    let joins = |count: usize| -> Vec<String> { (1..count).map(|n| format!("40/{n},")).collect() };
    let attachments = |count: usize| -> Vec<String> {
        let places = (0..count).map(|n| format!("{{\"_placeholder\":true,\"num\":{n}}}"));
        let places: Vec<_> = places.collect();
        vec![format!("45{count}-[\"x\",{}]", places.join(","))]
    };
    type Make<'a> = &'a dyn Fn(usize) -> Vec<String>;
    let cases: [(&str, Make<'_>, usize); 3] = [
        ("event name", &event, 256),
        ("depth", &deep, 64),
        ("namespaces", &joins, 16),
    ];
    for (what, make, limit) in cases {
        let fine = say(&world, &make(limit)).await;
        assert_eq!(
            fine,
            Frame::Text("42[\"end\"]".into()),
            "{what} at its limit"
        );
        for over in [limit + 1, limit * 2, limit * 100] {
            let frame = say(
                &world,
                &make(over.min(if what == "namespaces" { 40 } else { over })),
            )
            .await;
            let Frame::Close(code, reason) = frame else {
                panic!("{what} of {over}: {frame:?}");
            };
            assert!(
                code >= 1002 && !reason.is_empty(),
                "{what}: {code} {reason}"
            );
        }
    }
    for over in [11, 12, 1_000] {
        assert!(matches!(
            say(&world, &attachments(over)).await,
            Frame::Close(..)
        ));
    }
}

//! Advisories against other people's servers, as tests of this one at the level of sockets.
//!
//! Each test names what it guards against. The oracle: the process is alive, a bystander goes on, and
//! the attacker gets a typed refusal or close. What a codec alone must refuse is tested with the
//! codecs (`proto/tests`); sizes and slowness in `gateway_hostile.rs`, upgrades under a false name
//! (CVE-2023-31125) in `gateway_protocol/requests.rs`, polling bodies (CVE-2020-36048) in
//! `gateway_polling/bodies.rs`.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use ringside_tests::{
    peer::{Frame, Http, Place, Polling, WebSocket, shard_of},
    world::World,
};

const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";

/// Somebody who was there before, and still is.
async fn assert_alive(world: &World) {
    let mut websocket = WebSocket::connect(world.at(), WEBSOCKET).await;
    websocket.next_text().await;
    websocket.text("4echo x").await;
    assert_eq!(websocket.next_text().await, "4echo x");
}

/// An upgrade request with further header lines.
fn request(lines: &str) -> String {
    let mut text = format!("GET {WEBSOCKET} HTTP/1.1\r\nhost: localhost\r\n");
    for (name, value) in WebSocket::HEADERS {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{text}{lines}\r\n")
}

/// CVE-2017-16031: predictable session ids.
#[tokio::test]
async fn session_ids_cannot_be_guessed() {
    let world = World::new();
    let mut http = Http::connect(world.at()).await;
    let mut sids = HashSet::new();
    let mut differing = [false; 20];
    let mut last = String::new();
    for _ in 0..1_000 {
        let sid = Polling::open_on(&mut http, world.at(), "/engine.io/")
            .await
            .open
            .sid;
        for (at, (a, b)) in sid.bytes().zip(last.bytes()).enumerate() {
            differing[at] |= a != b;
        }
        last.clone_from(&sid);
        assert!(sids.insert(sid));
    }
    // Behind the shard and the node every character changes: 96 bits.
    assert_eq!(differing[4..], [true; 16]);
    // A neighbour of a real one is nobody.
    let mut guess = last.into_bytes();
    for digit in *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
        guess[19] = digit;
        let guess = std::str::from_utf8(&guess).unwrap();
        if !sids.contains(guess) {
            let target = format!("/engine.io/?EIO=4&transport=polling&sid={guess}");
            assert!(http.get(&target).await.is_refusal(1));
        }
    }
}

/// CVE-2022-21676: a frame with reserved bits right behind the upgrade was an uncaught exception.
#[tokio::test]
async fn a_reserved_bit_right_behind_the_upgrade_closes_that_socket() {
    let mut world = World::new();
    for bits in [0x40, 0x20, 0x10, 0x70] {
        let mut http = Http::connect(world.at()).await;
        let mut bytes = request("").into_bytes();
        bytes.extend(WebSocket::frame(0x81 | bits, b"4hello"));
        http.send(&bytes).await.unwrap();
        assert_eq!(http.reply().await.status, 101);
        let mut websocket = WebSocket(http);
        let connection = world.opened().await;
        assert_eq!(
            websocket.closed().await.map(|(code, _)| code),
            Some(1002),
            "{bits:x}"
        );
        assert!(!world.closed(&connection).await.is_empty());
        // As a candidate: it goes, the session stays.
        let (session, _) = world.polling().await;
        let mut candidate = session.candidate(Place::Other).await.unwrap();
        let frame = WebSocket::frame(0x81 | bits, b"2probe");
        candidate.raw(&frame).await.unwrap();
        candidate.0.closed().await;
        session.say("echo x").await;
        assert_eq!(session.get().await.text(), "4echo x");
    }
    assert_alive(&world).await;
}

/// CVE-2022-41940: a reset while an upgrade is being refused was an uncaught exception.
#[tokio::test]
async fn a_reset_amid_a_refused_upgrade_harms_nobody() {
    let world = World::new();
    let refused = request("").replace("EIO=4", "EIO=2");
    let accepted = request("");
    for round in 0..200 {
        let mut http = Http::connect(world.at()).await;
        let bytes = if round % 2 == 0 { &refused } else { &accepted };
        // From the first byte to the last: whole requests now and then.
        let cut = bytes.len() * (round % 20 + 1) / 20;
        http.send(&bytes.as_bytes()[..cut]).await.unwrap();
        http.reset();
    }
    assert_alive(&world).await;
}

/// ws (2017): `Sec-WebSocket-Extensions: constructor` crashed; and other names of JavaScript objects.
/// A server without extensions ignores what it is offered.
#[tokio::test]
async fn strange_extensions_and_protocols_are_ignored() {
    let world = World::new();
    for line in [
        "sec-websocket-extensions: constructor\r\n",
        "sec-websocket-extensions: __proto__; hasOwnProperty=toString\r\n",
        "sec-websocket-extensions: permessage-deflate; server_max_window_bits=99\r\n",
        "sec-websocket-extensions: ,,,;;;===\r\n",
        "sec-websocket-protocol: \u{7f}\r\n",
    ] {
        let mut http = Http::connect(world.at()).await;
        http.send(request(line).as_bytes()).await.unwrap();
        let reply = http.reply().await;
        if line.contains('\u{7f}') {
            assert_eq!(reply.status, 400);
            continue;
        }
        assert_eq!(reply.status, 101, "{line}");
        assert_eq!(reply.header("sec-websocket-extensions"), None);
        assert!(WebSocket(http).next_text().await.starts_with('0'));
    }
    assert_alive(&world).await;
}

/// CVE-2021-32640 (ws): quadratic time in `Sec-WebSocket-Protocol`; CVE-2023-43669 (tungstenite):
/// quadratic time in headers that come byte by byte.
#[tokio::test]
async fn long_headers_cost_no_more_than_their_length() {
    let world = World::new();
    let begun = Instant::now();
    for _ in 0..50 {
        let spaces = format!("sec-websocket-protocol: b{}x\r\n", " ".repeat(12_000));
        let mut http = Http::connect(world.at()).await;
        http.send(request(&spaces).as_bytes()).await.unwrap();
        assert_eq!(http.reply().await.status, 101);
    }
    let mut http = Http::connect(world.at()).await;
    let long = request(&format!("x: {}\r\n", "y".repeat(12_000)));
    for piece in long.as_bytes().chunks(16) {
        http.send(piece).await.unwrap();
    }
    assert_eq!(http.reply().await.status, 101);
    // Quadratic is minutes.
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_alive(&world).await;
}

/// CVE-2024-37890 (ws): more headers than the parser keeps crashed the upgrade, for it found none.
#[tokio::test]
async fn too_many_headers_before_the_upgrade_are_refused() {
    let world = World::new();
    let many: String = (0..2_000).map(|n| format!("h{n}: x\r\n")).collect();
    let text = request("").replace("connection:", &format!("{many}connection:"));
    let mut http = Http::connect(world.at()).await;
    http.send(text.as_bytes()).await.unwrap();
    assert_eq!(http.reply().await.status, 431);
    assert_alive(&world).await;
}

/// RFC 6455 §4.2.1: what is no proper request for an upgrade is refused, with what would be accepted.
#[tokio::test]
async fn a_false_upgrade_is_refused() {
    let world = World::new();
    let good = request("");
    for (from, to, status) in [
        (
            "sec-websocket-version: 13",
            "sec-websocket-version: 12",
            426,
        ),
        ("sec-websocket-version: 13", "x: y", 426),
        ("sec-websocket-key: ", "x: ", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short", 400),
        ("connection: Upgrade", "connection: close", 400),
        ("GET", "POST", 400),
    ] {
        let mut http = Http::connect(world.at()).await;
        let bytes = good.replace(from, to);
        assert_ne!(bytes, good);
        http.send(bytes.as_bytes()).await.unwrap();
        let reply = http.reply().await;
        assert_eq!(reply.status, status, "{from} -> {to}: {}", reply.text());
        if status == 426 {
            assert_eq!(reply.header("sec-websocket-version"), Some("13"));
        }
    }
    assert_alive(&world).await;
}

/// RFC 6455 §5.1: "The server MUST close the connection upon receiving a frame that is not masked."
/// And CVE-2016-10518 (ws): a ping of a wrong length leaked memory into the pong.
#[tokio::test]
async fn frames_that_break_the_rules_close_their_socket() {
    let world = World::new();
    let cases: [(&[u8], u16); 7] = [
        (b"\x81\x054hell", 1002),            // not masked
        (b"\x89\xfe\x00\x7e\0\0\0\0", 1002), // a ping of 126 bytes
        (b"\x09\x80\0\0\0\0", 1002),         // a ping in fragments
        (b"\x83\x80\0\0\0\0", 1002),         // an opcode that does not exist
        (b"\x80\x80\0\0\0\0", 1002),         // a continuation of nothing
        (b"\x88\x81\0\0\0\0\x03", 1002),     // a close code of one byte
        (b"\x81\x82\0\0\0\0\xc3\x28", 1007), // text that is no UTF-8
    ];
    for (bytes, code) in cases {
        for target in [WEBSOCKET, "/ws"] {
            let mut websocket = WebSocket::connect(world.at(), target).await;
            websocket.raw(bytes).await.unwrap();
            let closed = websocket.closed().await;
            assert_eq!(closed.map(|(code, _)| code), Some(code), "{bytes:x?}");
        }
    }
    // A pong is its ping, byte for byte and no longer.
    let mut websocket = WebSocket::connect(world.at(), "/ws").await;
    for len in [0, 1, 125] {
        let payload: Vec<u8> = (0..len).collect();
        websocket
            .raw(&WebSocket::frame(0x89, &payload))
            .await
            .unwrap();
        assert_eq!(websocket.next().await, Frame::Pong(payload));
    }
}

/// socketioxide #731, python-engineio: sessions whose upgrade never completes, whose client vanished, or
/// that nobody ever used, stayed for ever.
#[tokio::test]
async fn sessions_of_peers_that_vanish_leave_nothing_behind() {
    let timing = ringside_gateway::Timing {
        ping_interval: 200,
        ping_timeout: 200,
        upgrade_timeout: 100,
    };
    let world = World::with(ringside_tests::world::unpaced(), timing);
    for round in 0..100 {
        let session = Polling::open(world.at(), "/engine.io/").await;
        assert!(shard_of(&session.open.sid) < 4);
        match round % 5 {
            0 => {}
            1 => drop(session.poll(Place::Other).await),
            2 => drop(session.candidate(Place::Other).await),
            3 => {
                let mut candidate = session.candidate(Place::Own).await.unwrap();
                candidate.text("2probe").await;
                candidate.0.reset();
            }
            _ => {
                let mut candidate = session.candidate(Place::Other).await.unwrap();
                candidate.text("2probe").await;
                candidate.text("5").await;
                drop(candidate);
            }
        }
    }
    ringside_tests::within("every session ends", async {
        while world.gateway.stats().connections > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

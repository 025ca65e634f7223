//! QUIC: a browser's WebTransport and native clients, on the stream and by datagrams; upgrades from polling
//! on any shard; what is refused, and how the end is told.
//!
//! The peers are quinn's and web-transport-quinn's client with frames written by hand. Leaves out: browsers
//! themselves (`tests/interop`), and floods (`gateway_quic_hostile.rs`).

use std::{net::SocketAddr, time::Duration};

use ringside_gateway::{
    Ack, Args, Builder, Gateway, Key, Limits, Origins, Quic as Settings, RawArgs, RawMessage,
    Socket, Timing,
};
use ringside_tests::{
    peer::{Identity, Open, Polling, Quic, QuicFrame},
    within,
    world::{Event, PATH, World, unpaced},
};

const SOCKET_IO: &str = "/socket.io/";

fn quic(identity: &Identity) -> Settings {
    Settings::new(identity.server_tls())
}

fn world(identity: &Identity, set_up: impl FnOnce(&mut Builder)) -> World {
    World::set_up(|io| {
        io.quic(quic(identity)).limits(unpaced());
        echoes(io);
        set_up(io);
    })
}

/// Events that come back, each in its class.
fn echoes(io: &mut Builder) {
    io.on_raw(
        "echo",
        |socket: &Socket, args: Args<'_>, ack: Option<Ack>| {
            let args = RawArgs::of_event(&args).expect("arguments");
            match ack {
                Some(ack) => ack.send_raw(&args).expect("an ack"),
                None => socket.emit_raw("echo", &args).expect("an echo"),
            }
        },
    );
    io.on("volatile", |socket: &Socket, text: String| {
        socket
            .volatile()
            .emit("volatile", &text)
            .expect("a message");
    });
    io.on("latest", |socket: &Socket, text: String| {
        let key = Key::new(7).expect("a key");
        socket.latest(key).emit("latest", &text).expect("a message");
    });
    io.on("cut", |socket: &Socket, ()| {
        socket.disconnect().expect("it leaves")
    });
}

/// Both kinds of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Page,
    PageWithDatagrams,
    Native,
}

const KINDS: [Kind; 3] = [Kind::Page, Kind::PageWithDatagrams, Kind::Native];

impl Kind {
    async fn connect(self, world: &World, identity: &Identity) -> Quic {
        let target = match self {
            Self::Page => SOCKET_IO.to_owned(),
            Self::PageWithDatagrams => format!("{SOCKET_IO}?datagrams=1"),
            Self::Native => return Quic::native(world.at(), identity).await,
        };
        Quic::page(world.at(), identity, &target, &[]).await
    }

    /// One that has joined `/`.
    async fn join(self, world: &World, identity: &Identity) -> Quic {
        let mut it = self.connect(world, identity).await;
        it.open().await;
        it.join().await;
        it
    }
}

#[tokio::test]
async fn every_kind_of_message_goes_both_ways_on_the_stream() {
    let identity = Identity::new();
    let world = world(&identity, |_| {});
    for kind in KINDS {
        let mut it = kind.connect(&world, &identity).await;
        let open = Open::parse(&it.open().await);
        assert_eq!(open.json["upgrades"], serde_json::json!([]));
        it.join().await;
        for text in [
            "x".to_owned(),
            "Я € 𝄞".to_owned(),
            "y".repeat(70_000),
            "z".repeat(900_000),
        ] {
            let packet = format!("42[\"echo\",\"{text}\"]");
            it.text(&packet).await;
            assert!(
                it.next_text().await == packet,
                "{kind:?}: {} bytes",
                text.len()
            );
        }
        it.text("4217[\"echo\",1,true]").await;
        assert_eq!(it.next_text().await, "4317[1,true]");
        // None of no bytes goes out as a frame of none, which stock clients would not take.
        for len in [5, 0, 125, 126, 65_536, 100_000] {
            let bytes: Vec<u8> = (0..len).map(|n: u32| n as u8).collect();
            let packet = "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]";
            it.text(packet).await;
            it.binary(&bytes).await;
            assert_eq!(it.next_text().await, packet);
            let wanted = match len {
                0 => QuicFrame::Text("b".to_owned()),
                _ => QuicFrame::Binary(bytes),
            };
            assert!(it.next().await == wanted, "{kind:?}: {len} bytes");
        }
        let counters = world.gateway.counters();
        assert_eq!(
            (counters.datagrams_sent, counters.datagrams_refused),
            (0, 0)
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

#[tokio::test]
async fn a_session_that_polls_upgrades_to_a_stream_on_any_shard() {
    let identity = Identity::new();
    let mut world = world(&identity, |_| {});
    // The kernel deals connections out to four shards, so that most land on another than the session's.
    for _ in 0..24 {
        let (session, connection) = world.polling().await;
        let upgrades = &session.open.json["upgrades"];
        assert_eq!(*upgrades, serde_json::json!(["websocket", "webtransport"]));
        let mut it = Quic::page(world.at(), &identity, PATH, &[]).await;
        it.text(&format!("0{{\"sid\":\"{}\"}}", session.open.sid))
            .await;
        it.text("2probe").await;
        assert_eq!(it.next_text().await, "3probe");
        // What waits when the transport changes goes by the new one; what comes behind the "5" is heard.
        connection.send(RawMessage::Text("waits")).expect("sent");
        let mut bytes = Vec::new();
        for packet in ["5", "4echo at once"] {
            QuicFrame::Text(packet.to_owned()).write(&mut bytes);
        }
        it.raw(&bytes).await.expect("a stream");
        assert_eq!(it.next_text().await, "4waits");
        assert_eq!(it.next_text().await, "4echo at once");
        assert!(session.get().await.is_refusal(3), "it polls no more");
        connection.close().expect("closed");
        assert_eq!(it.closed().await.0, 1000);
    }
}

#[tokio::test]
async fn an_upgrade_that_is_none_is_closed_and_the_session_polls_on() {
    let identity = Identity::new();
    let timing = Timing {
        upgrade_timeout: 300,
        ..Timing::default()
    };
    let mut world = world(&identity, |io| {
        io.timing(timing);
    });
    let (session, _) = world.polling().await;
    let claim = format!("0{{\"sid\":\"{}\"}}", session.open.sid);
    let nobody = format!(
        "0{{\"sid\":\"{}AAAAAAAAAAAAAAAAAA\"}}",
        &session.open.sid[..2]
    );
    for (first, code) in [
        (nobody.as_str(), 4404),
        ("0{\"sid\":\"no sid\"}", 4404),
        ("0{\"sid\":7}", 1002),
        ("0{}", 1002),
        ("2probe", 1002),
        ("40", 1002),
        ("x", 1002),
    ] {
        let mut it = Quic::page(world.at(), &identity, PATH, &[]).await;
        it.text(first).await;
        assert_eq!(it.closed().await.0, code, "{first}");
    }
    // A second candidate beside the first is the newcomer's loss.
    let mut first = Quic::page(world.at(), &identity, PATH, &[]).await;
    first.text(&claim).await;
    first.text("2probe").await;
    assert_eq!(first.next_text().await, "3probe");
    let mut second = Quic::page(world.at(), &identity, PATH, &[]).await;
    second.text(&claim).await;
    assert_eq!(second.closed().await.0, 1008);
    first.text("4echo too soon").await;
    assert_eq!(
        first.closed().await,
        (1002, "the probe of the new transport failed".to_owned())
    );
    // One that says nothing more is given up in its time.
    let mut silent = Quic::page(world.at(), &identity, PATH, &[]).await;
    silent.text(&claim).await;
    within("the end", silent.session.closed()).await;
    session.say("echo still here").await;
    assert_eq!(session.get().await.text(), "4echo still here");
}

#[tokio::test]
async fn what_may_be_lost_goes_by_datagram_to_those_who_asked() {
    let identity = Identity::new();
    let world = world(&identity, |_| {});
    for kind in KINDS {
        let mut it = kind.join(&world, &identity).await;
        let asked = kind != Kind::Page;
        for class in ["volatile", "latest"] {
            // With its frame's header, exactly the budget, and a byte more.
            let around = format!("42[\"{class}\",\"\"]").len() + 3;
            for (len, fits) in [
                (1, true),
                (1_000 - around, true),
                (1_001 - around, false),
                (5_000, false),
            ] {
                let packet = format!("42[\"{class}\",\"{}\"]", "x".repeat(len));
                it.text(&packet).await;
                if asked && fits {
                    assert_eq!(
                        it.next_datagram().await,
                        [QuicFrame::Text(packet)],
                        "{kind:?}"
                    );
                } else {
                    assert!(it.next_text().await == packet, "{kind:?}: {class} of {len}");
                }
            }
        }
    }
    within("the counts", async {
        while world.gateway.counters().datagrams_sent < 8 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(world.gateway.counters().datagrams_sent, 8);
}

#[tokio::test]
async fn an_event_comes_in_by_datagram_and_nothing_else_does() {
    let identity = Identity::new();
    let world = world(&identity, |_| {});
    let text = |text: &str| QuicFrame::Text(text.to_owned());
    let attached = text("451-[\"echo\",{\"_placeholder\":true,\"num\":0}]");
    for kind in KINDS {
        let before = world.gateway.counters();
        let mut it = kind.join(&world, &identity).await;
        // In the middle of a packet with attachments on the stream: datagrams are a world of their own.
        it.text("451-[\"echo\",{\"_placeholder\":true,\"num\":0}]")
            .await;
        it.datagram(&[text("42[\"echo\",\"by datagram\"]")]);
        assert_eq!(it.next_text().await, "42[\"echo\",\"by datagram\"]");
        it.datagram(&[attached.clone(), QuicFrame::Binary(vec![1, 2, 3])]);
        assert_eq!(it.next().await, attached);
        assert_eq!(it.next().await, QuicFrame::Binary(vec![1, 2, 3]));
        it.binary(&[9]).await;
        assert_eq!(it.next().await, attached);
        assert_eq!(it.next().await, QuicFrame::Binary(vec![9]));
        let refused: &[&[QuicFrame]] = &[
            &[],
            &[text("40")],
            &[text("41")],
            &[text("43[1]")],
            &[text("421[\"echo\",\"with an ack\"]")],
            &[text("42/nowhere,[\"echo\",1]")],
            &[text("2probe")],
            &[text("1")],
            &[text("x")],
            &[text("42[\"echo\",1]"), text("42[\"echo\",2]")],
            &[text("42[\"echo\",1]"), QuicFrame::Binary(vec![1])],
            &[QuicFrame::Binary(vec![1])],
            std::slice::from_ref(&attached),
            &[attached.clone(), text("42[\"echo\",1]")],
        ];
        for frames in refused {
            it.datagram(frames);
        }
        for bytes in [
            &[5, b'4'][..],
            &[126],
            &[0x80 | 126, 0],
            &[255; 30],
            &[1, 0xff],
        ] {
            it.raw_datagram(bytes.to_vec());
        }
        let mut large = Vec::new();
        let packet = format!("42[\"echo\",\"{}\"]", "x".repeat(1_001));
        text(&packet).write(&mut large);
        it.raw_datagram(large);
        // All are read before the last, for they come in order here.
        it.datagram(&[text("42[\"echo\",\"last\"]")]);
        assert_eq!(it.next_text().await, "42[\"echo\",\"last\"]");
        let counters = world.gateway.counters();
        let received = counters.datagrams_received - before.datagrams_received;
        let refused_now = counters.datagrams_refused - before.datagrams_refused;
        assert_eq!(
            (received, refused_now),
            (3, refused.len() as u64 + 6),
            "{kind:?}"
        );
    }
}

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

#[tokio::test]
async fn a_client_that_reads_slowly_gets_all_of_it_in_order() {
    let identity = Identity::new();
    let mut world = world(&identity, |io| {
        io.limits(Limits {
            outbox: ringside_gateway::OutboxLimits {
                bytes: 16 << 20,
                messages: 10_000,
            },
            ..unpaced()
        });
    });
    let mut it = Quic::page(world.at(), &identity, PATH, &[]).await;
    it.open().await;
    let connection = world.opened().await;
    // Far more than the window: most of it waits in the outbox.
    let message = |n: usize| format!("{n} {}", "x".repeat(n * 37 % 20_000));
    for n in 0..600 {
        connection
            .send(RawMessage::Text(&message(n)))
            .expect("sent");
    }
    connection
        .send(RawMessage::Binary(&[3; 700_000]))
        .expect("sent");
    for n in 0..600 {
        assert!(
            it.next_text().await == format!("4{}", message(n)),
            "message {n}"
        );
    }
    assert_eq!(it.next().await, QuicFrame::Binary(vec![3; 700_000]));
    // And one that reads nothing at all is closed for it, with the reason.
    let mut deaf = Quic::page(world.at(), &identity, PATH, &[]).await;
    deaf.open().await;
    let connection = world.opened().await;
    within("it is too much", async {
        let mut more = true;
        while more {
            more = connection.send(RawMessage::Binary(&[3; 500_000])).is_ok();
            if let Event::Closed(_, reason) =
                match tokio::time::timeout(Duration::from_millis(1), world.next()).await {
                    Ok(event) => event,
                    Err(_) => continue,
                }
            {
                assert_eq!(reason, "the peer reads too slowly");
                more = false;
            }
        }
    })
    .await;
    assert_eq!(
        deaf.closed().await,
        (1008, "the peer reads too slowly".to_owned())
    );
    let session = Polling::open(world.at(), PATH).await;
    assert_eq!(session.post(b"4echo on").await.text(), "ok");
}

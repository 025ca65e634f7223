//! Hostile peers: slow, deaf, and with handlers that panic. The gateway stays alive, its memory bounded,
//! each attacker ends with its reason, and a bystander goes on.

use std::time::Duration;

use ringside_gateway::{Limits, OutboxLimits, RawMessage, Socket, Timing};
use ringside_tests::{
    bystander::{Bystander, attackers, quiet, resident},
    peer::{Frame, Http, Place, WebSocket},
    within,
    world::{Event, WEBSOCKET, World, unpaced},
};
use tokio::net::TcpSocket;

/// Sends a byte now and then until the server has had enough. Returns what it said.
async fn dribble(http: &mut Http, byte: &[u8]) -> Option<u16> {
    within("the server has had enough", async {
        loop {
            if http.send(byte).await.is_err() {
                return http.try_reply().await.ok().map(|reply| reply.status);
            }
            let reply = tokio::time::timeout(Duration::from_millis(20), http.try_reply()).await;
            if let Ok(reply) = reply {
                return reply.ok().map(|reply| reply.status);
            }
        }
    })
    .await
}

#[tokio::test]
async fn headers_that_never_end_are_not_waited_for() {
    let world = World::with(
        Limits {
            handshake_ms: 300,
            ..unpaced()
        },
        Timing::default(),
    );
    let mut bystander = Bystander::new(&world).await;
    let begins: [&[u8]; 4] = [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\na",
    ];
    let mut slow = Vec::new();
    for n in 0..attackers() {
        let mut http = Http::connect(world.at()).await;
        http.send(begins[n % begins.len()]).await.unwrap();
        slow.push(http);
    }
    bystander.echo().await;
    for http in &mut slow {
        http.closed().await;
    }
    let mut http = Http::connect(world.at()).await;
    http.send(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
    dribble(&mut http, b"y").await;
    // One that has been served, and then says nothing more.
    let mut idle = Http::connect(world.at()).await;
    assert_eq!(idle.get("/nothing").await.status, 404);
    idle.closed().await;
    bystander.echo().await;
}

#[tokio::test]
async fn a_body_of_a_byte_now_and_then_is_not_waited_for() {
    let limits = Limits {
        body_ms: 200,
        ..unpaced()
    };
    let mut world = World::with(limits, Timing::default());
    for place in Place::EACH {
        let (session, connection) = world.polling().await;
        let mut http = session.connection(place).await;
        let target = session.target();
        let head =
            format!("POST {target} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n4");
        http.send(head.as_bytes()).await.unwrap();
        assert_eq!(dribble(&mut http, b"x").await, Some(408));
        assert_eq!(world.closed(&connection).await, "reading or writing failed");
        assert!(session.get().await.is_refusal(1));
    }
}

#[tokio::test]
async fn a_websocket_that_says_nothing_whole_misses_its_heartbeat() {
    let timing = Timing {
        ping_interval: 100,
        ping_timeout: 300,
        ..Timing::default()
    };
    let mut world = World::with(unpaced(), timing);
    for target in [WEBSOCKET, "/ws"] {
        let mut silent = WebSocket::connect(world.at(), target).await;
        let connection = world.opened().await;
        let missed = Some((1001, "the heartbeat was not answered in time".to_owned()));
        assert_eq!(silent.closed().await, missed);
        let missed = "the heartbeat was not answered in time";
        assert_eq!(world.closed(&connection).await, missed);
        let mut slow = WebSocket::connect(world.at(), target).await;
        let connection = world.opened().await;
        slow.raw(&WebSocket::header(0x81, 100_000)).await.unwrap();
        within("the server has had enough", async {
            while slow.raw(b"4").await.is_ok() {
                let next = tokio::time::timeout(Duration::from_millis(20), slow.try_next()).await;
                if let Ok(Frame::Close(..) | Frame::Ended) = next {
                    break;
                }
            }
        })
        .await;
        assert_eq!(world.closed(&connection).await, missed);
    }
}

#[tokio::test]
async fn a_candidate_that_never_proves_itself_is_closed_and_makes_room() {
    let timing = Timing {
        upgrade_timeout: 200,
        ..Timing::default()
    };
    let mut world = World::with(unpaced(), timing);
    for place in Place::EACH {
        for bytes in [b"".as_slice(), b"\x81", &WebSocket::frame(0x81, b"2probe")] {
            let (session, _) = world.polling().await;
            let mut candidate = session.candidate(place).await.unwrap();
            candidate.raw(bytes).await.unwrap();
            candidate.0.closed().await;
            // The session polls on, and another candidate may try.
            session.say("echo x").await;
            assert_eq!(session.get().await.text(), "4echo x");
            let mut candidate = session.candidate(place).await.unwrap();
            candidate.text("2probe").await;
            assert_eq!(candidate.next_text().await, "3probe");
            candidate.text("5").await;
            candidate.text("4echo y").await;
            assert_eq!(candidate.next_text().await, "4echo y");
        }
    }
    // Nor does one outlive its session.
    let world = &mut World::new();
    let (session, _) = world.polling().await;
    let mut candidate = session.candidate(Place::Other).await.unwrap();
    assert_eq!(session.post(b"1").await.text(), "ok");
    candidate.0.closed().await;
}

/// A peer with the smallest of receive buffers.
async fn deaf(world: &World, target: &str) -> WebSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = within("connecting", socket.connect(world.at()))
        .await
        .unwrap();
    let upgraded = WebSocket::upgrade(Http::from_stream(stream), target, &[]).await;
    upgraded.expect("the server upgrades")
}

#[tokio::test]
async fn peers_that_never_read_are_cut_off_and_cost_what_an_outbox_may_hold() {
    const OUTBOX: usize = 64 * 1024;
    let outbox = OutboxLimits {
        bytes: OUTBOX,
        messages: 4096,
    };
    let limits = Limits {
        outbox,
        ..unpaced()
    };
    // One shard: when the bystander has heard a message, everybody else has been offered it. Several
    // shards need not keep step, and what they are behind would count as memory of the deaf.
    let mut world = World::set_up(|io| {
        io.limits(limits).shards(1);
    });
    let mut bystander = Bystander::new(&world).await;
    let speaker = world.opened().await;
    let count = attackers();
    let mut deaf_peers = Vec::new();
    for _ in 0..count {
        deaf_peers.push(deaf(&world, WEBSOCKET).await);
    }
    // One that opens a session and never polls.
    let (never_polls, _) = world.polling().await;

    let before = resident();
    let text = "x".repeat(16 * 1024);
    let mut sent = 0;
    // The kernel takes some megabytes for each before it says no.
    while world.gateway.stats().slow_consumers < count as u64 + 1 {
        assert!(sent < 4_000, "{:?}", world.gateway.stats());
        speaker.send_to_all(RawMessage::Text(&text)).unwrap();
        let heard = bystander.0.next_text().await;
        assert_eq!(heard.len(), 1 + text.len());
        sent += 1;
    }
    let grown = resident().saturating_sub(before);
    let bound = (count + 2) * (OUTBOX + 2 * text.len()) + (32 << 20);
    assert!(
        grown <= bound,
        "{grown} bytes for {count} peers, {sent} messages; {bound} allowed"
    );
    bystander.echo().await;
    let mut reasons = 0;
    while reasons < count + 1 {
        if let Event::Closed(_, reason) = world.next().await {
            assert_eq!(reason, "the peer reads too slowly");
            reasons += 1;
        }
    }
    assert!(never_polls.get().await.is_refusal(1));
    // What it did get is whole messages from the first on, and then the end.
    let mut one = deaf_peers.pop().unwrap();
    assert!(one.next_text().await.starts_with('0'));
    let mut got = 0;
    while let Frame::Text(heard) = one.next().await {
        assert_eq!(heard.len(), 1 + text.len());
        got += 1;
    }
    assert!(got < sent);
    println!("{count} deaf peers, {sent} messages, {grown} bytes of memory");
}

#[tokio::test]
async fn a_peer_that_pings_and_never_reads_is_cut_off() {
    let mut world = World::new();
    for target in [WEBSOCKET, "/ws"] {
        let mut flood = deaf(&world, target).await;
        let connection = world.opened().await;
        let pings = WebSocket::frame(0x89, &[7; 125]).repeat(512);
        let before = resident();
        within("the server has had enough", async {
            while flood.raw(&pings).await.is_ok() {}
        })
        .await;
        let grown = resident().saturating_sub(before);
        assert!(grown < 32 << 20, "{grown} bytes");
        let why = world.closed(&connection).await;
        assert_eq!(why, "too many pings wait for their pongs");
    }
}

fn fail() {
    panic!("a handler fails")
}

#[tokio::test]
async fn a_thousand_handlers_that_panic_close_a_thousand_sockets() {
    quiet();
    let mut world = World::set_up(|io| {
        io.limits(unpaced())
            .on("sync", |_: &Socket, (): ()| fail())
            .on_async("async", async |_: Socket, (): ()| {
                tokio::task::yield_now().await;
                fail()
            });
        io.of("/joining").on_connect(|_| panic!("a handler fails"));
        io.of("/asking")
            .use_middleware(|_| -> Result<(), String> { panic!("a handler fails") });
    });
    let mut bystander = Bystander::new(&world).await;
    world.opened().await;
    let failed = Some((1011, "a handler of the server failed".to_owned()));
    for round in 0..250 {
        let mut raw = WebSocket::connect(world.at(), WEBSOCKET).await;
        raw.text("4panic").await;
        let connection = world.opened().await;
        assert_eq!(raw.closed().await, failed);
        assert_eq!(
            world.closed(&connection).await,
            "a handler of the server failed"
        );
        for packet in ["42[\"sync\"]", "42[\"async\"]", "40/joining,"] {
            let mut socket =
                WebSocket::connect(world.at(), "/socket.io/?EIO=4&transport=websocket").await;
            socket.text("40").await;
            socket.text(packet).await;
            let closed = socket.closed().await;
            assert_eq!(closed, failed, "{packet}, round {round}");
        }
    }
    // Middleware refuses by failing; the client learns no more.
    let mut socket = WebSocket::connect(world.at(), "/socket.io/?EIO=4&transport=websocket").await;
    socket.next_text().await;
    socket.text("40/asking,").await;
    assert_eq!(
        socket.next_text().await,
        "44/asking,{\"message\":\"internal error\"}"
    );
    drop(socket);
    bystander.echo().await;
    // By polling as well: the pending poll hears of it.
    let (session, connection) = world.polling().await;
    let mut poll = session.poll(Place::Other).await;
    session.post(b"4panic").await;
    assert_eq!(poll.reply().await.text(), "1");
    assert_eq!(
        world.closed(&connection).await,
        "a handler of the server failed"
    );
    assert_eq!(within_a_moment(&world, 1).await, 1);
}

/// The connections that are open once there are no more than `count`.
async fn within_a_moment(world: &World, count: u64) -> u64 {
    within("connections end", async {
        while world.gateway.stats().connections > count {
            tokio::task::yield_now().await;
        }
        world.gateway.stats().connections
    })
    .await
}

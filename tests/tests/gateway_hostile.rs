//! Hostile peers: slow, deaf, too big, and handlers that panic. The gateway stays alive, its memory
//! bounded, each attacker ends with its reason, and bystanders go on.
//!
//! `RINGSIDE_ATTACKERS` sets how many attack at once (50); a release is tested with 1,000.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ringside_gateway::{Limits, OutboxLimits, RawMessage, Socket, Timing};
use ringside_tests::{
    peer::{Frame, Http, Place, Polling, WebSocket},
    within,
    world::{Event, World, unpaced},
};
use tokio::net::TcpSocket;

const PATH: &str = "/engine.io/";
const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";

fn attackers() -> usize {
    let text = std::env::var("RINGSIDE_ATTACKERS").ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(50)
}

/// Somebody honest: its echoes come back, soon enough.
struct Bystander(WebSocket);

impl Bystander {
    async fn new(world: &World) -> Self {
        let mut websocket = WebSocket::connect(world.at(), WEBSOCKET).await;
        assert!(websocket.next_text().await.starts_with('0'));
        Self(websocket)
    }

    async fn echo(&mut self) -> Duration {
        let begun = Instant::now();
        self.0.text("4echo hello").await;
        loop {
            match self.0.next_text().await.as_str() {
                "2" => self.0.text("3").await,
                "4echo hello" => return begun.elapsed(),
                other => panic!("unexpected: {other}"),
            }
        }
    }

    /// The slowest but one in a hundred of `echoes`.
    async fn p99(&mut self, echoes: usize) -> Duration {
        let mut took = Vec::with_capacity(echoes);
        for _ in 0..echoes {
            took.push(self.echo().await);
        }
        took.sort();
        took[echoes - 1 - echoes / 100]
    }
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("a Linux system");
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

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
    for place in Place::BOTH {
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
    for place in Place::BOTH {
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
    let mut world = World::with(limits, Timing::default());
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
        assert_eq!(world.closed(&connection).await, "the peer reads too slowly");
    }
}

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

fn fail() {
    panic!("a handler fails")
}

/// Panics of handlers are what is tested here: they need not fill the log.
fn quiet() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&"a handler fails") {
            usual(info);
        }
    }));
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
            .use_middleware(|_| panic!("a handler fails"));
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

/// Nanoseconds that the gateway's threads have used.
fn shards_ns() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("a Linux system");
    tasks
        .flatten()
        .filter(|task| {
            let name = std::fs::read_to_string(task.path().join("comm"));
            name.is_ok_and(|name| name.starts_with("shard"))
        })
        .filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// One of every kind of attacker, over and over, until told to stop.
async fn attack(world: std::net::SocketAddr, number: usize, go_on: &AtomicBool) {
    while go_on.load(Ordering::Relaxed) {
        let mut http = Http::connect(world).await;
        let polling = "/engine.io/?EIO=4&transport=polling";
        let done = async {
            match number % 6 {
                // Half a head; half a body for nobody; half a frame; a reset in the middle.
                0 => http.send(b"GET / HTTP/1.1\r\nx: ").await?,
                1 => {
                    let head = b"POST /engine.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\ncontent-length: 1000000\r\n\r\n";
                    http.send(head).await?;
                    http.try_reply().await?;
                }
                2 => {
                    let mut websocket = WebSocket::upgrade(http, WEBSOCKET, &[]).await.unwrap();
                    websocket.raw(&WebSocket::header(0x82, 1 << 50)).await?;
                    websocket.closed().await;
                    return Ok(());
                }
                3 => {
                    let mut websocket = WebSocket::upgrade(http, WEBSOCKET, &[]).await.unwrap();
                    websocket.text("4panic").await;
                    websocket.closed().await;
                    return Ok(());
                }
                4 => {
                    let session = Polling::open_on(&mut http, world, PATH).await;
                    let _ = http.post(&session.target(), &[0x1e; 1000]).await;
                }
                _ => {
                    http.request("GET", polling, &[("x", "y")], b"").await;
                }
            }
            std::io::Result::Ok(())
        };
        // However it went: the next one.
        let _ = within("an attack ends", done).await;
    }
}

/// Attacks in `count` ways at once.
fn attack_all(world: std::net::SocketAddr, count: usize, go_on: &AtomicBool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let mut running: Vec<_> = (0..count)
            .map(|number| Box::pin(attack(world, number, go_on)))
            .collect();
        std::future::poll_fn(|cx| {
            running.retain_mut(|attack| attack.as_mut().poll(cx).is_pending());
            match running.is_empty() {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
    });
}

#[tokio::test]
async fn bystanders_hardly_notice() {
    quiet();
    let world = World::new();
    let at = world.at();
    let count = attackers();
    let mut bystander = Bystander::new(&world).await;
    // More echoes for a figure that is to be quoted.
    let echoes = if count >= 1_000 { 1_000 } else { 100 };
    let (mut calm, mut attacked) = (Vec::new(), Vec::new());
    let (mut used, mut wall) = (0, Duration::ZERO);
    bystander.p99(echoes).await;
    for _ in 0..5 {
        calm.push(bystander.p99(echoes).await);
        let go_on = Arc::new(AtomicBool::new(true));
        let (before, begun) = (shards_ns(), Instant::now());
        // On a thread of their own: the bystander waits for the gateway, not for its attackers.
        let attackers = std::thread::spawn({
            let go_on = go_on.clone();
            move || attack_all(at, count.min(64), &go_on)
        });
        let p99 = bystander.p99(echoes).await;
        go_on.store(false, Ordering::Relaxed);
        attackers.join().expect("the attackers end");
        attacked.push(p99);
        used += shards_ns() - before;
        wall += begun.elapsed();
    }
    let median = |all: &mut Vec<Duration>| {
        all.sort();
        all[all.len() / 2]
    };
    let (calm, attacked) = (median(&mut calm), median(&mut attacked));
    let share = used as f64 / wall.as_nanos() as f64;
    println!(
        "p99 {calm:?} in calm, {attacked:?} under attack; {share:.2} of a core for the shards"
    );
    // The attackers' own work takes cores as well, of a machine that may have only two.
    let slack = if count >= 1_000 { 10 } else { 100 };
    let bound = (calm * 12 / 10).max(calm + Duration::from_millis(slack));
    assert!(attacked <= bound, "{attacked:?}, {bound:?} allowed");
}

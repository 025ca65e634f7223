//! Thousands of clients that come and go, a tenth of them torn off in the middle of each phase.
//!
//! `RINGSIDE_CONNECTS` sets how many there are (5,000; a release is tested with 100,000). As many, or more, warm the server up
//! before they are counted. Promises: sessions, rooms and awaited answers are counted back to zero, and sockets that might come
//! back are forgotten, before anything is measured.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use ringside_gateway::{AckError, Gateway, Recovery, Socket};
use ringside_tests::{
    PATIENCE,
    peer::{Http, Polling, SocketIo},
    world::unpaced,
};
use tokio::task::JoinSet;

/// Clients at once: enough that every phase always has some, few enough for any descriptor limit.
const AT_ONCE: usize = 64;

/// How long sockets that were lost are remembered.
const REMEMBERED: Duration = Duration::from_secs(1);

/// Memory that has not fallen for so long is at rest: longer than anything is remembered, and is swept away in.
const AT_REST: Duration = REMEMBERED.saturating_mul(2);

/// How long the whole may take for every thousand clients.
const PATIENCE_PER_THOUSAND: Duration = Duration::from_secs(60);

/// How many clients come and go while it is measured.
pub(crate) fn connects() -> u64 {
    let text = std::env::var("RINGSIDE_CONNECTS").ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(5_000)
}

/// What must come back to zero.
#[derive(Default)]
struct Ledger {
    sockets: i64,
    rooms: BTreeMap<String, i64>,
    asked: i64,
    /// Questions by how they ended.
    ends: BTreeMap<&'static str, u64>,
}

type Shared = Arc<Mutex<Ledger>>;

fn note(ledger: &Shared, f: impl FnOnce(&mut Ledger)) {
    f(&mut ledger.lock().unwrap());
}

fn server(ledger: &Shared) -> Gateway {
    let mut io = Gateway::builder();
    io.shards(4).pinned(false).limits(unpaced());
    io.recovery(Recovery {
        max_disconnection: REMEMBERED,
        bytes: 1 << 20,
        ..Recovery::default()
    });
    let [a, b, c, d, e] = [(); 5].map(|()| ledger.clone());
    io.of("/")
        .on_connect(move |_| note(&a, |it| it.sockets += 1))
        .on_disconnect(move |_, _| note(&b, |it| it.sockets -= 1))
        .on_create_room(move |room| {
            note(&c, |it| *it.rooms.entry(room.to_owned()).or_default() += 1)
        })
        .on_delete_room(move |room| note(&d, |it| *it.rooms.get_mut(room).unwrap() -= 1))
        .on("join", |socket: &Socket, rooms: Vec<String>| {
            socket.on("own", |_: &Socket, n: u32| n);
            socket.set_data(&rooms).unwrap();
            socket.join(&rooms).is_ok()
        })
        .on_async("ask", move |socket: Socket, ()| {
            let ledger = e.clone();
            note(&ledger, |it| it.asked += 1);
            let asked = socket
                .timeout(Duration::from_millis(500))
                .emit_with_ack::<u32>("question", &1);
            async move {
                let end = match asked.await {
                    Ok(_) => "answered",
                    Err(AckError::Timeout) => "late",
                    Err(AckError::Disconnected) => "gone",
                    Err(_) => "other",
                };
                note(&ledger, |it| {
                    it.asked -= 1;
                    *it.ends.entry(end).or_default() += 1;
                });
            }
        });
    io.of_pattern("/child-*");
    io.listen("127.0.0.1:0").expect("a free port")
}

/// One client's life, which ends in the middle of a phase for one in ten.
async fn live(at: SocketAddr, number: u64) {
    // The same in every run: which phase is the last, and whether there is one.
    let torn = number.is_multiple_of(10);
    let last = if torn { number / 10 % 8 } else { u64::MAX };
    if last == 0 {
        // Half a request.
        let mut http = Http::connect(at).await;
        let _ = http
            .send(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost")
            .await;
        return;
    }
    if last == 1 {
        // A polling session without a poll, which leaves in order: its heartbeat would take too long.
        let session = Polling::open(at, "/socket.io/").await;
        session.post(b"40").await;
        session.post(b"1").await;
        return;
    }
    let mut client = SocketIo::open(at).await;
    if last == 2 {
        return;
    }
    if last == 3 {
        // Asked for a namespace, and gone before the answer.
        return client.send("0").await;
    }
    client.join("/", "").await;
    let room = format!("room-{}", number % 50);
    client
        .send(&format!(r#"21["join",["{room}","all"]]"#))
        .await;
    if last == 4 {
        return;
    }
    // Events with an offset follow one with an ack: only the ack is waited for.
    while client.next().await != "31[true]" {}
    client.join(&format!("/child-{}", number % 20), "").await;
    client.send(r#"22["ask"]"#).await;
    if last == 5 {
        return;
    }
    let question = loop {
        let packet = client.next().await;
        if let Some(id) = packet.strip_suffix(r#"["question",1]"#) {
            break id[1..].to_owned();
        }
    };
    if last == 6 {
        return;
    }
    // Bytes that are announced and do not come.
    if last == 7 {
        return client
            .send(r#"51-["e",{"_placeholder":true,"num":0}]"#)
            .await;
    }
    client.send(&format!("3{question}[1]")).await;
    client.send("1").await;
    client.0.text("1").await;
}

async fn wave(at: SocketAddr, numbers: std::ops::Range<u64>) {
    let mut running = JoinSet::new();
    for number in numbers {
        if running.len() >= AT_ONCE {
            running.join_next().await.unwrap().expect("a client's life");
        }
        running.spawn_local(live(at, number));
    }
    while let Some(ended) = running.join_next().await {
        ended.expect("a client's life");
    }
}

async fn back_to_zero(io: &Gateway, ledger: &Shared) {
    let zero = || {
        let it = ledger.lock().unwrap();
        io.stats().connections == 0
            && it.sockets == 0
            && it.asked == 0
            && it.rooms.values().all(|count| *count == 0)
            && io.namespaces() == ["/"]
    };
    let settled = async {
        while !zero() {
            tokio::task::yield_now().await;
        }
    };
    if tokio::time::timeout(PATIENCE, settled).await.is_err() {
        let it = ledger.lock().unwrap();
        let rooms: Vec<_> = it.rooms.iter().filter(|(_, count)| **count != 0).collect();
        panic!(
            "not back to none: {} connections, {} sockets, {} questions, rooms {rooms:?}, namespaces {:?}",
            io.stats().connections,
            it.sockets,
            it.asked,
            io.namespaces()
        );
    }
}

/// What `measure` gives once it falls no further: sockets that could still come back are forgotten after a second.
async fn at_rest(measure: &impl Fn() -> usize) -> usize {
    let mut least = measure();
    let mut since = Instant::now();
    while since.elapsed() < AT_REST {
        tokio::task::yield_now().await;
        let now = measure();
        if now < least {
            (least, since) = (now, Instant::now());
        }
    }
    least
}

/// What `measure` gives before they come and when they have gone; at least `warm_up` have come and gone before.
pub(crate) fn before_and_after(warm_up: u64, measure: impl Fn() -> usize) -> (usize, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (ledger, connects) = (Shared::default(), connects());
    let io = server(&ledger);
    let at = io.address();
    let (first, all) = (warm_up.max(connects), warm_up.max(connects) + connects);
    let patience = PATIENCE_PER_THOUSAND * all.div_ceil(1_000) as u32;
    let measured = tokio::task::LocalSet::new().block_on(&runtime, async {
        tokio::time::timeout(patience, async {
            // Tables, pools and what is kept for a while are at their working size after it.
            wave(at, 0..first).await;
            back_to_zero(&io, &ledger).await;
            let before = at_rest(&measure).await;
            wave(at, first..all).await;
            back_to_zero(&io, &ledger).await;
            (before, at_rest(&measure).await)
        })
        .await
        .expect("the whole within its time")
    });
    let ends = ledger.lock().unwrap().ends.clone();
    let stats = io.stats();
    io.stop();
    io.wait();
    println!("{connects} connects after {first}; questions {ends:?}");
    assert!(ends["answered"] > connects && ends["gone"] > 0, "{ends:?}");
    assert_eq!(stats.waiting(), 0);
    measured
}

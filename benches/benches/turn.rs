//! What a turn saves: writes to real sockets, and timers.
//!
//! CPU time of the shard's thread, on loopback: a hundred sockets get four messages, in one turn or in
//! four. The reader is another thread of the same process, and each round waits for it off the clock.
//! Heartbeats: moving a connection's deadline, beside resetting a `Sleep` and polling it once, which is what
//! a task per connection does for every message it hears.
//! What it cannot show: a network card; loopback does the receiver's part of the kernel's work within `send`.

use std::{
    future::Future,
    io::Read,
    net::{TcpListener, TcpStream},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Waker},
    thread,
    time::Duration,
};

use ringside_benches::{
    ratio::{Bound, Match, play_all, thread_time},
    stage::{MESSAGE_BYTES, Stage, message},
};
use ringside_core::{Class, Core, Millis, OutboxLimits, Publisher, Shard, Topic, driver::TcpSink};
use tokio::{
    runtime::{Builder, Runtime},
    time::{Instant, Sleep, sleep},
};

const SOCKETS: usize = 100;
const TIMERS: usize = 1_000;
/// Every connection's patience.
const HEARTBEAT: Duration = Duration::from_secs(25);

/// A shard with real sockets, and how much their other ends have read.
struct Sockets {
    shard: Shard<TcpSink>,
    publisher: Publisher,
    topic: Topic,
    sent: u64,
    read: Arc<AtomicU64>,
    _core: Core,
    _runtime: Runtime,
}

fn sockets() -> Sockets {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("a runtime");
    let (core, mut seeds) = Core::new(1).expect("one shard");
    let topic = core.topic().expect("a topic");
    let seed = seeds.pop().expect("one seed");
    let mut shard = seed.grow(
        TcpSink::new().expect("a descriptor"),
        OutboxLimits::default(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("an address");
    let read = Arc::new(AtomicU64::new(0));
    let mut others: Vec<TcpStream> = Vec::new();
    {
        let _context = runtime.enter();
        for _ in 0..SOCKETS {
            others.push(TcpStream::connect(at).expect("loopback"));
            let (stream, _) = listener.accept().expect("a connection");
            stream.set_nonblocking(true).expect("a socket");
            stream.set_nodelay(true).expect("a socket");
            let conn = shard.open().expect("room");
            shard.sink().insert(conn, stream).expect("a watch");
            shard.subscribe(&topic, conn);
        }
    }
    let counted = read.clone();
    // Ends when the sockets close, with the benchmark.
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        // Each in turn: what is still missing of one is on its way, so waiting for it is right.
        loop {
            for stream in &mut others {
                match stream.read(&mut buffer) {
                    Ok(n) if n > 0 => counted.fetch_add(n as u64, Ordering::Release),
                    _ => return,
                };
            }
        }
    });
    Sockets {
        shard,
        publisher: core.publisher().expect("a seat"),
        topic,
        sent: 0,
        read,
        _core: core,
        _runtime: runtime,
    }
}

/// Four messages to every socket, `together` of them in a turn.
fn four_messages(together: usize) -> impl FnMut(u64) -> Duration {
    let mut sockets = sockets();
    move |operations| {
        let mut took = Duration::ZERO;
        for _ in 0..operations {
            for _ in 0..4 / together {
                took += thread_time(|| {
                    for _ in 0..together {
                        let sent =
                            sockets
                                .publisher
                                .publish(&sockets.topic, Class::Reliable, message());
                        sent.expect("room");
                    }
                    sockets.publisher.flush();
                    sockets.shard.turn(Millis(0));
                });
                sockets.sent += (together * SOCKETS * MESSAGE_BYTES) as u64;
                while sockets.read.load(Ordering::Acquire) < sockets.sent {
                    thread::yield_now();
                }
            }
        }
        took
    }
}

/// Moving deadlines of a shard's connections.
fn deadlines() -> impl FnMut(u64) -> Duration {
    let mut stage = Stage::of(TIMERS);
    let mut now = 0;
    move |operations| {
        thread_time(|| {
            for _ in 0..operations {
                now += 1;
                let at = Millis(now).plus(HEARTBEAT.as_millis() as u64);
                for conn in &stage.conns {
                    stage.shard.set_deadline(*conn, at);
                }
            }
        })
    }
}

/// Resetting a `Sleep` each, and polling it, as its task would.
fn sleeps() -> impl FnMut(u64) -> Duration {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let context = runtime.enter();
    let mut sleeps: Vec<Pin<Box<Sleep>>> =
        (0..TIMERS).map(|_| Box::pin(sleep(HEARTBEAT))).collect();
    drop(context);
    let mut cx = Context::from_waker(Waker::noop());
    move |operations| {
        let _context = runtime.enter();
        thread_time(|| {
            for n in 0..operations {
                let at = Instant::now() + HEARTBEAT + Duration::from_millis(n);
                for sleep in &mut sleeps {
                    sleep.as_mut().reset(at);
                    assert!(sleep.as_mut().poll(&mut cx).is_pending());
                }
            }
        })
    }
}

fn main() {
    play_all(vec![
        Match::new(
            "turn/four messages to 100 sockets",
            "delivery",
            4 * SOCKETS as u64,
            20,
        )
        .enter("four turns, four writes", four_messages(1))
        .enter("one turn, one write", four_messages(4))
        .expect(
            "one write / four writes",
            "one turn, one write",
            "four turns, four writes",
            Bound::AtMost(0.4),
        ),
        Match::new("turn/heartbeats", "touch", TIMERS as u64, 200)
            .enter("deadline moved", deadlines())
            .enter("tokio Sleep, reset and polled", sleeps())
            .expect(
                "tokio Sleep / deadline",
                "tokio Sleep, reset and polled",
                "deadline moved",
                Bound::AtLeast(20.0),
            ),
    ]);
}

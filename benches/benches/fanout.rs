//! One message to many local readers: a shard beside a task or a channel for each.
//!
//! CPU time a delivery, of the whole process: what a server pays. Every contender publishes 66 bytes, waits
//! until all have them, and publishes again: nobody saves wake-ups by being late. Where others wake a
//! task each, the shard's pump is woken too, by its doorbell; across threads both sides sleep and are
//! woken by the system. The channels are drained without any waking.
//! Where both sides sleep between messages, what the system takes for waking two threads is a floor under
//! every ratio; it is measured beside them, with nothing delivered.
//! What it cannot show: the socket behind each reader, which costs more than all of this (`turn.rs`).

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    hint::black_box,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    thread::{self, Thread},
    time::Duration,
};

use bytes::Bytes;
use ringside_benches::{
    ratio::{Bound, Match, play_all, process_time, thread_time},
    stage::{MESSAGE_BYTES, Stage, message},
};
use ringside_core::{
    Class, CloseReason, ConnId, Core, Millis, Run, Sink, Wrote,
    driver::{self, DriverSink, Local, ThreadOptions},
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{broadcast, oneshot},
    task::{AbortHandle, LocalSet, yield_now},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn bytes() -> Bytes {
    Bytes::from_static(&[7; MESSAGE_BYTES])
}

/// A shard turned by hand.
fn by_hand(readers: usize) -> impl FnMut(u64) -> Duration {
    let mut stage = Stage::of(readers);
    move |publishes| {
        process_time(|| {
            for _ in 0..publishes {
                stage.publish(message());
                stage.flush_and_turn();
            }
        })
    }
}

/// A shard whose pump is a task, woken by the doorbell, beside a publishing task.
fn pumped(readers: usize) -> impl FnMut(u64) -> Duration {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let stage = Rc::new(RefCell::new(Stage::of(readers)));
    let tasks = LocalSet::new();
    let pumped = stage.clone();
    tasks.spawn_local(poll_fn::<(), _>(move |cx| {
        let shard = &mut pumped.borrow_mut().shard;
        if shard.turn(Millis(0)).more || !shard.park(cx.waker()) {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }));
    move |publishes| {
        let publishing = async {
            for _ in 0..publishes {
                let before = {
                    let mut stage = stage.borrow_mut();
                    stage.publish(message());
                    stage.publisher.flush();
                    stage.shard.sink_ref().runs
                };
                while stage.borrow().shard.sink_ref().runs < before + readers as u64 {
                    yield_now().await;
                }
            }
        };
        process_time(|| tasks.block_on(&runtime, publishing))
    }
}

/// A task for each reader, on the publisher's own thread.
fn task_each(readers: usize) -> impl FnMut(u64) -> Duration {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let (sender, got) = (
        broadcast::Sender::<Bytes>::new(64),
        Arc::new(AtomicU64::new(0)),
    );
    for _ in 0..readers {
        let (mut receiver, got) = (sender.subscribe(), got.clone());
        runtime.spawn(async move {
            while let Ok(message) = receiver.recv().await {
                black_box(&message[..]);
                // One thread: a load and a store, to charge this contender as little as can be.
                got.store(got.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            }
        });
    }
    move |publishes| {
        let publishing = async {
            for _ in 0..publishes {
                let all = got.load(Ordering::Relaxed) + readers as u64;
                let _ = sender.send(bytes());
                while got.load(Ordering::Relaxed) < all {
                    yield_now().await;
                }
            }
        };
        process_time(|| runtime.block_on(publishing))
    }
}

/// A channel for each reader, drained in a loop.
fn channel_each(readers: usize) -> impl FnMut(u64) -> Duration {
    let channels: Vec<_> = (0..readers)
        .map(|_| crossbeam_channel::bounded(64))
        .collect();
    move |publishes| {
        process_time(|| {
            for _ in 0..publishes {
                let message = bytes();
                for (sender, _) in &channels {
                    let _ = sender.try_send(message.clone());
                }
                for (_, receiver) in &channels {
                    black_box(receiver.try_recv().ok());
                }
            }
        })
    }
}

/// Wakes the publisher once all have the message.
struct Done {
    got: AtomicU64,
    all: AtomicU64,
    publisher: Thread,
}

impl Done {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            got: AtomicU64::new(0),
            all: AtomicU64::new(u64::MAX),
            publisher: thread::current(),
        })
    }

    fn add(&self, n: u64) {
        let before = self.got.fetch_add(n, Ordering::AcqRel);
        let all = self.all.load(Ordering::Acquire);
        if before < all && before + n >= all {
            self.publisher.unpark();
        }
    }

    fn expect(&self, n: u64) {
        self.all
            .store(self.got.load(Ordering::Acquire) + n, Ordering::Release);
    }

    fn wait(&self) {
        while self.got.load(Ordering::Acquire) < self.all.load(Ordering::Acquire) {
            thread::park();
        }
    }
}

/// The floor under both: two threads that wake each other once a publish, and deliver nothing.
fn waking_alone() -> impl FnMut(u64) -> Duration {
    let done = Done::new();
    let asked = Arc::new(AtomicU64::new(0));
    let (theirs, seen) = (done.clone(), asked.clone());
    let other = thread::spawn(move || {
        let mut answered = 0;
        loop {
            match seen.load(Ordering::Acquire) {
                // Ends with the benchmark.
                u64::MAX => return,
                asked if asked == answered => thread::park(),
                asked => {
                    answered = asked;
                    theirs.add(1);
                }
            }
        }
    });
    let other = Ending(other.thread().clone(), asked);
    move |publishes| {
        let Ending(thread, asked) = &other;
        process_time(|| {
            for _ in 0..publishes {
                done.expect(1);
                asked.fetch_add(1, Ordering::AcqRel);
                thread.unpark();
                done.wait();
            }
        })
    }
}

/// Ends the other thread with the contender.
struct Ending(Thread, Arc<AtomicU64>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.1.store(u64::MAX, Ordering::Release);
        self.0.unpark();
    }
}

/// A task for each reader, on the workers of a runtime for many threads.
fn task_each_on_workers(readers: usize, burst: u64) -> impl FnMut(u64) -> Duration {
    let workers = thread::available_parallelism().map_or(2, |n| n.get());
    let runtime: Runtime = Builder::new_multi_thread()
        .worker_threads(workers)
        .build()
        .expect("a runtime");
    let (sender, done) = (broadcast::Sender::<Bytes>::new(64), Done::new());
    for _ in 0..readers {
        let (mut receiver, done) = (sender.subscribe(), done.clone());
        runtime.spawn(async move {
            while let Ok(message) = receiver.recv().await {
                black_box(&message[..]);
                done.add(1);
            }
        });
    }
    move |publishes| {
        let _alive = &runtime;
        process_time(|| {
            for _ in 0..publishes / burst {
                done.expect(readers as u64 * burst);
                for _ in 0..burst {
                    let _ = sender.send(bytes());
                }
                done.wait();
            }
        })
    }
}

/// Counts a turn's runs, and tells once a turn.
struct Telling {
    /// Messages of this turn: a run may hold several, all of one length.
    messages: u64,
    done: Arc<Done>,
}

impl Sink for Telling {
    fn submit(&mut self, _conn: ConnId, run: &Run<'_>) -> Wrote {
        self.messages += (black_box(run.wire()).len() / MESSAGE_BYTES) as u64;
        Wrote::All
    }

    fn commit(&mut self) {
        match std::mem::take(&mut self.messages) {
            0 => {}
            messages => self.done.add(messages),
        }
    }

    fn close(&mut self, _conn: ConnId, _reason: CloseReason) {}
}

impl DriverSink for Telling {
    fn take_blocked(&mut self) -> Option<ConnId> {
        None
    }

    fn poll_writable(&self, _conn: ConnId, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn set_watcher(&mut self, _conn: ConnId, _task: AbortHandle) {}
}

/// A shard on a thread of its own, which sleeps between publishes, as the driver runs it. `burst`
/// messages go out together.
fn driven(readers: usize, burst: u64) -> impl FnMut(u64) -> Duration {
    let (core, mut seeds) = Core::new(1).expect("one shard");
    let (topic, done) = (core.topic().expect("a topic"), Done::new());
    let (stop, stopped) = oneshot::channel::<()>();
    let (theirs, told) = (topic.clone(), done.clone());
    let start = move |local: Rc<Local<Telling>>| {
        let mut shard = local.shard();
        for _ in 0..readers {
            let conn = shard.open().expect("room");
            shard.subscribe(&theirs, conn);
        }
        drop(shard);
        let main: std::pin::Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
            told.add(1);
            let _ = stopped.await;
        });
        ((), main)
    };
    let sink_done = done.clone();
    done.expect(1);
    let thread = driver::spawn(
        &core,
        seeds.pop().expect("one seed"),
        ThreadOptions::default(),
        move || Telling {
            messages: 0,
            done: sink_done,
        },
        start,
    );
    thread.expect("a thread");
    done.wait();
    let mut publisher = core.publisher().expect("a seat");
    move |publishes| {
        let _running = &stop;
        process_time(|| {
            for _ in 0..publishes / burst {
                done.expect(readers as u64 * burst);
                for _ in 0..burst {
                    publisher
                        .publish(&topic, Class::Reliable, message())
                        .expect("room");
                }
                publisher.flush();
                done.wait();
            }
        })
    }
}

/// The publisher's part alone; what it published is delivered off the clock.
fn publishing(readers: usize) -> impl FnMut(u64) -> Duration {
    let mut stage = Stage::of(readers);
    move |publishes| {
        let mut took = Duration::ZERO;
        let mut left = publishes;
        while left > 0 {
            let n = left.min(200);
            left -= n;
            took += thread_time(|| {
                for _ in 0..n {
                    stage.publish(message());
                    stage.publisher.flush();
                }
            });
            stage.shard.turn(Millis(0));
        }
        took
    }
}

fn one_thread<'a>(title: &'static str, readers: usize, publishes: u64) -> Match<'a> {
    Match::new(title, "delivery", readers as u64, publishes)
        .enter("shard, turned by hand", by_hand(readers))
        .enter("shard, its pump a task of a runtime", pumped(readers))
        .enter("tokio broadcast, a task each", task_each(readers))
        .enter("crossbeam-channel each, no waking", channel_each(readers))
        .expect(
            "tokio broadcast / shard, both woken",
            "tokio broadcast, a task each",
            "shard, its pump a task of a runtime",
            Bound::AtLeast(25.0),
        )
        .expect(
            "crossbeam-channel / shard by hand",
            "crossbeam-channel each, no waking",
            "shard, turned by hand",
            Bound::None,
        )
}

fn many_threads<'a>(title: &'static str, readers: usize, publishes: u64) -> Match<'a> {
    Match::new(title, "delivery", readers as u64, publishes)
        .woken()
        .enter("nobody: two threads wake each other", waking_alone())
        .enter("shard on its thread", driven(readers, 1))
        .enter(
            "shard on its thread, 16 messages a wake",
            driven(readers, 16),
        )
        .enter(
            "tokio broadcast, a task each",
            task_each_on_workers(readers, 1),
        )
        .enter(
            "tokio broadcast, 16 messages a wake",
            task_each_on_workers(readers, 16),
        )
        .expect(
            "tokio broadcast / shard, both woken",
            "tokio broadcast, a task each",
            "shard on its thread",
            Bound::AtLeast(100.0),
        )
        .expect(
            "tokio broadcast / two threads that wake each other",
            "tokio broadcast, a task each",
            "nobody: two threads wake each other",
            Bound::None,
        )
        .expect(
            "the same, both woken for 16 messages",
            "tokio broadcast, 16 messages a wake",
            "shard on its thread, 16 messages a wake",
            Bound::None,
        )
}

fn main() {
    play_all(vec![
        one_thread("fanout/200, one thread", 200, 400),
        one_thread("fanout/1000, one thread", 1_000, 100),
        many_threads("fanout/200, many threads", 200, 480),
        many_threads("fanout/1000, many threads", 1_000, 160),
        Match::new("fanout/publishing", "publish", 1, 20_000)
            .enter("to 10 subscribers", publishing(10))
            .enter("to 1000 subscribers", publishing(1_000))
            .expect(
                "1000 subscribers / 10",
                "to 1000 subscribers",
                "to 10 subscribers",
                Bound::AtMost(1.1),
            ),
    ]);
}

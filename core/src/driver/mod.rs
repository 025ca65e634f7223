//! The tokio driver: one pinned thread and one current-thread runtime per shard.
//!
//! ```text
//! thread "shard 0", core 0
//!   tasks of the layer above: accept, handshake           <- woken by their sockets
//!   one task that hears of all others' sockets, and reads <- woken by the shard's own epoll
//!   the pump: turn, turn, …, park                         <- woken by the doorbell, or a deadline
//! ```
//!
//! Promises: all writes are made by the pump, so a delivery wakes no task; a shard with nothing to do
//! sleeps in the runtime. Leaves out: accepting and reading, which are the layer above's tasks
//! ([`Local::spawn`], [`Local::hear`]).

mod moderation;
mod pump;
mod sockets;
mod tcp;

use std::{
    cell::{Cell, RefCell, RefMut},
    future::Future,
    io,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    thread::JoinHandle,
    time::Duration,
};

use tokio::{task::LocalSet, time::Instant};

pub use tcp::{Read, TcpSink};

use self::moderation::Moderation;
use crate::{
    CloseReason, ConnId, Core, Host, Millis, OutboxLimits, Publisher, Shard, ShardSeed, Sink,
};

/// A sink the driver can run: it says which connections blocked, and when they take more.
pub trait DriverSink: Sink + 'static {
    /// A connection that has blocked since the last call, if any.
    fn take_blocked(&mut self) -> Option<ConnId>;

    /// Ready when the connection takes more, or is gone.
    fn poll_writable(&self, conn: ConnId, cx: &mut Context<'_>) -> Poll<()>;

    /// The task that waits for the connection to take more, to be aborted when it closes.
    fn set_watcher(&mut self, conn: ConnId, task: tokio::task::AbortHandle);
}

/// A shard, its publisher and its clock, for tasks on the shard's own thread.
pub struct Local<S: Sink> {
    shard: RefCell<Shard<S>>,
    publisher: RefCell<Publisher>,
    epoch: Instant,
    pump: Cell<Option<Waker>>,
    moderation: Option<Arc<Moderation>>,
}

impl<S: Sink> Local<S> {
    /// Milliseconds since this shard started.
    pub fn now(&self) -> Millis {
        Millis(self.epoch.elapsed().as_millis() as u64)
    }

    /// The shard. Never held across an `.await`, nor taken within a [`Host`]'s methods, which are
    /// given it.
    ///
    /// # Panics
    /// When it is held already.
    pub fn shard(&self) -> RefMut<'_, Shard<S>> {
        self.shard.borrow_mut()
    }

    /// The shard's own publisher: everything this thread publishes goes through it. Follow with
    /// [`flush`](Self::flush).
    ///
    /// # Panics
    /// When it is held already.
    pub fn publisher(&self) -> RefMut<'_, Publisher> {
        self.publisher.borrow_mut()
    }

    /// Shows all shards what was published, and has the pump look at its own part.
    pub fn flush(&self) {
        self.publisher.borrow_mut().flush();
    }

    /// Ends a connection now, and has the pump tell the host.
    pub fn close(&self, conn: ConnId, reason: CloseReason) {
        self.shard.borrow_mut().close(conn, reason);
        self.wake_pump();
    }

    /// The connection's sink takes more again.
    pub fn writable(&self, conn: ConnId) {
        self.shard.borrow_mut().writable(conn);
        self.wake_pump();
    }

    /// Starts a task on the shard's thread.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) -> tokio::task::AbortHandle {
        tokio::task::spawn_local(task).abort_handle()
    }

    /// Has the pump take a turn soon.
    pub fn wake_pump(&self) {
        let waker = self.pump.take();
        if let Some(waker) = &waker {
            waker.wake_by_ref();
        }
        self.pump.set(waker);
    }

    /// So many messages were read from sockets: what [`ThreadOptions::read_interval`] goes by.
    pub fn took_in(&self, messages: usize) {
        if let Some(moderation) = &self.moderation {
            moderation.took_in(messages);
        }
    }

    fn set_pump(&self, waker: &Waker) {
        let held = self.pump.take().filter(|held| held.will_wake(waker));
        self.pump.set(Some(held.unwrap_or_else(|| waker.clone())));
    }
}

/// How to run a shard's thread.
#[derive(Clone, Debug, Default)]
pub struct ThreadOptions {
    /// Pin the thread to this core, where the system allows it.
    pub core: Option<usize>,
    /// Bounds of the outboxes.
    pub outbox: OutboxLimits,
    /// While messages come often, sockets are looked at once in so long, and what they brought is taken in together: a
    /// wake-up each would cost more than they do. What is published is not delayed. Zero: at once.
    pub read_interval: Duration,
}

/// Starts a shard's thread. There, `sink` makes its sink and `start` the layer above: the host, and
/// a future; when that future ends, so does the thread, with all tasks of the shard.
pub fn spawn<S, H, F>(
    core: &Core,
    seed: ShardSeed,
    options: ThreadOptions,
    sink: impl FnOnce() -> S + Send + 'static,
    start: impl FnOnce(Rc<Local<S>>) -> (H, F) + Send + 'static,
) -> io::Result<JoinHandle<()>>
where
    S: DriverSink,
    H: Host<S> + 'static,
    F: Future<Output = ()> + 'static,
{
    let publisher = core.publisher().map_err(io::Error::other)?;
    let moderation = match options.read_interval {
        Duration::ZERO => None,
        interval => Some(Arc::new(Moderation::new(interval))),
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    if let Some(moderation) = moderation.clone() {
        runtime.on_thread_park(move || moderation.rest());
    }
    let runtime = runtime.enable_all().build()?;
    let name = format!("shard {}", seed.id());
    std::thread::Builder::new().name(name).spawn(move || {
        if let Some(core) = options.core {
            // Pinning is a help, not a need: a container may forbid it.
            let _ = core_affinity::set_for_current(core_affinity::CoreId { id: core });
        }
        let tasks = LocalSet::new();
        tasks.block_on(&runtime, async move {
            let local = Rc::new(Local {
                shard: RefCell::new(seed.grow(sink(), options.outbox)),
                publisher: RefCell::new(publisher),
                epoch: Instant::now(),
                pump: Cell::new(None),
                moderation,
            });
            let (host, main) = start(local.clone());
            tokio::task::spawn_local(pump::pump(local, host));
            main.await;
        });
    })
}

//! The driver: the thread that sleeps to absolute deadlines and steps a room.
//!
//! Promises: commands are handled as they come, between two steps; a tick's sends are flushed together,
//! so they are one write a socket; the thread is one registered publisher, so its order is everybody's.

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use bytes::Bytes;
use ringside_gateway::{Ack, Class, EmitError, Key, Publisher, Room as Members, Socket};
use ringside_netcode::{
    Tick,
    tick::{Act, FixedStep, StepConfig, StepConfigError},
};
use serde::Serialize;

use crate::{
    env::Clock,
    game::Game,
    room::{Outlet, Room, RoomCounters},
};

/// Commands that may wait for a room's thread: a reconnect storm of a thousand players, with their
/// first inputs. At about 100 B each, 400 KB.
const COMMANDS_MAX: usize = 4_096;

/// What sockets tell a room. `key` names the socket.
pub(crate) enum Command {
    Join { key: u64, seat: Seat, name: String },
    Input { key: u64, message: Bytes },
    Leave { key: u64 },
}

/// A client of a room: its socket, and the answer it waits for.
pub(crate) struct Seat {
    pub(crate) socket: Socket,
    pub(crate) ack: Mutex<Option<Ack>>,
}

/// What a room reports of itself, about once a second.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomReport {
    /// The tick it is at.
    pub tick: u32,
    /// Players in it, bots included.
    pub players: usize,
    /// What happened so far.
    pub counters: RoomCounters,
    /// Microseconds a step took, median and 99th percentile of the last second.
    pub step_us: (u64, u64),
    /// Microseconds a step began after its deadline, likewise.
    pub late_us: (u64, u64),
    /// Steps given up because the machine could not keep up.
    pub dropped: u64,
    /// Commands that found the room's queue full.
    pub overflowed: u64,
}

/// The way to a room's thread.
#[derive(Clone)]
pub(crate) struct Commands {
    queue: SyncSender<Command>,
    overflowed: Arc<Mutex<u64>>,
}

impl Commands {
    /// Hands a command over. One that finds the queue full is lost, and counted: a join is asked for
    /// again, an input is followed by the next, and the room finds out by itself who has left.
    pub(crate) fn send(&self, command: Command) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(command) {
            *self
                .overflowed
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()) += 1;
        }
    }
}

/// A room's thread, not yet running: sockets may already send it commands.
pub(crate) struct Desk {
    queue: Receiver<Command>,
    overflowed: Arc<Mutex<u64>>,
    report: Arc<Mutex<RoomReport>>,
    stop: Arc<Stop>,
}

/// Tells a room's thread to end. It looks once a step.
#[derive(Debug, Default)]
pub(crate) struct Stop(OnceLock<()>);

impl Stop {
    pub(crate) fn stop(&self) {
        // Told before: it ends all the same.
        let _ = self.0.set(());
    }

    fn is_stopped(&self) -> bool {
        self.0.get().is_some()
    }
}

impl Desk {
    pub(crate) fn new() -> (Self, Commands) {
        let (sender, queue) = sync_channel(COMMANDS_MAX);
        let desk = Self {
            queue,
            overflowed: Arc::default(),
            report: Arc::default(),
            stop: Arc::default(),
        };
        let commands = Commands {
            queue: sender,
            overflowed: desk.overflowed.clone(),
        };
        (desk, commands)
    }

    /// Where the room's reports will be.
    pub(crate) fn report(&self) -> Arc<Mutex<RoomReport>> {
        self.report.clone()
    }

    /// What ends the room's thread.
    pub(crate) fn stop(&self) -> Arc<Stop> {
        self.stop.clone()
    }

    /// Starts stepping `room`.
    pub(crate) fn run<G: Game>(
        self,
        mut room: Room<G, Seat>,
        step: StepConfig,
        publisher: Publisher,
        members: Members,
    ) -> Result<JoinHandle<()>, StepConfigError> {
        let clock = Clock::start();
        let mut schedule = FixedStep::new(step, Tick::ZERO, clock.now())?;
        let mut out = Sender { publisher, members };
        let thread = move || {
            while !self.stop.is_stopped() {
                match schedule.poll(clock.now()) {
                    Act::Run(step) => {
                        room.step(step, &mut out);
                        out.publisher.flush();
                        schedule.finish(clock.now());
                        if step.tick.get().is_multiple_of(60) {
                            self.tell(&room, &mut schedule);
                        }
                    }
                    Act::WaitUntil(at) => {
                        let wait = at.saturating_sub(clock.now());
                        match self.queue.recv_timeout(wait) {
                            Err(RecvTimeoutError::Disconnected) => return,
                            Ok(command) => obey(&mut room, command, &mut out),
                            Err(RecvTimeoutError::Timeout) => {}
                        }
                    }
                }
            }
        };
        Ok(std::thread::Builder::new()
            .name("room".to_owned())
            .spawn(thread)
            .expect("the system has a thread left for the room"))
    }

    fn tell<G: Game>(&self, room: &Room<G, Seat>, schedule: &mut FixedStep) {
        let stats = schedule.stats();
        let quantiles = |h: &ringside_netcode::tick::Histogram| {
            (
                h.quantile(500).as_micros() as u64,
                h.quantile(990).as_micros() as u64,
            )
        };
        let report = RoomReport {
            tick: schedule.next_tick().get(),
            players: room.players(),
            counters: room.counters(),
            step_us: quantiles(&stats.cost),
            late_us: quantiles(&stats.lateness),
            dropped: stats.dropped,
            overflowed: *self
                .overflowed
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
        };
        *self
            .report
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = report;
        schedule.clear_stats();
    }
}

fn obey<G: Game>(room: &mut Room<G, Seat>, command: Command, out: &mut Sender) {
    match command {
        Command::Join { key, seat, name } => room.join(key, seat, &name, out),
        Command::Input { key, message } => room.input(key, &message),
        Command::Leave { key } => room.leave(key, out),
    }
}

/// A room's outlet: its publisher.
struct Sender {
    publisher: Publisher,
    members: Members,
}

/// The key of snapshots among a socket's `Latest` frames.
const SNAPSHOT: Class = Class::Latest(match Key::new(0) {
    Some(key) => key,
    None => unreachable!(),
});

#[derive(Serialize)]
struct Refused {
    error: &'static str,
}

impl Sender {
    fn answer(&mut self, seat: &Seat, answer: &impl Serialize) {
        let ack = seat
            .ack
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .take();
        if let Some(ack) = ack {
            log(self.publisher.acknowledge(ack, &(answer,)));
        }
    }
}

/// Sending fails when a shard has stopped draining or a payload cannot be encoded: both are faults of
/// the server, which a room can only report.
fn log(sent: Result<(), EmitError>) {
    if let Err(error) = sent {
        tracing::warn!(%error, "a room could not send");
    }
}

impl Outlet<Seat> for Sender {
    fn welcome(&mut self, seat: &Seat, welcome: &impl Serialize) {
        self.answer(seat, welcome);
        log(self.publisher.join(&self.members, &seat.socket));
    }

    fn refuse(&mut self, seat: &Seat, why: &'static str) {
        self.answer(seat, &Refused { error: why });
    }

    fn dismiss(&mut self, seat: &Seat) {
        log(self.publisher.leave(&self.members, &seat.socket));
    }

    fn is_gone(&self, seat: &Seat) -> bool {
        !seat.socket.is_connected()
    }

    fn everybody(&mut self, event: &str, payload: &impl Serialize) {
        log(self
            .publisher
            .emit(&self.members, Class::Reliable, event, &(payload,)));
    }

    fn snapshot(&mut self, bytes: &[u8]) {
        let bytes = Bytes::copy_from_slice(bytes);
        log(self
            .publisher
            .emit(&self.members, SNAPSHOT, "snapshot", &bytes));
    }
}

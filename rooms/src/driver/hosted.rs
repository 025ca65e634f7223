//! A room as its thread and its server see it, whatever its game.

use std::time::Duration;

use ringside_netcode::tick::{Step, StepConfig};
use serde::Serialize;

use super::{office::What, wire::Wire};
use crate::{
    game::Game,
    room::{ClientId, ClientReport, Goodbye, IntakeCounters, Outlet, Room, RoomCounters},
    shared::Shared,
};

/// What a room reports of itself, about once a second.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomReport {
    /// Its code.
    pub code: String,
    /// The kind of its game.
    pub kind: String,
    /// The thread it is on.
    pub worker: usize,
    /// The tick that comes next.
    pub tick: u32,
    /// People on seats.
    pub people: usize,
    /// Of these, those who are away.
    pub away: usize,
    /// Bots.
    pub bots: usize,
    /// Spectators.
    pub spectators: usize,
    /// Frames on their way.
    pub in_flight: usize,
    /// Milliseconds of the game that are recorded.
    pub recorded_ms: u64,
    /// The clients who are served worst.
    pub slowest: Vec<ClientReport>,
    /// What happened so far.
    pub counters: RoomCounters,
    /// What became of the players' inputs.
    pub inputs: IntakeCounters,
    /// Microseconds a step took, median and 99th percentile since the last report.
    pub step_us: (u64, u64),
    /// Microseconds a step began after its deadline, likewise.
    pub late_us: (u64, u64),
    /// Steps given up because the machine could not keep up, since the last report.
    pub dropped: u64,
    /// Ticks jumped over, likewise.
    pub skipped: u64,
    /// The rate of its steps in percent of the nominal one.
    pub rate_percent: u32,
}

/// Clients of a room that its report names.
const SLOWEST_MAX: usize = 8;

/// Where a room is, and what others may know of it without asking its thread.
#[derive(Debug)]
pub(crate) struct RoomAddress {
    pub(crate) id: u64,
    pub(crate) code: String,
    pub(crate) kind: String,
    /// Not listed, and nobody is put there who does not ask for it.
    pub(crate) private: bool,
    pub(crate) seats: u32,
    pub(crate) now: Shared<RoomNow>,
    pub(crate) report: Shared<RoomReport>,
}

/// What changes about a room, as others may know it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RoomNow {
    /// The thread it is on.
    pub(crate) worker: usize,
    pub(crate) people: u32,
    pub(crate) spectators: u32,
    /// Players on their way to it.
    pub(crate) promised: u32,
    pub(crate) locked: bool,
    pub(crate) closed: bool,
}

/// What a lobby shows of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomInfo {
    /// By which it is joined.
    pub room: String,
    /// The kind of its game.
    pub kind: String,
    /// People on seats.
    pub people: u32,
    /// Seats.
    pub seats: u32,
    /// Spectators.
    pub spectators: u32,
    /// Nobody can join now.
    pub locked: bool,
    /// It has ended.
    pub closed: bool,
}

impl RoomAddress {
    pub(crate) fn info(&self) -> RoomInfo {
        let now = self.now.get();
        RoomInfo {
            room: self.code.clone(),
            kind: self.kind.clone(),
            people: now.people,
            seats: self.seats,
            spectators: now.spectators,
            locked: now.locked,
            closed: now.closed,
        }
    }

    /// Seats that nobody has and nobody is on the way to.
    pub(crate) fn free(&self) -> u32 {
        let now = self.now.get();
        self.seats.saturating_sub(now.people + now.promised)
    }

    /// Who was on the way has come, or does not.
    pub(crate) fn unpromise(&self) {
        let mut now = self.now.lock();
        now.promised = now.promised.saturating_sub(1);
    }

    pub(crate) fn is_open(&self) -> bool {
        let now = self.now.get();
        !now.locked && !now.closed
    }
}

/// A room, its game's type forgotten.
pub(crate) trait Hosted: Send {
    fn step(&mut self, step: Step, now: Duration, out: &mut Wire<'_>);
    /// A packet of a client's, which arrived at `at`.
    fn packet(&mut self, client: ClientId, bytes: &[u8], at: Duration, out: &mut Wire<'_>);
    fn obey(&mut self, what: What, now: Duration, out: &mut Wire<'_>);
    fn step_config(&self) -> StepConfig;
    fn next_tick(&self) -> ringside_netcode::Tick;
    fn empty_for(&self) -> Option<Duration>;
    fn save_every(&self) -> Duration;
    /// Whether the client is in the room.
    fn has(&self, client: ClientId) -> bool;
    fn people(&self) -> usize;
    fn spectators(&self) -> usize;
    fn is_locked(&self) -> bool;
    fn is_closed(&self) -> bool;
    fn save(&self) -> Option<Vec<u8>>;
    /// Fills in what the room itself knows.
    fn report(&self, into: &mut RoomReport);
}

impl<G: Game> Hosted for Room<G> {
    fn step(&mut self, step: Step, now: Duration, out: &mut Wire<'_>) {
        Room::step(self, step, now, out);
    }

    fn packet(&mut self, client: ClientId, bytes: &[u8], at: Duration, out: &mut Wire<'_>) {
        Room::packet(self, client, bytes, at, out);
    }

    fn obey(&mut self, what: What, now: Duration, out: &mut Wire<'_>) {
        match what {
            What::Enter(entering) => {
                // The client is told.
                let _ = self.enter(entering.client, &entering.entry, now, out);
            }
            What::Keyframe { client } => self.keyframe(client, now),
            What::Message { client, message } => self.message(client, &message, now, out),
            What::Look { client, gaze } => self.look(client, gaze),
            What::Weather { client, weather } => {
                if self.options().link_model {
                    self.set_weather(client, weather.map(|weather| *weather), out);
                }
            }
            What::Thin { client, one_in } => self.thin(client, one_in),
            What::Time { client, at, .. } => self.ask_time(client, at, out),
            What::Leave { client } => self.leave(client, now, out),
            What::Gone { client } => self.gone(client, now, out),
            What::Reserve { token } => {
                // The seat is not there any more: its player is refused when it comes.
                let _ = self.reserve(token, now, out);
            }
            What::Kick { player, reason } => self.kick(player, reason, now, out),
            What::Lock(locked) => self.lock(locked),
            What::Bots(population) => {
                self.set_bots(population, now, out);
            }
            What::Close(reason) => {
                let code = "closed";
                Room::close(self, Goodbye { code, reason }, out);
            }
            What::Replay(answer) => {
                // Whoever asked has given up waiting.
                let _ = answer.try_send(Room::replay(self));
            }
            What::Save(answer) => {
                let _ = answer.try_send(Room::save(self));
            }
            // The worker's own.
            What::Packet { .. } | What::Open(_) | What::Adopt(_) | What::Move(_) | What::Stop => {}
        }
    }

    fn step_config(&self) -> StepConfig {
        self.options().step
    }

    fn next_tick(&self) -> ringside_netcode::Tick {
        Room::next_tick(self)
    }

    fn empty_for(&self) -> Option<Duration> {
        self.options().empty_for
    }

    fn save_every(&self) -> Duration {
        self.options().save_every
    }

    fn has(&self, client: ClientId) -> bool {
        Room::has(self, client)
    }

    fn people(&self) -> usize {
        Room::people(self)
    }

    fn spectators(&self) -> usize {
        Room::spectators(self)
    }

    fn is_locked(&self) -> bool {
        Room::is_locked(self)
    }

    fn is_closed(&self) -> bool {
        self.closed().is_some()
    }

    fn save(&self) -> Option<Vec<u8>> {
        Room::save(self)
    }

    fn report(&self, into: &mut RoomReport) {
        into.tick = Room::next_tick(self).get();
        into.people = Room::people(self);
        into.away = self.away();
        into.bots = self.bots();
        into.spectators = Room::spectators(self);
        into.in_flight = self.in_flight();
        into.recorded_ms = self.recorded().as_millis() as u64;
        into.slowest = self.slowest(SLOWEST_MAX);
        into.counters = self.counters();
        into.inputs = self.intake();
    }
}

/// Everybody still known to be in a crashed room is told so: its own books cannot be trusted.
pub(crate) fn crash(out: &mut Wire<'_>) {
    let clients: Vec<_> = out.sockets.clients.keys().copied().collect();
    for client in clients {
        let goodbye = Goodbye {
            code: "crashed",
            reason: "the room had a fault and was closed".to_owned(),
        };
        out.dismiss(client, Some(goodbye));
    }
}

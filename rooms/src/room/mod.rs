//! One room: its seats, their inputs, the steps of its game, and what its clients are told.
//!
//! ```text
//! enter, packet, message, gone ──> Room ──step──> Game
//!                                   └───────────> Outlet: welcomes, events, frames
//! ```
//!
//! A value without threads, sockets or clock: time is an argument, randomness comes from a seed, so whole
//! evenings of a thousand rooms are played through in a test. Promises:
//! - every tick has exactly one input for every player, whatever the network did;
//! - a client has at most one seat, a seat at most one client, and no seat is lost or given twice;
//! - what is in no cell of a client's view never reaches it;
//! - every reliable event reaches everybody it concerns exactly once and in order, also those who are away
//!   while their seat is kept; where the log does not reach back far enough, the client is told;
//! - what cannot be had is answered or counted, never a panic.
//!
//! It leaves out who finds whom (`server`), when a step is due (`driver`), and the rules ([`Game`]).

mod bots;
mod client;
mod entry;
mod events;
mod exit;
mod incoming;
mod intake;
mod news;
mod options;
mod outlet;
mod playback;
mod report;
mod save;
mod seat;
mod seats;
mod settle;
mod step;
mod token;
mod weather;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use ringside_netcode::{Tick, replay::Recorder, snapshot::World};

pub(crate) use self::outlet::{ByClient, Places};
use self::{
    client::{Client, Spectator},
    events::EventLog,
    intake::{Intake, Packet},
    news::News,
    seat::{Presence, Seat},
    seats::Seats,
};
pub use self::{
    entry::{Claim, Entry},
    intake::IntakeCounters,
    options::RoomOptions,
    outlet::{ClientId, FrameFor, Goodbye, Nobody, Outlet, To, Urgency},
    report::{ClientReport, RoomCounters},
    token::Token,
    weather::Weather,
};
use crate::{
    cx::{Cx, Wishes},
    game::{Game, Given, PlayerId, Who},
};

/// One room. See the module's documentation.
pub struct Room<G: Game> {
    game: G,
    code: String,
    options: RoomOptions,
    world: World,
    next: Tick,
    /// When the step of that tick is due: a nominal period after the last one was. Zero before the first.
    due: Duration,
    /// Time between two steps, as the options have it.
    period: Duration,
    seats: Seats<G::Input>,
    free: VecDeque<PlayerId>,
    tokens: BTreeMap<Token, PlayerId>,
    by_client: ByClient<PlayerId>,
    /// Seats promised to whoever comes with the token, and until when.
    reserved: BTreeMap<Token, Duration>,
    spectators: BTreeMap<ClientId, Spectator>,
    events: EventLog,
    wishes: Wishes,
    /// What everybody is still to be told about the seats.
    news: Vec<News>,
    recorder: Option<Recorder>,
    /// It shows a recording, until then.
    plays_until: Option<Tick>,
    locked: bool,
    closed: Option<Goodbye>,
    /// Some client has, or had, a modelled network.
    weathered: bool,
    counters: RoomCounters,
    /// What the inputs of players who have left came to.
    past_intake: IntakeCounters,
    /// The packet being read.
    packet: Packet<G::Input>,
    inputs: Vec<Given<G::Input>>,
    frames: Vec<FrameFor>,
}

impl<G: Game> Room<G> {
    /// A room of this game. `code` is its name among rooms; the same `seed` and the same calls give the same
    /// room.
    pub fn new(game: G, code: impl Into<String>, options: RoomOptions, seed: u64) -> Self {
        let layers = game.layers().clone();
        let recorder = options
            .recorder()
            .map(|config| Recorder::new(&layers, config));
        let mut room = Self {
            world: World::new(layers),
            game,
            code: code.into(),
            next: Tick::ZERO,
            due: Duration::ZERO,
            period: options.period(),
            seats: Seats::new(),
            free: (1..=options.seats).map(PlayerId).collect(),
            tokens: BTreeMap::new(),
            by_client: ByClient::default(),
            reserved: BTreeMap::new(),
            spectators: BTreeMap::new(),
            events: EventLog::default(),
            wishes: Wishes::new(seed),
            news: Vec::new(),
            recorder,
            plays_until: None,
            locked: false,
            closed: None,
            weathered: false,
            counters: RoomCounters::default(),
            past_intake: IntakeCounters::default(),
            packet: Packet::default(),
            inputs: Vec::new(),
            frames: Vec::new(),
            options,
        };
        room.fill_with_bots();
        // Nobody is there to be told; the log has it.
        room.settle(Duration::ZERO, &mut Nobody);
        room
    }

    /// The game.
    pub fn game(&self) -> &G {
        &self.game
    }

    /// How it is run.
    pub fn options(&self) -> &RoomOptions {
        &self.options
    }

    /// The tick that comes next.
    pub fn next_tick(&self) -> Tick {
        self.next
    }

    /// Why the room has ended, if it has. Everybody in it has been told.
    pub fn closed(&self) -> Option<&Goodbye> {
        self.closed.as_ref()
    }

    /// Whether nobody may come in, only back.
    pub fn is_locked(&self) -> bool {
        self.locked
    }

    /// People on seats, whether here or away, and seats reserved for some.
    pub fn people(&self) -> usize {
        // Each has a token, and bots have none.
        self.tokens.len() + self.reserved.len()
    }

    /// Who watches.
    pub fn spectators(&self) -> usize {
        self.spectators.len()
    }

    /// Who sits where, by ascending number; and whether somebody is there.
    pub fn players(&self) -> impl Iterator<Item = (PlayerId, &Who, bool)> {
        let seats = self.seats.iter();
        seats.map(|(id, seat)| (id, &seat.who, !matches!(seat.presence, Presence::Away(_))))
    }

    /// The seat of a client.
    pub fn seat_of(&self, client: ClientId) -> Option<PlayerId> {
        self.by_client.get(&client).copied()
    }

    /// Whether a client is in the room, on a seat or as a spectator.
    pub fn has(&self, client: ClientId) -> bool {
        self.by_client.contains_key(&client) || self.spectators.contains_key(&client)
    }

    /// The recording of the last seconds, as a file, if one is kept.
    pub fn replay(&self) -> Option<Vec<u8>> {
        self.recorder.as_ref().map(Recorder::save)
    }

    /// The recorder, for killcams.
    pub fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    fn client_mut(&mut self, client: ClientId) -> Option<&mut Client> {
        match self.by_client.get(&client) {
            Some(id) => self.seats.get_mut(*id)?.client_mut(),
            None => Some(&mut self.spectators.get_mut(&client)?.client),
        }
    }

    /// Everybody who is connected.
    fn clients_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        let players = self.seats.values_mut().filter_map(Seat::client_mut);
        let watching = self.spectators.values_mut();
        players.chain(watching.map(|spectator| &mut spectator.client))
    }

    /// Calls the game, between two ticks.
    fn call<R>(&mut self, f: impl FnOnce(&mut G, &mut Cx<'_, G>) -> R) -> R {
        let mut cx = Cx {
            tick: self.next,
            hz: self.options.step.hz,
            inputs: &[],
            wishes: &mut self.wishes,
        };
        f(&mut self.game, &mut cx)
    }
}

#[cfg(test)]
mod delivery_tests;
#[cfg(test)]
mod depth_tests;
#[cfg(test)]
mod lab_tests;
#[cfg(test)]
mod seat_tests;
#[cfg(test)]
mod simulation;
#[cfg(test)]
pub(crate) mod test_world;

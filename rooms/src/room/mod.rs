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
mod intake;
mod options;
mod outlet;
mod playback;
mod report;
mod save;
mod settle;
mod step;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use ringside_netcode::{
    Tick,
    interest::View,
    replay::Recorder,
    snapshot::{FrameIndex, World},
};
use serde_json::value::RawValue;

pub(crate) use self::outlet::ByClient;
pub use self::{
    client::Token,
    entry::{Claim, Entry},
    intake::IntakeCounters,
    options::{RoomOptions, Weather},
    outlet::{ClientId, Goodbye, Nobody, Outlet, To, Urgency},
    report::{ClientReport, RoomCounters},
};
use self::{
    client::{Client, Links, Posted, Spectator},
    entry::News,
    events::EventLog,
    intake::{Intake, PacketRate, Unusable},
};
use crate::{
    cx::{Cx, Wishes},
    game::{Game, Gaze, Given, PlayerId, Who},
};

/// Messages a second from one player, with a second's worth at once: more than anybody can type.
const MESSAGES_PER_SECOND: u32 = 10;

/// A client gets one snapshot in so many at the least, however few it asks for: at 20 a second two.
const ONE_IN_MAX: u32 = 10;
/// Bytes of a question for the time.
const ASK_BYTES: usize = 32;

/// One room. See the module's documentation.
pub struct Room<G: Game> {
    game: G,
    code: String,
    options: RoomOptions,
    world: World,
    next: Tick,
    seats: BTreeMap<PlayerId, Seat<G::Input>>,
    free: VecDeque<PlayerId>,
    tokens: BTreeMap<Token, PlayerId>,
    by_client: BTreeMap<ClientId, PlayerId>,
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
    inputs: Vec<Given<G::Input>>,
    frames: Vec<(ClientId, FrameIndex)>,
}

struct Seat<I> {
    who: Who,
    token: Token,
    presence: Presence,
    view: View,
    intake: Intake<I>,
    messages: PacketRate,
    strikes: u32,
}

enum Presence {
    Here(Box<Client>),
    /// Its connection was lost; the seat is kept until then.
    Away(Duration),
    Bot,
}

impl<I> Seat<I> {
    fn client(&self) -> Option<&Client> {
        match &self.presence {
            Presence::Here(client) => Some(client),
            _ => None,
        }
    }

    fn client_mut(&mut self) -> Option<&mut Client> {
        match &mut self.presence {
            Presence::Here(client) => Some(client),
            _ => None,
        }
    }
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
            seats: BTreeMap::new(),
            free: (1..=options.seats).map(PlayerId).collect(),
            tokens: BTreeMap::new(),
            by_client: BTreeMap::new(),
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
        let seats = self.seats.values();
        let people = seats.filter(|seat| !seat.who.bot).count();
        people + self.reserved.len()
    }

    /// Who watches.
    pub fn spectators(&self) -> usize {
        self.spectators.len()
    }

    /// Who sits where, by ascending number; and whether somebody is there.
    pub fn players(&self) -> impl Iterator<Item = (PlayerId, &Who, bool)> {
        let seats = self.seats.iter();
        seats.map(|(id, seat)| (*id, &seat.who, !matches!(seat.presence, Presence::Away(_))))
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

    /// A packet of inputs and acknowledgements, which arrived at `at`.
    pub fn packet(
        &mut self,
        client: ClientId,
        bytes: impl AsRef<[u8]>,
        at: Duration,
        out: &mut impl Outlet,
    ) {
        let bytes = bytes.as_ref();
        if !self.weathered {
            return self.read_packet(client, bytes, at, out);
        }
        let links = match self
            .by_client
            .get(&client)
            .and_then(|id| self.seats.get_mut(id))
        {
            Some(seat) => seat.client_mut().and_then(|client| client.links.as_mut()),
            None => self
                .spectators
                .get_mut(&client)
                .and_then(|s| s.client.links.as_mut()),
        };
        match links {
            Some(links) => {
                let len = bytes.len();
                let bytes = bytes::Bytes::copy_from_slice(bytes);
                links.up.send(at, Posted::Packet(bytes), len);
            }
            None => self.read_packet(client, bytes, at, out),
        }
    }

    fn read_packet(&mut self, client: ClientId, bytes: &[u8], at: Duration, out: &mut impl Outlet) {
        let Some(&id) = self.by_client.get(&client) else {
            return self.spectator_packet(client, bytes, at, out);
        };
        let Some(seat) = self.seats.get_mut(&id) else {
            return;
        };
        let game = &self.game;
        let plausible = |input: &G::Input| game.plausible(id, input);
        match seat.intake.packet(bytes, self.next, at, plausible) {
            Ok(acked) => {
                if let (Some(acked), Presence::Here(client)) = (acked, &mut seat.presence) {
                    client.acknowledge(acked, at, out);
                }
            }
            Err(Unusable::Flood) => {}
            Err(Unusable::Malformed) => {
                seat.strikes += 1;
                if seat.strikes >= self.options.strikes_max {
                    self.kick(
                        id,
                        "the server could not read what the game sent".to_owned(),
                        at,
                        out,
                    );
                }
            }
        }
    }

    fn spectator_packet(
        &mut self,
        client: ClientId,
        bytes: &[u8],
        at: Duration,
        out: &mut impl Outlet,
    ) {
        let Some(spectator) = self.spectators.get_mut(&client) else {
            self.counters.of_strangers += 1;
            return;
        };
        // Only the acknowledgement counts; a spectator does nothing.
        let Some(acked) = intake::acknowledgement::<G::Input>(bytes) else {
            return;
        };
        match &mut spectator.delayed {
            Some(delayed) => delayed.acknowledge(acked.newest, at),
            None => spectator.client.acknowledge(acked, at, out),
        }
    }

    /// The client cannot use what it gets: its next frame starts from nothing. A client is given a few of
    /// those a second.
    pub fn keyframe(&mut self, client: ClientId, at: Duration) {
        self.counters.keyframes_asked += 1;
        let Some(found) = self.client_mut(client) else {
            return;
        };
        if !found.keyframes.allows(at) {
            return;
        }
        found.viewer.request_keyframe();
        let spectator = self.spectators.get_mut(&client);
        if let Some(delayed) = spectator.and_then(|spectator| spectator.delayed.as_mut()) {
            delayed.restart();
        }
    }

    /// A message for the game.
    pub fn message(
        &mut self,
        client: ClientId,
        message: &RawValue,
        at: Duration,
        out: &mut impl Outlet,
    ) {
        let seat = self.by_client.get(&client).copied();
        let Some((id, seat)) = seat.and_then(|id| Some((id, self.seats.get_mut(&id)?))) else {
            self.counters.of_strangers += 1;
            return;
        };
        if !seat.messages.allows(at) {
            self.counters.messages_flooded += 1;
            return;
        }
        self.call(|game, cx| game.message(cx, id, message));
        self.settle(at, out);
    }

    /// Where a spectator looks.
    pub fn look(&mut self, client: ClientId, gaze: Gaze) {
        if let Some(spectator) = self.spectators.get_mut(&client) {
            spectator.gaze = gaze;
        }
    }

    /// The client wants one snapshot in `one_in` from now on, at least [`ONE_IN_MAX`].
    pub fn thin(&mut self, client: ClientId, one_in: u32) {
        if let Some(found) = self.client_mut(client) {
            found.one_in = one_in.clamp(1, ONE_IN_MAX);
        }
    }

    /// The client asks for the time, which it is told through its modelled network; without one at once.
    pub fn ask_time(&mut self, client: ClientId, at: Duration, out: &mut impl Outlet) {
        match self.client_mut(client).map(|found| &mut found.links) {
            Some(Some(links)) => links.up.send(at, Posted::AskTime, ASK_BYTES),
            _ => out.time(client, at),
        }
    }

    /// Puts a bad network between the room and a client, or takes it away. What is on its way is lost then;
    /// frames build on each other, so the client gets a keyframe.
    pub fn set_weather(
        &mut self,
        client: ClientId,
        weather: Option<Weather>,
        out: &mut impl Outlet,
    ) {
        self.weathered |= weather.is_some();
        let seed = self.wishes.random.next() ^ client.0;
        let delayed = self
            .spectators
            .get(&client)
            .is_some_and(|s| s.delayed.is_some());
        let Some(found) = self.client_mut(client) else {
            return;
        };
        // TCP carries it: the model may delay, it may not lose.
        let ordered = weather.map(|mut weather| {
            (weather.down.ordered, weather.up.ordered) = (true, true);
            weather
        });
        match (&mut found.links, ordered) {
            (Some(links), Some(weather)) => {
                links.down.configure(weather.down);
                links.up.configure(weather.up);
            }
            (links, weather) => {
                *links = weather.map(|weather| Box::new(Links::new(weather, seed)));
                found.viewer.request_keyframe();
                out.share(client, weather.is_none() && !delayed);
            }
        }
    }

    fn client_mut(&mut self, client: ClientId) -> Option<&mut Client> {
        match self.by_client.get(&client) {
            Some(id) => self.seats.get_mut(id)?.client_mut(),
            None => Some(&mut self.spectators.get_mut(&client)?.client),
        }
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
mod lab_tests;

#[cfg(test)]
mod simulation;

#[cfg(test)]
mod test_world;

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;

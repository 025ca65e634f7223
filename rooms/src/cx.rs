//! What a game may do while it is called: look at the tick's inputs, emit events, give orders.
//!
//! Promises: nothing takes effect before the game returns, so no call of the game happens within another;
//! events are encoded when they are emitted, once, and sent in the order of emission. Leaves out: time
//! and randomness that differ from run to run ([`Cx::random`] is seeded with the room).

use std::time::Duration;

use ringside_netcode::{Tick, input::ViewTick, snapshot::CellId};
use serde_json::value::{RawValue, to_raw_value};

use crate::game::{Game, Given, PlayerId};

/// Whom an event concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody in the room, spectators included.
    All,
    /// One player.
    Player(PlayerId),
    /// These players.
    Players(Vec<PlayerId>),
    /// Whoever has this cell in view, spectators included: nobody hears of what it cannot see.
    Seeing(CellId),
}

/// An event, encoded.
#[derive(Debug)]
pub(crate) struct Emitted {
    pub(crate) audience: Audience,
    pub(crate) event: Box<RawValue>,
    /// It has an id, is kept for those who are away, and arrives or ends the connection.
    pub(crate) reliable: bool,
}

/// What the game wants of its room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Kick(PlayerId, String),
    Lock(bool),
    Close(String),
    Card(PlayerId),
}

/// A small generator of numbers that nobody has to guess: xorshift64*, seeded with the room.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self(seed | 1 << 63)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u32
    }
}

/// What the game leaves behind for its room.
#[derive(Debug)]
pub(crate) struct Wishes {
    pub(crate) emitted: Vec<Emitted>,
    pub(crate) orders: Vec<Order>,
    pub(crate) random: Random,
    /// Events that could not be encoded.
    pub(crate) unencodable: u64,
}

impl Wishes {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            emitted: Vec::new(),
            orders: Vec::new(),
            random: Random::new(seed),
            unencodable: 0,
        }
    }
}

/// The room, as its game sees it during a call.
pub struct Cx<'a, G: Game> {
    pub(crate) tick: Tick,
    pub(crate) hz: u32,
    pub(crate) inputs: &'a [Given<G::Input>],
    pub(crate) wishes: &'a mut Wishes,
}

impl<'a, G: Game> Cx<'a, G> {
    /// The tick being simulated; between ticks, the next one.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// Steps a second.
    pub fn hz(&self) -> u32 {
        self.hz
    }

    /// What a step simulates. It is the same in every step, however late the machine is.
    pub fn dt(&self) -> Duration {
        Duration::from_secs(1) / self.hz.max(1)
    }

    /// The tick's inputs: one for every player, by ascending number. Empty between ticks.
    pub fn inputs(&self) -> &'a [Given<G::Input>] {
        self.inputs
    }

    /// A player's input.
    pub fn input(&self, player: PlayerId) -> Option<&'a Given<G::Input>> {
        let at = self
            .inputs
            .binary_search_by_key(&player, |given| given.player);
        at.ok().map(|at| &self.inputs[at])
    }

    /// The moment a player saw when it acted, checked and cut: for lag compensation.
    pub fn view_of(&self, player: PlayerId) -> ViewTick {
        self.input(player)
            .map_or(ViewTick::new(self.tick, 0), |given| given.view)
    }

    /// Sends an event: ordered, with an id, and kept for those of `audience` who are away for a moment.
    pub fn emit(&mut self, audience: Audience, event: &G::Event) {
        self.push(audience, event, true);
    }

    /// Sends an event that is worth sending only now: who is behind, or away, does not get it.
    pub fn emit_volatile(&mut self, audience: Audience, event: &G::Event) {
        self.push(audience, event, false);
    }

    fn push(&mut self, audience: Audience, event: &G::Event, reliable: bool) {
        match to_raw_value(event) {
            Ok(event) => self.wishes.emitted.push(Emitted {
                audience,
                event,
                reliable,
            }),
            Err(error) => {
                self.wishes.unencodable += 1;
                tracing::warn!(%error, "an event of the game cannot be encoded");
            }
        }
    }

    /// Sends a player away, with a reason it is told. The seat is free after this call of the game.
    pub fn kick(&mut self, player: PlayerId, reason: impl Into<String>) {
        self.wishes.orders.push(Order::Kick(player, reason.into()));
    }

    /// Whether nobody may come in any more (players who are away still may come back).
    pub fn lock(&mut self, locked: bool) {
        self.wishes.orders.push(Order::Lock(locked));
    }

    /// Ends the room; everybody in it is told why.
    pub fn close(&mut self, reason: impl Into<String>) {
        self.wishes.orders.push(Order::Close(reason.into()));
    }

    /// Tells everybody a player's [`card`](Game::card) again, because it changed.
    pub fn show_card(&mut self, player: PlayerId) {
        self.wishes.orders.push(Order::Card(player));
    }

    /// A number that depends on the room's seed and on how often it was asked, and on nothing else.
    pub fn random(&mut self) -> u64 {
        self.wishes.random.next()
    }

    /// A number below `bound`.
    pub fn random_below(&mut self, bound: u32) -> u32 {
        self.wishes.random.below(bound)
    }
}

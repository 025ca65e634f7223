//! One room: its seats, their inputs, and the steps of its game. Without threads, sockets or clock.
//!
//! ```text
//! join, input, leave ──> Room ──step──> Game
//!                          └──────────> Outlet: welcome, cards, snapshots
//! ```
//!
//! Promises: deterministic; every tick has exactly one input a player; a socket has at most one seat; what
//! cannot be had (a full room, a message that is no input) is answered or counted, never a panic.

use std::collections::{BTreeMap, HashMap, VecDeque};

use ringside_netcode::{
    Tick,
    input::{InputBuffer, InputPolicy, Refused, Taken},
    tick::Step,
};
use serde::Serialize;

use crate::game::{Game, PlayerId};

/// Characters of a player's name that are kept.
const NAME_CHARS_MAX: usize = 20;

/// Every so many ticks a room looks for seats whose clients are gone.
const SWEEP_TICKS: u32 = 64;

/// Where a room sends to. `Seat` is whatever names a client there.
pub(crate) trait Outlet<Seat> {
    /// The client is let in: it is told, and from now on gets what everybody gets.
    fn welcome(&mut self, seat: &Seat, welcome: &impl Serialize);
    /// The client is not let in.
    fn refuse(&mut self, seat: &Seat, why: &'static str);
    /// The client gets no more of what everybody gets.
    fn dismiss(&mut self, seat: &Seat);
    /// Whether the client is gone without having said so.
    fn is_gone(&self, seat: &Seat) -> bool;
    /// An event for everybody in the room.
    fn everybody(&mut self, event: &str, payload: &impl Serialize);
    /// What everybody sees now: only the newest matters.
    fn snapshot(&mut self, bytes: &[u8]);
}

/// What happened in a room so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RoomCounters {
    /// Players let in.
    pub joined: u64,
    /// Players who left.
    pub left: u64,
    /// Refused, because the room was full.
    pub refused: u64,
    /// Messages that were no input, or of nobody.
    pub bad_inputs: u64,
    /// Snapshots sent.
    pub snapshots: u64,
    /// Bytes of those snapshots.
    pub snapshot_bytes: u64,
}

/// How a room is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoomConfig {
    pub(crate) seats: u16,
    pub(crate) tick_hz: u32,
    pub(crate) snapshot_every: u32,
}

pub(crate) struct Room<G: Game, Seat> {
    game: G,
    config: RoomConfig,
    players: BTreeMap<PlayerId, Player<G, Seat>>,
    /// Keys of seats, to find a player by.
    by_key: HashMap<u64, PlayerId>,
    free: VecDeque<PlayerId>,
    next: Tick,
    counters: RoomCounters,
    inputs: Vec<(PlayerId, Taken<G::Input>)>,
    bytes: Vec<u8>,
}

struct Player<G: Game, Seat> {
    card: G::Card,
    inputs: InputBuffer<G::Input>,
    /// `None`: a bot.
    seat: Option<(u64, Seat)>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Welcome<'a, Card: Serialize, About: Serialize> {
    #[serde(flatten)]
    card: &'a Card,
    tick_hz: u32,
    snapshot_hz: u32,
    players: Vec<&'a Card>,
    #[serde(flatten)]
    about: About,
}

#[derive(Serialize)]
struct Left {
    id: PlayerId,
}

impl<G: Game, Seat> Room<G, Seat> {
    pub(crate) fn new(game: G, config: RoomConfig) -> Self {
        Self {
            game,
            config,
            players: BTreeMap::new(),
            by_key: HashMap::new(),
            free: (1..=config.seats).map(PlayerId).collect(),
            next: Tick::ZERO,
            counters: RoomCounters::default(),
            inputs: Vec::new(),
            bytes: Vec::new(),
        }
    }

    pub(crate) fn counters(&self) -> RoomCounters {
        self.counters
    }

    pub(crate) fn players(&self) -> usize {
        self.players.len()
    }

    /// Seats a bot, if there is room.
    pub(crate) fn add_bot(&mut self, name: &str) -> bool {
        let Some(id) = self.free.pop_front() else {
            return false;
        };
        let card = self.game.join(id, name, true);
        self.seat(id, card, None);
        true
    }

    /// A client asks to come in, or, being in, to go by another name. `key` names it from now on.
    pub(crate) fn join(&mut self, key: u64, seat: Seat, name: &str, out: &mut impl Outlet<Seat>) {
        let name = tidy_name(name);
        if let Some(&id) = self.by_key.get(&key) {
            let card = self.game.rename(id, &name);
            if let Some(player) = self.players.get_mut(&id) {
                player.card = card.clone();
            }
            self.send_welcome(&card, &seat, out);
            return out.everybody("player", &card);
        }
        let Some(id) = self.free.pop_front() else {
            self.counters.refused += 1;
            return out.refuse(&seat, "the room is full");
        };
        let card = self.game.join(id, &name, false);
        self.counters.joined += 1;
        out.everybody("player", &card);
        self.send_welcome(&card, &seat, out);
        self.seat(id, card, Some((key, seat)));
    }

    fn seat(&mut self, id: PlayerId, card: G::Card, seat: Option<(u64, Seat)>) {
        if let Some((key, _)) = &seat {
            self.by_key.insert(*key, id);
        }
        let inputs = InputBuffer::new(InputPolicy::default(), self.next);
        self.players.insert(id, Player { card, inputs, seat });
    }

    fn send_welcome(&self, card: &G::Card, seat: &Seat, out: &mut impl Outlet<Seat>) {
        let welcome = Welcome {
            card,
            tick_hz: self.config.tick_hz,
            snapshot_hz: self.config.tick_hz / self.config.snapshot_every.max(1),
            players: self.players.values().map(|player| &player.card).collect(),
            about: self.game.about(),
        };
        out.welcome(seat, &welcome);
    }

    /// A client is gone, or goes.
    pub(crate) fn leave(&mut self, key: u64, out: &mut impl Outlet<Seat>) {
        let Some(id) = self.by_key.remove(&key) else {
            return;
        };
        self.game.leave(id);
        if let Some(Player {
            seat: Some((_, seat)),
            ..
        }) = self.players.remove(&id)
        {
            out.dismiss(&seat);
        }
        self.free.push_back(id);
        self.counters.left += 1;
        out.everybody("left", &Left { id });
    }

    /// A client's input message.
    pub(crate) fn input(&mut self, key: u64, message: &[u8]) {
        let player = self
            .by_key
            .get(&key)
            .and_then(|id| self.players.get_mut(id));
        let (Some(player), Some((seq, input))) = (player, G::read_input(message)) else {
            self.counters.bad_inputs += 1;
            return;
        };
        // It counts for the next tick; a second one in the same tick for the one after.
        if player.inputs.push(seq, self.next, input.clone()) == Err(Refused::Duplicate) {
            // Refused again: two are waiting, and this one is late or too many. The buffer counts it.
            let _ = player.inputs.push(seq, self.next.next(), input);
        }
    }

    /// Frees the seats of those whose leaving was lost on its way: no ghost outlives this.
    fn sweep(&mut self, out: &mut impl Outlet<Seat>) {
        let seats = self
            .players
            .values()
            .filter_map(|player| player.seat.as_ref());
        let gone: Vec<u64> = seats
            .filter(|(_, seat)| out.is_gone(seat))
            .map(|(key, _)| *key)
            .collect();
        gone.into_iter().for_each(|key| self.leave(key, out));
    }

    /// One step of the game, and its snapshot when one is due.
    pub(crate) fn step(&mut self, step: Step, out: &mut impl Outlet<Seat>) {
        self.next = step.tick.next();
        if step.tick.get().is_multiple_of(SWEEP_TICKS) {
            self.sweep(out);
        }
        self.inputs.clear();
        for (&id, player) in &mut self.players {
            if player.seat.is_none() {
                let input = self.game.think(id, step.tick);
                // A bot never sends two inputs for a tick, so none is refused.
                let _ = player.inputs.push(step.tick.wire(), step.tick, input);
            }
            self.inputs.push((id, player.inputs.take(step.tick)));
        }
        self.game.tick(step.tick, &self.inputs);
        if step.snapshot {
            self.bytes.clear();
            self.game.snapshot(step.tick, &mut self.bytes);
            self.counters.snapshots += 1;
            self.counters.snapshot_bytes += self.bytes.len() as u64;
            out.snapshot(&self.bytes);
        }
    }
}

/// A name as others may see it: no control characters, no runs of blanks, not too long, not empty.
fn tidy_name(name: &str) -> String {
    let words: Vec<&str> = name
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty())
        .collect();
    let name: String = words.join(" ").chars().take(NAME_CHARS_MAX).collect();
    if name.is_empty() {
        "nobody".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;

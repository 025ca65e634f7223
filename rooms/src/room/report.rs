//! What a room counts, and what it reports of itself.

use serde::Serialize;

use super::{IntakeCounters, Presence, Room};
use crate::game::Game;

/// What happened in a room so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomCounters {
    /// People let in.
    pub joined: u64,
    /// People who came back to their seat.
    pub resumed: u64,
    /// People who left, for whatever reason.
    pub left: u64,
    /// Of these, those whose kept seat was not claimed in time.
    pub expired: u64,
    /// Of these, those who were sent away.
    pub kicked: u64,
    /// Requests to come in that were refused.
    pub refused: u64,
    /// Connections that a newer one of the same player replaced.
    pub replaced: u64,
    /// Packets and messages of clients who are not in the room.
    pub of_strangers: u64,
    /// Messages that came faster than allowed.
    pub messages_flooded: u64,
    /// Keyframes that clients asked for.
    pub keyframes_asked: u64,
    /// Snapshots taken of the game.
    pub snapshots: u64,
    /// Frames sent, one a client and snapshot at most.
    pub frames: u64,
    /// Their bytes, without envelopes.
    pub frame_bytes: u64,
    /// Frames not sent because enough were in flight: the next one covers them.
    pub conflated: u64,
    /// Frames not sent because of the budget.
    pub over_budget: u64,
    /// Reliable events emitted.
    pub events: u64,
    /// Sendings of reliable events to clients.
    pub event_sends: u64,
}

impl<G: Game> Room<G> {
    /// What happened so far.
    pub fn counters(&self) -> RoomCounters {
        self.counters
    }

    /// What became of all players' inputs so far, of those who have left as well.
    pub fn intake(&self) -> IntakeCounters {
        let seats = self.seats.values();
        seats.fold(self.past_intake, |sum, seat| {
            sum.plus(seat.intake.counters())
        })
    }

    /// Frames on their way to clients and not yet acknowledged.
    pub fn in_flight(&self) -> usize {
        let players = self.seats.values().filter_map(super::Seat::client);
        let watching = self.spectators.values().map(|spectator| &spectator.client);
        players
            .chain(watching)
            .map(|client| client.viewer.flow().in_flight())
            .sum()
    }

    /// Players who are away.
    pub fn away(&self) -> usize {
        let seats = self.seats.values();
        seats
            .filter(|seat| matches!(seat.presence, Presence::Away(_)))
            .count()
    }

    /// Bots.
    pub fn bots(&self) -> usize {
        self.seats.values().filter(|seat| seat.who.bot).count()
    }
}

//! What a room counts, and what it reports of itself.

use std::{cmp::Reverse, time::Duration};

use serde::Serialize;

use super::{IntakeCounters, Presence, Room, client::Client};
use crate::game::{Game, PlayerId};

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
    /// Of these, those sent twice, to clients whose link is seen to lose datagrams.
    pub repeated: u64,
    /// Their bytes, without envelopes; of those sent twice, twice.
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

/// A client and how it is served: see [`Room::slowest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientReport {
    /// Its seat; none for a spectator.
    pub player: Option<PlayerId>,
    /// The name it goes by.
    pub name: String,
    /// Milliseconds from sending a frame until the client says it has it, smoothed; once known.
    pub round_trip_ms: Option<u64>,
    /// Frames on their way to it.
    pub in_flight: usize,
    /// Frames it was sent.
    pub frames: u64,
    /// Of these, those sent twice, for its link is seen to lose datagrams.
    pub repeated: u64,
    /// Their bytes, without envelopes; of those sent twice, twice.
    pub frame_bytes: u64,
    /// Frames it was not sent because enough were in flight.
    pub conflated: u64,
    /// Frames it was not sent because of its budget.
    pub over_budget: u64,
}

impl ClientReport {
    fn of(client: &Client, player: Option<PlayerId>, name: &str) -> Self {
        let (flow, tally) = (client.viewer.flow(), client.tally);
        let round_trip = flow.round_trip().as_ref().map(Duration::as_millis);
        Self {
            player,
            name: name.to_owned(),
            round_trip_ms: round_trip.map(|ms| ms as u64),
            in_flight: flow.in_flight(),
            frames: tally.frames,
            repeated: tally.repeated,
            frame_bytes: tally.bytes,
            conflated: tally.conflated,
            over_budget: tally.over_budget,
        }
    }
}

impl<G: Game> Room<G> {
    /// The clients who are served worst: those with most on the way to them, and of these the slowest to
    /// acknowledge. At most so many.
    pub fn slowest(&self, most: usize) -> Vec<ClientReport> {
        let players = self.seats.iter().filter_map(|(id, seat)| {
            let client = seat.client()?;
            Some((client, Some(id), seat.who.name.as_str()))
        });
        let watching = self.spectators.values();
        let watching = watching.map(|spectator| (&spectator.client, None, ""));
        let mut all: Vec<_> = players.chain(watching).collect();
        let slowness = |(client, ..): &(&Client, Option<PlayerId>, &str)| {
            let flow = client.viewer.flow();
            Reverse((flow.in_flight(), flow.round_trip()))
        };
        let most = most.min(all.len());
        if most < all.len() && most > 0 {
            all.select_nth_unstable_by_key(most - 1, slowness);
        }
        all.truncate(most);
        all.sort_by_key(slowness);
        let report = |(client, player, name)| ClientReport::of(client, player, name);
        all.into_iter().map(report).collect()
    }

    /// How much of the game is recorded.
    pub fn recorded(&self) -> Duration {
        let span = self.recorder.as_ref().and_then(|recorder| recorder.span());
        let ticks = span.map_or(0, |(first, last)| last.since(first));
        Duration::from_secs(1) * ticks.unsigned_abs() / self.options.step.hz.max(1)
    }

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

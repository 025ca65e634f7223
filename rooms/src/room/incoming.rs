//! What comes from clients who are in the room: packets, messages, and wishes about how they are served.
//!
//! Promises: nothing reaches the game but through its sender's seat, and only as often as allowed; what of a player's
//! cannot be used is counted. Leaves out coming and going ([`entry`](super::entry), [`exit`](super::exit)), and what becomes of
//! inputs ([`intake`](super::intake)).

use std::time::Duration;

use ringside_netcode::input::TickLeft;
use serde_json::value::RawValue;

use super::{
    ClientId, Outlet, Presence, Room,
    intake::{self, Unusable},
    weather::Posted,
};
use crate::game::{Game, Gaze};

/// A client gets one snapshot in so many at the least, however few it asks for: at 20 a second two.
const ONE_IN_MAX: u32 = 10;

impl<G: Game> Room<G> {
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
        let found = self.client_mut(client);
        match found.and_then(|found| found.links.as_mut()) {
            Some(links) => {
                let len = bytes.len();
                let bytes = bytes::Bytes::copy_from_slice(bytes);
                links.up.send(at, Posted::Packet(bytes), len);
            }
            None => self.read_packet(client, bytes, at, out),
        }
    }

    pub(super) fn read_packet(
        &mut self,
        client: ClientId,
        bytes: &[u8],
        at: Duration,
        out: &mut impl Outlet,
    ) {
        let Some(&id) = self.by_client.get(&client) else {
            return self.spectator_packet(client, bytes, at, out);
        };
        let left = self.left(at);
        let Some(seat) = self.seats.get_mut(id) else {
            return;
        };
        let game = &self.game;
        let plausible = |input: &G::Input| game.plausible(id, input);
        let packet = &mut self.packet;
        match seat
            .intake
            .packet(packet, bytes, self.next, left, at, plausible)
        {
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

    /// What was left at `at` until the coming step is due. A packet that was read after a step it came before is of a whole
    /// tick; one that came after the step was due is of none, as all are before the first step.
    fn left(&self, at: Duration) -> TickLeft {
        TickLeft::of(self.due.saturating_sub(at), self.period)
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
        let Some((id, seat)) = seat.and_then(|id| Some((id, self.seats.get_mut(id)?))) else {
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

    /// The client wants one snapshot in `one_in` from now on, at the least one in `ONE_IN_MAX`, ten.
    pub fn thin(&mut self, client: ClientId, one_in: u32) {
        if let Some(found) = self.client_mut(client) {
            found.one_in = one_in.clamp(1, ONE_IN_MAX);
        }
    }
}

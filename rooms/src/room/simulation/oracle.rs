//! What must hold of a simulated room: after every act, and of everything that was told at the end.
//!
//! It believes only what it saw from outside: who came, with which token, and what the game emitted meanwhile.

use std::collections::BTreeMap;

use super::{SEATS, World};
use crate::room::PlayerId;

impl World {
    /// Seats that were not claimed in time are nobody's any more.
    pub(super) fn drop_expired(&mut self) {
        let room = &self.room;
        self.holders.retain(|holder| {
            let kept = room
                .seats
                .get(holder.id)
                .is_some_and(|seat| seat.token == holder.token);
            assert!(
                kept || holder.client.is_none(),
                "{holder:?} lost its seat while it was there"
            );
            kept
        });
    }

    pub(super) fn check(&self) {
        let room = &self.room;
        assert_eq!(
            room.seats.len() + room.free.len(),
            usize::from(SEATS),
            "a seat is lost or doubled"
        );
        assert_eq!(
            room.people() - room.reserved.len(),
            self.holders.len(),
            "a ghost sits there"
        );
        assert_eq!(room.tokens.len(), self.holders.len());
        let emitted = room.game().emitted.len();
        assert_eq!(
            room.events.last_id() as usize,
            emitted,
            "an event was lost or made up"
        );
        for holder in &self.holders {
            assert_eq!(room.tokens.get(&holder.token), Some(&holder.id));
            if let Some(client) = holder.client {
                assert_eq!(room.seat_of(client), Some(holder.id));
                assert_eq!(self.net.client(client).malformed, 0);
                let hidden = |id: &u16| id % 2 != holder.id.0 % 2;
                let seen = self.net.seen(room, client);
                assert!(!seen.keys().any(hidden), "{:?} sees {seen:?}", holder.id);
            }
        }
    }

    fn seats(&self) -> Vec<PlayerId> {
        self.room.seats.ids().collect()
    }

    /// Everybody reads on, and then knows everything that concerns it.
    pub(super) fn end(mut self) {
        for holder in &self.holders {
            if let Some(client) = holder.client {
                self.net.client_mut(client).stalled = false;
            }
        }
        self.net.run(&mut self.room, 36);
        let before = self.seats();
        self.net.run(&mut self.room, 10);
        let settled = before == self.seats();
        self.drop_expired();
        self.check();
        for holder in &mut self.holders {
            let Some(client) = holder.client else {
                continue;
            };
            holder.told.extend(self.net.lose(client));
            let ids: Vec<u32> = holder.told.iter().map(|(id, _)| *id).collect();
            assert!(
                ids.is_sorted_by(|a, b| a < b),
                "an event twice or out of order: {ids:?}"
            );
            let emitted = self.room.game().emitted.iter().enumerate();
            let concerns =
                emitted.filter(|(n, (_, to))| *n >= holder.since && to.contains(&holder.id));
            let wanted: Vec<(u32, &str)> = concerns
                .map(|(n, (text, _))| (n as u32 + 1, text.as_str()))
                .collect();
            let told: Vec<(u32, &str)> = holder
                .told
                .iter()
                .map(|(id, text)| (*id, text.as_str()))
                .collect();
            assert_eq!(told, wanted, "what {:?} was told", holder.id);
            // And sees who is there, unless somebody has come or gone in this moment.
            let truth: BTreeMap<u16, u32> = self
                .room
                .game()
                .pushes
                .iter()
                .filter(|(id, _)| id.0 % 2 == holder.id.0 % 2)
                .map(|(id, pushes)| (id.0, *pushes))
                .collect();
            let seen = self.net.seen(&self.room, client);
            assert!(
                !settled || seen.keys().eq(truth.keys()),
                "{seen:?}, and there are {truth:?}; shown {:?} of {:?}, {} in flight",
                self.net.client(client).decoder_tick(),
                self.room.next_tick(),
                self.room.in_flight()
            );
        }
    }
}

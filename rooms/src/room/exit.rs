//! Going: leaving, a connection that is lost, being sent away, seats not claimed in time, and the end of the room.
//!
//! Promises: the game hears of whoever goes, with the reason; a client whose leaving was lost on its way is
//! noticed within about a second, so that no ghost stays. Leaves out how a seat is got back ([`entry`](super::entry)).

use std::time::Duration;

use super::{ClientId, Goodbye, News, Outlet, Presence, Room};
use crate::game::{Game, Keep, Leave, PlayerId};

impl<G: Game> Room<G> {
    /// A client's connection is over. Its seat is kept, if the game wants it.
    pub fn gone(&mut self, client: ClientId, now: Duration, out: &mut impl Outlet) {
        self.spectators.remove(&client);
        out.dismiss(client, None);
        let Some(id) = self.by_client.remove(&client) else {
            return;
        };
        match self.call(|game, cx| game.leave(cx, id, Leave::Lost)) {
            Keep::For(time) => {
                if let Some(seat) = self.seats.get_mut(id) {
                    seat.presence = Presence::Away(now + time);
                }
                self.news.push(News::Card(id));
            }
            Keep::Drop => self.clear_seat(id, Leave::Lost),
        }
        self.settle(now, out);
    }

    /// A client says goodbye.
    pub fn leave(&mut self, client: ClientId, now: Duration, out: &mut impl Outlet) {
        self.spectators.remove(&client);
        if let Some(id) = self.by_client.get(&client).copied() {
            self.vacate(id, Leave::Left);
        }
        out.dismiss(client, None);
        self.settle(now, out);
    }

    /// Sends a player away.
    pub fn kick(&mut self, id: PlayerId, reason: String, now: Duration, out: &mut impl Outlet) {
        self.send_away(id, reason, out);
        self.settle(now, out);
    }

    pub(super) fn send_away(&mut self, id: PlayerId, reason: String, out: &mut impl Outlet) {
        let Some(seat) = self.seats.get(id) else {
            return;
        };
        let client = seat.client().map(|client| client.id);
        self.vacate(id, Leave::Kicked);
        if let Some(client) = client {
            let code = "kicked";
            out.dismiss(client, Some(Goodbye { code, reason }));
        }
    }

    /// Ends the room. Everybody in it is told why; nobody comes in any more.
    pub fn close(&mut self, goodbye: Goodbye, out: &mut impl Outlet) {
        for client in self.by_client.keys().chain(self.spectators.keys()) {
            out.dismiss(*client, Some(goodbye.clone()));
        }
        self.by_client.clear();
        self.spectators.clear();
        self.closed = Some(goodbye);
    }

    /// Frees the seats that were not claimed in time.
    pub(super) fn expire(&mut self, now: Duration) {
        self.reserved.retain(|_, until| *until > now);
        if self.by_client.len() == self.tokens.len() {
            // Everybody who has a seat is here.
            return;
        }
        let late = |presence: &Presence| matches!(presence, Presence::Away(until) if *until <= now);
        let expired = self.seats.iter().filter(|(_, seat)| late(&seat.presence));
        let expired: Vec<PlayerId> = expired.map(|(id, _)| id).collect();
        for id in expired {
            self.vacate(id, Leave::Expired);
        }
    }

    /// Notices those whose leaving was lost on its way: no ghost outlives this.
    pub(super) fn sweep(&mut self, now: Duration, out: &mut impl Outlet) {
        let clients = self.by_client.keys().chain(self.spectators.keys());
        let gone: Vec<ClientId> = clients
            .copied()
            .filter(|client| out.is_gone(*client))
            .collect();
        for client in gone {
            self.gone(client, now, out);
        }
    }
}

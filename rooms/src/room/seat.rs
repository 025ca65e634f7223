//! One seat of a room: who has it, whether somebody is there, and what comes from it; sitting down and getting up.
//!
//! ```text
//!            join                    connection lost
//! (free) ───────────> here ───────────────────────────> away ──not claimed in time──> (free)
//!    ▲                 │ ▲                                │
//!    └── left, kicked ─┘ └──── claim: any connection ─────┘
//! ```
//!
//! Promises: a person's token and client lead to its seat for as long as it sits there, and no longer; a seat that is
//! given up is free, and everybody hears of it. Leaves out why somebody comes or goes.

use std::time::Duration;

use ringside_netcode::interest::View;

use super::{Client, Intake, News, Room, Token, intake::PacketRate};
use crate::game::{Game, Leave, PlayerId, Who};

/// Messages a second from one player, with a second's worth at once: more than anybody can type.
const MESSAGES_PER_SECOND: u32 = 10;

pub(super) struct Seat<I> {
    pub(super) who: Who,
    pub(super) token: Token,
    pub(super) presence: Presence,
    pub(super) view: View,
    pub(super) intake: Intake<I>,
    pub(super) messages: PacketRate,
    pub(super) strikes: u32,
}

pub(super) enum Presence {
    Here(Box<Client>),
    /// Its connection was lost; the seat is kept until then.
    Away(Duration),
    Bot,
}

impl<I> Seat<I> {
    pub(super) fn client(&self) -> Option<&Client> {
        match &self.presence {
            Presence::Here(client) => Some(client),
            _ => None,
        }
    }

    pub(super) fn client_mut(&mut self) -> Option<&mut Client> {
        match &mut self.presence {
            Presence::Here(client) => Some(client),
            _ => None,
        }
    }
}

impl<G: Game> Room<G> {
    /// Puts somebody on a seat.
    pub(super) fn sit(&mut self, id: PlayerId, who: Who, token: Token, presence: Presence) {
        if !who.bot {
            self.tokens.insert(token, id);
        }
        if let Presence::Here(client) = &presence {
            self.by_client.insert(client.id, id);
        }
        let seat = Seat {
            who,
            token,
            presence,
            view: View::new(),
            intake: Intake::new(self.next, &self.options),
            messages: PacketRate::new(MESSAGES_PER_SECOND),
            strikes: 0,
        };
        self.seats.insert(id, seat);
    }

    /// Takes a player out of the game, and off its seat.
    pub(super) fn vacate(&mut self, id: PlayerId, why: Leave) {
        // Only of somebody lost is a seat kept.
        let _ = self.call(|game, cx| game.leave(cx, id, why));
        self.clear_seat(id, why);
    }

    pub(super) fn clear_seat(&mut self, id: PlayerId, why: Leave) {
        let Some(seat) = self.seats.remove(id) else {
            return;
        };
        self.past_intake = self.past_intake.plus(seat.intake.counters());
        self.free.push_back(id);
        self.news.push(News::Left(id, why));
        if seat.who.bot {
            return;
        }
        self.tokens.remove(&seat.token);
        if let Some(client) = seat.client() {
            self.by_client.remove(&client.id);
        }
        self.counters.left += 1;
        self.counters.expired += u64::from(why == Leave::Expired);
        self.counters.kicked += u64::from(why == Leave::Kicked);
        self.fill_with_bots();
    }
}

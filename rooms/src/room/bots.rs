//! Bots fill a room up to its population, and make room for people.
//!
//! A bot sits on a seat like anybody; its input goes through the same intake. Promises: no person is
//! refused because of a bot.

use std::time::Duration;

use super::{News, Outlet, Presence, Room, Token};
use crate::game::{Game, Leave, Who};

impl<G: Game> Room<G> {
    /// Changes the population that bots fill up to.
    pub fn set_bots(&mut self, population: u16, now: Duration, out: &mut impl Outlet) {
        self.options.bots = if self.is_playing_back() {
            0
        } else {
            population
        };
        self.fill_with_bots();
        self.settle(now, out);
    }

    /// Adds or removes bots until there are as many as wanted.
    pub(super) fn fill_with_bots(&mut self) {
        let wanted = usize::from(self.options.bots).min(usize::from(self.options.seats));
        let mut number = 0;
        // Reserved seats stay free: somebody is on the way.
        while self.seats.len() + self.reserved.len() < wanted && number <= self.options.seats {
            number += 1;
            let name = self.game.bot_name(number);
            if self
                .seats
                .values()
                .any(|seat| seat.who.bot && seat.who.name == name)
            {
                continue;
            }
            if !self.add_bot(name) {
                return;
            }
        }
        while self.seats.len() + self.reserved.len() > wanted && self.remove_bot() {}
    }

    fn add_bot(&mut self, name: String) -> bool {
        let Some(id) = self.free.pop_front() else {
            return false;
        };
        let who = Who { name, bot: true };
        if self.call(|game, cx| game.join(cx, id, &who)).is_err() {
            self.free.push_front(id);
            return false;
        }
        self.sit(id, who, Token([0; 16]), Presence::Bot);
        self.news.push(News::Card(id));
        true
    }

    /// The bot that came last goes. Whether there was one.
    pub(super) fn remove_bot(&mut self) -> bool {
        let bots = self.seats.iter().rev();
        let Some((id, _)) = { bots }.find(|(_, seat)| seat.who.bot) else {
            return false;
        };
        self.vacate(id, Leave::Left);
        true
    }
}

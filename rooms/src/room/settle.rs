//! What follows from a call of the game: its events go out, its orders are obeyed, and everybody hears of it.
//!
//! Promises: all of it happens after the game has returned and before anything else happens to the room;
//! an event reaches those whom it concerned when it was emitted.

use std::time::Duration;

use serde_json::value::RawValue;

use super::{
    ClientId, Goodbye, Outlet, Room, To, Urgency,
    events::{Event, For},
    news::News,
    weather::through_weather,
};
use crate::{
    cx::{Audience, Emitted, Order},
    game::{Game, PlayerId},
};

/// Rounds of events and orders that one call of the game may set off: a game that answers every leave with
/// a kick ends with its players, one that never ends is cut off here.
const ROUNDS_MAX: usize = 256;

impl Event {
    /// The event as it is sent: `[id, tick, event]`.
    pub(super) fn argument(&self) -> Box<RawValue> {
        argument(self.id, self.tick, &self.json)
    }
}

fn argument(id: u32, tick: u32, json: &RawValue) -> Box<RawValue> {
    RawValue::from_string(format!("[{id},{tick},{}]", json.get()))
        .expect("two numbers and a value are an array")
}

impl<G: Game> Room<G> {
    /// Does what the game wants, and tells what is new, until nothing is left to do.
    pub(super) fn settle(&mut self, now: Duration, out: &mut impl Outlet) {
        for _ in 0..ROUNDS_MAX {
            let news = std::mem::take(&mut self.news);
            let emitted = std::mem::take(&mut self.wishes.emitted);
            let orders = std::mem::take(&mut self.wishes.orders);
            if news.is_empty() && emitted.is_empty() && orders.is_empty() {
                return;
            }
            for news in news {
                self.tell_news(&news, now, out);
            }
            for emitted in emitted {
                self.send_event(emitted, now, out);
            }
            for order in orders {
                match order {
                    Order::Kick(id, reason) => self.send_away(id, reason, out),
                    Order::Lock(locked) => self.locked = locked,
                    Order::Card(id) => self.news.push(News::Card(id)),
                    Order::Close(reason) => {
                        let code = "closed";
                        self.close(Goodbye { code, reason }, out);
                    }
                }
            }
        }
        tracing::error!(
            room = self.code,
            "the game gives orders without end; the rest is dropped"
        );
        self.wishes.orders.clear();
    }

    fn send_event(&mut self, emitted: Emitted, now: Duration, out: &mut impl Outlet) {
        let Emitted {
            audience,
            event,
            reliable,
        } = emitted;
        // What is emitted within a step belongs to that step.
        let tick = self.next - 1;
        let to = match &audience {
            Audience::All => For::All,
            Audience::Player(id) => For::Players(vec![*id]),
            Audience::Players(ids) => For::Players(ids.clone()),
            Audience::Seeing(cell) => {
                let sees = self
                    .seats
                    .iter()
                    .filter(|(_, seat)| seat.view.contains(*cell));
                For::Players(sees.map(|(id, _)| id).collect())
            }
        };
        let (argument, urgency) = if reliable {
            self.counters.events += 1;
            let event = self.events.add(tick, to.clone(), event);
            (event.argument(), Urgency::Reliable)
        } else {
            (argument(0, tick.get(), &event), Urgency::Volatile)
        };
        match to {
            For::All => self.tell_all("e", &argument, urgency, now, out),
            For::Players(players) => {
                let mut clients = self.reached(&players, &argument, now);
                if let Audience::Seeing(cell) = audience {
                    for spectator in self.spectators.values_mut() {
                        match &mut spectator.delayed {
                            Some(delayed) => delayed.hear(tick, "e", &argument),
                            None if spectator.view.contains(cell) => {
                                clients.push(spectator.client.id)
                            }
                            None => {}
                        }
                    }
                }
                self.counters.event_sends += clients.len() as u64;
                if !clients.is_empty() {
                    out.event(To::Clients(&clients), "e", &argument, urgency);
                }
            }
        }
    }

    /// Those of `players` who are here; for those behind a modelled network the event is on its way.
    fn reached(
        &mut self,
        players: &[PlayerId],
        argument: &RawValue,
        now: Duration,
    ) -> Vec<ClientId> {
        let mut clients = Vec::new();
        for id in players {
            let client = self.seats.get_mut(*id).and_then(super::Seat::client_mut);
            if let Some(client) = client
                && !through_weather(client, "e", argument, now)
            {
                clients.push(client.id);
            }
        }
        clients
    }

    /// Sends something to everybody in the room, spectators included.
    pub(super) fn tell_all(
        &mut self,
        name: &'static str,
        argument: &RawValue,
        urgency: Urgency,
        now: Duration,
        out: &mut impl Outlet,
    ) {
        let tick = self.next - 1;
        out.event(To::Shared, name, argument, urgency);
        let mut reached = 0;
        for seat in self.seats.values_mut() {
            if let Some(client) = seat.client_mut() {
                through_weather(client, name, argument, now);
                reached += 1;
            }
        }
        for spectator in self.spectators.values_mut() {
            match &mut spectator.delayed {
                Some(delayed) => delayed.hear(tick, name, argument),
                None => {
                    through_weather(&mut spectator.client, name, argument, now);
                }
            }
        }
        if name == "e" {
            self.counters.event_sends += reached;
        }
    }
}

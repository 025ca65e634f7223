//! Coming in: joining, coming back, watching, and seats promised to somebody.
//!
//! A claim is a token and works from any socket and transport. It also takes the seat over from a
//! connection that has not been noticed to be dead. Promises: a client is answered once for each
//! request; a claim for a seat that is gone is a request to join, not an error. Leaves out how clients go
//! ([`exit`](super::exit)).

use std::time::Duration;

use serde_json::value::{RawValue, to_raw_value};

use super::{
    Client, ClientId, Goodbye, Intake, News, Outlet, Presence, Room, Spectator, To, Token, Urgency,
    client::Delayed, events::Event,
};
use crate::game::{Game, Gaze, Leave, PlayerId, Refusal, Who};

/// Characters of a player's name that are kept.
const NAME_CHARS_MAX: usize = 20;

/// A request to come in.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name as the client sent it.
    pub name: String,
    /// The token of a new seat: random, chosen by the caller, who may also be a test.
    pub token: Token,
    /// A seat the client has, or was promised.
    pub claim: Option<Claim>,
    /// It only wants to watch.
    pub watch: bool,
    /// The [hash](ringside_netcode::snapshot::Layers::hash) of the layers that the client can read.
    pub schema: Option<u32>,
}

/// What a client shows to get its seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The seat's token.
    pub token: Token,
    /// The newest event the client has; 0 for none.
    pub last_event: u32,
}

impl<G: Game> Room<G> {
    /// A client asks to come in, or, being in, to go by another name. It is answered through `out`; the
    /// result says the same. Players get their number, spectators none.
    ///
    /// # Errors
    /// Why it is not let in.
    pub fn enter(
        &mut self,
        client: ClientId,
        entry: &Entry,
        now: Duration,
        out: &mut impl Outlet,
    ) -> Result<Option<PlayerId>, Refusal> {
        // What happened before is not for whoever comes now.
        self.settle(now, out);
        let entered = self.try_enter(client, entry, now, out);
        if let Err(refusal) = &entered {
            self.counters.refused += 1;
            if let Ok(answer) = to_raw_value(refusal) {
                out.answer(client, &answer);
            }
        }
        self.settle(now, out);
        entered
    }

    fn try_enter(
        &mut self,
        client: ClientId,
        entry: &Entry,
        now: Duration,
        out: &mut impl Outlet,
    ) -> Result<Option<PlayerId>, Refusal> {
        let hash = self.world.layers().hash();
        if entry.schema.is_some_and(|schema| schema != hash) {
            return Err(Refusal::of(
                "schema",
                "this page is of another version of the game; reload it",
            ));
        }
        if let Some(goodbye) = &self.closed {
            return Err(Refusal::of(
                "closed",
                format!("the room is closed: {}", goodbye.reason),
            ));
        }
        if entry.watch || self.is_playing_back() {
            return self.watch(client, now, out).map(|()| None);
        }
        if let Some(&id) = self.by_client.get(&client) {
            self.rename(id, &entry.name);
            self.welcome(client, Some(id), false, false, out);
            return Ok(Some(id));
        }
        let claim = entry.claim;
        let claimed = claim.and_then(|claim| Some((claim, *self.tokens.get(&claim.token)?)));
        if let Some((claim, id)) = claimed {
            self.resume(client, id, claim.last_event, now, out);
            return Ok(Some(id));
        }
        let promised = claim.filter(|claim| self.reserved.remove(&claim.token).is_some());
        let token = promised.map_or(entry.token, |claim| claim.token);
        self.join(client, &entry.name, token, promised.is_some(), now, out)
            .map(Some)
    }

    fn join(
        &mut self,
        client: ClientId,
        name: &str,
        token: Token,
        promised: bool,
        now: Duration,
        out: &mut impl Outlet,
    ) -> Result<PlayerId, Refusal> {
        if self.locked && !promised {
            return Err(Refusal::of("locked", "nobody can join this room now"));
        }
        if self.tokens.contains_key(&token) {
            return Err(Refusal::of("token", "this token has a seat already"));
        }
        self.free_a_seat()?;
        // That a bot went is not for whoever comes in its place.
        self.settle(now, out);
        let Some(id) = self.free.pop_front() else {
            return Err(Refusal::of("full", "the room is full"));
        };
        let who = Who {
            name: tidy_name(name),
            bot: false,
        };
        if let Err(refusal) = self.call(|game, cx| game.join(cx, id, &who)) {
            self.free.push_front(id);
            return Err(refusal);
        }
        self.spectators.remove(&client);
        self.sit(
            id,
            who,
            token,
            Presence::Here(Box::new(Client::new(client, &self.options))),
        );
        self.counters.joined += 1;
        self.fill_with_bots();
        self.news.push(News::Card(id));
        self.welcome(client, Some(id), false, false, out);
        out.share(client, true);
        Ok(id)
    }

    /// Has bots make room until some seat is neither taken nor promised.
    fn free_a_seat(&mut self) -> Result<(), Refusal> {
        while self.free.len() <= self.reserved.len() {
            if !self.remove_bot() {
                return Err(Refusal::of("full", "the room is full"));
            }
        }
        Ok(())
    }

    fn rename(&mut self, id: PlayerId, name: &str) {
        if let Some(seat) = self.seats.get_mut(id) {
            seat.who.name = tidy_name(name);
            if let Presence::Here(client) = &mut seat.presence {
                client.viewer.request_keyframe();
            }
            self.news.push(News::Card(id));
        }
    }

    /// Gives a seat to the connection that claims it.
    fn resume(
        &mut self,
        client: ClientId,
        id: PlayerId,
        last_event: u32,
        now: Duration,
        out: &mut impl Outlet,
    ) {
        let Some(seat) = self.seats.get_mut(id) else {
            return;
        };
        // The returning client numbers its inputs anew.
        self.past_intake = self.past_intake.plus(seat.intake.counters());
        seat.intake = Intake::new(self.next, &self.options);
        let here = Presence::Here(Box::new(Client::new(client, &self.options)));
        let before = std::mem::replace(&mut seat.presence, here);
        self.by_client.insert(client, id);
        self.spectators.remove(&client);
        self.counters.resumed += 1;
        match before {
            Presence::Here(old) => {
                self.by_client.remove(&old.id);
                self.counters.replaced += 1;
                out.dismiss(
                    old.id,
                    Some(Goodbye {
                        code: "replaced",
                        reason: "you came in again from elsewhere".to_owned(),
                    }),
                );
            }
            // What happened until now comes from the log; what `back` emits comes after it.
            _ => self.settle(now, out),
        }
        let (missed, gap) = self.events.since(last_event, id);
        let missed: Vec<Box<RawValue>> = missed.map(Event::argument).collect();
        self.welcome(client, Some(id), true, gap, out);
        out.share(client, true);
        self.counters.event_sends += missed.len() as u64;
        for argument in &missed {
            out.event(To::Clients(&[client]), "e", argument, Urgency::Reliable);
        }
        self.call(|game, cx| game.back(cx, id));
        self.news.push(News::Card(id));
    }

    fn watch(
        &mut self,
        client: ClientId,
        now: Duration,
        out: &mut impl Outlet,
    ) -> Result<(), Refusal> {
        let full = self.spectators.len() >= usize::from(self.options.spectators);
        if full && !self.spectators.contains_key(&client) {
            return Err(Refusal::of("full", "no more spectators are admitted"));
        }
        if let Some(id) = self.by_client.get(&client).copied() {
            self.vacate(id, Leave::Left);
            self.settle(now, out);
        }
        let live = self.options.spectator_delay.is_zero() && !self.is_playing_back();
        let spectator = Spectator {
            client: Client::new(client, &self.options),
            gaze: Gaze::default(),
            view: ringside_netcode::interest::View::new(),
            delayed: (!live).then(|| Delayed::new(&self.options)),
        };
        self.spectators.insert(client, spectator);
        self.welcome(client, None, false, false, out);
        out.share(client, live);
        Ok(())
    }

    /// Promises a seat to whoever comes with `token` before the reservation ends: for a matchmaker that
    /// knows its players before they connect.
    ///
    /// # Errors
    /// When there is no seat to promise.
    pub fn reserve(
        &mut self,
        token: Token,
        now: Duration,
        out: &mut impl Outlet,
    ) -> Result<(), Refusal> {
        if self.closed.is_some() || self.locked || self.is_playing_back() {
            return Err(Refusal::of("locked", "nobody can join this room now"));
        }
        self.free_a_seat()?;
        self.reserved.insert(token, now + self.options.reservation);
        self.settle(now, out);
        Ok(())
    }

    /// Whether nobody may come in any more.
    pub fn lock(&mut self, locked: bool) {
        self.locked = locked;
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
mod tests {
    use super::tidy_name;

    #[test]
    fn names_are_made_fit_to_be_seen() {
        assert_eq!(tidy_name("  a \n\t b\u{7} "), "a b");
        assert_eq!(tidy_name("\u{0}"), "nobody");
        assert_eq!(tidy_name(&"ä".repeat(50)).chars().count(), 20);
    }
}

//! What is told about seats: the welcome of whoever comes in, and the news of it to all others.
//!
//! Promises: a welcome lists everybody who sits there; a card that changed is told whole, so that a client needs to know
//! nothing of what it was. Leaves out the game's own events ([`settle`](super::settle)).

use std::time::Duration;

use serde::Serialize;
use serde_json::value::to_raw_value;

use super::{ClientId, Outlet, Presence, Room, Token, Urgency};
use crate::game::{Game, Leave, PlayerId, Who};

/// What a client is told that comes in.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Welcome<'a, C: Serialize, A: Serialize> {
    room: &'a str,
    /// `null` for a spectator.
    id: Option<PlayerId>,
    token: Option<Token>,
    /// The seat is the one it had.
    resumed: bool,
    /// It came back, and some of what happened meanwhile is not known any more.
    gap: bool,
    tick: u32,
    tick_hz: u32,
    snapshot_every: u32,
    schema: u32,
    last_event: u32,
    spectator_delay_ms: u64,
    players: Vec<Card<'a, C>>,
    about: A,
}

/// What everybody is told of a player.
#[derive(Serialize)]
struct Card<'a, C: Serialize> {
    id: PlayerId,
    #[serde(flatten)]
    who: &'a Who,
    away: bool,
    card: C,
}

/// What everybody is told when a seat changes.
pub(super) enum News {
    /// Somebody came, went away, came back, or has another name or card.
    Card(PlayerId),
    Left(PlayerId, Leave),
}

impl<G: Game> Room<G> {
    pub(super) fn welcome(
        &self,
        client: ClientId,
        id: Option<PlayerId>,
        resumed: bool,
        gap: bool,
        out: &mut impl Outlet,
    ) {
        let seat = id.and_then(|id| self.seats.get(id));
        let delayed = id.is_none();
        let delay = self.options.spectator_delay.as_millis() as u64;
        let welcome = Welcome {
            room: &self.code,
            id,
            token: seat.map(|seat| seat.token),
            resumed,
            gap,
            tick: self.next.get(),
            tick_hz: self.options.step.hz,
            snapshot_every: self.options.step.snapshot_every,
            schema: self.world.layers().hash(),
            last_event: self.events.last_id(),
            spectator_delay_ms: if delayed { delay } else { 0 },
            players: self.seats.ids().filter_map(|id| self.card(id)).collect(),
            about: self.game.about(),
        };
        match to_raw_value(&welcome) {
            Ok(welcome) => out.answer(client, &welcome),
            Err(error) => tracing::warn!(%error, "a card or the game's `about` cannot be encoded"),
        }
    }

    fn card(&self, id: PlayerId) -> Option<Card<'_, impl Serialize>> {
        let seat = self.seats.get(id)?;
        Some(Card {
            id,
            who: &seat.who,
            away: matches!(seat.presence, Presence::Away(_)),
            card: self.game.card(id),
        })
    }

    /// Tells everybody what is new about the seats.
    pub(super) fn tell_news(&mut self, news: &News, now: Duration, out: &mut impl Outlet) {
        #[derive(Serialize)]
        struct Left {
            id: PlayerId,
            why: Leave,
        }
        let told = match *news {
            // It may have left since.
            News::Card(id) => match self.card(id) {
                None => return,
                Some(card) => ("player", to_raw_value(&card)),
            },
            News::Left(id, why) => ("left", to_raw_value(&Left { id, why })),
        };
        match told {
            (name, Ok(argument)) => self.tell_all(name, &argument, Urgency::Reliable, now, out),
            (_, Err(error)) => tracing::warn!(%error, "a player's card cannot be encoded"),
        }
    }
}

//! A tick of the game, and what of it is told to whom.
//!
//! Promises: a zap is judged by where its player saw the others; in a small room everybody hears of every bank and
//! shatter, in a large one those who see it.

use std::collections::BTreeMap;

use ringside_rooms::{
    Audience, Cx, Given, PlayerId, Source,
    ringside_netcode::{Tick, snapshot::CellId},
};

use super::{Glimmer, Past};
use crate::{
    events::{Event, Hitbox},
    map::SIGHT,
    rules::{PIXEL, arena::Happening, motion::Controls, zap::Target},
    seen::PuckInput,
};

/// Up to so many players everybody is told of every bank and shatter; beyond, whoever sees it.
const VILLAGE: usize = 64;

impl Glimmer {
    /// Steps the arena; every zap is judged by where its player saw the others. Returns what happened, and the
    /// hitboxes for those who want to see them.
    pub(super) fn play(
        &mut self,
        tick: Tick,
        inputs: &[Given<PuckInput>],
    ) -> (Vec<Happening>, Vec<(PlayerId, Hitbox)>) {
        let mut hitboxes = Vec::new();
        let (seats, past) = (&self.seats, &self.past);
        let controls = inputs.iter().map(|given| {
            let mut controls = Controls::from(given.input);
            if given.source == Source::Missing {
                // Of somebody who says nothing, the aim stays.
                controls.aim = self
                    .arena
                    .pucks
                    .get(&given.player.0)
                    .map_or(0, |puck| puck.aim);
            }
            (given.player.0, controls)
        });
        let controls: Vec<_> = controls.collect();
        // All targets of a zap are asked for one after another: the past is looked up once.
        let mut moment = (None, None);
        let seen = |by: u16, to: u16, now: Target| {
            let seat = seats.get(&PlayerId(by))?;
            if moment.0 != Some(by) {
                let at = inputs.binary_search_by_key(&PlayerId(by), |given| given.player);
                let was = at.ok().and_then(|at| past.rewind(inputs[at].view, tick));
                moment = (Some(by), was);
            }
            let was = match &moment.1 {
                Some(was) => was.pose(seats.get(&PlayerId(to))?.entity),
                None => None,
            };
            let target = match was {
                Some(Past { x, y, .. }) if seat.lab.compensate => Target { x, y, ..now },
                _ => now,
            };
            if seat.lab.hitboxes {
                let (x, y, radius) = (target.x / PIXEL, target.y / PIXEL, target.radius / PIXEL);
                hitboxes.push((
                    PlayerId(by),
                    Hitbox {
                        id: to,
                        x,
                        y,
                        radius,
                    },
                ));
            }
            Some(target)
        };
        let happened = self.arena.tick(tick.get(), controls, seen).to_vec();
        (happened, hitboxes)
    }

    pub(super) fn tell(&self, cx: &mut Cx<'_, Self>, what: Happening) {
        let village = self.seats.len() <= VILLAGE;
        match what {
            Happening::Hit {
                by,
                to,
                at,
                spilled,
                shattered,
            } => {
                let cell = self
                    .seats
                    .get(&PlayerId(to))
                    .map_or(CellId::HIDDEN, |seat| seat.cell);
                let event = Event::hit(by, to, at, spilled, shattered);
                if shattered && village {
                    cx.emit(Audience::All, &event);
                } else if shattered {
                    cx.emit(Audience::Seeing(cell), &event);
                } else {
                    cx.emit_volatile(Audience::Seeing(cell), &event);
                }
            }
            Happening::Bank { who, light, total } => {
                let whom = if village {
                    Audience::All
                } else {
                    Audience::Player(PlayerId(who))
                };
                cx.emit(whom, &Event::Bank { who, light, total });
            }
            Happening::Over => {
                let mut best: Vec<_> = self
                    .arena
                    .pucks
                    .iter()
                    .map(|(id, puck)| (puck.score, *id))
                    .collect();
                best.sort_by_key(|(score, id)| (std::cmp::Reverse(*score), *id));
                best.truncate(3);
                cx.emit(
                    Audience::All,
                    &Event::Over {
                        best: best.into_iter().map(|(score, id)| (id, score)).collect(),
                    },
                );
            }
            Happening::Begin => cx.emit(
                Audience::All,
                &Event::Begin {
                    round: self.arena.round.number,
                },
            ),
            // The stage tells where it is.
            Happening::Well => {}
        }
    }

    /// The state that a player sees, as a server without netcode would send it.
    pub(super) fn as_json(&self, player: PlayerId) -> Option<Event> {
        let (x, y) = self.place(player)?;
        let near = |(px, py): (i32, i32)| (px - x).abs() < SIGHT && (py - y).abs() < SIGHT;
        let pucks = self
            .arena
            .pucks
            .iter()
            .filter(|(_, puck)| near(puck.motion.place()));
        let motes = self
            .arena
            .motes
            .iter()
            .filter(|(_, mote)| near(mote.place()));
        Some(Event::state(pucks, motes, &self.arena))
    }
}

pub(super) fn by_player(boxes: Vec<(PlayerId, Hitbox)>) -> BTreeMap<PlayerId, Vec<Hitbox>> {
    let mut sorted: BTreeMap<PlayerId, Vec<Hitbox>> = BTreeMap::new();
    for (player, hitbox) in boxes {
        sorted.entry(player).or_default().push(hitbox);
    }
    sorted
}

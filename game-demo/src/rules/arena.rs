//! One tick of everything: motion, zaps, light picked up and banked, the well, the rounds.
//!
//! The order within a tick: every puck moves; zaps are judged, by where their zappers saw the others; light is
//! picked up, then banked; the well and the round go on; who shattered comes back. Promises: light is only
//! made by sowing and only ends in the well or with a round; what happened is listed in the order it did.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    PIXEL, SIDE,
    motes::{Mote, Motes, free_place, is_within},
    motion::{Controls, RADIUS},
    puck::{AWAY_TICKS, CRACKED_TICKS, LIGHT_MAX, Puck},
    random::Random,
    zap::{REACH, Ray, Target},
};

/// Radius of the well, in units.
pub const WELL: i32 = 170 * PIXEL;
/// Ticks for which the well stays: 25 s.
pub const WELL_TICKS: u32 = 25 * super::HZ;
/// Ticks between two units of light that the well takes.
const BANK_EVERY: u32 = 3;
/// Ticks between two rounds: 8 s, for the names of the best.
pub const BREAK_TICKS: u32 = 8 * super::HZ;
/// How much farther than its body a puck reaches for light, in units.
const PICK: i32 = 24 * PIXEL;
/// Motes that lie about, for few players and for each of many.
const SOWN: usize = 400;
const SOWN_EACH: usize = 3;

/// Who wins is decided in `Play`; in `Break` nobody can be hit and nothing is banked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    Play,
    Break,
}

/// A round, and the tick at which its phase ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    pub number: u16,
    pub phase: Phase,
    pub ends: u32,
}

/// Where light is banked, in units, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Well {
    pub x: i32,
    pub y: i32,
    pub until: u32,
}

/// Something to tell people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// `by` zapped `to`, who spilled some light, or shattered and spilled all.
    Hit {
        by: u16,
        to: u16,
        at: (i32, i32),
        spilled: u32,
        shattered: bool,
    },
    /// A player left the well, or ran out of light there, having banked so much.
    Bank { who: u16, light: u32, total: u32 },
    /// The well is elsewhere.
    Well,
    /// The round is over.
    Over,
    /// A new one begins.
    Begin,
}

/// The arena.
#[derive(Clone, Debug)]
pub struct Arena {
    pub pucks: BTreeMap<u16, Puck>,
    pub motes: Motes,
    pub well: Well,
    pub round: Round,
    round_ticks: u32,
    random: Random,
    happened: Vec<Happening>,
}

/// An arena as it is kept.
#[derive(Serialize, Deserialize)]
pub struct Saved {
    pucks: Vec<(u16, Puck)>,
    motes: Vec<(u16, Mote)>,
    well: Well,
    round: Round,
    round_ticks: u32,
    random: Random,
}

impl Arena {
    /// An arena at tick 0, with rounds of so many ticks.
    pub fn new(seed: u32, round_ticks: u32) -> Self {
        let mut arena = Self {
            pucks: BTreeMap::new(),
            motes: Motes::new(),
            well: Well {
                x: SIDE / 2,
                y: SIDE / 2,
                until: WELL_TICKS,
            },
            round: Round {
                number: 1,
                phase: Phase::Play,
                ends: round_ticks.max(1),
            },
            round_ticks: round_ticks.max(1),
            random: Random::new(seed),
            happened: Vec::new(),
        };
        (0..SOWN).for_each(|_| arena.motes.sow(&mut arena.random));
        arena
    }

    pub fn save(&self) -> Saved {
        Saved {
            pucks: self
                .pucks
                .iter()
                .map(|(id, puck)| (*id, puck.clone()))
                .collect(),
            motes: self
                .motes
                .iter()
                .map(|(index, mote)| (index, *mote))
                .collect(),
            well: self.well,
            round: self.round,
            round_ticks: self.round_ticks,
            random: self.random.clone(),
        }
    }

    pub fn load(saved: Saved) -> Self {
        Self {
            pucks: saved.pucks.into_iter().collect(),
            motes: Motes::restored(saved.motes),
            well: saved.well,
            round: saved.round,
            round_ticks: saved.round_ticks.max(1),
            random: saved.random,
            happened: Vec::new(),
        }
    }

    /// Lets somebody in: people near the middle, where there is company, bots anywhere.
    pub fn join(&mut self, id: u16, near: bool) {
        let (mut x, mut y) = free_place(&mut self.random, RADIUS * 3);
        if near {
            (x, y) = (middle_of(x), middle_of(y));
        }
        self.pucks.insert(id, Puck::at(x, y));
    }

    /// Somebody goes; the light stays.
    pub fn leave(&mut self, id: u16) {
        if let Some(puck) = self.pucks.remove(&id).filter(Puck::is_here) {
            self.motes
                .scatter(puck.motion.place(), puck.light, &mut self.random);
        }
    }

    /// One tick. `seen` tells where a zapper saw a target that is now as given; `None` if not at all.
    pub fn tick(
        &mut self,
        now: u32,
        controls: impl IntoIterator<Item = (u16, Controls)>,
        mut seen: impl FnMut(u16, u16, Target) -> Option<Target>,
    ) -> &[Happening] {
        self.happened.clear();
        let mut zappers = Vec::new();
        for (id, controls) in controls {
            if self
                .pucks
                .get_mut(&id)
                .is_some_and(|puck| puck.step(&controls))
            {
                zappers.push(id);
            }
        }
        for by in zappers {
            self.zap(by, &mut seen);
        }
        self.pick_up();
        self.bank(now);
        self.go_on(now);
        self.bring_back();
        &self.happened
    }

    fn zap(&mut self, by: u16, seen: &mut impl FnMut(u16, u16, Target) -> Option<Target>) {
        let Some(zapper) = self
            .pucks
            .get(&by)
            .filter(|_| self.round.phase == Phase::Play)
        else {
            return;
        };
        let (x, y) = zapper.motion.place();
        let ray = Ray::cast((x, y), zapper.aim);
        // Who is farther off than that was not in reach in the half second that is remembered either.
        let far = REACH + 400 * PIXEL;
        let near = |puck: &Puck| {
            let (px, py) = puck.motion.place();
            (px - x).abs() < far && (py - y).abs() < far
        };
        let others = self
            .pucks
            .iter()
            .filter(|(id, puck)| **id != by && puck.is_vulnerable() && near(puck));
        let targets = others.filter_map(|(id, puck)| Some((*id, seen(by, *id, puck.target())?)));
        let Some((to, at)) = ray.first_hit(targets) else {
            return;
        };
        let Some(puck) = self.pucks.get_mut(&to) else {
            return;
        };
        let shattered = puck.cracked > 0;
        let spilled = if shattered {
            puck.light
        } else {
            puck.light.div_ceil(2)
        };
        puck.light -= spilled;
        puck.cracked = CRACKED_TICKS;
        if shattered {
            (puck.away, puck.cracked) = (AWAY_TICKS, 0);
        }
        let place = puck.motion.place();
        self.motes.scatter(place, spilled, &mut self.random);
        if let Some(zapper) = self.pucks.get_mut(&by) {
            zapper.zaps += u32::from(shattered);
        }
        self.happened.push(Happening::Hit {
            by,
            to,
            at,
            spilled,
            shattered,
        });
    }

    fn pick_up(&mut self) {
        for puck in self.pucks.values_mut().filter(|puck| puck.is_here()) {
            let (x, y) = puck.motion.place();
            let room = LIGHT_MAX - puck.light;
            puck.light += self.motes.pick_up(x, y, puck.radius() + PICK, room);
        }
    }

    fn bank(&mut self, now: u32) {
        let open = self.round.phase == Phase::Play;
        let due = now.is_multiple_of(BANK_EVERY);
        let well = (self.well.x, self.well.y);
        for (id, puck) in &mut self.pucks {
            let inside = open && puck.is_here() && is_within(puck.motion.place(), well, WELL);
            if inside && due && puck.light > 0 {
                puck.light -= 1;
                puck.score += 1;
                puck.banking += 1;
            }
            if puck.banking > 0 && (!inside || puck.light == 0) {
                self.happened.push(Happening::Bank {
                    who: *id,
                    light: std::mem::take(&mut puck.banking),
                    total: puck.score,
                });
            }
        }
    }

    /// The well, the round, and new motes for old.
    fn go_on(&mut self, now: u32) {
        if now >= self.well.until {
            self.move_well(now);
        }
        if now >= self.round.ends {
            self.turn_round(now);
        }
        let sown = SOWN.max(self.pucks.len() * SOWN_EACH);
        if self.motes.len() < sown {
            self.motes.sow(&mut self.random);
        }
    }

    fn move_well(&mut self, now: u32) {
        let old = (self.well.x, self.well.y);
        let margin = WELL + 40 * PIXEL;
        let mut place = free_place(&mut self.random, margin);
        // Elsewhere is where nobody who stands here sees it.
        while is_within(place, old, 1_000 * PIXEL) {
            place = free_place(&mut self.random, margin);
        }
        self.well = Well {
            x: place.0,
            y: place.1,
            until: now + WELL_TICKS,
        };
        self.happened.push(Happening::Well);
    }

    fn turn_round(&mut self, now: u32) {
        if self.round.phase == Phase::Play {
            self.round.phase = Phase::Break;
            self.round.ends = now + BREAK_TICKS;
            return self.happened.push(Happening::Over);
        }
        self.round = Round {
            number: self.round.number.wrapping_add(1),
            phase: Phase::Play,
            ends: now + self.round_ticks,
        };
        for puck in self.pucks.values_mut() {
            (puck.light, puck.score, puck.zaps, puck.banking) = (0, 0, 0, 0);
            (puck.cracked, puck.fresh) = (0, super::puck::FRESH_TICKS);
        }
        self.happened.push(Happening::Begin);
    }

    fn bring_back(&mut self) {
        for puck in self.pucks.values_mut().filter(|puck| !puck.is_here()) {
            puck.away -= 1;
            if puck.is_here() {
                let (x, y) = free_place(&mut self.random, RADIUS * 3);
                puck.come_back(x, y);
            }
        }
    }
}

/// A coordinate within 400 pixels of the middle, where no walls are, instead of one anywhere.
fn middle_of(at: i32) -> i32 {
    SIDE / 2 + (at - SIDE / 2) / 5
}

#[cfg(test)]
#[path = "arena_tests.rs"]
mod tests;

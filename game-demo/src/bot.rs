//! Bots: company for the first player. They press the same buttons as people, through the same path.
//!
//! A mind looks about a few times a second and then keeps to its intent: bank what it has, gather light, hunt
//! whoever is near, get away when cracked. Promises: thinking costs little (looking about is spread over the
//! ticks); a bot sees what a person would see, and aims a little worse.

use crate::rules::{
    HZ, PIXEL, SIDE,
    arena::{Arena, Phase},
    motes::is_within,
    motion::{Controls, RADIUS},
    puck::Puck,
    random::Random,
    trig::{angle_of, direction, root, turn},
    walls::{first_wall, is_blocked},
};

/// Names of stars; the number makes them unique.
const NAMES: [&str; 24] = [
    "Vega",
    "Lyra",
    "Orion",
    "Nova",
    "Rigel",
    "Mira",
    "Altair",
    "Deneb",
    "Sirius",
    "Polaris",
    "Castor",
    "Electra",
    "Maia",
    "Izar",
    "Spica",
    "Adhara",
    "Capella",
    "Pollux",
    "Atria",
    "Elnath",
    "Bellatrix",
    "Mimosa",
    "Shaula",
    "Hadar",
];

/// Ticks between two looks about: four a second.
const LOOK_EVERY: u32 = HZ / 4;
/// How far a bot sees, in units.
const SIGHT: i32 = 760 * PIXEL;
/// Directions of thrust of a turn, and angles of one.
const HEADINGS: u16 = 64;
const PER_HEADING: u16 = 16;

/// The name of the `n`th bot.
pub fn name(n: u16) -> String {
    let star = NAMES[usize::from(n) % NAMES.len()];
    match usize::from(n) / NAMES.len() {
        0 => star.to_owned(),
        more => format!("{star} {}", more + 1),
    }
}

/// A bot's mind.
#[derive(Clone, Debug)]
pub struct Bot {
    random: Random,
    /// Where it is going, in units.
    goal: (i32, i32),
    /// Whom it hunts.
    prey: Option<u16>,
    /// How far its aim is off, in parts of a turn.
    error: i32,
    /// The light at which it thinks of banking.
    greed: u32,
    /// Ticks for which it goes round something.
    detour: u8,
    side: i32,
    aim: u16,
}

impl Bot {
    pub fn new(seed: u16) -> Self {
        let mut random = Random::new(u32::from(seed) + 7_919);
        Self {
            goal: (SIDE / 2, SIDE / 2),
            prey: None,
            error: 0,
            greed: 5 + random.below(22),
            detour: 0,
            side: 1,
            aim: random.below(1024) as u16,
            random,
        }
    }

    /// What it does in this tick.
    pub fn think(&mut self, id: u16, arena: &Arena, tick: u32) -> Controls {
        let Some(me) = arena.pucks.get(&id).filter(|me| me.is_here()) else {
            return Controls::default();
        };
        // Not all in the same tick.
        if (tick + u32::from(id)).is_multiple_of(LOOK_EVERY) {
            self.look_about(id, me, arena);
        }
        let (x, y) = me.motion.place();
        let mut way = angle_of(self.goal.0 - x, self.goal.1 - y);
        way = self.round_walls((x, y), way);
        let near_goal = is_within((x, y), self.goal, 60 * PIXEL);
        let mut controls = Controls {
            heading: ((way + PER_HEADING / 2) / PER_HEADING % HEADINGS) as u8,
            thrust: !near_goal,
            aim: self.aim,
            dash: false,
            fire: false,
        };
        if let Some(prey) = self.prey.and_then(|prey| arena.pucks.get(&prey)) {
            self.take_aim(me, prey);
            controls.aim = self.aim;
            let wanted = self.aim_at(me, prey);
            let steady = turn(self.aim, wanted).abs() < 24;
            controls.fire = steady && prey.is_vulnerable() && self.random.below(40) == 0;
        } else {
            self.aim = way;
        }
        let hunted = me.cracked > 0 && self.prey.is_some();
        controls.dash =
            hunted && me.light > 3 && self.random.below(40) == 0 || self.random.below(900) == 0;
        controls
    }

    fn look_about(&mut self, id: u16, me: &Puck, arena: &Arena) {
        let (x, y) = me.motion.place();
        self.error = self.random.between(-64, 65);
        self.prey = self.choose_prey(id, me, arena);
        let well = (arena.well.x, arena.well.y);
        let playing = arena.round.phase == Phase::Play;
        let at_well = is_within((x, y), well, 160 * PIXEL);
        if playing && me.light > 0 && (me.light >= self.greed || at_well) {
            self.goal = well;
            return;
        }
        if me.light == 0 {
            self.greed = 5 + self.random.below(22);
        }
        if let Some(mote) = arena.motes.most_tempting(x, y, 500 * PIXEL) {
            self.goal = mote.place();
        } else if is_within((x, y), self.goal, 300 * PIXEL) {
            self.goal = crate::rules::motes::free_place(&mut self.random, 200 * PIXEL);
        }
        // A rich one nearby is worth more than motes.
        if let Some(prey) = self.prey.and_then(|prey| arena.pucks.get(&prey))
            && prey.light > 10
            && me.cracked == 0
        {
            self.goal = prey.motion.place();
        }
    }

    /// The nearest that it sees, the rich ones first.
    fn choose_prey(&mut self, id: u16, me: &Puck, arena: &Arena) -> Option<u16> {
        let (x, y) = me.motion.place();
        let mut best: Option<(i64, u16)> = None;
        for (&other, puck) in &arena.pucks {
            let (px, py) = puck.motion.place();
            if other == id
                || !puck.is_vulnerable()
                || (px - x).abs() > SIGHT
                || (py - y).abs() > SIGHT
            {
                continue;
            }
            let distance = i64::from((px - x).abs().max((py - y).abs()));
            let worth = distance - i64::from(puck.light) * i64::from(4 * PIXEL);
            if best.is_none_or(|(least, _)| worth < least) {
                best = Some((worth, other));
            }
        }
        let (_, other) = best?;
        let (px, py) = arena.pucks[&other].motion.place();
        let distance = root(i64::from(px - x).pow(2) + i64::from(py - y).pow(2));
        let clear = first_wall((x, y), direction(angle_of(px - x, py - y)), distance).is_none();
        clear.then_some(other)
    }

    fn aim_at(&self, me: &Puck, prey: &Puck) -> u16 {
        let ((x, y), (px, py)) = (me.motion.place(), prey.motion.place());
        let angle = i32::from(angle_of(px - x, py - y)) + self.error;
        angle.rem_euclid(1024) as u16
    }

    /// Turns towards its prey no quicker than a hand does.
    fn take_aim(&mut self, me: &Puck, prey: &Puck) {
        let way = turn(self.aim, self.aim_at(me, prey)).clamp(-22, 22);
        self.aim = (i32::from(self.aim) + way).rem_euclid(1024) as u16;
    }

    /// Another way where a wall is close ahead: to the side on which it is free.
    fn round_walls(&mut self, (x, y): (i32, i32), way: u16) -> u16 {
        let free = |way: u16, reach: i32| {
            let (dx, dy) = direction(way);
            let at = |from: i32, d: i32| from + ((d * reach) >> 14);
            let (ax, ay) = (at(x, dx), at(y, dy));
            let inside = RADIUS..SIDE - RADIUS;
            inside.contains(&ax) && inside.contains(&ay) && !is_blocked(ax, ay, RADIUS + 8 * PIXEL)
        };
        let ahead = 110 * PIXEL;
        if self.detour == 0 && !free(way, ahead) {
            let way_at = |by: i32| (i32::from(way) + by).rem_euclid(1024) as u16;
            self.side = if free(way_at(200), ahead) && !free(way_at(-200), ahead) {
                1
            } else {
                -1
            };
            if free(way_at(200), ahead) && free(way_at(-200), ahead) {
                self.side = if self.random.below(2) == 0 { 1 } else { -1 };
            }
            self.detour = 30;
        }
        if self.detour == 0 {
            return way;
        }
        self.detour -= 1;
        let turned = |by: i32| (i32::from(way) + by * self.side).rem_euclid(1024) as u16;
        [0, 130, 230, 330, 430, 512]
            .map(turned)
            .into_iter()
            .find(|&way| free(way, ahead))
            .unwrap_or(way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bots_have_names_of_their_own() {
        let names: std::collections::BTreeSet<_> = (0..200).map(name).collect();
        assert_eq!(names.len(), 200);
    }

    #[test]
    fn a_bot_with_light_gets_to_the_well_from_anywhere() {
        for seed in 0..40u16 {
            let mut arena = Arena::new(u32::from(seed), 100_000);
            arena.join(1, false);
            let mut bot = Bot::new(seed);
            arena.pucks.get_mut(&1).unwrap().light = 100;
            let arrived = (1..25 * HZ).any(|tick| {
                let controls = bot.think(1, &arena, tick);
                arena.tick(tick, [(1, controls)], |_, _, target| Some(target));
                arena.pucks[&1].score > 0
            });
            assert!(
                arrived,
                "seed {seed}: {:?} of {:?}",
                arena.pucks[&1].motion.place(),
                arena.well
            );
        }
    }
}

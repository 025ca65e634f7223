//! What travels: a player's input, and what clients see of the arena. The page's decoder is generated from this.
//!
//! Promises: every field fits its bits whatever the rules do (what could be larger is cut, and a test compares);
//! what only its owner may know (exact motion, cooldowns) is in no one else's frames.

use ringside_rooms::{Input, Replicate, ringside_netcode};

use crate::rules::{
    PIXEL,
    arena::{Arena, Phase},
    motes::Mote,
    motion::Controls,
    puck::{Puck, RICH},
};

/// What a player does in a tick: 19 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Replicate)]
pub struct PuckInput {
    /// Direction of thrust, 64 to the turn.
    #[rep(bits = 6, wrap)]
    pub heading: u8,
    pub thrust: bool,
    /// Direction of the zap, 1,024 to the turn.
    #[rep(bits = 10, wrap)]
    pub aim: u16,
    pub dash: bool,
    pub fire: bool,
}

impl Input for PuckInput {
    /// A missing input flies on, but neither dashes nor zaps again.
    fn repeated(&self) -> Self {
        Self {
            dash: false,
            fire: false,
            ..*self
        }
    }
}

/// Two structs that have the same fields become each other.
macro_rules! alike {
    ($one:ty, $other:ty: $($field:ident),*) => {
        impl From<$one> for $other {
            fn from(it: $one) -> Self {
                Self { $($field: it.$field),* }
            }
        }

        impl From<$other> for $one {
            fn from(it: $other) -> Self {
                Self { $($field: it.$field),* }
            }
        }
    };
}

alike!(PuckInput, Controls: heading, thrust, aim, dash, fire);

/// A puck: 57 bits for all who see it, and its motion to the last bit for its owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Replicate)]
pub struct PuckSeen {
    /// Place in units.
    #[rep(predict = linear)]
    pub x: u16,
    #[rep(predict = linear)]
    pub y: u16,
    /// 256 to the turn.
    #[rep(wrap)]
    pub aim: u8,
    pub light: u8,
    pub thrust: bool,
    pub dash: bool,
    pub cracked: bool,
    pub away: bool,
    pub fresh: bool,
    /// Changes with every zap.
    #[rep(bits = 3, wrap)]
    pub shots: u8,
    /// Changes with every coming back: between places before and after there is no way.
    #[rep(bits = 3, wrap)]
    pub life: u8,
    /// The owner's: place and speed in 1/256 unit, and ticks of dash and waits.
    #[rep(owner, bits = 24)]
    pub fine_x: u32,
    #[rep(owner, bits = 24)]
    pub fine_y: u32,
    #[rep(owner, bits = 18)]
    pub vx: i32,
    #[rep(owner, bits = 18)]
    pub vy: i32,
    #[rep(owner, bits = 4)]
    pub dash_left: u8,
    #[rep(owner)]
    pub dash_wait: u8,
    #[rep(owner, bits = 5)]
    pub zap_wait: u8,
    #[rep(owner, bits = 7)]
    pub away_left: u8,
}

impl From<&Puck> for PuckSeen {
    fn from(puck: &Puck) -> Self {
        let motion = &puck.motion;
        let (x, y) = motion.place();
        Self {
            x: x as u16,
            y: y as u16,
            aim: (puck.aim / 4) as u8,
            light: puck.light as u8,
            thrust: puck.thrusting,
            dash: motion.dash > 0,
            cracked: puck.cracked > 0,
            away: !puck.is_here(),
            fresh: puck.fresh > 0,
            shots: puck.shots,
            life: puck.life,
            fine_x: motion.x as u32,
            fine_y: motion.y as u32,
            vx: motion.vx,
            vy: motion.vy,
            dash_left: motion.dash,
            dash_wait: motion.dash_wait,
            zap_wait: motion.zap_wait,
            away_left: puck.away,
        }
    }
}

/// A mote: it lies where it lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Replicate)]
pub struct MoteSeen {
    /// Place in pixels.
    #[rep(once, bits = 12)]
    pub x: u16,
    #[rep(once, bits = 12)]
    pub y: u16,
    #[rep(bits = 4)]
    pub value: u8,
}

impl From<&Mote> for MoteSeen {
    fn from(mote: &Mote) -> Self {
        Self {
            x: mote.x,
            y: mote.y,
            value: mote.value,
        }
    }
}

/// How a player stands: seen from everywhere. The place is told only of the rich, and roughly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Replicate)]
pub struct Standing {
    pub score: u16,
    pub light: u8,
    pub zaps: u8,
    /// In 32 pixels.
    #[rep(bits = 7)]
    pub x: u8,
    #[rep(bits = 7)]
    pub y: u8,
}

impl From<&Puck> for Standing {
    fn from(puck: &Puck) -> Self {
        let (x, y) = if puck.light >= RICH && puck.is_here() {
            puck.motion.place()
        } else {
            (0, 0)
        };
        let rough = |at: i32| (at / PIXEL / 32) as u8;
        Self {
            score: u16::try_from(puck.score).unwrap_or(u16::MAX),
            light: puck.light as u8,
            zaps: u8::try_from(puck.zaps).unwrap_or(u8::MAX),
            x: rough(x),
            y: rough(y),
        }
    }
}

/// The well and the round: seen from everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Replicate)]
pub struct Stage {
    /// Place of the well in pixels.
    #[rep(bits = 12)]
    pub well_x: u16,
    #[rep(bits = 12)]
    pub well_y: u16,
    /// The tick at which it goes.
    pub well_until: u32,
    pub round: u16,
    /// Between two rounds.
    pub rest: bool,
    /// The tick at which this phase ends.
    pub ends: u32,
}

impl From<&Arena> for Stage {
    fn from(arena: &Arena) -> Self {
        Self {
            well_x: (arena.well.x / PIXEL) as u16,
            well_y: (arena.well.y / PIXEL) as u16,
            well_until: arena.well.until,
            round: arena.round.number,
            rest: arena.round.phase == Phase::Break,
            ends: arena.round.ends,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::Bot;

    /// Through the wire's form and back.
    fn travelled<T: Replicate>(value: &T) -> T {
        let mut row = vec![0; T::SCHEMA.fields.len()];
        value.store(&mut row);
        T::load(&row)
    }

    #[test]
    fn nothing_is_cut_on_its_way_whatever_bots_do() {
        let mut arena = Arena::new(8, 600);
        let mut bots: Vec<Bot> = (0..12).map(Bot::new).collect();
        (0..12).for_each(|id| arena.join(id, false));
        for tick in 1..3_000 {
            let think =
                |(id, bot): (usize, &mut Bot)| (id as u16, bot.think(id as u16, &arena, tick));
            let controls: Vec<_> = bots.iter_mut().enumerate().map(think).collect();
            for (_, controls) in &controls {
                let input = PuckInput::from(*controls);
                assert_eq!(Controls::from(travelled(&input)), *controls);
            }
            arena.tick(tick, controls, |_, _, target| Some(target));
            for puck in arena.pucks.values() {
                let seen = PuckSeen::from(puck);
                // Counters wrap; the rest must come back as it was.
                let (shots, life) = (seen.shots % 8, seen.life % 8);
                assert_eq!(
                    travelled(&seen),
                    PuckSeen {
                        shots,
                        life,
                        ..seen
                    }
                );
                assert_eq!(travelled(&Standing::from(puck)), Standing::from(puck));
            }
            for (_, mote) in arena.motes.iter() {
                assert_eq!(travelled(&MoteSeen::from(mote)), MoteSeen::from(mote));
            }
            assert_eq!(travelled(&Stage::from(&arena)), Stage::from(&arena));
        }
    }
}

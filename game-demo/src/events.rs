//! What is said: by the game to players, as JSON, and by players to the game.
//!
//! Promises: what players say is bounded in length and rate, and reaches others as text only. Leaves out: whom an event
//! concerns, which the game decides.

use serde::{Deserialize, Serialize};

use crate::rules::{HZ, PIXEL, arena::Arena, motes::Mote, puck::Puck};

/// Characters of a line of chat.
const CHAT_CHARS_MAX: usize = 120;
/// Lines at once, and ticks for one more: nobody types faster for long.
const CHAT_BURST: u32 = 4;
const CHAT_EVERY: u32 = HZ * 3 / 2;

/// An event. Places are pixels.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Event {
    Hit {
        by: u16,
        to: u16,
        x: i32,
        y: i32,
        spilled: u32,
        shattered: bool,
    },
    Bank {
        who: u16,
        light: u32,
        total: u32,
    },
    /// The round is over: players and scores of the best.
    Over {
        best: Vec<(u16, u32)>,
    },
    Begin {
        round: u16,
    },
    Chat {
        who: u16,
        text: String,
    },
    /// To one player alone: what it said was not passed on.
    Hush {
        why: &'static str,
    },
    /// To one player alone: what its zap was judged by.
    Hitboxes(Vec<Hitbox>),
    /// To one player alone: what it sees, in JSON, to compare.
    State {
        pucks: Vec<PuckState>,
        motes: Vec<MoteState>,
        standings: Vec<StandingState>,
    },
}

/// A target as a zap was judged by.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Hitbox {
    pub id: u16,
    pub x: i32,
    pub y: i32,
    pub radius: i32,
}

/// The fields of [`crate::seen::PuckSeen`] that everybody gets.
#[derive(Clone, Debug, Serialize)]
pub struct PuckState {
    id: u16,
    x: i32,
    y: i32,
    aim: u16,
    light: u32,
    thrust: bool,
    dash: bool,
    cracked: bool,
    away: bool,
    fresh: bool,
    shots: u8,
    life: u8,
}

#[derive(Clone, Debug, Serialize)]
pub struct MoteState {
    id: u16,
    x: u16,
    y: u16,
    value: u8,
}

#[derive(Clone, Debug, Serialize)]
pub struct StandingState {
    id: u16,
    score: u32,
    light: u32,
    zaps: u32,
}

impl Event {
    pub fn hit(by: u16, to: u16, (x, y): (i32, i32), spilled: u32, shattered: bool) -> Self {
        Self::Hit {
            by,
            to,
            x: x / PIXEL,
            y: y / PIXEL,
            spilled,
            shattered,
        }
    }

    pub fn state<'a>(
        pucks: impl Iterator<Item = (&'a u16, &'a Puck)>,
        motes: impl Iterator<Item = (u16, &'a Mote)>,
        arena: &Arena,
    ) -> Self {
        let pucks = pucks.map(|(&id, puck)| {
            let (x, y) = puck.motion.place();
            PuckState {
                id,
                x,
                y,
                aim: puck.aim,
                light: puck.light,
                thrust: puck.thrusting,
                dash: puck.motion.dash > 0,
                cracked: puck.cracked > 0,
                away: !puck.is_here(),
                fresh: puck.fresh > 0,
                shots: puck.shots,
                life: puck.life,
            }
        });
        let motes = motes.map(|(id, mote)| MoteState {
            id,
            x: mote.x,
            y: mote.y,
            value: mote.value,
        });
        let standings = arena.pucks.iter().map(|(&id, puck)| StandingState {
            id,
            score: puck.score,
            light: puck.light,
            zaps: puck.zaps,
        });
        Self::State {
            pucks: pucks.collect(),
            motes: motes.collect(),
            standings: standings.collect(),
        }
    }
}

/// What a player says to the game.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Said {
    Chat(String),
    Lab(Lab),
}

/// What a player tries out on itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Lab {
    /// Judge my zaps by what I saw.
    pub compensate: bool,
    /// Tell me what they were judged by.
    pub hitboxes: bool,
    /// Send me the state in JSON as well.
    pub json: bool,
}

impl Default for Lab {
    fn default() -> Self {
        Self {
            compensate: true,
            hitboxes: false,
            json: false,
        }
    }
}

/// A player's allowance of chat.
#[derive(Clone, Copy, Debug)]
pub struct Talk {
    left: u32,
    since: u32,
}

impl Default for Talk {
    fn default() -> Self {
        Self {
            left: CHAT_BURST,
            since: 0,
        }
    }
}

impl Talk {
    /// The line as others may see it, or why not.
    pub fn say(&mut self, text: &str, tick: u32) -> Result<String, &'static str> {
        let earned = tick.wrapping_sub(self.since) / CHAT_EVERY;
        if earned > 0 {
            self.left = (self.left.saturating_add(earned)).min(CHAT_BURST);
            self.since = tick;
        }
        let words: Vec<&str> = text
            .split(|c: char| c.is_whitespace() || c.is_control())
            .filter(|word| !word.is_empty())
            .collect();
        let line: String = words.join(" ").chars().take(CHAT_CHARS_MAX).collect();
        if line.is_empty() {
            return Err("there is nothing in it");
        }
        self.left = self.left.checked_sub(1).ok_or("slower, please")?;
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chat_is_cut_cleaned_and_rationed() {
        let mut talk = Talk::default();
        assert_eq!(talk.say(" a\u{7}\n b ", 0).as_deref(), Ok("a b"));
        assert_eq!(
            talk.say(&"x".repeat(9_000), 0).map(|line| line.len()),
            Ok(CHAT_CHARS_MAX)
        );
        assert!(talk.say("  ", 0).is_err());
        assert!(talk.say("3", 0).is_ok() && talk.say("4", 0).is_ok());
        assert_eq!(talk.say("5", 1), Err("slower, please"));
        assert!(talk.say("6", CHAT_EVERY).is_ok() && talk.say("7", CHAT_EVERY).is_err());
    }

    #[test]
    fn what_is_left_out_of_the_lab_is_as_usual() {
        let said: Said = serde_json::from_str(r#"{"lab":{"hitboxes":true}}"#).unwrap();
        let Said::Lab(lab) = said else {
            panic!("{said:?}")
        };
        assert!(lab.compensate && lab.hitboxes && !lab.json);
        assert!(serde_json::from_str::<Said>(r#"{"cheat":1}"#).is_err());
    }
}

//! Bots: company for the first player. They press the same buttons as people.

use crate::{
    arena::PuckInput,
    puck::{Buttons, Puck},
};

/// Names of stars; the number makes them unique.
const NAMES: [&str; 16] = [
    "Vega", "Lyra", "Orion", "Nova", "Rigel", "Mira", "Altair", "Deneb", "Sirius", "Polaris",
    "Castor", "Electra", "Maia", "Izar", "Spica", "Adhara",
];

/// The name of the `n`th bot.
pub(crate) fn name(n: u16) -> String {
    let star = NAMES[usize::from(n) % NAMES.len()];
    match usize::from(n) / NAMES.len() {
        0 => star.to_owned(),
        more => format!("{star} {}", more + 1),
    }
}

/// A bot's mind: it roams, turns back near the walls, and dashes now and then.
pub(crate) struct Bot {
    random: u32,
    buttons: u8,
    /// Ticks until it changes its mind.
    patience: u8,
}

impl Bot {
    pub(crate) fn new(seed: u16) -> Self {
        Self {
            random: u32::from(seed).wrapping_mul(0x9E37_79B9) | 1,
            buttons: 0,
            patience: 0,
        }
    }

    fn next(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }

    pub(crate) fn think(&mut self, puck: &Puck) -> PuckInput {
        if self.patience == 0 {
            let random = self.next();
            self.patience = 15 + (random >> 8 & 63) as u8;
            self.buttons = (random & 15) as u8;
            let (x, y) = puck.place();
            // Near a wall, away from it: the bits of up, down, left, right.
            self.buttons = home(self.buttons, y, Buttons::UP);
            self.buttons = home(self.buttons, x, Buttons::UP << 2);
        }
        self.patience -= 1;
        let dash = if self.next().is_multiple_of(400) {
            Buttons::DASH
        } else {
            0
        };
        PuckInput {
            buttons: self.buttons | dash,
            aim: heading(self.buttons),
        }
    }
}

/// On an axis with buttons `minus` and `minus << 1`: away from the wall that is near.
fn home(buttons: u8, at: u16, minus: u8) -> u8 {
    let plus = minus << 1;
    match at {
        0..=9_000 => buttons & !minus | plus,
        56_000.. => buttons & !plus | minus,
        _ => buttons,
    }
}

/// Where the pressed buttons point, 256 to the turn, 0 to the right, clockwise.
fn heading(buttons: u8) -> u8 {
    match buttons & 15 {
        1 => 192,
        2 => 64,
        4 => 128,
        5 => 160,
        6 => 96,
        9 => 224,
        10 => 32,
        _ => 0,
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
    fn a_bot_comes_back_from_the_wall() {
        let (mut bot, mut puck) = (Bot::new(5), Puck::at(0, 0));
        for _ in 0..600 {
            let PuckInput { buttons, aim } = bot.think(&puck);
            puck.step(Buttons(buttons), aim);
        }
        let (x, y) = puck.place();
        assert!(x > 2_000 || y > 2_000, "still in its corner: {x} {y}");
    }
}

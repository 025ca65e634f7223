//! How many players a server holds: up in steps until it does not, then between.
//!
//! A number is held if [`Sample::holds`] in one of two tries: a hiccup of the machine is not the server's limit.
//! Promises: the number told was held, and one not much larger was tried and was not, or the reason why none was
//! tried is told with it.

use std::{io, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Crowd, Sample};

/// Above this share of its core the crowd itself is the limit.
const GENERATOR_BUSY_MAX: f64 = 0.95;
/// The answer is this close to a number that was not held, in parts of it.
const PRECISION: usize = 24;
/// Tries before a number counts as not held.
const TRIES: usize = 2;

/// Why there is no larger number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// The server did not hold more.
    Server,
    /// The crowd's own core was busy: the server may hold more.
    Generator,
    /// More were not to be tried.
    Asked,
}

/// The most players that were held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Most {
    /// How many; 0 if not even the first number was held.
    pub players: usize,
    /// What stopped it there.
    pub limit: Limit,
    /// How it was with so many.
    pub held: Option<Sample>,
    /// How it was with the smallest number that was not held.
    pub failed: Option<Sample>,
    /// Every number that was tried, in order, and whether it was held.
    pub tried: Vec<(usize, bool)>,
}

/// Looks for the most players, from `from` up to `up_to`; `tell` hears of every try.
///
/// # Errors
/// The system refuses to go on. Players who do not get in are an answer.
pub fn most(
    crowd: &mut Crowd,
    from: usize,
    up_to: usize,
    (warm_up, time): (Duration, Duration),
    mut tell: impl FnMut(&Sample, bool),
) -> io::Result<Most> {
    let mut found = Most {
        players: 0,
        limit: Limit::Asked,
        held: None,
        failed: None,
        tried: Vec::new(),
    };
    let mut too_many = None;
    let mut next = from.clamp(1, up_to);
    loop {
        let (mut held, mut last) = (false, None);
        for _ in 0..TRIES {
            if let Err(reason) = crowd.resize(next) {
                eprintln!("{reason}");
                found.tried.push((next, false));
                continue;
            }
            let sample = crowd.measure(warm_up, time)?;
            held = sample.holds();
            tell(&sample, held);
            found.tried.push((next, held));
            last = Some(sample);
            if held {
                break;
            }
        }
        if held {
            (found.players, found.held) = (next, last);
        } else {
            // Each number that is not held is smaller than the one before.
            (too_many, found.failed) = (Some(next), last);
        }
        let after = following(found.players, too_many, up_to);
        match after {
            Some(after) => next = after,
            None => break,
        }
    }
    let crowded = |sample: &Option<Sample>| {
        let busy = sample.as_ref().map(|sample| sample.generator_busy);
        busy.is_some_and(|busy| busy > GENERATOR_BUSY_MAX)
    };
    if crowded(&found.failed) || crowded(&found.held) {
        found.limit = Limit::Generator;
    } else if too_many.is_some() {
        found.limit = Limit::Server;
    }
    Ok(found)
}

/// The number to try next, if the answer is not close enough.
fn following(held: usize, too_many: Option<usize>, up_to: usize) -> Option<usize> {
    match too_many {
        None if held >= up_to => None,
        None => Some((held * 3).div_ceil(2).min(up_to)),
        Some(too_many) if too_many - held <= (too_many / PRECISION).max(1) => None,
        Some(too_many) => Some(held.midpoint(too_many)),
    }
}

#[cfg(test)]
mod tests {
    use super::following;

    /// The search against a server that holds exactly `limit`.
    fn found(limit: usize, from: usize, up_to: usize) -> (usize, usize) {
        let (mut held, mut too_many, mut tries) = (0, None, 0);
        let mut next = Some(from);
        while let Some(players) = next {
            tries += 1;
            if players <= limit {
                held = players;
            } else {
                too_many = Some(players);
            }
            next = following(held, too_many, up_to);
        }
        (held, tries)
    }

    #[test]
    fn the_search_ends_close_below_the_limit() {
        for limit in [1, 7, 99, 400, 4_321, 12_000] {
            let (held, tries) = found(limit, 400, 20_000);
            assert!(
                held <= limit && limit - held <= 1 + limit / 20,
                "{limit}: {held}"
            );
            assert!(tries <= 20, "{limit}: {tries}");
        }
        assert_eq!(found(50_000, 400, 2_000).0, 2_000);
        assert_eq!(found(0, 400, 2_000).0, 0);
    }
}

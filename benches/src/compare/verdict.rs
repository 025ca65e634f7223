//! The gate: a result beside the stored one, and what got slower by more than it may.

use std::collections::BTreeMap;

use super::Stored;

/// Instruction counts may grow by this share: they are the same on every run of the same program, and
/// a change of the compiler's mind is usually smaller.
const INSTRUCTIONS: f64 = 0.01;

/// Ratios within one process may get worse by this share: their noise on a busy machine.
const RATIOS: f64 = 0.20;

/// Ratios of contenders on several threads may get worse by this share: a factor of two. They are good
/// for their first digit, and that only where no more wants to run than there are cores: two threads in
/// step pass each other every message by the cache, out of step hundreds at once.
const RATIOS_ACROSS_THREADS: f64 = 1.0;

/// User time a delivery may grow by this share, with broadcasts swallowed.
const USER_TIME: f64 = 0.15;

/// Share by which an unmeasured contest is off the table: figures of user time below this are noise.
const LEAST_USER_US: f64 = 1e-4;

/// One figure, then and now.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What it is.
    pub what: String,
    /// As it was stored. Missing: it is new.
    pub before: Option<f64>,
    /// As it is. Missing: it was not measured this time.
    pub now: Option<f64>,
    /// By how much it got worse, as a share; negative: better.
    pub worse: f64,
    /// By how much it may.
    pub limit: f64,
}

impl Comparison {
    fn of(
        what: String,
        before: Option<f64>,
        now: Option<f64>,
        limit: f64,
        larger_is_worse: bool,
    ) -> Self {
        let worse = match (before, now) {
            (Some(before), Some(now)) if larger_is_worse => now / before - 1.0,
            (Some(before), Some(now)) => before / now - 1.0,
            _ => 0.0,
        };
        Self {
            what,
            before,
            now,
            worse,
            limit,
        }
    }

    /// Whether it fails the gate.
    pub fn fails(&self) -> bool {
        self.worse > self.limit || !self.worse.is_finite()
    }

    /// A line for people.
    pub fn line(&self) -> String {
        let figure =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
        let verdict = match (self.before, self.now) {
            (None, _) => "new".to_owned(),
            (_, None) => "not measured".to_owned(),
            _ if self.fails() => format!(
                "SLOWER by {:.1} %, allowed are {:.0} %",
                self.worse * 100.0,
                self.limit * 100.0
            ),
            _ if self.limit.is_infinite() => "not judged, for the machine was busy".to_owned(),
            _ if self.worse < -self.limit => format!("better by {:.1} %", -self.worse * 100.0),
            _ => "the same".to_owned(),
        };
        format!(
            "{:<72} {:>14} {:>14}  {verdict}",
            self.what,
            figure(self.before),
            figure(self.now)
        )
    }
}

/// A ratio's name ends with this if more is better.
pub const MORE_IS_BETTER: &str = " (more is better)";

/// A ratio's name has this, before that, if its contenders run on several threads.
pub const ACROSS_THREADS: &str = " (across threads)";

/// Compares a result with the stored one. `paired`: by which factor user time a delivery changed
/// against the stored program itself, by point, measured in turns with it; without it the ratio to the
/// floor of each result is used.
pub fn compare(now: &Stored, before: &Stored, paired: &BTreeMap<String, f64>) -> Vec<Comparison> {
    let mut all = Vec::new();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let busy = now.load.0.max(now.load.1) > cores as f64;
    for (what, figure) in both(&now.instructions, &before.instructions) {
        let (now, before) = (figure.0.map(|it| it as f64), figure.1.map(|it| it as f64));
        all.push(Comparison::of(
            format!("instructions: {what}"),
            before,
            now,
            INSTRUCTIONS,
            true,
        ));
    }
    for (what, (now, before)) in both(&now.ratios, &before.ratios) {
        let larger_is_worse = !what.ends_with(MORE_IS_BETTER);
        let limit = match what.contains(ACROSS_THREADS) {
            true if busy => f64::INFINITY,
            true => RATIOS_ACROSS_THREADS,
            false => RATIOS,
        };
        all.push(Comparison::of(
            format!("ratio: {what}"),
            before,
            now,
            limit,
            larger_is_worse,
        ));
    }
    for point in ["null-1", "null-8"] {
        let comparison = match paired.get(point) {
            Some(factor) => {
                let what = format!("user time a delivery, {point}, by the stored program's");
                Comparison::of(what, Some(1.0), Some(*factor), USER_TIME, true)
            }
            None => {
                let what = format!("user time a delivery, {point}, by the floor's");
                let (now, before) = (to_floor(now, point), to_floor(before, point));
                Comparison::of(what, before, now, USER_TIME, true)
            }
        };
        if comparison.now.is_some() {
            all.push(comparison);
        }
    }
    all
}

fn to_floor(stored: &Stored, point: &str) -> Option<f64> {
    let ours = stored.median(point, "ringside-null", "user_us")?;
    let floor = stored.median(point, "floor-null", "user_us")?;
    (floor > LEAST_USER_US).then_some(ours / floor)
}

/// Everything that either has.
fn both<'a, T: Copy>(
    now: &'a BTreeMap<String, T>,
    before: &'a BTreeMap<String, T>,
) -> BTreeMap<&'a str, (Option<T>, Option<T>)> {
    let names = now.keys().chain(before.keys());
    names
        .map(|name| {
            (
                name.as_str(),
                (now.get(name).copied(), before.get(name).copied()),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(instructions: u64, ratio: f64) -> Stored {
        Stored {
            instructions: [("route".to_owned(), instructions)].into(),
            ratios: [
                ("fan-out to tokio".to_owned(), ratio),
                (format!("x{MORE_IS_BETTER}"), 1.0 / ratio),
                (format!("y{ACROSS_THREADS}{MORE_IS_BETTER}"), 0.8 / ratio),
            ]
            .into(),
            ..Stored::default()
        }
    }

    fn failures(now: &Stored, paired: f64) -> Vec<String> {
        let paired = [("null-1".to_owned(), paired)].into();
        let all = compare(now, &stored(1000, 0.5), &paired);
        all.into_iter()
            .filter(Comparison::fails)
            .map(|it| it.what)
            .collect()
    }

    #[test]
    fn the_gate_lets_noise_through_and_names_what_got_slower() {
        assert_eq!(failures(&stored(1009, 0.58), 1.14), [""; 0]);
        assert_eq!(failures(&stored(500, 0.1), 0.5), [""; 0]);
        assert_eq!(failures(&stored(1011, 0.5), 1.0), ["instructions: route"]);
        assert_eq!(failures(&stored(1000, 0.61), 1.0).len(), 2);
        // Across threads only a factor of two tells.
        assert_eq!(failures(&stored(1000, 1.01), 1.0).len(), 3);
        // And nothing where others use the cores.
        let busy = Stored {
            load: (0.0, 1e6),
            ..stored(1000, 1.01)
        };
        assert_eq!(failures(&busy, 1.0).len(), 2);
        assert_eq!(failures(&stored(1000, 0.5), 1.16).len(), 1);
        // What nobody measured is told, and no failure.
        let all = compare(&Stored::default(), &stored(1000, 0.5), &BTreeMap::new());
        assert!(
            all.iter()
                .all(|it| !it.fails() && it.line().contains("not measured"))
        );
    }
}

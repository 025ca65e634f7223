//! Objectives: what an outcome must keep to be a success.

use std::str::FromStr;

use ringside_benches::load::Outcome;

/// One figure and its bound.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Objective {
    text: String,
    figure: &'static str,
    /// The figure must be at most the bound; else at least.
    at_most: bool,
    strict: bool,
    bound: f64,
}

/// Whether an objective was met.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// The objective as it was stated.
    pub(crate) objective: String,
    /// The figure. Missing: the run could not tell it.
    pub(crate) figure: Option<f64>,
    pub(crate) met: bool,
}

const FIGURES: &[&str] = &[
    "p50",
    "p90",
    "p99",
    "p99.9",
    "max",
    "rate",
    "lost",
    "missing",
    "cpu",
    "user",
    "memory",
    "connects",
    "own-busy",
    "own-memory",
];

impl FromStr for Objective {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(['<', '>']).ok_or("an objective has a < or a >")?;
        let name = text[..at].trim();
        let figure = FIGURES
            .iter()
            .find(|figure| **figure == name)
            .ok_or_else(|| format!("{name} is none of {}", FIGURES.join(", ")))?;
        let rest = &text[at + 1..];
        let bound = rest.trim_start_matches('=').trim();
        Ok(Self {
            text: text.to_owned(),
            figure,
            at_most: text.as_bytes()[at] == b'<',
            strict: !rest.starts_with('='),
            bound: bound.parse().map_err(|_| format!("{bound} is no number"))?,
        })
    }
}

impl Objective {
    pub(crate) fn judge(&self, outcome: &Outcome) -> Verdict {
        let (latency, server) = (&outcome.latency, outcome.server.as_ref());
        let figure = match self.figure {
            "p50" => Some(latency.p50_ms),
            "p90" => Some(latency.p90_ms),
            "p99" => Some(latency.p99_ms),
            "p99.9" => Some(latency.p999_ms),
            "max" => Some(latency.max_ms),
            "rate" => Some(outcome.delivered_per_s),
            "lost" => Some(outcome.lost as f64),
            "missing" => Some(outcome.missing as f64),
            "connects" => Some(outcome.connects_per_s),
            "own-busy" => Some(outcome.generator_busy),
            "own-memory" => Some(outcome.generator_bytes_per_connection),
            "cpu" => server.map(|cost| cost.cpu_us),
            "user" => server.map(|cost| cost.user_us),
            _ => server.map(|cost| cost.bytes_per_connection),
        };
        let met = figure.is_some_and(|figure| match (self.at_most, self.strict) {
            (true, true) => figure < self.bound,
            (true, false) => figure <= self.bound,
            (false, true) => figure > self.bound,
            (false, false) => figure >= self.bound,
        });
        Verdict {
            objective: self.text.clone(),
            figure,
            met,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_judged_as_they_are_written() {
        let mut outcome = Outcome::default();
        outcome.latency.p999_ms = 20.0;
        let judge = |text: &str| text.parse::<Objective>().expect(text).judge(&outcome).met;
        assert!(
            judge("p99.9<=20") && !judge("p99.9<20") && judge("p99.9 > 19.5") && judge("lost<=0")
        );
        // What was not measured was not met.
        assert!(!judge("cpu<=1000"));
        for bad in ["p99", "p98<1", "p99<fast", "<1"] {
            assert!(bad.parse::<Objective>().is_err(), "{bad}");
        }
    }
}

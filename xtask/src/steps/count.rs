//! How many tests ran, read out of what test runners print.
//!
//! Promises: pure functions over text. A runner that printed no summary gives `None`, so that a
//! step which ran nothing is never taken for one that passed. Colours are ignored. Leaves out: the
//! names of the tests; the runner's own output, which is shown on failure, has them.

use std::iter::Sum;
use std::ops::Add;

/// Tests that passed, failed and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Succeeded.
    pub passed: u64,
    /// Failed, timed out or could not be started.
    pub failed: u64,
    /// Present but not run.
    pub skipped: u64,
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), Add::add)
    }
}

/// Whose output a program prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// Nobody's: the exit code is one check that passed or failed.
    ExitCode,
    /// `cargo nextest run`.
    Nextest,
    /// `cargo test`: one summary for each test binary.
    CargoTest,
    /// `node --test` with the `spec` or `tap` reporter.
    Node,
    /// A script that ends with a line `N passed, N failed`.
    Plain,
}

impl Runner {
    /// The tests that `output` reports.
    pub fn reported(self, output: &str) -> Option<Tally> {
        let lines: Vec<String> = output.lines().map(without_colours).collect();
        let mut lines = lines.iter().map(|line| line.trim());
        match self {
            Self::ExitCode => None,
            Self::Nextest => lines.filter_map(nextest).next_back(),
            Self::CargoTest => {
                let summaries: Vec<Tally> = lines.filter_map(libtest).collect();
                (!summaries.is_empty()).then(|| summaries.into_iter().sum())
            }
            Self::Node => node(&mut lines),
            Self::Plain => lines.filter_map(plain).next_back(),
        }
    }

    /// What a program that ended has proved: its report, corrected by its exit code.
    ///
    /// A failure that no test accounts for (it did not compile, it crashed) counts as one; so does
    /// the success of a test runner that ran no test.
    pub fn outcome(self, exited_well: bool, output: &str) -> Tally {
        let reported = match self {
            Self::ExitCode if exited_well => {
                return Tally {
                    passed: 1,
                    ..Tally::default()
                };
            }
            _ => self.reported(output).unwrap_or_default(),
        };
        let ran_nothing = reported.passed + reported.failed == 0;
        if reported.failed == 0 && (!exited_well || ran_nothing) {
            return Tally {
                failed: 1,
                ..reported
            };
        }
        reported
    }
}

/// `Summary [   1.2s] 7 tests run: 5 passed (1 slow), 1 failed, 1 timed out, 2 skipped`.
fn nextest(line: &str) -> Option<Tally> {
    let (_, after) = line.strip_prefix("Summary [")?.split_once(']')?;
    let (_, counts) = after.split_once("run:")?;
    let mut tally = Tally::default();
    for part in without_brackets(counts).split(',') {
        let (number, what) = part.trim().split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        match what.trim() {
            "passed" => tally.passed += number,
            "skipped" => tally.skipped += number,
            _ => tally.failed += number,
        }
    }
    Some(tally)
}

/// `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s`.
fn libtest(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut tally = Tally::default();
    for part in counts.split(';') {
        let Some((number, what)) = part.trim().split_once(' ') else {
            continue;
        };
        let Ok(number) = number.parse::<u64>() else {
            continue;
        };
        match what {
            "passed" => tally.passed += number,
            "failed" => tally.failed += number,
            "ignored" => tally.skipped += number,
            _ => {}
        }
    }
    Some(tally)
}

/// `ℹ pass 5` or `# pass 5`, and the like for each other outcome, one a line.
fn node(lines: &mut dyn Iterator<Item = &str>) -> Option<Tally> {
    let mut tally = None;
    for line in lines {
        let Some(line) = line.strip_prefix("ℹ ").or_else(|| line.strip_prefix("# ")) else {
            continue;
        };
        let Some((what, number)) = line.split_once(' ') else {
            continue;
        };
        let Ok(number) = number.trim().parse::<u64>() else {
            continue;
        };
        // The summary is the last word: what a test printed before it does not count.
        if what == "tests" {
            tally = Some(Tally::default());
        }
        if let Some(tally) = &mut tally {
            match what {
                "pass" => tally.passed += number,
                "fail" | "cancelled" => tally.failed += number,
                "skipped" | "todo" => tally.skipped += number,
                _ => {}
            }
        }
    }
    tally
}

/// `N passed, N failed`, perhaps with `, N skipped`, alone on its line.
fn plain(line: &str) -> Option<Tally> {
    let mut parts = line.split(", ");
    let mut number = |what: &str| parts.next()?.strip_suffix(what)?.trim_end().parse().ok();
    let (passed, failed) = (number("passed")?, number("failed")?);
    let skipped = match parts.next() {
        None => 0,
        Some(part) => part.strip_suffix(" skipped")?.parse().ok()?,
    };
    parts.next().is_none().then_some(Tally {
        passed,
        failed,
        skipped,
    })
}

/// The text outside round brackets.
fn without_brackets(text: &str) -> String {
    let mut depth = 0_u32;
    text.chars()
        .filter(|&c| {
            depth += u32::from(c == '(');
            let outside = depth == 0;
            depth -= u32::from(c == ')' && depth > 0);
            outside
        })
        .collect()
}

/// The line without its terminal colour sequences (`ESC [ … letter`).
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            chars.by_ref().skip(1).find(char::is_ascii_alphabetic);
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{Runner, Tally};

    fn tally(passed: u64, failed: u64, skipped: u64) -> Tally {
        Tally {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn nextest_counts_every_kind_of_failure_once() {
        let output = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.03s] 9 tests run: 5 passed (1 slow, 1 leaky), \
                      2 failed, 1 timed out, 1 exec failed, 4 skipped\n\
                      test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out";
        assert_eq!(Runner::Nextest.reported(output), Some(tally(5, 4, 4)));
        assert_eq!(
            Runner::Nextest.reported("     Summary [ 1s] 1 test run: 1 passed, 0 skipped"),
            Some(tally(1, 0, 0))
        );
    }

    #[test]
    fn cargo_test_adds_up_its_binaries() {
        let output = "running 2 tests\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                      test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(Runner::CargoTest.reported(output), Some(tally(5, 1, 1)));
    }

    #[test]
    fn node_counts_in_both_of_its_formats() {
        let spec = "✔ a\n# pass 99\nℹ tests 6\nℹ suites 1\nℹ pass 3\nℹ fail 1\nℹ cancelled 1\nℹ skipped 1\nℹ todo 0\nℹ duration_ms 5.2\n";
        assert_eq!(Runner::Node.reported(spec), Some(tally(3, 2, 1)));
        assert_eq!(
            Runner::Node.reported(&spec.replace('ℹ', "#")),
            Some(tally(3, 2, 1))
        );
    }

    #[test]
    fn a_plain_line_stands_alone_and_the_last_one_counts() {
        assert_eq!(
            Runner::Plain.reported("1 passed, 0 failed\n12 passed, 3 failed\n"),
            Some(tally(12, 3, 0))
        );
        assert_eq!(
            Runner::Plain.reported("12 passed, 3 failed, 4 skipped"),
            Some(tally(12, 3, 4))
        );
        for other in [
            "about 12 passed, 3 failed",
            "12 passed, 3 failed today",
            "12 passed",
            "12 passed, 3 failed, 1 skipped, 2",
        ] {
            assert_eq!(Runner::Plain.reported(other), None, "{other}");
        }
    }

    #[test]
    fn silence_is_not_success() {
        for runner in [
            Runner::Nextest,
            Runner::CargoTest,
            Runner::Node,
            Runner::Plain,
        ] {
            assert_eq!(runner.reported("all is well"), None);
            assert_eq!(
                runner.outcome(true, "all is well"),
                tally(0, 1, 0),
                "{runner:?}"
            );
        }
        let none = "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(Runner::CargoTest.outcome(true, none), tally(0, 1, 0));
    }

    #[test]
    fn a_bad_exit_without_a_failed_test_is_a_failure() {
        assert_eq!(
            Runner::Plain.outcome(false, "3 passed, 0 failed"),
            tally(3, 1, 0)
        );
        assert_eq!(
            Runner::Plain.outcome(false, "3 passed, 2 failed"),
            tally(3, 2, 0)
        );
        assert_eq!(
            Runner::Plain.outcome(true, "3 passed, 2 failed"),
            tally(3, 2, 0)
        );
        assert_eq!(Runner::ExitCode.outcome(true, ""), tally(1, 0, 0));
        assert_eq!(Runner::ExitCode.outcome(false, ""), tally(0, 1, 0));
    }
}

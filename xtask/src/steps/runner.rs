//! Walks a list of steps and reports.
//!
//! Promises: one line a step, with its time and counts; the output of a step that fails; a step
//! whose predecessor failed is itself a failure; whatever was left out is named in the line before
//! the last; and the last line is `N passed, N failed`, the only one of that form that starts a
//! line. Every step's output stays in `target/xtask/NAME.log`. Succeeds only if something passed
//! and nothing failed.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::count::Tally;
use super::{Step, Work, child};
use crate::repo::Repo;

/// Lines of a failed step's output that are shown: the last ones, where runners put what went
/// wrong.
const SHOWN_LINES_MAX: usize = 400;

/// Which steps to run, and how much to say.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Choice {
    /// Leave this step out; may be given several times. The report names it.
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    without: Vec<String>,
    /// Run this step and what it builds on; may be given several times. The report names the
    /// others.
    #[arg(
        long,
        value_name = "STEP",
        value_delimiter = ',',
        conflicts_with = "without"
    )]
    only: Vec<String>,
    /// Name the steps and run none.
    #[arg(long)]
    list: bool,
    /// Show the output of every step as it comes, not only of those that fail.
    #[arg(long, short)]
    verbose: bool,
}

/// Runs the chosen steps in order and prints the report.
pub fn run(repo: &Repo, steps: &[Step], choice: &Choice) -> ExitCode {
    if choice.list {
        for step in steps {
            println!("{:<10} {}", step.name, step.about);
        }
        return ExitCode::SUCCESS;
    }
    for name in choice.without.iter().chain(&choice.only) {
        if !steps.iter().any(|step| step.name == name) {
            let names: Vec<_> = steps.iter().map(|step| step.name).collect();
            eprintln!("there is no step `{name}`; there are: {}", names.join(", "));
            return ExitCode::from(2);
        }
    }

    let logs = repo.target().join("xtask");
    if let Err(error) = fs::create_dir_all(&logs) {
        eprintln!("{} cannot be made: {error}", logs.display());
        return ExitCode::FAILURE;
    }
    let mut walk = Walk {
        repo,
        logs,
        verbose: choice.verbose,
        failed: Vec::new(),
    };
    let mut total = Tally::default();
    let mut left_out = Vec::new();
    let mut notes = Vec::new();
    for step in steps {
        if choice.leaves_out(step, steps) {
            left_out.push(step.name);
            continue;
        }
        let tally = walk.step(step);
        if tally.skipped > 0 {
            notes.push(format!("{} skipped in {}", tally.skipped, step.name));
        }
        total = total + tally;
    }
    if !left_out.is_empty() {
        let option = if choice.only.is_empty() {
            "--without"
        } else {
            "--only"
        };
        notes.insert(0, format!("left out by {option}: {}", left_out.join(", ")));
    }
    if !notes.is_empty() {
        println!("{}", notes.join("; "));
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    if total.failed == 0 && total.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

impl Choice {
    /// Whether `step` is left out.
    fn leaves_out(&self, step: &Step, steps: &[Step]) -> bool {
        let among = |names: &[String], step: &Step| names.iter().any(|name| name == step.name);
        if self.only.is_empty() {
            return among(&self.without, step);
        }
        let mut chosen = steps.iter().filter(|other| among(&self.only, other));
        !among(&self.only, step) && !chosen.any(|chosen| chosen.after.contains(&step.name))
    }
}

/// A walk over the steps: what came before decides what can come.
struct Walk<'r> {
    repo: &'r Repo,
    logs: PathBuf,
    verbose: bool,
    failed: Vec<&'static str>,
}

impl Walk<'_> {
    fn step(&mut self, step: &Step) -> Tally {
        let start = Instant::now();
        if io::stdout().is_terminal() && !self.verbose {
            print!("…       {}\r", step.name);
            // Only a courtesy: the line is replaced when the step ends.
            let _ = io::stdout().flush();
        }
        let log = self.logs.join(format!("{}.log", step.name));
        let (tally, output) = self.work(step, &log).unwrap_or_else(|trouble| {
            (
                Tally {
                    failed: 1,
                    ..Tally::default()
                },
                trouble,
            )
        });
        if tally.failed > 0 {
            self.failed.push(step.name);
        }
        report(step.name, tally, start.elapsed());
        if tally.failed > 0 {
            show(&output);
            println!("        ({})", log.display());
        }
        tally
    }

    /// Does the step's work; an error is a reason why it could not be done at all.
    fn work(&self, step: &Step, log: &Path) -> Result<(Tally, String), String> {
        if let Some(broken) = step.after.iter().find(|name| self.failed.contains(name)) {
            return Err(format!("not run, because `{broken}` failed"));
        }
        fs::write(log, "")
            .map_err(|error| format!("{} cannot be written: {error}", log.display()))?;
        for need in &step.needs {
            if let Some(installed) = need.meet(self.repo, log)? {
                println!("        installed {installed}");
            }
        }
        match &step.work {
            Work::Inside(check) => {
                let (tally, output) = check(self.repo);
                fs::write(log, &output).map_err(|error| error.to_string())?;
                Ok((tally, output))
            }
            Work::Commands(commands) => {
                let mut total = Tally::default();
                let mut shown = String::new();
                for cmd in commands {
                    let ended = child::run(self.repo, cmd, log, step.deadline, self.verbose)
                        .map_err(|error| error.to_string())?;
                    let tally = cmd.runner.outcome(ended.well, &ended.output);
                    total = total + tally;
                    if tally.failed > 0 {
                        shown.push_str(&format!("$ {}\n{}\n", cmd.line(), ended.output));
                        if tally.passed + tally.failed == 1 && ended.well {
                            shown.push_str("(it ran no test)\n");
                        }
                    }
                }
                Ok((total, shown))
            }
        }
    }
}

fn report(name: &str, tally: Tally, took: Duration) {
    let verdict = if tally.failed > 0 { "FAILED" } else { "ok" };
    let mut counts = format!("{} passed", tally.passed);
    if tally.failed > 0 {
        counts.push_str(&format!(", {} failed", tally.failed));
    }
    if tally.skipped > 0 {
        counts.push_str(&format!(", {} skipped", tally.skipped));
    }
    println!(
        "{verdict:<7} {name:<10} {:>7.1} s   {counts}",
        took.as_secs_f64()
    );
}

/// Shows the end of a failed step's output, set off so that no line of it can be taken for the
/// report's.
fn show(output: &str) {
    let lines: Vec<&str> = output.lines().collect();
    let hidden = lines.len().saturating_sub(SHOWN_LINES_MAX);
    if hidden > 0 {
        println!("        | … {hidden} lines before");
    }
    for line in &lines[hidden..] {
        println!("        | {line}");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::count::Runner;
    use super::super::{Cmd, Step};
    use super::{Choice, Walk};
    use crate::repo::Repo;
    use crate::steps::count::Tally;

    fn tally(passed: u64, failed: u64) -> Tally {
        Tally {
            passed,
            failed,
            skipped: 0,
        }
    }

    fn walk<'r>(repo: &'r Repo, name: &str) -> Walk<'r> {
        let logs = repo.target().join("xtask/tests").join(name);
        fs::create_dir_all(&logs).expect("the target folder is writable");
        Walk {
            repo,
            logs,
            verbose: false,
            failed: Vec::new(),
        }
    }

    fn says(name: &'static str, line: &str) -> Step {
        Step::commands(
            name,
            "",
            vec![Cmd::new("echo", [line]).counted_by(Runner::Plain)],
        )
    }

    #[test]
    fn counts_of_commands_add_up_and_a_failure_stops_only_its_successors() {
        let repo = Repo::here();
        let mut walk = walk(&repo, "adds-up");
        let mut first = says("first", "3 passed, 0 failed");
        if let super::Work::Commands(commands) = &mut first.work {
            commands.push(Cmd::new("echo", ["2 passed, 1 failed"]).counted_by(Runner::Plain));
        }
        assert_eq!(walk.step(&first), tally(5, 1));
        assert_eq!(
            walk.step(&says("second", "9 passed, 0 failed").after(&["first"])),
            tally(0, 1)
        );
        assert_eq!(
            walk.step(&says("third", "1 passed, 0 failed").after(&["other"])),
            tally(1, 0)
        );
        assert_eq!(walk.failed, ["first", "second"]);
    }

    #[test]
    fn a_program_that_is_missing_or_silent_is_a_failure() {
        let repo = Repo::here();
        let mut walk = walk(&repo, "missing");
        let missing = Step::commands("missing", "", vec![Cmd::new("no-such-program", [""; 0])]);
        assert_eq!(walk.step(&missing), tally(0, 1));
        assert_eq!(walk.step(&says("silent", "hello")), tally(0, 1));
    }

    #[test]
    fn only_brings_what_a_step_builds_on() {
        let steps = [
            says("build", ""),
            says("fmt", ""),
            says("browser", "").after(&["build"]),
        ];
        let only = Choice {
            only: vec!["browser".into()],
            ..Choice::default()
        };
        let left: Vec<_> = steps
            .iter()
            .map(|step| only.leaves_out(step, &steps))
            .collect();
        assert_eq!(left, [false, true, false]);
        let without = Choice {
            without: vec!["fmt".into()],
            ..Choice::default()
        };
        let left: Vec<_> = steps
            .iter()
            .map(|step| without.leaves_out(step, &steps))
            .collect();
        assert_eq!(left, [false, true, false]);
    }
}

//! `cargo xtask tidy`: the guards of the house, on their own.

use std::process::ExitCode;

use crate::repo::Repo;
use crate::steps::count::Tally;
use crate::tidy::exceptions::{self, Exception};
use crate::tidy::{self, RULES};

/// Check the guards of the house.
///
/// Which crate may know which, where unsafe code, atomics, clocks and randomness may live, that
/// every channel is bounded, that tests neither sleep nor hide, that every file says what it is,
/// and the like.
///
/// Takes about a second and builds nothing. Each finding names the file, the line, the rule and
/// what to do instead. Exceptions, each with its reason, are listed in
/// xtask/src/tidy/exceptions.rs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name the rules and their exceptions, and check nothing.
    #[arg(long)]
    list: bool,
}

/// Prints every finding, then `N passed, N failed`, where a rule counts as one.
pub fn run(repo: &Repo, args: &Args) -> ExitCode {
    if args.list {
        for rule in RULES {
            println!("{:<14} {}", rule.name, rule.about);
        }
        for Exception { rule, path, reason } in exceptions::ALL {
            println!("{rule:<14} except {path}: {reason}");
        }
        return ExitCode::SUCCESS;
    }
    let (tally, findings) = check(repo);
    print!("{findings}");
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Checks the tree: how many rules hold, and the findings, one a line.
pub fn check(repo: &Repo) -> (Tally, String) {
    let files = match repo.text_files() {
        Ok(files) => files,
        Err(error) => {
            return (
                Tally {
                    failed: 1,
                    ..Tally::default()
                },
                format!("the tree cannot be read: {error}\n"),
            );
        }
    };
    let findings = tidy::run(&files);
    let broken = RULES
        .iter()
        .filter(|rule| findings.iter().any(|finding| finding.rule == rule.name))
        .count();
    // Findings about the exceptions themselves belong to no rule.
    let stale = findings
        .iter()
        .any(|finding| finding.rule == exceptions::NAME);
    let failed = broken as u64 + u64::from(stale);
    let tally = Tally {
        passed: (RULES.len() - broken) as u64,
        failed,
        skipped: 0,
    };
    (
        tally,
        findings
            .iter()
            .map(|finding| format!("{finding}\n"))
            .collect(),
    )
}

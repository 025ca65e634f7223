//! `cargo xtask`: the project's chores, written in Rust so that they run wherever the project does.
//!
//! One subcommand a file under `chores/`. Promises: every chore ends with an exit code that tells
//! whether it succeeded, and every chore that tests ends with one line `N passed, N failed`. To add
//! a chore, write its file and name it in [`Chore`]; to add a step to `test` or `verify`, add it to
//! that file's list. Leaves out: anything a release build of the product needs.

mod chores;
mod repo;
mod steps;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::repo::Repo;

/// Chores of the Ringside workspace.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    Test(chores::test::Args),
    Verify(chores::verify::Args),
    Tidy(chores::tidy::Args),
    Fuzz(chores::fuzz::Args),
    Bench(chores::bench::Args),
    Rivals(chores::rivals::Args),
    Conformance(chores::conformance::Args),
    Loss(chores::loss::Args),
}

fn main() -> ExitCode {
    let repo = Repo::here();
    match Cli::parse().chore {
        Chore::Test(args) => chores::test::run(&repo, &args),
        Chore::Verify(args) => chores::verify::run(&repo, &args),
        Chore::Tidy(args) => chores::tidy::run(&repo, &args),
        Chore::Fuzz(args) => chores::fuzz::run(&repo, &args),
        Chore::Bench(args) => chores::bench::run(&repo, &args),
        Chore::Rivals(args) => chores::rivals::run(&repo, &args),
        Chore::Conformance(args) => chores::conformance::run(&repo, &args),
        Chore::Loss(args) => chores::loss::run(&repo, &args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed_and_explains_itself() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        for chore in command.get_subcommands_mut() {
            let help = chore.render_long_help().to_string();
            assert!(
                help.len() > 200,
                "{} hardly explains itself:\n{help}",
                chore.get_name()
            );
        }
    }
}

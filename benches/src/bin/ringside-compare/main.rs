//! `ringside-compare`: what `cargo xtask rivals` and `cargo xtask bench` run once everything is built.
//!
//! Exits with 0 if all went well (and, for the gate, nothing got slower), with 1 if not.

mod gate;
mod rivals;

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use ringside_benches::compare::{Places, Stored, performance, rooms_table};

/// Measures servers side by side; called by `cargo xtask rivals` and `cargo xtask bench`
#[derive(Debug, Parser)]
#[command(name = "ringside-compare")]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Everybody, every kind of load, and a page
    Rivals(rivals::Args),
    /// What is guarded, beside the stored result
    Gate(gate::Args),
    /// A table of the README, from a stored result
    Table {
        /// The result
        result: PathBuf,
        /// That of games, instead of that of messages
        #[arg(long)]
        rooms: bool,
    },
}

/// Our programs that take part, and those that load them.
const MEASURED: [&str; 5] = [
    "fixture",
    "ringside-load",
    "arena-room",
    "game-demo",
    "ringside-swarm",
];

/// Of these, those without which there is nothing to measure.
const REQUIRED: [&str; 2] = ["fixture", "ringside-load"];

/// Where programs are.
#[derive(Debug, clap::Args)]
struct Programs {
    /// The repository
    #[arg(long)]
    root: PathBuf,
    /// Our own, release builds
    #[arg(long)]
    ours: PathBuf,
    /// The rivals in Rust
    #[arg(long)]
    rivals: PathBuf,
}

impl Programs {
    /// Our programs are copied first: a build while they are measured would replace them.
    fn places(&self, baseline: Option<PathBuf>) -> Result<Places, String> {
        let copies = self.ours.join("measured");
        // The gate needs no games, and does not build them.
        let copy = |name: &str| {
            let built = self.ours.join(name);
            if built.is_file() || REQUIRED.contains(&name) {
                fs::copy(built, copies.join(name))?;
            }
            std::io::Result::Ok(())
        };
        fs::create_dir_all(&copies)
            .and_then(|()| MEASURED.iter().try_for_each(|name| copy(name)))
            .map_err(|error| format!("{}: {error}", copies.display()))?;
        Ok(Places {
            ours: copies,
            rivals: self.rivals.clone(),
            scripts: self.root.join("benches/rivals/js"),
            baseline,
        })
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse().what {
        What::Rivals(args) => rivals::run(&args),
        What::Gate(args) => gate::run(&args),
        What::Table { result, rooms } => Stored::read(&result).map(|stored| {
            let table = if rooms { rooms_table } else { performance };
            print!("{}", table(&stored));
            true
        }),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ringside-compare: {error}");
            ExitCode::FAILURE
        }
    }
}

//! `ringside-compare`: what `cargo xtask rivals` and `cargo xtask bench` run once everything is built.
//!
//! Exits with 0 if all went well (and, for the gate, nothing got slower), with 1 if not.

mod gate;
mod rivals;

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use ringside_benches::compare::{Places, Stored, performance};

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
    /// The README's table, from a stored result
    Table {
        /// The result
        result: PathBuf,
    },
}

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
        let copy = |name: &str| fs::copy(self.ours.join(name), copies.join(name));
        fs::create_dir_all(&copies)
            .and_then(|()| copy("fixture"))
            .and_then(|_| copy("ringside-load"))
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
        What::Table { result } => Stored::read(&result).map(|stored| {
            print!("{}", performance(&stored));
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

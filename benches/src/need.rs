//! What the benches need of the machine beyond Rust, and how to get it there.
//!
//! Promises: a bench that lacks something says what and how to mend it, and counts as left out, not as
//! failed; so `cargo bench` works on a fresh machine.

use std::{env, process};

/// Something that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What.
    pub program: &'static str,
    /// What is left out without it.
    pub what: &'static str,
    /// The command that installs it.
    pub mend: &'static str,
}

/// What instruction counts need.
const COUNTING: [Missing; 2] = [
    Missing {
        program: "valgrind",
        what: "instruction counts",
        mend: "apt-get install valgrind (or your system's package of that name)",
    },
    Missing {
        program: "gungraun-runner",
        what: "instruction counts",
        mend: "cargo install gungraun-runner --version 0.20.0 --locked",
    },
];

/// Everything that is missing here.
pub fn missing() -> Vec<Missing> {
    COUNTING
        .into_iter()
        .filter(|it| !is_there(it.program))
        .collect()
}

fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Hands a configuration through; where instructions cannot be counted, says why and ends the bench well.
pub fn counting<C>(config: C) -> C {
    let missing = missing();
    for Missing {
        program,
        what,
        mend,
    } in &missing
    {
        println!("{what} are left out: {program} is missing. Mend: {mend}");
    }
    if !missing.is_empty() {
        process::exit(0);
    }
    config
}

//! `cargo xtask rivals`: Ringside beside what one would use instead.
//!
//! Promises: one command from a fresh clone: it installs the packages of the rivals in JavaScript,
//! builds those in Rust and our own release binaries, runs everybody in turns, stores the figures
//! under `benches/results/` and writes a page. Leaves out: the measuring itself, which is
//! `ringside-compare` of the benches, and uWebSockets, which is in no registry (Bun contains it).

use std::process::ExitCode;
use std::time::Duration;

use crate::repo::Repo;
use crate::steps::need::Need;
use crate::steps::runner::{self, Choice};
use crate::steps::{Cmd, Step};

/// Measure Ringside and its rivals in turns, and write a page.
///
/// The rivals are Bun, Node's socket.io and ws, socketioxide, tokio-tungstenite, a bare send()
/// loop as the floor, and for rooms Colyseus. With the usual three repetitions of ten seconds a point
/// it takes about an hour; `--seconds 3 --repetitions 1` takes ten minutes, rooms alone
/// (`--points watch-400,watch-1500,play-400,play-1500`) as long. Needs two cores, Node and npm. The
/// page is target/rivals.html, the figures are benches/results/DATE-COMMIT-rivals.json.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seconds to measure each point
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Repetitions, each with fresh servers
    #[arg(long, default_value_t = 3)]
    repetitions: usize,
    /// Only these points, such as `broadcast-1,echo`
    #[arg(long)]
    points: Option<String>,
    /// Only these contenders, such as `ringside,bun`
    #[arg(long)]
    contenders: Option<String>,
    /// Add to the result of an earlier run on the same day and commit, instead of replacing it
    #[arg(long)]
    merge: bool,
    #[command(flatten)]
    choice: Choice,
}

/// Where the rivals in Rust are.
const MANIFEST: &str = "benches/rivals/rust/Cargo.toml";

/// A first build of both, with link-time optimisation, on two cores that do other things too.
const BUILD_DEADLINE: Duration = Duration::from_secs(40 * 60);

/// The longest measurement anybody should ask for.
const RUN_DEADLINE: Duration = Duration::from_secs(4 * 60 * 60);

/// Runs the steps of `rivals`.
pub fn run(repo: &Repo, args: &Args) -> ExitCode {
    runner::run(repo, &steps(repo, args), &args.choice)
}

fn steps(repo: &Repo, args: &Args) -> Vec<Step> {
    let mut compare = Cmd::new(program(repo, "ringside-compare"), ["rivals"]);
    compare.args.extend(programs(repo));
    for (name, value) in [
        ("--seconds", Some(args.seconds.to_string())),
        ("--repetitions", Some(args.repetitions.to_string())),
        ("--points", args.points.clone()),
        ("--contenders", args.contenders.clone()),
    ] {
        if let Some(value) = value {
            compare.args.extend([name.into(), value.into()]);
        }
    }
    if args.merge {
        compare.args.push("--merge".into());
    }
    let json = repo.path("benches/results/DATE-COMMIT-rivals.json");
    let html = repo.target().join("rivals.html");
    compare
        .args
        .extend(["--json".into(), json.into(), "--html".into(), html.into()]);
    vec![
        build_ours(&GAMES),
        build_rivals(repo),
        Step::commands(
            "colyseus",
            "what Colyseus' own client decodes is ARENA-N",
            vec![Cmd::new("node", ["colyseus-check.mjs"]).dir(repo.path("benches/rivals/js"))],
        )
        .needs(Need::Node)
        .needs(Need::Npm("benches/rivals/js")),
        Step::commands("measure", "everybody in turns", vec![compare])
            .after(&["ours", "rivals", "colyseus"])
            .needs(Need::Node)
            .needs(Need::Npm("benches/rivals/js"))
            .deadline(RUN_DEADLINE),
    ]
}

/// Programs of ours that are games, and what plays them.
const GAMES: [&str; 3] = ["arena-room", "game-demo", "ringside-swarm"];

/// Builds what is measured and what measures; with `more` of our programs.
pub(super) fn build_ours(more: &[&str]) -> Step {
    let mut words: Vec<&str> = BUILD.split(' ').collect();
    if more.contains(&"game-demo") {
        words.extend(["-p", "game-demo"]);
    }
    words.extend(more.iter().flat_map(|name| ["--bin", name]));
    Step::commands(
        "ours",
        "our servers, the load generators and the comparer, in release",
        vec![Cmd::new("cargo", words)],
    )
    .deadline(BUILD_DEADLINE)
}

/// What the gate needs as well.
const BUILD: &str = "build --release -p ringside-tests -p ringside-benches --bin fixture --bin ringside-load --bin ringside-compare";

/// Builds the rivals in Rust.
pub(super) fn build_rivals(repo: &Repo) -> Step {
    let build = Cmd::new(
        "cargo",
        [
            "build",
            "--release",
            "--locked",
            "--manifest-path",
            MANIFEST,
        ],
    )
    .env("RUSTFLAGS", super::bench::flags_without_seeds())
    .env("CARGO_TARGET_DIR", repo.target().join("rivals"));
    Step::commands(
        "rivals",
        "socketioxide, tokio-tungstenite and the floor",
        vec![build],
    )
    .deadline(BUILD_DEADLINE)
}

/// A release program of ours.
pub(super) fn program(repo: &Repo, name: &str) -> std::path::PathBuf {
    repo.target().join("release").join(name)
}

/// What tells `ringside-compare` where programs are.
pub(super) fn programs(repo: &Repo) -> [std::ffi::OsString; 6] {
    [
        "--root".into(),
        repo.path("").into(),
        "--ours".into(),
        repo.target().join("release").into(),
        "--rivals".into(),
        repo.target().join("rivals/release").into(),
    ]
}

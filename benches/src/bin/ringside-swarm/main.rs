//! `ringside-swarm`: a crowd of headless players for a running game, and how their snapshots arrive.
//!
//! ```text
//! cargo run --release -p game-demo -- --bots 0 --shards 1            (pinned to a core: taskset -c 0 …)
//! cargo run --release -p ringside-benches --bin ringside-swarm -- glimmer http://127.0.0.1:3000 --most --pid PID
//! ```
//!
//! With `--most` it looks for the largest crowd that gets twenty snapshots a second with the 99th percentile of
//! gaps within one and a half intervals. Only for servers of one's own.

use std::{process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};
use ringside_benches::crowd::{
    Crowd, Game, Manner, Sample,
    arena::ArenaRoom,
    colyseus::{Colyseus, address},
    floor::Floor,
    glimmer::Glimmer,
    most,
};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde::Serialize;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Headless players for a running game; one line of JSON on standard output, progress on standard error
#[derive(Parser)]
#[command(name = "ringside-swarm", version)]
struct Cli {
    /// Whose players
    #[arg(value_enum)]
    game: Kind,
    /// The server, as it was printed
    url: String,
    /// Players; with --most, how many to begin with
    #[arg(short = 'n', long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=25_000))]
    players: u32,
    /// Look for the most players that get 20 snapshots a second, the 99th percentile of gaps within 75 ms
    #[arg(long)]
    most: bool,
    /// With --most: never more than this
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=25_000))]
    up_to: u32,
    /// Arena, Colyseus and floor: players answer each snapshot with an input, instead of only watching
    #[arg(long)]
    play: bool,
    /// With --play: the input comes 25 ms after its snapshot, as the clients' pace has it, instead of at once
    #[arg(long, requires = "play")]
    paced: bool,
    /// Arena: entities that move, which the first player checks
    #[arg(long, default_value_t = 100)]
    entities: u16,
    /// Seconds that are measured
    #[arg(short = 'd', long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds before, after the last player has joined
    #[arg(long, default_value_t = 3.0)]
    warm_up: f64,
    /// The server's process, to tell its CPU time (Linux)
    #[arg(long)]
    pid: Option<u32>,
    /// The core to run on
    #[arg(long)]
    pin: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// GLIMMER, the demo
    Glimmer,
    /// ARENA-N of `arena-room`
    Arena,
    /// ARENA-N of a Colyseus server, `rivals/js/colyseus.mjs`
    Colyseus,
    /// The bare loop of `rivals/rust/src/bin/floor.rs --tick BYTES`
    Floor,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("ringside-swarm: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<String, String> {
    if let Some(core) = cli.pin {
        let all = core_affinity::get_core_ids().unwrap_or_default();
        let core = all.into_iter().find(|it| it.id == core);
        if !core.is_some_and(core_affinity::set_for_current) {
            return Err("there is no such core to be pinned to".to_owned());
        }
    }
    raise_descriptor_limit();
    let time = |what: &str, seconds: f64| {
        Duration::try_from_secs_f64(seconds).map_err(|error| format!("--{what}: {error}"))
    };
    let (warm_up, seconds) = (time("warm-up", cli.warm_up)?, time("seconds", cli.seconds)?);
    let told = |error: std::io::Error| error.to_string();
    let mut crowd = Crowd::new(game(cli)?, cli.pid).map_err(told)?;
    let players = cli.players as usize;
    if cli.most {
        let up_to = (cli.up_to as usize).max(players);
        let tell = |sample: &Sample, held: bool| {
            eprintln!(
                "{} {}",
                line(sample),
                if held { "held" } else { "not held" }
            );
        };
        let found = most(&mut crowd, players, up_to, (warm_up, seconds), tell).map_err(told)?;
        return json(&found);
    }
    crowd.resize(players)?;
    let sample = crowd.measure(warm_up, seconds).map_err(told)?;
    eprintln!("{}", line(&sample));
    json(&sample)
}

fn game(cli: &Cli) -> Result<Box<dyn Game>, String> {
    let address = address(&cli.url)?;
    let manner = match (cli.play, cli.paced) {
        (false, _) => Manner::Watch,
        (true, false) => Manner::Answer,
        (true, true) => Manner::Paced,
    };
    Ok(match cli.game {
        Kind::Glimmer => Box::new(Glimmer::new(address)),
        Kind::Arena => Box::new(ArenaRoom {
            address,
            manner,
            entities: cli.entities.into(),
        }),
        Kind::Colyseus => Box::new(Colyseus::new(address, manner)),
        Kind::Floor => Box::new(Floor { address, manner }),
    })
}

fn json(of: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(of).map_err(|error| error.to_string())
}

/// A sample for people.
fn line(sample: &Sample) -> String {
    let cost = sample.server.as_ref().map_or(String::new(), |cost| {
        format!(
            ", server {:.0} % of a core, {:.2} us a snapshot",
            cost.busy * 100.0,
            cost.snapshot_us
        )
    });
    let mut faults = String::new();
    for (count, what) in [(sample.lost as u64, "lost"), (sample.unusable, "unusable")] {
        if count > 0 {
            faults += &format!(", {count} {what}");
        }
    }
    format!(
        "{:>6} players: {:.2} snapshots/s, {:.0} B each, gap p50 {:.1} p99 {:.1} max {:.0} ms{cost}, swarm {:.0} %{faults}",
        sample.players,
        sample.snapshots_per_s,
        sample.bytes_per_snapshot,
        sample.gap.p50_ms,
        sample.gap.p99_ms,
        sample.gap.max_ms,
        sample.generator_busy * 100.0
    )
}

/// Raises the soft limit of descriptors to the hard one. If that is refused or too little, the first
/// connection without a descriptor says so.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

//! `arena-room`: ARENA-N as a room of Ringside's, for the swarm to watch and to play in.
//!
//! Prints `listening on http://HOST:PORT` and serves until it is ended. One event loop and one room thread, as
//! usual but for heartbeats, which are two minutes apart so that none falls into a measurement.

use std::process::ExitCode;

use clap::Parser;
use ringside_benches::arena::{ArenaGame, HZ};
use ringside_gateway::Timing;
use ringside_rooms::{Builder, RoomOptions, ServerBuilder, StepConfig, raise_descriptor_limit};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// ARENA-N as a room
#[derive(Parser)]
struct Cli {
    /// Port to listen on; 0 picks a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Entities that move
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=5_000))]
    entities: u16,
    /// More of them, that never do
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=5_000))]
    standing: u16,
}

/// Players, and as many spectators: beyond what one core carries.
const SEATS: u16 = 30_000;

const TIMING: Timing = Timing {
    ping_interval: 120_000,
    ping_timeout: 60_000,
    upgrade_timeout: 10_000,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    raise_descriptor_limit();
    let mut io = Builder::default();
    io.shards(1).timing(TIMING);
    let mut server = ServerBuilder::new(io);
    server.workers(1);
    let options = RoomOptions {
        step: StepConfig {
            hz: HZ,
            snapshot_every: 1,
            ..StepConfig::default()
        },
        seats: SEATS,
        spectators: SEATS,
        empty_for: None,
        ..RoomOptions::default()
    };
    let (entities, standing) = (cli.entities.into(), cli.standing.into());
    server
        .define("arena", options, move |_| {
            ArenaGame::new(entities, standing)
        })
        .open(1);
    match server.listen(("127.0.0.1", cli.port)) {
        Ok(server) => {
            println!("listening on http://{}", server.address());
            server.wait();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("arena-room: {error}");
            ExitCode::FAILURE
        }
    }
}

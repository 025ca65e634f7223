//! GLIMMER: an arena in the browser, played through Ringside.
//!
//! One command builds it, serves the page from the binary and prints the address. This file is the
//! command line; the rules are in `arena.rs` and `puck.rs`, what bots do in `bot.rs`, the page in `page.rs`.

mod arena;
mod page;
mod puck;
mod thin_bot;

use std::{
    net::{IpAddr, SocketAddr},
    process::{Command, ExitCode, Stdio},
};

use clap::Parser;
use ringside_rooms::{Builder, RoomOptions, ServerBuilder, raise_descriptor_limit};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Descriptors below which a party of players could not connect.
const DESCRIPTORS_WANTED: u64 = 256;

/// GLIMMER, an arena in the browser: open the printed address in two tabs and play.
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "Keys: WASD or arrows to move, mouse to aim, space to dash.\n\
    Statistics are at /stats. End it with Ctrl-C."
)]
struct Cli {
    /// Address to listen on; 0.0.0.0 lets others in the network play
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Port to listen on; 0 picks a free one
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Players that bots fill the arena up to
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(0..=2000))]
    bots: u16,
    /// Event loops, each a thread on a core of its own [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=40))]
    shards: Option<u16>,
    /// Open the page in a browser
    #[arg(long)]
    open: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    if let Some(limit) = raise_descriptor_limit().filter(|limit| *limit < DESCRIPTORS_WANTED) {
        eprintln!(
            "game-demo: only {limit} file descriptors are allowed, so few can play; raise it with `ulimit -n 1024`"
        );
    }
    let mut io = Builder::default();
    if let Some(shards) = cli.shards {
        io.shards(usize::from(shards));
    }
    page::serve(&mut io);
    let options = RoomOptions {
        seats: 3_000,
        bots: cli.bots,
        empty_for: None,
        ..RoomOptions::default()
    };
    let mut server = ServerBuilder::new(io);
    server
        .define("arena", options, |_| arena::Arena::new())
        .open(1);
    let server = match server.listen((cli.host, cli.port)) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("game-demo: {error}");
            return ExitCode::FAILURE;
        }
    };
    let url = url(server.address());
    println!("GLIMMER is at {url}");
    println!("Open it in two tabs, or send it to a friend. Ctrl-C ends it.");
    if cli.open && !open(&url) {
        eprintln!("game-demo: no browser could be started; open {url} yourself");
    }
    server.wait();
    ExitCode::SUCCESS
}

/// The address as a browser on this machine reaches it.
fn url(at: SocketAddr) -> String {
    match at.ip() {
        ip if ip.is_unspecified() => format!("http://127.0.0.1:{}", at.port()),
        IpAddr::V6(ip) => format!("http://[{ip}]:{}", at.port()),
        IpAddr::V4(ip) => format!("http://{ip}:{}", at.port()),
    }
}

fn open(url: &str) -> bool {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let (quiet, noise) = (Stdio::null(), Stdio::null());
    Command::new(opener)
        .arg(url)
        .stdout(quiet)
        .stderr(noise)
        .spawn()
        .is_ok()
}

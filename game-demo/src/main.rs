//! GLIMMER: an arena in the browser, played through Ringside.
//!
//! One command builds it, serves the page from the binary and prints the address. This file is the
//! command line; the rules are in `rules/`, the game a room runs in `game.rs`, the page in `page.rs`.

mod lan;
mod offer;
mod page;
mod replay;

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use clap::Parser;
use game_demo::{game::Glimmer, map::Map, rules};
use ringside_rooms::{
    Builder, RoomOptions, Rooms, ServerBuilder, Tls, raise_descriptor_limit,
    ringside_netcode::replay::Replay,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Descriptors below which a party of players could not connect.
const DESCRIPTORS_WANTED: u64 = 256;
/// The recording that killcams look at.
const REPLAY: Duration = Duration::from_secs(12);

/// GLIMMER, an arena in the browser: open the printed address in two tabs and play.
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "Keys: WASD or arrows to fly, mouse to aim, click to zap, space to dash, Enter to chat, N for the network,\n\
    R for a replay. Gamepads and touch work as well. Statistics are at /stats. End it with Ctrl-C."
)]
struct Cli {
    /// Address to listen on; 0.0.0.0 lets others in the network play
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Port to listen on; 0 picks a free one
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Players that bots fill each arena up to; each bot makes room for a person
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(0..=2000))]
    bots: u16,
    /// Players that an arena holds, bots included [default: 64, or as many as there are bots and 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=3000))]
    seats: Option<u16>,
    /// Length of a round: seconds (20s) or minutes (3m)
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = ticks)]
    round: u32,
    /// Event loops, each a thread on a core of its own [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=40))]
    shards: Option<u16>,
    /// Keep the arenas in this folder: after a restart players go on where they were
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Show a recording, saved from a replay (key R) in the page, to whoever opens the address that is printed
    #[arg(long, value_name = "FILE")]
    play: Option<PathBuf>,
    /// Certificate chain in PEM, to listen with TLS; taken up again when the file changes
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The certificate's private key in PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Listen on TCP alone: no WebTransport, and so no datagrams
    #[arg(long)]
    no_quic: bool,
    /// Open the page in a browser
    #[arg(long)]
    open: bool,
}

/// A length of time, in ticks.
fn ticks(text: &str) -> Result<u32, String> {
    let (number, per_unit) = match (text.strip_suffix('s'), text.strip_suffix('m')) {
        (Some(seconds), _) => (seconds, rules::HZ),
        (_, Some(minutes)) => (minutes, 60 * rules::HZ),
        _ => (text, rules::HZ),
    };
    let number: u32 = number
        .trim()
        .parse()
        .map_err(|_| "a time is like 20s or 3m".to_owned())?;
    match number.checked_mul(per_unit) {
        Some(ticks) if (5 * rules::HZ..=3600 * rules::HZ).contains(&ticks) => Ok(ticks),
        _ => Err("a round lasts from 5 seconds to an hour".to_owned()),
    }
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
    let mut scheme = "http";
    let mut tls = None;
    if let (Some(cert), Some(key)) = (&cli.cert, &cli.key) {
        match Tls::files(cert, key) {
            Ok(files) => io.tls(tls.insert(files).clone()),
            Err(error) => {
                eprintln!("game-demo: {error}");
                return ExitCode::FAILURE;
            }
        };
        scheme = "https";
    }
    let address = match cli.host {
        any if any.is_unspecified() => lan::address(),
        one => Some(one),
    };
    let mut hash = None;
    if cli.no_quic {
        offer::none(&mut io);
    } else {
        match offer::serve(&mut io, tls.as_ref(), address) {
            Ok(made) => hash = made,
            Err(error) => {
                eprintln!(
                    "game-demo: no certificate for WebTransport: {error}; --no-quic does without"
                );
                return ExitCode::FAILURE;
            }
        }
    }
    page::serve(&mut io);
    let recordings = replay::serve(&mut io);
    let mut server = ServerBuilder::new(io);
    let round = cli.round;
    server
        .define("glimmer", options(&cli), move |seed| {
            Glimmer::new(seed, round)
        })
        .open(1);
    if let Some(folder) = &cli.keep {
        server.keep_in(folder);
    }
    let server = match server.listen((cli.host, cli.port)) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("game-demo: {error}");
            return ExitCode::FAILURE;
        }
    };
    recordings.start(server.rooms());
    let url = url(scheme, server.address());
    println!("GLIMMER is at {url}");
    if cli.host.is_unspecified() {
        match address {
            Some(ip) => println!(
                "For others in this network: {}",
                self::url(scheme, (ip, server.address().port()).into())
            ),
            None => println!("This machine seems to be in no network."),
        }
    }
    if let Some(file) = &cli.play {
        match play(&server.rooms(), file) {
            Ok(code) => println!("The recording is at {url}/?room={code}&watch"),
            Err(error) => {
                eprintln!("game-demo: {}: {error}", file.display());
                return ExitCode::FAILURE;
            }
        }
    }
    if let Some(hash) = hash {
        println!("Datagrams (QUIC) on the same port, with a certificate of SHA-256 {hash}");
    }
    println!("Open it in two tabs, or send it to a friend. Ctrl-C ends it.");
    if cli.open && !open(&url) {
        eprintln!("game-demo: no browser could be started; open {url} yourself");
    }
    server.wait();
    ExitCode::SUCCESS
}

/// Opens a room that shows this file; returns its code.
fn play(rooms: &Rooms, file: &Path) -> Result<String, String> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let layers = Map::new().layers;
    Replay::open(layers, &bytes).map_err(|error| error.to_string())?;
    rooms
        .play("glimmer", bytes)
        .map_err(|refusal| refusal.error)
}

fn options(cli: &Cli) -> RoomOptions {
    let usual = 64.max(cli.bots.saturating_add(8));
    RoomOptions {
        seats: cli.seats.unwrap_or(usual).max(1),
        bots: cli.bots,
        spectators: 64,
        // The laboratory's keyframes and JSON are larger than a player needs.
        budget: Some(512_000),
        // At 150 ms with loss, over TCP, a picture is that old; beyond, those who were shot behind a block would suffer.
        rewind_max: Duration::from_millis(400),
        replay: Some(REPLAY),
        link_model: true,
        save_every: Duration::from_secs(1),
        ..RoomOptions::default()
    }
}

/// The address as a browser on this machine reaches it.
fn url(scheme: &str, at: SocketAddr) -> String {
    match at.ip() {
        ip if ip.is_unspecified() => format!("{scheme}://127.0.0.1:{}", at.port()),
        IpAddr::V6(ip) => format!("{scheme}://[{ip}]:{}", at.port()),
        IpAddr::V4(ip) => format!("{scheme}://{ip}:{}", at.port()),
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

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn rounds_are_told_in_seconds_or_minutes() {
        assert_eq!(ticks("20s"), Ok(1_200));
        assert_eq!(ticks("3m"), Ok(10_800));
        assert_eq!(ticks("90"), Ok(5_400));
        for wrong in ["", "s", "1s", "-3m", "9999999m", "2h", "3 minutes"] {
            assert!(ticks(wrong).is_err(), "{wrong}");
        }
    }
}

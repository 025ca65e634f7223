//! Headless players for a running GLIMMER: do they get their snapshots in time, over a network that may lose packets?
//! (`ringside-swarm glimmer --most` looks for how many do.)
//!
//! ```text
//! cargo run --release -p game-demo -- --bots 0            (pinned to a core: taskset -c 0 …)
//! cargo run --release -p ringside-benches --bin glimmer-swarm -- http://127.0.0.1:3000 --players 400 --pid PID
//! ```
//!
//! With `--over quic` they play over QUIC: snapshots come, and inputs go, as datagrams, on the same port. Each player
//! joins by itself, decodes every frame, acknowledges it, and sends 30 packets of two inputs a second, as a
//! page does. Promises: gaps are those between frames that could be used, as they were read, of all players, after the warm-up; a frame that
//! cannot be decoded is counted. Leaves out: prediction, pictures, and how well anybody plays.

use std::{
    collections::{HashMap, VecDeque},
    net::{SocketAddr, ToSocketAddrs},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Parser, ValueEnum};
use game_demo::{map::Map, rules::random::Random, seen::PuckInput};
use ringside_benches::trust::CertHash;
use ringside_client::{
    game::packet_text,
    swarm::{Ended, Id, Message, Peer, Protocol, Script, Settings, Swarm},
    trust_hashes,
};
use ringside_rooms::{
    Tick,
    ringside_netcode::{
        input::{InputPacket, ViewTick, Wired},
        snapshot::{Decoder, FrameError, Layers},
    },
};
use serde::Serialize;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Time between two packets of a player.
const PACKET_EVERY: Duration = Duration::from_micros(1_000_000 / 30);
/// Connections started a second: a server accepts so many without a queue.
const RAMP_PER_SECOND: u32 = 400;
/// Reasons that are told.
const REASONS_MAX: u32 = 8;
/// Inputs that a packet repeats where packets may be lost: those of the two before it.
const REPEATED: usize = 4;
/// Interval of snapshots; a gap is late beyond one and a half.
const INTERVAL: Duration = Duration::from_millis(50);

/// Headless players for a running GLIMMER; prints one line of figures as JSON.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    /// The server, as it was printed
    url: String,
    /// Players
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    players: u32,
    /// Seconds that are measured
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Seconds before, after the last player has joined
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=60))]
    warm_up: u32,
    /// The server's process, to tell its CPU time (Linux)
    #[arg(long)]
    pid: Option<u32>,
    /// What the players play over
    #[arg(long, value_enum, default_value = "websocket")]
    over: Over,
    /// The SHA-256 of the certificate to trust over QUIC, in hexadecimal, as game-demo and gen-cert print it
    #[arg(long, value_name = "HEX")]
    cert_hash: Option<CertHash>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Over {
    Websocket,
    Quic,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    players: u32,
    ended: u32,
    snapshots_per_player_second: f64,
    bytes_per_player_second: f64,
    gap_ms_p50: f64,
    gap_ms_p99: f64,
    gap_ms_p999: f64,
    gap_ms_max: f64,
    late_share: f64,
    undecodable: u64,
    missing_baselines: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_cores: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_us_per_snapshot: Option<f64>,
}

struct Player {
    decoder: Decoder,
    last_frame: Option<Instant>,
    heading: u8,
    seq: u16,
    target: Option<Tick>,
    next_packet: Instant,
    /// The last inputs, newest first: datagrams repeat them.
    inputs: VecDeque<PuckInput>,
}

/// All players.
struct Players {
    layers: Layers,
    all: HashMap<Id, Player>,
    random: Random,
    measuring: bool,
    gaps_us: Vec<u32>,
    bytes: u64,
    undecodable: u64,
    missing: u64,
    ended: u32,
}

impl Script for Players {
    fn joined(&mut self, peer: &mut Peer<'_>) {
        let id = peer.id();
        let spread = Duration::from_micros(u64::from(self.random.below(33_333)));
        let player = Player {
            decoder: Decoder::new(self.layers.clone()),
            last_frame: None,
            heading: self.random.below(64) as u8,
            seq: 0,
            target: None,
            next_packet: peer.now() + spread,
            inputs: VecDeque::new(),
        };
        self.all.insert(id, player);
        let name = format!("swarm {}", id.0);
        // A map of one string: it has JSON.
        let _ = peer.emit("join", &(serde_json::json!({ "name": name }),));
    }

    fn message(&mut self, peer: &mut Peer<'_>, message: Message<'_>) {
        let (Message::Binary(frame), Some(player)) = (message, self.all.get_mut(&peer.id())) else {
            return;
        };
        self.bytes += frame.len() as u64 * u64::from(self.measuring);
        match player.decoder.read(frame) {
            Ok(_) => {
                let last = player.last_frame.replace(peer.now());
                if let Some(last) = last.filter(|_| self.measuring) {
                    let gap = (peer.now() - last).as_micros();
                    self.gaps_us.push(gap.min(u128::from(u32::MAX)) as u32);
                }
            }
            Err(FrameError::MissingBaseline { .. }) => {
                self.missing += 1;
                let _ = peer.emit("k", &());
            }
            Err(FrameError::Stale) => {}
            Err(_) => self.undecodable += 1,
        }
    }

    fn ended(&mut self, id: Id, why: Ended) {
        self.ended += 1;
        if self.ended <= REASONS_MAX {
            eprintln!("glimmer-swarm: player {} ended: {why}", id.0);
        }
        self.all.remove(&id);
    }
}

impl Player {
    /// The packet for two more ticks. `lossy`: it repeats the inputs of the two packets before.
    fn packet(&mut self, random: &mut Random, lossy: bool) -> Option<String> {
        let newest = self.decoder.tick()?;
        // The server is up to three ticks past the newest snapshot, and inputs should be early by some.
        let wanted = newest + 6;
        let next = self.target.map_or(wanted, |target| target + 2);
        let target = if next.since(wanted).abs() > 12 {
            wanted
        } else {
            next
        };
        if next != target {
            // They were for other ticks.
            self.inputs.clear();
        }
        self.target = Some(target);
        self.seq = self.seq.wrapping_add(2);
        if random.below(20) == 0 {
            self.heading = random.below(64) as u8;
        }
        let input = PuckInput {
            heading: self.heading,
            thrust: true,
            aim: u16::from(self.heading) * 16,
            dash: random.below(200) == 0,
            fire: random.below(40) == 0,
        };
        self.inputs.truncate(if lossy { REPEATED } else { 0 });
        for _ in 0..2 {
            self.inputs.push_front(input);
        }
        let acknowledged = self.decoder.acknowledgement();
        let packet = InputPacket {
            ack: acknowledged.map(|(newest, _)| newest),
            ack_bits: acknowledged.map(|(_, earlier)| earlier).filter(|_| lossy),
            view: ViewTick::new(newest, 0),
            newest_seq: self.seq,
            newest_target: target.wire(),
            inputs: self.inputs.iter().copied().map(Wired).collect(),
        };
        Some(packet_text(&packet))
    }
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(outcome) => {
            println!("{}", serde_json::to_string(&outcome).unwrap_or_default());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("glimmer-swarm: {error}");
            ExitCode::FAILURE
        }
    }
}

fn address(url: &str) -> Result<SocketAddr, String> {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut found = host
        .to_socket_addrs()
        .map_err(|error| format!("{url}: {error}"))?;
    found.next().ok_or_else(|| format!("{url} is nowhere"))
}

fn run(cli: &Cli) -> Result<Outcome, String> {
    let told = |error: std::io::Error| error.to_string();
    let lossy = cli.over == Over::Quic;
    let protocol = match cli.over {
        Over::Websocket => Protocol::SocketIo,
        Over::Quic => Protocol::Quic,
    };
    let mut settings = Settings::new(address(&cli.url)?, protocol);
    settings.tls = cli.cert_hash.map(|hash| trust_hashes([hash.0]));
    let mut swarm = Swarm::new(settings).map_err(told)?;
    let mut players = Players {
        layers: Map::new().layers,
        all: HashMap::new(),
        random: Random::new(1),
        measuring: false,
        gaps_us: Vec::new(),
        bytes: 0,
        undecodable: 0,
        missing: 0,
        ended: 0,
    };
    let begun = Instant::now();
    let ramp = Duration::from_secs(1) * cli.players / RAMP_PER_SECOND;
    let from = begun + ramp + Duration::from_secs(cli.warm_up.into());
    let until = from + Duration::from_secs(cli.seconds.into());
    let (mut started, mut cpu_before) = (0, None);
    let mut ids = Vec::new();
    while Instant::now() < until {
        let now = Instant::now();
        let due = (now - begun).as_secs_f64() * f64::from(RAMP_PER_SECOND);
        while started < cli.players && f64::from(started) <= due {
            ids.push(swarm.connect().map_err(told)?);
            started += 1;
        }
        if !players.measuring && now >= from {
            players.measuring = true;
            cpu_before = cli.pid.and_then(cpu_seconds);
        }
        for &id in &ids {
            let Some(player) = players
                .all
                .get_mut(&id)
                .filter(|player| player.next_packet <= now)
            else {
                continue;
            };
            player.next_packet = (player.next_packet + PACKET_EVERY).max(now);
            if let (Some(packet), Some(mut peer)) =
                (player.packet(&mut players.random, lossy), swarm.peer(id))
            {
                // As a datagram where there are any, and else as ever.
                let _ = peer.emit_volatile("i", &(packet,));
            }
        }
        swarm
            .turn(Some(Duration::from_millis(2)), &mut players)
            .map_err(told)?;
    }
    let spent = cpu_before
        .zip(cli.pid.and_then(cpu_seconds))
        .map(|(before, after)| after - before);
    Ok(outcome(cli, players, spent))
}

fn outcome(cli: &Cli, mut players: Players, spent: Option<f64>) -> Outcome {
    let gaps = &mut players.gaps_us;
    gaps.sort_unstable();
    let at = |part: f64| {
        let place = ((gaps.len().max(1) - 1) as f64 * part) as usize;
        f64::from(gaps.get(place).copied().unwrap_or(0)) / 1000.0
    };
    let late = gaps
        .iter()
        .filter(|gap| u128::from(**gap) > INTERVAL.as_micros() * 3 / 2)
        .count();
    let player_seconds = f64::from(cli.players) * f64::from(cli.seconds);
    Outcome {
        players: cli.players,
        ended: players.ended,
        snapshots_per_player_second: gaps.len() as f64 / player_seconds,
        bytes_per_player_second: players.bytes as f64 / player_seconds,
        gap_ms_p50: at(0.5),
        gap_ms_p99: at(0.99),
        gap_ms_p999: at(0.999),
        gap_ms_max: at(1.0),
        late_share: late as f64 / gaps.len().max(1) as f64,
        undecodable: players.undecodable,
        missing_baselines: players.missing,
        server_cores: spent.map(|spent| spent / f64::from(cli.seconds)),
        server_us_per_snapshot: spent.map(|spent| spent * 1e6 / gaps.len().max(1) as f64),
    }
}

/// CPU time of a process so far, where the system tells it as Linux does; it counts in hundredths of a second.
fn cpu_seconds(pid: u32) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit(')').next()?.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / 100.0)
}

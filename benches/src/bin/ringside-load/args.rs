//! The command line, and the plan it stands for.

use std::{net::ToSocketAddrs, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use ringside_benches::{
    load::{Pace, Plan, Work},
    trust::CertHash,
};
use ringside_client::{
    swarm::{Protocol, Settings},
    trust_hashes,
};

use crate::objective::Objective;

/// Load for a WebSocket or Socket.IO server, from one thread
#[derive(Debug, Parser)]
#[command(name = "ringside-load")]
pub(crate) struct Args {
    /// The server: ws://HOST:PORT/PATH for plain WebSocket, http://HOST:PORT for Socket.IO
    url: String,
    /// What to speak, if not what the address says
    #[arg(long, value_enum)]
    protocol: Option<Speech>,
    /// Over QUIC: the SHA-256 of the certificate to trust, in hexadecimal
    #[arg(long, value_name = "HEX")]
    cert_hash: Option<CertHash>,
    /// Broadcasts may be lost: over QUIC they travel as datagrams
    #[arg(long)]
    volatile: bool,
    /// How many connections
    #[arg(short = 'n', long, default_value_t = 1000)]
    connections: usize,
    /// Connections that may be under way at once while ramping up
    #[arg(long, default_value_t = 100)]
    ramp: usize,
    /// What they do
    #[arg(long, value_enum, default_value = "broadcast")]
    work: Kind,
    /// Broadcasts, or echoes of all connections together, a second; each is due at a time fixed in
    /// advance, and latency counts from then
    #[arg(long, conflicts_with = "in_flight")]
    rate: Option<f64>,
    /// Without a rate: broadcasts in all, or echoes of each connection, that may be on their way
    #[arg(long, default_value_t = 1)]
    in_flight: u32,
    /// Messages sent at once
    #[arg(long, default_value_t = 1)]
    burst: u32,
    /// Bytes of text in a message, at least 17
    #[arg(long, default_value_t = 32)]
    payload: usize,
    /// The server swallows broadcasts; count them as delivered
    #[arg(long)]
    swallowed: bool,
    /// Seconds of quiet after the last connection
    #[arg(long, default_value_t = 0.3)]
    settle: f64,
    /// Seconds of work before the measurement
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Seconds to measure
    #[arg(short = 'd', long, default_value_t = 10.0)]
    duration: f64,
    /// The server's process id: its cost is measured too (Linux)
    #[arg(long)]
    pid: Option<u32>,
    /// The core to run on
    #[arg(long)]
    pub(crate) pin: Option<usize>,
    /// Where to write the outcome as JSON; `-` is standard output
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Where to write the outcome as a page with plots
    #[arg(long)]
    pub(crate) html: Option<PathBuf>,
    /// What must hold, else the exit code is 1: p50, p90, p99, p99.9, max (ms), rate (a second), lost,
    /// missing, cpu, user (us), memory (bytes a connection), connects (a second); of the generator itself
    /// own-busy (share of a core) and own-memory (bytes a connection); for example `p99<20` or `lost<=0`
    #[arg(long = "objective", value_name = "WHAT<=NUMBER")]
    pub(crate) objectives: Vec<Objective>,
    /// No progress bar and no summary
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Speech {
    /// Plain WebSocket
    Ws,
    /// Socket.IO over WebSocket
    Sio,
    /// Socket.IO over long-polling
    Polling,
    /// Socket.IO over QUIC, with datagrams
    Quic,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// The first connection sends, everybody receives
    Broadcast,
    /// Everybody sends and receives its own
    Echo,
    /// Nothing but heartbeats
    Idle,
}

impl Args {
    pub(crate) fn plan(&self) -> Result<Plan, String> {
        let url = self.url.as_str();
        let (scheme, rest) = url
            .split_once("://")
            .ok_or("the address lacks ws:// or http://")?;
        let protocol = match (self.protocol, scheme) {
            (Some(Speech::Ws), _) | (None, "ws") => Protocol::WebSocket,
            (Some(Speech::Sio), _) | (None, "http") => Protocol::SocketIo,
            (Some(Speech::Polling), _) => Protocol::Polling,
            (Some(Speech::Quic), _) => Protocol::Quic,
            (None, other) => {
                return Err(format!(
                    "{other}:// is not spoken here; use ws:// or http://"
                ));
            }
        };
        let (host, path) = match rest.find('/') {
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, "/"),
        };
        let found = host
            .to_socket_addrs()
            .map_err(|error| format!("{host}: {error}"))?;
        let address = found
            .into_iter()
            .next()
            .ok_or_else(|| format!("{host} has no address"))?;
        let mut settings = Settings::new(address, protocol);
        settings.host = host.to_owned();
        settings.tls = self.cert_hash.map(|hash| trust_hashes([hash.0]));
        if path != "/" {
            settings.path = path.to_owned();
        }
        let seconds = |what: &str, number: f64| {
            Duration::try_from_secs_f64(number).map_err(|error| format!("--{what}: {error}"))
        };
        let pace = match self.rate {
            Some(rate) if rate > 0.0 && rate <= 1e6 => Pace::Rate(rate),
            Some(rate) => return Err(format!("--rate {rate} is not between 0 and a million")),
            None => Pace::InFlight(self.in_flight.max(1)),
        };
        Ok(Plan {
            settings,
            connections: self.connections.max(1),
            connecting: self.ramp,
            work: match self.work {
                Kind::Broadcast => Work::Broadcast,
                Kind::Echo => Work::Echo,
                Kind::Idle => Work::Idle,
            },
            pace,
            burst: self.burst.max(1),
            payload: self.payload,
            swallowed: self.swallowed,
            volatile: self.volatile,
            settle: seconds("settle", self.settle)?,
            warm_up: seconds("warm-up", self.warm_up)?,
            duration: seconds("duration", self.duration)?,
            pid: self.pid,
        })
    }
}

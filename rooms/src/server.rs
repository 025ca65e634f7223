//! A server of one room: a game, a gateway, and the events between them.
//!
//! | event | direction | meaning |
//! |---|---|---|
//! | `join` `{name}` → ack | client | come in, or go by another name; the ack is the welcome, or `{error}` |
//! | `input` bytes | client | what the player does |
//! | `clock` → ack | client | the server's time in milliseconds, for clock sync |
//! | `player`, `left` | server | somebody came, changed name, or went |
//! | `snapshot` bytes | server | what the game shows |
//!
//! Promises: nothing a client sends reaches the game but through its seat; whoever disconnects leaves.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::{SocketAddr, ToSocketAddrs},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use bytes::Bytes;
use ringside_gateway::{Ack, Args, Builder, Gateway, ListenError, Page, Socket};
use ringside_netcode::tick::StepConfig;
use serde::{Deserialize, Serialize};

use crate::{
    driver::{Command, Commands, Desk, RoomReport, Seat, Stop},
    env::Clock,
    game::Game,
    room::{Room, RoomConfig},
};

/// How a room is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Ticks, snapshots, and what to do when the machine cannot keep up.
    pub step: StepConfig,
    /// Players it holds, bots included. Default 1,000.
    pub seats: u16,
    /// Names of bots to seat at once.
    pub bots: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            step: StepConfig::default(),
            seats: 1_000,
            bots: Vec::new(),
        }
    }
}

/// A game being served. Dropping it ends the game and the gateway.
pub struct Server {
    gateway: Gateway,
    stop: Arc<Stop>,
    room: Option<JoinHandle<()>>,
    report: Arc<Mutex<RoomReport>>,
}

/// Everything the statistics page shows.
#[derive(Serialize)]
struct Statistics {
    room: RoomReport,
    connections: u64,
    delivered: u64,
    dropped: u64,
    replaced: u64,
    writes: u64,
    slow_consumers: u64,
}

#[derive(Deserialize)]
struct JoinRequest {
    #[serde(default)]
    name: String,
}

impl Server {
    /// Serves `game` with the pages and settings of `io`, on `address`. The room's statistics are at
    /// `/stats`, as JSON.
    ///
    /// # Errors
    /// What keeps the gateway from listening, with the mend.
    pub fn start<G: Game>(
        game: G,
        options: &Options,
        mut io: Builder,
        address: impl ToSocketAddrs + std::fmt::Debug,
    ) -> Result<Self, ListenError> {
        let (desk, commands) = Desk::new();
        let (stop, report) = (desk.stop(), desk.report());
        register(&mut io, &commands);
        let gateway_seen = Arc::new(Mutex::new(None::<Gateway>));
        let (seen, room_report) = (gateway_seen.clone(), report.clone());
        io.computed_page("/stats", move |_| statistics(&seen, &room_report));
        let gateway = io.listen(address)?;
        *gateway_seen
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(gateway.clone());

        let config = RoomConfig {
            seats: options.seats,
            tick_hz: options.step.hz,
            snapshot_every: options.step.snapshot_every,
        };
        let mut room = Room::new(game, config);
        for name in &options.bots {
            if !room.add_bot(name) {
                tracing::warn!(seats = options.seats, "more bots than seats");
                break;
            }
        }
        let publisher = gateway.publisher().map_err(std::io::Error::other)?;
        let members = gateway.room("arena").map_err(std::io::Error::other)?;
        let thread = desk.run(room, options.step, publisher, members);
        let room = Some(thread.map_err(std::io::Error::other)?);
        Ok(Self {
            gateway,
            stop,
            room,
            report,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    /// What the room last reported of itself.
    pub fn report(&self) -> RoomReport {
        self.report
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }

    /// Waits until the gateway has ended.
    pub fn wait(&self) {
        self.gateway.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(room) = self.room.take() {
            // A room that panicked has said so already.
            let _ = room.join();
        }
        self.gateway.stop();
    }
}

/// A socket's name among the rooms' keys: its id is unguessable and unique, so its hash is as good.
fn key(socket: &Socket) -> u64 {
    let mut hasher = DefaultHasher::new();
    socket.id().hash(&mut hasher);
    hasher.finish()
}

fn register(io: &mut Builder, commands: &Commands) {
    let to = commands.clone();
    io.on_raw(
        "join",
        move |socket: &Socket, args: Args<'_>, ack: Option<Ack>| {
            let Ok(request) = args.parse::<JoinRequest>() else {
                return;
            };
            let seat = Seat {
                socket: socket.clone(),
                ack: Mutex::new(ack),
            };
            to.send(Command::Join {
                key: key(socket),
                seat,
                name: request.name,
            });
        },
    );
    let to = commands.clone();
    io.on("input", move |socket: &Socket, message: Bytes| {
        to.send(Command::Input {
            key: key(socket),
            message,
        });
    });
    let to = commands.clone();
    io.on_disconnect(move |socket, _| {
        to.send(Command::Leave { key: key(socket) });
    });
    let clock = Clock::start();
    io.on("clock", move |_: &Socket, (): ()| {
        clock.now().as_secs_f64() * 1000.0
    });
}

fn statistics(gateway: &Mutex<Option<Gateway>>, report: &Mutex<RoomReport>) -> Page {
    let gateway = gateway
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let stats = gateway.as_ref().map(Gateway::stats).unwrap_or_default();
    let statistics = Statistics {
        room: report
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone(),
        connections: stats.connections,
        delivered: stats.delivered,
        dropped: stats.dropped,
        replaced: stats.replaced,
        writes: stats.writes,
        slow_consumers: stats.slow_consumers,
    };
    // Numbers and short texts: it always serializes.
    Page::json(serde_json::to_vec_pretty(&statistics).unwrap_or_default())
}

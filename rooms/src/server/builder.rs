//! Setting a game server up, running it, and ending it.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, ToSocketAddrs},
    num::NonZero,
    path::PathBuf,
    sync::{Arc, OnceLock},
    thread::{JoinHandle, available_parallelism},
    time::Duration,
};

use ringside_gateway::{Builder, Gateway, ListenError, Page};
use serde::Serialize;

use super::{
    Directory, Keeper, Kind, Rooms,
    events::{Running, register},
    keeper,
    kind::schema_module,
};
use crate::{
    driver::{Letter, Office, RoomReport, What, Worker},
    game::Game,
    room::RoomOptions,
};

/// Time between two looks at sockets while messages come often: a sixteenth of the shortest usual step, which is what they wait for.
const READ_INTERVAL: Duration = Duration::from_millis(1);

/// A game server being set up.
pub struct ServerBuilder {
    io: Builder,
    kinds: BTreeMap<String, Kind>,
    workers: usize,
    folder: Option<PathBuf>,
}

impl ServerBuilder {
    /// A server on this gateway, with its pages, limits and transports. Of these,
    /// [`read_interval`](Self::read_interval) is set anew.
    pub fn new(mut io: Builder) -> Self {
        io.read_interval(READ_INTERVAL);
        Self {
            io,
            kinds: BTreeMap::new(),
            workers: available_parallelism().map_or(1, NonZero::get),
            folder: None,
        }
    }

    /// Adds a kind of game. `make` gets a seed and makes the game of a new room; the same seed, the same
    /// game. Its layers and inputs are served to browsers as the module `/schema/KIND.js`.
    ///
    /// # Panics
    /// When `name` is not made of ASCII letters, digits and hyphens, for it is part of paths; or when there is a kind of
    /// this name.
    pub fn define<G: Game>(
        &mut self,
        name: &str,
        options: RoomOptions,
        make: impl Fn(u64) -> G + Send + Sync + 'static,
    ) -> &mut Kind {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        assert!(
            !name.is_empty() && name.chars().all(fits),
            "{name:?} is no name for a kind of game"
        );
        assert!(
            !self.kinds.contains_key(name),
            "there is a kind of game named {name:?} already"
        );
        let module = schema_module::<G>(&make(0));
        let script = "text/javascript; charset=utf-8";
        self.io
            .page(&format!("/schema/{name}.js"), Page::new(script, module));
        let kind = Kind::new(name, options, make);
        self.kinds.entry(name.to_owned()).or_insert(kind)
    }

    /// While messages come often, has sockets read once in so long; see the gateway's
    /// [`read_interval`](Builder::read_interval). Default: 1 ms, for an input waits for its step anyway, and players speak in
    /// their own time. Zero: at once.
    pub fn read_interval(&mut self, interval: Duration) -> &mut Self {
        self.io.read_interval(interval);
        self
    }

    /// How many threads step rooms. Default: one per core.
    pub fn workers(&mut self, workers: usize) -> &mut Self {
        self.workers = workers.max(1);
        self
    }

    /// Keeps the rooms of games that save in this folder: players resume their seats after a restart, or a
    /// crash. Default: none.
    pub fn keep_in(&mut self, folder: impl Into<PathBuf>) -> &mut Self {
        self.folder = Some(folder.into());
        self
    }

    /// The gateway, for pages and handlers of one's own.
    pub fn gateway(&mut self) -> &mut Builder {
        &mut self.io
    }

    /// Starts the server. Statistics are at `/stats`, as JSON.
    ///
    /// # Errors
    /// What keeps it from listening, with the mend.
    pub fn listen(
        mut self,
        address: impl ToSocketAddrs + std::fmt::Debug,
    ) -> Result<Server, ListenError> {
        let running: Running = Arc::new(OnceLock::new());
        register(&mut self.io, &running);
        let seen = running.clone();
        self.io.computed_page("/stats", move |_| statistics(&seen));

        let mut kept = None;
        let mut saved = Vec::new();
        if let Some(folder) = &self.folder {
            let (keeper, thread) = Keeper::start(folder)?;
            saved = keeper::found(folder)?;
            kept = Some((keeper, thread));
        }
        let (keeper, keeping) = kept.unzip();
        let opened: Vec<(String, usize)> = self
            .kinds
            .values()
            .map(|kind| (kind.name.clone(), kind.open))
            .collect();
        let kinds = self
            .kinds
            .into_iter()
            .map(|(name, kind)| (name, Arc::new(kind)));
        let gateway = self.io.listen(address)?;
        let rooms = Rooms {
            directory: Arc::new(Directory::new(kinds.collect())),
            office: Arc::new(Office::new(self.workers, keeper)),
            gateway: gateway.clone(),
        };
        let mut server = Server {
            rooms: rooms.clone(),
            threads: Vec::new(),
            keeping,
        };
        for number in 0..self.workers {
            let (office, directory) = (rooms.office.clone(), rooms.directory.clone());
            let thread = Worker::start(number, office, directory, gateway.clone());
            server.threads.push(thread?);
        }
        for (found, private) in saved {
            let restored = rooms.restore(&found.kind, &found.code, private, found.bytes);
            if let Err(refusal) = restored {
                tracing::error!(
                    room = found.code,
                    error = refusal.error,
                    "a saved room is left alone"
                );
            }
        }
        for (kind, count) in opened {
            let there = rooms.directory.list(&kind).len();
            for _ in there..count {
                rooms
                    .open(&kind, false)
                    .map_err(|refusal| std::io::Error::other(refusal.error))?;
            }
        }
        // From here on clients are heard: the rooms are there.
        let _first = running.set(rooms);
        Ok(server)
    }
}

/// A running game server. Dropping it ends the games, saved where they are kept, and the gateway.
pub struct Server {
    rooms: Rooms,
    threads: Vec<JoinHandle<()>>,
    keeping: Option<JoinHandle<()>>,
}

impl Server {
    /// A server to set up, on a gateway with its defaults.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new(Builder::default())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.rooms.gateway.address()
    }

    /// A handle to its rooms.
    pub fn rooms(&self) -> Rooms {
        self.rooms.clone()
    }

    /// The gateway below.
    pub fn gateway(&self) -> &Gateway {
        &self.rooms.gateway
    }

    /// Waits until the gateway has ended.
    pub fn wait(&self) {
        self.rooms.gateway.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for desk in &self.rooms.office.desks {
            desk.mailbox.post_always(Letter {
                room: 0,
                what: What::Stop,
            });
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a room thread panicked");
            }
        }
        self.rooms.gateway.stop();
        self.rooms.gateway.wait();
        if let Some(keeping) = self.keeping.take() {
            if let Some(keeper) = &self.rooms.office.keeper {
                keeper.finish();
            }
            if keeping.join().is_err() {
                tracing::error!("the keeper's thread panicked");
            }
        }
    }
}

/// Everything the statistics page shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Statistics {
    rooms: Vec<RoomReport>,
    /// Thousandths of busy time, and rooms, of each thread.
    threads: Vec<(u32, u32)>,
    /// Letters that found a thread's box full.
    letters_refused: u64,
    in_rooms: usize,
    in_queues: usize,
    connections: u64,
    delivered: u64,
    dropped: u64,
    replaced: u64,
    writes: u64,
    slow_consumers: u64,
}

fn statistics(running: &OnceLock<Rooms>) -> Page {
    let Some(rooms) = running.get() else {
        return Page::json("{}");
    };
    let stats = rooms.gateway.stats();
    let (in_rooms, in_queues) = rooms.sockets();
    let reports = rooms.directory.all();
    let reports = reports.iter().map(|address| address.report.get());
    let desks = rooms.office.desks.iter();
    let statistics = Statistics {
        rooms: reports.collect(),
        threads: rooms.threads(),
        letters_refused: desks.map(|desk| desk.mailbox.refused()).sum(),
        in_rooms,
        in_queues,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::test_world::Pebble;

    #[test]
    #[should_panic(expected = "there is a kind of game named \"pebble\" already")]
    fn a_kind_of_game_is_not_defined_twice() {
        let mut server = ServerBuilder::new(Gateway::builder());
        for _ in 0..2 {
            server.define("pebble", RoomOptions::default(), |_| Pebble::new());
        }
    }
}

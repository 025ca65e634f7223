//! A gateway in this process that tells what it saw.
//!
//! It listens on a port of its own, with a raw Engine.IO endpoint at `/engine.io/`, a bare WebSocket at
//! `/ws` and Socket.IO at `/socket.io/`. Messages that begin with `echo ` come back. Promises: every
//! opening, message and end is noted once, in order per connection.

use std::net::SocketAddr;

use ringside_gateway::{Builder, Connection, Gateway, Limits, Raw, RawMessage, Timing};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::{peer::Polling, within};

/// Where Engine.IO answers.
pub const PATH: &str = "/engine.io/";

/// What opens an Engine.IO session by WebSocket.
pub const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";

/// What a handler saw.
#[derive(Debug)]
pub enum Event {
    /// A connection opened.
    Opened(Connection),
    /// A text message came, on the connection of this id.
    Text(u64, String),
    /// A binary message came.
    Binary(u64, Vec<u8>),
    /// The connection ended, for this reason.
    Closed(u64, String),
}

/// Events a world keeps for its test: what the largest one notes, with slack.
const EVENTS: usize = 1 << 20;

/// A gateway and what it saw.
#[derive(Debug)]
pub struct World {
    /// The gateway.
    pub gateway: Gateway,
    events: Receiver<Event>,
}

impl World {
    /// A gateway of four shards with a heartbeat that no test waits for.
    pub fn new() -> Self {
        Self::with(unpaced(), Timing::default())
    }

    /// A gateway of four shards with these limits and times.
    pub fn with(limits: Limits, timing: Timing) -> Self {
        Self::set_up(|io| {
            io.limits(limits).timing(timing);
        })
    }

    /// A gateway of four shards, set up further by `f`.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn set_up(f: impl FnOnce(&mut Builder)) -> Self {
        let (sender, events) = channel(EVENTS);
        let mut io = Gateway::builder();
        io.shards(4)
            .pinned(false)
            .engineio(PATH, raw(&sender))
            .websocket("/ws", raw(&sender));
        f(&mut io);
        let gateway = io.listen("127.0.0.1:0").expect("a free port");
        Self { gateway, events }
    }

    /// Where it listens.
    pub fn at(&self) -> SocketAddr {
        self.gateway.address()
    }

    /// The next thing a handler saw.
    pub async fn next(&mut self) -> Event {
        let event = within("an event", self.events.recv()).await;
        event.expect("the gateway runs")
    }

    /// The next event that is an opening; others are skipped.
    pub async fn opened(&mut self) -> Connection {
        loop {
            if let Event::Opened(connection) = self.next().await {
                return connection;
            }
        }
    }

    /// Opens a session by polling; gives both ends of it.
    pub async fn polling(&mut self) -> (Polling, Connection) {
        let session = Polling::open(self.at(), PATH).await;
        loop {
            let connection = self.opened().await;
            if connection.handshake().query().ends_with(&session.mark) {
                return (session, connection);
            }
        }
    }

    /// The next text; others are skipped.
    pub async fn text(&mut self) -> String {
        loop {
            if let Event::Text(_, text) = self.next().await {
                return text;
            }
        }
    }

    /// Why the connection ended; what others do is skipped.
    pub async fn closed(&mut self, connection: &Connection) -> String {
        loop {
            match self.next().await {
                Event::Closed(id, reason) if id == connection.id() => return reason,
                _ => {}
            }
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.gateway.stop();
        self.gateway.wait();
    }
}

/// The default limits, but for the pace at which a client is read: tests send as fast as they can.
pub fn unpaced() -> Limits {
    Limits {
        messages_per_second: u32::MAX,
        message_burst: u32::MAX,
        ..Limits::default()
    }
}

/// Handlers that note everything and echo what asks for it.
fn raw(events: &Sender<Event>) -> Raw {
    let [opened, message, closed] = [(); 3].map(|()| events.clone());
    // A full channel, or a test that has ended: nobody misses the event.
    let note = |to: &Sender<Event>, event| drop(to.try_send(event));
    Raw::new()
        .on_open(move |it| note(&opened, Event::Opened(it.clone())))
        .on_message(move |it, said| match said {
            RawMessage::Text("panic") => panic!("a handler fails"),
            RawMessage::Text(text) if text.starts_with("echo ") => {
                it.send(said).expect("an echo is sent");
            }
            RawMessage::Text(text) => note(&message, Event::Text(it.id(), text.to_owned())),
            RawMessage::Binary(bytes) => note(&message, Event::Binary(it.id(), bytes.to_vec())),
        })
        .on_close(move |it, why| note(&closed, Event::Closed(it.id(), why.to_owned())))
}

//! The server's end of the namespaces on one connection.
//!
//! ```text
//!            CONNECT            accept
//!  (absent) ─────────▶ pending ────────▶ joined
//!      ▲                  │ refuse         │ DISCONNECT, leave
//!      └──────────────────┴────────────────┘
//! ```
//! Hand in every packet, do what the answer says. Like the reference (npm socket.io 4.8,
//! `client.js`) it closes the whole connection when a packet names a namespace that was not
//! joined. Unlike it, a second CONNECT while the first is pending is refused too: the reference
//! would make two sockets. Clients of the older protocol join `/` without asking
//! ([`ServerNamespaces::join_root`]) and may append a query to the name ([`split_query`]).

use crate::time::Millis;

use super::{Kind, Misbehaviour, Packet};

/// Namespaces on one connection. Sixteen names of 256 bytes are 4 KiB at worst.
pub const NAMESPACES_MAX: usize = 16;

/// How long a connection may stay without any namespace, in milliseconds (the reference's
/// `connectTimeout`).
pub const CONNECT_TIMEOUT: u32 = 45_000;

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum ServerAct {
    /// Decide about the namespace, then call [`ServerNamespaces::accept`] or
    /// [`ServerNamespaces::refuse`] and send CONNECT or CONNECT_ERROR.
    Connect,
    /// Give the event or ack to the socket of that namespace.
    Deliver,
    /// The client left the namespace: its socket is gone. Nothing is answered.
    Left,
}

#[derive(Debug)]
struct Entry {
    name: Box<str>,
    joined: bool,
}

/// The namespaces of one connection.
#[derive(Debug)]
pub struct ServerNamespaces {
    entries: Vec<Entry>,
    /// When a connection that joined nothing is closed.
    until: Millis,
    max: u16,
}

impl ServerNamespaces {
    /// A connection that opens now and must join a namespace within `connect_timeout`
    /// milliseconds ([`CONNECT_TIMEOUT`]); at most `max` of them ([`NAMESPACES_MAX`]).
    pub fn new(connect_timeout: u32, max: u16, now: Millis) -> Self {
        Self {
            entries: Vec::new(),
            until: now.plus(connect_timeout),
            max,
        }
    }

    /// A packet arrived.
    ///
    /// # Errors
    /// [`Misbehaviour::UnexpectedPacket`], [`Misbehaviour::TooManyNamespaces`]: close the
    /// connection.
    #[inline]
    pub fn on_packet(&mut self, packet: &Packet<'_>) -> Result<ServerAct, Misbehaviour> {
        self.on(packet.kind, packet.namespace)
    }

    /// As [`ServerNamespaces::on_packet`], for packets of other encodings.
    ///
    /// # Errors
    /// As there.
    pub fn on(&mut self, kind: Kind, namespace: &str) -> Result<ServerAct, Misbehaviour> {
        let name = split_query(namespace).0;
        let at = self.entries.iter().position(|entry| *entry.name == *name);
        match (kind, at) {
            (Kind::Connect, None) => {
                if self.entries.len() >= usize::from(self.max) {
                    return Err(Misbehaviour::TooManyNamespaces);
                }
                self.entries.push(Entry {
                    name: name.into(),
                    joined: false,
                });
                Ok(ServerAct::Connect)
            }
            (Kind::Connect | Kind::ConnectError, _) | (_, None) => {
                Err(Misbehaviour::UnexpectedPacket)
            }
            (_, Some(at)) if !self.entries[at].joined => Err(Misbehaviour::UnexpectedPacket),
            (Kind::Disconnect, Some(at)) => {
                self.entries.swap_remove(at);
                Ok(ServerAct::Left)
            }
            _ => Ok(ServerAct::Deliver),
        }
    }

    /// Joins `/` without a packet, as clients of the older protocol expect on opening.
    pub fn join_root(&mut self) {
        if !self.is_joined("/") {
            self.entries.push(Entry {
                name: "/".into(),
                joined: true,
            });
            self.until = Millis::NEVER;
        }
    }

    /// The application admits the client: send CONNECT. False if the client has gone meanwhile.
    pub fn accept(&mut self, namespace: &str) -> bool {
        let Some(entry) = self
            .entries
            .iter_mut()
            .find(|entry| *entry.name == *namespace)
        else {
            return false;
        };
        entry.joined = true;
        self.until = Millis::NEVER;
        true
    }

    /// The application refuses the client: send CONNECT_ERROR. False if nothing was pending.
    pub fn refuse(&mut self, namespace: &str) -> bool {
        let at = self
            .entries
            .iter()
            .position(|entry| *entry.name == *namespace && !entry.joined);
        at.map(|at| self.entries.swap_remove(at)).is_some()
    }

    /// The server makes the client leave: send DISCONNECT. False if it had not joined.
    pub fn leave(&mut self, namespace: &str) -> bool {
        let at = self
            .entries
            .iter()
            .position(|entry| *entry.name == *namespace && entry.joined);
        at.map(|at| self.entries.swap_remove(at)).is_some()
    }

    /// Whether the client has joined.
    pub fn is_joined(&self, namespace: &str) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.joined && *entry.name == *namespace)
    }

    /// The namespaces joined.
    pub fn joined(&self) -> impl Iterator<Item = &str> {
        self.entries
            .iter()
            .filter(|entry| entry.joined)
            .map(|entry| &*entry.name)
    }

    /// When to call [`ServerNamespaces::is_overdue`].
    pub const fn next_deadline(&self) -> Millis {
        self.until
    }

    /// Whether the connection must be closed
    /// ([`ConnectTimeout`](crate::close::CloseReason::ConnectTimeout)): time is up and nothing was
    /// ever joined.
    pub fn is_overdue(&self, now: Millis) -> bool {
        now >= self.until
    }
}

/// Parts a namespace of the older protocol from its query: `/chat?token=x` is `/chat` and
/// `token=x`.
pub fn split_query(namespace: &str) -> (&str, Option<&str>) {
    match namespace.split_once('?') {
        Some((name, query)) => (name, Some(query)),
        None => (namespace, None),
    }
}

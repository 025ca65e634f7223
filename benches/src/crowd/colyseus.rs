//! Clients of a Colyseus server: a seat by HTTP, then its own protocol over WebSocket, as far as it takes to be sent
//! the state (`rivals/js/colyseus-check.mjs` decodes it with Colyseus' own client).
//!
//! Messages begin with a code: 10 joined, to be answered with the same; 14 the whole state; 15 a patch. A client
//! says 12 when it leaves, and 17 before a message in bytes. Leaves out: reading the state, and everything else.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    time::Instant,
};

use ringside_client::swarm::{Message, Peer, Protocol, Settings};
use serde_json::Value;

use super::{Game, Heard, Manner, Player};

const JOINED: u8 = 10;
const LEAVE: u8 = 12;
const STATE: u8 = 14;
const PATCH: u8 = 15;
const BYTES: u8 = 17;

/// The room of ARENA-N on a Colyseus server.
pub struct Colyseus {
    address: SocketAddr,
    manner: Manner,
    http: ureq::Agent,
}

impl Colyseus {
    /// At this address. Inputs are as big as our players'.
    pub fn new(address: SocketAddr, manner: Manner) -> Self {
        Self {
            address,
            manner,
            http: ureq::agent(),
        }
    }
}

impl Game for Colyseus {
    fn settings(&self) -> Settings {
        Settings::new(self.address, Protocol::WebSocket)
    }

    /// A seat is reserved for each client, which is to connect to an address of its own.
    fn path(&mut self) -> Result<Option<String>, String> {
        let url = format!("http://{}/matchmake/joinOrCreate/arena", self.address);
        let told = |error: ureq::Error| format!("{url}: {error}");
        let mut answer = self
            .http
            .post(&url)
            .send_json(Value::Object(Default::default()))
            .map_err(told)?;
        let seat: Value = answer.body_mut().read_json().map_err(told)?;
        seat_path(&seat)
            .map(Some)
            .ok_or_else(|| format!("{url} gave no seat: {seat}"))
    }

    fn is_paced(&self) -> bool {
        self.manner == Manner::Paced
    }

    fn player(&mut self, _: usize) -> Box<dyn Player> {
        Box::new(Client {
            manner: self.manner,
            said: 0,
        })
    }
}

/// Where a seat's client connects to.
fn seat_path(seat: &Value) -> Option<String> {
    let text = |value: &Value, name| Some(value.get(name)?.as_str()?.to_owned());
    // Older servers describe the room in an object of its own.
    let room = seat.get("room").unwrap_or(seat);
    let (process, room) = (text(room, "processId")?, text(room, "roomId")?);
    Some(format!(
        "/{process}/{room}?sessionId={}",
        text(seat, "sessionId")?
    ))
}

struct Client {
    manner: Manner,
    said: u8,
}

impl Client {
    fn say(&mut self, peer: &mut Peer<'_>) {
        self.said = self.said.wrapping_add(2);
        peer.send_binary(&[BYTES, 0, self.said | 1]);
    }
}

impl Player for Client {
    fn ready(&mut self, _: &mut Peer<'_>) {}

    fn hear(&mut self, peer: &mut Peer<'_>, message: Message<'_>) -> Heard {
        let Message::Binary(bytes) = message else {
            return Heard::Other;
        };
        match bytes.first() {
            Some(&JOINED) => {
                peer.send_binary(&[JOINED]);
                Heard::Other
            }
            Some(&STATE) => Heard::Seated,
            Some(&PATCH) => {
                if self.manner == Manner::Answer {
                    self.say(peer);
                }
                Heard::Snapshot(bytes.len())
            }
            _ => Heard::Other,
        }
    }

    fn act(&mut self, peer: &mut Peer<'_>) -> Option<Instant> {
        if self.manner == Manner::Paced {
            self.say(peer);
        }
        None
    }

    fn leave(&mut self, peer: &mut Peer<'_>) {
        peer.send_binary(&[LEAVE]);
    }
}

/// An address as servers print it.
///
/// # Errors
/// It is nowhere.
pub fn address(url: &str) -> Result<SocketAddr, String> {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let mut found = host
        .trim_end_matches('/')
        .to_socket_addrs()
        .map_err(|error| format!("{url}: {error}"))?;
    found.next().ok_or_else(|| format!("{url} is nowhere"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_has_its_path_in_the_form_of_any_version() {
        let flat = serde_json::json!({ "sessionId": "s", "roomId": "r", "processId": "p" });
        let nested =
            serde_json::json!({ "sessionId": "s", "room": { "roomId": "r", "processId": "p" } });
        for seat in [flat, nested] {
            assert_eq!(seat_path(&seat).as_deref(), Some("/p/r?sessionId=s"));
        }
        assert_eq!(
            seat_path(&serde_json::json!({ "error": "no such room" })),
            None
        );
    }
}

//! Clients of the floor (`rivals/rust/src/bin/floor.rs --tick BYTES`): everybody is sent the same bytes twenty times a
//! second, by a loop over `send()`. What that costs, any server of snapshots over TCP costs at least.

use std::{net::SocketAddr, time::Instant};

use ringside_client::swarm::{Message, Peer, Protocol, Settings};

use super::{Game, Heard, Manner, Player};

/// The floor on this server.
pub struct Floor {
    /// Where it is.
    pub address: SocketAddr,
    /// Whether clients answer each message with one of some bytes, or only listen.
    pub manner: Manner,
}

impl Game for Floor {
    fn settings(&self) -> Settings {
        Settings::new(self.address, Protocol::WebSocket)
    }

    fn is_paced(&self) -> bool {
        self.manner == Manner::Paced
    }

    fn player(&mut self, _: usize) -> Box<dyn Player> {
        Box::new(Listener(self.manner))
    }
}

struct Listener(Manner);

/// As many bytes as a packet of inputs has.
const ANSWER: [u8; 10] = [7; 10];

impl Player for Listener {
    fn ready(&mut self, _: &mut Peer<'_>) {}

    fn hear(&mut self, peer: &mut Peer<'_>, message: Message<'_>) -> Heard {
        let Message::Binary(bytes) = message else {
            return Heard::Other;
        };
        if self.0 == Manner::Answer {
            peer.send_binary(&ANSWER);
        }
        Heard::Snapshot(bytes.len())
    }

    fn act(&mut self, peer: &mut Peer<'_>) -> Option<Instant> {
        if self.0 == Manner::Paced {
            peer.send_binary(&ANSWER);
        }
        None
    }

    fn leave(&mut self, _: &mut Peer<'_>) {}
}

//! Headless players of GLIMMER: each joins by itself, decodes and acknowledges every frame, and sends 30 packets of
//! two inputs a second, as a page does. Leaves out: prediction, pictures, and how well anybody plays.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use game_demo::{
    map::Map,
    rules::{HZ, random::Random},
    seen::PuckInput,
};
use ringside_client::{
    game::{InputSender, Pace, ViewTick, Wired, packet_text},
    swarm::{Message, Peer, Protocol, Settings},
};
use ringside_netcode::snapshot::{Decoder, FrameError};

use super::{Game, Heard, Player};

/// Time between two packets of a player.
const PACKET_EVERY: Duration = Duration::from_micros(1_000_000 / 30);
/// What is assumed of the way to a server on this machine, both ways, and of its variation.
const ROUND_TRIP: Duration = Duration::from_millis(5);
/// One in so many players counts what it sees.
const LOOKS_EVERY: usize = 16;

/// GLIMMER on this server.
pub struct Glimmer {
    address: SocketAddr,
    map: Map,
}

impl Glimmer {
    /// At this address.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            map: Map::new(),
        }
    }
}

impl Game for Glimmer {
    fn settings(&self) -> Settings {
        Settings::new(self.address, Protocol::SocketIo)
    }

    fn player(&mut self, n: usize) -> Box<dyn Player> {
        let mut random = Random::new(n as u32 + 1);
        Box::new(Pilot {
            number: n,
            decoder: Decoder::new(self.map.layers.clone()),
            map: n.is_multiple_of(LOOKS_EVERY).then(Map::new),
            heading: random.below(64) as u8,
            random,
            pace: Pace::new(HZ),
            inputs: InputSender::new(),
            begun: Instant::now(),
            next: None,
        })
    }
}

struct Pilot {
    number: usize,
    decoder: Decoder,
    map: Option<Map>,
    random: Random,
    heading: u8,
    pace: Pace,
    inputs: InputSender<Wired<PuckInput>>,
    begun: Instant,
    next: Option<Instant>,
}

impl Player for Pilot {
    fn ready(&mut self, peer: &mut Peer<'_>) {
        let request = serde_json::json!({ "name": format!("swarm {}", self.number) });
        // A map of one string: it has JSON.
        let _ = peer.emit("join", &(request,));
    }

    fn hear(&mut self, peer: &mut Peer<'_>, message: Message<'_>) -> Heard {
        let Message::Binary(frame) = message else {
            return Heard::Other;
        };
        match self.decoder.read(frame) {
            Ok(info) => {
                let now = peer.now().saturating_duration_since(self.begun);
                let depth = info.feedback.map(|feedback| feedback.input_depth);
                self.pace
                    .heard(info.tick, now, depth, ROUND_TRIP, ROUND_TRIP);
                Heard::Snapshot(frame.len())
            }
            Err(FrameError::Stale) => Heard::Other,
            Err(error) => {
                if matches!(error, FrameError::MissingBaseline(_)) {
                    let _ = peer.emit("k", &());
                }
                Heard::Unusable
            }
        }
    }

    fn act(&mut self, peer: &mut Peer<'_>) -> Option<Instant> {
        let now = peer.now();
        if let Some(packet) = self.packet(now) {
            // A text: it has JSON.
            let _ = peer.emit("i", &(packet,));
        }
        let next = self.next.unwrap_or(now) + PACKET_EVERY;
        self.next = Some(next.max(now));
        self.next
    }

    fn leave(&mut self, peer: &mut Peer<'_>) {
        let _ = peer.emit("leave", &());
    }

    fn sees(&self) -> Option<(usize, usize)> {
        Some(self.map.as_ref()?.visible(&self.decoder))
    }
}

impl Pilot {
    /// The packet for the ticks that have become due.
    fn packet(&mut self, now: Instant) -> Option<String> {
        let newest = self.decoder.tick()?;
        if self.random.below(20) == 0 {
            self.heading = self.random.below(64) as u8;
        }
        for tick in self.pace.due(now.saturating_duration_since(self.begun)) {
            let input = PuckInput {
                heading: self.heading,
                thrust: true,
                aim: u16::from(self.heading) * 16,
                dash: self.random.below(200) == 0,
                fire: self.random.below(40) == 0,
            };
            self.inputs.push(tick, Wired(input));
        }
        let ack = self.decoder.acknowledgement().map(|(newest, _)| newest);
        let packet = self.inputs.packet(ack, ViewTick::new(newest, 0), false);
        Some(packet_text(&packet))
    }
}

//! Players of [`arena-room`](crate::arena): those who only watch acknowledge snapshots as a page does, those who play
//! send an input for each. The first one decodes what it gets and checks it by hash; a figure without a right hash is none.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use ringside_client::{
    game::{Acks, InputPacket, ViewTick, Wired, packet_text},
    swarm::{Message, Peer, Protocol, Settings},
};
use ringside_netcode::{
    Tick,
    arena_n::{Arena, Mover, Variant, hash},
    bits::BitReader,
    snapshot::{Decoder, LayerId},
};

use super::{Game, Heard, Manner, Player};
use crate::arena::{Steer, layers};

/// The room on this server.
pub struct ArenaRoom {
    /// Where it is.
    pub address: SocketAddr,
    /// What players do.
    pub manner: Manner,
    /// Entities that move: what is to be checked.
    pub entities: usize,
}

impl Game for ArenaRoom {
    fn settings(&self) -> Settings {
        Settings::new(self.address, Protocol::SocketIo)
    }

    fn is_paced(&self) -> bool {
        self.manner == Manner::Paced
    }

    fn player(&mut self, n: usize) -> Box<dyn Player> {
        Box::new(Visitor {
            manner: self.manner,
            seq: 0,
            newest: 0,
            acks: Acks::default(),
            begun: Instant::now(),
            critic: (n == 0).then(|| Critic::new(self.entities)),
        })
    }
}

struct Visitor {
    manner: Manner,
    seq: u16,
    /// The newest snapshot's tick.
    newest: u16,
    acks: Acks,
    begun: Instant,
    critic: Option<Critic>,
}

/// Who has nothing to acknowledge looks again after this.
const LOOK: Duration = Duration::from_millis(60);

/// Ticks ahead of the newest snapshot that an input is for: it is there before its step.
const LEAD: u16 = 2;

impl Visitor {
    /// Whether it is time to say what it has seen.
    fn is_due(&self, now: Instant) -> bool {
        let now = now.saturating_duration_since(self.begun);
        self.acks.due().is_some_and(|due| due <= now)
    }

    /// Says what it has seen, and what it does if it plays.
    fn answer(&mut self, peer: &mut Peer<'_>) {
        let tick = self.newest;
        let mut packet = InputPacket {
            ack: Some(tick),
            ack_bits: None,
            view: ViewTick(tick << 4),
            newest_seq: 0,
            newest_target: 0,
            inputs: Vec::new(),
        };
        if self.manner != Manner::Watch {
            self.seq = self.seq.wrapping_add(1);
            packet.newest_seq = self.seq;
            packet.newest_target = tick.wrapping_add(LEAD);
            packet.inputs.push(Wired(Steer {
                thrust: true,
                heading: self.seq as u8 & 127,
            }));
        }
        self.acks.said();
        // A text: it has JSON.
        let _ = peer.emit("i", &(packet_text(&packet),));
    }
}

impl Player for Visitor {
    fn ready(&mut self, peer: &mut Peer<'_>) {
        let request =
            serde_json::json!({ "name": "visitor", "watch": self.manner == Manner::Watch });
        // A map of texts and flags: it has JSON.
        let _ = peer.emit("join", &(request,));
    }

    fn hear(&mut self, peer: &mut Peer<'_>, message: Message<'_>) -> Heard {
        let Message::Binary(frame) = message else {
            return Heard::Other;
        };
        // A frame begins with its tick.
        self.newest = BitReader::new(frame).get(16) as u16;
        self.acks
            .heard(peer.now().saturating_duration_since(self.begun));
        let answers = match self.manner {
            Manner::Watch => self.is_due(peer.now()),
            Manner::Answer => true,
            Manner::Paced => false,
        };
        if answers {
            self.answer(peer);
        }
        match self.critic.as_mut().is_none_or(|it| it.approves(frame)) {
            true => Heard::Snapshot(frame.len()),
            false => Heard::Unusable,
        }
    }

    fn act(&mut self, peer: &mut Peer<'_>) -> Option<Instant> {
        match self.manner {
            Manner::Watch => {}
            Manner::Answer => return None,
            Manner::Paced => {
                self.answer(peer);
                return None;
            }
        }
        if self.is_due(peer.now()) {
            self.answer(peer);
        }
        let next = self.acks.due().map(|due| self.begun + due);
        Some(next.unwrap_or(peer.now() + LOOK))
    }

    fn leave(&mut self, peer: &mut Peer<'_>) {
        let _ = peer.emit("leave", &());
    }

    fn sees(&self) -> Option<(usize, usize)> {
        let critic = self.critic.as_ref()?;
        let moving = critic.scene.movers().len();
        let all = critic.decoder.entities(critic.layer).count();
        Some((moving.min(all), all.saturating_sub(moving)))
    }
}

/// Decodes frames and compares them with the scene, tick by tick.
struct Critic {
    decoder: Decoder,
    layer: LayerId<Mover>,
    scene: Arena,
}

impl Critic {
    fn new(entities: usize) -> Self {
        let (layers, layer) = layers();
        Self {
            decoder: Decoder::new(layers),
            layer,
            scene: Arena::new(Variant::J100, entities),
        }
    }

    fn approves(&mut self, frame: &[u8]) -> bool {
        let Ok(info) = self.decoder.read(frame) else {
            return false;
        };
        // The room steps the scene once before its first snapshot, that of tick 0.
        while Tick::new(self.scene.tick()) != info.tick.next() {
            self.scene.step();
        }
        let mut movers = vec![Mover::default(); self.scene.movers().len()];
        for entity in self.decoder.entities(self.layer) {
            if let Some(mover) = movers.get_mut(usize::from(entity.index)) {
                *mover = entity.value;
            }
        }
        hash(&movers) == self.scene.hash()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ringside_rooms::{RoomOptions, ServerBuilder, StepConfig};

    use super::*;
    use crate::{arena::ArenaGame, crowd::Crowd};

    #[test]
    fn a_crowd_in_a_room_gets_the_scene_whole_and_in_time_whatever_it_does() {
        for manner in [Manner::Watch, Manner::Answer, Manner::Paced] {
            let mut server = ServerBuilder::new(ringside_rooms::Builder::default());
            let options = RoomOptions {
                step: StepConfig {
                    hz: 20,
                    snapshot_every: 1,
                    ..StepConfig::default()
                },
                ..RoomOptions::default()
            };
            server
                .define("arena", options, |_| ArenaGame::new(100, 20))
                .open(1);
            let server = server.listen("127.0.0.1:0").expect("a free port");
            let game = ArenaRoom {
                address: server.address(),
                manner,
                entities: 100,
            };
            let mut crowd = Crowd::new(Box::new(game), None).expect("a poll");
            crowd.resize(12).expect("all get in");
            crowd.resize(5).expect("some leave");
            let (warm_up, time) = (Duration::from_millis(100), Duration::from_secs(1));
            let sample = crowd.measure(warm_up, time).expect("it goes on");
            assert_eq!((sample.players, sample.lost, sample.unusable), (5, 0, 0));
            assert_eq!(sample.seen, Some((100.0, 20.0)));
            // How many arrive in a second depends on the machine; that they do does not.
            assert!(sample.snapshots_per_s > 2.0, "{sample:?}");
            assert!(
                sample.payload_per_snapshot < sample.bytes_per_snapshot,
                "{sample:?}"
            );
            let room = &server.rooms().list()[0];
            let here = match manner {
                Manner::Watch => room.spectators,
                Manner::Answer | Manner::Paced => room.people,
            };
            assert_eq!(here, 5);
            let report = server
                .rooms()
                .report(&room.room)
                .expect("the room is there");
            assert_eq!(report.inputs.malformed, 0);
        }
    }
}

//! A thousand rooms at a time, on simulated time, from a seed: joins, leaves, losses, returns, floods, stalls,
//! restarts. What must hold is checked after every act, and what everybody was told at the end.
//!
//! A failure names its seed and room; `RINGSIDE_SEED=n` plays only that seed, `RINGSIDE_SEEDS=n` that many.

use std::{collections::BTreeMap, time::Duration};

use super::{
    test_world::{Net, Pebble, entry, options, push},
    *,
};
use crate::cx::Random;

const ROOMS: u64 = 1_000;
const SEEDS: u64 = 200;
/// Acts in the life of one room.
const ACTS: u32 = 14;
const SEATS: u16 = 5;

/// What is believed of one seat, from outside.
#[derive(Debug)]
struct Holder {
    id: PlayerId,
    token: Token,
    /// The connection it has, if it has one.
    client: Option<ClientId>,
    /// Of the game's emitted events, the first that concerns it.
    since: usize,
    /// What all its connections were told, together.
    told: Vec<(u32, String)>,
}

struct World {
    room: Room<Pebble>,
    net: Net,
    holders: Vec<Holder>,
    /// Players whose seats have run out unclaimed; their tokens are worth nothing.
    clients: u64,
    random: Random,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let bots = random.below(3) as u16;
        let options = RoomOptions {
            seats: SEATS,
            bots,
            link_model: true,
            reservation: Duration::from_millis(200),
            ..options()
        };
        Self {
            room: Room::new(Pebble::new(), "SIM", options, seed),
            net: Net::default(),
            holders: Vec::new(),
            clients: 0,
            random,
        }
    }

    fn new_client(&mut self) -> ClientId {
        self.clients += 1;
        ClientId(self.clients)
    }

    fn pick(&mut self, connected: bool) -> Option<usize> {
        let fits: Vec<usize> = (0..self.holders.len())
            .filter(|n| self.holders[*n].client.is_some() == connected)
            .collect();
        (!fits.is_empty()).then(|| fits[self.random.below(fits.len() as u32) as usize])
    }

    fn act(&mut self) {
        let now = self.net.now;
        match self.random.below(20) {
            0..=3 => self.join(),
            4 => {
                if let Some(n) = self.pick(true) {
                    let client = self.holders.remove(n).client.unwrap();
                    self.room.leave(client, now, &mut self.net);
                }
            }
            5..=7 => self.lose(),
            8..=10 => self.come_back(),
            11 => {
                if let Some(client) = self.connected() {
                    for n in 0..200 {
                        self.net.send(&mut self.room, client, push(n));
                    }
                }
            }
            12 => {
                if let Some(client) = self.connected() {
                    let garbage: Vec<u8> = (0..self.random.below(12))
                        .map(|n| (n as u8).wrapping_mul(37))
                        .collect();
                    self.room.packet(client, garbage, now, &mut self.net);
                }
            }
            13 => {
                if let Some(client) = self.connected() {
                    let stalled = &mut self.net.client_mut(client).stalled;
                    *stalled = !*stalled;
                }
            }
            14 => {
                if let Some(client) = self.connected() {
                    let text = serde_json::value::to_raw_value("hello").unwrap();
                    self.room.message(client, &text, now, &mut self.net);
                }
            }
            15 => {
                if let Some(n) = self.pick(true) {
                    let holder = self.holders.remove(n);
                    self.room
                        .kick(holder.id, "away with you".to_owned(), now, &mut self.net);
                }
            }
            16 => {
                let token = entry(1 << 40 | u64::from(self.random.below(1000))).token;
                // Full is an answer.
                let _ = self.room.reserve(token, now, &mut self.net);
            }
            17 => self.restart(),
            18 => {
                let client = self.new_client();
                let watch = Entry {
                    watch: true,
                    ..entry(client.0)
                };
                self.room.enter(client, &watch, now, &mut self.net).unwrap();
            }
            _ => {
                if let Some(client) = self.connected() {
                    self.room.keyframe(client, now);
                }
            }
        }
        let ticks = 1 + self.random.below(5);
        self.net.run(&mut self.room, ticks);
        self.drop_expired();
        self.check();
    }

    fn connected(&mut self) -> Option<ClientId> {
        let n = self.pick(true)?;
        self.holders[n].client
    }

    fn join(&mut self) {
        let client = self.new_client();
        let since = self.room.game().emitted.len();
        let entered = self
            .room
            .enter(client, &entry(client.0), self.net.now, &mut self.net);
        let people = self.room.people();
        match entered {
            Ok(id) => self.holders.push(Holder {
                id: id.unwrap(),
                token: entry(client.0).token,
                client: Some(client),
                since,
                told: Vec::new(),
            }),
            Err(refusal) => {
                assert_eq!(refusal.code, "full");
                assert_eq!(
                    people,
                    usize::from(SEATS),
                    "refused although there is a seat"
                );
            }
        }
    }

    /// A connection ends. The room hears of it at once, or has to find out.
    fn lose(&mut self) {
        let Some(n) = self.pick(true) else { return };
        let client = self.holders[n].client.take().unwrap();
        self.holders[n].told.extend(self.net.lose(client));
        if self.random.below(3) > 0 {
            self.net.run(&mut self.room, 1);
            self.room.gone(client, self.net.now, &mut self.net);
        }
    }

    /// By a new connection, whether or not the room has noticed the loss of the old one.
    fn come_back(&mut self) {
        let Some(n) = self.pick(false) else { return };
        let client = self.new_client();
        let holder = &mut self.holders[n];
        let claim = Claim {
            token: holder.token,
            // Or what the welcome said.
            last_event: holder
                .told
                .last()
                .map_or(holder.since as u32, |(id, _)| *id),
        };
        let again = Entry {
            claim: Some(claim),
            ..entry(client.0)
        };
        let id = self.room.enter(client, &again, self.net.now, &mut self.net);
        assert_eq!(id.unwrap(), Some(holder.id), "a kept seat is given back");
        let welcome = self.net.client(client).welcome();
        assert!(
            welcome.contains("\"resumed\":true,\"gap\":false"),
            "{welcome}"
        );
        holder.client = Some(client);
    }

    /// The process dies; its room is restored from what was saved.
    fn restart(&mut self) {
        let saved = self.room.save().unwrap();
        let options = self.room.options().clone();
        for holder in &mut self.holders {
            if let Some(client) = holder.client.take() {
                holder.told.extend(self.net.lose(client));
            }
        }
        self.net.lose_all();
        let emitted = std::mem::take(&mut self.room.game.emitted);
        self.room = Room::load(&saved, options, self.net.now).unwrap();
        // What the room said before is still what it said.
        let since = std::mem::replace(&mut self.room.game.emitted, emitted);
        self.room.game.emitted.extend(since);
    }

    /// Seats that were not claimed in time are nobody's any more.
    fn drop_expired(&mut self) {
        let room = &self.room;
        self.holders.retain(|holder| {
            let kept = room
                .seats
                .get(&holder.id)
                .is_some_and(|seat| seat.token == holder.token);
            assert!(
                kept || holder.client.is_none(),
                "{holder:?} lost its seat while it was there"
            );
            kept
        });
    }

    fn check(&self) {
        let room = &self.room;
        assert_eq!(
            room.seats.len() + room.free.len(),
            usize::from(SEATS),
            "a seat is lost or doubled"
        );
        assert_eq!(
            room.people() - room.reserved.len(),
            self.holders.len(),
            "a ghost sits there"
        );
        assert_eq!(room.tokens.len(), self.holders.len());
        let emitted = room.game().emitted.len();
        assert_eq!(
            room.events.last_id() as usize,
            emitted,
            "an event was lost or made up"
        );
        for holder in &self.holders {
            assert_eq!(room.tokens.get(&holder.token), Some(&holder.id));
            if let Some(client) = holder.client {
                assert_eq!(room.seat_of(client), Some(holder.id));
                assert_eq!(self.net.client(client).malformed, 0);
                let hidden = |id: &u16| id % 2 != holder.id.0 % 2;
                let seen = self.net.seen(room, client);
                assert!(!seen.keys().any(hidden), "{:?} sees {seen:?}", holder.id);
            }
        }
    }

    fn seats(&self) -> Vec<PlayerId> {
        self.room.seats.keys().copied().collect()
    }

    /// Everybody reads on, and then knows everything that concerns it.
    fn end(mut self) {
        for holder in &self.holders {
            if let Some(client) = holder.client {
                self.net.client_mut(client).stalled = false;
            }
        }
        self.net.run(&mut self.room, 36);
        let before = self.seats();
        self.net.run(&mut self.room, 10);
        let settled = before == self.seats();
        self.drop_expired();
        self.check();
        for holder in &mut self.holders {
            let Some(client) = holder.client else {
                continue;
            };
            holder.told.extend(self.net.lose(client));
            let ids: Vec<u32> = holder.told.iter().map(|(id, _)| *id).collect();
            assert!(
                ids.is_sorted_by(|a, b| a < b),
                "an event twice or out of order: {ids:?}"
            );
            let emitted = self.room.game().emitted.iter().enumerate();
            let concerns =
                emitted.filter(|(n, (_, to))| *n >= holder.since && to.contains(&holder.id));
            let wanted: Vec<(u32, &str)> = concerns
                .map(|(n, (text, _))| (n as u32 + 1, text.as_str()))
                .collect();
            let told: Vec<(u32, &str)> = holder
                .told
                .iter()
                .map(|(id, text)| (*id, text.as_str()))
                .collect();
            assert_eq!(told, wanted, "what {:?} was told", holder.id);
            // And sees who is there, unless somebody has come or gone in this moment.
            let truth: BTreeMap<u16, u32> = self
                .room
                .game()
                .pushes
                .iter()
                .filter(|(id, _)| id.0 % 2 == holder.id.0 % 2)
                .map(|(id, pushes)| (id.0, *pushes))
                .collect();
            let seen = self.net.seen(&self.room, client);
            assert!(
                !settled || seen.keys().eq(truth.keys()),
                "{seen:?}, and there are {truth:?}; shown {:?} of {:?}, {} in flight",
                self.net.client(client).decoder_tick(),
                self.room.next_tick(),
                self.room.in_flight()
            );
        }
    }
}

fn play(seed: u64, room: u64) {
    let mut world = World::new(seed << 20 | room);
    for _ in 0..ACTS {
        world.act();
    }
    world.end();
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn a_thousand_rooms_keep_their_promises() {
    let seeds: Vec<u64> = match number("RINGSIDE_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("RINGSIDE_SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let halves: [Vec<u64>; 2] =
        [0, 1].map(|half| seeds.iter().copied().skip(half).step_by(2).collect());
    std::thread::scope(|scope| {
        for half in halves {
            scope.spawn(move || {
                for seed in half {
                    for room in 0..ROOMS {
                        let played = std::panic::catch_unwind(|| play(seed, room));
                        assert!(played.is_ok(), "RINGSIDE_SEED={seed}, room {room}");
                    }
                }
            });
        }
    });
}

#[test]
fn the_same_seed_gives_the_same_room() {
    let play = |seed| {
        let mut world = World::new(seed);
        (0..60).for_each(|_| world.act());
        (
            world.room.counters(),
            world.room.intake(),
            world.room.save(),
        )
    };
    assert_eq!(play(7), play(7));
    assert_ne!(play(7).2, play(8).2);
}

/// A hundred times every connection breaks, half of them unnoticed, and everybody comes back at once.
#[test]
fn a_hundred_reconnect_storms_leave_no_ghost() {
    let options = RoomOptions {
        seats: 64,
        ..options()
    };
    let (mut room, mut net) = (
        Room::new(Pebble::new(), "STORM", options, 1),
        Net::default(),
    );
    let mut clients: Vec<ClientId> = (1..=64).map(ClientId).collect();
    for client in &clients {
        room.enter(*client, &entry(client.0), net.now, &mut net)
            .unwrap();
    }
    for storm in 1..=100u64 {
        for (n, client) in clients.iter_mut().enumerate() {
            net.lose(*client);
            if n % 2 == 0 {
                room.gone(*client, net.now, &mut net);
            }
        }
        net.run(&mut room, 2);
        for (n, client) in clients.iter_mut().enumerate() {
            *client = ClientId(storm * 1000 + n as u64);
            let claim = Some(Claim {
                token: entry(n as u64 + 1).token,
                last_event: room.events.last_id(),
            });
            let again = Entry {
                claim,
                ..entry(client.0)
            };
            let id = room.enter(*client, &again, net.now, &mut net).unwrap();
            assert_eq!(id, Some(PlayerId(n as u16 + 1)));
        }
        net.run(&mut room, 2);
    }
    net.run(&mut room, 600);
    assert_eq!(
        (room.people(), room.away(), room.by_client.len()),
        (64, 0, 64)
    );
    assert_eq!((room.counters().resumed, room.counters().left), (6_400, 0));
    for client in clients {
        room.leave(client, net.now, &mut net);
    }
    assert_eq!(
        (room.seats.len(), room.free.len(), room.tokens.len()),
        (0, 64, 0)
    );
}

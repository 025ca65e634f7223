//! A thousand rooms at a time, on simulated time, from a seed: joins, leaves, losses, returns, floods, stalls,
//! restarts. What must hold is checked after every act, and what everybody was told at the end.
//!
//! A failure names its seed and room; `RINGSIDE_SEED=n` plays only that seed, `RINGSIDE_SEEDS=n` that many.

mod acts;
mod oracle;

use std::time::Duration;

use super::{
    test_world::{Net, Pebble, entry, options},
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
    /// Clients so far: each connection is another.
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

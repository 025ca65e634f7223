//! A room under random joins, leaves, inputs and steps, against what everybody believes of rooms.

use std::{collections::BTreeSet, time::Duration};

use ringside_netcode::input::{Input, Source};

use super::*;

#[derive(Clone, Debug, Default, PartialEq)]
struct Push(u8);

impl Input for Push {
    fn repeated(&self) -> Self {
        self.clone()
    }
}

/// A game that remembers who is in and what it was given.
#[derive(Default)]
struct Ledger {
    present: BTreeSet<PlayerId>,
    received: Vec<(PlayerId, u8)>,
}

impl Game for Ledger {
    type Input = Push;
    type Card = (u16, String, bool);
    type About = ();

    fn read_input(message: &[u8]) -> Option<(u16, Push)> {
        let [seq, push] = message else { return None };
        Some((u16::from(*seq), Push(*push)))
    }

    fn join(&mut self, player: PlayerId, name: &str, bot: bool) -> Self::Card {
        assert!(self.present.insert(player), "{player:?} joined twice");
        (player.0, name.to_owned(), bot)
    }

    fn rename(&mut self, player: PlayerId, name: &str) -> Self::Card {
        (player.0, name.to_owned(), false)
    }

    fn leave(&mut self, player: PlayerId) {
        assert!(
            self.present.remove(&player),
            "{player:?} left without being there"
        );
    }

    fn think(&mut self, _: PlayerId, tick: Tick) -> Push {
        Push(tick.get() as u8)
    }

    fn tick(&mut self, _: Tick, inputs: &[(PlayerId, Taken<Push>)]) {
        let given: Vec<_> = inputs.iter().map(|(id, _)| *id).collect();
        let present: Vec<_> = self.present.iter().copied().collect();
        assert_eq!(given, present, "one input a player, in order");
        let fresh = inputs
            .iter()
            .filter(|(_, taken)| taken.source == Source::Received);
        self.received
            .extend(fresh.map(|(id, taken)| (*id, taken.input.0)));
    }

    fn snapshot(&self, tick: Tick, out: &mut Vec<u8>) {
        out.push(tick.get() as u8);
    }

    fn about(&self) {}
}

/// What the room sent, by kind.
#[derive(Default)]
struct Sent {
    welcomed: Vec<u64>,
    refused: Vec<u64>,
    dismissed: Vec<u64>,
    gone: BTreeSet<u64>,
    events: Vec<String>,
    snapshots: Vec<Vec<u8>>,
}

impl Outlet<u64> for Sent {
    fn welcome(&mut self, seat: &u64, _: &impl Serialize) {
        self.welcomed.push(*seat);
    }

    fn refuse(&mut self, seat: &u64, _: &'static str) {
        self.refused.push(*seat);
    }

    fn dismiss(&mut self, seat: &u64) {
        self.dismissed.push(*seat);
    }

    fn is_gone(&self, seat: &u64) -> bool {
        self.gone.contains(seat)
    }

    fn everybody(&mut self, event: &str, _: &impl Serialize) {
        self.events.push(event.to_owned());
    }

    fn snapshot(&mut self, bytes: &[u8]) {
        self.snapshots.push(bytes.to_vec());
    }
}

fn room(seats: u16) -> (Room<Ledger, u64>, Sent) {
    let config = RoomConfig {
        seats,
        tick_hz: 60,
        snapshot_every: 3,
    };
    (Room::new(Ledger::default(), config), Sent::default())
}

fn step(tick: u32) -> Step {
    Step {
        tick: Tick::new(tick),
        skipped: 0,
        snapshot: tick.is_multiple_of(3),
        late: Duration::ZERO,
    }
}

#[test]
fn a_full_room_refuses_and_a_free_seat_is_given_again() {
    let (mut room, mut sent) = room(2);
    assert!(room.add_bot("bot"));
    room.join(1, 1, "a", &mut sent);
    room.join(2, 2, "b", &mut sent);
    assert_eq!(
        (sent.welcomed.as_slice(), sent.refused.as_slice()),
        (&[1][..], &[2][..])
    );
    room.leave(1, &mut sent);
    room.join(2, 2, "b", &mut sent);
    assert_eq!(sent.welcomed, [1, 2]);
    assert_eq!(sent.events, ["player", "left", "player"]);
    assert_eq!(sent.dismissed, [1]);
}

#[test]
fn joining_again_renames_and_keeps_the_seat() {
    let (mut room, mut sent) = room(4);
    room.join(7, 7, "first", &mut sent);
    room.join(7, 7, "second", &mut sent);
    assert_eq!(room.players(), 1);
    assert_eq!(sent.welcomed, [7, 7]);
    assert_eq!(room.players.values().next().unwrap().card.1, "second");
}

#[test]
fn a_client_whose_leaving_was_lost_does_not_stay() {
    let (mut room, mut sent) = room(4);
    room.join(7, 7, "ghost", &mut sent);
    sent.gone.insert(7);
    (1..=SWEEP_TICKS).for_each(|tick| room.step(step(tick), &mut sent));
    assert_eq!((room.players(), sent.dismissed.as_slice()), (0, &[7][..]));
}

#[test]
fn inputs_of_strangers_and_nonsense_are_counted() {
    let (mut room, mut sent) = room(4);
    room.input(9, &[0, 1]);
    room.join(9, 9, "x", &mut sent);
    room.input(9, b"nonsense");
    assert_eq!(room.counters().bad_inputs, 2);
}

#[test]
fn names_are_made_fit_to_be_seen() {
    assert_eq!(tidy_name("  a \n\t b\u{7} "), "a b");
    assert_eq!(tidy_name("\u{0}"), "nobody");
    assert_eq!(tidy_name(&"ä".repeat(50)).chars().count(), NAME_CHARS_MAX);
}

/// Two hundred seeds of random play. The asserts are in the game above and at the end.
#[test]
fn random_play_keeps_every_seat_and_every_input() {
    for seed in 1..=200u64 {
        let (mut room, mut sent) = room(6);
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut next = |n: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % n
        };
        let (mut tick, mut inside, mut seq) = (0, BTreeSet::new(), 0u8);
        room.add_bot("bot");
        for _ in 0..300 {
            let key = next(8);
            match next(10) {
                0 => {
                    room.join(key, key, "name", &mut sent);
                    if inside.len() < 5 {
                        inside.insert(key);
                    }
                }
                1 => {
                    room.leave(key, &mut sent);
                    inside.remove(&key);
                }
                2..=5 => {
                    seq = seq.wrapping_add(1);
                    room.input(key, &[seq, seq]);
                }
                _ => {
                    room.step(step(tick), &mut sent);
                    tick += 1;
                }
            }
            assert_eq!(room.players(), inside.len() + 1, "seed {seed}");
            assert_eq!(
                room.players() + room.free.len(),
                6,
                "seed {seed}: a seat is lost or doubled"
            );
        }
        let counters = room.counters();
        assert_eq!(
            counters.joined - counters.left,
            inside.len() as u64,
            "seed {seed}"
        );
        assert_eq!(
            counters.snapshots,
            u64::from(tick.div_ceil(3)),
            "seed {seed}"
        );
        assert_eq!(
            sent.snapshots.len() as u64,
            counters.snapshots,
            "seed {seed}"
        );
    }
}

//! A room by hand: each rule of seats, events and frames once, seen from its clients.

use std::{collections::BTreeMap, time::Duration};

use super::{
    test_world::{Net, Pebble, entry, options, push},
    *,
};
use crate::game::Leave;

const MS: Duration = Duration::from_millis(1);

fn room(seats: u16) -> (Room<Pebble>, Net) {
    let options = RoomOptions { seats, ..options() };
    (Room::new(Pebble::new(), "CODE", options, 7), Net::default())
}

const A: ClientId = ClientId(1);
const B: ClientId = ClientId(2);
const C: ClientId = ClientId(3);

#[test]
fn a_full_room_refuses_and_a_free_seat_is_given_again() {
    let (mut room, mut net) = room(1);
    let first = room.enter(A, &entry(1), MS, &mut net).unwrap();
    assert_eq!(
        room.enter(B, &entry(2), MS, &mut net).unwrap_err().code,
        "full"
    );
    room.leave(A, MS, &mut net);
    assert!(!net.client(A).shared && net.client(A).bye.is_none());
    assert_eq!(room.enter(B, &entry(2), MS, &mut net).unwrap(), first);
    let counters = room.counters();
    assert_eq!(
        (counters.joined, counters.left, counters.refused),
        (2, 1, 1)
    );
}

#[test]
fn a_lost_player_comes_back_by_its_token_and_gets_what_it_missed() {
    let (mut room, mut net) = room(4);
    let id = room.enter(A, &entry(1), MS, &mut net).unwrap();
    room.enter(B, &entry(2), MS, &mut net).unwrap();
    net.run(&mut room, 3);
    let last = net.client(A).events.last().map_or(0, |(id, _)| *id);
    room.gone(A, net.now, &mut net);
    assert_eq!((room.people(), room.away()), (2, 1));
    room.message(
        B,
        &serde_json::value::to_raw_value("hello").unwrap(),
        net.now,
        &mut net,
    );
    net.run(&mut room, 3);
    let again = Entry {
        claim: Some(Claim {
            token: entry(1).token,
            last_event: last,
        }),
        ..entry(9)
    };
    assert_eq!(room.enter(C, &again, net.now, &mut net).unwrap(), id);
    assert!(
        net.client(C)
            .welcome()
            .contains("\"resumed\":true,\"gap\":false")
    );
    let missed: Vec<&str> = net
        .client(C)
        .events
        .iter()
        .map(|(_, json)| json.as_str())
        .collect();
    assert!(
        missed.iter().any(|json| json.contains("hello")),
        "{missed:?}"
    );
    assert_eq!((room.away(), room.counters().resumed), (0, 1));
}

#[test]
fn a_seat_that_is_not_claimed_is_free_again() {
    let (mut room, mut net) = room(1);
    room.enter(A, &entry(1), MS, &mut net).unwrap();
    room.gone(A, net.now, &mut net);
    assert_eq!(
        room.enter(B, &entry(2), net.now, &mut net)
            .unwrap_err()
            .code,
        "full"
    );
    net.now += Pebble::KEPT;
    net.run(&mut room, 1);
    assert_eq!((room.people(), room.counters().expired), (0, 1));
    assert_eq!(
        room.game().left,
        [(PlayerId(1), Leave::Lost), (PlayerId(1), Leave::Expired)]
    );
    // The old token is only a request to join now.
    let claim = Some(Claim {
        token: entry(1).token,
        last_event: 0,
    });
    room.enter(B, &Entry { claim, ..entry(3) }, net.now, &mut net)
        .unwrap();
    assert!(net.client(B).welcome().contains("\"resumed\":false"));
}

#[test]
fn a_second_connection_of_a_player_takes_the_seat_over() {
    let (mut room, mut net) = room(2);
    let id = room.enter(A, &entry(1), MS, &mut net).unwrap();
    let claim = Some(Claim {
        token: entry(1).token,
        last_event: 0,
    });
    assert_eq!(
        room.enter(B, &Entry { claim, ..entry(2) }, MS, &mut net)
            .unwrap(),
        id
    );
    assert_eq!(net.client(A).bye.as_ref().unwrap().code, "replaced");
    // The old one's end is no news any more.
    room.gone(A, MS, &mut net);
    assert_eq!((room.people(), room.away(), room.seat_of(B)), (1, 0, id));
}

#[test]
fn a_promised_seat_waits_for_its_player_and_no_other() {
    let (mut room, mut net) = room(1);
    room.reserve(entry(1).token, MS, &mut net).unwrap();
    assert_eq!(
        room.enter(B, &entry(2), MS, &mut net).unwrap_err().code,
        "full"
    );
    room.lock(true);
    let claim = Some(Claim {
        token: entry(1).token,
        last_event: 0,
    });
    room.enter(A, &Entry { claim, ..entry(3) }, MS, &mut net)
        .unwrap();
    room.leave(A, MS, &mut net);
    room.lock(false);
    room.reserve(entry(4).token, net.now, &mut net).unwrap();
    net.now += room.options().reservation;
    net.run(&mut room, 1);
    room.enter(B, &entry(2), net.now, &mut net)
        .expect("the reservation has ended");
}

#[test]
fn bots_fill_the_room_and_make_room_for_people() {
    let options = RoomOptions {
        seats: 3,
        bots: 3,
        ..options()
    };
    let (mut room, mut net) = (Room::new(Pebble::new(), "CODE", options, 7), Net::default());
    assert_eq!(room.bots(), 3);
    room.enter(A, &entry(1), MS, &mut net).unwrap();
    room.enter(B, &entry(2), MS, &mut net).unwrap();
    assert_eq!((room.bots(), room.people()), (1, 2));
    room.leave(A, MS, &mut net);
    assert_eq!((room.bots(), room.people()), (2, 1));
    net.run(&mut room, 10);
    assert!(
        room.game()
            .pushes
            .keys()
            .any(|id| *id != room.seat_of(B).unwrap()),
        "bots play"
    );
}

#[test]
fn a_kicked_player_hears_why_and_strangers_are_counted() {
    let (mut room, mut net) = room(2);
    let id = room.enter(A, &entry(1), MS, &mut net).unwrap().unwrap();
    room.kick(id, "cheating".to_owned(), MS, &mut net);
    let bye = net.client(A).bye.clone().unwrap();
    assert_eq!((bye.code, bye.reason.as_str()), ("kicked", "cheating"));
    room.packet(A, bytes::Bytes::from_static(&[0; 8]), MS, &mut net);
    assert_eq!(
        (room.counters().of_strangers, room.counters().kicked),
        (1, 1)
    );
}

#[test]
fn floods_are_not_read_and_nonsense_ends() {
    let (mut room, mut net) = room(2);
    room.enter(A, &entry(1), MS, &mut net).unwrap();
    for _ in 0..1000 {
        net.send(&mut room, A, push(1));
    }
    let intake = room.intake();
    assert_eq!(
        intake.flooded,
        1000 - u64::from(room.options().packets_per_second)
    );
    net.run(&mut room, 120);
    for _ in 0..room.options().strikes_max {
        room.packet(A, bytes::Bytes::from_static(b"x"), net.now, &mut net);
    }
    assert_eq!(net.client(A).bye.as_ref().unwrap().code, "kicked");
}

#[test]
fn what_is_in_no_cell_in_view_never_arrives() {
    let (mut room, mut net) = room(4);
    for client in [A, B, C] {
        room.enter(client, &entry(client.0), MS, &mut net).unwrap();
    }
    // Pebble shows a player the cell of its own number's parity.
    net.run(&mut room, 11);
    for (client, own) in [(A, 1), (B, 2), (C, 3)] {
        let seen: BTreeMap<u16, _> = net.seen(&room, client);
        assert!(seen.contains_key(&own));
        assert!(
            seen.keys().all(|id| id % 2 == own % 2),
            "{client:?} saw {seen:?}"
        );
        // Owner-only fields are the owner's.
        let secret = |id| if id == own { 1000 + u32::from(id) } else { 0 };
        assert!(seen.iter().all(|(id, stone)| stone.secret == secret(*id)));
    }
}

#[test]
fn a_stalled_client_gets_two_frames_and_no_backlog() {
    let (mut room, mut net) = room(2);
    room.enter(A, &entry(1), MS, &mut net).unwrap();
    net.run(&mut room, 120);
    net.client_mut(A).stalled = true;
    let before = net.client(A).waiting.len();
    net.run(&mut room, 1200);
    let waiting = net.client(A).waiting.len() - before;
    assert!(waiting <= 2, "{waiting} frames wait after a stall of 20 s");
    assert!(room.counters().conflated > 390);
    net.client_mut(A).stalled = false;
    let used = net.client(A).used;
    net.run(&mut room, 60);
    assert!(net.client(A).used - used >= 18, "it keeps up again");
}

#[test]
fn delayed_spectators_see_the_past_and_hear_of_it_then() {
    let options = RoomOptions {
        spectator_delay: 2000 * MS,
        ..options()
    };
    let (mut room, mut net) = (Room::new(Pebble::new(), "CODE", options, 7), Net::default());
    room.enter(A, &entry(1), MS, &mut net).unwrap();
    let watch = Entry {
        watch: true,
        ..entry(2)
    };
    assert_eq!(room.enter(B, &watch, MS, &mut net).unwrap(), None);
    for n in 1..=600 {
        net.run(&mut room, 1);
        if n == 300 {
            room.message(
                A,
                &serde_json::value::to_raw_value("secret").unwrap(),
                net.now,
                &mut net,
            );
        }
        let heard = |net: &Net, client| {
            net.client(client)
                .events
                .iter()
                .any(|(_, e)| e.contains("secret"))
        };
        assert_eq!(heard(&net, A), n >= 300);
        assert_eq!(heard(&net, B), n > 300 + 120, "at tick {n}");
        if let Some(shown) = net.client(B).decoder_tick() {
            let behind = room.next_tick().since(shown);
            assert!((120..=126).contains(&behind), "{behind} ticks behind");
        }
    }
    assert!(net.client(B).used > 150);
}

#[test]
fn a_bad_network_delays_and_loses_nothing() {
    let options = RoomOptions {
        link_model: true,
        ..options()
    };
    let (mut room, mut net) = (Room::new(Pebble::new(), "CODE", options, 7), Net::default());
    room.enter(A, &entry(1), MS, &mut net).unwrap();
    net.run(&mut room, 60);
    let link = ringside_netcode::link::LinkConfig {
        latency: 75 * MS,
        jitter: 15 * MS,
        loss: 30,
        ..Default::default()
    };
    room.set_weather(
        A,
        Some(Weather {
            down: link,
            up: link,
        }),
        &mut net,
    );
    assert!(!net.client(A).shared);
    let used = net.client(A).used;
    net.run(&mut room, 600);
    let fresh = net.client(A).used - used;
    assert!(fresh > 150, "{fresh} frames in 10 s");
    room.message(
        A,
        &serde_json::value::to_raw_value("late").unwrap(),
        net.now,
        &mut net,
    );
    assert!(!net.client(A).events.iter().any(|(_, e)| e.contains("late")));
    net.run(&mut room, 30);
    assert!(net.client(A).events.iter().any(|(_, e)| e.contains("late")));
    assert_eq!(net.client(A).malformed, 0);
}

#[test]
fn a_saved_room_goes_on_where_it_was() {
    let (mut room, mut net) = room(4);
    let id = room.enter(A, &entry(1), MS, &mut net).unwrap();
    room.enter(B, &entry(2), MS, &mut net).unwrap();
    net.send(&mut room, A, push(5));
    net.run(&mut room, 30);
    room.lock(true);
    let saved = room.save().expect("Pebble saves");
    let tick = room.next_tick();
    drop(room);

    let mut room = Room::<Pebble>::load(&saved, options(), net.now).unwrap();
    assert_eq!((room.next_tick(), room.people(), room.away()), (tick, 2, 2));
    assert!(room.is_locked());
    assert_eq!(room.game().pushes[&id.unwrap()], 5);
    let claim = Some(Claim {
        token: entry(1).token,
        last_event: 0,
    });
    assert_eq!(
        room.enter(C, &Entry { claim, ..entry(9) }, net.now, &mut net)
            .unwrap(),
        id
    );
    assert!(net.client(C).welcome().contains("\"resumed\":true"));

    for n in 0..saved.len() {
        // No damage panics; what still loads was damaged in the game's own bytes.
        let mut damaged = saved.clone();
        damaged[n] ^= 0x20;
        let _ = Room::<Pebble>::load(&damaged, options(), net.now);
        assert!(Room::<Pebble>::load(&saved[..n], options(), net.now).is_err());
    }
}

#[test]
fn names_are_made_fit_to_be_seen() {
    use super::entry::tidy_name;
    assert_eq!(tidy_name("  a \n\t b\u{7} "), "a b");
    assert_eq!(tidy_name("\u{0}"), "nobody");
    assert_eq!(tidy_name(&"ä".repeat(50)).chars().count(), 20);
}

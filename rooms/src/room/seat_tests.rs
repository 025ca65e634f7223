//! Seats by hand: each rule of coming, going and coming back once, seen from a room's clients.

use super::{
    test_world::{A, B, C, MS, Net, Pebble, entry, options, room},
    *,
};
use crate::game::Leave;

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

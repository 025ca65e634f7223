//! What clients get, and what of theirs is read: floods, what is out of view, stalls, delays, a bad network.

use std::collections::BTreeMap;

use super::{
    test_world::{A, B, C, MS, Net, Pebble, entry, options, push, room},
    *,
};

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
fn who_loses_datagrams_gets_its_frames_twice_and_minds_neither() {
    let (mut room, mut net) = room(4);
    for (client, one_in) in [(A, Some(17)), (B, Some(u64::MAX)), (C, None)] {
        room.enter(client, &entry(client.0), MS, &mut net).unwrap();
        net.client_mut(client).loses_one_in = one_in;
    }
    net.run(&mut room, 3_000);
    let repeated = |room: &Room<Pebble>| {
        let mut reports = room.slowest(3);
        reports.sort_by_key(|client| client.player);
        reports.into_iter().map(|client| client.repeated).collect()
    };
    let then: Vec<u64> = repeated(&room);
    assert!(then[0] > 900, "{then:?} of 1,000 frames");
    assert_eq!(then[1..], [0, 0], "a clean link, and an ordered one");
    assert_eq!(room.counters().repeated, then[0]);
    assert!(
        net.client(A).stale > 800,
        "{} copies came",
        net.client(A).stale
    );
    assert!(
        net.client(A).used > 990,
        "{} frames came",
        net.client(A).used
    );
    assert_eq!(room.counters().keyframes_asked, 0);
    // Clean again: within a minute each goes once.
    net.client_mut(A).loses_one_in = Some(u64::MAX);
    net.run(&mut room, 3_600);
    let then: Vec<u64> = repeated(&room);
    net.run(&mut room, 3_600);
    assert_eq!(repeated(&room), then);
}

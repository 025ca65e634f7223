//! What a laboratory asks of a room: thinner snapshots, the time by way of a bad network, and who is served worst.

use std::time::Duration;

use ringside_netcode::link::LinkConfig;

use super::{
    test_world::{A, B, C, MS, Net, Pebble, entry, options},
    *,
};

fn room() -> (Room<Pebble>, Net) {
    let options = RoomOptions {
        link_model: true,
        replay: Some(Duration::from_secs(4)),
        ..options()
    };
    (Room::new(Pebble::new(), "CODE", options, 7), Net::default())
}

#[test]
fn a_client_that_wants_fewer_snapshots_gets_one_in_so_many_and_never_too_few() {
    let (mut room, mut net) = room();
    for (n, client) in [A, B, C].into_iter().enumerate() {
        room.enter(client, &entry(n as u64 + 1), MS, &mut net)
            .unwrap();
    }
    room.thin(B, 4);
    room.thin(C, u32::MAX);
    net.run(&mut room, 600);
    let used = [A, B, C].map(|client| net.client(client).used);
    assert_eq!(used, [200, 50, 20]);
    assert!(
        [A, B, C]
            .iter()
            .all(|client| net.client(*client).malformed == 0)
    );
    room.thin(B, 0);
    net.run(&mut room, 60);
    assert_eq!(net.client(B).used, 70);
}

#[test]
fn the_time_comes_by_the_way_of_all_else() {
    let (mut room, mut net) = room();
    room.enter(A, &entry(1), MS, &mut net).unwrap();
    net.run(&mut room, 6);
    let asked = net.now;
    room.ask_time(A, asked, &mut net);
    assert_eq!(net.client(A).times, [asked]);

    let link = LinkConfig {
        latency: 100 * MS,
        ..LinkConfig::default()
    };
    let weather = Weather {
        down: link,
        up: link,
    };
    room.set_weather(A, Some(weather), &mut net);
    let asked = net.now;
    room.ask_time(A, asked, &mut net);
    net.run(&mut room, 11);
    assert_eq!(net.client(A).times.len(), 1, "it is still on its way");
    net.run(&mut room, 4);
    let told = *net.client(A).times.last().unwrap();
    assert_eq!(net.client(A).times.len(), 2);
    let up = told - asked;
    assert!(up >= 100 * MS && up <= 117 * MS, "{up:?}");
    // Of a client that is not there the caller is answered all the same.
    room.ask_time(C, asked, &mut net);
    assert_eq!(net.client(C).times, [asked]);
}

#[test]
fn a_modelled_network_takes_nothing_of_the_game_s_luck() {
    let (mut with, mut net) = room();
    let (without, _) = room();
    with.enter(A, &entry(1), MS, &mut net).unwrap();
    for latency in [10 * MS, 20 * MS] {
        let link = LinkConfig {
            latency,
            ..LinkConfig::default()
        };
        let weather = Weather {
            down: link,
            up: link,
        };
        with.set_weather(A, Some(weather), &mut net);
        with.set_weather(A, None, &mut net);
    }
    assert_eq!(with.wishes.random.0, without.wishes.random.0);
}

#[test]
fn those_who_are_served_worst_are_named_first() {
    let (mut room, mut net) = room();
    for (n, client) in [A, B].into_iter().enumerate() {
        room.enter(client, &entry(n as u64 + 1), MS, &mut net)
            .unwrap();
    }
    let watch = Entry {
        watch: true,
        ..entry(3)
    };
    room.enter(C, &watch, MS, &mut net).unwrap();
    net.run(&mut room, 60);
    net.client_mut(B).stalled = true;
    net.run(&mut room, 60);
    let slowest = room.slowest(8);
    assert_eq!(slowest.len(), 3);
    assert_eq!(slowest[0].player, room.seat_of(B));
    assert!(
        slowest[0].in_flight > 0 && slowest[0].conflated > 10,
        "{slowest:?}"
    );
    assert!(
        slowest[1..]
            .iter()
            .all(|client| client.conflated == 0 && client.frames >= 39)
    );
    assert!(slowest.iter().any(|client| client.player.is_none()));
    assert_eq!(room.slowest(1), slowest[..1]);
    assert_eq!(room.slowest(0), []);
    let sent: u64 = slowest.iter().map(|client| client.frames).sum();
    assert_eq!(sent, room.counters().frames);
}

#[test]
fn the_recording_is_as_deep_as_it_is_and_no_deeper_than_it_may_be() {
    let (mut room, mut net) = room();
    assert_eq!(room.recorded(), Duration::ZERO);
    net.run(&mut room, 61);
    assert_eq!(room.recorded(), Duration::from_secs(1));
    net.run(&mut room, 600);
    let depth = room.recorded();
    assert!(
        depth > Duration::from_secs(1) && depth <= Duration::from_secs(4),
        "{depth:?}"
    );
}

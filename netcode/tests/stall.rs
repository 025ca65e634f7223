//! A client that stops reading for twenty seconds gets one conflated frame, not a backlog, and
//! costs no memory meanwhile.

mod theatre;

use ringside_netcode::arena_n::Variant;
use ringside_netcode::link::LinkConfig;
use ringside_netcode::snapshot::{Delivery, ViewerConfig};
use std::time::Duration;
use theatre::{Client, Theatre};

fn delivered_after_a_stall(delivery: Delivery) -> (usize, usize, usize) {
    let mut theatre = Theatre::new(Variant::J100, 500, 1);
    let config = ViewerConfig {
        delivery,
        ..ViewerConfig::default()
    };
    let link = LinkConfig {
        latency: Duration::from_millis(5),
        ..LinkConfig::default()
    };
    let mut client = Client::new(&theatre, config, link, link, 1);
    client.view = theatre.everything();
    let mut clients = [client];
    for _ in 0..100 {
        theatre.tick(&mut clients);
    }
    let memory = |theatre: &Theatre, clients: &[Client]| {
        theatre.world.memory_bytes() + clients[0].viewer.memory_bytes()
    };
    let before = memory(&theatre, &clients);
    let mut most = before;
    assert_eq!(
        clients[0].tally.held_in_flight, 0,
        "a healthy client is never held"
    );
    let stall_ends = theatre.now + Duration::from_secs(20);
    clients[0].down.stall(stall_ends);
    let sent_before = clients[0].sent.len();
    let mut waiting_max = 0;
    while theatre.now < stall_ends {
        waiting_max = waiting_max.max(clients[0].down.in_flight());
        theatre.tick(&mut clients);
        most = most.max(memory(&theatre, &clients));
    }
    println!("{delivery:?}: {before} bytes before the stall, at most {most} in it");
    // A full frame of 500 entities, once, is larger than the deltas before it.
    assert!(most <= before + 16 * 1024, "{before} bytes became {most}");
    let burst = clients[0].burst;
    let waited = clients[0].sent.len() - sent_before;
    for _ in 0..40 {
        theatre.tick(&mut clients);
    }
    let held = clients[0].tally.held_in_flight;
    theatre.tick(&mut clients);
    assert_eq!(clients[0].tally.held_in_flight, held, "it keeps up again");
    (burst, waited, waiting_max)
}

#[test]
fn an_ordered_client_gets_at_most_two_snapshots_on_resume() {
    let (burst, sent_into_stall, waiting) = delivered_after_a_stall(Delivery::Ordered);
    println!("on resume: {burst} delivered, {sent_into_stall} sent into it, {waiting} waiting");
    assert!(burst <= 2, "{burst} snapshots on resume");
    assert!(waiting <= 2, "{waiting} messages waiting");
}

#[test]
fn a_silent_datagram_client_is_probed_once_a_second() {
    let (_, sent_into_stall, _) = delivered_after_a_stall(Delivery::Datagram);
    assert!(
        sent_into_stall <= 210,
        "{sent_into_stall} frames sent into the stall"
    );
}

#[test]
fn a_keyframe_asked_for_while_frames_are_in_flight_does_not_stop_them() {
    let mut theatre = Theatre::new(Variant::J100, 20, 1);
    let link = LinkConfig {
        latency: Duration::from_millis(80),
        ..LinkConfig::default()
    };
    let mut client = Client::new(&theatre, ViewerConfig::default(), link, link, 1);
    client.view = theatre.everything();
    let mut clients = [client];
    // Before the first acknowledgement the window is full.
    for _ in 0..3 {
        theatre.tick(&mut clients);
    }
    assert!(clients[0].viewer.flow().in_flight() >= 2);
    clients[0].viewer.request_keyframe();
    let sent = clients[0].sent.len();
    for _ in 0..40 {
        theatre.tick(&mut clients);
    }
    let since = clients[0].sent.len() - sent;
    assert!(since > 20, "{since} frames in two seconds");
}

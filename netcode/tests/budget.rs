//! The budget over ten minutes: no second ever holds more bytes than granted, envelopes included,
//! and no cell in view waits longer than the stated bound.

mod theatre;

use ringside_netcode::arena_n::Variant;
use ringside_netcode::link::LinkConfig;
use ringside_netcode::snapshot::{Delivery, ViewerConfig};
use std::time::Duration;
use theatre::{Client, INTERVAL, Theatre};

const ENVELOPE: u32 = 42;
const STALE_MAX: u32 = 60;
const TEN_MINUTES: u32 = 12_000;

/// Most bytes that any second holds.
fn worst_second(sent: &[(Duration, usize)]) -> usize {
    let mut first = 0;
    let mut sum = 0;
    let mut worst = 0;
    for (at, bytes) in sent {
        sum += bytes + ENVELOPE as usize;
        while *at - sent[first].0 >= Duration::from_secs(1) {
            sum -= sent[first].1 + ENVELOPE as usize;
            first += 1;
        }
        worst = worst.max(sum);
    }
    worst
}

fn ten_minutes(delivery: Delivery, rate: u32, frame_bytes_max: usize) {
    let mut theatre = Theatre::new(Variant::J100, 500, 4);
    let config = ViewerConfig {
        delivery,
        budget: Some((rate, ENVELOPE)),
        frame_bytes_max,
        stale_max: STALE_MAX,
        ..ViewerConfig::default()
    };
    let link = LinkConfig {
        latency: Duration::from_millis(5),
        ..LinkConfig::default()
    };
    let mut client = Client::new(&theatre, config, link, link, 1);
    client.view = theatre.everything();
    // Unequal weights, so that credit and not only age decides.
    for (n, (cell, _)) in client.view.clone().cells().iter().enumerate() {
        client.view.insert(*cell, 1 + (n as u16 % 4) * 5);
    }
    let mut clients = [client];
    for _ in 0..TEN_MINUTES {
        theatre.tick(&mut clients);
    }
    let client = &clients[0];
    let worst = worst_second(&client.sent);
    // All cells in view once: 500 entities of 60 bits and an id, in blocks and frames.
    let all_cells: u32 = 500 * 75 / 8 + 17 * 4;
    let frames = all_cells.div_ceil(frame_bytes_max as u32 / 2);
    let carried = (1.0 + f64::from(all_cells + frames * (ENVELOPE + 40)) / f64::from(rate)) * 20.0;
    let bound = STALE_MAX + carried.ceil() as u32;
    println!(
        "{delivery:?} {rate} B/s: worst second {worst} B, worst lag {} ticks of {bound}, {:?} {:?}",
        client.worst_lag,
        client.tally,
        client.viewer.stats(),
    );
    assert!(worst <= rate as usize);
    assert!(worst > rate as usize * 8 / 10, "the budget is used");
    assert!(
        client.worst_lag <= bound as i32,
        "{} ticks",
        client.worst_lag
    );
    assert!(client.viewer.stats().cells_deferred > 0, "the budget bites");
    assert_eq!(client.tally.missing_baseline, 0);
    assert!(theatre.now >= INTERVAL * TEN_MINUTES);
}

#[test]
fn ordered_at_half_the_need() {
    ten_minutes(Delivery::Ordered, 8_000, 64 * 1024);
}

#[test]
fn ordered_starved() {
    ten_minutes(Delivery::Ordered, 2_500, 64 * 1024);
}

#[test]
fn datagrams_of_a_thousand_bytes() {
    ten_minutes(Delivery::Datagram, 8_000, 1_000);
}

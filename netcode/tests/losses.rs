//! Datagrams over links that lose some: where they are seen to, frames go twice, and nowhere else.

mod theatre;

use ringside_netcode::arena_n::Variant;
use ringside_netcode::link::LinkConfig;
use ringside_netcode::snapshot::{Delivery, ViewerConfig};
use std::time::Duration;
use theatre::{Client, Theatre};

const ENVELOPE: usize = 42;
/// Five minutes at 20 ticks a second.
const LONG: usize = 6_000;

/// Loses so many of 1000.
fn loses(loss: u16) -> LinkConfig {
    LinkConfig {
        latency: Duration::from_millis(15),
        loss,
        ..LinkConfig::default()
    }
}

/// A client with datagrams in a scene of 100 entities.
fn scene(budget: Option<u32>, down: u16, up: u16, seed: u64) -> (Theatre, [Client; 1]) {
    let theatre = Theatre::new(Variant::J100, 100, 4);
    let config = ViewerConfig {
        delivery: Delivery::Datagram,
        frame_bytes_max: 1_000,
        budget: budget.map(|rate| (rate, ENVELOPE as u32)),
        ..ViewerConfig::default()
    };
    let mut client = Client::new(&theatre, config, loses(down), loses(up), seed);
    client.view = theatre.everything();
    (theatre, [client])
}

fn run(theatre: &mut Theatre, clients: &mut [Client; 1], ticks: usize) {
    (0..ticks).for_each(|_| theatre.tick(clients));
    assert_eq!(clients[0].tally.missing_baseline, 0, "no keyframe is asked");
}

/// The gap that 99 of 100 do not exceed, in ticks.
fn p99(client: &Client) -> i32 {
    let mut gaps = client.gaps.clone();
    gaps.sort_unstable();
    gaps[gaps.len() * 99 / 100]
}

#[test]
fn of_a_link_that_loses_one_in_twenty_ninety_nine_gaps_of_a_hundred_are_one_interval() {
    for seed in 1..=5 {
        let (mut theatre, mut clients) = scene(None, 50, 50, seed);
        run(&mut theatre, &mut clients, LONG);
        let [client] = &clients;
        let stats = client.viewer.stats();
        println!("seed {seed}: {stats:?}, {:?}", client.tally);
        assert_eq!(p99(client), 1);
        assert!(
            stats.repeated * 100 > stats.frames * 90,
            "most go twice: {stats:?}"
        );
        assert!(
            client.tally.used + client.tally.stale > stats.frames * 17 / 10,
            "and most come twice, which nobody minds: {:?}",
            client.tally
        );
        assert_eq!(client.tally.held_in_flight, 0);
    }
}

#[test]
fn a_clean_link_carries_nothing_twice_though_acknowledgements_get_lost() {
    for up in [0, 50, 200] {
        let (mut theatre, mut clients) = scene(None, 0, up, 7);
        run(&mut theatre, &mut clients, LONG);
        let stats = clients[0].viewer.stats();
        assert_eq!(stats.repeated, 0, "{up} of 1000 acknowledgements lost");
        assert!(stats.frames > LONG as u64 * 9 / 10);
    }
}

#[test]
fn a_link_that_is_clean_again_carries_everything_once_within_a_minute() {
    let (mut theatre, mut clients) = scene(None, 50, 0, 3);
    run(&mut theatre, &mut clients, 600);
    assert!(clients[0].viewer.sends_twice());
    clients[0].down.configure(loses(0));
    run(&mut theatre, &mut clients, 1_200);
    let then = clients[0].viewer.stats().repeated;
    run(&mut theatre, &mut clients, LONG);
    assert_eq!(clients[0].viewer.stats().repeated, then);
}

#[test]
fn an_outage_and_a_stall_are_not_a_lossy_link() {
    let (mut theatre, mut clients) = scene(None, 0, 0, 1);
    run(&mut theatre, &mut clients, 200);
    clients[0].down.configure(loses(1000));
    run(&mut theatre, &mut clients, 100);
    clients[0].down.configure(loses(0));
    run(&mut theatre, &mut clients, 1_000);
    let until = theatre.now + Duration::from_secs(20);
    clients[0].down.stall(until);
    run(&mut theatre, &mut clients, 1_000);
    assert_eq!(clients[0].viewer.stats().repeated, 0);
    assert!(
        clients[0].gaps.iter().any(|gap| *gap > 80),
        "there was an outage"
    );
}

#[test]
fn copies_keep_within_the_budget_and_are_left_out_where_it_is_tight() {
    // The frames alone take some 5,700 bytes a second.
    let mut repeated = Vec::new();
    for rate in [4_000, 6_000, 9_000, 12_000, 64_000] {
        let (mut theatre, mut clients) = scene(Some(rate), 50, 50, 11);
        run(&mut theatre, &mut clients, 3_000);
        let [client] = &clients;
        let mut worst = 0;
        for (n, (from, _)) in client.sent.iter().enumerate() {
            let second = client.sent[n..].iter();
            let second = second.take_while(|(at, _)| *at - *from < Duration::from_secs(1));
            worst = worst.max(second.map(|(_, bytes)| bytes + ENVELOPE).sum::<usize>());
        }
        let stats = client.viewer.stats();
        println!("{rate} B/s: worst second {worst} B, {stats:?}");
        assert!(worst <= rate as usize, "{worst} of {rate} bytes");
        assert_eq!(
            stats.bytes,
            client.sent.iter().map(|(_, bytes)| *bytes as u64).sum()
        );
        repeated.push(stats.repeated * 100 / stats.frames);
    }
    assert!(repeated.is_sorted(), "{repeated:?} of 100 go twice");
    assert!(repeated[0] <= 5 && repeated[4] >= 90, "{repeated:?}");
}

//! Loss, reordering, duplication, late acknowledgements, moving views: every tick a client shows
//! is right, or the client has not shown it.
//!
//! `RINGSIDE_WEATHER_SEEDS` sets how many kinds of weather each scene is seen in.

mod theatre;

use ringside_netcode::arena_n::Variant;
use ringside_netcode::link::LinkConfig;
use ringside_netcode::snapshot::{Delivery, ViewerConfig};
use std::time::Duration;
use theatre::{Client, INTERVAL, Tally, Theatre};

const MS: Duration = Duration::from_millis(1);

fn run(delivery: Delivery, down: LinkConfig, ack_ticks: u32, seed: u64, roam: bool) -> Tally {
    let theatre = Theatre::new(Variant::J100, 100, 4);
    run_scene(theatre, delivery, down, ack_ticks, seed, roam)
}

fn run_scene(
    mut theatre: Theatre,
    delivery: Delivery,
    down: LinkConfig,
    ack_ticks: u32,
    seed: u64,
    roam: bool,
) -> Tally {
    let config = ViewerConfig {
        delivery,
        frame_bytes_max: if delivery == Delivery::Datagram {
            1000
        } else {
            64 * 1024
        },
        bound_in_flight: false,
        ..ViewerConfig::default()
    };
    let up = LinkConfig {
        latency: INTERVAL * (ack_ticks - 1),
        ..LinkConfig::default()
    };
    let mut client = Client::new(&theatre, config, down, up, seed);
    client.view = theatre.everything();
    let mut clients = [client];
    for t in 0..600i32 {
        if roam {
            let (x, y) = ((t * 137) % 65536, (t * 211 + 9000) % 65536);
            theatre.grid.look(&mut clients[0].view, x, y, 18_000, 4_000);
        }
        theatre.tick(&mut clients);
    }
    clients[0].tally
}

/// With frames of 100 entities fitting a datagram, a client on this link shows at least this
/// share of the ticks, in percent.
fn expect(tally: Tally, loss: u16, reordering: bool) {
    let floor = 600 * (1000 - u64::from(loss)) / 1000 * if reordering { 70 } else { 92 } / 100;
    assert!(tally.used >= floor, "{tally:?}, expected {floor} of 600");
    assert_eq!(tally.missing_baseline, 0, "{tally:?}");
}

#[test]
fn datagrams_under_loss_with_late_acknowledgements() {
    for loss in [0, 20, 100] {
        for ack_ticks in 1..=16 {
            let down = LinkConfig {
                latency: 20 * MS,
                loss,
                ..LinkConfig::default()
            };
            let tally = run(
                Delivery::Datagram,
                down,
                ack_ticks,
                u64::from(ack_ticks),
                false,
            );
            expect(tally, loss, false);
        }
    }
}

#[test]
fn datagrams_reordered_and_duplicated() {
    for (seed, loss) in [0, 20, 100].into_iter().enumerate() {
        let down = LinkConfig {
            latency: 60 * MS,
            jitter: 40 * MS,
            loss,
            duplication: 100,
            reordering: 100,
            ..LinkConfig::default()
        };
        for ack_ticks in [1, 2, 5, 9, 16] {
            let tally = run(Delivery::Datagram, down, ack_ticks, seed as u64, false);
            expect(tally, loss, true);
            assert!(
                tally.stale > 0,
                "copies and stragglers are turned away: {tally:?}"
            );
        }
    }
}

#[test]
fn every_scene_in_bad_weather() {
    let seeds: u64 = std::env::var("RINGSIDE_WEATHER_SEEDS")
        .map_or(1, |text| text.parse().expect("a number of seeds"));
    for variant in [Variant::J100, Variant::M100, Variant::M30] {
        for n in [100, 500] {
            for loss in [0, 20, 100] {
                let down = LinkConfig {
                    latency: 40 * MS,
                    jitter: 60 * MS,
                    loss,
                    duplication: 50,
                    reordering: 50,
                    ..LinkConfig::default()
                };
                for seed in 0..seeds {
                    let ack_ticks = 1 + (u32::from(loss) + seed as u32 * 7) % 16;
                    let theatre = Theatre::new(variant, n, 4);
                    let tally =
                        run_scene(theatre, Delivery::Datagram, down, ack_ticks, seed, false);
                    expect(tally, loss, true);
                }
            }
        }
    }
}

#[test]
fn views_that_move() {
    for delivery in [Delivery::Ordered, Delivery::Datagram] {
        for loss in [0, 100] {
            let down = LinkConfig {
                latency: 30 * MS,
                loss,
                ..LinkConfig::default()
            };
            for ack_ticks in [1, 3, 8] {
                run(delivery, down, ack_ticks, 5, true);
            }
        }
    }
}

#[test]
fn an_ordered_link_shows_every_tick() {
    let down = LinkConfig {
        latency: 20 * MS,
        ..LinkConfig::default()
    };
    for ack_ticks in [1, 16] {
        let tally = run(Delivery::Ordered, down, ack_ticks, 1, false);
        assert_eq!(
            tally,
            Tally {
                used: 600,
                ..Tally::default()
            }
        );
    }
}

//! A player and a server on simulated time, a link between them, and the server's own buffer of inputs that says how early
//! they arrive: whatever the rate, the link and the clocks, they come to arrive as early as wanted, and stay there.

use ringside_netcode::input::{Input, InputBuffer, InputPolicy, TickLeft};

use super::*;

const MS: Duration = Duration::from_millis(1);
const RTT: Duration = Duration::from_millis(100);

#[derive(Clone, Default)]
struct Nothing;

impl Input for Nothing {
    fn repeated(&self) -> Self {
        Nothing
    }
}

/// A player, its link, and its server.
struct World {
    hz: u32,
    /// Both ways together, without what the jitter adds.
    rtt: Duration,
    /// Each way takes up to so much longer, evenly.
    jitter: Duration,
    /// The deviation of the round trip as the player measures it.
    measured: Duration,
    /// Ticks by which the player is wrong about the server's at first.
    off: f64,
    /// The server's clock beside the player's.
    server_rate: f64,
    seed: u64,
}

/// How it went.
struct Settled {
    /// How early inputs arrived in each 10 s, in ticks.
    leads: Vec<f64>,
    /// Inputs that came too late.
    late: u64,
    given: Vec<u32>,
    wanted: f64,
    jumps: u64,
}

impl World {
    fn at(hz: u32) -> Self {
        Self {
            hz,
            rtt: RTT,
            jitter: Duration::ZERO,
            measured: Duration::ZERO,
            off: 0.0,
            server_rate: 1.0,
            seed: 1,
        }
    }

    fn play(&self, seconds: u32) -> Settled {
        let tick_ms = 1000.0 / f64::from(self.hz);
        let mut random = self.seed;
        let mut way = || {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            ms(self.rtt) / 2.0 + ms(self.jitter) * (random >> 40) as f64 / (1u64 << 24) as f64
        };
        let mut pace = Pace::new(self.hz);
        let mut out = Settled {
            leads: Vec::new(),
            late: 0,
            given: Vec::new(),
            wanted: pace.wanted(self.measured),
            jumps: 0,
        };
        // What is on its way, by when it arrives in ms: targets, and snapshots with their reports.
        let (mut up, mut down) = (Vec::<(f64, u32)>::new(), Vec::<(f64, u32, i8)>::new());
        let (mut sum, mut count) = (0.0, 0);
        let snapshot_every = (self.hz / 20).max(1);
        // Step k is at k of this time.
        let begun = 1000.0 + (self.seed % 8) as f64 / 8.0;
        let server = |at: f64| begun + at * self.server_rate / tick_ms;
        let mut next = begun as u32 + 1;
        let mut buffer = InputBuffer::<Nothing>::new(InputPolicy::default(), Tick::new(next));
        for n in 1..=seconds * 1000 {
            let now = f64::from(n);
            let mut step_until = |at: f64, buffer: &mut InputBuffer<Nothing>| {
                while f64::from(next) <= server(at) {
                    buffer.take(Tick::new(next));
                    if next.is_multiple_of(snapshot_every) {
                        down.push((now + way(), next, buffer.depth_quarters()));
                    }
                    next += 1;
                }
                next
            };
            up.sort_by(|a, b| b.0.total_cmp(&a.0));
            while let Some((at, target)) = up.pop_if(|(at, _)| *at <= now) {
                let next = step_until(at, &mut buffer);
                let left = Duration::from_secs_f64(f64::from(next) - server(at));
                let left = TickLeft::of(left, Duration::from_secs(1));
                // Refused ones are what is looked at.
                let _ = buffer.push(target as u16, Tick::new(target), Nothing, left);
                (sum, count) = (sum + f64::from(target) - server(at), count + 1);
            }
            step_until(now, &mut buffer);
            if n % 10_000 == 0 {
                out.leads.push(sum / f64::from(count.max(1)));
                (sum, count) = (0.0, 0);
            }
            down.sort_by(|a, b| b.0.total_cmp(&a.0));
            while let Some((_, tick, told)) = down.pop_if(|(at, ..)| *at <= now) {
                let off = pace.tick().map_or(self.off as i32, |_| 0);
                let tick = Tick::new(tick.wrapping_add_signed(off));
                pace.heard(
                    tick,
                    n * MS,
                    Some(told),
                    self.rtt + self.jitter,
                    self.measured,
                );
            }
            for tick in pace.due(n * MS) {
                out.given.push(tick.get());
                up.push((now + way(), tick.get()));
            }
        }
        out.late = buffer.counters().late;
        out.jumps = pace.jumps();
        out
    }
}

#[test]
fn inputs_come_to_arrive_just_early_enough_and_stay_there() {
    for hz in [10, 20, 30, 60, 128] {
        for (rtt, jitter) in [(5, 0), (60, 10), (150, 30), (300, 0), (300, 30)] {
            for seed in 0..3 {
                let world = World {
                    rtt: rtt * MS,
                    jitter: jitter * MS,
                    // The mean deviation of the sum of two such.
                    measured: jitter * MS / 3,
                    seed,
                    ..World::at(hz)
                };
                let out = world.play(120);
                let what = format!("{hz} Hz, {rtt} ms, jitter {jitter} ms, seed {seed}");
                let wanted = (25.0_f64.min(1500.0 / f64::from(hz)) + 2.0 * ms(world.measured))
                    * f64::from(hz)
                    / 1000.0;
                assert!((out.wanted - wanted).abs() < 1e-9, "{what}: {}", out.wanted);
                let settled = &out.leads[2..];
                let (low, high) = (
                    settled.iter().copied().fold(f64::MAX, f64::min),
                    settled.iter().copied().fold(f64::MIN, f64::max),
                );
                // An eighth is what the report leaves open.
                assert!(
                    low > wanted - 0.25 && high < wanted + 0.25,
                    "{what}: {low}..{high}"
                );
                assert!(high - low < 0.2, "{what}: from {low} to {high}");
                assert_eq!((out.jumps, out.late), (0, 0), "{what}");
                assert!(
                    out.given.windows(2).all(|two| two[1] == two[0] + 1),
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn whoever_is_wrong_at_first_gets_there_and_jumps_only_when_late_or_far_off() {
    for hz in [20, 60] {
        for off_ms in [-450, -200, -50, 50, 200, 450] {
            let off = (f64::from(off_ms * hz as i32) / 1000.0).round();
            let out = World {
                off,
                ..World::at(hz)
            }
            .play(60);
            let (settled, wanted) = (out.leads.last().unwrap(), out.wanted);
            assert!(
                (settled - wanted).abs() < 0.25,
                "{hz}, {off_ms}: {settled}, {wanted}"
            );
            let jumps = !(0..=250).contains(&off_ms);
            assert_eq!(out.jumps, u64::from(jumps), "{hz} Hz, {off_ms} ms");
            let gaps = out.given.windows(2).filter(|two| two[1] != two[0] + 1);
            assert!(gaps.count() as u64 <= out.jumps);
        }
    }
}

#[test]
fn clocks_that_differ_are_followed() {
    for hz in [10, 20, 60, 128] {
        for per_million in [-300.0, 300.0, -5_000.0, 5_000.0] {
            let server_rate = 1.0 + per_million / 1e6;
            let out = World {
                server_rate,
                ..World::at(hz)
            }
            .play(120);
            // What it takes to run so much faster or slower.
            let error = GAIN_MS * (per_million / 1e6 / SLEW).abs() * f64::from(hz) / 1000.0;
            let (settled, wanted) = (out.leads.last().unwrap(), out.wanted);
            assert!(
                (settled - wanted).abs() < error + 0.2,
                "{hz} Hz, {per_million}: {settled}, wanted {wanted}"
            );
        }
    }
}

#[test]
fn on_the_most_unsteady_link_the_lead_stays_within_what_the_server_can_report() {
    for measured in [260, 390, 1_036, 60_000] {
        let measured = measured * MS;
        let out = World {
            measured,
            ..World::at(60)
        }
        .play(60);
        let lead = out.leads.last().unwrap();
        assert!((lead - EARLY_MAX).abs() < 0.25, "{measured:?}: {lead}");
        assert_eq!(out.jumps, 0, "{measured:?}");
    }
}

#[test]
fn a_pause_is_not_made_up_for() {
    let mut pace = Pace::new(60);
    assert_eq!(pace.due(MS).count(), 0);
    pace.heard(Tick::new(10), Duration::ZERO, None, RTT, MS);
    assert_eq!(pace.due(50 * MS).count(), 3);
    let after: Vec<_> = pace.due(Duration::from_secs(5)).collect();
    assert_eq!((after.len(), pace.jumps()), (1, 1));
    assert_eq!(pace.due(Duration::from_secs(4)).count(), 0);
    pace.clear();
    assert_eq!(
        (pace.tick(), pace.due(Duration::from_secs(6)).count()),
        (None, 0)
    );
}

//! The schedule on simulated time: drift, each overload policy, and random clocks.

use super::*;
use proptest::prelude::*;

fn fixed(hz: u32, overload: Overload) -> FixedStep {
    let config = StepConfig {
        hz,
        snapshot_every: 3,
        overload,
    };
    FixedStep::new(config, Tick::ZERO, Duration::ZERO).expect("valid config")
}

/// Runs `steps` steps that cost `cost` each on a clock that wakes `oversleep` late, and returns
/// the time and the last step.
fn run(s: &mut FixedStep, mut now: Duration, steps: u32, cost: Duration) -> (Duration, Step) {
    let oversleep = Duration::from_micros(70);
    let mut left = steps;
    loop {
        match s.poll(now) {
            Act::WaitUntil(then) => now = then + oversleep,
            Act::Run(step) => {
                now += cost;
                s.finish(now);
                left -= 1;
                if left == 0 {
                    return (now, step);
                }
            }
        }
    }
}

#[test]
fn an_hour_drifts_less_than_one_tick() {
    for hz in [20, 30, 60, 64, 128] {
        let mut s = fixed(hz, Overload::CatchUp { max: 4 });
        let (_, last) = run(
            &mut s,
            Duration::ZERO,
            hz * 3600,
            Duration::from_micros(900),
        );
        assert_eq!(last.tick, Tick::new(hz * 3600 - 1));
        let off = s.deadline().abs_diff(Duration::from_secs(3600));
        assert!(off <= Duration::from_nanos(1), "{off:?} at {hz} Hz");
        assert_eq!(s.stats().dropped + s.stats().skipped, 0);
    }
}

#[test]
fn snapshots_fall_on_every_third_tick() {
    let mut s = fixed(60, Overload::Skip);
    for n in 0..30 {
        let (_, step) = run(&mut s, Duration::from_secs(n) / 60, 1, Duration::ZERO);
        assert_eq!(step.snapshot, n % 3 == 0);
    }
}

#[test]
fn catching_up_is_bounded_and_drops_the_rest() {
    let mut s = fixed(50, Overload::CatchUp { max: 4 });
    let now = Duration::from_secs(2);
    let mut ran = 0;
    while let Act::Run(step) = s.poll(now) {
        assert_eq!(step.tick, Tick::new(ran));
        s.finish(now);
        ran += 1;
    }
    assert_eq!(ran, 5);
    assert_eq!(s.stats().dropped, 100 - 4);
    assert_eq!(s.deadline(), now + s.period());
}

#[test]
fn skipping_keeps_to_wall_time() {
    let mut s = fixed(50, Overload::Skip);
    let now = Duration::from_millis(2_005);
    let Act::Run(step) = s.poll(now) else {
        panic!("due")
    };
    assert_eq!((step.tick, step.skipped), (Tick::new(100), 100));
    assert_eq!(step.late, Duration::from_millis(5));
    assert!(matches!(s.poll(now), Act::WaitUntil(t) if t == Duration::from_millis(2_020)));
}

#[test]
fn dilation_slows_down_and_recovers() {
    let mut s = fixed(60, Overload::Dilate { min_percent: 25 });
    let (now, _) = run(&mut s, Duration::ZERO, 200, Duration::from_millis(25));
    assert!(
        (55..=65).contains(&s.rate_percent()),
        "{}",
        s.rate_percent()
    );
    s.clear_stats();
    let (now, _) = run(&mut s, now, 200, Duration::from_millis(25));
    assert_eq!(s.stats().dropped, 0, "a dilated schedule keeps up");
    let (now, _) = run(&mut s, now, 400, Duration::from_millis(200));
    assert_eq!(s.rate_percent(), 25);
    run(&mut s, now, 200, Duration::from_millis(1));
    assert_eq!(s.rate_percent(), 100);
}

#[test]
fn settings_out_of_range_are_refused() {
    let config = StepConfig::default();
    let new = |c| {
        FixedStep::new(c, Tick::ZERO, Duration::ZERO)
            .map(|_| ())
            .unwrap_err()
    };
    assert_eq!(
        new(StepConfig { hz: 0, ..config }),
        StepConfigError::Rate(0)
    );
    assert_eq!(
        new(StepConfig { hz: 1001, ..config }),
        StepConfigError::Rate(1001)
    );
    assert_eq!(
        new(StepConfig {
            snapshot_every: 0,
            ..config
        }),
        StepConfigError::SnapshotEvery
    );
    let overload = Overload::Dilate { min_percent: 0 };
    assert_eq!(
        new(StepConfig { overload, ..config }),
        StepConfigError::MinPercent(0)
    );
}

proptest! {
    /// Whatever the clock does, ticks advance by 1 + skipped, and steps plus dropped plus skipped
    /// ticks account for all the time that passed.
    #[test]
    fn every_period_is_accounted_for(
        hz in 1u32..=1000,
        policy in 0..3,
        jumps in prop::collection::vec((0u64..200_000_000, 0u64..50_000_000), 1..80),
    ) {
        let overload = match policy {
            0 => Overload::CatchUp { max: 3 },
            1 => Overload::Skip,
            _ => Overload::Dilate { min_percent: 50 },
        };
        let mut s = fixed(hz, overload);
        let mut now = Duration::ZERO;
        let mut expected = Tick::ZERO;
        for (jump, cost) in jumps {
            now += Duration::from_nanos(jump);
            if let Act::Run(step) = s.poll(now) {
                prop_assert_eq!(step.tick, expected + step.skipped);
                expected = step.tick.next();
                now += Duration::from_nanos(cost);
                s.finish(now);
            }
        }
        let stats = s.stats();
        if policy < 2 {
            let counted = stats.steps + stats.dropped + stats.skipped;
            let due = s.deadline().as_nanos() * u128::from(hz);
            prop_assert!(due.abs_diff(u128::from(counted) * SECOND_NANOS) < SECOND_NANOS / 100);
        }
    }
}

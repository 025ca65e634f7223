//! Schedules on simulated time: drift, overload, and what a heavy room does to the others.

use ringside_netcode::{
    Tick,
    tick::{Overload, StepConfig},
};

use super::*;

const US: Duration = Duration::from_micros(1);

/// One simulated thread: rooms with the time each of their steps takes.
struct Thread {
    rota: Rota<u32>,
    costs: Vec<Duration>,
    /// The worst delay behind its deadline that each room's steps began with.
    late: Vec<Duration>,
    steps: Vec<u64>,
    now: Duration,
}

impl Thread {
    fn new(rooms: &[(u32, Duration, Overload)]) -> Self {
        let mut rota = Rota::default();
        for (n, (hz, _, overload)) in rooms.iter().enumerate() {
            let config = StepConfig {
                hz: *hz,
                snapshot_every: 1,
                overload: *overload,
            };
            // Spread over the tick, as the worker does.
            let phase = Duration::from_secs(1) / *hz * n as u32 / rooms.len() as u32;
            rota.add(n as u32, FixedStep::new(config, Tick::ZERO, phase).unwrap());
        }
        Self {
            rota,
            costs: rooms.iter().map(|(_, cost, _)| *cost).collect(),
            late: vec![Duration::ZERO; rooms.len()],
            steps: vec![0; rooms.len()],
            now: Duration::ZERO,
        }
    }

    fn run(&mut self, until: Duration) {
        while self.now < until {
            match self.rota.poll(self.now) {
                Turn::Run(room, step) => {
                    let n = room as usize;
                    self.late[n] = self.late[n].max(step.late);
                    self.steps[n] += 1;
                    self.now += self.costs[n];
                    self.rota.finish(room, self.now);
                }
                Turn::WaitUntil(at) => {
                    assert!(at > self.now, "it would wait for the past");
                    // A timer that is a little late, as timers are.
                    self.now = at + 40 * US;
                }
                Turn::Idle => unreachable!("there are rooms"),
            }
        }
    }
}

const PATIENT: Overload = Overload::CatchUp { max: 4 };

#[test]
fn an_hour_drifts_by_less_than_a_tick() {
    let rooms: Vec<_> = [60, 20, 30, 64, 128, 7]
        .into_iter()
        .map(|hz| (hz, 30 * US, PATIENT))
        .collect();
    let mut thread = Thread::new(&rooms);
    let hour = Duration::from_secs(3600);
    thread.run(hour);
    for ((hz, ..), steps) in rooms.iter().zip(&thread.steps) {
        let due = u64::from(*hz) * 3600;
        assert!(steps.abs_diff(due) <= 1, "{hz} Hz: {steps} steps of {due}");
    }
    for n in 0..rooms.len() as u32 {
        assert_eq!(thread.rota.schedule(n).unwrap().stats().dropped, 0);
    }
}

/// A room whose step takes three times its tick, among a hundred light ones: the bound is one of its steps, and
/// the light ones' own that are due in the meantime.
#[test]
fn a_heavy_room_delays_others_by_one_of_its_steps() {
    for overload in [
        PATIENT,
        Overload::Skip,
        Overload::Dilate { min_percent: 25 },
    ] {
        let heavy = Duration::from_millis(50);
        let mut rooms = vec![(20, 10 * US, PATIENT); 100];
        rooms.push((60, heavy, overload));
        let mut thread = Thread::new(&rooms);
        thread.run(Duration::from_secs(20));
        let worst = thread.late[..100].iter().max().unwrap();
        let bound = heavy + 101 * 10 * US + 40 * US;
        assert!(
            *worst <= bound,
            "{overload:?}: {worst:?} late, bound {bound:?}"
        );
        // Nobody of the light ones loses a step.
        assert!(
            thread.steps[..100]
                .iter()
                .all(|steps| (399..=400).contains(steps))
        );
    }
}

/// What each policy does with a room that takes three times its tick.
#[test]
fn overload_is_met_as_the_policy_says() {
    let run = |overload| {
        let mut thread = Thread::new(&[(60, Duration::from_millis(50), overload)]);
        thread.run(Duration::from_secs(60));
        let schedule = thread.rota.schedule(0).unwrap();
        let stats = schedule.stats().clone();
        (
            thread.steps[0],
            schedule.next_tick().get(),
            stats.dropped,
            stats.skipped,
            schedule.rate_percent(),
        )
    };
    // Twenty steps a second is all there is; the rest of game time is given up, and ticks follow each other.
    let (steps, tick, dropped, skipped, rate) = run(PATIENT);
    assert!((1199..=1201).contains(&steps) && u64::from(tick) == steps);
    assert!((2390..=2400).contains(&dropped) && skipped == 0 && rate == 100);
    // Ticks stay true to wall time; two of three are jumped over.
    let (steps, tick, dropped, skipped, _) = run(Overload::Skip);
    assert!((1199..=1201).contains(&steps) && (3597..=3601).contains(&tick));
    assert!(dropped == 0 && (2395..=2402).contains(&skipped));
    // The game slows down to what fits, and no further than allowed.
    let (steps, tick, _, _, rate) = run(Overload::Dilate { min_percent: 25 });
    assert!(
        (1050..=1150).contains(&steps) && u64::from(tick) == steps,
        "{steps}"
    );
    assert!((29..=31).contains(&rate), "{rate} %");
}

#[test]
fn a_room_that_is_gone_is_not_stepped() {
    let mut thread = Thread::new(&[(60, 10 * US, PATIENT), (60, 10 * US, PATIENT)]);
    thread.run(Duration::from_secs(1));
    let schedule = thread.rota.remove(0).unwrap();
    let before = thread.steps[0];
    thread.run(Duration::from_secs(2));
    assert_eq!((thread.steps[0], thread.rota.len()), (before, 1));
    // Another thread goes on with it, at the tick and the phase it had.
    let mut other = Thread::new(&[(1, US, PATIENT)]);
    other.now = Duration::from_secs(1);
    other.rota = Rota::default();
    other.rota.add(0, schedule);
    other.run(Duration::from_secs(2));
    assert!((59..=61).contains(&other.steps[0]));
    thread.rota.remove(1);
    assert_eq!(thread.rota.poll(thread.now), Turn::Idle);
}

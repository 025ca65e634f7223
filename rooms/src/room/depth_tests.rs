//! How early a player is told that its inputs arrive: as early as they do, within the tick, whatever else goes on.

use std::time::Duration;

use ringside_netcode::{
    Tick,
    link::LinkConfig,
    tick::{Act, FixedStep, Overload, StepConfig},
};

use super::{
    test_world::{A, MS, Net, Pebble, entry, options, push},
    *,
};
use crate::cx::Random;

const TICKS: u32 = 300;

/// A player whose inputs arrive at one phase of the tick, and its room.
struct World {
    hz: u32,
    /// How early they arrive, in ticks.
    lead: f64,
    /// One step in so many begins late, by up to half a tick; none, if 0.
    late_one_in: u32,
    /// The way of a modelled network, if there is one.
    link: Option<Duration>,
    /// What arrives right before a step is read after it.
    posted_behind: bool,
}

impl World {
    fn of(hz: u32, lead: f64) -> Self {
        Self {
            hz,
            lead,
            late_one_in: 0,
            link: None,
            posted_behind: false,
        }
    }

    /// Plays, and gives what the player was told in the end, and what became of its inputs.
    fn told(&self) -> (f64, IntakeCounters) {
        let step = StepConfig {
            hz: self.hz,
            snapshot_every: 1,
            overload: Overload::CatchUp { max: 4 },
        };
        let options = RoomOptions {
            step,
            link_model: true,
            ..options()
        };
        let period = options.period();
        let mut random = Random::new(7);
        let mut net = Net::default();
        let mut room = Room::new(Pebble::new(), "CODE", options, 7);
        room.enter(A, &entry(1), MS, &mut net).unwrap();
        if let Some(latency) = self.link {
            let link = |latency| LinkConfig {
                latency,
                ..LinkConfig::default()
            };
            let (up, down) = (link(latency), link(Duration::ZERO));
            room.set_weather(A, Some(Weather { down, up }), &mut net);
        }
        let start = Duration::from_secs(1);
        let mut schedule = FixedStep::new(step, Tick::ZERO, start).unwrap();
        let way = self.link.unwrap_or_default();
        // The first whose time to be sent has not been before the first step.
        let mut target = (self.lead + way.as_secs_f64() * f64::from(self.hz)).ceil() as u32 + 1;
        let sent_at = |target: u32| {
            let ticks = f64::from(target) - self.lead;
            start + Duration::from_secs_f64(ticks / f64::from(self.hz)) - way
        };
        for _ in 0..TICKS {
            let mut begins = schedule.deadline();
            if self.late_one_in > 0 && random.below(self.late_one_in) == 0 {
                begins += period.mul_f64(0.5 * f64::from(random.below(1_000)) / 1_000.0);
            }
            let mut send_until = |until, room: &mut Room<Pebble>, net: &mut Net| {
                while sent_at(target) < until {
                    net.now = sent_at(target);
                    net.send_for(room, A, Tick::new(target), push(1));
                    target += 1;
                }
            };
            let behind = if self.posted_behind {
                period / 8
            } else {
                Duration::ZERO
            };
            send_until(begins - behind, &mut room, &mut net);
            let Act::Run(step) = schedule.poll(begins) else {
                panic!("it is due");
            };
            room.step(step, begins, &mut net);
            schedule.finish(begins);
            send_until(begins, &mut room, &mut net);
            net.now = begins;
            net.talk(&mut room);
        }
        let told = net.client(A).depth.expect("it was told");
        (f64::from(told) / 4.0, room.intake())
    }

    /// What it was told is within a quarter tick of the truth.
    fn check(&self) {
        let (told, counters) = self.told();
        // The middle of the quarter it is told of.
        let off = told + 0.125 - self.lead;
        let (hz, lead) = (self.hz, self.lead);
        assert!(
            off.abs() <= 0.25,
            "{hz} Hz: {lead} ticks early, told {told}"
        );
        assert!(counters.late == 0 || lead < 0.0, "{counters:?}");
    }
}

#[test]
fn a_player_is_told_at_which_phase_of_the_tick_its_inputs_arrive() {
    for hz in [20, 60] {
        for sixteenths in 1..64 {
            let (told, counters) = World::of(hz, f64::from(sixteenths) / 16.0).told();
            let lead = f64::from(sixteenths) / 16.0;
            // Rounded down, but where it is a quarter to the nanosecond.
            assert!(told <= lead && told > lead - 0.27, "{lead}: told {told}");
            assert_eq!((counters.late, counters.duplicate), (0, 0));
        }
    }
}

#[test]
fn steps_that_ran_late_do_not_change_what_a_player_is_told() {
    for hz in [20, 60] {
        for sixteenths in [3, 5, 8, 11, 14, 21, 24, 40] {
            World {
                late_one_in: 8,
                ..World::of(hz, f64::from(sixteenths) / 16.0)
            }
            .check();
        }
    }
}

#[test]
fn of_steps_that_all_run_late_it_counts_when_they_were_due() {
    for hz in [20, 60] {
        // Of those that arrive while no step is overdue.
        for sixteenths in [1, 3, 5, 7, 17, 19, 21, 23] {
            let lead = f64::from(sixteenths) / 16.0;
            let world = World {
                late_one_in: 1,
                ..World::of(hz, lead)
            };
            let (told, _) = world.told();
            assert!(told <= lead && told > lead - 0.25, "{lead}: told {told}");
        }
    }
}

#[test]
fn what_came_before_a_step_and_is_read_after_it_is_of_a_whole_tick_at_most() {
    for hz in [20, 60] {
        for sixteenths in [17, 18, 20, 24, 33] {
            World {
                posted_behind: true,
                ..World::of(hz, f64::from(sixteenths) / 16.0)
            }
            .check();
        }
    }
}

#[test]
fn inputs_that_come_after_their_step_are_told_as_late() {
    for hz in [20, 60] {
        for sixteenths in [-1, -4, -9, -16, -31] {
            let lead = f64::from(sixteenths) / 16.0;
            let (told, counters) = World::of(hz, lead).told();
            assert!(told < 0.0 && (told - lead).abs() <= 0.27, "{lead}: {told}");
            assert_eq!(counters.accepted, 0);
        }
    }
}

#[test]
fn on_a_modelled_network_it_counts_when_inputs_leave_it() {
    for hz in [20, 60] {
        for sixteenths in [4, 7, 13, 22] {
            World {
                link: Some(110 * MS),
                ..World::of(hz, f64::from(sixteenths) / 16.0)
            }
            .check();
        }
    }
}

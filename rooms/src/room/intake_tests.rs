//! Inputs from bytes to ticks: whatever arrives, and whatever is claimed to have been seen.

use proptest::prelude::*;
use ringside_netcode::{
    bits::{BitReader, BitWriter},
    input::{InputSender, WireInput},
};

use super::*;
use crate::{
    Replicate,
    room::test_world::{Push, options, push},
};

const RTT: Duration = Duration::from_millis(60);

fn packet(target: Tick, seen: ViewTick, sender: &mut InputSender<Wired<Push>>) -> Vec<u8> {
    sender.push(target, Wired(push(3)));
    let mut bits = BitWriter::new();
    sender.packet(None, seen, false).write(&mut bits);
    bits.into_bytes()
}

/// Plays 300 ticks of a player who claims to be `behind(tick)` sixteenths behind; returns what it was judged by.
fn judged(behind: impl Fn(u32) -> i32) -> (Vec<i32>, IntakeCounters) {
    let mut intake = Intake::<Push>::new(Tick::ZERO, &options());
    let mut sender = InputSender::new();
    let mut judged = Vec::new();
    let mut read = Packet::default();
    for n in 0..300 {
        let tick = Tick::new(n);
        let seen = ViewTick((tick.wire() << 4).wrapping_sub(behind(n) as u16));
        let bytes = packet(tick, seen, &mut sender);
        let now = Duration::from_secs(u64::from(n)) / 60;
        intake
            .packet(&mut read, &bytes, tick, TickLeft::DUE, now, |_| true)
            .unwrap();
        let given = intake.take(tick, PlayerId(1), Some(RTT));
        assert_eq!(given.source, Source::Received);
        judged.push(i32::from(given.view.behind(tick)));
    }
    (judged, intake.counters())
}

#[test]
fn an_honest_stamp_is_believed() {
    // 100 ms of interpolation and the round trip.
    let (judged, counters) = judged(|n| 150 + (n % 5) as i32);
    assert!(
        judged
            .iter()
            .enumerate()
            .all(|(n, behind)| *behind == 150 + n as i32 % 5)
    );
    assert_eq!(counters.stamps_replaced, 0);
}

#[test]
fn nobody_picks_a_past_for_a_single_shot() {
    let (judged, counters) = judged(|n| if n % 60 == 59 { 235 } else { 100 });
    assert!(
        judged.iter().all(|behind| (95..=105).contains(behind)),
        "{judged:?}"
    );
    assert_eq!(counters.stamps_replaced, 5);
}

#[test]
fn forged_stamps_are_cut_to_what_the_link_allows() {
    for claim in [-30_000, -500, 4_000, 30_000] {
        let (judged, _) = judged(|_| claim);
        // 60 ms and five intervals of 50 ms, but never beyond 250 ms.
        assert!(
            judged.iter().all(|behind| (0..=240).contains(behind)),
            "{claim}"
        );
    }
}

#[test]
fn what_no_honest_client_sends_is_dropped_as_if_it_were_lost() {
    let mut intake = Intake::<Push>::new(Tick::ZERO, &options());
    let bytes = packet(Tick::new(0), ViewTick(0), &mut InputSender::new());
    let (mut read, due) = (Packet::default(), TickLeft::DUE);
    intake
        .packet(&mut read, &bytes, Tick::ZERO, due, Duration::ZERO, |_| {
            false
        })
        .unwrap();
    assert_eq!(
        intake.take(Tick::ZERO, PlayerId(1), None).source,
        Source::Missing
    );
    assert_eq!(intake.counters().implausible, 1);
}

#[derive(Clone, Debug, Default, PartialEq, Replicate)]
struct Wide {
    a: u32,
    #[rep(bits = 3)]
    b: i8,
    #[rep(bits = 7, min = -1.0, max = 1.0)]
    c: f32,
    d: bool,
}

impl Input for Wide {
    fn repeated(&self) -> Self {
        self.clone()
    }
}

proptest! {
    #[test]
    fn an_input_travels_at_the_widths_of_its_fields(a: u32, b in -4i8..4, d: bool) {
        let input = Wired(Wide { a, b, c: 1.0, d });
        let mut bits = BitWriter::new();
        input.write(&mut bits);
        prop_assert_eq!(bits.bit_len(), 32 + 3 + 7 + 1);
        let bytes = bits.into_bytes();
        prop_assert_eq!(Wired::<Wide>::read(&mut BitReader::new(&bytes)), Some(input));
    }

    #[test]
    fn any_bytes_are_an_answer(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..40),
    ) {
        let mut intake = Intake::<Push>::new(Tick::ZERO, &options());
        let mut read = Packet::default();
        for (n, bytes) in packets.iter().enumerate() {
            let tick = Tick::new(n as u32);
            // An error is an answer.
            let now = Duration::from_millis(n as u64 * 50);
            let _ = intake.packet(&mut read, bytes, tick, TickLeft::DUE, now, |_| true);
            let given = intake.take(tick, PlayerId(1), Some(RTT));
            prop_assert!((0..=240).contains(&given.view.behind(tick)));
        }
    }
}

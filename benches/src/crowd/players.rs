//! The players of a crowd as the swarm's script: what they hear goes to them, and what it was is counted.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use ringside_client::swarm::{Ended, Id, Message, Peer, Script};

use super::{BEHIND, Heard, Player, sample::LATE};

/// The longest gap told apart, in microseconds: a minute.
const LONGEST: u64 = 60_000_000;
/// Reasons for ends that are kept.
const REASONS_MAX: usize = 8;

/// A player's connection.
pub(super) struct Seat {
    pub(super) player: Box<dyn Player>,
    /// It is in the game.
    pub(super) seated: bool,
    /// When its last snapshot came.
    last: Option<Instant>,
}

impl Seat {
    pub(super) fn new(player: Box<dyn Player>) -> Self {
        Self {
            player,
            seated: false,
            last: None,
        }
    }
}

/// The players, as the swarm's script.
pub(super) struct Players {
    /// By connection; none for those who are gone.
    pub(super) all: Vec<Option<Seat>>,
    /// Who wants to act, and when.
    pub(super) due: BinaryHeap<Reverse<(Instant, usize)>>,
    pub(super) seated: usize,
    pub(super) lost: usize,
    /// The first few reasons.
    pub(super) reasons: Vec<String>,
    pub(super) counted: Counted,
    /// All act some time after each snapshot.
    paced: bool,
}

/// What is counted of a measurement.
pub(super) struct Counted {
    /// Since when, while it is.
    since: Option<Instant>,
    pub(super) gaps: Histogram<u64>,
    pub(super) snapshots: u64,
    /// Bytes of the snapshots alone.
    pub(super) payload: u64,
    pub(super) unusable: u64,
}

impl Players {
    pub(super) fn new(paced: bool) -> Self {
        let gaps = Histogram::new_with_max(LONGEST, 3);
        Self {
            all: Vec::new(),
            due: BinaryHeap::new(),
            seated: 0,
            lost: 0,
            reasons: Vec::new(),
            counted: Counted {
                since: None,
                gaps: gaps.expect("three digits up to a minute are a valid range"),
                snapshots: 0,
                payload: 0,
                unusable: 0,
            },
            paced,
        }
    }

    /// Counts from now on, from nothing.
    pub(super) fn begin(&mut self, now: Instant) {
        let counted = &mut self.counted;
        counted.gaps.reset();
        (counted.snapshots, counted.payload, counted.unusable) = (0, 0, 0);
        counted.since = Some(now);
    }

    fn heard(&mut self, peer: &Peer<'_>, heard: Heard) {
        let Some(seat) = self.all.get_mut(peer.id().0).and_then(Option::as_mut) else {
            return;
        };
        let snapshot = match heard {
            Heard::Other => return,
            Heard::Unusable => {
                self.counted.unusable += 1;
                return;
            }
            Heard::Seated => None,
            Heard::Snapshot(bytes) => Some(bytes),
        };
        if !seat.seated {
            seat.seated = true;
            self.seated += 1;
            // Spread over the time to come, so that players do not act in step.
            let spread = Duration::from_micros((peer.id().0 as u64 * 7_919) % 33_333);
            self.due.push(Reverse((peer.now() + spread, peer.id().0)));
        }
        let Some(bytes) = snapshot else { return };
        if self.paced {
            self.due.push(Reverse((peer.now() + BEHIND, peer.id().0)));
        }
        let last = seat.last.replace(peer.now());
        let Some(since) = self.counted.since else {
            return;
        };
        // The gap that was open when counting began is not all of the measurement's.
        if let Some(last) = last.filter(|last| *last >= since) {
            let gap = peer.now().saturating_duration_since(last);
            self.counted.gaps.saturating_record(gap.as_micros() as u64);
        }
        self.counted.snapshots += 1;
        self.counted.payload += bytes as u64;
    }

    /// Counts no longer. Of the gaps that are open now, those count that are longer than they should be.
    pub(super) fn end(&mut self, now: Instant) {
        let Some(since) = self.counted.since.take() else {
            return;
        };
        for seat in self.all.iter().flatten().filter(|seat| seat.seated) {
            let from = seat.last.map_or(since, |last| last.max(since));
            let gap = now.saturating_duration_since(from);
            if gap > LATE {
                self.counted.gaps.saturating_record(gap.as_micros() as u64);
            }
        }
    }
}

impl Script for Players {
    fn joined(&mut self, peer: &mut Peer<'_>) {
        if let Some(seat) = self.all.get_mut(peer.id().0).and_then(Option::as_mut) {
            seat.player.ready(peer);
        }
    }

    fn message(&mut self, peer: &mut Peer<'_>, message: Message<'_>) {
        let Some(seat) = self.all.get_mut(peer.id().0).and_then(Option::as_mut) else {
            return;
        };
        let heard = seat.player.hear(peer, message);
        self.heard(peer, heard);
    }

    fn ended(&mut self, id: Id, why: Ended) {
        self.lost += 1;
        if let Some(seat) = self.all.get_mut(id.0).and_then(Option::take) {
            self.seated -= usize::from(seat.seated);
        }
        if self.reasons.len() < REASONS_MAX {
            self.reasons.push(why.to_string());
        }
    }
}

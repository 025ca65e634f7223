//! What came of a crowd's measurement.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::load::Latency;

/// Time between two snapshots that all games here are to keep.
const INTERVAL: Duration = Duration::from_millis(50);
/// A gap is late beyond one and a half.
pub(super) const LATE: Duration = Duration::from_millis(75);

/// What the server spent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerCost {
    /// Share of one core that it used.
    pub busy: f64,
    /// Microseconds of a core a player and second.
    pub player_us: f64,
    /// Microseconds a snapshot delivered, all else included.
    pub snapshot_us: f64,
    /// Of these, in user mode.
    pub user_us: f64,
    /// Players a core would carry at this cost: players over share.
    pub players_per_core: f64,
}

/// How snapshots reached a crowd.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Players who were to play.
    pub players: usize,
    /// Of these, those whose connection ended meanwhile.
    pub lost: usize,
    /// Seconds measured.
    pub seconds: f64,
    /// Snapshots a player and second.
    pub snapshots_per_s: f64,
    /// Bytes within TCP a player and second: headers, envelopes and everything else included.
    pub bytes_per_s: f64,
    /// The same, a snapshot.
    pub bytes_per_snapshot: f64,
    /// Bytes of the snapshots alone, without envelope.
    pub payload_per_snapshot: f64,
    /// Time between two snapshots of a player.
    pub gap: Latency,
    /// Share of gaps that were longer than one and a half intervals.
    pub late_share: f64,
    /// Snapshots that could not be used.
    pub unusable: u64,
    /// Entities in a player's view that move, and that do not, on average over those who look.
    pub seen: Option<(f64, f64)>,
    /// Share of one core that the crowd itself used. Near 1 the figures are the crowd's, not the server's.
    pub generator_busy: f64,
    /// The server's cost, if its process was named.
    pub server: Option<ServerCost>,
}

/// What a sample is made of.
pub(super) struct Raw<'a> {
    pub(super) players: usize,
    pub(super) lost: usize,
    pub(super) measured: Duration,
    pub(super) snapshots: u64,
    pub(super) payload: u64,
    pub(super) bytes: u64,
    pub(super) unusable: u64,
    pub(super) gaps: &'a Histogram<u64>,
    pub(super) seen: &'a [(usize, usize)],
    pub(super) own: Duration,
    /// Run time, and the share of it in user mode.
    pub(super) cost: Option<(Duration, f64)>,
}

impl Sample {
    pub(super) fn of(raw: Raw<'_>) -> Self {
        let seconds = raw.measured.as_secs_f64();
        let players = raw.players.max(1) as f64;
        let snapshots = raw.snapshots.max(1) as f64;
        let on_time = raw.gaps.count_between(0, LATE.as_micros() as u64);
        let mean = |count: fn(&(usize, usize)) -> usize| {
            let sum: usize = raw.seen.iter().map(count).sum();
            sum as f64 / raw.seen.len().max(1) as f64
        };
        Self {
            players: raw.players,
            lost: raw.lost,
            seconds,
            snapshots_per_s: raw.snapshots as f64 / players / seconds,
            bytes_per_s: raw.bytes as f64 / players / seconds,
            bytes_per_snapshot: raw.bytes as f64 / snapshots,
            payload_per_snapshot: raw.payload as f64 / snapshots,
            gap: Latency::of(raw.gaps),
            late_share: 1.0 - on_time as f64 / raw.gaps.len().max(1) as f64,
            unusable: raw.unusable,
            seen: (!raw.seen.is_empty()).then(|| (mean(|seen| seen.0), mean(|seen| seen.1))),
            generator_busy: raw.own.as_secs_f64() / seconds,
            server: raw.cost.map(|(run_time, user)| {
                let busy = run_time.as_secs_f64() / seconds;
                let snapshot_us = run_time.as_secs_f64() * 1e6 / snapshots;
                ServerCost {
                    busy,
                    player_us: busy * 1e6 / players,
                    snapshot_us,
                    user_us: snapshot_us * user,
                    players_per_core: players / busy.max(1e-9),
                }
            }),
        }
    }

    /// Whether everybody got twenty snapshots a second, less five percent, the slowest gap in a hundred no
    /// longer than one and a half intervals, and nobody was lost.
    pub fn holds(&self) -> bool {
        let wanted = 0.95 / INTERVAL.as_secs_f64();
        let in_time = self.gap.p99_ms <= LATE.as_secs_f64() * 1e3;
        self.snapshots_per_s >= wanted && in_time && self.lost == 0 && self.unusable == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(snapshots: u64, gaps_ms: &[u64], lost: usize) -> Sample {
        let mut gaps = Histogram::new_with_max(60_000_000, 3).expect("a valid range");
        for ms in gaps_ms {
            gaps.record(ms * 1000).expect("below a minute");
        }
        Sample::of(Raw {
            players: 10,
            lost,
            measured: Duration::from_secs(2),
            snapshots,
            payload: 100 * snapshots,
            bytes: 150 * snapshots,
            unusable: 0,
            gaps: &gaps,
            seen: &[(90, 4), (110, 6)],
            own: Duration::from_millis(500),
            cost: Some((Duration::from_millis(200), 0.25)),
        })
    }

    #[test]
    fn figures_follow_from_what_was_counted() {
        let held = sample(400, &[50; 100], 0);
        assert_eq!((held.snapshots_per_s, held.bytes_per_s), (20.0, 3000.0));
        assert_eq!((held.seen, held.generator_busy), (Some((100.0, 5.0)), 0.25));
        let server = held.server.as_ref().expect("its cost was told");
        assert!((server.busy - 0.1).abs() < 1e-9 && (server.players_per_core - 100.0).abs() < 1e-6);
        assert!((server.snapshot_us - 500.0).abs() < 1e-6 && (server.user_us - 125.0).abs() < 1e-6);
        assert!(held.holds());
    }

    #[test]
    fn a_crowd_is_held_only_in_number_in_time_and_whole() {
        let mut late = vec![50; 97];
        late.extend([90; 3]);
        assert!(!sample(400, &late, 0).holds());
        assert!(!sample(370, &[50; 100], 0).holds());
        assert!(!sample(400, &[50; 100], 1).holds());
        assert!((sample(400, &late, 0).late_share - 0.03).abs() < 1e-9);
    }
}

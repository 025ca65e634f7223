//! How a room is run: its rates, its bounds, and what each of them costs.

use std::time::Duration;

use ringside_netcode::{
    replay::RecorderConfig,
    snapshot::{Delivery, ViewerConfig},
    tick::StepConfig,
};

/// Bytes around a snapshot on a WebSocket: the event's text (41 B), two headers (2 and 4 B), TCP and IP
/// (40 B). What the budget counts beside the snapshot itself.
pub(crate) const ENVELOPE_BYTES: u32 = 87;
/// A replay has a keyframe this often, in seconds: where it can be entered.
const KEYFRAME_SECONDS: u32 = 2;
/// Bytes of a second of replay that are kept at most: 500 entities take about 16 kB.
const REPLAY_BYTES_PER_SECOND: usize = 256 * 1024;

/// How a room is run. The defaults suit an arena of a few dozen players.
#[derive(Clone, Debug)]
pub struct RoomOptions {
    /// Ticks, snapshots, and what to do when the machine cannot keep up. Default: 60 ticks and 20 snapshots a
    /// second, at most four steps behind.
    pub step: StepConfig,
    /// Players it holds, bots included. Default 64.
    pub seats: u16,
    /// The population that bots fill up to; each makes room for a person. Default 0.
    pub bots: u16,
    /// Spectators it admits. Default 16.
    pub spectators: u16,
    /// How far behind the game spectators are kept, so that they cannot help a player. Zero: they see it
    /// live, and through [`Game::interest`](crate::Game::interest). Otherwise they watch the replay, which
    /// shows everything. Default zero.
    pub spectator_delay: Duration,
    /// Bytes a second that a client's snapshots may take, headers of WebSocket, TCP and IP included; `None`
    /// for no limit. Default 64,000: half a megabit.
    pub budget: Option<u32>,
    /// Most bytes of one snapshot. Default 64 KiB.
    pub frame_bytes_max: usize,
    /// The furthest past by which a player's action is judged. Default 250 ms.
    pub rewind_max: Duration,
    /// Input packets a second from one player, with a second's worth at once; more are not read. Default 90:
    /// three times what a client sends.
    pub packets_per_second: u32,
    /// Malformed packets after which a player is sent away. Default 32: no working client sends one.
    pub strikes_max: u32,
    /// How much of the game is kept for replays. Default none.
    pub replay: Option<Duration>,
    /// How long a reserved seat waits for its player. Default 15 s.
    pub reservation: Duration,
    /// How long a restored room keeps its players' seats. Default 60 s.
    pub restored_for: Duration,
    /// Whether clients may give themselves a bad network, for demos. Default no.
    pub link_model: bool,
    /// How long a room may have no people in it before it ends; `None`: it never does. Default 30 s.
    pub empty_for: Option<Duration>,
    /// How often the room is saved, if the server has a place for it. Default 5 s.
    pub save_every: Duration,
}

impl Default for RoomOptions {
    fn default() -> Self {
        Self {
            step: StepConfig::default(),
            seats: 64,
            bots: 0,
            spectators: 16,
            spectator_delay: Duration::ZERO,
            budget: Some(64_000),
            frame_bytes_max: 64 * 1024,
            rewind_max: Duration::from_millis(250),
            packets_per_second: 90,
            strikes_max: 32,
            replay: None,
            reservation: Duration::from_secs(15),
            restored_for: Duration::from_secs(60),
            link_model: false,
            empty_for: Some(Duration::from_secs(30)),
            save_every: Duration::from_secs(5),
        }
    }
}

impl RoomOptions {
    /// Time between two snapshots.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(1) * self.step.snapshot_every / self.step.hz.max(1)
    }

    /// Time between two steps, where the schedule is not dilated.
    pub(crate) fn period(&self) -> Duration {
        Duration::from_secs(1) / self.step.hz.max(1)
    }

    pub(crate) fn viewer(&self) -> ViewerConfig {
        ViewerConfig {
            delivery: Delivery::Ordered,
            interval: self.interval(),
            budget: self.budget.map(|rate| (rate, ENVELOPE_BYTES)),
            frame_bytes_max: self.frame_bytes_max,
            stale_max: self.step.hz,
            bound_in_flight: true,
        }
    }

    /// Ticks that spectators are behind.
    pub(crate) fn delay_ticks(&self) -> u32 {
        (self.spectator_delay.as_nanos() * u128::from(self.step.hz) / 1_000_000_000) as u32
    }

    /// The replay to be kept, if any: long enough for spectators who are kept behind.
    pub(crate) fn recorder(&self) -> Option<RecorderConfig> {
        let behind = match self.spectator_delay {
            Duration::ZERO => Duration::ZERO,
            delay => delay + Duration::from_secs(u64::from(2 * KEYFRAME_SECONDS)),
        };
        let kept = self.replay.unwrap_or_default().max(behind);
        let rate = (self.step.hz / self.step.snapshot_every.max(1)).max(1);
        let frames = kept.as_millis() * u128::from(rate) / 1_000;
        (!kept.is_zero()).then(|| RecorderConfig {
            hz: u16::try_from(self.step.hz).unwrap_or(u16::MAX),
            keyframe_every: KEYFRAME_SECONDS * rate,
            frames_max: usize::try_from(frames).unwrap_or(usize::MAX).max(1),
            bytes_max: REPLAY_BYTES_PER_SECOND * (kept.as_secs() as usize + 1),
        })
    }
}

//! One player's inputs, from bytes to the one input of each tick.
//!
//! ```text
//! packet ──rate──> read ──each input──> plausible? ──> ring by target tick ──take──> tick
//! ```
//!
//! Promises: any bytes are an answer; a tick gets exactly one input whatever arrives; the moment a player
//! claims to have seen is believed only as far as it agrees with what that player usually sees. Bots
//! [`offer`](Intake::offer) their inputs here as well.

use std::time::Duration;

use ringside_netcode::{
    Tick,
    history::{RewindBounds, RewindPolicy, Verdict},
    input::{
        Input, InputBuffer, InputCounters, InputPacket, InputPolicy, Source, TickLeft, ViewTick,
        Wired,
    },
    schema::Replicate,
};
use serde::Serialize;

use super::RoomOptions;
use crate::game::{Given, PlayerId};

/// Ticks a snapshot interval may be shown late, in intervals: what the client's interpolation allows itself.
const DELAY_INTERVALS_MAX: u32 = 5;

/// An input with the view it was made by, in sixteenths of a tick before its own tick.
#[derive(Clone, Debug, Default)]
struct Seen<I> {
    input: I,
    behind: i16,
}

impl<I: Input> Input for Seen<I> {
    fn repeated(&self) -> Self {
        Self {
            input: self.input.repeated(),
            behind: self.behind,
        }
    }
}

/// What became of a player's packets and inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IntakeCounters {
    /// Packets that came faster than allowed, and were not read.
    pub flooded: u64,
    /// Packets that were no packets.
    pub malformed: u64,
    /// Inputs that no honest client sends.
    pub implausible: u64,
    /// View stamps that were not believed.
    pub stamps_replaced: u64,
    /// Inputs kept for their tick.
    pub accepted: u64,
    /// Inputs that came after their tick.
    pub late: u64,
    /// Inputs for too far in the future.
    pub early: u64,
    /// Redundant copies.
    pub duplicate: u64,
    /// Ticks simulated with a repeated input.
    pub repeated: u64,
    /// Ticks simulated with the default input.
    pub missing: u64,
}

impl IntakeCounters {
    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            flooded: self.flooded + other.flooded,
            malformed: self.malformed + other.malformed,
            implausible: self.implausible + other.implausible,
            stamps_replaced: self.stamps_replaced + other.stamps_replaced,
            accepted: self.accepted + other.accepted,
            late: self.late + other.late,
            early: self.early + other.early,
            duplicate: self.duplicate + other.duplicate,
            repeated: self.repeated + other.repeated,
            missing: self.missing + other.missing,
        }
    }
}

/// What a packet says beside its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acked {
    pub(crate) newest: u16,
    pub(crate) earlier: u32,
    /// It names frames one by one, as clients do whose frames come as datagrams.
    pub(crate) lossy: bool,
}

/// A packet that was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    Flood,
    Malformed,
}

/// What a packet acknowledges, for those whose inputs do not count.
pub(crate) fn acknowledgement<I: Input + Replicate + PartialEq>(bytes: &[u8]) -> Option<Acked> {
    let packet = Packet::<I>::read(bytes).ok()?;
    acked(packet.ack, packet.ack_bits)
}

fn acked(newest: Option<u16>, earlier: Option<u32>) -> Option<Acked> {
    Some(Acked {
        newest: newest?,
        earlier: earlier.unwrap_or(0),
        lossy: earlier.is_some(),
    })
}

/// A packet as it is read; one serves for all that a room gets, one after the other.
pub(crate) type Packet<I> = InputPacket<Wired<I>>;

/// One player's inputs.
pub(crate) struct Intake<I> {
    buffer: InputBuffer<Seen<I>>,
    rate: PacketRate,
    stamps: Stamps,
    counters: IntakeCounters,
}

impl<I: Input + Replicate + PartialEq> Intake<I> {
    /// Nothing yet; the first tick will be `first`.
    pub(crate) fn new(first: Tick, options: &RoomOptions) -> Self {
        Self {
            buffer: InputBuffer::new(InputPolicy::default(), first),
            rate: PacketRate::new(options.packets_per_second),
            stamps: Stamps::new(options),
            counters: IntakeCounters::default(),
        }
    }

    /// Reads a packet that arrived at `now` into `packet`. `next` is the tick to be simulated next; `left`: what was then
    /// left until it is due.
    pub(crate) fn packet(
        &mut self,
        packet: &mut Packet<I>,
        bytes: &[u8],
        next: Tick,
        left: TickLeft,
        now: Duration,
        plausible: impl Fn(&I) -> bool,
    ) -> Result<Option<Acked>, Unusable> {
        if !self.rate.allows(now) {
            self.counters.flooded += 1;
            return Err(Unusable::Flood);
        }
        if packet.read_again(bytes).is_err() {
            self.counters.malformed += 1;
            return Err(Unusable::Malformed);
        }
        let newest = Tick::from_wire(packet.newest_target, next);
        let behind = packet.view.behind(newest);
        for (seq, target, Wired(input)) in packet.timed(next) {
            if plausible(input) {
                self.offer(seq, target, input.clone(), behind, left);
            } else {
                self.counters.implausible += 1;
            }
        }
        Ok(acked(packet.ack, packet.ack_bits))
    }

    /// One input for a tick; `behind`: sixteenths of a tick by which the picture was older than it; `left`: until the
    /// next step is due.
    pub(crate) fn offer(&mut self, seq: u16, target: Tick, input: I, behind: i16, left: TickLeft) {
        // Refused ones are weather; the buffer counts them.
        let _ = self.buffer.push(seq, target, Seen { input, behind }, left);
    }

    /// The input of `tick`. `round_trip`: of the player's link, if known.
    pub(crate) fn take(
        &mut self,
        tick: Tick,
        player: PlayerId,
        round_trip: Option<Duration>,
    ) -> Given<I> {
        let taken = self.buffer.take(tick);
        let fresh = taken.source == Source::Received;
        let lead = self.buffer.depth_quarters();
        let (view, verdict) = self
            .stamps
            .judge(tick, taken.input.behind, fresh, lead, round_trip);
        self.counters.stamps_replaced += u64::from(fresh && verdict == Verdict::Replaced);
        Given {
            player,
            input: taken.input.input,
            source: taken.source,
            view,
        }
    }

    /// Sequence of the newest input executed.
    pub(crate) fn last_seq(&self) -> Option<u16> {
        self.buffer.last_seq()
    }

    /// How early inputs arrive, in quarter ticks rounded down.
    pub(crate) fn depth_quarters(&self) -> i8 {
        self.buffer.depth_quarters()
    }

    /// What happened so far.
    pub(crate) fn counters(&self) -> IntakeCounters {
        let InputCounters {
            accepted,
            late,
            early,
            duplicate,
            repeated,
            missing,
            ..
        } = self.buffer.counters();
        IntakeCounters {
            accepted,
            late,
            early,
            duplicate,
            repeated,
            missing,
            ..self.counters
        }
    }
}

/// Packets a second, with a second's worth at once after a pause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketRate {
    per_second: u32,
    /// Packets allowed now, in billionths.
    credit: u64,
    /// When that was reckoned, in nanoseconds.
    at: u64,
}

const NANO: u64 = 1_000_000_000;

impl PacketRate {
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            per_second,
            credit: u64::from(per_second) * NANO,
            at: 0,
        }
    }

    pub(crate) fn allows(&mut self, now: Duration) -> bool {
        // 64 bits of them are five centuries.
        let now = now.as_nanos() as u64;
        let passed = now.saturating_sub(self.at).min(NANO);
        self.at = self.at.max(now);
        let full = u64::from(self.per_second) * NANO;
        let brought = passed * u64::from(self.per_second);
        self.credit = (self.credit + brought).min(full);
        let allowed = self.credit >= NANO;
        if allowed {
            self.credit -= NANO;
        }
        allowed
    }
}

/// Which moments a player is believed to have seen.
///
/// A screen is behind the tick its input is for by the round trip, the input's lead, and the interpolation
/// delay. The first two are measured here; the delay is the client's to choose, within bounds, and steady. So a
/// stamp that is not near the usual one is replaced by it: nobody picks a past for a single shot.
#[derive(Clone, Copy, Debug)]
struct Stamps {
    policy: RewindPolicy,
    bounds: RewindBounds,
    /// The longest interpolation delay that is believed, in sixteenths of a tick.
    delay_max: i32,
    /// Smoothed sixteenths, times 16.
    usual: Option<i32>,
}

impl Stamps {
    fn new(options: &RoomOptions) -> Self {
        let policy = RewindPolicy {
            max: options.rewind_max,
            ..RewindPolicy::at(options.step.hz)
        };
        Self {
            bounds: policy.bounds(),
            delay_max: policy.sixteenths(options.interval() * DELAY_INTERVALS_MAX),
            policy,
            usual: None,
        }
    }

    fn judge(
        &mut self,
        tick: Tick,
        behind: i16,
        fresh: bool,
        lead_quarters: i8,
        round_trip: Option<Duration>,
    ) -> (ViewTick, Verdict) {
        // The report is rounded down; what is believed is not.
        let lead = (i32::from(lead_quarters) + 1).max(0) * 4;
        let most = match round_trip {
            Some(rtt) => self.policy.sixteenths(rtt) + lead + self.delay_max,
            None => self.bounds.max,
        };
        let claimed = i32::from(behind);
        let usual = self.usual.unwrap_or(claimed.clamp(0, most) * 16);
        let expected = (usual / 16).clamp(0, most);
        if fresh {
            self.usual = Some(usual + (claimed.clamp(0, most) * 16 - usual) / 16);
        }
        let stamp = ViewTick((tick.wire() << 4).wrapping_sub(behind as u16));
        self.bounds.judge(tick, stamp, expected)
    }
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;

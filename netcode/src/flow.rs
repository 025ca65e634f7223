//! How many snapshots may be on their way to a client.
//!
//! Kernels buffer megabytes. A client that stalls for twenty seconds would get hundreds of stale
//! snapshots when it wakes, unless sending waits for the application's own acknowledgements. So
//! at most a round trip's worth of frames is in flight; what would be more is not sent at all, and
//! the next frame that is sent covers it.
//!
//! [`Flow`] measures the round trip from acknowledgements, as TCP does (RFC 6298, section 2), and
//! answers whether another frame may go. It knows neither frames nor transports.

use crate::Tick;
use crate::nanos::nanos;
use core::time::Duration;

/// Frames in flight before the first acknowledgement: one on the wire, one being handled.
const FIRST_WINDOW: usize = 2;
/// Most frames in flight, whatever the round trip: 800 ms at 20 frames a second.
pub const WINDOW_MAX: usize = 16;
/// A datagram is not given up sooner than this; RFC 6298 has a second, games have less patience.
const LOST_AFTER_MIN: u64 = nanos(Duration::from_millis(100));
/// Nor later than this, so that a silent link is probed once a second.
const LOST_AFTER_MAX: u64 = nanos(Duration::from_secs(1));
/// Intervals and round trips are no longer than this, 36 years: so much that sums of a few do not overflow.
const TIME_MAX: u64 = u64::MAX / 16;
/// Frames that may be in flight beyond a round trip's worth where some get lost, so that one loss
/// does not hold up the next frame.
const SPARE_FOR_LOSS: usize = 2;
/// And where none does, so that one acknowledgement in two frames is enough: receiving one costs a
/// server nearly as much as sending a frame.
const SPARE_FOR_PAIRS: usize = 1;

/// Whether the transport loses frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It does not: a frame is in flight until it is acknowledged.
    Never,
    /// It may: a frame that stays unacknowledged for long is given up.
    Possible,
}

/// The frames in flight to one client. Times are in nanoseconds.
#[derive(Clone, Debug)]
pub struct Flow {
    loss: Loss,
    /// Expected time between frames.
    interval: u64,
    /// Frames given up since the last acknowledgement.
    given_up: u32,
    rtt: Option<Rtt>,
    sent: Sent,
}

#[derive(Clone, Copy, Debug)]
struct Rtt {
    smoothed: u64,
    variation: u64,
}

/// Unacknowledged frames and when they were sent, oldest first. They lie within what is kept of the client: there are one
/// or two of them, and they are looked at twice a frame.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    frames: [(Tick, u64); WINDOW_MAX],
    len: usize,
}

impl Sent {
    fn frames(&self) -> &[(Tick, u64)] {
        &self.frames[..self.len]
    }

    fn push(&mut self, tick: Tick, at: u64) {
        if self.len == WINDOW_MAX {
            self.forget_first(1);
        }
        self.frames[self.len] = (tick, at);
        self.len += 1;
    }

    fn forget_first(&mut self, count: usize) {
        self.frames.copy_within(count..self.len, 0);
        self.len -= count;
    }
}

impl Flow {
    /// Nothing in flight; frames are expected every `interval`.
    pub fn new(loss: Loss, interval: Duration) -> Self {
        let interval = interval.max(Duration::from_millis(1));
        Flow {
            loss,
            interval: nanos(interval).min(TIME_MAX),
            given_up: 0,
            rtt: None,
            sent: Sent::default(),
        }
    }

    /// The smoothed time from sending a frame to its acknowledgement, once known.
    pub fn round_trip(&self) -> Option<Duration> {
        self.rtt.map(|rtt| Duration::from_nanos(rtt.smoothed))
    }

    /// The tick of the newest frame sent, if one is still in flight.
    pub fn newest_in_flight(&self) -> Option<Tick> {
        self.sent.frames().last().map(|(tick, _)| *tick)
    }

    /// Frames in flight.
    pub fn in_flight(&self) -> usize {
        self.sent.len
    }

    /// How many frames may be in flight: one for each interval that the round trip, with its usual
    /// variation, takes or begins; one more for a client that acknowledges every second frame, or a few
    /// more where frames get lost. Once several were given up in a row the path is silent, and it is
    /// one at a time.
    pub fn window(&self) -> usize {
        let spare = match self.loss {
            Loss::Possible => SPARE_FOR_LOSS,
            Loss::Never => SPARE_FOR_PAIRS,
        };
        if self.given_up > spare as u32 {
            return 1;
        }
        let Some(rtt) = self.rtt else {
            return FIRST_WINDOW;
        };
        let patience = rtt.smoothed + 2 * rtt.variation;
        // An acknowledgement that comes just as the next frame is due is in time for it.
        let intervals = patience.div_ceil(self.interval);
        let intervals = usize::try_from(intervals).unwrap_or(WINDOW_MAX).max(1);
        intervals.saturating_add(spare).min(WINDOW_MAX)
    }

    /// Whether another frame may be sent at `now`.
    pub fn may_send(&mut self, now: Duration) -> bool {
        if self.loss == Loss::Possible {
            let now = nanos(now);
            while let Some((_, at)) = self.sent.frames().first()
                && now.saturating_sub(*at) > self.lost_after()
            {
                self.sent.forget_first(1);
                self.given_up = self.given_up.saturating_add(1);
            }
        }
        self.sent.len == 0 || self.sent.len < self.window()
    }

    /// Tells that the frame of `tick` was sent at `now`.
    pub fn sent(&mut self, tick: Tick, now: Duration) {
        self.sent.push(tick, nanos(now));
    }

    /// Tells that what is in flight will not be acknowledged: the client could not use it.
    pub fn forget(&mut self) {
        self.sent.len = 0;
    }

    /// Tells that the client has the frame of `tick`. Older ones count as received or lost.
    pub fn acknowledge(&mut self, tick: Tick, now: Duration) {
        let frames = self.sent.frames();
        let newer = frames.iter().position(|(sent, _)| sent.is_newer(tick));
        let done = newer.unwrap_or(frames.len());
        if let Some(&(_, at)) = frames[..done].last().filter(|(sent, _)| *sent == tick) {
            self.measure(nanos(now).saturating_sub(at).min(TIME_MAX));
        }
        self.given_up = 0;
        self.sent.forget_first(done);
    }

    /// "SRTT <- R, RTTVAR <- R/2" at first, then "RTTVAR <- 3/4 RTTVAR + 1/4 |SRTT - R|" and
    /// "SRTT <- 7/8 SRTT + 1/8 R" (RFC 6298, section 2).
    fn measure(&mut self, sample: u64) {
        self.rtt = Some(match self.rtt {
            None => Rtt {
                smoothed: sample,
                variation: sample / 2,
            },
            Some(Rtt {
                smoothed,
                variation,
            }) => Rtt {
                variation: (variation * 3 + smoothed.abs_diff(sample)) / 4,
                smoothed: (smoothed * 7 + sample) / 8,
            },
        });
    }

    /// How long a frame may stay unacknowledged before it is given up: doubled for each one given
    /// up since the last acknowledgement ("back off the timer", RFC 6298, section 5.5), beyond
    /// those that ordinary loss explains.
    fn lost_after(&self) -> u64 {
        let measured = self.rtt.map(|rtt| rtt.smoothed + 4 * rtt.variation);
        let patience = measured.unwrap_or(LOST_AFTER_MAX).max(2 * self.interval);
        let doublings = self.given_up.saturating_sub(SPARE_FOR_LOSS as u32).min(8);
        let longest = LOST_AFTER_MAX.max(2 * self.interval);
        let patience = patience.max(LOST_AFTER_MIN);
        patience.saturating_mul(1 << doublings).min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    const MS: Duration = Duration::from_millis(1);

    /// A client that acknowledges one frame in so many, after `rtt`, and then stalls.
    fn frames_sent_into_a_stall(loss: Loss, rtt: Duration, one_in: u32) -> u32 {
        let mut flow = Flow::new(loss, 50 * MS);
        let mut acks: VecDeque<(Duration, Tick)> = VecDeque::new();
        let (mut into_stall, mut heard) = (0, 0);
        for n in 0..500u32 {
            let now = 50 * MS * n;
            let stalled = now >= 5000 * MS;
            while acks.front().is_some_and(|(at, _)| *at <= now && !stalled) {
                let (at, tick) = acks.pop_front().expect("looked");
                flow.acknowledge(tick, at);
            }
            if flow.may_send(now) {
                flow.sent(Tick::new(n), now);
                heard += 1;
                if heard % one_in == 0 {
                    acks.push_back((now + rtt, Tick::new(n)));
                }
                into_stall += u32::from(stalled);
            } else {
                assert!(
                    stalled || n < 10,
                    "a steady client is never held, frame {n}"
                );
            }
        }
        into_stall + acks.iter().filter(|(at, _)| *at < 5000 * MS).count() as u32
    }

    #[test]
    fn a_stalled_client_gets_a_round_trip_and_one_and_no_more() {
        for one_in in [1, 2] {
            let sent = |rtt| frames_sent_into_a_stall(Loss::Never, rtt, one_in);
            assert!(sent(5 * MS) <= 2);
            assert!(sent(30 * MS) <= 2);
            assert!(sent(120 * MS) <= 5);
        }
    }

    #[test]
    fn times_of_centuries_do_not_overflow() {
        for interval in [Duration::ZERO, Duration::MAX] {
            let mut flow = Flow::new(Loss::Possible, interval);
            for n in 0..2 * WINDOW_MAX as u32 {
                flow.sent(Tick::new(2 * n), Duration::ZERO);
                flow.sent(Tick::new(2 * n + 1), Duration::ZERO);
                flow.acknowledge(Tick::new(2 * n), Duration::MAX);
                assert!((1..=WINDOW_MAX).contains(&flow.window()));
                flow.may_send(Duration::MAX);
            }
        }
    }

    #[test]
    fn a_silent_datagram_link_is_probed() {
        let probes = frames_sent_into_a_stall(Loss::Possible, 5 * MS, 1);
        assert!((18..=40).contains(&probes), "{probes} in 20 s");
    }
}

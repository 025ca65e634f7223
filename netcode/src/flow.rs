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
use core::time::Duration;
use std::collections::VecDeque;

/// Frames in flight before the first acknowledgement: one on the wire, one being handled.
const FIRST_WINDOW: usize = 2;
/// Most frames in flight, whatever the round trip: 800 ms at 20 frames a second.
pub const WINDOW_MAX: usize = 16;
/// A datagram is not given up sooner than this; RFC 6298 has a second, games have less patience.
const LOST_AFTER_MIN: Duration = Duration::from_millis(100);
/// Nor later than this, so that a silent link is probed once a second.
const LOST_AFTER_MAX: Duration = Duration::from_secs(1);
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

/// The frames in flight to one client.
#[derive(Clone, Debug)]
pub struct Flow {
    loss: Loss,
    /// Expected time between frames.
    interval: Duration,
    /// Unacknowledged frames, oldest first, at most [`WINDOW_MAX`].
    sent: VecDeque<(Tick, Duration)>,
    /// Frames given up since the last acknowledgement.
    given_up: u32,
    rtt: Option<Rtt>,
}

#[derive(Clone, Copy, Debug)]
struct Rtt {
    smoothed: Duration,
    variation: Duration,
}

impl Flow {
    /// Nothing in flight; frames are expected every `interval`.
    pub fn new(loss: Loss, interval: Duration) -> Self {
        let interval = interval.max(Duration::from_millis(1));
        Flow {
            loss,
            interval,
            sent: VecDeque::with_capacity(WINDOW_MAX),
            given_up: 0,
            rtt: None,
        }
    }

    /// The smoothed time from sending a frame to its acknowledgement, once known.
    pub fn round_trip(&self) -> Option<Duration> {
        self.rtt.map(|rtt| rtt.smoothed)
    }

    /// The tick of the newest frame sent, if one is still in flight.
    pub fn newest_in_flight(&self) -> Option<Tick> {
        self.sent.back().map(|(tick, _)| *tick)
    }

    /// Frames in flight.
    pub fn in_flight(&self) -> usize {
        self.sent.len()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.sent.capacity() * size_of::<(Tick, Duration)>()
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
        let intervals = nanos(patience).div_ceil(nanos(self.interval));
        let intervals = usize::try_from(intervals).unwrap_or(WINDOW_MAX).max(1);
        intervals.saturating_add(spare).min(WINDOW_MAX)
    }

    /// Whether another frame may be sent at `now`.
    pub fn may_send(&mut self, now: Duration) -> bool {
        if self.loss == Loss::Possible {
            while let Some((_, at)) = self.sent.front()
                && now.saturating_sub(*at) > self.lost_after()
            {
                self.sent.pop_front();
                self.given_up = self.given_up.saturating_add(1);
            }
        }
        self.sent.is_empty() || self.sent.len() < self.window()
    }

    /// Tells that the frame of `tick` was sent at `now`.
    pub fn sent(&mut self, tick: Tick, now: Duration) {
        if self.sent.len() == WINDOW_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back((tick, now));
    }

    /// Tells that what is in flight will not be acknowledged: the client could not use it.
    pub fn forget(&mut self) {
        self.sent.clear();
    }

    /// Tells that the client has the frame of `tick`. Older ones count as received or lost.
    pub fn acknowledge(&mut self, tick: Tick, now: Duration) {
        if let Some(&(_, at)) = self.sent.iter().find(|(sent, _)| *sent == tick) {
            self.measure(now.saturating_sub(at));
        }
        self.given_up = 0;
        while self
            .sent
            .front()
            .is_some_and(|(sent, _)| !sent.is_newer(tick))
        {
            self.sent.pop_front();
        }
        if self.sent.is_empty() {
            // Begins anew in the memory that was used last.
            self.sent.clear();
        }
    }

    /// "SRTT <- R, RTTVAR <- R/2" at first, then "RTTVAR <- 3/4 RTTVAR + 1/4 |SRTT - R|" and
    /// "SRTT <- 7/8 SRTT + 1/8 R" (RFC 6298, section 2).
    fn measure(&mut self, sample: Duration) {
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
    fn lost_after(&self) -> Duration {
        let measured = self.rtt.map(|rtt| rtt.smoothed + 4 * rtt.variation);
        let patience = measured.unwrap_or(LOST_AFTER_MAX).max(2 * self.interval);
        let doublings = self.given_up.saturating_sub(SPARE_FOR_LOSS as u32).min(8);
        let longest = LOST_AFTER_MAX.max(2 * self.interval);
        (patience.max(LOST_AFTER_MIN) * (1 << doublings)).min(longest)
    }
}

/// In 64 bits, which hold five centuries: dividing 128 takes a computer several times as long.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_silent_datagram_link_is_probed() {
        let probes = frames_sent_into_a_stall(Loss::Possible, 5 * MS, 1);
        assert!((18..=40).contains(&probes), "{probes} in 20 s");
    }
}

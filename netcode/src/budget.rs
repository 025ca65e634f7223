//! Bytes per client per second, never exceeded in any window of one second, and spread over it.
//!
//! A token bucket alone allows more than its rate in some windows; a window alone lets everything
//! go at its start and nothing for the rest. So there are both: the window is the promise, the
//! bucket is the pace. Every message counts with the bytes its envelope adds.

use crate::nanos::nanos;
use core::time::Duration;
use std::collections::VecDeque;

/// The length of the window, in nanoseconds.
const WINDOW: u64 = NANO as u64;
/// Most messages remembered, and so most messages a second: far more than snapshots come, and at
/// worst 16 KB a client. Beyond it nothing is granted until the oldest leaves the window.
const MESSAGES_MAX: usize = 1024;
/// The bucket holds what a quarter of a second brings: after a pause, a few frames' worth.
const BURST_DIVISOR: i64 = 4;

/// What may be sent now, in bytes without the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// So that the rest of the second has its share, too.
    pub paced: usize,
    /// What the promise allows. A single piece larger than the pace may use it; the following
    /// messages then wait until the pace has caught up.
    pub most: usize,
}

/// The bandwidth of one client.
#[derive(Clone, Debug)]
pub struct ByteBudget {
    bytes_per_second: u32,
    envelope_bytes: u32,
    /// Messages of the last second, when each was sent, in nanoseconds, and its bytes.
    sent: VecDeque<(u64, u32)>,
    in_window: u64,
    /// What the pace allows, in billionths of a byte; negative after a piece larger than it.
    tokens: i64,
    filled_at: Option<u64>,
}

const NANO: i64 = 1_000_000_000;

impl ByteBudget {
    /// `bytes_per_second` (at most 2^31 - 1) in any second, each message counted with
    /// `envelope_bytes` on top (for instance a WebSocket header, TCP and IP: 2 + 20 + 20).
    pub fn new(bytes_per_second: u32, envelope_bytes: u32) -> Self {
        let bytes_per_second = bytes_per_second.min(i32::MAX as u32);
        ByteBudget {
            bytes_per_second,
            envelope_bytes,
            sent: VecDeque::new(),
            in_window: 0,
            tokens: 0,
            filled_at: None,
        }
    }

    /// What may be sent at `now`. Time must not go backwards.
    pub fn available(&mut self, now: Duration) -> Allowance {
        let now = nanos(now);
        while let Some(&(at, bytes)) = self.sent.front()
            && now.saturating_sub(at) >= WINDOW
        {
            self.in_window -= u64::from(bytes);
            self.sent.pop_front();
        }
        self.fill(now);
        if self.sent.len() == MESSAGES_MAX || self.tokens < 0 {
            return Allowance { paced: 0, most: 0 };
        }
        let left = u64::from(self.bytes_per_second).saturating_sub(self.in_window);
        let most = left.saturating_sub(u64::from(self.envelope_bytes)) as usize;
        let tokens = (self.tokens / NANO) as usize;
        let paced = tokens
            .saturating_sub(self.envelope_bytes as usize)
            .min(most);
        Allowance { paced, most }
    }

    /// Adds what the time since the last call brings, up to the bucket's size.
    fn fill(&mut self, now: u64) {
        let full = i64::from(self.bytes_per_second) * (NANO / BURST_DIVISOR);
        let Some(before) = self.filled_at.replace(now) else {
            self.tokens = full;
            return;
        };
        let passed = now.saturating_sub(before).min(4 * WINDOW) as i64;
        let brought = i64::from(self.bytes_per_second).saturating_mul(passed);
        self.tokens = self.tokens.saturating_add(brought).min(full);
    }

    /// Tells that a message of `bytes` was sent at `now`.
    pub fn spend(&mut self, now: Duration, bytes: usize) {
        let bytes = u32::try_from(bytes)
            .unwrap_or(u32::MAX)
            .saturating_add(self.envelope_bytes);
        self.in_window += u64::from(bytes);
        self.tokens -= i64::from(bytes) * NANO;
        self.sent.push_back((nanos(now), bytes));
        if self.sent.len() > MESSAGES_MAX {
            // Spent without asking; forgetting the oldest keeps memory bounded.
            let (_, oldest) = self.sent.pop_front().unwrap_or_default();
            self.in_window -= u64::from(oldest);
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.sent.capacity() * size_of::<(u64, u32)>()
    }

    /// The bytes granted in any second.
    pub fn bytes_per_second(&self) -> u32 {
        self.bytes_per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against the list of all messages: no second holds more than the budget, and what is
        /// granted is what is left of it unless an earlier message went beyond the pace.
        #[test]
        fn no_second_holds_more_than_the_budget(
            rate in 100u32..5000,
            wants in prop::collection::vec((0u64..120, 0usize..900), 1..300),
        ) {
            let mut budget = ByteBudget::new(rate, 42);
            let mut log: Vec<(Duration, usize)> = Vec::new();
            let mut now = Duration::ZERO;
            for (pause, want) in wants {
                now += Duration::from_millis(pause);
                let recent = log.iter().filter(|(at, _)| now - *at < Duration::from_secs(1));
                let used: usize = recent.map(|(_, bytes)| bytes).sum();
                let allowance = budget.available(now);
                prop_assert!(allowance.paced <= allowance.most);
                prop_assert!(allowance.most == 0 || allowance.most + 42 + used == rate as usize);
                if want > 0 && want <= allowance.most {
                    budget.spend(now, want);
                    log.push((now, want + 42));
                }
            }
        }
    }

    #[test]
    fn a_greedy_sender_sends_evenly() {
        let mut budget = ByteBudget::new(8000, 42);
        let mut sizes = Vec::new();
        for n in 0..100 {
            let now = Duration::from_millis(50) * n;
            let paced = budget.available(now).paced;
            if paced > 100 {
                budget.spend(now, paced);
                sizes.push(paced);
            }
        }
        assert!(sizes.len() >= 80, "{sizes:?}");
        assert!(
            sizes[30..].iter().all(|s| (100..=1958).contains(s)),
            "{sizes:?}"
        );
    }
}

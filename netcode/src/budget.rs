//! Bytes per client per second, never exceeded in any window of one second.
//!
//! A token bucket allows twice its rate in some windows; this is a sliding window that remembers
//! what was sent in the last second. Every message counts with the bytes its envelope adds.

use core::time::Duration;
use std::collections::VecDeque;

/// The length of the window.
const WINDOW: Duration = Duration::from_secs(1);
/// Most messages remembered, and so most messages a second: far more than snapshots come, and at
/// worst 24 KB a client. Beyond it nothing is granted until the oldest leaves the window.
const MESSAGES_MAX: usize = 1024;

/// The bandwidth of one client.
#[derive(Clone, Debug)]
pub struct ByteBudget {
    bytes_per_second: u32,
    envelope_bytes: u32,
    sent: VecDeque<(Duration, u32)>,
    in_window: u64,
}

impl ByteBudget {
    /// `bytes_per_second` in any second, each message counted with `envelope_bytes` on top (for
    /// instance a WebSocket header, TCP and IP: 2 + 20 + 20).
    pub fn new(bytes_per_second: u32, envelope_bytes: u32) -> Self {
        ByteBudget {
            bytes_per_second,
            envelope_bytes,
            sent: VecDeque::new(),
            in_window: 0,
        }
    }

    /// The largest message that may be sent at `now`, in bytes without its envelope. Time must
    /// not go backwards.
    pub fn available(&mut self, now: Duration) -> usize {
        while let Some(&(at, bytes)) = self.sent.front()
            && now.saturating_sub(at) >= WINDOW
        {
            self.in_window -= u64::from(bytes);
            self.sent.pop_front();
        }
        if self.sent.len() == MESSAGES_MAX {
            return 0;
        }
        let left = u64::from(self.bytes_per_second).saturating_sub(self.in_window);
        left.saturating_sub(u64::from(self.envelope_bytes)) as usize
    }

    /// Tells that a message of `bytes` was sent at `now`.
    pub fn spend(&mut self, now: Duration, bytes: usize) {
        let bytes = u32::try_from(bytes)
            .unwrap_or(u32::MAX)
            .saturating_add(self.envelope_bytes);
        self.in_window += u64::from(bytes);
        self.sent.push_back((now, bytes));
        if self.sent.len() > MESSAGES_MAX {
            // Spent without asking; forgetting the oldest keeps memory bounded.
            let (_, oldest) = self.sent.pop_front().unwrap_or_default();
            self.in_window -= u64::from(oldest);
        }
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
        /// refused would have been more.
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
                let recent = log.iter().filter(|(at, _)| now - *at < WINDOW);
                let used: usize = recent.map(|(_, bytes)| bytes).sum();
                let fits = used + want + 42 <= rate as usize;
                if want > 0 && want <= budget.available(now) {
                    prop_assert!(fits);
                    budget.spend(now, want);
                    log.push((now, want + 42));
                } else if want > 0 {
                    prop_assert!(!fits);
                }
            }
        }
    }
}

//! Moderation: while messages come one by one and often, a shard's thread looks for them once in a while, not for each.
//!
//! ```text
//! messages     x x xx x  x x xx x x xx x          x       x
//! wake-ups     x x xx   <nap> x     <nap> x       x       x
//! ```
//! A thread that sleeps until the next message pays for each one a wake-up, a round of its runtime and cold caches: more
//! than for the message itself, where a thousand players each send twenty a second in their own time. Network cards met
//! the same with interrupts, and moderate them. Who has to answer at once is better off without: those who wait for an
//! answer before they say more are slowed down by as much as a nap takes.
//!
//! Promises: a nap is as long as was asked for, and follows only on [`FEW`] messages within as long; the doorbell ends it, so
//! what is published leaves at once, and a ring that finds it awake may spare it one; a nap that found fewer is the last.
//! Timers and tasks of other threads may wait for a nap. Leaves out who counts messages ([`Local::took_in`](super::Local::took_in)).

use std::{
    sync::Arc,
    task::{Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use crate::sync::{Mutex, lock};

/// With fewer messages in an interval than this there is little to be saved by waiting for more.
const FEW: u32 = 4;

/// When one thread naps.
pub(super) struct Moderation {
    interval: Duration,
    /// Nobody else's but this thread's: locked only because the runtime wants a hook that could be shared.
    lately: Mutex<Lately>,
}

struct Lately {
    since: Instant,
    /// Messages since then, without those of now.
    messages: u32,
    /// Messages since the thread last had nothing to do.
    now: u32,
}

impl Moderation {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            lately: Mutex::new(Lately {
                since: Instant::now(),
                messages: 0,
                now: 0,
            }),
        }
    }

    pub(super) fn took_in(&self, messages: usize) {
        let mut lately = lock(&self.lately);
        lately.now = lately.now.saturating_add(messages as u32);
    }

    /// The thread has nothing to do, and is about to wait for news.
    pub(super) fn rest(&self) {
        if lock(&self.lately).naps(Instant::now(), self.interval) {
            thread::park_timeout(self.interval);
        }
    }
}

impl Lately {
    fn naps(&mut self, now: Instant, interval: Duration) -> bool {
        if now.saturating_duration_since(self.since) > interval {
            (self.since, self.messages) = (now, 0);
        }
        self.messages = self.messages.saturating_add(std::mem::take(&mut self.now));
        if self.messages < FEW {
            return false;
        }
        // What the nap finds counts by itself.
        (self.since, self.messages) = (now + interval, 0);
        true
    }
}

/// What publishers ring: a task's waker, or one that also ends the nap of the task's thread.
pub(super) struct Bell {
    naps: bool,
    /// The task's waker, and what was made of it.
    made: Option<(Waker, Waker)>,
}

impl Bell {
    /// For a task whose thread naps, or does not.
    pub(super) fn new(naps: bool) -> Self {
        Self { naps, made: None }
    }

    /// The waker to be rung for this one. To be called on the task's thread.
    pub(super) fn of(&mut self, task: &Waker) -> &Waker {
        let made = self.made.take().filter(|(of, _)| of.will_wake(task));
        let make = || {
            let rung = match self.naps {
                true => Waker::from(Arc::new(Rouse {
                    task: task.clone(),
                    thread: thread::current(),
                })),
                false => task.clone(),
            };
            (task.clone(), rung)
        };
        &self.made.insert(made.unwrap_or_else(make)).1
    }
}

/// Wakes a task, and its thread from a nap.
struct Rouse {
    task: Waker,
    thread: Thread,
}

impl Wake for Rouse {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.task.wake_by_ref();
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Which of these moments, in microseconds with so many messages each, a nap follows.
    fn naps(moments: &[(u64, u32)]) -> Vec<u64> {
        let begun = Instant::now();
        let mut lately = Lately {
            since: begun,
            messages: 0,
            now: 0,
        };
        let mut naps = Vec::new();
        for &(at, messages) in moments {
            lately.now += messages;
            if lately.naps(begun + Duration::from_micros(at), MS) {
                naps.push(at);
            }
        }
        naps
    }

    #[test]
    fn naps_follow_on_messages_that_come_often_and_end_with_them() {
        // One by one, 100 us apart; then as many as each nap brings; then few.
        let often = [
            (100, 1),
            (200, 1),
            (300, 1),
            (400, 1),
            (1_450, 9),
            (2_500, 4),
            (3_550, 3),
        ];
        assert_eq!(naps(&often), [400, 1_450, 2_500]);
        // As many, but over a longer time; and wake-ups that bring nothing.
        let seldom = [
            (100, 1),
            (700, 1),
            (1_300, 1),
            (1_900, 1),
            (2_500, 1),
            (3_100, 1),
        ];
        assert_eq!(naps(&seldom), []);
        assert_eq!(naps(&[(10, 0), (20, 0), (30, 0), (40, 0), (50, 0)]), []);
        // Many at once are often.
        assert_eq!(naps(&[(5_000, 20)]), [5_000]);
    }
}

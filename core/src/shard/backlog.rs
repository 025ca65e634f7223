//! A backlog: what one slow socket has not taken yet.
//!
//! Promises: order; private copies, so shared frames are never pinned; what was written in part is
//! finished before anything is replaced; a single message of any size is taken when nothing waits.
//! Exists only while a socket is behind, and counts every outcome.

use std::collections::VecDeque;

use super::turn::Unit;
use crate::{
    class::Class,
    frame::{Frame, Message},
    sink::{Delivery, Messages, RUN_BYTES_MAX},
    stats::Counters,
};

/// How much may wait for one connection before it is closed as too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxLimits {
    /// Bytes, headers included. Default 1 MiB: ten seconds of a busy game's traffic.
    pub bytes: usize,
    /// Messages. Default 4,096: bounds the bookkeeping of tiny ones (about 100 B each).
    pub messages: usize,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self {
            bytes: 1024 * 1024,
            messages: 4_096,
        }
    }
}

/// The bound was reached: the connection reads too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

#[derive(Default)]
pub(crate) struct Backlog {
    waiting: VecDeque<Waiting>,
    /// Bytes of the first that are written already.
    written: usize,
    bytes: usize,
}

struct Waiting {
    frame: Frame,
    class: Class,
}

impl Backlog {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Adds a delivery of which `written` bytes are on the wire already.
    pub(crate) fn push_started(&mut self, class: Class, unit: &Unit<'_>, written: usize) {
        debug_assert!(self.waiting.is_empty() && written < unit.wire.len());
        self.append(class, unit);
        self.written = written;
    }

    /// Adds a delivery as its class allows.
    pub(crate) fn push(
        &mut self,
        class: Class,
        unit: &Unit<'_>,
        limits: &OutboxLimits,
        counters: &Counters,
    ) -> Result<(), Overflow> {
        match class {
            Class::Volatile => {
                counters.dropped.add(1);
                return Ok(());
            }
            Class::Latest(_) => {
                if let Some(at) = self.replaceable(class) {
                    let old = self.waiting.remove(at).expect("just found");
                    self.bytes -= old.frame.wire().len();
                    counters.replaced.add(1);
                }
            }
            Class::Reliable => {}
        }
        let full =
            self.bytes + unit.wire.len() > limits.bytes || self.waiting.len() >= limits.messages;
        if full && !self.waiting.is_empty() {
            return Err(Overflow);
        }
        self.append(class, unit);
        Ok(())
    }

    fn append(&mut self, class: Class, unit: &Unit<'_>) {
        self.bytes += unit.wire.len();
        self.waiting.push_back(Waiting {
            frame: unit.copy(),
            class,
        });
    }

    /// The waiting delivery of the same key, unless it has begun to be written.
    fn replaceable(&self, class: Class) -> Option<usize> {
        let begun = usize::from(self.written > 0);
        let later = self.waiting.iter().skip(begun);
        later
            .enumerate()
            .find(|(_, w)| w.class == class)
            .map(|(at, _)| at + begun)
    }

    /// Appends the next run's bytes to `into`, and returns how many deliveries it holds.
    pub(crate) fn next_run(&self, into: &mut Vec<u8>) -> usize {
        let mut skip = self.written;
        let mut count = 0;
        for waiting in &self.waiting {
            let wire = &waiting.frame.wire()[std::mem::take(&mut skip)..];
            if count > 0 && into.len() + wire.len() > RUN_BYTES_MAX {
                break;
            }
            into.extend_from_slice(wire);
            count += 1;
        }
        count
    }

    /// Takes `n` written bytes off the front; returns how many deliveries that finished.
    pub(crate) fn written(&mut self, n: usize) -> u64 {
        self.written += n;
        let mut finished = 0;
        while let Some(first) = self.waiting.front() {
            let len = first.frame.wire().len();
            if len > self.written {
                break;
            }
            self.written -= len;
            self.bytes -= len;
            self.waiting.pop_front();
            finished += 1;
        }
        finished
    }
}

/// The first `count` deliveries of a backlog, as the messages of one run.
pub(crate) struct FirstOf<'a> {
    pub(crate) backlog: &'a Backlog,
    pub(crate) count: usize,
}

impl FirstOf<'_> {
    /// The waiting ones, each with how much of it is written.
    fn rests(&self) -> impl Iterator<Item = Rest<'_>> {
        let mut written = self.backlog.written;
        let waiting = self.backlog.waiting.iter().take(self.count);
        waiting.map(move |waiting| Rest {
            waiting,
            written: std::mem::take(&mut written),
        })
    }
}

impl Messages for FirstOf<'_> {
    fn for_each(&self, each: &mut dyn FnMut(Message<'_>)) {
        self.rests().for_each(|rest| rest.for_each(each));
    }

    fn for_each_delivery(&self, each: &mut dyn FnMut(Delivery<'_>)) {
        self.rests().for_each(|rest| rest.for_each_delivery(each));
    }
}

/// What is left of a waiting delivery.
struct Rest<'a> {
    waiting: &'a Waiting,
    written: usize,
}

impl Messages for Rest<'_> {
    fn for_each(&self, each: &mut dyn FnMut(Message<'_>)) {
        let mut skip = self.written;
        for message in self.waiting.frame.messages() {
            let len = message.wire.len();
            if skip >= len && len > 0 {
                skip -= len;
            } else if skip > 0 {
                let wire = &message.wire[std::mem::take(&mut skip)..];
                each(Message {
                    wire,
                    header_len: 0,
                    tag: message.tag,
                });
            } else {
                each(message);
            }
        }
    }

    fn for_each_delivery(&self, each: &mut dyn FnMut(Delivery<'_>)) {
        let class = match self.written {
            0 => self.waiting.class,
            _ => Class::Reliable,
        };
        let bytes = self.waiting.frame.wire().len() - self.written;
        each(Delivery::new(class, bytes, self));
    }
}

//! Events that are sent again until they are acknowledged, one at a time and in order.
//!
//! With `retries` each event is sent once and as many times more; a try ends with its ack, with
//! `ack_timeout`, or with the connection. What was tried and not answered is sent anew on connecting.

use std::{collections::VecDeque, time::Duration};

use super::{
    namespace::{Ask, Namespace, Refusal, Waiter},
    wire::{Draft, Inbound, Wire},
};
use crate::failure::{AckError, ConnectionError, EmitError, Reason, failure};
use crate::stage::Stage;

#[derive(Debug)]
struct Entry {
    serial: u64,
    draft: Draft,
    timeout: Option<Duration>,
    waiter: Option<Waiter>,
    tries: u32,
    pending: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Retries {
    max: u32,
    serial: u64,
    queue: VecDeque<Entry>,
}

impl Retries {
    pub(super) fn new(max: u32) -> Self {
        Self {
            max,
            serial: 0,
            queue: VecDeque::new(),
        }
    }
}

impl Namespace {
    /// Sends an event, with the tries this socket was given.
    pub(super) fn emit(
        &mut self,
        wire: &mut Wire,
        at: usize,
        draft: Draft,
        ask: Ask,
    ) -> Result<(), ConnectionError> {
        if self.retries.max > 0 && !ask.volatile {
            return self.retry(wire, at, draft, ask);
        }
        self.emit_once(wire, draft, ask).map_err(|refusal| {
            let error = refusal.error.clone();
            self.fail(wire, refusal);
            error
        })
    }

    fn retry(
        &mut self,
        wire: &mut Wire,
        at: usize,
        draft: Draft,
        ask: Ask,
    ) -> Result<(), ConnectionError> {
        let Ask {
            timeout, waiter, ..
        } = ask;
        if self.retries.queue.len() >= wire.buffer_max {
            let message = "too many events await their acknowledgement";
            let error = failure(Reason::BufferFull, message);
            wire.stage(at, Stage::Error(error.clone()));
            let refusal = Refusal {
                error: error.clone(),
                waiter,
            };
            self.fail(wire, refusal);
            return Err(error);
        }
        let serial = self.retries.serial;
        self.retries.serial += 1;
        self.retries.queue.push_back(Entry {
            serial,
            draft,
            timeout,
            waiter,
            tries: 0,
            pending: false,
        });
        self.resend(wire, false);
        Ok(())
    }

    /// Sends the first in line, if it is its turn; `force`: also if its answer is awaited.
    pub(super) fn resend(&mut self, wire: &mut Wire, force: bool) {
        if !self.connected() {
            return;
        }
        let mut force = force;
        while let Some(entry) = self.retries.queue.front_mut() {
            if entry.pending && !force {
                return;
            }
            force = false;
            entry.pending = true;
            entry.tries += 1;
            let (serial, draft) = (entry.serial, entry.draft.clone());
            let ask = Ask {
                volatile: false,
                timeout: entry.timeout,
                waiter: Some(Waiter::Retry(serial)),
            };
            match self.emit_once(wire, draft, ask) {
                Ok(()) => return,
                Err(refusal) => {
                    let error = AckError::NotSent(EmitError::Refused(refusal.error));
                    self.tried(serial, Err(error));
                }
            }
        }
    }

    /// A try ended.
    pub(super) fn retried(
        &mut self,
        wire: &mut Wire,
        serial: u64,
        result: Result<Inbound, AckError>,
    ) {
        self.tried(serial, result);
        self.resend(wire, false);
    }

    fn tried(&mut self, serial: u64, result: Result<Inbound, AckError>) {
        let Some(entry) = self.retries.queue.front_mut() else {
            return;
        };
        if entry.serial != serial {
            return;
        }
        entry.pending = false;
        if result.is_err() && entry.tries <= self.retries.max {
            return;
        }
        if let Some(Waiter::User(waiter)) = self
            .retries
            .queue
            .pop_front()
            .and_then(|entry| entry.waiter)
        {
            // Who no longer waits is not told.
            let _ = waiter.send(result);
        }
    }
}

//! A socket's troubles and its end: who hears of them, and in which order.

use ringside_proto::close::CloseReason;

use super::{DisconnectReason, HandlerError, Socket};
use crate::shared::Op;

impl Socket {
    /// A handler of this socket panicked: it ends, and nobody else.
    pub(crate) fn handler_failed(&self) {
        tracing::error!(socket = %self.id(), "a handler panicked; its socket is closed");
        let code = CloseReason::HandlerFailed.entry().code.0;
        // A full queue: the socket then lives on until its next trouble, which is no harm.
        let _ = self.push(Op::Disconnect(self.conn(), code));
    }

    /// Tells who wants to hear of it that an event was not handled.
    pub(crate) fn failed(&self, error: &HandlerError) {
        self.shared().count(|counters| match error {
            HandlerError::Arguments { .. } => counters.unfit_arguments += 1,
            HandlerError::Refused { .. } => counters.refused_events += 1,
            HandlerError::Panicked { .. } => counters.failed_handlers += 1,
        });
        tracing::debug!(socket = %self.id(), %error, "an event was not handled");
        for f in &self.space().set.on_error {
            let call = std::panic::AssertUnwindSafe(|| f(self, error));
            if std::panic::catch_unwind(call).is_err() {
                tracing::error!(socket = %self.id(), "an error handler panicked");
            }
        }
    }

    /// It is about to leave these rooms.
    pub(crate) fn ending(&self, reason: DisconnectReason, rooms: &[String]) {
        let own = self.peek_extras().map(|extras| extras.disconnecting());
        self.last_words(|| {
            let set = &self.space().set;
            set.on_disconnecting
                .iter()
                .for_each(|f| f(self, reason, rooms));
            own.iter().flatten().for_each(|f| f(self, reason, rooms));
        });
    }

    /// It is over: runs the handlers, once.
    pub(crate) fn ended(&self, reason: DisconnectReason) {
        if !self.end(reason) {
            return;
        }
        let own = self.peek_extras().map(|extras| extras.disconnected());
        for f in &self.space().set.on_disconnect {
            self.last_words(|| f(self, reason));
        }
        own.iter()
            .flatten()
            .for_each(|f| self.last_words(|| f(self, reason)));
        if let Some(extras) = self.peek_extras() {
            extras.forget_listeners();
        }
    }

    fn last_words(&self, call: impl FnOnce()) {
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err() {
            tracing::error!(socket = %self.id(), "a disconnect handler panicked");
        }
    }
}

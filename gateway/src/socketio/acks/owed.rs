//! What sockets owe: their shard's side of questions.
//!
//! Promises: a question is noted before its event goes out, and forgotten with the answer, the deadline or the socket.

use std::{sync::Arc, time::Duration};

use ringside_core::{ConnId, Shard};
use ringside_proto::{socketio::AckTable, time::Millis};

use super::{AckError, waiter::Waiter};
use crate::{
    session::Session,
    shard::GatewayShard,
    sink::GatewaySink,
    socketio::{SocketId, space::Space},
};

/// The answers one socket owes. Absent while it owes none.
pub(crate) type Owed = Option<Box<AckTable<Arc<dyn Waiter>>>>;

/// What sockets are asked.
pub(super) struct Question<'q> {
    pub(super) space: &'q Arc<Space>,
    pub(super) id: u64,
    pub(super) waiter: &'q Arc<dyn Waiter>,
    pub(super) patience: Duration,
}

impl GatewayShard {
    /// Notes that these connections' sockets owe an answer; gives those that do.
    pub(super) fn expect_acks(
        &self,
        core: &mut Shard<GatewaySink>,
        conns: &[ConnId],
        question: &Question<'_>,
    ) -> Vec<ConnId> {
        let (mut asked, mut refused) = (Vec::new(), Vec::new());
        let mut sessions = self.sessions.borrow_mut();
        let (now, max) = (self.now(), self.shared.limits.acks);
        let until = Millis(now.0.saturating_add(question.patience.as_millis() as u64));
        for conn in conns {
            let sio = sessions.get(*conn).and_then(|session| session.sio());
            let Some(seat) = sio.and_then(|sio| sio.find_mut(question.space)) else {
                continue;
            };
            let owed = seat.owed.get_or_insert_default();
            match owed.expect_id(question.id, question.waiter.clone(), until, max) {
                Ok(()) => asked.push(*conn),
                Err(_) => refused.push(seat.socket.id()),
            }
        }
        drop(sessions);
        question.waiter.asked(asked.len() + refused.len());
        for socket in refused {
            question
                .waiter
                .answer(socket, Err(AckError::TooManyPending));
        }
        asked.iter().for_each(|conn| self.schedule(core, *conn));
        asked
    }

    /// The waiter of an answer that has come.
    pub(crate) fn take_owed(
        &self,
        conn: ConnId,
        space: &Arc<Space>,
        id: u64,
    ) -> Option<Arc<dyn Waiter>> {
        let mut sessions = self.sessions.borrow_mut();
        let seat = sessions.get(conn)?.sio()?.find_mut(space)?;
        let owed = seat.owed.as_mut()?;
        let waiter = owed.answer(id);
        if owed.is_empty() {
            seat.owed = None;
        }
        waiter
    }

    /// Tells those that waited for this connection's answers too long.
    pub(crate) fn expire_acks(&self, conn: ConnId, now: Millis) {
        let mut late = Vec::new();
        if let Some(sio) = self.sessions.borrow_mut().get(conn).and_then(Session::sio) {
            for seat in &mut sio.sockets {
                let Some(owed) = &mut seat.owed else {
                    continue;
                };
                while let Some((_, waiter)) = owed.poll(now) {
                    late.push((seat.socket.id(), waiter));
                }
                if owed.is_empty() {
                    seat.owed = None;
                }
            }
        }
        for (socket, waiter) in late {
            waiter.answer(socket, Err(AckError::Timeout));
        }
    }
}

/// The socket has gone: nobody waits for it any longer.
pub(crate) fn abandon(socket: SocketId, owed: Owed) {
    if let Some(mut owed) = owed {
        for waiter in owed.drain() {
            waiter.answer(socket, Err(AckError::Disconnected));
        }
    }
}

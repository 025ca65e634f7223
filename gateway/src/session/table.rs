//! The sessions of one shard: found by connection and by sid.
//!
//! Promises: a session whose slot is somebody else's already stays until the core has told of its end, so
//! nobody is ended in another's place. Leaves out: what a session does (`mod.rs`).

use std::collections::HashMap;

use ringside_core::ConnId;
use ringside_proto::{close::CloseReason, engineio::Act, socketio, time::Millis};

use super::{Session, Upper};
use crate::{env::HashState, sid::Sid};

/// The sessions of one shard, by connection and by sid.
#[derive(Default)]
pub(crate) struct Sessions {
    by_slot: Vec<Option<Box<(ConnId, Session)>>>,
    by_sid: HashMap<Sid, ConnId, HashState>,
    /// Sessions whose connection has ended, which the core has not told yet, and whose slot is somebody
    /// else's already.
    replaced: HashMap<ConnId, Session>,
}

impl Sessions {
    pub(super) fn insert(&mut self, conn: ConnId, session: Session) {
        if self.by_slot.len() <= conn.slot() {
            self.by_slot.resize_with(conn.slot() + 1, || None);
        }
        self.by_sid.insert(session.sid, conn);
        let new = Box::new((conn, session));
        if let Some(old) = self.by_slot[conn.slot()].replace(new) {
            let (conn, session) = *old;
            self.replaced.insert(conn, session);
        }
    }

    pub(crate) fn get(&mut self, conn: ConnId) -> Option<&mut Session> {
        let (owner, session) = &mut **self.by_slot.get_mut(conn.slot())?.as_mut()?;
        (*owner == conn).then_some(session)
    }

    /// Whoever has this slot now.
    pub(crate) fn at(&self, slot: usize) -> Option<ConnId> {
        Some(self.by_slot.get(slot)?.as_ref()?.0)
    }

    pub(crate) fn find(&self, sid: &Sid) -> Option<ConnId> {
        self.by_sid.get(sid).copied()
    }

    /// Sessions that have ended, whose end the core has not told yet, and whose place somebody else has already.
    pub(crate) fn replaced(&mut self) -> impl Iterator<Item = &mut Session> {
        self.replaced.values_mut()
    }

    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<Session> {
        let session = match self.get(conn) {
            Some(_) => self.by_slot[conn.slot()].take().map(|old| old.1),
            None => self.replaced.remove(&conn),
        }?;
        self.by_sid.remove(&session.sid);
        Some(session)
    }

    /// Lets time pass for one session: the next thing to do, or `Nothing`.
    pub(crate) fn poll(&mut self, conn: ConnId, now: Millis) -> Act {
        let Some(session) = self.get(conn) else {
            return Act::Nothing;
        };
        if let Upper::SocketIo(sio) = &mut session.upper {
            if sio.decoder.poll(now).is_err() {
                let reason = socketio::Misbehaviour::AttachmentsTimeout.into();
                return session.engine.close(reason);
            }
            if now >= sio.connect_by {
                sio.connect_by = Millis::NEVER;
                return session.engine.close(CloseReason::ConnectTimeout);
            }
        }
        session.engine.poll(now)
    }
}

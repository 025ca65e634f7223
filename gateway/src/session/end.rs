//! Ending a session: what decided it, the goodbye on its transport, and the end of its connection.
//!
//! Promises: the machine hears of every end, whoever asks for it, and the first reason stays; a peer that
//! is still there gets a close frame before its connection goes. Leaves out: what is cleaned up behind it
//! ([`GatewayHost::closed`](crate::shard::GatewayHost)).

use ringside_core::{Class, CloseReason as CoreReason, ConnId, Frame, Shard};
use ringside_proto::{
    close::CloseReason,
    engineio::{Act, ServerSession, Transport},
    ws::CloseCode,
};

use crate::{
    shard::GatewayShard,
    sink::{GOODBYE_SAID, GatewaySink},
    wire,
};

impl GatewayShard {
    /// The machine has closed the session: say goodbye on its transport and end the connection.
    pub(super) fn close(&self, shard: &mut Shard<GatewaySink>, conn: ConnId, reason: CloseReason) {
        let mut sessions = self.sessions.borrow_mut();
        let Some(session) = sessions.get(conn) else {
            return;
        };
        session.why.get_or_insert(reason);
        let transport = session.engine.transport();
        drop(sessions);
        shard
            .sink()
            .answer_poll(conn, ServerSession::farewell(reason));
        let is_there = !matches!(
            reason,
            CloseReason::TransportClosed | CloseReason::TransportError
        );
        if transport != Transport::Polling && is_there {
            let entry = reason.entry();
            self.say_goodbye(shard, conn, wire::close(entry.code, entry.sentence));
        } else {
            shard.close(conn, CoreReason::Gone);
            self.local.wake_pump();
        }
    }

    /// Sends a close frame and ends the connection behind it.
    fn say_goodbye(&self, shard: &mut Shard<GatewaySink>, conn: ConnId, frame: Frame) {
        let mut publisher = self.local.publisher();
        let said = publisher.unicast(conn, Class::Reliable, frame);
        let said = said.and_then(|()| publisher.disconnect(conn, GOODBYE_SAID));
        drop(publisher);
        if said.is_err() {
            shard.close(conn, CoreReason::Gone);
            self.local.wake_pump();
        }
        self.flush_soon();
    }

    /// The peer has sent a close frame. "When sending a Close frame in response, the endpoint
    /// typically echos the status code it received." (RFC 6455 §5.5.1)
    pub(crate) fn answer_close(&self, conn: ConnId, code: CloseCode) {
        let act = match self.sessions.borrow_mut().get(conn) {
            Some(session) => {
                session.why.get_or_insert(CloseReason::ClosedByPeer);
                session.engine.close(CloseReason::ClosedByPeer)
            }
            None => return,
        };
        if let Act::Close(_) = act {
            self.say_goodbye(&mut self.local.shard(), conn, wire::close(code, ""));
        }
    }

    /// Ends a session for a reason that arose above Engine.IO.
    pub(crate) fn end_session(&self, conn: ConnId, reason: CloseReason) {
        let act = match self.sessions.borrow_mut().get(conn) {
            Some(session) => session.engine.close(reason),
            None => return,
        };
        if let Act::Close(reason) = act {
            self.close(&mut self.local.shard(), conn, reason);
        }
    }
}

//! Reading: one task for all of a shard's WebSockets, into the shard's inbox, and what becomes of what was read.
//!
//! Promises: what sockets have is read first, and then taken in together; a peer that sends faster than it may is not read
//! for as long, and none waits for it; an idle connection keeps no buffer. What a peer does wrong ends its own session, with
//! a reason. Leaves out which sockets have something ([`Local::hear`](ringside_core::driver::Local::hear)), and what was
//! read and not taken in yet ([`inbox`](super::inbox)).

use std::{rc::Rc, time::Duration};

use ringside_core::{ConnId, driver};
use ringside_proto::{
    engineio::{Act, Data, Packet, PacketKind, Version},
    ws::{Decoder, Event, Misbehaviour, Role},
};

use super::{Session, Upper};
use crate::{
    raw::RawMessage,
    shard::GatewayShard,
    stream::{TlsState, WebSocket},
    wire,
};

/// A text of no more bytes than this is read so quickly that the handler before it may have taken that time, for all
/// anybody can tell from a clock: some 2 µs.
const QUICK_BYTES_MAX: usize = 1024;

/// Gives the session its WebSocket and starts reading it.
pub(crate) fn start(
    this: &Rc<GatewayShard>,
    shard: &mut ringside_core::Shard<crate::sink::GatewaySink>,
    conn: ConnId,
    websocket: WebSocket,
    decoder: Decoder,
) {
    let WebSocket {
        stream,
        mut leftover,
        deflate,
    } = websocket;
    if let Err(error) = shard.sink().insert(conn, stream, deflate) {
        tracing::error!(%error, "a WebSocket is dropped: the system cannot watch one more");
        shard.close(conn, ringside_core::CloseReason::Gone);
        return this.local.wake_pump();
    }
    if let Some(session) = this.sessions.borrow_mut().get(conn) {
        session.decoder = Some(decoder);
    }
    if leftover.is_empty() {
        shard.sink().tcp.listen(conn);
    } else {
        // Later, for the shard is held; and before anything that is still to be read.
        let this = this.clone();
        this.clone().local.spawn(async move {
            if !this.batch(|| this.take_in(conn, &mut leftover)) {
                return;
            }
            match this.debt(conn) {
                Some(wait) => this.pause(conn, wait),
                None => this.local.shard().sink().tcp.listen(conn),
            }
        });
    }
    // What waited for a transport goes out by this one.
    shard.writable(conn);
    this.local.wake_pump();
}

impl GatewayShard {
    /// A decoder for a new WebSocket; `deflate`: its messages may be compressed.
    pub(crate) fn ws_decoder(&self, deflate: bool) -> Decoder {
        Decoder::new(Role::Server, self.shared.limits.ws()).with_deflate(deflate)
    }

    /// The task that reads all WebSockets.
    pub(crate) async fn read(self: Rc<Self>) {
        let this = self.clone();
        let hear = self.local.clone().hear(move |conns| {
            conns.iter().for_each(|conn| this.read_once(*conn));
            this.take_in_all();
        });
        if let Err(error) = hear.await {
            tracing::error!(%error, "a shard cannot hear of its sockets, and reads nobody");
        }
    }

    /// Reads what one connection has, or as much as there is room for, into the shard's inbox.
    fn read_once(self: &Rc<Self>, conn: ConnId) {
        let mut inbox = self.inbox.borrow_mut();
        let read = self.local.shard().sink_ref().tcp.read(conn, inbox.free());
        match read {
            driver::Read::Bytes { n, more } => {
                let full = inbox.add(conn, n);
                drop(inbox);
                if more {
                    self.local.shard().sink().tcp.look_again(conn);
                }
                if full {
                    self.take_in_all();
                }
            }
            driver::Read::End { failed } => {
                drop(inbox);
                // What came before the end comes first.
                self.take_in_all();
                self.local.shard().sink().tcp.end_reading(conn);
                self.lost(conn, failed);
            }
            driver::Read::Nothing | driver::Read::Gone => {}
        }
    }

    /// Reads a connection on after so long.
    fn pause(self: &Rc<Self>, conn: ConnId, wait: Duration) {
        self.local.shard().sink().tcp.pause(conn);
        let local = self.local.clone();
        self.local.spawn(async move {
            tokio::time::sleep(wait).await;
            local.shard().sink().tcp.listen(conn);
        });
    }

    /// Takes in what was read of one connection. When its session is over, nothing more is read.
    pub(super) fn take_in_read(self: &Rc<Self>, conn: ConnId, bytes: &mut [u8]) {
        let is_encrypted = self.local.shard().sink_ref().recoded.is_encrypted(conn);
        let goes_on = match is_encrypted {
            true => self.take_in_encrypted(conn, bytes),
            false => self.take_in(conn, bytes),
        };
        if !goes_on {
            self.local.shard().sink().tcp.end_reading(conn);
        } else if let Some(wait) = self.debt(conn) {
            self.pause(conn, wait);
        }
    }

    /// Decrypts what was read, and takes that in. Returns whether reading goes on.
    fn take_in_encrypted(self: &Rc<Self>, conn: ConnId, ciphertext: &[u8]) -> bool {
        let mut plain = self.plain.borrow_mut();
        plain.clear();
        let state = self
            .local
            .shard()
            .sink()
            .decrypt(conn, ciphertext, &mut plain);
        if !plain.is_empty() && !self.take_in(conn, &mut plain) {
            return false;
        }
        match state {
            TlsState::Open => return true,
            TlsState::Ended => self.lost(conn, false),
            TlsState::Broken => self.lost(conn, true),
        }
        false
    }

    /// The transport in use is gone.
    fn lost(self: &Rc<Self>, conn: ConnId, failed: bool) {
        let act = match self.sessions.borrow_mut().get(conn) {
            Some(session) => session.engine.on_transport_closed(failed),
            None => Act::Nothing,
        };
        self.act(&mut self.local.shard(), conn, act);
        if act == Act::Nothing {
            // Closed by us, and now by the peer: nothing is left to wait for.
            self.local.close(conn, ringside_core::CloseReason::Gone);
        }
    }

    /// Takes in what a WebSocket brought. Returns whether reading goes on.
    fn take_in(self: &Rc<Self>, conn: ConnId, bytes: &mut [u8]) -> bool {
        // Handlers may look at the session, or end it.
        let (mut decoder, framed, version) = match self.sessions.borrow_mut().get(conn) {
            Some(session) => match session.decoder.take() {
                Some(decoder) => {
                    let framed = session.endpoint.is_framed();
                    (decoder, framed, session.engine.version())
                }
                None => return false,
            },
            None => return false,
        };
        let goes_on = self.take_in_with(conn, &mut decoder, (framed, version), bytes);
        if goes_on && let Some(session) = self.sessions.borrow_mut().get(conn) {
            session.decoder = Some(decoder);
        }
        goes_on
    }

    fn take_in_with(
        self: &Rc<Self>,
        conn: ConnId,
        decoder: &mut Decoder,
        (framed, version): (bool, Version),
        bytes: &mut [u8],
    ) -> bool {
        let mut inflater = self.inflater.as_ref().map(|it| it.borrow_mut());
        let mut input = match &mut inflater {
            Some(inflater) => decoder.input_with(bytes, inflater),
            None => decoder.input(bytes),
        };
        // The last ping that is not answered yet.
        let mut last_ping: Option<Vec<u8>> = None;
        loop {
            let result = match input.next() {
                Ok(None) => {
                    if let Some(payload) = last_ping {
                        self.send_frame(conn, wire::pong(&payload));
                    }
                    return true;
                }
                Ok(Some(Event::Text(text))) if !framed => {
                    self.deliver_raw(conn, RawMessage::Text(text));
                    continue;
                }
                Ok(Some(Event::Binary(bytes))) if !framed => {
                    self.deliver_raw(conn, RawMessage::Binary(bytes));
                    continue;
                }
                // Without Engine.IO, WebSocket's own pong answers the heartbeat.
                Ok(Some(Event::Pong(_))) if !framed => Ok(Packet::bare(PacketKind::Pong)),
                Ok(Some(Event::Text(text))) => Packet::decode_text(text, version),
                Ok(Some(Event::Binary(bytes))) => Packet::decode_binary(bytes, version),
                Ok(Some(Event::Ping(payload))) => match self.on_ping(conn) {
                    Ok(true) => {
                        self.send_frame(conn, wire::pong(payload));
                        continue;
                    }
                    Ok(false) => {
                        let last = last_ping.get_or_insert_default();
                        last.clear();
                        last.extend_from_slice(payload);
                        continue;
                    }
                    Err(misbehaviour) => {
                        self.end_session(conn, misbehaviour.into());
                        return false;
                    }
                },
                Ok(Some(Event::Pong(_))) => continue,
                Ok(Some(Event::Close { code, .. })) => {
                    self.answer_close(conn, code);
                    return false;
                }
                Err(misbehaviour) => {
                    self.end_session(conn, misbehaviour.into());
                    return false;
                }
            };
            match result {
                Ok(packet) => {
                    if !self.on_packet(conn, &packet) {
                        return false;
                    }
                }
                Err(misbehaviour) => {
                    self.end_session(conn, misbehaviour.into());
                    return false;
                }
            }
        }
    }

    /// A ping of WebSocket's own arrived: it counts as a message, and its pong for what may wait unread. Whether it is answered
    /// by a pong of its own.
    ///
    /// Whether a client reads is known once a turn has written. Up to then the first pings are answered one by one, and of the
    /// others the last of each read: "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to
    /// previous Ping frame(s), the endpoint MAY elect to send a Pong frame for only the most recently processed Ping frame."
    /// (RFC 6455, section 5.5.3)
    fn on_ping(&self, conn: ConnId) -> Result<bool, Misbehaviour> {
        let (is_behind, turn) = {
            let shard = self.local.shard();
            (shard.is_backlogged(conn), shard.turns() as u16)
        };
        let (now, limits) = (self.now(), &self.shared.limits);
        match self.sessions.borrow_mut().get(conn) {
            Some(session) => {
                session.pace.count(now, limits);
                let has_written = std::mem::replace(&mut session.pongs_turn, turn) != turn;
                if has_written && !is_behind {
                    session.pongs.on_flushed();
                }
                match session.pongs.on_ping(limits.pongs) {
                    Ok(()) => Ok(true),
                    Err(_) if !is_behind => Ok(false),
                    Err(misbehaviour) => Err(misbehaviour),
                }
            }
            None => Ok(false),
        }
    }

    /// Hands a message to a raw connection. The session goes on, whatever its handler does.
    pub(crate) fn deliver_raw(&self, conn: ConnId, message: RawMessage<'_>) -> bool {
        let connection = match self.sessions.borrow_mut().get(conn) {
            Some(Session {
                upper: Upper::Raw(connection),
                pace,
                ..
            }) => {
                pace.count(self.now(), &self.shared.limits);
                connection.clone()
            }
            _ => return false,
        };
        self.lap.take();
        connection.received(message);
        true
    }

    /// A packet arrived on the session's transport. Returns whether the session goes on.
    pub(crate) fn on_packet(self: &Rc<Self>, conn: ConnId, packet: &Packet<'_>) -> bool {
        let (act, moved, sio) = match self.sessions.borrow_mut().get(conn) {
            Some(session) => {
                let (before, now) = (session.engine.next_deadline(), self.now());
                session.pace.count(now, &self.shared.limits);
                let act = session.engine.on_packet(packet.kind, now);
                (
                    act,
                    session.engine.next_deadline() != before,
                    session.sio().is_some(),
                )
            }
            None => return false,
        };
        if !matches!(packet.data, Data::Text(text) if text.len() <= QUICK_BYTES_MAX) {
            self.lap.take();
        }
        if moved {
            self.schedule(&mut self.local.shard(), conn);
        }
        match act {
            Act::Nothing => true,
            Act::Deliver => match (&packet.data, sio) {
                (Data::Text(text), true) => self.on_text(conn, text),
                (Data::Binary(bytes), true) => self.on_binary(conn, bytes),
                (Data::Text(text), false) => self.deliver_raw(conn, RawMessage::Text(text)),
                (Data::Binary(bytes), false) => self.deliver_raw(conn, RawMessage::Binary(bytes)),
            },
            Act::SendPong => {
                if let Data::Text(text) = &packet.data {
                    self.send_packet(conn, PacketKind::Pong, text.as_bytes());
                }
                true
            }
            act => {
                self.act(&mut self.local.shard(), conn, act);
                !matches!(act, Act::Close(_))
            }
        }
    }
}

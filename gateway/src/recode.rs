//! Connections whose messages are written in another form than the shared one: encrypted (TLS),
//! compressed (permessage-deflate), or as Engine.IO 3 has them.
//!
//! ```text
//! the shared frame ──> revision 3's, or compressed ──> encrypted ──> the socket
//! ```
//!
//! Promises: the shared frame stays what it is for everybody else, who pay nothing for this; nothing is
//! lost or doubled on a short write. Of each connection at most one message, or [`CHUNK`] bytes of
//! smaller ones, waits here; the rest waits in the core's outbox, under its bounds.

use std::collections::HashMap;

use ringside_core::{ConnId, Message, Run, Wrote, driver::TcpSink};
use ringside_proto::ws::{OpCode, server_header};

use crate::{
    deflate::{Compression, Deflating},
    eio3,
    mark::{is_binary, may_shrink},
    stream::{TlsSession, TlsState},
};

/// Bytes that are put into another form before they are written: one record of TLS.
const CHUNK: usize = 16 * 1024;

/// Bit of a frame's first byte: its message is compressed (RFC 7692 §6).
const RSV1: u8 = 0x40;

/// The connections of a shard that get another form.
#[derive(Default)]
pub(crate) struct Recoded {
    clients: HashMap<ConnId, Client>,
    deflating: Option<Box<Deflating>>,
    /// For one write: the messages, and what they are encrypted to.
    out: Vec<u8>,
    encrypted: Vec<u8>,
}

/// What is different about one connection.
#[derive(Default)]
struct Client {
    /// Speaks Engine.IO 3.
    old: Option<Old>,
    deflate: bool,
    tls: Option<TlsSession>,
    /// The rest of what is half written.
    rest: Vec<u8>,
    /// The core still holds the last byte of the messages that `rest` ends: so it comes back with it when
    /// the socket takes more.
    stub: bool,
}

#[derive(Clone, Copy)]
struct Old {
    /// It asked for base64 in payloads.
    text_only: bool,
}

impl Recoded {
    pub(crate) fn new(compression: Option<Compression>) -> Self {
        Self {
            deflating: compression.map(|it| Box::new(Deflating::new(it))),
            ..Self::default()
        }
    }

    /// A client of Engine.IO 3.
    pub(crate) fn insert_old(&mut self, conn: ConnId, text_only: bool) {
        self.clients.entry(conn).or_default().old = Some(Old { text_only });
    }

    /// A WebSocket, unless it is a plain one.
    pub(crate) fn insert(&mut self, conn: ConnId, tls: Option<TlsSession>, deflate: bool) {
        if tls.is_some() || deflate {
            let client = self.clients.entry(conn).or_default();
            client.tls = tls;
            client.deflate = deflate;
        }
    }

    /// Whether no connection gets another form.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Whether this connection gets another form. Nobody pays for it while there are none.
    #[inline]
    pub(crate) fn has(&self, conn: ConnId) -> bool {
        !self.clients.is_empty() && self.clients.contains_key(&conn)
    }

    /// Whether this one speaks Engine.IO 3.
    pub(crate) fn is_old(&self, conn: ConnId) -> bool {
        self.has(conn) && self.clients[&conn].old.is_some()
    }

    /// Whether this one is encrypted.
    pub(crate) fn is_encrypted(&self, conn: ConnId) -> bool {
        self.has(conn) && self.clients[&conn].tls.is_some()
    }

    /// Forgets a connection, and says what is to be sent after all that was: the rest of what is half
    /// written, then `goodbye`.
    pub(crate) fn remove(&mut self, conn: ConnId, goodbye: Vec<u8>) -> Vec<u8> {
        if !self.has(conn) {
            return goodbye;
        }
        let mut client = self.clients.remove(&conn).unwrap_or_default();
        let mut last = std::mem::take(&mut client.rest);
        match &mut client.tls {
            Some(tls) => {
                tls.encrypt(&goodbye, &mut last);
                tls.close();
                tls.encrypt(b"", &mut last);
            }
            None => last.extend_from_slice(&goodbye),
        }
        last
    }

    /// The turn is over.
    #[inline]
    pub(crate) fn commit(&mut self) {
        if let Some(deflating) = &mut self.deflating {
            deflating.forget();
        }
    }

    /// Appends what an encrypted connection said to `plain`, and sends what TLS answers.
    pub(crate) fn decrypt(
        &mut self,
        tcp: &mut TcpSink,
        conn: ConnId,
        ciphertext: &[u8],
        plain: &mut Vec<u8>,
    ) -> TlsState {
        let Some(client) = self.clients.get_mut(&conn) else {
            return TlsState::Broken;
        };
        let Some(tls) = &mut client.tls else {
            return TlsState::Broken;
        };
        let state = tls.decrypt(ciphertext, plain);
        if tls.wants_write() {
            // Behind what waits already. It is small, and if the socket is full it goes with the next
            // message, at the latest the heartbeat's.
            tls.encrypt(b"", &mut client.rest);
            if !client.stub {
                client.write_rest(tcp, conn);
            }
        }
        state
    }

    /// Writes a run.
    pub(crate) fn submit(&mut self, tcp: &mut TcpSink, conn: ConnId, run: &Run<'_>) -> Wrote {
        let Some(client) = self.clients.get_mut(&conn) else {
            return Wrote::Gone;
        };
        if !client.rest.is_empty() {
            match client.write_rest(tcp, conn) {
                Wrote::All => {}
                Wrote::Partial(_) => return Wrote::Blocked,
                other => return other,
            }
        }
        // The byte the core held back stands for what was just written.
        let mut is_stub = std::mem::take(&mut client.stub);
        let (mut done, mut result) = (0, Wrote::All);
        self.out.clear();
        run.for_each_message(|message| {
            if result != Wrote::All {
                return;
            }
            done += message.wire.len();
            if std::mem::take(&mut is_stub) {
                return;
            }
            client.encode(&message, self.deflating.as_deref_mut(), &mut self.out);
            if self.out.len() >= CHUNK {
                result = client.write(tcp, conn, &mut self.out, &mut self.encrypted, done);
            }
        });
        if result == Wrote::All && !self.out.is_empty() {
            result = client.write(tcp, conn, &mut self.out, &mut self.encrypted, done);
        }
        result
    }

    /// The run as a payload of polling in revision 3, and whether it is bytes.
    pub(crate) fn payload(&self, conn: ConnId, run: &Run<'_>) -> (Vec<u8>, bool) {
        let old = self.clients.get(&conn).and_then(|client| client.old);
        eio3::payload(run, old.is_some_and(|old| old.text_only))
    }
}

impl Client {
    /// Writes what is half written, as far as it goes.
    fn write_rest(&mut self, tcp: &mut TcpSink, conn: ConnId) -> Wrote {
        let wrote = tcp.write(conn, &self.rest);
        match wrote {
            Wrote::All => self.rest = Vec::new(),
            Wrote::Partial(n) => drop(self.rest.drain(..n)),
            Wrote::Blocked | Wrote::Gone => {}
        }
        wrote
    }

    /// Appends a message's frame to `out`, in this client's form.
    fn encode(&self, message: &Message<'_>, deflating: Option<&mut Deflating>, out: &mut Vec<u8>) {
        let typed;
        let payload = match self.old {
            Some(_) if is_binary(message.tag) => {
                typed = eio3::typed(message.payload());
                &typed
            }
            _ => message.payload(),
        };
        let op = match is_binary(message.tag) {
            true => OpCode::Binary,
            false => OpCode::Text,
        };
        let compressed = deflating
            .filter(|_| self.deflate && may_shrink(message.tag))
            .and_then(|it| it.of(payload));
        if let Some(compressed) = compressed {
            let at = out.len();
            out.extend_from_slice(&server_header(op, compressed.len()));
            out[at] |= RSV1;
            out.extend_from_slice(compressed);
        } else if payload.len() != message.payload().len() {
            out.extend_from_slice(&server_header(op, payload.len()));
            out.extend_from_slice(payload);
        } else {
            out.extend_from_slice(message.wire);
        }
    }

    /// Writes `out` and empties it; `done`: bytes of the run it stands for, with all before.
    fn write(
        &mut self,
        tcp: &mut TcpSink,
        conn: ConnId,
        out: &mut Vec<u8>,
        encrypted: &mut Vec<u8>,
        done: usize,
    ) -> Wrote {
        let wire = match &mut self.tls {
            Some(tls) => {
                encrypted.clear();
                tls.encrypt(out, encrypted);
                &*encrypted
            }
            None => &*out,
        };
        let wrote = tcp.write(conn, wire);
        let written = match wrote {
            Wrote::All | Wrote::Gone => wire.len(),
            Wrote::Partial(n) => n,
            Wrote::Blocked => 0,
        };
        if written < wire.len() {
            self.rest.extend_from_slice(&wire[written..]);
            self.stub = true;
        }
        out.clear();
        // A large message was an exception: its memory is not kept.
        for buffer in [out, encrypted] {
            if buffer.capacity() > 4 * CHUNK {
                *buffer = Vec::new();
            }
        }
        match wrote {
            Wrote::Partial(_) | Wrote::Blocked => Wrote::Partial(done - 1),
            wrote => wrote,
        }
    }
}

//! What the namespaces of one connection share: what waits to be written, and what waits to be told.
//!
//! Promises: messages leave in the order they were written; what is too large for the server is
//! refused before it is written.

use std::collections::VecDeque;

use bytes::Bytes;
use ringside_proto::{
    engineio::{PacketKind, Transport},
    socketio::{EncodeError, Packet, Whole, encode_ack, encode_event},
    time::Millis,
    webtransport,
};
use serde::Serialize;

use crate::{
    failure::{ConnectionError, Reason, failure},
    manager::Stats,
    stage::Stage,
};

/// Above this many unsent bytes volatile messages are skipped: about a second of a slow uplink.
const CONGESTED_BYTES: usize = 16 * 1024;
/// Bytes that may wait here before emitting is refused.
const BACKLOG_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes handed to a WebSocket at once: many small messages in one write, and no more than that in
/// the transport's own buffer.
const BATCH_BYTES: usize = 64 * 1024;

/// Bytes of a datagram, frames included: every browser and path takes so many (RFC 9221 leaves the size to
/// the path; QUIC needs 1,200 bytes of it).
pub(crate) const DATAGRAM_BYTES_MAX: usize = 1000;
/// Datagrams that may wait for the transport's task to run: then the oldest is dropped.
const DATAGRAMS_MAX: usize = 64;

/// Errors are told as events only while fewer notices wait: some 200 bytes each. All other notices are
/// bounded by what was read at once, or by what may wait to be sent.
const NOTICES_MAX: usize = 8192;

/// One Engine.IO packet as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// With its type digit.
    Text(String),
    Binary(Bytes),
}

impl Message {
    /// Bytes of it on this transport: binary in a polling body is `b` and base64, 4 for 3.
    pub(crate) fn travels(&self, transport: Transport) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) if transport == Transport::Polling => {
                1 + bytes.len().div_ceil(3) * 4
            }
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

/// An event that is written but for its ack id.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    text: String,
    /// Where the ack id goes.
    at: usize,
    attachments: Vec<Bytes>,
}

impl Draft {
    pub(crate) fn new<T: Serialize + ?Sized>(
        namespace: &str,
        event: &str,
        args: &T,
    ) -> Result<Self, EncodeError> {
        let mut out = vec![PacketKind::Message.digit()];
        let attachments = encode_event(&mut out, namespace, None, event, args, None)?;
        let text = String::from_utf8(out)
            .map_err(|error| EncodeError::Unserializable(error.to_string()))?;
        let at = text.len() - Packet::scan(&text[1..]).map_or(0, |packet| packet.payload.len());
        Ok(Self {
            text,
            at,
            attachments,
        })
    }

    /// The answer to an event of the server's.
    pub(crate) fn ack<T: Serialize + ?Sized>(
        namespace: &str,
        id: u64,
        args: &T,
    ) -> Result<Self, EncodeError> {
        let mut out = vec![PacketKind::Message.digit()];
        let attachments = encode_ack(&mut out, namespace, id, args)?;
        let text = String::from_utf8(out)
            .map_err(|error| EncodeError::Unserializable(error.to_string()))?;
        Ok(Self {
            at: text.len(),
            text,
            attachments,
        })
    }

    fn messages(self, id: Option<u64>) -> impl Iterator<Item = Message> {
        let mut text = self.text;
        if let Some(id) = id {
            text.insert_str(self.at, &id.to_string());
        }
        let attachments = self.attachments.into_iter().map(Message::Binary);
        std::iter::once(Message::Text(text)).chain(attachments)
    }
}

/// A packet that arrived, with its attachments.
#[derive(Debug)]
pub(crate) enum Inbound {
    Text(String),
    Whole(Whole),
}

impl Inbound {
    /// The packet; it was scanned when it arrived.
    pub(crate) fn packet(&self) -> Option<Packet<'_>> {
        match self {
            Self::Text(text) => Packet::scan(text).ok(),
            Self::Whole(whole) => whole.packet().ok(),
        }
    }

    pub(crate) fn attachments(&self) -> &[Bytes] {
        match self {
            Self::Text(_) => &[],
            Self::Whole(whole) => &whole.attachments,
        }
    }
}

/// Something to be told to listeners, outside the lock.
#[derive(Debug)]
pub(crate) enum Notice {
    Stage(usize, Stage),
    /// An event; if its sender waits for an ack: the ack's id, and the socket's id it came to.
    Event {
        namespace: usize,
        event: Inbound,
        ack: Option<(u64, String)>,
    },
    /// An event that is leaving, for those who listen to that.
    Outgoing {
        namespace: usize,
        event: Inbound,
    },
    /// The namespace's auth function is to be asked, for the connection of this number.
    Auth {
        namespace: usize,
        generation: u64,
    },
    /// An event of the manager: a name, and the JSON array with name and arguments.
    Manager(&'static str, String),
}

/// The transport in use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) transport: Transport,
    /// Bytes of a message the server takes. 0: it did not say.
    pub(crate) max_payload: u32,
}

impl Link {
    /// Whether volatile events travel as datagrams.
    pub(crate) fn has_datagrams(self) -> bool {
        self.transport == Transport::WebTransport
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) now: Millis,
    pub(crate) notices: VecDeque<Notice>,
    /// Which connection: counts up, so that what an older one says is not heard.
    pub(crate) generation: u64,
    pub(crate) link: Option<Link>,
    pub(crate) buffer_max: usize,
    pub(crate) stats: Stats,
    /// Volatile events, each as a datagram.
    pub(crate) datagrams: VecDeque<Bytes>,
    outbox: VecDeque<Message>,
    outbox_bytes: usize,
    /// Bytes the transport has in hand.
    in_flight: usize,
}

impl Wire {
    pub(crate) fn new(buffer_max: usize) -> Self {
        Self {
            now: Millis(0),
            notices: VecDeque::new(),
            generation: 0,
            link: None,
            buffer_max,
            stats: Stats::default(),
            datagrams: VecDeque::new(),
            outbox: VecDeque::new(),
            outbox_bytes: 0,
            in_flight: 0,
        }
    }

    pub(crate) fn stage(&mut self, namespace: usize, stage: Stage) {
        // Who emits in a loop and never lets the task run is told by the result of `emit`.
        if matches!(stage, Stage::Error(_)) && self.notices.len() >= NOTICES_MAX {
            return;
        }
        self.notices.push_back(Notice::Stage(namespace, stage));
    }

    /// Whether a volatile message would wait behind others.
    pub(crate) fn congested(&self) -> bool {
        self.link.is_none() || self.in_flight + self.outbox_bytes > CONGESTED_BYTES
    }

    /// Why one more message may not wait here: a queue that nobody empties must not grow for ever.
    pub(crate) fn refusal(&self, buffered: usize, acks: usize) -> Option<ConnectionError> {
        let max = self.buffer_max;
        let bytes = self.outbox_bytes + self.in_flight;
        let message = if buffered + self.outbox.len() >= max {
            format!("{max} messages wait already: the newest was not sent")
        } else if bytes > BACKLOG_BYTES_MAX {
            format!("{bytes} bytes wait already: the message was not sent")
        } else if acks >= max {
            format!("{max} acknowledgements are awaited already")
        } else {
            return None;
        };
        Some(failure(Reason::BufferFull, message))
    }

    /// What the server would close the connection for is an error here instead.
    pub(crate) fn oversize(&self, draft: &Draft) -> Option<ConnectionError> {
        let link = self.link?;
        // The ack id, and no more than that, is still to come.
        let text = draft.text.len() + 20;
        let size = draft
            .attachments
            .iter()
            .map(|bytes| Message::Binary(bytes.clone()).travels(link.transport))
            .fold(text, usize::max);
        let max = link.max_payload;
        (max > 0 && size > max as usize).then(|| {
            let message = format!("a message of {size} bytes; the server takes {max}");
            failure(Reason::TooLarge, message)
        })
    }

    /// Writes an event.
    pub(crate) fn write(&mut self, draft: Draft, id: Option<u64>) {
        for message in draft.messages(id) {
            self.push(message);
        }
        self.stats.messages_out += 1;
    }

    /// Writes an event as a datagram. False: there are none on this transport, or it is too large for one.
    pub(crate) fn write_datagram(&mut self, draft: &Draft) -> bool {
        if !self.link.is_some_and(Link::has_datagrams) {
            return false;
        }
        let parts = || {
            let attachments = draft.attachments.iter().map(|bytes| (true, &bytes[..]));
            std::iter::once((false, draft.text.as_bytes())).chain(attachments)
        };
        let size: usize = parts()
            .map(|(binary, bytes)| webtransport::header(binary, bytes.len()).len() + bytes.len())
            .sum();
        if size > DATAGRAM_BYTES_MAX {
            return false;
        }
        let mut datagram = Vec::with_capacity(size);
        for (binary, bytes) in parts() {
            datagram.extend_from_slice(&webtransport::header(binary, bytes.len()));
            datagram.extend_from_slice(bytes);
        }
        if self.datagrams.len() == DATAGRAMS_MAX {
            self.datagrams.pop_front();
        }
        self.stats.messages_out += 1;
        self.stats.datagrams_out += 1;
        self.stats.bytes_out += size as u64;
        self.datagrams.push_back(datagram.into());
        true
    }

    /// The event as its listeners see it.
    pub(crate) fn watch(&mut self, namespace: usize, draft: &Draft) {
        let text = draft.text[1..].to_owned();
        let event = if draft.attachments.is_empty() {
            Inbound::Text(text)
        } else {
            match reassembled(&text, &draft.attachments) {
                Some(whole) => Inbound::Whole(whole),
                None => return,
            }
        };
        self.notices
            .push_back(Notice::Outgoing { namespace, event });
    }

    /// Writes a packet that is text already: CONNECT, ACK, DISCONNECT.
    pub(crate) fn push(&mut self, message: Message) {
        let len = match &message {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) => bytes.len(),
        };
        self.outbox_bytes += len;
        self.stats.bytes_out += len as u64;
        self.outbox.push_back(message);
    }

    /// As much as the transport shall take at once.
    pub(crate) fn batch(&mut self) -> Vec<Message> {
        let Some(link) = self.link else {
            return Vec::new();
        };
        let max = match link.transport {
            Transport::Polling if link.max_payload > 0 => link.max_payload as usize,
            _ => BATCH_BYTES,
        };
        let (mut batch, mut size) = (Vec::new(), 0);
        while let Some(message) = self.outbox.front() {
            size += 1 + message.travels(link.transport);
            // A single message above the limit goes alone: the server shall say what it thinks.
            if !batch.is_empty() && size > max {
                break;
            }
            batch.extend(self.outbox.pop_front());
        }
        self.in_flight = size;
        self.outbox_bytes = if self.outbox.is_empty() {
            0
        } else {
            self.outbox_bytes.saturating_sub(size)
        };
        batch
    }

    pub(crate) fn drained(&mut self) {
        self.in_flight = 0;
    }

    /// The connection is over: gives what was not sent.
    pub(crate) fn reset(&mut self) -> VecDeque<Message> {
        self.link = None;
        self.datagrams.clear();
        (self.in_flight, self.outbox_bytes) = (0, 0);
        std::mem::take(&mut self.outbox)
    }
}

/// Our own event, put together as one that arrived.
fn reassembled(text: &str, attachments: &[Bytes]) -> Option<Whole> {
    use ringside_proto::socketio::{Decoder, Limits};
    let (mut decoder, limits) = (Decoder::new(), Limits::unlimited());
    decoder.text(text, &limits, Millis(0)).ok()?;
    let mut whole = None;
    for bytes in attachments {
        whole = decoder.binary(bytes, &limits).ok()?;
    }
    whole
}

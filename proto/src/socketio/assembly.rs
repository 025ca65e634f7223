//! From messages to packets: a packet's text, then its attachments, under limits.
//!
//! A packet without attachments is handed through, borrowed. One with attachments is kept, with
//! what arrived of them, until the last one: nothing is allocated for those merely announced.
//! Idle it owns no heap memory.

use bytes::Bytes;

use crate::time::Millis;

use super::{EventName, Misbehaviour, Packet, placeholders};

/// What a peer may send. The defaults are those of the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Attachments of one packet. Default 10.
    pub attachments_max: u32,
    /// Bytes of one packet and its attachments together. Default 1,000,000.
    pub packet_bytes_max: u32,
    /// Milliseconds until the last attachment must be here. Default 10,000.
    pub attachments_timeout: u32,
    /// Bytes of an event's name, as written. Default 256.
    pub event_name_bytes_max: u16,
    /// Bytes of a namespace. Default 256.
    pub namespace_bytes_max: u16,
    /// Levels of nesting in JSON that is checked here or by [`Packet::check`]. Default 64.
    pub json_depth_max: u16,
}

impl Limits {
    /// No limit but the width of the counters: for benches.
    pub const fn unlimited() -> Self {
        Self {
            attachments_max: u32::MAX,
            packet_bytes_max: u32::MAX,
            attachments_timeout: u32::MAX,
            event_name_bytes_max: u16::MAX,
            namespace_bytes_max: u16::MAX,
            json_depth_max: u16::MAX,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attachments_max: 10,
            packet_bytes_max: 1_000_000,
            attachments_timeout: 10_000,
            event_name_bytes_max: 256,
            namespace_bytes_max: 256,
            json_depth_max: 64,
        }
    }
}

/// A packet with all its attachments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    text: String,
    /// The attachments in the order they came.
    pub attachments: Vec<Bytes>,
}

impl Whole {
    /// The packet.
    ///
    /// # Errors
    /// None in practice: the text was scanned when it arrived.
    pub fn packet(&self) -> Result<Packet<'_>, Misbehaviour> {
        Packet::scan(&self.text)
    }
}

#[derive(Debug)]
struct Pending {
    whole: Whole,
    expected: u32,
    bytes: usize,
    until: Millis,
}

/// Joins packets with their attachments. 8 bytes when idle.
#[derive(Debug, Default)]
pub struct Decoder {
    pending: Option<Box<Pending>>,
}

impl Decoder {
    /// A decoder that expects a packet.
    pub const fn new() -> Self {
        Self { pending: None }
    }

    /// A text message arrived. Gives the packet, or `None` if its attachments must come first.
    ///
    /// # Errors
    /// The connection must be closed.
    #[inline]
    pub fn text<'a>(
        &mut self,
        text: &'a str,
        limits: &Limits,
        now: Millis,
    ) -> Result<Option<Packet<'a>>, Misbehaviour> {
        if self.pending.is_some() {
            return Err(Misbehaviour::MissingAttachments);
        }
        let packet = Packet::scan(text)?;
        if packet.namespace.len() > usize::from(limits.namespace_bytes_max) {
            return Err(Misbehaviour::NamespaceTooLong);
        }
        if let Some(EventName::Plain(name) | EventName::Escaped(name) | EventName::Number(name)) =
            packet.event
            && name.len() > usize::from(limits.event_name_bytes_max)
        {
            return Err(Misbehaviour::EventNameTooLong);
        }
        if packet.attachments == 0 {
            return Ok(Some(packet));
        }
        self.begin(&packet, text, limits, now)?;
        Ok(None)
    }

    #[cold]
    fn begin(
        &mut self,
        packet: &Packet<'_>,
        text: &str,
        limits: &Limits,
        now: Millis,
    ) -> Result<(), Misbehaviour> {
        if packet.attachments > limits.attachments_max {
            return Err(Misbehaviour::TooManyAttachments);
        }
        if text.len() > limits.packet_bytes_max as usize {
            return Err(Misbehaviour::PacketTooBig);
        }
        // Binary packets are rare and are kept, so they are checked as a whole, at once.
        packet.check(u32::from(limits.json_depth_max))?;
        placeholders::check(packet.payload, packet.attachments as usize)?;
        self.pending = Some(Box::new(Pending {
            whole: Whole {
                text: text.to_owned(),
                attachments: Vec::new(),
            },
            expected: packet.attachments,
            bytes: text.len(),
            until: now.plus(limits.attachments_timeout),
        }));
        Ok(())
    }

    /// A binary message arrived. Gives the packet if this was its last attachment.
    ///
    /// # Errors
    /// The connection must be closed.
    pub fn binary(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<Whole>, Misbehaviour> {
        let pending = self
            .pending
            .as_mut()
            .ok_or(Misbehaviour::UnexpectedBinary)?;
        pending.bytes = pending.bytes.saturating_add(bytes.len());
        if pending.bytes > limits.packet_bytes_max as usize {
            self.pending = None;
            return Err(Misbehaviour::PacketTooBig);
        }
        // A copy of its own: a slice of the scratch buffer would be overwritten, and a slice of
        // a larger shared buffer would keep all of it alive.
        pending
            .whole
            .attachments
            .push(Bytes::copy_from_slice(bytes));
        if pending.whole.attachments.len() < pending.expected as usize {
            return Ok(None);
        }
        Ok(self.pending.take().map(|pending| pending.whole))
    }

    /// When to call [`Decoder::poll`]; [`Millis::NEVER`] while nothing is awaited.
    pub fn next_deadline(&self) -> Millis {
        self.pending
            .as_ref()
            .map_or(Millis::NEVER, |pending| pending.until)
    }

    /// Time passed.
    ///
    /// # Errors
    /// [`Misbehaviour::AttachmentsTimeout`]: the connection must be closed.
    pub fn poll(&mut self, now: Millis) -> Result<(), Misbehaviour> {
        if now < self.next_deadline() || self.pending.is_none() {
            return Ok(());
        }
        self.pending = None;
        Err(Misbehaviour::AttachmentsTimeout)
    }
}

//! The grammar of a packet, and the scan of its envelope.
//!
//! ```text
//!  kind [attachments '-'] [namespace ','] [ack id] [payload]
//!  5    1-                /chat,          7        ["picture",{"_placeholder":true,"num":0}]
//! ```
//! The scan reads kind, attachments, namespace, ack id and event name and stops there; the rest of
//! the payload is handed over as raw JSON. It accepts and refuses what npm socket.io-parser 4.2.7
//! does, provided the payload is then parsed as a whole: by [`Packet::check`] or by the typed
//! arguments ([`super::Args`]). Departures, each with its reason:
//!
//! * whitespace as packet type or ack id (`Number(" ")` is 0 in JavaScript): refused, an accident;
//! * attachment counts such as `1e0`, `+1`, `0x1`: refused, the same accident;
//! * ack ids above 2^53 - 1: refused, JavaScript would answer another id than was asked;
//! * JSON deeper than the limit, names longer than the limit: refused, bounds;
//! * an unpaired surrogate in an event name: refused, it has no UTF-8.

use std::borrow::Cow;

use super::json;
use super::{Args, Misbehaviour};

/// Names a peer must not use for its events (npm socket.io-parser, `RESERVED_EVENTS`).
pub const RESERVED_EVENTS: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// 2^53 - 1, the largest integer all clients can hold.
pub(super) const ACK_ID_MAX: u64 = (1 << 53) - 1;

/// The seven kinds of packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Asks for a namespace, or admits to it.
    Connect = 0,
    /// Leaves a namespace.
    Disconnect = 1,
    /// An event.
    Event = 2,
    /// The answer to an event that had an ack id.
    Ack = 3,
    /// Refuses a namespace. In the older protocol: any error.
    ConnectError = 4,
    /// An event with attachments.
    BinaryEvent = 5,
    /// An ack with attachments.
    BinaryAck = 6,
}

impl Kind {
    /// The kind of this digit.
    #[inline]
    pub const fn from_digit(digit: u8) -> Option<Self> {
        Some(match digit {
            b'0' => Self::Connect,
            b'1' => Self::Disconnect,
            b'2' => Self::Event,
            b'3' => Self::Ack,
            b'4' => Self::ConnectError,
            b'5' => Self::BinaryEvent,
            b'6' => Self::BinaryAck,
            _ => return None,
        })
    }

    /// The digit of this kind.
    pub const fn digit(self) -> u8 {
        b'0' + self as u8
    }

    /// Whether attachments follow.
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::BinaryEvent | Self::BinaryAck)
    }
}

/// An event's name as it stands in the JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventName<'a> {
    /// A string without escapes, without its quotes.
    Plain(&'a str),
    /// A string with escapes, with its quotes.
    Escaped(&'a str),
    /// A number, as written.
    Number(&'a str),
}

impl<'a> EventName<'a> {
    /// The name to look a handler up with; a number gives its text.
    #[inline]
    pub fn to_str(self) -> Cow<'a, str> {
        match self {
            Self::Plain(text) | Self::Number(text) => Cow::Borrowed(text),
            // The scan checked that it parses.
            Self::Escaped(json) => Cow::Owned(serde_json::from_str(json).unwrap_or_default()),
        }
    }

    /// The name if it needs no unescaping: the usual case, without a branch on `Cow`.
    #[inline]
    pub const fn as_plain(self) -> Option<&'a str> {
        match self {
            Self::Plain(text) => Some(text),
            _ => None,
        }
    }
}

/// A packet whose envelope was read; all text is borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its kind.
    pub kind: Kind,
    /// How many binary messages follow; 0 unless the kind is binary.
    pub attachments: u32,
    /// The namespace, with its leading slash; `/` if the packet names none. Clients of the older
    /// protocol may append a query (`/chat?token=x`).
    pub namespace: &'a str,
    /// The ack id.
    pub id: Option<u64>,
    /// The event's name. `None` for other kinds, and for an event without payload, which the
    /// reference accepts and which reaches no handler.
    pub event: Option<EventName<'a>>,
    /// The whole payload as raw JSON, not yet checked; empty if there is none.
    pub payload: &'a str,
}

impl<'a> Packet<'a> {
    /// Reads the envelope.
    ///
    /// # Errors
    /// Whatever can be refused from the envelope; see [`Packet::check`] for the rest.
    #[inline]
    pub fn scan(text: &'a str) -> Result<Self, Misbehaviour> {
        // The usual case: an event of the root namespace that asks for no ack.
        if text.starts_with("2[\"")
            && let payload = &text[1..]
            && let Some(name) = plain_event_name(payload)
        {
            return Ok(Self {
                kind: Kind::Event,
                attachments: 0,
                namespace: "/",
                id: None,
                event: Some(EventName::Plain(name)),
                payload,
            });
        }
        Self::scan_any(text)
    }

    /// Reads any envelope.
    fn scan_any(text: &'a str) -> Result<Self, Misbehaviour> {
        let bytes = text.as_bytes();
        let kind = bytes
            .first()
            .and_then(|digit| Kind::from_digit(*digit))
            .ok_or(Misbehaviour::UnknownPacketType)?;
        let mut at = 1;
        let mut attachments = 0;
        if kind.is_binary() {
            (attachments, at) = scan_attachments(bytes)?;
        }
        let namespace = if bytes.get(at) == Some(&b'/') {
            let start = at;
            let len = bytes[at..]
                .iter()
                .position(|byte| *byte == b',')
                .unwrap_or(bytes.len() - at);
            at = (start + len + 1).min(bytes.len());
            &text[start..start + len]
        } else {
            "/"
        };
        let mut id = None;
        while let Some(digit) = bytes
            .get(at)
            .map(|byte| byte.wrapping_sub(b'0'))
            .filter(|digit| *digit < 10)
        {
            // At most 2^53 - 1 before this step, so ten times that cannot overflow.
            let next = id.unwrap_or(0u64) * 10 + u64::from(digit);
            if next > ACK_ID_MAX {
                return Err(Misbehaviour::IllegalAckId);
            }
            id = Some(next);
            at += 1;
        }
        let payload = &text[at..];
        let mut packet = Self {
            kind,
            attachments,
            namespace,
            id,
            event: None,
            payload,
        };
        let Some(&first) = payload.as_bytes().first() else {
            return Ok(packet);
        };
        let fits = match kind {
            Kind::Event | Kind::BinaryEvent => {
                packet.event = Some(scan_event_name(payload)?);
                true
            }
            Kind::Connect => first == b'{',
            Kind::Disconnect => false,
            Kind::ConnectError => first == b'{' || first == b'"',
            Kind::Ack | Kind::BinaryAck => first == b'[',
        };
        if fits {
            Ok(packet)
        } else {
            Err(Misbehaviour::InvalidPayload)
        }
    }

    /// Checks that the whole payload is JSON of at most `depth_max` levels.
    ///
    /// Typed deserialization checks as much by itself; call this before handing raw JSON on.
    ///
    /// # Errors
    /// [`Misbehaviour::InvalidJson`], [`Misbehaviour::JsonTooDeep`].
    pub fn check(&self, depth_max: u32) -> Result<(), Misbehaviour> {
        if self.payload.is_empty() {
            Ok(())
        } else {
            json::check(self.payload, depth_max)
        }
    }

    /// The arguments of an event (without its name) or of an ack; `attachments` are those that
    /// arrived with it.
    pub fn args<'p>(&self, attachments: &'p [bytes::Bytes]) -> Args<'p>
    where
        'a: 'p,
    {
        Args::new(self.payload, self.event.is_some(), attachments)
    }
}

/// Reads `digits '-'`; gives the number and the position behind.
fn scan_attachments(bytes: &[u8]) -> Result<(u32, usize), Misbehaviour> {
    let mut at = 1;
    let mut count = 0u32;
    while let Some(digit) = bytes
        .get(at)
        .map(|byte| byte.wrapping_sub(b'0'))
        .filter(|digit| *digit < 10)
    {
        count = count.saturating_mul(10).saturating_add(u32::from(digit));
        at += 1;
    }
    // "binary packet with 0 attachments illegal" (socket.io-parser 4.2.7).
    if count == 0 || bytes.get(at) != Some(&b'-') {
        return Err(Misbehaviour::IllegalAttachments);
    }
    Ok((count, at + 1))
}

/// Reads the first element of the array, which must be a string that is not reserved, or a number.
#[inline]
fn scan_event_name(payload: &str) -> Result<EventName<'_>, Misbehaviour> {
    match plain_event_name(payload) {
        Some(name) => Ok(EventName::Plain(name)),
        None => scan_odd_event_name(payload),
    }
}

/// The name as it usually is: `["name",` or `["name"]`, without whitespace or escapes, not reserved.
#[inline]
fn plain_event_name(payload: &str) -> Option<&str> {
    let body = payload.strip_prefix("[\"")?;
    let (name, rest) = body.split_at_checked(json::plain(body.as_bytes()))?;
    let ended = matches!(rest.as_bytes(), [b'"', b',' | b']', ..]);
    (ended && !is_reserved(name)).then_some(name)
}

#[inline]
fn is_reserved(name: &str) -> bool {
    // Seven to fourteen bytes: most names are told apart by their length.
    matches!(name.len(), 7..=14) && RESERVED_EVENTS.contains(&name)
}

#[cold]
fn scan_odd_event_name(payload: &str) -> Result<EventName<'_>, Misbehaviour> {
    let bytes = payload.as_bytes();
    if bytes.first() != Some(&b'[') {
        return Err(Misbehaviour::InvalidPayload);
    }
    let start = 1 + json::whitespace(&bytes[1..]);
    let name = match bytes.get(start) {
        Some(b'"') => {
            let body = &payload[start + 1..];
            let len = json::plain(body.as_bytes());
            match body.as_bytes().get(len) {
                Some(b'"') if is_reserved(&body[..len]) => {
                    return Err(Misbehaviour::ReservedEventName);
                }
                Some(b'"') => EventName::Plain(&body[..len]),
                Some(b'\\') => scan_escaped(payload, start)?,
                _ => return Err(Misbehaviour::InvalidJson),
            }
        }
        Some(b'-' | b'0'..=b'9') => {
            let len = json::number(&bytes[start..]).ok_or(Misbehaviour::InvalidJson)?;
            EventName::Number(&payload[start..start + len])
        }
        _ => return Err(Misbehaviour::IllegalEventName),
    };
    let len = match name {
        EventName::Plain(text) => text.len() + 2,
        EventName::Escaped(text) | EventName::Number(text) => text.len(),
    };
    let end = start + len;
    match bytes.get(end + json::whitespace(&bytes[end..])) {
        Some(b',' | b']') => Ok(name),
        _ => Err(Misbehaviour::InvalidJson),
    }
}

fn scan_escaped(payload: &str, start: usize) -> Result<EventName<'_>, Misbehaviour> {
    let len = json::string(&payload.as_bytes()[start..]).ok_or(Misbehaviour::InvalidJson)?;
    let raw = &payload[start..start + len];
    let name: String = serde_json::from_str(raw).map_err(|_| Misbehaviour::InvalidJson)?;
    if is_reserved(&name) {
        return Err(Misbehaviour::ReservedEventName);
    }
    Ok(EventName::Escaped(raw))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_usual_case_is_no_case_of_its_own(
            text in r#"2?\[?"?(message|connect|é|\\n| ){0,2}"?[],x]?(1|"a")?\]?"#
        ) {
            prop_assert_eq!(Packet::scan(&text), Packet::scan_any(&text));
        }
    }
}

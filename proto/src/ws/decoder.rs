//! Frames in: a streaming decoder over borrowed bytes.
//!
//! The caller reads into a scratch buffer that all its connections share, lends the bytes to
//! [`Decoder::input`] and pulls [`Event`]s. A message that arrives whole is unmasked and
//! validated where it lies and never copied. Only an unfinished frame or a fragmented message is
//! copied into a buffer of the decoder's, which is freed when the message is complete.
//!
//! ```
//! use ringside_proto::ws::{Decoder, Event, Limits, Role};
//!
//! let mut decoder = Decoder::new(Role::Client, Limits::default());
//! let mut scratch = *b"\x81\x05hello\x89\x00";
//! let mut input = decoder.input(&mut scratch);
//! assert_eq!(input.next(), Ok(Some(Event::Text("hello"))));
//! assert_eq!(input.next(), Ok(Some(Event::Ping(b""))));
//! assert_eq!(input.next(), Ok(None));
//! ```
//!
//! Promises: the result is the same however the stream is cut into chunks; memory grows only with
//! bytes that arrived, never with a declared length; after a close frame or an error nothing more
//! comes out. It answers nothing: pongs and closes are the caller's.

use std::ops::Range;

use super::deflate::Inflater;
use super::frame::{
    self, CONTROL_BYTES_MAX, CloseCode, FrameHeader, HEADER_BYTES_MAX, OpCode, Role,
};
use super::{Misbehaviour, mask};

/// What a peer may send. The defaults are those of the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in one message, as declared, received and inflated. Default 1,000,000.
    pub message_bytes_max: u32,
    /// Frames in one message, empty ones included. Default 16,384.
    pub fragments_max: u32,
}

impl Limits {
    /// No limit but the width of the counters (4 GiB, 2³² fragments): for benches and echo tests.
    pub const fn unlimited() -> Self {
        Self {
            message_bytes_max: u32::MAX,
            fragments_max: u32::MAX,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 1_000_000,
            fragments_max: 16_384,
        }
    }
}

/// What a peer sent. Borrows from the scratch buffer or from the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole text message.
    Text(&'a str),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// Answer with a pong of the same payload (at most 125 bytes).
    Ping(&'a [u8]),
    /// The answer to a ping, or an unasked one.
    Pong(&'a [u8]),
    /// The last event: answer with a close frame, then drop the stream.
    Close {
        /// [`CloseCode::NO_STATUS`] if the frame held none.
        code: CloseCode,
        /// At most 123 bytes.
        reason: &'a str,
    },
}

/// The state of one direction of one connection. 24 bytes; idle it owns no heap memory.
#[derive(Debug)]
pub struct Decoder {
    partial: Option<Box<Partial>>,
    limits: Limits,
    role: Role,
    deflate: bool,
    finished: bool,
}

/// What is kept between two inputs: part of a frame, part of a message, or both.
#[derive(Debug)]
struct Partial {
    /// An unfinished header.
    header: [u8; HEADER_BYTES_MAX],
    header_len: u8,
    /// A frame whose header was read and whose payload is unfinished.
    frame: Option<OpenFrame>,
    /// The unfinished payload of a control frame.
    control: [u8; CONTROL_BYTES_MAX],
    control_len: u8,
    /// A message that has begun.
    message: Option<Message>,
}

impl Default for Partial {
    fn default() -> Self {
        Self {
            header: [0; HEADER_BYTES_MAX],
            header_len: 0,
            frame: None,
            control: [0; CONTROL_BYTES_MAX],
            control_len: 0,
            message: None,
        }
    }
}

#[derive(Debug)]
struct OpenFrame {
    op: OpCode,
    fin: bool,
    /// The key for the next byte to arrive.
    mask: [u8; 4],
    remaining: u64,
}

#[derive(Debug)]
struct Message {
    text: bool,
    compressed: bool,
    fragments: u32,
    bytes: Vec<u8>,
    /// How many of `bytes` are known to be UTF-8 (text that is not compressed).
    checked: usize,
}

impl Decoder {
    /// A decoder for what arrives at this end.
    pub const fn new(role: Role, limits: Limits) -> Self {
        Self {
            partial: None,
            limits,
            role,
            deflate: false,
            finished: false,
        }
    }

    /// Accepts compressed messages: permessage-deflate was negotiated without context takeover.
    #[must_use]
    pub const fn with_deflate(mut self, negotiated: bool) -> Self {
        self.deflate = negotiated;
        self
    }

    /// Lends the decoder the bytes that arrived. Pull until `Ok(None)`; what is not pulled is lost.
    pub fn input<'d>(&'d mut self, bytes: &'d mut [u8]) -> Input<'d> {
        Input {
            decoder: self,
            bytes,
            at: 0,
            held: Vec::new(),
            inflater: None,
        }
    }

    /// As [`Decoder::input`], with an inflater shared by all connections of a thread, so that a
    /// compressed message need not set up its own.
    pub fn input_with<'d>(
        &'d mut self,
        bytes: &'d mut [u8],
        inflater: &'d mut Inflater,
    ) -> Input<'d> {
        Input {
            decoder: self,
            bytes,
            at: 0,
            held: Vec::new(),
            inflater: Some(inflater),
        }
    }

    /// True after a close frame or an error: whatever else arrives is ignored.
    pub const fn is_finished(&self) -> bool {
        self.finished
    }

    /// True if no frame and no message is unfinished: no heap memory is held.
    pub const fn is_idle(&self) -> bool {
        self.partial.is_none()
    }

    /// Heap bytes held for an unfinished message.
    pub fn heap_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| {
            size_of::<Partial>()
                + partial
                    .message
                    .as_ref()
                    .map_or(0, |message| message.bytes.capacity())
        })
    }
}

/// Bytes lent to a [`Decoder`]; gives the events they complete.
#[derive(Debug)]
pub struct Input<'d> {
    decoder: &'d mut Decoder,
    bytes: &'d mut [u8],
    at: usize,
    /// The message of the last event, if it was not whole in `bytes`.
    held: Vec<u8>,
    inflater: Option<&'d mut Inflater>,
}

/// Where the payload of a complete frame or message lies.
enum Found {
    Scratch(OpCode, Range<usize>),
    Held(OpCode),
    Control(OpCode, [u8; CONTROL_BYTES_MAX], u8),
}

impl Input<'_> {
    /// The next event, or `Ok(None)` when all bytes are used up.
    ///
    /// # Errors
    /// What the peer did wrong; the connection must be closed with its code. After an error, as
    /// after [`Event::Close`], every further call gives `Ok(None)`.
    #[inline]
    #[allow(clippy::should_implement_trait)] // lends from itself, which `Iterator` cannot
    pub fn next(&mut self) -> Result<Option<Event<'_>>, Misbehaviour> {
        match self.advance() {
            Ok(None) => Ok(None),
            Ok(Some(found)) => {
                let (op, payload) = match found {
                    Found::Scratch(op, range) => (op, &self.bytes[range]),
                    Found::Held(op) => (op, &self.held[..]),
                    Found::Control(op, bytes, len) => {
                        self.held.clear();
                        self.held.extend_from_slice(&bytes[..usize::from(len)]);
                        (op, &self.held[..])
                    }
                };
                let event = event(op, payload);
                if !matches!(
                    event,
                    Ok(Event::Text(_) | Event::Binary(_) | Event::Ping(_) | Event::Pong(_))
                ) {
                    self.decoder.finished = true;
                    self.decoder.partial = None;
                }
                event.map(Some)
            }
            Err(misbehaviour) => {
                self.decoder.finished = true;
                self.decoder.partial = None;
                Err(misbehaviour)
            }
        }
    }

    #[inline]
    fn advance(&mut self) -> Result<Option<Found>, Misbehaviour> {
        if self.decoder.finished || self.at == self.bytes.len() {
            return Ok(None);
        }
        if self.decoder.partial.is_none() {
            let rest = &mut self.bytes[self.at..];
            let header = frame::parse(rest, self.decoder.role, self.decoder.deflate)?;
            if let Some(header) = header {
                let available = rest.len() - header.header_len;
                // The fast path: a frame that is whole and needs nothing before or after it.
                if header.payload_len <= available as u64
                    && header.fin
                    && !header.compressed
                    && header.op != OpCode::Continuation
                {
                    let len = header.payload_len as usize;
                    if len > self.decoder.limits.message_bytes_max as usize
                        && !header.op.is_control()
                    {
                        return Err(Misbehaviour::MessageTooBig);
                    }
                    let start = self.at + header.header_len;
                    if self.decoder.role == Role::Server {
                        mask::unmask(&mut self.bytes[start..start + len], header.mask);
                    }
                    self.at = start + len;
                    return Ok(Some(Found::Scratch(header.op, start..start + len)));
                }
            }
        }
        self.advance_slowly()
    }

    /// Everything that is not one whole frame in one input.
    #[cold]
    fn advance_slowly(&mut self) -> Result<Option<Found>, Misbehaviour> {
        let mut partial = self.decoder.partial.take().unwrap_or_default();
        let found = loop {
            if partial.frame.is_none() && !self.read_header(&mut partial)? {
                break None;
            }
            if let Some(found) = self.read_payload(&mut partial)? {
                break Some(found);
            }
            if self.at == self.bytes.len() {
                break None;
            }
        };
        if partial.header_len != 0 || partial.frame.is_some() || partial.message.is_some() {
            self.decoder.partial = Some(partial);
        }
        Ok(found)
    }

    /// Reads a header, judges it in its context and opens its frame. False if bytes are missing.
    fn read_header(&mut self, partial: &mut Partial) -> Result<bool, Misbehaviour> {
        let old = usize::from(partial.header_len);
        let rest = &self.bytes[self.at..];
        let take = rest.len().min(HEADER_BYTES_MAX - old);
        partial.header[old..old + take].copy_from_slice(&rest[..take]);
        let candidate = &partial.header[..old + take];
        let Some(header) = frame::parse(candidate, self.decoder.role, self.decoder.deflate)? else {
            partial.header_len += take as u8;
            self.at += take;
            return Ok(false);
        };
        partial.header_len = 0;
        self.at += header.header_len - old;
        self.open(partial, &header)?;
        Ok(true)
    }

    /// Judges a frame by what came before it (RFC 6455 §5.4) and by the limits.
    fn open(&self, partial: &mut Partial, header: &FrameHeader) -> Result<(), Misbehaviour> {
        if !header.op.is_control() {
            match (&mut partial.message, header.op) {
                (None, OpCode::Continuation) => return Err(Misbehaviour::UnexpectedContinuation),
                (Some(message), OpCode::Continuation) => {
                    message.fragments = message.fragments.saturating_add(1)
                }
                (Some(_), _) => return Err(Misbehaviour::InterruptedMessage),
                (empty @ None, op) => {
                    *empty = Some(Message {
                        text: op == OpCode::Text,
                        compressed: header.compressed,
                        fragments: 1,
                        bytes: Vec::new(),
                        checked: 0,
                    });
                }
            }
            let limits = self.decoder.limits;
            let message = partial
                .message
                .as_ref()
                .map_or((0, 0), |it| (it.bytes.len() as u64, it.fragments));
            if message.0.saturating_add(header.payload_len) > u64::from(limits.message_bytes_max) {
                return Err(Misbehaviour::MessageTooBig);
            }
            if message.1 > limits.fragments_max {
                return Err(Misbehaviour::TooManyFragments);
            }
        } else {
            partial.control_len = 0;
        }
        partial.frame = Some(OpenFrame {
            op: header.op,
            fin: header.fin,
            mask: header.mask,
            remaining: header.payload_len,
        });
        Ok(())
    }

    /// Takes what has arrived of the open frame's payload; gives the message if that completes it.
    fn read_payload(&mut self, partial: &mut Partial) -> Result<Option<Found>, Misbehaviour> {
        let Some(frame) = &mut partial.frame else {
            return Ok(None);
        };
        let rest = &mut self.bytes[self.at..];
        let take = usize::try_from(frame.remaining)
            .map_or(rest.len(), |remaining| remaining.min(rest.len()));
        let part = &mut rest[..take];
        if self.decoder.role == Role::Server {
            mask::unmask(part, frame.mask);
            frame.mask = mask::rotate(frame.mask, take);
        }
        frame.remaining -= take as u64;
        self.at += take;
        let complete = frame.remaining == 0;
        let (op, fin) = (frame.op, frame.fin);
        if complete {
            partial.frame = None;
        }
        if op.is_control() {
            let len = usize::from(partial.control_len);
            partial.control[len..len + take].copy_from_slice(part);
            partial.control_len += take as u8;
            return Ok(complete.then_some(Found::Control(
                op,
                partial.control,
                partial.control_len,
            )));
        }
        let Some(message) = &mut partial.message else {
            return Ok(None);
        };
        message.bytes.extend_from_slice(part);
        if message.text && !message.compressed {
            message.check_utf8()?;
        }
        if !(complete && fin) {
            return Ok(None);
        }
        let Some(message) = partial.message.take() else {
            return Ok(None);
        };
        self.held = if message.compressed {
            let limit = self.decoder.limits.message_bytes_max as usize;
            match &mut self.inflater {
                Some(inflater) => inflater.inflate(message.bytes, limit)?,
                None => Inflater::new().inflate(message.bytes, limit)?,
            }
        } else {
            message.bytes
        };
        Ok(Some(Found::Held(if message.text {
            OpCode::Text
        } else {
            OpCode::Binary
        })))
    }
}

impl Message {
    /// Fails as soon as the text cannot become UTF-8 any more; a character cut off at the end
    /// may still be completed.
    fn check_utf8(&mut self) -> Result<(), Misbehaviour> {
        match simdutf8::compat::from_utf8(&self.bytes[self.checked..]) {
            Ok(_) => self.checked = self.bytes.len(),
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(Misbehaviour::InvalidUtf8),
        }
        Ok(())
    }
}

/// Turns a complete payload into an event, validating text and close payloads.
#[inline]
fn event(op: OpCode, payload: &[u8]) -> Result<Event<'_>, Misbehaviour> {
    Ok(match op {
        OpCode::Text => Event::Text(text(payload)?),
        OpCode::Binary | OpCode::Continuation => Event::Binary(payload),
        OpCode::Ping => Event::Ping(payload),
        OpCode::Pong => Event::Pong(payload),
        OpCode::Close => match payload {
            [] => Event::Close {
                code: CloseCode::NO_STATUS,
                reason: "",
            },
            [_] => return Err(Misbehaviour::ShortClosePayload),
            [high, low, reason @ ..] => {
                let code = CloseCode(u16::from_be_bytes([*high, *low]));
                if !code.is_allowed_on_wire() {
                    return Err(Misbehaviour::InvalidCloseCode);
                }
                Event::Close {
                    code,
                    reason: text(reason)?,
                }
            }
        },
    })
}

/// Below this the set-up of the vector instructions costs more than it saves.
const SIMD_BYTES_MIN: usize = 64;

#[inline]
fn text(payload: &[u8]) -> Result<&str, Misbehaviour> {
    if payload.len() < SIMD_BYTES_MIN {
        std::str::from_utf8(payload).map_err(|_| Misbehaviour::InvalidUtf8)
    } else {
        simdutf8::basic::from_utf8(payload).map_err(|_| Misbehaviour::InvalidUtf8)
    }
}

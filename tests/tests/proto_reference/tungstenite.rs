//! Our WebSocket codec against tungstenite: the same streams, good and damaged.

use std::io::{self, Read, Write};

use ringside_proto::ws::{
    Decoder, Event, Limits, Misbehaviour, OpCode, Role, encode_frame, encode_masked_frame,
};
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, WebSocket};

use super::packets;
use super::random::Random;

const MESSAGE_BYTES_MAX: usize = 4_000;

/// What either side saw.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
    /// Refused, and why, in words both can be brought to.
    Refused(&'static str),
}

/// A stream that gives its bytes and then waits for ever; what is written is thrown away.
struct Stream<'a>(&'a [u8]);

impl Read for Stream<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.read(buf)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn theirs(stream: &[u8], role: Role) -> Vec<Seen> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let role = match role {
        Role::Server => tungstenite::protocol::Role::Server,
        Role::Client => tungstenite::protocol::Role::Client,
    };
    let mut socket = WebSocket::from_raw_socket(Stream(stream), role, Some(config));
    let mut seen = Vec::new();
    loop {
        seen.push(match socket.read() {
            Ok(Message::Text(text)) => Seen::Text(text.as_str().to_owned()),
            Ok(Message::Binary(bytes)) => Seen::Binary(bytes.to_vec()),
            Ok(Message::Ping(bytes)) => Seen::Ping(bytes.to_vec()),
            Ok(Message::Pong(bytes)) => Seen::Pong(bytes.to_vec()),
            Ok(Message::Close(frame)) => {
                let (code, reason) = frame.map_or((1005, String::new()), |frame| {
                    (frame.code.into(), frame.reason.as_str().to_owned())
                });
                seen.push(Seen::Close(code, reason));
                return seen;
            }
            Ok(Message::Frame(_)) => continue,
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return seen,
            Err(error) => {
                seen.push(Seen::Refused(reason(&error)));
                return seen;
            }
        });
    }
}

fn reason(error: &Error) -> &'static str {
    match error {
        Error::Utf8(_) => "UTF-8",
        Error::Capacity(CapacityError::MessageTooLong { .. }) => "too big",
        Error::Protocol(error) => match error {
            ProtocolError::NonZeroReservedBits => "reserved bits",
            ProtocolError::UnmaskedFrameFromClient | ProtocolError::MaskedFrameFromServer => "mask",
            ProtocolError::FragmentedControlFrame | ProtocolError::ControlFrameTooBig => "control",
            ProtocolError::UnknownControlFrameType(_) | ProtocolError::UnknownDataFrameType(_) => {
                "opcode"
            }
            ProtocolError::InvalidOpcode(_) => "opcode",
            ProtocolError::UnexpectedContinueFrame => "continuation",
            ProtocolError::ExpectedFragment(_) => "interrupted",
            ProtocolError::InvalidCloseSequence => "close",
            _ => "other",
        },
        _ => "other",
    }
}

fn ours(stream: &[u8], role: Role, size: usize) -> (Vec<Seen>, Option<Misbehaviour>) {
    let limits = Limits {
        message_bytes_max: MESSAGE_BYTES_MAX as u32,
        ..Limits::default()
    };
    let mut decoder = Decoder::new(role, limits);
    let mut seen = Vec::new();
    for chunk in stream.chunks(size.max(1)) {
        let mut chunk = chunk.to_vec();
        let mut input = decoder.input(&mut chunk);
        loop {
            seen.push(match input.next() {
                Ok(Some(Event::Text(text))) => Seen::Text(text.to_owned()),
                Ok(Some(Event::Binary(bytes))) => Seen::Binary(bytes.to_vec()),
                Ok(Some(Event::Ping(bytes))) => Seen::Ping(bytes.to_vec()),
                Ok(Some(Event::Pong(bytes))) => Seen::Pong(bytes.to_vec()),
                Ok(Some(Event::Close { code, reason })) => Seen::Close(code.0, reason.to_owned()),
                Ok(None) => break,
                Err(misbehaviour) => {
                    seen.push(Seen::Refused(match misbehaviour {
                        Misbehaviour::InvalidUtf8 => "UTF-8",
                        Misbehaviour::MessageTooBig => "too big",
                        Misbehaviour::ReservedBits => "reserved bits",
                        Misbehaviour::UnmaskedFrame | Misbehaviour::MaskedFrame => "mask",
                        Misbehaviour::FragmentedControl | Misbehaviour::OversizedControl => {
                            "control"
                        }
                        Misbehaviour::ReservedOpcode => "opcode",
                        Misbehaviour::UnexpectedContinuation => "continuation",
                        Misbehaviour::InterruptedMessage => "interrupted",
                        Misbehaviour::ShortClosePayload => "close",
                        _ => "other",
                    }));
                    return (seen, Some(misbehaviour));
                }
            });
        }
    }
    (seen, None)
}

/// A frame; now and then a damaged one.
fn frame(random: &mut Random, role: Role, stream: &mut Vec<u8>, fragmented: &mut bool) {
    let payload = match random.below(12) {
        0 => random.bytes(5_000),
        1..4 => random.bytes(300),
        4..8 => random.text(30).into_bytes(),
        _ => random.bytes(20),
    };
    let control = random.chance(4);
    let op = if control {
        *random.pick(&[
            OpCode::Ping,
            OpCode::Pong,
            OpCode::Ping,
            OpCode::Pong,
            OpCode::Close,
        ])
    } else if *fragmented {
        OpCode::Continuation
    } else if std::str::from_utf8(&payload).is_ok() {
        OpCode::Text
    } else {
        OpCode::Binary
    };
    let payload = match op {
        OpCode::Close => [&[0x03, 0xe8][..], &random.text(9).into_bytes()].concat(),
        op if op.is_control() => payload[..payload.len().min(125)].to_vec(),
        _ => payload,
    };
    let start = stream.len();
    match role {
        Role::Server => {
            encode_masked_frame(stream, op, &payload, (random.next() as u32).to_le_bytes())
        }
        Role::Client => encode_frame(stream, op, &payload),
    }
    if !control {
        *fragmented = random.chance(4);
        if *fragmented {
            stream[start] &= 0x7f;
        }
    }
    if random.chance(25) {
        match random.below(5) {
            0 => stream[start] = random.next() as u8,
            1 => stream[start + 1] ^= 0x80,
            2 => stream.truncate(start + 1 + random.below(stream.len() - start)),
            _ => {
                let at = start + random.below(stream.len() - start);
                stream[at] ^= 1 << random.below(8);
            }
        }
    }
}

#[test]
fn tungstenite_agrees() {
    let mut random = Random::new(21);
    let (mut frames, mut agreed, mut listed) = (0, 0, 0);
    while frames < packets() {
        let role = if random.chance(2) {
            Role::Server
        } else {
            Role::Client
        };
        let mut stream = Vec::new();
        let mut fragmented = false;
        for _ in 0..1 + random.below(10) {
            frame(&mut random, role, &mut stream, &mut fragmented);
            frames += 1;
        }
        let size = 1 + random.below(stream.len());
        let (seen, misbehaviour) = ours(&stream, role, size);
        let expected = theirs(&stream, role);
        if seen == expected {
            agreed += 1;
            continue;
        }
        let reason = difference(&seen, misbehaviour, &expected);
        assert!(
            reason.is_some(),
            "we {seen:?} ({misbehaviour:?})\nit {expected:?}\n{stream:x?}"
        );
        listed += 1;
    }
    println!("{frames} frames: {agreed} streams alike, {listed} with a listed difference");
    assert!(agreed > 20 * listed, "most streams agree outright");
}

/// The differences there may be, each with its reason.
fn difference(
    seen: &[Seen],
    misbehaviour: Option<Misbehaviour>,
    expected: &[Seen],
) -> Option<&'static str> {
    let common = seen
        .iter()
        .zip(expected)
        .take_while(|(ours, theirs)| ours == theirs)
        .count();
    match (misbehaviour, expected.get(common)) {
        // tungstenite accepts lengths that are not in their shortest form, and reads on.
        (Some(Misbehaviour::NonMinimalLength | Misbehaviour::LengthTopBit), _) => {
            Some("we insist on the shortest form of a length (RFC 6455 §5.2)")
        }
        // It answers such a close with a protocol error of its own instead of refusing the frame.
        (Some(Misbehaviour::InvalidCloseCode), _) => {
            Some("a close code that must not be on the wire")
        }
        // Both refuse the frame; which of two faults is named first is nobody's business.
        (Some(_), Some(Seen::Refused(_))) if common + 1 == seen.len() => {
            Some("another fault of the same frame is named")
        }
        // We refuse from the header or from the first impossible byte; it waits for the whole frame,
        // which this stream never completes.
        (Some(_), None) if common + 1 == seen.len() => {
            Some("we refuse before the frame is complete")
        }
        _ => None,
    }
}

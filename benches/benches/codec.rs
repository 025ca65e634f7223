//! The codecs beside other people's: frames in, envelopes, events out.
//!
//! CPU time of the one thread that does all of it. Frames come from a stream in memory that never ends,
//! and every contender reads them as it would from a socket: unmasking, judging, handing out whole
//! messages. Envelopes are scanned from text that is at hand. Events are encoded from the same struct into
//! memory of their own; once for everybody, beside once for each, is `encode.rs`.
//! What it cannot show: sockets and partial reads. fastwebsockets is asynchronous even over memory, and
//! pays for that here as it does over sockets.

use std::{
    hint::black_box,
    io::{Read, Write},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::{BufMut, Bytes};
use fastwebsockets::FragmentCollector;
use ringside_benches::{
    codec::{EVENT, Endless, FRAME_BYTES, Input, Reading, STATE, State, frames, state},
    ratio::{Bound, Match, play_all, thread_time},
};
use ringside_core::FrameBuilder;
use ringside_proto::{
    socketio::{Packet, encode_event},
    ws::{OpCode, encode_masked_frame, server_header, unmask},
};
use serde_json::{Value, json};
use socketioxide_core::{
    Str,
    packet::{Packet as OxidePacket, PacketData},
    parser::{Parse, ParseConfig, ParserState},
};
use socketioxide_parser_common::CommonParser;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What our binaries use.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The work `each`, so many times.
fn repeat(mut each: impl FnMut()) -> impl FnMut(u64) -> Duration {
    move |times| {
        thread_time(|| {
            for _ in 0..times {
                each();
            }
        })
    }
}

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn unmasking(len: usize, unmask: fn(&mut [u8], [u8; 4])) -> impl FnMut(u64) -> Duration {
    let mut payload = vec![7; len];
    repeat(move || unmask(black_box(&mut payload), black_box(KEY)))
}

/// A client's frame into a buffer that is used again: copied and masked.
fn masking(len: usize) -> impl FnMut(u64) -> Duration {
    let (payload, mut out) = (vec![7; len], Vec::with_capacity(len + 14));
    repeat(move || {
        out.clear();
        encode_masked_frame(&mut out, OpCode::Binary, black_box(&payload), KEY);
        black_box(&out);
    })
}

/// The same by tungstenite, whose masking has no other way in from outside.
fn masking_by_tungstenite(len: usize) -> impl FnMut(u64) -> Duration {
    use tungstenite::protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    };
    let mut frame = Frame::message(vec![7; len], OpCode::Data(Data::Binary), true);
    frame.header_mut().mask = Some(KEY);
    let mut out = Vec::with_capacity(len + 14);
    repeat(move || {
        out.clear();
        let frame = black_box(&frame).clone();
        frame.format(&mut out).expect("memory takes it");
        black_box(&out);
    })
}

fn ours(op: OpCode, len: usize) -> impl FnMut(u64) -> Duration {
    let mut reading = Reading::new(frames(op, len).0);
    move |messages| {
        thread_time(|| {
            reading.read_messages(messages as usize, |payload| {
                black_box(payload);
            });
        })
    }
}

fn tungstenite(op: OpCode, len: usize) -> impl FnMut(u64) -> Duration {
    use tungstenite::{WebSocket, protocol::Role};
    let stream = Endless::new(frames(op, len).0);
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
    repeat(move || {
        black_box(socket.read().expect("the stream is well formed"));
    })
}

/// The endless stream for those who wait for their bytes: they never have to.
struct Ready(Endless);

impl AsyncRead for Ready {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let len = self.0.read(buf.initialize_unfilled())?;
        buf.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Ready {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(self.0.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn fastwebsockets(op: OpCode, len: usize) -> impl FnMut(u64) -> Duration {
    use fastwebsockets::{Role, WebSocket};
    let stream = Ready(Endless::new(frames(op, len).0));
    let mut socket = FragmentCollector::new(WebSocket::after_handshake(stream, Role::Server));
    repeat(move || {
        let reading = pin!(socket.read_frame());
        match reading.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(frame) => {
                black_box(frame.expect("the stream is well formed").payload.len());
            }
            Poll::Pending => unreachable!("memory is always ready"),
        }
    })
}

fn frames_in<'a>(op: OpCode, len: usize) -> Match<'a> {
    let kind = match op {
        OpCode::Text => "text",
        _ => "binary",
    };
    // Some 8 MB a round, and at least two of the streams.
    let messages = (8_000_000 / len).clamp(512, 40_000) as u64;
    Match::new(format!("codec/{kind} of {len} B"), "message", 1, messages)
        .enter("proto", ours(op, len))
        .enter("tungstenite", tungstenite(op, len))
        .enter("fastwebsockets", fastwebsockets(op, len))
        .expect(
            "tungstenite / proto",
            "tungstenite",
            "proto",
            Bound::AtLeast(1.0),
        )
        .expect(
            "fastwebsockets / proto",
            "fastwebsockets",
            "proto",
            Bound::None,
        )
}

fn unmasking_alone<'a>(len: usize) -> Match<'a> {
    let calls = (32_000_000 / len).min(200_000) as u64;
    Match::new(format!("codec/unmask {len} B"), "call", 1, calls)
        .enter("proto", unmasking(len, unmask))
        .enter("fastwebsockets", unmasking(len, fastwebsockets::unmask))
        .expect(
            "fastwebsockets / proto",
            "fastwebsockets",
            "proto",
            Bound::None,
        )
}

/// What socketioxide does before it has a handler: the packet, then the event's name.
fn oxide_scan() -> impl FnMut(u64) -> Duration {
    let (config, state) = (ParseConfig::default(), ParserState::default());
    let text = Str::from(EVENT);
    repeat(move || {
        let packet = CommonParser.decode_str(&config, &state, black_box(text.clone()));
        let packet = packet.expect("it is an event");
        let PacketData::Event(value, _) = &packet.inner else {
            unreachable!("it is an event")
        };
        black_box(CommonParser.read_event(value).expect("it has a name"));
    })
}

fn oxide_typed() -> impl FnMut(u64) -> Duration {
    let (config, state) = (ParseConfig::default(), ParserState::default());
    let text = Str::from(EVENT);
    repeat(move || {
        let packet = CommonParser.decode_str(&config, &state, black_box(text.clone()));
        let PacketData::Event(mut value, _) = packet.expect("it is an event").inner else {
            unreachable!("it is an event")
        };
        black_box(CommonParser.read_event(&value).expect("it has a name"));
        let input: Input = CommonParser
            .decode_value(&mut value, true)
            .expect("it has the type");
        black_box(&input);
    })
}

fn frames_out<'a>(len: usize) -> Match<'a> {
    let calls = (32_000_000 / len).min(100_000) as u64;
    Match::new(format!("codec/masked frame of {len} B"), "frame", 1, calls)
        .enter("proto", masking(len))
        .enter("tungstenite", masking_by_tungstenite(len))
        .expect(
            "tungstenite / proto",
            "tungstenite",
            "proto",
            Bound::AtLeast(1.0),
        )
}

fn envelopes<'a>() -> Match<'a> {
    Match::new("codec/envelope of a 60-byte event", "message", 1, 200_000)
        .enter(
            "proto, scanned",
            repeat(move || {
                black_box(&Packet::scan(black_box(EVENT)));
            }),
        )
        .enter(
            "proto, scanned, and its argument parsed",
            repeat(|| {
                let packet = Packet::scan(black_box(EVENT)).expect("it is an event");
                black_box(packet.event);
                let input: Input = packet.args(&[]).parse().expect("it has the type");
                black_box(&input);
            }),
        )
        .enter(
            "serde_json, as a Value",
            repeat(|| {
                black_box(&serde_json::from_str::<Value>(black_box(&EVENT[1..])));
            }),
        )
        .enter("socketioxide, packet and name", oxide_scan())
        .enter("socketioxide, and its argument parsed", oxide_typed())
        .expect(
            "Value / scan",
            "serde_json, as a Value",
            "proto, scanned",
            Bound::AtLeast(20.0),
        )
        .expect(
            "socketioxide / scan",
            "socketioxide, packet and name",
            "proto, scanned",
            Bound::None,
        )
        .expect(
            "socketioxide / proto, argument parsed",
            "socketioxide, and its argument parsed",
            "proto, scanned, and its argument parsed",
            Bound::AtLeast(1.0),
        )
}

/// Ours: serde writes into the frame, the header goes before it.
fn encode_ours(state: &State) -> ringside_core::Frame {
    let mut builder = FrameBuilder::with_headroom(10);
    builder.put_u8(b'4');
    encode_event(&mut builder, "/", None, STATE, black_box(state), None).expect("it encodes");
    let header = server_header(OpCode::Text, builder.payload_len());
    builder.finish(&header, 0)
}

/// socketioxide's packet; its Engine.IO and WebSocket layers come on top and are not counted.
fn encode_oxide(state: &State) -> Str {
    let value = CommonParser.encode_value(black_box(state), Some(STATE));
    let packet = OxidePacket::event("/", value.expect("it encodes"));
    match CommonParser.encode(packet) {
        socketioxide_core::Value::Str(text, _) => text,
        socketioxide_core::Value::Bytes(_) => unreachable!("the common parser writes text"),
    }
}

/// Through a `Value`, as one would by hand.
fn encode_value(state: &State) -> Bytes {
    let mut packet = String::from("42");
    packet += &json!([STATE, black_box(state)]).to_string();
    let mut frame = Vec::with_capacity(packet.len() + 10);
    frame.extend_from_slice(&server_header(OpCode::Text, packet.len()));
    frame.extend_from_slice(packet.as_bytes());
    Bytes::from(frame)
}

fn events_out<'a>(bytes: usize) -> Match<'a> {
    let (one, two, three) = (state(bytes), state(bytes), state(bytes));
    Match::new(format!("codec/event of {bytes} B"), "event", 1, 50_000)
        .enter(
            "proto, a whole frame",
            repeat(move || {
                black_box(encode_ours(&one));
            }),
        )
        .enter(
            "socketioxide, the packet alone",
            repeat(move || {
                black_box(encode_oxide(&two));
            }),
        )
        .enter(
            "serde_json, through a Value",
            repeat(move || {
                black_box(encode_value(&three));
            }),
        )
        .expect(
            "socketioxide / proto",
            "socketioxide, the packet alone",
            "proto, a whole frame",
            Bound::AtLeast(1.0),
        )
        .expect(
            "Value / proto",
            "serde_json, through a Value",
            "proto, a whole frame",
            Bound::None,
        )
}

fn main() {
    let mut matches = Vec::new();
    for len in FRAME_BYTES {
        matches.push(unmasking_alone(len));
        matches.push(frames_out(len));
        matches.push(frames_in(OpCode::Binary, len));
        matches.push(frames_in(OpCode::Text, len));
    }
    matches.push(envelopes());
    matches.extend([32, 512].map(events_out));
    play_all(matches);
}

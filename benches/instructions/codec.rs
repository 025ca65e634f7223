//! Instructions of the codecs, ours beside other people's, which do not depend on how busy the machine is.
//!
//! `cargo bench -p ringside-benches --bench codec_instructions`; needs valgrind and `gungraun-runner` in
//! the version of the `gungraun` crate. Blind to what vectors save in time: those are counted as one
//! instruction each, which is why `codec` measures time as well.

#![expect(missing_docs, reason = "the macros make modules without any")]

use std::hint::black_box;

use bytes::BufMut;
use gungraun::{library_benchmark, library_benchmark_group, main};
use ringside_benches::codec::{EVENT, Endless, Input, Reading, STATE, State, frames, state};
use ringside_core::{Frame, FrameBuilder};
use ringside_proto::{
    socketio::{Packet, encode_event},
    ws::{OpCode, server_header, unmask},
};
use serde_json::Value;
use socketioxide_core::{
    Str,
    packet::Packet as OxidePacket,
    parser::{Parse, ParseConfig, ParserState},
};
use socketioxide_parser_common::CommonParser;
use tungstenite::{WebSocket, protocol::Role};

// The key alone.
#[library_benchmark]
#[bench::of_60_bytes(vec![7; 60])]
#[bench::of_4096_bytes(vec![7; 4096])]
fn unmasking(mut payload: Vec<u8>) -> Vec<u8> {
    unmask(black_box(&mut payload), black_box([0x37, 0xfa, 0x21, 0x3d]));
    payload
}

/// Past the first reads, so that memory has its working size.
fn reading(len: usize) -> (Reading, usize) {
    let (stream, count) = frames(OpCode::Text, len);
    let mut reading = Reading::new(stream);
    reading.read_messages(count, |_| ());
    (reading, count)
}

// As many text messages as the stream holds: 256 of 60 bytes, 128 of 512.
#[library_benchmark]
#[bench::text_of_60(reading(60))]
#[bench::text_of_512(reading(512))]
fn decode((mut reading, count): (Reading, usize)) -> Reading {
    reading.read_messages(count, |payload| {
        black_box(payload);
    });
    // Handed back, so that dropping it is not counted.
    reading
}

fn socket(len: usize) -> (WebSocket<Endless>, usize) {
    let (stream, count) = frames(OpCode::Text, len);
    let mut socket = WebSocket::from_raw_socket(Endless::new(stream), Role::Server, None);
    (0..count).for_each(|_| drop(socket.read()));
    (socket, count)
}

// The same by tungstenite.
#[library_benchmark]
#[bench::text_of_60(socket(60))]
#[bench::text_of_512(socket(512))]
fn decode_by_tungstenite((mut socket, count): (WebSocket<Endless>, usize)) -> WebSocket<Endless> {
    for _ in 0..count {
        black_box(socket.read().expect("the stream is well formed"));
    }
    socket
}

// The envelope of one event.
#[library_benchmark]
#[bench::of_60_bytes(EVENT)]
fn scan(text: &str) -> Packet<'_> {
    Packet::scan(black_box(text)).expect("it is an event")
}

// The envelope, and the argument as the handler's type.
#[library_benchmark]
#[bench::of_60_bytes(EVENT)]
fn scan_and_parse(text: &str) -> Input {
    let packet = Packet::scan(black_box(text)).expect("it is an event");
    packet.args(&[]).parse().expect("it has the type")
}

// The same text as a tree of values.
#[library_benchmark]
#[bench::of_60_bytes(&EVENT[1..])]
fn parse_by_serde_json(text: &str) -> Value {
    serde_json::from_str(black_box(text)).expect("it is JSON")
}

fn oxide() -> (ParseConfig, ParserState, Str) {
    let (config, state) = (ParseConfig::default(), ParserState::default());
    (config, state, Str::from(EVENT))
}

// The packet alone, by socketioxide; it reads the name in a second step.
#[library_benchmark]
#[bench::of_60_bytes(oxide())]
fn scan_by_socketioxide(
    (config, state, text): (ParseConfig, ParserState, Str),
) -> (OxidePacket, ParserState) {
    let packet = CommonParser.decode_str(&config, &state, black_box(text));
    (packet.expect("it is an event"), state)
}

// A whole frame: Engine.IO's type, the packet, WebSocket's header.
#[library_benchmark]
#[bench::of_32_bytes(state(32))]
#[bench::of_512_bytes(state(512))]
fn encode(state: State) -> (Frame, State) {
    let mut builder = FrameBuilder::with_headroom(10);
    builder.put_u8(b'4');
    encode_event(&mut builder, "/", None, STATE, black_box(&state), None).expect("it encodes");
    let header = server_header(OpCode::Text, builder.payload_len());
    (builder.finish(&header, 0), state)
}

// The packet alone, by socketioxide.
#[library_benchmark]
#[bench::of_32_bytes(state(32))]
#[bench::of_512_bytes(state(512))]
fn encode_by_socketioxide(state: State) -> (socketioxide_core::Value, State) {
    let value = CommonParser.encode_value(black_box(&state), Some(STATE));
    let packet = OxidePacket::event("/", value.expect("it encodes"));
    (CommonParser.encode(packet), state)
}

library_benchmark_group!(
    name = codec,
    benchmarks = [
        unmasking,
        decode,
        decode_by_tungstenite,
        scan,
        scan_and_parse,
        parse_by_serde_json,
        scan_by_socketioxide,
        encode,
        encode_by_socketioxide
    ]
);
main!(
    config = ringside_benches::need::counting(gungraun::LibraryBenchmarkConfig::default());
    library_benchmark_groups = codec
);

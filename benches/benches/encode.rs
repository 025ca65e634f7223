//! Encoding once for everybody, beside encoding for everybody.
//!
//! CPU time a receiver, for a thousand receivers of one Socket.IO event with a small and with a larger
//! argument. Both sides deliver: encode, publish, route and submit to each receiver's sink, once with one
//! frame for all, once with a frame for each. Beside them the encoding alone, with nothing delivered, ours
//! and socketioxide's.
//! What it cannot show: what compression would change (in favour of once).

use std::{hint::black_box, time::Duration};

use bytes::{BufMut, BytesMut};
use ringside_benches::{
    codec::{STATE, State, state},
    ratio::{Bound, Match, play_all, thread_time},
    stage::Stage,
};
use ringside_core::{Class, Frame, FrameBuilder};
use ringside_proto::{
    socketio::encode_event,
    ws::{OpCode, server_header},
};
use socketioxide_core::{packet::Packet, parser::Parse};
use socketioxide_parser_common::CommonParser;

const RECEIVERS: usize = 1_000;

/// The event as a WebSocket message.
fn event(into: &mut impl BufMut, state: &State) {
    into.put_u8(b'4');
    encode_event(into, "/", None, STATE, black_box(state), None).expect("memory takes it");
}

/// The event as a frame: one allocation.
fn frame(state: &State) -> Frame {
    let mut builder = FrameBuilder::with_headroom(10);
    event(&mut builder, state);
    let header = server_header(OpCode::Text, builder.payload_len());
    builder.finish(&header, 0)
}

/// Encoded once, then published to everybody.
fn once(state: State) -> impl FnMut(u64) -> Duration {
    let mut stage = Stage::of(RECEIVERS);
    move |publishes| {
        thread_time(|| {
            for _ in 0..publishes {
                stage.publish(frame(&state));
                stage.flush_and_turn();
            }
        })
    }
}

/// Encoded for each receiver, and sent to it alone.
fn for_each_delivered(state: State) -> impl FnMut(u64) -> Duration {
    let mut stage = Stage::of(RECEIVERS);
    let conns = stage.conns.clone();
    move |publishes| {
        thread_time(|| {
            for _ in 0..publishes {
                // As many at a time as a lane holds.
                for some in conns.chunks(500) {
                    for conn in some {
                        let frame = frame(&state);
                        let sent = stage.publisher.unicast(*conn, Class::Reliable, frame);
                        sent.expect("the lane is drained every turn");
                    }
                    // A turn drains 256.
                    stage.flush_and_turn();
                    stage.flush_and_turn();
                }
            }
        })
    }
}

/// Encoded for each receiver, into memory of its own, and not delivered.
fn for_each(encode: impl Fn()) -> impl FnMut(u64) -> Duration {
    move |publishes| {
        thread_time(|| {
            for _ in 0..publishes * RECEIVERS as u64 {
                encode();
            }
        })
    }
}

/// Encoded for each receiver, into one buffer that is used again and again.
fn for_each_in_place(state: State) -> impl FnMut(u64) -> Duration {
    let mut message = BytesMut::with_capacity(1024);
    move |publishes| {
        thread_time(|| {
            for _ in 0..publishes * RECEIVERS as u64 {
                message.clear();
                event(&mut message, &state);
                black_box((server_header(OpCode::Text, message.len()), &message));
            }
        })
    }
}

/// The packet alone, as socketioxide writes it for each receiver of its own.
fn oxide(state: &State) {
    let value = CommonParser.encode_value(black_box(state), Some(STATE));
    let packet = Packet::event("/", value.expect("it encodes"));
    black_box(CommonParser.encode(packet));
}

fn receivers<'a>(title: &'static str, bytes: usize) -> Match<'a> {
    let (ours, theirs) = (state(bytes), state(bytes));
    Match::new(title, "receiver", RECEIVERS as u64, 100)
        .enter("once, and delivered", once(state(bytes)))
        .enter("for each, and delivered", for_each_delivered(state(bytes)))
        .enter(
            "for each, encoded only",
            for_each(move || {
                black_box(frame(&ours));
            }),
        )
        .enter(
            "for each, encoded only, in one buffer",
            for_each_in_place(state(bytes)),
        )
        .enter(
            "for each, socketioxide's packet only",
            for_each(move || oxide(&theirs)),
        )
        .expect(
            "for each / once, both delivered",
            "for each, and delivered",
            "once, and delivered",
            Bound::AtLeast(30.0),
        )
        .expect(
            "for each, encoded only / once, and delivered",
            "for each, encoded only",
            "once, and delivered",
            Bound::None,
        )
}

fn main() {
    play_all(vec![
        receivers("encode/1000 receivers", 32),
        receivers("encode/1000 receivers, 512 B", 512),
    ]);
}

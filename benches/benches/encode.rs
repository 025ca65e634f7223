//! Encoding once for everybody, beside encoding for everybody.
//!
//! CPU time a receiver, for a thousand receivers of one small game message in Socket.IO's form. Both sides
//! deliver: encode, publish, route and submit to each receiver's sink, once with one frame for all, once
//! with a frame for each. Beside them the encoding alone, with nothing delivered.
//! What it cannot show: what a compression or a large message would change (both in favour of once).

use std::{hint::black_box, time::Duration};

use bytes::BufMut;
use ringside_benches::{
    ratio::{Bound, Match, play_all, thread_time},
    stage::Stage,
};
use ringside_core::{Class, FrameBuilder};
use serde::Serialize;

const RECEIVERS: usize = 1_000;

/// A game's message, 32 bytes as JSON.
#[derive(Serialize)]
struct Position {
    id: u32,
    x: i32,
    y: i32,
}

const POSITION: Position = Position {
    id: 4711,
    x: -1234,
    y: 567,
};

/// The event, as it stands behind the header.
fn event(mut into: impl BufMut, position: &Position) {
    into.put_slice(b"42[\"pos\",");
    serde_json::to_writer((&mut into).writer(), position).expect("memory takes it");
    into.put_u8(b']');
}

fn header(len: usize) -> [u8; 2] {
    [0x81, len as u8]
}

/// Encoded once, then published to everybody.
fn once() -> impl FnMut(u64) -> Duration {
    let mut stage = Stage::of(RECEIVERS);
    move |publishes| {
        thread_time(|| {
            for _ in 0..publishes {
                let mut builder = FrameBuilder::with_headroom(10);
                event(&mut builder, black_box(&POSITION));
                let header = header(builder.payload_len());
                stage.publish(builder.finish(&header, 0));
                stage.flush_and_turn();
            }
        })
    }
}

/// Encoded for each receiver, and sent to it alone.
fn for_each_delivered() -> impl FnMut(u64) -> Duration {
    let mut stage = Stage::of(RECEIVERS);
    let conns = stage.conns.clone();
    move |publishes| {
        thread_time(|| {
            for _ in 0..publishes {
                // As many at a time as a lane holds.
                for some in conns.chunks(500) {
                    for conn in some {
                        let mut builder = FrameBuilder::with_headroom(10);
                        event(&mut builder, black_box(&POSITION));
                        let header = header(builder.payload_len());
                        let frame = builder.finish(&header, 0);
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

/// Encoded for each receiver, into memory of its own.
fn for_each() -> impl FnMut(u64) -> Duration {
    |publishes| {
        thread_time(|| {
            for _ in 0..publishes * RECEIVERS as u64 {
                let mut message = Vec::with_capacity(64);
                message.put_slice(&[0, 0]);
                event(&mut message, black_box(&POSITION));
                let header = header(message.len() - 2);
                message[..2].copy_from_slice(&header);
                black_box(message);
            }
        })
    }
}

/// Encoded for each receiver, into one buffer that is used again and again.
fn for_each_in_place() -> impl FnMut(u64) -> Duration {
    let mut message = Vec::with_capacity(64);
    move |publishes| {
        thread_time(|| {
            for _ in 0..publishes * RECEIVERS as u64 {
                message.clear();
                message.put_slice(&[0, 0]);
                event(&mut message, black_box(&POSITION));
                let header = header(message.len() - 2);
                message[..2].copy_from_slice(&header);
                black_box(&message);
            }
        })
    }
}

fn main() {
    play_all(vec![
        Match::new("encode/1000 receivers", "receiver", RECEIVERS as u64, 100)
            .enter("once, and delivered", once())
            .enter("for each, and delivered", for_each_delivered())
            .enter("for each, encoded only", for_each())
            .enter("for each, encoded only, in one buffer", for_each_in_place())
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
            ),
    ]);
}

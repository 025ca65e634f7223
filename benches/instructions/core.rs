//! Instructions of the core's steps, which do not depend on how busy the machine is.
//!
//! `cargo bench -p ringside-benches --bench core_instructions`; needs valgrind and `gungraun-runner` in
//! the version of the `gungraun` crate. Blind to caches shared between cores, fences and system calls:
//! those are what the ratios of `ring`, `fanout` and `turn` are for.

#![expect(missing_docs, reason = "the macros make modules without any")]

use std::hint::black_box;

use bytes::BufMut;
use gungraun::{library_benchmark, library_benchmark_group, main};
use ringside_benches::stage::{MESSAGE_BYTES, Stage, message};
use ringside_core::{
    Frame, FrameBuilder, Millis,
    bench_api::{LaneReader, LaneWriter, lane},
};

/// A stage and frames that are made already.
fn with_frames(subscribers: usize, count: usize) -> (Stage, Vec<Frame>) {
    let frames = (0..count).map(|_| message()).collect();
    (Stage::of(subscribers), frames)
}

// Sixteen frames, staged and shown.
#[library_benchmark]
#[bench::to_10(with_frames(10, 16))]
#[bench::to_1000(with_frames(1_000, 16))]
fn publish((mut stage, frames): (Stage, Vec<Frame>)) -> Stage {
    for frame in frames {
        stage.publish(black_box(frame));
    }
    stage.publisher.flush();
    // Handed back, so that dropping it is not counted.
    stage
}

fn filled(count: u64) -> (LaneWriter, LaneReader) {
    let (mut writer, reader) = lane();
    (0..count).for_each(|number| writer.stage(number));
    writer.publish();
    (writer, reader)
}

// The lane alone.
#[library_benchmark]
#[bench::of_256(filled(256))]
fn drain((writer, mut reader): (LaneWriter, LaneReader)) -> (u64, LaneWriter, LaneReader) {
    let mut sum = 0u64;
    reader.drain(|number| sum = sum.wrapping_add(number));
    reader.release();
    (black_box(sum), writer, reader)
}

fn published(subscribers: usize, count: usize) -> Stage {
    let mut stage = Stage::of(subscribers);
    (0..count).for_each(|_| stage.publish(message()));
    stage.publisher.flush();
    stage
}

// A turn: drained, routed, submitted to a sink that only counts.
#[library_benchmark]
#[bench::one_to_200(published(200, 1))]
#[bench::one_to_1000(published(1_000, 1))]
#[bench::sixteen_to_1000(published(1_000, 16))]
fn route(mut stage: Stage) -> Stage {
    black_box(stage.shard.turn(Millis(0)));
    stage
}

fn backlogged(subscribers: usize) -> Stage {
    let mut stage = published(subscribers, 1);
    stage.shard.sink().blocked = true;
    stage.shard.turn(Millis(0));
    stage.publish(message());
    stage.publisher.flush();
    stage
}

// A turn for connections that are behind: one more message into each outbox.
#[library_benchmark]
#[bench::one_to_100(backlogged(100))]
fn outbox_push(mut stage: Stage) -> Stage {
    black_box(stage.shard.turn(Millis(0)));
    stage
}

// Payload and header into a frame.
#[library_benchmark]
#[bench::of_66_bytes([7; MESSAGE_BYTES])]
fn frame_encode(payload: [u8; MESSAGE_BYTES]) -> Frame {
    let mut builder = FrameBuilder::with_headroom(10);
    builder.put_slice(black_box(&payload));
    let header = [0x81, builder.payload_len() as u8];
    builder.finish(black_box(&header), 0)
}

library_benchmark_group!(
    name = core,
    benchmarks = [publish, drain, route, outbox_push, frame_encode]
);
main!(
    config = ringside_benches::need::counting(gungraun::LibraryBenchmarkConfig::default());
    library_benchmark_groups = core
);

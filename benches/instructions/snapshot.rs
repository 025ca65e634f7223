//! Instructions of snapshots on ARENA-N, which do not depend on how busy the machine is.
//!
//! `cargo bench -p ringside-benches --bench snapshot_instructions`; needs valgrind and
//! `gungraun-runner` in the version of the `gungraun` crate.

#![expect(missing_docs, reason = "the macros make modules without any")]

use gungraun::{library_benchmark, library_benchmark_group, main};
use ringside_benches::snapshot::{Stage, steady, viewer};
use ringside_netcode::arena_n::Variant;
use ringside_netcode::interest::View;
use ringside_netcode::snapshot::{Decoder, FrameIndex, Held, Viewer};
use std::hint::black_box;

type Steady = (Stage, Viewer, View);

#[library_benchmark]
#[bench::j100_100(steady(Variant::J100, 100, 1))]
#[bench::j100_500(steady(Variant::J100, 500, 1))]
#[bench::m30_500(steady(Variant::M30, 500, 1))]
#[bench::j100_500_cells(steady(Variant::J100, 500, 4))]
fn encode((mut stage, mut viewer, view): Steady) -> (Result<FrameIndex, Held>, Steady) {
    let frame = black_box(stage.frame(&mut viewer, &view));
    // Handed back, so that dropping it is not counted.
    (frame, (stage, viewer, view))
}

fn frames(variant: Variant, n: usize) -> (Decoder, Vec<u8>) {
    let mut stage = Stage::new(variant, n, 1);
    let mut seer = viewer(None);
    let view = stage.everything();
    let mut decoder = Decoder::new(stage.world.layers().clone());
    for tick in 0.. {
        stage.step();
        stage.capture();
        let frame = stage.frame(&mut seer, &view).expect("nothing holds it");
        let mut bytes = Vec::new();
        stage.world.copy_frame(frame, &mut bytes);
        // Past the decoder's memory of frames, where it reuses what it forgets.
        if tick == 40 {
            return (decoder, bytes);
        }
        decoder.read(&bytes).expect("a good frame");
    }
    unreachable!("the loop returns")
}

#[library_benchmark]
#[bench::j100_100(frames(Variant::J100, 100))]
#[bench::j100_500(frames(Variant::J100, 500))]
fn decode((mut decoder, bytes): (Decoder, Vec<u8>)) -> Decoder {
    black_box(decoder.read(&bytes)).expect("a good frame");
    decoder
}

fn crowd(count: usize) -> (Stage, Vec<Viewer>, View) {
    let mut stage = Stage::new(Variant::J100, 500, 4);
    let view = stage.everything();
    let mut viewers: Vec<Viewer> = (0..count).map(|_| viewer(None)).collect();
    for _ in 0..3 {
        stage.step();
        stage.capture();
        for viewer in &mut viewers {
            stage.frame(viewer, &view).expect("nothing holds it");
        }
    }
    stage.step();
    stage.capture();
    (stage, viewers, view)
}

#[library_benchmark]
#[bench::one(crowd(1))]
#[bench::ten(crowd(10))]
#[bench::thousand(crowd(1000))]
fn viewers((mut stage, mut viewers, view): (Stage, Vec<Viewer>, View)) -> (Stage, Vec<Viewer>) {
    for viewer in &mut viewers {
        black_box(stage.frame(viewer, &view)).expect("nothing holds it");
    }
    (stage, viewers)
}

fn budgeted_stage() -> Steady {
    let (mut stage, _, view) = steady(Variant::J100, 500, 4);
    let mut seer = viewer(Some((8_000, 42)));
    for _ in 0..30 {
        stage.step();
        stage.capture();
        let _ = stage.frame(&mut seer, &view);
    }
    stage.step();
    stage.capture();
    (stage, seer, view)
}

#[library_benchmark]
#[bench::half(budgeted_stage())]
fn budgeted((mut stage, mut viewer, view): Steady) -> (Result<FrameIndex, Held>, Steady) {
    let frame = black_box(stage.frame(&mut viewer, &view));
    (frame, (stage, viewer, view))
}

#[library_benchmark]
#[bench::sixteen_by_sixteen(Stage::new(Variant::J100, 500, 16))]
fn look(stage: Stage) -> (Stage, View) {
    let mut view = View::new();
    stage
        .grid
        .look(black_box(&mut view), 20_000, 30_000, 5_000, 1_000);
    (stage, view)
}

library_benchmark_group!(
    name = snapshot,
    benchmarks = [encode, decode, viewers, budgeted, look]
);
main!(
    config = ringside_benches::need::counting(gungraun::LibraryBenchmarkConfig::default());
    library_benchmark_groups = snapshot
);

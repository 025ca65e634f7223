//! Wall time of snapshots on ARENA-N: taking the scene in, encoding, decoding, interest, budgets,
//! and what more viewers cost. Every decoded tick is checked by hash outside the timing. What is
//! reported is the median tick, times the ticks: a busy machine's pauses do not count.
//!
//! `cargo bench -p ringside-benches --bench snapshot`. For a rival in the same minute see
//! `rivals/colyseus-schema`.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ringside_benches::snapshot::{Stage, viewer};
use ringside_netcode::arena_n::Variant;
use ringside_netcode::interest::View;
use ringside_netcode::snapshot::{Decoder, Viewer};
use std::hint::black_box;
use std::time::{Duration, Instant};

const VARIANTS: [Variant; 3] = [Variant::J100, Variant::M100, Variant::M30];

/// Runs ticks; of each, `timed` returns the time that counts. Returns the median, times `count`.
fn ticks(stage: &mut Stage, count: u64, mut timed: impl FnMut(&mut Stage) -> Duration) -> Duration {
    let mut times = Vec::with_capacity(count as usize);
    for _ in 0..count {
        stage.step();
        stage.capture();
        times.push(timed(stage));
        let frames = stage.world.take_frames();
        stage.world.recycle(frames);
    }
    median(times) * count as u32
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn capture(c: &mut Criterion) {
    let mut group = c.benchmark_group("capture");
    for n in [100, 500] {
        let mut stage = Stage::new(Variant::J100, n, 1);
        group.bench_function(BenchmarkId::from_parameter(n), |b| {
            b.iter_custom(|count| {
                let mut times = Vec::with_capacity(count as usize);
                for _ in 0..count {
                    stage.step();
                    let start = Instant::now();
                    stage.capture();
                    times.push(start.elapsed());
                }
                median(times) * count as u32
            });
        });
    }
    group.finish();
}

/// One viewer's frame, header and blocks, with a baseline one tick old; then decoding it.
fn encode_and_decode(c: &mut Criterion) {
    for side in [1, 4] {
        for variant in VARIANTS {
            for n in [100, 500] {
                let name = format!("{variant:?}/{n}/{side}x{side}");
                let mut stage = Stage::new(variant, n, side);
                let view = stage.everything();
                let mut seer = viewer(None);
                let mut decoder = Decoder::new(stage.world.layers().clone());
                let mut bytes = Vec::new();
                let mut one = |stage: &mut Stage| {
                    let start = Instant::now();
                    let frame = stage.frame(&mut seer, &view).expect("nothing holds it");
                    let encoding = start.elapsed();
                    bytes.clear();
                    stage.world.copy_frame(frame, &mut bytes);
                    let start = Instant::now();
                    decoder.read(&bytes).expect("a good frame");
                    let decoding = start.elapsed();
                    stage.check(&decoder);
                    (encoding, decoding)
                };
                let mut group = c.benchmark_group("encode");
                group.bench_function(&name, |b| {
                    b.iter_custom(|count| ticks(&mut stage, count, |stage| one(stage).0));
                });
                group.finish();
                let mut group = c.benchmark_group("decode");
                group.bench_function(&name, |b| {
                    b.iter_custom(|count| ticks(&mut stage, count, |stage| one(stage).1));
                });
                group.finish();
            }
        }
    }
}

/// All frames of a tick for viewers who see the same: blocks are encoded for the first, the others
/// cost a header.
fn viewers(c: &mut Criterion) {
    let mut group = c.benchmark_group("viewers");
    for count in [1, 10, 1000] {
        let mut stage = Stage::new(Variant::J100, 500, 4);
        let view = stage.everything();
        let mut seers: Vec<Viewer> = (0..count).map(|_| viewer(None)).collect();
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter_custom(|rounds| {
                ticks(&mut stage, rounds, |stage| {
                    let start = Instant::now();
                    for seer in &mut seers {
                        let frame = stage.frame(seer, &view);
                        black_box(frame).expect("nothing holds it");
                    }
                    start.elapsed()
                })
            });
        });
        let counters = stage.world.counters();
        assert!(
            counters.uses >= counters.blocks * count,
            "blocks are shared: {counters:?}"
        );
    }
    group.finish();
}

/// A frame for a client whose budget carries half of what it sees.
fn budgeted(c: &mut Criterion) {
    let mut stage = Stage::new(Variant::J100, 500, 4);
    let view = stage.everything();
    let mut seer = viewer(Some((8_000, 42)));
    c.bench_function("budgeted frame", |b| {
        b.iter_custom(|count| {
            ticks(&mut stage, count, |stage| {
                let start = Instant::now();
                let _ = black_box(stage.frame(&mut seer, &view));
                start.elapsed()
            })
        });
    });
}

/// Assigning entities to cells, and fitting a client's view to where it looks.
fn interest(c: &mut Criterion) {
    let mut stage = Stage::new(Variant::J100, 500, 16);
    let mut group = c.benchmark_group("interest");
    group.bench_function("assign 500 entities", |b| {
        b.iter(|| {
            for (mover, cell) in stage.arena.movers().iter().zip(&mut stage.cells) {
                *cell = stage.grid.cell_after(*cell, mover.x.into(), mover.y.into());
            }
        });
    });
    let mut view = View::new();
    let mut at = 0;
    group.bench_function("look", |b| {
        b.iter(|| {
            at = (at + 97) % 65536;
            stage
                .grid
                .look(black_box(&mut view), at, 65535 - at, 5000, 1000);
        });
    });
    group.finish();
}

criterion_group! {
    name = snapshot;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = capture, encode_and_decode, viewers, budgeted, interest
}
criterion_main!(snapshot);

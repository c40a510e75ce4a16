//! The parts of the engines, each by itself: `cargo bench -p wfo-core`.
//!
//! The bars are a random walk from a fixed seed, as long as ten years of days; what whole sweeps cost
//! on real ones, `benches/grid.py` measures.
#![expect(clippy::expect_used, reason = "a bench may stop where its own input is wrong")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use wfo_core::engine::direct;
use wfo_core::engine::tiers::Tier;
use wfo_core::execution::touches::Way;
use wfo_core::strategies::atr_d::factored;
use wfo_core::strategies::atr_d::factored::parts::{FirstTouch, RangeSummaries, SignedBars};
use wfo_core::strategies::atr_d::{Settings, Task, VARIANTS, Variant};
use wfo_core::{AccountSettings, Axis, Bars, Feeds, Grid, Slice, indicators};

const BARS: usize = 2_516;

/// A random walk of daily bars.
fn bars() -> Bars {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut columns: [Vec<f64>; 4] = Default::default();
    let mut close = 100.0;
    for _ in 0..BARS {
        let open = close * (1.0 + 0.004 * (uniform() - 0.5));
        close = open * (1.0 + 0.025 * (uniform() - 0.49));
        let high = f64::max(open, close) * (1.0 + 0.006 * uniform());
        let low = f64::min(open, close) * (1.0 - 0.006 * uniform());
        for (column, x) in columns.iter_mut().zip([open, high, low, close]) {
            column.push(x);
        }
    }
    let [open, high, low, close] = columns;
    Bars::new(open, high, low, close).expect("valid bars")
}

fn tables(c: &mut Criterion) {
    let bars = bars();
    let true_range = indicators::true_range(&bars);
    let mut group = c.benchmark_group("tables");
    group.throughput(Throughput::Elements(BARS as u64));
    group.bench_function("mean of 20", |b| b.iter(|| indicators::mean(&true_range, 20)));
    group.bench_function("range summaries", |b| b.iter(|| RangeSummaries::new(bars.close())));
    let signed = SignedBars::new(&bars, 0..BARS, Way::Down);
    for (name, atrs) in [("tight", 0.5), ("usual", 3.0), ("wide", 20.0)] {
        let distance: Vec<f64> =
            indicators::mean(&true_range, 20).iter().map(|x| x * atrs).collect();
        let mut table = FirstTouch::default();
        group.bench_function(format!("first touches of a {name} stop"), |b| {
            b.iter(|| signed.trail_extreme(black_box(&distance), &mut table));
        });
    }
    group.finish();
    let summaries = RangeSummaries::new(bars.close());
    c.bench_function("one range summary", |b| {
        b.iter(|| summaries.between(black_box(700), black_box(731)))
    });
}

/// Eight rows of a grid, whole.
fn task(variant: Variant) -> (Task, u64) {
    let mut axes = vec![
        vec![16.0],
        vec![2.0, 6.0],
        vec![25.0],
        vec![1.0, 2.0],
        vec![0.1],
        vec![0.1, 0.7],
        vec![0.0],
        vec![8.0, 32.0],
        vec![0.5, 1.5, 3.0],
        vec![6.0],
        vec![0.0],
    ];
    if variant.shorts {
        axes.push(vec![0.5, 1.0]);
    }
    if variant.modes {
        axes.extend([vec![0.0, 1.0, 2.0], vec![10.0], vec![0.0, 0.05], vec![0.0, 1.0]]);
    }
    let (count, values) = (axes.len(), axes.into_iter().enumerate());
    let hull = variant.hull.then(|| {
        let pairs = [[10.0, 60.0], [10.0, 90.0], [40.0, 60.0], [40.0, 90.0]];
        Axis::new(vec![count, count + 1], pairs.map(Vec::from).into())
    });
    let axes = values.map(|(i, values)| Axis::of(i, values)).chain(hull);
    let grid = Grid::new(axes.collect()).expect("a grid");
    let slices = [(110, 865, 1_369), (613, 1_244, 1_871), (1_117, 1_747, BARS)];
    let slices = slices.map(|(warmup, split, end)| Slice { warmup, split, end });
    let feeds = Feeds::of(bars(), variant.dual.then(bars)).expect("bars that fit");
    let combinations = grid.len();
    let (account, settings) = (AccountSettings::default(), Settings::default());
    let task = Task::new(variant, &feeds, grid, account, &settings, slices.into());
    (task.expect("a task"), combinations * 3)
}

fn sweeps(c: &mut Criterion) {
    let mut group = c.benchmark_group("sweep");
    for variant in VARIANTS.into_iter().filter(|variant| !variant.dual) {
        let (work, cells) = task(variant);
        group.throughput(Throughput::Elements(cells));
        let sweep = direct::Sweep::new(work);
        group.bench_function(format!("{} direct", variant.name), |b| {
            b.iter(|| sweep.run(0..cells / 3));
        });
        for tier in Tier::here() {
            let sweep = factored::Sweep::new(task(variant).0, tier).expect("a sweep");
            group.bench_function(format!("{} factored {}", variant.name, tier.name()), |b| {
                b.iter(|| sweep.run(0..cells / 3));
            });
        }
    }
    group.finish();
    c.bench_function("prepare atr_d_l", |b| {
        let make = || task(VARIANTS[0]).0;
        b.iter_batched(
            make,
            |task| factored::Sweep::new(task, Tier::best()),
            BatchSize::LargeInput,
        );
    });
}

criterion_group!(parts, tables, sweeps);
criterion_main!(parts);

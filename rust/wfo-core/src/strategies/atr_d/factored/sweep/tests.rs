use super::*;
use crate::engine::direct;
use crate::execution::settings::AccountSettings;
use crate::execution::settings::Sizing;
use crate::figures::Figures;
use crate::grid::Grid;
use crate::market::bars::Bars;
use crate::market::slice::Slice;
use crate::strategies::atr_d::EntryStyle;
use crate::strategies::atr_d::params::VARIANTS;
use crate::strategies::atr_d::testing::{feeds, grid_of};
use crate::strategies::atr_d::{Settings, Variant};

/// Bars that swing enough for every variant to trade, with gaps and flat ranges; in quarters,
/// or in parts so small that hardly a product of prices is exact.
fn swings(bars: usize, parts: f64) -> Bars {
    let mut columns: [Vec<f64>; 4] = Default::default();
    for i in 0..bars {
        let x = i as f64;
        let close = 100.0 + 9.0 * (x * 0.7).sin() + 5.0 * (x * 0.13).cos();
        let open = close + if i % 7 == 3 { 4.0 } else { 0.5 };
        let bar = [open, open.max(close) + 1.0, open.min(close) - 1.0, close];
        for (column, x) in columns.iter_mut().zip(bar) {
            column.push((x * parts).round() / parts);
        }
    }
    let [open, high, low, close] = columns;
    Bars::new(open, high, low, close).expect("valid bars")
}

fn grid(variant: Variant) -> Grid {
    let axes = [
        vec![5.0, 20.0],
        vec![0.5, 1.5, 4.0],
        vec![10.0],
        vec![1.0, 2.0],
        vec![0.02, 0.04],
        vec![0.3],
        vec![0.0, 2.0],
        vec![8.0, 30.0],
        vec![0.25, 0.5],
        vec![3.0],
        vec![0.0, 1.0],
    ];
    let mut axes: Vec<Vec<f64>> = axes.into();
    if variant.shorts {
        axes.push(vec![0.4, 1.0]);
    }
    if variant.modes {
        axes.extend([vec![0.0, 1.0, 2.0], vec![4.0], vec![-1.0, 0.05], vec![0.0, 1.0]]);
    }
    grid_of(variant, axes, [&[5.0, 12.0], &[9.0, 16.0]])
}

/// Account and entry style.
type Style = (AccountSettings, EntryStyle);

const USUAL: AccountSettings = AccountSettings {
    capital: 100_000.0,
    slip: 0.0,
    fee: 0.0,
    sizing: Sizing::Compound,
    lot_size: 0.0,
};
const PLAIN: Style = (USUAL, EntryStyle::Pullback);

fn task(variant: Variant, style: Style) -> Arc<Task> {
    task_on(swings(400, 4.0), variant, style)
}

fn task_on(bars: Bars, variant: Variant, (account, entry_style): Style) -> Arc<Task> {
    let slices =
        [(100, 200, 260), (150, 290, 400), (101, 102, 103), (180, 181, 399), (140, 300, 301)];
    let slices = slices.map(|(warmup, split, end)| Slice { warmup, split, end });
    let settings = Settings { entry_style, ..Settings::default() };
    let (feeds, grid) = (feeds(variant, bars), grid(variant));
    let task = Task::new(variant, &feeds, grid, account, &settings, slices.into());
    Arc::new(task.expect("a task"))
}

#[test]
fn it_agrees_with_the_direct_engine() {
    for variant in VARIANTS {
        for entry_style in [EntryStyle::Pullback, EntryStyle::Breakout] {
            for (sizing, lot_size) in [(Sizing::Compound, 0.0), (Sizing::Fixed, 10.0)] {
                let account =
                    AccountSettings { slip: 0.001, fee: 0.0005, sizing, lot_size, ..USUAL };
                let style = (account, entry_style);
                let len = grid(variant).len();
                let wanted = direct::Sweep::new(task(variant, style)).run(0..len).expect("figures");
                let sweep = Sweep::new(task(variant, style), Tier::best()).expect("a sweep");
                let found = sweep.run(0..len).expect("figures");
                let (mut trades, mut most) = (0, 0.0_f64);
                for (w, f) in wanted.iter().zip(&found) {
                    assert_eq!((&w.is_trades, &w.oos_trades), (&f.is_trades, &f.oos_trades));
                    trades += w.is_trades.iter().sum::<u32>();
                    let pairs = [
                        (&w.is_pnl, &f.is_pnl),
                        (&w.oos_pnl, &f.oos_pnl),
                        (&w.is_dd, &f.is_dd),
                        (&w.oos_dd, &f.oos_dd),
                    ];
                    for (a, b) in pairs.into_iter().flat_map(|(a, b)| a.iter().zip(b)) {
                        most = most.max((a - b).abs() / 100_000.0_f64.max(a.abs()));
                    }
                }
                assert!(most < 1e-11, "{} differs by {most}", variant.name);
                assert!(trades > 1_000);
            }
        }
    }
}

#[test]
fn tiers_and_divisions_write_the_same_bytes() {
    for variant in VARIANTS {
        let make = |tier| {
            let bars = swings(400, 1e6);
            let task = task_on(bars, variant, PLAIN);
            Sweep::new(task, tier).expect("a sweep")
        };
        let sweep = make(Tier::BASELINE);
        let len = grid(variant).len();
        let whole = sweep.run(0..len).expect("figures");
        for tier in Tier::here() {
            assert_eq!(make(tier).run(0..len), Ok(whole.clone()), "{}", tier.name());
        }
        let mut start = 0;
        for (i, step) in [1, 2, 17, 100, 3, 401].into_iter().cycle().enumerate() {
            let stop = len.min(start + step);
            let part = sweep.run(start..stop).expect("figures");
            let (a, b) = (start as usize, stop as usize);
            for (whole, part) in whole.iter().zip(&part) {
                assert_eq!(whole.is_pnl[a..b], part.is_pnl, "part {i}");
                assert_eq!(whole.oos_dd[a..b], part.oos_dd, "part {i}");
                assert_eq!(whole.oos_trades[a..b], part.oos_trades, "part {i}");
            }
            start = stop;
            if start == len {
                break;
            }
        }
    }
}

/// Prices of the bars doubled and halved by turns, now and then, which ruins shorts.
fn jumps(bars: usize) -> Bars {
    let calm = swings(bars, 4.0);
    let scaled = |column: &[f64]| -> Vec<f64> {
        let scale = |i: usize| if i / 41 % 3 == 1 { 3.0 } else { 1.0 };
        column.iter().enumerate().map(|(i, x)| x * scale(i)).collect()
    };
    let [open, high, low, close] = [calm.open(), calm.high(), calm.low(), calm.close()].map(scaled);
    Bars::new(open, high, low, close).expect("valid bars")
}

/// The figures of a sweep, bit by bit.
fn bits(columns: &[Columns]) -> Vec<([u64; 4], [u32; 2])> {
    let cells = columns.iter().flat_map(|phase| (0..phase.len()).map(|i| phase.at(i)));
    let each = |f: Figures| {
        let money = [f.is_pnl, f.oos_pnl, f.is_dd, f.oos_dd];
        (money.map(f64::to_bits), [f.is_trades, f.oos_trades])
    };
    cells.map(each).collect()
}

#[test]
fn segments_change_no_bit() {
    for variant in VARIANTS {
        let mut ruins = 0;
        for (bars, entry_style) in [
            (swings(400, 1e6), EntryStyle::Pullback),
            (swings(400, 4.0), EntryStyle::Breakout),
            (jumps(400), EntryStyle::Pullback),
            (jumps(400), EntryStyle::Breakout),
        ] {
            let account = AccountSettings { slip: 0.001, fee: 0.0005, ..USUAL };
            let make = |longest, segment| {
                let task = task_on(bars.clone(), variant, (account, entry_style));
                Sweep::with_segments(task, Tier::best(), longest, segment).expect("a sweep")
            };
            let len = grid(variant).len();
            let whole = make(usize::MAX, None).run(0..len).expect("figures");
            ruins += whole.iter().flat_map(|p| &p.is_pnl).filter(|x| **x <= -1e5).count();
            let wanted = bits(&whole);
            for segment in [1, 2, 7, 50, 299, 1_000] {
                let found = make(1, Some(segment)).run(0..len).expect("figures");
                let of = (variant.name, entry_style, segment);
                let differs = bits(&found).iter().zip(&wanted).position(|(a, b)| a != b);
                assert_eq!(differs, None, "{of:?}");
            }
        }
        assert!(ruins > 0 || !variant.shorts, "{}", variant.name);
    }
}

#[test]
fn segments_can_be_divided_too() {
    for variant in VARIANTS {
        let task = || task_on(swings(400, 1e6), variant, PLAIN);
        let make = |tier| Sweep::with_segments(task(), tier, 1, Some(60)).expect("a sweep");
        let (sweep, len) = (make(Tier::BASELINE), grid(variant).len());
        let whole = sweep.run(0..len).expect("figures");
        for tier in Tier::here() {
            assert_eq!(make(tier).run(0..len), Ok(whole.clone()), "{}", tier.name());
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads");
        let cuts = [0, 1, 18, 61, len / 3, len / 2, len - 5, len];
        for (&start, &stop) in cuts.iter().zip(&cuts[1..]) {
            let part = pool.install(|| sweep.run(start..stop)).expect("figures");
            for (whole, part) in whole.iter().zip(&part) {
                for i in start..stop {
                    assert_eq!(whole.at(i as usize), part.at((i - start) as usize), "{i}");
                }
            }
        }
    }
}

use std::sync::Arc;

use super::*;
use crate::engine::direct;
use crate::execution::settings::AccountSettings;
use crate::grid::Grid;
use crate::market::bars::Bars;
use crate::market::feeds::Feeds;
use crate::market::slice::Slice;
use crate::strategies::atr_d::{EntryStyle, Settings, Task, Variant};
use proptest::prelude::*;

/// Bars on a coarse grid of prices, so that touches hang on equality, extremes repeat, and prices
/// double within a few bars, which ruins shorts.
fn bars(len: std::ops::Range<usize>) -> impl Strategy<Value = Bars> {
    prop::collection::vec((4_u8..16, 0_u8..5, 0_u8..5, 0_u8..11), len).prop_map(|rows| {
        let mut columns: [Vec<f64>; 4] = Default::default();
        for (low, up, down, close) in rows {
            let (low, high) = (f64::from(low), f64::from(low + up + down));
            let open = low + f64::from(down);
            let close = (low + f64::from(close)).min(high);
            for (column, x) in columns.iter_mut().zip([open, high, low, close]) {
                column.push(x / 4.0);
            }
        }
        let [open, high, low, close] = columns;
        Bars::new(open, high, low, close).expect("valid bars")
    })
}

fn grid() -> Grid {
    let axes = [
        vec![3.0, 9.0],
        vec![0.5, 2.5],
        vec![5.0],
        vec![1.0],
        vec![0.3],
        vec![0.4],
        vec![0.0],
        vec![3.0, 8.0],
        vec![0.2, 0.6],
        vec![2.0],
        vec![0.0, 1.0],
        vec![0.5, 1.0],
        vec![0.0, 1.0, 2.0],
        vec![2.0, 5.0],
        vec![-20.0, 0.5],
        vec![0.0, 1.0],
    ];
    Grid::of(axes.into()).expect("a grid")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn coalesced_paths_are_those_of_the_direct_engine(
        bars in bars(90..160),
        // Many at a time, so that they take more than one path set, and some of single bars.
        phases in prop::collection::vec((0_usize..40, 1_usize..30, 1_usize..20), 1..9),
        breakout: bool,
        costs in prop_oneof![Just(0.0), Just(0.002)],
        threads in 1_usize..3,
        segment in 1_usize..80,
    ) {
        let variant = Variant::named("atr_d_ls").expect("a variant");
        let len = bars.len();
        let slices: Vec<Slice> = phases
            .into_iter()
            .map(|(start, a, b)| {
                let warmup = (70 + start).min(len - 3);
                let split = (warmup + a).min(len - 2);
                Slice { warmup, split, end: (split + b).min(len) }
            })
            .collect();
        let entry_style = if breakout { EntryStyle::Breakout } else { EntryStyle::Pullback };
        let account = AccountSettings { slip: costs, fee: costs, ..AccountSettings::default() };
        let settings = Settings { entry_style, ..Settings::default() };
        let task = || {
            let feeds = Feeds::of(bars.clone(), None).expect("bars");
            let task = Task::new(variant, &feeds, grid(), account, &settings, slices.clone());
            Arc::new(task.expect("a task"))
        };
        let len = grid().len();
        let wanted = direct::Sweep::new(task()).run(0..len).expect("figures");
        let sweep = Sweep::new(task(), Tier::best()).expect("a sweep");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let found = pool.expect("threads").install(|| sweep.run(0..len)).expect("figures");
        let segments = Sweep::with_segments(task(), Tier::best(), 1, Some(segment));
        prop_assert_eq!(&segments.expect("a sweep").run(0..len).expect("figures"), &found);
        for (wanted, found) in wanted.iter().zip(&found) {
            for i in 0..len as usize {
                let (w, f) = (wanted.at(i), found.at(i));
                prop_assert_eq!((w.is_trades, w.oos_trades), (f.is_trades, f.oos_trades));
                let pairs = [
                    (w.is_pnl, f.is_pnl),
                    (w.oos_pnl, f.oos_pnl),
                    (w.is_dd, f.is_dd),
                    (w.oos_dd, f.oos_dd),
                ];
                for (a, b) in pairs {
                    prop_assert!((a - b).abs() <= 1e-9 * a.abs().max(100_000.0), "{} {}", a, b);
                }
            }
        }
    }
}

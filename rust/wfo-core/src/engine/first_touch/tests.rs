use super::*;
use crate::engine::intrabar_time::IntrabarTime;
use crate::execution::touches::Way;
use crate::execution::touches::{self, Touch};
use crate::market::bars::Bars;
use proptest::prelude::*;

/// Bars on a coarse grid of prices, so that touches hang on equality and extremes repeat.
fn bars() -> impl Strategy<Value = Bars> {
    prop::collection::vec((20_u8..30, 0_u8..5, 0_u8..5, 0_u8..11), 2..60).prop_map(|rows| {
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

fn distances() -> impl Strategy<Value = Vec<f64>> {
    let distance = prop_oneof![
        8 => (0_u8..9).prop_map(|d| f64::from(d) / 4.0),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
    ];
    prop::collection::vec(distance, 60)
}

/// The contract, bar by bar: the first touch after `s`.
fn first(
    bars: &Bars,
    way: Way,
    distance: &[f64],
    s: usize,
    trails: bool,
) -> Option<(usize, Touch)> {
    let (mut high, mut low) = (bars.high()[s], bars.low()[s]);
    for t in s + 1..bars.len() {
        let (open, d, close) = (bars.open()[t], distance[t - 1], bars.close()[t - 1]);
        let touch = match way {
            Way::Down => touches::down(if trails { high } else { close } - d, open, bars.low()[t]),
            Way::Up => touches::up(if trails { low } else { close } + d, open, bars.high()[t]),
        };
        if let Some(touch) = touch {
            return Some((t, touch));
        }
        (high, low) = (high.max(bars.high()[t]), low.min(bars.low()[t]));
    }
    None
}

proptest! {
    #[test]
    fn tables_name_the_first_touch(bars in bars(), distance in distances(), trails: bool) {
        for way in [Way::Down, Way::Up] {
            let view = SignedBars::new(&bars, 0..bars.len(), way);
            // Whatever a table held before does not show.
            let mut table = FirstTouch { times: vec![IntrabarTime::at_open(1); 9], fills: vec![7.0; 99] };
            if trails { view.trail_extreme(&distance, &mut table) } else { view.break_out(&distance, &mut table) }
            prop_assert_eq!(table.times[bars.len()].bar() as usize, bars.len());
            for s in 0..bars.len() {
                let found = table.times[s].bar() as usize;
                match first(&bars, way, &distance, s, trails) {
                    Some((t, touch)) => {
                        prop_assert_eq!(found, t);
                        prop_assert_eq!(table.fills[s], touch.fill);
                        prop_assert_eq!(table.times[s] == IntrabarTime::at_open(t as u32), touch.at_open);
                    }
                    None => prop_assert_eq!(found, bars.len()),
                }
            }
        }
    }

    /// However a table is cut, by starts and by distances, its ranges are those of the whole table.
    #[test]
    fn tables_can_be_resumed_at_any_start(
        bars in bars(),
        distance in distances(),
        trails: bool,
        starts in 1_usize..9,
        step in 1_usize..9,
    ) {
        for way in [Way::Down, Way::Up] {
            let n = bars.len();
            let (view, mut table) = (SignedBars::new(&bars, 0..n, way), FirstTouch::default());
            if trails { view.trail_extreme(&distance, &mut table) } else { view.break_out(&distance, &mut table) }
            let mut cursor = view.begin();
            for first in (0..n).step_by(starts) {
                let until = n.min(first + starts);
                let mut ranges = vec![cursor.last];
                while (cursor.last.end as usize) < until {
                    let from = cursor.bar;
                    let to = n.min(from + step);
                    view.resume(&mut cursor, &distance[from - 1..to - 1], trails, until, &mut ranges);
                }
                for s in first..until {
                    let at = ranges.partition_point(|range| range.end as usize <= s);
                    prop_assert_eq!(ranges[at].time, table.times[s], "{}", s);
                    prop_assert_eq!(ranges[at].fill.to_bits(), table.fills[s].to_bits());
                }
                prop_assert!(ranges[..ranges.len() - 1].iter().all(|range| range.end as usize <= until));
            }
        }
    }

    #[test]
    fn times_order_touches_as_the_contract_does(
        bars in bars(),
        one in distances(),
        two in distances(),
        ways in prop::sample::select(vec![
            (Way::Down, Way::Up), (Way::Up, Way::Down), (Way::Down, Way::Down), (Way::Up, Way::Up),
        ]),
        trails: (bool, bool),
    ) {
        let build = |way, distance: &[f64], trails| {
            let (view, mut table) = (SignedBars::new(&bars, 0..bars.len(), way), FirstTouch::default());
            if trails { view.trail_extreme(distance, &mut table) } else { view.break_out(distance, &mut table) }
            table
        };
        let tables = (build(ways.0, &one, trails.0), build(ways.1, &two, trails.1));
        let way = (ways.0 == ways.1).then_some(ways.0);
        for s in 0..bars.len() {
            let touches = (
                first(&bars, ways.0, &one, s, trails.0),
                first(&bars, ways.1, &two, s, trails.1),
            );
            let wanted = match touches {
                (Some((t, a)), Some((u, b))) if t == u => {
                    touches::second_comes_first(a, b, bars.open()[t], bars.high()[t], bars.low()[t])
                }
                (Some((t, _)), Some((u, _))) => u < t,
                (None, Some(_)) => true,
                (_, None) => continue,
            };
            let found = tables.1.view().precedes(tables.0.view(), s, way);
            prop_assert_eq!(found, wanted, "since {}", s);
        }
    }
}

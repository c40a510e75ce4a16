use super::*;
use crate::engine::first_touch::SignedBars;
use crate::execution::settings::AccountSettings;
use crate::execution::touches::Way;
use crate::market::bars::Bars;
use crate::strategies::atr_d::factored::entry_filter::EntryFilter;
use crate::strategies::atr_d::factored::entry_filter::filter_states;
use crate::strategies::atr_d::series::HullState;
use proptest::prelude::*;

type Row = (u8, u8, u8, u8, u8, u8, u8);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (20_u8..30, 0_u8..5, 0_u8..5, 0_u8..11, 0_u8..3, 0_u8..9, 0_u8..9);
    prop::collection::vec(row, 3..40)
}

fn columns(rows: &[Row]) -> (Bars, Vec<HullState>, [Vec<f64>; 2]) {
    let mut prices: [Vec<f64>; 4] = Default::default();
    let (mut hull_states, mut distances): (_, [Vec<f64>; 2]) = (Vec::new(), Default::default());
    for &(low, up, down, close, way, buy, sell) in rows {
        let (low, high) = (f64::from(low), f64::from(low + up + down));
        let bar = [low + f64::from(down), high, low, (low + f64::from(close)).min(high)];
        prices.iter_mut().zip(bar).for_each(|(column, x)| column.push(x / 4.0));
        hull_states.push([HullState::Up, HullState::Down, HullState::Neither][way as usize]);
        let widths = [buy, sell].map(|width| f64::from(width) / 4.0);
        distances.iter_mut().zip(widths).for_each(|(column, x)| column.push(x));
    }
    let [open, high, low, close] = prices;
    (Bars::new(open, high, low, close).expect("valid bars"), hull_states, distances)
}

proptest! {
    /// A filter that hides bars and enters at crosses, bar by bar, as [`EntryFilter`] has it, leads
    /// to the same positions as a lookup: on pull-backs and breakouts, and from the first bar on.
    #[test]
    fn lookups_lead_where_filtered_orders_do(rows in rows(), first in 0..2_usize, trails: bool) {
        let (bars, hull_states, distances) = columns(&rows);
        let range = first..bars.len();
        let n = range.len();
        let column = |x: &[f64]| x[range.clone()].to_vec();
        let settings = AccountSettings { slip: 0.01, fee: 0.02, ..AccountSettings::default() };
        let per_unit = PerUnit::new(
            &column(bars.close()), (&column(bars.low()), &column(bars.high())), &settings,
        );
        let build = |buys: bool, filter: &EntryFilter<'_>| {
            let mut distance = column(&distances[usize::from(!buys)]);
            filter.apply(buys, &range, &mut distance);
            let way = if buys == trails { Way::Down } else { Way::Up };
            let (view, mut table) = (SignedBars::new(&bars, range.clone(), way), FirstTouch::default());
            if trails { view.trail_extreme(&distance, &mut table) } else { view.break_out(&distance, &mut table) }
            table
        };
        let (open, filter) = (EntryFilter::Unfiltered, EntryFilter::Hull(&hull_states));
        let [buy, sell] = [true, false].map(|buys| build(buys, &open));
        let [filtered_buy, filtered_sell] = [true, false].map(|buys| build(buys, &filter));
        let opens = column(bars.open());
        let short = 2 * (n as u32 + 1);

        let (mut long, mut both) = (EntryTouches::default(), EntryTouches::default());
        long.set(&per_unit, &buy, None, &rates_at_opens(&per_unit, &opens, false));
        both.set(&per_unit, &buy, Some(&sell), &rates_at_opens(&per_unit, &opens, true));
        let states = [false, true].map(|shorts| filter_states(&hull_states, &range, shorts));
        let longs =
            Filtered::<false> { states: states[0].view(), touches: long.times.view(), short };
        let boths =
            Filtered::<true> { states: states[1].view(), touches: both.times.view(), short };
        prop_assert!(longs.exit_rows(n + 1, &long.rates) > n);
        prop_assert!(boths.exit_rows(n + 1, &both.rates) > short as usize);
        for s in 0..=n {
            let sells = filtered_sell.view().precedes(filtered_buy.view(), s, None);
            let order = if sells { &filtered_sell } else { &filtered_buy };
            #[expect(unsafe_code, reason = "rows up to n")]
            // SAFETY: `exit_rows` was called for n + 1 rows above.
            let found = unsafe { [longs.next_entry(s as u32), boths.next_entry(s as u32)] };
            for (lookup, rates, order, sells) in [
                (found[0], &long.rates, &filtered_buy, false),
                (found[1], &both.rates, order, sells),
            ] {
                let ((rate, exit_row), entry) = (lookup, order.times[s].bar());
                if entry as usize == n {
                    prop_assert_eq!(exit_row, n as u32);
                    continue;
                }
                prop_assert_eq!(exit_row, entry + if sells { short } else { 0 });
                prop_assert_eq!(boths.first_bar(exit_row), entry);
                let fill = order.fills[s];
                let wanted =
                    if sells { per_unit.rate::<Short>(fill) } else { per_unit.rate::<Long>(fill) };
                prop_assert_eq!(rates[rate as usize], wanted);
            }
        }
    }
}

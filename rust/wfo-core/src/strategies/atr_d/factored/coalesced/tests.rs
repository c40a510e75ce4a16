use super::plan::Plan;
use super::sells::{Listing, Lists};
use super::*;
use crate::engine::excursion::{Excursion, Short};
use crate::engine::first_touch::{FirstTouch, SignedBars};
use crate::engine::intrabar_time::IntrabarTime;
use crate::engine::per_unit::PerUnit;
use crate::execution::settings::AccountSettings;
use crate::execution::touches::Way;
use crate::market::bars::Bars;
use crate::strategies::atr_d::factored::path::PhaseBars;
use crate::strategies::atr_d::params::{BothTriggered, EntryMode};
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

fn set() -> impl Strategy<Value = PathSet> {
    let word = prop_oneof![Just(0_u64), any::<u64>(), (0_u32..64).prop_map(|bit| 1 << bit)];
    prop::array::uniform4(word).prop_map(PathSet)
}

const MODES: [EntryMode; 3] =
    [EntryMode::FlatOnly, EntryMode::LongPriority, EntryMode::FullReversal];
const BOTHS: [BothTriggered; 2] = [BothTriggered::FirstCancels, BothTriggered::BothFill];

proptest! {
    #[test]
    fn lanes_are_where_the_members_are(set in set()) {
        let mut found = Vec::new();
        for (group, members) in set.by_lanes() {
            prop_assert!(members != 0);
            let all = (0..ACCOUNT_LANES).filter(|i| members >> i & 1 == 1);
            found.extend(all.map(|i| group * ACCOUNT_LANES + i));
        }
        let wanted: Vec<usize> = (0..PATHS).filter(|&path| set.has(path)).collect();
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn accounts_are_updated_for_members_alone(
        members in 0_u64..256,
        numbers in prop::array::uniform4(prop::array::uniform8(0.5_f64..2.0)),
        rates in (0.1_f64..1.0, 0.1_f64..1.0),
        prices in prop::array::uniform4(0.5_f64..2.0),
    ) {
        let [equity, shares, peak, drawdown] = numbers;
        let lanes = AccountLanes { equity, shares, peak, drawdown, ..AccountLanes::default() };
        let [mae, mfe, drawdown_by_share, net] = prices;
        let excursion = Excursion { mae, mfe, drawdown: drawdown_by_share, net };
        let (mut one, mut own) = (lanes, lanes);
        one.close::<Short, false, true>(members, -rates.0, &excursion, 2.0);
        own.open(members, -rates.0);
        own.close::<Short, true, true>(members, f64::NAN, &excursion, 2.0);
        for i in 0..ACCOUNT_LANES {
            let is_member = members >> i & 1 == 1;
            // The contract: a short is worth what it brought, twice, less what it costs.
            let worth = |price: f64| equity[i] * 2.0 - equity[i] * rates.0 * price;
            let wanted = if is_member {
                let fall = (peak[i] - worth(mae)).max(-equity[i] * rates.0 * drawdown_by_share);
                (worth(net), peak[i].max(worth(mfe)), drawdown[i].max(fall), 1)
            } else {
                (equity[i], peak[i], drawdown[i], 0)
            };
            for group in [&one, &own] {
                let found =
                    (group.equity[i], group.peak[i], group.drawdown[i], group.trades[i]);
                prop_assert_eq!(found, wanted);
            }
        }
    }

    #[test]
    fn every_phase_has_a_slot_of_its_own(
        phases in prop::collection::vec((0_u32..50, 1_u32..9, 1_u32..9), 0..12),
        filters in 1_usize..60,
        most in 1_usize..60,
        modes in 1_usize..4,
        boths in 1_usize..3,
    ) {
        let phases: Vec<PhaseBars> = phases
            .into_iter()
            .map(|(start, a, b)| PhaseBars { start, split: start + a, end: start + a + b })
            .collect();
        let plan = Plan::new(&phases, filters, most, (&MODES[..modes], &BOTHS[..boths]));
        let mut found: Vec<usize> =
            plan.groups.iter().flat_map(|group| &group.slots).map(|slot| slot.phase).collect();
        found.sort_unstable();
        prop_assert_eq!(found, (0..phases.len()).collect::<Vec<_>>());
        for group in &plan.groups {
            for (i, a) in group.slots.iter().enumerate() {
                for b in &group.slots[i + 1..] {
                    prop_assert!(a.slot != b.slot || a.bars.end <= b.bars.start);
                }
            }
        }
        let mut next = 0;
        for batch in &plan.batches {
            prop_assert_eq!(batch.first, next);
            prop_assert!(batch.count <= most);
            next += batch.count;
            let mut seen = PathSet::default();
            for slot in &batch.slots {
                prop_assert!(seen.and(*slot).is_empty());
                seen = seen.or(*slot);
            }
            let by_filter = batch.by_filter.iter().fold(PathSet::default(), |all, one| all.or(*one));
            prop_assert_eq!(by_filter, seen);
        }
        prop_assert_eq!(next, filters);
    }

    #[test]
    fn listed_sells_are_those_of_every_filter(
        bars in bars(2..50),
        distance in prop::collection::vec((0_u8..9).prop_map(|d| f64::from(d) / 4.0), 50),
        open in prop::collection::vec(0_u64..8, 50),
        trails: bool,
    ) {
        let len = bars.len();
        let way = if trails { Way::Up } else { Way::Down };
        let signed = SignedBars::new(&bars, 0..len, way);
        let per_unit = PerUnit::new(bars.close(), (bars.low(), bars.high()), &AccountSettings::default());
        let phases = [PhaseBars { start: 0, split: 1, end: len as u32 }];
        let plan = Plan::new(&phases, 3, 3, (&MODES, &BOTHS));
        let mut sells = SellTable {
            firsts: vec![IntrabarTime::MAX; len],
            counts: vec![0; len],
            rows: vec![(IntrabarTime::at_open(0), 0); 3 * len],
            pending: vec![0; 3],
            ..SellTable::default()
        };
        let SellTable { firsts, counts, rows, list, pending, stack, .. } = &mut sells;
        let (per_unit, batch, open) = (&per_unit, &plan.batches[0], &open[..]);
        let lists = Lists { per_unit, batch, firsts, counts, rows, list };
        let mut listing = Listing { lists, open, pending };
        signed.visit_touches(&distance, trails, stack, &mut listing);
        for filter in 0..3 {
            let hidden: Vec<f64> = (0..len)
                .map(|t| match open.get(t + 1) {
                    Some(open) if open >> filter & 1 == 1 => distance[t],
                    _ => f64::INFINITY,
                })
                .collect();
            let mut table = FirstTouch::default();
            if trails { signed.trail_extreme(&hidden, &mut table) } else { signed.break_out(&hidden, &mut table) }
            for s in 0..len {
                let since = sells.since(s, IntrabarTime::MAX).iter().map(|&(_, at)| sells.list[at as usize]);
                let found = since.into_iter().find(|sell| {
                    !sell.paths.and(plan.batches[0].by_filter[filter]).is_empty()
                });
                let never = (IntrabarTime::at_open(len as u32), 0.0);
                let found = found.map_or(never, |sell| (sell.time, sell.fill));
                prop_assert_eq!(found, (table.times[s], table.fills[s]), "{} since {}", filter, s);
                let last = table.times[s].min(IntrabarTime::just_before(len as u32));
                let is_found = !sells.since(s, last).is_empty();
                prop_assert!(is_found || table.times[s] == never.0);
            }
        }
    }
}

use super::*;
use crate::engine::first_touch::FirstTouch;
use crate::engine::intrabar_time::IntrabarTime;
use crate::execution::touches::Way;
use crate::figures::{Cells, Columns};
use crate::market::bars::Bars;

/// Stops at various distances on swinging bars.
fn bars() -> SignedBars {
    let closes: Vec<f64> = (0..120).map(|i| 50.0 + 4.0 * (f64::from(i) * 0.6).sin()).collect();
    let moved = |by: f64| closes.iter().map(|close| close + by).collect::<Vec<_>>();
    let bars = Bars::new(moved(0.25), moved(0.75), moved(-0.75), closes.clone());
    SignedBars::new(&bars.expect("valid bars"), 0..120, Way::Down)
}

#[test]
fn a_stop_set_is_copied_where_its_stops_are_equal_and_nowhere_else() {
    let bars = bars();
    let phases_of = [(0, 40), (20, 70), (60, 120)];
    let phases_of = phases_of.map(|(start, end)| PhaseBars { start, split: start + 5, end });
    // Distances that differ in some bars only, so that stop sets are equal in some phases only.
    let far = 9.0;
    let row = |near: &[(usize, f64)]| {
        let mut distance = vec![far; 120];
        near.iter().for_each(|&(t, d)| distance[t] = d);
        distance
    };
    let rows = [
        row(&[(10, 1.0), (50, 1.0), (100, 1.0)]),
        row(&[(10, 1.0), (50, 1.0), (100, 2.0)]),
        row(&[(10, 1.0), (50, 1.5), (100, 1.0)]),
        row(&[(10, 1.0), (50, 1.0), (100, 1.0)]),
        row(&[(50, 1.5)]),
        row(&[]),
        row(&[(119, 1.0)]),
    ];
    let mut columns: Vec<Columns> = (0..21).map(|_| Columns::unwritten(2)).collect();
    let mut cells: Vec<Vec<Cells<'_>>> = Vec::new();
    for row in columns.chunks_mut(3) {
        cells.push(row.iter_mut().map(Columns::cells).collect());
    }
    let (mut stops, mut representatives) = (StopRanges::default(), Representatives::default());
    let mut copied = Vec::new();
    for (i, (distance, phases)) in rows.iter().zip(cells).enumerate() {
        let before = stops.len();
        stops.take(&bars, distance);
        let copies = |d: &Representatives<_>, phase: usize| -> usize {
            d.sets.iter().map(|(row, _)| row.copies[phase].len()).sum()
        };
        let counts = [0, 1, 2].map(|phase| copies(&representatives, phase));
        representatives.add(
            StopSet::new(i, CellSlice::new(0, phases)),
            &mut stops,
            before,
            &phases_of,
        );
        copied.push([0, 1, 2].map(|phase| copies(&representatives, phase) > counts[phase]));
    }
    // The definition: for every start in the phase the same bar and fill, where it comes before
    // the end.
    let touches = |distance: &[f64], bars_of: PhaseBars| -> Vec<Option<(IntrabarTime, f64)>> {
        let mut table = FirstTouch::default();
        bars.trail_extreme(distance, &mut table);
        let touch = |s: u32| {
            let (time, fill) = (table.times[s as usize], table.fills[s as usize]);
            (time.bar() < bars_of.end).then_some((time, fill))
        };
        (bars_of.start..bars_of.end).map(touch).collect()
    };
    let mut both = [0, 0];
    for (i, copied) in copied.iter().enumerate() {
        for (phase, &bars_of) in phases_of.iter().enumerate() {
            let own = touches(&rows[i], bars_of);
            let wanted = rows[..i].iter().any(|other| touches(other, bars_of) == own);
            assert_eq!(copied[phase], wanted, "stop set {i}, phase {phase}");
            both[usize::from(wanted)] += 1;
        }
    }
    assert!(both[0] > 5 && both[1] > 5, "{both:?}");
    // Stop sets without a represented phase are gone, with their intervals.
    let represented = copied.iter().filter(|f| f.contains(&false)).count();
    let sorted = representatives.sorted(&stops, |_| true);
    assert_eq!(sorted.len(), represented);
    assert!(sorted.is_sorted_by_key(|row| row.ranges.as_ref().map(|ranges| ranges.len())));
}

#[test]
fn groups_are_full_where_they_can_be_and_hold_every_stop_set_once() {
    let counts = [4, 3, 4, 1, 4, 2, 4, 4, 1, 3, 4, 2, 4];
    let mut columns: Vec<Columns> = (0..4 * counts.len()).map(|_| Columns::unwritten(1)).collect();
    let mut rows = Vec::new();
    for ((i, phases), count) in columns.chunks_mut(4).enumerate().zip(counts) {
        let mut slice = CellSlice::new(0, phases.iter_mut().map(Columns::cells).collect());
        for cells in &mut slice.phases[count..] {
            let _ = cells.split_front(1);
        }
        rows.push(StopSet::new(i, slice));
    }
    let found = pack(rows, 5, 8);
    let mut all: Vec<usize> = found.iter().flatten().map(|set| set.index).collect();
    all.sort_unstable();
    assert_eq!(all, (0..counts.len()).collect::<Vec<_>>());
    let represented =
        |group: &Vec<StopSet<_>>| group.iter().map(StopSet::represented).sum::<usize>();
    assert!(found.iter().all(|group| group.len() <= 5 && (1..=8).contains(&represented(group))));
    // Forty phases fill five groups if all goes well.
    assert!(found.len() <= 6, "{:?}", found.iter().map(represented).collect::<Vec<_>>());
}

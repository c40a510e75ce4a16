//! Permuted bars: the moves of a market in another order.
//!
//! A bar's move is its gap, open by the close before, with the moves within the bar, high, low and
//! close by open. The reference is `python/wfo/stats/permutation.py`: orders are equal, and prices
//! are to the bit, since the operations on them are the same ones in the same order.

use std::collections::HashMap;
use std::ops::Range;

use super::bars::Bars;
use super::feeds::Feeds;
use crate::error::{Error, Result};

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The first numbers of a stream of SplitMix64, as `wfo.sampling.splitmix` returns them.
fn splitmix(count: usize, stream: u64) -> impl Iterator<Item = u64> {
    let start = if stream == 0 { 0 } else { mix(stream.wrapping_mul(GOLDEN)) };
    (1..=count as u64).map(move |i| mix(start.wrapping_add(i.wrapping_mul(GOLDEN))))
}

fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The numbers `0..count` in the order of a stream.
fn dealt(count: usize, stream: u64) -> Vec<usize> {
    // Equal keys stay in order by the number itself, so that the sort need not be stable.
    let mut keys: Vec<(u64, usize)> = splitmix(count, stream).zip(0..).collect();
    keys.sort_unstable();
    keys.into_iter().map(|(_, number)| number).collect()
}

/// What trades places.
#[derive(Debug)]
enum Units {
    /// Single moves.
    Moves,
    /// Single moves within their class: for each bar that takes part its class, and by class the bars
    /// that have it, of class `c` those from `starts[c]` on.
    Classes { class: Vec<usize>, bars: Vec<usize>, starts: Vec<usize> },
    /// Blocks of so many consecutive bars; the last one may be shorter.
    Blocks(usize),
    /// Blocks of so many sessions of one shape, by their first bars; the last one may be shorter.
    Sessions { begins: Vec<usize>, bars: usize, block: usize },
}

/// The orders in which moves of a history can stand.
#[derive(Debug)]
pub struct MoveOrders {
    taking_part: Range<usize>,
    units: Units,
}

impl MoveOrders {
    /// Orders of the moves of the bars `taking_part` of a history.
    ///
    /// With `classes`, one a bar of the history, moves trade places with those of the same class alone.
    /// With a `block` above 0 so many bars stay together or, with classes, so many sessions of the
    /// usual shape. A session begins where the class is no larger than that of the bar before; the
    /// usual shape is the sequence of classes that most sessions have which take part with every bar,
    /// of equally frequent ones the first. Sessions of another shape stay where they are.
    ///
    /// # Errors
    /// No bar before those that take part, bars that the history does not have, or another number of
    /// classes.
    pub fn new(
        bars: usize,
        taking_part: Range<usize>,
        classes: Option<&[i64]>,
        block: usize,
    ) -> Result<Self> {
        let Range { start: first, end } = taking_part;
        if !(1..=bars).contains(&first) {
            let allowed = "a move needs a close before it, and a bar of the history";
            return Err(Error::CountRange { name: "first", value: first as u64, allowed });
        }
        if !(first..=bars).contains(&end) {
            let allowed = "it must be from first on, up to the number of bars";
            return Err(Error::CountRange { name: "end", value: end as u64, allowed });
        }
        if let Some(given) = classes.map(<[i64]>::len).filter(|&given| given != bars) {
            return Err(Error::ClassLength { given, expected: bars });
        }
        let units = match (classes, block) {
            (None, 0) => Units::Moves,
            (None, block) => Units::Blocks(block),
            (Some(classes), 0) => by_class(&classes[first..end], first),
            (Some(classes), block) => {
                let (begins, bars) = usual_sessions(classes, &taking_part);
                Units::Sessions { begins, bars, block }
            }
        };
        Ok(Self { taking_part: first..end, units })
    }

    /// Which bar's move every bar has that takes part, by a stream of numbers.
    fn order(&self, stream: u64) -> Vec<usize> {
        let Range { start: first, end } = self.taking_part;
        let count = end - first;
        match &self.units {
            Units::Moves => dealt(count, stream).into_iter().map(|at| first + at).collect(),
            Units::Classes { class, bars, starts } => {
                let mut order = vec![0; count];
                let mut next = starts.clone();
                for at in dealt(count, stream) {
                    let place = &mut next[class[at]];
                    order[bars[*place] - first] = first + at;
                    *place += 1;
                }
                order
            }
            Units::Blocks(block) => {
                let bars = |number: usize| {
                    let begin = first + number * block;
                    begin..begin.saturating_add(*block).min(end)
                };
                dealt(count.div_ceil(*block), stream).into_iter().flat_map(bars).collect()
            }
            Units::Sessions { begins, bars, block } => {
                let mut order: Vec<usize> = (first..end).collect();
                let blocks: Vec<&[usize]> = begins.chunks(*block).collect();
                let moved = dealt(blocks.len(), stream).into_iter().flat_map(|at| blocks[at]);
                for (to, from) in begins.iter().zip(moved) {
                    for bar in 0..*bars {
                        order[to + bar - first] = from + bar;
                    }
                }
                order
            }
        }
    }

    /// Bars with their moves in another order; those that do not take part stay.
    fn bars(&self, bars: &Bars, order: &[usize]) -> Result<Bars> {
        let Range { start: first, end } = self.taking_part;
        let (open, high, low, close) = (bars.open(), bars.high(), bars.low(), bars.close());
        let mut new = [open, high, low, close].map(<[f64]>::to_vec);
        let [new_open, new_high, new_low, new_close] = &mut new;
        let (before, mut grown) = (close[first - 1], 1.0);
        for (at, &from) in (first..end).zip(order) {
            let gap = open[from] / close[from - 1];
            let within = close[from] / open[from];
            let begun = before * grown * gap;
            grown *= gap * within;
            new_open[at] = begun;
            new_high[at] = begun * (high[from] / open[from]);
            new_low[at] = begun * (low[from] / open[from]);
            new_close[at] = begun * within;
        }
        let [open, high, low, close] = new;
        Bars::new(open, high, low, close)
    }

    /// Values of bars, which go where the bars' moves go.
    fn values(&self, values: &[f64], order: &[usize]) -> Vec<f64> {
        let mut new = values.to_vec();
        for (new, &from) in new[self.taking_part.clone()].iter_mut().zip(order) {
            *new = values[from];
        }
        new
    }

    /// Permutation `number` of feeds, the same order in all of them; 0 are the feeds themselves.
    ///
    /// # Errors
    /// Prices beyond the range of numbers.
    pub fn feeds(&self, feeds: &Feeds, number: u64) -> Result<Feeds> {
        if number == 0 {
            return Ok(feeds.clone());
        }
        let order = self.order(number);
        feeds.mapped(|bars| self.bars(bars, &order), |values| self.values(values, &order))
    }
}

/// Bars by class, the first one of `classes` being bar `first`.
fn by_class(classes: &[i64], first: usize) -> Units {
    let mut known = classes.to_vec();
    known.sort_unstable();
    known.dedup();
    let class = |of: &i64| known.binary_search(of).unwrap_or_default();
    let class: Vec<usize> = classes.iter().map(class).collect();
    let mut bars: Vec<usize> = (first..first + classes.len()).collect();
    bars.sort_by_key(|&bar| class[bar - first]);
    let starts = |c| bars.partition_point(|&bar| class[bar - first] < c);
    let starts = (0..known.len()).map(starts).collect();
    Units::Classes { class, bars, starts }
}

/// The first bars of the sessions of the usual shape, and how many bars each of them has.
fn usual_sessions(classes: &[i64], taking_part: &Range<usize>) -> (Vec<usize>, usize) {
    let begins = (0..classes.len()).filter(|&bar| bar == 0 || classes[bar] <= classes[bar - 1]);
    let begins: Vec<usize> = begins.collect();
    let ends = begins[1.min(begins.len())..].iter().copied().chain([classes.len()]);
    let mut numbers: HashMap<&[i64], usize> = HashMap::new();
    let mut shapes: Vec<Vec<usize>> = Vec::new();
    for (&begin, end) in begins.iter().zip(ends) {
        if taking_part.start <= begin && end <= taking_part.end {
            let number = *numbers.entry(&classes[begin..end]).or_insert(shapes.len());
            if number == shapes.len() {
                shapes.push(Vec::new());
            }
            shapes[number].push(begin);
        }
    }
    // Of equal ones `max_by_key` takes the last.
    let usual = (0..shapes.len()).rev().max_by_key(|&number| shapes[number].len());
    let Some(usual) = usual else { return (Vec::new(), 0) };
    let bars = numbers.into_iter().find(|&(_, number)| number == usual);
    (shapes.swap_remove(usual), bars.map_or(0, |(shape, _)| shape.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(bars: usize, first: usize, classes: Option<&[i64]>, block: usize) -> Vec<usize> {
        MoveOrders::new(bars, first..bars, classes, block).expect("orders").order(5)
    }

    /// The bars of a history in another order, with those that stay.
    fn all(orders: &MoveOrders, bars: usize, stream: u64) -> Vec<usize> {
        let taking_part = orders.taking_part.clone();
        let mut all: Vec<usize> = (0..bars).collect();
        all.splice(taking_part, orders.order(stream));
        all
    }

    #[test]
    fn streams_are_those_of_the_sampling_module() {
        // The reference numbers of SplitMix64 with seed 0 (Vigna), and a stream of its own.
        let found: Vec<u64> = splitmix(2, 0).collect();
        assert_eq!(found, [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]);
        // The sequence goes on from the place that a stream begins at: mix(1 * golden) is its first.
        let start = 0xE220_A839_7B1D_CDAF_u64;
        assert_eq!(splitmix(1, 1).next(), Some(mix(start.wrapping_add(GOLDEN))));
    }

    #[test]
    fn every_move_has_one_place() {
        let classes: Vec<i64> = (0..40).map(|bar| bar % 4).collect();
        for classes in [None, Some(&classes[..])] {
            for block in [0, 1, 3, 50] {
                let mut found = order(40, 7, classes, block);
                assert_eq!(found.len(), 33);
                found.sort_unstable();
                assert!(found.into_iter().eq(7..40), "{classes:?} {block}");
            }
        }
    }

    #[test]
    fn moves_keep_their_class() {
        let classes = [9, 4, 4, 9, -1, 9, 4, -1, 4, 9, 4, 4];
        let found = order(12, 2, Some(&classes), 0);
        assert!(found.iter().zip(2..).all(|(&from, to)| classes[from] == classes[to]));
        assert!(!found.into_iter().eq(2..12));
        // One class restricts nothing.
        assert_eq!(order(40, 7, Some(&[3; 40]), 0), order(40, 7, None, 0));
    }

    #[test]
    fn blocks_stay_together_and_the_last_may_be_shorter() {
        // Blocks of 4 bars from 2 on: 2, 6, 10, and the single bar 14.
        let orders = MoveOrders::new(15, 2..15, None, 4).expect("orders");
        let mut seen = [false; 4];
        for stream in 1..20 {
            let found = orders.order(stream);
            let mut at = 0;
            while at < found.len() {
                let len = if found[at] == 14 { 1 } else { 4 };
                assert_eq!((found[at] - 2) % 4, 0);
                assert!(found[at..at + len].windows(2).all(|pair| pair[1] == pair[0] + 1));
                seen[at / 4] |= len == 1;
                at += len;
            }
        }
        // The shorter block takes part like the others.
        assert_eq!(seen, [true; 4]);
        // A block of one bar is a move, and one longer than the history leaves all where they are.
        assert_eq!(order(40, 7, None, 1), order(40, 7, None, 0));
        assert!(order(40, 7, None, usize::MAX).into_iter().eq(7..40));
    }

    #[test]
    fn sessions_of_another_shape_stay() {
        // Part of a session, two whole ones, a short one, two whole ones, and a cut one.
        let classes = [2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1];
        let orders = MoveOrders::new(23, 1..23, Some(&classes), 1).expect("orders");
        let begins = [2, 6, 13, 17];
        let mut moved = [false; 4];
        for stream in 1..20 {
            let found = all(&orders, 23, stream);
            for bar in [0, 1, 10, 11, 12, 21, 22] {
                assert_eq!(found[bar], bar);
            }
            for (k, begin) in begins.into_iter().enumerate() {
                let from = found[begin];
                assert!(begins.contains(&from), "{from}");
                assert_eq!(found[begin..begin + 4], [from, from + 1, from + 2, from + 3]);
                moved[k] |= from != begin;
            }
        }
        assert_eq!(moved, [true; 4]);
        // Sessions that begin too early or end too late do not take part: two are left.
        let fewer = MoveOrders::new(23, 3..20, Some(&classes), 2).expect("orders");
        assert!((1..9).all(|stream| all(&fewer, 23, stream).into_iter().eq(0..23)));
    }

    #[test]
    fn of_shapes_that_are_equally_frequent_the_first_is_usual() {
        let classes = [0, 1, 0, 2, 0, 1, 0, 2];
        assert_eq!(usual_sessions(&classes, &(0..8)), (vec![0, 4], 2));
        assert_eq!(usual_sessions(&classes, &(1..8)), (vec![2, 6], 2));
        assert_eq!(usual_sessions(&classes, &(7..8)), (vec![], 0));
    }

    #[test]
    fn bars_that_take_no_part_stay_and_the_last_close_is_kept() {
        let step = |k: usize| 1.0 + 0.01 * (((k * 7) % 11) as f64 - 5.0);
        let open: Vec<f64> = (0..30).map(|k| 100.0 * step(k)).collect();
        let close: Vec<f64> = (0..30).map(|k| 100.0 * step(k + 3)).collect();
        let high: Vec<f64> = open.iter().zip(&close).map(|(a, b)| a.max(*b) + 1.0).collect();
        let low: Vec<f64> = open.iter().zip(&close).map(|(a, b)| a.min(*b) - 1.0).collect();
        let bars = Bars::new(open, high, low, close).expect("bars");
        let feeds = Feeds::of(bars.clone(), Some(bars.clone())).expect("feeds");
        let orders = MoveOrders::new(30, 5..25, None, 0).expect("orders");
        assert_eq!(orders.feeds(&feeds, 0).expect("feeds").bars("bars"), Ok(&bars.clone().into()));
        let found = orders.feeds(&feeds, 1).expect("feeds");
        let found = [found.bars("bars").expect("bars"), found.bars("bars2").expect("bars")];
        assert_eq!(found[0], found[1]);
        assert_eq!(found[0].close()[..5], bars.close()[..5]);
        assert_eq!(found[0].low()[25..], bars.low()[25..]);
        assert!((found[0].close()[24] / bars.close()[24] - 1.0).abs() < 1e-13);
        assert_ne!(found[0].close()[5..24], bars.close()[5..24]);
    }

    #[test]
    fn errors_name_what_does_not_fit() {
        let error = |part, classes| MoveOrders::new(10, part, classes, 0).map(|_| ()).unwrap_err();
        let cases = [(0, 5, "first"), (11, 12, "first"), (5, 4, "end"), (5, 11, "end")];
        for (first, end, name) in cases {
            let found = error(first..end, None);
            assert!(
                matches!(found, Error::CountRange { name: found, .. } if found == name),
                "{found}"
            );
        }
        assert_eq!(error(1..5, Some(&[0; 9])), Error::ClassLength { given: 9, expected: 10 });
    }
}

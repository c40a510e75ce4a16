//! Equal outcomes: combinations whose stored figures are the same in all phases.
//!
//! A parameter that changes no trade multiplies combinations without adding a result, so printed lists
//! show an outcome once, by its most central member. Among rows that are held, outcomes are
//! found [exactly](group): members have the same stability, so only rows of equal stability are
//! compared. Over more rows than can be held they are counted by a sample, in `sketch`.

use std::ops::Range;

use rayon::prelude::*;

use super::block::Stored;
use super::map_axis::MapAxis;
use super::records::Unpacked;
use crate::figures::standard_figures;

/// Rows that a worker groups together, up to the next one of another stability; few in tests, so that
/// these have several pieces.
const PIECE: usize = if cfg!(test) { 16 } else { 1 << 14 };

/// The value that every hash begins with, and the factor that it is mixed with.
pub(super) const SEED: u64 = 0x243f_6a88_85a3_08d3;
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Mixes another number into a hash: both halves of a product, as wyhash does.
#[inline(always)]
pub(super) fn mix(hash: u64, number: u64) -> u64 {
    let product = u128::from(hash ^ number) * u128::from(FACTOR);
    (product as u64 ^ (product >> 64) as u64).wrapping_add(SEED)
}

/// A stored figure as a number that is the same for equal ones.
pub(super) trait Bits: Copy {
    fn bits(self) -> u64;
}

impl Bits for f32 {
    #[inline(always)]
    fn bits(self) -> u64 {
        // The two zeros are equal.
        if self == 0.0 { 0 } else { self.to_bits().into() }
    }
}

impl Bits for u16 {
    #[inline(always)]
    fn bits(self) -> u64 {
        self.into()
    }
}

/// Defines hashes and comparisons over all figures of a phase.
macro_rules! define_equality {
    ($($(#[$doc:meta])* $name:ident: $Kind:ident,)*) => {
        impl Unpacked {
            /// Mixes the figures of some rows into their hashes.
            fn mix(&self, rows: Range<usize>, hashes: &mut [u64]) {
                $(
                    for (hash, value) in hashes.iter_mut().zip(&self.$name[rows.clone()]) {
                        *hash = mix(*hash, value.bits());
                    }
                )*
            }

            /// Whether all figures of two rows are equal.
            fn same(&self, a: usize, b: usize) -> bool {
                $(self.$name[a].bits() == self.$name[b].bits())&&*
            }
        }

        impl Stored<'_> {
            /// Mixes the figures of one combination into its hash.
            pub(super) fn mix(&self, at: usize, mut hash: u64) -> u64 {
                $(hash = mix(hash, self.$name[at].bits());)*
                hash
            }
        }
    };
}

standard_figures! { define_equality }

/// The outcome of each row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Outcomes from 1 on, in the order of their first rows.
    pub number: Vec<u32>,
    /// Rows of the same outcome.
    pub size: Vec<u32>,
    /// 1 for the most central row of an outcome, else 0.
    pub central: Vec<u8>,
    /// How many outcomes there are.
    pub count: u32,
}

/// Finds the outcomes of rows that are ordered by stability, and among equals by flat index.
///
/// The most central row of an outcome has the least sum over the parameters of steps to the others,
/// a step being one position among the parameter's values; of equals it is the first. Without axes
/// it is the first row of all.
pub(crate) fn group(
    index: &[u64],
    stability: &[f64],
    phases: &[&Unpacked],
    axes: &[MapAxis],
) -> Outcomes {
    let n = index.len();
    // Along an axis of one value all rows are equal.
    let axes: Vec<&MapAxis> = axes.iter().filter(|axis| axis.len > 1).collect();
    let mut found =
        Outcomes { number: vec![0; n], size: vec![0; n], central: vec![0; n], count: 0 };
    let mut pieces = Vec::new();
    let (mut numbers, mut sizes, mut centrals) =
        (&mut found.number[..], &mut found.size[..], &mut found.central[..]);
    let mut start = 0;
    while start < n {
        let mut stop = (start + PIECE).min(n);
        while stop < n && same_bits(stability[stop], stability[stop - 1]) {
            stop += 1;
        }
        let (number, rest) = numbers.split_at_mut(stop - start);
        numbers = rest;
        let (size, rest) = sizes.split_at_mut(stop - start);
        sizes = rest;
        let (central, rest) = centrals.split_at_mut(stop - start);
        centrals = rest;
        pieces.push(Piece { start, number, size, central, count: 0 });
        start = stop;
    }
    pieces.par_iter_mut().for_each_init(Room::default, |room, piece| {
        piece.group(room, index, stability, phases, &axes);
    });
    for piece in &mut pieces {
        let before = found.count;
        piece.number.iter_mut().for_each(|number| *number += before);
        found.count += piece.count;
    }
    drop(pieces);
    found
}

fn same_bits(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits()
}

/// Rows of some stabilities, and the columns that are written for them.
struct Piece<'a> {
    start: usize,
    number: &'a mut [u32],
    size: &'a mut [u32],
    central: &'a mut [u8],
    /// Outcomes so far.
    count: u32,
}

/// A worker's scratch.
#[derive(Default)]
struct Room {
    hashes: Vec<u64>,
    /// Hashes and rows of one stability.
    keyed: Vec<(u64, usize)>,
    /// Rows of outcomes, one outcome after the other, and where each begins and ends.
    rows: Vec<usize>,
    outcomes: Vec<Range<usize>>,
    costs: Vec<u64>,
    digits: Vec<u32>,
    counts: Vec<u64>,
    steps: Vec<u64>,
}

impl Piece<'_> {
    fn group(
        &mut self,
        room: &mut Room,
        index: &[u64],
        stability: &[f64],
        phases: &[&Unpacked],
        axes: &[&MapAxis],
    ) {
        let n = self.number.len();
        let mut hashes = std::mem::take(&mut room.hashes);
        hashes.clear();
        hashes.resize(n, SEED);
        for phase in phases {
            phase.mix(self.start..self.start + n, &mut hashes);
        }
        let stability = &stability[self.start..self.start + n];
        let mut from = 0;
        while from < n {
            let mut to = from + 1;
            while to < n && same_bits(stability[to], stability[from]) {
                to += 1;
            }
            self.split(room, from..to, &hashes, phases);
            let outcomes = std::mem::take(&mut room.outcomes);
            for outcome in &outcomes {
                self.count += 1;
                let rows = &room.rows[outcome.clone()];
                for &row in rows {
                    self.number[row] = self.count;
                    self.size[row] = rows.len() as u32;
                }
                let central = self.most_central(outcome.clone(), room, index, axes);
                self.central[central] = 1;
            }
            room.outcomes = outcomes;
            from = to;
        }
        room.hashes = hashes;
    }

    /// Splits rows of one stability into outcomes, in the order of their first rows.
    fn split(&self, room: &mut Room, equal: Range<usize>, hashes: &[u64], phases: &[&Unpacked]) {
        room.rows.clear();
        room.outcomes.clear();
        if equal.len() == 1 {
            room.rows.push(equal.start);
            room.outcomes.push(0..1);
            return;
        }
        room.keyed.clear();
        room.keyed.extend(equal.map(|row| (hashes[row], row)));
        // Often all hashes are equal, and the rows are in order then.
        let first = room.keyed[0].0;
        if room.keyed.iter().any(|&(hash, _)| hash != first) {
            room.keyed.sort_unstable();
        }
        for alike in room.keyed.chunk_by(|a, b| a.0 == b.0) {
            let begin = room.rows.len();
            room.rows.extend(alike.iter().map(|&(_, row)| row));
            self.separate(&mut room.rows, begin, &mut room.outcomes, phases);
        }
        let rows = &room.rows;
        room.outcomes.sort_unstable_by_key(|outcome| rows[outcome.start]);
    }

    /// Splits rows from `begin` on, whose hashes are equal, into outcomes: one, unless hashes collide.
    fn separate(
        &self,
        rows: &mut [usize],
        mut begin: usize,
        outcomes: &mut Vec<Range<usize>>,
        phases: &[&Unpacked],
    ) {
        while begin < rows.len() {
            let first = rows[begin];
            let equal = |row: usize| {
                phases.iter().all(|phase| phase.same(self.start + first, self.start + row))
            };
            let mut end = begin + 1;
            while end < rows.len() && equal(rows[end]) {
                end += 1;
            }
            if end < rows.len() {
                // Stable, so that rows stay in order.
                rows[begin..].sort_by_key(|&row| !equal(row));
                end = begin + rows[begin..].partition_point(|&row| equal(row));
            }
            outcomes.push(begin..end);
            begin = end;
        }
    }

    /// The row of an outcome with the fewest steps to the others.
    fn most_central(
        &self,
        outcome: Range<usize>,
        room: &mut Room,
        index: &[u64],
        axes: &[&MapAxis],
    ) -> usize {
        let Room { rows, costs, digits, counts, steps, .. } = room;
        let rows = &rows[outcome];
        // Of two rows, each is as far from the other.
        if rows.len() < 3 {
            return rows[0];
        }
        costs.clear();
        costs.resize(rows.len(), 0);
        for axis in axes {
            let table = axis.table.as_deref();
            let positions = axis.positions();
            let len = axis.len as usize;
            counts.clear();
            counts.resize(len, 0);
            digits.clear();
            digits.extend(rows.iter().map(|&row| {
                let position = index[self.start + row] / axis.stride % positions;
                table.map_or(position as u32, |table| table[position as usize])
            }));
            digits.iter().for_each(|&digit| counts[digit as usize] += 1);
            // From one value to the next, the rows up to it are a step farther, the others a step nearer.
            steps.clear();
            let mut sum: u64 = (0..).zip(&*counts).map(|(at, &count): (u64, _)| at * count).sum();
            let (mut below, all) = (0, rows.len() as u64);
            for &count in &*counts {
                steps.push(sum);
                below += count;
                sum = sum + below - (all - below);
            }
            for (cost, &digit) in costs.iter_mut().zip(&*digits) {
                *cost += steps[digit as usize];
            }
        }
        let at = (0..rows.len()).min_by_key(|&at| costs[at]);
        rows[at.unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unpacked(profits: &[f32], trades: &[u16]) -> Unpacked {
        let n = profits.len();
        Unpacked {
            is_pnl: vec![100.0; n],
            oos_pnl: profits.to_vec(),
            is_dd: vec![10.0; n],
            oos_dd: vec![10.0; n],
            is_trades: vec![5; n],
            oos_trades: trades.to_vec(),
        }
    }

    #[test]
    fn equal_hashes_of_other_figures_are_no_outcome() {
        let trades = [1, 2, 1, 3, 2, 1];
        let figures = unpacked(&[50.0; 6], &trades);
        let (mut number, mut size, mut central) = ([0; 6], [0; 6], [0; 6]);
        let piece = Piece {
            start: 0,
            number: &mut number,
            size: &mut size,
            central: &mut central,
            count: 0,
        };
        let mut room = Room::default();
        piece.split(&mut room, 0..6, &[7; 6], &[&figures]);
        let rows: Vec<&[usize]> = room.outcomes.iter().map(|o| &room.rows[o.clone()]).collect();
        assert_eq!(rows, [&[0, 2, 5][..], &[1, 4], &[3]]);
    }

    /// Number, size and centrality of each row, one at a time.
    fn plain(index: &[u64], profits: &[f32], stability: &[f64], axes: &[MapAxis]) -> Outcomes {
        let n = index.len();
        let same = |a: usize, b: usize| profits[a] == profits[b] && stability[a] == stability[b];
        let digit = |axis: &MapAxis, row: usize| {
            let at = index[row] / axis.stride % axis.positions();
            axis.table.as_ref().map_or(at, |table| table[at as usize].into())
        };
        let apart = |a: usize, b: usize| -> u64 {
            axes.iter().map(|axis| digit(axis, a).abs_diff(digit(axis, b))).sum()
        };
        let mut found =
            Outcomes { number: vec![0; n], size: vec![0; n], central: vec![0; n], count: 0 };
        for row in 0..n {
            if found.number[row] != 0 {
                continue;
            }
            found.count += 1;
            let members: Vec<usize> = (row..n).filter(|&other| same(row, other)).collect();
            let cost = |&row: &usize| members.iter().map(|&other| apart(row, other)).sum::<u64>();
            let central = *members.iter().min_by_key(|&row| cost(row)).expect("a member");
            found.central[central] = 1;
            for &member in &members {
                found.number[member] = found.count;
                found.size[member] = members.len() as u32;
            }
        }
        found
    }

    proptest! {
        #[test]
        fn outcomes_are_those_of_a_plain_search(
            kinds in prop::collection::vec((0_u8..3, 0_u8..3), 0..60),
            repeats in 1_usize..400,
        ) {
            // By stability, then by index.
            let mut rows: Vec<(u8, u64, u8)> = (0..kinds.len() * repeats)
                .map(|i| {
                    let (score, profit) = kinds[i % kinds.len()];
                    (score, i as u64, profit)
                })
                .collect();
            rows.truncate(3 * kinds.len().max(60));
            rows.sort_unstable_by_key(|&(score, index, _)| (u8::MAX - score, index));
            let index: Vec<u64> = rows.iter().map(|row| row.1).collect();
            let stability: Vec<f64> = rows.iter().map(|row| row.0.into()).collect();
            let profits: Vec<f32> = rows.iter().map(|row| row.2.into()).collect();
            let figures = unpacked(&profits, &vec![1; rows.len()]);
            let axes = [
                MapAxis::with_table(20, 3, &[2, 0, 0, 1]),
                MapAxis::plain(4, 5),
                MapAxis::plain(2, 2),
                MapAxis::plain(1, 1),
            ];
            let found = group(&index, &stability, &[&figures], &axes);
            prop_assert_eq!(found, plain(&index, &profits, &stability, &axes));
        }
    }
}

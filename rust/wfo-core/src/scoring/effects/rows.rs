//! Narrow sums of tiles.

use std::ops::{AddAssign, Range};

use rayon::prelude::*;

use super::shape::{Axis, Pair, Shape};
use super::sums::{Counts, Slab, Sums};
use crate::scoring::chunks::parts;

/// Positions of a tile that a worker adds up together.
const WIDTH: usize = 256;

/// Tiles after which a sum of returns of at most 2^49 may no longer fit 64 bits, less one. Counters of
/// 16 bits last longer.
pub(super) const TILES: usize = (1 << 14) - 1;

/// A row for each value of each axis that is slower than a tile, or one of all where none is.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    columns: Vec<Column>,
    /// Tiles that were added since the rows were empty.
    tiles: usize,
    /// For each tile of a slab the rows that it is added to.
    targets: Vec<usize>,
}

/// Some positions of the tile.
#[derive(Debug, Clone)]
struct Column {
    range: Range<usize>,
    /// Row after row.
    returns: Vec<i64>,
    /// By set, row after row: four counters in a word.
    counts: Vec<Vec<u64>>,
    /// Sums over the column, tile after tile of a slab.
    tile_returns: Vec<i64>,
    /// Likewise, one item a set.
    tile_counts: Vec<u64>,
}

impl Rows {
    pub(super) fn new(shape: &Shape, sets: usize) -> Self {
        let rows = rows(shape);
        let width = shape.tile.div_ceil(shape.tile.div_ceil(WIDTH));
        let columns = parts(shape.tile, width).map(|range| Column {
            returns: vec![0; rows * range.len()],
            counts: vec![vec![0; rows * range.len()]; sets],
            tile_returns: Vec::new(),
            tile_counts: Vec::new(),
            range,
        });
        Self { columns: columns.collect(), tiles: 0, targets: Vec::new() }
    }

    /// Adds the responses of combinations from flat index `start` on, of at most [`TILES`] tiles.
    pub(super) fn add(
        &mut self,
        shape: &Shape,
        start: u64,
        slab: &Slab,
        thresholds: Range<usize>,
        sums: &mut Sums,
    ) {
        if slab.returns.is_empty() {
            return;
        }
        let tile = shape.tile as u64;
        let (first, skipped) = (start / tile, (start % tile) as usize);
        let tiles = (skipped + slab.returns.len()).div_ceil(shape.tile);
        if self.tiles + tiles > TILES {
            self.drain(shape, sums);
        }
        self.tiles += tiles;
        self.targets.clear();
        for at in 0..tiles as u64 {
            targets(shape, (first + at) * tile, &mut self.targets);
        }
        let targets = &self.targets;
        let words: [u64; 256] = std::array::from_fn(|times| {
            let reached = thresholds.clone().take_while(|&least| times >= least).count();
            (0..reached).fold(0, |word, lane| word | 1 << (16 * lane))
        });
        self.columns.par_iter_mut().for_each(|column| {
            column.add(shape.tile, skipped, slab, targets, tiles, &words);
        });
        self.add_pairs(shape, first, tiles, sums);
    }

    /// Adds the sums of whole tiles to the pairs of axes that are both slower.
    fn add_pairs(&self, shape: &Shape, first: u64, tiles: usize, sums: &mut Sums) {
        let slow = |pair: &&Pair| pair.axes[1] < shape.lead;
        if !shape.pairs.iter().any(|pair| slow(&pair)) {
            return;
        }
        let sets = sums.counts.len();
        let mut counts = vec![Counts::default(); sets];
        for at in 0..tiles {
            let mut returns = 0_i128;
            counts.fill(Counts::default());
            for column in &self.columns {
                returns += i128::from(column.tile_returns[at]);
                let words = &column.tile_counts[at * sets..(at + 1) * sets];
                counts.iter_mut().zip(words).for_each(|(to, &word)| *to += Counts::of(word));
            }
            let index = (first + at as u64) * shape.tile as u64;
            for pair in shape.pairs.iter().filter(slow) {
                let [a, b] = pair.axes.map(|axis| &shape.axes[axis]);
                let cell = pair.cell + digit(a, index) * b.len + digit(b, index);
                sums.returns[cell] += returns;
                for (to, &from) in sums.counts.iter_mut().zip(&counts) {
                    to[cell] += from;
                }
            }
        }
    }

    /// Empties all rows into the sums.
    pub(super) fn drain(&mut self, shape: &Shape, sums: &mut Sums) {
        if self.tiles == 0 {
            return;
        }
        self.tiles = 0;
        let columns = &mut self.columns;
        let take = |row: usize, out: &mut Vec<i64>| {
            for column in &mut *columns {
                let width = column.range.len();
                let cells = &mut column.returns[row * width..(row + 1) * width];
                out.extend(cells.iter().copied());
                cells.fill(0);
            }
        };
        empty(shape, take, i128::from, &mut sums.total, &mut sums.returns);
        for set in 0..sums.counts.len() {
            let columns = &mut self.columns;
            let take = |row: usize, out: &mut Vec<u64>| {
                for column in &mut *columns {
                    let width = column.range.len();
                    let cells = &mut column.counts[set][row * width..(row + 1) * width];
                    out.extend(cells.iter().copied());
                    cells.fill(0);
                }
            };
            empty(shape, take, Counts::of, &mut sums.stable[set], &mut sums.counts[set]);
        }
    }
}

impl Column {
    fn add(
        &mut self,
        tile: usize,
        skipped: usize,
        slab: &Slab,
        targets: &[usize],
        tiles: usize,
        words: &[u64; 256],
    ) {
        let (width, rows) = (self.range.len(), targets.len() / tiles);
        self.tile_returns.clear();
        self.tile_counts.clear();
        let mut room = [0; WIDTH];
        let end = skipped + slab.returns.len();
        for at in 0..tiles {
            // Positions as counted from the beginning of the slab's first tile.
            let begin = at * tile + self.range.start;
            let first = begin.max(skipped);
            let stop = (at * tile + self.range.end).min(end);
            if first >= stop {
                self.tile_returns.push(0);
                self.tile_counts.resize(self.tile_counts.len() + self.counts.len(), 0);
                continue;
            }
            let part = first - skipped..stop - skipped;
            let cells = |row: &usize| {
                let from = row * width + first - begin;
                from..from + part.len()
            };
            let targets = &targets[at * rows..(at + 1) * rows];
            let from = &slab.returns[part.clone()];
            for row in targets {
                add(&mut self.returns[cells(row)], from);
            }
            self.tile_returns.push(from.iter().sum());
            for (counts, times) in self.counts.iter_mut().zip(&slab.times) {
                let from = &mut room[..part.len()];
                for (word, &times) in from.iter_mut().zip(&times[part.clone()]) {
                    *word = words[usize::from(times)];
                }
                for row in targets {
                    add(&mut counts[cells(row)], from);
                }
                self.tile_counts.push(from.iter().sum());
            }
        }
    }
}

#[inline(always)]
fn add<T: Copy + AddAssign>(to: &mut [T], from: &[T]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
}

/// How many rows there are.
fn rows(shape: &Shape) -> usize {
    shape.axes[..shape.lead].iter().map(|axis| axis.len).sum::<usize>().max(1)
}

/// Position of a flat index on an axis.
fn digit(axis: &Axis, index: u64) -> usize {
    (index / axis.stride % axis.len as u64) as usize
}

/// The rows of a tile that begins with a flat index.
fn targets(shape: &Shape, index: u64, out: &mut Vec<usize>) {
    if shape.lead == 0 {
        return out.push(0);
    }
    let mut first = 0;
    for axis in &shape.axes[..shape.lead] {
        out.push(first + digit(axis, index));
        first += axis.len;
    }
}

/// Sums rows by axis and by pair. `take` appends the cells of a row and makes them 0.
fn empty<R: Copy, S: Copy + Default + AddAssign>(
    shape: &Shape,
    mut take: impl FnMut(usize, &mut Vec<R>),
    widen: impl Fn(R) -> S,
    total: &mut S,
    cells: &mut [S],
) {
    let sum = |row: &[S]| {
        let mut sum = S::default();
        row.iter().for_each(|&value| sum += value);
        sum
    };
    let (slow, fast) = shape.axes.split_at(shape.lead);
    let mut row = Vec::with_capacity(shape.tile);
    let mut wide = vec![S::default(); shape.tile];
    let mut all = vec![S::default(); shape.tile];
    let mut read = |number: usize, wide: &mut [S]| {
        row.clear();
        take(number, &mut row);
        wide.iter_mut().zip(&row).for_each(|(to, &from)| *to = widen(from));
    };
    if slow.is_empty() {
        read(0, &mut all);
    }
    let mut number = 0;
    for (i, axis) in slow.iter().enumerate() {
        for value in 0..axis.len {
            read(number, &mut wide);
            number += 1;
            if i == 0 {
                add(&mut all, &wide);
            }
            cells[axis.cell + value] += sum(&wide);
            for (j, other) in fast.iter().enumerate() {
                if let Some(pair) = shape.pair(i, shape.lead + j) {
                    let first = pair.cell + value * other.len;
                    by_value(&wide, other, |at, part| cells[first + at] += sum(part));
                }
            }
        }
    }
    *total += sum(&all);
    for (i, axis) in fast.iter().enumerate() {
        by_value(&all, axis, |at, part| cells[axis.cell + at] += sum(part));
        for (j, other) in fast.iter().enumerate().skip(i + 1) {
            if let Some(pair) = shape.pair(shape.lead + i, shape.lead + j) {
                by_value(&all, axis, |at, part| {
                    let first = pair.cell + at * other.len;
                    by_value(part, other, |at, part| cells[first + at] += sum(part));
                });
            }
        }
    }
}

/// Calls `visit` with each value of an axis within the tile, and the cells of `row` that have it.
fn by_value<S>(row: &[S], axis: &Axis, mut visit: impl FnMut(usize, &[S])) {
    for block in row.chunks(axis.stride as usize * axis.len) {
        block.chunks(axis.stride as usize).enumerate().for_each(|(at, cells)| visit(at, cells));
    }
}

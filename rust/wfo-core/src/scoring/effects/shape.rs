//! How a grid is split into tiles, and the positions of its sums.

use super::response::Response;
use crate::error::{Error, Result};

/// Most cells of the rows. Two megabytes, and as much for each set of gates, stay in a near cache.
const NEAR: u64 = 1 << 18;

/// Most cells of the rows where a tile is short otherwise.
const FAR: u64 = 1 << 21;

/// Combinations below which a tile is short: its fixed cost exceeds that of its sums.
const SHORT: u64 = 256;

/// Most cells of all pairs together.
const PAIR_CELLS: u64 = 1 << 18;

/// Most values of an axis: each has a separate sum.
const LONGEST: u64 = 1 << 20;

/// An axis of more than one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    /// Its number among all axes.
    pub number: usize,
    pub len: usize,
    /// Combinations from one value to the next.
    pub stride: u64,
    /// Its first cell.
    pub cell: usize,
}

/// Two axes whose cells are kept, by their positions among those of more than one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub axes: [usize; 2],
    /// Its first cell.
    pub cell: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// How many axes there are, those of a single value among them.
    count: usize,
    size: u64,
    /// Axes of more than one value, the slowest first.
    pub axes: Vec<Axis>,
    /// Pairs that are kept, in order.
    pub pairs: Vec<Pair>,
    cells: usize,
    /// The first of `axes` within a tile, and the combinations of a tile.
    pub lead: usize,
    pub tile: usize,
}

impl Shape {
    /// # Errors
    /// No axis, one without values, or too many combinations.
    pub(super) fn new(lengths: &[u64]) -> Result<Self> {
        let allowed = "effects are told apart on axes of 1 to 2^20 values";
        let wrong = |value| Error::CountRange { name: "length", value, allowed };
        if lengths.is_empty() {
            return Err(wrong(0));
        }
        if let Some(&value) = lengths.iter().find(|len| !(1..=LONGEST).contains(*len)) {
            return Err(wrong(value));
        }
        let size = lengths.iter().try_fold(1_u64, |size, &len| size.checked_mul(len));
        let size = size.filter(|&size| size <= 1 << 63).ok_or(Error::GridTooLarge)?;
        let (mut axes, mut stride, mut cell) = (Vec::new(), size, 0);
        for (number, &len) in lengths.iter().enumerate() {
            stride /= len;
            if len > 1 {
                axes.push(Axis { number, len: len as usize, stride, cell });
                cell += len as usize;
            }
        }
        let product = |&[i, j]: &[usize; 2]| axes[i].len as u64 * axes[j].len as u64;
        let every = (0..axes.len()).flat_map(|i| (i + 1..axes.len()).map(move |j| [i, j]));
        let mut kept: Vec<[usize; 2]> = every.collect();
        // The sort is stable: among equals the first ones in order are kept.
        kept.sort_by_key(product);
        let mut left = PAIR_CELLS;
        kept.retain(|pair| match left.checked_sub(product(pair)) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        });
        kept.sort_unstable();
        let pairs = kept
            .into_iter()
            .map(|pair| {
                let first = cell;
                cell += product(&pair) as usize;
                Pair { axes: pair, cell: first }
            })
            .collect();
        let (lead, tile) = split(&axes);
        Ok(Self { count: lengths.len(), size, axes, pairs, cells: cell, lead, tile })
    }

    /// Combinations of the grid.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Cells of all axes and pairs.
    pub(super) fn cells(&self) -> usize {
        self.cells
    }

    /// The numbers of the axes of each pair.
    pub(super) fn pairs(&self) -> Vec<(usize, usize)> {
        let number = |axis: usize| self.axes[axis].number;
        self.pairs.iter().map(|pair| (number(pair.axes[0]), number(pair.axes[1]))).collect()
    }

    /// Cells of a pair.
    pub(super) fn pair_len(&self, pair: &Pair) -> usize {
        pair.axes.iter().map(|&axis| self.axes[axis].len).product()
    }

    /// The kept pair of two axes.
    pub(super) fn pair(&self, first: usize, second: usize) -> Option<&Pair> {
        let found = self.pairs.binary_search_by_key(&[first, second], |pair| pair.axes);
        found.ok().map(|at| &self.pairs[at])
    }

    /// Sums by axis and by pair.
    pub(super) fn response<T: Copy>(&self, total: T, cell: impl Fn(usize) -> T) -> Response<T> {
        let cells = |first: usize, len: usize| (first..first + len).map(&cell).collect();
        let mut singles = vec![vec![total]; self.count];
        for axis in &self.axes {
            singles[axis.number] = cells(axis.cell, axis.len);
        }
        let pairs = self.pairs.iter().map(|pair| cells(pair.cell, self.pair_len(pair))).collect();
        Response { total, singles, pairs }
    }
}

/// The first axis within a tile, and the tile's combinations: the most for which rows of them, one for
/// each value of the axes before, stay within the limit of cells.
fn split(axes: &[Axis]) -> (usize, usize) {
    let tile = |lead: usize| match lead.checked_sub(1) {
        Some(before) => axes[before].stride,
        None => axes.first().map_or(1, |axis| axis.stride.saturating_mul(axis.len as u64)),
    };
    let room = |lead: usize| {
        let rows: u64 = axes[..lead].iter().map(|axis| axis.len as u64).sum();
        tile(lead).saturating_mul(rows.max(1))
    };
    let longest = |most: u64| (0..axes.len()).find(|&lead| room(lead) <= most);
    let lead = longest(NEAR).unwrap_or(axes.len());
    let far = if tile(lead) < SHORT { longest(FAR) } else { None };
    let lead = far.unwrap_or(lead);
    (lead, tile(lead) as usize)
}

//! Sums over whole lines of a grid, the combinations that differ in one axis alone.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use rayon::prelude::*;

use crate::error::{Error, Result};

/// A sum of squares, exact: below 2^256.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Squares {
    /// The high and the low half.
    pub high: u128,
    /// Below 2^128.
    pub low: u128,
}

/// Low bits of a response that are squared apart.
const BITS: u32 = 25;

impl Squares {
    /// The squares of responses, none of which exceeds 2^49 either way; at most 2^13 of them.
    #[inline(always)]
    pub(super) fn of(values: &[i64]) -> Self {
        debug_assert!(values.len() <= 1 << 13);
        // Products of halves fit 64 bits, and so do their sums, as a vector.
        let (mut high, mut mixed, mut low) = (0_i64, 0_i64, 0_i64);
        for &value in values {
            let (a, b) = (value >> BITS, value & ((1 << BITS) - 1));
            high += a * a;
            mixed += a * b;
            low += b * b;
        }
        let sum =
            (i128::from(high) << (2 * BITS)) + (i128::from(mixed) << (BITS + 1)) + i128::from(low);
        Self { high: 0, low: sum.unsigned_abs() }
    }

    /// The square of a sum of responses that fits 64 bits.
    #[inline(always)]
    fn of_narrow(sum: i64) -> Self {
        let sum = u128::from(sum.unsigned_abs());
        Self { high: 0, low: sum * sum }
    }

    /// The square of any sum of responses, below 2^96 either way.
    #[inline(always)]
    pub(super) fn of_sum(sum: i128) -> Self {
        let sum = sum.unsigned_abs();
        let (a, b) = (sum >> 64, sum & u128::from(u64::MAX));
        let mixed = 2 * a * b;
        Self { high: a * a, low: b * b } + Self { high: mixed >> 64, low: mixed << 64 }
    }
}

impl Add for Squares {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let (low, carry) = self.low.overflowing_add(other.low);
        Self { high: self.high + other.high + u128::from(carry), low }
    }
}

impl AddAssign for Squares {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Squares {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// Lines that are summed together, as a vector.
const WIDTH: usize = 1024;

/// Combinations of a task, at least.
const TASK: usize = 1 << 16;

/// Values whose sum fits 64 bits.
const NARROW: usize = 1 << 13;

/// Sums the squares of the sums over all lines along an axis.
///
/// `values` has an item for each combination of a grid with axes of these lengths, the last of which
/// varies fastest; none exceeds 2^49 either way once `read`.
///
/// # Errors
/// An axis that is not there, or values for another number of combinations.
pub fn line_squares<T: Sync>(
    values: &[T],
    lengths: &[u64],
    axis: usize,
    read: impl Fn(&T) -> i64 + Sync,
) -> Result<Squares> {
    let size = lengths.iter().try_fold(1_u64, |size, &len| size.checked_mul(len));
    if size != Some(values.len() as u64) {
        let allowed = "there is one value for each combination of the grid";
        return Err(Error::CountRange { name: "values", value: values.len() as u64, allowed });
    }
    let Some(&count) = lengths.get(axis) else {
        let allowed = "axes are counted from 0";
        return Err(Error::CountRange { name: "axis", value: axis as u64, allowed });
    };
    if values.is_empty() {
        return Ok(Squares::default());
    }
    let count = count as usize;
    let stride = lengths[axis + 1..].iter().product::<u64>() as usize;
    // All lines that start within one value of the axis before.
    let block = stride * count;
    let read = &read;
    Ok(if block >= TASK {
        let starts = stride.div_ceil(WIDTH);
        let task = |at: usize| {
            let from = at / starts * block;
            along(&values[from..from + block], stride, at % starts * WIDTH, &mut [0; WIDTH], read)
        };
        (0..values.len() / block * starts).into_par_iter().map(task).sum()
    } else {
        let task = |blocks: &[T]| {
            let mut sums = [0; WIDTH];
            let mut squares = Squares::default();
            for block in blocks.chunks(block) {
                for first in (0..stride).step_by(WIDTH) {
                    squares += along(block, stride, first, &mut sums, read);
                }
            }
            squares
        };
        values.par_chunks(TASK / block * block).map(task).sum()
    })
}

/// The squares of the sums over lines that begin at `first` and, at most [`WIDTH`] of them, after it.
#[inline(always)]
fn along<T>(
    block: &[T],
    stride: usize,
    first: usize,
    sums: &mut [i64; WIDTH],
    read: impl Fn(&T) -> i64,
) -> Squares {
    if block.len() / stride > NARROW {
        return along_wide(block, stride, first, read);
    }
    if stride == 1 {
        return Squares::of_narrow(block.iter().map(read).sum());
    }
    let width = WIDTH.min(stride - first);
    let sums = &mut sums[..width];
    let mut rows = block.chunks_exact(stride).map(|row| &row[first..first + width]);
    if let Some(row) = rows.next() {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum = read(value));
    }
    for row in rows {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += read(value));
    }
    let mut squares = Squares::default();
    sums.iter().for_each(|&sum| squares += Squares::of_narrow(sum));
    squares
}

/// The same along an axis of so many values that their sum may not fit 64 bits.
fn along_wide<T>(block: &[T], stride: usize, first: usize, read: impl Fn(&T) -> i64) -> Squares {
    let width = WIDTH.min(stride - first);
    let mut sums = vec![0_i128; width];
    for row in block.chunks_exact(stride) {
        let row = &row[first..first + width];
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += i128::from(read(value)));
    }
    sums.into_iter().map(Squares::of_sum).sum()
}

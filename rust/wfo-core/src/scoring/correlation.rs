//! The exact rank correlation of two columns (Spearman).

use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;

use crate::error::{Error, Result};

/// Most values: twice a rank then fits 32 bits.
const MOST: usize = 1 << 31;

/// Values that a worker takes at a time, about.
const PIECE: usize = 1 << 18;

/// Spearman's rank correlation of two columns: Pearson's of their ranks, where equal values share the
/// average of theirs. Both zeros are equal, and infinities are values like others.
///
/// The sums are of whole numbers, and exact: the result is within a few units in the last place, and
/// the same for any number of threads. It takes 12 bytes a value beside the columns.
///
/// NaN where a column has only one value, is empty or holds something that is no number.
///
/// # Errors
/// Columns of different lengths, or of more than 2^31 values.
pub fn rank_correlation(a: &[f32], b: &[f32]) -> Result<f64> {
    let count =
        |name, value: usize, allowed| Error::CountRange { name, value: value as u64, allowed };
    if a.len() != b.len() {
        return Err(count("values of b", b.len(), "there must be as many as values of a"));
    }
    if a.len() > MOST {
        return Err(count("values of a", a.len(), "there may be up to 2^31"));
    }
    if a.is_empty() || a.par_iter().chain(b).any(|value| value.is_nan()) {
        return Ok(f64::NAN);
    }
    let mut sorted = vec![0; a.len()];
    let mut doubled = Vec::new();
    doubled.par_extend((0..a.len()).into_par_iter().map(|_| AtomicU32::new(0)));
    sort(a, &mut sorted);
    let squares_a = sum(&sorted, |run, rank| {
        for &value in run {
            doubled[value as u32 as usize].store(rank, Ordering::Relaxed);
        }
        square(centered(rank, a.len()), run.len())
    });
    sort(b, &mut sorted);
    let squares_b = sum(&sorted, |run, rank| square(centered(rank, b.len()), run.len()));
    let products = sum(&sorted, |run, rank| {
        let other = |value: &u64| {
            let doubled = doubled[*value as u32 as usize].load(Ordering::Relaxed);
            i128::from(centered(doubled, a.len()))
        };
        i128::from(centered(rank, b.len())) * run.iter().map(other).sum::<i128>()
    });
    if squares_a == 0 || squares_b == 0 {
        return Ok(f64::NAN);
    }
    // One root of the product: equal squares give exactly 1 where the products equal them.
    let found = products as f64 / (squares_a as f64 * squares_b as f64).sqrt();
    Ok(found.clamp(-1.0, 1.0))
}

/// The difference of a doubled rank, counted from 0, from the mean of all.
fn centered(doubled: u32, len: usize) -> i64 {
    i64::from(doubled) - (len as i64 - 1)
}

fn square(difference: i64, times: usize) -> i128 {
    i128::from(difference) * i128::from(difference) * times as i128
}

/// Fills in for each value a number that orders like it, above the position of the value; sorted.
fn sort(values: &[f32], sorted: &mut [u64]) {
    sorted.par_iter_mut().zip(values).enumerate().for_each(|(position, (sorted, value))| {
        // Minus 0 becomes 0.
        let pattern = (value + 0.0).to_bits();
        let key = if pattern >> 31 == 0 { pattern | 1 << 31 } else { !pattern };
        *sorted = u64::from(key) << 32 | position as u64;
    });
    sorted.par_sort_unstable();
}

/// The sum over all runs of equal values of what `add` makes of the run and of twice the average rank
/// of its values, counted from 0.
fn sum(sorted: &[u64], add: impl Fn(&[u64], u32) -> i128 + Sync) -> i128 {
    let same = |a: &u64, b: &u64| a >> 32 == b >> 32;
    let pieces = sorted.len().div_ceil(PIECE);
    let piece = |piece: usize| {
        // A run is of the piece in which it begins.
        let begin = |at: usize| match sorted.get(at.saturating_sub(1)) {
            Some(before) if at > 0 => {
                at + sorted[at..].partition_point(|value| same(value, before))
            }
            _ => at,
        };
        let first = begin((piece * PIECE).min(sorted.len()));
        let last = begin(((piece + 1) * PIECE).min(sorted.len()));
        let (mut total, mut at) = (0, first);
        for run in sorted[first..last.max(first)].chunk_by(same) {
            let doubled = (2 * at + run.len() - 1) as u32;
            total += add(run, doubled);
            at += run.len();
        }
        total
    };
    (0..pieces).into_par_iter().map(piece).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By the definition, one value at a time.
    fn expected(a: &[f32], b: &[f32]) -> f64 {
        let ranks = |of: &[f32]| -> Vec<f64> {
            let rank = |x: &f32| {
                let below = of.iter().filter(|y| *y < x).count() as f64;
                below + (of.iter().filter(|y| *y == x).count() as f64 + 1.0) / 2.0
            };
            of.iter().map(rank).collect()
        };
        let (a, b) = (ranks(a), ranks(b));
        let mean = (a.len() as f64 + 1.0) / 2.0;
        let product = |a: &[f64], b: &[f64]| -> f64 {
            a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum()
        };
        product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
    }

    #[test]
    fn small_columns_by_hand() {
        let found = |a: &[f32], b: &[f32]| rank_correlation(a, b).expect("a correlation");
        assert_eq!(found(&[1.0, 2.0, 3.0], &[5.0, 6.0, 7.0]), 1.0);
        assert_eq!(found(&[1.0, 2.0, 3.0], &[7.0, 6.0, -1.0]), -1.0);
        // Ranks 1, 2, 3 and 1.5, 3, 1.5: nothing.
        assert_eq!(found(&[1.0, 2.0, 3.0], &[0.0, 9.0, -0.0]), 0.0);
        assert_eq!(found(&[f32::NEG_INFINITY, 0.0, f32::INFINITY], &[1.0, 2.0, 3.0]), 1.0);
        assert!(found(&[], &[]).is_nan());
        assert!(found(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
        assert!(found(&[1.0, f32::NAN], &[1.0, 2.0]).is_nan());
        assert!(rank_correlation(&[1.0], &[]).is_err());
    }

    #[test]
    fn runs_longer_than_a_piece_are_one() {
        let a: Vec<f32> = (0..3 * PIECE + 5).map(|i| (i / (PIECE + 77)) as f32).collect();
        let ranks: Vec<f32> = (0..a.len()).map(|i| i as f32).collect();
        // Ties of a in groups: the correlation of ranks with group means is the root of the share of
        // the squares that lies between groups.
        let size = (PIECE + 77) as f64;
        let len = a.len() as f64;
        let groups = [size, size, len - 2.0 * size];
        let within: f64 = groups.iter().map(|n| n * (n * n - 1.0) / 12.0).sum();
        let expected = (1.0 - within / (len * (len * len - 1.0) / 12.0)).sqrt();
        let found = rank_correlation(&a, &ranks).expect("a correlation");
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }

    proptest! {
        #[test]
        fn correlations_are_those_of_ranks(
            pairs in prop::collection::vec((-5_i8..5, -5_i8..5, any::<bool>()), 2..40),
        ) {
            let value = |x: i8, minus: bool| match x {
                0 if minus => -0.0,
                4 => f32::INFINITY,
                _ => f32::from(x) / 3.0,
            };
            let a: Vec<f32> = pairs.iter().map(|p| value(p.0, p.2)).collect();
            let b: Vec<f32> = pairs.iter().map(|p| value(p.1, !p.2)).collect();
            let (found, expected) = (rank_correlation(&a, &b).expect("one"), expected(&a, &b));
            prop_assert!(
                (found - expected).abs() < 1e-12 || (found.is_nan() && expected.is_nan()),
                "{found} {expected}"
            );
        }
    }
}

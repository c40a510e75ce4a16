//! When a level that stays is reached: a tree of extremes over bars, of no parameter.
//!
//! Level 0 has the lows, or the negated highs, of all bars; each further level the least of every
//! [`WIDE`] of them. A search goes up from its first bar as long as nothing in a node's siblings
//! behind it reaches the level, and down again where something does.

use crate::engine::f64x4::{F64_LANES, F64x4};

/// Nodes below one node.
const WIDE: usize = 16;

/// The least of what bars reach, at all widths, whole siblings of [`WIDE`] each.
#[derive(Debug)]
pub(super) struct Reach {
    levels: Vec<Vec<[f64; WIDE]>>,
}

impl Reach {
    /// Of the lows of bars, or of the negated highs.
    pub fn new(reach: &[f64]) -> Self {
        let siblings = |values: &[f64]| -> Vec<[f64; WIDE]> {
            let whole = |some: &[f64]| {
                let mut whole = [f64::INFINITY; WIDE];
                whole[..some.len()].copy_from_slice(some);
                whole
            };
            values.chunks(WIDE).map(whole).collect()
        };
        let mut levels = vec![siblings(reach)];
        while let Some(below) = levels.last().filter(|below| below.len() > 1) {
            let least = |some: &[f64; WIDE]| some.iter().copied().fold(f64::INFINITY, f64::min);
            let level = siblings(&below.iter().map(least).collect::<Vec<_>>());
            levels.push(level);
        }
        Self { levels }
    }

    /// The first bar of `from..to` that reaches `level`: at most as high, of the lows. Else `to`.
    #[inline(always)]
    pub fn first<V: F64x4>(&self, from: usize, to: usize, level: f64) -> usize {
        if from >= to {
            return to;
        }
        let level = V::splat(level);
        let (mut at, mut height) = (from, 0);
        loop {
            let Some(siblings) = self.levels.get(height).and_then(|all| all.get(at / WIDE)) else {
                return to;
            };
            // The rest of the siblings.
            let reached = reached(siblings, level) & (u32::MAX << (at % WIDE));
            if reached != 0 {
                at = at / WIDE * WIDE + reached.trailing_zeros() as usize;
                break;
            }
            at = at / WIDE + 1;
            height += 1;
            if at << (4 * height) >= to {
                return to;
            }
        }
        while height > 0 {
            height -= 1;
            let reached = reached(&self.levels[height][at], level);
            at = at * WIDE + reached.trailing_zeros() as usize;
        }
        at.min(to)
    }
}

/// A bit for each of some siblings that reach a level.
#[inline(always)]
fn reached<V: F64x4>(siblings: &[f64; WIDE], level: V) -> u32 {
    let (four, _) = siblings.as_chunks::<F64_LANES>();
    let each = four.iter().enumerate();
    each.fold(0, |bits, (i, &four)| bits | V::from_array(four).le(level) << (F64_LANES * i))
}

const _: () = assert!(WIDE == 1 << 4);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::f64x4::Portable;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_bar_is_that_of_a_search_bar_by_bar(
            prices in prop::collection::vec(0_i32..1_000, 1..1_200),
            from in 0_usize..1_200,
            to in 0_usize..1_200,
            level in 0_i32..40,
        ) {
            let reach: Vec<f64> = prices.iter().map(|&price| f64::from(price)).collect();
            let (to, level) = (to.min(reach.len()), f64::from(level) * 0.5);
            let wanted = (from..to).find(|&bar| reach[bar] <= level).unwrap_or(to);
            let tree = Reach::new(&reach);
            prop_assert_eq!(tree.first::<Portable>(from, to, level), wanted);
            prop_assert_eq!(tree.first::<Portable>(from, to, f64::NAN), to.max(from.min(to)));
        }
    }
}

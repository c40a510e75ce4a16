//! The exact distribution of very many profits, from which percentile ranks are read.
//!
//! Positive `f32` values are ordered like their bit patterns, so counting how often each pattern
//! occurs is a sort that takes its input in any order, block by block, and never holds it. There is a
//! counter for every pattern, in pages of 4,096 that exist once they are met: an octave of prices has
//! 8.4 million patterns, 34 MB where all are met, and profits of one grid span a few octaves.

use crate::error::{Error, Result};

const PAGE_BITS: u32 = 12;
const PAGE: usize = 1 << PAGE_BITS;
/// Pages up to the pattern of infinity, the first that is not counted.
const PAGES: usize = (0x7f80_0000_u32 >> PAGE_BITS) as usize;

/// Counts of finite values above 0.
#[derive(Debug, Clone)]
pub struct Distribution {
    pages: Vec<Option<Box<[u32; PAGE]>>>,
    len: u64,
}

impl Default for Distribution {
    fn default() -> Self {
        Self { pages: vec![None; PAGES], len: 0 }
    }
}

impl Distribution {
    /// A distribution without values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many values were added.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether no value was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Counts `values`.
    ///
    /// # Errors
    /// A value that is not finite and above 0; the values before it are counted.
    pub fn add(&mut self, values: &[f32]) -> Result<()> {
        for (index, &value) in values.iter().enumerate() {
            if !is_rankable(value) {
                return Err(Error::NotRankable { index, value });
            }
            let (page, cell) = place(value);
            let page = self.pages[page].get_or_insert_with(|| Box::new([0; PAGE]));
            page[cell] = page[cell].checked_add(1).ok_or(Error::DistributionFull)?;
            self.len += 1;
        }
        Ok(())
    }

    /// Freezes the counts into ranks, in the memory they stand in.
    ///
    /// # Errors
    /// More than 2^32 values on one page, that is within one part in 2,048 of one another.
    pub fn into_ranks(self) -> Result<Ranks> {
        let mut below = 0;
        let mut pages = Vec::with_capacity(self.pages.len());
        for page in self.pages {
            let Some(mut up_to) = page else {
                pages.push(None);
                continue;
            };
            let mut sum = 0_u32;
            for cell in up_to.iter_mut() {
                sum = sum.checked_add(*cell).ok_or(Error::DistributionFull)?;
                *cell = sum;
            }
            pages.push(Some(Page { below, up_to }));
            below += u64::from(sum);
        }
        Ok(Ranks { pages, len: self.len })
    }
}

/// Percentile ranks among the values of a [`Distribution`].
#[derive(Debug, Clone)]
pub struct Ranks {
    pages: Vec<Option<Page>>,
    len: u64,
}

#[derive(Debug, Clone)]
struct Page {
    /// Values on the pages before.
    below: u64,
    /// Values on this page up to each pattern, itself included.
    up_to: Box<[u32; PAGE]>,
}

impl Ranks {
    /// How many values are ranked.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no value to rank.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// `100 * average rank / count` of every value; equal values share their average rank.
    ///
    /// # Errors
    /// A value that was never added.
    pub fn percentiles(&self, values: &[f32]) -> Result<Vec<f64>> {
        values
            .iter()
            .enumerate()
            .map(|(index, &value)| {
                self.percentile(value).ok_or(Error::NotRankable { index, value })
            })
            .collect()
    }

    fn percentile(&self, value: f32) -> Option<f64> {
        if !is_rankable(value) {
            return None;
        }
        let (page, cell) = place(value);
        let page = self.pages[page].as_ref()?;
        let before = cell.checked_sub(1).map_or(0, |c| page.up_to[c]);
        let count = page.up_to[cell] - before;
        if count == 0 {
            return None;
        }
        let below = (page.below + u64::from(before)) as f64;
        Some(100.0 * (below + (f64::from(count) + 1.0) / 2.0) / self.len as f64)
    }
}

fn is_rankable(value: f32) -> bool {
    value > 0.0 && value.is_finite()
}

fn place(value: f32) -> (usize, usize) {
    let bits = value.to_bits();
    ((bits >> PAGE_BITS) as usize, bits as usize & (PAGE - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranks(values: &[f32]) -> Vec<f64> {
        let mut distribution = Distribution::new();
        distribution.add(values).expect("rankable");
        distribution.into_ranks().expect("few values").percentiles(values).expect("all were added")
    }

    #[test]
    fn ties_share_their_average_rank() {
        assert_eq!(ranks(&[10.0, 30.0, 20.0, 20.0]), [25.0, 100.0, 62.5, 62.5]);
        assert_eq!(ranks(&[f32::MAX, f32::MIN_POSITIVE, 1e-45]), [100.0, 200.0 / 3.0, 100.0 / 3.0]);
    }

    #[test]
    fn what_cannot_be_ranked_is_named() {
        for value in [0.0, -0.0, -1.0, f32::INFINITY, f32::NAN] {
            let error = Distribution::new().add(&[1.0, value]);
            assert!(matches!(error, Err(Error::NotRankable { index: 1, .. })), "{value}");
        }
        let mut distribution = Distribution::new();
        distribution.add(&[1.0]).expect("rankable");
        let ranks = distribution.into_ranks().expect("few values");
        for stranger in [2.0, 1.000_000_1, -1.0] {
            assert!(ranks.percentiles(&[stranger]).is_err(), "{stranger}");
        }
    }

    proptest! {
        #[test]
        fn ranks_are_those_of_a_sort(
            values in prop::collection::vec(prop_oneof![1e-3_f32..1e6, (1_u8..9).prop_map(f32::from)], 1..200),
            cut in 0_usize..200,
        ) {
            let cut = cut.min(values.len());
            let mut backwards = Distribution::new();
            backwards.add(&values[cut..]).expect("rankable");
            backwards.add(&values[..cut]).expect("rankable");
            let found = backwards.into_ranks().expect("few values").percentiles(&values).expect("all were added");
            for (value, rank) in values.iter().zip(found) {
                let below = values.iter().filter(|v| *v < value).count() as f64;
                let ties = values.iter().filter(|v| *v == value).count() as f64;
                prop_assert_eq!(rank, 100.0 * (below + (ties + 1.0) / 2.0) / values.len() as f64);
            }
        }
    }
}

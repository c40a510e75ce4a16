//! The distribution of very many profits, from which percentile ranks are read.
//!
//! Up to 2^20 values are kept as they are, and every rank is exact. Of more, only counts are kept:
//! positive `f32` values are ordered like their bit patterns, so counting patterns is a sort that
//! takes its input in any order, block by block, and never holds it. Sixteen neighbouring patterns
//! share a bin, 2^19 bins an octave, in pages of 4,096 that exist once they are met: at most 2 MB an
//! octave, and profits of one grid span a few octaves. Which of the two it is depends on the final
//! number of values alone.
//!
//! All values of a bin get their average rank. The rank of one of them is off by less than half of
//! what the bin holds, in percentiles `50 * (share of the bin)`. A bin spans one or two millionths of
//! the value, so that more than 0.001 is possible only where over 2e-5 of more than a million profits,
//! that is more than twenty and not all equal, lie within two millionths of one another. Profits of a
//! grid lie that close where they are equal, and equal values have the average rank by definition: a
//! value that has its bin to itself, however often it occurs, has its exact rank. Profits that are
//! spread out have no such bins unless they all lie within some percent of one another; within one
//! percent, ranks are off by up to 0.005.

use crate::error::{Error, Result};

/// So many values are kept as they are.
pub(crate) const LIMIT: usize = 1 << 20;

/// Patterns that share a bin, in bits.
pub(crate) const BIN_BITS: u32 = 4;
/// Bins of a page, in bits.
const PAGE_BITS: u32 = 12;
const PAGE: usize = 1 << PAGE_BITS;
/// The pattern of infinity, the first that is not counted.
pub(crate) const INFINITY: u32 = 0x7f80_0000;
/// Pages up to infinity.
const PAGES: usize = (INFINITY >> (BIN_BITS + PAGE_BITS)) as usize;

/// Finite values above 0.
#[derive(Debug, Clone)]
pub struct Distribution {
    limit: usize,
    len: u64,
    /// Patterns of all values, in no order, as long as they are kept.
    held: Vec<u32>,
    /// Their counts from then on.
    bins: Option<Bins>,
}

/// A counter for every bin.
#[derive(Debug, Clone)]
struct Bins {
    pages: Vec<Option<Box<[u32; PAGE]>>>,
}

impl Bins {
    fn new() -> Self {
        Self { pages: vec![None; PAGES] }
    }

    fn count(&mut self, patterns: &[u32]) -> Result<()> {
        for &pattern in patterns {
            self.add(pattern >> BIN_BITS, 1)?;
        }
        Ok(())
    }

    #[inline(always)]
    fn add(&mut self, bin: u32, times: u32) -> Result<()> {
        let page = &mut self.pages[(bin >> PAGE_BITS) as usize];
        let page = page.get_or_insert_with(|| Box::new([0; PAGE]));
        let cell = &mut page[bin as usize % PAGE];
        *cell = cell.checked_add(times).ok_or(Error::DistributionFull)?;
        Ok(())
    }

    /// The pages that exist, each with its number.
    fn pages(&self) -> impl Iterator<Item = (usize, &[u32; PAGE])> {
        let numbered = self.pages.iter().enumerate();
        numbered.filter_map(|(number, page)| page.as_ref().map(|page| (number, &**page)))
    }
}

impl Default for Distribution {
    fn default() -> Self {
        Self::with_limit(LIMIT)
    }
}

impl Distribution {
    /// A distribution without values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One that keeps another number of values as they are.
    pub(crate) fn with_limit(limit: usize) -> Self {
        Self { limit, len: 0, held: Vec::new(), bins: None }
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

    /// Whether there are so many values that they are counted in bins.
    #[must_use]
    pub fn is_binned(&self) -> bool {
        self.bins.is_some()
    }

    /// Adds `values`.
    ///
    /// # Errors
    /// A value that is not finite and above 0, and none is added; more equal values than a counter
    /// holds.
    pub fn add(&mut self, values: &[f32]) -> Result<()> {
        if let Some(index) = values.iter().position(|&v| !is_rankable(v)) {
            return Err(Error::NotRankable { index, value: values[index] });
        }
        let patterns: Vec<u32> = values.iter().map(|v| v.to_bits()).collect();
        self.add_patterns(&patterns)
    }

    /// Adds the values of bit patterns below that of infinity.
    ///
    /// # Errors
    /// More equal values than a counter holds.
    pub(crate) fn add_patterns(&mut self, patterns: &[u32]) -> Result<()> {
        if self.bins.is_none() && self.held.len() + patterns.len() <= self.limit {
            self.held.extend_from_slice(patterns);
        } else {
            self.bins()?.count(patterns)?;
        }
        self.len += patterns.len() as u64;
        Ok(())
    }

    /// The bins, into which the values go now if they were kept so far.
    fn bins(&mut self) -> Result<&mut Bins> {
        let bins = self.bins.get_or_insert_with(Bins::new);
        bins.count(&std::mem::take(&mut self.held))?;
        Ok(bins)
    }

    /// Adds the values of another distribution of the same limit.
    ///
    /// # Errors
    /// More equal values than a counter holds.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        let Some(theirs) = &other.bins else {
            return self.add_patterns(&other.held);
        };
        let bins = self.bins()?;
        for (number, page) in theirs.pages() {
            let mine = bins.pages[number].get_or_insert_with(|| Box::new([0; PAGE]));
            for (cell, &times) in mine.iter_mut().zip(page) {
                *cell = cell.checked_add(times).ok_or(Error::DistributionFull)?;
            }
        }
        self.len += other.len;
        Ok(())
    }

    /// Calls `visit` with everything that has a rank of its own, in rising order: a key and how many
    /// values it stands for. A key is a pattern, or the number of a [bin](Self::is_binned).
    pub(crate) fn visit(&self, mut visit: impl FnMut(u32, u32)) {
        let Some(bins) = &self.bins else {
            let mut sorted = self.held.clone();
            sorted.sort_unstable();
            for equal in sorted.chunk_by(|a, b| a == b) {
                visit(equal[0], equal.len() as u32);
            }
            return;
        };
        for (number, page) in bins.pages() {
            for (cell, &times) in page.iter().enumerate() {
                if times > 0 {
                    visit((number << PAGE_BITS | cell) as u32, times);
                }
            }
        }
    }

    /// The first pattern of a key of [`visit`](Self::visit).
    pub(crate) fn pattern(&self, key: u32) -> u32 {
        if self.is_binned() { key << BIN_BITS } else { key }
    }

    /// Rebuilds `len` values from what [`visit`](Self::visit) tells; None if it does not add up.
    pub(crate) fn rebuild(
        limit: usize,
        len: u64,
        keys: impl Iterator<Item = Option<(u32, u32)>>,
    ) -> Option<Self> {
        let mut whole = Self::with_limit(limit);
        if len > limit as u64 {
            let bins = whole.bins().ok()?;
            let mut found = 0_u64;
            for key in keys {
                let (bin, times) = key?;
                if bin >= INFINITY >> BIN_BITS {
                    return None;
                }
                found += u64::from(times);
                bins.add(bin, times).ok()?;
            }
            whole.len = found;
        } else {
            for key in keys {
                let (pattern, times) = key?;
                whole.len += u64::from(times);
                // The sum is checked before the values are written out.
                if pattern == 0 || pattern >= INFINITY || whole.len > len {
                    return None;
                }
                whole.held.extend(std::iter::repeat_n(pattern, times as usize));
            }
        }
        (whole.len == len).then_some(whole)
    }

    /// Freezes the counts into ranks.
    ///
    /// # Errors
    /// More than 2^32 values on one page, that is within one part in 128 of one another.
    pub fn ranks(&self) -> Result<Ranks> {
        let table = match &self.bins {
            None => Table::Exact(Exact::new(&self.held)),
            Some(bins) => Table::Binned(Binned::new(bins)?),
        };
        Ok(Ranks { len: self.len, table })
    }
}

fn is_rankable(value: f32) -> bool {
    value > 0.0 && value.is_finite()
}

/// `100 * average rank / len` of `times` equal values with `below` values below them.
#[inline(always)]
pub(crate) fn percentile(below: u64, times: u32, len: u64) -> f64 {
    100.0 * (below as f64 + (f64::from(times) + 1.0) / 2.0) / len as f64
}

/// Percentile ranks among the values of a [`Distribution`].
#[derive(Debug, Clone)]
pub struct Ranks {
    len: u64,
    table: Table,
}

#[derive(Debug, Clone)]
enum Table {
    Exact(Exact),
    Binned(Binned),
}

/// Ranks of patterns, which stand in buckets of equal width: there are as many buckets as patterns,
/// so that most hold a few.
#[derive(Debug, Clone)]
struct Exact {
    least: u32,
    greatest: u32,
    /// Width of a bucket, in bits.
    width: u32,
    /// Where each bucket begins, and the last one ends.
    starts: Vec<u32>,
    patterns: Vec<u32>,
    percentiles: Vec<f64>,
}

impl Exact {
    fn new(held: &[u32]) -> Self {
        let mut sorted = held.to_vec();
        sorted.sort_unstable();
        let (mut patterns, mut percentiles) = (Vec::new(), Vec::new());
        let (mut below, len) = (0, sorted.len() as u64);
        for equal in sorted.chunk_by(|a, b| a == b) {
            patterns.push(equal[0]);
            percentiles.push(percentile(below, equal.len() as u32, len));
            below += equal.len() as u64;
        }
        let least = patterns.first().copied().unwrap_or(1);
        let greatest = patterns.last().copied().unwrap_or(0);
        let span = greatest.saturating_sub(least);
        let mut width = 0;
        while (span >> width) as usize > patterns.len() {
            width += 1;
        }
        let mut starts = Vec::with_capacity((span >> width) as usize + 2);
        for (at, pattern) in patterns.iter().enumerate() {
            starts.resize(((pattern - least) >> width) as usize + 1, at as u32);
        }
        starts.push(patterns.len() as u32);
        Self { least, greatest, width, starts, patterns, percentiles }
    }

    #[inline(always)]
    fn get(&self, pattern: u32) -> f64 {
        if pattern < self.least || pattern > self.greatest {
            return f64::NAN;
        }
        let bucket = ((pattern - self.least) >> self.width) as usize;
        let (from, to) = (self.starts[bucket] as usize, self.starts[bucket + 1] as usize);
        match self.patterns[from..to].binary_search(&pattern) {
            Ok(at) => self.percentiles[from + at],
            Err(_) => f64::NAN,
        }
    }
}

/// Ranks of bins. Tables without gaps, so that a lookup is three loads whatever it looks for.
#[derive(Debug, Clone)]
struct Binned {
    /// Where the page of every 16 leading bits of a pattern stands; 0 is a page of nothing.
    places: Vec<u32>,
    /// Values on the pages before each page.
    below: Vec<u64>,
    /// For each page, how many of its values are in the bins before each bin, and in all.
    before: Vec<u32>,
    len: u64,
}

/// A page, and its end.
const STRIDE: usize = PAGE + 1;

impl Binned {
    fn new(bins: &Bins) -> Result<Self> {
        let mut places = vec![0; 1 << 16];
        let (mut below, mut before) = (vec![0], vec![0; STRIDE]);
        let mut len = 0_u64;
        for (number, page) in bins.pages() {
            places[number] = below.len() as u32;
            below.push(len);
            let mut sum = 0_u32;
            before.push(0);
            for &times in page {
                sum = sum.checked_add(times).ok_or(Error::DistributionFull)?;
                before.push(sum);
            }
            len += u64::from(sum);
        }
        Ok(Self { places, below, before, len })
    }

    #[inline(always)]
    fn get(&self, pattern: u32) -> f64 {
        let place = self.places[(pattern >> (BIN_BITS + PAGE_BITS)) as usize] as usize;
        let at = place * STRIDE + (pattern >> BIN_BITS) as usize % PAGE;
        let pair = &self.before[at..at + 2];
        let times = pair[1] - pair[0];
        let rank = percentile(self.below[place] + u64::from(pair[0]), times, self.len);
        if times > 0 { rank } else { f64::NAN }
    }

    fn visit(&self, mut visit: impl FnMut(u32, f64)) {
        for (number, &place) in self.places.iter().enumerate().filter(|(_, place)| **place > 0) {
            let place = place as usize;
            let page = &self.before[place * STRIDE..][..STRIDE];
            for (cell, pair) in page.windows(2).enumerate() {
                let times = pair[1] - pair[0];
                if times > 0 {
                    let below = self.below[place] + u64::from(pair[0]);
                    let bin = (number << PAGE_BITS | cell) as u32;
                    visit(bin << BIN_BITS, percentile(below, times, self.len));
                }
            }
        }
    }
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

    /// `100 * average rank / count` of every value.
    ///
    /// # Errors
    /// A value that was never added; where the values are counted in bins, one in whose bin none was.
    pub fn percentiles(&self, values: &[f32]) -> Result<Vec<f64>> {
        let patterns: Vec<u32> = values.iter().map(|v| v.to_bits()).collect();
        let mut found = vec![0.0; values.len()];
        self.fill(&patterns, &mut found);
        let known = |at: usize| is_rankable(values[at]) && !found[at].is_nan();
        match (0..values.len()).find(|&at| !known(at)) {
            Some(index) => Err(Error::NotRankable { index, value: values[index] }),
            None => Ok(found),
        }
    }

    /// Calls `visit` with the first pattern of everything that has a rank of its own, and its rank.
    pub(crate) fn visit(&self, mut visit: impl FnMut(u32, f64)) {
        match &self.table {
            Table::Exact(t) => {
                for (&pattern, &rank) in t.patterns.iter().zip(&t.percentiles) {
                    visit(pattern, rank);
                }
            }
            Table::Binned(table) => table.visit(visit),
        }
    }
}

/// Where the ranks of patterns are found.
pub(crate) trait Lookup: Sync {
    /// Writes the rank of every pattern; what is no number where there is none.
    fn fill(&self, patterns: &[u32], ranks: &mut [f64]);
}

impl Lookup for Ranks {
    fn fill(&self, patterns: &[u32], ranks: &mut [f64]) {
        let pairs = ranks.iter_mut().zip(patterns);
        match &self.table {
            Table::Exact(table) => pairs.for_each(|(rank, &pattern)| *rank = table.get(pattern)),
            Table::Binned(table) => pairs.for_each(|(rank, &pattern)| *rank = table.get(pattern)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranks(values: &[f32], limit: usize) -> Vec<f64> {
        let mut distribution = Distribution::with_limit(limit);
        distribution.add(values).expect("rankable");
        assert_eq!(distribution.is_binned(), values.len() > limit);
        distribution.ranks().expect("few values").percentiles(values).expect("all were added")
    }

    /// Ranks of a sort.
    fn sorted(values: &[f32]) -> Vec<f64> {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        let mut ranks = vec![0.0; values.len()];
        let mut below = 0;
        for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
            let average = below as f64 + (equal.len() as f64 + 1.0) / 2.0;
            for &at in equal {
                ranks[at] = 100.0 * average / values.len() as f64;
            }
            below += equal.len();
        }
        ranks
    }

    #[test]
    fn ties_share_their_average_rank() {
        for limit in [0, 100] {
            assert_eq!(ranks(&[10.0, 30.0, 20.0, 20.0], limit), [25.0, 100.0, 62.5, 62.5]);
            let extremes = [f32::MAX, f32::MIN_POSITIVE, 1e-45];
            assert_eq!(ranks(&extremes, limit), [100.0, 200.0 / 3.0, 100.0 / 3.0]);
        }
    }

    #[test]
    fn what_cannot_be_ranked_is_named() {
        for value in [0.0, -0.0, -1.0, f32::INFINITY, f32::NAN] {
            let mut distribution = Distribution::new();
            let error = distribution.add(&[1.0, value]);
            assert!(matches!(error, Err(Error::NotRankable { index: 1, .. })), "{value}");
            assert!(distribution.is_empty());
        }
        for limit in [0, 100] {
            let mut distribution = Distribution::with_limit(limit);
            let empty = distribution.ranks().expect("no values");
            assert!(empty.percentiles(&[1.0]).is_err());
            distribution.add(&[1.0, 3.0]).expect("rankable");
            let ranks = distribution.ranks().expect("few values");
            for stranger in [2.0, 1.000_01, 0.5, 4.0, 0.0, -1.0, f32::INFINITY, f32::NAN] {
                assert!(ranks.percentiles(&[stranger]).is_err(), "{stranger}");
            }
        }
    }

    #[test]
    fn neighbours_share_a_bin_beyond_the_limit_only() {
        let near: Vec<f32> = (0..16).map(|i| f32::from_bits(0x4000_0000 + i)).collect();
        assert_eq!(ranks(&near, 15), [100.0 * 8.5 / 16.0; 16]);
        let exact: Vec<f64> = (1..=16).map(|i| 100.0 * f64::from(i) / 16.0).collect();
        assert_eq!(ranks(&near, 16), exact);
        let next = [f32::from_bits(0x4000_000f), f32::from_bits(0x4000_0010)];
        assert_eq!(ranks(&next, 0), [50.0, 100.0]);
    }

    #[test]
    fn a_full_counter_is_an_error() {
        let mut one =
            Distribution::rebuild(0, u64::from(u32::MAX), [Some((7, u32::MAX))].into_iter())
                .expect("as many as a counter holds");
        let error = one.add(&[f32::from_bits(7 << BIN_BITS)]);
        assert_eq!(error, Err(Error::DistributionFull));
        let two = one.clone();
        assert_eq!(one.merge(&two), Err(Error::DistributionFull));
        let both = [Some((7, u32::MAX)), Some((8, 1))];
        let page = Distribution::rebuild(0, 1 << 32, both.into_iter()).expect("two counters");
        assert!(matches!(page.ranks(), Err(Error::DistributionFull)));
    }

    /// Numbers that look random, the same each time.
    fn noise(n: usize) -> impl Iterator<Item = f64> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        })
        .take(n)
    }

    #[test]
    fn millions_of_profits_rank_within_a_thousandth() {
        const N: usize = 1_500_000;
        let normal = |u: f64| (u / (1.0 - u + 1e-9) + 1e-9).ln();
        let shapes: [(&str, Box<dyn Fn(f64) -> f64>); 5] = [
            ("wide", Box::new(move |u| (9.0 + 1.1 * normal(u)).exp())),
            ("narrow", Box::new(move |u| 20_000.0 + 1_500.0 * normal(u).clamp(-12.0, 12.0))),
            ("even", Box::new(|u| 100_000.0 * u + 0.01)),
            // One in 25 within 1 %, as where the same few trades earn nearly the same.
            ("clumps", Box::new(|u| if u < 0.04 { 5_000.0 + 1_250.0 * u } else { 30_000.0 * u })),
            // Whole hundredths, most of them many times.
            ("ties", Box::new(|u| (u * u * 50_000.0).ceil() / 100.0 + 1.0)),
        ];
        for (name, shape) in shapes {
            let values: Vec<f32> = noise(N).map(|u| shape(u) as f32).collect();
            let found = ranks(&values, LIMIT);
            let wanted = sorted(&values);
            let off = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 0.001, "{name}: {off}");
            assert_eq!(ranks(&values[..LIMIT], LIMIT), sorted(&values[..LIMIT]), "{name}");
        }
    }

    proptest! {
        #[test]
        fn ranks_are_those_of_a_sort(
            values in prop::collection::vec(prop_oneof![1e-3_f32..1e6, (1_u8..9).prop_map(f32::from)], 1..200),
            cuts in prop::collection::vec(0_usize..200, 3),
            limit in 0_usize..250,
            apart in any::<bool>(),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(values.len())).collect();
            cuts.extend([0, values.len()]);
            cuts.sort_unstable();
            let mut whole = Distribution::with_limit(limit);
            for cut in cuts.windows(2).rev() {
                let part = &values[cut[0]..cut[1]];
                if apart {
                    let mut other = Distribution::with_limit(limit);
                    other.add(part).expect("rankable");
                    whole.merge(&other).expect("few values");
                } else {
                    whole.add(part).expect("rankable");
                }
            }
            prop_assert_eq!(whole.is_binned(), values.len() > limit);
            let found = whole.ranks().expect("few values").percentiles(&values).expect("all were added");
            let bin = |v: f32| v.to_bits() >> BIN_BITS;
            for ((value, rank), wanted) in values.iter().zip(&found).zip(sorted(&values)) {
                let near = values.iter().filter(|v| bin(**v) == bin(*value));
                if limit >= values.len() || near.clone().all(|v| v == value) {
                    prop_assert_eq!(*rank, wanted);
                } else {
                    let share = near.count() as f64 / values.len() as f64;
                    prop_assert!((rank - wanted).abs() < 50.0 * share);
                }
            }
            let mut visited = Vec::new();
            let mut keys = Vec::new();
            whole.visit(|key, times| keys.push(Some((key, times))));
            whole.ranks().expect("few values").visit(|pattern, _| visited.push(pattern));
            let patterns: Vec<u32> = keys.iter().flatten().map(|(k, _)| whole.pattern(*k)).collect();
            prop_assert_eq!(patterns, visited);
            let again = Distribution::rebuild(limit, whole.len(), keys.into_iter()).expect("the same");
            let ranks = again.ranks().expect("few values").percentiles(&values).expect("all were added");
            prop_assert_eq!(ranks, found);
        }
    }
}

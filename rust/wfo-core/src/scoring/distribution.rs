//! The exact distribution of very many profits, from which percentile ranks are read.
//!
//! Positive `f32` values are ordered like their bit patterns, so counting how often each pattern
//! occurs is a sort that takes its input in any order, block by block, and never holds it. Up to 2^20
//! values are kept as they are. Of more there is a counter for every pattern, in pages of 4,096 that
//! exist once a value falls into them. A counter is one byte; its overflow is carried to a map of the
//! few patterns that occur that often: 8.4 MB an octave where every page exists, and valid profits of
//! one grid span six to eight octaves.
//!
//! Coarser bins would take less, but profits of a grid are not spread like noise. Parameters that make
//! no difference give millions of combinations the very same profit, up to 4 % of all; in a coarse bin
//! the few whose profit is a millionth above it would share that rank, wrong by up to two percentiles.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// Values that are kept as they are, at most.
pub(crate) const LIMIT: usize = 1 << 20;

/// Patterns of a page, in bits.
const PAGE_BITS: u32 = 12;
const PAGE: usize = 1 << PAGE_BITS;
/// The pattern of infinity, the first that is not counted.
pub(crate) const INFINITY: u32 = 0x7f80_0000;
/// Pages up to infinity.
const PAGES: usize = (INFINITY >> PAGE_BITS) as usize;
/// The first count that exceeds a counter.
const CARRY: u64 = 1 << u8::BITS;

/// Finite values above 0.
#[derive(Debug, Clone)]
pub struct Distribution {
    limit: usize,
    len: u64,
    /// Patterns of all values, in no order, as long as they are kept.
    held: Vec<u32>,
    /// Their counts from then on.
    counts: Option<Counts>,
}

/// A counter for every pattern.
#[derive(Debug, Clone)]
struct Counts {
    /// Position of each page among those that exist, counted from 1; 0 where it does not.
    places: Vec<u32>,
    /// The counters of the pages that exist, the low byte of each count.
    low: Vec<u8>,
    /// How often the counter of a pattern has overflowed.
    carried: BTreeMap<u32, u32>,
}

impl Counts {
    fn new() -> Self {
        Self { places: vec![0; PAGES], low: Vec::new(), carried: BTreeMap::new() }
    }

    /// Position of the counter of a pattern, whose page is made if it does not exist.
    #[inline(always)]
    fn at(&mut self, pattern: u32) -> usize {
        let page = (pattern >> PAGE_BITS) as usize;
        let mut place = self.places[page];
        if place == 0 {
            place = self.open(page);
        }
        ((place as usize - 1) << PAGE_BITS) + pattern as usize % PAGE
    }

    #[cold]
    fn open(&mut self, page: usize) -> u32 {
        self.low.resize(self.low.len() + PAGE, 0);
        let place = (self.low.len() >> PAGE_BITS) as u32;
        self.places[page] = place;
        place
    }

    fn count(&mut self, patterns: &[u32]) -> Result<()> {
        for &pattern in patterns {
            let at = self.at(pattern);
            let low = self.low[at].wrapping_add(1);
            self.low[at] = low;
            if low == 0 {
                self.carry(pattern, 1)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, pattern: u32, times: u64) -> Result<()> {
        let at = self.at(pattern);
        let sum = u64::from(self.low[at]).checked_add(times).ok_or(Error::DistributionFull)?;
        self.low[at] = (sum % CARRY) as u8;
        if sum >= CARRY { self.carry(pattern, sum / CARRY) } else { Ok(()) }
    }

    #[cold]
    fn carry(&mut self, pattern: u32, times: u64) -> Result<()> {
        let carried = self.carried.entry(pattern).or_default();
        let sum = u64::from(*carried).checked_add(times).and_then(|sum| u32::try_from(sum).ok());
        *carried = sum.ok_or(Error::DistributionFull)?;
        Ok(())
    }

    fn visit(&self, mut visit: impl FnMut(u32, u64)) {
        let mut carried = self.carried.iter().peekable();
        for (page, &place) in self.places.iter().enumerate().filter(|(_, place)| **place > 0) {
            let low = &self.low[(place as usize - 1) << PAGE_BITS..][..PAGE];
            let first = (page << PAGE_BITS) as u32;
            for (i, eight) in low.chunks_exact(8).enumerate() {
                let first = first + 8 * i as u32;
                let due = carried.peek().is_some_and(|next| *next.0 < first + 8);
                // Most patterns occur nowhere.
                if !due && eight == [0; 8] {
                    continue;
                }
                for (pattern, &low) in (first..).zip(eight) {
                    let high = carried.next_if(|next| *next.0 == pattern);
                    let times = u64::from(low) + high.map_or(0, |next| u64::from(*next.1) * CARRY);
                    if times > 0 {
                        visit(pattern, times);
                    }
                }
            }
        }
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
        Self { limit, len: 0, held: Vec::new(), counts: None }
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

    /// Adds the values of bit patterns above 0 and below that of infinity.
    ///
    /// # Errors
    /// More equal values than a counter holds.
    pub(crate) fn add_patterns(&mut self, patterns: &[u32]) -> Result<()> {
        if self.counts.is_none() && self.held.len() + patterns.len() <= self.limit {
            self.held.extend_from_slice(patterns);
        } else {
            self.counts()?.count(patterns)?;
        }
        self.len += patterns.len() as u64;
        Ok(())
    }

    /// The counters; values kept so far are counted in them first.
    fn counts(&mut self) -> Result<&mut Counts> {
        let counts = self.counts.get_or_insert_with(Counts::new);
        counts.count(&std::mem::take(&mut self.held))?;
        Ok(counts)
    }

    /// Adds the values of another distribution.
    ///
    /// # Errors
    /// More equal values than a counter holds.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        let Some(theirs) = &other.counts else {
            return self.add_patterns(&other.held);
        };
        let counts = self.counts()?;
        let mut full = None;
        theirs.visit(|pattern, times| full = full.take().or(counts.add(pattern, times).err()));
        self.len += other.len;
        full.map_or(Ok(()), Err)
    }

    /// Calls `visit` with every pattern that occurs, in rising order, and how often it does.
    pub(crate) fn visit(&self, mut visit: impl FnMut(u32, u64)) {
        if let Some(counts) = &self.counts {
            return counts.visit(visit);
        }
        let mut sorted = self.held.clone();
        sorted.sort_unstable();
        for equal in sorted.chunk_by(|a, b| a == b) {
            visit(equal[0], equal.len() as u64);
        }
    }

    /// Rebuilds `len` values from the counts of [`visit`](Self::visit); None if they do not add up,
    /// or would take more bytes than there is `room` for, of which it takes its own.
    pub(crate) fn rebuild(
        limit: usize,
        len: u64,
        room: &mut u64,
        patterns: impl Iterator<Item = Option<(u32, u64)>>,
    ) -> Option<Self> {
        let counted = len > limit as u64;
        let fixed = if counted { PAGES as u64 } else { len };
        *room = room.checked_sub(size_of::<u32>() as u64 * fixed)?;
        let mut whole = Self::with_limit(limit);
        for item in patterns {
            let (pattern, times) = item?;
            whole.len = whole.len.checked_add(times)?;
            // The sum is checked before the values are written out.
            if pattern == 0 || pattern >= INFINITY || whole.len > len {
                return None;
            }
            if counted {
                let counts = whole.counts().ok()?;
                if counts.places[(pattern >> PAGE_BITS) as usize] == 0 {
                    *room = room.checked_sub(PAGE as u64)?;
                }
                counts.add(pattern, times).ok()?;
            } else {
                whole.held.extend(std::iter::repeat_n(pattern, times as usize));
            }
        }
        (whole.len == len).then_some(whole)
    }

    /// Freezes the distribution into ranks.
    ///
    /// # Errors
    /// More than 2^32 values on one page, that is within one part in 2,048 of one another.
    pub fn ranks(&self) -> Result<Ranks> {
        let mut ranks = Ranks {
            len: self.len,
            places: vec![0; PAGES],
            below: vec![0],
            words: vec![Word::default(); WORDS],
            before: vec![0],
        };
        let (mut page, mut below, mut full) = (None, 0_u64, false);
        self.visit(|pattern, times| {
            if page != Some(pattern >> PAGE_BITS) {
                page = Some(pattern >> PAGE_BITS);
                ranks.open((pattern >> PAGE_BITS) as usize, below);
            }
            full |= !ranks.push(pattern, times);
            below += times;
        });
        if full { Err(Error::DistributionFull) } else { Ok(ranks) }
    }
}

fn is_rankable(value: f32) -> bool {
    value > 0.0 && value.is_finite()
}

/// `100 * average rank / len` of `times` equal values with `below` values below them.
#[inline(always)]
pub(crate) fn percentile(below: u64, times: u64, len: u64) -> f64 {
    100.0 * (below as f64 + (times as f64 + 1.0) / 2.0) / len as f64
}

/// Percentile ranks among the values of a [`Distribution`].
///
/// A bit marks every pattern that occurs, and the number of bits before it is the position of its
/// count: 2 MB an octave, and four bytes for each value that differs from the others.
#[derive(Debug, Clone)]
pub struct Ranks {
    len: u64,
    /// Position of each page; 0 is a page on which nothing occurs.
    places: Vec<u32>,
    /// Values on the pages before each page.
    below: Vec<u64>,
    words: Vec<Word>,
    /// How many values of its page precede each that occurs; after the last of a page, all.
    before: Vec<u32>,
}

/// Words of a page.
const WORDS: usize = PAGE / u64::BITS as usize;

/// Which of 64 patterns occur, and the place in `before` of the first of them.
#[derive(Debug, Clone, Copy, Default)]
struct Word {
    bits: u64,
    first: u32,
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

    /// Begins the page that comes next in order.
    fn open(&mut self, page: usize, below: u64) {
        self.places[page] = self.below.len() as u32;
        self.below.push(below);
        self.words.resize(self.words.len() + WORDS, Word::default());
        self.before.push(0);
    }

    /// Adds the pattern that comes next on the last page; false if there are too many values on it.
    fn push(&mut self, pattern: u32, times: u64) -> bool {
        let at = self.words.len() - WORDS + pattern as usize % PAGE / u64::BITS as usize;
        let Some(before) = self.before.last().copied() else { return false };
        let word = &mut self.words[at];
        if word.bits == 0 {
            word.first = (self.before.len() - 1) as u32;
        }
        word.bits |= 1 << (pattern % u64::BITS);
        let sum = u32::try_from(u64::from(before).saturating_add(times));
        sum.map(|sum| self.before.push(sum)).is_ok()
    }

    /// The rank of a pattern; NaN where it does not occur.
    #[inline(always)]
    fn get(&self, pattern: u32) -> f64 {
        let page = (pattern >> PAGE_BITS) as usize;
        let place = self.places.get(page).copied().unwrap_or_default() as usize;
        let word = self.words[place * WORDS + pattern as usize % PAGE / u64::BITS as usize];
        let bit = 1_u64 << (pattern % u64::BITS);
        if word.bits & bit == 0 {
            return f64::NAN;
        }
        let at = word.first as usize + (word.bits & (bit - 1)).count_ones() as usize;
        let pair = &self.before[at..at + 2];
        let times = u64::from(pair[1] - pair[0]);
        percentile(self.below[place] + u64::from(pair[0]), times, self.len)
    }

    /// `100 * average rank / count` of every value; equal values share their average rank.
    ///
    /// # Errors
    /// A value that was never added.
    pub fn percentiles(&self, values: &[f32]) -> Result<Vec<f64>> {
        let rank = |(index, &value): (usize, &f32)| {
            let rank = self.get(value.to_bits());
            if rank.is_nan() { Err(Error::NotRankable { index, value }) } else { Ok(rank) }
        };
        values.iter().enumerate().map(rank).collect()
    }

    /// Calls `visit` with every pattern that occurs, in rising order, and how often it does.
    pub(crate) fn visit(&self, mut visit: impl FnMut(u32, u64)) {
        for (page, &place) in self.places.iter().enumerate().filter(|(_, place)| **place > 0) {
            let words = &self.words[place as usize * WORDS..][..WORDS];
            for (i, word) in words.iter().enumerate() {
                let first = ((page << PAGE_BITS) + 64 * i) as u32;
                let (mut bits, mut at) = (word.bits, word.first as usize);
                while bits != 0 {
                    let times = self.before[at + 1] - self.before[at];
                    visit(first + bits.trailing_zeros(), u64::from(times));
                    bits &= bits - 1;
                    at += 1;
                }
            }
        }
    }
}

/// Values by their patterns.
pub(crate) trait Counted: Sync {
    /// How many values there are.
    fn len(&self) -> u64;

    /// Calls `visit` with every pattern that occurs, in rising order, and how often it does.
    fn visit(&self, visit: impl FnMut(u32, u64));
}

impl Counted for Distribution {
    fn len(&self) -> u64 {
        self.len
    }

    fn visit(&self, visit: impl FnMut(u32, u64)) {
        self.visit(visit);
    }
}

impl Counted for Ranks {
    fn len(&self) -> u64 {
        self.len
    }

    fn visit(&self, visit: impl FnMut(u32, u64)) {
        self.visit(visit);
    }
}

/// A source of the ranks of patterns.
pub(crate) trait Lookup: Sync {
    /// Writes the rank of every pattern; NaN where there is none.
    fn fill(&self, patterns: &[u32], ranks: &mut [f64]);
}

impl Lookup for Ranks {
    fn fill(&self, patterns: &[u32], ranks: &mut [f64]) {
        for (rank, &pattern) in ranks.iter_mut().zip(patterns) {
            *rank = self.get(pattern);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Room for anything.
    fn room() -> u64 {
        u64::MAX
    }

    #[test]
    fn rebuilding_takes_no_more_room_than_there_is() {
        let pair = |pattern| Some((pattern, 1));
        // Two values as they are: four bytes each.
        for (has, takes) in [(8, Some(0)), (7, None)] {
            let mut room = has;
            let found = Distribution::rebuild(2, 2, &mut room, [pair(1), pair(2)].into_iter());
            assert_eq!(found.map(|_| room), takes);
        }
        // Three values on two pages of counters, and the places of all pages.
        let pages = [pair(1), pair(2), pair(PAGE as u32)];
        let need = (4 * PAGES + 2 * PAGE) as u64;
        for (has, takes) in [(need, Some(0)), (need - 1, None)] {
            let mut room = has;
            let found = Distribution::rebuild(2, 3, &mut room, pages.into_iter());
            assert_eq!(found.map(|_| room), takes);
        }
        // Values that are stated and not there take their room before they are written out.
        let stated = [Some((1, 1 << 40))].into_iter();
        assert!(Distribution::rebuild(usize::MAX, 1 << 40, &mut (1 << 41), stated).is_none());
    }

    fn ranks(values: &[f32], limit: usize) -> Vec<f64> {
        let mut distribution = Distribution::with_limit(limit);
        distribution.add(values).expect("rankable");
        assert_eq!(distribution.counts.is_some(), values.len() > limit);
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
            for stranger in [2.0, 1.000_000_1, 0.5, 4.0, 0.0, -0.0, -1.0, f32::INFINITY, f32::NAN] {
                assert!(ranks.percentiles(&[stranger]).is_err(), "{stranger}");
            }
        }
    }

    #[test]
    fn counts_beyond_a_byte_are_carried() {
        let mut values = vec![1.0_f32; 70_000];
        values.extend([0.5, f32::from_bits(1.0_f32.to_bits() + 1)]);
        values.extend(vec![2.0; 256]);
        let mut distribution = Distribution::with_limit(0);
        for part in values.chunks(255) {
            distribution.add(part).expect("rankable");
        }
        let mut twice = distribution.clone();
        twice.merge(&distribution).expect("few values");
        for (distribution, times) in [(distribution, 1), (twice, 2)] {
            let mut seen = Vec::new();
            distribution.visit(|pattern, count| seen.push((f32::from_bits(pattern), count)));
            let near = f32::from_bits(1.0_f32.to_bits() + 1);
            let wanted = [(0.5, 1), (1.0, 70_000), (near, 1), (2.0, 256)];
            assert_eq!(seen, wanted.map(|(value, count)| (value, times * count)));
        }
        assert_eq!(ranks(&values, 0), sorted(&values));
    }

    #[test]
    fn a_full_counter_is_an_error() {
        let most = (u64::from(u32::MAX) + 1) * CARRY - 1;
        let mut one = Distribution::rebuild(0, most, &mut room(), [Some((70, most))].into_iter())
            .expect("as many as a counter holds");
        assert!(matches!(one.ranks(), Err(Error::DistributionFull)));
        let two = one.clone();
        assert_eq!(one.add(&[f32::from_bits(70)]), Err(Error::DistributionFull));
        assert_eq!(two.clone().merge(&two), Err(Error::DistributionFull));
        let both = [Some((70, u64::from(u32::MAX))), Some((71, 1))];
        let page =
            Distribution::rebuild(0, 1 << 32, &mut room(), both.into_iter()).expect("two counters");
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

    type Shape = Box<dyn Fn(f64) -> f64>;

    #[test]
    fn millions_of_profits_rank_as_in_a_sort() {
        const N: usize = 1_500_000;
        let normal = |u: f64| (u / (1.0 - u + 1e-9) + 1e-9).ln();
        let shapes: [(&str, Shape); 4] = [
            ("wide", Box::new(move |u| (9.0 + 1.1 * normal(u)).exp())),
            ("narrow", Box::new(move |u| 20_000.0 + 15.0 * normal(u).clamp(-20.0, 20.0))),
            // A fifth are equal, and a fifth lie just above them.
            ("clumps", Box::new(|u| if u < 0.2 { 5_000.0 } else { 5_000.0 + (u - 0.2).powi(9) })),
            ("ties", Box::new(|u| (u * u * 50_000.0).ceil() / 100.0 + 1.0)),
        ];
        for (name, shape) in shapes {
            let values: Vec<f32> = noise(N).map(|u| shape(u) as f32).collect();
            let wanted = sorted(&values);
            assert_eq!(ranks(&values, LIMIT), wanted, "{name}");
            assert_eq!(ranks(&values, N), wanted, "{name}");
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
            prop_assert_eq!(whole.counts.is_some(), values.len() > limit);
            let ranks = whole.ranks().expect("few values");
            let found = ranks.percentiles(&values).expect("all were added");
            prop_assert_eq!(&found, &sorted(&values));
            let (mut counted, mut visited) = (Vec::new(), Vec::new());
            whole.visit(|pattern, times| counted.push((pattern, times)));
            ranks.visit(|pattern, times| visited.push((pattern, times)));
            prop_assert_eq!(&visited, &counted);
            prop_assert!(visited.is_sorted_by(|a, b| a.0 < b.0));
            let counted = counted.into_iter().map(Some);
            let again = Distribution::rebuild(limit, whole.len(), &mut room(), counted).expect("the same");
            let ranks = again.ranks().expect("few values");
            prop_assert_eq!(ranks.percentiles(&values).expect("all were added"), found);
        }
    }
}

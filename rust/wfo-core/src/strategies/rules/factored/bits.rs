//! Sets of bars, one bit each: where something holds, and the next such bar.

/// Bars of a word.
pub(super) const WORD: usize = u64::BITS as usize;

/// Words for so many bars.
pub(super) fn words(bars: usize) -> usize {
    bars.div_ceil(WORD)
}

/// Where all of some conditions hold, which need not be any.
#[derive(Debug, Clone, Copy)]
pub(super) struct Both<'a> {
    /// The first one.
    pub bits: &'a [u64],
    /// The second one, of as many bars.
    pub and: Option<&'a [u64]>,
}

impl Both<'_> {
    /// The first bar of `from..to` in which both hold, or else `to`.
    #[inline(always)]
    pub fn next(self, from: usize, to: usize) -> usize {
        match self.and {
            None => next(from, to, |word| self.bits[word]),
            Some(and) => {
                // One comparison for all words.
                let and = &and[..self.bits.len()];
                next(from, to, |word| self.bits[word] & and[word])
            }
        }
    }
}

#[inline(always)]
fn next(from: usize, to: usize, word: impl Fn(usize) -> u64) -> usize {
    if from >= to {
        return to;
    }
    let (mut at, last) = (from / WORD, (to - 1) / WORD);
    let mut bits = word(at) & (u64::MAX << (from % WORD));
    while bits == 0 {
        if at == last {
            return to;
        }
        at += 1;
        bits = word(at);
    }
    (at * WORD + bits.trailing_zeros() as usize).min(to)
}

/// The bars of a set, oldest first.
pub(super) fn each(words: impl Iterator<Item = u64>) -> impl Iterator<Item = usize> {
    words.enumerate().flat_map(|(word, bits)| {
        let next = |&bits: &u64| Some(bits & (bits - 1)).filter(|&rest| rest != 0);
        let rests = std::iter::successors(Some(bits).filter(|&bits| bits != 0), next);
        rests.map(move |bits| word * WORD + bits.trailing_zeros() as usize)
    })
}

/// Packs what holds in each bar, oldest first.
pub(super) fn pack(bars: usize, holds: impl Fn(usize) -> bool, out: &mut Vec<u64>) {
    out.clear();
    out.extend((0..words(bars)).map(|word| {
        let first = word * WORD;
        let some = first..(first + WORD).min(bars);
        some.fold(0, |bits, bar| bits | u64::from(holds(bar)) << (bar - first))
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_next_bar_is_the_first_in_which_both_hold(
            bars in prop::collection::vec((prop::bool::weighted(0.1), prop::bool::weighted(0.5)), 1..400),
            from in 0_usize..400,
            to in 0_usize..400,
        ) {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            pack(bars.len(), |bar| bars[bar].0, &mut a);
            pack(bars.len(), |bar| bars[bar].1, &mut b);
            let to = to.min(bars.len());
            let one = Both { bits: &a, and: None };
            let both = Both { bits: &a, and: Some(&b) };
            let plain = |holds: &dyn Fn((bool, bool)) -> bool| {
                (from..to).find(|&bar| holds(bars[bar])).unwrap_or(to)
            };
            prop_assert_eq!(one.next(from, to), plain(&|(a, _)| a));
            prop_assert_eq!(both.next(from, to), plain(&|(a, b)| a && b));
        }
    }
}

//! Two columns compared bar by bar, as sets of bars.

use std::ops::Deref;
use std::sync::OnceLock;

use super::aligned::Aligned;
use super::f64x4::{F64_LANES, F64x4};
use super::tiers::{Tier, Work};

/// Bars of a word.
const WORD: usize = u64::BITS as usize;

/// Words, before which a comparison by nearest float32 is gone on with whatever it decides.
const TRIED: usize = 8;

/// A column that is compared with others again and again.
#[derive(Debug)]
pub(crate) struct Column {
    values: Aligned<f64>,
    /// The nearest float32 of each, half as much to read: rounding keeps the order of numbers, so
    /// that two which differ in float32 differ likewise.
    nearest: OnceLock<Aligned<f32>>,
}

impl Column {
    /// A column of so many bars that are not known.
    pub fn unknown(bars: usize) -> Self {
        Self { values: Aligned::filled(f64::NAN, bars), nearest: OnceLock::new() }
    }

    /// What it is, to be written.
    pub fn values_mut(&mut self) -> &mut [f64] {
        self.nearest = OnceLock::new();
        &mut self.values
    }

    fn nearest(&self) -> &[f32] {
        self.nearest.get_or_init(|| {
            let mut nearest = Aligned::filled(0.0, self.values.len());
            for (nearest, &value) in nearest.iter_mut().zip(&*self.values) {
                *nearest = value as f32;
            }
            nearest
        })
    }
}

impl From<&[f64]> for Column {
    fn from(values: &[f64]) -> Self {
        let mut own = Self::unknown(values.len());
        own.values.copy_from_slice(values);
        own
    }
}

impl Deref for Column {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.values
    }
}

/// One of two columns that are compared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Values<'a> {
    Column(&'a Column),
    /// Numbers that are not compared again.
    Once(&'a [f64]),
}

impl<'a> Values<'a> {
    fn exact(self) -> &'a [f64] {
        match self {
            Self::Column(column) => column,
            Self::Once(values) => values,
        }
    }
}

/// Writes where `x` is at most `y`, and where it is at least, a bit a bar: neither where one is NaN.
///
/// # Panics
/// Unless both columns have one length, and there are words for all of it.
pub(crate) fn compare(
    tier: Tier,
    (x, y): (Values<'_>, Values<'_>),
    (le, ge): (&mut [u64], &mut [u64]),
) {
    let exact = (x.exact(), y.exact());
    assert!(exact.0.len() == exact.1.len());
    assert!(le.len() == exact.0.len().div_ceil(WORD) && ge.len() == le.len());
    let (x_words, x_rest) = exact.0.as_chunks::<WORD>();
    let (y_words, y_rest) = exact.1.as_chunks::<WORD>();
    let words = x_words.len();
    let whole = Whole { x: x_words, y: y_words, le: &mut le[..words], ge: &mut ge[..words] };
    #[cfg(target_arch = "x86_64")]
    if tier.has_masks() {
        let nearest = match (x, y) {
            (Values::Column(x), Values::Column(y)) => Some((x.nearest(), y.nearest())),
            _ => None,
        };
        #[expect(unsafe_code, reason = "instructions that the processor was asked for")]
        // SAFETY: a tier with masks is one of AVX-512, which only a processor that has it has.
        unsafe {
            match nearest {
                Some(nearest) => masks::compare_nearest(whole, nearest),
                None => masks::compare(whole),
            }
        }
    } else {
        tier.run(whole);
    }
    #[cfg(not(target_arch = "x86_64"))]
    tier.run(whole);
    if let (Some(le), Some(ge)) = (le.get_mut(words), ge.get_mut(words)) {
        (*le, *ge) = (0, 0);
        for (bar, (x, y)) in x_rest.iter().zip(y_rest).enumerate() {
            *le |= u64::from(x <= y) << bar;
            *ge |= u64::from(y <= x) << bar;
        }
    }
}

/// Whole words of columns.
struct Whole<'a> {
    x: &'a [[f64; WORD]],
    y: &'a [[f64; WORD]],
    le: &'a mut [u64],
    ge: &'a mut [u64],
}

impl Work for Whole<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: F64x4>(self) {
        let columns = self.x.iter().zip(self.y);
        for ((x, y), (le, ge)) in columns.zip(self.le.iter_mut().zip(self.ge)) {
            let (x, _) = x.as_chunks::<F64_LANES>();
            let (y, _) = y.as_chunks::<F64_LANES>();
            let (mut below, mut above) = (0_u64, 0_u64);
            for (i, (&x, &y)) in x.iter().zip(y).enumerate() {
                let (x, y) = (V::from_array(x), V::from_array(y));
                below |= u64::from(x.le(y)) << (F64_LANES * i);
                above |= u64::from(y.le(x)) << (F64_LANES * i);
            }
            (*le, *ge) = (below, above);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod masks {
    #![expect(unsafe_code, reason = "instructions that the tier of the caller has")]

    use std::arch::x86_64::{
        _CMP_GE_OQ, _CMP_LE_OQ, _mm512_cmp_pd_mask, _mm512_cmp_ps_mask, _mm512_loadu_pd,
        _mm512_loadu_ps,
    };

    use super::{TRIED, WORD, Whole};

    /// Numbers of a register.
    const LANES: usize = 8;
    /// Float32 of a register.
    const NEAREST_LANES: usize = 16;

    /// Bits of a word: where `x` is at most `y`, and where it is at least.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn word(x: &[f64; WORD], y: &[f64; WORD]) -> (u64, u64) {
        let (x, _) = x.as_chunks::<LANES>();
        let (y, _) = y.as_chunks::<LANES>();
        let (mut below, mut above) = (0_u64, 0_u64);
        for (i, (x, y)) in x.iter().zip(y).enumerate() {
            // SAFETY: references to as many numbers as are read.
            let (x, y) = unsafe { (_mm512_loadu_pd(x.as_ptr()), _mm512_loadu_pd(y.as_ptr())) };
            below |= u64::from(_mm512_cmp_pd_mask::<_CMP_LE_OQ>(x, y)) << (LANES * i);
            above |= u64::from(_mm512_cmp_pd_mask::<_CMP_GE_OQ>(x, y)) << (LANES * i);
        }
        (below, above)
    }

    /// The same of float32.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn nearest_word(x: &[f32; WORD], y: &[f32; WORD]) -> (u64, u64) {
        let (x, _) = x.as_chunks::<NEAREST_LANES>();
        let (y, _) = y.as_chunks::<NEAREST_LANES>();
        let (mut below, mut above) = (0_u64, 0_u64);
        for (i, (x, y)) in x.iter().zip(y).enumerate() {
            // SAFETY: references to as many numbers as are read.
            let (x, y) = unsafe { (_mm512_loadu_ps(x.as_ptr()), _mm512_loadu_ps(y.as_ptr())) };
            below |= u64::from(_mm512_cmp_ps_mask::<_CMP_LE_OQ>(x, y)) << (NEAREST_LANES * i);
            above |= u64::from(_mm512_cmp_ps_mask::<_CMP_GE_OQ>(x, y)) << (NEAREST_LANES * i);
        }
        (below, above)
    }

    /// Whole words, eight bars at a time.
    #[target_feature(enable = "avx512f")]
    pub(super) fn compare(Whole { x, y, le, ge }: Whole<'_>) {
        for ((x, y), (le, ge)) in x.iter().zip(y).zip(le.iter_mut().zip(ge)) {
            (*le, *ge) = word(x, y);
        }
    }

    /// The same by the nearest float32 of each number, and by the numbers in words in which two of
    /// those are equal. Columns of which most words are such are compared by their numbers alone.
    #[target_feature(enable = "avx512f")]
    pub(super) fn compare_nearest(whole: Whole<'_>, (nearest_x, nearest_y): (&[f32], &[f32])) {
        let Whole { x, y, le, ge } = whole;
        let (nearest_x, _) = nearest_x.as_chunks::<WORD>();
        let (nearest_y, _) = nearest_y.as_chunks::<WORD>();
        let mut undecided = 0;
        for (i, nearest) in nearest_x.iter().zip(nearest_y).enumerate() {
            let (mut below, mut above) = nearest_word(nearest.0, nearest.1);
            if below & above != 0 {
                (below, above) = word(&x[i], &y[i]);
                undecided += 1;
                if undecided > i / 2 + TRIED {
                    let (x, y) = (&x[i..], &y[i..]);
                    return compare(Whole { x, y, le: &mut le[i..], ge: &mut ge[i..] });
                }
            }
            (le[i], ge[i]) = (below, above);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers of which some are equal, some equal in float32 alone, and some are not known.
    fn number(x: i32) -> f64 {
        match x {
            7 => f64::NAN,
            6 => 1e300,
            5 => 1e301,
            x => 1.0 + f64::from(x / 2) + f64::from(x % 2) * 1e-12,
        }
    }

    proptest! {
        #[test]
        fn every_tier_compares_as_single_numbers_do(
            pairs in (1..8_i32).prop_flat_map(|most| {
                prop::collection::vec((0..=most, 0..=most), 0..2_000)
            }),
            // In how many words, from the beginning on, numbers are far apart.
            apart in 0..40_usize,
        ) {
            let (x, y): (Vec<f64>, Vec<f64>) = pairs
                .iter()
                .enumerate()
                .map(|(bar, &(x, y))| {
                    let far = if bar < apart * WORD { 100.0 } else { 0.0 };
                    (number(x), number(y) + far)
                })
                .unzip();
            let words = x.len().div_ceil(WORD);
            let columns = (Column::from(x.as_slice()), Column::from(y.as_slice()));
            let (x_once, y_once) = (Values::Once(&x), Values::Once(&y));
            let (x_again, y_again) = (Values::Column(&columns.0), Values::Column(&columns.1));
            for tier in Tier::here() {
                for of in [(x_once, y_once), (x_again, y_again), (x_once, y_again)] {
                    let (mut le, mut ge) = (vec![u64::MAX; words], vec![u64::MAX; words]);
                    compare(tier, of, (&mut le, &mut ge));
                    for bar in 0..words * WORD {
                        let bit = |words: &[u64]| words[bar / WORD] >> (bar % WORD) & 1 == 1;
                        let (x, y) = (x.get(bar), y.get(bar));
                        let both = x.zip(y);
                        prop_assert_eq!(bit(&le), both.is_some_and(|(x, y)| x <= y));
                        prop_assert_eq!(bit(&ge), both.is_some_and(|(x, y)| x >= y));
                    }
                }
            }
        }
    }
}

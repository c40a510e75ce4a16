//! Four numbers at a time, in the instructions of a tier.
//!
//! What a walk enters in its books is the same dozen of operations for every walk, but on rows from
//! all over its tables: compilers do not see that four rows, turned over, are columns to compute with.
//! So this is said outright. Every implementation does the same operations in the same order, so all
//! of them compute the same bits.

use super::terms::Exit;

/// Numbers of a quad.
pub(super) const QUAD: usize = 4;

/// Bars of two quads.
pub(super) const OCTET: usize = 2 * QUAD;

/// Four numbers.
pub(super) trait Quad: Copy {
    fn of(numbers: [f64; QUAD]) -> Self;
    fn array(self) -> [f64; QUAD];
    /// The columns of a table: worst, best, against and net.
    fn columns(rows: [&Exit; QUAD]) -> [Self; 4];
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    /// These where they are larger, and else the other ones.
    fn max(self, other: Self) -> Self;
    /// A bit for each one that is at most another.
    fn at_most(self, other: Self) -> u32;
    /// Other ones where these are negative, and else 0.
    fn negative(self, other: Self) -> Self;
    /// These where a bit is set, and else other ones.
    fn or(self, bits: u32, other: Self) -> Self;

    /// How many of the bars in each column are before a bar of its own. Bars are below 2^31.
    fn before(rows: &[[u32; OCTET]], limits: &[u32; OCTET]) -> [u32; OCTET];

    #[inline(always)]
    fn splat(number: f64) -> Self {
        Self::of([number; QUAD])
    }
}

/// In the instructions that every processor has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain([f64; QUAD]);

/// One operation on each number.
macro_rules! each {
    ($i:ident => $x:expr) => {{
        let at = |$i: usize| $x;
        [at(0), at(1), at(2), at(3)]
    }};
}

impl Quad for Plain {
    #[inline(always)]
    fn of(numbers: [f64; QUAD]) -> Self {
        Self(numbers)
    }

    #[inline(always)]
    fn array(self) -> [f64; QUAD] {
        self.0
    }

    #[inline(always)]
    fn columns(rows: [&Exit; QUAD]) -> [Self; 4] {
        [
            Self(each!(i => rows[i].worst)),
            Self(each!(i => rows[i].best)),
            Self(each!(i => rows[i].against)),
            Self(each!(i => rows[i].net)),
        ]
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Self(each!(i => self.0[i] + other.0[i]))
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        Self(each!(i => self.0[i] - other.0[i]))
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        Self(each!(i => self.0[i] * other.0[i]))
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(each!(i => super::stretches::max(self.0[i], other.0[i])))
    }

    #[inline(always)]
    fn at_most(self, other: Self) -> u32 {
        let bits = each!(i => u32::from(self.0[i] <= other.0[i]) << i);
        bits[0] | bits[1] | bits[2] | bits[3]
    }

    #[inline(always)]
    fn negative(self, other: Self) -> Self {
        Self(each!(i => if self.0[i] < 0.0 { other.0[i] } else { 0.0 }))
    }

    #[inline(always)]
    fn or(self, bits: u32, other: Self) -> Self {
        Self(each!(i => if bits >> i & 1 == 1 { self.0[i] } else { other.0[i] }))
    }

    #[inline(always)]
    fn before(rows: &[[u32; OCTET]], limits: &[u32; OCTET]) -> [u32; OCTET] {
        let mut counts = [0; OCTET];
        for row in rows {
            for ((count, bar), limit) in counts.iter_mut().zip(row).zip(limits) {
                *count += u32::from(bar < limit);
            }
        }
        counts
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use avx::Avx;

#[cfg(target_arch = "x86_64")]
mod avx {
    #![expect(unsafe_code, reason = "instructions that the tier of the caller has")]
    // SAFETY, of all blocks here: the tiers that use this type have AVX2, and compile all of it into
    // one function that may use it. Pointers come from references to four numbers.

    use std::arch::x86_64::*;

    use super::{Exit, OCTET, QUAD, Quad};

    /// In one register.
    #[derive(Debug, Clone, Copy)]
    pub struct Avx(__m256d);

    impl Quad for Avx {
        #[inline(always)]
        fn of(numbers: [f64; QUAD]) -> Self {
            let [a, b, c, d] = numbers;
            Self(unsafe { _mm256_setr_pd(a, b, c, d) })
        }

        #[inline(always)]
        fn array(self) -> [f64; QUAD] {
            let mut numbers = [0.0; QUAD];
            unsafe { _mm256_storeu_pd(numbers.as_mut_ptr(), self.0) };
            numbers
        }

        #[inline(always)]
        fn columns(rows: [&Exit; QUAD]) -> [Self; 4] {
            unsafe {
                // Halves of rows 0 and 2, and of 1 and 3, side by side, then two numbers at a time.
                let half = |row: &Exit, i: usize| {
                    _mm_load_pd(std::ptr::from_ref(row).cast::<f64>().add(i))
                };
                let both = |a: &Exit, b: &Exit, i: usize| {
                    _mm256_insertf128_pd::<1>(_mm256_castpd128_pd256(half(a, i)), half(b, i))
                };
                let [a, b, c, d] = rows;
                let (even, odd) = (both(a, c, 0), both(b, d, 0));
                let (even_end, odd_end) = (both(a, c, 2), both(b, d, 2));
                [
                    Self(_mm256_unpacklo_pd(even, odd)),
                    Self(_mm256_unpackhi_pd(even, odd)),
                    Self(_mm256_unpacklo_pd(even_end, odd_end)),
                    Self(_mm256_unpackhi_pd(even_end, odd_end)),
                ]
            }
        }

        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            Self(unsafe { _mm256_add_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn minus(self, other: Self) -> Self {
            Self(unsafe { _mm256_sub_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn times(self, other: Self) -> Self {
            Self(unsafe { _mm256_mul_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn max(self, other: Self) -> Self {
            Self(unsafe { _mm256_max_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn at_most(self, other: Self) -> u32 {
            unsafe { _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_LE_OQ>(self.0, other.0)) as u32 }
        }

        #[inline(always)]
        fn negative(self, other: Self) -> Self {
            unsafe {
                let negative = _mm256_cmp_pd::<_CMP_LT_OQ>(self.0, _mm256_setzero_pd());
                Self(_mm256_and_pd(negative, other.0))
            }
        }

        #[inline(always)]
        fn or(self, bits: u32, other: Self) -> Self {
            let mask = |i: u32| f64::from_bits(if bits >> i & 1 == 1 { u64::MAX } else { 0 });
            unsafe {
                let mask = _mm256_setr_pd(mask(0), mask(1), mask(2), mask(3));
                Self(_mm256_blendv_pd(other.0, self.0, mask))
            }
        }

        #[inline(always)]
        fn before(rows: &[[u32; OCTET]], limits: &[u32; OCTET]) -> [u32; OCTET] {
            let mut counts = [0; OCTET];
            unsafe {
                let limits = _mm256_loadu_si256(limits.as_ptr().cast());
                let mut sum = _mm256_setzero_si256();
                for row in rows {
                    let bars = _mm256_loadu_si256(row.as_ptr().cast());
                    // A comparison that holds is -1.
                    sum = _mm256_sub_epi32(sum, _mm256_cmpgt_epi32(limits, bars));
                }
                _mm256_storeu_si256(counts.as_mut_ptr().cast(), sum);
            }
            counts
        }
    }
}

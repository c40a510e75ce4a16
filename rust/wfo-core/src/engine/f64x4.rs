//! Vectors of four `f64`s, in the instructions of a tier; operations are named as in `std::simd`.
//!
//! The accounts of four paths are updated by the same dozen operations, on rows that lie anywhere
//! in four tables. Compilers do not find the transposition of these rows into columns, so it is an
//! operation of its own here. Every implementation does the same operations in the same order, so
//! all of them compute the same bits: none contracts a product and a sum into one operation
//! `[X10]`.

/// Lanes of a vector of `f64`s.
pub(crate) const F64_LANES: usize = 4;

/// Lanes of a vector of `u32`s of the same size.
pub(crate) const U32_LANES: usize = 2 * F64_LANES;

/// The larger one of two numbers that are not NaN: one instruction, unlike `f64::max`.
#[inline(always)]
pub(crate) fn max(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// The smaller one of two numbers that are not NaN.
#[inline(always)]
pub(crate) fn min(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// A vector of four `f64`s. A mask is a bit for each lane, the first lane's lowest.
pub(crate) trait F64x4: Copy {
    fn from_array(numbers: [f64; F64_LANES]) -> Self;
    fn to_array(self) -> [f64; F64_LANES];
    /// The columns of four rows.
    fn transpose(rows: [&[f64; F64_LANES]; F64_LANES]) -> [Self; F64_LANES];
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// The larger one, lane by lane; `other` where one of them is NaN.
    fn max(self, other: Self) -> Self;
    /// The mask of lanes that are less than or equal to those of `other`.
    fn le(self, other: Self) -> u32;
    /// `value` in lanes that are negative, 0 in the others.
    fn where_negative(self, value: Self) -> Self;
    /// `if_true` in lanes of the mask, `if_false` in the others.
    fn select(mask: u32, if_true: Self, if_false: Self) -> Self;

    /// By column, how many of its numbers are below its limit. All are below 2^31, as bars are
    /// ([`MOST_BARS`](crate::market::bars::MOST_BARS)): AVX2 compares with a sign.
    fn count_below(rows: &[[u32; U32_LANES]], limits: &[u32; U32_LANES]) -> [u32; U32_LANES];

    #[inline(always)]
    fn splat(number: f64) -> Self {
        Self::from_array([number; F64_LANES])
    }
}

/// Four numbers in an array, in the instructions that every processor has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable([f64; F64_LANES]);

/// One operation on each number.
macro_rules! each {
    ($i:ident => $x:expr) => {{
        let at = |$i: usize| $x;
        [at(0), at(1), at(2), at(3)]
    }};
}

impl F64x4 for Portable {
    #[inline(always)]
    fn from_array(numbers: [f64; F64_LANES]) -> Self {
        Self(numbers)
    }

    #[inline(always)]
    fn to_array(self) -> [f64; F64_LANES] {
        self.0
    }

    #[inline(always)]
    fn transpose(rows: [&[f64; F64_LANES]; F64_LANES]) -> [Self; F64_LANES] {
        [
            Self(each!(i => rows[i][0])),
            Self(each!(i => rows[i][1])),
            Self(each!(i => rows[i][2])),
            Self(each!(i => rows[i][3])),
        ]
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(each!(i => self.0[i] + other.0[i]))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(each!(i => self.0[i] - other.0[i]))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(each!(i => self.0[i] * other.0[i]))
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(each!(i => max(self.0[i], other.0[i])))
    }

    #[inline(always)]
    fn le(self, other: Self) -> u32 {
        let bits = each!(i => u32::from(self.0[i] <= other.0[i]) << i);
        bits[0] | bits[1] | bits[2] | bits[3]
    }

    #[inline(always)]
    fn where_negative(self, value: Self) -> Self {
        Self(each!(i => if self.0[i] < 0.0 { value.0[i] } else { 0.0 }))
    }

    #[inline(always)]
    fn select(mask: u32, if_true: Self, if_false: Self) -> Self {
        Self(each!(i => if mask >> i & 1 == 1 { if_true.0[i] } else { if_false.0[i] }))
    }

    #[inline(always)]
    fn count_below(rows: &[[u32; U32_LANES]], limits: &[u32; U32_LANES]) -> [u32; U32_LANES] {
        let mut counts = [0; U32_LANES];
        for row in rows {
            for ((count, bar), limit) in counts.iter_mut().zip(row).zip(limits) {
                *count += u32::from(bar < limit);
            }
        }
        counts
    }
}

// Named by the tiers alone, which make it the type of work that runs as their code.
#[cfg(target_arch = "x86_64")]
pub(super) use avx::Avx;

#[cfg(target_arch = "x86_64")]
mod avx {
    #![expect(unsafe_code, reason = "instructions that the tier of the caller has")]
    // SAFETY, of all blocks here: the only module that can name this type is that of the tiers,
    // and it passes it to work within functions that are compiled with AVX2, for a `Tier` that has
    // it. Pointers come from references to as many numbers as the instruction reads or writes.

    use std::arch::x86_64::*;

    use super::{F64_LANES, F64x4, U32_LANES};

    /// Four numbers in one register of AVX2.
    #[derive(Debug, Clone, Copy)]
    pub struct Avx(__m256d);

    impl F64x4 for Avx {
        #[inline(always)]
        fn from_array(numbers: [f64; F64_LANES]) -> Self {
            let [a, b, c, d] = numbers;
            Self(unsafe { _mm256_setr_pd(a, b, c, d) })
        }

        #[inline(always)]
        fn to_array(self) -> [f64; F64_LANES] {
            let mut numbers = [0.0; F64_LANES];
            unsafe { _mm256_storeu_pd(numbers.as_mut_ptr(), self.0) };
            numbers
        }

        #[inline(always)]
        fn transpose(rows: [&[f64; F64_LANES]; F64_LANES]) -> [Self; F64_LANES] {
            unsafe {
                // Halves of rows 0 and 2, and of 1 and 3, side by side, then two numbers at a time.
                let half = |row: &[f64; F64_LANES], i: usize| _mm_loadu_pd(row.as_ptr().add(i));
                let both = |a: &[f64; F64_LANES], b: &[f64; F64_LANES], i: usize| {
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
        fn add(self, other: Self) -> Self {
            Self(unsafe { _mm256_add_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            Self(unsafe { _mm256_sub_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            Self(unsafe { _mm256_mul_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn max(self, other: Self) -> Self {
            Self(unsafe { _mm256_max_pd(self.0, other.0) })
        }

        #[inline(always)]
        fn le(self, other: Self) -> u32 {
            unsafe { _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_LE_OQ>(self.0, other.0)) as u32 }
        }

        #[inline(always)]
        fn where_negative(self, value: Self) -> Self {
            unsafe {
                let negative = _mm256_cmp_pd::<_CMP_LT_OQ>(self.0, _mm256_setzero_pd());
                Self(_mm256_and_pd(negative, value.0))
            }
        }

        #[inline(always)]
        fn select(mask: u32, if_true: Self, if_false: Self) -> Self {
            let bits = |i: u32| f64::from_bits(if mask >> i & 1 == 1 { u64::MAX } else { 0 });
            unsafe {
                let bits = _mm256_setr_pd(bits(0), bits(1), bits(2), bits(3));
                Self(_mm256_blendv_pd(if_false.0, if_true.0, bits))
            }
        }

        #[inline(always)]
        fn count_below(rows: &[[u32; U32_LANES]], limits: &[u32; U32_LANES]) -> [u32; U32_LANES] {
            let mut counts = [0; U32_LANES];
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

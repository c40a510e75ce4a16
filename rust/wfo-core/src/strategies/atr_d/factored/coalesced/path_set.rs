//! Sets of paths, as bits.

use super::accounts::ACCOUNT_LANES;

/// Words of a set: as many bits as a register of AVX2 has.
const WORDS: usize = 4;
/// Paths that a set can hold.
pub(in super::super) const PATHS: usize = 64 * WORDS;

/// A set of paths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(align(32))]
pub(in super::super) struct PathSet(pub(super) [u64; WORDS]);

impl PathSet {
    pub fn of(paths: impl IntoIterator<Item = usize>) -> Self {
        let mut set = Self::default();
        paths.into_iter().for_each(|path| set.0[path / 64] |= 1 << (path % 64));
        set
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.0.iter().fold(0, |any, word| any | word) == 0
    }

    #[inline(always)]
    pub fn and(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a & e, b & f, c & g, d & h])
    }

    #[inline(always)]
    pub fn or(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a | e, b | f, c | g, d | h])
    }

    #[inline(always)]
    pub fn without(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a & !e, b & !f, c & !g, d & !h])
    }

    /// The members among the paths of some account lanes.
    #[inline(always)]
    fn members(&self, lanes: usize) -> u64 {
        self.0[lanes / 8] >> (lanes % 8 * 8) & 0xff
    }

    pub fn has(&self, path: usize) -> bool {
        self.0[path / 64] >> (path % 64) & 1 == 1
    }

    /// All account lanes that have a member, with their members.
    #[inline(always)]
    pub fn by_lanes(self) -> ByLanes {
        let [a, b, c, d] = self.0;
        ByLanes { set: self, found: used_bytes(a, b) | used_bytes(c, d) << 16 }
    }
}

/// Which bytes of two words are not 0.
#[inline(always)]
fn used_bytes(a: u64, b: u64) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{
            _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_setzero_si128,
        };
        #[expect(unsafe_code, reason = "three instructions, where the portable way takes twenty")]
        // SAFETY: every processor of the architecture has SSE2, to which these belong.
        let empty = unsafe {
            let bytes = _mm_set_epi64x(b.cast_signed(), a.cast_signed());
            _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_setzero_si128()))
        };
        !empty.cast_unsigned() & 0xffff
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let used = |word: u64| {
            // Whether a byte has a bit, in its lowest one; the product gathers these.
            let mut any = word | word >> 4;
            any |= any >> 2;
            any = (any | any >> 1) & 0x0101_0101_0101_0101;
            (any.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
        };
        used(a) | used(b) << 8
    }
}

/// The account lanes of a set that have a member.
pub(in super::super) struct ByLanes {
    set: PathSet,
    found: u32,
}

impl Iterator for ByLanes {
    type Item = (usize, u64);

    #[inline(always)]
    fn next(&mut self) -> Option<(usize, u64)> {
        if self.found == 0 {
            return None;
        }
        let lanes = self.found.trailing_zeros() as usize % (PATHS / ACCOUNT_LANES);
        self.found &= self.found - 1;
        Some((lanes, self.set.members(lanes)))
    }
}

//! Reads of tables whose row numbers are valid by construction.

/// Reads a row that is known to exist.
///
/// Paths read four rows a trade, each named by the row before, and a check of each costs a tenth of
/// the time. Every row number in the tables is at most the number of bars in its part, and every
/// part has one row more: that is how [`SignedBars`](super::first_touch::SignedBars) and the
/// builders of entry and exit tables fill them.
#[inline(always)]
pub(super) fn row<T>(table: &[T], i: usize) -> &T {
    debug_assert!(i < table.len());
    #[expect(unsafe_code, reason = "row numbers are within their tables by construction")]
    // SAFETY: see above; builds with debug assertions check every one.
    unsafe {
        table.get_unchecked(i)
    }
}

/// Prefetches the line of memory that a slice begins in.
#[inline(always)]
pub(super) fn prefetch<T>(line: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        #[expect(unsafe_code, reason = "a hint, which the baseline of the architecture has")]
        // SAFETY: a prefetch of any address changes nothing.
        unsafe {
            _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

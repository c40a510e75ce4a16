//! Tables of row numbers, and reads of the rows that they name.

use std::ops::{Deref, Range};

/// A value that names a row of another table.
pub(crate) trait NamesRow: Copy {
    /// The row.
    fn named(self) -> u32;
}

impl NamesRow for u32 {
    #[inline(always)]
    fn named(self) -> u32 {
        self
    }
}

/// A table whose values name rows of other tables, and which knows the last row that one of them
/// names: what reads those rows unchecked compares it with their number once, before a loop over
/// them.
///
/// It is read as a slice, and written only by what takes note of the rows.
#[derive(Debug, Clone)]
pub(crate) struct IndexTable<T> {
    values: Vec<T>,
    /// No value names a row behind it.
    last: u32,
}

impl<T> Default for IndexTable<T> {
    fn default() -> Self {
        Self { values: Vec::new(), last: 0 }
    }
}

impl<T: NamesRow> IndexTable<T> {
    /// Removes all values.
    pub fn clear(&mut self) {
        *self = Self { values: std::mem::take(&mut self.values), last: 0 };
        self.values.clear();
    }

    /// Makes a table of so many values, all of which are written next. Where it has as many, they
    /// stay until then, and count.
    #[inline(always)]
    pub fn begin(&mut self, len: usize, value: T) {
        if self.values.len() != len {
            self.clear();
            self.values.resize(len, value);
        }
        self.last = self.last.max(value.named());
    }

    /// Appends values.
    #[inline(always)]
    pub fn extend(&mut self, values: impl Iterator<Item = T>) {
        let from = self.values.len();
        self.values.extend(values);
        let last = self.values[from..].iter().fold(0, |last, value| value.named().max(last));
        self.last = self.last.max(last);
    }

    /// Appends a value up to so many of them.
    pub fn resize(&mut self, len: usize, value: T) {
        self.last = self.last.max(value.named());
        self.values.resize(len, value);
    }

    /// Writes a value to some rows.
    #[inline(always)]
    pub fn fill(&mut self, rows: Range<usize>, value: T) {
        self.last = self.last.max(value.named());
        self.values[rows].fill(value);
    }

    /// Writes a value to every `step`th of some rows, from one of them on.
    #[inline(always)]
    pub fn fill_each(&mut self, rows: Range<usize>, (from, step): (usize, usize), value: T) {
        self.last = self.last.max(value.named());
        for rows in self.values[rows].chunks_exact_mut(step) {
            rows[from] = value;
        }
    }

    /// Writes a value to a row.
    #[inline(always)]
    pub fn set(&mut self, row: usize, value: T) {
        self.last = self.last.max(value.named());
        self.values[row] = value;
    }

    /// The table, to be read.
    #[inline(always)]
    pub fn view(&self) -> IndexView<'_, T> {
        IndexView { values: &self.values, last: self.last }
    }
}

impl<T> Deref for IndexTable<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values
    }
}

/// An [`IndexTable`], borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexView<'a, T> {
    values: &'a [T],
    last: u32,
}

impl<'a, T> IndexView<'a, T> {
    /// A table without rows.
    pub const EMPTY: Self = Self { values: &[], last: 0 };

    /// Number of values.
    #[inline(always)]
    pub fn len(self) -> usize {
        self.values.len()
    }

    /// Whether every value names one of so many rows.
    pub fn names_rows_of(self, rows: usize) -> bool {
        (self.last as usize) < rows
    }

    /// The last row that may be named.
    #[inline(always)]
    pub fn last(self) -> u32 {
        self.last
    }

    /// The values.
    #[inline(always)]
    pub fn values(self) -> &'a [T] {
        self.values
    }
}

/// Reads a row without a check of its number.
///
/// Paths read four rows a trade, each named by the row before, and a check of each costs a tenth of
/// the time.
///
/// # Safety
/// `i < table.len()`. Builds with debug assertions check every one.
#[inline(always)]
#[expect(unsafe_code, reason = "a check of each row costs a tenth of the time")]
pub(crate) unsafe fn row<T>(table: &[T], i: usize) -> &T {
    debug_assert!(i < table.len());
    // SAFETY: the caller's.
    unsafe { table.get_unchecked(i) }
}

/// Prefetches the line of memory that a slice begins in.
#[inline(always)]
pub(crate) fn prefetch<T>(line: &[T]) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_knows_the_last_row_that_it_names() {
        let mut table = IndexTable::<u32>::default();
        assert!(!table.view().names_rows_of(0) && table.view().names_rows_of(1));
        let names = |table: &IndexTable<u32>, last: usize| {
            !table.view().names_rows_of(last) && table.view().names_rows_of(last + 1)
        };
        table.extend([3, 9, 4].into_iter());
        assert!(names(&table, 9));
        table.resize(5, 10);
        assert!(names(&table, 10) && table[..] == [3, 9, 4, 10, 10]);
        table.fill(1..3, 11);
        assert!(names(&table, 11));
        table.set(0, 12);
        assert!(names(&table, 12));
        table.fill_each(1..5, (1, 2), 13);
        assert!(names(&table, 13) && table[..] == [12, 11, 13, 10, 13]);
        // What stays counts, and what is removed does not.
        table.begin(5, 1);
        assert!(names(&table, 13));
        table.begin(4, 2);
        assert!(names(&table, 2) && table[..] == [2; 4]);
        table.clear();
        assert!(table.is_empty() && names(&table, 0));
    }
}

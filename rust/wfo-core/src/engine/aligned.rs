//! Columns that lie as vectors read them.

use std::ops::{Deref, DerefMut};

/// Bytes of a line of the cache.
const LINE: usize = 64;

/// A column whose first number begins a line of the cache: no vector of it lies on two of them.
#[derive(Debug)]
pub(crate) struct Aligned<T> {
    room: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy> Aligned<T> {
    /// So many times the same number.
    pub fn filled(value: T, len: usize) -> Self {
        let spare = LINE / size_of::<T>() - 1;
        let room = vec![value; len + spare];
        // Where the place of memory is not known any start will do.
        let start = room.as_ptr().align_offset(LINE).min(spare);
        Self { room, start, len }
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.room[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.room[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_begins_a_line() {
        for len in [0, 1, 7, 8, 9, 5_031] {
            let mut column = Aligned::filled(2.0, len);
            assert_eq!(*column, *vec![2.0; len]);
            column.fill(3.0);
            assert_eq!(*column, *vec![3.0; len]);
            assert_eq!(column.as_ptr().addr() % LINE, 0);
            assert_eq!(Aligned::filled(2.0_f32, len).as_ptr().addr() % LINE, 0);
        }
    }
}

//! What workers leave for the next ones.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// Looks at a lock before it counts as lost.
const LOOKS: usize = 100;

/// What is behind a lock that no thread holds for longer than a look-up, or None if it is held on:
/// in a process that was forked while a thread held it, that thread does not exist.
pub fn lock_briefly<T>(lock: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    for _ in 0..LOOKS {
        match lock.try_lock() {
            Ok(held) => return Some(held),
            Err(TryLockError::Poisoned(error)) => return Some(PoisonError::into_inner(error)),
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    None
}

/// Things that are kept for reuse by whoever comes next, such as large buffers.
///
/// Nothing waits for the lock without end. What cannot be taken is made anew, and what cannot be kept
/// is dropped.
#[derive(Debug)]
pub struct Spare<T>(Mutex<Vec<T>>);

impl<T> Default for Spare<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T> Spare<T> {
    /// Takes the thing that was kept last, where there is one.
    pub fn take(&self) -> Option<T> {
        lock_briefly(&self.0)?.pop()
    }

    /// Keeps a thing.
    pub fn keep(&self, thing: T) {
        if let Some(mut held) = lock_briefly(&self.0) {
            held.push(thing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_last_is_taken_first() {
        let spare = Spare::default();
        assert_eq!(spare.take(), None);
        spare.keep(1);
        spare.keep(2);
        assert_eq!([spare.take(), spare.take(), spare.take()], [Some(2), Some(1), None]);
    }

    #[test]
    fn a_lock_that_is_never_released_holds_nothing_up() {
        let spare = Spare::default();
        spare.keep(1);
        let held = lock_briefly(&spare.0).expect("free");
        assert_eq!(spare.take(), None);
        spare.keep(2);
        drop(held);
        assert_eq!([spare.take(), spare.take()], [Some(1), None]);
    }
}

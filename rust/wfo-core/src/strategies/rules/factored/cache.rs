//! Tables that a worker keeps, as many as there is room for.

use std::collections::HashMap;

/// Tables by key.
#[derive(Debug)]
pub(super) struct Cache<T> {
    slots: Vec<Slot<T>>,
    places: HashMap<usize, usize>,
    most: usize,
    /// The slot that is given up next.
    hand: usize,
    /// What the tables are needed for now: none of them is given up before the next.
    round: u64,
}

#[derive(Debug)]
struct Slot<T> {
    key: Option<usize>,
    round: u64,
    value: T,
}

impl<T: Default> Cache<T> {
    /// Room for so many tables, and for as many more as are needed at a time.
    pub fn new(most: usize) -> Self {
        Self { slots: Vec::new(), places: HashMap::new(), most, hand: 0, round: 0 }
    }

    /// Ends the need for the tables of before.
    pub fn begin_round(&mut self) {
        self.round += 1;
    }

    /// The place of a table, where it is there.
    #[inline(always)]
    pub fn find(&mut self, key: usize) -> Option<usize> {
        let &place = self.places.get(&key)?;
        self.slots[place].round = self.round;
        Some(place)
    }

    /// A place for a table that is not there, to be filled.
    pub fn make(&mut self, key: usize) -> (usize, &mut T) {
        let place = self.free();
        let slot = &mut self.slots[place];
        if let Some(old) = slot.key.replace(key) {
            self.places.remove(&old);
        }
        self.places.insert(key, place);
        slot.round = self.round;
        (place, &mut slot.value)
    }

    fn free(&mut self) -> usize {
        if self.slots.len() >= self.most {
            for _ in 0..self.slots.len() {
                self.hand = (self.hand + 1) % self.slots.len();
                if self.slots[self.hand].round != self.round {
                    return self.hand;
                }
            }
        }
        self.slots.push(Slot { key: None, round: self.round, value: T::default() });
        self.slots.len() - 1
    }

    /// The table in a place.
    pub fn at(&self, place: usize) -> &T {
        &self.slots[place].value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_stays_and_what_was_is_made_anew() {
        let mut cache = Cache::<usize>::new(2);
        let mut made = Vec::new();
        let mut ask = |cache: &mut Cache<usize>, key: usize| {
            let place = cache.find(key).unwrap_or_else(|| {
                made.push(key);
                let (place, value) = cache.make(key);
                *value = 10 * key;
                place
            });
            *cache.at(place)
        };
        cache.begin_round();
        // More than there is room for, as all are needed.
        assert_eq!([1, 2, 3, 1].map(|key| ask(&mut cache, key)), [10, 20, 30, 10]);
        cache.begin_round();
        // One of them is given up, which is none that this round needs.
        assert_eq!([3, 4, 3].map(|key| ask(&mut cache, key)), [30, 40, 30]);
        assert_eq!(made, [1, 2, 3, 4]);
    }
}

//! Higher bars: which bars each of them is made of, and which of them a bar knows.

use crate::error::{Error, Result};

/// What a higher bar takes of the values of its bars [G1].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gather {
    /// The first one.
    First,
    /// The largest one.
    Largest,
    /// The smallest one.
    Smallest,
    /// The last one.
    Last,
    /// Their sum, the oldest first.
    Sum,
}

impl Gather {
    /// What is taken of a column of that name.
    #[must_use]
    pub fn of(column: &str) -> Self {
        match column {
            "open" => Self::First,
            "high" => Self::Largest,
            "low" => Self::Smallest,
            "volume" => Self::Sum,
            _ => Self::Last,
        }
    }

    fn with(self, before: f64, value: f64) -> f64 {
        match self {
            Self::First => before,
            Self::Largest if value > before => value,
            Self::Smallest if value < before => value,
            Self::Largest | Self::Smallest => before,
            Self::Last => value,
            Self::Sum => before + value,
        }
    }
}

/// The higher bars of a timeframe.
#[derive(Debug)]
pub struct Groups {
    /// The higher bar that a bar is part of.
    own: Vec<Option<usize>>,
    /// The latest one that is closed by the end of a bar.
    seen: Vec<Option<usize>>,
    len: usize,
}

impl Groups {
    /// Higher bars by two columns over the bars: the number of the one that a bar is part of, NaN where
    /// it is part of none, and how many are closed by its end. Numbers may begin anywhere.
    ///
    /// # Errors
    /// Numbers that are not whole, or do not ascend one by one.
    pub fn new(name: &str, group: &[f64], closed: &[f64]) -> Result<Self> {
        let wrong = |bar: usize| {
            Error::Strategy(format!("bar {bar}: the bars of {name} are not numbered one by one"))
        };
        let first = group.iter().copied().find(|number| !number.is_nan()).unwrap_or(0.0);
        let mut own = Vec::with_capacity(group.len());
        let mut seen = Vec::with_capacity(group.len());
        let mut len = 0_usize;
        for (bar, (&number, &count)) in group.iter().zip(closed).enumerate() {
            let place = number - first;
            if number.is_nan() {
                own.push(None);
            } else if place == len as f64 || place + 1.0 == len as f64 {
                own.push(Some(place as usize));
                len = place as usize + 1;
            } else {
                return Err(wrong(bar));
            }
            // Those before the first bar are not there.
            let latest = count - first - 1.0;
            if latest.fract() != 0.0 || latest >= len as f64 {
                return Err(wrong(bar));
            }
            seen.push((latest >= 0.0).then_some(latest as usize));
        }
        Ok(Self { own, seen, len })
    }

    /// Number of higher bars.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The values of higher bars, of those of bars.
    #[must_use]
    pub fn gathered(&self, values: &[f64], how: Gather) -> Vec<f64> {
        // [G1] Higher bars follow each other, so that the first value of each extends the list.
        let mut out: Vec<f64> = Vec::with_capacity(self.len);
        for (&own, &value) in self.own.iter().zip(values) {
            let Some(place) = own else { continue };
            match out.get_mut(place) {
                Some(held) => *held = how.with(*held, value),
                None => out.push(value),
            }
        }
        out
    }

    /// What bars know of the values of higher bars: that of the latest closed one, NaN before it.
    #[must_use]
    pub fn latest(&self, values: &[f64]) -> Vec<f64> {
        // [G3]
        let known = |seen: &Option<usize>| seen.and_then(|place| values.get(place)).copied();
        self.seen.iter().map(|seen| known(seen).unwrap_or(f64::NAN)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    fn groups(group: &[f64], closed: &[f64]) -> Groups {
        Groups::new("1week", group, closed).expect("groups")
    }

    #[test]
    fn higher_bars_take_what_their_bars_have() {
        // The bars 3 and 4 are part of none.
        let found = groups(&[0.0, 0.0, 0.0, NAN, NAN, 1.0, 1.0], &[0.0; 7]);
        assert_eq!(found.len(), 2);
        let values = [2.0, 5.0, 3.0, 99.0, -99.0, 7.0, 6.0];
        let all = |how| found.gathered(&values, how);
        assert_eq!(all(Gather::First), [2.0, 7.0]);
        assert_eq!(all(Gather::Largest), [5.0, 7.0]);
        assert_eq!(all(Gather::Smallest), [2.0, 6.0]);
        assert_eq!(all(Gather::Last), [3.0, 6.0]);
        assert_eq!(all(Gather::Sum), [10.0, 13.0]);
    }

    #[test]
    fn a_bar_knows_what_is_closed_by_its_end() {
        let found = groups(&[4.0, 4.0, 5.0, 6.0, 6.0], &[4.0, 5.0, 5.0, 6.0, 7.0]);
        let seen = found.latest(&[1.0, 2.0, 3.0]);
        assert!(seen[0].is_nan());
        assert_eq!(seen[1..], [1.0, 1.0, 2.0, 3.0]);
        assert!(groups(&[NAN, NAN], &[0.0, 0.0]).latest(&[]).iter().all(|x| x.is_nan()));
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        let cases: [(&[f64], &[f64]); 5] = [
            (&[0.0, 2.0], &[0.0, 0.0]),
            (&[0.0, 1.0, 0.0], &[0.0; 3]),
            (&[0.0, 0.5], &[0.0, 0.0]),
            (&[0.0, 0.0], &[2.0, 2.0]),
            (&[0.0, 0.0], &[NAN, 1.0]),
        ];
        for (group, closed) in cases {
            assert!(Groups::new("1week", group, closed).is_err(), "{group:?} {closed:?}");
        }
    }
}

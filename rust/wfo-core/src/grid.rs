//! A grid of parameter values, addressed by one flat index; no grid is ever written out.

use crate::error::{Error, Result};

/// The values of one parameter, or of several that only occur together.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// One row a position on the axis, one value in it a parameter.
    rows: Vec<Vec<f64>>,
}

impl Axis {
    /// An axis of one parameter.
    #[must_use]
    pub fn of(values: Vec<f64>) -> Self {
        Self { rows: values.into_iter().map(|v| vec![v]).collect() }
    }

    /// An axis of two parameters, of which the first must be below the second: the pairs that are
    /// left, the second varying fastest. A flat index over it has no holes.
    #[must_use]
    pub fn ordered_pairs(first: &[f64], second: &[f64]) -> Self {
        let pairs = first.iter().flat_map(|&a| second.iter().map(move |&b| (a, b)));
        Self { rows: pairs.filter(|(a, b)| a < b).map(|(a, b)| vec![a, b]).collect() }
    }

    /// Number of positions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no position.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// The values of every parameter; in the flat index the last axis varies fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    axes: Vec<Axis>,
    len: u64,
}

impl Grid {
    /// Takes over the axes, whose parameters are in canonical order.
    ///
    /// # Errors
    /// An axis without values, or more than 2^64 combinations.
    pub fn new(axes: Vec<Axis>) -> Result<Self> {
        let mut len = 1_u64;
        for (axis, values) in axes.iter().enumerate() {
            if values.is_empty() {
                return Err(Error::EmptyAxis { axis });
            }
            len = len.checked_mul(values.len() as u64).ok_or(Error::GridTooLarge)?;
        }
        Ok(Self { axes, len })
    }

    /// Number of combinations.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Never true: a grid has at least one combination.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The axes, in order.
    #[must_use]
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// The parameter values at a position on every axis; positions beyond an axis are its last one.
    pub fn values_at(&self, digit: impl Fn(usize) -> usize) -> Vec<f64> {
        let row = |(i, axis): (usize, &'_ Axis)| axis.rows[digit(i).min(axis.len() - 1)].clone();
        self.axes.iter().enumerate().flat_map(row).collect()
    }

    /// A cursor that stands on combination `index`.
    ///
    /// # Errors
    /// An index outside the grid.
    pub fn at(&self, index: u64) -> Result<Cursor<'_>> {
        if index >= self.len {
            return Err(Error::IndexRange { start: index, stop: index, len: self.len });
        }
        let mut rest = index;
        let mut digits = vec![0; self.axes.len()];
        for (digit, values) in digits.iter_mut().zip(&self.axes).rev() {
            let radix = values.len() as u64;
            *digit = (rest % radix) as usize;
            rest /= radix;
        }
        Ok(Cursor { grid: self, digits })
    }
}

/// A position in a grid that steps through it in flat index order.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    grid: &'a Grid,
    digits: Vec<usize>,
}

impl Cursor<'_> {
    /// Position on every axis.
    #[must_use]
    pub fn digits(&self) -> &[usize] {
        &self.digits
    }

    /// The value of every parameter, in canonical order.
    pub fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.grid
            .axes
            .iter()
            .zip(&self.digits)
            .flat_map(|(axis, &digit)| &axis.rows[digit])
            .copied()
    }

    /// Steps to the next combination; from the last one back to the first.
    pub fn advance(&mut self) {
        for (digit, values) in self.digits.iter_mut().zip(&self.grid.axes).rev() {
            *digit += 1;
            if *digit < values.len() {
                return;
            }
            *digit = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(grid: &Grid) -> Vec<Vec<f64>> {
        (0..grid.len()).map(|i| grid.at(i).expect("within the grid").values().collect()).collect()
    }

    #[test]
    fn the_last_axis_varies_fastest() {
        let axes = vec![Axis::of(vec![1.0, 2.0]), Axis::of(vec![10.0, 20.0, 30.0])];
        let grid = Grid::new(axes).expect("a grid");
        assert_eq!(
            rows(&grid),
            [[1.0, 10.0], [1.0, 20.0], [1.0, 30.0], [2.0, 10.0], [2.0, 20.0], [2.0, 30.0]]
        );
    }

    #[test]
    fn pairs_out_of_order_leave_no_holes() {
        let pairs = Axis::ordered_pairs(&[10.0, 40.0, 50.0], &[40.0, 50.0, 60.0]);
        let grid = Grid::new(vec![Axis::of(vec![1.0, 2.0]), pairs]).expect("a grid");
        let wanted =
            [(10.0, 40.0), (10.0, 50.0), (10.0, 60.0), (40.0, 50.0), (40.0, 60.0), (50.0, 60.0)];
        let wanted: Vec<Vec<f64>> = [1.0, 2.0]
            .iter()
            .flat_map(|&x| wanted.iter().map(move |&(a, b)| vec![x, a, b]))
            .collect();
        assert_eq!(rows(&grid), wanted);
        assert_eq!(grid.values_at(|_| 4), [2.0, 40.0, 60.0]);
    }

    #[test]
    fn empty_axes_and_overflow_are_errors() {
        let one = || Axis::of(vec![1.0]);
        assert_eq!(Grid::new(vec![one(), Axis::of(vec![])]), Err(Error::EmptyAxis { axis: 1 }));
        assert_eq!(Grid::new(vec![Axis::of(vec![0.0; 65_536]); 4]), Err(Error::GridTooLarge));
        let grid = Grid::new(vec![one()]).expect("a grid");
        assert!(matches!(grid.at(1), Err(Error::IndexRange { len: 1, .. })));
    }

    proptest! {
        #[test]
        fn stepping_and_decoding_agree(lens in prop::collection::vec(1_usize..5, 1..6)) {
            let axes = lens.iter().map(|&n| Axis::of((0..n).map(|v| v as f64).collect())).collect();
            let grid = Grid::new(axes).expect("a grid");
            let mut cursor = grid.at(0).expect("within the grid");
            for index in 0..grid.len() {
                let decoded = grid.at(index).expect("within the grid");
                prop_assert_eq!(cursor.digits(), decoded.digits());
                let encoded = decoded
                    .digits()
                    .iter()
                    .zip(&lens)
                    .fold(0_u64, |flat, (&d, &n)| flat * n as u64 + d as u64);
                prop_assert_eq!(encoded, index);
                cursor.advance();
            }
            prop_assert!(cursor.digits().iter().all(|&d| d == 0));
        }
    }
}

//! A grid of parameter values, addressed by one flat index; combinations are never listed.

use crate::error::{Error, Result};

/// The values of one parameter, or of several that only occur together.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Positions of its parameters in canonical order.
    parameters: Vec<usize>,
    /// One row a position on the axis, in it one value a parameter.
    rows: Vec<Vec<f64>>,
}

impl Axis {
    /// An axis of some parameters, by their positions in canonical order: each row is a combination
    /// of their values that occurs, so that a flat index over it has no holes.
    #[must_use]
    pub fn new(parameters: Vec<usize>, rows: Vec<Vec<f64>>) -> Self {
        Self { parameters, rows }
    }

    /// An axis of one parameter.
    #[must_use]
    pub fn of(parameter: usize, values: Vec<f64>) -> Self {
        Self::new(vec![parameter], values.into_iter().map(|v| vec![v]).collect())
    }

    /// Positions of its parameters in canonical order.
    #[must_use]
    pub fn parameters(&self) -> &[usize] {
        &self.parameters
    }

    /// Its rows, one value a parameter in each.
    #[must_use]
    pub fn rows(&self) -> &[Vec<f64>] {
        &self.rows
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

    fn write(&self, row: usize, values: &mut [f64]) {
        for (&parameter, &value) in self.parameters.iter().zip(&self.rows[row]) {
            values[parameter] = value;
        }
    }
}

/// The values of every parameter; in the flat index the last axis varies fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    axes: Vec<Axis>,
    parameters: usize,
    len: u64,
}

impl Grid {
    /// Axes of one parameter each, in canonical order.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn of(values: Vec<Vec<f64>>) -> Result<Self> {
        Self::new(values.into_iter().enumerate().map(|(i, values)| Axis::of(i, values)).collect())
    }

    /// A grid of these axes, on which every parameter occurs once.
    ///
    /// # Errors
    /// An axis without values, a row of another length than its axis has parameters, a parameter on
    /// none or several of the axes, or more than 2^64 combinations.
    pub fn new(axes: Vec<Axis>) -> Result<Self> {
        let mut len = 1_u64;
        let parameters: usize = axes.iter().map(|axis| axis.parameters.len()).sum();
        let mut found = vec![0; parameters];
        for (i, axis) in axes.iter().enumerate() {
            let expected = axis.parameters.len();
            if axis.is_empty() {
                let parameter = axis.parameters.first().copied().unwrap_or(i);
                return Err(Error::EmptyAxis { parameter });
            }
            if let Some(row) = axis.rows.iter().find(|row| row.len() != expected) {
                return Err(Error::AxisRow { axis: i, given: row.len(), expected });
            }
            for &parameter in &axis.parameters {
                // A parameter beyond the last leaves another one without an axis.
                if let Some(count) = found.get_mut(parameter) {
                    *count += 1;
                }
            }
            len = len.checked_mul(axis.len() as u64).ok_or(Error::GridTooLarge)?;
        }
        match found.iter().position(|&count| count != 1) {
            Some(parameter) => Err(Error::AxisParameter { parameter, axes: found[parameter] }),
            None => Ok(Self { axes, parameters, len }),
        }
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

    /// Number of parameters.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// The axis of a parameter.
    #[must_use]
    pub fn axis_of(&self, parameter: usize) -> Option<usize> {
        self.axes.iter().position(|axis| axis.parameters.contains(&parameter))
    }

    /// The parameter values, in canonical order, at a position on every axis; positions beyond an axis
    /// are its last one.
    pub fn values_at(&self, digit: impl Fn(usize) -> usize) -> Vec<f64> {
        let mut values = Vec::new();
        self.write_values_at(digit, &mut values);
        values
    }

    /// Writes [`values_at`](Self::values_at).
    pub fn write_values_at(&self, digit: impl Fn(usize) -> usize, values: &mut Vec<f64>) {
        values.resize(self.parameters, f64::NAN);
        for (i, axis) in self.axes.iter().enumerate() {
            axis.write(digit(i).min(axis.len() - 1), values);
        }
    }

    /// Parameter sets that between them hold every row of every axis.
    #[must_use]
    pub fn covering(&self) -> Vec<Vec<f64>> {
        // Without axes there is one combination all the same.
        let longest = self.axes.iter().map(Axis::len).max().unwrap_or(1);
        (0..longest).map(|i| self.values_at(|_| i)).collect()
    }

    /// A cursor at combination `index`.
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

    /// Writes the value of every parameter, in canonical order.
    #[inline]
    pub fn write(&self, values: &mut [f64]) {
        for (axis, &digit) in self.grid.axes.iter().zip(&self.digits) {
            axis.write(digit, values);
        }
    }

    /// The value of every parameter, in canonical order.
    #[must_use]
    pub fn values(&self) -> Vec<f64> {
        let mut values = vec![f64::NAN; self.grid.parameters];
        self.write(&mut values);
        values
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
        (0..grid.len()).map(|i| grid.at(i).expect("within the grid").values()).collect()
    }

    #[test]
    fn the_last_axis_varies_fastest() {
        let grid = Grid::of(vec![vec![1.0, 2.0], vec![10.0, 20.0, 30.0]]).expect("a grid");
        assert_eq!(
            rows(&grid),
            [[1.0, 10.0], [1.0, 20.0], [1.0, 30.0], [2.0, 10.0], [2.0, 20.0], [2.0, 30.0]]
        );
    }

    #[test]
    fn parameters_that_occur_together_are_one_axis_without_holes() {
        let pairs = vec![vec![10.0, 40.0], vec![10.0, 50.0], vec![40.0, 50.0]];
        let axes = vec![Axis::new(vec![0, 2], pairs), Axis::of(1, vec![1.0, 2.0])];
        let grid = Grid::new(axes).expect("a grid");
        assert_eq!(
            rows(&grid),
            [
                [10.0, 1.0, 40.0],
                [10.0, 2.0, 40.0],
                [10.0, 1.0, 50.0],
                [10.0, 2.0, 50.0],
                [40.0, 1.0, 50.0],
                [40.0, 2.0, 50.0]
            ]
        );
        assert_eq!(grid.values_at(|_| 4), [40.0, 2.0, 50.0]);
        assert_eq!((grid.axis_of(2), grid.axis_of(1), grid.axis_of(3)), (Some(0), Some(1), None));
        assert_eq!(grid.covering(), [[10.0, 1.0, 40.0], [10.0, 2.0, 50.0], [40.0, 2.0, 50.0]]);
    }

    #[test]
    fn whole_parameter_sets_are_one_axis() {
        let sets = vec![vec![3.0, 1.0], vec![2.0, 7.0]];
        let grid = Grid::new(vec![Axis::new(vec![0, 1], sets.clone())]).expect("a grid");
        assert_eq!(rows(&grid), sets);
    }

    #[test]
    fn axes_that_do_not_fit_and_overflow_are_errors() {
        let one = |parameter| Axis::of(parameter, vec![1.0]);
        let error = |axes| Grid::new(axes).err();
        assert_eq!(
            error(vec![one(0), Axis::of(1, vec![])]),
            Some(Error::EmptyAxis { parameter: 1 })
        );
        let long = (0..4).map(|i| Axis::of(i, vec![0.0; 65_536])).collect();
        assert_eq!(error(long), Some(Error::GridTooLarge));
        assert_eq!(
            error(vec![one(0), one(0)]),
            Some(Error::AxisParameter { parameter: 0, axes: 2 })
        );
        assert_eq!(error(vec![one(1)]), Some(Error::AxisParameter { parameter: 0, axes: 0 }));
        assert_eq!(
            error(vec![Axis::new(vec![0, 1], vec![vec![1.0]])]),
            Some(Error::AxisRow { axis: 0, given: 1, expected: 2 })
        );
        let grid = Grid::new(vec![one(0)]).expect("a grid");
        assert!(matches!(grid.at(1), Err(Error::IndexRange { len: 1, .. })));
    }

    proptest! {
        #[test]
        fn stepping_and_decoding_agree(lens in prop::collection::vec(1_usize..5, 1..6)) {
            let axes = lens.iter().map(|&n| (0..n).map(|v| v as f64).collect()).collect();
            let grid = Grid::of(axes).expect("a grid");
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

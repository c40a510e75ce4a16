//! ATR-D: a volatility stop that follows the extreme and tightens when the Bollinger width is small.
//!
//! Six variants are one strategy with options: which of them a variant has stands in [`VARIANTS`],
//! and its parameters follow from that. [`params`] turns values of parameters and indicators into
//! distances, [`series`] holds the indicators that a grid shares, [`kernel`] goes through bars with
//! them, and [`factored`] computes whole grids at a cost per trade and not per bar.
//!
//! What the numbers mean is fixed by `python/wfo/atr_d/CONTRACT.md`; the Numba reference stands next
//! to it.

pub mod factored;
pub mod kernel;
pub mod params;
pub(crate) mod series;
pub mod settings;

pub use params::{Params, VARIANTS, Variant};
pub use settings::{EntryStyle, Settings};

/// A grid of one of the variants over one history.
pub type Task = crate::task::Task<Variant>;

#[cfg(test)]
pub(crate) mod testing {
    use super::Variant;
    use crate::grid::{Axis, Grid};
    use crate::market::bars::Bars;
    use crate::market::feeds::Feeds;

    /// A grid of single axes, with one of the ordered pairs of two Hull lengths at the end where the
    /// variant has them.
    pub(crate) fn grid_of(variant: Variant, values: Vec<Vec<f64>>, hull: [&[f64]; 2]) -> Grid {
        let mut axes: Vec<Axis> =
            values.into_iter().enumerate().map(|(i, values)| Axis::of(i, values)).collect();
        if variant.hull {
            let pairs = hull[0].iter().flat_map(|&a| hull[1].iter().map(move |&b| vec![a, b]));
            let pairs = pairs.filter(|pair| pair[0] < pair[1]).collect();
            axes.push(Axis::new(vec![axes.len(), axes.len() + 1], pairs));
        }
        Grid::new(axes).expect("a grid")
    }

    /// The feeds of a variant, a second symbol being the first again.
    pub(crate) fn feeds(variant: Variant, bars: Bars) -> Feeds {
        let second = variant.dual.then(|| bars.clone());
        Feeds::of(bars, second).expect("bars that fit")
    }
}

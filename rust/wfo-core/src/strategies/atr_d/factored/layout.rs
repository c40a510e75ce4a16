//! How a grid factors: which parts of a combination each of its tables depends on.
//!
//! ```text
//! flat index, slow ──────────────────────────────────────────────────────────────▶ fast
//! atr_period … scaling_method │ atr_buy_period … │ equity_price │ short_     │ modes, veto,
//!                             │ atr_smooth_period│ _method      │ multiplier │ Hull lengths
//! stop set                    │ entry set        │ price        │ multiplier │ cell
//! ────────────────────────────┴──────────────────┴──────────────┴────────────┴──────────────
//! stop set         combinations that share the parameters of the stop but its price method: they
//!                  share its exit tables, one a price method. Figures of one stop set are
//!                  consecutive.
//! entry set        combinations of a stop set that share the parameters of the buy.
//! cell             entry mode, filter and both-triggered mode: no stop depends on it.
//! work unit        some stop sets × a range of entry sets: what one worker computes at a time
//!                  (`schedule.rs`).
//! batch multiple   combinations whose stop sets have so much in common that they should be asked
//!                  for at once (`PreparedSweep::batch_multiple`).
//! representative   of all stop sets of a work unit whose stops are equal within a phase, the one that
//!                  is computed; the others are copies (`stop_sets.rs`).
//! ```
//!
//! Axes are found by the names of their parameters; a grid whose axes stand otherwise is refused.

use super::entry_filter::FilterParams;
use crate::error::{Error, Result};
use crate::grid::{Axis, Grid};
use crate::indicators::PriceMethod;
use crate::strategies::atr_d::params::{
    BothTriggered, Entry, EntryMode, Hull, Params, Stop, Variant,
};

/// Parameters of a stop set, slowest first.
const STOP_PARAMETERS: [&str; 7] = [
    "atr_period",
    "atr_multiplier",
    "bb_length",
    "bb_deviation",
    "vol_threshold",
    "min_tightening",
    "scaling_method",
];
/// Those of them that the tightening does not depend on. They are the slowest.
const ATR_PARAMETERS: usize = 2;
/// Parameters of an entry set, slowest first.
const ENTRY_PARAMETERS: [&str; 3] = ["atr_buy_period", "atr_buy_multiplier", "atr_smooth_period"];

/// What decides the entries of a combination, by position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct EntryIndex {
    pub entry: usize,
    pub price: usize,
    pub multiplier: usize,
    pub filter: usize,
}

/// Positions of the axes of a grid.
#[derive(Debug)]
struct Axes {
    stop: Vec<usize>,
    entry: Vec<usize>,
    price: usize,
    multiplier: Option<usize>,
    modes: Option<ModeAxes>,
    /// Both Hull lengths.
    hull: Option<usize>,
}

/// Positions of the axes of modes and veto.
#[derive(Debug)]
struct ModeAxes {
    entry_mode: usize,
    veto_period: usize,
    veto_threshold: usize,
    both_triggered: usize,
}

/// The parts of a grid.
#[derive(Debug)]
pub(super) struct Layout {
    variant: Variant,
    grid: Grid,
    axes: Axes,
    pub stop_sets: usize,
    pub entries: usize,
    pub prices: usize,
    /// Multipliers of the short side; one where there is none.
    pub multipliers: usize,
    pub filters: Vec<FilterParams>,
    pub entry_modes: Vec<EntryMode>,
    pub both_modes: Vec<BothTriggered>,
    /// The methods on the price axis.
    pub methods: Vec<PriceMethod>,
    /// Buys by entry, and their sells by entry and multiplier.
    pub buys: Vec<Entry>,
    pub sells: Vec<Entry>,
}

/// Why a grid does not factor, where it does not.
pub(super) fn lacks(variant: Variant, axes: &[&[usize]]) -> Option<String> {
    let parameters = variant.names().count();
    // The two Hull lengths, which stand last, are one axis.
    let pairs = usize::from(variant.hull);
    let mut axes = axes.iter();
    let is_plain = (0..parameters - 2 * pairs).all(|at| axes.next() == Some(&&[at][..]))
        && (pairs == 0 || axes.next() == Some(&&[parameters - 2, parameters - 1][..]))
        && axes.next().is_none();
    (!is_plain).then(|| needs(variant))
}

/// What a grid has to be like.
fn needs(variant: Variant) -> String {
    let hull = if variant.hull { ", but for the two Hull lengths" } else { "" };
    format!("its grids have one axis a parameter, in canonical order{hull}")
}

impl Axes {
    /// Finds the axes by the names of their parameters.
    fn new(variant: Variant, grid: &Grid) -> Result<Self> {
        let refused = || Error::Lacks { engine: "factored", reason: needs(variant) };
        let axis = |wanted: &str| {
            let parameter = variant.names().position(|name| name == wanted);
            parameter.and_then(|parameter| grid.axis_of(parameter)).ok_or_else(refused)
        };
        let all = |names: &[&str]| names.iter().map(|name| axis(name)).collect::<Result<_>>();
        let modes = || {
            Ok(ModeAxes {
                entry_mode: axis("entry_mode")?,
                veto_period: axis("trend_filter_period")?,
                veto_threshold: axis("trend_veto_threshold")?,
                both_triggered: axis("both_triggered_mode")?,
            })
        };
        let axes = Self {
            stop: all(&STOP_PARAMETERS)?,
            entry: all(&ENTRY_PARAMETERS)?,
            price: axis("equity_price_method")?,
            multiplier: variant.shorts.then(|| axis("short_multiplier")).transpose()?,
            modes: variant.modes.then(modes).transpose()?,
            hull: variant.hull.then(|| axis("hma_fast_length")).transpose()?,
        };
        // Positions of combinations are computed on the understanding that the axes stand so.
        let in_order = axes.in_order().eq(0..grid.axes().len());
        if in_order { Ok(axes) } else { Err(refused()) }
    }

    /// All axes, from the slowest part of a combination to the fastest.
    fn in_order(&self) -> impl Iterator<Item = usize> {
        let modes = self.modes.iter().flat_map(|modes| {
            [modes.entry_mode, modes.veto_period, modes.veto_threshold, modes.both_triggered]
        });
        let slow = self.stop.iter().chain(&self.entry).copied().chain([self.price]);
        slow.chain(self.multiplier).chain(modes).chain(self.hull)
    }
}

impl Layout {
    pub fn new(variant: Variant, grid: &Grid) -> Result<Self> {
        let axes: Vec<&[usize]> = grid.axes().iter().map(Axis::parameters).collect();
        if let Some(reason) = lacks(variant, &axes) {
            return Err(Error::Lacks { engine: "factored", reason });
        }
        let axes = Axes::new(variant, grid)?;
        let len = |axis: usize| grid.axes().get(axis).map_or(1, |axis| axis.len());
        let product = |axes: &[usize]| axes.iter().map(|&axis| len(axis)).product::<usize>();
        let at = |axis: usize, digit: usize| {
            Params::from_values(variant, &grid.values_at(|a| if a == axis { digit } else { 0 }))
        };
        let first = at(0, 0)?;
        let each = |axis: usize| (0..len(axis)).map(move |digit| at(axis, digit));
        let (mut filters, mut entry_modes, mut both_modes) =
            (vec![FilterParams::Unfiltered], vec![first.entry_mode], vec![first.both_triggered]);
        if let Some(modes) = &axes.modes {
            entry_modes =
                each(modes.entry_mode).map(|p| p.map(|p| p.entry_mode)).collect::<Result<_>>()?;
            both_modes = each(modes.both_triggered)
                .map(|p| p.map(|p| p.both_triggered))
                .collect::<Result<_>>()?;
            filters.clear();
            for period in 0..len(modes.veto_period) {
                for threshold in 0..len(modes.veto_threshold) {
                    let digit = |axis: usize| match axis {
                        a if a == modes.veto_period => period,
                        a if a == modes.veto_threshold => threshold,
                        _ => 0,
                    };
                    let params = Params::from_values(variant, &grid.values_at(digit))?;
                    let veto = params.veto.map_or(FilterParams::Unfiltered, FilterParams::Veto);
                    filters.push(veto);
                }
            }
        }
        if let Some(axis) = axes.hull {
            let params = |Hull { fast, slow, .. }| FilterParams::Hull { fast, slow };
            filters = each(axis)
                .map(|p| Ok(p?.hull.map_or(FilterParams::Unfiltered, params)))
                .collect::<Result<_>>()?;
        }
        let mut layout = Self {
            variant,
            stop_sets: product(&axes.stop),
            entries: product(&axes.entry),
            prices: len(axes.price),
            multipliers: axes.multiplier.map_or(1, len),
            filters,
            entry_modes,
            both_modes,
            methods: Vec::new(),
            buys: Vec::new(),
            sells: Vec::new(),
            grid: grid.clone(),
            axes,
        };
        for price in 0..layout.prices {
            layout.methods.push(layout.params(0, 0, price, 0)?.stop.price);
        }
        for entry in 0..layout.entries {
            layout.buys.push(layout.params(0, entry, 0, 0)?.buy);
            for multiplier in 0..layout.multipliers {
                layout.sells.extend(layout.params(0, entry, 0, multiplier)?.short.map(|s| s.sell));
            }
        }
        Ok(layout)
    }

    /// Position of a combination in its stop set.
    pub fn position(&self, index: EntryIndex, entry_mode: usize, both_mode: usize) -> usize {
        let EntryIndex { entry, price, multiplier, filter } = index;
        let cell = (entry_mode * self.filters.len() + filter) * self.both_modes.len() + both_mode;
        ((entry * self.prices + price) * self.multipliers + multiplier) * self.cells() + cell
    }

    /// Combinations that share everything but the cell.
    pub fn cells(&self) -> usize {
        self.entry_modes.len() * self.filters.len() * self.both_modes.len()
    }

    /// Combinations of an entry set.
    pub fn entry_set_len(&self) -> usize {
        self.prices * self.multipliers * self.cells()
    }

    /// Combinations of a stop set.
    pub fn stop_set_len(&self) -> usize {
        self.entries * self.entry_set_len()
    }

    /// Number of different tightenings: stop sets that differ in the ATR and its multiplier alone
    /// share theirs.
    pub fn tightenings(&self) -> usize {
        let axes = self.axes.stop[..ATR_PARAMETERS].iter();
        let atrs: usize = axes.map(|&axis| self.grid.axes()[axis].len()).product();
        self.stop_sets / atrs
    }

    /// The long stop of a stop set, and the short one.
    pub fn stops(
        &self,
        stop_set: usize,
        price: usize,
        multiplier: usize,
    ) -> Result<(Stop, Option<Stop>)> {
        let params = self.params(stop_set, 0, price, multiplier)?;
        Ok((params.stop, params.short.map(|s| s.stop)))
    }

    fn params(
        &self,
        stop_set: usize,
        entry: usize,
        price: usize,
        multiplier: usize,
    ) -> Result<Params> {
        let grid_axes = self.grid.axes();
        // A position in some axes, the last of them fastest, as the digit of one.
        let digit = |index: usize, axes: &[usize], axis: usize| {
            let faster = axes.iter().skip_while(|&&a| a != axis).skip(1);
            let faster: usize = faster.map(|&a| grid_axes[a].len()).product();
            index / faster % grid_axes[axis].len()
        };
        let axes = &self.axes;
        let values = self.grid.values_at(|axis| match axis {
            a if axes.stop.contains(&a) => digit(stop_set, &axes.stop, a),
            a if axes.entry.contains(&a) => digit(entry, &axes.entry, a),
            a if a == axes.price => price,
            a if axes.multiplier == Some(a) => multiplier,
            _ => 0,
        });
        Params::from_values(self.variant, &values)
    }
}

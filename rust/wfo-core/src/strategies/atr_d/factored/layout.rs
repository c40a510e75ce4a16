//! How a grid factors: which parts of a combination each of its maps depends on.
//!
//! The flat index has the stop's parameters slow and the entry's fast. A *row* is all combinations
//! that share the seven slow ones; within it come the entry, the price of the Bollinger width, the
//! short side's multiplier, and the *cell*: what is left, which makes no map of a stop different.

use crate::error::{Error, Result};
use crate::grid::{Axis, Grid};
use crate::indicators::PriceMethod;
use crate::strategies::atr_d::params::{BothTriggered, Entry, EntryMode, Params, Stop, Variant};

/// Axes whose parameters make a row: those of the stop but the price.
const ROW_AXES: usize = 7;
const ENTRY_AXES: std::ops::Range<usize> = 7..10;
const PRICE_AXIS: usize = 10;
const MULTIPLIER_AXIS: usize = 11;

/// What allows entries, beside their touches.
#[derive(Debug, Clone, Copy)]
pub(super) enum Gate {
    /// Nothing does.
    Open,
    /// A veto's average of so many closes must not fall by more than the threshold.
    Veto(crate::strategies::atr_d::params::Veto),
    /// Hull averages of these lengths.
    Hull { fast: usize, slow: usize },
}

/// What decides the entries of a combination, by position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Item {
    pub entry: usize,
    pub price: usize,
    pub multiplier: usize,
    pub gate: usize,
}

/// The parts of a grid.
#[derive(Debug)]
pub(super) struct Layout {
    variant: Variant,
    grid: Grid,
    pub rows: usize,
    pub entries: usize,
    pub prices: usize,
    /// Multipliers of the short side; one where there is none.
    pub multipliers: usize,
    pub gates: Vec<Gate>,
    pub modes: Vec<EntryMode>,
    pub boths: Vec<BothTriggered>,
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
    (!is_plain).then(|| {
        let hull = if variant.hull { ", but for the two Hull lengths" } else { "" };
        format!("its grids have one axis a parameter, in canonical order{hull}")
    })
}

impl Layout {
    pub fn new(variant: Variant, grid: &Grid) -> Result<Self> {
        let axes: Vec<&[usize]> = grid.axes().iter().map(Axis::parameters).collect();
        if let Some(reason) = lacks(variant, &axes) {
            return Err(Error::Lacks { engine: "factored", reason });
        }
        let len = |axis: usize| grid.axes().get(axis).map_or(1, |axis| axis.len());
        let product = |axes: std::ops::Range<usize>| axes.map(len).product::<usize>();
        let at = |axis: usize, digit: usize| {
            Params::from_values(variant, &grid.values_at(|a| if a == axis { digit } else { 0 }))
        };
        let first = at(0, 0)?;
        let each = |axis: usize| (0..len(axis)).map(move |digit| at(axis, digit));
        let (mut gates, mut modes, mut boths) =
            (vec![Gate::Open], vec![first.entry_mode], vec![first.both_triggered]);
        if variant.modes {
            modes = each(MULTIPLIER_AXIS + 1)
                .map(|p| p.map(|p| p.entry_mode))
                .collect::<Result<_>>()?;
            boths = each(MULTIPLIER_AXIS + 4)
                .map(|p| p.map(|p| p.both_triggered))
                .collect::<Result<_>>()?;
            gates.clear();
            for period in 0..len(MULTIPLIER_AXIS + 2) {
                for threshold in 0..len(MULTIPLIER_AXIS + 3) {
                    let digit = |axis: usize| match axis {
                        a if a == MULTIPLIER_AXIS + 2 => period,
                        a if a == MULTIPLIER_AXIS + 3 => threshold,
                        _ => 0,
                    };
                    let params = Params::from_values(variant, &grid.values_at(digit))?;
                    gates.push(params.veto.map_or(Gate::Open, Gate::Veto));
                }
            }
        }
        if variant.hull {
            let axis = grid.axes().len() - 1;
            gates = each(axis)
                .map(|p| {
                    Ok(p?.hull.map_or(Gate::Open, |h| Gate::Hull { fast: h.fast, slow: h.slow }))
                })
                .collect::<Result<_>>()?;
        }
        let mut layout = Self {
            variant,
            rows: product(0..ROW_AXES),
            entries: product(ENTRY_AXES),
            prices: len(PRICE_AXIS),
            multipliers: if variant.shorts { len(MULTIPLIER_AXIS) } else { 1 },
            gates,
            modes,
            boths,
            methods: Vec::new(),
            buys: Vec::new(),
            sells: Vec::new(),
            grid: grid.clone(),
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

    /// Position of a combination in its row.
    pub fn position(&self, item: Item, mode: usize, both: usize) -> usize {
        let Item { entry, price, multiplier, gate } = item;
        let cell = (mode * self.gates.len() + gate) * self.boths.len() + both;
        ((entry * self.prices + price) * self.multipliers + multiplier) * self.cells() + cell
    }

    /// Combinations that share everything but the cell.
    pub fn cells(&self) -> usize {
        self.modes.len() * self.gates.len() * self.boths.len()
    }

    /// Combinations of a row that share an entry.
    pub fn entry_len(&self) -> usize {
        self.prices * self.multipliers * self.cells()
    }

    /// Combinations of a row.
    pub fn row_len(&self) -> usize {
        self.entries * self.entry_len()
    }

    /// Rows that differ in nothing but the ATR and its multiplier have the same tightening.
    pub fn tightenings(&self) -> usize {
        let atr: usize = self.grid.axes()[..2].iter().map(|axis| axis.len()).product();
        self.rows / atr
    }

    /// The long stop of a row, and the short one.
    pub fn stops(
        &self,
        row: usize,
        price: usize,
        multiplier: usize,
    ) -> Result<(Stop, Option<Stop>)> {
        let params = self.params(row, 0, price, multiplier)?;
        Ok((params.stop, params.short.map(|s| s.stop)))
    }

    fn params(&self, row: usize, entry: usize, price: usize, multiplier: usize) -> Result<Params> {
        let axes = self.grid.axes();
        // A position in some axes, the last of them fastest, as the digit of one.
        let digit = |index: usize, axis: usize, end: usize| {
            let faster: usize = axes[axis + 1..end].iter().map(|a| a.len()).product();
            index / faster % axes[axis].len()
        };
        let values = self.grid.values_at(|axis| match axis {
            0..ROW_AXES => digit(row, axis, ROW_AXES),
            a if ENTRY_AXES.contains(&a) => digit(entry, a, ENTRY_AXES.end),
            PRICE_AXIS => price,
            MULTIPLIER_AXIS if self.variant.shorts => multiplier,
            _ => 0,
        });
        Params::from_values(self.variant, &values)
    }
}

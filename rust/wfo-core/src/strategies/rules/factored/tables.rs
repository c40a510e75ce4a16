//! Entries and exits as tables.
//!
//! Where one side alone is traded, an entry follows from the bar since which a path is flat, and an
//! exit from the entry: its bar, or its bar and fill. What may be entered has a *row*; a table of
//! entries leads from bars to rows, and a table of exits from rows to bars, with what becomes of the
//! position on the way. All combinations that share the parameters of a table share it.

use std::ops::Range;

use super::orders::{Distance, Market, fill_of};
use super::paths::{excursion, rate};
use super::touch_set::TouchSet;
use crate::engine::excursion::{Excursion, Long, NO_TRADE, Short, UNIT_RATE};
use crate::engine::f64x4::F64x4;
use crate::engine::first_touch::StartRange;
use crate::engine::intrabar_time::IntrabarTime;
use crate::engine::lookup::IndexTable;
use crate::engine::per_unit::PerUnit;
use crate::execution::account::Side;
use crate::execution::touches::Way;

/// What trades of a side make of a unit of equity.
pub(super) type OfSide<'a> = (&'a PerUnit, Side);

/// What may be entered: its bar, its fill, and the shares of a unit of equity. The last row is none.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub bars: Vec<u32>,
    fills: Vec<f64>,
    pub rates: Vec<f64>,
}

impl Rows {
    /// A row for every bar, entered at its open.
    pub fn of_opens((per_unit, side): OfSide<'_>, opens: &[f64]) -> Self {
        let bars = 0..=opens.len() as u32;
        let rates = opens.iter().map(|&fill| rate(per_unit, side, fill)).chain([UNIT_RATE]);
        Self { bars: bars.collect(), fills: opens.to_vec(), rates: rates.collect() }
    }

    /// A row for every bar, whose rates follow from something else.
    pub fn of_bars(bars: usize) -> Self {
        Self { bars: (0..=bars as u32).collect(), fills: Vec::new(), rates: Vec::new() }
    }

    /// A row for every bar, or for those of `some` alone in which a level is touched, entered there.
    pub fn of_touches(
        (per_unit, side): OfSide<'_>,
        touches: &TouchSet,
        (way, opens): (Way, &[f64]),
        some: Option<Range<usize>>,
    ) -> Self {
        let bars = opens.len();
        let mut rows = Self::default();
        if some.is_none() {
            rows.rates.resize(bars, UNIT_RATE);
            rows.bars.extend(0..bars as u32);
        }
        for (bar, level) in touches.each() {
            let fill = fill_of(way, opens[bar], level);
            match &some {
                None => rows.rates[bar] = rate(per_unit, side, fill),
                Some(some) if some.contains(&bar) => {
                    rows.bars.push(bar as u32);
                    rows.fills.push(fill);
                    rows.rates.push(rate(per_unit, side, fill));
                }
                Some(_) => {}
            }
        }
        rows.bars.push(bars as u32);
        rows.rates.push(UNIT_RATE);
        rows
    }

    /// The last row.
    pub fn none(&self) -> u32 {
        self.bars.len() as u32 - 1
    }
}

/// The row that is entered next, by the bar since which a path is flat.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub next: IndexTable<u32>,
    /// Shares of a unit of equity by that bar, where they do not follow from the row.
    pub rates: Vec<f64>,
}

impl Entries {
    /// Of the bars in which an order is touched, oldest first, and their rows.
    pub fn set(&mut self, bars: usize, touched: impl Iterator<Item = (usize, u32)>, none: u32) {
        self.next.begin(bars + 1, none);
        let mut from = 0;
        for (bar, row) in touched {
            // [B1] From the bar after on.
            self.next.fill(from..bar, row);
            from = bar;
        }
        self.next.fill(from..bars + 1, none);
    }

    /// Of the touches of an order by the bar since which it is followed.
    pub fn set_ranges(&mut self, (per_unit, side): OfSide<'_>, bars: usize, ranges: &[StartRange]) {
        self.next.begin(bars + 1, bars as u32);
        self.rates.clear();
        for range in ranges {
            let (from, to) = (self.rates.len(), range.end as usize);
            let bar = range.time.bar();
            let is_never = bar as usize == bars;
            self.next.fill(from..to, bar);
            let rate = if is_never { UNIT_RATE } else { rate(per_unit, side, range.fill) };
            self.rates.resize(to, rate);
        }
    }
}

/// When a position leaves by an order, and what becomes of it until then, by its row.
#[derive(Debug, Default)]
pub(super) struct Exits {
    pub times: IndexTable<IntrabarTime>,
    pub excursions: Vec<Excursion>,
}

impl Exits {
    fn begin(&mut self, per_unit: &PerUnit, rows: &Rows) {
        let never = IntrabarTime::at_open(per_unit.closes().len() as u32);
        self.times.begin(rows.bars.len(), never);
        self.excursions.resize(rows.bars.len(), NO_TRADE);
    }

    /// Of an order that asks for the bar of the entry alone, by its touches since each bar; only what is
    /// entered in bars that are `traded` matters.
    pub fn set(
        &mut self,
        of: OfSide<'_>,
        rows: &Rows,
        (ranges, traded): (&[StartRange], &Range<usize>),
    ) {
        let (per_unit, side) = of;
        self.begin(per_unit, rows);
        let (bars, all) = (per_unit.closes().len(), rows.bars.len());
        let (mut row, mut start) = (0, 0);
        for &StartRange { end, time, fill } in ranges {
            if all == bars + 1 {
                let starts: Range<usize> = start..end as usize;
                start = starts.end;
                self.times.fill(starts.clone(), time);
                // Nothing is entered elsewhere.
                let starts = starts.start.max(traded.start)..starts.end.min(traded.end);
                if starts.is_empty() {
                    continue;
                }
                let out = &mut self.excursions[starts.clone()];
                match side {
                    Side::Long => per_unit.excursions::<Long>(starts, time, fill, out),
                    Side::Short => per_unit.excursions::<Short>(starts, time, fill, out),
                };
                continue;
            }
            while row < all && rows.bars[row] < end {
                self.set_row(of, (row, rows.bars[row]), time, fill);
                row += 1;
            }
        }
    }

    /// Of a level that the fill fixes.
    #[inline(always)]
    pub fn set_fixed<V: F64x4>(
        &mut self,
        of: OfSide<'_>,
        rows: &Rows,
        market: &Market<'_>,
        (distance, is_percent, way): (Distance<'_>, bool, Way),
    ) {
        let (per_unit, _) = of;
        self.begin(per_unit, rows);
        let bars = per_unit.closes().len();
        let signed = market.signed(way);
        for (row, (&bar, &fill)) in rows.bars.iter().zip(&rows.fills).enumerate() {
            let level = distance.level(is_percent, way, bar as usize, fill);
            let to = market.first::<V>(way, bar as usize + 1, bars, level);
            let (time, fill) = if to < bars {
                signed.fill(to, if way == Way::Up { -level } else { level })
            } else {
                (IntrabarTime::at_open(bars as u32), 0.0)
            };
            self.set_row(of, (row, bar), time, fill);
        }
        let none = rows.none() as usize;
        self.times.set(none, IntrabarTime::at_open(bars as u32));
        self.excursions[none] = NO_TRADE;
    }

    #[inline(always)]
    fn set_row(
        &mut self,
        (per_unit, side): OfSide<'_>,
        (row, bar): (usize, u32),
        time: IntrabarTime,
        fill: f64,
    ) {
        let to = time.bar() as usize;
        self.times.set(row, time);
        self.excursions[row] = if to == per_unit.closes().len() {
            NO_TRADE
        } else {
            excursion(per_unit, side, (bar as usize, to), fill)
        };
    }
}

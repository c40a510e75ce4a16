//! What a worker does with a combination: its parts, the orders made of them, and its figures where the
//! account decides.

use super::conditions::{Comparisons, Conditions};
use super::money::Money;
use super::orders::{Market, Order};
use super::parts::{Parts, PlannedOrder, Value, number};
use super::prepared::Prepared;
use super::walk::{Fills, Orders, Rules};
use crate::engine::f64x4::{F64x4, Portable};
use crate::error::Result;
use crate::figures::Figures;
use crate::market::slice::Slice;
use crate::task::Task;

/// What a worker reuses from unit to unit.
#[derive(Debug)]
pub(super) struct Scratch {
    /// Parts that are not kept for all workers.
    own: Vec<Own>,
    /// The keys of all parts.
    keys: Vec<usize>,
    comparisons: Comparisons,
    /// The values of the parameters of a combination, and its numbers.
    values: Vec<f64>,
    numbers: Vec<f64>,
}

/// A part that a worker holds at one key.
#[derive(Debug)]
struct Own {
    key: Option<usize>,
    value: Value,
}

impl Prepared {
    /// What a part is at the key of the combination that was prepared.
    #[inline(always)]
    pub(super) fn value<'a>(&'a self, scratch: &'a Scratch, part: usize) -> &'a Value {
        match &self.kept[part] {
            Some(kept) => kept[scratch.keys[part]].get().unwrap_or(&Value::Number(f64::NAN)),
            None => &scratch.own[part].value,
        }
    }

    /// Entries and exits of both sides.
    #[inline(always)]
    pub(super) fn orders<'a>(&'a self, scratch: &'a Scratch) -> [[Vec<Order<'a>>; 2]; 2] {
        let resolved = |orders: &[PlannedOrder]| -> Vec<Order<'a>> {
            orders.iter().map(|order| order.resolved(|part| self.value(scratch, part))).collect()
        };
        let Parts { long, short, .. } = &self.parts;
        [long, short].map(|side| [resolved(&side.entries), resolved(&side.exits)])
    }

    #[inline(always)]
    pub(super) fn rules<'a>(
        &'a self,
        scratch: &'a Scratch,
        long: &'a [Vec<Order<'a>>; 2],
        short: &'a [Vec<Order<'a>>; 2],
    ) -> Rules<'a> {
        let is_on = |part: Option<usize>| {
            // [R17] [B3]
            part.is_some_and(|part| {
                let number = number(self.value(scratch, part));
                number != 0.0 && !number.is_nan()
            })
        };
        let side = |[entries, exits]: &'a [Vec<Order<'a>>; 2], reverses| Orders {
            entries,
            exits,
            reverses: is_on(reverses),
        };
        Rules {
            long: side(long, self.parts.long.reverses),
            short: side(short, self.parts.short.reverses),
            both: is_on(self.parts.both),
            same_bar: self.task.kernel.program().same_bar,
        }
    }

    /// Goes through the only phase with the only combination.
    ///
    /// # Errors
    /// A combination that the program refuses.
    pub(super) fn walk_only(&self, slice: Slice, fills: &mut impl Fills) -> Result<()> {
        let mut scratch = self.scratch();
        let digits = vec![0; self.lengths.len()];
        self.prepare(&self.market(), &digits, &mut scratch)?;
        let [long, short] = &self.orders(&scratch);
        self.rules(&scratch, long, short).walk::<Portable>(&self.market(), slice, fills);
        Ok(())
    }

    pub(super) fn scratch(&self) -> Scratch {
        let none = || Own { key: None, value: Value::Number(f64::NAN) };
        Scratch {
            own: self.parts.parts.iter().map(|_| none()).collect(),
            keys: vec![0; self.parts.parts.len()],
            comparisons: Comparisons::default(),
            values: Vec::new(),
            numbers: Vec::new(),
        }
    }

    /// Computes the parts of a combination that are not there.
    #[inline(always)]
    pub(super) fn prepare(
        &self,
        market: &Market<'_>,
        digits: &[usize],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let mut are_there = true;
        for (i, part) in self.parts.parts.iter().enumerate() {
            let key = part.key(digits);
            scratch.keys[i] = key;
            are_there &= match &self.kept[i] {
                Some(kept) => kept[key].get().is_some(),
                None => scratch.own[i].key == Some(key),
            };
        }
        if are_there { Ok(()) } else { self.compute_parts(market, digits, scratch) }
    }

    #[inline(never)]
    fn compute_parts(
        &self,
        market: &Market<'_>,
        digits: &[usize],
        scratch: &mut Scratch,
    ) -> Result<()> {
        self.with_conditions(digits, scratch, |conditions, _, scratch| {
            for part in 0..self.parts.parts.len() {
                self.part(part, digits, (conditions, market), scratch)?;
            }
            Ok(())
        })
    }

    /// Does something with what the parts of a combination are computed of.
    ///
    /// # Errors
    /// A combination that the program refuses, and what is done.
    pub(super) fn with_conditions<T>(
        &self,
        digits: &[usize],
        scratch: &mut Scratch,
        work: impl FnOnce(&Conditions<'_>, &Market<'_>, &mut Scratch) -> Result<T>,
    ) -> Result<T> {
        let Task { kernel, shared, grid, .. } = &*self.task;
        let mut numbers = std::mem::take(&mut scratch.numbers);
        grid.write_values_at(|axis| digits[axis], &mut scratch.values);
        // The longest lookback is that of what the grid was prepared of, where that is all.
        if self.is_covered {
            kernel.program().write_numbers(&scratch.values, &mut numbers)?;
        } else {
            numbers = self.task.params(&scratch.values)?.numbers;
        }
        scratch.comparisons.clear();
        let conditions = Conditions {
            columns: &shared.columns,
            program: kernel.program(),
            numbers: &numbers,
            bars: shared.bars.len(),
            tier: self.tier,
        };
        let done = work(&conditions, &self.market(), scratch);
        scratch.numbers = numbers;
        done
    }

    /// Computes a part of a combination where it is not there.
    ///
    /// # Errors
    /// An error of a function of the user's.
    pub(super) fn part(
        &self,
        part: usize,
        digits: &[usize],
        (conditions, market): (&Conditions<'_>, &Market<'_>),
        Scratch { own, keys, comparisons, .. }: &mut Scratch,
    ) -> Result<()> {
        let planned = &self.parts.parts[part];
        let (key, own) = (planned.key(digits), &mut own[part]);
        keys[part] = key;
        match &self.kept[part] {
            Some(kept) if kept[key].get().is_none() => {
                let mut value = Value::Number(f64::NAN);
                planned.compute(conditions, market, comparisons, &mut value)?;
                // Another worker may have been faster, with the same.
                let _ = kept[key].set(value);
            }
            None if own.key != Some(key) => {
                own.key = None;
                planned.compute(conditions, market, comparisons, &mut own.value)?;
                own.key = Some(key);
            }
            _ => {}
        }
        Ok(())
    }

    /// The bars of a condition that was computed.
    pub(super) fn bits<'a>(&'a self, scratch: &'a Scratch, part: usize) -> &'a [u64] {
        if let Value::Bits(bits) = self.value(scratch, part) { bits } else { &[] }
    }

    /// How far a trail stays behind, as of each bar.
    ///
    /// # Errors
    /// An error of a function of the user's.
    pub(super) fn trail_distance(
        &self,
        part: usize,
        conditions: &Conditions<'_>,
    ) -> Result<Vec<f64>> {
        self.parts.parts[part].trail_distance(conditions)
    }

    /// The figures of a combination in a phase where rounding could decide, by the account itself, in
    /// the code of every processor.
    ///
    /// # Errors
    /// A combination that the program refuses.
    #[cold]
    #[inline(never)]
    pub(super) fn exact(
        &self,
        digits: &[usize],
        phase: usize,
        scratch: &mut Scratch,
    ) -> Result<Figures> {
        let market = self.market();
        self.prepare(&market, digits, scratch)?;
        Ok(self.by_account::<Portable, true>(&market, scratch, self.task.slices[phase]))
    }

    /// The same by its index.
    ///
    /// # Errors
    /// A combination that the program refuses.
    #[cold]
    pub(super) fn exact_at(
        &self,
        index: u64,
        phase: usize,
        scratch: &mut Scratch,
    ) -> Result<Figures> {
        self.exact(self.task.grid.at(index)?.digits(), phase, scratch)
    }

    /// The figures of the combination that was prepared, by the account itself, trade by trade.
    #[inline(always)]
    pub(super) fn by_account<V: F64x4, const COMPOUNDS: bool>(
        &self,
        market: &Market<'_>,
        scratch: &Scratch,
        slice: Slice,
    ) -> Figures {
        let closes = (self.task.shared.bars.close(), self.per_unit.summaries());
        let mut money = Money::<COMPOUNDS>::new(&self.task.account, closes, slice);
        let [long, short] = &self.orders(scratch);
        self.rules(scratch, long, short).walk::<V>(market, slice, &mut money);
        money.figures()
    }
}

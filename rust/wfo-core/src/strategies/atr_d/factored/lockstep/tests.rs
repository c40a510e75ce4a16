use super::batch::run_lanes;
use super::*;
use crate::engine::boundary::Boundary;
use crate::engine::excursion::{Excursion, Long, NO_TRADE, UNIT_RATE};
use crate::engine::f64x4::{F64_LANES, F64x4, Portable};
use crate::engine::first_touch::StartRange;
use crate::engine::intrabar_time::IntrabarTime;
use crate::engine::lane_accounts::Accounts;
use crate::engine::lookup::IndexTable;
use crate::engine::per_unit::PerUnit;
use crate::engine::tiers::{Tier, Work};
use crate::execution::settings::AccountSettings;
use crate::figures::Figures;
use crate::strategies::atr_d::factored::entry_lookup::Unfiltered;
use crate::strategies::atr_d::factored::order_tables::ExitTable;
use crate::strategies::atr_d::factored::path::PhaseBars;
use proptest::prelude::*;

/// Bits of the accounts' first path, after its trades and after more that change nothing.
fn padded<Q: F64x4>(per_unit: &PerUnit, trades: &[(f64, Excursion)]) -> [[u64; 3]; 2] {
    let mut accounts = Accounts::<Q>::new(per_unit.capital);
    for (rate, excursion) in trades {
        accounts.close::<false>(per_unit, Q::splat(*rate), [excursion; F64_LANES]);
    }
    let bits = |b: &Accounts<Q>| [b.equity, b.peak, b.drawdown].map(|x| x.to_array()[0].to_bits());
    let before = bits(&accounts);
    accounts.close::<false>(per_unit, Q::splat(UNIT_RATE), [&NO_TRADE; F64_LANES]);
    accounts.close::<true>(per_unit, Q::splat(UNIT_RATE), [&NO_TRADE; F64_LANES]);
    [before, bits(&accounts)]
}

/// The same as the code of a tier.
struct Padded<'a> {
    per_unit: &'a PerUnit,
    trades: &'a [(f64, Excursion)],
}

impl Work for Padded<'_> {
    type Output = [[u64; 3]; 2];

    #[inline(always)]
    fn run<Q: F64x4>(self) -> Self::Output {
        padded::<Q>(self.per_unit, self.trades)
    }
}

proptest! {
    /// What fills the list of a path up shows in no bit of it, in no tier's instructions.
    #[test]
    fn a_trade_that_changes_nothing_changes_no_bit(
        trades in prop::collection::vec(prop::array::uniform4(1.0..200.0_f64), 1..9),
    ) {
        let per_unit = PerUnit::new(&[1.0], (&[1.0], &[1.0]), &AccountSettings::default());
        let trades: Vec<(f64, Excursion)> = trades
            .into_iter()
            .map(|[entry, low, high, net]| {
                // It falls from its high to its exit, which is its lowest mark too, or nearly.
                let (high, low) = (high.max(net), low.min(net).max(net * 0.999));
                (1.0 / entry, Excursion { mae: low, mfe: high, drawdown: high - net, net })
            })
            .collect();
        let [before, after] = padded::<Portable>(&per_unit, &trades);
        prop_assert_eq!(before, after);
        for tier in Tier::here() {
            let work = Padded { per_unit: &per_unit, trades: &trades };
            prop_assert_eq!(tier.run(work), [before, before]);
        }
    }
}

/// What a batch of paths over three bars is made of, each table whole.
struct Tables {
    per_unit: PerUnit,
    exits: ExitTable,
    buys: IndexTable<u32>,
    rates: Vec<f64>,
    boundaries: [Boundary; 2],
}

/// Rows of entries over three bars.
const ROWS: usize = 4;

impl Tables {
    fn new() -> Self {
        let closes = [10.0, 11.0, 12.0];
        let per_unit = PerUnit::new(&closes, (&closes, &closes), &AccountSettings::default());
        let mut exits = ExitTable::default();
        exits.begin(&per_unit, 1);
        let end = ROWS as u32;
        let never = StartRange { end, time: IntrabarTime::at_open(end - 1), fill: 0.0 };
        exits.set::<Long>(&per_unit, 0, &[never]);
        let mut buys = IndexTable::default();
        buys.extend([1, 2, 3, 3].into_iter());
        let boundaries = [2, 3].map(|at| Boundary::new(&closes, at, false));
        Self { per_unit, exits, buys, rates: vec![0.1; ROWS], boundaries }
    }

    /// Runs the paths, as a sweep does.
    fn run(&self) {
        let phase = PhaseBars { start: 0, split: 2, end: 3 };
        let path = Path { exits: &self.exits, phase, boundaries: &self.boundaries };
        let lanes = Lanes::new(&[path]);
        let lookup = Unfiltered { buys: self.buys.view() };
        let mut out = [(Figures::NONE, true); LANES];
        let lists = &mut TradeLists::default();
        let per_unit = &self.per_unit;
        run_lanes::<Portable, _, false>(per_unit, lookup, &self.rates, &lanes, lists, &mut out);
    }

    /// Makes a batch of them.
    fn with<T>(&self, work: impl FnOnce(&LaneBatch<'_, Unfiltered<'_>, false, false>) -> T) -> T {
        let phase = PhaseBars { start: 0, split: 2, end: 3 };
        let path = Path { exits: &self.exits, phase, boundaries: &self.boundaries };
        let lanes = Lanes::new(&[path]);
        let tables = (Unfiltered { buys: self.buys.view() }, &self.rates[..]);
        work(&LaneBatch::new(&self.per_unit, tables, &lanes, ROWS))
    }
}

#[test]
fn tables_that_name_each_others_rows_are_read() {
    Tables::new().run();
    let tables = Tables::new();
    tables.with(|batch| batch.positions([ROWS as u32 - 1; LANES]));
}

#[test]
#[should_panic(expected = "names_rows_of")]
fn an_entry_that_names_a_row_too_many_is_not_followed() {
    let mut tables = Tables::new();
    tables.buys.set(0, ROWS as u32);
    tables.run();
}

#[test]
#[should_panic(expected = "names_rows_of")]
fn an_exit_that_names_a_row_too_many_is_not_followed() {
    let mut tables = Tables::new();
    tables.exits.bars.set(0, ROWS as u32);
    tables.run();
}

#[test]
#[should_panic(expected = "rates.len()")]
fn rates_with_a_row_too_few_are_not_read() {
    let mut tables = Tables::new();
    tables.rates.pop();
    tables.run();
}

#[test]
#[should_panic(expected = "lanes.rows")]
fn excursions_with_a_row_too_few_are_not_read() {
    let mut tables = Tables::new();
    tables.exits.excursions.pop();
    tables.run();
}

#[test]
#[should_panic(expected = "at < self.rows")]
fn a_path_behind_the_last_row_is_not_begun() {
    Tables::new().with(|batch| batch.positions([ROWS as u32; LANES]));
}

#[test]
#[should_panic(expected = "lists.listed")]
fn trades_behind_a_list_are_not_entered() {
    let tables = Tables::new();
    let mut lists = TradeLists::default();
    let mut accounts = Accounts::<Portable>::new(1.0);
    tables.with(|batch| {
        let mut at = batch.positions([0; LANES]);
        let steps = batch.list_trades(&mut at, &mut lists) as u32;
        let none = [0; F64_LANES];
        batch.enter(&mut accounts, 0, &lists, none, [steps; F64_LANES]);
        batch.enter(&mut accounts, 0, &lists, [0, 0, 0, 1], [steps; F64_LANES]);
    });
}

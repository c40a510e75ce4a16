//! The direct engine: any kernel, bar by bar, over series that are computed once and shared.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::{PreparedSweep, blocks};
use crate::error::{Error, Result};
use crate::execution::account::{Account, Recorder};
use crate::execution::extended::{Diary, Extended, Labels};
use crate::execution::intraday::Paths;
use crate::execution::marks::{Marks, check_bars};
use crate::execution::performance::{Performance, Row};
use crate::execution::settings::AccountSettings;
use crate::figures::{Columns, Figures, PhaseCells, Simulation};
use crate::grid::Cursor;
use crate::kernel::{Kernel, Sets};
use crate::market::feeds::Feeds;
use crate::market::slice::Slice;
use crate::task::Task;

/// Combinations a worker takes at a time: a millisecond or more of work, so that handing it out does
/// not show, and few enough that the workers finish together.
const CHUNK: u64 = 256;

/// The same where marks are wanted: of a few thousand combinations in all.
const MARKED: usize = 16;

/// A parameter set, and the first bar whose orders follow it.
pub type Dated = (usize, Vec<f64>);

/// Simulates parameter sets, given in canonical order: one, or several that take turns. Position and
/// state persist where the set changes. `labels` are one a bar, and how many labels there are.
///
/// # Errors
/// A parameter or setting out of range, positions or sets out of order, or too short a warm-up.
pub fn simulate<K: Kernel>(
    kernel: &K,
    feeds: &Feeds,
    sets: &[Dated],
    account: &AccountSettings,
    settings: &K::Settings,
    slice: Slice,
    labels: Option<(&[i64], usize)>,
) -> Result<Simulation> {
    let account = account.checked()?;
    feeds.check(&kernel.feeds())?;
    check_dates(sets, slice)?;
    let params = sets.iter().map(|(_, values)| kernel.params(values)).collect::<Result<_>>()?;
    let params = Sets { sets: params, mixed: false };
    let slice = slice.checked(feeds.len(), params.lookback(|params| kernel.lookback(params)))?;
    let trading = slice.warmup..slice.end;
    let labels =
        labels.map(|(of, count)| Labels::new(of, count, feeds.len(), trading)).transpose()?;
    let shared = kernel.prepare(feeds, &params, settings)?;
    let mut scratch = kernel.scratch(&shared, slice.warmup - 1..slice.end);
    let dated: Vec<(usize, &K::Params)> =
        sets.iter().zip(&params.sets).map(|((from, _), params)| (*from, params)).collect();
    let mut diary = Diary::new(labels.as_ref(), slice.end, account.capital);
    let figures = run(kernel, &shared, &mut scratch, &dated, &account, slice, &mut diary);
    let Diary { extended, trades, equity, reversals } = diary;
    let sums = labels.as_ref().map(|_| extended.sums().map(<[f64]>::to_vec));
    Ok(Simulation { figures, parts: extended.parts(), sums, trades, equity, reversals })
}

fn check_dates(sets: &[Dated], slice: Slice) -> Result<()> {
    let Some((first, _)) = sets.first() else {
        let (set, bar) = (0, slice.warmup);
        return Err(Error::DatedSet { set, bar, allowed: "there must be at least one set" });
    };
    if *first > slice.warmup {
        let allowed = "the first one must hold from the first trading bar on";
        return Err(Error::DatedSet { set: 0, bar: *first, allowed });
    }
    match sets.windows(2).position(|pair| pair[0].0 >= pair[1].0) {
        Some(before) => Err(Error::DatedSet {
            set: before + 1,
            bar: sets[before + 1].0,
            allowed: "each must hold from a later bar on than the one before",
        }),
        None => Ok(()),
    }
}

/// Goes through a phase with sets that take turns.
#[inline(always)]
fn run<K: Kernel, R: Recorder>(
    kernel: &K,
    shared: &K::Shared,
    scratch: &mut K::Scratch,
    sets: &[(usize, &K::Params)],
    settings: &AccountSettings,
    Slice { warmup, split, end }: Slice,
    recorder: R,
) -> Figures {
    let mut account = Account::recorded(settings, recorder);
    // [S1] Since the bar before the first trading bar.
    let mut state = kernel.start(shared, warmup - 1);
    let mut go = |part: Range<usize>, account: &mut Account<'_, R>| {
        for (i, &(from, params)) in sets.iter().enumerate() {
            let until = sets.get(i + 1).map_or(part.end, |next| next.0.min(part.end));
            let bars = from.max(part.start)..until;
            if bars.start < bars.end {
                // [T4] [T5]
                kernel.through(shared, scratch, params, bars, &mut state, account);
            }
        }
        (account.marked(), account.drawdown(), account.trades())
    };
    let (is_mark, is_dd, is_trades) = go(warmup..split, &mut account);
    // Drawdown and trades begin afresh, as decided in `Account::restart`.
    account.restart();
    // [F4] `state` goes on: the boundary closes nothing, and what is held across it is marked.
    // [M12] Nothing closes what is held after the last bar, so `oos_mark` is its last mark.
    let (oos_mark, oos_dd, oos_trades) = go(split..end, &mut account);
    Figures {
        // [F1]
        is_pnl: is_mark - settings.capital,
        oos_pnl: oos_mark - is_mark,
        is_dd,
        oos_dd,
        is_trades,
        oos_trades,
    }
}

/// A grid over one history, ready to be computed in any pieces and order.
#[derive(Debug)]
pub struct Sweep<K: Kernel> {
    task: Arc<Task<K>>,
}

/// What a worker has while it computes a chunk.
struct Worker<'a, K: Kernel> {
    scratch: K::Scratch,
    values: Vec<f64>,
    extended: Option<Extended<'a>>,
}

impl<K: Kernel> Sweep<K> {
    /// Takes over the task.
    #[must_use]
    pub fn new(task: impl Into<Arc<Task<K>>>) -> Self {
        Self { task: task.into() }
    }

    /// Figures of the combinations in `range`, one item a phase.
    ///
    /// # Errors
    /// A range outside the grid.
    pub fn run(&self, range: Range<u64>) -> Result<Vec<Columns>> {
        self.task.columns(&range, |phases| self.run_into(range.clone(), phases))
    }

    fn worker(&self, phases: &[PhaseCells<'_>]) -> Worker<'_, K> {
        let Task { kernel, shared, labels, grid, .. } = &*self.task;
        let is_extended = phases.iter().any(|cells| cells.extended.is_some());
        Worker {
            scratch: kernel.scratch(shared, self.task.bars()),
            values: vec![f64::NAN; grid.parameters()],
            extended: is_extended.then(|| Extended::new(labels.as_ref())),
        }
    }

    /// Computes consecutive combinations from `first` on, as many as there are cells in each phase.
    fn fill(&self, first: u64, phases: &mut [PhaseCells<'_>]) -> Result<()> {
        let mut worker = self.worker(phases);
        let mut cursor = self.task.grid.at(first)?;
        for i in 0..phases.first().map_or(0, PhaseCells::len) {
            self.compute(&cursor, &mut worker, i, phases)?;
            cursor.advance();
        }
        Ok(())
    }

    /// Computes the combination at `cursor` into cell `i` of each phase.
    #[inline(always)]
    fn compute(
        &self,
        cursor: &Cursor<'_>,
        worker: &mut Worker<'_, K>,
        i: usize,
        phases: &mut [PhaseCells<'_>],
    ) -> Result<()> {
        let Task { kernel, shared, account, slices, .. } = &*self.task;
        let Worker { scratch, values, extended } = worker;
        cursor.write(values);
        let params = self.task.params(values)?;
        let sets = [(0, &params)];
        for (cells, &slice) in phases.iter_mut().zip(slices) {
            let figures = match (&mut cells.extended, &mut *extended) {
                (Some(cells), Some(extended)) => {
                    extended.begin(account.capital);
                    let figures =
                        run(kernel, shared, scratch, &sets, account, slice, &mut *extended);
                    cells.set(i, &extended.parts(), extended.sums());
                    figures
                }
                _ => run(kernel, shared, scratch, &sets, account, slice, ()),
            };
            cells.figures.set(i, figures);
        }
        Ok(())
    }

    /// Cuts consecutive combinations into chunks for the workers.
    fn chunks<'a>(
        range: Range<u64>,
        mut phases: Vec<PhaseCells<'a>>,
        chunks: &mut Vec<(u64, Vec<PhaseCells<'a>>)>,
    ) {
        let mut first = range.start;
        while first < range.end {
            let count = (range.end - first).min(CHUNK);
            let cells = phases.iter_mut().map(|cells| cells.split_front(count as usize));
            chunks.push((first, cells.collect()));
            first += count;
        }
    }

    fn run_chunks(&self, chunks: Vec<(u64, Vec<PhaseCells<'_>>)>) -> Result<()> {
        chunks.into_par_iter().try_for_each(|(first, mut cells)| self.fill(first, &mut cells))
    }
}

/// Goes through all trading bars of a phase with one set, whatever its boundary.
#[inline(always)]
fn run_whole<K: Kernel>(
    kernel: &K,
    shared: &K::Shared,
    scratch: &mut K::Scratch,
    params: &K::Params,
    settings: &AccountSettings,
    Slice { warmup, end, .. }: Slice,
    recorder: &mut Performance<'_>,
) -> Row {
    recorder.begin(settings.capital);
    let mut account = Account::recorded(settings, recorder);
    // [S1] Since the bar before the first trading bar.
    let mut state = kernel.start(shared, warmup - 1);
    // [F16] One part without a boundary.
    kernel.through(shared, scratch, params, warmup..end, &mut state, &mut account);
    Performance::row(&account, settings.capital)
}

impl<K: Kernel> PreparedSweep for Sweep<K> {
    fn len(&self) -> u64 {
        self.task.len()
    }

    fn worker_bytes(&self) -> usize {
        self.task.kernel.scratch_bytes(&self.task.shared)
    }

    fn run_into(&self, range: Range<u64>, phases: Vec<PhaseCells<'_>>) -> Result<()> {
        self.task.check_cells(&range, &phases)?;
        let mut chunks = Vec::new();
        Self::chunks(range, phases, &mut chunks);
        self.run_chunks(chunks)
    }

    fn run_list_into(&self, indices: &[u64], mut phases: Vec<PhaseCells<'_>>) -> Result<()> {
        self.task.check_count(indices.len(), &phases);
        let mut split =
            |part: &[u64]| phases.iter_mut().map(|cells| cells.split_front(part.len())).collect();
        let chunks: Vec<(_, Vec<_>)> =
            indices.chunks(CHUNK as usize).map(|part| (part, split(part))).collect();
        chunks.into_par_iter().try_for_each(|(part, mut cells)| {
            let mut worker = self.worker(&cells);
            for (i, &index) in part.iter().enumerate() {
                self.compute(&self.task.grid.at(index)?, &mut worker, i, &mut cells)?;
            }
            Ok(())
        })
    }

    fn run_blocks_into(
        &self,
        starts: &[u64],
        size: u64,
        phases: Vec<PhaseCells<'_>>,
    ) -> Result<()> {
        self.task.check_count(starts.len() * size as usize, &phases);
        let mut chunks = Vec::new();
        for (range, cells) in blocks(starts, size, self.task.len(), phases)? {
            Self::chunks(range, cells, &mut chunks);
        }
        self.run_chunks(chunks)
    }

    fn run_performance_into(&self, range: Range<u64>, rows: &mut [Row]) -> Result<()> {
        let Task { kernel, shared, account, grid, prices, slices, .. } = &*self.task;
        let count = self.task.count(&range)?;
        assert_eq!(rows.len(), count, "rows to write");
        let paths = Paths::new(prices.as_ref().map_err(Clone::clone)?);
        let slice = *slices.first().ok_or(Error::NoPhase)?;
        rows.par_chunks_mut(CHUNK as usize).enumerate().try_for_each(|(chunk, rows)| {
            let mut scratch = kernel.scratch(shared, self.task.bars());
            let mut recorder = Performance::new(&paths);
            let mut values = vec![f64::NAN; grid.parameters()];
            let mut cursor = grid.at(range.start + chunk as u64 * CHUNK)?;
            for row in rows {
                cursor.write(&mut values);
                let params = self.task.params(&values)?;
                *row =
                    run_whole(kernel, shared, &mut scratch, &params, account, slice, &mut recorder);
                cursor.advance();
            }
            Ok(())
        })
    }

    fn run_marks_into(&self, indices: &[u64], at: &[usize], marks: &mut [f64]) -> Result<()> {
        let Task { kernel, shared, account, grid, slices, .. } = &*self.task;
        assert_eq!(marks.len(), indices.len() * at.len(), "marks to write");
        let Slice { warmup, end, .. } = *slices.first().ok_or(Error::NoPhase)?;
        check_bars(at, warmup, end)?;
        if at.is_empty() {
            return indices.iter().try_for_each(|&index| grid.at(index).map(|_| ()));
        }
        let rows = marks.par_chunks_mut(at.len() * MARKED).zip(indices.par_chunks(MARKED));
        rows.try_for_each(|(rows, indices)| {
            let mut scratch = kernel.scratch(shared, self.task.bars());
            let mut values = vec![f64::NAN; grid.parameters()];
            for (row, &index) in rows.chunks_exact_mut(at.len()).zip(indices) {
                grid.at(index)?.write(&mut values);
                let params = self.task.params(&values)?;
                let mut account = Account::recorded(account, Marks::new(at, row));
                // [S1] Since the bar before the first trading bar.
                let mut state = kernel.start(shared, warmup - 1);
                kernel.through(
                    shared,
                    &mut scratch,
                    &params,
                    warmup..end,
                    &mut state,
                    &mut account,
                );
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::account::{Holding, Side};
    use crate::figures::{Cells, ExtendedCells, PartCells, PartFigures, Rows, rows_of};
    use crate::grid::{Axis, Grid};
    use crate::market::bars::Bars;

    /// Always in the market: long where the last funding rate is below a limit, else short, each at
    /// the open.
    #[derive(Debug)]
    struct Carry;

    #[derive(Debug)]
    struct Shared {
        bars: Arc<Bars>,
        rate: Vec<f64>,
        scale: f64,
    }

    impl Kernel for Carry {
        type Settings = f64;
        type Params = f64;
        type Shared = Shared;
        type Scratch = ();
        type State = Option<Holding>;

        fn name(&self) -> &str {
            "carry"
        }

        fn parameters(&self) -> Vec<&'static str> {
            vec!["limit"]
        }

        fn feeds(&self) -> Vec<&'static str> {
            vec!["bars", "funding"]
        }

        fn params(&self, values: &[f64]) -> Result<f64> {
            match *values {
                [limit] if limit.is_finite() => Ok(limit),
                [value] => {
                    let allowed = "it must be a finite number";
                    Err(Error::OutOfRange { name: "limit", value, allowed })
                }
                _ => Err(Error::ParameterCount { given: values.len(), expected: 1 }),
            }
        }

        fn lookback(&self, _: &f64) -> usize {
            1
        }

        fn prepare(&self, feeds: &Feeds, _: &Sets<f64>, &scale: &f64) -> Result<Shared> {
            let rate = feeds.series("funding", "rate")?.to_vec();
            Ok(Shared { bars: feeds.bars("bars")?.clone(), rate, scale })
        }

        fn scratch(&self, _: &Shared, _: Range<usize>) {}

        fn start(&self, _: &Shared, _: usize) -> Option<Holding> {
            None
        }

        fn through<R: Recorder>(
            &self,
            shared: &Shared,
            (): &mut (),
            limit: &f64,
            bars: Range<usize>,
            held: &mut Option<Holding>,
            account: &mut Account<'_, R>,
        ) {
            for t in bars {
                let rate = shared.rate[t - 1] * shared.scale;
                let side = if rate < *limit { Side::Long } else { Side::Short };
                let open = shared.bars.open()[t];
                *held = match *held {
                    Some(holding) if holding.position.side == side => Some(holding),
                    Some(holding) => account.reverse(holding, t, open),
                    None if account.is_ruined() => None,
                    None => Some(account.enter(side, t, open)),
                };
                account.end_bar(t, held.map(|h| h.position), shared.bars.close()[t]);
            }
        }
    }

    const CLOSES: [f64; 7] = [100.0, 100.0, 110.0, 99.0, 90.0, 99.0, 81.0];

    fn feeds() -> Feeds {
        // Every bar opens at the close before it.
        let opens: Vec<f64> = [&[100.0], &CLOSES[..6]].concat();
        let column = |name: &str, f: fn(f64, f64) -> f64| {
            let values = opens.iter().zip(&CLOSES).map(|(&open, &close)| f(open, close));
            (name.to_owned(), values.collect::<Vec<_>>())
        };
        let bars = vec![
            column("open", |open, _| open),
            column("high", f64::max),
            column("low", f64::min),
            column("close", |_, close| close),
        ];
        // From bar 1 on long, from bar 3 on short, from bar 5 on long again.
        let rate = vec![-1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 9.0];
        let funding = vec![("rate".to_owned(), rate)];
        Feeds::new(vec![("bars".into(), bars), ("funding".into(), funding)]).expect("feeds")
    }

    const SLICE: Slice = Slice { warmup: 1, split: 5, end: 7 };

    fn account() -> AccountSettings {
        AccountSettings { capital: 1_000.0, ..AccountSettings::default() }
    }

    fn close_to(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() < 1e-12 * wanted.abs().max(1.0)
    }

    #[test]
    fn any_kernel_runs_on_feeds_and_settings_of_its_own() {
        let labels = [9, 0, 0, 1, 1, 1, 0];
        let labels = Some((&labels[..], 2));
        let sets = [(0, vec![0.0])];
        let sim = simulate(&Carry, &feeds(), &sets, &account(), &1.0, SLICE, labels);
        let sim = sim.expect("a simulation");
        // Long from 100 to 110: 1,100. Short at 110, down to 90: 1,100 + 10 · 20 = 1,300. Long at 90
        // to 81, over 99.
        let marks = [1_000.0, 1_000.0, 1_100.0, 1_210.0, 1_300.0, 1_430.0, 1_170.0];
        assert!(sim.equity.iter().zip(marks).all(|(&a, b)| close_to(a, b)), "{:?}", sim.equity);
        let [is, oos] = sim.parts;
        assert_eq!((is.wins, is.long_wins, is.short_wins, is.losses), (1, 1, 0, 0));
        assert_eq!((oos.wins, oos.short_wins, oos.losses), (1, 1, 0));
        assert!(close_to(is.gross_profit, 100.0) && close_to(oos.short_largest_win, 200.0));
        assert_eq!((is.bars_held, oos.bars_held), (4, 2));
        assert!(close_to(is.dd_share, 0.0) && close_to(oos.dd_share, 260.0 / 1_430.0));
        let returns = [0.0, 0.1, 0.1, 90.0 / 1_210.0, 0.1, -260.0 / 1_430.0];
        let sum = |some: &[f64]| some.iter().sum::<f64>();
        assert!(close_to(is.sum_r, sum(&returns[..4])) && close_to(oos.sum_r, sum(&returns[4..])));
        assert!(close_to(oos.sum_down2, returns[5] * returns[5]));
        assert_eq!(is.sum_down2, 0.0);
        let [r, _] = sim.sums.expect("sums by label");
        assert!(close_to(r[0], 0.1 + returns[5]) && close_to(r[1], 0.2 + returns[3]));
        assert_eq!(sim.reversals.len(), 2);
        assert_eq!((sim.reversals[0].0, sim.reversals[1].0), (3, 5));
        assert!(close_to(sim.reversals[0].1, 1_100.0) && close_to(sim.reversals[1].1, 1_300.0));
        assert_eq!((sim.figures.is_trades, sim.figures.oos_trades), (1, 1));
    }

    #[test]
    fn marks_are_those_of_simulations() {
        let grid = Grid::new(vec![Axis::of(0, vec![0.0, 5.0, -5.0])]).expect("a grid");
        let task = Task::new(Carry, &feeds(), grid, account(), &1.0, vec![SLICE]);
        let sweep = Sweep::new(task.expect("a task"));
        let (indices, at) = ([2, 0, 2, 1], [1, 3, 4, 6]);
        let mut marks = [f64::NAN; 16];
        sweep.run_marks_into(&indices, &at, &mut marks).expect("marks");
        for (row, index) in marks.chunks_exact(4).zip(indices) {
            let sets = [(0, vec![[0.0, 5.0, -5.0][index as usize]])];
            let sim = simulate(&Carry, &feeds(), &sets, &account(), &1.0, SLICE, None);
            let equity = sim.expect("a simulation").equity;
            assert_eq!(row, at.map(|bar| equity[bar]));
        }
        sweep.run_marks_into(&indices, &[], &mut []).expect("no marks");
        assert!(sweep.run_marks_into(&[3], &[], &mut []).is_err());
        for (at, position) in [([0, 2], 0), ([2, 2], 1), ([3, 7], 1)] {
            let found = sweep.run_marks_into(&[0], &at, &mut [0.0; 2]);
            let bar = at[position];
            assert_eq!(found, Err(Error::MarkedBar { position, bar, warmup: 1, end: 7 }));
        }
    }

    #[test]
    fn settings_and_dated_sets_reach_the_kernel() {
        let run = |sets: &[Dated], scale: f64| {
            simulate(&Carry, &feeds(), sets, &account(), &scale, SLICE, None).expect("a simulation")
        };
        // With the rates turned round it is short first.
        assert_eq!(run(&[(1, vec![0.0])], -1.0).trades[0].side, Side::Short);
        // Never short from bar 3 on: the long goes on to the end.
        let turned = run(&[(0, vec![0.0]), (3, vec![5.0])], 1.0);
        assert!(turned.trades.is_empty() && turned.reversals.is_empty());
        assert!(close_to(turned.equity[6], 810.0));
    }

    #[test]
    fn a_sweep_has_the_figures_of_simulations() {
        let grid = Grid::new(vec![Axis::of(0, vec![0.0, 5.0, -5.0])]).expect("a grid");
        let task = Task::new(Carry, &feeds(), grid, account(), &1.0, vec![SLICE]);
        let sweep = Sweep::new(task.expect("a task").extended());
        let fields: Vec<_> =
            [Figures::FIELDS].into_iter().chain(PartFigures::FIELDS).flatten().copied().collect();
        let (wide, narrow) = rows_of(&fields);
        let (mut floats, mut counts) = (vec![0.0; wide * 3], vec![0; narrow * 3]);
        let mut rows = Rows::new(&mut floats, &mut counts, 3);
        let figures = Cells::in_rows(&mut rows);
        let parts = [PartCells::in_rows(&mut rows), PartCells::in_rows(&mut rows)];
        let extended = Some(ExtendedCells::new(parts, [&mut [], &mut []], 0));
        sweep.run_into(0..3, vec![PhaseCells { figures, extended }]).expect("figures");
        for (i, limit) in [0.0, 5.0, -5.0].into_iter().enumerate() {
            let sets = [(0, vec![limit])];
            let sim = simulate(&Carry, &feeds(), &sets, &account(), &1.0, SLICE, None);
            let (mut float, mut count) =
                (floats[i..].iter().step_by(3), counts[i..].iter().step_by(3));
            for (name, value) in sim.expect("a simulation").named() {
                let found = match value {
                    crate::figures::Value::Float(x) => float.next() == Some(&x),
                    crate::figures::Value::Count(x) => count.next() == Some(&x),
                };
                assert!(found, "{name} of {limit}");
            }
        }
    }
}

//! The direct engine: any kernel, bar by bar, over series that are computed once and shared.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::{PreparedSweep, blocks};
use crate::error::{Error, Result};
use crate::execution::account::{Account, Recorder};
use crate::execution::extended::{Diary, Extended, Labels};
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
    let mut state = kernel.start(shared, warmup - 1);
    let mut go = |part: Range<usize>, account: &mut Account<'_, R>| {
        for (i, &(from, params)) in sets.iter().enumerate() {
            let until = sets.get(i + 1).map_or(part.end, |next| next.0.min(part.end));
            let bars = from.max(part.start)..until;
            if bars.start < bars.end {
                kernel.through(shared, scratch, params, bars, &mut state, account);
            }
        }
        (account.marked(), account.drawdown(), account.trades())
    };
    let (is_mark, is_dd, is_trades) = go(warmup..split, &mut account);
    account.restart();
    let (oos_mark, oos_dd, oos_trades) = go(split..end, &mut account);
    Figures {
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
        let params = kernel.params(values)?;
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
}

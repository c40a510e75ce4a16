//! Rules bar by bar: the kernel that the direct engine runs.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::bar_loop::{BarLoop, State};
use super::columns::Columns;
use super::evaluator::Evaluator;
use super::node::Op;
use super::orders::{Extremes, Sources};
use super::plan::Plan;
use super::program::Program;
use super::standing::{self, Reader};
use crate::error::{Error, Result};
use crate::execution::account::{Account, Amount, Recorder};
use crate::grid::Grid;
use crate::kernel::{Kernel, Sets};
use crate::market::bars::Bars;
use crate::market::feeds::Feeds;
use crate::orders::{Order, Standing};

/// Parameter sets by which the parameters of one leaf are gone through, at most. What a leaf of more
/// is made of is computed where it is needed.
const MOST_TOGETHER: u64 = 200_000;

/// Numbers of all these parameter sets, at most: what they take of memory, by 8 bytes.
const MOST_NUMBERS: u64 = 1 << 26;

/// The feed that is traded.
const TRADED: &str = "bars";

/// The lookbacks of functions, by the function and its numbers.
type Lookbacks = HashMap<(usize, Vec<u64>), Result<usize>>;

/// A strategy that its user writes as rules.
#[derive(Debug)]
pub struct Rules {
    program: Arc<Program>,
    plan: Arc<Plan>,
    lookbacks: Mutex<Lookbacks>,
    /// Why the columns of a grid cannot be kept, where they cannot.
    refused: OnceLock<String>,
    /// The parameters of leaves that are not gone through.
    uncovered: Mutex<Vec<Vec<usize>>>,
}

impl Rules {
    /// The strategy of a program.
    #[must_use]
    pub fn new(program: Arc<Program>) -> Self {
        let plan = Arc::new(Plan::new(&program));
        let (lookbacks, uncovered) = (Mutex::default(), Mutex::default());
        Self { program, plan, lookbacks, refused: OnceLock::new(), uncovered }
    }

    /// What it does.
    #[must_use]
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// How its columns are computed.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Whether the grid was prepared of every combination of values that a leaf or a length follows
    /// from together, so that no combination looks further back.
    pub(super) fn is_covered(&self) -> bool {
        self.uncovered.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// What a function adds to the lookback: it is asked once for each of its numbers.
    fn lookback_of(&self, function: usize, numbers: &[f64]) -> Result<usize> {
        let key = (function, numbers.iter().map(|number| number.to_bits()).collect());
        let held = |lookbacks: &Mutex<Lookbacks>| {
            lookbacks.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
        };
        if let Some(known) = held(&self.lookbacks) {
            return known;
        }
        // No lock is held while the function runs.
        let found = self.program.functions[function].lookback(numbers);
        let mut lookbacks = self.lookbacks.lock().unwrap_or_else(PoisonError::into_inner);
        lookbacks.entry(key).or_insert(found).clone()
    }
}

impl Clone for Rules {
    fn clone(&self) -> Self {
        let (program, plan) = (self.program.clone(), self.plan.clone());
        let (lookbacks, uncovered) = (Mutex::default(), Mutex::default());
        Self { program, plan, lookbacks, refused: OnceLock::new(), uncovered }
    }
}

/// A parameter set: the numbers of the program.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// The value of every node that is a number; NaN of columns.
    pub numbers: Vec<f64>,
    /// Bars before the first trading bar that it needs.
    pub lookback: usize,
}

/// The bars, and the columns that a grid shares.
#[derive(Debug)]
pub struct Shared {
    pub(crate) bars: Arc<Bars>,
    pub(crate) columns: Columns,
}

impl Kernel for Rules {
    type Settings = ();
    type Params = Params;
    type Shared = Shared;
    type Scratch = Evaluator;
    type State = State;

    fn name(&self) -> &str {
        "rules"
    }

    fn parameters(&self) -> Vec<&str> {
        self.program.parameters.iter().map(String::as_str).collect()
    }

    fn feeds(&self) -> Vec<&str> {
        let mut feeds = vec![TRADED];
        for (feed, _) in &self.program.feeds {
            if !feeds.contains(&feed.as_str()) {
                feeds.push(feed);
            }
        }
        feeds.extend(self.program.timeframes.iter().map(String::as_str));
        feeds
    }

    fn params(&self, values: &[f64]) -> Result<Params> {
        let numbers = self.program.numbers(values)?;
        let lookback = |function, own: &[f64]| self.lookback_of(function, own);
        // [P4]
        let lookback = self.program.first_bar(&numbers, lookback)?.saturating_add(1);
        Ok(Params { numbers, lookback })
    }

    fn lookback(&self, params: &Params) -> usize {
        params.lookback
    }

    /// Every value of every parameter of its own axis, and every combination of values that a leaf or a
    /// length follows from together.
    fn covering(&self, grid: &Grid) -> Vec<Vec<f64>> {
        let groups = self.plan.together(&self.program);
        let rows: Vec<Vec<usize>> = (0..grid.axes().len())
            .map(|axis| {
                let own = &grid.axes()[axis];
                if own.parameters().len() == 1 {
                    return (0..own.len()).collect();
                }
                // Of many rows few have values of their own.
                let some = groups.iter().flat_map(|group| distinct_rows(grid, axis, group));
                some.collect::<BTreeSet<usize>>().into_iter().collect()
            })
            .collect();
        // Without axes there is one combination all the same.
        let longest = rows.iter().map(Vec::len).max().unwrap_or(1);
        let row = |axis: usize, i: usize| rows[axis].get(i).or(rows[axis].last()).copied();
        let mut found: Vec<Vec<f64>> =
            (0..longest.max(1)).map(|i| grid.values_at(|axis| row(axis, i).unwrap_or(0))).collect();
        let mut together: Vec<Vec<usize>> = Vec::new();
        let mut uncovered: Vec<Vec<usize>> = Vec::new();
        for parameters in groups {
            let mut axes: Vec<usize> =
                parameters.iter().filter_map(|&parameter| grid.axis_of(parameter)).collect();
            axes.sort_unstable();
            axes.dedup();
            if axes.len() < 2 {
                continue;
            }
            let choices: Vec<Vec<usize>> =
                axes.iter().map(|&axis| distinct_rows(grid, axis, &parameters)).collect();
            let count =
                choices.iter().fold(1_u64, |count, own| count.saturating_mul(own.len() as u64));
            let room = MOST_NUMBERS / (self.program.nodes.len() as u64).max(1);
            let most = MOST_TOGETHER.min(room.saturating_sub(found.len() as u64));
            if count > most {
                self.refuse(&parameters, count, most);
                uncovered.push(parameters);
                continue;
            }
            if together.contains(&parameters) {
                continue;
            }
            together.push(parameters);
            let mut digits = vec![0; axes.len()];
            for _ in 0..count {
                let row = |axis: usize| {
                    let place = axes.iter().position(|&own| own == axis);
                    place.map_or(0, |place| choices[place][digits[place]])
                };
                found.push(grid.values_at(row));
                for (digit, own) in digits.iter_mut().zip(&choices).rev() {
                    *digit += 1;
                    if *digit < own.len() {
                        break;
                    }
                    *digit = 0;
                }
            }
        }
        *self.uncovered.lock().unwrap_or_else(PoisonError::into_inner) = uncovered;
        found
    }

    fn prepare(&self, feeds: &Feeds, sets: &Sets<Params>, (): &()) -> Result<Shared> {
        if let Some(said) = self.refused.get() {
            return Err(Error::Strategy(said.clone()));
        }
        let bars = feeds.bars(TRADED)?.clone();
        let numbers: Vec<&[f64]> = sets.sets.iter().map(|set| set.numbers.as_slice()).collect();
        let (program, plan) = (self.program.clone(), self.plan.clone());
        let uncovered = self.uncovered.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let columns = Columns::new(program, plan, feeds, &numbers, &uncovered)?;
        Ok(Shared { bars, columns })
    }

    fn scratch(&self, shared: &Shared, bars: Range<usize>) -> Evaluator {
        Evaluator::new(&shared.columns, bars)
    }

    fn scratch_bytes(&self, shared: &Shared) -> usize {
        Evaluator::bytes(&shared.columns)
    }

    fn start(&self, shared: &Shared, bar: usize) -> State {
        // [S1]
        let (highest, lowest) = (shared.bars.high()[bar], shared.bars.low()[bar]);
        State { extremes: Extremes { highest, lowest }, since: bar, holding: None }
    }

    fn through<R: Recorder>(
        &self,
        shared: &Shared,
        evaluator: &mut Evaluator,
        params: &Params,
        bars: Range<usize>,
        state: &mut State,
        account: &mut Account<'_, R>,
    ) {
        evaluator.update(&shared.columns, &params.numbers);
        let sources = self.sources(shared, evaluator, params);
        BarLoop::new(&sources, &shared.bars, bars).run(state, account);
    }

    fn standing(
        &self,
        shared: &Shared,
        _: &mut Evaluator,
        params: &Params,
        bar: usize,
        state: &State,
    ) -> Option<Standing> {
        Some(standing::standing(&self.reader(shared, params), bar, state))
    }

    fn amount(
        &self,
        shared: &Shared,
        _: &mut Evaluator,
        params: &Params,
        bar: usize,
        order: &Order,
        price: f64,
    ) -> Amount {
        standing::amount(&self.reader(shared, params), bar, order.action, price)
    }
}

impl Rules {
    fn sources<'a>(
        &'a self,
        shared: &'a Shared,
        evaluator: &'a Evaluator,
        params: &'a Params,
    ) -> Sources<'a> {
        let (program, plan) = (&*self.program, &*self.plan);
        let (columns, numbers) = (&shared.columns, params.numbers.as_slice());
        Sources { program, plan, columns, evaluator, numbers }
    }

    fn reader<'a>(&'a self, shared: &'a Shared, params: &'a Params) -> Reader<'a> {
        let Shared { bars, columns } = shared;
        Reader { program: &self.program, bars, columns, numbers: &params.numbers }
    }

    /// Refuses a grid that would call a function of the user's too often.
    fn refuse(&self, parameters: &[usize], count: u64, most: u64) {
        let program = &self.program;
        let called = program.nodes.iter().enumerate().find_map(|(place, node)| match node.op {
            Op::Call(function)
                if program.is_used(place) && program.depends(place) == parameters =>
            {
                Some(function)
            }
            _ => None,
        });
        if let Some(function) = called {
            let name = program.functions[function].name();
            let said = format!(
                "the grid calls {name} for {count} combinations of {}; at most {most} will do; \
                 take fewer values",
                parameters
                    .iter()
                    .map(|&parameter| program.parameters[parameter].as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            // The first one will do.
            let _ = self.refused.set(said);
        }
    }
}

/// Rows of an axis that differ in some parameters, one of each.
fn distinct_rows(grid: &Grid, axis: usize, parameters: &[usize]) -> Vec<usize> {
    let own = &grid.axes()[axis];
    let places: Vec<usize> = own
        .parameters()
        .iter()
        .enumerate()
        .filter(|(_, parameter)| parameters.contains(parameter))
        .map(|(place, _)| place)
        .collect();
    let mut seen = std::collections::HashSet::new();
    let is_new = |row: &usize| {
        seen.insert(places.iter().map(|&p| own.rows()[*row][p].to_bits()).collect::<Vec<_>>())
    };
    (0..own.len()).filter(is_new).collect()
}

//! The module `wfo._core`: thin wrappers, no logic. Arrays come in read-only and go out owned, and
//! the interpreter is released around every kernel.

mod scoring;

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use numpy::ndarray::Array3;
use numpy::{Element, IntoPyArray, PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rayon::ThreadPool;
use wfo_core::atr_d::{VARIANTS, Variant};
use wfo_core::factored::tiers::Tier;
use wfo_core::figures::{Cells, Trade};
use wfo_core::money::Side;
use wfo_core::scoring::block::{store_counts, store_money};
use wfo_core::scoring::tally::MapAxis;
use wfo_core::scoring::{Estimate, Gates, Ranking, Selected, Selection, Sieve, Tally};
use wfo_core::series::Data;
use wfo_core::task::Task;
use wfo_core::{Axis, Bars, EntryStyle, Grid, Settings, Sizing, Slice, direct, factored};

use crate::scoring::{Columns, StoredArrays, new_pool, pool, values};

mod errors {
    pyo3::import_exception!(wfo.errors, InputError);
}

/// The one bridge from the core's errors to the package's.
fn raise(error: wfo_core::Error) -> PyErr {
    errors::InputError::new_err(error.to_string())
}

type Prices<'py> = PyReadonlyArray1<'py, f64>;
type PhaseArrays<'py> = (
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u32>>,
);

type StoredPhase<'py> = (
    Bound<'py, PyArray1<f32>>,
    Bound<'py, PyArray1<f32>>,
    Bound<'py, PyArray1<f32>>,
    Bound<'py, PyArray1<f32>>,
    Bound<'py, PyArray1<u16>>,
    Bound<'py, PyArray1<u16>>,
);

/// The fields of `wfo.Settings`, read by name.
#[derive(FromPyObject)]
struct PySettings {
    capital: f64,
    slip: f64,
    fee: f64,
    sizing: String,
    lot_size: f64,
    max_stop_atr: f64,
    entry_style: String,
}

impl TryFrom<PySettings> for Settings {
    type Error = PyErr;

    fn try_from(s: PySettings) -> PyResult<Self> {
        let sizing = match s.sizing.as_str() {
            "compound" => Sizing::Compound,
            "fixed" => Sizing::Fixed,
            other => return Err(unknown("sizing", other, "compound or fixed")),
        };
        let entry_style = match s.entry_style.as_str() {
            "pullback" => EntryStyle::Pullback,
            "breakout" => EntryStyle::Breakout,
            other => return Err(unknown("entry_style", other, "pullback or breakout")),
        };
        let PySettings { capital, slip, fee, lot_size, max_stop_atr, .. } = s;
        Settings { capital, slip, fee, sizing, lot_size, max_stop_atr, entry_style }
            .checked()
            .map_err(raise)
    }
}

fn unknown(name: &str, value: &str, allowed: &str) -> PyErr {
    errors::InputError::new_err(format!("{name} = '{value}' is unknown; it must be {allowed}"))
}

fn bars(open: &Prices, high: &Prices, low: &Prices, close: &Prices) -> PyResult<Bars> {
    let column = |a: &Prices| a.as_array().to_vec();
    Bars::new(column(open), column(high), column(low), column(close)).map_err(raise)
}

/// Open, high, low and close of the second symbol, where there is one.
type Second<'py> = Option<(Prices<'py>, Prices<'py>, Prices<'py>, Prices<'py>)>;

fn data(variant: Variant, bars: Bars, second: Second<'_>) -> PyResult<Data> {
    let second = second.map(|(o, h, l, c)| self::bars(&o, &h, &l, &c)).transpose()?;
    Data::new(variant, bars, second).map_err(raise)
}

fn variant(name: &str) -> PyResult<Variant> {
    Variant::named(name).ok_or_else(|| {
        let known: Vec<_> = VARIANTS.iter().map(|v| v.name).collect();
        unknown("strategy", name, &format!("one of {}", known.join(", ")))
    })
}

/// One axis a parameter, but for the Hull lengths, of which only the pairs in order are combinations.
fn grid(variant: Variant, mut values: Vec<Vec<f64>>) -> PyResult<Grid> {
    let pairs = match (variant.hull, values.len()) {
        (true, 2..) => {
            let lengths = values.split_off(values.len() - 2);
            Some(Axis::ordered_pairs(&lengths[0], &lengths[1]))
        }
        _ => None,
    };
    Grid::new(values.into_iter().map(Axis::of).chain(pairs).collect()).map_err(raise)
}

/// The engines by name; each simulates and sweeps.
#[derive(Clone, Copy)]
enum Engine {
    Direct,
    Factored,
}

fn engine(name: &str) -> PyResult<Engine> {
    match name {
        "direct" => Ok(Engine::Direct),
        "factored" => Ok(Engine::Factored),
        other => Err(unknown("engine", other, "direct or factored")),
    }
}

/// The instruction tier that the environment asks for, or the best one.
fn tier() -> PyResult<Tier> {
    Tier::chosen(std::env::var("WFO_SIMD").ok().as_deref()).map_err(raise)
}

/// A row of a table, which it keeps alive.
fn row<'py, T: Element>(
    table: &Bound<'py, PyArray2<T>>,
    row: usize,
) -> PyResult<Bound<'py, PyArray1<T>>> {
    Ok(table.get_item(row)?.cast_into()?)
}

/// A sweep of one of the engines.
enum AnySweep {
    Direct(Box<direct::Sweep>),
    Factored(Box<factored::Sweep>),
}

impl AnySweep {
    fn cells(&self, range: &Range<u64>) -> wfo_core::Result<usize> {
        match self {
            Self::Direct(sweep) => sweep.cells(range),
            Self::Factored(sweep) => sweep.cells(range),
        }
    }

    fn run_into(&self, range: Range<u64>, cells: Vec<Cells<'_>>) -> wfo_core::Result<()> {
        match self {
            Self::Direct(sweep) => sweep.run_into(range, cells),
            Self::Factored(sweep) => sweep.run_into(range, cells),
        }
    }
}

/// Cells for `count` combinations, of which `money` holds four rows a phase and `trades` two.
fn cells<'a>(
    phases: usize,
    count: usize,
    money: &'a mut [f64],
    trades: &'a mut [u32],
) -> Vec<Cells<'a>> {
    let mut money = money.chunks_exact_mut(count.max(1));
    let mut trades = trades.chunks_exact_mut(count.max(1));
    let mut next = || {
        let money = std::array::from_fn(|_| money.next().unwrap_or_default());
        Cells::new(money, std::array::from_fn(|_| trades.next().unwrap_or_default()))
    };
    (0..phases).map(|_| next()).collect()
}

/// Figures as the engines write them, before they are stored. Only ever as large as the largest call,
/// and kept, for fresh memory would cost more than the figures in it.
#[derive(Default)]
struct Scratch {
    money: Vec<f64>,
    trades: Vec<u32>,
}

/// How the package writes sides: +1 long, -1 short.
fn sign(side: Side) -> i8 {
    match side {
        Side::Long => 1,
        Side::Short => -1,
    }
}

#[pymodule(gil_used = false)]
mod _core {
    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }

    /// Versions and build of the compiled module.
    #[pyfunction]
    fn build_info() -> PyResult<Vec<(&'static str, String)>> {
        let tier = tier()?;
        let tier = format!("{} {}", std::env::consts::ARCH, tier.name());
        Ok(vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("commit", env!("WFO_COMMIT").to_owned()),
            ("profile", env!("WFO_PROFILE").to_owned()),
            ("target", env!("WFO_TARGET").to_owned()),
            ("rustc", env!("WFO_RUSTC").to_owned()),
            ("instructions", tier),
        ])
    }

    /// Canonical parameter names of each strategy that the core knows.
    #[pyfunction]
    fn strategies() -> Vec<(&'static str, Vec<&'static str>)> {
        VARIANTS.iter().map(|v| (v.name, v.parameters().collect())).collect()
    }

    /// Raises unless the columns are bars: prices above 0, open and close within low and high.
    #[pyfunction]
    fn check_bars(
        open: Prices<'_>,
        high: Prices<'_>,
        low: Prices<'_>,
        close: Prices<'_>,
    ) -> PyResult<()> {
        bars(&open, &high, &low, &close).map(|_| ())
    }

    /// One parameter set, bar by bar.
    #[pyfunction]
    #[expect(clippy::too_many_arguments, reason = "one argument a column, as Python has them")]
    #[expect(clippy::type_complexity, reason = "a plain tuple of arrays, named by the caller")]
    fn simulate<'py>(
        py: Python<'py>,
        engine: &str,
        strategy: &str,
        open: Prices<'py>,
        high: Prices<'py>,
        low: Prices<'py>,
        close: Prices<'py>,
        second: Second<'py>,
        params: Vec<f64>,
        settings: PySettings,
        warmup: usize,
        split: usize,
    ) -> PyResult<(
        (f64, f64, f64, f64, u32, u32),
        (
            Bound<'py, PyArray1<i8>>,
            Bound<'py, PyArray1<u64>>,
            Bound<'py, PyArray1<f64>>,
            Bound<'py, PyArray1<u64>>,
            Bound<'py, PyArray1<f64>>,
            Bound<'py, PyArray1<f64>>,
        ),
        Bound<'py, PyArray1<f64>>,
    )> {
        let variant = variant(strategy)?;
        let bars = bars(&open, &high, &low, &close)?;
        let slice = Slice { warmup, split, end: bars.len() };
        let data = data(variant, bars, second)?;
        let settings = settings.try_into()?;
        let simulate = match self::engine(engine)? {
            Engine::Direct => direct::simulate,
            Engine::Factored => factored::simulate,
        };
        let sim =
            py.detach(|| simulate(variant, &data, &params, &settings, slice)).map_err(raise)?;
        let f = sim.figures;
        let trades = &sim.trades;
        let count = |f: fn(&Trade) -> usize| -> Bound<'py, PyArray1<u64>> {
            trades.iter().map(|t| f(t) as u64).collect::<Vec<_>>().into_pyarray(py)
        };
        let money = |f: fn(&Trade) -> f64| -> Bound<'py, PyArray1<f64>> {
            trades.iter().map(f).collect::<Vec<_>>().into_pyarray(py)
        };
        Ok((
            (f.is_pnl, f.oos_pnl, f.is_dd, f.oos_dd, f.is_trades, f.oos_trades),
            (
                trades.iter().map(|t| sign(t.side)).collect::<Vec<_>>().into_pyarray(py),
                count(|t| t.entry_bar),
                money(|t| t.entry_price),
                count(|t| t.exit_bar),
                money(|t| t.exit_price),
                money(|t| t.pnl),
            ),
            sim.equity.into_pyarray(py),
        ))
    }

    /// A grid over one history, computed in any pieces by its own pool of threads.
    #[pyclass(frozen, module = "wfo._core")]
    struct Sweep {
        len: u64,
        phases: usize,
        inner: AnySweep,
        pool: ThreadPool,
        scratch: Mutex<Option<Scratch>>,
    }

    #[pymethods]
    impl Sweep {
        #[new]
        #[expect(clippy::too_many_arguments, reason = "one argument a column, as Python has them")]
        fn new(
            py: Python<'_>,
            engine: &str,
            strategy: &str,
            open: Prices<'_>,
            high: Prices<'_>,
            low: Prices<'_>,
            close: Prices<'_>,
            second: Second<'_>,
            axes: Vec<Vec<f64>>,
            settings: PySettings,
            phases: Vec<(usize, usize, usize)>,
            threads: usize,
        ) -> PyResult<Self> {
            let variant = variant(strategy)?;
            let data = data(variant, bars(&open, &high, &low, &close)?, second)?;
            let settings = settings.try_into()?;
            let slices: Vec<Slice> = phases
                .into_iter()
                .map(|(warmup, split, end)| Slice { warmup, split, end })
                .collect();
            let phases = slices.len();
            let grid = grid(variant, axes)?;
            let len = grid.len();
            let pool = new_pool(threads)?;
            let engine = self::engine(engine)?;
            let tier = tier()?;
            let prepare = || {
                let task = Task::new(variant, data, grid, settings, slices)?;
                Ok(match engine {
                    Engine::Direct => AnySweep::Direct(Box::new(direct::Sweep::new(task))),
                    Engine::Factored => {
                        AnySweep::Factored(Box::new(factored::Sweep::new(task, tier)?))
                    }
                })
            };
            let inner = py.detach(|| pool.install(prepare)).map_err(raise)?;
            Ok(Self { len, phases, inner, pool, scratch: Mutex::new(None) })
        }

        fn __len__(&self) -> PyResult<usize> {
            Ok(usize::try_from(self.len)?)
        }

        /// Combinations that are best computed together.
        #[getter]
        fn granule(&self) -> u64 {
            match &self.inner {
                AnySweep::Direct(_) => 1,
                AnySweep::Factored(sweep) => sweep.granule(),
            }
        }

        /// Memory that each worker holds beside the results, in bytes.
        #[getter]
        fn worker_bytes(&self) -> usize {
            match &self.inner {
                AnySweep::Direct(sweep) => sweep.worker_bytes(),
                AnySweep::Factored(sweep) => sweep.worker_bytes(),
            }
        }

        /// Six arrays for each phase: the combinations `start..stop`.
        fn run<'py>(
            &self,
            py: Python<'py>,
            start: u64,
            stop: u64,
        ) -> PyResult<Vec<PhaseArrays<'py>>> {
            let range = start..stop;
            let count = self.inner.cells(&range).map_err(raise)?;
            // NumPy's own memory, in large pieces, which it asks the system to back with large pages:
            // a call writes tens of megabytes, and small pages would take a twentieth of its time.
            let money = PyArray2::<f64>::zeros(py, [self.phases * 4, count], false);
            let trades = PyArray2::<u32>::zeros(py, [self.phases * 2, count], false);
            let (mut money_rows, mut trades_rows) = (money.readwrite(), trades.readwrite());
            let money_rows = money_rows.as_slice_mut()?;
            let cells = cells(self.phases, count, money_rows, trades_rows.as_slice_mut()?);
            let run = || self.inner.run_into(range, cells);
            py.detach(|| self.pool.install(run)).map_err(raise)?;
            let phase = |k| {
                let (m, t) = (4 * k, 2 * k);
                Ok((
                    row(&money, m)?,
                    row(&money, m + 1)?,
                    row(&money, m + 2)?,
                    row(&money, m + 3)?,
                    row(&trades, t)?,
                    row(&trades, t + 1)?,
                ))
            };
            (0..self.phases).map(phase).collect()
        }

        /// Six arrays for each phase in the types of the result files: the combinations `start..stop`.
        fn run_stored<'py>(
            &self,
            py: Python<'py>,
            start: u64,
            stop: u64,
        ) -> PyResult<Vec<StoredPhase<'py>>> {
            let range = start..stop;
            let count = self.inner.cells(&range).map_err(raise)?;
            self.store(py, count, |cells| self.inner.run_into(range, cells))
        }

        /// Like `run_stored`, for any combinations in any order.
        fn run_list<'py>(
            &self,
            py: Python<'py>,
            indices: PyReadonlyArray1<'py, u64>,
        ) -> PyResult<Vec<StoredPhase<'py>>> {
            let AnySweep::Direct(sweep) = &self.inner else {
                return Err(errors::InputError::new_err(
                    "the factored engine runs ranges only; 'direct' runs combinations in any order",
                ));
            };
            let indices = values(&indices);
            self.store(py, indices.len(), |cells| sweep.run_list_into(&indices, cells))
        }
    }

    impl Sweep {
        /// Lets `write` fill cells, and returns them in the types of the result files.
        fn store<'py>(
            &self,
            py: Python<'py>,
            count: usize,
            write: impl FnOnce(Vec<Cells<'_>>) -> wfo_core::Result<()> + Send,
        ) -> PyResult<Vec<StoredPhase<'py>>> {
            let money = PyArray2::<f32>::zeros(py, [self.phases * 4, count], false);
            let trades = PyArray2::<u16>::zeros(py, [self.phases * 2, count], false);
            let (mut money_rows, mut trades_rows) = (money.readwrite(), trades.readwrite());
            let (money_rows, trades_rows) =
                (money_rows.as_slice_mut()?, trades_rows.as_slice_mut()?);
            let held = || self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
            let work = || {
                // Another call at the same time makes its own.
                let mut scratch = held().take().unwrap_or_default();
                scratch.money.resize(scratch.money.len().max(money_rows.len()), 0.0);
                scratch.trades.resize(scratch.trades.len().max(trades_rows.len()), 0);
                let money = &mut scratch.money[..money_rows.len()];
                let trades = &mut scratch.trades[..trades_rows.len()];
                write(cells(self.phases, count, money, trades))?;
                store_money(money, money_rows);
                store_counts(trades, trades_rows);
                *held() = Some(scratch);
                Ok(())
            };
            py.detach(|| self.pool.install(work)).map_err(raise)?;
            let phase = |k| {
                let (m, t) = (4 * k, 2 * k);
                Ok((
                    row(&money, m)?,
                    row(&money, m + 1)?,
                    row(&money, m + 2)?,
                    row(&money, m + 3)?,
                    row(&trades, t)?,
                    row(&trades, t + 1)?,
                ))
            };
            (0..self.phases).map(phase).collect()
        }
    }

    /// What is counted over all combinations.
    #[pyclass(module = "wfo._core", name = "Tally")]
    struct PyTally {
        inner: Tally,
        pool: Arc<ThreadPool>,
    }

    #[pymethods]
    impl PyTally {
        #[new]
        fn new(
            phases: usize,
            wfe: f64,
            dd_ratio: f64,
            axes: Vec<(u64, u64, PyReadonlyArray1<'_, u32>)>,
            threads: usize,
        ) -> PyResult<Self> {
            let axis = |(stride, len, table): &(u64, u64, PyReadonlyArray1<'_, u32>)| {
                MapAxis::with_table(*stride, *len, &values(table))
            };
            let axes = match &axes[..] {
                [] => None,
                [x, y] => Some([axis(x), axis(y)]),
                _ => {
                    let said = format!("a map has two axes, not {}", axes.len());
                    return Err(PyValueError::new_err(said));
                }
            };
            let inner = Tally::new(phases, Gates { wfe, dd_ratio }, axes).map_err(raise)?;
            Ok(Self { inner, pool: pool(threads)? })
        }

        /// Counts a block of consecutive combinations from `start` on; without a start, a sample.
        fn add(
            &mut self,
            py: Python<'_>,
            start: Option<u64>,
            block: Vec<StoredArrays<'_>>,
        ) -> PyResult<()> {
            let columns = Columns::of(&block);
            let (inner, pool) = (&mut self.inner, &self.pool);
            py.detach(|| pool.install(|| inner.add(start, &columns.block()?))).map_err(raise)
        }

        fn __len__(&self) -> PyResult<usize> {
            Ok(usize::try_from(self.inner.len())?)
        }

        /// How many combinations pass each gate, phase by phase.
        #[getter]
        fn alone(&self) -> Vec<[u64; 4]> {
            self.inner.passed().iter().map(|p| p.alone).collect()
        }

        /// How many pass each gate and all before it.
        #[getter]
        fn together(&self) -> Vec<[u64; 4]> {
            self.inner.passed().iter().map(|p| p.together).collect()
        }

        /// How many are valid in 0, 1, 2 … phases.
        #[getter]
        fn valid_phases(&self) -> Vec<u64> {
            self.inner.valid_phases().to_vec()
        }

        /// The same for every cell of the map; none without one.
        #[getter]
        fn cells<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<u64>>> {
            let none = [0, 0];
            let [x, y] =
                self.inner.axes().map_or(none, |axes| [0, 1].map(|a| axes[a].len as usize));
            let shape = (x, y, self.inner.phases() + 1);
            let cells = Array3::from_shape_vec(shape, self.inner.cells().to_vec());
            Ok(cells.map_err(|e| PyValueError::new_err(e.to_string()))?.into_pyarray(py))
        }

        /// Final ranks of all phases.
        fn ranking(&self, py: Python<'_>) -> PyResult<PyRanking> {
            let ranking = py.detach(|| self.pool.install(|| self.inner.ranking()));
            Ok(PyRanking { inner: Arc::new(ranking.map_err(raise)?) })
        }

        /// Provisional ranks of all phases.
        fn estimate(&self, py: Python<'_>) -> PyEstimate {
            let estimate = py.detach(|| self.pool.install(|| self.inner.estimate()));
            PyEstimate { inner: Arc::new(estimate), pool: self.pool.clone() }
        }

        /// Adds what another tally counted.
        fn merge(&mut self, py: Python<'_>, other: PyRef<'_, Self>) -> PyResult<()> {
            let (inner, pool, other) = (&mut self.inner, &self.pool, &other.inner);
            py.detach(|| pool.install(|| inner.merge(other))).map_err(raise)
        }

        /// The tally as bytes.
        fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
            let bytes = py.detach(|| self.pool.install(|| self.inner.to_bytes()));
            PyBytes::new(py, &bytes)
        }

        /// The tally that was written as `data`.
        #[staticmethod]
        fn from_bytes(py: Python<'_>, data: &[u8], threads: usize) -> PyResult<Self> {
            let inner = py.detach(|| Tally::from_bytes(data)).map_err(raise)?;
            Ok(Self { inner, pool: pool(threads)? })
        }
    }

    /// Final percentile ranks.
    #[pyclass(frozen, module = "wfo._core", name = "Ranking")]
    struct PyRanking {
        inner: Arc<Ranking>,
    }

    #[pymethods]
    impl PyRanking {
        fn __len__(&self) -> usize {
            self.inner.phases().len()
        }

        /// How many values are ranked in each phase.
        #[getter]
        fn counts(&self) -> Vec<u64> {
            self.inner.phases().iter().map(|ranks| ranks.len()).collect()
        }

        /// `100 * average rank / count` of every value.
        fn percentiles<'py>(
            &self,
            py: Python<'py>,
            phase: usize,
            values: PyReadonlyArray1<'_, f32>,
        ) -> PyResult<Bound<'py, PyArray1<f64>>> {
            let values = scoring::values(&values);
            let found = py.detach(|| self.inner.percentiles(phase, &values)).map_err(raise)?;
            Ok(found.into_pyarray(py))
        }
    }

    /// What an estimate is compared with.
    #[derive(FromPyObject)]
    enum Final<'py> {
        Tally(PyRef<'py, PyTally>),
        Ranking(PyRef<'py, PyRanking>),
    }

    /// Provisional percentile ranks.
    #[pyclass(frozen, module = "wfo._core", name = "Estimate")]
    struct PyEstimate {
        inner: Arc<Estimate>,
        pool: Arc<ThreadPool>,
    }

    #[pymethods]
    impl PyEstimate {
        /// Provisional stability of every combination.
        fn stabilities<'py>(
            &self,
            py: Python<'py>,
            least: usize,
            block: Vec<StoredArrays<'_>>,
        ) -> PyResult<Bound<'py, PyArray1<f64>>> {
            let columns = Columns::of(&block);
            let score = || self.inner.stabilities(least, &columns.block()?);
            let found = py.detach(|| self.pool.install(score)).map_err(raise)?;
            Ok(found.into_pyarray(py))
        }

        /// For each phase the largest difference from the final ranks.
        fn deviation(&self, py: Python<'_>, tally_or_ranking: Final<'_>) -> PyResult<Vec<f64>> {
            let found = match &tally_or_ranking {
                Final::Tally(tally) => {
                    let tally = &tally.inner;
                    py.detach(|| self.pool.install(|| self.inner.deviation_of(tally)))
                }
                Final::Ranking(ranking) => {
                    let ranking = &ranking.inner;
                    py.detach(|| self.pool.install(|| self.inner.deviation(ranking)))
                }
            };
            found.map_err(raise)
        }
    }

    /// Lets through what may become a candidate.
    #[pyclass(frozen, module = "wfo._core", name = "Sieve")]
    struct PySieve {
        inner: Sieve<Arc<Estimate>>,
        pool: Arc<ThreadPool>,
    }

    #[pymethods]
    impl PySieve {
        #[new]
        fn new(
            estimate: Option<PyRef<'_, PyEstimate>>,
            wfe: f64,
            dd_ratio: f64,
            classes: Vec<(usize, f64)>,
            threads: usize,
        ) -> PyResult<Self> {
            let estimate = estimate.map(|estimate| estimate.inner.clone());
            let inner = Sieve::new(estimate, Gates { wfe, dd_ratio }, &classes);
            Ok(Self { inner, pool: pool(threads)? })
        }

        /// Records of the combinations that pass.
        fn sift<'py>(
            &self,
            py: Python<'py>,
            start: u64,
            block: Vec<StoredArrays<'_>>,
        ) -> PyResult<Bound<'py, PyArray1<u8>>> {
            let columns = Columns::of(&block);
            let sift = || Ok(self.inner.sift(start, &columns.block()?)?.concat());
            Ok(py.detach(|| self.pool.install(sift)).map_err(raise)?.into_pyarray(py))
        }
    }

    /// Keeps the best of the stable combinations.
    #[pyclass(module = "wfo._core", name = "Selection")]
    struct PySelection {
        inner: Selection<Arc<Ranking>>,
        pool: Arc<ThreadPool>,
    }

    #[pymethods]
    impl PySelection {
        #[new]
        fn new(
            ranking: PyRef<'_, PyRanking>,
            wfe: f64,
            dd_ratio: f64,
            least: usize,
            kept: usize,
            threads: usize,
        ) -> PyResult<Self> {
            let ranking = ranking.inner.clone();
            let inner = Selection::new(ranking, Gates { wfe, dd_ratio }, least, kept);
            Ok(Self { inner: inner.map_err(raise)?, pool: pool(threads)? })
        }

        /// Stable combinations seen.
        #[getter]
        fn stable(&self) -> u64 {
            self.inner.stable()
        }

        /// Adds a block of consecutive combinations from `start` on.
        fn add(
            &mut self,
            py: Python<'_>,
            start: u64,
            block: Vec<StoredArrays<'_>>,
        ) -> PyResult<()> {
            let columns = Columns::of(&block);
            let (inner, pool) = (&mut self.inner, &self.pool);
            py.detach(|| pool.install(|| inner.add(start, &columns.block()?))).map_err(raise)
        }

        /// Adds what a sieve let through.
        fn add_records(
            &mut self,
            py: Python<'_>,
            records: PyReadonlyArray1<'_, u8>,
        ) -> PyResult<()> {
            let records = values(&records);
            let (inner, pool) = (&mut self.inner, &self.pool);
            py.detach(|| pool.install(|| inner.add_records(&records))).map_err(raise)
        }

        /// Columns of the best, best first.
        fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
            let (inner, pool) = (&mut self.inner, &self.pool);
            let Selected { index, stability, valid_phases, phases } =
                py.detach(|| pool.install(|| inner.finish()));
            let columns = PyDict::new(py);
            let index: Vec<i64> = index.into_iter().map(i64::try_from).collect::<Result<_, _>>()?;
            columns.set_item("index", index.into_pyarray(py))?;
            columns.set_item("Stability_Score", stability.into_pyarray(py))?;
            columns.set_item("Phases_Valid", valid_phases.into_pyarray(py))?;
            for (k, phase) in (1..).zip(phases) {
                let figures = phase.figures;
                columns.set_item(format!("P{k}_IS_PnL"), figures.is_pnl.into_pyarray(py))?;
                columns.set_item(format!("P{k}_OOS_PnL"), figures.oos_pnl.into_pyarray(py))?;
                columns.set_item(format!("P{k}_IS_DD"), figures.is_dd.into_pyarray(py))?;
                columns.set_item(format!("P{k}_OOS_DD"), figures.oos_dd.into_pyarray(py))?;
                columns.set_item(format!("P{k}_IS_Trades"), figures.is_trades.into_pyarray(py))?;
                columns
                    .set_item(format!("P{k}_OOS_Trades"), figures.oos_trades.into_pyarray(py))?;
                columns.set_item(format!("P{k}_OOS_Rank"), phase.rank.into_pyarray(py))?;
            }
            Ok(columns)
        }
    }
}

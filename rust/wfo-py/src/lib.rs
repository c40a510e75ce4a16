//! The module `wfo._core`: thin wrappers, no logic. Arrays come in read-only and go out owned, and
//! the interpreter is released around every kernel.

use numpy::{Element, IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use wfo_core::atr_d::{VARIANTS, Variant};
use wfo_core::distribution::{Distribution, Ranks};
use wfo_core::factored::tiers::Tier;
use wfo_core::figures::{Cells, Trade};
use wfo_core::money::Side;
use wfo_core::series::Data;
use wfo_core::task::Task;
use wfo_core::{Axis, Bars, EntryStyle, Grid, Settings, Sizing, Slice, direct, factored};

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
        pool: rayon::ThreadPool,
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
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .thread_name(|i| format!("wfo-{i}"))
                .build()
                .map_err(|e| PyMemoryError::new_err(format!("{threads} threads: {e}")))?;
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
            Ok(Self { len, phases, inner, pool })
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
            let count = match &self.inner {
                AnySweep::Direct(sweep) => sweep.cells(&range),
                AnySweep::Factored(sweep) => sweep.cells(&range),
            };
            let count = count.map_err(raise)?;
            // NumPy's own memory, in large pieces, which it asks the system to back with large pages:
            // a call writes tens of megabytes, and small pages would take a twentieth of its time.
            let money = PyArray2::<f64>::zeros(py, [self.phases * 4, count], false);
            let trades = PyArray2::<u32>::zeros(py, [self.phases * 2, count], false);
            let (mut money_rows, mut trades_rows) = (money.readwrite(), trades.readwrite());
            let money_rows = &mut money_rows.as_slice_mut()?.chunks_exact_mut(count.max(1));
            let trades_rows = &mut trades_rows.as_slice_mut()?.chunks_exact_mut(count.max(1));
            let mut next = || {
                let money = std::array::from_fn(|_| money_rows.next().unwrap_or_default());
                Cells::new(money, std::array::from_fn(|_| trades_rows.next().unwrap_or_default()))
            };
            let cells = (0..self.phases).map(|_| next()).collect();
            let run = || match &self.inner {
                AnySweep::Direct(sweep) => sweep.run_into(range, cells),
                AnySweep::Factored(sweep) => sweep.run_into(range, cells),
            };
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
    }

    /// Counts of very many positive values, taken block by block.
    #[pyclass(module = "wfo._core", name = "Distribution")]
    struct PyDistribution {
        inner: Distribution,
    }

    #[pymethods]
    impl PyDistribution {
        #[new]
        fn new() -> Self {
            Self { inner: Distribution::new() }
        }

        fn __len__(&self) -> PyResult<usize> {
            Ok(usize::try_from(self.inner.len())?)
        }

        /// Counts `values`.
        fn add(&mut self, py: Python<'_>, values: PyReadonlyArray1<'_, f32>) -> PyResult<()> {
            let values = values.as_array().to_vec();
            py.detach(|| self.inner.add(&values)).map_err(raise)
        }

        /// Moves the counts into ranks; the distribution is empty afterwards.
        fn take_ranks(&mut self, py: Python<'_>) -> PyResult<PyRanks> {
            let counts = std::mem::take(&mut self.inner);
            Ok(PyRanks { inner: py.detach(|| counts.into_ranks()).map_err(raise)? })
        }
    }

    /// Percentile ranks among the values of a distribution.
    #[pyclass(frozen, module = "wfo._core", name = "Ranks")]
    struct PyRanks {
        inner: Ranks,
    }

    #[pymethods]
    impl PyRanks {
        fn __len__(&self) -> PyResult<usize> {
            Ok(usize::try_from(self.inner.len())?)
        }

        /// `100 * average rank / count` of every value.
        fn percentiles<'py>(
            &self,
            py: Python<'py>,
            values: PyReadonlyArray1<'py, f32>,
        ) -> PyResult<Bound<'py, PyArray1<f64>>> {
            let values = values.as_array().to_vec();
            Ok(py.detach(|| self.inner.percentiles(&values)).map_err(raise)?.into_pyarray(py))
        }
    }
}

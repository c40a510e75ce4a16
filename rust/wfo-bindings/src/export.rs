//! The parts of a module of strategies.

/// Defines the classes `Sweep` and `Permutations` and the functions `simulate`, `orders`, `lacks` and
/// `strategies` for a [`Family`](crate::Family), to be added to a module of the given name.
///
/// The second form is for strategies that Python says by another [`Handle`](crate::kernel::Handle)
/// than a name: it takes its type, and what classes and functions are called in Python, without
/// `strategies`.
#[macro_export]
macro_rules! kernel_bindings {
    ($module:literal, $Family:ty) => {
        $crate::kernel_bindings!(
            $module, $crate::kernel::Name<$Family>,
            "Sweep", "Permutations", "simulate", "orders", "lacks"
        );

        /// Canonical parameter names of each strategy of the module.
        #[pyfunction]
        #[pyo3(crate = "wfo_bindings::pyo3")]
        pub fn strategies() -> Vec<(String, Vec<String>)> {
            $crate::kernel::strategies::<$Family>()
        }
    };
    (
        $module:literal, $Handle:ty, $Sweep:literal, $Permutations:literal, $simulate:literal,
        $orders:literal, $lacks:literal
    ) => {
        use $crate::numpy::PyReadonlyArray1;
        use $crate::pyo3::prelude::*;

        /// A grid over one history, computed in any pieces by a pool of threads.
        #[pyclass(frozen, name = $Sweep, module = $module, crate = "wfo_bindings::pyo3")]
        pub struct Sweep {
            inner: $crate::sweep::PySweep,
        }

        #[pymethods]
        #[pyo3(crate = "wfo_bindings::pyo3")]
        impl Sweep {
            #[new]
            #[pyo3(signature = (
                        engine, strategy, feeds, axes, settings, phases, threads, extended=false,
                        labels=None, label_count=0,
                    ))]
            #[expect(clippy::too_many_arguments, reason = "a sweep is made of as many things")]
            fn new(
                py: Python<'_>,
                engine: &str,
                strategy: $Handle,
                feeds: $crate::feeds::PyFeeds<'_>,
                axes: $crate::sweep::PyAxes,
                settings: Bound<'_, PyAny>,
                phases: Vec<(usize, usize, usize)>,
                threads: usize,
                extended: bool,
                labels: $crate::simulate::PyLabels<'_>,
                label_count: usize,
            ) -> PyResult<Self> {
                let inner = $crate::sweep::PySweep::of::<$Handle>(
                    py,
                    engine,
                    &strategy,
                    &feeds,
                    axes,
                    &settings,
                    &phases,
                    threads,
                    extended,
                    &labels,
                    label_count,
                )?;
                Ok(Self { inner })
            }

            fn __len__(&self) -> PyResult<usize> {
                Ok(usize::try_from(self.inner.len())?)
            }

            /// Combinations that are best computed together.
            #[getter]
            fn batch_multiple(&self) -> u64 {
                self.inner.batch_multiple()
            }

            /// Combinations fewer than which cost several times as much each.
            #[getter]
            fn least_batch(&self) -> u64 {
                self.inner.least_batch()
            }

            /// Memory that each worker holds beside the results, in bytes.
            #[getter]
            fn worker_bytes(&self) -> usize {
                self.inner.worker_bytes()
            }

            /// The figures of the combinations `start..stop`, one tuple of arrays a phase.
            fn run<'py>(
                &self,
                py: Python<'py>,
                start: u64,
                stop: u64,
            ) -> PyResult<$crate::sweep::PyPhases<'py>> {
                self.inner.run(py, start, stop)
            }

            /// The figures of any combinations in any order.
            fn run_list<'py>(
                &self,
                py: Python<'py>,
                indices: PyReadonlyArray1<'py, u64>,
            ) -> PyResult<$crate::sweep::PyPhases<'py>> {
                self.inner.run_list(py, &indices)
            }

            /// The figures of blocks of consecutive combinations, laid one after the other.
            fn run_blocks<'py>(
                &self,
                py: Python<'py>,
                starts: PyReadonlyArray1<'py, u64>,
                size: u64,
            ) -> PyResult<$crate::sweep::PyPhases<'py>> {
                self.inner.run_blocks(py, &starts, size)
            }

            /// Like `run`: the six figures that every sweep has, in the types of the result files.
            fn run_stored<'py>(
                &self,
                py: Python<'py>,
                start: u64,
                stop: u64,
            ) -> PyResult<$crate::sweep::PyPhases<'py>> {
                self.inner.run_stored(py, start, stop)
            }

            /// Like `run_list`, in the types of the result files.
            fn run_list_stored<'py>(
                &self,
                py: Python<'py>,
                indices: PyReadonlyArray1<'py, u64>,
            ) -> PyResult<$crate::sweep::PyPhases<'py>> {
                self.inner.run_list_stored(py, &indices)
            }

            /// Like `run_blocks`, in the types of the result files.
            fn run_blocks_stored<'py>(
                &self,
                py: Python<'py>,
                starts: PyReadonlyArray1<'py, u64>,
                size: u64,
            ) -> PyResult<$crate::sweep::PyPhases<'py>> {
                self.inner.run_blocks_stored(py, &starts, size)
            }

            /// The figures of the combinations `start..stop` over all trading bars of the first phase,
            /// without its boundary: one row a combination.
            fn run_performance<'py>(
                &self,
                py: Python<'py>,
                start: u64,
                stop: u64,
            ) -> PyResult<$crate::sweep::PyRows<'py>> {
                self.inner.run_performance(py, start, stop)
            }

            /// The equity of any combinations at the closes of the bars `at`, over all trading bars of
            /// the first phase: one row a combination.
            fn run_marks<'py>(
                &self,
                py: Python<'py>,
                indices: PyReadonlyArray1<'py, u64>,
                at: PyReadonlyArray1<'py, i64>,
            ) -> PyResult<$crate::sweep::PyRows<'py>> {
                self.inner.run_marks(py, &indices, &at)
            }
        }

        /// Whole searches of a grid on permuted bars.
        #[pyclass(frozen, name = $Permutations, module = $module, crate = "wfo_bindings::pyo3")]
        pub struct Permutations {
            inner: $crate::permutation::PyPermutations,
        }

        #[pymethods]
        #[pyo3(crate = "wfo_bindings::pyo3")]
        impl Permutations {
            #[new]
            #[pyo3(signature = (
                        engine, strategy, feeds, axes, settings, phases, threads, *, sets, least,
                        first, min_trades=5, classes=None, block=0,
                    ))]
            #[expect(clippy::too_many_arguments, reason = "a search is made of as many things")]
            fn new(
                py: Python<'_>,
                engine: &str,
                strategy: $Handle,
                feeds: $crate::feeds::PyFeeds<'_>,
                axes: $crate::sweep::PyAxes,
                settings: Bound<'_, PyAny>,
                phases: Vec<(usize, usize, usize)>,
                threads: usize,
                sets: Vec<$crate::permutation::PyGateSet>,
                least: usize,
                first: usize,
                min_trades: u64,
                classes: Option<PyReadonlyArray1<'_, i64>>,
                block: usize,
            ) -> PyResult<Self> {
                let moves = $crate::permutation::PyMoves { first, classes, block };
                let stable = $crate::permutation::PyStable { sets, least, min_trades };
                let inner = $crate::permutation::PyPermutations::of::<$Handle>(
                    py, engine, &strategy, &feeds, axes, &settings, &phases, threads, stable, &moves,
                )?;
                Ok(Self { inner })
            }

            fn __len__(&self) -> PyResult<usize> {
                Ok(usize::try_from(self.inner.combinations())?)
            }

            /// How many permutations run at a time.
            #[getter]
            fn concurrent(&self) -> usize {
                self.inner.concurrent()
            }

            /// Memory of each permutation that runs, in bytes.
            #[getter]
            fn worker_bytes(&self) -> usize {
                self.inner.worker_bytes()
            }

            /// Names of the figures, in order.
            fn columns(&self) -> Vec<String> {
                self.inner.columns()
            }

            /// The figures of the permutations `start..stop`, one row each.
            fn run<'py>(
                &self,
                py: Python<'py>,
                start: u64,
                stop: u64,
            ) -> PyResult<$crate::sweep::PyRows<'py>> {
                self.inner.run(py, start, stop)
            }

            /// The feeds of a permutation.
            fn permuted<'py>(
                &self,
                py: Python<'py>,
                number: u64,
            ) -> PyResult<$crate::permutation::Columns<'py>> {
                self.inner.permuted(py, number)
            }

            /// Buy-and-hold of every phase in a permutation.
            fn held<'py>(
                &self,
                py: Python<'py>,
                number: u64,
            ) -> PyResult<$crate::sweep::PyRows<'py>> {
                self.inner.held(py, number)
            }
        }

        /// One parameter set, or several in succession, bar by bar.
        #[pyfunction]
        #[pyo3(
                    crate = "wfo_bindings::pyo3",
                    name = $simulate,
                    signature = (
                        engine, strategy, feeds, params, settings, warmup, split, labels=None,
                        label_count=0,
                    )
                )]
        #[expect(clippy::too_many_arguments, reason = "a simulation is made of as many things")]
        pub fn simulate<'py>(
            py: Python<'py>,
            engine: &str,
            strategy: $Handle,
            feeds: $crate::feeds::PyFeeds<'py>,
            params: Vec<(usize, Vec<f64>)>,
            settings: Bound<'py, PyAny>,
            warmup: usize,
            split: usize,
            labels: $crate::simulate::PyLabels<'py>,
            label_count: usize,
        ) -> PyResult<$crate::simulate::Simulated<'py>> {
            $crate::simulate::simulate::<$Handle>(
                py,
                engine,
                &strategy,
                &feeds,
                &params,
                &settings,
                warmup,
                split,
                &labels,
                label_count,
            )
        }

        /// State and orders in the bar after the last one; None where the kernel does not say.
        #[pyfunction]
        #[pyo3(crate = "wfo_bindings::pyo3", name = $orders)]
        pub fn orders<'py>(
            py: Python<'py>,
            strategy: $Handle,
            feeds: $crate::feeds::PyFeeds<'py>,
            params: Vec<f64>,
            settings: Bound<'py, PyAny>,
            warmup: usize,
        ) -> PyResult<Option<$crate::orders::Orders<'py>>> {
            $crate::orders::orders::<$Handle>(py, &strategy, &feeds, &params, &settings, warmup)
        }

        /// Why an engine cannot do a task; None where it can.
        #[pyfunction]
        #[pyo3(
                    crate = "wfo_bindings::pyo3",
                    name = $lacks,
                    signature = (engine, strategy, settings, extended, dated, axes=None, performance=false)
                )]
        pub fn lacks(
            engine: &str,
            strategy: $Handle,
            settings: Bound<'_, PyAny>,
            extended: bool,
            dated: bool,
            axes: Option<Vec<Vec<usize>>>,
            performance: bool,
        ) -> PyResult<Option<String>> {
            $crate::kernel::lacks::<$Handle>(
                engine, &strategy, &settings, extended, dated, performance, axes,
            )
        }
    };
}

/// Makes an extension module of a [`Family`](crate::Family): `export_kernel!(name, "name", Family)`.
///
/// The module needs no global interpreter lock: its classes are frozen, and a [`Kernel`] and what it
/// shares are `Send` and `Sync`, so that threads meet nothing else that changes. A kernel with state of
/// its own outside them, a static or a library behind it, has to guard that itself.
///
/// [`Kernel`]: wfo_core::Kernel
#[macro_export]
macro_rules! export_kernel {
    ($name:ident, $module:literal, $Family:ty) => {
        /// The contents of the module.
        mod kernel_bindings {
            use super::*;
            $crate::kernel_bindings!($module, $Family);
        }

        #[$crate::pyo3::pymodule(gil_used = false)]
        #[pyo3(crate = "wfo_bindings::pyo3")]
        fn $name(
            module: &$crate::pyo3::Bound<'_, $crate::pyo3::types::PyModule>,
        ) -> $crate::pyo3::PyResult<()> {
            use $crate::pyo3::prelude::*;
            $crate::panics::quiet();
            module.add_class::<kernel_bindings::Sweep>()?;
            module.add_class::<kernel_bindings::Permutations>()?;
            module
                .add_function($crate::pyo3::wrap_pyfunction!(kernel_bindings::simulate, module)?)?;
            module.add_function($crate::pyo3::wrap_pyfunction!(kernel_bindings::lacks, module)?)?;
            module
                .add_function($crate::pyo3::wrap_pyfunction!(kernel_bindings::orders, module)?)?;
            module
                .add_function($crate::pyo3::wrap_pyfunction!(kernel_bindings::strategies, module)?)
        }
    };
}

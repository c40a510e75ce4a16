"""One interface over the engines: simulate a parameter set, sweep a grid.

The Numba reference is the definition in code, the Rust engines are what a search runs on: the
direct one goes bar by bar, the factored one computes what combinations share once for all of them.
They take the same values and agree trade by trade, so that a caller chooses by name alone.
"""

from __future__ import annotations

import operator
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from wfo.bars import Prices, check_same_stamps, prices
from wfo.errors import EngineError, InputError, did_you_mean
from wfo.grid import Grid
from wfo.settings import AccountSettings as Settings
from wfo.strategy import Number, Strategy, get_strategy
from wfo.windows import LEAST_WARMUP, Phase, Phases

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from wfo import _core

    FloatArray = NDArray[np.float64]
    CountArray = NDArray[np.uint32]

_TRADE_COLUMNS = ("side", "entry_bar", "entry_price", "exit_bar", "exit_price", "pnl")

#: Seconds that a block of a sweep should take: short enough for Ctrl-C and a progress line, long
#: enough for two granules. Rows of one have so much in common that cut ones cost more, and at the
#: end of a single one threads wait for each other.
_BLOCK_SECONDS = 1.0
_FIRST_BLOCK = 512
_LARGEST_BLOCK = 1 << 21

#: Combinations of a sample that are swept together.
_SAMPLE_BLOCK = 1 << 13


class Figures(NamedTuple):
    """What a phase comes to, one cell a combination.

    ``is_pnl, oos_pnl, is_dd, oos_dd`` in currency, floating; ``is_trades, oos_trades``, the trades
    closed in those bars, integer.
    """

    is_pnl: NDArray[Any]
    oos_pnl: NDArray[Any]
    is_dd: NDArray[Any]
    oos_dd: NDArray[Any]
    is_trades: NDArray[Any]
    oos_trades: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Simulation:
    """One parameter set over one phase.

    Attributes
    ----------
    trades
        Closed trades, oldest first: ``side`` (``"long"`` or ``"short"``), ``entry_bar``,
        ``entry_price``, ``exit_bar``, ``exit_price`` (raw fills, before slippage), ``pnl``.
    equity
        float64[n], in currency: the mark at every close, the capital before the first trading bar.
    is_pnl, oos_pnl, is_dd, oos_dd
        Profit or loss and largest drawdown, in- and out-of-sample, in currency.
    is_trades, oos_trades
        Trades closed in- and out-of-sample.
    """

    trades: pl.DataFrame
    equity: FloatArray
    is_pnl: float
    oos_pnl: float
    is_dd: float
    oos_dd: float
    is_trades: int
    oos_trades: int


@dataclass(frozen=True, slots=True, repr=False)
class SweepResult:
    """A grid over one phase; cell ``i`` of every array belongs to combination ``i``.

    Attributes
    ----------
    grid
        The grid that was swept.
    bounds
        First trading bar, first out-of-sample bar, one past the last bar.
    is_pnl, oos_pnl, is_dd, oos_dd
        float64[len(grid)], in currency.
    is_trades, oos_trades
        uint32[len(grid)].
    phase
        The phase, where the sweep was given a schedule.
    min_phases
        Valid phases that the schedule asks of a stable combination, where there is one.
    """

    grid: Grid
    bounds: tuple[int, int, int]
    is_pnl: FloatArray
    oos_pnl: FloatArray
    is_dd: FloatArray
    oos_dd: FloatArray
    is_trades: CountArray
    oos_trades: CountArray
    phase: Phase | None = None
    min_phases: int | None = None

    def __len__(self) -> int:
        return len(self.grid)

    def __repr__(self) -> str:
        return f"SweepResult({self.grid!r}, bars {self.bounds})"

    def figures(self, start: int = 0, stop: int | None = None) -> Figures:
        """Return the six arrays, or a stretch of them."""
        return Figures(*(getattr(self, name)[start:stop] for name in Figures._fields))

    def params(self, index: int) -> dict[str, Number]:
        """Return combination `index` as a dict."""
        return self.grid.params(index)

    def to_frame(self) -> pl.DataFrame:
        """Return one row a combination, in flat index order: its parameters and the six figures."""
        import numpy as np
        import polars as pl

        columns: dict[str, Any] = self.grid.columns(np.arange(len(self.grid), dtype=np.int64))
        return pl.DataFrame(columns | self.figures()._asdict())


class Data(NamedTuple):
    """The bars that a strategy reads, and those of the second symbol where it has one."""

    bars: Prices
    second: Prices | None = None

    def until(self, end: int) -> Data:
        """Return the bars before `end`."""
        second = self.second and Prices(*(column[:end] for column in self.second))
        return Data(Prices(*(column[:end] for column in self.bars)), second)


class Prepared(Protocol):
    """A grid on a history, ready to be computed in any pieces and order."""

    @property
    def granule(self) -> int:
        """Combinations that are best computed together; 1 where it makes no difference."""

    def run(self, start: int, stop: int) -> list[Figures]:
        """Return the figures of combinations ``start..stop``, one item a phase."""

    def run_stored(self, start: int, stop: int) -> list[Figures]:
        """Return the same as result files hold it: float32, and uint16 that stops at 65,535."""


class Engine(Protocol):
    """What every engine offers."""

    def simulate(
        self,
        strategy: Strategy,
        data: Data,
        values: Sequence[Number],
        settings: Settings,
        bounds: tuple[int, int, int],
    ) -> Simulation:
        """Compute one parameter set."""

    def prepare(
        self,
        data: Data,
        grid: Grid,
        settings: Settings,
        phases: Sequence[tuple[int, int, int]],
        threads: int,
    ) -> Prepared:
        """Compute what the whole grid shares."""


def core_feeds(data: Data) -> list[tuple[str, dict[str, FloatArray]]]:
    """Return what the compiled core reads: each feed by name, its columns by name."""
    named = (("bars", data.bars), ("bars2", data.second))
    return [(name, prices._asdict()) for name, prices in named if prices is not None]


@dataclass(frozen=True, slots=True)
class _Core:
    """An engine of the Rust core."""

    name: str

    def simulate(
        self,
        strategy: Strategy,
        data: Data,
        values: Sequence[Number],
        settings: Settings,
        bounds: tuple[int, int, int],
    ) -> Simulation:
        from wfo import _core

        warmup, split, end = bounds
        params = [(0, [float(v) for v in values])]
        feeds = core_feeds(data.until(end))
        figures, trades, equity, _ = _core.simulate(
            self.name, strategy.name, feeds, params, settings, warmup, split
        )
        return _simulation(
            [figures[name] for name in Figures._fields],
            [trades[name] for name in _TRADE_COLUMNS],
            equity,
        )

    def prepare(
        self,
        data: Data,
        grid: Grid,
        settings: Settings,
        phases: Sequence[tuple[int, int, int]],
        threads: int,
    ) -> Prepared:
        from wfo import _core

        name, axes, feeds = grid.strategy.name, grid.engine_axes, core_feeds(data)
        return _CoreSweep(
            _core.Sweep(self.name, name, feeds, axes, settings, list(phases), threads)
        )


@dataclass(frozen=True, slots=True)
class _CoreSweep:
    _sweep: _core.Sweep

    @property
    def granule(self) -> int:
        return self._sweep.granule

    def run(self, start: int, stop: int) -> list[Figures]:
        return [Figures(*arrays) for arrays in self._sweep.run(start, stop)]

    def run_stored(self, start: int, stop: int) -> list[Figures]:
        return [Figures(*arrays) for arrays in self._sweep.run_stored(start, stop)]


class _Reference:
    """The Numba engine that is written to be read."""

    def simulate(
        self,
        strategy: Strategy,
        data: Data,
        values: Sequence[Number],
        settings: Settings,
        bounds: tuple[int, int, int],
    ) -> Simulation:
        from wfo.atr_d import reference

        warmup, split, end = bounds
        bars, second = data.until(end)
        options = {"warmup": warmup, "split": split, **settings.to_dict()}
        found = reference.simulate(strategy.name, *bars, values, second=second, **options)
        return _simulation(
            tuple(getattr(found, name) for name in Figures._fields),
            tuple(getattr(found, name) for name in _TRADE_COLUMNS),
            found.equity,
        )

    def prepare(
        self,
        data: Data,
        grid: Grid,
        settings: Settings,
        phases: Sequence[tuple[int, int, int]],
        threads: int,  # noqa: ARG002  # the reference is read, not raced
    ) -> Prepared:
        return _ReferenceSweep(data, grid, settings, list(phases))


@dataclass(frozen=True, slots=True)
class _ReferenceSweep:
    data: Data
    grid: Grid
    settings: Settings
    phases: list[tuple[int, int, int]]
    granule: int = 1

    def run(self, start: int, stop: int) -> list[Figures]:
        import numpy as np

        from wfo.atr_d import reference

        columns = self.grid.columns(np.arange(start, stop, dtype=np.int64))
        rows = np.column_stack([c.astype(np.float64) for c in columns.values()])
        bars, second = self.data
        options = {"phases": self.phases, **self.settings.to_dict()}
        found = reference.sweep(self.grid.strategy.name, *bars, rows, second=second, **options)
        return [Figures(*(getattr(phase, n) for n in Figures._fields)) for phase in found]

    def run_stored(self, start: int, stop: int) -> list[Figures]:
        return [as_stored(phase) for phase in self.run(start, stop)]


_ENGINES: dict[str, Engine] = {
    "factored": _Core("factored"),
    "direct": _Core("direct"),
    "reference": _Reference(),
}


def engine_names() -> tuple[str, ...]:
    """Return the names that `engine` arguments take."""
    return ("auto", *_ENGINES)


def get_engine(name: str) -> tuple[str, Engine]:
    """Return the engine called `name`, and its own name where `name` is ``"auto"``.

    Raises
    ------
    EngineError
        If there is no such engine.
    """
    if name == "auto":
        name = "factored"
    if name not in _ENGINES:
        raise EngineError(f"there is no engine {name!r}{did_you_mean(str(name), engine_names())}")
    return name, _ENGINES[name]


def simulate(
    strategy: str | Strategy,
    bars: pl.DataFrame,
    params: Mapping[str, Any],
    *,
    split: int,
    warmup: int | None = None,
    bars2: pl.DataFrame | None = None,
    settings: Settings | None = None,
    engine: str = "direct",
) -> Simulation:
    """Simulate one parameter set over all of `bars`.

    Parameters
    ----------
    strategy
        Name from `wfo.strategies`.
    bars
        ``date`` or ``datetime``, ``open, high, low, close``; n rows, oldest first.
    params
        One number for each parameter of the strategy.
    split
        Index of the first out-of-sample bar.
    warmup
        Index of the first trading bar; by default 100, or the longest lookback if that is more.
    bars2
        The second symbol's bars, for strategies that read one.
    settings
        Capital, costs, sizing and entry style.
    engine
        ``"auto"``, ``"factored"``, ``"direct"`` or ``"reference"``. For a single set the direct one
        has the least to prepare.

    Returns
    -------
    Simulation
        Trades, equity and the six figures.

    Raises
    ------
    WfoError
        If a parameter, position or bar cannot be used; the message names it and what would do.
    """
    strategy = get_strategy(strategy)
    values = strategy.check_params(params)
    need = strategy.lookback({n: (v,) for n, v in zip(strategy.names, values, strict=True)})
    _, chosen = get_engine(engine)
    data = read_data(strategy, bars, bars2)
    bounds = _bounds(split, warmup, need, len(data.bars.open))
    return chosen.simulate(strategy, data, values, _settings(strategy, settings), bounds)


def sweep(
    strategy: str | Strategy,
    bars: pl.DataFrame,
    grid: Grid | Mapping[str, Any],
    *,
    split: int | None = None,
    warmup: int | None = None,
    windows: Sequence[Phase] | None = None,
    bars2: pl.DataFrame | None = None,
    settings: Settings | None = None,
    engine: str = "auto",
    threads: int | None = None,
) -> Any:
    """Sweep a whole grid over one phase, or over all phases of a schedule at once.

    Parameters
    ----------
    strategy
        Name from `wfo.strategies`.
    bars
        ``date`` or ``datetime``, ``open, high, low, close``; n rows, oldest first.
    grid
        A `Grid`, or the values of one.
    split
        Index of the first out-of-sample bar; the phase ends with the last bar.
    warmup
        Index of the first trading bar; by default 100, or the longest lookback if that is more.
    windows
        Phases from `Windows.resolve`, instead of `split` and `warmup`.
    bars2
        The second symbol's bars, for strategies that read one.
    settings
        Capital, costs, sizing and entry style.
    engine
        ``"auto"``, which is the factored one, ``"factored"``, ``"direct"`` or ``"reference"``.
    threads
        How many; by default one for each core that this process may use. Results do not depend on
        it.

    Returns
    -------
    SweepResult, or a list of them, one a phase, where `windows` was given

    Raises
    ------
    WfoError
        If a parameter, position or bar cannot be used; the message names it and what would do.
    """
    import numpy as np

    strategy = get_strategy(strategy)
    if not isinstance(grid, Grid):
        grid = Grid(grid, strategy=strategy)
    if grid.strategy.name != strategy.name:
        raise InputError(f"the grid is one of {grid.strategy.name}, not of {strategy.name}")
    data = read_data(strategy, bars, bars2)
    count = len(data.bars.open)
    if windows is None:
        if split is None:
            raise InputError("a sweep needs split=, the first out-of-sample bar, or windows=")
        phases: list[Phase | None] = [None]
        bounds = [_bounds(split, warmup, grid.need, count)]
    else:
        if split is not None or warmup is not None:
            raise InputError("windows= brings its own split and warmup; leave those out")
        if not (
            isinstance(windows, Sequence) and windows and all(isinstance(p, Phase) for p in windows)
        ):
            raise InputError(
                f"windows = {windows!r} are no phases; Windows.preset().resolve(dates) makes them"
            )
        phases = list(windows)
        bounds = [_bounds(p.split, p.warmup, grid.need, count, p.end) for p in windows]
    dtypes = (np.float64,) * 4 + (np.uint32,) * 2
    try:
        out = [Figures(*(np.empty(len(grid), d) for d in dtypes)) for _ in bounds]
    except MemoryError:
        size = len(grid) * len(bounds) * sum(np.dtype(d).itemsize for d in dtypes)
        raise InputError(
            f"the figures of {len(grid):,} combinations over {len(bounds)} phases take"
            f" {size / 1e9:.1f} GB of memory, more than there is; 'wfo run' keeps them on disk"
        ) from None
    for start, stop, block in iter_sweep(data, grid, settings, bounds, engine, threads):
        for held, found in zip(out, block, strict=True):
            for column, piece in zip(held, found, strict=True):
                column[start:stop] = piece
    least = windows.min_phases if isinstance(windows, Phases) else None
    results = [
        SweepResult(grid, b, *figures, phase=p, min_phases=least)
        for b, figures, p in zip(bounds, out, phases, strict=True)
    ]
    return results if windows is not None else results[0]


def iter_sweep(
    data: Data,
    grid: Grid,
    settings: Settings | None,
    bounds: Sequence[tuple[int, int, int]],
    engine: str = "auto",
    threads: int | None = None,
    *,
    spans: Sequence[tuple[int, int]] | None = None,
    stored: bool = False,
) -> Iterator[tuple[int, int, list[Figures]]]:
    """Sweep a grid block by block, in flat index order.

    The blocks are as large as a fraction of a second's work, so that whoever consumes them can
    show progress, and an interrupt is heard between two of them. Those that are larger than the
    engine's granule end with a whole one, but for the last of a span.

    Parameters
    ----------
    data, grid, settings, bounds, engine, threads
        What to sweep, and with what.
    spans
        First combinations and ends of the stretches to sweep; by default the whole grid.
    stored
        Whether figures come in the types of result files.

    Yields
    ------
    start, stop
        The combinations of the block.
    figures
        One item a phase.
    """
    _, chosen = get_engine(engine)
    own = _settings(grid.strategy, settings)
    prepared = chosen.prepare(data, grid, own, bounds, thread_count(threads))
    run = prepared.run_stored if stored else prepared.run
    size = _FIRST_BLOCK
    # What part of a granule costs beside its combinations must not make blocks ever smaller.
    least = min(prepared.granule, _FIRST_BLOCK)
    for first, end in ((0, len(grid)),) if spans is None else spans:
        start = first
        while start < end:
            stop = start + size
            # A granule that is cut is prepared twice, so where whole ones fit, a block ends with
            # one.
            if size >= prepared.granule:
                stop -= stop % prepared.granule
            stop = min(stop, end)
            begun = time.perf_counter()
            figures = run(start, stop)
            seconds = time.perf_counter() - begun
            yield start, stop, figures
            # At most four times the last block, since the first ones also fill caches.
            wanted = (stop - start) * _BLOCK_SECONDS / max(seconds, 1e-6)
            size = int(max(least, min(wanted, 4 * size, _LARGEST_BLOCK)))
            start = stop


def sweep_sample(
    data: Data,
    grid: Grid,
    settings: Settings | None,
    bounds: Sequence[tuple[int, int, int]],
    indices: NDArray[np.int64],
    threads: int | None = None,
    *,
    tick: Callable[[int], None] = lambda _: None,
) -> list[Figures]:
    """Return the figures of combinations anywhere in a grid, as result files hold them.

    They come from the direct engine, since what is far apart shares nothing.

    Parameters
    ----------
    data, grid, settings, bounds, threads
        What to sweep, and with what.
    indices
        Flat indices, int64[m].
    tick
        Called with the number of combinations that were just finished.

    Returns
    -------
    list of Figures
        One item a phase, m cells each.
    """
    import numpy as np

    from wfo import _core

    name, axes, feeds = grid.strategy.name, grid.engine_axes, core_feeds(data)
    phases, count = list(bounds), thread_count(threads)
    own = _settings(grid.strategy, settings)
    sweep = _core.Sweep("direct", name, feeds, axes, own, phases, count)
    parts = []
    for start in range(0, len(indices), _SAMPLE_BLOCK):
        piece = indices[start : start + _SAMPLE_BLOCK].astype(np.uint64)
        parts.append(sweep.run_list_stored(piece))
        tick(len(piece))
    return [
        Figures(*(np.concatenate(column) for column in zip(*phase, strict=True)))
        for phase in zip(*parts, strict=True)
    ]


def as_stored(figures: Figures) -> Figures:
    """Return figures in the types of result files: float32, and uint16 that stops at 65,535."""
    import numpy as np

    trades = (
        f if f.dtype == np.uint16 else np.minimum(f, np.iinfo(np.uint16).max).astype(np.uint16)
        for f in figures[4:]
    )
    return Figures(*(f.astype(np.float32, copy=False) for f in figures[:4]), *trades)


def largest_block() -> int:
    """Return the combinations that `iter_sweep` yields together at most."""
    return _LARGEST_BLOCK


def available_threads() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count(threads: int | None) -> int:
    """Return `threads`, or one for each core where it is None.

    Raises
    ------
    InputError
        If it is no number of threads.
    """
    if threads is None:
        return available_threads()
    number = _whole(threads)
    if number is None or not 1 <= number <= 1024:
        raise InputError(f"threads = {threads!r} must be a whole number from 1 to 1024")
    return number


def _settings(strategy: Strategy, settings: Settings | None) -> Settings:
    return strategy.settings_of(settings)


def _whole(value: object) -> int | None:
    """Return a whole number as an int, NumPy's too; None for anything else."""
    try:
        # What has no index raises, which is the question.
        return None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def read_data(strategy: Strategy, bars: pl.DataFrame, bars2: pl.DataFrame | None) -> Data:
    """Check the frames that a strategy reads, and return their prices.

    Raises
    ------
    DataError
        If a frame cannot be used, or the two do not have the same stamps.
    InputError
        If the second symbol is missing, or one too many.
    """
    if strategy.dual_symbol and bars2 is None:
        raise InputError(f"{strategy.name} reads a second symbol; give its bars as bars2")
    if bars2 is not None and not strategy.dual_symbol:
        raise InputError(f"{strategy.name} reads one symbol only; leave bars2 out")
    data = Data(prices(bars), None if bars2 is None else prices(bars2))
    if bars2 is not None:
        check_same_stamps(bars, bars2)
    return data


def _bounds(
    split: int, warmup: int | None, need: int, bars: int, end: int | None = None
) -> tuple[int, int, int]:
    """Check the positions of one phase before an engine sees them."""
    end = bars if end is None else end
    if warmup is None:
        warmup = max(LEAST_WARMUP, need)
    for name, value in (("split", split), ("warmup", warmup)):
        if _whole(value) is None:
            raise InputError(f"{name} = {value!r} must be a whole number, the index of a bar")
    split, warmup = int(split), int(warmup)
    if warmup < need:
        raise InputError(
            f"warmup = {warmup} is shorter than the longest lookback; it needs at least {need}"
        )
    if not warmup < split < end <= bars:
        raise InputError(
            "a phase needs warmup < split < end <= bars,"
            f" not warmup = {warmup}, split = {split}, end = {end}, bars = {bars}"
        )
    return warmup, split, end


def _simulation(figures: Sequence[Any], trades: Sequence[Any], equity: FloatArray) -> Simulation:
    import polars as pl

    sides = pl.when(pl.col("side") > 0).then(pl.lit("long")).otherwise(pl.lit("short"))
    frame = pl.DataFrame(dict(zip(_TRADE_COLUMNS, trades, strict=True))).with_columns(
        sides.alias("side"), pl.col("entry_bar", "exit_bar").cast(pl.Int64)
    )
    is_pnl, oos_pnl, is_dd, oos_dd, is_trades, oos_trades = figures
    return Simulation(
        frame,
        equity,
        float(is_pnl),
        float(oos_pnl),
        float(is_dd),
        float(oos_dd),
        int(is_trades),
        int(oos_trades),
    )

"""What a plan comes to on some bars, wherever its results will lie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wfo import bars as bars_module
from wfo.backtest import Feeds, thread_count
from wfo.backtest.benchmark import Benchmark, benchmark
from wfo.backtest.short_checks import quick_check, try_kernel
from wfo.data.years import Year, checked_bars_per_year, year_of
from wfo.errors import InputError
from wfo.grid import Grid
from wfo.progress import Progress
from wfo.rules.misfits import doubtful
from wfo.rules.parts import program_of
from wfo.runs.fetching import Fetching
from wfo.runs.given import check_given, load_grids, load_windows
from wfo.runs.inputs import Inputs, check_symbols, load_inputs
from wfo.runs.plan import GRID, STORES, RunPlan
from wfo.settings import AccountSettings
from wfo.strategy import Strategy, get_strategy
from wfo.windows import Phases, Windows

if TYPE_CHECKING:
    import polars as pl

    from wfo.data import DataStore


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """All that a plan names, read and checked.

    Attributes
    ----------
    plan
        What was asked for.
    requested
        The strategy that was named.
    grids
        One for each strategy that runs.
    schedule, phases
        The windows, and what they come to on the bars.
    inputs
        The bars.
    year
        What annual figures count in.
    benchmarks
        Buy-and-hold of the first symbol, an item a phase.
    version
        Of what computes.
    """

    plan: RunPlan
    requested: Strategy
    grids: tuple[Grid, ...]
    schedule: Windows
    inputs: Inputs
    phases: Phases
    year: Year
    benchmarks: tuple[Benchmark, ...]
    version: str

    @classmethod
    def of(
        cls,
        plan: RunPlan,
        store: DataStore,
        version: str,
        *,
        fetching: Fetching | None = None,
        progress: Progress | None = None,
    ) -> Task:
        """Read and check all that a plan names, for what computes, of that version.

        Parameters
        ----------
        plan
            What was asked for.
        store
            Where the bars are.
        version
            Of what computes.
        fetching
            How bars that the store does not have are fetched; by default as the plan says.
        progress
            Where to tell what is fetched.

        Raises
        ------
        WfoError
            If anything of it cannot be used.
        """
        requested = get_strategy(plan.strategy)
        simpler = requested.expansion if plan.expand else ()
        grids = load_grids(plan.grid, [requested, *map(get_strategy, simpler)], GRID, plan.map_axes)
        for grid in grids:
            grid.strategy.settings_of(plan.settings)
        schedule = load_windows(plan.windows)
        check_given(plan.grid, plan.windows)
        if plan.store not in STORES:
            raise InputError(f"store = {plan.store!r} must be one of {', '.join(STORES)}")
        thread_count(plan.threads)
        if plan.bars_per_year is not None:
            checked_bars_per_year(plan.bars_per_year)
        span = plan.span
        check_symbols(requested, plan.symbol, plan.symbol2)
        # Last of all: it may take minutes, and what was fetched is no use if anything is wrong.
        fetching = fetching or Fetching(plan.fetch, plan.source)
        stale = fetching.bars(plan, store, schedule, progress)
        inputs = load_inputs(
            store,
            requested,
            plan.symbol,
            plan.symbol2,
            plan.timeframe,
            allow_gaps=plan.allow_gaps,
            stale=stale,
            holdout=span,
            as_of=plan.as_of,
        )
        phases = _resolve(schedule, grids, inputs, plan)
        for grid in grids:
            feeds = inputs.of(grid.strategy)
            quick_check(grid.strategy, feeds, grid)
            try_kernel(grid.strategy, feeds, grid, plan.settings)
        plan.gates.required(len(phases), phases.min_phases)
        settings = requested.settings_of(plan.settings)
        year = year_of(plan.timeframe, bars_module.dates(inputs.bars), plan.bars_per_year)
        held = phase_benchmarks(inputs.bars, year, phases, settings)
        return cls(plan, requested, grids, schedule, inputs, phases, year, held, version)

    def on(self, inputs: Inputs) -> Task:
        """Return the same task on other bars.

        Raises
        ------
        WfoError
            If the windows do not fit them.
        """
        phases = _resolve(self.schedule, self.grids, inputs, self.plan)
        days = bars_module.dates(inputs.bars)
        year = year_of(self.plan.timeframe, days, self.plan.bars_per_year)
        held = phase_benchmarks(inputs.bars, year, phases, self.settings)
        return replace(self, inputs=inputs, phases=phases, year=year, benchmarks=held)

    @property
    def names(self) -> list[str]:
        """Those of the strategies that run."""
        return [grid.strategy.name for grid in self.grids]

    @property
    def map_axes(self) -> dict[str, tuple[str, str]]:
        """The maps of the strategies that are not those that they name themselves."""
        named = {self.requested.name: self.requested}
        found = {}
        for grid in self.grids:
            name, axes = grid.strategy.name, grid.strategy.map_axes
            own = named.get(name) or get_strategy(name)
            if axes is not None and axes != own.map_axes:
                found[name] = axes
        return found

    @property
    def notes(self) -> list[str]:
        """Notes on the grids for the page: what they leave out, and what is hardly meant."""
        found = []
        for grid in self.grids:
            strategy, notes = grid.strategy, [*grid.notes]
            program = program_of(strategy)
            if program is not None:
                notes += doubtful(program, strategy.rules, grid.values)
            found += [f"{strategy.name}: {'; '.join(notes)}"] if notes else []
        return found

    @property
    def least(self) -> int:
        """Valid phases that a stable combination needs."""
        return self.plan.gates.required(len(self.phases), self.phases.min_phases)

    @property
    def settings(self) -> AccountSettings:
        """What every backtest has in common, of the requested strategy's own type."""
        return self.requested.settings_of(self.plan.settings)

    @property
    def bounds(self) -> list[tuple[int, int, int]]:
        """Warm-up, split and end of every phase."""
        return [phase.bounds for phase in self.phases]

    @property
    def threads(self) -> int:
        """Threads that work."""
        return thread_count(self.plan.threads)

    def data(self, strategy: Strategy) -> Feeds:
        """Return the prices that a strategy reads."""
        return self.inputs.of(strategy)


def phase_benchmarks(
    bars: pl.DataFrame, year: Year, phases: Phases, settings: AccountSettings
) -> tuple[Benchmark, ...]:
    """Return buy-and-hold of every phase.

    Parameters
    ----------
    bars
        Those of the first symbol.
    year
        What annual figures count in.
    phases
        The windows on these bars.
    settings
        Capital, costs and lots.
    """
    prices = bars_module.prices(bars)
    return tuple(benchmark(prices, phase.bounds, settings, year.bars) for phase in phases)


def _resolve(schedule: Windows, grids: tuple[Grid, ...], inputs: Inputs, plan: RunPlan) -> Phases:
    """Lay the windows over the bars."""
    # Of what is held out only the dates count, and these only up to today, which may be none of a
    # bar.
    today = plan.as_of if inputs.holdout is None else inputs.holdout.today
    return schedule.resolve(inputs.dates, as_of=today, warmup=inputs.warmup(grids))

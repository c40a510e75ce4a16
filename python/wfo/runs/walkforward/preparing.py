"""A walk-forward made ready: bars, windows, criterion, what chooses, and where it is kept."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from wfo import bars as bars_module
from wfo.backtest import thread_count
from wfo.backtest.short_checks import quick_check, try_kernel
from wfo.data.years import Year, year_of
from wfo.errors import InputError
from wfo.files.limits import JSON_BYTES
from wfo.runs.given import load_grids
from wfo.runs.inputs import Inputs, check_symbols, load_inputs
from wfo.runs.walkforward.folder import WalkFolder
from wfo.runs.walkforward.identity import LAYOUT, grid_identity, walk_fingerprint
from wfo.runs.walkforward.plan import GRID
from wfo.selection.gates import Gates
from wfo.strategy import get_strategy
from wfo.strategy.value import lookback_on
from wfo.text import size_text
from wfo.walkforward.choosing import GridChooser
from wfo.walkforward.criteria import Criterion, resolved_by
from wfo.walkforward.history import History
from wfo.walkforward.matrix_layout import MatrixLayout, lay_matrix, matrix_by
from wfo.walkforward.simulating import dated_engine
from wfo.walkforward.values import Chooser, Decision
from wfo.windows import WalkWindows

if TYPE_CHECKING:
    from wfo.data import DataStore
    from wfo.grid import Grid
    from wfo.progress import Progress
    from wfo.runs.walkforward.plan import WalkPlan
    from wfo.settings import AccountSettings
    from wfo.strategy import Strategy
    from wfo.windows import WalkWindow

#: Characters of the name of a folder.
_LONGEST_NAME = 100

#: Bytes of a window in a record, and of each parameter of its set, with the drift of it.
_WINDOW_BYTES, _PARAMETER_BYTES = 4_300, 150


class Estimating(Chooser, Protocol):
    """A chooser that says beforehand how long it takes."""

    def estimate(self, windows: Sequence[WalkWindow]) -> float:
        """Return about how many seconds choosing in these windows takes."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A plan with all that carrying it out needs; nothing is written yet.

    Attributes
    ----------
    plan
        What is asked for.
    version
        Of what computes.
    inputs, history
        The bars, and the same with strategy and account.
    year
        What annual figures count in.
    windows
        The windows on them; None of a matrix.
    layout
        The cells of a matrix on them; None of one walk-forward.
    grid
        What is searched; None of a study.
    grid_name
        What that is called.
    by
        What sets are chosen by.
    by_reason, rules
        Why, where it was not asked for; and what a set must have besides, in words.
    choice
        How sets are chosen, as plain values; a decision follows from it and bars.
    identity
        What makes it this walk-forward, as plain values.
    folder
        Where it is kept.
    chooser
        Returns what chooses, and tells how far it is.
    notes, warnings
        For the page.
    """

    plan: WalkPlan
    version: str
    inputs: Inputs
    history: History
    year: Year
    windows: WalkWindows | None
    layout: MatrixLayout | None
    grid: Grid | None
    grid_name: str
    by: str
    by_reason: str
    rules: str
    choice: Mapping[str, Any]
    identity: Mapping[str, Any]
    folder: WalkFolder
    chooser: Callable[[Progress | None], Estimating]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Hash of the identity."""
        return walk_fingerprint(self.identity)

    def misfit(self, decision: Decision) -> str:
        """Return why a decision cannot be one of this search; empty where it can."""
        params, grid = decision.params, self.grid
        if grid is not None:
            index = decision.index
            known = None if index is None or index >= len(grid) else grid.params(index)
            if params != known or (known is None) != (index is None):
                return f"a decision has a set that is no combination {index} of its grid"
            if decision.searched != len(grid):
                return (
                    f"a decision has searched {decision.searched:,} combinations, and there are"
                    f" {len(grid):,}"
                )
            return ""
        if params is None:
            return ""
        try:
            self.history.strategy.check_params(params)
        except InputError as error:
            return f"a decision has another set than its strategy: {error}"
        history, values = self.history, {name: (v,) for name, v in params.items()}
        need = lookback_on(history.strategy, values, history.feeds)
        parts = self.windows if self.layout is None else self.layout.parts()
        first = min(window.first for window in parts or ())
        return "" if need <= first else f"a decision has a set that looks back {need:,} bars"


def prepare(plan: WalkPlan, store: DataStore, version: str) -> Prepared:
    """Read and check all that a walk-forward of a grid needs.

    Raises
    ------
    WfoError
        If anything of it cannot be used.
    """
    thread_count(plan.threads)
    strategy = get_strategy(plan.strategy)
    (grid,) = load_grids(plan.grid, [strategy], GRID)
    settings = strategy.settings_of(plan.settings)
    check_symbols(strategy, plan.symbol, plan.symbol2)
    by, reason = _criterion(plan)
    gates = None if plan.gates is None else Gates.preset(plan.gates)
    criterion = Criterion.of(by, gates=gates, min_trades=plan.min_trades)
    inputs = load(plan, store, strategy)
    days = bars_module.dates(inputs.bars)
    year = year_of(plan.timeframe, days, plan.bars_per_year)
    history = history_of(plan, inputs, settings, year)
    # Before a search that may take long.
    dated_engine(history)
    quick_check(strategy, history.feeds, grid)
    try_kernel(strategy, history.feeds, grid, settings)
    windows, layout = lay(plan, days, inputs.warmup([grid]), len(strategy.names), by)
    choice = {
        "version": version,
        "layout": LAYOUT,
        "grid": grid_identity(grid),
        "study": None,
        "settings": settings.to_dict(),
        "bars_per_year_given": plan.bars_per_year,
        "by": by,
        "gates": criterion.gates.to_dict() if criterion.figure is None else None,
        "min_trades": criterion.min_trades,
    }
    name = grid.name or "grid"

    def chooser(progress: Progress | None) -> Estimating:
        return GridChooser(
            history, grid, by, gates=gates, min_trades=plan.min_trades, progress=progress
        )

    left_out = (f"{name}: {'; '.join(grid.notes)}",) if grid.notes else ()
    return Prepared(
        plan=plan,
        version=version,
        inputs=inputs,
        history=history,
        year=year,
        windows=windows,
        layout=layout,
        grid=grid,
        grid_name=name,
        by=by,
        by_reason=reason,
        rules=_rules(criterion),
        choice=choice,
        identity=identity_of(plan, choice),
        folder=folder_of(plan, strategy.name, name, by),
        chooser=chooser,
        notes=(*inputs.notes, *left_out),
        warnings=warnings_of(inputs),
    )


def history_of(plan: WalkPlan, inputs: Inputs, settings: AccountSettings, year: Year) -> History:
    """Return the bars of a plan with its strategy and account."""
    strategy = get_strategy(plan.strategy if plan.study is None else str(plan.study[1].target))
    return History(
        strategy,
        inputs.of(strategy),
        settings,
        year.bars,
        plan.threads,
        year_given=year.source == "given",
    )


def _criterion(plan: WalkPlan) -> tuple[str, str]:
    """Return what sets are chosen by, and why, where that was not asked for."""
    if plan.schedule is not None:
        by = resolved_by(plan.by, plan.schedule)
    else:
        assert plan.matrix is not None  # noqa: S101  # a plan has one of the two
        by = matrix_by(plan.by, plan.matrix.in_samples, plan.matrix.purge)
    if plan.by is not None:
        return by, ""
    if by == "stability":
        return by, "the in-sample part is long enough for a stability score"
    return by, "the in-sample part is too short for a stability score"


def _rules(criterion: Criterion) -> str:
    """Return what a set must have besides, in words."""
    if criterion.figure is None:
        return f"valid by the gates {criterion.gates.name}"
    least = criterion.min_trades
    return f"{least:,} closed in-sample trades or more" if least else ""


def load(plan: WalkPlan, store: DataStore, strategy: Strategy) -> Inputs:
    """Load the bars up to today, without those that are held out.

    Raises
    ------
    WfoError
        If there are none, or today lies outside of them.
    """

    def up_to(until: dt.date | None) -> Inputs:
        return load_inputs(
            store,
            strategy,
            plan.symbol,
            plan.symbol2,
            plan.timeframe,
            allow_gaps=plan.allow_gaps,
            holdout=plan.span,
            as_of=plan.as_of,
            until=until,
        )

    inputs = up_to(None)
    if plan.as_of is None or plan.holdout is not None:
        return inputs
    days = inputs.dates
    if not days[0] <= plan.as_of <= days[-1]:
        raise InputError(
            f"as-of {plan.as_of} lies outside the history, {days[0]} … {days[-1]}; take a date"
            " within it"
        )
    return up_to(plan.as_of)


def lay(
    plan: WalkPlan, days: list[dt.date], warmup: int, parameters: int, by: str | None = None
) -> tuple[WalkWindows | None, MatrixLayout | None]:
    """Lay the windows, or the cells of a matrix, over the bars.

    Parameters
    ----------
    plan
        What is asked.
    days
        The date of every bar.
    warmup
        Bars before the first trading bar, at least.
    parameters
        How many a set has.
    by
        What a grid is searched by, which leaves out cells of a matrix that are too short for it.

    Raises
    ------
    WfoError
        If they do not fit, or a record of so many, with so many parameters, could not be read.
    """
    if plan.schedule is not None:
        windows = plan.schedule.resolve(days, begin=plan.begin, warmup=warmup)
        _check_count(len(windows), parameters)
        return windows, None
    asked = plan.matrix
    assert asked is not None  # noqa: S101  # a plan has one of the two
    layout = lay_matrix(
        days,
        asked.in_samples,
        asked.out_of_samples,
        asked.kinds,
        purge=asked.purge,
        begin=plan.begin,
        warmup=warmup,
        by=by,
    )
    return None, layout


def _check_count(windows: int, parameters: int) -> None:
    """Raise an `InputError` where the record would be larger than what is read again."""
    size = windows * (_WINDOW_BYTES + parameters * _PARAMETER_BYTES)
    if size > JSON_BYTES:
        raise InputError(
            f"{windows:,} windows with {parameters} parameters make a record of some"
            f" {size_text(size)}, and {size_text(JSON_BYTES)} are read; take a longer step, or a"
            " later --from"
        )


def identity_of(plan: WalkPlan, choice: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes a walk-forward another one; later bars do not."""
    return {
        **choice,
        "symbols": list(plan.symbols),
        "timeframe": plan.timeframe,
        "schedule": None if plan.schedule is None else plan.schedule.to_dict(),
        "matrix": None if plan.matrix is None else plan.matrix.to_dict(),
        "begin": None if plan.begin is None else plan.begin.isoformat(),
    }


def grid_folder(plan: WalkPlan) -> WalkFolder:
    """Return where the walk-forward of a grid is kept; no bars are read.

    Raises
    ------
    WfoError
        If the grid or the criterion cannot be used.
    """
    strategy = get_strategy(plan.strategy)
    (grid,) = load_grids(plan.grid, [strategy], GRID)
    return folder_of(plan, strategy.name, grid.name or "grid", _criterion(plan)[0])


def folder_of(plan: WalkPlan, strategy: str, grid: str, by: str) -> WalkFolder:
    """Return where it is kept, by its name or by one that says what it is.

    Raises
    ------
    InputError
        If a folder cannot be called like that.
    """
    name = plan.name
    if name is None:
        lengths = "matrix" if plan.schedule is None else plan.schedule.name
        parts = (strategy, grid, lengths, by)
        # An objective of a study may be a formula.
        name = "_".join(re.sub(r"[^A-Za-z0-9.-]+", "_", part).strip("_.-") for part in parts)
        name = name[:_LONGEST_NAME].rstrip("_.-")
    return WalkFolder.of_walk(plan.results, plan.symbol, plan.symbol2, plan.timeframe, name)


def warnings_of(inputs: Inputs) -> tuple[str, ...]:
    """Return what the sources of the bars have said of them."""
    records = [record for record in (inputs.data, inputs.data2) if record is not None]
    return tuple(f"{r.symbol}: {text}" for r in records for text in r.warnings)

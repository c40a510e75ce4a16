"""A walk-forward of studies made ready: a space that is searched in each window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wfo import bars as bars_module
from wfo.data import fingerprint as bars_fingerprint
from wfo.data.frames import time_column
from wfo.data.years import year_of
from wfo.errors import InputError
from wfo.runs.optimizing.bars import SearchBars, load_bars, within
from wfo.runs.optimizing.identity import target_digest
from wfo.runs.walkforward.folder import WalkFolder
from wfo.runs.walkforward.identity import LAYOUT, walk_fingerprint
from wfo.runs.walkforward.preparing import (
    Estimating,
    Prepared,
    folder_of,
    history_of,
    identity_of,
    lay,
    load,
    warnings_of,
)
from wfo.runs.walkforward.programs import program_days, require_program
from wfo.runs.walkforward.searching import by_of
from wfo.runs.walkforward.studies import StudyChooser
from wfo.strategy import get_strategy
from wfo.walkforward.simulating import dated_engine

if TYPE_CHECKING:
    import datetime as dt

    from wfo.data import DataStore
    from wfo.progress import Progress
    from wfo.runs.walkforward.plan import WalkPlan
    from wfo.search.plan import SearchPlan
    from wfo.windows import WalkWindows

#: What of a plan decides neither which trials a study has nor what their figures are, or is said by
#: the windows.
_BESIDE = frozenset(
    {
        *("folder", "symbols", "timeframe", "windows", "period", "holdout", "workers", "timeout"),
        *("memory", "retries", "prune", "baseline", "top", "guardrails"),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class PreparedProgram:
    """A walk-forward of a program with all that carrying it out needs; nothing is written yet.

    Attributes
    ----------
    plan, search
        What is asked for, and what is searched in each window.
    version
        Of what computes.
    bars, windows
        The bars, and the windows on them.
    identity, folder
        What makes it this walk-forward, and where it is kept.
    """

    plan: WalkPlan
    search: SearchPlan
    version: str
    bars: SearchBars
    windows: WalkWindows
    identity: Mapping[str, Any]
    folder: WalkFolder

    @property
    def fingerprint(self) -> str:
        """Hash of the identity."""
        return walk_fingerprint(self.identity)


def prepare_study(plan: WalkPlan, store: DataStore, version: str) -> Prepared:
    """Read and check all that a walk-forward with a study of a strategy in each window needs.

    Raises
    ------
    WfoError
        If anything of it cannot be used.
    """
    name, search = _search(plan)
    strategy = get_strategy(str(search.target))
    if strategy.dual_symbol:
        raise InputError(
            f"{strategy.name} reads a second symbol, which a search has not; walk forward with"
            " --strategy and --grid"
        )
    plan = replace(plan, as_of=_until(plan, search, store))
    inputs = load(plan, store, strategy)
    frame = within(plan.symbol, inputs.bars, *search.period)
    printed = bars_fingerprint(frame)
    stamps: Any = frame[time_column(frame)]
    first, last = stamps[0].isoformat(), stamps[-1].isoformat()
    data = replace(inputs.data, rows=len(frame), first=first, last=last, fingerprint=printed)
    inputs = replace(inputs, bars=frame, data=data)
    bars = SearchBars({plan.symbol: frame}, {plan.symbol: printed})
    days = bars_module.dates(frame)
    by = by_of(search)
    folder = folder_of(plan, strategy.name, name, by)
    checked = StudyChooser(search, bars, folder.path)
    year = year_of(plan.timeframe, days, plan.bars_per_year)
    history = history_of(plan, inputs, checked.settings, year)
    dated_engine(history)
    windows, layout = lay(plan, days, checked.warmup, len(strategy.names))
    choice = _choice(search, version, by) | {
        "settings": checked.settings.to_dict(),
        "bars_per_year_given": plan.bars_per_year,
    }

    def chooser(progress: Progress | None) -> Estimating:
        return StudyChooser(search, bars, folder.path, progress=progress)

    return Prepared(
        plan=plan,
        version=version,
        inputs=inputs,
        history=history,
        year=year,
        windows=windows,
        layout=layout,
        grid=None,
        grid_name=name,
        by=by,
        by_reason="",
        rules="",
        choice=choice,
        identity=identity_of(plan, choice),
        folder=folder,
        chooser=chooser,
        notes=(*inputs.notes, *checked.notes),
        warnings=warnings_of(inputs),
    )


def prepare_program(plan: WalkPlan, store: DataStore, version: str) -> PreparedProgram:
    """Read and check all that a walk-forward of a program needs; it is not run.

    Raises
    ------
    WfoError
        If anything of it cannot be used.
    """
    name, search = _search(plan)
    if plan.matrix is not None:
        raise InputError(
            "a matrix lets sets trade one after the other as one account, and a program is called"
            " anew in each window; walk forward with --in and --out"
        )
    require_program(search)
    if plan.bars_per_year is not None:
        raise InputError(
            "a program makes its own figures, so that bars_per_year changes none; leave it out"
        )
    if plan.as_of is not None:
        begin, end = search.period
        search = replace(search, period=(begin, min(plan.as_of, end or plan.as_of)))
    bars = load_bars(store, search)
    # Before the first bar that trades a program has its warm-up, and as many bars as it asks for.
    windows, _ = lay(plan, program_days(bars), max(1, search.warmup), len(search.space.names))
    assert windows is not None  # noqa: S101  # of one schedule there are some
    by = by_of(search)
    choice = _choice(search, version, by) | {"settings": {}, "bars_per_year_given": None}
    return PreparedProgram(
        plan=plan,
        search=search,
        version=version,
        bars=bars,
        windows=windows,
        identity=identity_of(replace(plan, symbol2=None), choice),
        folder=folder_of(plan, "program", name, by),
    )


def _search(plan: WalkPlan) -> tuple[str, SearchPlan]:
    assert plan.study is not None  # noqa: S101  # it is asked for studies alone
    return plan.study


def _until(plan: WalkPlan, search: SearchPlan, store: DataStore) -> dt.date | None:
    """Return the last day that is used: that of the plan or of the space, None for the last bar's.

    A period of a space may end where there are no bars yet.
    """
    end = search.period[1]
    if end is None or (plan.as_of is not None and plan.as_of <= end):
        return plan.as_of
    days = bars_module.dates(store.load(plan.symbol, plan.timeframe))
    return end if end < days[-1] else plan.as_of


def _choice(search: SearchPlan, version: str, by: str) -> dict[str, Any]:
    """Return how sets are chosen, as plain values."""
    own = {name: value for name, value in search.to_dict().items() if name not in _BESIDE}
    digest = target_digest(search)
    rails = None if search.guardrails is None else search.guardrails.digest
    return {
        "version": version,
        "layout": LAYOUT,
        "grid": None,
        "study": own | {"digest": digest, "guardrails": rails},
        "by": by,
        "gates": None,
        "min_trades": 0,
    }

"""A walk-forward as a call from Python, with the options of its command."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.arguments import file_path, flag, instance, one_of, progress_of, text, whole_number
from wfo.backtest.checks import thread_count
from wfo.data import DataStore
from wfo.data.timeframes import TIMEFRAMES
from wfo.data.years import checked_bars_per_year
from wfo.errors import InputError
from wfo.grid import Grid, GridText
from wfo.progress import Progress
from wfo.runs.given import grid_given, grid_word, strategy_word
from wfo.runs.machine import Machine
from wfo.runs.walkforward.asking import mistake
from wfo.runs.walkforward.carrying import carry_out, prepared
from wfo.runs.walkforward.carrying_programs import carry_out_program, look_at_program
from wfo.runs.walkforward.estimate import WalkEstimate, estimate
from wfo.runs.walkforward.folder import WalkFolder
from wfo.runs.walkforward.manifest import read_found
from wfo.runs.walkforward.plan import GRID, MatrixAsked, WalkPlan
from wfo.runs.walkforward.preparing import grid_folder
from wfo.runs.walkforward.report import WalkForwardReport
from wfo.search.plan_file import read_plan
from wfo.selection.gates import PRESETS
from wfo.settings import AccountSettings
from wfo.strategy import StrategyLike, get_strategy, is_built_in
from wfo.walkforward.matrix_lengths import checked_kinds, matrix_lengths
from wfo.windows import Length, WalkSchedule, Windows
from wfo.windows.dates import written_day

if TYPE_CHECKING:
    from wfo.search.plan import SearchPlan


def run_walk_forward(
    symbol: str | None = None,
    strategy: StrategyLike | None = None,
    *,
    space: str | Path | None = None,
    symbol2: str | None = None,
    allow_gaps: bool = False,
    timeframe: str | None = None,
    grid: str | Path | Grid | Mapping[str, Any] | None = None,
    in_sample: str | Length | None = None,
    out_of_sample: str | Length | None = None,
    step: str | Length | None = None,
    purge: str | Length | None = None,
    anchored: bool | None = None,
    windows: str | Path | WalkSchedule | None = None,
    matrix: str | None = None,
    by: str | None = None,
    min_trades: int | None = None,
    gates: str | None = None,
    begin: dt.date | str | None = None,
    as_of: dt.date | str | None = None,
    holdout: str | None = None,
    settings: AccountSettings | None = None,
    name: str | None = None,
    fresh: bool = False,
    threads: int | None = None,
    data_dir: str | Path | None = None,
    results: str | Path = "results",
    progress: Progress | None = None,
    bars_per_year: float | None = None,
) -> WalkForwardReport:
    """Choose on a window, trade the next one, roll on, and keep what came of it in a folder.

    It is ``wfo walkforward``: the same folder, the same files, the same page. One that was stopped
    goes on with the same call, or with the command that ``walkforward.json`` states; with later
    bars only the new windows are searched. `wfo.walk_forward` does the same in memory.

    Parameters
    ----------
    symbol, symbol2
        Symbols in the store; a second one for strategies that read two.
    strategy
        What to search: a name from `wfo.strategies`, a `Strategy`, a class of rules, a kernel, or
        the text ``"FILE.py:NAME"``.
    space
        A file of a space as `wfo.optimize` takes it, in place of strategy and grid: a study is made
        in each window.
    allow_gaps
        Whether joining two symbols may drop more than 5 % of either's bars.
    timeframe
        Length of the bars; by default one day, or what the space says.
    grid
        Name of a shipped grid, path of a YAML file, or a grid of the strategy, as a `Grid` or by
        its values; by default the strategy's own, of this package's strategies ``"coarse"``.
    in_sample, out_of_sample
        How long sets are chosen on, and how long they then trade, such as ``"3y"`` and ``"6m"``.
    step
        From one window to the next; by default the out-of-sample length.
    purge
        How much of the end of each in-sample part is left out of the choice.
    anchored
        Whether all in-sample parts begin with the first one; of a matrix by default both kinds.
    windows
        A schedule, or the path of its YAML file, in place of the lengths.
    matrix
        Lengths of a matrix, such as ``"1y,2y,3y/3m,6m,1y"``, in place of one walk-forward.
    by
        What is chosen by: a figure, ``"stability"``, ``"plateau"`` or ``"region"``.
    min_trades
        Closed in-sample trades of what is chosen by a figure, at least.
    gates
        ``"v4"`` or ``"strict"``, for what is chosen by phases within the in-sample part.
    begin
        Where the first in-sample part begins; by default with the first bar that trades.
    as_of
        Later bars are left out.
    holdout
        How much of the end is kept out of everything, such as ``"1y"``.
    settings
        Of every backtest.
    name
        Of the folder; by default one that says what it is.
    fresh
        Whether to start over where the same one is there already; what was there is moved.
    threads
        By default one for each core; results do not depend on it.
    data_dir
        Folder of the stored bars; by default ``WFO_DATA_DIR``, else ``data``. Nothing is fetched.
    results
        Folder below which every symbol has its own; a walk-forward is in ``walkforward/<name>``
        there.
    progress
        Where to tell how far it is; `wfo.progress.for_stream` tells it on standard error.
    bars_per_year
        What annual figures count in; by default what the space says, else it is counted from the
        bars, for a choice from those that it may see.

    Returns
    -------
    WalkForwardReport
        ``page``, ``walk`` or ``matrix``, ``folder``, ``files``.

    Raises
    ------
    WfoError
        If anything asked for cannot be used, before anything is written; or if the results cannot
        be written.

    Examples
    --------
    >>> import wfo  # doctest: +SKIP
    >>> report = wfo.run_walk_forward(
    ...     "QQQ", "atr_d_l", in_sample="3y", out_of_sample="6m"
    ... )  # doctest: +SKIP
    >>> print(report.page)  # doctest: +SKIP
    >>> report.walk.stitched.metrics.cagr  # doctest: +SKIP
    """
    given = {n: v for n, v in locals().items() if n not in {"data_dir", "progress"}}
    progress = progress_of(progress)
    folder = None if data_dir is None else file_path("data_dir", data_dir)
    plan = walk_plan(given)
    plan = replace(plan, command=command_line(plan, folder))
    return walk(plan, DataStore(folder), progress=progress)


def walk(plan: WalkPlan, store: DataStore, progress: Progress | None = None) -> WalkForwardReport:
    """Carry out a plan of any kind."""
    if is_program(plan):
        return carry_out_program(plan, store, progress=progress)
    return carry_out(plan, store, progress=progress)


def look(plan: WalkPlan, store: DataStore, progress: Progress | None = None) -> WalkEstimate:
    """Return what a plan would take; nothing is written or counted.

    Raises
    ------
    WfoError
        If anything of it cannot be used.
    """
    if is_program(plan):
        return look_at_program(plan, store)
    return estimate(prepared(plan, store, Machine().version()), progress=progress)


def is_program(plan: WalkPlan) -> bool:
    """Whether a program or a command is walked forward, and no strategy."""
    return plan.study is not None and plan.study[1].kind != "strategy"


def read_walk_forward(folder: str | Path) -> WalkForwardReport:
    """Return what a walk-forward in its folder has found.

    Parameters
    ----------
    folder
        The folder of one, such as ``results/QQQ/walkforward/mine``.

    Returns
    -------
    WalkForwardReport
        As `run_walk_forward` returned it.

    Raises
    ------
    ResultsError
        If there is none, it did not end, or a file of it is damaged or was changed.

    Examples
    --------
    >>> import wfo  # doctest: +SKIP
    >>> report = wfo.read_walk_forward("results/QQQ/walkforward/mine")  # doctest: +SKIP
    >>> report.walk.efficiency.annual  # doctest: +SKIP
    """
    return read_found(WalkFolder(file_path("folder", folder)))


def walk_plan(given: Mapping[str, Any]) -> WalkPlan:
    """Return the plan that arguments of `run_walk_forward` make, without its command.

    Raises
    ------
    InputError
        If one cannot be used, or two do not go together.
    """
    options = {n: v for n, v in given.items() if v is not None and v is not False}
    # False is a word of its own where there are two kinds.
    if given.get("anchored") is False:
        options["anchored"] = False
    wrong = mistake(options, lambda name: name)
    if wrong:
        raise InputError(wrong)
    for option in ("symbol", "symbol2", "name", "holdout", "by"):
        if option in options:
            text(option, options[option])
    for option in ("allow_gaps", "fresh", "anchored"):
        if option in options:
            flag(option, options[option])
    if "timeframe" in options:
        one_of("timeframe", options["timeframe"], TIMEFRAMES)
    if "gates" in options:
        one_of("gates", options["gates"], PRESETS)
    if "settings" in options:
        instance("settings", options["settings"], AccountSettings, "wfo.Settings(...)")
    if "bars_per_year" in options:
        options["bars_per_year"] = checked_bars_per_year(options["bars_per_year"])
    threads = None if "threads" not in options else thread_count(options["threads"])
    kinds = _kinds(options.get("anchored"))
    study = _study(options, threads)
    symbol = options.get("symbol")
    if study is not None:
        symbol = study[1].symbols[0]
    return WalkPlan(
        symbol=str(symbol),
        schedule=None if "matrix" in options else _schedule(options),
        matrix=_matrix(options, kinds),
        strategy="" if study is not None else _strategy(options),
        grid=_grid(options),
        study=study,
        symbol2=options.get("symbol2"),
        timeframe=study[1].timeframe if study is not None else options.get("timeframe", "1day"),
        by=options.get("by"),
        gates=options.get("gates"),
        min_trades=whole_number("min_trades", options.get("min_trades", 0)),
        begin=written_day(options.get("begin"), "begin"),
        as_of=written_day(options.get("as_of"), "as_of"),
        holdout=study[1].holdout if study is not None else options.get("holdout"),
        allow_gaps=bool(options.get("allow_gaps", False)),
        settings=options.get("settings"),
        threads=threads,
        results=file_path("results", options.get("results", "results")),
        name=options.get("name"),
        fresh=bool(options.get("fresh", False)),
        space=None if "space" not in options else file_path("space", options["space"]),
        bars_per_year=options.get("bars_per_year") if study is None else study[1].bars_per_year,
    )


def _strategy(options: Mapping[str, Any]) -> StrategyLike:
    get_strategy(options["strategy"])
    found: StrategyLike = options["strategy"]
    return found


def _grid(options: Mapping[str, Any]) -> str | Path | Grid | GridText | None:
    if "grid" not in options:
        return None
    return grid_given(options["grid"], get_strategy(options["strategy"]))


def _kinds(anchored: bool | None) -> tuple[str, ...]:
    if anchored is None:
        return checked_kinds(["rolling", "anchored"])
    return checked_kinds("anchored" if anchored else "rolling")


def _schedule(options: Mapping[str, Any]) -> WalkSchedule:
    """Return the lengths of one walk-forward."""
    windows = options.get("windows")
    if isinstance(windows, Windows) and windows.walk is not None:
        # Written out in a file of options.
        return windows.walk
    if windows is not None:
        return windows if isinstance(windows, WalkSchedule) else WalkSchedule.load(windows)
    lengths = {
        name: Length.of(options[name], name)
        for name in ("in_sample", "out_of_sample", "step", "purge")
        if name in options
    }
    for name in ("step", "purge"):
        if name in lengths and not lengths[name]:
            raise InputError(f"{name} = 0d is no length; leave it out")
    return WalkSchedule(**lengths, anchored=bool(options.get("anchored", False)))


def _matrix(options: Mapping[str, Any], kinds: tuple[str, ...]) -> MatrixAsked | None:
    if "matrix" not in options:
        return None
    return MatrixAsked(
        *matrix_lengths(options["matrix"]), kinds, Length.of(options.get("purge", "0d"), "purge")
    )


def _study(options: Mapping[str, Any], threads: int | None) -> tuple[str, SearchPlan] | None:
    """Return what a space searches, with its name."""
    if "space" not in options:
        return None
    path = file_path("space", options["space"])
    own: dict[str, Any] = {}
    if "symbol" in options:
        own["symbols"] = (options["symbol"],)
    for name in ("timeframe", "holdout", "bars_per_year"):
        if name in options:
            own[name] = options[name]
    if threads is not None:
        own["workers"] = threads
    plan = read_plan(path, own)
    if not plan.symbols:
        raise InputError(f"{path.name} names no symbol, and windows are laid over bars; name one")
    return path.stem, plan


def command_line(plan: WalkPlan, data_dir: Path | None) -> str:
    """Return the command that does what a plan says, and goes on with it."""
    words = ["wfo", "walkforward"]
    words += [] if plan.space is None else [str(plan.space)]
    options: dict[str, object] = {"symbol": plan.symbol, "symbol2": plan.symbol2}
    if plan.study is None:
        strategy = get_strategy(plan.strategy)
        options["strategy"] = strategy_word(strategy)
        usual = GRID if is_built_in(strategy) else None
        options["grid"] = grid_word(plan.grid, grid_folder(plan)) or usual
    options["timeframe"] = None if plan.timeframe == "1day" else plan.timeframe
    if plan.schedule is not None:
        schedule = plan.schedule
        options |= {"in": schedule.in_sample.text, "out": schedule.out_of_sample.text}
        if schedule.step != schedule.out_of_sample:
            options["step"] = schedule.step.text
        options |= {"purge": schedule.purge.text if schedule.purge else None}
        options["anchored"] = schedule.anchored
    elif plan.matrix is not None:
        lengths = (plan.matrix.in_samples, plan.matrix.out_of_samples)
        options["matrix"] = "/".join(",".join(each.text for each in part) for part in lengths)
        options["purge"] = plan.matrix.purge.text if plan.matrix.purge else None
        options["anchored"] = plan.matrix.kinds == ("anchored",)
        options["rolling"] = plan.matrix.kinds == ("rolling",)
    options |= {
        "by": plan.by,
        "min-trades": plan.min_trades or None,
        "gates": plan.gates,
        "from": plan.begin,
        "as-of": plan.as_of,
        "holdout": plan.holdout,
        "allow-gaps": plan.allow_gaps,
        "bars-per-year": plan.bars_per_year,
        "name": plan.name,
        "threads": plan.threads,
    }
    if plan.settings is not None:
        for f in fields(plan.settings):
            value = getattr(plan.settings, f.name)
            options[f.name.replace("_", "-")] = None if value == f.default else value
    options |= {
        "data-dir": data_dir,
        "results": None if plan.results == Path("results") else plan.results,
    }
    for name, value in options.items():
        if value is None or value is False:
            continue
        words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return shlex.join(words)

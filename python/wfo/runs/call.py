"""What is made of a run, and a run itself, as calls from Python with their commands' options."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.arguments import file_path, flag, instance, items, one_of, progress_of, text, whole_number
from wfo.backtest.checks import thread_count
from wfo.data import DataStore
from wfo.data.timeframes import TIMEFRAMES
from wfo.data.years import checked_bars_per_year
from wfo.errors import InputError
from wfo.grid import Grid
from wfo.progress import Progress
from wfo.runs.analysis.analyzing import TOP, AnalysisReport
from wfo.runs.analysis.analyzing import analyze as carry_out_analysis
from wfo.runs.fetching import Fetching
from wfo.runs.folder import RunFolder
from wfo.runs.given import grid_given, grid_word, strategy_word, windows_word
from wfo.runs.permuting.report import PermutationReport
from wfo.runs.permuting.testing import RUNS
from wfo.runs.permuting.testing import permutation_test as carry_out_test
from wfo.runs.permuting.values import Variant
from wfo.runs.plan import CSV_ROWS, STORES, RunPlan
from wfo.runs.refinement.refining import refine as carry_out_refinement
from wfo.runs.refinement.report import RefineReport
from wfo.runs.report import RunReport
from wfo.runs.run import run as carry_out
from wfo.runs.verdict.concluding import conclude
from wfo.runs.verdict.report import VerdictReport
from wfo.runs.verdict.sampled import SAMPLES
from wfo.runs.walkforward.folder import is_walk_forward
from wfo.selection.gates import Gates
from wfo.settings import AccountSettings
from wfo.strategy import StrategyLike, get_strategy
from wfo.text import brief
from wfo.tradestation.ranges import FIXES, MAX_TESTS, Fix, RangeOptions
from wfo.windows import Windows
from wfo.windows.dates import written_day

if TYPE_CHECKING:
    from wfo.data.sources.source import Source

#: Combinations that a verdict draws from a grid, at most.
_MOST_SAMPLES = 1_000_000


def run(
    symbol: str,
    strategy: StrategyLike,
    *,
    symbol2: str | None = None,
    allow_gaps: bool = False,
    timeframe: str = "1day",
    name: str | None = None,
    grid: str | Path | Grid | Mapping[str, Any] | None = None,
    windows: str | Path | Windows = "default",
    as_of: dt.date | str | None = None,
    expand: bool = True,
    settings: AccountSettings | None = None,
    gates: Gates | None = None,
    store: str = "auto",
    fresh: bool = False,
    threads: int | None = None,
    data_dir: str | Path | None = None,
    out: str | Path = "results",
    csv_all: bool = False,
    max_tests: int = MAX_TESTS,
    fix: Fix = "median",
    progress: Progress | None = None,
    fetch: bool = True,
    source: str | Source | None = None,
    holdout: str | None = None,
    bars_per_year: float | None = None,
    map_axes: Sequence[str] | None = None,
) -> RunReport:
    """Search a strategy's whole grid, from stored bars to TradeStation ranges.

    It is ``wfo run``: the same folder, the same files, the same page. A run that was stopped goes
    on with the same call, or with the command that ``run.json`` states; and the other way round.

    Parameters
    ----------
    symbol, symbol2
        Symbols in the store; a second one for strategies that read two.
    strategy
        What to search: a name from `wfo.strategies`, a `Strategy`, a class of rules, a kernel, or
        the text ``"FILE.py:NAME"``.
    allow_gaps
        Whether joining two symbols may drop more than 5 % of either's bars.
    timeframe
        Length of the bars.
    name
        Keeps the run beside others of the same bars, in ``runs/<name>`` below their folder, instead
        of moving the earlier one to the history.
    grid
        Name of a shipped grid, path of a YAML file, or a grid of the strategy, as a `Grid` or by
        its values, such as ``{"length": [5, 10]}``. Of a grid, the simpler strategies take the
        values of their own parameters. By default the strategy's own grid, of this package's
        strategies ``"phase1_slim"``.
    windows
        Name of a schedule, path of a YAML file, or a schedule.
    as_of
        Date that windows are counted back from, such as ``"2018-12-31"``; by default the last
        bar's.
    expand
        Whether the simpler strategies run too that show whether its extras pay.
    settings, gates
        Of every backtest, and of the scores; `wfo.Gates.preset` has the sets with a name, which are
        counted whichever rules.
    store
        ``"dense"`` keeps the figures of every combination, ``"survivors"`` of those that can become
        candidates; ``"auto"`` the first where it takes at most half of the free disk.
    fresh
        Whether to start over where the same run is there already; what was there is moved.
    threads
        By default one for each core; results do not depend on it.
    data_dir
        Folder of the stored bars; by default ``WFO_DATA_DIR``, else ``data``.
    out
        Folder below which every symbol's run gets its own.
    csv_all
        Whether to write all candidates to the CSV file, not only the best 100,000.
    max_tests
        Tests of a range file for TradeStation, at most.
    fix
        What a range file does not refine is fixed at the plateau's ``"median"``, or at the
        ``"best"`` outcome's value.
    progress
        Where to tell how far it is; `wfo.progress.for_stream` tells it on standard error.
    fetch
        Whether to fetch bars that the windows need and the store does not have. Bars that were
        imported, and the sample, are never fetched.
    source
        Where to ask for them: a name such as ``"alpaca"``, ``"FILE.py:CLASS"``, or a source of
        one's own; by default the one that the stored bars come from, else that of the
        configuration.
    holdout
        How much of the end is held out, such as ``"1y"`` or ``"6m"``: windows are counted back from
        before it, and nothing is computed on these bars until they are spent, once, for the
        finalists (`wfo verdict --spend-holdout`).
    bars_per_year
        What annual figures count in; by default it is counted from the bars.
    map_axes
        The two parameters in whose plane plateaus are looked for; by default those that the
        strategy names, and where one of a file names none its first two with several values.

    Returns
    -------
    RunReport
        What was found: ``page``, ``candidates()``, ``folder``.

    Raises
    ------
    WfoError
        If anything asked for cannot be used, before anything is written; or if the results cannot
        be written.

    Examples
    --------
    >>> import wfo  # doctest: +SKIP
    >>> report = wfo.run("QQQ", "atr_d_l", grid="coarse")  # doctest: +SKIP
    >>> print(report.page)  # doctest: +SKIP
    """
    if gates is not None:
        instance("gates", gates, Gates, "wfo.Gates(...)")
    if not isinstance(symbol, str):
        raise InputError(f"symbol = {brief(symbol)} must be the name of a symbol in the store")
    for option, given in (("symbol2", symbol2), ("name", name), ("holdout", holdout)):
        if given is not None:
            text(option, given)
    one_of("timeframe", timeframe, TIMEFRAMES)
    if not (isinstance(store, str) and store in STORES):
        raise InputError(f"store = {brief(store)} must be one of {', '.join(STORES)}")
    one_of("fix", fix, FIXES)
    for option, chosen in (
        ("allow_gaps", allow_gaps), ("expand", expand), ("fresh", fresh), ("csv_all", csv_all),
        ("fetch", fetch),
    ):  # fmt: skip
        flag(option, chosen)
    threads = None if threads is None else thread_count(threads)
    max_tests = whole_number("max_tests", max_tests)
    progress = progress_of(progress)
    if not isinstance(windows, str | Path | Windows):
        raise InputError(f"windows = {brief(windows)} is no name or file of a schedule")
    named = get_strategy(strategy)
    axes = None if map_axes is None else named.with_map(map_axes).map_axes
    plan = RunPlan(
        symbol=symbol,
        symbol2=symbol2,
        allow_gaps=allow_gaps,
        strategy=strategy,
        timeframe=timeframe,
        name=name,
        grid=grid_given(grid, named),
        windows=windows,
        as_of=written_day(as_of, "as_of"),
        expand=expand,
        settings=settings,
        gates=_as_said(Gates() if gates is None else gates),
        threads=threads,
        out=file_path("out", out),
        csv_rows=None if csv_all else CSV_ROWS,
        store=store,
        ranges=RangeOptions(max_tests, fix),
        fresh=fresh,
        fetch=fetch,
        source=source if isinstance(source, str) else None,
        holdout=holdout,
        bars_per_year=None if bars_per_year is None else checked_bars_per_year(bars_per_year),
        map_axes=axes,
    )
    data_dir = None if data_dir is None else file_path("data_dir", data_dir)
    command = command_line(plan, data_dir)
    return carry_out(
        replace(plan, command=command),
        DataStore(data_dir),
        progress=progress,
        fetching=Fetching(fetch, source),
    )


def refine(
    folder: str | Path,
    *,
    jobs: int | Sequence[int] | None = None,
    threads: int | None = None,
    fresh: bool = False,
    progress: Progress | None = None,
) -> RefineReport:
    """Run the range files of a run over its whole history, as TradeStation's optimizer would.

    It is ``wfo refine``: the same reports in the run's folder, the same page. A refinement that was
    stopped goes on with the same call or command.

    Parameters
    ----------
    folder
        Folder of a complete run.
    jobs
        Numbers of jobs in ``phase5_refine_config.csv``, one or several; by default all of them.
    threads
        By default one for each core; results do not depend on it.
    fresh
        Whether to compute again what is complete.
    progress
        Where to tell how far it is; `wfo.progress.for_stream` tells it on standard error.

    Returns
    -------
    RefineReport
        What each job came to: ``page``, ``jobs``, ``files``; ``obstacle`` says which could not be
        refined.

    Raises
    ------
    WfoError
        If there is no complete run or nothing to refine, the run's bars are damaged, or a file
        cannot be written.

    Examples
    --------
    >>> import wfo  # doctest: +SKIP
    >>> report = wfo.refine("results/QQQ")  # doctest: +SKIP
    >>> print(report.page)  # doctest: +SKIP
    """
    folder, fresh, progress = (
        file_path("folder", folder),
        flag("fresh", fresh),
        progress_of(progress),
    )
    numbers: list[int] | None = None
    if jobs is not None:
        several = items(
            "jobs", [jobs] if isinstance(jobs, int) else jobs, object, "numbers of jobs"
        )
        numbers = [whole_number("jobs", number) for number in several]
    options = [word for number in numbers or () for word in ("--job", str(number))]
    command = shlex.join(["wfo", "refine", str(folder), *options])
    return carry_out_refinement(
        RunFolder(Path(folder)),
        jobs=numbers,
        threads=threads,
        fresh=fresh,
        command=command,
        progress=progress,
    )


def analyze(
    folder: str | Path,
    *,
    reports: str | Path | Sequence[str | Path] = (),
    top: int = TOP,
    threads: int | None = None,
    progress: Progress | None = None,
) -> AnalysisReport:
    """Rank every refined set of a run, and say which one the figures favour, beside buy-and-hold.

    It is ``wfo analyze``: the same tables, workbook and ``analysis.json`` in the run's folder, the
    same page.

    Parameters
    ----------
    folder
        Folder of a complete run, with the reports of its refinements, from `wfo.refine` or from
        TradeStation.
    reports
        More folders, or files, with reports of the same run; one, or several.
    top
        Sets that the tables show, and that are looked at in the phases of the run.
    threads
        By default one for each core; results do not depend on it.
    progress
        Where to tell how far it is; `wfo.progress.for_stream` tells it on standard error.

    Returns
    -------
    AnalysisReport
        ``page``, ``files`` and ``analysis``: the combined table, the tables of the strategies, the
        best sets, and the verdict.

    Raises
    ------
    WfoError
        If there is no complete run, no report, none that can be used, or a file cannot be written.

    Examples
    --------
    >>> import wfo  # doctest: +SKIP
    >>> report = wfo.analyze("results/QQQ")  # doctest: +SKIP
    >>> print(report.page)  # doctest: +SKIP
    """
    folder, progress = file_path("folder", folder), progress_of(progress)
    given = [reports] if isinstance(reports, str | Path) else reports
    places = [file_path("reports", place) for place in items("reports", given, object, "paths")]
    top = whole_number("top", top)
    options = [word for place in places for word in ("--reports", str(place))]
    options += [] if top == TOP else ["--top", str(top)]
    return carry_out_analysis(
        RunFolder(Path(folder)),
        reports=places,
        top=top,
        threads=threads,
        progress=progress,
        command=shlex.join(["wfo", "analyze", str(folder), *options]),
    )


def permutation_test(
    folder: str | Path,
    *,
    runs: int = RUNS,
    after_first_in_sample: bool = False,
    block: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> PermutationReport:
    """Search all grids of a run again on permuted bars, and say how much chance gives.

    It is ``wfo permutation-test``: the same record in the run's folder, the same page. A test that
    was stopped goes on with the same call or command, and more `runs` add what is missing.

    Parameters
    ----------
    folder
        Folder of a complete run.
    runs
        Permutations, 19 at least: with B of them no p-value lies below ``1 / (1 + B)``.
    after_first_in_sample
        Whether only the bars after the first phase's in-sample window trade places; else all from
        its first trading bar on.
    block
        Bars, of intraday bars sessions, that stay together; 0 where each bar has its own place.
    threads
        By default one for each core; results do not depend on it.
    progress
        Where to tell how far it is; `wfo.progress.for_stream` tells it on standard error.

    Returns
    -------
    PermutationReport
        What it came to: ``page``, and ``test`` with ``p_all``, ``p`` and ``figures``.

    Raises
    ------
    WfoError
        If there is no complete run, its bars or the record are damaged, the memory does not
        suffice, or the record cannot be written.

    Examples
    --------
    >>> import wfo  # doctest: +SKIP
    >>> report = wfo.permutation_test("results/QQQ", block=20)  # doctest: +SKIP
    >>> report.test.p_all  # doctest: +SKIP
    """
    folder, progress = file_path("folder", folder), progress_of(progress)
    runs, block = whole_number("runs", runs), whole_number("block", block)
    variant = Variant(flag("after_first_in_sample", after_first_in_sample), block)
    words = ["wfo", "permutation-test", str(folder), "--runs", str(runs), *variant.options]
    if is_walk_forward(Path(folder)):
        raise InputError(
            f"{folder} is the folder of a walk-forward, and this is the test of a run;"
            f" '{shlex.join(words[:3])}' tests a walk-forward"
        )
    return carry_out_test(
        RunFolder(Path(folder)),
        runs=runs,
        variant=variant,
        threads=threads,
        command=shlex.join(words),
        progress=progress,
    )


def command_line(plan: RunPlan, data_dir: str | Path | None = None) -> str:
    """Return the command that goes on with what a plan begins.

    Parameters
    ----------
    plan
        What to do; `command` and `fresh` do not matter.
    data_dir
        Folder of the stored bars, where it was named.
    """
    folder = plan.folder
    usual = RunPlan(plan.symbol, plan.strategy)
    options: dict[str, Any] = {
        "symbol": plan.symbol,
        "symbol2": plan.symbol2,
        "allow-gaps": plan.allow_gaps,
        "strategy": strategy_word(get_strategy(plan.strategy)),
        "timeframe": _unusual(plan.timeframe, usual.timeframe),
        "name": plan.name,
        "grid": _unusual(grid_word(plan.grid, folder), usual.grid),
        "windows": _unusual(windows_word(plan.windows, folder), usual.windows),
        "as-of": plan.as_of,
        "holdout": plan.holdout,
        "no-expand": not plan.expand,
        "bars-per-year": plan.bars_per_year,
        "map-axes": None if plan.map_axes is None else ",".join(plan.map_axes),
    }
    settings = get_strategy(plan.strategy).settings_of(plan.settings)
    for f in fields(settings):
        options[f.name.replace("_", "-")] = _unusual(getattr(settings, f.name), f.default)
    options |= plan.gates.options
    options |= {
        "max-tests": _unusual(plan.ranges.max_tests, usual.ranges.max_tests),
        "fix": _unusual(plan.ranges.fix, usual.ranges.fix),
        "csv-all": plan.csv_rows is None,
        "store": _unusual(plan.store, usual.store),
        "threads": plan.threads,
        "no-fetch": not plan.fetch,
        "source": plan.source,
        "data-dir": data_dir,
        "out": _unusual(plan.out, usual.out),
    }
    words = ["wfo", "run"]
    for name, value in options.items():
        if value is None or value is False:
            continue
        words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return shlex.join(words)


def _as_said(gates: Gates) -> Gates:
    """Return the gates as a command line makes them: 3 and 3.0 are one ratio, and one run."""
    return replace(gates, wfe=float(gates.wfe), dd_ratio=float(gates.dd_ratio))


def _unusual(value: object, usual: object) -> object:
    """Return a value that is not what holds without it, else None."""
    return None if value == usual else value


def verdict(
    folder: str | Path,
    *,
    spend_holdout: bool = False,
    samples: int = SAMPLES,
    threads: int | None = None,
    progress: Progress | None = None,
) -> VerdictReport:
    """Say how much of what a run found is luck, as far as its figures say.

    It is ``wfo verdict``: the same ``verdict.json`` and ``verdict.html`` in the run's folder, the
    same page.

    Parameters
    ----------
    folder
        Folder of a complete run.
    spend_holdout
        Whether to evaluate the bars that the run has held out. That happens once on the bars of a
        symbol, and is recorded before it is shown.
    samples
        Combinations drawn from each whole grid, for what needs their returns by period.
    threads
        By default one for each core; results do not depend on it.
    progress
        Where to tell how far it is; `wfo.progress.for_stream` tells it on standard error.

    Returns
    -------
    VerdictReport
        ``first_lines``, ``page`` and ``html``, and ``verdict``, the figures that they are made of.

    Raises
    ------
    WfoError
        If there is no complete run, its files are not as they were written, its hold-out cannot be
        evaluated where that is asked for, or a file cannot be written.

    Examples
    --------
    >>> import wfo  # doctest: +SKIP
    >>> report = wfo.verdict("results/QQQ")  # doctest: +SKIP
    >>> report.first_lines[0]  # doctest: +SKIP
    >>> report.verdict.run.statistics.overfitting.pbo  # doctest: +SKIP
    """
    folder, progress = file_path("folder", folder), progress_of(progress)
    samples = whole_number("samples", samples)
    if not 1 <= samples <= _MOST_SAMPLES:
        raise InputError(f"samples = {samples} must be from 1 to {_MOST_SAMPLES:,}")
    options = ["--spend-holdout"] if flag("spend_holdout", spend_holdout) else []
    options += [] if samples == SAMPLES else ["--samples", str(samples)]
    return conclude(
        RunFolder(Path(folder)),
        spend=spend_holdout,
        samples=samples,
        threads=threads,
        command=shlex.join(["wfo", "verdict", str(folder), *options]),
        progress=progress,
    )

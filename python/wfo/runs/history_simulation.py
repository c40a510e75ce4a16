"""A refined set over the whole history: its metrics, its report's columns, and its row again."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from wfo import metrics
from wfo.backtest import read_feeds
from wfo.backtest.benchmark import bought, held_marks
from wfo.backtest.performance import performance
from wfo.backtest.simulate import simulate
from wfo.bars import dates as bar_dates
from wfo.bars import prices
from wfo.charts import EquityChart
from wfo.errors import InputError, ResultsError
from wfo.files import file_digest, is_own_file, open_regular, size_of
from wfo.runs.analysis.refined import RefinedSet, RefinedSets
from wfo.runs.assumed import (
    Assumed,
    assumed_of_bars,
    assumed_of_settings,
    assumed_of_year,
    one_each,
)
from wfo.runs.basis import (
    SimulationPlan,
    changed_settings,
    checked_params,
    engine_like,
    given_params,
    planned_settings,
    planned_year,
    refined_of,
    run_inputs,
)
from wfo.runs.candidates import Run
from wfo.runs.folder import RunFolder
from wfo.runs.history_report import IN_SAMPLE, Difference, HistoryReport, RowClaim
from wfo.runs.refinement.history import History
from wfo.runs.simulation_files import write_files
from wfo.runs.slices import Slice
from wfo.strategy import Number, Strategy
from wfo.strategy.loading import changed_since
from wfo.strategy.parameter import methods_of
from wfo.tradestation.headings import (
    TEST,
    figure_names,
    heading_of,
    report_headings,
    report_row,
)
from wfo.tradestation.ranking import WFO
from wfo.tradestation.reports import read_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wfo.data import DataStore
    from wfo.runs.inputs import Inputs
    from wfo.settings import AccountSettings


#: Half of the last digit that TradeStation writes, and the rounding of its decimals.
_HALF_A_CENT = 0.005 + 1e-9


def simulate_history(plan: SimulationPlan, store: DataStore) -> HistoryReport:
    """Simulate a refined set from the first trading bar of its analysis to the end.

    Parameters
    ----------
    plan
        What to do; it names a run and a refined set.
    store
        Where other bars than the run's are.

    Raises
    ------
    WfoError
        If anything asked for cannot be used, before anything is written; or if a file cannot be
        written.
    """
    if plan.run is None or plan.refined is None:
        raise InputError("a refined set is one of a run's analysis; the run's folder is missing")
    folder = RunFolder(plan.run)
    sets = RefinedSets.of(folder)
    refined = refined_of(folder, plan.refined, plan.strategy)
    strategy = refined.strategy
    run = Run.of(folder, strategy.name)
    history = History.of(folder)
    params = checked_params(strategy, dict(refined.params) | given_params(plan, strategy))
    changed = [f"{n} {params[n]:g}, not {v:g}" for n, v in refined.params.items() if params[n] != v]
    inputs, source, said = run_inputs(plan, run, store)
    changed += said
    own = history.settings(strategy)
    settings = planned_settings(plan, strategy, own)
    changed += changed_settings(settings, own)
    count = len(inputs.bars)
    # Other bars are taken as far as they go.
    warmup, end = sets.warmup, count if said else sets.end
    if not warmup + 1 < end <= count:
        raise ResultsError(
            f"{refined.title} of {folder.path} trades from bar {warmup:,} to {end - 1:,}, and there"
            f" are {count:,} bars"
        )
    days = bar_dates(inputs.bars)[:end]
    year = planned_year(plan, run.manifest, inputs, bar_dates(inputs.bars))
    bars = inputs.bars[:end]
    second = None if inputs.second is None else inputs.second[:end]
    # A split changes neither trades nor marks; this one leaves a bar behind it, as it has to.
    split = end - 1
    simulation = simulate(
        strategy, bars, params, split=split, warmup=warmup, bars2=second, settings=settings,
        engine=plan.engine or engine_like(run),
    )  # fmt: skip
    own_metrics = metrics.simulation_metrics(
        simulation, days, warmup=warmup, split=split, bars_per_year=year.bars
    ).whole
    traded = prices(bars)
    marks = held_marks(traded, (warmup, warmup, end), settings)
    idle = not bought(float(traded.open[warmup]), settings)[0] > 0
    held = metrics.held_metrics(
        marks, days, warmup=warmup, split=split, bars_per_year=year.bars, idle=idle
    ).whole
    columns = report_columns(strategy, inputs, params, settings, (warmup, end), refined.test)
    claim = _claim(run, sets, refined, columns, changed)
    data2 = inputs.data2 if inputs.second is not None else None
    symbols = inputs.data.symbol if data2 is None else f"{inputs.data.symbol} with {data2.symbol}"
    varied = ", varied" if params != dict(refined.params) else ""
    title = f"{symbols} {inputs.data.timeframe}, {strategy.name}, {refined.title}{varied}"
    title += ", whole history"
    chart = EquityChart(
        title,
        days[warmup - 1 :],
        simulation.equity[warmup - 1 :],
        end - warmup,
        marks[warmup - 1 :],
    )
    # All of it is in-sample.
    chosen = Slice(warmup, end, end, "whole history")
    written = write_files(plan, inputs.bars, [(chosen, simulation)], [chart], numbered=False)
    assumed = (
        *assumed_of_settings(settings, strategy, values=one_each(params)),
        assumed_of_bars(inputs.data, data2, source),
        assumed_of_year(year),
        Assumed("History", f"{days[warmup]} to {days[-1]}, one backtest; {warmup:,} bars before"),
    )
    notes = (*inputs.notes, *changed_since(strategy), IN_SAMPLE)
    return HistoryReport(
        title, inputs.data.symbol, params, assumed, notes, simulation, days, own_metrics, held,
        columns, claim, chart, written, methods_of(strategy.parameters, params),
    )  # fmt: skip


def report_columns(
    strategy: Strategy,
    inputs: Inputs,
    params: Mapping[str, Number],
    settings: AccountSettings,
    bounds: tuple[int, int],
    test: int,
) -> dict[str, float | int | None]:
    """Return the columns of a set's row in an optimization report, by heading.

    Parameters
    ----------
    strategy, inputs, params, settings
        The set, and what it is simulated on.
    bounds
        First trading bar, and one past the last.
    test
        ``TestNum``.
    """
    warmup, end = bounds
    feeds = read_feeds(strategy, inputs.bars, inputs.second if strategy.dual_symbol else None)
    sums = performance(strategy, feeds, params, settings, warmup=warmup, end=end)
    return report_row(strategy, params, test, sums)


def _claim(
    run: Run,
    sets: RefinedSets,
    refined: RefinedSet,
    columns: Mapping[str, float | int | None],
    changed: Sequence[str],
) -> RowClaim:
    """Return how the columns compare with the row that the refined set is from."""
    compared: list[str] = []
    differences: list[Difference] = []
    unread = ""
    if not changed:
        try:
            paths = _reports(sets, refined)
            if refined.source == WFO:
                compared, differences = _against_own(_row(paths[0], refined), columns)
            else:
                there = _foreign_row(paths, refined, run.manifest.symbol)
                compared, differences = _against_foreign(there, columns, refined.strategy)
        except (InputError, ResultsError) as error:
            unread = str(error)
    return RowClaim(
        named=f"{refined.title} of {refined.count:,}",
        where=f"test {refined.test:,} of {refined.file}",
        source="wfo" if refined.source == WFO else "TradeStation",
        changed=tuple(changed),
        compared=len(compared),
        differences=tuple(differences),
        unread=unread,
        version=run.manifest.build.get("version", "unknown"),
    )


def _reports(sets: RefinedSets, refined: RefinedSet) -> list[Path]:
    """Return the reports that a refined set can be from, which are as the analysis has read them.

    Reports of one name may lie in several folders.

    Raises
    ------
    ResultsError
        If there is none, or those that there are were changed since.
    """
    read = sets.record.further.get("read")
    named = [
        each
        for each in (read if isinstance(read, list) else [])
        if isinstance(each, Mapping)
        and "\0" not in str(each.get("path"))
        and PurePath(str(each.get("path"))).name == refined.file
        and each.get("source") == refined.source
    ]
    found: list[Path] = []
    fault = ResultsError(f"the analysis does not say where {refined.file} lies")
    for each in named:
        # The run's folder may have been moved since.
        for path in (sets.folder.path / refined.file, Path(os.path.realpath(str(each["path"])))):
            if not is_own_file(path):
                fault = ResultsError(f"there is no {path}")
                continue
            # The size first: what is stated may be any file of the system.
            size = size_of(path) == each.get("bytes")
            if size and file_digest(path) == each.get("sha256"):
                found.append(path)
                break
            fault = ResultsError(f"{path} was changed since it was analyzed")
    if not found:
        raise fault
    return found


def _against_own(
    there: Mapping[str, str], columns: Mapping[str, float | int | None]
) -> tuple[list[str], list[Difference]]:
    """Return the columns that are compared, and those that differ from a report from here."""
    here = dict(zip(columns, _texts(columns), strict=True))
    compared = [heading for heading in columns if heading in there]
    return compared, [
        Difference(heading, here[heading], there[heading])
        for heading in compared
        if not _equal(here[heading], there[heading])
    ]


def _against_foreign(
    there: Mapping[str, float | None],
    columns: Mapping[str, float | int | None],
    strategy: Strategy,
) -> tuple[list[str], list[Difference]]:
    """Return the columns that are compared, and those that differ from TradeStation's.

    Its files have two decimals at least.
    """
    compared, differences = [], []
    for name in figure_names(strategy):
        heading = heading_of(name)
        here, value = columns[heading], there.get(name)
        if value is None and here is None:
            continue
        compared.append(heading)
        if here is None or value is None or abs(here - value) > _HALF_A_CENT:
            texts = ("" if v is None else f"{v:,.10g}" for v in (here, value))
            differences.append(Difference(heading, *texts))
    return compared, differences


def _foreign_row(
    paths: Sequence[Path], refined: RefinedSet, symbol: str
) -> dict[str, float | None]:
    """Return the figures of a refined set's row in TradeStation's reports, by their names.

    It is the row with its test number and its parameters, as far as the report has them.

    Raises
    ------
    InputError
        If it cannot be read, or the row is not there.
    """
    import polars as pl

    for path in paths:
        rows = read_report(path, [refined.strategy], symbol).rows
        own = [
            (pl.col(name) == value) | pl.col(name).is_null() | pl.col(name).cast(float).is_nan()
            for name, value in refined.params.items()
            if name in rows.columns
        ]
        found = rows.filter(pl.col(TEST) == refined.test, *own)
        if not found.is_empty():
            row = found.row(0, named=True)
            return {n.removeprefix("ts_"): v for n, v in row.items() if n.startswith("ts_")}
    named = " and ".join(map(str, paths))
    has = "has" if len(paths) == 1 else "have"
    raise InputError(f"{named} {has} no test {refined.test:,} of these parameters")


def _row(path: Path, refined: RefinedSet) -> dict[str, str]:
    """Return the cells of a refined set's row by heading, as its report has them.

    Raises
    ------
    InputError
        If there is no such report or row in it.
    """
    strategy = refined.strategy
    wanted = report_headings(strategy)
    try:
        with (
            open_regular(path, links=False) as content,
            io.TextIOWrapper(content, encoding="utf-8", newline="") as file,
        ):
            reader = csv.reader(file)
            head = next(reader, [])
            if tuple(head) != wanted:
                raise InputError(f"{path} has other headings than reports that are written here")
            at = head.index(TEST)
            for row in reader:
                if len(row) == len(head) and row[at] == str(refined.test):
                    return dict(zip(head, row, strict=True))
    except FileNotFoundError:
        raise InputError(f"there is no {path}") from None
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    raise InputError(f"{path} has no test {refined.test:,}")


def _texts(columns: Mapping[str, float | int | None]) -> list[str]:
    """Return columns as a report has them written."""
    import polars as pl

    return next(csv.reader(io.StringIO(pl.DataFrame([columns]).write_csv(include_header=False))))


def _equal(here: str, there: str) -> bool:
    """Whether two cells are the same number, or both are empty."""
    if here == "" or there == "":
        return here == there
    try:
        return float(here) == float(there)
    except ValueError:
        return False

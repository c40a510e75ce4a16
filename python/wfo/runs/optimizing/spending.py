"""The best of a search on the bars that it has held out: once, and recorded before it is shown."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from wfo import bars as bars_module
from wfo.arguments import rebuilt
from wfo.backtest.benchmark import bought, held_marks
from wfo.backtest.simulate import simulate
from wfo.data import fingerprint
from wfo.data.years import year_of
from wfo.errors import ResultsError
from wfo.metrics import held_metrics, simulation_metrics
from wfo.progress import Progress, Silent
from wfo.runs.folder import RunFolder
from wfo.runs.holdout.kept import LEAST, digest_of
from wfo.runs.holdout.lines import spent_lines
from wfo.runs.holdout.spendings import list_spent, overlapping, spendings
from wfo.runs.holdout.spent import HoldoutFigures, Spent, SpentFinalist
from wfo.runs.holdout.state import searches_reaching
from wfo.runs.identity import fingerprint as fingerprint_of
from wfo.runs.machine import Machine
from wfo.runs.manifest import HoldoutRecord
from wfo.runs.optimizing.bars import within
from wfo.runs.optimizing.found import BestTrial
from wfo.runs.optimizing.identity import years_of
from wfo.runs.optimizing.studies import find_study
from wfo.runs.optimizing.summary import judged_of, read_summary
from wfo.search.plan import SearchPlan
from wfo.search.study import read_study as read_table
from wfo.strategy import Strategy, get_strategy
from wfo.text import one_line

if TYPE_CHECKING:
    import datetime as dt

    import polars as pl

    from wfo.data import DataStore
    from wfo.search.study import StudyRecord
    from wfo.settings import AccountSettings
    from wfo.strategy import Number


@dataclass(frozen=True, slots=True, eq=False)
class _HeldOut:
    """A symbol's bars, those of the search and those that it has held out behind them."""

    symbol: str
    frame: pl.DataFrame
    kept: int
    record: HoldoutRecord
    year: float

    @property
    def days(self) -> list[dt.date]:
        return bars_module.dates(self.frame)

    @property
    def split(self) -> int:
        # A boundary closes nothing; there has to be one, with a bar behind it.
        return len(self.frame) - 1


def spend_study_holdout(
    out: Path,
    name: str,
    store: DataStore,
    *,
    command: str,
    progress: Progress | None = None,
    machine: Machine | None = None,
) -> str:
    """Evaluate the best sets of a search, and buy-and-hold, on the bars that it has held out.

    That happens once on the bars of a symbol. What it comes to is recorded in the list of each
    symbol before any figure of it is returned; the same study again gets what was recorded then.

    Each set begins with fresh capital at the first bar that is held out; all bars before it are
    warm-up. Capital and costs are those of the search.

    Parameters
    ----------
    out, name
        The folder of all results, and the study: its name or its folder.
    store
        Where the bars are.
    command
        How it was called.
    progress
        Where to tell how far it is.
    machine
        The clock of the record, and the version of what computes.

    Returns
    -------
    str
        The page.

    Raises
    ------
    ResultsError
        If the study has no hold-out, is of a program, has no best sets yet, or others have spent
        some of the same dates; or bars are not those that were searched. No figure is shown then.
    """
    progress, machine = progress or Silent(), machine or Machine()
    folder = find_study(out, name)
    table = read_table(folder)
    plan = SearchPlan.from_dict(table.record.plan)
    strategy = _strategy_of(folder, plan)
    summary = read_summary(folder, table.record)
    best = () if summary is None else judged_of(summary).best
    dates = None if summary is None else summary["holdout"]
    if summary is None or not best or dates is None:
        raise ResultsError(
            f"the search in {one_line(folder)} has no best sets yet; let it end before its"
            " hold-out is spent, which happens once"
        )
    held = [_held_out(store, plan, table.record, symbol, *dates) for symbol in plan.symbols]
    run = fingerprint_of({"study": dict(table.record.identity), "at": table.record.created})
    runs = RunFolder.of(out, plan.symbols[0])
    with runs.hold_spendings(plan.symbols):
        before = {
            symbol: next((s for s in spendings(runs, (symbol,)) if s.run == run), None)
            for symbol in plan.symbols
        }
        for each in held:
            if before[each.symbol] is None:
                _require_unspent(runs, folder, run, each)
        made = []
        with progress.stage("the bars that are held out", len(held)) as tick:
            for each in held:
                known = before[each.symbol]
                if known is not None:
                    progress.say(
                        f"the hold-out of {one_line(each.symbol)} was spent on {known.at}: what was"
                        " recorded then is shown, and nothing is evaluated again"
                    )
                made.append(
                    known
                    or _evaluated(runs, folder, plan, strategy, best, each, run, command, machine)
                )
                tick(1)
        for spent in made:
            # Also where one of its places has lost it.
            list_spent(runs, spent.symbols, spent)
    lines = [f"Study {one_line(table.record.name)!r}: its best sets on bars that it has held out"]
    for spent in made:
        lines += ["", *spent_lines(spent)]
    return "\n".join(["", *lines, ""])


def _strategy_of(folder: Path, plan: SearchPlan) -> Strategy:
    """Return what was searched, if its hold-out can be spent here."""
    if plan.holdout is None:
        raise ResultsError(
            f"the search in {one_line(folder)} has held nothing out; 'wfo optimize --holdout 1y'"
            " makes another study, which keeps the last year untouched"
        )
    if plan.kind != "strategy":
        raise ResultsError(
            f"the search in {one_line(folder)} is of a program, whose figures over a hold-out are"
            " not recorded here: evaluate the one set that is chosen by hand, once"
        )
    return get_strategy(str(plan.target))


def _held_out(
    store: DataStore, plan: SearchPlan, record: StudyRecord, symbol: str, first: str, last: str
) -> _HeldOut:
    """Return a symbol's bars up to the last one that was held out.

    Raises
    ------
    ResultsError
        If those before are not the ones that were searched.
    """
    import datetime as dt

    frame = within(symbol, store.load(symbol, plan.timeframe), *plan.period)
    days = bars_module.dates(frame)
    kept = bisect_left(days, dt.date.fromisoformat(first))
    end = bisect_right(days, dt.date.fromisoformat(last))
    if fingerprint(frame[:kept]) != record.fingerprints.get(symbol):
        raise ResultsError(
            f"the bars of {one_line(symbol)} before {first} are not those that were searched; put"
            " these into the store again, or search anew under another name (--study)"
        )
    out = frame[kept:end]
    if len(out) < LEAST:
        raise ResultsError(
            f"{one_line(symbol)} has {len(out)} bars from {first} to {last}, which were held out;"
            " put the bars that were searched into the store again"
        )
    outside = bars_module.dates(out)
    # An earlier version has not said.
    year = years_of(record).get(symbol) or year_of(plan.timeframe, days[:kept], plan.bars_per_year)
    return _HeldOut(
        symbol,
        frame[:end],
        kept,
        HoldoutRecord(
            span=str(plan.holdout),
            first=outside[0].isoformat(),
            last=outside[-1].isoformat(),
            rows=len(out),
            digest=digest_of(out),
        ),
        year.bars,
    )


def _require_unspent(runs: RunFolder, folder: Path, run: str, held: _HeldOut) -> None:
    """Raise a `ResultsError` where another search or run has spent some of the dates."""
    others = overlapping(runs, (held.symbol,), run, held.record)
    if not others:
        return
    first, last = held.record.dates
    # The way out lies after the latest of them.
    other = max(others, key=lambda each: each.last)
    raise ResultsError(
        f"the hold-out of the search in {one_line(folder)}, {first} to {last}, is not untouched:"
        f" {one_line(held.symbol)} from {other.first} to {other.last} was spent on {other.at} by"
        f" {one_line(other.folder)} ({other.run[:8]}), and what is chosen since may follow from"
        f" what was seen then. Bars after {other.last} are untouched: once there are enough, hold"
        " those out"
    )


def _evaluated(
    runs: RunFolder,
    folder: Path,
    plan: SearchPlan,
    strategy: Strategy,
    best: tuple[BestTrial, ...],
    held: _HeldOut,
    run: str,
    command: str,
    machine: Machine,
) -> Spent:
    """Return what the best sets and buy-and-hold come to; nothing is written."""
    kind = type(strategy.settings())
    settings = rebuilt("settings", plan.settings, lambda values: kind(**values))
    first, last = held.record.dates
    return Spent(
        run=run,
        folder="/".join(folder.resolve().parts[-2:]),
        command=command,
        at=machine.stamp(),
        version=machine.version(),
        symbols=(held.symbol,),
        timeframe=plan.timeframe,
        span=held.record.span,
        first=first,
        last=last,
        bars=held.record.rows,
        digest=held.record.digest,
        settings=settings.to_dict(),
        finalists=tuple(
            SpentFinalist(
                number,
                strategy.name,
                # A strategy has numbers alone.
                cast("dict[str, Number]", plan.space.nested(each.params)),
                f"trial {each.trial}, number {number} of the search",
                _figures(strategy, held, plan, each, settings),
            )
            for number, each in enumerate(best, 1)
        ),
        held=_holding(held, settings),
        seen_by=searches_reaching(runs, (held.symbol,), first),
    )


def _figures(
    strategy: Strategy,
    held: _HeldOut,
    plan: SearchPlan,
    trial: BestTrial,
    settings: AccountSettings,
) -> HoldoutFigures:
    """Return what a set comes to."""
    simulation = simulate(
        strategy,
        held.frame,
        plan.space.nested(trial.params),
        split=held.split,
        warmup=held.kept,
        settings=settings,
        engine="auto",
    )
    found = simulation_metrics(
        simulation,
        held.days,
        warmup=held.kept,
        split=held.split,
        bars_per_year=held.year,
    )
    return HoldoutFigures.of(found.whole)


def _holding(held: _HeldOut, settings: AccountSettings) -> HoldoutFigures:
    """Return what buying the symbol at the first bar that is held out comes to."""
    prices = bars_module.prices(held.frame)
    shares, _ = bought(float(prices.open[held.kept]), settings)
    found = held_metrics(
        held_marks(prices, (held.kept, held.split, len(held.frame)), settings),
        held.days,
        warmup=held.kept,
        split=held.split,
        bars_per_year=held.year,
        idle=not shares > 0,
    )
    return HoldoutFigures.of(found.whole)

"""A run's finalists on the bars that it has held out: once, and recorded before it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wfo import bars as bars_module
from wfo import metrics
from wfo.backtest.benchmark import bought, held_marks
from wfo.backtest.simulate import simulate
from wfo.data.frames import time_column
from wfo.errors import ResultsError
from wfo.progress import Progress, Silent
from wfo.runs.finalists import Final, finalists
from wfo.runs.holdout.kept import LEAST, digest_of
from wfo.runs.holdout.spendings import overlapping, record_spent, spent_of, symbols_of
from wfo.runs.holdout.spent import HoldoutFigures, Spent, SpentFinalist
from wfo.runs.holdout.state import seen_by
from wfo.runs.machine import Machine
from wfo.runs.refinement.history import History
from wfo.runs.stored import read_kept

if TYPE_CHECKING:
    import polars as pl

    from wfo.runs.folder import RunFolder
    from wfo.runs.manifest import HoldoutRecord, Manifest


def spend_holdout(
    folder: RunFolder,
    *,
    command: str = "",
    progress: Progress | None = None,
    machine: Machine | None = None,
) -> Spent:
    """Evaluate the finalists of a run, and buy-and-hold, on the bars that it has held out.

    That happens once on the bars of a symbol. What it comes to is recorded, in the lists of the
    run's symbols and beside the run, before any figure of it is returned; the same run again gets
    what was recorded then, whatever its finalists are now.

    Each finalist begins with fresh capital at the first bar that is held out; all bars before it
    are warm-up. Costs are those of the run.

    Parameters
    ----------
    folder
        Folder of a complete run; the caller does not hold it.
    command
        How it was called, for other processes that want the folder.
    progress
        Where to tell how far it is.
    machine
        The clock of the record, and the version of what computes.

    Raises
    ------
    ResultsError
        If the run has no hold-out or no finalists, another run has spent some of the same dates, a
        file is not as it was written, or the record cannot be written; no figure is shown then.
    """
    progress, machine = progress or Silent(), machine or Machine()
    # Before anything is held or made.
    manifest = folder.read_manifest()
    _require(folder, manifest)
    with folder.hold(command or "wfo verdict --spend-holdout"):
        manifest = folder.read_manifest()
        record = _require(folder, manifest)
        with folder.hold_spendings(symbols_of(manifest)):
            before = spent_of(folder, manifest)
            if before is None:
                _require_unspent(folder, manifest, record)
                before = _evaluated(folder, manifest, record, progress, machine)
            else:
                progress.say(
                    f"the hold-out was spent on {before.at}: what was recorded then is shown, and"
                    " nothing is evaluated again"
                )
            # Also where one of its places has lost it.
            record_spent(folder, manifest, before)
    return before


def _require(folder: RunFolder, manifest: Manifest) -> HoldoutRecord:
    """Return what a run has held out.

    Raises
    ------
    ResultsError
        If that is nothing.
    """
    if manifest.holdout is None:
        raise ResultsError(
            f"the run in {folder.path} has held nothing out: its windows end with its last bars;"
            " 'wfo run --holdout 1y' makes a run that keeps the last year untouched"
        )
    return manifest.holdout


def _require_unspent(folder: RunFolder, manifest: Manifest, record: HoldoutRecord) -> None:
    """Raise a `ResultsError` where another run has spent some of the dates."""
    others = overlapping(folder, symbols_of(manifest), manifest.fingerprint, record)
    if not others:
        return
    first, last = record.dates
    # The way out lies after the latest of them.
    other = max(others, key=lambda each: each.last)
    raise ResultsError(
        f"the hold-out of the run in {folder.path}, {first} to {last}, is not untouched:"
        f" {', '.join(other.symbols)} {other.timeframe} from {other.first} to {other.last} was"
        f" spent on {other.at} by the run {other.folder} ({other.run[:8]}), and what is chosen"
        f" since may follow from what was seen then. Bars after {other.last} are untouched: once"
        " there are enough, hold those out"
    )


def _evaluated(
    folder: RunFolder,
    manifest: Manifest,
    record: HoldoutRecord,
    progress: Progress,
    machine: Machine,
) -> Spent:
    """Return what the finalists and buy-and-hold come to; nothing is written."""
    chosen = finalists(folder, manifest)
    if not chosen:
        raise ResultsError(
            f"the run in {folder.path} has no finalists: nothing in it is stable, so that there is"
            " nothing to evaluate; its hold-out stays unspent"
        )
    market = _Whole(folder, manifest, record)
    with progress.stage("the bars that are held out", len(chosen)) as tick:
        found = []
        for each in chosen:
            found.append(market.finalist(each))
            tick(1)
    first, last = record.dates
    return Spent(
        run=manifest.fingerprint,
        folder=_place(folder, manifest),
        command=_line(manifest.command or "wfo run"),
        at=machine.stamp(),
        version=machine.version(),
        symbols=symbols_of(manifest),
        timeframe=manifest.timeframe,
        span=record.span,
        first=first,
        last=last,
        bars=record.rows,
        digest=record.digest,
        settings=dict(manifest.settings),
        finalists=tuple(found),
        held=market.held(),
        seen_by=seen_by(folder, manifest, first),
    )


class _Whole:
    """The bars of a run with those that are held out behind them.

    Parameters
    ----------
    folder, manifest, record
        The run, and what it has held out.

    Raises
    ------
    ResultsError
        If bars are missing or not as they were written.
    """

    def __init__(self, folder: RunFolder, manifest: Manifest, record: HoldoutRecord) -> None:
        import polars as pl

        self._history = History.of(folder)
        before = self._history.inputs
        out = [_held_out(folder, manifest, folder.holdout, before.bars, record)]
        if before.second is not None:
            out.append(_held_out(folder, manifest, folder.holdout2, before.second, record))
        if digest_of(*out) != record.digest:
            raise ResultsError(
                f"{folder.holdout} has other bars than {folder.manifest} states; run again:"
                f" {manifest.command}"
            )
        self._warmup = len(before.bars)
        self._bars = pl.concat([before.bars, out[0]])
        self._second = None if before.second is None else pl.concat([before.second, out[1]])
        self._days = bars_module.dates(self._bars)

    @property
    def _split(self) -> int:
        # A boundary closes nothing; there has to be one, with a bar behind it.
        return len(self._bars) - 1

    def finalist(self, final: Final) -> SpentFinalist:
        """Return what a finalist comes to."""
        strategy = final.strategy
        simulation = simulate(
            strategy,
            self._bars,
            final.params,
            split=self._split,
            warmup=self._warmup,
            bars2=self._second if strategy.dual_symbol else None,
            settings=self._history.settings(strategy),
            engine="auto",
        )
        found = metrics.simulation_metrics(
            simulation,
            self._days,
            warmup=self._warmup,
            split=self._split,
            bars_per_year=self._history.bars_per_year,
        )
        figures = HoldoutFigures.of(found.whole)
        return SpentFinalist(final.number, strategy.name, final.params, final.origin, figures)

    def held(self) -> HoldoutFigures:
        """Return what buying the first symbol at the first bar that is held out comes to."""
        settings, prices = self._history.settings(), bars_module.prices(self._bars)
        bounds = (self._warmup, self._split, len(self._bars))
        shares, _ = bought(float(prices.open[self._warmup]), settings)
        found = metrics.held_metrics(
            held_marks(prices, bounds, settings),
            self._days,
            warmup=self._warmup,
            split=self._split,
            bars_per_year=self._history.bars_per_year,
            idle=not shares > 0,
        )
        return HoldoutFigures.of(found.whole)


def _held_out(
    folder: RunFolder, manifest: Manifest, path: Path, before: pl.DataFrame, record: HoldoutRecord
) -> pl.DataFrame:
    """Return bars that a run has held out, which are as they were written and follow its own."""
    again = f"run again: {manifest.command}"
    stated = manifest.sums.get(path.name)
    if stated is None:
        raise ResultsError(f"{folder.manifest} does not list {path}; {again}")
    try:
        folder.check_digest(path.name, stated)
    except ResultsError as error:
        raise ResultsError(f"{error}; {again}") from error
    bars = read_kept(path)
    if bars.schema != before.schema or not LEAST <= len(bars) == record.rows:
        raise ResultsError(
            f"{path} has {len(bars):,} bars with the columns {', '.join(bars.columns)}, and"
            f" run.json says {record.rows:,} like those of {folder.bars}; {again}"
        )
    stamps = [frame[time_column(frame)] for frame in (before, bars)]
    if not stamps[0][-1] < stamps[1][0] or stamps[1][0].isoformat() != record.first:
        raise ResultsError(
            f"{path} begins with {stamps[1][0]}, after bars up to {stamps[0][-1]}, and run.json"
            f" says {record.first}; {again}"
        )
    return bars


def _place(folder: RunFolder, manifest: Manifest) -> str:
    """Return where a run lies, below the folder of all results where it is below it."""
    path = folder.path.resolve()
    home = folder.holdouts_of(manifest.symbol).parent.parent.resolve()
    found = path.relative_to(home).as_posix() if path.is_relative_to(home) else path.name
    return _line(found) or "?"


def _line(text: str) -> str:
    """Return a text as a line: a file name may hold what is none, and what a terminal obeys."""
    return "".join(c if c.isprintable() else "?" for c in text)


def finalists_changed(spent: Spent, chosen: Sequence[Final]) -> bool:
    """Whether the finalists of a run are others now than those that were evaluated."""
    now = [(each.strategy.name, dict(each.params)) for each in chosen]
    return now != [(each.strategy, dict(each.params)) for each in spent.finalists]

"""Analysis: every refined set of a run ranked, beside buy-and-hold, in one table and a workbook.

Each row of every optimization report is one parameter set. It is simulated over the whole history
of the run, from one first trading bar for all, unless `wfo refine` has done so and its figures are
as they were written; what a report of another program says stands beside that.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.backtest.simulate import simulate
from wfo.data.symbols import file_stem
from wfo.errors import InputError
from wfo.files import write_frame
from wfo.progress import Progress, Silent
from wfo.runs.analysis.page import page
from wfo.runs.analysis.phases import RunPhases
from wfo.runs.analysis.refined import NAME, AnalysisRecord
from wfo.runs.analysis.report_rows import ReportRows, Rows
from wfo.runs.assumed import Assumed, assumed_of_bars, assumed_of_settings, assumed_of_year
from wfo.runs.folder import RunFolder
from wfo.runs.machine import Machine
from wfo.runs.refinement.history import HeldHistory, History
from wfo.runs.stored import run_benchmarks
from wfo.strategy import Number, Strategy, get_strategy
from wfo.tradestation.analysis import Analysis, BestSet, StrategyTable
from wfo.tradestation.differences import FileDifference, compare_file
from wfo.tradestation.ranking import REPORT, TRADESTATION, HeldRow, Span, held_row
from wfo.tradestation.tables import Sets, combine, strategy_table
from wfo.tradestation.verdict import Finding, verdict

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

#: Rows of the combined table that are shown, and looked at in the phases of the run.
TOP = 50

#: Rows that can be asked for: what is looked at beyond is looked at in the table.
MOST_TOP = 10_000

#: Seconds of simulation between two reports of progress, about, and the sets of the first block.
_SECONDS, _FIRST = 0.5, 256

_LOCKED = "close the program that has it open, or see to the folder; then analyze again"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AnalysisReport:
    """What an analysis came to, and where it was written.

    Attributes
    ----------
    folder
        The run's folder.
    analysis
        Tables, best sets, differences and verdict.
    files
        What was written, the workbook first.
    seconds
        How long it took.
    """

    folder: Path
    analysis: Analysis
    files: tuple[Path, ...]
    seconds: float

    def __repr__(self) -> str:
        return f"AnalysisReport({self.analysis!r}; {self.folder})"

    @property
    def page(self) -> str:
        """The verdict, best sets, differences and files as text, as the command line prints it."""
        return page(self.analysis, self.files, self.seconds)


def analyze(
    folder: RunFolder,
    *,
    reports: Sequence[Path] = (),
    top: int = TOP,
    threads: int | None = None,
    progress: Progress | None = None,
    command: str = "wfo analyze",
    machine: Machine | None = None,
) -> AnalysisReport:
    """Rank every refined set of a run, and write the tables, the workbook and ``analysis.json``.

    Parameters
    ----------
    folder
        A complete run's, with the optimization reports of its refinements.
    reports
        More folders, or files, with reports of the same run.
    top
        Rows of the combined table that are shown and looked at in the phases of the run.
    threads
        By default one for each core.
    progress
        Where to tell how far it is.
    command
        How it was called, for ``analysis.json``.
    machine
        The clock, and the version of what computes.

    Returns
    -------
    AnalysisReport
        The tables, with the page as text.

    Raises
    ------
    ResultsError
        If there is no complete run, no report, none that can be used, or a file cannot be written.
    InputError
        If an option cannot be used.
    """
    begun = time.perf_counter()
    # Before anything is held or made: there may be no such folder.
    folder.read_manifest()
    with folder.hold(command):
        stage = _Stage.of(folder, reports, top, threads, progress, command, machine)
        analysis = stage.run()
        files = stage.write(analysis)
    return AnalysisReport(folder.path, analysis, files, time.perf_counter() - begun)


def compute_analysis(
    folder: RunFolder,
    *,
    reports: Sequence[Path] = (),
    top: int = TOP,
    threads: int | None = None,
    progress: Progress | None = None,
    machine: Machine | None = None,
) -> Analysis:
    """Rank every refined set of a run, and write nothing.

    Parameters
    ----------
    folder, reports, top, threads, progress, machine
        As `analyze` takes them.

    Raises
    ------
    WfoError
        As `analyze` does, but for files that cannot be written.
    """
    return _Stage.of(folder, reports, top, threads, progress, "", machine).run()


@dataclass(frozen=True, slots=True, eq=False)
class _Stage:
    """One analysis under way."""

    history: History
    rows: ReportRows
    span: Span
    held: HeldHistory
    top: int
    threads: int | None
    progress: Progress
    command: str
    machine: Machine
    sets: dict[str, pl.DataFrame] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        folder: RunFolder,
        reports: Sequence[Path],
        top: int,
        threads: int | None,
        progress: Progress | None,
        command: str,
        machine: Machine | None,
    ) -> _Stage:
        """Read what there is to rank."""
        if isinstance(top, bool) or not isinstance(top, int) or not 1 <= top <= MOST_TOP:
            raise InputError(f"top = {top!r} must be a whole number from 1 to {MOST_TOP:,}")
        progress, machine = progress or Silent(), machine or Machine()
        history = History.of(folder)
        rows = ReportRows.read(history, reports, progress, machine.version())
        return cls(
            history=history,
            rows=rows,
            span=Span(history.settings().capital, history.end - rows.warmup, history.bars_per_year),
            held=history.held(rows.warmup),
            top=top,
            threads=threads,
            progress=progress,
            command=command,
            machine=machine,
        )

    @property
    def warmup(self) -> int:
        """First trading bar of every set."""
        return self.rows.warmup

    def run(self) -> Analysis:
        """Rank all sets, and look at the best ones."""
        held = self.held.figures
        tables: list[StrategyTable] = []
        differences: list[FileDifference] = []
        for order, strategy in enumerate(self.history.strategies):
            own = self.rows.of(strategy)
            if not own:
                continue
            sets = Sets.of(strategy, [each.piece for each in own])
            performance, simulated = self._simulated(sets)
            differences += self._differences(sets, own, performance, simulated)
            table, every = strategy_table(sets, performance, simulated, self.span, held, order)
            tables.append(table)
            self.sets[strategy.name] = every
        strategies, combined = combine(tables)
        return self._analysis(strategies, combined, held_row(held, combined), tuple(differences))

    def _simulated(self, sets: Sets) -> tuple[dict[str, FloatArray], BoolArray]:
        """Return what sets come to over the whole history, and of which that is known."""
        import numpy as np

        from wfo.backtest.performance import FIELDS, PerformanceEvaluator

        found, known = sets.known()
        missing = np.flatnonzero(~known & sets.complete)
        if not missing.size:
            return found, known
        strategy = sets.strategy
        columns = found or {name: np.full(len(sets), np.nan) for name in FIELDS}
        evaluator = PerformanceEvaluator(
            strategy,
            self.history.feeds(strategy),
            sets.params[missing],
            self.history.settings(strategy),
            warmup=self.warmup,
            end=self.history.end,
            threads=self.threads,
        )
        if evaluator.note:
            self.rows.notes.append(f"{strategy.name}: {evaluator.note}")
        with self.progress.stage(f"{strategy.name}: simulating sets", len(missing)) as tick:
            start, size = 0, _FIRST
            while start < len(missing):
                stop = min(start + size, len(missing))
                begun = time.perf_counter()
                block = evaluator.range(start, stop)
                seconds = time.perf_counter() - begun
                for name in FIELDS:
                    columns[name][missing[start:stop]] = block[name]
                tick(stop - start)
                wanted = (stop - start) * _SECONDS / max(seconds, 1e-6)
                start, size = stop, int(max(_FIRST, min(wanted, 4 * size)))
        return columns, known | sets.complete

    def _differences(
        self,
        sets: Sets,
        own: Sequence[Rows],
        performance: Mapping[str, FloatArray],
        simulated: BoolArray,
    ) -> list[FileDifference]:
        """Compare the reports of another program with the simulations of their rows."""
        import numpy as np

        found: list[FileDifference] = []
        strategy, begin = sets.strategy, 0
        paths = {id(each.piece): each.path for each in own}
        for piece in sets.pieces:
            kinds = sets.kind[begin : begin + len(piece)]
            begin += len(piece)
            if piece.source != TRADESTATION:
                continue
            both = np.flatnonzero(simulated[kinds])
            if not both.size or "net_profit" not in piece.reported:
                continue
            found.append(
                compare_file(
                    str(paths[id(piece)]),
                    strategy,
                    piece.rank,
                    piece.part,
                    piece.tests[both],
                    piece.params[both],
                    {name: values[both] for name, values in piece.reported.items()},
                    {name: values[kinds[both]] for name, values in performance.items()},
                    feeds=self.history.feeds(strategy),
                    settings=self.history.settings(strategy),
                    warmup=self.warmup,
                    end=self.history.end,
                    threads=self.threads,
                )
            )
        return found

    def _analysis(
        self,
        strategies: tuple[StrategyTable, ...],
        combined: pl.DataFrame,
        held: HeldRow,
        differences: tuple[FileDifference, ...],
    ) -> Analysis:
        history, manifest = self.history, self.history.manifest
        phases = manifest.phases
        best, averse, first_of = self._best(strategies, combined)
        strategies = tuple(replace(t, best=first_of[t.strategy.name]) for t in strategies)
        first, last = history.span(self.warmup)
        sets = sum(t.sets for t in strategies)
        trials = max(history.folder.searched(manifest), sets)
        least = self._least_valid()
        said = verdict(
            Finding(
                symbol=history.symbol,
                first=first,
                last=last,
                best=best[0],
                averse=averse,
                held=held,
                idle=self.held.idle,
                sets=sets,
                simulated=int((combined["Ranked_On"] != REPORT).sum()),
                long_only=not get_strategy(best[0].strategy).shorts,
                min_phases=least,
                gates=manifest.gates.name,
                trials=trials,
            )
        )
        return Analysis(
            symbol=history.symbol,
            symbol2=history.symbol2,
            timeframe=history.timeframe,
            first=first,
            last=last,
            warmup=self.warmup,
            end=history.end,
            days=history.days[self.warmup - 1 : history.end],
            bars_per_year=history.bars_per_year,
            capital=self.span.capital,
            strategies=strategies,
            combined=combined,
            held=held,
            held_equity=self.held.marks[self.warmup - 1 :],
            best=best,
            averse=averse,
            files=self.rows.files(),
            refused=tuple(self.rows.refused),
            differences=differences,
            verdict=said,
            assumed=tuple((each.what, each.text) for each in self._assumed(strategies)),
            notes=tuple(self.rows.notes),
            phases=len(phases),
            min_phases=least[best[0].strategy],
            gates=manifest.gates.name,
            folder=str(history.folder.path),
            fingerprint=manifest.fingerprint,
            command=manifest.command,
            trials=trials,
        )

    def _least_valid(self) -> dict[str, int]:
        """Return in how many phases the run takes combinations of each strategy as stable.

        That is what its schedule asks for, or fewer where none would be stable otherwise.
        """
        manifest = self.history.manifest
        phases = manifest.phases
        asked = manifest.gates.required(len(phases), phases.min_phases)
        results = manifest.completion.results if manifest.completion else ()
        taken = {each.get("strategy"): each.get("min_phases") for each in results}
        found = {}
        for strategy in self.history.strategies:
            least = taken.get(strategy.name)
            found[strategy.name] = least if isinstance(least, int) else asked
        return found

    def _best(
        self, strategies: Sequence[StrategyTable], combined: pl.DataFrame
    ) -> tuple[tuple[BestSet, ...], BestSet, dict[str, BestSet]]:
        """Return the first sets, the first risk-averse one, and the first of each strategy."""
        import polars as pl

        averse = combined.sort("Risk_Averse_Place", "Row").row(0, named=True)
        heads = {t.strategy.name: t.table.row(0, named=True) for t in strategies}
        top = combined.head(self.top).rows(named=True)
        # A row of a strategy's table has the ranks among its own sets; those of the combined one
        # are meant.
        others = [averse["Row"], *(head["Row"] for head in heads.values())]
        beyond = combined.filter(pl.col("Row").is_in(others) & (pl.col("Row") > len(top)))
        rows = {row["Row"]: row for row in (*top, *beyond.rows(named=True))}
        drawn = {1, *others}
        found: dict[int, BestSet] = {}
        judged = RunPhases(
            self.history,
            run_benchmarks(self.history.folder, self.history.manifest),
            self.history.manifest.gates,
            self.threads,
        )
        for table in strategies:
            strategy = table.strategy
            own = [row for row in rows.values() if row["Strategy"] == strategy.name]
            full = [row for row in own if row["Ranked_On"] != REPORT]
            sets = [_params(strategy, row) for row in full]
            phases = judged.of(strategy, sets) if sets else []
            for row in own:
                found[row["Row"]] = BestSet(row["Row"], strategy.name, {}, row, ())
            for row, params, each in zip(full, sets, phases, strict=True):
                number = row["Row"]
                equity = self._equity(strategy, params) if number in drawn else None
                found[number] = BestSet(number, strategy.name, params, row, each, equity)
        return (
            tuple(found[row["Row"]] for row in top),
            found[averse["Row"]],
            {name: found[head["Row"]] for name, head in heads.items()},
        )

    def _equity(self, strategy: Strategy, params: Mapping[str, Number]) -> FloatArray:
        """Return the marks of a set from the one before the first trading bar on."""
        bars, second = self.history.frames(strategy)
        simulation = simulate(
            strategy,
            bars,
            params,
            # A boundary closes nothing; there has to be one.
            split=self.history.end - 1,
            warmup=self.warmup,
            bars2=second,
            settings=self.history.settings(strategy),
            engine="auto",
        )
        return simulation.equity[self.warmup - 1 :]

    def _assumed(self, strategies: Sequence[StrategyTable]) -> list[Assumed]:
        history = self.history
        first, last = history.span(self.warmup)
        inputs = history.inputs
        unsimulated = sum(t.unsimulated for t in strategies)
        ranked = (
            "on simulations here over the whole history"
            if not unsimulated
            else f"on simulations here; {unsimulated:,} sets on their reports alone, whose annual"
            " metrics are not defined and rank last"
        )
        return [
            *assumed_of_settings(history.settings(), history.strategies[0], command="wfo run"),
            assumed_of_bars(inputs.data, inputs.data2, f"kept in {history.folder.path}"),
            assumed_of_year(history.year),
            Assumed(
                "Period",
                f"every set trades from {first}, bar {self.warmup:,}, to {last}, as one backtest"
                f" without a split; all of it is in-sample{_held_out(history)}",
            ),
            Assumed("Ranks", ranked),
        ]

    # Files

    def write(self, analysis: Analysis) -> tuple[Path, ...]:
        """Write all files whole, ``analysis.json`` last, and return them."""
        from wfo.tradestation.workbook import write_workbook

        folder = self.history.folder
        stem = f"Refinement_Analysis_{file_stem(analysis.symbol)}"
        workbook, table, rows = (
            folder.path / f"{stem}.{ending}" for ending in ("xlsx", "csv", "parquet")
        )
        # The workbook first: it is the one that another program may keep open, and then nothing has
        # changed yet.
        completion = self.history.manifest.completion
        write_workbook(
            workbook,
            analysis,
            top=self.top,
            sets=self.sets,
            results=completion.results if completion else (),
            versions={"wfo": self.machine.version()},
            digests={path: d.sha256 for path, d in self.rows.digests.items()},
            remedy=_LOCKED,
        )
        write_frame(table, _with_phases(analysis), remedy=_LOCKED)
        write_frame(rows, analysis.combined, remedy=_LOCKED)
        written = (workbook, table, rows)
        record = AnalysisRecord(
            run=analysis.fingerprint,
            command=self.command,
            warmup=analysis.warmup,
            end=analysis.end,
            outcomes=len(analysis.combined),
            table=rows.name,
            files=folder.digests(written),
            further=self._further(analysis),
        )
        record.write(folder.path / NAME)
        return (*written, folder.path / NAME)

    def _further(self, analysis: Analysis) -> dict[str, Any]:
        """Return what ``analysis.json`` says for people."""
        history = self.history
        return {
            "wfo": self.machine.version(),
            "finished": self.machine.stamp(),
            "symbol": analysis.symbol,
            "symbol2": analysis.symbol2,
            "timeframe": analysis.timeframe,
            "first": analysis.first.isoformat(),
            "last": analysis.last.isoformat(),
            "bars": {name: digest.to_dict() for name, digest in history.digests.items()},
            "settings": history.settings().to_dict(),
            "top": self.top,
            "strategies": {
                t.strategy.name: {
                    "rows": t.rows,
                    "sets": t.sets,
                    "outcomes": len(t.table),
                    "unsimulated": t.unsimulated,
                    "robustness": {str(p.rank): p.robustness for p in t.plateaus},
                }
                for t in analysis.strategies
            },
            "best": [
                {"row": b.number, "strategy": b.strategy, "params": dict(b.params)}
                for b in analysis.best
            ],
            "verdict": list(analysis.verdict),
            "read": self.rows.described(),
            "refused": list(analysis.refused),
            "notes": list(analysis.notes),
        }


def _held_out(history: History) -> str:
    """Return which bars nothing here has seen, in words that go on; empty where there are none."""
    record = history.manifest.holdout
    return "" if record is None else f"; the last {record.span} after it is held out"


def _params(strategy: Strategy, row: Mapping[str, Any]) -> dict[str, Number]:
    values = strategy.check_params({name: row[name] for name in strategy.names})
    return dict(zip(strategy.names, values, strict=True))


def _with_phases(analysis: Analysis) -> pl.DataFrame:
    """Return the first rows of the combined table with the phases of the run."""
    import polars as pl

    frame = analysis.combined.head(len(analysis.best))
    best = analysis.best
    columns = [
        pl.Series("Phases_Valid", [b.valid_phases if b.phases else None for b in best], pl.Int64),
        pl.Series("Phases_Beat", [b.beating_phases if b.phases else None for b in best], pl.Int64),
    ]
    for k in range(analysis.phases):
        phases = [b.phases[k] if b.phases else None for b in best]
        for name, kind, attribute in (
            ("OOS_Return", pl.Float64, "oos_return"),
            ("BuyHold_Return", pl.Float64, "held_return"),
            ("Valid", pl.Boolean, "valid"),
        ):
            values = [None if p is None else getattr(p, attribute) for p in phases]
            columns.append(pl.Series(f"P{k + 1}_{name}", values, kind))
    return frame.with_columns(columns)

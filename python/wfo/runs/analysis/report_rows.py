"""The rows of all optimization reports of a run, each with what is known of it.

Reports that `wfo refine` has written, and that are as it wrote them, come with their figures from
``refined/``; all others are read as they stand. What cannot be used is named, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.errors import InputError, ResultsError
from wfo.files import file_digest
from wfo.progress import Progress
from wfo.runs.manifest import Digest
from wfo.runs.refinement.history import History
from wfo.runs.refinement.record import (
    Basis,
    RefinedJob,
    Refinement,
    figures_fault,
    is_as_written,
    read_figures,
)
from wfo.strategy import Strategy
from wfo.tradestation.analysis import ReadFile
from wfo.tradestation.range_files import Job, JobList
from wfo.tradestation.ranking import TRADESTATION, WFO
from wfo.tradestation.reports import find_reports, read_name, read_report
from wfo.tradestation.tables import PREFIX, READ, Piece

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TOO_LONG = "its lookback leaves nothing to trade on: the history of the run has {:,} bars"

#: Faults of a file that are named; more are counted.
_MOST_FAULTS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of one report.

    Attributes
    ----------
    path, digest
        The file.
    strategy
        Whose report it is.
    piece
        Its rows.
    faults, notes
        What is wrong with rows that were left out, and what else is to be said, a text each.
    """

    path: Path
    digest: Digest
    strategy: Strategy
    piece: Piece
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class ReportRows:
    """All reports of a run.

    Attributes
    ----------
    history
        The run.
    rows
        A file an item.
    warmup
        First trading bar for all rows.
    refused
        Files that cannot be used, a text each.
    notes
        What else is to be said.
    unread
        Whether the job list has jobs that cannot be read.
    """

    history: History
    rows: list[Rows] = field(default_factory=list)
    warmup: int = 0
    unread: bool = False
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def read(
        cls, history: History, reports: Sequence[Path], progress: Progress, version: str
    ) -> ReportRows:
        """Read all reports in the run's folder, and in others.

        Parameters
        ----------
        history
            The run.
        reports
            More folders, or files.
        progress
            Where to tell how far it is.
        version
            Of what computes: figures of another one are computed anew.

        Raises
        ------
        InputError
            If a folder or file that was named is not there.
        ResultsError
            If there is no report, or none that can be used; the message names each and why.
        """
        found = cls(history)
        paths = _paths(history.folder.path, reports)
        if not paths:
            where = ", ".join(map(str, (history.folder.path, *reports)))
            raise ResultsError(
                f"there is no report, Refinement_*.csv, in {where}: 'wfo refine"
                f" {history.folder.path}' makes them, and so does TradeStation; --reports names a"
                " folder that has some"
            )
        found.notes += [
            f"--reports {place}: there is no report in it; reports are named"
            " Refinement_<StrategyName>_rank<N>_<SYMBOL>, with .csv or .txt"
            for place in reports
            if not place.is_file() and not find_reports([place])
        ]
        jobs = found._jobs()
        refinement = Refinement.read(history.folder)
        keys: dict[int, str] = {}
        with progress.stage("reading reports", len(paths)) as tick:
            for path in paths:
                try:
                    job = _own_job(history, refinement, path)
                    rows = None if job is None else found._refined(path, job, jobs)
                    if rows is not None and job is not None:
                        keys[len(found.rows)] = job.key
                    rows = rows or _foreign(history, path, jobs, own=job is not None)
                    twin = found._twin(rows)
                    if twin is None:
                        found.rows.append(rows)
                    else:
                        found.notes.append(
                            f"{path} is {twin.path} again, byte for byte, and is read once"
                        )
                except (InputError, ResultsError) as error:
                    found.refused.append(str(error))
                tick(1)
        if not found.rows:
            listed = "\n  ".join(found.refused)
            raise ResultsError(f"no report can be used:\n  {listed}")
        found._set_warmup(jobs)
        found._check_figures(keys, refinement, version)
        return found

    def _twin(self, rows: Rows) -> Rows | None:
        """Return a report of the same plateau that was read already and is the same file."""
        key = (rows.digest, rows.strategy, rows.piece.rank, rows.piece.part)
        return next(
            (
                each
                for each in self.rows
                if (each.digest, each.strategy, each.piece.rank, each.piece.part) == key
            ),
            None,
        )

    def _jobs(self) -> tuple[Job, ...]:
        """Return the jobs of the run as its folder has them now."""
        try:
            read = JobList.read(self.history.folder.path, self.history.strategies)
            listed = self.history.fitting(read)
        except (InputError, ResultsError) as error:
            self.notes.append(
                f"{error}; so inputs that a report lacks are not known, and whether its ranges are"
                " those of the run"
            )
            return ()
        self.notes += [fault.what for fault in listed.faults]
        self.unread = bool(listed.faults)
        return listed.jobs

    def _set_warmup(self, jobs: Sequence[Job]) -> None:
        """Take one first trading bar for all rows of all files, and all jobs of the run."""
        import numpy as np

        needs = [self.history.lookback(job.strategy)(job.values) for job in jobs]
        for each in self.rows:
            complete = each.piece.params[~np.isnan(each.piece.params).any(axis=1)]
            if len(complete):
                lookback = self.history.lookback(each.strategy)
                needs.append(lookback(_values(each.strategy, complete)))
        self.warmup = self.history.warmup(max(needs, default=0))

    def _refined(self, path: Path, job: RefinedJob, jobs: Sequence[Job]) -> Rows | None:
        """Return the rows of a report from here with their figures; None where those are lost."""
        import numpy as np

        from wfo.backtest.performance import FIELDS

        strategy = _strategy(self.history, job)
        # refine.json may be that of another run.
        read_name(path, self.history.strategies, self.history.symbol)
        try:
            frame = read_figures(self.history.folder, job)
            now = next((j for j in jobs if (j.strategy.name, j.rank, j.part) == job.plateau), None)
            if fault := figures_fault(self.history.folder, job, strategy, now):
                raise ResultsError(fault)
        except ResultsError as error:
            self.notes.append(f"{error}; the rows of {path.name} are read and simulated anew")
            return None
        params = np.column_stack([frame[name].cast(float).to_numpy() for name in strategy.names])
        figures = {name: frame[name].cast(float).to_numpy() for name in FIELDS}
        tests = frame["TestNum"].to_numpy().astype(np.int64)
        piece = Piece(WFO, path.name, job.rank, job.part, tests, params, {}, figures)
        notes: tuple[str, ...] = ()
        if jobs and now is None and not self.unread:
            notes = (
                f"the run's job list has no {job.range_file} any more, whose ranges it refines",
            )
        elif now is not None and now.digest != job.range_digest:
            notes = (
                f"{now.range_file} was exported anew since: these are the rows of the earlier one",
            )
        return Rows(path, job.report_digest, strategy, piece, (), notes)

    def _check_figures(
        self, keys: Mapping[int, str], refinement: Refinement | None, version: str
    ) -> None:
        """Drop figures that are of another history, settings or first trading bar, or version."""
        if refinement is None:
            return
        basis = Basis.of(self.history, self.warmup, version)
        anew: list[str] = []
        for at, key in keys.items():
            each = self.rows[at]
            job = refinement.job(each.path.name)
            if job is not None and basis.key(each.strategy, job.range_digest) == key:
                continue
            self.rows[at] = replace(each, piece=replace(each.piece, performance=None))
            anew.append(each.path.name)
        if not anew:
            return
        what = anew[0] if len(anew) == 1 else f"{len(anew)} reports"
        then, now = refinement.basis, basis
        why = (
            f"refined from bar {then.warmup:,} on, and all sets trade from bar {now.warmup:,} here"
            if then.warmup != now.warmup
            else f"refined by version {then.wfo}, and this is {now.wfo}"
            if then.wfo != now.wfo
            else "refined from other bars or settings"
        )
        self.notes.append(f"{what}: {why}; simulated anew")

    def of(self, strategy: Strategy) -> list[Rows]:
        """Return the files of a strategy."""
        return [each for each in self.rows if each.strategy.name == strategy.name]

    def files(self) -> tuple[ReadFile, ...]:
        """Return what was read."""
        return tuple(_read_file(each) for each in self.rows)

    @property
    def digests(self) -> dict[str, Digest]:
        """Digests of the files, by their paths."""
        return {str(each.path): each.digest for each in self.rows}

    def described(self) -> list[dict[str, Any]]:
        """Return what was read as plain values, for ``analysis.json``."""
        return [
            {
                "path": str(each.path),
                **each.digest.to_dict(),
                "source": each.piece.source,
                "strategy": each.strategy.name,
                "rank": each.piece.rank,
                "part": each.piece.part,
                "rows": len(each.piece),
                "faults": len(each.faults),
            }
            for each in self.rows
        ]


def _own_job(history: History, refinement: Refinement | None, path: Path) -> RefinedJob | None:
    """Return the job whose report a file is, as `wfo refine` wrote it; None for any other file."""
    if refinement is None or path.resolve().parent != history.folder.path.resolve():
        return None
    job = refinement.job(path.name)
    return job if job is not None and is_as_written(path, job.report_digest) else None


def _strategy(history: History, job: RefinedJob) -> Strategy:
    for strategy in history.strategies:
        if strategy.name == job.strategy:
            return strategy
    raise ResultsError(
        f"{job.report} is a report of {job.strategy}, which is no strategy of the run"
    )


def _foreign(history: History, path: Path, jobs: Sequence[Job], *, own: bool) -> Rows:
    """Read a report as it stands.

    Parameters
    ----------
    history, path, jobs
        The run, the file, and the run's jobs.
    own
        Whether `wfo refine` wrote it, so that its figures are from here too.
    """
    import numpy as np

    found = read_report(path, history.strategies, history.symbol, jobs=jobs)
    strategy, frame = found.strategy, found.rows
    params = np.column_stack(
        [frame[n].cast(float).fill_null(np.nan).to_numpy() for n in strategy.names]
    )
    met, broken = _met(strategy, params)
    long = _too_long(history, strategy, params, met)
    met &= ~long
    broken += [(int(row), _TOO_LONG.format(history.end)) for row in np.flatnonzero(long)]
    broken.sort()
    lines = frame["line"].to_list()
    faults = [f"line {fault.line}: {fault.what}" for fault in found.faults]
    faults += [f"line {lines[row]}: {what}" for row, what in broken]
    if len(faults) > _MOST_FAULTS:
        more = len(faults) - _MOST_FAULTS
        faults = [*faults[:_MOST_FAULTS], f"and {more:,} more rows"]
    if not met.any():
        raise InputError(f"{path.name}: no row can be used; the first, {faults[0]}")
    reported = {}
    for name in () if own else READ:
        column = frame.get_column(PREFIX + name, default=None)
        if column is not None and column.null_count() < len(column):
            reported[name] = column.cast(float).fill_null(np.nan).to_numpy()[met]
    piece = Piece(
        WFO if own else TRADESTATION,
        path.name,
        found.rank,
        found.part,
        frame["TestNum"].to_numpy().astype(np.int64)[met],
        params[met],
        reported,
    )
    # What is said of a file begins with its name, which stands beside it where it is shown.
    notes = tuple(note.removeprefix(f"{path.name}: ") for note in found.notes)
    digest = Digest(path.stat().st_size, file_digest(path))
    return Rows(path, digest, strategy, piece, tuple(faults), notes)


def _too_long(
    history: History, strategy: Strategy, params: NDArray[np.float64], among: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tell which rows need more bars before the first trading bar than there are."""
    import numpy as np

    found = np.zeros(len(params), np.bool_)
    complete = np.flatnonzero(among & ~np.isnan(params).any(axis=1))
    # A backtest needs two bars to trade in.
    most = history.end - 2
    lookback = history.lookback(strategy)
    if not complete.size or lookback(_values(strategy, params[complete])) <= most:
        return found
    for row in complete:
        found[row] = lookback(_values(strategy, params[row : row + 1])) > most
    return found


def _values(strategy: Strategy, params: NDArray[np.float64]) -> dict[str, list[Any]]:
    """Return the values that each parameter has in some rows."""
    import numpy as np

    values: dict[str, list[Any]] = {}
    for at, parameter in enumerate(strategy.parameters):
        axis = params[:, at]
        # Most inputs of a report have one value.
        own = axis[:1].tolist() if (axis == axis[0]).all() else np.unique(axis).tolist()
        values[parameter.name] = [int(v) for v in own] if parameter.whole else own
    return values


def _met(
    strategy: Strategy, params: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], list[tuple[int, str]]]:
    """Tell which rows meet the strategy's constraints, and what is wrong with the others.

    A value that a range file fixes may not go with one that a report has.
    """
    import numpy as np

    met = np.ones(len(params), np.bool_)
    broken: list[tuple[int, str]] = []
    for rule in strategy.rules:
        at = [strategy.names.index(name) for name in rule.names]
        rows, places = np.unique(params[:, at], axis=0, return_inverse=True)
        for number, values in enumerate(rows.tolist()):
            try:
                if not any(v != v for v in values):  # noqa: PLR0124  # only NaN differs from itself
                    rule.check(dict(zip(rule.names, values, strict=True)))
            except InputError as error:
                own = np.flatnonzero((places.ravel() == number) & met)
                met[own] = False
                broken += [(int(row), str(error)) for row in own]
    return met, sorted(broken)


def _paths(folder: Path, reports: Sequence[Path]) -> list[Path]:
    """Return the reports in all places, each once."""
    found: dict[Path, Path] = {}
    for place in (folder, *reports):
        if not place.exists():
            raise InputError(f"--reports {place}: there is no such folder or file")
        for path in [place] if place.is_file() else find_reports([place]):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _read_file(each: Rows) -> ReadFile:
    import numpy as np

    piece = each.piece
    known = ~np.isnan(piece.params).any(axis=1)
    return ReadFile(
        str(each.path),
        piece.source,
        each.strategy.name,
        piece.rank,
        piece.part,
        len(piece),
        int(known.sum()),
        each.faults,
        each.notes,
    )

"""What a refinement returns: what each job came to beside buy-and-hold, and its page."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.metrics import Metrics
from wfo.progress import rate
from wfo.runs.assumed import assumed_lines, assumed_of_settings
from wfo.runs.refinement.record import RefinedJob
from wfo.text import html_table, percent, table, wrap_text

if TYPE_CHECKING:
    from wfo.runs.folder import RunFolder
    from wfo.settings import AccountSettings
    from wfo.strategy import Number, Strategy

#: Columns of what is wrapped, and of tables.
_WIDTH, _WIDEST = 98, 100


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What a job came to.

    Attributes
    ----------
    job
        What ``refine.json`` says of it.
    label
        Strategy in TradeStation, rank and part.
    profitable, beating
        Rows whose net profit is above 0, and above buy-and-hold's.
    best, best_test, best_params
        Largest net profit in currency, what is open at the end included, its test number and its
        parameters; of equal ones the first test.
    computed
        Rows that this call has computed; the others were there.
    seconds
        How long it took.
    """

    job: RefinedJob
    label: str
    profitable: int
    beating: int
    best: float
    best_test: int
    best_params: Mapping[str, Number]
    computed: int
    seconds: float

    @property
    def profitable_share(self) -> float:
        """Share of the rows whose net profit is above 0."""
        return self.profitable / self.job.rows


@dataclass(frozen=True, slots=True)
class SkippedJob:
    """A job that was left alone, since something else stands at the name of its report.

    Attributes
    ----------
    number, label
        Which one.
    report
        What stands there.
    why
        Why it is none of this command's, in words that follow the name.
    """

    number: int
    label: str
    report: Path
    why: str

    def __str__(self) -> str:
        return (
            f"job {self.number}, {self.label}, is skipped: {self.report.name} {self.why}, and is"
            " never overwritten; move it elsewhere ('wfo analyze --reports FOLDER' reads it there)"
            " and refine again"
        )


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job that could not be refined.

    Attributes
    ----------
    number
        Which one; None where its line of the job list cannot be read.
    what
        A message that names the job, or the file and line, and what would do.
    """

    number: int | None
    what: str


@dataclass(frozen=True, slots=True)
class LeftOver:
    """A report that belongs to no job any more, and stays.

    Attributes
    ----------
    report
        The file.
    why
        Why it stays, in words that follow its name.
    """

    report: Path
    why: str

    def __str__(self) -> str:
        return (
            f"{self.report.name} belongs to no range file of the run any more, and {self.why}, so"
            " it stays; the analysis reads it as any other report"
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RefineReport:
    """What a refinement found over the whole history, and where it was written.

    Attributes
    ----------
    folder
        The run's folder.
    symbol, symbol2, timeframe
        The bars; the second symbol is None without one.
    span, warmup, end
        Dates of the first and last trading bar, the index of the first, and one past the last.
    held
        Buy-and-hold over the same bars.
    settings, strategy
        Those of the run; of several strategies the one that was asked for.
    jobs
        What each job that is complete came to, in the order of the job list.
    skipped, failed
        Those that are not, and why.
    waiting
        Numbers of jobs that were not asked for, and are not complete.
    left
        Reports that belong to no job any more.
    moved
        Where reports of ranges that the run no longer has were moved; None if there were none.
    notes
        What is unusual.
    trials
        Combinations that were ever searched on the symbol.
    """

    folder: RunFolder
    symbol: str
    symbol2: str | None
    timeframe: str
    span: tuple[dt.date, dt.date]
    warmup: int
    end: int
    held: Metrics
    settings: AccountSettings
    strategy: Strategy
    jobs: tuple[JobOutcome, ...]
    skipped: tuple[SkippedJob, ...]
    failed: tuple[FailedJob, ...]
    waiting: tuple[int, ...]
    left: tuple[LeftOver, ...]
    moved: Path | None
    notes: tuple[str, ...]
    trials: int

    def __repr__(self) -> str:
        rows = sum(each.job.rows for each in self.jobs)
        lacking = len(self.skipped) + len(self.failed)
        more = f", {lacking} without a report" if lacking else ""
        return (
            f"RefineReport({self.symbol} {self.timeframe}: {rows:,} rows of {_jobs(len(self.jobs))}"
            f"{more}; {self.folder.path})"
        )

    def _repr_html_(self) -> str:
        return html_table(f"{self.symbol} {self.timeframe}, refined", self._rows())

    @property
    def files(self) -> tuple[Path, ...]:
        """The reports, and the files of all figures."""
        names = [each.job.report for each in self.jobs] + [each.job.figures for each in self.jobs]
        return tuple(self.folder.path / name for name in names)

    @property
    def obstacle(self) -> str | None:
        """Why not all of what was asked for could be refined; None where all was."""
        if not self.failed:
            return None
        whats = [each.what for each in self.failed]
        head = f"{_jobs(len(whats))} could not be refined"
        return f"{head}: {whats[0]}" if len(whats) == 1 else "\n  ".join([f"{head}:", *whats])

    @property
    def page(self) -> str:
        """What was computed, what it is worth, and what comes next, as text."""
        lines = ["", *self._head(), "", "What was assumed"]
        lines += assumed_lines(assumed_of_settings(self.settings, self.strategy, command="wfo run"))
        if self.jobs:
            lines += ["", "Rows", *self._table()]
            lines += [*self._best(), *self._worth()]
        said = [*self.notes, *dict.fromkeys(e.job.note for e in self.jobs if e.job.note)]
        said += [str(each) for each in (*self.skipped, *self.left)]
        if self.moved is not None:
            said.append(
                "Reports of ranges that the run no longer has were moved, so that the analysis does"
                f" not read them, to {self.moved}"
            )
        said += [each.what for each in self.failed]
        if said:
            lines += ["", "Notes", *(line for text in said for line in _filled(text))]
        lines += self._files()
        following = self._next()
        lines += ["", *following] if following else []
        return "\n".join(lines) + "\n"

    def _head(self) -> list[str]:
        symbols = self.symbol if self.symbol2 is None else f"{self.symbol} with {self.symbol2}"
        first, last = self.span
        text = (
            f"{symbols} {self.timeframe}: {_jobs(len(self.jobs))} refined over the whole history,"
            f" {first} to {last}, {self.end - self.warmup:,} bars; every row trades from bar"
            f" {self.warmup:,} on"
        )
        return _filled(text, "")

    def _table(self) -> list[str]:
        """Return the rows as a table; names that it has no room for stand in one of their own."""
        rows = self._rows()
        lines = table(rows, "><>>>>>>>")
        if max(map(len, lines)) <= _WIDEST:
            return lines
        named = table([row[:2] for row in rows], "><")
        return [*named, *table([(row[0], *row[2:]) for row in rows], ">" * 8)]

    def _rows(self) -> list[tuple[str, ...]]:
        heads = (
            *("Job", "Ranges", "Tests", "Left out", "Rows", "Rate", "Profitable"),
            *("Best profit", "Above hold"),
        )
        rows: list[tuple[str, ...]] = [heads]
        for each in self.jobs:
            job = each.job
            fast = rate(each.computed, each.seconds) if each.computed else "was there"
            rows.append(
                (
                    str(job.number),
                    each.label,
                    f"{job.tests:,}",
                    f"{job.refused:,}",
                    f"{job.rows:,}",
                    fast,
                    percent(each.profitable_share),
                    f"{each.best:,.0f}",
                    percent(each.beating / job.rows),
                )
            )
        return rows

    def _best(self) -> list[str]:
        lines = _filled(
            f"Buy-and-hold over the same bars: {self.held.net_profit:,.0f}. Profits here count what"
            " is open at the end; a report counts closed trades, as TradeStation does. Above hold"
            " are rows that earn more."
        )
        for each in self.jobs:
            values = ", ".join(f"{name} {value:g}" for name, value in each.best_params.items())
            lines += _filled(f"Best of job {each.job.number}: test {each.best_test:,}, {values}")
        if any(each.job.refused for each in self.jobs):
            lines += _filled(
                "Left out are tests that the strategy's constraints refuse; they keep their"
                " numbers, and TradeStation runs them."
            )
        return lines

    def _worth(self) -> list[str]:
        rows = sum(each.job.rows for each in self.jobs)
        return _filled(
            "In-sample: the plateaus were found on these bars, so none of these figures says what"
            f" comes next, and the best of {rows:,} rows is lucky. {self.trials:,} combinations"
            f" have been searched on {self.symbol} so far."
        )

    def _files(self) -> list[str]:
        if not self.jobs:
            return []
        reports = (self.folder.path / each.job.report for each in self.jobs)
        return [
            "",
            "Files: the reports, all figures of their rows, and what these were computed from",
            *(f"  {path}" for path in (*reports, self.folder.refined, self.folder.refinement)),
        ]

    def _next(self) -> list[str]:
        where = str(self.folder.path)
        lines = []
        if self.waiting:
            words = ["wfo", "refine", where]
            words += [word for number in self.waiting for word in ("--job", str(number))]
            left = ", ".join(map(str, self.waiting))
            lines += [f"To refine the rest, job {left}:", f"  {shlex.join(words)}"]
        if self.jobs:
            lines += [
                "Next, rank all rows by six metrics, those of TradeStation's reports too:",
                f"  {shlex.join(['wfo', 'analyze', where])}",
            ]
        return lines


def _jobs(count: int) -> str:
    return f"{count} job{'' if count == 1 else 's'}"


def _filled(text: str, indent: str = "  ") -> list[str]:
    return wrap_text(text, _WIDTH, indent, hang="  ")

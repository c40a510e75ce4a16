"""Refinement: every test of a run's range files over the whole history, and a report of each job.

A job is one line of ``phase5_refine_config.csv``. Its rows are computed in blocks that outlast
whatever stops them; when all are there, the report takes its name, and ``refine.json`` says so.
What is complete, and follows from the same ranges, bars, settings and slice, is not computed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wfo.backtest.benchmark import MARGIN
from wfo.errors import EngineError, InputError, ResultsError
from wfo.files import (
    PART,
    entries_of,
    file_digest,
    inside,
    is_own_file,
    is_own_folder,
    is_there,
    make_folder,
    move,
    naming_the_file,
    size_of,
    sync_folder,
    whole_stream,
)
from wfo.files.parquet import ParquetFile
from wfo.metrics import Metrics
from wfo.progress import Progress, Silent
from wfo.runs.folder import RunFolder
from wfo.runs.identity import refined_search
from wfo.runs.machine import Machine
from wfo.runs.manifest import Digest, Manifest
from wfo.runs.refinement.history import History
from wfo.runs.refinement.job_rows import JobRows, RefineOptions, write_report
from wfo.runs.refinement.record import (
    Basis,
    RefinedJob,
    Refinement,
    figures_fault,
    figures_name,
    is_as_written,
    read_figures,
)
from wfo.runs.refinement.report import FailedJob, JobOutcome, LeftOver, RefineReport, SkippedJob
from wfo.runs.refinement.row_blocks import STAGED, RowBlocks, part_folder
from wfo.text import listed as listed_names
from wfo.text import size_text
from wfo.tradestation.range_files import Job, JobList

#: Rows of the figures' file that are compressed together.
_ROW_GROUP = 1 << 16

#: Bytes of a report that a row takes, beside its parameters, at most.
_REPORT_BYTES = 700


def refine(
    folder: RunFolder,
    *,
    jobs: Sequence[int] | None = None,
    threads: int | None = None,
    fresh: bool = False,
    command: str = "wfo refine",
    progress: Progress | None = None,
    machine: Machine | None = None,
    options: RefineOptions | None = None,
) -> RefineReport:
    """Compute the rows of a run's range files over its whole history, and write their reports.

    Parameters
    ----------
    folder
        Folder of a complete run.
    jobs
        Numbers of the jobs; by default all of them.
    threads
        By default one for each core; results do not depend on it.
    fresh
        Whether to compute what is complete too.
    command
        How it was called, for a process that wants the folder meanwhile.
    progress
        Where to tell how far it is.
    machine
        The clock, the version of what computes, and the room there is.
    options
        How rows are cut into blocks.

    Raises
    ------
    WfoError
        If there is no complete run or nothing to refine, the run's bars are damaged, or a file
        cannot be written. What is wrong with one job does not keep the others from being refined;
        the report names it.
    """
    # Before anything is held or made: there may be no such folder.
    manifest = folder.read_manifest()
    # A count of trials that is damaged is found before anything is done.
    folder.read_trials(manifest.symbol)
    with folder.hold(command):
        history = History.of(folder)
        listed = _jobs(history)
        asked = _asked(listed, jobs)
        stage = _Stage.of(
            history,
            listed,
            threads=threads,
            fresh=fresh,
            progress=progress or Silent(),
            machine=machine or Machine(),
            options=options or RefineOptions(),
        )
        return stage.run(asked)


def _jobs(history: History) -> JobList:
    """Return the jobs of a run.

    Raises
    ------
    ResultsError
        If there are none; the message says why and what to do.
    """
    folder, manifest = history.folder, history.manifest
    try:
        found = history.fitting(JobList.read(folder.path, history.strategies))
    except InputError as error:
        if _has_ranges(manifest):
            raise
        before = Refinement.read(folder)
        names = ", ".join(job.report for job in before.jobs) if before else ""
        still = f". Of earlier ranges there {_are(len(before.jobs))} {names}" if before else ""
        unnamed = [s.name for s in history.strategies if s.tradestation is None]
        if unnamed and len(unnamed) == len(history.strategies):
            raise ResultsError(
                f"there is nothing to refine in {folder.path}: ranges are of a strategy's inputs in"
                f" TradeStation, and {listed_names(unnamed)} names none; 'wfo plateaus' shows the"
                " regions, and 'wfo run' with a finer grid of one searches it"
            ) from error
        raise ResultsError(
            f"there is nothing to refine in {folder.path}: {_why_none(manifest)}; 'wfo rescore"
            f" {folder.path} --min-phases 2', or other gates, asks for less, and so may a run of"
            f" a larger grid{still if names else ''}"
        ) from error
    if not found.jobs:
        raise ResultsError("\n  ".join([f"no job of {folder.path} can be refined:", *_what(found)]))
    return found


def _what(listed: JobList) -> list[str]:
    return [fault.what for fault in listed.faults]


def _has_ranges(manifest: Manifest) -> bool:
    results = manifest.completion.results if manifest.completion else ()
    return any(result.get("ranges") for result in results)


def _why_none(manifest: Manifest) -> str:
    """Return why a run has no range files, by strategy."""
    results = manifest.completion.results if manifest.completion else ()
    reasons = []
    for result in results:
        name, stable = str(result.get("strategy")), result.get("stable")
        if not stable:
            reasons.append(f"no combination of {name} is stable, so there is no plateau")
        else:
            reasons.append(f"{name} has {stable:,} stable combinations, and none of them a range")
    return "; ".join(reasons) or "the run has no ranges"


def _asked(listed: JobList, numbers: Sequence[int] | None) -> list[Job]:
    """Return the jobs that were asked for, each once, in the order of the list.

    Raises
    ------
    InputError
        If there is no such job, or it cannot be run.
    """
    if numbers is None or not list(numbers):
        return list(listed.jobs)
    known = {job.number: job for job in listed.jobs}
    for number in numbers:
        if number not in known:
            there = ", ".join(map(str, known))
            faults = "; ".join(_what(listed))
            raise InputError(
                f"there is no job {number} that can be refined; there {_are(len(known))} {there}"
                f"{f' ({faults})' if faults else ''}"
            )
    return [job for job in listed.jobs if job.number in set(numbers)]


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


@dataclass(slots=True)
class _Stage:
    """Refinement of the jobs of one run.

    Attributes
    ----------
    history, listed
        The run, and its jobs.
    warmup
        The first trading bar of all rows of all jobs.
    basis
        What all rows follow from.
    held
        Buy-and-hold over the same bars.
    complete
        The jobs of ``refine.json`` by report, of this basis or not.
    threads, fresh, progress, machine, options
        As in `refine`.
    said
        Notes for the page.
    """

    history: History
    listed: JobList
    warmup: int
    basis: Basis
    held: Metrics
    complete: dict[str, RefinedJob]
    threads: int | None
    fresh: bool
    progress: Progress
    machine: Machine
    options: RefineOptions
    said: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        history: History,
        listed: JobList,
        *,
        threads: int | None,
        fresh: bool,
        progress: Progress,
        machine: Machine,
        options: RefineOptions,
    ) -> _Stage:
        """Return the stage before anything is written."""
        need = max(history.lookback(job.strategy)(job.values) for job in listed.jobs)
        warmup = history.warmup(need)
        basis = Basis.of(history, warmup, machine.version())
        before = Refinement.read(history.folder)
        complete = {} if before is None else {job.report: job for job in before.jobs}
        held = history.held(warmup).metrics
        return cls(
            history, listed, warmup, basis, held, complete, threads, fresh, progress, machine,
            options,
        )  # fmt: skip

    @property
    def folder(self) -> RunFolder:
        """The run's folder."""
        return self.history.folder

    @property
    def remedy(self) -> str:
        """What to do about a file that cannot be written."""
        return "see to the disk and the folder, then the same command goes on with what is complete"

    def run(self, asked: Sequence[Job]) -> RefineReport:
        """Refine the jobs that were asked for, one after the other."""
        moved, left = self._set_aside()
        outcomes: list[JobOutcome] = []
        skipped: list[SkippedJob] = []
        faults = _what(self.listed)
        everything = len(asked) == len(self.listed.jobs)
        failed = [FailedJob(None, what) for what in faults] if everything else []
        self.said += [] if everything else faults
        for job in asked:
            found: JobOutcome | SkippedJob
            try:
                found = self._refine(job)
            except (InputError, EngineError) as error:
                failed.append(FailedJob(job.number, f"job {job.number}, {job.label}: {error}"))
                continue
            if isinstance(found, SkippedJob):
                skipped.append(found)
            else:
                outcomes.append(found)
        waiting = tuple(
            job.number
            for job in self.listed.jobs
            if job not in asked and not self._is_complete(job, self.complete.get(self._report(job)))
        )
        trials = self.folder.searched(self.history.manifest)
        return RefineReport(
            folder=self.folder,
            symbol=self.history.symbol,
            symbol2=self.history.symbol2,
            timeframe=self.history.timeframe,
            span=self.history.span(self.warmup),
            warmup=self.warmup,
            end=self.history.end,
            held=self.held,
            settings=self.history.settings(),
            strategy=self.history.strategies[0],
            jobs=tuple(outcomes),
            skipped=tuple(skipped),
            failed=tuple(failed),
            waiting=waiting,
            left=tuple(left),
            moved=moved,
            notes=(*self._notes(asked), *self.said),
            trials=trials,
        )

    def _report(self, job: Job) -> str:
        return job.report_name(self.history.symbol)

    def _notes(self, asked: Sequence[Job]) -> Iterator[str]:
        """Yield what is unusual about the bars and the files of the jobs."""
        out = self.history.manifest.holdout
        if out is not None:
            yield f"the last {out.span} after these bars is held out, and not part of any figure"
        sums = self.history.manifest.sums
        again = f"'wfo rescore {self.folder.path}' writes it again"
        for job in asked:
            stated = sums.get(job.range_file)
            if stated is None:
                yield f"{job.range_file} is none of the run's files, but was added to them"
            elif stated.sha256 != job.digest:
                yield (
                    f"{job.range_file} is not as the run has written it; its ranges as they are now"
                    f" are refined, and {again}"
                )
            yield from job.notes

    # What belongs to no job any more

    def _set_aside(self) -> tuple[Path | None, list[LeftOver]]:
        """Move reports of ranges that the run no longer has out of the way of the analysis.

        A rescoring may have fewer plateaus. What was changed after it was written stays where it
        is.

        Returns
        -------
        moved, left
            Where to, and what stays although it belongs to no job; None and nothing as a rule.
        """
        if self.listed.faults:
            # The report may be that of the job that cannot be read.
            return None, []
        own = {self._report(job) for job in self.listed.jobs}
        for under_way in entries_of(self.folder.refined):
            part = under_way.suffix == PART and is_own_folder(under_way)
            if part and f"{under_way.stem}.csv" not in own:
                RowBlocks(under_way, "", 0, 1, self.remedy).discard()
        stale = [job for job in self.complete.values() if job.report not in own]
        left = []
        place = self.folder.refined / "earlier"
        moved = None
        for job in stale:
            report, figures = self.folder.file(job.report), self.folder.file(job.figures)
            with naming_the_file(place, remedy=self.remedy):
                if is_as_written(report, job.report_digest):
                    target = inside(place, job.report_digest.sha256[:8])
                    make_folder(target)
                    move(report, target / report.name)
                    if is_own_file(figures):
                        move(figures, target / figures.name)
                    moved = place
                elif is_there(report):
                    left.append(LeftOver(report, "was changed since it was written here"))
            del self.complete[job.report]
        if stale:
            self._record()
        return moved, left

    # One job

    def _refine(self, job: Job) -> JobOutcome | SkippedJob:
        """Refine one job, or what is missing of it.

        Raises
        ------
        InputError, EngineError
            If it cannot be computed.
        ResultsError
            If a file cannot be written.
        """
        name = self._report(job)
        report, before = self.folder.path / name, self.complete.get(name)
        if not job.count:
            rules = ", ".join(job.strategy.constraints)
            raise InputError(f"none of its {job.tests:,} tests meets {rules}")
        clash = set(job.strategy.names) & set(_fields())
        if clash:
            raise InputError(
                f"{job.strategy.name} has a parameter {min(clash)}, which is the name of a figure"
            )
        key = self.basis.key(job.strategy, job.digest)
        blocks = RowBlocks(
            part_folder(self.folder.path / figures_name(name)),
            key,
            job.count,
            self.options.block(self.history.end),
            self.remedy,
        )
        if before is not None and self._is_complete(job, before) and not self.fresh:
            blocks.discard()
            return self._again(job, before)
        if self.fresh:
            blocks.discard()
        blocks.read()
        ours = None if before is None else before.report_digest
        if blocks.missing and self._is_foreign(report, ours):
            return self._skipped(job, report, ours)
        return self._compute(job, key, blocks)

    def _is_complete(self, job: Job, before: RefinedJob | None) -> bool:
        """Whether a job's figures are there, and are those that would be computed."""
        return (
            before is not None
            and before.key == self.basis.key(job.strategy, job.digest)
            and is_as_written(self.folder.file(before.figures), before.figures_digest)
            and not figures_fault(self.folder, before, job.strategy, job)
        )

    def _is_foreign(self, report: Path, ours: Digest | None) -> bool:
        """Whether something stands at a report's name that was not written here."""
        return is_there(report) and not (ours is not None and is_as_written(report, ours))

    def _skipped(self, job: Job, report: Path, ours: Digest | None) -> SkippedJob:
        why = (
            "was not written by this command"
            if ours is None
            else "was changed since this command wrote it"
        )
        return SkippedJob(job.number, job.label, report, why)

    def _again(self, job: Job, before: RefinedJob) -> JobOutcome | SkippedJob:
        """Return a job that is complete already; its report is written again where it is gone."""
        report = self.folder.file(before.report)
        if self._is_foreign(report, before.report_digest):
            return self._skipped(job, report, before.report_digest)
        if not is_there(report):
            figures = read_figures(self.folder, before)
            pieces = (
                figures[at : at + self.options.most]
                for at in range(0, len(figures), self.options.most)
            )
            with whole_stream(report, remedy=self.remedy) as file:
                write_report(file, job, pieces)
            self.said.append(f"{report.name} was gone, and is written again")
        self._count(job)
        kept = replace(before, number=job.number, range_file=job.range_file)
        if kept != before or not self._is_recorded():
            self.complete[before.report] = kept
            self._record()
        return self._outcome(job, kept, 0, 0.0)

    def _compute(self, job: Job, key: str, blocks: RowBlocks) -> JobOutcome | SkippedJob:
        """Compute what is missing of a job, and publish it."""
        missing = blocks.missing
        left = sum(stop - start for start, stop in missing)
        self._check_room(job, left)
        if left < job.count:
            self.progress.say(
                f"job {job.number}: {job.count - left:,} of {job.count:,} rows are stored and"
                " intact"
            )
        rows = JobRows(self.history, job, self.warmup, self.threads, self.options)
        # Before anything is written; and what is complete was computed by the same engine.
        rows.prepare()
        begun = self.options.clock()
        if missing:
            blocks.open()
            title = f"job {job.number}, {job.label}"
            with self.progress.stage(title, left) as tick:
                for span in missing:
                    blocks.write(span, rows.frame(span, tick))
        seconds = self.options.clock() - begun
        done = self._publish(job, key, blocks, rows, seconds)
        if isinstance(done, SkippedJob):
            return done
        return self._outcome(job, done, left, seconds)

    def _check_room(self, job: Job, rows: int) -> None:
        """Raise a `ResultsError` where the disk has no room for a job."""
        cells = 1 + len(job.strategy.names) + len(_fields())
        need = 8 * cells * (rows + job.count) + job.count * _REPORT_BYTES
        free = self.machine.free(self.folder.path)
        if need > free:
            raise ResultsError(
                f"the {job.count:,} rows of job {job.number}, {job.label}, take up to"
                f" {size_text(need)}, and {size_text(free)} are free where {self.folder.path} is;"
                " free some space, refine the other jobs with --job, or make smaller ones with"
                f" 'wfo rescore {self.folder.path} --max-tests N'"
            )

    def _publish(
        self, job: Job, key: str, blocks: RowBlocks, rows: JobRows, seconds: float
    ) -> RefinedJob | SkippedJob:
        """Give a job's files their names, and record it.

        The blocks go last. So a call that was stopped anywhere here is gone on with from them, and
        a report that was published before is known by its bytes.
        """
        import polars as pl

        name = self._report(job)
        report, figures = self.folder.path / name, self.folder.path / figures_name(name)
        before = self.complete.get(name)
        staged = blocks.path / STAGED
        with whole_stream(staged, remedy=self.remedy) as file:
            write_report(file, job, blocks.frames())
        written = Digest(size_of(staged), file_digest(staged))
        ours = None if before is None else before.report_digest
        if self._is_foreign(report, ours) and not is_as_written(report, written):
            return self._skipped(job, report, ours)
        with whole_stream(figures, remedy=self.remedy) as file:
            try:
                pl.scan_parquet(blocks.sound(), glob=False).sink_parquet(
                    file, compression="zstd", row_group_size=_ROW_GROUP, maintain_order=True
                )
            except pl.exceptions.PolarsError as error:
                raise OSError(str(error)) from error
        with naming_the_file(report, remedy=self.remedy):
            move(staged, report)
            sync_folder(report.parent)
        self._count(job)
        done = RefinedJob(
            number=job.number,
            strategy=job.strategy.name,
            rank=job.rank,
            part=job.part,
            range_file=job.range_file,
            range_digest=job.digest,
            key=key,
            tests=job.tests,
            refused=job.refused,
            rows=job.count,
            report=name,
            report_digest=written,
            figures=figures_name(name),
            figures_digest=Digest(size_of(figures), file_digest(figures)),
            engine=rows.engine,
            note=rows.note,
            seconds=round(seconds, 3),
            finished=self.machine.stamp(),
        )
        self.complete[name] = done
        self._record()
        blocks.discard()
        return done

    def _count(self, job: Job) -> None:
        """Count a job's rows among the trials of the symbol, once."""
        search = refined_search(job, self.history, self.warmup)
        symbol = self.history.symbol
        known = self.folder.read_trials(symbol)["searches"]
        if all(each["fingerprint"] != search["fingerprint"] for each in known):
            self.folder.count_trials(symbol, search)

    def _record(self) -> None:
        """Write ``refine.json``.

        What is complete on another basis keeps its report, which is known to be from here, until it
        is computed again; its key tells that it is not good any more.
        """
        jobs = tuple(self.complete.values())
        Refinement(self.basis, jobs).write(self.folder, remedy=self.remedy)

    def _is_recorded(self) -> bool:
        before = Refinement.read(self.folder)
        return before is not None and before.basis == self.basis

    def _outcome(self, job: Job, done: RefinedJob, computed: int, seconds: float) -> JobOutcome:
        """Return what a job came to, from the file of its figures."""
        held = self.held.net_profit
        # Sets that stay invested equal it up to rounding.
        above = held + MARGIN * abs(held)
        path = self.folder.file(done.figures)
        try:
            with ParquetFile(path, links=False) as file:
                pnl = file.read(["pnl"])["pnl"]
                best = file.read(None, pnl.arg_max() or 0, 1).row(0, named=True)
        except OSError as error:
            raise ResultsError(f"{path} cannot be read: {error.strerror or error}") from error
        return JobOutcome(
            job=done,
            label=job.label,
            profitable=int((pnl > 0).sum()),
            beating=int((pnl > above).sum()),
            best=float(best["pnl"]),
            best_test=int(best["TestNum"]),
            best_params={name: best[name] for name in job.strategy.names},
            computed=computed,
            seconds=seconds,
        )


def _fields() -> tuple[str, ...]:
    from wfo.backtest.performance import FIELDS

    return FIELDS

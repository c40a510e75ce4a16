"""Whether every file of a run is as it was written, and which ones are not."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wfo.backtest import thread_count
from wfo.errors import ResultsError
from wfo.files import files_below, is_there, read_sealed, size_of
from wfo.progress import Progress, Silent
from wfo.runs.analysis.refined import NAME, AnalysisRecord
from wfo.runs.folder import RunFolder
from wfo.runs.holdout.spendings import spendings, spent_of, symbols_of
from wfo.runs.manifest import Manifest
from wfo.runs.options import RunOptions
from wfo.runs.permuting.record import Record, record_paths
from wfo.runs.refinement.record import Refinement
from wfo.runs.stage_alone.stated import stage_commands
from wfo.runs.stored import stored_sweeps, sweep_damages
from wfo.runs.verdict.record import NAME as VERDICT
from wfo.runs.verdict.record import Verdict
from wfo.sweeps import SweepStore


def verify(
    folder: RunFolder,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    options: RunOptions | None = None,
) -> tuple[int, int]:
    """Check that every file of a complete run is as it was written.

    Parameters
    ----------
    folder
        Folder of a complete run.
    threads
        By default one for each core.
    progress
        Takes reports of progress.
    options
        How the stores of the run worked.

    Returns
    -------
    files, bytes
        How many files of the folder were read, and how long they are together.

    Raises
    ------
    WfoError
        If there is no complete run, or files are missing, damaged or changed; the message names
        all of them, and what repairs them.
    """
    progress = progress or Silent()
    folder.read_manifest()
    # Where writing is not allowed, no other process writes either.
    writable = os.access(folder.path, os.W_OK)
    with folder.hold("wfo verify") if writable else contextlib.nullcontext():
        manifest = folder.read_manifest()
        found = _Found()
        sizes = [size_of(folder.manifest)]
        for name, stated in manifest.sums.items():
            with found.collected(found.kept if folder.is_input(name) else found.derived):
                sizes.append(folder.check_digest(name, stated))
        sizes += _refined(folder, found)
        sizes += _analyzed(folder, found)
        sizes += _held_out(folder, manifest, found)
        sizes += _permuted(folder, found)
        sizes += _verdict(folder, found)
        for path in dict.fromkeys((folder.trials, folder.trials_of(manifest.symbol))):
            if is_there(path):
                with found.collected(found.trials):
                    read_sealed(path)
                if path == folder.trials:
                    sizes.append(size_of(path))
        stores: list[SweepStore] = []
        # What they need of the bars may be damaged, which is no reason to name nothing else.
        with found.collected(found.kept):
            sizes_of = (options or RunOptions()).store
            stores = stored_sweeps(
                folder, manifest, manifest.gates, thread_count(threads), sizes_of
            )
        for kept in stores:
            found.kept += sweep_damages(kept, progress)
            sizes += map(size_of, files_below(kept.folder))
        found.check(folder, manifest)
    return len(sizes), sum(sizes)


def _refined(folder: RunFolder, found: _Found) -> list[int]:
    """Check what a refinement has written, and return the sizes; none where there is none."""
    sizes: list[int] = []
    with found.collected(found.refined):
        refinement = Refinement.read(folder)
        if refinement is None:
            return []
        sizes.append(size_of(folder.refinement))
        for job in refinement.jobs:
            for name, stated in (
                (job.report, job.report_digest),
                (job.figures, job.figures_digest),
            ):
                with found.collected(found.refined):
                    sizes.append(folder.check_digest(name, stated))
    return sizes


def _analyzed(folder: RunFolder, found: _Found) -> list[int]:
    """Check what an analysis has written, and return the sizes; none where there is none."""
    path = folder.path / NAME
    if not is_there(path):
        return []
    sizes: list[int] = []
    with found.collected(found.analyzed):
        sizes.append(size_of(path))
        for name, stated in AnalysisRecord.read(path).files.items():
            with found.collected(found.analyzed):
                sizes.append(folder.check_digest(name, stated))
    return sizes


def _held_out(folder: RunFolder, manifest: Manifest, found: _Found) -> list[int]:
    """Check what says of hold-outs that they are spent, and return the sizes."""
    with found.collected(found.spent):
        spent_of(folder, manifest)
    with found.collected(found.spent):
        spendings(folder, symbols_of(manifest))
    return [size_of(p) for p in (folder.spent, folder.holdouts) if is_there(p)]


def _permuted(folder: RunFolder, found: _Found) -> list[int]:
    """Check the records of permutation tests, those set aside too, and return the sizes."""
    sizes: list[int] = []
    paths: list[Path] = []
    with found.collected(found.permuted):
        paths = record_paths(folder, earlier=True)
    for path in paths:
        with found.collected(found.permuted):
            Record.read(path)
            sizes.append(size_of(path))
    return sizes


def _verdict(folder: RunFolder, found: _Found) -> list[int]:
    """Check the statistics that were collected, and return their size; none without any."""
    path = folder.path / VERDICT
    if not is_there(path):
        return []
    with found.collected(found.collectable):
        Verdict.read(path)
    return [size_of(path)]


@dataclass(slots=True)
class _Found:
    """What is wrong, a text a file, by what repairs it.

    `kept` are files that the run keeps: bars, what it was given, figures. `derived` follow from
    them, `refined` from ranges among those, and `analyzed` from reports; `collectable` are
    statistics of all of these. Of `permuted`, records of permutation tests, and of `spent`, records
    of hold-outs, each text says itself what repairs it.
    """

    kept: list[str] = field(default_factory=list)
    derived: list[str] = field(default_factory=list)
    refined: list[str] = field(default_factory=list)
    analyzed: list[str] = field(default_factory=list)
    collectable: list[str] = field(default_factory=list)
    permuted: list[str] = field(default_factory=list)
    trials: list[str] = field(default_factory=list)
    spent: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def collected(self, texts: list[str]) -> Iterator[None]:
        """Go on after a file that is not as it was written, and keep what is said of it."""
        try:
            yield
        except ResultsError as error:
            texts.append(str(error))

    def check(self, folder: RunFolder, manifest: Manifest) -> None:
        """Raise a `ResultsError` that names every file, if there are any."""
        found = (
            *(*self.kept, *self.derived, *self.refined, *self.analyzed),
            *(*self.collectable, *self.permuted, *self.trials, *self.spent),
        )
        texts = list(dict.fromkeys(found))
        if not texts:
            return
        repair = self._repair(folder, manifest)
        if len(texts) == 1:
            raise ResultsError("\n  ".join([texts[0], *repair]))
        head = f"{len(texts)} files of the run in {folder.path} are not as they were written:"
        raise ResultsError("\n  ".join([head, *texts, *repair]))

    def _repair(self, folder: RunFolder, manifest: Manifest) -> list[str]:
        """Say what to do, in the order in which it is to be done."""
        lines = []
        if self.trials:
            # A run counts its trials, so it refuses to begin with a count that it cannot read.
            lines.append(
                "the count of trials is not made again: put a good copy in its place, or remove it"
                " to count from nothing"
            )
        again = shlex.join(["wfo", "rescore", str(folder.path)])
        if self.kept:
            # With bars of later days it would be another run.
            fetches = manifest.data.fetched_from and "--no-fetch" not in manifest.command
            offline = " --no-fetch" if fetches else ""
            lines.append(f"to repair the run: {manifest.command}{offline}")
            if manifest.rescored is not None:
                lines.append(
                    f"and then, since it was rescored: {manifest.rescored.command or again}"
                )
        elif self.derived:
            lines.append(f"to write again what follows from its figures: {again}")
        if self.kept or self.derived:
            lines += [
                f"and then, since that stage was run again: {each}"
                for each in stage_commands(folder, manifest)
            ]
        if self.refined:
            lines.append(
                "to refine again, after a damaged Refinement_* file was moved away, since none is"
                f" overwritten: {shlex.join(['wfo', 'refine', str(folder.path)])}"
            )
        if self.analyzed:
            lines.append(f"to analyze again: {shlex.join(['wfo', 'analyze', str(folder.path)])}")
        if self.collectable:
            again = shlex.join(["wfo", "verdict", str(folder.path)])
            lines.append(f"to collect the statistics again: {again}")
        return lines

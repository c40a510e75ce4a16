"""The permutation test: the searches of a run on permuted bars, batch by batch, into its record."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wfo.backtest import thread_count
from wfo.backtest.memory import available_memory
from wfo.errors import InputError, ResultsError
from wfo.grid import Grid
from wfo.progress import Progress, Silent
from wfo.runs.folder import RunFolder
from wfo.runs.inputs import Inputs
from wfo.runs.machine import Machine
from wfo.runs.manifest import Manifest
from wfo.runs.permuting.asked import Asked
from wfo.runs.permuting.record import MIN_TRADES, Basis, Record, record_path, take_up
from wfo.runs.permuting.report import PermutationReport
from wfo.runs.permuting.search import Search, open_search
from wfo.runs.permuting.values import (
    LEAST_RUNS,
    MOST_RUNS,
    STABLE,
    PermutationTest,
    Searched,
    Variant,
)
from wfo.runs.rescore import check_inputs
from wfo.runs.stored import read_kept
from wfo.runs.verdict.searched import facts_of_run
from wfo.stats.permutation import order_classes
from wfo.text import size_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: Permutations by default.
RUNS = 200

#: Bytes of a combination while a grid is searched: its return, of which there is a median.
_COMBINATION = 8

#: Blocks that a test needs: fewer have so few orders that permutations repeat.
_LEAST_BLOCKS = 8


@dataclass(frozen=True, slots=True)
class PermutingOptions:
    """How searches are cut into batches; no figure depends on it.

    Attributes
    ----------
    seconds
        Time that a batch should take: what a kill loses, at most, where one search takes no longer.
    writing
        How much longer than its recording it should take, at least, since a long record takes time.
    clock
        Returns the time, in seconds from any start.
    memory
        Returns the bytes of memory that are left; None where that is not known.
    open
        Returns what searches a grid.
    """

    seconds: float = 2.0
    writing: float = 20.0
    clock: Callable[[], float] = time.perf_counter
    memory: Callable[[], int | None] = available_memory
    open: Callable[[Asked], Search] = open_search


def permutation_test(
    folder: RunFolder,
    *,
    runs: int = RUNS,
    variant: Variant | None = None,
    threads: int | None = None,
    command: str = "wfo permutation-test",
    progress: Progress | None = None,
    machine: Machine | None = None,
    options: PermutingOptions | None = None,
) -> PermutationReport:
    """Search all grids of a run again on permuted bars, and compare.

    The record is written again after every batch, so that a call that was stopped goes on with the
    same command, and one with more `runs` adds what is missing. The searches are no trials of the
    symbol: nothing is chosen by them.

    Parameters
    ----------
    folder
        Folder of a complete run.
    runs
        Permutations, from `LEAST_RUNS` to `MOST_RUNS`.
    variant
        Which bars trade places; by default all from the first phase's first trading bar on.
    threads
        By default one for each core; results do not depend on it.
    command
        How it was called, for a process that wants the folder meanwhile.
    progress
        Where to tell how far it is.
    machine
        The version of what computes.
    options
        How searches are cut into batches, and what searches.

    Raises
    ------
    WfoError
        If there is no complete run, its bars or the record are damaged, the memory does not
        suffice, the searches do not give the run's own figures, or the record cannot be written.
    """
    check_runs(runs)
    # Before anything is held or made: there may be no such folder.
    folder.read_manifest()
    with folder.hold(command):
        manifest = folder.read_manifest()
        check_inputs(folder, manifest)
        stage = _Stage.of(
            folder,
            manifest,
            variant or Variant(),
            thread_count(threads),
            progress or Silent(),
            machine or Machine(),
            options or PermutingOptions(),
        )
        return stage.run(runs)


def check_runs(runs: object) -> None:
    """Raise an `InputError` unless so many permutations can be asked for."""
    if isinstance(runs, bool) or not isinstance(runs, int) or not LEAST_RUNS <= runs <= MOST_RUNS:
        raise InputError(
            f"runs = {runs!r} must be a whole number from {LEAST_RUNS} to {MOST_RUNS:,}: with B"
            f" permutations no p-value lies below 1 / (1 + B), and fewer than {LEAST_RUNS} cannot"
            " reach .05"
        )


@dataclass(slots=True)
class _Stage:
    """The test of one run.

    Attributes
    ----------
    folder, manifest, variant, basis
        Which run and variant, and what the figures follow from.
    asked
        What is searched, by strategy.
    first, last, bars
        What `PermutationTest` says of the bars that trade places.
    progress, options
        As in `permutation_test`.
    """

    folder: RunFolder
    manifest: Manifest
    variant: Variant
    basis: Basis
    asked: dict[str, Asked]
    first: str
    last: str
    bars: int
    progress: Progress
    options: PermutingOptions

    @classmethod
    def of(
        cls,
        folder: RunFolder,
        manifest: Manifest,
        variant: Variant,
        threads: int,
        progress: Progress,
        machine: Machine,
        options: PermutingOptions,
    ) -> _Stage:
        """Return the stage before anything is computed or written."""
        basis = Basis.of(folder, manifest, machine.version())
        second = read_kept(folder.bars2) if manifest.data2 is not None else None
        inputs = Inputs(read_kept(folder.bars), second, manifest.data, manifest.data2)
        phases = [phase.bounds for phase in manifest.phases]
        end = max(end for _, _, end in phases)
        if len(inputs.bars) < end:
            raise ResultsError(f"{folder.bars} has fewer bars than the phases of its run")
        start = min(phases)
        first = start[1] if variant.later else start[0]
        stamps: Any = None
        classes: IndexArray | None = None
        asked = {}
        for grid in manifest.load_grids():
            feeds = inputs.of(grid.strategy).until(end)
            if stamps is None:
                stamps = feeds.stamps
                classes = order_classes(stamps, manifest.timeframe)
                check_blocks(variant.block, first, end, classes)
            asked[grid.strategy.name] = Asked(
                grid=grid,
                settings=manifest.settings_of(grid.strategy),
                phases=phases,
                feeds=feeds,
                gates=dict(basis.gates),
                least=basis.least,
                min_trades=MIN_TRADES,
                first=first,
                classes=classes,
                block=variant.block,
                threads=threads,
            )
        return cls(
            folder,
            manifest,
            variant,
            basis,
            asked,
            stamps[first].isoformat(),
            stamps[end - 1].isoformat(),
            end - first,
            progress,
            options,
        )

    def run(self, runs: int) -> PermutationReport:
        """Do the searches that are missing, and report."""
        before, said = take_up(self.folder, self.basis, self.variant)
        if said:
            self.progress.say(said)
        self._check(before)
        rows = dict.fromkeys(self.asked, 0)
        if before is not None:
            rows = {name: len(each.values) for name, each in before.searched.items()}
        computed = sum(max(0, 1 + runs - done) for done in rows.values())
        if sum(rows.values()) and computed:
            self.progress.say(f"{sum(rows.values()):,} searches are stored and intact")
        test = self._compute(runs, before) if computed else before
        assert test is not None  # noqa: S101  # nothing is missing only of a test that is there
        settings = self.manifest.settings_of(self.manifest.strategy_of(self.manifest.strategy))
        facts = facts_of_run(self.folder, self.manifest, version=self.basis.wfo)
        return PermutationReport(
            self.folder, self.manifest, settings, facts, self.basis, test, computed, said
        )

    def _compute(self, runs: int, before: PermutationTest | None) -> PermutationTest:
        """Search batch by batch, of the strategy that is furthest behind, and record each."""
        for asked in self.asked.values():
            self._check_memory(asked.grid, None)
        searches = {name: self.options.open(asked) for name, asked in self.asked.items()}
        for name, search in searches.items():
            self._check_memory(self.asked[name].grid, search.worker_bytes)
        test = before or self._test({n: self._none(n, each) for n, each in searches.items()})
        path = record_path(self.folder, self.variant)
        weights = {name: len(asked.grid) for name, asked in self.asked.items()}
        left = {n: max(0, 1 + runs - len(each.values)) for n, each in test.searched.items()}
        sizes = {name: search.concurrent for name, search in searches.items()}
        total = sum(left[name] * weight for name, weight in weights.items())
        with self.progress.stage(f"searching {runs:,} permuted markets", total) as tick:
            while any(left.values()):
                name = max(left, key=left.__getitem__)
                size = min(sizes[name], left[name])
                begun = self.options.clock()
                test = self._searched(test, name, searches[name], size)
                spent = self.options.clock() - begun
                test = replace(test, seconds=round(test.seconds + spent, 3))
                Record(self.basis, test).write(path)
                writing = self.options.clock() - begun - spent
                wanted = max(self.options.seconds, self.options.writing * writing)
                # Threads that search side by side end together.
                side = searches[name].concurrent
                most = int(min(size * wanted / max(spent, 1e-6), 4 * size))
                sizes[name] = max(side, most - most % side)
                left[name] -= size
                tick(size * weights[name])
        return test

    def _searched(
        self, test: PermutationTest, name: str, search: Search, size: int
    ) -> PermutationTest:
        """Return a test with so many further searches of a strategy."""
        import numpy as np

        own = test.searched[name]
        done = len(own.values)
        block = search.run(done, done + size)
        if done == 0:
            self._check_real(name, block[0])
        own = replace(own, values=np.concatenate([own.values, block]))
        return replace(test, searched={**test.searched, name: own})

    def _none(self, name: str, search: Search) -> Searched:
        """Return that of a strategy before its first search."""
        import numpy as np

        asked = self.asked[name]
        values = np.zeros((0, len(asked.names)))
        return Searched(len(asked.grid), search.engine, asked.names, values)

    def _test(self, searched: dict[str, Searched]) -> PermutationTest:
        return PermutationTest(
            self.variant,
            self.basis.key(self.variant),
            self.first,
            self.last,
            self.bars,
            self.basis.least,
            searched,
            0.0,
        )

    # What is refused

    def _check(self, test: PermutationTest | None) -> None:
        """Raise a `ResultsError` where a record has other figures than are asked for."""
        if test is None:
            return
        stated = {n: (each.names, each.combinations) for n, each in test.searched.items()}
        if stated != {n: (each.names, len(each.grid)) for n, each in self.asked.items()}:
            raise ResultsError(
                f"{record_path(self.folder, self.variant)} has the figures of other grids than the"
                " run; move it out of its folder, and the same command begins anew"
            )

    def _check_real(self, name: str, row: FloatArray) -> None:
        """Raise a `ResultsError` unless a search of the run's bars gives what the run has found."""
        results = self.manifest.completion.results if self.manifest.completion else ()
        stated = next((r for r in results if r.get("strategy") == name), {})
        valid = stated.get("valid_phases")
        if not isinstance(valid, list):
            return
        asked, ruling = self.asked[name], self.manifest.gates.name
        expected = sum(valid[self.basis.least :]) / len(asked.grid)
        found = float(row[asked.names.index(f"{STABLE}{ruling}")])
        if found != expected:
            total = len(asked.grid)
            raise ResultsError(
                f"the search of {name} on the run's own bars gives {found * total:,.0f} stable"
                f" combinations of {total:,}, and run.json states {expected * total:,.0f}: the"
                " strategy, or what computes it, is not what it was; make the run anew:"
                f" {self.manifest.command}"
            )

    def _check_memory(self, grid: Grid, stated: int | None) -> None:
        """Raise a `ResultsError` where the memory does not suffice for a search."""
        free = self.options.memory()
        need = max(_COMBINATION * len(grid), stated or 0)
        if free is not None and need > free:
            raise ResultsError(
                f"a search of the {len(grid):,} combinations of {grid.strategy.name} takes"
                f" {size_text(need)} of memory, of which {size_text(_COMBINATION * len(grid))} for"
                f" their returns, and {size_text(free)} are free; free some, use fewer --threads,"
                " or test a run of a smaller grid"
            )


def check_blocks(block: int, first: int, end: int, classes: IndexArray | None) -> None:
    """Raise an `InputError` where blocks are so long that there are few orders of them.

    Parameters
    ----------
    block
        Bars, or sessions, that stay together; 0 for none.
    first, end, classes
        The bars that trade places, and their classes, as of `wfo.stats.permutation.move_order`.
    """
    if not block:
        return
    import numpy as np

    units, what = end - first, "bars"
    if classes is not None:
        units, what = int(np.count_nonzero(np.diff(classes[first:end]) <= 0)), "sessions"
    blocks = units // block
    if blocks < _LEAST_BLOCKS:
        raise InputError(
            f"block = {block} makes {blocks} of the {units:,} {what} that trade places, and"
            f" a test needs {_LEAST_BLOCKS} blocks or more; {units // _LEAST_BLOCKS} is the longest"
            " that can be"
        )

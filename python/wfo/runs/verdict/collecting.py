"""The statistics of a run, collected: from its stored figures, samples of its grids, finalists."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfo.backtest import thread_count
from wfo.errors import EngineError, InputError, ResultsError
from wfo.files import file_digest, is_there
from wfo.grid import Grid
from wfo.progress import Progress, Silent, Tick
from wfo.runs.analysis.refined import NAME as ANALYSIS
from wfo.runs.assumed import assumed_of_bars, assumed_of_settings, assumed_of_year
from wfo.runs.finalists import MOST, finalists
from wfo.runs.folder import RunFolder
from wfo.runs.found import Facts, candidate_columns
from wfo.runs.identity import fingerprint, kernel_digest
from wfo.runs.machine import Clock, Machine
from wfo.runs.manifest import Manifest
from wfo.runs.market import Market
from wfo.runs.rescore import check_inputs
from wfo.runs.stage_alone.stated import Stated, stated_results
from wfo.runs.stored import run_benchmarks
from wfo.runs.verdict.finalist_figures import finalist_figures
from wfo.runs.verdict.prediction import predict, sampled_indices
from wfo.runs.verdict.record import (
    NAME,
    AssumedItem,
    FinalistStatistics,
    MadeFrom,
    RunStatistics,
    SampleStatistics,
    StrategyStatistics,
    Verdict,
)
from wfo.runs.verdict.sampled import (
    RESAMPLES,
    RUN_STREAM,
    SAMPLES,
    STEPS,
    STRATEGY_STREAM,
    Periods,
    SampledReturns,
    run_sample,
    sample_of,
    sample_statistics,
    strategy_sample,
)
from wfo.runs.verdict.whole_grid import WholeGrid, stated_profile

if TYPE_CHECKING:
    from pathlib import Path

#: What of ``run.json`` tells how a run was made rather than what was found.
_CIRCUMSTANCES = frozenset(
    {
        "status", "command", "started", "finished", "engine", "threads", "build", "host",
        "timings", "trials", "rescored", "stages",
    }
)  # fmt: skip


def collect(
    folder: RunFolder,
    *,
    samples: int = SAMPLES,
    resamples: int = RESAMPLES,
    threads: int | None = None,
    progress: Progress | None = None,
    machine: Machine | None = None,
) -> Verdict:
    """Return the statistics of a run, and keep them in ``verdict.json``.

    What is there already is returned where it follows from the same run, scoring, analysis, trials,
    options and version.

    Parameters
    ----------
    folder
        Folder of a complete run.
    samples
        Sampled sets of each strategy, and of the whole run, at most.
    resamples
        Bootstrap resamples.
    threads
        By default one for each core; results do not depend on it.
    progress
        Where to tell how far it is.
    machine
        The clock, and the version of what computes.

    Raises
    ------
    WfoError
        If there is no complete run, its files are not as they were written, or the file cannot be
        written.
    """
    for name, value in (("samples", samples), ("resamples", resamples)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{name} = {value!r} must be a whole number from 1 on")
    progress, machine = progress or Silent(), machine or Machine()
    # Before anything is held or made: there may be no such folder.
    folder.read_manifest()
    with folder.hold("wfo verdict"):
        manifest = folder.read_manifest()
        made = made_from(folder, manifest, samples, resamples, machine)
        kept = _kept(folder.path / NAME, made, progress)
        if kept is not None:
            return kept
        check_inputs(folder, manifest)
        count = thread_count(threads)
        market = Market.of_run(folder, manifest, run_benchmarks(folder, manifest), count)
        stage = _Stage(folder, manifest, market, made, progress, Clock())
        verdict = stage.verdict(machine)
        verdict.write(folder.path / NAME)
    return verdict


def read_verdict(folder: RunFolder) -> Verdict | None:
    """Return what ``verdict.json`` says of the run that is there; None where nothing does.

    Raises
    ------
    ResultsError
        If the file is damaged, or no verdict.
    """
    path = folder.path / NAME
    if not is_there(path):
        return None
    verdict = Verdict.read(path)
    earlier = folder.earlier()
    return verdict if earlier is not None and verdict.made.run == earlier.fingerprint else None


def made_from(
    folder: RunFolder, manifest: Manifest, samples: int, resamples: int, machine: Machine
) -> MadeFrom:
    """Return what a verdict on a run follows from.

    Parameters
    ----------
    folder, manifest
        The run.
    samples, resamples
        As in `collect`.
    machine
        The version of what computes.
    """
    stated = {n: v for n, v in manifest.to_dict().items() if n not in _CIRCUMSTANCES}
    kernels = {g.strategy.name: kernel_digest(g.strategy) for g in manifest.load_grids()}
    path = folder.path / ANALYSIS
    return MadeFrom(
        run=manifest.fingerprint,
        scored=fingerprint({"stated": stated, "kernels": kernels}),
        version=machine.version(),
        trials=folder.searched(manifest),
        analysis=file_digest(path) if is_there(path) else None,
        samples=samples,
        resamples=resamples,
    )


def _kept(path: Path, made: MadeFrom, progress: Progress) -> Verdict | None:
    """Return the verdict that is there, where it follows from the same; else None."""
    if not is_there(path):
        return None
    try:
        kept = Verdict.read(path)
    except ResultsError as error:
        progress.say(f"{error}; the statistics are collected anew")
        return None
    return kept if kept.made == made else None


@dataclass(frozen=True, slots=True, eq=False)
class _Stage:
    """One collection under way."""

    folder: RunFolder
    manifest: Manifest
    market: Market
    made: MadeFrom
    progress: Progress
    clock: Clock

    def verdict(self, machine: Machine) -> Verdict:
        """Return all statistics."""
        manifest, market = self.manifest, self.market
        stated = stated_results(self.folder, manifest)
        periods = Periods.of(market)
        strategies = tuple(self._strategy(each, periods) for each in stated)
        run = self._run([each.grid for each in stated], periods, strategies)
        asked = [(each.grid, manifest.gates, _least(each)) for each in stated]
        with self._stage("finalists", "judging finalists", MOST * len(stated)) as tick:
            chosen = self._finalists(run.statistics, tick)
        total = sum(len(sampled_indices(grid)) for grid, _, _ in asked)
        with self._stage("prediction", "testing what stability predicted", total) as tick:
            prediction = predict(market, asked, tick=tick)
        source = "the copy that the run has kept"
        assumed = [
            *assumed_of_settings(
                market.settings, stated[0].grid.strategy, values=stated[0].grid.values
            ),
            assumed_of_bars(manifest.data, manifest.data2, source),
            assumed_of_year(market.year),
        ]
        return Verdict(
            symbol=manifest.symbol,
            symbol2=manifest.data2.symbol if manifest.data2 else None,
            timeframe=manifest.timeframe,
            at=machine.stamp(),
            made=self.made,
            slice=periods.slice(),
            strategies=strategies,
            run=run,
            finalists=chosen,
            prediction=prediction,
            assumed=tuple(AssumedItem(each.what, each.text) for each in assumed),
            seconds=dict(self.clock.seconds),
        )

    @contextlib.contextmanager
    def _stage(self, name: str, title: str, total: int) -> Iterator[Tick]:
        """Time a stage, and tell how far it is."""
        with self.clock.stage(name), self.progress.stage(title, total) as tick:
            yield tick

    def _strategy(self, stated: Stated, periods: Periods) -> StrategyStatistics:
        """Return the statistics of one strategy."""
        name, grid, manifest = stated.name, stated.grid, self.manifest
        phases, least = len(manifest.phases), _least(stated)
        held = self.market.benchmarks
        with self.clock.stage(f"candidates {name}"):
            frame = stated.candidates(manifest.sums, candidate_columns(phases))
            facts = Facts.of_candidates(frame, held, phases, least)
        title = f"{name}: correlating in-sample with out-of-sample profit"
        with self._stage(f"correlations {name}", title, phases) as tick:
            whole = WholeGrid.of(self.folder, manifest, grid, self.market)
            correlations = whole.correlations(tick)
            efficiency = whole.efficiency(held)
        drawn = sum(map(len, sample_of([grid], self.made.samples, STRATEGY_STREAM)))
        with self._stage(f"returns {name}", f"{name}: simulating sampled sets", drawn) as tick:
            sampled = strategy_sample(periods, grid, self.made.samples, tick)
        statistics = self._statistics(name, sampled, periods)
        return StrategyStatistics(
            strategy=name,
            grid=grid.name,
            combinations=len(grid),
            stable=stated_count(stated, "stable"),
            candidates=len(frame),
            beaten=facts.beaten,
            idle=facts.idle,
            least=least,
            profile=stated_profile(stated, phases),
            correlations=correlations,
            efficiency=efficiency,
            statistics=statistics,
        )

    def _run(
        self, grids: Sequence[Grid], periods: Periods, strategies: Sequence[StrategyStatistics]
    ) -> RunStatistics:
        """Return the statistics of the whole run; of one strategy they are its own."""
        if len(grids) == 1:
            statistics = strategies[0].statistics
        else:
            drawn = sum(map(len, sample_of(grids, self.made.samples, RUN_STREAM)))
            title = "all strategies: simulating sampled sets"
            with self._stage("returns", title, drawn) as tick:
                sampled = run_sample(periods, grids, self.made.samples, tick)
            statistics = self._statistics("all strategies", sampled, periods)
        return RunStatistics(sum(map(len, grids)), self.made.trials, statistics)

    def _statistics(self, name: str, sampled: SampledReturns, periods: Periods) -> SampleStatistics:
        """Return what follows from the returns of a sample."""
        title = f"{name}: testing the best of the sample"
        with self._stage(f"statistics {name}", title, STEPS) as tick:
            return sample_statistics(
                sampled,
                periods.held,
                trials=self.made.trials,
                periods_per_year=periods.per_year,
                resamples=self.made.resamples,
                tick=tick,
            )

    def _finalists(
        self, statistics: SampleStatistics, tick: Tick
    ) -> tuple[FinalistStatistics, ...]:
        """Return what is said of the sets that are judged one by one."""
        found = []
        for each in finalists(self.folder, self.manifest):
            figures, reason = None, ""
            try:
                figures = finalist_figures(
                    self.market,
                    each.strategy,
                    each.params,
                    trials=self.made.trials,
                    variance=statistics.returns.variance,
                    excess_variance=statistics.excess.variance,
                    resamples=self.made.resamples,
                )
            except (InputError, EngineError) as error:
                reason = str(error)
            name, params = each.strategy.name, dict(each.params)
            found.append(
                FinalistStatistics(each.number, name, params, each.origin, figures, reason)
            )
            tick(1)
        return tuple(found)


def _least(stated: Stated) -> int:
    """Return in how many phases stable combinations of a strategy are valid."""
    return stated_count(stated, "min_phases")


def stated_count(stated: Stated, name: str) -> int:
    """Return a count that a run states of a strategy.

    Raises
    ------
    ResultsError
        If it states none.
    """
    value = stated.item.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ResultsError(
            f"{name!r} of {stated.name} in {stated.folder.manifest} is {value!r}, and no count;"
            f" {stated.again}"
        )
    return value

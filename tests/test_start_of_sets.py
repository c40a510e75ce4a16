"""A set of higher bars begins to trade at the same bar in every command, which its bars tell [G4].

The history is so short that the phases of its run begin with the first bar that the longest set of
the grid may trade in. A lookback that counts a week as one bar would let them begin at bar 100.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest

import wfo
from wfo.backtest.feeds import Feeds, read_feeds
from wfo.backtest.marks import period_marks
from wfo.backtest.performance import performance
from wfo.data import DataStore
from wfo.data.meta import BarsOrigin
from wfo.errors import InputError
from wfo.files import read_sealed, write_sealed
from wfo.runs.analysis.phases import RunPhases
from wfo.runs.basis import SimulationPlan
from wfo.runs.folder import RunFolder
from wfo.runs.handover.set_export import export_set
from wfo.runs.handover.set_file import write_set
from wfo.runs.handover.signaling import SignalPlan, signal
from wfo.runs.manifest import Manifest
from wfo.runs.optimizing.bars import load_bars
from wfo.runs.optimizing.preparing import prepared
from wfo.runs.plan import RunPlan
from wfo.runs.refinement.history import History
from wfo.runs.refinement.refining import refine
from wfo.runs.run import run
from wfo.runs.simulate import simulate
from wfo.runs.stored import run_benchmarks
from wfo.runs.task import Task
from wfo.runs.verdict.stress import stress
from wfo.runs.walkforward.studies import StudyChooser
from wfo.search.evaluating import StrategyEvaluator
from wfo.search.plan_file import read_plan
from wfo.strategy import Strategy, get_strategy
from wfo.strategy.registry import separate
from wfo.walkforward.history import History as WalkHistory
from wfo.walkforward.simulating import simulate_sets

CODE = '''
import wfo
from wfo.strategy import Fine, Input, TradeStation


class Weekly(wfo.Rules):
    """Is long above an average of weeks."""

    weeks = wfo.Int(2, 80)
    width = wfo.Float(0.5, 5)
    tradestation = TradeStation(
        "Weekly",
        {
            "weeks": Input("Weeks", Fine(2, 80, 2), True),
            "width": Input("Width", Fine(0.5, 5, 0.5), True),
        },
    )

    def rules(self, x):
        h = x.resample("1week")
        up = x.close > h.sma(h.close, self.weeks)
        return wfo.orders(long=x.at_open(up), exit_long=x.trail(h.atr(self.weeks) * self.width))
'''

VALUES = {"weeks": [10, 40], "width": [1.0, 2.0]}

#: The longest of them.
SET = {"weeks": 40, "width": 1.0}
ROW = [40.0, 1.0]


class Ran(NamedTuple):
    """A run of the strategy with one job to refine, and the bars that it is of."""

    store: DataStore
    folder: RunFolder
    bars: pl.DataFrame
    target: str

    @property
    def strategy(self) -> Strategy:
        return self.manifest.strategy_of("Weekly")

    @property
    def manifest(self) -> Manifest:
        return self.folder.read_manifest()

    @property
    def bounds(self) -> list[tuple[int, int, int]]:
        return [phase.bounds for phase in self.manifest.phases]

    @property
    def feeds(self) -> Feeds:
        return read_feeds(self.strategy, self.bars)

    @property
    def history(self) -> WalkHistory:
        return WalkHistory(self.strategy, self.feeds, self.strategy.settings_of(None), 252.0)

    @property
    def grid(self) -> wfo.Grid:
        return wfo.Grid(VALUES, strategy=get_strategy(self.target), name="grid")

    def candidate(self, weeks: int) -> tuple[int, dict[str, Any]]:
        """The best one with an average of so many weeks: its number, and its row."""
        rows = pl.read_parquet(self.folder.path / "candidates_Weekly_grid.parquet").to_dicts()
        return next((at, row) for at, row in enumerate(rows, 1) if row["weeks"] == weeks)

    def space(self, **more: Any) -> dict[str, Any]:
        """A search of the run's grid."""
        return {
            "strategy": self.target,
            "symbols": ["ONE"],
            "parameters": {name: list(own) for name, own in VALUES.items()},
            "objective": "total_return",
            "method": "grid",
            "windows": "default",
            **more,
        }


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    out = tmp_path_factory.mktemp("weeks")
    (out / "weekly.py").write_text(CODE)
    bars = wfo.load_sample("NASDAQ")[-1_300:]
    store = DataStore(out / "data")
    store.save("ONE", "1day", bars, BarsOrigin("a test", "XNYS"))
    target = f"{out}/weekly.py:Weekly"
    with separate():
        gates = wfo.Gates(wfe=0, dd_ratio=100, min_phases=1)
        grid = wfo.Grid(VALUES, strategy=get_strategy(target), name="grid")
        plan = RunPlan("ONE", target, grid=grid, out=out / "results", gates=gates)
        folder = run(plan, store).folder
        yield Ran(store, _with_a_job(folder), bars, target)


def _with_a_job(folder: RunFolder) -> RunFolder:
    """Give a run the range file of one job, as if it had exported it."""
    files = {
        "phase5_refine_Weekly_rank1.csv": (
            "ParameterName,Min,Max,Step\nWeeks,36,40,2\nWidth,1,2,0.5\n"
        ),
        "phase5_refine_config.csv": (
            "JobNum,StrategyName,StrategyFile,RangeFile,Rank,ShortEnabled,IsDualSymbol\n"
            "1,Weekly,Weekly,phase5_refine_Weekly_rank1.csv,1,0,0\n"
        ),
    }
    data = read_sealed(folder.manifest)
    sums = dict(data["sums"])
    for name, text in files.items():
        (folder.path / name).write_text(text)
        content = text.encode()
        sums[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    write_sealed(folder.manifest, data | {"sums": sums})
    return folder


def need(bars: pl.DataFrame, weeks: int) -> int:
    """The bars up to the end of a week, counted from 1, by whose average the next one trades."""
    begins = bars["date"].dt.truncate("1w")
    return int((begins <= begins.unique().sort()[weeks - 1]).sum())


def test_a_run_begins_where_its_longest_set_may(ran: Ran) -> None:
    assert ran.bounds[0][0] == need(ran.bars, 40) == 189
    assert ran.strategy.lookback({n: tuple(own) for n, own in VALUES.items()}) == 40


def test_a_search_of_the_same_grid_finds_the_same(ran: Ran) -> None:
    """The windows of ``wfo optimize`` are the phases, and so are their figures."""
    plan = read_plan(ran.space())
    rows = pl.read_parquet(ran.folder.path / "candidates_Weekly_grid.parquet")
    points = rows.select("weeks", "width").to_dicts()
    with prepared(plan, ran.store) as made:
        own = made.evaluator
        assert isinstance(own, StrategyEvaluator)
        assert list(made.windows.bounds["ONE"]) == ran.bounds
        encoded = np.array([own.whole.encode(point) for point in points])
        parts = {"IS": own.in_sample(encoded), "OOS": own.out_of_sample(encoded)}
    assert len(points) >= 3
    for part, found in parts.items():
        for phase in range(len(ran.bounds)):
            profits = [windows[phase]["ONE"]["net_profit"] for windows in found]
            assert profits == pytest.approx(rows[f"P{phase + 1}_{part}_PnL"].to_list(), rel=1e-6)


def test_a_walk_forward_by_studies_begins_where_that_of_the_grid_does(
    ran: Ran, tmp_path: Path
) -> None:
    plan = read_plan(ran.space(trials=4))
    chooser = StudyChooser(plan, load_bars(ran.store, plan), tmp_path)
    assert chooser.warmup == need(ran.bars, 40)


def test_the_orders_of_the_next_bar_are_those_of_a_simulation(ran: Ran, tmp_path: Path) -> None:
    number, row = ran.candidate(40)
    params = {name: row[name] for name in VALUES}
    expected = wfo.working_orders(ran.strategy, ran.bars, params)
    assert expected.warmup == need(ran.bars, 40)
    assert signal(SignalPlan(run=ran.folder.path, candidate=number), ran.store).working == expected
    file = tmp_path / "set.json"
    write_set(export_set(ran.folder.path, candidate=number), file)
    assert signal(SignalPlan(set_file=file), ran.store).working == expected


def test_a_candidate_is_simulated_in_other_phases_as_a_run_would_have_them(ran: Ran) -> None:
    """The phases begin by the longest set of the grid, whichever is simulated."""
    number, _ = ran.candidate(10)
    plan = SimulationPlan(run=ran.folder.path, row=number - 1, windows="default", stored=True)
    found = simulate(replace(plan, as_of=ran.manifest.phases.as_of), ran.store)
    assert [each.chosen.bounds for each in found.slices] == ran.bounds


def test_a_set_file_is_simulated_in_the_phases_of_its_run(ran: Ran, tmp_path: Path) -> None:
    """Its own lookback is short, that of the run's grid is not."""
    number, _ = ran.candidate(10)
    file = tmp_path / "set.json"
    write_set(export_set(ran.folder.path, candidate=number), file)
    found = simulate(SimulationPlan(set_file=file), ran.store)
    assert found.simulated.chosen.bounds == ran.bounds[-1]
    assert found.claim is not None
    assert found.claim.compared > 0
    assert not found.claim.differences
    # On bars of another symbol they begin with the first one that the set itself may trade.
    ran.store.save("TWO", "1day", ran.bars, BarsOrigin("a test", "XNYS"))
    other = simulate(SimulationPlan(set_file=file, symbol="TWO"), ran.store)
    assert other.simulated.chosen.bounds == wfo.Windows.preset().resolve(ran.bars["date"])[2].bounds


def test_a_search_that_holds_bars_out_has_the_phases_of_a_run_that_does(ran: Ran) -> None:
    """These are counted back from a date that may be none of a bar."""
    plan = RunPlan("ONE", ran.target, grid=ran.grid, holdout="6m")
    task = Task.of(plan, ran.store, "any")
    assert task.phases.as_of not in ran.bars["date"].to_list()
    with prepared(read_plan(ran.space(holdout="6m")), ran.store) as made:
        assert list(made.windows.bounds["ONE"]) == task.bounds


def test_refined_sets_begin_by_the_longest_of_them(ran: Ran) -> None:
    """A row is what `wfo.simulate` comes to from the same bar on."""
    report = refine(ran.folder)
    assert report.warmup == need(ran.bars, 40)
    history = History.of(ran.folder)
    (job,) = report.jobs
    simulation = wfo.simulate(ran.strategy, ran.bars, job.best_params, split=1_000, warmup=189)
    assert job.best == pytest.approx(simulation.equity[-1] - 100_000, abs=1e-6)
    phases = RunPhases(history, run_benchmarks(ran.folder, history.manifest), wfo.Gates())
    # One that looks back further than the phases of the run has no figures in them.
    sets = [{"weeks": weeks, "width": 1.0} for weeks in (40, 42)]
    assert [len(found) for found in phases.of(ran.strategy, sets)] == [len(ran.bounds), 0]


def test_stress_is_of_the_simulation_that_it_is_of(ran: Ran) -> None:
    params = {"weeks": 40, "width": 2.0}
    options: dict[str, Any] = {"bars_per_year": 252.0, "draws": 2, "noise_draws": 1}
    plain = wfo.simulate(ran.strategy, ran.bars, params, split=1_000)
    found = stress(ran.strategy, ran.feeds, params, warmup=189, **options).cases[0]
    assert found.total_return == pytest.approx(plain.equity[-1] / 100_000 - 1, rel=1e-12)
    with pytest.raises(InputError, match=r"188 is shorter than the longest lookback.* 189"):
        stress(ran.strategy, ran.feeds, params, warmup=188, **options)


#: What is told where to begin.
BEGINS: dict[str, Callable[[Ran, int], object]] = {
    "simulate": lambda ran, w: wfo.simulate(ran.strategy, ran.bars, SET, split=600, warmup=w),
    "sweep": lambda ran, w: wfo.sweep(ran.strategy, ran.bars, VALUES, split=600, warmup=w),
    "grid": lambda ran, w: wfo.Evaluator(ran.strategy, ran.bars, VALUES, [(w, 600, 900)]),
    "sets": lambda ran, w: wfo.Evaluator.of_sets(ran.strategy, ran.feeds, [SET], [(w, 600, 900)]),
    "performance": lambda ran, w: performance(ran.strategy, ran.bars, SET, warmup=w),
    "marks": lambda ran, w: period_marks(ran.strategy, ran.bars, [ROW], warmup=w, at=[900]),
    "dated sets": lambda ran, w: simulate_sets(ran.history, [(w, SET)], warmup=w),
}


@pytest.mark.parametrize("name", BEGINS)
def test_what_begins_earlier_is_refused_with_the_bar_that_would_do(ran: Ran, name: str) -> None:
    BEGINS[name](ran, 189)
    with pytest.raises(InputError, match=r"188 is shorter than the longest lookback.* 189"):
        BEGINS[name](ran, 188)

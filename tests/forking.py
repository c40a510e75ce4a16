"""Calls in forked processes, each with a deadline: a child that does not answer is killed.

Run as a script with the names of scenarios, it goes through them one after the other in one process
and prints what became of each call, as JSON.
"""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
import pickle
import select
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

#: Seconds in which a child answers, however busy the machine is.
DEADLINE = float(os.environ.get("WFO_TEST_DEADLINE", "60"))


class HungError(Exception):
    """A child that did not answer in time, or ended without an answer."""


def in_child(work: Callable[[], Any], deadline: float = DEADLINE) -> Any:
    """Return what `work` returns in a forked process, or raise what it raises there."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            try:
                answer = (True, work())
            except BaseException as error:  # noqa: BLE001 - passed on
                answer = (False, error)
            with os.fdopen(write, "wb") as pipe:
                pipe.write(pickle.dumps(answer))
        finally:
            os._exit(0)
    os.close(write)
    data = b""
    with os.fdopen(read, "rb", buffering=0) as pipe:
        while True:
            ready, _, _ = select.select([pipe], [], [], deadline)
            part = pipe.read(1 << 20) if ready else b""
            if not part:
                break
            data += part
    if not ready:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if not data:
        raise HungError(
            f"no answer in {deadline:g} s" if not ready else "it ended without an answer"
        )
    succeeded, found = pickle.loads(data)
    if succeeded:
        return found
    raise found


class Calls:
    """Objects that are made before a fork, and calls that use them or make others."""

    def __init__(self, folder: Path) -> None:
        import numpy as np
        import polars as pl

        import wfo
        from wfo import _core
        from wfo.data import import_bars

        self.folder = folder
        rng = np.random.default_rng(3)
        bars = 900
        close = 100.0 * np.exp(np.cumsum(rng.normal(0.0005, 0.02, bars)))
        open_ = close * np.exp(rng.normal(0.0, 0.01, bars))
        high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0.0, 0.01, bars)))
        low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0.0, 0.01, bars)))
        self.bars = {"open": open_, "high": high, "low": low, "close": close}
        days = np.datetime64("2015-01-05") + np.arange(bars)
        self.frame = pl.DataFrame({"date": days, **self.bars})
        self.feeds = wfo.read_feeds("atr_d_l", self.frame)
        self.grid = wfo.Grid.load("smoke", "atr_d_l")
        self.phases = [(200, 500, 700), (300, 700, 900)]
        self.returns = rng.normal(0.0005, 0.01, (300, 24))
        money: list[Any] = [rng.normal(100, 50, 64).astype(np.float32) for _ in range(4)]
        trades: list[Any] = [rng.integers(5, 30, 64).astype(np.uint16) for _ in range(2)]
        self.block = [(*money, *trades), (*money, *trades)]
        self.core_gates = _core.Gates(0.1, 5.0)
        self.evaluators = {engine: self._evaluator(engine) for engine in ("factored", "direct")}
        self.statistics = self._statistics()
        self.ranking = self.statistics.ranking()
        self.profile = _core.Profile(2, 100_000.0, 2)
        self.sketch = _core.Sketch(2, self.core_gates, 1, 2)
        self.effects = self._effects()
        self.searches = self._searches()
        (folder / "bars.csv").write_text(
            "date,open,high,low,close\n"
            + "".join(
                f"2020-01-{day:02},{100 + day},{102 + day},{99 + day},{101 + day}\n"
                for day in range(1, 29)
            )
        )

        import_bars(folder / "bars.csv", "ABC", store=folder / "store")

    def _evaluator(self, engine: str) -> Any:
        import wfo

        return wfo.Evaluator(
            "atr_d_l", self.feeds, self.grid, self.phases, engine=engine, threads=2
        )

    def _statistics(self) -> Any:
        from wfo import _core

        found = _core.GridStatistics(2, self.core_gates, [], 2)
        found.add(None, self.block)
        return found

    def _effects(self) -> Any:
        from wfo import _core

        found = _core.Effects([8, 8], 100_000.0, [1.0, 1.0], [self.core_gates], 1, 2)
        found.add(0, self.block)
        return found

    def _searches(self) -> Any:
        import wfo
        from wfo import _core

        return _core.Permutations(
            "factored", "atr_d_l", [("bars", self.bars)], self.grid.engine_axes, wfo.Settings(),
            self.phases, 2, sets=[(0.1, 5.0, 5, None)], least=1, first=200,
        )  # fmt: skip

    # What needs nothing but the core and NumPy, and has to work.

    def evaluate_factored(self) -> Any:
        return as_bytes(self.evaluators["factored"].range(0, len(self.grid)))

    def evaluate_direct(self) -> Any:
        return as_bytes(self.evaluators["direct"].range(0, len(self.grid)))

    def evaluate_stored(self) -> Any:
        return as_bytes(self.evaluators["factored"].range(0, len(self.grid), stored=True))

    def evaluate_anew(self) -> Any:
        return as_bytes(self._evaluator("factored").list([3, 1, 2]))

    def evaluate_one_thread(self) -> Any:
        import wfo

        found = wfo.Evaluator("atr_d_l", self.feeds, self.grid, self.phases, threads=1)
        return as_bytes(found.range(0, 4))

    def reference(self) -> Any:
        return as_bytes(self._evaluator("reference").range(0, 2))

    def simulate_direct(self) -> Any:
        return self._simulate("direct")

    def simulate_factored(self) -> Any:
        return self._simulate("factored")

    def simulate_reference(self) -> Any:
        return self._simulate("reference")

    def _simulate(self, engine: str) -> Any:
        import wfo

        params = self.grid.params(0)
        found = wfo.simulate("atr_d_l", self.frame, params, warmup=200, split=500, engine=engine)
        return [float(x) for x in found.equity]

    def statistics_go_on(self) -> Any:
        found = self.statistics
        found.add(None, self.block)
        found.merge(self._statistics())
        found.provisional_ranks().stabilities(1, self.block)
        found.ranking()
        return found.to_bytes()

    def effects_go_on(self) -> Any:
        other = self._effects()
        return (self.effects.returns(), self.effects.stable(0, 1), other.to_bytes())

    def profile_goes_on(self) -> Any:
        self.profile.add(self.block)
        return (self.profile.to_bytes(), len(self.profile.phases()))

    def sketch_goes_on(self) -> Any:
        self.sketch.add(self.block)
        return (self.sketch.to_bytes(), self.sketch.outcomes(1))

    def selection(self) -> Any:
        from wfo import _core

        found = _core.Selection(self.ranking, self.core_gates, 1, 10, 2)
        found.add(0, self.block)
        return {name: column.tobytes() for name, column in found.finish().items()}

    def searches_go_on(self) -> Any:
        return self.searches.run(0, 3).tobytes()

    def rank_correlation(self) -> Any:
        from wfo import _core

        return _core.rank_correlation(self.block[0][0], self.block[0][1], 2)

    def performance(self) -> Any:
        import wfo

        found = wfo.PerformanceEvaluator("atr_d_l", self.feeds, self.grid, warmup=200, threads=2)
        return str(found.range(0, 3))

    def bootstrap(self) -> Any:
        from wfo import stats

        return str(stats.return_intervals(self.returns[:, 0], periods_per_year=252, resamples=200))

    def superiority(self) -> Any:
        from wfo import stats

        return str(stats.superior_predictive_ability(self.returns, resamples=200))

    def clusters(self) -> Any:
        from wfo import stats

        return str(stats.independent_trials(self.returns, seed=1))

    # What needs Polars too.

    def evaluator_of_a_frame(self) -> Any:
        import wfo

        found = wfo.Evaluator("atr_d_l", self.frame, self.grid, self.phases, threads=2)
        return as_bytes(found.range(0, 4))

    def read_bars(self) -> Any:
        from wfo.data import read_bars

        return read_bars(self.folder / "bars.csv").frame.height

    def load_sample(self) -> Any:
        import wfo

        return wfo.load_sample("NASDAQ").height

    def store(self) -> Any:
        import wfo

        return wfo.DataStore(self.folder / "store").load("ABC").height

    def sweep(self) -> Any:
        import wfo

        found = wfo.sweep("atr_d_l", wfo.load_sample("NASDAQ"), self.grid, split=900, warmup=400)
        return len(found)

    def score_and_plateaus(self) -> Any:
        import wfo

        bars = wfo.load_sample("NASDAQ")
        phases = wfo.Windows.preset("default").resolve(bars["date"])
        results = wfo.sweep("atr_d_l", bars, self.grid, windows=phases)
        candidates = wfo.score(results)
        return str(wfo.detect_plateaus(candidates, self.grid))

    def run(self) -> Any:
        import wfo

        report = wfo.run("SP500", "atr_d_l", grid="smoke", out=self.folder / "runs", fetch=False)
        return type(report).__name__


def as_bytes(phases: Any) -> list[bytes]:
    return [array.tobytes() for phase in phases for array in phase]


#: Calls that have to work in a forked process, and those that need Polars.
CORE = [
    "evaluate_factored", "evaluate_direct", "evaluate_stored", "evaluate_anew",
    "evaluate_one_thread", "statistics_go_on", "effects_go_on", "profile_goes_on",
    "sketch_goes_on", "selection", "searches_go_on", "rank_correlation", "performance",
]  # fmt: skip
STATISTICS = ["bootstrap", "superiority", "clusters"]
POLARS = [
    "evaluator_of_a_frame", "simulate_direct", "simulate_factored", "simulate_reference",
    "read_bars", "load_sample", "store", "sweep", "score_and_plateaus", "run",
]  # fmt: skip


def became(work: Callable[[], Any]) -> list[Any]:
    """What became of a call: its result by a digest, or its error."""
    try:
        return ["result", repr(in_child(work))]
    except HungError as error:
        return ["hung", str(error)]
    except BaseException as error:  # noqa: BLE001 - reported
        return [type(error).__name__, str(error)]


@functools.cache
def calls_in(folder: Path) -> Calls:
    """The objects of all scenarios of this process."""
    return Calls(folder)


def used(folder: Path) -> dict[str, list[Any]]:
    """After the parent has used the core and Polars, every call in a child of its own."""
    return _each(folder, [*CORE, *POLARS])


def statistics(folder: Path) -> dict[str, list[Any]]:
    """The same of what uses Numba, SciPy and scikit-learn, which the parent has used too."""
    for name in STATISTICS:
        getattr(calls_in(folder), name)()
    return _each(folder, STATISTICS)


def _each(folder: Path, names: list[str]) -> dict[str, list[Any]]:
    calls = calls_in(folder)
    found: dict[str, list[Any]] = {}
    for name in names:
        # First in the child: what is called changes some of the objects.
        found[name] = became(getattr(calls, name))
        if name not in POLARS:
            found[name].append(repr(getattr(calls, name)()))
    return found


def unused(folder: Path) -> dict[str, list[Any]]:
    """A fork before the first use, with and without an import before it."""
    import polars  # noqa: F401 - imported, and not used

    import wfo  # noqa: F401

    def work() -> list[Any]:
        calls = Calls(folder)
        return [
            calls.evaluate_factored(),
            calls.read_bars(),
            calls.simulate_direct(),
            calls.sweep(),
        ]

    return {"child": became(work), "again": became(work)}


def running(folder: Path) -> dict[str, list[Any]]:
    """Forks while another thread computes all the time, wherever it is at the moment."""
    calls = calls_in(folder)
    wanted = repr(calls.evaluate_factored())
    stop = threading.Event()

    def compute() -> None:
        while not stop.is_set():
            for engine in calls.evaluators.values():
                engine.range(0, len(calls.grid), stored=True)

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        found = {str(k): [*became(calls.evaluate_factored), wanted] for k in range(20)}
    finally:
        stop.set()
        thread.join()
    return found


def _call(folder: Path, name: str) -> str:
    return repr(getattr(calls_in(folder), name)())


def pools(folder: Path) -> dict[str, list[Any]]:
    """Workers of a pool of processes that forks, with objects of the parent."""
    calls_in(folder)
    found: dict[str, list[Any]] = {}
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        futures = {
            n: pool.submit(_call, folder, n) for n in ("evaluate_factored", "effects_go_on", "run")
        }
        for name, future in futures.items():
            try:
                found[name] = ["result", future.result(DEADLINE)]
            except TimeoutError:
                for child in multiprocessing.active_children():
                    child.kill()
                found[name] = ["hung", ""]
            except Exception as error:  # noqa: BLE001 - reported
                found[name] = [type(error).__name__, str(error)]
    for name in ("evaluate_factored", "effects_go_on"):
        found[name].append(_call(folder, name))
    return found


def ended(folder: Path) -> dict[str, list[Any]]:
    """A child that ends as programs do, by dropping all that it has."""
    calls = calls_in(folder)
    calls.evaluate_factored()
    child = os.fork()
    if child == 0:
        calls.evaluate_factored()
        sys.exit(7)
    timer = threading.Timer(DEADLINE, os.kill, (child, signal.SIGKILL))
    timer.start()
    _, status = os.waitpid(child, 0)
    timer.cancel()
    return {"child": ["result", os.waitstatus_to_exitcode(status)]}


def main() -> None:
    """Run scenarios."""
    with tempfile.TemporaryDirectory() as folder:
        found = {name: globals()[name](Path(folder)) for name in sys.argv[1:]}
        print(json.dumps(found))


if __name__ == "__main__":
    main()

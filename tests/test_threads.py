"""The compiled module in several threads at once, with and without a global interpreter lock.

It needs NumPy and pytest and no other library, so that it also runs where an interpreter without
the lock has wheels of little else.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

import numpy as np
import pytest

import wfo
from wfo import _core

THREADS = 8
BARS = 700
PHASES = [(150, 300, 500), (300, 500, 700)]

#: A class whose objects change.
Statistics = _core.GridStatistics

_T = TypeVar("_T")


def together(tasks: list[Callable[[], _T]]) -> list[_T]:
    """Call the tasks, each in a thread of its own, so that all begin at the same moment."""
    barrier = Barrier(len(tasks))

    def call(task: Callable[[], _T]) -> _T:
        barrier.wait(timeout=60)
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return [each.result(timeout=300) for each in [pool.submit(call, task) for task in tasks]]


def columns(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0005, 0.02, BARS)))
    open_ = close * np.exp(rng.normal(0.0, 0.01, BARS))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0.0, 0.01, BARS)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0.0, 0.01, BARS)))
    return {"open": open_, "high": high, "low": low, "close": close}


def grid() -> wfo.Grid:
    values = {
        "atr_period": [4, 8, 16, 32],
        "atr_multiplier": [5, 9, 13, 24],
        "vol_threshold": [0.04, 0.16, 0.32],
        "min_tightening": [0.10, 0.85],
        "atr_buy_period": [8, 56],
        "atr_buy_multiplier": [0.5, 1.5, 2.5],
    }
    return wfo.Grid(values, strategy="atr_d_l")


def prepared(engine: str, seed: int = 5, threads: int = 2) -> tuple[int, _core.Sweep]:
    own = grid()
    feeds = [("bars", columns(seed))]
    axes, name = own.engine_axes, own.strategy.name
    return len(own), _core.Sweep(engine, name, feeds, axes, wfo.Settings(), PHASES, threads)


def as_bytes(phases: Any) -> list[bytes]:
    return [array.tobytes() for phase in phases for array in phase]


@pytest.mark.parametrize("engine", ["factored", "direct"])
def test_one_sweep_serves_several_threads(engine: str) -> None:
    size, sweep = prepared(engine)
    bounds = [(k * size // THREADS, (k + 1) * size // THREADS) for k in range(THREADS)]
    anywhere = np.random.default_rng(1).integers(0, size, 300).astype(np.uint64)
    calls: list[Callable[[], Any]] = [
        *(lambda bound=bound: sweep.run_stored(*bound) for bound in bounds),
        *(lambda: sweep.run_stored(0, size) for _ in range(THREADS)),
        *(lambda: sweep.run(0, size) for _ in range(2)),
        *(lambda: sweep.run_list(anywhere) for _ in range(2)),
        *(lambda: sweep.run_blocks_stored(anywhere[:20] // 2, size // 2) for _ in range(2)),
    ]
    alone = [as_bytes(call()) for call in calls]
    assert any(any(column) for column in alone[0]), "the sweep trades, so that there is something"
    for _ in range(3):
        assert [as_bytes(found) for found in together(calls)] == alone


@pytest.mark.parametrize("engine", ["factored", "direct"])
def test_sweeps_of_their_own_in_several_threads(engine: str) -> None:
    """Prepared at once, by pools of threads of different sizes."""

    def whole(seed: int, threads: int) -> list[bytes]:
        size, sweep = prepared(engine, seed, threads)
        return as_bytes(sweep.run(0, size))

    alone = [whole(seed, 1) for seed in range(THREADS)]
    assert len({each[0] for each in alone}) == THREADS, "each has bars of its own"
    found = together([lambda k=k: whole(k, 1 + k % 3) for k in range(THREADS)])
    assert found == alone


def counted(threads: int) -> bytes:
    size, sweep = prepared("factored")
    found = Statistics(len(PHASES), _core.Gates(0.35, 3.0), [], threads)
    for start in range(0, size, 100):
        stop = min(start + 100, size)
        found.add(start, sweep.run_stored(start, stop))
    return found.to_bytes()


def test_objects_that_count_in_threads_of_their_own() -> None:
    """They share the pools of their threads, which are made and dropped meanwhile."""
    alone = counted(1)
    assert together([lambda k=k: counted(1 + k % 2) for k in range(THREADS)]) == [alone] * THREADS


def test_an_object_that_changes_is_of_one_thread_at_a_time() -> None:
    """A second one is refused and changes nothing: what is counted is what was not refused."""
    size, sweep = prepared("factored")
    block = sweep.run_stored(0, size)
    shared = Statistics(len(PHASES), _core.Gates(0.35, 3.0), [], 2)

    def add() -> int:
        done = 0
        for _ in range(40):
            try:
                shared.add(None, block)
            except RuntimeError as error:
                assert "borrowed" in str(error)  # noqa: PT017  # either outcome is right
            else:
                done += 1
        return done

    done = sum(together([add] * THREADS))
    assert done >= 1
    assert len(shared) == done * size
    alone = Statistics(len(PHASES), _core.Gates(0.35, 3.0), [], 2)
    for _ in range(done):
        alone.add(None, block)
    assert shared.to_bytes() == alone.to_bytes()


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"),
    reason="needs an interpreter without a global interpreter lock, such as python3.14t",
)
def test_the_module_leaves_the_lock_off() -> None:
    code = "import sys, numpy; from wfo import _core; sys.exit(sys._is_gil_enabled())"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)

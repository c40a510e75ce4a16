"""Time programs in worker processes: ``python benches/search_runner.py``.

Measured are evaluations a second of a program that returns at once, and of a command that prints
its figures at once, by the number of workers; how long the first evaluation takes, with the start
of its worker; how late a program that hangs with children of its own is gone behind its time-out;
and by how much the memory of the search grows over many evaluations.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from grid import machine_facts, report

from wfo.search.runner import ProgramEvaluator
from wfo.search.runner.guard import resident
from wfo.search.values import Task

PROGRAM = """
import subprocess, time


def evaluate(params):
    return {"sharpe": params["x"], "trades": 20}


def hang(params):
    for own in (False, True):
        subprocess.Popen(["sleep", "3000"], start_new_session=own)
    time.sleep(3000)
"""
COMMAND = """#!/bin/sh
echo '{"sharpe": 1, "trades": 20}'
"""

#: Time-out of the program that hangs, in seconds.
TIMEOUT = 0.5


class Space:
    """Has parameters as they are."""

    def nested(self, params: Mapping[str, Any], /) -> Mapping[str, Any]:
        return params


def tasks(count: int) -> list[Task]:
    row = np.zeros(1)
    return [Task(k, (0,), {"x": k / 7, "period": k, "method": "a"}, row, k) for k in range(count)]


def evaluator(target: Any, folder: Path, workers: int, **options: Any) -> ProgramEvaluator:
    kind = "program" if isinstance(target, str) else "command"
    return ProgramEvaluator(target, kind, folder=folder, space=Space(), workers=workers, **options)


def paces(target: Any, folder: Path, workers: int, count: int, repeats: int) -> list[str]:
    """Return milliseconds of the first evaluation, then evaluations a second: median and range."""
    with evaluator(target, folder, workers) as asked:
        todo = tasks(count)
        begun = time.perf_counter()
        asked.probe(todo[0])
        first = time.perf_counter() - begun
        # All workers are there.
        asked.evaluate(todo, complete)
        found = []
        for _ in range(repeats):
            begun = time.perf_counter()
            asked.evaluate(todo, complete)
            found.append(count / (time.perf_counter() - begun))
    middle = statistics.median(found)
    return [f"{1000 * first:.0f}", f"{middle:,.0f}", f"{min(found):,.0f} - {max(found):,.0f}"]


def complete(outcome: Any) -> None:
    if outcome.ending != "complete":
        raise SystemExit(f"an evaluation has not completed: {outcome}")


def lateness(folder: Path, repeats: int) -> Sequence[float]:
    """Return seconds from the time-out of a program that hangs to its outcome."""
    found = []
    with evaluator("own.py:hang", folder, 1, timeout=TIMEOUT) as asked:
        for _ in range(repeats):
            outcome = asked.probe(tasks(1)[0])
            if outcome.ending != "timeout":
                raise SystemExit(f"no time-out: {outcome}")
            found.append(outcome.seconds - TIMEOUT)
    return found


def growth(folder: Path, count: int) -> int:
    """Return by how many bytes this process grows over so many evaluations."""
    todo = tasks(1000)
    with evaluator("own.py:evaluate", folder, 2) as asked:
        asked.evaluate(todo, complete)
        before = resident(os.getpid())
        for _ in range(count // 1000):
            asked.evaluate(todo, complete)
        return resident(os.getpid()) - before


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    pace = [["program", "workers", "first ms", "evaluations/s", "min - max"]]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "own.py").write_text(PROGRAM)
        (folder / "own.sh").write_text(COMMAND)
        (folder / "own.sh").chmod(0o755)
        for target, what, count in (
            ("own.py:evaluate", "function", arguments.count),
            (["./own.sh"], "command (sh)", arguments.count // 20),
        ):
            for workers in arguments.workers:
                found = paces(target, folder, workers, count, arguments.repeats)
                pace.append([what, str(workers), *found])
        late = sorted(lateness(folder, 10))
        grown = growth(folder, 10 * arguments.count)
    rest = [
        ["what", "figure"],
        [
            "a hang with two children is gone behind its time-out, median",
            f"{late[5] * 1000:.0f} ms",
        ],
        ["the same, at most", f"{late[-1] * 1000:.0f} ms"],
        [
            f"memory of the search over {10 * arguments.count:,} evaluations",
            f"{grown / 1e6:+.2f} MB",
        ],
    ]
    facts = machine_facts() | {
        "first ms": "the first evaluation, with the start of its worker",
        "load": f"{os.getloadavg()[0]:.1f} in the last minute, of {os.cpu_count()} cores",
    }
    report(facts, [(pace, 1), (rest, 1)], markdown=arguments.markdown)


if __name__ == "__main__":
    main()

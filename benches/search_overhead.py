"""Time what a search costs beside its evaluations: ``python benches/search_overhead.py``.

Four tables: trials a second of each method for an evaluation that takes no time, in this process;
of a program that returns at once, by workers; trials a second that a study takes; and how long a
study of 100,000 trials takes to be listed, read, exported and analyzed. Spaces have 17 parameters,
5 of them continuous.

Every figure is the best of as many runs as ``--runs`` says.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from peers import as_markdown, as_text, cpu

import wfo
from wfo.runs.optimizing.reporting import read_report
from wfo.search.batches import Patience, program_seed
from wfo.search.driver import Search, run_search
from wfo.search.methods import METHODS, make_method
from wfo.search.objective import Objective, Scoring
from wfo.search.plan_file import read_plan
from wfo.search.space import Dimension, SearchSpace
from wfo.search.study import NewTrial, Study, StudyRecord, importance, read_parameters
from wfo.search.study.exporting import export_csv
from wfo.search.study.folders import list_studies
from wfo.search.values import Finished, Outcome, Task

#: Trials of a batch, as ships.
BATCH = 20

PROGRAM = """
def evaluate(params):
    return {"height": -sum((v - 0.3) ** 2 for v in params.values()), "count": 3.0}
"""


class AtOnce:
    """Evaluates in no time, in this process."""

    names = ("height",)
    symbols: tuple[str, ...] = ()
    windows = 1

    def evaluate(self, tasks: Sequence[Task], finished: Finished) -> None:
        """End each task."""
        for task in tasks:
            height = -float(((task.row - 0.3) ** 2).sum())
            figures: Mapping[str, float] = {"height": height}
            finished(Outcome(task.trial, task.windows, "complete", ({"": figures},)))

    def close(self) -> None:
        """Nothing was started."""


def space_of(parameters: int = 17) -> SearchSpace:
    """Return 12 parameters of 10 whole numbers, and continuous ones."""
    found = [Dimension(f"n{k}", "int", values=tuple(range(10))) for k in range(parameters - 5)]
    found += [Dimension(f"x{k}", "float", low=0.0, high=1.0) for k in range(5)]
    return SearchSpace(tuple(found))


def file_of(folder: Path, method: str, trials: int) -> Path:
    """Write the same space as a file, over a program that returns at once."""
    (folder / "prog.py").write_text(PROGRAM)
    lines = ["program: prog.py:evaluate", "objective: {figure: height, direction: maximise}"]
    lines += [f"method: {method}", f"trials: {trials}", f"batch: {BATCH}", "parameters:"]
    for dimension in space_of().dimensions:
        lines.append(
            f"  {dimension.name}: "
            + ("{float: [0, 1]}" if dimension.continuous else "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]")
        )
    path = folder / f"{method}.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def record_of(name: str, search: Search, trials: int, plan: Mapping[str, Any]) -> StudyRecord:
    """Return the record of a study of the bench."""
    goal = search.scoring.objective
    return StudyRecord(
        name=name, created="2026-01-01T00:00:00Z", identity={}, plan={**plan, "trials": trials},
        space=search.space.to_dict(), objective=goal.to_dict(), method=search.method.name,
        seed=1, batch=search.batch, budget=trials, parameters=search.space.names,
        objectives=goal.objective_names, components=goal.names,
    )  # fmt: skip


def search_of(method: str, trials: int) -> Search:
    """Return what decides the trials of a study of the bench."""
    goal = Objective.read({"figure": "height", "direction": "maximise"}, "objective")
    made = make_method(method, {}, budget=trials)
    return Search(space_of(), made, Scoring(goal), None, 1, 1, BATCH, Patience.shipped())


def of_method(method: str, trials: int) -> float:
    """Return seconds of a search in this process."""
    with tempfile.TemporaryDirectory() as name:
        search = search_of(method, trials)
        with Study.create(Path(name) / "study", record_of("study", search, trials, {})) as study:
            begun = time.perf_counter()
            run_search(study, search, AtOnce(), trials=trials)
            return time.perf_counter() - begun


def of_program(method: str, trials: int, workers: int) -> float:
    """Return seconds of a search of a program, its workers' start among them, without files."""
    with tempfile.TemporaryDirectory() as name:
        path = file_of(Path(name), method, trials)
        begun = time.perf_counter()
        wfo.optimize(path, workers=workers, out=Path(name) / "out", top=1)
        return time.perf_counter() - begun


def of_writes(trials: int, batch: int) -> float:
    """Return seconds in which a study takes trials of 17 parameters and 20 figures."""
    search = search_of("random", trials)
    rows = search.space.sample(np.random.default_rng(1).random((trials, 17)))
    params = search.space.decode(rows)
    figures = {f"figure_{k}": float(k) for k in range(20)}
    with tempfile.TemporaryDirectory() as name:
        made = record_of("study", search, trials, {})
        with Study.create(Path(name) / "study", made) as study:
            begun = time.perf_counter()
            for number, first in enumerate(range(0, trials, batch)):
                stop = min(first + batch, trials)
                new = [
                    NewTrial(k, rows[k], params[k], program_seed(1, k)) for k in range(first, stop)
                ]
                study.begin_batch(number, {}, new)
                for k in range(first, stop):
                    study.finish(Outcome(k, (0,), "complete", ({"": figures},), seconds=0.1))
                study.end_batch(number)
            study.flush()
            return time.perf_counter() - begun


def of_large(folder: Path, trials: int) -> list[tuple[str, float]]:
    """Return what is done with a large study, with the seconds that it takes."""
    plan = read_plan(file_of(folder, "random", trials))
    search = search_of("random", trials)
    place = folder / "optimization" / "large"
    with Study.create(place, record_of("large", search, trials, plan.to_dict())) as study:
        begun = time.perf_counter()
        run_search(study, search, AtOnce(), trials=trials)
        found = [("search (random)", time.perf_counter() - begun)]

    def timed(what: str, call: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        answer = call()
        found.append((what, time.perf_counter() - start))
        return answer

    timed("list", lambda: list_studies(folder))
    report = timed("read, score and rank", lambda: read_report(place))
    timed("the best ten, as a page", lambda: report.page)
    timed("all trials as a table", lambda: report.table)
    timed(
        "export as CSV",
        lambda: export_csv(
            folder / "all.csv", report.trials, read_parameters(place, report.record)
        ),
    )
    timed("importance", lambda: importance(report.trials, search.space))
    with Study.open(place) as study:
        timed("go on with it (load)", study.load)
    return found


def best(runs: int, call: Callable[[], float]) -> float:
    """Return the least seconds of some runs."""
    return min(call() for _ in range(runs))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2_000, help="trials of the first two tables")
    parser.add_argument("--large", type=int, default=100_000, help="trials of a large study")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--methods", nargs="*", default=[m for m in METHODS if m != "grid"])
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--markdown", action="store_true")
    asked = parser.parse_args()
    build = wfo.build_info()
    show = as_markdown if asked.markdown else as_text
    print(f"{cpu()}, {build['threads']} cores; Python {platform.python_version()}, NumPy")
    print(f"{np.__version__}, wfo {build['version']}, commit {build['commit']}")
    rows = [["method", "trials", "in process /s", *(f"{w} workers /s" for w in asked.workers)]]
    for method in asked.methods:
        # Fewer of a model that is fitted before every batch.
        trials = asked.trials if method != "tpe" else max(asked.trials // 10, 200)
        seconds = best(asked.runs, lambda m=method, t=trials: of_method(m, t))  # type: ignore[misc]
        cells = [method, f"{trials:,}", f"{trials / seconds:,.0f}"]
        for workers in asked.workers:
            spent = best(
                asked.runs,
                lambda m=method, t=trials, w=workers: of_program(m, t, w),  # type: ignore[misc]
            )
            cells.append(f"{trials / spent:,.0f}")
        rows.append(cells)
        print(f"  {method} done", file=sys.stderr)
    print(f"\n{show(rows, 1)}")
    rows = [["trials of a batch", "trials", "writes /s"]]
    for batch, trials in ((20, 20_000), (1_000, 100_000)):
        seconds = best(asked.runs, lambda b=batch, t=trials: of_writes(t, b))  # type: ignore[misc]
        rows.append([f"{batch:,}", f"{trials:,}", f"{trials / seconds:,.0f}"])
    print(f"\n{show(rows, 1)}")
    with tempfile.TemporaryDirectory() as name:
        large = of_large(Path(name), asked.large)
    lines = [[f"a study of {asked.large:,} trials", "s"], *([w, f"{s:.2f}"] for w, s in large)]
    print(f"\n{show(lines, 1)}")


if __name__ == "__main__":
    main()

"""Searches of toys, in this process: tasks end in any order that is asked for."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wfo.errors import InputError
from wfo.search.batches import Patience
from wfo.search.driver import Search
from wfo.search.methods import make_method
from wfo.search.objective import Objective, Pruner, Scoring
from wfo.search.runner.bars import WindowSpan, cut
from wfo.search.runner.errors import AnswerError, LoadError
from wfo.search.runner.figures import read_figures
from wfo.search.runner.programs import load_program
from wfo.search.runner.settings import runner_settings
from wfo.search.space import Dimension, SearchSpace
from wfo.search.study import Study, StudyRecord, StudyTable
from wfo.search.values import Finished, Method, Outcome, Task

#: How long points are looked for, in toys.
PATIENCE = Patience(attempts=5, draws=50, enumerated=10_000)

Figures = Mapping[str, float]

#: Of params, window and seed; an error that it raises is that of a program.
Program = Callable[[Mapping[str, Any], int, int], Figures]


def hill(params: Mapping[str, Any], window: int, seed: int) -> Figures:
    """Return figures that are best at x = 3, y = 0.4, and a little different by window."""
    del seed
    height = -((params["x"] - 3) ** 2) - 10 * (params["y"] - 0.4) ** 2 + 0.01 * window
    return {"height": height, "width": float(params["x"])}


class Interrupted(BaseException):
    """Stands for a kill: nothing below the driver catches it."""


class Toy:
    """Evaluates a function, as several workers would: in an order of its own.

    Parameters
    ----------
    program
        What is evaluated.
    windows
        How many there are.
    order
        Seed of the order in which tasks end; None for that in which they are given.
    dies_after
        How many outcomes it gives before it dies; None for all.
    """

    names = None
    symbols: tuple[str, ...] = ()

    def __init__(
        self,
        program: Program = hill,
        windows: int = 1,
        *,
        order: int | None = None,
        dies_after: int | None = None,
    ) -> None:
        self.program = program
        self.windows = windows
        self.rng = None if order is None else np.random.default_rng(order)
        self.left = dies_after
        self.calls: list[tuple[int, int]] = []

    def evaluate(self, tasks: Sequence[Task], finished: Finished) -> None:
        """End tasks in an order, and what follows of them in between."""
        waiting = list(tasks)
        while waiting:
            at = 0 if self.rng is None else int(self.rng.integers(len(waiting)))
            task = waiting.pop(at)
            if self.left == 0:
                raise Interrupted
            self.left = None if self.left is None else self.left - 1
            following = finished(self._outcome(task))
            if following is not None:
                waiting.append(following)

    def _outcome(self, task: Task) -> Outcome:
        found = []
        for window in task.windows:
            self.calls.append((task.trial, window))
            try:
                found.append({"": dict(self.program(task.params, window, task.seed))})
            except ValueError as error:
                return Outcome(task.trial, task.windows, "failed", (), str(error), 0.01, 1)
        return Outcome(task.trial, task.windows, "complete", tuple(found), "", 0.01, 1)

    def close(self) -> None:
        """Nothing was started."""


def toy_space(**more: Any) -> SearchSpace:
    """Return 10 whole numbers beside a continuous dimension."""
    return SearchSpace(
        (
            Dimension("x", "int", values=tuple(range(10))),
            Dimension("y", "float", low=0.0, high=1.0),
        ),
        **more,
    )


def grid_space(xs: int = 10, ys: int = 5, **more: Any) -> SearchSpace:
    """Return a grid."""
    return SearchSpace(
        (
            Dimension("x", "int", values=tuple(range(xs))),
            Dimension("y", "float", values=tuple(i / 10 for i in range(ys))),
        ),
        **more,
    )


def toy_search(
    space: SearchSpace,
    method: str | Method = "random",
    *,
    trials: int = 30,
    objective: Any = "height",
    windows: int = 1,
    prune: str = "none",
    batch: int = 5,
    seed: int = 1,
) -> Search:
    """Return what decides the trials of a toy."""
    goal = Objective.read(objective, "objective")
    made = (
        make_method(method, {}, budget=trials, objectives=goal.count)
        if isinstance(method, str)
        else method
    )
    pruner = None if prune == "none" else Pruner.make(prune, goal)
    return Search(space, made, Scoring(goal), pruner, windows, seed, batch, PATIENCE)


def toy_study(folder: Path, search: Search, trials: int = 30) -> Study:
    """Make the study of a toy."""
    goal = search.scoring.objective
    record = StudyRecord(
        name=folder.name,
        created="2026-01-01T00:00:00Z",
        identity={},
        plan={"trials": trials},
        space=search.space.to_dict(),
        objective=goal.to_dict(),
        method=search.method.name,
        seed=search.seed,
        batch=search.batch,
        budget=trials,
        parameters=search.space.names,
        objectives=goal.objective_names,
        components=goal.names,
    )
    return Study.create(folder, record)


def plain(table: StudyTable) -> dict[str, Any]:
    """Return all of a study's trials and batches but for seconds and workers, to compare."""
    return {
        "rows": table.rows.tolist(),
        "batches": table.batches.tolist(),
        "tags": table.tags.tolist(),
        "seeds": table.seeds.tolist(),
        "states": [table.state_of(t) for t in range(len(table))],
        "figures": [
            [{s: dict(sorted(own.items())) for s, own in w.items()} for w in table.figures_of(t)]
            for t in range(len(table))
        ],
        "scores": list(map(repr, table.scores.tolist())),
        "violations": table.violations.tolist(),
        "components": list(map(repr, table.components.ravel().tolist())),
        "errors": dict(table.errors),
        "batch": [repr(each) for each in table.batch],
        "state": dict(table.state),
    }


def points(table: StudyTable, space: SearchSpace) -> Iterator[tuple[Any, ...]]:
    """Yield the values of each trial, in order."""
    for params in space.decode(table.rows) if len(table) else []:
        yield tuple(params.values())


class InProcess:
    """Evaluates programs in this process, with what workers load and read them by.

    It takes what `wfo.search.runner.ProgramEvaluator` takes, and spares tests that are about what
    becomes of figures the start of a process each.
    """

    def __init__(
        self,
        target: Any,
        kind: str,
        *,
        folder: Path,
        space: SearchSpace,
        symbols: Sequence[str] = (),
        bars: Mapping[str, Any] | None = None,
        windows: Sequence[WindowSpan] = (),
        needs: Sequence[str] = (),
        **_: Any,
    ) -> None:
        assert kind == "program"
        self.target, self.folder, self.space = target, folder.absolute(), space
        self.symbols, self.needs = tuple(symbols), needs
        self.spans = tuple(windows) or (WindowSpan(0),)
        self.windows = len(self.spans)
        self.names: tuple[str, ...] | None = None
        self.bars = dict(bars or {})
        self.program: Any = None

    def evaluate(self, tasks: Sequence[Task], finished: Finished) -> None:
        """Evaluate one task after the other."""
        waiting = list(tasks)
        while waiting:
            outcome, _ = self._outcome(waiting.pop(0))
            following = finished(outcome)
            if following is not None:
                waiting.append(following)

    def probe(self, task: Task) -> Outcome:
        """Evaluate once; raise where the answer is none."""
        outcome, broken = self._outcome(task)
        if broken:
            raise InputError(f"{self.target} {outcome.error}")
        return outcome

    def _outcome(self, task: Task) -> tuple[Outcome, bool]:
        found: list[Any] = []
        said = io.StringIO()
        try:
            with contextlib.chdir(self.folder), contextlib.redirect_stdout(said):
                if self.program is None:
                    self.program = load_program(self.target, self.folder)
                for number in task.windows:
                    answer = self._call(task, self.spans[number])
                    found.append(read_figures(answer, self.symbols, self.needs, runner_settings()))
        except LoadError as error:
            raise InputError(str(error)) from None
        except (AnswerError, ValueError) as error:
            broken = isinstance(error, AnswerError)
            return Outcome(task.trial, task.windows, "failed", (), str(error)), broken
        nan = float("nan")
        figures = tuple(
            {s: {n: nan if v is None else v for n, v in own.items()} for s, own in window.items()}
            for window in found
        )
        return Outcome(
            task.trial, task.windows, "complete", figures, "", 0.01, 1, said.getvalue()
        ), False

    def _call(self, task: Task, span: WindowSpan) -> Any:
        context = {
            "symbols": self.symbols,
            "bars": {s: cut(frame, span, s) for s, frame in self.bars.items()},
            "window": {"number": span.number, "start": span.start, "end": span.end},
            "seed": task.seed,
        }
        taken = {name: context[name] for name in self.program.takes}
        return self.program.function(self.space.nested(task.params), **taken)

    def close(self) -> None:
        """Nothing was started."""

"""How near to the optimum the methods of a search come: ``python benches/search_methods.py``.

Known functions are searched: sphere, Rosenbrock and Rastrigin on grids with holes, on continuous
spaces, and on one of both with choices that have no order; ZDT1 with two objectives, where pymoo's
NSGA-II has as many evaluations. The optimum of sphere and Rastrigin lies off the centre, where no
method is by chance. Each is searched with several seeds and two budgets, in batches of one size;
``tpe``, which takes milliseconds a trial, has the small budget alone.

The table has medians and quartiles of the best value, `--plot` a picture of them by evaluations.
`--keep FOLDER` keeps the values of each search, and a later call measures only what it lacks.
Which methods are no better than random points is stated under it. `--speed` says instead how many
points the methods propose in a second of one processor.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from grid import machine_facts, report
from numpy.typing import NDArray

from wfo.search.batches import Patience, propose_batch
from wfo.search.methods import METHODS, make_method
from wfo.search.objective.pareto import hypervolume
from wfo.search.space import Dimension, ParameterConstraint, SearchSpace
from wfo.search.values import History

FloatArray = NDArray[np.float64]

BATCH = 20
PATIENCE = Patience(attempts=10, draws=100, enumerated=1 << 20)

#: Evaluations: what a slow evaluator has, and what a fast one has.
SMALL, LARGE = 300, 2_000
#: Evaluations of ZDT1, and its variables.
FRONT, VARIABLES = 5_000, 30
#: Methods that take too long for the large budget.
SLOW = ("tpe",)
ONE = ("random", "sobol", "lhs", "tpe", "ga", "de", "anneal", "bandit")
SEVERAL = ("random", "tpe", "ga")

#: The optimum of sphere and Rastrigin as shares of the half-width, by dimension.
OFF_CENTRE = np.random.Generator(np.random.PCG64(19)).uniform(-0.6, 0.6, 64)


class Function(NamedTuple):
    """A function to be minimised, of points in a cube about 0, and half of the cube's width."""

    value: Callable[[FloatArray], FloatArray]
    width: float


def sphere(x: FloatArray) -> FloatArray:
    return np.asarray(((x - 5.12 * OFF_CENTRE[: x.shape[1]]) ** 2).sum(axis=1))


def rosenbrock(x: FloatArray) -> FloatArray:
    first, second = x[:, :-1], x[:, 1:]
    return np.asarray((100 * (second - first**2) ** 2 + (1 - first) ** 2).sum(axis=1))


def rastrigin(x: FloatArray) -> FloatArray:
    y = x - 5.12 * OFF_CENTRE[: x.shape[1]]
    return np.asarray((y**2 - 10 * np.cos(2 * np.pi * y) + 10).sum(axis=1))


FUNCTIONS = {
    "sphere": Function(sphere, 5.12),
    "rosenbrock": Function(rosenbrock, 2.048),
    "rastrigin": Function(rastrigin, 5.12),
}


def grid_with_holes(dimensions: int, values: int) -> SearchSpace:
    """Return a grid of which a block, and a fifth of the rest, is forbidden."""
    names = [f"x{i}" for i in range(dimensions)]
    low, high = values // 3, values // 2
    return SearchSpace(
        tuple(Dimension(name, "int", low=0, high=values - 1) for name in names),
        constraints=(
            ParameterConstraint(f"not ({low} <= x0 <= {high} and {low} <= x1 <= {high})"),
            ParameterConstraint(f"({' + '.join(names)}) % 5 != 2"),
        ),
    )


def continuous(dimensions: int) -> SearchSpace:
    return SearchSpace(
        tuple(Dimension(f"x{i}", "float", low=0.0, high=1.0) for i in range(dimensions))
    )


def mixed() -> SearchSpace:
    """Return a space of four continuous dimensions, three of a grid, and three without an order."""
    smooth = [Dimension(f"x{i}", "float", low=0.0, high=1.0) for i in range(4)]
    steps = [Dimension(f"x{i}", "int", low=0, high=20) for i in range(4, 7)]
    words = tuple(f"{17 * i % 11:02d}" for i in range(11))
    choices = [Dimension(f"x{i}", "choice", values=words) for i in range(7, 10)]
    return SearchSpace((*smooth, *steps, *choices))


SPACES: dict[str, Callable[[], SearchSpace]] = {
    "grid, 3 x 41": lambda: grid_with_holes(3, 41),
    "grid, 10 x 41": lambda: grid_with_holes(10, 41),
    "continuous, 5": lambda: continuous(5),
    "continuous, 10": lambda: continuous(10),
    "mixed, 10": mixed,
}


def coordinates(space: SearchSpace, rows: FloatArray, width: float) -> FloatArray:
    """Return points in a cube about 0; a choice lies where its text says, not its place."""
    unit = space.unit(rows)
    for at, dimension in enumerate(space.dimensions):
        if dimension.kind == "choice":
            values = np.array([int(str(value)) for value in dimension.values or ()], float)
            unit[:, at] = values[rows[:, at].astype(np.int64)] / values.max()
    return np.asarray((2 * unit - 1) * width)


def searched(
    space: SearchSpace,
    objectives: Callable[[FloatArray], FloatArray],
    method: str,
    options: Mapping[str, Any],
    budget: int,
    seed: int,
    count: int = 1,
) -> FloatArray:
    """Search, and return the objectives of all trials, each to be maximised; float64[n, count]."""
    made = make_method(method, options, budget=budget, objectives=count, space=space)
    width = len(space.dimensions)
    rows, found = np.zeros((0, width)), np.zeros((0, count))
    tags, batches = np.zeros(0, np.int64), np.zeros(0, np.int64)
    state: Mapping[str, Any] = {}
    seen: set[bytes] = set()
    number = 0
    while len(rows) < budget:
        n = len(rows)
        scores = found[:, 0] if count == 1 else np.zeros(n)
        history = History(rows, scores, np.zeros(n), found, tags, batches, np.zeros(n, bool))
        batch = propose_batch(
            space,
            made,
            history,
            number=number,
            size=min(BATCH, budget - n),
            seed=seed,
            state=state,
            seen=seen,
            patience=PATIENCE,
        )
        if not len(batch.rows):
            break
        seen.update(space.keys(batch.rows))
        state = batch.state
        rows = np.concatenate([rows, batch.rows])
        found = np.concatenate([found, objectives(batch.rows).reshape(-1, count)])
        tags = np.concatenate([tags, batch.tags])
        batches = np.concatenate([batches, np.full(len(batch.rows), number, np.int64)])
        number += 1
    return found


class Case(NamedTuple):
    """A search of one function with one seed."""

    function: str
    space: str
    method: str
    budget: int
    seed: int
    options: tuple[tuple[str, Any], ...] = ()


def best_of(case: Case) -> FloatArray:
    """Return the best value after each evaluation, float64[budget]."""
    space, function = SPACES[case.space](), FUNCTIONS[case.function]

    def objectives(rows: FloatArray) -> FloatArray:
        return -function.value(coordinates(space, rows, function.width))

    found = searched(space, objectives, case.method, dict(case.options), case.budget, case.seed)
    best = np.minimum.accumulate(-found[:, 0])
    return np.concatenate([best, np.full(case.budget - len(best), best[-1])])


def zdt1(x: FloatArray) -> FloatArray:
    """Return both objectives of ZDT1, each to be minimised (Zitzler, Deb and Thiele 2000)."""
    g = 1 + 9 * x[:, 1:].mean(axis=1)
    return np.stack([x[:, 0], g * (1 - np.sqrt(x[:, 0] / g))], axis=1)


#: Evaluations after which the hypervolume is computed, and the point that it begins at.
MARKS = (100, 200, 300, 500, 1_000, 2_000, 3_000, 4_000, 5_000)
REFERENCE = np.array([-1.1, -7.0])


def volumes(found: FloatArray, budget: int) -> FloatArray:
    """Return the hypervolume after some evaluations, float64[m]."""
    marks = [mark for mark in MARKS if mark <= budget]
    return np.array([hypervolume(found[:mark], REFERENCE) for mark in marks])


def front_of(case: Case) -> FloatArray:
    """Return the hypervolume of ZDT1 by evaluations, float64[m]."""
    if case.method == "pymoo":
        return volumes(-pymoo_front(case.budget, case.seed), case.budget)
    found = searched(
        continuous(VARIABLES),
        lambda rows: -zdt1(rows),
        case.method,
        dict(case.options),
        case.budget,
        case.seed,
        2,
    )
    return volumes(found, case.budget)


def pymoo_front(budget: int, seed: int) -> FloatArray:
    """Return the objectives of all that pymoo's NSGA-II evaluates, with its own defaults."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import Problem
    from pymoo.optimize import minimize

    found: list[FloatArray] = []

    class Zdt1(Problem):  # type: ignore[misc]  # pymoo has no types
        def __init__(self) -> None:
            super().__init__(n_var=VARIABLES, n_obj=2, xl=0.0, xu=1.0)

        def _evaluate(self, x: FloatArray, out: dict[str, Any], *_: Any, **__: Any) -> None:
            out["F"] = zdt1(x)
            found.append(out["F"])

    minimize(Zdt1(), NSGA2(pop_size=100), ("n_eval", budget), seed=seed, verbose=False)
    return np.concatenate(found)[:budget]


def run(case: Case, path: Path | None) -> FloatArray:
    found = front_of(case) if case.function == "zdt1" else best_of(case)
    if path is not None:
        # Of a bench that is stopped, what is done stays.
        np.save(path, found)
    return found


def cases(arguments: argparse.Namespace) -> list[Case]:
    """Return all searches: those that take longest first, and all of a seed before the next."""
    found = [
        Case(function, space, method, budget, seed)
        for function in arguments.functions
        for space in SPACES
        for method in ONE
        if method in arguments.methods
        for budget in (SMALL, LARGE)
        if budget == SMALL or method not in SLOW
        for seed in range(arguments.seeds)
    ]
    if not arguments.no_front:
        found += [
            Case("zdt1", "continuous, 30", method, SMALL if method in SLOW else FRONT, seed)
            for method in (*SEVERAL, "pymoo")
            if method in arguments.methods
            for seed in range(arguments.seeds)
        ]
    return sorted(found, key=lambda case: (case.method not in (*SLOW, "pymoo"), case.seed))


Results = dict[tuple[str, str, str, int], FloatArray]


def one_thread() -> None:
    """Keep a worker's linear algebra to one thread, as workers share the processors."""
    import threadpoolctl

    threadpoolctl.threadpool_limits(1)


def measured(arguments: argparse.Namespace) -> Results:
    """Return values by evaluations, float64[seeds, m], of each function, space and method."""
    every = cases(arguments)
    values: dict[Case, FloatArray] = {}
    paths: dict[Case, Path] = {}
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        paths = {case: arguments.keep / f"{'-'.join(map(str, case))}.npy" for case in every}
        values = {case: np.load(path) for case, path in paths.items() if path.exists()}
    left = [] if arguments.no_searches else [case for case in every if case not in values]
    context = multiprocessing.get_context("forkserver")
    started = time.monotonic()
    with ProcessPoolExecutor(arguments.workers, context, one_thread) as pool:
        kept = [paths.get(case) for case in left]
        for number, (case, found) in enumerate(
            zip(left, pool.map(run, left, kept), strict=True), 1
        ):
            values[case] = found
            if number % 50 == 0:
                took = time.monotonic() - started
                print(f"{number} of {len(left)} searches, {took:.0f} s", file=sys.stderr)
    results: dict[tuple[str, str, str, int], list[FloatArray]] = {}
    for case in every:
        if case in values:
            results.setdefault(case[:4], []).append(values[case])
    return {key: np.array(found) for key, found in results.items()}


def table(results: Results, budget: int, seeds: int) -> list[list[str]]:
    """Return medians and quartiles of the best value at the end of a budget.

    Where there were fewer seeds than asked for, their number stands beside.
    """
    methods = [m for m in ONE if any(key[2:] == (m, budget) for key in results)]
    lines = [["function", "space", *methods]]
    places = dict.fromkeys(key[:2] for key in results if key[0] != "zdt1" and key[3] == budget)
    for function, space in places:
        cells = []
        for method in methods:
            if (function, space, method, budget) not in results:
                cells.append("")
                continue
            last = results[function, space, method, budget][:, -1]
            low, middle, high = np.quantile(last, [0.25, 0.5, 0.75])
            few = f" of {len(last)}" if len(last) < seeds else ""
            cells.append(f"{middle:.3g} ({low:.3g}-{high:.3g}){few}")
        lines.append([function, space, *cells])
    return lines


def front_table(results: Results) -> list[list[str]]:
    """Return medians and quartiles of the hypervolume of ZDT1 by evaluations."""
    rows = {key[2]: found for key, found in results.items() if key[0] == "zdt1"}
    lines = [["ZDT1, hypervolume after", *(f"{mark:,}" for mark in MARKS)]]
    for method, found in rows.items():
        quartiles = np.quantile(found, [0.25, 0.5, 0.75], axis=0).T
        cells = [f"{b:.3f} ({a:.3f}-{c:.3f})" for a, b, c in quartiles]
        lines.append([method, *cells, *[""] * (len(MARKS) - len(cells))])
    return lines


def not_better(results: Results) -> Iterator[str]:
    """Yield where the median of a method that learns is no better than that of random points."""
    for (function, space, method, budget), found in results.items():
        base = (function, space, "random", FRONT if function == "zdt1" else budget)
        if method == "pymoo" or not METHODS[method].learns or base not in results:
            continue
        last = np.median(found[:, -1])
        other = np.median(results[base][:, found.shape[1] - 1])
        # The hypervolume of a front is larger where it is better.
        worse = last <= other if function == "zdt1" else last >= other
        if worse:
            yield f"{method} on {function} ({space}) after {budget:,} evaluations"


def draw(results: Results, path: Path) -> None:
    """Save a picture of medians and quartiles by evaluations."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    functions = [name for name in FUNCTIONS if any(key[0] == name for key in results)]
    front = any(key[0] == "zdt1" for key in results)
    rows = [(function, budget) for function in functions for budget in (SMALL, LARGE)]
    figure, axes = plt.subplots(
        len(rows) + front,
        len(SPACES),
        figsize=(4.2 * len(SPACES), 2.9 * (len(rows) + front)),
        squeeze=False,
        layout="constrained",
    )
    colours = {method: f"C{i}" for i, method in enumerate((*ONE, "pymoo"))}
    for line, (function, budget) in zip(axes, rows, strict=False):
        for axis, space in zip(line, SPACES, strict=True):
            for method in ONE:
                found = results.get((function, space, method, budget))
                if found is not None:
                    band(axis, np.arange(1, budget + 1), found, method, colours[method])
            axis.set(xscale="log", yscale="log", title=f"{function}: {space}")
            axis.set_xlim(10, budget)
    if front:
        axis = axes[-1][0]
        for (function, _, method, _), found in results.items():
            if function == "zdt1":
                band(axis, np.array(MARKS[: found.shape[1]]), found, method, colours[method])
        axis.set(xscale="log", title="ZDT1: hypervolume, more is better")
        axis.legend(fontsize=7)
        for other in axes[-1][1:]:
            other.set_axis_off()
    axes[0][0].legend(fontsize=7)
    figure.supxlabel("evaluations")
    figure.supylabel("best value so far: medians and quartiles over seeds, less is better")
    figure.savefig(path, dpi=70)
    plt.close(figure)


def band(axis: Any, x: NDArray[Any], found: FloatArray, method: str, colour: str) -> None:
    low, middle, high = np.quantile(found, [0.25, 0.5, 0.75], axis=0)
    axis.plot(x, middle, label=method, color=colour, linewidth=1.2)
    axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)


#: Dimensions, values of each, and points of a batch and of the history where speed is measured.
SPEED = (11, 40)
SPEED_BATCH = 1 << 18


def speed() -> list[list[str]]:
    """Return how many points a second of one processor the methods propose in large batches."""
    one_thread()
    dimensions, values = SPEED
    space = SearchSpace(
        tuple(Dimension(f"x{i}", "int", low=0, high=values - 1) for i in range(dimensions))
    )
    lines = [["points proposed", "millions a second", "first batch"]]
    for method in METHODS:
        if method in SLOW:
            continue
        made = make_method(method, budget=10 * SPEED_BATCH, space=space)
        empty = np.zeros(0)
        none = np.zeros(0, np.int64)
        history = History(
            np.zeros((0, dimensions)), empty, empty, empty[:, None], none, none, empty > 0
        )
        took = []
        for _ in range(5):
            started = time.process_time()
            first = made.propose(space, history, 0, SPEED_BATCH, generator(0), {})
            took.append(time.process_time() - started)
        rows = space.snap(first.rows)
        n = len(rows)
        scores = -sphere((2 * space.unit(rows) - 1) * 5.12)
        history = History(
            rows,
            scores,
            np.zeros(n),
            scores[:, None],
            first.tags,
            np.zeros(n, np.int64),
            np.zeros(n, bool),
        )
        later = []
        for _ in range(5):
            started = time.process_time()
            found = made.propose(space, history, 1, SPEED_BATCH, generator(1), first.state)
            later.append((time.process_time() - started) / len(found.rows))
        lines.append([method, f"{1e-6 / min(later):.2f}", f"{n * 1e-6 / min(took):.2f}"])
    return lines


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def facts() -> dict[str, str]:
    """Return what figures depend on."""
    import optuna
    import scipy

    found = dict(machine_facts())
    found["search"] = f"scipy {scipy.__version__}, optuna {optuna.__version__}, batches of {BATCH}"
    with contextlib.suppress(ImportError):
        import pymoo

        found["search"] += f", pymoo {pymoo.__version__}"
    found["python"] = platform.python_version()
    return found


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--functions", nargs="+", choices=FUNCTIONS, default=list(FUNCTIONS))
    every = (*ONE, "pymoo")
    parser.add_argument("--methods", nargs="+", choices=every, default=list(every))
    parser.add_argument("--keep", type=Path, help="a folder of values")
    parser.add_argument("--no-searches", action="store_true", help="show what --keep has alone")
    parser.add_argument("--no-front", action="store_true", help="leave ZDT1 out")
    parser.add_argument("--plot", type=Path, help="a PNG file to write")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--speed", action="store_true", help="points a second alone")
    arguments = parser.parse_args(words)
    if arguments.speed:
        report(facts(), [(speed(), 1)], markdown=arguments.markdown)
        return
    results = measured(arguments)
    tables = [(table(results, budget, arguments.seeds), 2) for budget in (SMALL, LARGE)]
    if not arguments.no_front:
        tables.append((front_table(results), 1))
    report(facts(), tables, markdown=arguments.markdown)
    print("\nNo better than random points:")
    print("\n".join(f"- {line}" for line in not_better(results)) or "- none")
    if arguments.plot is not None:
        draw(results, arguments.plot)


if __name__ == "__main__":
    main()

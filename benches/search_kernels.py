"""How soon a search finds what a sweep would: ``python benches/search_kernels.py``.

The shipped grid phase1 of atr_d_l, 116 million combinations over the default windows, is swept for
the truth: the best swept block, by the mean over windows of its in-sample median, and the best
single combination, by the mean of its own figure. Then methods search, several seeds each, until
they have 99.9 % of the best:

- *blocks*: genes are the dimensions in front, those behind are swept by the factored engine;
- *blocks as lists*: the same trials, each of whose combinations the direct engine computes one by
  one: seconds are the trials of the row above by what a block costs so, the engine alone;
- *singles*: points of the whole grid by the direct engine, until one has 99.9 % of the best single
  combination; beside it, how good the block of the best one found is by the robust objective.

A figure is a median over the seeds. Seconds are those of a search from its first proposal on, with
all it prepares; of those that did not get there it says how many there were, and how near the
median came. Parity is checked first: medians of blocks with those of a sweep.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from grid import machine_facts, report
from numpy.typing import NDArray

import wfo
from wfo.backtest import Evaluator, read_feeds
from wfo.bars import days
from wfo.search.batches import Patience, propose_batch
from wfo.search.evaluating import StrategyEvaluator
from wfo.search.evaluating.figures import needs_extended, part_columns
from wfo.search.methods import make_method
from wfo.search.space import Dimension, SearchSpace
from wfo.search.values import History, Outcome, Task

FloatArray = NDArray[np.float64]

STRATEGY = "atr_d_l"
#: Share of the best that a search must find.
NEAR = 0.999
#: Combinations of a piece of the sweep.
PIECE = 1 << 18
#: Blocks whose medians are checked, and computed as lists.
CHECKED = 16
PATIENCE = Patience(attempts=20, draws=20, enumerated=1 << 20)
#: Relative tolerance of figures between engines.
TOLERANCE = 1e-9


class Truth(NamedTuple):
    """What a sweep of the whole grid found.

    Attributes
    ----------
    blocks
        Score of every block, float64[blocks].
    single
        The best score of a single combination, and its number.
    seconds
        What the sweep took, what of that was the engine's, and the processor's of all threads.
    """

    blocks: FloatArray
    single: tuple[float, int]
    seconds: tuple[float, float, float]


@dataclass(frozen=True)
class Bench:
    """What is searched.

    Attributes
    ----------
    grid, feeds, phases, space
        The grid, the bars and the windows; the grid as a space.
    figure
        The figure whose mean over windows is the objective.
    """

    grid: wfo.Grid
    feeds: wfo.Feeds
    phases: Sequence[wfo.Phase]
    space: SearchSpace
    figure: str

    def evaluator(self, block: str | int | None) -> StrategyEvaluator:
        """Return a new evaluator, which has prepared nothing yet."""
        return StrategyEvaluator(
            STRATEGY,
            {"bars": self.feeds},
            self.space,
            {"bars": self.phases},
            figures=[self.figure],
            block=block,
        )

    def score(self, outcome: Outcome) -> float:
        """Return the objective of a trial; -inf where a window has no such figure."""
        values = [window["bars"][self.figure] for window in outcome.figures]
        mean = math.fsum(values) / len(values)
        return mean if math.isfinite(mean) else -math.inf


class Run(NamedTuple):
    """A search: until it was there, None if it was not, and what it found.

    `busy` are the processor's seconds of all threads.
    """

    trials: int | None
    seconds: float | None
    busy: float | None
    best: float
    row: FloatArray


def sweep(bench: Bench, size: int) -> Truth:
    """Sweep the grid window by window; blocks are `size` combinations that follow each other."""
    year = wfo.metrics.inferred_bars_per_year(bench.feeds.stamps)
    extended = needs_extended([bench.figure])
    bounds = [(p.warmup, p.split, p.split + 1) for p in bench.phases]
    begun, busy = time.perf_counter(), time.process_time()
    evaluator = Evaluator(
        STRATEGY,
        bench.feeds,
        bench.grid,
        bounds,
        figures="extended" if extended else "standard",
    )
    capital = evaluator.settings.capital
    blocks = np.zeros(len(bench.grid) // size)
    best, at = -math.inf, -1
    engine = 0.0
    step = max(1, PIECE // size) * size
    for start in range(0, len(bench.grid), step):
        stop = min(start + step, len(bench.grid))
        asked = time.perf_counter()
        found = evaluator.range(start, stop)
        engine += time.perf_counter() - asked
        scores = np.zeros(stop - start)
        for (warmup, split, _), figures in zip(bounds, found, strict=True):
            values = part_columns(figures, "is_", capital, split - warmup, year)[bench.figure]
            values = np.where(np.isnan(values), -np.inf, values)
            scores += values / len(bounds)
            table = values.reshape(-1, size)
            middle = np.median(table, axis=1)
            # Where the middle is undefined for less than half, the median is of the others.
            for row in np.flatnonzero(np.isinf(table).any(axis=1)):
                own = table[row][np.isfinite(table[row])]
                middle[row] = np.median(own) if 2 * len(own) >= size else -np.inf
            blocks[start // size : stop // size] += middle / len(bounds)
        if scores.max() > best:
            best, at = float(scores.max()), start + int(scores.argmax())
        if start // step % 50 == 0:
            done = stop / len(bench.grid)
            print(f"swept {done:5.1%} in {time.perf_counter() - begun:5.0f} s", flush=True)
    spent = (time.perf_counter() - begun, engine, time.process_time() - busy)
    return Truth(blocks, (best, at), spent)


def swept_truth(bench: Bench, size: int, kept: Path | None) -> Truth:
    """Return what a sweep finds, or what one has found before that was kept in a file."""
    if kept is not None and kept.exists():
        with np.load(kept) as found:
            single = (float(found["single"][0]), int(found["single"][1]))
            whole, engine, busy = map(float, found["seconds"])
            return Truth(found["blocks"], single, (whole, engine, busy))
    truth = sweep(bench, size)
    if kept is not None:
        np.savez(
            kept,
            blocks=truth.blocks,
            single=np.array(truth.single),
            seconds=np.array(truth.seconds),
        )
    return truth


def tasks_of(evaluator: StrategyEvaluator, rows: FloatArray, first: int = 0) -> list[Task]:
    """Return the trials of points, in all windows."""
    windows = tuple(range(evaluator.windows))
    points = evaluator.space.decode(rows)
    return [
        Task(first + i, windows, p, r, 0) for i, (p, r) in enumerate(zip(points, rows, strict=True))
    ]


def evaluated(bench: Bench, evaluator: StrategyEvaluator, tasks: Sequence[Task]) -> FloatArray:
    """Return the scores of trials."""
    found = np.full(len(tasks), np.nan)
    first = tasks[0].trial

    def finished(outcome: Outcome) -> None:
        if outcome.ending != "complete":
            raise SystemExit(f"trial {outcome.trial}: {outcome.error}")
        found[outcome.trial - first] = bench.score(outcome)

    evaluator.evaluate(tasks, finished)
    return found


def check(
    bench: Bench, truth: Truth, block: str | int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return what one block costs as lists of its combinations, after comparing some blocks.

    Seconds, and the processor's.

    Raises
    ------
    SystemExit
        If the medians of a search are not those of the sweep.
    """
    evaluator = bench.evaluator(block)
    chosen = rng.choice(len(truth.blocks), CHECKED, replace=False)
    rows = np.concatenate([evaluator.space.grid_rows(int(b), int(b) + 1) for b in chosen])
    found = evaluated(bench, evaluator, tasks_of(evaluator, rows))
    if not np.allclose(found, truth.blocks[chosen], rtol=TOLERANCE, atol=0):
        raise SystemExit(f"blocks differ: {found} in the search, {truth.blocks[chosen]} swept")
    assert evaluator.block is not None
    size = evaluator.block.size
    extended = needs_extended([bench.figure])
    direct = [
        Evaluator(
            STRATEGY,
            bench.feeds.until(p.split + 1),
            bench.grid,
            [(p.warmup, p.split, p.split + 1)],
            engine="direct",
            figures="extended" if extended else "standard",
        )
        for p in bench.phases
    ]
    begun, busy = time.perf_counter(), time.process_time()
    for number in chosen:
        for each in direct:
            each.list(np.arange(number * size, (number + 1) * size))
    seconds, busy = time.perf_counter() - begun, time.process_time() - busy
    return seconds / len(chosen), busy / len(chosen)


def search(
    bench: Bench, block: str | int | None, method: str, seed: int, size: int, budget: int,
    target: float,
) -> Run:  # fmt: skip
    """Search until a trial has `target`, or for `budget` trials, in batches of `size`."""
    begun, busy = time.perf_counter(), time.process_time()
    evaluator = bench.evaluator(block)
    space = evaluator.space
    chosen = make_method(method, {}, budget=budget, space=space)
    none = np.zeros((0, len(space.dimensions)))
    rows, scores, tags, batches = none, np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64)
    seen: set[bytes] = set()
    state: Any = {}
    number = 0
    while len(rows) < budget:
        history = History(
            rows, scores, np.zeros(len(rows)), scores[:, None], tags, batches,
            np.zeros(len(rows), np.bool_),
        )  # fmt: skip
        batch = propose_batch(
            space, chosen, history, number=number, size=min(size, budget - len(rows)), seed=seed,
            state=state, seen=seen, patience=PATIENCE,
        )  # fmt: skip
        if batch.note and "ga" in batch.note and method == "tpe":
            raise SystemExit(f"tpe: {batch.note}")
        if not len(batch.rows):
            break
        state = batch.state
        seen.update(space.keys(batch.rows))
        new = evaluated(bench, evaluator, tasks_of(evaluator, batch.rows, len(rows)))
        rows = np.concatenate([rows, batch.rows])
        # A method takes what has no figure as it takes a failure.
        scores = np.concatenate([scores, np.where(np.isfinite(new), new, np.nan)])
        tags = np.concatenate([tags, batch.tags])
        batches = np.concatenate([batches, np.full(len(new), number)])
        number += 1
        there = np.flatnonzero(scores >= target)
        if there.size:
            best = int(np.nanargmax(scores))
            seconds, busy = time.perf_counter() - begun, time.process_time() - busy
            return Run(int(there[0]) + 1, seconds, busy, float(scores[best]), rows[best])
    best = int(np.nanargmax(scores))
    return Run(None, None, None, float(scores[best]), rows[best])


def robust(bench: Bench, truth: Truth, size: int, row: FloatArray) -> float:
    """Return the score of the block that a single combination lies in."""
    params = bench.space.decode(row[None])[0]
    number = bench.grid.find(params)  # type: ignore[arg-type]  # numbers, of a strategy
    assert number is not None
    return float(truth.blocks[number // size])


def line(
    name: str,
    method: str,
    runs: Sequence[Run],
    target: float,
    beside: str,
    cost: tuple[float, float] | None = None,
) -> list[str]:
    """Return a row of the table; with `cost` a trial takes so long instead of what was measured."""
    there = [r for r in runs if r.trials is not None]
    best = statistics.median(r.best for r in runs) / (target / NEAR)

    def middle(values: Iterable[float | None]) -> float:
        # Those that did not get there took longer than any that did.
        return statistics.median(math.inf if v is None else v for v in values)

    trials = middle(r.trials for r in runs)
    seconds, busy = middle(r.seconds for r in runs), middle(r.busy for r in runs)
    if cost is not None:
        seconds, busy = (trials * each for each in cost)
    numbers = ((trials, ",.0f"), (seconds, ",.1f"), (busy, ",.1f"))
    return [
        name,
        method,
        f"{len(there)} of {len(runs)}",
        *(format(x, form) if math.isfinite(x) else "-" for x, form in numbers),
        f"{best:.2%}",
        beside,
    ]


HEAD = ["search", "method", "there", "trials", "seconds", "busy", "best found", "its block"]


def bench_all(arguments: argparse.Namespace) -> None:
    """Sweep, search, print."""
    bars = (
        wfo.load_sample("NASDAQ")
        if arguments.csv is None
        else pl.read_csv(arguments.csv, try_parse_dates=True)
    )
    grid = wfo.Grid.load(arguments.grid, STRATEGY)
    feeds = read_feeds(STRATEGY, bars)
    assert feeds.stamps is not None
    phases = wfo.Windows.preset().resolve(days(feeds.stamps), warmup=max(100, grid.need))
    space = SearchSpace(
        tuple(
            Dimension(name, "int" if grid.strategy.parameter(name).whole else "float", values=axis)
            for name, axis in grid.values.items()
        )
    )
    bench = Bench(grid, feeds, phases, space, arguments.figure)
    block = arguments.block if arguments.block == "auto" else int(arguments.block)
    cut = bench.evaluator(block).block
    if cut is None:
        raise SystemExit(f"the grid {arguments.grid} has no such blocks")
    estimate = bench.evaluator(None).sweep_seconds()
    truth = swept_truth(bench, cut.size, arguments.truth)
    best = float(truth.blocks.max())
    near = int((truth.blocks >= NEAR * best).sum())
    listed = check(bench, truth, block, np.random.default_rng(0))
    facts = machine_facts() | {
        "searched": f"{grid!r}, {len(phases)} windows of {arguments.csv or 'NASDAQ sample'}",
        "objective": f"mean over windows of {bench.figure}, in-sample",
        "blocks": f"{len(truth.blocks):,} of {cut.size:,}: {', '.join(cut.swept)} are swept",
        "swept in": f"{truth.seconds[0]:,.0f} s, the engine {truth.seconds[1]:,.0f} s of it, busy"
        f" {truth.seconds[2]:,.0f} s; for standard figures of both parts a search estimates"
        f" {estimate or 0:,.0f} s",
        "best block": f"{best:.6g}; {near} have {NEAR:.1%} of it",
        "best single": f"{truth.single[0]:.6g}, in a block of"
        f" {truth.blocks[truth.single[1] // cut.size] / best:.1%} of the best block",
        "a block as lists": f"{listed[0]:.3f} s, busy {listed[1]:.3f} s",
        "busy": "processor time of all threads, which other work of the machine leaves as it is",
    }
    table = [HEAD]
    seeds = range(arguments.seeds)
    for method in arguments.methods:
        size = arguments.tpe_batch if method == "tpe" else arguments.batch
        budget = arguments.blocks if method != "tpe" else min(arguments.blocks, arguments.tpe)
        runs = [search(bench, block, method, s, size, budget, NEAR * best) for s in seeds]
        table.append(line("blocks", method, runs, NEAR * best, ""))
        print(*table[-1], flush=True)
        table.append(line("blocks as lists", method, runs, NEAR * best, "", listed))
    goal = NEAR * truth.single[0]
    for method in arguments.methods:
        size = arguments.tpe_batch if method == "tpe" else arguments.list_batch
        budget = arguments.tpe if method == "tpe" else arguments.lists
        runs = [search(bench, None, method, s, size, budget, goal) for s in seeds]
        own = statistics.median(robust(bench, truth, cut.size, r.row) for r in runs) / best
        table.append(line("singles", method, runs, goal, f"{own:.1%}"))
        print(*table[-1], flush=True)
    print()
    report(facts, [(table, 2)], markdown=arguments.markdown)


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--csv", type=Path, help="daily bars; by default the embedded NASDAQ")
    parser.add_argument("--grid", default="phase1")
    parser.add_argument("--figure", default="profit_by_drawdown")
    parser.add_argument("--block", default="auto", help="dimensions that are swept, or auto")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--methods", nargs="+", default=["ga", "de", "random", "tpe"])
    parser.add_argument("--batch", type=int, default=32, help="blocks of a batch")
    parser.add_argument("--list-batch", type=int, default=256, help="singles of a batch")
    parser.add_argument("--tpe-batch", type=int, default=16)
    parser.add_argument("--blocks", type=int, default=3_000, help="trials of blocks, at most")
    parser.add_argument("--lists", type=int, default=40_000, help="trials of singles, at most")
    parser.add_argument("--tpe", type=int, default=400, help="trials of tpe, at most")
    parser.add_argument("--truth", type=Path, help="an .npz file that keeps what the sweep found")
    parser.add_argument("--markdown", action="store_true")
    bench_all(parser.parse_args())


if __name__ == "__main__":
    main()

"""Time whole sweeps: ``python benches/grid.py``.

By default a quick sample of the shipped grid phase1_slim for every strategy on the embedded NASDAQ
bars, whose second symbol is SP500. A figure is nanoseconds per combination, phase and core: the
wall time of a sweep times its threads, by combinations and phases, preparing included. Every
measurement has a process of its own, so that its memory is its own too.

Parity is checked first. If engines disagree, the combination is named and nothing is timed.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import math
import multiprocessing
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from peers import as_markdown, as_text, cpu

import wfo
from wfo.backtest import (
    Evaluator,
    Feeds,
    Figures,
    available_threads,
    read_feeds,
    thread_count,
)
from wfo.bars import dates

if TYPE_CHECKING:
    import polars as pl

#: Combinations in a sample by default: seconds of work for each engine.
SAMPLES = {"factored": 500_000, "direct": 50_000, "reference": 500}
SEED = 20_240_601

#: Most combinations in a call, unless one batch multiple has more: what is written stays small.
CALL = 1 << 18
#: Calls that a sample is divided into, if they do not become too small for it: neighbours cost
#: alike, so few calls say little, but those of an engine that computes combinations together need
#: some of them.
SAMPLE_CALLS = 100
LEAST_TOGETHER = 1 << 16

#: Relative tolerance of money between engines.
TOLERANCE = 1e-9
#: Combinations from all over the grid that are computed and checked one by one: few for an engine
#: that is slow at that, since it computes them together.
SINGLES = {"factored": 64, "direct": 1_000, "reference": 1_000}
#: Calls that are computed as they will be timed, and combinations of each that are checked.
WHOLE_CALLS = 4
OF_EACH_CALL = 1_000

#: Steps of the loop that shows the processor's clock, and operations of one cycle in each.
CLOCK_STEPS = 50_000_000
CLOCK_OPERATIONS = 6

#: Bytes of a combination's figures in one phase: standard and extended.
FIGURES_BYTES = 4 * 8 + 2 * 4
EXTENDED_BYTES = 2 * (16 * 8 + 7 * 4)

#: Seconds between progress lines.
PROGRESS_SECONDS = 5.0


@dataclass(frozen=True)
class Task:
    """A grid on a history."""

    grid: wfo.Grid
    feeds: Feeds
    phases: list[tuple[int, int, int]]
    #: Whether the extended figures are timed too; what is checked are the standard ones.
    extended: bool = False

    def open(self, engine: str, threads: int) -> Evaluator:
        """Prepare a sweep."""
        return Evaluator(
            self.grid.strategy,
            self.feeds,
            self.grid,
            self.phases,
            engine=engine,
            threads=threads,
            figures="extended" if self.extended else "standard",
        )


class Sweep(NamedTuple):
    """What a process measures: combinations ``calls[i, 0]..calls[i, 1]`` by one call each."""

    task: Task
    engine: str
    threads: int
    calls: NDArray[np.int64]
    repeats: int

    @property
    def combinations(self) -> int:
        """All combinations of the calls."""
        return int((self.calls[:, 1] - self.calls[:, 0]).sum())

    @property
    def phases(self) -> int:
        """Number of phases."""
        return len(self.task.phases)

    @property
    def figures(self) -> int:
        """Bytes of the figures of the largest call."""
        each = FIGURES_BYTES + (EXTENDED_BYTES if self.task.extended else 0)
        return int((self.calls[:, 1] - self.calls[:, 0]).max()) * self.phases * each

    @property
    def title(self) -> str:
        """What progress lines call it."""
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{self.task.grid.strategy.name}, {self.engine}, {threads}"


class Measured(NamedTuple):
    """What a process measured.

    Attributes
    ----------
    prepare
        Seconds of preparing, by repeat.
    calls
        Seconds of the calls, float64[repeats, calls].
    trades
        Mean closed trades of a combination in a phase.
    prepared, peak
        Growth of resident memory in the first run, by preparing and at its most, in bytes.
    worker
        Bytes that each worker holds, as the engine reports them; NaN where it does not.
    busy
        Share of the threads' time that they computed.
    """

    prepare: list[float]
    calls: NDArray[np.float64]
    trades: float
    prepared: float
    peak: float
    worker: float
    busy: float

    @property
    def seconds(self) -> list[float]:
        """Seconds of the whole sweep, by repeat."""
        return [p + float(c.sum()) for p, c in zip(self.prepare, self.calls, strict=True)]


def all_calls(length: int, batch_multiple: int, most: int = CALL) -> NDArray[np.int64]:
    """Cut a grid into calls of whole batch multiples, at most `most` combinations if possible."""
    size = max(1, most // batch_multiple) * batch_multiple
    starts = np.arange(0, length, size, dtype=np.int64)
    return np.stack([starts, np.minimum(starts + size, length)], axis=1)


def sample(length: int, batch_multiple: int, combinations: int) -> NDArray[np.int64]:
    """Draw calls uniformly without replacement until they cover so many combinations."""
    if combinations >= length:
        return all_calls(length, batch_multiple)
    least = LEAST_TOGETHER if batch_multiple > 1 else 1
    calls = all_calls(length, batch_multiple, min(CALL, max(least, combinations // SAMPLE_CALLS)))
    order = np.random.default_rng(SEED).permutation(len(calls))
    covered = np.cumsum(calls[order, 1] - calls[order, 0])
    count = int(np.searchsorted(covered, combinations)) + 1
    return calls[np.sort(order[:count])]


def resident(name: str) -> float:
    """Return ``VmRSS`` or ``VmHWM`` of this process in bytes; NaN where the system has neither."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return math.nan
    return next(float(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def progress(sweep: Sweep) -> Callable[[int, int], None]:
    """Return a function that prints from time to time how much of a sweep is done."""
    last = time.perf_counter()

    def say(repeat: int, call: int) -> None:
        nonlocal last
        if time.perf_counter() - last >= PROGRESS_SECONDS:
            last = time.perf_counter()
            done = f"call {call:,} of {len(sweep.calls):,}"
            print(f"  {sweep.title}: run {repeat + 1} of {sweep.repeats}, {done}", file=sys.stderr)

    return say


def measure(sweep: Sweep) -> Measured:
    """Run a sweep some times and drop its results call by call, in a process of its own."""
    task, engine, threads = sweep.task, sweep.engine, sweep.threads
    if engine == "reference":
        task.open(engine, threads).range(0, 1)  # compiles
    say = progress(sweep)
    before = resident("VmRSS")
    prepare: list[float] = []
    calls = np.zeros((sweep.repeats, len(sweep.calls)))
    prepared = peak = worker = math.nan
    computed = -time.process_time()
    for repeat in range(sweep.repeats):
        trades = 0
        begun = time.perf_counter()
        opened = task.open(engine, threads)
        prepare.append(time.perf_counter() - begun)
        if repeat == 0:
            prepared = resident("VmRSS") - before
            worker = math.nan if opened.worker_bytes is None else opened.worker_bytes
        for i, (start, stop) in enumerate(sweep.calls.tolist()):
            begun = time.perf_counter()
            found = opened.range(start, stop)
            calls[repeat, i] = time.perf_counter() - begun
            # The last two of the standard figures.
            trades += sum(int(column.sum()) for phase in found for column in phase[4:6])
            begun = time.perf_counter()
            del found
            calls[repeat, i] += time.perf_counter() - begun
            say(repeat, i + 1)
        del opened
        if repeat == 0:
            peak = resident("VmHWM") - before
    computed += time.process_time()
    return Measured(
        prepare,
        calls,
        trades / (sweep.combinations * sweep.phases),
        prepared,
        peak,
        worker,
        computed / ((sum(prepare) + float(calls.sum())) * threads),
    )


def alone(sweep: Sweep) -> Measured:
    """Measure in a fresh process."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(measure, sweep).result()


@functools.cache
def clock_loop() -> Callable[[int], Any] | None:
    """Compile a loop in which every operation needs the one before; None without Numba."""
    if importlib.util.find_spec("numba") is None:
        return None
    from numba import njit

    @njit
    def loop(steps: int) -> np.uint64:
        x = np.uint64(SEED)
        for _ in range(steps):
            x ^= x << np.uint64(13)
            x ^= x >> np.uint64(7)
            x ^= x << np.uint64(17)
        return x

    loop(1)
    return loop


def clock() -> float:
    """Return the GHz of a core, by how long the loop takes."""
    loop = clock_loop()
    if loop is None:
        return math.nan
    begun = time.perf_counter()
    loop(CLOCK_STEPS)
    return CLOCK_STEPS * CLOCK_OPERATIONS / (time.perf_counter() - begun) / 1e9


# Parity.


def single(opened: Evaluator, indices: Sequence[int]) -> NDArray[np.float64]:
    """Compute combinations one by one, float64[m, phases, 6]."""
    return np.array([[[c[0] for c in phase] for phase in opened.range(i, i + 1)] for i in indices])


def within(
    opened: Evaluator, call: Sequence[int], indices: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Compute a whole call and take some of its combinations, float64[m, phases, 6]."""
    start, stop = call
    found = [[column[indices - start] for column in phase] for phase in opened.range(start, stop)]
    return np.moveaxis(np.array(found, dtype=np.float64), 2, 0)


def agree(wanted: NDArray[np.float64], found: NDArray[np.float64], money: Any) -> Any:
    """Compare figures of the last axis: trades must be equal, money near."""
    tolerance = np.zeros(wanted.shape)
    tolerance[..., :4] = TOLERANCE * money
    return np.abs(wanted - found) <= tolerance


def compare(
    task: Task,
    bars: Sequence[Any],
    engines: tuple[str, str],
    indices: Sequence[int],
    figures: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    """Exit with the first combination in which two engines disagree."""
    wanted, found = figures
    name, capital = task.grid.strategy.name, wfo.Settings().capital
    # Figures do not hold the largest mark, so it is looked up where the capital is not enough.
    for row, phase in np.argwhere(~agree(wanted, found, capital).all(axis=2)).tolist():
        warmup, split, end = task.phases[phase]
        first, second = (b if b is None else b.head(end) for b in bars)
        params = task.grid.params(indices[row])
        marks = wfo.simulate(name, first, params, split=split, warmup=warmup, bars2=second).equity
        w, f = wanted[row, phase], found[row, phase]
        for i in np.flatnonzero(~agree(w, f, max(capital, float(marks.max())))).tolist():
            raise SystemExit(
                f"{name}: {engines[0]} and {engines[1]} disagree about combination"
                f" {indices[row]} in phase {phase + 1}, {Figures._fields[i]} {w[i]:.17g} and"
                f" {f[i]:.17g}: nothing was timed\n{params}"
            )


def check(bars: Sequence[Any], sweep: Sweep) -> str:
    """Check an engine on random combinations, and return what was checked.

    Some are computed alone and some as part of calls that will be timed.
    """
    rng = np.random.default_rng(SEED)
    task, engine = replace(sweep.task, extended=False), sweep.engine
    others = {"direct", "reference"} - {engine}
    if importlib.util.find_spec("numba") is None:
        others.discard("reference")
    if not others:
        raise SystemExit(f"there is nothing to check {engine} against: the reference needs Numba")
    mine = task.open(engine, sweep.threads)
    theirs = {other: task.open(other, 1) for other in sorted(others)}

    def against(other: str, indices: list[int], found: NDArray[np.float64]) -> None:
        figures = (single(theirs[other], indices), found)
        compare(task, bars, (other, engine), indices, figures)

    anywhere = rng.integers(len(task.grid), size=SINGLES[engine]).tolist()
    found = single(mine, anywhere)
    counts = {}
    for other in theirs:
        against(other, anywhere, found)
        counts[other] = len(anywhere)
    if mine.batch_multiple > 1:
        count = min(WHOLE_CALLS, len(sweep.calls))
        for start, stop in rng.choice(sweep.calls, count, replace=False).tolist():
            indices = np.unique(rng.integers(start, stop, size=OF_EACH_CALL))
            against("direct", indices.tolist(), within(mine, (start, stop), indices))
            counts["direct"] += len(indices)
    return ", ".join(f"{other} ({count:,})" for other, count in counts.items())


# What is printed.


def sampling_error(sweep: Sweep, measured: Measured) -> float:
    """Return the relative standard error of a sample's cost, that of a ratio of means.

    It is 0 where nothing was left out, and NaN for a single call.
    """
    grid = len(sweep.task.grid)
    sizes = (sweep.calls[:, 1] - sweep.calls[:, 0]).astype(float)
    seconds = np.median(measured.calls, axis=0)
    if sizes.sum() == grid:
        return 0.0
    if len(sizes) < 2:
        return math.nan
    off = seconds - sizes * (seconds.sum() / sizes.sum())
    left = 1.0 - sizes.sum() / grid
    return float(math.sqrt(left * off.var(ddof=1) / len(sizes)) / seconds.mean())


def number(value: float, form: str) -> str:
    """Format a number that may be missing."""
    return "-" if math.isnan(value) else format(value, form)


def time_row(sweep: Sweep, measured: Measured, clocks: tuple[float, float]) -> list[str]:
    """Return a row of the table of times."""
    each = [s * sweep.threads / (sweep.combinations * sweep.phases) * 1e9 for s in measured.seconds]
    error = sampling_error(sweep, measured)
    return [
        sweep.task.grid.strategy.name,
        sweep.engine,
        str(sweep.threads),
        f"{sweep.combinations:,}",
        f"{len(sweep.calls):,}",
        f"{measured.trades:.1f}",
        f"{statistics.median(measured.prepare):.3f}",
        f"{statistics.median(measured.seconds):.3f}",
        f"{statistics.median(each):,.1f}",
        f"{min(each):,.1f} - {max(each):,.1f}",
        f"{measured.busy:.0%}",
        "all" if error == 0.0 else number(error, ".1%"),
        *(number(c, ".2f") for c in clocks),
    ]


def memory_row(sweep: Sweep, measured: Measured) -> list[str]:
    """Return a row of the table of memory, in megabytes."""
    workers = measured.worker * sweep.threads
    parts = (measured.prepared, workers, float(sweep.figures), measured.peak)
    head = [sweep.task.grid.strategy.name, sweep.engine, str(sweep.threads)]
    return head + [number(part / 1e6, ",.1f") for part in parts]


TASK_HEAD = [
    *("strategy", "engine", "symbol", "agrees with (combinations)"),
    *("bars", "trading bars of the phases", "combinations"),
]
TIME_HEAD = [
    *("strategy", "engine", "threads", "combinations", "calls", "trades"),
    *("prepare s", "seconds", "ns", "min - max", "busy", "error", "GHz before", "after"),
]
MEMORY_HEAD = ["strategy", "engine", "threads", "prepared", "workers", "figures", "peak"]

NOTES = {
    "ns": "nanoseconds per combination, phase and core, preparing included: median of the runs",
    "seconds": "of a sweep with preparing, the median; the figures of a call are dropped after it",
    "trades": "closed trades, mean of a combination and phase",
    "busy": "processor time of the threads by their time; the rest they waited, for each other or"
    " for cores that others used",
    "error": "standard error of the sample, relative; all: nothing was left out",
    "GHz": f"of one core, by a loop of {CLOCK_OPERATIONS} dependent operations of a cycle each",
    "memory": "MB; prepared: growth of resident memory by preparing; workers: their tables, as the"
    " engine says; figures: those of one call; peak: the most that resident memory grew in the"
    " first run, all of these included",
}


def machine_facts() -> dict[str, str]:
    """Return what figures depend on: machine, versions, commit."""
    build = wfo.build_info()
    return {
        "machine": f"{cpu()}, {build['threads']} cores",
        "instructions": f"{build['instructions']} ({build['target']}, {build['profile']})",
        "versions": f"wfo {build['version']}, python {platform.python_version()},"
        f" numpy {np.__version__}, {build['rustc']}",
        "commit": f"{build['commit']}, core {build['core_commit']}",
    }


def report(
    facts: dict[str, str], tables: Sequence[tuple[list[list[str]], int]], *, markdown: bool
) -> None:
    """Print facts and tables, each with the number of its columns that are texts."""
    as_table = as_markdown if markdown else as_text
    for name, fact in facts.items():
        print(f"- {name}: {fact}" if markdown else f"{name:14} {fact}")
    for lines, texts in tables:
        print(f"\n{as_table(lines, texts)}")


def read_bars(arguments: argparse.Namespace) -> tuple[list[str], list[pl.DataFrame]]:
    """Return names and bars of one symbol, or of two."""
    import polars as pl

    if arguments.csv is None:
        symbols = ["NASDAQ", "SP500"]
        return [f"{s} sample" for s in symbols], [wfo.load_sample(s) for s in symbols]
    paths = [p for p in (arguments.csv, arguments.csv2) if p is not None]
    return [p.stem for p in paths], [pl.read_csv(p, try_parse_dates=True) for p in paths]


def chosen_strategies(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> list[str]:
    """Return the strategies asked for; by default all that there are bars for."""
    single = arguments.csv is not None and arguments.csv2 is None
    if arguments.csv2 is not None and arguments.csv is None:
        parser.error("--csv2 is the second symbol of --csv")
    duals = [name for name, s in wfo.strategies().items() if s.dual_symbol]
    wanted = arguments.strategy or [s for s in wfo.strategies() if not (single and s in duals)]
    for name in wanted if single else ():
        if name in duals:
            parser.error(f"{name} reads a second symbol: give its bars as --csv2")
    return wanted


def plan(arguments: argparse.Namespace, task: Task, engine: str) -> Iterator[Sweep]:
    """Yield what is measured with an engine: the same combinations by each number of threads."""
    batch_multiple = task.open(engine, 1).batch_multiple
    wanted = arguments.combinations or SAMPLES[engine]
    calls = sample(len(task.grid), batch_multiple, int(min(wanted, len(task.grid))))
    # The reference has one thread: it is a definition, and its speed is no aim.
    for threads in (1,) if engine == "reference" else arguments.threads:
        yield Sweep(task, engine, thread_count(threads), calls, arguments.repeats)


def bench(arguments: argparse.Namespace, strategies: Sequence[str]) -> None:
    """Check everything, time everything, print."""
    names, frames = read_bars(arguments)
    sweeps: list[Sweep] = []
    tasks, times, memory = [TASK_HEAD], [TIME_HEAD], [MEMORY_HEAD]
    for name in strategies:
        grid = wfo.Grid.load(arguments.grid, name)
        bars: list[Any] = [frames[0], None]
        if grid.strategy.dual_symbol:
            joined = wfo.join_bars(*frames)
            bars = [joined.first, joined.second]
        phases = wfo.Windows.preset().resolve(dates(bars[0]), warmup=max(100, grid.need))
        feeds, bounds = read_feeds(grid.strategy, *bars), [p.bounds for p in phases]
        task = Task(grid, feeds, bounds, arguments.extended)
        symbols = " and ".join(names[: 2 if grid.strategy.dual_symbol else 1])
        long = ", ".join(f"{end - warmup:,}" for warmup, _, end in task.phases)
        for engine in arguments.engine:
            print(f"checking {name}, {engine}", file=sys.stderr)
            sweeps += (mine := list(plan(arguments, task, engine)))
            checked = check(bars, mine[-1])
            head = [name, engine, symbols, checked]
            tasks.append([*head, f"{len(bars[0]):,}", long, f"{len(grid):,}"])
    for sweep in sweeps:
        print(f"timing {sweep.title}", file=sys.stderr)
        before = clock()
        measured = alone(sweep)
        times.append(time_row(sweep, measured, (before, clock())))
        memory.append(memory_row(sweep, measured))
    facts = machine_facts() | {"grid": arguments.grid, "runs": f"{arguments.repeats}"} | NOTES
    report(facts, [(tasks, 4), (times, 2), (memory, 2)], markdown=arguments.markdown)


def combinations(text: str) -> float:
    """Read a number of combinations, or all of them."""
    return math.inf if text == "all" else int(text)


def main() -> None:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--csv", type=Path, help="daily bars; by default the NASDAQ sample")
    parser.add_argument("--csv2", type=Path, help="those of the second symbol, for dual strategies")
    parser.add_argument("--strategy", nargs="+", choices=list(wfo.strategies()), metavar="NAME")
    parser.add_argument("--grid", default="phase1_slim", help="a shipped grid or a YAML file")
    parser.add_argument("--engine", nargs="+", choices=list(SAMPLES), default=["factored"])
    parser.add_argument(
        "--threads", type=int, nargs="+", default=sorted({1, available_threads()}), metavar="N"
    )
    parser.add_argument(
        "--combinations",
        type=combinations,
        metavar="N",
        help="'all', or how many a sample has at least; by default "
        + ", ".join(f"{count:,} for {name}" for name, count in SAMPLES.items()),
    )
    parser.add_argument("--repeats", type=int, default=3, help="runs of each sweep; by default 3")
    parser.add_argument("--extended", action="store_true", help="with the extended figures")
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    if "reference" in arguments.engine and importlib.util.find_spec("numba") is None:
        parser.error("the reference needs Numba: pip install 'wfo[reference]'")
    try:
        bench(arguments, chosen_strategies(parser, arguments))
    except wfo.WfoError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()

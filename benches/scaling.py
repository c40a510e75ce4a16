"""Show how the cost of a sweep grows: ``python benches/scaling.py --out scaling.png``.

Three questions: what a combination costs on longer histories, what a sweep costs on larger grids,
and what a second thread is worth. Preparing is included everywhere. Histories are synthetic, since
no recorded one is long enough; grids are cut from phase1_slim and swept on the NASDAQ sample.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from grid import Task, all_calls, clock, machine_facts, number, report

import wfo
from wfo.backtest import Feeds, available_threads, read_feeds, thread_count
from wfo.bars import Prices

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEED = 20_240_601

BARS = (300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
WARMUP = 100
#: Moves of the price within a bar, and the standard deviation of their sum: five minutes of a
#: stock index, about.
TICKS = 12
SIGMA = 0.001

#: Sizes of the sub-grids; the last one is the whole of phase1_slim.
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000, 58_060_800)
STRATEGY = "atr_d_l"

#: A point is the median of so many runs, or of as many as these seconds allow.
RUNS = 5
PATIENCE = 15.0

#: 24 stops, and the thresholds of their widths suit bars of minutes.
STOPS: dict[str, Any] = {
    "atr_period": [16, 52],
    "atr_multiplier": [4, 8, 16],
    "bb_length": [25],
    "bb_deviation": [1, 2],
    "vol_threshold": [0.01],
    "min_tightening": [0.3],
    "scaling_method": [0, 2],
}
#: The grids that are swept over ever more bars.
FIXED: dict[str, dict[str, Any]] = {
    "atr_d_l": STOPS
    | {
        "atr_buy_period": {"from": 8, "to": 56, "step": 12},
        "atr_buy_multiplier": {"from": 0.5, "to": 3.5, "step": 0.5},
        "atr_smooth_period": {"from": 2, "to": 18, "step": 4},
        "equity_price_method": [0],
    },
    "atr_d_ls": STOPS
    | {
        "atr_buy_period": [20, 44],
        "atr_buy_multiplier": [1, 2],
        "atr_smooth_period": [7],
        "equity_price_method": [0],
        "short_multiplier": [0.5, 1],
        "entry_mode": [0, 1, 2],
        "trend_filter_period": [4, 16],
        "trend_veto_threshold": [0, 0.001],
        "both_triggered_mode": [0, 1],
    },
}

#: Colours that colour-blind readers tell apart too.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#777777"


class Run(NamedTuple):
    """Median seconds of a sweep, and what it was.

    Attributes
    ----------
    seconds
        With preparing.
    runs
        How many there were.
    trades
        Closed trades of all combinations and phases.
    worker
        Bytes that each worker holds.
    busy
        Share of the threads' time that they computed.
    """

    seconds: float
    runs: int
    trades: int
    worker: int
    busy: float


class Length(NamedTuple):
    """A sweep of a fixed grid over so many bars by one thread."""

    strategy: str
    bars: int
    combinations: int
    run: Run

    @property
    def each(self) -> float:
        """Nanoseconds per combination and bar."""
        return self.run.seconds / (self.combinations * self.bars) * 1e9


class Size(NamedTuple):
    """A sweep of a sub-grid of so many combinations, by numbers of threads."""

    combinations: int
    runs: dict[int, Run]


def random_walk(bars: int) -> Prices:
    """Return a geometric random walk of bars made of ticks; a shorter one is its beginning."""
    ticks = np.random.default_rng(SEED).normal(0.0, SIGMA / TICKS**0.5, (bars, TICKS))
    path = 100.0 * np.exp(np.cumsum(ticks.ravel()).reshape(bars, TICKS))
    columns = path[:, 0], path.max(axis=1), path.min(axis=1), path[:, -1]
    return Prices(*(np.ascontiguousarray(column) for column in columns))


def thinned(grid: wfo.Grid, count: int) -> wfo.Grid:
    """Return a grid of about `count` combinations that spans `grid`: ends kept, middles thinned."""
    values = {name: list(axis) for name, axis in grid.values.items()}
    found = grid
    while len(found) > count:
        longest = max(values.values(), key=len)
        if len(longest) <= 2:
            break
        del longest[len(longest) // 2]
        found = wfo.Grid(values, strategy=grid.strategy)
    return found


def sweep(task: Task, engine: str, threads: int) -> Run:
    """Sweep a grid some times, and drop its figures call by call."""
    seconds: list[float] = []
    computed = time.process_time()
    while len(seconds) < RUNS and sum(seconds) < PATIENCE:
        trades = 0
        begun = time.perf_counter()
        opened = task.open(engine, threads)
        for start, stop in all_calls(len(task.grid), opened.batch_multiple).tolist():
            trades += sum(int(c.sum()) for phase in opened.range(start, stop) for c in phase[4:])
        seconds.append(time.perf_counter() - begun)
        worker = opened.worker_bytes or 0
        del opened  # before the next one
    busy = (time.process_time() - computed) / (sum(seconds) * threads)
    return Run(statistics.median(seconds), len(seconds), trades, worker, busy)


def by_bars(engine: str, lengths: Sequence[int]) -> list[Length]:
    """Sweep the fixed grids over histories of these lengths."""
    whole = random_walk(max(lengths))
    found = []
    for strategy, values in FIXED.items():
        grid = wfo.Grid(values, strategy=strategy)
        for bars in lengths:
            print(f"{strategy}, {bars:,} bars", file=sys.stderr)
            prices = Prices(*(column[:bars] for column in whole))
            phase = (WARMUP, (WARMUP + bars) // 2, bars)
            run = sweep(Task(grid, Feeds.of(prices), [phase]), engine, 1)
            found.append(Length(strategy, bars, len(grid), run))
    return found


def by_size(engine: str, sizes: Sequence[int], threads: Sequence[int]) -> list[Size]:
    """Sweep sub-grids of these sizes over the phases of the sample."""
    bars = wfo.load_sample("NASDAQ")
    whole = wfo.Grid.load("phase1_slim", STRATEGY)
    phases = wfo.Windows.preset().resolve(bars["date"], warmup=max(WARMUP, whole.need))
    data = read_feeds(whole.strategy, bars, None)
    found = []
    for size in sizes:
        grid = thinned(whole, size)
        print(f"{STRATEGY}, {len(grid):,} combinations", file=sys.stderr)
        task = Task(grid, data, [p.bounds for p in phases])
        found.append(Size(len(grid), {n: sweep(task, engine, n) for n in threads}))
    return found


def length_table(lengths: Sequence[Length]) -> list[list[str]]:
    """Return the table of cost against bars."""
    head = ["strategy", "bars", "combinations", "trades per 1,000 bars", "runs", "seconds"]
    rows = [
        [
            *(length.strategy, f"{length.bars:,}", f"{length.combinations:,}"),
            f"{length.run.trades / (length.combinations * length.bars) * 1_000:.1f}",
            *(f"{length.run.runs}", f"{length.run.seconds:.3f}", f"{length.each:.2f}"),
            *(f"{length.run.worker / 1e6:,.2f}", f"{length.run.busy:.0%}"),
        ]
        for length in lengths
    ]
    return [[*head, "ns", "worker MB", "busy"], *rows]


def size_table(sizes: Sequence[Size], threads: Sequence[int]) -> list[list[str]]:
    """Return the table of cost against combinations."""
    head = ["strategy", "combinations"]
    head += [f"{n} thread{'s' if n > 1 else ''}, s" for n in threads]
    head += [text for n in threads[1:] for text in (f"speed-up by {n}", "busy")]
    rows = []
    for combinations, runs in sizes:
        row = [STRATEGY, f"{combinations:,}", *(f"{runs[n].seconds:.3f}" for n in threads)]
        for n in threads[1:]:
            row += [f"{runs[1].seconds / runs[n].seconds:.2f}", f"{runs[n].busy:.0%}"]
        rows.append(row)
    return [head, *rows]


# The picture.


def short(value: float, _: object = None) -> str:
    """Return a number as an axis shows it: 300, 10k, 1M."""
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def line(axes: Axes, x: Sequence[float], y: Sequence[float], style: tuple[str, str, str]) -> None:
    """Draw a line that carries its own label right of its end; style: colour, label, alignment."""
    colour, label, align = style
    axes.plot(x, y, color=colour, marker="o", markersize=4, linewidth=1.6)
    where: dict[str, Any] = {"xytext": (8, 0), "textcoords": "offset points", "va": align}
    axes.annotate(label, (x[-1], y[-1]), color=colour, annotation_clip=False, **where)


def panel(axes: Axes, title: str, x_label: str, y_label: str) -> None:
    """Give a panel its words and a quiet grid."""
    from matplotlib.ticker import LogLocator

    axes.set_title(title, loc="left", fontsize=10.5, fontweight="bold")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(color="#e5e5e5", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            axis.set_major_formatter(short)
            axis.set_minor_formatter("")
    if axes.yaxis.get_scale() == "log":
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axes.margins(y=0.12)


def draw(
    out: Path, lengths: Sequence[Length], sizes: Sequence[Size], threads: Sequence[int], foot: str
) -> None:
    """Draw the three panels."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (bars, grids, cores) = plt.subplots(1, 3, figsize=(13.5, 4.4), layout="constrained")

    bars.loglog()
    by_strategy = {
        name: [length for length in lengths if length.strategy == name] for name in FIXED
    }
    highest = max(by_strategy, key=lambda name: by_strategy[name][-1].each)
    for (name, mine), colour in zip(by_strategy.items(), (BLUE, ORANGE), strict=True):
        style = (colour, name, "bottom" if name == highest else "top")
        line(bars, [m.bars for m in mine], [m.each for m in mine], style)
    panel(bars, "Longer histories, one thread", "bars", "ns per combination and bar")

    grids.loglog()
    x = [size.combinations for size in sizes]
    most = threads[-1]
    for n, colour in zip(dict.fromkeys((1, most)), (BLUE, ORANGE), strict=False):
        style = (colour, f"{n} thread{'s' if n > 1 else ''}", "bottom" if n == 1 else "top")
        line(grids, x, [size.runs[n].seconds for size in sizes], style)
    panel(grids, f"Larger grids, {STRATEGY}", "combinations", "seconds for all phases")

    cores.semilogx()
    for n in threads[1:]:
        gain = [size.runs[1].seconds / size.runs[n].seconds for size in sizes]
        cores.axhline(n, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
        line(cores, x, gain, (ORANGE, f"{n} threads", "center"))
    cores.set_ylim(0, 1.15 * most)
    panel(cores, f"More threads, {STRATEGY}", "combinations", "times as fast as one thread")

    figure.text(0.005, -0.035, foot, fontsize=8, color=GREY)
    figure.savefig(out, dpi=150, bbox_inches="tight")


def main() -> None:
    """Parse the arguments, measure, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.png")
    parser.add_argument("--engine", choices=["factored", "direct"], default="factored")
    parser.add_argument("--bars", type=int, nargs="+", default=BARS, metavar="N")
    parser.add_argument("--combinations", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument(
        "--threads", type=int, nargs="+", default=(1, available_threads()), metavar="N"
    )
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    if importlib.util.find_spec("matplotlib") is None:
        parser.error("drawing needs matplotlib: pip install 'wfo[plot]'")
    # One thread is what the others are compared with.
    threads = sorted({1, *map(thread_count, arguments.threads)})
    before = clock()
    lengths = by_bars(arguments.engine, sorted(arguments.bars))
    sizes = by_size(arguments.engine, sorted(arguments.combinations), threads)
    facts = machine_facts()
    foot = f"wfo {wfo.__version__}, engine {arguments.engine}; {facts['machine']}"
    draw(arguments.out, lengths, sizes, threads, foot)
    facts |= {
        "engine": arguments.engine,
        "GHz": f"of one core, before {number(before, '.2f')}, after {number(clock(), '.2f')}",
        "ns": f"nanoseconds per combination and bar, preparing included; of the bars {WARMUP} are"
        " the warm-up",
        "seconds": f"with preparing, median of {RUNS} runs, or of as many as began within"
        f" {PATIENCE:g} s",
        "worker MB": "tables that each worker holds",
        "busy": "processor time of the threads by their time; the rest they waited, for each other"
        " or for cores that others used",
    }
    tables = [(length_table(lengths), 1), (size_table(sizes, threads), 1)]
    report(facts, tables, markdown=arguments.markdown)


if __name__ == "__main__":
    main()

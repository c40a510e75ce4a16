"""Show what examples of own strategies cost: ``python benches/scaling_examples.py --out FILE.png``.

By combinations, sub-grids of those of `examples_tools.py` on the bars of the sample, and by bars, a
part of each grid on synthetic histories. One thread, preparing included, by the engine that a run
takes and by the direct one, which goes bar by bar.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from examples_tools import GRIDS, SYMBOL, WARMUP
from grid import Task, machine_facts, report
from peers_examples import own_grid
from scaling import BLUE, GREY, ORANGE, Run, line, panel, random_walk, sweep, thinned

import wfo
from wfo.backtest import Feeds, read_feeds
from wfo.backtest.evaluate import sweeping_engine
from wfo.bars import Prices

BARS = (1_000, 3_000, 10_000, 30_000, 100_000)
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000, 10_700_000)

#: Combinations of the sweeps over ever more bars, and the most of the engine that goes bar by bar.
FIXED, SLOW = 5_000, 10_000

GREEN = "#009E73"
COLOURS = dict(zip(GRIDS, (BLUE, ORANGE, GREEN), strict=True))


class Point(NamedTuple):
    """One sweep."""

    example: str
    engine: str
    bars: int
    combinations: int
    run: Run

    @property
    def each(self) -> float:
        """Microseconds of a backtest."""
        return self.run.seconds / self.combinations * 1e6


def engines(grid: wfo.Grid) -> list[str]:
    """Return the engine that a run takes, and the direct one."""
    return list(dict.fromkeys((sweeping_engine(grid, None), "direct")))


def by_size(sizes: Sequence[int]) -> list[Point]:
    """Sweep sub-grids of these sizes over the bars of the sample."""
    bars = wfo.load_sample(SYMBOL)
    phase = (WARMUP, len(bars) // 2, len(bars))
    found = []
    for example in GRIDS:
        whole = own_grid(example)
        feeds = read_feeds(whole.strategy, bars, None)
        for grid in {len(g): g for g in (thinned(whole, size) for size in sizes)}.values():
            for engine in engines(grid):
                if engine == "direct" and len(grid) > SLOW:
                    continue
                print(f"{example}, {engine}, {len(grid):,} combinations", file=sys.stderr)
                run = sweep(Task(grid, feeds, [phase]), engine, 1)
                found.append(Point(example, engine, len(bars), len(grid), run))
    return found


def by_bars(lengths: Sequence[int]) -> list[Point]:
    """Sweep a part of each grid over histories of these lengths."""
    walk = random_walk(max(lengths))
    found = []
    for example in GRIDS:
        grid = thinned(own_grid(example), FIXED)
        for bars in lengths:
            feeds = Feeds.of(Prices(*(column[:bars] for column in walk)))
            phase = (WARMUP, (WARMUP + bars) // 2, bars)
            for engine in engines(grid):
                print(f"{example}, {engine}, {bars:,} bars", file=sys.stderr)
                run = sweep(Task(grid, feeds, [phase]), engine, 1)
                found.append(Point(example, engine, bars, len(grid), run))
    return found


def table(points: Sequence[Point]) -> list[list[str]]:
    """Return the table of some sweeps, its first line the head."""
    head = ["example", "engine", "bars", "combinations", "trades", "runs", "seconds", "µs"]
    rows = [
        [
            *(point.example, point.engine, f"{point.bars:,}", f"{point.combinations:,}"),
            f"{point.run.trades / point.combinations:.1f}",
            *(f"{point.run.runs}", f"{point.run.seconds:.3f}", f"{point.each:.3f}"),
        ]
        for point in points
    ]
    return [head, *rows]


def draw(out: Path, sizes: Sequence[Point], lengths: Sequence[Point], foot: str) -> None:
    """Draw both panels."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
    for axes, points, name in zip(panels, (sizes, lengths), ("combinations", "bars"), strict=True):
        axes.loglog()
        for example, engine in dict.fromkeys((p.example, p.engine) for p in points):
            mine = [p for p in points if (p.example, p.engine) == (example, engine)]
            x = [getattr(p, name) for p in mine]
            style = (COLOURS[example], f"{example}, {engine}", "center")
            line(axes, x, [p.each for p in mine], style)
        panel(axes, f"By {name}, one thread", name, "µs a backtest")
    figure.text(0.005, -0.035, foot, fontsize=8, color=GREY)
    figure.savefig(out, dpi=150, bbox_inches="tight")


def main() -> None:
    """Parse the arguments, measure, draw, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.png")
    parser.add_argument("--bars", type=int, nargs="+", default=BARS, metavar="N")
    parser.add_argument("--combinations", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--markdown", action="store_true")
    given = parser.parse_args()
    sizes = by_size(sorted(given.combinations))
    lengths = by_bars(sorted(given.bars))
    facts = machine_facts()
    draw(given.out, sizes, lengths, f"wfo {wfo.__version__}; {facts['machine']}")
    facts["µs"] = f"of a backtest, preparing included; of the bars {WARMUP} are the warm-up"
    report(facts, [(table(sizes), 2), (table(lengths), 2)], markdown=given.markdown)


if __name__ == "__main__":
    main()

"""Time the examples of own strategies beside other tools: ``python benches/peers.py --examples``.

A grid of each example over all bars of the sample as one backtest. The other tools do what lies
nearest to it in the way that their documentation shows, and the output says of each what its figure
includes, and how its trades compare with those that the specification demands
(`tests/golden_oracle.py`). wfo sweeps the examples as they ship, and its engine is named. All by
one thread; compiling is left out.
"""

from __future__ import annotations

import itertools
import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import examples_tools
import numpy as np
from examples_tools import DRAWN, GRIDS, PEERS, SYMBOL, WARMUP, FloatArray, Task, drawn, size_of
from peers import (
    CAPITAL,
    TOLERANCE,
    Environment,
    EnvironmentFailedError,
    Measured,
    as_markdown,
    as_text,
    cpu,
)

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from golden_oracle import Bars, expected

#: Drawn sets that are checked.
CHECKED = 32
#: Sets of a grid's part for the engine that goes bar by bar.
THINNED = 2_000


class Row(NamedTuple):
    """One line of the tables; without `measured` a line of what went wrong, in `checked`."""

    example: str
    tool: str
    version: str
    engine: str
    includes: str
    checked: str
    measured: Measured | None = None

    @property
    def micro(self) -> float:
        """Microseconds of a backtest."""
        if self.measured is None:
            return math.nan
        return self.measured.seconds / self.measured.combinations * 1e6


def demanded(task: Task) -> FloatArray:
    """Return profit and closed trades by the specification of the sets that are checked."""
    bars = Bars(*task.prices.tolist())
    found = np.empty((2, CHECKED))
    for i, row in enumerate(task.rows[:CHECKED]):
        path = expected(task.example, bars, row, WARMUP)
        equity = CAPITAL
        for trade in itertools.chain(path.closed, [path.open] if path.open else []):
            equity *= trade.exit_price / trade.entry_price
        found[:, i] = equity - CAPITAL, len(path.closed)
    return found


def compared(figures: FloatArray, wanted: FloatArray) -> str:
    """Return in words how figures and those that the specification demands agree."""
    count = min(figures.shape[1], wanted.shape[1])
    (profit, trades), (profit_, trades_) = figures[:, :count], wanted[:, :count]
    off = np.abs(profit - profit_) / (CAPITAL + np.abs(profit_))
    same = (off <= TOLERANCE) & (trades == trades_)
    if same.all():
        return f"agrees: {count} sets, P/L within {off.max():.0e}"
    return (
        f"agrees in {same.sum()} of {count} sets; {trades.sum():,.0f} trades where"
        f" {trades_.sum():,.0f} are demanded, P/L apart by {np.median(off):.1%} in the median"
    )


def peer_row(name: str, task: Task, environment: Environment, work: Path, seconds: float) -> Row:
    """Install and run one peer; whatever goes wrong becomes its row."""
    peer = PEERS[name]
    row = Row(task.example, peer.tool, "", peer.engine, peer.includes[task.example], "")
    out = work / f"{name}-{task.example}.npz"
    try:
        environment.install(peer.needs)
        print(f"timing {peer.tool}, {peer.engine}, {task.example}", file=sys.stderr)
        # Compiled code is kept nowhere, so that the first call is always one.
        with tempfile.TemporaryDirectory(dir=work) as cache:
            environment.run(
                Path(examples_tools.__file__).resolve(),
                *("--peer", name, "--example", task.example, "--work", work),
                *("--seconds", str(seconds)),
                NUMBA_CACHE_DIR=cache,
                TQDM_DISABLE="1",
            )
    except EnvironmentFailedError as error:
        return row._replace(checked=f"no figure: {error}")
    with np.load(out) as file:
        measured = Measured(
            *(float(file[key]) for key in ("first", "seconds")),
            int(file["combinations"]),
            file["figures"],
        )
        version = str(file["version"])
    checked = compared(measured.figures, demanded(task))
    return row._replace(version=version, checked=checked, measured=measured)


def own_grid(example: str) -> Any:
    """Return an example's grid as wfo has it."""
    import wfo
    from wfo import examples
    from wfo.strategy import get_strategy

    values = {name: list(axis) for name, axis in GRIDS[example].items()}
    return wfo.Grid(values, strategy=get_strategy(getattr(examples, example)))


def own_rows(task: Task, bars: Any) -> list[Row]:
    """Time the engine of wfo that a run takes on the whole grid, and the direct one on a part.

    Over all bars as one phase, as the other tools, and over the phases that a run has by default.
    """
    import scaling
    from grid import Task as OnBars

    import wfo
    from wfo.backtest import read_feeds
    from wfo.backtest.evaluate import sweeping_engine

    grid = own_grid(task.example)
    feeds = read_feeds(grid.strategy, bars, None)
    split = len(bars) // 2
    usual = wfo.Windows.preset().resolve(bars["date"], warmup=WARMUP)
    spans = {
        "": [(WARMUP, split, len(bars))],
        f", {len(usual)} default phases": [phase.bounds for phase in usual],
    }
    rows = []
    for engine in dict.fromkeys((sweeping_engine(grid, None), "direct")):
        part = grid if engine != "direct" else scaling.thinned(grid, THINNED)
        checked = np.empty((2, CHECKED))
        for i, row in enumerate(task.rows[:CHECKED]):
            one = wfo.sweep(
                grid.strategy, bars, row, warmup=WARMUP, split=split, engine=engine, threads=1
            )
            checked[:, i] = one.is_pnl[0] + one.oos_pnl[0], one.is_trades[0] + one.oos_trades[0]
        for name, phases in spans.items():
            print(f"timing wfo, {engine}{name}, {task.example}", file=sys.stderr)
            run = scaling.sweep(OnBars(part, feeds, phases), engine, 1)
            backtests = len(part) * len(phases)
            rows.append(
                Row(
                    *(task.example, "wfo", wfo.__version__, f"{engine}{name}"),
                    "the strategy itself: indicators, decisions, P/L, drawdown, trades, of two"
                    " parts of each phase",
                    compared(checked, demanded(task)),
                    Measured(
                        math.nan, run.seconds, backtests, np.full((2, 1), run.trades / backtests)
                    ),
                )
            )
    return rows


def tables(rows: Sequence[Row]) -> tuple[list[list[str]], list[list[str]]]:
    """Return the table of figures and that of what they mean, the first line of each its head."""
    figures = [["example", "tool", "version", "engine", "backtests", "trades", "first call s",
                "µs", "x wfo"]]  # fmt: skip
    meaning = [["example", "tool", "engine", "includes", "results against the specification"]]
    for row in rows:
        line = [row.example, row.tool, row.version or "-", row.engine]
        base = next(
            (r.micro for r in rows if (r.example, r.tool) == (row.example, "wfo")), math.nan
        )
        if row.measured is None:
            line += ["-"] * 5
        else:
            line += [
                f"{row.measured.combinations:,}",
                f"{row.measured.figures[1].mean():.1f}",
                "-" if math.isnan(row.measured.first) else f"{row.measured.first:.2f}",
                f"{row.micro:,.3f}" if row.micro < 10 else f"{row.micro:,.0f}",
                "-" if math.isnan(base) else f"{row.micro / base:,.1f}",
            ]
        figures.append(line)
        meaning.append([row.example, row.tool, row.engine, row.includes, row.checked])
    return figures, meaning


def compare_all(
    work: Path, venv: Path, only: Sequence[str], seconds: float, *, markdown: bool
) -> None:
    """Time every example with every tool of an environment, and print it."""
    import importlib.util

    import wfo

    bars = wfo.load_sample(SYMBOL)
    prices = np.stack([bars[name].to_numpy() for name in Bars._fields])
    np.save(work / "prices.npy", prices)
    environment = Environment(venv)
    rows: list[Row] = []
    for example in GRIDS:
        task = Task(example, prices, drawn(example))
        if importlib.util.find_spec("wfo.examples") is not None:
            rows += own_rows(task, bars)
        rows += [
            peer_row(name, task, environment, work, seconds)
            for name in only
            if example in PEERS[name].includes
        ]
    facts = {
        "machine": f"{cpu()}, one thread",
        "wfo": f"{wfo.__version__}, commit {wfo.build_info()['commit']}",
        "bars": f"{SYMBOL} sample, {len(bars):,}, traded from bar {WARMUP} on",
        "grids": "; ".join(f"{name} {size_of(name):,}" for name in GRIDS)
        + f"; {DRAWN} sets of each drawn for the other tools, of which they take what {seconds:g} s"
        " allow",
        "µs": "of a backtest by one core: of all bars, or of a combination and default phase;"
        " x wfo: times the engine that a run takes, over all bars",
    }
    figures, meaning = tables(rows)
    if markdown:
        print("\n".join(f"- {name}: {value}" for name, value in facts.items()))
        print(f"\n{as_markdown(figures, 4)}\n\n{as_markdown(meaning, 5)}")
    else:
        print("\n".join(f"{name:10} {value}" for name, value in facts.items()))
        print(f"\n{as_text(figures, 4)}\n\n{as_text(meaning, 5)}")

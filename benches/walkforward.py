"""What walk-forwards come to on real bars: ``python benches/walkforward.py --data DIR``.

Every strategy walks forward over the shipped grid coarse, chosen on three years and traded for six
months, on QQQ, SMH, SPY and TQQQ with QQQ: those of two symbols on the pair alone, the others on
TQQQ there. One line a walk-forward is appended to the file of ``--out``, so that a bench that was
stopped goes on; ``--table`` alone prints what the file holds. ``--permutations B`` walks forward
again on B markets of permuted bars instead, and says where the real one lies among them.
``--times`` times a walk-forward of 20 windows, a matrix of 5 by 5 lengths, and one of the larger
grid phase1_slim, each in a process of its own.

A row is told as it is, whatever it says: nothing is left out because it is worse than another.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from data import alone, peak_megabytes
from grid import machine_facts, report

import wfo

#: The second symbol is read by strategies of two.
MARKETS = (("QQQ", None), ("SMH", None), ("SPY", None), ("TQQQ", "QQQ"))
COSTS = (0.0, 0.0005)
CRITERIA = ("profit_by_drawdown", "stability")

#: Head of the table, and how many of its columns are texts.
HEAD = (
    "strategy",
    "bars",
    "by",
    "slip",
    "a year",
    "held",
    "exposure",
    "same exposure",
    "drawdown",
    "held",
    "Sharpe",
    "held",
    "WFE",
    "of 5",
    "first kept",
    "hindsight",
    "trades",
    "windows",
    "seconds",
)
TEXTS = 3

NOTES = {
    "a year": "compound annual return of the stitched curve, of buy-and-hold over the same bars, of"
    " buy-and-hold times the share of bars held long, and of the first choice and the one made on"
    " all bars, each kept throughout; percent",
    "exposure": "share of bars with a position at the close, percent",
    "drawdown": "largest, percent of the peak before it",
    "WFE": "annual walk-forward efficiency; -: no profit in-sample",
    "of 5": "conditions of TradeStation's verdict that are met",
    "trades": "closed ones of the stitched curve",
    "seconds": "of everything, hindsight included",
}

#: Quantiles of permuted markets.
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)


#: Lengths of the matrix that is timed.
TIMED_IN = ("1y", "2y", "3y", "4y", "5y")
TIMED_OUT = ("3m", "6m", "9m", "1y", "18m")


class Cell(NamedTuple):
    """One walk-forward of the table."""

    strategy: str
    symbols: tuple[str, ...]
    by: str
    slip: float

    @property
    def key(self) -> str:
        return f"{self.strategy} {'/'.join(self.symbols)} {self.by} {self.slip:g}"


def read(folder: Path, symbol: str) -> pl.DataFrame:
    """Return the daily bars of a symbol."""
    frame = pl.read_csv(folder / f"{symbol}_1day.csv", try_parse_dates=True)
    return frame.select("date", "open", "high", "low", "close")


def frames_of(folder: Path, symbols: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Return the bars of one symbol, or of two on the dates that both have."""
    if len(symbols) == 1:
        return read(folder, symbols[0]), None
    joined = wfo.join_bars(read(folder, symbols[0]), read(folder, symbols[1]), allow_gaps=True)
    return joined.first, joined.second


def cells(arguments: argparse.Namespace) -> Iterator[Cell]:
    """Yield what is asked for, the small grids first."""
    strategies = arguments.strategy or sorted(
        wfo.strategies(), key=lambda name: len(wfo.Grid.load(arguments.grid, name))
    )
    for by in arguments.by:
        for slip in arguments.slip:
            for name in strategies:
                dual = wfo.strategies()[name].dual_symbol
                for first, second in MARKETS:
                    if arguments.symbol and first not in arguments.symbol:
                        continue
                    if dual and second is None:
                        continue
                    symbols = (first, second) if dual and second else (first,)
                    yield Cell(name, symbols, by, slip)


def walk(cell: Cell, arguments: argparse.Namespace) -> dict[str, Any]:
    """Walk forward, and return one line of the file."""
    first, second = frames_of(arguments.data, cell.symbols)
    begun = time.perf_counter()
    found = wfo.walk_forward(
        cell.strategy,
        first,
        wfo.Grid.load(arguments.grid, cell.strategy),
        in_sample=arguments.inside,
        out_of_sample=arguments.outside,
        by=cell.by,
        bars2=second,
        settings=settings_of(cell),
        threads=arguments.threads,
    )
    seconds = time.perf_counter() - begun
    own, held = found.stitched.metrics, found.held.metrics
    fixed = {each.key: each.curve.metrics.cagr for each in found.fixed}
    share = found.exposure_return
    years = own.bars / found.bars_per_year
    return {
        "key": cell.key,
        "strategy": cell.strategy,
        "symbols": "/".join(cell.symbols),
        "by": cell.by,
        "slip": cell.slip,
        "a_year": own.cagr,
        "held": held.cagr,
        "exposure": own.exposure,
        "same_exposure": None if share is None else (1 + share) ** (1 / years) - 1,
        "drawdown": own.max_drawdown_share,
        "held_drawdown": held.max_drawdown_share,
        "sharpe": own.sharpe,
        "held_sharpe": held.sharpe,
        "wfe": found.efficiency.annual,
        "met": sum(each.passed for each in found.tradestation.conditions),
        "first": fixed.get("first"),
        "hindsight": fixed.get("hindsight"),
        "trades": own.trades,
        "windows": len(found.windows),
        "chosen": sum(each.decision.params is not None for each in found.results),
        "years": years,
        "traded": [str(own.first), str(own.last)],
        "searched": found.searched,
        "seconds": seconds,
        "load": os.getloadavg()[0],
    }


def settings_of(cell: Cell) -> Any:
    """Return the account of a walk-forward."""
    return wfo.strategies()[cell.strategy].settings_of(wfo.AccountSettings(slip=cell.slip))


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return what the file holds; a line that a kill has cut is no line."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def table(lines: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the rows of the table."""

    def percent(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.1f}"

    def ratio(value: float | None) -> str:
        return "-" if value is None else f"{value:.2f}"

    rows = [list(HEAD)]
    for line in lines:
        kept = [percent(line[name]) for name in ("a_year", "held", "exposure", "same_exposure")]
        falls = [percent(line[name]) for name in ("drawdown", "held_drawdown")]
        ratios = [ratio(line[name]) for name in ("sharpe", "held_sharpe", "wfe")]
        fixed = [percent(line[name]) for name in ("first", "hindsight")]
        row = [line["strategy"], line["symbols"], line["by"], f"{line['slip']:g}", *kept, *falls]
        row += [*ratios, f"{line['met']}", *fixed, f"{line['trades']:,}", f"{line['windows']}"]
        rows.append([*row, f"{line['seconds']:.1f}"])
    return rows


def carry_out(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Do what is left, and return all lines that are asked for."""
    done = {line["key"]: line for line in lines_of(arguments.out)}
    wanted = list(cells(arguments))
    for cell in wanted:
        if arguments.table or cell.key in done:
            continue
        print(f"{time.strftime('%H:%M:%S')} {cell.key}", file=sys.stderr, flush=True)
        line = walk(cell, arguments)
        done[cell.key] = line
        with arguments.out.open("a") as file:
            file.write(json.dumps(line) + "\n")
    return [done[cell.key] for cell in wanted if cell.key in done]


def permuted(arguments: argparse.Namespace) -> None:
    """Walk forward on permuted bars, and print where the real walk-forward lies."""
    from wfo.backtest import read_feeds
    from wfo.metrics import inferred_bars_per_year
    from wfo.stats.pvalues import combined_p
    from wfo.walkforward.choosing import GridChooser
    from wfo.walkforward.history import History
    from wfo.walkforward.permuted import COLUMNS, STATISTICS, PermutedWalks
    from wfo.windows import WalkSchedule

    rows = [["walk-forward", "figure", "real", *(f"{100 * s:.0f} %" for s in SHARES), "p"]]
    for cell in cells(arguments):
        first, second = frames_of(arguments.data, cell.symbols)
        grid = wfo.Grid.load(arguments.grid, cell.strategy)
        feeds = read_feeds(grid.strategy, first, second)
        history = History(
            grid.strategy,
            feeds,
            settings_of(cell),
            inferred_bars_per_year(feeds.stamps),
            arguments.threads,
        )
        schedule = WalkSchedule(arguments.inside, arguments.outside)
        windows = schedule.resolve(history.days, warmup=max(100, grid.need))
        walks = PermutedWalks(
            history, windows, partial(GridChooser, grid=grid, by=cell.by), block=arguments.block
        )
        done = {
            line["number"]: line["row"]
            for line in lines_of(arguments.out)
            if line["key"] == cell.key
        }
        begun = time.perf_counter()
        for number in range(1 + arguments.permutations):
            if number in done:
                continue
            (row,) = walks.run(number, number + 1).tolist()
            done[number] = row
            with arguments.out.open("a") as file:
                file.write(json.dumps({"key": cell.key, "number": number, "row": row}) + "\n")
        spent = time.perf_counter() - begun
        print(f"{cell.key}: {spent:.0f} s", file=sys.stderr, flush=True)
        values = np.array([done[number] for number in range(1 + arguments.permutations)])
        together, each = combined_p(values[0, : len(STATISTICS)], values[1:, : len(STATISTICS)])
        ps = [f"{p:.3f}" for p in each] + ["-"] * (len(COLUMNS) - len(STATISTICS))
        for name, column, p in zip(COLUMNS, values.T, ps, strict=True):
            quantiles = np.nanquantile(column[1:], SHARES)
            rows.append([cell.key, name, *(f"{v:.3f}" for v in (column[0], *quantiles)), p])
        rows.append([cell.key, "all together", *["-"] * 6, f"{together:.3f}"])
    report(facts(arguments), [(rows, 2)], markdown=arguments.markdown)


class Timed(NamedTuple):
    """What is timed: a grid, and lengths; several make a matrix."""

    what: str
    grid: str
    inside: tuple[str, ...]
    outside: tuple[str, ...]


#: On bars of 2005 to 2026 these make 20 and 10 windows, and 25 cells of each kind.
TIMED = (
    Timed("one walk-forward", "coarse", ("3y",), ("11m",)),
    Timed("a matrix, rolling and anchored", "coarse", TIMED_IN, TIMED_OUT),
    Timed("one walk-forward", "phase1_slim", ("3y",), ("22m",)),
)


def timed(each: Timed, by: str, arguments: argparse.Namespace) -> list[str]:
    """Carry out one of them, and return its row."""
    frame = read(arguments.data, "QQQ")
    strategy = (arguments.strategy or ["atr_d_l"])[0]
    grid = wfo.Grid.load(each.grid, strategy)
    before = peak_megabytes()
    begun, busy = time.perf_counter(), time.process_time()
    given: dict[str, Any] = {"by": by, "threads": arguments.threads}
    if len(each.inside) > 1:
        matrix = wfo.walk_forward_matrix(strategy, frame, grid, each.inside, each.outside, **given)
        count, searched = f"{len(matrix.cells)} cells", matrix.searched
    else:
        lengths = {"in_sample": each.inside[0], "out_of_sample": each.outside[0]}
        found = wfo.walk_forward(strategy, frame, grid, **lengths, **given)
        count, searched = f"{len(found.windows)}", found.searched
    seconds, busy = time.perf_counter() - begun, time.process_time() - busy
    megabytes = peak_megabytes() - before
    numbers = [f"{len(grid):,}", f"{searched:,}", f"{seconds:.1f}", f"{busy:.1f}"]
    return [each.what, each.grid, by, count, *numbers, f"{megabytes:,.0f}"]


def times(arguments: argparse.Namespace) -> None:
    """Time each in a process of its own, and print."""
    head = ["what", "grid", "by", "windows", "combinations", "searched", "seconds", "processor"]
    rows = [[*head, "MB"]]
    for each in TIMED:
        for by in arguments.by:
            print(f"timing {each.what}, {each.grid}, {by}", file=sys.stderr, flush=True)
            rows.append(alone(timed, each, by, arguments))
    said = {
        "searched": "combinations, over all distinct in-sample parts, hindsight included",
        "processor": "seconds of all threads",
        "MB": "that resident memory grew by at most",
    }
    report(machine_facts() | said, [(rows, 4)], markdown=arguments.markdown)


def facts(arguments: argparse.Namespace) -> dict[str, str]:
    """Return what figures depend on."""
    said = {"grid": arguments.grid, "windows": f"{arguments.inside} / {arguments.outside}, rolling"}
    return machine_facts() | said


def main() -> None:
    """Carry out what is left, and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of QQQ_1day.csv and the others"
    )
    parser.add_argument("--strategy", action="append", help="by default all")
    parser.add_argument("--symbol", action="append", help="first symbols; by default all four")
    parser.add_argument("--by", action="append", help=f"by default {' and '.join(CRITERIA)}")
    parser.add_argument("--slip", action="append", type=float, help="by default 0 and 0.0005")
    parser.add_argument("--grid", default="coarse")
    parser.add_argument("--in", dest="inside", default="3y")
    parser.add_argument("--out-of-sample", dest="outside", default="6m")
    parser.add_argument("--permutations", type=int, default=0, metavar="B")
    parser.add_argument("--block", type=int, default=0, help="bars that stay together, permuted")
    parser.add_argument("--times", action="store_true", help="time, by each of --by")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, default=Path("walkforward.jsonl"))
    parser.add_argument("--table", action="store_true", help="only print what the file holds")
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    arguments.by = arguments.by or list(CRITERIA)
    arguments.slip = arguments.slip or list(COSTS)
    if arguments.times:
        times(arguments)
        return
    if arguments.permutations:
        permuted(arguments)
        return
    lines = carry_out(arguments)
    report(facts(arguments) | NOTES, [(table(lines), TEXTS)], markdown=arguments.markdown)


if __name__ == "__main__":
    main()

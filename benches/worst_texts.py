"""Memory and time of the worst texts that are taken, each in a process of its own.

``python benches/worst_texts.py`` prints a table; with the name of a row it reads that one alone.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import wfo
from wfo.files import limits, parse_json
from wfo.grid import Grid
from wfo.strategy import get_strategy
from wfo.tradestation import range_files, report_tables
from wfo.tradestation.range_files import JobList
from wfo.tradestation.reports import read_report

L = get_strategy("atr_d_l")


def _padded(text: str, size: int) -> str:
    return text + "#" * (size - len(text))


def _grid(text: str, strategy: str = "atr_d_l") -> Callable[[Path], Any]:
    def write(folder: Path) -> Callable[[], Any]:
        path = folder / "mine.yaml"
        path.write_text(_padded(text, limits.YAML_BYTES))
        return lambda: Grid.load(path, strategy)

    return write


def _long_axes() -> str:
    names = ("atr_period", "bb_length", "bb_deviation", "vol_threshold", "atr_smooth_period")
    axes = "".join(f"{n}: [{', '.join(map(str, range(2, 10_002)))}]\n" for n in names[:3])
    return axes + "".join(f"{n}: {{from: 2, to: 10001, step: 1}}\n" for n in names[3:4])


def _aliases() -> str:
    values = ", ".join(map(str, range(2, 9_002)))
    return f"bb_length: &v [{values}]\natr_period: *v\nbb_deviation: *v\nvol_threshold: *v\n"


def _schedule(folder: Path) -> Callable[[], Any]:
    path = folder / "mine.yaml"
    text = "phases:\n" + "- {from: 9y, to: today, in_sample: 0.5}\n" * limits.PHASES
    path.write_text(_padded(text, limits.YAML_BYTES))
    dates = wfo.data.sample_store().read("NASDAQ").frame["date"]
    return lambda: wfo.Windows.load(path).resolve(dates)


def _set(folder: Path) -> Callable[[], Any]:
    path = folder / "set.yaml"
    text = "format: wfo parameter set\nversion: 1\nstrategy: atr_d_l\nparameters:\n"
    text += "".join(f"  {name}: {value}\n" for name, value in L.defaults.items())
    path.write_text(_padded(text, limits.YAML_BYTES))
    return lambda: wfo.read_set(path)


def _ranges(folder: Path) -> Callable[[], Any]:
    wide = {"ATR_Multiplier": "1,10000,1", "BB_Deviation": "1,1000,1"}
    rows = [
        f"{view.name},{wide.get(view.name, f'{value},{value},1')}\n"
        for view, value in (
            (L.tradestation.input(n), v)  # type: ignore[union-attr]  # it has inputs
            for n, v in L.defaults.items()
        )
    ]
    ranges = "ParameterName,Min,Max,Step\n" + "".join(rows)
    head = ",".join(range_files.JOB_HEADINGS) + "\n"
    name = L.tradestation.name  # type: ignore[union-attr]  # as above
    count = (range_files.MOST_BYTES - len(head)) // 60
    lines = [f"{n},{name},x,own{n % 50}.csv,{n},0,0\n" for n in range(1, min(count, 9_999))]
    (folder / range_files.CONFIG).write_text(head + "".join(lines))
    for n in range(50):
        (folder / f"own{n}.csv").write_text(ranges)

    def read() -> Any:
        found = JobList.read(folder, [L])
        found.jobs[0].rows(0, 1_000_000)
        return found

    return read


def _report(folder: Path) -> Callable[[], Any]:
    """As many rows as half a million tests of both sides have."""
    import numpy as np

    from wfo.tradestation.headings import report_frame

    rows = 500_000
    sums = {n: np.full(rows, 1234.5) for n in ("gross_profit", "gross_loss", "intraday_dd")}
    sums["gross_loss"] *= -0.5
    sums |= {n: np.full(rows, v) for n, v in (("trades", 9.0), ("wins", 5.0), ("losses", 4.0))}
    params = np.tile([float(v) for v in L.defaults.values()], (rows, 1))
    frame = report_frame(L, params, np.arange(1, rows + 1), type("Sums", (), sums)())
    path = folder / "Refinement_ATR-D-v1.5-L_rank1_SMH.csv"
    frame.write_csv(path, quote_style="always")
    return lambda: read_report(path, [L], "SMH")


def _json(text: Callable[[], str]) -> Callable[[Path], Any]:
    def write(folder: Path) -> Callable[[], Any]:
        del folder
        content = text()
        return lambda: parse_json(content)

    return write


ROWS: dict[str, Callable[[Path], Callable[[], Any]]] = {
    "grid: 40,000 values of four parameters": _grid(_long_axes()),
    "grid: four aliases of 9,000 values": _grid(_aliases()),
    "grid: a map of 1,000,000 cells": _grid(
        "atr_multiplier: {from: 1, to: 1000, step: 1}\n"
        "atr_buy_multiplier: {from: 1, to: 1000, step: 1}\n"
    ),
    "grid: 1,000,000 points that share constraints": _grid(
        "hma_fast_length: {from: 2, to: 1001, step: 1}\n"
        "hma_slow_length: {from: 2, to: 1001, step: 1}\n",
        "atr_d_hma_l",
    ),
    "schedule: 255 phases": _schedule,
    "set file: 1 MiB of YAML": _set,
    "job list: 9,998 jobs of 10,000,000 tests": _ranges,
    "report: 500,000 rows, all quoted": _report,
    "JSON: 2,000,000 numbers": _json(lambda: json.dumps([1] * (limits.JSON_VALUES - 1))),
    "JSON: 2,000,000 lists": _json(lambda: "[" + "[]," * (limits.JSON_VALUES - 2) + "[]]"),
    "JSON: 1,000,000 objects of one key": _json(
        lambda: "[" + '{"a":1},' * (limits.JSON_VALUES // 2 - 2) + '{"a":1}]'
    ),
    "JSON: a text of 64 MiB": _json(lambda: '"' + "a" * (limits.JSON_BYTES - 2) + '"'),
}


def _measure(row: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        read = ROWS[row](Path(folder))
        # What the text itself took to be made is no part of it.
        before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        found = read()
        taken = time.process_time() - begin
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    del found
    print(f"| {row} | {taken:.1f} | {after / 1024:,.0f} | {(after - before) / 1024:,.0f} |")


if __name__ == "__main__":
    assert report_tables.MOST_LINES >= 500_000
    if len(sys.argv) > 1:
        _measure(sys.argv[1])
    else:
        print("| input | CPU, s | process, MiB | of it by reading, MiB |\n|---|---|---|---|")
        for name in ROWS:
            subprocess.run([sys.executable, __file__, name], check=True)

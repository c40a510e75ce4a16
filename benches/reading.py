"""Time the reading of files of bars: ``python benches/reading.py``.

Files of a million one-minute rows are written in several forms. Each is read by
`wfo.data.read_bars` and imported by the command ``wfo data import``, every time in a process of its
own: seconds, seconds of processor time, and the megabytes that the process had in memory at most.
What a process that does nothing but start takes is a row too.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from grid import machine_facts, report

ROWS = 1_000_000
#: A minute of 2022, so that the million of them ends in 2023.
FIRST: Final = 1_641_038_400
MB = 1e6

#: What a process runs, by name: the file and the zone come as its arguments.
READ = """
import sys
from wfo.data import read_bars
read_bars(sys.argv[1], timeframe="1min", calendar="24/7", timezone="UTC")
"""
OPTIONS = ["--symbol", "XYZ", "--timeframe", "1min", "--calendar", "24/7", "--timezone", "UTC"]
START = "import wfo.data.importing.reading, polars"


class Measured(NamedTuple):
    """What a process took: seconds, of processor time, and megabytes of memory at most."""

    seconds: float
    processor: float
    megabytes: float


def numbers(rows: int) -> dict[str, np.ndarray[Any, Any]]:
    """Return ticks of a random walk and volumes, with seconds of the epoch."""
    rng = np.random.default_rng(1)
    close = 4_000_000 + np.cumsum(rng.integers(-40, 41, rows))
    close += max(0, 150_000 - int(close.min()))
    opens = close + rng.integers(-30, 31, rows)
    return {
        "at": FIRST + 60 * np.arange(rows),
        "open": opens,
        "high": np.maximum(opens, close) + rng.integers(0, 30, rows),
        "low": np.minimum(opens, close) - rng.integers(0, 30, rows),
        "close": close,
        "volume": rng.integers(1, 2_000_000, rows),
    }


def _text(ticks: pl.Expr, decimal: str, group: str = "") -> pl.Expr:
    """Write whole numbers of hundredths: 4,012,345 is 40,123.45."""
    whole = (ticks // 100).cast(pl.String)
    if group:
        whole = whole.str.replace(r"^(\d+)(\d{3})$", "${1}" + group + "${2}")
    return whole + decimal + (ticks % 100).cast(pl.String).str.zfill(2)


def _prices(decimal: str, group: str = "") -> list[pl.Expr]:
    return [_text(pl.col(p), decimal, group) for p in ("open", "high", "low", "close")]


def _stamp(form: str) -> pl.Expr:
    return pl.from_epoch("at").dt.strftime(form)


def iso(frame: pl.DataFrame, path: Path) -> None:
    frame.select(
        _stamp("%Y-%m-%d %H:%M:%S").alias("datetime"), *_prices("."), pl.col("volume")
    ).write_csv(path)


def us(frame: pl.DataFrame, path: Path) -> None:
    frame.select(
        _stamp("%m/%d/%Y").alias("Date"),
        _stamp("%H:%M").alias("Time"),
        *_prices("."),
        pl.col("volume"),
    ).write_csv(path)


def epoch(frame: pl.DataFrame, path: Path) -> None:
    stamp = (pl.col("at") * 1_000).alias("timestamp")
    frame.select(stamp, *_prices("."), pl.col("volume")).write_csv(path)


def european(frame: pl.DataFrame, path: Path) -> None:
    frame.select(
        _stamp("%d.%m.%Y %H:%M").alias("datetime"), *_prices(","), pl.col("volume")
    ).write_csv(path, separator=";")


def quoted(frame: pl.DataFrame, path: Path) -> None:
    frame.select(
        _stamp("%Y-%m-%d %H:%M").alias("datetime"), *_prices(".", ","), pl.col("volume")
    ).write_csv(path, quote_style="always")


def offset(frame: pl.DataFrame, path: Path) -> None:
    frame.select(
        _stamp("%Y-%m-%dT%H:%M:%S+00:00").alias("time"), *_prices("."), pl.col("volume")
    ).reverse().write_csv(path)


FORMS: Final[dict[str, Callable[[pl.DataFrame, Path], None]]] = {
    "ISO stamps": iso,
    "US dates and times in two columns": us,
    "epoch in milliseconds": epoch,
    "European dates, decimal comma": european,
    "all quoted, thousands": quoted,
    "ISO with offset, newest first": offset,
}


def measured(command: list[str]) -> Measured:
    """Run a command and say what it took."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)[:200]} ended with {process.returncode}")
    # Kilobytes on Linux, bytes on macOS.
    memory = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Measured(seconds, used.ru_utime + used.ru_stime, memory / MB)


def median(command: Callable[[], list[str]], times: int) -> Measured:
    found = [measured(command()) for _ in range(times)]
    return Measured(*(statistics.median(values) for values in zip(*found, strict=True)))


def rows_of(arguments: argparse.Namespace, folder: Path) -> list[list[str]]:
    frame = pl.DataFrame(numbers(arguments.rows))
    lines = [["form", "what", "MB of text", "seconds", "processor", "peak MB"]]

    def add(form: str, what: str, size: float, found: Measured) -> None:
        figures = (f"{size:.0f}", f"{found.seconds:.2f}", f"{found.processor:.2f}")
        lines.append([form, what, *figures, f"{found.megabytes:,.0f}"])

    start = [sys.executable, "-c", START]
    add("none", "start of Python with polars", 0, median(lambda: start, arguments.times))
    path = folder / "bars.csv"
    read = [sys.executable, "-c", READ, str(path)]
    stores = itertools.count()

    def command() -> list[str]:
        # Into a folder of its own, so that nothing is replaced.
        into = ["--data-dir", str(folder / f"store {next(stores)}")]
        return [sys.executable, "-m", "wfo", "data", "import", str(path), *OPTIONS, *into]

    for name, write in FORMS.items():
        write(frame, path)
        size = path.stat().st_size / MB
        add(name, "read_bars", size, median(lambda: read, arguments.times))
        add(name, "wfo data import", size, median(command, arguments.times))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--times", type=int, default=3, help="the median of so many is taken")
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = rows_of(arguments, Path(folder))
    report(machine_facts(), [(lines, 2)], markdown=arguments.markdown)


if __name__ == "__main__":
    main()

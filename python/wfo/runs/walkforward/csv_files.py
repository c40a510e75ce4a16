"""Tables of a walk-forward as CSV: its windows, its curves, and its trades."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wfo.files import write_frame

if TYPE_CHECKING:
    import polars as pl

    from wfo.walkforward.values import WalkForward


def write_tables(walk: WalkForward, folder: Path) -> list[Path]:
    """Write ``windows.csv``, ``equity.csv`` and ``trades.csv``, and return the files.

    Raises
    ------
    ResultsError
        If one cannot be written.
    """
    written = []
    for name, frame in (
        ("windows.csv", _windows_frame(walk)),
        ("equity.csv", walk.equity_frame()),
        ("trades.csv", trades_frame(walk)),
    ):
        write_frame(folder / name, frame)
        written.append(folder / name)
    return written


def _windows_frame(walk: WalkForward) -> pl.DataFrame:
    """Return the windows with whole parameters as in tables of a run, without a point."""
    import polars as pl

    frame = walk.windows_frame()
    sets = [each.params for each in walk.results if each.params is not None]
    whole = [n for n in walk.drift if sets and all(isinstance(p.get(n), int) for p in sets)]
    return frame.with_columns(pl.col(f"params_{name}").cast(pl.Int64) for name in whole)


def trades_frame(walk: WalkForward) -> pl.DataFrame:
    """Return the closed trades with their dates, and the windows that opened and closed them."""
    import bisect

    import polars as pl

    # The first mark is the close before the first traded bar.
    before = walk.windows[0].split - 1
    splits = [window.split for window in walk.windows]
    columns = []
    for end in ("entry", "exit"):
        bars = walk.trades[f"{end}_bar"].to_list()
        columns += [
            pl.Series(f"{end}_date", [walk.dates[bar - before] for bar in bars], pl.Date),
            pl.Series(f"{end}_window", [bisect.bisect_right(splits, b) for b in bars], pl.Int64),
        ]
    return walk.trades.with_columns(columns).select(
        "side", "entry_window", "entry_date", "entry_bar", "entry_price",
        "exit_window", "exit_date", "exit_bar", "exit_price", "pnl",
    )  # fmt: skip

"""Windows and curves of a walk-forward as tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from wfo.metrics import Metrics, shown
from wfo.walkforward.components import Curve, FixedSet, WindowResult

if TYPE_CHECKING:
    import polars as pl

#: Parts of a window whose figures are columns of its row, each with its name before them.
PARTS = ("in_sample", "alone", "traded", "held")

#: Figures of parts that stand elsewhere in the row.
_DATES = ("first", "last")


def windows_frame(results: Sequence[WindowResult], names: Sequence[str]) -> pl.DataFrame:
    """Return one row a window, with everything that is known of it.

    Parameters
    ----------
    results
        Of all windows.
    names
        Of the parameters.
    """
    import polars as pl

    columns: dict[str, tuple[Any, list[Any]]] = {}

    def add(name: str, kind: Any, values: Iterable[Any]) -> None:
        columns[name] = (kind, list(values))

    add("window", pl.Int64, (r.window.number for r in results))
    for part in ("in_sample", "out_of_sample"):
        for i, end in enumerate(_DATES):
            add(f"{part}_{end}", pl.Date, (getattr(r.window, part)[i] for r in results))
    add("traded_last", pl.Date, (r.traded.last for r in results))
    add("cut", pl.Boolean, (r.window.cut for r in results))
    add("chosen", pl.Boolean, (r.decision.params is not None for r in results))
    for name in ("index", "tied", "searched"):
        add(name, pl.Int64, (getattr(r.decision, name) for r in results))
    add("value", pl.Float64, (r.decision.value for r in results))
    add("note", pl.String, (r.decision.note for r in results))
    for name in names:
        add(f"params_{name}", pl.Float64, ((r.params or {}).get(name) for r in results))
    for name in names:
        add(f"drift_{name}", pl.Float64, (r.drift.get(name) for r in results))
    for name in ("wfe", "wfe_annual", "return_wfe"):
        add(name, pl.Float64, (getattr(r, name) for r in results))
    for part in PARTS:
        found: list[Metrics | None] = [getattr(r, part) for r in results]
        for each in fields(Metrics):
            if each.name not in _DATES:
                kind = pl.Int64 if each.type == "int" else pl.Float64
                values = (None if m is None else getattr(m, each.name) for m in found)
                add(f"{part}_{each.name}", kind, values)
    return pl.DataFrame([pl.Series(name, values, kind) for name, (kind, values) in columns.items()])


def equity_frame(
    dates: Sequence[dt.date],
    results: Sequence[WindowResult],
    stitched: Curve,
    held: Curve,
    fixed: Sequence[FixedSet],
) -> pl.DataFrame:
    """Return one row a mark: ``date, window, stitched, buy_and_hold``, and a column a fixed set.

    The first row is the close before the first traded bar, and of no window. A fixed set's column
    has its key as name.
    """
    import polars as pl

    windows = [None, *(r.window.number for r in results for _ in range(r.window.traded_bars))]
    return pl.DataFrame(
        [
            pl.Series("date", dates, pl.Date),
            pl.Series("window", windows, pl.Int64),
            pl.Series("stitched", stitched.equity, pl.Float64),
            pl.Series("buy_and_hold", held.equity, pl.Float64),
            *(pl.Series(each.key, each.curve.equity, pl.Float64) for each in fixed),
        ]
    )


def rows(results: Sequence[WindowResult]) -> list[tuple[str, ...]]:
    """Return a table as text, the headings first: dates and returns of each window."""
    found: list[tuple[str, ...]] = [
        (
            *("Window", "Traded", "Chosen", "In-sample CAGR, %", "Return, %"),
            *("Buy-and-hold, %", "WFE, annual", "Trades"),
        )
    ]
    for r in results:
        inside = None if r.in_sample is None else r.in_sample.cagr
        new = "cash" if r.params is None else "as before" if r.decision.params is None else "new"
        found.append(
            (
                str(r.window.number),
                f"{r.traded.first} to {r.traded.last}",
                new,
                shown(inside, "share"),
                shown(r.traded.total_return, "share"),
                shown(r.held.total_return, "share"),
                shown(r.wfe_annual, "ratio"),
                shown(r.traded.trades, "count"),
            )
        )
    return found

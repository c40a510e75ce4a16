"""How results look in a notebook: small tables, escaped, without styles of their own."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wfo.backtest.figures import STANDARD
from wfo.metrics import DEFINITIONS, PartMetrics, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray


def table(caption: str, rows: Iterable[Sequence[str]]) -> str:
    """Return an HTML table whose first row and column are headings."""
    head, *body = ([html.escape(cell) for cell in row] for row in rows)
    lines = ["<tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr>"]
    for first, *rest in body:
        cells = "".join(f"<td style='text-align: right'>{cell}</td>" for cell in rest)
        lines.append(f"<tr><th style='text-align: left'>{first}</th>{cells}</tr>")
    return f"<table><caption>{html.escape(caption)}</caption>{''.join(lines)}</table>"


def simulation_html(caption: str, found: PartMetrics | None, figures: Mapping[str, float]) -> str:
    """Return the metrics of a simulation as a table, or its figures where there are none."""
    if found is None:
        rows = [(f.name, shown(figures[f.name], f.unit)) for f in STANDARD]
        return table(caption, [("", ""), *rows])
    parts = (found.in_sample, found.out_of_sample, found.whole)
    lines: list[tuple[str, ...]] = [("", "In-sample", "Out-of-sample", "Whole")]
    lines += [
        (f"{name.title()} bar", *(getattr(p, name).isoformat() for p in parts))
        for name in ("first", "last")
    ]
    for each in DEFINITIONS:
        cells = (shown(getattr(part, each.name), each.unit) for part in parts)
        lines.append((f"{each.title}, %" if each.unit == "share" else each.title, *cells))
    return table(caption, lines)


def sweep_html(caption: str, figures: Mapping[str, NDArray[Any]]) -> str:
    """Return how the standard figures are distributed over the combinations."""
    import numpy as np

    lines: list[tuple[str, ...]] = [("", "Lowest", "Median", "Highest")]
    for each in STANDARD:
        column = figures[each.name]
        values = [np.min(column), np.median(column), np.max(column)]
        lines.append(
            (each.heading.replace("_", " "), *(shown(float(v), each.unit) for v in values))
        )
    return table(caption, lines)

"""How pages of searches write figures, parameters, scores and counts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from wfo.progress import duration
from wfo.search.objective import canonical
from wfo.search.objective.figures import spellings
from wfo.text import one_line, percent, printable, table, wrap_items, wrap_text

if TYPE_CHECKING:
    from wfo.search.values import FigureValues, Params

#: Columns of what is wrapped.
WIDTH = 98

#: Figures that are shares; of those that a program names otherwise nothing is known.
_SHARES = frozenset(
    {
        *("annual_return", "cagr", "drawdown", "exposure", "max_drawdown_share", "ulcer_index"),
        *("profit", "total_return", "volatility", "win_rate", "valid_share", "profitable_share"),
    }
)

#: Figures that are whole numbers, or means of such.
_COUNTS = frozenset({"trades", "wins", "losses", "bars", "max_drawdown_days", "combinations"})

#: Figures that a table shows besides those that are scored, where there are any.
_USUAL = ("profit", "drawdown", "trades")

#: Figures that a table shows, at most: each takes two columns.
MOST_FIGURES = 5


def figure_text(name: str, value: float) -> str:
    """Return a figure as text: shares in percent, counts whole, others with three decimals."""
    if not math.isfinite(value):
        return "-"
    if name in _SHARES:
        return percent(value)
    if name in _COUNTS:
        return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
    return number_text(value)


def number_text(value: float) -> str:
    """Return a number with three decimals, or fewer of a large one; a small one keeps digits."""
    size = abs(value)
    if not math.isfinite(value):
        return "-"
    if size and not 0.01 <= size < 1e9:
        return f"{value:.3g}"
    return f"{value:,.{3 if size < 100 else 1 if size < 10_000 else 0}f}"


def params_text(params: Params) -> str:
    """Return values of dimensions on one line, such as ``n1 10, n2 20``."""
    return ", ".join(f"{one_line(name)} {value_text(value)}" for name, value in params.items())


def value_text(value: object) -> str:
    """Return a value of a dimension as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    return one_line(value)


def params_table(sets: Sequence[tuple[str, Params]]) -> list[str]:
    """Return values of dimensions as a table: a line a dimension, a column a set, as many as fit.

    Parameters
    ----------
    sets
        What each is called, and its values.
    """
    names = list(dict.fromkeys(name for _, params in sets for name in params))
    first = ["Parameters", *map(one_line, names)]
    columns = [
        [label, *(value_text(params[name]) if name in params else "-" for name in names)]
        for label, params in sets
    ]
    lines: list[str] = []
    while columns:
        fits, width = 1, 2 + max(map(len, first))
        width += 2 + max(map(len, columns[0]))
        while fits < len(columns) and width + 2 + max(map(len, columns[fits])) <= WIDTH:
            width += 2 + max(map(len, columns[fits]))
            fits += 1
        rows = list(zip(first, *columns[:fits], strict=True))
        lines += table(rows, "<" + ">" * fits, indent="  ")
        columns = columns[fits:]
    return lines


def params_lines(label: str, params: Params, width: int) -> list[str]:
    """Return values of dimensions as lines behind a label, which stands alone in its column."""
    room = " " * (width + 2)
    first, *rest = wrap_items(params_text(params), WIDTH - width - 2) or ["  none"]
    return [f"  {label:<{width}}{first}", *(f"{room}{line}" for line in rest)]


def shown_figures(
    scored: Sequence[str], found: Iterable[FigureValues], most: int = MOST_FIGURES
) -> list[str]:
    """Return the names of figures that a table shows: those that are scored, then usual ones.

    Parameters
    ----------
    scored
        Names of the figures that make a score, in their order.
    found
        What the sets of the table have.
    most
        How many are shown.
    """
    given = dict.fromkeys(name for figures in found for name in figures)
    names: dict[str, str] = {}
    for name in (*scored, *_USUAL, *given):
        if any(spelling in given for spelling in spellings(name)):
            names.setdefault(canonical(name), name)
    return list(names.values())[:most]


def seconds_text(seconds: float) -> str:
    """Return a duration; a short one in thousandths of a second."""
    return duration(seconds) if seconds >= 0.095 else f"{1000 * seconds:.2g} ms"


def counted(number: float, one: str, several: str = "") -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def listing(parts: Sequence[str]) -> str:
    """Return parts as ``a, b and c``."""
    return " and ".join([*([", ".join(parts[:-1])] if parts[1:] else []), *parts[-1:]])


def said(texts: Iterable[str], indent: str = "  ") -> list[str]:
    """Return sentences, each on lines of its own; empty ones are left out."""
    # Some are read from files, which may be of others.
    safe = [printable(text) for text in texts if text]
    return [line for text in safe for line in wrap_text(text, WIDTH, indent, hang="  ")]


def labelled(items: Iterable[tuple[str, str]]) -> list[str]:
    """Return texts behind labels, which stand in a column."""
    pairs = [(label, text) for label, text in items if text]
    room = max((len(label) for label, _ in pairs), default=0) + 2
    lines = []
    for label, text in pairs:
        first, *rest = wrap_text(printable(text), WIDTH - room - 2) or [""]
        lines += [f"  {label:<{room}}{first}", *(f"  {'':<{room}}{line}" for line in rest)]
    return lines


def first_figure(figures: Mapping[str, float], name: str) -> float:
    """Return a figure by any of its names; NaN where it is missing."""
    return float(next((figures[n] for n in (name, *spellings(name)) if n in figures), math.nan))

"""The equity of one backtest as a chart: plain characters, a PNG image or an HTML page.

All three show the same: equity above, the fall from its running peak below, buy-and-hold beside
both where it is known, and the boundary between in-sample and out-of-sample. The characters and the
page need no library, the page not even a network; the image needs matplotlib,
``pip install 'wfo[plot]'``.
"""

from __future__ import annotations

import datetime as dt
import html
import importlib.util
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from wfo.errors import InputError
from wfo.files import whole_stream, write_text
from wfo.metrics import drawdowns
from wfo.text import listed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Endings of the files that a chart can be written to.
ENDINGS = (".png", ".html")

_MISSING = (
    "a PNG chart needs matplotlib, which is not installed: pip install 'wfo[plot]'"
    " (HTML and terminal charts need no library)"
)

#: Columns and rows that a chart in a terminal takes, besides those given.
_LABEL = 11
_EQUITY_ROWS, _FALL_ROWS = 12, 5

#: Rows of either drawdown where buy-and-hold's stands below it.
_FALL_ROWS_OF_TWO = 4
_NARROWEST = 66

#: Marks that a page draws, so that a history of minutes does not make it megabytes.
_MOST_POINTS = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class EquityChart:
    """What a chart shows.

    Attributes
    ----------
    title
        One line above it.
    dates
        The date of each of the m marks.
    equity
        float64[m], in currency, the first one above 0.
    boundary
        Index of the first out-of-sample mark.
    held
        float64[m]: the marks of buy-and-hold, likewise; None where they are not known.

    Raises
    ------
    InputError
        If there are less than three marks, lengths differ, the boundary is not among them, or the
        marks are not numbers to draw.
    """

    title: str
    dates: Sequence[dt.date]
    equity: FloatArray
    boundary: int
    held: FloatArray | None = None

    def __post_init__(self) -> None:
        import numpy as np

        count = len(self.equity)
        if count < 3 or len(self.dates) != count:
            raise InputError(
                f"a chart needs 3 marks or more, and a date for each, not {count} marks and"
                f" {len(self.dates)} dates"
            )
        if not 0 < self.boundary < count:
            raise InputError(f"boundary = {self.boundary} is none of the {count} marks' positions")
        for name, marks in (("equity", self.equity), ("held", self.held)):
            if marks is None:
                continue
            if len(marks) != count:
                raise InputError(f"{name} has {len(marks)} marks, and equity {count}")
            if not np.isfinite(marks).all() or marks[0] <= 0:
                raise InputError(f"{name} must be finite numbers, the first one above 0")

    @property
    def falls(self) -> FloatArray:
        """float64[m]: the fall from the running peak, as a fraction of it."""
        # The first mark is above 0, and so is every peak.
        return cast("FloatArray", drawdowns(self.equity))

    @property
    def held_falls(self) -> FloatArray | None:
        """float64[m]: that of buy-and-hold, likewise."""
        return None if self.held is None else drawdowns(self.held)

    @property
    def value_range(self) -> tuple[float, float]:
        """Lowest and highest mark to draw, a little apart where all are one."""
        curves = [self.equity] if self.held is None else [self.equity, self.held]
        low = min(float(curve.min()) for curve in curves)
        high = max(float(curve.max()) for curve in curves)
        margin = 0.0 if high > low else max(abs(high) * 0.01, 1e-6)
        return low - margin, high + margin

    @property
    def deepest(self) -> float:
        """Largest fall to draw, a fraction above 0."""
        held = self.held_falls
        return max(float(self.falls.max()), 0.0 if held is None else float(held.max())) or 0.01


def require_drawable(path: Path) -> None:
    """Raise unless a chart can be drawn into a file of that ending, here.

    Raises
    ------
    InputError
        If the ending is another one than those of `ENDINGS`, or matplotlib is missing.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise InputError(f"{listed([str(path)])} must end in {' or '.join(ENDINGS)}")
    if ending == ".png" and importlib.util.find_spec("matplotlib") is None:
        raise InputError(_MISSING)


def write_chart(
    chart: EquityChart | Sequence[EquityChart], path: Path, *, remedy: str | None = None
) -> None:
    """Write a chart, or several below each other, to a ``.png`` or ``.html`` file, whole.

    Parameters
    ----------
    chart
        What to show.
    path
        The file.
    remedy
        What the error advises where the file cannot be written.

    Raises
    ------
    InputError
        If the ending is another one, or matplotlib is missing.
    ResultsError
        If the file cannot be written.
    """
    require_drawable(path)
    charts = [chart] if isinstance(chart, EquityChart) else list(chart)
    if path.suffix.lower() == ".png":
        with whole_stream(path, remedy=remedy) as file:
            _write_png(charts, file)
    else:
        write_text(path, page(*charts), remedy=remedy)


@dataclass(frozen=True, slots=True, eq=False)
class DisplayedChart:
    """A chart that a notebook shows."""

    chart: EquityChart

    def __repr__(self) -> str:
        return f"DisplayedChart({self.chart.title!r}, {len(self.chart.equity):,} marks)"

    def _repr_html_(self) -> str:
        # In a frame of its own, the page's styles touch nothing around it.
        source = html.escape(page(self.chart), quote=True)
        return f'<iframe srcdoc="{source}" width="100%" height="640" frameborder="0"></iframe>'


# Characters


def text_chart(chart: EquityChart, width: int = 80) -> str:
    """Return the chart in plain characters.

    Parameters
    ----------
    chart
        What to show.
    width
        Characters a line; fewer than 66 are taken as 66.

    Returns
    -------
    str
        Lines without colours, none longer than that.
    """
    width = max(width, _NARROWEST)
    columns = width - _LABEL
    boundary = _column(chart.boundary, len(chart.equity), columns)
    rule = "".join("+" if j == boundary else "-" for j in range(columns))
    lines = [chart.title[:width].rstrip(), *_curve_rows(chart, columns, boundary)]
    held = chart.held_falls
    below = [(chart.falls, "#")] if held is None else [(chart.falls, "#"), (held, "o")]
    rows = _FALL_ROWS if held is None else _FALL_ROWS_OF_TWO
    for falls, sign in below:
        lines.append(f"{'':{_LABEL - 1}}+{rule}")
        lines += _fall_rows(falls, chart.deepest, rows, sign, columns, boundary)
    lines += _captions(chart, columns, boundary)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _buckets(values: FloatArray, columns: int) -> list[FloatArray]:
    """Return the values that each column shows, one at least."""
    count = len(values)
    starts = [j * count // columns for j in range(columns + 1)]
    return [values[a : max(b, a + 1)] for a, b in pairwise(starts)]


def _column(index: int, count: int, columns: int) -> int:
    """Return the first column whose bucket holds the value at `index`."""
    return min(-(-index * columns // count), ((index + 1) * columns - 1) // count)


def _curve_rows(chart: EquityChart, columns: int, boundary: int) -> list[str]:
    low, high = chart.value_range

    def row(value: float) -> int:
        return round((value - low) / (high - low) * (_EQUITY_ROWS - 1))

    cells = [[" "] * columns for _ in range(_EQUITY_ROWS)]
    for line in cells:
        line[boundary] = ":"
    # The equity last, so that it stands where the two meet.
    for curve, sign in ((chart.held, "o"), (chart.equity, "*")):
        if curve is None:
            continue
        before = float(curve[0])
        for j, bucket in enumerate(_buckets(curve, columns)):
            # From the mark before, so that the curve has no holes where it is steep.
            bottom = min(before, float(bucket.min()))
            top = max(before, float(bucket.max()))
            for i in range(row(bottom), row(top) + 1):
                cells[i][j] = sign
            before = float(bucket[-1])
    step = (high - low) / (_EQUITY_ROWS - 1)
    lines = []
    for i in range(_EQUITY_ROWS - 1, -1, -1):
        labelled = i in {0, _EQUITY_ROWS // 2, _EQUITY_ROWS - 1}
        label = short_money(low + i * step) if labelled else ""
        lines.append(f"{label:>{_LABEL - 2}} |{''.join(cells[i])}")
    return lines


def _fall_rows(
    falls: FloatArray, deepest: float, rows: int, sign: str, columns: int, boundary: int
) -> list[str]:
    depths = [float(b.max()) / deepest * rows for b in _buckets(falls, columns)]
    lines = []
    for i in range(rows):
        # A row is filled where the fall passes its middle.
        cells = (
            sign if d > i + 0.5 else ":" if j == boundary else " " for j, d in enumerate(depths)
        )
        share = {0: 0.0, rows - 1: -deepest}.get(i)
        label = "" if share is None else f"{100 * share:.1f} %"
        lines.append(f"{label:>{_LABEL - 2}} |{''.join(cells)}")
    return lines


def _captions(chart: EquityChart, columns: int, boundary: int) -> list[str]:
    first, middle, last = (_day(chart.dates[i]) for i in (0, chart.boundary, -1))
    cells = [" "] * (_LABEL + columns)

    def put(text: str, at: int) -> None:
        at = max(0, min(at, len(cells) - len(text)))
        around = cells[max(0, at - 1) : at + len(text) + 1]
        if set(around) == {" "}:
            cells[at : at + len(text)] = text

    put(first, _LABEL)
    put(last, len(cells))
    put(middle, _LABEL + boundary)
    legend = [f"{'':{_LABEL}}* equity   # drawdown   : out-of-sample from {middle}"]
    if chart.held is not None:
        legend.append(f"{'':{_LABEL}}o buy-and-hold, and below its drawdown")
    return ["".join(cells), *legend]


# Image

#: Colours of the equity, its drawdown, and buy-and-hold.
_EQUITY, _FALL, _HELD = "#1f5fa8", "#b5413b", "#8a6d00"


def _write_png(charts: Sequence[EquityChart], file: IO[bytes]) -> None:
    # Without pyplot, which would look for a display and keep the figure.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6 * len(charts)), dpi=120, layout="constrained")
    parts = figure.subfigures(len(charts), 1, squeeze=False)[:, 0]
    for chart, part in zip(charts, parts, strict=True):
        _draw(chart, part)
    figure.savefig(file, format="png", metadata={"Software": None})


def _draw(chart: EquityChart, figure: Any) -> None:
    from matplotlib.ticker import FuncFormatter, PercentFormatter

    days = list(chart.dates)
    split = chart.dates[chart.boundary]
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    if chart.held is not None and chart.held_falls is not None:
        above.plot(days, chart.held, color=_HELD, linewidth=1.1, label="Buy-and-hold")
        below.plot(days, -chart.held_falls, color=_HELD, linewidth=1, zorder=3)
    above.plot(days, chart.equity, color=_EQUITY, linewidth=1.2, label="Equity")
    above.set_title(chart.title, loc="left", fontsize=11)
    above.set_ylabel("Equity")
    above.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    below.fill_between(days, -chart.falls, 0, color=_FALL, alpha=0.45, linewidth=0)
    below.plot(days, -chart.falls, color=_FALL, linewidth=0.8)
    below.set_ylabel("Drawdown")
    below.yaxis.set_major_formatter(PercentFormatter(1.0))
    below.set_ylim(top=0)
    for axes in (above, below):
        axes.axvline(split, color="#444444", linestyle="--", linewidth=1)
        axes.axvspan(split, days[-1], color="#000000", alpha=0.04, linewidth=0)
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    above.margins(x=0.01)
    if chart.held is not None:
        lines = above.get_lines()
        # Its handles by name, the equity first; the boundary is labelled where it stands.
        named = {line.get_label(): line for line in lines}
        names = ("Equity", "Buy-and-hold")
        above.legend([named[n] for n in names], names, loc="upper left", fontsize=9, framealpha=0.9)
    for offset, side, text in ((-6, "right", "in-sample"), (6, "left", "out-of-sample")):
        above.annotate(
            text,
            (split, 0.98),
            xycoords=("data", "axes fraction"),
            xytext=(offset, 0),
            textcoords="offset points",
            ha=side,
            va="top",
            fontsize=9,
            color="#444444",
        )


# Page

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  :root {{ --ink: #222; --faint: #ddd; --paper: #fff;
          --equity: #1f5fa8; --fall: #b5413b; --held: #8a6d00; }}
  @media (prefers-color-scheme: dark) {{
    :root {{ --ink: #ddd; --faint: #444; --paper: #1b1b1b;
            --equity: #6ea8e6; --fall: #e0807a; --held: #d8b84a; }}
  }}
  body {{ margin: 1rem auto; max-width: 1000px; padding: 0 1rem; color: var(--ink);
         background: var(--paper); font: 15px/1.4 system-ui, sans-serif; }}
  h1 {{ font-size: 1.1rem; }}
  svg {{ width: 100%; height: auto; }}
  svg text {{ fill: var(--ink); font-size: 12px; }}
  .grid {{ stroke: var(--faint); }}
  .equity {{ fill: none; stroke: var(--equity); stroke-width: 1.5; }}
  .fall {{ fill: var(--fall); fill-opacity: .45; stroke: var(--fall); stroke-width: .8; }}
  .held, .held-fall {{ fill: none; stroke: var(--held); stroke-width: 1.3; }}
  .boundary {{ stroke: var(--ink); stroke-dasharray: 5 4; }}
  .oos {{ fill: var(--ink); fill-opacity: .05; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""

_WIDTH, _HEIGHT = 960, 540
_LEFT, _RIGHT = 90, 945
_TOP, _MIDDLE, _FALL_TOP, _BOTTOM = 24, 370, 390, 505

#: Width of a letter, generously.
_LETTER = 7


def page(*charts: EquityChart) -> str:
    """Return charts as an HTML page that stands alone: SVG drawings, no script, no library."""
    drawn = (f"<h1>{html.escape(chart.title)}</h1>\n{_svg(chart)}" for chart in charts)
    return _PAGE.format(title=html.escape(charts[0].title), body="\n".join(drawn))


def _svg(chart: EquityChart) -> str:
    count = len(chart.equity)

    def x(index: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * index / (count - 1)

    (low, high), deepest = chart.value_range, chart.deepest

    def y(value: float) -> float:
        return _MIDDLE - (_MIDDLE - _TOP) * (value - low) / (high - low)

    def y_fall(share: float) -> float:
        return _FALL_TOP + (_BOTTOM - _FALL_TOP) * share / deepest

    def line(values: FloatArray, height: Callable[[float], float]) -> str:
        return " ".join(f"{x(i):.1f},{height(values[i]):.1f}" for i in _kept(values))

    split = x(chart.boundary)
    day = _day(chart.dates[chart.boundary])
    width, height = _RIGHT - split, _BOTTOM - _TOP
    beyond = f"out-of-sample from {day}"
    # A late boundary leaves no room to its right: both names move to the left.
    label = min(split + 6, _WIDTH - _LETTER * len(beyond))
    parts = [
        f'<rect class="oos" x="{split:.1f}" y="{_TOP}" width="{width:.1f}" height="{height}"/>'
    ]
    for value in _ticks(low, high):
        parts += _grid_line(y(value), short_money(value))
    for share in _ticks(0.0, deepest, 3):
        parts += _grid_line(y_fall(share), f"{-100 * share:.3g} %" if share else "0 %")
    for i in range(6):
        index = round(i * (count - 1) / 5)
        anchor = "start" if i == 0 else "end" if i == 5 else "middle"
        parts.append(
            f'<text x="{x(index):.1f}" y="{_BOTTOM + 20}" text-anchor="{anchor}">'
            f"{_day(chart.dates[index])}</text>"
        )
    falls = line(chart.falls, y_fall)
    parts.append(
        f'<polygon class="fall" points="{_LEFT},{_FALL_TOP} {falls} {_RIGHT},{_FALL_TOP}"/>'
    )
    if chart.held is not None and chart.held_falls is not None:
        parts += [
            f'<polyline class="held-fall" points="{line(chart.held_falls, y_fall)}"/>',
            f'<polyline class="held" points="{line(chart.held, y)}"/>',
        ]
    parts += [
        f'<polyline class="equity" points="{line(chart.equity, y)}"/>',
        f'<line class="boundary" x1="{split:.1f}" x2="{split:.1f}" y1="{_TOP}" y2="{_BOTTOM}"/>',
        f'<text x="{label - 12:.1f}" y="{_TOP - 8}" text-anchor="end">in-sample</text>',
        f'<text x="{label:.1f}" y="{_TOP - 8}">{beyond}</text>',
        f'<text x="{_LEFT + 6}" y="{_BOTTOM - 6}">Drawdown</text>',
        *_legend(chart),
    ]
    body = "\n".join(parts)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">\n{body}\n</svg>'


def _legend(chart: EquityChart) -> list[str]:
    """Return the names of the curves, each with a stroke of its colour where there are two."""
    if chart.held is None:
        return [f'<text x="{_LEFT + 6}" y="{_TOP + 14}">Equity</text>']
    parts = []
    for i, (name, text) in enumerate((("equity", "Equity"), ("held", "Buy-and-hold"))):
        y = _TOP + 14 + 18 * i
        parts += [
            f'<line class="{name}" x1="{_LEFT + 6}" x2="{_LEFT + 26}" y1="{y - 4}" y2="{y - 4}"/>',
            f'<text x="{_LEFT + 32}" y="{y}">{text}</text>',
        ]
    return parts


def _grid_line(at: float, label: str) -> list[str]:
    return [
        f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>',
        f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{label}</text>',
    ]


def _kept(values: FloatArray) -> list[int]:
    """Return the positions to draw: all, or the lowest and highest of each of many buckets."""
    count = len(values)
    if count <= _MOST_POINTS:
        return list(range(count))
    kept = {0, count - 1}
    buckets = _MOST_POINTS // 2
    for j in range(buckets):
        start, stop = j * count // buckets, (j + 1) * count // buckets
        piece = values[start:stop]
        kept |= {start + int(piece.argmin()), start + int(piece.argmax())}
    return sorted(kept)


def _ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers from `low` to `high`, at most so many steps of them."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [i * step for i in range(first, last + 1)]


def short_money(value: float) -> str:
    """Return an amount in nine characters or less, for the side of a chart."""
    size = abs(value)
    if size < 0.5:
        return "0" if size < 0.005 else f"{value:.2f}"
    if size < 9_999_999.5:
        return f"{value:,.0f}"
    for limit, unit in ((1e6, "M"), (1e9, "G"), (1e12, "T")):
        if size < 9999.5 * limit:
            return f"{value / limit:,.1f}{unit}"
    return f"{value:.1e}"


def _day(date: dt.date) -> str:
    return (date.date() if isinstance(date, dt.datetime) else date).isoformat()

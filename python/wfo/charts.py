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
from collections.abc import Callable, Mapping, Sequence
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

#: Characters of further curves.
_SIGNS = "123"

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
        Index of the first out-of-sample mark; None where all are of one part.
    held
        float64[m]: the marks of buy-and-hold, likewise; None where they are not known.
    name
        What the equity is called.
    others
        Names and marks of further curves, float64[m] each, at most three.
    decisions
        Indices of the marks after which another set trades.

    Raises
    ------
    InputError
        If there are less than three marks, lengths differ, the boundary or a decision is not among
        them, there are too many curves, or the marks are not numbers to draw.
    """

    title: str
    dates: Sequence[dt.date]
    equity: FloatArray
    boundary: int | None
    held: FloatArray | None = None
    name: str = "Equity"
    others: Sequence[tuple[str, FloatArray]] = ()
    decisions: Sequence[int] = ()

    def __post_init__(self) -> None:
        import numpy as np

        count = len(self.equity)
        if count < 3 or len(self.dates) != count:
            raise InputError(
                f"a chart needs 3 marks or more, and a date for each, not {count} marks and"
                f" {len(self.dates)} dates"
            )
        if self.boundary is not None and not 0 < self.boundary < count:
            raise InputError(f"boundary = {self.boundary} is none of the {count} marks' positions")
        for each in self.decisions:
            if not 0 <= each < count:
                raise InputError(f"a decision at {each} is none of the {count} marks' positions")
        if len(self.others) > len(_SIGNS):
            raise InputError(f"a chart has {len(_SIGNS)} further curves or less")
        for name, marks in (("equity", self.equity), ("held", self.held), *self.others):
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
        curves += [marks for _, marks in self.others]
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
    signs = _verticals(chart, columns)
    rule = "".join("+" if j in signs else "-" for j in range(columns))
    lines = [chart.title[:width].rstrip(), *_curve_rows(chart, columns, signs)]
    held = chart.held_falls
    below = [(chart.falls, "#")] if held is None else [(chart.falls, "#"), (held, "o")]
    rows = _FALL_ROWS if held is None else _FALL_ROWS_OF_TWO
    for falls, sign in below:
        lines.append(f"{'':{_LABEL - 1}}+{rule}")
        lines += _fall_rows(falls, chart.deepest, rows, sign, columns, signs)
    lines += _captions(chart, columns, signs)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _buckets(values: FloatArray, columns: int) -> list[FloatArray]:
    """Return the values that each column shows, one at least."""
    count = len(values)
    starts = [j * count // columns for j in range(columns + 1)]
    return [values[a : max(b, a + 1)] for a, b in pairwise(starts)]


def _column(index: int, count: int, columns: int) -> int:
    """Return the first column whose bucket holds the value at `index`."""
    return min(-(-index * columns // count), ((index + 1) * columns - 1) // count)


def _verticals(chart: EquityChart, columns: int) -> dict[int, str]:
    """Return the character of each column that is marked: decisions, unless they fill the chart."""
    count = len(chart.equity)
    decisions = {_column(index, count, columns) for index in chart.decisions}
    signs = dict.fromkeys(decisions if len(decisions) <= columns // 3 else (), ".")
    if chart.boundary is not None:
        signs[_column(chart.boundary, count, columns)] = ":"
    return signs


def _curve_rows(chart: EquityChart, columns: int, signs: Mapping[int, str]) -> list[str]:
    low, high = chart.value_range

    def row(value: float) -> int:
        return round((value - low) / (high - low) * (_EQUITY_ROWS - 1))

    cells = [[" "] * columns for _ in range(_EQUITY_ROWS)]
    for line in cells:
        for j, sign in signs.items():
            line[j] = sign
    # The equity last, so that it stands where two meet.
    others = [(marks, sign) for (_, marks), sign in zip(chart.others, _SIGNS, strict=False)]
    for curve, sign in (*others, (chart.held, "o"), (chart.equity, "*")):
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
    falls: FloatArray,
    deepest: float,
    rows: int,
    sign: str,
    columns: int,
    signs: Mapping[int, str],
) -> list[str]:
    depths = [float(b.max()) / deepest * rows for b in _buckets(falls, columns)]
    lines = []
    for i in range(rows):
        # A row is filled where the fall passes its middle.
        cells = (sign if d > i + 0.5 else signs.get(j, " ") for j, d in enumerate(depths))
        share = {0: 0.0, rows - 1: -deepest}.get(i)
        label = "" if share is None else f"{100 * share:.1f} %"
        lines.append(f"{label:>{_LABEL - 2}} |{''.join(cells)}")
    return lines


def _captions(chart: EquityChart, columns: int, signs: Mapping[int, str]) -> list[str]:
    first, last = _day(chart.dates[0]), _day(chart.dates[-1])
    cells = [" "] * (_LABEL + columns)

    def put(text: str, at: int) -> None:
        at = max(0, min(at, len(cells) - len(text)))
        around = cells[max(0, at - 1) : at + len(text) + 1]
        if set(around) == {" "}:
            cells[at : at + len(text)] = text

    put(first, _LABEL)
    put(last, len(cells))
    named = "equity" if chart.name == "Equity" else chart.name
    legend = [f"* {named}   # drawdown"]
    if chart.boundary is not None:
        middle = _day(chart.dates[chart.boundary])
        put(middle, _LABEL + _column(chart.boundary, len(chart.equity), columns))
        legend[0] += f"   : out-of-sample from {middle}"
    if "." in signs.values():
        legend[0] += "   . a new decision"
    if chart.held is not None:
        legend.append("o buy-and-hold, and below its drawdown")
    legend += [f"{sign} {name}" for (name, _), sign in zip(chart.others, _SIGNS, strict=False)]
    room = columns + _LABEL
    return ["".join(cells), *(f"{'':{_LABEL}}{line}"[:room] for line in legend)]


# Image

#: Colours of the equity, its drawdown, and buy-and-hold; of further curves.
_EQUITY, _FALL, _HELD = "#1f5fa8", "#b5413b", "#8a6d00"
_OTHERS = ("#3a8f5c", "#8a4fa8", "#777777")

#: Decisions that a picture marks, at most: more would fill it.
_MOST_DECISIONS = 200


def _write_png(charts: Sequence[EquityChart], file: IO[bytes]) -> None:
    # Without pyplot, which would look for a display and keep the figure.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6 * len(charts)), dpi=120, layout="constrained")
    parts = figure.subfigures(len(charts), 1, squeeze=False)[:, 0]
    for chart, part in zip(charts, parts, strict=True):
        _draw(chart, part)
    figure.savefig(file, format="png", metadata={"Software": None})


def _drawn_decisions(chart: EquityChart) -> Sequence[int]:
    return chart.decisions if len(chart.decisions) <= _MOST_DECISIONS else ()


def _curves(chart: EquityChart) -> list[tuple[str, str]]:
    """Return the class and the name of every curve, the equity first."""
    curves = [("equity", chart.name)]
    curves += [("held", "Buy-and-hold")] if chart.held is not None else []
    return curves + [(f"other{i}", name) for i, (name, _) in enumerate(chart.others)]


def _draw(chart: EquityChart, figure: Any) -> None:
    from matplotlib.ticker import FuncFormatter, PercentFormatter

    days = list(chart.dates)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for (name, marks), color in zip(chart.others, _OTHERS, strict=False):
        above.plot(days, marks, color=color, linewidth=0.9, label=name)
    if chart.held is not None and chart.held_falls is not None:
        above.plot(days, chart.held, color=_HELD, linewidth=1.1, label="Buy-and-hold")
        below.plot(days, -chart.held_falls, color=_HELD, linewidth=1, zorder=3)
    above.plot(days, chart.equity, color=_EQUITY, linewidth=1.2, label=chart.name)
    above.set_title(chart.title, loc="left", fontsize=11)
    above.set_ylabel("Equity")
    above.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    below.fill_between(days, -chart.falls, 0, color=_FALL, alpha=0.45, linewidth=0)
    below.plot(days, -chart.falls, color=_FALL, linewidth=0.8)
    below.set_ylabel("Drawdown")
    below.yaxis.set_major_formatter(PercentFormatter(1.0))
    below.set_ylim(top=0)
    for axes in (above, below):
        for index in _drawn_decisions(chart):
            axes.axvline(days[index], color="#444444", linestyle=":", linewidth=0.6)
        if chart.boundary is not None:
            split = days[chart.boundary]
            axes.axvline(split, color="#444444", linestyle="--", linewidth=1)
            axes.axvspan(split, days[-1], color="#000000", alpha=0.04, linewidth=0)
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    above.margins(x=0.01)
    names = [name for _, name in _curves(chart)]
    if len(names) > 1:
        lines = above.get_lines()
        # Its handles by name, the equity first; the boundary is labelled where it stands.
        named = {line.get_label(): line for line in lines}
        above.legend([named[n] for n in names], names, loc="upper left", fontsize=9, framealpha=0.9)
    if chart.boundary is None:
        return
    split = days[chart.boundary]
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
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""

# Classes of every chart.
_STYLE = """  .grid { stroke: var(--faint); }
  .equity { fill: none; stroke: var(--equity); stroke-width: 1.5; }
  .fall { fill: var(--fall); fill-opacity: .45; stroke: var(--fall); stroke-width: .8; }
  .held, .held-fall { fill: none; stroke: var(--held); stroke-width: 1.3; }
  .boundary { stroke: var(--ink); stroke-dasharray: 5 4; }
  .oos { fill: var(--ink); fill-opacity: .05; }
"""

# Classes that a page needs only where there are further curves or decisions.
_FURTHER_STYLE = """  .other0, .other1, .other2 { fill: none; stroke: #3a8f5c; stroke-width: 1; }
  .other1 { stroke: #8a4fa8; } .other2 { stroke: #888; }
  .decision { stroke: var(--ink); stroke-opacity: .35; stroke-dasharray: 2 3; }
"""

#: Style of `svg`, for pages that name their colour of text ``--ink``, and of lines ``--faint``.
SVG_STYLE = f"""  :root {{ --equity: #1f5fa8; --fall: #b5413b; --held: #8a6d00; }}
  @media (prefers-color-scheme: dark) {{
    :root {{ --equity: #6ea8e6; --fall: #e0807a; --held: #d8b84a; }}
  }}
{_STYLE}{_FURTHER_STYLE}"""

_WIDTH, _HEIGHT = 960, 540
_LEFT, _RIGHT = 90, 945
_TOP, _MIDDLE, _FALL_TOP, _BOTTOM = 24, 370, 390, 505

#: Width of a letter, generously.
_LETTER = 7


def page(*charts: EquityChart) -> str:
    """Return charts as an HTML page that stands alone: SVG drawings, no script, no library."""
    drawn = (f"<h1>{html.escape(chart.title)}</h1>\n{svg(chart)}" for chart in charts)
    style = _STYLE
    if any(chart.others or chart.decisions for chart in charts):
        style += _FURTHER_STYLE
    return _PAGE.format(title=html.escape(charts[0].title), body="\n".join(drawn), style=style)


def svg(chart: EquityChart) -> str:
    """Return a chart as an SVG element for a page that has `SVG_STYLE`."""
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

    split = None if chart.boundary is None else x(chart.boundary)
    parts = []
    if split is not None:
        width, height = _RIGHT - split, _BOTTOM - _TOP
        parts.append(
            f'<rect class="oos" x="{split:.1f}" y="{_TOP}" width="{width:.1f}" height="{height}"/>'
        )
    parts += [
        f'<line class="decision" x1="{x(i):.1f}" x2="{x(i):.1f}" y1="{_TOP}" y2="{_BOTTOM}"/>'
        for i in _drawn_decisions(chart)
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
        f'<polyline class="other{i}" points="{line(marks, y)}"/>'
        for i, (_, marks) in enumerate(chart.others)
    ]
    parts.append(f'<polyline class="equity" points="{line(chart.equity, y)}"/>')
    if split is not None and chart.boundary is not None:
        beyond = f"out-of-sample from {_day(chart.dates[chart.boundary])}"
        # A late boundary leaves no room to its right: both names move to the left.
        label = min(split + 6, _WIDTH - _LETTER * len(beyond))
        at = f'x1="{split:.1f}" x2="{split:.1f}"'
        parts += [
            f'<line class="boundary" {at} y1="{_TOP}" y2="{_BOTTOM}"/>',
            f'<text x="{label - 12:.1f}" y="{_TOP - 8}" text-anchor="end">in-sample</text>',
            f'<text x="{label:.1f}" y="{_TOP - 8}">{beyond}</text>',
        ]
    parts += [
        f'<text x="{_LEFT + 6}" y="{_BOTTOM - 6}">Drawdown</text>',
        *_legend(chart),
    ]
    body = "\n".join(parts)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">\n{body}\n</svg>'


def _legend(chart: EquityChart) -> list[str]:
    """Return the names of the curves, each with a stroke of its colour where there are two."""
    curves = _curves(chart)
    if len(curves) == 1:
        return [f'<text x="{_LEFT + 6}" y="{_TOP + 14}">{html.escape(chart.name)}</text>']
    parts = []
    for i, (name, text) in enumerate(curves):
        y = _TOP + 14 + 18 * i
        parts += [
            f'<line class="{name}" x1="{_LEFT + 6}" x2="{_LEFT + 26}" y1="{y - 4}" y2="{y - 4}"/>',
            f'<text x="{_LEFT + 32}" y="{y}">{html.escape(text)}</text>',
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

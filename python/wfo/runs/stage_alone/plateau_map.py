"""The map of a run as a picture: stable shares, plateaus and their regions, as PNG or HTML.

Both show the same: a panel a strategy, in it a cell for each pair of values of the two map
parameters, evenly spaced as plateaus see them, coloured by the stable share; the outline of every
plateau with its rank; and the region of each as a box in these two parameters. The page needs no
library and no network, the image needs matplotlib, ``pip install 'wfo[plot]'``.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from wfo.charts import require_drawable
from wfo.colours import is_dark, mixed
from wfo.files import whole_stream, write_text
from wfo.grid import Grid
from wfo.runs import sentences as say
from wfo.selection.plateaus import MAP_SIGNIFICANCE, Plateau, Plateaus
from wfo.selection.regions import Region, bounds_text
from wfo.text import percent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

#: Colours of the stable share from none to the most, light to dark: the order is seen in grey too.
_SCALE = ("#f7fbff", "#c6dbef", "#6baed6", "#2171b5", "#08306b")

#: Colours of outlines, seen on every colour of the scale.
_PLATEAU, _REGION = "#e8590c", "#111111"

#: Ends of the scale of shares; a quarter of each is a short number of percent.
_ENDS = (0.01, 0.02, 0.04, 0.08, 0.12, 0.16, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)

#: Cells beyond which shares are not written into them.
_WRITTEN = 24

#: A line from one corner of a cell to another, in positions of cells; sides are at halves.
Side = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, eq=False)
class MapPanel:
    """The map of one strategy.

    Attributes
    ----------
    title, subtitle
        What is searched and how many are stable; the gates.
    grid
        What was swept.
    plateaus, regions
        The plateaus with their map, and the region of each.
    notes
        What stands below the map.
    """

    title: str
    subtitle: str
    grid: Grid
    plateaus: Plateaus
    regions: tuple[Region, ...]
    notes: tuple[str, ...]

    @property
    def axes(self) -> tuple[str, str]:
        """The two map parameters, the one across first."""
        first, second = self.grid.strategy.map_axes or ("", "")
        return first, second

    @cached_property
    def values(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Their values, ascending."""
        across, up = (tuple(sorted(map(float, self.grid.values[name]))) for name in self.axes)
        return across, up

    @cached_property
    def counts(self) -> tuple[IntArray, IntArray]:
        """Stable and all combinations of each cell in the order of `values`, int64[x, y]."""
        import numpy as np

        cells = self.plateaus.cells
        assert cells is not None  # noqa: S101  # a strategy without a map has no panel
        order = [np.argsort(np.asarray(self.grid.values[n], np.float64)) for n in self.axes]
        place = np.ix_(*order)
        return cells.stable[place], cells.total[place]

    @property
    def end(self) -> float:
        """The share at the dark end of the scale."""
        stable, total = self.counts
        most = float((stable / total.clip(min=1)).max())
        return next(end for end in _ENDS if most <= end)

    def cells(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield position across and up, stable and all combinations of every cell there is."""
        stable, total = self.counts
        for i in range(total.shape[0]):
            for j in range(total.shape[1]):
                if total[i, j]:
                    yield i, j, int(stable[i, j]), int(total[i, j])

    def members(self, plateau: Plateau) -> set[tuple[int, int]]:
        """Return the positions of a plateau's cells."""
        across, up = self.values
        return {(across.index(x), up.index(y)) for x, y in plateau.cells}

    def sides(self, plateau: Plateau) -> list[Side]:
        """Return the sides of a plateau's cells beyond which it does not go on."""
        inside = self.members(plateau)
        found: list[Side] = []
        for i, j in sorted(inside):
            for (di, dj), ends in _AROUND.items():
                if (i + di, j + dj) not in inside:
                    (a, b), (c, d) = ends
                    found.append(((i + a, j + b), (i + c, j + d)))
        return found

    def label_at(self, plateau: Plateau) -> tuple[int, int]:
        """Return the position of the cell that a plateau's rank is written in, its upper left."""
        return min(self.members(plateau), key=lambda cell: (-cell[1], cell[0]))

    def box(self, region: Region) -> tuple[float, float, float, float]:
        """Return left, right, lower and upper end of a region, in positions of cells."""
        found: list[float] = []
        for name, values in zip(self.axes, self.values, strict=True):
            low, high = (values.index(float(v)) for v in region.bounds[name])
            found += [low - 0.5, high + 0.5]
        left, right, lower, upper = found
        return left, right, lower, upper

    def told(self) -> list[str]:
        """Return a line a plateau, and what is to be known about the map."""
        found = []
        for p, region in zip(self.plateaus, self.regions, strict=True):
            regime = f"{p.stop_class} stops, " if p.stop_class else ""
            stability = f", stability {p.stability:.1f}" if math.isfinite(p.stability) else ""
            within = bounds_text(region.bounds, region.box)
            where = f"region: {within}" if within else "region: its whole box"
            found.append(
                f"Plateau {p.rank}: {regime}{len(p.cells)} cells, {p.combinations:,} stable"
                f" ({percent(p.level)}){stability}; {where}"
            )
        if not len(self.plateaus):
            # In the words of the page.
            shape = say.no_shape(self.plateaus.smoothness, self.plateaus.p, MAP_SIGNIFICANCE)
            found.append(f"No plateaus. {shape}" if shape else f"No plateaus: {self.plateaus.note}")
        return [*found, *self.notes]


#: By the step to a cell's neighbour, the side between them.
_AROUND: dict[tuple[int, int], Side] = {
    (-1, 0): ((-0.5, -0.5), (-0.5, 0.5)),
    (1, 0): ((0.5, -0.5), (0.5, 0.5)),
    (0, -1): ((-0.5, -0.5), (0.5, -0.5)),
    (0, 1): ((-0.5, 0.5), (0.5, 0.5)),
}


def write_map(panels: Sequence[MapPanel], path: Path, *, remedy: str | None = None) -> None:
    """Write panels below each other to a ``.png`` or ``.html`` file, whole.

    Parameters
    ----------
    panels
        One at least.
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
    if path.suffix.lower() == ".png":
        with whole_stream(path, remedy=remedy) as file:
            _write_png(panels, file)
    else:
        write_text(path, page(panels), remedy=remedy)


def colour(share: float, end: float) -> str:
    """Return the colour of a share on a scale that ends at `end`, as ``#rrggbb``."""
    return mixed(_SCALE, share / end)


def _short(share: float) -> str:
    """Return a share in percent as a cell has room for it."""
    value = 100 * share
    if value == 0 or value >= 9.95 or value == round(value):
        # What is not all is not shown as all.
        return f"{min(round(value), 99) if share < 1 else 100}"
    return f"{value:.1f}" if value >= 0.05 else "<.1"


def _ticks(end: float) -> list[float]:
    return [end * k / 4 for k in range(5)]


# Page

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
  :root {{ --ink: #222; --faint: #767676; --paper: #fff; --none: #e9e9e9; }}
  @media (prefers-color-scheme: dark) {{
    :root {{ --ink: #e0e0e0; --faint: #a0a0a0; --paper: #1b1b1b; --none: #2b2b2b; }}
  }}
  body {{ margin: 1rem auto; max-width: 1000px; padding: 0 1rem; color: var(--ink);
         background: var(--paper); font: 15px/1.45 system-ui, sans-serif; }}
  h1 {{ font-size: 1.15rem; margin: 1.4rem 0 .1rem; }}
  p {{ margin: .2rem 0; }}
  ul {{ margin: .5rem 0 0; padding-left: 1.2rem; }}
  .faint {{ color: var(--faint); }}
  svg {{ width: 100%; height: auto; }}
  svg text {{ fill: var(--ink); font-size: 12px; }}
  svg .share {{ font-size: 11px; pointer-events: none; }}
  svg .light {{ fill: #fff; }}
  svg .dark {{ fill: #111; }}
  .map {{ fill: var(--none); }}
  .cell:hover {{ stroke: #e8590c; stroke-width: 2; }}
  .plateau {{ fill: none; stroke: #e8590c; stroke-width: 3.5; stroke-linecap: round;
             pointer-events: none; }}
  .region {{ fill: none; stroke: #111; stroke-width: 2; stroke-dasharray: 7 4;
            pointer-events: none; }}
  .halo {{ fill: none; stroke: #fff; stroke-width: 4; pointer-events: none; }}
  svg .rank {{ fill: #fff; font-size: 12px; font-weight: bold; pointer-events: none; }}
  .flag {{ fill: #e8590c; pointer-events: none; }}
  .bar {{ stroke: var(--faint); stroke-width: .5; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""

_WIDTH = 960
_LEFT, _RIGHT, _TOP = 70, 850, 8

#: Height of a cell, and what stands below the map.
_CELL_HEIGHTS = (18, 44)
_BELOW = 52


def page(panels: Sequence[MapPanel]) -> str:
    """Return panels as an HTML page that stands alone: SVG drawings, no script, no library."""
    body = []
    for panel in panels:
        notes = "\n".join(f"<li>{html.escape(each)}</li>" for each in panel.told())
        body += [
            f"<h1>{html.escape(panel.title)}</h1>",
            f'<p class="faint">{html.escape(panel.subtitle)}</p>',
            _svg(panel),
            f"<ul>\n{notes}\n</ul>",
        ]
    return _PAGE.format(title=html.escape(panels[0].title), body="\n".join(body))


def _svg(panel: MapPanel) -> str:
    across, up = panel.values
    width = (_RIGHT - _LEFT) / len(across)
    height = min(max(width * 0.6, _CELL_HEIGHTS[0]), _CELL_HEIGHTS[1])
    bottom = _TOP + height * len(up)

    def x(at: float) -> float:
        return _LEFT + (at + 0.5) * width

    def y(at: float) -> float:
        return bottom - (at + 0.5) * height

    names, end = panel.axes, panel.end
    ranks = {cell: p.rank for p in panel.plateaus for cell in panel.members(p)}
    parts = [
        (
            f'<rect class="map" x="{_LEFT}" y="{_TOP}" width="{_RIGHT - _LEFT}"'
            f' height="{bottom - _TOP:.1f}"/>'
        )
    ]
    written = len(across) <= _WRITTEN
    for i, j, stable, total in panel.cells():
        share = stable / total
        fill = colour(share, end)
        rank = f"; plateau {ranks[i, j]}" if (i, j) in ranks else ""
        told = (
            f"{names[0]} {across[i]:g}, {names[1]} {up[j]:g}: {stable:,} of {total:,} stable,"
            f" {percent(share)}{rank}"
        )
        parts.append(
            f'<rect class="cell" x="{x(i - 0.5) + 0.5:.1f}" y="{y(j + 0.5) + 0.5:.1f}"'
            f' width="{width - 1:.1f}" height="{height - 1:.1f}" fill="{fill}">'
            f"<title>{html.escape(told)}</title></rect>"
        )
        if written:
            kind = "light" if is_dark(fill) else "dark"
            parts.append(
                f'<text class="share {kind}" x="{x(i):.1f}" y="{y(j) + 4:.1f}"'
                f' text-anchor="middle">{html.escape(_short(share))}</text>'
            )
    for region in panel.regions:
        left, right, lower, upper = panel.box(region)
        inset = 3.0
        place = (
            f'x="{x(left) + inset:.1f}" y="{y(upper) + inset:.1f}"'
            f' width="{x(right) - x(left) - 2 * inset:.1f}"'
            f' height="{y(lower) - y(upper) - 2 * inset:.1f}"'
        )
        parts += [f'<rect class="halo" {place}/>', f'<rect class="region" {place}/>']
    for plateau in panel.plateaus:
        path = " ".join(
            f"M{x(a):.1f} {y(b):.1f}L{x(c):.1f} {y(d):.1f}"
            for (a, b), (c, d) in panel.sides(plateau)
        )
        parts.append(f'<path class="plateau" d="{path}"/>')
    for plateau in panel.plateaus:
        i, j = panel.label_at(plateau)
        left, top = x(i - 0.5), y(j + 0.5)
        text = str(plateau.rank)
        wide = 8 * len(text) + 8
        parts += [
            f'<rect class="flag" x="{left:.1f}" y="{top:.1f}" width="{wide}" height="15"/>',
            (
                f'<text class="rank" x="{left + wide / 2:.1f}" y="{top + 12:.1f}"'
                f' text-anchor="middle">{text}</text>'
            ),
        ]
    parts += _svg_axes(panel, x, y, bottom, width)
    parts += _svg_legend(end, bottom)
    label = html.escape(f"Map of stable shares: {panel.title}")
    body = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {bottom + _BELOW:.0f}" role="img" aria-label="{label}">\n'
        f"{body}\n</svg>"
    )


def _svg_axes(panel: MapPanel, x: Any, y: Any, bottom: float, width: float) -> list[str]:
    across, up = panel.values
    names = panel.axes
    # Values that have no room beside each other are left out.
    longest = max(len(f"{v:g}") for v in across) * 7.0 + 6
    step = max(1, math.ceil(longest / width))
    parts = [
        f'<text x="{x(i):.1f}" y="{bottom + 17:.1f}" text-anchor="middle">{v:g}</text>'
        for i, v in enumerate(across)
        if i % step == 0
    ]
    parts += [
        f'<text x="{_LEFT - 8}" y="{y(j) + 4:.1f}" text-anchor="end">{v:g}</text>'
        for j, v in enumerate(up)
    ]
    middle = (_LEFT + _RIGHT) / 2
    turned = (_TOP + bottom) / 2
    parts += [
        (
            f'<text x="{middle}" y="{bottom + 38:.1f}" text-anchor="middle">'
            f"{html.escape(names[0])}</text>"
        ),
        (
            f'<text x="16" y="{turned:.1f}" text-anchor="middle"'
            f' transform="rotate(-90 16 {turned:.1f})">{html.escape(names[1])}</text>'
        ),
    ]
    return parts


def _svg_legend(end: float, bottom: float) -> list[str]:
    left, wide = _RIGHT + 22, 16
    tall = min(bottom - _TOP - 20, 220.0)
    top = _TOP + 18
    stops = "".join(
        f'<stop offset="{1 - k / (len(_SCALE) - 1):g}" stop-color="{each}"/>'
        for k, each in reversed(list(enumerate(_SCALE)))
    )
    parts = [
        # Every panel has the same one.
        f'<linearGradient id="scale" x1="0" y1="0" x2="0" y2="1">{stops}</linearGradient>',
        f'<text x="{left}" y="{_TOP + 8}">stable</text>',
        (
            f'<rect class="bar" x="{left}" y="{top}" width="{wide}" height="{tall:.1f}"'
            ' fill="url(#scale)"/>'
        ),
    ]
    for tick in _ticks(end):
        at = top + tall * (1 - tick / end)
        parts.append(f'<text x="{left + wide + 6}" y="{at + 4:.1f}">{100 * tick:g} %</text>')
    return parts


# Image


def _write_png(panels: Sequence[MapPanel], file: IO[bytes]) -> None:
    # Without pyplot, which would look for a display and keep the figure.
    from matplotlib.figure import Figure

    heights = [_inches(panel) for panel in panels]
    figure = Figure(figsize=(11, sum(heights)), dpi=120, layout="constrained")
    parts = figure.subfigures(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for panel, part in zip(panels, parts, strict=True):
        _draw(panel, part)
    figure.savefig(file, format="png", metadata={"Software": None})


def _inches(panel: MapPanel) -> float:
    """Return the height of a panel: its cells, and the lines above and below them."""
    lines = sum(len(_lines(each)) for each in panel.told())
    across, up = panel.values
    cell = min(max(8.6 / len(across) * 0.62, 0.2), 0.5)
    return 1.9 + cell * len(up) + 0.19 * lines


def _lines(words: str) -> list[str]:
    import textwrap

    return textwrap.wrap(words, 175, subsequent_indent="    ", break_on_hyphens=False)


def _draw(panel: MapPanel, figure: Any) -> None:
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap, Normalize
    from matplotlib.patches import Rectangle

    across, up = panel.values
    names, end = panel.axes, panel.end
    axes = figure.subplots()
    stable, total = panel.counts
    share = np.where(total > 0, stable / total.clip(min=1), np.nan)
    scale = LinearSegmentedColormap.from_list("stable", _SCALE).with_extremes(bad="#e9e9e9")
    image = axes.imshow(share.T, origin="lower", aspect="auto", cmap=scale, norm=Normalize(0, end))
    axes.set_xticks(np.arange(len(across) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(up) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=0.8)
    axes.tick_params(which="both", length=0, labelsize=9)
    step = max(1, math.ceil(len(across) / 30))
    axes.set_xticks(range(0, len(across), step), [f"{v:g}" for v in across[::step]])
    axes.set_yticks(range(len(up)), [f"{v:g}" for v in up])
    axes.set_xlabel(names[0], fontsize=10)
    axes.set_ylabel(names[1], fontsize=10)
    axes.spines[:].set_visible(False)
    if len(across) <= _WRITTEN:
        for i, j, good, every in panel.cells():
            dark = is_dark(colour(good / every, end))
            axes.text(
                i, j, _short(good / every), ha="center", va="center", fontsize=9,
                color="white" if dark else "#111111",
            )  # fmt: skip
    for region in panel.regions:
        left, right, lower, upper = panel.box(region)
        inset = 0.06
        for colour_, style, wide in (("white", "-", 3.4), (_REGION, (0, (4, 2.4)), 1.7)):
            axes.add_patch(
                Rectangle(
                    (left + inset, lower + inset),
                    right - left - 2 * inset,
                    upper - lower - 2 * inset,
                    fill=False,
                    edgecolor=colour_,
                    linestyle=style,
                    linewidth=wide,
                    zorder=4,
                )
            )
    for plateau in panel.plateaus:
        for (a, b), (c, d) in panel.sides(plateau):
            axes.plot(
                [a, c], [b, d], color=_PLATEAU, linewidth=3, solid_capstyle="round", zorder=5,
                clip_on=False,
            )  # fmt: skip
        i, j = panel.label_at(plateau)
        axes.annotate(
            str(plateau.rank), (i - 0.5, j + 0.5), xytext=(3.5, -3.5), textcoords="offset points",
            ha="left", va="top", fontsize=9, fontweight="bold", color="white", zorder=6,
            bbox={"facecolor": _PLATEAU, "edgecolor": "none", "pad": 2.4},
        )  # fmt: skip
    axes.set_xlim(-0.5, len(across) - 0.5)
    axes.set_ylim(-0.5, len(up) - 0.5)
    bar = figure.colorbar(image, ax=axes, fraction=0.025, pad=0.015, ticks=_ticks(end))
    bar.ax.set_yticklabels([f"{100 * t:g} %" for t in _ticks(end)])
    bar.ax.tick_params(labelsize=9, length=0)
    bar.ax.set_title("stable", fontsize=9, loc="left", pad=9)
    bar.outline.set_visible(False)
    axes.set_title(panel.subtitle, loc="left", fontsize=9, color="#555555")
    figure.suptitle(panel.title, x=0.008, ha="left", fontsize=12, fontweight="bold")
    told = "\n".join(line for each in panel.told() for line in _lines(each))
    figure.supxlabel(told, x=0.008, ha="left", fontsize=8.5, color="#333333")

"""Tables of figures as pictures: an HTML page or a part of one, and a PNG image.

Both show the same, and so does the text of `heat`. The page needs no library, no script and no
network; the image needs matplotlib, ``pip install 'wfo[plot]'``.
"""

from __future__ import annotations

import html
import textwrap
from pathlib import Path
from typing import IO, Any

from wfo.charts import require_drawable
from wfo.files import whole_stream, write_text
from wfo.walkforward.heat import SCALE, HeatCell, HeatPanel, HeatSheet

#: Written beside a figure whose cell does not pass.
FAILING = "\N{MULTIPLICATION SIGN}"


def write_sheet(sheet: HeatSheet, path: Path, *, remedy: str | None = None) -> None:
    """Write tables to a ``.png`` or ``.html`` file, whole.

    Parameters
    ----------
    sheet
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
    if path.suffix.lower() == ".png":
        with whole_stream(path, remedy=remedy) as file:
            _write_png(sheet, file)
    else:
        write_text(path, page(sheet), remedy=remedy)


# Page

#: Styles of the tables, for a page that has them inside.
STYLES = """
  .heat { color: #222; background: #fff; font: 15px/1.45 system-ui, sans-serif; }
  .heat h2 { font-size: 1.05rem; margin: 1.1rem 0 .2rem; }
  .heat .tables { display: flex; flex-wrap: wrap; gap: 12px 20px; }
  .heat figure { margin: 0; flex: 1 1 440px; max-width: 620px; }
  .heat figure.wide { flex-basis: 100%; max-width: none; }
  .heat figcaption { font-size: .92rem; font-weight: 600; }
  .heat svg { width: 100%; height: auto; }
  .heat svg text { fill: #222; font: 13px system-ui, sans-serif; }
  .heat svg .light { fill: #fff; }
  .heat svg .small { font-size: 11px; }
  .heat .cell { stroke: #fff; stroke-width: 1.5; }
  .heat .alone { fill: none; stroke: #111; stroke-width: 2.5; stroke-dasharray: 5 3; }
  .heat .best { fill: none; stroke: #111; stroke-width: 3; }
  .heat .halo { fill: none; stroke: #fff; stroke-width: 5; }
  .heat ul { margin: .5rem 0 0; padding-left: 1.2rem; }
  .heat .faint { color: #666; }
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  body {{ margin: 1rem auto; max-width: 1040px; padding: 0 1rem; background: #fff; }}
  h1 {{ font: 600 1.2rem system-ui, sans-serif; margin: 0; }}
{styles}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""

#: Width of a table, of what stands left of its cells, and height of a cell.
_WIDTH, _LEFT, _TALL = 480, 78, 34
_TOP, _BELOW = 6, 66

#: Width of a figure with its sign, beyond which a table gets wider, and columns of which two tables
#: stand beside each other.
_LEAST_CELL, _MOST_COLUMNS = 56, 8


def page(sheet: HeatSheet) -> str:
    """Return tables as an HTML page that stands alone."""
    return _PAGE.format(title=html.escape(sheet.title), styles=STYLES, body=fragment(sheet))


def fragment(sheet: HeatSheet) -> str:
    """Return tables as a part of a page that has `STYLES`: inline SVG, no script."""
    parts = [f'<div class="heat">\n<p class="faint">{html.escape(sheet.subtitle)}</p>']
    for heading, panels in sheet.groups:
        drawn = "\n".join(
            f"<figure{_wide(p)}><figcaption>{html.escape(p.title)}</figcaption>\n{_svg(p)}</figure>"
            for p in panels
        )
        parts.append(f'<h2>{html.escape(heading)}</h2>\n<div class="tables">\n{drawn}\n</div>')
    parts += [_list(sheet.legend, ' class="faint"'), _list(sheet.notes, ""), "</div>"]
    return "\n".join(parts)


def _wide(panel: HeatPanel) -> str:
    """Return what gives a table the whole width, where its figures would become too small."""
    return ' class="wide"' if len(panel.columns) > _MOST_COLUMNS else ""


def _list(lines: tuple[str, ...], kind: str) -> str:
    items = "\n".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<ul{kind}>\n{items}\n</ul>"


def _svg(panel: HeatPanel) -> str:
    across = len(panel.columns)
    total = max(_WIDTH, _LEFT + across * _LEAST_CELL + 4)
    wide = (total - _LEFT - 4) / across
    bottom = _TOP + _TALL * len(panel.rows)
    parts, outlines = [], []
    for i, j, cell in panel.each():
        # Longer lengths stand above, as figures of an axis do.
        x, y = _LEFT + j * wide, bottom - (i + 1) * _TALL
        box = f'x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{_TALL}"'
        parts.append(
            f'<rect class="cell" {box} fill="{cell.colour}">'
            f"<title>{html.escape(cell.told)}</title></rect>"
        )
        light = ' class="light"' if cell.dark else ""
        parts.append(
            f'<text{light} x="{x + wide / 2:.1f}" y="{y + _TALL / 2 + 4.5:.1f}"'
            f' text-anchor="middle">{html.escape(_written(cell))}</text>'
        )
        kind = "alone" if cell.alone else "best" if cell.best else ""
        if kind:
            inner = f'x="{x + 3:.1f}" y="{y + 3:.1f}" width="{wide - 6:.1f}" height="{_TALL - 6}"'
            outlines.append(f'<rect class="halo" {inner}/><rect class="{kind}" {inner}/>')
    labels = [
        f'<text x="{_LEFT + (j + 0.5) * wide:.1f}" y="{bottom + 16}" text-anchor="middle">'
        f"{html.escape(name)}</text>"
        for j, name in enumerate(panel.columns)
    ]
    labels += [
        f'<text x="{_LEFT - 8}" y="{bottom - (i + 0.5) * _TALL + 4.5:.1f}" text-anchor="end">'
        f"{html.escape(name)}</text>"
        for i, name in enumerate(panel.rows)
    ]
    middle = (_TOP + bottom) / 2
    labels += [
        (
            f'<text class="small" x="{_LEFT + across * wide / 2:.1f}" y="{bottom + 31}"'
            f' text-anchor="middle">{html.escape(panel.across)}</text>'
        ),
        (
            f'<text class="small" x="14" y="{middle:.1f}" text-anchor="middle"'
            f' transform="rotate(-90 14 {middle:.1f})">{html.escape(panel.up)}</text>'
        ),
    ]
    body = "\n".join([*parts, *outlines, *labels, *_legend(panel, total, bottom)])
    label = html.escape(panel.title, quote=True)
    return (
        f'<svg viewBox="0 0 {total} {bottom + _BELOW}" role="img" aria-label="{label}">\n'
        f"{body}\n</svg>"
    )


def _legend(panel: HeatPanel, total: int, bottom: int) -> list[str]:
    """Return the scale with its ends and its middle."""
    left, right, y = _LEFT + 60, total - 64, bottom + 42
    wide = (right - left) / len(SCALE)
    parts = [
        f'<rect x="{left + k * wide:.1f}" y="{y}" width="{wide + 0.5:.1f}" height="8"'
        f' fill="{each}"/>'
        for k, each in enumerate(SCALE)
    ]
    worse, between, better = (html.escape(end) for end in panel.ends)
    parts += [
        f'<text class="small" x="{left - 6}" y="{y + 8}" text-anchor="end">{worse}</text>',
        f'<text class="small" x="{right + 6}" y="{y + 8}">{better}</text>',
        (
            f'<text class="small" x="{(left + right) / 2:.1f}" y="{y + 20}"'
            f' text-anchor="middle">{between} {html.escape(panel.middle)}</text>'
        ),
    ]
    return parts


def _written(cell: HeatCell) -> str:
    return f"{cell.text} {FAILING}" if cell.failing else cell.text


# Image

#: Columns of all tables beside each other, about: four tables of up to eight.
_ACROSS = 32


def _write_png(sheet: HeatSheet, file: IO[bytes]) -> None:
    # Without pyplot, which would look for a display and keep the figure.
    from matplotlib.figure import Figure

    columns = max(len(panel.columns) for panel in sheet.panels)
    across = min(max(_ACROSS // columns, 1), max(len(panels) for _, panels in sheet.groups))
    bands = [
        ("" if start else heading, panels[start : start + across])
        for heading, panels in sheet.groups
        for start in range(0, len(panels), across)
    ]
    wide = max(3.6 if across > 1 else 9.0, 0.62 * columns + 0.9) * across
    heights = [max(0.36 * len(p[0].rows), 0.6) + (1.55 if h else 1.3) for h, p in bands]
    told = [
        line for each in (*sheet.legend, *sheet.notes) for line in _lines(each, int(wide * 13.5))
    ]
    words = 0.19 * len(told) + 0.2
    figure = Figure(figsize=(wide, sum(heights) + words + 0.7), dpi=110, layout="constrained")
    figure.suptitle(f"{sheet.title}\n", x=0.008, ha="left", fontsize=13, fontweight="bold")
    parts = figure.subfigures(len(bands) + 1, 1, squeeze=False, height_ratios=[*heights, words])
    for (heading, panels), part in zip(bands, parts[:, 0], strict=False):
        if heading:
            part.suptitle(heading, x=0.008, ha="left", fontsize=11, fontweight="bold")
        axes = part.subplots(1, across, squeeze=False)[0]
        for panel, each in zip(panels, axes, strict=False):
            _draw(panel, each, part)
        for each in axes[len(panels) :]:
            each.set_axis_off()
    parts[-1, 0].text(
        0.008, 0.98, "\n".join(told), ha="left", va="top", fontsize=9, color="#333333",
        linespacing=1.35,
    )  # fmt: skip
    figure.text(
        0.008, 1 - 0.42 / (sum(heights) + words + 0.7), sheet.subtitle, fontsize=9.5,
        color="#555555", va="top",
    )  # fmt: skip
    figure.savefig(file, format="png", metadata={"Software": None})


def _lines(words: str, width: int) -> list[str]:
    return textwrap.wrap(words, width, subsequent_indent="    ", break_on_hyphens=False)


def _draw(panel: HeatPanel, axes: Any, figure: Any) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize
    from matplotlib.patches import Rectangle

    for i, j, cell in panel.each():
        axes.add_patch(
            Rectangle(
                (j - 0.5, i - 0.5), 1, 1, facecolor=cell.colour, edgecolor="white", linewidth=1.5
            )
        )
        axes.text(
            j, i, _written(cell), ha="center", va="center", fontsize=9,
            color="white" if cell.dark else "#111111", zorder=5,
        )  # fmt: skip
        if cell.best or cell.alone:
            style = (0, (3, 1.6)) if cell.alone else "-"
            for tone, wide, line in (("white", 4.2, "-"), ("#111111", 2.2, style)):
                axes.add_patch(
                    Rectangle(
                        (j - 0.43, i - 0.41), 0.86, 0.82, fill=False, edgecolor=tone,
                        linewidth=wide, linestyle=line, zorder=4,
                    )
                )  # fmt: skip
    axes.set_xlim(-0.5, len(panel.columns) - 0.5)
    axes.set_ylim(-0.5, len(panel.rows) - 0.5)
    axes.set_xticks(range(len(panel.columns)), panel.columns)
    axes.set_yticks(range(len(panel.rows)), panel.rows)
    axes.tick_params(length=0, labelsize=9)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(panel.across, fontsize=8.5)
    axes.set_ylabel(panel.up, fontsize=8.5)
    axes.set_title("\n".join(_lines(panel.title, 42)), loc="left", fontsize=9.5)
    scale = LinearSegmentedColormap.from_list("heat", SCALE)
    bar = figure.colorbar(
        ScalarMappable(Normalize(-1, 1), scale), ax=axes, location="bottom", fraction=0.05,
        pad=0.02, ticks=[-1, 0, 1], aspect=max(200 / len(panel.rows), 20),
    )  # fmt: skip
    worse, middle, better = panel.ends
    bar.ax.set_xticklabels([worse, f"{middle} {panel.middle}", better])
    bar.ax.tick_params(labelsize=8, length=0)
    bar.outline.set_visible(False)

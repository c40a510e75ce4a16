"""The page of a verdict for a browser: one file that loads nothing, readable light and dark."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence

from wfo.runs.verdict.parts import (
    Bars,
    Dots,
    Explained,
    Histogram,
    Lines,
    Mark,
    Part,
    Picture,
    Section,
    Table,
    Words,
    ends,
)
from wfo.text import printable

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
  :root {{ --ink: #222; --faint: #ddd; --paper: #fff; --soft: #f4f6f8; --bar: #9bb8d9;
           --real: #b3261e; }}
  @media (prefers-color-scheme: dark) {{
    :root {{ --ink: #ddd; --faint: #444; --paper: #1b1b1b; --soft: #242628; --bar: #3d648f;
             --real: #ff8a80; }}
  }}
  body {{ margin: 1rem auto; max-width: 1000px; padding: 0 1rem; color: var(--ink);
         background: var(--paper); font: 15px/1.5 system-ui, sans-serif;
         overflow-wrap: break-word; }}
  h1 {{ font-size: 1.3rem; }} h2 {{ font-size: 1.1rem; margin-top: 2rem;
       border-bottom: 1px solid var(--faint); }}
  .first {{ background: var(--soft); padding: .6rem 1rem; border-left: 4px solid var(--real); }}
  .first p {{ margin: .35rem 0; }} .first p:first-child {{ font-weight: 600; }}
  .scroll {{ overflow-x: auto; }}
  table {{ border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; }}
  caption {{ text-align: left; padding: .2rem 0; }}
  th, td {{ padding: .15rem .7rem .15rem 0; border-bottom: 1px solid var(--faint);
           vertical-align: top; text-align: left; }}
  .r {{ text-align: right; white-space: nowrap; }} thead .r {{ white-space: normal; }}
  .l {{ white-space: pre-wrap; }}
  dt {{ font-weight: 600; }} dd {{ margin: 0 0 .6rem 1rem; }} .misleads {{ font-style: italic; }}
  pre {{ overflow-x: auto; }}
  figure {{ margin: .8rem 0; max-width: 640px; }} figcaption {{ font-size: .9rem; }}
  svg {{ width: 100%; height: auto; }}
  svg text {{ fill: var(--ink); font-size: 12px; }}
  .bar {{ fill: var(--bar); }} .axis {{ stroke: var(--ink); }}
  .real {{ stroke: var(--real); stroke-width: 2; }} .dot {{ fill: var(--bar); }}
  svg .named {{ fill: var(--real); }}
  @media (max-width: 500px) {{ svg text {{ font-size: 16px; }} }}
{style}</style>
</head>
<body>
<h1>{title}</h1>
<div class="first">
{first}
</div>
{body}
</body>
</html>
"""

#: Of a chart: its width, where its axis begins and ends, its height, and where the axis lies.
_WIDTH, _FROM, _TO, _HEIGHT, _BASE = 640, 20, 620, 150, 125

# A wide picture is no narrower than its words can be read, and scrolls on a small screen.
_WIDE = """  figure.wide { max-width: none; overflow-x: auto; }
  figure.wide svg { min-width: 640px; }
"""

#: Bars of a histogram.
_BINS = 40

#: Height of a row of bars, and where these begin and end.
_ROW, _BARS_FROM, _BARS_TO = 22, 150, 520


def page(title: str, first: Sequence[str], sections: Sequence[Section]) -> str:
    """Return the whole page.

    Parameters
    ----------
    title
        What it is of.
    first
        Its first lines, a sentence an item.
    sections
        What stands below them.
    """
    body = [line for section in sections for line in _section(section)]
    lines = "\n".join(f"<p>{_escaped(words)}</p>" for words in first)
    styles = {
        part.style: None
        for section in sections
        for part in section.parts
        if isinstance(part, Picture) and part.style
    }
    style = "".join([_WIDE, *styles]) if styles else ""
    return _PAGE.format(title=_escaped(title), first=lines, body="\n".join(body), style=style)


def _escaped(words: str) -> str:
    # A number stays with its percent sign.
    return html.escape(printable(words)).replace(" %", "\N{NO-BREAK SPACE}%")


def _section(section: Section) -> Iterator[str]:
    yield f"<section>\n<h2>{_escaped(section.title)}</h2>"
    explained = [part for part in section.parts if isinstance(part, Explained)]
    for part in section.parts:
        if not isinstance(part, Explained):
            yield from _part(part)
    if explained:
        yield "<dl>"
        for each in explained:
            yield (
                f"<dt>{_escaped(each.name)}</dt><dd>{_escaped(each.meaning)}"
                f' <span class="misleads">{_escaped(each.misleads)}</span></dd>'
            )
        yield "</dl>"
    yield "</section>"


def _part(part: Part) -> Iterator[str]:
    if isinstance(part, Words):
        yield f"<p>{_escaped(part.text)}</p>"
    elif isinstance(part, Lines):
        yield f"<pre>{_escaped(chr(10).join(part.lines))}</pre>"
    elif isinstance(part, Table):
        yield from _table(part)
    elif isinstance(part, Histogram):
        yield from _histogram(part)
    elif isinstance(part, Dots):
        yield from _dots(part)
    elif isinstance(part, Bars):
        yield from _bars(part)
    elif isinstance(part, Picture):
        if part.framed:
            yield f'<figure class="wide"><figcaption>{_escaped(part.title)}</figcaption>'
        yield part.drawn
        if part.framed:
            yield "</figure>"


def _table(part: Table) -> Iterator[str]:
    sides = ["r" if side == ">" else "l" for side in part.align]
    yield '<div class="scroll"><table>'
    if part.caption:
        yield f"<caption>{_escaped(part.caption)}</caption>"
    rows = list(part.rows)
    # What is told in words has no headings.
    if part.caption or part.align != "<<":
        head = rows.pop(0)
        cells = "".join(
            f'<th scope="col" class="{side}">{_escaped(cell)}</th>'
            for cell, side in zip(head, sides, strict=True)
        )
        yield f"<thead><tr>{cells}</tr></thead>"
    yield "<tbody>"
    for first, *rest in rows:
        # What is indented in a page of text belongs to the row above it.
        indent = "\u2003" * ((len(first) - len(first.lstrip())) // 2)
        cells = f'<th scope="row" class="{sides[0]}">{indent}{_escaped(first.lstrip())}</th>'
        cells += "".join(
            f'<td class="{side}">{_escaped(cell)}</td>'
            for cell, side in zip(rest, sides[1:], strict=True)
        )
        yield f"<tr>{cells}</tr>"
    yield "</tbody></table></div>"


def _figure(title: str, height: int, drawn: Sequence[str]) -> Iterator[str]:
    yield f"<figure><figcaption>{_escaped(title)}</figcaption>"
    yield f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{_escaped(title)}">'
    yield from drawn
    yield "</svg></figure>"


def _histogram(part: Histogram) -> Iterator[str]:
    found = ends(part.values, part.marks)
    known = [value for value in part.values if math.isfinite(value)]
    title = part.title
    if len(known) < len(part.values):
        title += f"; {len(part.values) - len(known):,} have none, and are not drawn"
    if found is None:
        yield f"<p>{_escaped(title)}: there is nothing to draw.</p>"
        return
    low, high = found
    counts = [0] * _BINS
    for value in known:
        counts[min(_BINS - 1, int(_BINS * _share(value, low, high)))] += 1
    most = max(counts) or 1
    width = (_TO - _FROM) / _BINS
    drawn = []
    for k, count in enumerate(counts):
        if count:
            tall = (_BASE - 30) * count / most
            drawn.append(
                f'<rect class="bar" x="{_FROM + k * width:.1f}" y="{_BASE - tall:.1f}"'
                f' width="{width - 1:.1f}" height="{tall:.1f}"/>'
            )
    drawn += _axis(part.low, part.high)
    drawn += _marks(part.marks, low, high)
    yield from _figure(title, _HEIGHT, drawn)


def _dots(part: Dots) -> Iterator[str]:
    found = ends(part.values, part.marks)
    if found is None:
        yield f"<p>{_escaped(part.title)}: there is nothing to draw.</p>"
        return
    low, high = found
    middle = (_BASE + 30) / 2
    drawn = [
        f'<circle class="dot" cx="{_place(value, low, high):.1f}"'
        f' cy="{middle + 12 * (k % 3 - 1):.1f}" r="4"/>'
        for k, value in enumerate(part.values)
        if math.isfinite(value)
    ]
    drawn += _axis(part.low, part.high)
    drawn += _marks(part.marks, low, high)
    yield from _figure(part.title, _HEIGHT, drawn)


def _bars(part: Bars) -> Iterator[str]:
    most = max((m.value for m in part.items if math.isfinite(m.value)), default=0.0) or 1.0
    drawn = []
    for row, item in enumerate(part.items):
        top = 4 + row * _ROW
        long = (_BARS_TO - _BARS_FROM) * max(0.0, item.value) / most
        drawn.append(
            f'<text x="{_BARS_FROM - 8}" y="{top + 13}" text-anchor="end">'
            f"{_escaped(item.label)}</text>"
            f'<rect class="bar" x="{_BARS_FROM}" y="{top}" width="{long:.1f}" height="16"/>'
            f'<text x="{_BARS_FROM + long + 6:.1f}" y="{top + 13}">{_escaped(item.text)}</text>'
        )
    yield from _figure(part.title, _ROW * len(part.items) + 8, drawn)


def _axis(low: str, high: str) -> list[str]:
    return [
        f'<line class="axis" x1="{_FROM}" y1="{_BASE}" x2="{_TO}" y2="{_BASE}"/>',
        f'<text x="{_FROM}" y="{_BASE + 16}">{_escaped(low)}</text>',
        f'<text x="{_TO}" y="{_BASE + 16}" text-anchor="end">{_escaped(high)}</text>',
    ]


def _marks(marks: Sequence[Mark], low: float, high: float) -> Iterator[str]:
    for mark in marks:
        if math.isfinite(mark.value):
            x = _place(mark.value, low, high)
            side = "end" if x > (_FROM + _TO) / 2 else "start"
            name = mark.label if mark.label == mark.text else f"{mark.label} {mark.text}"
            yield (
                f'<line class="real" x1="{x:.1f}" y1="18" x2="{x:.1f}" y2="{_BASE}"/>'
                f'<text class="named" x="{x:.1f}" y="13" text-anchor="{side}">'
                f"{_escaped(name)}</text>"
            )


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


def _place(value: float, low: float, high: float) -> float:
    return _FROM + (_TO - _FROM) * _share(value, low, high)

"""The figure of a sensitivity: a page of bars, and of the mean at each value of each parameter."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from wfo.selection.factors import Explained, Factor, Response
from wfo.text import percent

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  :root {{ --ink: #222; --faint: #ddd; --paper: #fff; --alone: #1f5fa8; --others: #a9c4e4; }}
  @media (prefers-color-scheme: dark) {{
    :root {{ --ink: #ddd; --faint: #444; --paper: #1b1b1b; --alone: #6ea8e6; --others: #33557c; }}
  }}
  body {{ margin: 1rem auto; max-width: 1000px; padding: 0 1rem; color: var(--ink);
         background: var(--paper); font: 15px/1.4 system-ui, sans-serif; }}
  h1 {{ font-size: 1.2rem; }} h2 {{ font-size: 1.05rem; }}
  svg {{ width: 100%; height: auto; }}
  svg text {{ fill: var(--ink); font-size: 12px; }}
  .alone {{ fill: var(--alone); }} .others {{ fill: var(--others); }}
  .axis {{ stroke: var(--faint); }}
  .means {{ fill: none; stroke: var(--alone); stroke-width: 1.5; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""

_TITLES: dict[Response, str] = {
    "return": "Mean annual out-of-sample return",
    "stable": "Being stable",
}

#: Of the bars: width of the whole, where they begin and end, height of one.
_WIDTH, _FROM, _TO, _ROW = 960, 190, 820, 22

#: Width and height of a small chart of means, and how many are side by side.
_SMALL, _TALL, _ACROSS = 310, 150, 3


def sensitivity_page(
    strategy: str,
    combinations: int,
    lines: int,
    min_phases: int,
    responses: Sequence[Explained],
) -> str:
    """Return a page of HTML that needs no other file.

    Parameters
    ----------
    strategy, combinations
        The grid that was swept: name of the strategy, and size.
    lines
        Lines that were sampled for each factor, at most; 0 where all of them were read.
    min_phases
        Phases in which a stable combination is valid.
    responses
        What each parameter does to them.
    """
    title = f"What matters: {strategy}, {combinations:,} combinations"
    how = (
        "Shares of the variance over all combinations of the grid, not over the good ones. Dark is"
        " what a parameter explains by itself, light what it explains together with others;"
        " the figures are by itself and in all. A mean that rises with a value may rise towards"
        " buy-and-hold: the page of the run says what that returns."
    )
    if lines:
        how += f" Total effects are estimated from up to {lines:,} lines of the grid each."
    parts = [f"<p>{html.escape(how)}</p>"]
    for each in responses:
        words = _TITLES[each.response]
        if each.response == "stable":
            words += f", valid in {min_phases} or more phases"
        parts += [f"<h2>{html.escape(words)}</h2>", *_response(each)]
    return _PAGE.format(title=html.escape(title), body="\n".join(parts))


def _response(each: Explained) -> Iterator[str]:
    many = [f for f in each.ordered if len(f.values) > 1]
    if not each.variance > 0 or not many:
        yield "<p>Nothing depends on any parameter: all combinations do the same.</p>"
        return
    yield f"<p>Its mean over the grid is {percent(each.mean)}.</p>"
    yield from _bars(many)
    yield "<p>The mean at each value, all else being varied:</p>"
    yield from _means(many)


def _bars(factors: list[Factor]) -> Iterator[str]:
    longest = max(max(f.main, f.total) for f in factors) or 1.0
    height = _ROW * len(factors) + 6
    yield f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="effects">'
    for row, f in enumerate(factors):
        top = 3 + row * _ROW
        alone, total = (
            (_TO - _FROM) * max(0.0, share) / longest for share in (f.main, max(f.main, f.total))
        )
        yield (
            f'<text x="{_FROM - 8}" y="{top + 14}" text-anchor="end">{html.escape(f.name)}</text>'
            f'<rect class="others" x="{_FROM}" y="{top}" width="{total:.1f}" height="16"/>'
            f'<rect class="alone" x="{_FROM}" y="{top}" width="{alone:.1f}" height="16"/>'
            f'<text x="{_TO + 8}" y="{top + 14}">{percent(f.main)} / {percent(f.total)}</text>'
        )
    yield "</svg>"


def _means(factors: list[Factor]) -> Iterator[str]:
    low = min(min(f.means) for f in factors)
    high = max(max(f.means) for f in factors)
    span = high - low or 1.0
    rows = -(-len(factors) // _ACROSS)
    yield f'<svg viewBox="0 0 {_WIDTH} {rows * _TALL}" role="img" aria-label="means">'
    for at, f in enumerate(factors):
        left, top = at % _ACROSS * (_SMALL + 10) + 52, at // _ACROSS * _TALL + 22
        width, height = _SMALL - 62, _TALL - 52
        step = width / max(1, len(f.means) - 1)
        points = [
            (left + i * step, top + height * (high - mean) / span) for i, mean in enumerate(f.means)
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        base = top + height
        yield (
            f'<text x="{left}" y="{top - 8}">{html.escape(f.name)}</text>'
            f'<line class="axis" x1="{left}" y1="{base}" x2="{left + width}" y2="{base}"/>'
            f'<text x="{left - 6}" y="{top + 4}" text-anchor="end">{percent(high)}</text>'
            f'<text x="{left - 6}" y="{base + 4}" text-anchor="end">{percent(low)}</text>'
            f'<polyline class="means" points="{line}"/>'
            f'<text x="{left}" y="{base + 16}">{html.escape(f.labels[0])}</text>'
            f'<text x="{left + width}" y="{base + 16}" text-anchor="end">'
            f"{html.escape(f.labels[-1])}</text>"
        )
    yield "</svg>"

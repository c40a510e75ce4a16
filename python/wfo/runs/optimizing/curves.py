"""Curves and bars in plain characters for a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from wfo.runs.optimizing.wording import number_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Rows of a curve, and its columns at most.
_ROWS, _COLUMNS = 10, 72


def curve(best: FloatArray) -> list[str]:
    """Return the best score by trials as a curve, with its axes.

    Parameters
    ----------
    best
        By trial, NaN before the first one; one number at least that is finite.
    """
    import numpy as np

    columns = min(_COLUMNS, len(best))
    ends = [((column + 1) * len(best) + columns - 1) // columns - 1 for column in range(columns)]
    values = best[ends]
    finite = best[np.isfinite(best)]
    low, high = float(finite.min()), float(finite.max())
    rows = _ROWS if high > low else 1
    labels = [number_text(high - (high - low) * row / max(1, rows - 1)) for row in range(rows)]
    room = max(map(len, labels))
    lines = []
    for row in range(rows):
        cells = ["*" if _row_of(v, low, high, rows) == row else " " for v in values.tolist()]
        label = labels[row] if row in {0, rows - 1} else ""
        lines.append(f"  {label:>{room}} |{''.join(cells)}".rstrip())
    lines.append(f"  {'':>{room}} +{'-' * columns}")
    first, last = "0", f"{len(best) - 1:,}"
    gap = max(1, columns - len(first) - len(last))
    return [*lines, f"  {'':>{room}}  {first}{' ' * gap}{last}  trial"]


def _row_of(value: float, low: float, high: float, rows: int) -> int:
    """Return the row of a value, the highest being 0; -1 of one that is not defined."""
    if not math.isfinite(value):
        return -1
    return round((high - value) / (high - low) * (rows - 1)) if high > low else 0


def bar(share: float, most: float, width: int) -> str:
    """Return a bar of characters; something that is there has one at least."""
    if most <= 0 or share <= 0:
        return ""
    return "#" * max(1, round(width * share / most))

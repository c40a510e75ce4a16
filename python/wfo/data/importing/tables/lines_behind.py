"""Lines that hold no bar: what stands behind the data, and remarks amid it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from wfo.data.frames import PRICES
from wfo.data.importing.cells import is_begun, is_numeral, is_stamp
from wfo.data.importing.tables.layouts import Layout

#: First cells of sums below the data.
_SUMS: Final = re.compile(
    r"(?i)(?:grand |sub)?(?:totals?|sum|average|avg|mean|median|min|max|minimum|maximum|count|std|"
    r"change|summary)\b[^\d]*"
)


def is_remark(layout: Layout, cells: Sequence[str]) -> bool:
    """Tell whether a short line has a stamp and words, as those of dividends do."""
    stamp = layout.stamp
    if stamp is None or not stamp < len(cells) < len(layout.headings):
        return False
    rest = [cell for number, cell in enumerate(cells) if number != stamp and cell]
    words = [cell for cell in rest if re.search(r"[^\W\d_]{3}", cell)]
    return is_stamp(cells[stamp]) and bool(words) and not any(is_numeral(c) for c in rest)


def holds_no_bar(layout: Layout, cells: Sequence[str]) -> bool:
    """Tell whether as many cells as a bar has are a sum, or words where a bar has numbers."""
    stamp = layout.stamp
    if stamp is None or re.search(r"\d", cells[stamp]):
        return False
    position = layout.fields.position
    prices = [cells[position[price]] for price in PRICES if price in position]
    worded = any(prices) and not any(re.search(r"\d", cell) for cell in prices)
    return worded or _SUMS.fullmatch(cells[stamp]) is not None


def is_begun_bar(layout: Layout, cells: Sequence[str], before: Sequence[str]) -> bool:
    """Tell whether a line of fewer cells than a bar has begins as one.

    Parameters
    ----------
    layout
        How the text is laid out.
    cells
        The cells of the line.
    before
        Those of a bar before it.
    """
    stamp = layout.stamp or 0
    if len(cells) > stamp + 1:
        return is_stamp(cells[stamp])
    # What stands before a stamp, such as a ticker, is the same in all rows.
    *same, last = cells
    if any(a != b for a, b in zip(same, before, strict=False)):
        return False
    if len(cells) > stamp:
        return stamp < len(before) and is_begun(last, before[stamp])
    return bool(last) and len(same) < len(before) and before[len(same)].startswith(last)


def may_be_bar(layout: Layout, cells: Sequence[str]) -> bool:
    """Tell whether a line of another number of cells has as many numbers as a bar has prices."""
    stamp = layout.stamp or 0
    if len(cells) == 1:
        cells = cells[0].split(layout.separator)  # a whole line in quotes
    summed = any(_SUMS.fullmatch(cell) for cell in cells[stamp : stamp + 1])
    return not summed and sum(1 for cell in cells if is_numeral(cell)) >= len(PRICES)

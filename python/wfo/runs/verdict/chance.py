"""What a permutation test says of a whole run: figures over all of its strategies together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from wfo.runs.permuting.values import STABLE, PermutationTest, Searched, Variant
from wfo.runs.verdict.facts import Chance, Compared
from wfo.stats.pvalues import combined_p, p_value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


def chance_of(test: PermutationTest, gates: str, *, sessions: bool = False) -> Chance:
    """Return the figures of a test over all strategies of its run.

    A share is that of all combinations of all grids; the best excess is the largest of the
    strategies', and the median excess that of the strategy whose is highest.

    Parameters
    ----------
    test
        What was searched.
    gates
        Name of the set of gates that rules.
    sessions
        Whether blocks are of sessions, as of intraday bars.
    """
    import numpy as np

    searched = [each.until(test.runs) for each in test.searched.values()]
    total = sum(each.combinations for each in searched)
    counts = [_column(each, STABLE + gates) * each.combinations for each in searched]
    best, median = (
        _largest([_column(each, name) for each in searched])
        for name in ("best_excess", "median_excess")
    )
    both = np.stack([best, median], axis=1)
    return Chance(
        variant=variant_words(test.variant, sessions=sessions),
        runs=test.runs,
        figures=test.count,
        p_all=test.p_all,
        stable=_compared(np.sum(counts, axis=0) / total),
        best_excess=_compared(best),
        median_excess=_compared(median),
        p_excess=combined_p(both[0], both[1:])[0],
        p_least=min(p for each in test.p.values() for p in each.values()),
        p_attainable=test.p_attainable,
        least=test.least,
    )


def variant_words(variant: Variant, *, sessions: bool = False) -> str:
    """Return what is permuted, in words that follow "permuted".

    Parameters
    ----------
    variant
        Which bars trade places.
    sessions
        Whether blocks are of sessions.
    """
    unit = "sessions" if sessions else "bars"
    words = f"blocks of {variant.block} {unit}" if variant.block else "bars"
    return f"{words} from the first out-of-sample part on" if variant.later else words


def _column(searched: Searched, name: str) -> FloatArray:
    """Return one figure of all searches, that of the bars as they are first."""
    return searched.values[:, searched.names.index(name)]


def _largest(columns: list[FloatArray]) -> FloatArray:
    """Return the largest figure of each search; NaN, which is none, only where all are."""
    import numpy as np

    found = columns[0]
    for column in columns[1:]:
        found = np.fmax(found, column)
    return found


def _compared(values: FloatArray) -> Compared:
    import numpy as np

    # What does not exist is smaller than any number, as for a p.
    known = np.sort(np.where(np.isnan(values[1:]), -math.inf, values[1:]))
    low, high = float(known[(len(known) - 1) // 2]), float(known[len(known) // 2])
    median = low if low == high else (low + high) / 2
    return Compared(float(values[0]), median, p_value(float(values[0]), values[1:]))

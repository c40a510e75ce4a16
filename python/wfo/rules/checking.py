"""Look-ahead of columns: a program's expressions on truncated and on changed bars.

What a bar's value is made of lies in bars up to that one [T1] [C8]. So neither the loss of later
bars nor other ones in their place may change it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.rules.program import Program
from wfo.rules.wording import worded
from wfo.strategy.feed import PRICES, is_groups

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Columns of each feed by name, float64[n] each.
Columns = Mapping[str, Mapping[str, "FloatArray"]]

#: By how much values may differ, relative to the larger one: a library that computes several bars
#: at once may round a shorter array otherwise.
TOLERANCE = 1e-9

#: Characters of an expression on a page.
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Leak:
    """A column that has looked ahead.

    Attributes
    ----------
    column
        In words.
    function
        The user's function that computes it; empty where it is none.
    site
        File and line of that function, where they are known.
    bar
        The first bar whose value is another one.
    cut
        The first bar that was left out, or that was another one; the number of all bars where none
        was and the second computation of the same gave something else.
    replaced
        Whether there were other bars from `cut` on, instead of none.
    whole, found
        The value with all bars, and without the later ones or with others.
    """

    column: str
    function: str
    site: str
    bar: int
    cut: int
    replaced: bool
    whole: float
    found: float


def changed(feeds: Columns, cut: int, rng: np.random.Generator) -> dict[str, dict[str, FloatArray]]:
    """Return feeds whose bars from `cut` on are others: drawn from all of them, at other prices.

    Parameters
    ----------
    feeds
        What is read.
    cut
        The first bar that changes.
    rng
        Where chance comes from.
    """
    import numpy as np

    (first, *_) = (column for feed in feeds.values() for column in feed.values())
    bars = len(first)
    drawn = rng.integers(0, bars, bars - cut)
    factor = np.exp(rng.uniform(-0.3, 0.3, bars - cut))
    found: dict[str, dict[str, FloatArray]] = {}
    for name, feed in feeds.items():
        found[name] = {}
        if is_groups(name):
            # Which bars make a higher one follows from their times, which stay.
            found[name] = dict(feed)
            continue
        for column, values in feed.items():
            later = values[drawn] * factor if column in PRICES else values[drawn]
            found[name][column] = np.concatenate([values[:cut], later])
    return found


def truncated(feeds: Columns, cut: int) -> dict[str, dict[str, FloatArray]]:
    """Return the feeds without the bars from `cut` on."""
    return {name: {c: v[:cut].copy() for c, v in feed.items()} for name, feed in feeds.items()}


def first_leak(
    program: Program,
    feeds: Columns,
    values: Sequence[float],
    cuts: Sequence[int],
    rng: np.random.Generator,
) -> Leak | None:
    """Return the first column of a program that has looked ahead, with the first such bar.

    Parameters
    ----------
    program
        What is checked.
    feeds
        What it reads, n bars.
    values
        One number a parameter, in canonical order.
    cuts
        Where the bars end, and where others begin; each from 1 to n - 1.
    rng
        Where other bars come from.

    Returns
    -------
    Leak or None
        None where no column did, as far as these bars tell.

    Raises
    ------
    InputError
        If a length is none for these values, or what a user's function raises.
    """
    from wfo.rules.reference.columns import evaluate

    bars = next(len(c) for feed in feeds.values() for c in feed.values())
    higher = {place: _Closed(feeds[name]) for place, name in enumerate(program.higher) if name}
    whole = evaluate(program, feeds, values, bars)
    others = [(bars, False, evaluate(program, feeds, values, bars))] if program.functions else []
    for cut in cuts:
        others.append((cut, False, evaluate(program, truncated(feeds, cut), values, cut)))
        others.append((cut, True, evaluate(program, changed(feeds, cut, rng), values, bars)))
    kinds = program.kinds
    # Columns whose parts were rounded otherwise: a comparison of them may turn.
    rounded: list[set[int]] = [set() for _ in others]
    for place in sorted(whole):
        if kinds[place] == "number":
            continue
        leaks = []
        for k, (cut, replaced, found) in enumerate(others):
            if rounded[k].intersection(program.nodes[place].args):
                rounded[k].add(place)
                continue
            # Of higher bars those count that are closed before the cut [G3].
            stop = higher[place].by(cut - 1) if place in higher else cut
            at = first_difference(whole[place][:stop], found[place][:stop], TOLERANCE)
            if at is not None:
                bar = higher[place].bar(at) if place in higher else at
                values_there = float(whole[place][at]), float(found[place][at])
                leaks.append((bar, cut, replaced, *values_there))
            elif first_difference(whole[place][:stop], found[place][:stop], 0.0) is not None:
                rounded[k].add(place)
        if leaks:
            # What differs each time has not looked ahead.
            again = [leak for leak in leaks if leak[1] == bars]
            bar, cut, replaced, own, other = min(again or leaks, key=lambda leak: leak[:3])
            return Leak(*_about(program, place), bar, cut, replaced, own, other)
    return None


def empty_columns(program: Program, feeds: Columns, values: Sequence[float]) -> tuple[str, ...]:
    """Return the columns of a program that are NaN in every bar, in words, with their function.

    Of a column that is NaN because one that it is made of is, that one is named alone.

    Parameters
    ----------
    program, feeds, values
        As of `first_leak`.
    """
    import numpy as np

    from wfo.rules.reference.columns import evaluate

    bars = next(len(c) for feed in feeds.values() for c in feed.values())
    kinds, said = program.kinds, []
    empty: set[int] = set()
    for place, column in sorted(evaluate(program, feeds, values, bars).items()):
        if kinds[place] == "number" or not len(column) or not np.isnan(column).all():
            continue
        if empty.isdisjoint(program.nodes[place].args):
            words, function, site = _about(program, place)
            said.append(f"{site}: {words}" if function and site else words)
        empty.add(place)
    return tuple(said)


class _Closed:
    """Which higher bars are closed by the end of a bar, by a feed that says it."""

    def __init__(self, groups: Mapping[str, FloatArray]) -> None:
        import numpy as np

        numbers = groups["group"]
        known = numbers[~np.isnan(numbers)]
        self._counts = groups["closed"] - (known[0] if len(known) else 0.0)

    def by(self, bar: int) -> int:
        """Return how many are closed by the end of a bar."""
        return max(0, int(self._counts[bar]))

    def bar(self, number: int) -> int:
        """Return the bar by whose end one is closed."""
        return int(self._counts.searchsorted(number + 1))


def first_difference(whole: Any, found: Any, tolerance: float) -> int | None:
    """Return the first place in which two arrays differ by more; None if in none.

    Parameters
    ----------
    whole, found
        float64[n] each.
    tolerance
        Relative to the larger of two values. NaN equals NaN.
    """
    import numpy as np

    with np.errstate(invalid="ignore"):
        size = np.maximum(abs(whole), abs(found))
        same = (whole == found) | (abs(whole - found) <= tolerance * size)
    same |= np.isnan(whole) & np.isnan(found)
    # An infinite size would hide everything.
    same &= (whole == found) | ~(np.isinf(whole) | np.isinf(found))
    return None if same.all() else int(np.argmin(same))


def _about(program: Program, place: int) -> tuple[str, str, str]:
    """Return a column in words, the function that computes it, and where that stands."""
    column = worded(program.nodes, place, program.parameters, program.functions, longest=_LONGEST)
    node = program.nodes[place]
    if node.op != "call":
        return column, "", ""
    function = program.functions[int(node.value)]
    return column, function.name, function.site

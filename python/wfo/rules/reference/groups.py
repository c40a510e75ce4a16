"""Higher bars: what they are made of, and which of them a bar knows [G1 to G3]."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wfo.errors import InputError

FloatArray = NDArray[np.float64]

#: What a higher bar takes of the values of its bars, by the name of the column; of others the last.
_TAKEN: dict[str, Callable[[float, float], float]] = {
    "open": lambda before, _: before,
    "high": lambda before, value: value if value > before else before,
    "low": lambda before, value: value if value < before else before,
    "volume": lambda before, value: before + value,
}


def _last(_: float, value: float) -> float:
    return value


class Groups(NamedTuple):
    """The higher bars of a timeframe.

    Attributes
    ----------
    own
        Of each bar the higher bar that it is part of, counted from 0; None where of none.
    seen
        Of each bar the latest one that is closed by its end; None before the first.
    """

    own: list[int | None]
    seen: list[int | None]

    @classmethod
    def of(cls, feeds: Mapping[str, Mapping[str, FloatArray]], name: str, bars: int) -> Groups:
        """Return those that a feed of groups says.

        Raises
        ------
        InputError
            If there is no such feed.
        """
        if name not in feeds:
            raise InputError(
                f"the feeds do not say which bars make one of {name}; wfo.read_feeds finds it from"
                " the dates of the bars"
            )
        group, closed = feeds[name]["group"].tolist(), feeds[name]["closed"].tolist()
        first = next((each for each in group if not math.isnan(each)), 0.0)
        own = [None if math.isnan(each) else int(each - first) for each in group[:bars]]
        latest = [int(each - first) - 1 for each in closed[:bars]]
        return cls(own, [each if each >= 0 else None for each in latest])

    def __len__(self) -> int:
        return max((each + 1 for each in self.own if each is not None), default=0)

    def gathered(self, values: FloatArray, column: str) -> FloatArray:
        """Return the values of higher bars, of those of bars [G1]."""
        found: list[float] = []
        for place, value in zip(self.own, values.tolist(), strict=True):
            if place is None:
                continue
            if place == len(found):
                found.append(value)
            else:
                found[place] = _TAKEN.get(column, _last)(found[place], value)
        return np.array(found, dtype=np.float64)

    def latest(self, values: FloatArray) -> FloatArray:
        """Return what bars know of the values of higher bars [G3]."""
        return np.array([np.nan if at is None else values[at] for at in self.seen], np.float64)

"""Changes to points: digits of discrete dimensions and positions of continuous ones.

Steps and differences are taken of ordered dimensions alone. A value of an unordered one, such as a
string, is replaced by another value, whichever it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wfo.search.space import SearchSpace

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What changes need to know of a space, an item a dimension.

    Attributes
    ----------
    top
        The largest digit or position.
    sizes
        Digits of a discrete dimension, 0 of a continuous one.
    ordered, discrete
        Whether steps mean something, and whether there are digits.
    free
        Dimensions that have more than one value.
    """

    top: FloatArray
    sizes: IndexArray
    ordered: BoolArray
    discrete: BoolArray
    free: IndexArray

    @classmethod
    def of(cls, space: SearchSpace) -> Frame:
        """Return it for a space."""
        sizes = np.asarray(space.sizes, np.int64)
        top = np.where(sizes > 0, sizes - 1, 1).astype(np.float64)
        ordered = np.asarray(space.ordered, bool)
        return cls(top, sizes, ordered, sizes > 0, np.flatnonzero(sizes != 1))

    def reflected(self, rows: FloatArray) -> FloatArray:
        """Return points of which what lies beyond an end is turned back inside."""
        np.abs(rows, out=rows)
        np.subtract(rows, self.top, out=rows)
        np.abs(rows, out=rows)
        np.subtract(self.top, rows, out=rows)
        return rows

    def step(
        self,
        rows: FloatArray,
        at: IndexArray,
        column: IndexArray,
        size: FloatArray,
        rng: np.random.Generator,
    ) -> None:
        """Change one coordinate each of some points, in place.

        Parameters
        ----------
        rows
            The points.
        at, column
            Which coordinates, int64[c]; where one comes twice, one change of it stands.
        size
            How large the steps of ordered dimensions are as shares of their ranges, float64[c];
            those of discrete ones are one digit at least.
        rng
            Says which way.
        """
        sizes, top = self.sizes[column], self.top[column]
        value = rows[at, column]
        up = rng.random(len(at)) < 0.5
        length = size * top
        length = np.where(sizes > 0, np.maximum(np.rint(length), 1.0), length)
        moved = np.where(up, value + length, value - length)
        # A step that would leave the range goes the other way, and one that is too long stops.
        moved = np.where(
            (moved < 0) | (moved > top), np.where(up, value - length, value + length), moved
        )
        moved = np.clip(moved, 0.0, top)
        other = value + 1 + np.floor(rng.random(len(at)) * np.maximum(sizes - 1, 1))
        other = np.where(other >= sizes, other - sizes, other)
        rows[at, column] = np.where(self.ordered[column], moved, other)

    def mutate(
        self, rows: FloatArray, rate: float, decades: float, rng: np.random.Generator
    ) -> None:
        """Change coordinates at random, in place.

        Parameters
        ----------
        rows
            The points.
        rate
            How many coordinates of a point on average.
        decades
            Steps are as long as the range at most, and shorter by as many powers of ten; their
            logarithm is uniform (Mühlenbein and Schlierkamp-Voosen 1993, "Predictive models for
            the breeder genetic algorithm").
        rng
            Random numbers.
        """
        if not len(self.free) or not len(rows):
            return
        count = int(rng.binomial(len(rows) * len(self.free), min(rate / len(self.free), 1.0)))
        place = rng.integers(len(rows) * len(self.free), size=count)
        at, which = np.divmod(place, len(self.free))
        size = 10.0 ** (-decades * rng.random(count))
        self.step(rows, at, self.free[which], size, rng)

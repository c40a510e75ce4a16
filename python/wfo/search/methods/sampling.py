"""Methods that learn nothing: the grid in order, random points, Latin hypercubes, Sobol points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from wfo.search.methods.fresh import Asking, gather, marks
from wfo.search.values import History, Proposal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wfo.search.space import SearchSpace

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]


#: Combinations that are gone through together, at least.
_STRETCH = 1 << 14


@dataclass(frozen=True, slots=True)
class Grid:
    """All combinations in the order written."""

    name: ClassVar[str] = "grid"
    learns: ClassVar[bool] = False

    #: Combinations that a call goes through, at most, to find some that are allowed.
    scan: int

    def propose(
        self,
        space: SearchSpace,
        history: History,  # noqa: ARG002  # the driver leaves out what was evaluated
        batch: int,  # noqa: ARG002  # as all methods are called
        size: int,
        rng: np.random.Generator,  # noqa: ARG002  # nothing is random
        state: Mapping[str, Any],
    ) -> Proposal:
        """Propose the next combinations; see `wfo.search.values.Method`."""
        start = int(state.get("next", 0))
        total = space.size
        # A space without an end is refused with the names of its dimensions.
        rows = space.grid_rows(start, start + size if total is None else min(start + size, total))
        parts = [rows]
        end = start + len(rows)
        if space.constraints:
            allowed = _allowed(space, rows)
            missing = size - int(np.count_nonzero(allowed))
            while total is not None and missing > 0 and end < min(total, start + self.scan):
                rows = space.grid_rows(end, min(end + max(size, _STRETCH), total))
                places = np.flatnonzero(_allowed(space, rows))
                # No allowed point lies behind the last that is wanted: the driver would lose it.
                rows = rows if len(places) < missing else rows[: int(places[missing - 1]) + 1]
                parts.append(rows)
                end += len(rows)
                missing -= len(places)
        found = np.concatenate(parts)
        return Proposal(found, np.arange(start, end, dtype=np.int64), {"next": end})


def _allowed(space: SearchSpace, rows: FloatArray) -> NDArray[np.bool_]:
    return np.asarray(space.allowed(space.repaired(rows)), bool)


@dataclass(frozen=True, slots=True)
class Random:
    """Random points by the priors of the dimensions, none of them twice."""

    name: ClassVar[str] = "random"
    learns: ClassVar[bool] = False

    asking: Asking
    #: Combinations of a space that is gone through whole once few of its points are left.
    enumerated: int
    #: Share of a space's combinations from which on they are few.
    crowded: float

    def propose(
        self,
        space: SearchSpace,
        history: History,
        batch: int,  # noqa: ARG002  # as all methods are called
        size: int,
        rng: np.random.Generator,
        state: Mapping[str, Any],  # noqa: ARG002  # there is none
    ) -> Proposal:
        """Propose random points; see `wfo.search.values.Method`."""
        total = space.size
        few = total is not None and len(history) + size > total * self.crowded
        if few and total is not None and total <= self.enumerated:
            rows = _left(space, history.rows, size, rng)
            return Proposal(rows, np.zeros(len(rows), np.int64), {})
        width = len(space.dimensions)

        def draw(count: int, _: int) -> tuple[FloatArray, IndexArray]:
            return space.sample(rng.random((count, width))), np.zeros(count, np.int64)

        rows, tags = gather(space, history.rows, size, self.asking, draw)
        return Proposal(rows, tags, {})


def _left(space: SearchSpace, seen: FloatArray, size: int, rng: np.random.Generator) -> FloatArray:
    """Return random points of those that are allowed and were not evaluated."""
    total = space.size or 0
    rows = space.grid_rows(0, total)
    rows = space.repaired(rows)
    rows = rows[np.asarray(space.allowed(rows), bool)]
    # Where points were repaired, several lead to the same.
    _, first = np.unique(marks(space, rows), return_index=True)
    rows = rows[np.sort(first)]
    rows = rows[~np.isin(marks(space, rows), marks(space, seen))]
    found: FloatArray = rows[rng.permutation(len(rows))[:size]]
    return found


@dataclass(frozen=True, slots=True)
class LatinHypercube:
    """A Latin hypercube a batch: each dimension's range is cut into as many parts as points."""

    name: ClassVar[str] = "lhs"
    learns: ClassVar[bool] = False

    asking: Asking

    def propose(
        self,
        space: SearchSpace,
        history: History,
        batch: int,  # noqa: ARG002  # as all methods are called
        size: int,
        rng: np.random.Generator,
        state: Mapping[str, Any],  # noqa: ARG002  # there is none
    ) -> Proposal:
        """Propose a Latin hypercube; see `wfo.search.values.Method`."""

        def draw(count: int, _: int) -> tuple[FloatArray, IndexArray]:
            return space.sample(latin_hypercube(space, count, rng)), np.zeros(count, np.int64)

        rows, tags = gather(space, history.rows, size, self.asking, draw)
        return Proposal(rows, tags, {})


def latin_hypercube(space: SearchSpace, count: int, rng: np.random.Generator) -> FloatArray:
    """Return a Latin hypercube in the unit cube, float64[count, d].

    McKay, Beckman and Conover 1979, "A comparison of three methods for selecting values of input
    variables in the analysis of output from a computer code". It is made here, as all methods begin
    with one and SciPy's takes a second to load.
    """
    cells = np.tile(np.arange(count, dtype=np.float64), (len(space.dimensions), 1))
    rng.permuted(cells, axis=1, out=cells)
    found: FloatArray = np.ascontiguousarray(cells.T)
    found += rng.random(found.shape)
    found /= count
    return np.minimum(found, np.nextafter(1.0, 0.0), out=found)


@dataclass(frozen=True, slots=True)
class Sobol:
    """Scrambled Sobol points: one sequence that goes on from batch to batch.

    The first batch makes its scrambling, so all points belong to one sequence: its first 2^k
    points are balanced, however many of them a batch takes.
    """

    name: ClassVar[str] = "sobol"
    learns: ClassVar[bool] = False

    asking: Asking
    #: Bits of a coordinate; the sequence has 2^bits points.
    bits: int

    def propose(
        self,
        space: SearchSpace,
        history: History,
        batch: int,  # noqa: ARG002  # as all methods are called
        size: int,
        rng: np.random.Generator,
        state: Mapping[str, Any],
    ) -> Proposal:
        """Propose the next points of the sequence; see `wfo.search.values.Method`."""
        from scipy.stats import qmc

        scrambling = int(state["scrambling"] if "scrambling" in state else rng.integers(2**32))
        start = int(state.get("drawn", 0))
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(scrambling)))
        sequence = qmc.Sobol(
            len(space.dimensions), scramble=True, bits=self.bits, optimization=None, seed=generator
        )
        if start:
            sequence.fast_forward(start)
        drawn = start

        def draw(count: int, _: int) -> tuple[FloatArray, IndexArray]:
            nonlocal drawn
            count = min(count, 2**self.bits - drawn)
            # A first draw that is no power of two is warned of; balance needs them in all only.
            parts = [sequence.random(each) for each in ((1, count - 1) if not drawn else (count,))]
            places = np.arange(drawn, drawn + count, dtype=np.int64)
            drawn += count
            return space.sample(np.minimum(np.concatenate(parts), np.nextafter(1.0, 0.0))), places

        rows, tags = gather(space, history.rows, size, self.asking, draw)
        # What was drawn beyond the last point that is wanted is drawn again.
        last = int(tags[-1]) + 1 if len(tags) >= size else drawn
        return Proposal(rows, tags, {"scrambling": scrambling, "drawn": last})

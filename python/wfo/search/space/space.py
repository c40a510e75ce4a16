"""The space of a search: points as rows of numbers, and what they stand for."""

from __future__ import annotations

import copy
import functools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from wfo.arguments import instance, rebuilt
from wfo.errors import InputError, did_you_mean
from wfo.files.limits import SEARCH_CONSTRAINTS, SEARCH_DIMENSIONS
from wfo.search.space.configuration import told
from wfo.search.space.constraints import ParameterConstraint
from wfo.search.space.dimension import Dimension
from wfo.search.space.drawing import drawn, numbers_of, unit_of
from wfo.search.space.names import Params, Value, by_name, flattened, put
from wfo.search.space.points import digits_of, encoded, merged, refuse_clashes, refuse_strange
from wfo.text import brief, listed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]


#: Names and values of one point that are told to be wrong.
_MOST_WRONG = 20


@dataclass(frozen=True, eq=False)
class SearchSpace:
    """A space of points.

    A row is a point, float64[d]. Of a discrete dimension it has the digit, the position among the
    values from 0 on; of a continuous one the position between the ends, from 0 to 1, of logarithms
    where the dimension says so.

    Attributes
    ----------
    dimensions
        In the order in which the grid runs, the last one fastest.
    fixed
        What is the same for all points, nested.
    start
        Points to begin with.
    constraints
        What points must meet.

    Raises
    ------
    InputError
        If there is no dimension, a name is there twice, or a start point is none of the points.
    """

    dimensions: tuple[Dimension, ...]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    start: tuple[Params, ...] = ()
    constraints: tuple[ParameterConstraint, ...] = ()

    def __post_init__(self) -> None:
        dimensions = tuple(self.dimensions)
        if not dimensions:
            raise InputError("the space is empty: no parameter has values to search")
        refuse_strange(instance("fixed", self.fixed, Mapping, "a dict"))
        for what, given, most in (
            ("parameters", dimensions, SEARCH_DIMENSIONS),
            ("constraints", self.constraints, SEARCH_CONSTRAINTS),
        ):
            if len(given) > most:
                raise InputError(f"the space has {len(given):,} {what}; at most {most:,} will do")
        refuse_clashes([d.name for d in dimensions] + [name for name, _ in flattened(self.fixed)])
        object.__setattr__(self, "dimensions", dimensions)
        object.__setattr__(self, "fixed", copy.deepcopy(dict(self.fixed)))
        bound = tuple(c.bound(dimensions, self.fixed) for c in self.constraints)
        object.__setattr__(self, "constraints", bound)
        start = self._started(tuple(self.start))
        object.__setattr__(self, "start", start)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SearchSpace):
            return NotImplemented
        # As text: true equals 1.
        return json.dumps(self.to_dict()) == json.dumps(other.to_dict())

    def __hash__(self) -> int:
        return hash(self.dimensions)

    def __repr__(self) -> str:
        size = "continuous" if self.size is None else f"{self.size:,} points"
        return f"SearchSpace({len(self.dimensions)} dimensions, {size})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Constraints are functions, which no other process can be sent.
        return SearchSpace.from_dict, (self.to_dict(),)

    def _started(self, points: Sequence[Params]) -> tuple[Params, ...]:
        """Return start points as values by dotted name."""
        import numpy as np

        if not points:
            return ()
        rows = np.empty((len(points), len(self.dimensions)))
        for number, point in enumerate(points, 1):
            try:
                rows[number - 1] = self.encode(point)
            except InputError as error:
                raise InputError(f"start point {number}: {error}") from None
        for at in np.flatnonzero(~self.allowed(rows)):
            raise InputError(f"start point {at + 1}: {self.broken(rows[at])[0]}")
        return tuple(self.decode(rows))

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """Dotted names of the dimensions."""
        return tuple(dimension.name for dimension in self.dimensions)

    @functools.cached_property
    def _places(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.names)}

    @functools.cached_property
    def _digits(self) -> list[dict[tuple[bool, Value], float]]:
        return [digits_of(dimension) for dimension in self.dimensions]

    @functools.cached_property
    def _fixed_by_name(self) -> dict[str, Any]:
        return dict(flattened(self.fixed))

    @functools.cached_property
    def sizes(self) -> IndexArray:
        """How many values each dimension has, 0 where it is continuous; int64[d]."""
        import numpy as np

        return np.array([dimension.size or 0 for dimension in self.dimensions], np.int64)

    @functools.cached_property
    def ordered(self) -> BoolArray:
        """Whether neighbouring digits of each dimension are near each other; bool[d]."""
        import numpy as np

        return np.array([dimension.ordered for dimension in self.dimensions], np.bool_)

    @property
    def size(self) -> int | None:
        """Points of the Cartesian product, met constraints or not; None where one is continuous."""
        sizes = [dimension.size for dimension in self.dimensions]
        return None if None in sizes else math.prod(cast("list[int]", sizes))

    def _rows(self, rows: Any) -> FloatArray:
        import numpy as np

        found = np.asarray(rows, np.float64)
        if found.ndim != 2 or found.shape[1] != len(self.dimensions):
            raise InputError(
                f"rows must be an array of {len(self.dimensions)} columns, not of the shape"
                f" {found.shape}"
            )
        return found

    def snap(self, rows: FloatArray) -> FloatArray:
        """Return the nearest rows that are points: digits whole, all within their ends.

        What is no number becomes 0.
        """
        import numpy as np

        found = np.nan_to_num(self._rows(rows), nan=0.0, posinf=2.0**60, neginf=-(2.0**60))
        discrete = self.sizes > 0
        np.rint(found, out=found, where=discrete)
        highest = np.where(discrete, self.sizes - 1, 1).astype(np.float64)
        np.clip(found, 0.0, highest, out=found)
        found += 0.0
        return found

    def column(self, name: str, rows: FloatArray) -> NDArray[Any]:
        """Return the values of one dimension: int64, float64 or, of a choice, objects; [m]."""
        at = self._place(name)
        return self._values(at, self.snap(rows)[:, at])

    def _place(self, name: str) -> int:
        if name not in self._places:
            raise InputError(f"there is no parameter {brief(name)}{did_you_mean(name, self.names)}")
        return self._places[name]

    def _values(self, at: int, column: FloatArray) -> NDArray[Any]:
        import numpy as np

        dimension = self.dimensions[at]
        if dimension.kind == "choice":
            values = np.empty(len(dimension.values or ()), np.object_)
            values[:] = dimension.values
            return cast("NDArray[Any]", values[column.astype(np.int64)])
        numbers = numbers_of(dimension, column)
        return numbers.astype(np.int64) if dimension.kind == "int" else numbers

    def decode(self, rows: FloatArray) -> list[dict[str, Value]]:
        """Return points as values by dotted name."""
        snapped = self.snap(rows)
        columns = [self._values(at, snapped[:, at]).tolist() for at in range(len(self.dimensions))]
        names = self.names
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]

    def encode(self, params: Mapping[str, Any]) -> FloatArray:
        """Return the row of a point, float64[d].

        Parameters
        ----------
        params
            A value of every dimension, by dotted name or nested. What is fixed may be among them
            with the value that it has.

        Raises
        ------
        InputError
            For all names that are missing or unknown and all values that are none, with the
            nearest one.
        """
        import numpy as np

        given = by_name(instance("params", params, Mapping, "a dict, values by name"))
        fixed = self._fixed_by_name
        wrong: list[str] = []
        for name, value in given.items():
            if len(wrong) >= _MOST_WRONG:
                break
            if name in fixed:
                if fixed[name] != value:
                    wrong.append(f"{name} = {told(value)} is fixed at {told(fixed[name])}")
            elif name not in self._places:
                wrong.append(f"there is no parameter {brief(name)}{did_you_mean(name, self.names)}")
        missing = [name for name in self.names if name not in given]
        if missing:
            wrong.append(f"it lacks {listed(missing)}; a point has a value of every parameter")
        row = np.zeros(len(self.dimensions))
        for at, dimension in enumerate(self.dimensions):
            if dimension.name in given and len(wrong) < _MOST_WRONG:
                try:
                    row[at] = encoded(dimension, self._digits[at], given[dimension.name])
                except InputError as error:
                    wrong.append(str(error))
        if wrong:
            raise InputError("\n".join(wrong))
        return row

    def nested(self, params: Params) -> dict[str, Any]:
        """Return a point nested as in the file, with what is fixed."""
        found: dict[str, Any] = {}
        for name in self.names:
            put(found, name, params[name])
        return merged(found, self.fixed)

    def keys(self, rows: FloatArray) -> list[bytes]:
        """Return a key for each row; those of one point are equal."""
        import numpy as np

        found = self.snap(rows)
        for at, dimension in enumerate(self.dimensions):
            if dimension.continuous:
                found[:, at] = numbers_of(dimension, found[:, at])
        whole = np.ascontiguousarray(found).tobytes()
        width = found.shape[1] * found.itemsize
        return [whole[at : at + width] for at in range(0, len(whole), width)]

    def allowed(self, rows: FloatArray) -> BoolArray:
        """Return which points meet all constraints, bool[m].

        A point for which one cannot be computed, as in a division by zero, does not meet it.
        """
        import numpy as np

        found = np.ones(len(rows), np.bool_)
        if self.constraints:
            snapped = self.snap(rows)
            for constraint in self.constraints:
                found &= constraint.met(snapped)
        return found

    def broken(self, row: FloatArray) -> list[str]:
        """Return in words which constraints a point does not meet."""
        snapped = self.snap(row[None])
        failed = [c for c in self.constraints if not c.met(snapped)[0]]
        if not failed:
            return []
        params = self.decode(snapped)[0]
        return [constraint.refusal(params) for constraint in failed]

    def repaired(self, rows: FloatArray) -> FloatArray:
        """Return rows, snapped, in which constraints that have a repair are mended by it.

        Repairs are made in the order in which they are written, and again while one undoes another,
        at most once for each constraint. A point that is not mended then stays as it is.
        """
        found = self.snap(rows)
        mending = [constraint for constraint in self.constraints if constraint.repair]
        for _ in mending:
            broken = [constraint.mend(found) for constraint in mending]
            if not any(broken):
                break
        return found

    def sample(self, u: FloatArray) -> FloatArray:
        """Return the rows at quantiles of the priors.

        Parameters
        ----------
        u
            At least 0 and below 1, float64[m, d].
        """
        import numpy as np

        quantiles = self._rows(u)
        found = np.empty(quantiles.shape)
        for at, dimension in enumerate(self.dimensions):
            found[:, at] = drawn(dimension, quantiles[:, at])
        return found

    def unit(self, rows: FloatArray) -> FloatArray:
        """Return where points lie in the unit cube, float64[m, d]; a single value lies at 0."""
        found = self.snap(rows)
        for at, dimension in enumerate(self.dimensions):
            found[:, at] = unit_of(dimension, found[:, at])
        return found

    def grid_rows(self, start: int, stop: int) -> FloatArray:
        """Return points `start` to `stop` of the Cartesian product, the last dimension fastest.

        Raises
        ------
        InputError
            If a dimension has no steps, or there are no such points.
        """
        import numpy as np

        smooth = [dimension.name for dimension in self.dimensions if dimension.continuous]
        if smooth:
            raise InputError(
                f"there is no grid of {listed(smooth)}, continuous: give a step, or values"
            )
        size = cast("int", self.size)
        if not 0 <= start <= stop <= size:
            raise InputError(f"the grid has the points 0 to {size:,}, and not {start} to {stop}")
        found = np.empty((stop - start, len(self.dimensions)))
        carried = np.arange(stop - start, dtype=np.int64)
        rest = start
        for at in reversed(range(len(self.dimensions))):
            length = int(self.sizes[at])
            rest, first = divmod(rest, length)
            carried, digits = np.divmod(carried + first, length)
            found[:, at] = digits
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the space as plain values."""
        return {
            "dimensions": [dimension.to_dict() for dimension in self.dimensions],
            "fixed": copy.deepcopy(dict(self.fixed)),
            "start": [dict(point) for point in self.start],
            "constraints": [constraint.to_dict() for constraint in self.constraints],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SearchSpace:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is no space.
        """

        def build(values: Mapping[str, Any]) -> SearchSpace:
            return cls(
                tuple(Dimension.from_dict(each) for each in values["dimensions"]),
                dict(values["fixed"]),
                tuple(dict(point) for point in values["start"]),
                tuple(ParameterConstraint.from_dict(each) for each in values["constraints"]),
            )

        return rebuilt("space", data, build)

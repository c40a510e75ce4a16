"""Constraints of a space: what points must meet, and how one that does not is mended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from wfo.arguments import rebuilt
from wfo.errors import InputError, did_you_mean
from wfo.search.space.configuration import told
from wfo.search.space.dimension import Dimension
from wfo.search.space.drawing import ends, positions_of
from wfo.search.space.expressions import Expression, parse_condition, parse_number
from wfo.search.space.names import Params, Value, flattened
from wfo.text import brief, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Mending:
    """How one dimension is set: to what is nearest to a number, or to a value of a choice."""

    at: int
    dimension: Dimension
    target: Expression | float


@dataclass(frozen=True, slots=True)
class ParameterConstraint:
    """What points must meet.

    Attributes
    ----------
    require
        An expression over dotted names, as in ``strategy.fast < strategy.slow``; see
        `wfo.search.space.expressions`.
    repair
        What dimensions are set to where it is not met, in this order: of numbers an expression,
        whose nearest value is taken, of others the value. Without one, such points are rejected.
    """

    require: str
    repair: Mapping[str, Value] = field(default_factory=dict)
    _expression: Expression | None = field(default=None, repr=False, compare=False)
    _mendings: tuple[_Mending, ...] = field(default=(), repr=False, compare=False)

    def bound(
        self, dimensions: Sequence[Dimension], fixed: Mapping[str, Any]
    ) -> ParameterConstraint:
        """Return the same for the dimensions of a space.

        Raises
        ------
        InputError
            If it cannot be read, or names what is not there.
        """
        constants = {
            name: value
            for name, value in flattened(fixed)
            if isinstance(value, bool | int | float | str)
        }
        expression = parse_condition(self.require, dimensions, constants)
        places = {dimension.name: at for at, dimension in enumerate(dimensions)}
        mendings = []
        for name, target in self.repair.items():
            if name not in places:
                raise InputError(
                    f"the repair of {shown(self.require)} sets {shown(name)}, which is no parameter"
                    f"{did_you_mean(name, places)}"
                )
            dimension = dimensions[places[name]]
            mendings.append(
                _Mending(
                    places[name], dimension, self._target(dimension, target, dimensions, constants)
                )
            )
        return ParameterConstraint(self.require, dict(self.repair), expression, tuple(mendings))

    def _target(
        self,
        dimension: Dimension,
        target: Value,
        dimensions: Sequence[Dimension],
        constants: Mapping[str, Value],
    ) -> Expression | float:
        if dimension.kind != "choice":
            try:
                return parse_number(target, dimensions, constants)
            except InputError as error:
                raise InputError(f"the repair of {dimension.name}, {error}") from None
        values = dimension.values or ()
        for digit, known in enumerate(values):
            if known == target and isinstance(known, bool) == isinstance(target, bool):
                return float(digit)
        raise InputError(f"the repair of {dimension.name} sets {told(target)}, none of its values")

    def __str__(self) -> str:
        repair = ", ".join(f"{name} = {_target_text(to)}" for name, to in self.repair.items())
        return f"{self.require}, or else {repair}" if repair else self.require

    @property
    def names(self) -> tuple[str, ...]:
        """The dimensions in it."""
        return cast("Expression", self._expression).names

    def met(self, rows: FloatArray) -> BoolArray:
        """Return which points meet it, bool[m]; rows are snapped."""
        return cast("Expression", self._expression).holds(rows)

    def mend(self, rows: FloatArray) -> bool:
        """Set rows, in place, that do not meet it; return whether there was one."""
        import numpy as np

        at = np.flatnonzero(~self.met(rows))
        if not len(at):
            return False
        broken = rows[at]
        for mending in self._mendings:
            if isinstance(mending.target, float):
                broken[:, mending.at] = mending.target
                continue
            numbers = mending.target.numbers(broken)
            known = ~np.isnan(numbers)
            near, far = _nearest(mending.dimension, np.where(known, numbers, 0.0))
            before = broken[:, mending.at].copy()
            broken[:, mending.at] = np.where(known, near, before)
            # The nearest value may lie on the wrong side of what is asked for.
            other = ~self.met(broken) & known
            broken[other, mending.at] = far[other]
            other &= ~self.met(broken)
            broken[other, mending.at] = near[other]
        rows[at] = broken
        return True

    def refusal(self, params: Params) -> str:
        """Say that a point does not meet it."""
        values = ", ".join(f"{name} = {told(params[name])}" for name in self.names)
        verb = "is not allowed" if len(self.names) == 1 else "are not allowed together"
        return f"{values} {verb}; {self.require} must hold"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"require": self.require, "repair": dict(self.repair)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ParameterConstraint:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is none.
        """

        def build(values: Mapping[str, Any]) -> ParameterConstraint:
            if not isinstance(values["require"], str):
                raise InputError(f"require = {brief(values['require'])} must be an expression")
            return cls(values["require"], dict(values["repair"]))

        return rebuilt("constraint", data, build)


def _target_text(value: Value) -> str:
    """Return what a dimension is set to, as the file has it."""
    return value if isinstance(value, str) else told(value)


def _nearest(dimension: Dimension, numbers: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the digits or positions of the values nearest to numbers, and of the next nearest."""
    import numpy as np

    low, high = ends(dimension)
    inside = np.clip(numbers, low, high)
    if dimension.continuous:
        near = positions_of(dimension, inside)
        return near, near
    if dimension.values is None:
        places = (inside - low) / float(cast("float", dimension.step))
        below = np.floor(places)
        above = np.minimum(below + 1, float(cast("int", dimension.size) - 1))
        is_below = places - below <= 0.5
    else:
        values = dimension.table
        order = np.argsort(values, kind="stable")
        ascending = values[order]
        at = np.clip(np.searchsorted(ascending, inside, side="right") - 1, 0, len(values) - 1)
        then = np.minimum(at + 1, len(values) - 1)
        is_below = inside - ascending[at] <= ascending[then] - inside
        below, above = order[at].astype(np.float64), order[then].astype(np.float64)
    return np.where(is_below, below, above), np.where(is_below, above, below)

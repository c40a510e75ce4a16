"""Points of a space as parameter sets of a strategy."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wfo.errors import InputError
from wfo.files.limits import CONSTRAINED_POINTS
from wfo.search.space import ParameterConstraint
from wfo.strategy.constraints import groups, meeting, nowhere
from wfo.strategy.value import lookback_on, reads_higher_bars
from wfo.text import brief, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.backtest.feeds import Feeds
    from wfo.search.space import Dimension, SearchSpace
    from wfo.strategy import Constraint, Number, Strategy

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]


class StrategyPoints:
    """A space over the parameters of one strategy.

    Parameters
    ----------
    strategy
        What is searched.
    space
        Its dimensions and what it fixes are parameters of the strategy; what is left out takes the
        strategy's default.

    Attributes
    ----------
    strategy
        What was given.
    space
        The same with the constraints of the strategy, so that methods keep to them, and with
        numbers in place of the names of methods.
    fixed
        The parameters that no dimension is of, with their value.

    Raises
    ------
    InputError
        If a name is no parameter, one is missing, or a value is not allowed.
    """

    def __init__(self, strategy: Strategy, space: SearchSpace) -> None:
        self.strategy = strategy
        numbered = tuple(map(self._numbered, space.dimensions))
        # The same object where nothing is named: a study knows its space by it.
        if numbered != space.dimensions:
            space = replace(space, dimensions=numbered)
        self.dimensions: dict[str, Dimension] = {d.name: d for d in space.dimensions}
        for name, value in space.fixed.items():
            if isinstance(value, Mapping):
                raise InputError(
                    f"{strategy.name} has no parameter {shown(name)} with others below it; write"
                    " its parameters side by side"
                )
        # Nothing of a dimension is looked at here but its name.
        given = {**space.fixed, **self.dimensions}
        complete, _ = strategy.with_defaults(given)
        self.fixed: dict[str, Number] = {
            name: strategy.parameter(name).check(value)
            for name, value in complete.items()
            if name not in self.dimensions
        }
        for dimension in space.dimensions:
            self._check(dimension)
        self.space = self._with_rules(space)

    def _numbered(self, dimension: Dimension) -> Dimension:
        """Return a dimension with numbers in place of the names of methods."""
        if not any(isinstance(value, str) for value in dimension.values or ()):
            return dimension
        parameter = self.strategy.parameter(dimension.name)
        return replace(dimension, values=tuple(map(parameter.check, dimension.values or ())))

    def _with_rules(self, space: SearchSpace) -> SearchSpace:
        """Return the space with those constraints of the strategy that are of its dimensions."""
        known = {constraint.require for constraint in space.constraints}
        rules: list[ParameterConstraint] = []
        constants: dict[str, Number] = {}
        for rule in self.strategy.rules:
            if not any(name in self.dimensions for name in rule.names):
                rule.check(self.fixed)
            elif rule.expression not in known:
                rules.append(ParameterConstraint(rule.expression))
                constants |= {n: self.fixed[n] for n in rule.names if n in self.fixed}
        if not rules:
            return space
        return replace(
            space,
            fixed={**constants, **space.fixed},
            constraints=(*space.constraints, *rules),
        )

    def _check(self, dimension: Dimension) -> None:
        """Raise unless all values of a dimension are allowed.

        Raises
        ------
        InputError
            With the parameter and the value.
        """
        parameter = self.strategy.parameter(dimension.name)
        if dimension.values is not None:
            for value in dimension.values:
                parameter.check(value)
            return
        if parameter.whole and dimension.kind != "int":
            raise InputError(
                f"{parameter.name} is {parameter.allowed}; write"
                f" {{int: [{dimension.low:g}, {dimension.high:g}]}}"
            )
        for end in (dimension.low, dimension.high):
            assert end is not None  # noqa: S101  # what has no values has a range
            parameter.check(int(end) if parameter.whole else end)

    @functools.cached_property
    def least(self) -> int:
        """The longest lookback of the space, in bars, where the bars are not known."""
        return self.strategy.lookback({name: self._ends(name) for name in self.strategy.names})

    def need(self, feeds: Feeds) -> int:
        """Return the longest lookback of the space on these bars, in bars."""
        if not reads_higher_bars(self.strategy):
            return self.least
        ends = {name: self._ends(name) for name in self.strategy.names}
        return lookback_on(self.strategy, ends, feeds)

    def _ends(self, name: str) -> Sequence[Number]:
        dimension = self.dimensions.get(name)
        if dimension is None:
            return (self.fixed[name],)
        if dimension.values is not None:
            return tuple(self.strategy.parameter(name).check(v) for v in dimension.values)
        number = int if dimension.kind == "int" else float
        assert dimension.low is not None  # noqa: S101  # what has no values has a range
        assert dimension.high is not None  # noqa: S101  # likewise
        return number(dimension.low), number(dimension.high)

    def complete(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return a point with what the space fixes, in canonical order."""
        given = {**self.fixed, **params}
        if len(given) != len(self.strategy.names):
            raise InputError(
                f"{brief(dict(params))} is no point of the space, which has"
                f" {', '.join(self.dimensions)}"
            )
        return {name: given[name] for name in self.strategy.names}

    def values_of(self, name: str) -> tuple[Any, ...]:
        """Return the listed values of a parameter; of one that is fixed the one."""
        dimension = self.dimensions.get(name)
        return (self.fixed[name],) if dimension is None else tuple(dimension.values or ())

    def places(self, names: Sequence[str], constraints: Sequence[Constraint]) -> IndexArray:
        """Return which sets of values of an axis meet its constraints, by place in the product.

        Parameters
        ----------
        names, constraints
            Parameters that share constraints, from `groups`; all have lists.

        Raises
        ------
        InputError
            If none does, or there are too many to look at.
        """
        import numpy as np

        values = {name: self.values_of(name) for name in names}
        product = math.prod(map(len, values.values()))
        if not constraints:
            return np.arange(product)
        if product > CONSTRAINED_POINTS:
            raise InputError(
                f"{', '.join(names)} share constraints, and have {product:,} sets of values; at"
                f" most {CONSTRAINED_POINTS:,} will do: take wider steps"
            )
        found = np.fromiter(meeting(constraints, values), np.int64)
        if not found.size:
            raise InputError(f"{nowhere(constraints, values)}; the space would be empty")
        return found

    def numbers(self, rows: FloatArray) -> IndexArray:
        """Return the flat index of each point in the grid of all values, -1 of one that is none.

        Parameters
        ----------
        rows
            Points of `space`, all of whose dimensions have lists, float64[m, d].
        """
        import numpy as np

        digits = self.space.snap(rows).astype(np.int64)
        column = {name: at for at, name in enumerate(self.space.names)}
        found = np.zeros(len(rows), np.int64)
        missing = np.zeros(len(rows), np.bool_)
        for names, places in self._axes:
            at = np.zeros(len(rows), np.int64)
            for name in names:
                at *= len(self.values_of(name))
                if name in column:
                    at += digits[:, column[name]]
            position = np.minimum(np.searchsorted(places, at), len(places) - 1)
            missing |= places[position] != at
            found = found * len(places) + position
        found[missing] = -1
        return found

    @functools.cached_property
    def _axes(self) -> list[tuple[tuple[str, ...], IndexArray]]:
        strategy = self.strategy
        return [(n, self.places(n, c)) for n, c in groups(strategy.names, strategy.rules)]

    def values(self) -> dict[str, tuple[Any, ...]] | None:
        """Return the values of every parameter; None where a dimension does not list its own."""
        found: dict[str, tuple[Any, ...]] = {}
        for name in self.strategy.names:
            dimension = self.dimensions.get(name)
            if dimension is None:
                found[name] = (self.fixed[name],)
            elif dimension.values is None:
                return None
            else:
                found[name] = tuple(dimension.values)
        return found

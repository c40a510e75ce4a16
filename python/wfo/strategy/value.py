"""What a strategy is to everything that searches it: a name and an ordered set of parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wfo.errors import InputError, did_you_mean
from wfo.strategy.parameter import Number, Parameter


@dataclass(frozen=True, slots=True)
class Strategy:
    """A strategy in the catalogue.

    Attributes
    ----------
    name
        Name in commands, grids and results.
    title
        One line for listings.
    tradestation
        Name of the strategy in TradeStation.
    parameters
        In canonical order: in a flat index the last one varies fastest.
    map_axes
        The two parameters whose plane the plateaus are looked for in.
    baseline
        Bars of lookback that the strategy needs whatever its parameters.
    lookbacks
        Names of the parameters that are lookbacks themselves.
    expansion
        Simpler strategies that a run of this one also runs, to show whether its extras pay.
    simpler
        Strategies that lack one of its extras, and the name of that extra.
    shorts, dual_symbol
        Whether it sells short, and whether it reads a second symbol.
    scaled
        Lookbacks that ``short_multiplier`` scales on the short side.
    hulls
        Lengths of two Hull averages, the first of which must be below the second.
    """

    name: str
    title: str
    tradestation: str
    parameters: tuple[Parameter, ...]
    map_axes: tuple[str, str]
    baseline: int
    lookbacks: tuple[str, ...]
    expansion: tuple[str, ...] = ()
    simpler: Mapping[str, str] = field(default_factory=dict, hash=False)
    shorts: bool = False
    dual_symbol: bool = False
    scaled: tuple[str, ...] = ()
    hulls: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Canonical parameter names, in order."""
        return tuple(p.name for p in self.parameters)

    def parameter(self, name: str) -> Parameter:
        """Return the parameter called `name`.

        Raises
        ------
        InputError
            If the strategy has none of that name.
        """
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        hint = did_you_mean(str(name), self.names)
        raise InputError(f"{self.name} has no parameter {name!r}{hint}")

    def check_names(self, given: Iterable[str]) -> None:
        """Raise unless `given` are exactly this strategy's parameters, in any order.

        Raises
        ------
        InputError
            For an unknown name, else for the missing ones.
        """
        given = list(given)
        for name in given:
            self.parameter(name)
        missing = [name for name in self.names if name not in given]
        if missing:
            raise InputError(f"{self.name} also needs {', '.join(missing)}")

    def check_params(self, params: Mapping[str, object]) -> tuple[Number, ...]:
        """Return one value a parameter, in canonical order.

        Raises
        ------
        InputError
            For an unknown, missing, ill-typed or out-of-range parameter.
        """
        if not isinstance(params, Mapping):
            raise InputError(f"params must name each parameter, as a dict does, not be {params!r}")
        self.check_names(params)
        values = tuple(p.check(params[p.name]) for p in self.parameters)
        if self.hulls:
            fast, slow = (values[self.names.index(name)] for name in self.hulls)
            if fast >= slow:
                raise InputError(
                    f"{self.hulls[0]} = {fast} is not allowed; it must be below"
                    f" {self.hulls[1]} = {slow}"
                )
        return values

    def need(self, values: Mapping[str, Iterable[Number]]) -> int:
        """Return the longest lookback, in bars, that `values` of the parameters can ask for."""
        longest = {name: int(max(values[name])) for name in (*self.lookbacks, *self.hulls)}
        bars = [self.baseline, *(longest[name] for name in self.lookbacks)]
        if self.scaled:
            widest = float(max(values["short_multiplier"]))
            bars += [_round_half_up(longest[name] * widest) for name in self.scaled]
        # A Hull average smooths what it made of its window over the root of its length.
        bars += [longest[n] + _round_half_up(math.sqrt(longest[n])) for n in self.hulls]
        return max(bars)


def _round_half_up(x: float) -> int:
    return math.floor(x + 0.5)

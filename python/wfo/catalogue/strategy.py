"""What a strategy is to everything that searches it: a name and an ordered set of parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wfo.catalogue.parameter import Number, Parameter
from wfo.errors import InputError, did_you_mean


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
    shorts, dual_symbol
        Whether it sells short, and whether it reads a second symbol.
    """

    name: str
    title: str
    tradestation: str
    parameters: tuple[Parameter, ...]
    map_axes: tuple[str, str]
    baseline: int
    lookbacks: tuple[str, ...]
    expansion: tuple[str, ...] = ()
    shorts: bool = False
    dual_symbol: bool = False

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
        return tuple(p.check(params[p.name]) for p in self.parameters)

    def need(self, values: Mapping[str, Iterable[Number]]) -> int:
        """Return the longest lookback, in bars, that `values` of the parameters can ask for."""
        return max([self.baseline, *(int(max(values[name])) for name in self.lookbacks)])

"""Views: what only some uses of a strategy need, and what a strategy may lack."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from wfo.arguments import finite_number, whole
from wfo.errors import InputError, did_you_mean
from wfo.text import brief

StopClass = Literal["TIGHT", "MEDIUM", "WIDE"]

#: Values of a fine grid, at most.
MOST_FINE = 100_000

# They stand in the names and, without quotes, in the lines of range files.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]*")


@dataclass(frozen=True, slots=True)
class StopClasses:
    """Tight, medium and wide stops, by the value of a parameter.

    Attributes
    ----------
    parameter
        The parameter that makes a stop wide; one of the two of the map.
    tight_below
        Stops below it are ``"TIGHT"``.
    wide_above
        Stops above it are ``"WIDE"``; what lies between is ``"MEDIUM"``, both bounds included.
    """

    parameter: str
    tight_below: float
    wide_above: float

    def __post_init__(self) -> None:
        if not self.tight_below <= self.wide_above:
            raise InputError(
                f"stop classes need tight_below <= wide_above, not {self.tight_below} and"
                f" {self.wide_above}"
            )

    def of(self, value: float) -> StopClass:
        """Return the class of a stop."""
        if value < self.tight_below:
            return "TIGHT"
        return "WIDE" if value > self.wide_above else "MEDIUM"


@dataclass(frozen=True, slots=True)
class Fine:
    """Limits and step of the finest grid that is worth a test in TradeStation.

    Attributes
    ----------
    low, high, step
        Exact decimals; of a float the one that it is shown as.

    Raises
    ------
    InputError
        If they are no numbers, `low` lies above `high`, `step` is not above 0, or so small that
        there are more than `MOST_FINE` values.
    """

    low: Decimal
    high: Decimal
    step: Decimal

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            if not isinstance(value, Decimal) or not value.is_finite():
                object.__setattr__(self, name, _decimal(name, value))
        if not (self.low <= self.high and self.step > 0):
            raise InputError(
                f"a fine grid from {self.low} to {self.high} in steps of {self.step} has no value;"
                " it needs low <= high and a step above 0"
            )
        if self.high - self.low >= MOST_FINE * self.step:
            raise InputError(
                f"a fine grid from {self.low} to {self.high} in steps of {self.step} has more than"
                f" {MOST_FINE:,} values; take a wider step"
            )

    @classmethod
    def of(cls, low: str, high: str, step: str) -> Fine:
        """Build from decimal texts, so that .02 is .02."""
        return cls(Decimal(low), Decimal(high), Decimal(step))


def _decimal(name: str, value: object) -> Decimal:
    """Return a number as an exact decimal, whole ones without decimals."""
    real = finite_number(name, value)
    number = int(real) if whole(value) is None and real.is_integer() else whole(value)
    return Decimal(repr(real) if number is None else number)


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a strategy in TradeStation.

    Attributes
    ----------
    name
        Its name there.
    fine
        Limits and step used by the range export.
    refined
        Whether the range export opens a range around a plateau, or fixes a value.
    """

    name: str
    fine: Fine
    refined: bool


@dataclass(frozen=True, slots=True)
class TradeStation:
    """A strategy in TradeStation.

    Attributes
    ----------
    name
        Its name there.
    inputs
        One for each parameter.

    Raises
    ------
    InputError
        If a name has other signs than letters, digits, blanks, ``.``, ``_`` and ``-``.
    """

    name: str
    inputs: Mapping[str, Input] = field(hash=False)

    def __post_init__(self) -> None:
        for name in (self.name, *(own.name for own in self.inputs.values())):
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise InputError(
                    f"nothing can be called {brief(name)} in TradeStation; a name has letters,"
                    " digits, blanks, ., _ and -"
                )

    def input(self, parameter: str) -> Input:
        """Return the input of a parameter.

        Raises
        ------
        InputError
            If there is none.
        """
        if parameter not in self.inputs:
            hint = did_you_mean(parameter, self.inputs)
            raise InputError(f"{self.name} has no input for the parameter {parameter!r}{hint}")
        return self.inputs[parameter]

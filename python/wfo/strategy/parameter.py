"""What a parameter is: its name, its kind and its range."""

from __future__ import annotations

import math
import numbers
import operator
from dataclasses import dataclass
from typing import Literal

from wfo.errors import InputError

Number = int | float


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a strategy.

    Attributes
    ----------
    name
        Canonical name, as in grids, result files and constraints.
    kind
        ``"int"``, ``"float"``, or ``"choice"`` for a whole number that names a method.
    low, high
        Range of allowed values; `low` itself is allowed unless `open_low`.
    meaning
        A few words for listings.
    default
        Value of a parameter that a grid leaves out; None where it must be given.

    Raises
    ------
    InputError
        If the default is not allowed.
    """

    name: str
    kind: Literal["int", "float", "choice"]
    low: float
    high: float
    meaning: str
    open_low: bool = False
    default: Number | None = None

    def __post_init__(self) -> None:
        if self.default is not None:
            object.__setattr__(self, "default", self.check(self.default))

    @property
    def whole(self) -> bool:
        """Whether values are whole numbers."""
        return self.kind != "float"

    @property
    def allowed(self) -> str:
        """The range of allowed values, in words."""
        if self.kind == "choice":
            return "one of " + ", ".join(str(v) for v in range(int(self.low), int(self.high) + 1))
        what = "a whole number" if self.whole else "a number"
        low = f" > {self.low:g}" if self.open_low else f" >= {self.low:g}"
        if math.isinf(self.low):
            low = ""
        return f"{what}{low}" + ("" if math.isinf(self.high) else f" and <= {self.high:g}")

    def check(self, value: object) -> Number:
        """Return `value` as an ``int`` or ``float`` that this parameter can have.

        Raises
        ------
        InputError
            If it is of another type or out of range.
        """
        number: Number
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise self._wrong(value)
        if self.whole:
            try:
                number = operator.index(value)  # type: ignore[arg-type]  # NumPy's integers have it
            except TypeError:
                raise self._wrong(value) from None
        else:
            try:
                number = float(value)
            except OverflowError:
                raise self._wrong(value) from None
        above = number > self.low if self.open_low else number >= self.low
        # Engines take whole numbers as floats, which hold them exactly up to 2^53.
        finite = abs(number) <= 2**53 if self.whole else math.isfinite(number)
        if not (finite and above and number <= self.high):
            raise self._wrong(value)
        return number

    def _wrong(self, value: object) -> InputError:
        return InputError(f"{self.name} = {value!r} is not allowed; it must be {self.allowed}")

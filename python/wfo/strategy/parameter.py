"""What a parameter is: its name, its kind and its range."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from wfo.arguments import flag, items, one_of
from wfo.errors import InputError
from wfo.settings import MOST_MULTIPLE
from wfo.text import brief, plain_number

Number = int | float

#: Methods that one parameter chooses from, at most: messages list them all.
_MOST_CHOICES = 1_000


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
    methods
        The names of a choice's values, from `low` on, which are given for them as well; empty where
        they have none.

    Raises
    ------
    InputError
        If the name, kind or range cannot be one, the methods are no name for each value, or the
        default is not allowed.
    """

    name: str
    kind: Literal["int", "float", "choice"]
    low: float
    high: float
    meaning: str
    open_low: bool = False
    default: Number | None = None
    methods: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise InputError(f"a parameter cannot be called {brief(self.name)}; a name is a text")
        one_of(f"{self.name}: kind", self.kind, ("int", "float", "choice"))
        object.__setattr__(self, "open_low", flag(f"{self.name}: open_low", self.open_low))
        if not isinstance(self.meaning, str):
            raise InputError(f"{self.name}: meaning = {brief(self.meaning)} must be a text")
        for end in (self.low, self.high):
            if isinstance(end, bool) or not isinstance(end, numbers.Real):
                raise InputError(f"{self.name}: the range ends at {brief(end)}, which is no number")
        # A NaN is not below anything.
        if not self.low <= self.high:
            raise InputError(
                f"{self.name}: the range {brief(self.low)} to {brief(self.high)} has no value in it"
            )
        if self.kind == "choice" and not (
            math.isfinite(self.low) and self.high - self.low < _MOST_CHOICES
        ):
            raise InputError(
                f"{self.name}: a choice has {_MOST_CHOICES} methods at most, from low to high"
            )
        self._check_methods()
        if self.default is not None:
            object.__setattr__(self, "default", self.check(self.default))

    def _check_methods(self) -> None:
        methods = tuple(items(f"{self.name}: methods", self.methods, str, "names"))
        object.__setattr__(self, "methods", methods)
        if not methods:
            return
        if self.kind != "choice" or len(methods) != self.high - self.low + 1:
            raise InputError(
                f"{self.name}: methods = {brief(methods)} must name each value of a choice"
            )
        if len(set(methods)) < len(methods):
            raise InputError(f"{self.name}: methods = {brief(methods)} has a name twice")

    @property
    def whole(self) -> bool:
        """Whether values are whole numbers."""
        return self.kind != "float"

    @property
    def allowed(self) -> str:
        """The range of allowed values, in words."""
        return self._range(self.high)

    @property
    def listed(self) -> str:
        """The same for listings, without an upper limit that only keeps the arithmetic finite."""
        if self.kind == "choice":
            # The meaning, which stands beside it, names the methods.
            return "one of " + ", ".join(map(str, self._numbers()))
        return self._range(math.inf if self.high >= MOST_MULTIPLE else self.high)

    def _numbers(self) -> range:
        return range(int(self.low), int(self.high) + 1)

    def _range(self, high: float) -> str:
        if self.kind == "choice":
            return "one of " + ", ".join(map(self.worded, self._numbers()))
        what = "a whole number" if self.whole else "a number"
        low = f" > {self.low:g}" if self.open_low else f" >= {self.low:g}"
        if math.isinf(self.low):
            low = ""
        return f"{what}{low}" + ("" if math.isinf(high) else f" and <= {high:g}")

    def method(self, value: Number) -> str:
        """Return the name of the method that an allowed value stands for; empty without names."""
        return self.methods[int(value - self.low)] if self.methods else ""

    def worded(self, value: Number) -> str:
        """Return a value that is allowed as text, with the name of the method that it stands for.

        Examples
        --------
        >>> average = Parameter("average", "choice", 0, 1, "", methods=("simple", "weighted"))
        >>> average.worded(1)
        '1 (weighted)'
        """
        method = self.method(value)
        return f"{value} ({method})" if method else str(value)

    def check(self, value: object) -> Number:
        """Return `value` as an ``int`` or ``float`` that this parameter can have.

        The name of a method is the number of it.

        Raises
        ------
        InputError
            If it is of another type or out of range.
        """
        number: Number
        # A text that is a number stays one that is written without quotes, whatever is called so.
        if isinstance(value, str) and value in self.methods and not plain_number(value):
            return int(self.low) + self.methods.index(value)
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
        plain = self._plainly(value)
        return InputError(
            f"{self.name} = {brief(value)} is not allowed; it must be {self.allowed}{plain}"
        )

    def _plainly(self, value: object) -> str:
        """Say how an allowed number is written that came as a text or as a broken number."""
        if self.whole and isinstance(value, float):
            value = repr(float(value))
        written = plain_number(value) if isinstance(value, str) else ""
        if not written:
            return ""
        try:
            # A number is refused without this hint, or, where whole, as an int: once at most.
            self.check(int(written) if self.whole else float(written))
        except ValueError:
            return ""
        return f"; write {written}"


def methods_of(parameters: Iterable[Parameter], params: Mapping[str, Number]) -> dict[str, str]:
    """Return the names of the methods that values of a parameter set stand for, by parameter."""
    return {p.name: p.method(params[p.name]) for p in parameters if p.methods}

"""Parameters as a user writes them in a class or before a kernel: a kind, a range, a step.

An `Int`, `Float` or `Choice` says in one place what a parameter may be and which values a grid has
where none is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from wfo.arguments import finite_number, text, whole_number
from wfo.errors import InputError
from wfo.strategy.parameter import Number, Parameter
from wfo.text import brief

#: Values of a default grid on one axis, at most.
_MOST_VALUES = 100_000


@dataclass(frozen=True, slots=True)
class Int:
    """A whole number from `low` to `high`.

    Attributes
    ----------
    low, high
        The range; both ends are allowed.
    step
        Distance of the values of the default grid, which begins at `low`.
    meaning
        A few words for listings.
    default
        Value of a parameter that a grid leaves out; None where it must be given.

    Raises
    ------
    InputError
        If a number is not whole, `high` is below `low`, or `step` is below 1.
    """

    low: int
    high: int
    step: int = 1
    meaning: str = field(default="", kw_only=True)
    default: int | None = field(default=None, kw_only=True)

    kind: ClassVar[Literal["int"]] = "int"

    if TYPE_CHECKING:

        def __get__(self, instance: object, owner: type | None = None) -> Any:
            """Say that within rules it stands for the value."""

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            object.__setattr__(self, name, whole_number(f"Int: {name}", getattr(self, name)))
        text("Int: meaning", self.meaning)
        if self.high < self.low:
            raise InputError(f"Int: high = {self.high} is below low = {self.low}")
        if self.step < 1:
            raise InputError(f"Int: step = {self.step} must be 1 or more")

    def parameter(self, name: str) -> Parameter:
        """Return it as the parameter of a strategy called `name`."""
        return _parameter(self, name)

    def values(self) -> tuple[Number, ...]:
        """Return the values of the default grid.

        Raises
        ------
        InputError
            If there are too many.
        """
        return _checked(range(self.low, self.high + 1, self.step))


@dataclass(frozen=True, slots=True)
class Float:
    """A number from `low` to `high`.

    Attributes
    ----------
    low, high
        The range; both ends are allowed.
    step
        Distance of the values of the default grid, which begins at `low`; None for no default grid.
        Values are counted in decimals, so that .1 three times is .3.
    meaning
        A few words for listings.
    default
        Value of a parameter that a grid leaves out; None where it must be given.

    Raises
    ------
    InputError
        If a number is not finite, `high` is below `low`, or `step` is not above 0.
    """

    low: float
    high: float
    step: float | None = None
    meaning: str = field(default="", kw_only=True)
    default: float | None = field(default=None, kw_only=True)

    kind: ClassVar[Literal["float"]] = "float"

    if TYPE_CHECKING:

        def __get__(self, instance: object, owner: type | None = None) -> Any:
            """Say that within rules it stands for the value."""

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            object.__setattr__(self, name, finite_number(f"Float: {name}", getattr(self, name)))
        text("Float: meaning", self.meaning)
        if self.high < self.low:
            raise InputError(f"Float: high = {self.high:g} is below low = {self.low:g}")
        if self.step is not None:
            object.__setattr__(self, "step", finite_number("Float: step", self.step))
            if self.step <= 0:
                raise InputError(f"Float: step = {self.step:g} must be above 0")

    def parameter(self, name: str) -> Parameter:
        """Return it as the parameter of a strategy called `name`."""
        return _parameter(self, name)

    def values(self) -> tuple[Number, ...] | None:
        """Return the values of the default grid; None without a step.

        Raises
        ------
        InputError
            If there are too many.
        """
        if self.step is None:
            return None
        low, high, step = (Decimal(repr(v)) for v in (self.low, self.high, self.step))
        count = int((high - low) / step) + 1
        return _checked([float(low + i * step) for i in range(min(count, _MOST_VALUES + 1))])


@dataclass(frozen=True, slots=True, init=False)
class Choice:
    """One of several methods, whose number is the value: 0 for the first, 1 for the second.

    Wherever a value is given the method's name may stand for its number.
    In rules ``x.choose(self.method, a, b)`` takes the expression of that number.

    Parameters
    ----------
    *methods
        Their names, two or more.
    meaning
        A few words for listings.
    default
        Name or number of the method that is taken where a grid leaves the parameter out; None where
        it must be given.

    Raises
    ------
    InputError
        If there are fewer than two names or one is there twice, or the default is none of them.
    """

    methods: tuple[str, ...]
    meaning: str
    default: int | None

    kind: ClassVar[Literal["choice"]] = "choice"

    #: The number of the first method.
    low: ClassVar[int] = 0

    if TYPE_CHECKING:

        def __get__(self, instance: object, owner: type | None = None) -> Any:
            """Say that within rules it stands for the value."""

    def __init__(self, *methods: str, meaning: str = "", default: str | int | None = None) -> None:
        for name in methods:
            if not (isinstance(name, str) and name and name.isprintable()):
                raise InputError(
                    f"Choice: {brief(name)} is no name of a method; write the names, as in"
                    " Choice('simple', 'exponential')"
                )
        if len(methods) < 2 or len(set(methods)) < len(methods):
            raise InputError(
                f"Choice: {brief(methods)} must be two names or more, each of them once"
            )
        text("Choice: meaning", meaning)
        if isinstance(default, str):
            if default not in methods:
                raise InputError(
                    f"Choice: default = {brief(default)} is none of {', '.join(methods)}"
                )
            default = methods.index(default)
        if default is not None:
            default = whole_number("Choice: default", default)
        object.__setattr__(self, "methods", methods)
        object.__setattr__(self, "meaning", meaning)
        object.__setattr__(self, "default", default)

    @property
    def high(self) -> int:
        """The number of the last method."""
        return len(self.methods) - 1

    def parameter(self, name: str) -> Parameter:
        """Return it as the parameter of a strategy called `name`."""
        listed = ", ".join(f"{k} {method}" for k, method in enumerate(self.methods))
        meaning = f"{self.meaning}: {listed}" if self.meaning else listed
        return Parameter(
            name,
            "choice",
            self.low,
            self.high,
            meaning,
            default=self.default,
            methods=self.methods,
        )

    def values(self) -> tuple[Number, ...]:
        """Return the values of the default grid, which are all."""
        return tuple(range(len(self.methods)))


Axis = Int | Float | Choice


def _parameter(axis: Int | Float, name: str) -> Parameter:
    return Parameter(name, axis.kind, axis.low, axis.high, axis.meaning, default=axis.default)


def _checked(values: Sequence[Number]) -> tuple[Number, ...]:
    if len(values) > _MOST_VALUES:
        raise InputError(
            f"a default grid of more than {_MOST_VALUES:,} values from {brief(values[0])} on; give"
            " a larger step"
        )
    return tuple(values)

"""A dimension of a space: its name, its kind and its values."""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from wfo.arguments import rebuilt
from wfo.errors import InputError, did_you_mean
from wfo.files.limits import AXIS_VALUES
from wfo.search.space.configuration import told
from wfo.search.space.names import Value, is_key
from wfo.text import brief, one_line, plain_number, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

Kind = Literal["int", "float", "choice"]

#: How points are drawn: ``"uniform"``, ``"log-uniform"``, or the mean and standard deviation of a
#: normal distribution that is cut off at both ends.
Prior = str | tuple[float, float]

#: Whole numbers up to it are exact as floats.
MOST_WHOLE: Final = 2**53

#: Sizes of broken numbers, and of ends other than 0: products of two stay within the floats.
LEAST_NUMBER, MOST_NUMBER = 1e-150, 1e150

#: The least width of a continuous dimension, as a share of its numbers: they have digits enough.
_NARROWEST = 1e-6

#: Significant digits of a value of a continuous dimension: of the larger end, or of the value
#: itself on a scale of logarithms. A position of float64 tells that many apart, and no more.
_DIGITS, _DIGITS_OF_LOG = 14, 12

#: Powers of ten that float64 has exactly.
_EXACT_POWER = 22

#: Characters of a text that is a value.
_LONGEST_TEXT = 1_000

#: Ranges that a prior's standard deviation is at most: a wider one is uniform.
_MOST_OF_SD = 100


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension of a space.

    It is made of `values`, or of `low` and `high`. Of the second form, a dimension of whole numbers
    has steps of 1 unless `step` says otherwise, and one of broken numbers without a step is
    continuous.

    Attributes
    ----------
    name
        Dotted, as in ``strategy.swing.sma_fast``.
    kind
        ``"int"``, ``"float"``, or ``"choice"`` for texts, truth values, or numbers that have no
        order.
    values
        All values in the order that they were written in; None of a continuous dimension and of
        more than 10,000 whole numbers.
    low, high
        The least and the largest value; None of a choice.
    step
        From one value to the next; None of listed values and of a continuous dimension.
    log
        Whether distances are those of logarithms.
    prior
        How points are drawn; by default uniform, on the scale that `log` says.

    Raises
    ------
    InputError
        If there is no value, one is there twice, or one is of another kind.
    """

    name: str
    kind: Kind
    values: tuple[Value, ...] | None = None
    low: float | int | None = None
    high: float | int | None = None
    step: float | int | None = None
    log: bool = False
    prior: Prior = ""
    _table: FloatArray | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not all(map(is_key, self.name.split("."))):
            raise InputError(
                f"a dimension cannot be called {brief(self.name)}; between dots a name has letters,"
                " digits and _, and between them blanks, - and +"
            )
        if self.kind not in ("int", "float", "choice"):
            raise self._wrong(f"kind = {brief(self.kind)} must be int, float or choice")
        if not isinstance(self.log, bool):
            raise self._wrong(f"log = {brief(self.log)} must be true or false")
        if self.values is not None and self.step is None:
            self._set(values=self._checked(self.values))
            self._read_list()
        elif self.kind == "choice":
            raise self._wrong("a choice needs a list of values, as in {choice: [sma, ema]}")
        else:
            self._read_range()

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _wrong(self, said: str) -> InputError:
        return InputError(f"{self.name}: {said}")

    def _checked(self, values: Any) -> tuple[Value, ...]:
        if isinstance(values, str | Mapping) or not isinstance(values, Sequence):
            raise self._wrong(f"values = {brief(values)} must be a list")
        if not values:
            raise self._wrong("there is no value; give one at least")
        if len(values) > AXIS_VALUES:
            raise self._wrong(
                f"there are {len(values):,} values; at most {AXIS_VALUES:,} will do, or a range"
                " such as {int: [1, 100000]}"
            )
        found = tuple(self.plain(value) for value in values)
        seen: set[tuple[bool, Value]] = set()
        for value in found:
            mark = (isinstance(value, bool), value)
            if mark in seen:
                raise self._wrong(f"the value {told(value)} is there twice; keep one")
            seen.add(mark)
        return found

    def _read_list(self) -> None:
        if self.log or self.prior not in ("", "uniform"):
            raise self._wrong(
                "log and prior go with a range, as in {float: [0.001, 1], log: true}, and not with"
                " listed values"
            )
        self._set(prior="uniform")
        values = cast("tuple[Value, ...]", self.values)
        low, high = (None, None)
        if self.kind != "choice":
            known = cast("tuple[float, ...]", values)
            low, high = min(known), max(known)
        for name, end in (("low", low), ("high", high)):
            given = getattr(self, name)
            if given is not None and given != end:
                raise self._wrong(f"{name} = {brief(given)} goes with a range, and not with values")
        self._set(low=low, high=high)

    def _read_range(self) -> None:
        low, high = (self.plain(end) for end in self._ends())
        low, high = cast("float", low), cast("float", high)
        self._set(low=low, high=high)
        for end in (low, high):
            if end != 0 and abs(end) < LEAST_NUMBER:
                raise self._wrong(f"{told(end)} must be 0 or of a size from {LEAST_NUMBER:g} on")
        if low > high:
            raise self._wrong(
                f"the range begins at {told(low)}, above its end {told(high)}; write [{high},"
                f" {low}]"
            )
        if self.log and low <= 0:
            raise self._wrong(
                f"a range of logarithms begins above 0, and not at {told(low)}; leave log out, or"
                " begin above 0"
            )
        if self.kind == "int" and self.step is None:
            self._set(step=1)
        if self.step is not None:
            self._read_steps(low, high)
        elif not low < high:
            raise self._wrong(f"the range has the one value {told(low)}; write [{told(low)}]")
        elif high - low < _NARROWEST * max(abs(low), abs(high)):
            raise self._wrong(
                f"{told(low)} to {told(high)} is narrower than a millionth of its numbers; search"
                " the difference from one of them"
            )
        self._read_prior(low, high)

    def _ends(self) -> tuple[object, object]:
        if self.low is None or self.high is None:
            raise self._wrong("there is no value; give a list of values, or a range [low, high]")
        return self.low, self.high

    def _read_steps(self, low: float, high: float) -> None:
        try:
            step = cast("float", self.plain(self.step))
        except InputError:
            step = 0
        if step <= 0:
            what = "a whole number" if self.kind == "int" else "a number"
            raise self._wrong(f"step = {told(self.step)} must be {what} above 0")
        # Through text, so that 0.32 is 0.32 and not the nearest binary fraction.
        first, last, width = (Decimal(str(x)) for x in (low, high, step))
        if last - first > MOST_WHOLE and self.kind == "int":
            raise self._wrong(f"{told(low)} to {told(high)} is wider than 2^53; take a part of it")
        if (last - first) / width > MOST_WHOLE:
            raise self._wrong(f"steps of {told(step)} are more than 2^53; take wider ones")
        count, rest = divmod(last - first, width)
        size = int(count) + 1
        if rest:
            end = first + count * width
            raise self._wrong(
                f"{told(low)} to {told(high)} is not a whole number of steps of {told(step)};"
                f" end at {_decimal(end)} or at {_decimal(end + width)}"
            )
        if self.kind == "float" and size > AXIS_VALUES:
            raise self._wrong(
                f"steps of {told(step)} make {size:,} values; at most {AXIS_VALUES:,} will do:"
                " take wider ones, or leave step out for a continuous dimension"
            )
        listed: tuple[Value, ...] | None = None
        if size <= AXIS_VALUES:
            every = (first + i * width for i in range(size))
            listed = tuple(int(x) if self.kind == "int" else float(x) + 0.0 for x in every)
        if self.values is not None and self.values != listed:
            raise self._wrong("step goes with a range [low, high], and not with values")
        self._set(step=step, values=listed)

    def _read_prior(self, low: float, high: float) -> None:
        prior: Any = self.prior or ("log-uniform" if self.log else "uniform")
        if isinstance(prior, str):
            if prior not in ("uniform", "log-uniform"):
                hint = did_you_mean(prior, ("uniform", "log-uniform"))
                raise self._wrong(f"prior = {shown(prior)} is unknown{hint}, normal: [mean, sd]")
            if prior == "log-uniform" and low <= 0:
                raise self._wrong(
                    f"the prior log-uniform needs a range above 0, and not from {told(low)} on"
                )
            self._set(prior=prior)
            return
        if isinstance(prior, Mapping) and set(prior) == {"normal"}:
            prior = prior["normal"]
        if not isinstance(prior, list | tuple) or len(prior) != 2:
            raise self._wrong(
                f"prior = {brief(self.prior)} must be uniform, log-uniform or normal: [mean, sd]"
            )
        mean, sd = (_number(x) for x in prior)
        if mean is None or sd is None or not low <= mean <= high:
            raise self._wrong(
                f"the prior normal: {brief(list(prior))} needs a mean within {told(low)} to"
                f" {told(high)}, and a standard deviation"
            )
        if not 0 < sd <= _MOST_OF_SD * max(high - low, LEAST_NUMBER):
            raise self._wrong(
                f"the prior's standard deviation {told(sd)} must be above 0 and at most"
                f" {_MOST_OF_SD} times the range; leave the prior out for a uniform one"
            )
        self._set(prior=(mean, sd))

    def plain(self, value: object) -> Value:
        """Return a value as this dimension has it, whether it is one of its values or not.

        Raises
        ------
        InputError
            If it is of another kind.
        """
        if self.kind == "choice":
            return self._choice(value)
        number = _number(value)
        if self.kind == "int":
            whole = number is not None and number == int(number)
            if number is None or not whole or abs(number) > MOST_WHOLE:
                raise self._wrong(f"{told(value)} must be a whole number within 2^53{_how(value)}")
            return int(number)
        if number is None or abs(number) > MOST_NUMBER:
            raise self._wrong(f"{told(value)} must be a number, of a size up to {MOST_NUMBER:g}")
        return float(number) + 0.0

    def _choice(self, value: object) -> Value:
        if isinstance(value, bool):
            return value
        if isinstance(value, str):
            if len(value) > _LONGEST_TEXT or one_line(value) != value:
                raise self._wrong(
                    f"{shown(value)} must be a line of up to {_LONGEST_TEXT:,} characters, none of"
                    " which steers a terminal"
                )
            return value
        number = _number(value)
        if number is None:
            raise self._wrong(f"{told(value)} must be a text, a number, true or false")
        if isinstance(number, int) and abs(number) > MOST_WHOLE:
            raise self._wrong(f"{told(value)} must be a whole number within 2^53")
        return number if isinstance(number, int) else number + 0.0

    @property
    def size(self) -> int | None:
        """How many values it has; None of a continuous dimension."""
        if self.values is not None:
            return len(self.values)
        if self.step is None:
            return None
        low, high, step = (cast("int", x) for x in (self.low, self.high, self.step))
        return (high - low) // step + 1

    @property
    def continuous(self) -> bool:
        """Whether its values lie between two ends, without steps."""
        return self.values is None and self.step is None

    @property
    def listed(self) -> bool:
        """Whether it was made of values, and not of a range."""
        return self.values is not None and self.step is None

    @property
    def ordered(self) -> bool:
        """Whether neighbours are near each other: numbers that ascend or descend, but no choice."""
        if self.kind == "choice":
            return False
        if not self.listed:
            return True
        values = cast("tuple[float, ...]", self.values)
        rises = {b > a for a, b in itertools.pairwise(values)}
        return len(rises) <= 1

    @property
    def numeric(self) -> bool:
        """Whether all values are numbers."""
        return self.kind != "choice" or all(
            isinstance(value, int | float) and not isinstance(value, bool)
            for value in self.values or ()
        )

    @property
    def table(self) -> FloatArray:
        """All values of a numeric dimension that has them listed, float64[size]."""
        import numpy as np

        found = self._table
        if found is None:
            found = np.asarray(self.values, np.float64)
            self._set(_table=found)
        return found

    def rounded(self, values: FloatArray) -> FloatArray:
        """Return values of a continuous dimension as decimals that its positions tell apart."""
        import numpy as np

        low, high = cast("float", self.low), cast("float", self.high)
        if self.log:
            digits = _DIGITS_OF_LOG - 1 - np.floor(np.log10(values))
        else:
            largest = math.floor(math.log10(max(abs(low), abs(high))))
            digits = np.full(len(values), float(_DIGITS - 1 - largest))
        up = np.power(10.0, np.abs(digits))
        found = np.where(digits >= 0, np.rint(values * up) / up, np.rint(values / up) * up)
        for at in np.flatnonzero(np.abs(digits) > _EXACT_POWER):
            found[at] = float(round(Decimal(float(values[at])), int(digits[at])))
        ended: FloatArray = np.clip(found, low, high) + 0.0
        return ended

    def to_dict(self) -> dict[str, Any]:
        """Return the dimension as plain values."""
        if self.listed:
            return {"name": self.name, "kind": self.kind, "values": list(self.values or ())}
        prior: Any = self.prior
        return {
            "name": self.name,
            "kind": self.kind,
            "low": self.low,
            "high": self.high,
            "step": self.step,
            "log": self.log,
            "prior": prior if isinstance(prior, str) else {"normal": list(prior)},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Dimension:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is no dimension.
        """
        return rebuilt("dimension", data, lambda values: cls(**values))


def _number(value: object) -> int | float | None:
    """Return what is a finite number, also one that is written as a text; None of all else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        written = plain_number(value.strip())
        return None if not written else float(value) if "." in written else int(written)
    try:
        if isinstance(value, numbers.Integral):
            return int(value) if abs(int(value)) <= MOST_NUMBER else None
        number = float(value) if isinstance(value, numbers.Real) else math.nan
    except (ArithmeticError, TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _how(value: object) -> str:
    return "; put a text into {choice: [...]}" if isinstance(value, str) else ""


def is_utf8(text: str) -> bool:
    """Whether a file can hold a text: not one with half of a pair of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _decimal(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

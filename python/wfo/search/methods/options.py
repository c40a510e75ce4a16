"""Options of methods: their defaults are in a file, what is given is checked against them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wfo.arguments import whole
from wfo.errors import InputError, did_you_mean
from wfo.text import brief, one_line

_DEFAULTS = Path(__file__).parents[1] / "defaults" / "methods.yaml"


@dataclass(frozen=True, slots=True)
class Range:
    """What values an option takes.

    Attributes
    ----------
    low, high
        The least and the largest number.
    whole
        Whether it is a whole number.
    optional
        Whether it may be null.
    above
        Whether it is larger than the least rather than equal.
    """

    low: float
    high: float = math.inf
    whole: bool = False
    optional: bool = False
    above: bool = False

    def taken(self, value: object) -> int | float | None:
        """Return a value as a number, or None; raises ValueError with what would do."""
        if value is None and self.optional:
            return None
        number: int | float | None = whole(value)
        if number is None and not self.whole and isinstance(value, float):
            number = value
        inside = number is not None and math.isfinite(number) and self.low <= number <= self.high
        if not inside or (self.above and number == self.low):
            raise ValueError(self.said())
        assert number is not None  # noqa: S101  # as `inside` says
        return number if self.whole else float(number)

    def said(self) -> str:
        """Return what would do, in words."""
        kind = "a whole number" if self.whole else "a number"
        least = f"above {self.low:g}" if self.above else f"from {self.low:g} on"
        if math.isfinite(self.high):
            least = (
                f"above {self.low:g} and at most {self.high:g}"
                if self.above
                else f"from {self.low:g} to {self.high:g}"
            )
        return f"{kind} {least}{' or null' if self.optional else ''}"


@dataclass(frozen=True, slots=True)
class Flag:
    """An option that is true or false, or null where it may be."""

    optional: bool = False

    def taken(self, value: object) -> bool | None:
        """Return a value as it is; raises ValueError with what would do."""
        if value is None and self.optional:
            return None
        if not isinstance(value, bool):
            raise ValueError(self.said())
        return value

    def said(self) -> str:
        """Return what would do, in words."""
        return "true, false or null" if self.optional else "true or false"


#: What an option takes.
Option = Range | Flag

Options = Mapping[str, Any]
Ranges = Mapping[str, Option]


def read_defaults() -> dict[str, dict[str, Any]]:
    """Return the shipped defaults, a mapping of options a method."""
    from wfo.yaml_text import read_yaml

    where = f"{_DEFAULTS.parent.name}/{_DEFAULTS.name}"
    data = read_yaml(_DEFAULTS, where, missing=f"there is no file {one_line(_DEFAULTS)}")
    return {str(name): dict(options or {}) for name, options in data.items()}


def option_errors(method: str, options: object, ranges: Ranges) -> list[tuple[str, str]]:
    """Return what is wrong with options: each the option's name and a message.

    Parameters
    ----------
    method
        Name of the method.
    options
        What was given.
    ranges
        What the method takes.
    """
    if not isinstance(options, Mapping):
        return [("", f"options of the method {method} must be a mapping, not {brief(options)}")]
    found: list[tuple[str, str]] = []
    for name, value in options.items():
        if name not in ranges:
            known = did_you_mean(name, ranges) if ranges else "; it takes none"
            found.append((str(name), f"the method {method} has no option {brief(name)}{known}"))
            continue
        try:
            ranges[name].taken(value)
        except ValueError as error:
            said = f"option {name} of the method {method} = {brief(value)} must be {error}"
            found.append((str(name), said))
    return found


def taken_options(method: str, options: Options, ranges: Ranges) -> dict[str, Any]:
    """Return options with the defaults of those that are not given.

    Parameters
    ----------
    method, options, ranges
        As for `option_errors`.

    Raises
    ------
    InputError
        A line for each that cannot be used.
    """
    errors = option_errors(method, options, ranges)
    if errors:
        raise InputError("\n".join(message for _, message in errors))
    values = {**read_defaults().get(method, {}), **options}
    return {name: each.taken(values.get(name)) for name, each in ranges.items()}

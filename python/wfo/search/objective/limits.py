"""Limits: what figures must keep to, and how far those that do not lie beyond."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, cast

from wfo.arguments import finite_number, rebuilt
from wfo.search.objective.figures import (
    Known,
    canonical,
    is_name,
    known,
    shipped,
    unknown_figures,
)
from wfo.search.objective.reading import Problems, inside
from wfo.text import brief, shown

if TYPE_CHECKING:
    from wfo.search.values import FloatArray

Side = Literal["at_least", "at_most"]
Mode = Literal["none", "strict", "lenient"]

SIDES: Final[tuple[Side, ...]] = ("at_least", "at_most")
MODES: Final[tuple[Mode, ...]] = ("none", "strict", "lenient")

#: Limits of a search, and guardrails of a file.
MOST_LIMITS: Final = 100

#: Scales lie within these, so that what lies beyond a limit, divided by one, stays a number.
_LEAST_SCALE, _MOST_SCALE = 1e-12, 1e12

_WRITTEN: Final = re.compile(r"\s*(>=|<=|≥|≤)\s*(.*\S)\s*")
_LENIENT: Final = re.compile(r"lenient(?:\s*\(\s*([0-9]{1,3})\s*\))?")


class _Limit(NamedTuple):
    figure: str
    side: Side
    bound: float
    scale: float


class Limit(_Limit):
    """A figure's limit. It is a tuple, and nothing changes it once it is made.

    Attributes
    ----------
    figure
        Its name, as the file has it.
    side
        ``"at_least"`` or ``"at_most"``.
    bound
        The limit itself keeps to it.
    scale
        How far beyond counts as 1.
    """

    __slots__ = ()

    def __new__(  # noqa: D102  # the class says it
        cls, figure: str, side: Side, bound: float, scale: float | None = None
    ) -> Limit:
        found = Problems()
        if not is_name(figure):
            found.add("figure", f" = {brief(figure)} is no name of a figure")
        found.word("side", side, SIDES)
        number = found.number("bound", bound)
        size = _scale(found, "scale", scale, number or 0.0)
        found.finish()
        return super().__new__(cls, figure, side, float(bound), size)

    def __str__(self) -> str:
        return f"{self.figure} {self.side.replace('_', ' ')} {self.bound:g}"

    @property
    def key(self) -> tuple[str, Side]:
        """What it limits: limits of one key are the same one, but for their bounds."""
        return canonical(self.figure), self.side

    def holds(self, value: float) -> bool:
        """Whether a figure keeps to it; NaN does not."""
        return value >= self.bound if self.side == "at_least" else value <= self.bound

    def beyond(self, values: FloatArray, undefined: float) -> FloatArray:
        """Return how far figures lie beyond it, in scales.

        Parameters
        ----------
        values
            float64[n], NaN where undefined.
        undefined
            What an undefined figure counts as.

        Returns
        -------
        FloatArray
            0 where it holds, and only there; below `undefined` where the figure is defined.
        """
        import numpy as np

        with np.errstate(over="ignore", invalid="ignore"):
            over = self.bound - values if self.side == "at_least" else values - self.bound
            found = squeezed(over / self.scale, undefined)
        # A difference that is lost to rounding is one nevertheless.
        found = np.where(over > 0, np.maximum(found, np.finfo(np.float64).tiny), found)
        return np.where(np.isfinite(values), found, undefined)

    def to_dict(self) -> dict[str, Any]:
        """Return the limit as plain values."""
        return self._asdict()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Limit:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is something else.
        """

        def build(values: Mapping[str, Any]) -> Limit:
            # Only a file that is read may leave the scale to the bound.
            size = finite_number("scale", values["scale"])
            return cls(values["figure"], values["side"], values["bound"], size)

        return rebuilt("limit", data, build)


def squeezed(scales: FloatArray, most: float) -> FloatArray:
    """Return violations as they are up to half of `most`, and beyond it so that none reaches it.

    The curve goes on without a kink, and always ascends: ``most - (most / 2)^2 / scales``.
    """
    import numpy as np

    half = most / 2
    with np.errstate(invalid="ignore", over="ignore"):
        far = most - half * (half / np.maximum(scales, half))
        return np.where(
            scales > half, np.minimum(far, np.nextafter(most, 0.0)), np.maximum(scales, 0.0)
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a search, and how many of them may be broken.

    Attributes
    ----------
    rules
        The limits.
    mode
        ``"none"`` does not look at them; ``"strict"``: all hold; ``"lenient"``: `allowed` may be
        broken.
    allowed
        How many may be broken; 0 unless lenient.
    undefined
        What an undefined figure counts as, in scales.
    """

    rules: tuple[Limit, ...]
    mode: Mode = "none"
    allowed: int = 0
    undefined: float = 10.0

    def __post_init__(self) -> None:
        found = Problems()
        mode = found.word("mode", self.mode, MODES)
        found.number("undefined", self.undefined, above=0)
        if isinstance(self.allowed, bool) or not isinstance(self.allowed, int) or self.allowed < 0:
            found.add("allowed", f" = {brief(self.allowed)} must be a whole number, 0 or more")
        elif mode is not None and (mode == "lenient") != (self.allowed > 0):
            found.add("allowed", f" = {brief(self.allowed)} does not go with the mode {mode}")
        if not all(isinstance(rule, Limit) for rule in self.rules):
            found.add("rules", " must be limits")
        found.finish()
        # What `_replace` makes has not been checked.
        check_rules([Limit(*rule) for rule in self.rules], "limits", found)
        if self.allowed and self.allowed >= len(self.rules):
            found.add(
                "allowed", f" = {brief(self.allowed)} of {len(self.rules)} limits leaves none"
            )
        found.finish()

    @classmethod
    def default(cls) -> Limits:
        """Return the limits that ship, in the mode that ships: they are not looked at."""
        return cls.read(None, "limits")

    @classmethod
    def read(cls, data: Any, where: str, known_figures: Iterable[str] | None = None) -> Limits:
        """Return the limits that a space's file describes.

        Parameters
        ----------
        data
            The value in the file: None, ``"none"``, ``"strict"``, ``"lenient"`` or
            ``"lenient(2)"`` for the limits that ship; a mapping of figures to limits, which alone
            hold then, all of them; or a mapping with `mode`, `broken` (how many may be, where
            lenient), `limits`, and `shipped: true` to add to those that ship.
        where
            What messages call it, such as ``"space.yaml: limits"``.
        known_figures
            The figures that an evaluation gives, where they are known already.

        Raises
        ------
        InputError
            With a line for each mistake in it.
        """
        found = Problems()
        made = _read_limits(found, data, where)
        if made is not None and known_figures is not None:
            found.lines += made.missing(known_figures, where)
        found.finish()
        # Without a problem there are limits.
        return cast("Limits", made)

    def missing(self, names: Iterable[str], where: str = "limits") -> list[str]:
        """Return a line for each figure that an evaluation which gives `names` lacks."""
        if self.mode == "none":
            return []
        return unknown_figures(((where, rule.figure) for rule in self.rules), names)

    def total(self, beyond: FloatArray) -> FloatArray:
        """Return the violation of each trial.

        Parameters
        ----------
        beyond
            float64[n, limits], as `Limit.beyond` returns.

        Returns
        -------
        FloatArray
            float64[n]: their sum, without the `allowed` largest where lenient.
        """
        import numpy as np

        if self.mode == "none" or not self.rules:
            return np.zeros(len(beyond))
        kept = len(self.rules) - self.allowed
        if self.allowed == 0:
            return row_sums(beyond)
        return row_sums(np.sort(beyond, axis=1)[:, : max(kept, 0)])

    def to_dict(self) -> dict[str, Any]:
        """Return the limits as plain values, for the study's record."""
        return {
            "mode": self.mode,
            "allowed": self.allowed,
            "undefined": self.undefined,
            "rules": [rule.to_dict() for rule in self.rules],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Limits:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is something else.
        """
        return rebuilt(
            "set of limits",
            data,
            lambda v: cls(
                tuple(map(Limit.from_dict, v["rules"])), v["mode"], v["allowed"], v["undefined"]
            ),
        )


def row_sums(table: FloatArray) -> FloatArray:
    """Return the sum of each row, from left to right, as long as the others in a table are."""
    import numpy as np

    # NumPy's own sums depend on the shape of what is summed beside.
    total = np.zeros(len(table))
    for column in range(table.shape[1]):
        total += table[:, column]
    return total


def check_rules(rules: Iterable[Limit], where: str, found: Problems) -> None:
    """Note limits that are there twice, leave nothing, or are too many."""
    seen: dict[tuple[str, Side], Limit] = {}
    for rule in rules:
        if rule.key in seen:
            found.add(where, f": there are two limits {rule.side} on {rule.key[0]}; keep one")
        seen[rule.key] = rule
    if len(seen) > MOST_LIMITS:
        found.add(where, f": there are {len(seen)} limits; {MOST_LIMITS} are taken")
    for (name, side), rule in seen.items():
        other = seen.get((name, "at_most"))
        if side == "at_least" and other is not None and rule.bound > other.bound:
            found.add(where, f": {rule} and {other} leave no value")
        of = known(name)
        none = rule.bound > of.most if side == "at_least" else rule.bound < of.least
        if none:
            found.add(where, f": {rule} leaves no value: {_range(of)}")
        # Such as a drawdown of 20: its limit is a fraction.
        idle = rule.bound > of.most if side == "at_most" else rule.bound < of.least
        if idle:
            found.add(where, f": {rule} always holds: {_range(of)}")


def _range(of: Known) -> str:
    counted = ", a fraction, 0.2 of 20 %" if of.most == 1 else ""
    return f"the figure lies from {of.least:g} to {of.most:g}{counted}"


def read_rules(found: Problems, data: Any, where: str) -> tuple[Limit, ...]:
    """Return the limits that a mapping of figures describes, and note what is wrong with it."""
    before = len(found.lines)
    rules = []
    given_rules = found.mapping(where, data, "figures to limits")
    if len(given_rules) > MOST_LIMITS:
        found.add(where, f" has limits on {len(given_rules):,} figures; {MOST_LIMITS} are taken")
        return ()
    for name, given in given_rules.items():
        at = inside(where, name)
        figure = found.name(where, name)
        own = given
        if isinstance(given, str) and (written := _WRITTEN.fullmatch(given)):
            side = "at_least" if written[1] in {">=", "≥"} else "at_most"
            try:
                own = {side: float(written[2])}
            except ValueError:
                own = {side: written[2]}
        if not isinstance(own, Mapping) or not any(side in own for side in SIDES):
            found.add(at, f" = {shown(given)} must be at_least or at_most a number, as"
                          " {at_least: 1}")  # fmt: skip
            continue
        found.keys(at, own, (*SIDES, "scale"))
        for side in SIDES:
            if side in own:
                bound = found.number(f"{at}.{side}", own[side])
                size = _scale(found, f"{at}.scale", own.get("scale"), bound or 0.0)
                if figure is not None and bound is not None and size > 0:
                    rules.append(Limit(figure, side, bound, size))
    if len(found.lines) == before:
        check_rules(rules, where, found)
    return tuple(rules)


def _read_limits(found: Problems, data: Any, where: str) -> Limits | None:
    before = len(found.lines)
    values = shipped("limits")
    own = read_rules(found, values["limits"], "limits.yaml")
    mode, allowed, rules = str(values["mode"]), 0, own
    if isinstance(data, str):
        mode, allowed = _mode(found, where, data, None)
    elif isinstance(data, Mapping) and data:
        keys = ("mode", "broken", "limits", "shipped")
        at = f"{where}.limits"
        if not any(key in keys for key in data):
            data, at = {"limits": data}, where
        found.keys(where, data, keys)
        given = read_rules(found, data["limits"], at) if "limits" in data else ()
        mode, allowed = _mode(found, where, data.get("mode", "strict"), data.get("broken"))
        too = data.get("shipped", "limits" not in data)
        if not isinstance(too, bool):
            found.add(f"{where}.shipped", f" = {shown(too)} must be true or false")
        elif too:
            new = {canonical(rule.figure) for rule in given}
            rules = (*(rule for rule in own if canonical(rule.figure) not in new), *given)
        else:
            rules = given
            if not rules and len(found.lines) == before:
                found.add(where, " has no limit at all; write limits: none")
    elif data is not None:
        found.add(
            where, f" = {shown(data)} must be none, strict, lenient, or figures with their limits"
        )
    if len(found.lines) == before and mode == "lenient" and allowed >= len(rules):
        found.add(where, f": {allowed} of {len(rules)} limits may be broken, which leaves none")
    if len(found.lines) > before:
        return None
    return Limits(rules, cast("Mode", mode), allowed, float(values["undefined"]))


def _mode(found: Problems, where: str, data: Any, broken: Any) -> tuple[str, int]:
    """Return the mode, and how many limits may be broken."""
    if isinstance(data, str) and (lenient := _LENIENT.fullmatch(data.strip())):
        count: Any = int(lenient[1]) if lenient[1] else None
        if count is not None and broken is not None:
            found.add(f"{where}.broken", " is said by the mode already; leave it out")
        count = broken if count is None else count
        count = shipped("limits")["lenient"] if count is None else count
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            found.add(f"{where}.broken", f" = {shown(count)} must be how many may be, 1 or more")
            return "none", 0
        return "lenient", count
    mode = found.word(where, data, MODES)
    if broken is not None:
        found.add(f"{where}.broken", " goes with mode: lenient alone; leave it out")
    return mode or "none", 0


def _scale(found: Problems, where: str, value: Any, bound: float) -> float:
    """Return the scale of a limit, by default its bound; 0 where it is none."""
    if value is None:
        return min(max(abs(bound), _LEAST_SCALE), _MOST_SCALE) if bound else 1.0
    number = found.number(where, value, above=0)
    if number is None:
        return 0.0
    if not _LEAST_SCALE <= number <= _MOST_SCALE:
        found.add(where, f" = {number:g} must be from {_LEAST_SCALE:g} to {_MOST_SCALE:g}")
        return 0.0
    return number

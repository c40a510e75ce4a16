"""The space as a file has it: nested parameters, what is fixed, start points and constraints."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from wfo.errors import InputError, did_you_mean
from wfo.files.limits import SEARCH_CONSTRAINTS, SEARCH_DIMENSIONS
from wfo.search.space.configuration import told
from wfo.search.space.constraints import ParameterConstraint
from wfo.search.space.dimension import Dimension, Kind, is_utf8
from wfo.search.space.feasible import left_by_constraints
from wfo.search.space.names import by_name, is_key
from wfo.search.space.problems import Problems
from wfo.search.space.space import SearchSpace
from wfo.text import brief, listed, plain_number, shown

_KINDS: Final[Mapping[str, Kind]] = {"int": "int", "float": "float", "choice": "choice"}
_OF_LEAF: Final = ("int", "float", "choice", "step", "log", "prior")


class SpaceReader:
    """Reads the parts of a space, and notes all that is wrong with them.

    Parameters
    ----------
    problems
        Takes what is wrong.
    quoted
        Whether a text at a place of the file stands in quotes, so that it is meant as one.
    """

    def __init__(self, problems: Problems, quoted: Any = None) -> None:
        self.problems = problems
        self.quoted = quoted or (lambda _: True)

    def dimensions(self, data: object, key: str = "parameters") -> list[Dimension]:
        """Return the dimensions of nested parameters, in the order written."""
        if not isinstance(data, Mapping):
            self.problems.add(
                f"{key} = {told(data)} must be a mapping of parameters to their values, such as"
                " fast: [5, 10]"
            )
            return []
        found = list(self._below(data, (), key))
        if len(found) > SEARCH_DIMENSIONS:
            self.problems.add(
                f"{key} has {len(found):,} parameters; at most {SEARCH_DIMENSIONS:,} will do"
            )
        if not found and not self.problems:
            self.problems.add(
                f"{key}: the space is empty; give a parameter values, as fast: [5, 10]"
            )
        return found

    def _below(
        self, data: Mapping[Any, Any], above: tuple[str, ...], where: str
    ) -> Iterator[Dimension]:
        for key, value in data.items():
            if not self._is_key(key, where):
                continue
            path, place = (*above, key), f"{where}.{key}"
            if isinstance(value, Mapping) and not _is_leaf(value):
                if not value:
                    self.problems.add(
                        f"{place} has no values; give some, as [5, 10], or leave it out"
                    )
                yield from self._below(value, path, place)
                continue
            try:
                yield self._leaf(".".join(path), value, place)
            except InputError as error:
                said = str(error).removeprefix(f"{'.'.join(path)}: ")
                self.problems.add(f"{place} = {told(value)}: {said}")

    def _is_key(self, key: object, where: str) -> bool:
        if is_key(key):
            return True
        if not isinstance(key, str):
            self.problems.add(
                f"{where}: the key {told(key)} is no text to YAML; put its name in quotes"
            )
        elif "." in key:
            self.problems.add(
                f"{where}: the key {shown(key)} has a dot; nest it, as in {{a: {{b: [5, 10]}}}}"
            )
        else:
            self.problems.add(
                f"{where}: the key {shown(key)} is no name; it has letters, digits and _, and"
                " between them blanks, - and +, 100 characters at most"
            )
        return False

    def _leaf(self, name: str, value: Any, place: str) -> Dimension:
        if isinstance(value, list):
            return self._listed(name, value, place)
        if value is None:
            raise InputError("it has no values; give some, as [5, 10], or leave it out")
        if not isinstance(value, Mapping):
            raise InputError(
                f"values are a list, as [{told(value)}], or a range, as {{int: [5, 20]}}; what is"
                " not searched stands under fixed"
            )
        if set(value) <= {"from", "to", "step"}:
            raise InputError("a range is written {int: [5, 20], step: 5}, or with float")
        for key in value:
            if key not in _OF_LEAF:
                raise InputError(
                    f"there is nothing called {shown(key)}{did_you_mean(key, _OF_LEAF)}"
                )
        kinds = [key for key in value if key in _KINDS]
        if len(kinds) != 1:
            raise InputError(f"it is of several kinds, {listed(kinds)}; keep one")
        kind = _KINDS[kinds[0]]
        given = value[kind]
        rest = {k: v for k, v in value.items() if k != kind}
        if not isinstance(given, list):
            raise InputError(f"{kind} = {told(given)} must be a list")
        if kind == "choice":
            if rest:
                raise InputError(f"a choice has values alone, and no {listed(rest)}; leave it out")
            self._refuse_numbers(given, f"{place}.{kind}")
            return Dimension(name, kind, tuple(given))
        if len(given) != 2:
            raise InputError(
                f"{kind} = {brief(given)} must be the two ends of a range, as {{{kind}: [5, 20]}};"
                " single values are a list"
            )
        if rest.get("step", 1) is None:
            raise InputError("step = null must be a number above 0; leave it out")
        return Dimension(name, kind, None, given[0], given[1], **rest)

    def _listed(self, name: str, values: list[Any], place: str) -> Dimension:
        plain = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(plain) < len(values) or not values:
            self._refuse_numbers(values, place)
            return Dimension(name, "choice", tuple(values))
        whole = all(isinstance(value, int) for value in plain)
        return Dimension(name, "int" if whole else "float", tuple(values))

    def _refuse_numbers(self, values: list[Any], place: str) -> None:
        """Raise an `InputError` for texts of a list that seem to be numbers, and for dates."""
        for at, value in enumerate(values):
            self._refuse_number(value, (*place.split("."), at))

    def _refuse_number(self, value: Any, place: tuple[str | int, ...]) -> None:
        if isinstance(value, dt.date):
            raise InputError(f"{value} is a date to YAML; put it in quotes, '{value}'")
        if not isinstance(value, str):
            return
        written = "" if self.quoted(place) else plain_number(value)
        if written:
            raise InputError(
                f"{shown(value)} is text to YAML; write {written}, or put it in quotes where text"
                " is meant"
            )

    def fixed(self, data: object, key: str = "fixed") -> dict[str, Any]:
        """Return nested values that are the same for all points."""
        if data is None:
            return {}
        if not isinstance(data, Mapping):
            self.problems.add(f"{key} = {told(data)} must be a mapping of names to values")
            return {}
        return self._fixed(data, key)

    def _fixed(self, data: Mapping[Any, Any], where: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in data.items():
            if not self._is_key(key, where):
                continue
            if isinstance(value, Mapping):
                found[key] = self._fixed(value, f"{where}.{key}")
                continue
            try:
                self._refuse_fixed(value, (*where.split("."), key))
                found[key] = value
            except InputError as error:
                self.problems.add(f"{where}.{key} = {told(value)}: {error}")
        return found

    def _refuse_fixed(self, value: Any, place: tuple[str | int, ...]) -> None:
        """Raise an `InputError` for what JSON cannot have, or YAML reads otherwise."""
        if isinstance(value, list):
            for at, each in enumerate(value):
                self._refuse_fixed(each, (*place, at))
        elif isinstance(value, Mapping):
            for key, each in value.items():
                if not isinstance(key, str):
                    raise InputError(f"the key {told(key)} is no text to YAML; put it in quotes")
                self._refuse_fixed(each, (*place, key))
        else:
            self._refuse_number(value, place)
            if isinstance(value, str) and not is_utf8(value):
                raise InputError("it is a text with half a character")

    def constraints(self, data: object, key: str = "constraints") -> list[ParameterConstraint]:
        """Return constraints, which are not read yet."""
        if data is None:
            return []
        if isinstance(data, str | Mapping) or not isinstance(data, list):
            self.problems.add(
                f"{key} = {told(data)} must be a list of expressions, as [fast < slow]"
            )
            return []
        if len(data) > SEARCH_CONSTRAINTS:
            self.problems.add(
                f"{key} has {len(data):,} constraints; at most {SEARCH_CONSTRAINTS} will do"
            )
            return []
        found = []
        for at, each in enumerate(data):
            try:
                found.append(_constraint(each))
            except InputError as error:
                self.problems.add(f"{key}[{at}]: {error}")
        return found

    def points(self, data: object, key: str = "start") -> list[Mapping[str, Any]]:
        """Return points, which are not looked up yet."""
        if data is None:
            return []
        if isinstance(data, Mapping):
            data = [data]
        if not isinstance(data, list):
            self.problems.add(
                f"{key} = {told(data)} must be a list of points, nested as parameters; dates of"
                " bars are the period"
            )
            return []
        found = []
        for at, each in enumerate(data):
            if isinstance(each, Mapping):
                found.append(each)
            else:
                self.problems.add(
                    f"{key}[{at}] = {told(each)} must be a point, nested as parameters"
                )
        return found


def _constraint(data: object) -> ParameterConstraint:
    if isinstance(data, str):
        return ParameterConstraint(data)
    if not isinstance(data, Mapping) or not isinstance(data.get("require"), str):
        raise InputError(
            f"{told(data)} must be an expression, as fast < slow, or {{require: fast < slow,"
            " repair: {slow: fast + 5}}"
        )
    for key in data:
        if key not in ("require", "repair"):
            hint = did_you_mean(key, ("require", "repair"))
            raise InputError(f"there is nothing called {shown(key)}{hint}")
    repair = data.get("repair", {})
    if not isinstance(repair, Mapping):
        raise InputError(f"repair = {told(repair)} must be a mapping, as {{slow: fast + 5}}")
    return ParameterConstraint(data["require"], by_name(repair))


def _is_leaf(value: Mapping[Any, Any]) -> bool:
    """Whether a mapping describes one dimension, and holds no further parameters."""
    if any(key in _KINDS and not isinstance(value[key], Mapping) for key in value):
        return True
    plain = all(not isinstance(each, Mapping | list) for each in value.values())
    return bool(value) and plain and set(value) <= {"from", "to", "step"}


#: Takes dimensions, what is fixed, and constraints, and returns them as something else has them.
Fit = Callable[
    [list[Dimension], dict[str, Any], list[ParameterConstraint]],
    tuple[list[Dimension], dict[str, Any], list[ParameterConstraint]],
]


def read_space(
    data: Mapping[str, Any], problems: Problems, quoted: Any = None, fit: Fit | None = None
) -> SearchSpace | None:
    """Return the space of a file's ``parameters``, ``fixed``, ``start`` and ``constraints``.

    Parameters
    ----------
    data
        The file's values.
    problems
        Takes all that is wrong.
    quoted
        As for `SpaceReader`.
    fit
        Makes the parts what a strategy takes.

    Returns
    -------
    SearchSpace
        None where something is wrong with it.
    """
    reader = SpaceReader(problems, quoted)
    before = len(problems)
    dimensions = reader.dimensions(data.get("parameters"))
    fixed = reader.fixed(data.get("fixed"))
    constraints = reader.constraints(data.get("constraints"))
    points = reader.points(data.get("start"))
    if fit is not None and dimensions:
        dimensions, fixed, constraints = fit(dimensions, fixed, constraints)
    if len(problems) > before:
        return None
    return assembled(dimensions, fixed, constraints, points, problems)


def assembled(
    dimensions: list[Dimension],
    fixed: Mapping[str, Any],
    constraints: list[ParameterConstraint],
    points: list[Mapping[str, Any]],
    problems: Problems,
) -> SearchSpace | None:
    """Return a space of its parts, None where something is wrong, which `problems` takes."""
    before = len(problems)
    try:
        plain = SearchSpace(tuple(dimensions), fixed)
    except InputError as error:
        problems.add(f"parameters: {error}")
        return None
    for at, constraint in enumerate(constraints):
        try:
            constraint.bound(plain.dimensions, fixed)
        except InputError as error:
            problems.add(f"constraints[{at}]: {error}")
    if len(problems) > before:
        return None
    bare = SearchSpace(plain.dimensions, fixed, (), tuple(constraints))
    _check_points(bare, points, problems)
    if len(problems) > before:
        return None
    space = SearchSpace(plain.dimensions, fixed, tuple(points), tuple(constraints))
    if nothing := left_by_constraints(space, counted=False).empty:
        problems.add(f"constraints: {nothing}")
        return None
    return space


def _check_points(space: SearchSpace, points: list[Mapping[str, Any]], problems: Problems) -> None:
    """Note which start points are none, do not meet the constraints, or are there twice."""
    import numpy as np

    rows = np.zeros((len(points), len(space.dimensions)))
    good = np.zeros(len(points), np.bool_)
    for at, point in enumerate(points):
        try:
            rows[at] = space.encode(point)
            good[at] = True
        except InputError as error:
            for line in str(error).splitlines():
                problems.add(f"start[{at}]: {line}")
    allowed, keys = space.allowed(rows), space.keys(rows)
    first: dict[bytes, int] = {}
    for at in np.flatnonzero(good).tolist():
        for line in [] if allowed[at] else space.broken(rows[at]):
            problems.add(f"start[{at}]: {line}")
        before = first.setdefault(keys[at], at)
        if before != at:
            problems.add(f"start[{at}] is the same point as start[{before}]; keep one")

"""A space of a strategy: its dimensions are the strategy's parameters, its values theirs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from wfo.errors import InputError
from wfo.search.space import Dimension, ParameterConstraint, Problems
from wfo.strategy import Parameter, Strategy
from wfo.text import listed


class Fitted(NamedTuple):
    """The parts of a space as a strategy takes them.

    Attributes
    ----------
    dimensions, fixed, constraints
        The parts.
    filled
        What was left out, with its defaults; it is in `fixed` too.
    """

    dimensions: list[Dimension]
    fixed: dict[str, Any]
    constraints: list[ParameterConstraint]
    filled: dict[str, Any]


def fitted(
    strategy: Strategy,
    dimensions: list[Dimension],
    fixed: dict[str, Any],
    constraints: list[ParameterConstraint],
    problems: Problems,
) -> Fitted:
    """Return the parts of a space as a strategy takes them.

    Parameters
    ----------
    strategy
        The strategy.
    dimensions, fixed, constraints
        As the file has them.
    problems
        Takes what is wrong.

    Returns
    -------
    Fitted
        With values as its parameters have them, with its own constraints, and with the defaults of
        what the file leaves out.
    """
    found = []
    for dimension in dimensions:
        try:
            parameter = strategy.parameter(dimension.name)
            found.append(_as_parameter(dimension, parameter))
        except InputError as error:
            problems.add(_placed("parameters", dimension.name, error))
    values: dict[str, Any] = {}
    for name, value in fixed.items():
        try:
            values[name] = strategy.parameter(name).check(value)
        except InputError as error:
            problems.add(_placed("fixed", name, error))
    given = {dimension.name for dimension in dimensions} | set(fixed)
    filled = {name: value for name, value in strategy.defaults.items() if name not in given}
    missing = [n for n in strategy.names if n not in given and n not in filled]
    if missing:
        problems.add(
            f"parameters: {strategy.name} also needs {listed(missing)}, which have no default; give"
            " values, or one under fixed"
        )
    values |= filled
    searched = {dimension.name for dimension in dimensions}
    own = list(constraints)
    for rule in strategy.rules:
        if not searched.isdisjoint(rule.names):
            if all(constraint.require != rule.expression for constraint in constraints):
                own.append(ParameterConstraint(rule.expression))
        elif set(rule.names) <= set(values):
            try:
                rule.check(values)
            except InputError as error:
                problems.add(f"fixed: {error}")
    return Fitted(found, values, own, filled)


def _placed(section: str, name: str, error: InputError) -> str:
    """Return what is wrong with its key; messages about a parameter begin with its name."""
    said = str(error)
    return f"{section}.{said}" if said.startswith(f"{name} ") else f"{section}.{name}: {said}"


def _as_parameter(dimension: Dimension, parameter: Parameter) -> Dimension:
    """Return a dimension with its values as a parameter has them.

    Raises
    ------
    InputError
        If one is not allowed.
    """
    if parameter.whole and dimension.continuous:
        ends = f"[{dimension.low:g}, {dimension.high:g}]"
        raise InputError(f"{parameter.name} takes whole numbers; write {{int: {ends}}}")
    if dimension.values is None:
        for end in (dimension.low, dimension.high):
            parameter.check(end)
        return dimension
    values = tuple(parameter.check(value) for value in dimension.values)
    if parameter.kind == "choice":
        return Dimension(dimension.name, "choice", values)
    kind = parameter.kind
    if dimension.listed:
        return Dimension(dimension.name, kind, values)
    return replace(dimension, kind=kind, values=None)

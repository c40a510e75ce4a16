"""Grids as text to start from: the YAML that `Grid.load` reads."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from decimal import Decimal

from wfo.grid import Grid, grid_names, grid_strategies
from wfo.strategy import Number, Parameter, Strategy
from wfo.text import printable

#: Words that YAML reads as something else than text.
_NO_TEXT = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})

#: Values from which on an even axis is written as a range.
_SPAN = 3


def grid_to_start_from(grid: str, strategy: str) -> str:
    """Return a grid as YAML with comments, for a person to change.

    The simpler strategies that a run of `strategy` also runs have sections of their own, as far as
    the grid covers them.

    Parameters
    ----------
    grid
        Name of a shipped grid, or the path of one.
    strategy
        Name of the strategy.

    Raises
    ------
    InputError
        If there is no such grid, or it does not cover the strategy.
    """
    asked = Grid.load(grid, strategy)
    covered = grid_strategies(grid)
    simpler = [s for s in asked.strategy.expansion if s in covered]
    grids = [asked, *(Grid.load(grid, s) for s in simpler)]
    told = grid_names().get(grid, "")
    head = f"{asked.name}: {told}" if told else asked.name
    return grid_yaml(grids, head)


def grid_yaml(grids: Sequence[Grid], head: str = "") -> str:
    """Return grids as YAML, a section a strategy, that reads back to equal ones.

    Parameters
    ----------
    grids
        Of one strategy each.
    head
        What the first comment says.
    """
    first = _asked(grids[0].strategy)
    lines = [f"# {_line(head)}"] if head else []
    lines += [
        "# Saved as my.yaml and changed as you like:",
        f"#   wfo grids my.yaml --strategy {first}",
        f"#   wfo run --symbol QQQ --strategy {first} --grid my.yaml",
        "# A value is a number, a list, or a range of which both ends are values. What is left out",
        *_left_out(grids),
    ]
    for grid in grids:
        lines += ["", f"# {len(grid):,} combinations", f"{_key(grid.strategy.name)}:"]
        for parameter in grid.strategy.parameters:
            said = f"  {_key(parameter.name)}: {_axis(parameter, grid.values[parameter.name])}"
            lines += [f"  # {_line(_described(parameter))}", said]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    """Return a name that YAML reads as this text."""
    plain = re.fullmatch(r"[A-Za-z_]\w*", name) and name.lower() not in _NO_TEXT
    return name if plain else json.dumps(name)


def _asked(strategy: Strategy) -> str:
    """Return what a command line says for a strategy."""
    source = strategy.source
    return strategy.name if source is None else _line(shlex.quote(source.target))


def _left_out(grids: Sequence[Grid]) -> list[str]:
    """Return what becomes of a parameter that a file leaves out, after the words for it."""
    having = [p.default is not None for grid in grids for p in grid.strategy.parameters]
    if all(having):
        return ["# takes its default, and the run says so."]
    if any(having):
        return ["# takes its default, and the run says so; a parameter without one is needed."]
    return ["# is an error: no parameter has a default."]


def _described(parameter: Parameter) -> str:
    default = "" if parameter.default is None else f"; default {_number(parameter.default)}"
    meaning = f"{parameter.meaning}; " if parameter.meaning else ""
    return f"{meaning}{parameter.listed}{default}"


def _line(text: str) -> str:
    """Return a text on one line: a comment ends where its line does."""
    return printable(" ".join(text.split()))


def _axis(parameter: Parameter, values: Sequence[Number]) -> str:
    if len(values) == 1:
        return _number(values[0])
    exact = [Decimal(str(value)) for value in values]
    step = exact[1] - exact[0]
    even = all(value == exact[0] + i * step for i, value in enumerate(exact))
    # Methods are names, of which none lies between two others.
    if len(values) >= _SPAN and step > 0 and even and parameter.kind != "choice":
        low, high, width = (_decimal(x) for x in (exact[0], exact[-1], step))
        return f"{{from: {low}, to: {high}, step: {width}}}"
    return f"[{', '.join(_number(value) for value in values)}]"


def _number(value: Number) -> str:
    return _decimal(Decimal(str(value)))


def _decimal(value: Decimal) -> str:
    """Return a number without exponent: YAML reads 1e-05 as text."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

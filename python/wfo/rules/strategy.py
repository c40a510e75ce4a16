"""Strategies of programs: `strategy_of` a program with what its user says beside it."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from wfo.errors import InputError
from wfo.rules.kernel import RulesKernel
from wfo.rules.lookback import lookback
from wfo.rules.program import Program
from wfo.rules.record import from_record
from wfo.rules.reference import ReferenceKernel
from wfo.strategy.axes import Axis
from wfo.strategy.constraints import groups, meeting, nowhere
from wfo.strategy.feed import Feed
from wfo.strategy.kernel import Kernel
from wfo.strategy.parameter import Number
from wfo.strategy.value import Lookback, Strategy
from wfo.strategy.views import TradeStation

#: Sets of a default grid that are tried for one that meets a group of constraints; in a larger one
#: the grid itself is checked when it is made.
_MOST_TRIED = 1_000_000


def strategy_of(
    program: Program,
    *,
    name: str,
    title: str,
    axes: Mapping[str, Axis],
    constraints: tuple[str, ...] = (),
    feeds: Sequence[Feed] = (Feed("bars"),),
    map_axes: tuple[str, str] | None = None,
    tradestation: TradeStation | None = None,
) -> Strategy:
    """Return the strategy that a program computes.

    Parameters
    ----------
    program
        What its rules say.
    name, title, constraints, feeds, map_axes, tradestation
        As a `Strategy` has them.
    axes
        Kind, range and default values of each parameter, in canonical order.

    Raises
    ------
    InputError
        If the parameters are not those of the program, the constraints leave nothing of the default
        grid, or it is none for what a `Strategy` says.
    """
    if tuple(axes) != program.parameters:
        raise InputError(
            f"the program has the parameters {', '.join(program.parameters)}, and not"
            f" {', '.join(axes)}"
        )
    values = {each: axis.values() for each, axis in axes.items()}
    grid = {each: found for each, found in values.items() if found is not None}
    made = Strategy(
        name=name,
        title=title,
        parameters=tuple(axis.parameter(each) for each, axis in axes.items()),
        kernel=RulesKernel(program),
        reference=ReferenceKernel(program=program),
        lookback=functools.partial(lookback, program),
        constraints=constraints,
        feeds=tuple(feeds),
        shorts=bool(program.short),
        map_axes=map_axes,
        tradestation=tradestation,
        grid=grid or None,
    )
    _check_grid(made, grid)
    return made


def from_program(data: Mapping[str, Any], parameters: Sequence[str]) -> tuple[Kernel, Lookback]:
    """Return the kernel and the lookback of a recorded program.

    Parameters
    ----------
    data
        What `wfo.rules.record.to_record` returned.
    parameters
        Names of the parameters, in canonical order.

    Raises
    ------
    ResultsError
        If it is something else.
    """
    program = from_record(data, parameters)
    return RulesKernel(program), functools.partial(lookback, program)


def _check_grid(strategy: Strategy, grid: Mapping[str, Sequence[Number]]) -> None:
    """Raise where the constraints leave nothing of the default grid."""
    for names, constraints in groups(strategy.names, strategy.rules):
        if not constraints or not all(name in grid for name in names):
            continue
        values = {name: grid[name] for name in names}
        few = math.prod(map(len, values.values())) <= _MOST_TRIED
        if few and next(meeting(constraints, values), None) is None:
            raise InputError(f"the constraints leave nothing: {nowhere(constraints, values)}")

"""The grid that a strategy has of itself, by the ranges of its parameters."""

from __future__ import annotations

from collections.abc import Sequence

from wfo.errors import InputError
from wfo.grid import Grid
from wfo.strategy import Parameter, Strategy, is_built_in
from wfo.text import listed

#: Width of a range up to which values are spread over it; a wider one is a bound and no span.
_NARROW = 1_000

#: Its name, which commands take for it too.
DEFAULT = "default"


def default_grid(strategy: Strategy, *, argument: str = "--grid") -> Grid:
    """Return the grid that a strategy has of itself.

    Parameters
    ----------
    strategy
        The strategy.
    argument
        What takes another grid, for the message: ``"--grid"``, or ``"grid="`` where Python calls.

    Raises
    ------
    InputError
        If it has none, or a parameter of it has no values.
    """
    if strategy.grid is None:
        examples = {p.name: _example(p) for p in strategy.parameters}
        if is_built_in(strategy):
            way = f"name one by {argument}, such as 'coarse'"
        elif argument == "--grid":
            lines = "\n".join(f"  {name}: {values}" for name, values in examples.items())
            way = f"name a .yaml file with values by --grid, such as\n{lines}"
        else:
            values = ", ".join(f"{name!r}: {values}" for name, values in examples.items())
            way = f"give values by {argument}, such as {{{values}}}"
        raise InputError(f"{strategy.name} has no default grid; {way}")
    missing = [n for n in strategy.names if n not in strategy.grid and n not in strategy.defaults]
    if missing:
        have = "has" if len(missing) == 1 else "have"
        raise InputError(
            f"{listed(missing)} of {_named(strategy)} {have} no default values; give a step to"
            f" Float, or {argument}"
        )
    return Grid(strategy.grid, strategy=strategy, name=DEFAULT)


def _named(strategy: Strategy) -> str:
    """Return what a message calls a strategy: its name, with its file where it has one."""
    source = strategy.source
    return strategy.name if source is None else f"{strategy.name} in {source.file}"


def _example(parameter: Parameter) -> str:
    """Return values that a parameter may have, as a grid file has them."""
    low, high = parameter.low, parameter.high
    if parameter.kind == "choice":
        tried: Sequence[float] = range(int(low), int(min(high, low + 2)) + 1)
    elif high - low <= _NARROW:
        step = (high - low) / 4
        tried = [low + step, low + 2 * step, low + 3 * step]
    else:
        usual = (5, 10, 20) if parameter.whole else (1, 1.5, 2)
        tried = [v if low <= 1 else low + v for v in usual]
    values = dict.fromkeys(int(v) if parameter.whole else float(f"{v:.4g}") for v in tried)
    return str(list(values))

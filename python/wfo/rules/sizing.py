"""Whether a strategy sizes its trades itself, for pages that say what goes into one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from wfo.rules.numbers import dependencies
from wfo.rules.parts import program_of
from wfo.rules.program import Program
from wfo.rules.units import numbers_between
from wfo.rules.wording import worded
from wfo.strategy import Number, Strategy
from wfo.strategy.record import own_sizing


def sized_by(program: Program) -> Literal["", "risk", "size"]:
    """Return by what a program sizes its trades [Z1] [Z2]; empty where settings do."""
    if program.risk is not None:
        return "risk"
    return "size" if program.size is not None else ""


def into_a_trade(sizing: object, strategy: Strategy | None) -> str:
    """Return what goes into a trade, in words that follow "a trade takes".

    Parameters
    ----------
    sizing
        ``"compound"`` or ``"fixed"``, of the settings.
    strategy
        Whose trades, where it is known.
    """
    own = "" if strategy is None else own_sizing(strategy)
    if own:
        return f"what the {own} of the strategy says"
    if sizing == "fixed":
        return "the starting capital, or what is left of it"
    return "the whole equity"


def risk_words(
    strategy: Strategy | None, values: Mapping[str, Sequence[Number]] | None = None
) -> str:
    """Return how large the risk of a strategy of rules is; empty where that is not known.

    Parameters
    ----------
    strategy
        Whose.
    values
        Those of a grid, or one for each parameter of a set; without them what the parameters of the
        risk may be.

    Returns
    -------
    str
        Such as ``1 %``, or ``1 % to 2 % (by share)`` where it depends on parameters.
    """
    program = None if strategy is None else program_of(strategy)
    if strategy is None or program is None or program.risk is None:
        return ""
    own = [strategy.parameters[at] for at in sorted(dependencies(program)[program.risk])]
    by = worded(program.nodes, program.risk, program.parameters) if own else ""
    found = numbers_between(program, values or {}, program.risk)
    if found is not None:
        least, most = (f"{100 * share:.6g} %" for share in found)
        size = least if least == most else f"{least} to {most}"
        return f"{size} (by {by})" if by else size
    finite = [p for p in own if math.isfinite(p.low) and math.isfinite(p.high)]
    return ", ".join([by, *(f"{p.name} from {p.low:g} to {p.high:g}" for p in finite)])

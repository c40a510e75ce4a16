"""Whether a strategy sizes its trades itself, for pages that say what goes into one."""

from __future__ import annotations

from typing import Literal

from wfo.rules.program import Program
from wfo.strategy import Strategy
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

"""Whether a strategy sizes its trades itself, for pages that say what goes into one."""

from __future__ import annotations

from typing import Literal

from wfo.rules.program import Program
from wfo.strategy import Strategy


def own_sizing(strategy: Strategy | None) -> Literal["", "risk", "size"]:
    """Return by what a strategy itself sizes its trades [Z1] [Z2]; empty where settings do."""
    program = None if strategy is None else getattr(strategy.kernel, "program", None)
    if not isinstance(program, Program):
        return ""
    if program.risk is not None:
        return "risk"
    return "size" if program.size is not None else ""

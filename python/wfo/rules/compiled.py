"""Rules in the compiled core, under the names that every compiled module of strategies has.

A strategy is said by a `RulesProgram` here, where other modules take a name.
"""

from __future__ import annotations

from functools import lru_cache

from wfo._core import (
    RulesPermutations as Permutations,
)
from wfo._core import (
    RulesProgram,
)
from wfo._core import (
    RulesSweep as Sweep,
)
from wfo._core import (
    rules_lacks as lacks,
)
from wfo._core import (
    rules_orders as orders,
)
from wfo._core import (
    rules_simulate as simulate,
)
from wfo.rules.program import Order, Program

__all__ = ["Permutations", "Sweep", "compiled", "lacks", "orders", "simulate"]


def compiled(program: Program) -> RulesProgram:
    """Return a program as the core reads it; the same one for the same program."""
    # Programs are equal whose functions have one digest; what is called is to be their own.
    called = [own for each in program.functions for own in (each.call, each.lookback)]
    return _compiled(program, tuple(map(id, called)))


@lru_cache(maxsize=64)
def _compiled(program: Program, called: tuple[int, ...]) -> RulesProgram:  # noqa: ARG001  # a key

    def listed(orders: tuple[Order, ...]) -> list[tuple[str, int | None, int | None, bool]]:
        return [(order.kind, order.value, order.when, order.percent) for order in orders]

    return RulesProgram(
        list(program.parameters),
        [(node.op, list(node.args), float(node.value), node.text) for node in program.nodes],
        long=listed(program.long),
        short=listed(program.short),
        exit_long=listed(program.exit_long),
        exit_short=listed(program.exit_short),
        reverse_to_long=program.reverse_to_long,
        reverse_to_short=program.reverse_to_short,
        both=program.both,
        same_bar=program.same_bar,
        risk=program.risk,
        size=program.size,
        functions=[(each.name, each.call, each.lookback) for each in program.functions],
    )

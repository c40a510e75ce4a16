"""The reference as a kernel: a program that `wfo.backtest` runs as it runs a function in Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from wfo.rules.program import Program
from wfo.strategy import PythonKernel


@dataclass(frozen=True, slots=True)
class ReferenceKernel(PythonKernel):
    """The interpreter, bound to a program.

    Attributes
    ----------
    function
        What walks a program, for messages.
    engines
        Its engine.
    program
        What is interpreted.
    """

    function: str = "wfo.rules.reference.walk:walk"
    engines: tuple[str, ...] = ("reference",)
    program: Program = field(kw_only=True)

    def load(self) -> Callable[..., Any]:
        """Return the function, which lacks nothing but what every kernel's gets."""
        from wfo.rules.reference.walk import walk

        return partial(walk, self.program)

    def load_orders(self) -> Callable[..., Any]:
        """Return what says which orders work in the bar after the last one."""
        from wfo.rules.reference.orders import orders

        return partial(orders, self.program)

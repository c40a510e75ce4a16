"""The compiled engines of rules, bound to a program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wfo.rules.program import Program
from wfo.rules.record import identity, to_record
from wfo.strategy import RustKernel

if TYPE_CHECKING:
    from wfo._core import RulesProgram


@dataclass(frozen=True, slots=True)
class RulesKernel(RustKernel):
    """A program of rules in the compiled core.

    Attributes
    ----------
    program
        What the rules say.
    name, module, engines
        As a `RustKernel` has them.
    """

    name: str = field(default="", kw_only=True)
    module: str = field(default="wfo.rules.compiled", kw_only=True)
    engines: tuple[str, ...] = field(default=("factored", "direct"), kw_only=True)
    program: Program

    @property
    def same_bar(self) -> str:
        """Which exits work in the bar of an entry, as the program says."""
        return self.program.same_bar

    def handle(self, name: str) -> RulesProgram:  # noqa: ARG002  # rules are said by their program
        """Return what the module takes for the strategy."""
        from wfo.rules.compiled import compiled

        return compiled(self.program)

    def record(self) -> Mapping[str, Any] | None:
        """Return the program as plain values; None where it has code of the user's."""
        return to_record(self.program)

    def identity(self) -> Mapping[str, Any]:
        """Return all that it computes as plain values, of code of the user's a digest."""
        return identity(self.program)

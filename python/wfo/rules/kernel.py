"""The compiled engines of rules, bound to a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from wfo.errors import InputError
from wfo.rules.lookback import lookback
from wfo.rules.program import Program
from wfo.rules.record import identity, to_record
from wfo.rules.sizing import sized_by
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

    @property
    def own_sizing(self) -> Literal["", "risk", "size"]:
        """By what the program sizes its trades [Z1] [Z2]; empty where settings do."""
        return sized_by(self.program)

    @property
    def timeframes(self) -> tuple[str, ...]:
        """The higher bars that it reads, as `wfo.rules.program.Program` names them."""
        return self.program.timeframes

    def lookback_on(
        self, values: Mapping[str, Sequence[float]], feeds: Mapping[str, Mapping[str, Any]]
    ) -> int:
        """Return the longest lookback on these bars, where it depends on them [G4].

        Raises
        ------
        InputError
            If the bars have no dates that higher bars were found by.
        """
        for name in self.timeframes:
            if name not in feeds:
                raise InputError(
                    f"the feeds do not say how many bars pass until one of {name} is known;"
                    " wfo.read_feeds finds it from the dates of the bars"
                )
        return lookback(self.program, values, feeds if self.timeframes else None)

    def handle(self, name: str) -> RulesProgram:  # noqa: ARG002  # rules are said by their program
        """Return what the module takes for the strategy."""
        from wfo.rules.compiled import compiled

        return compiled(self.program)

    def order_details(self, *args: Any) -> list[dict[str, Any]]:
        """Return what the orders of the next bar are in the rules, and what an entry's risk is.

        Parameters
        ----------
        args
            As of `wfo.rules.reference.details.details`, behind the program.
        """
        from wfo.rules.reference.details import details

        return details(self.program, *args)

    def record(self) -> Mapping[str, Any] | None:
        """Return the program as plain values; None where it has code of the user's."""
        return to_record(self.program)

    def identity(self) -> Mapping[str, Any]:
        """Return all that it computes as plain values, of code of the user's a digest."""
        return identity(self.program)

"""Gates: what makes a combination valid in a phase, and in how many it must be.

Two sets have names. ``v4`` asks for profit in and out of sample, efficiency, and drawdowns in
proportion. ``strict`` asks for trades and for more profit a drawdown than buy-and-hold too. Any
other set is called ``own``.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from wfo.arguments import real_number, rebuilt, whole_number
from wfo.errors import InputError, did_you_mean
from wfo.text import brief

if TYPE_CHECKING:
    from wfo import _core
    from wfo.backtest.benchmark import Benchmark

#: Measures in which a combination may have to beat buy-and-hold.
BEATS = ("return", "risk")

#: Largest efficiency and ratio of drawdowns that a gate can ask for: times any figure that is
#: stored, below 2^128, it stays a number.
MOST_RATIO = 1e9
#: Most trades that a gate can ask for: stored counts stop there.
MOST_TRADES = 65_535


@dataclass(frozen=True, slots=True)
class Gates:
    """Thresholds of validity and stability.

    Attributes
    ----------
    wfe
        Walk-forward efficiency, ``oos_pnl / is_pnl`` in raw money, must exceed it; 0 to 1e9.
    dd_ratio
        ``oos_dd`` must be below this multiple of ``is_dd``; 0 to 1e9.
    min_phases
        Phases in which a stable combination is valid. A number is kept, whatever is found; None
        takes the schedule's, and fewer, one at a time down to 2, where none is stable otherwise.
    min_trades
        Trades closed out-of-sample, at least; 0 asks for none.
    beat
        ``"return"``: the out-of-sample return must lie above buy-and-hold's; ``"risk"``: the
        out-of-sample profit by its drawdown must; None asks for neither. Above means by more than a
        millionth of it.
    """

    wfe: float = 0.35
    dd_ratio: float = 3.0
    min_phases: int | None = None
    min_trades: int = 0
    beat: Literal["return", "risk"] | None = None

    def __post_init__(self) -> None:
        self._take_numbers()
        for name, value in (("wfe", self.wfe), ("dd_ratio", self.dd_ratio)):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(f"{name} = {brief(value)} must be a number")
            if not 0 <= value <= MOST_RATIO:
                raise InputError(f"{name} = {brief(value)} must be from 0 to {MOST_RATIO:g}")
        least = self.min_phases
        if least is not None and (isinstance(least, bool) or not isinstance(least, int)):
            raise InputError(f"min_phases = {brief(least)} must be a whole number")
        if least is not None and least < 1:
            raise InputError(f"min_phases = {brief(least)} must be 1 or more")
        trades = self.min_trades
        if isinstance(trades, bool) or not isinstance(trades, int):
            raise InputError(f"min_trades = {brief(trades)} must be a whole number")
        if not 0 <= trades <= MOST_TRADES:
            raise InputError(f"min_trades = {brief(trades)} must be from 0 to {MOST_TRADES:,}")
        if self.beat is not None and not (isinstance(self.beat, str) and self.beat in BEATS):
            hint = did_you_mean(self.beat, BEATS)
            raise InputError(f"beat = {brief(self.beat)} must be 'return', 'risk' or None{hint}")

    def _take_numbers(self) -> None:
        """Take numbers of other types, such as NumPy's, as Python's."""
        for name in ("wfe", "dd_ratio", "min_phases", "min_trades"):
            value = getattr(self, name)
            if isinstance(value, numbers.Real) and type(value) not in {int, float, bool}:
                whole = isinstance(value, numbers.Integral)
                as_own = whole_number(name, value) if whole else real_number(name, value)
                object.__setattr__(self, name, as_own)

    @classmethod
    def preset(cls, name: str) -> Gates:
        """Return the set of that name, ``"v4"`` or ``"strict"``.

        Raises
        ------
        InputError
            If there is none.
        """
        if not isinstance(name, str) or name not in PRESETS:
            hint = did_you_mean(name, PRESETS)
            raise InputError(
                f"there are no gates {brief(name)}{hint}; there are {', '.join(PRESETS)}"
            )
        return PRESETS[name]

    @property
    def rules(self) -> Gates:
        """The same gates with the schedule's number of phases: the thresholds within a phase."""
        return replace(self, min_phases=None)

    @property
    def name(self) -> str:
        """``"v4"``, ``"strict"``, or ``"own"`` for any other set, whatever its number of phases."""
        rules = self.rules
        return next((name for name, gates in PRESETS.items() if gates == rules), "own")

    def required(self, phases: int, default: int) -> int:
        """Return the phases asked for, where a schedule has `phases` of them.

        Raises
        ------
        InputError
            If it asks for more than there are.
        """
        for what, count in (("phases", phases), ("default", default)):
            whole_number(what, count)
        least = default if self.min_phases is None else self.min_phases
        if least > phases:
            raise InputError(f"min_phases = {least} is more than the {phases} phases there are")
        return least

    @property
    def options(self) -> dict[str, Any]:
        """Options of a command line that give these gates, by name; none for those of v4."""
        if self.name == "strict":
            least = self.min_phases
            return {"gates": "strict"} | ({} if least is None else {"min-phases": least})
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        usual = PRESETS["v4"].to_dict()
        return {n.replace("_", "-"): v for n, v in values.items() if v != usual[n]}

    def core(self, benchmarks: Sequence[Benchmark] = ()) -> _core.Gates:
        """Return the gates as the core takes them.

        Parameters
        ----------
        benchmarks
            Buy-and-hold of each phase; only gates that compare with it need it.

        Raises
        ------
        InputError
            If they need it, and it is not there.
        """
        from wfo import _core

        if self.beat is None:
            return _core.Gates(self.wfe, self.dd_ratio, self.min_trades)
        if not benchmarks:
            raise InputError(
                f"beat = {self.beat!r} compares with buy-and-hold, which is not known here:"
                " results of wfo.sweep have it as their benchmark; beat=None does without"
            )
        floors = [b.return_floor if self.beat == "return" else b.risk_floor for b in benchmarks]
        capital = benchmarks[0].capital
        return _core.Gates(self.wfe, self.dd_ratio, self.min_trades, self.beat, capital, floors)

    def to_dict(self) -> dict[str, Any]:
        """Return the gates as plain values, for the manifest."""
        return {
            "wfe": self.wfe,
            "dd_ratio": self.dd_ratio,
            "min_phases": self.min_phases,
            "min_trades": self.min_trades,
            "beat": self.beat,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Gates:
        """Rebuild what `to_dict` returned; gates that an earlier version lacks are off.

        Raises
        ------
        InputError
            If it is something else.
        """
        return rebuilt("set of gates", data, lambda values: cls(**values))


PRESETS = {"v4": Gates(), "strict": Gates(min_trades=5, beat="risk")}


def gate_sets(ruling: Gates) -> tuple[Gates, ...]:
    """Return the sets that are counted beside each other: v4, strict, and the ruling one if other.

    All have the ruling set's number of phases.
    """
    sets = tuple(replace(g, min_phases=ruling.min_phases) for g in PRESETS.values())
    return sets if ruling in sets else (*sets, ruling)

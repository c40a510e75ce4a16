"""One cell of a walk-forward matrix: a walk-forward of one pair of lengths, in figures."""

from __future__ import annotations

import datetime as dt
import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from wfo.arguments import finite_number, flag, one_of, rebuilt, text
from wfo.backtest.benchmark import MARGIN
from wfo.errors import InputError
from wfo.stats.efficiency import Condition, TradeStationVerdict
from wfo.windows import Length

#: How in-sample parts begin, in the order of a matrix.
KINDS = ("rolling", "anchored")

#: Characters of a reason or note that is read.
_LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class CellFigure:
    """A figure that a cell has.

    Attributes
    ----------
    name
        Field of `MatrixCell`.
    title
        In words.
    unit
        ``"share"`` is shown in percent, ``"ratio"`` as it is.
    least
        Whether less of it is better, as of a drawdown.
    """

    name: str
    title: str
    unit: Literal["share", "ratio"]
    least: bool = False

    @property
    def signed(self) -> bool:
        """Whether a value above 0 is written with its sign: where others lie below it."""
        return not self.least

    def told(self, value: float | None) -> str:
        """Return a value as a sentence has it, with its unit."""
        unit = " %" if self.unit == "share" and value is not None else ""
        return self.shown(value, signed=self.signed) + unit

    def shown(self, value: float | None, *, signed: bool = False) -> str:
        """Return a value as text, in percent without the sign of it; ``-`` where it is None."""
        if value is None:
            return "-"
        scaled = 100 * value if self.unit == "share" else value
        if not abs(scaled) < 1e5:
            return f"{scaled:.1e}"
        decimals = 2 if self.unit == "ratio" else 1 if abs(scaled) < 1_000 else 0
        # What rounds to nothing has no sign.
        found = f"{round(scaled, decimals) + 0.0:,.{decimals}f}"
        return f"+{found}" if signed and scaled > 0 and float(found.replace(",", "")) else found


#: What a cell is shown by, and may be ranked by.
FIGURES: Mapping[str, CellFigure] = {
    each.name: each
    for each in (
        CellFigure("annual_return", "Annual return", "share"),
        CellFigure("total_return", "Total return", "share"),
        CellFigure("excess_annual", "Annual return above buy-and-hold's", "share"),
        CellFigure("excess_total", "Total return above buy-and-hold's", "share"),
        CellFigure("max_drawdown_share", "Maximum drawdown", "share", least=True),
        CellFigure("sharpe", "Sharpe ratio", "ratio"),
        CellFigure("wfe", "Walk-forward efficiency", "share"),
        CellFigure("wfe_annual", "Annual walk-forward efficiency", "share"),
    )
}

#: Those whose mean over a neighbourhood is shown too.
AVERAGED = ("annual_return", "max_drawdown_share", "wfe_annual", "excess_annual")


@dataclass(frozen=True, slots=True)
class HeldFigures:
    """Buy-and-hold over the bars that all cells trade.

    Attributes
    ----------
    total_return, annual_return
        Fractions; annual as `wfo.metrics.cagr` has it, None where that is not defined.
    max_drawdown_share
        Largest fall from the running peak, a fraction of it.
    sharpe
        Annual Sharpe ratio.
    """

    total_return: float
    annual_return: float | None
    max_drawdown_share: float
    sharpe: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> HeldFigures:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is something else.
        """
        return rebuilt(
            "buy-and-hold",
            data,
            lambda v: cls(
                finite_number("total_return", v["total_return"]),
                _number("annual_return", v["annual_return"]),
                finite_number("max_drawdown_share", v["max_drawdown_share"]),
                _number("sharpe", v["sharpe"]),
            ),
        )


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """One pair of lengths of one kind.

    Figures are those of the stitched out-of-sample curve, fractions where they are relative; None
    where one is not defined, and all of them where the cell could not be done.

    Attributes
    ----------
    kind
        ``"rolling"`` or ``"anchored"``.
    in_sample, out_of_sample
        The lengths; the step is the out-of-sample length.
    origin
        Where the first in-sample part begins: a walk-forward that begins there is the cell.
    windows
        How many there are, and `chosen` how many of them found a set; the others go on with the
        set before.
    total_return, annual_return, max_drawdown_share, sharpe
        As `wfo.Metrics` has them.
    excess_total, excess_annual
        Total and annual return minus buy-and-hold's over the same bars.
    wfe, wfe_annual
        Walk-forward efficiency over its windows, raw and a year.
    tradestation
        TradeStation's verdict, with its five conditions.
    trades
        Closed trades.
    exposure
        Share of the bars with a position.
    reason
        Why it could not be done; empty where it was.
    """

    kind: str
    in_sample: Length
    out_of_sample: Length
    origin: dt.date | None = None
    windows: int = 0
    chosen: int = 0
    total_return: float | None = None
    annual_return: float | None = None
    max_drawdown_share: float | None = None
    sharpe: float | None = None
    excess_total: float | None = None
    excess_annual: float | None = None
    wfe: float | None = None
    wfe_annual: float | None = None
    tradestation: TradeStationVerdict | None = None
    trades: int = 0
    exposure: float | None = None
    reason: str = ""

    @property
    def done(self) -> bool:
        """Whether it has figures."""
        return not self.reason

    @property
    def beats(self) -> bool:
        """Whether it has earned more than buy-and-hold over the same bars, and not by rounding.

        Cash that no set was ever chosen for has earned nothing, whatever buy-and-hold lost.
        """
        own, excess = self.total_return, self.excess_total
        if own is None or excess is None or not self.chosen:
            return False
        return excess > MARGIN * (1 + abs(own - excess))

    @property
    def passed(self) -> bool:
        """Whether it meets all of TradeStation's conditions."""
        return self.tradestation is not None and self.tradestation.passed

    @property
    def name(self) -> str:
        """Kind and lengths in one word, as of a schedule."""
        return f"{self.kind}_{self.in_sample.text}_{self.out_of_sample.text}"

    @property
    def label(self) -> str:
        """The same as a reader has it: ``rolling 3y/6m``."""
        return f"{self.kind} {self.in_sample.text}/{self.out_of_sample.text}"

    def figure(self, name: str) -> float | None:
        """Return one of `FIGURES`.

        Raises
        ------
        InputError
            If it is none of them.
        """
        value: float | None = getattr(self, one_of("figure", name, FIGURES))
        return value

    def to_dict(self) -> dict[str, Any]:
        """Return the cell as plain values."""
        verdict = self.tradestation
        return {
            "kind": self.kind,
            "in": self.in_sample.text,
            "out": self.out_of_sample.text,
            "origin": None if self.origin is None else self.origin.isoformat(),
            "windows": self.windows,
            "chosen": self.chosen,
            **{name: getattr(self, name) for name in FIGURES},
            "tradestation": None if verdict is None else _conditions(verdict),
            "trades": self.trades,
            "exposure": self.exposure,
            "reason": self.reason,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MatrixCell:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is something else.
        """

        def build(v: Mapping[str, Any]) -> MatrixCell:
            origin, verdict = v["origin"], v["tradestation"]
            cell = cls(
                one_of("kind", v["kind"], KINDS),
                Length.of(v["in"], "in"),
                Length.of(v["out"], "out"),
                None if origin is None else dt.date.fromisoformat(origin),
                windows=operator.index(v["windows"]),
                chosen=operator.index(v["chosen"]),
                **{name: _number(name, v[name]) for name in FIGURES},
                tradestation=None if verdict is None else _verdict(verdict),
                trades=operator.index(v["trades"]),
                exposure=_number("exposure", v["exposure"]),
                reason=text("reason", v["reason"])[:_LONGEST],
            )
            if cell.done != (cell.total_return is not None and cell.tradestation is not None):
                raise InputError(f"the cell {cell.name} has figures or a reason, and not both")
            if cell.done and not 0 <= cell.chosen <= cell.windows:
                raise InputError(f"{cell.chosen} of {cell.windows} windows cannot have chosen")
            return cell

        return rebuilt("cell of a matrix", data, build)


def _conditions(verdict: TradeStationVerdict) -> list[dict[str, Any]]:
    return [
        {"name": c.name, "value": c.value, "limit": c.limit, "passed": c.passed}
        for c in verdict.conditions
    ]


def _verdict(data: list[Mapping[str, Any]]) -> TradeStationVerdict:
    if not isinstance(data, list) or len(data) != 5:
        raise InputError("TradeStation's verdict has five conditions")
    return TradeStationVerdict(
        tuple(
            Condition(
                text("name", each["name"])[:_LONGEST],
                _number("value", each["value"]),
                finite_number("limit", each["limit"]),
                flag("passed", each["passed"]),
            )
            for each in data
        )
    )


def _number(name: str, value: object) -> float | None:
    return None if value is None else finite_number(name, value)


def finite(value: float | None) -> float | None:
    """Return a number, and None for what is beyond all of them, which records do not hold."""
    return value if value is not None and math.isfinite(value) else None

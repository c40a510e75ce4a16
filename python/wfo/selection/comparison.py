"""Side by side: whether a strategy's extras, shorts or a second symbol, paid on the same bars.

Every strategy is compared by all of its candidates and not by its best one, since the best of more
combinations is better by luck alone. All are compared with buy-and-hold of the first symbol.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.backtest.benchmark import Benchmark, sums_of
from wfo.strategy import Strategy

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Standing:
    """Measures of the stable combinations of a strategy.

    Attributes
    ----------
    strategy
        Its name.
    combinations, stable
        How many were searched, and how many are stable.
    best_stability, median_stability
        Of its candidates; None without any.
    best_pnl, median_pnl
        Out-of-sample profit, in currency, a sum over phases that overlap: that of the most stable
        candidate, and the median.
    best_drawdown, median_drawdown
        The largest out-of-sample drawdown of any phase, in currency, likewise.
    best_trades, median_trades
        Out-of-sample trades, a sum over the same phases, likewise.
    best_return, median_return
        Mean over the phases of the annual out-of-sample return, a fraction, likewise; None where
        candidates have none.
    """

    strategy: str
    combinations: int
    stable: int
    best_stability: float | None
    median_stability: float | None
    best_pnl: float | None
    median_pnl: float | None
    best_drawdown: float | None
    median_drawdown: float | None
    best_trades: float | None
    median_trades: float | None
    best_return: float | None = None
    median_return: float | None = None

    @property
    def share(self) -> float:
        """Stable share of all combinations."""
        return self.stable / self.combinations


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an extra paid: a strategy against the one that lacks it.

    Attributes
    ----------
    extra
        ``"shorts"`` or ``"Data2"``.
    strategy, simpler
        The strategy that has it, and the one that has not.
    paid
        ``"yes"`` if the stable share, the median stability and the median profit all rose,
        ``"no"`` if none did, ``"mixed"`` in between; None if one of the two has no candidates.
    share, stability, pnl
        By how much: points of the stable share, of the median stability, and currency.
    """

    extra: str
    strategy: str
    simpler: str
    paid: str | None
    share: float
    stability: float | None
    pnl: float | None


@dataclass(frozen=True, slots=True)
class HeldStanding:
    """Measures of buy-and-hold in the same phases.

    Attributes
    ----------
    pnl
        Out-of-sample profit, in currency, a sum over phases that overlap.
    drawdown
        The largest out-of-sample drawdown of any phase, in currency.
    annual_return
        Mean over the phases of the annual out-of-sample return, a fraction; None beyond all
        numbers.
    """

    pnl: float
    drawdown: float
    annual_return: float | None

    @classmethod
    def of(cls, benchmarks: Sequence[Benchmark]) -> HeldStanding | None:
        """Sum up buy-and-hold of each phase; None without any."""
        if not benchmarks:
            return None
        mean = sum(b.oos_return_annual for b in benchmarks) / len(benchmarks)
        drawdown = max(b.held.oos_dd for b in benchmarks)
        return cls(sums_of(benchmarks), drawdown, mean if math.isfinite(mean) else None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The strategies of a run, the differences by their extras, and buy-and-hold beside them."""

    standings: tuple[Standing, ...]
    verdicts: tuple[Verdict, ...]
    held: HeldStanding | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for the manifest."""
        return {
            "strategies": [_plain(s) | {"stable_share": s.share} for s in self.standings],
            "extras": [_plain(v) for v in self.verdicts],
            "buy_and_hold": _plain(self.held) if self.held else None,
        }

    def to_csv(self) -> str:
        """Return a line a strategy and one of buy-and-hold, then what each extra has changed."""
        heads = ["strategy", "against", "extra", "paid", "combinations", "stable", "stable_share"]
        measures = [f"{which}_{what}" for what in _HEADINGS for which in ("best", "median")]
        shown = [f"{which}_{what}" for what in _HEADINGS.values() for which in ("best", "median")]
        lines = [",".join([*heads, *shown])]
        by_name = {s.strategy: s for s in self.standings}
        for s in self.standings:
            own = [s.strategy, "", "", "", str(s.combinations), str(s.stable), f"{s.share:.6f}"]
            lines.append(",".join([*own, *(_text(getattr(s, m)) for m in measures)]))
        if self.held:
            # The best and the median of one are itself; it closes no trade.
            both = (None, self.held.pnl, self.held.drawdown, 0.0, self.held.annual_return)
            twice = (_text(value) for value in both for _ in range(2))
            lines.append(",".join(["buy_and_hold", *[""] * (len(heads) - 1), *twice]))
        for v in self.verdicts:
            a, b = by_name[v.strategy], by_name[v.simpler]
            own = [v.strategy, v.simpler, v.extra, v.paid or ""]
            own += [str(a.combinations - b.combinations), str(a.stable - b.stable)]
            own.append(f"{v.share:.6f}")
            differences = (_minus(getattr(a, m), getattr(b, m)) for m in measures)
            lines.append(",".join([*own, *(_text(d) for d in differences)]))
        return "\n".join(lines) + "\n"


#: Measures of a standing, and the names of their columns: sums over phases are named as such.
_HEADINGS = {
    "stability": "stability",
    "pnl": "pnl_sum_of_overlapping_phases",
    "drawdown": "drawdown",
    "trades": "trades_sum_of_overlapping_phases",
    "return": "annual_return",
}


def standing(strategy: Strategy, combinations: int, stable: int, found: pl.DataFrame) -> Standing:
    """Sum up a strategy.

    Parameters
    ----------
    strategy
        Which one.
    combinations, stable
        How many were searched, and how many are stable.
    found
        Its candidates, best first, as `wfo.score` returns them.
    """
    import polars as pl

    drawdowns = [name for name in found.columns if name.endswith("_OOS_DD")]
    returns = [name for name in found.columns if name.endswith("_OOS_Return_Annual")]
    # A phase without a return leaves the mean undefined.
    wide = pl.col(returns).cast(pl.Float64)
    total = pl.sum_horizontal(wide, ignore_nulls=False) if returns else pl.lit(None)
    columns = found.select(
        pl.col("Stability_Score").alias("stability"),
        pl.col("Total_OOS_PnL").alias("pnl"),
        pl.max_horizontal(drawdowns).cast(pl.Float64).alias("drawdown"),
        pl.col("Total_OOS_Trades").cast(pl.Float64).alias("trades"),
        (total.cast(pl.Float64) / len(drawdowns)).alias("return"),
    )
    measures: dict[str, Any] = {}
    for name in columns.columns:
        column = columns[name]
        measures[f"best_{name}"] = column[0] if len(column) else None
        measures[f"median_{name}"] = column.median()
    return Standing(strategy.name, combinations, stable, **measures)


def compare(
    strategies: Sequence[Strategy],
    standings: Sequence[Standing],
    benchmarks: Sequence[Benchmark] = (),
) -> Comparison:
    """Compare each strategy with those of the run that lack one of its extras.

    Parameters
    ----------
    strategies, standings
        The strategies of the run, and the measures of each.
    benchmarks
        Buy-and-hold of each phase.
    """
    by_name = {s.strategy: s for s in standings}
    verdicts = []
    for strategy in strategies:
        own = by_name[strategy.name]
        for simpler, extra in strategy.simpler.items():
            other = by_name.get(simpler)
            if other is None:
                continue
            stability = _minus(own.median_stability, other.median_stability)
            pnl = _minus(own.median_pnl, other.median_pnl)
            share = own.share - other.share
            paid = None
            if stability is not None and pnl is not None:
                rose = (share > 0) + (stability > 0) + (pnl > 0)
                paid = {3: "yes", 0: "no"}.get(rose, "mixed")
            verdicts.append(Verdict(extra, strategy.name, simpler, paid, share, stability, pnl))
    return Comparison(tuple(standings), tuple(verdicts), HeldStanding.of(benchmarks))


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _plain(value: Standing | Verdict | HeldStanding) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}

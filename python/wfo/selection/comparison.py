"""Side by side: whether a strategy's extras, shorts or a second symbol, paid on the same bars.

Every strategy is compared by all of its candidates and not by its best one, since the best of more
combinations is better by luck alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.strategy import Strategy

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Standing:
    """What a strategy's stable combinations come to.

    Attributes
    ----------
    strategy
        Its name.
    combinations, stable
        How many were searched, and how many are stable.
    best_stability, median_stability
        Of its candidates; None without any.
    best_pnl, median_pnl
        Out-of-sample profit over all phases, in currency: that of the most stable candidate, and
        the median.
    best_drawdown, median_drawdown
        The largest out-of-sample drawdown of any phase, in currency, likewise.
    best_trades, median_trades
        Out-of-sample trades over all phases, likewise.
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
class Comparison:
    """The strategies of a run, and what their extras were worth."""

    standings: tuple[Standing, ...]
    verdicts: tuple[Verdict, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for the manifest."""
        return {
            "strategies": [_plain(s) | {"stable_share": s.share} for s in self.standings],
            "extras": [_plain(v) for v in self.verdicts],
        }

    def to_csv(self) -> str:
        """Return a line a strategy, then to each simpler one the difference it makes."""
        heads = ["strategy", "against", "extra", "paid", "combinations", "stable", "stable_share"]
        measures = [
            f"{which}_{what}"
            for what in ("stability", "pnl", "drawdown", "trades")
            for which in ("best", "median")
        ]
        lines = [",".join([*heads, *measures])]
        by_name = {s.strategy: s for s in self.standings}
        for s in self.standings:
            own = [s.strategy, "", "", "", str(s.combinations), str(s.stable), f"{s.share:.6f}"]
            lines.append(",".join([*own, *(_text(getattr(s, m)) for m in measures)]))
        for v in self.verdicts:
            a, b = by_name[v.strategy], by_name[v.simpler]
            own = [v.strategy, v.simpler, v.extra, v.paid or ""]
            own += [str(a.combinations - b.combinations), str(a.stable - b.stable)]
            own.append(f"{v.share:.6f}")
            differences = (_minus(getattr(a, m), getattr(b, m)) for m in measures)
            lines.append(",".join([*own, *(_text(d) for d in differences)]))
        return "\n".join(lines) + "\n"


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
    columns = found.select(
        pl.col("Stability_Score").alias("stability"),
        pl.col("Total_OOS_PnL").alias("pnl"),
        pl.max_horizontal(drawdowns).cast(pl.Float64).alias("drawdown"),
        pl.col("Total_OOS_Trades").cast(pl.Float64).alias("trades"),
    )
    measures: dict[str, Any] = {}
    for name in columns.columns:
        column = columns[name]
        measures[f"best_{name}"] = column[0] if len(column) else None
        measures[f"median_{name}"] = column.median()
    return Standing(strategy.name, combinations, stable, **measures)


def compare(strategies: Sequence[Strategy], standings: Sequence[Standing]) -> Comparison:
    """Compare each strategy with those of the run that lack one of its extras."""
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
    return Comparison(tuple(standings), tuple(verdicts))


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _plain(value: Standing | Verdict) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}

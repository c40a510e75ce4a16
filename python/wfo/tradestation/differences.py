"""Where TradeStation's figures and a simulation of the same parameters differ, and why they may.

A report states figures of closed trades. Those of a simulation differ where its fill rules differ:
the style of entry, sizing, lots, costs, or whether the open position counts. A sample of the rows
is simulated by all of these, and what comes nearest to the report is named, with what remains.
"""

from __future__ import annotations

import itertools
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from wfo.settings import AccountSettings
from wfo.strategy import PythonKernel
from wfo.text import percent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.backtest.feeds import Feeds
    from wfo.strategy import Strategy

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

#: Rows of a file that are simulated by other rules, at most; fewer of a strategy in Python, which
#: takes a thousand times as long.
SAMPLE, PYTHON_SAMPLE = 200, 20

#: Median distance up to which a report counts as reproduced: rounding, and a bar or two.
_NEAR = 0.001

#: Share of the sample's rows that tells rules apart where it is equal.
_TELLING = 0.05

#: By how much of its own an alternative must be nearer than the run's rules to be the reason.
_NEARER = 0.5

#: Median distance up to which another capital is worth a try: profits in one proportion may have
#: other reasons.
_PROPORTIONAL = 0.01

#: What no rule that is tried here changes, and TradeStation may do otherwise.
UNEXPLAINED = (
    "settings of another size than the run's: costs, lots, and those of the strategy",
    "the bars: another source, adjustment for dividends or splits, missing days",
    "the session: other hours, or a template with other closes",
    "MaxBarsBack and the first trading bar: where trading begins, and how indicators warm up",
    "the order in which a bar touches its levels, with and without bar magnifier",
    "exits in the bar of the entry",
    "prices rounded to ticks, and shares rounded by the strategy's own code",
    "dates: a report does not say over which it was made",
)

#: Whether net profit and trades include the position that is open at the end.
_OPEN = "open_position"

Unit = Literal["money", "share", "ratio", "count"]


@dataclass(frozen=True, slots=True)
class FigureDifference:
    """How one figure of a report differs from the simulation's, over all rows compared.

    Attributes
    ----------
    name, unit
        The figure, and what it counts in.
    rows
        Rows that have it on both sides.
    equal
        How many of them are equal, to the decimals that the report has.
    median, largest
        Absolute differences, in the figure's unit.
    typical
        Median of the absolute values of the simulation's.
    worst
        Test number of the row with the largest difference.
    """

    name: str
    unit: Unit
    rows: int
    equal: int
    median: float
    largest: float
    typical: float
    worst: int


@dataclass(frozen=True, slots=True)
class Alternative:
    """Rules by which a sample of the rows was simulated.

    Attributes
    ----------
    rules
        What differs from the run's rules, as names and values; none of the run's own.
    text
        The same in words.
    distance
        Median over the sample of the mean relative difference of net profit and trades to the
        report, a fraction.
    equal
        Rows of the sample that trade, and whose net profit and trades are the report's.
    """

    rules: tuple[tuple[str, str], ...]
    text: str
    distance: float
    equal: int


@dataclass(frozen=True, slots=True)
class FileDifference:
    """One report file against simulations of its rows.

    Attributes
    ----------
    path, strategy, rank, part
        The file, and the plateau whose refinement it is.
    rows
        Rows that were compared.
    figures
        By figure.
    sample
        Rows that were simulated by other rules.
    alternatives
        What they come to, those that reproduce every row of the sample first and then the nearest,
        the run's own rules among them; none where every figure agrees in every row.
    unexplained
        Rules that no alternative here reproduces, which can be the reason for what remains; none
        where nothing does.
    verdict
        What that says, in a sentence or two.
    """

    path: str
    strategy: str
    rank: int
    part: int | None
    rows: int
    figures: tuple[FigureDifference, ...]
    sample: int
    alternatives: tuple[Alternative, ...]
    unexplained: tuple[str, ...]
    verdict: str

    @property
    def nearest(self) -> Alternative | None:
        """The rules that come nearest to the report; None where no row could be compared."""
        return self.alternatives[0] if self.alternatives else None


#: Figures that are compared: name, unit, that of a report, and how it follows from a performance.
_COMPARED: tuple[tuple[str, Unit, str], ...] = (
    ("Net profit", "money", "net_profit"),
    ("Closed trades", "count", "trades"),
    ("Profit factor", "ratio", "profit_factor"),
    ("Max intraday drawdown", "money", "max_intraday_dd"),
    ("% profitable", "share", "percent_profitable"),
)


def compare_file(
    path: str,
    strategy: Strategy,
    rank: int,
    part: int | None,
    tests: NDArray[np.int64],
    params: FloatArray,
    reported: Mapping[str, FloatArray],
    performance: Mapping[str, FloatArray],
    *,
    feeds: Feeds,
    settings: AccountSettings,
    warmup: int,
    end: int,
    threads: int | None = None,
) -> FileDifference:
    """Compare the rows of a report with simulations of the same parameters.

    Parameters
    ----------
    path, strategy, rank, part
        The file, and the plateau whose refinement it is.
    tests, params
        Number and parameters of each row, int64[m] and float64[m, p].
    reported
        The report's figures by name, float64[m] each, NaN where it has none.
    performance
        What the simulation comes to by name, float64[m] each.
    feeds, settings, warmup, end
        What it was simulated on.
    threads
        By default one for each core.
    """
    own = _own(performance)
    figures = tuple(
        found
        for name, unit, key in _COMPARED
        if key in reported
        and (found := _difference(name, unit, tests, reported[key], own[key])) is not None
    )
    exact = bool(figures) and all(f.equal == f.rows for f in figures)
    slow = isinstance(strategy.kernel, PythonKernel)
    chosen = _sample(reported, PYTHON_SAMPLE if slow else SAMPLE)
    alternatives: tuple[Alternative, ...] = ()
    # What agrees needs no other rules.
    if chosen.size and not exact:
        alternatives = _alternatives(
            strategy,
            params[chosen],
            {name: values[chosen] for name, values in reported.items()},
            feeds=feeds,
            settings=settings,
            warmup=warmup,
            end=end,
            threads=threads,
        )
    return FileDifference(
        path=path,
        strategy=strategy.name,
        rank=rank,
        part=part,
        rows=len(tests),
        figures=figures,
        sample=len(chosen) if alternatives else 0,
        alternatives=alternatives,
        unexplained=() if exact else UNEXPLAINED,
        verdict=_verdict(figures, alternatives, len(chosen)),
    )


def _own(p: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return the simulation's figures as a report states them."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "net_profit": p["gross_profit"] + p["gross_loss"],
            "trades": p["trades"],
            "profit_factor": np.where(
                p["gross_loss"] < 0, p["gross_profit"] / -p["gross_loss"], np.nan
            ),
            "max_intraday_dd": -p["intraday_dd"],
            "percent_profitable": np.where(p["trades"] > 0, 100 * p["wins"] / p["trades"], np.nan),
        }


def _difference(
    name: str, unit: Unit, tests: NDArray[np.int64], there: FloatArray, own: FloatArray
) -> FigureDifference | None:
    """Return how two columns differ; None where no row has both."""
    import numpy as np

    both = np.flatnonzero(~(np.isnan(there) | np.isnan(own)))
    if not both.size:
        return None
    # Drawdowns stand with and without a sign in reports.
    a, b = (np.abs(x[both]) if unit == "money" and name != "Net profit" else x[both]
            for x in (there, own))  # fmt: skip
    apart = np.abs(a - b)
    scale = 0.01 if unit == "share" else 1.0
    worst = int(np.argmax(apart))
    return FigureDifference(
        name=name,
        unit=unit,
        rows=len(both),
        equal=int((apart <= _tolerance(a, 2 if unit == "money" else 4)).sum()),
        median=float(np.median(apart)) * scale,
        largest=float(apart[worst]) * scale,
        typical=float(np.median(np.abs(b))) * scale,
        worst=int(tests[both[worst]]),
    )


def _tolerance(values: FloatArray, most: int) -> float:
    """Return half a unit in the last decimal that the values of a report have, and a bit.

    Parameters
    ----------
    values
        Those of the report.
    most
        Decimals that count: money has cents, whatever a program prints behind them.
    """
    import numpy as np

    for decimals in range(most):
        scaled = values * 10.0**decimals
        if (np.abs(scaled - np.round(scaled)) <= 1e-9 * np.maximum(1.0, np.abs(scaled))).all():
            return 0.501 * 10.0**-decimals
    return float(0.501 * 10.0**-most)


def _sample(reported: Mapping[str, FloatArray], most: int) -> NDArray[np.int64]:
    """Return rows evenly over the file that have what distances are made of."""
    import numpy as np

    known = np.ones(len(reported["net_profit"]), np.bool_)
    for name in ("net_profit", "trades"):
        known &= ~np.isnan(reported[name])
    rows = np.flatnonzero(known)
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]


def _alternatives(
    strategy: Strategy,
    params: FloatArray,
    reported: Mapping[str, FloatArray],
    *,
    feeds: Feeds,
    settings: AccountSettings,
    warmup: int,
    end: int,
    threads: int | None,
) -> tuple[Alternative, ...]:
    """Return what the sample comes to by other rules, the nearest to the report first."""
    from wfo.backtest.performance import PerformanceEvaluator

    found: list[Alternative] = []
    profits: list[tuple[dict[str, Any], FloatArray, FloatArray]] = []

    def simulate(changed: dict[str, Any]) -> None:
        used = replace(settings, **changed)
        evaluator = PerformanceEvaluator(
            strategy, feeds, params, used, warmup=warmup, end=end, threads=threads
        )
        p = evaluator.range(0, len(evaluator))
        closed = p.gross_profit + p.gross_loss
        # A position that is open at the end is a trade in some programs' reports.
        for mix, profit, trades in (
            (changed, closed, p.trades),
            (changed | {_OPEN: "counted"}, p.pnl, p.trades + (p.open_profit != 0)),
        ):
            found.append(_distance(mix, profit, trades, reported))
            profits.append((mix, profit, trades))

    for changed in rule_sets(settings):
        simulate(changed)
    size, tried = len(params), len(found)
    if min(a.distance for a in found) > _NEAR:
        changed, capitals = _other_capitals(profits, reported, settings.capital)
        for capital in capitals:
            simulate(changed | {"capital": capital})
        # Costs and other dates change profits of few trades by a common factor too, so that only a
        # capital that reproduces every row is a reason.
        found[tried:] = [a for a in found[tried:] if a.equal == size]

    step = max(1, round(_TELLING * size))

    def order(each: Alternative) -> tuple[bool, int, float, int]:
        exact = each.equal == size
        # A net profit that is equal to the cent is no accident, so where many are, that counts
        # first. Of equal rules the run's own, and then those with fewer changes, stand first.
        nearness = 0.0 if exact else each.distance
        return not exact, -(each.equal // step), nearness, len(each.rules)

    return tuple(sorted(found, key=order))


def _other_capitals(
    profits: Sequence[tuple[dict[str, Any], FloatArray, FloatArray]],
    reported: Mapping[str, FloatArray],
    capital: float,
) -> tuple[dict[str, Any], list[float]]:
    """Return rules by which profits are the report's but for a factor, and capitals of that factor.

    Profits are in proportion to the capital, as far as lots allow.
    """
    import numpy as np

    there = reported["net_profit"]
    nearest, factor, rules = _PROPORTIONAL, 1.0, {}
    for changed, profit, trades in profits:
        some = profit != 0
        if not some.any():
            continue
        scale = float(np.median(there[some] / profit[some]))
        distance = _distance(changed, scale * profit, trades, reported).distance
        if scale > 0 and distance < nearest:
            nearest, factor, rules = distance, scale, changed
    if abs(factor - 1) <= _PROPORTIONAL:
        return {}, []
    # Capitals are round numbers.
    tried = {float(f"{factor * capital:.{digits}g}") for digits in (1, 2, 3)}
    rules = {name: value for name, value in rules.items() if name != _OPEN}
    return rules, sorted(tried)


def rule_sets(settings: AccountSettings) -> list[dict[str, Any]]:
    """Return the changes of settings that are tried, by name; none first.

    All mixes of: every setting that is one of a few words, such as sizing; fractions of shares, and
    whole ones; the costs of the settings, and none.
    """
    axes: list[list[dict[str, Any]]] = []
    hints = typing.get_type_hints(type(settings))
    for f in fields(settings):
        if typing.get_origin(hints[f.name]) is Literal:
            others = [w for w in typing.get_args(hints[f.name]) if w != getattr(settings, f.name)]
            axes.append([{}, *({f.name: word} for word in others)])
    lots = [lot for lot in (0.0, 1.0) if lot != settings.lot_size]
    axes.append([{}, *({"lot_size": lot} for lot in lots)])
    if settings.slip or settings.fee:
        axes.append([{}, {"slip": 0.0, "fee": 0.0}])
    return [
        {name: value for part in mix for name, value in part.items()}
        for mix in itertools.product(*axes)
    ]


def _distance(
    changed: Mapping[str, Any],
    profit: FloatArray,
    trades: FloatArray,
    reported: Mapping[str, FloatArray],
) -> Alternative:
    import numpy as np

    there, count = reported["net_profit"], reported["trades"]
    relative = (_relative(there, profit) + _relative(count, trades)) / 2
    equal = (np.abs(there - profit) <= _tolerance(there, 2)) & (np.abs(count - trades) < 0.5)
    # Without a trade all rules agree.
    equal &= count > 0
    rules = tuple((name, _said(value)) for name, value in changed.items())
    return Alternative(rules, _in_words(changed), float(np.median(relative)), int(equal.sum()))


def _relative(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return differences by the larger size of both, 0 where both are 0."""
    import numpy as np

    size = np.maximum(np.abs(a), np.abs(b))
    found = np.zeros(len(a))
    np.divide(np.abs(a - b), size, out=found, where=size > 0)
    return found


def _said(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _in_words(changed: Mapping[str, Any]) -> str:
    """Return what differs from the run's rules in words."""
    words = []
    for name, value in changed.items():
        if name == "lot_size":
            words.append("whole shares" if value else "fractions of shares")
        elif name == "slip":
            words.append("no costs")
        elif name == "capital":
            words.append(f"capital {value:,.2f}")
        elif name != "fee":
            words.append(f"{name.replace('_', ' ')} {_said(value)}")
    return ", ".join(words) or "the run's own rules"


def _verdict(
    figures: Sequence[FigureDifference], alternatives: Sequence[Alternative], sample: int
) -> str:
    """Return in words what comes nearest to a report."""
    if not figures:
        return "The report has no figures that can be compared."
    if all(f.equal == f.rows for f in figures):
        return "The report and the simulation agree in every figure and row."
    if not alternatives:
        return "The report has no net profit or no trades, so that rules cannot be told apart."
    nearest = alternatives[0]
    run = next(a for a in alternatives if not a.rules)
    # Rules that the rows which are equal do not tell apart.
    others = [a.text for a in alternatives[1:] if nearest.equal and a.equal == nearest.equal]
    also = f" As many are equal with {', or '.join(others)}." if others else ""
    differing = ", ".join(f.name.lower() for f in figures if f.equal < f.rows)
    if run.equal == sample:
        return (
            "The run's own rules reproduce net profit and trades; not equal in every row:"
            f" {differing}."
        )
    if nearest.equal == sample:
        away = percent(run.distance)
        return (
            f"The report was made by other rules than the run's, which are {away} away in net"
            f" profit and trades (median). Nearest is {nearest.text}, which reproduces it.{also}"
        )
    if run.distance <= _NEAR:
        return (
            f"The run's own rules are {percent(run.distance)} away in net profit and trades"
            f" (median), equal in {run.equal:,} of {sample:,} rows; not equal in every row:"
            f" {differing}."
        )
    if not nearest.rules:
        return (
            f"No other rules come nearer to the report than the run's own, which are"
            f" {percent(run.distance)} away in net profit and trades (median): the reason is none"
            " of the rules that are tried here."
        )
    if nearest.distance > run.distance * _NEARER and nearest.equal <= run.equal:
        return (
            f"Other rules hardly come nearer to the report than the run's own,"
            f" {percent(run.distance)} away in net profit and trades (median): with"
            f" {nearest.text} it is {percent(nearest.distance)}. The reason is none of the rules"
            " that are tried here."
        )
    return (
        f"Other rules come nearer to the report than the run's own, which are"
        f" {percent(run.distance)} away in net profit and trades (median): with {nearest.text} it"
        f" is {percent(nearest.distance)}, and {nearest.equal:,} of {sample:,} rows are equal. The"
        f" reason for the rest is none of the rules that are tried here.{also}"
    )

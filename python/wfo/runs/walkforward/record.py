"""What a record holds of a walk-forward's figures: the shape of its plain values, and back.

Marks and trades are tables of their own; the rest is part of ``walkforward.json``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from wfo.errors import InputError, ResultsError
from wfo.files.limits import WALK_WINDOWS
from wfo.files.schema import (
    Count,
    DayText,
    FiniteNumber,
    Limits,
    PositiveNumber,
    SafeName,
    ShortText,
)
from wfo.metrics import Metrics
from wfo.runs.shapes import Plain, StrategyName, Symbol, Texts
from wfo.runs.walkforward.decisions import DecisionShape, Params, decision_of
from wfo.stats.efficiency import Condition, Efficiency, TradeStationVerdict
from wfo.walkforward.components import Curve, FixedSet, WindowResult
from wfo.walkforward.values import WalkForward
from wfo.windows import WalkWindows

if TYPE_CHECKING:
    import polars as pl

#: Columns of the table of marks before those of the fixed sets.
_DATE, _STITCHED, _HELD = "date", "stitched", "held"

_Number = FiniteNumber | None
_Drift = dict[ShortText, _Number]


class MetricsShape(TypedDict):
    """Figures, as `wfo.Metrics.to_dict` has them."""

    bars: Count
    first: DayText
    last: DayText
    net_profit: FiniteNumber
    total_return: _Number
    cagr: _Number
    volatility: _Number
    sharpe: _Number
    sortino: _Number
    mar: _Number
    max_drawdown: FiniteNumber
    max_drawdown_share: _Number
    max_drawdown_days: Count
    ulcer_index: _Number
    value_at_risk: _Number
    trades: Count
    win_rate: _Number
    profit_factor: _Number
    average_win: _Number
    average_loss: _Number
    expectancy: _Number
    exposure: _Number


class _ResultShape(TypedDict):
    decision: DecisionShape
    params: Params | None
    in_sample: MetricsShape | None
    alone: MetricsShape | None
    traded: MetricsShape
    held: MetricsShape
    wfe: _Number
    wfe_annual: _Number
    return_wfe: _Number
    drift: _Drift


class _FixedShape(TypedDict):
    key: SafeName
    label: ShortText
    params: Params
    metrics: MetricsShape


class EfficiencyShape(TypedDict):
    """A walk-forward efficiency."""

    raw: _Number
    annual: _Number


class ConditionShape(TypedDict):
    """One condition of TradeStation's verdict."""

    name: ShortText
    value: _Number
    limit: FiniteNumber
    passed: bool


class WalkShape(TypedDict):
    """A walk-forward without its marks and trades."""

    strategy: StrategyName
    grid: ShortText
    symbols: Annotated[list[Symbol], Limits("a list of up to 2 symbols", most=2)]
    by: ShortText
    windows: dict[str, Any]
    results: Annotated[
        list[_ResultShape],
        Limits(f"a list of 1 to {WALK_WINDOWS:,} windows", most=WALK_WINDOWS, least=1),
    ]
    stitched: MetricsShape
    held: MetricsShape
    exposure_return: _Number
    fixed: Annotated[list[_FixedShape], Limits("a list of up to 3 fixed sets", most=3)]
    efficiency: EfficiencyShape
    tradestation: Annotated[list[ConditionShape], Limits("five conditions", most=5, least=5)]
    drift: _Drift
    searched: Count
    capital: PositiveNumber
    bars_per_year: PositiveNumber
    settings: dict[ShortText, Plain]
    notes: Texts


def metrics_of(data: Mapping[str, Any]) -> Metrics:
    """Return the figures that `Metrics.to_dict` returned, as `MetricsShape` has them.

    Raises
    ------
    ResultsError
        If a date of theirs is none.
    """
    values = {f.name: data[f.name] for f in fields(Metrics)}
    return Metrics(**values | {name: day_of(data[name]) for name in ("first", "last")})


def day_of(text: str) -> dt.date:
    """Return a date of a record.

    Raises
    ------
    ResultsError
        If it is none.
    """
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise ResultsError(f"it has the date {text}, which is none: {error}") from error


def verdict_of(data: list[dict[str, Any]]) -> TradeStationVerdict:
    """Return the verdict of conditions as plain values, each as `ConditionShape` has it."""
    names = [f.name for f in fields(Condition)]
    return TradeStationVerdict(tuple(Condition(*(each[n] for n in names)) for each in data))


def curves_frame(walk: WalkForward) -> pl.DataFrame:
    """Return the marks of all curves: ``date``, ``stitched``, ``held``, and keys of fixed sets."""
    import polars as pl

    curves = {_STITCHED: walk.stitched, _HELD: walk.held}
    curves |= {each.key: each.curve for each in walk.fixed}
    columns = {name: curve.equity for name, curve in curves.items()}
    return pl.DataFrame({_DATE: pl.Series(list(walk.dates), dtype=pl.Date), **columns})


def walk_of(data: Mapping[str, Any], marks: pl.DataFrame, trades: pl.DataFrame) -> WalkForward:
    """Return the walk-forward that `WalkForward.to_dict` and `curves_frame` returned.

    Parameters
    ----------
    data
        As `WalkShape` has it.
    marks, trades
        The tables.

    Raises
    ------
    ResultsError
        If they do not go together, or windows cannot be.
    """
    try:
        windows = WalkWindows.from_dict(data["windows"])
    except InputError as error:
        raise ResultsError(f"its windows cannot be: {error}") from error
    if len(windows) != len(data["results"]):
        raise ResultsError(
            f"it has results of {len(data['results']):,} windows, and there are {len(windows):,}"
        )
    keys = [each["key"] for each in data["fixed"]]
    _check_marks(marks, keys, windows)
    metrics = {_STITCHED: data["stitched"], _HELD: data["held"]}
    metrics |= {each["key"]: each["metrics"] for each in data["fixed"]}
    names = {_HELD: "buy-and-hold"}

    def curve(key: str) -> Curve:
        return Curve(names.get(key, key), marks[key].to_numpy(), metrics_of(metrics[key]))

    return WalkForward(
        strategy=data["strategy"],
        grid=data["grid"],
        symbols=tuple(data["symbols"]),
        by=data["by"],
        windows=windows,
        results=tuple(_result_of(each, windows, at) for at, each in enumerate(data["results"])),
        dates=tuple(marks[_DATE].to_list()),
        stitched=curve(_STITCHED),
        held=curve(_HELD),
        exposure_return=data["exposure_return"],
        fixed=tuple(
            FixedSet(each["key"], each["label"], each["params"], curve(each["key"]))
            for each in data["fixed"]
        ),
        efficiency=Efficiency(**{n: data["efficiency"][n] for n in ("raw", "annual")}),
        tradestation=verdict_of(data["tradestation"]),
        drift=data["drift"],
        trades=trades,
        searched=data["searched"],
        capital=data["capital"],
        bars_per_year=data["bars_per_year"],
        settings=data["settings"],
        notes=tuple(data["notes"]),
    )


def _check_marks(marks: pl.DataFrame, keys: list[str], windows: WalkWindows) -> None:
    """Raise a `ResultsError` unless a table of marks is that of the windows."""
    import polars as pl

    start, end = windows.traded
    wanted = {_DATE: pl.Date} | dict.fromkeys([_STITCHED, _HELD, *keys], pl.Float64)
    if dict(marks.schema) != wanted or len(wanted) != 3 + len(keys):
        raise ResultsError("its table of marks has other columns than its curves")
    if len(marks) != end - start + 1:
        raise ResultsError(
            f"its table of marks has {len(marks):,} rows, and its windows trade"
            f" {end - start:,} bars"
        )
    numbers = marks.select(pl.exclude(_DATE))
    bad = numbers.select(pl.all().is_finite().not_().any() | pl.all().is_null().any())
    if marks[_DATE].has_nulls() or any(bad.row(0)):
        raise ResultsError("its table of marks has marks that are no numbers")


def _result_of(data: Mapping[str, Any], windows: WalkWindows, at: int) -> WindowResult:
    def part(name: str) -> Metrics | None:
        return None if data[name] is None else metrics_of(data[name])

    return WindowResult(
        window=windows[at],
        decision=decision_of(data["decision"], windows[at].number),
        params=data["params"],
        in_sample=part("in_sample"),
        alone=part("alone"),
        traded=metrics_of(data["traded"]),
        held=metrics_of(data["held"]),
        wfe=data["wfe"],
        wfe_annual=data["wfe_annual"],
        return_wfe=data["return_wfe"],
        drift=data["drift"],
    )

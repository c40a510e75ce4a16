"""Shapes of ``run.json``, of ``meta.json`` beside figures, and of the count of trials.

What a run of an earlier version lacks may be missing. What is left open here, such as parameters by
name, is checked against the grid where it becomes a `wfo.selection.plateaus.Plateaus` or the like.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from wfo.data.years import MOST_BARS_PER_YEAR
from wfo.files.limits import AXIS_VALUES, PHASES
from wfo.files.schema import (
    Command,
    Count,
    DayText,
    FiniteNumber,
    Fraction,
    HexDigest,
    Limits,
    NotNegative,
    Ordinal,
    PositiveNumber,
    RelativeName,
    SafeName,
    ShortText,
    StampText,
    Text,
)
from wfo.strategy.record import StrategyShape

#: Strategies of a run, at most.
MOST_STRATEGIES = 100

#: What a strategy can be called: its name is part of those of files and folders.
StrategyName = Annotated[
    str, Limits("the name of a strategy", pattern="[A-Za-z0-9][A-Za-z0-9_-]*", most=100)
]
Symbol = Annotated[
    str,
    Limits(
        "a symbol of 1 to 64 printable ASCII characters, without a blank at either end",
        pattern="[!-~](?:[ -~]*[!-~])?",
        most=64,
    ),
]
Timeframe = Annotated[str, Limits("a length of bars such as 1day", pattern="[0-9a-z]+", most=20)]
Texts = list[Text]
Plain = FiniteNumber | ShortText | bool | None

_Span = TypedDict("_Span", {"from": ShortText, "to": ShortText, "in_sample": Fraction})
_Spans = Annotated[list[_Span], Limits(f"a list of 1 to {PHASES:,} phases", most=PHASES, least=1)]


_Walk = TypedDict(
    "_Walk", {"in": ShortText, "out": ShortText, "step": ShortText, "purge": ShortText}
)


class WindowsShape(TypedDict):
    """A schedule, as `wfo.windows.Windows.to_dict` has it: phases, or a walk of either kind."""

    name: ShortText
    min_phases: NotRequired[Ordinal]
    phases: NotRequired[_Spans]
    rolling: NotRequired[_Walk]
    anchored: NotRequired[_Walk]


_Phase = TypedDict(
    "_Phase",
    {
        "number": Ordinal,
        "warmup": Count,
        "split": Ordinal,
        "end": Ordinal,
        "from": DayText,
        "split_date": DayText,
        "to": DayText,
        "in_sample": tuple[DayText, DayText],
        "out_of_sample": tuple[DayText, DayText],
    },
)
_PhaseList = Annotated[
    list[_Phase], Limits(f"a list of 1 to {PHASES:,} phases", most=PHASES, least=1)
]


class PhasesShape(TypedDict):
    """Phases on a history, as `wfo.windows.Phases.to_dict` has them."""

    name: ShortText
    as_of: DayText
    min_phases: Ordinal
    note: Text
    phases: _PhaseList


class DigestShape(TypedDict):
    """Size and SHA-256 of a file."""

    bytes: Count
    sha256: HexDigest


class BarsShape(TypedDict):
    """The bars of a run."""

    symbol: Symbol
    timeframe: Timeframe
    rows: Count
    first: StampText
    last: StampText
    fingerprint: HexDigest
    source: Text
    adjust: ShortText
    calendar: ShortText
    warnings: Texts
    fetched_from: NotRequired[ShortText]
    stale: NotRequired[Text]


class JoinShape(TypedDict):
    """What joining two symbols has dropped."""

    dropped_first: Count
    dropped_second: Count


class HoldoutShape(TypedDict):
    """Bars that are held out."""

    span: ShortText
    first: StampText
    last: StampText
    rows: Ordinal
    digest: HexDigest


class SettingsShape(TypedDict):
    """Settings of every backtest; a strategy may have more."""

    capital: PositiveNumber
    slip: NotNegative
    fee: NotNegative
    sizing: Literal["compound", "fixed"]
    lot_size: NotNegative


class GatesShape(TypedDict):
    """Gates; those that an earlier version lacks are off."""

    wfe: NotRequired[NotNegative]
    dd_ratio: NotRequired[NotNegative]
    min_phases: NotRequired[Ordinal | None]
    min_trades: NotRequired[Count]
    beat: NotRequired[Literal["return", "risk"] | None]


class HeldShape(TypedDict):
    """Buy-and-hold over a phase."""

    is_pnl: FiniteNumber
    oos_pnl: FiniteNumber
    is_dd: NotNegative
    oos_dd: NotNegative
    is_dd_share: FiniteNumber | None
    oos_dd_share: FiniteNumber | None


_BarsPerYear = Annotated[
    float,
    Limits(
        f"a number above 0 and up to {MOST_BARS_PER_YEAR:,.0f}",
        ge=sys.float_info.min,
        le=MOST_BARS_PER_YEAR,
    ),
]

#: Bars of a year, and whether they were counted or given, as `wfo.data.years.Year` has it.
YearShape = TypedDict(
    "YearShape",
    {"value": _BarsPerYear, "from": Literal["counted", "given"], "how": ShortText},
)


class BenchmarkShape(TypedDict):
    """Buy-and-hold over a phase, and what makes returns comparable."""

    capital: PositiveNumber
    is_bars: Ordinal
    oos_bars: Ordinal
    bars_per_year: _BarsPerYear
    held: HeldShape
    whole: HeldShape


_Axis = Annotated[
    list[FiniteNumber],
    Limits(f"a list of 1 to {AXIS_VALUES:,} numbers", most=AXIS_VALUES, least=1),
]


class GridShape(TypedDict):
    """A grid that was swept."""

    name: SafeName
    strategy: StrategyName
    combinations: Ordinal
    left_out: NotRequired[Count]
    values: dict[ShortText, _Axis]
    definition: NotRequired[dict[str, Any]]


class SweepShape(TypedDict):
    """How the figures of a strategy are kept."""

    store: Literal["dense", "survivors"]
    key: HexDigest
    kept: NotRequired[Ordinal]


class HostShape(TypedDict):
    """The machine."""

    name: NotRequired[ShortText]
    system: NotRequired[ShortText]
    machine: NotRequired[ShortText]
    cores: NotRequired[Count | None]


class StageShape(TypedDict):
    """A scoring or a stage: its command, and when."""

    command: Command
    at: ShortText


# What was found


class _Gate(TypedDict):
    gate: ShortText
    alone: Count
    with_those_before: Count


class _PhaseGates(TypedDict):
    phase: Ordinal
    valid: Count
    gates: list[_Gate]


class _Outcomes(TypedDict):
    candidates: Count
    known: Count
    total: NotNegative | None
    label: Literal["exact", "estimated", "unknown"]
    error: NotNegative | None


class PlateauShape(TypedDict):
    """A plateau."""

    rank: Ordinal
    regime: ShortText | None
    cells: list[tuple[FiniteNumber, FiniteNumber]]
    combinations: Count
    level: FiniteNumber
    stability: FiniteNumber | None
    trades: NotRequired[FiniteNumber | None]
    center: tuple[FiniteNumber, FiniteNumber]


class PlateausShape(TypedDict):
    """Plateaus of a map."""

    level: FiniteNumber | None
    reach: PositiveNumber | None
    density: Ordinal | None
    quality: FiniteNumber
    note: Text
    smoothness: NotRequired[FiniteNumber | None]
    p: NotRequired[Fraction | None]
    plateaus: list[PlateauShape]


_Box = dict[ShortText, tuple[FiniteNumber, FiniteNumber]]


class RegionShape(TypedDict):
    """A plateau in all parameters."""

    rank: Ordinal | None
    bounds: _Box
    box: _Box
    peeled: _Box
    accepted: bool
    p: Fraction | None
    share: Fraction | None
    support: Fraction | None
    other_share: Fraction | None
    other_box: Fraction | None
    other_grid: Fraction | None
    sampled: Count


class _Shares(TypedDict):
    region: FiniteNumber | None
    box: FiniteNumber | None
    grid: FiniteNumber | None


class _Judged(TypedDict):
    region: RegionShape | None
    real: _Shares | None
    permuted: list[_Shares]


class _LastPhase(TypedDict):
    bounds: NotRequired[list[Count] | None]
    plateaus: NotRequired[list[_Judged | None]]
    whole: NotRequired[_Judged | None]
    sampled: NotRequired[Count | None]
    reason: NotRequired[Text]


class _Factor(TypedDict):
    parameters: list[ShortText]
    values: list[list[FiniteNumber]]
    means: list[FiniteNumber | None]
    main: FiniteNumber | None
    total: FiniteNumber
    total_error: FiniteNumber | None


class _Effects(TypedDict):
    mean: FiniteNumber | None
    variance: FiniteNumber | None
    factors: list[_Factor]
    interactions: list[tuple[ShortText, ShortText, FiniteNumber | None]]


_Sensitivity = TypedDict(
    "_Sensitivity",
    {
        "strategy": ShortText,
        "grid": ShortText,
        "combinations": Count,
        "min_phases": Count,
        "lines": Count,
        "return": _Effects,
        "stable": _Effects,
    },
)


class _BestPhase(TypedDict):
    oos_return: FiniteNumber | None
    oos_return_annual: FiniteNumber | None
    dd_share: FiniteNumber | None
    trades: Count | None
    exposure: FiniteNumber | None
    wfe: FiniteNumber | None
    return_wfe: FiniteNumber | None
    held_return: FiniteNumber | None
    held_return_annual: FiniteNumber | None
    held_dd_share: FiniteNumber | None
    valid: bool | None
    same_exposure: FiniteNumber | None


class _Best(TypedDict):
    params: NotRequired[dict[ShortText, FiniteNumber]]
    row: NotRequired[Count]
    members: NotRequired[Count]
    oos_return_annual: NotRequired[FiniteNumber | None]
    buy_and_hold_annual: NotRequired[FiniteNumber | None]
    phases: NotRequired[list[_BestPhase]]


class SpreadShape(TypedDict):
    """How a figure is distributed."""

    count: Count
    finite: Count
    above: Count
    q5: FiniteNumber | None
    q25: FiniteNumber | None
    median: FiniteNumber | None
    q75: FiniteNumber | None
    q95: FiniteNumber | None
    mean: FiniteNumber | None
    deviation: NotNegative | None
    least: FiniteNumber | None
    best: FiniteNumber | None
    share: NotRequired[FiniteNumber | None]
    best_distance: NotRequired[FiniteNumber | None]


class _PhaseProfile(TypedDict):
    is_pnl: SpreadShape
    oos_pnl: SpreadShape
    is_dd: SpreadShape
    oos_dd: SpreadShape
    oos_return: SpreadShape
    is_trades: SpreadShape
    oos_trades: SpreadShape


class ProfileShape(TypedDict):
    """How all figures of a grid are distributed."""

    combinations: Ordinal
    quantile_error: NotRequired[FiniteNumber]
    phases: list[_PhaseProfile]
    total_return: SpreadShape


class _Coverage(TypedDict):
    best: Count
    best_of: Count
    top: Count
    top_of: Count


class _Ranges(TypedDict):
    file: RelativeName
    tests: Count
    coverage: _Coverage
    notes: Texts


class _RangeOptions(TypedDict):
    max_tests: NotRequired[Ordinal]
    fix: NotRequired[Literal["median", "best"]]


class _PlateauOptions(TypedDict):
    level: NotRequired[FiniteNumber | None]
    reach: NotRequired[PositiveNumber | None]
    density: NotRequired[Ordinal | None]
    least_stable: NotRequired[Ordinal]


class _SetCounts(TypedDict):
    """Counts of one set of gates; of the set that rules there are two."""

    stable: NotRequired[Count]
    min_phases: NotRequired[Count]
    name: NotRequired[ShortText]
    rules: NotRequired[GatesShape]
    valid_phases: NotRequired[list[Count]]
    gates: NotRequired[list[_PhaseGates]]
    cells: NotRequired[list[list[Count]] | None]
    warnings: NotRequired[Texts]
    plateaus: NotRequired[PlateausShape]
    regions: NotRequired[list[RegionShape]]
    last_phase: NotRequired[_LastPhase]


class ResultShape(TypedDict):
    """What a run has found for one strategy."""

    strategy: StrategyName
    grid: NotRequired[SafeName]
    combinations: NotRequired[Ordinal]
    min_phases: NotRequired[Count]
    valid_phases: NotRequired[list[Count]]
    gates: NotRequired[list[_PhaseGates]]
    stable: NotRequired[Count]
    candidates: NotRequired[Count]
    outcomes: NotRequired[_Outcomes | None]
    sets: NotRequired[dict[ShortText, _SetCounts]]
    best: NotRequired[_Best | None]
    profile: NotRequired[ProfileShape | None]
    at_risk: NotRequired[Count | None]
    warnings: NotRequired[Texts]
    plateaus: NotRequired[PlateausShape]
    regions: NotRequired[list[RegionShape]]
    last_phase: NotRequired[_LastPhase]
    sensitivity: NotRequired[_Sensitivity]
    inside: NotRequired[list[_Sensitivity]]
    range_options: NotRequired[_RangeOptions]
    plateau_options: NotRequired[_PlateauOptions]
    ranges: NotRequired[list[_Ranges]]


class _Standing(TypedDict):
    strategy: StrategyName
    combinations: Count
    stable: Count
    best_stability: FiniteNumber | None
    median_stability: FiniteNumber | None
    best_pnl: FiniteNumber | None
    median_pnl: FiniteNumber | None
    best_drawdown: FiniteNumber | None
    median_drawdown: FiniteNumber | None
    best_trades: FiniteNumber | None
    median_trades: FiniteNumber | None
    best_return: NotRequired[FiniteNumber | None]
    median_return: NotRequired[FiniteNumber | None]
    stable_share: FiniteNumber | None


class _Extra(TypedDict):
    extra: ShortText
    strategy: StrategyName
    simpler: StrategyName
    paid: ShortText | None
    share: FiniteNumber | None
    stability: FiniteNumber | None
    pnl: FiniteNumber | None


class _Holding(TypedDict):
    pnl: FiniteNumber
    drawdown: FiniteNumber
    annual_return: FiniteNumber | None


class ComparisonShape(TypedDict):
    """The strategies of a run side by side."""

    strategies: list[_Standing]
    extras: list[_Extra]
    buy_and_hold: NotRequired[_Holding | None]


Status = Literal[
    "running", "interrupted", "failed", "rescoring", "detecting", "exporting", "complete"
]
_Grids = Annotated[
    list[GridShape],
    Limits(f"a list of 1 to {MOST_STRATEGIES} grids", most=MOST_STRATEGIES, least=1),
]


class ManifestShape(TypedDict):
    """``run.json``, without what is there once a run is swept."""

    status: Status
    fingerprint: HexDigest
    command: Command
    started: ShortText
    symbol: Symbol
    timeframe: Timeframe
    data: BarsShape
    data2: NotRequired[BarsShape]
    join: NotRequired[JoinShape]
    strategy: StrategyName
    windows: WindowsShape
    phases: PhasesShape
    holdout: NotRequired[HoldoutShape]
    settings: SettingsShape
    gates: GatesShape
    bars_per_year: NotRequired[YearShape]
    benchmarks: NotRequired[list[BenchmarkShape]]
    engine: ShortText
    threads: Count
    grids: _Grids
    sweeps: dict[StrategyName, SweepShape]
    strategies: NotRequired[dict[StrategyName, StrategyShape]]
    map_axes: NotRequired[dict[StrategyName, tuple[ShortText, ShortText]]]
    build: dict[ShortText, ShortText]
    host: HostShape
    finished: NotRequired[ShortText]
    rescored: NotRequired[StageShape]
    stages: NotRequired[dict[Literal["plateaus", "export"], StageShape]]


#: Settings once more, for those that only some strategies have.
Settings = dict[ShortText, Plain]


class CompletionShape(TypedDict):
    """What ``run.json`` has besides, once a run is swept."""

    trials: Count
    results: list[ResultShape]
    comparison: ComparisonShape
    files: list[RelativeName]
    sums: dict[RelativeName, DigestShape]
    timings: dict[ShortText, NotNegative]


class MetaShape(TypedDict):
    """What ``meta.json`` beside figures must say."""

    key: HexDigest
    complete: NotRequired[bool]
    store: NotRequired[Literal["dense", "survivors"]]


class _CountedHoldout(TypedDict):
    folder: Text
    span: ShortText
    first: DayText
    last: DayText


class _Search(TypedDict):
    fingerprint: ShortText
    combinations: Count
    strategy: NotRequired[ShortText]
    grid: NotRequired[ShortText]
    through: NotRequired[StampText | None]
    holdout: NotRequired[_CountedHoldout]


class TrialsShape(TypedDict):
    """The count of a symbol's trials."""

    total: Count
    searches: list[_Search]


class _Fingerprint(TypedDict):
    fingerprint: HexDigest


class _Timeframe(TypedDict):
    timeframe: Timeframe


#: What is read of a manifest that may be no good otherwise, by key.
STATED: Mapping[str, Any] = {"fingerprint": _Fingerprint, "timeframe": _Timeframe}

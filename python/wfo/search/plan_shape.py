"""Shape of a plan as plain values, as a study keeps it."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final, Literal, NotRequired, TypedDict

from wfo.data.years import MOST_BARS_PER_YEAR
from wfo.files.schema import Count, DayText, Limits, Ordinal, PositiveNumber, ShortText, Text
from wfo.search.space.names import Value
from wfo.strategy.record import StrategyShape

#: The words of a command. Of a union of such a list and texts that have a pattern, msgspec 0.22
#: frees memory twice when the process ends: a target is looked at by one shape or the other.
WordsShape = Annotated[list[ShortText], Limits("a list of one word or more", least=1)]
_Settings = dict[ShortText, Value | None]

#: Bits of a seed.
_MOST_SEED: Final = 2**63 - 1


class StalledShape(TypedDict):
    """What is done when no better trial comes."""

    batches: Count
    then: ShortText


class WindowShape(TypedDict):
    """An in-sample and an out-of-sample part, two dates each."""

    # ``in`` is no name of Python's, and both are read as dates anyway.
    out: ShortText


class WindowsShape(TypedDict):
    """Which bars points are scored on."""

    kind: Literal["schedule", "dates", "share", "none"]
    schedule: dict[str, Any] | None
    dates: list[WindowShape]
    share: Annotated[float, Limits("a number above 0 and below 1", ge=1e-9, le=1 - 1e-9)] | None


class PlanShape(TypedDict):
    """A plan; what has a class of its own is looked at by that."""

    kind: Literal["strategy", "program", "command"]
    target: str | list[str]
    folder: Text
    symbols: list[ShortText]
    timeframe: ShortText
    space: dict[str, Any]
    objective: dict[str, Any]
    limits: dict[str, Any]
    guardrails: dict[str, Any] | None
    aggregate: Literal["median", "mean", "minimum"]
    windows: WindowsShape
    period: Annotated[list[DayText | None], Limits("a list of two dates", least=2, most=2)]
    holdout: ShortText | None
    settings: _Settings
    bars_per_year: NotRequired[
        Annotated[
            float,
            Limits(
                f"a number above 0 and up to {MOST_BARS_PER_YEAR:,.0f}",
                ge=sys.float_info.min,
                le=MOST_BARS_PER_YEAR,
            ),
        ]
    ]
    method: ShortText
    method_options: _Settings
    trials: Ordinal
    batch: Ordinal
    seed: Annotated[int, Limits("a whole number from 0 on", ge=0, le=_MOST_SEED)]
    workers: Ordinal | None
    timeout: PositiveNumber | None
    memory: Ordinal | None
    retries: Count | None
    warmup: Count
    prune: Literal["none", "median", "wilcoxon"]
    block: Ordinal | Literal["auto"] | None
    baseline: dict[ShortText, Value] | None
    top: Ordinal
    stalled: StalledShape
    filled: _Settings
    text: Annotated[str, Limits("a text of up to 1 MiB", most=1 << 20)]
    described: NotRequired[StrategyShape]

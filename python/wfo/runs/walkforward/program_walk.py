"""What a walk-forward of a program comes to: its windows' figures, and their returns as a chain.

A program cannot be simulated with sets that change on a date: it is called anew in each window, and
begins flat there with a capital of its own. So there are marks where windows meet, and none between
them; no position is carried over a boundary, and costs are the program's.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, TypedDict

from wfo.arguments import rebuilt
from wfo.data.years import DAYS_A_YEAR
from wfo.errors import InputError
from wfo.files.limits import STUDY_FIGURES, WALK_WINDOWS
from wfo.files.schema import Count, FiniteNumber, Limits, ShortText, Text, require
from wfo.search.objective.figures import defined, spellings
from wfo.search.space.names import Value
from wfo.stats.efficiency import (
    Efficiency,
    PhaseProfit,
    TradeStationVerdict,
    tradestation_verdict,
    walk_forward_efficiency,
)
from wfo.windows import WalkWindow, WalkWindows

if TYPE_CHECKING:
    import polars as pl

#: The figure of which the chain is made, and that of a criterion.
EARNED: Final = "total_return"
FALL: Final = "max_drawdown_share"

#: Figures by name; None where one is not defined.
Figures = Mapping[str, float | None]

_FiguresShape = Annotated[
    dict[ShortText, FiniteNumber | None],
    Limits(f"up to {STUDY_FIGURES:,} figures", most=STUDY_FIGURES),
]


class _WindowShape(TypedDict):
    params: dict[ShortText, Value] | None
    trial: Count | None
    score: FiniteNumber | None
    tied: Count
    searched: Count
    in_sample: _FiguresShape | None
    traded: _FiguresShape | None
    alone: _FiguresShape | None
    held: FiniteNumber | None
    error: Text
    note: Text


class ProgramWalkShape(TypedDict):
    """A walk-forward of a program as plain values."""

    target: Text
    symbols: list[ShortText]
    by: Text
    windows: dict[str, Any]
    results: Annotated[
        list[_WindowShape],
        Limits(f"1 to {WALK_WINDOWS:,} windows", least=1, most=WALK_WINDOWS),
    ]
    notes: list[Text]


def figure_of(figures: Figures | None, name: str) -> float | None:
    """Return a figure by any of its names; None where it is missing or not defined."""
    for each in spellings(name):
        value = (figures or {}).get(each)
        if value is not None and math.isfinite(defined(name, value)):
            return float(value)
    return None


def plain_figures(figures: Mapping[str, float]) -> dict[str, float | None]:
    """Return figures of which those that are not defined are None."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


@dataclass(frozen=True, slots=True)
class ProgramWindow:
    """One window: what was chosen on its in-sample bars, and what it came to behind them.

    Attributes
    ----------
    params
        The set that trades: the window's own choice, or the one before it where nothing could be
        chosen; None before the first choice, when everything is in cash. By dotted name.
    trial
        Number of the chosen trial in the window's study; None where nothing was chosen.
    score
        Its score; None without one.
    tied
        How many trials have that score.
    searched
        How many trials the study has.
    in_sample
        Figures of the chosen trial on the in-sample bars; None where nothing was chosen.
    traded
        Figures of `params` on the bars that the window trades, until the next one does; None in
        cash, and where the program has failed.
    alone
        The same over the whole out-of-sample part, of which parts may overlap.
    held
        Return of buy-and-hold over the traded bars; None without bars.
    error
        Why there are no figures of the traded bars; empty where there are.
    note
        Why nothing was chosen; else empty.
    """

    params: Mapping[str, Value] | None
    trial: int | None
    score: float | None
    tied: int
    searched: int
    in_sample: Figures | None
    traded: Figures | None
    alone: Figures | None
    held: float | None
    error: str = ""
    note: str = ""

    @property
    def earned(self) -> float | None:
        """Return over the traded bars: 0 in cash, None where it is not known."""
        return 0.0 if self.params is None else figure_of(self.traded, EARNED)

    @property
    def wfe(self) -> float | None:
        """Return of `alone` by that of `in_sample`; None unless that is positive."""
        inside, outside = figure_of(self.in_sample, EARNED), figure_of(self.alone, EARNED)
        return None if inside is None or outside is None or inside <= 0 else outside / inside

    def to_dict(self) -> dict[str, Any]:
        """Return the window as plain values."""
        return {
            "params": None if self.params is None else dict(self.params),
            "trial": self.trial,
            "score": self.score,
            "tied": self.tied,
            "searched": self.searched,
            "in_sample": None if self.in_sample is None else dict(self.in_sample),
            "traded": None if self.traded is None else dict(self.traded),
            "alone": None if self.alone is None else dict(self.alone),
            "held": self.held,
            "error": self.error,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True, eq=False)
class ProgramWalk:
    """A walk-forward of a program or command.

    Attributes
    ----------
    target
        What is evaluated.
    symbols
        The symbols whose bars it is given.
    by
        What sets are chosen by, in words.
    windows
        The schedule on the bars.
    results
        One item a window.
    notes
        What was assumed or changed, one sentence each.
    """

    target: str
    symbols: tuple[str, ...]
    by: str
    windows: WalkWindows
    results: tuple[ProgramWindow, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.results) != len(self.windows):
            raise InputError(
                f"{len(self.results)} results belong to {len(self.windows)} windows; there must be"
                " one of each"
            )

    @property
    def searched(self) -> int:
        """Trials of all studies."""
        return sum(each.searched for each in self.results)

    @property
    def marks(self) -> tuple[tuple[dt.date, float | None, float | None], ...]:
        """What a capital of 1 comes to where windows meet: date, chain, buy-and-hold.

        The first is before the first traded bar, each other at the close of the last bar that a
        window trades. Each window trades all that the one before it left; what was lost whole stays
        lost. None from the first window on whose return is not known.
        """
        chain: float | None = 1.0
        held: float | None = 1.0
        found: list[tuple[dt.date, float | None, float | None]] = [
            (self.windows[0].out_of_sample[0], chain, held)
        ]
        for window, each in zip(self.windows, self.results, strict=True):
            chain = _grown(chain, each.earned)
            held = _grown(held, each.held)
            found.append((self._last_traded(window), chain, held))
        return tuple(found)

    def _last_traded(self, window: WalkWindow) -> dt.date:
        """Return the date on or before which a window's last traded bar lies."""
        if window.number < len(self.windows):
            return self.windows[window.number].out_of_sample[0] - dt.timedelta(1)
        return window.out_of_sample[1]

    @property
    def total_return(self) -> float | None:
        """Return of the chain; None where that of a window is not known."""
        last = self.marks[-1][1]
        return None if last is None else last - 1

    @property
    def held_return(self) -> float | None:
        """Return of buy-and-hold over the same bars; None without bars."""
        last = self.marks[-1][2]
        return None if last is None else last - 1

    @property
    def phases(self) -> tuple[PhaseProfit, ...]:
        """What the efficiency is computed from: the windows that have chosen a set.

        Profits are returns on the capital of a window, years those of the calendar. Empty where a
        return of one of them is not known: the others alone would say something else.
        """
        found = []
        for window, each in zip(self.windows, self.results, strict=True):
            if each.trial is None:
                continue
            inside, outside = figure_of(each.in_sample, EARNED), each.earned
            if inside is None or outside is None:
                return ()
            first, last = window.in_sample
            traded = (self._last_traded(window) - window.out_of_sample[0]).days + 1
            found.append(
                PhaseProfit(
                    inside,
                    outside,
                    ((last - first).days + 1) / DAYS_A_YEAR,
                    traded / DAYS_A_YEAR,
                    figure_of(each.traded, FALL),
                )
            )
        return tuple(found)

    @property
    def efficiency(self) -> Efficiency | None:
        """Over the windows that have chosen a set; None where a return is not known."""
        phases = self.phases
        return walk_forward_efficiency(phases) if phases else None

    @property
    def tradestation(self) -> TradeStationVerdict | None:
        """By TradeStation's criteria; None where a return is not known.

        The value of a condition is None where the program gives no ``max_drawdown_share``, and the
        condition then is not met.
        """
        phases = self.phases
        return tradestation_verdict(phases) if phases else None

    @property
    def table(self) -> pl.DataFrame:
        """One row a window: dates, choice, returns, the chain behind it, then ``param.<name>``.

        Values of a parameter that are not all numbers are texts; what is not defined is null.
        """
        import polars as pl

        names = dict.fromkeys(n for each in self.results for n in each.params or ())
        rows = []
        for window, each, (_, chain, held) in zip(
            self.windows, self.results, self.marks[1:], strict=True
        ):
            rows.append(
                {
                    "window": window.number,
                    "in_sample_first": window.in_sample[0],
                    "in_sample_last": window.in_sample[1],
                    "out_of_sample_first": window.out_of_sample[0],
                    "out_of_sample_last": window.out_of_sample[1],
                    "trial": each.trial,
                    "score": each.score,
                    "trials": each.searched,
                    "in_sample_return": figure_of(each.in_sample, EARNED),
                    "traded_return": each.earned,
                    "alone_return": figure_of(each.alone, EARNED),
                    "held_return": each.held,
                    "wfe": each.wfe,
                    "chain": chain,
                    "held_chain": held,
                }
            )
        values = {n: [(each.params or {}).get(n) for each in self.results] for n in names}
        return pl.DataFrame(rows, infer_schema_length=None).with_columns(
            pl.Series(f"param.{name}", _column(own)) for name, own in values.items()
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the walk-forward as plain values; what is not defined is None."""
        return {
            "target": self.target,
            "symbols": list(self.symbols),
            "by": self.by,
            "windows": self.windows.to_dict(),
            "results": [each.to_dict() for each in self.results],
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ProgramWalk:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is something else.
        """
        require(data, ProgramWalkShape, "walk-forward of a program", kind=InputError)
        fields = tuple(ProgramWindow.__dataclass_fields__)

        def build(values: Mapping[str, Any]) -> ProgramWalk:
            return cls(
                values["target"],
                tuple(values["symbols"]),
                values["by"],
                WalkWindows.from_dict(values["windows"]),
                tuple(ProgramWindow(**{f: each[f] for f in fields}) for each in values["results"]),
                tuple(values["notes"]),
            )

        return rebuilt("walk-forward of a program", data, build)


def _grown(value: float | None, by: float | None) -> float | None:
    return None if value is None or by is None else value * max(0.0, 1 + by)


def _column(values: list[Value | None]) -> list[Any]:
    """Return values of a parameter as one type."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        whole = float not in kinds
        return [v if v is None or whole else float(v) for v in values]
    return [
        None if v is None else str(v).lower() if isinstance(v, bool) else str(v) for v in values
    ]

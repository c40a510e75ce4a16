"""What a hold-out came to, as values that check what they read."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypedDict

from wfo.backtest.benchmark import MARGIN
from wfo.errors import InputError, ResultsError, WfoError
from wfo.files.schema import (
    Command,
    Count,
    DayText,
    FiniteNumber,
    HexDigest,
    Ordinal,
    ShortText,
    Text,
    require,
)
from wfo.metrics import Metrics
from wfo.runs.shapes import Plain, StrategyName, Symbol, Timeframe
from wfo.strategy import Number
from wfo.text import percent


class FiguresShape(TypedDict):
    """Figures over a hold-out."""

    total_return: FiniteNumber | None
    annual_return: FiniteNumber | None
    drawdown_share: FiniteNumber | None
    trades: Count
    sharpe: FiniteNumber | None
    exposure: FiniteNumber | None


class FinalistShape(TypedDict):
    """A finalist over the hold-out."""

    number: Ordinal
    strategy: StrategyName
    params: dict[ShortText, FiniteNumber]
    origin: ShortText
    figures: FiguresShape


class SeenShape(TypedDict):
    """Other searches that reach into a hold-out."""

    searches: Count
    combinations: Count
    unknown: Count


class SpentShape(TypedDict):
    """A hold-out that was evaluated."""

    run: HexDigest
    folder: Text
    command: Command
    at: ShortText
    version: ShortText
    symbols: list[Symbol]
    timeframe: Timeframe
    span: ShortText
    first: DayText
    last: DayText
    bars: Ordinal
    digest: ShortText
    settings: dict[ShortText, Plain]
    finalists: list[FinalistShape]
    held: FiguresShape
    seen_by: SeenShape


@dataclass(frozen=True, slots=True)
class HoldoutFigures:
    """Figures over a hold-out, from fresh capital at its first bar on.

    Attributes
    ----------
    total_return, annual_return
        Return over all of it, and a year; fractions.
    drawdown_share
        Largest relative drawdown, a fraction.
    trades
        Closed trades.
    sharpe
        Annual ratio.
    exposure
        Share of the bars at whose close a position is held.

    All but the trades are None where they are not defined, as a Sharpe ratio of equal marks.
    """

    total_return: float | None
    annual_return: float | None
    drawdown_share: float | None
    trades: int
    sharpe: float | None
    exposure: float | None

    def __post_init__(self) -> None:
        if isinstance(self.trades, bool) or not isinstance(self.trades, int) or self.trades < 0:
            raise InputError(f"trades = {self.trades!r:.60} must be a whole number from 0 on")
        for each in fields(self):
            value = getattr(self, each.name)
            if value is None:
                continue
            known = isinstance(value, int | float) and not isinstance(value, bool)
            if not known or not math.isfinite(value):
                raise InputError(f"{each.name} = {value!r:.60} must be a finite number")

    def __repr__(self) -> str:
        def said(value: float | None) -> str:
            return "-" if value is None else percent(value)

        return (
            f"HoldoutFigures({said(self.total_return)}, {said(self.annual_return)} a year, drawdown"
            f" {said(self.drawdown_share)}, {self.trades:,} trades)"
        )

    @classmethod
    def of(cls, found: Metrics) -> HoldoutFigures:
        """Return those of the metrics of a hold-out."""
        return cls(
            found.total_return,
            found.cagr if found.cagr is None or math.isfinite(found.cagr) else None,
            found.max_drawdown_share,
            found.trades,
            found.sharpe,
            found.exposure,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values; None is null."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_dict(cls, data: Any, where: str = "figures") -> HoldoutFigures:
        """Rebuild what `to_dict` returned; raise a `ResultsError` where it is something else."""
        require(data, FiguresShape, where)
        return cls(**{f.name: data[f.name] for f in fields(cls)})


@dataclass(frozen=True, slots=True)
class SpentFinalist:
    """A finalist over the hold-out.

    Attributes
    ----------
    number, strategy, params, origin
        As those of `wfo.runs.finalists.Final`; of the strategy the name, since a record is read
        where the strategy is not known any more.
    figures
        What it came to.
    """

    number: int
    strategy: str
    params: Mapping[str, Number]
    origin: str
    figures: HoldoutFigures

    def __post_init__(self) -> None:
        if isinstance(self.number, bool) or not isinstance(self.number, int) or self.number < 1:
            raise InputError(f"number = {self.number!r:.60} of a finalist must be a whole one")
        for name in ("strategy", "origin"):
            _require_line(name, getattr(self, name))
        for name, value in self.params.items():
            _require_line("the name of a parameter", name)
            known = isinstance(value, int | float) and not isinstance(value, bool)
            if not known or not math.isfinite(value):
                raise InputError(f"{name} = {value!r:.60} of a finalist must be a finite number")

    def excess(self, held: HoldoutFigures) -> float | None:
        """Return its return minus that of buy-and-hold; None where one is not defined."""
        own, other = self.figures.total_return, held.total_return
        return None if own is None or other is None else own - other

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "number": self.number,
            "strategy": self.strategy,
            "params": dict(self.params),
            "origin": self.origin,
            "figures": self.figures.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Any, where: str = "a finalist") -> SpentFinalist:
        """Rebuild what `to_dict` returned; raise a `WfoError` where it is something else."""
        require(data, FinalistShape, where)
        figures = HoldoutFigures.from_dict(data["figures"], f"figures of {where}")
        return cls(data["number"], data["strategy"], dict(data["params"]), data["origin"], figures)


@dataclass(frozen=True, slots=True)
class SeenBy:
    """Other searches of the symbols whose bars reach into a hold-out.

    Attributes
    ----------
    searches, combinations
        Those that are known to reach into it.
    unknown
        Searches of which the count does not say how far they reach, as an earlier version wrote
        it.
    """

    searches: int = 0
    combinations: int = 0
    unknown: int = 0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise InputError(f"{each.name} = {value!r:.60} must be a whole number from 0 on")

    def to_dict(self) -> dict[str, int]:
        """Return the counts as plain values."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_dict(cls, data: Any, where: str = "seen_by") -> SeenBy:
        """Rebuild what `to_dict` returned; raise a `WfoError` where it is something else."""
        require(data, SeenShape, where)
        return cls(**{f.name: data[f.name] for f in fields(cls)})


@dataclass(frozen=True, slots=True, repr=False)
class Spent:
    """A hold-out that was evaluated, which happens once.

    Attributes
    ----------
    run
        Fingerprint of the run that spent it.
    folder, command
        Where that run lay, and how it was called.
    at
        When, a time in UTC.
    version
        Of what computed.
    symbols, timeframe
        The bars; the symbol that is traded first.
    span
        What was held out, such as ``1y``.
    first, last, bars
        Dates of the first and the last bar of it, and how many there are.
    digest
        Fingerprint of these bars.
    settings
        Capital and costs of every backtest of the run.
    finalists, held
        The finalists as they were then, and buy-and-hold beside them.
    seen_by
        Other searches that had reached into these bars before.
    """

    run: str
    folder: str
    command: str
    at: str
    version: str
    symbols: tuple[str, ...]
    timeframe: str
    span: str
    first: dt.date
    last: dt.date
    bars: int
    digest: str
    settings: Mapping[str, Any]
    finalists: tuple[SpentFinalist, ...]
    held: HoldoutFigures
    seen_by: SeenBy = field(default_factory=SeenBy)

    def __post_init__(self) -> None:
        for name in ("run", "folder", "command", "at", "version", "timeframe", "span", "digest"):
            _require_line(name, getattr(self, name))
        if not 1 <= len(self.symbols) <= 2:
            raise InputError(f"symbols = {self.symbols!r:.60} must be one or two")
        for symbol in self.symbols:
            _require_line("symbols", symbol)
        if self.last < self.first:
            raise InputError(f"first = {self.first} must not be after last = {self.last}")
        if isinstance(self.bars, bool) or not isinstance(self.bars, int) or self.bars < 1:
            raise InputError(f"bars = {self.bars!r:.60} must be a whole number from 1 on")
        numbers = [each.number for each in self.finalists]
        if numbers != list(range(1, len(numbers) + 1)):
            raise InputError(f"numbers of finalists must count from 1, not {numbers!r:.60}")

    def __repr__(self) -> str:
        return (
            f"Spent({', '.join(self.symbols)} {self.timeframe}, {self.first} to {self.last}, by"
            f" {self.run[:8]} at {self.at}: {len(self.finalists)} finalists)"
        )

    def excess(self, finalist: SpentFinalist) -> float | None:
        """Return the return of a finalist minus that of buy-and-hold; None where not defined."""
        return finalist.excess(self.held)

    def beats(self, finalist: SpentFinalist) -> bool:
        """Whether a finalist returned more than buy-and-hold, by more than roundings differ."""
        own, held = finalist.figures.total_return, self.held.total_return
        return own is not None and held is not None and own > held + MARGIN * abs(held)

    def overlaps(self, first: dt.date, last: dt.date) -> bool:
        """Whether any of these dates were spent."""
        return self.first <= last and first <= self.last

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, in the order in which they are written."""
        return {
            "run": self.run,
            "folder": self.folder,
            "command": self.command,
            "at": self.at,
            "version": self.version,
            "symbols": list(self.symbols),
            "timeframe": self.timeframe,
            "span": self.span,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "bars": self.bars,
            "digest": self.digest,
            "settings": dict(self.settings),
            "finalists": [each.to_dict() for each in self.finalists],
            "held": self.held.to_dict(),
            "seen_by": self.seen_by.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Any, where: str = "a record of a hold-out") -> Spent:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        ResultsError
            If it is something else; the message names what is wrong.
        """
        require(data, SpentShape, where)
        texts = ("run", "folder", "command", "at", "version", "timeframe", "span", "digest")
        try:
            return cls(
                **{name: data[name] for name in texts},
                symbols=tuple(data["symbols"]),
                first=dt.date.fromisoformat(data["first"]),
                last=dt.date.fromisoformat(data["last"]),
                bars=data["bars"],
                settings=data["settings"],
                finalists=tuple(
                    SpentFinalist.from_dict(each, f"finalist {k} of {where}")
                    for k, each in enumerate(data["finalists"], 1)
                ),
                held=HoldoutFigures.from_dict(data["held"], f"held of {where}"),
                seen_by=SeenBy.from_dict(data["seen_by"], f"seen_by of {where}"),
            )
        except ResultsError:
            raise
        except (WfoError, ValueError) as error:
            raise ResultsError(f"{where} cannot be used: {error}") from error


def _require_line(name: str, value: object) -> None:
    """Raise unless a value is a line of text, which pages show."""
    if not (isinstance(value, str) and value and value.isprintable()):
        raise InputError(f"{name} = {value!r:.60} must be a line of text")

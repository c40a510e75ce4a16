"""One parameter set with its provenance, as a value that checks itself and what it is rebuilt from.

`wfo.runs.handover.set_file` writes it to files and reads them, `wfo.runs.handover.set_export` makes
it of a run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from wfo.arguments import instance
from wfo.data.symbols import require_symbol
from wfo.data.timeframes import TIMEFRAMES
from wfo.data.years import checked_bars_per_year
from wfo.errors import InputError, ResultsError, WfoError, did_you_mean
from wfo.runs.handover.held_out import HeldOut
from wfo.runs.manifest import BarsRecord
from wfo.settings import AccountSettings
from wfo.strategy import Number, Strategy, get_strategy, is_built_in
from wfo.strategy.record import from_record, to_record
from wfo.strategy.registry import remember
from wfo.text import brief

#: What a set file says it is, and the version of its contents that is written and read.
FORMAT, VERSION = "wfo parameter set", 1

_Value = TypeVar("_Value")

#: Where a set can come from, as its origin names it and as it is called.
_NUMBERED = {"candidate": "candidate", "refined": "refined set", "window": "walk-forward, window"}

#: What scores, origin and the like may hold: nothing that a page would have to be guarded against.
_PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ParameterSet:
    """One parameter set of a strategy, with all that is known of where it comes from.

    Attributes
    ----------
    strategy, params
        The set; parameters in canonical order.
    symbol, symbol2, timeframe
        The bars that it is for; None where that is not known.
    settings
        Capital, costs, sizing and the strategy's own settings; None where they are not known.
    bars_per_year
        What its annual figures count in, where that was given; None where it is counted.
    origin
        Where it comes from: ``run``, the fingerprint, and ``folder``; ``candidate`` or ``refined``,
        its number, and ``of``, how many there are; of a refined set also plateau, report file and
        test. Of a walk-forward ``window``, ``of`` how many, and ``folder``.
    data, data2
        The bars that its scores are of.
    windows
        ``name``, ``as_of``, ``schedule`` as a windows file has it, ``warmup``, the bars before the
        first one that its phases may trade, and ``phases`` with their dates; ``holdout``, the
        ``symbols`` and the ``first`` and ``last`` date of bars that the run holds out, where they
        were not spent.
    history
        Of a refined set ``first`` and ``last`` trading date and ``warmup``, in bars.
    scores
        What it came to, by name, and ``phases``, each beside buy-and-hold.
    versions
        What has made it: ``wfo``, ``commit``.
    created
        When, as an ISO time in UTC.
    notes
        What its figures do not say by themselves, as sentences.
    warnings
        What reading a file has found, such as that it was edited. No part of a file.
    """

    strategy: Strategy
    params: Mapping[str, Number]
    symbol: str | None = None
    symbol2: str | None = None
    timeframe: str | None = None
    settings: AccountSettings | None = None
    bars_per_year: float | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)
    data: BarsRecord | None = None
    data2: BarsRecord | None = None
    windows: Mapping[str, Any] = field(default_factory=dict)
    history: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)
    created: str | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        instance("strategy", self.strategy, Strategy, "wfo.Strategy(...)")
        values = self.strategy.check_params(self.params)
        object.__setattr__(self, "params", dict(zip(self.strategy.names, values, strict=True)))
        for symbol in (self.symbol, self.symbol2):
            if symbol is not None:
                require_symbol(symbol)
        if self.symbol2 is not None and not self.strategy.dual_symbol:
            raise InputError(
                f"symbol2 = {self.symbol2!r} is one too many: {self.strategy.name} reads one symbol"
            )
        timeframe = self.timeframe
        if timeframe is not None and not (isinstance(timeframe, str) and timeframe in TIMEFRAMES):
            hint = did_you_mean(timeframe, TIMEFRAMES)
            raise InputError(f"timeframe = {brief(timeframe)} is unknown{hint}")
        if self.bars_per_year is not None:
            checked_bars_per_year(self.bars_per_year)

    def __repr__(self) -> str:
        return f"ParameterSet({self.title})"

    @property
    def title(self) -> str:
        """What it is called: the strategy, the bars and its number."""
        named = self.symbol if self.symbol2 is None else f"{self.symbol} with {self.symbol2}"
        bars = f" on {named} {self.timeframe or ''}".rstrip() if self.symbol else ""
        return f"{self.strategy.name}{bars}, {self.number}"

    @property
    def number(self) -> str:
        """Which candidate, refined set or window's it is; of none of them a set of its own."""
        of = self.origin.get("of")
        for kind, words in _NUMBERED.items():
            number = self.origin.get(kind)
            if isinstance(number, int):
                return f"{words} {number:,}" + (f" of {of:,}" if isinstance(of, int) else "")
        return "a set of its own"

    @property
    def edited(self) -> bool:
        """Whether it is from a file that is not as it was written, or that nothing vouches for."""
        return bool(self.warnings)

    @property
    def assumed(self) -> tuple[str, ...]:
        """What is not known of it, and what is taken instead."""
        found = []
        if self.settings is None:
            found.append("capital, costs and other settings are not stated; the defaults are taken")
        if self.symbol is None:
            found.append("the symbol is not stated; it has to be given")
        if self.timeframe is None:
            found.append("the length of the bars is not stated; 1day is taken")
        return tuple(found)

    def with_warnings(self, *warnings: str) -> ParameterSet:
        """Return the set with further warnings."""
        return replace(self, warnings=(*self.warnings, *warnings))

    def to_dict(self) -> dict[str, Any]:
        """Return all but the warnings as plain values, in the order in which they are written."""
        view = self.strategy.tradestation
        found: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "strategy": self.strategy.name,
            "described": None if is_built_in(self.strategy) else to_record(self.strategy),
            "tradestation": None if view is None else view.name,
            "parameters": dict(self.params),
            "inputs": None
            if view is None
            else {name: view.input(name).name for name in self.strategy.names},
            "symbol": self.symbol,
            "symbol2": self.symbol2,
            "timeframe": self.timeframe,
            "settings": None if self.settings is None else self.settings.to_dict(),
            "bars_per_year": self.bars_per_year,
            "origin": dict(self.origin),
            "data": None if self.data is None else self.data.to_dict(),
            "data2": None if self.data2 is None else self.data2.to_dict(),
            "windows": dict(self.windows),
            "history": dict(self.history),
            "scores": dict(self.scores),
            "versions": dict(self.versions),
            "created": self.created,
            "notes": list(self.notes),
        }
        stated: dict[str, Any] = _stated(found)
        return stated

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ParameterSet:
        """Rebuild what `to_dict` returned.

        Parameters
        ----------
        data
            Plain values; ``digest`` is passed over.

        Raises
        ------
        InputError
            If it is something else, or the parameters or settings do not fit the strategy; the
            message names what is wrong, its value and what is allowed.
        """
        known = {*_KEYS, "digest"}
        if not isinstance(data, Mapping):
            raise InputError(f"it states nothing by name, but {brief(data)}: it is no set file")
        if data.get("format") != FORMAT:
            raise InputError(
                f"format = {data.get('format')!r:.60} must be {FORMAT!r}: it is no set file"
            )
        version = data.get("version")
        if version != VERSION or isinstance(version, bool):
            raise InputError(
                f"version = {version!r:.60} of the format is not known here, which reads"
                f" {VERSION}; a newer wfo may read it, or export the set again"
            )
        for name in data:
            if name not in known:
                raise InputError(f"a set file has no {name!r:.60}{did_you_mean(name, known)}")
        strategy = _strategy(data)
        params = _take(data, "parameters", dict)
        settings = data.get("settings")
        values: dict[str, Any] = {}
        for name in ("data", "data2"):
            if name in data:
                values[name] = _record(_take(data, name, dict), name)
        for name in ("symbol", "symbol2", "timeframe", "created"):
            if data.get(name) is not None:
                values[name] = _take(data, name, str)
        for name in ("origin", "windows", "history", "scores", "versions"):
            if name in data:
                values[name] = _checked(_take(data, name, dict), name)
        notes = _take(data, "notes", list) if "notes" in data else []
        if not all(isinstance(n, str) for n in notes):
            raise InputError(f"notes must be texts, not {notes!r:.60}")
        _check_phases(values.get("scores", {}))
        HeldOut.of(values.get("windows", {}))
        _check_printable(values.get("versions", {}), "versions")
        if settings is not None:
            values["settings"] = _settings(strategy, settings)
        if data.get("bars_per_year") is not None:
            values["bars_per_year"] = checked_bars_per_year(data["bars_per_year"])
        return cls(strategy, params, notes=tuple(notes), **values)


def _stated(value: Any) -> Any:
    """Return values without those that state nothing: None, no number, and empty objects."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        kept = {name: _stated(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each is not None and each != {}}
    if isinstance(value, list | tuple):
        return [each for each in map(_stated, value) if each != {}]
    return value


_KEYS = (
    *("format", "version", "strategy", "described", "tradestation", "parameters", "inputs"),
    "symbol",
    *("symbol2", "timeframe", "settings", "bars_per_year", "origin", "data", "data2", "windows"),
    *("history", "scores", "versions", "created", "notes"),
)


def _take(data: Mapping[str, Any], name: str, kind: type[_Value]) -> _Value:
    """Return a value of that kind."""
    if name not in data:
        raise InputError(f"it lacks {name!r}")
    value = data[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        what = {"dict": "an object", "list": "a list"}.get(kind.__name__, "text")
        raise InputError(f"{name} = {value!r:.60} must be {what}")
    return value


def _strategy(data: Mapping[str, Any]) -> Strategy:
    """Return the strategy of a set: what is known by its name, else as the set describes it."""
    name = _take(data, "strategy", str)
    if data.get("described") is None:
        return get_strategy(name)
    try:
        stated = from_record(_take(data, "described", dict), "described")
    except ResultsError as error:
        raise InputError(str(error)) from None
    if stated.name != name:
        raise InputError(f"it is a set of {name!r:.60}, and describes {stated.name!r:.60}")
    return remember({name: stated})[name]


def _settings(strategy: Strategy, given: object) -> AccountSettings:
    """Return settings, those that are left out by default."""
    if not isinstance(given, Mapping):
        raise InputError(f"settings = {given!r:.60} must be an object")
    known = [f.name for f in fields(strategy.settings)]
    for name in given:
        if name not in known:
            raise InputError(
                f"{strategy.name} has no setting {name!r:.60}{did_you_mean(name, known)}"
            )
    return strategy.settings(**given)


def _record(data: Mapping[str, Any], name: str) -> BarsRecord:
    try:
        found = BarsRecord.from_dict(data, name)
    except WfoError as error:
        raise InputError(str(error)) from error
    _check_printable(data, name)
    return found


def _check_printable(data: Mapping[str, Any], where: str) -> None:
    """Raise where a text of it, which pages show, would do something to a terminal."""
    for name, value in data.items():
        if isinstance(value, str) and not value.isprintable():
            raise InputError(f"{name} = {value!r:.60} of {where} holds what is not printed")


def _checked(data: Mapping[str, Any], where: str, depth: int = 4) -> dict[str, Any]:
    """Return plain values of the kinds that are written, a few levels deep."""

    def check(value: Any, where: str, depth: int) -> Any:
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{where} = {value!r} must be a finite number")
        if isinstance(value, _PLAIN):
            return value
        if depth and isinstance(value, Mapping):
            return {str(n): check(v, f"{where}: {n!s:.40}", depth - 1) for n, v in value.items()}
        if depth and isinstance(value, list):
            return [check(v, where, depth - 1) for v in value]
        raise InputError(f"{where} = {value!r:.60} is nothing that a set file has there")

    found: dict[str, Any] = check(data, where, depth)
    return found


def _check_phases(scores: Mapping[str, Any]) -> None:
    """Raise unless the scores by phase are a list of figures by name."""
    phases = scores.get("phases", [])
    if not isinstance(phases, list) or not all(isinstance(p, Mapping) for p in phases):
        raise InputError(f"phases = {phases!r:.60} of scores must be a list of objects")
    for phase in phases:
        number = phase.get("phase")
        if isinstance(number, bool) or not isinstance(number, int | None):
            raise InputError(f"phase = {number!r:.60} of scores must be a whole number")

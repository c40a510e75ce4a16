"""Values of a search's file: each function takes one, and says what would do."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wfo.arguments import whole
from wfo.data.symbols import require_symbol
from wfo.data.timeframes import TIMEFRAMES
from wfo.data.years import MOST_BARS_PER_YEAR
from wfo.errors import InputError, did_you_mean
from wfo.search.plan import DateWindow, SearchWindows, Stalled
from wfo.search.space.configuration import told
from wfo.strategy.loading import is_target
from wfo.text import listed, one_line, shown
from wfo.windows import Windows, months_of

_MODULE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([KMGT]i?)?B?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SECONDS = re.compile(r"([0-9]+(?:\.[0-9]+)?) *(s|m|min|h)")
_LENGTHS = {"s": 1, "m": 60, "min": 60, "h": 3600}

#: As the runner has it: an interpreter with its libraries needs that much. More than any machine
#: has: an exabyte.
_LEAST_MEMORY, _MOST_MEMORY = 64 << 20, 10**18
#: Seconds of an evaluation, at most: a month.
_LONGEST = 30 * 86_400
_MOST_SYMBOLS = 10_000
_MOST_WINDOWS = 255


def count(least: int, most: int) -> Callable[[Any], int]:
    """Return what takes whole numbers of a range."""

    def take(value: Any) -> int:
        found = whole(value)
        if found is None or not least <= found <= most:
            raise InputError(f"must be a whole number from {least} to {most:,}")
        return found

    return take


def between(*words: str) -> Callable[[Any], str]:
    """Return what takes one of some words."""

    def take(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise InputError(f"must be one of {', '.join(words)}")
        return value

    return take


def seconds_of(value: Any) -> float:
    """Return a time as seconds: a number, or as in ``90s``, ``10m`` and ``1h``."""
    found: Any = value
    if isinstance(value, str) and (match := _SECONDS.fullmatch(value)) is not None:
        found = float(match[1]) * _LENGTHS[match[2]]
    real = isinstance(found, int | float) and not isinstance(found, bool)
    if not real or not 0 < found <= _LONGEST:
        raise InputError(
            f"must be a time above 0 and up to {_LONGEST:,} seconds, as 600, 10m or 1h"
        )
    return float(found)


def year_of(value: Any) -> float:
    """Return how many bars a year has."""
    real = isinstance(value, int | float) and not isinstance(value, bool)
    if not real or not 0 < value <= MOST_BARS_PER_YEAR:
        raise InputError(f"must be a number above 0 and up to {MOST_BARS_PER_YEAR:g}, as 252")
    return float(value)


def memory_of(value: Any) -> int:
    """Return a size as bytes: a number, or as in ``512MB`` and ``2GiB``."""
    found: Any = value
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)) is not None:
        unit = (match[2] or "").lower()
        factor = _UNITS[unit.removesuffix("i")]
        if unit.endswith("i"):
            factor = 1024 ** (("", "k", "m", "g", "t").index(unit[0]))
        found = float(match[1]) * factor
    real = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
    if not real or not _LEAST_MEMORY <= found <= _MOST_MEMORY:
        raise InputError("must be a size from 64MiB on, as 512MB or 2GB")
    return int(found)


def symbols_of(value: Any) -> tuple[str, ...]:
    """Return symbols: one, or a list of them."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple):
        raise InputError("must be a list of symbols, as [SPY, QQQ]")
    if len(given) > _MOST_SYMBOLS:
        raise InputError(f"has {len(given):,} symbols; at most {_MOST_SYMBOLS:,} will do")
    wrong = []
    for at, symbol in enumerate(given):
        if not isinstance(symbol, str):
            wrong.append(f"[{at}] = {told(symbol)} must be a text; put a symbol in quotes")
            continue
        try:
            require_symbol(symbol)
        except InputError as error:
            wrong.append(f"[{at}]: {error}")
        if symbol in given[:at]:
            wrong.append(f"[{at}] = {shown(symbol)} is there twice; keep one")
    if wrong:
        raise InputError("\n".join(wrong))
    return tuple(given)


def timeframe_of(value: Any) -> str:
    """Return a timeframe."""
    if not isinstance(value, str) or value not in TIMEFRAMES:
        raise InputError(f"must be one of {', '.join(TIMEFRAMES)}")
    return value


def plain_mapping(value: Any, keys: tuple[str, ...], example: str) -> Mapping[str, Any]:
    """Return a mapping that has no other keys."""
    if not isinstance(value, Mapping):
        raise InputError(f"must be a mapping, as {example}")
    for key in value:
        if key not in keys:
            raise InputError(f"has {told(key)}, which is unknown{did_you_mean(key, keys)}")
    return value


def target_of(kind: str, value: Any, folder: Path) -> str | tuple[str, ...]:
    """Return what is evaluated: the name of a strategy, a program, or the words of a command."""
    if kind == "command":
        words = value if isinstance(value, list | tuple) else None
        if not words or not all(isinstance(w, str) and w and "\0" not in w for w in words):
            raise InputError("must be a list of texts, as [./backtest, --json]; quote its numbers")
        return tuple(words)
    if not isinstance(value, str) or not value.strip():
        example = "a strategy's name" if kind == "strategy" else "module:function"
        raise InputError(f"must be {example}")
    if kind == "strategy":
        place, colon, name = value.rpartition(":")
        if not is_target(value):
            return value
        # As that of a program, a file's path is one from here.
        return f"{folder / place}{colon}{name}"
    name, colon, function = value.rpartition(":")
    if not colon or not function.isidentifier():
        raise InputError("must be module:function or FILE.py:function")
    if name.endswith(".py"):
        file = folder / name
        where = "this folder" if folder == Path() else one_line(folder)
        if not file.is_file():
            raise InputError(f"names the file {one_line(name)}, which is not in {where}")
    elif not _MODULE.fullmatch(name):
        raise InputError(
            "must be module:function, of a module that Python can import, or FILE.py:function"
        )
    return value


def windows_of(value: Any, folder: Path) -> SearchWindows:
    """Return which bars points are scored on."""
    if value == "none":
        return SearchWindows("none")
    if isinstance(value, float | int) and not isinstance(value, bool):
        if not 0 < value < 1:
            raise InputError("must be a share of the bars above 0 and below 1, as 0.7")
        return SearchWindows("share", share=float(value))
    if isinstance(value, str):
        path = folder / value if value.lower().endswith((".yaml", ".yml")) else value
        try:
            return SearchWindows("schedule", Windows.load(path))
        except InputError as error:
            raise InputError(f"is no schedule: {error}") from None
    if isinstance(value, Mapping) and {"phases", "rolling", "anchored"} & value.keys():
        return SearchWindows("schedule", Windows.of(value, "own", ""))
    listed_windows = [value] if isinstance(value, Mapping) else value
    if not isinstance(listed_windows, list) or not listed_windows:
        raise InputError(
            "must be a schedule, {in: 2020-01-01/2022-01-01, out: 2022-01-01/2023-01-01}, a list of"
            " these, a share of the bars such as 0.7, or none"
        )
    if len(listed_windows) > _MOST_WINDOWS:
        raise InputError(f"there are {len(listed_windows):,}; at most {_MOST_WINDOWS} will do")
    found: list[DateWindow] = []
    wrong = []
    for at, each in enumerate(listed_windows):
        try:
            window = _date_window(each)
        except InputError as error:
            wrong.append(f"[{at}] {error}")
            continue
        if window in found:
            wrong.append(f"[{at}] is the same as [{found.index(window)}]; keep one")
        found.append(window)
    if wrong:
        raise InputError("\n".join(wrong))
    return SearchWindows("dates", dates=tuple(found))


def _date_window(value: Any) -> DateWindow:
    example = "{in: 2020-01-01/2022-01-01, out: 2022-01-01/2023-01-01}"
    mapping = plain_mapping(value, ("in", "out"), example)
    missing = [key for key in ("in", "out") if key not in mapping]
    if missing:
        raise InputError(f"lacks {listed(missing)}; write {example}")
    inside, outside = (_days(key, mapping[key]) for key in ("in", "out"))
    if outside[0] < inside[1]:
        raise InputError(
            f"out = {told(mapping['out'])} begins before in = {told(mapping['in'])} ends, on"
            f" {inside[1]}; begin there"
        )
    return DateWindow(inside, outside)


def _days(key: str, value: Any) -> tuple[dt.date, dt.date]:
    parts = [part.strip() for part in value.split("/")] if isinstance(value, str) else []
    try:
        begin, end = (dt.date.fromisoformat(part) for part in parts)
    except ValueError:
        raise InputError(
            f"{key} = {told(value)} must be two dates, as 2020-01-01/2022-01-01"
        ) from None
    if not begin < end:
        raise InputError(f"{key} = {told(value)} ends before it has begun; swap the dates")
    return begin, end


def holdout_of(value: Any) -> str | None:
    """Return how much is held out, alike for ``12m`` and ``1y``; None for ``none``."""
    if value in ("none", False):
        return None
    try:
        months = months_of(value)
    except InputError:
        months = 0
    if months < 1 or not isinstance(value, str):
        raise InputError("is no time to hold out; write 1y for the last year, 6m, or none")
    years, rest = divmod(months, 12)
    return f"{months}m" if rest else f"{years}y"


def day_of(value: Any) -> dt.date:
    """Return a date."""
    if isinstance(value, dt.datetime):
        raise InputError("must be a date, such as 2020-01-31, without a time")
    if isinstance(value, dt.date):
        return value
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            return dt.date.fromisoformat(value)
    except ValueError:
        pass
    raise InputError("must be a date, such as 2020-01-31")


def period_of(value: Any) -> tuple[dt.date | None, dt.date | None]:
    """Return the first and the last day; None where it is open."""
    if value == "none":
        return None, None
    parts = value.split("/") if isinstance(value, str) else []
    if len(parts) != 2:
        raise InputError("must be the first and the last day, as 2015-01-01/2024-12-31")
    begin, end = (day_of(part.strip()) if part.strip() else None for part in parts)
    return begin, end


def block_of(value: Any) -> int | str | None:
    """Return how many dimensions are swept whole, or ``auto``; None for ``none``."""
    if value in ("none", "auto"):
        return None if value == "none" else "auto"
    found = whole(value)
    if found is None or found < 1:
        raise InputError("must be auto, none, or a number of parameters from 1 on")
    return found


def stalled_of(value: Any) -> Stalled:
    """Return what is done when no better trial comes."""
    if value == "none":
        return Stalled(0, "restart")
    mapping = plain_mapping(value, ("batches", "then"), "{batches: 20, then: restart}")
    batches = count(0, 1_000_000)(mapping.get("batches", 0))
    then = mapping.get("then", "restart")
    if not isinstance(then, str):
        raise InputError(f"then = {told(then)} must be restart or the name of a method")
    return Stalled(batches, then)


def method_of(value: Any) -> tuple[str, dict[str, Any]]:
    """Return the name of a method, and its options."""
    if isinstance(value, str):
        return value, {}
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        options = {key: each for key, each in value.items() if key != "name"}
        for key in options:
            if not isinstance(key, str):
                raise InputError(f"the key {told(key)} must be a text")
        return value["name"], options
    raise InputError("must be the name of a method, or a mapping with its name and options")

"""Programs that answer what they were called with."""

from __future__ import annotations

import datetime as dt
import os
import sys
import time
from pathlib import Path
from typing import Any

NO_FUNCTION = 3

#: How often this module was imported in this process, and what calls leave behind.
KEPT: list[Any] = []


class Grouped:
    """A method of a class is a program too."""

    @staticmethod
    def evaluate(params: dict[str, Any]) -> dict[str, float]:
        return {"sharpe": params["x"]}


def evaluate(params: dict[str, Any]) -> dict[str, float]:
    return {"sharpe": params["x"]}


def process(params: dict[str, Any]) -> dict[str, float]:
    """Answer which process this is, and how many calls it had."""
    KEPT.append(None)
    return {"sharpe": 1, "process": os.getpid(), "calls": len(KEPT)}


def meet(params: dict[str, Any]) -> dict[str, float]:
    """Wait until as many processes as are to meet have come here."""
    folder = Path(params["folder"])
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < params["processes"]:
        time.sleep(0.002)
    return process(params)


def grow(params: dict[str, Any]) -> dict[str, float]:
    """Keep some megabytes of each call, which takes a while: memory is looked at now and then."""
    KEPT.append(b"x" * (params["megabytes"] << 20))
    time.sleep(0.03)
    return {"sharpe": 1, "process": os.getpid()}


def nested(params: dict[str, Any]) -> dict[str, float]:
    """Answer the types of all parameters, and change them."""
    kinds = {bool: 1, int: 2, float: 3, str: 4}
    found = {"sharpe": 0, **{k: kinds[type(v)] for k, v in params["strategy"].items()}}
    params["strategy"].clear()
    return found


def looks_ahead(
    params: dict[str, Any],
    *,
    symbols: tuple[str, ...],
    bars: dict[str, Any],
    window: dict[str, Any],
) -> dict[str, dict[str, float]]:
    """Answer by symbol with the first and the last bar, and harm the frame."""
    found = {}
    assert tuple(bars) == symbols
    for symbol, frame in bars.items():
        found[symbol] = {
            "sharpe": frame["close"][-1],
            "first": _number(frame["date"][0]),
            "last": _number(frame["date"].max()),
            "bars": frame.height,
            "columns": frame.width,
            "number": window["number"],
            "start": _number(window["start"]),
            "end": _number(window["end"]),
        }
        frame.insert_column(0, frame["close"].alias("added"))
    return found


def _number(day: dt.date | None) -> int | None:
    return None if day is None else day.toordinal()


def in_one(params: dict[str, Any], symbols: tuple[str, ...]) -> dict[str, float]:
    """Answer for all symbols at once."""
    return {"sharpe": len(symbols)}


def all_but_one(params: dict[str, Any], symbols: tuple[str, ...]) -> dict[str, dict[str, float]]:
    return {symbol: {"sharpe": 1} for symbol in symbols[1:]}


def one_more(params: dict[str, Any], symbols: tuple[str, ...]) -> dict[str, dict[str, float]]:
    return {symbol: {"sharpe": 1} for symbol in (*symbols, "MORE")}


def by_window(params: dict[str, Any], window: dict[str, Any]) -> dict[str, float]:
    if window["number"] == params.get("fails"):
        raise ValueError(f"no window {window['number']}")
    if window["number"] == params.get("crashes"):
        mark = Path(params["mark"])
        if not mark.exists():
            mark.touch()
            os._exit(7)
    return {"sharpe": window["number"]}


def everything(params: dict[str, Any], **context: Any) -> dict[str, float]:
    return {"sharpe": len(context), **dict.fromkeys(context, 1)}


def all_in_one(*args: Any, **context: Any) -> dict[str, float]:
    return {"sharpe": len(args)}


def wants_more(params: dict[str, Any], capital: float) -> dict[str, float]:
    return {"sharpe": capital}


def wants_less() -> dict[str, float]:
    return {"sharpe": 1}


def place(params: dict[str, Any]) -> dict[str, float]:
    """Answer whether the working folder and the first place of modules are this file's."""
    here = Path(__file__).parent
    found = {"sharpe": 1, "folder": Path.cwd() == here, "path": sys.path[0] == str(here)}
    os.chdir("/")
    return {name: float(value) for name, value in found.items()}

"""Strategies as plain values in the records of runs, and made of them again.

A record is data: it names a file and the digest that this had, and nothing of it is executed. What
computes a strategy comes back from a record only where the program itself is data, as that of a
class of rules is; of any other one the parameters, constraints and feeds do, with a kernel that
says how its code is given.
"""

from __future__ import annotations

import importlib
import math
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from wfo.errors import EngineError, ResultsError, WfoError
from wfo.files.limits import SEARCH_CONSTRAINTS, SEARCH_DIMENSIONS
from wfo.files.schema import FiniteNumber, HexDigest, Limits, ShortText, require
from wfo.strategy.feed import Feed
from wfo.strategy.kernel import Kernel, PythonKernel
from wfo.strategy.parameter import Parameter
from wfo.strategy.source import Source
from wfo.strategy.value import Lookback, Strategy
from wfo.strategy.views import Fine, Input, StopClasses, TradeStation
from wfo.text import one_line

#: Functions that make a kernel and a lookback of a program that is data, by the program's kind.
#: Each is called with the program and the names of the parameters.
PROGRAMS: dict[str, str] = {"rules": "wfo.rules.strategy:from_program"}

#: Feeds and engines of a strategy, at most, and columns of a feed.
_MOST = 100


class ParameterShape(TypedDict):
    """A parameter; an end of its range that goes on without end is left out."""

    name: ShortText
    kind: Literal["int", "float", "choice"]
    low: NotRequired[FiniteNumber]
    high: NotRequired[FiniteNumber]
    meaning: ShortText
    open_low: NotRequired[bool]
    default: NotRequired[FiniteNumber]
    methods: NotRequired[
        Annotated[list[ShortText], Limits("a list of up to 1,000 names", most=1_000)]
    ]


class FeedShape(TypedDict):
    """A series that is read."""

    name: ShortText
    prices: bool
    columns: Annotated[list[ShortText], Limits(f"a list of up to {_MOST} names", most=_MOST)]


class FileShape(TypedDict):
    """The file that a strategy was in."""

    path: ShortText
    name: ShortText
    sha256: HexDigest


class ClassesShape(TypedDict):
    """Which stops are tight, medium and wide."""

    parameter: ShortText
    tight_below: FiniteNumber
    wide_above: FiniteNumber


class InputShape(TypedDict):
    """An input in TradeStation, by the parameter that it is."""

    parameter: ShortText
    name: ShortText
    low: FiniteNumber
    high: FiniteNumber
    step: FiniteNumber
    refined: bool


class TradeStationShape(TypedDict):
    """A strategy in TradeStation."""

    name: ShortText
    inputs: Annotated[
        list[InputShape],
        Limits(f"a list of up to {SEARCH_DIMENSIONS:,} inputs", most=SEARCH_DIMENSIONS),
    ]


class StrategyShape(TypedDict):
    """A strategy that is none of this package's."""

    name: ShortText
    title: ShortText
    parameters: Annotated[
        list[ParameterShape],
        Limits(f"a list of 1 to {SEARCH_DIMENSIONS:,} parameters", most=SEARCH_DIMENSIONS, least=1),
    ]
    constraints: Annotated[
        list[ShortText],
        Limits(f"a list of up to {SEARCH_CONSTRAINTS} constraints", most=SEARCH_CONSTRAINTS),
    ]
    feeds: Annotated[list[FeedShape], Limits(f"a list of 1 to {_MOST}", most=_MOST, least=1)]
    shorts: bool
    kernel: ShortText
    engines: Annotated[list[ShortText], Limits(f"a list of 1 to {_MOST}", most=_MOST, least=1)]
    map_axes: NotRequired[tuple[ShortText, ShortText]]
    stop_classes: NotRequired[ClassesShape]
    tradestation: NotRequired[TradeStationShape]
    file: NotRequired[FileShape]
    program: NotRequired[dict[str, Any]]
    digest: NotRequired[HexDigest]
    own_sizing: NotRequired[Literal["risk", "size"]]


@dataclass(frozen=True, slots=True)
class RecordedKernel(PythonKernel):
    """A kernel of which there is a record only.

    Attributes
    ----------
    remedy
        How its code is given.
    digest
        Of its program, where it has one that is partly code.
    own_sizing
        By what that program sizes its trades; empty where settings do.
    """

    remedy: str = field(default="", compare=False)
    digest: str = ""
    own_sizing: Literal["", "risk", "size"] = ""

    def load(self) -> Callable[..., Any]:
        """Raise an `EngineError` that says how the code is given."""
        raise EngineError(self.remedy)


def to_record(strategy: Strategy) -> dict[str, Any]:
    """Return a strategy as plain values for the record of a run."""
    found: dict[str, Any] = {
        "name": strategy.name,
        "title": one_line(strategy.title),
        "parameters": [_parameter(p) for p in strategy.parameters],
        "constraints": list(strategy.constraints),
        "feeds": [
            {"name": f.name, "prices": f.prices, "columns": list(f.columns)} for f in strategy.feeds
        ],
        "shorts": strategy.shorts,
        "kernel": strategy.definition["kernel"],
        "engines": [name for kernel in strategy.kernels for name in kernel.engines],
    }
    if strategy.map_axes is not None:
        found["map_axes"] = list(strategy.map_axes)
    classes = strategy.stop_classes
    if classes is not None:
        found["stop_classes"] = {
            "parameter": classes.parameter,
            "tight_below": classes.tight_below,
            "wide_above": classes.wide_above,
        }
    if strategy.tradestation is not None:
        found["tradestation"] = _tradestation(strategy.tradestation)
    source = strategy.source
    if source is not None:
        found["file"] = {"path": source.file, "name": source.name, "sha256": source.sha256}
    program, digest = strategy.program, strategy.definition.get("program")
    if program is not None:
        found["program"] = dict(program)
    elif digest is not None:
        found["digest"] = digest
    if program is None and own_sizing(strategy):
        found["own_sizing"] = own_sizing(strategy)
    return found


def from_record(data: Any, where: str = "strategies") -> Strategy:
    """Return the strategy that a record states; no code of the user's is loaded for it.

    Parameters
    ----------
    data
        What `to_record` returned.
    where
        The key of the record in its file.

    Raises
    ------
    ResultsError
        If it is something else; the message names what is wrong.
    """
    require(data, StrategyShape, where, key=where)
    try:
        return _made(data)
    except ResultsError:
        raise
    except (WfoError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise ResultsError(f"{where} states a strategy that cannot be one: {error}") from error


def _made(data: Mapping[str, Any]) -> Strategy:
    file, program, classes = data.get("file"), data.get("program"), data.get("stop_classes")
    view = data.get("tradestation")
    source = None if file is None else Source(file["path"], file["name"], file["sha256"])
    names = tuple(p["name"] for p in data["parameters"])
    kernel: Kernel
    if program is None:
        remedy = code_of(data["name"], source)
        kernel = RecordedKernel(
            data["kernel"],
            tuple(data["engines"]),
            remedy,
            data.get("digest", ""),
            data.get("own_sizing", ""),
        )

        def lookback(values: Mapping[str, Any]) -> int:
            del values
            raise EngineError(remedy)

        look: Lookback = lookback
    else:
        kernel, look = _program(program, names)
    return Strategy(
        name=data["name"],
        title=data["title"],
        parameters=tuple(_read_parameter(p) for p in data["parameters"]),
        kernel=kernel,
        lookback=look,
        constraints=tuple(data["constraints"]),
        feeds=tuple(Feed(f["name"], f["prices"], tuple(f["columns"])) for f in data["feeds"]),
        shorts=data["shorts"],
        map_axes=None if "map_axes" not in data else tuple(data["map_axes"]),
        stop_classes=None if classes is None else StopClasses(**classes),
        tradestation=None if view is None else _read_tradestation(view),
        source=source,
    )


def _program(program: Mapping[str, Any], names: tuple[str, ...]) -> tuple[Kernel, Lookback]:
    """Return the kernel and the lookback of a program that is data."""
    kind = program.get("kind")
    if not isinstance(kind, str) or kind not in PROGRAMS:
        raise ResultsError(
            f"its program is of the kind {kind!r:.40}, and this version knows"
            f" {', '.join(PROGRAMS)}: it was written by a later one"
        )
    module, _, function = PROGRAMS[kind].partition(":")
    make: Callable[..., tuple[Kernel, Lookback]] = getattr(
        importlib.import_module(module), function
    )
    return make(program, names)


def code_of(name: str, source: Source | None) -> str:
    """Say how the code of a strategy is given to a command that computes."""
    if source is None:
        return (
            f"the code of {name} is needed for that, and a record is never executed: install the"
            " package that has it, name its file as in 'wfo --load FILE.py:NAME COMMAND', or give"
            " it to wfo.register"
        )
    target = shlex.quote(one_line(source.target))
    return (
        f"the code of {name} is needed for that, and no file is executed because a record names"
        f" it: name it yourself, as in 'wfo --load {target} COMMAND', or give it to wfo.register"
    )


def loading(strategy: Strategy) -> list[str]:
    """Return what a command has before its name that computes with a strategy of a run: words."""
    if strategy.source is None or strategy.program is not None:
        return []
    return ["--load", strategy.source.target]


def require_code(strategy: Strategy) -> None:
    """Raise an `EngineError` where there is only a record of a strategy that cannot be computed."""
    if isinstance(strategy.kernel, RecordedKernel):
        strategy.kernel.load()


def own_sizing(strategy: Strategy) -> Literal["", "risk", "size"]:
    """Return by what a strategy itself sizes its trades; empty where settings do.

    Its kernel says so, by an attribute ``own_sizing``, where it has one.
    """
    found: Literal["", "risk", "size"] = getattr(strategy.kernel, "own_sizing", "")
    return found


def same_strategy(first: Strategy, second: Strategy) -> bool:
    """Return whether two are one strategy by their records, whatever their files are called."""
    records = [to_record(each) for each in (first, second)]
    for record in records:
        # Records from before methods had names have none, and the number is what is computed.
        for parameter in record["parameters"]:
            parameter.pop("methods", None)
    views = {"file", "map_axes", "stop_classes", "tradestation", "title", "engines", "own_sizing"}
    one, other = ({k: v for k, v in each.items() if k not in views} for each in records)
    return one == other


def _tradestation(view: TradeStation) -> dict[str, Any]:
    return {
        "name": view.name,
        "inputs": [
            {
                "parameter": parameter,
                "name": own.name,
                "low": float(own.fine.low),
                "high": float(own.fine.high),
                "step": float(own.fine.step),
                "refined": own.refined,
            }
            for parameter, own in view.inputs.items()
        ],
    }


def _read_tradestation(data: Mapping[str, Any]) -> TradeStation:
    return TradeStation(
        data["name"],
        {
            each["parameter"]: Input(
                each["name"], Fine(each["low"], each["high"], each["step"]), each["refined"]
            )
            for each in data["inputs"]
        },
    )


def _parameter(parameter: Parameter) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": parameter.name,
        "kind": parameter.kind,
        "meaning": one_line(parameter.meaning),
    }
    ends = {"low": parameter.low, "high": parameter.high}
    found |= {name: end for name, end in ends.items() if math.isfinite(end)}
    if parameter.open_low:
        found["open_low"] = True
    if parameter.methods:
        found["methods"] = list(parameter.methods)
    return found if parameter.default is None else found | {"default": parameter.default}


def _read_parameter(data: Mapping[str, Any]) -> Parameter:
    return Parameter(
        data["name"],
        data["kind"],
        data.get("low", -math.inf),
        data.get("high", math.inf),
        data["meaning"],
        open_low=data.get("open_low", False),
        default=data.get("default"),
        methods=tuple(data.get("methods", ())),
    )

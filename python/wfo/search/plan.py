"""The plan of a search: what is searched, by what, on which bars, and what counts as good."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from wfo.arguments import rebuilt
from wfo.errors import InputError, ResultsError
from wfo.files.schema import ShortText, require
from wfo.search.objective import Guardrails, Limits, Objective
from wfo.search.objective.figures import Aggregate
from wfo.search.plan_shape import PlanShape, WordsShape
from wfo.search.space import SearchSpace
from wfo.search.space.configuration import nested_yaml
from wfo.search.values import Params, Value
from wfo.strategy.record import from_record
from wfo.strategy.registry import remember
from wfo.windows import Windows

#: What is evaluated.
TargetKind = Literal["strategy", "program", "command"]

#: What does not decide a result, or is recorded elsewhere: the budget is the study's.
_NO_RESULT = frozenset(
    {
        *("folder", "text", "trials", "workers", "timeout", "memory", "retries", "baseline", "top"),
        "described",
    }
)

#: What plain values have only where it was said.
_MAY_LACK = frozenset({"bars_per_year", "described"})


@dataclass(frozen=True, slots=True)
class DateWindow:
    """An in-sample and an out-of-sample part by dates; the second date of each is after its bars.

    Attributes
    ----------
    in_sample, out_of_sample
        The first day, and the day after the last one.
    """

    in_sample: tuple[dt.date, dt.date]
    out_of_sample: tuple[dt.date, dt.date]

    def __post_init__(self) -> None:
        (a, b), (c, d) = self.in_sample, self.out_of_sample
        if not a < b <= c < d:
            raise InputError(f"the dates of a window must ascend: {a}, {b}, {c}, {d}")

    def to_dict(self) -> dict[str, str]:
        """Return the window in the form that a file has."""
        return {
            "in": "/".join(day.isoformat() for day in self.in_sample),
            "out": "/".join(day.isoformat() for day in self.out_of_sample),
        }


@dataclass(frozen=True, slots=True)
class SearchWindows:
    """Which bars points are scored on, before they meet a history.

    Attributes
    ----------
    kind
        ``"schedule"``: the phases of `schedule`. ``"dates"``: those of `dates`. ``"share"``: one
        window, of whose bars the first `share` is in-sample. ``"none"``: one window of all there
        is, nothing out of sample.
    schedule, dates, share
        What goes with the kind.
    """

    kind: Literal["schedule", "dates", "share", "none"]
    schedule: Windows | None = None
    dates: tuple[DateWindow, ...] = ()
    share: float | None = None

    def __post_init__(self) -> None:
        there = {
            "schedule": self.schedule is not None,
            "dates": bool(self.dates),
            "share": self.share is not None,
        }
        if any(has != (kind == self.kind) for kind, has in there.items()):
            raise InputError(f"windows of the kind {self.kind} have what goes with it, and no more")

    def to_dict(self) -> dict[str, Any]:
        """Return the windows as plain values."""
        return {
            "kind": self.kind,
            "schedule": None if self.schedule is None else self.schedule.to_dict(),
            "dates": [window.to_dict() for window in self.dates],
            "share": self.share,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SearchWindows:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is none.
        """

        def build(values: Mapping[str, Any]) -> SearchWindows:
            schedule = values["schedule"]
            dates = []
            for window in values["dates"]:
                (a, b), (c, d) = (
                    map(dt.date.fromisoformat, window[part].split("/")) for part in ("in", "out")
                )
                dates.append(DateWindow((a, b), (c, d)))
            read = None if schedule is None else Windows.from_dict(schedule)
            return cls(values["kind"], read, tuple(dates), values["share"])

        return rebuilt("choice of windows", data, build)


@dataclass(frozen=True, slots=True)
class Stalled:
    """What is done when no better trial comes.

    Attributes
    ----------
    batches
        After how many batches; 0 is never.
    then
        ``"restart"``, or the name of another method.
    """

    batches: int
    then: str


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchPlan:
    """All that a search is asked to do; `wfo.search.plan_file.read_plan` reads it of a file.

    Attributes
    ----------
    kind, target
        The name of a strategy; ``module:function`` or ``FILE.py:function`` of a program; the words
        of a command.
    folder
        Where the names of files in it begin.
    symbols, timeframe
        Of the bars; a program may have no symbols.
    space
        What is searched.
    objective, limits, guardrails, aggregate
        What counts as good.
    windows, period, holdout
        Which bars; of the period the first and the last day, None where it is open.
    warmup
        How many bars before each window a program is given too.
    settings
        Of the account; of strategies alone.
    bars_per_year
        What annual figures count in, of every symbol; None where it is counted from its bars.
    method, method_options
        What proposes points.
    trials, batch, seed, workers
        How many trials, how many at once, and by how many processes or threads; None for one
        process of a program, and for all cores of a strategy.
    timeout, memory, retries
        Seconds, bytes and repetitions of an evaluation; None for what the runner has.
    prune
        What stops a trial before its last window.
    block
        Trailing dimensions that are swept whole; ``"auto"``, a number, or None.
    baseline
        The point that the best one is compared with.
    top
        How many of the best are shown and computed out of sample.
    stalled
        What is done when no better trial comes.
    filled
        Parameters of a strategy that the file leaves out, with their defaults.
    text
        The file.
    described
        A strategy that is none of this package's, as `wfo.strategy.record.to_record` has it.
    """

    kind: TargetKind
    target: str | tuple[str, ...]
    folder: Path
    symbols: tuple[str, ...]
    timeframe: str
    space: SearchSpace
    objective: Objective
    limits: Limits
    guardrails: Guardrails | None
    aggregate: Aggregate
    windows: SearchWindows
    period: tuple[dt.date | None, dt.date | None] = (None, None)
    holdout: str | None = None
    warmup: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    bars_per_year: float | None = None
    method: str
    method_options: Mapping[str, Any] = field(default_factory=dict)
    trials: int
    batch: int
    seed: int
    workers: int | None
    timeout: float | None
    memory: int | None
    retries: int | None
    prune: str
    block: int | str | None
    baseline: Params | None = None
    top: int
    stalled: Stalled
    filled: Mapping[str, Value] = field(default_factory=dict)
    text: str = ""
    described: Mapping[str, Any] | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SearchPlan):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.identity)

    @property
    def identity(self) -> str:
        """A digest of all that decides which trials there are, and their scores."""
        decides = {k: v for k, v in self.to_dict().items() if k not in _NO_RESULT}
        # What a space made tighter is in the guardrails themselves; the words are for the log.
        decides["guardrails"] = None if self.guardrails is None else self.guardrails.digest
        text = json.dumps(decides, sort_keys=True, ensure_ascii=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def best_config(self, params: Params) -> dict[str, Any]:
        """Return the user's own configuration with the values of a point, nested."""
        return self.space.nested(params)

    def best_yaml(self, params: Params, head: str = "") -> str:
        """Return the same as YAML.

        Parameters
        ----------
        params
            The point.
        head
            What the comment above it says.
        """
        return nested_yaml(self.best_config(params), head)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        begin, end = (None if day is None else day.isoformat() for day in self.period)
        given = {} if self.bars_per_year is None else {"bars_per_year": self.bars_per_year}
        return {
            "kind": self.kind,
            "target": self.target if isinstance(self.target, str) else list(self.target),
            "folder": str(self.folder),
            "symbols": list(self.symbols),
            "timeframe": self.timeframe,
            "space": self.space.to_dict(),
            "objective": self.objective.to_dict(),
            "limits": self.limits.to_dict(),
            "guardrails": None if self.guardrails is None else self.guardrails.to_dict(),
            "aggregate": self.aggregate,
            "windows": self.windows.to_dict(),
            "period": [begin, end],
            "holdout": self.holdout,
            "settings": dict(self.settings),
            **given,
            "method": self.method,
            "method_options": dict(self.method_options),
            "trials": self.trials,
            "batch": self.batch,
            "seed": self.seed,
            "workers": self.workers,
            "timeout": self.timeout,
            "memory": self.memory,
            "retries": self.retries,
            "warmup": self.warmup,
            "prune": self.prune,
            "block": self.block,
            "baseline": None if self.baseline is None else dict(self.baseline),
            "top": self.top,
            "stalled": {"batches": self.stalled.batches, "then": self.stalled.then},
            "filled": dict(self.filled),
            "text": self.text,
            **({} if self.described is None else {"described": dict(self.described)}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SearchPlan:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is no plan.
        """
        require(data, PlanShape, "plan of a search", kind=InputError)
        shape: Any = WordsShape if data["kind"] == "command" else ShortText
        require(data["target"], shape, "target", kind=InputError, key="target")

        def build(values: Mapping[str, Any]) -> SearchPlan:
            target, guards = values["target"], values["guardrails"]
            begin, end = (None if d is None else dt.date.fromisoformat(d) for d in values["period"])
            rebuilt_parts = {
                "target": target if isinstance(target, str) else tuple(target),
                "folder": Path(values["folder"]),
                "symbols": tuple(values["symbols"]),
                "space": SearchSpace.from_dict(values["space"]),
                "objective": Objective.from_dict(values["objective"], Path(values["folder"])),
                "limits": Limits.from_dict(values["limits"]),
                "guardrails": None if guards is None else Guardrails.from_dict(guards),
                "windows": SearchWindows.from_dict(values["windows"]),
                "period": (begin, end),
                "stalled": Stalled(**values["stalled"]),
            }
            known = {f: values[f] for f in cls.__dataclass_fields__ if f not in _MAY_LACK}
            known |= {f: values[f] for f in _MAY_LACK if f in values}
            if values.get("described") is not None:
                _remember(values["described"])
            plan = cls(**{**known, **rebuilt_parts})
            if plan.baseline is not None:
                plan.space.encode(plan.baseline)
            return plan

        return rebuilt("plan of a search", data, build)


def _remember(described: Mapping[str, Any]) -> None:
    """Have what a record describes stand for the name of the strategy that was searched."""
    try:
        stated = from_record(described, "described")
    except ResultsError as error:
        raise InputError(str(error)) from None
    remember({stated.name: stated})

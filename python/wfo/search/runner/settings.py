"""How programs are run, by default as ``defaults/runner.yaml`` says."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from wfo import arguments
from wfo.errors import InputError

FILE = Path(__file__).parents[1] / "defaults" / "runner.yaml"


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """How programs are run; ``defaults/runner.yaml`` says what each value is."""

    timeout: float
    retries: int
    memory: int | None
    memory_share: float
    recycle_tasks: int
    recycle_growth: int
    start_timeout: float
    starts: int
    grace: float
    threads: int
    ahead_seconds: float
    ahead: int
    bars: Literal["csv", "parquet"]
    figures: int
    name_characters: int
    answer_bytes: int
    printed_characters: int
    error_characters: int

    def __post_init__(self) -> None:
        for name in ("timeout", "start_timeout", "grace", "memory_share"):
            value = arguments.finite_number(name, getattr(self, name))
            if not 0 < value <= _LONGEST:
                raise InputError(f"{name} = {value:g} must be above 0, and {_LONGEST:g} at most")
        lowest = {"retries": 0, "recycle_growth": 0, "ahead": 0}
        for name in (
            *("retries", "recycle_tasks", "recycle_growth", "starts", "threads", "ahead"),
            *("figures", "name_characters", "answer_bytes"),
            *("printed_characters", "error_characters"),
        ):
            count = arguments.whole_number(name, getattr(self, name))
            if count < lowest.get(name, 1):
                raise InputError(f"{name} = {count} must be {lowest.get(name, 1)} or more")
        if self.memory is not None:
            count = arguments.whole_number("memory", self.memory)
            if count < _LEAST_MEMORY:
                raise InputError(
                    f"memory = {count:,} bytes is less than a worker takes by itself; it must be"
                    f" {_LEAST_MEMORY:,} or more"
                )
        arguments.one_of("bars", self.bars, ("csv", "parquet"))


#: Seconds beyond which a time-out is none.
_LONGEST = 1e8

#: Bytes below which an interpreter with NumPy and Polars does not stay.
_LEAST_MEMORY = 64 << 20


@functools.cache
def _defaults() -> dict[str, Any]:
    from wfo.yaml_text import read_yaml

    found = read_yaml(FILE, f"{FILE}", missing=f"there is no {FILE}; install wfo again")
    names = [f.name for f in fields(RunnerSettings)]
    if not isinstance(found, dict) or sorted(found) != sorted(names):
        raise InputError(f"{FILE} does not have the keys {', '.join(names)}; install wfo again")
    return found


def runner_settings(**changes: Any) -> RunnerSettings:
    """Return the settings that ship, with some changed; one that is None stays as it is.

    Raises
    ------
    InputError
        If one is unknown or out of its range.
    """
    defaults = _defaults()
    for name in changes:
        arguments.one_of("setting", name, defaults)
    asked = {name: value for name, value in changes.items() if value is not None}
    return RunnerSettings(**{**defaults, **asked})

"""Programs of users, run in worker processes that may hang, crash, leak or print.

A program is called in a process that was started for it by a fresh interpreter and is sent plain
JSON. Neither a fork nor a pickle is involved: a fork would copy locks and threads of the search,
and what an error of a program pickles to can break whoever reads it. Each worker has a guard, a
small process that starts it, watches its memory and kills it with all its descendants, also when
the search itself is killed (`wfo.search.runner.guard`).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wfo.search.runner.bars import WindowSpan
    from wfo.search.runner.evaluator import ProgramEvaluator
    from wfo.search.runner.settings import RunnerSettings, runner_settings

__all__ = ["ProgramEvaluator", "RunnerSettings", "WindowSpan", "runner_settings"]

#: Where each name is. A worker needs none of them, and starts sooner without.
_HOME = {
    "ProgramEvaluator": "evaluator",
    "RunnerSettings": "settings",
    "WindowSpan": "bars",
    "runner_settings": "settings",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME))

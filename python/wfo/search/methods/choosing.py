"""Which method suits a search, with the reason: what ``auto`` stands for."""

from __future__ import annotations

import importlib.util
import math
from typing import TYPE_CHECKING, NamedTuple

from wfo.errors import InputError
from wfo.search.methods.options import Option, Range, taken_options

if TYPE_CHECKING:
    from wfo.search.space import SearchSpace

#: What the section ``auto`` of the defaults has.
RULES: dict[str, Option] = {
    "few": Range(1, whole=True),
    "estimated": Range(1, whole=True),
    "estimated_several": Range(1, whole=True),
    "unordered": Range(0, 1),
    "sweep": Range(0),
}


class Choice(NamedTuple):
    """A method, and in words why it was chosen."""

    name: str
    reason: str


def choose(
    space: SearchSpace,
    *,
    budget: int,
    objectives: int = 1,
    slow: bool = True,
    sweep_seconds: float | None = None,
) -> Choice:
    """Choose a method. A study records the choice, for it follows from what is installed too.

    Parameters
    ----------
    space
        What is searched.
    budget
        Trials.
    objectives
        How many there are.
    slow
        Whether an evaluation is slow, as that of a program is and of a strategy is not. It is not
        timed: the same seed could then have other trials on a busier machine.
    sweep_seconds
        What it takes to sweep all of the space; None if it cannot be swept.

    Returns
    -------
    Choice
        One of `METHODS`; the reason says too if sweeping would do.
    """
    rules = taken_options("auto", {}, RULES)
    name, reason = _chosen(space, rules, budget, objectives, slow)
    if name != "grid" and sweep_seconds is not None and sweep_would_do(sweep_seconds):
        reason += f"; sweeping all of it takes {_duration(sweep_seconds)}, and leaves nothing out"
    return Choice(name, reason)


def sweep_would_do(seconds: float) -> bool:
    """Return whether a sweep that takes so long is advised instead of a search."""
    return bool(seconds <= taken_options("auto", {}, RULES)["sweep"])


def _chosen(
    space: SearchSpace,
    rules: dict[str, int | float],
    budget: int,
    objectives: int,
    slow: bool,
) -> Choice:
    size = space.size
    if size is not None and size <= budget:
        return Choice("grid", f"{budget:,} trials are enough for all {size:,} points")
    if budget <= rules["few"]:
        return Choice("sobol", f"{budget:,} trials are too few to learn from")
    estimated = rules["estimated" if objectives == 1 else "estimated_several"]
    if slow and budget <= estimated:
        if importlib.util.find_spec("optuna") is not None:
            return Choice("tpe", "a program counts as slow, and trials are few")
        missing = "; tpe, which suits it, needs the extra wfo[search]"
    else:
        missing = ""
    if objectives > 1:
        return Choice("ga", f"there are {objectives} objectives{missing}")
    free = space.sizes != 1
    unordered = float((free & ~space.ordered).sum() / max(int(free.sum()), 1))
    if unordered > rules["unordered"]:
        return Choice("ga", f"{unordered:.0%} of the dimensions have no order{missing}")
    speed = (
        f"{budget:,} trials are more than tpe is ahead for"
        if slow
        else "strategies are evaluated fast"
    )
    return Choice("de", f"{speed}, and the dimensions have an order{missing}")


def _duration(seconds: float) -> str:
    if not math.isfinite(seconds) or seconds < 0:
        raise InputError(f"seconds = {seconds!r} must be a finite number from 0 on")
    if seconds < 1:
        return f"{1000 * seconds:.2g} ms"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"

"""What a walk-forward has found, with what its pages say beside: bars, folder, and how it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wfo.data.years import Year
    from wfo.runs.manifest import BarsRecord, HoldoutRecord
    from wfo.runs.walkforward.program_walk import ProgramWalk
    from wfo.strategy import Strategy
    from wfo.walkforward.matrix import WalkForwardMatrix
    from wfo.walkforward.values import WalkForward


@dataclass(frozen=True, slots=True, eq=False)
class WalkFindings:
    """A walk-forward, of a strategy or a program, or a matrix of them, in its folder.

    Attributes
    ----------
    folder
        Where its files are.
    walk
        The walk-forward; None of a matrix.
    matrix
        The matrix; None of one walk-forward.
    program
        The walk-forward of a program, which has marks where windows meet and no trades; None of a
        strategy. One of the three is there.
    timeframe
        Length of the bars.
    data
        The bars of each symbol, the one that is traded first.
    version
        Of what computed it.
    command
        What goes on with it.
    finished
        When it ended, in UTC.
    trials
        By symbol, combinations that were ever searched on it.
    seconds
        Time of the sitting that ended it.
    kept
        Decisions that were there already when that sitting began.
    decided
        Decisions that it made.
    holdout
        The bars that are held out of everything; None where none are.
    moved
        Where a walk-forward of the same name and another identity was moved; None where none was.
    files
        Names of the files of the folder, in the order in which they are told.
    notes, warnings
        What was assumed or changed, and what looks wrong, one sentence each.
    timings
        Seconds by what took them.
    combinations
        Combinations of the grid, or trials of a study: so many are searched in each window.
    by_reason
        Why it is chosen by what it is chosen by; empty where it was asked for.
    rules
        What a set must have besides, such as trades or gates, in words; empty without.
    year
        What annual figures count in; None of a program, and where an earlier version has not said.
    strategy
        What is walked forward; None of a program, and where it is not there any more.
    """

    folder: Path
    walk: WalkForward | None
    matrix: WalkForwardMatrix | None
    timeframe: str
    data: tuple[BarsRecord, ...]
    version: str
    command: str
    finished: str
    trials: Mapping[str, int]
    seconds: float
    kept: int
    decided: int
    holdout: HoldoutRecord | None = None
    moved: Path | None = None
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    combinations: int = 0
    by_reason: str = ""
    rules: str = ""
    program: ProgramWalk | None = None
    year: Year | None = None
    strategy: Strategy | None = None

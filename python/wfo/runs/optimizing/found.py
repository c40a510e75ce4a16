"""What a search finds, and what it would do: values that pages are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wfo.search.objective import Scored
    from wfo.search.plan import SearchPlan
    from wfo.search.study import StudyRecord, StudyTable
    from wfo.search.values import FigureValues, Params


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """Figures of one window by symbol.

    Attributes
    ----------
    in_sample, out_of_sample
        Figures by symbol, the one symbol ``""`` of a program that answers for all at once. The
        second is empty where nothing lies out-of-sample, the first where a trial was pruned before.
    """

    in_sample: Mapping[str, FigureValues]
    out_of_sample: Mapping[str, FigureValues] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parts:
    """Figures in- and out-of-sample, put together over symbols and windows as scores are.

    Attributes
    ----------
    in_sample
        By name.
    out_of_sample
        By name; empty where nothing lies out-of-sample, or `error` says why there are none.
    windows
        What both are made of.
    error
        One line that says why the out-of-sample figures are missing.
    """

    in_sample: FigureValues
    out_of_sample: FigureValues = field(default_factory=dict)
    windows: tuple[WindowFigures, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class BlockFigures:
    """The swept block that a parameter set was chosen from.

    Attributes
    ----------
    size
        Combinations of the block.
    figures
        In-sample, by which the block was scored: medians over its combinations, and shares.
    """

    size: int
    figures: FigureValues


@dataclass(frozen=True, slots=True)
class BestTrial:
    """One of the best trials of a study, or the baseline of its space.

    Attributes
    ----------
    place
        1 is the best; 0 is the baseline. Of several objectives the first of the Pareto set.
    trial
        Number of the trial, from 0 on; None of a baseline that was no trial.
    params
        Values by dotted name; of a block all of them, those inside it too.
    score
        Higher is better; NaN of several objectives.
    violation
        How far figures lie beyond the limits; 0 where they keep to them. Of a swept block those of
        the block, or of the combination that is handed on if it lies further beyond.
    components
        What the score is made of: each component's share of it, by name.
    objectives
        By name; in the figures' own direction.
    parts
        Its figures.
    dsr
        Deflated Sharpe ratio of its in-sample returns, over all trials of the symbol; of several
        windows and symbols the lowest. NaN where there are no returns.
    block
        Where it was chosen from; None where points were evaluated one by one.
    """

    place: int
    trial: int | None
    params: Params
    score: float
    violation: float
    components: Mapping[str, float]
    objectives: Mapping[str, float]
    parts: Parts
    dsr: float = math.nan
    block: BlockFigures | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the points of a study.

    Attributes
    ----------
    asked
        Trials that the plan asks for.
    complete, pruned, failed, timeout, memory, crashed, waiting
        Trials by what became of them.
    rejected
        Proposals that a parameter constraint refused.
    repeated
        Proposals that were evaluated before, and were answered from the study.
    undefined
        Complete or pruned trials without a score, since a figure of theirs is not defined.
    beyond
        Trials with a score that violate a limit or a guardrail.
    """

    asked: int
    complete: int = 0
    pruned: int = 0
    failed: int = 0
    timeout: int = 0
    memory: int = 0
    crashed: int = 0
    waiting: int = 0
    rejected: int = 0
    repeated: int = 0
    undefined: int = 0
    beyond: int = 0

    @property
    def trials(self) -> int:
        """Trials that have ended, however."""
        return self.complete + self.pruned + self.lost

    @property
    def lost(self) -> int:
        """Trials that ended without figures."""
        return self.failed + self.timeout + self.memory + self.crashed


@dataclass(frozen=True, slots=True, eq=False)
class SearchOutline:
    """What a search would do.

    Attributes
    ----------
    folder
        Where its study would be.
    plan
        What is asked for.
    method, reason
        What proposes points, and why, where ``auto`` has chosen it.
    windows
        In-sample and out-of-sample dates of every window, first and last each; None where a
        window has no such part, or no dates.
    bars
        A line a symbol: how many bars there are, from when to when, and where they are from.
    holdout
        First and last date that would be kept out; None without a hold-out.
    seconds
        Wall time of one evaluation over all windows, as measured; None where none was made.
    figures
        Names of the figures that it returned.
    sweep_seconds
        What sweeping the whole space would take; None where it cannot be swept.
    workers
        How many evaluations go on at once.
    done
        Trials that the study has already, with which the search would go on; 0 of a new one.
    warnings
        What looks wrong.
    """

    folder: Path
    plan: SearchPlan
    method: str
    reason: str = ""
    windows: tuple[tuple[tuple[str, str] | None, tuple[str, str] | None], ...] = ()
    bars: tuple[str, ...] = ()
    holdout: tuple[str, str] | None = None
    seconds: float | None = None
    figures: tuple[str, ...] = ()
    sweep_seconds: float | None = None
    workers: int = 1
    done: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class StudyFindings:
    """What a search found, and where it was written.

    Attributes
    ----------
    folder
        The study's folder.
    plan
        What was asked for.
    record
        What decides the results: space, method, seed, windows, fingerprints, versions.
    trials
        All trials, by number.
    scored
        Their scores and violations, as of today's bounds.
    counts
        What became of them.
    best
        The best ones, the best first, with their figures out-of-sample. They were chosen by their
        in-sample figures alone.
    baseline
        The parameter set that the plan names to compare with; None where it names none.
    held
        Buy-and-hold; None where there are no bars.
    spent
        Combinations ever searched by symbol, those of this study among them.
    errors
        Texts of errors, each with how many trials ended in it, the most frequent first.
    notes
        What a reader should know: how ``auto`` has chosen, what stood in for another method, a
        restart, that nothing was left to propose.
    warnings
        What looks wrong: old bars, missing sessions, a program that writes to standard output.
    sweep_seconds
        What sweeping the whole space would take; None where it cannot be swept.
    holdout
        First and last date that were kept out of everything; None without a hold-out.
    front
        Of several objectives how many trials form the Pareto set; 0 of one objective.
    hypervolume
        How much of the room of objectives the Pareto set lies above; None of one objective.
    windows
        In-sample and out-of-sample dates of every window, as `SearchOutline` has them.
    seconds
        Wall time of the search, over all sittings.
    state
        ``"complete"``, ``"exhausted"`` where no point was left, ``"interrupted"``, ``"running"``
        where another process is at it.
    """

    folder: Path
    plan: SearchPlan
    record: StudyRecord
    trials: StudyTable
    scored: Scored
    counts: Counts
    best: tuple[BestTrial, ...] = ()
    baseline: BestTrial | None = None
    held: Parts | None = None
    spent: Mapping[str, int] = field(default_factory=dict)
    errors: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sweep_seconds: float | None = None
    holdout: tuple[str, str] | None = None
    front: int = 0
    hypervolume: float | None = None
    windows: tuple[tuple[tuple[str, str] | None, tuple[str, str] | None], ...] = ()
    seconds: float = 0.0
    state: str = "complete"

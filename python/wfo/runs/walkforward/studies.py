"""Choosing by a study in each window, for strategies whose space is not swept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import wfo.bars as bars_module
from wfo.errors import DataError, InputError
from wfo.progress import Progress, Silent
from wfo.runs.machine import Machine
from wfo.runs.optimizing.bars import SearchBars
from wfo.runs.optimizing.best import beyond_limits
from wfo.runs.walkforward.searching import (
    InSample,
    Searched,
    Searches,
    by_of,
    notes_of_plan,
    require_one_objective,
    trials_below,
)
from wfo.search.driver import EXHAUSTED
from wfo.search.evaluating.judging import score_of
from wfo.search.evaluating.kernels import StrategyEvaluator
from wfo.search.evaluating.points import StrategyPoints
from wfo.search.plan import SearchPlan
from wfo.strategy import Strategy, get_strategy
from wfo.text import listed, one_line
from wfo.walkforward.values import Decision, Params
from wfo.windows import LEAST_WARMUP, WalkWindow
from wfo.windows.dates import first_trading

if TYPE_CHECKING:
    import datetime as dt

    import polars as pl

    from wfo.search.study import StudyTable
    from wfo.search.values import Params as Point
    from wfo.settings import AccountSettings

#: Why a window has no set.
NOTHING = "no trial keeps to the limits with a score"
_NONE_INSIDE = "no combination inside the best blocks keeps to the limits"

#: Blocks that are looked into for a combination that keeps to the limits, the best ones.
_BLOCKS = 20


class StudyChooser:
    """Chooses the best trial of a study in every window; the study sees its in-sample part alone.

    Objective, limits, guardrails, method, trials and block are those of the plan; each study's seed
    follows from the plan's and from the dates of its in-sample part. A trial that does not keep to
    the limits is never chosen. Where dimensions are swept in blocks, it is the combination to hand
    on of the best block that has one which keeps to the limits, as of ``wfo optimize``.

    Parameters
    ----------
    plan
        From `wfo.search.plan_file.read_plan`, of a strategy on one symbol. Its own windows are not
        used; the period and what is held out are those of `bars`.
    bars
        From `wfo.runs.optimizing.bars.load_bars` of the plan.
    folder
        That of the walk-forward; studies are kept below it, and a walk-forward that was killed goes
        on with them.
    progress, machine
        Where to tell how far it is; the clock of the studies' records.

    Attributes
    ----------
    strategy, settings, days, frame
        What the plan searches, on which account, and the date of every bar, and the bars.
    warmup
        Bars before the first one that trades, at least: schedules are laid with it.
    by, combinations
        As of `wfo.walkforward.values.Chooser`.
    engine, reason
        What computes, and why it computes no blocks; empty where it does.
    notes
        What of the plan does not hold here, as sentences.

    Raises
    ------
    WfoError
        If the plan is of something else, or cannot be searched; nothing is written.
    """

    def __init__(
        self,
        plan: SearchPlan,
        bars: SearchBars,
        folder: Path,
        *,
        progress: Progress | None = None,
        machine: Machine | None = None,
    ) -> None:
        if plan.kind != "strategy":
            raise InputError(
                f"the space searches a {plan.kind}, which has no dated simulation; only a"
                " strategy's sets trade one after the other as one account"
            )
        if len(plan.symbols) != 1:
            raise InputError(
                f"symbols = {listed(plan.symbols)}: a walk-forward trades one; name it, as"
                f" --symbol {one_line(plan.symbols[0])}"
            )
        require_one_objective(plan)
        self._searches = Searches(plan, bars, folder, progress or Silent(), machine or Machine())
        self._progress = progress or Silent()
        self.strategy: Strategy = get_strategy(str(plan.target))
        self._points = StrategyPoints(self.strategy, plan.space)
        need = bars.need(self._points)
        self.warmup: int = max(LEAST_WARMUP, need)
        self.frame: pl.DataFrame = bars.frames[plan.symbols[0]]
        self.days: list[dt.date] = bars_module.dates(self.frame)
        self.by = by_of(plan)
        self.notes = notes_of_plan(plan)
        begins = first_trading(self.days, self.warmup)
        if begins is None or begins >= self.days[-1]:
            raise DataError(
                f"{one_line(plan.symbols[0])} has {len(self.days):,} bars, and the space looks"
                f" back {need:,}; get earlier bars, or search shorter lengths"
            )
        # What cannot be searched is found before the first window.
        with self._searches.prepared(InSample.of(bars, (begins, self.days[-1]))) as made:
            assert isinstance(made.evaluator, StrategyEvaluator)  # noqa: S101  # of a strategy
            self.settings: AccountSettings = made.settings
            self._size = made.combinations
            self.combinations: int = plan.trials * made.combinations
            self.engine = str(made.evaluator.describe()["engine"])
            self.reason = made.evaluator.note

    def choose(self, windows: Sequence[WalkWindow]) -> Iterator[Decision]:
        """Yield the decision of each window, in their order, as soon as its study has ended.

        Raises
        ------
        WfoError
            If a study cannot be searched, read or written.
        """
        for window in windows:
            part = InSample.of(self._searches.bars, window.in_sample)
            first, last = part.dates
            self._progress.say(f"window {window.number}: a study of {first} to {last}")
            with self._searches.searched(part) as found:
                decision = self._decision(window.number, found)
            yield decision

    def _decision(self, number: int, found: Searched) -> Decision:
        searched = len(found.table) * self._size
        feasible = found.feasible
        for trial in feasible[:_BLOCKS]:
            point = _chosen(found, trial)
            if point is not None:
                score = float(found.scored.scores[trial])
                params = self._params(point)
                tied, said = found.tied(trial), _said(found.table)
                return Decision(number, params, None, score, tied, searched, said)
        note = _NONE_INSIDE if feasible else NOTHING
        return Decision(number, None, None, None, 0, searched, note)

    def _params(self, point: Point) -> Params:
        """Return a point as a set of the strategy, with what the space fixes."""
        complete = self._points.complete(point)
        return {name: self.strategy.parameter(name).check(v) for name, v in complete.items()}

    def counted(self) -> int:
        """Return how many combinations all studies below the folder have looked at so far."""
        return trials_below(self._searches.folder) * self._size

    def estimate(self, windows: Sequence[WalkWindow]) -> float:
        """Return about how many seconds all studies take, measured on one trial of one window."""
        return self._searches.seconds(windows)


def _said(table: StudyTable) -> str:
    """Return what the method of a study had to say, such as that another one took its place."""
    notes = dict.fromkeys(batch.note for batch in table.batch)
    return "; ".join(note for note in notes if note and note != EXHAUSTED)


def _chosen(found: Searched, trial: int) -> Point | None:
    """Return a trial's point; of a block the one inside to hand on, None where none keeps to it."""
    made, row = found.made, found.table.rows[trial]
    own = made.evaluator
    assert isinstance(own, StrategyEvaluator)  # noqa: S101  # of a strategy
    if own.block is None:
        (point,) = made.space.decode(row[None])
        return dict(point)
    figures = found.table.figures_of(trial)
    inner = own.best_inside(row, score_of(made.scoring, figures))
    if inner is None:
        return None
    (of_inner,) = own.in_sample(own.whole.encode(inner)[None])
    # The medians of a block can keep to limits that no combination of it keeps to.
    return None if beyond_limits(made.scoring, figures, of_inner) > 0 else inner

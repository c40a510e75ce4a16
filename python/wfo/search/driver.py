"""The loop of a search: batch by batch, into a study, until the trials are spent.

A batch is proposed from the trials of whole batches before it, so that the trials of a study follow
from its record alone: neither the number of workers nor a kill in the middle of a batch changes
them. Of a batch that a killed search has begun, the trials that were committed are kept, and the
others are evaluated.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from wfo.errors import ResultsError
from wfo.progress import Progress, Silent, Tick
from wfo.search.batches import Batch, Patience, program_seed, propose_batch
from wfo.search.objective import FigureTable, Pruner, Scored, Scoring
from wfo.search.study import WITH_FIGURES, NewTrial, Study, StudyTable
from wfo.search.values import Evaluates, History, Method, Outcome, State, Task
from wfo.text import one_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wfo.search.space import SearchSpace

    FloatArray = NDArray[np.float64]

#: Seconds between two words on the best trial so far.
_SAID = 10.0

#: Seconds between two times that scores are kept, for readers of a study that is searched.
_KEPT = 1.0

#: What a method may come to by a state that is none of its own.
_UNFIT = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)

#: What a study says where no point is left to evaluate.
EXHAUSTED = "no point is left that is allowed and was not evaluated"


@dataclass(frozen=True, slots=True)
class Search:
    """What decides the trials of a study.

    Attributes
    ----------
    space, method, scoring, pruner
        What is searched, what proposes, and what judges.
    windows
        How many in-sample windows there are.
    seed, batch
        Seed of the study, and trials of a batch.
    patience
        How long points are looked for that are allowed and new.
    """

    space: SearchSpace
    method: Method
    scoring: Scoring
    pruner: Pruner | None
    windows: int
    seed: int
    batch: int
    patience: Patience

    def propose(
        self,
        number: int,
        size: int,
        history: History,
        state: Mapping[str, Any],
        seen: Mapping[bytes, int],
    ) -> Batch:
        """Return the points of a batch; it follows from the arguments alone."""
        start = [self.space.encode(point) for point in self.space.start] if number == 0 else []
        lead = np.array(start, np.float64).reshape(-1, len(self.space.dimensions))
        try:
            return propose_batch(
                self.space,
                self.method,
                history,
                number=number,
                size=size,
                seed=self.seed,
                state=state,
                seen=seen,
                patience=self.patience,
                lead=lead[:size],
            )
        except _UNFIT as error:
            if not state:
                raise
            # States and tags of a database may be of anyone.
            said = f"{type(error).__name__}: {one_line(error):.200}"
            raise ResultsError(
                f"batch {number}: the method {one_line(self.method.name)} cannot go on from what"
                f" the study has kept of it ({said}); begin another one with --study"
            ) from error

    def first_batch(self, trials: int) -> Batch:
        """Return the points of the first batch, before there is a study."""
        return self.propose(0, min(self.batch, trials), self.no_history(), {}, {})

    def no_history(self) -> History:
        """Return the history before the first trial."""
        return _history(
            np.zeros((0, len(self.space.dimensions))),
            np.zeros(0, np.int64),
            np.zeros(0, np.int64),
            self.scoring.view(self.scoring.table()),
            np.zeros(0, bool),
        )

    def task(self, trial: int, row: FloatArray) -> Task:
        """Return what is evaluated first of a trial: all windows, or one where it may be pruned."""
        (params,) = self.space.decode(row[None])
        return Task(trial, self.first_windows, params, row, program_seed(self.seed, trial))

    @property
    def first_windows(self) -> tuple[int, ...]:
        """The windows that are evaluated before anything is decided."""
        every = tuple(range(self.windows))
        return every if self.pruner is None else every[:1]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a search has ended.

    Attributes
    ----------
    trials
        How many trials the study has.
    exhausted
        Whether no point was left.
    """

    trials: int
    exhausted: bool


def run_search(
    study: Study,
    search: Search,
    evaluator: Evaluates,
    *,
    trials: int,
    first: Outcome | None = None,
    progress: Progress | None = None,
) -> Ended:
    """Evaluate points until a study has so many trials, or no point is left.

    Parameters
    ----------
    study
        What is gone on with. All that has ended when this returns or raises is committed.
    search
        What decides the trials.
    evaluator
        What computes the figures.
    trials
        How many the study is to have; a batch that was begun is always ended.
    first
        The outcome of the first task of trial 0, where it was evaluated before the study was made.
    progress
        Where to tell how far it is.

    Raises
    ------
    WfoError
        If the study cannot be written, or an evaluation cannot be begun.
    """
    return _Loop(study, search, evaluator, progress or Silent(), first).run(trials)


@dataclass(slots=True)
class _Grown:
    """Rows that are appended to, in room that doubles."""

    room: Any
    used: int = 0

    def append(self, values: Any) -> None:
        end = self.used + len(values)
        if end > len(self.room):
            room = np.empty((max(end, 2 * len(self.room)), *self.room.shape[1:]), self.room.dtype)
            room[: self.used] = self.room[: self.used]
            self.room = room
        self.room[self.used : end] = values
        self.used = end

    @property
    def values(self) -> Any:
        found = self.room[: self.used]
        found.flags.writeable = False
        return found


def _history(rows: Any, tags: Any, batches: Any, scored: Scored, pruned: Any) -> History:
    return History(
        rows=rows,
        scores=scored.scores,
        violations=scored.violations,
        objectives=scored.objectives,
        tags=tags,
        batches=batches,
        pruned=pruned,
    )


@dataclass(frozen=True, slots=True)
class _Done:
    """A trial that has ended: its state, and the figures of the windows that it had."""

    state: State
    figures: Sequence[Mapping[str, Any]]


class _UnderWay:
    """The trials of a batch while they are evaluated; outcomes come in any order."""

    def __init__(
        self, loop: _Loop, tasks: Mapping[int, Task], ended: dict[int, _Done], tick: Tick
    ) -> None:
        self._loop = loop
        self._tasks = tasks
        self._ended = ended
        self._tick = tick
        search = loop.search
        self._comparison = (
            None if search.pruner is None else search.pruner.against(search.scoring, loop.table)
        )
        # What each trial has come to so far, over its windows from the first on.
        self._so_far: dict[int, Outcome] = {}

    def finished(self, outcome: Outcome) -> Task | None:
        """Keep what a task has come to; return the next one of its trial, if there is one."""
        search = self._loop.search
        trial = outcome.trial
        outcome = _joined(self._so_far.pop(trial, None), outcome)
        if outcome.ending != "complete":
            self._end(outcome, outcome.ending)
            return None
        done = len(outcome.windows)
        if done == search.windows:
            self._end(outcome, "complete")
            return None
        # Compared with whole earlier batches only: which trials of this one have come so far
        # depends on the workers.
        if self._comparison is not None and self._comparison.decide(outcome.figures):
            self._end(outcome, "pruned")
            return None
        self._so_far[trial] = outcome
        return replace(self._tasks[trial], windows=(done,))

    def _end(self, outcome: Outcome, state: State) -> None:
        self._loop.study.finish(outcome, state)
        kept = outcome.figures if state in WITH_FIGURES else ()
        self._ended[outcome.trial] = _Done(state, kept)
        self._tick(1)


def _joined(before: Outcome | None, after: Outcome) -> Outcome:
    """Return what two tasks of a trial have come to together."""
    if before is None:
        return after
    printed = before.printed or after.printed
    return replace(
        after,
        windows=before.windows + after.windows,
        figures=before.figures + after.figures if after.ending == "complete" else (),
        seconds=before.seconds + after.seconds,
        printed=printed,
        attempts=max(before.attempts, after.attempts),
    )


class _Loop:
    """A search under way: the trials of whole batches, and how they are judged today."""

    def __init__(
        self,
        study: Study,
        search: Search,
        evaluator: Evaluates,
        progress: Progress,
        first: Outcome | None,
    ) -> None:
        self.study = study
        self.search = search
        self.evaluator = evaluator
        self.progress = progress
        self.first = first
        width = len(search.space.dimensions)
        self.rows = _Grown(np.empty((64, width)))
        self.tags = _Grown(np.empty(64, np.int64))
        self.batches = _Grown(np.empty(64, np.int64))
        self.table: FigureTable = search.scoring.table()
        self.seen: dict[bytes, int] = {}
        self.bounds: Mapping[str, Any] = search.scoring.bounds
        self.state: Mapping[str, Any] = {}
        self.number = 0
        self.kept = 0
        self.kept_at = self.said = time.monotonic()
        self.best = -1

    def run(self, trials: int) -> Ended:
        """Go on with the batch that was begun, then with further ones."""
        table = self.study.load()
        left = max(0, trials - len(table)) + len(table.waiting)
        exhausted = self._restore(table)
        with self.progress.stage("searching", left) as tick:
            if table.waiting:
                self._go_on(table, tick)
            while not exhausted and self.rows.used < trials:
                exhausted = not self._next(min(self.search.batch, trials - self.rows.used), tick)
        # Of all trials: where bounds or ranks moved, earlier scores have moved.
        self._keep_scores(self._scored(), 0)
        return Ended(self.rows.used, exhausted)

    # What was there before

    def _restore(self, table: StudyTable) -> bool:
        """Take the trials of whole batches over; return whether the space is exhausted."""
        whole = [each for each in table.batch if each.whole]
        count = sum(each.trials for each in whole)
        self.number = len(whole)
        self.rows.append(table.rows[:count])
        self.tags.append(table.tags[:count])
        self.batches.append(table.batches[:count])
        for trial in range(count):
            self._judge(table.state_of(trial), table.figures_of(trial))
        keys = self.search.space.keys(table.rows) if len(table) else []
        self.seen = {key: trial for trial, key in enumerate(keys)}
        self.state = table.state
        if whole:
            self.bounds = whole[-1].bounds
            self.search.scoring.restore(self.bounds)
        self._is_better(self._scored())
        # An empty batch says that there was no point left; points only become fewer.
        return bool(table.batch) and table.batch[-1].trials == 0

    def _judge(self, state: str, figures: Sequence[Mapping[str, Any]]) -> None:
        """Add a trial to those that are scored."""
        if state in WITH_FIGURES:
            self.table.append(figures, pruned=state == "pruned")
        else:
            self.table.append(None)

    def _scored(self) -> Scored:
        return self.search.scoring.view(self.table)

    # Batches

    def _next(self, size: int, tick: Tick) -> bool:
        """Propose and evaluate a batch; return whether there was a point."""
        pruned = self.table.pruned
        history = _history(
            self.rows.values, self.tags.values, self.batches.values, self._scored(), pruned
        )
        batch = self.search.propose(self.number, size, history, self.state, self.seen)
        first = self.rows.used
        params = self.search.space.decode(batch.rows) if len(batch.rows) else []
        seed = self.search.seed
        trials = [
            NewTrial(trial, row, values, program_seed(seed, trial), int(tag))
            for trial, (row, values, tag) in enumerate(
                zip(batch.rows, params, batch.tags, strict=True), first
            )
        ]
        note = batch.note
        if batch.exhausted and not trials:
            note = f"{note}; {EXHAUSTED}" if note else EXHAUSTED
        counts = batch.counts
        self.study.begin_batch(
            self.number,
            batch.state,
            trials,
            rejected=counts.rejected,
            repeated=counts.repeated,
            attempts=counts.attempts,
            note=note,
        )
        if note:
            self.progress.say(note)
        self.state = batch.state
        keys = self.search.space.keys(batch.rows) if trials else []
        self.seen.update({key: trial for trial, key in enumerate(keys, first)})
        tasks = [
            Task(each.number, self.search.first_windows, each.params, each.row, each.seed)
            for each in trials
        ]
        self._evaluate(tasks, {}, batch.rows, batch.tags, tick)
        return bool(trials)

    def _go_on(self, table: StudyTable, tick: Tick) -> None:
        """Evaluate what a killed search has left of a batch."""
        first = self.rows.used
        ended = {
            trial: _Done(cast("State", table.state_of(trial)), table.figures_of(trial))
            for trial in range(first, len(table))
            if table.state_of(trial) != "waiting"
        }
        params = self.search.space.decode(table.rows[first:])
        tasks = [
            Task(
                trial,
                self.search.first_windows,
                params[trial - first],
                table.rows[trial],
                int(table.seeds[trial]),
            )
            for trial in table.waiting
        ]
        self._evaluate(tasks, ended, table.rows[first:], table.tags[first:], tick)

    def _evaluate(
        self,
        tasks: Sequence[Task],
        ended: dict[int, _Done],
        rows: FloatArray,
        tags: Any,
        tick: Tick,
    ) -> None:
        """Evaluate the tasks of a batch, and end it."""
        under_way = _UnderWay(self, {task.trial: task for task in tasks}, ended, tick)
        waiting = list(tasks)
        first, self.first = self.first, None
        if first is not None and waiting and waiting[0].trial == first.trial == 0:
            following = under_way.finished(first)
            waiting = ([] if following is None else [following]) + waiting[1:]
        if waiting:
            self.evaluator.evaluate(waiting, under_way.finished)
        begin = self.rows.used
        self.rows.append(rows)
        self.tags.append(tags)
        self.batches.append(np.full(len(rows), self.number, np.int64))
        for trial in range(begin, self.rows.used):
            self._judge(ended[trial].state, ended[trial].figures)
        self.bounds = self.search.scoring.update(self.table)
        self.study.end_batch(self.number, self.bounds)
        self.number += 1
        self._tell()

    def _keep_scores(self, scored: Scored, begin: int) -> None:
        self.study.rescore(
            begin,
            scored.scores[begin:],
            scored.violations[begin:],
            scored.objectives[begin:],
            scored.components[begin:],
        )

    # The best so far

    def _tell(self) -> None:
        """Now and then keep the scores of new trials, and tell of a better one."""
        now = time.monotonic()
        if now - self.kept_at < _KEPT:
            return
        self.kept_at = now
        scored = self._scored()
        self._keep_scores(scored, self.kept)
        self.kept = len(scored)
        if now - self.said >= _SAID and self._is_better(scored):
            self.said = now
            score, beyond = scored.scores[self.best], scored.violations[self.best]
            limits = "" if beyond == 0 else f", beyond limits by {beyond:.3g}"
            self.progress.say(f"best so far: trial {self.best}, score {score:.6g}{limits}")

    def _is_better(self, scored: Scored) -> bool:
        """Whether another trial is the best than when this was asked before."""
        if not len(scored) or self.search.scoring.objective.several:
            return False
        best = int(scored.order()[0])
        changed = best != self.best and bool(np.isfinite(scored.scores[best]))
        self.best = best if changed else self.best
        return changed

"""A plan made ready to be searched: bars, windows, scoring, and what evaluates points."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from wfo.arguments import rebuilt
from wfo.data.years import Year, year_of
from wfo.errors import InputError
from wfo.runs.optimizing.bars import SearchBars, load_bars
from wfo.runs.optimizing.windows import Resolved, resolve
from wfo.search.batches import Patience, program_seed
from wfo.search.driver import Search
from wfo.search.evaluating.judging import keeping_to
from wfo.search.evaluating.kernels import StrategyEvaluator
from wfo.search.evaluating.points import StrategyPoints
from wfo.search.methods import choose, make_method
from wfo.search.methods.restarting import Restarting
from wfo.search.objective import Pruner, Scoring
from wfo.search.objective.figures import spellings
from wfo.search.runner import ProgramEvaluator, WindowSpan
from wfo.search.space import SearchSpace
from wfo.search.values import Method, Outcome, Task
from wfo.settings import AccountSettings
from wfo.strategy import Strategy, get_strategy
from wfo.text import listed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.data import DataStore
    from wfo.search.plan import SearchPlan

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

#: What computes the figures of points.
Evaluator = StrategyEvaluator | ProgramEvaluator


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A plan with all that a search of it needs.

    Attributes
    ----------
    plan
        What is asked for.
    bars, windows
        What is evaluated on.
    years
        What annual figures count in, by symbol.
    strategy
        The strategy; None of a program.
    scoring, pruner
        What judges.
    evaluator
        What computes the figures in-sample.
    patience
        How long points are looked for.
    """

    plan: SearchPlan
    bars: SearchBars
    windows: Resolved
    years: Mapping[str, Year]
    strategy: Strategy | None
    scoring: Scoring
    pruner: Pruner | None
    evaluator: Evaluator
    patience: Patience = field(default_factory=Patience.shipped)

    @property
    def space(self) -> SearchSpace:
        """What methods search: of swept blocks their genes, else the space of the plan."""
        own = self.evaluator
        return own.space if isinstance(own, StrategyEvaluator) else self.plan.space

    @property
    def combinations(self) -> int:
        """How many combinations a trial looks at: those of a swept block, else one."""
        own = self.evaluator
        return own.block.size if isinstance(own, StrategyEvaluator) and own.block else 1

    @property
    def settings(self) -> AccountSettings:
        """Of the account; of a program the usual ones, for buy-and-hold beside it."""
        if self.strategy is None:
            return AccountSettings()
        kind = type(self.strategy.settings())
        return rebuilt("settings", self.plan.settings, lambda values: kind(**values))

    def search(self, method: Method) -> Search:
        """Return what decides the trials."""
        return Search(
            space=self.space,
            method=method,
            scoring=self.scoring,
            pruner=self.pruner,
            windows=self.evaluator.windows,
            seed=self.plan.seed,
            batch=self.plan.batch,
            patience=self.patience,
        )

    def method(self, name: str, budget: int) -> Method:
        """Return what proposes points, with the rule for when it stands still.

        Parameters
        ----------
        name
            The method, decided.
        budget
            The trials that a study was begun with.
        """
        objectives = self.scoring.objective.count
        options = self.plan.method_options if name == self.plan.method else {}

        def make(each: str) -> Method:
            own = options if each == name else {}
            return make_method(each, own, budget=budget, objectives=objectives)

        rule = self.plan.stalled
        if not rule.batches:
            return make(name)
        restart = rule.then == "restart"
        names = (name,) if restart else (name, rule.then)
        return Restarting(names, make, rule.batches, restart, objectives)

    def probe_task(self, search: Search) -> Task:
        """Return what is evaluated before there is a study: the first trial of a search.

        Raises
        ------
        InputError
            If the constraints leave no point.
        """
        import numpy as np

        space = self.space
        batch = search.first_batch(self.plan.trials)
        if not len(batch.rows):
            raise InputError(
                "the constraints leave no point of the space to evaluate:"
                f" {listed(map(str, space.constraints))}; relax one, or search wider ranges"
            )
        windows = tuple(range(self.evaluator.windows))
        windows = windows if self.pruner is None else windows[:1]
        row = np.asarray(batch.rows[0], np.float64)
        (params,) = space.decode(row[None])
        return Task(0, windows, params, row, program_seed(self.plan.seed, 0))

    def probe(self, task: Task) -> tuple[Outcome, float]:
        """Evaluate once; return what became of it, and the seconds of one window.

        Raises
        ------
        WfoError
            If what is evaluated cannot be used at all, or lacks a figure.
        """
        found: list[Outcome] = []
        own = self.evaluator
        begun = time.perf_counter()
        if isinstance(own, ProgramEvaluator):
            found.append(own.probe(task))
        else:
            own.evaluate([task], found.append)
        seconds = time.perf_counter() - begun
        outcome = found[0]
        if isinstance(own, ProgramEvaluator):
            # Without the start of a worker.
            seconds = outcome.seconds
        if outcome.ending == "complete":
            names = {n for window in outcome.figures for own_ in window.values() for n in own_}
            self.scoring.require(sorted(names))
            # A function that is the objective fails here or not at all.
            self.scoring.table().append(outcome.figures)
        return outcome, seconds / len(task.windows)

    def decided(self) -> tuple[str, str]:
        """Return the method, and why ``auto`` has chosen it; empty where it has not."""
        plan = self.plan
        if plan.method != "auto":
            return plan.method, ""
        choice = choose(
            self.space,
            budget=plan.trials,
            objectives=self.scoring.objective.count,
            slow=self.strategy is None,
            sweep_seconds=self.sweep_seconds(),
        )
        return choice.name, choice.reason

    def sweep_seconds(self) -> float | None:
        """Return what sweeping the whole space would take; None where it cannot be swept."""
        own = self.evaluator
        return own.sweep_seconds() if isinstance(own, StrategyEvaluator) else None


@contextlib.contextmanager
def prepared(plan: SearchPlan, store: DataStore) -> Iterator[Prepared]:
    """Yield a plan made ready; what evaluates is closed when the block ends.

    Raises
    ------
    WfoError
        If anything of it cannot be used; nothing is written.
    """
    require_choice(plan)
    bars = load_bars(store, plan)
    strategy = _strategy(plan)
    need = None
    if strategy is not None:
        need = bars.need(StrategyPoints(strategy, plan.space))
    windows = resolve(plan.windows, bars.days, need=need, today=bars.today)
    with prepared_on(plan, bars, windows) as made:
        yield made


def require_choice(plan: SearchPlan) -> None:
    """Raise an `InputError` where a space has nothing to choose from."""
    if plan.space.size == 1:
        raise InputError(
            "the space has a single point, so that there is nothing to search; give a parameter"
            " several values, or a range"
        )


@contextlib.contextmanager
def prepared_on(plan: SearchPlan, bars: SearchBars, windows: Resolved) -> Iterator[Prepared]:
    """Yield a plan made ready on bars and windows that are laid over them already.

    Raises
    ------
    WfoError
        As `prepared` does.
    """
    strategy = _strategy(plan)
    scoring = Scoring(
        plan.objective, plan.limits, plan.guardrails, plan.aggregate, tuple(plan.symbols)
    )
    pruner = Pruner.make(plan.prune, plan.objective) if plan.prune != "none" else None
    years = {
        symbol: year_of(plan.timeframe, days, plan.bars_per_year)
        for symbol, days in bars.days.items()
    }
    made = Prepared(
        plan,
        bars,
        windows,
        years,
        strategy,
        scoring,
        pruner if len(windows.windows) > 1 else None,
        _evaluator(plan, bars, windows, years, strategy, scoring),
    )
    try:
        yield made
    finally:
        made.evaluator.close()


def _strategy(plan: SearchPlan) -> Strategy | None:
    return get_strategy(str(plan.target)) if plan.kind == "strategy" else None


def wanted_figures(scoring: Scoring) -> tuple[str, ...]:
    """Return the figures that the objective, limits in force and guardrails look at."""
    return tuple(each for each in scoring.figures if not _is_idle(scoring, each))


def _is_idle(scoring: Scoring, name: str) -> bool:
    """Whether a figure is looked at by limits alone that are not in force."""
    objective = {c.figure for c in scoring.objective.components}
    held = scoring.guardrails
    rules = {r.figure for r in (held.rules if held is not None else ())}
    if scoring.limits.mode != "none":
        rules |= {r.figure for r in scoring.limits.rules}
    return not {*spellings(name)} & (objective | rules)


def _evaluator(
    plan: SearchPlan,
    bars: SearchBars,
    windows: Resolved,
    years: Mapping[str, Year],
    strategy: Strategy | None,
    scoring: Scoring,
) -> Evaluator:
    if strategy is None:
        return program(plan, bars, windows.in_sample, scoring)
    kind = type(strategy.settings())
    return StrategyEvaluator(
        strategy,
        bars.feeds(strategy),
        plan.space,
        windows.bounds,
        rebuilt("settings", plan.settings, lambda values: kind(**values)),
        threads=plan.workers,
        figures=wanted_figures(scoring),
        block=plan.block,
        valid=keeping_to(scoring),
        bars_per_year={symbol: year.bars for symbol, year in years.items()},
    )


def program(
    plan: SearchPlan, bars: SearchBars, spans: Sequence[WindowSpan], scoring: Scoring | None
) -> ProgramEvaluator:
    """Return what evaluates a program or command in some windows.

    Parameters
    ----------
    plan, bars
        What is run, and on which bars.
    spans
        The windows; a program gets the bars of each and no others.
    scoring
        Whose figures every answer must have; None where it may have any.
    """
    needs: list[str] = []
    if scoring is not None:
        # A figure of two names may come under either; what lacks is then found by the first answer.
        needs = [name for name in wanted_figures(scoring) if len(spellings(name)) == 1]
    return ProgramEvaluator(
        plan.target,
        "command" if plan.kind == "command" else "program",
        folder=plan.folder,
        space=plan.space,
        symbols=plan.symbols,
        bars=bars.frames,
        windows=[replace(span, warmup=plan.warmup) for span in spans],
        workers=plan.workers or 1,
        needs=needs,
        timeout=plan.timeout,
        memory=plan.memory,
        retries=plan.retries,
    )

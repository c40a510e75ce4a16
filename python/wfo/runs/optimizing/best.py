"""The best trials of a study, looked at after the search: out-of-sample, and beside holding."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wfo import bars as bars_module
from wfo.backtest.benchmark import bought, held_marks
from wfo.metrics import held_metrics
from wfo.progress import Progress, Silent, Tick
from wfo.runs.optimizing.deflating import deflated
from wfo.runs.optimizing.found import BestTrial, BlockFigures, Parts, WindowFigures
from wfo.runs.optimizing.preparing import Prepared, program
from wfo.runs.optimizing.ranked import figures_of_all, order_of
from wfo.search.batches import program_seed, trial_points
from wfo.search.evaluating.blocks import BLOCK_FIGURES
from wfo.search.evaluating.judging import score_of
from wfo.search.evaluating.kernels import StrategyEvaluator
from wfo.search.objective import ALIASES, Scored, Scoring, aggregated
from wfo.search.space import SearchSpace
from wfo.search.values import FigureValues, Outcome, Params, Task
from wfo.settings import AccountSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.search.plan import SearchPlan
    from wfo.search.study import StudyTable

    FloatArray = NDArray[np.float64]

#: Figures by symbol of each window.
Figures = Sequence[Mapping[str, FigureValues]]

#: Trial that the seed of a baseline's program is made of, which no study has.
_BASELINE = 2**62


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known of a study's best trials.

    Attributes
    ----------
    best
        The best ones, the best first.
    baseline
        The point that the plan names to compare with; None without one.
    held
        Buy-and-hold; None without bars.
    """

    best: tuple[BestTrial, ...] = ()
    baseline: BestTrial | None = None
    held: Parts | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen:
    """A point that is looked at: a trial, or the baseline, and all of its values."""

    trial: int | None
    params: Params
    row: FloatArray
    block: BlockFigures | None = None


def judge(
    prepared: Prepared,
    table: StudyTable,
    scored: Scored,
    spent: int,
    known: Judged | None = None,
    progress: Progress | None = None,
) -> Judged:
    """Look at the best trials of a study out-of-sample, which no trial was.

    Parameters
    ----------
    prepared
        What was searched.
    table, scored
        All trials.
    spent
        Combinations ever searched on the symbol of which most were.
    known
        What was found out before of the same study: a program is not run again for what is known.
    progress
        Where to tell how far it is.
    """
    if progress is None or not prepared.windows.kept_out:
        progress = Silent()
    order = order_of(scored)[: prepared.plan.top].tolist()
    chosen = [c for c in (_chosen(prepared, table, trial) for trial in order) if c is not None]
    baseline = _baseline(prepared, table)
    every = [*chosen, *([baseline] if baseline is not None else [])]
    with progress.stage("the best trials out-of-sample", len(every)) as tick:
        inside, outside, errors = _evaluated(prepared, table, every, known or Judged(), tick)
    found = []
    for place, (each, own, out, error) in enumerate(
        zip(every, inside, outside, errors, strict=True), 1
    ):
        parts = _parts(prepared, own, out, error)
        view = scored if each.trial is not None else _as_one_more(prepared, table, own)
        trial = _best_trial(prepared.plan, view, each.trial, each.params, place, parts)
        if each.block is not None and each.trial is not None:
            # The medians of a block can keep to limits that no combination of it keeps to.
            beyond = beyond_limits(prepared.scoring, table.figures_of(each.trial), own)
            trial = replace(trial, violation=max(trial.violation, beyond))
        found.append(replace(trial, block=each.block))
    held = _held(prepared)
    best = found[: len(chosen)]
    if isinstance(prepared.evaluator, StrategyEvaluator) and best:
        rows = [each.row for each in chosen]
        best = deflated(prepared, prepared.evaluator, rows, best, max(spent, len(table)))
    return Judged(tuple(best), replace(found[-1], place=0) if baseline is not None else None, held)


def best_of_table(plan: SearchPlan, table: StudyTable, scored: Scored) -> Judged:
    """Return the best trials by what the study itself has: figures in-sample alone."""
    order = order_of(scored)[: plan.top].tolist()
    space = SearchSpace.from_dict(table.record.space)
    found = []
    for place, trial in enumerate(order, 1):
        (params,) = space.decode(table.rows[trial][None])
        figures = table.figures_of(trial)
        inside = aggregated(figures, plan.aggregate, plan.symbols)
        parts = Parts(inside, {}, tuple(WindowFigures(each) for each in figures))
        found.append(_best_trial(plan, scored, trial, params, place, parts))
    return Judged(tuple(found))


def _chosen(prepared: Prepared, table: StudyTable, trial: int) -> _Chosen | None:
    """Return a trial's point; of a swept block the one inside it to hand on."""
    row = table.rows[trial]
    own = prepared.evaluator
    if not isinstance(own, StrategyEvaluator) or own.block is None:
        (params,) = prepared.space.decode(row[None])
        return _Chosen(trial, params, row)
    inner = own.best_inside(row, score_of(prepared.scoring, table.figures_of(trial)))
    if inner is None:
        return None
    figures = aggregated(table.figures_of(trial), prepared.plan.aggregate, prepared.plan.symbols)
    return _Chosen(trial, inner, own.whole.encode(inner), BlockFigures(own.block.size, figures))


def _baseline(prepared: Prepared, table: StudyTable) -> _Chosen | None:
    params = prepared.plan.baseline
    if params is None:
        return None
    row = prepared.plan.space.encode(params)
    trial = None
    if prepared.space is prepared.plan.space:
        keys = trial_points(prepared.space, table.rows)
        trial = keys.get(prepared.space.keys(row[None])[0])
        if trial is not None and not table.of_state("complete")[trial]:
            trial = None
    return _Chosen(trial, dict(params), row)


def _evaluated(
    prepared: Prepared, table: StudyTable, chosen: Sequence[_Chosen], known: Judged, tick: Tick
) -> tuple[list[Figures], list[Figures], list[str]]:
    """Return figures in-sample and out-of-sample, and errors, of each point."""
    import numpy as np

    own = prepared.evaluator
    if not chosen:
        return [], [], []
    if isinstance(own, StrategyEvaluator):
        rows = np.array([each.row for each in chosen], np.float64)
        tick(len(chosen))
        return list(own.in_sample(rows)), list(own.out_of_sample(rows)), [""] * len(chosen)
    inside: list[Figures] = [
        () if each.trial is None else table.figures_of(each.trial) for each in chosen
    ]
    outside: list[Figures] = [() for _ in chosen]
    errors = [""] * len(chosen)
    before = {each.trial: each for each in (*known.best, known.baseline) if each is not None}
    new = []
    for at, each in enumerate(chosen):
        found = before.get(each.trial)
        if found is None or found.parts.error or dict(found.params) != dict(each.params):
            new.append(at)
            continue
        windows = found.parts.windows
        inside[at] = tuple(window.in_sample for window in windows if window.in_sample)
        outside[at] = tuple(w.out_of_sample for w in windows if w.out_of_sample)
    tick(len(chosen) - len(new))
    # A baseline that is no trial; trials have their figures.
    lone = [at for at in new if chosen[at].trial is None]
    for at, outcome in zip(lone, _run(prepared, own, [chosen[at] for at in lone]), strict=True):
        inside[at], errors[at] = outcome.figures, outcome.error
    spans = prepared.windows.out_of_sample
    if not spans or not new:
        return inside, outside, errors
    evaluator = program(prepared.plan, prepared.bars, spans, None)
    try:
        found_out = _run(prepared, evaluator, [chosen[at] for at in new], tick)
        for at, outcome in zip(new, found_out, strict=True):
            outside[at] = outcome.figures
            if outcome.ending != "complete":
                errors[at] = errors[at] or outcome.error or outcome.ending
    finally:
        evaluator.close()
    return inside, outside, errors


def _run(
    prepared: Prepared, evaluator: Any, chosen: Sequence[_Chosen], tick: Tick | None = None
) -> list[Outcome]:
    """Evaluate points in all windows of an evaluator, in any order."""
    windows = tuple(range(evaluator.windows))
    seed = prepared.plan.seed
    tasks = [
        Task(
            at,
            windows,
            each.params,
            each.row,
            program_seed(seed, _BASELINE if each.trial is None else each.trial),
        )
        for at, each in enumerate(chosen)
    ]
    found: dict[int, Outcome] = {}

    def finished(outcome: Outcome) -> None:
        found[outcome.trial] = outcome
        if tick is not None:
            tick(1)

    if tasks:
        evaluator.evaluate(tasks, finished)
    return [found[at] for at in range(len(chosen))]


def _parts(prepared: Prepared, inside: Figures, outside: Figures, error: str = "") -> Parts:
    """Put figures over windows and symbols together as scores are.

    Out-of-sample figures are of those windows that keep something out of sample.
    """
    aggregate, symbols = prepared.plan.aggregate, prepared.plan.symbols
    # Of a strategy a window without such a part has an item too, without figures.
    kept = [each for each in outside if any(each.values())]
    later = iter(kept)
    windows = []
    every = prepared.windows.windows
    # A trial that was pruned has some windows out-of-sample alone.
    for at, window in enumerate(every if kept else every[: len(inside)]):
        own = inside[at] if at < len(inside) else {}
        has = window.out_of_sample is not None and kept
        windows.append(WindowFigures(own, next(later, {}) if has else {}))
    return Parts(
        aggregated(inside, aggregate, symbols) if inside else {},
        aggregated(kept, aggregate, symbols) if kept else {},
        tuple(windows),
        error,
    )


def _best_trial(
    plan: SearchPlan, scored: Scored, trial: int | None, params: Params, place: int, parts: Parts
) -> BestTrial:
    """Return a trial with its score; of a baseline that was no trial `scored` has it alone."""
    objective, at = plan.objective, 0 if trial is None else trial
    objectives = {}
    if objective.several:
        values = scored.objectives[at].tolist()
        objectives = {
            component.figure: component.sign * value
            for component, value in zip(objective.components, values, strict=True)
        }
    return BestTrial(
        place=place,
        trial=trial,
        params=dict(params),
        score=math.nan if objective.several else float(scored.scores[at]),
        violation=float(scored.violations[at]),
        components=dict(zip(scored.names, scored.components[at].tolist(), strict=True)),
        objectives=objectives,
        parts=parts,
    )


def _as_one_more(prepared: Prepared, table: StudyTable, inside: Figures) -> Scored:
    """Return figures as they are scored today, those of one more trial, as the only item.

    A rank is one among all trials; without ranks nothing depends on the others.
    """
    scoring = prepared.scoring
    ranks = scoring.objective.normalise == "rank"
    columns = figures_of_all(scoring, table) if ranks else scoring.table()
    columns.append(inside or None)
    return scoring.view(columns).last()


def beyond_limits(scoring: Scoring, block: Figures, inside: Figures) -> float:
    """Return how far one combination lies beyond limits; what only a block has is the block's."""
    columns = scoring.table()
    columns.append(
        [
            {
                symbol: {**figures, **{n: v for n, v in of[symbol].items() if n in BLOCK_FIGURES}}
                for symbol, figures in window.items()
            }
            for of, window in zip(block, inside, strict=False)
        ]
    )
    return float(scoring.view(columns).violations[0])


def _held(prepared: Prepared) -> Parts | None:
    """Return what buying and holding comes to in the same windows; None without bars."""
    own = prepared.evaluator
    if not prepared.bars.frames:
        return None
    if isinstance(own, StrategyEvaluator):
        inside, outside = own.buy_and_hold()
        return _parts(prepared, inside, outside)
    settings = prepared.settings
    kept: list[dict[str, FigureValues]] = []
    out: list[dict[str, FigureValues]] = []
    for number, window in enumerate(prepared.windows.windows):
        kept.append({})
        if window.out_of_sample is not None:
            out.append({})
        for symbol, frame in prepared.bars.frames.items():
            start, split, _ = prepared.windows.bounds[symbol][number]
            year = prepared.years[symbol].bars
            kept[-1][symbol] = _holding(frame[start:split], year, settings)
            if window.out_of_sample is not None:
                first, last = window.out_of_sample
                days = prepared.bars.days[symbol]
                inside_out = [first <= day < last for day in days]
                out[-1][symbol] = _holding(frame.filter(inside_out), year, settings)
    return _parts(prepared, kept, out)


def _holding(frame: Any, year: float, settings: AccountSettings) -> FigureValues:
    """Return the figures of holding over some bars, bought at the open of the first one."""
    import numpy as np

    days = bars_module.dates(frame)
    if len(days) < _LEAST_HELD:
        return {}
    # Figures begin with a mark before the first bar: the capital, whatever the prices.
    prices = bars_module.Prices(*(np.append(p[:1], p) for p in bars_module.prices(frame)))
    days = [days[0], *days]
    count = len(days)
    # A boundary closes nothing; there has to be one, with a bar behind it.
    bounds = (1, count - 1, count)
    shares, _ = bought(float(prices.open[1]), settings)
    found = held_metrics(
        held_marks(prices, bounds, settings),
        days,
        warmup=1,
        split=count - 1,
        bars_per_year=year,
        idle=not shares > 0,
    ).whole
    values = {
        name: math.nan if value is None else float(value)
        for name, value in found.to_dict().items()
        if value is None or isinstance(value, int | float)
    }
    return values | {alias: values[name] for alias, name in ALIASES.items() if name in values}


#: Bars of a part in which holding has figures.
_LEAST_HELD = 4

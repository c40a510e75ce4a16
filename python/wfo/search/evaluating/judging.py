"""Combinations within a block judged as trials are: by an objective, limits and guardrails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from wfo.search.evaluating.blocks import BLOCK_FIGURES
from wfo.search.objective import Scoring, canonical

if TYPE_CHECKING:
    import numpy as np

    from wfo.search.evaluating.blocks import Valid
    from wfo.search.evaluating.kernels import Score, WindowFigures
    from wfo.search.values import BoolArray, FigureValues, FloatArray, IndexArray


def keeping_to(scoring: Scoring) -> Valid | None:
    """Return what tells which combinations keep to the limits and guardrails of a search.

    Parameters
    ----------
    scoring
        What trials are scored by.

    Returns
    -------
    callable or None
        Takes columns of figures of one window and symbol. None where the search has no limits.
    """
    # Of each group, how many of its rules may be broken. What a block alone has, as its share of
    # such combinations, none of them has.
    groups = []
    if scoring.limits.mode != "none":
        groups.append((scoring.limits.rules, scoring.limits.allowed))
    if scoring.guardrails is not None:
        groups.append((scoring.guardrails.rules, 0))
    groups = [
        (tuple(rule for rule in rules if rule.figure not in BLOCK_FIGURES), allowed)
        for rules, allowed in groups
    ]
    if not any(rules for rules, _ in groups):
        return None

    def valid(columns: Mapping[str, FloatArray]) -> BoolArray:
        import numpy as np

        found: BoolArray = np.True_  # type: ignore[assignment]  # it becomes as many as there are
        for rules, allowed in groups:
            broken: IndexArray | np.int64 = np.int64(0)
            for rule in rules:
                values = columns[canonical(rule.figure)]
                broken = broken + (rule.beyond(values, scoring.limits.undefined) > 0)
            found = found & (broken <= allowed)
        return found

    return valid


def score_of(scoring: Scoring, of_block: Sequence[Mapping[str, FigureValues]] = ()) -> Score:
    """Return what scores combinations as trials, for `StrategyEvaluator.best_inside`.

    Where some keep to the limits, no other has a score; where none does, the nearest to the limits
    has the highest. Ranks of an objective that is normalised by ranks are those among the
    combinations of the block.

    Parameters
    ----------
    scoring
        What trials are scored by.
    of_block
        The figures of the block, by window and symbol: what it alone has, as its share of valid
        combinations, is the same of all in it.
    """

    def score(figures: Sequence[WindowFigures]) -> FloatArray:
        import numpy as np

        table = scoring.table()
        for each in figures:
            # One that was pruned is judged on the windows that it had.
            windows = zip(of_block or [{}] * len(each), each, strict=False)
            table.append(
                [{s: {**block.get(s, {}), **own[s]} for s in own} for block, own in windows]
            )
        seen = scoring.view(table)
        if seen.feasible.any():
            return np.where(seen.feasible, seen.scores, np.nan)
        return np.where(np.isfinite(seen.scores), -seen.violations, np.nan)

    return score

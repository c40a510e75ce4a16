"""Pruning: stopping a trial after a window where those of earlier batches did better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from wfo.arguments import instance, rebuilt
from wfo.errors import InputError
from wfo.search.objective.figures import shipped
from wfo.search.objective.objective import Objective
from wfo.search.objective.reading import Problems
from wfo.search.objective.scoring import Scoring
from wfo.search.objective.table import FigureTable
from wfo.search.values import FigureValues
from wfo.text import brief

if TYPE_CHECKING:
    from wfo.search.values import FloatArray

PruneBy = Literal["none", "median", "wilcoxon"]

PRUNERS: Final[tuple[PruneBy, ...]] = ("none", "median", "wilcoxon")


@dataclass(frozen=True, slots=True)
class Pruner:
    """Decides after each window whether a trial goes on.

    It compares with trials of whole earlier batches alone, so that what is decided does not depend
    on which trials of the same batch ended before. What it compares is what each window alone is
    worth (`Scoring.by_window`).

    Attributes
    ----------
    kind
        ``"none"``; ``"median"``: a trial is stopped whose mean over its windows is below the median
        of the means that earlier trials had over the same windows; ``"wilcoxon"``: a trial is
        stopped whose windows are worse than those of the best earlier trial, by a signed-rank test
        with a p below `p`, unless its mean is no worse.
    trials
        Earlier trials that were not pruned and have a score, at least.
    windows
        Windows that a trial has before it may be stopped, at least.
    p
        Of ``"wilcoxon"``: the threshold. With n windows no p is below 1 / 2^n.

    References
    ----------
    Wilcoxon (1945), "Individual comparisons by ranking methods", *Biometrics Bulletin* 1(6), 80-83;
    Pratt (1959) for windows without a difference.
    """

    kind: PruneBy = "none"
    trials: int = 10
    windows: int = 1
    p: float = 0.1

    def __post_init__(self) -> None:
        found = Problems()
        found.word("prune", self.kind, PRUNERS)
        for name in ("trials", "windows"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                found.add(name, f" = {brief(value)} must be a whole number, 1 or more")
        number = found.number("p", self.p, above=0)
        if number is not None and number > 0.5:
            found.add("p", f" = {number:g} must be at most 0.5")
        found.finish()

    @classmethod
    def make(cls, kind: str, objective: Objective) -> Pruner:
        """Return the pruner of that name, with the numbers that ship.

        Raises
        ------
        InputError
            If there is none, or the objective makes a Pareto set.
        """
        found = Problems()
        found.word("prune", kind, PRUNERS)
        found.finish()
        if kind != "none" and objective.several:
            raise InputError(
                f"prune = {kind!r} needs one objective, not {objective.count}: of several none says"
                " which trial is worse; use prune: none"
            )
        own = shipped("objective")["pruning"].get(kind, {})
        return cls(cast("PruneBy", kind), **own)

    def against(self, scoring: Scoring, earlier: FigureTable) -> Comparison:
        """Return what trials of a batch are compared with.

        Parameters
        ----------
        scoring
            With the bounds of today.
        earlier
            The trials of all whole earlier batches; it must not grow while a batch is compared.
        """
        return Comparison(self, scoring, earlier)

    def to_dict(self) -> dict[str, Any]:
        """Return the pruner as plain values, for the study's record."""
        return {"kind": self.kind, "trials": self.trials, "windows": self.windows, "p": self.p}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Pruner:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is something else.
        """
        return rebuilt("pruner", data, lambda values: cls(**values))


class Comparison:
    """What earlier batches came to, window by window, and what follows for a trial."""

    def __init__(self, pruner: Pruner, scoring: Scoring, earlier: FigureTable) -> None:
        import numpy as np

        self._pruner = pruner
        self._scoring = scoring
        self._earlier = earlier
        self._means: FloatArray = np.empty((0, 0))
        self._best: FloatArray = np.empty(0)
        if pruner.kind == "none" or not len(earlier):
            return
        values = scoring.by_window(earlier)
        whole = ~earlier.pruned & earlier.complete & np.isfinite(values).all(axis=1)
        if whole.sum() < pruner.trials:
            return
        own = values[whole]
        totals = np.zeros(len(own))
        self._means = np.empty_like(own)
        for at in range(own.shape[1]):
            totals = totals + own[:, at]
            self._means[:, at] = totals / (at + 1)
        scored = scoring.view(earlier)
        best = next((n for n in scored.order() if whole[n]), None)
        if best is not None:
            self._best = values[best]

    def decide(self, figures: Sequence[Mapping[str, FigureValues]]) -> bool:
        """Return whether a trial is to be stopped.

        Parameters
        ----------
        figures
            One item a window that it has had, from the first one on, each figures by symbol.
        """
        instance("figures", figures, Sequence, "a list of figures by symbol")
        count = len(figures)
        if not len(self._means) or not self._pruner.windows <= count < self._means.shape[1]:
            return False
        own = self._scoring.of_windows(figures, self._earlier)
        return self.worse(own.tolist())

    def worse(self, values: Sequence[float]) -> bool:
        """Return whether what a trial's windows are worth is worse than earlier trials' were."""
        import numpy as np

        if not all(map(math.isfinite, values)):
            # The mean of such a figure over all windows is undefined, whatever comes; but a
            # function of means may be defined where it is not in one window.
            return self._scoring.objective.kind != "function"
        count, total = len(values), 0.0
        for value in values:
            total += value
        if self._pruner.kind == "median":
            return total / count < float(np.median(self._means[:, count - 1]))
        best = self._best.tolist()
        if total / count >= sum(best) / len(best):
            return False
        differences = [own - other for own, other in zip(values, best, strict=False)]
        return signed_rank_p(differences) < self._pruner.p


def signed_rank_p(differences: Sequence[float]) -> float:
    """Return the p of Wilcoxon's signed-rank test that differences lie below 0, exactly.

    It is the share of all ways to give signs to the differences whose sum of positive ranks is no
    larger. Ties share the mean of their ranks, and the rank of a difference of 0 counts half for
    either sign.

    Parameters
    ----------
    differences
        Finite numbers; of none the p is 1.
    """
    import numpy as np

    values = np.asarray(differences, dtype=np.float64)
    if not len(values):
        return 1.0
    _, where, counts = np.unique(np.abs(values), return_inverse=True, return_counts=True)
    # Twice the mean rank, which is whole.
    doubled = (2 * (np.cumsum(counts) - counts) + counts + 1)[where]
    moving = doubled[values != 0]
    positive = int(doubled[values > 0].sum())
    # How many of all signs give each sum: each rank is added or not.
    ways = np.zeros(int(moving.sum()) + 1)
    ways[0] = 1.0
    for rank in moving.tolist():
        ways[rank:] = (ways[rank:] + ways[:-rank]) / 2 if rank else ways
        ways[:rank] /= 2
    return float(min(ways[: positive + 1].sum(), 1.0))

"""Scores, a view over stored figures: where bounds move, the scores of all trials move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wfo.arguments import instance, rebuilt
from wfo.errors import InputError
from wfo.search.objective.components import Component
from wfo.search.objective.figures import Aggregate, canonical, checked_aggregate
from wfo.search.objective.guardrails import Guardrails
from wfo.search.objective.limits import Limit, Limits, row_sums
from wfo.search.objective.objective import Objective
from wfo.search.objective.reading import Problems
from wfo.search.objective.table import FigureTable, How
from wfo.search.values import FigureValues

if TYPE_CHECKING:
    from wfo.search.values import BoolArray, FloatArray, IndexArray


@dataclass(frozen=True, slots=True)
class Scored:
    """All trials as they are scored today.

    Attributes
    ----------
    names
        Of the components.
    components
        What each component is worth, higher better, float64[n, components]: of weights the
        normalised figures, of which the score is the weighted mean; of one figure, the score.
    scores
        Higher is better; NaN of a trial without a score.
    violations
        How far figures lie beyond limits and guardrails, 0 where they keep to them; infinite of a
        failed trial.
    objectives
        Each to be maximised, float64[n, k]; of one objective the scores.
    limits
        The limits and guardrails, in words.
    beyond
        How far each figure lies beyond its limit, float64[n, limits].
    complete, pruned
        Which trials have figures, and which were stopped before their last window.
    """

    names: tuple[str, ...]
    components: FloatArray
    scores: FloatArray
    violations: FloatArray
    objectives: FloatArray
    limits: tuple[str, ...]
    beyond: FloatArray
    complete: BoolArray
    pruned: BoolArray

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def feasible(self) -> BoolArray:
        """Which trials have a score and keep to all limits."""
        import numpy as np

        found: BoolArray = np.isfinite(self.scores) & (self.violations == 0)
        return found

    def last(self) -> Scored:
        """Return the last trial as the only one."""
        own = slice(-1, None)
        return replace(
            self,
            components=self.components[own],
            scores=self.scores[own],
            violations=self.violations[own],
            objectives=self.objectives[own],
            beyond=self.beyond[own],
            complete=self.complete[own],
            pruned=self.pruned[own],
        )

    def order(self) -> IndexArray:
        """Return the numbers of trials, the best first.

        Those that keep to all limits come first, by their score, the Pareto set before the others;
        then those of them that were pruned; then all others by their violation, then by score;
        those that failed are last. Of equal ones the earlier is first.
        """
        import numpy as np

        scores = np.where(np.isnan(self.scores), -np.inf, self.scores)
        kind = np.where(self.feasible, np.where(self.pruned, 2, 1), 3)
        if self.objectives.shape[1] > 1:
            kind[self.front()] = 0
        return np.lexsort((-scores, self.violations, kind))

    def front(self) -> BoolArray:
        """Return which trials make the Pareto set: of those that keep to all limits, unpruned."""
        import numpy as np

        from wfo.search.objective.pareto import pareto_front

        allowed = self.feasible & ~self.pruned
        found = np.zeros(len(self), dtype=bool)
        found[allowed] = pareto_front(self.objectives[allowed])
        return found


class Scoring:
    """Scores figures by an objective, limits and guardrails.

    Parameters
    ----------
    objective, limits, guardrails
        What is looked for, and what is kept to.
    aggregate
        How figures of several symbols become one, ``"median"``, ``"mean"`` or ``"minimum"``; but
        for guardrails, which each symbol keeps to.
    symbols
        The symbols that figures must be of; empty where there are none.
    """

    def __init__(
        self,
        objective: Objective,
        limits: Limits | None = None,
        guardrails: Guardrails | None = None,
        aggregate: str = "median",
        symbols: Sequence[str] = (),
    ) -> None:
        self._objective: Objective = instance("objective", objective, Objective, "an Objective")
        self._limits: Limits = instance(
            "limits", Limits.default() if limits is None else limits, Limits, "Limits"
        )
        if guardrails is not None:
            instance("guardrails", guardrails, Guardrails, "Guardrails")
            # What `_replace` makes has not been checked.
            guardrails = Guardrails(*guardrails)
        self._guardrails = guardrails
        self._aggregate: Aggregate = checked_aggregate(aggregate)
        self._symbols = tuple(symbols)
        self._function = objective.load() if objective.kind == "function" else None
        # Trials at which bounds last moved, and the bounds by component.
        self._moved = 0
        self._scales: dict[str, tuple[float, float]] = {
            c.figure: (c.low, c.high)
            for c in objective.components
            if c.low is not None and c.high is not None
        }

    @property
    def objective(self) -> Objective:
        """What is looked for."""
        return self._objective

    @property
    def limits(self) -> Limits:
        """What is kept to."""
        return self._limits

    @property
    def guardrails(self) -> Guardrails | None:
        """What is always kept to."""
        return self._guardrails

    @property
    def figures(self) -> tuple[str, ...]:
        """The figures that are needed, by the names of `wfo.metrics` where they have one."""
        rules = self._rules + (self._guardrails.rules if self._guardrails else ())
        wanted = [c.figure for c in self._objective.components] + [r.figure for r in rules]
        return tuple(dict.fromkeys(map(canonical, wanted)))

    def require(self, names: Sequence[str]) -> None:
        """Raise unless an evaluation gives all figures that are needed.

        Raises
        ------
        InputError
            With a line for each figure that lacks, and the one nearest to it.
        """
        found = Problems(self._objective.missing(names) + self._limits.missing(names))
        if self._guardrails is not None:
            found.lines += self._guardrails.missing(names)
        found.finish()

    def table(self) -> FigureTable:
        """Return an empty table for the figures that are needed."""
        return FigureTable(self.figures, self._aggregate, self._symbols, self._function)

    @property
    def bounds(self) -> dict[str, Any]:
        """The bounds of adaptive normalisation as plain values; empty of any other."""
        if self._objective.normalise != "adaptive":
            return {}
        scales = {name: list(ends) for name, ends in self._scales.items()}
        return {"trials": self._moved, "scales": scales}

    def restore(self, bounds: Mapping[str, Any]) -> None:
        """Go on with bounds that a study has stored.

        Raises
        ------
        InputError
            If they are no bounds of this objective.
        """
        if self._objective.normalise != "adaptive":
            if bounds:
                raise InputError("the study has bounds, which only adaptive normalisation has")
            return
        if not bounds:
            return
        names = set(self._objective.names)

        def build(values: Mapping[str, Any]) -> tuple[int, dict[str, tuple[float, float]]]:
            trials, scales = values["trials"], {}
            if isinstance(trials, bool) or not isinstance(trials, int) or trials < 0:
                raise ValueError("trials is no count")
            for name, ends in values["scales"].items():
                low, high = ends
                own = Component(str(name), low=low, high=high)
                if name not in names or own.low is None or own.high is None:
                    raise ValueError("scales of another objective")
                scales[own.figure] = (float(own.low), float(own.high))
            return trials, scales

        self._moved, self._scales = rebuilt("set of bounds", bounds, build)

    def update(self, table: FigureTable) -> dict[str, Any]:
        """Move the bounds of adaptive normalisation, where it is time to; called at batch ends.

        It is time where another `every` trials have come. Bounds are percentiles of the figures of
        all trials that have them, pruned ones left out; where these are equal, bounds stay. A
        figure without a reference scale has such bounds from the first batch on.

        Returns
        -------
        dict
            The bounds from now on.
        """
        import numpy as np

        if self._objective.normalise != "adaptive":
            return {}
        every = self._objective.every
        due = len(table) // every > self._moved // every
        for component in self._objective.components:
            if not due and component.figure in self._scales:
                continue
            values = self._column(table, component)[~table.pruned]
            values = values[np.isfinite(values)]
            if not len(values):
                continue
            low, high = np.percentile(values, self._objective.percentiles)
            if 1e-100 <= high - low <= 1e100:
                self._scales[component.figure] = (float(low), float(high))
        if due:
            self._moved = len(table)
        return self.bounds

    def view(self, table: FigureTable) -> Scored:
        """Return all trials of a table as they are scored today."""
        import numpy as np

        count = len(table)
        raw = self._raw(table)
        components, scores = self._scores(raw)
        objectives = raw * self._signs if self._objective.several else scores[:, None]
        undefined = ~(np.isfinite(objectives).all(axis=1) & np.isfinite(scores))
        scores = np.where(undefined, np.nan, scores)
        objectives = np.where(undefined[:, None], np.nan, objectives)

        rules = self._rules
        beyond = _stacked([self._beyond(table, rule) for rule in rules], count)
        violations = self._limits.total(beyond)
        held = self._guardrails
        if held is not None:
            always = _stacked([_worst(table, rule, held.undefined) for rule in held.rules], count)
            violations = violations + row_sums(always)
            beyond = np.concatenate((beyond, always), axis=1)
        # What has no score violates the objective itself.
        violations = violations + np.where(undefined, self._limits.undefined, 0.0)
        violations = np.where(table.complete, violations, np.inf)
        said = (*map(str, rules), *(f"guardrail {rule}" for rule in (held.rules if held else ())))
        return Scored(
            self._objective.names,
            components,
            scores,
            violations,
            objectives,
            said,
            beyond,
            table.complete.copy(),
            table.pruned.copy(),
        )

    def by_window(self, table: FigureTable) -> FloatArray:
        """Return what each window of each trial alone is worth, float64[n, windows].

        Components are normalised by the bounds of today; by rank, among the same window of the
        other trials. NaN of a window that a trial has not had, or without a score.
        """
        import numpy as np

        if self._objective.kind == "function":
            return table.scores_by_window()
        columns = [
            table.by_window(c.figure, self._how(c.direction == "minimise"))
            for c in self._objective.components
        ]
        count = int(table.windows.max(initial=0))
        found = np.full((len(table), count), np.nan)
        for at in range(count):
            found[:, at] = self._scores(np.stack([c[:, at] for c in columns], axis=1))[1]
        return found

    def of_windows(
        self, figures: Sequence[Mapping[str, FigureValues]], earlier: FigureTable
    ) -> FloatArray:
        """Return what each window of an unfinished trial is worth, as `by_window` counts.

        Parameters
        ----------
        figures
            One item a window so far, each figures by symbol.
        earlier
            Trials of earlier batches, among which ranks are taken.
        """
        import numpy as np

        own = self.table()
        own.append(figures)
        found: FloatArray
        if self._objective.normalise != "rank" or self._objective.kind == "figure":
            found = self.by_window(own)[0]
            return found
        found = np.full(len(figures), np.nan)
        for at in range(len(figures)):
            parts = [
                _rank_among(self._window(earlier, c, at), self._window(own, c, at)[0])
                for c in self._objective.components
            ]
            found[at] = _weighted(np.array([parts]), self._weights)[0]
        return found

    def _window(self, table: FigureTable, component: Component, at: int) -> FloatArray:
        """Return a component's figures in one window, higher better; none where no trial has it."""
        import numpy as np

        values = table.by_window(component.figure, self._how(component.direction == "minimise"))
        has = at < table.windows.max(initial=0)
        found: FloatArray = values[:, at] * component.sign if has else np.empty(0)
        return found

    def _how(self, minimised: bool) -> How:
        """Return how symbols become one: `minimum` is that of the worst one."""
        if self._aggregate != "minimum":
            return "middle"
        return "high" if minimised else "low"

    def _column(self, table: FigureTable, component: Component) -> FloatArray:
        return table.columns(component.figure, self._how(component.direction == "minimise"))

    def _raw(self, table: FigureTable) -> FloatArray:
        if self._objective.kind == "function":
            return table.function_scores[:, None].copy()
        return _stacked([self._column(table, c) for c in self._objective.components], len(table))

    @property
    def _rules(self) -> tuple[Limit, ...]:
        """The limits that are looked at."""
        return () if self._limits.mode == "none" else self._limits.rules

    @property
    def _signs(self) -> FloatArray:
        import numpy as np

        return np.array([c.sign for c in self._objective.components])

    @property
    def _weights(self) -> FloatArray:
        import numpy as np

        weights = np.array([c.weight for c in self._objective.components])
        # The largest first, so that no sum is beyond the numbers.
        weights = weights / weights.max()
        found: FloatArray = weights / weights.sum()
        return found

    def _scores(self, raw: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return components and scores of figures, float64[n, components]."""
        import numpy as np

        if self._objective.kind == "function":
            return raw, raw[:, 0].copy()
        signed = raw * self._signs
        if self._objective.kind == "figure":
            return signed, signed[:, 0].copy()
        found = np.empty_like(raw)
        with np.errstate(over="ignore", invalid="ignore"):
            for at, component in enumerate(self._objective.components):
                if self._objective.normalise == "rank":
                    found[:, at] = ranked(signed[:, at])
                else:
                    ends = self._scales.get(component.figure)
                    found[:, at] = _scaled(signed[:, at], component.sign, ends)
            return found, _weighted(found, self._weights)

    def _beyond(self, table: FigureTable, rule: Limit) -> FloatArray:
        how = self._how(rule.side == "at_most")
        return rule.beyond(table.columns(rule.figure, how), self._limits.undefined)


def ranked(values: FloatArray) -> FloatArray:
    """Return where each value stands among all, from 0 to 1; equal ones share the middle.

    NaN has no rank; a single value has 0.5.
    """
    import numpy as np

    found = np.full(len(values), np.nan)
    has = np.flatnonzero(np.isfinite(values))
    if not len(has):
        return found
    _, where, counts = np.unique(values[has], return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    places = (below + (counts - 1) / 2)[where]
    found[has] = places / (len(has) - 1) if len(has) > 1 else 0.5
    return found


def _rank_among(values: FloatArray, value: float) -> float:
    """Return where a value stands among others, from 0 to 1, as `ranked` with it among them."""
    import numpy as np

    if not np.isfinite(value):
        return float("nan")
    return float(ranked(np.append(values, value))[-1])


def _scaled(signed: FloatArray, sign: float, ends: tuple[float, float] | None) -> FloatArray:
    """Return figures by where they lie in a scale: 0 at its worse end, 1 at its better one."""
    # Without bounds all figures so far are equal, or none: any scale orders them.
    low, high = ends or (0.0, 1.0)
    worse = low if sign > 0 else -high
    found: FloatArray = (signed - worse) / (high - low)
    return found


def _weighted(components: FloatArray, weights: FloatArray) -> FloatArray:
    return row_sums(components * weights)


def _stacked(columns: Sequence[FloatArray], count: int) -> FloatArray:
    import numpy as np

    return np.stack(columns, axis=1) if columns else np.empty((count, 0))


def _worst(table: FigureTable, rule: Limit, undefined: float) -> FloatArray:
    """Return how far the worst symbol in the worst window lies beyond a guardrail."""
    how: How = "lowest" if rule.side == "at_least" else "highest"
    return rule.beyond(table.columns(rule.figure, how), undefined)

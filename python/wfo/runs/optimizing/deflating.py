"""Deflated Sharpe ratios of a search's best trials: how far luck alone spreads such ratios."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import wfo.search
from wfo.errors import InputError
from wfo.runs.optimizing.found import BestTrial
from wfo.runs.optimizing.preparing import Prepared
from wfo.search.evaluating.kernels import StrategyEvaluator
from wfo.search.space import SearchSpace
from wfo.yaml_text import read_yaml

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drawing:
    """How random points are drawn whose Sharpe ratios say how far luck spreads them.

    Attributes
    ----------
    points
        How many are wanted.
    rounds, again
        How often points are drawn until constraints allow so many, and how many at a time after the
        first.
    """

    points: int
    rounds: int
    again: int

    @classmethod
    def shipped(cls) -> Drawing:
        """Return that of ``search/defaults/driver.yaml``."""
        path = Path(wfo.search.__file__).parent / "defaults" / "driver.yaml"
        found = read_yaml(path, str(path), missing=f"there is no {path}; install wfo again")
        return cls(**found["deflating"])


def deflated(
    prepared: Prepared,
    evaluator: StrategyEvaluator,
    rows: Sequence[FloatArray],
    best: Sequence[BestTrial],
    trials: int,
) -> list[BestTrial]:
    """Return the best trials with their deflated Sharpe ratios, in-sample.

    How far luck spreads Sharpe ratios is taken of random points of the space. Of several windows
    and symbols the lowest ratio counts.

    Parameters
    ----------
    prepared, evaluator
        What was searched.
    rows
        The points of the best trials in the whole space, float64[d] each.
    best
        The same trials.
    trials
        How many they are the best of.
    """
    import numpy as np

    from wfo.stats import deflated_sharpe, sharpe_moments

    space, seed = prepared.plan.space, prepared.plan.seed
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(9,))))
    drawn: dict[tuple[int, str], list[float]] = {}
    for windows in evaluator.returns_of(_drawn(space, rng, Drawing.shipped())):
        for place, returns in _by_place(windows):
            drawn.setdefault(place, []).append(_sharpe(returns))
    variances = {
        place: float(np.nanvar(values, ddof=1))
        for place, values in drawn.items()
        if np.isfinite(values).sum() > 1
    }
    found = []
    own = evaluator.returns_of(np.array(rows, np.float64))
    for windows, trial in zip(own, best, strict=True):
        ratios = []
        for place, returns in _by_place(windows):
            try:
                moments = sharpe_moments(returns)
                ratios.append(deflated_sharpe(moments, variances.get(place, math.nan), trials))
            except InputError:
                # Too few returns, or an account that was lost.
                ratios.append(math.nan)
        known = bool(ratios) and all(map(math.isfinite, ratios))
        found.append(replace(trial, dsr=min(ratios) if known else math.nan))
    return found


def _drawn(space: SearchSpace, rng: np.random.Generator, drawing: Drawing) -> FloatArray:
    """Return random points that the constraints allow; fewer than asked for where most are not."""
    import numpy as np

    found, many = np.empty((0, len(space.dimensions))), drawing.points
    for _ in range(drawing.rounds):
        rows = space.repaired(space.sample(rng.random((many, len(space.dimensions)))))
        found = np.concatenate([found, rows[np.asarray(space.allowed(rows), bool)]])
        if len(found) >= drawing.points:
            break
        many = drawing.again
    return found[: drawing.points]


def _by_place(
    windows: Sequence[Mapping[str, FloatArray]],
) -> list[tuple[tuple[int, str], FloatArray]]:
    """Return the returns of a point with the window and the symbol that they are of."""
    return [((k, s), own) for k, window in enumerate(windows) for s, own in window.items()]


def _sharpe(returns: FloatArray) -> float:
    spread = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    return float(returns.mean()) / spread if spread > 0 else math.nan

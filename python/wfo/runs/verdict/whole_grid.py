"""What a verdict says of all combinations of a grid, from what the run has stored of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.errors import ResultsError
from wfo.files import mapped_values
from wfo.grid import Grid
from wfo.runs.folder import RunFolder
from wfo.runs.manifest import Manifest
from wfo.runs.market import Market
from wfo.runs.stage_alone.stated import Stated
from wfo.runs.verdict.record import Correlation, EfficiencyFigures, MeasureProfile
from wfo.sampling import sample_indices
from wfo.selection.profile import Profile
from wfo.sweeps import DenseStore
from wfo.sweeps.dense import npy_header

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.backtest.benchmark import Benchmark

    StoredArray = NDArray[np.float32]
    IndexArray = NDArray[np.int64]
    Pair = tuple[StoredArray, StoredArray]

#: Combinations that are sampled, and the stream.
SAMPLED, STREAM = 20_000, 5

_SAME = "one of the two is the same for all"


#: Figures whose profile a verdict states.
MEASURES = ("is_pnl", "oos_pnl", "oos_return")

#: Annual efficiency that TradeStation's optimizer asks for.
_REACHED = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class WholeGrid:
    """In- and out-of-sample profit over a whole grid.

    Attributes
    ----------
    places
        Folder of each phase's figures of all combinations; empty where the store does not have
        them.
    indices
        Flat indices of a uniform sample, int64[m], ascending; of a small grid all.
    sampled
        Profit in- and out-of-sample of the sample, float32[m], an item a phase.
    total
        Combinations of the grid.
    threads
        How many rank; no figure depends on it.
    """

    places: tuple[Path, ...]
    indices: IndexArray
    sampled: tuple[Pair, ...]
    total: int
    threads: int

    @classmethod
    def of(cls, folder: RunFolder, manifest: Manifest, grid: Grid, market: Market) -> WholeGrid:
        """Return that of one grid of a run.

        Parameters
        ----------
        folder, manifest
            The run.
        grid
            What was searched.
        market
            Where a sample is swept that the store does not have.

        Raises
        ------
        ResultsError
            If stored figures are not those of the grid.
        """
        import numpy as np

        total, name = len(grid), grid.strategy.name
        indices = (
            np.arange(total)
            if total <= SAMPLED
            else np.unique(sample_indices(total, SAMPLED, STREAM))
        )
        if manifest.sweeps[name].store != DenseStore.kind:
            figures = market.stored(grid, indices)
            sampled = tuple((f.is_pnl, f.oos_pnl) for f in figures)
            return cls((), indices, sampled, total, market.threads)
        places = tuple(folder.sweep(name) / f"phase{each.number}" for each in manifest.phases)
        sampled = tuple(
            (before[indices], after[indices])
            for place in places
            for before, after in [_profits(place, total)]
        )
        return cls(places, indices, sampled, total, market.threads)

    @property
    def exact(self) -> bool:
        """Whether the sample is the whole grid."""
        return len(self.indices) == self.total

    def correlations(self, tick: Callable[[int], None] = lambda _: None) -> tuple[Correlation, ...]:
        """Return the rank correlation of in-sample with out-of-sample profit, an item a phase.

        Of all combinations where the store has them, else of the sample.

        Parameters
        ----------
        tick
            Called with 1 after every phase.
        """
        from wfo import _core

        exact = bool(self.places) or self.exact
        # One phase is mapped at a time: pages of a mapping count as memory.
        every = (_profits(place, self.total) for place in self.places)
        found = []
        for before, after in every if self.places else self.sampled:
            value = _core.rank_correlation(before, after, self.threads)
            known = math.isfinite(value)
            reason = "" if known else _SAME
            found.append(Correlation(value if known else None, len(before), exact, reason))
            tick(1)
        return tuple(found)

    def efficiency(self, benchmarks: Sequence[Benchmark]) -> EfficiencyFigures:
        """Return the walk-forward efficiency of the sample.

        Parameters
        ----------
        benchmarks
            Buy-and-hold of each phase, which has the lengths of its parts.
        """
        import numpy as np

        before, after = (
            np.stack([pair[part] for pair in self.sampled]).sum(axis=0, dtype=np.float64)
            for part in (0, 1)
        )
        longer = sum(b.is_bars for b in benchmarks) / sum(b.oos_bars for b in benchmarks)
        earned = before > 0
        raw = after[earned] / before[earned]
        some = bool(earned.any())
        return EfficiencyFigures(
            raw=float(np.median(raw)) if some else None,
            annual=float(np.median(raw) * longer) if some else None,
            reaching=float(np.count_nonzero(raw * longer >= _REACHED) / len(earned)),
            defined=float(earned.mean()),
            count=len(earned),
            exact=self.exact,
        )


def stated_profile(stated: Stated, phases: int) -> tuple[MeasureProfile, ...]:
    """Return the optimization profile that a run states of a strategy; empty without one.

    Parameters
    ----------
    stated
        What the run states.
    phases
        How many it has.

    Raises
    ------
    ResultsError
        If it states something else.
    """
    data = stated.item.get("profile")
    if data is None:
        return ()
    where = f"'profile' of {stated.name} in {stated.folder.manifest}"
    if not isinstance(data, Mapping):
        raise ResultsError(f"{where} must be an object; {stated.again}")
    try:
        profile = Profile.from_dict(data)
    except ResultsError as error:
        raise ResultsError(f"{where}: {error}; {stated.again}") from error
    if (profile.combinations, len(profile.phases)) != (len(stated.grid), phases):
        raise ResultsError(
            f"{where} is of {profile.combinations:,} combinations in {len(profile.phases)} phases,"
            f" not of {len(stated.grid):,} in {phases}; {stated.again}"
        )
    return tuple(
        MeasureProfile(
            phase=number,
            measure=name,
            median=spread.median,
            mean=spread.mean,
            deviation=spread.deviation,
            best=spread.best,
            profitable=spread.share,
            best_deviations=spread.best_distance,
        )
        for number, phase in enumerate(profile.phases, 1)
        for name in MEASURES
        for spread in [getattr(phase, name)]
    )


def _profits(place: Path, count: int) -> Pair:
    """Return profit in- and out-of-sample of all combinations in a phase, float32[n], mapped."""
    return _column(place / "is_pnl.npy", count), _column(place / "oos_pnl.npy", count)


def _column(path: Path, count: int) -> StoredArray:
    """Return a figure of all combinations, float32[n], mapped.

    Raises
    ------
    ResultsError
        If the file is missing, no such array, or of another length.
    """
    try:
        found: StoredArray = mapped_values(path, "<f4", count, npy_header("<f4", count))
    except (OSError, ValueError, EOFError) as error:
        raise ResultsError(
            f"{path} cannot be read: {error}; 'wfo run' computes it again"
        ) from error
    return found

"""What is looked at over a whole grid beside its scores: effects of parameters, and a sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.files import mapped_room, naming_the_file
from wfo.grid import Grid
from wfo.runs.fits import RESPONSE_BYTES
from wfo.runs.gathered import Gathered
from wfo.runs.market import Market
from wfo.selection.explained import Sensitivity
from wfo.selection.gates import Gates
from wfo.selection.sensitivity import sensitivity_of_effects
from wfo.sweeps import Block, SweepStore
from wfo.sweeps.store import Tick

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo import _core


class Sampled:
    """The figures of a uniform sample of a sweep that is stored.

    Parameters
    ----------
    kept
        The store.
    gathered
        The sample.
    """

    def __init__(self, kept: SweepStore, gathered: Gathered) -> None:
        self.gathered = gathered
        self._kept = kept

    @classmethod
    def of_store(cls, kept: SweepStore, market: Market, tick: Tick) -> Sampled:
        """Return the sample of a store that is complete: read from it, or swept anew.

        Parameters
        ----------
        kept
            The store.
        market
            Where a sample is swept that the store does not have.
        tick
            Called with the number of combinations that were read.
        """
        gathered = _gathered(kept, market)
        if kept.holds_all:
            kept.select(None, tick, beside=gathered.add)
        return Sampled(kept, gathered)

    def valid_phases(self, gates: Gates) -> NDArray[np.uint8]:
        """Return in how many phases each combination of the sample is valid, uint8[m]."""
        return self._kept.valid_phases(gates, self.gathered.block)


class Whole(Sampled):
    """Effects over all combinations of a grid, and the figures of a uniform sample.

    Parameters
    ----------
    grid
        What was swept.
    kept
        The store.
    effects, counted
        The sums, complete or to be added to, and which of their sets of gates rules.
    gathered
        The sample; complete, or to be taken from what passes.
    market
        For lines that are swept anew.
    responses
        Arrays that the responses of every combination are written into, int64[n] and uint8[n]; None
        where not every combination passes.
    """

    def __init__(
        self,
        grid: Grid,
        kept: SweepStore,
        effects: _core.Effects,
        counted: int,
        gathered: Gathered,
        market: Market,
        responses: tuple[NDArray[np.int64], NDArray[np.uint8]] | None,
    ) -> None:
        super().__init__(kept, gathered)
        self.grid = grid
        self._effects = effects
        self._counted = counted
        self._market = market
        self._responses = responses

    @classmethod
    def of(
        cls,
        kept: SweepStore,
        least: int,
        market: Market,
        folder: Path,
        response_bytes: int = RESPONSE_BYTES,
    ) -> Whole:
        """Return what is to be looked at of a store.

        Parameters
        ----------
        kept
            A store that is complete.
        least
            Phases in which a stable combination is valid.
        market
            Where a sample is swept that the store does not have.
        folder
            Where responses go that are too many for memory.
        response_bytes
            What each of the two responses may take of memory.
        """
        grid = kept.grid
        gathered = _gathered(kept, market)
        responses = None
        if kept.holds_all:
            responses = (
                _room(len(grid), "int64", folder, response_bytes),
                _room(len(grid), "uint8", folder, response_bytes),
            )
        effects = kept.effects(least)
        counted = 0 if kept.holds_all else kept.sets.index(kept.gates)
        return cls(grid, kept, effects, counted, gathered, market, responses)

    def add(self, start: int, block: Block) -> None:
        """Look at combinations from `start` on; each is seen once."""
        assert self._responses is not None  # noqa: S101  # only a store that holds all shows them
        self._effects.add(start, block, *self._responses, self._counted)
        self.gathered.add(start, block)

    def sensitivity(self, least: int) -> Sensitivity:
        """Return what each parameter does, by the gates that rule; once.

        Parameters
        ----------
        least
            Phases in which a stable combination is valid.
        """
        y, times = self._responses or (None, None)
        # They take as much memory as all candidates.
        self._responses = None
        market, grid = self._market, self.grid
        return sensitivity_of_effects(
            self._effects,
            grid,
            least=least,
            counted=self._counted,
            y=y,
            times=times,
            # Preparing an engine takes memory and time, which responses at hand make needless.
            evaluate=market.sweeps(grid) if y is None else None,
            threads=market.threads,
        )


def _gathered(kept: SweepStore, market: Market) -> Gathered:
    """Return the sample of a grid: its figures too, but where the store is to show them all."""
    import numpy as np

    gathered = Gathered(kept.grid, kept.phases)
    if not kept.holds_all:
        swept = kept.sampled
        if swept is None or not np.array_equal(swept[0], gathered.indices):
            swept = gathered.indices, market.stored(kept.grid, gathered.indices)
        gathered.block = list(swept[1])
    return gathered


def _room(count: int, dtype: str, folder: Path, most: int) -> Any:
    """Return an array of zeros: in memory up to so many bytes, or in a file that goes with it."""
    import numpy as np

    if count * np.dtype(dtype).itemsize <= most:
        return np.zeros(count, dtype)
    with naming_the_file(folder):
        return mapped_room(folder, dtype, count)

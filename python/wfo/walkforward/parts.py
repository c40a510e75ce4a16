"""In-sample parts swept together: which ones at a time, on which bars, in blocks of which size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wfo.backtest import BlockSizes, Evaluator, Feeds, Figures, choose_engine, largest_block
from wfo.backtest.checks import Bounds
from wfo.backtest.core import CompiledEngine
from wfo.backtest.engines import Chosen
from wfo.backtest.evaluate import iter_blocks
from wfo.backtest.figures import cell_bytes
from wfo.backtest.memory import available_memory
from wfo.backtest.spaces import GridSpace
from wfo.grid import Grid
from wfo.walkforward.history import History
from wfo.windows import WalkWindow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: First bar of an in-sample part, and one past its last.
Part = tuple[int, int]

#: Share of the memory that is left which choosing takes, and bytes that more would not speed up.
_SHARE, _MOST = 4, 1 << 32
#: Bytes that choosing takes where the system does not say how many are left.
_UNKNOWN = 1 << 30

#: Combinations that are worth a block of their own, whatever the engine.
_LEAST_BLOCK = 1 << 14

#: Phases that are swept at a time: from there on more share nothing further.
MOST_PHASES: Final = 240

#: What a standard figure takes beside what is stored: the engine writes float64 first.
_STORED_BYTES: Final = 20


def part_of(window: WalkWindow) -> Part:
    """Return the in-sample part of a window: what two windows have alike that choose alike."""
    return window.first, window.train_end


def room_of(memory: int | None) -> int:
    """Return the bytes that choosing may take, a share of what is left where that is None."""
    if memory is not None:
        return memory
    left = available_memory()
    return _UNKNOWN if left is None else min(left // _SHARE, _MOST)


@dataclass(frozen=True, slots=True, eq=False)
class Sweeper:
    """What sweeps a grid over phases of a history.

    Attributes
    ----------
    history, grid
        What is swept.
    extended
        Whether extended figures are wanted; else the standard ones come as they are stored.
    room
        Bytes that blocks under way may take.
    """

    history: History
    grid: Grid
    extended: bool
    room: int

    @property
    def chosen(self) -> tuple[str, str]:
        """The engine that computes, and why a faster one was passed over."""
        chosen = self._choose()
        return chosen.engine.name, chosen.reason

    @property
    def shares(self) -> bool:
        """Whether the engine shares work between phases.

        A kernel in Python computes each phase by itself, from the bars that it is handed. Alone in
        its sweep a part has no bar after its own there, whatever the kernel looks at.
        """
        return isinstance(self._choose().engine, CompiledEngine)

    def _choose(self) -> Chosen:
        strategy, settings = self.history.strategy, self.history.settings
        return choose_engine(
            "auto", strategy, settings, extended=self.extended, space=GridSpace(self.grid)
        )

    @property
    def cell(self) -> int:
        """Bytes of one combination in one phase of a block."""
        return cell_bytes(extended=self.extended) + (0 if self.extended else _STORED_BYTES)

    def evaluator(self, feeds: Feeds, bounds: Sequence[Bounds]) -> Evaluator:
        """Return the evaluator over phases of some bars."""
        history = self.history
        return Evaluator(
            history.strategy,
            feeds,
            self.grid,
            bounds,
            history.settings,
            threads=history.threads,
            figures="extended" if self.extended else "standard",
        )

    def sweep(
        self, feeds: Feeds, bounds: Sequence[Bounds], tick: Callable[[int], None]
    ) -> Iterator[tuple[int, list[Figures]]]:
        """Sweep the grid over phases, block by block, in flat index order.

        Parameters
        ----------
        feeds
            The bars, to the end of the last phase.
        bounds
            First trading bar, first out-of-sample bar and one past the last bar of each phase.
        tick
            Called after each block with its combinations times phases.

        Yields
        ------
        start
            First combination of the block.
        figures
            One item a phase.
        """
        largest = max(1, min(largest_block(), self.room // (self.cell * len(bounds))))
        sizes = BlockSizes(first=min(512, largest), largest=largest)
        stored = not self.extended
        for start, stop, block in iter_blocks(
            self.evaluator(feeds, bounds), stored=stored, sizes=sizes
        ):
            yield start, block
            tick((stop - start) * len(bounds))

    def most_phases(self, feeds: Feeds, bounds: Bounds) -> int:
        """Return how many phases can be swept at a time without cutting blocks too small.

        Parameters
        ----------
        feeds, bounds
            Any phase, and its bars.
        """
        if not self.shares:
            return 1
        fit = self.room // self.cell
        if fit >= MOST_PHASES * len(self.grid):
            return MOST_PHASES
        whole = max(self.evaluator(feeds, [bounds]).batch_multiple, _LEAST_BLOCK)
        return max(1, min(fit // min(whole, len(self.grid)), MOST_PHASES))


def sealed(feeds: Feeds, end: int) -> Feeds:
    """Return the bars before `end`, and a copy of the last of them.

    An engine wants a bar out-of-sample, and nothing that is chosen may see a real one.
    """
    import numpy as np

    return Feeds(
        {
            name: {
                key: np.concatenate([column[:end], column[end - 1 : end]])
                for key, column in feed.items()
            }
            for name, feed in feeds.items()
        }
    )


def in_sample_bounds(part: Part) -> Bounds:
    """Return the phase whose in-sample figures are those of a part.

    It has one out-of-sample bar, since an engine wants one; no in-sample figure depends on it.
    """
    first, end = part
    return first, end, end + 1

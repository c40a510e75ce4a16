"""Parameter sets on a history: figures of any of them, in any pieces, on whichever engine can."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.arguments import flag, items, whole, whole_number
from wfo.backtest.checks import (
    Bounds,
    check_grid,
    checked_bounds,
    checked_labels,
    need_of,
    thread_count,
)
from wfo.backtest.engines import choose_engine, single_engine
from wfo.backtest.feeds import Feeds, read_feeds
from wfo.backtest.figures import Choice, Figures, concatenate, is_extended, require_finite
from wfo.backtest.memory import available_memory
from wfo.backtest.spaces import GridSpace, SetSpace, Space
from wfo.default_grids import default_grid
from wfo.errors import InputError
from wfo.grid import Grid
from wfo.rules.parts import program_of
from wfo.rules.returned import returned_columns
from wfo.settings import AccountSettings
from wfo.strategy import Strategy, StrategyLike, get_strategy
from wfo.strategy.value import lookback_on
from wfo.text import brief, size_text
from wfo.windows import Phase

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: Figures, one item a phase.
PhaseFigures = list[Figures]

#: Combinations of a sample that are swept together.
_SAMPLE_BLOCK = 1 << 13


@dataclass(frozen=True, slots=True)
class BlockSizes:
    """How a sweep is cut into blocks; results do not depend on it.

    Attributes
    ----------
    seconds
        Time that a block should take. The default is short enough for Ctrl-C and a progress line,
        long enough for two batch multiples: rows of one have so much in common that cut ones cost
        more, and at the end of a single one threads wait for each other.
    first, largest
        Combinations of the first block, before any was timed, and of any block at most.
    clock
        Returns the time, in seconds from any start.

    Raises
    ------
    InputError
        If a block would hold no combination, or take no time.
    """

    seconds: float = 1.0
    first: int = 512
    largest: int = 1 << 21
    clock: Callable[[], float] = time.perf_counter

    def __post_init__(self) -> None:
        if self.seconds <= 0 or self.first < 1 or self.largest < self.first:
            raise InputError(
                f"blocks of {self.seconds} s, the first of {self.first} combinations, the largest"
                f" of {self.largest}; they need some time, and 1 <= first <= largest"
            )


_USUAL = BlockSizes()


#: Bytes a bar of what engines compute once for each length, or set of lengths that share
#: constraints: an average and such, a float64 each, at least.
_TABLE_BYTES = 8


def _require_room(grid: Grid, bars: int, room: int | None) -> None:
    """Raise unless what all combinations share, such as averages by length, fits memory.

    Raises
    ------
    InputError
        With what it takes, what there is, and what would do.
    """
    lengths = {p.name for p in grid.strategy.parameters if p.kind == "int"}
    tables = {
        names: length
        for names, length in zip(grid.axis_names, grid.lengths, strict=True)
        if lengths.intersection(names)
    }
    size = sum(tables.values()) * bars * _TABLE_BYTES
    returned = returned_bytes(grid, bars)
    if room is not None and returned > room:
        raise InputError(
            f"the columns that functions of {grid.strategy.name} return over {bars:,} bars take"
            f" {size_text(returned)} of memory, and {size_text(room)} are available; take fewer"
            " values of what they are called with"
        )
    if room is None or size <= room:
        return
    longest = max(tables, key=tables.__getitem__)
    raise InputError(
        f"the averages of {sum(tables.values()):,} lengths over {bars:,} bars take"
        f" {size_text(size)} of memory or more, and {size_text(room)} are available;"
        f" {', '.join(longest)}: {tables[longest]:,} of them, take wider steps"
    )


def returned_bytes(grid: Grid, bars: int) -> int:
    """Return the memory of all columns that functions of the user's return, which are kept."""
    program = program_of(grid.strategy)
    if program is None or not program.functions:
        return 0
    return returned_columns(program, grid.axes) * bars * _TABLE_BYTES


class Evaluator:
    """Figures of the combinations of a grid, over any phases, in any pieces and order.

    Parameters
    ----------
    strategy
        Name from `wfo.strategies`, a `Strategy`, or a class of rules or kernel that is one.
    feeds
        What the strategy reads, from `wfo.read_feeds`; of one that reads bars alone, their frame
        will do.
    grid
        A `Grid`, or the values of one; None for the grid that the ranges of a strategy's parameters
        make.
    phases
        First trading bar, first out-of-sample bar and one past the last bar of each phase, or
        phases as `Windows.resolve` returns them.
    settings
        Capital, costs, sizing and entry style.
    engine
        ``"auto"``, the fastest one that can, or the name of one.
    threads
        How many; by default one for each core that this process may use. Results do not depend on
        it.
    figures
        ``"standard"``, the six that a run stores, or ``"extended"``, all of the schema.
    labels
        One whole number from 0 on a bar, for sums by label; extended figures only.

    Attributes
    ----------
    engine
        The name of the engine that computes.
    reason
        Why a faster one was passed over; empty where none was.
    strategy, phases, settings
        What is computed, checked.
    label_count
        How many labels there are; 0 without any.

    Raises
    ------
    WfoError
        If anything given cannot be used; the message names it and what would do.
    """

    def __init__(
        self,
        strategy: StrategyLike,
        feeds: Feeds | Any,
        grid: Grid | Mapping[str, Any] | None,
        phases: Sequence[Bounds | Phase],
        settings: AccountSettings | None = None,
        engine: str = "auto",
        threads: int | None = None,
        figures: Choice = "standard",
        labels: ArrayLike | None = None,
    ) -> None:
        named = get_strategy(strategy)
        if grid is None:
            grid = default_grid(named, argument="grid=")
        if not isinstance(grid, Grid):
            grid = Grid(grid, strategy=named)
        check_grid(named, grid)
        read = feeds if isinstance(feeds, Feeds) else read_feeds(named, feeds)
        self._open(
            named, read, GridSpace(grid), need_of(grid, read), phases, settings, engine, threads,
            figures, labels,
        )  # fmt: skip

    @classmethod
    def of_sets(
        cls,
        strategy: StrategyLike,
        feeds: Feeds | Any,
        sets: Iterable[Mapping[str, Any]],
        phases: Sequence[Bounds | Phase],
        settings: AccountSettings | None = None,
        engine: str = "auto",
        threads: int | None = None,
        figures: Choice = "standard",
        labels: ArrayLike | None = None,
    ) -> Evaluator:
        """Return an evaluator of parameter sets that are no grid; set ``i`` is combination ``i``.

        Parameters
        ----------
        strategy, feeds, phases, settings, engine, threads, figures, labels
            As of the class.
        sets
            One dict a set, with a number for each parameter.
        """
        import numpy as np

        named = get_strategy(strategy)
        rows = [
            named.check_params(each)
            for each in items("sets", sets, Mapping, "dicts, a number for each parameter")
        ]
        if not rows:
            raise InputError("there are no parameter sets to evaluate")
        read = feeds if isinstance(feeds, Feeds) else read_feeds(named, feeds)
        need = max(
            lookback_on(named, {n: (v,) for n, v in zip(named.names, r, strict=True)}, read)
            for r in rows
        )
        found = cls.__new__(cls)
        space = SetSpace(np.array(rows, dtype=np.float64))
        found._open(named, read, space, need, phases, settings, engine, threads, figures, labels)
        return found

    def _open(
        self,
        strategy: Strategy,
        read: Feeds,
        space: Space,
        need: int,
        phases: Sequence[Bounds | Phase],
        settings: AccountSettings | None,
        engine: str,
        threads: int | None,
        figures: Choice,
        labels: ArrayLike | None,
    ) -> None:
        extended = is_extended(figures)
        if labels is not None and not extended:
            raise InputError("labels= goes with figures='extended'")
        used = strategy.settings_of(settings)
        bounds = [
            checked_bounds(split, warmup, need, read.bars, end, read.stamps)
            for warmup, split, end in _all_bounds(phases)
        ]
        first = min((w for w, *_ in bounds), default=0)
        given = checked_labels(labels, read.bars, first)
        if isinstance(space, GridSpace):
            _require_room(space.grid, read.bars, available_memory())
        chosen = choose_engine(engine, strategy, used, extended=extended, space=space)
        self.strategy = strategy
        self.phases = bounds
        self.engine = chosen.engine.name
        self.reason = chosen.reason
        self.settings = used
        self.label_count = 0 if given is None else given.count
        self._length = len(space)
        self._prepared = chosen.engine.prepare(
            strategy,
            read,
            space,
            used,
            bounds,
            thread_count(threads),
            extended=extended,
            labels=given,
        )

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return (
            f"Evaluator({self.strategy.name}, {len(self):,} combinations,"
            f" {len(self.phases)} phase{'' if len(self.phases) == 1 else 's'}, {self.engine})"
        )

    @property
    def batch_multiple(self) -> int:
        """Combinations that are best computed together; 1 where it makes no difference."""
        return self._prepared.batch_multiple

    @property
    def least_batch(self) -> int:
        """Combinations fewer than which cost several times as much each; 1 where none do."""
        return self._prepared.least_batch

    @property
    def worker_bytes(self) -> int | None:
        """Memory that each worker holds beside the results, in bytes; None if it is not known."""
        return self._prepared.worker_bytes

    def range(self, start: int, stop: int, *, stored: bool = False) -> PhaseFigures:
        """Return the figures of combinations ``start..stop``.

        Parameters
        ----------
        start, stop
            First combination, and one past the last.
        stored
            Whether they come in the types of result files: float32, and uint16 that stops at
            65,535.

        Returns
        -------
        list of Figures
            One item a phase; a figure is an attribute, as in ``found[0].oos_pnl``.

        Raises
        ------
        InputError
            If there are no such combinations.
        """
        first, end = whole(start), whole(stop)
        if first is None or end is None or not 0 <= first <= end <= len(self):
            raise InputError(
                f"combinations {brief(start)}..{brief(stop)} lie outside the grid, which has"
                f" {len(self)}"
            )
        found = self._prepared.run(first, end, stored=flag("stored", stored))
        return self._finite(found, lambda cell: first + cell)

    def list(self, indices: ArrayLike, *, stored: bool = False) -> PhaseFigures:
        """Return the figures of any combinations, in the order given, repeats allowed.

        Parameters
        ----------
        indices
            Flat indices, int64[m].
        stored
            As in `range`.

        Returns
        -------
        list of Figures
            One item a phase, m cells each.

        Raises
        ------
        InputError
            If there is no such combination.
        """
        numbers = self._numbers("indices", indices)
        found = self._prepared.run_list(numbers, stored=flag("stored", stored))
        return self._finite(found, lambda cell: int(numbers[cell]))

    def blocks(self, starts: ArrayLike, size: int, *, stored: bool = False) -> PhaseFigures:
        """Return the figures of blocks of consecutive combinations, one block after the other.

        Combinations that stand together in the flat index share work, so that blocks as large as
        the product of the last axes cost much less than as many single combinations.

        Parameters
        ----------
        starts
            First combination of each block, int64[b].
        size
            Combinations of a block.
        stored
            As in `range`.

        Returns
        -------
        list of Figures
            One item a phase, b · size cells each.

        Raises
        ------
        InputError
            If there are no such combinations.
        """
        length, numbers = whole(size), self._numbers("starts", starts)
        if length is None or length < 0:
            raise InputError(f"size = {brief(size)} must be a whole number, 0 or more")
        end = int(numbers.max(initial=0)) + length
        if numbers.size and end > len(self):
            raise InputError(
                f"combinations {end - length}..{end} lie outside the grid, which has {len(self)}"
            )
        found = self._prepared.run_blocks(numbers, length, stored=flag("stored", stored))
        return self._finite(found, lambda cell: int(numbers[cell // length]) + cell % length)

    def _finite(self, found: PhaseFigures, number: Callable[[int], int]) -> PhaseFigures:
        """Return figures, if all are numbers; `number` is that of the combination of a cell."""
        require_finite(found, lambda cell: f"combination {number(cell):,}")
        return found

    def _numbers(self, name: str, given: ArrayLike) -> IndexArray:
        """Return numbers of combinations as int64[m]; engines would cut fractions off."""
        import numpy as np

        try:
            numbers = np.asarray(given)
        except Exception:  # noqa: BLE001  # of lists of unequal lengths, and of foreign types
            raise InputError(
                f"{name} must be a list of whole numbers, not {brief(given)}"
            ) from None
        if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
            raise InputError(
                f"{name} must be a list of whole numbers, not of shape {numbers.shape}, type"
                f" {numbers.dtype}"
            )
        wrong = np.flatnonzero((numbers < 0) | (numbers >= len(self)))
        if wrong.size:
            raise InputError(
                f"{name}[{wrong[0]}] = {numbers[wrong[0]]} is no combination of the grid, which has"
                f" {len(self):,}, from 0 on"
            )
        return numbers.astype(np.int64)


def _all_bounds(phases: object) -> Iterator[Bounds]:
    """Yield the first trading bar, first out-of-sample bar and end of each phase.

    Raises
    ------
    InputError
        If they are something else.
    """
    for phase in items("phases", phases, (Phase, Sequence), "phases, or of (warmup, split, end)"):
        bounds = phase.bounds if isinstance(phase, Phase) else phase
        if isinstance(bounds, str) or len(bounds) != 3:
            raise InputError(f"a phase is (warmup, split, end), not {brief(phase)}")
        names = ("warmup", "split", "end")
        first, split, end = (whole_number(n, b) for n, b in zip(names, bounds, strict=True))
        yield first, split, end


def iter_sweep(
    feeds: Feeds,
    grid: Grid,
    settings: AccountSettings | None,
    bounds: Sequence[Bounds],
    engine: str = "auto",
    threads: int | None = None,
    *,
    spans: Sequence[tuple[int, int]] | None = None,
    stored: bool = False,
    figures: Choice = "standard",
    labels: ArrayLike | None = None,
    sizes: BlockSizes = _USUAL,
) -> Iterator[tuple[int, int, list[Figures]]]:
    """Sweep a grid block by block, in flat index order.

    Parameters
    ----------
    feeds, grid, settings, bounds, engine, threads, figures, labels
        What to sweep, and with what; see `Evaluator`.
    spans
        First combinations and ends of the stretches to sweep; by default the whole grid.
    stored
        Whether figures come in the types of result files.
    sizes
        How large the blocks are.

    Yields
    ------
    start, stop
        The combinations of the block.
    figures
        One item a phase.
    """
    evaluator = Evaluator(
        grid.strategy, feeds, grid, bounds, settings, engine, threads, figures, labels
    )
    return iter_blocks(evaluator, spans=spans, stored=stored, sizes=sizes)


def iter_blocks(
    evaluator: Evaluator,
    *,
    spans: Sequence[tuple[int, int]] | None = None,
    stored: bool = False,
    sizes: BlockSizes = _USUAL,
) -> Iterator[tuple[int, int, list[Figures]]]:
    """Evaluate block by block, in flat index order.

    The blocks are as large as a fraction of a second's work, so that progress can be shown, and an
    interrupt takes effect, between two of them. Those that are larger than the
    engine's batch multiple end with a whole one, but for the last of a span.

    Parameters
    ----------
    evaluator
        What to evaluate.
    spans
        First combinations and ends of the stretches; by default all of it.
    stored
        Whether figures come in the types of result files.
    sizes
        How large the blocks are.

    Yields
    ------
    start, stop
        The combinations of the block.
    figures
        One item a phase.
    """
    batch_multiple = evaluator.batch_multiple
    # What part of a batch multiple costs beside its combinations must not make blocks ever smaller.
    least = max(min(batch_multiple, sizes.first), min(evaluator.least_batch, sizes.largest))
    size = max(sizes.first, least)
    for first, end in ((0, len(evaluator)),) if spans is None else spans:
        start = first
        while start < end:
            stop = start + size
            # A batch multiple that is cut is prepared twice, so where whole ones fit, a block ends
            # with one.
            if size >= batch_multiple:
                stop -= stop % batch_multiple
            stop = min(stop, end)
            begun = sizes.clock()
            found = evaluator.range(start, stop, stored=stored)
            seconds = sizes.clock() - begun
            yield start, stop, found
            # At most four times the last block, since the first ones also fill caches.
            wanted = (stop - start) * sizes.seconds / max(seconds, 1e-6)
            size = int(max(least, min(wanted, 4 * size, sizes.largest)))
            start = stop


def sweep_sample(
    feeds: Feeds,
    grid: Grid,
    settings: AccountSettings | None,
    bounds: Sequence[Bounds],
    indices: IndexArray,
    threads: int | None = None,
    *,
    tick: Callable[[int], None] = lambda _: None,
) -> list[Figures]:
    """Return the figures of combinations anywhere in a grid, as result files hold them.

    They come from the direct engine where the strategy has one, since what is far apart shares
    nothing.

    Parameters
    ----------
    feeds, grid, settings, bounds, threads
        What to sweep, and with what.
    indices
        Flat indices, int64[m].
    tick
        Called with the number of combinations that were just finished.

    Returns
    -------
    list of Figures
        One item a phase, m cells each.
    """
    engine = single_engine(grid.strategy)
    evaluator = Evaluator(grid.strategy, feeds, grid, bounds, settings, engine, threads)
    parts = []
    for start in range(0, len(indices), _SAMPLE_BLOCK):
        piece = indices[start : start + _SAMPLE_BLOCK]
        parts.append(evaluator.list(piece, stored=True))
        tick(len(piece))
    return [concatenate(phase) for phase in zip(*parts, strict=True)]


def sweeping_engine(grid: Grid, settings: AccountSettings | None) -> str:
    """Return the name of the engine that `iter_sweep` takes by itself.

    Raises
    ------
    EngineError
        If none can.
    """
    used = grid.strategy.settings_of(settings)
    return choose_engine("auto", grid.strategy, used, space=GridSpace(grid)).engine.name


def largest_block() -> int:
    """Return the combinations that `iter_sweep` yields together at most."""
    return _USUAL.largest

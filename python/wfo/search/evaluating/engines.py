"""Figures of points in one window: of single combinations, or of whole blocks of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from wfo.backtest.engines import choose_engine, engines_of
from wfo.backtest.evaluate import Evaluator
from wfo.errors import InputError
from wfo.grid import Grid
from wfo.search.evaluating.figures import part_columns
from wfo.search.evaluating.windows import SymbolWindow, figures_choice
from wfo.settings import AccountSettings
from wfo.strategy.constraints import groups

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.backtest.figures import Figures
    from wfo.search.evaluating.blocks import BlockSpace
    from wfo.search.evaluating.figures import Part
    from wfo.search.evaluating.points import StrategyPoints
    from wfo.strategy import Strategy

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: Combinations of a grid have numbers up to here; batches whose values would make more are cut.
_MOST_COMBINATIONS = 1 << 62


class Engines:
    """What computes a space in windows, by one engine for singles and one for blocks.

    Which engine it is follows from the strategy and the space, never from a batch: two engines
    agree within rounding only.

    Parameters
    ----------
    points
        The space.
    settings
        Capital, costs, sizing and entry style.
    threads
        How many.
    extended
        Whether extended figures are computed in-sample.
    """

    def __init__(
        self,
        points: StrategyPoints,
        settings: AccountSettings | None,
        threads: int | None,
        *,
        extended: bool,
    ) -> None:
        self.points = points
        self.settings = points.strategy.settings_of(settings)
        self.threads = threads
        self.extended = extended
        self._grid: Grid | None = _whole_grid(points)
        self._kept: dict[tuple[int, str], Evaluator] = {}
        #: The engine of single combinations, which have the least to share, and that of blocks.
        self.single, self.swept, _ = engine_names(points.strategy, self.settings, extended=extended)

    def listed(self, window: SymbolWindow, rows: FloatArray) -> dict[str, FloatArray] | None:
        """Return in-sample figures of points of the space, float64[m] each.

        None where the space is no grid; `sets` has them then.

        Raises
        ------
        InputError
            If a constraint of the strategy forbids one.
        """
        if self._grid is None:
            return None
        numbers = self.points.numbers(rows)
        for at in (numbers < 0).nonzero()[0]:
            (params,) = self.points.space.decode(rows[at : at + 1])
            self.points.strategy.check_params(self.points.complete(params))
        (found,) = self._evaluator(window, self._grid, self.single).list(numbers)
        return self._columns(window, found, "is_")

    def sets(
        self,
        window: SymbolWindow,
        sets: Sequence[Mapping[str, Any]],
        part: Part = "is_",
        *,
        extended: bool | None = None,
    ) -> dict[str, FloatArray]:
        """Return figures of parameter sets in one part of a window, float64[m] each."""
        sealed = part == "is_"
        evaluator = Evaluator.of_sets(
            self.points.strategy,
            window.sealed if sealed else window.feeds,
            sets,
            [window.is_bounds if sealed else window.bounds],
            self.settings,
            self.single,
            self.threads,
            figures_choice(extended=self.extended if extended is None else extended),
        )
        (found,) = evaluator.range(0, len(sets))
        return self._columns(window, found, part)

    def blocks(
        self, space: BlockSpace, window: SymbolWindow, genes: Sequence[Mapping[str, Any]]
    ) -> dict[str, FloatArray]:
        """Return in-sample figures of blocks, float64[blocks · combinations] each."""
        pieces = self._block_pieces(space, window, genes)
        found = [self._columns(window, piece, "is_") for piece in pieces]
        if len(found) == 1:
            return found[0]
        import numpy as np

        return {name: np.concatenate([each[name] for each in found]) for name in found[0]}

    def sweep(self, windows: Sequence[SymbolWindow]) -> Evaluator | None:
        """Return what sweeps the whole space over windows of one symbol, as a run does.

        None where the space is no grid.
        """
        if self._grid is None:
            return None
        bounds = [(w, s, max(e, s + 1)) for w, s, e in (each.bounds for each in windows)]
        last = max(windows, key=lambda each: each.bounds[1])
        inside = max(end for *_, end in bounds) <= last.feeds.bars
        feeds = last.feeds if inside else last.sealed
        return Evaluator(
            self.points.strategy, feeds, self._grid, bounds, self.settings, "auto", self.threads
        )

    def _columns(self, window: SymbolWindow, found: Figures, part: Part) -> dict[str, FloatArray]:
        bars = window.is_bars if part == "is_" else window.oos_bars
        return part_columns(found, part, self.settings.capital, bars, window.bars_per_year)

    def _evaluator(self, window: SymbolWindow, grid: Grid, engine: str) -> Evaluator:
        """Return what evaluates a grid in-sample; that of the whole grid is kept."""
        key = (id(window), engine)
        if grid is self._grid and key in self._kept:
            return self._kept[key]
        evaluator = Evaluator(
            self.points.strategy,
            window.sealed,
            grid,
            [window.is_bounds],
            self.settings,
            engine,
            self.threads,
            figures_choice(extended=self.extended),
        )
        if grid is self._grid:
            self._kept[key] = evaluator
        return evaluator

    def _block_pieces(
        self, space: BlockSpace, window: SymbolWindow, genes: Sequence[Mapping[str, Any]]
    ) -> list[Figures]:
        import numpy as np

        grid = self._grid or self._grid_of(space, genes)
        if grid is None:
            half = len(genes) // 2
            return [
                piece
                for part in (genes[:half], genes[half:])
                for piece in self._block_pieces(space, window, part)
            ]
        first = {name: self.points.values_of(name)[at[0]] for name, at in space.digits.items()}
        starts = []
        for each in genes:
            params = self.points.complete({**each, **first})
            start = grid.find(params)
            if start is None:
                self.points.strategy.check_params(params)
                raise InputError(f"{dict(each)} is no point of the space")
            starts.append(start)
        # In ascending order neighbours share what the engine has prepared.
        numbers = np.array(starts, np.int64)
        order = np.argsort(numbers, kind="stable")
        evaluator = self._evaluator(window, grid, self.swept)
        (found,) = evaluator.blocks(numbers[order], space.size)
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        cells = (back[:, None] * space.size + np.arange(space.size)).ravel()
        return [type(found)(*(column[cells] for column in found))]

    def _grid_of(self, space: BlockSpace, genes: Sequence[Mapping[str, Any]]) -> Grid | None:
        """Return the smallest grid that has all these blocks; None if they are too far apart.

        Its combinations are never all computed.

        Raises
        ------
        InputError
            If even one block makes no grid.
        """
        values: dict[str, Any] = {}
        for name in self.points.strategy.names:
            if name in space.genes.names:
                values[name] = sorted({each[name] for each in genes})
            else:
                values[name] = self.points.values_of(name)
        try:
            size = 1
            for axis in values.values():
                size *= len(axis)
            if size > _MOST_COMBINATIONS:
                raise InputError("the grid has too many combinations")
            return Grid(values, strategy=self.points.strategy)
        except InputError:
            if len(genes) == 1:
                raise
            return None


class _Axes:
    """Which parameters are on each axis of a grid of a strategy, whatever their values."""

    def __init__(self, strategy: Strategy) -> None:
        at = {name: i for i, name in enumerate(strategy.names)}
        axes = groups(strategy.names, strategy.rules)
        self.positions = [[at[name] for name in names] for names, _ in axes]


class EngineNames(NamedTuple):
    """The engines for single combinations and for blocks, and why no faster one sweeps these."""

    single: str
    swept: str
    reason: str


def engine_names(strategy: Strategy, settings: AccountSettings, *, extended: bool) -> EngineNames:
    """Return the names of the engines that compute points of a strategy."""
    axes: Any = _Axes(strategy)
    chosen = choose_engine("auto", strategy, settings, extended=extended, space=axes)
    direct = engines_of(strategy).get("direct")
    # All figures are asked for after a search.
    if direct is not None and direct.lacks(strategy, settings, extended=True) is None:
        return EngineNames("direct", chosen.engine.name, chosen.reason)
    axes.positions = [list(range(len(strategy.names)))]
    single = choose_engine("auto", strategy, settings, extended=True, space=axes).engine.name
    return EngineNames(single, chosen.engine.name, chosen.reason)


def _whole_grid(points: StrategyPoints) -> Grid | None:
    """Return the grid of a space whose dimensions are all listed, unless it is too large for one.

    What a grid asks of its size is no fault of a space.
    """
    values = points.values()
    if values is None:
        return None
    try:
        return Grid(values, strategy=points.strategy)
    except InputError:
        return None

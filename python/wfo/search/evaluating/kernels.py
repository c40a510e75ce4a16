"""Built-in and registered strategies as what a search evaluates, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from wfo.backtest.feeds import Feeds
from wfo.errors import InputError, WfoError
from wfo.search.evaluating.beside import held_figures, returns_of_sets
from wfo.search.evaluating.blocks import BLOCK_FIGURES, BlockSpace, Valid, block_space
from wfo.search.evaluating.defaults import block_defaults
from wfo.search.evaluating.engines import Engines, engine_names
from wfo.search.evaluating.figures import (
    FIGURES,
    STANDARD,
    Part,
    checked_figures,
    needs_extended,
    with_aliases,
)
from wfo.search.evaluating.points import StrategyPoints
from wfo.search.evaluating.summaries import medians, neighbourhood_medians, shares
from wfo.search.evaluating.timing import sweep_seconds
from wfo.search.evaluating.windows import Bounds, SymbolWindow, symbol_windows
from wfo.search.objective import ALIASES
from wfo.search.values import FigureValues, Finished, Outcome, Params, Task
from wfo.settings import AccountSettings
from wfo.strategy import StrategyLike, get_strategy
from wfo.text import one_line
from wfo.windows import Phase

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.search.space import SearchSpace

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

_T = TypeVar("_T")

#: Figures by symbol of each window, as an outcome has them.
WindowFigures = tuple[Mapping[str, FigureValues], ...]

#: Returns the score of each of several combinations, by their figures; NaN where there is none.
Score = Callable[[Sequence[WindowFigures]], "FloatArray"]

#: A piece of a batch takes some so many seconds, so that what is finished can be kept, and an
#: interrupt takes effect, between two of them; results do not depend on it.
_PIECE_SECONDS = 0.5

#: Combinations of the first piece, and of any piece, whose extended figures take 420 bytes each.
_FIRST, _LARGEST = 1 << 13, 1 << 18

#: Characters of an error that a study keeps.
_LONGEST_ERROR = 1_000

#: Beside what an objective asks for, a block has these.
_BLOCK_ALWAYS = ("total_return", "max_drawdown", "trades")


class StrategyEvaluator:
    """Evaluates points of a space over a strategy's parameters, on in-sample bars alone.

    Parameters
    ----------
    strategy
        Name from `wfo.strategies`, a `Strategy`, or a class of rules or kernel that is one.
    feeds
        What the strategy reads by symbol, from `wfo.read_feeds`; of a strategy of two symbols the
        pairs have names, whichever they are.
    space
        Its dimensions are parameters of the strategy.
    phases
        By symbol, as many of each: phases of a schedule, or first trading bar, first out-of-sample
        bar and one past the last bar; the latter two are equal where nothing is kept out of sample.
    settings
        Capital, costs, sizing and entry style.
    threads
        How many; by default one for each core that this process may use. Results do not depend on
        it.
    figures
        What an objective and limits look at. Where a run's figures suffice for these, no others are
        computed, which is several times as fast.
    block
        How many dimensions are swept for each point, the last ones in the strategy's order, or
        ``"auto"``, which does without where an engine gains nothing by it; None for single
        combinations.
    valid
        Tells of columns of figures which combinations keep to the limits, for ``valid_share``; by
        default those with a trade and a profit. What it looks at is among `figures`.
    bars_per_year
        By symbol, what makes figures of one bar annual; by default it follows from the bars' dates.

    Attributes
    ----------
    whole
        The space that was given, with the constraints of the strategy.
    space
        What methods search: of blocks their genes, else the same.
    block
        How the space is cut into blocks; None without.
    note
        Why ``"auto"`` does without blocks; empty where it does not.
    symbols, windows, names
        As of `wfo.search.values.Evaluates`.
    combinations
        How many were computed so far; the windows and symbols of one are counted once.

    Raises
    ------
    WfoError
        If anything given cannot be used; the message names it and what would do.
    """

    def __init__(
        self,
        strategy: StrategyLike,
        feeds: Mapping[str, Feeds],
        space: SearchSpace,
        phases: Mapping[str, Sequence[Bounds | Phase]],
        settings: AccountSettings | None = None,
        *,
        threads: int | None = None,
        figures: Sequence[str] = (),
        block: str | int | None = None,
        valid: Valid | None = None,
        bars_per_year: Mapping[str, float] | None = None,
    ) -> None:
        named = get_strategy(strategy)
        self._points = StrategyPoints(named, space)
        self.whole: SearchSpace = self._points.space
        self._defaults = block_defaults()
        self._settings = named.settings_of(settings)
        extended = needs_extended(figures)
        self.block, self.note = self._cut(block, extended=extended)
        self.space: SearchSpace = self.whole if self.block is None else self.block.genes
        self._wanted = checked_figures(figures, BLOCK_FIGURES if self.block is not None else ())
        self._windows = symbol_windows(feeds, phases, self._points.need, bars_per_year)
        self._engines = Engines(self._points, self._settings, threads, extended=extended)
        self._valid: Valid = _has_profit if valid is None else valid
        self.symbols: tuple[str, ...] = tuple(self._windows)
        self.windows: int = len(next(iter(self._windows.values())))
        self.combinations = 0
        self._piece = _FIRST
        self._sweep_seconds: float | None = None

    @property
    def settings(self) -> AccountSettings:
        """Capital, costs and sizing."""
        return self._settings

    def _cut(self, block: str | int | None, *, extended: bool) -> tuple[BlockSpace | None, str]:
        if block == "auto":
            names = engine_names(self._points.strategy, self._settings, extended=extended)
            if names.single == names.swept:
                why = f" ({names.reason})" if names.reason else ""
                return None, (
                    f"no block: the engine {names.swept!r} computes one combination at a time, so"
                    f" that a block costs as much as all that is in it{why}"
                )
        return block_space(self._points, block, self._defaults)

    def __repr__(self) -> str:
        what = "points" if self.block is None else f"blocks of {self.block.size:,}"
        return f"StrategyEvaluator({self._points.strategy.name}, {what}, {self.windows} windows)"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the figures of an outcome."""
        aliases = tuple(name for name in self._wanted if name in ALIASES)
        if self.block is None:
            return (*(FIGURES if self._engines.extended else STANDARD), *aliases)
        own = (name for name in self._wanted if name not in BLOCK_FIGURES)
        return tuple(dict.fromkeys((*_BLOCK_ALWAYS, *own, *BLOCK_FIGURES)))

    def describe(self) -> dict[str, Any]:
        """Return how points are evaluated, as plain values, for the record of a study."""
        return {
            "strategy": self._points.strategy.name,
            "figures": "extended" if self._engines.extended else "standard",
            "engine": self._engines.single if self.block is None else self._engines.swept,
            "block": None
            if self.block is None
            else {
                "swept": list(self.block.swept),
                "combinations": self.block.size,
                "defined_share": self._defaults.defined_share,
            },
        }

    def close(self) -> None:
        """Nothing was started."""

    def evaluate(self, tasks: Sequence[Task], finished: Finished) -> None:
        """Evaluate tasks, and what `finished` returns as well, until none is left.

        Tasks of the same windows are computed together.

        Parameters
        ----------
        tasks
            Points of `space`.
        finished
            Called with each outcome.
        """
        waiting = list(tasks)
        while waiting:
            later: list[Task] = []
            groups: dict[tuple[int, ...], list[Task]] = {}
            for task in waiting:
                groups.setdefault(task.windows, []).append(task)
            for windows, group in groups.items():
                for outcome in self._in_pieces(windows, group):
                    following = finished(outcome)
                    if following is not None:
                        later.append(following)
            waiting = later

    def _in_pieces(self, windows: tuple[int, ...], tasks: Sequence[Task]) -> Iterator[Outcome]:
        size = 1 if self.block is None else self.block.size
        start = 0
        while start < len(tasks):
            piece = tasks[start : start + max(1, self._piece // size)]
            begun = time.perf_counter()
            found = list(self._outcomes(windows, piece))
            seconds = time.perf_counter() - begun
            start += len(piece)
            wanted = len(piece) * size * _PIECE_SECONDS / max(seconds, 1e-6)
            self._piece = int(max(1, min(wanted, 4 * self._piece, _LARGEST)))
            yield from found

    def _outcomes(self, windows: tuple[int, ...], tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Yield the outcomes of tasks; one that cannot be computed does not take others along."""
        begun = time.perf_counter()
        try:
            figures = self._figures(windows, tasks)
        except Exception as error:  # noqa: BLE001  # a kernel may be any function
            if len(tasks) > 1:
                half = len(tasks) // 2
                for part in (tasks[:half], tasks[half:]):
                    yield from self._outcomes(windows, part)
                return
            (task,) = tasks
            seconds = time.perf_counter() - begun
            yield Outcome(task.trial, windows, "failed", (), _said(error), seconds)
            return
        seconds = (time.perf_counter() - begun) / len(tasks)
        for task, each in zip(tasks, figures, strict=True):
            yield Outcome(task.trial, windows, "complete", each, seconds=seconds)

    def _figures(self, windows: tuple[int, ...], tasks: Sequence[Task]) -> list[WindowFigures]:
        if self.block is not None:
            return self._of_blocks(windows, tasks, self.block)
        import numpy as np

        rows = np.array([task.row for task in tasks], np.float64)

        def figures(window: SymbolWindow) -> list[FigureValues]:
            columns = self._engines.listed(window, rows)
            if columns is None:
                sets = [self._points.complete(task.params) for task in tasks]
                columns = self._engines.sets(window, sets)
            return _rows(with_aliases(columns, self._wanted))

        found = self._by_row(windows, len(tasks), figures)
        # Later windows of a point are tasks of their own where trials may be stopped.
        if 0 in windows:
            self.combinations += len(tasks)
        return found

    def _of_blocks(
        self, windows: Sequence[int], tasks: Sequence[Task], block: BlockSpace
    ) -> list[WindowFigures]:
        import numpy as np

        genes = [task.params for task in tasks]
        allowed = block.allowed(np.array([task.row for task in tasks], np.float64))
        counted = (
            np.full(len(tasks), block.size, np.int64) if allowed is None else allowed.sum(axis=1)
        )

        def figures(window: SymbolWindow) -> list[FigureValues]:
            columns = with_aliases(self._engines.blocks(block, window, genes), self._wanted)
            table = {name: c.reshape(len(tasks), block.size) for name, c in columns.items()}
            found = {
                name: medians(table[name], allowed, self._defaults.defined_share)
                for name in self.names
                if name not in BLOCK_FIGURES
            }
            valid = np.asarray(self._valid(table), np.bool_)
            found["valid_share"] = shares(valid, allowed)
            found["profitable_share"] = shares(table["total_return"] > 0, allowed)
            found["combinations"] = counted.astype(np.float64)
            return _rows(found)

        by_row = self._by_row(windows, len(tasks), figures)
        if 0 in windows:
            self.combinations += int(counted.sum())
        return by_row

    def _by_row(
        self,
        windows: Sequence[int],
        count: int,
        values: Callable[[SymbolWindow], Sequence[_T]],
    ) -> list[tuple[Mapping[str, _T], ...]]:
        """Return the values of each row, by window and symbol."""
        found = [
            {symbol: values(own[number]) for symbol, own in self._windows.items()}
            for number in windows
        ]
        return [
            tuple({symbol: rows[at] for symbol, rows in window.items()} for window in found)
            for at in range(count)
        ]

    # What is asked of the best points, after the search

    def in_sample(self, rows: FloatArray) -> list[WindowFigures]:
        """Return all in-sample figures of points of the whole space, as `out_of_sample` does."""
        return self._part(rows, "is_")

    def out_of_sample(self, rows: FloatArray) -> list[WindowFigures]:
        """Return all out-of-sample figures of points of the whole space.

        In a search of blocks each is a block of its own: its shares are 0 or 1.

        Parameters
        ----------
        rows
            Points of `whole`, float64[k, d].

        Returns
        -------
        list of tuple
            One item a point, each with an item a window: figures by symbol; without any where the
            window keeps no bar out of sample.
        """
        return self._part(rows, "oos_")

    def _part(self, rows: FloatArray, part: Part) -> list[WindowFigures]:
        sets = self._sets(rows)

        def figures(window: SymbolWindow) -> list[FigureValues]:
            if not sets or (part == "oos_" and not window.oos_bars):
                return [{} for _ in sets]
            return _rows(self._alone(self._engines.sets(window, sets, part, extended=True)))

        return self._by_row(range(self.windows), len(sets), figures)

    def _alone(self, columns: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Return figures of combinations each of which is a block of its own, as it were."""
        import numpy as np

        found = with_aliases(columns, self._wanted)
        if self.block is None:
            return found
        profitable = found["total_return"] > 0
        own = {
            "valid_share": np.asarray(self._valid(found), np.float64),
            "profitable_share": profitable.astype(np.float64),
            "combinations": np.ones(len(profitable)),
        }
        return found | own

    def _sets(self, rows: FloatArray) -> list[dict[str, Any]]:
        return [self._points.complete(params) for params in self.whole.decode(rows)]

    def buy_and_hold(self) -> tuple[WindowFigures, WindowFigures]:
        """Return the figures of buy-and-hold, in-sample and out-of-sample, by window and symbol."""
        found: tuple[list[dict[str, FigureValues]], ...] = ([], [])
        for number in range(self.windows):
            both: tuple[dict[str, FigureValues], ...] = ({}, {})
            for symbol, own in self._windows.items():
                for part, figures in zip(
                    both,
                    held_figures(own[number], self._engines.settings, self._wanted),
                    strict=True,
                ):
                    part[symbol] = figures
            for parts, each in zip(found, both, strict=True):
                parts.append(each)
        return tuple(found[0]), tuple(found[1])

    def returns(self, row: FloatArray, part: Part = "is_") -> tuple[Mapping[str, FloatArray], ...]:
        """Return the returns by period of a point of the whole space, as `returns_of` does."""
        import numpy as np

        (found,) = self.returns_of(np.asarray(row, np.float64)[None, :], part)
        return found

    def returns_of(
        self, rows: FloatArray, part: Part = "is_"
    ) -> list[tuple[Mapping[str, FloatArray], ...]]:
        """Return the returns by period of points of the whole space.

        A period is a day, or a longer bar; `wfo.stats.deflated_sharpe` takes them.

        Parameters
        ----------
        rows
            Points of `whole`, float64[k, d].
        part
            ``"is_"`` in-sample, ``"oos_"`` out-of-sample.

        Returns
        -------
        list of tuple
            One item a point, each with an item a window: float64[periods] by symbol, empty where a
            mark is not above 0, or the window has no such part.
        """
        import numpy as np

        strategy = self._points.strategy
        sets = [strategy.check_params(params) for params in self._sets(rows)]
        values = np.array(sets, np.float64).reshape(len(sets), len(strategy.names))

        def of(window: SymbolWindow) -> list[FloatArray]:
            engines = self._engines
            return returns_of_sets(
                strategy, window, values, engines.settings, part, engines.threads
            )

        return self._by_row(range(self.windows), len(sets), of)

    # Blocks

    def best_inside(self, row: FloatArray, score: Score) -> Params | None:
        """Return the combination of a block to hand on: the best by the median over its neighbours.

        A lone peak is luck more often than not. Neighbours are a step away in one swept dimension
        whose values have an order; the median is over the combination itself and those that the
        block has and the constraints allow, where one without a score counts as the worst. Of equal
        medians the better score of its own decides, then the earlier place in the grid.

        Parameters
        ----------
        row
            A point of `space`, float64[genes].
        score
            Returns the scores of combinations by their figures, as outcomes have them.

        Returns
        -------
        dict or None
            A value of every dimension of `whole`; None where no combination has a score.

        Raises
        ------
        InputError
            If the search is not of blocks.
        """
        import numpy as np

        if self.block is None:
            raise InputError("there is no block to choose from; the search is of single points")
        block = self.block
        rows = np.asarray(row, np.float64)[None, :]
        (genes,) = block.genes.decode(rows)
        allowed = block.allowed(rows)
        kept = np.arange(block.size) if allowed is None else np.flatnonzero(allowed[0])
        if not kept.size:
            return None

        def figures(window: SymbolWindow) -> list[FigureValues]:
            columns = self._alone(self._engines.blocks(block, window, [genes]))
            # Of tens of thousands of combinations the figures that are not asked for cost most.
            names = self._wanted or tuple(columns)
            return _rows({name: columns[name][kept] for name in names})

        scores = np.asarray(
            score(self._by_row(range(self.windows), len(kept), figures)), np.float64
        )
        strategy = self._points.strategy
        near = neighbourhood_medians(
            scores,
            {name: block.digits[name][kept] for name in block.swept},
            {name: len(self._points.values_of(name)) for name in block.swept},
            [
                name
                for name in block.swept
                if self._points.dimensions[name].ordered
                and strategy.parameter(name).kind != "choice"
            ],
        )
        own = np.where(np.isnan(scores), -np.inf, scores)
        if not np.isfinite(own).any():
            return None
        near = np.where(np.isnan(scores), -np.inf, near)
        best = np.lexsort((kept, -own, -near))[0]
        return block.params(genes, int(kept[best]))

    def sweep_seconds(self) -> float | None:
        """Return about how long a sweep of the whole space takes here, in seconds.

        A small piece is timed, once, on standard figures of all windows and symbols, as a run
        stores them; None where the space is no grid.
        """
        if self._sweep_seconds is not None:
            return self._sweep_seconds
        seconds = 0.0
        for own in self._windows.values():
            evaluator = self._engines.sweep(own)
            if evaluator is None:
                return None
            seconds += sweep_seconds(evaluator)
        self._sweep_seconds = seconds
        return seconds


def _said(error: Exception) -> str:
    """Return an error in one line of which a long one is cut, whatever raised it."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # of a foreign type
        text = "it cannot be shown"
    if not isinstance(error, WfoError):
        text = f"{type(error).__name__}: {text}"
    said = one_line(text[:_LONGEST_ERROR])
    return said if len(said) <= _LONGEST_ERROR else said[: _LONGEST_ERROR - 3] + "..."


def _has_profit(columns: Mapping[str, FloatArray]) -> BoolArray:
    found: BoolArray = (columns["total_return"] > 0) & (columns["trades"] > 0)
    return found


def _rows(columns: Mapping[str, FloatArray]) -> list[FigureValues]:
    names = tuple(columns)
    lists = (columns[name].tolist() for name in names)
    return [dict(zip(names, row, strict=True)) for row in zip(*lists, strict=True)]

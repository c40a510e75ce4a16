"""The compiled core. Its functions check their arguments: bad values raise `wfo.InputError`.

A mistake in the core or in a kernel, a panic, raises `wfo.EngineError`.

Everything may be called from several threads at once, and computes without the interpreter's lock.
Only objects that change are of one thread at a time: a second one gets a `RuntimeError`. Arrays
that a call reads are not to be written to until it returns. In a process that was forked everything
works on threads of its own, objects from before the fork too.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Accounts",
    "Effects",
    "Fills",
    "Gates",
    "GridStatistics",
    "Permutations",
    "Profile",
    "ProvisionalRanks",
    "Ranking",
    "RulesPermutations",
    "RulesProgram",
    "RulesSweep",
    "Selection",
    "Sketch",
    "SurvivorFilter",
    "Sweep",
    "__version__",
    "_panic",
    "build_info",
    "check_bars",
    "lacks",
    "line_squares",
    "orders",
    "performance_schema",
    "rank_correlation",
    "rules_lacks",
    "rules_orders",
    "rules_simulate",
    "schema",
    "simulate",
    "stable_line_squares",
    "strategies",
]
__version__: str

# Named series that a strategy reads, each feed with its columns by name.
_Feeds = list[tuple[str, dict[str, NDArray[np.float64]]]]

# Of each axis of a grid the positions of its parameters, and its rows, float64[positions of the
# axis, parameters]; rows may be lists of numbers as well.
_Axes = Sequence[tuple[list[int], NDArray[np.float64] | list[list[float]]]]

# Figures of some combinations over one phase in the types of the result files, float32[m] and
# uint16[m] in the order of the schema: is_pnl, oos_pnl, is_dd, oos_dd, is_trades, oos_trades. A
# block is one of these a phase.
_Stored = tuple[NDArray[Any], ...]

# What a strategy has beside these is read by its name.
class _Settings(Protocol):
    @property
    def capital(self) -> float: ...
    @property
    def slip(self) -> float: ...
    @property
    def fee(self) -> float: ...
    @property
    def sizing(self) -> str: ...
    @property
    def lot_size(self) -> float: ...

def build_info() -> list[tuple[str, str]]:
    """Return versions and build of the compiled module, as pairs."""

def strategies() -> list[tuple[str, list[str]]]:
    """Return the canonical parameter names of each strategy that the core knows."""

def check_bars(
    open: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
) -> None:
    """Raise unless the columns are bars: prices above 0, open and close within low and high."""

def schema() -> list[tuple[str, str]]:
    """Return all figures of a phase in order: name and kind, which is money, count, share or ratio.

    The first six are those that every sweep computes.
    """

def _panic(threads: int) -> None:
    """Panic on a pool of so many threads, or in the call itself where `threads` is 0, for tests.

    Raises
    ------
    EngineError
        From a pool, as of every panic of the core; a ``PanicException`` of PyO3 from the call.
    """

def rank_correlation(a: NDArray[np.float32], b: NDArray[np.float32], threads: int) -> float:
    """Return Spearman's rank correlation of two columns, float32[n] each, n up to 2^31.

    Equal values share the average of their ranks, zeros of both signs are equal, infinities are
    values like others. NaN where a column has one value only, is empty or has a NaN. Sums are of
    whole numbers and exact; it takes 12 bytes a value. No result depends on `threads`.
    """

def performance_schema() -> list[str]:
    """Return the names of the figures of a whole history, in order."""

def lacks(
    engine: str,
    strategy: str,
    settings: _Settings,
    extended: bool,
    dated: bool,
    axes: list[list[int]] | None = None,
    performance: bool = False,
) -> str | None:
    """Return why an engine cannot do what it is asked for, None where it can.

    Parameters
    ----------
    engine, strategy, settings
        As for `Sweep`.
    extended
        Whether all figures of the schema are wanted.
    dated
        Whether parameter sets take turns.
    axes
        The positions of the parameters of each axis, where a grid is swept.
    performance
        Whether the figures of a whole history are wanted.
    """

def simulate(
    engine: str,
    strategy: str,
    feeds: _Feeds,
    params: list[tuple[int, list[float]]],
    settings: _Settings,
    warmup: int,
    split: int,
    labels: NDArray[np.int64] | None = None,
    label_count: int = 0,
) -> tuple[
    dict[str, Any],
    dict[str, NDArray[Any]],
    NDArray[np.float64],
    tuple[NDArray[np.uint64], NDArray[np.float64]],
]:
    """Simulate one parameter set, or several that take turns, on the engine of that name.

    Parameters
    ----------
    engine
        "direct" or "factored".
    strategy
        A name from `strategies`.
    feeds
        What the strategy reads, n values a column.
    params
        First bar whose orders follow a set, and the values of the set in canonical order. The first
        bar is at most `warmup`, and the bars ascend.
    settings
        An object with the fields of the strategy's settings.
    warmup, split
        First trading bar and first out-of-sample bar.
    labels
        int64[n], from 0 to `label_count` exclusive at trading bars.
    label_count
        How many labels there are.

    Returns
    -------
    figures
        Every figure of the schema by name; with labels also ``label_sum_r`` and ``label_sum_r2``,
        float64[label_count].
    trades
        Columns of the closed trades, oldest first: ``side`` (int8, +1 or -1), ``entry_bar``,
        ``entry_price``, ``exit_bar``, ``exit_price``, ``pnl``.
    equity
        float64[n], the mark at every close, the capital before the first trading bar.
    reversals
        Bars with a reversal, uint64[r], and the mark at its fill, float64[r].
    """

def orders(
    strategy: str,
    feeds: _Feeds,
    params: list[float],
    settings: _Settings,
    warmup: int,
) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """Return state and orders in the bar after the last one; None where the kernel does not say.

    All bars from `warmup` on are traded first, with one parameter set, by the direct engine.

    Parameters
    ----------
    strategy, feeds, settings
        As for `simulate`.
    params
        The values of the set in canonical order.
    warmup
        First trading bar, up to n.

    Returns
    -------
    state
        ``side`` (1 long, -1 short, 0 flat), ``since`` (the bar since which it lasts),
        ``entry_price`` (None while flat), ``shares``, ``equity`` (after the last closed trade),
        ``mark`` (at the last close), ``ruined``, ``both_fill``.
    orders
        Of each order ``action``, ``kind``, ``level`` (None of a market order), ``shares``,
        ``obstacle`` (why it does not work; None if it does), ``obstacle_numbers`` (a value and what
        it must exceed, or None), ``fills_beyond`` (what its fill must lie above where it buys, and
        below where it sells; None where any will do).
    """

@final
class Sweep:
    """A grid over one history, computed in any pieces by a pool of threads.

    Parameters
    ----------
    engine, strategy, feeds, settings
        As for `simulate`.
    axes
        For each axis of the grid the positions of its parameters in canonical order, and its rows:
        one value a parameter in each. In the flat index the last axis varies fastest.
    phases
        First trading bar, first out-of-sample bar and end of each phase.
    threads
        How many; no figure depends on it.
    extended
        Whether `run`, `run_list` and `run_blocks` return all figures of the schema.
    labels, label_count
        As for `simulate`; the trading bars are those of any phase.
    """

    def __new__(
        cls,
        engine: str,
        strategy: str,
        feeds: _Feeds,
        axes: _Axes,
        settings: _Settings,
        phases: list[tuple[int, int, int]],
        threads: int,
        extended: bool = False,
        labels: NDArray[np.int64] | None = None,
        label_count: int = 0,
    ) -> Sweep: ...
    def __len__(self) -> int: ...
    @property
    def batch_multiple(self) -> int:
        """Combinations that are best computed together."""

    @property
    def least_batch(self) -> int:
        """Combinations fewer than which cost several times as much each."""

    @property
    def worker_bytes(self) -> int:
        """Memory that each worker holds beside the results, in bytes."""

    def run(self, start: int, stop: int) -> list[tuple[NDArray[Any], ...]]:
        """Return the figures of combinations ``start..stop``, one tuple a phase.

        They are in the order of the schema: money, shares and ratios as float64[m], counts as
        uint32[m]. An extended sweep with labels adds the sums of returns and of their squares by
        label, float64[m, label_count].
        """

    def run_list(self, indices: NDArray[np.uint64]) -> list[tuple[NDArray[Any], ...]]:
        """Return the same of any combinations, uint64[m], in any order, repeats allowed."""

    def run_blocks(self, starts: NDArray[np.uint64], size: int) -> list[tuple[NDArray[Any], ...]]:
        """Return the same of blocks of `size` consecutive combinations, one after the other."""

    def run_stored(self, start: int, stop: int) -> list[_Stored]:
        """Return the first six figures as result files hold them.

        Money is float32, counts are uint16 up to 65,535. What the engine writes first is kept for
        the next call, as large as for the largest one.
        """

    def run_list_stored(self, indices: NDArray[np.uint64]) -> list[_Stored]:
        """Return the stored figures of any combinations, uint64[m], in any order."""

    def run_blocks_stored(self, starts: NDArray[np.uint64], size: int) -> list[_Stored]:
        """Return the stored figures of blocks of `size` consecutive combinations."""

    def run_performance(self, start: int, stop: int) -> NDArray[np.float64]:
        """Return the figures of a whole history, of combinations ``start..stop``.

        They are those of all trading bars of the first phase, as if it had no boundary: one row a
        combination, float64[m, 35], in the order of `performance_schema`.

        Raises
        ------
        EngineError
            If the engine does not follow equity within bars.
        """

    def run_marks(self, indices: NDArray[np.uint64], at: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the equity of any combinations, uint64[m], in any order, at some closes.

        Each is one backtest of all trading bars of the first phase, as if it had no boundary: one
        row a combination, float64[m, k], its marks at the closes of the bars `at`, int64[k],
        ascending, all of them traded.

        Raises
        ------
        EngineError
            If the engine does not follow single combinations.
        """

@final
class Permutations:
    """Whole searches of a grid over bars whose moves stand in another order.

    Number 0 is the search over the real bars; number i from 1 on is the one over the bars of
    ``wfo.stats.permutation.permuted_feeds(..., seed=i - 1)``, equal to them to the last bit.
    Permuted are the moves of the bars from `first` to the end of the last phase.

    All figures are made of figures as result files hold them. A combination's total return is the
    sum over phases of ``log(1 + oos_pnl / (capital + is_pnl))``, -inf where the equity that an
    out-of-sample part begins with, or what is left of it, is not positive. Its excess is that less
    the same of buy-and-hold of the first symbol without lots. A median of an even number is the
    mean of the two in the middle.

    Where a search takes up to 64 MB, of a history of up to 131,072 bars, as many permutations run
    at a time as there are threads; otherwise one does, and its sweep takes all threads. A grid is
    swept in blocks, and beside a block 8 bytes of each combination are held.

    Parameters
    ----------
    engine, strategy, feeds, axes, settings, phases
        As for `Sweep`; at least one phase. What is checked once is checked on the real bars.
    threads
        How many; no figure depends on it, nor on how numbers are divided into calls.
    sets
        Sets of gates: what the efficiency must exceed, what multiple of the in-sample drawdown the
        out-of-sample one must be below, fewest trades, and what must lie above buy-and-hold's on
        the same bars: "return", "risk" or None.
    least
        Phases in which a stable combination is valid, at least, and in which one that trades does.
    first
        The first bar whose move trades its place, 1 at least.
    min_trades
        Closed out-of-sample trades of a phase in which a combination trades, at least.
    classes, block
        Restrictions of the orders, int64[n] and a number, as of `wfo.stats.permutation.move_order`.
    """

    def __new__(
        cls,
        engine: str,
        strategy: str,
        feeds: _Feeds,
        axes: _Axes,
        settings: _Settings,
        phases: list[tuple[int, int, int]],
        threads: int,
        *,
        sets: Sequence[tuple[float, float, int, str | None]],
        least: int,
        first: int,
        min_trades: int = 5,
        classes: NDArray[np.int64] | None = None,
        block: int = 0,
    ) -> Permutations: ...
    def __len__(self) -> int:
        """Return the number of combinations of the grid."""

    @property
    def concurrent(self) -> int:
        """How many permutations run at a time, given as many."""

    @property
    def worker_bytes(self) -> int:
        """Memory of each permutation that runs, in bytes, with one worker.

        What its sweep prepares for the whole grid, indicators and tables, comes beside it.
        """

    def columns(self) -> list[str]:
        """Return the names of the figures, in order.

        ``stable_1`` and so on, how many combinations are stable by each set; ``best_return`` and
        ``median_return``, of the total returns of all combinations; ``best_excess`` and
        ``median_excess``, of those that trade, NaN where none does; ``trading``, how many trade;
        ``held_return``, the total return of buy-and-hold.
        """

    def run(self, start: int, stop: int) -> NDArray[np.float64]:
        """Return the figures of permutations ``start..stop``, one row each, float64[m, figures].

        What a signal raises meanwhile, as an interrupt does, ends it within a block.

        Raises
        ------
        InputError
            If prices of a permutation go beyond the range of numbers.
        """

    def permuted(self, number: int) -> _Feeds:
        """Return the feeds of a permutation."""

    def held(self, number: int) -> NDArray[np.float64]:
        """Return buy-and-hold without lots in a permutation, one row a phase, float64[phases, 6].

        In currency is_pnl, oos_pnl, is_dd and oos_dd; then the out-of-sample return, and the
        out-of-sample profit by drawdown, that gates ask to exceed.
        """

# An operation, the places of its parts, its value and its text.
_Node = tuple[str, list[int], float, str]

# A kind, the nodes of its value and its condition, and whether it is in percent.
_Order = tuple[str, int | None, int | None, bool]

# A name, what computes a column, and what says how many bars later than its columns it begins.
_Function = tuple[str, Callable[..., Any], Callable[..., int]]

@final
class RulesProgram:
    """A program of rules, checked: the fields are those of `wfo.rules.program.Program`.

    Functions are called with the interpreter attached, from any thread: float64[n] for a column and
    `float` for a number.
    """

    def __new__(
        cls,
        parameters: list[str],
        nodes: list[_Node],
        *,
        long: list[_Order] = ...,
        short: list[_Order] = ...,
        exit_long: list[_Order] = ...,
        exit_short: list[_Order] = ...,
        reverse_to_long: int | None = None,
        reverse_to_short: int | None = None,
        both: int | None = None,
        same_bar: str = ...,
        risk: int | None = None,
        size: int | None = None,
        functions: list[_Function] = ...,
    ) -> RulesProgram: ...

def rules_lacks(
    engine: str,
    strategy: RulesProgram,
    settings: _Settings,
    extended: bool,
    dated: bool,
    axes: list[list[int]] | None = None,
    performance: bool = False,
) -> str | None:
    """Return why an engine cannot do what it is asked for of rules, as `lacks` does."""

def rules_simulate(
    engine: str,
    strategy: RulesProgram,
    feeds: _Feeds,
    params: list[tuple[int, list[float]]],
    settings: _Settings,
    warmup: int,
    split: int,
    labels: NDArray[np.int64] | None = None,
    label_count: int = 0,
) -> tuple[
    dict[str, Any],
    dict[str, NDArray[Any]],
    NDArray[np.float64],
    tuple[NDArray[np.uint64], NDArray[np.float64]],
]:
    """Simulate parameter sets of rules, as `simulate` does."""

def rules_orders(
    strategy: RulesProgram,
    feeds: _Feeds,
    params: list[float],
    settings: _Settings,
    warmup: int,
) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """Return what rules have working in the bar after the last one, as `orders` does."""

@final
class RulesSweep:
    """A grid of rules over one history, as `Sweep` is one of a strategy by name."""

    def __new__(
        cls,
        engine: str,
        strategy: RulesProgram,
        feeds: _Feeds,
        axes: _Axes,
        settings: _Settings,
        phases: list[tuple[int, int, int]],
        threads: int,
        extended: bool = False,
        labels: NDArray[np.int64] | None = None,
        label_count: int = 0,
    ) -> RulesSweep: ...
    def __len__(self) -> int: ...
    @property
    def batch_multiple(self) -> int:
        """Combinations that are best computed together."""

    @property
    def least_batch(self) -> int:
        """Combinations fewer than which cost several times as much each."""

    @property
    def worker_bytes(self) -> int:
        """Memory that each worker holds beside the results, in bytes."""

    def run(self, start: int, stop: int) -> list[tuple[NDArray[Any], ...]]:
        """Return the figures of combinations ``start..stop``, one tuple a phase."""

    def run_list(self, indices: NDArray[np.uint64]) -> list[tuple[NDArray[Any], ...]]:
        """Return the same of any combinations, uint64[m], in any order, repeats allowed."""

    def run_blocks(self, starts: NDArray[np.uint64], size: int) -> list[tuple[NDArray[Any], ...]]:
        """Return the same of blocks of `size` consecutive combinations, one after the other."""

    def run_stored(self, start: int, stop: int) -> list[_Stored]:
        """Return the first six figures as result files hold them."""

    def run_list_stored(self, indices: NDArray[np.uint64]) -> list[_Stored]:
        """Return the stored figures of any combinations, uint64[m], in any order."""

    def run_blocks_stored(self, starts: NDArray[np.uint64], size: int) -> list[_Stored]:
        """Return the stored figures of blocks of `size` consecutive combinations."""

    def run_performance(self, start: int, stop: int) -> NDArray[np.float64]:
        """Return the figures of a whole history, of combinations ``start..stop``."""

    def run_marks(self, indices: NDArray[np.uint64], at: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the equity of any combinations, uint64[m], in any order, at some closes."""

@final
class RulesPermutations:
    """Searches of a grid of rules on permuted bars, as `Permutations` are."""

    def __new__(
        cls,
        engine: str,
        strategy: RulesProgram,
        feeds: _Feeds,
        axes: _Axes,
        settings: _Settings,
        phases: list[tuple[int, int, int]],
        threads: int,
        *,
        sets: Sequence[tuple[float, float, int, str | None]],
        least: int,
        first: int,
        min_trades: int = 5,
        classes: NDArray[np.int64] | None = None,
        block: int = 0,
    ) -> RulesPermutations: ...
    def __len__(self) -> int:
        """Return the number of combinations of the grid."""

    @property
    def concurrent(self) -> int:
        """How many permutations run at a time, given as many."""

    @property
    def worker_bytes(self) -> int:
        """Memory of each permutation that runs, in bytes, with one worker."""

    def columns(self) -> list[str]:
        """Return the names of the figures, in order."""

    def run(self, start: int, stop: int) -> NDArray[np.float64]:
        """Return the figures of permutations ``start..stop``, one row each, float64[m, figures]."""

    def permuted(self, number: int) -> _Feeds:
        """Return the feeds of a permutation."""

    def held(self, number: int) -> NDArray[np.float64]:
        """Return buy-and-hold in a permutation, one row a phase, float64[phases, 6]."""

@final
class Fills:
    """Checked fills of some parameter sets, from `Accounts.fills`."""

@final
class Accounts:
    """Accounts over the bars of one symbol, which carry out fills that were decided elsewhere.

    Parameters
    ----------
    bars
        The feed ``bars``, with prices.
    settings
        Capital, costs, sizing and lots.
    threads
        How many; no figure depends on it.
    extended
        Whether `figures` computes the extended ones too.
    labels, label_count
        A label for each bar, int64[n], and how many there are.
    """

    def __new__(
        cls,
        bars: _Feeds,
        settings: _Settings,
        threads: int,
        extended: bool = False,
        labels: NDArray[np.int64] | None = None,
        label_count: int = 0,
    ) -> Accounts: ...
    def fills(
        self,
        bar: NDArray[np.int64],
        price: NDArray[np.float64],
        side: NDArray[np.int64],
        count: NDArray[np.int64],
        first: int,
        end: int,
    ) -> Fills | tuple[int, int, str]:
        """Check the fills of some sets.

        Parameters
        ----------
        bar, price, side
            Of each fill, one row of room a set, [m, room]: its bar, its raw price before slippage,
            and the position from it on, +1 long, -1 short, 0 flat.
        count
            Fills of each set, int64[m]; more than there is room for were lost.
        first, end
            First trading bar, one past the last.

        Returns
        -------
        Fills
            Or of the first that cannot be its set, its number in it, and what is wrong with it: a
            bar that is not traded or comes before that of the fill before, the third in a bar, a
            price outside of its bar, no side or that of the position already, or no room.
        """

    def figures(self, fills: Fills, split: int) -> list[tuple[NDArray[Any], ...]]:
        """Return the figures of all sets over their trading bars, one item; `split` parts them."""

    def performance(self, fills: Fills) -> NDArray[np.float64]:
        """Return the figures of all sets over their trading bars as a whole, float64[m, 35]."""

    def marks(self, fills: Fills, at: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the equity of all sets at the closes of the bars `at`, float64[m, T]."""

    def simulate(
        self, fills: Fills, split: int
    ) -> tuple[
        dict[str, Any],
        dict[str, NDArray[Any]],
        NDArray[np.float64],
        tuple[NDArray[np.uint64], NDArray[np.float64]],
    ]:
        """Return the first set in full, as the function `simulate` does."""

@final
class Gates:
    """What makes a combination valid in a phase; equal ones are equal.

    Parameters
    ----------
    wfe
        Out-of-sample by in-sample profit must exceed it.
    dd_ratio
        The out-of-sample drawdown must be below this multiple of the in-sample one.
    min_trades
        Trades closed out-of-sample, at least; up to 65,535.
    measure
        What a floor is of: "return", out-of-sample profit by the equity that the part begins with
        (-1 where that is not positive), "risk", out-of-sample profit by drawdown, or None.
    capital
        What every backtest starts with, in currency.
    floors
        What must be exceeded, float64, one a phase; NaN is not exceeded. Without a measure they do
        not matter.
    """

    def __new__(
        cls,
        wfe: float,
        dd_ratio: float,
        min_trades: int = 0,
        measure: str | None = None,
        capital: float = 0.0,
        floors: Sequence[float] = ...,
    ) -> Gates: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class GridStatistics:
    """Counts and distributions over a grid, filled in blocks of any size and order.

    Parameters
    ----------
    phases
        1 to 255.
    gates
        Of as many phases.
    axes
        Of each of the two map parameters the stride of its axis in the flat index, how many values
        it has, and which of them each position of that axis has, uint32[positions]. Empty where
        there is no map.
    threads
        How many; no count depends on it.
    """

    def __new__(
        cls,
        phases: int,
        gates: Gates,
        axes: Sequence[tuple[int, int, NDArray[np.uint32]]],
        threads: int,
    ) -> GridStatistics: ...
    def add(self, start: int | None, block: Sequence[_Stored]) -> None:
        """Count consecutive combinations from flat index `start` on; None: a sample without cells.

        After an error that is due to figures, an infinite profit, a part of the block is counted.
        """

    @staticmethod
    def add_to_all(
        by_set: Sequence[GridStatistics], start: int | None, block: Sequence[_Stored]
    ) -> None:
        """Do what `add` of each does, all at once, which takes less time.

        They are of as many phases; the threads are those of the first.
        """

    @property
    def gates(self) -> Gates:
        """The gates."""

    def __len__(self) -> int: ...
    @property
    def alone(self) -> list[list[int]]:
        """For each phase how many combinations pass each of the six gates on its own.

        They are profit in and out of sample, efficiency, drawdown under profit, drawdown in
        proportion, trades, and more than buy-and-hold; all pass a gate that is off.
        """

    @property
    def together(self) -> list[list[int]]:
        """For each phase how many combinations pass each gate and all before it."""

    @property
    def valid_phases(self) -> list[int]:
        """How many combinations are valid in 0, 1, 2 … phases."""

    @property
    def cells(self) -> NDArray[np.uint64]:
        """The same for every cell of the map, uint64[x, y, phases + 1]; empty without a map."""

    def ranking(self) -> Ranking:
        """Return the final ranks of all phases."""

    def provisional_ranks(self) -> ProvisionalRanks:
        """Return provisional ranks of all phases, there for every positive profit."""

    def merge(self, other: GridStatistics) -> None:
        """Add the counts of `other`, which has the same phases, gates and axes."""

    def to_bytes(self) -> bytes:
        """Return the statistics as bytes, the same for all that counted the same."""

    @staticmethod
    def from_bytes(data: bytes, threads: int) -> GridStatistics:
        """Rebuild what `to_bytes` returned; raise `wfo.InputError` for anything else.

        Bytes of an earlier version are refused too.
        """

# Of a figure: how many are defined, finite, above 0; quantiles at 5, 25, 50, 75 and 95 percent;
# mean, standard deviation, least, best.
_Spread = tuple[int, int, int, tuple[float, float, float, float, float], float, float, float, float]

@final
class Profile:
    """How each figure is distributed over a grid, counted in blocks of any size and order.

    Quantiles of money and returns are within one part in 512 of themselves; means and deviations
    are of values rounded to a part in 2^22 of the capital, or of 1 for returns. All else is exact.

    Parameters
    ----------
    phases
        1 to 255.
    capital
        What every backtest starts with, in currency, from 1e-30 to 1e30.
    threads
        How many; no count depends on it.
    """

    def __new__(cls, phases: int, capital: float, threads: int) -> Profile: ...
    def add(self, block: Sequence[_Stored]) -> None:
        """Count combinations, wherever in the grid they are, each of them once."""

    @property
    def capital(self) -> float:
        """The capital."""

    def __len__(self) -> int: ...
    def phases(self) -> list[list[tuple[str, _Spread]]]:
        """Return the distributions of each phase.

        They are those of ``is_pnl, oos_pnl, is_dd, oos_dd, oos_return, is_trades, oos_trades``;
        the return is profit by the equity that the part begins with, -1 where that is not positive.
        """

    def total(self) -> _Spread:
        """Return that of the sum over phases of the logarithms of one plus each return.

        It is minus infinity where a part begins or ends without equity.
        """

    def to_bytes(self) -> bytes:
        """Return the profile as bytes, the same for all that counted the same."""

    @staticmethod
    def from_bytes(data: bytes, threads: int) -> Profile:
        """Rebuild what `to_bytes` returned; raise `wfo.InputError` for anything else."""

# Sums of a response: of all combinations, for each axis by its values, and for each pair of axes by
# their values, those of the second varying faster.
_Sums = tuple[int, list[list[int]], list[list[int]]]

@final
class Effects:
    """Sums that a functional analysis of variance is made of, in blocks of any size and order.

    Two responses of every combination: the mean over phases of the annual out-of-sample return,
    ``(1 + oos_pnl / (capital + is_pnl)) ** exponent - 1``, and in how many phases it is valid. A
    phase counts as -1 where the equity that it begins with is not positive, or nothing is left.
    Returns are held as whole numbers, `unit` of which are 1; beyond 32 either way they count as 32.

    Parameters
    ----------
    lengths
        Positions on each axis of the flat index, the fastest axis last; 2^20 at most.
    capital
        What every backtest starts with.
    exponents
        One a phase.
    sets
        Up to 8 sets of gates.
    asked
        Valid phases asked of a stable combination. Counted are those valid in as many, in up to
        two less, and in one more.
    threads
        How many; no sum depends on it.
    """

    unit: float

    def __new__(
        cls,
        lengths: Sequence[int],
        capital: float,
        exponents: Sequence[float],
        sets: Sequence[Gates],
        asked: int,
        threads: int,
    ) -> Effects: ...
    def add(
        self,
        start: int,
        block: Sequence[_Stored],
        y: NDArray[np.int64] | None = None,
        times: NDArray[np.uint8] | None = None,
        counted: int = 0,
    ) -> None:
        """Add consecutive combinations from flat index `start` on, each of them once.

        Their returns go into `y`, int64[n] for all n of the grid, and in how many phases they are
        valid by set `counted` into `times`, uint8[n], where those are given.
        """

    def evaluate(
        self, block: Sequence[_Stored], counted: int = 0
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Return both responses of combinations anywhere, and add nothing."""

    def __len__(self) -> int: ...
    @property
    def lengths(self) -> list[int]:
        """Positions on each axis."""

    @property
    def thresholds(self) -> list[int]:
        """The numbers of valid phases that are counted."""

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The pairs of axes whose sums are kept, by position.

        Axes of a single value are in none. Of very long axes not all pairs are kept: those of few
        cells are, up to 2^18 cells together.
        """

    def returns(self) -> tuple[int, _Sums]:
        """Return the sum of the squares of the returns, and sums of the returns."""

    def stable(self, counted: int, least: int) -> _Sums:
        """Return how many combinations are valid in `least` phases or more by a set of gates."""

    def merge(self, other: Effects) -> None:
        """Add what `other` summed, of other combinations of the same grid by the same rules."""

    def to_bytes(self) -> bytes:
        """Return the sums as bytes, the same for all that summed the same; without the gates."""

    @staticmethod
    def from_bytes(data: bytes, sets: Sequence[Gates], threads: int) -> Effects:
        """Rebuild what `to_bytes` returned; raise `wfo.InputError` for anything else."""

def line_squares(y: NDArray[np.int64], lengths: Sequence[int], axis: int, threads: int) -> int:
    """Return the sum, over all lines along an axis, of the squares of their sums.

    Parameters
    ----------
    y
        int64[n], returns of all combinations as `Effects.add` writes them.
    lengths
        Positions on each axis of the flat index.
    axis
        Which axis, from 0 on.
    threads
        How many; the sum is exact.
    """

def stable_line_squares(
    times: NDArray[np.uint8], least: int, lengths: Sequence[int], axis: int, threads: int
) -> int:
    """Return the same of ``times >= least``, 0 or 1 for each combination."""

@final
class Ranking:
    """Final percentile ranks, phase by phase, as exact as those of a sort."""

    def __len__(self) -> int: ...
    @property
    def counts(self) -> list[int]:
        """How many profits are ranked in each phase."""

    def percentiles(self, phase: int, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return ``100 * average rank / count`` of `values`, float64[m], in a phase from 0 on.

        Raises
        ------
        InputError
            If a value was not counted.
        """

@final
class ProvisionalRanks:
    """Provisional percentile ranks: averages over profits within 1/4,096 of one another."""

    def stabilities(self, least: int, block: Sequence[_Stored]) -> NDArray[np.float64]:
        """Return provisional stability, float64[m]; NaN where valid in fewer than `least` phases.

        The gates are those of the statistics that the ranks were read from.
        """

    def deviation(self, ranking: Ranking) -> list[float]:
        """Return for each phase the largest difference from a final rank, over all profits."""

@final
class SurvivorFilter:
    """Passes combinations that may become candidates, while final ranks are not known.

    A combination passes if for any class ``(least, score)`` of any set it is valid by the set's
    gates in at least `least` phases and its provisional stability is `score` or more. Without
    provisional ranks every stability is enough.

    Parameters
    ----------
    sets
        Provisional ranks, gates and classes.
    threads
        How many.
    """

    def __new__(
        cls,
        sets: Sequence[tuple[ProvisionalRanks | None, Gates, Sequence[tuple[int, float]]]],
        threads: int,
    ) -> SurvivorFilter: ...
    def apply(self, start: int, block: Sequence[_Stored]) -> NDArray[np.uint8]:
        """Return records of those that pass, in flat index order; the first combination is `start`.

        A record is the flat index as uint64, and for each phase four float32 and two uint16 in the
        order of a block, little-endian and packed: 8 + 20 bytes a phase.
        """

@final
class Sketch:
    """How many outcomes all combinations are that are valid in some phases, in bounded memory.

    Combinations whose figures are equal in all phases are one outcome. Blocks come in any size and
    order, and a combination any number of times. At most about 65,536 outcomes are held for each
    number of valid phases.

    Parameters
    ----------
    phases
        How many there are.
    gates
        What makes valid.
    least
        The fewest valid phases that may be asked for.
    threads
        How many; no number depends on it.
    """

    def __new__(cls, phases: int, gates: Gates, least: int, threads: int) -> Sketch: ...
    def add(self, block: Sequence[_Stored]) -> None:
        """Add combinations."""

    @staticmethod
    def add_to_all(sketches: Sequence[Sketch], block: Sequence[_Stored]) -> None:
        """Add combinations to several sketches of the same phases at once."""

    @property
    def least(self) -> int:
        """The fewest valid phases that may be asked for."""

    def outcomes(self, least: int) -> tuple[float, float]:
        """Return how many outcomes are valid in at least `least` phases, and its standard error.

        The same as `Selection.outcomes` of one that has seen all of them. Both are NaN where
        nothing is held of very many.

        Raises
        ------
        InputError
            If `least` is below that of the sketch, or above the phases there are.
        """

    def to_bytes(self) -> bytes:
        """Return the sketch as bytes, the same for all of the same outcomes; without the gates."""

    @staticmethod
    def from_bytes(data: bytes, phases: int, gates: Gates, threads: int) -> Sketch:
        """Rebuild what `to_bytes` returned; raise `wfo.InputError` for anything else."""

@final
class Selection:
    """Scores the stable combinations of all blocks, in any order, and keeps the best.

    Stable ones are valid in at least `least` phases. Ties go to the lower flat index. At most about
    twice `kept` rows are held.
    """

    def __new__(
        cls,
        ranking: Ranking,
        gates: Gates,
        least: int,
        kept: int,
        threads: int,
    ) -> Selection: ...
    def add(self, start: int, block: Sequence[_Stored]) -> None:
        """Add consecutive combinations from flat index `start` on; their profits must be ranked."""

    def add_records(self, records: NDArray[np.uint8]) -> None:
        """Add what `SurvivorFilter.apply` returned."""

    @property
    def stable(self) -> int:
        """Stable combinations seen."""

    @property
    def outcomes(self) -> tuple[float, float]:
        """How many outcomes all stable combinations seen are, and the standard error of that.

        Combinations whose figures are equal in all phases are one outcome. The number is exact, but
        for equal hashes of 64 bits, where the error is 0; beyond 65,536 outcomes it is estimated.
        """

    def finish(
        self, axes: Sequence[tuple[int, int, NDArray[np.uint32]]] = ...
    ) -> dict[str, NDArray[Any]]:
        """Return the columns of the best, best first.

        ``index`` int64, ``Stability_Score`` float64, ``Phases_Valid`` uint8, and for each phase k
        ``Pk_IS_PnL, Pk_OOS_PnL, Pk_IS_DD, Pk_OOS_DD`` float32, ``Pk_IS_Trades, Pk_OOS_Trades``
        uint16, ``Pk_OOS_Rank`` float64, NaN where not valid. ``Outcome`` uint32 numbers those whose
        figures are equal from 1 on, in the order of their first rows, ``Outcome_Size`` uint32 is
        how many rows have it, and ``Outcome_Central`` uint8 is 1 for the row of each with the least
        sum over `axes` of steps to the others, of equals the first. The axes are those of all
        parameters, each as in `GridStatistics`.
        """

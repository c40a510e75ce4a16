"""The compiled core. Its functions trust nothing: bad values raise `wfo.InputError`."""

from collections.abc import Sequence
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Estimate",
    "Ranking",
    "Selection",
    "Sieve",
    "Sweep",
    "Tally",
    "__version__",
    "build_info",
    "check_bars",
    "lacks",
    "schema",
    "simulate",
    "strategies",
]
__version__: str

# Named series that a strategy reads, each feed with its columns by name.
_Feeds = list[tuple[str, dict[str, NDArray[np.float64]]]]

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

def lacks(
    engine: str,
    strategy: str,
    settings: _Settings,
    extended: bool,
    dated: bool,
    axes: list[list[int]] | None = None,
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

@final
class Sweep:
    """A grid over one history, computed in any pieces by its own pool of threads.

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
        axes: list[tuple[list[int], list[list[float]]]],
        settings: _Settings,
        phases: list[tuple[int, int, int]],
        threads: int,
        extended: bool = False,
        labels: NDArray[np.int64] | None = None,
        label_count: int = 0,
    ) -> Sweep: ...
    def __len__(self) -> int: ...
    @property
    def granule(self) -> int:
        """Combinations that are best computed together."""

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

@final
class Tally:
    """What is counted over all combinations, in blocks of any size and order.

    Parameters
    ----------
    phases
        1 to 255.
    wfe, dd_ratio
        Thresholds of the gates.
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
        wfe: float,
        dd_ratio: float,
        axes: Sequence[tuple[int, int, NDArray[np.uint32]]],
        threads: int,
    ) -> Tally: ...
    def add(self, start: int | None, block: Sequence[_Stored]) -> None:
        """Count consecutive combinations from flat index `start` on; None: a sample without cells.

        An error that is due to figures, an infinite profit, leaves a part of the block counted.
        """

    def __len__(self) -> int: ...
    @property
    def alone(self) -> list[list[int]]:
        """For each phase how many combinations pass each gate on its own."""

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

    def estimate(self) -> Estimate:
        """Return provisional ranks of all phases, there for every positive profit."""

    def merge(self, other: Tally) -> None:
        """Add what `other` counted, which has the same phases, gates and axes."""

    def to_bytes(self) -> bytes:
        """Return the tally as bytes, the same for all tallies that counted the same."""

    @staticmethod
    def from_bytes(data: bytes, threads: int) -> Tally:
        """Rebuild what `to_bytes` returned; raise `wfo.InputError` for anything else."""

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
class Estimate:
    """Provisional percentile ranks: averages over profits within 1/4,096 of one another."""

    def stabilities(self, least: int, block: Sequence[_Stored]) -> NDArray[np.float64]:
        """Return provisional stability, float64[m]; NaN where valid in fewer than `least` phases.

        The gates are those of the tally that this was made from.
        """

    def deviation(self, tally_or_ranking: Tally | Ranking) -> list[float]:
        """Return for each phase the largest difference from a final rank, over all profits."""

@final
class Sieve:
    """What of a block may become a candidate, while final ranks are not known.

    A combination passes if for any class ``(least, cut)`` it is valid in at least `least` phases
    and its provisional stability is `cut` or more. Without an estimate every cut is passed.
    """

    def __new__(
        cls,
        estimate: Estimate | None,
        wfe: float,
        dd_ratio: float,
        classes: Sequence[tuple[int, float]],
        threads: int,
    ) -> Sieve: ...
    def sift(self, start: int, block: Sequence[_Stored]) -> NDArray[np.uint8]:
        """Return records of those that pass, in flat index order; the first combination is `start`.

        A record is the flat index as uint64, and for each phase four float32 and two uint16 in the
        order of a block, little-endian and packed: 8 + 20 bytes a phase.
        """

@final
class Selection:
    """Scores the stable combinations of all blocks, in any order, and keeps the best.

    Stable ones are valid in at least `least` phases. Ties go to the lower flat index. At most about
    twice `kept` rows are held.
    """

    def __new__(
        cls,
        ranking: Ranking,
        wfe: float,
        dd_ratio: float,
        least: int,
        kept: int,
        threads: int,
    ) -> Selection: ...
    def add(self, start: int, block: Sequence[_Stored]) -> None:
        """Add consecutive combinations from flat index `start` on; their profits must be ranked."""

    def add_records(self, records: NDArray[np.uint8]) -> None:
        """Add what `Sieve.sift` returned."""

    @property
    def stable(self) -> int:
        """Stable combinations seen."""

    def finish(self) -> dict[str, NDArray[Any]]:
        """Return the columns of the best, best first.

        ``index`` int64, ``Stability_Score`` float64, ``Phases_Valid`` uint8, and for each phase k
        ``Pk_IS_PnL, Pk_OOS_PnL, Pk_IS_DD, Pk_OOS_DD`` float32, ``Pk_IS_Trades, Pk_OOS_Trades``
        uint16, ``Pk_OOS_Rank`` float64, NaN where not valid.
        """

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
    "simulate",
    "strategies",
]
__version__: str

# Open, high, low and close of the second symbol, where there is one.
_Second = (
    tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None
)

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

def simulate(
    engine: str,
    strategy: str,
    open: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    second: _Second,
    params: list[float],
    settings: _Settings,
    warmup: int,
    split: int,
) -> tuple[
    tuple[float, float, float, float, int, int],
    tuple[
        NDArray[np.int8],
        NDArray[np.uint64],
        NDArray[np.float64],
        NDArray[np.uint64],
        NDArray[np.float64],
        NDArray[np.float64],
    ],
    NDArray[np.float64],
]:
    """Simulate one parameter set on the engine called "direct" or "factored".

    Returns the six figures, the closed trades (side as +1 or -1, entry bar and price, exit bar and
    price, profit) and the equity, float64[n].
    """

@final
class Sweep:
    """A grid over one history, computed in any pieces by its own pool of threads."""

    def __new__(
        cls,
        engine: str,
        strategy: str,
        open: NDArray[np.float64],
        high: NDArray[np.float64],
        low: NDArray[np.float64],
        close: NDArray[np.float64],
        second: _Second,
        axes: list[list[float]],
        settings: _Settings,
        phases: list[tuple[int, int, int]],
        threads: int,
    ) -> Sweep: ...
    def __len__(self) -> int: ...
    @property
    def granule(self) -> int:
        """Combinations that are best computed together."""

    @property
    def worker_bytes(self) -> int:
        """Memory that each worker holds beside the results, in bytes."""

    def run(
        self, start: int, stop: int
    ) -> list[
        tuple[
            NDArray[np.float64],
            NDArray[np.float64],
            NDArray[np.float64],
            NDArray[np.float64],
            NDArray[np.uint32],
            NDArray[np.uint32],
        ]
    ]:
        """Return the six figures of combinations ``start..stop``, one tuple a phase."""

    def run_stored(self, start: int, stop: int) -> list[_Stored]:
        """Return the same as result files hold it: money as float32, trades as uint16 up to 65,535.

        What the engine writes first is kept for the next call, as large as for the largest one.
        """

    def run_list(self, indices: NDArray[np.uint64]) -> list[_Stored]:
        """Return the stored figures of any combinations, uint64[m], in any order, repeats allowed.

        Raises
        ------
        InputError
            If the engine is "factored", which runs ranges only, or an index is outside the grid.
        """

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

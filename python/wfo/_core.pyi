"""The compiled core. Its functions trust nothing: bad values raise `wfo.InputError`."""

from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Distribution",
    "Ranks",
    "Sweep",
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
    @property
    def max_stop_atr(self) -> float: ...
    @property
    def entry_style(self) -> str: ...

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

@final
class Distribution:
    """Counts of very many positive values, taken block by block in any order."""

    def __new__(cls) -> Distribution: ...
    def __len__(self) -> int: ...
    def add(self, values: NDArray[np.float32]) -> None:
        """Count `values`, float32[m], each finite and above 0."""

    def take_ranks(self) -> Ranks:
        """Move the counts into ranks; the distribution is empty afterwards."""

@final
class Ranks:
    """Percentile ranks among the values of a distribution."""

    def __len__(self) -> int: ...
    def percentiles(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return ``100 * average rank / count`` of `values`, float64[m]; each must be counted."""

"""Programs that use processes of their own."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any


def square(value: int) -> int:
    return value * value


def evaluate(params: dict[str, Any]) -> dict[str, float]:
    """Compute in a pool of processes that are started as a parameter says."""
    context = multiprocessing.get_context(params["start"])
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        return {"sharpe": sum(pool.map(square, range(4)))}

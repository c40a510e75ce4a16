"""A program that draws random numbers, of which only some are its own."""

from __future__ import annotations

import random
from typing import Any

import numpy as np


def draws(params: dict[str, Any], seed: int) -> dict[str, float]:
    """Draw from all generators that a program finds, and from the order of a set."""
    first = next(iter({f"name {k}" for k in range(1000)}))
    return {
        "sharpe": random.random(),
        "numpy": np.random.rand(),  # noqa: NPY002
        "own": np.random.default_rng(seed).random(),
        "set": int(first.split()[1]),
    }

"""Strategies of the tests' own, with any parameters and constraints; nothing computes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wfo.strategy import NumbaKernel, Number, Parameter, Strategy


def longest(values: Mapping[str, Sequence[Number]]) -> int:
    return max(int(max(axis)) for axis in values.values())


def strategy(*names: str, **options: Any) -> Strategy:
    """A strategy of whole numbers from 0 on."""
    parameters = tuple(Parameter(n, "int", 0, 1_000_000, f"the {n}") for n in names)
    given: dict[str, Any] = {
        "name": "toy",
        "title": "A toy",
        "parameters": parameters,
        "kernel": NumbaKernel("tests.nowhere"),
        "lookback": longest,
    }
    return Strategy(**(given | options))

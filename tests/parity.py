"""Comparing two engines, as the conformance suite does."""

from wfo.testing.compare import (
    COUNTS,
    MONEY,
    TOLERANCE,
    differences,
    extended_differences,
    figure_differences,
)

__all__ = [
    "COUNTS",
    "MONEY",
    "TOLERANCE",
    "differences",
    "extended_differences",
    "figure_differences",
]

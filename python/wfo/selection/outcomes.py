"""Equal outcomes: combinations whose stored figures are the same in all phases.

A parameter that changes no trade multiplies combinations without adding a result. Candidates carry
the number of their outcome and its size; printed lists show each outcome once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How many different outcomes the stable combinations are.

    Attributes
    ----------
    candidates
        Candidates, whose figures are compared with each other.
    known
        Outcomes that they are, exactly.
    total
        Outcomes that all stable combinations are; NaN where those that are no candidates
        were not counted.
    exact
        Whether `total` is exact. Otherwise it is estimated from a sample of all outcomes: those
        with a hash of their figures below a threshold.
    error
        Standard error of `total`, in outcomes; 0 where it is exact.
    """

    candidates: int
    known: int
    total: float
    exact: bool
    error: float

    @property
    def label(self) -> str:
        """The kind of the total, ``"exact"`` or ``"estimated"``; ``"unknown"`` without one."""
        if self.exact:
            return "exact"
        return "unknown" if math.isnan(self.total) else "estimated"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for the manifest; a total that is NaN is null."""
        known = self.label != "unknown"
        return {
            "candidates": self.candidates,
            "known": self.known,
            "total": self.total if known else None,
            "label": self.label,
            "error": self.error if known else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Outcomes:
        """Rebuild what `to_dict` returned."""
        total, error = (float("nan") if data[n] is None else data[n] for n in ("total", "error"))
        return cls(data["candidates"], data["known"], total, data["label"] == "exact", error)


def central(frame: pl.DataFrame) -> pl.DataFrame:
    """Return each outcome once, best first: its most central member.

    That is the member with the least sum, over the parameters, of grid steps to the others, among
    equals the one with the lower flat index. ``Outcome_Size`` is the size of its outcome.

    Parameters
    ----------
    frame
        Candidates, as `wfo.score` returns them.
    """
    import polars as pl

    return frame.filter(pl.col("Outcome_Central"))

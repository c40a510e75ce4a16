"""Sizes and intervals by which the stores of a sweep work."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wfo.errors import InputError
from wfo.selection.regions import SAMPLED
from wfo.text import brief

#: Combinations whose figures survivors keep, about: at least ten times the candidates.
KEPT = 20_000_000


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Sizes and intervals of a store; no figure depends on them.

    A sweep goes on only under the `block` and `kept` that it began with: both are in its files.

    Attributes
    ----------
    block
        Combinations of a block of a dense store, each with a line in the journal. By default 20 MB
        of figures for four phases.
    kept
        Combinations whose figures survivors keep, about.
    sample
        Combinations of the random sample that provisional ranks are read from; regions use the
        same by default.
    enough_stable
        Stable combinations of the sample from which on no class of fewer valid phases is kept.
    checksum_rows
        Records of survivors under one checksum.
    state_seconds, state_share
        Time between two states of survivors, which is the work that a kill costs: seconds, and a
        multiple of what writing a state takes, whichever is longer.

    Raises
    ------
    InputError
        If a value has another type, or is out of its range.
    """

    block: int = 1 << 18
    kept: int = KEPT
    sample: int = SAMPLED
    enough_stable: int = 100
    checksum_rows: int = 1 << 16
    state_seconds: float = 30.0
    state_share: float = 50.0

    def __post_init__(self) -> None:
        for name in ("block", "kept", "sample", "enough_stable", "checksum_rows"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(f"{name} = {brief(value)} must be a whole number, 1 or more")
        for name in ("state_seconds", "state_share"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and 0 <= value < math.inf):
                raise InputError(f"{name} = {brief(value)} must be a number, 0 or more")

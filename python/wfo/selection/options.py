"""How scoring works, apart from what it scores by: no score depends on the block size."""

from __future__ import annotations

from dataclasses import dataclass

from wfo.errors import InputError
from wfo.text import brief

#: Candidates kept, best first; the counts behind the plateaus cover all stable combinations.
KEPT = 2_000_000


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """How many candidates scoring keeps, and in which pieces it reads figures.

    Attributes
    ----------
    kept
        Candidates kept, best first; 0 keeps none.
    block
        Combinations read at a time. By default a tenth of a second's work at most, so that Ctrl-C
        takes effect.

    Raises
    ------
    InputError
        If a value is no whole number, or out of its range.
    """

    kept: int = KEPT
    block: int = 1 << 19

    def __post_init__(self) -> None:
        for name, value, least in (("kept", self.kept, 0), ("block", self.block, 1)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InputError(f"{name} = {brief(value)} must be a whole number, {least} or more")

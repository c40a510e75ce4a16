"""What messages call the rows of a file or a frame."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import polars as pl

#: Rows that a message names.
_NAMED: Final = 8


@dataclasses.dataclass(frozen=True)
class RowNames:
    """What to call each row in messages.

    Attributes
    ----------
    kind
        ``"line"`` for text files, ``"row"`` otherwise.
    numbers
        The number of each row, from 1.
    """

    kind: str
    numbers: Sequence[int]

    def one(self, index: int) -> str:
        """Return the name of one row, such as ``"line 17"``."""
        return f"{self.kind} {self.numbers[index]}"

    def many(self, indices: Iterable[int]) -> str:
        """Return the name of several rows, such as ``"lines 17, 18"``."""
        found = [str(self.numbers[i]) for i in itertools.islice(indices, _NAMED + 1)]
        more = ", …" if len(found) > _NAMED else ""
        return f"{self.kind}s {', '.join(found[:_NAMED])}{more}"

    def reversed(self) -> RowNames:
        """Return the names for the rows in the opposite order."""
        return RowNames(self.kind, self.numbers[::-1])

    def take(self, indices: pl.Series) -> RowNames:
        """Return the names of these rows, in the order of their indices from 0."""
        import numpy as np

        numbers = self.numbers
        if isinstance(numbers, range):
            found = numbers.start + numbers.step * indices.to_numpy().astype(np.int64)
        else:
            found = np.asarray(numbers)[indices.to_numpy()]
        return RowNames(self.kind, np.ascontiguousarray(found, dtype=np.int64).data)

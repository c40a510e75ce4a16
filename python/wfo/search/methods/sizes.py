"""How large a population is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wfo.search.space import SearchSpace


@dataclass(frozen=True, slots=True)
class Population:
    """The size of a population: a number, or what follows from the trials that there are for it.

    Attributes
    ----------
    given
        The size; None if it follows from the others.
    budget
        Trials of the search.
    generations
        How often the population could be evaluated with them.
    least, most
        Between which the size lies.
    of_batch
        It is no smaller than this share of a batch, so that large batches have many parents.
    """

    given: int | None
    budget: int
    generations: float
    least: int
    most: int
    of_batch: float

    def size(self, space: SearchSpace, batch: int) -> int:
        """Return it, for a space and a size of batches."""
        if self.given is not None:
            return self.given
        number = min(max(math.ceil(self.budget / self.generations), self.least), self.most)
        number = max(number, math.ceil(batch * self.of_batch))
        return number if space.size is None else max(min(number, space.size), 1)

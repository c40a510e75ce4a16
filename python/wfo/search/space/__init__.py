"""The space of a search: its dimensions, what is fixed, and what points must meet."""

from __future__ import annotations

from wfo.search.space.constraints import ParameterConstraint
from wfo.search.space.dimension import Dimension
from wfo.search.space.feasible import Leaves, left_by_constraints
from wfo.search.space.problems import Problems
from wfo.search.space.reading import read_space
from wfo.search.space.space import SearchSpace

__all__ = [
    "Dimension",
    "Leaves",
    "ParameterConstraint",
    "Problems",
    "SearchSpace",
    "left_by_constraints",
    "read_space",
]

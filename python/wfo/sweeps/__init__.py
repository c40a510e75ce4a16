"""Files of a sweep, in one of two stores.

A *dense* store holds the figures of every combination, a *survivors* store those of combinations
that can still become candidates, and statistics of all. Both are filled block by block in flat
index order, both can be killed at any moment and go on, and both feed the same scoring.
"""

from wfo.sweeps.dense import DenseStore
from wfo.sweeps.options import StoreOptions
from wfo.sweeps.store import Block, IndexRange, SweepStore
from wfo.sweeps.survivors import SurvivorStore

__all__ = ["Block", "DenseStore", "IndexRange", "StoreOptions", "SurvivorStore", "SweepStore"]

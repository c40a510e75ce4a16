"""What a sweep leaves on disk, in one of two stores.

A *dense* store holds the figures of every combination, a *survivors* store those that can still
become candidates and counts of all. Both are filled block by block in flat index order, both can be
killed at any moment and go on, and both feed the same scoring.
"""

from wfo.sweeps.dense import DenseStore
from wfo.sweeps.store import Block, Span, SweepStore
from wfo.sweeps.survivors import SurvivorStore

__all__ = ["Block", "DenseStore", "Span", "SurvivorStore", "SweepStore"]

"""How a run works, apart from what it computes: sizes of blocks, samples, and what is kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from wfo.backtest import BlockSizes
from wfo.selection.options import ScoreOptions
from wfo.sweeps import StoreOptions


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How the parts of a run work.

    Attributes
    ----------
    store
        Of the stores of its sweeps.
    score
        Of scoring.
    blocks
        How its sweeps are cut.
    """

    store: StoreOptions = field(default_factory=StoreOptions)
    score: ScoreOptions = field(default_factory=ScoreOptions)
    blocks: BlockSizes = field(default_factory=BlockSizes)

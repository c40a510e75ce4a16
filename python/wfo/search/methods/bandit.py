"""Successive halving over blocks of the space."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from wfo.search.methods.fresh import Asking, gather
from wfo.search.methods.ranking import costs
from wfo.search.methods.variation import Frame
from wfo.search.values import History, Proposal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wfo.search.space import SearchSpace

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: A block: the least and the largest digit or position of each dimension. Of an unordered one it
#: is a stretch of the values as written.
_Block = tuple[list[float], list[float]]

#: Trials that are looked at together.
_STRETCH = 1 << 12


@dataclass(frozen=True, slots=True)
class Bandit:
    """Blocks of the space are the arms of a bandit that successive halving plays.

    The space is cut into blocks, each gets as many random trials as the others, and those whose
    best trial is better than that of most stay (Karnin, Koren and Somekh 2013, "Almost optimal
    exploration in multi-armed bandits"). The last one is cut again; when nothing is left to cut,
    the whole space is. All trials in a block count for it, whatever proposed them.
    """

    name: ClassVar[str] = "bandit"
    learns: ClassVar[bool] = True

    asking: Asking
    #: Blocks that a block is cut into.
    arms: int
    #: One of how many blocks stays.
    keep: int
    #: Trials that each block gets in a round.
    trials: int
    #: Widths of a continuous dimension that are not cut any more, as a share of its range.
    narrow: float
    #: How far a block reaches beyond its cuts, as a share of its width.
    overlap: float

    def propose(
        self,
        space: SearchSpace,
        history: History,
        batch: int,  # noqa: ARG002  # as all methods are called
        size: int,
        rng: np.random.Generator,
        state: Mapping[str, Any],
    ) -> Proposal:
        """Propose random points of the blocks that are left; see `wfo.search.values.Method`."""
        since = int(state.get("since", 0))
        frame = Frame.of(space)
        whole: _Block = ([0.0] * len(frame.top), frame.top.tolist())
        blocks: list[_Block] = [(list(low), list(high)) for low, high in state.get("blocks", [])]
        begun = int(state.get("begun", since))
        if not blocks:
            blocks = self._cut(frame, whole, rng)
        elif len(history) - begun >= self.trials * len(blocks):
            blocks = self._halved(history, since, blocks)
            begun = len(history)
            if len(blocks) == 1:
                blocks = self._cut(frame, blocks[0], rng)
                if len(blocks) == 1:
                    blocks = self._cut(frame, whole, rng)
        low, high = (np.array(each, np.float64) for each in zip(*blocks, strict=True))
        # Where the last call ended, the turns go on.
        turn = int(state.get("turn", 0)) if begun == int(state.get("begun", -1)) else 0

        def draw(wanted: int, number: int) -> tuple[FloatArray, IndexArray]:
            nonlocal turn
            which = (turn + np.arange(wanted)) % len(blocks)
            turn = int((turn + wanted) % len(blocks))
            u = rng.random((wanted, len(frame.top)))
            # A digit has the same room in its block as the others.
            least, width = low[which], (high - low + frame.discrete)[which]
            rows = least + u * width
            rows = np.where(frame.discrete, np.minimum(np.floor(rows), high[which]), rows)
            if number:
                # Blocks may be used up: the others of their neighbourhood come next.
                frame.mutate(rows, 2.0 ** (number - 1), 1.0, rng)
            return rows, which

        rows, tags = gather(space, history.rows, size, self.asking, draw)
        told = {"since": since, "blocks": [list(b) for b in blocks], "begun": begun, "turn": turn}
        return Proposal(rows, tags, told)

    def _halved(self, history: History, since: int, blocks: list[_Block]) -> list[_Block]:
        """Return the blocks whose best trials are the best."""
        tier, cost = costs(history, since)
        order = np.lexsort((np.arange(len(tier)), cost, tier))
        rows = history.rows[since:][order]
        places = []
        for low, high in blocks:
            place = len(rows)
            # Mostly one of the first is inside.
            for start in range(0, len(rows), _STRETCH):
                some = rows[start : start + _STRETCH]
                inside = ((some >= low) & (some <= high)).all(axis=1)
                if inside.any():
                    place = start + int(np.argmax(inside))
                    break
            places.append(place)
        best = np.argsort(np.array(places), kind="stable")
        staying = sorted(best[: max(math.ceil(len(blocks) / self.keep), 1)].tolist())
        return [blocks[each] for each in staying]

    def _cut(self, frame: Frame, block: _Block, rng: np.random.Generator) -> list[_Block]:
        """Cut a block into halves along its widest dimensions, until there are enough."""
        blocks = [block]
        while len(blocks) < self.arms:
            low, high = (np.array(each, np.float64) for each in blocks[0])
            width = np.where(frame.top > 0, (high - low) / np.maximum(frame.top, 1e-300), 0.0)
            least = np.where(frame.discrete, 0.0, self.narrow)
            width[width <= least] = 0.0
            widest = np.flatnonzero(width >= width.max() * (1 - 1e-9))
            if not width.max() > 0:
                break
            # All blocks are alike, so one dimension cuts all of them.
            at = int(widest[rng.integers(len(widest))])
            blocks = [half for each in blocks for half in self._halves(frame, each, at)]
        return blocks

    def _halves(self, frame: Frame, block: _Block, at: int) -> list[_Block]:
        low, high = block
        if low[at] >= high[at]:
            return [block]
        middle = (low[at] + high[at]) / 2
        reach = (high[at] - low[at]) * self.overlap
        lower, upper = middle + reach, middle - reach
        if frame.discrete[at]:
            lower, upper = math.floor(lower), math.floor(upper) + 1
        lower, upper = min(lower, high[at]), max(upper, low[at])
        first = (low, [*high[:at], float(lower), *high[at + 1 :]])
        second = ([*low[:at], float(upper), *low[at + 1 :]], high)
        return [first, second]

"""Strategies as what a search evaluates: point by point, or in swept blocks, in this process.

`figures` says what there is of a combination and what each costs, `windows` keeps out-of-sample
bars from candidates, `points` fits a space to a strategy, `blocks` cuts it, `engines` computes,
`summaries` makes figures of blocks, `judging` scores what is in one, `beside` has what is looked at
after a search, `timing` says what a sweep would take, and `kernels` is the evaluator.
"""

from __future__ import annotations

from wfo.search.evaluating.blocks import BLOCK_FIGURES, BlockSpace
from wfo.search.evaluating.figures import FIGURES
from wfo.search.evaluating.judging import keeping_to, score_of
from wfo.search.evaluating.kernels import StrategyEvaluator
from wfo.search.evaluating.points import StrategyPoints

__all__ = [
    "BLOCK_FIGURES",
    "FIGURES",
    "BlockSpace",
    "StrategyEvaluator",
    "StrategyPoints",
    "keeping_to",
    "score_of",
]

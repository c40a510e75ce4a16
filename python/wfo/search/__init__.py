"""Search for what a grid is too large, too slow or too continuous to sweep.

A *space* says which points there are, a *method* proposes them in batches, an *evaluator* computes
figures of each in every window and symbol, an *objective* and *limits* make scores and violations
of the figures, and a *study* keeps all of it. `values` holds what these pass to each other, and
`driver` is the loop through them. Nothing here knows a strategy.
"""

"""What a search looks for and keeps to: objectives, limits, guardrails, scores and Pareto sets.

Figures of trials are kept in a `FigureTable`, and a `Scoring` makes scores, violations and
objectives of them, all trials at once: a score is a view, and moves where bounds do.
"""

from wfo.search.objective.components import Component
from wfo.search.objective.figures import (
    AGGREGATES,
    ALIASES,
    aggregated,
    canonical,
    impossible,
    known,
)
from wfo.search.objective.guardrails import Guardrails
from wfo.search.objective.limits import Limit, Limits
from wfo.search.objective.objective import Objective
from wfo.search.objective.pareto import (
    hypervolume,
    nondominated_ranks,
    pareto_front,
    reference_point,
)
from wfo.search.objective.pruning import PRUNERS, Comparison, Pruner, signed_rank_p
from wfo.search.objective.scoring import Scored, Scoring, ranked
from wfo.search.objective.table import FigureTable

__all__ = [
    "AGGREGATES",
    "ALIASES",
    "PRUNERS",
    "Comparison",
    "Component",
    "FigureTable",
    "Guardrails",
    "Limit",
    "Limits",
    "Objective",
    "Pruner",
    "Scored",
    "Scoring",
    "aggregated",
    "canonical",
    "hypervolume",
    "impossible",
    "known",
    "nondominated_ranks",
    "pareto_front",
    "ranked",
    "reference_point",
    "signed_rank_p",
]

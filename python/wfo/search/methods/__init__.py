"""Methods that propose points: pure functions of the history, as `wfo.search.values` says."""

from __future__ import annotations

from wfo.search.methods.catalogue import METHOD_NAMES, METHODS, make_method, method_errors
from wfo.search.methods.choosing import Choice, choose

__all__ = ["METHODS", "METHOD_NAMES", "Choice", "choose", "make_method", "method_errors"]

"""The store brought up to date from a source: the rules, and where each is kept.

Dates are exchange-local, and today is never asked for (`session_days`). What was answered is
covered, and not asked for again; what is missing is asked for with an overlap of stored sessions
(`ranges`). Sessions without a bar are believed for a while. What failed is not covered, and what
was answered before is kept (`one_series`). Where prices of the overlap differ, the whole history is
fetched anew in one step (`merging`). `update` drives several series, and holds their locks.
"""

from wfo.data.updating.update import update
from wfo.data.updating.values import Listener, Quiet, Updated, Wanted

__all__ = ["Listener", "Quiet", "Updated", "Wanted", "update"]

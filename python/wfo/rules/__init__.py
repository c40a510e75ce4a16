"""What rules are made of: columns and indicators, expressions of them, orders and functions.

`CONTRACT.md` beside this file says what the strategies do that are made of it.
"""

from __future__ import annotations

from wfo.rules.authoring.columns import Bands, Columns
from wfo.rules.authoring.expressions import Expression
from wfo.rules.authoring.functions import Indicator
from wfo.rules.authoring.orders import DraftOrder, Ordered
from wfo.rules.authoring.series import Series

__all__ = ["Bands", "Columns", "DraftOrder", "Expression", "Indicator", "Ordered", "Series"]

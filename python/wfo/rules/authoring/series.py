"""`x`, which the method ``rules`` gets: columns of the bars, indicators, and orders."""

from __future__ import annotations

from wfo.rules.authoring.columns import Columns
from wfo.rules.authoring.expressions import Operand, condition_of
from wfo.rules.authoring.orders import DraftOrder
from wfo.rules.authoring.sites import here, refused
from wfo.rules.program import Order


class Series(Columns):
    """Columns of the traded bars, indicators and orders, as the method ``rules`` gets them.

    All of it is read as of the latest closed bar; orders work in the bar after it.
    """

    __slots__ = ()

    # Orders [R1 to R13]

    def at_open(self, when: Operand | bool | None = None) -> DraftOrder:
        """Return an order at the next open, where a condition holds; an entry or an exit."""
        return self._order("at_open", None, when)

    def stop(self, level: Operand, when: Operand | bool | None = None) -> DraftOrder:
        """Return a stop order at a level; an entry or an exit.

        A buy is touched at or above the level, and fills there or at a worse open; a sale below.
        """
        return self._order("stop", level, when)

    def limit(self, level: Operand, when: Operand | bool | None = None) -> DraftOrder:
        """Return a limit order at a level; an entry or an exit.

        A buy is touched at or below the level, and fills there or at a better open; a sale above.
        """
        return self._order("limit", level, when)

    def pullback(self, distance: Operand, when: Operand | bool | None = None) -> DraftOrder:
        """Return an entry by a limit at a distance from the extreme since the last event.

        A buy waits below the highest high since the position before was left, a short sale above
        the lowest low.
        """
        return self._order("pullback", distance, when)

    def breakout(self, distance: Operand, when: Operand | bool | None = None) -> DraftOrder:
        """Return an entry by a stop at a distance from the latest close, above it for a buy."""
        return self._order("breakout", distance, when)

    def trail(self, distance: Operand) -> DraftOrder:
        """Return an exit by a stop that hangs at a distance from the extreme since the entry.

        The distance is that of the bar before, so that the level of a long may fall, too.
        """
        return self._order("trail", distance, None)

    def loss(
        self, distance: Operand | None = None, *, percent: Operand | None = None
    ) -> DraftOrder:
        """Return an exit by a stop at a distance from the fill of the entry, or in percent of it.

        The distance is that of the bar before the entry, and stays.
        """
        return self._from_fill("loss", distance, percent)

    def target(
        self, distance: Operand | None = None, *, percent: Operand | None = None
    ) -> DraftOrder:
        """Return an exit by a limit at a distance from the fill of the entry, or in percent of it.

        The distance is that of the bar before the entry, and stays.
        """
        return self._from_fill("target", distance, percent)

    def after(self, bars: Operand) -> DraftOrder:
        """Return an exit at the open of the n-th bar after that of the entry."""
        return DraftOrder(self._draft, Order("after", self._length("after", bars)), here())

    def _order(self, kind: str, value: object, when: object) -> DraftOrder:
        place = None if kind == "at_open" else self._seen(kind, value)
        if place is not None and self._draft.kinds[place] == "condition":
            raise refused(
                f"{kind}: {self._draft.words(place)} is a condition and no price; give it as when="
            )
        condition = None
        if when is not None:
            condition = self._draft.latest(condition_of(self._draft, when, f"{kind}: when"))
        return DraftOrder(self._draft, Order(kind, place, condition), here())

    def _from_fill(self, kind: str, distance: object, percent: object) -> DraftOrder:
        if (distance is None) == (percent is None):
            raise refused(f"{kind} needs a distance or percent=, one of them")
        place = self._seen(kind, distance if percent is None else percent)
        return DraftOrder(self._draft, Order(kind, place, percent=percent is not None), here())

    def _seen(self, what: str, value: object) -> int:
        """Return the node of what traded bars know of a value."""
        return self._draft.latest(self._any(what, value))

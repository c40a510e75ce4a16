"""What functions over columns of a feed are made with: nodes, and checks of what they are given."""

from __future__ import annotations

from wfo.rules.authoring.draft import Draft, bars_of
from wfo.rules.authoring.expressions import Expression, place_of
from wfo.rules.authoring.sites import refused
from wfo.rules.nodes import MOST_BARS


class Making:
    """Makes nodes of a draft, over the bars of a feed or higher ones.

    Parameters
    ----------
    draft
        What is being made.
    feed
        Whose columns.
    higher
        The higher bars, as ``resample`` names them; empty for the bars themselves.
    """

    __slots__ = ("_draft", "_feed", "_higher")

    def __init__(self, draft: Draft, feed: str = "bars", higher: str = "") -> None:
        self._draft = draft
        self._feed = feed
        self._higher = higher

    def __repr__(self) -> str:
        return f"<columns of {self._named}>"

    @property
    def _named(self) -> str:
        return f"{self._feed} by {self._higher.partition(' ')[0]}" if self._higher else self._feed

    def _made(self, op: str, *places: int) -> Expression:
        return Expression(self._draft, self._draft.node(op, places))

    def _expression(self, place: int) -> Expression:
        return Expression(self._draft, place)

    def _column(self, name: str) -> Expression:
        place = self._draft.column(self._feed, name)
        if self._higher:
            place = self._draft.node("resample", (place,), text=self._higher)
        return Expression(self._draft, place)

    def _any(self, what: str, value: object) -> int:
        return place_of(self._draft, value, what)

    def _bars_of(self, what: str, column: object) -> int:
        """Return the node of what must have a value a bar."""
        place = self._any(f"{what}: the column", column)
        if self._draft.kinds[place] == "number":
            raise refused(
                f"{what}: {self._draft.words(place)} is the same in every bar; it is of a column,"
                f" as in x.{what}(x.close, length)"
            )
        self._check_bars(what, place)
        return place

    def _check_bars(self, what: str, place: int) -> None:
        """Raise where a column is not of the bars that these are."""
        other = self._draft.higher[place]
        if other == self._higher:
            return
        one = "x" if not other else f'x.resample("{other.partition(" ")[0]}")'
        raise refused(
            f"{what}: {self._draft.words(place)} is of {bars_of(other)}, and {what} here of"
            f" {bars_of(self._higher)}; write h = {one} and h.{what}(…)"
        )

    def _length(self, what: str, value: object, least: int = 1) -> int:
        """Return the node of a number of bars."""
        place = self._any(f"{what}: the length", value)
        node = self._draft.nodes[place]
        if self._draft.kinds[place] != "number":
            raise refused(
                f"{what}: the length {self._draft.words(place)} is a {self._draft.kinds[place]}; it"
                " must be a whole number or an expression of parameters"
            )
        if node.op == "neg" and self._is_positive(node.args[0]):
            future = ", which looks into the future" if what == "shift" else ""
            raise refused(
                f"{what}: the length {self._draft.words(place)} is below 0{future}; bars count"
                " backwards"
            )
        if node.op == "constant" and not (
            node.value.is_integer() and least <= node.value <= MOST_BARS
        ):
            raise refused(
                f"{what}: the length {node.value:.15g} must be a whole number from {least} to"
                f" {MOST_BARS:,}"
            )
        return place

    def _is_positive(self, place: int) -> bool:
        node = self._draft.nodes[place]
        if node.op != "parameter":
            return False
        return self._draft.axes[self._draft.parameters[int(node.value)]].low > 0

    def _window(self, op: str, column: object, length: object) -> Expression:
        return self._made(op, self._bars_of(op, column), self._length(op, length))

    def _folded(self, op: str, *values: object) -> Expression:
        first, *others = (self._any(op, value) for value in values)
        for place in others:
            first = self._draft.node(op, (first, place))
        return self._expression(first)

    def _two(self, what: str, a: object, b: object) -> tuple[Expression, Expression]:
        places = [self._any(what, a), self._any(what, b)]
        if all(self._draft.kinds[place] == "number" for place in places):
            raise refused(f"{what}: both are the same in every bar, and cross nowhere")
        if not self._higher:
            places = [self._draft.latest(place) for place in places]
        for place in places:
            if self._draft.kinds[place] != "number":
                self._check_bars(what, place)
        return self._expression(places[0]), self._expression(places[1])

    def _before(self, value: Expression) -> Expression:
        """Return the value a bar before, of a number itself."""
        if self._draft.kinds[value._place] == "number":
            return value
        return self._made("shift", self._bars_of("shift", value), self._any("shift", 1))

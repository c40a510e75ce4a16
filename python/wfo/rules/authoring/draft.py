"""The program that is being made while a user's rules run: nodes, each once, with their lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from wfo.files.limits import RULES_NODES
from wfo.rules.authoring.sites import Site, here, refused
from wfo.rules.nodes import BY_BAR, Kind, Node, kind_of, timeframe_of
from wfo.rules.program import Function
from wfo.rules.wording import worded
from wfo.strategy.axes import Axis

_WHOLE_IF_PARTS_ARE = ("add", "sub", "mul", "neg", "abs", "minimum", "maximum")


class Draft:
    """Nodes that are being made; equal expressions are one node.

    Parameters
    ----------
    owner
        Name of the class.
    axes
        Its parameters by name, in canonical order.

    Attributes
    ----------
    nodes
        Each made of earlier ones.
    kinds
        What each is.
    higher
        The higher bars that each is a column of, as ``resample`` names them; empty for none.
    sites
        The line that made each first.
    functions
        Functions that ``call`` nodes name by their place.
    feeds
        Columns of each feed that were asked for, in order.
    """

    def __init__(self, owner: str, axes: Mapping[str, Axis]) -> None:
        self.owner = owner
        self.axes = dict(axes)
        self.parameters = tuple(axes)
        self.nodes: list[Node] = []
        self.kinds: list[Kind] = []
        self.higher: list[str] = []
        self.sites: list[Site] = []
        self.functions: list[Function] = []
        self.feeds: dict[str, list[str]] = {}
        self._made_of: list[frozenset[int]] = []
        self._whole: list[bool] = []
        self._places: dict[tuple[str, tuple[int, ...], str, str], int] = {}
        self._functions: dict[object, int] = {}
        self._latest: dict[int, int] = {}

    def node(self, op: str, args: Sequence[int] = (), *, value: float = 0.0, text: str = "") -> int:
        """Return the place of a node, which is made where there is none like it.

        Raises
        ------
        InputError
            If its parts do not fit, or the rules become too large.
        """
        if op in BY_BAR and len(self._among(args)) > 1:
            args = [self.latest(part) for part in args]
        value = math.nan if math.isnan(value) else float(value)
        # The text of a number tells 0 from -0, and makes all NaN one.
        key = (op, tuple(args), value.hex(), text)
        place = self._places.get(key)
        if place is not None:
            return place
        if len(self.nodes) >= RULES_NODES:
            raise refused(
                f"the rules of {self.owner} are made of more than {RULES_NODES:,} expressions"
            )
        made = Node(op, key[1], value, text)
        parts = [self.kinds[part] for part in args]
        site = here()
        where = f"{site}: {op}"
        self._check_bars(op, args)
        kind = kind_of(made, parts, len(self.parameters), len(self.functions), where)
        self.higher.append(timeframe_of(made, self._among(args), where))
        self.kinds.append(kind)
        self.nodes.append(made)
        self.sites.append(site)
        own = {int(value)} if op == "parameter" else set()
        self._made_of.append(frozenset(own.union(*(self._made_of[part] for part in args))))
        self._whole.append(self._is_whole(made, self.kinds[-1]))
        self._places[key] = len(self.nodes) - 1
        return len(self.nodes) - 1

    def function(self, key: object, function: Function) -> int:
        """Return the place of a function, which is kept once for each `key`."""
        if key not in self._functions:
            self._functions[key] = len(self.functions)
            self.functions.append(function)
        return self._functions[key]

    def column(self, feed: str, name: str) -> int:
        """Return the node of a column of a feed."""
        names = self.feeds.setdefault(feed, [])
        if name not in names:
            names.append(name)
        return self.node("feed", text=f"{feed}.{name}")

    def latest(self, place: int) -> int:
        """Return the node of what traded bars know of a column of higher bars; others themselves.

        What is made bar by bar is made of what is known of its parts: so each of these is computed
        once for its own parameters, however they are combined.
        """
        if not self.higher[place]:
            return place
        waiting = [place]
        while waiting:
            at = waiting[-1]
            node = self.nodes[at]
            by_bar = node.op in BY_BAR
            parts = [part for part in node.args if self.higher[part]] if by_bar else []
            missing = [part for part in parts if part not in self._latest]
            if missing:
                waiting += reversed(missing)
                continue
            waiting.pop()
            if by_bar:
                known = [self._latest.get(part, part) for part in node.args]
                self._latest[at] = self.node(node.op, known, value=node.value)
            elif at not in self._latest:
                self._latest[at] = self.node("latest", (at,))
        return self._latest[place]

    def _among(self, args: Sequence[int]) -> list[str]:
        """Return the higher bars that the columns among some nodes are of, each once."""
        return list(dict.fromkeys(self.higher[p] for p in args if self.kinds[p] != "number"))

    def _check_bars(self, op: str, args: Sequence[int]) -> None:
        """Raise where one computation is to go over bars of different lengths [G2]."""
        if len(self._among(args)) > 1:
            said = "; ".join(
                f"{self.words(part)} is of {bars_of(self.higher[part])}"
                for part in args
                if self.kinds[part] != "number"
            )
            raise refused(
                f"{op} takes columns of bars of one length, and {said}; compute it of each, and"
                " combine what comes of it"
            )

    def words(self, place: int) -> str:
        """Return a node as a message writes it."""
        return worded(self.nodes, place, self.parameters, self.functions)

    def is_whole(self, place: int) -> bool:
        """Whether a number is whole for every parameter set, as it is made of whole ones alone."""
        return self._whole[place]

    def is_of(self, place: int, parameter: int) -> bool:
        """Whether a node is made of a parameter, given by its place."""
        return parameter in self._made_of[place]

    def _is_whole(self, node: Node, kind: Kind) -> bool:
        match node.op:
            case "parameter":
                return self.axes[self.parameters[int(node.value)]].kind != "float"
            case "constant":
                return node.value.is_integer()
            case "floor" | "round_half_up":
                return kind == "number"
        return node.op in _WHOLE_IF_PARTS_ARE and all(self._whole[part] for part in node.args)


def bars_of(higher: str) -> str:
    """Return in words which bars a column is of."""
    return f"{higher.partition(' ')[0]} bars" if higher else "the traded bars"

"""Swept blocks: the last parameters of a strategy swept whole for each point of the others.

In the flat index of a grid the last parameter, in the strategy's own order, varies fastest, and
combinations that stand together share work in the factored engine. So only the *last* parameters
can be swept at its speed, whatever the order in which a space names them; parameters that share
constraints of the strategy stay together. The dimensions that are left are the *genes* of a block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from wfo.errors import InputError
from wfo.search.evaluating.defaults import BlockDefaults
from wfo.search.evaluating.points import StrategyPoints
from wfo.strategy.constraints import groups
from wfo.text import brief

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.search.space import SearchSpace

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]

#: Tells of columns of figures which combinations are valid.
Valid = Callable[[Mapping[str, "FloatArray"]], "BoolArray"]

#: What a block has beside the medians of its combinations' figures, and what that is.
BLOCK_FIGURES: Final[Mapping[str, str]] = {
    "valid_share": "share of the block's combinations that keep to the limits in-sample",
    "profitable_share": "share of them with a profit in-sample",
    "combinations": "combinations of the block that the parameter constraints allow",
}


@dataclass(frozen=True, slots=True, eq=False)
class BlockSpace:
    """How a space is cut.

    Attributes
    ----------
    points
        The whole space.
    genes
        The space of the dimensions in front, which methods search.
    swept
        The dimensions that are swept, in the strategy's order.
    size
        Combinations of a block.
    digits
        Position of each combination of a block among the values of every parameter that is swept or
        behind one that is, int64[size].
    """

    points: StrategyPoints
    genes: SearchSpace
    swept: tuple[str, ...]
    size: int
    digits: Mapping[str, IndexArray]

    def params(self, genes: Mapping[str, Any], at: int) -> dict[str, Any]:
        """Return the dimensions of one combination of a block, in the order of the space."""
        inner = {n: self.points.values_of(n)[self.digits[n][at]] for n in self.swept}
        both = {**genes, **inner}
        return {name: both[name] for name in self.points.space.names}

    def allowed(self, rows: FloatArray) -> BoolArray | None:
        """Return which combinations of blocks the constraints of the space allow.

        Those of the strategy are met by all: a block has no others.

        Parameters
        ----------
        rows
            Points of `genes`, float64[b, genes].

        Returns
        -------
        bool[b, size], or None where no constraint is of a swept dimension
        """
        import numpy as np

        whole = self.points.space
        own = [
            constraint
            for constraint in whole.constraints
            if constraint.require not in self.points.strategy.constraints
            and not set(constraint.names).isdisjoint(self.swept)
        ]
        if not own:
            return None
        table = np.empty((len(rows), self.size, len(whole.dimensions)))
        genes = {name: at for at, name in enumerate(self.genes.names)}
        given = self.genes.snap(rows)
        for at, name in enumerate(whole.names):
            if name in genes:
                table[:, :, at] = given[:, genes[name], None]
            else:
                table[:, :, at] = self.digits[name]
        flat = table.reshape(-1, len(whole.dimensions))
        found = np.ones(len(flat), np.bool_)
        for constraint in own:
            found &= constraint.met(flat)
        return found.reshape(len(rows), self.size)


def block_space(
    points: StrategyPoints, block: str | int | None, defaults: BlockDefaults
) -> tuple[BlockSpace | None, str]:
    """Return how a space is cut into blocks, and why it is not where that is None.

    Parameters
    ----------
    points
        The space.
    block
        How many dimensions are swept, the last ones in the strategy's order; ``"auto"`` takes as
        many as stay within `defaults.aim` combinations, and does without blocks where that makes
        less than `defaults.least`; None does without.
    defaults
        From `block_defaults`.

    Raises
    ------
    InputError
        If so many dimensions cannot be swept; the message says which can.
    """
    if block is None:
        return None, ""
    if block != "auto" and (isinstance(block, bool) or not isinstance(block, int) or block < 1):
        raise InputError(f"block = {brief(block)} must be 'auto', none, or a number of dimensions")
    options, stopped = _options(points)
    if block == "auto":
        fitting = [o for o in options if defaults.least <= o.size <= defaults.aim]
        if not fitting:
            within = [o for o in options if defaults.aim < o.size <= defaults.most]
            fitting = within[:1]
        if fitting:
            return _cut(points, fitting[-1]), ""
        return None, stopped or (
            "no block: the last parameters make no block of"
            f" {defaults.least:,} to {defaults.most:,} combinations"
        )
    for option in options:
        if len(option.swept) == block:
            if option.size > defaults.most:
                raise InputError(
                    f"block = {block} sweeps {option.size:,} combinations a block"
                    f" ({', '.join(option.swept)}); at most {defaults.most:,} will do"
                )
            return _cut(points, option), ""
    able = ", ".join(f"{len(o.swept)} ({', '.join(o.swept)})" for o in options)
    way = f"it can be {able}" if able else "write block: none"
    raise InputError(
        f"block = {block} cannot be swept{'; ' + stopped if stopped else ''}: blocks are of the"
        f" last parameters of {points.strategy.name}, without cutting those that share constraints,"
        f" and leave one to search; {way}"
    )


@dataclass(frozen=True, slots=True)
class _Option:
    inner: tuple[str, ...]
    swept: tuple[str, ...]
    size: int


def _options(points: StrategyPoints) -> tuple[list[_Option], str]:
    """Return the blocks that there can be, the smallest first, and what ends them."""
    strategy = points.strategy
    found: list[_Option] = []
    inner: tuple[str, ...] = ()
    swept: tuple[str, ...] = ()
    size = 1
    for names, constraints in reversed(groups(strategy.names, strategy.rules)):
        own = tuple(n for n in names if n in points.dimensions)
        unlisted = [n for n in own if points.dimensions[n].values is None]
        if unlisted:
            return found, (
                f"no block: {', '.join(unlisted)}, the last of the parameters that could be swept,"
                " has no list of values"
            )
        inner, swept = (*names, *inner), (*own, *swept)
        size *= len(points.places(names, constraints))
        if all(d.size == 1 for n, d in points.dimensions.items() if n not in inner):
            break
        if own:
            found.append(_Option(inner, swept, size))
    return found, ""


def _cut(points: StrategyPoints, option: _Option) -> BlockSpace:
    import numpy as np

    strategy = points.strategy
    axes = [
        (names, points.places(names, constraints))
        for names, constraints in groups(strategy.names, strategy.rules)
        if names[0] in option.inner
    ]
    digits: dict[str, IndexArray] = {}
    position = np.arange(option.size)
    for names, places in reversed(axes):
        rest = places[position % len(places)]
        position = position // len(places)
        for name in reversed(names):
            length = len(points.values_of(name))
            digits[name] = rest % length
            rest = rest // length
    genes = subspace(points.space, [n for n in points.space.names if n not in option.swept])
    return BlockSpace(points, genes, option.swept, option.size, digits)


def subspace(space: SearchSpace, names: Sequence[str]) -> SearchSpace:
    """Return the space of some dimensions, with the constraints that name no other."""
    kept = set(names)
    start: list[Mapping[str, Any]] = []
    for point in space.start:
        part = {name: value for name, value in point.items() if name in kept}
        if part not in start:
            start.append(part)
    return replace(
        space,
        dimensions=tuple(d for d in space.dimensions if d.name in kept),
        start=tuple(start),
        constraints=tuple(
            c for c in space.constraints if kept.issuperset(c.names) and kept.issuperset(c.repair)
        ),
    )

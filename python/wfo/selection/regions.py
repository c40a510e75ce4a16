"""Regions: plateaus in all parameters, by patient peeling (PRIM; Friedman & Fisher 1999).

A plateau is a part of the map's plane in which most combinations are stable; a region is such a
part in all parameters. The search begins with the plateau's bounding box, the ranges of its two map
parameters and the whole axis of every other, and removes one end value of one parameter at a time,
while enough of a uniform sample of the grid stays inside. Of these boxes the one with the highest
stable share is the region, the largest of equals.

**What is peeled** is the end value with the largest gain of share by support removed, as Friedman &
Fisher suggest for axes of few values. By the share of what remains alone, an axis of two values
comes before one of twelve, since it takes away half at once: on landscapes with a planted box that
ends in worse regions (mean true share .23 against .25 where the box stands out by .1, .48 against
.50 on slopes), and on QQQ under strict gates in .25 instead of .33, from the whole grid.

**Whether it is better than its box** is tested on the half of the sample that it was not found on:
there its stable share must exceed that of the bounding box, p < .001 by the hypergeometric
distribution (Fisher's exact test, one-sided). Otherwise the region is the box itself.

**Whether it lasts** is another question, since both halves share all bars: `judge_last_phase`.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.backtest import Figures
from wfo.backtest.benchmark import benchmark
from wfo.backtest.checks import Bounds
from wfo.backtest.evaluate import Evaluator
from wfo.backtest.feeds import Feeds
from wfo.errors import InputError
from wfo.grid import Grid
from wfo.sampling import sample_indices, splitmix
from wfo.selection.gates import Gates
from wfo.selection.plateaus import Plateau
from wfo.settings import AccountSettings
from wfo.stats.permutation import permuted_feeds
from wfo.strategy import Number
from wfo.text import html_table

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from wfo.backtest.benchmark import Benchmark

    BoolArray = NDArray[np.bool_]
    IndexArray = NDArray[np.int64]

#: Combinations that regions are found in; of a smaller grid all.
SAMPLED = 200_000

#: Combinations of the test on the last phase, since each is computed anew on every market.
JUDGED = 10_000

#: Orders of the bars in the test on the last phase, beside the real one.
SEEDS = (0, 1, 2, 3)

#: Least share of the sample, and of the sampled combinations of the plateau, in a region.
LEAST_SUPPORT, LEAST_OF_PLATEAU = 0.01, 0.2

#: Chance by which a region that is no better than its box is accepted, at most.
SIGNIFICANCE = 0.001

# The random numbers that halve a sample are independent of those that it was drawn by.
_HALVES = 1 << 32

#: Smallest and largest value of every parameter, in canonical order.
Box = Mapping[str, tuple[Number, Number]]


@dataclass(frozen=True, slots=True, repr=False)
class Region:
    """A plateau in all parameters.

    All shares are of 1. Those called *other* are on the half of the sample that the region was not
    found on.

    Attributes
    ----------
    rank
        The plateau's rank; None of a region of the whole grid.
    bounds
        Smallest and largest value of every parameter, in canonical order.
    box
        Bounds of the plateau's bounding box, which peeling began with.
    peeled
        Bounds that peeling came to; `bounds` too, where the region is accepted.
    accepted
        Whether the peeled region is better than its box on the other half. Else the box serves.
    p
        Probability of a share as high on the other half, if it were no better than its box.
    share
        Stable share inside the bounds, on the half that they were found on.
    support
        Share of the sample that is inside.
    other_share
        Stable share inside the bounds; NaN where none of that half is inside.
    other_box, other_grid
        Stable share of the bounding box, and of the grid.
    sampled
        Combinations of the sample.
    """

    rank: int | None
    bounds: Box
    box: Box
    peeled: Box
    accepted: bool
    p: float
    share: float
    support: float
    other_share: float
    other_box: float
    other_grid: float
    sampled: int

    def __repr__(self) -> str:
        return (
            f"Region({'of the grid' if self.rank is None else self.rank}, {self.words},"
            f" share {self.share:.2f}, {self.other_share:.2f} on the other half,"
            f" {self.other_grid:.2f} in the grid{'' if self.accepted else '; the bounding box'})"
        )

    def _repr_html_(self) -> str:
        rows: list[tuple[str, ...]] = [("Parameter", "From", "To", "Box from", "Box to")]
        for name, values in self.bounds.items():
            rows.append((name, *(f"{v:g}" for v in (*values, *self.box[name]))))
        return html_table(html.unescape(repr(self)), rows)

    @property
    def words(self) -> str:
        """The bounds that are narrower than the box, as in ``atr_multiplier 4 to 6``."""
        return bounds_text(self.bounds, self.box) or "all of the bounding box"

    @property
    def note(self) -> str:
        """Why the region is the bounding box; empty where it is peeled."""
        if self.accepted:
            return ""
        if all(self.peeled[name] == self.box[name] for name in self.box):
            return "nothing within its bounding box has a higher stable share"
        return (
            f"{bounds_text(self.peeled, self.box)} is no better than its bounding box where it was"
            f" not looked for (p = {self.p:.2g}), so the box itself serves"
        )

    def contains(self, frame: pl.DataFrame) -> pl.Series:
        """Return which rows lie inside, as a Boolean series; the frame has the parameters."""
        import polars as pl

        inside = [pl.col(n).is_between(low, high) for n, (low, high) in self.bounds.items()]
        return frame.select(inside=pl.all_horizontal(inside)).to_series()

    def grid(self, grid: Grid) -> Grid:
        """Return the part of `grid` that lies inside.

        Raises
        ------
        InputError
            If nothing of it does.
        """
        return within(grid, self.bounds)

    def to_dict(self) -> dict[str, Any]:
        """Return the region as plain values, for the manifest; NaN is null."""
        plain: dict[str, Any] = {"rank": self.rank}
        for name in ("bounds", "box", "peeled"):
            plain[name] = {n: list(v) for n, v in getattr(self, name).items()}
        plain["accepted"] = self.accepted
        for name in ("p", "share", "support", "other_share", "other_box", "other_grid"):
            value = getattr(self, name)
            plain[name] = value if math.isfinite(value) else None
        return plain | {"sampled": self.sampled}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], grid: Grid) -> Region:
        """Rebuild what `to_dict` returned of a region of that grid.

        Raises
        ------
        InputError
            If a bound is no value of the grid, or the lower one is above the other.
        """
        plain: dict[str, Any] = {"rank": None if data["rank"] is None else int(data["rank"])}
        for name in ("bounds", "box", "peeled"):
            plain[name] = _box_of(data[name], grid, name)
        plain["accepted"] = bool(data["accepted"])
        for name in ("p", "share", "support", "other_share", "other_box", "other_grid"):
            plain[name] = math.nan if data[name] is None else float(data[name])
        return cls(**plain, sampled=int(data["sampled"]))


def _box_of(data: Mapping[str, Any], grid: Grid, where: str) -> Box:
    """Return a box that was written as plain values, in values of the grid."""
    if list(data) != list(grid.strategy.names):
        raise InputError(f"{where} of a region must name every parameter, not {', '.join(data)}")
    found: dict[str, tuple[Number, Number]] = {}
    for name, ends in data.items():
        own = {v: v for v in grid.values[name]}
        low, high = ends
        if low not in own or high not in own or low > high:
            raise InputError(f"{where} of a region has {name} {low!r} to {high!r}, not of the grid")
        found[name] = (own[low], own[high])
    return found


def bounds_text(bounds: Box, box: Box) -> str:
    """Return in words where `bounds` are narrower than `box`; empty where nowhere."""
    return ", ".join(
        f"{name} {low:g}" + (f" to {high:g}" if high > low else "")
        for name, (low, high) in bounds.items()
        if (low, high) != tuple(box[name])
    )


def within(grid: Grid, bounds: Box) -> Grid:
    """Return the part of a grid whose values lie within bounds.

    Raises
    ------
    InputError
        If nothing of it does.
    """
    values = {
        name: [v for v in axis if bounds[name][0] <= v <= bounds[name][1]]
        for name, axis in grid.values.items()
    }
    return Grid(values, strategy=grid.strategy, name=grid.name)


def whole_box(grid: Grid) -> Box:
    """Return the bounds of a whole grid."""
    return {name: (min(axis), max(axis)) for name, axis in grid.values.items()}


def bounding_box(plateau: Plateau, grid: Grid) -> Box:
    """Return the bounds of a plateau: of its cells on the map's axes, all of every other."""
    box = dict(whole_box(grid))
    for at, name in enumerate(grid.strategy.map_axes or ()):
        # Cells have floats, the grid what its parameters are.
        mine = {cell[at] for cell in plateau.cells}
        own = [v for v in grid.values[name] if v in mine]
        if not own:
            raise InputError(f"plateau {plateau.rank} lies at no {name} of the grid")
        box[name] = (min(own), max(own))
    return box


def sample(grid: Grid, count: int = SAMPLED) -> IndexArray:
    """Return flat indices of a uniform sample of a grid, ascending; all where it has no more."""
    import numpy as np

    if len(grid) <= count:
        return np.arange(len(grid))
    # Short intervals may share a combination, which would bias the test if it were in both halves.
    return np.unique(sample_indices(len(grid), count))


def sample_digits(grid: Grid, indices: IndexArray) -> IndexArray:
    """Return the position of combinations among the values of each parameter, int64[m, axes]."""
    import numpy as np

    found = np.empty((len(indices), len(grid.strategy.names)), np.int64, order="F")
    for at, name in enumerate(grid.strategy.names):
        found[:, at] = grid.digits(name, indices)
    return found


def find_regions(
    plateaus: Iterable[Plateau], grid: Grid, digits: IndexArray, stable: BoolArray
) -> tuple[Region, ...]:
    """Find the region of every plateau, in their order.

    Parameters
    ----------
    plateaus
        What `wfo.detect_plateaus` returns.
    grid
        The grid that was swept.
    digits
        Position of each sampled combination among the values of every parameter, int64[m, axes], as
        `sample_digits` returns them.
    stable
        Whether it is stable, bool[m].

    Raises
    ------
    InputError
        If the arrays are not of one sample of the grid.
    """
    seen = _Sample(grid, digits, stable)
    return tuple(seen.find(p.rank, bounding_box(p, grid), p) for p in plateaus)


def find_region(
    grid: Grid, digits: IndexArray, stable: BoolArray, plateau: Plateau | None = None
) -> Region:
    """Find the region of one plateau, or of the whole grid.

    Parameters
    ----------
    grid, digits, stable
        As in `find_regions`.
    plateau
        The plateau; None begins with the whole grid.
    """
    if plateau is not None:
        return find_regions([plateau], grid, digits, stable)[0]
    return _Sample(grid, digits, stable).find(None, whole_box(grid), None)


def halves(count: int) -> BoolArray:
    """Return which of a sample regions are found on, bool[count]; the others test them."""
    import numpy as np

    found: BoolArray = splitmix(count, _HALVES) >= np.uint64(1 << 63)
    return found


def peel(
    digits: IndexArray, stable: BoolArray, found: BoolArray, box: IndexArray, least: int
) -> IndexArray:
    """Peel a box.

    Parameters
    ----------
    digits
        Positions on every axis, in the order of its values, int64[m, axes].
    stable
        Whether each row is stable, bool[m].
    found
        The rows whose `stable` is used, bool[m].
    box
        First and last position on every axis to begin with, int64[axes, 2].
    least
        Rows that stay inside, at least.

    Returns
    -------
    int64[axes, 2]
        The box with the highest share of stable rows among those used, the largest of equals.

    Notes
    -----
    Gains are compared as fractions of whole numbers, so that ties are ties: they go to the first
    axis, and there to the low end. An end without rows, as constraints leave them, goes first.
    """
    import numpy as np

    rows = np.flatnonzero(_inside(digits, box))
    kinds = found.astype(np.int64) * (1 + stable.astype(np.int64))
    axes = range(digits.shape[1])
    # Kind 0 is not used, 1 is not stable, 2 is.
    keys = [digits[rows, a] * 3 + kinds[rows] for a in axes]
    sizes = [int(box[a, 1]) + 1 for a in axes]
    counts = [
        np.bincount(key, minlength=3 * size).reshape(size, 3)
        for key, size in zip(keys, sizes, strict=True)
    ]
    own = np.bincount(kinds[rows], minlength=3).tolist()
    inside, used, good = sum(own), own[1] + own[2], own[2]
    now = box.copy()
    best, best_used, best_good = now.copy(), used, good
    while True:
        chosen: tuple[int, int, int, int, int] | None = None
        gain = (0, 1)
        for a in axes:
            low, high = int(now[a, 0]), int(now[a, 1])
            for end in (low, high) if low < high else ():
                out, bad, lost = counts[a][end].tolist()
                bad, removed = bad + lost, out + bad + lost
                if removed == 0:
                    chosen, gain = (a, end, 0, 0, 0), (1, 0)
                    break
                left = used - bad
                if inside - removed < least or left == 0:
                    continue
                # (good' / used' - good / used) / removed, times a factor common to all.
                mine = ((good - lost) * used - good * left, left * removed)
                if chosen is None or mine[0] * gain[1] > gain[0] * mine[1]:
                    chosen, gain = (a, end, removed, bad, lost), mine
            if gain[1] == 0:
                break
        if chosen is None:
            return best
        a, end, removed, bad, lost = chosen
        now[a, int(end == now[a, 1])] += 1 if end == now[a, 0] else -1
        if removed == 0:
            # The same rows in tighter bounds.
            if (good, used) == (best_good, best_used):
                best = now.copy()
            continue
        gone = keys[a] // 3 == end
        for b in axes:
            counts[b] -= np.bincount(keys[b][gone], minlength=counts[b].size).reshape(-1, 3)
            keys[b] = keys[b][~gone]
        inside, used, good = inside - removed, used - bad, good - lost
        if good * best_used > best_good * used:
            best, best_used, best_good = now.copy(), used, good


class _Sample:
    """A sample of a grid, halved, with the positions of its values in ascending order."""

    def __init__(self, grid: Grid, digits: IndexArray, stable: BoolArray) -> None:
        import numpy as np

        shape = (len(stable), len(grid.strategy.names))
        if stable.ndim != 1 or stable.dtype != np.bool_ or not len(stable):
            raise InputError(
                f"stable must be one truth value for each sampled combination, not of shape"
                f" {stable.shape}, type {stable.dtype}"
            )
        if digits.shape != shape:
            raise InputError(
                f"digits must be of shape {shape}, a row for each sampled combination and a column"
                f" for each parameter, not {digits.shape}"
            )
        self.grid = grid
        self.stable = stable
        self.found = halves(len(stable))
        self.values = [sorted(axis) for axis in grid.values.values()]
        self.digits = digits
        unsorted = [list(axis) != sorted(axis) for axis in grid.values.values()]
        if any(unsorted):
            self.digits = digits.copy(order="F")
        for a, axis in enumerate(grid.values.values()):
            if unsorted[a]:
                place = {v: i for i, v in enumerate(self.values[a])}
                self.digits[:, a] = np.array([place[v] for v in axis])[digits[:, a]]

    def find(self, rank: int | None, box: Box, plateau: Plateau | None) -> Region:
        """Return the region that peeling finds within a box."""
        import numpy as np

        begun = self._positions(box)
        share = 1.0 if plateau is None else float(self._cells(plateau).mean())
        least = max(1, math.ceil(min(LEAST_SUPPORT, LEAST_OF_PLATEAU * share) * len(self.stable)))
        peeled = peel(self.digits, self.stable, self.found, begun, least)
        other, boxed = ~self.found, _inside(self.digits, begun)
        inside = _inside(self.digits, peeled)
        p = _exceeds(
            *(int(np.count_nonzero(rows & other)) for rows in (inside & self.stable, inside)),
            *(int(np.count_nonzero(rows & other)) for rows in (boxed & self.stable, boxed)),
        )
        accepted = p < SIGNIFICANCE
        serves, rows = (peeled, inside) if accepted else (begun, boxed)
        return Region(
            rank,
            self._bounds(serves),
            dict(box),
            self._bounds(peeled),
            accepted,
            p,
            _share(self.stable, rows & self.found),
            float(rows.mean()),
            _share(self.stable, rows & other),
            _share(self.stable, boxed & other),
            _share(self.stable, other),
            len(self.stable),
        )

    def judge(self, region: Region, valid: BoolArray) -> ValidShares:
        """Return the share of valid ones inside a region, in its box and in the whole sample."""
        import numpy as np

        inside, boxed = (
            _inside(self.digits, self._positions(b)) for b in (region.bounds, region.box)
        )
        every = np.ones(len(valid), np.bool_)
        return ValidShares(*(_share(valid, rows) for rows in (inside, boxed, every)))

    def _positions(self, box: Box) -> IndexArray:
        """Return a box in positions, int64[axes, 2]."""
        import numpy as np

        bounds = zip(self.values, box.values(), strict=True)
        return np.array([[axis.index(low), axis.index(high)] for axis, (low, high) in bounds])

    def _bounds(self, box: IndexArray) -> Box:
        return {
            name: (axis[low], axis[high])
            for name, axis, (low, high) in zip(
                self.grid.strategy.names, self.values, box.tolist(), strict=True
            )
        }

    def _cells(self, plateau: Plateau) -> BoolArray:
        """Return which of the sample lie in a plateau's cells, bool[m]."""
        import numpy as np

        names = self.grid.strategy.names
        x, y = (names.index(name) for name in self.grid.strategy.map_axes or ())
        members = np.zeros((len(self.values[x]), len(self.values[y])), np.bool_)
        for u, v in plateau.cells:
            members[self.values[x].index(u), self.values[y].index(v)] = True
        found: BoolArray = members[self.digits[:, x], self.digits[:, y]]
        return found


def _inside(digits: IndexArray, box: IndexArray) -> BoolArray:
    """Return which rows lie in a box, bool[m]."""
    import numpy as np

    inside = np.ones(len(digits), np.bool_)
    spans = zip(digits.T, box.tolist(), digits.max(axis=0, initial=0).tolist(), strict=True)
    for column, (low, high), last in spans:
        if low > 0 or high < last:
            inside &= (column >= low) & (column <= high)
    return inside


def _share(stable: BoolArray, rows: BoolArray) -> float:
    import numpy as np

    count = np.count_nonzero(rows)
    return float(np.count_nonzero(stable & rows) / count) if count else math.nan


def _exceeds(good: int, drawn: int, all_good: int, drawn_from: int) -> float:
    """Return the probability of `good` or more, where so many are drawn and so many are good.

    The tail of the hypergeometric distribution, summed from its logarithms.
    """
    import numpy as np

    if good == 0 or drawn == 0:
        return 1.0
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, drawn_from + 1)))])

    def choose(n: Any, k: Any) -> Any:
        return logs[n] - logs[k] - logs[n - k]

    k = np.arange(good, min(drawn, all_good) + 1)
    terms = choose(all_good, k) + choose(drawn_from - all_good, drawn - k)
    return min(1.0, float(np.exp(terms - choose(drawn_from, drawn)).sum()))


# The last phase


#: Figures of combinations, given their flat indices, the feeds, and bounds of phases: an item each.
Evaluate = Callable[["IndexArray", Feeds, Sequence[Bounds]], Sequence[Figures]]


@dataclass(frozen=True, slots=True)
class ValidShares:
    """Share of combinations valid in the last phase; NaN where none were sampled.

    Attributes
    ----------
    region
        Inside the region found on the phases before it.
    box
        In the bounding box that the region was peeled from.
    grid
        In the whole sample.
    """

    region: float
    box: float
    grid: float

    def to_dict(self) -> dict[str, float | None]:
        """Return the shares as plain values; NaN is null."""
        shares = {"region": self.region, "box": self.box, "grid": self.grid}
        return {name: v if math.isfinite(v) else None for name, v in shares.items()}


@dataclass(frozen=True, slots=True)
class LastPhase:
    """A region found again without the last phase, and its shares in that phase.

    Attributes
    ----------
    region
        The region found on the phases before; of rank None, from the whole grid.
    real
        Its shares on the real bars.
    permuted
        Shares of regions found likewise on permuted bars, one item an order.
    """

    region: Region
    real: ValidShares
    permuted: tuple[ValidShares, ...]

    def spread(self, name: str) -> tuple[float, float, float] | None:
        """Return mean, smallest and largest share on permuted bars; None where there are none.

        Parameters
        ----------
        name
            ``"region"``, ``"box"`` or ``"grid"``.
        """
        shares = [v for s in self.permuted if math.isfinite(v := getattr(s, name))]
        return (sum(shares) / len(shares), min(shares), max(shares)) if shares else None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for the manifest."""
        return {
            "region": self.region.to_dict(),
            "real": self.real.to_dict(),
            "permuted": [s.to_dict() for s in self.permuted],
        }


@dataclass(frozen=True, slots=True)
class LastPhases:
    """Results of the test on the last phase, of all plateaus.

    Attributes
    ----------
    bounds
        First trading bar, first tested bar, and one past the last bar; None without a test.
    plateaus
        One for each plateau, in their order; empty without a test.
    whole
        The same from the whole grid. A plateau's box was found with all phases, the last one
        included; the whole grid depends on none.
    sampled
        Combinations that were computed.
    reason
        Why there is no test; empty where there is one.
    """

    bounds: Bounds | None
    plateaus: tuple[LastPhase, ...]
    whole: LastPhase | None
    sampled: int
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for the manifest."""
        return {
            "bounds": None if self.bounds is None else list(self.bounds),
            "plateaus": [p.to_dict() for p in self.plateaus],
            "whole": None if self.whole is None else self.whole.to_dict(),
            "sampled": self.sampled,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """Plateaus whose regions are tested, and the gates of the test.

    Attributes
    ----------
    plateaus
        Their bounding boxes are the first boxes of the peeling.
    gates
        Gates of validity. A benchmark to beat is that of each phase, on the same bars.
    least
        In how many phases stable combinations are valid; without the last phase in one less.
    """

    plateaus: tuple[Plateau, ...]
    gates: Gates
    least: int


def judge_last_phase(
    plateaus: Sequence[Plateau],
    grid: Grid,
    feeds: Feeds,
    phases: Sequence[Bounds],
    *,
    gates: Gates,
    least: int,
    settings: AccountSettings,
    bars_per_year: float,
    evaluate: Evaluate | None = None,
    count: int = JUDGED,
    seeds: Sequence[int] = SEEDS,
) -> LastPhases:
    """Test the regions of one set of gates; see `judge_last_phases`."""
    return judge_last_phases(
        [Asked(tuple(plateaus), gates, least)],
        grid,
        feeds,
        phases,
        settings=settings,
        bars_per_year=bars_per_year,
        evaluate=evaluate,
        count=count,
        seeds=seeds,
    )[0]


def judge_last_phases(
    asked: Sequence[Asked],
    grid: Grid,
    feeds: Feeds,
    phases: Sequence[Bounds],
    *,
    settings: AccountSettings,
    bars_per_year: float,
    evaluate: Evaluate | None = None,
    count: int = JUDGED,
    seeds: Sequence[int] = SEEDS,
) -> list[LastPhases]:
    """Find regions again on all phases but the last, and test them on the last one's new bars.

    The last phase is traded with its split at the end of the phases before, so that no tested bar
    was seen. The same is done on bars in other orders, from the first phase's first trading bar on.
    Combinations are computed once on every market, for all items of `asked`.

    Parameters
    ----------
    asked
        Plateaus, and the gates of each test.
    grid
        The grid that was swept.
    feeds
        The feeds of the strategy.
    phases
        Bounds of the phases, in order: first trading bar, split, one past the last bar.
    settings
        The settings of the sweep.
    bars_per_year
        The unit of annual figures.
    evaluate
        Returns the figures of combinations; by default by an `Evaluator`.
    count
        Combinations that are computed on every market.
    seeds
        Orders of the permuted bars.

    Returns
    -------
    list of LastPhases
        One item for each of `asked`. Without a test, and with the reason, where there are
        fewer than three phases, or the last one has no bars before or after the end of the others.
    """
    bounds, reason = unseen_part(phases)
    if bounds is None:
        return [LastPhases(None, (), None, 0, reason) for _ in asked]
    import numpy as np

    evaluate = evaluate or evaluation(grid, settings)
    parts = [*phases[:-1], bounds]
    # What comes after the last phase, a year held out, is not dealt into it.
    feeds = feeds.until(max(end for _, _, end in phases))
    first = min(warmup for warmup, _, _ in phases)
    indices = sample(grid, count)
    digits = sample_digits(grid, indices)

    def judged(bars: Feeds) -> list[list[tuple[Region, ValidShares]]]:
        figures = evaluate(indices, bars, parts)
        held = _benchmarks(bars, parts, settings, bars_per_year)
        found = []
        for each in asked:
            valid = validity(figures, each.gates, held)
            stable = np.sum(valid[:-1], axis=0) >= max(1, each.least - 1)
            seen = _Sample(grid, digits, stable)
            boxes = [(p.rank, bounding_box(p, grid), p) for p in each.plateaus]
            regions = [seen.find(*box) for box in (*boxes, (None, whole_box(grid), None))]
            found.append([(region, seen.judge(region, valid[-1])) for region in regions])
        return found

    real = judged(feeds)
    permuted = [judged(permuted_feeds(feeds, first, seed)) for seed in seeds]
    out = []
    for number, own in enumerate(real):
        every = [
            LastPhase(region, shares, tuple(other[number][at][1] for other in permuted))
            for at, (region, shares) in enumerate(own)
        ]
        out.append(LastPhases(bounds, tuple(every[:-1]), every[-1], len(indices)))
    return out


def evaluation(
    grid: Grid, settings: AccountSettings | None = None, threads: int | None = None
) -> Evaluate:
    """Return what computes sampled combinations of a grid, in the types of result files.

    Where an engine computes neighbours together, a grid of a few times the sample is swept whole,
    which is the quicker way.
    """

    def evaluate(indices: IndexArray, feeds: Feeds, phases: Sequence[Bounds]) -> list[Figures]:
        evaluator = Evaluator(grid.strategy, feeds, grid, phases, settings, threads=threads)
        if evaluator.batch_multiple > 1 and len(grid) <= SWEPT_WHOLE * len(indices):
            whole = evaluator.range(0, len(grid), stored=True)
            return [Figures(*(column[indices] for column in phase)) for phase in whole]
        return evaluator.list(indices, stored=True)

    return evaluate


#: Size of a grid, as a multiple of the sample, up to which it is swept whole: a single combination
#: costs as much as ten to twenty neighbours.
SWEPT_WHOLE = 10


def unseen_part(phases: Sequence[Bounds]) -> tuple[Bounds | None, str]:
    """Return the last phase, split where the others end, or the reason why there is none.

    Parameters
    ----------
    phases
        Bounds of the phases, in order: first trading bar, split, one past the last bar.
    """
    if len(phases) < 3:
        return None, (
            f"there {'are' if len(phases) != 1 else 'is'} {len(phases)}"
            f" phase{'s' if len(phases) != 1 else ''}, and without the last one too few are left to"
            " find anything by"
        )
    warmup, _, end = phases[-1]
    split = max(e for _, _, e in phases[:-1])
    if split >= end:
        return None, "the last phase has no bars after those before it, so none that was not seen"
    if split <= warmup:
        return None, "the last phase begins after those before it end, so it has no in-sample part"
    return (warmup, split, end), ""


def _benchmarks(
    feeds: Feeds, phases: Sequence[Bounds], settings: AccountSettings, bars_per_year: float
) -> list[Benchmark]:
    bars = feeds.prices()
    assert bars is not None  # noqa: S101  # every strategy reads a first symbol
    return [benchmark(bars, phase, settings, bars_per_year) for phase in phases]


def validity(
    figures: Sequence[Figures], gates: Gates, benchmarks: Sequence[Benchmark]
) -> list[BoolArray]:
    """Return which are valid in each phase, bool[m], by scoring's gates on stored figures.

    Parameters
    ----------
    figures, benchmarks
        Of m combinations, and of buy-and-hold; an item a phase.
    gates
        The thresholds.
    """
    import numpy as np

    found = []
    for phase, held in zip(figures, benchmarks, strict=True):
        is_pnl, oos_pnl, is_dd, oos_dd = (
            column.astype(np.float32).astype(np.float64) for column in phase[:4]
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            valid = (
                (is_pnl > 0)
                & (oos_pnl > 0)
                & (oos_pnl / is_pnl > gates.wfe)
                & (oos_dd < oos_pnl)
                & (oos_dd < gates.dd_ratio * is_dd)
                & (phase.oos_trades >= gates.min_trades)
            )
            if gates.beat == "return":
                equity = held.capital + is_pnl
                valid &= np.where(equity > 0, oos_pnl / equity, -1.0) > held.return_floor
            elif gates.beat == "risk":
                valid &= oos_pnl / oos_dd > held.risk_floor
        found.append(valid)
    return found

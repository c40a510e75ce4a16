"""Plateaus: areas of the parameter plane where most combinations are stable, no single peaks.

The plane is that of the strategy's two map parameters, as the stop's and the entry's multiplier. A
cell's *level* is its stable share: stable combinations by all combinations of the cell, counted
over the whole grid. A cell without combinations, whose values the strategy's constraints do not
allow together, lies outside of the map. Plateaus are the clusters
that DBSCAN (Ester, Kriegel, Sander & Xu 1996) finds among the cells above some level, in units of
the grid's pitch.

**Which level, reach and density** is searched for: every setting divides the map into its clusters
and the rest, and

    quality = adjusted R² of the levels explained by that division * (1 - share of the map covered)

R² is large where plateaus are high and even, and their surroundings are low. Fragments leave cells
of the same height outside, and the adjustment penalizes each further group; a cluster over the
whole map has no surroundings to differ from, and the second factor makes its quality 0. On a plain
slope the best division is its upper third.

**Whether there is any shape at all** is tested, because clusters can be found in every noise: the
levels are permuted over the cells, many times. The map must be smoother than its
shuffles (Moran's I; Moran 1950), and a plateau must be more compact than the clusters of shuffles:
it must have more joins, pairs of cells that share a side (Moran 1948, Cliff & Ord 1973), than their
largest. For that test the other plateaus are left out, so that a large one does not hide a small
one.
"""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, overload

from wfo.arguments import instance, rebuilt
from wfo.errors import InputError
from wfo.grid import Grid, no_map
from wfo.selection.scoring import Cells
from wfo.strategy import StopClass
from wfo.text import brief, html_table

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

#: Stable combinations of a cell in which a level can be read, at least.
LEAST_STABLE = 50

#: Share of a plateau's candidates that its ranges are read from.
TOP_SHARE = 0.1

# The settings that are searched. A reach of 1 joins cells that share a side, 1.5 those that share a
# corner too: five and nine cells, the cell itself included, of which more than half must be above
# the level. With less, a chain of single cells would join two plateaus.
_LEVEL_QUANTILES = tuple(q / 80 for q in range(20, 78))
_DENSITIES = {1.0: (4, 5), 1.5: (5, 6, 7)}
# Cells within such a reach of one, itself included.
_MOST_JOINED = {1.0: 5, 1.5: 9}
_LEAST_CELLS = 4

#: Chance by which a map without shape passes for smooth, at most; maps with plateaus are smoother
#: than any of their shuffles by far.
MAP_SIGNIFICANCE = 0.001

# A fragment beside plateaus passes for one once in a hundred.
_MAP_SHUFFLES = 1_999
_CLUSTER_SIGNIFICANCE = 0.01
_CLUSTER_SHUFFLES = 199
_SEED = 20_140_101


@dataclass(frozen=True, slots=True)
class PlateauOptions:
    """How plateaus are looked for.

    What is None is searched for by quality. The tests against shuffled maps are made either way.

    Attributes
    ----------
    least_stable
        Stable combinations of a cell that counts, at least.
    level
        Stable share that cells of a plateau exceed, a fraction.
    reach
        DBSCAN's ``eps``, in units of the grid's pitch: 1 joins cells that share a side, 1.5 those
        that share a corner too.
    density
        DBSCAN's ``min_samples``, the cell itself included: from 2 to 5 at a reach of 1, and to 9 at
        1.5.
    """

    least_stable: int = LEAST_STABLE
    level: float | None = None
    reach: float | None = None
    density: int | None = None

    def __post_init__(self) -> None:
        least, level, reach, density = self.least_stable, self.level, self.reach, self.density
        if isinstance(least, bool) or not isinstance(least, int) or least < 1:
            raise InputError(f"least_stable = {brief(least)} must be a whole number, 1 or more")
        if level is not None and (
            isinstance(level, bool) or not isinstance(level, int | float) or not 0 <= level < 1
        ):
            raise InputError(
                f"level = {brief(level)} must be a share, from 0 to below 1: 0.4 is 40 % stable"
            )
        if reach is not None and (
            isinstance(reach, bool)
            or not isinstance(reach, int | float)
            or reach not in _MOST_JOINED
        ):
            raise InputError(
                f"reach = {brief(reach)} must be 1, which joins cells that share a side, or 1.5,"
                " which joins those that share a corner too"
            )
        if density is None:
            return
        most = max(_MOST_JOINED.values()) if reach is None else _MOST_JOINED[float(reach)]
        if isinstance(density, bool) or not isinstance(density, int) or not 2 <= density <= most:
            where = "" if reach is None else f" at a reach of {reach:g}"
            raise InputError(
                f"density = {brief(density)} must be from 2 to {most}{where}: cells within reach of"
                " one, itself included"
            )

    @property
    def settings(self) -> Iterator[tuple[float, int]]:
        """Every reach and density that is tried."""
        for reach, densities in _DENSITIES.items():
            if self.reach is not None and reach != self.reach:
                continue
            for density in densities if self.density is None else (self.density,):
                if density <= _MOST_JOINED[reach]:
                    yield reach, density

    def to_dict(self) -> dict[str, Any]:
        """Return what differs from the usual as plain values, for the manifest."""
        usual = PlateauOptions()
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: v for name, v in values.items() if v != getattr(usual, name)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PlateauOptions:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is something else.
        """
        return rebuilt("set of plateau options", data, lambda values: cls(**values))


@dataclass(frozen=True, slots=True, repr=False)
class Plateau:
    """One plateau.

    Attributes
    ----------
    rank
        From 1 on, the most stable first.
    stop_class
        ``"TIGHT"``, ``"MEDIUM"`` or ``"WIDE"``, by the strategy's stop classes and the center; None
        where the strategy has none. Files call it the regime.
    cells
        Values of the two map parameters, one pair a cell.
    combinations
        Stable combinations in its cells.
    level
        Their share of all combinations of its cells.
    stability
        Mean stability score of the candidates in its cells; NaN if none of them was kept.
    center
        Count-weighted mean of the two map parameters.
    trades
        Median out-of-sample trades of those candidates over all phases: where it is near the number
        of phases, the plateau is one of holding rather than trading. NaN if none was kept.
    """

    rank: int
    stop_class: StopClass | None
    cells: tuple[tuple[float, float], ...]
    combinations: int
    level: float
    stability: float
    center: tuple[float, float]
    trades: float = math.nan

    def __repr__(self) -> str:
        regime = f"{self.stop_class}, " if self.stop_class else ""
        return (
            f"Plateau({self.rank}, {regime}{len(self.cells)} cells, {self.combinations:,} stable"
            f" combinations, stability {self.stability:.1f})"
        )

    def candidates(self, candidates: pl.DataFrame, grid: Grid) -> pl.DataFrame:
        """Return the rows of `candidates` that lie in this plateau's cells, best first."""
        import polars as pl

        x, y = _map_axes(grid)
        candidates = _require_columns(candidates, grid)
        missing = {x, y} - set(candidates.columns)
        if missing:
            raise InputError(f"the candidates lack the column {sorted(missing)[0]!r}")
        cells = pl.DataFrame(
            self.cells, schema={x: candidates.schema[x], y: candidates.schema[y]}, orient="row"
        )
        return candidates.join(cells, on=[x, y], how="semi", maintain_order="left")

    def top(self, candidates: pl.DataFrame, grid: Grid) -> pl.DataFrame:
        """Return the best tenth of this plateau's candidates, one at least where there are any."""
        own = self.candidates(candidates, grid)
        return own.head(-(-len(own) // round(1 / TOP_SHARE)))

    def to_dict(self) -> dict[str, Any]:
        """Return the plateau as plain values, for the manifest."""
        return {
            "rank": self.rank,
            "regime": self.stop_class,
            "cells": [list(c) for c in self.cells],
            "combinations": self.combinations,
            "level": self.level,
            # JSON has no NaN: what no candidate was kept for is null.
            "stability": self.stability if math.isfinite(self.stability) else None,
            "trades": self.trades if math.isfinite(self.trades) else None,
            "center": list(self.center),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], grid: Grid) -> Plateau:
        """Rebuild what `to_dict` returned of a plateau of that grid.

        Raises
        ------
        InputError
            If a cell has values that are not in the grid.
        """
        x, y = (set(map(float, grid.values[name])) for name in _map_axes(grid))

        def build(data: Mapping[str, Any]) -> Plateau:
            cells = tuple((float(u), float(v)) for u, v in data["cells"])
            strange = next((cell for cell in cells if cell[0] not in x or cell[1] not in y), None)
            if not cells or strange is not None:
                raise InputError(f"a plateau has no cells, or {strange}, which is not in the grid")
            first, second = map(float, data["center"])
            return cls(
                rank=int(data["rank"]),
                stop_class=data["regime"],
                cells=cells,
                combinations=int(data["combinations"]),
                level=float(data["level"]),
                stability=math.nan if data["stability"] is None else float(data["stability"]),
                center=(first, second),
                trades=math.nan if data["trades"] is None else float(data["trades"]),
            )

        return rebuilt("plateau", data, build)


@dataclass(frozen=True, slots=True, repr=False)
class Plateaus(Sequence[Plateau]):
    """The plateaus of a map, most stable first, and how they were found.

    Attributes
    ----------
    plateaus
        The plateaus themselves; the object is also a sequence of them.
    cells
        The map that they lie on; None where the strategy has none.
    level, reach, density
        The level above which cells count, and DBSCAN's ``eps`` and ``min_samples``; None where the
        map has no shape.
    quality
        The quality of the division, 0 where there is none.
    note
        Why there is no plateau, or empty.
    smoothness, p
        Moran's I of the map, and the chance of a shuffled map to be as smooth, which a map with
        shape has at most `MAP_SIGNIFICANCE` of; None where too few cells count for a test.
    """

    plateaus: tuple[Plateau, ...]
    cells: Cells | None
    level: float | None = None
    reach: float | None = None
    density: int | None = None
    quality: float = 0.0
    note: str = ""
    smoothness: float | None = None
    p: float | None = None

    @overload
    def __getitem__(self, index: int) -> Plateau: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Plateau]: ...
    def __getitem__(self, index: int | slice) -> Plateau | Sequence[Plateau]:
        return self.plateaus[index]

    def __len__(self) -> int:
        return len(self.plateaus)

    def __iter__(self) -> Iterator[Plateau]:
        return iter(self.plateaus)

    def __repr__(self) -> str:
        if not self.plateaus:
            return f"Plateaus(none: {self.note})"
        return f"Plateaus({', '.join(map(repr, self.plateaus))}; quality {self.quality:.2f})"

    def _repr_html_(self) -> str:
        if not self.plateaus:
            return f"<p>{html.escape(repr(self))}</p>"
        heads = ("Rank", "Regime", "Stability", "Trades", "Cells", "Stable", "Share")
        rows: list[tuple[str, ...]] = [(*heads, "First map axis", "Second map axis")]
        for p in self.plateaus:
            axes = (sorted(set(values)) for values in zip(*p.cells, strict=True))
            rows.append(
                (
                    str(p.rank),
                    p.stop_class or "-",
                    f"{p.stability:.1f}" if math.isfinite(p.stability) else "-",
                    f"{p.trades:.0f}" if math.isfinite(p.trades) else "-",
                    str(len(p.cells)),
                    f"{p.combinations:,}",
                    f"{100 * p.level:.0f} %",
                    *(f"{axis[0]:g} to {axis[-1]:g}" for axis in axes),
                )
            )
        return html_table(f"Plateaus, quality {self.quality:.2f}", rows)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for the manifest."""
        return {
            "level": self.level,
            "reach": self.reach,
            "density": self.density,
            "quality": self.quality,
            "note": self.note,
            "smoothness": self.smoothness,
            "p": self.p,
            "plateaus": [p.to_dict() for p in self.plateaus],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], grid: Grid, cells: Cells | None = None) -> Plateaus:
        """Rebuild what `to_dict` returned.

        Parameters
        ----------
        data
            What it returned.
        grid
            The grid that was swept.
        cells
            The map, which the manifest does not state.

        Raises
        ------
        InputError
            If ranks do not count from 1, or a plateau lies outside of the grid.
        """
        plateaus = tuple(Plateau.from_dict(p, grid) for p in data["plateaus"])
        ranks = [p.rank for p in plateaus]
        if ranks != list(range(1, len(ranks) + 1)):
            raise InputError(f"ranks of plateaus must count from 1, not {ranks}")
        names = ("level", "reach", "density", "quality", "note", "smoothness", "p")
        return cls(plateaus, cells, **{name: data[name] for name in names})


def detect_plateaus(
    candidates: pl.DataFrame,
    grid: Grid,
    *,
    cells: Cells | None = None,
    options: PlateauOptions | None = None,
    map_axes: Sequence[str] | None = None,
) -> Plateaus:
    """Find the plateaus of a scored grid.

    Parameters
    ----------
    candidates
        What `wfo.score` returns.
    grid
        The grid that was swept.
    cells
        Counts of all stable combinations, from `wfo.selection.scoring.score_figures`; by default
        those of `candidates`, which is the same unless more were stable than were kept.
    options
        What is given instead of searched for.
    map_axes
        The two parameters of the map, where it is another one than the grid's; what is made of the
        plateaus then takes `Grid.with_map`.

    Returns
    -------
    Plateaus
        A sequence of `Plateau`, the most stable first; empty, with a note, where there is none, or
        where the strategy has no map.

    Raises
    ------
    InputError
        If `candidates` lack a column, or hold a value that is not in the grid.
    """
    grid = instance("grid", grid, Grid, "wfo.Grid(...)")
    if map_axes is not None:
        if cells is not None:
            raise InputError("cells are those of the grid's own map; with map_axes leave them out")
        grid = grid.with_map(map_axes)
    if cells is not None:
        cells = instance("cells", cells, Cells, "those that scoring counts")
    if options is not None:
        options = instance("options", options, PlateauOptions, "wfo.PlateauOptions(...)")
    candidates = _require_columns(candidates, grid)
    if grid.strategy.map_axes is None:
        return Plateaus((), None, note=no_map(grid.strategy))
    if cells is None:
        cells = _count(candidates, grid)
    found = find_clusters(cells, options)
    plateaus = [_describe(members, cells, candidates, grid) for members in found.members]
    # Best first; where scores are equal or missing, the one with more combinations.
    plateaus.sort(
        key=lambda p: (-p.stability if p.stability == p.stability else 1e9, -p.combinations)
    )
    ranked = tuple(replace(p, rank=i) for i, p in enumerate(plateaus, 1))
    return Plateaus(
        ranked,
        cells,
        found.level,
        found.reach,
        found.density,
        found.quality,
        found.note,
        found.smoothness,
        found.p,
    )


def _require_columns(candidates: object, grid: Grid) -> pl.DataFrame:
    """Return candidates, if they are a frame whose parameters are numbers.

    Raises
    ------
    InputError
        If they are something else.
    """
    import polars as pl

    frame: pl.DataFrame = instance(
        "candidates", candidates, pl.DataFrame, "the frame that wfo.score returns"
    )
    for name in (*grid.strategy.names, "Stability_Score"):
        if name in frame.columns and not frame.schema[name].is_numeric():
            raise InputError(f"the candidates' column {name} must be numbers")
    return frame


def detect_unscored(cells: Cells | None, grid: Grid) -> Plateaus:
    """Find the plateaus of a map alone, largest first; without candidates there is no stability.

    Parameters
    ----------
    cells
        Counts of all stable combinations; None where the strategy has no map.
    grid
        The grid that was swept.
    """
    import polars as pl

    if cells is None:
        return Plateaus((), None, note=no_map(grid.strategy))
    kinds = {p.name: pl.Int64 if p.whole else pl.Float64 for p in grid.strategy.parameters}
    none = pl.DataFrame(schema={**kinds, "Stability_Score": pl.Float64})
    return detect_plateaus(none, grid, cells=cells)


@dataclass(frozen=True, slots=True)
class Clusters:
    """Clusters of a map, as masks over its cells, and the setting that found them."""

    members: tuple[BoolArray, ...]
    level: float | None = None
    reach: float | None = None
    density: int | None = None
    quality: float = 0.0
    note: str = ""
    smoothness: float | None = None
    p: float | None = None


def find_clusters(cells: Cells, options: PlateauOptions | None = None) -> Clusters:
    """Find the clusters of a map: the setting of best quality, tested against shuffles.

    Parameters
    ----------
    cells
        Stable counts over the map plane.
    options
        What is given instead of searched for.
    """
    import numpy as np

    options = options or PlateauOptions()
    plane = _Plane(cells.level, cells.present)
    usable = cells.stable >= options.least_stable
    if np.count_nonzero(usable) < _LEAST_CELLS:
        return Clusters(
            (),
            note=f"{np.count_nonzero(usable)} of {plane.size} cells hold {options.least_stable} or"
            f" more stable combinations; a plateau takes {_LEAST_CELLS}",
        )
    rng = np.random.default_rng(_SEED)
    smoothness, p = _moran(plane, rng)
    if p > MAP_SIGNIFICANCE:
        return Clusters(
            (),
            note="the levels lie as if dealt out at random (Moran's I ="
            f" {smoothness:.2f}, p = {p:.4f}; a map with shape has p of {MAP_SIGNIFICANCE:g} or"
            " less)",
            smoothness=smoothness,
            p=p,
        )
    division = _search(plane, usable, options)
    if division is None:
        note = "no cells of one height lie together"
        return Clusters((), note=note, smoothness=smoothness, p=p)
    threshold, reach, density, quality, labels = division
    clusters = [labels == k for k in range(labels.max() + 1)]
    members = tuple(
        cluster
        for cluster in clusters
        if _joins(cluster)
        > _most_joins_by_chance(
            plane, usable, cluster | (labels < 0), threshold, reach, density, rng
        )
    )
    note = "" if members else "no cluster is more compact than those of shuffled maps"
    return Clusters(members, threshold, reach, density, quality, note, smoothness, p)


class _Plane:
    """The levels of a map, and which of its cells there are.

    Beyond the map nothing is known: its border is taken to go on for a cell, or one there would
    need a fuller neighbourhood than one within, and a corner could never be the middle of anything.
    The same holds where cells are missing within the rectangle of the map.
    """

    def __init__(self, level: FloatArray, present: BoolArray) -> None:
        import numpy as np

        self.level = level
        self.present = present
        #: Cells of the map.
        self.size = int(np.count_nonzero(present))
        # In a frame of one cell: which cell of the map each of its cells takes its state from, the
        # nearest one, itself where it is on the map; -1 where there is none near.
        framed = np.pad(present, 1)
        flat = np.pad(np.arange(present.size).reshape(present.shape), 1)
        self._source = np.where(framed, flat, -1)
        sides, corners = [(0, 1), (0, -1), (1, 0), (-1, 0)], itertools.product((1, -1), repeat=2)
        for step in (*sides, *corners):
            # What the shift carries round comes from the frame, where there is no cell.
            there = np.roll(framed, step, (0, 1)) & (self._source < 0)
            self._source[there] = np.roll(flat, step, (0, 1))[there]

    def framed(self, cells: BoolArray) -> BoolArray:
        """Return cells, and those around them, in a frame of one cell."""
        found: BoolArray = cells.ravel()[self._source] & (self._source >= 0)
        return found

    def unframed(self, labels: IntArray) -> IntArray:
        """Return the labels of the cells of the map, without its frame; -1 where there is none."""
        import numpy as np

        return np.where(self.present, labels[1:-1, 1:-1], -1)


def _search(
    plane: _Plane, usable: BoolArray, options: PlateauOptions
) -> tuple[float, float, int, float, IntArray] | None:
    """Return the division of best quality: its level, reach, density, quality and labels."""
    import numpy as np

    best: tuple[float, float, int, float, IntArray] | None = None
    # Downwards, and the first of equals wins: the highest level that gives a division is the one at
    # which the fewest cells are above it, and chance has least to make clusters of.
    levels = plane.level[plane.present]
    thresholds = np.unique(np.quantile(levels, _LEVEL_QUANTILES))[::-1]
    for threshold in thresholds if options.level is None else (options.level,):
        for reach, density in options.settings:
            labels = _cluster(plane, plane.level, usable, threshold, reach, density)
            quality = _quality(levels, labels[plane.present])
            if quality > (best[3] if best else 0.0):
                best = (float(threshold), reach, density, quality, labels)
    return best


def _cluster(
    plane: _Plane,
    level: FloatArray,
    usable: BoolArray,
    threshold: float,
    reach: float,
    density: int,
) -> IntArray:
    """Label the clusters of the cells above a level, from 0 on; -1 is the rest."""
    import numpy as np

    above = plane.framed(usable & (level > threshold))
    labels = plane.unframed(dbscan(above, reach, density))
    kept = 0
    for k in range(labels.max() + 1):
        members = labels == k
        small = np.count_nonzero(members) < _LEAST_CELLS
        labels[members] = -1 if small else kept
        kept += not small
    return labels


def dbscan(cells: BoolArray, reach: float, density: int) -> IntArray:
    """Label the clusters that DBSCAN finds among the cells of a plane, int64[x, y].

    On a plane a cell's neighbours are known by their places, so that some hundred clusterings of a
    map take a tenth of what they would by distances. The labels are those of scikit-learn's
    ``DBSCAN(eps=reach, min_samples=density)`` of the cells' positions, row by row.

    Parameters
    ----------
    cells
        bool[x, y]. Labels count from 0 on, in the order of each cluster's first core; -1 is a cell
        of none.
    reach
        1 joins cells that share a side, 1.5 those that share a corner too.
    density
        Cells within reach of a core, itself included, at least.
    """
    import numpy as np
    from scipy import ndimage

    near = np.ones((3, 3), np.int64)
    if reach < math.sqrt(2):
        near[::2, ::2] = 0
    counts = ndimage.correlate(cells.astype(np.int64), near, mode="constant")
    cores = cells & (counts >= density)
    joined, count = ndimage.label(cores, near)
    if not count:
        return np.full(cells.shape, -1, np.int64)
    # In the order of their first cells, whatever the order that they were found in.
    numbers = np.full(count + 1, count, np.int64)
    places, first = np.unique(joined.ravel()[cores.ravel()], return_index=True)
    numbers[places[np.argsort(first)]] = np.arange(count)
    labels = numbers[joined]
    # A cell at a border is of the first cluster that has a core within its reach.
    border = ndimage.minimum_filter(labels, footprint=near, mode="constant", cval=count)
    found: IntArray = np.where(cells, border, count)
    found[found == count] = -1
    return found


def _quality(level: FloatArray, labels: IntArray) -> float:
    """Return how well a division explains the levels, less for what it covers of the map."""
    import numpy as np

    cells = level.size
    groups = labels.max() + 2
    covered = np.count_nonzero(labels >= 0)
    spread = float(((level - level.mean()) ** 2).sum())
    if groups < 2 or covered == cells or cells <= groups or spread == 0.0:
        return 0.0
    within = sum(
        float(((level[labels == k] - level[labels == k].mean()) ** 2).sum())
        for k in range(-1, labels.max() + 1)
    )
    adjusted = 1 - (within / (cells - groups)) / (spread / (cells - 1))
    return float(adjusted * (1 - covered / cells))


def _moran(plane: _Plane, rng: np.random.Generator) -> tuple[float, float]:
    """Return Moran's I of the map, cells that share a side as neighbours, and its p by shuffles."""
    import numpy as np

    levels = plane.level[plane.present]
    centred = levels - levels.mean()
    spread = float((centred**2).sum())
    if spread == 0.0:
        return 0.0, 1.0
    shuffles = rng.permuted(np.tile(centred, (_MAP_SHUFFLES, 1)), axis=1)
    # What is no cell has no part in any product.
    maps = np.zeros((1 + _MAP_SHUFFLES, *plane.present.shape))
    maps[:, plane.present] = np.concatenate([centred[None], shuffles])
    products = (maps[:, 1:] * maps[:, :-1]).sum(axis=(1, 2)) + (
        maps[:, :, 1:] * maps[:, :, :-1]
    ).sum(axis=(1, 2))
    # A shuffle that equals the map itself must not lose to it by a rounding.
    at_least = np.count_nonzero(products[1:] >= products[0] - 1e-12 * spread)
    smoothness = float(products[0] / spread * plane.size / max(_joins(plane.present), 1))
    return smoothness, (1 + at_least) / (1 + _MAP_SHUFFLES)


def _most_joins_by_chance(
    plane: _Plane,
    usable: BoolArray,
    field: BoolArray,
    threshold: float,
    reach: float,
    density: int,
    rng: np.random.Generator,
) -> float:
    """Return the joins that a cluster exceeds once in a hundred where the field is shuffled."""
    import numpy as np

    most = []
    field = field & plane.present
    level = plane.level
    dealt, dealt_usable = level.copy(), usable & field
    for _ in range(_CLUSTER_SHUFFLES):
        order = rng.permutation(np.count_nonzero(field))
        dealt[field], dealt_usable[field] = level[field][order], usable[field][order]
        labels = _cluster(plane, dealt, dealt_usable, threshold, reach, density)
        most.append(max((_joins(labels == k) for k in range(labels.max() + 1)), default=0))
    return float(np.quantile(most, 1 - _CLUSTER_SIGNIFICANCE, method="higher"))


def _joins(members: BoolArray) -> int:
    """Return how many pairs of members share a side."""
    import numpy as np

    return int(
        np.count_nonzero(members[1:] & members[:-1])
        + np.count_nonzero(members[:, 1:] & members[:, :-1])
    )


def _describe(members: BoolArray, cells: Cells, candidates: pl.DataFrame, grid: Grid) -> Plateau:
    import numpy as np

    names = _map_axes(grid)
    x, y = (np.asarray(grid.values[name], np.float64) for name in names)
    at_x, at_y = np.nonzero(members)
    stable = cells.stable[members]
    center = (
        float(np.average(x[at_x], weights=stable)),
        float(np.average(y[at_y], weights=stable)),
    )
    classes = grid.strategy.stop_classes
    plateau = Plateau(
        rank=0,
        stop_class=None if classes is None else classes.of(center[names.index(classes.parameter)]),
        cells=tuple(zip(x[at_x].tolist(), y[at_y].tolist(), strict=True)),
        combinations=int(stable.sum()),
        level=float(stable.sum() / cells.total[members].sum()),
        stability=math.nan,
        center=center,
    )
    own = plateau.candidates(candidates, grid)
    if own.is_empty():
        return plateau
    trades = own["Total_OOS_Trades"].to_numpy() if "Total_OOS_Trades" in own.columns else [math.nan]
    return replace(
        plateau,
        stability=float(own["Stability_Score"].to_numpy().mean()),
        trades=float(np.median(trades)),
    )


def _map_axes(grid: Grid) -> tuple[str, str]:
    """Return the names of the map's parameters.

    Raises
    ------
    InputError
        If the strategy has no map.
    """
    grid = instance("grid", grid, Grid, "wfo.Grid(...)")
    if grid.strategy.map_axes is None:
        raise InputError(no_map(grid.strategy))
    return grid.strategy.map_axes


def _count(candidates: pl.DataFrame, grid: Grid) -> Cells:
    """Count candidates over the map plane."""
    import numpy as np

    cells = Cells.empty(grid)
    found: list[IntArray] = []
    for name in _map_axes(grid):
        if name not in candidates.columns:
            raise InputError(f"the candidates lack the column {brief(name)}; wfo.score returns it")
        axis = np.asarray(grid.values[name], np.float64)
        order = np.argsort(axis)
        values = candidates[name].cast(float).to_numpy()
        at = order[np.searchsorted(axis, values, sorter=order).clip(max=len(axis) - 1)]
        strange = axis[at] != values
        if strange.any():
            raise InputError(
                f"candidates hold {name} = {values[strange][0]}, which is not in the grid"
            )
        found.append(at)
    np.add.at(cells.stable, tuple(found), 1)
    return cells

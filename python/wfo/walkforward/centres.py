"""The combination in the middle of the best plateau or region of a scored grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfo.grid import Grid
from wfo.selection.plateaus import Plateau, detect_plateaus
from wfo.selection.regions import Box, bounding_box, find_region, sample_digits, within
from wfo.selection.scoring import SetCounts
from wfo.walkforward.central import most_central
from wfo.walkforward.chosen import Chosen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What scoring the phases of an in-sample part comes to.

    Attributes
    ----------
    grid
        What was scored.
    counts
        How many combinations are stable, and where on the map.
    index, stability
        The best of them by flat index, int64[m], with their scores, float64[m], best first.
    sampled, stable
        Combinations that regions are found in, by flat index, int64[s], and whether each is stable,
        bool[s]; None where no region is looked for.
    """

    grid: Grid
    counts: SetCounts
    index: IndexArray
    stability: FloatArray
    sampled: IndexArray | None = None
    stable: BoolArray | None = None

    @property
    def note(self) -> str:
        """What the counts do not show by themselves."""
        return "; ".join(self.counts.warnings)

    def chosen(self, members: BoolArray, box: Box, note: str = "") -> Chosen:
        """Return the most central of the members; without any the middle of a box.

        Parameters
        ----------
        members
            Which of the best lie in a plateau or region, bool[m].
        box
            Smallest and largest value of every parameter there.
        note
            What is particular.
        """
        note = "; ".join(filter(None, (self.note, note)))
        inside = self.index[members]
        if not len(inside):
            middle = _middle(self.grid, box)
            note = "; ".join(filter(None, (note, "no stable combination of it was kept")))
            return Chosen(middle, self.grid.params(middle), None, 0, note)
        index = most_central(self.grid, inside)
        score = float(self.stability[self.index == index][0])
        return Chosen(index, self.grid.params(index), score, len(inside), note)


def best_plateau(scored: Scored) -> tuple[Plateau | None, str]:
    """Return the best plateau, and why there is none."""
    import polars as pl

    grid = scored.grid
    columns = {n: grid.column(n, scored.index) for n in grid.strategy.map_axes or ()}
    frame = pl.DataFrame({**columns, "Stability_Score": scored.stability})
    found = detect_plateaus(frame, grid, cells=scored.counts.cells)
    return (found[0], "") if len(found) else (None, found.note)


def centre_of_plateau(scored: Scored) -> Chosen:
    """Return the most central stable combination in the cells of the best plateau."""
    import numpy as np

    grid = scored.grid
    plateau, note = best_plateau(scored)
    if plateau is None:
        return _none(scored, "plateau", note)
    x, y = grid.strategy.map_axes or ("", "")
    places = [{float(v): i for i, v in enumerate(grid.values[name])} for name in (x, y)]
    cells = np.zeros([len(grid.values[name]) for name in (x, y)], np.bool_)
    for u, v in plateau.cells:
        cells[places[0][u], places[1][v]] = True
    members = cells[grid.digits(x, scored.index), grid.digits(y, scored.index)]
    return scored.chosen(members, bounding_box(plateau, grid))


def centre_of_region(scored: Scored) -> Chosen:
    """Return the most central stable combination of the region of the best plateau.

    Where the strategy has no map, the region is that of the whole grid.
    """
    import numpy as np

    grid, sampled, stable = scored.grid, scored.sampled, scored.stable
    assert sampled is not None  # noqa: S101  # who asks for a region has sampled
    assert stable is not None  # noqa: S101  # likewise
    plateau = None
    if grid.strategy.map_axes is not None:
        plateau, note = best_plateau(scored)
        if plateau is None:
            return _none(scored, "region", note)
    region = find_region(grid, sample_digits(grid, sampled), stable, plateau)
    members = np.ones(len(scored.index), np.bool_)
    for name, (low, high) in region.bounds.items():
        values = grid.column(name, scored.index)
        members &= (values >= low) & (values <= high)
    return scored.chosen(members, region.bounds, region.note)


def _none(scored: Scored, what: str, note: str) -> Chosen:
    return Chosen.nothing("; ".join(filter(None, (scored.note, f"no {what}: {note}"))))


def _middle(grid: Grid, box: Box) -> int:
    """Return the flat index of the combination in the middle of a box."""
    inside = within(grid, box)
    index = 0
    for length in inside.lengths:
        index = index * length + length // 2
    found = grid.find(inside.params(index))
    assert found is not None  # noqa: S101  # a part of a grid has no others
    return found

"""The cells of a walk-forward matrix with their neighbours: averages, ranks, and lone ones."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from wfo.arguments import one_of
from wfo.errors import InputError
from wfo.files.limits import MATRIX_CELLS
from wfo.walkforward.matrix_cells import FIGURES, MatrixCell
from wfo.windows import Length

#: What cells are ranked by unless another figure is asked for: its neighbourhood average.
RANKED_BY = "excess_annual"


@dataclass(frozen=True, slots=True, eq=False)
class CellTable:
    """Cells by kind, then in-sample length, then out-of-sample length.

    The *neighbourhood* of a cell is the cell and the up to eight cells around it: of the same kind,
    with the next shorter or longer in-sample and out-of-sample length, as far as they could be
    done.

    Attributes
    ----------
    in_samples, out_of_samples
        The lengths, ascending.
    kinds
        ``"rolling"``, ``"anchored"`` or both.
    cells
        All of them.

    Raises
    ------
    InputError
        If there is not one cell of each kind and pair of lengths, in order, or there are too many.
    """

    in_samples: tuple[Length, ...]
    out_of_samples: tuple[Length, ...]
    kinds: tuple[str, ...]
    cells: tuple[MatrixCell, ...]

    def __post_init__(self) -> None:
        wanted = itertools.product(self.kinds, self.in_samples, self.out_of_samples)
        found = [(c.kind, c.in_sample, c.out_of_sample) for c in self.cells]
        if list(wanted) != found or not 0 < len(found) <= MATRIX_CELLS:
            raise InputError(
                f"a matrix has a cell for each kind and pair of lengths, in order, and 1 to"
                f" {MATRIX_CELLS}; these {len(found)} are others"
            )

    def cell(self, kind: str, inside: Length, out: Length) -> MatrixCell:
        """Return one cell.

        Raises
        ------
        InputError
            If there is none of that kind and these lengths.
        """
        one_of("kind", kind, self.kinds)
        for name, length, known in (
            ("in_sample", inside, self.in_samples),
            ("out_of_sample", out, self.out_of_samples),
        ):
            if length not in known:
                there = ", ".join(each.text for each in known)
                raise InputError(f"{name} = {length.text} is none of this matrix: {there}")
        return self.rows(kind)[self.in_samples.index(inside)][self.out_of_samples.index(out)]

    def rows(self, kind: str) -> list[tuple[MatrixCell, ...]]:
        """Return the cells of a kind: a row an in-sample length, a column an out-of-sample one."""
        across = len(self.out_of_samples)
        start = self.kinds.index(kind) * len(self.in_samples) * across
        return [
            self.cells[start + i * across : start + (i + 1) * across]
            for i in range(len(self.in_samples))
        ]

    def neighbours(self, cell: MatrixCell) -> list[MatrixCell]:
        """Return the up to eight cells around a cell that could be done, without the cell."""
        rows = self.rows(cell.kind)
        i = self.in_samples.index(cell.in_sample)
        j = self.out_of_samples.index(cell.out_of_sample)
        return [
            other
            for row in rows[max(i - 1, 0) : i + 2]
            for other in row[max(j - 1, 0) : j + 2]
            if other is not cell and other.done
        ]

    def neighbourhood(self, cell: MatrixCell, figure: str) -> float | None:
        """Return the mean of a figure over a cell and its neighbours.

        A neighbour whose figure is not defined is left out; None where the cell's own is not.
        """
        own = cell.figure(figure)
        if own is None:
            return None
        around = (other.figure(figure) for other in self.neighbours(cell))
        found = [own, *(value for value in around if value is not None)]
        return math.fsum(found) / len(found)

    def ranks(self, figure: str) -> list[int | None]:
        """Return the rank of every cell by its neighbourhood average, 1 for the best one.

        Equal ones rank alike; None where there is no average. Of drawdowns the least is the best.
        """
        sign = 1 if FIGURES[one_of("figure", figure, FIGURES)].least else -1
        averages = [self.neighbourhood(cell, figure) for cell in self.cells]
        ordered = sorted(sign * value for value in averages if value is not None)
        return [None if v is None else 1 + ordered.index(sign * v) for v in averages]

    def best(self, figure: str) -> MatrixCell | None:
        """Return the cell of rank 1, of several the one that is best itself.

        None where no neighbourhood average is defined.
        """
        sign = -1 if FIGURES[one_of("figure", figure, FIGURES)].least else 1
        ranked = zip(self.cells, self.ranks(figure), strict=True)
        first = [(sign * (cell.figure(figure) or 0.0), cell) for cell, rank in ranked if rank == 1]
        return max(first, key=lambda each: each[0])[1] if first else None

    def alone(self, cell: MatrixCell) -> bool:
        """Return whether a cell beats buy-and-hold, and no more than half of its neighbours do."""
        around = self.neighbours(cell)
        return cell.beats and 2 * sum(other.beats for other in around) <= len(around)

    @property
    def done(self) -> list[MatrixCell]:
        """The cells that have figures."""
        return [cell for cell in self.cells if cell.done]

"""A walk-forward matrix: many pairs of lengths on the same bars, beside each other."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.arguments import file_path, finite_number, instance, one_of, rebuilt, text, whole_number
from wfo.files.limits import MATRIX_CELLS
from wfo.text import printable
from wfo.walkforward.heat import HeatSheet, text_sheet
from wfo.walkforward.matrix_cells import AVERAGED, FIGURES, KINDS, HeldFigures, MatrixCell
from wfo.walkforward.matrix_charts import STYLES, fragment, write_sheet
from wfo.walkforward.matrix_sheet import matrix_sheet
from wfo.walkforward.matrix_table import RANKED_BY, CellTable
from wfo.walkforward.matrix_words import summary
from wfo.windows import Length

if TYPE_CHECKING:
    import polars as pl

#: Columns of a frame for TradeStation's conditions, in their order.
_CONDITIONS = ("profit", "efficiency", "profitable", "concentration", "drawdown")

#: Notes that are read, and characters of each; characters of a line of text, at least.
_NOTES, _LONGEST, _NARROWEST = 100, 1_000, 60


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WalkForwardMatrix:
    """Walk-forwards of several in-sample and out-of-sample lengths over the same traded bars.

    All cells begin to trade with the same bar, so that they differ by their lengths and not by the
    market that they met. The *neighbourhood* of a cell is the cell and the up to eight cells around
    it: of the same kind, with the next shorter or longer in-sample and out-of-sample length, as far
    as they could be done.

    Attributes
    ----------
    strategy, grid
        Names.
    symbols
        The symbol, or two; empty where they are not known.
    by
        What sets are chosen by.
    in_samples, out_of_samples
        The lengths, ascending.
    kinds
        ``"rolling"``, ``"anchored"`` or both.
    cells
        By kind, then in-sample length, then out-of-sample length.
    traded
        First and last date that all cells trade.
    bars
        How many bars these are.
    held
        Buy-and-hold over them.
    combinations
        Combinations of the grid.
    parts
        Distinct in-sample parts, in each of which the whole grid was searched once.
    searched
        Combinations that were looked at, over all of them.
    capital
        What each cell starts with, in currency.
    bars_per_year
        What makes figures annual.
    settings
        Costs and the like as plain values.
    ranked_by
        The figure by whose neighbourhood average cells are ranked.
    notes
        What was assumed or changed, one sentence each.
    """

    strategy: str
    grid: str
    symbols: tuple[str, ...]
    by: str
    in_samples: tuple[Length, ...]
    out_of_samples: tuple[Length, ...]
    kinds: tuple[str, ...]
    cells: tuple[MatrixCell, ...]
    traded: tuple[dt.date, dt.date]
    bars: int
    held: HeldFigures
    combinations: int
    parts: int
    searched: int
    capital: float
    bars_per_year: float
    settings: Mapping[str, object]
    ranked_by: str = RANKED_BY
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        one_of("ranked_by", self.ranked_by, FIGURES)
        # It checks that there is one cell of each.
        self._table()

    def _table(self) -> CellTable:
        return CellTable(self.in_samples, self.out_of_samples, self.kinds, self.cells)

    # Cells

    def cell(self, kind: str, in_sample: str | Length, out_of_sample: str | Length) -> MatrixCell:
        """Return one cell, as in ``matrix.cell("rolling", "3y", "6m")``.

        Raises
        ------
        InputError
            If there is none of that kind and these lengths.
        """
        inside = Length.of(in_sample, "in_sample")
        return self._table().cell(kind, inside, Length.of(out_of_sample, "out_of_sample"))

    def neighbours(self, cell: MatrixCell) -> list[MatrixCell]:
        """Return the up to eight cells around a cell that could be done, without the cell.

        Raises
        ------
        InputError
            If it is no cell of this matrix.
        """
        return self._table().neighbours(self._own(cell))

    def neighbourhood(self, cell: MatrixCell, figure: str = RANKED_BY) -> float | None:
        """Return the mean of a figure over a cell and its neighbours.

        A neighbour whose figure is not defined is left out; None where the cell's own is not.

        Raises
        ------
        InputError
            If it is no cell of this matrix, or has no such figure.
        """
        return self._table().neighbourhood(self._own(cell), figure)

    def alone(self, cell: MatrixCell) -> bool:
        """Return whether a cell is good by itself, and not as a part of something larger.

        It is where it beats buy-and-hold, and no more than half of its neighbours do.

        Raises
        ------
        InputError
            If it is no cell of this matrix.
        """
        return self._table().alone(self._own(cell))

    def ranks(self, figure: str | None = None) -> list[int | None]:
        """Return the rank of every cell by its neighbourhood average, 1 for the best one.

        Cells of both kinds are ranked together, equal ones alike; None where there is no average.

        Parameters
        ----------
        figure
            One of a cell's figures; `ranked_by` by default. Of drawdowns the least is the best.

        Raises
        ------
        InputError
            If a cell has no such figure.
        """
        return self._table().ranks(self.ranked_by if figure is None else figure)

    @property
    def best(self) -> MatrixCell | None:
        """The cell of rank 1, of several the best one itself; None without any average."""
        return self._table().best(self.ranked_by)

    @property
    def done(self) -> list[MatrixCell]:
        """The cells that have figures; the others have a reason."""
        return self._table().done

    @property
    def beating(self) -> int:
        """How many cells have earned more than buy-and-hold."""
        return sum(cell.beats for cell in self.cells)

    @property
    def passing(self) -> int:
        """How many cells meet all of TradeStation's conditions."""
        return sum(cell.passed for cell in self.cells)

    def _own(self, cell: MatrixCell) -> MatrixCell:
        found: MatrixCell = instance("cell", cell, MatrixCell, "a cell of this matrix")
        return self._table().cell(found.kind, found.in_sample, found.out_of_sample)

    # What it says

    def summary(self) -> list[str]:
        """Return what the matrix comes to, one sentence or two each.

        How many cells beat buy-and-hold and meet TradeStation's conditions, which ones are alone,
        which one is the first by its neighbourhood, which could not be done and why, and what the
        best of so many cells is by luck alone.
        """
        return summary(self._table(), self.held, self.traded, self.ranked_by)

    def frame(self) -> pl.DataFrame:
        """Return one row a cell: lengths, figures, neighbourhood averages, rank, and verdict.

        Columns ``…_around`` are averages over the neighbourhood, ``passed_…`` TradeStation's five
        conditions. Figures are fractions; null where one is not defined.
        """
        import polars as pl

        table = self._table()
        rows = []
        for cell, rank in zip(self.cells, self.ranks(), strict=True):
            verdict = cell.tradestation
            met: Sequence[bool | None] = [None] * len(_CONDITIONS)
            if verdict is not None:
                met = [condition.passed for condition in verdict.conditions]
            rows.append(
                {
                    "kind": cell.kind,
                    "in_sample": cell.in_sample.text,
                    "out_of_sample": cell.out_of_sample.text,
                    "origin": cell.origin,
                    "windows": cell.windows,
                    "chosen": cell.chosen,
                    **{name: cell.figure(name) for name in FIGURES},
                    **{f"{name}_around": table.neighbourhood(cell, name) for name in AVERAGED},
                    "rank": rank,
                    "beats": cell.beats if cell.done else None,
                    "alone": table.alone(cell) if cell.done else None,
                    "passed": cell.passed if cell.done else None,
                    **{f"passed_{n}": m for n, m in zip(_CONDITIONS, met, strict=True)},
                    "trades": cell.trades,
                    "exposure": cell.exposure,
                    "reason": cell.reason,
                }
            )
        floats = [*FIGURES, *(f"{name}_around" for name in AVERAGED), "exposure"]
        flags = ["beats", "alone", "passed", *(f"passed_{name}" for name in _CONDITIONS)]
        types: dict[str, Any] = dict.fromkeys(floats, pl.Float64) | dict.fromkeys(flags, pl.Boolean)
        types |= {"origin": pl.Date, "rank": pl.Int64}
        return pl.DataFrame(rows, schema_overrides=types, infer_schema_length=None)

    def sheet(self) -> HeatSheet:
        """Return the tables that text, pages and images show."""
        names = "/".join(self.symbols)
        heading = " ".join(part for part in (names, self.strategy, "walk-forward matrix") if part)
        return matrix_sheet(
            self._table(),
            self.held,
            title=heading,
            subtitle=(
                f"{self.grid}, {self.combinations:,} combinations, chosen by {self.by}; traded"
                f" {self.traded[0]} to {self.traded[1]}, {self.bars:,} bars; {self.parts:,}"
                f" in-sample parts, {self.searched:,} backtests"
            ),
            ranked_by=self.ranked_by,
            notes=[*self.summary(), *self.notes],
        )

    def text(self, width: int = 80) -> str:
        """Return the tables and what they come to in plain characters, without colours.

        Parameters
        ----------
        width
            Characters a line; fewer than 60 are taken as 60.
        """
        shown = text_sheet(self.sheet(), max(whole_number("width", width), _NARROWEST))
        # Names and reasons may be those of a file.
        return printable(shown)

    def plot(self, path: str | Path) -> Path:
        """Write the tables as a picture, and return its file.

        Parameters
        ----------
        path
            A ``.png`` or ``.html`` file; a PNG needs matplotlib.

        Raises
        ------
        InputError
            If the ending is another one, or matplotlib is missing.
        ResultsError
            If the file cannot be written.
        """
        found = file_path("path", path)
        write_sheet(self.sheet(), found)
        return found

    def __repr__(self) -> str:
        inside, out = (
            ", ".join(each.text for each in lengths)
            for lengths in (self.in_samples, self.out_of_samples)
        )
        return (
            f"WalkForwardMatrix({self.strategy}, {self.grid}, by {self.by}: {len(self.cells)}"
            f" cells, {' and '.join(self.kinds)}, in-sample {inside}, out-of-sample {out};"
            f" {self.beating} of {len(self.done)} beat buy-and-hold)"
        )

    def _repr_html_(self) -> str:
        return f"<style>{STYLES}</style>\n{fragment(self.sheet())}"

    # Plain values

    def to_dict(self) -> dict[str, Any]:
        """Return the matrix as plain values, ready for JSON."""
        return {
            "strategy": self.strategy,
            "grid": self.grid,
            "symbols": list(self.symbols),
            "by": self.by,
            "in_samples": [each.text for each in self.in_samples],
            "out_of_samples": [each.text for each in self.out_of_samples],
            "kinds": list(self.kinds),
            "cells": [cell.to_dict() for cell in self.cells],
            "traded": [day.isoformat() for day in self.traded],
            "bars": self.bars,
            "held": self.held.to_dict(),
            "combinations": self.combinations,
            "parts": self.parts,
            "searched": self.searched,
            "capital": self.capital,
            "bars_per_year": self.bars_per_year,
            "settings": dict(self.settings),
            "ranked_by": self.ranked_by,
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> WalkForwardMatrix:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is something else.
        """

        def build(v: Mapping[str, Any]) -> WalkForwardMatrix:
            first, last = (dt.date.fromisoformat(day) for day in v["traded"])
            return cls(
                strategy=text("strategy", v["strategy"]),
                grid=text("grid", v["grid"]),
                symbols=tuple(text("symbol", each) for each in v["symbols"][:2]),
                by=text("by", v["by"]),
                in_samples=_lengths(v["in_samples"]),
                out_of_samples=_lengths(v["out_of_samples"]),
                kinds=tuple(one_of("kind", each, KINDS) for each in v["kinds"][: len(KINDS)]),
                cells=tuple(MatrixCell.from_dict(each) for each in v["cells"][: MATRIX_CELLS + 1]),
                traded=(first, last),
                bars=operator.index(v["bars"]),
                held=HeldFigures.from_dict(v["held"]),
                combinations=operator.index(v["combinations"]),
                parts=operator.index(v["parts"]),
                searched=operator.index(v["searched"]),
                capital=finite_number("capital", v["capital"]),
                bars_per_year=finite_number("bars_per_year", v["bars_per_year"]),
                settings=dict(instance("settings", v["settings"], Mapping, "a dict")),
                ranked_by=text("ranked_by", v["ranked_by"]),
                notes=tuple(text("note", each)[:_LONGEST] for each in v["notes"][:_NOTES]),
            )

        return rebuilt("matrix", data, build)


def _lengths(written: Sequence[str]) -> tuple[Length, ...]:
    return tuple(Length.of(each, "length") for each in written[:MATRIX_CELLS])

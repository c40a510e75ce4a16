"""Tables of figures with a colour for each, as values that pictures are drawn from.

A colour says on which side of a middle a figure lies, and how far: blue on the better side, orange
on the worse one, which eyes that see no red or no green tell apart. The figure itself stands in its
cell, so that nothing is lost without colours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from wfo.colours import is_dark, mixed
from wfo.text import wrap_text

#: Colours from the worse end over the middle to the better one (ColorBrewer's PuOr and RdBu).
SCALE = ("#b35806", "#e08214", "#fdb863", "#fee0b6", "#f7f7f7", "#d1e5f0", "#92c5de", "#4393c3",
         "#2166ac")  # fmt: skip

#: Colour of a cell without a figure.
NONE = "#e3e3e3"


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One cell of a table.

    Attributes
    ----------
    text
        The figure as it is written.
    at
        Where it lies on the scale, -1 to 1; None without a figure.
    told
        The cell in one sentence.
    failing
        Whether a sign beside the figure says that a verdict is not passed.
    alone
        Whether a broken outline says that its neighbours are no good.
    best
        Whether a full outline says that it is the first of all.
    """

    text: str
    at: float | None
    told: str
    failing: bool = False
    alone: bool = False
    best: bool = False

    @property
    def colour(self) -> str:
        """Its colour as ``#rrggbb``."""
        return NONE if self.at is None else colour(self.at)

    @property
    def dark(self) -> bool:
        """Whether what is written on it must be light."""
        return is_dark(self.colour)


@dataclass(frozen=True)
class HeatPanel:
    """One table.

    Attributes
    ----------
    title
        What the figures are, with their unit.
    across, up
        What columns and rows are.
    columns, rows
        Their labels.
    cells
        A row of cells for each label of `rows`.
    ends
        The figures at the worse end of the scale, in the middle and at the better end, as text.
    middle
        What the middle is, in words.
    """

    title: str
    across: str
    up: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[tuple[HeatCell, ...], ...]
    ends: tuple[str, str, str]
    middle: str

    def each(self) -> Iterator[tuple[int, int, HeatCell]]:
        """Yield row, column and cell of every cell."""
        for i, row in enumerate(self.cells):
            for j, cell in enumerate(row):
                yield i, j, cell


@dataclass(frozen=True)
class HeatSheet:
    """Tables below and beside each other, with what is to be known of them.

    Attributes
    ----------
    title, subtitle
        What they are of.
    groups
        A heading, and the tables under it.
    legend
        What signs and outlines mean, one sentence each.
    notes
        What the tables come to, one sentence each.
    """

    title: str
    subtitle: str
    groups: tuple[tuple[str, tuple[HeatPanel, ...]], ...]
    legend: tuple[str, ...]
    notes: tuple[str, ...]

    @cached_property
    def panels(self) -> tuple[HeatPanel, ...]:
        """All tables in order."""
        return tuple(panel for _, panels in self.groups for panel in panels)


def colour(at: float) -> str:
    """Return the colour of a place on the scale, -1 to 1, as ``#rrggbb``."""
    return mixed(SCALE, (at + 1) / 2)


# Characters


def text_table(panel: HeatPanel, width: int = 80) -> list[str]:
    """Return a table in plain characters, in pieces where it is wider than `width`.

    Signs stand behind a figure: ``x`` where the verdict is not passed, ``!`` where a cell is alone,
    ``1`` at the first of all.
    """
    label = max(len(panel.up), *(len(row) for row in panel.rows))
    written = [[_signed(cell) for cell in row] for row in panel.cells]
    cell = max(*(len(t) for row in written for t in row), *(len(c) + 2 for c in panel.columns))
    most = max((width - 4 - label) // (cell + 1), 1)
    lines = [panel.title]
    for start in range(0, len(panel.columns), most):
        part = slice(start, start + most)
        head = "".join(f" {c + '  ':>{cell}}" for c in panel.columns[part])
        lines.append(f"  {panel.up:<{label}}  {head}".rstrip())
        lines += [
            f"  {name:>{label}}  {''.join(f' {t:>{cell}}' for t in row[part])}".rstrip()
            for name, row in zip(panel.rows, written, strict=True)
        ]
    return lines


def _signed(cell: HeatCell) -> str:
    # In a fixed place, so that figures stand below each other.
    verdict = "x" if cell.failing else " "
    return f"{cell.text}{verdict}{'!' if cell.alone else '1' if cell.best else ' '}"


def text_sheet(sheet: HeatSheet, width: int = 80) -> str:
    """Return tables in plain characters, two beside each other where they fit."""
    lines = [sheet.title, *wrap_text(sheet.subtitle, width)]
    for heading, panels in sheet.groups:
        lines += ["", heading]
        left = list(panels)
        while left:
            pair = [text_table(panel, width) for panel in left[:2]]
            wide = max(map(len, pair[0])) + 3
            beside = len(pair) == 2 and wide + max(map(len, pair[1])) <= width
            taken = 2 if beside else 1
            lines.append("")
            if beside:
                lines += [f"{a:<{wide}}{b}".rstrip() for a, b in zip(*pair, strict=True)]
            else:
                lines += pair[0]
            del left[:taken]
    lines.append("")
    for each in (*sheet.legend, *sheet.notes):
        lines += wrap_text(each, width, hang="  ")
    return "\n".join(lines) + "\n"

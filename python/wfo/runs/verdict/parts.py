"""What a page of a verdict or a walk-forward is made of, as text or in a browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wfo.errors import InputError


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes
    ----------
    rows
        Cells as text, the headings first; all of one length.
    align
        A character a column: ``<`` to the left, ``>`` to the right.
    caption
        What stands above it; empty without one.
    """

    rows: tuple[tuple[str, ...], ...]
    align: str
    caption: str = ""

    def __post_init__(self) -> None:
        if not self.rows or any(len(row) != len(self.align) for row in self.rows):
            raise InputError(f"rows of {len(self.align)} cells are asked for")


@dataclass(frozen=True, slots=True)
class Explained:
    """What a figure means, and where it misleads."""

    name: str
    meaning: str
    misleads: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a text page that are laid out already."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A value that a chart marks.

    Attributes
    ----------
    label, value
        What it is called, and where it lies.
    text
        The value as text.
    """

    label: str
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values lie where, with marks; a page of text leaves it out.

    Attributes
    ----------
    title
        What it shows.
    values
        The values; what is not finite is counted, and not drawn.
    low, high
        The ends of its axis as text, in the order of the finite values and marks.
    marks
        What is marked, such as the real one.
    """

    title: str
    values: tuple[float, ...]
    low: str
    high: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Dots:
    """Single values on an axis, with marks; a page of text leaves it out.

    Attributes
    ----------
    title, values, low, high, marks
        As in `Histogram`.
    """

    title: str
    values: tuple[float, ...]
    low: str
    high: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar an item, from 0 on; a page of text leaves it out.

    Attributes
    ----------
    title
        What it shows.
    items
        Label, length and the length as text of each, 0 or more.
    """

    title: str
    items: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing: characters on a page of text, elements in a browser.

    Attributes
    ----------
    title
        What it shows.
    lines
        The characters; empty where a page of text leaves it out.
    drawn
        The elements, such as one of SVG, ready for a page.
    style
        CSS that they need.
    framed
        Whether the page gives them a frame with the title, which scrolls on a small screen.
    """

    title: str
    lines: tuple[str, ...]
    drawn: str
    style: str = ""
    framed: bool = True


Part = Words | Table | Explained | Lines | Histogram | Dots | Bars | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, and what stands below it."""

    title: str
    parts: tuple[Part, ...]


def ends(values: Sequence[float], marks: Sequence[Mark]) -> tuple[float, float] | None:
    """Return the least and the largest finite value of a chart; None where there is none."""
    import math

    known = [v for v in (*values, *(m.value for m in marks)) if math.isfinite(v)]
    return (min(known), max(known)) if known else None


def reasons_words(what: str, reasons: Sequence[str]) -> list[Words]:
    """Say why figures are not known, each reason once."""
    return [Words(f"Not known: {what}: {r}.") for r in dict.fromkeys(reasons) if r]

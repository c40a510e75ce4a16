"""The page of a verdict as text: its first lines, then every figure with what it means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wfo.runs.page import WIDEST, filled, page_table, said
from wfo.runs.verdict.parts import (
    Bars,
    Dots,
    Explained,
    Histogram,
    Lines,
    Part,
    Picture,
    Section,
    Table,
    Words,
)


def text(
    title: str,
    first: Sequence[str],
    sections: Sequence[Section],
    end: Sequence[str],
    widest: int = WIDEST,
) -> str:
    """Return the whole page.

    Parameters
    ----------
    title
        What the page is of.
    first
        Its first lines, a sentence an item.
    sections
        What stands below them.
    end
        Its last lines, such as the files that were written.
    widest
        Columns of tables, at most.
    """
    lines = ["", *said(*first, indent=""), "", *filled(title)]
    for section in sections:
        lines += ["", section.title]
        before: Part | None = None
        for part in section.parts:
            # What begins something else is set apart.
            if before is not None and (_begins(part) or _begins_words(before, part)):
                lines.append("")
            lines += _part(part, widest)
            before = before if isinstance(part, Histogram | Dots | Bars) else part
    return "\n".join([*lines, "", *end]) + "\n"


def _begins(part: Part) -> bool:
    return (isinstance(part, Table) and bool(part.caption)) or (
        isinstance(part, Picture) and bool(part.lines)
    )


def _begins_words(before: Part, part: Part) -> bool:
    return isinstance(part, Explained) and not isinstance(before, Explained)


def _part(part: Part, widest: int) -> Iterator[str]:
    if isinstance(part, Words):
        yield from said(part.text)
    elif isinstance(part, Explained):
        yield from said(f"{part.name}: {part.meaning} {part.misleads}")
    elif isinstance(part, Lines):
        yield from part.lines
    elif isinstance(part, Table):
        yield from _table(part, widest)
    elif isinstance(part, Picture):
        yield from part.lines
    else:
        # Charts repeat figures of tables; a terminal has none.
        assert isinstance(part, Histogram | Dots | Bars)  # noqa: S101


def _table(part: Table, widest: int) -> Iterator[str]:
    if part.caption:
        yield from said(f"{part.caption}:")
    if part.align == "<<" and not part.caption:
        # What is told in words is wrapped beside its name.
        width = max(len(name) for name, _ in part.rows)
        for name, words in part.rows:
            first, *rest = filled(words, " " * (width + 4))
            yield f"  {name:<{width}}  {first.strip()}"
            yield from rest
        return
    yield from page_table(part.rows, part.align, widest)

"""The page of a walk-forward matrix, as text and for a browser, and its table and picture."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from wfo.files import write_frame
from wfo.runs.verdict import html
from wfo.runs.verdict.page import text
from wfo.runs.verdict.parts import Explained, Part, Picture, Section, Table, Words
from wfo.runs.verdict.texts import NONE, share
from wfo.runs.walkforward import words as say
from wfo.runs.walkforward.curves import has_matplotlib
from wfo.runs.walkforward.found import WalkFindings
from wfo.runs.walkforward.page import end_lines
from wfo.runs.walkforward.sections import (
    WIDTH,
    account_costs,
    assumed_of_findings,
    criterion_words,
    missing_bars,
    not_known,
    noted,
    sentences,
)
from wfo.text import printable
from wfo.walkforward.heat import text_sheet
from wfo.walkforward.matrix import WalkForwardMatrix
from wfo.walkforward.matrix_cells import MatrixCell
from wfo.walkforward.matrix_charts import STYLES, fragment

_CHANCE = "Whether chance does as well: a permutation test is of one cell, as a walk-forward."

_SAME = "by every cell: in-sample parts end where these begin, and so begin on different dates"


def text_page(found: WalkFindings, matrix: WalkForwardMatrix) -> str:
    """Return the whole page, at most 98 columns wide.

    Parameters
    ----------
    found
        Folder, bars, files and what else is not in the matrix.
    matrix
        The matrix.
    """
    end = [*end_lines(found), *_next(matrix, found.command)]
    sections = _sections(found, matrix)
    # Names may be those of others' files.
    return printable(text(_title(matrix), _first(found, matrix), sections, end, WIDTH))


def html_page(found: WalkFindings, matrix: WalkForwardMatrix) -> str:
    """Return the whole page as HTML that loads nothing.

    Parameters
    ----------
    found, matrix
        As in `text_page`.
    """
    return html.page(_title(matrix), _first(found, matrix), _sections(found, matrix))


def write_matrix(matrix: WalkForwardMatrix, folder: Path, picture: Path) -> list[Path]:
    """Write ``matrix.csv``, and a picture where matplotlib is there; return the files.

    Raises
    ------
    ResultsError
        If one cannot be written.
    """
    table = folder / "matrix.csv"
    write_frame(table, matrix.frame())
    return [table, matrix.plot(picture)] if has_matplotlib() else [table]


def _next(matrix: WalkForwardMatrix, command: str) -> Iterator[str]:
    """Yield how one cell is looked at, where `command` makes the matrix."""
    cell = matrix.best
    if cell is None or cell.origin is None:
        return
    own = ["--in", cell.in_sample.text, "--out", cell.out_of_sample.text]
    own += ["--anchored"] if cell.kind == "anchored" else []
    # By default a cell alone may be chosen by something else.
    own += ["--by", matrix.by, "--from", str(cell.origin)]
    others = _without(shlex.split(command), ("--matrix", "--by", "--from", "--name"), _FLAGS)
    yield ""
    if others is None:
        yield "Next, look at a cell window by window; in place of the matrix, the first by rank:"
        yield f"  {shlex.join(own)}"
    else:
        yield "Next, look at a cell window by window, as at the first by rank:"
        yield f"  {shlex.join([*others, *own])}"


#: Options without a value that are of the matrix alone.
_FLAGS = ("--anchored", "--rolling", "--fresh")


def _without(
    words: Sequence[str], options: Sequence[str], flags: Sequence[str]
) -> list[str] | None:
    """Return the words of a command without those of some options; None without the first one.

    Where the command leaves that one to a file of options, nothing can be put in its place.
    """
    kept, rest, there = [], iter(words), False
    for word in rest:
        name, equals, _ = word.partition("=")
        there = there or name == options[0]
        if name in options:
            if not equals:
                next(rest, None)
        elif word not in flags:
            kept.append(word)
    return kept if there else None


def _title(matrix: WalkForwardMatrix) -> str:
    symbols = " with ".join(matrix.symbols) or "unnamed bars"
    return (
        f"Walk-forward matrix of {symbols}, {matrix.strategy} on {matrix.grid}, by {matrix.by}:"
        f" {len(matrix.cells)} walk-forwards over the same traded bars"
    )


def _first(found: WalkFindings, matrix: WalkForwardMatrix) -> list[str]:
    """Return what a page begins with: warnings, and what the cells show together."""
    slip, fee = account_costs(matrix.settings)
    costs = None if slip is None or fee is None else slip + fee
    span, counted, *rest = matrix.summary()
    lines = [
        *missing_bars(found),
        say.no_costs(costs),
        say.high_costs(slip or 0.0, fee or 0.0),
        counted,
        span,
        *rest,
        *noted(found),
    ]
    return [line for line in lines if line]


def _sections(found: WalkFindings, matrix: WalkForwardMatrix) -> tuple[Section, ...]:
    # What it comes to stands above, and is not said twice.
    sheet = replace(matrix.sheet(), notes=())
    # Its first line is the title, which the page has.
    shown = text_sheet(sheet, WIDTH - 2).splitlines()[1:]
    lines = tuple(f"  {line}".rstrip() for line in shown)
    maps = Picture(sheet.title, lines, fragment(sheet), STYLES, framed=False)
    assumed: list[Part] = [Table(tuple(_assumed(found, matrix)), "<<")]
    return (
        Section("Maps: a row an in-sample length, a column an out-of-sample length", (maps,)),
        Section("Every cell", tuple(_tables(matrix))),
        Section("What was assumed", (*assumed, *map(Words, sentences(matrix.notes)))),
        not_known(found, matrix.symbols, matrix.searched, _CHANCE),
    )


def _tables(matrix: WalkForwardMatrix) -> Iterator[Part]:
    heads = (
        "In / out", "Windows", "A year", "To B&H", "Around", "Fall", "WFE a year", "Trades", "Met",
        "Rank",
    )  # fmt: skip
    ranks = dict(zip(matrix.cells, matrix.ranks(), strict=True))
    for kind in matrix.kinds:
        rows: list[tuple[str, ...]] = [heads]
        rows += [_row(matrix, cell, ranks[cell]) for cell in matrix.cells if cell.kind == kind]
        yield Table(tuple(rows), "<>>>>>>>>>", kind.capitalize())
    yield Explained(
        "To B&H, Around, Rank",
        "annual return minus buy-and-hold's; its mean over the cell and the cells next to it; and"
        " the rank by that mean.",
        "The best cell of many is lucky: a good one among bad ones is an accident, whatever its own"
        " figure.",
    )
    yield Explained(
        "WFE a year, Met",
        "walk-forward efficiency of all its windows, by years, and how many of TradeStation's five"
        " conditions are met.",
        "In-sample profits compound over the in-sample length, and so efficiencies of different"
        " lengths do not compare.",
    )


def _row(matrix: WalkForwardMatrix, cell: MatrixCell, rank: int | None) -> tuple[str, ...]:
    name = f"{cell.in_sample.text} / {cell.out_of_sample.text}"
    if not cell.done:
        return (name, *[NONE] * 9)
    verdict = cell.tradestation
    conditions = () if verdict is None else verdict.conditions
    met = sum(each.passed for each in conditions)
    return (
        name,
        f"{cell.windows:,}",
        share(cell.annual_return),
        share(cell.excess_annual),
        share(matrix.neighbourhood(cell, "excess_annual")),
        share(cell.max_drawdown_share),
        share(cell.wfe_annual),
        f"{cell.trades:,}",
        f"{met} of {len(conditions)}",
        NONE if rank is None else str(rank),
    )


def _assumed(found: WalkFindings, matrix: WalkForwardMatrix) -> Iterator[tuple[str, str]]:
    yield from assumed_of_findings(found, matrix.settings)
    first, last = matrix.traded
    yield "Traded", f"{first} to {last}, {matrix.bars:,} bars, {_SAME}"
    yield "Chosen by", criterion_words(matrix.by) + (f"; {found.rules}" if found.rules else "")
    each = f"{matrix.grid}, {matrix.combinations:,} combinations on each of {matrix.parts:,}"
    yield "Searched", f"{each} in-sample parts, which cells share; {matrix.searched:,} in all"

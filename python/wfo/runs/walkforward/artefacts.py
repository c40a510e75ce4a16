"""Pages and tables of a walk-forward, of a matrix, and of a program's walk-forward."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.files import is_there, naming_the_file, remove_file, write_frame, write_text
from wfo.runs.walkforward import html, matrix_page, page
from wfo.runs.walkforward.csv_files import write_tables
from wfo.runs.walkforward.curves import write_picture
from wfo.runs.walkforward.programs_page import program_page
from wfo.text import printable

if TYPE_CHECKING:
    from wfo.runs.walkforward.found import WalkFindings

#: Names of pages, of pictures, and of the table of windows.
HTML, MATRIX_HTML = "walkforward.html", "matrix.html"
PNG, MATRIX_PNG = "walkforward.png", "matrix.png"
WINDOWS = "windows.csv"


def text_page(found: WalkFindings) -> str:
    """Return the page as text."""
    if found.walk is not None:
        return page.text_page(found, found.walk)
    if found.matrix is not None:
        return matrix_page.text_page(found, found.matrix)
    assert found.program is not None  # noqa: S101  # there is one of the three
    # Names may be those of others' files.
    return printable("\n".join([program_page(found.program), *page.end_lines(found)])) + "\n"


def html_page(found: WalkFindings) -> str:
    """Return the page for a browser."""
    if found.walk is not None:
        return html.html_page(found, found.walk)
    if found.matrix is not None:
        return matrix_page.html_page(found, found.matrix)
    return f"<pre>{escape(text_page(found))}</pre>"


def write_pages(found: WalkFindings) -> list[Path]:
    """Write pages and tables into the folder, and return their files.

    Raises
    ------
    ResultsError
        If one cannot be written.
    """
    folder = found.folder
    if found.program is not None:
        table = folder / WINDOWS
        write_frame(table, found.program.table)
        return [table]
    if found.walk is not None:
        path = folder / HTML
        more = [*write_tables(found.walk, folder), *write_picture(found.walk, folder / PNG)]
    else:
        assert found.matrix is not None  # noqa: S101  # there is one of the three
        path = folder / MATRIX_HTML
        more = matrix_page.write_matrix(found.matrix, folder, folder / MATRIX_PNG)
    write_text(path, html_page(found))
    for name in (PNG, MATRIX_PNG):
        # A picture of earlier bars, where none can be drawn now.
        if folder / name not in more and is_there(folder / name):
            with naming_the_file(folder / name):
                remove_file(folder / name)
    return [path, *more]

"""Files as people have them, packed or not, Parquet or text, as a table of raw cells."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from wfo.data.importing.tables.containers import open_content
from wfo.data.importing.tables.parquet import read_parquet
from wfo.data.importing.tables.table import Table
from wfo.data.importing.tables.texts import is_table, read_text
from wfo.errors import DataError
from wfo.text_files import other_kind


def read_table(path: str | Path, *, columns: Sequence[str] | None = None) -> Table:
    """Read a file of bars without interpreting its cells.

    Parameters
    ----------
    path
        The file: a text or Parquet, which is known by its contents, whatever the file is called;
        alone in a zip archive, or packed by gzip, bzip2 or xz. Fields of a text are separated by
        comma, semicolon, tab, bar or blanks; it is in UTF-8, UTF-16, or an older encoding under
        which its headings are known.
    columns
        Names of its columns in their order, ``-`` for one that is not read; its headings say what
        they are when ``None``.

    Returns
    -------
    Table
        Columns of text are strings. Those of prices and volumes are float64 where every cell of all
        of them is a plain numeral, without signs of thousands, and no point can be such a sign.

    Raises
    ------
    DataError
        If the file is missing, empty, a folder, unreadable, of another kind (web page, workbook),
        has no known headings, has a line with a wrong number of fields, or is beyond a limit.
    InputError
        If `columns` does not fit.
    """
    path = Path(path)
    if str(path) == "-":
        raise DataError("standard input is not read: save it into a file, and name that")
    # Of a name that no file can have this says no, where that of the path raises.
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder: name one file of bars in it")
    try:
        with open_content(path, lambda first: is_table(first, columns)) as content:
            first = next(content.blocks(), b"")
            if first.startswith(b"PAR1"):
                table = read_parquet(content, path, columns)
            elif (kind := other_kind(first)) is not None:
                raise DataError(f"{path.name} is {kind}")
            elif not first:
                raise DataError(f"{path.name} is empty")
            else:
                table = read_text(content, first, columns)
            notes = (content.note, *table.notes) if content.note else table.notes
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    return dataclasses.replace(table, notes=notes)

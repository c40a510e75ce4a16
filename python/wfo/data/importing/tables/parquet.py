"""A Parquet file as a table of raw cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from wfo.data.importing.headings.recognising import recognise
from wfo.data.importing.tables.containers import Content
from wfo.data.importing.tables.named_columns import check_count, named
from wfo.data.importing.tables.table import NUMBERS, Table, kept_columns
from wfo.data.importing.vendors.finding import find_vendor
from wfo.data.row_names import RowNames
from wfo.errors import DataError
from wfo.files.limits import BARS_ROWS, TABLE_BYTES
from wfo.files.opening import read_bytes
from wfo.files.parquet import Column, ParquetFile
from wfo.text import shown

#: What columns of a Parquet file may hold, by field; of others it does not matter.
_NUMBERS: Final = frozenset({"text", "integer", "float", "half", "decimal", "nothing"})
_STAMPS: Final = frozenset({"text", "integer", "float", "date", "stamp"})
_KINDS: Final[Mapping[str, frozenset[str]]] = {
    "date": _STAMPS,
    "datetime": _STAMPS,
    "time": frozenset({"text", "integer", "float", "time"}),
    **dict.fromkeys(NUMBERS, _NUMBERS),
    "ticker": frozenset({"text", "integer", "nothing"}),
}
#: What messages call such a column.
_WORDS: Final[Mapping[str, str]] = {
    "nested": "lists or structs",
    "duration": "durations",
    "bytes": "bytes",
    "boolean": "true and false",
    "date": "dates",
    "time": "times of day",
    "stamp": "dates with times",
    "decimal": "decimals",
    "half": "numbers of 16 bits",
    "nothing": "nothing but empty cells",
}


def read_parquet(content: Content, path: Path, names: Sequence[str] | None) -> Table:
    """Read a Parquet file.

    Parameters
    ----------
    content
        Its bytes.
    path
        The file.
    names
        Names of its columns, where a user gives them.

    Raises
    ------
    DataError
        If it is broken, holds no rows or too many, or a column from which its field is not read.
    """
    name = content.name
    whole = content.whole() if content.note else read_bytes(path, most=TABLE_BYTES)
    try:
        # Apart: a file of others may hold what makes the process that unpacks it crash.
        with ParquetFile(whole, apart=True) as file:
            _check_rows(name, file.rows)
            if not file.rows:
                raise DataError(f"{name} holds no bars: it has columns but no rows")
            headings = tuple(file.names)
            if names is not None:
                check_count(name, names, len(headings))
            fields = recognise(headings) if names is None else named(names)
            known = kept_columns(fields)
            for number, field in known.items():
                _check_kind(name, field, file.columns[number])
            found = file.read_columns(list(known))
    except OSError as error:
        raise DataError(
            f"{name} is a broken Parquet file, or one that is not read ({error}): get it again, or "
            "save it as CSV"
        ) from error
    rows = RowNames("row", range(1, file.rows + 1))
    columns = dict(zip(known, found, strict=True))
    vendor = find_vendor(headings) if names is None else None
    return Table(name, headings, columns, rows, "", fields, vendor)


def _check_kind(name: str, field: str, column: Column) -> None:
    """Raise unless a column of a Parquet file holds what its field can be read from."""
    kind = column.kind[0]
    what = f"{name}: column {shown(column.name)}"
    if kind not in _KINDS.get(field, _STAMPS):
        held = _WORDS.get(kind, "values of a type that is not read")
        raise DataError(
            f"{what} holds {held}, from which no {field} is read: leave it out of the file, or "
            "save it as text, dates or numbers"
        )
    if kind == "stamp" and not column.is_zone_known:
        raise DataError(
            f"{what} is in the time zone {shown(column.zone)}, which is not in the data base of"
            " time zones: save it in one that is, such as UTC"
        )


def _check_rows(name: str, count: int) -> None:
    if count > BARS_ROWS:
        raise DataError(f"{name} has more than {BARS_ROWS:,} rows: split it into several files")

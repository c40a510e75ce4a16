"""What is stored of files that were always read right: the same bytes as ever.

The digests were made with version 0.1.0 as it was before files of more kinds were read. The first
of each is that of the bars, the second that of Parquet, which differs between versions of Polars.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
from pathlib import Path
from typing import Any, Final

import bar_files
import polars as pl
import pytest
from bar_forms import FORMS
from mutated_files import TIMEFRAMES

from wfo.data import read_bars

#: Version of Polars that wrote the bytes.
POLARS: Final = "2.1.0"
STORED: Final = Path(__file__).parent / "stored_bytes.json"


def content_of(name: str) -> bytes:
    """Return a file of a form; always the same."""
    form = FORMS[name]
    rng = random.Random(f"stored {name}")
    lines = bar_files.make_lines(form, bar_files.make_bars(rng, form, 40))
    text = bar_files.render(lines, form.separator, form.quote, form.newline)
    return text.encode(form.encoding)


def stored(name: str, folder: Path) -> list[Any]:
    """Read a file of a form; return digests of its bars and of Parquet, and what else is kept."""
    form = FORMS[name]
    path = folder / "XYZ.csv"
    path.write_bytes(content_of(name))
    how: dict[str, Any] = {**(form.how or {"calendar": "none"})}
    how["timeframe"] = TIMEFRAMES.get(form.minutes, "1day")
    bars = read_bars(path, **how)
    file = io.BytesIO()
    bars.frame.write_parquet(file, compression="zstd")
    rows = "".join(f"{row}\n" for row in bars.frame.rows())
    digests = [hashlib.sha256(found).hexdigest()[:32] for found in (rows.encode(), file.getvalue())]
    return [*digests, bars.origin.timezone, bars.origin.repaired]


EXPECTED: Final = json.loads(STORED.read_text("utf-8")) if STORED.exists() else {}


@pytest.mark.parametrize("name", EXPECTED)
def test_stored_bytes(name: str, tmp_path: Path) -> None:
    found, expected = stored(name, tmp_path), EXPECTED[name]
    if pl.__version__ != POLARS:
        found[1] = expected[1]
    assert found == expected


def test_there_are_many() -> None:
    assert len(EXPECTED) >= 15

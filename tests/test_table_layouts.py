"""How texts of bars are laid out: whatever stands around the bars, the same bars are found."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest

from wfo.data.importing.tables import containers, records
from wfo.data.importing.tables.reading import read_table
from wfo.data.importing.tables.table import Table
from wfo.errors import DataError, InputError

BARS = [
    ("2024-01-11", 1234.5, 1241.0, 1230.0, 1240.0),
    ("2024-01-12", 1240.25, 1245.5, 1236.25, 1237.75),
    ("2024-01-16", 1238.0, 1239.5, 1225.75, 1230.5),
]
ROWS = """2024-01-11,1234.5,1241,1230,1240,1000
2024-01-12,1240.25,1245.5,1236.25,1237.75,1250
2024-01-16,1238,1239.5,1225.75,1230.5,990
"""
HEAD = "date,open,high,low,close,volume\n"
TITLES = "https://www.example.com/data\nXYZ, daily prices, New York\n\n"
PIPES = (HEAD + ROWS).replace(",", "|")
MARKDOWN = "".join(f"| {line} |\n" for line in PIPES.replace("|", " | ").splitlines())


def ruled(text: str) -> str:
    head, rest = text.split("\n", 1)
    return f"{head}\n|---|---|---|---|---|---|\n{rest}"


def aligned(text: str, gap: str) -> str:
    """Return a table in columns, right-aligned."""
    rows = [line.split(",") for line in text.splitlines()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [[c.rjust(w) for c, w in zip(row, widths, strict=True)] for row in rows]
    return "".join(gap.join(line) + "\n" for line in lines)


#: Texts that hold `BARS`, with a part of each note that is due.
LAYOUTS: dict[str, tuple[str, list[str]]] = {
    "plain": (HEAD + ROWS, []),
    "without a line break at the end": (HEAD + ROWS.replace("990", "9900").rstrip("\n"), []),
    "cut in the last cell": (
        HEAD + ROWS[:-2],
        ["its last cell is shorter than those before: the file may have been cut short"],
    ),
    "old line ends": ((HEAD + ROWS).replace("\n", "\r"), []),
    "Windows line ends": ((HEAD + ROWS).replace("\n", "\r\n"), []),
    "a line before": ("Created on 03-04-2024\n" + HEAD + ROWS, ["line 1 was skipped, 'Created"]),
    "a title with dates": (
        "XYZ 2023-01-11 2024-01-12 4 2 3\n" + HEAD + ROWS,
        ["line 1 was skipped, 'XYZ 2023"],
    ),
    "lines before": (TITLES + HEAD + ROWS, ["2 lines were skipped, the first of them line 1"]),
    "many lines before": (
        "".join(f"# key {i}: value\n" for i in range(40)) + HEAD + ROWS,
        ["40 lines were skipped"],
    ),
    "a heading as a comment": ("# " + HEAD + ROWS, []),
    "comments among bars": (
        HEAD + ROWS.replace("2024-01-12", "# a remark, of two\n2024-01-12"),
        ["1 line was skipped that begin with #, the first of them line 3"],
    ),
    "blank lines": ("\n \n" + HEAD + "\n\n" + ROWS.replace("\n", "\n \n,,,,,\n, ,\n"), []),
    "separator named": ("sep=;\n" + (HEAD + ROWS).replace(",", ";"), []),
    "another separator named": ('"sep=|"\n' + PIPES, []),
    "separator at the end of all lines": ((HEAD + ROWS).replace("\n", ",\n"), []),
    "separator at the end of bars": (HEAD + ROWS.replace("\n", ",\n"), []),
    "separators at the end of the heading": (HEAD.replace("\n", ",,\n") + ROWS, []),
    "semicolons": ((HEAD + ROWS).replace(",", ";"), []),
    "tabs": ((HEAD + ROWS).replace(",", "\t"), []),
    "pipes": (PIPES, []),
    "table of Markdown": (ruled(MARKDOWN), ["line 2 was skipped, '|---|"]),
    "blanks": ((HEAD + ROWS).replace(",", " "), []),
    "columns between blanks": (aligned(HEAD + ROWS, " "), []),
    "columns between several blanks": (aligned(HEAD + ROWS, "   "), []),
    "headings of two words between blanks": (
        aligned((HEAD + ROWS).replace("volume", "Total Volume"), "   "),
        [],
    ),
    "all in quotes": (
        "".join(
            ",".join(f'"{cell}"' for cell in line.split(",")) + "\n"
            for line in (HEAD + ROWS).splitlines()
        ),
        [],
    ),
    "yfinance": (
        "Price,Open,High,Low,Close,Volume\nTicker,XYZ,XYZ,XYZ,XYZ,XYZ\nDate,,,,,\n" + ROWS,
        ["2 lines were skipped, the first of them line 2"],
    ),
    "yfinance, ticker of digits": (
        "Price,Open,High,Low,Close,Volume\nTicker,7203,7203,7203,7203,7203\nDate,,,,,\n" + ROWS,
        ["2 lines were skipped, the first of them line 2"],
    ),
    "yfinance, levels in the other order": (
        "Ticker,XYZ,XYZ,XYZ,XYZ,XYZ\nPrice,Open,High,Low,Close,Volume\nDate,,,,,\n" + ROWS,
        ["line 1 was skipped", "line 3 was skipped"],
    ),
    "yfinance without the name of the index": (
        "Price,Open,High,Low,Close,Volume\nTicker,XYZ,XYZ,XYZ,XYZ,XYZ\n" + ROWS,
        ["line 2 was skipped", "'Price' holds the time stamps"],
    ),
    "pandas-datareader": (
        "Attributes,Open,High,Low,Close,Volume\nSymbols,X,X,X,X,X\nDate,,,,,\n" + ROWS,
        ["2 lines were skipped, the first of them line 2"],
    ),
    "groups above headings": (
        ",Prices,,,,Activity\n" + HEAD + ROWS,
        ["line 1 was skipped"],
    ),
    "units below headings": (
        HEAD + "(UTC),USD,USD,USD,USD,shares\n" + ROWS,
        ["line 2 was skipped, '(UTC),USD"],
    ),
    "row names of R": ('"open","high","low","close","volume"\n' + ROWS, []),
    "an index without a name": (",open,high,low,close,volume\n" + ROWS, []),
    "stamps under a name that says nothing": (
        "when,open,high,low,close,volume\n" + ROWS,
        ["'when' holds the time stamps"],
    ),
    "headings repeated": (
        HEAD + ROWS.replace("2024-01-16", HEAD + "2024-01-16"),
        ["1 line was skipped that repeat the headings"],
    ),
    "a footer": (
        HEAD + ROWS + "Downloaded from https://www.example.com\n",
        ["1 line was skipped behind the data, line 5, 'Downloaded from"],
    ),
    "a footer in quotes": (HEAD + ROWS + '"Downloaded 2024-01-17"\n', ["'Downloaded 2024-01-17'"]),
    "several lines behind": (
        HEAD + ROWS + "\n\nNo advice, and no offer.\nSource: Example, Inc., New York\n3 rows\n",
        ["3 lines were skipped behind the data, the first of them line 7, 'No advice"],
    ),
    "sums behind": (
        HEAD + ROWS + "Average,1237.6,1242,1230.7,1236.1,1080\n",
        ["1 line was skipped behind the data, line 5, 'Average,1237.6"],
    ),
    "a disclaimer of as many cells": (
        HEAD + ROWS + "----\nNo advice, no offer, no warranty, by Example, Inc., New York\n",
        ["2 lines were skipped behind the data, the first of them line 5, '----'"],
    ),
    "a sum of fewer cells": (HEAD + ROWS + "Mean,1,2,3,4\n", ["line 5, 'Mean,1,2,3,4'"]),
    "a sum without its cells": (HEAD + ROWS + "Total,3240\n", ["line 5, 'Total,3240'"]),
}


def bars(table: Table) -> list[tuple[object, ...]]:
    """Return the stamps and prices of a table."""
    position = table.fields.position
    stamp = position.get("date", position.get("datetime", table.fields.index))
    assert stamp is not None
    names = [position[name] for name in ("open", "high", "low", "close")]
    prices = [[float(cell) for cell in table.columns[number]] for number in names]
    return list(zip(table.columns[stamp].str.strip_chars(), *prices, strict=True))


def write(folder: Path, content: bytes, name: str = "bars.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def read(folder: Path, text: str, columns: Sequence[str] | None = None) -> Table:
    return read_table(write(folder, text.encode()), columns=columns)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_bars_are_found(layout: str, tmp_path: Path) -> None:
    text, parts = LAYOUTS[layout]
    table = read(tmp_path, text)
    assert bars(table) == BARS
    for part in parts:
        assert any(part in note for note in table.notes), table.notes
    if not parts:
        assert table.notes == ()


# What is no layout of bars, or may be one that is broken

SHORT = "2024-01-17,10,11\n"

BROKEN: dict[str, tuple[str, list[str]]] = {
    "a short line among bars": (
        HEAD + SHORT + ROWS,
        ["line 2: 3 fields where the header has 6: '2024-01-17,10,11'"],
    ),
    "words among bars": (
        HEAD + ROWS + "closed\n" + ROWS.replace("2024", "2025"),
        ["line 5: 1 field where the header has 6: 'closed'"],
    ),
    "a long line": (HEAD + ROWS + "2024-01-17,1,1,1,1,1,7\n", ["line 5: 7 fields"]),
    "a bar cut between cells": (
        HEAD + ROWS + SHORT,
        ["line 5: 3 fields", "the file ends in the middle of a bar"],
    ),
    "a bar cut in its date": (HEAD + ROWS + "2024-0", ["line 5: 1 field", "middle of a bar"]),
    "a bar in quotes": (HEAD + ROWS + '"2024-01-17,10,11,9,10.5,100"\n', ["line 5: 1 field"]),
    "a bar cut behind its date": (HEAD + ROWS + "2024-01-17,", ["line 5", "middle of a bar"]),
    "a month cut": (
        HEAD + "Jan 11 2024,1,1,1,1,1\n" + "Ja",
        ["line 3: 1 field", "middle of a bar"],
    ),
    "a bar cut in its ticker": (
        "ticker,date,open,high,low,close\nXYZ.A,2024-01-11,1,1,1,1\nXYZ",
        ["line 3: 1 field", "middle of a bar"],
    ),
    "prices without a date at the end": (HEAD + ROWS + "1,2,3,4,5\n", ["line 5: 5 fields"]),
    "a cut bar before a footer": (HEAD + ROWS + SHORT + "Downloaded today\n", ["line 5: 3 fields"]),
    "open quotes": (HEAD + '2024-01-12,"10,11,9,10,100\n', ["line 2: broken quotes"]),
    "a field over two lines": (
        HEAD + ROWS + '2024-01-17,"10\n",11,9,10,100\n',
        ["line 5: a quoted field does not end on its line"],
    ),
    "bars before the headings": (
        ROWS + HEAD + ROWS.replace("2024", "2025"),
        ["line 1: '2024-01-11,1234.5", "headings in line 4: put the headings first"],
    ),
    "headings that nobody knows": (
        "aa,bb,cc,dd,ee,ff\n" + ROWS,
        ["columns found: aa, bb, cc", "--columns"],
    ),
    "five columns": ("2024-01-17,10,11,9,10\n" * 2, ["(--columns date,open,high,low,close)"]),
    "eight columns": (
        "X,2024-01-17,10,11,9,10,5,7\n" * 2,
        ["(--columns -,date,open,high,low,close,volume,-)"],
    ),
    "no headings": (ROWS, ["has no header line: line 1 is already data", "--columns"]),
    "a web page": ("<table><tr><td>1</td></tr></table>", ["is a web page"]),
    "JSON": ('[{"date": "2024-01-11", "open": 1}]', ["is JSON, not a table: save it as CSV"]),
    "JSON over lines": ('{\n  "bars": [[1, 2, 3]]\n}', ["is JSON"]),
    "nothing but blank lines": ("\n \n\n", ["is empty"]),
    "nothing but a separator": ("sep=;\n", ["is empty but for its line 'sep=;'"]),
    "headings alone": (HEAD, ["holds no bars: nothing follows its header line"]),
    "headings and a footer": (HEAD + "No data\n", ["line 2: 1 field"]),
    "a zero byte": (HEAD + ROWS.replace("1230,", "12\x000,"), ["zero byte"]),
    "very many columns": ("open," * 60_000 + "\n", ["has 60,001 columns; 4,096 are read"]),
    "a very long heading": ("open" * 100_000 + "\n1\n", ["holds no bars"]),
    "a long line without bars": (HEAD + "x" * (1 << 20) + "x\n" + ROWS, ["line 2", "1,048,576"]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_may_be_a_bar_is_not_passed_over(case: str, tmp_path: Path) -> None:
    text, parts = BROKEN[case]
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)
    said = str(caught.value)
    assert said.startswith("bars.csv")
    assert "\n" not in said
    for part in parts:
        assert part in said


@pytest.mark.parametrize(
    "remark", ["2024-01-15,0.25 Dividend", "2024-01-15,2:1 Stock Split,", "2024-01-15,closed,,"]
)
def test_a_remark_on_a_day_is_a_row_of_its_own(remark: str, tmp_path: Path) -> None:
    table = read(tmp_path, HEAD + ROWS.replace("2024-01-16", f"{remark}\n2024-01-16"))
    cells = [table.columns[number][2] for number in range(6)]
    assert cells[:2] == remark.split(",")[:2]
    assert set(cells[2:]) == {""}
    assert table.rows.one(2) == "line 4"


# Names of columns that a user gives

NAMES = ["date", "open", "high", "low", "close", "volume"]


@pytest.mark.parametrize("before", ["", "any, title\n", HEAD, TITLES + HEAD])
def test_columns_are_named(before: str, tmp_path: Path) -> None:
    table = read(tmp_path, before + ROWS, NAMES)
    assert bars(table) == BARS
    assert table.headings == tuple(NAMES)
    assert bool(table.notes) == bool(before)


def test_columns_are_passed_over(tmp_path: Path) -> None:
    text = ROWS.replace("2024", "x;2024").replace(",", ";")
    table = read(tmp_path, text, ["-", "Date", "Open", "HIGH", "low", "close", "-"])
    assert bars(table) == BARS
    assert "volume" not in table.fields.position


def test_names_go_before_headings(tmp_path: Path) -> None:
    # What the file calls the close is the high here, and the other way round.
    names = ["date", "open", "close", "low", "high", "volume"]
    table = read(tmp_path, HEAD + ROWS, names)
    assert table.columns[table.fields.position["close"]][0] == 1241.0


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (NAMES[:5], r"5 columns are named \(--columns\), but line 1 of bars\.csv has 6"),
        ([*NAMES, "-"], r"7 columns are named \(--columns\), but line 1 of bars\.csv has 6"),
        ([*NAMES[:5], "volumne"], "unknown column 'volumne'; did you mean 'volume'"),
        ([*NAMES[:5], "close"], "close is named more than once"),
        (["-", *NAMES[1:]], "no column is named date or datetime"),
        (["date", "-", "-", "-", "close", "-"], "no column is named open, high, low"),
    ],
)
def test_names_that_do_not_fit(names: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path, ROWS, names)


def test_a_name_of_shares_before_the_date_is_no_comment(tmp_path: Path) -> None:
    text = HEAD + ROWS
    rows = text.replace("2024-", "#XYZ,2024-").replace("date", "ticker,date", 1)
    assert rows.count("#XYZ") == len(BARS)
    assert bars(read_table(write(tmp_path, rows.encode()))) == bars(
        read_table(write(tmp_path, text.encode()))
    )


def test_columns_of_parquet_are_named(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    pl.DataFrame({name: [1.0] for name in "abcde"}).with_columns(
        a=pl.lit("2024-01-11")
    ).write_parquet(path)
    table = read_table(path, columns=NAMES[:5])
    assert table.fields.position == {name: i for i, name in enumerate(NAMES[:5])}
    with pytest.raises(
        InputError, match=r"6 columns are named \(--columns\), but bars\.parquet has 5"
    ):
        read_table(path, columns=NAMES)


# Encodings

FOREIGN = {
    "cp1252": "Datum;Eröffnung;Hoch;Tief;Schluß;Volumen",
    "cp1250": "Data;Otwarcie;Najwyższy;Najniższy;Zamknięcie;Wolumen",
    "cp1251": "Дата;Открытие;Максимум;Минимум;Закрытие;Объем",
    "gb18030": "日期;开盘;最高;最低;收盘;成交量",
    "cp932": "日付;始値;高値;安値;終値;出来高",
    "cp949": "날짜;시가;고가;저가;종가;거래량",
}


@pytest.mark.parametrize("encoding", FOREIGN)
def test_the_encoding_is_that_of_the_headings(encoding: str, tmp_path: Path) -> None:
    head = FOREIGN[encoding]
    content = f"{head}\n{ROWS.replace(',', ';')}".encode(encoding)
    table = read_table(write(tmp_path, content))
    assert bars(table) == BARS
    assert "volume" in table.fields.position
    assert any("is not UTF-8; it was read as" in note for note in table.notes)


def test_a_sign_in_a_footer_does_not_keep_a_file_from_being_read(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, (HEAD + ROWS).encode() + b"\xa9 2024 Example\n"))
    assert bars(table) == BARS
    assert any("'\xa9 2024 Example'" in note for note in table.notes)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_unicode(encoding: str, tmp_path: Path) -> None:
    text = ("\u65e5\u4ed8" if encoding == "utf-16" else "date") + (HEAD + ROWS)[4:]
    assert bars(read_table(write(tmp_path, text.encode(encoding)))) == BARS


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ((HEAD + ROWS).encode() + b"2024-01-17,\x81,2,3,4,5\n", "line 5: byte 0x81 is not UTF-8"),
        (
            "ü,".encode() + HEAD.encode() + b"\xfc," + ROWS.encode(),
            "line 2: byte 0xfc is not UTF-8",
        ),
        (
            (HEAD + ROWS + "2024-01-17,€").encode()[:-1],
            "line 5: the file ends in the middle of a char",
        ),
        ((HEAD + ROWS).encode("utf-16")[:-1], "line 4: the file ends in the middle of a character"),
        ((HEAD + ROWS).encode("utf-32"), "is neither Parquet nor text"),
    ],
)
def test_what_is_in_no_encoding(content: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        read_table(write(tmp_path, content))


# Packed files


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


PLAIN = (HEAD + ROWS).encode()
PACKED = {
    "zip": zipped({"bars.csv": PLAIN}),
    "zip, stored": zipped({"any name": PLAIN}, zipfile.ZIP_STORED),
    "zip, bzip2": zipped({"bars.csv": PLAIN}, zipfile.ZIP_BZIP2),
    "zip with a folder and a text beside": zipped(
        {"d/": b"", "d/README.txt": b"x", "d/bars.txt": PLAIN, "__MACOSX/d/._bars.txt": b"\0"}
    ),
    "zip with a report beside": zipped({"DAT.csv": PLAIN, "DAT.txt": b"3 gaps", "x.pdf": b"%PDF"}),
    "zip with another table": zipped({"a.csv": b"name,age\nx,1\n", "b.csv": PLAIN}),
    "gzip": gzip.compress(PLAIN),
    "gzip in parts": gzip.compress(PLAIN[:50]) + gzip.compress(PLAIN[50:]) + bytes(20),
    "bzip2": bz2.compress(PLAIN),
    "xz": lzma.compress(PLAIN),
    "xz in parts": lzma.compress(PLAIN[:50]) + lzma.compress(PLAIN[50:]) + bytes(8),
}


@pytest.mark.parametrize("kind", PACKED)
def test_packed_files_are_read(kind: str, tmp_path: Path) -> None:
    # Known by their contents, not by their names.
    table = read_table(write(tmp_path, PACKED[kind]))
    assert bars(table) == BARS
    assert table.notes[0].startswith("unpacked ")
    assert table.name == "bars.csv"


def test_a_packed_table_may_be_read_twice(tmp_path: Path) -> None:
    # What can be thousands is found at the end, and all is read again as text.
    text = HEAD + "2024-01-11,1.250,1.300,1.200,1.250,1\n"
    for kind, content in (
        ("gz", gzip.compress(text.encode())),
        ("zip", zipped({"a": text.encode()})),
    ):
        table = read_table(write(tmp_path, content, f"bars.{kind}"))
        assert table.columns[1].to_list() == ["1.250"], kind


def test_parquet_is_unpacked(tmp_path: Path) -> None:
    stream = io.BytesIO()
    pl.DataFrame(BARS, schema=NAMES[:5], orient="row").write_parquet(stream)
    assert bars(read_table(write(tmp_path, zipped({"x.parquet": stream.getvalue()})))) == BARS


def encrypted(content: bytes) -> bytes:
    """Return an archive whose file says of itself that it is encrypted."""
    found = bytearray(zipped({"bars.csv": content}))
    found[6] |= 1
    found[found.index(b"PK\x01\x02") + 8] |= 1
    return bytes(found)


BAD_PACKED: dict[str, tuple[bytes, str]] = {
    "several tables": (
        zipped({"a.csv": PLAIN, "b.csv": PLAIN}),
        r"holds 2 files \('a.csv', 'b.csv'\): unpack it",
    ),
    "nothing": (zipped({}), "is a ZIP archive that holds nothing"),
    "empty file": (zipped({"a.csv": b""}), "is empty"),
    "workbook": (zipped({"[Content_Types].xml": b"", "xl/a.xml": b""}), "is an Excel workbook"),
    "encrypted": (encrypted(PLAIN), "is encrypted"),
    "another method": (zipped({"a.csv": PLAIN}, zipfile.ZIP_LZMA), "method 14, which is not read"),
    "packed twice": (gzip.compress(gzip.compress(PLAIN)), "is compressed with gzip: unpack it"),
    "zip in zip": (zipped({"a.csv": zipped({"b.csv": PLAIN})}), "is a ZIP archive or an Excel"),
    "cut zip": (zipped({"a.csv": PLAIN})[:-30], "is a ZIP archive that cannot be unpacked"),
    "cut gzip": (gzip.compress(PLAIN)[:-10], "cannot be unpacked"),
    "cut bzip2": (bz2.compress(PLAIN)[:-10], "cannot be unpacked"),
    "cut xz": (lzma.compress(PLAIN)[:-10], "cannot be unpacked"),
    "broken gzip": (gzip.compress(PLAIN)[:20] + b"x" * 50, "cannot be unpacked"),
    "wrong checksum": (gzip.compress(PLAIN)[:-8] + bytes(8), "cannot be unpacked"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(20), "is a 7z archive: unpack it first"),
}


@pytest.mark.parametrize("case", BAD_PACKED)
def test_what_cannot_be_unpacked(case: str, tmp_path: Path) -> None:
    content, said = BAD_PACKED[case]
    with pytest.raises(DataError, match=said) as caught:
        read_table(write(tmp_path, content))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, bz2.compress, lzma.compress, lambda content: zipped({"a.csv": content})],
)
def test_a_bomb_is_not_unpacked(
    pack: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "PACKED_SMALL", 10_000)
    monkeypatch.setattr(containers, "PACKED_RATIO", 2)
    assert len(read_table(write(tmp_path, pack(PLAIN))).columns[1]) == 3
    bomb = PLAIN + b"\n" * 20_000
    with pytest.raises(DataError, match="unpacks to more than 10,000 bytes"):
        read_table(write(tmp_path, pack(bomb)))


def test_a_long_directory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "ARCHIVE_DIRECTORY", 4096)
    content = zipped({f"{i:0100}": b"" for i in range(100)})
    with pytest.raises(DataError, match="its directory is longer"):
        read_table(write(tmp_path, content))


# Blocks: the same cells whatever way they are read


def test_columns_of_plain_numerals_are_numbers(tmp_path: Path) -> None:
    table = read(tmp_path, HEAD + ROWS.replace("1000", "").replace("990", "NaN"))
    assert [table.columns[i].dtype for i in range(6)] == [pl.String, *[pl.Float64] * 5]
    volume = table.columns[5].to_list()
    assert volume[:2] == [None, 1250.0]
    assert volume[2] != volume[2]


@pytest.mark.parametrize(
    ("row", "typed"),
    [
        ("1.250,1.300,1.200,1.250,1000", False),  # 1250 or 1.25
        ("1.250,1.300,1.200,1.250,0.5", True),
        ("1250.500,1300.250,1200.125,1250.500,1", True),
        ("0.250,0.300,0.200,0.250,1000", True),
        ("1250,1300,1200,1250,1000", True),
        ("1,1,1,1,1K", False),
        ("1,1,1,1,null", False),
        ("1,1,1,1,nan", False),
        ("1,1,1,1,inf", False),
        ("1,1,1,1,1e400", False),
        ("1,1,1,1,1_0", False),
        ("$1,1,1,1,1", False),
        (" 1 , 1 ,1 ,1,+1e3 ", True),
    ],
)
def test_numbers_stay_texts_where_they_may_be_something_else(
    row: str, typed: bool, tmp_path: Path
) -> None:
    table = read(tmp_path, f"{HEAD}2024-01-11,{row}\n2024-01-12,{row}\n")
    assert {table.columns[i].dtype for i in range(1, 6)} == {pl.Float64 if typed else pl.String}
    if not typed:
        assert [table.columns[i][1] for i in range(1, 6)] == row.split(",")


def test_blocks_are_joined_with_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "BLOCK", 1000)
    monkeypatch.setattr(records, "_ROWS", 70)
    lines = [f"{20_000 + i},{i}.5,{i + 1},{i},{i}.25,7" for i in range(1, 500)]
    for i in (60, 61, 300):
        lines.insert(i, "")
    lines[200] = lines[200].replace(",", ', "', 1).replace(",", '",', 2).replace('",', ",", 1)
    text = "\n".join([HEAD.rstrip(), *lines])
    table = read(tmp_path, text)
    numbers = [i + 2 for i, line in enumerate(lines) if line]
    assert list(table.rows.numbers) == numbers
    assert table.columns[1].to_list() == [i + 0.5 for i in range(1, 500)]
    assert table.columns[0].to_list() == [str(20_000 + i) for i in range(1, 500)]
    # As texts they are the same.
    texts = read(tmp_path, text.replace(",7\n", ",7K\n"))
    assert texts.columns[1].cast(pl.Float64).equals(table.columns[1])
    assert list(texts.rows.numbers) == numbers


@pytest.mark.parametrize("line", [1, 250, 498])
def test_an_uneven_line_is_found_in_any_block(
    line: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "BLOCK", 1000)
    lines = [HEAD.rstrip(), *(f"{20_000 + i},2,3,1,2,7" for i in range(1, 500))]
    lines[line] += ",1"
    if (
        line < 498
    ):  # one too short beside it, so that there are as many separators as there should be
        lines[line + 1] = lines[line + 1].removesuffix(",7")
    with pytest.raises(DataError, match=rf"line {line + 1}: 7 fields where the header has 6"):
        read(tmp_path, "\n".join(lines) + "\n")


def test_rows_are_taken_and_kept(tmp_path: Path) -> None:
    table = read(tmp_path, HEAD + ROWS)
    taken = table.take(pl.Series([2, 0], dtype=pl.UInt32))
    assert bars(taken) == [BARS[2], BARS[0]]
    assert taken.rows.many(range(2)) == "lines 4, 2"
    kept = table.keep(pl.Series([True, None, True]))
    assert bars(kept) == [BARS[0], BARS[2]]
    assert kept.rows.reversed().many(range(2)) == "lines 4, 2"
    assert table.keep(pl.Series([True] * 3)) is table


@pytest.mark.parametrize("head", ["oi,x", "date,x", "volume,x", "ticker,x"])
def test_a_table_may_lack_prices(head: str, tmp_path: Path) -> None:
    # Which columns are missing is said where they are read.
    table = read(tmp_path, f"{head}\n20240111,2\n")
    assert table.rows.one(0) == "line 2"
    assert not {"open", "high", "low", "close"} & table.fields.position.keys()


def test_the_ends_are_kept_as_written(tmp_path: Path) -> None:
    rows = [f"{20_000 + i}, 2,3,1,2,7" for i in range(20)]
    table = read(tmp_path, HEAD + "\n".join(rows))
    assert table.written == {i + 2: rows[i] for i in (*range(5), *range(15, 20))}

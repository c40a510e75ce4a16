"""Texts of bars for tests: valid ones of many kinds, and broken ones made of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from parquet_inputs import bars_frame


def seeds() -> dict[str, tuple[bytes, dict[str, str]]]:
    """Return valid files, with what to read them by."""
    frame = bars_frame(40)
    plain = frame.write_csv()
    rows = frame.rows()
    comma = "Date;Open;High;Low;Close;Volume\n" + "".join(
        f"{day:%d.%m.%Y};" + ";".join(f"{v:.4f}".replace(".", ",") for v in values) + "\n"
        for day, *values in rows
    )
    yahoo = "Date,Open,High,Low,Close,Adj Close,Volume\n" + "".join(
        f"{d},{o},{h},{low},{c},{c},{int(v)}\n" for d, o, h, low, c, v in rows
    )
    quoted = '"Date","Open","High","Low","Last","Vol."\n' + "".join(
        f'"{d:%m/%d/%Y}","${o:,.2f}","{h + 0.01:,.2f}","{low - 0.01:,.2f}","{c:,.2f}",'
        f'"{v / 1e3:.2f}K"\n'
        for d, o, h, low, c, v in rows
    )
    epoch = "unix,o,h,l,c,v\n" + "".join(
        f"{1_600_000_000 + 3600 * i},{o},{h},{low},{c},{v}\n"
        for i, (_, o, h, low, c, v) in enumerate(rows)
    )
    trade = "Date,Time,Open,High,Low,Close,Up,Down\n" + "".join(
        f"03/04/2024,{10 + i // 12:02d}:{i % 12 * 5:02d},{o},{h},{low},{c},{int(v)},7\n"
        for i, (_, o, h, low, c, v) in enumerate(rows)
    )
    return {
        "plain": (plain.encode(), {}),
        "comma": (comma.encode(), {}),
        "yahoo": (b"\xef\xbb\xbf" + yahoo.encode(), {}),
        "utf-16": (yahoo.replace("\n", "\r\n").encode("utf-16"), {}),
        "quoted": (quoted.encode(), {}),
        "epoch": (epoch.encode(), {"timeframe": "1hour", "calendar": "24/7"}),
        "trade": (trade.encode(), {"timeframe": "5min"}),
    }


#: What stands in no honest cell, or in few.
CELLS: Final = (
    *(b"", b" ", b"-", b"0", b"-1", b"nan", b"inf", b"-inf", b"1e400", b"1e-400", b"1E5", b"1e308"),
    *(b"9" * 400, b"0x10", b"1_000", b"1,5", b"1.234,5", b"1,234.5", b"$1", b"1K", b"(1)", b"1-"),
    *(
        b"+1",
        b".5",
        b"5.",
        b"'1",
        b'"1"',
        b'"',
        b'""',
        b"\x00",
        b"\xff",
        b"\xe2\x82\xac1",
        b"\xc2\xa01",
    ),
    *(b"\xd9\xa1\xd9\xa2", b"=1+1", b"2020-02-30", b"0000-01-01", b"-0001-01-01", b"10000-01-01"),
    *(b"2020-01-01T99:99", b"2020-01-01 00:00:00+99:99", b"1" * 19, b"9" * 19, b"9" * 18, b"null"),
    *(b"12:60", b"24:00", b"2020-01-01T00:00:00.123456789123Z", b"Jan 1, 2020", b"01/13/2020"),
    *(b"13/01/2020", b"x" * 200_000, b"\r", b"\x85", b"\xe2\x80\xa8", b"\x1b[2J"),
)


def _cell(at: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    for _ in range(at.choice((1, 1, 2, 5))):
        number = at.randrange(len(lines))
        mark = at.choice((b",", b";"))
        cells = lines[number].split(mark)
        cells[at.randrange(len(cells))] = at.choice(CELLS)
        lines[number] = mark.join(cells)
    return b"\n".join(lines)


def _column(at: random.Random, content: bytes) -> bytes:
    """Put one thing into every cell of a column."""
    mark = b";" if b";" in content else b","
    lines = [line.split(mark) for line in content.split(b"\n")]
    number, cell = at.randrange(len(lines[0])), at.choice(CELLS)
    for cells in lines[1:]:
        if len(cells) > number:
            cells[number] = cell
    return b"\n".join(mark.join(cells) for cells in lines)


def _flip(at: random.Random, content: bytes) -> bytes:
    found = bytearray(content)
    for _ in range(at.choice((1, 1, 2, 8))):
        found[at.randrange(len(found))] = at.choice((at.randrange(256), 44, 34, 10, 13, 59, 9, 46))
    return bytes(found)


def _cut(at: random.Random, content: bytes) -> bytes:
    return content[: at.randrange(len(content))]


def _splice(at: random.Random, content: bytes) -> bytes:
    start, first = at.randrange(len(content)), at.randrange(len(content))
    return content[:start] + content[first : first + at.randrange(1, 200)] + content[start:]


def _lines(at: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    one, other = at.randrange(len(lines)), at.randrange(len(lines))
    way = at.random()
    if way < 0.4:
        lines[one], lines[other] = lines[other], lines[one]
    elif way < 0.7:
        lines.insert(one, lines[other])
    else:
        del lines[one]
    return b"\n".join(lines)


def _head(at: random.Random, content: bytes) -> bytes:
    mark = b";" if b";" in content else b","
    head, end, rest = content.partition(b"\n")
    names = head.split(mark)
    way = at.random()
    if way < 0.4:
        at.shuffle(names)
    elif way < 0.7:
        names[at.randrange(len(names))] = at.choice(names)
    else:
        names[at.randrange(len(names))] = at.choice((b"", b"x", b"time", b"datetime", b"ticker"))
    return mark.join(names) + end + rest


def _coded(at: random.Random, content: bytes) -> bytes:
    text = content.decode("utf-8", "replace")
    coding = at.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-7"))
    return text.encode(coding, "replace")


WAYS: Final[tuple[Callable[[random.Random, bytes], bytes], ...]] = (
    *(_cell, _cell, _cell, _column, _column, _flip, _flip, _cut, _splice, _lines, _head, _coded),
)


def broken(
    number: int, valid: dict[str, tuple[bytes, dict[str, str]]]
) -> tuple[str, bytes, dict[str, str]]:
    """Return a broken file with what was done and what to read it by; the same for a number."""
    at = random.Random(number)
    name = at.choice(sorted(valid))
    content, how = valid[name]
    way = at.choice(WAYS)
    return f"{number}: {name}, {way.__name__[1:]}", way(at, content), how

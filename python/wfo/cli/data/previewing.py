"""What ``wfo data import --dry-run`` shows: bars as they are read, above the text they are from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wfo.cli.data.shared import say
from wfo.cli.terminal import echo
from wfo.text import listed, one_line, plain_number, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wfo.data import ImportedBars

#: Bars at either end that are shown.
_AT_EITHER_END: Final = 3

_WIDTH: Final = 80
#: Lines that the text of a bar takes at most.
_MOST_LINES: Final = 3
#: What stands between two cells, and never in one: a tab is shown as two blanks.
_BETWEEN: Final = ('",', "  ", ";", ",")
#: Digits of prices that are tried until a line is wide enough; the text below has all of them.
_DIGITS: Final = (12, 8, 7, 6)

_ENDS: Final = {
    "open": "the time at which its bar opens",
    "close": "the time at which its bar ends",
}


def preview(symbol: str, bars: ImportedBars, command: str) -> None:
    """Print what was read of a file, of which nothing is stored.

    Parameters
    ----------
    symbol
        The name that the bars would be stored under.
    bars
        What was read.
    command
        The command that stores them.
    """
    origin = bars.origin
    count = "1 bar" if bars.frame.height == 1 else f"{bars.frame.height:,} bars"
    stamps = _stamps(bars, [0, bars.frame.height - 1])
    say(f"{symbol} {bars.timeframe}: {count}, {stamps[0]} to {stamps[-1]}; nothing is stored")
    facts = [("file", origin.source), ("vendor", bars.vendor or "not known by what is in the file")]
    facts.append(("columns", listed(_column(*column) for column in bars.columns.items())))
    if bars.stamps is not None:
        facts.append(("time zone", bars.frame["datetime"].dtype.time_zone))  # type: ignore[attr-defined]
        facts.append(("a stamp is", _ENDS[bars.stamps]))
    facts += [("calendar", origin.calendar), ("adjust", origin.adjust)]
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        say(f"{name:{width}}  {one_line(value)}", indent=2)

    echo("")
    shown = _shown(bars)
    heads, *rows = _rows(bars, shown)
    echo(heads)
    left_out = bars.frame.height - len(shown)
    for position, (index, row) in enumerate(zip(shown, rows, strict=True)):
        if left_out and position == _AT_EITHER_END:
            echo(f"  ({left_out:,} more)")
        text = bars.written.get(bars.rows.numbers[index])
        echo(row)
        echo(_wrapped(f"{bars.rows.one(index)}" + ("" if text is None else f": {_plain(text)}")))
    echo("")
    for note in origin.notes:
        say(f"note: {note}", indent=2)
    for warning in origin.warnings:
        say(f"warning: {warning}", indent=2)
    say("to store them:", indent=2)
    echo(f"    {command}")  # on one line, as it is copied


def _column(field: str, heading: str) -> str:
    """Return what a column holds, and its heading where that is another word."""
    return field if heading.strip().casefold() in ("", field) else f"{field} {heading!r}"


def _plain(text: str) -> str:
    """Return a line of a file, with its tabs as blanks."""
    return one_line(text.replace("\t", "  "))


def _shown(bars: ImportedBars) -> Sequence[int]:
    """Return the numbers of the bars that are shown, from 0."""
    whole = range(bars.frame.height)
    few = len(whole) <= 2 * _AT_EITHER_END
    return whole if few else [*whole[:_AT_EITHER_END], *whole[-_AT_EITHER_END:]]


def _rows(bars: ImportedBars, shown: Sequence[int]) -> Iterator[str]:
    """Yield the headings and a line for each bar."""
    stamp, *fields = bars.frame.columns
    heads = [stamp.upper(), *(name.upper() for name in fields)]
    cells_of = bars.frame[list(shown)].select(fields).rows()
    days = _stamps(bars, shown)
    lines: list[str] = []
    for digits in _DIGITS:
        rows = [
            [day, *(_number(cell, 12 if name == "volume" else digits) for name, cell in named)]
            for day, cells in zip(days, cells_of, strict=True)
            for named in [list(zip(fields, cells, strict=True))]
        ]
        lines = table([heads, *rows], "<" + ">" * len(fields))
        if max(map(len, lines)) <= _WIDTH:
            break
    for line in lines:
        yield _cut(line)


def _stamps(bars: ImportedBars, indices: Sequence[int]) -> list[str]:
    name = bars.frame.columns[0]
    form = "%Y-%m-%d" if name == "date" else "%Y-%m-%d %H:%M"
    found: list[str] = bars.frame[name][list(indices)].dt.strftime(form).to_list()
    return found


def _number(value: float | None, digits: int) -> str:
    if value is None:
        return "-"
    short = f"{value:.{digits}g}"
    return plain_number(short) or short


def _wrapped(line: str) -> str:
    """Return a line of a file in several, broken between cells where it can be."""
    mark = next((m for m in _BETWEEN if m in line), "")
    found: list[str] = []
    indent = "    "
    while line and len(found) < _MOST_LINES:
        room = _WIDTH - len(indent) - len(" …")
        end = line.rfind(mark, 0, room) + len(mark) if mark else 0
        if len(line) <= room or end < room // 2:
            end = room
        found.append(indent + line[:end].rstrip())
        line = line[end:].lstrip()
        indent = "      "
    return "\n".join(found) + (" …" if line else "")


def _cut(line: str) -> str:
    return line if len(line) <= _WIDTH else line[: _WIDTH - 2] + " …"

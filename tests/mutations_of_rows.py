"""Mutations of files of bars: cells, lines and columns that are cut, swapped and doubled."""

from __future__ import annotations

import dataclasses
from typing import Final

from bar_files import Line
from drafts import PRICES, Draft, Mutation

# Cut


def cut_row(draft: Draft) -> bool:
    draft.lines.remove(draft.rng.choice(draft.rows[1:-1]))
    return True


def cut_rows_at_the_end(draft: Draft) -> bool:
    for line in draft.rows[-draft.rng.randint(1, 3) :]:
        draft.lines.remove(line)
    return True


def cut_cell(draft: Draft) -> bool:
    line = draft.rng.choice(draft.rows)
    del line.cells[draft.at(draft.rng.choice((*PRICES, "stamp")))]  # type: ignore[arg-type]
    draft.damage(line)
    return True


def empty_price(draft: Draft) -> bool:
    line = draft.rng.choice(draft.rows)
    line.cells[draft.at(draft.rng.choice(PRICES))] = draft.rng.choice(("", "-", "N/A", "null"))  # type: ignore[index]
    draft.damage(line)
    return True


def empty_stamp(draft: Draft) -> bool:
    line = draft.rng.choice(draft.rows)
    line.cells[draft.at("stamp")] = ""  # type: ignore[index]
    draft.damage(line, may_keep="unix" in draft.form.fields)
    return True


def empty_volume(draft: Draft) -> bool:
    return _volumes(draft, ("", ""))


def dash_for_volume(draft: Draft) -> bool:
    return _volumes(draft, ("-", "N/A", "--", "n/a", "null", "NaN"))


def _volumes(draft: Draft, signs: tuple[str, ...]) -> bool:
    number = draft.at("volume")
    if number is None:
        return False
    sign = draft.rng.choice(signs)
    if len({line.bar.time for line in draft.rows if line.bar}) < len(draft.rows):
        return False  # of a bar that is there twice, both are to be the same
    for line in draft.rng.sample(draft.rows, draft.rng.randint(1, 4)):
        line.cells[number] = sign
        line.bar = dataclasses.replace(line.bar, volume=None)  # type: ignore[type-var]
    return True


def cut_end(draft: Draft) -> bool:
    """Cut the file within its last bar, before the end of a price."""
    if draft.lines[-1].bar is None or draft.quote == "all":
        return False
    line = draft.lines[-1]
    keep = draft.rng.randint(1, max(draft.at(p) for p in PRICES) - 1)  # type: ignore[type-var]
    line.cells = line.cells[: keep + 1]
    line.cells[-1] = line.cells[-1][: draft.rng.randint(0, len(line.cells[-1]) - 1)]
    draft.last = False
    draft.damage(line)
    return True


def cut_first_line(draft: Draft) -> bool:
    first = draft.lines[0]
    if first.bar is not None:
        return False
    if first.is_head:
        # Without its names a file is what its numbers say.
        draft.certain, draft.may_keep, draft.names_place = False, True, False
    del draft.lines[0]
    return True


def cut_last_newline(draft: Draft) -> bool:
    draft.last = False
    return True


def cut_volume_column(draft: Draft) -> bool:
    number = draft.at("volume")
    # Of files that count ticks or money too, those are their volume then.
    counted = [heading for heading, _ in draft.form.columns if "vol" in heading.lower()]
    if number is None or not draft.heads or len(counted) > 1 or "Stücke" in str(draft.form.columns):
        return False
    for line in draft.table:
        del line.cells[number]
        if line.bar is not None:
            line.bar = dataclasses.replace(line.bar, volume=None)
    return _columns_are(draft, [i for i in range(len(draft.form.columns)) if i != number])


def cut_price_column(draft: Draft) -> bool:
    if not draft.heads:
        return False
    price = draft.rng.choice(PRICES)
    number = draft.at(price)
    for line in draft.table:
        del line.cells[number]  # type: ignore[arg-type]
        line.is_damaged = line.bar is not None
    draft.certain, draft.names_place = False, False
    return _columns_are(draft, [i for i in range(len(draft.form.columns)) if i != number])


def _columns_are(draft: Draft, numbers: list[int]) -> bool:
    found = tuple(draft.form.columns[i] for i in numbers)
    draft.form = dataclasses.replace(draft.form, columns=found)
    return True


# Swapped


def swap_columns(draft: Draft) -> bool:
    """Put columns into another order, the first of headings over two levels stays."""
    # A program that stamps ends is known by the order of its columns.
    if not draft.heads or draft.form.ends:
        return False
    kept = 1 if len(draft.heads) > 1 or not draft.heads[0].cells[0] else 0
    numbers = list(range(kept, len(draft.form.columns)))
    draft.rng.shuffle(numbers)
    numbers = [*range(kept), *numbers]
    for line in draft.table:
        line.cells = [line.cells[i] for i in numbers]
    return _columns_are(draft, numbers)


def swap_rows(draft: Draft) -> bool:
    one, other = draft.rng.sample(range(len(draft.rows)), 2)
    rows = draft.rows
    rows[one], rows[other] = rows[other], rows[one]
    return _rows_are(draft, rows)


def shuffle_rows(draft: Draft) -> bool:
    rows = draft.rows
    draft.rng.shuffle(rows)
    return _rows_are(draft, rows)


def reverse_rows(draft: Draft) -> bool:
    return _rows_are(draft, draft.rows[::-1])


def _rows_are(draft: Draft, rows: list[Line]) -> bool:
    given = iter(rows)
    draft.lines = [line if line.bar is None else next(given) for line in draft.lines]
    return True


def swap_high_and_low(draft: Draft) -> bool:
    return _swap(draft, draft.rng.choice(draft.rows), "high", "low")


def swap_volume_and_price(draft: Draft) -> bool:
    line = draft.rng.choice(draft.rows)
    price = draft.rng.choice(("open", "close", "low"))
    if line.bar is None or line.bar.volume is None or line.bar.volume <= 2 * line.bar.high:
        return False
    return draft.at("volume") is not None and _swap(draft, line, "volume", price)


def _swap(draft: Draft, line: Line, one: str, other: str) -> bool:
    a, b = draft.at(one), draft.at(other)
    assert a is not None
    assert b is not None
    line.cells[a], line.cells[b] = line.cells[b], line.cells[a]
    draft.damage(line)
    return True


_ORDERS: Final = {"%m/%d/%Y": "%d/%m/%Y", "%d/%m/%Y": "%m/%d/%Y"}


def swap_day_and_month(draft: Draft) -> bool:
    """Write all dates with the day before the month, or after it."""
    form = _ORDERS.get(str(draft.form.stamp))
    number = draft.at("stamp")
    if form is None or number is None:
        return False
    for line in draft.rows:
        month, day, year = line.cells[number].split("/")
        line.cells[number] = f"{day}/{month}/{year}"
    days = {line.cells[number].split("/")[0 if form[1] == "d" else 1] for line in draft.rows}
    return any(int(day) > 12 for day in days)


def swap_day_and_month_once(draft: Draft) -> bool:
    """Write one date in the other order, in which it is none."""
    number = draft.at("stamp")
    line = draft.rng.choice(draft.rows)
    parts = line.cells[number].split("/")  # type: ignore[index]
    if draft.form.stamp not in _ORDERS or len(parts) != 3 or max(map(int, parts[:2])) < 13:
        return False
    line.cells[number] = f"{parts[1]}/{parts[0]}/{parts[2]}"  # type: ignore[index]
    draft.damage(line, may_keep=True)
    return True


# Doubled


def double_row(draft: Draft) -> bool:
    number = draft.lines.index(draft.rng.choice(draft.rows))
    draft.lines.insert(number, draft.lines[number].copy())
    return True


def double_row_elsewhere(draft: Draft) -> bool:
    line = draft.rng.choice(draft.rows).copy()
    draft.lines.insert(draft.lines.index(draft.rng.choice(draft.rows)), line)
    return True


def double_with_another_price(draft: Draft) -> bool:
    line = draft.rng.choice(draft.rows)
    other = line.copy()
    assert line.bar is not None
    middle = (line.bar.high + line.bar.low) / 2
    close = line.bar.low if line.bar.close > middle else line.bar.high
    other.cells[draft.at("close")] = draft.form.price(close)  # type: ignore[index]
    draft.lines.insert(draft.lines.index(line), other)
    draft.damage(line)
    other.is_damaged = True
    draft.names_place = True
    return close != line.bar.close


def double_heading(draft: Draft) -> bool:
    if len(draft.heads) != 1:
        return False
    head = draft.heads[0]
    where = draft.rng.choice((head, *draft.rows[1:]))
    draft.lines.insert(draft.lines.index(where), head.copy())
    return True


def double_block(draft: Draft) -> bool:
    """Repeat some rows, as pieces that overlap are put together."""
    rows = draft.rows
    begin = draft.rng.randrange(len(rows) - 4)
    block = [line.copy() for line in rows[begin : begin + draft.rng.randint(2, 12)]]
    place = draft.lines.index(rows[-1]) + 1
    draft.lines[place:place] = block
    return True


def double_file(draft: Draft) -> bool:
    if len(draft.heads) > 1:
        return False
    draft.lines += [line.copy() for line in draft.lines]
    return True


def double_column(draft: Draft) -> bool:
    """Repeat a column of prices: which of them is meant, nobody has to guess."""
    if len(draft.heads) != 1:
        return False
    number = draft.at(draft.rng.choice(PRICES))
    for line in draft.table:
        line.cells.append(line.cells[number])  # type: ignore[index]
    draft.certain, draft.may_keep, draft.names_place = False, True, False
    draft.form = dataclasses.replace(draft.form, columns=(*draft.form.columns, ("", "again")))
    return True


#: After these a person can still tell all bars.
HARMLESS: Final[tuple[Mutation, ...]] = (
    cut_row, cut_rows_at_the_end, empty_volume, dash_for_volume, cut_last_newline,
    cut_volume_column, swap_columns, swap_rows, shuffle_rows, reverse_rows, swap_day_and_month,
    double_row, double_row_elsewhere, double_heading, double_block, double_file,
)  # fmt: skip

#: After these a bar is lost, or nobody can tell which cell is what.
HARMFUL: Final[tuple[Mutation, ...]] = (
    cut_cell, empty_price, empty_stamp, cut_end, cut_first_line, cut_price_column,
    swap_high_and_low, swap_volume_and_price, swap_day_and_month_once, double_with_another_price,
    double_column,
)  # fmt: skip

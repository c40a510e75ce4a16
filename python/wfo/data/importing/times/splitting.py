"""Cells with dates and times of day, cut in two."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wfo.data.importing.times.clock_times import BEGINS
from wfo.data.importing.times.dates import DATE
from wfo.data.importing.times.distinct import Distinct
from wfo.data.importing.times.words import LETTER

if TYPE_CHECKING:
    import polars as pl

#: What stands between date and time.
BETWEEN: Final = r"(?:[Tt ]+|[,;_@-] ?|,? at )"

#: Rows at a time that regular expressions cut: bounds the memory that takes.
_ROWS_AT_ONCE: Final = 100_000

_CLOCK: Final = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?: ?[AaPp]\.?[Mm]\.?)?"
#: Forms in which a time does not stand behind its date, and how they are written so that it does.
_TURNED: Final = (
    # Mon Jan  3 09:30:00 EST 2022, as clocks of computers say it.
    (
        rf"^(?:{LETTER}+,? )?({LETTER}{{3,}} [0-9][0-9]?) ({_CLOCK})( [A-Z]\S*|) ([0-9]{{4}})$",
        "$1 $4 $2$3",
    ),
    # 09:30 03/01/2022
    (rf"^({_CLOCK})[ ,]+({DATE})$", "$2 $1"),
    # 03/Jan/2022:09:30:00, as logs of web servers have it, 03JAN2022:09:30:00, as SAS has it, and
    # 2022-01-03:09:30.
    (r"^([0-9]{1,2}/?[A-Za-z]{3}/?[0-9]{4}):([0-9]{2}:.*)$", "$1 $2"),
    (r"^([0-9]{4}[-/.]?[0-9]{2}[-/.]?[0-9]{2}):([0-9]{1,2}:?[0-9]{2}.*)$", "$1 $2"),
)

#: Whole stamps in digits, with minutes, seconds or thousandths of them; and with hours.
_COMPACT_DATE: Final = r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])"
_COMPACT_TIME: Final = r"(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:[0-5][0-9](?:[0-9]{3})?)?)?"


def turned(text: pl.Series) -> pl.Series:
    """Return stamps with the date in front, judged by the first one.

    Marks of the direction of writing go, which Windows writes around dates; dashes are hyphens.
    """
    if not text.head(1).str.contains(r"^[\x00-\x7f]*$").all():
        text = text.str.replace_all("[\u200e\u200f]", "").str.replace_all("[\u2010-\u2015]", "-")
    for pattern, written in _TURNED:
        if text.head(1).str.contains(pattern).any():
            return text.str.replace(pattern, written)
    return text


def split_alike(
    text: pl.Series, date: str = DATE, between: str = BETWEEN
) -> tuple[Distinct, Distinct | None] | None:
    """Cut stamps that are all like the first one into dates and times; None where they are not.

    They are alike where all dates are as long as the first one, or none holds what stands between
    it and its time: then no regular expression need look at each of them.

    Parameters
    ----------
    text
        The stamps.
    date, between
        Regular expressions of a date, and of what stands between date and time.

    Returns
    -------
    dates, times
        Times are None where no stamp has one, and null where some have none.
    """
    head = text.head(1)
    pattern = f"^(?<date>{date})(?<between>{between})(?<time>{BEGINS}.*)$"
    parts = head.str.extract_groups(pattern).struct.unnest()
    if not len(head) or parts["date"].null_count():
        whole = _alike(text, date)
        return None if whole is None else (whole, None)
    first, sign = parts["date"][0], parts["between"][0]
    width = len(first) + len(sign)
    dates = _alike(text.str.head(width), date, sign)
    times = None if dates is None else _alike(text.str.slice(width), f"{BEGINS}.*")
    if times is None and sign and sign not in first:
        halves = text.str.splitn(sign, 2).struct.unnest().get_columns()
        dates = _alike(halves[0], date)
        times = None if dates is None else _alike(halves[1], f"{BEGINS}.*")
    return None if dates is None or times is None else (dates, times)


def _alike(cells: pl.Series, pattern: str, sign: str = "") -> Distinct | None:
    """Return cells whose distinct texts all fit a pattern, without a sign behind it; else None."""
    texts = cells.drop_nulls().unique()
    if not texts.str.contains(f"^(?:{pattern}){re.escape(sign)}$").all():
        return None
    found = Distinct.of(cells, texts)
    return Distinct(texts.str.strip_suffix(sign), found.codes) if sign else found


def split(text: pl.Series, date: str = DATE, between: str = BETWEEN) -> tuple[Distinct, Distinct]:
    """Cut stamps into dates and times; a text that is no stamp is all date, one without time null.

    Parameters
    ----------
    text
        The stamps.
    date, between
        As of `split_alike`.
    """
    import polars as pl

    pattern = f"^(?<date>{date})(?:{between}(?<time>{BEGINS}.*))?$"
    dates, times = [], []
    for begin in range(0, len(text), _ROWS_AT_ONCE):
        block = text.slice(begin, _ROWS_AT_ONCE)
        parts = block.str.extract_groups(pattern).struct.unnest()
        dates.append(parts.select(pl.coalesce("date", block)).to_series())
        times.append(parts["time"])
    return Distinct.of(pl.concat(dates)), Distinct.of(pl.concat(times))


def split_digits(text: pl.Series) -> tuple[Distinct, Distinct] | None:
    """Cut stamps of digits alone, ``202401160930`` and such, into dates and times.

    None where they are something else. Of ten digits, which may count seconds too, some must be
    no count of whole minutes.
    """
    import polars as pl

    if not text.head(1).str.contains(f"^{_COMPACT_DATE}{_COMPACT_TIME}$").all():
        return None
    lengths = set(text.str.len_chars().unique())
    if not lengths <= {12, 14, 17} and lengths != {10}:
        return None
    dates, times = Distinct.of(text.str.head(8)), Distinct.of(text.str.slice(8))
    if not (
        dates.texts.str.contains(f"^{_COMPACT_DATE}$").all()
        and times.texts.str.contains(f"^{_COMPACT_TIME}$").all()
    ):
        return None
    if lengths != {10}:
        return dates, times
    if (text.cast(pl.Int64, strict=False) % 60 == 0).all():
        return None
    return dates, Distinct(times.texts + "00", times.codes)

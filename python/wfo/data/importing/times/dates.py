"""Dates in the notations that files use, in each order of day, month and year they may have."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Final

from wfo.data.frames import YEARS
from wfo.data.importing.times.words import LETTER, fold, months, weekdays, without_blanks

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Days = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]

_WORD: Final = rf"{LETTER}{{3,}}"
_NUMERIC: Final = r"[0-9]{1,4}(?:[-/_.] ?| )[0-9]{1,2}(?:[-/_.] ?| )[0-9]{1,4}"
_ORDINAL: Final = r"(?:st|nd|rd|th|er|º|ª|\.)?"
_OF: Final = r"(?:(?:de|del|of|do) )?"
_GAP: Final = r"[-/. ]{0,2}"
_NAMED: Final = (
    rf"[0-9]{{1,2}}{_ORDINAL}{_GAP}{_OF}{_WORD}{_GAP},? ?{_OF}'?(?:[0-9]{{4}}|[0-9]{{2}})",
    rf"{_WORD}{_GAP}[0-9]{{1,2}}{_ORDINAL}[-/. ,]{{1,2}}'?(?:[0-9]{{4}}|[0-9]{{2}})",
    rf"[0-9]{{4}}[-/., ]{{0,2}}{_WORD}{_GAP}[0-9]{{1,2}}",
)
_SIGNED: Final = r"[0-9]{2,4} ?[年년] ?[0-9]{1,2} ?[月월] ?[0-9]{1,2} ?[日일]?"
_DIGITS: Final = r"[0-9]{5,8}"
_PLAIN: Final = rf"(?:{'|'.join((*_NAMED, _SIGNED, _NUMERIC, _DIGITS))})\.?"
_BEFORE: Final = rf"\(?{LETTER}{{2,}}\.?\)?,? "
_BEHIND: Final = rf" ?[(\uff08]{LETTER}+\.?[)\uff09]"

#: What a date looks like, a weekday before or behind it included.
DATE: Final = rf"(?:{_BEFORE})?{_PLAIN}(?:{_BEHIND})?"

#: Two-digit years from here on are those of the century before: bars have been, and histories of
#: indices begin long before 1970, where strptime parts the centuries.
_PIVOT: Final = 40


@dataclasses.dataclass(frozen=True)
class Form:
    """One way to write a date.

    Attributes
    ----------
    name
        What users call it, such as ``"DD/MM/YYYY"``.
    pattern
        A regular expression with the groups ``a``, ``b`` and ``c``.
    order
        What the groups are: year ``y``, month ``m``, name of a month ``n``, day ``d``, years since
        1900 ``c``, years since 1911 ``r``, days of a spreadsheet ``s``.
    """

    name: str
    pattern: str
    order: str


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """Dates as one form reads them.

    Attributes
    ----------
    form
        The form.
    days
        Days since 1970-01-01 of each text, 0 where it is no date of this form.
    valid
        Where it is.
    """

    form: Form
    days: Days
    valid: Mask


def _families() -> tuple[tuple[Form, ...], ...]:
    """Return the forms: those that look alike together, first the one that is taken in a tie."""
    found: list[tuple[Form, ...]] = []
    apart = {"-": "- ?", "/": "/ ?", ".": r"\. ?", "_": "_", " ": " "}
    two, four = r"(?<{}>[0-9]{{1,2}})", r"(?<{}>[0-9]{{4}})"
    for mark, sign in apart.items():
        ordered = [four.format("a"), two.format("b"), two.format("c")]
        name = f"YYYY{mark}MM{mark}DD"
        found.append((Form(name, f"^{sign.join(ordered)}$", "ymd"),))
    for mark, sign in apart.items():
        for year in ("YYYY", "YY"):
            last = four.format("c") if year == "YYYY" else r"(?<c>[0-9]{2})"
            pattern = f"^{sign.join((two.format('a'), two.format('b'), last))}$"
            month_first = Form(f"MM{mark}DD{mark}{year}", pattern, "mdy")
            day_first = Form(f"DD{mark}MM{mark}{year}", pattern, "dmy")
            both = (day_first, month_first) if mark == "." else (month_first, day_first)
            year_first = Form(f"YY{mark}MM{mark}DD", pattern, "ymd")
            found.append((*both, *((year_first,) if year == "YY" else ())))
    digits = r"^(?<a>[0-9]{2})(?<b>[0-9]{2})(?<c>[0-9]{4})$"
    found.append(
        (
            Form("YYYYMMDD", r"^(?<a>[0-9]{4})(?<b>[0-9]{2})(?<c>[0-9]{2})$", "ymd"),
            Form("MMDDYYYY", digits, "mdy"),
            Form("DDMMYYYY", digits, "dmy"),
        )
    )
    digits = r"^(?<a>[0-9]{2})(?<b>[0-9]{2})(?<c>[0-9]{2})$"
    found.append(
        (
            Form("YYMMDD", digits, "ymd"),
            Form("DDMMYY", digits, "dmy"),
            Form("MMDDYY", digits, "mdy"),
        )
    )
    found.append((Form("CYYMMDD", r"^(?<a>1[0-9]{2})(?<b>[0-9]{2})(?<c>[0-9]{2})$", "cmd"),))
    # Taiwan's exchange counts years from 1911.
    pattern = r"^(?<a>1[0-9]{2})[-/.](?<b>[0-9]{1,2})[-/.](?<c>[0-9]{1,2})$"
    found.append((Form("YYY/MM/DD, years since 1911", pattern, "rmd"),))
    pattern = rf"^(?<a>[0-9]{{1,2}}){_GAP}(?<b>{_WORD}){_GAP},? ?(?<c>[0-9]{{4}})$"
    found.append((Form("DD MMM YYYY", pattern, "dny"),))
    pattern = rf"^(?<a>{_WORD}){_GAP}(?<b>[0-9]{{1,2}})[-/. ,]{{1,2}}(?<c>[0-9]{{4}})$"
    found.append((Form("MMM DD, YYYY", pattern, "ndy"),))
    pattern = rf"^(?<a>[0-9]{{4}})[-/., ]{{0,2}}(?<b>{_WORD}){_GAP}(?<c>[0-9]{{1,2}})$"
    found.append((Form("YYYY MMM DD", pattern, "ynd"),))
    pattern = rf"^(?<a>[0-9]{{1,2}}){_GAP}(?<b>{_WORD}){_GAP},? ?'?(?<c>[0-9]{{2}})$"
    found.append((Form("DD MMM YY", pattern, "dny"), Form("YY MMM DD", pattern, "ynd")))
    pattern = rf"^(?<a>{_WORD}){_GAP}(?<b>[0-9]{{1,2}})[-/. ,]{{1,2}}'?(?<c>[0-9]{{2}})$"
    found.append((Form("MMM DD, YY", pattern, "ndy"),))
    found.append((Form(SERIAL, r"^(?<a>[2-7][0-9]{4})(?<b>)(?<c>)$", "s"),))
    return tuple(found)


#: What the days of spreadsheets are called.
SERIAL: Final = "days since 1899-12-30, as spreadsheets count them"

_FAMILIES: Final = _families()


def readings(texts: pl.Series) -> tuple[list[Reading], Mask]:
    """Read dates in the forms that most of them look like.

    Parameters
    ----------
    texts
        Distinct texts without blanks around them.

    Returns
    -------
    readings, shifted
        The dates in each form that looks like that, first the one to take in a tie; none where no
        text looks like a date. And where the weekday that a text names is not that of its date, in
        none of them.
    """
    import numpy as np

    plain, days_named = _without_weekdays(_normalised(texts))
    most = 0
    family: tuple[Form, ...] = ()
    for forms in _FAMILIES:
        hits = int(plain.str.contains(forms[0].pattern).sum())
        if hits > most:
            most, family = hits, forms
        if hits == len(plain):
            break
    found = [read(plain, form) for form in family]
    shifted = np.zeros(len(texts), dtype=np.bool_)
    if days_named is None or not found:
        return found, shifted
    fitting = [Reading(r.form, r.days, r.valid & _on(r.days, days_named)) for r in found]
    shifted = np.any([r.valid for r in found], axis=0) & ~np.any([r.valid for r in fitting], axis=0)
    return fitting, shifted


def read(texts: pl.Series, form: Form) -> Reading:
    """Read dates in one form."""
    import polars as pl

    parts = texts.str.extract_groups(form.pattern).struct.unnest()
    if form.order == "s":
        numbers = parts["a"].cast(pl.Int64)
        epoch = (dt.date(1899, 12, 30) - dt.date(1970, 1, 1)).days
        return Reading(form, *_filled(numbers + epoch))
    by_part = dict(zip(form.order, "abc", strict=True))
    return Reading(form, *days_of(parts.select(**{k: pl.col(v) for k, v in by_part.items()})))


def days_of(parts: pl.DataFrame) -> tuple[Days, Mask]:
    """Return days since 1970-01-01, and where they are dates.

    Parameters
    ----------
    parts
        Texts, null where there is no date: year ``y`` (or ``c``, since 1900, or
        ``r``, since 1911), month ``m`` (or its name ``n``) and day ``d``.
    """
    import numpy as np
    import polars as pl

    if "n" in parts.columns:
        names = parts["n"].drop_nulls().unique()
        known = {name: months().get(fold(name)) for name in names}
        month = parts["n"].replace_strict(known, default=None, return_dtype=pl.Int64)
    else:
        month = parts["m"].cast(pl.Int64, strict=False)
    if "c" in parts.columns:
        year = parts["c"].cast(pl.Int64) + 1900
    elif "r" in parts.columns:
        year = parts["r"].cast(pl.Int64) + 1911
    else:
        year = parts["y"].cast(pl.Int64, strict=False)
        century = pl.when(year < _PIVOT).then(2000).otherwise(1900)
        short = parts["y"].str.len_chars() <= 2
        year = pl.select(pl.when(short).then(year + century).otherwise(year)).to_series()
    years, known_year = _filled(year)
    month_numbers, known_month = _filled(month)
    days, known_day = _filled(parts["d"].cast(pl.Int64, strict=False))
    valid = known_year & known_month & known_day
    valid &= (month_numbers >= 1) & (month_numbers <= 12) & (years >= 0) & (years <= 9999)
    counted = np.where(valid, (years - 1970) * 12 + month_numbers - 1, 0)
    first = counted.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    after = (counted + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    valid &= (days >= 1) & (days <= after - first)
    return np.where(valid, first + days - 1, 0), valid


def within_years(days: Days) -> Mask:
    """Tell of each day whether it lies in the years in which there are bars."""
    first, last = (
        (dt.date(year, 1, 1) - dt.date(1970, 1, 1)).days for year in (YEARS[0], YEARS[1] + 1)
    )
    return (days >= first) & (days < last)


def _filled(numbers: pl.Series) -> tuple[Days, Mask]:
    import numpy as np

    return numbers.fill_null(0).to_numpy().astype(np.int64), numbers.is_not_null().to_numpy()


def _normalised(texts: pl.Series) -> pl.Series:
    """Write dates of several manners in one: no ordinals, no words between, no signs of CJK."""
    if texts.str.contains(r"^[-0-9./]*[0-9]$").all():
        return texts
    signed = r"^([0-9]{2,4}) ?[年년] ?([0-9]{1,2}) ?[月월] ?([0-9]{1,2}) ?[日일]?"
    plain = without_blanks(texts).str.replace(signed, "${1}-${2}-${3}")
    plain = plain.str.replace(r"([0-9])(?:st|nd|rd|th|er|º|ª)\b", "${1}")
    plain = plain.str.replace_all(r" (?:de|del|of|do) ", " ")
    return plain.str.strip_chars_end(".,")


def _without_weekdays(texts: pl.Series) -> tuple[pl.Series, Mask | None]:
    """Return dates without the weekdays before or behind them, and which weekdays those may be.

    A word is one only where the rest is a date: ``mar`` is Tuesday before ``11 mars 2024``, and
    March before ``11, 2024``.
    """
    import numpy as np
    import polars as pl

    if not texts.str.contains(LETTER).any():
        return texts, None
    before = rf"^\(?(?<day>{LETTER}{{2,}})\.?\)?,? (?<rest>{_PLAIN})$"
    behind = rf"^(?<rest>{_PLAIN}) ?[(\uff08](?<day>{LETTER}+)\.?[)\uff09]$"
    cut = [texts.str.extract_groups(p).struct.unnest() for p in (before, behind)]
    words, rest = (
        pl.select(pl.coalesce(*(c[n] for c in cut))).to_series() for n in ("day", "rest")
    )
    if words.null_count() == len(words):
        return texts, None
    names = weekdays()
    known = pl.Series([word is not None and fold(word) in names for word in words])
    plain = pl.select(pl.when(known).then(rest).otherwise(texts)).to_series()
    # Column i tells whether the weekday may be the i-th, from Monday 0; all where none is named.
    may_be = np.ones((len(texts), 7), dtype=np.bool_)
    for i, (word, is_known) in enumerate(zip(words, known, strict=True)):
        if is_known:
            may_be[i] = [day in names[fold(word)] for day in range(1, 8)]
    return plain.str.strip_chars_end(".,"), may_be


def _on(days: Days, may_be: Mask) -> Mask:
    """Tell of each day whether its weekday is one that it may be."""
    import numpy as np

    # 1970-01-01 was a Thursday.
    found: Mask = may_be[np.arange(len(days)), (days + 3) % 7]
    return found

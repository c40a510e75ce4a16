"""Mutations of files of bars: other numerals, separators, quotes, encodings, and lines around."""

from __future__ import annotations

import bz2
import dataclasses
import gzip
import io
import random
import zipfile
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from bar_files import Line, comma, dollars, grouped, plain
from drafts import PRICES, Draft, Mutation

# Other signs


def other_notation(draft: Draft) -> bool:
    """Write all prices in another notation."""
    signs: dict[str, Callable[[Decimal], str]] = {
        "comma": comma, "dollars": dollars, "apostrophe": grouped("'", "."),
        "typographic apostrophe": grouped("\u2019", "."), "blank": grouped(" ", ","),
        "no-break blank": grouped("\u00a0", ","), "narrow blank": grouped("\u202f", ","),
        "euro behind": lambda p: grouped(".", ",")(p) + " €", "code": lambda p: f"{p:,f} USD",
        "pound": lambda p: f"£{p:,f}", "us": grouped(",", "."), "plain": plain,
    }  # fmt: skip
    decimals = {-int(bar.open.as_tuple().exponent) for line in draft.rows if (bar := line.bar)}
    # Three digits behind one sign may be thousands, and none say nothing of the decimal sign.
    if decimals & {0, 3} or "adj" in draft.form.fields:
        return False
    write = signs[draft.rng.choice(sorted(signs))]
    draft.form = dataclasses.replace(draft.form, price=write, volume=str)
    for line in draft.rows:
        for price in PRICES:
            line.cells[draft.at(price)] = write(getattr(line.bar, price))  # type: ignore[index]
        for field in ("volume", "up", "down"):
            number = draft.at(field)
            if field == "volume" and number is not None and line.bar and line.bar.volume:
                line.cells[number] = str(line.bar.volume)
            elif number is not None and field != "volume":
                line.cells[number] = "".join(c for c in line.cells[number] if c.isdigit())
    return True


def other_notation_once(draft: Draft) -> bool:
    """Write one price in a notation that contradicts all others."""
    number = draft.at(draft.rng.choice(PRICES))
    line = draft.rng.choice(draft.rows)
    assert number is not None
    text = line.cells[number]
    digits = text.replace(".", "").replace(",", "")
    if not digits.isdigit() or draft.form.price not in (plain, comma):
        return False
    sign = "," if draft.form.price is plain else "."
    if len(digits) < 4 or digits.startswith("0"):
        return False
    line.cells[number] = f"{digits[:-2]}{sign}{digits[-2:]}"
    # With two decimals it is the same price to whoever forgives the other sign.
    draft.damage(line, may_keep=text[-3] in ".,")
    return True


def currency_once(draft: Draft) -> bool:
    line = draft.rng.choice(draft.rows)
    number = draft.at(draft.rng.choice(PRICES))
    assert number is not None
    if not line.cells[number][0].isdigit():
        return False
    line.cells[number] = f"${line.cells[number]}"
    return True


def minus(draft: Draft) -> bool:
    return _price(draft, lambda text, rng: rng.choice(("-", "\u2212", "- ")) + text)


def letter_in_price(draft: Draft) -> bool:
    return _price(draft, lambda text, rng: text[:-1] + rng.choice("OlxZ?#"))


def sign_twice(draft: Draft) -> bool:
    def twice(text: str, rng: random.Random) -> str:
        place = next((i for i, c in enumerate(text) if c in ".,'"), len(text) - 1)
        return text[:place] + text[place] * 2 + text[place + 1 :] if place else text + ".."

    return _price(draft, twice) if draft.form.name != "thousands among hundreds" else False


def lost_sign(draft: Draft) -> bool:
    """Lose the decimal sign of a price that the high or low then does not include."""
    line = draft.rng.choice(draft.rows)
    number = draft.at(draft.rng.choice(("open", "low", "close")))
    assert number is not None
    assert line.bar is not None
    digits = "".join(c for c in line.cells[number] if c.isdigit()).lstrip("0")
    if Decimal(digits) <= 2 * line.bar.high:
        return False
    line.cells[number] = digits
    draft.damage(line)
    return True


def zero_price(draft: Draft) -> bool:
    return _price(draft, lambda text, rng: "0")


def zero_byte(draft: Draft) -> bool:
    # A file with such bytes may be of any kind, so the whole of it is refused.
    draft.names_place = False
    return _price(draft, lambda text, rng: text[:1] + "\0" + text[1:])


def _price(draft: Draft, change: Callable[[str, random.Random], str]) -> bool:
    line = draft.rng.choice(draft.rows)
    number = draft.at(draft.rng.choice(PRICES))
    assert number is not None
    line.cells[number] = change(line.cells[number], draft.rng)
    draft.damage(line)
    return True


def byte_of_no_encoding(draft: Draft) -> bool:
    """Put half of a character into a price."""
    draft.encoding = "utf-8"
    pack, draft.pack = draft.pack, None
    if pack is not None:
        return False
    done = _price(draft, lambda text, rng: text[:1] + "\ue000" + text[1:])
    draft.pack = lambda content: content.replace("\ue000".encode(), b"\xff")
    return done


# Lines that are no bars


def row_without_prices(draft: Draft) -> bool:
    """Leave a bar without any number, as sites write days without trade."""
    sign = draft.rng.choice(("", "null", "NaN", "-", "N/A"))
    line = draft.rng.choice(draft.rows[1:])
    for field in (*PRICES, "adj", "volume", "up", "down"):
        number = draft.at(field)
        if number is not None:
            line.cells[number] = sign
    # The line stays where it is, and is no bar.
    line.bar = None
    return True


def dividend_row(draft: Draft) -> bool:
    if draft.form.minutes or not draft.heads:
        return False
    line = draft.rng.choice(draft.rows).copy()
    stamp, first = draft.at("stamp"), draft.at("open")
    words = draft.rng.choice(("0.25 Dividend", "2:1 Stock Split", "Dividend 0.25"))
    line.cells = [
        text if i == stamp else words if i == first else "" for i, text in enumerate(line.cells)
    ]
    line.bar = None
    draft.lines.insert(draft.lines.index(draft.rng.choice(draft.rows)) + 1, line)
    return True


BEFORE: Final = (
    "https://www.example.com/data", "XYZ Inc. (XYZ), historical prices", "# made for a test",
    "Symbol: XYZ", "Created on 03-04-2024,https://www.example.com", "", "Daily prices in USD",
    "Period;Daily", '"Historical prices of XYZ, adjusted for splits"',
)  # fmt: skip
BEHIND: Final = (
    '"Downloaded from example.com as of 03-13-2024"', "* Close price adjusted for splits.", "",
    "Source: Example Ltd., all rights reserved", "End of file", "# made for a test",
)  # fmt: skip


def lines_before(draft: Draft) -> bool:
    texts = draft.rng.sample(BEFORE, draft.rng.choice((1, 1, 2, 3)))
    draft.lines[0:0] = [Line(text=text) for text in texts]
    return True


def lines_behind(draft: Draft) -> bool:
    texts = draft.rng.sample(BEHIND, draft.rng.choice((1, 1, 2)))
    draft.lines += [Line(text=text) for text in texts]
    return True


def separator_named(draft: Draft) -> bool:
    draft.lines.insert(0, Line(text=f"sep={draft.separator}"))
    return draft.lines[1].text is None and draft.separator != "\t"


def blank_lines(draft: Draft) -> bool:
    for _ in range(draft.rng.randint(1, 3)):
        draft.lines.insert(draft.rng.randrange(len(draft.lines)), Line(text=""))
    if draft.rng.random() < 0.3:
        draft.lines.append(Line(text=draft.separator * (len(draft.form.columns) - 1)))
    return True


# The file around its cells


def other_separator(draft: Draft) -> bool:
    if any(line.text for line in draft.lines):
        return False
    draft.separator = draft.rng.choice([s for s in ",;\t|" if s != draft.separator])
    return True


def separator_at_the_end(draft: Draft) -> bool:
    if not draft.heads:
        return False
    heads = draft.rng.random() < 0.7
    for line in draft.table:
        if heads or not line.is_head:
            line.cells.append("")
    return len(draft.heads) == 1


def blanks_around(draft: Draft) -> bool:
    if draft.form.name == "indian":
        return False
    for line in draft.table:
        line.cells = [f" {cell}" if i else cell for i, cell in enumerate(line.cells)]
    return draft.quote != "all"


def quote_all(draft: Draft) -> bool:
    draft.quote = "all"
    return True


def other_encoding(draft: Draft) -> bool:
    draft.encoding = draft.rng.choice(
        ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
    )
    return True


def other_newline(draft: Draft) -> bool:
    draft.newline = draft.rng.choice(("\r\n", "\r\n", "\r"))
    return True


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("XYZ.csv", content)
    return file.getvalue()


_PACKS: Final = {".zip": zipped, ".csv.gz": gzip.compress, ".csv.bz2": bz2.compress}


def packed(draft: Draft) -> bool:
    draft.ending = draft.rng.choice(sorted(_PACKS))
    draft.pack = _PACKS[draft.ending]
    return True


#: After these a person can still tell all bars.
HARMLESS: Final[tuple[Mutation, ...]] = (
    other_notation, currency_once, row_without_prices, dividend_row, lines_before, lines_behind,
    separator_named, blank_lines, other_separator, separator_at_the_end, blanks_around, quote_all,
    other_encoding, other_newline, packed,
)  # fmt: skip

#: After these a price is lost.
HARMFUL: Final[tuple[Mutation, ...]] = (
    other_notation_once, minus, letter_in_price, sign_twice, lost_sign, zero_price, zero_byte,
    byte_of_no_encoding,
)  # fmt: skip

"""Symbols and their file names: none is lost, none shares a name, every system takes them."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wfo.data.symbols import file_stem, require_symbol, symbol_of
from wfo.errors import InputError

SYMBOLS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)
STORABLE = SYMBOLS.filter(lambda s: s == s.strip())

#: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
DEVICES = ["CON", "PRN", "AUX", "NUL", *(f"{d}{n}" for d in ("COM", "LPT") for n in range(10))]


@pytest.mark.parametrize(
    ("symbol", "stem"),
    [
        ("QQQ", "QQQ"),
        ("ES=F", "ES=F"),
        ("BRK.B", "BRK.B"),
        ("A_B-C", "A_B-C"),
        ("RDS^A", "RDS^A"),
        ("^GSPC", "%5EGSPC"),
        ("@ES", "%40ES"),
        ("$SPX.X", "%24SPX.X"),
        ("BTC/USDT", "BTC%2FUSDT"),
        ("BTC%2FUSDT", "BTC%252FUSDT"),
        ("BTC/USDT:USDT", "BTC%2FUSDT%3AUSDT"),
        ("../QQQ", "%2E.%2FQQQ"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("-rf", "%2Drf"),
        ("A B", "A%20B"),
        ("a\\b", "a%5Cb"),
        ("BRK.", "BRK%2E"),
        ("CON", "%43ON"),
        ("con.to", "%63on.to"),
        ("COM1.L", "%43OM1.L"),
        ("CONN", "CONN"),
        ("COM", "COM"),
    ],
)
def test_known_symbols(symbol: str, stem: str) -> None:
    assert file_stem(symbol) == stem
    assert symbol_of(stem) == symbol


@given(STORABLE)
@example("%")
@example("nul")
@example("." * 64)
def test_round_trip(symbol: str) -> None:
    assert require_symbol(symbol) is symbol
    assert symbol_of(file_stem(symbol)) == symbol


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.^=_-]{0,63}", fullmatch=True))
def test_names_of_earlier_versions_stay(symbol: str) -> None:
    device = symbol.partition(".")[0].upper() in DEVICES
    if not device and not symbol.endswith("."):
        assert file_stem(symbol) == symbol


@given(STORABLE)
@example("LPT9.x")
@example("aux")
@example("$MFT.")
def test_names_are_safe_on_windows_and_posix(symbol: str) -> None:
    stem = file_stem(symbol)
    assert re.fullmatch(r"[A-Za-z0-9%][A-Za-z0-9.^=_%-]*", stem)
    assert not stem.endswith(".")
    assert stem.partition(".")[0].upper() not in DEVICES
    # The longest name that a store gives, of a file that is being written.
    assert len(f".{stem}_mark-15min.meta.json.{'0' * 12}.tmp") <= 255


@given(STORABLE, STORABLE)
@example("%5EA", "^A")
@example("A/B", "A%2FB")
@example("CON", "con")
def test_names_differ_by_more_than_case_where_symbols_do(one: str, two: str) -> None:
    if one.lower() != two.lower():
        assert file_stem(one).lower() != file_stem(two).lower()


@given(st.text(st.sampled_from("%2fF5eE4041aAb.^-_/ ~"), max_size=12))
@example("%2f")
@example("%41BC")
@example("A%42C")
@example("%E9")
@example("a%")
@example("%")
@example("")
@example(".hidden")
@example("A%20")
@example("CON")
def test_a_stem_is_that_of_one_symbol_or_of_none(stem: str) -> None:
    symbol = symbol_of(stem)
    assert symbol is None or file_stem(symbol) == stem


@pytest.mark.parametrize("stem", ["%2f", "%41BC", "A%42C", "%E9", "a%", "%", "", ".h", "^G", "CON"])
def test_other_names_are_those_of_no_symbol(stem: str) -> None:
    assert symbol_of(stem) is None


@pytest.mark.parametrize(
    "symbol", ["", " A", "A ", "A\n", "\tA", "\x7f", "É", "Q\u200b", "A" * 65, "日経"]
)
def test_symbols_that_cannot_be_stored(symbol: str) -> None:
    for refuse in (require_symbol, file_stem):
        with pytest.raises(InputError, match="cannot be stored") as caught:
            refuse(symbol)
        assert "BTC/USDT" in str(caught.value)


def test_a_symbol_is_text() -> None:
    with pytest.raises(InputError, match="a symbol is text, not int"):
        require_symbol(5)  # type: ignore[arg-type]

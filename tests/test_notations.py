"""The notation of a file's numbers: one for the whole file, decided by all of its cells."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import notation_files
import polars as pl
import pytest

from wfo.data import ImportedBars, read_bars
from wfo.data.importing.numbers.numerals import parse_numerals
from wfo.errors import DataError

Read = Callable[..., ImportedBars]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read bars without a calendar, of rows without their dates."""

    def call(
        *rows: str, separator: str = ";", heading: str = "Open;High;Low;Close;Volume", **how: Any
    ) -> ImportedBars:
        lines = [f"Date;{heading}".replace(";", separator)]
        lines += [f"2024-01-{i:02d}{separator}{row}" for i, row in enumerate(rows, 1)]
        path = tmp_path / "bars.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return read_bars(path, calendar="none", timeframe="1day", **how)

    return call


def numbers(bars: ImportedBars) -> list[tuple[float, ...]]:
    return [row[1:] for row in bars.frame.rows()]


def assumed(bars: ImportedBars) -> list[str]:
    """Return what is said about the notation."""
    return [n for n in bars.origin.notes if n.startswith("numbers: ")]


# Cells by themselves

POINT = {
    "1234.5": 1234.5,
    "1,234.5": 1234.5,
    "1 234.5": 1234.5,
    "1\u00a0234.5": 1234.5,
    "1\u202f234\u202f567.5": 1234567.5,
    "1'234.5": 1234.5,
    "1\u2019234.5": 1234.5,
    "$1,234.50": 1234.5,
    "-$5": -5.0,
    "\u22125": -5.0,
    "$ 1,234.50": 1234.5,
    "US$12.5": 12.5,
    "12.5 USD": 12.5,
    "12.5\u00a0€": 12.5,
    "12.50zł": 12.5,
    "12.5 kr": 12.5,
    "CHF 1'234.50": 1234.5,
    "₹1,234.50": 1234.5,
    "Rs. 5": 5.0,
    "Rs.5": 5.0,
    "12.5%": 12.5,
    "12.5 %": 12.5,
    "2.01K": 2.01 * 1e3,
    "8.2M": 8.2 * 1e6,
    "1.1005 m": 1_100_500.0,
    "1.07B": 1.07 * 1e9,
    "1.5T": 1.5e12,
    "3.4 Mio.": 3.4 * 1e6,
    "2 lakh": 200_000.0,
    "1.2 Cr": 1.2 * 1e7,
    "1e3": 1000.0,
    "1.5E-3": 0.0015,
    '="12.5"': 12.5,
    ".5": 0.5,
    "$.5": 0.5,
}
NONE = [
    "1,23.4",
    "0,250",
    "12,34",
    "1234,567",
    "1,234E5",
    "1 23",
    "1, 234",
    "1'23",
    "118'16",
    "118-16",
    "2:1",
    "(5)",
    "$5 USD",
    "--5",
    "5 5%%",
    "12.5x",
    "USD",
    "#",
    "1.2.3",
    "1_000",
    "",
]


@pytest.mark.parametrize("cell", POINT)
def test_what_is_a_number_with_a_decimal_point(cell: str) -> None:
    # In one column with another one, since a column of one form takes a shorter way.
    assert parse_numerals(pl.Series([cell, "7"]), "point").to_list() == [POINT[cell], 7.0]
    assert parse_numerals(pl.Series([cell, "€7", cell]), "point")[0] == POINT[cell]


@pytest.mark.parametrize("cell", NONE)
def test_what_is_no_number_with_a_decimal_point(cell: str) -> None:
    assert parse_numerals(pl.Series([cell, "7"]), "point").to_list() == [None, 7.0]


def test_what_is_a_number_with_a_decimal_comma() -> None:
    cells = [
        "1.234,5",
        "1234,5",
        "1 234,5",
        "1'234,5",
        "12,5 €",
        "5,-",
        "5,- €",
        "1.234.567",
        "0,5",
    ]
    right = [1234.5, 1234.5, 1234.5, 1234.5, 12.5, 5.0, 5.0, 1234567.0, 0.5]
    assert parse_numerals(pl.Series(cells), "comma").to_list() == right
    wrong = ["1234.567", "0.5", "1.23", "1,2,3", "1.234,5.6"]
    assert parse_numerals(pl.Series(wrong), "comma").to_list() == [None] * len(wrong)


# All cells together


def test_a_thousand_beside_what_is_none(read: Read) -> None:
    """A comma before three digits in a file of tabs would be decimal, but for its neighbours."""
    for mark in ",.":
        rows = [r.replace(",", mark) for r in ("985\t997\t983\t995", "995\t1,002\t992\t1,002")]
        bars = read(*rows, separator="\t", heading="Open;High;Low;Close")
        assert numbers(bars) == [(985, 997, 983, 995), (995, 1002, 992, 1002)]
        (said,) = assumed(bars)
        assert f"'1{mark}002' (line 3, column 'High') for 1002" in said


def test_decimals_of_three_digits_beside_whole_numbers(read: Read) -> None:
    """Who leaves out zeros writes 2 for 2.000: thousands would be apart from it."""
    bars = read("1.998;2.002;1.997;2", "2;2.004;1.999;2.001", heading="Open;High;Low;Close")
    assert numbers(bars) == [(1.998, 2.002, 1.997, 2), (2, 2.004, 1.999, 2.001)]


def test_yen_have_three_decimals(read: Read) -> None:
    row = (110.123, 110.223, 110.023, 110.150)
    text = ";".join(f"{p:.3f}" for p in row)
    told = read(f"{text};1250", f"{text};1310")
    assert numbers(told) == [(*row, 1250), (*row, 1310)]
    assert not assumed(told), "nobody who writes 1250 writes 110.123 for a hundred thousand"
    untold = read(text, heading="Open;High;Low;Close")
    assert numbers(untold) == [row]
    assert "nothing in the file says which" in assumed(untold)[0]


def test_any_column_of_numbers_is_proof(read: Read) -> None:
    """Prices are thousands where volumes say so, or another price of the file."""
    rows = "1.234;1.241;1.230;1.240;1.250.000", "1.240;1.245;1.236;1.237;990.000"
    right = [(1234, 1241, 1230, 1240, 1250000), (1240, 1245, 1236, 1237, 990000)]
    assert numbers(read(*rows)) == right
    rows = "1.234,5;1.241;1.230;1.240;12", "1.240;1.245;1.236;1.237;9"
    assert numbers(read(*rows))[0] == (1234.5, 1241, 1230, 1240, 12)
    cells = '"1,234","1,241","1,230","1,240","12.5"'
    assert numbers(read(cells, separator=","))[0] == (1234, 1241, 1230, 1240, 12.5)


def test_volumes_of_which_some_are_millions_are_proof(read: Read) -> None:
    volumes = ["680.380", "1.037.190", "12.345", "490.820", "2.680.380", "835.591"]
    rows = [f"61.000;61.596;60.769;60.841;{volume}" for volume in volumes]
    assert numbers(read(*rows))[1] == (61000, 61596, 60769, 60841, 1037190)


def test_volumes_of_one_size_tell_the_notation_of_prices(read: Read) -> None:
    """Beside 671 and 798 a volume of 1.109 is a thousand, so the commas of prices are decimal."""
    prices = '"115,735","118,368","115,117","117,963",'
    bars = read(*(prices + volume for volume in ("671", "1.109", "798")), separator=",")
    assert numbers(bars)[1] == (115.735, 118.368, 115.117, 117.963, 1109)
    assert assumed(bars)


def test_decimal_commas_in_quotes_between_commas(read: Read) -> None:
    bars = read('"1,5","1,75","1,25","1,5",100', separator=",")
    assert numbers(bars) == [(1.5, 1.75, 1.25, 1.5, 100)]


def test_lakhs_and_crores(read: Read) -> None:
    bars = read("1,23,456.78;1,24,000.00;99,000;1,21,000;12,34,567")
    assert numbers(bars) == [(123456.78, 124000, 99000, 121000, 1234567)]


def test_a_volume_in_letters_is_what_it_says(read: Read) -> None:
    bars = read('"9,620.1","9,637.4","9,596.9","9,617.2",2.01K', separator=",")
    assert numbers(bars) == [(9620.1, 9637.4, 9596.9, 9617.2, 2.01 * 1e3)]


YEN = "110.123;110.223;110.023;110.150;"
PLAIN = "1002.5;1003.25;1001;1002;5"
CONTRADICTIONS = {
    "a decimal comma among points": (
        ("10;11.5;9.5;10;5", "10,25;11;9;10;5"),
        ["line 3", "'Open'", "'10,25' is not a number", "'11.5' (line 2, column 'High')"],
    ),
    "a point among decimal commas, in another column": (
        ("10,5;11;9;10;5", "10,25;11;9;10;5.5"),
        ["line 3, column 'Volume'", "'5.5' is not a number", "'10,5' (line 2"],
    ),
    "one volume with a decimal comma": (
        (f"{YEN}1250", f"{YEN}12,50", f"{YEN}1310"),
        ["line 3, column 'Volume'", "'12,50'", "'110.123'"],
    ),
    "one volume with points, others of its size without": (
        (f"{YEN}1250000", f"{YEN}1.250.000", f"{YEN}1310000"),
        ["line 3, column 'Volume'", "'1.250.000'", "'110.123'"],
    ),
    "one price with a comma": (
        (f"{YEN}1250", "110.123;110,223;110.023;110.150;1250"),
        ["line 3, column 'High'", "'110,223'", "110.223 in the other notation"],
    ),
    "a row of the other notation": (
        (PLAIN, "1.002;1.003;1.001;1.002;5", PLAIN),
        ["line 3, column 'Open'", "'1.002'", "1002 in the other notation"],
    ),
    "the last row of the other notation": (
        (PLAIN, PLAIN, "1.002;1.003;1.001;1.002;5"),
        ["line 4, column 'Open'", "'1.002'"],
    ),
    "a low of the other notation, which high and low include": (
        (PLAIN, "1003.5;1003.75;1.001;1002.25;5"),
        ["line 3, column 'Low'", "'1.001'", "'1003.75'"],
    ),
    "the second half in the other notation": (
        (*["754.943;777.021;749.109;755.313;9"] * 6, *["754,943;777,021;749,109;755,313;9"] * 6),
        ["line 8, column 'Open'", "'754,943'"],
    ),
    "one volume of the other notation": (
        (*["10,5;11;9;10;47124"] * 3, "10,5;11;9;10;38,720"),
        ["line 5, column 'Volume'", "'38,720'", "38720 in the other notation"],
    ),
    "groups of two and of three digits": (
        ("1,23,456.78;1,24,000.00;1,20,000;121,000;5",),
        ["line 2, column 'Close'", "'121,000'", "'1,23,456.78'"],
    ),
    "two currencies": (
        ("$10;$11;$9;€10;5",),
        ["line 2, column 'Close'", "'€10'", "currency", "'$10'"],
    ),
    "thirty-seconds": (("118'16;118'20;118'00;118'31;5",), ["'Open'", "'118'16' is not a number"]),
    "thirty-seconds and eighths": (
        ("118'165;118'200;118'000;118'312;5",),
        ["line 2", "thirty-seconds", "decimals"],
    ),
    "parentheses": (("(10);11;9;10;5",), ["line 2, column 'Open'", "'(10)' is not a number"]),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
@pytest.mark.parametrize("repair", [False, True])
def test_cells_that_contradict_each_other_are_refused(case: str, repair: bool, read: Read) -> None:
    rows, parts = CONTRADICTIONS[case]
    with pytest.raises(DataError) as error:
        read(*rows, repair=repair)
    said = str(error.value).replace('"', "'")
    assert all(part in said for part in parts), said
    assert "\n" not in said


def test_a_currency_that_loses_three_zeros_is_the_market(read: Read) -> None:
    """A step that bars stand on either side of is a warning; no notation explains it away."""
    before, after = "2147.300;2147.900;2147.100;2147.400;5", "2.147;2.148;2.146;2.147;5"
    bars = read(*[before] * 6, *[after] * 6)
    assert [row[0] for row in numbers(bars)] == [2147.3] * 6 + [2.147] * 6
    assert any("split" in w for w in bars.origin.warnings)


def test_thin_volumes_with_large_ones_between_are_right(read: Read) -> None:
    rows = ["10.5;11;9;10;12", "10.5;11;9;10;900", "10.5;11;9;10;150,000", "10.5;11;9;10;7"]
    assert [row[4] for row in numbers(read(*rows))] == [12, 900, 150000, 7]


# Any notation


def untold(bars: ImportedBars) -> bool:
    """Whether no reader could tell the notation, which a note says."""
    return any("nothing in the file says which" in note for note in assumed(bars))


def read_back(seeds: range, path: Path) -> int:
    """Write bars in any notation and read them, and return how many told theirs."""
    told = 0
    for seed in seeds:
        draw = random.Random(seed)
        how = notation_files.notation(draw)
        rows = notation_files.bars(draw, how.places, draw.randint(1, 20))
        path.write_text(notation_files.written(rows, how), encoding="utf-8")
        bars = read_bars(path, calendar="none", timeframe="1day")
        if not untold(bars):
            told += 1
            for found, row in zip(numbers(bars), rows, strict=True):
                assert found[:4] == tuple(map(float, row[:4])), (seed, how)
                # A letter multiplies, which rounds once more.
                assert math.isclose(found[4], float(row[4]), rel_tol=3e-16), (seed, how)
    return told


def read_mixed(seeds: range, path: Path) -> int:
    """Write a part of bars in the opposite notation, and return how many were refused."""
    refused = 0
    for seed in seeds:
        draw = random.Random(seed)
        how = dataclasses.replace(notation_files.notation(draw), separator=";")
        rows = notation_files.bars(draw, how.places, draw.randint(2, 20))
        where = draw.randrange(len(rows)), draw.randrange(5), draw.choice(["cell", "row", "rest"])

        def which(row: int, column: int, where: tuple[int, int, str] = where) -> bool:
            first, at, part = where
            there = row == first and (part != "cell" or column == at)
            return there or (part == "rest" and row > first)

        text = notation_files.written(rows, how, notation_files.turned(how), which)
        path.write_text(text, encoding="utf-8")
        try:
            bars = read_bars(path, calendar="none", timeframe="1day")
        except DataError:
            refused += 1
            continue
        right = [tuple(map(float, row[:4])) for row in rows]
        assert untold(bars) or [row[:4] for row in numbers(bars)] == right, (seed, how)
    return refused


def test_bars_in_any_notation_are_read_back(tmp_path: Path) -> None:
    """Either the bars that were written, or a note says that no reader could tell them."""
    assert read_back(range(25), tmp_path / "bars.csv") >= 24


def test_a_part_in_the_opposite_notation_never_makes_other_prices(tmp_path: Path) -> None:
    assert 12 < read_mixed(range(20), tmp_path / "bars.csv") < 20


@pytest.mark.slow
def test_bars_in_many_notations(tmp_path: Path) -> None:
    assert read_back(range(1000, 3000), tmp_path / "bars.csv") > 1900
    assert 1000 < read_mixed(range(1000, 3000), tmp_path / "bars.csv") < 2000

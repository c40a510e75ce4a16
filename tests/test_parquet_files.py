"""Parquet files are checked before Polars sees them, and what crashes does so elsewhere."""

from __future__ import annotations

import io
import os
import sys
import time
from pathlib import Path

import parquet_inputs
import polars as pl
import pytest
from parquet_inputs import Field, body_of, chunks_of, footer_of, get, joined, put
from polars.testing import assert_frame_equal

from wfo.files import limits
from wfo.files.parquet import ParquetFile, decoding, read_parquet

SEEDS = parquet_inputs.seeds()
BARS = SEEDS["bars"]


@pytest.mark.parametrize("name", SEEDS)
def test_a_valid_file_is_read_as_polars_reads_it(name: str) -> None:
    expected = pl.read_parquet(io.BytesIO(SEEDS[name]))
    with ParquetFile(SEEDS[name]) as file:
        assert file.names == expected.columns
        assert file.rows == expected.height
        read = [column.name for column in file.columns if column.is_read]
        assert name == "nested" or read == expected.columns
        expected = expected.select(read)
        assert_frame_equal(file.read(read), expected)
        for first, count in ((0, 0), (0, 1), (50, 100), (63, 2), (290, 99), (500, 3)):
            assert_frame_equal(file.read(read, first, count), expected[first : first + count])
        assert_frame_equal(pl.concat(file.pieces(read[:2], 7)), expected.select(read[:2]))
        assert_frame_equal(file.read(read[::-1]), expected.select(read[::-1]))


def test_a_frame_without_rows_or_columns_is_read() -> None:
    frame = parquet_inputs.odd_frame()[:0]
    assert_frame_equal(read_parquet(parquet_inputs._polars(frame)), frame)
    assert read_parquet(parquet_inputs._polars(pl.DataFrame())).shape == (0, 0)


def test_moments_keep_their_zone_and_columns_of_nothing_their_type() -> None:
    frame = pl.DataFrame(
        {
            "a": pl.Series([parquet_inputs.STAMP], dtype=pl.Datetime("us")).dt.replace_time_zone(
                "Asia/Tokyo"
            ),
            "b": pl.Series([None], dtype=pl.Null),
        }
    )
    assert_frame_equal(read_parquet(parquet_inputs._polars(frame)), frame)


def test_key_value_pairs_are_read_and_not_given_to_polars() -> None:
    file = io.BytesIO()
    parquet_inputs.bars_frame().write_parquet(file, metadata={"a": "b" * 100_000, "é": "\x1b"})
    with ParquetFile(file.getvalue()) as found:
        assert found.metadata["a"] == "b" * 100_000
        assert found.metadata["é"] == "\x1b"
        assert b"bbbb" not in found.sound()


def refused(content: bytes, said: str) -> None:
    with pytest.raises(OSError, match=said) as caught, ParquetFile(content) as file:
        file.read()
    assert len(str(caught.value).splitlines()) == 1


def changed(number: int, value: int) -> bytes:
    """Return bars with another number in the meta data of a chunk."""
    footer = footer_of(BARS)
    put(chunks_of(footer)[2], number, value)
    return joined(body_of(BARS), footer)


@pytest.mark.parametrize(
    ("number", "value", "said"),
    [
        (1, 2, "another type than the schema"),
        (1, 99, "a number that cannot be"),
        (4, 3, r"is packed in a way that is not read \(codec 3\)"),
        (4, -1, "a number that cannot be"),
        (5, 299, "299 values for 300 rows"),
        (5, 2**40, "a number that cannot be"),
        (7, 10**9, "a number that cannot be"),
        (7, len(BARS) - 1200, "outside of the file"),
        (7, 40, "cut short|number that cannot be"),
        (9, -1, "a number that cannot be"),
        (9, 2**62, "a number that cannot be"),
        (9, 4, "column 'high'"),
    ],
)
def test_a_chunk_that_cannot_be_is_refused(number: int, value: int, said: str) -> None:
    refused(changed(number, value), said)


def _with_rows(rows: int, *, groups: bool = True) -> bytes:
    footer = footer_of(BARS)
    put(footer, 3, rows)
    if groups:
        put(get(footer, 4)[0].value, 3, rows)
        for chunk in chunks_of(footer):
            put(chunk, 5, rows)
    return joined(body_of(BARS), footer)


def _many_columns() -> bytes:
    return parquet_inputs._polars(
        pl.DataFrame({f"c{i}": [1] for i in range(limits.PARQUET_COLUMNS + 1)})
    )


def _deep() -> bytes:
    deep: list[Field] = []
    for _ in range(limits.PARQUET_DEPTH + 1):
        deep = [Field(1, 12, deep)]
    return joined(body_of(BARS), [*footer_of(BARS), Field(14, 12, deep)])


def _many_values() -> bytes:
    """Return bars whose footer has a list of so many zeros at its end."""
    count = limits.PARQUET_VALUES + 1
    head = parquet_inputs.packed([*footer_of(BARS), Field(14, 5, 0)])[:-3]
    wide = bytes([7 << 4 | 9, 15 << 4 | 5]) + parquet_inputs._coded(count) + bytes(count)
    return joined(body_of(BARS), head + wide + b"\0")


def test_what_is_beyond_a_limit_is_refused() -> None:
    refused(_with_rows(limits.PARQUET_ROWS + 1), r"has 50,000,001 rows; 50,000,000 are read")
    refused(_with_rows(301, groups=False), "row groups have 300 rows, and the file 301")
    refused(_with_rows(-1), "a number that cannot be")
    refused(_with_rows(299), "300 values for 299 rows")
    refused(_many_columns(), r"4,097 columns; 4,096 are read")
    refused(_deep(), "more than 16 structs within each other")
    refused(_many_values(), "more values than are")
    long = bytes(limits.PARQUET_FOOTER + 1)
    refused(b"PAR1" + long + len(long).to_bytes(4, "little") + b"PAR1", "its footer has")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1PAR1", b"x" * 99, BARS[:-1], BARS[1:]])
def test_what_is_no_parquet_file_is_refused(content: bytes) -> None:
    refused(content, "does not begin and end as Parquet files do")


def test_an_encrypted_file_is_refused() -> None:
    refused(BARS[:-4] + b"PARE", "it is encrypted")


def test_a_small_file_is_not_unpacked_into_a_large_frame() -> None:
    """Some 4 GB of zeros take a file of a few hundred kilobytes."""
    frame = pl.select(pl.repeat(0.0, 8_000_000).alias("a"))
    bomb = frame.with_columns(pl.col("a").alias(f"{i}") for i in range(8))
    content = parquet_inputs._polars(bomb, compression="zstd")
    assert len(content) < 500_000
    start = time.process_time()
    refused(content, r"unpacked it has more than the 268\.4 MB that are read of a file of its size")
    assert time.process_time() - start < 2
    # A column of it is no more than is read of any file.
    with ParquetFile(content) as file:
        assert file.read(["a"]).equals(frame)


def test_a_file_whose_groups_lie_in_one_place_is_refused() -> None:
    footer = footer_of(BARS)
    groups = get(footer, 4)
    put(footer, 4, groups * 1000)
    put(footer, 3, 1000 * 300)
    refused(joined(body_of(BARS), footer), "columns lie in the same place")


def _page_of(size: int, content: bytes) -> bytes:
    """Return bars in which a page states another size when it is unpacked."""
    chunk = chunks_of(footer_of(content))[1]
    start, after, _ = parquet_inputs.pages_of(content, chunk)[0]
    header, _ = parquet_inputs.struct(content, start)
    put(header, 2, size)
    return parquet_inputs.replaced(content, start, after, parquet_inputs.packed(header))


@pytest.mark.parametrize("size", [2**31 - 1, 10**6, 2401, 0, -1])
def test_a_page_that_says_another_size_is_not_unpacked(size: int) -> None:
    refused(_page_of(size, BARS), "column 'open' has|its values cannot be unpacked")
    # Where it is not packed, no library is asked.
    refused(_page_of(size, SEEDS["plain"]), "column 'open' has")


def test_a_page_with_another_checksum_is_refused() -> None:
    import pyarrow.parquet as pq

    file = io.BytesIO()
    frame = parquet_inputs.bars_frame()
    pq.write_table(
        frame.to_arrow(), file, write_page_checksum=True, compression="none", use_dictionary=False
    )
    content = file.getvalue()
    assert_frame_equal(read_parquet(content), frame)
    _, after, end = parquet_inputs.pages_of(content, chunks_of(footer_of(content))[4])[0]
    at = (after + end) // 2
    refused(
        content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :],
        "column 'close' is damaged: a page has another checksum",
    )


# Values that are broken


def panicking() -> bytes:
    """Return a file of which Polars panics, however much is checked before."""
    for number in range(2000):
        try:
            _, content = parquet_inputs.broken(number, SEEDS)
            with ParquetFile(content) as file:
                sound = file.sound()
        except (OSError, RecursionError):
            continue
        try:
            pl.read_parquet(io.BytesIO(sound))
        except pl.exceptions.PolarsError:
            pass
        except pl.exceptions.PanicException:
            return content
    raise AssertionError


def test_a_panic_is_an_error_without_noise(capfd: pytest.CaptureFixture[str]) -> None:
    content = panicking()
    assert "panicked" in capfd.readouterr().err
    for apart in (False, True):
        with pytest.raises(OSError, match="its values cannot be unpacked"):
            read_parquet(content, apart=apart)
    print("after it", file=sys.stderr)
    assert capfd.readouterr().err == "after it\n"


def test_what_others_write_meanwhile_is_not_lost(capfd: pytest.CaptureFixture[str]) -> None:
    with decoding._errors_kept_back():
        os.write(2, b"from another thread\n")
    assert capfd.readouterr().err == "from another thread\n"


@pytest.mark.parametrize("name", ["odd arrow", "groups"])
def test_a_process_of_its_own_returns_the_same(name: str) -> None:
    assert_frame_equal(read_parquet(SEEDS[name], apart=True), read_parquet(SEEDS[name]))


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("os.abort()", "Polars crashes by them, or runs out of memory"),
        ("os._exit(0)", "its values cannot be unpacked"),
        ("sys.stdout.buffer.write(b'no frame'); sys.stdout.flush(); os._exit(0)", "unpacked"),
        ("bytes(1 << 40)", "unpacked"),
        ("import time; time.sleep(600)", "has taken 1 seconds"),
    ],
)
def test_a_process_of_its_own_that_ends_otherwise_is_an_error(
    does: str, said: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    before, found, after = decoding._CODE.partition("import polars as pl\n")
    assert found
    monkeypatch.setattr(decoding, "_CODE", f"{before}{does}\n{found}{after}")
    if "sleep" in does:
        monkeypatch.setattr(decoding, "_SECONDS", 1)
        monkeypatch.setattr(decoding, "_PACE", 1 << 60)
    with pytest.raises(OSError, match=said):
        read_parquet(BARS, apart=True)
    assert capfd.readouterr().err == ""


def test_modules_of_the_folder_in_which_a_command_works_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("polars", "io", "json", "resource"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    assert read_parquet(BARS, apart=True).height == 300
    assert not Path("ran").exists()

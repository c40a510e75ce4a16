"""Files are opened as regular ones, read under limits, and made under names of their own."""

from __future__ import annotations

import io
import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import wfo
from wfo.errors import ResultsError
from wfo.files import (
    check_tree,
    inside,
    is_leftover,
    limits,
    locked,
    open_regular,
    open_to_change,
    parse_json,
    read_bytes,
    read_json,
    whole,
    whole_file,
    write_private,
    write_text,
)
from wfo.files.schema import (
    Count,
    FiniteNumber,
    HexDigest,
    RelativeName,
    SafeName,
    ShortText,
    Text,
    require,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="has no pipes, and links need a right")


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[dict[str, Path]]:
    """What is no regular file, by what messages call it."""
    found = {
        "named pipe": tmp_path / "pipe",
        "folder": tmp_path / "folder",
        "socket": tmp_path / "socket",
        "device": Path("/dev/zero"),
    }
    os.mkfifo(found["named pipe"])
    found["folder"].mkdir()
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(found["socket"]))
        yield found


_KINDS = ("named pipe", "folder", "socket", "device")


@pytest.mark.parametrize("link", [False, True], ids=["itself", "by a link"])
@pytest.mark.parametrize("kind", _KINDS)
def test_what_is_no_regular_file_is_not_opened(
    kind: str, link: bool, odd: dict[str, Path], tmp_path: Path
) -> None:
    path = odd[kind]
    if link:
        path = tmp_path / "link"
        path.symlink_to(odd[kind])
    for call in (open_regular, open_to_change, lambda p: read_bytes(p, most=9), _lock, _write):
        if link and call in (open_to_change, _lock):
            with pytest.raises(OSError, match="is a link"):
                call(path)
        elif link and call is _write:
            call(path)
            assert not path.is_symlink()
            assert path.read_text() == "x"
        else:
            with pytest.raises((OSError, ResultsError), match=f"is a {kind}"):
                call(path)
    assert not list(tmp_path.glob(".*"))


def _lock(path: Path) -> object:
    return locked(path)


def _write(path: Path) -> None:
    write_text(path, "x")


def test_a_link_that_a_folder_has_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('{"a": 1}')
    (tmp_path / "run.json").symlink_to("secret")
    with pytest.raises(ResultsError, match=r"run\.json cannot be read: .*is a link"):
        read_json(tmp_path / "run.json")
    assert read_bytes(tmp_path / "run.json", most=8) == b'{"a": 1}'


def test_writing_replaces_a_link_and_leaves_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("old")
    (tmp_path / "out.csv").symlink_to("precious")
    write_text(tmp_path / "out.csv", "new")
    assert (tmp_path / "precious").read_text() == "old"
    assert (tmp_path / "out.csv").read_text() == "new"
    assert not (tmp_path / "out.csv").is_symlink()


@pytest.mark.parametrize("call", [open_to_change, locked], ids=["change", "lock"])
def test_a_file_with_another_name_is_not_changed(
    call: Callable[[Path], object], tmp_path: Path
) -> None:
    (tmp_path / "precious").write_text("old")
    os.link(tmp_path / "precious", tmp_path / ".lock")
    with pytest.raises(OSError, match=r"has 2 names \(hard links\)"):
        call(tmp_path / ".lock")
    assert (tmp_path / "precious").read_text() == "old"


def test_a_temporary_name_that_is_taken_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "precious").write_text("old")
    (tmp_path / "foreseen").symlink_to("precious")
    monkeypatch.setattr(whole, "_beside", lambda _: tmp_path / "foreseen")
    with pytest.raises(ResultsError, match="File exists"):
        write_text(tmp_path / "x", "new")
    assert (tmp_path / "precious").read_text() == "old"


def test_what_a_killed_writer_left_is_swept_and_what_a_living_one_writes_is_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / ("long name " * 20 + "é.csv")
    left = path.with_name(f"{whole._beginning(path)}0123456789abcdef.part")
    left.write_text("left")
    other = tmp_path / ".other.csv.0123456789abcdef.part"
    other.write_text("of another file")
    with whole_file(path) as part:
        assert not left.exists()
        assert is_leftover(part.name, path)
        write_text(path, "meanwhile")
        assert part.exists()
        part.write_text("whole")
    assert path.read_text() == "whole"
    assert sorted(tmp_path.iterdir()) == sorted([path, other])


# JSON


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_json_within_the_limits_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wfo.files.json_text.JSON_VALUES", 100)
    assert parse_json(_nested(limits.JSON_DEPTH)) is not None
    assert len(parse_json(json.dumps(list(range(99))))) == 99
    assert parse_json("9" * limits.JSON_DIGITS) == int("9" * limits.JSON_DIGITS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_nested(limits.JSON_DEPTH + 1), "within each other"),
        (_nested(200_000), "within each other"),
        ('{"a":' * 200_000 + "1" + "}" * 200_000, "within each other"),
        (json.dumps(list(range(100))), "more than 100 values"),
        (json.dumps({f"{i}": [i] for i in range(50)}), "more than 100 values"),
        ("9" * (limits.JSON_DIGITS + 1), "301 digits"),
        ('{"a": 1, "b": 2, "a": 3}', "'a' is there twice"),
        ("NaN", "no number"),
    ],
)
def test_json_beyond_a_limit_is_refused(
    text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "values" in said:
        monkeypatch.setattr("wfo.files.json_text.JSON_VALUES", 100)
    with pytest.raises(ValueError, match=said):
        parse_json(text)


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        (
            SafeName,
            ("a", "é ü", ".hidden", "a..b", "\udcff", "x" * 255),
            (".", "..", "a/b", "/a", "../a", "a\nb", "\x1b[2J", "\u202e", "\0", "x" * 256, 5, None),
        ),
        (
            RelativeName,
            ("a", "a/b.csv", "é ü/..a", "x" * 1000),
            (
                *("", ".", "..", "/a", "a/", "a//b", "./a", "../a", "a/..", "a/../b", "a/./b"),
                *("a\0b", "a/\x1b", "\u2028", "\ud800", "x" * 1001, ["a"]),
            ),
        ),
        (
            HexDigest,
            ("0" * 64,),
            ("", "0" * 63, "0" * 65, "A" * 64, "../" * 21 + "a", "0" * 64 + "\n"),
        ),
        (
            ShortText,
            ("", "a b", "\udcff"),
            ("a\n", "\t", "\x9b", "\u2066", "\ud800", "x" * 1001, 1),
        ),
        (Text, ("a\n\x1b", "\udcff"), ("\ud800", "x" * 100_001, None)),
        (Count, (0, 2**53), (-1, 2**53 + 1, 10**299, 0.5, True, "1", None)),
        (FiniteNumber, (-1e308, 0, 10**300), (10**400, True, "1", None)),
    ],
)
def test_values_of_json_are_what_their_shapes_say(
    shape: Any, good: tuple[Any, ...], bad: tuple[Any, ...]
) -> None:
    for value in good:
        require(value, shape, "it")
    for value in bad:
        with pytest.raises(ResultsError, match=r"^it (= .* must be|has )") as caught:
            require(value, shape, "it")
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("unit", ["[]", "{}", '{"":1}', "[0]", "1", '",["', '"\\",["', '["\\\\"]'])
def test_too_many_values_are_not_made(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wfo.files.json_text.JSON_VALUES", 1000)
    made = 0

    def count(*_: object, **__: object) -> None:
        nonlocal made
        made += 1

    values = 1 + ('"' not in unit and unit != "1") + (unit in {'{"":1}', '["\\\\"]'})
    most = f"[{','.join([unit] * (999 // values))}]"
    parse_json(most)
    monkeypatch.setattr("wfo.files.json_text.json.loads", count)
    with pytest.raises(ValueError, match="more than 1,000 values"):
        parse_json(f"[{','.join([unit] * 2002)}]")
    assert made == 0, "memory is taken for values that are refused"


def test_texts_that_do_not_end_take_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wfo.files.json_text.JSON_VALUES", 1000)
    for text in ('\\"' * 500_000 + ",", '"' + '\\"' * 500_000 + "," * 3000, '"' * 500_001):
        with pytest.raises(ValueError, match=r"Expecting|Unterminated|Extra"):
            parse_json(text)


def test_a_long_json_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    with path.open("wb") as file:
        file.truncate(limits.JSON_BYTES + 1)
    with pytest.raises(ResultsError, match=r"has 67,108,865 bytes; 67,108,864 are read"):
        read_json(path)


@pytest.mark.parametrize(
    ("what", "counts", "sizes"),
    [
        ("JSON", (limits.JSON_DEPTH, limits.JSON_VALUES, limits.JSON_DIGITS), (limits.JSON_BYTES,)),
        ("YAML", (limits.YAML_DEPTH, limits.YAML_VALUES), (limits.YAML_BYTES,)),
        ("values of a parameter", (limits.AXIS_VALUES,), ()),
        ("cells of a map", (limits.MAP_CELLS,), ()),
        ("sets of values", (limits.CONSTRAINED_POINTS,), ()),
        ("space of a search", (limits.SEARCH_DIMENSIONS, limits.SEARCH_CONSTRAINTS), ()),
        ("phases", (limits.PHASES, limits.PHASE_MONTHS // 12), ()),
        (
            "bars",
            (limits.BARS_ROWS, limits.TABLE_COLUMNS, limits.LINE_CHARACTERS),
            (limits.TABLE_BYTES,),
        ),
        (
            "Parquet",
            (limits.PARQUET_ROWS, limits.PARQUET_COLUMNS, limits.PARQUET_RATIO),
            (limits.TABLE_BYTES, limits.PARQUET_SMALL, limits.PARQUET_UNPACKED),
        ),
        (
            "database of a study",
            (limits.STUDY_TRIALS, limits.STUDY_FIGURES),
            (limits.DATABASE_BYTES, limits.DATABASE_CELL),
        ),
        ("windows of a walk-forward", (limits.WALK_WINDOWS,), ()),
        ("folder of a run", (limits.TREE_ENTRIES, limits.TREE_DEPTH), ()),
    ],
)
def test_limits_are_documented(what: str, counts: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    lines = Path(wfo.__file__).with_name("FORMATS.md").read_text(encoding="utf-8").splitlines()
    head = lines.index("| what | at most |")
    said = next(line for line in lines[head:] if what in line.split("|")[1])
    numbers = [f"{count:,}" for count in counts]
    numbers += [f"{s >> 30} GiB" if s >= 1 << 30 else f"{s >> 20} MiB" for s in sizes]
    assert [number for number in numbers if not re.search(rf"\b{number}\b", said)] == []


def test_a_link_of_the_system_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    path = tmp_path / "stdout"
    path.symlink_to("/proc/self/fd/1")
    with pytest.raises(ResultsError, match=rf"cannot write {path}: is a link of the system"):
        write_text(path, "x")
    with pytest.raises(OSError, match="is a link of the system"):
        write_private(path, "x")
    assert [*tmp_path.iterdir()] == [path]
    assert path.is_symlink()


def test_a_file_of_the_system_that_has_nothing_to_read_yet_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_text("x")
    monkeypatch.setattr("wfo.files.opening.os.fdopen", lambda opened, _: _Waiting(opened))
    assert read_bytes(tmp_path / "x", most=10) == b""


class _Waiting(io.FileIO):
    """A file as that of the kernel's log, of which `read` returns None where it would wait."""

    def read(self, size: int | None = -1, /) -> Any:
        del size


# Folders of others


def test_a_folder_of_files_alone_is_taken(tmp_path: Path) -> None:
    (tmp_path / "run" / "wfo" / "deep").mkdir(parents=True)
    (tmp_path / "run" / "wfo" / "x.npy").write_text("")
    (tmp_path / "way").symlink_to("run")
    check_tree(tmp_path / "run")
    check_tree(tmp_path / "way")
    check_tree(tmp_path / "missing")


@pytest.mark.parametrize("place", ["x", "wfo/deep/x"])
@pytest.mark.parametrize("kind", ["link", "named pipe", "device"])
def test_a_folder_that_holds_something_else_is_refused(
    kind: str, place: str, tmp_path: Path
) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "link":
        path.symlink_to("/etc")
    elif kind == "named pipe":
        os.mkfifo(path)
    else:
        try:
            os.mknod(path, 0o20666, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("a device can be made by the superuser alone")
    with pytest.raises(ResultsError, match=rf"{path} is a {kind}"):
        check_tree(tmp_path)


def test_what_a_folder_holds_is_named_in_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "a\n  all is well\x1b[2J").symlink_to("/etc")
    with pytest.raises(ResultsError) as caught:
        check_tree(tmp_path)
    assert len(str(caught.value).splitlines()) == 2
    assert "\x1b" not in str(caught.value)


def test_a_folder_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "/".join("d" * (limits.TREE_DEPTH + 2))).mkdir(parents=True)
    with pytest.raises(ResultsError, match="more than 16 deep"):
        check_tree(tmp_path)
    check_tree(tmp_path, skip=["d"])
    monkeypatch.setattr("wfo.files.tree.TREE_ENTRIES", 3)
    for name in "abc":
        (tmp_path / name).touch()
    with pytest.raises(ResultsError, match="more than 3 entries"):
        check_tree(tmp_path, skip=["d"])


@pytest.mark.parametrize("name", ["a", "a/b.csv", "é ü", ".hidden", "a..b", "x" * 200])
def test_a_plain_name_is_below_the_folder(name: str, tmp_path: Path) -> None:
    assert inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "./x", "../x", "a/../../x", "~/../x/..", "/etc/passwd", "a//b", "a/"),
        *("a\0b", "a\x1b[2Jb", "x" * 1001, 5, None, ["a"]),
    ],
)
def test_another_name_is_none(name: object, tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="is no name of a file below"):
        inside(tmp_path, name)  # type: ignore[arg-type]  # as a file may state it


def test_a_name_does_not_lead_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc")
    for name in ("out", "out/passwd"):
        with pytest.raises(ResultsError, match=rf"{tmp_path / 'out'} is a link"):
            inside(tmp_path, name)

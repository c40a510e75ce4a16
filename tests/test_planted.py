"""What others have put into a folder: links, pipes, devices and folders at every name."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import (
    COMMANDS,
    KINDS,
    QUICK,
    QUICK_MAKING,
    RUN,
    Command,
    Worker,
    make_world,
    names_below,
    plant,
    prepare,
    snapshot,
    try_planted,
)
from traced import changes, has_strace, outside, traced

from wfo.errors import ResultsError
from wfo.files import is_leftover, locked, read_sealed, write_sealed
from wfo.runs.folder import RunFolder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="has no pipes, and links need a right")

#: From how many names on a command is tried with every so-manieth alone.
_MANY, _SHARE = 12, 4

#: Seconds that a sweep over many cases takes at most.
SWEEP = 240


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    """A process that runs commands."""
    worker = Worker()
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def quick(worker: Worker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world."""
    world = tmp_path_factory.mktemp("quick")
    make_world(world, worker, QUICK_MAKING)
    return world


@pytest.fixture(scope="module")
def world(worker: Worker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world with everything in it."""
    world = tmp_path_factory.mktemp("world")
    make_world(world, worker)
    return world


def _names(command: Command, world: Path, worker: Worker, place: Path) -> list[str]:
    """Return what a command opens, makes, moves and removes, traced."""
    copy = place / f"traced-{zlib.crc32(command.name.encode())}"
    shutil.copytree(world, copy, symlinks=True)
    prepare(copy, command.before)
    found = names_below(copy, worker.run(command.arguments, copy, trace=True, seconds=300))
    shutil.rmtree(copy)
    return found


@pytest.mark.parametrize("command", QUICK, ids=lambda command: command.name)
def test_nothing_that_was_planted_is_followed(
    command: Command, quick: Path, worker: Worker, tmp_path: Path
) -> None:
    names = _names(command, quick, worker, tmp_path)
    assert names, "a command opens something"
    if len(names) > _MANY:
        # They are much the same ones for all commands; the slow test tries all.
        share = _SHARE if command.name != "verify" else 3
        names = names[zlib.crc32(command.name.encode()) % share :: share]
    wrong = []
    for number, name in enumerate(names):
        # Another kind at each name, and over the commands several at each.
        kind = KINDS[(number + zlib.crc32(command.name.encode())) % len(KINDS)]
        found = try_planted(quick, command, name, kind, worker, tmp_path / "place")
        wrong += [f"{name}, {kind}: {each}" for each in found]
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_nothing_that_was_planted_is_followed_anywhere(
    world: Path, worker: Worker, tmp_path: Path
) -> None:
    cases = [
        (command, name, kind)
        for command in COMMANDS
        for name in _names(command, world, worker, tmp_path)
        for kind in KINDS
    ]
    # What is not reached is another part each time.
    seed = time.time_ns() % 1_000_000
    random.Random(seed).shuffle(cases)
    end, wrong, tried = time.monotonic() + SWEEP, [], 0
    for command, name, kind in cases:
        if time.monotonic() > end:
            break
        tried += 1
        found = try_planted(world, command, name, kind, worker, tmp_path / "place")
        wrong += [f"{command.name}: {name}, {kind}: {each}" for each in found]
    print(f"{tried:,} of {len(cases):,} cases, seed {seed}")
    assert not wrong, "\n".join(wrong)


# What the system sees


def _hostile(world: Path, outside: Path) -> None:
    """Make a world of others: links where locks and temporary files of earlier versions were."""
    outside.mkdir()
    (outside / "precious").write_text("precious\n")
    run = world / RUN
    for name in (".lock", ".trials.lock", "run.json.part", "trials.json.part", "verdict.json.part"):
        (run / name).symlink_to(outside / "precious")
    data = read_sealed(run / "run.json")
    write_sealed(run / "run.json", data | {"fingerprint": "../../outside"})
    (world / "out" / "trades.csv.part").symlink_to(outside / "precious")
    with_link = world / "out" / "trades.csv"
    with_link.unlink(missing_ok=True)
    with_link.symlink_to(outside / "precious")


def _check_traced(command: Command, world: Path, place: Path, *, hostile: bool) -> None:
    copy = place / "copy"
    shutil.copytree(world, copy, symlinks=True)
    prepare(copy, command.before)
    if hostile:
        _hostile(copy, place / "outside")
        before = snapshot(place / "outside")
    code, found = traced(command.arguments, copy)
    # Links in the world lead to what is beside it, so that names alone do not tell.
    assert not outside(found, copy)
    if hostile:
        assert snapshot(place / "outside") == before
    else:
        assert code == 0
    shutil.rmtree(copy)
    shutil.rmtree(place / "outside", ignore_errors=True)


needs_strace = pytest.mark.skipif(not has_strace(), reason="strace is not installed, or may not")


@needs_strace
def test_a_simulation_writes_the_files_that_it_is_given_alone(quick: Path, tmp_path: Path) -> None:
    command = next(c for c in QUICK if c.name == "simulate")
    _check_traced(command, quick, tmp_path, hostile=False)


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("hostile", [False, True], ids=["own", "hostile"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_writes_into_its_folder_alone(
    command: Command, world: Path, tmp_path: Path, hostile: bool
) -> None:
    _check_traced(command, world, tmp_path, hostile=hostile)


def test_the_log_of_a_tracer_is_read_as_it_is_written() -> None:
    log = (
        '7 openat(AT_FDCWD</w>, "out/a\\"b", O_WRONLY|O_CREAT|O_EXCL, 0666) = 3</w/out/a"b>\n'
        '7 openat(AT_FDCWD</w>, "read", O_RDONLY|O_CLOEXEC) = 3</w/read>\n'
        '7 openat(AT_FDCWD</w>, "denied", O_WRONLY) = -1 EACCES (Permission denied)\n'
        '7 rename("a", "/tmp/b" <unfinished ...>\n'
        '8 unlinkat(5</w/sub>, "c\\377", 0) = 0\n'
        "7 <... rename resumed>) = 0\n"
        '7 symlink("anything", "link") = 0\n'
    )
    found = [(change.call, change.path) for change in changes(log, "/w")]
    assert found == [
        ("openat", '/w/out/a"b'),
        ("unlinkat", "/w/sub/c\udcff"),
        ("rename", "/w/a"),
        ("rename", "/tmp/b"),
        ("symlink", "/w/link"),
    ]
    away = [change.path for change in outside(list(changes(log, "/w")), Path("/w"))]
    assert away == ["/tmp/b"]


# The folder of a run


def _made(path: Path, fingerprint: str) -> RunFolder:
    folder = RunFolder(path)
    folder.sweep("atr_d_l").mkdir(parents=True)
    (folder.sweep("atr_d_l") / "journal").write_text("x")
    write_sealed(folder.manifest, {"fingerprint": fingerprint})
    return folder


def _everything(place: Path) -> set[str]:
    return {p.relative_to(place).as_posix() for p in place.rglob("*")}


@pytest.mark.parametrize(
    "fingerprint",
    [
        *(
            "../../x",
            "../x",
            "..",
            ".",
            "",
            "/etc",
            "..\\x",
            "a/../..",
            "~",
            "\0",
            "a\nb",
            "unknown",
        ),
        *("A" * 64, "g" * 64, "1" * 63, "1" * 65, "../" * 22, "a" * 5000),
    ],
)
def test_a_fingerprint_that_is_none_names_no_folder(fingerprint: str, tmp_path: Path) -> None:
    place = tmp_path / "deep" / "results"
    folder = _made(place / "QQQ", fingerprint)
    precious = [tmp_path / "x" / "precious", tmp_path / "deep" / "x" / "precious"]
    for each in precious:
        each.parent.mkdir()
        each.write_text("old")
    before = _everything(tmp_path)
    moved = folder.prepare("0" * 64)
    assert moved == folder.history / "unknown"
    assert (moved / "wfo" / "atr_d_l" / "journal").read_text() == "x"
    assert all(each.read_text() == "old" for each in precious)
    gone = before - _everything(tmp_path)
    assert all(name.startswith("deep/results/QQQ/") for name in gone)


@pytest.mark.parametrize("place", [".history", ".history/11111111", "runs", "wfo"])
def test_what_is_moved_is_no_link(place: str, tmp_path: Path) -> None:
    folder = _made(tmp_path / "QQQ", "1" * 64)
    away = tmp_path / "away"
    away.mkdir()
    (away / "precious").write_text("old")
    path = folder.path / place
    if path.exists():
        shutil.rmtree(path)
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(away)
    with pytest.raises(ResultsError, match=rf"{path} is a link"):
        folder.prepare("2" * 64)
    assert (away / "precious").read_text() == "old"
    assert [p.name for p in away.iterdir()] == ["precious"]
    assert folder.manifest.exists()


def test_a_run_comes_back_without_what_is_no_part_of_a_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "QQQ")
    old = _made(folder.history / "22222222", "2" * 64)
    for name in ("trials.json", "holdouts.json", ".lock"):
        (old.path / name).write_text("planted")
    assert folder.prepare("2" * 64) is None
    assert folder.manifest.is_file()
    there = {p.name for p in folder.path.iterdir()}
    assert there == {"run.json", "wfo", ".history"}


@pytest.mark.parametrize("name", [None, "named"])
def test_a_folder_that_is_found_by_its_symbol_is_no_link(name: str | None, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    path = RunFolder.of(tmp_path / "results", "QQQ", name=name).path
    path.parent.mkdir(parents=True)
    path.symlink_to(away)
    for use in (RunFolder.earlier, RunFolder.read_manifest, lambda f: f.prepare("1" * 64)):
        with pytest.raises(ResultsError, match=rf"{path} is a link, .* in its place, or .* --out"):
            use(RunFolder.of(tmp_path / "results", "QQQ", name=name))
    with (
        pytest.raises(ResultsError, match=rf"{path} is a link"),
        RunFolder.of(tmp_path / "results", "QQQ", name=name).hold("x"),
    ):
        raise AssertionError
    assert not list(away.iterdir())
    # A link that is named outright stands for what it leads to.
    with RunFolder(path).hold("x"):
        assert (away / ".lock").exists()


def test_a_count_is_not_written_through_a_link(tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    (tmp_path / "results" / "QQQ_SPY").mkdir(parents=True)
    (tmp_path / "results" / "QQQ").symlink_to(away)
    folder = RunFolder(tmp_path / "results" / "QQQ_SPY")
    counted = {"fingerprint": "1" * 64, "combinations": 1}
    for use in (lambda: folder.count_trials("QQQ", counted), lambda: folder.holdout_lists("QQQ")):
        with pytest.raises(ResultsError, match="QQQ is a link, which is not followed"):
            use()
    assert not list(away.iterdir())


def test_leftovers_of_killed_writers_go(tmp_path: Path) -> None:
    folder = _made(tmp_path / "QQQ", "1" * 64)
    left = [folder.path / ".run.json.0123456789abcdef.part", folder.path / "x.csv.part"]
    left.append(folder.sweep("atr_d_l") / ".state.0123456789abcdef.part")
    busy = folder.path / ".bars.parquet.fedcba9876543210.part"
    for each in (*left, busy):
        each.write_text("half")
    assert is_leftover(left[0].name)
    held = locked(busy)
    assert held is not None
    with held:
        folder.prepare("1" * 64)
    assert not any(each.exists() for each in left)
    assert busy.exists(), "its writer is alive"


def test_a_file_with_another_name_is_not_written_in_place(tmp_path: Path) -> None:
    from wfo.files import open_unfinished

    (tmp_path / "backup").write_bytes(b"old")
    for name in ("x.npy", "x.npy.part"):
        os.link(tmp_path / "backup", tmp_path / name)
        with pytest.raises(OSError, match="hard links"):
            open_unfinished(tmp_path / "x.npy", tmp_path / "x.npy.part")
        assert (tmp_path / "backup").read_bytes() == b"old"
        (tmp_path / name).unlink()


def test_a_folder_of_many_entries_is_looked_over(tmp_path: Path) -> None:
    folder = _made(tmp_path / "QQQ", "1" * 64)
    for number in range(300):
        (folder.path / f"{number:0255}").touch()
    deep = folder.path.joinpath(*["d" * 255] * 2)
    deep.mkdir(parents=True)
    RunFolder(folder.path).look_over()


# Names


#: Each has a meaning elsewhere: for shells, for Polars, or for a terminal.
ODD = ("~", "~root", "~[a]*?{b} \n'\udcff", "s3:", "-x", "x" * 255)


def _called(command: Command, odd: str, world: Path) -> list[str]:
    """Give the folders of a world other names, and return the arguments with these."""
    names = {"results": odd}
    for name in ("store", "out"):
        names[name] = f"{odd[: 255 - len(name)]}{name}"
    for before, after in names.items():
        (world / before).rename(world / after)
    found: list[str] = []
    for argument in command.arguments:
        head, slash, rest = argument.partition("/")
        named = head in names and found
        said = f"{names[head]}{slash}{rest}" if named else argument
        if named and found[-1].startswith("--"):
            # As one argument a name may begin with a dash.
            found[-1] += f"={said}"
        else:
            found.append(f"./{said}" if named and said.startswith("-") else said)
    return found


def _check_odd(command: Command, odd: str, world: Path, worker: Worker, place: Path) -> None:
    copy = place / "copy"
    shutil.copytree(world, copy, symlinks=True)
    prepare(copy, command.before)
    arguments = _called(command, odd, copy)
    before = {p.name for p in copy.iterdir()}
    found = worker.run(arguments, copy)
    assert (found.code, found.raised) in {(0, ""), (1, "")}, (arguments, found)
    if found.code:
        own = place / "own"
        shutil.copytree(world, own, symlinks=True)
        prepare(own, command.before)
        assert worker.run(command.arguments, own).code == found.code, found
        shutil.rmtree(own)
    assert {p.name for p in copy.iterdir()} - before <= {"fresh"}
    shutil.rmtree(copy)


def test_folders_may_have_any_name(quick: Path, worker: Worker, tmp_path: Path) -> None:
    for number, command in enumerate(QUICK):
        _check_odd(command, ODD[number % len(ODD)], quick, worker, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_folders_may_have_any_name_everywhere(
    odd: str, world: Path, worker: Worker, tmp_path: Path
) -> None:
    for command in COMMANDS:
        _check_odd(command, odd, world, worker, tmp_path)


def test_the_kinds_are_what_they_are_called(tmp_path: Path) -> None:
    for kind, was in itertools.product(KINDS, ("file", "folder", "nothing")):
        place = tmp_path / f"{kind}-{was}"
        place.mkdir()
        path = place / "name"
        if was == "file":
            path.write_text("own")
        elif was == "folder":
            path.mkdir()
        plant(path, kind, place / "outside")
        linked = "link" in kind or kind == "dangling"
        # Without the right to make a device it is a link to one.
        assert path.is_symlink() == linked or kind == "device"
        assert path.is_fifo() == (kind == "pipe")
        assert path.exists() == (kind != "dangling")
        leads = was == "folder" and kind in {"read-only", "link"}
        assert path.is_dir() == (leads or kind in {"folder", "folder link"})
        own = {"file": "own", "nothing": "precious\n"}.get(was)
        if own is not None and kind != "read-only":
            assert (place / "outside" / "precious").read_text() == own

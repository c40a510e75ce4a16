"""Runs that are stopped by whatever, and go on."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from kills import GATES, GRID, command, contents, end, killed
from kills import SMALL as SMALL_BLOCKS
from noting import Noting
from small_run import SMALL

import wfo
from wfo.atr_d.settings import Settings
from wfo.backtest import BlockSizes
from wfo.data import sample_store
from wfo.errors import ResultsError
from wfo.runs.folder import RunFolder
from wfo.runs.machine import Machine
from wfo.runs.plan import RunPlan
from wfo.runs.rescore import rescore as rescore_by
from wfo.runs.run import run as run_by
from wfo.runs.verify import verify as verify_by
from wfo.selection.gates import Gates

run = functools.partial(run_by, options=SMALL)
rescore = functools.partial(rescore_by, options=SMALL)
verify = functools.partial(verify_by, options=SMALL)

#: Combinations of the tiny grid.
COUNT = 7680

STORES = pytest.mark.parametrize("store", ["dense", "survivors"])


def slow(*values: object) -> Any:
    """Return values of a test that only `make slow` goes through."""
    return pytest.param(*values, marks=pytest.mark.slow)


#: Where a store changes nothing of what is tested, the dearer one is left to `make slow`.
DENSE_FIRST = pytest.mark.parametrize("store", ["dense", slow("survivors")])


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grid of 290,304 combinations: two blocks of at most 262,144, as they are by default."""
    path = tmp_path_factory.mktemp("grid") / "kills.yaml"
    path.write_text(
        GRID.replace("[2, 6, 10]", "[2, 6]").replace("[4, 16, 28, 40, 52, 64]", "[4, 16, 28, 40]")
    )
    assert len(wfo.Grid.load(path, "atr_d_l")) == 290_304
    return path


@pytest.fixture(scope="module")
def undisturbed(grid: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run of it comes to."""
    out = tmp_path_factory.mktemp("undisturbed")
    found = contents(run_by(large(grid, out), sample_store()).folder.path)
    shutil.rmtree(out)
    return found


def large(grid: Path, out: Path) -> RunPlan:
    gates = Gates.preset(GATES)
    return RunPlan("NASDAQ", "atr_d_l", grid=str(grid), out=out, store="dense", gates=gates)


def written(path: Path, **more: list[float]) -> Path:
    """Write a grid of 7,680 combinations."""
    values = wfo.Grid.load("smoke", "atr_d_l").values | {
        "bb_deviation": [0.5 + 0.25 * i for i in range(12)],
        **more,
    }
    lines = (f"  {name}: {json.dumps(list(axis))}" for name, axis in values.items())
    path.write_text("atr_d_l:\n" + "\n".join(lines) + "\n")
    assert len(wfo.Grid.load(path, "atr_d_l")) == COUNT
    return path


@pytest.fixture(scope="module")
def hilly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grid whose map has plateaus, and so ranges; looking for them takes half of its run."""
    return written(tmp_path_factory.mktemp("hilly") / "hilly.yaml")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grid of four cells, too few for plateaus."""
    return written(
        tmp_path_factory.mktemp("tiny") / "tiny.yaml",
        atr_multiplier=[13, 24],
        atr_buy_multiplier=[0.5, 2.5],
        atr_smooth_period=[2, 4, 6, 8, 10],
    )


@pytest.fixture
def plan(tiny: Path, tmp_path: Path) -> Any:
    return functools.partial(RunPlan, "NASDAQ", "atr_d_l", grid=str(tiny), out=tmp_path / "out")


@pytest.fixture
def hilly_plan(hilly: Path, tmp_path: Path) -> Any:
    return functools.partial(RunPlan, "NASDAQ", "atr_d_l", grid=str(hilly), out=tmp_path / "out")


#: A run that nothing has stopped, by its store; for reading, and to be copied.
Whole = Callable[[str], RunFolder]


def made_once(grid: Path, factory: pytest.TempPathFactory) -> Whole:
    @functools.cache
    def of(store: str) -> RunFolder:
        out = factory.mktemp("whole")
        plan = RunPlan("NASDAQ", "atr_d_l", grid=str(grid), out=out, store=store)
        return run(plan, sample_store()).folder

    return of


@pytest.fixture(scope="module")
def whole(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return made_once(tiny, tmp_path_factory)


@pytest.fixture(scope="module")
def whole_hilly(hilly: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    made = made_once(hilly, tmp_path_factory)
    assert list(made("dense").path.glob("phase5_refine_*_rank1*.csv"))
    return made


# Kills


def lines_of_journal(folder: Path) -> int:
    with contextlib.suppress(OSError):
        return (folder / "wfo/atr_d_l/journal").read_text().count("\n")
    return 0


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "as soon as there is a folder": lambda f: f.exists(),
    "with a block complete": lambda f: lines_of_journal(f) > 1,
    "while files take their names": lambda f: any(f.glob("wfo/atr_d_l/phase1/*.npy")),
    "with records on disk": lambda f: any(f.glob("wfo/atr_d_l/survivors.npy*")),
    "while scoring": lambda f: (f / "wfo/atr_d_l/meta.json").exists(),
    "with candidates on disk": lambda f: any(f.glob("candidates_*.parquet")),
}


# The same with small blocks is below.
@pytest.mark.slow
def test_a_killed_command_goes_on_within_its_sweep(
    grid: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    line = command(grid, tmp_path, "--store", "dense", "--gates", GATES)
    folder = tmp_path / "NASDAQ"
    for moment in ("as soon as there is a folder", "with a block complete"):
        assert killed(line, lambda moment=moment: MOMENTS[moment](folder)), moment  # type: ignore[misc]
    said = end(line)
    assert contents(folder) == undisturbed
    assert "combinations are stored and intact; sweeping the rest" in said


@pytest.mark.parametrize(
    ("store", "moments"),
    [
        ("dense", ["with a block complete", "while files take their names", "while scoring"]),
        ("survivors", ["with records on disk", "with candidates on disk"]),
    ],
)
def test_a_killed_run_ends_in_the_same_bytes(
    store: str, moments: list[str], hilly_plan: Any, whole_hilly: Whole
) -> None:
    each = hilly_plan(store=store)
    line = command(Path(each.grid), each.out, "--store", store, program=SMALL_BLOCKS)
    folder = each.folder.path
    for moment in moments:
        assert killed(line, lambda moment=moment: MOMENTS[moment](folder)), moment  # type: ignore[misc]
    noted = Noting()
    run(each, sample_store(), progress=noted)
    assert contents(folder) == contents(whole_hilly(store).path)
    if moments[-1] in {"while scoring", "with candidates on disk"}:
        assert not noted.swept


def copied(whole: Whole, each: RunPlan) -> RunFolder:
    """Return what a run of the plan comes to, copied to its place."""
    shutil.copytree(whole(each.store).path, each.folder.path)
    return each.folder


def stopped(
    each: RunPlan,
    store: wfo.DataStore | None = None,
    at: int = 3,
    machine: Machine | None = None,
) -> RunFolder:
    """Start a run and stop it in front of a block of its sweep, as far as the disk sees."""
    readings = itertools.count()

    def clock() -> float:
        # It is read before and after every block.
        if next(readings) == 2 * at:
            raise KeyboardInterrupt
        return 0.0

    options = dataclasses.replace(SMALL, blocks=BlockSizes(largest=1500, clock=clock))
    with pytest.raises(KeyboardInterrupt):
        run_by(each, store or sample_store(), machine=machine, options=options)
    folder = RunFolder.of(each.out, each.symbol)
    assert json.loads(folder.manifest.read_text())["status"] == "interrupted"
    return folder


@pytest.mark.parametrize(
    ("store", "threads"), [slow("dense", 1), ("dense", 3), ("survivors", 2), slow("survivors", 3)]
)
def test_threads_and_stops_change_no_byte(
    store: str, threads: int, hilly_plan: Any, whole_hilly: Whole
) -> None:
    each = hilly_plan(store=store, threads=threads)
    folder = stopped(each, at=threads)
    run(each, sample_store())
    found, expected = contents(folder.path), contents(whole_hilly(store).path)
    for said in (found["run.json"], expected["run.json"]):
        del said["threads"]
    assert found == expected


@DENSE_FIRST
def test_a_complete_run_is_checked_and_not_swept(store: str, plan: Any, whole: Whole) -> None:
    folder = copied(whole, plan(store=store))
    before = contents(folder.path)
    noted = Noting()
    run(plan(store=store), sample_store(), progress=noted)
    assert noted.combinations == []
    assert contents(folder.path) == before


# Damage


#: Some of the files that are damaged in front of a run.
MENDED = {
    "dense": ["bars.parquet", "candidates_atr_d_l_tiny.csv", "oos_pnl.npy", "journal", "meta.json"],
    "survivors": ["survivors.npy", "state", "meta.json"],
}


@STORES
def test_damage_of_any_file_is_found_and_mended(store: str, plan: Any, whole: Whole) -> None:
    folder = copied(whole, plan(store=store))
    before = contents(folder.path)
    files, size = verify(folder)
    assert files == len(before)
    assert size == sum(p.stat().st_size for p in folder.path.rglob("*") if p.is_file())
    noted = Noting()
    chance = np.random.default_rng(0)
    ends_of = set()
    for number, name in enumerate(before):
        path = folder.path / name
        # Of a kind there are up to a hundred files, each checked in the same way: figures of later
        # phases take turns.
        if path.suffix == ".npy" and "phase" in name and "phase1" not in name and number % 3:
            continue
        data = path.read_bytes()
        places = chance.integers(0, len(data), 1).tolist()
        if path.suffix not in ends_of:
            ends_of.add(path.suffix)
            places += [0, len(data) - 1]
        for at in places:
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
            with pytest.raises(ResultsError, match=path.name.split(".")[0]):
                verify(folder)
        if name.split("/")[-1] in MENDED[store]:
            run(plan(store=store), sample_store(), progress=noted)
            assert contents(folder.path) == before
        path.write_bytes(data)
    assert noted.combinations
    if store == "dense":
        assert max(noted.combinations) <= 1024, "more was swept than was damaged"


@pytest.mark.parametrize(
    ("text", "complete", "store"),
    [
        ("", True, "dense"),
        slow("", False, "survivors"),
        ("{", True, "survivors"),
        slow("{", False, "dense"),
        slow('{"complete": true}\n', True, "survivors"),
        ('{"complete": true}\n', False, "dense"),
    ],
)
def test_a_truncated_meta_is_written_again(
    text: str, complete: bool, store: str, plan: Any, whole: Whole
) -> None:
    expected = contents(whole(store).path)
    each = plan(store=store)
    folder = copied(whole, each) if complete else stopped(each)
    meta = folder.sweep("atr_d_l") / "meta.json"
    meta.write_text(text)
    if complete:
        for use in (verify, rescore):
            with pytest.raises(ResultsError, match=r"meta\.json is damaged"):
                use(folder)
    run(plan(store=store), sample_store())
    assert contents(folder.path) == expected


def test_a_clock_that_is_moved_back_changes_nothing(plan: Any, whole: Whole) -> None:
    expected = contents(whole("auto").path)
    future = dt.datetime(2099, 1, 1, tzinfo=dt.UTC)
    folder = stopped(plan(), machine=Machine(now=lambda: future))
    assert json.loads(folder.manifest.read_text())["finished"] == "2099-01-01T00:00:00Z"
    for path in [*folder.path.rglob("*"), folder.path]:
        os.utime(path, (future.timestamp(), future.timestamp()))
    noted = Noting()
    run(plan(), sample_store(), progress=noted)
    assert noted.combinations[0] < COUNT, "what was stored counts"
    assert contents(folder.path) == expected


def test_a_repair_that_is_stopped_leaves_an_unfinished_run(plan: Any, tmp_path: Path) -> None:
    begun, today = longer(tmp_path, 5030), longer(tmp_path, 5031)
    folder = run(plan(), begun).folder
    before = contents(folder.path)
    path = folder.sweep("atr_d_l") / "phase3" / "is_dd.npy"
    data = bytearray(path.read_bytes())
    data[5000] ^= 4
    path.write_bytes(data)
    stopped(plan(), begun, at=0)
    # It still goes on with its own bars, and is not taken for complete.
    assert run(plan(), today).moved is None
    assert contents(folder.path) == before


# Disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    line = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)]
    if (
        shutil.which("mount") is None
        or subprocess.run(line, check=False, capture_output=True).returncode
    ):
        pytest.skip("only the superuser may mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@STORES
def test_a_full_disk_is_named_and_a_run_with_more_room_goes_on(
    store: str, plan: Any, small_disk: Path, whole: Whole
) -> None:
    expected = contents(whole(store).path)
    each = plan(store=store, out=small_disk)
    blocker = small_disk / "blocker"
    room = 400_000 if store == "dense" else 250_000
    blocker.write_bytes(bytes(shutil.disk_usage(small_disk).free - room))
    # What the sweep needs is known beforehand, unless something else fills the disk meanwhile.
    with pytest.raises(ResultsError, match=r"take up to .* free"):
        run(each, sample_store())
    roomy = Machine(free=lambda _: 10**9)
    with pytest.raises(ResultsError, match=r"cannot write .*No space left.*free some space"):
        run(each, sample_store(), machine=roomy)
    blocker.unlink()
    noted = Noting()
    report = run(each, sample_store(), machine=roomy, progress=noted)
    if store == "dense":
        assert noted.combinations[0] < COUNT, "what was stored counts"
    assert contents(report.folder.path) == expected


FILE_SIZE = """
import resource, sys
from wfo.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, 250_000))
main(sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_a_limit_on_files_is_named_and_the_run_goes_on(tmp_path: Path) -> None:
    # Figures of 72,576 combinations take four bytes each, which is more than the limit.
    grid = tmp_path / "kills.yaml"
    grid.write_text(GRID.replace("[2, 6, 10]", "[2, 6]").replace("[4, 16, 28, 40, 52, 64]", "[4]"))
    line = command(grid, tmp_path, "--store", "dense", "--gates", GATES)
    asked = [sys.executable, "-c", FILE_SIZE, *line[3:]]
    done = subprocess.run(asked, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.search(r"error: cannot write .*phase1/is_pnl\.npy: File too large", done.stderr)
    assert "Traceback" not in done.stderr
    found, alone = (
        run_by(large(grid, out), sample_store()).folder.path for out in (tmp_path, tmp_path / "o")
    )
    assert contents(found) == contents(alone)


def test_a_folder_that_cannot_be_written_is_named(plan: Any, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        # The superuser may write anywhere but on a file system that is read-only.
        place = tmp_path / "disk"
        place.mkdir()
        bind = ["mount", "--bind", str(place), str(place)]
        if subprocess.run(bind, check=False, capture_output=True).returncode:
            pytest.skip("the superuser may write anywhere, and mounting is not allowed")
        each = plan(out=place)
        try:
            folder = stopped(each)
            before = contents(folder.path)
            subprocess.run(["mount", "-o", "remount,ro,bind", str(place)], check=True)
            try:
                refused(each, folder, before, "Read-only file system")
            finally:
                subprocess.run(["mount", "-o", "remount,rw,bind", str(place)], check=True)
            run(each, sample_store())
        finally:
            subprocess.run(["umount", str(place)], check=True)
        return
    folder = stopped(plan())
    before = contents(folder.path)
    folders = [folder.path, *(p for p in folder.path.rglob("*") if p.is_dir())]
    for path in folders:
        path.chmod(0o555)
    refused(plan(), folder, before, "Permission denied")
    for path in folders:
        path.chmod(0o755)
    run(plan(), sample_store())


def refused(each: RunPlan, folder: RunFolder, before: dict[str, Any], said: str) -> None:
    with pytest.raises(ResultsError, match=f"cannot write .*{said}.*--out"):
        run(each, sample_store())
    assert contents(folder.path) == before


# Which run goes on, and on which bars


def longer(tmp_path: Path, bars: int, change: Any = None) -> wfo.DataStore:
    """A store with the first `bars` of the sample."""
    store = wfo.DataStore(tmp_path / f"store{bars}{change is not None}")
    frame = sample_store().load("NASDAQ").head(bars)
    if change is not None:
        frame = frame.with_columns(change)
    store.save("NASDAQ", "1day", frame, sample_store().meta("NASDAQ").origin)
    return store


@DENSE_FIRST
def test_a_run_goes_on_with_the_bars_it_began_with(store: str, plan: Any, tmp_path: Path) -> None:
    begun, today = longer(tmp_path, 5030), longer(tmp_path, 5031)
    expected = contents(run(plan(store=store, out=tmp_path / "o"), begun).folder.path)
    folder = stopped(plan(store=store), begun)
    noted = Noting()
    report = run(plan(store=store), today, progress=noted)
    assert report.moved is None
    assert noted.combinations[0] < COUNT
    assert contents(folder.path) == expected
    assert report.manifest.data.last == "2018-12-28"
    # That run has ended: with today's bars it is another one.
    assert run(plan(store=store), today, progress=noted).moved is not None
    assert len(pl.read_parquet(folder.bars)) == 5031


def test_bars_that_were_corrected_are_another_run(plan: Any, tmp_path: Path) -> None:
    folder = stopped(plan(), longer(tmp_path, 5030))
    changed = longer(tmp_path, 5031, pl.col("open", "high", "low", "close") * 1.0001)
    noted = Noting()
    report = run(plan(), changed, progress=noted)
    assert report.moved is not None
    assert noted.combinations == [COUNT]
    assert json.loads((report.moved / "run.json").read_text())["status"] == "interrupted"
    assert (report.moved / "wfo/atr_d_l/journal").exists()
    assert folder.path == report.folder.path


@pytest.mark.parametrize(
    "change",
    [
        # That each of these is another run, test_runs shows of complete ones.
        {"settings": Settings(slip=0.001)},
        slow({"windows": "sixty-forty"}),
        slow({"grid": "smoke"}),
        slow({"as_of": dt.date(2018, 6, 29)}),
        slow({"store": "survivors"}),
    ],
)
def test_an_unfinished_run_is_not_mixed_with_another(
    change: dict[str, Any], plan: Any, tmp_path: Path
) -> None:
    folder = stopped(plan())
    report = run(plan(**change), sample_store())
    assert report.moved is not None
    assert report.moved.parent == folder.history
    alone = run(plan(**change, out=tmp_path / "alone"), sample_store())
    found, expected = contents(report.folder.path), contents(alone.folder.path)
    kept = report.moved.relative_to(report.folder.path).as_posix()
    found = {n: d for n, d in found.items() if not n.startswith(kept)}
    for each in (found, expected):
        each.pop("trials.json")
        each["run.json"].pop("trials")
    assert found == expected


@pytest.mark.parametrize(("complete", "store"), [(True, "dense"), (False, "survivors")])
def test_fresh_starts_over(complete: bool, store: str, plan: Any, whole: Whole) -> None:
    each = plan(store=store)
    folder = copied(whole, each) if complete else stopped(each)
    before = contents(folder.path)
    noted = Noting()
    report = run(plan(store=store, fresh=True), sample_store(), progress=noted)
    assert noted.combinations == [COUNT]
    assert report.moved is not None
    moved = contents(report.moved)
    before.pop("trials.json", None)
    assert moved == before


def test_auto_keeps_the_store_that_the_run_began_with(plan: Any) -> None:
    folder = stopped(plan(store="survivors"))
    report = run(plan(), sample_store())
    assert report.moved is None
    assert report.folder.path == folder.path
    assert report.manifest.sweeps["atr_d_l"].store == "survivors"


def test_auto_keeps_all_figures_where_they_take_half_of_the_free_disk(
    plan: Any, tmp_path: Path
) -> None:
    # That many combinations of 80 bytes in four phases, and 700 for each candidate.
    need = COUNT * 780
    for free, store in ((2 * need, "dense"), (2 * need - 2, "survivors")):
        machine = Machine(free=lambda _, free=free: free)  # type: ignore[misc]
        report = run(plan(out=tmp_path / store), sample_store(), machine=machine)
        assert report.manifest.sweeps["atr_d_l"].store == store

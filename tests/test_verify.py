"""``wfo verify``: every file that is not as it was written is named, and what repairs it."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import TINY

from wfo.cli.run import rescore as rescore_command
from wfo.cli.run import run as run_command
from wfo.data import sample_store
from wfo.errors import ResultsError
from wfo.files import read_sealed
from wfo.runs.folder import RunFolder
from wfo.runs.options import RunOptions
from wfo.runs.plan import RunPlan
from wfo.runs.rescore import rescore
from wfo.runs.run import run
from wfo.runs.verify import verify
from wfo.selection.scoring import Gates
from wfo.sweeps import StoreOptions


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], RunFolder]:
    """A run of each store, made once."""
    place = tmp_path_factory.mktemp("runs")
    grid = place / "tiny.yaml"
    grid.write_text(TINY)

    def of(store: str) -> RunFolder:
        out = place / store
        line = ["wfo", "run", "--symbol", "NASDAQ", "--strategy", "atr_d_l", "--grid", str(grid)]
        line += ["--store", store, "--out", str(out)]
        plan = RunPlan(
            "NASDAQ", "atr_d_l", grid=grid, out=out, store=store, command=shlex.join(line)
        )
        if not plan.folder.manifest.exists():
            run(plan, sample_store())
        return plan.folder

    return of


@pytest.fixture
def folder(
    request: pytest.FixtureRequest, runs: Callable[[str], RunFolder], tmp_path: Path
) -> RunFolder:
    """A copy of such a run, for damage."""
    source = runs(request.param)
    return RunFolder(Path(shutil.copytree(source.path, tmp_path / "NASDAQ")))


BOTH = pytest.mark.parametrize("folder", ["dense", "survivors"], indirect=True)
DENSE = pytest.mark.parametrize("folder", ["dense"], indirect=True)


def damage(path: Path, at: int = -1) -> Path:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    return path


def complaint(folder: RunFolder, options: RunOptions | None = None) -> str:
    with pytest.raises(ResultsError) as caught:
        verify(folder, options=options)
    return str(caught.value)


def named(folder: RunFolder, text: str) -> set[str]:
    """The files of the folder that a message names, but those of commands."""
    lines = [line for line in text.splitlines() if not re.search(r"\bwfo (run|rescore) ", line)]
    files = set(folder.path.rglob("*")) | {folder.path / n for n in GONE}
    return {
        p.relative_to(folder.path).as_posix()
        for p in files
        if not p.is_dir() and any(f"{p} " in f"{line} " or f"{p};" in line for line in lines)
    }


GONE = ("wfo/atr_d_l/phase3/is_dd.npy", "candidates_atr_d_l_tiny.csv")


@BOTH
def test_every_file_is_named_at_once(folder: RunFolder) -> None:
    """All files of a run but its manifest are damaged, one byte each."""
    files = {p.relative_to(folder.path).as_posix() for p in folder.path.rglob("*") if p.is_file()}
    files.remove("run.json")
    # What the other files are compared with is left to the next test.
    files -= {"wfo/atr_d_l/journal", "wfo/atr_d_l/state"}
    assert len(files) > 5
    for name in files:
        damage(folder.path / name)
    text = complaint(folder)
    assert named(folder, text) == files
    assert text.startswith(f"{len(files)} files of the run in {folder.path} are not as they were")
    # A line a file, and then what to do.
    assert sum(str(folder.path) in line for line in text.splitlines()) - 1 == len(files)


@BOTH
def test_what_figures_are_compared_with_may_be_damaged_too(folder: RunFolder) -> None:
    sweep = folder.sweep("atr_d_l")
    sums = next(p for p in (sweep / "journal", sweep / "state") if p.exists())
    damage(sums, 0)
    damage(folder.bars)
    damage(sweep / "meta.json")
    expected = {p.relative_to(folder.path).as_posix() for p in (sums, folder.bars)}
    assert named(folder, complaint(folder)) == expected | {"wfo/atr_d_l/meta.json"}


@DENSE
def test_files_that_are_gone_are_named_among_the_others(folder: RunFolder) -> None:
    for name in GONE:
        (folder.path / name).unlink()
    damage(folder.plateaus("atr_d_l", "tiny"))
    text = complaint(folder)
    assert text.count("there is no ") == 2
    assert named(folder, text) == {*GONE, "plateaus_atr_d_l_tiny.csv"}


@DENSE
def test_one_file_is_one_line_and_what_to_do(folder: RunFolder) -> None:
    path = damage(folder.sweep("atr_d_l") / "phase2" / "oos_pnl.npy")
    first, *rest = complaint(folder).splitlines()
    assert first == (
        f"{path} is damaged: combinations 0 to 127 are not as they were written; 'wfo run' computes"
        " what is damaged again"
    )
    command = read_sealed(folder.manifest)["command"]
    assert rest == [f"  to repair the run: {command}"]


@BOTH
def test_what_follows_from_figures_is_written_again_by_rescoring(folder: RunFolder) -> None:
    damage(folder.candidates("atr_d_l", "tiny", "parquet"))
    damage(folder.path / "phase5_refine_config.csv")
    *_, advice = complaint(folder).splitlines()
    text, _, command = advice.partition(": ")
    assert text.strip() == "to write again what follows from its figures"
    assert shlex.split(command) == ["wfo", "rescore", str(folder.path)]
    with rescore_command.make_context("rescore", shlex.split(command)[2:]) as context:
        assert context.params["folder"] == folder.path
    rescore(folder)
    assert verify(folder)[0] > 5


@DENSE
def test_a_run_that_was_rescored_is_rescored_again(folder: RunFolder) -> None:
    rescore(folder, gates=Gates(min_phases=2), command="wfo rescore X --min-phases 2")
    damage(folder.sweep("atr_d_l") / "phase2" / "oos_pnl.npy")
    *_, first, second = complaint(folder).splitlines()
    command = first.partition(": ")[2]
    with run_command.make_context("run", shlex.split(command)[2:]) as context:
        assert context.params["symbol"] == "NASDAQ"
    assert second == "  and then, since it was rescored: wfo rescore X --min-phases 2"


@DENSE
def test_the_count_of_trials_is_told_from_the_run(folder: RunFolder) -> None:
    damage(folder.trials)
    text = complaint(folder)
    assert named(folder, text) == {"trials.json"}
    assert "put a good copy in its place, or remove it" in text
    assert "to repair the run" not in text
    folder.trials.unlink()
    verify(folder)


def test_trials_of_a_run_with_a_name_are_the_symbols(
    runs: Callable[[str], RunFolder], tmp_path: Path
) -> None:
    source = runs("dense")
    named_run = RunFolder.of(tmp_path, "NASDAQ", name="mine")
    shutil.copytree(source.path, named_run.path, ignore=shutil.ignore_patterns("trials.json"))
    count = verify(named_run)
    shutil.copy(source.trials, tmp_path / "NASDAQ")
    assert verify(named_run) == count
    damaged = damage(tmp_path / "NASDAQ" / "trials.json")
    for each in (named_run, RunFolder(named_run.path)):
        with pytest.raises(ResultsError, match=re.escape(str(damaged))):
            verify(each)


def test_the_first_damaged_block_of_every_file_is_named(tmp_path: Path) -> None:
    small = RunOptions(store=StoreOptions(block=32))
    grid = tmp_path / "tiny.yaml"
    grid.write_text(TINY)
    plan = RunPlan("NASDAQ", "atr_d_l", grid=grid, out=tmp_path)
    sweep = run(plan, sample_store(), options=small).folder
    phase = sweep.sweep("atr_d_l") / "phase1"
    # Values of 4 bytes, counted from the end of 128: in blocks 3; 2 and 3; 0 and 3.
    damage(phase / "is_pnl.npy", -4 * 10)
    for at in (-4 * 10, -4 * 40):
        damage(phase / "oos_pnl.npy", at)
    damage(phase / "is_dd.npy", -4 * 127)
    damage(phase / "is_dd.npy", -4 * 10)
    text = complaint(sweep, small)
    found = dict(re.findall(r"(\w+)\.npy is damaged: combinations (\d+ to \d+)", text))
    assert found == {"is_pnl": "96 to 127", "oos_pnl": "64 to 95", "is_dd": "0 to 31"}


@BOTH
def test_what_is_fine_is_counted_whole(folder: RunFolder) -> None:
    files = [p for p in folder.path.rglob("*") if p.is_file()]
    assert verify(folder) == (len(files), sum(p.stat().st_size for p in files))

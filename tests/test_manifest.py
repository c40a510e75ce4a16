"""``run.json`` as a value: what it reads, what it refuses, and what earlier versions wrote."""

from __future__ import annotations

import dataclasses
import functools
import json
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from noting import run_noted

from wfo.data import sample_store
from wfo.errors import ResultsError
from wfo.files import read_sealed, write_sealed
from wfo.runs.folder import RunFolder
from wfo.runs.machine import Machine
from wfo.runs.manifest import Manifest
from wfo.runs.plan import RunPlan
from wfo.runs.rescore import rescore
from wfo.runs.run import run
from wfo.runs.verify import verify
from wfo.selection.scoring import Gates

EARLIER = Path(__file__).parent / "manifests"

#: The grid of the run of two symbols.
GRID = """
atr_d_l: &both
  atr_period: [4, 64]
  atr_multiplier: [13, 24]
  bb_length: [10]
  bb_deviation: [0.5, 4]
  vol_threshold: [0.04, 0.32]
  min_tightening: [0.10, 0.85]
  scaling_method: [0]
  atr_buy_period: [8, 56]
  atr_buy_multiplier: [0.5, 2.5]
  atr_smooth_period: [2]
  equity_price_method: [0]
atr_d_duals_l: *both
"""

NAMES = ("dense_two_symbols", "survivors_rescored")


@functools.cache
def text(name: str) -> str:
    return (EARLIER / f"{name}.json").read_text()


def plan_of(name: str, tmp_path: Path) -> RunPlan:
    """What the run of an earlier manifest was asked to do."""
    out = tmp_path / "out"
    if name == "survivors_rescored":
        return RunPlan("NASDAQ", "atr_d_l", grid="smoke", store="survivors", out=out)
    grid = tmp_path / "tiny.yaml"
    grid.write_text(GRID)
    return RunPlan("NASDAQ", "atr_d_duals_l", symbol2="SP500", grid=str(grid), out=out)


def as_read(data: dict[str, Any]) -> dict[str, Any]:
    """What an earlier version wrote, with the gates that it did not know: they are off."""
    return data | {"gates": data["gates"] | {"min_trades": 0, "beat": None}}


class Earlier(NamedTuple):
    """A run of an earlier version, what its manifest said, and what it computed on."""

    plan: RunPlan
    folder: RunFolder
    said: dict[str, Any]
    machine: Machine


@pytest.fixture(params=NAMES[:1])
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> Earlier:
    """A run of all figures whose manifest is the one that the earlier version wrote."""
    said = json.loads(text(request.param))
    # Another version is another run.
    machine = Machine(version=lambda: said["build"]["version"])
    plan = plan_of(request.param, tmp_path)
    report, swept = run_noted(plan, machine)
    assert swept
    if "rescored" in said:
        rescore(report.folder, gates=Gates.from_dict(said["gates"]))
    sums = read_sealed(report.folder.manifest)["sums"]
    # What it did not know of it did not write.
    later = sums.keys() - said["sums"].keys()
    assert all(name.startswith(("regions_", "sensitivity_")) for name in later), later
    for name in later:
        (report.folder.path / name).unlink()
    # How Polars lays out a file is its own affair.
    said["sums"] = {name: sums[name] for name in said["sums"]}
    write_sealed(report.folder.manifest, said)
    return Earlier(plan, report.folder, said, machine)


def known(found: Any, said: Any) -> Any:
    """What of `found` an earlier version knew of: keys that were added since are left out."""
    if isinstance(said, dict):
        return {key: known(found[key], value) for key, value in said.items()}
    if isinstance(said, list) and said and isinstance(said[0], dict):
        return [known(f, s) for f, s in zip(found, said, strict=True)]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_what_an_earlier_version_wrote_comes_back_as_it_was(name: str) -> None:
    data = json.loads(text(name))
    found = Manifest.from_dict(data).to_dict()
    assert json.dumps(found) == json.dumps(as_read(data)), "the order of the keys is kept too"


def test_an_earlier_run_is_the_same_run_and_finds_the_same(earlier: Earlier) -> None:
    plan, folder, said, machine = earlier
    files, _ = verify(folder)
    assert files == sum(1 for p in folder.path.rglob("*") if p.is_file())
    assert "benchmarks" not in said, "they follow from the bars"
    report = rescore(folder)
    assert report.manifest.fingerprint == said["fingerprint"]
    assert known(report.manifest.to_dict()["results"], said["results"]) == said["results"]
    assert report.manifest.command == said["command"]
    # Nothing is swept when it is asked for again, and it stays where it is.
    again, swept = run_noted(plan, machine)
    assert (again.moved, swept) == (None, False)
    assert again.manifest.fingerprint == said["fingerprint"]
    assert again.manifest.to_dict()["sweeps"] == said["sweeps"]
    assert again.manifest.benchmarks == report.manifest.benchmarks
    strict = rescore(folder, gates=Gates.preset("strict")).strategies[0].scores
    assert strict.valid_phases == report.strategies[0].scores.others[0].valid_phases


def test_survivors_of_an_earlier_version_are_swept_again(tmp_path: Path) -> None:
    said = json.loads(text(NAMES[1]))
    machine = Machine(version=lambda: said["build"]["version"])
    plan = plan_of(NAMES[1], tmp_path)
    report = run(plan, sample_store(), machine=machine)
    folder = report.folder
    said["sums"] = read_sealed(folder.manifest)["sums"]
    said["sweeps"] = read_sealed(folder.manifest)["sweeps"]
    write_sealed(folder.manifest, said)
    state = folder.sweep("atr_d_l") / "state"
    state.write_bytes(b"wfo-survivors 1\n" + state.read_bytes())
    for again in (rescore, verify):
        with pytest.raises(
            ResultsError, match="state was written by an earlier version; run again"
        ):
            again(folder)
    later, swept = run_noted(plan, machine)
    assert swept
    assert later.moved == folder.path / ".history" / said["fingerprint"][:8]
    assert later.strategies[0].scores.valid_phases == report.strategies[0].scores.valid_phases


def test_benchmarks_of_other_phases_are_not_believed(earlier: Earlier) -> None:
    _, folder, said, _ = earlier
    rescore(folder)
    data = read_sealed(folder.manifest)
    held = data["benchmarks"]
    assert [h["oos_bars"] for h in held] == [
        p["end"] - p["split"] for p in said["phases"]["phases"]
    ]
    for wrong in (held[1:], [held[0] | {"oos_bars": 1}, *held[1:]]):
        write_sealed(folder.manifest, data | {"benchmarks": wrong})
        with pytest.raises(ResultsError, match="its benchmarks are not of its phases"):
            rescore(folder)


@pytest.mark.parametrize("status", ["running", "interrupted", "failed"])
def test_an_earlier_run_that_was_stopped_is_gone_on_with(status: str, earlier: Earlier) -> None:
    plan, folder, said, machine = earlier
    found = ("trials", "results", "comparison", "files", "sums", "timings", "rescored")
    stopped = {key: value for key, value in said.items() if key not in found}
    write_sealed(folder.manifest, stopped | {"status": status, "gates": plan.gates.to_dict()})
    with pytest.raises(ResultsError, match=f"did not finish.*: {said['command']}"):
        folder.read_manifest()
    report, swept = run_noted(plan, machine)
    assert (report.moved, swept) == (None, False)
    assert report.manifest.fingerprint == said["fingerprint"]
    assert report.manifest.is_complete


def test_what_a_later_version_adds_is_kept() -> None:
    data = json.loads(text(NAMES[0])) | {"later": {"from": "2018-01-01"}}
    found = Manifest.from_dict(data)
    assert found.further == {"later": {"from": "2018-01-01"}}
    assert dataclasses.replace(found, status="rescoring").to_dict() == as_read(data) | {
        "status": "rescoring"
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "done"}, "status = 'done' must be one of 'running',"),
        ({"status": None}, "status = null must be one of 'running',"),
        ({"threads": True}, "threads = true must be a whole number"),
        ({"data": []}, "data = a list of 0 must be an object"),
        ({"data": {"symbol": "Q"}}, "data lacks 'timeframe'"),
        ({"data2": {"warnings": [1]}}, r"data2\.warnings\[0\] = 1 must be a text"),
        ({"join": {"dropped_first": 1}}, "join lacks 'dropped_second'"),
        ({"phases": {"name": "x"}}, "phases lacks 'as_of'"),
        ({"gates": {"wfe": -1}}, r"gates\.wfe = -1 must be a number from 0 on"),
        ({"gates": {"wef": 1}}, "'gates' of the manifest cannot be used: .*wef"),
        ({"sweeps": {"atr_d_l": {"store": "dense"}}}, r"sweeps\.atr_d_l lacks 'key'"),
        ({"sweeps": {}}, "there is a grid of atr_d_duals_l, and no sweep"),
        ({"grids": [1]}, r"grids\[0\] = 1 must be an object"),
        ({"sums": {"x.csv": {"bytes": 1}}}, r"sums\['x\.csv'\] lacks 'sha256'"),
        ({"rescored": {"command": "wfo"}}, "rescored lacks 'at'"),
        ({"gates": {"beat": "market"}}, r"gates\.beat = 'market' must be one of"),
        ({"benchmarks": {}}, "benchmarks = an object of 0 must be a list"),
        ({"benchmarks": [{"capital": 1}]}, r"benchmarks\[0\] lacks 'is_bars'"),
    ],
)
def test_what_is_no_manifest_says_where(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path)
    write_sealed(folder.manifest, json.loads(text(NAMES[0])) | change)
    with pytest.raises(ResultsError, match=rf"run\.json is no manifest of a run: {message}"):
        folder.read_manifest()
    assert folder.earlier() is None


@pytest.mark.parametrize(
    "name", ["fingerprint", "command", "grids", "build", "trials", "sums", "timings"]
)
def test_what_is_missing_is_named(name: str) -> None:
    data = json.loads(text(NAMES[0]))
    del data[name]
    with pytest.raises(ResultsError, match=f"the manifest lacks '{name}'"):
        Manifest.from_dict(data)


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf /",
        "wfo run; rm -rf ~",
        "wfo run --symbol $(id)",
        "wfo run --symbol `id`",
        'wfo run --symbol "$HOME"',
        "wfo run > /etc/passwd",
        "wfo run\nrm x",
        "wfo run 'open",
        "wfo run --out ~",
        "wfo  run",
        "wfor run",
    ],
)
def test_a_command_that_means_more_than_words_to_a_shell_is_refused(command: str) -> None:
    data = json.loads(text(NAMES[1]))
    for keys in (("command",), ("rescored", "command")):
        forged = json.loads(text(NAMES[1]))
        value = forged
        for key in keys[:-1]:
            value = value[key]
        value[keys[-1]] = command
        with pytest.raises(ResultsError, match=rf"{keys[-1]} = .*a command of wfo"):
            Manifest.from_dict(forged)
    data["command"] = shlex.join(["wfo", "run", "--out", command, 'it\'s "odd" $x\n\\', "ü", ""])
    assert Manifest.from_dict(data).command == data["command"]

"""The wheel works where there is neither Rust nor source, alone and with a strategy beside it."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

WHEELHOUSE = ROOT / ".venv" / "wheelhouse"
PLUGIN = ROOT / "tests" / "sma_cross"


def build(project: Path, folder: Path) -> Path:
    """Build a project's wheel as `make wheel` does; what was compiled before is used again."""
    command = [sys.executable, "-m", "maturin", "build", "--release", "--locked"]
    subprocess.run([*command, "--out", str(folder)], cwd=project, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


def binaries_of(environment: Path) -> Path:
    """The folder of an environment's binaries."""
    return environment / ("Scripts" if os.name == "nt" else "bin")


def install(environment: Path, *needed: str) -> None:
    """Install into an environment, without a network; this one's pip does it, it has none."""
    if not WHEELHOUSE.is_dir():
        pytest.skip(f"needs the dependencies' wheels in {WHEELHOUSE}, which make test fetches")
    command = [sys.executable, "-m", "pip", "--python", str(binaries_of(environment) / "python")]
    command += ["install", "--quiet", "--no-index", "--find-links", str(WHEELHOUSE)]
    # Most modules are never imported here, so that compiling all of them would be in vain.
    subprocess.run([*command, "--no-compile", *needed], check=True)


def linked(source: str, target: str) -> None:
    """Copy a file without its content, where the system can."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The binaries folder of an environment that holds the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(folder)
    install(folder, str(wheel))
    return binaries_of(folder)


@pytest.fixture(scope="session")
def extended(wheel: Path, installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The binaries folder of one that also holds Numba, pytest and the wheel of a strategy."""
    plugin = build(PLUGIN, tmp_path_factory.mktemp("plugin"))
    folder = tmp_path_factory.mktemp("extended") / "venv"
    # Most of it is there already. Commands name the environment that they were installed into, so
    # the wheel that has one is installed anew.
    shutil.copytree(installed.parent, folder, symlinks=True, copy_function=linked)
    install(folder, "--force-reinstall", "--no-deps", str(wheel))
    install(folder, str(plugin), "numba", "pytest")
    return binaries_of(folder)


def run(binaries: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    # Nothing of this machine's tools is in reach, nor of the environment the tests run in.
    keep = {k: v for k, v in os.environ.items() if k in {"HOME", "SYSTEMROOT", "TEMP", "TMP"}}
    return subprocess.run(
        [str(binaries / command[0]), *command[1:]],
        cwd=folder,
        env=keep | {"PATH": str(binaries)},
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="session")
def demo(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the demo says in a folder of its own, and the folder of its run."""
    folder = tmp_path_factory.mktemp("demo")
    done = run(installed, folder, "wfo", "demo")
    assert done.returncode == 0, done.stderr
    return done.stdout, folder / "results" / "NASDAQ"


def test_the_wheel_is_one_for_all_pythons(wheel: Path) -> None:
    assert "-cp311-abi3-" in wheel.name


def test_the_wheel_has_all_files_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        there = set(archive.namelist())
    source = ROOT / "python"
    own = {
        path.relative_to(source).as_posix()
        for path in (source / "wfo").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in {".so", ".pyd"}
    }
    # Defaults and examples of searches among them, which no module imports.
    assert "wfo/search/defaults/search.yaml" in own
    assert "wfo/search/examples/swing.py" in own
    assert own <= there


def test_the_demo_runs_from_another_folder(demo: tuple[str, Path]) -> None:
    said, folder = demo
    assert "Plateaus" in said
    written = {p.name for p in folder.iterdir()}
    assert {"run.json", "candidates_atr_d_l_coarse.parquet", "phase5_refine_config.csv"} <= written


def test_the_wheel_has_the_documentation(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "wfo", "docs", "--check", "--build", "site")
    assert done.returncode == 0, done.stderr
    written = {p.name for p in (tmp_path / "site").iterdir()}
    sources = ROOT / "python" / "wfo" / "docs"
    assert {f"{p.stem}.html" for p in sources.glob("*.md")} <= written
    assert {p.name for p in sources.glob("notebooks/*.ipynb")} <= written


def test_without_numba_the_reference_says_how_to_get_it(installed: Path, tmp_path: Path) -> None:
    code = (
        "import wfo\n"
        "bars = wfo.load_sample()\n"
        "params = wfo.Grid.load('smoke', 'atr_d_l').params(0)\n"
        "wfo.simulate('atr_d_l', bars, params, split=2000, engine='reference')\n"
    )
    done = run(installed, tmp_path, "python", "-c", code)
    assert done.returncode != 0
    assert "wfo[reference]" in done.stderr.splitlines()[-1]


def test_a_strategy_beside_the_wheel_conforms(extended: Path, tmp_path: Path) -> None:
    """Its own tests, in a folder that has nothing else of either project."""
    shutil.copy(PLUGIN / "tests" / "test_sma_cross.py", tmp_path)
    done = run(extended, tmp_path, "python", "-m", "pytest", "-q", "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"\d+ passed in .*", done.stdout.splitlines()[-1]), done.stdout


def test_the_commands_know_a_strategy_beside_the_wheel(extended: Path, tmp_path: Path) -> None:
    assert "sma_cross" in run(extended, tmp_path, "wfo", "strategies").stdout
    done = run(extended, tmp_path, "wfo", "strategies", "sma_cross")
    assert done.returncode == 0, done.stderr
    for line in (
        "In TradeStation: none, so no ranges are exported",
        "  fast < slow",
        "Map: fast across, slow up",
        "Engines: direct in sma_cross._core",
        "Engines: numba in sma_cross.compiled",
        "Engines: python in sma_cross.plain",
    ):
        assert line in done.stdout.splitlines()


def test_a_strategy_beside_the_wheel_goes_the_whole_road(
    extended: Path, demo: tuple[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "lengths.yaml").write_text(
        "sma_cross:\n  fast: {from: 5, to: 100, step: 5}\n  slow: {from: 20, to: 200, step: 10}\n"
        "  band: {from: 0, to: 0.059, step: 0.001}\n"
    )
    code = "from wfo.data import sample_store; print(sample_store().folder)"
    store = run(extended, tmp_path, "python", "-c", code).stdout.strip()
    road = ["--symbol", "NASDAQ", "--grid", "lengths.yaml", "--data-dir", store]
    done = run(extended, tmp_path, "wfo", "run", "--strategy", "sma_cross", *road)
    assert done.returncode == 0, done.stderr
    assert "sma_cross: no ranges, since it names no inputs in TradeStation" in done.stderr
    own, other = blocks(done.stdout), blocks(demo[0])
    # Bars and windows are those of the strategy that the package has, and so is what is assumed,
    # but for the settings that this one lacks.
    for first in ("NASDAQ 1day: ", "Windows 'default'"):
        assert part(own, first) == part(other, first)
    assumed = [line for line in part(other, "What was assumed") if "Settings of" not in line]
    assert part(own, "What was assumed") == assumed
    passed = part(own, "sma_cross, grid 'lengths': 17,940 combinations; passed, by phase")
    gates = [
        [re.split("  +", line.strip())[0] for line in lines[1:6]]
        for lines in (passed, part(other, "atr_d_l, grid 'coarse'"))
    ]
    assert gates[0] == gates[1]
    # Plateaus stand on the map of its own two axes, where a slow average is never the shorter one.
    assert part(own, "Plateaus: cells of which")[1].split()[-2:] == ["fast", "slow"]
    assert part(other, "Plateaus: cells of which")
    drawn = part(own, "  Stable share in percent; across fast, up slow; letters are plateaus")
    cells = [math.ceil(len(line.split("|")[1]) / 5) for line in drawn if "|" in line]
    counts = [sum(fast < slow for fast in range(5, 105, 5)) for slow in range(200, 10, -10)]
    # Of twenty columns a page of a hundred characters has room for eighteen; the rest is below.
    assert cells == [min(n, 18) for n in counts] + [max(n - 18, 0) for n in counts]
    assert re.search(r"^ +fast\+slow ", done.stdout, re.MULTILINE), "constraints make one factor"
    assert "17,940 combinations were ever searched on NASDAQ" in " ".join(
        part(own, "Written to results/NASDAQ")
    )
    # It ends with a command that works.
    *_, last = done.stdout.splitlines()
    after = run(extended, tmp_path, *last.split())
    assert after.returncode == 0, after.stderr
    assert "Reproduces candidate" in after.stdout
    written = {p.name for p in (tmp_path / "results" / "NASDAQ").iterdir()}
    assert "candidates_sma_cross_lengths.parquet" in written
    assert not [name for name in written if "_rank" in name]


def blocks(page: str) -> list[list[str]]:
    """The paragraphs of a page, line by line."""
    return [part.split("\n") for part in page.strip("\n").split("\n\n")]


def part(paragraphs: list[list[str]], first: str) -> list[str]:
    """The paragraph that begins so."""
    return next(lines for lines in paragraphs if lines[0].startswith(first))

"""The wheel works where there is neither Rust nor Numba nor the source."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from conftest import ROOT

WHEELHOUSE = ROOT / ".venv" / "wheelhouse"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as `make wheel` builds it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "maturin", "build", "--release", "--locked"]
    subprocess.run([*command, "--out", str(folder)], cwd=ROOT, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The binaries folder of an environment that holds the wheel and what it depends on."""
    if not WHEELHOUSE.is_dir():
        pytest.skip(f"needs the dependencies' wheels in {WHEELHOUSE}, which make test fetches")
    folder = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(folder, with_pip=True)
    binaries = folder / ("Scripts" if os.name == "nt" else "bin")
    command = [str(binaries / "python"), "-m", "pip", "install", "--quiet", "--no-index"]
    subprocess.run([*command, "--find-links", str(WHEELHOUSE), str(wheel)], check=True)
    return binaries


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


def test_the_wheel_is_one_for_all_pythons(wheel: Path) -> None:
    assert "-cp311-abi3-" in wheel.name


def test_the_demo_runs_from_another_folder(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "wfo", "demo")
    assert done.returncode == 0, done.stderr
    assert "Plateaus" in done.stdout
    written = {p.name for p in (tmp_path / "results" / "NASDAQ").iterdir()}
    assert {"run.json", "candidates_atr_d_l_coarse.parquet", "phase5_refine_config.csv"} <= written


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

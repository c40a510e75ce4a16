"""Where the reference keeps what it has compiled: never where an older one would be found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

from wfo.atr_d.reference import _jit

CODE = """
from wfo.atr_d.reference import indicators, _jit
import numpy as np
print(_jit.numba.config.CACHE_DIR, indicators.true_range(*np.ones((3, 4))).tolist())
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    (tmp_path / "one.py").write_text("one")
    (tmp_path / "two.py").write_text("two")
    return tmp_path


def test_the_same_sources_have_the_same_folder(sources: Path) -> None:
    found = {_jit.cache_folder("/cache", sources, {"HOME": home}) for home in "ab"}
    assert len(found) == 1
    assert found.pop().parent == Path("/cache").absolute()


@pytest.mark.parametrize("change", ["edited", "added", "renamed", "removed", "moved", "setting"])
def test_any_change_has_another_folder(sources: Path, change: str) -> None:
    before = _jit.cache_folder("/cache", sources, {"NUMBA_OPT": "3"})
    settings = {"NUMBA_OPT": "3"}
    if change == "edited":
        (sources / "two.py").write_text("tow")
    elif change == "added":
        (sources / "three.py").write_text("")
    elif change == "renamed":
        (sources / "two.py").rename(sources / "three.py")
    elif change == "removed":
        (sources / "two.py").unlink()
    elif change == "moved":
        (sources / "one.py").write_text("onet")
        (sources / "two.py").write_text("wo")
    else:
        settings["NUMBA_BOUNDSCHECK"] = "1"
    assert _jit.cache_folder("/cache", sources, settings) != before


@pytest.mark.parametrize("kept", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_code_is_kept_where_a_folder_is_named(kept: bool, tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "WFO_JIT_CACHE"}
    if kept:
        environment["WFO_JIT_CACHE"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout.endswith("[0.0, 0.0, 0.0, 0.0]\n")
    assert bool(list(tmp_path.rglob("*.nbi"))) == kept

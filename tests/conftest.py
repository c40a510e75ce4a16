"""What all tests share: the folder of real bars, and how properties are searched."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

# Examples are the same in every run: a failure that comes and goes teaches nobody.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("suite")

ROOT = Path(__file__).resolve().parents[1]
REAL_BARS = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_bars() -> Path:
    """The folder of vendors' bars, which stays outside the project."""
    if not REAL_BARS.is_dir():
        pytest.skip("needs the vendors' bars in ../shared/data, which do not ship with the project")
    return REAL_BARS

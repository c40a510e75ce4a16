"""What all tests share: the folder of real bars, and how properties are searched."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

# Examples are the same in every run: a failure that comes and goes teaches nobody.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("suite")

# The tests of a project of its own need its wheel; test_wheel runs them where that is installed.
collect_ignore = ["sma_cross"]

ROOT = Path(__file__).resolve().parents[1]
REAL_BARS = ROOT.parent / "shared" / "data"

# 128 combinations in 4 cells: too few for plateaus, whose search takes most of a small run's time.
TINY = """
atr_d_l:
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
"""


@pytest.fixture(scope="session")
def real_bars() -> Path:
    """The folder of vendors' bars, which stays outside the project."""
    if not REAL_BARS.is_dir():
        pytest.skip("needs the vendors' bars in ../shared/data, which do not ship with the project")
    return REAL_BARS

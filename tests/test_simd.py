"""Instruction tiers: any of them may be forced, and nothing but speed depends on it."""

from __future__ import annotations

import re

import numpy as np
import pytest

import wfo

TIERS = ["baseline", "avx2", "avx512"]


def here() -> list[str]:
    """Return the tiers of this processor, as an error names them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WFO_SIMD", "none such")
        with pytest.raises(wfo.WfoError, match="this processor has: ") as raised:
            wfo.build_info()
    assert "'none such'" in str(raised.value)
    return re.sub(".*this processor has: ", "", str(raised.value)).split(", ")


def sweep(strategy: str) -> bytes:
    bars = wfo.load_sample("NASDAQ")
    grid = wfo.Grid.load("smoke", strategy)
    found = wfo.sweep(strategy, bars, grid, split=2_500, engine="factored")
    assert found.is_trades.sum() > 1_000
    return b"".join(np.ascontiguousarray(column).tobytes() for column in found.figures())


def test_the_baseline_is_everywhere_and_the_best_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert here()[0] == "baseline"
    assert here() == TIERS[: len(here())]
    monkeypatch.delenv("WFO_SIMD", raising=False)
    assert wfo.build_info()["instructions"].split()[-1] == here()[-1]


@pytest.mark.parametrize("strategy", ["atr_d_l", "atr_d_ls", "atr_d_hma_ls"])
def test_all_tiers_write_the_same_bytes(monkeypatch: pytest.MonkeyPatch, strategy: str) -> None:
    found = set()
    for tier in here():
        monkeypatch.setenv("WFO_SIMD", tier)
        assert wfo.build_info()["instructions"].split()[-1] == tier
        found.add(sweep(strategy))
    assert len(found) == 1


@pytest.mark.parametrize("name", ["avx9", "AVX2 ", *TIERS])
def test_a_tier_that_is_not_to_be_had_is_an_error(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("WFO_SIMD", name)
    if name in here():
        sweep("atr_d_l")
        return
    with pytest.raises(wfo.WfoError, match=f"WFO_SIMD = '{name}'"):
        sweep("atr_d_l")

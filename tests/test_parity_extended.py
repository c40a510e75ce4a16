"""Extended figures, sums by label and dated parameters: the reference and the engines agree.

Counts are equal, money within 1e-9 of the largest mark, ratios within 1e-9.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from typing import Any

import cases
import numpy as np
import parity
import pytest

import wfo
from wfo.backtest import Evaluator, read_feeds
from wfo.backtest.engines import engines_of
from wfo.backtest.figures import EXTENDED_NAMES, NAMES, STANDARD_NAMES

STYLES = ("pullback", "breakout")
VARIANTS = tuple(wfo.strategies())


def check(seed: int) -> Counter[str]:
    """Compare one case of any variant and style, and return what happened in it."""
    rng = np.random.default_rng([seed, 12])
    strategy = VARIANTS[seed % len(VARIANTS)]
    style = STYLES[seed // len(VARIANTS) % len(STYLES)]
    c = cases.case(seed, strategy, style)
    count = int(rng.integers(1, 6))
    labels = rng.integers(0, count, len(c.bars))
    labels[rng.integers(c.warmup, len(c.bars))] = count - 1
    wanted, found = (c.simulate(e, labels=labels) for e in ("reference", "direct"))
    said = [*parity.differences(wanted, found), *parity.extended_differences(wanted, found)]
    assert not said, f"check({seed})\n" + "\n".join(said)
    check_factored(c, wanted, labels)
    check_dated(c, rng)
    figures = wanted.figures
    assert wanted.reversals is not None
    return Counter(
        {
            strategy: 1,
            style: 1,
            c.settings.sizing: 1,
            "lots": c.settings.lot_size > 0,
            "costs": c.settings.slip > 0 and c.settings.fee > 0,
            "trades": len(wanted.trades) > 3,
            "both sides": figures["is_long_wins"] > 0 and figures["is_short_losses"] > 0,
            "reversals": len(wanted.reversals[0]) > 0,
            "ruin": bool(wanted.equity[-1] <= 0),
            "undefined sums": math.isnan(figures["oos_sum_r"]),
            "undefined share": math.isnan(figures["oos_dd_share"]),
            "a fall of more than all": figures["is_dd_share"] > 1,
            "open at the end": figures["oos_bars_held"] > 0,
        }
    )


def check_factored(c: cases.Case, wanted: wfo.Simulation, labels: Any) -> None:
    """Compare a sweep of the factored engine, whose books are its own, where it has the figures."""
    strategy = wfo.strategies()[c.strategy]
    if engines_of(strategy)["factored"].lacks(strategy, c.settings, extended=True):
        return
    grid = wfo.Grid(c.params, strategy=strategy)
    phases = [(c.warmup, c.split, len(c.bars))]
    opened = Evaluator(
        strategy, read_feeds(strategy, c.bars, c.bars2), grid, phases, c.settings, "factored", 1,
        "extended", labels,
    )  # fmt: skip
    (found,) = opened.range(0, 1)
    swept = dataclasses.replace(
        wanted,
        **{name: getattr(found, name)[0] for name in STANDARD_NAMES},
        extended={name: getattr(found, name)[0] for name in EXTENDED_NAMES},
        label_sum_r=found.label_sum_r[0],
        label_sum_r2=found.label_sum_r2[0],
    )
    said = [*parity.differences(wanted, swept), *parity.extended_differences(wanted, swept)]
    assert not said, f"check({c.seed}), factored\n" + "\n".join(said)


def check_dated(c: cases.Case, rng: np.random.Generator) -> None:
    """Compare two to four sets that follow each other, within the lookback of the first."""
    sets: list[tuple[int, Any]] = [(0, c.params)]
    bars = sorted({int(b) for b in rng.integers(c.warmup, len(c.bars), rng.integers(1, 4))})
    for bar in bars:
        other = cases.random_params(rng, c.strategy)
        for _ in range(50):
            if cases.lookback(other) <= c.warmup:
                break
            other = cases.random_params(rng, c.strategy)
        else:
            other = c.params
        sets.append((bar, other))
    wanted, found = (c.simulate(e, sets) for e in ("reference", "direct"))
    said = [*parity.differences(wanted, found), *parity.extended_differences(wanted, found)]
    assert not said, f"check({c.seed}), dated at {bars}\n" + "\n".join(said)


def check_all(seeds: range) -> Counter[str]:
    seen: Counter[str] = Counter()
    for seed in seeds:
        seen += check(seed)
    return seen


def hard_enough(seen: Counter[str], cases_: int) -> None:
    for strategy in VARIANTS:
        assert seen[strategy] >= cases_ // len(VARIANTS)
    for what, share in (
        ("trades", 0.3), ("both sides", 0.03), ("reversals", 0.1), ("lots", 0.3), ("costs", 0.3),
        ("compound", 0.3), ("fixed", 0.3), ("open at the end", 0.3), ("undefined sums", 0.002),
        ("a fall of more than all", 0.001),
    ):  # fmt: skip
        assert seen[what] >= share * cases_, (what, seen[what])


def test_extended_figures_and_dated_parameters_agree() -> None:
    # Among these are the few whose sums are undefined.
    seen = check_all(range(54, 150))
    hard_enough(seen, 96)


@pytest.mark.slow
def test_extended_figures_and_dated_parameters_agree_in_20_000_cases() -> None:
    count = 20_000
    seen = check_all(range(1_000, 1_000 + count))
    hard_enough(seen, count)
    assert seen["ruin"] > 20
    assert seen["undefined share"] > 20
    print(
        f"\n{count:,} cases agree in {len(NAMES)} figures and with dated parameters: {dict(seen)}"
    )


@pytest.mark.parametrize("strategy", VARIANTS)
@pytest.mark.parametrize("style", STYLES)
def test_sweeps_agree(strategy: str, style: Any) -> None:
    """All combinations of the smoke grid, in two overlapping phases, with labels."""
    grid = wfo.Grid.load("smoke", strategy)
    bars, other = wfo.load_sample("NASDAQ")[-700:], wfo.load_sample("SP500")[-700:]
    joined = wfo.join_bars(bars, other)
    phases = wfo.Windows.preset().resolve(joined.first["date"], warmup=max(100, grid.need))
    options: dict[str, Any] = {
        "windows": list(phases)[-2:],
        "settings": wfo.Settings(entry_style=style, slip=0.0005, fee=0.0002),
        "figures": "extended",
        "labels": np.arange(len(joined.first)) // 100,
        "bars2": joined.second if wfo.strategies()[strategy].dual_symbol else None,
    }
    wanted, *founds = (
        wfo.sweep(strategy, joined.first, grid, engine=engine, **options)
        for engine in ("reference", "direct", "factored")
    )
    for found in founds:
        for w, f in zip(wanted, found, strict=True):
            for name in NAMES:
                a, b = getattr(w, name), getattr(f, name)
                assert a.dtype == b.dtype
                if a.dtype == np.uint32:
                    assert np.array_equal(a, b), name
                else:
                    scale = 200_000 if "pnl" in name or "gross" in name or "dd" in name else 1
                    assert np.allclose(a, b, rtol=1e-9, atol=1e-9 * scale, equal_nan=True), name
            assert np.allclose(w.label_sum_r, f.label_sum_r, rtol=1e-9, atol=1e-9, equal_nan=True)
            assert np.allclose(w.label_sum_r2, f.label_sum_r2, rtol=1e-9, atol=1e-9, equal_nan=True)
            assert f.oos_wins.any()


def test_the_comparator_sees_a_changed_figure() -> None:
    c = cases.case(7, "atr_d_ls")
    labels = np.arange(len(c.bars)) % 3
    sim = c.simulate("direct", labels=labels)
    assert parity.extended_differences(sim, sim) == []
    for name, value in sim.extended.items():
        for other in (value + 1, math.nan):
            changed = dict(sim.extended) | {name: other}
            again = dataclasses.replace(sim, extended=changed)
            assert [s.split()[0] for s in parity.extended_differences(sim, again)] == [name]
    assert sim.label_sum_r is not None
    for wrong in (sim.label_sum_r + 1e-6, np.where([True, False, False], np.nan, sim.label_sum_r)):
        again = dataclasses.replace(sim, label_sum_r=wrong)
        assert len(parity.extended_differences(sim, again)) == 1
    assert parity.extended_differences(sim, dataclasses.replace(sim, extended={}))

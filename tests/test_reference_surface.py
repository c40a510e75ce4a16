"""The public surface: what it takes, refuses, loads and returns."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from wfo.atr_d.reference import ReferenceResult, SweepFigures, simulate, sweep
from wfo.atr_d.reference.variants import VARIANTS, parameters
from wfo.errors import EngineError, InputError

Floats = NDArray[np.float64]

ROW: list[float] = [14, 2.5, 20, 2, 0.5, 0.3, 1, 10, 1.2, 5, 0]
MODES: list[float] = [0.8, 2, 20, -0.05, 0]
LENGTHS: list[float] = [9, 25]
ROWS: dict[str, list[float]] = {
    "atr_d_l": ROW,
    "atr_d_ls": ROW + MODES,
    "atr_d_hma_l": ROW + LENGTHS,
    "atr_d_hma_ls": ROW + MODES[:1] + LENGTHS,
    "atr_d_duals_l": ROW,
    "atr_d_duals_ls": ROW + MODES,
}
SETTINGS: dict[str, Any] = {
    "capital": 100_000,
    "slip": 0.0005,
    "fee": 0.0001,
    "sizing": "compound",
    "lot_size": 0,
    "max_stop_atr": 20,
    "entry_style": "pullback",
}


def make(n: int = 300, seed: int = 5) -> list[Floats]:
    """Random bars: open, high, low, close."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.015, n)))
    open_ = np.roll(close, 1)
    open_[0] = 100
    return [open_, np.maximum(open_, close) * 1.005, np.minimum(open_, close) * 0.995, close]


def simulate_on(
    bars: list[Floats], params: Sequence[float], strategy: str = "atr_d_l", **arguments: Any
) -> ReferenceResult:
    open_, high, low, close = bars
    return simulate(strategy, open_, high, low, close, params, **arguments)


def sweep_on(
    bars: list[Floats], rows: ArrayLike, strategy: str = "atr_d_l", **arguments: Any
) -> list[SweepFigures]:
    open_, high, low, close = bars
    return sweep(strategy, open_, high, low, close, rows, **arguments)


def python(code: str, **environment: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_import_is_light() -> None:
    assert python("import sys, wfo.atr_d.reference; print('numba' in sys.modules)") == "False"


@pytest.mark.parametrize("name", ["simulate", "sweep"])
def test_a_missing_numba_says_what_to_install(name: str) -> None:
    more = "phases=[(1, 2, 3)]" if name == "sweep" else "warmup=1, split=2"
    code = f"""
import sys
sys.modules["numba"] = None
from wfo.errors import EngineError
from wfo.atr_d.reference import {name}
try:
    {name}('atr_d_l', [], [], [], [], [], {more}, **{SETTINGS!r})
except EngineError as error:
    print(error)
"""
    assert python(code) == "the reference engine needs Numba: pip install 'wfo[reference]'"


def test_a_broken_numba_gives_its_own_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == "wfo.atr_d.reference.atr_d":
                raise ImportError("Numba needs an older NumPy")

    import wfo.atr_d.reference

    monkeypatch.delitem(sys.modules, "wfo.atr_d.reference.atr_d", raising=False)
    monkeypatch.delattr(wfo.atr_d.reference, "atr_d", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(EngineError, match="cannot load Numba: Numba needs an older NumPy"):
        simulate_on(make(), ROW, warmup=100, split=200, **SETTINGS)


def test_inputs_may_be_read_only_and_stay_as_they_are() -> None:
    bars = make()
    copies = [x.copy() for x in bars]
    for x in bars:
        x.flags.writeable = False
    one = simulate_on(bars, ROW, warmup=100, split=200, **SETTINGS)
    table = np.stack(copies, axis=1)  # its columns are strided
    strided = [table[:, i] for i in range(4)]
    two = simulate_on(strided, tuple(ROW), warmup=100, split=200, **SETTINGS)
    assert one.pnl.size > 3
    assert np.array_equal(one.equity, two.equity)
    assert all(np.array_equal(a, b) for a, b in zip(bars, copies, strict=True))


def test_types_of_a_result() -> None:
    result = simulate_on(make(), ROW, warmup=100, split=200, **SETTINGS)
    assert result.side.dtype == np.int8
    assert result.entry_bar.dtype == result.exit_bar.dtype == np.int64
    for name in ("entry_price", "exit_price", "pnl", "equity"):
        assert getattr(result, name).dtype == np.float64
    assert all(type(getattr(result, x)) is float for x in ("is_pnl", "oos_pnl", "is_dd", "oos_dd"))
    assert all(type(getattr(result, x)) is int for x in ("is_trades", "oos_trades"))
    assert result.equity.size == 300


OTHERS: dict[str, float] = {
    "atr_period": 9,
    "atr_multiplier": 1.7,
    "bb_length": 33,
    "bb_deviation": 1.5,
    "vol_threshold": 0.3,
    "min_tightening": 0.6,
    "scaling_method": 2,
    "atr_buy_period": 4,
    "atr_buy_multiplier": 0.7,
    "atr_smooth_period": 12,
    "equity_price_method": 1,
    "short_multiplier": 0.55,
    "entry_mode": 0,
    "trend_filter_period": 3,
    "trend_veto_threshold": 0.1,
    "both_triggered_mode": 1,
    "hma_fast_length": 4,
    "hma_slow_length": 17,
}


@pytest.mark.parametrize("strategy", list(ROWS))
@pytest.mark.parametrize("entry_style", ["pullback", "breakout"])
@pytest.mark.parametrize("sizing", ["compound", "fixed"])
def test_a_sweep_is_simulate_row_by_row(strategy: str, entry_style: str, sizing: str) -> None:
    """Rows change one parameter at a time, and back: a series kept too long would show."""
    settings = SETTINGS | {"entry_style": entry_style, "sizing": sizing, "max_stop_atr": 2}
    first = ROWS[strategy].copy()
    first[8] = 0.3  # entries so near that both are touched in many bars
    other = [OTHERS[name] for name in parameters(VARIANTS[strategy])]
    rows = [first]
    for column, value in enumerate(other):
        changed = first.copy()
        changed[column] = value
        rows += [changed, changed, first]
    rows += [other, first]
    phases = [(100, 200, 300), (80, 81, 82), (150, 220, 260)]
    bars = make()
    second = make(seed=6) if "dual" in strategy else None

    labels = np.arange(300) % 7
    more = {"labels": labels, "label_count": 7}
    found = sweep_on(
        bars, rows, strategy, phases=phases, second=second, extended=True, **more, **settings
    )
    assert len(found) == len(phases)
    for (warmup, split, end), figures in zip(phases, found, strict=True):
        for i, row in enumerate(rows):
            one = simulate_on(
                [x[:end] for x in bars],
                row,
                strategy,
                second=None if second is None else [x[:end] for x in second],
                warmup=warmup,
                split=split,
                labels=labels[:end],
                label_count=7,
                **settings,
            )
            for name in list(SweepFigures.__dataclass_fields__)[:6]:
                assert getattr(figures, name)[i] == getattr(one, name), (name, i)
            assert list(figures.extended) == list(one.extended)
            for name, column in figures.extended.items():
                assert column[i] == one.extended[name], (name, i)
            assert np.array_equal(figures.label_sum_r[i], one.label_sum_r)
            assert np.array_equal(figures.label_sum_r2[i], one.label_sum_r2)
    # Every parameter matters here.
    results = zip(found[0].is_pnl.tolist(), found[0].oos_pnl.tolist(), strict=True)
    assert len(set(results)) == len(first) + 2


def test_types_of_a_sweep() -> None:
    (figures,) = sweep_on(make(), np.array([ROW] * 3), phases=[(100, 200, 300)], **SETTINGS)
    for name in ("is_pnl", "oos_pnl", "is_dd", "oos_dd"):
        column = getattr(figures, name)
        assert column.dtype == np.float64
        assert column.shape == (3,)
        assert np.isfinite(column).all()
    for name in ("is_trades", "oos_trades"):
        assert getattr(figures, name).dtype == np.int64
        assert (getattr(figures, name) >= 0).all()


def test_an_empty_sweep() -> None:
    (figures,) = sweep_on(make(), np.empty((0, 11)), phases=[(100, 200, 300)], **SETTINGS)
    assert figures.is_pnl.shape == (0,)
    assert sweep_on(make(), [ROW], phases=[], **SETTINGS) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sizing": "compund"}, "unknown sizing 'compund'; did you mean 'compound'"),
        ({"entry_style": "x"}, "unknown entry_style 'x'; known: breakout, pullback"),
        ({"warmup": 0}, "warmup 0, split 200, 300 bars"),
        ({"split": 100}, "warmup 100, split 100, 300 bars"),
        ({"split": 300}, "warmup 100, split 300, 300 bars"),
    ],
)
def test_refused_arguments(changes: dict[str, Any], message: str) -> None:
    arguments = {"warmup": 100, "split": 200, **SETTINGS, **changes}
    with pytest.raises(InputError, match=message):
        simulate_on(make(), ROW, **arguments)


def test_an_unknown_strategy() -> None:
    for arguments in ({"warmup": 100, "split": 200}, {"phases": [(100, 200, 300)]}):
        call: Any = simulate_on if "split" in arguments else sweep_on
        with pytest.raises(InputError, match=r"unknown strategy 'atr_d_hm_ls'; did you mean"):
            call(make(), ROW, "atr_d_hm_ls", **arguments, **SETTINGS)


def test_refused_shapes() -> None:
    open_, high, low, close = make()
    bounds = {"warmup": 100, "split": 200, **SETTINGS}
    phase = {"phases": [(100, 200, 300)], **SETTINGS}
    with pytest.raises(InputError, match="one length n"):
        simulate("atr_d_l", open_, high[1:], low, close, ROW, **bounds)
    with pytest.raises(
        InputError, match=r"params has shape \(10,\); give the 11 numbers of atr_d_l"
    ):
        simulate_on(make(), ROW[1:], **bounds)
    with pytest.raises(InputError, match=r"give the 14 numbers of atr_d_hma_ls"):
        simulate_on(make(), ROW, "atr_d_hma_ls", **bounds)
    with pytest.raises(InputError, match="rows has shape"):
        sweep_on(make(), ROW, **phase)
    with pytest.raises(InputError, match=r"give \(sets, 16\) for atr_d_ls"):
        sweep_on(make(), [ROW], "atr_d_ls", **phase)
    with pytest.raises(InputError, match="a phase ends at bar 301, but there are 300 bars"):
        sweep_on(make(), [ROW], phases=[(100, 200, 301)], **SETTINGS)


def test_data2_is_asked_for_where_it_is_needed() -> None:
    bars = make()
    bounds = {"warmup": 100, "split": 200, **SETTINGS}
    with pytest.raises(InputError, match="atr_d_duals_l needs second"):
        simulate_on(bars, ROW, "atr_d_duals_l", **bounds)
    with pytest.raises(InputError, match="atr_d_l has one symbol"):
        simulate_on(bars, ROW, second=bars, **bounds)
    with pytest.raises(InputError, match="second has 299 bars and the first symbol 300"):
        simulate_on(bars, ROW, "atr_d_duals_l", second=[x[1:] for x in bars], **bounds)
    with pytest.raises(InputError, match="one length n"):
        simulate_on(bars, ROW, "atr_d_duals_l", second=[bars[0][1:], *bars[1:]], **bounds)


def test_too_few_bars_stay_inside_their_arrays() -> None:
    """Uncompiled, where NumPy checks bounds; in a process of its own: the switch is an import's."""
    code = f"""
import numpy as np
from wfo.atr_d.reference import simulate, sweep
x = np.full(60, 100.0)
for n in (3, 4, 5, 20, 60):
    y = x[:n]
    for strategy, row in {ROWS!r}.items():
        second = (y, y, y, y) if "dual" in strategy else None
        bars, more = (strategy, y, y + 1, y - 1, y), dict(second=second, **{SETTINGS!r})
        result = simulate(*bars, row, warmup=1, split=2, **more)
        assert result.pnl.size == 0 and np.isfinite(result.equity).all()
        sweep(*bars, [row] * 2, phases=[(1, 2, 3), (1, 2, n)], **more)
print("fine")
"""
    assert python(code, NUMBA_DISABLE_JIT="1") == "fine"

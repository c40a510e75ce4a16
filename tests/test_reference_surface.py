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

from wfo.errors import EngineError, InputError
from wfo.reference import ReferenceResult, SweepFigures, simulate, sweep

Floats = NDArray[np.float64]

ROW = [14, 2.5, 20, 2, 0.5, 0.3, 1, 10, 1.2, 5, 0]
SETTINGS: dict[str, Any] = {
    "capital": 100_000,
    "slip": 0.0005,
    "fee": 0.0001,
    "sizing": "compound",
    "lot_size": 0,
    "max_stop_atr": 20,
    "entry_style": "pullback",
}


def make(n: int = 300) -> list[Floats]:
    """Random bars: open, high, low, close."""
    rng = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.015, n)))
    open_ = np.roll(close, 1)
    open_[0] = 100
    return [open_, np.maximum(open_, close) * 1.005, np.minimum(open_, close) * 0.995, close]


def simulate_on(bars: list[Floats], params: Sequence[float], **arguments: Any) -> ReferenceResult:
    open_, high, low, close = bars
    return simulate(open_, high, low, close, params, **arguments)


def sweep_on(bars: list[Floats], rows: ArrayLike, **arguments: Any) -> list[SweepFigures]:
    open_, high, low, close = bars
    return sweep(open_, high, low, close, rows, **arguments)


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
    assert python("import sys, wfo.reference; print('numba' in sys.modules)") == "False"


@pytest.mark.parametrize("name", ["simulate", "sweep"])
def test_a_missing_numba_says_what_to_install(name: str) -> None:
    more = "phases=[(1, 2, 3)]" if name == "sweep" else "warmup=1, split=2"
    code = f"""
import sys
sys.modules["numba"] = None
from wfo.errors import EngineError
from wfo.reference import {name}
try:
    {name}([], [], [], [], [], {more}, **{SETTINGS!r})
except EngineError as error:
    print(error)
"""
    assert python(code) == "the reference engine needs Numba: pip install 'wfo[reference]'"


def test_a_broken_numba_gives_its_own_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == "wfo.reference.atr_d":
                raise ImportError("Numba needs an older NumPy")

    import wfo.reference

    monkeypatch.delitem(sys.modules, "wfo.reference.atr_d", raising=False)
    monkeypatch.delattr(wfo.reference, "atr_d", raising=False)
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


@pytest.mark.parametrize("entry_style", ["pullback", "breakout"])
@pytest.mark.parametrize("sizing", ["compound", "fixed"])
def test_a_sweep_is_simulate_row_by_row(entry_style: str, sizing: str) -> None:
    """Rows change one parameter at a time, and back: a series kept too long would show."""
    settings = SETTINGS | {"entry_style": entry_style, "sizing": sizing, "max_stop_atr": 2}
    other = [9, 1.7, 33, 1.5, 0.3, 0.6, 2, 4, 0.7, 12, 1]
    rows = [ROW]
    for column in range(11):
        changed = ROW.copy()
        changed[column] = other[column]
        rows += [changed, changed, ROW]
    rows += [other, ROW]
    phases = [(100, 200, 300), (80, 81, 82), (150, 220, 260)]
    bars = make()

    found = sweep_on(bars, rows, phases=phases, **settings)
    assert len(found) == len(phases)
    for (warmup, split, end), figures in zip(phases, found, strict=True):
        for i, row in enumerate(rows):
            one = simulate_on([x[:end] for x in bars], row, warmup=warmup, split=split, **settings)
            for name in SweepFigures.__dataclass_fields__:
                assert getattr(figures, name)[i] == getattr(one, name), (name, i)
    assert len(set(found[0].is_pnl.tolist())) == 13  # every parameter matters here


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


def test_refused_shapes() -> None:
    open_, high, low, close = make()
    with pytest.raises(InputError, match="one length n"):
        simulate(open_, high[1:], low, close, ROW, warmup=100, split=200, **SETTINGS)
    with pytest.raises(InputError, match="params has shape"):
        simulate(open_, high, low, close, ROW[1:], warmup=100, split=200, **SETTINGS)
    with pytest.raises(InputError, match="rows has shape"):
        sweep(open_, high, low, close, ROW, phases=[(100, 200, 300)], **SETTINGS)
    with pytest.raises(InputError, match="a phase ends at bar 301, but there are 300 bars"):
        sweep(open_, high, low, close, [ROW], phases=[(100, 200, 301)], **SETTINGS)


def test_too_few_bars_stay_inside_their_arrays() -> None:
    """With bounds checked, in a process of its own because Numba reads the switch at import."""
    code = f"""
import numpy as np
from wfo.reference import simulate, sweep
x = np.full(60, 100.0)
for n in (3, 4, 5, 20, 60):
    y = x[:n]
    result = simulate(y, y + 1, y - 1, y, {ROW!r}, warmup=1, split=2, **{SETTINGS!r})
    assert result.pnl.size == 0 and np.isfinite(result.equity).all()
    sweep(y, y + 1, y - 1, y, [{ROW!r}] * 2, phases=[(1, 2, 3), (1, 2, n)], **{SETTINGS!r})
print("fine")
"""
    assert python(code, NUMBA_BOUNDSCHECK="1") == "fine"

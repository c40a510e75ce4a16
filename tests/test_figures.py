"""The schema of figures: names, types, and what follows from it."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from wfo import _core
from wfo.backtest import Figures, as_stored
from wfo.backtest.figures import (
    CELL_BYTES,
    EXTENDED_NAMES,
    NAMES,
    SCHEMA,
    STANDARD,
    STANDARD_NAMES,
    STORED,
    cell_bytes,
    concatenate,
    empty,
    is_extended,
    item_bytes,
)
from wfo.errors import InputError


def test_the_standard_figures_are_those_of_the_files() -> None:
    wanted = "is_pnl oos_pnl is_dd oos_dd is_trades oos_trades"
    assert STANDARD_NAMES == tuple(wanted.split()) == Figures._fields
    assert STORED == ("<f4", "<f4", "<f4", "<f4", "<u2", "<u2")
    assert [f.heading for f in STANDARD] == [
        "IS_PnL", "OOS_PnL", "IS_DD", "OOS_DD", "IS_Trades", "OOS_Trades"
    ]  # fmt: skip
    assert CELL_BYTES == 20
    assert cell_bytes() == 40


def test_the_extended_figures_are_those_of_the_contract() -> None:
    trades = ["wins", "losses", "gross_profit", "gross_loss", "largest_win", "largest_loss"]
    part = [*trades, *(f"long_{t}" for t in trades), *(f"short_{t}" for t in trades)]
    part += ["bars_held", "dd_share", "sum_r", "sum_r2", "sum_down2"]
    assert tuple(f"{p}_{name}" for p in ("is", "oos") for name in part) == EXTENDED_NAMES
    counts = {f.name.split("_")[-1] for f in SCHEMA if f.dtype == "u4"}
    assert counts == {"trades", "wins", "losses", "held"}
    assert cell_bytes(extended=True) == 8 * 36 + 4 * 16
    assert cell_bytes(extended=True, labels=3) == cell_bytes(extended=True) + 48
    assert all(f.meaning and item_bytes(f.dtype) == np.dtype(f.dtype).itemsize for f in SCHEMA)


def test_figures_are_a_tuple_with_names() -> None:
    figures = empty(3, extended=True, labels=2)
    for i, column in enumerate(figures):
        column[:] = i
    assert figures.names == (*NAMES, "label_sum_r", "label_sum_r2")
    for i, name in enumerate(figures.names):
        assert (getattr(figures, name) == i).all()
    assert figures.is_wins.dtype == np.uint32
    assert figures.label_sum_r2.shape == (3, 2)
    assert [len(c) for c in figures.cut(1)] == [2] * 54
    again = concatenate([figures.cut(0, 1), figures.cut(1)])
    assert all(np.array_equal(a, b) for a, b in zip(figures, again, strict=True))
    for other in (copy.deepcopy(figures), pickle.loads(pickle.dumps(figures))):
        assert isinstance(other, Figures)
        assert other.names == figures.names
    plain = empty(1)
    with pytest.raises(AttributeError, match="'is_win'"):
        _ = figures.is_win
    with pytest.raises(AttributeError, match="'is_wins'"):
        _ = plain.is_wins
    with pytest.raises(TypeError, match="7 columns"):
        Figures(*[np.ones(1)] * 7)


def test_stored_types() -> None:
    figures = Figures(*(np.array([1.5, 1e5]) for _ in range(4)), *[np.array([7, 70_000], "u4")] * 2)
    stored = as_stored(figures)
    assert tuple(c.dtype for c in stored) == tuple(np.dtype(t) for t in STORED)
    assert stored.is_trades.tolist() == [7, 65_535]
    again = as_stored(stored)
    assert all(a is b for a, b in zip(again, stored, strict=True))


def test_choices() -> None:
    assert not is_extended("standard")
    assert is_extended("extended")
    with pytest.raises(InputError, match="'Extended' are unknown; did you mean 'extended'"):
        is_extended("Extended")


def test_the_core_has_the_same_schema() -> None:
    assert _core.schema() == [(f.name, f.unit) for f in SCHEMA]

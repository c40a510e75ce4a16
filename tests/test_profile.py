"""The optimization profile: NumPy's figures, whatever the blocks, threads, stores and stops."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_sweeps import BENCHMARKS, PHASES, figures_of, fill, grid_of, make_dense, make_survivors

import wfo
from wfo import _core
from wfo.backtest import Evaluator, Figures, read_feeds
from wfo.errors import InputError, ResultsError
from wfo.selection.profile import QUANTILE_ERROR, Profile, Spread

CAPITAL = 100_000.0
#: A part in 2^22 of the largest power of two that the capital reaches.
UNIT = 65_536 / 2**22


@pytest.fixture(scope="module")
def swept() -> list[Figures]:
    """Real figures of two phases, of a grid whose longs and shorts earn and lose."""
    bars = wfo.load_sample("NASDAQ")[:900]
    grid = wfo.Grid.load("smoke", "atr_d_ls")
    feeds = read_feeds("atr_d_ls", bars)
    found = Evaluator("atr_d_ls", feeds, grid, [(150, 450, 600), (350, 700, 900)], threads=2)
    return found.range(0, len(grid), stored=True)


def counted(figures: list[Figures], pieces: list[Any], threads: int = 2) -> Any:
    profile = _core.Profile(len(figures), CAPITAL, threads)
    for at in pieces:
        profile.add([Figures(*(np.ascontiguousarray(c[at]) for c in f)) for f in figures])
    return profile


def check(found: Spread, values: Any, bin_: float, unit: float) -> None:
    finite = values[np.isfinite(values)]
    assert (found.count, found.finite, found.above) == (
        len(values), len(finite), int((values > 0).sum()),
    )  # fmt: skip
    assert (found.least, found.best) == (finite.min(), finite.max())
    assert found.mean == pytest.approx(finite.mean(), rel=1e-12, abs=unit)
    assert found.deviation == pytest.approx(finite.std(), rel=1e-12, abs=unit)
    for q, value in ((5, found.q5), (25, found.q25), (50, found.median), (75, found.q75), (95, found.q95)):  # fmt: skip  # noqa: E501
        at = q / 100 * (len(values) - 1)
        ends = np.sort(values)[[int(np.floor(at)), int(np.ceil(at))]]
        wanted = np.percentile(values, q) if np.isfinite(ends).all() else None
        if wanted is None:
            assert value is None
        else:
            assert value == pytest.approx(wanted, rel=0, abs=bin_ * np.abs(ends).max() + 1e-12), q
    assert found.share == found.above / found.count
    if found.deviation:
        assert found.best_distance == (found.best - found.mean) / found.deviation  # type: ignore[operator]


def check_all(figures: list[Figures], profile: Profile) -> None:
    count = len(figures[0].is_pnl)
    assert profile.combinations == count
    total = np.zeros(count)
    for f, phase in zip(figures, profile.phases, strict=True):
        for name in ("is_pnl", "oos_pnl", "is_dd", "oos_dd"):
            column = getattr(f, name).astype(np.float64)
            check(getattr(phase, name), column, QUANTILE_ERROR, UNIT)
        for name in ("is_trades", "oos_trades"):
            check(getattr(phase, name), getattr(f, name).astype(np.float64), 0, 0)
        start = CAPITAL + f.is_pnl.astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            returns = np.where(start > 0, f.oos_pnl / start, -1.0)
            total += np.log(np.where(returns > -1, 1 + returns, 0.0))
        check(phase.oos_return, returns.astype(np.float32).astype(np.float64), 1 / 512, 2**-22)
    # A float32 is counted: its rounding is added.
    total = total.astype(np.float32).astype(np.float64)
    found = profile.total_return
    finite = total[np.isfinite(total)]
    assert (found.count, found.finite) == (count, len(finite))
    assert found.best == pytest.approx(finite.max(), rel=1e-6)
    assert found.least == pytest.approx(finite.min(), rel=1e-6)
    assert found.mean == pytest.approx(finite.mean(), abs=1e-6)
    assert found.deviation == pytest.approx(finite.std(), abs=1e-6)
    at = np.sort(total)[[(count - 1) // 2, count // 2]]
    if np.isfinite(at).all():
        assert found.median == pytest.approx(at.mean(), abs=(1 / 512 + 1e-6) * np.abs(at).max())


def test_figures_of_a_sweep_are_numpys(swept: list[Figures]) -> None:
    profile = Profile.of(counted(swept, [slice(None)]))
    check_all(swept, profile)
    moved = [getattr(p, n).deviation for p in profile.phases for n in ("is_pnl", "oos_return")]
    assert min(moved) > 0
    assert any(p.oos_pnl.share not in (0, 1) for p in profile.phases)


def test_made_up_figures_are_numpys() -> None:
    rng = np.random.default_rng(5)
    figures = figures_of(grid_of(1_000), phases=5)
    for f in figures:
        # Ruin, no trades, and profits of many times the capital.
        f.is_pnl[rng.random(len(f.is_pnl)) < 0.01] = -150_000.0
        f.oos_pnl[rng.random(len(f.is_pnl)) < 0.01] = -1e6
        f.oos_pnl[rng.random(len(f.is_pnl)) < 0.2] = 0.0
        f.is_dd[rng.random(len(f.is_pnl)) < 0.3] = 3e9
    profile = Profile.of(counted(figures, [slice(None)]))
    check_all(figures, profile)
    assert profile.total_return.finite < profile.total_return.count
    assert profile.phases[0].is_dd.q95 == pytest.approx(3e9, rel=QUANTILE_ERROR)


def test_neither_blocks_nor_order_nor_threads_matter(swept: list[Figures]) -> None:
    count = len(swept[0].is_pnl)
    whole = counted(swept, [slice(None)]).to_bytes()
    order = np.random.default_rng(3).permutation(count)
    for threads in (1, 2, 5):
        pieces = np.array_split(order, [1, 2, 100, count // 2])
        assert counted(swept, pieces, threads).to_bytes() == whole
    again = _core.Profile.from_bytes(whole, 1)
    assert (again.to_bytes(), len(again), again.capital) == (whole, count, CAPITAL)
    assert Profile.of(again) == Profile.of(counted(swept, [slice(None)]))


@pytest.mark.parametrize("make", [make_dense, make_survivors])
def test_stores_count_every_combination_once(make: Any, tmp_path: Path) -> None:
    grid = grid_of(40)
    figures = figures_of(grid)
    alone = _core.Profile(PHASES, BENCHMARKS[0].capital, 1)
    alone.add(figures)
    for stop in (None, 65, 200):
        first = make(tmp_path / str(stop), grid)
        fill(first, figures, 50, stop)
        later = make(tmp_path / str(stop), grid)
        fill(later, figures, 30)
        verified = make(tmp_path / str(stop), grid)
        verified.verify(lambda _: None)
        for store in (first, later, verified) if stop is None else (later, verified):
            assert store.profile is not None
            assert store.profile.to_bytes() == alone.to_bytes()


def earlier_state(path: Path) -> None:
    """Make a state one of the version before profiles."""
    magic = b"wfo-survivors 2\n"
    body = path.read_bytes()[:-4]
    end = body.index(b"\n", len(magic))
    head = json.loads(body[len(magic) : end])
    size = head.pop("profile")
    assert size > 0
    body = magic + json.dumps(head).encode() + body[end:-size]
    path.write_bytes(body + zlib.crc32(body).to_bytes(4, "little"))


@pytest.mark.parametrize("stop", [None, 150])
def test_a_state_without_a_profile_goes_on_without_one(stop: int | None, tmp_path: Path) -> None:
    grid = grid_of(40)
    figures = figures_of(grid)
    fill(make_survivors(tmp_path, grid), figures, 50, stop)
    earlier_state(tmp_path / "state")
    later = make_survivors(tmp_path, grid)
    assert later.is_mine()
    fill(later, figures, 50)
    verified = make_survivors(tmp_path, grid)
    verified.verify(lambda _: None)
    assert later.profile is None
    assert verified.profile is None
    assert len(verified.ruling) == len(grid)


def test_a_profile_of_other_combinations_is_damage(tmp_path: Path) -> None:
    grid = grid_of(40)
    fill(make_survivors(tmp_path, grid), figures_of(grid), 50)
    state = tmp_path / "state"
    earlier_state(state)
    body = state.read_bytes()[:-4]
    other = _core.Profile(PHASES, BENCHMARKS[0].capital, 1).to_bytes()
    head, _, rest = body.removeprefix(b"wfo-survivors 2\n").partition(b"\n")
    text = json.dumps(json.loads(head) | {"profile": len(other)}).encode()
    body = b"wfo-survivors 2\n" + text + b"\n" + rest + other
    state.write_bytes(body + zlib.crc32(body).to_bytes(4, "little"))
    with pytest.raises(ResultsError, match="its profile is of other combinations"):
        make_survivors(tmp_path, grid).verify(lambda _: None)


def test_profiles_are_plain_values_and_check_themselves(swept: list[Figures]) -> None:
    profile = Profile.of(counted(swept, [slice(None)]))
    plain = json.loads(json.dumps(profile.to_dict(), allow_nan=False))
    assert Profile.from_dict(plain) == profile
    assert plain["phases"][0]["oos_pnl"]["share"] == profile.phases[0].oos_pnl.share
    assert plain["quantile_error"] == QUANTILE_ERROR
    one = plain["phases"][0]["is_pnl"]
    for change in ({"count": -1}, {"count": True}, {"finite": 10**9}, {"above": 10**9},
                   {"mean": "1"}, {"best": float("inf")}, {"median": True}):  # fmt: skip
        with pytest.raises(ResultsError):
            Spread.from_dict(one | change)
    with pytest.raises(ResultsError, match="no distribution"):
        Spread.from_dict({})
    for change in ({"combinations": 1}, {"combinations": 2.5}, {"phases": []}, {"phases": [{}]},
                   {"total_return": None}):  # fmt: skip
        with pytest.raises(ResultsError):
            Profile.from_dict(plain | change)
    empty = Profile.of(_core.Profile(1, CAPITAL, 1))
    assert empty.total_return.share is None
    assert empty.total_return.best_distance is None


def test_what_cannot_be_counted_is_refused() -> None:
    for phases, capital in ((0, 1.0), (256, 1.0), (1, 0.0), (1, float("nan")), (1, -5.0)):
        with pytest.raises(InputError, match="out of range"):
            _core.Profile(phases, capital, 1)
    profile = _core.Profile(2, CAPITAL, 1)
    with pytest.raises(InputError, match="1 phases given where there are 2"):
        profile.add(figures_of(grid_of(2), phases=1))
    data = profile.to_bytes()
    for wrong in (b"", data[:-1], b"x" + data[1:], data[:20] + bytes([data[20] ^ 1]) + data[21:]):
        with pytest.raises(InputError, match="no optimization profile"):
            _core.Profile.from_bytes(wrong, 1)

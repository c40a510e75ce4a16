"""The whole history of a run as one slice: its bars, first trading bar, end, and buy-and-hold."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

import wfo
from wfo.data import sample_store
from wfo.errors import InputError, ResultsError
from wfo.runs.folder import RunFolder
from wfo.runs.plan import RunPlan
from wfo.runs.refinement.history import History
from wfo.runs.run import run

#: Windows end here, before the last bar of the sample.
AS_OF = dt.date(2014, 12, 31)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of two symbols with costs and lots, whose windows end before its bars do."""
    settings = wfo.Settings(
        capital=50_000, slip=0.0005, fee=0.0001, lot_size=1, entry_style="breakout"
    )
    plan = RunPlan(
        "NASDAQ", "atr_d_duals_l", symbol2="SP500", grid="smoke", settings=settings, as_of=AS_OF,
        out=tmp_path_factory.mktemp("out"), command="wfo run again",
    )  # fmt: skip
    run(plan, sample_store())
    return plan.folder


def test_the_history_is_that_of_the_run(folder: RunFolder) -> None:
    found = History.of(folder)
    assert (found.symbol, found.symbol2, found.timeframe) == ("NASDAQ", "SP500", "1day")
    assert [s.name for s in found.strategies] == ["atr_d_duals_l", "atr_d_l"]
    bars = wfo.load_sample("NASDAQ")
    assert found.inputs.bars["close"].to_list() == bars["close"].to_list()
    assert found.inputs.second is not None
    assert found.inputs.second["close"].to_list() == wfo.load_sample("SP500")["close"].to_list()
    dates = bars["date"].to_list()
    assert found.days == dates
    # One past the last bar on or before the date that windows are counted back from.
    assert found.end == sum(day <= AS_OF for day in dates) < len(dates)
    assert found.bars_per_year == pytest.approx(252)


def test_the_settings_are_those_of_the_run_in_the_type_of_each_strategy(folder: RunFolder) -> None:
    found = History.of(folder)
    for strategy in found.strategies:
        own = found.settings(strategy)
        assert type(own) is strategy.settings
        assert (own.capital, own.slip, own.fee, own.lot_size) == (50_000, 0.0005, 0.0001, 1)
        assert own.entry_style == "breakout"  # type: ignore[attr-defined]
    assert found.settings() == found.settings(found.strategies[0])


def test_a_strategy_reads_as_many_symbols_as_it_has(folder: RunFolder) -> None:
    found = History.of(folder)
    both, one = found.strategies
    assert list(found.feeds(both)) == ["bars", "bars2"]
    assert list(found.feeds(one)) == ["bars"]
    bars, second = found.frames(both)
    assert second is not None
    assert len(bars) == len(second) == found.end
    assert found.frames(one)[1] is None


def test_the_first_trading_bar_is_100_or_the_longest_lookback(folder: RunFolder) -> None:
    found = History.of(folder)
    assert found.warmup(1) == 100
    assert found.warmup(100) == 100
    assert found.warmup(173) == 173
    # A slice has two bars at least.
    last = found.end - 2
    assert found.warmup(last) == last
    with pytest.raises(InputError, match=f"a lookback of {last + 1:,} bars leaves nothing"):
        found.warmup(last + 1)
    assert found.span(120) == (found.days[120], found.days[found.end - 1])


def test_buy_and_hold_is_that_of_the_same_slice(folder: RunFolder) -> None:
    """Against `wfo.buy_and_hold`, whose equity a split does not change."""
    found = History.of(folder)
    first = 140
    held = found.held(first)
    bars, _ = found.frames(found.strategies[1])
    expected = wfo.buy_and_hold(bars, split=2000, warmup=first, settings=found.settings())
    np.testing.assert_array_equal(held.marks, expected.equity)
    shares = np.floor(50_000 / (bars["open"][first] * 1.0005 * 1.0001))
    cost = bars["open"][first] * 1.0005 * 1.0001
    earned = shares * (bars["close"][found.end - 1] - cost)
    assert held.metrics.net_profit == pytest.approx(earned, rel=1e-12)
    assert held.metrics.bars == found.end - first
    assert (held.metrics.first, held.metrics.last) == found.span(first)
    assert held.metrics.trades == 0
    assert held.metrics.exposure == 1
    assert not held.idle
    for wrong in (0, found.end):
        with pytest.raises(InputError, match=f"warmup = {wrong}"):
            found.held(wrong)


def test_capital_that_pays_for_no_lot_holds_nothing(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = History.of(folder)
    monkeypatch.setitem(found.manifest.settings, "lot_size", 1e6)  # type: ignore[arg-type]
    held = found.held(100)
    assert held.idle
    assert set(held.marks) == {50_000}
    assert held.metrics.exposure == 0
    # Neither infinite nor no number, which no file of a set has.
    assert (held.figures["Net_Profit"], held.figures["Net_Profit_By_DD"]) == (0, None)


def test_the_digests_are_those_of_the_bars_that_the_run_keeps(folder: RunFolder) -> None:
    found = History.of(folder).digests
    assert list(found) == ["bars.parquet", "bars2.parquet"]
    for path in (folder.bars, folder.bars2):
        assert found[path.name].bytes == path.stat().st_size
        assert found[path.name].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_run_that_is_not_complete_or_damaged_is_refused(
    folder: RunFolder, tmp_path: Path
) -> None:
    with pytest.raises(ResultsError, match="there is no run in"):
        History.of(RunFolder(tmp_path / "nowhere"))
    copy = RunFolder(Path(shutil.copytree(folder.path, tmp_path / "copy")))
    kept = copy.bars2.read_bytes()
    copy.bars2.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    with pytest.raises(ResultsError, match=r"bars2\.parquet is damaged.*run again: wfo run again"):
        History.of(copy)
    copy.bars2.unlink()
    with pytest.raises(ResultsError, match=r"there is no .*bars2\.parquet; run again"):
        History.of(copy)

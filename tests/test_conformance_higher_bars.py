"""The suite for strategies that read higher bars: the guide's passes, and what is wrong fails."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wfo
from wfo.data.calendars import load_sessions
from wfo.data.higher_bars import higher_bars
from wfo.strategy import Strategy, get_strategy
from wfo.strategy.registry import separate
from wfo.testing import StrategyConformance
from wfo.testing.stamps import bar_stamps, bar_timeframe

GUIDE = Path(wfo.__file__).parent / "docs" / "first-strategy.md"
NAMES = [name for name in dir(StrategyConformance) if name.startswith("test_")]


@pytest.fixture
def weekly(tmp_path: Path) -> Iterator[Strategy]:
    """The strategy of the guide, of its file as it stands there."""
    page = GUIDE.read_text(encoding="utf-8")
    (text,) = re.findall(r"^```python\n(# weekly\.py\n.*?)^```$", page, re.M | re.S)
    (tmp_path / "weekly.py").write_text(text, encoding="utf-8")
    with separate():
        yield get_strategy(f"{tmp_path}/weekly.py:Weekly")


def suite(strategy: Any, cases: int) -> Any:
    return type("Suite", (StrategyConformance,), {"strategy": strategy, "cases": cases})()


class Days(wfo.Rules):
    """Breaks of the highest high of some days, above an average of weeks."""

    days = wfo.Int(2, 8)
    weeks = wfo.Int(2, 4)

    def rules(self, x: Any) -> Any:
        d, h = x.resample("1day"), x.resample("1week")
        up = x.close > h.sma(h.close, self.weeks)
        high = d.highest(d.high, self.days)
        return wfo.orders(long=x.stop(high, when=up), exit_long=x.trail(d.atr(self.days)))


@wfo.indicator
def later(closes: Any, weeks: Any) -> Any:
    """The close of the week that follows, above the one before so many of them."""
    following = np.append(closes[1:], np.nan)
    found = np.full(len(closes), np.nan)
    found[weeks:] = following[weeks:] - closes[:-weeks]
    return found


@wfo.indicator(lookback=lambda weeks: 0)
def hasty(closes: Any, weeks: Any) -> Any:
    """An average of what there is, up to some weeks, which needs them all to be itself."""
    return np.array([closes[max(0, k - weeks) : k + 1].mean() for k in range(len(closes))])


class Peeking(wfo.Rules):
    """Is long in the weeks before rises."""

    weeks = wfo.Int(2, 6)

    def rules(self, x: Any) -> Any:
        h = x.resample("1week")
        up = later(h.close, self.weeks) > 0
        return wfo.orders(long=x.at_open(up), exit_long=x.at_open(~up))


class Hasty(wfo.Rules):
    """Is long above an average whose lookback is said to be none."""

    weeks = wfo.Int(10, 20)

    def rules(self, x: Any) -> Any:
        h = x.resample("1week")
        up = x.close > hasty(h.close, self.weeks)
        return wfo.orders(long=x.at_open(up), exit_long=x.at_open(~up))


@pytest.mark.parametrize("name", ["cases_trade", "lookback_is_honoured", "engines_agree"])
def test_the_strategy_of_the_guide_passes(weekly: Strategy, name: str) -> None:
    getattr(suite(weekly, 3), f"test_{name}")()


def test_the_strategy_of_the_guide_looks_not_ahead(weekly: Strategy) -> None:
    suite(weekly, 1).test_no_look_ahead()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("read", ["weeks of days", "days and weeks of hours"])
def test_the_whole_suite_passes(weekly: Strategy, read: str, name: str) -> None:
    getattr(suite(weekly if read == "weeks of days" else Days, 20), name)()


def test_a_peek_at_a_later_week_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    # Else the check before each simulation refuses it, and the suite finds nothing of its own.
    monkeypatch.setattr("wfo.backtest.simulate.quick_check", lambda *_: None)
    with pytest.raises(AssertionError, match=r"bars after .* change what was before"):
        suite(Peeking, 3).test_no_look_ahead()


def test_a_lookback_of_too_few_weeks_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wfo.backtest.simulate.quick_check", lambda *_: None)
    with pytest.raises(AssertionError, match="that the lookback asks for"):
        suite(Hasty, 6).test_lookback_is_honoured()


def reading(timeframe: str, calendar: str) -> Strategy:
    """A strategy of the breaks of such higher bars."""

    class Own(wfo.Rules):
        bars = wfo.Int(2, 8)

        def rules(self, x: Any) -> Any:
            h = x.resample(timeframe, calendar=calendar)
            high = h.highest(h.high, self.bars)
            return wfo.orders(long=x.stop(high), exit_long=x.after(5))

    return get_strategy(Own)


@pytest.mark.parametrize(
    ("timeframe", "calendar", "made_of"),
    [
        ("1week", "XNYS", "1day"),
        ("1day", "XNYS", "1hour"),
        pytest.param("4hour", "XHKG", "1hour", marks=pytest.mark.slow),
        ("1day", "24/7", "4hour"),
        ("1week", "none", "1day"),
        ("5min", "none", "1min"),
    ],
)
def test_bars_are_in_sessions_of_the_calendar(timeframe: str, calendar: str, made_of: str) -> None:
    strategy = reading(timeframe, calendar)
    assert bar_timeframe(strategy) == made_of
    stamps = bar_stamps(strategy, 700)
    assert len(stamps) == stamps.n_unique() == 700
    assert stamps.is_sorted()
    found = higher_bars(stamps, timeframe, calendar)
    assert not np.isnan(found.group).any()
    # Each higher bar but the first and last is made of some, and the next one begins in order.
    assert set(np.diff(found.group)) == {0.0, 1.0}
    if calendar in {"XNYS", "XHKG"}:
        known = load_sessions(calendar, dt.date(2000, 1, 1), dt.date(2009, 12, 31)).frame["session"]
        assert set(stamps.dt.date() if made_of != "1day" else stamps) <= set(known)


def test_a_calendar_with_fewer_bars_is_named() -> None:
    with pytest.raises(wfo.InputError, match=r"24/7 has 73,049 bars of 1day .*draw_frames"):
        bar_stamps(reading("1week", "24/7"), 10**6)

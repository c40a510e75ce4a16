"""Strategies that size their trades themselves: every page says so where it says the sizing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_walk import made_findings, made_matrix, made_walk

import wfo
from wfo.backtest.feeds import read_feeds
from wfo.data import sample_store
from wfo.rules.sizing import into_a_trade, risk_words
from wfo.runs.assumed import assumed_of_settings
from wfo.runs.handover.signaling import SignalPlan, signal
from wfo.runs.verdict.stress import stress
from wfo.runs.walkforward import artefacts
from wfo.settings import AccountSettings
from wfo.strategy import Strategy, get_strategy
from wfo.strategy.record import from_record, own_sizing, same_strategy, to_record


@wfo.indicator
def own(column: Any) -> Any:
    return np.asarray(column)


class ByRisk(wfo.Rules):
    """Buys where a function of the user's says so, by a share that is put at risk."""

    share = wfo.Float(0.01, 0.02, 0.01)

    def rules(self, x: Any) -> Any:
        up = own(x.close) > x.shift(x.close, 1)
        return wfo.orders(long=x.at_open(up), exit_long=x.loss(percent=2), risk=self.share)


class BySize(wfo.Rules):
    """Buys for a share of the equity."""

    share = wfo.Float(0.5, 1, 0.5)

    def rules(self, x: Any) -> Any:
        up = x.close > x.open
        return wfo.orders(long=x.at_open(up), exit_long=x.after(3), size=self.share)


#: A strategy, by what it sizes, and what a page says of it.
CASES = [
    (ByRisk, "risk", "by the strategy's risk, the share of the equity that its nearest stop"),
    (BySize, "size", "by the strategy's size, a share of the equity for each trade"),
    ("atr_d_l", "", "compound: the whole equity goes into a trade"),
]


@pytest.mark.parametrize(("given", "how", "said"), CASES)
def test_every_page_says_what_sizes(given: Any, how: str, said: str) -> None:
    strategy: Strategy = get_strategy(given)
    assert own_sizing(strategy) == how
    rows = {row.what: row.text for row in assumed_of_settings(AccountSettings(), strategy)}
    assert rows["Sizing"].startswith(said)
    walk = made_findings(made_walk(), strategy=strategy)
    matrix = made_findings(None, matrix=made_matrix(), strategy=strategy)
    for found in (walk, matrix):
        page = " ".join(artefacts.text_page(found).split())
        assert f"Sizing {said}" in page
    words = f"what the {how} of the strategy says" if how else "the whole equity"
    assert into_a_trade("compound", strategy) == words


def test_a_record_of_rules_with_functions_says_what_sizes() -> None:
    strategy = get_strategy(ByRisk)
    data = to_record(strategy)
    assert "program" not in data
    stated = from_record(data)
    assert own_sizing(stated) == "risk"
    # Records of before say nothing, and are of the same strategy.
    del data["own_sizing"]
    assert own_sizing(from_record(data)) == ""
    assert same_strategy(from_record(data), strategy)


def test_how_large_the_risk_is_is_said() -> None:
    class Plain(ByRisk):
        def rules(self, x: Any) -> Any:
            return wfo.orders(
                long=x.at_open(x.close > x.open), exit_long=x.loss(self.share), risk=0.01
            )

    class Made(ByRisk):
        def rules(self, x: Any) -> Any:
            return wfo.orders(
                long=x.at_open(x.close > x.open), exit_long=x.loss(2), risk=self.share / 2
            )

    assert risk_words(get_strategy(Plain)) == "1 %"
    own = get_strategy(ByRisk)
    assert risk_words(own, {"share": (0.015,)}) == "1.5 % (by share)"
    assert risk_words(own, {"share": (0.02, 0.01)}) == "1 % to 2 % (by share)"
    assert risk_words(own) == "share, share from 0.01 to 0.02"
    assert risk_words(get_strategy(Made), {"share": (0.01,)}) == "0.5 % (by share / 2)"
    for other in (None, get_strategy(BySize), get_strategy("atr_d_l")):
        assert risk_words(other) == ""
    rows = {r.what: r.text for r in assumed_of_settings(AccountSettings(), get_strategy(Plain))}
    assert "its nearest stop would lose, here 1 %; at most all" in rows["Sizing"]


def test_run_and_signal_say_the_risk_and_that_it_may_be_percent(tmp_path: Path) -> None:
    class Bold(wfo.Rules):
        length = wfo.Int(10, 40, 10)
        width = wfo.Int(2, 5)
        share = wfo.Float(0.3, 0.6, 0.3)

        def rules(self, x: Any) -> Any:
            return wfo.orders(
                long=x.stop(x.highest(x.high, self.length)),
                exit_long=x.trail(x.atr(20) * self.width),
                risk=self.share,
            )

    report = wfo.run("NASDAQ", Bold, out=tmp_path, data_dir=tmp_path / "data")
    note = "risk is 0.3 at least, a share of the equity: 1 % is risk=0.01."
    page = " ".join(report.page.split())
    assert "would lose, here 30 % to 60 % (by share); at most" in page
    assert f"Note: Bold: {note}" in page
    shown = signal(SignalPlan(run=report.folder.path), sample_store())
    said = " ".join(shown.page().split())
    assert f"here {100 * shown.params['share']:g} % (by share)" in said
    assert "a share of the equity: 1 % is risk=0.01." in said


class ByRange(wfo.Rules):
    """Puts its risk into the range of the bar, which another bar has not."""

    days = wfo.Int(2, 3)

    def rules(self, x: Any) -> Any:
        trail = x.trail(x.atr(5) * 2)
        return wfo.orders(
            long=x.at_open(x.close > x.open), exit_long=(trail, x.after(self.days)), risk=0.01
        )


def test_stress_that_retells_trades_says_that_it_cannot_size_them() -> None:
    strategy = get_strategy(ByRange)
    feeds = read_feeds(strategy, wfo.load_sample("NASDAQ").tail(400))
    found = stress(
        strategy, feeds, {"days": 2}, warmup=100, bars_per_year=252, draws=2, noise_draws=1
    )
    reasons = {case.name: case.reason for case in found.cases}
    for name in ("trades_skipped", "entries_late"):
        assert "ByRange sizes its trades by risk: what a trade takes" in reasons[name]
        assert "skipped and late trades are not computed" in reasons[name]
    assert reasons["as_it_is"] == reasons["slippage_doubled"] == ""

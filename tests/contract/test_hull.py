"""Hull averages: H1 to H6."""

from __future__ import annotations

import numpy as np
import pytest

from contract.scenarios import LENGTHS, PREAMBLE, QUIET, Bar, Engine, marks, params, trades
from wfo.atr_d.reference import indicators

BOTH_SIDES = pytest.mark.parametrize("strategy", ["atr_d_hma_l", "atr_d_hma_ls"])


STYLES = pytest.mark.parametrize("style", ["pullback", "breakout"])


@BOTH_SIDES
@STYLES
@pytest.mark.rule("H2")
def test_a_cross_upward_buys_at_the_open(engine: Engine, strategy: str, style: str) -> None:
    bars: list[Bar] = [(100, 101, 99.5, 101), (101, 101, 101, 101)]
    result = engine.hull(bars, strategy, before=[99.5], entry_style=style)
    assert marks(result)[0] == 101_000  # 1000 shares from 100
    # A bar later the cross is old, and nothing is touched.
    result = engine.hull(bars, strategy, before=[99.75, 99.5], entry_style=style)
    assert marks(result)[0] == 100_000


@STYLES
@pytest.mark.rule("H4")
def test_a_cross_downward_sells_at_the_open(engine: Engine, style: str) -> None:
    bars: list[Bar] = [(100, 101, 99.5, 101), (101, 101, 101, 101)]
    assert marks(engine.hull(bars, before=[100.5], entry_style=style))[0] == 99_000
    assert marks(engine.hull(bars, before=[100.25, 100.5], entry_style=style))[0] == 100_000
    # The long-only variant does not.
    assert marks(engine.hull(bars, "atr_d_hma_l", before=[100.5], entry_style=style))[0] == 100_000


@pytest.mark.rule("H2", "H4")
def test_a_cross_from_one_side_to_the_other(engine: Engine) -> None:
    bars: list[Bar] = [(100, 101, 99.5, 101), (101, 101, 101, 101)]
    assert marks(engine.hull(bars, before=[100.5, 100]))[0] == 101_000
    assert marks(engine.hull(bars, before=[99.5, 100]))[0] == 99_000


@BOTH_SIDES
@pytest.mark.parametrize(
    ("style", "bar", "entry"),
    [
        ("pullback", (99, 100, 98, 99), 98),  # buy at 101-3
        ("pullback", (97, 100, 96, 99), 97),
        ("pullback", (99, 100, 98.01, 99), None),
        ("breakout", (99, 102, 99, 101), 102),  # buy at 99+3
        ("breakout", (103, 104, 99, 101), 103),
        ("breakout", (99, 101.99, 99, 101), None),
    ],
)
@pytest.mark.rule("H3")
def test_a_touch_in_an_upward_trend_buys(
    engine: Engine, strategy: str, style: str, bar: Bar, entry: float | None
) -> None:
    result = engine.hull([bar, bar], strategy, before=[99.5, 99], entry_style=style)
    expected = 100_000 if entry is None else 100_000 + 100_000 / entry * (bar[3] - entry)
    assert marks(result)[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("style", "bar", "entry"),
    [
        ("pullback", (101, 102, 100, 101), 102),  # sell at 99+3
        ("pullback", (103, 104, 100, 101), 103),
        ("pullback", (101, 101.99, 100, 101), None),
        ("breakout", (101, 101, 98, 99), 98),  # sell at 101-3
        ("breakout", (97, 101, 96, 99), 97),
        ("breakout", (101, 101, 98.01, 99), None),
    ],
)
@pytest.mark.rule("H5")
def test_a_touch_in_a_downward_trend_sells(
    engine: Engine, style: str, bar: Bar, entry: float | None
) -> None:
    result = engine.hull([bar, bar], before=[100.5, 101], entry_style=style)
    expected = 100_000 if entry is None else 100_000 + 100_000 / entry * (entry - bar[3])
    assert marks(result)[0] == pytest.approx(expected)
    result = engine.hull([bar, bar], "atr_d_hma_l", before=[100.5, 101], entry_style=style)
    assert marks(result)[0] == 100_000


@STYLES
@pytest.mark.rule("H3", "H5", "V1")
def test_a_touch_against_the_trend_or_without_one_does_nothing(engine: Engine, style: str) -> None:
    wide: Bar = (100, 110, 90, 100)  # touches both entries in both styles
    assert marks(engine.hull([wide, QUIET], before=[100, 100], entry_style=style))[0] == 100_000
    # Where the state is up or down, only its own side counts, and the other one closes nothing.
    low_first: Bar = (99, 110, 90, 99)
    fills = {"pullback": (98, 102), "breakout": (102, 98)}[style]
    for closes, side, fill in (([99.5, 99], 1, fills[0]), ([100.5, 101], -1, fills[1])):
        result = engine.hull([low_first, QUIET], before=closes, entry_style=style)
        expected = 100_000 + side * 100_000 / fill * (99 - fill)
        assert marks(result)[0] == pytest.approx(expected)
        assert result.side.size == 0


@pytest.mark.rule("V1", "S9", "H2")
def test_hidden_touches_and_a_cross_that_starts_the_extreme_afresh(engine: Engine) -> None:
    bars: list[Bar] = [
        (100, 103, 99, 99.75),  # 100: at rest, so the touched sell is hidden. TR 4
        (100, 101, 99, 100),  # 101: a cross up enters at the open. TR 2
        (100, 100, 97, 98),  # 102: stop at 101-4 = 97; from 103 it were 99
    ]
    result = engine.hull(bars, before=[100, 100])
    assert trades(result) == [(1, 101, 100, 102, 97, -3_000)]
    assert marks(result) == [100_000, 100_000, 97_000]


@pytest.mark.rule("H2", "H3")
def test_after_a_stop_a_lasting_trend_needs_a_touch(engine: Engine) -> None:
    bars: list[Bar] = [
        (100, 100.5, 98.5, 99),  # 100: a cross up enters at the open. TR 2
        (98, 98.5, 96, 98),  # 101: stop at 100.5-4 = 96.5: exit. TR 3
        (98, 98.5, 97, 97.5),  # 102: flat since 101, up, no fresh cross: buy at 98.5-4.5. TR 1.5
        (97.5, 98, 96.25, 97),  # 103: buy at 98.5-2.25 = 96.25: reached exactly
    ]
    result = engine.hull(bars, before=[99.5], capital=100_000)
    assert trades(result) == [(1, 100, 100, 101, 96.5, -3_500)]
    assert marks(result) == pytest.approx([99_000, 96_500, 96_500, 96_500 + 96_500 / 96.25 * 0.75])


@pytest.mark.rule("H6")
def test_a_hull_variant_leaves_a_position_by_its_stop_only(engine: Engine) -> None:
    bars: list[Bar] = [
        (100, 101, 99.5, 100.5),  # 100: long at the open by the cross. TR 1.5
        (100.5, 103, 100, 101),  # 101: closes have risen: a cross down, and far above any sell
        (101, 103, 99, 101),  # 102: stop at 103-6 = 97
        (101, 101, 96, 97),  # 103: stop at 103-8 = 95. TR 5
        (97, 97, 92, 95),  # 104: stop at 103-10 = 93: exit
        (95, 96, 94, 95),  # 105: closes have fallen twice and more: up, but no fresh cross
    ]
    result = engine.hull(bars, before=[99.5])
    assert trades(result) == [(1, 100, 100, 104, 93, -7_000)]


@pytest.mark.parametrize("price", [100.1, 33.33, 0.07])
@pytest.mark.rule("H1")
def test_quiet_prices_make_no_crosses(engine: Engine, price: float) -> None:
    """Averages of equal prices differ in their last bits, and distances of 0 touch every bar."""
    x = np.full(130, price)
    differing = 0
    for fast, slow in ((2, 3), (3, 5), (5, 9), (7, 30), (16, 20), (19, 49)):
        difference = indicators.hma(x, fast)[-1] - indicators.hma(x, slow)[-1]
        differing += difference != 0
        result = engine.simulate(
            "atr_d_hma_ls",
            np.stack([x, x, x, x], axis=1),
            [1, 2, 2, 2, 1, 1, 0, 1, 1, 1, 0, 1, fast, slow],
            warmup=100,
            split=110,
            capital=1e5,
            slip=0.01,  # an entry would show in the next mark
            max_stop_atr=20.0,
        )
        assert (result.equity == 1e5).all()
    assert differing > 0  # else the band has not been tried


@pytest.mark.rule("X3", "X7")
def test_the_hull_averages_look_at_the_price_chosen(engine: Engine) -> None:
    # Typical prices: (101+99+100)/3 = 100, then (102+99+100)/3, a rise though closes rest: down.
    bars: list[Bar] = [(100, 101, 99, 99), QUIET]
    row = params({"short_multiplier": 1.0} | LENGTHS, atr_buy_multiplier=1.5)
    preamble = [*PREAMBLE[:99], (100.0, 102.0, 99.0, 100.0)]
    for method, mark in ((1, 100_000), (0, 101_000)):
        row[10] = method
        result = engine.run(
            bars, strategy="atr_d_hma_ls", row=row, preamble=preamble, capital=100_000
        )
        assert marks(result)[0] == mark

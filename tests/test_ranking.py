"""Ranks of refined sets: metrics, rank sums, equal outcomes, and the place of buy-and-hold."""

from __future__ import annotations

import math
import warnings

import numpy as np
import polars as pl
import pytest

import wfo
from wfo.backtest.performance import FIELDS, PerformanceEvaluator
from wfo.errors import InputError
from wfo.strategy import get_strategy
from wfo.tradestation.ranking import (
    FIGURES,
    RANKS,
    REPORTED,
    RISK_AVERSE,
    SUMS,
    Span,
    axis_steps,
    central,
    combined_columns,
    distinct,
    held_row,
    places,
    ranked,
    ranks,
    report_figures,
    simulated_figures,
)
from wfo.tradestation.tables import Piece, Sets, combine, strategy_table

YEAR, WARMUP = 252.0, 150


# Metrics


@pytest.fixture(scope="module")
def computed() -> tuple[list[dict[str, float]], dict[str, np.ndarray], list[wfo.Simulation]]:
    """Some sets on NASDAQ, what their figures are, and their simulations."""
    bars = wfo.load_sample("NASDAQ")
    grid = wfo.Grid.load("smoke", "atr_d_l")
    chosen = [grid.params(i) for i in (5, 333, 700, 1279)]
    settings = wfo.Settings(slip=0.0005, fee=0.0001)
    strategy = get_strategy("atr_d_l")
    table = [[p[n] for n in strategy.names] for p in chosen]
    evaluator = PerformanceEvaluator(strategy, bars, table, settings, warmup=WARMUP)
    performance = evaluator.range(0, len(chosen))
    span = Span(settings.capital, len(bars) - WARMUP, YEAR)
    simulations = [
        wfo.simulate(strategy, bars, p, split=len(bars) - 1, warmup=WARMUP, settings=settings)
        for p in chosen
    ]
    return chosen, simulated_figures(performance, span), simulations


def test_metrics_are_those_of_trades_and_equity_computed_independently(
    computed: tuple[list[dict[str, float]], dict[str, np.ndarray], list[wfo.Simulation]],
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what other libraries deprecate is no failure of ours
        empyrical = pytest.importorskip("empyrical")
    _, found, simulations = computed
    for at, simulation in enumerate(simulations):
        equity = simulation.equity[WARMUP - 1 :]
        returns = equity[1:] / equity[:-1] - 1
        pnl = simulation.trades["pnl"].to_list()
        wins = [x for x in pnl if x > 0]
        losses = [x for x in pnl if x < 0]
        mean = math.fsum(pnl) / len(pnl)
        spread = math.sqrt(math.fsum((x - mean) ** 2 for x in pnl) / (len(pnl) - 1))
        peak, fall = equity[0], 0.0
        for mark in equity:
            peak = max(peak, mark)
            fall = max(fall, peak - mark)
        expected = {
            "Net_Profit": equity[-1] - equity[0],
            "CAGR": empyrical.cagr(returns, annualization=YEAR),
            "Max_DD": fall,
            "Max_DD_Share": -empyrical.max_drawdown(returns),
            "MAR": empyrical.calmar_ratio(returns, annualization=YEAR),
            "Sharpe": empyrical.sharpe_ratio(returns, annualization=YEAR),
            "Sortino": empyrical.sortino_ratio(returns, annualization=YEAR),
            "Profit_Factor": math.fsum(wins) / -math.fsum(losses),
            "Net_Profit_By_DD": (equity[-1] - equity[0]) / fall,
            "Trades": len(pnl),
            "Win_Loss": (math.fsum(wins) / len(wins)) / -(math.fsum(losses) / len(losses)),
            "Expectancy_By_Spread": mean / spread,
        }
        assert {*expected, "Exposure", "Robustness"} == {c.name for c in FIGURES}
        for name, value in expected.items():
            assert found[name][at] == pytest.approx(value, rel=1e-8), name
        # A position is open at the closes after its entry, up to its exit.
        held = np.zeros(len(simulation.equity), bool)
        for entry, exit_ in simulation.trades.select("entry_bar", "exit_bar").iter_rows():
            held[entry:exit_] = True
        if equity[-1] == pytest.approx(equity[0] + math.fsum(pnl), rel=1e-12):
            assert found["Exposure"][at] == pytest.approx(held[WARMUP:].mean())


def _performance(**columns: list[float]) -> dict[str, np.ndarray]:
    """Return the figures of some sets; those that are not given are 0."""
    count = len(next(iter(columns.values())))
    found = {name: np.zeros(count) for name in FIELDS}
    return found | {name: np.array(values, float) for name, values in columns.items()}


def test_what_is_not_defined_is_nan() -> None:
    found = simulated_figures(
        _performance(
            # No trade at all; two equal wins; one trade; ruin.
            pnl=[0, 200, 50, -1500],
            trades=[0, 2, 1, 1],
            wins=[0, 2, 1, 0],
            losses=[0, 0, 0, 1],
            gross_profit=[0, 200, 50, 0],
            gross_loss=[0, 0, 0, -1500],
            sum_pnl2=[0, 20_000, 2500, 1500.0**2],
            dd=[0, 10, 0, 1500],
            dd_share=[0, 0.01, 0, 1.5],
            sum_r=[0, 0.2, 0.05, np.nan],
            sum_r2=[0, 0.01, 0.001, np.nan],
            sum_down2=[0, 0.001, 0, np.nan],
        ),
        Span(1000.0, 252, YEAR),
    )
    undefined = {name: np.flatnonzero(np.isnan(values)).tolist() for name, values in found.items()}
    assert undefined["CAGR"] == [3]
    assert undefined["MAR"] == [0, 2, 3]
    assert undefined["Sharpe"] == [0, 3]
    assert undefined["Sortino"] == [0, 2, 3]
    assert undefined["Profit_Factor"] == [0, 1, 2]
    assert undefined["Net_Profit_By_DD"] == [0, 2]
    assert undefined["Win_Loss"] == [0, 1, 2, 3]
    # Equal profits have no spread, and neither has a single one.
    assert undefined["Expectancy_By_Spread"] == [0, 1, 2, 3]
    assert found["CAGR"][1] == pytest.approx(0.2)


def test_a_report_has_no_returns() -> None:
    nan = np.nan
    found = report_figures(
        {
            "net_profit": np.array([100.0, -50.0]),
            "trades": np.array([4.0, 2.0]),
            "profit_factor": np.array([1.5, nan]),
            "avg_win": np.array([50.0, nan]),
            "avg_loss": np.array([-25.0, -25.0]),
            "max_intraday_dd": np.array([-40.0, 0.0]),
        }
    )
    for name in ("CAGR", "MAR", "Sharpe", "Sortino", "Max_DD_Share", "Expectancy_By_Spread"):
        assert np.isnan(found[name]).all(), name
    assert found["Net_Profit_By_DD"][0] == 2.5
    assert np.isnan(found["Net_Profit_By_DD"][1])
    assert found["Win_Loss"][0] == 2.0
    assert found["Max_DD"].tolist() == [40.0, 0.0]


# Ranks


def test_ranks_average_ties_and_put_what_is_not_defined_last() -> None:
    values = np.array([2.0, np.nan, 5.0, 2.0, np.inf, np.nan, -1.0])
    assert ranks(values).tolist() == [3.5, 6.5, 2.0, 3.5, 1.0, 6.5, 5.0]
    assert ranks(np.array([np.nan])).tolist() == [1.0]
    assert places(np.array([7.0, 3.0, 3.0, 9.0])).tolist() == [3, 1, 1, 4]


def _table(**columns: list[float | None]) -> pl.DataFrame:
    count = len(columns["MAR"])
    rest = {c.name: [0.5] * count for c in FIGURES if c.name not in columns}
    own = {name: pl.Series(name, values, pl.Float64) for name, values in columns.items()}
    return pl.DataFrame({**rest, **own}).with_columns(
        Lossless=pl.Series([v is None for v in columns["Profit_Factor"]]),
        Order=pl.lit(0),
        Number=pl.Series(range(count)),
    )


#: Four sets. By hand, best first:
#:   MAR 1, 2.5, 2.5, 4; Sharpe 3, 1, 2, 4; Sortino 1, 2, 3, 4 (the last is not defined);
#:   profit factor 2.5, 1, 2.5, 4 (the second has no loss); profit by drawdown all tied, 2.5;
#:   robustness 1.5, 1.5, 3.5, 3.5. Sums 11.5, 10.5, 16, 22.
BY_HAND = _table(
    MAR=[0.9, 0.5, 0.5, 0.1],
    Sharpe=[0.4, 0.9, 0.8, 0.1],
    Sortino=[3.0, 2.0, 1.0, None],
    Profit_Factor=[1.5, None, 1.5, 1.1],
    Net_Profit_By_DD=[1.0, 1.0, 1.0, 1.0],
    Robustness=[0.9, 0.9, 0.2, 0.2],
    Win_Loss=[1.0, 4.0, 3.0, 2.0],
    Expectancy_By_Spread=[0.4, 0.3, 0.2, 0.1],
)


def test_rank_sums_are_those_by_hand() -> None:
    found = ranked(BY_HAND, ["Number"])
    assert found["Number"].to_list() == [1, 0, 2, 3]
    assert found["Rank_Sum"].to_list() == [10.5, 11.5, 16.0, 22.0]
    by_set = found.sort("Number")
    assert by_set["Rank_MAR"].to_list() == [1.0, 2.5, 2.5, 4.0]
    assert by_set["Rank_Sharpe"].to_list() == [3.0, 1.0, 2.0, 4.0]
    assert by_set["Rank_Sortino"].to_list() == [1.0, 2.0, 3.0, 4.0]
    assert by_set["Rank_Profit_Factor"].to_list() == [2.5, 1.0, 2.5, 4.0]
    assert by_set["Rank_Net_Profit_By_DD"].to_list() == [2.5] * 4
    assert by_set["Rank_Robustness"].to_list() == [1.5, 1.5, 3.5, 3.5]
    # Sortino, MAR, win by loss, expectancy, profit factor, robustness.
    averse = [1 + 1 + 4 + 1 + 2.5 + 1.5, 2 + 2.5 + 1 + 2 + 1 + 1.5, 3 + 2.5 + 2 + 3 + 2.5 + 3.5]
    assert by_set["Risk_Averse_Sum"].to_list()[:3] == averse
    assert by_set["Risk_Averse_Sum"][3] == 4 + 4 + 3 + 4 + 4 + 3.5
    assert by_set["Risk_Averse_Place"].to_list() == [2, 1, 3, 4]


def test_the_columns_of_the_combined_table_are_fixed() -> None:
    assert {name for name in RISK_AVERSE if f"Rank_{name}" not in RANKS} == {
        "Win_Loss",
        "Expectancy_By_Spread",
    }
    assert combined_columns(["fast", "slow"]) == (
        *("Row", "Strategy", "Rank", "Part", "Source", "File", "TestNum", "Ranked_On", "Members"),
        *("fast", "slow"),
        *("Net_Profit", "CAGR", "Max_DD", "Max_DD_Share", "MAR", "Sharpe", "Sortino"),
        *("Profit_Factor", "Net_Profit_By_DD", "Robustness", "Trades", "Exposure", "Win_Loss"),
        "Expectancy_By_Spread",
        *("Rank_MAR", "Rank_Sharpe", "Rank_Sortino", "Rank_Profit_Factor"),
        *("Rank_Net_Profit_By_DD", "Rank_Robustness", "Rank_Sum", "Risk_Averse_Sum"),
        "Risk_Averse_Place",
        *("TS_Net_Profit", "TS_Trades", "TS_Profit_Factor", "TS_Max_Intraday_DD"),
    )
    assert (len(RANKS), len(SUMS), len(REPORTED)) == (6, 3, 4)
    with pytest.raises(InputError, match="'Rank' is called like a column"):
        combined_columns(["Rank"])


# Equal outcomes


def test_the_most_central_member_is_the_one_by_brute_force() -> None:
    draw = np.random.default_rng(7)
    for count, groups, width in ((1, 1, 1), (40, 3, 2), (300, 40, 4), (500, 1, 3), (200, 150, 2)):
        steps = draw.integers(0, 6, (count, width))
        kind = np.unique(draw.integers(0, groups, count), return_inverse=True)[1]
        order = draw.permutation(count)
        found = central(steps, kind, order)
        for group in range(int(kind.max()) + 1):
            members = np.flatnonzero(kind == group)
            sums = np.abs(steps[members][:, None] - steps[members][None]).sum(axis=(1, 2))
            assert found[group] == min(zip(sums, order[members], members, strict=True))[2]


def test_rows_are_equal_where_all_figures_are() -> None:
    nan = np.nan
    same = np.full(5, 7.0)
    a, b = np.array([1.0, 2, 1, 2, 1]), np.array([nan, 0.0, nan, -0.0, 0.0])
    first, kind = distinct([same, a, b, np.full(5, nan)])
    assert first.tolist() == [0, 1, 4]
    assert kind.tolist() == [0, 1, 0, 1, 2]
    first, kind = distinct([same])
    assert (first.tolist(), kind.tolist()) == ([0], [0] * 5)
    assert axis_steps(np.array([[4.0], [64.0], [4.0], [10.0]])).ravel().tolist() == [0, 2, 0, 1]


# Tables


def _row(strategy: str, **changes: float) -> list[float]:
    found = {p.name: float(p.low) for p in get_strategy(strategy).parameters}
    return list((found | {"atr_period": 4.0, "atr_multiplier": 2.0} | changes).values())


def _piece(
    rows: list[list[float]],
    performance: dict[str, np.ndarray] | None,
    *,
    source: str = "wfo",
    file: str = "a.csv",
    rank: int = 1,
    part: int | None = None,
    reported: dict[str, np.ndarray] | None = None,
) -> Piece:
    tests = np.arange(1, len(rows) + 1)
    params = np.array(rows, float)
    return Piece(source, file, rank, part, tests, params, reported or {}, performance)


def _earning(pnl: list[float]) -> dict[str, np.ndarray]:
    """Return sets that made so much in two trades, and fell by 100 on the way."""
    p = np.array(pnl, float)
    return _performance(
        pnl=p, trades=[2] * len(p), wins=[1] * len(p), losses=[1] * len(p),
        gross_profit=p + 100, gross_loss=[-100] * len(p), sum_pnl2=(p + 100) ** 2 + 100**2,
        dd=[100] * len(p), dd_share=[0.1] * len(p),
        sum_r=p / 1000, sum_r2=(p / 1000) ** 2 + 0.01, sum_down2=[0.01] * len(p),
        bars_held=[100] * len(p),
    )  # fmt: skip


SPAN = Span(1000.0, 252, YEAR)
HELD = {
    "Net_Profit": 250.0, "CAGR": 0.25, "Max_DD": 100.0, "Max_DD_Share": 0.1, "MAR": 2.5,
    "Sharpe": 1.0, "Sortino": 1.0, "Profit_Factor": None, "Net_Profit_By_DD": 2.5,
    "Robustness": None, "Trades": 0, "Exposure": 1.0, "Win_Loss": None,
    "Expectancy_By_Spread": None,
}  # fmt: skip


def _tables(strategy: str, pieces: list[Piece], order: int = 0):  # type: ignore[no-untyped-def]
    sets = Sets.of(get_strategy(strategy), pieces)
    performance, known = sets.known()
    return strategy_table(sets, performance, known, SPAN, HELD, order)[0]


def test_equal_outcomes_are_shown_once_by_their_most_central_member() -> None:
    rows = [_row("atr_d_l", atr_multiplier=m) for m in (2.0, 3.0, 4.0, 5.0)]
    table = _tables("atr_d_l", [_piece(rows, _earning([300, 300, 300, 400]))])
    (found,), combined = combine([table])
    assert found.rows == found.sets == 4
    assert combined["Members"].to_list() == [1, 3]
    assert combined["atr_multiplier"].to_list() == [5.0, 3.0]
    assert combined["TestNum"].to_list() == [4, 2]
    assert combined["Row"].to_list() == [1, 2]
    assert found.table.columns == list(combined_columns(get_strategy("atr_d_l").names))
    # The members count for the plateau each, and the outcomes of the table once.
    (plateau,) = found.plateaus
    assert (plateau.sets, plateau.outcomes, plateau.best_row) == (4, 2, 1)
    assert plateau.median_cagr == pytest.approx(0.3)


def test_robustness_is_of_all_sets_of_the_plateau_in_every_file() -> None:
    def row(m: float) -> list[float]:
        return _row("atr_d_l", atr_multiplier=m)

    pieces = [
        _piece([row(2), row(3)], _earning([100, -50]), file="1a", part=1),
        _piece([row(4), row(5)], _earning([-60, -70]), file="1b", part=2),
        # The first set again, which is no further one.
        _piece([row(2), row(6)], _earning([100, 80]), file="1ts", source="TradeStation"),
        _piece([row(7)], _earning([90]), file="2", rank=2),
    ]
    table = _tables("atr_d_l", pieces)
    assert table.rows == 7
    assert table.sets == 6
    assert {p.rank: p.robustness for p in table.plateaus} == {1: 0.4, 2: 1.0}
    _, combined = combine([table])
    by_file = dict(combined.select("File", "Robustness").iter_rows())
    assert by_file == {"1a": 0.4, "1b": 0.4, "1ts": 0.4, "2": 1.0}


def test_what_another_program_says_stands_beside_the_same_parameters() -> None:
    rows = [_row("atr_d_l", atr_multiplier=m) for m in (2.0, 3.0)]
    reported = {
        "net_profit": np.array([110.0, 120.0]),
        "trades": np.array([3.0, 4.0]),
        "gross_profit": np.array([210.0, 120.0]),
        "gross_loss": np.array([-100.0, 0.0]),
        "max_intraday_dd": np.array([-90.0, -80.0]),
    }
    foreign = _piece(
        rows, _earning([100, 200]), source="TradeStation", file="ts", reported=reported
    )
    own = _piece(rows[:1], _earning([100]), file="own")
    _, combined = combine([_tables("atr_d_l", [foreign, own])])
    by_source = {r["Source"]: r for r in combined.rows(named=True)}
    assert by_source["wfo"]["Net_Profit"] == 100
    assert by_source["wfo"]["TS_Net_Profit"] == 110
    # Not stated by the report, and made of what it states.
    assert by_source["wfo"]["TS_Profit_Factor"] == pytest.approx(2.1)
    assert by_source["TradeStation"]["TS_Trades"] == 4
    assert by_source["TradeStation"]["TS_Profit_Factor"] is None
    assert by_source["TradeStation"]["TS_Max_Intraday_DD"] == -80


def test_a_set_that_cannot_be_simulated_is_ranked_on_its_report() -> None:
    lacking = _row("atr_d_l", atr_multiplier=3.0, bb_length=np.nan)
    reported = {"net_profit": np.array([500.0, 600.0]), "trades": np.array([5.0, 5.0])}
    pieces = [
        _piece([_row("atr_d_l")], _earning([100])),
        _piece([lacking, lacking], None, source="TradeStation", file="ts", reported=reported),
    ]
    table = _tables("atr_d_l", pieces)
    # Rows that lack an input may differ in it.
    assert (table.sets, table.unsimulated) == (3, 2)
    _, combined = combine([table])
    assert combined["Ranked_On"].to_list() == ["simulation", "report", "report"]
    assert combined["Net_Profit"].to_list() == [100, 600, 500] or combined[
        "Net_Profit"
    ].to_list() == [100, 500, 600]
    assert combined["bb_length"].to_list()[1:] == [None, None]
    assert combined["MAR"].to_list()[1:] == [None, None]
    assert combined["Rank_MAR"].to_list() == [1.0, 2.5, 2.5]


def test_strategies_are_ranked_together_in_the_combined_table() -> None:
    long = _tables("atr_d_l", [_piece([_row("atr_d_l")], _earning([100]))])
    rows = [_row("atr_d_ls", atr_multiplier=m) for m in (2.0, 3.0)]
    both = _tables("atr_d_ls", [_piece(rows, _earning([50, 150]))], order=1)
    found, combined = combine([long, both])
    assert combined["Strategy"].to_list() == ["atr_d_ls", "atr_d_l", "atr_d_ls"]
    assert combined["Rank_MAR"].to_list() == [1.0, 2.0, 3.0]
    # A parameter that a strategy lacks is empty.
    assert combined["short_multiplier"].is_null().to_list() == [False, True, False]
    # In its own table each is ranked among its own, and states its row of the combined one.
    assert found[0].table["Row"].to_list() == [2]
    assert found[0].table["Rank_MAR"].to_list() == [1.0]
    assert found[1].table["Row"].to_list() == [1, 3]
    assert "short_multiplier" not in found[0].table.columns


def test_buy_and_hold_has_the_place_of_the_metrics_that_it_has() -> None:
    table = _table(
        MAR=[3.0, 2.5 * (1 + 1e-9), 2.0, 1.0],
        Sharpe=[1.5, 1.0, 0.9, 0.8],
        Sortino=[1.5, 1.0, 0.9, 2.0],
        Net_Profit_By_DD=[3.0, 2.5, 2.0, 1.0],
        Profit_Factor=[9.0, 9.0, 9.0, 9.0],
        CAGR=[0.2, 0.25, 0.3, 0.1],
        Net_Profit=[200.0, 250.0, 300.0, 100.0],
    )
    found = held_row(HELD, table)
    assert found.count == 4
    # The second set stays invested: it equals buy-and-hold up to rounding, and is not above it.
    assert found.place == 2
    assert found.better == {"CAGR": 1, "MAR": 1}
    assert found.by_metric["MAR"] == 2
    assert found.by_metric["Sortino"] == 3
    assert found.by_metric["CAGR"] == 2
    # Sortino and MAR: its ranks are 3.5 and 2.5, the fourth set's 1 and 5.
    assert found.risk_averse_place == 2

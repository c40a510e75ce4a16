"""``wfo signal``: the orders of a run's set on the newest bars, and what makes them doubtful."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from calling import Called, call_cli
from conftest import TINY

import wfo
from wfo.backtest.orders import WorkingOrder
from wfo.data import DataStore
from wfo.data.meta import BarsOrigin
from wfo.data.sources.clock import Clock
from wfo.errors import DataError, InputError, ResultsError
from wfo.runs.analysis.refined import NAME, AnalysisRecord
from wfo.runs.folder import RunFolder
from wfo.runs.handover.parameter_set import ParameterSet
from wfo.runs.handover.set_file import write_set
from wfo.runs.handover.signal_report import SignalReport
from wfo.runs.handover.signaling import SignalPlan, signal
from wfo.runs.plan import RunPlan
from wfo.runs.run import run
from wfo.tradestation.ranking import FIGURES, KEYS, RANKS, REPORTED, SUMS

#: Bars of the sample that the run does not have.
NEWER = 30

SETTINGS = wfo.Settings(capital=50_000, slip=0.0005, fee=0.0001, sizing="fixed", lot_size=0.5)


class At(Clock):
    """A clock that stands, at noon in New York."""

    def __init__(self, day: str) -> None:
        self._now = dt.datetime.fromisoformat(f"{day}T17:00:00+00:00")

    def now(self) -> dt.datetime:
        return self._now


#: The last bar is of 2018-12-31, a Monday; this is the morning after.
FRESH = At("2019-01-01")


def stored(folder: Path, calendar: str = "XNYS", **frames: pl.DataFrame) -> DataStore:
    """A store of daily bars."""
    store = DataStore(folder)
    for symbol, frame in frames.items():
        store.save(symbol, "1day", frame, BarsOrigin("a test", calendar))
    return store


def tiny(folder: Path) -> str:
    """A grid of two strategies that has candidates and is too small for plateaus."""
    path = folder / "tiny.yaml"
    path.write_text(TINY + TINY.strip().replace("atr_d_l:", "atr_d_duals_l:"))
    return str(path)


@pytest.fixture(scope="module")
def nasdaq() -> pl.DataFrame:
    return wfo.load_sample("NASDAQ")


@pytest.fixture(scope="module")
def sp500() -> pl.DataFrame:
    return wfo.load_sample("SP500")


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory, nasdaq: pl.DataFrame) -> Path:
    """A run that ends some bars before the newest; for reading only."""
    out = tmp_path_factory.mktemp("single")
    store = stored(out / "data", ONE=nasdaq[:-NEWER])
    grid = tiny(out)
    plan = RunPlan("ONE", "atr_d_l", grid=grid, settings=SETTINGS, out=out / "results")
    return run(plan, store).folder.path


@pytest.fixture(scope="module")
def dual(
    tmp_path_factory: pytest.TempPathFactory, nasdaq: pl.DataFrame, sp500: pl.DataFrame
) -> Path:
    """A run of two symbols; for reading only."""
    out = tmp_path_factory.mktemp("dual")
    store = stored(out / "data", ONE=nasdaq[:-NEWER], TWO=sp500[:-NEWER])
    plan = RunPlan(
        "ONE", "atr_d_duals_l", symbol2="TWO", grid=tiny(out), out=out / "results"
    )  # fmt: skip
    return run(plan, store).folder.path


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory, nasdaq: pl.DataFrame) -> DataStore:
    return stored(tmp_path_factory.mktemp("newest"), ONE=nasdaq)


def candidate(folder: Path, strategy: str, row: int) -> dict[str, Any]:
    values = pl.read_parquet(folder / f"candidates_{strategy}_tiny.parquet").row(row, named=True)
    return {name: values[name] for name in wfo.strategies()[strategy].names}


def asked(folder: Path, store: DataStore, clock: Clock = FRESH, **more: Any) -> SignalReport:
    return signal(SignalPlan(run=folder, **more), store, clock=clock)


def warned(report: SignalReport) -> str:
    return "; ".join(report.warnings)


# On the newest bars


def test_a_candidate_is_traded_on_from_the_first_bar_of_its_run(
    single: Path, newest: DataStore, nasdaq: pl.DataFrame
) -> None:
    found = asked(single, newest, candidate=3)
    params = candidate(single, "atr_d_l", 2)
    need = max(100, wfo.strategies()["atr_d_l"].lookback({n: (v,) for n, v in params.items()}))
    now = found.working
    assert (found.params, found.warnings) == (params, ())
    assert now == wfo.working_orders("atr_d_l", nasdaq, params, warmup=need, settings=SETTINGS)
    assert (str(now.stamp), now.warmup) == ("2018-12-31", need)
    # One continuous backtest, to the last bar of the store and not of the run.
    sim = wfo.simulate(
        "atr_d_l", nasdaq, params, split=len(nasdaq) - 1, warmup=need, settings=SETTINGS
    )
    assert now.mark == sim.equity[-1]
    assert found.begins == nasdaq["date"][need]
    # New Year's Day is no session.
    assert str(found.next_bar.session) == "2019-01-02"


def test_bars_before_the_first_of_the_run_are_left_out(
    single: Path, newest: DataStore, nasdaq: pl.DataFrame, tmp_path: Path
) -> None:
    days = pl.Series("date", [dt.date(1998, 11, 2) + dt.timedelta(days=k) for k in range(40)])
    earlier = nasdaq[:40].with_columns(days)
    longer = stored(tmp_path, ONE=pl.concat([earlier, nasdaq]))
    one, other = (asked(single, store) for store in (newest, longer))
    assert one.working == other.working
    assert other.warnings == ()


def test_a_store_that_begins_later_is_said(
    single: Path, nasdaq: pl.DataFrame, tmp_path: Path
) -> None:
    found = asked(single, stored(tmp_path, ONE=nasdaq[500:]))
    assert found.working.warmup == 100
    assert found.begins == nasdaq["date"][600]
    begins = nasdaq["date"][500]
    assert f"the bars begin {begins}, and those of the run in {single} 1999-01-04" in warned(found)
    assert "other prices" not in warned(found)


def test_without_newer_bars_those_of_the_run_are_taken_and_said(
    single: Path, nasdaq: pl.DataFrame, tmp_path: Path
) -> None:
    last = nasdaq["date"][-NEWER - 1]
    for store, said in (
        (DataStore(tmp_path / "none"), "no 1day bars of 'ONE'"),
        (stored(tmp_path / "old", ONE=nasdaq[:-400]), "wfo data download ONE brings newer ones"),
    ):
        found = asked(single, store, At("2018-11-16"))
        assert found.working.stamp == last
        assert said in warned(found)
        assert f"the run in {single}" in warned(found)
        assert found.assumed[-1].text.endswith(f"those of the run in {single}")


def test_revised_bars_are_said(single: Path, nasdaq: pl.DataFrame, tmp_path: Path) -> None:
    prices = ["open", "high", "low", "close"]
    halved = nasdaq.with_columns(pl.col(*prices) / 2)
    said = warned(asked(single, stored(tmp_path / "split", ONE=halved)))
    assert "5,001 of 5,001 have other prices" in said
    assert "adjusted anew: levels are in the new prices" in said
    gone = pl.concat([nasdaq[:1000], nasdaq[1001:]])
    said = warned(asked(single, stored(tmp_path / "gap", ONE=gone)))
    assert "1 is missing" in said
    assert "adjusted anew" not in said
    # A bar after the last one of the run is no revision.
    last = pl.concat([nasdaq[:-1], nasdaq[-1:].with_columns(pl.col(*prices) / 2)])
    assert asked(single, stored(tmp_path / "newer", ONE=last)).warnings == ()


@pytest.mark.parametrize(
    ("day", "calendar", "missing", "word"),
    [
        ("2019-01-01", "XNYS", 0, ""),
        # New Year's Day has no session, and that of the day itself is not over.
        ("2019-01-02", "XNYS", 0, ""),
        ("2019-01-03", "XNYS", 1, "1 session up to 2019-01-02 has no bar"),
        # Jan 2, 3, 4, 7, 8, 9.
        ("2019-01-10", "XNYS", 6, "6 sessions up to 2019-01-09 have no bar"),
        ("2019-01-03", "none", 2, "2 days up to 2019-01-02 have no bar; the bars have no calendar"),
    ],
)
def test_old_bars_are_said_by_their_calendar(
    day: str, calendar: str, missing: int, word: str, single: Path, nasdaq: pl.DataFrame,
    tmp_path: Path,
) -> None:  # fmt: skip
    store = stored(tmp_path, calendar, ONE=nasdaq)
    found = asked(single, store, At(day))
    assert len(found.next_bar.over) == missing
    assert (word in warned(found)) if word else found.warnings == ()
    assert (found.next_bar.session is None) == (calendar == "none")
    assert found.to_dict()["sessions_missing"] == missing


def test_of_two_symbols_the_one_that_is_behind_is_named(
    dual: Path, nasdaq: pl.DataFrame, sp500: pl.DataFrame, tmp_path: Path
) -> None:
    both = stored(tmp_path / "both", ONE=nasdaq, TWO=sp500)
    assert asked(dual, both).warnings == ()
    behind = stored(tmp_path / "behind", ONE=nasdaq, TWO=sp500[:-2])
    found = asked(dual, behind)
    assert str(found.working.stamp) == "2018-12-27"
    assert "TWO ends 2018-12-27 and ONE 2018-12-31" in warned(found)
    assert "wfo data download TWO" in warned(found)
    assert found.title.startswith("ONE with TWO 1day, atr_d_duals_l, candidate 1 of ")
    # A simpler strategy of the run reads one symbol, up to its own last bar.
    simple = asked(dual, behind, strategy="atr_d_l")
    assert (str(simple.working.stamp), simple.symbol2, simple.warnings) == ("2018-12-31", None, ())


def test_weeks_and_intraday_bars_have_a_next_bar_and_no_session(
    single: Path, tmp_path: Path
) -> None:
    start = dt.datetime(2018, 1, 1, 14, 30, tzinfo=dt.UTC)
    rows = 300
    store = DataStore(tmp_path)
    params = candidate(single, "atr_d_l", 0)
    given = ParameterSet(wfo.strategies()["atr_d_l"], params, symbol="ONE")
    frame = pl.DataFrame(dict.fromkeys(("open", "high", "low", "close"), [100.0] * rows))
    week, hour = dt.timedelta(days=7), dt.timedelta(hours=1)
    for timeframe, name, step, clock, words, missing in (
        ("1week", "date", week, At("2023-10-10"), "the week after 2023-09-25", 1),
        ("1hour", "datetime", hour, At("2018-01-14"), "the bar after 2018-01-14", 0),
    ):
        stamps: Any = [start + k * step for k in range(rows)]
        dates = pl.Series(name, [s.date() for s in stamps] if name == "date" else stamps)
        zone = None if name == "date" else "UTC"
        store.save("ONE", timeframe, frame.with_columns(dates), BarsOrigin("a test", "none", zone))
        path = tmp_path / f"{timeframe}.json"
        write_set(replace(given, timeframe=timeframe), path)
        found = signal(SignalPlan(set_file=path), store, clock=clock)
        assert found.next_bar.words(found.working.stamp).startswith(words)
        assert found.next_bar.session is None
        assert len(found.next_bar.over) == missing, timeframe


# Other sets


@pytest.fixture
def analysed(single: Path, tmp_path: Path) -> Path:
    """A copy of the run with an analysis of two rows, made up."""
    import shutil

    folder = RunFolder(Path(shutil.copytree(single, tmp_path / "copy")))
    rows = []
    for k in (5, 9):
        further: dict[str, Any] = dict.fromkeys(
            [*(c.name for c in FIGURES), *RANKS, *SUMS, *(c.name for c in REPORTED)], 1.0
        )
        keys = dict(
            zip(KEYS, ("atr_d_l", 1, None, "wfo", "a.csv", 7, "simulation", 1), strict=True)
        )
        rows.append({"Row": len(rows) + 1} | keys | candidate(single, "atr_d_l", k) | further)
    pl.DataFrame(rows).write_parquet(folder.path / "combined.parquet")
    record = AnalysisRecord(
        run=folder.read_manifest().fingerprint,
        command="wfo analyze",
        warmup=150,
        end=5001,
        outcomes=2,
        table="combined.parquet",
        files=folder.digests([folder.path / "combined.parquet"]),
    )
    record.write(folder.path / NAME)
    return folder.path


def test_a_refined_set_is_traded_from_the_first_bar_of_its_analysis(
    analysed: Path, newest: DataStore, nasdaq: pl.DataFrame
) -> None:
    found = asked(analysed, newest, refined=2)
    params = candidate(analysed, "atr_d_l", 9)
    assert found.title == "ONE 1day, atr_d_l, refined set 2 of 2"
    assert found.working == wfo.working_orders(
        "atr_d_l", nasdaq, params, warmup=150, settings=SETTINGS
    )
    with pytest.raises(InputError, match="there is no refined set 3"):
        asked(analysed, newest, refined=3)


def test_a_set_file_goes_with_a_run_or_alone(
    single: Path, newest: DataStore, nasdaq: pl.DataFrame, tmp_path: Path
) -> None:
    params = candidate(single, "atr_d_l", 4)
    data = RunFolder(single).read_manifest().data
    own = wfo.Settings(capital=7_000)
    given = ParameterSet(
        wfo.strategies()["atr_d_l"], params, symbol="ONE", timeframe="1day", settings=own,
        data=data, history={"warmup": 170},
    )  # fmt: skip
    path = tmp_path / "mine.json"
    write_set(given, path)
    wanted = wfo.working_orders("atr_d_l", nasdaq, params, warmup=170, settings=own)
    for folder in (single, None):
        found = signal(SignalPlan(run=folder, set_file=path), newest, clock=FRESH)
        assert (found.named, found.working) == ("set file mine.json", wanted)
    bare = tmp_path / "bare.json"
    write_set(replace(given, symbol=None, settings=None, data=None, history={}), bare)
    with pytest.raises(InputError, match=r"does not state the symbol; give it with --symbol"):
        signal(SignalPlan(set_file=bare), newest)
    found = signal(SignalPlan(set_file=bare, symbol="ONE"), newest, clock=FRESH)
    assert found.working == wfo.working_orders("atr_d_l", nasdaq, params)
    assert any("settings are not stated" in note for note in found.notes)
    with pytest.raises(DataError, match="no 1day bars of 'OTHER'"):
        signal(SignalPlan(set_file=bare, symbol="OTHER"), newest)


def test_what_is_not_there_is_named(single: Path, newest: DataStore, tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"no run in .*run\.json"):
        asked(tmp_path, newest)
    with pytest.raises(ResultsError, match="there is no analysis in"):
        asked(single, newest, refined=1)
    with pytest.raises(InputError, match="there is no candidate 9,999"):
        asked(single, newest, candidate=9_999)
    for wrong, said in (
        ({}, "neither is given"),
        ({"run": single, "candidate": 1, "refined": 1}, "candidate and refined are given"),
        ({"run": single, "candidate": 0}, "candidate = 0 must be 1"),
    ):
        with pytest.raises(InputError, match=said):
            SignalPlan(**wrong)  # type: ignore[arg-type]  # whatever is given


# The page


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Called]:
    """Calls ``wfo signal`` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("WFO_DATA_DIR", raising=False)

    def call(*arguments: object) -> Called:
        return call_cli("signal", *arguments)

    return call


def test_the_page_and_its_json_say_the_same(
    single: Path, newest: DataStore, call: Callable[..., Called]
) -> None:
    report = asked(single, newest)
    done = call(single, "--data-dir", newest.folder)
    data = json.loads(call(single, "--data-dir", newest.folder, "--json").out)
    assert done.code == 0
    page = " ".join(done.out.split())
    assert max(map(len, done.out.splitlines())) <= 80
    assert page.startswith("ONE 1day, atr_d_l, candidate 1 of ")
    w = report.working
    assert f"State at the close of 2018-12-31, {w.close:,.2f}" in page
    assert "Orders for the session of 2019-01-02" in page
    assert (data["as_of"], data["next_session"]) == ("2018-12-31", "2019-01-02")
    assert data["params"] == report.params
    assert data["state"]["side"] == w.side
    assert data["state"]["mark"] == w.mark
    for order, said in zip(w.orders, data["orders"], strict=True):
        assert said["level"] == order.level
        assert order.level is not None
        assert f"{order.words} {order.kind} {order.level:,.2f}" in page
    # The machine's clock: the bars are old, and the page says so.
    assert "Warning: the last bar is of 2018-12-31" in page
    assert data["sessions_missing"] > 1000
    # The run is found below --out by its symbol too.
    by_symbol = call("--symbol", "ONE", "--out", single.parent, "--data-dir", newest.folder)
    assert by_symbol.out == done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give a run's folder, or --symbol"),
        (("folder", "--symbol", "ONE"), "and not both"),
        (
            ("folder", "--candidate", "1", "--refined", "2"),
            "--candidate and --refined each name a set; give one of them",
        ),
        (("folder", "--candidate", "0"), "0 is not in the range"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str, call: Callable[..., Called]) -> None:
    done = call(*arguments)
    assert done.code == 2
    assert said in " ".join(done.err.split())


def lines(report: SignalReport, **changes: Any) -> str:
    """The page of a report whose state or orders are others, on one line."""
    working = replace(report.working, **changes)
    return " ".join(replace(report, working=working).page().split())


def test_the_page_says_what_an_order_is_worth(single: Path, newest: DataStore) -> None:
    report = asked(single, newest)
    close = report.working.close
    flat = {"side": "flat", "entry_price": None, "shares": 0.0, "mark": 1000.0, "equity": 1000.0}
    stop = WorkingOrder("exit_long", "stop", close + 1, 3.0)
    long = {"side": "long", "entry_price": 6000.0, "shares": 3.0, "mark": 1250.0, "equity": 1000.0}
    held = lines(report, **long, orders=(stop,))
    assert "the open position has gained 250.00" in held
    assert "A stop that the bar opens beyond is filled at the open, worse" in held
    assert "The last close is below it or on it: an open there fills at once." in held

    never = WorkingOrder("buy", "limit", -5.0, 0.0)
    page = lines(report, **flat, orders=(never,))
    assert "no price falls to -5.00" in page
    assert " 0 no" in page

    vetoed = WorkingOrder("sell_short", "limit", close * 1.1, 2.0, "the veto is on", (0.25, 0.5))
    buy = WorkingOrder("buy", "limit", close * 0.9, 2.5)
    page = lines(report, **flat, orders=(buy, vetoed))
    assert "Sell short: does not work in this bar, since the veto is on (0.25, and it must" in page
    assert "+10.00 % - no" in page
    assert "The first fill cancels" not in page
    both = (buy, WorkingOrder("sell_short", "limit", close * 1.1, 2.0))
    assert "The first fill cancels the other order." in lines(report, **flat, orders=both)
    assert "Two entries may fill" in lines(report, **flat, orders=both, both_fill=True)
    # Several of one side: one of them fills, whatever both sides would do.
    page = lines(report, **flat, orders=(buy, buy, buy), both_fill=True)
    assert "The first fill cancels the others." in page
    assert "works from the bar after its entry. After an exit" in page
    page = lines(report, **flat, orders=both, same_bar="open")
    assert "from the bar after its entry" not in page
    assert "entered at the open may be left in the same bar" in page
    page = lines(report, **flat, orders=both, same_bar="worst")
    assert "from the bar after its entry" not in page
    assert "after a fill within the bar stops alone" in page

    cross = WorkingOrder("buy", "market", None, 2.0)
    page = lines(report, **flat, orders=(cross,))
    assert "buy market open 2 yes" in page
    assert "filled at the open, whatever that is" in page
    assert "counted at its level" not in page

    for order, row, text in (
        (
            WorkingOrder("buy", "stop", 6700.0, 0.0, fills_beyond=6800.0),
            "by fill above 6,800.00",
            "Buy: filled at an open above 6,800.00 alone, and not at 6,700.00: such a fill has no",
        ),
        (
            WorkingOrder("sell_short", "limit", 6700.0, 2.0, fills_beyond=6800.0),
            "2 below 6,800.00",
            "filled where the price rises to 6,700.00, but not at an open of 6,800.00 or higher,",
        ),
        (
            WorkingOrder("sell_short", "market", None, 0.0, fills_beyond=close - 1),
            f"by fill below {close - 1:,.2f}",
            f"at the open where that lies below {close - 1:,.2f}; any other fill has no",
        ),
        (
            WorkingOrder("buy", "market", None, 2.0, fills_beyond=close - 1),
            f"2 above {close - 1:,.2f}",
            "Its shares follow from the open.",
        ),
    ):
        page = lines(report, **flat, orders=(order,))
        assert row in page
        assert text in page
        assert "does not work" not in page
        assert ("counted at its level" in page) == (order.level is not None)

    sized: dict[str, Any] = {"protected_by": "trail", "protective_level": 6600.0,
                             "distance": 100.0, "share_at_risk": 0.0025}  # fmt: skip
    entry = WorkingOrder("buy", "stop", 6700.0, 0.025, rule="breakout", **sized)
    page = lines(report, **flat, orders=(entry,))
    assert "buy stop, breakout 6,700.00" in page
    assert "sized by a trail at 6,600.00, 100.00 a share: it risks 2.50, 0.25 % of the" in page
    assert "That stop works from the bar after the entry." in page
    assert "buys fewer shares than the risk allows" not in page
    assert "same at any fill" in page
    assert "counted at its level" not in page
    for same_bar, since in (
        ("worst", "in the bar of the entry already"),
        ("open", "else from the"),
    ):
        assert since in lines(report, **flat, orders=(entry,), same_bar=same_bar)
    # At another fill the equity pays for others, or the stop is at another distance.
    for other in (replace(entry, capped=True), replace(entry, protected_by="stop")):
        page = lines(report, **flat, orders=(other,))
        assert ("buys fewer shares than the risk allows" in page) == other.capped
        assert "a fill at the open trades others." in page
    page = lines(report, **flat, orders=(entry, replace(entry, protected_by="stop")))
    assert "trades others, unless they are sized by a trail or a loss" in page

    page = lines(report, **(flat | {"equity": -5.0, "mark": -5.0}), ruined=True, orders=())
    assert "None, now or later: a fill has left no equity" in page


def test_prices_have_the_decimals_of_the_bars(
    single: Path, nasdaq: pl.DataFrame, tmp_path: Path
) -> None:
    prices = ["open", "high", "low", "close"]
    # 6,635.28; 66.35 in cents; 22.1176 of prices without an end; .663528.
    for factor, digits, decimals in ((1.0, 2, 2), (0.01, 2, 2), (1 / 300, 15, 4), (1e-4, 15, 6)):
        scaled = nasdaq.with_columns((pl.col(*prices) * factor).round(digits))
        found = asked(single, stored(tmp_path / str(factor), ONE=scaled))
        assert found.decimals == decimals, factor

"""What each fault of each source comes to: what the user sees, and that the store is unharmed.

The package's own clients ask the vendors on loopback, and update a real store; time is virtual, but
for requests that time out. ``python -m vendors.table`` prints the same as a table.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from vendors import BEGINNING, FAULTS
from vendors.table import BEFORE, BETWEEN, SOURCES, Outcome, Scene, Times, cells, run

from wfo.data.sources.source import SeriesRequest

TITLES = {"tradestation": "TradeStation", "alpaca": "Alpaca", "binance": "Binance"}
LOGIN = "wfo data login tradestation"
SECRETS = ("test-client-secret", "test-secret-key", "test-refresh-token", "test-access-token")
#: A refresh token that was used is dead: if its answer is lost, so is the login.
LOST = {"time-out", "cut-before-headers", "cut-mid-body", "cut-chunked", "truncated-json"}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use no variable of the machine, and do not wait for its disk."""
    for name in list(os.environ):
        if name.startswith(("WFO_", "APCA_")) and name != "WFO_JIT_CACHE":
            monkeypatch.delenv(name)
    monkeypatch.setattr(os, "fsync", lambda _: None)


#: What is said where an answer lets the user wait.
WAIT = re.compile(r"; attempt [2-5] of 5 in \d+\.\d s(?: / |$)")


def told(outcome: Outcome) -> str:
    """What is said beyond waits, and beyond what is said of every answer of TradeStation."""
    standing = (
        "TradeStation does not say how its prices are adjusted; adjustment for splits is taken for "
        "granted"
    )
    texts = [t for t in outcome.seen.split(" / ") if t and t != standing]
    return " / ".join(t for t in texts if not WAIT.search(t))


def params() -> Iterator[object]:
    for source, fault, times in cells():
        # Statuses that pass are drawn of each source in test_random_faults.
        drawn = times == "once" and FAULTS[fault].status is not None and source != "tradestation"
        marks = pytest.mark.slow if drawn else ()
        yield pytest.param(source, fault, times, id=f"{source}-{fault}-{times}", marks=marks)


@pytest.mark.parametrize(("source", "fault", "times"), list(params()))
def test_a_fault(source: str, fault: str, times: Times, tmp_path: Path) -> None:
    outcome = run(source, fault, times, tmp_path)
    # Whatever happens: a store that is as it was or right, and no secret in a message.
    assert not outcome.store.startswith("HARMED"), outcome
    assert "HARMED" not in outcome.later
    assert not any(secret in outcome.seen for secret in SECRETS)
    # Each thing is asked for five times at most: of Binance there are six files and a page.
    assert outcome.asked_most <= 5
    assert outcome.requests <= 50
    if fault == "revoked-token" or (source == "tradestation sign-in" and fault in LOST):
        ended(outcome)
    elif fault in BETWEEN:
        fetched_anew(outcome)
    elif times == "once" or fault in {"duplicate-bars", "unordered-bars"}:
        unnoticed(outcome)
    elif fault == "null-fields":
        left_out(outcome)
    else:
        failed(outcome)


def unnoticed(outcome: Outcome) -> None:
    """It passes: the user sees no more of it than a long wait, and has all bars."""
    assert bool(WAIT.search(outcome.seen)) is (outcome.waited >= 2)
    assert (outcome.error, told(outcome), outcome.anew) == ("", "", False)
    assert (outcome.store, outcome.later) == ("complete", "complete")
    fault = FAULTS[outcome.fault]
    if fault.retry_after is not None:
        # As long as the vendor says, however wrong its clock is.
        assert outcome.waited == pytest.approx(fault.wait, abs=1)


def ended(outcome: Outcome) -> None:
    """Keys or tokens that are dead: the user is told how to get others."""
    source = outcome.source.partition(" ")[0]
    if outcome.times == "always" and outcome.fault in LOST:
        # The server is what cannot be reached, as far as can be seen.
        assert outcome.error in {"UnreachableError", "CredentialsError"}
    else:
        assert outcome.error == "CredentialsError"
        assert (LOGIN if source == "tradestation" else "APCA_API_KEY_ID") in outcome.seen
    assert TITLES[source] in outcome.seen
    assert outcome.store == "as before"
    assert outcome.later.startswith("CredentialsError: ")
    assert outcome.requests <= 6


def fetched_anew(outcome: Outcome) -> None:
    """Stored bars that changed: the user is told which, and has the history as it is now."""
    assert (outcome.error, outcome.anew) == ("", True)
    assert "the history was fetched anew, since stored bars changed" in outcome.seen
    assert ("2025-02-14" if outcome.fault == "revised-bar" else "2025-02-1") in outcome.seen
    assert (outcome.store, outcome.later) == ("complete", "complete")


def left_out(outcome: Outcome) -> None:
    """Bars without a price: the user is told which are left out; they are asked for in time."""
    assert outcome.error == ""
    assert "left out" in outcome.seen
    days = outcome.store.removeprefix("without ").removesuffix(", as it says").split(", ")
    # Of Binance, each of the new days has a file of its own, or the page.
    new = [f"2025-03-0{n}" for n in range(1, 5)]
    assert days == new if outcome.source == "binance" else len(days) == 1
    for day in days:
        assert dt.date.fromisoformat(day)
        assert day in outcome.seen
    assert outcome.later == "complete (a month later)"


#: What a message must say of a fault that stays, and the errors that it can be.
SAYS = {
    "time-out": ("no answer within", {"UnreachableError"}),
    "cut-before-headers": ("cut", {"UnreachableError"}),
    "cut-mid-body": ("cut", {"UnreachableError"}),
    "cut-chunked": ("cut", {"UnreachableError"}),
    "truncated-json": ("JSON", {"MalformedError"}),
    "html": ("JSON", {"MalformedError"}),
    "wrong-checksum": ("CHECKSUM", {"MalformedError"}),
    "broken-zip": ("cannot be unpacked", {"MalformedError"}),
    "expired-token": (LOGIN, {"CredentialsError"}),
}


def failed(outcome: Outcome) -> None:
    """It stays: the user is told by whom and what; the next update has all bars."""
    fault = FAULTS[outcome.fault]
    words, errors = SAYS.get(outcome.fault, (str(fault.status), {"UnreachableError"}))
    assert words in outcome.seen
    assert outcome.error in errors
    assert TITLES[outcome.source.partition(" ")[0]] in outcome.seen
    if outcome.error != "CredentialsError":
        assert "after 5 attempts" in outcome.seen
    # Of Binance, files may be read when its API fails; that is kept.
    partly = outcome.source == "binance" and outcome.fault in {"truncated-json", "html"}
    assert outcome.store == ("as far as answered" if partly else "as before")
    assert outcome.later == "complete"
    if fault.retry_after is not None:
        assert outcome.waited == pytest.approx(4 * fault.wait, abs=1)


@pytest.mark.parametrize("source", ["tradestation", "alpaca", "binance"])
def test_a_row_that_cannot_be_read_takes_no_stored_bar_away(source: str, tmp_path: Path) -> None:
    with Scene(source, tmp_path) as scene:
        assert scene.update()[0].error is None
        had = scene.stored()
        # One new session with an overlap of five: the row in the middle is a stored one.
        scene.clock.go(BEFORE + dt.timedelta(days=1))
        scene.vendor.faults.on(lambda _: True, "null-fields", times=100_000)
        scene.update()
        assert scene.stored().join(had, on=had.columns, how="semi").equals(had)


# The table is that of undisturbed updates, too.


@pytest.mark.parametrize("source", list(SOURCES))
def test_without_a_fault_the_store_has_what_the_market_has(source: str, tmp_path: Path) -> None:
    with Scene(source, tmp_path) as scene:
        assert scene.update()[0].error is None
        assert scene.stored().equals(scene.truth())
        scene.clock.go(BEGINNING)
        updated, _ = scene.update()
        assert (updated.error, updated.revised, updated.anew) == (None, 0, False)
        assert scene.stored().equals(scene.truth())
        assert all(e.status in {200, 404} for e in scene.vendor.log)
        sent = len(scene.vendor.log)
        again, _ = scene.update()
        assert (again.error, again.requests, len(scene.vendor.log)) == (None, 0, sent)


@pytest.mark.parametrize("fault", ["revoked-token", "cut-mid-body"])
def test_after_a_new_login_all_is_well(fault: str, tmp_path: Path) -> None:
    with Scene("tradestation sign-in", tmp_path) as scene:
        assert scene.update()[0].error is None
        scene.clock.go(BEGINNING)
        scene.vendor.faults.on("/oauth/token", fault)
        assert scene.update()[0].error is not None
        scene.environ["WFO_TRADESTATION_REFRESH_TOKEN"] = scene.vendor.log_in()  # type: ignore[attr-defined]
        assert scene.update()[0].error is None
        assert scene.stored().equals(scene.truth())


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("tradestation", {"lastdate_includes_day": False}),
        ("tradestation", {"empty": "not-found"}),
        ("tradestation", {"summer_hour": 21}),
        ("tradestation", {"optional_fields": "null"}),
        ("tradestation", {"optional_fields": "missing"}),
        ("tradestation", {"grant_status": 400}),
        ("tradestation", {"retry_after": True}),
        ("alpaca", {"dates_in": dt.UTC}),
        ("alpaca", {"empty_bars": "list"}),
        ("alpaca", {"extended_hours": True}),
        ("alpaca", {"subscribed": True}),
        ("binance", {"header_from": None}),
        ("binance", {"header_from": dt.date(2020, 1, 1)}),
        ("binance", {"published_hour": 0}),
        ("binance", {"month_published": lambda year, month: dt.date(2100, 1, 1)}),
        ("binance", {"mark_price_in_funding": False}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_what_is_unconfirmed_works_either_way(
    source: str, options: dict[str, object], tmp_path: Path
) -> None:
    # Through summer, both changes of clocks, and holidays.
    with Scene(source, tmp_path, first=dt.date(2024, 3, 4), **options) as scene:
        scene.clock.go(dt.datetime(2024, 12, 4, 12, tzinfo=dt.UTC))
        assert scene.update()[0].error is None
        scene.clock.go(BEGINNING)
        updated, _ = scene.update()
        assert (updated.error, updated.revised, updated.anew) == (None, 0, False)
        assert scene.stored().equals(scene.truth())


#: From when on minutes until `BEFORE` take each source several requests, and hardly more.
MINUTES_FROM = {
    "tradestation": dt.date(2024, 7, 15),
    "alpaca": dt.date(2024, 12, 16),
    "binance": dt.date(2025, 1, 20),
}


@pytest.mark.parametrize("source", ["tradestation", "alpaca", "binance"])
def test_minutes_come_within_the_limits(source: str, tmp_path: Path) -> None:
    first = MINUTES_FROM[source]
    with Scene(source, tmp_path, first=first) as scene:
        updated, _ = scene.update(timeframe="1min")
        assert updated.error is None
        # Nothing was refused, and none was asked twice.
        asked = [(e.path, tuple(sorted(e.query.items()))) for e in scene.vendor.log]
        assert {e.status for e in scene.vendor.log} <= {200, 404}
        assert len(set(asked)) == len(asked)
        assert len([e for e in scene.vendor.log if scene.row.where(e.path)]) >= 2
        bars = scene.stored("1min")
        days = scene.truth()
        daily = bars.group_by(bars["datetime"].dt.date().alias("date")).agg(*(f for f in _of_day()))
        assert daily.sort("date").drop("volume").equals(days.drop("volume"))
        assert daily.sort("date")["volume"].to_numpy() == pytest.approx(days["volume"].to_numpy())


def _of_day() -> list[object]:
    import polars as pl

    return [
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
    ]


@pytest.mark.parametrize("source", ["tradestation", "alpaca", "binance"])
def test_what_was_answered_before_a_failure_is_kept(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Few bars a request, so that few are enough for several requests.
    monkeypatch.setattr("wfo.data.sources.tradestation.MOST_BARS", 5_000)
    first = {"alpaca": MINUTES_FROM["alpaca"]}.get(source, dt.date(2025, 1, 27))
    with Scene(source, tmp_path, first=first) as scene:
        whole = scene.undisturbed("1min")
        sent = [e.path for e in scene.vendor.log if scene.row.where(e.path)]
        asked = iter(range(len(sent)))
        assert len(sent) >= 2
        # From the middle of its requests on, all fail.
        scene.vendor.faults.on(
            lambda path: scene.row.where(path) and next(asked, 10**6) >= len(sent) // 2,
            "503",
            times=100_000,
        )
        updated, _ = scene.update(timeframe="1min")
        assert type(updated.error).__name__ == "UnreachableError"
        part = scene.stored("1min")
        assert 0 < part.height < whole.height
        assert part.equals(whole.head(part.height))
        # Whole days are kept, and are not asked for again.
        assert part["datetime"].dt.date()[-1] != whole["datetime"].dt.date()[part.height]
        scene.vendor.faults.clear()
        scene.vendor.log.clear()
        again, _ = scene.update(timeframe="1min")
        assert (again.error, again.revised, again.anew) == (None, 0, False)
        assert scene.stored("1min").equals(whole)
        assert len([e for e in scene.vendor.log if scene.row.where(e.path)]) < len(sent)


@pytest.mark.parametrize(("source", "count"), [("tradestation", 510), ("alpaca", 230)])
def test_requests_stay_within_the_vendors_windows(source: str, count: int, tmp_path: Path) -> None:
    with Scene(source, tmp_path) as scene:
        client = scene.source()
        # Each of another range, so that none can share a request; none of many bars.
        days = [dt.date(2024, 1, 2) + dt.timedelta(days=k) for k in range(count // 10 + 1)]
        ranges = [(day, day + dt.timedelta(days=k)) for k in range(1, 11) for day in days]
        requests = [SeriesRequest("SMH", first, last) for first, last in ranges[:count]]
        answers = list(client.fetch(requests))
        assert {a.request for a in answers} == set(requests)
        assert {e.status for e in scene.vendor.log} == {200}
        bars = [e for e in scene.vendor.log if scene.row.where(e.path)]
        assert len(bars) >= count
        # It waited by the clock, and no longer than it must.
        assert 0 < scene.clock.slept <= (300 if source == "tradestation" else 60 * 2)


def test_a_running_bar_is_not_stored_although_the_clients_clock_is_a_day_ahead(
    tmp_path: Path,
) -> None:
    with Scene("tradestation", tmp_path) as scene:
        # In New York it is 10:30; the client believes that this day is over.
        scene.clock.go(dt.datetime(2025, 3, 5, 15, 30, tzinfo=dt.UTC))
        scene.clock.off = dt.timedelta(days=1)
        updated, _ = scene.update()
        # It says so, and of what that can come.
        assert "2025-03-05 is not complete yet" in str(updated.error)
        assert "clock" in str(updated.error)
        assert scene.stored().equals(scene.truth())
        assert updated.meta is not None
        assert max(a.interval.last for a in updated.meta.coverage.answered) < dt.date(2025, 3, 5)
        scene.clock.off = dt.timedelta(0)
        scene.clock.go(dt.datetime(2025, 3, 6, 22, 0, tzinfo=dt.UTC))
        assert scene.update()[0].error is None
        assert scene.stored().equals(scene.truth())

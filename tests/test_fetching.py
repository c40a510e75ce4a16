"""``wfo run`` fetches the bars that its windows need, and says which ones it could not."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from conftest import TINY
from memory_source import DAY, MemorySource, SetClock
from polars.testing import assert_frame_equal

import wfo
from wfo.cli import main
from wfo.data import BarsOrigin, DataStore, load_sample
from wfo.data.coverage import DateInterval
from wfo.data.deriving import resample_stored
from wfo.data.sources.clock import Clock
from wfo.data.sources.errors import CredentialsError, UnknownSymbolError, UnreachableError
from wfo.data.updating import Wanted, update
from wfo.data.updating.session_days import SessionDays
from wfo.errors import DataError, InputError, ResultsError
from wfo.progress import Tick
from wfo.runs.estimate import estimate
from wfo.runs.fetching import Fetching
from wfo.runs.plan import RunPlan
from wfo.runs.report import RunReport
from wfo.runs.verify import verify
from wfo.windows import Windows

D = dt.date
#: A Thursday, 11:00 in New York; yesterday is the last session.
NOW = dt.datetime(2024, 6, 6, 15, 0, tzinfo=dt.UTC)
YESTERDAY = D(2024, 6, 5)
#: Ten years of windows and two of warm-up before them; a Tuesday.
FIRST = D(2012, 6, 5)

DUAL = """
phases:
  - {from: 3y, to: 1y, in_sample: 0.6}
  - {from: 2y, to: today, in_sample: 0.6}
min_phases: 1
"""


#: What the source has.
BEGIN, END = D(2011, 1, 1), D(2024, 12, 31)


def bars(scale: float = 1.0, first: dt.date = BEGIN, last: dt.date = END) -> pl.DataFrame:
    """Bars of all sessions in a range, with the prices of a real index."""
    days = SessionDays("XNYS").within(DateInterval(BEGIN, END))
    index = load_sample("NASDAQ").head(len(days))
    prices = [pl.col(c) * scale for c in ("open", "high", "low", "close")]
    frame = index.select(pl.Series("date", days), *prices, volume=pl.lit(1e6))
    return frame.filter(pl.col("date").is_between(first, last))


@pytest.fixture
def source() -> MemorySource:
    return MemorySource({"SMH": bars(), "QQQ": bars(2.0)}, piece=400)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """The time, of every clock."""
    clock = SetClock(NOW)
    monkeypatch.setattr(Clock, "now", lambda self: clock.at)
    return clock


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, with no store and no configuration."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.delenv("WFO_DATA_DIR", raising=False)
    monkeypatch.setenv("WFO_CONFIG_DIR", str(tmp_path / "config"))
    (place / "tiny.yaml").write_text(TINY)
    return place


class Told:
    """Keeps what a run tells."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.stages: list[tuple[str, int, int]] = []

    @contextlib.contextmanager
    def stage(self, title: str, total: int) -> Iterator[Tick]:
        done = [0]

        def tick(count: int) -> None:
            done[0] += count

        yield tick
        self.stages.append((title, total, done[0]))

    def say(self, text: str) -> None:
        self.said.append(text)


class Interrupting(Told):
    """Interrupts a run when its sweep is over, and not stored."""

    @contextlib.contextmanager
    def stage(self, title: str, total: int) -> Iterator[Tick]:
        with super().stage(title, total) as tick:
            yield tick
        if "sweeping" in title:
            raise KeyboardInterrupt


@pytest.fixture
def run(source: MemorySource, clock: SetClock) -> Callable[..., RunReport]:
    def call(symbol: str = "SMH", **options: Any) -> RunReport:
        source.forget()
        options = {"source": source, "grid": "tiny.yaml", "strategy": "atr_d_l"} | options
        return wfo.run(symbol, **options)

    return call


def down(number: int) -> None:
    raise UnreachableError("no answer after 5 attempts")


def manifest(symbol: str = "SMH") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("results", symbol, "run.json").read_text())
    return found


def flat(page: str) -> str:
    """A page without its breaks of lines."""
    return " ".join(page.split())


def test_an_empty_store_is_filled_with_what_the_windows_need(
    run: Callable[..., RunReport], source: MemorySource
) -> None:
    told = Told()
    report = run(progress=told)
    assert source.asked == [("SMH", FIRST, YESTERDAY)]
    assert_frame_equal(DataStore().load("SMH"), bars(first=FIRST, last=YESTERDAY))
    assert report.phases.as_of == YESTERDAY
    data = manifest()["data"]
    assert (data["fetched_from"], data["source"], data["last"]) == (
        "memory",
        "Memory",
        "2024-06-05",
    )
    assert "stale" not in data
    assert "missing" not in flat(report.page).partition("What was assumed")[0]
    days = (YESTERDAY - FIRST).days + 1
    assert told.stages[0] == ("fetching bars of SMH", days, days)


def test_bars_that_are_held_out_are_fetched_too_and_windows_reach_back_further(
    run: Callable[..., RunReport], source: MemorySource
) -> None:
    report = run(holdout="1y")
    # A year before what is fetched without; that day is a Sunday.
    assert source.asked == [("SMH", D(2011, 6, 6), YESTERDAY)]
    assert report.phases.as_of == D(2023, 6, 5)
    found = manifest()
    assert (found["data"]["last"], found["holdout"]["last"]) == ("2023-06-05", "2024-06-05")
    # All ten years of windows are there.
    assert report.phases.note == ""
    run(holdout="1y")
    assert source.asked == []


def test_again_at_once_nothing_is_asked_for(
    run: Callable[..., RunReport], source: MemorySource
) -> None:
    run()
    before = manifest()["fingerprint"]
    told = Told()
    run(progress=told)
    assert source.asked == []
    assert manifest()["fingerprint"] == before
    assert not any("fetching" in title for title, _, _ in told.stages)


def test_the_next_day_the_tail_is_asked_for(
    run: Callable[..., RunReport], source: MemorySource, clock: SetClock
) -> None:
    run()
    clock.at += DAY
    report = run()
    assert source.asked == [("SMH", D(2024, 5, 30), D(2024, 6, 6))]
    assert report.phases.as_of == D(2024, 6, 6)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UnreachableError("no answer"), "Memory could not be reached (no answer)"),
        (CredentialsError("refused"), "Memory needs other credentials (refused)"),
        (UnknownSymbolError("no SMH"), "Memory has not answered (no SMH)"),
        (UnreachableError("Memory is down, after 5 attempts"), "Memory is down, after 5 attempts"),
    ],
)
def test_with_the_vendor_down_the_run_goes_on_and_warns(
    run: Callable[..., RunReport],
    source: MemorySource,
    clock: SetClock,
    error: Exception,
    words: str,
) -> None:
    def fail(number: int) -> None:
        raise error

    run()
    # Two sessions and a weekend later
    clock.at += 5 * DAY
    source.before = fail
    told = Told()
    report = run(progress=told)
    expected = f"bars end 2024-06-05; 3 sessions are missing: {words}"
    assert f"SMH 1day: {expected}" in told.said
    above = flat(report.page).partition("What was assumed")[0]
    assert (
        f"2012-06-05 to 2024-06-05, from Memory, adjusted for splits Warning: {expected}." in above
    )
    assert manifest()["data"]["stale"] == expected
    assert report.phases.as_of == YESTERDAY


def test_resampled_bars_whose_base_has_changed_are_stale(run: Callable[..., RunReport]) -> None:
    run()
    store = DataStore()
    resample_stored(store, "SMH", "1week")
    above = flat(run(timeframe="1week").page).partition("What was assumed")[0]
    assert "resampled from 1day, adjusted for splits" in above
    assert "Warning" not in above
    found = store.read("SMH", "1day")
    store.save("SMH", "1day", found.frame[:-1], found.meta.origin)
    above = flat(run(timeframe="1week").page).partition("What was assumed")[0]
    assert "Warning: the 1day bars that these were made of have changed since: wfo data" in above


def test_why_bars_are_not_fetched_is_said(run: Callable[..., RunReport]) -> None:
    run()
    resample_stored(DataStore(), "SMH", "1week")
    for symbol, timeframe, why in (
        ("SMH", "1week", "the bars were resampled"),
        ("NASDAQ", "1day", "the embedded sample stays as it is"),
    ):
        told = Told()
        run(symbol, timeframe=timeframe, progress=told)
        assert f"{symbol} {timeframe}: not fetched, since {why}" in told.said


def test_the_second_symbol_of_two_may_be_stale_too(
    source: MemorySource, clock: SetClock, here: Path
) -> None:
    (here / "dual.yaml").write_text(DUAL)
    told = Told()
    store, windows = DataStore(), Windows.load("dual.yaml")
    plan = RunPlan("SMH", "atr_d_duals_ls", symbol2="QQQ", windows=windows)
    assert Fetching(True, source).bars(plan, store, windows, told) == {}
    assert source.calls == [("SMH", "QQQ")]
    days = (YESTERDAY - D(2019, 6, 5)).days + 1
    assert told.stages == [("fetching bars of SMH and QQQ", 2 * days, 2 * days)]
    clock.at += DAY

    def fail(number: int) -> None:
        if len(source.asked) > 1:
            raise UnreachableError("no answer")

    source.forget()
    source.before = fail
    found = Fetching(True, source).bars(plan, store, windows)
    assert found == {
        "QQQ": "bars end 2024-06-05; 1 session is missing: Memory could not be reached (no answer)"
    }


def test_a_source_that_has_not_the_last_session_yet_is_said(
    run: Callable[..., RunReport], source: MemorySource
) -> None:
    source.bars["SMH"] = bars(last=D(2024, 6, 3))
    report = run()
    assert manifest()["data"]["stale"] == (
        "bars end 2024-06-03; Memory has none of the 2 sessions after it"
    )
    assert "Warning: bars end 2024-06-03" in flat(report.page)


def test_what_was_listed_later_is_not_asked_for_again(
    run: Callable[..., RunReport], source: MemorySource
) -> None:
    source.bars["SMH"] = bars(first=D(2015, 3, 2))
    run()
    assert source.asked == [("SMH", FIRST, YESTERDAY)]
    run()
    assert source.asked == []
    assert "stale" not in manifest()["data"]


def test_nothing_is_missing_before_the_source_begins(clock: SetClock) -> None:
    source = MemorySource({"SMH": bars(first=D(2016, 1, 4))}, earliest=D(2016, 1, 1), piece=400)
    plan, windows = RunPlan("SMH", "atr_d_l"), Windows.preset()
    assert Fetching(True, source).bars(plan, DataStore(), windows) == {}
    assert source.asked == [("SMH", D(2016, 1, 4), YESTERDAY)]
    # Without it, all is there.
    assert Fetching(False).bars(plan, DataStore(), windows) == {}


# Bars that are none of a source's


def test_bars_that_were_imported_are_never_fetched(
    run: Callable[..., RunReport], source: MemorySource
) -> None:
    DataStore().save("SMH", "1day", bars(last=D(2020, 1, 31)), BarsOrigin("mine.csv", "XNYS"))
    told = Told()
    report = run(progress=told)
    assert source.asked == []
    assert report.phases.as_of == D(2020, 1, 31)
    assert "stale" not in manifest()["data"]
    assert "fetched_from" not in manifest()["data"]
    assert "SMH 1day: not fetched, since the bars were imported" in told.said


def test_the_sample_is_never_fetched(run: Callable[..., RunReport], source: MemorySource) -> None:
    report = run("NASDAQ")
    assert source.asked == []
    assert report.phases.as_of == D(2018, 12, 31)


# Without a source


def test_without_bars_and_source_the_error_says_how_to_get_them(
    run: Callable[..., RunReport],
) -> None:
    with pytest.raises(DataError) as error:
        run(source=None)
    for words in (
        "no 1day bars of 'SMH' in the folder data",
        "wfo data import FILE --symbol SMH",
        "wfo data download",
        "wfo data login tradestation",
        "APCA_API_KEY_ID and APCA_API_SECRET_KEY",
    ):
        assert words in str(error.value)
    assert not Path("results").exists()


def test_without_credentials_stored_bars_are_warned_of(
    run: Callable[..., RunReport], source: MemorySource, clock: SetClock
) -> None:
    source.name, source.title = "alpaca", "Alpaca"
    run()
    clock.at += DAY
    report = run(source=None)
    stale = manifest()["data"]["stale"]
    assert stale.startswith("bars end 2024-06-05; 1 session is missing: Alpaca needs")
    assert "APCA_API_KEY_ID" in stale
    assert "Warning: bars end 2024-06-05" in flat(report.page)


def test_bars_of_a_source_of_ones_own_ask_for_its_name(
    run: Callable[..., RunReport], clock: SetClock
) -> None:
    run()
    clock.at += DAY
    run(source=None)
    assert "'memory'" in manifest()["data"]["stale"]


def test_without_bars_and_with_the_vendor_down_there_is_no_run(
    run: Callable[..., RunReport], source: MemorySource
) -> None:
    source.before = down
    with pytest.raises(DataError, match="Memory could not be reached") as error:
        run()
    assert "no 1day bars of 'SMH'" in str(error.value)
    assert not Path("results").exists()


def test_a_first_fetch_that_breaks_off_is_no_basis_of_a_run(
    run: Callable[..., RunReport], source: MemorySource
) -> None:
    def fail(number: int) -> None:
        if number == 10:
            raise UnreachableError("no answer")

    source.before = fail
    with pytest.raises(DataError, match=r"could not be fetched whole.*--no-fetch"):
        run()
    assert not Path("results").exists()
    last = DataStore().load("SMH")["date"][-1]
    assert last < YESTERDAY
    report = run(fetch=False)
    assert report.phases.as_of == last
    assert "nothing is fetched with --no-fetch" in flat(report.page)
    source.before = lambda number: None
    assert run().phases.as_of == YESTERDAY


def test_a_source_other_than_that_of_the_bars_is_refused(
    run: Callable[..., RunReport], source: MemorySource
) -> None:
    run()
    source.name = "other"
    with pytest.raises(InputError, match=r"'memory'.*'other'.*--fresh"):
        run()


def test_an_unknown_source_is_refused(run: Callable[..., RunReport]) -> None:
    with pytest.raises(InputError, match=r"unknown source 'alpca'.*'alpaca'"):
        run(source="alpca")


def test_nothing_is_fetched_for_a_plan_that_cannot_be_used(
    run: Callable[..., RunReport], source: MemorySource
) -> None:
    for options in ({"grid": "nix"}, {"windows": "nix"}, {"symbol2": "QQQ"}):
        with pytest.raises(InputError):
            run(**options)
    assert source.asked == []


def test_a_damaged_file_is_fetched_again(
    run: Callable[..., RunReport], source: MemorySource
) -> None:
    run()
    path = Path("data/SMH_1day.parquet")
    path.write_bytes(path.read_bytes()[:1_000])
    run()
    assert source.asked == [("SMH", FIRST, YESTERDAY)]
    assert_frame_equal(DataStore().load("SMH"), bars(first=FIRST, last=YESTERDAY))
    assert [p for p in Path("data").iterdir() if ".corrupt-" in p.name]


def test_a_damaged_import_is_not_fetched(
    run: Callable[..., RunReport], source: MemorySource
) -> None:
    DataStore().save("SMH", "1day", bars(), BarsOrigin("mine.csv", "XNYS"))
    path = Path("data/SMH_1day.parquet")
    path.write_bytes(path.read_bytes()[:1_000])
    with pytest.raises(DataError, match="import the bars again"):
        run()
    assert source.asked == []
    assert path.stat().st_size == 1_000


# Dates


def test_as_of_in_the_past_needs_nothing_after_it(
    run: Callable[..., RunReport], source: MemorySource
) -> None:
    report = run(as_of="2023-12-29")
    assert source.asked == [("SMH", D(2011, 12, 29), D(2023, 12, 29))]
    assert report.phases.as_of == D(2023, 12, 29)
    run(as_of="2023-12-29")
    assert source.asked == []


def test_as_of_a_day_without_a_session_needs_the_next_one(
    run: Callable[..., RunReport], source: MemorySource
) -> None:
    report = run(as_of="2023-12-31")
    assert source.asked[0][2] == D(2024, 1, 2)
    assert report.phases.as_of == D(2023, 12, 31)


# Going on


def test_a_run_goes_on_with_its_bars_though_others_were_fetched_in_between(
    run: Callable[..., RunReport], source: MemorySource, clock: SetClock
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(progress=Interrupting())
    began = manifest()
    clock.at += DAY
    # The volume of the day before is revised, as vendors do.
    revised = pl.when(pl.col("date") == YESTERDAY).then(2e6).otherwise(pl.col("volume"))
    source.bars["SMH"] = bars().with_columns(volume=revised)
    told = Told()
    report = run(progress=told)
    assert source.asked
    assert DataStore().load("SMH")["date"][-1] == D(2024, 6, 6)
    assert any("going on with the bars that the run began with" in text for text in told.said)
    assert report.moved is None
    assert manifest()["fingerprint"] == began["fingerprint"]
    assert manifest()["data"]["last"] == "2024-06-05"
    # And the next run is of today's bars.
    assert run().phases.as_of == D(2024, 6, 6)


def test_other_prices_are_another_run(
    run: Callable[..., RunReport], source: MemorySource, clock: SetClock
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(progress=Interrupting())
    began = manifest()
    clock.at += DAY
    source.bars["SMH"] = bars(0.5)
    told = Told()
    run(progress=told)
    assert manifest()["fingerprint"] != began["fingerprint"]
    assert any("fetched anew" in text for text in told.said)


def test_a_run_is_repaired_with_the_bars_that_it_has(
    run: Callable[..., RunReport], source: MemorySource, clock: SetClock
) -> None:
    report = run()
    path = report.folder.bars
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ResultsError, match=r"to repair the run: wfo run .* --no-fetch"):
        verify(report.folder)
    clock.at += DAY
    assert run(fetch=False).moved is None
    assert source.asked == []
    verify(report.folder)


# The command, and the estimate


def test_an_estimate_fetches(source: MemorySource, clock: SetClock) -> None:
    plan = RunPlan("SMH", "atr_d_l", grid="tiny.yaml")
    estimate(plan, DataStore(), fetching=Fetching(True, source))
    assert source.asked == [("SMH", FIRST, YESTERDAY)]
    assert not Path("results").exists()


OWN = """
import polars as pl
from memory_source import MemorySource


class Own(MemorySource):
    name = "own"
    title = "Own"

    def __init__(self):
        super().__init__({"SMH": pl.read_parquet("smh.parquet")}, piece=400)
"""


class Command:
    """Calls a command line in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["wfo", *words])
            with pytest.raises(SystemExit) as ended:
                main(list(words))
        out, told = self._capsys.readouterr()
        return int(ended.value.code or 0), flat(out), flat(told)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


RUN = ("run", "--symbol", "SMH", "--strategy", "atr_d_l", "--grid", "tiny.yaml", "--no-expand")


def test_the_command_fetches_from_a_source_of_ones_own(
    command: Command, clock: SetClock, here: Path
) -> None:
    (here / "own.py").write_text(OWN)
    bars().write_parquet(here / "smh.parquet")
    code, page, told = command(*RUN, "--source", "own.py:Own")
    assert code == 0, told
    assert "fetching bars of SMH" in told
    assert manifest()["data"]["fetched_from"] == "own"
    assert manifest()["command"].endswith("--source own.py:Own")
    assert "bars, 2012-06-05 to 2024-06-05" in page


def test_the_command_stays_offline_with_no_fetch(
    command: Command, clock: SetClock, source: MemorySource
) -> None:
    code, _, told = command(*RUN, "--no-fetch")
    assert code != 0
    assert "no 1day bars of 'SMH'" in told
    wanted = Wanted("SMH", first=FIRST)
    update(DataStore(), source, [wanted], clock=clock)
    clock.at += DAY
    code, page, told = command(*RUN, "--no-fetch")
    assert code == 0, told
    expected = "bars end 2024-06-05; 1 session is missing: nothing is fetched with --no-fetch"
    assert expected in page
    assert expected in told
    assert "--no-fetch" in manifest()["command"]


def test_the_command_says_how_to_get_bars(command: Command, clock: SetClock) -> None:
    code, _, told = command(*RUN)
    assert code != 0
    assert "no 1day bars of 'SMH'" in told
    assert "wfo data login tradestation" in told

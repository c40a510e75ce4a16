"""Bars that are held out: no figure follows from them, and they are evaluated once."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import hashlib
import json
import re
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from conftest import PLATEAU_GRID, TINY
from noting import Noting
from polars.testing import assert_frame_equal

import wfo
from wfo.cli import cli
from wfo.data import BarsOrigin, DataStore, load_sample
from wfo.errors import DataError, InputError, ResultsError
from wfo.files import read_sealed, whole, write_sealed
from wfo.progress import Tick
from wfo.runs.analysis.analyzing import analyze
from wfo.runs.basis import SimulationPlan, basis_of
from wfo.runs.call import command_line
from wfo.runs.finalists import Final, finalists, is_peak
from wfo.runs.folder import RunFolder
from wfo.runs.handover.signaling import SignalPlan, signal
from wfo.runs.holdout import evaluating, spendings
from wfo.runs.holdout.evaluating import finalists_changed, spend_holdout
from wfo.runs.holdout.kept import HoldoutSpan
from wfo.runs.holdout.lines import holdout_lines
from wfo.runs.holdout.searched import looked_at
from wfo.runs.holdout.spendings import read_spent
from wfo.runs.holdout.spent import HoldoutFigures, SeenBy, Spent, SpentFinalist
from wfo.runs.holdout.state import HoldoutState, holdout_state
from wfo.runs.machine import Machine
from wfo.runs.plan import RunPlan
from wfo.runs.refinement.refining import refine
from wfo.runs.results import list_results
from wfo.runs.run import run
from wfo.runs.stage_alone.plateau_stage import plateaus
from wfo.runs.stage_alone.stated import Stated
from wfo.runs.verdict.searched import hold_out_of
from wfo.runs.verify import verify
from wfo.runs.walkforward.counting import TrialCount
from wfo.runs.walkforward.folder import WalkFolder
from wfo.selection.plateaus import PlateauOptions
from wfo.strategy import get_strategy
from wfo.tradestation.ranges import RangeOptions
from wfo.windows import Windows

D = dt.date

#: The sample ends 2018-12-31, a Monday, so that today is the last day of 2017, a Sunday.
TODAY = D(2017, 12, 31)

#: With costs there is no plateau on these bars; the evaluation is tried with some all the same.
SETTINGS = wfo.Settings(capital=50_000)
COSTS = replace(SETTINGS, slip=0.0005, fee=0.0001)

#: What says when, and how long it took.
TIMES = re.compile(r'"(?:started|finished|at|seconds)": [^\n]*|"timings": \{[^}]*\}|"seal": "\w+"')

SET = {
    "atr_period": 20, "atr_multiplier": 8, "bb_length": 20, "bb_deviation": 2,
    "vol_threshold": 0.1, "min_tightening": 0.4, "scaling_method": 1, "atr_buy_period": 14,
    "atr_buy_multiplier": 1.5, "atr_smooth_period": 3, "equity_price_method": 0,
}  # fmt: skip


def changed(bars: pl.DataFrame) -> pl.DataFrame:
    """The bars with all of the hold-out others, and one of them gone; the last date stays."""
    out = bars.filter(pl.col("date") > TODAY)
    prices = {c: (out[c] * np.linspace(1.1, 2.0, len(out))) for c in ("open", "close")}
    low = pl.min_horizontal("open", "close") * 0.97
    high = pl.max_horizontal("open", "close") * 1.03
    other = out.with_columns(**prices).with_columns(low=low, high=high)
    return pl.concat([bars.filter(pl.col("date") <= TODAY), other[:100], other[101:]])


def stored(place: Path, frames: dict[str, pl.DataFrame]) -> DataStore:
    store = DataStore(place)
    for symbol, frame in frames.items():
        store.save(symbol, "1day", frame, BarsOrigin("made.csv"))
    return store


def searched(place: Path, bars: pl.DataFrame) -> tuple[RunFolder, DataStore]:
    """A run with plateaus, refined and analyzed."""
    store = stored(place / "store", {"NASDAQ": bars})
    grid = place / "made.yaml"
    grid.write_text(PLATEAU_GRID)
    plan = RunPlan(
        "NASDAQ", "atr_d_l", grid=grid, settings=SETTINGS, holdout="12m", out=place / "results",
        ranges=RangeOptions(max_tests=40), command="wfo run again", fetch=False,
    )  # fmt: skip
    folder = run(plan, store).folder
    plateaus(folder, options=PlateauOptions(least_stable=5), command="wfo plateaus again")
    refine(folder, command="wfo refine again")
    analyze(folder, top=3, command="wfo analyze again")
    return folder, store


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[RunFolder, DataStore]]:
    """The same call on two histories that differ in what is held out; for reading only."""
    bars = load_sample("NASDAQ").select("date", "open", "high", "low", "close", "volume")
    place = tmp_path_factory.mktemp("holdout")
    return [searched(place / "a", bars), searched(place / "b", changed(bars))]


@pytest.fixture(scope="module")
def real(both: list[tuple[RunFolder, DataStore]]) -> RunFolder:
    return both[0][0]


@pytest.fixture
def folder(real: RunFolder, tmp_path: Path) -> RunFolder:
    """The first of them, to be spent; nothing but it lies in its folder of results."""
    return RunFolder(shutil.copytree(real.path, tmp_path / "results" / "NASDAQ"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that holds nothing out."""
    place = tmp_path_factory.mktemp("plain")
    (place / "tiny.yaml").write_text(TINY)
    plan = RunPlan("NASDAQ", "atr_d_l", grid=place / "tiny.yaml", out=place, command="wfo run it")
    return run(plan, wfo.data.sample_store()).folder


def stated(folder: RunFolder) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(folder.manifest.read_text(encoding="utf-8"))
    return found


def restate(folder: RunFolder, **changes: Any) -> None:
    """Seal another manifest, as one that was forged has."""
    data = stated(folder) | changes
    del data["seal"]
    write_sealed(folder.manifest, data)


# No figure follows from them


def told(folder: RunFolder, path: Path, own: dict[str, str]) -> object:
    """What a file says, but for times, and for the words that name the run."""
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            return {name: same_words(book.read(name).decode(), own) for name in book.namelist()}
    data = path.read_bytes()
    return same_words(data.decode(), own) if path.suffix in {".json", ".csv", ".html"} else data


def same_words(text: str, own: dict[str, str]) -> str:
    for name, word in own.items():
        text = text.replace(word, name)
    return TIMES.sub("", text)


def test_nothing_that_is_written_follows_from_what_is_held_out(
    both: list[tuple[RunFolder, DataStore]],
) -> None:
    found = []
    for folder, store in both:
        data = stated(folder)
        out = data["holdout"]
        # All that may differ: what the held-out bars are, what follows from that alone, and paths.
        own = {
            "FINGERPRINT": data["fingerprint"],
            "SHORT": data["fingerprint"][:8],
            "HOLDOUT": json.dumps(out, indent=2).replace("\n", "\n  "),
            "HELD_FILE": json.dumps(data["sums"]["holdout.parquet"], indent=2).replace(
                "\n", "\n    "
            ),
            "PLACE": str(store.folder.parent),
        }
        # A refinement is known by its run, and the workbook names that.
        for k, job in enumerate(read_sealed(folder.refinement)["jobs"]):
            own[f"JOB{k}"] = job["key"]
        record = read_sealed(folder.path / "analysis.json")
        for name, digest in record["files"].items():
            if name.endswith(".xlsx"):
                own["BOOK"] = digest["sha256"]
                own["LENGTH"] = f'"bytes": {digest["bytes"]}'
        files = {p for p in folder.path.rglob("*") if p.is_file()} - {folder.holdout}
        found.append(
            {p.relative_to(folder.path).as_posix(): told(folder, p, own) for p in sorted(files)}
        )
    assert found[0].keys() == found[1].keys()
    assert {Path(n).suffix for n in found[0]} == {
        "", ".parquet", ".csv", ".json", ".html", ".xlsx", ".npy",
    }  # fmt: skip
    for name, said in found[0].items():
        assert said == found[1][name], name


def test_the_held_out_bars_differ(both: list[tuple[RunFolder, DataStore]]) -> None:
    first, second = (pl.read_parquet(folder.holdout) for folder, _ in both)
    same = first.join(second, on="date")
    assert len(same) == len(second) == len(first) - 1 == 250
    for name in ("open", "high", "low", "close"):
        assert (same[name] != same[f"{name}_right"]).all()
    runs = [stated(folder) for folder, _ in both]
    assert runs[0]["fingerprint"] != runs[1]["fingerprint"]
    assert runs[0]["sweeps"] == runs[1]["sweeps"]


def test_today_moves_back(real: RunFolder) -> None:
    bars = load_sample("NASDAQ")
    manifest = real.read_manifest()
    need = max(grid.need for grid in manifest.load_grids())
    usual = Windows.preset("default").resolve(bars["date"], as_of=TODAY, warmup=max(100, need))
    assert manifest.phases == usual
    kept, out = pl.read_parquet(real.bars), pl.read_parquet(real.holdout)
    assert_frame_equal(pl.concat([kept, out]), bars.select(kept.columns))
    assert kept["date"][-1] <= TODAY < out["date"][0]
    assert manifest.phases[-1].end == len(kept)
    record = manifest.holdout
    assert record is not None
    assert (record.span, record.rows, record.dates) == ("1y", 251, (D(2018, 1, 2), D(2018, 12, 31)))
    assert manifest.data.last == "2017-12-29"
    (search, *refined) = real.read_trials("NASDAQ")["searches"]
    assert {s["through"] for s in (search, *refined)} == {"2017-12-29"}
    assert refined


def test_a_run_without_a_holdout_has_nothing_of_it(plain: RunFolder) -> None:
    assert "holdout" not in stated(plain)
    assert not list(plain.path.rglob("*holdout*"))
    assert holdout_state(plain, plain.read_manifest()) == HoldoutState(None)
    with pytest.raises(ResultsError, match=r"held nothing out.*--holdout 1y"):
        spend_holdout(plain)
    assert not list(plain.path.rglob("*holdout*"))


def test_bars_after_the_date_are_neither_searched_nor_held_out(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    plan = RunPlan(
        "NASDAQ", "atr_d_l", grid=tmp_path / "tiny.yaml", out=tmp_path, as_of=D(2018, 3, 31),
        holdout="6m", command="wfo run it",
    )  # fmt: skip
    folder = run(plan, wfo.data.sample_store()).folder
    last, first = (pl.read_parquet(p)["date"] for p in (folder.bars, folder.holdout))
    assert (last[-1], first[0], first[-1]) == (D(2017, 9, 29), D(2017, 10, 2), D(2018, 3, 29))
    assert "NASDAQ 1day; tiny; 6m held out; no costs" in list_results(tmp_path).page


@pytest.mark.parametrize(
    ("text", "span"), [("1y", "1y"), ("12m", "1y"), ("18m", "18m"), ("0.5y", "6m"), ("2 y", "2y")]
)
def test_spans_are_written_alike(text: str, span: str) -> None:
    assert HoldoutSpan.of(text).text == span


@pytest.mark.parametrize(
    "text", ["", "0", "today", "0y", "1d", "-1y", "y", "1.3m", "9" * 400 + "y", 0, 12, None]
)
def test_a_span_that_is_none_is_refused(text: Any) -> None:
    with pytest.raises(InputError, match=r"holdout = .* is no time to hold out; write 1y"):
        HoldoutSpan.of(text)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"holdout": "soon"}, InputError, r"holdout = 'soon' is no time"),
        ({"holdout": "25y"}, DataError, r"a hold-out of 25y before 2018-12-31 leaves no bars"),
        ({"holdout": "19y"}, DataError, r"too little history"),
        (
            {"holdout": "1m", "as_of": D(1999, 1, 5)},
            DataError,
            r"a hold-out of 1m before 1999-01-05 leaves no bars",
        ),
        ({"holdout": "1y", "as_of": D(2020, 1, 1)}, InputError, r"as-of 2020-01-01 lies outside"),
    ],
)
def test_what_cannot_be_held_out_is_refused(
    options: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    plan = RunPlan("NASDAQ", "atr_d_l", grid="smoke", out=tmp_path / "out", **options)
    with pytest.raises(error, match=message):
        run(plan, wfo.data.sample_store())
    assert not (tmp_path / "out").exists()


def test_a_stretch_without_bars_cannot_be_held_out(tmp_path: Path) -> None:
    bars = load_sample("NASDAQ").filter(pl.col("date") <= TODAY)
    last = bars[-1:].with_columns(date=pl.lit(D(2018, 3, 1)))
    store = stored(tmp_path / "store", {"NASDAQ": pl.concat([bars, last])})
    plan = RunPlan("NASDAQ", "atr_d_l", grid="smoke", out=tmp_path, holdout="1m")
    with pytest.raises(
        DataError, match=r"a hold-out of 1m before 2018-03-01 is 1 of the bars, those"
    ):
        run(plan, store)


def test_two_symbols_are_held_out_on_the_same_dates(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY.replace("atr_d_l:", "atr_d_duals_l:"))
    frames = {"NASDAQ": load_sample("NASDAQ"), "SP500": load_sample("SP500")}
    # One date of the run and one of the hold-out are of one symbol alone.
    gone = [D(2015, 6, 1), D(2018, 6, 1)]
    frames["SP500"] = frames["SP500"].filter(~pl.col("date").is_in(gone))
    plan = RunPlan(
        "NASDAQ", "atr_d_duals_l", symbol2="SP500", grid=tmp_path / "tiny.yaml", expand=False,
        out=tmp_path / "results", holdout="1y", command="wfo run it", fetch=False,
    )  # fmt: skip
    report = run(plan, stored(tmp_path / "store", frames))
    folder, manifest = report.folder, report.manifest
    for one, other in ((folder.bars, folder.bars2), (folder.holdout, folder.holdout2)):
        assert pl.read_parquet(one)["date"].equals(pl.read_parquet(other)["date"])
    # The one that is held out counts nowhere.
    assert manifest.join is not None
    assert (manifest.join.first, manifest.join.second) == (1, 0)
    assert manifest.holdout is not None
    assert manifest.holdout.rows == 250
    assert verify(folder)[0] > 4
    # Both symbols have been looked at once it is spent.
    chosen = Final(1, get_strategy("atr_d_duals_l"), SET, "plateau 1 of atr_d_duals_l")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluating, "finalists", lambda *_: (chosen,))
        spent = spend_holdout(folder)
    assert spent.symbols == ("NASDAQ", "SP500")
    assert spent.folder == "NASDAQ_SP500"
    for symbol in spent.symbols:
        (entry,) = read_sealed(tmp_path / "results" / symbol / "holdouts.json")["spent"]
        assert Spent.from_dict(entry) == spent
    # A folder of its own, of the second symbol alone, would look at these bars again.
    alone = RunFolder(tmp_path / "results" / "SP500")
    shutil.copytree(folder.path, alone.path, dirs_exist_ok=True)
    (alone.path / "holdout.json").unlink()
    first = stated(folder)["data2"]
    restate(alone, symbol="SP500", data=first, fingerprint="0" * 64)
    with pytest.raises(ResultsError, match=r"is not untouched: NASDAQ, SP500 1day from 2018-01-02"):
        spend_holdout(alone)


class _Interrupting(Noting):
    """Stops a run when its sweep is over."""

    @contextlib.contextmanager
    def stage(self, title: str, total: int) -> Iterator[Tick]:
        with super().stage(title, total) as tick:
            yield tick
        if "sweeping" in title:
            raise KeyboardInterrupt


def test_a_run_that_was_stopped_goes_on_with_what_it_held_out(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    bars = load_sample("NASDAQ")
    plan = RunPlan(
        "NASDAQ", "atr_d_l", grid=tmp_path / "tiny.yaml", out=tmp_path / "results", holdout="1y",
        command="wfo run it", fetch=False,
    )  # fmt: skip
    began = stored(tmp_path / "store", {"NASDAQ": bars[:-21]})
    with pytest.raises(KeyboardInterrupt):
        run(plan, began, progress=_Interrupting())
    folder = plan.folder
    before = stated(folder)
    grown = stored(tmp_path / "store", {"NASDAQ": bars})
    telling = Noting()
    report = run(plan, grown, progress=telling)
    assert any("going on with the bars that the run began with" in t for t in telling.said)
    assert report.moved is None
    assert report.manifest.is_complete
    after = stated(folder)
    for key in ("fingerprint", "holdout", "phases", "data", "sweeps"):
        assert after[key] == before[key]
    assert pl.read_parquet(folder.holdout)["date"][-1] == bars["date"][-22]
    # The same command tomorrow is another run, whose hold-out is another one too.
    again = run(plan, grown)
    assert again.moved is not None
    assert (again.moved / "holdout.parquet").is_file()
    assert stated(folder)["holdout"]["last"] == "2018-12-31"


def test_other_held_out_bars_are_another_run(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    bars = load_sample("NASDAQ")
    plan = RunPlan(
        "NASDAQ", "atr_d_l", grid=tmp_path / "tiny.yaml", out=tmp_path / "results", holdout="1y",
        command="wfo run it", fetch=False,
    )  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        run(plan, stored(tmp_path / "a", {"NASDAQ": bars}), progress=_Interrupting())
    report = run(plan, stored(tmp_path / "b", {"NASDAQ": changed(bars)}))
    assert report.moved is not None
    # The same combinations on the same bars are searched once.
    assert report.trials == 128


# Commands and calls


def test_the_command_line_says_it(tmp_path: Path) -> None:
    plan = RunPlan("NASDAQ", "atr_d_l", holdout="18m", as_of=D(2018, 6, 29), out=tmp_path)
    assert " --as-of 2018-06-29 --holdout 18m " in command_line(plan)
    assert "--holdout" not in command_line(replace(plan, holdout=None))


def test_it_is_given_by_option_file_and_call(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "run.yaml").write_text("holdout: 1y\nsymbol: NASDAQ\nstrategy: atr_d_l\n")
    words = ["--config", str(tmp_path / "run.yaml"), "--grid", str(tmp_path / "tiny.yaml")]
    called = CliRunner().invoke(cli, ["run", *words, "--out", str(tmp_path / "file")])
    assert called.exit_code == 0, called.output
    assert "Hold-out\n  The last 1y of NASDAQ, 251 bars, 2018-01-02 to" in called.stdout
    assert "Untouched: no search" in called.stdout
    asked = ["--holdout", "soon", "--symbol", "NASDAQ", "--strategy", "atr_d_l"]
    refused = CliRunner().invoke(cli, ["run", *asked])
    assert isinstance(refused.exception, InputError)
    out = tmp_path / "call"
    report = wfo.run("NASDAQ", "atr_d_l", grid=tmp_path / "tiny.yaml", holdout="12m", out=out)
    assert "--holdout 12m" in report.manifest.command
    by_file = RunFolder(tmp_path / "file" / "NASDAQ").read_manifest()
    assert by_file.fingerprint == report.manifest.fingerprint
    assert by_file.holdout == report.manifest.holdout


# Before they are spent, nothing of a run looks at them


def test_simulations_and_signals_do_not_look(
    folder: RunFolder, both: list[tuple[RunFolder, DataStore]]
) -> None:
    store = both[0][1]
    plan = SimulationPlan(run=folder.path, stored=True)
    basis = basis_of(plan, store)
    assert basis.days[-1] == D(2017, 12, 29)
    assert basis.changed == ()
    (bars,) = (each.text for each in basis.assumed if each.what == "Bars")
    assert bars.endswith("but for those after 2017-12-31, which the run holds out")
    shown = signal(SignalPlan(run=folder.path), store)
    assert shown.working.stamp == D(2017, 12, 29)
    assert any("holds out those after them, and they are not spent" in w for w in shown.warnings)
    said = " ".join(shown.warnings)
    assert f"'wfo verdict {folder.path} --spend-holdout'" in said
    assert "wfo data download" not in said
    spend_holdout(folder)
    basis = basis_of(plan, store)
    assert basis.days[-1] == D(2018, 12, 31)
    assert "holds out" not in " ".join(each.text for each in basis.assumed)
    shown = signal(SignalPlan(run=folder.path), store)
    assert shown.working.stamp == D(2018, 12, 31)
    assert not any("holds out" in w for w in shown.warnings)


# Finalists


def test_finalists_are_of_the_analysis_or_else_of_the_plateaus(folder: RunFolder) -> None:
    manifest = folder.read_manifest()
    table = pl.read_parquet(folder.path / "Refinement_Analysis_NASDAQ.parquet")
    found = finalists(folder, manifest)
    assert len(found) == 10
    assert [f.number for f in found] == list(range(1, 11))
    for final, row in zip(found, table.head(10).rows(named=True), strict=True):
        assert final.origin == f"refined set {row['Row']}"
        assert dict(final.params) == {n: row[n] for n in final.strategy.names}
        assert Final.from_dict(final.to_dict()) == final
    # A row whose report lacks an input cannot be simulated, and the next one follows.
    record = read_sealed(folder.path / "analysis.json")
    lacking = pl.when(pl.col("Row") == 2)
    table.with_columns(
        lacking.then(None).otherwise("atr_period").alias("atr_period"),
        lacking.then(pl.lit("report")).otherwise("Ranked_On").alias("Ranked_On"),
    ).write_parquet(folder.path / record["table"])
    digests = folder.digests([folder.path / record["table"]])
    own = {name: digest.to_dict() for name, digest in digests.items()}
    write_sealed(folder.path / "analysis.json", record | {"files": record["files"] | own})
    found = finalists(folder, manifest)
    assert [f.origin for f in found] == [f"refined set {k}" for k in (1, *range(3, 12))]
    # An analysis of another run is none of this one.
    write_sealed(folder.path / "analysis.json", record | {"run": "0" * 64})
    (only,) = finalists(folder, manifest)
    assert only.origin == "plateau 1 of atr_d_l"
    frame = pl.read_parquet(folder.candidates("atr_d_l", "made", "parquet"))
    cells = [tuple(c) for c in stated(folder)["results"][0]["plateaus"]["plateaus"][0]["cells"]]
    axes = ("atr_multiplier", "atr_buy_multiplier")
    inside = next(
        row for row in frame.rows(named=True) if tuple(float(row[n]) for n in axes) in cells
    )
    central = frame.filter((pl.col("Outcome") == inside["Outcome"]) & pl.col("Outcome_Central"))
    assert dict(only.params) == central.select(only.strategy.names).row(0, named=True)
    (folder.path / "analysis.json").write_text("{}")
    with pytest.raises(ResultsError, match=r"analysis.json is damaged"):
        finalists(folder, manifest)


def test_where_nothing_is_stable_there_are_none(
    plain: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, read = plain.read_manifest(), Stated.candidates
    assert len(finalists(plain, manifest)) == 1
    monkeypatch.setattr(Stated, "candidates", lambda *args: read(*args).clear())
    assert finalists(plain, manifest) == ()


def test_without_plateaus_the_most_stable_outcome_is_judged_and_called_a_peak(
    folder: RunFolder,
) -> None:
    (folder.path / "analysis.json").unlink()
    (of_plateau,) = finalists(folder, folder.read_manifest())
    assert not is_peak(of_plateau.origin)
    restate(folder, results=[stated(folder)["results"][0] | {"plateaus": _NO_PLATEAUS}])
    manifest = folder.read_manifest()
    (only,) = finalists(folder, manifest)
    assert dict(only.params) == stated(folder)["results"][0]["best"]["params"]
    assert only.origin == "peak, no plateau: the most stable outcome of atr_d_l"
    assert is_peak(only.origin)
    spent = spend_holdout(folder)
    (one,) = spent.finalists
    assert (dict(one.params), one.origin) == (dict(only.params), only.origin)
    text = " ".join(" ".join(holdout_lines(holdout_state(folder, manifest))).split())
    assert "1 atr_d_l, peak, no plateau: the most stable outcome of atr_d_l:" in text
    assert "The run had found NO PLATEAU: what was evaluated is the most stable outcome" in text
    assert hold_out_of(folder, manifest).peaks


def test_without_finalists_nothing_is_spent(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluating, "finalists", lambda *_: ())
    with pytest.raises(ResultsError, match=r"has no finalists.*its hold-out stays unspent"):
        spend_holdout(folder)
    assert not folder.holdouts.exists()
    assert holdout_state(folder, folder.read_manifest()).kind == "untouched"


_NO_PLATEAUS = {
    "level": None, "reach": None, "density": None, "quality": 0.0, "note": "none", "p": 0.9,
    "smoothness": 0.0, "plateaus": [],
}  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        {}, [], {"number": 0}, {"number": 1, "strategy": "atr_d_l", "params": {}, "origin": "x"},
        {"number": 1, "strategy": "no such", "params": SET, "origin": "x"},
        {"number": 1, "strategy": "atr_d_l", "params": SET, "origin": "\x1b[2J"},
    ],
)  # fmt: skip
def test_what_is_no_finalist_is_refused(data: Any) -> None:
    with pytest.raises(InputError):
        Final.from_dict(data)


# The evaluation


def at(text: str) -> Machine:
    return Machine(now=lambda: dt.datetime.fromisoformat(text))


def test_figures_are_of_fresh_capital_from_the_first_bar_on(folder: RunFolder) -> None:
    restate(folder, settings=COSTS.to_dict())
    spent = spend_holdout(folder, machine=at("2020-05-04T10:00:00Z"))
    bars = load_sample("NASDAQ")
    first = int((bars["date"] <= TODAY).sum())
    assert (spent.first, spent.last, spent.bars) == (D(2018, 1, 2), D(2018, 12, 31), 251)
    assert spent.at == "2020-05-04T10:00:00Z"
    assert spent.folder == "NASDAQ"
    assert spent.settings["slip"] == COSTS.slip
    cost = bars["open"][first] * 1.0005 * 1.0001
    marks = 50_000 / cost * bars["close"].to_numpy()[first:]
    path = np.concatenate([[50_000], marks])
    held = spent.held
    assert held.total_return == pytest.approx(marks[-1] / 50_000 - 1, rel=1e-12)
    fall = (1 - path / np.maximum.accumulate(path)).max()
    assert held.drawdown_share == pytest.approx(fall, rel=1e-12)
    assert (held.trades, held.exposure) == (0, 1.0)
    assert len(spent.finalists) == 10
    for each in spent.finalists:
        alone = wfo.simulate(
            each.strategy, bars, each.params, warmup=D(2018, 1, 2), split=D(2018, 7, 2),
            settings=COSTS, engine="factored",
        )  # fmt: skip
        equity = alone.equity[first - 1 :]
        assert equity[0] == 50_000
        figures = each.figures
        assert figures.total_return == pytest.approx(equity[-1] / 50_000 - 1, rel=1e-12)
        returns = np.diff(equity) / equity[:-1]
        year = (figures.sharpe or 0) * returns.std(ddof=1) / returns.mean()
        assert year**2 == pytest.approx(252, abs=1)
        assert figures.annual_return == pytest.approx(
            (equity[-1] / 50_000) ** (year**2 / 251) - 1, rel=1e-9
        )
        assert figures.trades == len(alone.trades.filter(pl.col("exit_bar") < len(bars)))
        assert (alone.trades["entry_bar"] >= first).all()
        fall = (1 - equity / np.maximum.accumulate(equity)).max()
        assert figures.drawdown_share == pytest.approx(fall, abs=1e-12)
        assert spent.excess(each) == pytest.approx(
            (figures.total_return or 0) - (held.total_return or 0), abs=1e-15
        )
    assert read_spent(folder) == spent
    assert Spent.from_dict(json.loads(json.dumps(spent.to_dict()))) == spent


def test_a_run_says_first_that_its_holdout_is_spent(folder: RunFolder) -> None:
    spend_holdout(folder)
    plan = RunPlan(
        "NASDAQ", "atr_d_l", grid="smoke", holdout="6m", out=folder.path.parent, name="other",
        command="wfo run other",
    )  # fmt: skip
    telling = _Interrupting()
    with pytest.raises(KeyboardInterrupt):
        run(plan, wfo.data.sample_store(), progress=telling)
    warning = next(text for text in telling.said if "spent" in text)
    assert "has spent the bars from 2018-01-02 to 2018-12-31: this one cannot" in warning
    # A list that is damaged is found before anything is searched.
    folder.holdouts.write_text("{}")
    before = plan.folder.manifest.read_bytes()
    with pytest.raises(ResultsError, match=r"holdouts\.json is damaged.*put a good copy"):
        run(plan, wfo.data.sample_store())
    assert plan.folder.manifest.read_bytes() == before


def test_it_is_spent_once(folder: RunFolder) -> None:
    first = spend_holdout(folder, machine=at("2020-05-04T10:00:00Z"))
    before = {p: p.read_bytes() for p in (folder.holdouts, folder.spent)}
    # Later there are other finalists, and what was recorded stays.
    (folder.path / "analysis.json").unlink()
    manifest = folder.read_manifest()
    assert finalists_changed(first, finalists(folder, manifest))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluating, "simulate", _fail)
        told = Noting()
        later = at("2021-01-01T00:00:00Z")
        assert spend_holdout(folder, machine=later, progress=told) == first
    (said,) = told.said
    assert said == (
        "the hold-out was spent on 2020-05-04T10:00:00Z: what was recorded then is shown, and"
        " nothing is evaluated again"
    )
    assert {p: p.read_bytes() for p in before} == before
    assert verify(folder)[0] > 10


def _fail(*_: Any, **__: Any) -> Any:
    raise AssertionError("the bars are looked at again")


def test_another_run_cannot_spend_the_same_dates(folder: RunFolder, tmp_path: Path) -> None:
    spend_holdout(folder, machine=at("2020-05-04T10:00:00Z"))
    other = RunFolder(shutil.copytree(folder.path, folder.path / "runs" / "later"))
    for path in (other.spent, other.path / "analysis.json"):
        path.unlink()
    (other.path / "holdouts.json").unlink()
    restate(other, fingerprint="f" * 64)
    with pytest.raises(ResultsError) as refused:
        spend_holdout(other)
    assert re.search(
        r"2018-01-02 to 2018-12-31, is not untouched: NASDAQ 1day from 2018-01-02 to 2018-12-31 was"
        r" spent on 2020-05-04T10:00:00Z by the run NASDAQ \(\w{8}\).*Bars after 2018-12-31 are"
        r" untouched",
        str(refused.value),
    )
    state = holdout_state(other, other.read_manifest())
    assert (state.kind, len(state.others)) == ("spent elsewhere", 1)
    assert any("Spent by another run: NASDAQ" in line for line in holdout_lines(state))
    assert not any("--spend-holdout" in line for line in holdout_lines(state))
    # Dates beside them can be spent.
    record = read_sealed(folder.holdouts)
    entry = record["spent"][0] | {"first": "2019-01-01", "last": "2019-06-28"}
    write_sealed(folder.holdouts, record | {"spent": [entry]})
    assert spend_holdout(other).run == "f" * 64
    assert [e["run"][0] for e in read_sealed(folder.holdouts)["spent"]][1:] == ["f"]


# Kills, copies, damage


class Killed(BaseException):
    """What ends a process at once."""


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_kill_at_any_moment_shows_nothing_that_is_not_recorded(
    written: int, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Path] = []

    def dying(path: Path, data: Any) -> None:
        if len(done) == written:
            raise Killed
        write_sealed(path, data)
        done.append(path)
        if len(done) == written == 2:
            raise Killed

    monkeypatch.setattr(spendings, "write_sealed", dying)
    with pytest.raises(Killed):
        spend_holdout(folder, machine=at("2020-05-04T10:00:00Z"))
    monkeypatch.undo()
    # The list first: what is shown next stands there.
    assert done == [folder.holdouts, folder.spent][:written]
    assert (read_spent(folder) is None) == (written == 0)
    after = spend_holdout(folder, machine=at("2021-01-01T00:00:00Z"))
    assert after.at == ("2020-05-04T10:00:00Z" if written else "2021-01-01T00:00:00Z")
    (entry,) = read_sealed(folder.holdouts)["spent"]
    assert entry == read_sealed(folder.spent)["spent"] == after.to_dict()
    assert not [p for p in folder.path.iterdir() if p.name.startswith(".")]


def test_a_record_that_cannot_be_written_shows_nothing(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(part: Path) -> NoReturn:
        raise OSError(errno.ENOSPC, f"no room for {part.name}")

    with monkeypatch.context() as patch:
        patch.setattr(whole, "_create", full)
        with pytest.raises(ResultsError, match=r"cannot write .*holdouts\.json: no room for .*"):
            spend_holdout(folder)
    assert read_spent(folder) is None


def test_two_processes_at_once_spend_once(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = RunFolder(shutil.copytree(folder.path, folder.path.parent / "copied"))
    computing, found, waiting = threading.Event(), [], threading.Event()
    simulate, hold = evaluating.simulate, RunFolder.hold_spendings
    runs: list[str] = []

    def slow(*args: Any, **options: Any) -> Any:
        runs.append(threading.current_thread().name)
        computing.set()
        assert waiting.wait(20)
        return simulate(*args, **options)

    def held(self: RunFolder, symbols: Any) -> Any:
        if threading.current_thread().name == "second":
            waiting.set()
        return hold(self, symbols)

    monkeypatch.setattr(evaluating, "simulate", slow)
    monkeypatch.setattr(RunFolder, "hold_spendings", held)
    threads = [
        threading.Thread(target=lambda f=each: found.append(spend_holdout(f)), name=name)
        for name, each in (("first", folder), ("second", other))
    ]
    threads[0].start()
    assert computing.wait(20)
    threads[1].start()
    for thread in threads:
        thread.join(20)
    # The second one waits for the first one's record, and computes nothing.
    assert set(runs) == {"first"}
    assert len(found) == 2
    assert found[0] == found[1]
    assert len(read_sealed(folder.holdouts)["spent"]) == 1
    assert read_spent(other) == found[0]


def test_copied_and_moved_folders_are_the_same_run(folder: RunFolder, tmp_path: Path) -> None:
    copied = RunFolder(shutil.copytree(folder.path, folder.path / "runs" / "copied"))
    spent = spend_holdout(folder)
    assert read_spent(copied) == spent
    assert spend_holdout(copied) == spent
    # Far from its list, a folder knows by itself.
    far = RunFolder(Path(shutil.move(copied.path, tmp_path / "far" / "any")))
    assert read_spent(far) == spent
    assert spend_holdout(far) == spent
    assert RunFolder(tmp_path / "far").path.joinpath("NASDAQ", "holdouts.json").is_file()
    # And without its list, it writes it again.
    folder.holdouts.unlink()
    assert spend_holdout(folder) == spent
    assert len(read_sealed(folder.holdouts)["spent"]) == 1


def other_run(folder: RunFolder, path: Path) -> RunFolder:
    """Another run with the same dates, of which nothing is spent."""
    own = shutil.ignore_patterns("runs")
    other = RunFolder(shutil.copytree(folder.path, path, ignore=own))
    for name in ("holdout.json", "holdouts.json", "analysis.json"):
        (other.path / name).unlink(missing_ok=True)
    restate(other, fingerprint="f" * 64)
    return other


def test_a_folder_that_is_renamed_does_not_take_its_list_away(folder: RunFolder) -> None:
    spent = spend_holdout(folder)
    old = folder.path.rename(folder.path.parent / "NASDAQ of May")
    other = other_run(RunFolder(old), folder.path)
    with pytest.raises(ResultsError, match=rf"is not untouched.*\({spent.run[:8]}\)"):
        spend_holdout(other)
    # What lies beside it and is damaged may be of any symbol, and stops nothing.
    broken = folder.path.parent / "SP500"
    broken.mkdir()
    (broken / "holdouts.json").write_text("{")
    assert holdout_state(other, other.read_manifest()).kind == "spent elsewhere"


@pytest.mark.parametrize("way", ["link", "dots"])
def test_another_way_to_the_folder_is_no_way_around_the_list(
    way: str, folder: RunFolder, tmp_path: Path
) -> None:
    named = RunFolder(shutil.copytree(folder.path, folder.path / "runs" / "best"))
    other = other_run(folder, folder.path / "runs" / "later")
    if way == "link":
        path = tmp_path / "links" / "best"
        path.parent.mkdir()
        path.symlink_to(named.path, target_is_directory=True)
    else:
        path = named.path / "wfo" / ".."
    spend_holdout(RunFolder(path))
    assert folder.holdouts.is_file()
    assert not (named.path / "NASDAQ").exists()
    with pytest.raises(ResultsError, match="is not untouched"):
        spend_holdout(other)


def test_a_run_that_goes_to_the_history_leaves_the_list(folder: RunFolder) -> None:
    spent = spend_holdout(folder)
    moved = folder.prepare("0" * 64)
    assert moved is not None
    assert folder.holdouts.is_file()
    assert not folder.spent.exists()
    old = RunFolder(moved)
    assert {"holdout.parquet", "holdout.json", "run.json"} <= {p.name for p in moved.iterdir()}
    assert read_spent(old) == spent
    assert old.holdouts_of("NASDAQ") == folder.holdouts


@pytest.mark.parametrize(
    "damage",
    ["cut short", "no list", "later layout", "a folder", "forged", "a link", "deep", "huge"],
)
@pytest.mark.parametrize("which", ["list", "own"])
def test_a_damaged_record_is_named_and_nothing_is_looked_at(
    which: str, damage: str, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    spend_holdout(folder)
    path = folder.holdouts if which == "list" else folder.spent
    if which == "list":
        folder.spent.unlink()
    data = read_sealed(path)
    if damage == "cut short":
        path.write_bytes(path.read_bytes()[:-9])
    elif damage == "no list":
        write_sealed(path, data | {"spent": "nothing"})
    elif damage == "later layout":
        write_sealed(path, data | {"version": 9})
    elif damage == "a folder":
        path.unlink()
        path.mkdir()
    elif damage == "a link":
        path.unlink()
        path.symlink_to(path.parent / "gone")
    elif damage == "deep":
        mark = "nested"
        write_sealed(path, data | {"spent": mark})
        deep = path.read_text().replace(f'"{mark}"', "[" * 100_000 + "]" * 100_000)
        zeros = re.sub(r'(?<="seal": ")\w+', "0" * 64, deep)
        path.write_text(zeros.replace("0" * 64, hashlib.sha256(zeros.encode()).hexdigest()))
    elif damage == "huge":
        entry = data["spent"][0] if which == "list" else data["spent"]
        entry["held"]["total_return"] = 10**400
        write_sealed(path, data)
    else:
        entry = data["spent"][0] if which == "list" else data["spent"]
        entry = entry | {"finalists": [{}]}
        write_sealed(path, data | {"spent": [entry] if which == "list" else entry})
    monkeypatch.setattr(evaluating, "simulate", _fail)
    for call in (spend_holdout, read_spent, verify):
        with pytest.raises(ResultsError, match=re.escape(str(path))):
            call(folder)


@pytest.mark.parametrize("damage", ["changed", "gone", "replaced", "shifted"])
def test_held_out_bars_that_were_changed_are_refused(damage: str, folder: RunFolder) -> None:
    bars = pl.read_parquet(folder.holdout)
    if damage == "gone":
        folder.holdout.unlink()
    else:
        other = {
            "changed": bars.with_columns(pl.col("open", "high", "low", "close") * 2),
            "replaced": bars.with_columns(pl.col("open", "high", "low", "close") * 2),
            "shifted": bars.with_columns(pl.col("date").dt.offset_by("-1mo")),
        }[damage]
        other.write_parquet(folder.holdout)
    if damage in {"replaced", "shifted"}:
        sums = stated(folder)["sums"]
        digest = folder.digests([folder.holdout])["holdout.parquet"].to_dict()
        restate(folder, sums=sums | {"holdout.parquet": digest})
    with pytest.raises(ResultsError, match=r"holdout\.parquet.*run again: wfo run again"):
        spend_holdout(folder)
    assert not folder.holdouts.exists()
    assert read_spent(folder) is None
    if damage in {"changed", "gone"}:
        with pytest.raises(ResultsError, match=r"holdout\.parquet[^\n]*\n  to repair the run"):
            verify(folder)


# What is said


def test_searches_that_reach_into_it_are_counted(folder: RunFolder, plain: RunFolder) -> None:
    own = folder.read_trials("NASDAQ")["searches"]
    folder.count_trials("NASDAQ", {"fingerprint": "old", "combinations": 5})
    state = holdout_state(folder, folder.read_manifest())
    assert (state.kind, state.seen_by) == ("unknown", SeenBy(0, 0, 1))
    (whole,) = plain.read_trials("NASDAQ")["searches"]
    assert whole["through"] == "2018-12-31"
    folder.count_trials("NASDAQ", whole)
    folder.count_trials("NASDAQ", whole | {"fingerprint": "more", "through": "2018-01-02"})
    state = holdout_state(folder, folder.read_manifest())
    assert (state.kind, state.seen_by) == ("seen", SeenBy(2, 256, 1))
    text = " ".join(" ".join(holdout_lines(state)).split())
    assert "Not untouched: 2 other searches of NASDAQ, 256 combinations, reached into" in text
    assert "Of 1 further search it is not known" in text
    spent = spend_holdout(folder)
    assert spent.seen_by == SeenBy(2, 256, 1)
    assert len(folder.read_trials("NASDAQ")["searches"]) == len(own) + 3


def figures(total: float) -> HoldoutFigures:
    return HoldoutFigures(total, total / 2, 0.1, 3, 0.5, 0.75)


SPENT = Spent(
    run="a" * 64, folder="QQQ", command="wfo run", at="2026-01-02T03:04:05Z", version="1",
    symbols=("QQQ",), timeframe="1day", span="6m", first=D(2025, 7, 1), last=D(2025, 12, 31),
    bars=128, digest="d", settings={"slip": 0.0},
    finalists=(
        SpentFinalist(1, "atr_d_l", SET, "refined set 1", figures(0.2)),
        SpentFinalist(2, "atr_d_l", SET, "refined set 2", figures(-0.05)),
        SpentFinalist(3, "atr_d_l", SET, "refined set 3", figures(0.1)),
    ),
    held=figures(0.1), seen_by=SeenBy(),
)  # fmt: skip


def test_a_page_says_what_was_spent(real: RunFolder) -> None:
    record = real.read_manifest().holdout
    lines = holdout_lines(HoldoutState(record, ("QQQ",), spent=SPENT), changed=True)
    assert all(len(line) <= 100 for line in lines)
    text = " ".join(" ".join(lines).split())
    for words in (
        "Spent on 2026-01-02T03:04:05Z: the last 6m of QQQ, 128 bars, 2025-07-01 to 2025-12-31",
        "for the 3 finalists of that time, from fresh capital",
        "Buy-and-hold 10.0 % 5.0 % 10.0 % 3 0.50 75.0 % -",
        "2 atr_d_l -5.0 % -2.5 % 10.0 % 3 0.50 75.0 % -15.0 %",
        "2 atr_d_l, refined set 2: atr_period 20, atr_multiplier 8",
        "1 of 3 returned more than buy-and-hold, and 1 lost money.",
        "Figures a year are made of 184 days.",
        "The finalists of the run are others now",
    ):
        assert words in text
    assert "NO PLATEAU" not in text
    whole = replace(SPENT, first=D(2025, 1, 2))
    text = " ".join(holdout_lines(HoldoutState(record, ("QQQ",), spent=whole)))
    assert "made of" not in text
    assert "others now" not in text


def test_a_page_says_that_there_is_none() -> None:
    text = " ".join(" ".join(holdout_lines(HoldoutState(None))).split())
    assert "None: every bar of this history was searched" in text
    assert "'wfo run --holdout 1y'" in text


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("run"),
        lambda d: d.update(run=3),
        lambda d: d.update(symbols=[]),
        lambda d: d.update(symbols=["A\x1b"]),
        lambda d: d.update(first="yesterday"),
        lambda d: d.update(first="2026-01-01"),
        lambda d: d.update(bars=True),
        lambda d: d.update(bars=0),
        lambda d: d.update(folder="a\nb"),
        lambda d: d["finalists"].pop(0),
        lambda d: d["finalists"][0].update(params={"x": "1"}),
        lambda d: d["finalists"][0].update(figures={}),
        lambda d: d["held"].update(total_return="much"),
        lambda d: d["held"].update(trades=-1),
        lambda d: d["seen_by"].update(searches=-1),
    ],
)
def test_what_is_no_record_is_refused(change: Callable[[Any], object]) -> None:
    data = json.loads(json.dumps(SPENT.to_dict()))
    assert Spent.from_dict(data) == SPENT
    change(data)
    with pytest.raises(ResultsError):
        Spent.from_dict(data)


def test_a_set_file_leaves_out_what_its_run_holds_out(
    folder: RunFolder, both: list[tuple[RunFolder, DataStore]], plain: RunFolder, tmp_path: Path
) -> None:
    store, file, out = both[0][1], tmp_path / "set.json", folder.path.parent
    chosen = wfo.export_set(folder.path, candidate=1)
    assert chosen.windows["holdout"] == {
        "symbols": ["NASDAQ"], "first": "2018-01-02", "last": "2018-12-31",
    }  # fmt: skip
    wfo.write_set(chosen, file)
    within = SimulationPlan(set_file=file, split=D(2018, 1, 2), out=out)
    way_out = r"bars after 2018-01-01 are left out.*not spent; 'wfo verdict FOLDER --spend-holdout'"
    with pytest.raises(InputError, match=rf"leaves no bars on one side.*2017-12-29; the {way_out}"):
        basis_of(within, store)
    before = basis_of(replace(within, split=D(2017, 1, 3)), store)
    assert before.days[-1] == D(2017, 12, 29)
    assert any(re.search(way_out, note) for note in before.notes)
    by_run = signal(SignalPlan(run=folder.path), store)
    by_file = signal(SignalPlan(set_file=file, out=out), store)
    assert by_file.working == by_run.working
    assert any(re.search(way_out, text) for text in by_file.warnings)
    # The bars of another run of the symbol reach into them.
    for ask in (
        lambda: basis_of(SimulationPlan(run=plain.path, set_file=file, out=out), store),
        lambda: signal(SignalPlan(run=plain.path, set_file=file, out=out), store),
    ):
        with pytest.raises(InputError, match=r"end 2018-12-31, and the run of .* not spent; 'wfo"):
            ask()
    spend_holdout(folder)
    assert basis_of(within, store).days[-1] == D(2018, 12, 31)
    later = signal(SignalPlan(set_file=file, out=out), store)
    assert later.working.bar > by_file.working.bar
    assert not any("left out" in text for text in later.warnings)
    assert "holdout" not in wfo.export_set(folder.path, candidate=1).windows


def test_a_search_that_looks_at_what_another_run_holds_out_says_so_first(
    folder: RunFolder, real: RunFolder, tmp_path: Path
) -> None:
    out, grid = folder.path.parent, tmp_path / "tiny.yaml"
    grid.write_text(TINY)
    said = (
        f"{real.path} holds out the bars of NASDAQ from 2018-01-02 to 2018-12-31, which are not"
        " spent, and this search looks at bars up to 2018-12-31: they are not untouched from then"
        " on, and that cannot be undone; --holdout 1y keeps it away from them"
    )
    plan = RunPlan(
        "NASDAQ", "atr_d_l", grid=grid, out=out, name="k", command="wfo run it", fetch=False
    )  # fmt: skip

    noting = Noting()
    run(plan, wfo.data.sample_store(), progress=noting)
    assert [text for text in noting.said if "which are not spent" in text] == [f"warning: {said}"]
    end = D(2018, 12, 31)
    searches = folder.read_trials("NASDAQ")["searches"]
    (own,) = (s["fingerprint"] for s in searches if s["through"] == end.isoformat())
    # What it looks at is counted now; what ends before looks at nothing.
    assert list(looked_at(folder, "NASDAQ", end, [own])) == []
    assert list(looked_at(folder, "NASDAQ", D(2018, 1, 1))) == []
    walk = WalkFolder(folder.path / "walkforward" / "w", out)
    for through, lines in ((D(2018, 1, 2), 1), (D(2018, 1, 1), 0)):
        count = TrialCount(walk, ("NASDAQ",), {"fingerprint": "walk"}, through)
        assert len(count.looked_at()) == lines
    space = {
        "strategy": "atr_d_l", "symbols": ["NASDAQ"], "objective": "total_return",
        "parameters": {"atr_period": [5, 9]}, "method": "grid", "block": "none",
    }  # fmt: skip
    assert said in wfo.optimize(space, study="late", out=out).warnings
    spend_holdout(folder)
    assert list(looked_at(folder, "NASDAQ", end)) == []

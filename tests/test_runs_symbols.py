"""Symbols as people write them: folders that every file system takes, the given name everywhere."""

from __future__ import annotations

import html
import io
import json
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import TINY

import wfo
from wfo.cli import cli
from wfo.data import BarsOrigin, DataStore, load_sample
from wfo.errors import InputError, ResultsError
from wfo.progress import Bar
from wfo.runs.folder import RunFolder
from wfo.runs.results import list_results

#: Symbols and the names of their folders, written by hand.
FOLDERS = {
    "^GSPC": "%5EGSPC",
    "@ES": "%40ES",
    "BTC/USDT": "BTC%2FUSDT",
    "BTC/USDT:USDT": "BTC%2FUSDT%3AUSDT",
    "BRK.B": "BRK.B",
    "<i>&[red] \\'x": "%3Ci%3E%26%5Bred%5D%20%5C%27x",
    "../up": "%2E.%2Fup",
}
SYMBOLS = tuple(FOLDERS)
PARAMS = ["--strategy", "atr_d_l", "--grid", "tiny.yaml", "--no-expand", "--threads", "1"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store that has the same bars under every symbol, and a small grid."""
    folder = tmp_path_factory.mktemp("symbols")
    store, bars = DataStore(folder / "data"), load_sample("NASDAQ")[-2600:]
    for symbol in SYMBOLS:
        store.save(symbol, "1day", bars, BarsOrigin("tests", calendar="XNYS"))
    (folder / "tiny.yaml").write_text(TINY)
    return folder


@pytest.fixture(autouse=True)
def _there(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.delenv("WFO_DATA_DIR", raising=False)


def said(*words: str) -> str:
    result = CliRunner().invoke(cli, list(words))
    assert result.exit_code == 0, result.output
    return result.stdout.lstrip("\n")


@pytest.fixture(scope="module")
def pages(place: Path) -> dict[str, str]:
    """The page of a run of each symbol; the folders are for reading, but for what is counted."""
    found = {}
    before = Path.cwd()
    os.chdir(place)
    try:
        for symbol in SYMBOLS:
            found[symbol] = said("run", "--symbol", symbol, *PARAMS)
    finally:
        os.chdir(before)
    return found


def test_every_symbol_has_a_folder_of_its_own_and_no_other(pages: dict[str, str]) -> None:
    assert pages.keys() == FOLDERS.keys()
    assert {p.name for p in Path("results").iterdir()} == set(FOLDERS.values())
    assert {p.name for p in Path().iterdir()} == {"data", "results", "tiny.yaml"}
    # Files within it are the same, whatever the symbol is.
    (names,) = {
        tuple(sorted(p.name for p in (Path("results") / folder).rglob("*")))
        for folder in FOLDERS.values()
    }
    assert "run.json" in names


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_run_names_its_symbol_as_it_was_given(symbol: str, pages: dict[str, str]) -> None:
    folder = Path("results") / FOLDERS[symbol]
    assert any(line.startswith(f"{symbol} 1day: ") for line in pages[symbol].splitlines())
    assert f"combinations were ever searched on {symbol}:" in " ".join(pages[symbol].split())
    manifest = json.loads((folder / "run.json").read_text())
    assert manifest["symbol"] == manifest["data"]["symbol"] == symbol
    assert json.loads((folder / "trials.json").read_text())["total"] == 128


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_runs_are_found_by_symbol(symbol: str, pages: dict[str, str]) -> None:
    assert said("verify", "--symbol", symbol)
    assert f"\n{symbol} 1day: " in said("rescore", "--symbol", symbol)
    listed = said("results", "--symbol", symbol)
    assert f"\n{symbol} 1day; tiny; " in listed
    assert f"  in results/{FOLDERS[symbol]}\n" in listed
    assert listed.count("\n  in ") == 1
    simulated = said("simulate", "--symbol", symbol, "--candidate", "1")
    assert simulated.startswith(f"{symbol} 1day, atr_d_l, ")
    assert f"B&H is buy-and-hold: {symbol} bought" in " ".join(simulated.split())


def test_all_runs_are_listed(pages: dict[str, str]) -> None:
    assert {run.symbols for run in list_results(Path("results")).runs} == set(SYMBOLS)
    with pytest.raises(ResultsError, match=r"no run of 'BTC/USDC' .*; did you mean 'BTC/USDT'\?"):
        list_results(Path("results"), "BTC/USDC")


@pytest.mark.parametrize("symbol", ["BTC/USDT:USDT", "<i>&[red] \\'x"])
def test_notebooks_and_charts_escape_a_symbol(
    symbol: str, pages: dict[str, str], tmp_path: Path
) -> None:
    report = wfo.run(symbol, "atr_d_l", grid="tiny.yaml", expand=False, data_dir="data")
    shown = report._repr_html_()
    assert f"<b>{html.escape(symbol)} 1day</b>" in shown
    assert "<i>" not in shown
    chart = tmp_path / "chart.html"
    said("simulate", "--symbol", symbol, "--candidate", "1", "--phase", "1", "--plot", str(chart))
    drawn = chart.read_text(encoding="utf-8")
    assert f"<title>{html.escape(symbol)} 1day, " in drawn
    assert "<i>" not in drawn


def test_earlier_runs_go_to_the_history_and_come_back(place: Path, tmp_path: Path) -> None:
    out, symbol = tmp_path / "out", "BTC/USDT:USDT"
    call = ["run", "--symbol", symbol, "--out", str(out), *PARAMS]
    first = said(*call)
    said(*call, "--slip", "0.001")
    folder = out / FOLDERS[symbol]
    kept = [p.name for p in (folder / ".history").iterdir()]
    assert len(kept) == 1
    (now, before) = list_results(out, symbol).runs
    assert [run.in_history for run in (now, before)] == [False, True]
    assert before.folder == folder / ".history" / kept[0]
    # Searches at other costs are further ones.
    assert json.loads((folder / "trials.json").read_text())["total"] == 256
    again = said(*call)
    assert again.splitlines()[0] == first.splitlines()[0]
    assert [run.manifest.settings["slip"] for run in list_results(out).runs] == [0.0, 0.001]


def test_a_second_symbol_and_a_name_are_folders_too(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "two.yaml").write_text(TINY.replace("atr_d_l", "atr_d_duals_l"))
    said(
        *("run", "--symbol", "BTC/USDT", "--symbol2", "^GSPC", "--out", str(out)),
        *("--strategy", "atr_d_duals_l", "--grid", str(tmp_path / "two.yaml"), "--no-expand"),
        *("--name", "a"),
    )
    folder = out / "BTC%2FUSDT_%5EGSPC" / "runs" / "a"
    assert json.loads((folder / "run.json").read_text())["data2"]["symbol"] == "^GSPC"
    # The count is the symbol's, also where a run is named by its folder alone.
    trials = out / "BTC%2FUSDT" / "trials.json"
    assert json.loads(trials.read_text())["total"] == 128
    assert RunFolder(folder).trials_of("BTC/USDT") == trials
    assert "\nBTC/USDT 1day: " in said("rescore", str(folder))
    assert {p.name for p in out.iterdir()} == {"BTC%2FUSDT_%5EGSPC", "BTC%2FUSDT"}
    assert [run.symbols for run in list_results(out, "^GSPC").runs] == ["BTC/USDT with ^GSPC"]


@pytest.mark.parametrize(
    ("symbol", "symbol2", "timeframe", "name"),
    [
        ("QQQ", None, "1day", "QQQ"),
        ("BRK.B", None, "5min", "BRK.B_5min"),
        ("ES=F", "A^B", "1day", "ES=F_A^B"),
        ("@ES", "BTC/USDT", "1hour", "%40ES_BTC%2FUSDT_1hour"),
        ("a_b-c", None, "1day", "a_b-c"),
    ],
)
def test_folders_of_earlier_versions_keep_their_names(
    symbol: str, symbol2: str | None, timeframe: str, name: str, tmp_path: Path
) -> None:
    assert RunFolder.of(tmp_path, symbol, symbol2, timeframe).path == tmp_path / name


def test_a_folder_of_another_name_stays_in_use_where_it_is(tmp_path: Path) -> None:
    """Windows takes ``CON`` for a device and drops the point of ``A.``; other systems have both."""
    for symbol, now in (("CON", "%43ON"), ("A.", "A%2E")):
        assert RunFolder.of(tmp_path, symbol).path.name == now
        if os.name == "nt":
            continue
        (tmp_path / symbol).mkdir()
        assert RunFolder.of(tmp_path, symbol).path.name == symbol
        named = RunFolder.of(tmp_path, symbol, name="x").path
        assert RunFolder(named).trials_of(symbol) == tmp_path / symbol / "trials.json"
        (tmp_path / now).mkdir()
        assert RunFolder.of(tmp_path, symbol).path.name == now


@pytest.mark.parametrize("symbol", ["", " QQQ", "a\nb", "é", "x" * 65])
def test_what_is_no_symbol_is_refused(symbol: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="symbol"):
        RunFolder.of(tmp_path, symbol)


def test_a_moving_bar_shows_a_symbol_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Bar().stage("fetching [red]X", 2) as tick:
        tick(1)
        assert "fetching [red]X" in shown.getvalue()

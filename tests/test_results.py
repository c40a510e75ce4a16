"""``wfo results``: the runs that there are, read from their manifests alone."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wfo.cli import cli
from wfo.errors import ResultsError
from wfo.files import write_sealed
from wfo.runs.folder import RunFolder
from wfo.runs.results import costs_text, list_results

EARLIER = Path(__file__).parent / "manifests"
TWO = json.loads((EARLIER / "dense_two_symbols.json").read_text())
ONE = json.loads((EARLIER / "survivors_rescored.json").read_text())

V4 = {"wfe": 0.35, "dd_ratio": 3.0, "min_phases": None}


def made(folder: Path, said: dict[str, Any] | None = None, **changes: Any) -> Path:
    """A run's manifest, and nothing else of it."""
    folder.mkdir(parents=True)
    write_sealed(folder / "run.json", {**(said or ONE), "gates": V4} | changes)
    return folder


def unfinished(status: str) -> dict[str, Any]:
    """The manifest of a run that did not come to its end."""
    found = ("finished", "trials", "results", "comparison", "files", "sums", "timings", "rescored")
    return {key: value for key, value in ONE.items() if key not in found} | {"status": status}


def blocks(page: str) -> dict[str, list[str]]:
    """The lines of each run, by its folder."""
    found = {}
    for block in page.split("\n\n"):
        folder = re.search(r"^  in (.*)$", block, re.MULTILINE)
        if folder:
            found[folder[1]] = block.splitlines()
    return found


def test_a_run_says_what_was_searched_what_is_stable_and_when(tmp_path: Path) -> None:
    results = [
        {"strategy": "atr_d_l", "combinations": 1280, "stable": 64, "candidates": 64}
        | {"sets": {"v4": {"stable": 64}, "strict": {"stable": 7}}}
        | {"best": {"oos_return_annual": 0.1234, "buy_and_hold_annual": 0.2}}
    ]
    settings = ONE["settings"] | {"slip": 0.0005, "fee": 0.0001}
    made(tmp_path / "NASDAQ", results=results, settings=settings, finished="2026-03-04T05:06:07Z")
    page = list_results(tmp_path).page
    (lines,) = blocks(page).values()
    assert lines[0] == "NASDAQ 1day; smoke; slip 0.05 %, fee 0.01 %; 2026-03-04 05:06 UTC"
    assert lines[2].split() == ["atr_d_l", "1,280", "64", "5.0", "%", "7", "12.3", "%", "20.0", "%"]
    heads = page.splitlines()[0]
    for head, text in (("Combinations", "1,280"), ("Stable", "64"), ("Strict", "7")):
        assert heads.index(head) + len(head) == lines[2].index(f" {text} ") + len(text) + 1, head


def test_what_a_manifest_does_not_say_is_a_dash(tmp_path: Path) -> None:
    made(tmp_path / "NASDAQ_SP500", TWO)
    ((folder, lines),) = blocks(list_results(tmp_path).page).items()
    assert folder == str(tmp_path / "NASDAQ_SP500")
    assert lines[0].startswith("NASDAQ with SP500 1day; tiny; no costs; ")
    rows = [line.split() for line in lines[2:]]
    assert [row[0] for row in rows] == ["atr_d_duals_l", "atr_d_l"]
    for row, result in zip(rows, TWO["results"], strict=True):
        share = f"{100 * result['stable'] / 128:.1f}"
        assert row[1:] == ["128", f"{result['stable']:,}", share, "%", "-", "-", "-"]


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([{}], "results[0] lacks 'strategy'"),
        ([5], "results[0] = 5 must be an object"),
        ([{"strategy": "atr_d_l", "sets": 5}], "results[0].sets = 5 must be an object"),
        ([{"strategy": "atr_d_l", "stable": -1}], "results[0].stable = -1 must be a whole number"),
    ],
)
def test_results_of_another_shape_are_named(results: list[Any], said: str, tmp_path: Path) -> None:
    made(tmp_path / "NASDAQ", results=results)
    found = list_results(tmp_path)
    assert not found.runs
    assert said in found.unreadable[0]


@pytest.mark.parametrize("results", [[], [{"strategy": "atr_d_l", "sets": {}, "best": None}]])
def test_results_that_say_less_are_dashes(results: list[Any], tmp_path: Path) -> None:
    made(tmp_path / "NASDAQ", results=results)
    ((_, lines),) = blocks(list_results(tmp_path).page).items()
    assert lines[2].split() == ["atr_d_l", "1,280", "-", "-", "-", "-", "-"]


def test_names_timeframes_and_the_history_are_there_and_told_apart(tmp_path: Path) -> None:
    now = made(tmp_path / "QQQ", symbol="QQQ")
    old = made(now / ".history" / "aaaaaaaa", symbol="QQQ", finished="2020-01-01T00:00:00Z")
    older = made(now / ".history" / "00000000", symbol="QQQ", finished="2019-01-01T00:00:00Z")
    named = made(now / "runs" / "costs", symbol="QQQ")
    before = made(named / ".history" / "bbbbbbbb", symbol="QQQ")
    minutes = made(tmp_path / "QQQ_5min", symbol="QQQ", timeframe="5min")
    found = list_results(tmp_path)
    assert [run.folder for run in found.runs] == [now, old, older, named, before, minutes]
    titles = [run.title for run in found.runs]
    marked = ["in the history" in title for title in titles]
    assert marked == [False, True, True, False, True, False]
    assert titles[-1].startswith("QQQ 5min; ")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("running", "not finished: it is under way, or was killed"),
        ("interrupted", "not finished: it was interrupted"),
        ("failed", "not finished: it failed"),
    ],
)
def test_a_run_that_did_not_finish_is_marked(status: str, said: str, tmp_path: Path) -> None:
    made(tmp_path / "NASDAQ", unfinished(status))
    ((_, lines),) = blocks(list_results(tmp_path).page).items()
    assert lines[0].endswith(said)
    assert lines[2].split() == ["atr_d_l", "1,280", "-", "-", "-", "-", "-"]
    made(tmp_path / "SP500")
    assert [("finished" in run.title) for run in list_results(tmp_path).runs] == [True, False]


def test_gates_are_named_where_they_are_not_v4(tmp_path: Path) -> None:
    for name, gates in (
        ("A", V4),
        ("B", V4 | {"min_phases": 2}),
        ("C", V4 | {"wfe": 0.5}),
    ):
        made(tmp_path / name, gates=gates)
    assert ["gates own" in run.title for run in list_results(tmp_path).runs] == [False, False, True]


def test_a_damaged_manifest_is_named_and_the_others_are_listed(tmp_path: Path) -> None:
    made(tmp_path / "A")
    broken = made(tmp_path / "B") / "run.json"
    broken.write_bytes(broken.read_bytes().replace(b"1280", b"1281"))
    other = made(tmp_path / "C", started=5) / "run.json"
    (tmp_path / "D" / "wfo").mkdir(parents=True)
    (tmp_path / "E" / "runs").mkdir(parents=True)
    (tmp_path / "file").touch()
    found = list_results(tmp_path)
    assert [run.folder.name for run in found.runs] == ["A"]
    assert [re.sub(r"^there is no ", "", text).split(" ")[0] for text in found.unreadable] == [
        str(broken),
        str(other),
        str(tmp_path / "D" / "run.json"),
    ]
    called = CliRunner().invoke(cli, ["results", "--out", str(tmp_path)])
    assert called.exit_code == 0
    joined = " ".join(called.output.split())
    assert f"cannot be read: {broken} is damaged" in joined


def test_only_manifests_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path / "NASDAQ")
    (tmp_path / "NASDAQ" / "candidates_atr_d_l_smoke.csv").write_text("x")
    read: list[str] = []
    own = os.open

    def noted(path: Path, *arguments: Any, **options: Any) -> int:
        read.append(Path(path).name)
        return own(path, *arguments, **options)

    monkeypatch.setattr(os, "open", noted)
    assert list_results(tmp_path).runs
    assert set(read) == {"run.json"}


def test_a_symbol_is_found_alone_and_beside_another(tmp_path: Path) -> None:
    made(tmp_path / "NASDAQ")
    made(tmp_path / "NASDAQ_SP500", TWO)
    made(tmp_path / "QQQ", symbol="QQQ")

    def names(symbol: str) -> list[str]:
        return [run.folder.name for run in list_results(tmp_path, symbol).runs]

    assert names("NASDAQ") == ["NASDAQ", "NASDAQ_SP500"]
    assert names("SP500") == ["NASDAQ_SP500"]
    with pytest.raises(ResultsError, match=r"no run of 'qqq' below .*; did you mean 'QQQ'"):
        names("qqq")


def test_there_may_be_none(tmp_path: Path) -> None:
    for out in (tmp_path, tmp_path / "none"):
        called = CliRunner().invoke(cli, ["results", "--out", str(out)])
        assert called.exit_code == 0
        assert called.output == (
            f"no runs below {out}; 'wfo run' makes one, and --out says where\n"
        )


def test_it_is_readable_at_100_columns(tmp_path: Path) -> None:
    out = tmp_path / "quite a long way below" / "everything else that there is"
    said = TWO | {"strategy": "atr_d_duals_ls"}
    said["results"] = [r | {"combinations": 2_239_488_000, "stable": 1} for r in TWO["results"]]
    said["grids"] = [g | {"name": "g" * 60, "combinations": 2_239_488_000} for g in TWO["grids"]]
    folder = made(out / "NASDAQ_SP500" / "runs" / ("n" * 40), said, status="rescoring")
    page = list_results(out).page
    long = [line for line in page.splitlines() if len(line) > 100]
    # A path is not broken: it is there to be copied.
    assert all(line.strip().endswith("n" * 40) for line in long)
    assert folder.name in page
    assert "4.5e-08 %" in page


def test_names_from_files_do_not_steer_a_terminal(tmp_path: Path) -> None:
    made(tmp_path / "X", symbol="\x1b[31mX")
    assert "\x1b" not in list_results(tmp_path).page


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"slip": 0.0005, "fee": 0.0001}, "slip 0.05 %, fee 0.01 %"),
        ({"slip": 0.0, "fee": 0.001}, "fee 0.1 %"),
        ({"slip": 0, "fee": 0.0}, "no costs"),
        ({}, "no costs"),
    ],
)
def test_costs_are_in_percent(settings: dict[str, Any], text: str) -> None:
    assert costs_text(settings) == text


def test_what_is_listed_is_what_a_run_leaves(tmp_path: Path) -> None:
    folder = RunFolder.of(tmp_path, "NASDAQ", name="mine")
    made(folder.path)
    assert [run.folder for run in list_results(tmp_path).runs] == [folder.path]

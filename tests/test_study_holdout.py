"""The hold-out of a search is spent once, recorded for all, and equals simulations by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import wfo
from wfo.data import DataStore
from wfo.runs.optimizing.spending import spend_study_holdout

SPACE = """
strategy: atr_d_l
symbols: [NASDAQ, SP500]
parameters: {atr_period: [5, 9, 20], atr_multiplier: [2, 4]}
objective: total_return
method: grid
block: none
holdout: 1y
settings: {slip: 0.001, capital: 50000}
top: 2
"""


def _spend(out: Path, name: str = "space") -> str:
    return spend_study_holdout(out, name, DataStore(), command=f"wfo study spend-holdout {name}")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def space(tmp_path: Path) -> Path:
    path = tmp_path / "space.yaml"
    path.write_text(SPACE)
    return path


def _recorded(out: Path, symbol: str) -> list[dict[str, Any]]:
    entries = json.loads((out / symbol / "holdouts.json").read_text())["spent"]
    assert isinstance(entries, list)
    return entries


def test_the_best_sets_are_simulated_on_what_was_held_out_once(space: Path, out: Path) -> None:
    report = wfo.optimize(space, out=out)
    assert report.holdout is not None
    first = report.holdout[0]
    page = _spend(out)
    for symbol in ("NASDAQ", "SP500"):
        bars = wfo.load_sample(symbol)
        days = [day.isoformat() for day in bars["date"].to_list()]
        at = days.index(first)
        (entry,) = _recorded(out, symbol)
        assert (entry["first"], entry["last"]) == (first, days[-1])
        assert entry["symbols"] == [symbol]
        # Other searches learn from the count whose hold-out it is.
        (search,) = json.loads((out / symbol / "trials.json").read_text())["searches"]
        assert search["holdout"] == {
            "folder": str(report.folder), "span": "1y", "first": first, "last": days[-1],
        }  # fmt: skip
        sets = entry["finalists"]
        for each, trial in zip(sets, report.best, strict=True):
            assert dict(trial.params).items() <= each["params"].items()
        for each in sets:
            settings = wfo.Settings(slip=0.001, capital=50_000)
            simulation = wfo.simulate(
                "atr_d_l", bars, each["params"], split=len(bars) - 1, warmup=at, settings=settings
            )
            made = float(simulation.equity[-1]) / 50_000 - 1
            assert each["figures"]["total_return"] == pytest.approx(made, rel=1e-12)
    assert "Spent on" in page
    # Again: what was recorded, and nothing new.
    before = (out / "NASDAQ" / "holdouts.json").read_bytes()
    assert _spend(out) == page
    assert (out / "NASDAQ" / "holdouts.json").read_bytes() == before
    # Another search of the same bars cannot spend them, and says so from the start.
    other = wfo.optimize(space, out=out, study="other", seed=2)
    assert any("has spent the bars of NASDAQ" in each for each in other.warnings)
    with pytest.raises(wfo.ResultsError, match="is not untouched: NASDAQ"):
        _spend(out, "other")
    assert len(_recorded(out, "NASDAQ")) == 1


def test_what_cannot_be_spent_is_said(space: Path, out: Path, tmp_path: Path) -> None:
    space.write_text(SPACE.replace("holdout: 1y\n", ""))
    wfo.optimize(space, out=out)
    with pytest.raises(wfo.ResultsError, match=r"held nothing out; 'wfo optimize --holdout 1y'"):
        _spend(out)
    (tmp_path / "prog.py").write_text("def evaluate(params):\n    return {'profit': params['n']}\n")
    space.write_text(
        "program: prog.py:evaluate\nsymbols: [SP500]\nparameters: {n: [1, 5]}\n"
        "objective: profit\nholdout: 1y\n"
    )
    wfo.optimize(space, out=out, study="program")
    with pytest.raises(wfo.ResultsError, match="is of a program"):
        _spend(out, "program")
    with pytest.raises(wfo.ResultsError, match="there is no study 'progam'"):
        _spend(out, "progam")
    assert not (out / "SP500" / "holdouts.json").exists()


def test_only_the_bars_that_were_searched_and_held_out_will_do(
    space: Path, out: Path, tmp_path: Path
) -> None:
    store = DataStore(tmp_path / "store")
    bars = wfo.load_sample("NASDAQ")
    origin = DataStore().load_with_meta("NASDAQ", "1day").meta.origin
    store.save("NAS", "1day", bars[:-10], origin)
    space.write_text(SPACE.replace("[NASDAQ, SP500]", "[NAS]"))
    report = wfo.optimize(space, out=out, data_dir=store.folder)
    last = bars["date"][-11].isoformat()
    assert report.holdout is not None
    assert report.holdout[1] == last

    def spend() -> str:
        return spend_study_holdout(out, "space", store, command="wfo study spend-holdout space")

    summary = out / "optimization" / "space" / "summary.json"
    kept = summary.read_bytes()
    summary.unlink()
    with pytest.raises(wfo.ResultsError, match="has no best sets yet"):
        spend()
    summary.write_bytes(kept)
    # Other bars before the hold-out.
    store.save("NAS", "1day", bars[5:], origin)
    with pytest.raises(wfo.ResultsError, match="are not those that were searched"):
        spend()
    assert not (out / "NAS" / "holdouts.json").exists()
    # Bars that came later are not looked at.
    store.save("NAS", "1day", bars, origin)
    spend()
    (entry,) = _recorded(out, "NAS")
    assert entry["last"] == last

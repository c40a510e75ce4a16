"""``verdict.json``: what is written is what is read, and what is not of its kind is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from made_verdict import made_verdict

from wfo.errors import InputError, ResultsError
from wfo.files import write_sealed
from wfo.runs.verdict.record import Correlation, Sample, Verdict


def test_a_verdict_is_read_as_it_was_written(tmp_path: Path) -> None:
    verdict = made_verdict("atr_d_l", "atr_d_ls")
    path = tmp_path / "verdict.json"
    verdict.write(path)
    assert Verdict.read(path) == verdict
    assert verdict.strategy("atr_d_ls").strategy == "atr_d_ls"
    with pytest.raises(InputError, match="no 'sma_cross'; there are atr_d_l, atr_d_ls"):
        verdict.strategy("sma_cross")


def _places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in plain values; of a list's items the first one's alone."""
    found: list[tuple[Any, ...]] = []
    if isinstance(data, dict):
        for name, each in data.items():
            found += [(*path, name), *_places(each, (*path, name))]
    elif isinstance(data, list) and data:
        found += [(*path, 0), *_places(data[0], (*path, 0))]
    return found


def _with(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    made = copy.deepcopy(data)
    at = made
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return made


def test_every_field_is_checked() -> None:
    plain = json.loads(json.dumps(made_verdict().to_dict()))
    assert Verdict.from_dict(plain) == made_verdict()
    places = _places(plain)
    assert len(places) > 100
    # Any names go where parameters and timings are named.
    free = ("params", "seconds", "reasons")
    for path in places:
        with pytest.raises(ResultsError):
            Verdict.from_dict(_with(plain, path, object()))
        if isinstance(path[-1], str) and not any(name in path[:-1] for name in free):
            missing = _with(plain, path, None)
            at = missing
            for step in path[:-1]:
                at = at[step]
            del at[path[-1]]
            with pytest.raises(ResultsError):
                Verdict.from_dict(missing)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("made", "samples"), True, "samples must be of type int, not True"),
        (("made", "samples"), 2000.0, "samples must be of type int, not 2000.0"),
        (("slice", "periods_per_year"), float("nan"), "must be of type float, not nan"),
        (("strategies", 0, "stable"), 10**9, "combinations are stable"),
        (("strategies", 0, "combinations"), 0, "of 0 combinations are stable"),
        (("run", "statistics", "cash", "p_upper"), 1.5, "p_upper = 1.5 must be from 0 to 1"),
        (("run", "statistics", "cash", "benchmark"), "gold", "must be one of"),
        (("symbol",), None, "symbol must be of type str, not None"),
        (("layout",), 99, "layout 99"),
        (("further",), 1, "has 'further', which this version does not know"),
    ],
)
def test_what_is_not_of_its_kind_is_named(path: tuple[Any, ...], value: Any, said: str) -> None:
    with pytest.raises(ResultsError, match=said):
        Verdict.from_dict(_with(made_verdict().to_dict(), path, value))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "verdict.json"
    made_verdict().write(path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"pbo": 0.47', '"pbo": 0.07'), encoding="utf-8")
    with pytest.raises(ResultsError, match="is damaged"):
        Verdict.read(path)
    write_sealed(path, {"layout": 1, "symbol": "QQQ"})
    with pytest.raises(ResultsError, match="cannot be used: the verdict lacks"):
        Verdict.read(path)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(InputError, match="of 10 combinations 11 were drawn"):
        Sample(10, 11, 0, 0)
    with pytest.raises(InputError, match=r"value = 1\.1"):
        Correlation(1.1, 3, exact=True)

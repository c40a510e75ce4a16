"""Forged JSON: what others could write in place of every value, sealed as the package does it."""

from __future__ import annotations

import copy
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conftest import PLATEAU_GRID
from made_verdict import made_verdict

import wfo
from wfo.data import BarsOrigin, DataStore, load_sample
from wfo.runs.analysis.analyzing import analyze
from wfo.runs.folder import RunFolder
from wfo.runs.handover.set_export import export_set
from wfo.runs.handover.set_file import write_set
from wfo.runs.holdout.evaluating import spend_holdout
from wfo.runs.permuting.testing import permutation_test
from wfo.runs.plan import RunPlan
from wfo.runs.refinement.refining import refine
from wfo.runs.run import run
from wfo.runs.stage_alone.plateau_stage import plateaus
from wfo.runs.verdict.concluding import conclude
from wfo.selection.plateaus import PlateauOptions
from wfo.tradestation.ranges import RangeOptions

Keys = tuple[str | int, ...]

#: A key that is not there.
MISSING = object()

#: What steers a terminal, turns the direction of writing, is a page's own markup, and a formula.
STEERING = "=1+1\x1b]0;x\x07\x1b[2J\x9b31m\r\u202e</script><script>alert(1)</script>\u2028'\"&"

DEEP: Any = []
for _ in range(60):
    DEEP = [DEEP]

#: What every value is replaced by.
FORGED: tuple[Any, ...] = (
    MISSING, None, True, False, "text", "", 3, 0.5, -1, 0, 1e308, -1e308, 5e-324, 10**299,
    -(10**299), 2**63, 2**53, [], [1, 2, 3], ["a"], [[]], {}, {"a": 1}, {"": {}}, DEEP,
    {"a": DEEP},
    "../../x", "/etc/passwd", "a/../b", "..", "/dev/zero", "\ud800", "2024-13-45",
    "0001-01-01", "9999-12-31", STEERING, "x" * 1_000_000,
)  # fmt: skip


def made_run(place: Path, *, concluded: bool = False) -> RunFolder:
    """A run of which every JSON file is there, below ``results``, and bars in ``store``.

    The verdict is a made-up one unless the run is `concluded`, which takes seconds.
    """
    bars = load_sample("NASDAQ").select("date", "open", "high", "low", "close", "volume")
    store = DataStore(place / "store")
    store.save("NASDAQ", "1day", bars, BarsOrigin("made.csv"))
    (place / "made.yaml").write_text(PLATEAU_GRID)
    plan = RunPlan(
        "NASDAQ", "atr_d_l", grid=place / "made.yaml", settings=wfo.Settings(capital=50_000),
        holdout="12m", out=place / "results", ranges=RangeOptions(max_tests=20),
        command="wfo run again", fetch=False,
    )  # fmt: skip
    folder = run(plan, store).folder
    plateaus(folder, options=PlateauOptions(least_stable=5), command="wfo plateaus again")
    refine(folder, command="wfo refine again")
    analyze(folder, top=3, command="wfo analyze again")
    permutation_test(folder, runs=19, command="wfo permutation-test again")
    if concluded:
        conclude(folder, samples=50)
    else:
        made_verdict().write(folder.path / "verdict.json")
    spend_holdout(folder, command="wfo verdict again")
    write_set(export_set(folder.path, candidate=1), place / "set.json", "json")
    return folder


def sealed_text(data: dict[str, Any]) -> str:
    """The text of a sealed file, as the package writes it."""
    from wfo.files import json_text

    text = json_text._json_text({**data, "seal": json_text._UNSEALED})
    head, _, tail = text.rpartition(json_text._UNSEALED)
    return head + json_text._digest(text) + tail


def forge(path: Path, data: dict[str, Any], *, sealed: bool = True) -> None:
    """Write a file anew; one that is sealed with a seal that holds."""
    text = sealed_text(data) if sealed else json.dumps(data)
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="\n")


def read(path: Path) -> dict[str, Any]:
    """What a file says, without its seal."""
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    data.pop("seal", None)
    return data


def places(data: Any, *, every: bool = False, keys: Keys = ()) -> Iterator[Keys]:
    """The keys that lead to each value; of a list the first item stands for all, unless `every`."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield (*keys, name)
            yield from places(value, every=every, keys=(*keys, name))
    elif isinstance(data, list):
        for number, value in enumerate(data if every else data[:1]):
            yield (*keys, number)
            yield from places(value, every=every, keys=(*keys, number))


def with_value(data: Any, keys: Keys, value: Any) -> Any:
    """A copy in which one value is another one, or is not there."""
    found = copy.copy(data)
    if len(keys) > 1:
        found[keys[0]] = with_value(data[keys[0]], keys[1:], value)
    elif value is MISSING:
        del found[keys[0]]
    else:
        found[keys[0]] = value
    return found


def some(keys: Keys, count: int) -> list[Any]:
    """So many of the forged values, others for other keys, the same ones in every run."""
    start = zlib.crc32(repr(keys).encode())
    step = 11
    return [FORGED[(start + step * k) % len(FORGED)] for k in range(count)]


def named(keys: Keys, value: Any) -> str:
    """What was forged, for messages."""
    shown = "missing" if value is MISSING else f"{value!a:.60}"
    return f"{'.'.join(map(str, keys))} = {shown}"

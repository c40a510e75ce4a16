"""Whether two versions of the package read the same of the same files: ``python same_bars.py``.

With ``--write FILE`` all files of a corpus are read by the version that Python finds, and what
would be stored of each is noted; ``--compare BEFORE AFTER`` compares two such notes. Files that the
first version reads right have to be stored byte for byte alike by the second::

    PYTHONPATH=OTHER/python python benches/same_bars.py --data DIR --write before.json
    PYTHONPATH=python python benches/same_bars.py --data DIR --write after.json
    python benches/same_bars.py --compare before.json after.json

The corpus: the dialects and valid files of the tests, files of ``--data``, files in all forms of
``tests/bar_forms.py``, mutated ones, and random dialects; of the last three the true bars are
known.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import hashlib
import io
import itertools
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wfo.data import read_bars
from wfo.errors import WfoError

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import bar_files
import csv_inputs
import mutated_files
import parquet_inputs
import test_data_reading
from bar_forms import FORMS

#: Files of each form, mutated files, broken files, and files in random dialects.
OF_A_FORM, MUTATED, BROKEN, RANDOM = 8, 2_000, 2_000, 500


@dataclasses.dataclass(frozen=True)
class Case:
    """A file, the arguments to read it by, and its true bars where they are known."""

    label: str
    content: bytes
    how: dict[str, Any]
    bars: list[bar_files.Bar] | None = None
    ending: str = ".csv"


def cases(folder: Path | None) -> Iterator[Case]:
    """Yield the files of the corpus."""
    yield from of_tests()
    yield from of_forms()
    yield from of_mutations()
    yield from of_dialects()
    if folder is not None:
        yield from of_folder(folder)


def of_tests() -> Iterator[Case]:
    for name, text in test_data_reading.DAILY_FILES.items():
        yield Case(f"test, daily: {name}", text.encode(), {})
        for calendar in ("none", "24/7"):
            yield Case(f"test, {calendar}: {name}", text.encode(), {"calendar": calendar})
    for name, text in test_data_reading.INTRADAY_FILES.items():
        yield Case(f"test, intraday: {name}", text.encode(), {"timeframe": "5min"})
    for adjust in ("none", "split-and-dividend"):
        yield Case(f"test: {adjust}", test_data_reading.YAHOO.encode(), {"adjust": adjust})
    for name, frame in test_data_reading.PARQUET_FRAMES.items():
        file = io.BytesIO()
        frame.write_parquet(file)
        yield Case(f"test, parquet: {name}", file.getvalue(), {}, ending=".parquet")
    for name, (content, how) in csv_inputs.seeds().items():
        yield Case(f"seed: {name}", content, how)
        yield Case(f"seed, repaired: {name}", content, {**how, "repair": True})
    for name, content in parquet_inputs.seeds().items():
        yield Case(f"parquet seed: {name}", content, {}, ending=".parquet")
    valid = csv_inputs.seeds()
    for number in range(BROKEN):
        label, content, how = csv_inputs.broken(number, valid)
        yield Case(f"broken {label}", content, how)


def _how(form: bar_files.Form) -> dict[str, Any]:
    how = dict(form.how) or {"calendar": "none"}
    return how | {"timeframe": mutated_files.TIMEFRAMES.get(form.minutes, "1day")}


def of_forms() -> Iterator[Case]:
    for name, form in FORMS.items():
        for number in range(OF_A_FORM):
            rng = random.Random(f"{name} {number}")
            bars = bar_files.make_bars(rng, form, rng.randint(14, 60))
            text = bar_files.render(
                bar_files.make_lines(form, bars), form.separator, form.quote, form.newline
            )
            yield Case(f"form: {name} {number}", text.encode(form.encoding), _how(form), bars)


def of_mutations() -> Iterator[Case]:
    for seed in range(MUTATED):
        made = mutated_files.mutated(seed)
        how = {**_how(FORMS[made.form]), **made.how}
        bars = made.bars if made.certain else None
        yield Case(f"mutated {made.label}", made.content, how, bars, made.ending)


#: Notations that are read without help: decimal sign, thousands sign, what else is around.
NOTATIONS = ((".", ""), (",", ""), (".", ","), (",", "."), (".", " "), (".", "'"), (",", "\u00a0"))
DATES = ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d-%b-%Y",
         "%b %d, %Y", "%d %b %Y", "%Y.%m.%d", "%m/%d/%y", "%d-%m-%Y", "%d.%m.%y",
         "%Y-%m-%d 00:00:00", "%Y-%m-%dT00:00:00Z")  # fmt: skip
HEADINGS = ("date,open,high,low,close,volume", "<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
            " Trade_Date,Open Price,HIGH,low ,Close*,Total Volume", "timestamp,o,h,l,c,v",
            ",Open,High,Low,Last,Vol.")  # fmt: skip


def of_dialects() -> Iterator[Case]:
    """Yield files of random separators, notations, dates, orders and encodings."""
    for number in range(RANDOM):
        rng = random.Random(number)
        separator, (decimal, group) = rng.choice(",;\t"), rng.choice(NOTATIONS)
        form = bar_files.Form(
            str(number),
            bar_files.columns(rng.choice(HEADINGS), "stamp,open,high,low,close,volume"),
            stamp=rng.choice(DATES),
            price=bar_files.grouped(group, decimal),
            separator=separator,
            quote=rng.choice(("all", "needed")),
            newest_first=rng.random() < 0.4,
            newline=rng.choice(("\n", "\r\n")),
            encoding=rng.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16")),
            sizes=(("101.25", 2), ("1.1", 5), ("4512.5", 2), ("61234.5", 1), ("151.25", 3)),
        )
        bars = bar_files.make_bars(rng, form, rng.randint(2, 60))
        lines = bar_files.make_lines(form, bars)
        text = bar_files.render(lines, separator, form.quote, form.newline)
        label = f"dialect {number}: {form.stamp} {decimal}{group} {separator!r}"
        how = {"calendar": rng.choice(("none", "XNYS"))}
        yield Case(label, text.encode(form.encoding), how, bars)


def of_folder(folder: Path) -> Iterator[Case]:
    """Yield the files of a folder, by each timeframe and calendar that may be meant."""
    for path in sorted(folder.rglob("*.csv")):
        known = next((t for t in ("1min", "5min", "1hour") if t in path.stem), "1day")
        for calendar, timezone in itertools.product(("XNYS", "24/7", "none"), (None, "UTC")):
            how = {"timeframe": known, "calendar": calendar, "timezone": timezone}
            yield Case(f"{path.name} {calendar} {timezone}", path.read_bytes(), how)


def stored(case: Case, folder: Path) -> dict[str, Any]:
    """Read a file, and return what would be stored of it, or the refusal."""
    path = folder / f"XYZ{case.ending}"
    path.write_bytes(case.content)
    try:
        bars = read_bars(path, **case.how)
    except WfoError as error:
        return {"error": str(error)}
    except Exception as error:  # noqa: BLE001  # of a version that has a fault there
        return {"error": repr(error)}
    file = io.BytesIO()
    bars.frame.write_parquet(file, compression="zstd")
    origin = bars.origin
    right = None if case.bars is None else bar_files.difference(bars.frame, case.bars) is None
    return {
        "right": right,
        "digest": hashlib.sha256(file.getvalue()).hexdigest(),
        "kept": [bars.timeframe, origin.calendar, origin.timezone, origin.adjust, origin.repaired],
        "first": [str(cell) for cell in bars.frame.row(0)],
    }


def write(target: Path, data: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = {case.label: stored(case, Path(folder)) for case in cases(data)}
    target.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(f"{len(found):,} files, {sum('digest' in f for f in found.values()):,} read")


def compare(before: Path, after: Path) -> int:
    """Print what differs; return how many files read right before are stored otherwise."""
    old, new = (json.loads(path.read_text(encoding="utf-8")) for path in (before, after))
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    worse = 0
    for label, was in old.items():
        now = new[label]
        kind = label.split()[0].rstrip(",:")
        known = {True: "right", False: "wrong", None: "read"}
        before_ = known[was["right"]] if "digest" in was else "refused"
        after_ = known[now["right"]] if "digest" in now else "refused"
        same = was.get("digest") == now.get("digest") and was.get("kept") == now.get("kept")
        counts[kind][f"{before_}, then {after_}{'' if same else ', other bytes'}"] += 1
        if before_ in ("right", "read") and not same:
            worse += before_ == "right" or kind not in ("broken", "mutated")
            print(f"{before_}, other: {label}\n   {was['first']}\n   {now.get('first', now)}")
    for kind, found in counts.items():
        print(kind, dict(found))
    return worse


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, help="a folder of files of bars")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--compare", type=Path, nargs=2)
    given = parser.parse_args()
    if given.write is not None:
        write(given.write, given.data)
    if given.compare is not None:
        worse = compare(*given.compare)
        print(f"{worse:,} files that were read right are stored otherwise")
        sys.exit(worse > 0)


if __name__ == "__main__":
    main()

"""Texts that others may have made: seeds of every kind, and mutations that keep their structure.

A reader takes a text or refuses it with one `WfoError`. Its message is one line that is not long
and does not steer a terminal, and neither takes more than a bounded time. Run as a script, in a
process with limits of its own, this looks for texts that break that until its time is over:
``python tests/mutated_texts.py KIND SECONDS SEED``.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

import wfo
from wfo.data.importing.times.date_formats import read_format
from wfo.data.sources.config import SourcesConfig
from wfo.errors import WfoError
from wfo.files import parse_json, read_sealed
from wfo.grid import Grid
from wfo.strategy import get_strategy
from wfo.tradestation.range_files import CONFIG, JobList
from wfo.tradestation.reports import read_report
from wfo.windows import WalkSchedule, WalkWindows

#: Seeds that broke a reader once, by kind.
KEPT = Path(__file__).parent / "texts_of_others"

#: Seconds of a reader's CPU for one text of a few kilobytes.
LONGEST = 3.0

#: Characters of a message.
LONGEST_MESSAGE = 3_000

_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

#: What is put in the place of numbers, words and anything else.
NUMBERS = (
    *("0", "-1", "1", "1.0", "0.1", "1e3", "1e999", "-1e999", "1e-999", "010", "0x1F", "0b1"),
    *("1_000", "1__0", "1:30", ".inf", "-.inf", ".nan", "NaN", "Infinity", "2147483648", "1,5"),
    *("9223372036854775808", "9" * 301, "9" * 5_000, "0." + "0" * 400 + "1", "1.234,5", "--1"),
    *("\u0661\u0662", "\u00b2", "1.0e+999", "99999999999y", "0y", "0.5m", "12m", "2024-02-30"),
    *("0001-01-01", "9999-12-31"),
)
WORDS = (
    *("no", "yes", "true", "null", "~", "", "''", "'NO'", "<<", "*a", "&a x", "!!set", "=", "?"),
    *("!!python/object:os.x", "\x1b[2J", "\u202e", "\x00", "\x85", "\ufeff", "\u2028", "a" * 5_000),
    *("../../x", "/dev/zero", "~", '"\\x1b[2J"', '"\\ud800"', "{}", "[]", "{a: {a: {a: 1}}}"),
    *("[[[[1]]]]", "%s%n", "}", "{", "*)", "//", "}; inputs: x(1); {", '"', "'", '""', "=cmd|x"),
    *("sep=;", "\t", "\r", "\r\n", "__class__"),
)
MARKS = tuple(":,;{}[]()\"'#&*!|>%@`-?\n\t \\/=<.")


@dataclass(frozen=True)
class Kind:
    """A kind of text: how it is read, and what begins the search.

    Attributes
    ----------
    name
        What it is called.
    read
        Reads a text in an empty folder; what it raises beside `WfoError` is a fault.
    seeds
        Sound texts, most of which are read.
    """

    name: str
    read: Callable[[bytes, Path], None]
    seeds: tuple[bytes, ...]


class ReaderError(AssertionError):
    """What a reader did that none may do."""


def attempt(kind: Kind, content: bytes, folder: Path) -> bool:
    """Return whether a text is taken; raise unless it is taken, or refused well."""
    begin = time.process_time()
    message = None
    try:
        kind.read(content, folder)
    except WfoError as error:
        message = str(error)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of a library is no Exception
        raise ReaderError(f"{type(error).__name__}: {traceback.format_exc(limit=-4)}") from error
    taken = time.process_time() - begin
    if taken > LONGEST:
        raise ReaderError(f"it took {taken:.1f} s")
    if message is not None:
        if not message.strip() or len(message) > LONGEST_MESSAGE:
            raise ReaderError(f"its message has {len(message):,} characters: {message[:200]!r}")
        if (found := _STEERING.search(message)) is not None:
            raise ReaderError(f"its message has {found[0]!r}: {message[:500]!r}")
    return message is None


def mutated(rng: random.Random, seeds: tuple[bytes, ...]) -> bytes:
    """Return a seed with some mutations."""
    content = rng.choice(seeds)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        content = rng.choice(_MUTATIONS)(rng, content, seeds)
    return content[: 1 << 17]


def _number(rng: random.Random, content: bytes, _: Any) -> bytes:
    return _replaced(rng, content, rb"[0-9][0-9.,_:eE+-]*", rng.choice(NUMBERS))


def _word(rng: random.Random, content: bytes, _: Any) -> bytes:
    return _replaced(rng, content, rb"[A-Za-z_][A-Za-z0-9_.-]*", rng.choice(WORDS + NUMBERS))


def _value(rng: random.Random, content: bytes, _: Any) -> bytes:
    return _replaced(rng, content, rb'[^\n,:;{}\[\]"()]+', rng.choice(WORDS + NUMBERS))


def _replaced(rng: random.Random, content: bytes, pattern: bytes, new: str) -> bytes:
    found = list(re.finditer(pattern, content))
    if not found:
        return content
    place = rng.choice(found)
    return content[: place.start()] + _bytes(new) + content[place.end() :]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _mark(rng: random.Random, content: bytes, _: Any) -> bytes:
    at = rng.randint(0, len(content))
    return content[:at] + _bytes(rng.choice(MARKS)) * rng.choice((1, 1, 2, 40)) + content[at:]


def _lines(rng: random.Random, content: bytes, _: Any) -> bytes:
    lines = content.splitlines(keepends=True)
    if len(lines) < 2:
        return content + content
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    what = rng.randrange(5)
    if what == 0:
        lines.insert(other, lines[at])
    elif what == 1:
        del lines[at]
    elif what == 2:
        lines[at], lines[other] = lines[other], lines[at]
    elif what == 3:
        lines[at:at] = [lines[at]] * 200
    else:
        lines[at] = b"  " + lines[at]
    return b"".join(lines)


def _nest(rng: random.Random, content: bytes, _: Any) -> bytes:
    depth = rng.choice((1, 9, 33, 70, 2_000))
    at = rng.randint(0, len(content))
    begin, end = rng.choice(((b"[", b"]"), (b"{a: ", b"}"), (b'{"a":', b"}"), (b"- ", b"")))
    return content[:at] + begin * depth + b"1" + end * depth + content[at:]


def _aliases(rng: random.Random, content: bytes, _: Any) -> bytes:
    size = rng.choice((2, 8, 30))
    bomb = b"a0: &a0 [1, 2]\n" + b"".join(
        b"a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, size)
    )
    own = rng.choice((bomb, b"a: &a [*a]\n", b"a: &a {<<: *a}\n", b"<<: {a: 1}\n<<: {b: 1}\n"))
    return own + content if rng.random() < 0.5 else content + b"\n" + own


def _cut(rng: random.Random, content: bytes, _: Any) -> bytes:
    begin = rng.randint(0, len(content))
    end = rng.randint(begin, min(len(content), begin + 60))
    return content[:begin] + content[end:] if rng.random() < 0.6 else content[:begin]


def _byte(rng: random.Random, content: bytes, _: Any) -> bytes:
    at = rng.randint(0, len(content))
    return content[:at] + bytes([rng.randrange(256)]) + content[at + rng.randint(0, 1) :]


def _splice(rng: random.Random, content: bytes, seeds: tuple[bytes, ...]) -> bytes:
    other = rng.choice(seeds)
    return content[: rng.randint(0, len(content))] + other[rng.randint(0, len(other)) :]


def _encoded(rng: random.Random, content: bytes, _: Any) -> bytes:
    text = content.decode("utf-8", "replace")
    encoding = rng.choice(("utf-16", "utf-16-le", "utf-8-sig", "latin-1", "utf-32"))
    found = text.encode(encoding, "replace")
    return found if rng.random() < 0.8 else content + found


def _ends(rng: random.Random, content: bytes, _: Any) -> bytes:
    return content.replace(b"\n", rng.choice((b"\r", b"\r\n", b"\n\n", b"\x85", b" ")))


_MUTATIONS = (
    _number, _number, _word, _word, _value, _value, _mark, _mark, _lines, _lines, _nest, _aliases,
    _cut, _byte, _splice, _encoded, _ends,
)  # fmt: skip


# How each kind is read


def _file(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _grid(content: bytes, folder: Path) -> None:
    path = _file(folder, "mine.yaml", content)
    # What covers one strategy only is refused for others.
    for name in ("atr_d_l", "atr_d_hma_ls"):
        grid = Grid.load(path, name)
        assert len(grid.params(len(grid) - 1)) == len(grid.strategy.names)
        assert Grid.from_dict(grid.to_dict()) == grid


def _schedule(content: bytes, folder: Path) -> None:
    windows = wfo.Windows.load(_file(folder, "mine.yaml", content))
    assert wfo.Windows.from_dict(windows.to_dict()) == windows
    windows.resolve(_dates())


def _walk(content: bytes, folder: Path) -> None:
    schedule = WalkSchedule.load(_file(folder, "mine.yaml", content))
    assert WalkSchedule.from_dict(schedule.to_dict()) == schedule
    found = schedule.resolve(_dates())
    assert WalkWindows.from_dict(found.to_dict()) == found


def _dates() -> Any:
    from wfo.data import sample_store

    if not _DATES:
        _DATES.append(sample_store().read("NASDAQ").frame["date"])
    return _DATES[0]


_DATES: list[Any] = []


def _options(content: bytes, folder: Path) -> None:
    from wfo.cli.run import run

    path = _file(folder, "run.yaml", content)
    try:
        run.make_context("run", ["--config", str(path)])
    except click.UsageError as error:
        # Of what is missing on the command line.
        raise WfoError(error.format_message()) from None
    except click.exceptions.Exit:
        pass


def _json(content: bytes, folder: Path) -> None:
    del folder
    try:
        parse_json(content.decode("utf-8"))
    except ValueError as error:
        # Its callers put the name of the file in front.
        raise WfoError(str(error).encode("ascii", "backslashreplace").decode()) from None


def _sealed(content: bytes, folder: Path) -> None:
    read_sealed(_file(folder, "run.json", _seal(content)))


def _seal(content: bytes) -> bytes:
    """Return an object in JSON with a seal, which whoever writes a file can make."""
    body = content.rstrip().removesuffix(b"}").rstrip()
    text = body + b',\n  "seal": "' + b"0" * 64 + b'"\n}\n'
    digest = hashlib.sha256(text).hexdigest().encode()
    return body + b',\n  "seal": "' + digest + b'"\n}\n'


RANGE_FILE = "phase5_refine_ATR-D-v1.5-L_rank1.csv"
_BETWEEN = b"\n=== ranges ===\n"


def _ranges(content: bytes, folder: Path) -> None:
    jobs, _, ranges = content.partition(_BETWEEN)
    _file(folder, CONFIG, jobs)
    _file(folder, RANGE_FILE, ranges)
    found = JobList.read(folder, [get_strategy("atr_d_l"), get_strategy("atr_d_ls")])
    if found.faults:
        raise WfoError(max((fault.what for fault in found.faults), key=len))
    for job in found.jobs:
        job.rows(0, 10)
        assert job.count <= job.tests
        _plain(job.notes)


def _report(content: bytes, folder: Path) -> None:
    path = _file(folder, "Refinement_ATR-D-v1.5-L_rank1_SMH.csv", content)
    found = read_report(path, [get_strategy("atr_d_l")], "SMH")
    assert found.rows.height
    _plain(found.notes)
    _plain([fault.what for fault in found.faults])


def _plain(notes: Any) -> None:
    """Raise if a note would steer a terminal."""
    for note in notes:
        assert _STEERING.search(note) is None, note
        assert len(note) <= LONGEST_MESSAGE, note[:200]


def _set(ending: str) -> Callable[[bytes, Path], None]:
    def read(content: bytes, folder: Path) -> None:
        found = wfo.read_set(_file(folder, f"set{ending}", content))
        _plain(found.warnings)

    return read


def _sources(content: bytes, folder: Path) -> None:
    _file(folder, "sources.toml", content)
    (folder / "sources.toml").chmod(0o600)
    SourcesConfig.load({"WFO_CONFIG_DIR": str(folder)})


def _date_format(content: bytes, folder: Path) -> None:
    import polars as pl

    del folder
    text = content.decode("utf-8", "replace")
    form = read_format(text)
    for pattern in (form.date, form.between, form.time, form.whole):
        if pattern is not None:
            pl.Series(["2024-02-29", "1.2.24 9:30", "", "x"]).str.extract_groups(f"^{pattern}$")


# Seeds


def _grids() -> Iterator[bytes]:
    for path in sorted((Path(wfo.__file__).parent / "grids").glob("*.yaml")):
        yield path.read_bytes()
    yield (
        b"atr_d_l: &l\n  atr_period: [4, 16, 64]\n  atr_multiplier: {from: 2, to: 24, step: 2}\n"
        b"atr_d_hma_ls:\n  <<: *l\n  hma_fast_length: [5, 10]\n  hma_slow_length: [20, 40]\n"
    )
    yield b"atr_period: 14\nbb_length: [10, 20]\ndescription: 'of mine'\n"


def _examples(kind: str) -> list[bytes]:
    text = (Path(wfo.__file__).parent / "FORMATS.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [b.encode() for b in blocks if b.startswith(f"# {kind}:")]


def _records() -> list[bytes]:
    record = {
        "name": "a", "fingerprint": "0" * 64, "grids": [{"name": "x", "values": {"a": [1, 2.5]}}],
        "phases": [{"number": 1, "from": "2018-01-01", "in_sample": ["2018-01-01", "2019-01-01"]}],
        "notes": ["a \u00e9"], "nothing": None, "flag": True, "big": 123456789, "e": 1e-5,
    }  # fmt: skip
    return [json.dumps(record, indent=2).encode(), b'{"a": [[1], {"b": {}}], "a2": -0.0}']


def _sets(form: str) -> list[bytes]:
    from test_set_files import chosen

    from wfo.runs.handover.set_file import set_text

    return [set_text(chosen(), form).encode()]


def kinds() -> dict[str, Kind]:
    """Return all kinds, by name."""
    from test_range_files import HEAD, LINE, RANGES
    from test_reports import report

    reported = report().write_csv().encode()
    comma = reported.replace(b",", b";").replace(b".", b",")
    quoted = b'"Report of ""SMH"""\n' + report().write_csv(quote_style="always").encode()
    found = [
        Kind("grid", _grid, tuple(_grids())),
        Kind("schedule", _schedule, tuple(_examples("windows") + _examples("walk"))),
        Kind("walk", _walk, tuple(_examples("walk"))),
        Kind("options", _options, tuple(_examples("options"))),
        Kind("json", _json, tuple(_records())),
        Kind("sealed", _sealed, tuple(_records())),
        Kind("ranges", _ranges, ((HEAD + LINE).encode() + _BETWEEN + RANGES.encode(),)),
        Kind("report", _report, (reported, comma, quoted, reported.replace(b",", b"\t"))),
        Kind("set-json", _set(".json"), tuple(_sets("json"))),
        Kind("set-yaml", _set(".yaml"), tuple(_sets("yaml") + _examples("set"))),
        Kind("set-easylanguage", _set(".el"), tuple(_sets("easylanguage-inputs"))),
        Kind("sources", _sources, (_SOURCES,)),
        Kind("date-format", _date_format, (b"%d/%m/%Y", b"DD.MM.YYYY", b"%Y-%m-%d", b"YYYYMMDD")),
    ]
    return {
        kind.name: Kind(kind.name, kind.read, (*kind.seeds, *kept(kind.name))) for kind in found
    }


_SOURCES = b"""source = "alpaca"
[http]
timeout = 30
attempts = 5
[tradestation]
environment = "live"
[alpaca]
feed = "sip"
url = "https://data.alpaca.markets"
[files]
folder = "~/bars"
"""


def kept(kind: str) -> list[bytes]:
    """Return texts of a kind that broke a reader once."""
    return [path.read_bytes() for path in sorted(KEPT.glob(f"{kind}.*"))]


def search(kind: Kind, seconds: float, seed: int) -> tuple[int, int, list[tuple[bytes, str]]]:
    """Try mutated texts for a time: how many, how many taken, and those that broke the reader."""
    rng = random.Random(seed)
    tried = taken = 0
    broken: dict[str, tuple[bytes, str]] = {}
    begin = time.process_time()
    while time.process_time() - begin < seconds and len(broken) < 20:
        content = mutated(rng, kind.seeds)
        tried += 1
        with tempfile.TemporaryDirectory() as folder:
            try:
                taken += attempt(kind, content, Path(folder))
            except ReaderError as fault:
                # One of each kind of fault.
                broken.setdefault(str(fault)[-150:], (content, str(fault)))
    return tried, taken, list(broken.values())


if __name__ == "__main__":
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    asked = kinds()
    for name in asked if sys.argv[1] == "all" else sys.argv[1].split(","):
        count, good, faults = search(asked[name], float(sys.argv[2]), int(sys.argv[3]))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(f"{name}: {count:,} texts, {good:,} taken, {len(faults)} faults; {memory} MB")
        for content, what in faults:
            print("  ", repr(content[:300]), len(content), "\n     ", what[-700:])

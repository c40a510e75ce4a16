"""Grids, schedules, options, ranges, reports and set files that others made: taken, or refused."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutated_texts
import pytest
import yaml
from mutated_texts import Kind, ReaderError, attempt, mutated
from test_range_files import FILE, HEAD, LINE, RANGES
from test_reports import NAME, report

import wfo
from wfo import yaml_text
from wfo.backtest import evaluate
from wfo.data.importing.times.date_formats import read_format
from wfo.data.sources.config import SourcesConfig
from wfo.errors import InputError, WfoError
from wfo.files import limits
from wfo.strategy import get_strategy
from wfo.strategy.constraints import meeting
from wfo.text import brief, listed, one_line, shown
from wfo.tradestation import range_files, report_tables, reports
from wfo.tradestation.easylanguage import read_inputs
from wfo.tradestation.range_files import CONFIG, JobList
from wfo.tradestation.reports import find_reports, read_report
from wfo.windows import Phases, lengths
from wfo.yaml_text import load_yaml

LONG = get_strategy("atr_d_l")
KINDS = mutated_texts.kinds()

#: Seconds of CPU that the worst text of a size may take, on a machine that does other things too.
SOON = 10.0


def seconds(call: Callable[[], object]) -> float:
    """The CPU that a call takes, whether it is refused or not."""
    begin = time.process_time()
    with contextlib.suppress(WfoError):
        call()
    return time.process_time() - begin


# What YAML says


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing", None),
        ("a: 1\nb: [2, -3, +4, 0]", {"a": 1, "b": [2, -3, 4, 0]}),
        ("[1.5, .5, 1., -0.25, 1.0e+3, 12_500.5]", [1.5, 0.5, 1.0, -0.25, 1000.0, 12500.5]),
        ("[1_000, 12_500_000]", [1_000, 12_500_000]),
        ("[yes, No, ON, off, true, FALSE]", [True, False, True, False, True, False]),
        ("[~, null, '', x, '~']", [None, None, "", "x", "~"]),
        ("[1e3, -.5, 08, 0o7, 9:30, 09:30]", ["1e3", "-.5", "08", "0o7", "9:30", "09:30"]),
        ("['010', \"0x1F\", '.inf', 'no']", ["010", "0x1F", ".inf", "no"]),
        ("[2024-02-29, 2024-1-1]", [dt.date(2024, 2, 29), "2024-1-1"]),
        ("2024-02-29T10:00:00.25Z", dt.datetime(2024, 2, 29, 10, 0, 0, 250_000, dt.UTC)),
        (
            "2024-02-29 10:00:00 -05:30",
            dt.datetime(2024, 2, 29, 10, tzinfo=dt.timezone(-dt.timedelta(hours=5, minutes=30))),
        ),
        ("[!!str 010, !!int 10, !!float 1, !!bool on, ! 5]", ["010", 10, 1.0, True, "5"]),
        ("!!map {a: !!seq [1]}", {"a": [1]}),
        ("a: &a [1, 2]\nb: *a\nc: [*a, *a]", {"a": [1, 2], "b": [1, 2], "c": [[1, 2]] * 2}),
        ("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}", {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}}),
        ("<<: [{a: 1}, {a: 2, b: 2}]\nb: 3", {"a": 1, "b": 3}),
        ("'<<': 1\n=: [=]", {"<<": 1, "=": ["="]}),
        ("{1: a, '1': b, 1.5: c}", {1: "a", "1": "b", 1.5: "c"}),
        ("a: |\n  b\n  c\nd: >\n  e\n  f", {"a": "b\nc\n", "d": "e f"}),
        ("\ufeffa: \U0001f600", {"a": "\U0001f600"}),
        ("%YAML 1.1\n---\n{a: 1}\n...", {"a": 1}),
    ],
)  # fmt: skip
def test_plain_yaml_is_read(text: str, value: Any, parser: Any) -> None:
    del parser
    found = load_yaml(text)
    assert found == value
    # Of the same types, too.
    assert repr(found) == repr(value)


@pytest.fixture(params=["in C", "in Python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Both parsers of the library: some systems have the one in Python alone."""
    loader = {"in C": "CSafeLoader", "in Python": "SafeLoader"}[request.param]
    if not hasattr(yaml, loader):
        pytest.skip("the library was built without libyaml")
    monkeypatch.setattr(yaml_text, "_loader", lambda: getattr(yaml, loader))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # Keys
        ("a: 1\nb: 2\na: 3", "it, line 3: 'a' is there twice, first in line 1"),
        ("x: {a: 1,\n a: 2}", "line 2: 'a' is there twice, first in line 1"),
        ("- {b: {c: [{d: 1, d: 1}]}}", "line 1: 'd' is there twice"),
        ("{1: a, 1.0: b}", "'1.0' is there twice"),
        ("{yes: a, on: b}", "'True' is there twice"),
        ("{0: a, no: b}", "'False' is there twice"),
        ("{~: a, null: b}", "'None' is there twice"),
        ("{2024-01-01: a, 2024-01-01: b}", "'2024-01-01' is there twice"),
        ("<<: {a: 1}\n<<: {b: 1}", "line 2: '<<' is there twice"),
        ("{'a': 1, \"a\": 2, a: 3}", "'a' is there twice"),
        ("? [1]\n: 2", "a list or mapping cannot be a key"),
        ("? {a: 1}\n: 2", "a list or mapping cannot be a key"),
        (f"{{{10**17}: 1}}", "line 1: a key is a number beyond 2^53"),
        # Aliases and merges
        ("&a [*a]", "line 1: '&a' holds itself"),
        ("a: &a\n  b: *a", "line 2: '&a' holds itself"),
        ("a: &a {<<: *a}", "'&a' holds itself"),
        ("[*a, &a 1]", "'*a' stands for nothing"),
        ("[&a 1, &a 2]", "'&a' is there twice"),
        ("<<: 5", "<< needs a mapping"),
        ("<<: [{a: 1}, 5]", "<< needs a mapping"),
        # Tags
        ("!!python/object/apply:os.system ['true']", "the tag '!!python/object/apply:os.system'"),
        ("a: !!python/name:os.system ''", "line 1: the tag '!!python/name:os.system' is none"),
        ("!local a", "the tag '!local' is none"),
        ("!<tag:example.org,2024:x> [1]", "the tag 'tag:example.org,2024:x' is none"),
        *((f"!!{tag} {{a: 1}}", f"the tag '!!{tag}' is none") for tag in ("set", "omap", "pairs")),
        ("!!binary aGk=", "the tag '!!binary' is none"),
        ("!!seq {a: 1}", "the tag '!!seq' is none"),
        ("!!int ten", "'ten' is none of the kind int"),
        ("!!int yes", "'yes' is none of the kind int"),
        ("!!bool 1", "'1' is none of the kind bool"),
        # Numbers
        *((f"a:\n  {n}", f"line 2: '{n}' is a number in another base than ten")
          for n in ("010", "-0700", "00", "0x1F", "0b101", "0_7")),
        ("a: 1_0", "thousands; write it without underscores, or put it in quotes where"),
        *((n, "has underscores elsewhere than at thousands") for n in ("1__0", "1_0", "1_000_0.5")),
        *((n, f"{n} is no number") for n in (".inf", "-.INF", "+.Inf", ".nan", ".NaN")),
        *((n, "beyond the numbers") for n in ("1.0e+400", "-1.0e+9999", "1.0e-400")),
        ("9" * 301, "is a number of 301 characters"),
        ("a: -" + "9" * 5_000, "is a number of 5,001 characters"),
        ("0." + "0" * 1_000, "is a number of 1,002 characters"),
        # Dates
        ("a: 1\nb: 2018-13-01", "line 2: '2018-13-01' is no date: month must be in 1..12"),
        ("2018-02-29", "'2018-02-29' is no date"),
        ("0000-01-01", "'0000-01-01' is no date"),
        ("2018-01-01 24:00:00", "is no date: hour must be in 0..23"),
        ("2018-01-01 10:00:00 +99", "is no date"),
        # Tabs that indent, and a character that begins nothing elsewhere
        ("a:\n\tb: 1", "line 2: a tab indents it; indent by spaces"),
        ("a:\r\n  \t- 1", "line 2: a tab indents it; indent by spaces"),
        ("a: 1\nb: @x", "that cannot start any token"),
        # What is no text, and no document
        ("a: 1\nb: \x07", r"it is not YAML: line 2: '\x07' is no text"),
        ("a: \x00", r"line 1: '\x00' is no text"),
        ("a: \x1b[2J", r"line 1: '\x1b' is no text"),
        ("a: 1\n\ufeffb: 2", r"line 2: '\ufeff' is no text"),
        ("a: \ud800", r"line 1: '\ud800' is no text"),
        ('a: "\\ud800"', "line 1"),
        ('a: "\\UFFFFFFFF"', "it is not YAML"),
        ("a: 1\n---\nb: 2", "line 2: a second document begins"),
        ("a: 1\n...\n--- b\n", "line 3: a second document begins"),
        ("a: [1, 2", "it is not YAML: line"),
        ("a: b: c", "it is not YAML: line 1"),
        ("%TAG ! x\n" * 17 + "--- a", "more than 16 lines that begin with %"),
    ],
)  # fmt: skip
def test_what_may_be_meant_otherwise_is_refused_with_its_line(
    text: str, said: str, parser: Any
) -> None:
    del parser
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        load_yaml(text)
    assert str(caught.value).startswith("it")
    assert str(caught.value).isprintable()


def _deep(depth: int) -> str:
    return "[" * depth + "]" * depth


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


def test_the_limits_of_yaml_are_where_they_are_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_yaml(_deep(limits.YAML_DEPTH)) is not None
    with pytest.raises(InputError, match="line 1: more than 32 lists and mappings lie within"):
        load_yaml(_deep(limits.YAML_DEPTH + 1))
    # An alias is as deep as what it stands for.
    inner = f"a: &a {_deep(20)}\nb: "
    assert load_yaml(inner + "[" * 11 + "*a" + "]" * 11) is not None
    with pytest.raises(InputError, match="line 2: more than 32 lists"):
        load_yaml(inner + "[" * 12 + "*a" + "]" * 12)
    with pytest.raises(InputError, match="more than 100,000 values, as aliases count"):
        load_yaml(BOMB)
    monkeypatch.setattr(yaml_text, "YAML_VALUES", 1_000)
    assert len(load_yaml("[" + "1," * 1_000 + "]")) == 1_000
    for text in (
        "[" + "1," * 1_001 + "]",
        f"a: &a {{b: [{'1, ' * 100}]}}\nc: [{'{<<: *a}, ' * 10}]",
        # A long text is many.
        f"a: &a {'x' * 100_000}\nb: [{'*a, ' * 10}]",
    ):
        with pytest.raises(InputError, match="more than 1,000 values, as aliases count"):
            load_yaml(text)
    monkeypatch.setattr(yaml_text, "YAML_BYTES", 20)
    assert load_yaml("a" * 20) == "a" * 20
    with pytest.raises(InputError, match="more than 20 characters"):
        load_yaml("a" * 21)


#: Each as long as a file may be. What the parser alone took more than linear time for is among
#: them: directives, nesting, and keys of one hash.
LONGEST_TEXTS: dict[str, Callable[[int], str]] = {
    "bomb": lambda n: BOMB + "#" * (n - len(BOMB)),
    "deep flow": lambda n: "[" * n,
    "deep mappings": lambda n: "{a: " * (n // 4),
    "deep blocks": lambda n: "- " * (n // 2),
    "late repeat": lambda n: "".join(f"k{i}: 1\n" for i in range(n // 12)) + "k1: 2",
    "late repeat of a value": lambda n: f"atr_period: [{', '.join(map(str, range(1, n // 8)))}, 1]",
    "keys of one hash": lambda n: "".join(
        f"{i * (2**61 - 1)}: 1\n" for i in range(1, n // 28)
    ),
    "merges": lambda n: "<<: [" + ", ".join(f"{{k{i}: 1}}" for i in range(n // 15)) + "]",
    "aliases": lambda n: "[&a 1" + ", *a" * (n // 4 - 3) + "]",
    "anchors": lambda n: "[" + ", ".join(f"&a{i} 1" for i in range(n // 11)) + "]",
    "directives": lambda n: "".join(f"%TAG !a{i}! b\n" for i in range(n // 17)) + "--- a",
    "documents": lambda n: "--- a\n" * (n // 6),
    "list": lambda n: "[" + "1," * ((n - 2) // 2) + "]",
    "dates": lambda n: "[" + "2024-01-01," * (n // 11 - 1) + "]",
    "digits": lambda n: "9" * n,
    "one text": lambda n: '"' + "\\x41" * (n // 4 - 1) + '"',
    "lines of a text": lambda n: "a\n" * (n // 2),
    "folded": lambda n: ">\n a\n" + "\n" * (n - 6),
    "comment": lambda n: "#" * n,
    "quotes": lambda n: "'" * n,
    "questions": lambda n: "?\n" * (n // 2),
    "tags": lambda n: "[" + "!!str a," * (n // 8 - 1) + "]",
}  # fmt: skip


@pytest.mark.parametrize("kind", LONGEST_TEXTS)
def test_a_text_takes_time_that_grows_with_its_length(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(LONGEST_TEXTS[kind](1 << 16))
    assert seconds(lambda: wfo.Grid.load(path, "atr_d_l")) < SOON / 16


@pytest.mark.slow
@pytest.mark.parametrize("kind", LONGEST_TEXTS)
def test_the_longest_text_is_read_soon(kind: str, tmp_path: Path, parser: Any) -> None:
    del parser
    path = tmp_path / "mine.yaml"
    path.write_text(LONGEST_TEXTS[kind](limits.YAML_BYTES))
    assert path.stat().st_size <= limits.YAML_BYTES
    assert seconds(lambda: wfo.Grid.load(path, "atr_d_l")) < 2 * SOON


def test_both_parsers_give_the_same_values(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(yaml, "CSafeLoader"):
        pytest.skip("the library was built without libyaml")
    rng = random.Random(4)
    seeds = (*KINDS["grid"].seeds, *KINDS["options"].seeds)
    taken = 0
    for _ in range(60):
        text = mutated(rng, seeds).decode("utf-8", "replace")
        found = []
        for loader in (yaml.CSafeLoader, yaml.SafeLoader):
            monkeypatch.setattr(yaml_text, "_loader", lambda loader=loader: loader)
            try:
                found.append(repr(load_yaml(text)))
            except InputError:
                break
        # Tabs, and colons in lists, one takes and the other does not.
        if len(found) == 2:
            taken += 1
            assert found[0] == found[1]
    assert taken > 6


# Files that are none


YAML_READERS: dict[str, Callable[[Path], object]] = {
    "grid": lambda path: wfo.Grid.load(path, "atr_d_l"),
    "schedule": wfo.Windows.load,
    "options": lambda path: _options(path),  # noqa: PLW0108  # below
    "set": wfo.read_set,
}


def _options(path: Path) -> object:
    from wfo.cli.run import run

    return run.make_context("run", ["--config", str(path)])


@pytest.mark.skipif(os.name == "nt", reason="has no pipes, and links need a right")
@pytest.mark.parametrize("reader", YAML_READERS)
def test_what_is_no_file_is_not_opened(reader: str, tmp_path: Path) -> None:
    read = YAML_READERS[reader]
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    for name, what in (("pipe", "named pipe"), ("folder", "folder"), ("zero", "device")):
        with pytest.raises(InputError, match=rf"{name}\.yaml cannot be read: is a {what}"):
            read(tmp_path / f"{name}.yaml")
    with pytest.raises(InputError, match=r"there is no .*none"):
        read(tmp_path / "none.yaml")
    # Where the text may be, its user says.
    (tmp_path / "link.yaml").symlink_to(tmp_path / "long.yaml")
    (tmp_path / "long.yaml").write_bytes(b"#" * (limits.YAML_BYTES + 1))
    with pytest.raises(InputError, match=r"link\.yaml cannot be read: has 1,048,577 bytes"):
        read(tmp_path / "link.yaml")


@pytest.mark.skipif(os.name == "nt", reason="has no such names")
@pytest.mark.parametrize("reader", YAML_READERS)
def test_a_name_does_not_steer_a_terminal(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2J\nb\u202e.yaml"
    path.write_text('"\\x1b[2J": "\\x1b[2J\\n\\u202e"')
    with pytest.raises(InputError) as caught:
        YAML_READERS[reader](path)
    assert str(caught.value).isprintable()
    assert r"\x1b[2J\nb\u202e" in str(caught.value)


def test_texts_for_messages() -> None:
    hostile = "a\x1b[2J\n\t\u202e" + "x" * 100
    for said in (shown(hostile), one_line(hostile), listed([hostile]), brief(hostile)):
        assert said.isprintable()
    assert max(len(listed([hostile])), len(brief(hostile))) < 100
    assert shown(10**5_000) == "'a number of thousands of digits'"
    assert listed(map(str, range(25)), 3) == "0, 1, 2 and 22 more"
    assert (brief(1.5), brief(True), brief("no")) == ("1.5", "True", "'no'")


# Grids and schedules


def test_a_late_repeat_of_a_long_axis_is_found_at_once() -> None:
    axis = [*range(1, limits.AXIS_VALUES), 1]
    assert seconds(lambda: wfo.Grid({"atr_period": axis}, strategy="atr_d_l")) < SOON / 10
    with pytest.raises(InputError, match="atr_period has the value 1 more than once"):
        wfo.Grid({"atr_period": axis}, strategy="atr_d_l")


def test_points_that_share_constraints_are_counted_before_they_are_looked_at() -> None:
    lengths = list(range(2, 10_002))
    values = {"hma_fast_length": lengths, "hma_slow_length": lengths}
    assert seconds(lambda: wfo.Grid(values, strategy="atr_d_hma_l")) < SOON / 10
    with pytest.raises(InputError, match="100,000,000 sets of values; at most 1,000,000 will do"):
        wfo.Grid(values, strategy="atr_d_hma_l")
    # The same values out of a manifest.
    stated = wfo.Grid({}, strategy="atr_d_hma_l").to_dict()
    stated["values"] |= values
    with pytest.raises(InputError, match="at most 1,000,000 will do"):
        wfo.Grid.from_dict(stated)


def test_averages_that_would_not_fit_memory_are_not_begun() -> None:
    lengths = {"from": 2, "to": 10_001, "step": 1}
    grid = wfo.Grid(dict.fromkeys(("atr_period", "bb_length"), lengths), strategy="atr_d_l")
    evaluate._require_room(grid, 5_000, 20_002 * 5_000 * 8)
    with pytest.raises(
        InputError, match=r"20,002 lengths over 5,000 bars take 800\.1 MB of memory"
    ):
        evaluate._require_room(grid, 5_000, 20_002 * 5_000 * 8 - 1)
    lengths["to"] = 401
    names = ("hma_fast_length", "hma_slow_length")
    hull = wfo.Grid(dict.fromkeys(names, lengths), strategy="atr_d_hma_l")
    with pytest.raises(InputError, match="hma_fast_length, hma_slow_length: 79,800 of them"):
        evaluate._require_room(hull, 5_000, 10**9)


def _phases(count: int) -> str:
    return "phases:\n" + "- {from: 2y, to: today, in_sample: 0.5}\n" * count


def test_as_many_phases_as_a_schedule_may_have(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(_phases(limits.PHASES))
    schedule = wfo.Windows.load(path)
    assert len(schedule.spans) == limits.PHASES
    path.write_text(_phases(limits.PHASES + 1))
    with pytest.raises(InputError, match=r"mine\.yaml: .* has 256 phases; at most 255 will do"):
        wfo.Windows.load(path)
    stated = schedule.to_dict()
    stated["phases"] *= 2
    with pytest.raises(InputError, match="510 phases"):
        wfo.Windows.from_dict(stated)
    days = [dt.date(2015, 1, 1) + dt.timedelta(n) for n in range(2_000)]
    stated = wfo.Windows("x", schedule.spans[:1], 1).resolve(days).to_dict()
    stated["phases"] *= 256
    with pytest.raises(WfoError, match=r"256 phases|number"):
        Phases.from_dict(stated)


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("99999999999y", "more than 10,000 years back"),
        ("9" * 39 + "y", "more than 10,000 years back"),
        ("9" * 5_000 + "y", "is no time before today"),
        ("'10001y'", "more than 10,000 years back"),
        ("no", "False is no time before today"),
        ("[1y]", "is no time before today"),
        ("{a: 1}", "is no time before today"),
        ("\u0661\u0660y", "is no time before today"),
        ("1e5y", "is no time before today"),
    ],
)
def test_times_that_no_calendar_has(time: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"phases: [{{from: {time}, to: today, in_sample: 0.5}}]", encoding="utf-8")
    with pytest.raises(InputError, match=said):
        wfo.Windows.load(path)


def test_years_before_the_first_one_are_a_history_that_is_too_short(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("phases: [{from: 9999y, to: today, in_sample: 0.5}]")
    days = [dt.date(1, 1, 1) + dt.timedelta(n) for n in range(800)]
    with pytest.raises(wfo.DataError, match="needs to trade from 0001-01-01 on"):
        wfo.Windows.load(path).resolve(days)


# Ranges and reports


def test_jobs_that_name_one_file_have_it_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / FILE).write_text(RANGES)
    (tmp_path / "own.csv").write_text("broken")
    lines = [LINE.replace(FILE, "own.csv").replace("1,", f"{n},", 1) for n in range(2, 400)]
    (tmp_path / CONFIG).write_text(HEAD + LINE + "".join(lines))
    read: list[str] = []
    own = range_files._read_ranges

    def counted(path: Path, strategy: Any) -> Any:
        read.append(path.name)
        return own(path, strategy)

    monkeypatch.setattr(range_files, "_read_ranges", counted)
    found = JobList.read(tmp_path, [LONG])
    assert sorted(read) == ["own.csv", FILE]
    assert (len(found.jobs), len(found.faults)) == (1, 398)


def test_a_rank_of_thousands_of_digits_is_none(tmp_path: Path) -> None:
    name = f"phase5_refine_ATR-D-v1.5-L_rank{'1' * 5_000}.csv"
    (tmp_path / CONFIG).write_text(HEAD + LINE.replace(FILE, name))
    (fault,) = JobList.read(tmp_path, [LONG]).faults
    assert len(fault.what) < 500


@pytest.mark.skipif(os.name == "nt", reason="has no such names")
def test_reports_are_in_order_whatever_digits_their_names_have(tmp_path: Path) -> None:
    names = ["Refinement_1\u00b22.csv", "Refinement_\u0663.csv", f"Refinement_{'9' * 200}.csv"]
    for name in names:
        (tmp_path / name).touch()
    assert {path.name for path in find_reports([tmp_path])} == set(names)


def _report(tmp_path: Path, content: str) -> Callable[[], object]:
    path = tmp_path / NAME
    path.write_text(content)
    return lambda: read_report(path, [LONG], "SMH")


def test_lines_with_separators_too_many_take_time_that_grows_with_their_length(
    tmp_path: Path,
) -> None:
    text = report().write_csv()
    head, *rows = text.splitlines()
    # Each line has another number of fields.
    tails = [rows[0] + "," * n for n in range(1, 1_000)]
    assert seconds(_report(tmp_path, "\n".join([head, *rows, *tails]) + "\n")) < SOON / 2
    # One has a million, and quotes that have lines read one by one.
    line = '"a ""b"""' + rows[0] + "," * 1_000_000
    assert seconds(_report(tmp_path, "\n".join([head, *rows, line]) + "\n")) < SOON / 2


@pytest.mark.parametrize("end", [",", ",,,", ""])
@pytest.mark.parametrize("quoted", [False, True])
def test_separators_behind_the_last_field_are_none(end: str, quoted: bool, tmp_path: Path) -> None:
    text = report().write_csv(quote_style="always" if quoted else "necessary")
    head, *rows = text.splitlines()
    plain = read_report(_written(tmp_path, text), [LONG], "SMH").rows
    mixed = "\n".join([head, rows[0] + end, *rows[1:]]) + "\n"
    found = read_report(_written(tmp_path, mixed), [LONG], "SMH")
    assert found.rows.equals(plain)
    assert not found.faults


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / NAME
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("limit", "most", "what"),
    [("MOST_LINES", 4, "lines"), ("MOST_COLUMNS", 20, "columns"), ("MOST_CELLS", 100, "cells")],
)
def test_a_report_beyond_a_limit_is_refused(
    limit: str, most: int, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_tables, limit, most)
    with pytest.raises(WfoError, match=f"has more than {most} {what}; divide it"):
        _report(tmp_path, report().write_csv())()


# Expressions


#: The expressions that texts of others meet, and the worst texts of each.
def _worst(length: int) -> dict[str, tuple[re.Pattern[str], list[str]]]:
    n = length
    return {
        "wrapped": (report_tables._WRAPPED, ['"' * n, '"' * n + "x", '"a' * n, '"' + "a" * n]),
        "range file": (
            range_files._RANGE_FILE,
            ["phase5_refine_" + "_rank1" * (n // 6), "phase5_refine_a_rank" + "1" * n],
        ),
        "decimal comma": (range_files._DECIMAL_COMMA, ["1" * n, "1" * n + ",", "1," * n]),
        "report name": (
            reports._NAME,
            # A file's name has 255 characters.
            ["Refinement_" + "_rank1" * 40, "Refinement_a_rank1_" + ".csv" * 58 + "x"],
        ),
        "time": (lengths._TIME, [" " * 40, "1" * 40, "1." * 20, "1" * 20 + "." + "1" * 18]),
        "length": (
            lengths._TEXT,
            [" " * 40, "1" * 40, "1." * 20, "1y" + "1m" * 19, "1" * 39 + "w"],
        ),
        "whole": (yaml_text._WHOLE, ["1" * n + "x", "1" + "_000" * (n // 4) + "_"]),
        "broken": (yaml_text._BROKEN, ["1" * n, "." * n, "1_000" * (n // 5), "1." + "1" * n + "e"]),
        "other base": (yaml_text._OTHER_BASE, ["0" * n + "x", "0x" + "f" * n + "g", "0_" * n]),
        "underscores": (yaml_text._UNDERSCORES, ["1_" * n + "x", "0_" * n, "." + "1_" * n + "x"]),
        "date": (yaml_text._TIME, ["2024-01-01" + " " * n, "2024-01-01 10:00:00." + "1" * n + "x"]),
        "no text": (yaml_text._NO_TEXT, ["a" * n, "\ufeff" * n]),
    }


@pytest.mark.parametrize("name", _worst(9))
def test_an_expression_takes_time_that_grows_with_the_text(name: str) -> None:
    pattern, texts = _worst(100_000)[name]
    for text in texts:
        begin = time.process_time()
        _ = pattern.search(text) if name == "no text" else pattern.fullmatch(text)
        assert time.process_time() - begin < SOON / 10


@pytest.mark.parametrize(
    "text", ["1", '"', "//", "{", "{}", "a.", "1.", "\n", '"a\n', "(", "// a\n"]
)
def test_easylanguage_takes_time_that_grows_with_the_text(text: str) -> None:
    for before in ("", "inputs: ", "inputs: A( "):
        assert seconds(lambda: read_inputs(before + text * 30_000)) < SOON / 10  # noqa: B023  # called here


@pytest.mark.parametrize(
    "text",
    [
        "\u0660" * 100_000, " " * 100_000, "'" * 100_000, "1" + " " * 100_000 + "x",
        "sep=" + "," * 100_000, '"sep=' + "," * 100_000, "$" * 100_000 + "1" * 100_000 + "x",
    ],
)  # fmt: skip
def test_fields_and_first_lines_of_reports_take_time_that_grows_with_them(
    text: str, tmp_path: Path
) -> None:
    begin = time.process_time()
    report_tables.begins_a_row(text)
    assert time.process_time() - begin < SOON / 10
    assert seconds(_report(tmp_path, f"{text[:50_000]}\n" * 3 + report().write_csv())) < SOON / 4


@pytest.mark.parametrize("form", ["%" * 100_001, "D" * 100_001, "%d/%m/%Y" + " " * 100, "Y" * 101])
def test_a_long_date_format_is_none(form: str) -> None:
    begin = time.process_time()
    with pytest.raises(InputError, match="characters; at most 100 will do"):
        read_format(form)
    assert time.process_time() - begin < SOON / 10


# sources.toml


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a" + ".a" * 30_000 + " = 1", "line 1 has more than 1,000 characters"),
        ("x = " + "[" * 900 + "]" * 90, "is no TOML"),
        ("[http]\ntimeout = " + "9" * 900, "timeout = 9999"),
        ("[http]\ntimeout = 0x" + "F" * 980, "timeout = 1090"),
        ("[http]\ntimeout = inf", "timeout = inf is not allowed"),
        ("[http]\ntimeout = 1e999", "timeout = inf is not allowed"),
        ("[http.timeout]\na = 1", "timeout = {'a': 1} is not allowed"),
        ('"\\u001b[2J" = 1', r"\x1b[2J is unknown"),
        ('source = "\\u001b[2J"', "characters that are not printed"),
        ('[files]\nfolder = "\\u0000"', "characters that are not printed"),
        ('a = "\0"', "is no TOML"),
    ],
)
def test_sources_that_are_none(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(text)
    (tmp_path / "sources.toml").chmod(0o600)
    assert seconds(lambda: SourcesConfig.load({"WFO_CONFIG_DIR": str(tmp_path)})) < SOON / 4
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        SourcesConfig.load({"WFO_CONFIG_DIR": str(tmp_path)})
    assert str(caught.value).isprintable()


# Mutations


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_mutated_text_is_taken_or_refused(kind: Kind, tmp_path: Path) -> None:
    rng = random.Random(18)
    count = 8 if kind.name == "report" else 60
    taken = 0
    for content in [*kind.seeds, *(mutated(rng, kind.seeds) for _ in range(count))]:
        try:
            taken += attempt(kind, content, tmp_path)
        except ReaderError as error:
            pytest.fail(f"{error}\n{content!r}")
    # Else it is the mutations that are refused, not what they change.
    assert taken >= count / 40


@pytest.mark.parametrize("path", sorted(mutated_texts.KEPT.iterdir()), ids=lambda path: path.name)
def test_what_broke_a_reader_once_is_refused(path: Path, tmp_path: Path) -> None:
    kind = KINDS[path.name.partition(".")[0]]
    assert not attempt(kind, path.read_bytes(), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_mutated_text_breaks_a_reader(kind: str, request: pytest.FixtureRequest) -> None:
    seed = request.config.getoption("--hypothesis-seed", None) or 18
    line = [sys.executable, mutated_texts.__file__, kind, "20", str(seed)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert " 0 faults" in done.stdout, done.stdout[-4_000:]


def test_constraints_are_met_in_order() -> None:
    strategy = get_strategy("atr_d_hma_l")
    axes = {"hma_fast_length": [2, 9, 20], "hma_slow_length": [9, 20]}
    assert list(meeting(strategy.rules, axes)) == [0, 1, 3]

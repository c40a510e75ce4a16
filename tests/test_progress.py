"""What long work tells about its way."""

from __future__ import annotations

import io
import os
import re
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import wfo.data
from wfo.progress import (
    Bar,
    BarStages,
    Plain,
    PlainStages,
    Silent,
    describe,
    duration,
    for_stream,
    rate,
    stages_for_stream,
)

SAMPLE = Path(wfo.data.__file__).parent / "sample"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (80.4, "1 min 20 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (360_000, "100 h 00 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("done", "seconds", "text"),
    [
        (0, 1, "0/s"),
        (5, 0, "0/s"),
        (50, 10, "5/s"),
        (12_345, 10, "1.23 k/s"),
        (124_000_000, 100, "1.24 M/s"),
        (5_000_000_000, 1, "5 G/s"),
    ],
)
def test_rates(done: int, seconds: float, text: str) -> None:
    assert rate(done, seconds) == text


def test_description_has_share_rate_and_time_left() -> None:
    # A quarter in 20 s leaves a minute.
    assert describe(250_000, 1_000_000, 20) == "25 % of 1,000,000, 12.5 k/s, 1 min 00 s left"
    assert describe(0, 10, 5) == "0 of 10"
    assert describe(5, 10, 0) == "0 of 10"


def test_plain_lines_come_every_ten_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    with Plain(stream, clock).stage("atr_d_l: sweeping", 1000) as tick:
        for _ in range(9):
            clock.now += 4
            tick(100)
        clock.now += 4
        tick(100)
    assert stream.getvalue().splitlines() == [
        # At 12, 24 and 36 seconds; the last block makes the summary and no line of its own.
        "atr_d_l: sweeping: 30 % of 1,000, 25/s, 28.0 s left",
        "atr_d_l: sweeping: 60 % of 1,000, 25/s, 16.0 s left",
        "atr_d_l: sweeping: 90 % of 1,000, 25/s, 4.0 s left",
        "atr_d_l: sweeping: 1,000 in 40.0 s, 25/s",
    ]


def test_quick_stage_is_one_plain_line() -> None:
    stream, clock = io.StringIO(), Clock()
    with Plain(stream, clock).stage("x", 100) as tick:
        for _ in range(100):
            clock.now += 0.01
            tick(1)
    assert stream.getvalue() == "x: 100 in 1.0 s, 100/s\n"


def test_stage_that_fails_does_not_say_that_it_is_done() -> None:
    stream = io.StringIO()
    with pytest.raises(KeyboardInterrupt), Plain(stream).stage("x", 100) as tick:  # noqa: PT012
        tick(50)
        raise KeyboardInterrupt
    assert stream.getvalue() == ""


def test_silent_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    silent = Silent()
    with silent.stage("x", 10) as tick:
        tick(10)
    silent.say("x")
    assert capfd.readouterr() == ("", "")


def test_terminals_get_a_bar_and_others_lines() -> None:
    stream = io.StringIO()
    plain = for_stream(stream)
    assert isinstance(plain, Plain)
    plain.say("hello")
    assert stream.getvalue() == "hello\n"
    stream.isatty = lambda: True  # type: ignore[method-assign]
    assert isinstance(for_stream(stream), Bar)


# A terminal


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    if sys.platform == "win32":
        pytest.skip("needs pseudo-terminals")
    import fcntl
    import struct
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    yield ours, theirs
    os.close(ours)


def read_all(descriptor: int, process: int, seconds: float) -> str:
    """What a process writes to a terminal until it ends."""
    out = b""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ready, _, _ = select.select([descriptor], [], [], 0.1)
        if not ready:
            continue
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # Linux says so when the other side has closed
            return out.decode()
        if not piece:
            return out.decode()
        out += piece
    os.kill(process, 9)
    raise TimeoutError(out.decode())


def test_bar_on_a_terminal_of_80_columns(terminal: tuple[int, int], tmp_path: Path) -> None:
    import subprocess

    ours, theirs = terminal
    command = [sys.executable, "-m", "wfo", "run", "--symbol", "SP500", "--strategy", "atr_d_l"]
    command += ["--grid", "coarse", "--data-dir", str(SAMPLE), "--out", str(tmp_path)]
    # Few candidates: what is looked at here is over when they are written.
    command += ["--gates", "strict"]
    environment = os.environ | {"TERM": "xterm-256color"}
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        environment.pop(name, None)
    process = subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env=environment
    )
    os.close(theirs)
    try:
        text = read_all(ours, process.pid, 60)
        out, _ = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode == 0, text
    assert b"Written to" in out
    frames = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", f) for f in re.split(r"[\r\n]+", text)]
    assert max(len(f) for f in frames) <= 80
    # Share, rate and time left, uncut, with a piece of the bar before them.
    sweeping = [f for f in frames if f.startswith("atr_d_l: sweeping")]
    assert any(re.search(r"━ +\d+ %, [\d.]+ [kM]/s, [\d.]+ s left *$", f) for f in sweeping), frames
    assert not any("…" in f for f in frames)
    # Both bars are wiped off when they are done.
    assert text.count("\x1b[1A\x1b[2K") == 2
    # What stays are the lines of the finished stages; the cursor is shown again.
    assert text.count("\x1b[?25h") == text.count("\x1b[?25l") > 0
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert text.rstrip().endswith("atr_d_l: looking for plateaus")
    assert re.search(r"atr_d_l: sweeping 4 phases: 96,768 in [\d.]+ s, [\d.]+ [kM]/s\r\n", text)
    assert re.search(r"atr_d_l: scoring: 96,768 in [\d.]+ s, [\d.]+ [kM]/s\r\n", text)


# Several stages at a time


def test_plain_stages_say_each_by_itself_now_and_then() -> None:
    clock, stream = Clock(), io.StringIO()
    stages = PlainStages("days", stream, clock)
    stages.begin("SMH", 200)
    stages.begin("QQQ", 100)
    clock.now += 4
    stages.advance("SMH", 20)
    assert stream.getvalue() == "", "4 seconds are too few for a line"
    clock.now += 6
    stages.advance("SMH", 30)
    stages.advance("QQQ", 100)
    assert stream.getvalue().splitlines() == ["SMH: 25 % of 200, 5/s, 30.0 s left"]
    stages.say("SMH: waiting")
    clock.now += 10
    stages.end("QQQ")
    stages.advance("SMH", 150)
    stages.end("SMH")
    assert stream.getvalue().splitlines()[1:] == [
        "SMH: waiting",
        "QQQ: 100 days in 20.0 s, 5/s",
        "SMH: 200 days in 20.0 s, 10/s",
    ]


def test_a_stage_without_anything_to_do_says_nothing_and_one_that_starts_over_counts_anew() -> None:
    clock, stream = Clock(), io.StringIO()
    stages = PlainStages("days", stream, clock)
    stages.begin("SMH", 0)
    stages.end("SMH")
    stages.end("SMH")
    assert stream.getvalue() == ""
    stages.begin("SMH", 10)
    stages.advance("SMH", 10)
    clock.now += 5
    stages.begin("SMH", 100)
    clock.now += 10
    stages.advance("SMH", 50)
    assert stream.getvalue().splitlines() == ["SMH: 50 % of 100, 5/s, 10.0 s left"]


def test_a_stage_that_has_waited_for_another_one_counts_its_own_time() -> None:
    clock, stream = Clock(), io.StringIO()
    stages = PlainStages("days", stream, clock)
    for name in ("SMH", "QQQ"):
        stages.begin(name, 100)
    clock.now += 50
    stages.advance("SMH", 100)
    stages.end("SMH")
    clock.now += 10
    stages.advance("QQQ", 50)
    clock.now += 10
    stages.advance("QQQ", 50)
    stages.end("QQQ")
    assert stream.getvalue().splitlines() == [
        "SMH: 100 days in 50.0 s, 2/s",
        "QQQ: 50 % of 100, 5/s, 10.0 s left",
        "QQQ: 100 days in 20.0 s, 5/s",
    ]


def test_a_bar_that_has_not_moved_says_so() -> None:
    from rich.console import Console

    with BarStages("days") as stages:
        stages.begin("SMH", 100)
        console = Console(width=80, file=io.StringIO(), force_terminal=True)
        with console.capture() as shown:
            console.print(stages._shown.get_renderable())
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown.get()).split() == ["SMH", "━" * 10, "0", "%"]


def test_more_than_the_total_leaves_nothing_to_go() -> None:
    """A source may answer days twice where one of its requests is tried again."""
    assert describe(150, 100, 10) == "100 % of 100, 15/s, 0.0 s left"


def test_stages_suit_the_stream() -> None:
    stream = io.StringIO()
    with stages_for_stream("days", stream) as stages:
        assert isinstance(stages, PlainStages)
        stages.say("hello")
    assert stream.getvalue() == "hello\n"


def test_bars_of_several_stages_show_rate_and_time_left() -> None:
    from rich.console import Console

    with BarStages("days") as stages:
        for name, done in (("[QQQ]", 50), ("@ES", 100)):
            stages.begin(name, 100)
            stages.advance(name, done)
        stages.end("@ES")
        stages.begin("SMH", 0)
        stages.end("SMH")
        console = Console(width=80, file=io.StringIO(), force_terminal=True)
        with console.capture() as shown:
            console.print(stages._shown.get_renderable())
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown.get()).splitlines()
    assert re.match(r"\[QQQ\] .* 50 %, [\d.]+ ?[kMG]?/s, [\d.]+ s left", lines[0])
    assert re.match(r"@ES .* 100 days in [\d.]+ s", lines[1])
    assert re.match(r"SMH .* nothing was missing", lines[2])

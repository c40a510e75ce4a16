"""The commands as a user calls them: help, errors, exit codes, interrupts."""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest
from conftest import TINY

import wfo
import wfo.data
from wfo.backtest import thread_count
from wfo.cli import cli, main
from wfo.data import sample_store
from wfo.files import read_sealed, write_sealed

SAMPLE = str(Path(wfo.data.__file__).parent / "sample")
RUN = ("run", "--symbol", "NASDAQ", "--strategy", "atr_d_l", "--data-dir", SAMPLE)
OTHER = (*RUN, "--symbol", "QQQ")


class Called:
    """What a command came to."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


@pytest.fixture
def wfo_(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Called]:
    """Calls the command line in an empty folder, in this process."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("WFO_DATA_DIR", raising=False)

    def call(*arguments: object) -> Called:
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main([str(a) for a in arguments])
        code = exit_.value.code
        assert isinstance(code, int)
        return Called(code, *capsys.readouterr())

    return call


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return str(path)


def real(*arguments: object, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Call the command line in a process of its own."""
    command = [sys.executable, "-m", "wfo", *(str(a) for a in arguments)]
    environment = {k: v for k, v in os.environ.items() if k != "WFO_DATA_DIR"}
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


# Help


def commands() -> dict[str, click.Command]:
    """Every command by its full name, groups too."""
    found: dict[str, click.Command] = {}

    def walk(name: str, command: click.Command) -> None:
        found[name] = command
        if isinstance(command, click.Group):
            context = click.Context(command)
            for each in command.list_commands(context):
                below = command.get_command(context, each)
                assert below is not None
                walk(f"{name} {each}", below)

    walk("wfo", cli)
    return found


def test_commands_are_those_of_this_version() -> None:
    assert set(commands()) >= {
        "wfo",
        *(
            f"wfo {c}"
            for c in ("demo", "run", "rescore", "results", "grids", "strategies", "info", "data")
        ),
        *(f"wfo data {c}" for c in ("import", "list", "check")),
    }


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_explains_itself(name: str, wfo_: Callable[..., Called]) -> None:
    called = wfo_(*name.split()[1:], "--help")
    assert called.code == 0
    assert called.err == ""
    lines = called.out.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert lines[0].startswith(f"Usage: {name} [OPTIONS]")
    # One sentence opens, and stands alone.
    sentence, _, rest = called.out.split("\n", 2)[2].partition("\n\n")
    assert re.fullmatch(r"  [A-Z][^.]*[a-z]\.", sentence.replace("\n  ", " ")), sentence
    # Examples stand under a heading, one a line, and are calls of this very command.
    examples = re.search(r"^  Examples?:\n((?:    wfo .*\n)+)", rest, re.MULTILINE)
    assert examples, called.out
    assert all(line.startswith(f"    {name}") for line in examples[1].splitlines())
    assert "\\b" not in called.out
    assert "\b" not in called.out


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_option_has_a_text(name: str) -> None:
    for parameter in commands()[name].params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, f"{name} {parameter.opts}"
            assert parameter.help.endswith((".", "]")), parameter.help


def test_examples_can_be_parsed() -> None:
    parsed = 0
    for name, command in commands().items():
        if isinstance(command, click.Group):
            continue
        for line in re.findall(r"^ +(wfo .*)$", inspect.cleandoc(command.help or ""), re.MULTILINE):
            arguments = shlex.split(line)[len(name.split()) :]
            with command.make_context(name, arguments):
                parsed += 1
    assert parsed >= 10


def test_run_takes_the_options_that_are_specified() -> None:
    options = {o for p in commands()["wfo run"].params for o in p.opts}
    assert options == {
        *("--symbol", "--symbol2", "--allow-gaps", "--timeframe", "--strategy", "--grid"),
        *("--windows", "--as-of", "--no-expand", "--threads", "--data-dir", "--out"),
        *("--capital", "--slip", "--fee", "--sizing", "--lot-size", "--max-stop-atr"),
        *("--entry-style", "--min-phases", "--wfe", "--dd-ratio", "--csv-all"),
        *("--gates", "--min-trades", "--beat", "--max-tests", "--fix"),
        *("--store", "--fresh", "--estimate", "--name", "--config", "--no-fetch", "--source"),
        *("--holdout", "--bars-per-year", "--map-axes"),
    }
    again = {o for p in commands()["wfo rescore"].params for o in p.opts}
    assert {
        *("--symbol", "--timeframe", "--name", "--out", "--min-phases", "--wfe", "--dd-ratio"),
        *("--gates", "--min-trades", "--beat", "--max-tests", "--fix"),
    } <= again


def test_version_and_lists(wfo_: Callable[..., Called]) -> None:
    assert wfo_("--version").out == f"wfo {wfo.__version__}\n"
    grids = wfo_("grids")
    assert [line.split()[:2] for line in grids.out.splitlines()] == [
        ["smoke", "1,280"],
        ["coarse", "96,768"],
        ["phase1_slim", "58,060,800"],
        ["phase1", "116,121,600"],
    ]
    coarse = wfo_("grids", "coarse").out.splitlines()
    assert coarse[0] == "coarse, atr_d_l: 96,768 combinations"
    shown = {line.split()[0]: line.split(None, 2)[1:] for line in coarse[1:]}
    assert tuple(shown) == wfo.strategies()["atr_d_l"].names
    assert shown["atr_buy_multiplier"] == ["7", "0.5, 1, 1.5, 2, 2.5, 3, 3.5"]
    listed = [line.split()[0] for line in wfo_("strategies").out.splitlines()]
    assert listed == list(wfo.strategies())
    of_both = wfo_("grids", "--strategy", "atr_d_ls").out.splitlines()
    assert [line.split()[:2] for line in of_both[2:]] == [
        ["phase1_slim", "2,239,488,000"],
        ["phase1", "-"],
    ]
    one = wfo_("strategies", "atr_d_l").out
    assert "ATR-D-v1.5-L" in one
    view = wfo.strategies()["atr_d_l"].tradestation
    assert view is not None
    for name, own in view.inputs.items():
        assert re.search(rf"^  {name} +{own.name} ", one, re.MULTILINE)
    info = wfo_("info").out
    versions = {"optuna": metadata.version("optuna") if find_spec("optuna") else "not installed"}
    for key, value in {**wfo.build_info(), **versions}.items():
        assert re.search(rf"^{key} +{re.escape(value)}$", info, re.MULTILINE)
    for text in (grids.out, *coarse, one, info):
        assert max(len(line) for line in text.splitlines()) <= 100


# Wrong usage and what cannot be done


@pytest.mark.parametrize(
    ("arguments", "code", "messages"),
    [
        (("runn",), 2, ["no command 'runn'", "did you mean 'run'?"]),
        (("run",), 2, ["--symbol"]),
        ((*RUN, "--grd", "smoke"), 2, ["--grd", "--grid"]),
        ((*RUN, "--slip", "much"), 2, ["--slip", "much"]),
        ((*RUN, "--sizing", "all"), 2, ["--sizing", "all", "compound", "fixed"]),
        ((*RUN, "--threads", "0"), 2, ["--threads", "0", "1<=x<=1024"]),
        ((*RUN, "--as-of", "31.12.2017"), 2, ["--as-of", "31.12.2017", "%Y-%m-%d"]),
        ((*RUN, "--as-of", "2017-02-30"), 2, ["--as-of", "2017-02-30"]),
        (("rescore",), 2, ["--symbol"]),
        (("rescore", "folder", "--symbol", "QQQ"), 2, ["not both"]),
        (("verify", "folder", "--name", "x"), 2, ["--name go with --symbol"]),
        (("verify", "--symbol", "QQQ", "--timeframe", "5m"), 1, ["did you mean '5min'?"]),
        (("verify", "--symbol", "QQQ", "--name", "../x"), 1, ["cannot be called '../x'"]),
        ((*RUN, "--name", "../x"), 1, ["a run cannot be called '../x'", "letters, digits"]),
        (("verify", "--symbol", "Q", "--name", "x"), 1, ["no run in results/Q/runs/x", "results"]),
        (("demo", "--symbol", "QQQ"), 2, ["QQQ", "NASDAQ", "SP500"]),
        ((*RUN, "--symbol", "nasdq"), 1, ["'nasdq'", "did you mean 'NASDAQ'?"]),
        ((*OTHER, "--data-dir", "none"), 1, ["none", "does not exist", "wfo data import"]),
        ((*OTHER, "--data-dir", "."), 1, ["empty", "wfo data import FILE --symbol QQQ"]),
        ((*RUN, "--strategy", "atr_d_k"), 1, ["'atr_d_k'", "did you mean 'atr_d_l'?"]),
        ((*RUN, "--grid", "corse"), 1, ["'corse'", "did you mean 'coarse'?", ".yaml"]),
        ((*RUN, "--grid", "mine.yaml"), 1, ["no grid file mine.yaml"]),
        ((*RUN, "--windows", "sixty-fourty"), 1, ["did you mean 'sixty-forty'?"]),
        ((*RUN, "--windows", "mine.yaml"), 1, ["no windows file mine.yaml"]),
        ((*RUN, "--timeframe", "5min"), 1, ["no 5min bars of 'NASDAQ'", "1day"]),
        ((*RUN, "--capital", "0"), 1, ["capital = 0.0", "from 1e-06 to 1e+15"]),
        ((*RUN, "--slip", "1"), 1, ["slip = 1.0", "at least 0 and below 1"]),
        ((*RUN, "--fee", "-0.1"), 1, ["fee = -0.1", "at least 0 and below 1"]),
        (
            (*RUN, "--lot-size", "-1"),
            1,
            ["lot_size = -1.0", "0 (fractional shares) or at least 1e-12"],
        ),
        ((*RUN, "--max-stop-atr", "nan"), 1, ["max_stop_atr = nan", "above 0"]),
        ((*RUN, "--wfe", "-1"), 1, ["wfe = -1.0", "from 0 to 1e+09"]),
        ((*RUN, "--dd-ratio", "inf"), 1, ["dd_ratio = inf", "from 0 to 1e+09"]),
        ((*RUN, "--min-phases", "0"), 1, ["min_phases = 0", "1 or more"]),
        ((*RUN, "--min-phases", "5"), 1, ["min_phases = 5", "4 phases"]),
        ((*RUN, "--as-of", "2019-01-01"), 1, ["2019-01-01", "1999-01-04", "2018-12-31"]),
        # 100 bars trade from 1999-05-27 on; a year and a half before 2000-06-01 is 1998-12-01.
        ((*RUN, "--as-of", "2000-06-01"), 1, ["too little history", "1999-05-27", "1998-12-01"]),
        (("rescore", "--symbol", "QQQ"), 1, ["no run in results/QQQ", "wfo run"]),
        (("grids", "corse"), 1, ["did you mean 'coarse'?"]),
        (("grids", "coarse", "--strategy", "x"), 1, ["'x'", "atr_d_l"]),
        (("strategies", "atr_d_k"), 1, ["did you mean 'atr_d_l'?"]),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    arguments: tuple[str, ...], code: int, messages: list[str], wfo_: Callable[..., Called]
) -> None:
    called = wfo_(*arguments)
    assert called.code == code, called
    assert called.out == ""
    for message in messages:
        assert message in called.err
    assert "Traceback" not in called.err
    assert not list(Path.cwd().iterdir())


def test_out_that_cannot_be_a_folder(wfo_: Callable[..., Called]) -> None:
    Path("file").write_text("in the way")
    used = wfo_(*RUN, "--grid", "smoke", "--out", "file")
    assert (used.code, used.out) == (2, "")
    assert "file" in used.err
    below = wfo_(*RUN, "--grid", "smoke", "--out", "file/below")
    assert (below.code, below.out) == (1, "")
    assert re.search(r"cannot write file/below/NASDAQ/\.lock: Not a directory; .*--out", below.err)
    assert [p.name for p in Path.cwd().iterdir()] == ["file"]


def test_real_command_fails_with_a_message(tmp_path: Path) -> None:
    for arguments, code in (((*RUN, "--symbol", "X"), 1), (("rnu",), 2)):
        done = real(*arguments, cwd=tmp_path)
        assert done.returncode == code
        assert done.stdout == ""
        assert "X" in done.stderr or "rnu" in done.stderr
        assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of files")
def test_file_system_that_takes_no_more(tmp_path: Path) -> None:
    # The figures of a smoke run are 5 kB a file, the bars more than 100 kB.
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000));"
        "from wfo.cli import main; main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, *RUN, "--grid", "smoke", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert re.search(r"error: cannot write .*bars\.parquet: .*too large.*--out", done.stderr)
    assert json.loads((tmp_path / "NASDAQ/run.json").read_text())["status"] == "failed"
    assert not list(tmp_path.rglob("*.part"))


# Runs


def test_demo_from_end_to_end(tmp_path: Path) -> None:
    done = real("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["results"]
    folder = tmp_path / "results" / "NASDAQ"
    assert json.loads((folder / "run.json").read_text())["command"] == "wfo demo"
    for line in done.stdout.splitlines():
        assert len(line) <= 100
        assert line == line.rstrip()
    assert "NASDAQ 1day: 5,031 bars, 1999-01-04 to 2018-12-31" in done.stdout
    assert "atr_d_l, grid 'coarse': 96,768 combinations" in done.stdout
    assert "96,768 combinations were ever searched on NASDAQ" in done.stdout
    # Every file that is named is there, and readable ranges are among them.
    named = re.findall(r"^  (\S+\.(?:csv|parquet|json))$", done.stdout, re.MULTILINE)
    assert all((folder / n).is_file() for n in named)
    assert {"candidates_atr_d_l_coarse.csv", "phase5_refine_config.csv", "run.json"} <= set(named)
    ranges = sorted(folder.glob("phase5_refine_*_rank*.csv"))
    assert ranges, "the demo shows a plateau"
    config = (folder / "phase5_refine_config.csv").read_text().splitlines()
    assert [line.split(",")[3] for line in config[1:]] == [p.name for p in ranges]
    # The plateaus of the gates that rule, each with its ranges; below them those of strict.
    ruling, other, strict = done.stdout.partition("By the strict gates instead")
    assert other
    rows = r"^  \d+ [A-Z] +(?:TIGHT|MEDIUM|WIDE) "
    assert len(re.findall(rows, ruling, re.MULTILINE)) == len(ranges)
    assert len(re.findall(rows, strict, re.MULTILINE)) > 0
    # It ends with the next command, which works.
    *_, last = done.stdout.splitlines()
    assert last.startswith("  wfo simulate results/NASDAQ --candidate ")
    after = real(*shlex.split(last)[1:], cwd=tmp_path)
    assert after.returncode == 0, after.stderr
    assert "Reproduces candidate" in after.stdout
    # Progress goes to the other stream, in plain lines.
    assert re.search(r"^atr_d_l: sweeping 4 phases: 96,768 in .*/s$", done.stderr, re.MULTILINE)
    assert "\x1b" not in done.stdout + done.stderr


def test_nothing_stable_is_a_warning(tiny: str, wfo_: Callable[..., Called]) -> None:
    called = wfo_(*RUN, "--grid", tiny, "--wfe", "1000")
    assert called.code == 0
    assert "warning: atr_d_l: no combination is valid in 2 phases: none is stable" in called.err
    assert "none is stable" in called.out
    rows = Path("results/NASDAQ/candidates_atr_d_l_tiny.csv").read_text().splitlines()
    assert len(rows) == 1
    assert rows[0].startswith("atr_period,")


def test_settings_gates_and_names_reach_the_run(tiny: str, wfo_: Callable[..., Called]) -> None:
    called = wfo_(
        *RUN, "--grid", tiny, "--windows", "sixty-forty", "--as-of", "2018-06-29", "--threads", "1",
        "--out", "elsewhere", "--capital", "5000", "--slip", "0.001", "--fee", "0.0002",
        "--sizing", "fixed", "--lot-size", "1", "--max-stop-atr", "10", "--entry-style", "breakout",
        "--min-phases", "2", "--wfe", "0.1", "--dd-ratio", "9", "--min-trades", "1",
        "--beat", "return",
    )  # fmt: skip
    assert called.code == 0, called
    found = json.loads(Path("elsewhere/NASDAQ/run.json").read_text())
    assert found["settings"] == {
        "capital": 5000.0,
        "slip": 0.001,
        "fee": 0.0002,
        "sizing": "fixed",
        "lot_size": 1.0,
        "max_stop_atr": 10.0,
        "entry_style": "breakout",
    }
    assert found["gates"] == {
        "wfe": 0.1,
        "dd_ratio": 9.0,
        "min_phases": 2,
        "min_trades": 1,
        "beat": "return",
    }
    assert found["phases"]["name"] == "sixty-forty"
    assert found["phases"]["as_of"] == "2018-06-29"
    assert found["threads"] == 1
    assert not Path("results").exists()


def test_data_folder_of_the_environment(
    tiny: str, wfo_: Callable[..., Called], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WFO_DATA_DIR", SAMPLE)
    called = wfo_("run", "--symbol", "SP500", "--strategy", "atr_d_l", "--grid", tiny)
    assert called.code == 0, called
    assert Path("results/SP500/run.json").is_file()


def test_rescore_keeps_the_gates_that_are_not_given(tiny: str, wfo_: Callable[..., Called]) -> None:
    assert wfo_(*RUN, "--grid", tiny, "--wfe", "0.5", "--dd-ratio", "2").code == 0
    called = wfo_("rescore", "results/NASDAQ", "--min-phases", "2")
    assert called.code == 0, called
    manifest = Path("results/NASDAQ/run.json")
    gates = json.loads(manifest.read_text())["gates"]
    assert gates == wfo.Gates(wfe=0.5, dd_ratio=2.0, min_phases=2).to_dict()
    assert "Stable by the own gates, valid in 2 or more of 4 phases: " in called.out
    assert wfo_("rescore", "--symbol", "NASDAQ", "--wfe", "0").code == 0
    gates = json.loads(manifest.read_text())["gates"]
    assert gates == wfo.Gates(wfe=0.0, dd_ratio=2.0, min_phases=2).to_dict()
    # What it says it took is the scoring alone.
    write_sealed(manifest, read_sealed(manifest) | {"timings": {"sweep atr_d_l": 4000.0}})
    assert re.search(r"^Took \d+\.\d s\.$", wfo_("rescore", "results/NASDAQ").out, re.MULTILINE)


@pytest.mark.parametrize(
    ("options", "gates"),
    [
        ("--gates strict", wfo.Gates.preset("strict")),
        ("--gates strict --min-trades 8", wfo.Gates(min_trades=8, beat="risk")),
        ("--beat return --gates strict", wfo.Gates(min_trades=5, beat="return")),
        ("--gates strict --beat none --min-phases 2", wfo.Gates(min_phases=2, min_trades=5)),
        ("--min-trades 8", wfo.Gates(wfe=0.1, min_trades=8, beat="risk")),
        ("--gates v4", wfo.Gates()),
        ("", wfo.Gates(wfe=0.1, min_trades=3, beat="risk")),
    ],
)
def test_rescore_starts_from_the_run_or_from_a_set_by_name(
    options: str, gates: wfo.Gates, tiny: str, wfo_: Callable[..., Called]
) -> None:
    own = ("--wfe", "0.1", "--min-trades", "3", "--beat", "risk")
    assert wfo_(*RUN, "--grid", tiny, *own).code == 0
    called = wfo_("rescore", "results/NASDAQ", *options.split())
    assert called.code == 0, called
    found = json.loads(Path("results/NASDAQ/run.json").read_text())
    assert wfo.Gates.from_dict(found["gates"]) == gates
    assert set(found["results"][0]["sets"]) == {"v4", "strict", gates.name}


def test_phases_that_were_asked_for_are_kept_and_nothing_is_found(
    tiny: str, wfo_: Callable[..., Called]
) -> None:
    strict = ("--gates", "strict", "--min-trades", "60000")
    called = wfo_(*RUN, "--grid", tiny, *strict, "--min-phases", "4")
    assert called.code == 0, called
    assert "no combination is valid in 4 phases: none is stable" in called.out
    files = Path("results/NASDAQ")
    (candidates,) = files.glob("candidates_*.csv")
    assert len(candidates.read_text().splitlines()) == 1, "headings alone"
    refused = wfo_("rescore", "results/NASDAQ", "--min-trades", "70000")
    assert refused.code != 0
    assert "min_trades = 70000 must be from 0 to 65,535" in refused.err


def test_verify_names_the_file_that_changed(tiny: str, wfo_: Callable[..., Called]) -> None:
    assert wfo_(*RUN, "--grid", tiny).code == 0
    for run_of in (("results/NASDAQ",), ("--symbol", "NASDAQ")):
        called = wfo_("verify", *run_of)
        assert called.code == 0, called
        assert re.fullmatch(r"\d+ files, [\d.]+ MB: all are as they were written\n", called.out)
    path = Path("results/NASDAQ/wfo/atr_d_l/phase2/oos_pnl.npy")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    called = wfo_("verify", "results/NASDAQ")
    assert (called.code, called.out) == (1, "")
    assert re.search(r"error: .*phase2/oos_pnl\.npy is damaged: .*'wfo run' computes", called.err)
    # And the same command mends it.
    assert "stored and intact" in wfo_(*RUN, "--grid", tiny).err
    assert wfo_("verify", "results/NASDAQ").code == 0
    assert wfo_("verify").code == 2


def test_every_command_goes_on_with_the_sample(tiny: str, wfo_: Callable[..., Called]) -> None:
    """No bars were imported: the sample's symbols are known all the same."""
    # As the demo does it, which reads the sample as its store.
    assert wfo_(*RUN, "--grid", tiny).code == 0
    before = {p: p.stat().st_mtime_ns for p in Path("results").rglob("*.npy")}
    same = wfo_("run", "--symbol", "NASDAQ", "--strategy", "atr_d_l", "--grid", tiny)
    assert same.code == 0, same
    assert "The earlier run" not in same.out
    assert {p: p.stat().st_mtime_ns for p in Path("results").rglob("*.npy")} == before
    row = ("--from-candidates", "results/NASDAQ/candidates_atr_d_l_tiny.csv")
    assert wfo_("simulate", "--symbol", "NASDAQ", "--strategy", "atr_d_l", *row).code == 0
    assert "NASDAQ" in wfo_("data", "list").out
    assert wfo_("data", "check", "NASDAQ").code == 0
    assert wfo_("run", "--symbol", "SP500", "--strategy", "atr_d_l", "--estimate").code == 0
    assert "results/NASDAQ" in wfo_("results", "--symbol", "NASDAQ").out


def test_another_run_says_where_the_earlier_one_is(tiny: str, wfo_: Callable[..., Called]) -> None:
    assert "moved" not in wfo_(*RUN, "--grid", tiny).out
    called = wfo_(*RUN, "--grid", tiny, "--slip", "0.001")
    (moved,) = Path("results/NASDAQ/.history").iterdir()
    assert f"The earlier run was another one and moved to {moved}" in called.out
    assert "256 combinations were ever searched" in called.out
    # The same run that starts over is no other one.
    called = wfo_(*RUN, "--grid", tiny, "--slip", "0.001", "--fresh")
    assert "The earlier run moved to results/NASDAQ/.history/" in called.out


def test_broken_run_is_named(tiny: str, wfo_: Callable[..., Called]) -> None:
    assert wfo_(*RUN, "--grid", tiny).code == 0
    Path("results/NASDAQ/run.json").write_text("no json")
    called = wfo_("rescore", "--symbol", "NASDAQ")
    assert called.code == 1
    assert re.search(r"error: results/NASDAQ/run\.json is damaged: .*run again", called.err)


def test_grid_too_large_for_the_disk(
    wfo_: Callable[..., Called], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(".")._replace(free=10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    called = wfo_(*RUN, "--grid", "phase1_slim")
    assert called.code == 1
    assert "1.0 GB free" in called.err
    assert not Path("results").exists()


# Interrupts


class Started:
    """A command that runs in a process of its own, and is ended whatever happens."""

    def __init__(self, command: list[str], cwd: Path) -> None:
        self.process = subprocess.Popen(
            command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Started:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def wait_for(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not holds():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.002)

    def stop(self, number: int) -> tuple[float, str, str]:
        """Send a signal; return the seconds that it took, and what was said.

        Seconds are those that the process computed for, a core: other processes do not count.
        Where the system does not tell them, and where it only waited, the clock's do.
        """
        before, begun = computed(self.process.pid), time.monotonic()
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        seconds = time.monotonic() - begun
        if before is not None and seconds < 20:
            seconds = (computed_by_children() - before) / thread_count(None)
        return seconds, out, err


def computed(process: int) -> float | None:
    """The CPU seconds of a process and of what it waited for; None where no file says so."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    ticks = sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK") + computed_by_children()


def computed_by_children() -> float:
    """The CPU seconds of all processes that this one has waited for."""
    times = os.times()
    return times.children_user + times.children_system


def interrupted_at(folder: Path) -> dict[str, Callable[[], object]]:
    """Moments of a run."""
    figures = folder / "wfo/atr_d_l"
    return {
        "opening": lambda: any(figures.rglob("*.npy.part")),
        # More than the header of 128 bytes is on the disk: at least one block is done.
        "sweeping": lambda: any(size(p) > 128 for p in figures.rglob("*.npy.part")),
        "scoring": (figures / "meta.json").exists,
        "plateaus": lambda: any(folder.glob("candidates_*.csv")),
    }


def size(path: Path) -> int:
    """The size of a file that may be renamed while one looks."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(
    ("moment", "number", "grid"),
    [
        ("opening", signal.SIGTERM, "phase1_slim"),
        ("sweeping", signal.SIGINT, "phase1_slim"),
        ("scoring", signal.SIGINT, "coarse"),
        ("plateaus", signal.SIGTERM, "smoke"),
    ],
)
def test_interrupt_is_heard_at_once_and_leaves_nothing_half_written(
    moment: str, number: int, grid: str, tmp_path: Path
) -> None:
    folder = tmp_path / "results" / "NASDAQ"
    with Started([sys.executable, "-m", "wfo", *RUN, "--grid", grid], tmp_path) as started:
        started.wait_for(interrupted_at(folder)[moment])
        seconds, out, err = started.stop(number)
    assert started.process.returncode == 130, (out, err)
    assert seconds < 1
    assert out == ""
    assert "interrupted; what was complete is kept, nothing is half-written\n" in err
    assert "Traceback" not in err
    assert "the run was interrupted; the same command goes on with what is stored" in err
    sweep = folder / "wfo"
    assert all(p.is_relative_to(sweep) for p in folder.rglob("*.part"))
    assert moment in {"scoring", "plateaus"} or not list(folder.rglob("*.npy"))
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"


def test_run_after_an_interrupted_one(
    tiny: str, wfo_: Callable[..., Called], tmp_path: Path
) -> None:
    here = Path.cwd()
    folder = here / "results" / "NASDAQ"
    with Started([sys.executable, "-m", "wfo", *RUN], here) as started:
        started.wait_for(interrupted_at(folder)["sweeping"])
        started.stop(signal.SIGINT)
    first = json.loads((folder / "run.json").read_text())
    assert first["grids"][0]["name"] == "phase1_slim"
    refused = wfo_("rescore", "results/NASDAQ")
    assert refused.code == 1
    assert (
        "did not finish; the same command goes on with it: wfo run --symbol NASDAQ" in refused.err
    )
    called = wfo_(*RUN, "--grid", tiny)
    assert called.code == 0, called
    moved = folder / ".history" / first["fingerprint"][:8]
    assert json.loads((moved / "run.json").read_text()) == first
    assert json.loads((folder / "run.json").read_text())["status"] == "complete"
    # What was interrupted was not searched.
    assert "128 combinations were ever searched" in called.out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot repeat an interrupt")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_that_is_swallowed_is_raised_again(number: int, tmp_path: Path) -> None:
    # Compiled modules do so while they are imported, and leave CPython's mark of an interrupt that
    # was not handled; so does exec of a text.
    code = """if True:
    import sys, time
    import wfo.build
    from wfo.cli import main

    def swallowing():
        for _ in range(2):
            try:
                exec("open('here', 'w').close(); time.sleep(30)", {"time": time})
            except KeyboardInterrupt:
                pass
        time.sleep(30)

    wfo.build.build_info = swallowing
    main(["info"])
    """
    (tmp_path / "swallow.py").write_text(code)
    # CPython looks at that mark where a module is run, as in python -m wfo.
    with Started([sys.executable, "-m", "swallow"], tmp_path) as started:
        started.wait_for((tmp_path / "here").exists)
        seconds, _, err = started.stop(number)
    assert started.process.returncode == 130, err
    assert seconds < 1
    assert "Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_interrupt_does_not_disturb_the_cleaning_up(tmp_path: Path) -> None:
    code = """if True:
    import sys, time
    import wfo.build
    from wfo.cli import main

    def slow():
        try:
            open("here", "w").close()
            time.sleep(30)
        finally:
            open("cleaning", "w").close()
            time.sleep(0.7)
            open("clean", "w").close()

    wfo.build.build_info = slow
    main(["info"])
    """
    with Started([sys.executable, "-c", code], tmp_path) as started:
        started.wait_for((tmp_path / "here").exists)
        started.process.send_signal(signal.SIGINT)
        started.wait_for((tmp_path / "cleaning").exists)
        # Reminders come meanwhile, and so does an impatient second Ctrl-C.
        _, _, err = started.stop(signal.SIGINT)
    assert started.process.returncode == 130, err
    assert (tmp_path / "clean").exists()
    assert "Traceback" not in err


def test_sample_is_not_written_to() -> None:
    assert sample_store().symbols == ["NASDAQ", "SP500"]
    names = {p.name for p in Path(SAMPLE).iterdir()}
    assert not any(n.endswith((".part", ".tmp")) for n in names)

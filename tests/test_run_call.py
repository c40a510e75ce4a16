"""``wfo.run``: the command, as a call from Python."""

from __future__ import annotations

import ast
import dataclasses
import datetime as dt
import io
import json
import re
import shlex
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import click
import polars as pl
import pytest
from conftest import TINY
from polars.testing import assert_frame_equal

import wfo
import wfo.runs
from wfo.cli import cli, main
from wfo.data import sample_store
from wfo.files import read_sealed
from wfo.progress import Plain
from wfo.runs import identity
from wfo.runs.folder import RunFolder
from wfo.runs.report import RunReport
from wfo.runs.rescore import rescore
from wfo.runs.verify import verify
from wfo.strategy import NumbaKernel, RustKernel
from wfo.strategy.registry import separate
from wfo.windows import Length, WalkSchedule

SAMPLE = str(sample_store().folder)

#: Of two strategies of which one is simpler.
VALUES: dict[str, Any] = {
    "atr_period": [4, 64],
    "atr_multiplier": [13, 24],
    "bb_length": [10],
    "bb_deviation": [0.5, 4],
    "vol_threshold": [0.04],
    "min_tightening": [0.10, 0.85],
    "scaling_method": [0],
    "atr_buy_period": [8, 56],
    "atr_buy_multiplier": [0.5, 2.5],
    "atr_smooth_period": [2],
    "equity_price_method": [0],
}
SHORTS: dict[str, Any] = {
    "short_multiplier": [0.5],
    "entry_mode": [0, 2],
    "trend_filter_period": [10],
    "trend_veto_threshold": [0.00001],
    "both_triggered_mode": [1],
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, with the sample as the store."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("WFO_DATA_DIR", SAMPLE)
    return place


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


class Command:
    """Calls a command line in this process, and returns what it printed.

    Attributes
    ----------
    told
        What the last one said on standard error.
    """

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.told = ""

    def __call__(self, line: str) -> str:
        program, *arguments = shlex.split(line)
        assert program == "wfo"
        self._capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", [program, *arguments])
            with pytest.raises(SystemExit) as exit_:
                main(arguments)
        out, self.told = self._capsys.readouterr()
        assert exit_.value.code == 0, self.told
        return out


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Calls of command lines."""
    return Command(capsys)


TIMES = ("started", "finished", "timings", "seal", "command")


def contents(folder: Path) -> dict[str, Any]:
    """Every file of a run: its bytes, or what a JSON file says but for times."""
    found: dict[str, Any] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if name.startswith(".history"):
            continue
        found[name] = path.read_bytes()
        if path.name in {"run.json", "meta.json"}:
            said = json.loads(found[name])
            found[name] = {key: value for key, value in said.items() if key not in TIMES}
    return found


def untimed(page: str) -> str:
    return re.sub(r"^Took .*? s\.$", "Took", page, flags=re.MULTILINE)


class Interrupting(io.StringIO):
    """A stream that interrupts a run when it says that its sweep is over."""

    def write(self, text: str) -> int:
        if ": sweeping " in text:
            raise KeyboardInterrupt
        return super().write(text)


def interrupted(call: Callable[[], object], error: type[BaseException] = KeyboardInterrupt) -> None:
    """Call, and see that it was stopped before its sweep was stored."""
    with pytest.raises(error):
        call()
    (folder,) = Path("results").iterdir()
    assert read_sealed(folder / "run.json")["status"] == "interrupted"
    assert not list(folder.rglob("*.npy"))


def test_it_leaves_what_the_command_leaves(tiny: Path, command: Callable[[str], str]) -> None:
    report = wfo.run("NASDAQ", "atr_d_l", grid=tiny)
    assert report.folder.path == Path("results/NASDAQ")
    called = contents(report.folder.path)
    page = command(f"wfo run --symbol NASDAQ --strategy atr_d_l --grid {tiny} --out another")
    assert contents(Path("another/NASDAQ")) == called
    # Names of one length, so that lines break at the same words.
    assert untimed(page).replace("another/", "results/") == untimed(report.page)


def test_every_option_is_that_of_the_command(tiny: Path, command: Callable[[str], str]) -> None:
    settings = wfo.Settings(
        capital=5000, slip=0.001, fee=1e-05, sizing="fixed", lot_size=1, max_stop_atr=10,
        entry_style="breakout",
    )  # fmt: skip
    report = wfo.run(
        "NASDAQ",
        "atr_d_l",
        grid=str(tiny),
        windows="sixty-forty",
        as_of="2018-06-29",
        settings=settings,
        gates=wfo.Gates(wfe=0.1, dd_ratio=9, min_phases=2, min_trades=1, beat="return"),
        store="survivors",
        threads=1,
        expand=False,
        csv_all=True,
        data_dir=SAMPLE,
        out=Path("some where"),
        allow_gaps=True,
    )
    said = report.manifest
    assert said.settings == settings.to_dict()
    assert said.gates == wfo.Gates(0.1, 9, 2, 1, "return")
    assert said.phases.as_of == dt.date(2018, 6, 29)
    assert said.sweeps["atr_d_l"].store == "survivors"
    assert shlex.split(said.command) == [
        "wfo", "run", "--symbol", "NASDAQ", "--allow-gaps", "--strategy", "atr_d_l",
        "--grid", str(tiny), "--windows", "sixty-forty", "--as-of", "2018-06-29", "--no-expand",
        "--capital", "5000.0", "--slip", "0.001", "--fee", "1e-05", "--sizing", "fixed",
        "--lot-size", "1.0", "--max-stop-atr", "10.0", "--entry-style", "breakout",
        "--wfe", "0.1", "--dd-ratio", "9.0", "--min-phases", "2", "--min-trades", "1",
        "--beat", "return", "--csv-all",
        "--store", "survivors", "--threads", "1", "--data-dir", SAMPLE, "--out", "some where",
    ]  # fmt: skip
    before = contents(report.folder.path)
    command(said.command)
    assert contents(report.folder.path) == before
    assert read_sealed(report.folder.manifest)["command"] == said.command
    assert not report.folder.history.exists()


def test_a_run_with_a_name_lies_beside_the_other(tiny: Path, command: Callable[[str], str]) -> None:
    plain = wfo.run("NASDAQ", "atr_d_l", grid=tiny)
    before = contents(plain.folder.path)
    costs = wfo.Settings(slip=0.001)
    named = wfo.run("NASDAQ", "atr_d_l", grid=tiny, settings=costs, name="costs")
    assert named.folder.path == Path("results/NASDAQ/runs/costs")
    assert named.moved is None
    # The symbol's count is of both.
    assert named.trials == 256
    assert not (named.folder.path / "trials.json").exists()
    after = contents(plain.folder.path)
    assert {n for n in after if not n.startswith("runs/")} == set(before)
    assert {n for n in before if after[n] != before[n]} == {"trials.json"}
    assert "--name costs" in named.manifest.command
    kept = contents(named.folder.path)
    page = command(named.manifest.command)
    assert "moved" not in page
    assert contents(named.folder.path) == kept
    verify(named.folder)
    assert command("wfo verify --symbol NASDAQ --name costs")
    assert command("wfo rescore --symbol NASDAQ --name costs")
    listed = command("wfo results")
    assert "  in results/NASDAQ\n" in listed
    assert "  in results/NASDAQ/runs/costs\n" in listed
    # A name is no part of what a run is: elsewhere it has the same figures.
    again = wfo.run("NASDAQ", "atr_d_l", grid=tiny, settings=costs, name="again")
    assert again.manifest.fingerprint == named.manifest.fingerprint
    assert again.trials == 256


def test_what_is_usual_is_not_said() -> None:
    report = wfo.run("NASDAQ", "atr_d_l", grid="smoke")
    expected = "wfo run --symbol NASDAQ --strategy atr_d_l --grid smoke"
    assert report.manifest.command == expected


def test_a_set_with_a_name_is_said_by_it(tiny: Path, command: Callable[[str], str]) -> None:
    gates = wfo.Gates(min_phases=2, min_trades=5, beat="risk")
    report = wfo.run("NASDAQ", "atr_d_l", grid=tiny, gates=gates, data_dir=SAMPLE)
    assert "--gates strict --min-phases 2" in report.manifest.command
    before = contents(report.folder.path)
    command(report.manifest.command)
    assert contents(report.folder.path) == before
    assert report.folder.read_manifest().gates == gates
    assert not report.folder.history.exists()


def test_a_call_that_was_stopped_goes_on_with_its_command(
    tiny: Path,
    tmp_path: Path,
    command: Callable[[str], str],
) -> None:
    whole = wfo.run("NASDAQ", "atr_d_l", grid=tiny, out=tmp_path / "whole")
    stopped = Plain(Interrupting())
    interrupted(lambda: wfo.run("NASDAQ", "atr_d_l", grid=tiny, progress=stopped))
    command(read_sealed(Path("results/NASDAQ/run.json"))["command"])
    assert not Path("results/NASDAQ/.history").exists()
    assert contents(Path("results/NASDAQ")) == contents(whole.folder.path)


def test_a_command_that_was_stopped_goes_on_with_a_call(
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = wfo.run("NASDAQ", "atr_d_l", grid=tiny, out=tmp_path / "whole")
    line = ["run", "--symbol", "NASDAQ", "--strategy", "atr_d_l", "--grid", str(tiny)]

    def called() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", Interrupting())
            cli.main(args=line, prog_name="wfo", standalone_mode=False)

    # The command line turns an interrupt into an error of its own.
    interrupted(called, click.exceptions.Abort)
    report = wfo.run("NASDAQ", "atr_d_l", grid=tiny)
    assert report.moved is None
    assert contents(report.folder.path) == contents(whole.folder.path)
    assert wfo.run("NASDAQ", "atr_d_l", grid=tiny, fresh=True).moved is not None


def test_windows_of_a_walk_forward_are_phases_of_a_run(command: Command) -> None:
    """A walk of one's own is kept, found again, and all that goes on from a run reads it."""
    walk = WalkSchedule(Length.of("8y"), Length.of("3y"), anchored=True)
    windows = wfo.Windows("walked", walk=walk)
    report = wfo.run("NASDAQ", "atr_d_l", grid=wfo.Grid(VALUES, name="mine"), windows=windows)
    # It trades from 1999-05-27 on, so windows are split in 2007, 2010, 2013 and 2016.
    assert [p.split_date.isoformat() for p in report.phases] == [
        f"{year}-05-27" for year in (2007, 2010, 2013, 2016)
    ]
    assert (report.phases.name, report.phases.min_phases) == ("walked", 3)
    assert "out-of-sample part would end before 2019-05-27" in " ".join(report.page.split())
    folder = report.folder
    assert wfo.Windows.load(folder.given / "walked.yaml") == windows
    assert wfo.Windows.from_dict(read_sealed(folder.manifest)["windows"]) == windows
    before = contents(folder.path)
    command(report.manifest.command)
    assert ": sweeping " not in command.told
    assert contents(folder.path) == before
    assert list(rescore(folder).phases) == list(report.phases)
    swept = wfo.sweep("atr_d_l", wfo.load_sample("NASDAQ"), VALUES, windows=windows, threads=1)
    assert [s.phase for s in swept] == [*report.phases]


def test_a_grid_and_a_schedule_of_ones_own(command: Command) -> None:
    grid = wfo.Grid(VALUES | SHORTS, name="mine")
    spans = wfo.Windows.preset("default").spans
    windows = wfo.Windows("two", spans[2:], min_phases=2)
    report = wfo.run("NASDAQ", "atr_d_ls", grid=grid, windows=windows)
    assert [r.strategy.name for r in report.strategies] == ["atr_d_ls", "atr_d_l"]
    assert [len(r.grid) for r in report.strategies] == [128, 64]
    assert report.strategies[0].grid == grid
    assert report.strategies[1].grid.values == wfo.Grid(VALUES, strategy="atr_d_l").values
    folder = report.folder
    assert {p.name for p in folder.given.iterdir()} == {"mine.yaml", "two.yaml"}
    assert wfo.Grid.load(folder.given / "mine.yaml", "atr_d_ls") == grid
    assert wfo.Windows.load(folder.given / "two.yaml") == windows
    # They count among the files that are checked.
    assert verify(folder)[0] == sum(1 for p in folder.path.rglob("*") if p.is_file())
    assert "--grid results/NASDAQ/given/mine.yaml" in report.manifest.command
    assert "--windows results/NASDAQ/given/two.yaml" in report.manifest.command
    before = contents(folder.path)
    command(report.manifest.command)
    assert ": sweeping " not in command.told
    assert contents(folder.path) == before
    # Starting over moves the files too, and they are still there to be named.
    command(f"{report.manifest.command} --fresh")
    assert ": sweeping " in command.told
    after = contents(folder.path)
    before.pop("trials.json")
    after.pop("trials.json")
    assert after == before
    command(report.manifest.command)


def test_a_damaged_grid_is_found() -> None:
    report = wfo.run("NASDAQ", "atr_d_l", grid=wfo.Grid(VALUES), expand=False)
    path = report.folder.given / "grid.yaml"
    path.write_text(path.read_text().replace("0.85", "0.86"))
    with pytest.raises(wfo.ResultsError, match=r"grid\.yaml is damaged"):
        verify(report.folder)
    # The same call writes it again, and its values alone are the same grid.
    assert wfo.run("NASDAQ", "atr_d_l", grid=VALUES, expand=False).moved is None
    verify(report.folder)


def test_a_schedule_that_is_a_preset_is_said_by_its_name(tiny: Path) -> None:
    preset = wfo.Windows.preset("sixty-forty")
    report = wfo.run("NASDAQ", "atr_d_l", grid=tiny, windows=preset)
    assert "--windows sixty-forty" in report.manifest.command
    assert not report.folder.given.exists()


def test_two_symbols() -> None:
    report = wfo.run("NASDAQ", "atr_d_duals_l", symbol2="SP500", grid=wfo.Grid(VALUES))
    assert report.folder.path == Path("results/NASDAQ_SP500")
    assert [r.strategy.name for r in report.strategies] == ["atr_d_duals_l", "atr_d_l"]
    assert "With SP500 on the same dates" in report.page
    alone = wfo.run("NASDAQ", "atr_d_duals_l", symbol2="SP500", grid=wfo.Grid(VALUES), expand=False)
    assert [r.strategy.name for r in alone.strategies] == ["atr_d_duals_l"]


# The report


class _Cells(HTMLParser):
    """The cells of a page's tables, and its preformatted text."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.text = ""
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "td":
            self.cells.append(data)
        if self._open and self._open[-1] == "pre":
            self.text += data


def test_a_report_is_short_and_shows_itself_in_a_notebook() -> None:
    report = wfo.run("NASDAQ", "atr_d_l", grid="smoke")
    stable = report.strategies[0].scores.stable
    expected = f"atr_d_l {stable:,} of 1,280 stable"
    assert repr(report) == f"RunReport(NASDAQ 1day: {expected}; results/NASDAQ)"
    parser = _Cells()
    parser.feed(report._repr_html_())
    share = f"{100 * stable / 1280:.1f} %"
    plateaus = str(len(report.strategies[0].plateaus))
    assert parser.cells[:5] == ["atr_d_l", "1,280", f"{stable:,}", share, plateaus]
    assert parser.text == report.page.strip()


def test_candidates_are_those_of_the_files() -> None:
    report = wfo.run("NASDAQ", "atr_d_ls", grid=wfo.Grid(VALUES | SHORTS))
    for name in ("atr_d_ls", "atr_d_l"):
        stored = pl.read_parquet(f"results/NASDAQ/candidates_{name}_grid.parquet")
        assert_frame_equal(report.candidates(name), stored, check_exact=True)
        strategy = wfo.strategies()[name]
        assert report.candidates(strategy) is report.candidates(name)
    assert report.candidates() is report.candidates("atr_d_ls")
    with pytest.raises(wfo.InputError, match=r"no strategy 'atr_d_lss'; did you mean 'atr_d_ls'"):
        report.candidates("atr_d_lss")


def test_progress_is_told_to_whoever_asks(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wfo.run("NASDAQ", "atr_d_l", grid=tiny, progress=Plain())
    said = capsys.readouterr()
    assert "atr_d_l: sweeping 4 phases: 128 in" in said.err
    assert said.out == ""


# What cannot be used


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"symbol": "NASDAK"}, "did you mean 'NASDAQ'"),
        ({"strategy": "atr_d_k"}, "did you mean 'atr_d_l'"),
        ({"strategy": "atr_d_duals_l"}, "reads a second symbol"),
        ({"symbol2": "SP500"}, "reads one symbol only"),
        ({"grid": "corse"}, "did you mean 'coarse'"),
        ({"grid": wfo.Grid(VALUES | SHORTS)}, "short_multiplier"),
        ({"grid": wfo.Grid(VALUES, name="a/b")}, "cannot be called 'a/b'"),
        ({"windows": "defalt"}, "did you mean 'default'"),
        (
            {"windows": wfo.Windows(".x", wfo.Windows.preset().spans)},
            "schedule of a run cannot be called '.x'",
        ),
        ({"as_of": "31.12.2018"}, "as_of = '31.12.2018' is no date such as '2018-12-31'"),
        ({"store": "none"}, "store = 'none' must be one of"),
        ({"threads": 0}, "threads = 0"),
        ({"gates": 3}, r"gates must be wfo.Gates\(...\), not 3"),
        ({"symbol": 5}, "symbol = 5 must be the name"),
        ({"grid": 5}, r"grid = 5 is no grid; give its values, such as .*, a wfo\.Grid, or a name"),
        ({"grid": VALUES | {"atr_perod": [5]}}, "did you mean 'atr_period'"),
        ({"windows": 5}, "windows = 5 is no name or file of a schedule"),
        ({"symbol": "QQQ", "data_dir": "nowhere"}, "nowhere"),
        ({"name": "a/b"}, "a run cannot be called 'a/b'"),
    ],
)
def test_what_cannot_be_used_is_named_and_nothing_is_written(
    options: dict[str, Any], message: str, here: Path
) -> None:
    arguments: dict[str, Any] = {"symbol": "NASDAQ", "strategy": "atr_d_l", "grid": "smoke"}
    with pytest.raises(wfo.WfoError, match=message):
        wfo.run(**(arguments | options))
    assert not list(here.iterdir())


def test_a_grid_that_lacks_what_a_simpler_strategy_reads_says_so() -> None:
    long = wfo.strategies()["atr_d_l"]
    odd = dataclasses.replace(long, name="odd", expansion=("atr_d_ls",))
    message = "atr_d_ls runs too, and the grid has no values of short_multiplier.*expand=False"
    with pytest.raises(wfo.InputError, match=message):
        wfo.run("NASDAQ", odd, grid=wfo.Grid(VALUES))


def test_the_function_and_the_package_have_names_of_their_own() -> None:
    assert callable(wfo.run)
    assert not (Path(wfo.__file__).parent / "run.py").exists()
    assert wfo.runs.__name__ == "wfo.runs"


def test_runs_know_no_command_line() -> None:
    for path in Path(wfo.runs.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        named += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
        assert not [n for n in named if n.split(".")[0] == "click" or n.startswith("wfo.cli")], path


def test_a_folder_of_a_call_can_be_rescored_by_the_command(
    tiny: Path, command: Callable[[str], str]
) -> None:
    report = wfo.run("NASDAQ", "atr_d_l", grid=tiny)
    page = command(f"wfo rescore {report.folder.path} --min-phases 2")
    assert "Stable by the v4 gates, valid in 2 or more of 4 phases: " in page
    assert RunFolder(report.folder.path).read_manifest().gates == wfo.Gates(min_phases=2)


#: Of one strategy, as it is and after its author has turned a constraint round: either way there is
#: one pair of the two periods.
PAIRS: dict[str, Any] = VALUES | {"atr_period": [8, 56], "atr_buy_period": [8, 56]}


def mine(**options: Any) -> wfo.Strategy:
    given: dict[str, Any] = {
        "name": "mine",
        "kernel": RustKernel("atr_d_l"),
        "reference": None,
        "expansion": (),
    }
    return dataclasses.replace(wfo.strategies()["atr_d_l"], **(given | options))


@pytest.mark.parametrize("store", ["dense", "survivors"])
def test_figures_of_a_strategy_that_was_changed_are_computed_again(store: str) -> None:
    def run(constraint: str, out: str) -> RunReport:
        strategy = mine(constraints=(constraint,))
        grid = wfo.Grid(PAIRS, strategy=strategy)
        return wfo.run("NASDAQ", strategy, grid=grid, out=out, store=store)

    before = run("atr_period < atr_buy_period", "same")
    after = run("atr_period > atr_buy_period", "same")
    fresh = run("atr_period > atr_buy_period", "other")
    assert len(before.strategies[0].grid) == len(after.strategies[0].grid) == 16
    assert_frame_equal(after.candidates(), fresh.candidates())
    assert after.trials == 32
    assert "The earlier run was another one" in after.page


def test_a_kernel_that_was_changed_is_told_by_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kernels" / "held.py"
    file.parent.mkdir()
    monkeypatch.syspath_prepend(file.parent)
    strategy = mine(kernel=NumbaKernel("held"))
    file.write_text("x = 1\n")
    first = identity.kernel_digest(strategy)
    assert first is not None
    assert identity.kernel_digest(strategy) == first
    file.write_text("x = 2\n")
    assert identity.kernel_digest(strategy) != first
    # The version says it of this package's, and of what is not there nothing can be said.
    assert identity.kernel_digest(mine()) is None
    assert identity.kernel_digest(mine(kernel=NumbaKernel("not_there.at_all"))) is None


def test_the_engine_that_is_stated_is_the_one_that_swept() -> None:
    strategy = mine(constraints=("atr_period < atr_buy_period",))
    report = wfo.run("NASDAQ", strategy, grid=wfo.Grid(PAIRS, strategy=strategy))
    # The factored engine takes one axis a parameter.
    assert report.manifest.engine == "direct"
    assert wfo.run("NASDAQ", "atr_d_l", grid="smoke", out="own").manifest.engine == "factored"


def test_a_strategy_that_is_not_known_any_more_is_named() -> None:
    strategy = mine()
    report = wfo.run("NASDAQ", strategy, grid=wfo.Grid(VALUES, strategy=strategy))
    # What is stored is read by the run's own description, and what computes needs the code.
    verify(report.folder)
    with pytest.raises(wfo.EngineError, match=r"the code of mine is needed.*wfo\.register"):
        rescore(report.folder)
    assert report.folder.read_manifest().status == "complete"
    earlier = dataclasses.replace(report.folder.read_manifest(), strategies={})
    with separate(), pytest.raises(wfo.InputError, match=r"has searched mine, and no.*register"):
        earlier.load_grids()


def test_another_strategy_by_the_name_of_one_is_told_from_it() -> None:
    strategy = mine(name="atr_d_l", constraints=("atr_period < atr_buy_period",))
    report = wfo.run("NASDAQ", strategy, grid=wfo.Grid(PAIRS, strategy=strategy))
    with pytest.raises(wfo.InputError, match="another strategy that was called atr_d_l"):
        verify(report.folder)

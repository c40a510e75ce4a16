"""``--config run.yaml``, and the examples of all formats in the documentation."""

from __future__ import annotations

import datetime as dt
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from conftest import TINY

import wfo
from wfo.cli.config import config_of, written_out
from wfo.cli.run import run
from wfo.data import BarsMeta, DateInterval, sample_store
from wfo.data.sources import SourcesConfig
from wfo.data.sources.credentials import VARIABLES
from wfo.files import limits
from wfo.grid import GridText
from wfo.runs.folder import RunFolder
from wfo.search.objective import Guardrails
from wfo.search.plan_file import read_plan
from wfo.windows import WalkSchedule
from wfo.yaml_text import load_yaml

FORMATS = Path(wfo.__file__).parent / "FORMATS.md"
NOW = dt.datetime(2024, 2, 2, tzinfo=dt.UTC)
LEAST = "symbol: NASDAQ\nstrategy: atr_d_l\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WFO_DATA_DIR", raising=False)
    return tmp_path


def file(text: str, name: str = "run.yaml") -> str:
    Path(name).write_text(text)
    return name


def context(text: str, *arguments: str) -> click.Context:
    return run.make_context("run", ["--config", file(text), *arguments])


def options(text: str, *arguments: str) -> dict[str, Any]:
    return context(text, *arguments).params


@pytest.fixture
def carried_out(monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunFolder]:
    """Carries out a command line, and returns the folder of its run."""

    def call(line: str) -> RunFolder:
        words = shlex.split(line)
        monkeypatch.setattr("sys.argv", words)
        with run.make_context("run", words[2:]) as ctx:
            run.invoke(ctx)
            plan = ctx.params
        return RunFolder.of(
            plan["out"], plan["symbol"], plan["symbol2"], plan["timeframe"], plan["name"]
        )

    return call


# What it reads


def test_options_are_those_of_the_command() -> None:
    found = options(
        LEAST
        + "slip: 0.0005\n--fee: 0.001\nlot_size: 1\nas-of: 2018-06-29\nno-expand: true\nfresh: no\n"
        "sizing: fixed\nthreads: 2\nname: mine\ndata-dir: bars\nmin-phases: 2\nwfe: 1\n"
    )
    assert (found["symbol"], found["strategy"], found["name"]) == ("NASDAQ", "atr_d_l", "mine")
    assert (found["slip"], found["fee"], found["lot_size"]) == (0.0005, 0.001, 1.0)
    assert found["as_of"].date().isoformat() == "2018-06-29"
    assert (found["no_expand"], found["fresh"]) == (True, False)
    assert (found["sizing"], found["threads"], found["min_phases"]) == ("fixed", 2, 2)
    assert found["data_dir"] == Path("bars")
    # What the file does not say is as without it.
    plain = run.make_context("run", ["--symbol", "NASDAQ", "--strategy", "atr_d_l"]).params
    assert {n: found[n] for n in ("grid", "windows", "out", "capital", "store")} == {
        n: plain[n] for n in ("grid", "windows", "out", "capital", "store")
    }


def test_every_option_can_stand_in_a_file() -> None:
    values: dict[str, Any] = {"symbol": "NASDAQ", "strategy": "atr_d_l"}
    for option in run.params:
        assert isinstance(option, click.Option)
        name = option.opts[0].removeprefix("--")
        if name in {"config", *values}:
            continue
        if option.is_flag:
            text, expected = "true", True
        elif isinstance(option.type, click.Choice):
            expected = option.type.choices[-1]
            text = f"'{expected}'"
        elif isinstance(option.type, click.DateTime):
            assert options(f"{LEAST}{name}: 2018-06-29")[option.name or ""].year == 2018
            continue
        elif isinstance(option.type, click.types.IntParamType):
            text, expected = "3", 3
        elif isinstance(option.type, click.types.FloatParamType):
            text, expected = "0.25", 0.25
        elif option.metavar == "A,B":
            text, expected = "words,letters", ("words", "letters")
        else:
            text, expected = "words", "words"
        found = options(f"{LEAST}{name}: {text}")[option.name or ""]
        assert (str(found) if isinstance(found, Path) else found) == expected, name


def test_the_command_line_wins_over_the_file_and_the_file_over_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = LEAST + "slip: 0.1\ngrid: smoke\ndata-dir: from-file\nsizing: fixed\n"
    for arguments in (("--slip", "0.2", "--grid", "coarse"), ("--slip=0.2", "--grid=coarse")):
        found = options(text, *arguments)
        assert (found["slip"], found["grid"], found["sizing"]) == (0.2, "coarse", "fixed")
    monkeypatch.setenv("WFO_DATA_DIR", "from-environment")
    assert options(text)["data_dir"] == Path("from-file")
    assert options(LEAST)["data_dir"] == Path("from-environment")
    assert options(text, "--data-dir", "said")["data_dir"] == Path("said")
    # Wherever it stands.
    name = file(text)
    with run.make_context("run", ["--slip", "0.3", "--config", name]) as ctx:
        assert ctx.params["slip"] == 0.3


def test_a_file_may_lack_what_the_command_line_says() -> None:
    assert options("symbol: NASDAQ", "--strategy", "atr_d_l")["symbol"] == "NASDAQ"
    with pytest.raises(click.MissingParameter, match="strategy"):
        context("symbol: NASDAQ")


def test_grids_and_windows_written_out_are_taken_unless_named() -> None:
    text = LEAST + (
        "grid: {atr_period: [4, 8]}\nwindows: {phases: [{from: 3y, to: today, in_sample: 0.5}]}\n"
    )
    ctx = context(text)
    grid, windows = written_out(ctx, "grid"), written_out(ctx, "windows")
    assert isinstance(grid, GridText)
    assert grid.of("atr_d_l").values["atr_period"] == (4, 8)
    assert windows == wfo.Windows("run-windows", (wfo.windows.DateSpan(36, 0, 0.5),), min_phases=1)
    named = context(text, "--grid", "smoke")
    assert written_out(named, "grid") is None
    assert named.params["grid"] == "smoke"
    assert written_out(named, "windows") == windows
    without = run.make_context("run", ["--symbol", "NASDAQ", "--strategy", "atr_d_l"])
    assert config_of(without) is None
    assert written_out(without, "grid") is None


# What it refuses


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("slp: 0.1", ["no option 'slp'", "did you mean 'slip'"]),
        ("lotsize: 1", ["no option 'lotsize'", "did you mean 'lot-size'"]),
        ("Symbol: QQQ", ["no option 'Symbol'", "did you mean 'symbol'"]),
        ("config: other.yaml", ["no option 'config'"]),
        ("expand: false", ["no option 'expand'", "no-expand"]),
        ("5: 6", ["no option 5"]),
        ("symbol: NO", ["symbol = false (also written no, off)", "symbol: 'NO'"]),
        ("symbol: on", ["symbol = true (also written yes, on)"]),
        ("symbol: 0700", ["line 1: '0700' is a number in another base", "quotes"]),
        ("symbol: 2024-01-01", ["symbol = 2024-01-01", "date", "quotes"]),
        ("symbol: [QQQ, SPY]", ["symbol must be text, not a list"]),
        ("timeframe: {a: b}", ["timeframe must be text, not a dict"]),
        ("slip: 1e-3", ["slip = '1e-3' is text", "written as 0.001"]),
        ("capital: 1e5", ["capital = '1e5' is text", "written as 100000"]),
        ("capital: 100,000", ["capital = '100,000' is text", "must be a number"]),
        ("slip: no", ["slip = false (also written no, off) must be a number"]),
        ("slip: .nan", ["line 1: .nan is no number"]),
        ("slip: .inf", ["line 1: .inf is no number"]),
        ("threads: 2.0", ["threads = 2.0 must be a whole number"]),
        ("threads: 0", ["threads = 0 cannot be used", "1<=x<=1024"]),
        ("threads: '2'", ["threads = '2' is text", "written as 2"]),
        ("sizing: kompound", ["sizing = 'kompound'", "'compound', 'fixed'"]),
        ("no-expand: 1", ["no-expand = 1 must be true or false"]),
        ("no-expand: 'yes'", ["no-expand = 'yes' must be true or false"]),
        ("as-of: 2018-06-29 10:00:00", ["as-of = datetime", "a date such as"]),
        ("as-of: 29.06.2018", ["as-of = '29.06.2018'"]),
        ("as-of: 2018-13-01", ["line 1: '2018-13-01' is no date", "month must be in 1..12"]),
        ("symbol2:", ["symbol2 has no value", "leave the line out"]),
        ("slip: 0.1\nslip: 0.2", ["'slip' is there twice"]),
        ("lot-size: 1\nlot_size: 2", ["'lot-size' and 'lot_size' are the same option"]),
        ("--fee: 0\nfee: 0", ["'--fee' and 'fee' are the same option"]),
        ("grid: [a, b]", ["grid must be text, not a list"]),
        ("grid: {1: 2}", ["grid has the key 1"]),
        ("windows: {phase: []}", ["run.yaml: windows", "'phase'; did you mean 'phases'"]),
        ("windows: {phases: [{from: 1y, to: 2y, in_sample: 0.5}]}", ["begin before it ends"]),
        ("just words", ["holds no options"]),
        ("", ["holds no options"]),
        ("- a\n- b", ["holds no options"]),
        ("a: [", ["is not YAML"]),
        ("{a: b}\n---\n{c: d}", ["line 2: a second document begins"]),
    ],
)
def test_what_cannot_be_used_is_named_with_the_file(text: str, messages: list[str]) -> None:
    with pytest.raises(wfo.InputError) as caught:
        context(text, "--strategy", "atr_d_l")
    assert str(caught.value).startswith("run.yaml")
    for message in messages:
        assert message in str(caught.value)


def test_a_file_that_is_none() -> None:
    Path("folder.yaml").mkdir()
    for name, message in (
        ("none.yaml", r"there is no file of options none\.yaml"),
        ("folder.yaml", r"folder\.yaml cannot be read"),
    ):
        with pytest.raises(wfo.InputError, match=message):
            run.make_context("run", ["--config", name])
    Path("binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(wfo.InputError, match=r"binary\.yaml is not YAML"):
        run.make_context("run", ["--config", "binary.yaml"])
    file("#" * (limits.YAML_BYTES + 1), "long.yaml")
    with pytest.raises(wfo.InputError, match="has 1,048,577 bytes; 1,048,576 are read"):
        run.make_context("run", ["--config", "long.yaml"])


def test_help_needs_no_file() -> None:
    with pytest.raises(click.exceptions.Exit):
        run.make_context("run", ["--config", "none.yaml", "--help"])


def test_a_value_in_a_written_grid_is_named(carried_out: Callable[..., RunFolder]) -> None:
    file(LEAST + "grid: {bb_lenght: 20}")
    with pytest.raises(wfo.InputError, match=r"run\.yaml: grid: .*did you mean 'bb_length'"):
        carried_out("wfo run --config run.yaml")
    assert not Path("results").exists()


# What becomes of it


def test_the_command_that_a_run_states_goes_on_without_the_file(
    carried_out: Callable[..., RunFolder],
) -> None:
    grid = TINY.replace("\n", "\n  ")
    file(
        f"{LEAST}slip: 0.001\nname: mine\nthreads: 1\nmin-phases: 2\ngrid:{grid}\n"
        "windows:\n  phases:\n"
        "    - {from: 6y, to: 3y, in_sample: 0.6}\n    - {from: 3y, to: today, in_sample: 0.6}\n",
        "my.yaml",
    )
    folder = carried_out("wfo run --config my.yaml --fee 0.0001")
    assert folder.path == Path("results/NASDAQ/runs/mine")
    said = folder.read_manifest()
    assert shlex.split(said.command) == [
        "wfo", "run", "--symbol", "NASDAQ", "--strategy", "atr_d_l", "--name", "mine",
        "--grid", "results/NASDAQ/runs/mine/given/my.yaml",
        "--windows", "results/NASDAQ/runs/mine/given/my-windows.yaml",
        "--slip", "0.001", "--fee", "0.0001", "--min-phases", "2", "--threads", "1",
    ]  # fmt: skip
    assert (said.settings["slip"], said.settings["fee"]) == (0.001, 0.0001)
    assert said.gates.min_phases == 2
    Path("my.yaml").unlink()
    before = {p: p.stat().st_mtime_ns for p in folder.path.rglob("*.npy")}
    again = carried_out(said.command)
    assert again.path == folder.path
    assert again.read_manifest().fingerprint == said.fingerprint
    assert {p: p.stat().st_mtime_ns for p in folder.path.rglob("*.npy")} == before
    assert not folder.history.exists()


def test_a_folder_of_bars_is_stated_where_it_was_named(
    carried_out: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = str(sample_store().folder)
    monkeypatch.setenv("WFO_DATA_DIR", store)
    grid = file(TINY, "tiny.yaml")
    file(f"{LEAST}grid: {grid}\n")
    assert "--data-dir" not in carried_out("wfo run --config run.yaml").read_manifest().command
    file(f"{LEAST}grid: {grid}\nout: other\ndata-dir: {store}\n")
    assert f"--data-dir {store}" in carried_out("wfo run --config run.yaml").read_manifest().command


def test_a_grid_and_a_schedule_of_one_name_are_told_apart() -> None:
    windows = wfo.Windows("both", wfo.Windows.preset().spans)
    grid = wfo.Grid({}, strategy="atr_d_l", name="both")
    with pytest.raises(wfo.InputError, match="are both called 'both'"):
        wfo.run("NASDAQ", "atr_d_l", grid=grid, windows=windows)
    assert not Path("results").exists()


# The documentation


def examples() -> list[tuple[str, str]]:
    """Each example's kind, by its first comment, and its text."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", FORMATS.read_text(), re.MULTILINE | re.DOTALL)
    return [(re.match(r"# (\w+):", block)[1], block) for block in blocks]  # type: ignore[index]


def test_the_documentation_has_an_example_of_each_format() -> None:
    assert {kind for kind, _ in examples()} == {
        *("grid", "windows", "walk", "options", "set", "space", "guardrails")
    }


@pytest.mark.parametrize(("kind", "text"), examples())
def test_examples_of_the_documentation_are_read(kind: str, text: str) -> None:
    name = file(text, "example.yaml")
    if kind == "grid":
        strategy = next((s for s in wfo.strategies() if s in load_yaml(text)), "atr_d_ls")
        grid = wfo.Grid.load(name, strategy)
        assert len(grid) > 100
        assert grid.filled["bb_length"] == 20
    elif kind == "windows":
        found = wfo.Windows.load(name)
        assert (len(found.spans), found.min_phases) == (3, 2)
    elif kind == "walk":
        walk = WalkSchedule.load(name)
        assert walk.name == "rolling_3y_6m_step3m"
        assert wfo.Windows.load(name).walk == walk
    elif kind == "space":
        plan = read_plan(Path(name))
        assert (plan.symbols, plan.limits.mode) == (("SPY", "QQQ"), "lenient")
        assert plan.space.names[0] == "strategy.swing.sma_fast"
    elif kind == "guardrails":
        assert [str(rule) for rule in Guardrails.load(Path(name)).rules] == [
            "drawdown at most 0.25",
            "trades at least 30",
        ]
    elif kind == "set":
        chosen = wfo.read_set(name)
        assert (chosen.strategy.name, chosen.symbol) == ("atr_d_l", "QQQ")
        assert chosen.settings == wfo.Settings(slip=0.0005)
    else:
        ctx = context(text)
        assert (ctx.params["symbol"], ctx.params["strategy"][:5]) == ("QQQ", "atr_d")
        grid_text = written_out(ctx, "grid")
        if isinstance(grid_text, GridText):
            assert len(grid_text.of(ctx.params["strategy"])) == 12 * 7 * 3
            assert len(written_out(ctx, "windows").spans) == 2
        else:
            assert ctx.params["grid"] == "coarse"
            assert ctx.params["no_expand"] is False


def block(language: str, number: int = 0) -> str:
    pattern = rf"^```{language}\n(.*?)^```$"
    found = re.findall(pattern, FORMATS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(found[number])


def test_the_example_of_sources_is_read_and_states_the_defaults(tmp_path: Path) -> None:
    environ = {"WFO_CONFIG_DIR": str(tmp_path)}
    plain = SourcesConfig.load(environ)
    (tmp_path / "sources.toml").write_text(block("toml"))
    found = SourcesConfig.load(environ)
    assert found.source == "alpaca"
    assert found.alpaca.feed == "sip"
    assert found.files_folder == Path.home() / "bars"
    for part in ("http", "tradestation", "binance"):
        assert getattr(found, part) == getattr(plain, part), part
    assert found.alpaca.url == plain.alpaca.url
    keys = re.findall(r"^(\w+) = ", block("toml"), re.MULTILINE)
    variables = re.findall(r"WFO_\w+", block("toml"))
    assert len(keys) == len(variables) + 5, "all but those of [http] have a variable"
    for variable in variables:
        value = {"WFO_SOURCE": "binance", "WFO_TRADESTATION_ENVIRONMENT": "sim"}.get(
            variable, "iex" if variable == "WFO_ALPACA_FEED" else "https://example.org"
        )
        assert SourcesConfig.load({**environ, variable: value}) != found, variable


def test_the_example_of_credentials_is_read(tmp_path: Path) -> None:
    path = tmp_path / "credentials.toml"
    path.touch(mode=0o600)
    path.write_text(block("toml", 1))
    environ = {"WFO_CONFIG_DIR": str(tmp_path)}
    found = SourcesConfig.load(environ).credentials
    assert found.alpaca.complete
    assert found.tradestation.client_id is not None
    assert found.tradestation.client_id.reveal() == "your-client-id"
    variables = re.findall(r"(?:WFO|APCA)_[A-Z_]+", block("toml", 1))
    assert set(variables) == set(VARIABLES.values())


def test_the_example_of_a_meta_file_is_one() -> None:
    text = block("json")
    meta = BarsMeta.from_json(text, "SMH_1day.meta.json")
    assert meta.to_json() == text
    dates = DateInterval(dt.date(2023, 12, 27), dt.date(2024, 1, 31))
    assert meta.coverage.missing(dates, NOW) == ()
    # Its own chapter; others have tables of their own.
    chapters = FORMATS.read_text(encoding="utf-8").split("\n## ")
    chapter = next(each for each in chapters if "```json" in each)
    described = re.findall(r"^\| `([\w.]+)`(?:, `(\w+)`)? \|", chapter, re.MULTILINE)
    keys = {name for pair in described for name in pair if name}
    known = {*json.loads(text), "coverage.answered", "coverage.empty"}
    assert keys < known
    assert known - keys == {
        *("symbol", "timeframe", "rows", "first", "last", "calendar", "coverage")
    }

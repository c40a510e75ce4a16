"""Strategies of users in the records of runs: described as data, and never executed from there."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from calling import call_cli
from conftest import TINY
from strategies import strategy

import wfo
from wfo.data import sample_store
from wfo.files import read_sealed, write_sealed
from wfo.runs.folder import RunFolder
from wfo.runs.handover import set_file
from wfo.runs.identity import kernel_digest, sweep_key
from wfo.runs.job import Job
from wfo.runs.machine import Machine
from wfo.runs.manifest import SweepRecord
from wfo.runs.plan import RunPlan
from wfo.runs.run import run
from wfo.runs.stage_alone.plateau_stage import plateaus
from wfo.runs.task import Task
from wfo.strategy import (
    Feed,
    Fine,
    Input,
    Source,
    StopClasses,
    Strategy,
    TradeStation,
    get_strategy,
    record,
)
from wfo.strategy.record import from_record, same_strategy, to_record
from wfo.strategy.registry import remember, separate

#: ATR-D as a strategy of a file, which says that it was executed.
FILE = """
import dataclasses
from pathlib import Path

import wfo
from wfo.strategy import RustKernel

Path("executed").touch()
OWN = dataclasses.replace(
    wfo.strategies()["atr_d_l"], name="own", kernel=RustKernel("atr_d_l"), reference=None,
    expansion=(), tradestation=None, map_axes=None, stop_classes=None,
)
"""

SHA = "0" * 64


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to stand in, with a strategy's file, and a registry of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "own.py").write_text(FILE)
    (tmp_path / "tiny.yaml").write_text(
        TINY.partition("\n")[2].partition("\n")[2].replace("  ", "")
    )
    with separate():
        yield tmp_path
    sys.modules.pop("own", None)


def write_files(place: Path) -> None:
    (place / "own.py").write_text(FILE)
    grid = TINY.partition("\n")[2].partition("\n")[2]
    (place / "tiny.yaml").write_text(grid.replace("  ", ""))


def full() -> Strategy:
    """One with all that a record holds."""
    return dataclasses.replace(
        strategy("fast", "slow"),
        parameters=(
            wfo.strategy.Parameter("fast", "int", 1, float("inf"), "bars", default=5),
            wfo.strategy.Parameter("slow", "float", 0, 10, "width", open_low=True),
            wfo.strategy.Parameter("mode", "choice", 0, 2, "how"),
        ),
        constraints=("fast < slow", "mode != 1"),
        feeds=(Feed("bars"), Feed("rates", prices=False, columns=("rate",))),
        shorts=True,
        map_axes=("fast", "slow"),
        stop_classes=StopClasses("slow", 2, 5),
        tradestation=TradeStation(
            "Toy_TS",
            {
                "fast": Input("Fast Length", Fine.of("1", "90", "1"), True),
                "slow": Input("Width", Fine.of("0.1", "9.95", "0.05"), True),
                "mode": Input("Mode", Fine.of("0", "2", "1"), False),
            },
        ),
        source=Source("my files/own.py", "Toy", SHA),
    )


def test_a_record_describes_a_strategy_whole() -> None:
    stated = to_record(full())
    found = from_record(json.loads(json.dumps(stated, allow_nan=False)))
    assert to_record(found) == stated
    assert found.parameters == full().parameters
    assert (found.rules, found.feeds, found.shorts) == (full().rules, full().feeds, True)
    assert (found.map_axes, found.stop_classes) == (("fast", "slow"), StopClasses("slow", 2, 5))
    assert found.tradestation == full().tradestation
    assert found.source == full().source
    assert same_strategy(found, full())
    assert found.definition == full().definition


def _set(*keys: Any) -> Callable[[Any, Any], None]:
    def change(data: Any, value: Any) -> None:
        for key in keys[:-1]:
            data = data[key]
        data[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (("parameters",), [], "a list of 1 to"),
        (("parameters", 0, "kind"), "text", r"parameters\[0\]\.kind"),
        (("parameters", 0, "low"), "1", r"parameters\[0\]\.low"),
        (("parameters", 0, "name"), "slow", "cannot have a parameter 'slow'"),
        (("parameters", 1, "high"), -1, "has no value in it"),
        (("constraints",), ["__import__('os')"], "constraint"),
        (("constraints",), ["fast < slow"] * 201, "up to 200"),
        (("name",), "../x", "cannot be called"),
        (("map_axes",), ["fast", "nix"], "has no parameter 'nix'"),
        (("map_axes",), ["fast"], "map_axes"),
        (("tradestation", "name"), "../x", "can be called '../x' in TradeStation"),
        (("tradestation", "inputs", 0, "name"), "a,b", "can be called 'a,b' in TradeStation"),
        (("tradestation", "inputs", 0, "parameter"), "nix", "has no input for the parameter"),
        (("tradestation", "inputs", 0, "step"), 1e-9, "more than 100,000 values"),
        (("tradestation", "inputs", 0, "step"), "1", r"inputs\[0\]\.step"),
        (("kernel",), "no_colon", "module:function"),
        (("kernel",), "a" * 2_000, "kernel"),
        (("engines",), [], "engines"),
        (("feeds",), [{"name": "bars", "prices": False, "columns": []}], "neither prices"),
        (("file", "sha256"), "abc", "64 hexadecimal digits"),
        (("file", "path"), "a\x1b[31m.py", "file.path"),
        (("program",), {"kind": "other"}, "this version knows rules"),
        (("program",), {}, "this version knows rules"),
    ],
)
def test_a_record_that_is_none_is_refused(keys: Any, value: Any, said: str) -> None:
    data = copy.deepcopy(to_record(full()))
    _set(*keys)(data, value)
    with pytest.raises(wfo.ResultsError, match=said):
        from_record(data)


def test_nothing_is_executed_because_a_record_names_it(here: Path) -> None:
    data = to_record(full()) | {
        "kernel": "own:walk",
        "file": {"path": str(here / "own.py"), "name": "OWN", "sha256": SHA},
    }
    found = from_record(data)
    assert kernel_digest(found) == SHA
    said = r"wfo --load .*own\.py:OWN COMMAND"
    with pytest.raises(wfo.EngineError, match=said):
        found.kernel.load()
    with pytest.raises(wfo.EngineError, match=said):
        found.lookback({"fast": (1,)})
    remember({"toy": found})
    assert get_strategy("toy") is found
    assert "toy" not in wfo.strategies()
    assert not (here / "executed").exists()


def test_what_is_known_has_the_code_of_what_a_record_describes() -> None:
    known = wfo.register(
        dataclasses.replace(strategy("fast", "slow"), source=Source("a", "b", SHA))
    )
    stated = from_record(to_record(known))
    assert remember({"toy": stated}) == {"toy": known}
    changed = dataclasses.replace(stated, source=Source("a", "b", "1" * 64))
    with pytest.warns(RuntimeWarning, match=r"a:b has changed since the record was written"):
        assert remember({"toy": changed}) == {"toy": known}
    other = dataclasses.replace(stated, constraints=("fast < slow",))
    with pytest.raises(wfo.InputError, match=r"another strategy that was called toy.*constraints"):
        remember({"toy": other})


def test_a_program_that_is_data_is_computed_from_its_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(record.PROGRAMS, "toy", f"{__name__}:made")
    program = {"kind": "toy", "length": 7}
    toy = dataclasses.replace(strategy("fast"), kernel=made(program, ("fast",))[0])
    found = from_record(json.loads(json.dumps(to_record(toy))))
    assert found.program == program
    assert found.lookback({"fast": (1,)}) == 7
    assert kernel_digest(found) is None
    assert found.definition == toy.definition
    longer = dataclasses.replace(toy, kernel=made(program | {"length": 8}, ("fast",))[0])
    assert longer.definition != toy.definition
    # With code in it there is a digest of it alone.
    monkeypatch.setattr(Toy, "record", lambda _: None)
    monkeypatch.setattr(Toy, "identity", lambda self: {"code": self.length}, raising=False)
    found = from_record(json.loads(json.dumps(to_record(toy))))
    assert found.definition == toy.definition != longer.definition
    assert same_strategy(found, toy)
    with pytest.raises(wfo.EngineError, match=r"install the package.*--load FILE\.py:NAME"):
        found.kernel.load()
    monkeypatch.undo()
    monkeypatch.setitem(record.PROGRAMS, "toy", f"{__name__}:made")
    assert not same_strategy(longer, toy)


@dataclasses.dataclass(frozen=True, slots=True)
class Toy(wfo.strategy.PythonKernel):
    length: int = 0

    def record(self) -> dict[str, Any]:
        return {"kind": "toy", "length": self.length}


def made(program: Any, names: tuple[str, ...]) -> Any:
    assert names == ("fast",)
    return Toy("nowhere:walk", length=program["length"]), lambda _: program["length"]


# Runs


def plan(out: Path, **options: Any) -> RunPlan:
    given: dict[str, Any] = {
        "symbol": "NASDAQ",
        "strategy": get_strategy("own.py:OWN"),
        "grid": Path("tiny.yaml"),
        "command": "wfo run --symbol NASDAQ",
        "out": out,
    }
    return RunPlan(**(given | options))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the file, and the file, in a folder of their own; nothing changes them."""
    place = tmp_path_factory.mktemp("done")
    with pytest.MonkeyPatch.context() as patch, separate():
        patch.chdir(place)
        patch.setattr(sys, "path", [*sys.path])
        write_files(place)
        run(plan(place), sample_store())
        sys.modules.pop("own", None)
    return place


@pytest.fixture
def folder(done: Path, here: Path) -> RunFolder:
    """The same run, to be changed."""
    shutil.copytree(done / "NASDAQ", here / "NASDAQ")
    return RunFolder(here / "NASDAQ")


def test_a_run_of_a_file_is_opened_without_it(here: Path, folder: RunFolder) -> None:
    stated = read_sealed(folder.manifest)
    assert stated["strategies"]["own"]["file"] == {
        "path": "own.py",
        "name": "OWN",
        "sha256": hashlib.sha256(FILE.encode()).hexdigest(),
    }
    # The first two with several values, as the file names none.
    assert stated["map_axes"] == {"own": ["atr_period", "atr_multiplier"]}
    kept = folder.manifest.read_bytes()
    assert call_cli("results", "--out", here).code == 0
    assert call_cli("verify", folder.path).code == 0
    for words in (["rescore"], ["plateaus"], ["simulate"], ["verdict"], ["signal"]):
        asked = call_cli(*words, folder.path)
        assert asked.code == 1
        assert "'wfo --load own.py:OWN COMMAND'" in asked.err, words
    assert folder.manifest.read_bytes() == kept
    assert not (here / "executed").exists()
    assert call_cli("--load", "own.py:OWN", "simulate", folder.path).code == 0
    # A record under the name of another one.
    stated["strategies"]["own"]["name"] = "other"
    write_sealed(folder.manifest, stated)
    with pytest.raises(wfo.ResultsError, match="strategies: own states another one, other"):
        folder.read_manifest()


def test_an_edited_file_is_another_run(here: Path, folder: RunFolder) -> None:
    def print_of(**options: Any) -> str:
        return Job(task_of(here, **options), {"own": "dense"}).fingerprint

    before = folder.read_manifest().fingerprint
    assert print_of() == before
    (here / "own.py").write_text(f"{FILE}\n# edited\n")
    assert print_of() != before


RULES = """
import wfo


class Calm(wfo.Rules):
    length = wfo.Int(2, 4, 2)

    def rules(self, x):
        return wfo.orders(long=x.at_open(x.close > x.open), exit_long=x.after(self.length))
"""


def test_what_computes_recorded_rules_says_that_their_file_has_changed(here: Path) -> None:
    file, data = here / "calm.py", here / "NASDAQ"
    file.write_text(RULES)
    with separate():
        run(plan(here, strategy="calm.py:Calm", grid=None), sample_store())
        bars = RunFolder(data).read_manifest().data
        own = wfo.ParameterSet(
            get_strategy("calm.py:Calm"), {"length": 4}, symbol="NASDAQ", timeframe="1day",
            data=bars,
        )  # fmt: skip
        wfo.write_set(own, here / "set.json")
    simulated = ("simulate", data, "--set", "length=4")
    others: tuple[tuple[Any, ...], ...] = (
        ("signal", data, "--set-file", "set.json"),
        ("signal", "--set-file", "set.json"),
        ("simulate", "--set-file", "set.json", "--split", "2017-01-03"),
    )
    said = "calm.py has changed since the"
    for text, times, commands in (
        (RULES, 0, (simulated, *others)),
        (f"{RULES}\n# edited\n", 1, (simulated,)),
        ("raise SystemExit", 1, (simulated, *others)),
    ):
        file.write_text(text)
        for words in commands:
            with separate():
                asked = call_cli(*words)
            assert asked.code == 0, asked.err
            assert asked.out.count(said) == times
    file.write_text(RULES.replace("x.close > x.open", "x.close < x.open"))
    with separate():
        refused = call_cli("--load", "calm.py:Calm", *others[0])
    assert refused.code == 1
    assert refused.err.endswith(
        "calm.py:Calm has changed since the record was written, and has another program now: leave"
        " --load out to compute with the record's rules, put the file back as it was, or compute"
        " anew, as 'wfo run' does"
    )
    file.unlink()
    with separate():
        assert said not in call_cli(*simulated).out


def task_of(out: Path, **options: Any) -> Task:
    return Task.of(plan(out, **options), sample_store(), Machine().version())


def test_a_map_of_any_two_parameters_is_no_other_run(here: Path, folder: RunFolder) -> None:
    axes = ("bb_deviation", "atr_buy_multiplier")
    other = task_of(here, map_axes=axes)
    before = folder.read_manifest()
    assert Job(other, {"own": "dense"}).fingerprint == before.fingerprint
    assert sweep_key(other, other.grids[0], "dense") == before.sweeps["own"].key
    # What is kept of survivors alone is counted by the map.
    usual = task_of(here, map_axes=("bb_length", "bb_deviation"))
    keys = {sweep_key(each, each.grids[0], "survivors") for each in (other, usual)}
    assert len(keys) == 2
    found = plateaus(folder, map_axes=axes)
    assert found.manifest.map_axes == {"own": axes}
    cells = found.strategies[0].plateaus.cells
    assert cells is not None
    assert cells.total.tolist() == [[32, 32], [32, 32]]
    grids = folder.read_manifest().load_grids()
    assert [grid.strategy.map_axes for grid in grids] == [axes]
    with pytest.raises(wfo.InputError, match="own has no parameter 'nix'"):
        plateaus(folder, map_axes=("atr_period", "nix"))
    kept = dataclasses.replace(before, sweeps={"own": SweepRecord("survivors", SHA, 9)})
    kept.write(folder.manifest)
    with pytest.raises(wfo.InputError, match="counted while they were swept; another one needs"):
        plateaus(folder, map_axes=axes)


def test_a_map_is_no_other_strategy() -> None:
    own = wfo.strategies()["atr_d_l"]
    other = own.with_map(("atr_period", "bb_length"))
    assert other == own
    assert other.stop_classes is None
    assert own.with_map(("atr_period", "atr_multiplier")).stop_classes == own.stop_classes
    for wrong in (("atr_period",), ("atr_period", "atr_period"), ("atr_period", "a"), "ab", 3):
        with pytest.raises(wfo.InputError, match=r"map_axes|no parameter"):
            own.with_map(wrong)  # type: ignore[arg-type]  # on purpose


class Wide(wfo.Rules):
    """Thirty parameters, and a thousand expressions."""

    for _place in range(30):
        locals()[f"a_parameter_with_a_long_name_{_place:02d}"] = wfo.Float(0.001, 9.5, 0.5)
    del _place

    def rules(self, x: Any) -> Any:
        level = x.close
        for place in range(450):
            level = level + getattr(self, f"a_parameter_with_a_long_name_{place % 30:02d}") / (
                place + 7
            )
        return wfo.orders(long=x.stop(level), exit_long=x.after(5))


@pytest.mark.parametrize("name", ["set.json", "set.yaml"])
def test_a_set_file_of_many_parameters_is_computed(tmp_path: Path, name: str) -> None:
    own = get_strategy(Wide)
    values = {parameter.name: 1.5 + at / 8 for at, parameter in enumerate(own.parameters)}
    wfo.write_set(wfo.ParameterSet(own, values), tmp_path / name)
    read = wfo.read_set(tmp_path / name)
    assert dict(read.params) == values
    bars = wfo.load_sample("NASDAQ").tail(300)
    found = wfo.simulate(read.strategy, bars, read.params, split=200)
    assert found.trades.equals(wfo.simulate(Wide, bars, values, split=200).trades)


def test_a_set_file_that_could_not_be_read_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = get_strategy(Wide)
    values = dict.fromkeys(own.names, 1.0)
    monkeypatch.setattr(set_file, "_LARGEST", 10_000)
    with pytest.raises(wfo.InputError, match=r"would have [\d,]+ bytes, and 10,000 are read: Wide"):
        wfo.write_set(wfo.ParameterSet(own, values), tmp_path / "set.json")
    assert not (tmp_path / "set.json").exists()


def test_set_files_describe_the_strategy(here: Path) -> None:
    own = get_strategy("own.py:OWN")
    values = {name: axis[0] for name, axis in wfo.Grid.load("tiny.yaml", own).values.items()}
    wfo.write_set(wfo.ParameterSet(own, values), "set.json")
    (here / "executed").unlink()
    with separate():
        read = wfo.read_set("set.json")
        assert read.strategy.source == own.source
        with pytest.raises(wfo.EngineError, match=r"--load own\.py:OWN"):
            read.strategy.kernel.load()
    assert not (here / "executed").exists()
    assert wfo.read_set("set.json").strategy is own

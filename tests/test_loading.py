"""Strategies out of files of users: how they are loaded, and what is said where that fails."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calling import call_cli
from strategies import strategy

import wfo
from wfo.default_grids import default_grid
from wfo.python_files import import_file
from wfo.runs.given import load_grids
from wfo.runs.identity import kernel_digest
from wfo.strategy import PythonKernel, get_strategy
from wfo.strategy.registry import separate
from wfo.yaml_text import load_yaml

#: A strategy that holds from its first bar on, whose equity ends with {mark}.
HOLDS = """
from wfo.strategy import Parameter, PythonKernel, Strategy, Walk
import numpy as np

def walk(feeds, sets, settings, warmup):
    equity = np.full(len(feeds["bars"]["close"]), settings.capital)
    equity[-1] = {mark}
    return Walk([], equity)

HOLDS = Strategy(
    name="{name}",
    title="Holds",
    parameters=(Parameter("a", "int", 1, 9, "one"), Parameter("b", "int", 1, 9, "two")),
    lookback=lambda values: max(values["a"]),
    kernel=PythonKernel("{module}:walk"),
)
"""

#: Lines of a file, the name that is asked for, and what is said.
WRONG: list[tuple[str, str, str]] = [
    ("x = 1\nraise RuntimeError('no licence')\n", "X", r"own\.py fails .*: RuntimeError: no"),
    ("x = 1\nraise RuntimeError('no licence')\n", "X", r"\(own\.py, line 2\)$"),
    ("def f():\n    1 / 0\n\nf()\n", "X", r"ZeroDivisionError: .* \(own\.py, line 2, in f\)$"),
    ("x = (\n", "X", r"SyntaxError: '\(' was never closed \(own\.py, line 1\)$"),
    ("import sys\nsys.exit(3)\n", "X", r"it ends itself by sys\.exit\(3\) \(own\.py, line 2\)$"),
    ("import no_such_module\n", "X", r"ModuleNotFoundError: .* \(own\.py, line 1\)$"),
    (
        "from wfo.strategy import Parameter\n\nParameter('a', 'whole', 1, 2, '')\n",
        "X",
        r"imported: a: kind = 'whole' is unknown.* \(own\.py, line 3\)$",
    ),
    ("class One:\n    pass\n", "One", r"own\.py, line 1: One is a class, and no strategy; that is"),
    ("\n\ndef one():\n    pass\n", "one", r"own\.py, line 3: one is a function, and no strategy"),
    ("a = 1\none: int = 3\n", "one", r"own\.py, line 2: one is 3, and no strategy"),
    ("from math import inf as one\n", "one", r"own\.py, line 1: one is inf, and no strategy"),
    ("x = 1\n", "One", r"own\.py has no 'One'; there is no strategy in it$"),
    (HOLDS.format(name="h", module="own", mark=1), "HOLD", r"no 'HOLD'; did you mean 'HOLDS'\?$"),
    (HOLDS.format(name="h", module="own", mark=1), "walk", r"and no strategy.*in this file: HOLDS"),
    (HOLDS.format(name="atr_d_l", module="own", mark=1), "HOLDS", r"own\.py:HOLDS: there is ano"),
    (
        "class One:\n    @property\n    def __wfo_strategy__(self):\n        1 / 0\none = One()\n",
        "one",
        r"ZeroDivisionError: division by zero .*line 4, in __wfo_strategy__",
    ),
    (
        "class Placed(Exception): __wfo_place__ = 7\nraise Placed('own.py, line 7: no column')\n",
        "X",
        r"^own\.py, line 7: no column$",
    ),
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to stand in, a registry of its own, and modules that are left behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    with separate():
        yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def write(path: Path, name: str = "holds", mark: float = 1.0, module: str = "") -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(HOLDS.format(name=name, mark=mark, module=module or path.stem))
    return f"{path}:HOLDS"


@pytest.mark.parametrize(("text", "name", "said"), WRONG)
def test_what_is_wrong_with_a_file_is_said_with_its_line(
    text: str, name: str, said: str, here: Path
) -> None:
    (here / "own.py").write_text(text)
    with pytest.raises(wfo.InputError, match=said) as caught:
        get_strategy(f"own.py:{name}")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nowhere.py:X", r"there is no file .*nowhere\.py$"),
        ("folder.py:X", r"folder\.py cannot be read: is a folder"),
        ("own.py", r"a strategy of a file is named by both, FILE\.py:NAME"),
        ("own.py:", r"names no strategy of a file; write FILE\.py:NAME"),
        (3, "there is no strategy 3"),
        (int, "<class 'int'> is no strategy; that is a wfo.Strategy, a class of wfo.Rules"),
    ],
)
def test_what_names_no_strategy_is_named(target: Any, said: str, here: Path) -> None:
    (here / "folder.py").mkdir()
    with pytest.raises(wfo.InputError, match=said):
        get_strategy(target)


def test_a_file_is_loaded_once_until_it_is_edited(here: Path) -> None:
    target = write(here / "one.py")
    first = get_strategy(target)
    assert get_strategy(target) is first is get_strategy("holds")
    # Of the same size and within the same second, as an editor may save it.
    write(here / "one.py", mark=2.0)
    second = get_strategy(target)
    assert second is not first
    assert kernel_digest(second) != kernel_digest(first)
    assert [last_mark(each) for each in (first, second)] == [1.0, 2.0]
    assert get_strategy("holds") is second


def test_files_of_one_name_have_each_its_own_kernel(here: Path) -> None:
    found = [
        get_strategy(write(here / name / "same.py", name, mark, "same"))
        for name, mark in (("one", 1.0), ("two", 2.0))
    ]
    assert [last_mark(each) for each in found] == [1.0, 2.0]
    assert [each.definition["kernel"] for each in found] == ["same:walk", "same:walk"]


def last_mark(found: wfo.Strategy) -> float:
    assert isinstance(found.kernel, PythonKernel)
    feeds = {"bars": {"close": np.ones(3)}}
    walk = found.kernel.load()(feeds, [(1, (1, 1))], wfo.AccountSettings(), 1)
    return float(walk.equity[-1])


class Toy:
    """Stands for a strategy."""

    __wfo_strategy__ = strategy("fast", "slow")


def test_what_stands_for_a_strategy_goes_wherever_one_does() -> None:
    found = get_strategy(Toy)
    assert found == Toy.__wfo_strategy__
    assert get_strategy(Toy) is found
    assert found.source is not None
    assert (found.source.file, found.source.path) == (__file__, str(Path(__file__)))
    assert wfo.register(Toy) is Toy
    assert get_strategy("toy") is found
    assert len(wfo.Grid({"fast": [1, 2], "slow": [3]}, strategy=Toy)) == 2


def test_a_failed_import_leaves_no_module(here: Path) -> None:
    (here / "half.py").write_text("x = 1\nraise ValueError\n")
    with pytest.raises(wfo.InputError):
        import_file(here / "half.py")
    assert "half" not in sys.modules


# Default grids


def test_a_strategy_has_its_default_grid() -> None:
    axes = {"fast": wfo.Int(5, 20, 5), "width": wfo.Float(1, 2, 0.25)}
    own = dataclasses.replace(
        strategy("fast"),
        parameters=tuple(axis.parameter(name) for name, axis in axes.items()),
        grid={name: axis.values() for name, axis in axes.items()},
    )
    (grid,) = load_grids(None, [own], "phase1_slim")
    assert grid.values == {"fast": (5, 10, 15, 20), "width": (1.0, 1.25, 1.5, 1.75, 2.0)}
    assert own.grid is not None
    lacking = dataclasses.replace(own, grid={"fast": own.grid["fast"]})
    with pytest.raises(wfo.InputError, match=r"width of toy has no default values; give a step"):
        default_grid(lacking)
    with pytest.raises(wfo.InputError, match="toy has no parameter 'slow'"):
        dataclasses.replace(own, grid={"slow": (1,)})
    with pytest.raises(wfo.InputError, match=r"fast = 5\.5 "):
        dataclasses.replace(own, grid={"fast": (5.5,)})


def test_a_strategy_without_a_grid_says_what_one_looks_like() -> None:
    parameters = (
        wfo.Int(5, 100).parameter("fast"),
        wfo.Float(0.5, 2).parameter("width"),
        wfo.strategy.Parameter("mode", "choice", 0, 2, "how"),
        wfo.strategy.Parameter("slow", "int", 50, float("inf"), "bars"),
    )
    own = dataclasses.replace(strategy("fast"), parameters=parameters)
    with pytest.raises(wfo.InputError, match=r"toy has no default grid; name a \.yaml") as said:
        default_grid(own)
    _, _, example = str(said.value).partition("\n")
    # What it shows is a grid.
    grid = wfo.Grid(load_yaml(example, "example"), strategy=own)
    assert all(len(axis) > 1 for axis in grid.values.values())


def test_a_sweep_takes_the_default_grid() -> None:
    class Own(wfo.Rules):
        length = wfo.Int(5, 20, 5)
        width = wfo.Float(1, 2, 0.5)

        def rules(self, x: Any) -> Any:
            up = x.close > x.sma(x.close, self.length) * self.width
            return wfo.orders(long=x.at_open(up), exit_long=x.after(self.length))

    class Lacking(Own):
        width = wfo.Float(1, 2)

    bars = wfo.load_sample("NASDAQ").tail(300)
    found = wfo.sweep(Own, bars, split=200)
    assert found.grid.values == {"length": (5, 10, 15, 20), "width": (1.0, 1.5, 2.0)}
    with pytest.raises(
        wfo.InputError, match=r"^width of .*Lacking.* give a step to Float, or grid=$"
    ):
        wfo.sweep(Lacking, bars, split=200)
    # So do an evaluator and a walk-forward.
    evaluator = wfo.Evaluator(Own, bars, None, [(100, 200, 300)])
    assert len(evaluator) == len(found.grid)
    assert evaluator.range(0, 12)[0].oos_pnl.tolist() == found.oos_pnl.tolist()
    lengths = {"in_sample": "6m", "out_of_sample": "3m", "by": "net_profit"}
    walked = wfo.walk_forward(Own, bars, **lengths)
    assert walked.searched == wfo.walk_forward(Own, bars, found.grid, **lengths).searched
    with pytest.raises(wfo.InputError, match=r"give a step to Float, or grid=$"):
        wfo.walk_forward(Lacking, bars, **lengths)
    for call in (
        lambda own: wfo.sweep(own, bars, split=200),
        lambda own: wfo.Evaluator(own, bars, None, [(100, 200, 300)]),
    ):
        with pytest.raises(
            wfo.InputError, match=r"toy has no default grid; give values by grid=, such as \{'fast'"
        ):
            call(strategy("fast"))
    with pytest.raises(
        wfo.InputError, match=r"no default grid; name one by grid=, such as 'coarse'$"
    ):
        wfo.sweep("atr_d_l", bars, split=200)


def test_the_strategies_of_this_package_keep_their_usual_grid() -> None:
    assert load_grids(None, [get_strategy("atr_d_l")], "smoke") == load_grids(
        "smoke", [get_strategy("atr_d_l")], ""
    )


# The command line


def test_commands_take_a_file_and_complete_without_loading_it(here: Path) -> None:
    write(here / "one.py")
    text = (here / "one.py").read_text()
    (here / "one.py").write_text(f"{text}\nfrom pathlib import Path\nPath('loaded').touch()\n")
    done = call_cli("strategies", "one.py:HOLDS")
    assert "holds: Holds" in done.text
    assert (here / "loaded").exists()
    from click.shell_completion import ShellComplete

    from wfo.cli import cli

    complete = ShellComplete(cli, {}, "wfo", "_WFO_COMPLETE").get_completions
    for words in (
        ["run", "--strategy", "two.py:HOLDS", "--symbol"],
        ["--load", "two.py:HOLDS", "run", "--symbol"],
    ):
        assert [item.value for item in complete(words, "N")] == ["NASDAQ"]
    assert [item.type for item in complete(["run", "--strategy"], "one.p")] == ["file"]
    assert [item.value for item in complete(["run", "--strategy"], "atr_d_ls")] == ["atr_d_ls"]
    wrong = call_cli("--load", "one.py", "results")
    assert (wrong.code, wrong.err) == (
        1,
        "--load 'one.py' names no strategy of a file; write FILE.py:NAME",
    )


def test_the_default_grid_as_yaml_reads_back_to_the_same_grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        """
import wfo

class Off(wfo.Rules):
    length = wfo.Int(5, 21, 4)
    no = wfo.Float(0.1, 0.7, 0.1, default=0.3, meaning="width\\nof: it")
    mode = wfo.Int(0, 2)
    slow = wfo.Int(10, 40, 15)
    constraints = ("length < slow",)

    def rules(self, x):
        level = x.choose(self.mode, x.close, x.open, x.high)
        up = level > x.sma(x.close, self.length) + self.no * x.sma(x.close, self.slow)
        return wfo.orders(long=x.at_open(up), exit_long=x.after(self.length))
"""
    )
    with separate():
        asked = ("grids", "default", "--strategy", "mine.py:Off")
        text = call_cli(*asked, "--yaml").out
        Path("my.yaml").write_text(text)
        whole = default_grid(get_strategy("mine.py:Off"))
        found = wfo.Grid.load("my.yaml", "mine.py:Off")
        listed, shown = call_cli("grids", "--strategy", "mine.py:Off"), call_cli(*asked)
        (named,) = load_grids("default", [get_strategy("mine.py:Off")], "coarse")
    assert found == whole == named
    assert len(found) == sum(a < b for a in range(5, 22, 4) for b in (10, 25, 40)) * 7 * 3
    for line in (
        "#   wfo run --symbol QQQ --strategy mine.py:Off --grid my.yaml",
        "# takes its default, and the run says so; a parameter without one is needed.",
        "  length: {from: 5, to: 21, step: 4}",
    ):
        assert line in text.splitlines()
    assert listed.out.splitlines()[0].split()[:2] == ["default", f"{len(whole):,}"]
    assert shown.out.startswith(f"default, Off: {len(whole):,} combinations")

"""What the tab key completes, as click's scripts for shells ask for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from click.shell_completion import ShellComplete, get_completion_class

import wfo
from wfo.cli import cli
from wfo.data import BarsOrigin
from wfo.data.timeframes import TIMEFRAMES
from wfo.grid import grid_names
from wfo.windows import preset_names

SAMPLES = ["NASDAQ", "SP500"]


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WFO_DATA_DIR", raising=False)


def completed(line: str) -> list[str]:
    """What the end of a line is completed to; of files the word that they begin with, and `*`."""
    *words, incomplete = line.split(" ")[1:]
    found = ShellComplete(cli, {}, "wfo", "_WFO_COMPLETE").get_completions(words, incomplete)
    return [item.value if item.type == "plain" else f"{item.value}*" for item in found]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("wfo re", ["rescore", "refine", "results"]),
        ("wfo data ", ["check", "download", "import", "list", "login", "resample"]),
        ("wfo data download S", ["SP500"]),
        ("wfo data download SMH --source ", ["*", "tradestation", "alpaca", "binance", "files"]),
        ("wfo data download SMH --source a", ["a*", "alpaca"]),
        ("wfo data download SMH --series ", ["bars", "mark", "funding"]),
        ("wfo data download SMH --adjust s", ["split", "split-and-dividend"]),
        ("wfo data download SMH --calendar XNY", ["XNYS"]),
        ("wfo data import x.csv --calendar 24", ["24/5", "24/7"]),
        ("wfo run --source al", ["al*", "alpaca"]),
        ("wfo data check --source bin", ["bin*", "binance"]),
        ("wfo data resample N", ["NASDAQ"]),
        ("wfo data resample SMH --to 1w", ["1week"]),
        ("wfo data login ", ["tradestation"]),
        ("wfo run --sym", ["--symbol", "--symbol2"]),
        ("wfo run --symbol ", SAMPLES),
        ("wfo run --symbol S", ["SP500"]),
        ("wfo run --symbol2 N", ["NASDAQ"]),
        ("wfo simulate --symbol ", SAMPLES),
        ("wfo rescore --symbol ", SAMPLES),
        ("wfo results --symbol ", SAMPLES),
        ("wfo data check N", ["NASDAQ"]),
        ("wfo run --store s", ["survivors"]),
        ("wfo run --gates ", ["v4", "strict"]),
        ("wfo run --timeframe ", list(TIMEFRAMES)),
        ("wfo data import x.csv --timeframe 1d", ["1day"]),
        ("wfo run --windows ", ["*", *preset_names()]),
        ("wfo run --holdout ", ["3m", "6m", "1y", "2y"]),
        ("wfo run --grid ", ["*", *grid_names(), "default"]),
        ("wfo run --grid co", ["co*", "coarse"]),
        ("wfo grids s", ["s*", "smoke"]),
        ("wfo simulate --engine ", ["auto", "factored", "direct", "reference"]),
        ("wfo run --strategy ", list(wfo.strategies())),
        ("wfo grids coarse --strategy atr_d_h", ["atr_d_hma_l", "atr_d_hma_ls"]),
        ("wfo strategies atr_d_d", ["atr_d_duals_l", "atr_d_duals_ls"]),
        ("wfo optimize ", ["*"]),
        ("wfo walkforward ", ["*"]),
        ("wfo walkforward --windows a", ["a*", "anchored"]),
        ("wfo walkforward --by sta", ["stability"]),
        ("wfo walkforward --out ", ["1m", "3m", "6m", "1y", "2y", "3y", "5y"]),
        ("wfo optimize x.yaml --symbols ", SAMPLES),
        ("wfo optimize x.yaml --symbols SP500,", ["SP500,NASDAQ"]),
        ("wfo optimize x.yaml --method t", ["tpe"]),
        ("wfo optimize x.yaml --limits ", ["none", "lenient", "strict"]),
        ("wfo optimize x.yaml --holdout 1", ["1y"]),
        ("wfo study c", ["cleanup", "compare"]),
        ("wfo study show ", ["*"]),
        ("wfo study example s", ["sma_cross", "swing"]),
        ("wfo docs gl", ["glossary"]),
        ("wfo docs api-b", ["api-bars", "api-backtest", "api-backtest-figures"]),
    ],
)
def test_names_are_completed(line: str, wanted: list[str]) -> None:
    assert completed(line) == wanted


def test_every_command_is_completed() -> None:
    assert completed("wfo ") == list(cli.list_commands(None))  # type: ignore[arg-type]


def test_symbols_are_those_of_the_store_that_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = wfo.load_sample("NASDAQ")
    for folder, symbol in (("data", "AAA"), ("mine", "BBB"), ("named", "CCC")):
        table = sample.select(pl.all().name.to_lowercase()).head(300)
        path = tmp_path / f"{symbol}.csv"
        table.write_csv(path)
        wfo.data.import_bars(path, symbol, store=wfo.DataStore(tmp_path / folder))
    assert completed("wfo run --symbol ") == ["AAA", *SAMPLES]
    monkeypatch.setenv("WFO_DATA_DIR", str(tmp_path / "mine"))
    assert completed("wfo run --symbol ") == ["BBB", *SAMPLES]
    assert completed(f"wfo run --data-dir {tmp_path / 'named'} --symbol ") == ["CCC", *SAMPLES]
    assert completed("wfo run --data-dir /nowhere --symbol ") == SAMPLES


def test_an_unreadable_options_file_does_not_disturb(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("symbol: [")
    for name in ("broken.yaml", "missing.yaml"):
        assert completed(f"wfo run --config {name} --grid co") == ["co*", "coarse"]


def test_completing_loads_no_library_for_the_names_of_commands() -> None:
    code = (
        "import sys\n"
        "from click.shell_completion import ShellComplete\n"
        "from wfo.cli import cli\n"
        "ShellComplete(cli, {}, 'wfo', '_WFO_COMPLETE').get_completions([], 'r')\n"
        "sys.exit(' '.join({'numpy', 'polars', 'yaml', 'wfo.cli.run'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_the_script_for_zsh_keeps_empty_words_and_what_stands_before_a_value() -> None:
    script = get_completion_class("zsh")(cli, {}, "wfo", "_WFO_COMPLETE").source()  # type: ignore[misc]
    assert 'in "${(@)response}"' in script
    assert "compset -P '*='" in script
    assert " -U" not in script


@pytest.mark.parametrize(
    ("line", "words", "wanted"),
    [
        # As bash 5.2 divides what is typed.
        ("wfo run --symbol BTC/USDT:U", ["BTC/USDT", ":", "U"], ["USDT"]),
        ("wfo run --symbol BTC/USDT:", ["BTC/USDT", ":"], ["USDT"]),
        ("wfo run --symbol B", ["B"], ["BTC/USDT:USDT"]),
        ("wfo run --symbol @E", ["@", "E"], ["@ES"]),
        ("wfo run --symbol @", ["@"], ["@ES"]),
        ("wfo run --symbol '@E", ["'@E"], ["@ES"]),
        ("wfo run --symbol ^G", ["^G"], ["^GSPC"]),
        ("wfo run --symbol=^G", ["=", "^G"], ["^GSPC"]),
        ("wfo run --symbol=BTC/USDT:U", ["=", "BTC/USDT", ":", "U"], ["USDT"]),
        ("wfo run --symbol ", [""], ["@ES", "BTC/USDT:USDT", "^GSPC", *SAMPLES]),
        ("wfo run --symbol2 @ES --sym", ["--sym"], ["--symbol"]),
    ],
)
def test_bash_gets_what_it_replaces_of_a_divided_word(
    line: str,
    words: list[str],
    wanted: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bars = wfo.load_sample("NASDAQ")[:300]
    for symbol in ("^GSPC", "@ES", "BTC/USDT:USDT"):
        wfo.DataStore().save(symbol, "1day", bars, BarsOrigin("tests"))
    before = line.removesuffix("".join(words)).split()
    divided = [*before, *words]
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_WORDS", "\n".join(divided))
    monkeypatch.setenv("COMP_CWORD", str(len(divided) - 1))
    bash = get_completion_class("bash")
    assert bash is not None
    found = bash(cli, {}, "wfo", "_WFO_COMPLETE").complete()
    assert found.split("\n") == [f"plain,{word}" for word in wanted]


def test_bash_completes(tmp_path: Path) -> None:
    """With the line of README, in a bash of its own."""
    bash = shutil.which("bash")
    if bash is None or os.name == "nt":
        pytest.skip("needs bash")
    version = subprocess.run(
        [bash, "-c", "echo ${BASH_VERSINFO[0]}.${BASH_VERSINFO[1]}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    if tuple(map(int, version.split("."))) < (4, 4):
        pytest.skip(f"needs bash 4.4 or newer, which click asks for; this one is {version}")
    program = tmp_path / "bin" / "wfo"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m wfo "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(_WFO_COMPLETE=bash_source wfo)"\n'
        'read -r _ _ _ _ function _ <<< "$(complete -p wfo)"\n'
        "for line in 'wfo re' 'wfo run --symbol N' 'wfo run --strategy atr_d_h'; do\n"
        "  COMP_WORDS=($line) COMP_CWORD=$(($(wc -w <<< $line) - 1)) COMPREPLY=()\n"
        '  $function wfo; echo "${COMPREPLY[*]}"\n'
        "done\n"
    )
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    done = subprocess.run(
        [bash, "--norc", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PATH": path},
    )
    assert done.stdout.splitlines() == [
        "rescore refine results",
        "NASDAQ",
        "atr_d_hma_l atr_d_hma_ls",
    ]
    assert done.stderr == ""

"""Every value of every JSON file in place of which others may have written anything.

A reader refuses it with one error of the package, or takes it; whatever it takes, what is done with
it ends without another error, and changes nothing outside of the folder.
"""

from __future__ import annotations

import ast
import contextlib
import json
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from commands import snapshot
from forging import (
    FORGED,
    MISSING,
    STEERING,
    Keys,
    forge,
    made_run,
    named,
    places,
    read,
    some,
    with_value,
)
from in_time import Hangs, within

import wfo
from wfo.cli import cli, main
from wfo.data.meta import BarsMeta
from wfo.errors import WfoError
from wfo.files import parse_json
from wfo.runs.analysis.refined import AnalysisRecord
from wfo.runs.folder import RunFolder
from wfo.runs.handover.set_file import read_set
from wfo.runs.holdout.spendings import spendings
from wfo.runs.holdout.spent import Spent
from wfo.runs.holdout.state import holdout_state
from wfo.runs.manifest import Manifest, run_ranges
from wfo.runs.permuting.record import Basis, Record
from wfo.runs.refinement.record import Refinement
from wfo.runs.results import ListedRun, Results
from wfo.runs.shapes import MetaShape
from wfo.runs.stage_alone.stated import stage_commands, stated_results
from wfo.runs.stored import stored_sweeps
from wfo.runs.verdict.record import Verdict
from wfo.runs.verdict.whole_grid import stated_profile
from wfo.strategy import get_strategy
from wfo.tradestation.workbook.effects import effects_of_run

#: Seconds that a command may take on a forged folder of this size, on a busy machine.
PATIENCE = 120

Reader = Callable[[RunFolder, Any], Any]


def from_file(
    name: str, reader: Callable[[RunFolder, Path], Any], *, sealed: bool = True
) -> Reader:
    """What reads a file of that name, after it was written with a seal that holds."""

    def read_it(folder: RunFolder, data: Any) -> Any:
        path = folder.path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        forge(path, data, sealed=sealed)
        return reader(folder, path)

    return read_it


def meta_of_sweep(folder: RunFolder, data: Any) -> None:
    from wfo.files.schema import require

    require(data, MetaShape, "it")


#: Where each file is, below the folder of `made_run`, and what reads what is in it.
READERS: dict[str, Reader] = {
    "run.json": lambda folder, data: Manifest.from_dict(data),
    "verdict.json": lambda folder, data: Verdict.from_dict(data),
    "refine.json": from_file("refine.json", lambda folder, path: Refinement.read(folder)),
    "analysis.json": from_file("analysis.json", lambda folder, path: AnalysisRecord.read(path)),
    "holdout.json": lambda folder, data: Spent.from_dict(data.get("spent")),
    "holdouts.json": from_file(
        "holdouts.json", lambda folder, path: spendings(folder, ("NASDAQ",))
    ),
    "trials.json": from_file(
        "trials.json", lambda folder, path: folder.count_trials("NASDAQ", SEARCH)
    ),
    "permutations/bars.json": from_file(
        "permutations/bars.json", lambda folder, path: Record.read(path)
    ),
    "wfo/atr_d_l/meta.json": meta_of_sweep,
    "../../set.json": from_file("set.json", lambda folder, path: read_set(path), sealed=False),
    "../../store/NASDAQ_1day.meta.json": lambda folder, data: BarsMeta.from_json(
        json.dumps(data), "it"
    ),
}

SEARCH = {"fingerprint": "f" * 64, "strategy": "atr_d_l", "grid": "own", "combinations": 7}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that is read only."""
    return made_run(tmp_path_factory.mktemp("made"))


@pytest.fixture
def empty(tmp_path: Path) -> RunFolder:
    """Where forged files are written, one after the other."""
    folder = RunFolder(tmp_path / "results" / "NASDAQ")
    folder.path.mkdir(parents=True)
    return folder


def outcome(use: Callable[[], Any], what: str) -> Any:
    """What comes of it; None where it is refused, in a few lines that steer no terminal."""
    try:
        with within(PATIENCE):
            return use()
    except WfoError as error:
        said = str(error)
        assert len(said) < 2_000, f"{what}: {said[:200]}"
        assert said.replace("\n", "").isprintable(), f"{what}: {said!a:.300}"
        return None
    except (Exception, Hangs) as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error!a:.200}") from error


def used(folder: RunFolder, manifest: Manifest) -> None:
    """Do with a manifest what commands do before they compute; each may refuse what it needs."""

    def stated() -> None:
        for each in stated_results(folder, manifest):
            stated_profile(each, len(manifest.phases))
            plateaus = each.plateaus
            for region in each.regions(plateaus):
                assert repr(region) + region._repr_html_() + region.note
            each.effects(plateaus)
            assert repr(plateaus) + plateaus._repr_html_()

    def figures() -> None:
        for each in manifest.benchmarks or ():
            figures = (each.oos_return_annual, each.wfe, each.return_wfe, each.risk_floor)
            assert len(figures) == 4
        manifest.gates.core(manifest.benchmarks or ())

    listed = ListedRun(folder.path, manifest)
    completion = manifest.completion
    for use in (
        lambda: Results(folder.path, (listed,)).page,
        lambda: [p.annual_factor for p in manifest.phases],
        lambda: run_ranges(manifest),
        lambda: manifest.settings_of(get_strategy(manifest.strategy)),
        lambda: effects_of_run(completion.results if completion else ()),
        lambda: stored_sweeps(folder, manifest, manifest.gates, 1),
        lambda: Basis.of(folder, manifest, "0"),
        lambda: stage_commands(folder, manifest),
        lambda: holdout_state(folder, manifest),
        manifest.to_dict,
        stated,
        figures,
    ):
        with contextlib.suppress(WfoError):
            use()


def tried(made: RunFolder, empty: RunFolder, name: str, values: Callable[[Keys], list[Any]]) -> int:
    """Read a file with each of the values in each place; return how often."""
    data, reader, count = read(made.path / name), READERS[name], 0
    for keys in places(data):
        for value in values(keys):
            forged, what = with_value(data, keys, value), f"{name}: {named(keys, value)}"
            outcome(lambda forged=forged: reader(empty, forged), what)  # type: ignore[misc]
            count += 1
    return count


@pytest.mark.parametrize("name", READERS)
def test_no_value_of_a_file_raises_another_error(
    name: str, made: RunFolder, empty: RunFolder
) -> None:
    # Another one at each place; `make slow` tries all at each.
    assert tried(made, empty, name, lambda keys: some(keys, 1)) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_no_value_of_a_file_raises_another_error_of_all(
    name: str, tmp_path_factory: pytest.TempPathFactory, empty: RunFolder
) -> None:
    folder = made_run(tmp_path_factory.mktemp("all"), concluded=name == "verdict.json")
    count = tried(folder, empty, name, lambda keys: list(FORGED))
    print(f"{name}: {count:,} inputs")


def accepted(made: RunFolder, values: Callable[[Keys], list[Any]]) -> Iterator[tuple[str, Any]]:
    """What a manifest may say, as far as it is read, with what was forged."""
    data = read(made.manifest)
    for keys in places(data):
        for value in values(keys):
            forged = with_value(data, keys, value)
            with contextlib.suppress(WfoError):
                Manifest.from_dict(forged)
                yield named(keys, value), forged


def test_what_is_read_of_a_manifest_harms_no_command(made: RunFolder) -> None:
    taken = list(accepted(made, lambda keys: some(keys, 1)))
    assert len(taken) > 100
    for what, forged in random.Random(18).sample(taken, 15):
        outcome(lambda forged=forged: used(made, Manifest.from_dict(forged)), what)  # type: ignore[misc]


@pytest.mark.slow
def test_what_is_read_of_a_manifest_harms_no_command_of_all(made: RunFolder) -> None:
    for what, forged in accepted(made, lambda keys: list(FORGED)):
        outcome(lambda forged=forged: used(made, Manifest.from_dict(forged)), what)  # type: ignore[misc]


def beside(folder: Path, place: Path) -> dict[str, tuple[Any, ...]]:
    """What is below a place, a folder in it left out."""
    found = snapshot(place)
    return {name: found[name] for name in found if not Path(name).is_relative_to(folder)}


def commands(folder: RunFolder, place: Path) -> dict[str, list[str]]:
    """The commands that read a run, by name."""
    own, store = str(folder.path), str(place / "store")
    return {
        "results": ["results", "--out", str(folder.path.parent)],
        "verify": ["verify", own],
        "export": ["export", own],
        "set": ["export", own, "--candidate", "1"],
        "signal": ["signal", own, "--candidate", "1", "--data-dir", store],
        "simulate": ["simulate", own, "--refined", "1", "--data-dir", store],
        "rescore": ["rescore", own, "--max-tests", "20"],
        "plateaus": ["plateaus", own],
        "refine": ["refine", own],
        "analyze": ["analyze", own, "--top", "3"],
        "verdict": ["verdict", own, "--samples", "50"],
        "permutation-test": ["permutation-test", own, "--runs", "19"],
    }


#: What steers a terminal, and the beginning of a page's own markup.
FORBIDDEN = tuple("\x07\x1b\x9b\r\u202e\u2028")


def called(arguments: list[str], what: str) -> str:
    """The output of a command that ends with 0, 1 or 2, and its error in one message."""
    with within(PATIENCE):
        result = CliRunner().invoke(cli, arguments)
    error = result.exception
    assert error is None or isinstance(error, SystemExit | WfoError), f"{what}: {error!r:.300}"
    assert result.exit_code in {0, 1, 2}, what
    assert not any(character in result.output for character in FORBIDDEN), what
    return result.output


#: What becomes a path, or leads to one, and what is done with it is told by the key.
PATHS: tuple[Keys, ...] = (
    ("fingerprint",), ("symbol",), ("timeframe",), ("strategy",), ("files", 0), ("sums",),
    ("grids", 0, "name"), ("grids", 0, "strategy"), ("sweeps",), ("results", 0, "strategy"),
    ("results", 0, "grid"), ("results", 0, "ranges", 0, "file"),
)  # fmt: skip


@pytest.mark.parametrize("name", ["verify", "rescore"])
def test_a_path_in_a_manifest_leads_nowhere(name: str, made: RunFolder, tmp_path: Path) -> None:
    place = tmp_path / "place"
    shutil.copytree(made.path.parent, place / "results")
    folder = RunFolder(place / "results" / "NASDAQ")
    data = read(folder.manifest)
    (place / "results" / "outside").mkdir()
    (place / "results" / "outside" / "kept.txt").write_text("kept")
    before = beside(folder.path, place)
    for keys in PATHS:
        for value in ("../outside/kept.txt", str(place / "results" / "outside")):
            new: Any = value
            if keys == ("sums",):
                digest = next(iter(data["sums"].values()))
                new = data["sums"] | {value: digest}
            if keys == ("sweeps",):
                new = data["sweeps"] | {value: data["sweeps"]["atr_d_l"]}
            forge(folder.manifest, with_value(data, keys, new))
            called(commands(folder, place)[name], named(keys, value))
            assert beside(folder.path, place) == before, named(keys, value)


def texts(data: Any) -> list[Keys]:
    """Where a file has texts."""
    found = []
    for keys in places(data, every=True):
        value = data
        for key in keys:
            value = value[key]
        if isinstance(value, str):
            found.append(keys)
    return found


def steering(folder: RunFolder, place: Path) -> int:
    """Put what steers into every text of every file that is read with it; return how many."""
    count = 0
    for name, reader in READERS.items():
        path = folder.path / name
        data = read(path)
        scratch = RunFolder(place / "scratch" / "NASDAQ")
        for keys in texts(data):
            forged = with_value(data, keys, STEERING)
            try:
                reader(scratch, forged)
            except WfoError:
                continue
            data, count = forged, count + 1
        forge(path, data, sealed=not name.startswith(".."))
    shutil.rmtree(place / "scratch")
    return count


def pages(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in folder.rglob("*"):
        if path.suffix in {".html", ".csv", ".svg", ".txt"}:
            yield path, path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_texts_of_files_steer_neither_terminals_nor_pages(made: RunFolder, tmp_path: Path) -> None:
    forged = tmp_path / "forged"
    shutil.copytree(made.path.parents[1], forged)
    assert steering(RunFolder(forged / "results" / "NASDAQ"), forged) > 100
    told = set()
    for name in commands(made, forged):
        # A command that writes a file anew would leave nothing to the next one.
        place = tmp_path / name
        shutil.copytree(forged, place)
        arguments = commands(RunFolder(place / "results" / "NASDAQ"), place)[name]
        if "\\x1b" in called(arguments, name):
            told.add(name)
        for path, text in pages(place):
            assert "<script>alert" not in text, path
            assert not any(c in text for c in FORBIDDEN if c != "\r"), path
            cells = [cell for line in text.splitlines() for cell in line.split(",")]
            formulas = [cell for cell in cells if cell.lstrip('"').startswith("=1+1")]
            assert path.suffix != ".csv" or not formulas, path
        shutil.rmtree(place)
    assert told >= {"rescore", "analyze"}, "what is planted comes to where it is shown"


def test_the_largest_json_is_read_or_refused_in_bounded_time(made: RunFolder) -> None:
    data = read(made.manifest)
    many = with_value(data, ("results", 0, "regions"), data["results"][0]["regions"] * 500)
    begun = time.process_time()
    outcome(lambda: Manifest.from_dict(many), "many regions")
    assert time.process_time() - begun < 10


def test_a_key_that_is_missing_is_named_with_those_above_it(made: RunFolder) -> None:
    data = read(made.manifest)
    for keys in (("data", "rows"), ("phases", "phases", 0, "split"), ("results", 0, "strategy")):
        with pytest.raises(WfoError) as caught:
            Manifest.from_dict(with_value(data, keys, MISSING))
        assert f"lacks {keys[-1]!r}" in str(caught.value)
        assert str(keys[0]) in str(caught.value)


@pytest.mark.parametrize("text", ["1e999", "-1e999", "9" * 301, "NaN", "Infinity"])
def test_numbers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no number|largest number|digits"):
        parse_json(f'{{"a": {text}}}')


@pytest.mark.parametrize("count", [-1, 0.5, 10**300 // 10, 2**63, True, "7"])
def test_a_count_of_trials_is_a_count(count: Any, empty: RunFolder) -> None:
    forged = {"total": 7, "searches": [SEARCH | {"fingerprint": "a" * 64, "combinations": count}]}
    forge(empty.trials, forged)
    with pytest.raises(WfoError, match=r"searches\[0\]\.combinations = .* must be a whole number"):
        empty.count_trials("NASDAQ", SEARCH)
    forge(empty.trials, forged | {"total": count, "searches": []})
    with pytest.raises(WfoError, match=r"total = .* must be a whole number"):
        empty.read_trials("NASDAQ")


def test_every_command_prints_in_one_place() -> None:
    """What is printed elsewhere would not be escaped."""
    package = Path(wfo.__file__).parent
    told = {package / "cli" / "terminal.py", package / "progress.py"}
    told.add(package / "data" / "sources" / "login.py")
    # A script of the repository, and code that is shown in the documentation.
    told |= {package / "data" / "sample_build.py", *(package / "docs" / "notebooks").rglob("*.py")}
    found = []
    for path in sorted(set(package.rglob("*.py")) - told):
        text = path.read_text(encoding="utf-8")
        if not re.search(r"\bprint\b|echo|stdout|stderr", text):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if name in {"print", "click.echo", "click.secho", "echo_via_pager"} or (
                    name.startswith(("sys.stdout.", "sys.stderr.")) and name.endswith("write")
                ):
                    found.append(f"{path.relative_to(package)}:{node.lineno}: {name}")
    assert found == []


@pytest.mark.parametrize("character", ["\x1b", "\x9b\u202e"])
def test_names_of_files_do_not_steer_a_terminal(
    character: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / f"a{character}b"
    for arguments in (
        ["verify", str(place)],
        ["results", "--out", str(place)],
        ["simulate", "--set-file", str(place / "set.json")],
        ["grids", str(place / "own.yaml")],
        ["data", "list", "--data-dir", str(place)],
        ["run", "--symbol", f"Q{character}", "--data-dir", str(place), "--out", str(place)],
        [f"no{character}"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = "".join(capfd.readouterr())
        assert ended.value.code in {0, 1, 2}, said
        assert not any(each in said for each in character), arguments

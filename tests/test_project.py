"""What lies beside the code: addresses, versions, workflows, and the source archive."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

import wfo
from wfo.files import limits
from wfo.rules.program import MOST_ORDERS

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CARGO: dict[str, Any] = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
REPOSITORY = PROJECT["project"]["urls"]["Repository"]
#: What an index shows apart from the repository, where a path in it leads nowhere.
README = (ROOT / "README.md").read_text(encoding="utf-8")


PROSE = re.sub(r"^```.*?^```", "", README, flags=re.M | re.S)


def targets(prose: str) -> list[str]:
    """Where a page's links lead, written in place or at its end."""
    named = re.findall(r"^\[[^\]]+\]: (\S+)$", prose, re.M)
    return re.findall(r"\]\(([^)\s]+)\)", prose) + named


def test_links_of_the_readme_are_absolute_and_lead_to_files() -> None:
    found = targets(PROSE)
    assert found
    for target in found:
        assert target.startswith("https://"), target
        inside = re.fullmatch(re.escape(REPOSITORY) + r"/(blob|tree)/main/(.+)", target)
        assert inside, f"{target} is not in {REPOSITORY}"
        path = ROOT / inside[2]
        assert path.is_file() if inside[1] == "blob" else path.is_dir(), target


def test_no_page_says_anything_twice() -> None:
    """Branches that are merged may each bring a paragraph of a third one."""
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md"]
    pages += sorted((ROOT / "python" / "wfo").rglob("*.md"))
    for page in pages:
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
        # Paragraphs, items of lists, rows of tables, headings.
        parts = re.split(r"\n\s*\n|\n(?=- |\| )", text)
        long = [" ".join(part.split()) for part in parts if len(part) > 120]
        assert long, page
        assert not {part for part in long if long.count(part) > 1}, page
        heads = [line for line in text.splitlines() if re.match(r"##? ", line)]
        assert len(set(heads)) == len(heads), page


def test_links_of_the_readme_have_a_definition() -> None:
    defined = set(re.findall(r"^\[([^\]]+)\]: ", README, re.M))
    used = set(re.findall(r"\]\[([^\]]+)\]", PROSE))
    assert used == defined


def test_addresses_of_the_repository_are_the_one_of_pyproject() -> None:
    pages = [ROOT / "README.md", ROOT / "CITATION.cff", ROOT / "pyproject.toml"]
    pages += sorted((ROOT / ".github").rglob("*.md"))
    for page in pages:
        for found in re.findall(r"https://github\.com/[\w./-]+", page.read_text(encoding="utf-8")):
            assert found == REPOSITORY or found.startswith(f"{REPOSITORY}/"), f"{page}: {found}"


def test_versions_and_licences_agree() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    package = CARGO["workspace"]["package"]
    assert citation["version"] == package["version"] == wfo.__version__
    assert citation["license"] == package["license"] == PROJECT["project"]["license"]
    assert citation["repository-code"] == REPOSITORY


def steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_to_commits(workflow: Path) -> None:
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert used
    for each in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", each), each
    pins: dict[str, set[str]] = {}
    for name, pin in (each.split("@") for each in used):
        pins.setdefault(name, set()).add(pin)
    assert all(len(found) == 1 for found in pins.values()), pins


def test_the_lowest_versions_are_tested() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    oldest = CARGO["workspace"]["package"]["rust-version"]
    assert jobs["env"]["OLDEST_RUST"] in {oldest, f"{oldest}.0"}
    lowest = jobs["jobs"]["lowest"]["steps"]
    (python,) = [
        step["with"]["python-version"] for step in lowest if "setup" in step.get("uses", "")
    ]
    assert PROJECT["project"]["requires-python"] == f">={python}"
    commands = [step["run"] for step in lowest if "run" in step]
    assert any("--resolution lowest-direct" in command for command in commands)
    assert any("OLDEST_RUST" in command for command in commands)


def test_the_source_archive_is_whole(tmp_path: Path) -> None:
    """What is needed to build and use it, and nothing that was made here."""
    command = [sys.executable, "-m", "maturin", "sdist", "--out", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (archive,) = tmp_path.iterdir()
    top = f"wfo-{wfo.__version__}/"
    assert archive.name == f"{top[:-1]}.tar.gz"
    with tarfile.open(archive) as opened:
        names = {name.removeprefix(top) for name in opened.getnames()}
    wanted = {"CHANGELOG.md", "Cargo.lock", "Cargo.toml", "LICENSE", "PKG-INFO", "README.md"}
    assert wanted | {"pyproject.toml"} <= names
    tracked = ["git", "-C", str(ROOT), "ls-files", "python", "rust"]
    done = subprocess.run(tracked, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("needs the repository, to know which files are part of the project")
    assert set(done.stdout.split()) - names == set()
    assert {name.split("/")[0] for name in names - wanted} == {"pyproject.toml", "python", "rust"}
    made = re.compile(r"\.(so|pyd|pyc)$|__pycache__")
    assert not [name for name in names if made.search(name)]


@pytest.fixture(scope="module")
def build_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build script of the bindings, compiled."""
    if shutil.which("rustc") is None or shutil.which("git") is None:
        pytest.skip("needs rustc and git")
    script = tmp_path_factory.mktemp("script") / "script.exe"  # as Windows asks
    source = str(ROOT / "rust" / "wfo-py" / "build.rs")
    subprocess.run(["rustc", "--edition", "2024", source, "-o", str(script)], check=True)
    return script


def commit_of(script: Path, top: Path, given: str | None = None) -> str:
    """The commit that a build below `top` is told."""
    package = top / "rust" / "wfo-py"
    package.mkdir(parents=True, exist_ok=True)
    around = {k: v for k, v in os.environ.items() if k != "WFO_COMMIT" and k[:4] != "GIT_"}
    around |= {} if given is None else {"WFO_COMMIT": given}
    done = subprocess.run(
        [str(script)], cwd=package, env=around, capture_output=True, text=True, check=True
    )
    (found,) = re.findall(r"^cargo:rustc-env=WFO_COMMIT=(.*)$", done.stdout, re.M)
    assert isinstance(found, str)
    return found


def repository(folder: Path) -> str:
    """Make a repository with a commit, and return that."""
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@localhost"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "one"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return head.stdout.strip()


def test_a_build_knows_its_commit(build_script: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    head = repository(own)
    assert commit_of(build_script, own) == head[:12]
    assert commit_of(build_script, own, "") == head[:12]
    assert commit_of(build_script, own, "0123456789abcdef" * 2 + "01234567") == "0123456789ab"


def test_a_source_archive_knows_no_commit(build_script: Path, tmp_path: Path) -> None:
    """Nor does it take that of a repository into which it is unpacked."""
    assert commit_of(build_script, tmp_path / "alone") == "unknown"
    other = tmp_path / "other"
    other.mkdir()
    repository(other)
    assert commit_of(build_script, other / "wfo-0.1.0") == "unknown"
    assert commit_of(build_script, other / "wfo-0.1.0", "0123456789ab") == "0123456789ab"


@pytest.mark.skipif(os.name == "nt", reason="README has a way without make for Windows")
def test_make_says_that_it_compiles_where_it_does(tmp_path: Path) -> None:
    """With stand-ins for pip and wfo, that only say what they are called with."""
    if shutil.which("make") is None:
        pytest.skip("needs make")
    shutil.copy(ROOT / "Makefile", tmp_path)
    binaries, stamps = tmp_path / ".venv" / "bin", tmp_path / ".venv" / "stamps"
    for folder in (binaries, stamps, tmp_path / "rust"):
        folder.mkdir(parents=True)
    for name in ("python", "wfo"):
        (binaries / name).write_text(f'#!/bin/sh\necho "{name} $*"\n')
        (binaries / name).chmod(0o755)
    sources = ["Cargo.toml", "Cargo.lock", "README.md", "pyproject.toml", "rust/lib.rs"]
    for age, name in enumerate((*sources, ".venv/stamps/venv")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 + age, 1000 + age))

    def demo() -> list[str]:
        command = ["make", "--silent", "--no-print-directory", "demo"]
        around = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        done = subprocess.run(
            command, cwd=tmp_path, env=around, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    first, installing, ran = demo()
    assert re.fullmatch(r"Building wfo: .* compiled, .*minutes .* the first time\.", first)
    assert "pip install" in installing
    assert ran == "wfo demo"
    assert demo() == ["wfo demo"]
    (tmp_path / "target" / "release").mkdir(parents=True)
    os.utime(stamps / "install", (2000, 2000))
    os.utime(tmp_path / "rust" / "lib.rs", (3000, 3000))
    again, *_ = demo()
    assert re.fullmatch(r"Building wfo: what changed is compiled, .*minutes .*", again)


def test_limits_are_stated_as_they_are() -> None:
    stated = (ROOT / ".github" / "SECURITY.md").read_text(encoding="utf-8")
    rows = {
        first.strip(): rest
        for first, _, rest in (
            line.strip("|\n ").partition("|") for line in stated.splitlines() if line[:1] == "|"
        )
    }
    mib, gib = 1 << 20, 1 << 30
    assert {
        name: [int(n.replace(",", "")) for n in re.findall(r"(?<![\w.])[0-9][0-9,]*\b", row)]
        for name, row in rows.items()
        if name not in {"what", "---"}
    } == {
        "a JSON file": [limits.JSON_BYTES // mib, limits.JSON_VALUES, limits.JSON_DEPTH],
        "a YAML file": [limits.YAML_BYTES // mib, limits.YAML_VALUES, limits.YAML_DEPTH],
        "a grid, a schedule": [
            *(limits.AXIS_VALUES, limits.CONSTRAINED_POINTS, limits.MAP_CELLS),
            *(limits.PHASES, limits.WALK_WINDOWS, limits.MATRIX_CELLS),
        ],
        "a text of bars": [
            *(limits.TABLE_BYTES // gib, limits.BARS_ROWS),
            *(limits.TABLE_COLUMNS, limits.LINE_CHARACTERS),
        ],
        "a packed text of bars": [
            *(limits.TABLE_BYTES // gib, limits.PACKED_RATIO, limits.PACKED_SMALL // mib),
            *(limits.ARCHIVE_DIRECTORY // mib, limits.XZ_MEMORY // mib),
        ],
        "a Parquet file": [
            *(limits.TABLE_BYTES // gib, limits.PARQUET_ROWS, limits.BARS_ROWS),
            *(limits.PARQUET_COLUMNS, limits.PARQUET_UNPACKED // gib),
            *(limits.PARQUET_RATIO, limits.PARQUET_SMALL // mib),
        ],
        "a space of a search": [
            *(limits.SEARCH_DIMENSIONS, limits.AXIS_VALUES, limits.SEARCH_CONSTRAINTS)
        ],
        "a strategy that a record describes": [
            *(limits.SEARCH_DIMENSIONS, limits.SEARCH_CONSTRAINTS),
            *(limits.RULES_NODES, limits.RULES_PARTS, MOST_ORDERS),
        ],
        "the database of a study": [
            *(limits.DATABASE_BYTES // gib, limits.DATABASE_CELL // mib),
            *(limits.STUDY_TRIALS, limits.STUDY_FIGURES),
        ],
        "a run's folder": [limits.TREE_ENTRIES, limits.TREE_DEPTH],
    }

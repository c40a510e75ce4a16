"""Files are opened, made, moved and removed in ``wfo/files`` alone, read from the syntax trees."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import wfo

ROOT = Path(wfo.__file__).parent

#: Methods of paths; of other things those that take no path are told by `_OTHERS`.
_METHODS = frozenset(
    {
        *("open", "read_text", "read_bytes", "write_text", "write_bytes", "rename", "unlink"),
        *("rmdir", "touch", "mkdir", "symlink_to", "hardlink_to", "chmod", "iterdir", "glob"),
        *("rglob", "tofile", "savefig"),
    }
)

#: Functions of modules; all of a module where no names stand.
_FUNCTIONS: dict[str, frozenset[str]] = {
    "os": frozenset(
        {
            *("open", "rename", "renames", "replace", "remove", "unlink", "rmdir", "removedirs"),
            *("mkdir", "makedirs", "link", "symlink", "truncate", "utime", "chmod", "chown"),
            *("mkfifo", "mknod", "scandir", "listdir", "walk", "fwalk", "readlink"),
        }
    ),
    "shutil": frozenset(),
    "tempfile": frozenset(),
    "glob": frozenset(),
    "np": frozenset(
        {"fromfile", "memmap", "load", "save", "savez", "savetxt", "loadtxt", "genfromtxt"}
    ),
    "io": frozenset({"open", "FileIO"}),
    "gzip": frozenset({"open"}),
    "zipfile": frozenset({"ZipFile"}),
    "sqlite3": frozenset({"connect", "Connection"}),
}

#: What Polars and others write to; a path has another meaning for them.
_STREAMS = frozenset({"file", "buffer", "target"})

#: The modules that do any of this themselves, what they call, and why.
EXCEPTIONS: dict[str, tuple[frozenset[str], str]] = {
    "atr_d/reference/_jit.py": (
        frozenset({"sources.glob", "path.read_bytes"}),
        "hashes the sources of its own package",
    ),
    "backtest/memory.py": (
        frozenset({"Path('/proc/meminfo').read_text", "Path(name).read_text"}),
        "asks the system for the memory that is free",
    ),
    "cli/__init__.py": (
        frozenset({"os.open"}),
        "opens the null device in place of a pipe that has no reader",
    ),
    "cli/docs.py": (frozenset({"webbrowser.open"}), "opens a browser"),
    "cli/simulate.py": (frozenset({"shutil.get_terminal_size"}), "asks how wide a terminal is"),
    "data/importing/tables/containers.py": (
        frozenset({"zipfile.ZipFile", "archive.open"}),
        "unpacks an archive that is open",
    ),
    "data/sources/binance_files.py": (
        frozenset({"zipfile.ZipFile", "opened.open"}),
        "unpacks an archive in memory",
    ),
    "data/store.py": (
        frozenset(
            {
                *("lock_path.unlink", "path.unlink", "self.folder.rmdir", "self.folder.mkdir"),
                "os.replace",
            }
        ),
        "gives two files of a store their names as one step",
    ),
    "data/stored_files.py": (
        frozenset(
            {
                *("os.scandir", "os.link", "path.open", "target.open"),
                *("name.unlink", "path.unlink", "path.rename", "self.path.unlink"),
                "self.path.rename",
            }
        ),
        "places and sets aside the files of a store",
    ),
    "forks.py": (
        frozenset({"open", "os.listdir"}),
        "asks the system for the threads of its process",
    ),
    "grid.py": (frozenset({"Path(__file__).parent / 'grids'.glob"}), "lists its own grids"),
    "runs/machine.py": (frozenset({"shutil.disk_usage"}), "asks how much room a disk has"),
    "runs/optimizing/carrying.py": (frozenset({"Study.open"}), "opens a study, no file"),
    "runs/optimizing/identity.py": (frozenset({"shutil.which"}), "asks where a command is"),
    "runs/permuting/testing.py": (frozenset({"self.options.open"}), "opens a search, no file"),
    "runs/refinement/refining.py": (frozenset({"blocks.open"}), "opens blocks of rows"),
    "runs/sweeping.py": (frozenset({"store.open"}), "opens the store of a sweep"),
    "runs/walkforward/searching.py": (frozenset({"Study.open"}), "opens a study, no file"),
    "search/runner/capture.py": (
        frozenset({"os.open", "io.FileIO"}),
        "leads the input and output of a worker to the null device and to files without names",
    ),
    "search/runner/evaluator.py": (frozenset({"shutil.which"}), "asks where a command is"),
    "search/runner/guard.py": (
        frozenset(
            {
                *("open", "os.listdir", "os.open"),
                *("shutil.rmtree", "tempfile.TemporaryFile"),
            }
        ),
        "asks the system for processes, and has no module of the package",
    ),
    "sweeps/survivors.py": (frozenset({"np.fromfile"}), "reads from a file that is open"),
    "testing/conformance.py": (
        frozenset({"tempfile.TemporaryDirectory"}),
        "tests of others work in a folder of their own",
    ),
    "testing/sources.py": (
        frozenset({"tempfile.TemporaryDirectory"}),
        "tests of others work in a folder of their own",
    ),
    "tradestation/reports.py": (
        frozenset({"folder.iterdir"}),
        "lists a folder that a user names",
    ),
}


def _calls(tree: ast.AST) -> Iterator[str]:
    """Yield the calls that open, list, make, move or remove files, without their arguments."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id == "open":
            yield "open"
        if not isinstance(called, ast.Attribute):
            continue
        name, owner = called.attr, called.value
        module = owner.id if isinstance(owner, ast.Name) else ""
        first = node.args[0] if node.args else None
        stream = isinstance(first, ast.Name) and first.id in _STREAMS
        if module in _FUNCTIONS:
            # Between files that are open it opens none.
            if name != "copyfileobj" and (not _FUNCTIONS[module] or name in _FUNCTIONS[module]):
                yield f"{module}.{name}"
        elif module in {"pl", "polars"} and name.startswith(("read_", "scan_")):
            # Texts and bytes in memory are no names of files; those are told by their calls.
            if not _is_content(first):
                yield f"{module}.{name}"
        elif name.startswith(("write_", "sink_")) and module not in {"self", "wfo"}:
            # A method of a frame; without a first argument it returns a text.
            if name.split("_")[1] in {"csv", "parquet", "ipc", "json", "ndjson", "excel"}:
                if first is not None and not stream:
                    yield f"{ast.unparse(owner)}.{name}"
            elif name in _METHODS:
                yield f"{ast.unparse(owner)}.{name}"
        elif _takes_a_path(name, node) and not (name == "savefig" and stream):
            yield f"{ast.unparse(owner)}.{name}"


def _takes_a_path(name: str, node: ast.Call) -> bool:
    """Whether a method is one of a path, by its name and arguments."""
    if name == "replace":
        return len(node.args) == 1 and not node.keywords
    # Frames rename columns by a table of names.
    return name in _METHODS and not (
        node.args and isinstance(node.args[0], ast.Dict | ast.DictComp)
    )


def _is_content(argument: ast.expr | None) -> bool:
    """Whether what Polars reads is in memory: a stream, or the result of a call that makes one."""
    if isinstance(argument, ast.Name):
        return argument.id in {"table", "text", *_STREAMS}
    return isinstance(argument, ast.Call) and ast.unparse(argument.func) in {
        "io.BytesIO",
        "io.StringIO",
        "blocks.sound",
    }


def _modules() -> dict[str, Path]:
    found = {p.relative_to(ROOT).as_posix(): p for p in sorted(ROOT.rglob("*.py"))}
    return {name: path for name, path in found.items() if not name.startswith("files/")}


@functools.cache
def _found(path: Path) -> set[str]:
    return set(_calls(ast.parse(path.read_text(encoding="utf-8"))))


def test_files_are_opened_in_one_place() -> None:
    wrong = []
    for name, path in _modules().items():
        allowed = EXCEPTIONS.get(name, (frozenset[str](), ""))[0]
        wrong += [f"{name}: {call}" for call in sorted(_found(path) - allowed)]
    assert not wrong, "use a function of wfo.files instead:\n" + "\n".join(wrong)


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_is_needed(name: str) -> None:
    allowed, why = EXCEPTIONS[name]
    assert why
    assert allowed <= _found(ROOT / name), "no longer an exception"


@pytest.mark.parametrize(
    "text",
    [
        "open(path)",
        "path.open('w')",
        "os.open(path, 0)",
        "os.replace(a, b)",
        "part.replace(path)",
        "(folder / 'x').read_bytes()",
        "path.unlink(missing_ok=True)",
        "shutil.rmtree(path)",
        "np.load(path)",
        "np.memmap(path)",
        "pl.read_parquet(path)",
        "pl.scan_parquet(path, glob=False)",
        "polars.read_ipc(path)",
        "frame.write_parquet(path)",
        "frame.lazy().sink_parquet(str(path))",
        "figure.savefig(path)",
        "tempfile.mkstemp()",
        "folder.glob('*')",
        "sqlite3.connect(path)",
    ],
)
def test_such_a_call_is_found(text: str) -> None:
    assert list(_calls(ast.parse(text)))


@pytest.mark.parametrize(
    "text",
    [
        "text.replace('a', 'b')",
        "dataclasses.replace(value, name=1)",
        "frame.write_csv(include_header=False)",
        "frame.write_csv(file)",
        "pl.read_csv(io.StringIO(text))",
        "self._open()",
        "path.is_file()",
        "os.fstat(file.fileno())",
        "write_text(path, text)",
        "frame.rename({'a': 'b'})",
    ],
)
def test_another_call_is_none(text: str) -> None:
    assert not list(_calls(ast.parse(text)))

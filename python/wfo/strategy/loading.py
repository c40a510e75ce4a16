"""Strategies out of files of users: ``FILE.py:NAME``.

NAME is a `wfo.Strategy`, or whatever has one as its attribute ``__wfo_strategy__``: a class of
rules, or a function that is a kernel. A file is executed where a caller or a command names it, and
never since a record does.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar

from wfo.arguments import file_path
from wfo.errors import InputError, did_you_mean
from wfo.files.limits import TEXT_BYTES
from wfo.files.opening import read_bytes
from wfo.python_files import PLACED, PythonFile, described, import_file
from wfo.strategy.kernel import Kernel, PythonKernel
from wfo.strategy.source import Source
from wfo.strategy.value import Strategy
from wfo.text import brief, one_line

_AnyKernel = TypeVar("_AnyKernel", bound=Kernel)

#: Attribute of what stands for a strategy and is none.
STRATEGY = "__wfo_strategy__"

#: What a strategy in a file is, for messages.
KINDS = "a wfo.Strategy, a class of wfo.Rules, or a function under @wfo.kernel"


class StandsForStrategy(Protocol):
    """What stands for a strategy: a class of rules, or a function under `wfo.kernel`."""

    @property
    def __wfo_strategy__(self) -> Strategy:
        """The strategy."""


#: What is taken where a strategy is asked for: its name, itself, or what stands for it.
StrategyLike = str | Strategy | StandsForStrategy

_TARGET = re.compile(r"(?P<file>.*\.py):(?P<name>[^:/\\]*)", re.DOTALL)

#: Files by their place, as they were imported last; strategies by file as given, place and name.
_FILES: dict[Path, PythonFile] = {}
_LOADED: dict[tuple[str, Path, str], Strategy] = {}

#: What stood for a strategy, and the strategy with its file, by the identity of the first.
_SOURCED: dict[int, tuple[Strategy, Strategy]] = {}


def is_target(text: str) -> bool:
    """Return whether a text is ``FILE.py:NAME``, be there such a file or not."""
    return _TARGET.fullmatch(text) is not None


def split_target(text: str, option: str = "") -> tuple[str, str]:
    """Return the file and the name of ``FILE.py:NAME``.

    Parameters
    ----------
    text
        What was given.
    option
        The option that it was given by, for the message.

    Raises
    ------
    InputError
        If it is none.
    """
    match = _TARGET.fullmatch(text)
    if match is None or not match["name"]:
        named = " ".join(part for part in (option, brief(text)) if part)
        raise InputError(f"{named} names no strategy of a file; write FILE.py:NAME")
    return match["file"], match["name"]


def load_strategy(target: str) -> Strategy:
    """Return the strategy of that name in a file.

    The same file and name give the same strategy, until the file says something else.

    Parameters
    ----------
    target
        ``FILE.py:NAME``; a relative path is one below the working directory.

    Raises
    ------
    InputError
        If there is no such file, it fails when it is imported, or what it calls so is no strategy.
    """
    given, name = split_target(target)
    path = file_path("strategy", given).expanduser().absolute()
    file = _FILES.get(path)
    if file is None or _digest(path) != file.sha256:
        file = _FILES[path] = import_file(path)
    known = _LOADED.get((given, path, name))
    if known is not None and known.source is not None and known.source.sha256 == file.sha256:
        return known
    source = Source(given, name, file.sha256, str(path), file.module.__name__)
    found = _at_home(_find(file, name), path.stem, source)
    _LOADED[given, path, name] = found
    return found


def stood_for(value: object) -> Strategy | None:
    """Return what stands for a strategy as one; None where it does not.

    Raises
    ------
    InputError
        If it stands for one that cannot be made.
    """
    if isinstance(value, Strategy):
        return value
    found = _held(value)
    if found is None or found.source is not None:
        return found
    return _with_file(found, value)


def _held(value: object) -> Strategy | None:
    """Return the strategy that a value has as its attribute."""
    try:
        found = getattr(value, STRATEGY, None)
    except Exception as error:
        # Classes may make theirs at the first look.
        if getattr(error, PLACED, None) is not None:
            raise InputError(str(error)) from None
        if isinstance(error, InputError):
            raise
        raise InputError(f"{brief(value)} is no strategy: {described(error, Path.cwd())}") from None
    return found if isinstance(found, Strategy) else None


def _with_file(found: Strategy, value: object) -> Strategy:
    """Return a strategy with the file in which it is, where there is one."""
    known = _SOURCED.get(id(found))
    if known is not None and known[0] is found:
        return known[1]
    sourced = found
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
    file = getattr(sys.modules.get(module or ""), "__file__", None)
    own = isinstance(module, str) and module.partition(".")[0] != "wfo"
    if own and isinstance(file, str) and file.endswith(".py") and "<" not in name:
        path = Path(file)
        sha256 = _digest(path)
        if sha256 is not None:
            source = Source(file, name, sha256, str(path.absolute()), str(module))
            sourced = replace(found, source=source)
    _SOURCED[id(found)] = found, sourced
    return sourced


def changed_file(strategy: Strategy) -> str:
    """Return the file of a strategy that only a record describes, if it says something else now.

    Nothing is executed: the file is compared with the hash in the record. Empty for a file that is
    the same or not there, and for a strategy that has its code.
    """
    source = strategy.source
    if source is None or source.path or not source.file.endswith(".py"):
        return ""
    now = _digest(Path(source.file))
    return "" if now in {None, source.sha256} else source.file


def changed_since(
    strategy: Strategy, written: str = "the run", record: str = "the run's record"
) -> tuple[str, ...]:
    """Return what is to be said of a file that has changed since the record of its strategy.

    Parameters
    ----------
    strategy
        The one that the record describes.
    written
        When that was, in words.
    record
        What states the rules that are computed, in words.
    """
    file = changed_file(strategy)
    said = f"{one_line(file)} has changed since {written}: this is computed from {record}"
    return (said,) if file else ()


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(read_bytes(path, most=TEXT_BYTES)).hexdigest()
    except (OSError, ValueError):
        return None


def _find(file: PythonFile, name: str) -> Strategy:
    """Return the strategy that a file calls so."""
    where = one_line(file.path)
    value: Any = file.module
    for part in name.split("."):
        if not hasattr(value, part):
            named = list(_strategies_in(file.module))
            hint = did_you_mean(name, named) if named else "; there is no strategy in it"
            raise InputError(f"{where} has no {brief(name)}{hint}")
        value = getattr(value, part)
    try:
        found = value if isinstance(value, Strategy) else _held(value)
    except InputError as error:
        raise InputError(_placed(where, str(error))) from None
    if found is None:
        line = _line_of(file, name)
        what = "a class" if isinstance(value, type) else brief(value)
        what = "a function" if inspect.isroutine(value) else what
        hint = ""
        named = list(_strategies_in(file.module))
        if named:
            hint = f"; in this file: {', '.join(named)}"
        raise InputError(f"{where}{line}: {name} is {what}, and no strategy; that is {KINDS}{hint}")
    return found


def _placed(where: str, said: str) -> str:
    """Return what is said of a file, with its name unless that is said already."""
    return said if Path(where).name in said else f"{where}: {said}"


def _strategies_in(module: ModuleType) -> list[str]:
    """Return the names of a module that stand for strategies."""
    found = []
    for name, value in vars(module).items():
        if name.startswith("_"):
            continue
        try:
            home = getattr(value, "__module__", None) or ""
            stands = isinstance(value, Strategy) or (
                hasattr(value, STRATEGY) and not str(home).startswith("wfo.")
            )
        except Exception:  # noqa: BLE001  # of a class that cannot make its own
            stands = True
        if stands:
            found.append(name)
    return found


def _line_of(file: PythonFile, name: str) -> str:
    """Return where a file defines a name, as words behind the file's own; empty if not found."""
    first = name.partition(".")[0]
    for node in reversed(ast.parse(file.source).body):
        named: list[str] = []
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            named = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            named = [t.id for t in targets if isinstance(t, ast.Name)]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            named = [a.asname or a.name for a in node.names]
        if first in named:
            return f", line {node.lineno}"
    return ""


def _at_home(found: Strategy, stem: str, source: Source) -> Strategy:
    """Return a strategy with its source, its kernels looked for in the module of the file.

    A kernel names its module by the name of its file, which another module may have.
    """
    kernel = _moved(found.kernel, stem, source.module)
    reference = found.reference
    if isinstance(reference, tuple):
        reference = tuple(_moved(each, stem, source.module) for each in reference)
    elif reference is not None:
        reference = _moved(reference, stem, source.module)
    return replace(found, source=source, kernel=kernel, reference=reference)


def _moved(kernel: _AnyKernel, stem: str, module: str) -> _AnyKernel:
    if kernel.module != stem or module == stem:
        return kernel
    if isinstance(kernel, PythonKernel):
        return replace(kernel, function=f"{module}:{kernel.function.partition(':')[2]}")
    return replace(kernel, module=module)

"""Functions of users that are objectives: finding, loading and calling them."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import io
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from wfo.errors import InputError, did_you_mean
from wfo.files.limits import TEXT_BYTES
from wfo.files.opening import read_bytes
from wfo.python_files import described, import_file
from wfo.text import brief, one_line, shown

_MODULE: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_FUNCTION: Final = re.compile(r"[^\W\d]\w*")

Function = Callable[[Mapping[str, float]], float]


def load_function(name: str, folder: Path | None = None) -> Function:
    """Load a function from a module or a file beside the space's.

    Parameters
    ----------
    name
        ``"module:function"`` or ``"FILE.py:function"``.
    folder
        Where modules and relative paths are looked for first; the current one by default.

    Returns
    -------
    callable
        Takes the figures of a trial, and returns its score; NaN where what the user's function
        returns is not finite, or None. It raises an `InputError` where that fails, or returns what
        is no number. What it prints on standard output is dropped.

    Raises
    ------
    InputError
        If there is none, or its module fails when it is loaded.
    """
    module, function = split_name(name)
    at = (folder or Path()).absolute()
    try:
        with _beside(at), contextlib.redirect_stdout(_Nowhere()):
            loaded = _load(module, at)
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(
            f"the objective {shown(name)} cannot be loaded from {one_line(at)}:"
            f" {described(error, at)}"
        ) from error
    found = getattr(loaded, function, None)
    if not callable(found):
        names = [n for n, v in vars(loaded).items() if callable(v) and not n.startswith("_")]
        raise InputError(
            f"{shown(module)} has no function {shown(function)}{did_you_mean(function, names)}"
        )
    return _guarded(name, found)


def function_digest(name: Any, folder: Path | None = None) -> str:
    """Return the SHA-256 of the file that holds a function, without running it.

    Raises
    ------
    InputError
        If there is no such file.
    """
    module, _ = split_name(name)
    at = (folder or Path()).absolute()
    path = at / Path(module).expanduser() if module.endswith(".py") else _source(module, at)
    try:
        return hashlib.sha256(read_bytes(path, most=TEXT_BYTES)).hexdigest()
    except OSError as error:
        raise InputError(
            f"the objective {shown(name)} cannot be read: {one_line(path)}:"
            f" {error.strerror or error}"
        ) from None


def split_name(name: Any) -> tuple[str, str]:
    """Return the module or file of a function, and its name there.

    Raises
    ------
    InputError
        If it is neither ``module:function`` nor ``FILE.py:function``.
    """
    text = name if isinstance(name, str) else ""
    module, _, function = text.rpartition(":")
    if _FUNCTION.fullmatch(function) and (
        (module.endswith(".py") and "\0" not in module) or _MODULE.fullmatch(module)
    ):
        return module, function
    raise InputError(
        f"the objective {shown(name)} must be module:function or FILE.py:function, such as"
        " objectives.py:score"
    )


def _source(module: str, folder: Path) -> Path:
    """Return the file of a module, that beside the space's first."""
    inside = folder.joinpath(*module.split("."))
    for path in (inside.with_suffix(".py"), inside / "__init__.py"):
        if path.is_file():
            return path
    try:
        with _beside(folder), contextlib.redirect_stdout(_Nowhere()):
            spec = importlib.util.find_spec(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # packages above it are loaded for it
        raise InputError(
            f"there is no module {shown(module)}: {type(error).__name__}: {one_line(error):.200}"
        ) from None
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise InputError(
            f"there is no module {shown(module)}, neither in {one_line(folder)} nor installed"
        )
    return Path(spec.origin)


def _load(module: str, folder: Path) -> Any:
    if module.endswith(".py"):
        return _load_file(folder / Path(module).expanduser())
    source = _source(module, folder)
    if source == folder / f"{module}.py":
        # By its own name it may be one of another folder that was loaded before.
        return _load_file(source)
    found = importlib.import_module(module)
    own = getattr(found, "__file__", None)
    if own is None or Path(own).resolve() != source.resolve():
        raise InputError(
            f"the module {shown(module)} is loaded from {one_line(own)} already, not from"
            f" {one_line(source)}; rename yours"
        )
    return found


def _load_file(path: Path) -> Any:
    name = f"wfo_objective_{hashlib.sha256(str(path).encode(errors='replace')).hexdigest()[:16]}"
    with _beside(path.parent):
        return import_file(path, name).module


class _Nowhere(io.TextIOBase):
    """Takes what is printed and drops it: standard output belongs to the command."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)


@contextlib.contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """Let modules of a folder be found before all others."""
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))


def _guarded(name: str, function: Callable[[dict[str, float]], Any]) -> Function:
    """Return a function that returns a float, NaN for no score, or raises an `InputError`."""

    def score(figures: Mapping[str, float]) -> float:
        try:
            with contextlib.redirect_stdout(_Nowhere()):
                value = function(dict(figures))
        except (Exception, SystemExit) as error:
            said = one_line(error) or "no reason given"
            raise InputError(
                f"the objective {shown(name)} fails: {type(error).__name__}: {said:.200}; it was"
                f" given the figures {', '.join(map(one_line, list(figures)[:20])):.400}"
            ) from error
        if value is None:
            return math.nan
        try:
            if isinstance(value, bool | str | bytes) or type(value).__name__ in {"bool", "bool_"}:
                raise TypeError
            number = float(value)
        except OverflowError:
            return math.nan
        except Exception:  # noqa: BLE001  # of a foreign type
            raise InputError(
                f"the objective {shown(name)} returned {brief(value)}; it must return a number, or"
                " None where there is no score"
            ) from None
        return number if math.isfinite(number) else math.nan

    return score

"""What a function of a user's reads beside its arguments, as a digest: closures and globals.

Compiled code keeps these values as they were when it was compiled, and figures follow from them as
they do from the function's text.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import hashlib
import inspect
import os
import re
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

#: Where an object lies in memory, as it is shown.
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

#: Kinds of values that are told by their text.
_PLAIN = (bool, int, float, complex, str, bytes, type(None))

#: Packages whose values and functions follow from their version, and where others of the kind are.
_LIBRARIES = frozenset({"wfo", *sys.stdlib_module_names})
_FOLDERS = tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in ("purelib", "platlib", "stdlib"))


def held_digest(function: Callable[..., Any]) -> str:
    """Return a hash of what a function reads beside its arguments; empty where that is nothing.

    The values of closures and globals count, of arrays whole, of functions by their source and what
    they read in turn, and of other objects by what they are shown as. So do those of modules that
    the function names, but for libraries.

    Parameters
    ----------
    function
        A plain function, or one under `numba.njit`.
    """
    plain = _plain(function)
    told = list(_held(plain, set())) if isinstance(plain, FunctionType) else []
    return hashlib.sha256("\0".join(told).encode()).hexdigest() if told else ""


def held_functions(function: Callable[..., Any]) -> list[Any]:
    """Return a function, and those under `numba.njit` that it calls."""
    found: dict[int, Any] = {id(_plain(function)): function}
    left = [_plain(function)]
    while left:
        names = _names(left[-1].__code__)
        for value in _read(left.pop(), names).values():
            inner = (
                vars(value)
                if isinstance(value, ModuleType) and not _is_library(value.__name__)
                else {}
            )
            for each in (value, *(inner[name] for name in names.attributes & inner.keys())):
                own = _plain(each)
                if own is not each and isinstance(own, FunctionType) and id(own) not in found:
                    found[id(own)] = each
                    left.append(own)
    return list(found.values())


def _plain(function: Any) -> Any:
    """Return a function as it was written: not compiled, and without what stands around it."""
    while not isinstance(function, FunctionType):
        inner = getattr(function, "py_func", getattr(function, "__wrapped__", None))
        if inner is None or isinstance(function, type):
            break
        function = inner
    return function


def _held(function: FunctionType, seen: set[CodeType]) -> Iterator[str]:
    """Yield name and value of all that a function reads."""
    code = function.__code__
    seen.add(code)
    names = _names(code)
    for name, value in sorted(_read(function, names).items()):
        told = _told(value, names, seen)
        if told is not None:
            yield f"{name} = {told}"


def _read(function: FunctionType, names: _Names) -> dict[str, Any]:
    """Return what is in a function's closure, and the globals that it names."""
    found = names.globals & function.__globals__.keys()
    held = {name: function.__globals__[name] for name in found}
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in cells:
        # It may not be filled yet, as in a function that calls itself.
        with contextlib.suppress(ValueError):
            held[name] = cell.cell_contents
    return held


def _is_library(module: str) -> bool:
    package = module.partition(".")[0]
    if package == "__main__":
        # Whatever has started the interpreter, what is defined in a session is the user's.
        return False
    file = getattr(sys.modules.get(package), "__file__", None) or ""
    return package in _LIBRARIES or file.startswith(_FOLDERS)


class _Names(NamedTuple):
    """What code names, and code within it: globals, and attributes of anything."""

    globals: frozenset[str]
    attributes: frozenset[str]


@functools.lru_cache(maxsize=256)
def _names(code: CodeType) -> _Names:
    read: set[str] = set()
    attributes: set[str] = set()
    for each in dis.get_instructions(code):
        if each.opname == "LOAD_GLOBAL":
            read.add(each.argval)
        elif each.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            attributes.add(each.argval)
    for inner in (_names(each) for each in code.co_consts if isinstance(each, CodeType)):
        read |= inner.globals
        attributes |= inner.attributes
    return _Names(frozenset(read), frozenset(attributes))


def _told(value: Any, names: _Names, seen: set[CodeType]) -> str | None:
    """Return a value as text that is the same in every process; None of what is not looked at."""
    if isinstance(value, _PLAIN):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, tuple | list):
        try:
            return f"({', '.join(str(_told(each, names, seen)) for each in value)})"
        except RecursionError:
            return _shown(value)
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(_shown, value)))}}}"
    if isinstance(value, ModuleType):
        if _is_library(value.__name__):
            return None
        own = {n: vars(value)[n] for n in sorted(names.attributes & vars(value).keys())}
        told = {name: _told(each, names, seen) for name, each in own.items()}
        known = {name: text for name, text in told.items() if text is not None}
        return str(known) if known else None
    if hasattr(value, "tobytes") and hasattr(value, "dtype"):
        digest = hashlib.sha256(value.tobytes()).hexdigest()
        return f"{value.dtype} {getattr(value, 'shape', ())} {digest}"
    function = _plain(value)
    if not isinstance(function, FunctionType):
        return f"{type(value).__name__} {_shown(value)}"
    if function.__code__ in seen or _is_library(function.__module__ or ""):
        return None
    return "\n".join([source_of(function), *_held(function, seen)])


def source_of(function: Any) -> str:
    """Return the source of a function; where there is none, its code, or what it is shown as."""
    plain = _plain(function)
    try:
        return textwrap.dedent(inspect.getsource(plain))
    except (OSError, TypeError):
        code = getattr(plain, "__code__", None)
        return _shown(function) if code is None else f"{code.co_code.hex()} {code.co_consts}"


def _shown(value: object) -> str:
    """Return what an object is shown as, without where it lies in memory."""
    try:
        return _ADDRESS.sub("", repr(value))
    except Exception:  # noqa: BLE001  # of a foreign type
        return ""

"""Functions of users: found by name, loaded in a worker, called with what their signature takes."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from wfo.errors import InputError, did_you_mean
from wfo.python_files import described, import_file
from wfo.search.runner.errors import LoadError
from wfo.text import brief, listed, one_line

#: What a call offers beside the parameters, by keyword.
CONTEXT = ("symbols", "bars", "window", "seed")


@dataclass(frozen=True, slots=True)
class Program:
    """A function that is loaded.

    Attributes
    ----------
    function
        What is called.
    takes
        Names of `CONTEXT` that it takes.
    """

    function: Callable[..., Any]
    takes: tuple[str, ...]


def split_target(target: str) -> tuple[str, str]:
    """Return the module or file of a target, and the function; both are empty where it has none."""
    place, colon, name = target.rpartition(":")
    return (place, name) if colon and place and name else ("", "")


def load_program(target: str, folder: Path) -> Program:
    """Import a program.

    Parameters
    ----------
    target
        ``module:function`` or ``FILE.py:function``; a file's path is relative to `folder`.
    folder
        Becomes the first place in which modules are looked for.

    Raises
    ------
    LoadError
        If there is none, or it cannot be called as a search calls it.
    """
    place, name = split_target(target)
    sys.path.insert(0, str(folder))
    module = _file(folder / place) if place.endswith(".py") else _module(place, folder)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [n for n, value in vars(module).items() if _is_program(value, module)]
            where = one_line(getattr(module, "__file__", None) or place)
            raise LoadError(f"{where} has no {brief(name)}{did_you_mean(name, known)}")
        found = getattr(found, part)
    if not callable(found):
        raise LoadError(f"{target} is {brief(found)}, of type {type(found).__name__}, no function")
    return Program(found, _takes(found, target))


def _is_program(value: object, module: ModuleType) -> bool:
    return inspect.isfunction(value) and value.__module__ == module.__name__


def _file(path: Path) -> ModuleType:
    try:
        return import_file(path).module
    except InputError as error:
        raise LoadError(str(error)) from None


def _module(name: str, folder: Path) -> ModuleType:
    if not all(name.split(".")):
        raise LoadError(
            f"{brief(name)} is no name of a module: it begins, ends or goes on by a dot"
        )
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise LoadError(
                f"there is no module {brief(error.name)}, in {one_line(folder)} or where Python"
                f" looks{_elsewhere(error.name)}; a file is named with its ending, as in"
                " FILE.py:function"
            ) from None
        said = described(error, folder)
    except BaseException as error:  # noqa: BLE001  # of foreign code, which may raise anything
        said = described(error, folder)
    raise LoadError(f"the module {brief(name)} fails when it is imported: {said}")


def _elsewhere(name: str) -> str:
    """Return where the package was found in which a module was looked for, for a message.

    A folder without ``__init__.py`` gives way to whatever else has its name, wherever that is.
    """
    package = name.rpartition(".")[0]
    file = getattr(sys.modules.get(package), "__file__", None)
    return f" ({package} is {one_line(file)})" if file else ""


def _takes(function: Callable[..., Any], target: str) -> tuple[str, ...]:
    """Return which names of `CONTEXT` a function takes."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        # Some functions in C do not say.
        return ()
    kinds = inspect.Parameter
    if any(p.kind is kinds.VAR_POSITIONAL for p in parameters[:1]):
        rest = parameters
    elif parameters and parameters[0].kind in {kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD}:
        rest = parameters[1:]
    else:
        raise LoadError(
            f"{target} takes no argument for the parameters; it is called as"
            " evaluate(params, symbols=, bars=, window=, seed=), of which it may take any"
        )
    if any(p.kind is kinds.VAR_KEYWORD for p in rest):
        return CONTEXT
    named = [p for p in rest if p.kind in {kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY}]
    missing = [
        p.name
        for p in rest
        if p.default is kinds.empty
        and p.kind is not kinds.VAR_POSITIONAL
        and (p not in named or p.name not in CONTEXT)
    ]
    if missing:
        raise LoadError(
            f"{target} needs {listed(missing)}, which a search does not give; beside the parameters"
            f" it gives {', '.join(CONTEXT)} by keyword"
        )
    return tuple(p.name for p in named if p.name in CONTEXT)

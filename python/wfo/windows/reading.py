"""Schedules as files have them: their names, and keys that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from wfo.errors import InputError, did_you_mean
from wfo.text import brief, one_line, shown
from wfo.yaml_text import read_yaml

T = TypeVar("T")


def loaded(name: object, presets: Mapping[str, T], build: Callable[[Any, str, str], T]) -> T:
    """Return a built-in schedule, or what a YAML file holds.

    Parameters
    ----------
    name
        Name of a built-in one, or the path of a file.
    presets
        The built-in ones by name.
    build
        Makes a schedule of what the file holds, the name that it gives and what messages call it.

    Raises
    ------
    InputError
        If there is none such, or the file cannot be read.
    """
    if not isinstance(name, str | Path):
        raise InputError(f"windows = {brief(name)} is no name or file of a schedule")
    path = Path(name)
    if path.suffix.lower() not in {".yaml", ".yml"}:
        try:
            return named(str(name), presets)
        except InputError as error:
            own = "(your own is given as the path of a .yaml file)"
            raise InputError(f"{error} {own}") from None
    where = one_line(path.name)
    data = read_yaml(path, where, missing=f"there is no windows file {one_line(path)}")
    return build(data, path.stem, where)


def named(name: object, presets: Mapping[str, T]) -> T:
    """Return a built-in schedule.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if not isinstance(name, str) or name not in presets:
        raise InputError(f"there is no schedule {brief(name)}{did_you_mean(name, presets)}")
    return presets[name]


def only(data: Mapping[Any, Any], known: Iterable[str]) -> None:
    """Raise where a mapping has other keys than these.

    Raises
    ------
    InputError
        If it has.
    """
    known = tuple(known)
    for key in data:
        if key not in known:
            raise InputError(f"there is nothing called {shown(key)}{did_you_mean(str(key), known)}")

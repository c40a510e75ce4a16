"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from wfo.errors import ResultsError

#: Ending of a file that is still being written.
PART = ".part"


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a name to write to; what stands there becomes `path` when the block ends well.

    The file is synced before it takes its name, so that a power cut leaves the old one or the new
    one. If the block fails, nothing is left behind.

    Raises
    ------
    ResultsError
        If the file cannot be written.
    """
    part = path.with_name(path.name + PART)
    try:
        with naming_the_file(path):
            yield part
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
    finally:
        # Where the folder itself is gone or a file, the error on its way says more than this one.
        with contextlib.suppress(OSError):
            part.unlink()


@contextlib.contextmanager
def naming_the_file(path: Path) -> Iterator[None]:
    """Turn the operating system's errors into ones that name `path` and say what to do.

    Raises
    ------
    ResultsError
        If the block raises an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise ResultsError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose another"
            " folder with --out"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file whole, indented for readers."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    ResultsError
        If it is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ResultsError(f"there is no {path}") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ResultsError(f"{path} cannot be read: {error}") from error


def write_with(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file whole with a method of a Polars frame that takes a path."""
    from polars.exceptions import PolarsError

    with whole_file(path) as part:
        try:
            write(part)
        except PolarsError as error:
            # Its Parquet writer wraps what the operating system says, such as a full disk.
            raise OSError(str(error)) from error

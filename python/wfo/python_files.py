"""Python files of users: imported as they are now, and what goes wrong in them by their lines."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import traceback
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType, TracebackType

from wfo.errors import InputError, WfoError
from wfo.files.limits import TEXT_BYTES
from wfo.files.opening import read_bytes
from wfo.text import brief, one_line

#: Attribute of an error whose message says already where in the user's file it belongs.
PLACED = "__wfo_place__"

#: Where frames begin that call code of users and are none of theirs.
_OWN = (__file__, f"{Path(__file__).parent / 'search' / 'runner'}{os.sep}", "<frozen")

#: Where no code of users is, but for what they take over from examples.
_PACKAGE = f"{Path(__file__).parent}{os.sep}"


@dataclass(frozen=True, slots=True)
class PythonFile:
    """A file that is imported.

    Attributes
    ----------
    path
        The file.
    module
        What its code has made.
    source
        The bytes that were compiled.
    sha256
        Of these, in hexadecimal.
    """

    path: Path
    module: ModuleType
    source: bytes
    sha256: str


class _Exactly(SourceFileLoader):
    """Compiles the bytes that it was given: a compiled copy can be older than the file."""

    def __init__(self, name: str, path: str, source: bytes) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002  # as its base has it
        return self.source_to_code(self._source, self.path)


def import_file(path: Path, name: str | None = None) -> PythonFile:
    """Import a file, with those beside it as modules.

    Its module has the name of the file, by which processes that it starts find it, unless a module
    of that name is there already, such as this file as it was before.

    Parameters
    ----------
    path
        The file, absolute.
    name
        Another name of its module, in the place of one that is there.

    Raises
    ------
    InputError
        If there is no such file, or it fails when it is imported; the message has the user's line.
    """
    said = one_line(path)
    try:
        source = read_bytes(path, most=TEXT_BYTES)
    except FileNotFoundError:
        raise InputError(f"there is no file {said}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{said} cannot be read: {reason}") from None
    sha256 = hashlib.sha256(source).hexdigest()
    name = _module_name(path, sha256) if name is None else name
    if str(path.parent) not in sys.path[:2]:
        sys.path.insert(1, str(path.parent))
    loader = _Exactly(name, str(path), source)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None:
        raise InputError(f"{said} cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except KeyboardInterrupt:
        sys.modules.pop(name, None)
        raise
    except BaseException as error:  # noqa: BLE001  # of foreign code, which may raise anything
        sys.modules.pop(name, None)
        if getattr(error, PLACED, None) is not None:
            raise InputError(str(error)) from None
        reason = described(error, path.parent, path)
    else:
        return PythonFile(path, module, source, sha256)
    raise InputError(f"{said} fails when it is imported: {reason}")


#: Characters of what an error says.
_LONGEST = 1_000


def _module_name(path: Path, sha256: str) -> str:
    taken = path.stem in sys.modules or path.stem in sys.stdlib_module_names
    if path.stem.isidentifier() and not taken:
        return path.stem
    place = hashlib.sha256(os.fsencode(path)).hexdigest()
    name = f"wfo_file_{path.stem}_{place[:8]}{sha256[:8]}"
    return name if name not in sys.modules else f"{name}_{len(sys.modules)}"


def described(error: BaseException, folder: Path, file: Path | None = None) -> str:
    """Return an error of a user's code in a line: its type, what it says, and where it was raised.

    An error of this package is told without its type, which says nothing to the user.

    Parameters
    ----------
    error
        What was raised.
    folder
        The place is the last one in `file` or, failing that, below this folder.
    file
        The file that was imported.
    """
    kind = type(error).__name__
    if isinstance(error, SyntaxError):
        said = f"{error.msg} ({_short(error.filename or '', folder)}, line {error.lineno})"
        return _line(f"{kind}: {said}")
    if isinstance(error, SystemExit):
        said = f"it ends itself by sys.exit({brief(error.code) if error.code is not None else ''})"
    else:
        try:
            said = str(error)
        except BaseException:  # noqa: BLE001  # of a foreign type
            said = "an error that cannot be shown"
        if said and not isinstance(error, WfoError):
            said = f"{kind}: {said}"
        said = said or kind
    if len(said) > _LONGEST:
        # Compilers say pages.
        said = f"{said[:_LONGEST]}…"
    return _line(f"{said}{_place(error.__traceback__, folder, file)}")


def _place(trace: TracebackType | None, folder: Path, file: Path | None) -> str:
    """Return where an error was raised, as far as that is in the user's files."""
    frames = [
        (frame.f_code.co_filename, line, frame.f_code.co_name)
        for frame, line in traceback.walk_tb(trace)
        if not frame.f_code.co_filename.startswith(_OWN)
    ]
    own = [frame for frame in frames if frame[0] == str(file)]
    below = [f for f in frames if f[0].startswith(f"{folder}/") and "site-packages" not in f[0]]
    others = [frame for frame in frames if not frame[0].startswith(_PACKAGE)]
    if not (own or below or others):
        return ""
    name, line, function = (own or below or others)[-1]
    inside = "" if function == "<module>" else f", in {function}"
    return f" ({_short(name, folder)}, line {line}{inside})"


def _short(name: str, folder: Path) -> str:
    return name.removeprefix(f"{folder}/")


def _line(text: str) -> str:
    return one_line(" ".join(text.split()))

"""Commands of users: JSON in by standard input, one JSON object out by standard output."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from wfo.search.runner.capture import Capture
from wfo.search.runner.errors import AnswerError, CommandError, LoadError
from wfo.search.runner.guard import kill_descendants, unnamed_file
from wfo.text import brief, one_line, shown

#: Bytes of the standard error from which its last line is taken.
_COMPLAINT = 4096


def run_command(
    command: Sequence[str],
    asked: Mapping[str, Any],
    folder: Path,
    capture: Capture,
    most: int,
) -> Any:
    """Run a command once and return what its answer says.

    It writes to the files of this process's own standard output and error, so that nothing it
    leaves running can hold up the answer.

    Parameters
    ----------
    command
        Its words.
    asked
        What it reads.
    folder
        Where it works.
    capture
        Has the files.
    most
        Bytes of the answer.

    Raises
    ------
    LoadError
        If it cannot be started.
    CommandError
        If it ends by a signal, or with an exit code other than 0.
    AnswerError
        If it prints anything but one JSON object.
    """
    given = unnamed_file()
    try:
        with os.fdopen(os.dup(given), "wb") as file:
            file.write(json.dumps(asked).encode() + b"\n")
        os.lseek(given, 0, os.SEEK_SET)
        try:
            process = subprocess.Popen(  # noqa: S603  # the user's own command
                list(command), stdin=given, cwd=folder, start_new_session=True
            )
        except (OSError, ValueError) as error:
            raise LoadError(_not_started(command[0], error)) from None
    finally:
        os.close(given)
    process.wait()
    # What it has started ends with it.
    if sys.platform != "linux":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    kill_descendants()
    if process.returncode:
        raise _ended(process.returncode, capture)
    return read_answer(capture.printed(most + 1), most)


def _not_started(name: str, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return f"{one_line(name)} cannot be run: permission denied; make it executable (chmod +x)"
    if isinstance(error, OSError) and error.errno == 8:
        return (
            f"{one_line(name)} cannot be run: it is no program, and has no first line such as"
            " #!/usr/bin/env python3"
        )
    said = error.strerror if isinstance(error, OSError) else str(error)
    return f"{one_line(name)} cannot be run: {one_line(said)}"


def _ended(code: int, capture: Capture) -> CommandError:
    last = last_line(capture.complaint(_COMPLAINT).decode("utf-8", "replace"))
    said = f": {last}" if last else ""
    if code < 0:
        return CommandError(f"ends by {signal_name(-code)}{said}", crashed=True)
    return CommandError(f"ends with exit code {code}{said}", crashed=False)


def signal_name(number: int) -> str:
    """Return a signal as it is called."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def last_line(text: str) -> str:
    """Return the last line of a text that has anything in it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return one_line(lines[-1]) if lines else ""


def read_answer(printed: bytes, most: int) -> dict[str, Any]:
    """Return the JSON object that a command has printed.

    Raises
    ------
    AnswerError
        If it printed anything else.
    """
    if len(printed) > most:
        raise AnswerError(f"prints more than {most:,} bytes; its answer is one JSON object")
    try:
        text = printed.decode("utf-8")
    except UnicodeDecodeError:
        raise AnswerError(
            "prints what is no text in UTF-8; its answer is one JSON object"
        ) from None
    if not text.strip():
        raise AnswerError(
            "prints nothing on standard output, which is to have its figures as one JSON object"
        )
    try:
        found = json.loads(text, object_pairs_hook=_object)
    except AnswerError:
        raise
    except RecursionError:
        raise AnswerError("prints JSON with too many objects within each other") from None
    except ValueError:
        _refuse(text)
    if not isinstance(found, dict):
        raise AnswerError(f"prints {brief(found)}, and no JSON object of figures")
    return found


def _refuse(text: str) -> NoReturn:
    first = next(line.strip() for line in text.splitlines() if line.strip())
    raise AnswerError(
        f"prints on standard output what is not one JSON object, as {shown(first)}: print"
        " everything but the figures on standard error"
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise AnswerError(f"prints the key {shown(twice)} twice in one JSON object")
    return found

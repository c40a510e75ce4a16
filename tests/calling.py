"""The command line, called in this process."""

from __future__ import annotations

import inspect
from typing import NamedTuple

from click.testing import CliRunner

from wfo.cli import cli
from wfo.errors import WfoError


class Called(NamedTuple):
    """What a command came to; `text` has single blanks for all white space."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return " ".join(self.out.split())


def call_cli(*words: object) -> Called:
    """Call a command; an error of the package is its message, as `main` prints it."""
    # Before Click 8.2 both streams are one unless asked for otherwise.
    apart = "mix_stderr" in inspect.signature(CliRunner).parameters
    runner = CliRunner(**({"mix_stderr": False} if apart else {}))
    found = runner.invoke(cli, [str(word) for word in words])
    error = found.exception
    if isinstance(error, WfoError):
        return Called(1, found.stdout, str(error))
    assert error is None or isinstance(error, SystemExit), error
    return Called(found.exit_code, found.stdout, found.stderr)

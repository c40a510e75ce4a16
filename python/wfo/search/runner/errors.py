"""What goes wrong between a search and a program; none of it leaves the runner as it is here."""

from __future__ import annotations

from wfo.errors import WfoError


class AnswerError(WfoError):
    """An answer of a program that breaks the rules of the call, in words that follow its name."""


class LoadError(WfoError):
    """A program that cannot be loaded, in words for the user."""


class CommandError(WfoError):
    """A command that ends with an exit code or by a signal.

    Parameters
    ----------
    said
        What happened, in words.
    crashed
        Whether it ended by a signal, which may not come again.
    """

    def __init__(self, said: str, crashed: bool) -> None:
        super().__init__(said)
        self.crashed = crashed

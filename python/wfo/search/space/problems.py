"""All that is wrong in one file, told at once: where, which value, and what would do."""

from __future__ import annotations

from wfo.errors import InputError
from wfo.text import one_line

#: Lines of one message; a file in which more is wrong is wrong as a whole.
_MOST = 50

#: Characters of a line.
_LONGEST = 600


class Problems:
    """Lines about one file.

    Parameters
    ----------
    where
        What the file is called.
    """

    def __init__(self, where: str) -> None:
        self.where = one_line(where)
        self._lines: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def lines(self) -> list[str]:
        """What is wrong, in the order in which it was found."""
        return list(self._lines)

    def add(self, said: object, where: str | None = None) -> None:
        """Add what is wrong, once.

        Parameters
        ----------
        said
            The key, its value, and what would do; an error stands for its message.
        where
            What the line begins with, if not with the file.
        """
        begin = self.where if where is None else where
        for line in one_line_each(str(said)):
            told = line if not begin or line.startswith(f"{begin}: ") else f"{begin}: {line}"
            told = told if len(told) <= _LONGEST else told[: _LONGEST - 3] + "..."
            self._lines[told] = None

    def refuse(self) -> None:
        """Raise an `InputError` of all lines, if there is any."""
        if not self._lines:
            return
        more = len(self) - _MOST
        lines = self.lines[:_MOST] + ([f"{self.where}: and {more:,} more"] if more > 0 else [])
        raise InputError("\n".join(lines))


def one_line_each(text: str) -> list[str]:
    """Return the lines of a message, without what steers a terminal."""
    return [one_line(line) for line in text.split("\n")]

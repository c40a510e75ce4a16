"""Where a strategy comes from that is no part of a package: a file, and a name in it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """A name in a file of the user's.

    Attributes
    ----------
    file
        The file as it was given.
    name
        What the file calls the strategy.
    sha256
        Of the file as it was loaded, in hexadecimal.
    path
        The file, absolute; empty where only a record states it.
    module
        The module that the file was loaded as; empty where only a record states it.
    """

    file: str
    name: str
    sha256: str
    path: str = field(default="", compare=False)
    module: str = field(default="", compare=False)

    @property
    def target(self) -> str:
        """What names it where a strategy is asked for, ``FILE.py:NAME``."""
        return f"{self.file}:{self.name}"

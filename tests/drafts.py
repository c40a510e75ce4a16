"""A file of bars on its way through mutations: its lines, and how they become bytes."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import Final

from bar_files import Bar, Form, Line, render, true_bars

PRICES: Final = ("open", "high", "low", "close")


@dataclasses.dataclass
class Draft:
    """A file on its way: lines, and how they become bytes.

    Attributes
    ----------
    certain
        Whether a person could tell all bars.
    may_keep
        Whether the damaged line, too, may be read as the bar that it was.
    names_place
        Whether a refusal has to name the damaged line.
    """

    rng: random.Random
    form: Form
    lines: list[Line]
    separator: str
    quote: str
    newline: str
    encoding: str
    ending: str = ".csv"
    pack: Callable[[bytes], bytes] | None = None
    last: bool = True
    tail: int = 0
    certain: bool = True
    may_keep: bool = False
    names_place: bool = True

    @property
    def rows(self) -> list[Line]:
        return [line for line in self.lines if line.bar is not None]

    @property
    def heads(self) -> list[Line]:
        return [line for line in self.lines if line.is_head]

    @property
    def table(self) -> list[Line]:
        """All lines of cells, of bars and others."""
        return [line for line in self.lines if line.text is None]

    def at(self, field: str) -> int | None:
        fields = self.form.fields
        return fields.index(field) if field in fields else None

    def damage(self, line: Line, *, may_keep: bool = False) -> None:
        line.is_damaged, self.certain, self.may_keep = True, False, may_keep

    def content(self) -> bytes:
        text = render(self.lines, self.separator, self.quote, self.newline, self.last)
        try:
            content = text.encode(self.encoding)
        except UnicodeEncodeError:
            content = text.encode()
        return content if self.pack is None else self.pack(content)

    def places(self) -> tuple[int, ...]:
        """Return the numbers of the damaged lines."""
        return tuple(i for i, line in enumerate(self.lines, 1) if line.is_damaged)

    def readings(self) -> list[list[Bar]]:
        """Return the bars that may be read of the file; none where it has to be refused."""
        if self.certain:
            return [true_bars(self.lines)]
        whole = [dataclasses.replace(line, is_damaged=False) for line in self.lines]
        return [true_bars(whole)] if self.may_keep else []


#: Changes a draft; says whether that was possible.
Mutation = Callable[[Draft], bool]

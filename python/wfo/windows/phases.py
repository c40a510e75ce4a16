"""Phases: continuous backtests on a history, each with in-sample and out-of-sample bars."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, overload

from wfo.arguments import rebuilt
from wfo.errors import InputError
from wfo.files.limits import PHASES
from wfo.text import html_table, shown


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase on a history.

    Attributes
    ----------
    number
        From 1 on.
    warmup, split, end
        First trading bar, first out-of-sample bar, one past the last bar.
    from_date, split_date, to_date
        The dates that these were looked up by. A boundary is the first bar on or after its date;
        only a phase that ends today includes the bar of its last date.
    in_sample, out_of_sample
        Dates of the first and the last bar of each part.
    """

    number: int
    warmup: int
    split: int
    end: int
    from_date: dt.date
    split_date: dt.date
    to_date: dt.date
    in_sample: tuple[dt.date, dt.date]
    out_of_sample: tuple[dt.date, dt.date]

    @property
    def bounds(self) -> tuple[int, int, int]:
        """`warmup`, `split` and `end`."""
        return self.warmup, self.split, self.end

    @property
    def annual_factor(self) -> float:
        """In-sample days by out-of-sample days: turns a raw walk-forward efficiency annual."""
        return (self.split_date - self.from_date).days / (self.to_date - self.split_date).days

    def _check(self, number: int) -> None:
        """Raise an `InputError` unless bars and dates ascend, and it is the phase of that number.

        Whatever is computed of a phase divides by lengths that are above 0 then.
        """
        dates = (*self.in_sample, *self.out_of_sample)
        if not (
            self.number == number
            and 0 <= self.warmup < self.split < self.end
            and self.from_date < self.split_date < self.to_date
            and all(a <= b for a, b in pairwise(dates))
        ):
            raise InputError(
                f"phase {number} is stated as number {self.number}, bars {self.bounds}, split on"
                f" {self.split_date} between {self.from_date} and {self.to_date}, which cannot be"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the phase as plain values, for the manifest."""
        return {
            "number": self.number,
            "warmup": self.warmup,
            "split": self.split,
            "end": self.end,
            "from": self.from_date.isoformat(),
            "split_date": self.split_date.isoformat(),
            "to": self.to_date.isoformat(),
            "in_sample": [d.isoformat() for d in self.in_sample],
            "out_of_sample": [d.isoformat() for d in self.out_of_sample],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Phase:
        """Rebuild what `to_dict` returned."""
        day = dt.date.fromisoformat
        return rebuilt(
            "phase",
            data,
            lambda v: cls(
                operator.index(v["number"]),
                operator.index(v["warmup"]),
                operator.index(v["split"]),
                operator.index(v["end"]),
                day(v["from"]),
                day(v["split_date"]),
                day(v["to"]),
                (day(v["in_sample"][0]), day(v["in_sample"][1])),
                (day(v["out_of_sample"][0]), day(v["out_of_sample"][1])),
            ),
        )


@dataclass(frozen=True, slots=True, repr=False)
class Phases(Sequence[Phase]):
    """The phases of a schedule on a history, in order.

    Attributes
    ----------
    name
        Name of the schedule.
    phases
        The phases themselves; the object is also a sequence of them.
    as_of
        Today: the date that years are counted back from.
    min_phases
        In how many phases a combination must be valid to be stable, by default.
    note
        What had to be changed for this history, or empty.
    """

    name: str
    phases: tuple[Phase, ...]
    as_of: dt.date
    min_phases: int
    note: str = ""

    def __post_init__(self) -> None:
        refuse_many(self.name, len(self.phases))

    @overload
    def __getitem__(self, index: int) -> Phase: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Phase]: ...
    def __getitem__(self, index: int | slice) -> Phase | Sequence[Phase]:
        return self.phases[index]

    def __len__(self) -> int:
        return len(self.phases)

    def __iter__(self) -> Iterator[Phase]:
        return iter(self.phases)

    def __repr__(self) -> str:
        spans = ", ".join(f"{p.in_sample[0]} to {p.out_of_sample[1]}" for p in self.phases)
        return f"Phases({self.name!r} as of {self.as_of}: {spans})"

    def _repr_html_(self) -> str:
        note = f"; {self.note}" if self.note else ""
        return html_table(f"{self.name!r} as of {self.as_of}{note}", self.rows())

    def rows(self) -> list[tuple[str, ...]]:
        """Return a table as text, the headings first: number and dates of each phase."""
        rows: list[tuple[str, ...]] = [("Phase", "In-sample", "Out-of-sample")]
        for p in self.phases:
            spans = (f"{first} to {last}" for first, last in (p.in_sample, p.out_of_sample))
            rows.append((str(p.number), *spans))
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return the schedule as plain values, for the manifest."""
        return {
            "name": self.name,
            "as_of": self.as_of.isoformat(),
            "min_phases": self.min_phases,
            "note": self.note,
            "phases": [p.to_dict() for p in self.phases],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Phases:
        """Rebuild what `to_dict` returned."""

        def build(values: Mapping[str, Any]) -> Phases:
            phases = tuple(Phase.from_dict(p) for p in values["phases"])
            as_of = dt.date.fromisoformat(values["as_of"])
            least = operator.index(values["min_phases"])
            if not 1 <= least <= len(phases):
                raise InputError(f"min_phases = {least} must be from 1 to the {len(phases)} phases")
            for number, phase in enumerate(phases, 1):
                phase._check(number)
            return cls(values["name"], phases, as_of, least, values["note"])

        return rebuilt("list of phases", data, build)


def refuse_many(name: str, phases: int) -> None:
    """Raise where a schedule has more phases than one may have.

    Raises
    ------
    InputError
        If it has.
    """
    if phases > PHASES:
        raise InputError(
            f"the schedule {shown(name)} has {phases:,} phases; at most {PHASES:,} will do"
        )

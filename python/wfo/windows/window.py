"""One window of a walk-forward on a history: in-sample bars, and out-of-sample ones behind them."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from wfo.arguments import flag, rebuilt
from wfo.errors import InputError

#: Bars of an in-sample part, at least: a return needs two marks.
LEAST_IN_SAMPLE = 2


@dataclass(frozen=True, slots=True)
class WalkWindow:
    """One window on a history.

    Attributes
    ----------
    number
        From 1 on.
    first, train_end
        First in-sample bar, and one past the last; what a purge leaves out comes after it.
    split, end
        First out-of-sample bar, and one past the last.
    until
        One past the last bar that its set trades: from there on a newer decision does, where
        out-of-sample parts overlap before `end`.
    from_date, train_date, split_date, to_date
        The dates that these were looked up by; a boundary is the first bar on or after its date.
        `train_date` is where the in-sample part ends, `split_date` unless there is a purge.
    in_sample, out_of_sample
        Dates of the first and the last bar of each part.
    cut
        Whether the history ends before its out-of-sample part does.
    """

    number: int
    first: int
    train_end: int
    split: int
    end: int
    until: int
    from_date: dt.date
    train_date: dt.date
    split_date: dt.date
    to_date: dt.date
    in_sample: tuple[dt.date, dt.date]
    out_of_sample: tuple[dt.date, dt.date]
    cut: bool

    @property
    def in_sample_bars(self) -> int:
        """Bars that the set is chosen on."""
        return self.train_end - self.first

    @property
    def traded_bars(self) -> int:
        """Bars that its set trades, until a newer decision does."""
        return self.until - self.split

    def check(self, number: int) -> None:
        """Raise an `InputError` unless bars and dates ascend, and it is the window of that number.

        Whatever is computed of a window divides by lengths that are above 0 then.
        """
        ordered = (
            self.number == number
            and self.first >= 0
            and self.first + LEAST_IN_SAMPLE <= self.train_end <= self.split < self.end
            and self.split < self.until <= self.end
            and self.from_date < self.train_date <= self.split_date < self.to_date
            and all(a <= b for a, b in pairwise((*self.in_sample, *self.out_of_sample)))
            and self.from_date <= self.in_sample[0]
            and self.in_sample[1] < self.train_date
            and self.split_date <= self.out_of_sample[0]
            and self.out_of_sample[1] < self.to_date
        )
        if not ordered:
            raise InputError(
                f"window {number} is stated as number {self.number}, bars {self.first},"
                f" {self.train_end}, {self.split}, {self.until}, {self.end} and dates"
                f" {self.from_date}, {self.train_date}, {self.split_date}, {self.to_date}, which"
                " cannot be"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the window as plain values."""
        return {
            "number": self.number,
            "bars": [self.first, self.train_end, self.split, self.end, self.until],
            "from": self.from_date.isoformat(),
            "train": self.train_date.isoformat(),
            "split": self.split_date.isoformat(),
            "to": self.to_date.isoformat(),
            "in_sample": [d.isoformat() for d in self.in_sample],
            "out_of_sample": [d.isoformat() for d in self.out_of_sample],
            "cut": self.cut,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> WalkWindow:
        """Rebuild what `to_dict` returned."""
        day = dt.date.fromisoformat

        def build(v: Mapping[str, Any]) -> WalkWindow:
            first, train_end, split, end, until = map(operator.index, v["bars"])
            return cls(
                operator.index(v["number"]),
                first,
                train_end,
                split,
                end,
                until,
                day(v["from"]),
                day(v["train"]),
                day(v["split"]),
                day(v["to"]),
                (day(v["in_sample"][0]), day(v["in_sample"][1])),
                (day(v["out_of_sample"][0]), day(v["out_of_sample"][1])),
                flag("cut", v["cut"]),
            )

        return rebuilt("window", data, build)

"""Files of bars in every notation that is read, made of bars that are known, from a number."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from decimal import Decimal

PRICES = ("open", "high", "low", "close")
_SUFFIXES = {"K": 3, "M": 6, "B": 9}


@dataclasses.dataclass(frozen=True)
class Notation:
    """How the numbers of a file are written."""

    decimal: str
    thousands: str
    lakhs: bool
    fixed: bool
    places: int
    before: str
    behind: str
    suffix: str
    separator: str
    quoted: bool

    def number(self, value: Decimal) -> str:
        """Write a number, without what stands around it."""
        text = f"{value:.{self.places}f}" if self.fixed else f"{value.normalize():f}"
        whole, _, part = text.partition(".")
        if self.thousands:
            whole = self._grouped(whole)
        return whole + (self.decimal + part if part else "")

    def _grouped(self, whole: str) -> str:
        if self.lakhs and len(whole) > 3:
            head, groups = whole[:-3], [whole[-3:]]
            while head:
                groups.insert(0, head[-2:])
                head = head[:-2]
            return self.thousands.join(groups)
        return f"{int(whole):,}".replace(",", self.thousands)

    def price(self, value: Decimal) -> str:
        """Write a price."""
        return f"{self.before}{self.number(value)}{self.behind}"

    def volume(self, value: int) -> str:
        """Write a volume, in thousands or more where the notation has letters."""
        if not self.suffix:
            return dataclasses.replace(self, fixed=False).number(Decimal(value))
        scaled = Decimal(value).scaleb(-_SUFFIXES[self.suffix])
        return dataclasses.replace(self, fixed=False).number(scaled) + self.suffix

    def cell(self, text: str) -> str:
        """Quote a cell where it must be, or where all are."""
        return f'"{text}"' if self.quoted or self.separator in text else text


def notation(draw: random.Random) -> Notation:
    """Draw a notation that somebody writes."""
    decimal = draw.choice(".,")
    signs = ["", "", ",", " ", "\u00a0", "\u202f", "'", "\u2019"]
    thousands = draw.choice([s.replace(",", "." if decimal == "," else ",") for s in signs])
    before = draw.choice(["", "", "", "$", "€", "CHF ", "R$ ", "Rs. ", "£"])
    behind = draw.choice(["", "", "", " €", " zł", " USD", " kr", "%", " %"]) if not before else ""
    return Notation(
        decimal=decimal,
        thousands=thousands,
        lakhs=thousands == "," and draw.random() < 0.3,
        fixed=draw.random() < 0.6,
        places=draw.choice([0, 1, 2, 2, 2, 3, 4, 5]),
        before=before,
        behind=behind,
        suffix=draw.choice(["", "", "", "K", "M"]),
        separator=draw.choice(",;\t"),
        quoted=draw.random() < 0.5,
    )


def bars(draw: random.Random, places: int, rows: int) -> list[tuple[Decimal, ...]]:
    """Draw bars that wander from a level: open, high, low, close and volume."""
    level = 10 ** draw.uniform(-1, 5.5)
    step = draw.choice([0.0005, 0.005, 0.03])
    unit = Decimal(1).scaleb(-places)
    least = max(unit, Decimal("0.0001"))
    found = []
    size = 10 ** draw.uniform(0, 7)
    for _ in range(rows):
        four = [level * (1 + draw.gauss(0, step)) for _ in range(4)]
        level = four[0]
        low, first, second, high = sorted(
            max(Decimal(str(abs(p))).quantize(unit), least) for p in four
        )
        volume = Decimal(int(size * draw.uniform(0.1, 3)))
        found.append((first, high, low, second, volume))
    return found


def turned(how: Notation) -> Notation:
    """Return the notation in which point and comma mean the opposite."""
    swap = {",": ".", ".": ","}
    thousands = swap.get(how.thousands, how.thousands)
    return dataclasses.replace(how, decimal=swap[how.decimal], thousands=thousands, lakhs=False)


def written(
    rows: list[tuple[Decimal, ...]],
    how: Notation,
    other: Notation | None = None,
    which: Callable[[int, int], bool] = lambda row, column: False,
) -> str:
    """Write the bars as a file; some rows and columns, as `which` says, in another notation."""
    lines = [["Date", *(p.capitalize() for p in PRICES), "Volume"]]
    for day, values in enumerate(rows):
        line = [f"2024-{1 + day // 28:02d}-{1 + day % 28:02d}"]
        for column, value in enumerate(values):
            hand = other if other is not None and which(day, column) else how
            line.append(hand.price(value) if column < len(PRICES) else hand.volume(int(value)))
        lines.append(line)
    return "\n".join(how.separator.join(how.cell(c) for c in line) for line in lines) + "\n"

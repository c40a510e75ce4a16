"""Files of bars that are cut, swapped, doubled and written otherwise, with the bars they hold.

A mutation says whether a person could still tell all bars of the file for certain. Where nobody
could, the file is to be refused, or its damaged line left out with a note that names it. Damage
that nobody can see, such as another digit in a price, is not done.
"""

from __future__ import annotations

import dataclasses
import random
import re
from pathlib import Path
from typing import Any, Final

import mutations_of_rows
import mutations_of_signs
from bar_files import Bar, difference, make_bars, make_lines, true_bars
from bar_forms import FORMS
from drafts import Draft, Mutation

from wfo.data import read_bars
from wfo.errors import WfoError

HARMLESS: Final = (*mutations_of_rows.HARMLESS, *mutations_of_signs.HARMLESS)
HARMFUL: Final = (*mutations_of_rows.HARMFUL, *mutations_of_signs.HARMFUL)
KINDS: Final = (*HARMLESS, *HARMFUL)
TIMEFRAMES: Final = {1: "1min", 5: "5min", 30: "30min", 60: "1hour"}
#: Characters that a message has at most.
LONGEST: Final = 1_000


@dataclasses.dataclass(frozen=True)
class Mutated:
    """A mutated file.

    Attributes
    ----------
    form, kind
        What it was, and the mutation that counts.
    label
        Seed, form and all mutations.
    how
        Arguments to read it by.
    certain
        Whether a person could tell all bars.
    bars
        The bars of lines that are whole.
    readings
        All that may be read of it without a word.
    places
        Numbers of the damaged lines, of which a refusal has to name one.
    """

    form: str
    kind: str
    label: str
    ending: str
    content: bytes
    how: dict[str, Any]
    certain: bool
    bars: list[Bar]
    readings: list[list[Bar]]
    places: tuple[int, ...]


def mutated(seed: int) -> Mutated:
    """Return the mutated file of a seed."""
    kind = KINDS[seed % len(KINDS)]
    for attempt in range(1_000):
        rng = random.Random(f"{seed} {attempt}")
        draft = _draft(rng)
        name = draft.form.name
        others = rng.sample(HARMLESS, rng.choice((0, 0, 0, 1, 1, 2)))
        done = _applied(draft, (*others, kind))
        # Of a file in which a price is lost nothing else may hide that.
        if done[-1:] == [kind.__name__]:
            break
    form = draft.form
    how = dict(form.how) or {"calendar": "none"}
    if form.minutes and rng.random() < 0.5:
        how["timeframe"] = TIMEFRAMES[form.minutes]
    return Mutated(
        form=name,
        kind=kind.__name__,
        label=f"{seed}: {name}, {', '.join(done)}",
        ending=draft.ending,
        content=draft.content(),
        how=how,
        certain=draft.certain,
        bars=true_bars(draft.lines),
        readings=draft.readings(),
        places=draft.places() if draft.names_place else (),
    )


def _draft(rng: random.Random) -> Draft:
    form = FORMS[rng.choice(sorted(FORMS))]
    lines = make_lines(form, make_bars(rng, form, rng.randint(16, 30)))
    return Draft(rng, form, lines, form.separator, form.quote, form.newline, form.encoding)


def _applied(draft: Draft, wanted: tuple[Mutation, ...]) -> list[str]:
    done = []
    for mutation in wanted:
        if not mutation(draft):
            return []
        done.append(mutation.__name__)
    return done


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a file: `RIGHT`, `REFUSED`, `UNCLEAR` or `WRONG`, and words to that."""

    what: str
    words: str


RIGHT: Final = "right"
REFUSED: Final = "refused"
#: Refused without the damaged line.
UNCLEAR: Final = "unclear"
WRONG: Final = "wrong"


def outcome(made: Mutated, folder: Path) -> Outcome:
    """Read a file and say what became of it."""
    path = folder / f"XYZ{made.ending}"
    path.write_bytes(made.content)
    try:
        bars = read_bars(path, **made.how)
    except WfoError as error:
        return _refusal(made, str(error), path)
    except Exception as error:  # noqa: BLE001  # what no reader may raise
        return Outcome(WRONG, f"no message: {error!r}")
    said = (*bars.origin.notes, *bars.origin.warnings)
    differences = [difference(bars.frame, reading) for reading in made.readings]
    if None in differences:
        return Outcome(RIGHT, "")
    left_out = difference(bars.frame, made.bars)
    if left_out is None and any(_names(note, made.places) for note in said):
        return Outcome(RIGHT, "the damaged line is left out, and that is said")
    return Outcome(WRONG, f"{differences or left_out or 'damage unsaid'}; said: {said}")


def _refusal(made: Mutated, said: str, path: Path) -> Outcome:
    if "\n" in said or len(said) > LONGEST or not said.startswith(path.name):
        return Outcome(WRONG, f"no line of the file: {said!r}")
    if made.places and not _names(said, made.places):
        return Outcome(UNCLEAR, f"lines {made.places} are not named: {said}")
    return Outcome(REFUSED, said)


def _names(text: str, places: tuple[int, ...]) -> bool:
    """Tell whether a text names one of these lines."""
    found = re.findall(r"\blines? ([\d,]+(?:(?:, | and | to )[\d,]+)*)", text)
    numbers = {int(n.replace(",", "")) for part in found for n in re.findall(r"\d+", part)}
    return bool(numbers & set(places))

"""What a study is: its space, objective, guardrails, windows and all else that decides it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Annotated, Any, Final, TypedDict

from wfo.errors import InputError
from wfo.files.schema import (
    Count,
    Limits,
    Ordinal,
    ShortText,
    StampText,
    Text,
    require,
)
from wfo.search.study.names import MOST_NAME, NAME_PATTERN
from wfo.text import listed, plain_json, shown

#: Dimensions and symbols of a study, at most, and its objectives and components.
_MOST_NAMES, _MOST_PARTS = 10_000, 100

#: Names of which each is there once.
_Names = Annotated[
    list[ShortText], Limits(f"a list of up to {_MOST_NAMES:,} names", most=_MOST_NAMES)
]
_Parts = Annotated[
    list[ShortText], Limits(f"a list of up to {_MOST_PARTS:,} names", most=_MOST_PARTS)
]
_Name = Annotated[
    str, Limits("the name of a study, as of a folder", pattern=NAME_PATTERN, most=MOST_NAME)
]
_Seed = Annotated[int, Limits("a whole number from 0 to 2^63 - 1", ge=0, le=2**63 - 1)]


class RecordShape(TypedDict):
    """A study's record, as its database has it."""

    name: _Name
    created: StampText
    identity: dict[ShortText, Any]
    plan: dict[ShortText, Any]
    space: dict[ShortText, Any]
    objective: Any
    limits: Any
    guardrails: Any
    guardrails_digest: ShortText
    windows: list[dict[ShortText, ShortText | int | None]]
    symbols: _Names
    fingerprints: dict[ShortText, ShortText]
    versions: dict[ShortText, ShortText]
    git_commit: ShortText
    method: ShortText
    method_reason: Text
    seed: _Seed
    batch: Ordinal
    budget: Count
    parameters: _Names
    objectives: _Parts
    components: _Parts


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """What a study is; all of it is plain values, as JSON has them.

    Attributes
    ----------
    name
        As in ``--study``.
    created
        When, with the offset from UTC.
    identity
        What decides the results, by part: the space, the objective, the guardrails and so on, each
        as plain values or as a digest. Studies of which a part differs are different studies; a
        part that is values is compared value by value, so that a message can name the first that
        differs.
    plan
        All of the plan, to make it anew.
    space, objective, limits, guardrails
        Those of the plan, for who reads the database with another program.
    guardrails_digest
        SHA-256 of the file of guardrails; empty where there is none.
    windows
        The dates of each window.
    symbols
        The symbols; empty of a program that has none.
    fingerprints
        Those of the bars, by symbol.
    versions
        Of the packages that decide results.
    git_commit
        Of the folder that the plan stands in; empty where there is none.
    method, method_reason
        The method, and why ``auto`` chose it; empty where it did not.
    seed, batch, budget
        Seed of the study, trials of a batch, and trials in all.
    parameters
        Dotted names of the dimensions, in order.
    objectives
        Names of what is maximised, one or several.
    components
        Names of the components of the objective, in the order that trials have them.
    """

    name: str
    created: str
    identity: Mapping[str, Any]
    plan: Mapping[str, Any]
    space: Mapping[str, Any]
    objective: Any
    method: str
    seed: int
    batch: int
    budget: int
    parameters: tuple[str, ...]
    objectives: tuple[str, ...] = ("score",)
    components: tuple[str, ...] = ()
    limits: Any = None
    guardrails: Any = None
    guardrails_digest: str = ""
    windows: tuple[Mapping[str, Any], ...] = ()
    symbols: tuple[str, ...] = ()
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    git_commit: str = ""
    method_reason: str = ""

    def __post_init__(self) -> None:
        """Raise an `InputError` unless it could be read back."""
        try:
            plain = json.loads(json.dumps(self.to_dict(), allow_nan=False))
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(f"a study keeps what JSON has: {error}") from None
        require(plain, RecordShape, "the study", kind=InputError)
        _require_moment(self.created)
        for what in ("parameters", "objectives", "components", "symbols"):
            names = getattr(self, what)
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise InputError(f"{what} has names twice: {listed(twice)}")
        if not self.parameters or not self.objectives:
            raise InputError("a study has at least one parameter and one objective")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StudyRecord:
        """Return what `to_dict` made of it.

        Raises
        ------
        InputError
            If a value is another one than it can be.
        """
        values: dict[str, Any] = {each.name: data[each.name] for each in fields(cls)}
        values |= {name: tuple(values[name]) for name in _TUPLES}
        return cls(**values)


_TUPLES: Final = frozenset({"windows", "symbols", "parameters", "objectives", "components"})


def _require_moment(text: str) -> None:
    """Raise unless a text is a moment with its offset from UTC, of a year that clocks show."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 1970 < moment.year < 3000:
        raise InputError(
            f"created = {shown(text)} must be a moment such as 2026-11-27T12:00:00+00:00"
        )


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return what differs between two identities, a line a part.

    Parameters
    ----------
    wanted
        What is asked for.
    found
        What the study has.
    """
    said = []
    for part in (*wanted, *(name for name in found if name not in wanted)):
        first = _difference(wanted.get(part, _NOTHING), found.get(part, _NOTHING), part)
        if first:
            said.append(first)
    return said


#: What is not there.
_NOTHING: Final = object()


def _difference(wanted: Any, found: Any, place: str) -> str:
    """Return the first place at which values differ, and what stands there; empty if none does."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key in (*wanted, *(key for key in found if key not in wanted)):
            said = _difference(
                wanted.get(key, _NOTHING), found.get(key, _NOTHING), f"{place}.{key}"
            )
            if said:
                return said
        # The order of dimensions decides what a row means.
        same = list(wanted) == list(found)
        return "" if same else f"{place} has its keys in another order"
    if _is_list(wanted) and _is_list(found) and len(wanted) == len(found):
        for at, (one, other) in enumerate(zip(wanted, found, strict=True)):
            said = _difference(one, other, f"{place}[{at}]")
            if said:
                return said
        return ""
    if _text(wanted) == _text(found):
        return ""
    return f"{place} is {_shown(found)} in the study and {_shown(wanted)} here"


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _text(value: Any) -> str:
    # 1 and 1.0 are the same number, and another text; True is none.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is _NOTHING else json.dumps(value, default=list)


#: Characters of a value in a message.
_LONGEST: Final = 60


def _shown(value: Any) -> str:
    if value is _NOTHING:
        return "missing"
    text = plain_json(json.dumps(value, default=list, ensure_ascii=False))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."

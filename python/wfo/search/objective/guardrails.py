"""Guardrails: limits in a file of their own, which no search writes or relaxes.

The file is read once. What is read is a tuple of tuples, so that nothing in a process changes it;
its digest goes into the study, and a study whose guardrails differ is another one. They hold for
each symbol in each window: no way to aggregate, no mode of limits and no weight of an objective
moves them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from wfo.arguments import rebuilt
from wfo.errors import InputError
from wfo.search.objective.figures import shipped, unknown_figures
from wfo.search.objective.limits import Limit, check_rules, read_rules
from wfo.search.objective.reading import Problems
from wfo.text import brief, one_line, shown
from wfo.yaml_text import read_yaml


class _Guardrails(NamedTuple):
    rules: tuple[Limit, ...]
    undefined: float
    changes: tuple[str, ...]


class Guardrails(_Guardrails):
    """Limits that always hold.

    Attributes
    ----------
    rules
        The limits.
    undefined
        What an undefined figure counts as, in scales.
    changes
        What a space made tighter, a line each, for the log.
    """

    __slots__ = ()

    def __new__(  # noqa: D102  # the class says it
        cls, rules: Iterable[Limit], undefined: float = 10.0, changes: Iterable[str] = ()
    ) -> Guardrails:
        own = tuple(rules)
        found = Problems()
        found.number("undefined", undefined, above=0)
        if not own or not all(type(rule) is Limit for rule in own):
            found.add("guardrails", " must be limits, one at least")
        else:
            # What `_replace` makes has not been checked.
            own = tuple(Limit(*rule) for rule in own)
            check_rules(own, "guardrails", found)
        found.finish()
        return super().__new__(cls, own, float(undefined), tuple(map(str, changes)))

    @property
    def digest(self) -> str:
        """SHA-256 of the limits, made of what they are now; their order does not count."""
        plain = sorted([*rule.key, rule.bound, rule.scale] for rule in self.rules)
        text = json.dumps([plain, self.undefined], ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def load(cls, path: Path) -> Guardrails:
        """Read a file of guardrails: a YAML mapping of figures to limits.

        Raises
        ------
        InputError
            If there is none, it cannot be read, or it says something else; with a line for each
            mistake.
        """
        where = one_line(path)
        data = read_yaml(path, where, missing=f"there is no file of guardrails {where}")
        found = Problems()
        if not isinstance(data, Mapping) or not data:
            found.add(where, " must be a mapping of figures to limits, as {sharpe: {at_least: 1}}")
            found.finish()
        rules = read_rules(found, data, where)
        found.finish()
        return cls(rules, float(shipped("limits")["undefined"]))

    @classmethod
    def read(
        cls,
        data: Any,
        where: str,
        folder: Path | None = None,
        known_figures: Iterable[str] | None = None,
    ) -> Guardrails | None:
        """Return the guardrails that a space's file names.

        Parameters
        ----------
        data
            The value in the file: None for none; the name of a file of guardrails; or a mapping of
            `file` and `tighten`, which is of figures to limits.
        where
            What messages call it.
        folder
            Of the space's file, beside which the file of guardrails is.
        known_figures
            The figures that an evaluation gives, where they are known already.

        Raises
        ------
        InputError
            As `load` and `tightened` do.
        """
        if data is None:
            return None
        found = Problems()
        own = {"file": data} if isinstance(data, str) else data
        if not isinstance(own, Mapping) or not own:
            found.add(
                where,
                f" = {shown(data)} must be the name of a file of guardrails: they stand in one of"
                " their own, which no search writes",
            )
            found.finish()
        found.keys(where, own, ("file", "tighten"))
        name = own.get("file")
        if "file" not in own:
            found.add(
                where, " lacks file: guardrails stand in one of their own, which no search writes"
            )
        elif not isinstance(name, str) or not name or "\0" in name:
            found.add(f"{where}.file", f" = {shown(name)} must be the name of a file")
        found.finish()
        made = cls.load((folder or Path()) / Path(str(name)).expanduser())
        if "tighten" in own:
            made = made.tightened(own["tighten"], f"{where}.tighten")
        if known_figures is not None:
            found.lines += made.missing(known_figures, where)
        found.finish()
        return made

    def tightened(self, by: Any, where: str = "tighten") -> Guardrails:
        """Return guardrails that are as tight or tighter.

        Parameters
        ----------
        by
            A mapping of figures to limits. The scale of a guardrail stays.
        where
            What messages call it.

        Raises
        ------
        InputError
            If a limit would be relaxed, or as `load` does.
        """
        found = Problems()
        own = {rule.key: rule for rule in self.rules}
        changes = list(self.changes)
        for rule in read_rules(found, by, where):
            before = own.get(rule.key)
            if before is None:
                own[rule.key] = rule
                changes.append(f"a guardrail is added: {rule}")
                continue
            if not before.holds(rule.bound):
                found.add(
                    where,
                    f": {rule} would relax the guardrail {before}; a space may only tighten it",
                )
            elif rule.bound != before.bound:
                own[rule.key] = Limit(before.figure, before.side, rule.bound, before.scale)
                changes.append(f"the guardrail {before} is tightened to {rule.bound:g}")
        found.finish()
        check_rules(own.values(), where, found)
        found.finish()
        return Guardrails(own.values(), self.undefined, changes)

    def missing(self, names: Iterable[str], where: str = "guardrails") -> list[str]:
        """Return a line for each figure that an evaluation which gives `names` lacks."""
        return unknown_figures(((where, rule.figure) for rule in self.rules), names)

    def to_dict(self) -> dict[str, Any]:
        """Return the guardrails as plain values, for the study's record."""
        return {
            "digest": self.digest,
            "undefined": self.undefined,
            "rules": [rule.to_dict() for rule in self.rules],
            "changes": list(self.changes),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Guardrails:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        InputError
            If it is something else, or its limits are not those of its digest.
        """
        made = rebuilt(
            "set of guardrails",
            data,
            lambda v: cls(map(Limit.from_dict, v["rules"]), v["undefined"], v["changes"]),
        )
        if data.get("digest") != made.digest:
            raise InputError(
                f"the guardrails of the record are not those of their digest"
                f" {brief(data.get('digest'))}: the record was edited"
            )
        return made

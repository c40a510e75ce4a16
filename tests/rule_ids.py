"""Ids of a contract's rules: page, code and tests name the same ones.

A page defines a rule by its id in bold, code cites it in square brackets, and tests by a mark.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Marked:
    """A test that names rules, and whether it runs on every engine."""

    name: str
    rules: tuple[str, ...]
    on_engines: bool


@dataclass(frozen=True)
class Sources:
    """The texts that name rules, each as one, and the tests' files by name.

    Attributes
    ----------
    chapters
        The letters that ids begin with.
    page
        What defines the rules.
    code
        The parts that have to cite every rule, by name.
    tests
        Files by name.
    exceptions
        By part the rules that it cannot show, and why.
    """

    chapters: str
    page: str
    code: Mapping[str, str]
    tests: Mapping[str, str]
    exceptions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def with_part(self, part: str, text: str) -> Sources:
        """Return the same with another text for a part of the code."""
        return replace(self, code={**self.code, part: text})

    @property
    def defined(self) -> list[str]:
        """The rules of the page, in order; one that is defined twice is there twice."""
        return _found(rf"\*\*({self._id})\*\*", self.page)

    def cited(self, text: str) -> frozenset[str]:
        """Return the rules that a text cites."""
        return frozenset(_found(rf"\[({self._id})\]", text))

    @property
    def _id(self) -> str:
        return rf"[{self.chapters}]\d+"


@cache
def _found(pattern: str, text: str) -> list[str]:
    return re.findall(pattern, text)


def joined(paths: Iterable[Path]) -> str:
    """Return the texts of files as one."""
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


@cache
def marked_in(text: str) -> tuple[Marked, ...]:
    """Return the tests of a file whose decorators name rules."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
            continue
        rules = tuple(
            argument.value
            for call in node.decorator_list
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.rule"
            for argument in call.args
            if isinstance(argument, ast.Constant)
        )
        if rules:
            arguments = {argument.arg for argument in node.args.args}
            found.append(Marked(node.name, rules, "engine" in arguments))
    return tuple(found)


def complaints(sources: Sources) -> list[str]:
    """Return what is wrong with the ids, in words; nothing where all agree."""
    defined = sources.defined
    known = set(defined)
    said = [f"page: {r} is defined twice" for r in sorted(known) if defined.count(r) > 1]
    tests = [test for text in sources.tests.values() for test in marked_in(text)]
    cited = {part: sources.cited(text) for part, text in sources.code.items()}
    cited |= {
        "page": sources.cited(sources.page),
        "tests": frozenset(rule for test in tests for rule in test.rules),
    }
    for part, rules in cited.items():
        said += [f"{part}: {r} is cited, and the page does not define it" for r in rules - known]
    for part in sources.code:
        missing = known - cited[part] - sources.exceptions.get(part, {}).keys()
        said += [f"{part}: {r} is not cited" for r in missing]
    on_engines = {rule for test in tests if test.on_engines for rule in test.rules}
    said += [f"tests: {r} is shown by none on every engine" for r in known - on_engines]
    return sorted(said)


def missed_without(sources: Sources, rule: str) -> None:
    """Assert that `complaints` notices a rule that is taken out anywhere.

    Parameters
    ----------
    sources
        Of which nothing is wrong.
    rule
        One of the page's.
    """
    assert complaints(sources) == []
    for part, whole in sources.code.items():
        exempt = rule in sources.exceptions.get(part, {})
        assert complaints(sources.with_part(part, whole.replace(f"[{rule}]", ""))) == (
            [] if exempt else [f"{part}: {rule} is not cited"]
        )
    other = next(each for each in sources.defined if each != rule)
    tests = {name: text.replace(f'"{rule}"', f'"{other}"') for name, text in sources.tests.items()}
    assert complaints(replace(sources, tests=tests)) == [
        f"tests: {rule} is shown by none on every engine"
    ]
    page = sources.page.replace(f"**{rule}**", "")
    said = complaints(replace(sources, page=page))
    wanted = {*sources.code, "tests"}
    wanted -= {part for part, own in sources.exceptions.items() if rule in own}
    wanted |= {"page"} if rule in sources.cited(page) else set()
    assert said == sorted(
        f"{part}: {rule} is cited, and the page does not define it" for part in wanted
    )

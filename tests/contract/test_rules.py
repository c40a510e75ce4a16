"""Rules of the contract have ids, which page, reference, both engines and the tests name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ATR_D = ROOT / "python" / "wfo" / "atr_d"
CORE = ROOT / "rust" / "wfo-core" / "src"
FAMILY = CORE / "strategies" / "atr_d"

#: What the reference's caller checks is part of it.
REFERENCE = (*sorted(ATR_D.rglob("*.py")), ROOT / "python" / "wfo" / "backtest" / "checks.py")
#: Code that both Rust engines run: what it decides, it decides for both.
SHARED = (
    FAMILY / "params.rs",
    FAMILY / "series.rs",
    CORE / "indicators.rs",
    CORE / "execution" / "account.rs",
    CORE / "execution" / "extended.rs",
    CORE / "market" / "slice.rs",
)
DIRECT = (
    FAMILY / "kernel.rs",
    CORE / "engine" / "direct.rs",
    CORE / "execution" / "touches.rs",
    CORE / "execution" / "intraday.rs",
    CORE / "execution" / "performance.rs",
)
FACTORED = tuple(sorted((FAMILY / "factored").rglob("*.rs")))
TESTS = tuple(sorted(Path(__file__).parent.glob("test_*.py")))

#: What an engine cannot show, and why.
EXCEPTIONS: Mapping[str, Mapping[str, str]] = {
    "factored": {
        "T4": "it holds one parameter set from the first bar to the last",
        "T5": "it holds one parameter set from the first bar to the last",
        "F13": "it looks at closes between two fills, and not at highs and lows",
        "F14": "it looks at closes between two fills, and not at highs and lows",
        "F15": "it looks at closes between two fills, and not at highs and lows",
        "F16": "it does not compute the figures of a whole history",
    }
}

CHAPTERS = "ITXDLOSVHMF"
CODE = ("reference", "direct", "factored")

ID = rf"[{CHAPTERS}]\d+"
DEFINED = re.compile(rf"\*\*({ID})\*\*")
CITED = re.compile(rf"\[({ID})\]")


@dataclass(frozen=True)
class Sources:
    """The texts that name rules, each as one, and the tests' files by name."""

    page: str
    reference: str
    direct: str
    factored: str
    tests: Mapping[str, str]


@dataclass(frozen=True)
class Marked:
    """A test that names rules, and whether it runs on every engine."""

    name: str
    rules: tuple[str, ...]
    on_engines: bool


@cache
def read() -> Sources:
    def joined(paths: Iterable[Path]) -> str:
        return "\n".join(path.read_text(encoding="utf-8") for path in paths)

    return Sources(
        page=(ATR_D / "CONTRACT.md").read_text(encoding="utf-8"),
        reference=joined(REFERENCE),
        direct=joined((*SHARED, *DIRECT)),
        factored=joined((*SHARED, *FACTORED)),
        tests={path.name: path.read_text(encoding="utf-8") for path in TESTS},
    )


@cache
def cited_in(text: str) -> frozenset[str]:
    return frozenset(CITED.findall(text))


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
    defined = DEFINED.findall(sources.page)
    known = set(defined)
    said = [f"page: {r} is defined twice" for r in sorted(known) if defined.count(r) > 1]
    tests = [test for text in sources.tests.values() for test in marked_in(text)]
    cited = {part: cited_in(getattr(sources, part)) for part in ("page", *CODE)}
    cited["tests"] = frozenset(rule for test in tests for rule in test.rules)
    for part, rules in cited.items():
        said += [f"{part}: {r} is cited, and the page does not define it" for r in rules - known]
    for part in CODE:
        missing = known - cited[part] - EXCEPTIONS.get(part, {}).keys()
        said += [f"{part}: {r} is not cited" for r in missing]
    on_engines = {rule for test in tests if test.on_engines for rule in test.rules}
    said += [f"tests: {r} is shown by none on every engine" for r in known - on_engines]
    return sorted(said)


def test_the_page_defines_rules_of_every_chapter() -> None:
    found = DEFINED.findall(read().page)
    assert {rule[0] for rule in found} == set(CHAPTERS)
    assert len(found) > 80


def test_page_reference_direct_engine_and_tests_name_every_rule() -> None:
    assert [said for said in complaints(read()) if not said.startswith("factored")] == []


def test_the_factored_engine_names_every_rule() -> None:
    assert [said for said in complaints(read()) if said.startswith("factored")] == []


def test_exceptions_are_rules_that_the_engine_does_not_cite() -> None:
    """An exception that is none any more leaves the table."""
    own = "\n".join(path.read_text(encoding="utf-8") for path in FACTORED)
    assert EXCEPTIONS.keys() == {"factored"}
    exempt = EXCEPTIONS["factored"].keys()
    assert exempt <= set(DEFINED.findall(read().page))
    assert not cited_in(own) & exempt


@cache
def complete() -> Sources:
    """Return the sources as they are once the factored engine cites all that is asked of it."""
    sources = read()
    wanted = set(DEFINED.findall(sources.page)) - EXCEPTIONS["factored"].keys()
    return replace(
        sources, factored="\n".join([sources.factored, *(f"// [{rule}]" for rule in wanted)])
    )


RULES = sorted(set(DEFINED.findall(read().page)))


@pytest.mark.parametrize("rule", RULES)
def test_an_id_that_is_taken_out_anywhere_is_missed(rule: str) -> None:
    sources = complete()
    assert complaints(sources) == []
    for part in CODE:
        text = getattr(sources, part).replace(f"[{rule}]", "")
        exempt = rule in EXCEPTIONS.get(part, {})
        assert complaints(replace(sources, **{part: text})) == (
            [] if exempt else [f"{part}: {rule} is not cited"]
        )
    other = next(each for each in RULES if each != rule)
    tests = {name: text.replace(f'"{rule}"', f'"{other}"') for name, text in sources.tests.items()}
    assert complaints(replace(sources, tests=tests)) == [
        f"tests: {rule} is shown by none on every engine"
    ]
    page = sources.page.replace(f"**{rule}**", "")
    said = complaints(replace(sources, page=page))
    wanted = {"reference", "direct", "factored", "tests"}
    wanted -= {part for part in EXCEPTIONS if rule in EXCEPTIONS[part]}
    wanted |= {"page"} if rule in cited_in(page) else set()
    assert said == sorted(
        f"{part}: {rule} is cited, and the page does not define it" for part in wanted
    )


def test_an_id_that_is_nowhere_defined_is_noticed() -> None:
    sources = complete()
    for part in ("page", *CODE):
        changed = replace(sources, **{part: getattr(sources, part) + "\n[S99]"})
        assert complaints(changed) == [f"{part}: S99 is cited, and the page does not define it"]
    text = '@pytest.mark.rule("S99")\ndef test_x(engine):\n    pass\n'
    changed = replace(sources, tests={**sources.tests, "test_x.py": text})
    assert complaints(changed) == ["tests: S99 is cited, and the page does not define it"]


def test_an_id_that_is_defined_twice_is_noticed() -> None:
    sources = complete()
    changed = replace(sources, page=sources.page + "\n**S3** again")
    assert complaints(changed) == ["page: S3 is defined twice"]


def test_a_test_of_one_engine_shows_its_rules_on_none() -> None:
    sources = complete()
    texts = {
        name: text.replace("engine: Engine", "one: Engine") for name, text in sources.tests.items()
    }
    assert complaints(replace(sources, tests=texts)) == sorted(
        f"tests: {rule} is shown by none on every engine" for rule in RULES
    )

"""Rules of the contract have ids, which page, reference, both engines and the tests name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from rule_ids import Sources, complaints, joined, missed_without

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
PARTS = (
    "boundary",
    "excursion",
    "intrabar_time",
    "lane_accounts",
    "lane_parts",
    "lookup",
    "per_unit",
    "ruin",
)
#: Besides its own, what it is made of: touches, what a trade makes of a unit of equity, accounts.
FACTORED = tuple(
    sorted(
        [
            *(FAMILY / "factored").rglob("*.rs"),
            *(CORE / "engine" / "first_touch").rglob("*.rs"),
            *(CORE / "engine" / f"{name}.rs" for name in PARTS),
        ]
    )
)
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


@cache
def read() -> Sources:
    return Sources(
        chapters=CHAPTERS,
        page=(ATR_D / "CONTRACT.md").read_text(encoding="utf-8"),
        code={
            "reference": joined(REFERENCE),
            "direct": joined((*SHARED, *DIRECT)),
            "factored": joined((*SHARED, *FACTORED)),
        },
        tests={path.name: path.read_text(encoding="utf-8") for path in TESTS},
        exceptions=EXCEPTIONS,
    )


def test_the_page_defines_rules_of_every_chapter() -> None:
    found = read().defined
    assert {rule[0] for rule in found} == set(CHAPTERS)
    assert len(found) > 80


def test_page_reference_direct_engine_and_tests_name_every_rule() -> None:
    assert [said for said in complaints(read()) if not said.startswith("factored")] == []


def test_the_factored_engine_names_every_rule() -> None:
    assert [said for said in complaints(read()) if said.startswith("factored")] == []


def test_exceptions_are_rules_that_the_engine_does_not_cite() -> None:
    """An exception that is none any more leaves the table."""
    assert EXCEPTIONS.keys() == {"factored"}
    exempt = EXCEPTIONS["factored"].keys()
    assert exempt <= set(read().defined)
    assert not read().cited(joined(FACTORED)) & exempt


@cache
def complete() -> Sources:
    """Return the sources as they are once the factored engine cites all that is asked of it."""
    sources = read()
    wanted = set(sources.defined) - EXCEPTIONS["factored"].keys()
    more = (f"// [{rule}]" for rule in wanted)
    return sources.with_part("factored", "\n".join([sources.code["factored"], *more]))


RULES = sorted(set(read().defined))


@pytest.mark.parametrize("rule", RULES)
def test_an_id_that_is_taken_out_anywhere_is_missed(rule: str) -> None:
    missed_without(complete(), rule)


def test_an_id_that_is_nowhere_defined_is_noticed() -> None:
    sources = complete()
    said = "S99 is cited, and the page does not define it"
    changed = replace(sources, page=sources.page + "\n[S99]")
    assert complaints(changed) == [f"page: {said}"]
    for part, whole in sources.code.items():
        assert complaints(sources.with_part(part, whole + "\n[S99]")) == [f"{part}: {said}"]
    text = '@pytest.mark.rule("S99")\ndef test_x(engine):\n    pass\n'
    changed = replace(sources, tests={**sources.tests, "test_x.py": text})
    assert complaints(changed) == [f"tests: {said}"]


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

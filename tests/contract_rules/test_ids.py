"""Rules of the page have ids, which page, reference, engines and tests name.

That a missing one is noticed is tested where ATR-D's rules are, `contract.test_rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from rule_ids import Sources, complaints, joined

ROOT = Path(__file__).resolve().parents[2]
RULES_OF_USERS = ROOT / "python" / "wfo" / "rules"
ENGINES = ROOT / "rust" / "wfo-core" / "src" / "strategies" / "rules"

#: A program checks itself, its numbers are worked out before anything runs.
REFERENCE = (
    *sorted((RULES_OF_USERS / "reference").glob("*.py")),
    *(RULES_OF_USERS / name for name in ("nodes.py", "program.py", "numbers.py", "lookback.py")),
)
#: Code that both Rust engines run: what it decides, it decides for both.
SHARED = tuple(
    ENGINES / f"{name}.rs"
    for name in (
        *("program", "raw", "numbers", "lookback", "node"),
        *("plan", "columns", "elementwise", "windows", "groups"),
    )
)
DIRECT = tuple(
    sorted(ENGINES / f"{name}.rs" for name in ("bar_loop", "kernel", "orders", "standing"))
)
FACTORED = tuple(sorted((ENGINES / "factored").glob("*.rs")))
TESTS = tuple(sorted(Path(__file__).parent.glob("test_*.py")))

CHAPTERS = "PECGRBZ"

#: What a part cannot show, and why.
EXCEPTIONS: Mapping[str, Mapping[str, str]] = {
    "factored": {
        "Z1": "it runs no program whose `size` sets the shares",
        "Z2": "it runs no program whose `risk` sets the shares",
        "Z3": "it runs no program whose `risk` sets the shares",
        "Z5": "it runs no program whose `risk` sets the shares",
    }
}


@cache
def read() -> Sources:
    return Sources(
        chapters=CHAPTERS,
        page=(RULES_OF_USERS / "CONTRACT.md").read_text(encoding="utf-8"),
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
    assert len(found) == 4 + 7 + 8 + 4 + 17 + 8 + 5


def test_exceptions_are_rules_that_the_engine_does_not_cite() -> None:
    """An exception that is none any more leaves the table."""
    exempt = EXCEPTIONS["factored"].keys()
    assert exempt <= set(read().defined)
    assert not read().cited(joined(FACTORED)) & exempt


def test_page_reference_engines_and_tests_name_every_rule() -> None:
    assert complaints(read()) == []

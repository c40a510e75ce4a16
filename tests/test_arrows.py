"""Arrows go down only: no file uses one above it, and no files use each other in a circle.

`arrows` says what counts as an arrow.
"""

from __future__ import annotations

from pathlib import Path

import arrows
import pytest

_ROOT = Path(__file__).parents[1]
_CRATES = {
    "wfo_core": "wfo-core/src",
    "wfo_bindings": "wfo-bindings/src",
    "_core": "wfo-py/src",
}

#: The layers of the package, the lowest first. Members of one layer do not use each other.
PYTHON = (
    ("wfo/errors.py", "wfo/text.py", "wfo/sampling.py"),
    ("wfo/arguments.py", "wfo/forks.py", "wfo/progress.py"),
    ("wfo/_core.pyi", "wfo/files/", "wfo/settings.py", "wfo/text_files.py"),
    ("wfo/held_values.py", "wfo/python_files.py", "wfo/yaml_text.py"),
    ("wfo/data/", "wfo/strategy/"),
    (
        "wfo/atr_d/",
        "wfo/kernels/",
        "wfo/rules/",
        "wfo/bars.py",
        "wfo/grid.py",
        "wfo/metrics.py",
        "wfo/windows/",
    ),
    ("wfo/charts.py", "wfo/colours.py", "wfo/default_grids.py", "wfo/grid_yaml.py"),
    ("wfo/backtest/",),
    ("wfo/build.py", "wfo/stats/"),
    ("wfo/selection/",),
    # Stores count what passes the gates while they are written, so they stand above selection.
    ("wfo/sweeps/", "wfo/tradestation/"),
    ("wfo/search/",),
    ("wfo/walkforward/",),
    ("wfo/runs/",),
    ("wfo/__init__.py",),
    ("wfo/examples/", "wfo/testing/"),
    ("wfo/docs/",),
    ("wfo/cli/",),
    ("wfo/__main__.py",),
)

#: The layers of `wfo.data.importing`, from the bytes of a file to bars, the lowest first.
IMPORTING = (
    ("cells.py", "ends.py", "zones.py"),
    ("headings/",),
    ("vendors/",),
    ("tables/",),
    ("numbers/", "times/"),
    ("adjusting.py", "bar_rows.py", "lengths.py", "opens.py", "ordering.py", "repairing.py"),
    ("reading.py",),
    ("storing.py",),
)

#: The layers of the crates, the lowest first.
RUST = (
    ("wfo-core/src/error.rs",),
    ("wfo-core/src/grid.rs", "wfo-core/src/market/"),
    ("wfo-core/src/execution/", "wfo-core/src/indicators.rs"),
    ("wfo-core/src/figures.rs", "wfo-core/src/orders.rs"),
    # An account that keeps extended figures too stores them in the cells of `figures`.
    ("wfo-core/src/execution/extended.rs", "wfo-core/src/kernel.rs"),
    ("wfo-core/src/execution/performance.rs",),
    ("wfo-core/src/task.rs",),
    ("wfo-core/src/engine/", "wfo-core/src/scoring/"),
    ("wfo-core/src/permutation/", "wfo-core/src/strategies/"),
    ("wfo-core/src/lib.rs",),
    ("wfo-bindings/src/",),
    ("wfo-py/src/",),
)


@pytest.fixture(scope="module")
def python() -> arrows.Arrows:
    return arrows.python_arrows(_ROOT / "python", "wfo")


@pytest.fixture(scope="module")
def rust() -> arrows.Arrows:
    return arrows.rust_arrows(_ROOT / "rust", _CRATES)


def _of(found: arrows.Arrows, folder: str) -> arrows.Arrows:
    return {file: others for file, others in found.items() if file.startswith(folder)}


def test_no_arrow_of_the_package_goes_up(python: arrows.Arrows) -> None:
    assert arrows.upward(python, PYTHON) == []


def test_no_arrow_of_an_import_goes_up(python: arrows.Arrows) -> None:
    folder = "wfo/data/importing/"
    inner = {
        file: {other for other in others if other.startswith(folder)}
        for file, others in _of(python, folder).items()
        if not file.endswith("__init__.py")
    }
    layers = tuple(tuple(folder + member for member in layer) for layer in IMPORTING)
    assert arrows.upward(inner, layers) == []


def test_no_arrow_of_the_crates_goes_up(rust: arrows.Arrows) -> None:
    assert arrows.upward(rust, RUST) == []


def test_the_package_has_no_circle(python: arrows.Arrows) -> None:
    assert arrows.circles(python) == []


def test_the_core_has_no_circle(rust: arrows.Arrows) -> None:
    assert arrows.circles(_of(rust, "wfo-core/")) == []


def test_the_compiled_module_has_no_circle(rust: arrows.Arrows) -> None:
    assert arrows.circles(_of(rust, "wfo-py/")) == []


def test_the_bindings_have_no_circle(rust: arrows.Arrows) -> None:
    assert arrows.circles(_of(rust, "wfo-bindings/")) == []


@pytest.mark.parametrize("language", ["python", "rust"])
def test_every_file_is_read_and_every_member_of_a_table_exists(
    language: str, request: pytest.FixtureRequest
) -> None:
    found: arrows.Arrows = request.getfixturevalue(language)
    folder, endings = ("python/wfo", ("py", "pyi")) if language == "python" else ("rust", ("rs",))
    files = {
        path.relative_to(_ROOT / folder.split("/")[0]).as_posix()
        for ending in endings
        for path in (_ROOT / folder).rglob(f"*.{ending}")
    }
    unread = {f for f in files - set(found) if not f.endswith("build.rs") and "/target/" not in f}
    # Files of unit tests alone are declared under `cfg(test)`.
    assert {f for f in unread if not f.endswith("tests.rs")} == set()
    for member in (m for layer in (PYTHON if language == "python" else RUST) for m in layer):
        assert any(file.startswith(member) for file in found), member


# The checker itself


def _tree(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def test_imports_are_seen_wherever_they_stand(tmp_path: Path) -> None:
    _tree(
        tmp_path,
        {
            "toy/__init__.py": "",
            "toy/top.py": "import os\nfrom toy.low import base\n",
            "toy/late.py": "def run():\n    from toy import top\n    return top\n",
            "toy/typed.py": (
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import toy.low.base\n"
            ),
            "toy/named.py": "load('toy.low.base')\nword = 'toy'\n",
            "toy/low/__init__.py": "from .base import VALUE\n",
            "toy/low/base.py": "VALUE = 1\n",
            "toy/low/near.py": (
                "from . import base\nfrom ..top import base\nfrom toy.low import VALUE\n"
            ),
        },
    )
    assert arrows.python_arrows(tmp_path, "toy") == {
        "toy/__init__.py": set(),
        "toy/top.py": {"toy/low/base.py"},
        "toy/late.py": {"toy/top.py"},
        "toy/typed.py": {"toy/low/base.py"},
        "toy/named.py": {"toy/low/base.py"},
        "toy/low/__init__.py": {"toy/low/base.py"},
        "toy/low/base.py": set(),
        "toy/low/near.py": {"toy/low/base.py", "toy/top.py", "toy/low/__init__.py"},
    }


def test_a_circle_and_an_upward_arrow_in_python_are_found(tmp_path: Path) -> None:
    _tree(
        tmp_path,
        {
            "toy/top.py": "from toy.page import text\n",
            "toy/page.py": "def text():\n    import toy.report\n",
            "toy/report.py": "from toy import page\n",
            "toy/low/base.py": "from toy.top import x\n",
        },
    )
    found = arrows.python_arrows(tmp_path, "toy")
    assert arrows.circles(found) == [["toy/page.py", "toy/report.py"]]
    layers = (("toy/low/",), ("toy/page.py", "toy/report.py"), ("toy/top.py",))
    assert arrows.upward(found, layers) == [
        "toy/low/base.py -> toy/top.py",
        "toy/page.py -> toy/report.py",
        "toy/report.py -> toy/page.py",
    ]
    with pytest.raises(KeyError, match=r"toy/top\.py has no layer"):
        arrows.upward(found, (("toy/low/",), ("toy/page.py",), ("toy/report.py",)))


_RUST = {
    "a/src/lib.rs": "pub mod low;\npub mod high;\npub mod face;\nmod walk;\npub use low::Base;\n",
    "a/src/low.rs": (
        "//! Uses crate::high::Top in words alone.\n"
        'pub struct Base; const TEXT: &str = "crate::high::Top"; // crate::high\n'
        "#[cfg(test)]\nmod tests { use crate::high::Top; }\n"
    ),
    "a/src/high.rs": "use crate::Base;\npub struct Top { base: Base }\n",
    "a/src/face/mod.rs": "mod one;\npub use one::{One, Two as Second};\npub(crate) mod two;\n",
    "a/src/face/one.rs": "pub struct One; pub struct Two;\n",
    "a/src/face/two.rs": (
        "use super::{One, Second as Other};\nfn f() -> u8 { crate::high::Top::new(); 0 }\n"
    ),
    "a/src/walk.rs": "use crate::face::{self, two};\nfn g(x: face::One) {}\n",
    "b/src/lib.rs": "macro_rules! m { () => { $crate::inner::f() } }\nmod inner;\n",
    "b/src/inner.rs": "use a::{Base, face::{One}};\npub fn f() -> a::walk::X {}\n",
}


def test_paths_lead_to_the_file_that_defines_what_they_name(tmp_path: Path) -> None:
    _tree(tmp_path, _RUST)
    assert arrows.rust_arrows(tmp_path, {"a": "a/src", "b": "b/src"}) == {
        # Handing a name on is no use of it.
        "a/src/lib.rs": set(),
        "a/src/low.rs": set(),
        "a/src/high.rs": {"a/src/low.rs"},
        "a/src/face/mod.rs": set(),
        "a/src/face/one.rs": set(),
        "a/src/face/two.rs": {"a/src/face/one.rs", "a/src/high.rs"},
        "a/src/walk.rs": {"a/src/face/mod.rs", "a/src/face/one.rs", "a/src/face/two.rs"},
        "b/src/lib.rs": {"b/src/inner.rs"},
        "b/src/inner.rs": {"a/src/low.rs", "a/src/face/one.rs", "a/src/walk.rs"},
    }


@pytest.mark.parametrize(
    ("parent", "child"),
    [
        # What a parent's file defines, by a private import of the child and by a path.
        ("mod child;\nuse child::Part;\npub struct Whole;", "use super::Whole;\npub struct Part;"),
        ("mod child;\npub struct Whole; fn f() { child::part() }", "fn part() -> super::Whole {}"),
        # A name that is handed on, and used too.
        (
            "mod child;\npub use child::Part;\npub struct Whole(Part);",
            "use super::Whole;\npub struct Part;",
        ),
        # A method that the child gives to the parent's type.
        (
            "mod child;\npub struct Whole;\nfn f(w: &Whole) { w.step(1) }",
            "use super::Whole;\nimpl Whole { pub fn step(&self, n: u8) {} }",
        ),
    ],
)
def test_a_child_and_a_parent_that_use_each_other_are_a_circle(
    parent: str, child: str, tmp_path: Path
) -> None:
    _tree(
        tmp_path, {"src/lib.rs": "mod whole;", "src/whole.rs": parent, "src/whole/child.rs": child}
    )
    found = arrows.rust_arrows(tmp_path, {"toy": "src"})
    assert arrows.circles(found) == [["src/whole.rs", "src/whole/child.rs"]]


def test_a_parent_that_only_hands_on_is_in_no_circle(tmp_path: Path) -> None:
    files = {
        "src/lib.rs": "mod whole;",
        "src/whole/mod.rs": "mod child;\nmod other;\npub use child::Part;\npub const SIZE: u8 = 1;",
        "src/whole/child.rs": "use super::SIZE;\npub struct Part;",
        "src/whole/other.rs": "use super::Part;",
    }
    _tree(tmp_path, files)
    found = arrows.rust_arrows(tmp_path, {"toy": "src"})
    assert found["src/whole/other.rs"] == {"src/whole/child.rs"}
    assert found["src/whole/child.rs"] == {"src/whole/mod.rs"}
    assert arrows.circles(found) == []


def test_an_upward_arrow_in_rust_is_found(tmp_path: Path) -> None:
    _tree(tmp_path, _RUST)
    found = arrows.rust_arrows(tmp_path, {"a": "a/src", "b": "b/src"})
    layers = (("a/src/face/", "a/src/low.rs"), ("a/src/",), ("b/src/",))
    assert arrows.upward(found, layers) == ["a/src/face/two.rs -> a/src/high.rs"]

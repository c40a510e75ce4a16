"""Guardrails: limits that nothing in a search moves, whatever road is tried."""

from __future__ import annotations

import copy
import json
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wfo
from wfo.search.objective import (
    AGGREGATES,
    FigureTable,
    Guardrails,
    Limit,
    Limits,
    Objective,
    Scoring,
)
from wfo.search.objective.figures import shipped

NAN, INF = math.nan, math.inf

TEXT = "drawdown: {at_most: 0.2}\nsharpe: {at_least: 1, scale: 2}\n"
SHARPE = Objective.read("sharpe", "objective")

#: Trials that keep to both, and that break the first, the second, and both.
TRIALS = (
    {"sharpe": 1.0, "drawdown": 0.2},
    {"sharpe": 9.0, "drawdown": 0.3},
    {"sharpe": 0.5, "drawdown": 0.1},
    {"sharpe": 0.0, "drawdown": 0.4},
)
VIOLATIONS = [0.0, 0.1 / 0.2, 0.5 / 2, 0.2 / 0.2 + 1 / 2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "guardrails.yaml"
    found.write_text(TEXT)
    return found


def table_of(scoring: Scoring) -> FigureTable:
    table = scoring.table()
    for figures in TRIALS:
        table.append([{"": figures}])
    return table


def unmoved(guardrails: Guardrails, **more: Any) -> None:
    """Raise unless violations are those that the file of the fixture gives."""
    scoring = Scoring(SHARPE, guardrails=guardrails, **more)
    found = scoring.view(table_of(scoring))
    assert found.violations.tolist() == pytest.approx(VIOLATIONS, rel=1e-14)
    assert found.feasible.tolist() == [True, False, False, False]


# What a file may say


def test_a_file_of_guardrails(path: Path) -> None:
    found = Guardrails.load(path)
    assert list(map(str, found.rules)) == ["drawdown at most 0.2", "sharpe at least 1"]
    unmoved(found)
    said = Scoring(SHARPE, guardrails=found)
    assert said.view(table_of(said)).limits == (
        "guardrail drawdown at most 0.2", "guardrail sharpe at least 1",
    )  # fmt: skip


def test_the_digest_follows_from_what_the_limits_say(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        file = tmp_path / "other.yaml"
        file.write_text(text)
        return Guardrails.load(file).digest

    own = digest(TEXT)
    assert len(own) == 64
    same = (
        "# of another author\n" + TEXT,
        "sharpe: {scale: 2.0, at_least: 1.0}\nmax_drawdown_share: '<= 0.2'\n",
    )
    assert [digest(text) for text in same] == [own, own]
    others = (
        "drawdown: {at_most: 0.2}\n",
        TEXT.replace("0.2", "0.20000000000000004"),
        TEXT.replace("scale: 2", "scale: 3"),
        TEXT.replace("at_least: 1", "at_most: 1"),
        TEXT.replace("sharpe", "sortino"),
        TEXT + "trades: {at_least: 1}\n",
    )
    assert len({own, *map(digest, others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be a mapping of figures"),
        ("[]", "must be a mapping of figures"),
        ("5", "must be a mapping of figures"),
        ("{}", "must be a mapping of figures"),
        ("a: [", "is not YAML: line"),
        ("sharpe: 1\n", "sharpe = '1' must be at_least or at_most"),
        ("sharpe: {at_least: no}\n", "sharpe.at_least = 'False' must be a number"),
        ("sharpe: {at_least: 1e-3}\n", "sharpe.at_least = '1e-3' is a text; write 0.001"),
        ("sharpe: {at_least: .inf}\n", "is no number"),
        ("sharpe: {}\n", "must be at_least or at_most"),
        ("sharpe: {at_least: 1}\nsharpe: {at_least: 0}\n", "is there twice"),
        ("mar: {at_least: 1}\ncalmar: {at_least: 0}\n", "two limits at_least on mar"),
        ("mode: none\n", "mode = 'none' must be at_least or at_most"),
        ("drawdown: {at_most: 20}\n", "always holds"),
        ("sharpe: {at_least: 1, shipped: true}\n", "sharpe.shipped is no key here"),
    ],
)
def test_files_that_cannot_be(path: Path, text: str, said: str) -> None:
    path.write_text(text)
    with pytest.raises(wfo.InputError, match=said) as caught:
        Guardrails.load(path)
    assert all(line.startswith(str(path)) for line in str(caught.value).splitlines())


def test_all_mistakes_of_a_file_are_told_at_once(path: Path) -> None:
    path.write_text("sharpe: 1\nmar: {at_least: x}\n5: {at_least: 1}\n")
    with pytest.raises(wfo.InputError) as caught:
        Guardrails.load(path)
    assert str(caught.value).count("\n") == 2


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(wfo.InputError, match="there is no file of guardrails"):
        Guardrails.load(tmp_path / "none.yaml")
    with pytest.raises(wfo.InputError, match="is a folder"):
        Guardrails.load(tmp_path)
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(wfo.InputError, match="is not UTF-8"):
        Guardrails.load(tmp_path / "bytes.yaml")
    (tmp_path / "large.yaml").write_text("#" * (1 << 21))
    with pytest.raises(wfo.InputError, match="cannot be read"):
        Guardrails.load(tmp_path / "large.yaml")


def test_a_space_names_the_file_beside_it(path: Path) -> None:
    found = Guardrails.read("guardrails.yaml", "guardrails", path.parent)
    assert found == Guardrails.load(path)
    assert Guardrails.read({"file": str(path)}, "guardrails") == found
    assert Guardrails.read(None, "guardrails") is None
    with pytest.raises(wfo.InputError, match=r"no figure 'sharpe' among .*; did you mean 'sharp'"):
        Guardrails.read(str(path), "guardrails", known_figures=["sharp", "drawdown"])


# Roads: the space


@pytest.mark.parametrize(
    "more",
    [
        {"mode": "none"}, {"mode": "lenient"}, {"broken": 1}, {"limits": {}}, {"shipped": True},
        {"sharpe": {"at_least": 0}}, {"relax": {"sharpe": {"at_least": 0}}}, {"undefined": 0},
        {"digest": "0" * 64}, {"rules": []}, {"aggregate": "median"}, {"scale": 1e12},
        {"off": True}, {True: False}, {5: 5}, {None: None},
    ],
)  # fmt: skip
def test_no_key_of_a_space_relaxes_them(path: Path, more: dict[Any, Any]) -> None:
    with pytest.raises(wfo.InputError, match="is no key here"):
        Guardrails.read({"file": str(path), **more}, "guardrails")


@pytest.mark.parametrize(
    "wrong",
    [5, True, False, [], {}, [TEXT], {"sharpe": {"at_least": 0}}, {"file": None}, {"file": ""},
     {"file": 5}, {"file": ["a"]}, {"file": "a\0b"}, {"tighten": {"sharpe": {"at_least": 2}}}],
)  # fmt: skip
def test_they_stand_in_no_space(wrong: Any) -> None:
    with pytest.raises(wfo.InputError, match="guardrails"):
        Guardrails.read(wrong, "guardrails")


@pytest.mark.parametrize(
    ("by", "changes"),
    [
        ({"drawdown": {"at_most": 0.1}},
         ["the guardrail drawdown at most 0.2 is tightened to 0.1"]),
        ({"max_drawdown_share": "<= 0.1"},
         ["the guardrail drawdown at most 0.2 is tightened to 0.1"]),
        ({"sharpe": {"at_least": 1.5}}, ["the guardrail sharpe at least 1 is tightened to 1.5"]),
        ({"sharpe": {"at_least": 1}}, []),
        ({"sharpe": {"at_most": 5}}, ["a guardrail is added: sharpe at most 5"]),
        ({"trades": {"at_least": 50}}, ["a guardrail is added: trades at least 50"]),
    ],
)  # fmt: skip
def test_a_space_may_tighten_them_and_that_is_logged(
    path: Path, by: dict[str, Any], changes: list[str]
) -> None:
    before = Guardrails.load(path)
    found = Guardrails.read({"file": str(path), "tighten": by}, "guardrails")
    assert found is not None
    assert list(found.changes) == changes
    assert (found.digest == before.digest) == (not changes)
    assert before == Guardrails.load(path)
    # Whatever kept to the tighter ones keeps to the others.
    kept = {rule.key: rule for rule in found.rules}
    for rule in before.rules:
        assert rule.holds(kept[rule.key].bound)
        assert kept[rule.key].scale == rule.scale
    assert Guardrails.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize(
    "by",
    [
        {"drawdown": {"at_most": math.nextafter(0.2, 1)}}, {"drawdown": {"at_most": 0.5}},
        {"max_drawdown_share": {"at_most": 0.3}}, {"sharpe": {"at_least": 0.999}},
        {"sharpe": {"at_least": -5}}, {"sharpe": ">= 0", "drawdown": "<= 0.1"},
    ],
)  # fmt: skip
def test_a_space_may_not_relax_them(path: Path, by: dict[str, Any]) -> None:
    with pytest.raises(
        wfo.InputError, match=r"would relax the guardrail .*; a space may only tight"
    ):
        Guardrails.read({"file": str(path), "tighten": by}, "guardrails")
    with pytest.raises(wfo.InputError, match="would relax"):
        Guardrails.load(path).tightened({"drawdown": "<= 0.1"}).tightened({"drawdown": "<= 0.2"})


@pytest.mark.parametrize(
    "by",
    [None, {}, [], 5, "none", {"drawdown": None}, {"drawdown": {}}, {"drawdown": {"at_most": NAN}},
     {"drawdown": {"at_most": INF}}, {"drawdown": {"at_most": 2}}, {"drawdown": {"at_most": "x"}},
     {"sharpe": {"at_most": 0}}, {"drawdown": {"at_most": 0.1, "scale": 0}},
     {"drawdown": {"at_most": 0.1, "mode": "none"}}],
)  # fmt: skip
def test_what_tightens_must_be_limits(path: Path, by: Any) -> None:
    with pytest.raises(wfo.InputError):
        Guardrails.read({"file": str(path), "tighten": by}, "guardrails")


def test_the_scale_of_a_guardrail_stays(path: Path) -> None:
    """A large scale would make every violation a small one."""
    found = Guardrails.load(path).tightened({"sharpe": {"at_least": 1.0, "scale": 1e12}})
    unmoved(found)


@pytest.mark.parametrize("limits", ["none", "strict", "lenient", "lenient(5)",
                                    {"sharpe": {"at_least": -9}, "drawdown": {"at_most": 0.9}},
                                    {"mode": "lenient", "broken": 1, "limits": {
                                        "sharpe": ">= 9", "drawdown": "<= 0.001"}}])  # fmt: skip
def test_no_limits_of_a_search_move_them(path: Path, limits: Any) -> None:
    own = Limits.read(limits, "limits")
    alone, both = (Scoring(SHARPE, own, held) for held in (None, Guardrails.load(path)))
    without, held = (s.view(table_of(s)).violations for s in (alone, both))
    assert (held - without).tolist() == pytest.approx(VIOLATIONS)


@pytest.mark.parametrize(
    "objective",
    ["drawdown", "sharpe", {"figure": "drawdown", "direction": "maximise"},
     {"sharpe": 1e9, "drawdown": 1e-9}, ["sharpe", "drawdown"],
     {"weights": {"sharpe": 1, "drawdown": 1}, "normalise": "rank"},
     {"weights": {"sharpe": 1, "drawdown": 1}, "normalise": "adaptive", "adaptive": {"every": 1}},
     {"weights": {"sharpe": 1}, "scales": {"sharpe": [-1e9, 1e9]}}],
)  # fmt: skip
def test_no_objective_moves_them(path: Path, objective: Any) -> None:
    scoring = Scoring(Objective.read(objective, "objective"), guardrails=Guardrails.load(path))
    table = table_of(scoring)
    assert scoring.view(table).violations.tolist() == pytest.approx(VIOLATIONS)
    scoring.restore(scoring.update(table))
    found = scoring.view(table)
    assert found.violations.tolist() == pytest.approx(VIOLATIONS)
    assert found.order()[0] == 0
    assert not found.front()[1:].any()


def test_no_function_moves_them(path: Path) -> None:
    (path.parent / "own.py").write_text(
        "import pathlib\n"
        f"pathlib.Path({str(path)!r}).write_text('sharpe: {{at_least: -99}}')\n"
        "def score(figures):\n"
        f"    pathlib.Path({str(path)!r}).unlink(missing_ok=True)\n"
        "    figures.update(sharpe=9, drawdown=0, max_drawdown_share=0)\n"
        "    return figures['sharpe']\n"
    )
    guardrails = Guardrails.load(path)
    objective = Objective.read("own.py:score", "objective", path.parent)
    scoring = Scoring(objective, guardrails=guardrails)
    found = scoring.view(table_of(scoring))
    assert not path.exists()
    assert found.scores.tolist() == [9.0] * 4
    assert found.violations.tolist() == pytest.approx(VIOLATIONS)


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_they_hold_for_each_symbol_in_each_window(path: Path, aggregate: Any) -> None:
    """However many good symbols and windows there are beside a bad one."""
    good = {"sharpe": 2.0, "drawdown": 0.1}
    bad = {"sharpe": 2.0, "drawdown": 0.3}
    symbols = tuple("ABCDE")
    cases: list[tuple[dict[str, float], float]] = [
        (bad, 0.5), ({"sharpe": 2.0}, 10), ({"sharpe": 2.0, "drawdown": NAN}, 10), ({}, 30),
    ]  # fmt: skip
    for lacking, beyond in cases:
        scoring = Scoring(SHARPE, None, Guardrails.load(path), aggregate, symbols)
        table = scoring.table()
        table.append([dict.fromkeys(symbols, good)] * 4)
        table.append([dict.fromkeys(symbols, good)] * 3 + [dict.fromkeys(symbols, good) |
                                                           {"C": lacking}])  # fmt: skip
        found = scoring.view(table).violations
        assert found[0] == 0
        # Half a scale; 10 for each figure that is undefined, of the objective as well.
        assert found[1] == pytest.approx(beyond)


# Roads: what an evaluation returns


@pytest.mark.parametrize(
    "figures",
    [
        {"sharpe": 2.0}, {"sharpe": 2.0, "drawdown": NAN}, {"sharpe": 2.0, "drawdown": None},
        {"sharpe": 2.0, "drawdown": -INF}, {"sharpe": 2.0, "drawdown": -0.5},
        {"sharpe": 2.0, "drawdown": 0.9, "max_drawdown_share": 0.1},
        {"sharpe": 2.0, "drawdown": 0.1, "max_drawdown_share": 0.9},
        {"sharpe": 2.0, "Drawdown": 0.1}, {"sharpe": 2.0, "drawdown ": 0.1},
        {"sharpe": INF, "drawdown": 0.1},
        {"sharpe": 0.0, "drawdown": 0.1, "guardrails": 0.0, "limits": 0.0, "violation": 0.0,
         "undefined": 0.0, "feasible": 1.0},
        {},
    ],
)  # fmt: skip
def test_no_figures_pass_them_by(path: Path, figures: dict[str, Any]) -> None:
    scoring = Scoring(SHARPE, guardrails=Guardrails.load(path))
    table = scoring.table()
    table.append([{"": figures}])
    found = scoring.view(table)
    assert found.violations[0] > 0
    assert not found.feasible.any()


def test_a_symbol_that_is_left_out_breaks_them(path: Path) -> None:
    scoring = Scoring(SHARPE, guardrails=Guardrails.load(path), symbols=("A", "B"))
    table = scoring.table()
    table.append([{"A": TRIALS[0]}])
    table.append([{"A": TRIALS[0], "Z": TRIALS[0]}])
    table.append([{}])
    assert (scoring.view(table).violations >= 10).all()


def test_no_trial_without_figures_keeps_to_them(path: Path) -> None:
    scoring = Scoring(SHARPE, guardrails=Guardrails.load(path))
    table = scoring.table()
    for none in (None, [], ()):
        table.append(none)
    assert scoring.view(table).violations.tolist() == [INF] * 3


# Roads: the file


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_text("sharpe: {at_least: -99}\n"),
        lambda path: path.write_text(""),
        lambda path: path.unlink(),
        lambda path: path.rename(path.with_name("moved.yaml")),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
    ],
    ids=["edited", "emptied", "removed", "moved", "a folder", "a link"],
)
def test_a_file_that_changes_while_a_search_runs_is_not_read_again(
    path: Path, change: Callable[[Path], object]
) -> None:
    guardrails = Guardrails.load(path)
    digest = guardrails.digest
    scoring = Scoring(SHARPE, guardrails=guardrails)
    table = table_of(scoring)
    change(path)
    assert scoring.view(table).violations.tolist() == pytest.approx(VIOLATIONS)
    unmoved(guardrails)
    tighter = guardrails.tightened({"sharpe": ">= 2"})
    with pytest.raises(wfo.InputError, match="would relax the guardrail sharpe at least 2"):
        tighter.tightened({"sharpe": ">= 1"})
    assert guardrails.digest == digest


# Roads: a resumed study's record


def test_a_record_gives_the_same_guardrails(path: Path) -> None:
    found = Guardrails.load(path)
    again = Guardrails.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found
    assert again.digest == found.digest
    unmoved(again)


def test_an_edited_record_is_refused(path: Path) -> None:
    plain = Guardrails.load(path).to_dict()
    for key in plain:
        for wrong in (None, 5, "x", [], {}, True, NAN, [5], "0" * 64, -1):
            if key == "changes" and wrong in ([], [5], {}, "x", "0" * 64):
                # A log decides nothing.
                continue
            with pytest.raises(wfo.InputError):
                Guardrails.from_dict({**plain, key: wrong})
        if key != "changes":
            with pytest.raises(wfo.InputError):
                Guardrails.from_dict({k: v for k, v in plain.items() if k != key})
    for at, rule in enumerate(plain["rules"]):
        others = {"figure": "sortino", "side": "at_least", "bound": 0.5, "scale": 9.0}
        for key, other in others.items():
            if rule[key] == other:
                other = "at_most" if key == "side" else 0.25  # noqa: PLW2901
            for wrong in (other, None, "x", [], NAN, True):
                rules = copy.deepcopy(plain["rules"])
                rules[at][key] = wrong
                with pytest.raises(wfo.InputError):
                    Guardrails.from_dict({**plain, "rules": rules})
    with pytest.raises(wfo.InputError, match="the record was edited"):
        Guardrails.from_dict({**plain, "rules": plain["rules"][:1]})
    with pytest.raises(wfo.InputError, match="the record was edited"):
        Guardrails.from_dict({**plain, "undefined": 0.001})
    for wrong in (None, 5, "x", [], {}):
        with pytest.raises(wfo.InputError):
            Guardrails.from_dict(wrong)  # type: ignore[arg-type]  # on purpose


def test_a_record_that_was_edited_with_its_digest_is_another_study(path: Path) -> None:
    plain = Guardrails.load(path).to_dict()
    relaxed = Guardrails([Limit("sharpe", "at_least", -99)]).to_dict()
    assert Guardrails.from_dict(relaxed).digest != plain["digest"]


# Roads: objects


@pytest.mark.parametrize("name", ["rules", "undefined", "changes", "digest", "own"])
def test_no_attribute_of_them_can_be_set(path: Path, name: str) -> None:
    found = Guardrails.load(path)
    before = (found.rules, found.undefined, found.digest)
    for change in (setattr, object.__setattr__):
        with pytest.raises((AttributeError, TypeError)):
            change(found, name, ())
    with pytest.raises((AttributeError, TypeError)):
        delattr(found, name)
    with pytest.raises(TypeError):
        found[0] = ()  # type: ignore[index]  # on purpose
    for rule in found.rules:
        for attribute in ("figure", "side", "bound", "scale", "own"):
            with pytest.raises((AttributeError, TypeError)):
                object.__setattr__(rule, attribute, 0)
        with pytest.raises(TypeError):
            rule[2] = 0  # type: ignore[index]  # on purpose
    assert (found.rules, found.undefined, found.digest) == before
    unmoved(found)


def test_no_attribute_of_a_scoring_can_be_set(path: Path) -> None:
    scoring = Scoring(SHARPE, guardrails=Guardrails.load(path))
    for name in ("guardrails", "limits", "objective", "figures"):
        with pytest.raises(AttributeError):
            setattr(scoring, name, None)
    table = table_of(scoring)
    found = scoring.view(table)
    for array in (found.violations, found.beyond, found.scores, found.complete):
        array[:] = 0
    for how in ("middle", "lowest", "highest"):
        with pytest.raises(ValueError, match="read-only"):
            table.columns("drawdown", how)[:] = 0  # type: ignore[arg-type]  # a known word
    for array in (table.complete, table.pruned):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = True
    assert scoring.view(table).violations.tolist() == pytest.approx(VIOLATIONS)


def test_copies_are_the_same_or_have_another_digest(path: Path) -> None:
    found = Guardrails.load(path)
    for same in (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert same == found
        assert same.digest == found.digest
        unmoved(same)
    changed = found._replace(rules=found.rules[:1])
    assert changed.digest != found.digest
    # None at all, or what is no limit, is refused where it would be used.
    for rules in ((), (5,), (("sharpe", "at_least", 0, 1),), (found.rules[0]._replace(bound=NAN),)):
        with pytest.raises(wfo.InputError):
            Scoring(SHARPE, guardrails=found._replace(rules=rules))
    for other in (None, (), Limits.read("strict", "limits"), tuple(found), "x", {}):
        if other is not None:
            with pytest.raises(wfo.InputError, match="guardrails must be Guardrails"):
                Scoring(SHARPE, guardrails=other)  # type: ignore[arg-type]  # on purpose


def test_what_they_return_is_not_what_they_are(path: Path) -> None:
    found = Guardrails.load(path)
    plain = found.to_dict()
    plain["rules"].clear()
    plain["undefined"] = 0
    found.rules[0].to_dict()["bound"] = 9
    shipped("limits")["undefined"] = 1e-300
    shipped("objective")["figures"].clear()
    unmoved(found)
    unmoved(Guardrails.load(path))


def test_figures_that_change_later_are_not_looked_at(path: Path) -> None:
    scoring = Scoring(SHARPE, guardrails=Guardrails.load(path))
    table = scoring.table()
    figures = dict(TRIALS[3])
    window = {"": figures}
    windows = [window]
    table.append(windows)
    figures.update(sharpe=9.0, drawdown=0.0)
    window.clear()
    windows.clear()
    assert scoring.view(table).violations.tolist() == pytest.approx(VIOLATIONS[3:])


def test_they_are_no_part_of_what_a_trial_is(path: Path) -> None:
    """Points, fixed values, start points and repairs reach a program, and never the scoring."""
    scoring = Scoring(SHARPE, guardrails=Guardrails.load(path))
    assert set(scoring.figures) == {"sharpe", "max_drawdown_share"}
    table = scoring.table()
    names = ["guardrails.sharpe", "guardrails", "limits.mode", "sharpe.at_least"]
    table.append([{"": {**TRIALS[3], **dict.fromkeys(names, 0.0)}}])
    assert scoring.view(table).violations.tolist() == pytest.approx(VIOLATIONS[3:])


def test_however_close_to_a_guardrail_what_breaks_it_is_no_feasible_trial() -> None:
    """A difference that rounding loses, divided by any scale, is a violation nevertheless."""
    for scale in (1e-12, 1.0, 1e12):
        for bound in (-1e300, -1.0, 0.0, 5e-324, 1e-300, 1.0, 1e300):
            for side, way in (("at_least", -INF), ("at_most", INF)):
                rule = Limit("own", side, bound, scale)  # type: ignore[arg-type]  # a known word
                scoring = Scoring(Objective.read("own", "o"), guardrails=Guardrails([rule]))
                table = scoring.table()
                for value in (bound, math.nextafter(bound, way)):
                    table.append([{"": {"own": value}}])
                assert scoring.view(table).feasible.tolist() == [True, False]
                assert np.isfinite(scoring.view(table).violations).all()

"""Objectives and limits of a search: scores that are a view, Pareto sets, and pruning."""

from __future__ import annotations

import itertools
import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wfo
from wfo.metrics import DEFINITIONS
from wfo.search.objective import (
    AGGREGATES,
    Component,
    FigureTable,
    Limit,
    Limits,
    Objective,
    Pruner,
    Scored,
    Scoring,
    aggregated,
    canonical,
    hypervolume,
    impossible,
    known,
    nondominated_ranks,
    pareto_front,
    ranked,
    reference_point,
    signed_rank_p,
)
from wfo.search.objective.limits import squeezed
from wfo.search.runner.errors import AnswerError
from wfo.search.runner.figures import read_figures

NAN, INF = math.nan, math.inf

#: Figures that keep to all limits that ship.
GOOD = {
    "sharpe": 1.5, "profit": 0.5, "calmar": 1.5, "drawdown": 0.1, "trades": 60.0,
    "win_rate": 0.5, "profit_factor": 1.5,
}  # fmt: skip


class Most:
    """How much an answer of a program may hold."""

    figures = 100
    name_characters = 100


def table_of(scoring: Scoring, *trials: Mapping[str, Any] | None) -> FigureTable:
    """Return a table of trials of one symbol in one window."""
    table = scoring.table()
    for figures in trials:
        table.append(None if figures is None else [{"": figures}])
    return table


def scored(objective: Any, *trials: Mapping[str, Any] | None, limits: Any = None) -> Scored:
    scoring = Scoring(Objective.read(objective, "objective"), Limits.read(limits, "limits"))
    return scoring.view(table_of(scoring, *trials))


# What a space's file may say


def test_the_weights_that_ship() -> None:
    found = Objective.read(None, "objective")
    said = {c.figure: (c.weight, c.direction) for c in found.components}
    assert said == {
        "sharpe": (0.30, "maximise"),
        "profit": (0.25, "maximise"),
        "calmar": (0.25, "maximise"),
        "drawdown": (0.20, "minimise"),
    }
    assert (found.kind, found.normalise, found.every, found.percentiles) == (
        "weights", "fixed", 20, (5.0, 95.0),
    )  # fmt: skip
    assert Objective.default() == found


def test_every_figure_of_a_backtest_is_known() -> None:
    for definition in DEFINITIONS:
        of = known(definition.name)
        assert of.low is not None, definition.name
        assert of.high is not None
        assert of.low < of.high
        assert of.least < of.most
    worse = {name for name in (d.name for d in DEFINITIONS) if known(name).direction == "minimise"}
    assert worse == {
        *("volatility", "max_drawdown", "max_drawdown_share", "max_drawdown_days"),
        *("ulcer_index", "value_at_risk"),
    }
    assert [canonical(n) for n in ("calmar", "drawdown", "profit", "sharpe", "own")] == [
        "mar", "max_drawdown_share", "total_return", "sharpe", "own",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "kind", "components"),
    [
        ("sharpe", "figure", [("sharpe", "maximise", 1)]),
        ("drawdown", "figure", [("drawdown", "minimise", 1)]),
        ("of my own", "figure", [("of my own", "maximise", 1)]),
        ({"figure": "loss", "direction": "minimise"}, "figure", [("loss", "minimise", 1)]),
        (["sharpe"], "figure", [("sharpe", "maximise", 1)]),
        ({"sharpe": 2, "drawdown": 0.5}, "weights",
         [("sharpe", "maximise", 2), ("drawdown", "minimise", 0.5)]),
        ({"weights": {"mar": {"weight": 1, "direction": "minimise", "scale": [0, 2]}}}, "weights",
         [("mar", "minimise", 1)]),
        ({"weights": {"omega": 1}, "scales": {"omega": [0, 2]}}, "weights",
         [("omega", "maximise", 1)]),
        ({"weights": {"calmar": 1}, "directions": {"mar": "minimise"}}, "weights",
         [("calmar", "minimise", 1)]),
        ({"weights": {"omega": 1}, "normalise": "rank"}, "weights", [("omega", "maximise", 1)]),
        (["sharpe", "drawdown"], "several",
         [("sharpe", "maximise", 1), ("drawdown", "minimise", 1)]),
        (["sharpe", {"figure": "loss", "direction": "minimise"}], "several",
         [("sharpe", "maximise", 1), ("loss", "minimise", 1)]),
        ({"objectives": ["sharpe", "loss"], "directions": {"loss": "minimise"}}, "several",
         [("sharpe", "maximise", 1), ("loss", "minimise", 1)]),
    ],
)  # fmt: skip
def test_objectives_as_files_have_them(
    data: Any, kind: str, components: list[tuple[str, str, float]]
) -> None:
    found = Objective.read(data, "objective")
    assert found.kind == kind
    assert [(c.figure, c.direction, c.weight) for c in found.components] == components
    usual = "rank" if kind == "several" else "fixed"
    asked = data.get("normalise", usual) if isinstance(data, dict) else usual
    assert found.normalise == asked
    again = Objective.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found
    assert again.to_dict() == found.to_dict()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (5, "objective = '5' must be a figure"),
        ([], "objective = '\\[\\]' must be a list"),
        ({}, "objective = '{}' must be a figure"),
        ("", "objective: '' is no name"),
        ("a\nb", "objective: 'a.nb' is no name"),
        ("a\x1b[2J", "is no name"),
        ({True: 1}, "objective\\['True'\\]: 'True' is no name"),
        ({"weights": {}}, "objective.weights is empty"),
        ({"weights": [1]}, "objective.weights = '\\[1\\]'; it must be a mapping"),
        ({"sharpe": 0}, "objective.sharpe = '0' must be a weight above 0"),
        ({"sharpe": -1}, "objective.sharpe = '-1' must be a weight above 0"),
        ({"sharpe": "1e-3"}, "objective.sharpe = '1e-3' is a text; write 0.001"),
        ({"sharpe": True}, "objective.sharpe = 'True' must be a weight"),
        ({"sharpe": NAN}, "objective.sharpe = 'nan' must be a weight"),
        ({"sharpe": INF}, "objective.sharpe = 'inf' must be a weight"),
        ({"sharpe": 10**400}, "must be a weight"),
        ({"sharpe": None}, "objective.sharpe = 'None' must be a weight"),
        ({"sharpe": {"direction": "maximise"}}, "objective.sharpe lacks its weight"),
        ({"sharpe": {"weight": 1, "wieght": 1}}, "sharpe.wieght is no key here; did you mean"),
        ({"sharpe": {"weight": 1, "direction": "maximize"}},
         "direction = 'maximize' must be one of maximise, minimise; did you mean 'maximise'"),
        ({"sharpe": {"weight": 1, "scale": [1, 1]}}, "sharpe.scale = \\[1, 1\\] must ascend"),
        ({"sharpe": {"weight": 1, "scale": [2, 1]}}, "sharpe.scale = \\[2, 1\\] must ascend"),
        ({"sharpe": {"weight": 1, "scale": [0]}}, "sharpe.scale = '\\[0\\]' must be two numbers"),
        ({"sharpe": {"weight": 1, "scale": "01"}}, "sharpe.scale = '01' must be two numbers"),
        ({"sharpe": {"weight": 1, "scale": [0, INF]}}, "scale\\[1\\] = 'inf' must be a number"),
        ({"sharp": 1}, "the figure 'sharp' has no reference scale.*; did you mean 'sharpe'"),
        ({"calmar": 1, "mar": 1}, "the figure 'mar' is there twice"),
        ({"weights": {"sharpe": 1}, "sharpe": 1}, "objective.sharpe is no key here"),
        ({"weights": {"sharpe": 1}, "figure": "sharpe"}, "it has figure and weights"),
        ({"normalise": "rank"}, "needs one of figure, .*; it has none of them"),
        ({"weights": {"sharpe": 1}, "normalise": "ranks"}, "normalise = 'ranks' must be one of"),
        ({"weights": {"sharpe": 1}, "scales": {"trades": [0, 1]}},
         "objective.scales.trades is of no figure"),
        ({"weights": {"mar": 1}, "scales": {"mar": [0, 1], "calmar": [0, 2]}},
         "scales.calmar is there twice"),
        ({"weights": {"sharpe": 1}, "direction": "minimise"}, "direction says nothing beside"),
        ({"weights": {"sharpe": 1}, "adaptive": {"every": 5}}, "adaptive says nothing beside"),
        ({"weights": {"sharpe": 1}, "normalise": "adaptive", "adaptive": {"every": 0}},
         "adaptive.every = '0' must be a whole number of trials"),
        ({"weights": {"sharpe": 1}, "normalise": "adaptive", "adaptive": {"percentiles": [95, 5]}},
         "percentiles = \\[95, 5\\] must ascend"),
        ({"weights": {"sharpe": 1}, "normalise": "adaptive", "adaptive": {"percentiles": [0, 101]}},
         "percentiles = \\[0, 101\\] must ascend, from 0 to 100"),
        ({"figure": "sharpe", "normalise": "rank"}, "normalise says nothing beside figure"),
        ({"figure": "sharpe", "direction": "up"}, "direction = 'up' must be one of"),
        (["sharpe", "sharpe"], "the figure 'sharpe' is there twice"),
        (["drawdown", "max_drawdown_share"], "'max_drawdown_share' is there twice"),
        (["sharpe", 5], "objective\\[1\\]: '5' is no name"),
        (["sharpe", {"direction": "minimise"}], "objective\\[1\\]: 'None' is no name"),
        (["sharpe", {"figure": "a", "weight": 1}], "objective\\[1\\].weight is no key here"),
        (list("abcdefg"), "has 7 figures; a Pareto set is of 6 at most"),
        ({str(n): 1 for n in range(101)}, "has 101 figures; an objective has 100 at most"),
        ("no:such:thing", "must be module:function"),
        ({"weights": {"sharpe": 0}}, "objective.weights.sharpe = '0' must be a weight above 0"),
        ({"objectives": ["sharpe", 5]}, "objective.objectives\\[1\\]: '5' is no name"),
        ({"function": 5}, "objective.function: the objective '5' must be module:function"),
        ({"function": "a:b", "normalise": "rank"}, "normalise says nothing beside function"),
    ],
)  # fmt: skip
def test_objectives_that_cannot_be(data: Any, said: str) -> None:
    with pytest.raises(wfo.InputError, match=said) as caught:
        Objective.read(data, "objective")
    for line in str(caught.value).splitlines():
        assert line.startswith("objective")
        assert "\x1b" not in line


def test_all_mistakes_are_told_at_once() -> None:
    data = {
        "weights": {"sharpe": "x", "mar": {"weight": 1, "direction": "down"}},
        "normalise": "none",
        "scales": {"trades": [0, 1]},
        "colour": 1,
    }
    with pytest.raises(wfo.InputError) as caught:
        Objective.read(data, "space.yaml: objective")
    lines = str(caught.value).splitlines()
    assert len(lines) == 5
    for key in ("weights.sharpe", "weights.mar.direction", "normalise", "scales.trades", "colour"):
        assert sum(line.startswith(f"space.yaml: objective.{key} ") for line in lines) == 1


@pytest.mark.parametrize(
    "misspelt", ["sharp", "Sharpe", "calmer", "drawdwon", "win_rat", "profit_facto", "trade"]
)
def test_a_misspelt_figure_gets_the_nearest_one(misspelt: str) -> None:
    names = [d.name for d in DEFINITIONS]
    nearest = {
        "sharp": "sharpe", "Sharpe": "sharpe", "calmer": "calmar", "drawdwon": "drawdown",
        "win_rat": "win_rate", "profit_facto": "profit_factor", "trade": "trades",
    }[misspelt]  # fmt: skip
    hint = re.escape(f"there is no figure {misspelt!r} among those that an evaluation gives")
    hint += f"; did you mean {nearest!r}"
    with pytest.raises(wfo.InputError, match=hint):
        Objective.read(misspelt, "objective", known_figures=names)
    with pytest.raises(wfo.InputError, match=hint):
        Limits.read({misspelt: {"at_least": 0.1}}, "limits", known_figures=names)
    scoring = Scoring(Objective.read(misspelt, "objective"))
    with pytest.raises(wfo.InputError, match=hint):
        scoring.require(names)


def test_what_a_program_lacks_is_told_in_one_error() -> None:
    scoring = Scoring(Objective.default(), Limits.read("strict", "limits"))
    with pytest.raises(wfo.InputError) as caught:
        scoring.require(["sharpe", "total_return", "drawdown"])
    said = str(caught.value)
    assert said.count("\n") == 4
    assert said.count("no figure 'calmar'") == 2
    scoring.require([*GOOD])
    # The limits that ship are not looked at unless they are asked for.
    Scoring(Objective.read("own", "objective")).require(["own"])


@pytest.mark.parametrize("kind", ["figure", "weights", "several"])
def test_an_edited_record_of_an_objective_is_refused(kind: str) -> None:
    data: Any = {"figure": "sharpe", "weights": {"sharpe": 1, "mar": 1}, "several": ["mar", "cagr"]}
    plain = Objective.read(data[kind], "objective").to_dict()
    for key in plain:
        for wrong in (None, [], {}, "x", "\x1b[2J", -1, 1.5, True, NAN, 10**5000):
            # The digest of an objective that is no function is not looked at.
            if key == "digest":
                continue
            with pytest.raises(wfo.InputError) as caught:
                Objective.from_dict({**plain, key: wrong})
            assert "\x1b" not in str(caught.value)
        with pytest.raises(wfo.InputError):
            Objective.from_dict({k: v for k, v in plain.items() if k != key})
    of = plain["components"][0]
    for key in of:
        for wrong in ([], {}, "\n", -1 if key != "low" else 9, True, NAN):
            with pytest.raises(wfo.InputError):
                Objective.from_dict({**plain, "components": [{**of, key: wrong}] * 2})
    for wrong in (None, 5, "x", []):
        with pytest.raises(wfo.InputError):
            Objective.from_dict(wrong)  # type: ignore[arg-type]  # on purpose


# Scores


def test_one_figure_is_the_score_itself() -> None:
    up = scored("sharpe", {"sharpe": 1.25}, {"sharpe": -7.0})
    assert up.scores.tolist() == [1.25, -7.0]
    assert up.components.tolist() == up.objectives.tolist() == [[1.25], [-7.0]]
    down = scored("drawdown", {"drawdown": 0.25}, {"max_drawdown_share": 0.5})
    assert down.scores.tolist() == [-0.25, -0.5]


def test_weights_by_hand() -> None:
    """Scales that ship: sharpe and calmar 0 to 3, profit 0 to 1, drawdown 0 to 0.5."""
    found = scored(
        None,
        {"sharpe": 1.5, "profit": 0.5, "calmar": 0.75, "drawdown": 0.125},
        {"sharpe": 6.0, "profit": -1.0, "calmar": 3.0, "drawdown": 1.0},
    )
    assert found.names == ("sharpe", "profit", "calmar", "drawdown")
    # Beyond a scale the line goes on.
    assert found.components.tolist() == [[0.5, 0.5, 0.25, 0.75], [2.0, -1.0, 1.0, -1.0]]
    by_hand = [
        0.30 * 0.5 + 0.25 * 0.5 + 0.25 * 0.25 + 0.20 * 0.75,
        0.30 * 2.0 - 0.25 * 1.0 + 0.25 * 1.0 - 0.20 * 1.0,
    ]
    np.testing.assert_allclose(found.scores, by_hand, rtol=0, atol=1e-15)
    assert found.violations.tolist() == [0, 0]


def test_only_the_ratio_of_weights_counts() -> None:
    trials = ({"sharpe": 1.5, "trades": 25}, {"sharpe": 0.3, "trades": 90})
    small = scored({"sharpe": 1, "trades": 3}, *trials)
    for times in (1e-200, 7.0, 1e200):
        large = scored({"sharpe": times, "trades": 3 * times}, *trials)
        np.testing.assert_allclose(large.scores, small.scores, rtol=1e-15)
    np.testing.assert_allclose(small.scores, [0.25 * 0.5 + 0.75 * 0.25, 0.25 * 0.1 + 0.75 * 0.9])


def test_ranks_by_hand() -> None:
    found = scored(
        {"weights": {"own": 1, "loss": 1}, "directions": {"loss": "minimise"}, "normalise": "rank"},
        {"own": 10.0, "loss": 5.0},
        {"own": 30.0, "loss": 5.0},
        {"own": 20.0, "loss": 1.0},
        None,
        {"own": NAN, "loss": 9.0},
    )
    # Ranks among three, and among four with a tie: places 0, 1.5, 1.5, 3 of 3.
    assert found.components[[0, 1, 2, 4]].tolist() == [
        [0.0, 0.5], [1.0, 0.5], [0.5, 1.0], [pytest.approx(NAN, nan_ok=True), 0.0],
    ]  # fmt: skip
    assert found.scores[:3].tolist() == [0.25, 0.75, 0.75]
    assert np.isnan(found.scores[3:]).all()
    assert ranked(np.array([7.0])).tolist() == [0.5]
    assert ranked(np.array([])).tolist() == []


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile between the two values it lies between, in plain Python."""
    ordered = sorted(values)
    at = (len(ordered) - 1) * share / 100
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def adaptive(**more: Any) -> Scoring:
    data = {"weights": {"sharpe": 3, "drawdown": 1}, "normalise": "adaptive", **more}
    return Scoring(Objective.read(data, "objective"))


def test_bounds_move_every_twenty_trials_and_all_scores_with_them() -> None:
    rng = np.random.default_rng(1)
    scoring = adaptive()
    table = scoring.table()
    given: list[tuple[float, float]] = []
    low, high, worst, best = 0.0, 3.0, 0.5, 0.0
    # Batches of 8: 8 and 16 trials leave the reference scale, 24 move it, 32 do not, 40 do.
    for batch in range(1, 6):
        for _ in range(8):
            given.append((float(rng.normal()), float(rng.random())))
            table.append([{"": dict(zip(("sharpe", "drawdown"), given[-1], strict=True))}])
        before = scoring.view(table).scores
        bounds = scoring.update(table)
        if batch in {3, 5}:
            sharpes, drawdowns = zip(*given, strict=True)
            low, high = percentile(sharpes, 5), percentile(sharpes, 95)
            best, worst = percentile(drawdowns, 5), percentile(drawdowns, 95)
        assert bounds["trials"] == {1: 0, 2: 0, 3: 24, 4: 24, 5: 40}[batch]
        np.testing.assert_allclose(
            [*bounds["scales"]["sharpe"], *bounds["scales"]["drawdown"]],
            [low, high, best, worst],
            rtol=1e-13,
        )
        by_hand = [
            0.75 * (s - low) / (high - low) + 0.25 * (worst - d) / (worst - best) for s, d in given
        ]
        after = scoring.view(table).scores
        np.testing.assert_allclose(after, by_hand, rtol=1e-12)
        assert (after == before).all() == (batch not in {3, 5})


def test_small_bounds_by_hand() -> None:
    scoring = adaptive(adaptive={"every": 3, "percentiles": [0, 100]})
    table = table_of(
        scoring,
        {"sharpe": 1.0, "drawdown": 0.25},
        {"sharpe": 5.0, "drawdown": 0.75},
        {"sharpe": 2.0, "drawdown": 0.5},
    )
    assert scoring.view(table).scores.tolist() == [
        0.75 * (1 / 3) + 0.25 * 0.5, 0.75 * (5 / 3) - 0.25 * 0.5, 0.75 * (2 / 3) + 0.0,
    ]  # fmt: skip
    assert scoring.update(table) == {
        "trials": 3, "scales": {"sharpe": [1.0, 5.0], "drawdown": [0.25, 0.75]},
    }  # fmt: skip
    # (1, 2, 5) are 0, 1/4 and 1 of the way; (0.25, 0.5, 0.75) are 1, 1/2 and 0.
    assert scoring.view(table).scores.tolist() == [0.25, 0.75, 0.75 * 0.25 + 0.25 * 0.5]


def test_bounds_stay_where_figures_are_equal_or_undefined() -> None:
    scoring = adaptive(adaptive={"every": 2})
    table = table_of(scoring, {"sharpe": 1.0, "drawdown": NAN}, {"sharpe": 1.0}, None, {})
    assert scoring.update(table)["scales"] == {"sharpe": [0.0, 3.0], "drawdown": [0.0, 0.5]}


def test_a_figure_without_a_scale_has_bounds_from_the_first_batch_on() -> None:
    data = {"weights": {"own": 1}, "normalise": "adaptive"}
    scoring = Scoring(Objective.read(data, "objective"))
    table = table_of(scoring, {"own": 10.0})
    assert scoring.update(table) == {"trials": 0, "scales": {}}
    assert np.isfinite(scoring.view(table).scores).all()
    table.append([{"": {"own": 20.0}}])
    assert scoring.update(table)["scales"] == {"own": [10.5, 19.5]}
    table.append([{"": {"own": 90.0}}])
    assert scoring.update(table)["scales"] == {"own": [10.5, 19.5]}


def test_pruned_trials_move_no_bounds() -> None:
    scoring = adaptive(adaptive={"every": 2, "percentiles": [0, 100]})
    table = table_of(scoring, {"sharpe": 1.0, "drawdown": 0.1}, {"sharpe": 2.0, "drawdown": 0.2})
    table.append([{"": {"sharpe": -50.0, "drawdown": 1.0}}], pruned=True)
    assert scoring.update(table)["scales"] == {"sharpe": [1.0, 2.0], "drawdown": [0.1, 0.2]}


@given(st.integers(1, 12), st.integers(1, 25), st.integers(0, 2**32 - 1))
@settings(max_examples=12)
def test_restored_bounds_go_on_as_if_nothing_had_stopped(
    batches: int, size: int, seed: int
) -> None:
    figures = np.random.default_rng(seed).random((batches * size, 2)).tolist()
    straight, broken = adaptive(), adaptive()
    first, second = straight.table(), broken.table()
    for at in range(batches):
        for sharpe, drawdown in figures[at * size : (at + 1) * size]:
            for table in (first, second):
                table.append([{"": {"sharpe": sharpe, "drawdown": drawdown}}])
        straight.update(first)
        stored = json.loads(json.dumps(broken.update(second)))
        broken = adaptive()
        broken.restore(stored)
        assert broken.bounds == straight.bounds == stored
        assert (straight.view(first).scores == broken.view(second).scores).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"trials": -1, "scales": {}}, {"trials": 1.5, "scales": {}}, {"trials": True, "scales": {}},
        {"trials": 0}, {"scales": {}}, {"trials": 0, "scales": []}, {"trials": 0, "scales": 5},
        {"trials": 0, "scales": {"mar": [0, 1]}}, {"trials": 0, "scales": {"sharpe": [1, 0]}},
        {"trials": 0, "scales": {"sharpe": [0, 1, 2]}}, {"trials": 0, "scales": {"sharpe": None}},
        {"trials": 0, "scales": {"sharpe": ["0", 1]}},
        {"trials": 0, "scales": {"sharpe": [0, INF]}},
        {"trials": 0, "scales": {"sharpe": [None, None]}}, [1], "x", 5,
    ],
)  # fmt: skip
def test_bounds_that_cannot_be_are_refused(wrong: Any) -> None:
    scoring = adaptive()
    before = scoring.bounds
    with pytest.raises(wfo.InputError):
        scoring.restore(wrong)
    assert scoring.bounds == before
    with pytest.raises(wfo.InputError, match="only adaptive normalisation has"):
        Scoring(Objective.default()).restore({"trials": 0, "scales": {}})


UNDEFINED = [None, NAN, INF, -INF, 10**400, "absent"]


@pytest.mark.parametrize("value", UNDEFINED)
@pytest.mark.parametrize("name", [*GOOD, "own"])
def test_an_undefined_figure_is_a_violation_and_never_a_score(name: str, value: Any) -> None:
    trial = {**GOOD, "own": 1.0, name: value}
    if value == "absent":
        del trial[name]
    found = scored(name, trial, {**GOOD, "own": 1.0})
    assert np.isnan(found.scores).tolist() == [True, False]
    assert np.isnan(found.objectives).tolist() == [[True], [False]]
    assert found.violations.tolist() == [10.0, 0.0]
    assert found.feasible.tolist() == [False, True]
    # Of a limit as well, whatever the objective.
    limit = "at_most" if name == "drawdown" else "at_least"
    of_limit = scored("cagr", {**trial, "cagr": 1.0}, limits={name: {limit: 0.9}})
    assert of_limit.violations.tolist() == [10.0]
    assert of_limit.scores.tolist() == [1.0]
    # And of weights, ranks and Pareto sets.
    for data in ({"weights": {name: 1, "cagr": 1}, "normalise": "rank"}, [name, "cagr"]):
        several = scored(data, {**trial, "cagr": 1.0}, {**GOOD, "own": 1.0, "cagr": 0.5})
        assert np.isnan(several.scores).tolist() == [True, False]
        assert several.feasible.tolist() == [False, True]


@pytest.mark.parametrize(
    ("name", "value"),
    [("drawdown", -0.1), ("drawdown", 15.0), ("win_rate", 45.0), ("win_rate", -0.1),
     ("trades", -1.0), ("profit_factor", -0.5), ("volatility", -0.2), ("exposure", 1.1),
     ("average_loss", 100.0)],
)  # fmt: skip
def test_a_figure_outside_its_range_is_undefined_and_refused_of_a_program(
    name: str, value: float
) -> None:
    """A drawdown of -0.5 would keep to any limit, and a win rate of 45 too."""
    found = scored(name, {name: value})
    assert np.isnan(found.scores).all()
    assert found.violations.tolist() == [10.0]
    said = impossible({"sharpe": 1.0, name: value})
    assert said.startswith(f"{name} = {value:g} must be ")
    with pytest.raises(AnswerError) as caught:
        read_figures({"SPY": {name: value}}, ["SPY"], [], Most())
    assert str(caught.value) == f"returns impossible figures of SPY: {said}"
    assert "\n" not in said


def test_what_a_program_may_have_meant_is_told() -> None:
    assert "is 0.153 meant?" in impossible({"drawdown": -0.153})
    assert "is 0.153 meant?" in impossible({"max_drawdown_share": 15.3})
    assert "is 0.153 meant?" in impossible({"drawdown": -15.3})
    assert "meant" not in impossible({"drawdown": -1530.0})
    assert "is 0.45 meant?" in impossible({"win_rate": 45})


def test_figures_that_are_possible_pass() -> None:
    fine = {"drawdown": 0.0, "win_rate": 1.0, "trades": 0, "sharpe": -3.0, "own": -1e300}
    assert impossible(fine) == ""
    # What is not defined is no mistake of the program.
    assert impossible(dict.fromkeys(GOOD, NAN)) == impossible(dict.fromkeys(GOOD, None)) == ""
    assert impossible({"drawdown": -1e-12, "exposure": 1 + 1e-12}) == ""
    assert scored("drawdown", {"drawdown": -1e-12}).scores.tolist() == [0.0]
    assert read_figures(fine, [], [], Most()) == {"": fine}
    assert impossible({"calmar": 1.0, "mar": 1.0}) == ""
    for other in (2.0, None, NAN):
        assert "are one figure, and differ" in impossible({"calmar": 1.0, "mar": other})
    assert impossible({"calmar": None, "mar": NAN}) == ""
    both = scored("mar", {"calmar": 1.0, "mar": 1.0}, {"calmar": 1.0, "mar": 2.0})
    assert both.scores.tolist() == pytest.approx([1.0, NAN], nan_ok=True)


def test_a_failed_trial_has_no_score_and_no_end_of_violation() -> None:
    for limits in (None, "strict", "lenient"):
        found = scored(None, None, GOOD, limits=limits)
        assert np.isnan(found.scores[0])
        assert found.violations.tolist() == [INF, 0.0]
        assert found.complete.tolist() == [False, True]
        assert found.order().tolist() == [1, 0]


# Symbols and windows


def test_figures_of_symbols_become_one() -> None:
    window = {
        "A": {"sharpe": 1.0, "drawdown": 0.1}, "B": {"sharpe": 5.0, "drawdown": 0.2},
        "C": {"sharpe": 3.0, "drawdown": 0.6},
    }  # fmt: skip
    expected = {
        "median": (3.0, 0.2),
        "mean": (3.0, (0.1 + 0.2 + 0.6) / 3),
        # Of a figure that is minimised the worst symbol is the one with the most.
        "minimum": (1.0, 0.6),
    }
    for how, (sharpe, drawdown) in expected.items():
        for figure, value in (("sharpe", sharpe), ("drawdown", -drawdown)):
            scoring = Scoring(Objective.read(figure, "objective"), aggregate=how)
            table = scoring.table()
            table.append([window])
            assert scoring.view(table).scores.tolist() == pytest.approx([value], rel=1e-15)
    even = {"A": {"sharpe": 1.0}, "B": {"sharpe": 4.0}}
    assert aggregated([even], "median") == {"sharpe": 2.5}


def test_the_worst_symbol_of_a_limit_follows_from_the_limit() -> None:
    window = {"A": {"sharpe": 1.0, "trades": 40.0}, "B": {"sharpe": 1.0, "trades": 400.0}}
    for limit, beyond in (({"at_least": 50}, 10 / 50), ({"at_most": 300}, 100 / 300)):
        limits = Limits.read({"trades": limit}, "limits")
        scoring = Scoring(Objective.read("sharpe", "objective"), limits, aggregate="minimum")
        table = scoring.table()
        table.append([window])
        assert scoring.view(table).violations.tolist() == pytest.approx([beyond])


def test_windows_become_one_by_their_mean_and_counts_are_no_exception() -> None:
    scoring = Scoring(
        Objective.read("sharpe", "objective"), Limits.read({"trades": {"at_least": 50}}, "limits")
    )
    table = scoring.table()
    table.append([{"": {"sharpe": 1.0, "trades": 30}}, {"": {"sharpe": 4.0, "trades": 60}}])
    found = scoring.view(table)
    assert found.scores.tolist() == [2.5]
    assert found.violations.tolist() == [pytest.approx(0.1)]
    assert table.windows.tolist() == [2]
    # One window in which a figure is undefined is enough.
    table.append([{"": {"sharpe": 1.0, "trades": 60}}, {"": {"sharpe": NAN, "trades": 60}}])
    assert np.isnan(scoring.view(table).scores[1])


def test_a_symbol_that_lacks_makes_figures_undefined() -> None:
    scoring = Scoring(Objective.read("sharpe", "objective"), symbols=("A", "B"))
    table = scoring.table()
    table.append([{"A": {"sharpe": 1.0}}])
    table.append([{"A": {"sharpe": 1.0}, "B": {"sharpe": 2.0}}])
    # A program may answer for all symbols at once.
    table.append([{"": {"sharpe": 7.0}}])
    assert scoring.view(table).scores.tolist() == pytest.approx([NAN, 1.5, 7.0], nan_ok=True)


VALUES = st.one_of(
    st.floats(-10, 10), st.floats(0, 1), st.sampled_from([0.0, 1.0, NAN, INF, None, 1e308])
)


@given(st.data(), st.sampled_from(AGGREGATES))
@settings(max_examples=30)
def test_columns_are_what_one_trial_alone_comes_to(data: st.DataObject, how: Any) -> None:
    names = ["sharpe", "max_drawdown_share", "trades", "own"]
    trials = data.draw(
        st.lists(
            st.lists(
                st.dictionaries(
                    st.sampled_from(["A", "B", "C", "D"]),
                    st.dictionaries(st.sampled_from(names), VALUES),
                    min_size=1,
                ),
                max_size=4,
            ),
            max_size=5,
        )
    )
    table = FigureTable(names, how)
    looks = data.draw(st.lists(st.booleans(), min_size=len(trials), max_size=len(trials)))
    for trial, look in zip(trials, looks, strict=True):
        table.append(trial or None)
        if look:
            table.columns("own", "middle")
    for name in names:
        worst = "high" if known(name).direction == "minimise" else "low"
        column = table.columns(name, worst if how == "minimum" else "middle")
        alone = [aggregated(t, how).get(name, NAN) if t else NAN for t in trials]
        assert column.tolist() == pytest.approx(alone, rel=0, abs=0, nan_ok=True)


def test_columns_do_not_follow_what_callers_change() -> None:
    scoring = Scoring(Objective.read("sharpe", "objective"))
    table = scoring.table()
    figures = {"sharpe": 1.0}
    table.append([{"": figures}])
    figures["sharpe"] = 99.0
    column = table.columns("sharpe", "middle")
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 99.0
    scoring.view(table).scores[0] = 99.0
    assert scoring.view(table).scores.tolist() == [1.0]


def test_a_hundred_thousand_trials_are_scored_in_a_moment() -> None:
    names = ["sharpe", "profit", "calmar", "drawdown", "trades", "win_rate"]
    data = {"weights": dict.fromkeys(names, 1), "normalise": "adaptive"}
    scoring = Scoring(Objective.read(data, "objective"), Limits.read("strict", "limits"))
    table = scoring.table()
    values = np.random.default_rng(0).random((1000, 7)).tolist()
    trials = [[{"": dict(zip([*names, "profit_factor"], each, strict=True))}] for each in values]
    for _ in range(100):
        for figures in trials:
            table.append(figures)
    scoring.update(table)
    begin = time.process_time()
    found = scoring.view(table)
    found.order()
    # It takes 0.04 s on an idle core.
    assert time.process_time() - begin < 1
    assert np.isfinite(found.scores).all()


# Limits


def test_the_six_limits_that_ship() -> None:
    found = Limits.read("strict", "limits")
    assert {str(rule) for rule in found.rules} == {
        "sharpe at least 1", "drawdown at most 0.2", "trades at least 50",
        "win_rate at least 0.45", "profit_factor at least 1.1", "calmar at least 0.5",
    }  # fmt: skip
    assert (found.mode, found.allowed) == ("strict", 0)
    assert Limits.default().mode == "none"
    assert (Limits.read("lenient", "limits").mode, Limits.read("lenient", "limits").allowed) == (
        "lenient", 1,
    )  # fmt: skip


@pytest.mark.parametrize("rule", Limits.read("strict", "limits").rules, ids=str)
def test_a_limit_itself_keeps_to_it_and_the_next_number_does_not(rule: Limit) -> None:
    beyond = math.nextafter(rule.bound, -INF if rule.side == "at_least" else INF)
    found = scored(
        "profit", {**GOOD, rule.figure: rule.bound}, {**GOOD, rule.figure: beyond}, limits="strict"
    )
    assert found.violations[0] == 0
    assert 0 < found.violations[1] < 1e-14
    assert found.feasible.tolist() == [True, False]
    assert [rule.holds(v) for v in (rule.bound, beyond, NAN)] == [True, False, False]


def test_violations_by_hand() -> None:
    broken = {**GOOD, "sharpe": 0.5, "drawdown": 0.3, "trades": 10}
    by_hand = [0.5 / 1, 0.1 / 0.2, 40 / 50]
    assert scored("profit", broken, limits="strict").violations == pytest.approx(sum(by_hand))
    # Lenient: the largest is left out, or the two largest.
    assert scored("profit", broken, limits="lenient").violations == pytest.approx(1.0)
    assert scored("profit", broken, limits="lenient(2)").violations == pytest.approx(0.5)
    assert scored("profit", broken, limits="lenient(3)").violations.tolist() == [0.0]
    assert scored("profit", broken, limits="none").violations.tolist() == [0.0]
    found = scored("profit", broken, limits="strict")
    assert dict(zip(found.limits, found.beyond[0].tolist(), strict=True)) == pytest.approx({
        "sharpe at least 1": 0.5, "drawdown at most 0.2": 0.5, "trades at least 50": 0.8,
        "win_rate at least 0.45": 0, "profit_factor at least 1.1": 0, "calmar at least 0.5": 0,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("data", "rules", "mode", "allowed"),
    [
        ({"sharpe": {"at_least": 2}}, ["sharpe at least 2"], "strict", 0),
        ({"sharpe": ">= 2", "drawdown": "<= 0.1"},
         ["sharpe at least 2", "drawdown at most 0.1"], "strict", 0),
        ({"own": {"at_least": -1, "at_most": 1}},
         ["own at least -1", "own at most 1"], "strict", 0),
        ({"mode": "lenient", "broken": 2}, 6, "lenient", 2),
        ({"mode": "lenient(2)", "limits": {"a": ">= 1", "b": ">= 1", "c": ">= 1"}},
         ["a at least 1", "b at least 1", "c at least 1"], "lenient", 2),
        ({"shipped": True, "limits": {"mar": ">= 2"}},
         ["sharpe at least 1", "drawdown at most 0.2", "trades at least 50",
          "win_rate at least 0.45", "profit_factor at least 1.1", "mar at least 2"], "strict", 0),
        ({"mode": "none"}, 6, "none", 0),
    ],
)  # fmt: skip
def test_limits_as_files_have_them(data: Any, rules: Any, mode: str, allowed: int) -> None:
    found = Limits.read(data, "limits")
    if isinstance(rules, int):
        assert len(found.rules) == rules
    else:
        assert [str(rule) for rule in found.rules] == rules
    assert (found.mode, found.allowed) == (mode, allowed)
    assert Limits.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("strikt", "limits = 'strikt' must be one of none, strict, lenient; did you mean 'strict'"),
        (5, "limits = '5' must be none, strict, lenient, or figures"),
        ([], "limits = '\\[\\]' must be none"),
        ({}, "limits = '{}' must be none"),
        ("lenient(0)", "limits.broken = '0' must be how many may be"),
        ("lenient(6)", "6 of 6 limits may be broken, which leaves none"),
        ("lenient(-1)", "limits = 'lenient\\(-1\\)' must be one of"),
        ({"mode": "lenient", "broken": 1.5}, "limits.broken = '1.5' must be how many"),
        ({"mode": "lenient", "broken": True}, "limits.broken = 'True' must be how many"),
        ({"mode": "lenient(1)", "broken": 1}, "limits.broken is said by the mode already"),
        ({"mode": "strict", "broken": 1}, "limits.broken goes with mode: lenient alone"),
        ({"mode": "strict", "limits": {}}, "limits.limits is empty"),
        ({"mode": "strict", "limit": {}}, "limits.limit is no key here; did you mean 'limits'"),
        ({"mode": "strict", "shipped": False}, "has no limit at all"),
        ({"mode": "strict", "shipped": "yes"}, "limits.shipped = 'yes' must be true or false"),
        ({"sharpe": 1}, "limits.sharpe = '1' must be at_least or at_most a number"),
        ({"sharpe": "about 1"}, "sharpe = 'about 1' must be at_least or at_most"),
        ({"sharpe": ">= one"}, "sharpe.at_least = 'one' must be a number"),
        ({"sharpe": ">= nan"}, "sharpe.at_least = 'nan' must be a number"),
        ({"sharpe": {"at_least": None}}, "sharpe.at_least = 'None' must be a number"),
        ({"sharpe": {"at_least": True}}, "sharpe.at_least = 'True' must be a number"),
        ({"sharpe": {"at_least": "1e-3"}}, "at_least = '1e-3' is a text; write 0.001"),
        ({"sharpe": {"at_least": INF}}, "sharpe.at_least = 'inf' must be a number"),
        ({"sharpe": {"atleast": 1}}, "sharpe = .* must be at_least or at_most"),
        ({"sharpe": {"at_least": 1, "scale": 0}}, "sharpe.scale = '0' must be a number above 0"),
        ({"sharpe": {"at_least": 1, "scale": 1e-13}}, "sharpe.scale = 1e-13 must be from 1e-12"),
        ({"sharpe": {"at_least": 1, "weight": 1}}, "sharpe.weight is no key here"),
        ({"own": {"at_least": 2, "at_most": 1}}, "own at least 2 and own at most 1 leave no value"),
        ({"calmar": ">= 1", "mar": ">= 2"}, "two limits at_least on mar; keep one"),
        ({"drawdown": {"at_most": 20}}, "at most 20 always holds.*a fraction, 0.2 of 20 %"),
        ({"win_rate": {"at_least": 45}}, "win_rate at least 45 leaves no value.*a fraction"),
        ({"drawdown": {"at_most": -0.2}}, "drawdown at most -0.2 leaves no value"),
        ({"trades": {"at_least": -1}}, "trades at least -1 always holds"),
        ({5: {"at_least": 1}}, "'5' is no name of a figure"),
        ({f"f{n}": ">= 1" for n in range(101)}, "has limits on 101 figures; 100 are taken"),
    ],
)  # fmt: skip
def test_limits_that_cannot_be(data: Any, said: str) -> None:
    with pytest.raises(wfo.InputError, match=said):
        Limits.read(data, "limits")


def test_an_edited_record_of_limits_is_refused() -> None:
    plain = Limits.read("lenient", "limits").to_dict()
    for key in plain:
        for wrong in (None, [1], {"a": 1}, "x", "\x1b[2J", -1, 1.5, True, NAN, 10**5000):
            if key == "undefined" and wrong == 1.5:
                continue
            with pytest.raises(wfo.InputError) as caught:
                Limits.from_dict({**plain, key: wrong})
            assert "\x1b" not in str(caught.value)
    of = plain["rules"][0]
    for key in of:
        for wrong in ([], {}, "\n", True, NAN, 1e13 if key == "scale" else INF):
            with pytest.raises(wfo.InputError):
                Limits.from_dict({**plain, "rules": [{**of, key: wrong}]})
    for wrong in (None, 5, "x", []):
        with pytest.raises(wfo.InputError):
            Limits.from_dict(wrong)  # type: ignore[arg-type]  # on purpose


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=20), st.floats(0.1, 100))
def test_violations_ascend_and_stay_below_what_is_undefined(
    scales: list[float], most: float
) -> None:
    ordered = np.array(sorted(scales))
    found = squeezed(ordered, most)
    assert (np.diff(found) >= 0).all()
    assert (found < most).all()
    near = ordered <= most / 2
    assert (found[near] == ordered[near]).all()
    # Without a step where the curve begins.
    half = most / 2
    around = squeezed(np.array([half, math.nextafter(half, INF)]), most)
    assert abs(around[1] - around[0]) < 1e-12 * most


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300), st.floats(1e-12, 1e12))
def test_a_violation_is_0_exactly_where_the_limit_holds(
    value: float, bound: float, scale: float
) -> None:
    for side in ("at_least", "at_most"):
        rule = Limit("own", side, bound, scale)  # type: ignore[arg-type]  # a known word
        found = float(rule.beyond(np.array([value]), 10.0)[0])
        assert (found == 0) == rule.holds(value)
        assert 0 <= found < 10


def test_what_keeps_to_all_limits_comes_first() -> None:
    better = {**GOOD, "profit": 0.6}
    scoring = Scoring(Objective.read("profit", "objective"), Limits.read("strict", "limits"))
    table = table_of(
        scoring,
        {**GOOD, "profit": 9.0, "sharpe": 0.5},
        GOOD,
        None,
        {**GOOD, "profit": 8.0, "sharpe": 0.9},
        better,
        {**GOOD, "profit": 9.5, "sharpe": 0.5},
        GOOD,
        {**GOOD, "profit": NAN},
    )
    table.append([{"": {**GOOD, "profit": 7.0}}], pruned=True)
    # By score; pruned; by violation, then by score; no score; failed. Of equal ones the earlier.
    assert scoring.view(table).order().tolist() == [4, 1, 6, 8, 3, 5, 0, 7, 2]


# Functions


def function_of(tmp_path: Path, text: str, name: str = "score") -> Scoring:
    (tmp_path / "own.py").write_text(text)
    return Scoring(Objective.read(f"own.py:{name}", "objective", tmp_path))


def test_an_objective_may_be_a_function_of_the_figures(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("TIMES = 2\n")
    scoring = function_of(
        tmp_path,
        "from helper import TIMES\n"
        "def score(figures):\n    return TIMES * figures['sharpe'] - figures['drawdown']\n",
    )
    table = scoring.table()
    table.append([{"": {"sharpe": 1.0, "drawdown": 0.5}}])
    table.append([{"": {"sharpe": 2.0, "drawdown": 0.5}}, {"": {"sharpe": 4.0, "drawdown": 0.1}}])
    table.append(None)
    found = scoring.view(table)
    # Of the figures over all windows.
    assert found.scores.tolist() == pytest.approx([1.5, 5.7, NAN], nan_ok=True)
    assert found.names == ("score",)
    assert found.violations.tolist() == [0, 0, INF]
    assert scoring.by_window(table)[1].tolist() == pytest.approx([3.5, 7.9])
    assert str(tmp_path) not in sys.path


def test_a_module_is_looked_for_beside_the_space_first(tmp_path: Path) -> None:
    """Also one of a name that was loaded before from another folder."""
    for number in (1, 2):
        folder = tmp_path / str(number)
        (folder / "inner").mkdir(parents=True)
        (folder / "objectives.py").write_text(f"def score(f):\n    return {number}\n")
        (folder / "json.py").write_text(f"def score(f):\n    return {number + 10}\n")
        for name, more in (("objectives", 0), ("json", 10)):
            found = Objective.read(f"{name}:score", "objective", folder)
            assert found.load()({}) == number + more
    assert json.loads("1") == 1
    (tmp_path / "1" / "inner" / "wfo_test_deep.py").write_text("def score(f):\n    return 5\n")
    deep = Objective.read("inner.wfo_test_deep:score", "objective", tmp_path / "1")
    assert deep.load()({}) == 5
    (tmp_path / "2" / "inner" / "wfo_test_deep.py").write_text("def score(f):\n    return 6\n")
    other = Objective.read("inner.wfo_test_deep:score", "objective", tmp_path / "2")
    with pytest.raises(wfo.InputError, match=r"is loaded from .* already, not from"):
        other.load()


@pytest.mark.parametrize(
    "value",
    ["float('nan')", "float('inf')", "-float('inf')", "None", "10 ** 400", "f.get('absent')"],
)
def test_a_function_without_a_finite_answer_gives_no_score(tmp_path: Path, value: str) -> None:
    scoring = function_of(tmp_path, f"def score(f):\n    return {value}\n")
    found = scoring.view(table_of(scoring, GOOD))
    assert np.isnan(found.scores).all()
    assert found.violations.tolist() == [10.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def score(f):\n    return 'high'\n", "returned 'high'; it must return a number"),
        ("def score(f):\n    return '1.5'\n", "returned '1.5'; it must return a number"),
        ("def score(f):\n    return True\n", "returned True; it must return a number"),
        ("def score(f):\n    return f\n", "returned {.*; it must return a number"),
        ("def score(f):\n    return 1j\n", "returned 1j; it must return a number"),
        ("def score(f):\n    return f['shape']\n", "KeyError: 'shape'; it was given .*sharpe"),
        ("def score(f):\n    raise SystemExit\n", "fails: SystemExit"),
        ("def score(f):\n    assert 0, 'a\\x1b[2J\\nb'\n", r"AssertionError: a\\x1b\[2J\\nb"),
        ("def score():\n    return 1\n", "fails: TypeError"),
        ("def score(f):\n    return score(f)\n", "fails: RecursionError"),
    ],
)  # fmt: skip
def test_a_function_that_fails_is_told(tmp_path: Path, text: str, said: str) -> None:
    scoring = function_of(tmp_path, text)
    table = scoring.table()
    with pytest.raises(wfo.InputError, match=said) as caught:
        table.append([{"": GOOD}])
    assert "\n" not in str(caught.value)
    assert "own.py:score" in str(caught.value)
    # Nothing of the trial is left in the table.
    assert len(table) == 0
    table.append(None)
    assert scoring.view(table).violations.tolist() == [INF]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def scores(f):\n    return 1\n", "has no function 'score'; did you mean 'scores'"),
        ("score = 5\n", "has no function 'score'"),
        ("def score(f:\n", "fails when it is imported: SyntaxError"),
        ("import no_such_module_at_all\n", "fails when it is imported: ModuleNotFoundError"),
        ("raise SystemExit(3)\n", r"fails when it is imported: it ends itself by sys\.exit\(3\)"),
        ("1 / 0\n", r"fails when it is imported: ZeroDivisionError: .*line 1\)"),
        ("\0", "fails when it is imported"),
    ],
)
def test_a_function_that_cannot_be_loaded_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(wfo.InputError, match=said) as caught:
        function_of(tmp_path, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.py:score", "cannot be read: .*missing.py: No such file"),
        ("folder.py:score", "cannot be read: .* is a folder"),
        ("no_such_module_at_all:score", "there is no module 'no_such_module_at_all'"),
        ("no_such.module:score", "there is no module 'no_such.module'"),
        ("sys:exit", "there is no module 'sys'"),
        ("own.py:", "must be module:function or FILE.py:function"),
        (":score", "must be module:function"),
        ("own.py:a.b", "must be module:function"),
        ("own:1score", "must be module:function"),
        ("a b:score", "must be module:function"),
        (".own:score", "must be module:function"),
        ("a\0.py:score", "must be module:function"),
    ],
)
def test_a_function_that_does_not_exist_is_told(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(wfo.InputError, match=said):
        Objective.read(name, "objective", tmp_path)


def test_another_file_is_another_objective(tmp_path: Path) -> None:
    scoring = function_of(tmp_path, "def score(f):\n    return 1\n")
    plain = scoring.objective.to_dict()
    assert Objective.from_dict(plain, tmp_path).load()({}) == 1
    # Of the same size, and in the same second: a compiled copy would still be taken.
    (tmp_path / "own.py").write_text("def score(f):\n    return 2\n")
    with pytest.raises(wfo.InputError, match="is another one than the study was begun with"):
        Objective.from_dict(plain, tmp_path).load()
    again = Objective.read("own.py:score", "objective", tmp_path)
    assert again.to_dict() != plain
    assert again.load()({}) == 2
    assert not (tmp_path / "__pycache__").exists()


def test_what_a_function_prints_stays_off_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scoring = function_of(
        tmp_path, "print('loaded')\ndef score(f):\n    print('scored')\n    return 1\n"
    )
    table_of(scoring, GOOD)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "")


def test_the_order_of_figures_is_no_part_of_what_a_function_gets(tmp_path: Path) -> None:
    """Stored ones come in the order in which workers happened to return them."""
    scoring = function_of(tmp_path, "def score(f):\n    return 'abc'.index(next(iter(f)))\n")
    table = scoring.table()
    table.append([{"": {"c": 1.0, "a": 2.0, "b": 3.0}}])
    table.append([{"": {"b": 1.0, "c": 2.0}}])
    assert scoring.view(table).scores.tolist() == [0, 1]


def test_a_function_cannot_change_what_is_stored(tmp_path: Path) -> None:
    scoring = function_of(
        tmp_path, "def score(f):\n    f['drawdown'] = 0\n    f.clear()\n    return 1\n"
    )
    limits = Limits.read({"drawdown": {"at_most": 0.2}}, "limits")
    scoring = Scoring(scoring.objective, limits)
    figures = {"drawdown": 0.4}
    found = scoring.view(table_of(scoring, figures))
    assert figures == {"drawdown": 0.4}
    assert found.violations.tolist() == pytest.approx([1.0])


# Pareto sets


def test_a_pareto_set_by_hand() -> None:
    found = scored(
        ["sharpe", "drawdown"],
        {"sharpe": 1.0, "drawdown": 0.1},
        {"sharpe": 2.0, "drawdown": 0.2},
        {"sharpe": 1.5, "drawdown": 0.3},
        {"sharpe": 2.0, "drawdown": 0.2},
        None,
        {"sharpe": NAN, "drawdown": 0.0},
    )
    # Each is to be maximised, so a drawdown has another sign.
    assert found.objectives[:3].tolist() == [[1.0, -0.1], [2.0, -0.2], [1.5, -0.3]]
    assert np.isnan(found.objectives[4:]).all()
    assert found.front().tolist() == [True, True, False, True, False, False]
    assert set(found.order()[:3].tolist()) == {0, 1, 3}
    assert found.names == ("sharpe", "drawdown")


def test_only_what_keeps_to_limits_is_in_the_set() -> None:
    found = scored(
        ["sharpe", "profit"],
        {"sharpe": 9.0, "profit": 9.0, "trades": 5},
        {"sharpe": 1.0, "profit": 1.0, "trades": 60},
        limits={"trades": {"at_least": 50}},
    )
    assert found.front().tolist() == [False, True]
    assert found.order().tolist() == [1, 0]


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def peeled(points: list[list[float]]) -> list[int]:
    """Return ranks by taking one front after the other away."""
    left, ranks, rank = set(range(len(points))), [0] * len(points), 0
    while left:
        front = {n for n in left if not any(dominates(points[m], points[n]) for m in left)}
        for n in front:
            ranks[n] = rank
        left -= front
        rank += 1
    return ranks


def by_inclusion(points: list[list[float]], reference: list[float]) -> float:
    """Return the volume of a union of boxes by inclusion and exclusion."""
    total = 0.0
    for count in range(1, len(points) + 1):
        for some in itertools.combinations(points, count):
            sides = [max(min(c) - r, 0.0) for c, r in zip(zip(*some, strict=True), reference,
                                                         strict=True)]  # fmt: skip
            total += (-1) ** (count + 1) * math.prod(sides)
    return total


POINTS = st.integers(1, 6).flatmap(
    lambda k: st.lists(
        st.lists(st.integers(0, 5).map(float), min_size=k, max_size=k), min_size=1, max_size=7
    )
)


@given(POINTS)
def test_fronts_ranks_and_volumes_are_those_of_their_definitions(points: list[list[float]]) -> None:
    array = np.array(points)
    ranks = peeled(points)
    assert nondominated_ranks(array).tolist() == ranks
    assert pareto_front(array).tolist() == [rank == 0 for rank in ranks]
    reference = [1.0] * len(points[0])
    assert hypervolume(array, np.array(reference)) == pytest.approx(by_inclusion(points, reference))


@pytest.mark.parametrize(
    ("points", "reference", "volume"),
    [
        ([[3, 1], [2, 2], [1, 3]], [0, 0], 6),
        ([[3, 1], [2, 2], [1, 3], [1, 1]], [0, 0], 6),
        ([[3, 1], [3, 1]], [1, 0], 2),
        ([[2, 2, 2]], [0, 0, 0], 8),
        # Three boxes of 4 that share one of 1: 12 - 3 + 1 = 10, and each pair shares just that.
        ([[4, 1, 1], [1, 4, 1], [1, 1, 4]], [0, 0, 0], 10),
        ([[2, 1, 1, 1], [1, 2, 1, 1]], [0] * 4, 3),
        ([[2, 1, 1, 1, 1], [1, 1, 1, 1, 3]], [0] * 5, 4),
        ([[2] * 6, [3] + [1] * 5], [0] * 6, 65),
        ([[-1, -2]], [-3, -3], 2),
        ([[1, 2]], [1, 0], 0),
        ([[NAN, 2], [1, 1]], [0, 0], 1),
        ([[-INF, 2], [1, 1]], [0, 0], 1),
    ],
)
def test_hypervolumes_by_hand(points: Any, reference: Any, volume: float) -> None:
    assert hypervolume(np.array(points, float), np.array(reference, float)) == volume
    mixed = np.random.default_rng(0).permutation(np.array(points, float))
    assert hypervolume(mixed, np.array(reference, float)) == volume


def test_a_hypervolume_needs_points_and_a_reference_that_fit() -> None:
    two = np.ones((3, 2))
    assert hypervolume(np.empty((0, 2)), np.zeros(2)) == 0
    for points, reference in (
        (two, np.zeros(3)), (two, np.array([0, NAN])), (two, np.array([0, -INF])), (two, "x"),
        (np.ones(3), np.zeros(3)), (np.ones((1, 7)), np.zeros(7)), (two * INF, np.zeros(2)),
        ("x", np.zeros(2)),
    ):  # fmt: skip
        with pytest.raises(wfo.InputError):
            hypervolume(points, reference)  # type: ignore[arg-type]  # on purpose


def test_the_reference_point_is_the_worst_of_each() -> None:
    points = np.array([[1.0, 5.0], [3.0, 2.0], [NAN, 0.0]])
    assert reference_point(points).tolist() == [1.0, 2.0]
    assert reference_point(np.full((2, 3), NAN)).tolist() == [0.0, 0.0, 0.0]


def test_ranks_put_what_violates_behind() -> None:
    points = np.array([[9.0, 9.0], [1.0, 1.0], [2.0, 0.0], [0.0, 0.0], [5.0, 5.0], [NAN, 1.0]])
    violations = np.array([2.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    assert nondominated_ranks(points, violations).tolist() == [3, 0, 0, 1, 2, 4]
    assert nondominated_ranks(np.empty((0, 2))).tolist() == []
    assert nondominated_ranks(np.array([[INF, 0, 0], [0, INF, 0], [-INF, -INF, 9]])).max() == 0
    assert pareto_front(np.array([[INF, 0, 0], [0, INF, -INF], [-INF, -INF, 9]])).all()
    with pytest.raises(wfo.InputError, match="violations must be one a point"):
        nondominated_ranks(points, violations[:2])


@pytest.mark.slow
@pytest.mark.parametrize("size", range(2, 7))
def test_pymoo_finds_the_same(size: int) -> None:
    hv = pytest.importorskip("pymoo.indicators.hv")
    sorting = pytest.importorskip("pymoo.util.nds.non_dominated_sorting")
    rng = np.random.default_rng(size)
    for count in (1, 2, 10, 40, 80):
        for _ in range(6):
            points = rng.normal(size=(count, size))
            points = (
                np.abs(points)
                / np.linalg.norm(points, axis=1)[:, None]
                * rng.uniform(0.5, 1, (count, 1))
            )
            if rng.random() < 0.5:
                points = np.round(points, 1)
            reference = np.full(size, rng.choice([0.0, 0.1, -1.0]))
            assert hypervolume(points, reference) == pytest.approx(
                float(hv.HV(ref_point=-reference)(-points)), rel=1e-10
            )
            fronts = sorting.NonDominatedSorting().do(-points)
            expected = np.empty(count, dtype=int)
            for rank, front in enumerate(fronts):
                expected[front] = rank
            assert (nondominated_ranks(points) == expected).all()
            assert set(np.flatnonzero(pareto_front(points))) == set(fronts[0])


# Pruning


def windows_of(*values: float) -> list[dict[str, dict[str, float]]]:
    return [{"": {"sharpe": value}} for value in values]


def earlier_trials(scoring: Scoring, *trials: Sequence[float]) -> FigureTable:
    table = scoring.table()
    for values in trials:
        table.append(windows_of(*values))
    return table


SHARPE = Objective.read("sharpe", "objective")


def test_the_median_by_hand() -> None:
    scoring = Scoring(SHARPE)
    table = earlier_trials(scoring, (1, 5, 0), (2, 2, 0), (3, 8, 0))
    pruner = Pruner("median", trials=3)
    compared = pruner.against(scoring, table)
    # Medians of the first window: 2; of the means of two: 3, 2, 5.5.
    assert compared.decide(windows_of(1.9))
    assert not compared.decide(windows_of(2.0))
    assert not compared.decide(windows_of(1.0, 5.0))
    assert compared.decide(windows_of(1.0, 4.9))
    # What has had its last window is whole.
    assert not compared.decide(windows_of(-9.0, -9.0, -9.0))
    assert compared.decide(windows_of(NAN))
    assert not Pruner("none").against(scoring, table).decide(windows_of(-99.0))


def test_pruning_needs_trials_and_windows() -> None:
    scoring = Scoring(SHARPE)
    table = earlier_trials(scoring, (1, 1, 1), (2, 2, 2))
    assert not Pruner("median", trials=3).against(scoring, table).decide(windows_of(-9.0))
    table.append(None)
    table.append(windows_of(3), pruned=True)
    table.append(windows_of(3, NAN, 3))
    assert not Pruner("median", trials=3).against(scoring, table).decide(windows_of(-9.0))
    table.append(windows_of(3, 3, 3))
    assert Pruner("median", trials=3).against(scoring, table).decide(windows_of(-9.0))
    later = Pruner("median", trials=3, windows=2).against(scoring, table)
    assert not later.decide(windows_of(-9.0))
    assert later.decide(windows_of(-9.0, -9.0))
    assert not Pruner("median").against(scoring, scoring.table()).decide(windows_of(-9.0))


def test_the_best_trial_is_what_wilcoxon_compares_with() -> None:
    scoring = Scoring(SHARPE)
    best = (5.0, 6.0, 7.0, 8.0, 9.0, 10.0)
    table = earlier_trials(scoring, best, (0,) * 6, (1,) * 6)
    compared = Pruner("wilcoxon", trials=3, windows=2).against(scoring, table)
    # All windows worse: 1/8 after three, 1/16 after four, which is below 0.1.
    assert not compared.decide(windows_of(4, 5, 6))
    assert compared.decide(windows_of(4, 5, 6, 7))
    assert not compared.decide(windows_of(4, 5, 6, 9))
    # Worse in every window so far, but with a mean above that of all of the best one's windows.
    table = earlier_trials(scoring, (9.0, 9.0, 9.0, 9.0, 0.0, 0.0), (0,) * 6, (1,) * 6)
    compared = Pruner("wilcoxon", trials=3, windows=2).against(scoring, table)
    assert not compared.decide(windows_of(8, 8, 8, 8))
    assert compared.decide(windows_of(5, 5, 5, 5))


@pytest.mark.parametrize("normalise", ["fixed", "rank", "adaptive"])
@pytest.mark.parametrize("kind", ["median", "wilcoxon"])
def test_pruning_under_every_normalisation(kind: Any, normalise: str) -> None:
    data = {"weights": {"sharpe": 1, "drawdown": 1}, "normalise": normalise}
    scoring = Scoring(Objective.read(data, "objective"))
    rng = np.random.default_rng(3)
    table = scoring.table()

    def trial(level: float, count: int) -> list[dict[str, dict[str, float]]]:
        return [
            {"": {"sharpe": level + rng.random(), "drawdown": 0.4 - level / 10}}
            for _ in range(count)
        ]

    for _ in range(12):
        table.append(trial(1.0, 6))
    scoring.update(table)
    compared = Pruner(kind, trials=10, windows=2).against(scoring, table)
    assert compared.decide(trial(-1.0, 5))
    assert not compared.decide(trial(3.0, 5))


def test_a_function_may_be_undefined_in_a_window(tmp_path: Path) -> None:
    scoring = function_of(
        tmp_path, "def score(f):\n    return f['sharpe'] if f['sharpe'] > 0 else None\n"
    )
    table = earlier_trials(scoring, (1, 1), (2, 2), (3, 3))
    compared = Pruner("median", trials=3).against(scoring, table)
    assert not compared.decide(windows_of(-1))
    assert compared.decide(windows_of(0.5))


def test_pruners_as_files_have_them() -> None:
    for kind, trials, windows in (("none", 10, 1), ("median", 10, 1), ("wilcoxon", 10, 2)):
        found = Pruner.make(kind, SHARPE)
        assert (found.kind, found.trials, found.windows, found.p) == (kind, trials, windows, 0.1)
        assert Pruner.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    with pytest.raises(wfo.InputError, match="prune = 'mean' must be one of none, median"):
        Pruner.make("mean", SHARPE)
    several = Objective.read(["sharpe", "mar"], "objective")
    assert Pruner.make("none", several).kind == "none"
    for kind in ("median", "wilcoxon"):
        with pytest.raises(wfo.InputError, match=r"needs one objective, not 2.*use prune: none"):
            Pruner.make(kind, several)
    plain = Pruner("median").to_dict()
    for key in plain:
        for wrong in (None, [], "x", 0, -1, True, NAN, 1.5 if key != "p" else 0.6):
            with pytest.raises(wfo.InputError):
                Pruner.from_dict({**plain, key: wrong})


def test_what_is_decided_depends_on_earlier_batches_alone() -> None:
    scoring = Scoring(SHARPE)
    table = earlier_trials(scoring, *[(n, n, n) for n in range(10)])
    compared = Pruner("median").against(scoring, table)
    asked = [windows_of(value) for value in (4.4, 4.5, 4.6)]
    first = [compared.decide(each) for each in asked]
    again = [compared.decide(each) for each in reversed(asked)][::-1]
    assert first == again == [True, False, False]


def by_signs(differences: Sequence[float]) -> float:
    """Return the p of all ways to give signs, each looked at."""
    sizes = sorted(abs(d) for d in differences)
    ranks = [
        sizes.index(abs(d)) + (sizes.count(abs(d)) + 1) / 2 for d in differences
    ]  # fmt: skip
    pairs = [(r, d) for r, d in zip(ranks, differences, strict=True) if d]
    stat = sum(r for r, d in pairs if d > 0)
    ways = list(itertools.product((0, 1), repeat=len(pairs)))
    return sum(
        sum(r for (r, _), sign in zip(pairs, way, strict=True) if sign) <= stat for way in ways
    ) / len(ways)


@given(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=7))
def test_the_signed_rank_test_is_that_of_its_definition(differences: list[float]) -> None:
    assert signed_rank_p(differences) == pytest.approx(by_signs(differences), rel=1e-12)


def test_the_signed_rank_test_is_scipys_where_that_is_exact() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    for count in (2, 5, 12, 30):
        differences = rng.normal(-0.3, 1, count)
        expected = stats.wilcoxon(differences, alternative="less", method="exact").pvalue
        assert signed_rank_p(differences.tolist()) == pytest.approx(expected, rel=1e-9)
    assert signed_rank_p([]) == 1
    assert signed_rank_p([0.0, 0.0]) == 1
    assert signed_rank_p([-1.0] * 255) == pytest.approx(0.5**255)


# Imports


def test_it_needs_neither_scipy_nor_optuna() -> None:
    code = (
        "import sys\n"
        "for name in ('scipy', 'sklearn', 'optuna', 'pymoo'):\n    sys.modules[name] = None\n"
        "from wfo.search.objective import *\n"
        "assert 'numpy' not in sys.modules\n"
        "s = Scoring(Objective.default(), Limits.read('strict', 'limits'))\n"
        "t = s.table()\nt.append([{'': {'sharpe': 1.0}}])\nassert len(s.view(t)) == 1\n"
        "s = Scoring(Objective.read('sharpe', 'o'))\nt = s.table()\n"
        "for n in range(12):\n    t.append([{'': {'sharpe': n}}, {'': {'sharpe': n}}])\n"
        "assert Pruner.make('wilcoxon', s.objective).against(s, t).decide([{}]) is False\n"
        "import numpy as np\nassert hypervolume(np.ones((1, 4)), np.zeros(4)) == 1\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_components_are_checked_where_they_are_made() -> None:
    assert Component("own", low=0, high=1).sign == 1
    for wrong in (
        {"figure": ""}, {"figure": 5}, {"direction": "up"}, {"weight": 0}, {"weight": NAN},
        {"low": 1.0}, {"low": 1.0, "high": 1.0}, {"low": 0.0, "high": INF},
    ):  # fmt: skip
        with pytest.raises(wfo.InputError):
            Component(**{"figure": "own", **wrong})  # type: ignore[arg-type]  # on purpose
    for aggregate in ("max", None, 5):
        with pytest.raises(wfo.InputError, match=r"aggregate = .* is unknown"):
            Scoring(SHARPE, aggregate=aggregate)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(wfo.InputError, match="objective must be an Objective"):
        Scoring("sharpe")  # type: ignore[arg-type]  # on purpose

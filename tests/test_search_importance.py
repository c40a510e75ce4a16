"""What is told of a study: importance against Optuna's, convergence, scores by value, exports."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_search_study import outcome, record

from wfo.errors import EngineError, InputError
from wfo.search.space import Dimension, SearchSpace
from wfo.search.study import (
    NewTrial,
    Study,
    StudyTable,
    best_trials,
    convergence,
    export_csv,
    export_journal,
    importance,
    improvements,
    read_parameters,
    read_study,
    scored,
    scores_by_value,
)
from wfo.search.study.cells import cells_of
from wfo.search.study.importance import exact_effects, ped_anova, ranks_of
from wfo.search.values import Outcome

#: A dimension of each kind: few and many numbers, continuous ones, choices, a single value.
SPACE = SearchSpace(
    (
        Dimension("few", "int", low=0, high=9),
        Dimension("share", "float", low=0.0, high=1.0),
        Dimension("mode", "choice", ("x", "y", True)),
        Dimension("many", "int", low=0, high=995, step=5),
        Dimension("listed", "int", (1, 2, 4, 8)),
        Dimension("rate", "float", low=1e-4, high=1.0, log=True),
        Dimension("huge", "int", low=1, high=1_000_000),
        Dimension("one", "int", (3,)),
    )
)
NAMES = SPACE.names


def made(folder: Path, rows: Any, scores: Any, **changes: Any) -> StudyTable:
    """A study of points with scores; those without one have failed."""
    space = changes.pop("space", SPACE)
    violations = changes.pop("violations", np.zeros(len(rows)))
    ends = changes.pop("ends", ["complete"] * len(rows))
    made_of = record(parameters=space.names, components=(), **changes)
    params = space.decode(rows)
    with Study.create(folder, made_of) as study:
        study.begin_batch(0, {}, [NewTrial(n, rows[n], params[n], n) for n in range(len(rows))])
        for n, end in enumerate(ends):
            study.finish(dataclasses.replace(outcome(n, end), seconds=n / 8))
        study.end_batch(0)
        study.rescore(0, np.asarray(scores, float), violations)
    return read_study(folder)


def points(count: int, seed: int = 0) -> Any:
    """Points of the space, drawn evenly."""
    drawn = SPACE.sample(np.random.default_rng(seed).random((count, len(NAMES))))
    return SPACE.repaired(drawn)


def response(rows: Any, seed: int = 0) -> Any:
    """Scores that some dimensions decide, with ties."""
    y = 0.3 * rows[:, 0] - 9 * (rows[:, 1] - 0.7) ** 2 + (rows[:, 2] == 1) + rows[:, 5]
    return np.round(y, seed % 4)


# PED-ANOVA


@pytest.mark.parametrize("count", [2, 3, 10, 37, 400])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ped_anova_is_that_of_optuna(count: int, seed: int) -> None:
    optuna = pytest.importorskip("optuna")
    made_of = optuna.distributions
    distributions = {
        "few": made_of.IntDistribution(0, 9),
        "share": made_of.FloatDistribution(0, 1),
        "mode": made_of.CategoricalDistribution((0, 1, 2)),
        "many": made_of.IntDistribution(0, 199),
        "listed": made_of.IntDistribution(0, 3),
        "rate": made_of.FloatDistribution(0, 1),
        "huge": made_of.IntDistribution(0, 999_999),
        "one": made_of.IntDistribution(0, 0),
    }
    whole = [isinstance(each, made_of.FloatDistribution) for each in distributions.values()]
    rows = points(count, seed)
    scores = response(rows, seed)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={
                    name: value if broken else int(value)
                    for name, value, broken in zip(NAMES, row, whole, strict=True)
                },
                distributions=distributions,
                value=score,
            )
            for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
        ]
    )
    with warnings.catch_warnings():
        # Of few trials, all of which may be the best ones.
        warnings.simplefilter("ignore")
        expected = optuna.importance.PedAnovaImportanceEvaluator().evaluate(study)
    found = ped_anova(cells_of(SPACE, rows), ranks_of(scores, np.zeros(count)))
    np.testing.assert_allclose(found, [expected[name] for name in NAMES], rtol=1e-9, atol=1e-14)


def test_importance_names_what_decides_the_score(tmp_path: Path) -> None:
    rows = points(600)
    table = made(tmp_path / "made", rows, response(rows))
    (found,) = importance(table, SPACE)
    assert (found.way, found.objective, found.trials) == ("ped-anova", "score", 600)
    assert sum(found.shares) == pytest.approx(1)
    assert {name for name, _ in found.ranked()[:2]} == {"share", "few"}
    assert dict(found.ranked())["one"] == 0


def test_what_violates_limits_is_never_among_the_best(tmp_path: Path) -> None:
    # The score loves a large share; the limits allow small ones alone.
    rows = points(500)
    violations = np.maximum(rows[:, 1] - 0.5, 0)
    ranks = ranks_of(rows[:, 1], violations)
    kept = violations == 0
    assert ranks[kept].max() < ranks[~kept].min()
    np.testing.assert_array_equal(np.argsort(ranks[kept]), np.argsort(-rows[kept, 1]))
    np.testing.assert_array_equal(np.argsort(ranks[~kept]), np.argsort(violations[~kept]))


def test_each_of_several_objectives_has_its_importance(tmp_path: Path) -> None:
    rows = points(300)
    aims = np.column_stack([rows[:, 0], -rows[:, 1]])
    two = record(parameters=NAMES, components=(), objectives=("return", "calm"))
    params = SPACE.decode(rows)
    with Study.create(tmp_path / "two", two) as study:
        study.begin_batch(0, {}, [NewTrial(n, rows[n], params[n], n) for n in range(300)])
        for n in range(300):
            study.finish(outcome(n))
        study.end_batch(0)
        study.rescore(0, np.full(300, np.nan), np.zeros(300), aims)
    found = importance(read_study(tmp_path / "two"), SPACE)
    assert [each.objective for each in found] == ["return", "calm"]
    assert [each.ranked()[0][0] for each in found] == ["few", "share"]


def test_too_few_trials_have_no_importance(tmp_path: Path) -> None:
    rows = points(3)
    table = made(tmp_path / "made", rows, [1, np.nan, 2], ends=["complete", "failed", "crashed"])
    with pytest.raises(InputError, match="needs two trials with a score at least, and 1 of 3"):
        importance(table, SPACE)
    with pytest.raises(InputError, match="importance = 'sobol' must be"):
        importance(table, SPACE, "sobol")  # type: ignore[arg-type]  # not one


# fANOVA


def test_fanova_by_optuna_names_the_same(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    space = SearchSpace(SPACE.dimensions[:3])
    rows = space.repaired(space.sample(np.random.default_rng(0).random((60, 3))))
    table = made(tmp_path / "made", rows, rows[:, 0], space=space)
    (found,) = importance(table, space, "fanova", seed=1)
    (again,) = importance(table, space, "fanova", seed=1)
    assert found == again
    assert found.way == "fanova"
    assert found.ranked()[0][0] == "few"
    assert found.ranked()[0][1] > 0.9


def test_what_needs_optuna_says_so_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    rows = points(20)
    table = made(tmp_path / "made", rows, response(rows))
    assert importance(table, SPACE)[0].way == "ped-anova"
    with pytest.raises(EngineError, match=r"fANOVA needs Optuna .*pip install 'wfo\[search\]'"):
        importance(table, SPACE, "fanova")
    with pytest.raises(EngineError, match="an Optuna journal needs Optuna"):
        export_journal(tmp_path / "j.log", table, SPACE.decode(rows), SPACE)
    assert not (tmp_path / "j.log").exists()


def test_nothing_imports_optuna_unasked() -> None:
    code = (
        "import sys, wfo.search.study, wfo.search.study.surrogate; print('optuna' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


# Exact effects


def test_exact_effects_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(1)
    grid = rng.normal(size=(3, 4, 2))
    main, total = exact_effects(grid)
    every = list(itertools.product(*map(range, grid.shape)))
    y = np.array([grid[at] for at in every])
    for axis in range(3):
        own = [y[[at[axis] == v for at in every]].mean() for v in range(grid.shape[axis])]
        assert main[axis] == pytest.approx(np.var(own) / np.var(y))
        rest = {at[:axis] + at[axis + 1 :] for at in every}
        within = [
            np.var(y[[at[:axis] + at[axis + 1 :] == others for at in every]]) for others in rest
        ]
        assert total[axis] == pytest.approx(np.mean(within) / np.var(y))


def test_effects_of_a_sum_are_its_parts() -> None:
    a, b = np.arange(5.0), np.array([0.0, 10.0])
    main, total = exact_effects(a[:, None, None] + b[None, :, None] + np.zeros((1, 1, 3)))
    np.testing.assert_allclose(main, [2 / 27, 25 / 27, 0], atol=1e-15)
    np.testing.assert_allclose(total, main, atol=1e-15)
    zeros = np.zeros(2)
    for level in (0.0, 0.1, 1e300):
        np.testing.assert_array_equal(exact_effects(np.full((3, 3), level)), (zeros, zeros))


def test_a_whole_grid_has_exact_effects_and_a_hole_has_none(tmp_path: Path) -> None:
    space = SearchSpace((Dimension("a", "int", (1, 5, 9)), Dimension("b", "choice", ("x", "y"))))
    rows = space.grid_rows(0, 6)[::-1].copy()
    scores = rows[:, 0] * 2 + rows[:, 1]
    table = made(tmp_path / "made", rows, scores, space=space)
    (found,) = importance(table, space)
    assert found.way == "exact"
    np.testing.assert_allclose(found.shares, [32 / 35, 3 / 35])
    np.testing.assert_allclose(found.totals, found.shares)
    holed = scored(table, np.where(np.arange(6) == 2, np.nan, scores), np.zeros(6))
    assert importance(holed, space)[0].way == "ped-anova"
    with pytest.raises(InputError, match="5 trials have one, and the space has 6 points"):
        importance(holed, space, "exact")
    rows = points(4)
    smooth = made(tmp_path / "smooth", rows, response(rows))
    with pytest.raises(InputError, match="the space is continuous"):
        importance(smooth, SPACE, "exact")


# Best trials, convergence, scores by value


def test_the_best_keep_to_limits_first(tmp_path: Path) -> None:
    rows = points(7)
    table = made(
        *(tmp_path / "made", rows, [1, 9, 3, 3, np.nan, 2, 8]),
        violations=np.array([0, 2, 0, 0, 0, 1, 0]),
        ends=["complete"] * 6 + ["failed"],
    )
    assert best_trials(table).tolist() == [2, 3, 0, 5, 1]
    assert best_trials(table, 2).tolist() == [2, 3]
    np.testing.assert_array_equal(convergence(table), [1, 1, 3, 3, 3, 3, 3])
    assert improvements(table) == [(0, 1.0), (2, 3.0)]
    none = scored(table, np.full(7, np.nan), np.zeros(7))
    assert np.isnan(convergence(none)).all()
    assert improvements(none) == []
    assert best_trials(none).tolist() == []
    with pytest.raises(InputError, match="scores must be of 7 trials"):
        scored(table, np.zeros(3), np.zeros(7))


def test_scores_by_value_are_counted_by_hand(tmp_path: Path) -> None:
    space = SearchSpace(
        (
            Dimension("mode", "choice", ("x", "y", "z")),
            Dimension("share", "float", low=0.0, high=100.0),
            Dimension("many", "int", low=0, high=99),
        )
    )
    rows = np.array([[0, 0.0, 0], [0, 0.05, 9], [2, 0.5, 10], [2, 0.999, 50], [2, 1.0, 99]])
    ends = ["complete", "failed", "complete", "complete", "complete"]
    table = made(tmp_path / "made", rows, [1, np.nan, 2, 7, 4], space=space, ends=ends)
    told = [dataclasses.astuple(each) for each in scores_by_value(table, space, "mode")]
    assert told == [("x", "x", 2, 1, 1.0, 1.0), ("z", "z", 3, 3, 4.0, 7.0)]
    told = [dataclasses.astuple(each) for each in scores_by_value(table, space, "share")]
    assert told == [
        (0.0, 5.0, 2, 1, 1.0, 1.0), (50.0, 50.0, 1, 1, 2.0, 2.0), (99.9, 100.0, 2, 2, 5.5, 7.0)
    ]  # fmt: skip
    told = [dataclasses.astuple(each) for each in scores_by_value(table, space, "many")]
    assert [row[:3] for row in told] == [(0, 9, 2), (10, 10, 1), (50, 50, 1), (99, 99, 1)]
    with pytest.raises(InputError, match="no parameter 'mod'; did you mean 'mode'"):
        scores_by_value(table, space, "mod")
    with pytest.raises(InputError, match="no objective 'sharpe'"):
        scores_by_value(table, space, "mode", "sharpe")


# Exports


def _two(folder: Path) -> StudyTable:
    """Trials of every state, in two windows and symbols, with figures that are not defined."""
    made_of = record(parameters=NAMES, objectives=("return", "=calm"), components=("sharpe",))
    rows = points(7)
    params = SPACE.decode(rows)
    ends = ("complete", "pruned", "failed", "timeout", "memory", "crashed")
    with Study.create(folder, made_of) as study:
        study.begin_batch(0, {}, [NewTrial(n, rows[n], params[n], n) for n in range(7)])
        for n, end in enumerate(ends):
            told = outcome(n, "complete" if end == "pruned" else end)
            if end == "pruned":
                told = dataclasses.replace(told, windows=(0,), figures=told.figures[:1])
            study.finish(told, "pruned" if end == "pruned" else None)
        aims = np.array([[1.5, 2.5], [0.5, np.nan], *[[np.nan, np.nan]] * 5])
        violations = np.array([0.25, 0, *[np.inf] * 4, np.nan])
        study.rescore(0, np.full(7, np.nan), violations, aims, np.arange(7.0)[:, None])
    return read_study(folder)


def test_csv_has_all_trials_in_their_order(tmp_path: Path) -> None:
    table = _two(tmp_path / "made")
    given = read_parameters(tmp_path / "made", table.record)
    export_csv(tmp_path / "t.csv", table, given)
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == [str(n) for n in range(7)]
    assert [row["state"] for row in rows] == [
        *("complete", "pruned", "failed", "timeout", "memory", "crashed", "waiting")
    ]
    for row, params in zip(rows, given, strict=True):
        for name, value in params.items():
            wanted = str(value).lower() if isinstance(value, bool) else str(value)
            assert float(row[name]) == value if isinstance(value, float) else row[name] == wanted
    assert rows[0]["sharpe [SPY] window 1"] == "0.0"
    assert float(rows[0]["sharpe [QQQ] window 2"]) == 0.1 + 0.01
    # Neither NaN nor, of a pruned trial, the second window.
    assert rows[0]["trades [SPY] window 1"] == rows[1]["sharpe [SPY] window 2"] == ""
    assert rows[1]["trades [SPY] window 1"] == "inf"
    assert (rows[0]["objective return"], rows[1]["objective =calm"]) == ("1.5", "")
    assert (rows[3]["component sharpe"], rows[0]["score"], rows[6]["violation"]) == ("3.0", "", "")
    assert rows[2]["error"] == r"it failed: \ud800 \x1b[31m ü"
    heads = list(rows[0])
    assert heads.index("sharpe [SPY] window 1") < heads.index("sharpe [QQQ] window 1")
    assert not [head for head in heads if head.startswith(("=", "+", "-", "@"))]


def test_no_cell_becomes_a_formula(tmp_path: Path) -> None:
    values = ("=1+1", "+2", "@x", "plain")
    # A space has no such name, but a forged database may.
    made_of = record(parameters=("=name",), components=())
    with Study.create(tmp_path / "made", made_of) as study:
        study.begin_batch(
            0, {}, [NewTrial(n, np.zeros(1), {"=name": value}, n) for n, value in enumerate(values)]
        )
        study.finish(Outcome(0, (0,), "failed", (), error="=cmd|' /C calc'!A0", printed="-1"))
        study.finish(Outcome(1, (0,), "complete", ({"": {"=sum": 1.0}},)))
    table = read_study(tmp_path / "made")
    export_csv(tmp_path / "t.csv", table, read_parameters(tmp_path / "made", table.record))
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []
    assert {"'=name", "'=1+1", "'+2", "'@x", "plain", "'=sum", "'-1"} <= set(cells)


def test_a_journal_reads_back_in_optuna(tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    table = _two(tmp_path / "made")
    given = read_parameters(tmp_path / "made", table.record)
    path = tmp_path / "j.log"
    export_journal(path, table, given, SPACE)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    study = optuna.load_study(study_name="made", storage=storage)
    assert study.metric_names == ["return", "=calm"]
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MAXIMIZE"]
    found = study.get_trials()
    states = ["COMPLETE", "PRUNED", "FAIL", "FAIL", "FAIL", "FAIL", "WAITING"]
    assert [trial.state.name for trial in found] == states
    for trial, params in zip(found, given, strict=True):
        assert list(trial.params) == list(params)
        for name, value in params.items():
            assert trial.params[name] == value
            assert type(trial.params[name]) is type(value)
    assert found[0].values == [1.5, 2.5]
    assert found[0].constraints == {"violation": 0.25}
    assert found[1].constraints == {"violation": 0.0}
    assert found[0].user_attrs["sharpe [QQQ] window 2"] == 0.1 + 0.01
    assert found[0].user_attrs["trades [SPY] window 1"] is None
    assert found[5].duration.total_seconds() == pytest.approx(5 / 3)
    kinds = {name: type(each).__name__ for name, each in found[0].distributions.items()}
    assert kinds == {
        "few": "IntDistribution", "share": "FloatDistribution", "mode": "CategoricalDistribution",
        "many": "IntDistribution", "listed": "CategoricalDistribution",
        "rate": "FloatDistribution", "huge": "IntDistribution", "one": "CategoricalDistribution",
    }  # fmt: skip
    assert found[0].distributions["rate"].log
    assert (study.user_attrs["seed"], study.user_attrs["method"]) == (7, "random")
    # Optuna goes on with it.
    study.add_trial(optuna.trial.create_trial(values=[1.0, 2.0]))
    assert len(study.trials) == 8
    # What a journal holds is JSON that every reader takes, without NaN or Infinity.
    for line in path.read_text("utf-8").splitlines():
        json.loads(line, parse_constant=pytest.fail)


def test_a_journal_of_one_objective_has_its_score(tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    rows = points(5)
    table = made(tmp_path / "made", rows, [1, np.nan, 3, np.inf, -1])
    path = tmp_path / "j.log"
    export_journal(path, table, SPACE.decode(rows), SPACE)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    study = optuna.load_study(study_name="made", storage=storage)
    assert study.best_value == 3.0
    assert study.best_trial.number == 2
    assert [trial.value for trial in study.trials] == [1.0, None, 3.0, None, -1.0]
    other = SearchSpace(SPACE.dimensions[:2])
    with pytest.raises(InputError, match="points of another space"):
        export_journal(path, table, SPACE.decode(rows), other)

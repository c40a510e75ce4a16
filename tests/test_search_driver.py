"""The loop of a search: which points are evaluated, and that order and kills change nothing."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from searching import (
    PATIENCE,
    Interrupted,
    Toy,
    grid_space,
    hill,
    plain,
    points,
    toy_search,
    toy_space,
    toy_study,
)

from wfo.errors import ResultsError
from wfo.progress import Silent
from wfo.search import driver
from wfo.search.batches import UNTAGGED, Patience, program_seed, propose_batch, proposing_rng
from wfo.search.driver import EXHAUSTED, Ended, Search, run_search
from wfo.search.objective import Scoring
from wfo.search.space import ParameterConstraint, SearchSpace
from wfo.search.study import Study, StudyTable
from wfo.search.values import History, Outcome, Proposal


def _run(
    folder: Path,
    search: Search,
    evaluator: Toy | None = None,
    *,
    trials: int = 30,
    first: Outcome | None = None,
) -> tuple[StudyTable, Ended]:
    """Search in a new study, or go on with the one that is there."""
    evaluator = evaluator or Toy(windows=search.windows)
    there = (folder / "study.sqlite").exists()
    with Study.open(folder) if there else toy_study(folder, search, trials) as study:
        ended = run_search(study, search, evaluator, trials=trials, first=first)
        return study.load(), ended


# Which points


def test_a_grid_is_gone_through_in_the_order_it_is_written(tmp_path: Path) -> None:
    space = grid_space(2, 2)
    table, ended = _run(tmp_path / "s", toy_search(space, "grid"))
    assert list(points(table, space)) == list(itertools.product((0, 1), (0.0, 0.1)))
    assert ended == Ended(4, exhausted=True)
    assert table.batch[-1].note == EXHAUSTED


def test_a_space_that_is_exhausted_stays_so(tmp_path: Path) -> None:
    first, _ = _run(tmp_path / "s", toy_search(grid_space(2, 2), "grid"))
    again, ended = _run(tmp_path / "s", toy_search(grid_space(2, 2), "grid"), trials=100)
    assert ended == Ended(4, exhausted=True)
    assert plain(again) == plain(first)


def test_ten_random_points_are_distinct_and_in_the_space(tmp_path: Path) -> None:
    space = toy_space()
    table, ended = _run(tmp_path / "s", toy_search(space, "random"), trials=10)
    found = list(points(table, space))
    assert ended == Ended(10, exhausted=False)
    assert len(set(found)) == 10
    assert all(x in range(10) and 0 <= y <= 1 for x, y in found)
    assert table.batches.tolist() == [0] * 5 + [1] * 5
    assert table.of_state("complete").all()


@pytest.mark.parametrize("method", ["random", "lhs", "sobol", "de", "ga", "anneal", "bandit"])
def test_every_point_of_a_small_space_is_evaluated_once(method: str, tmp_path: Path) -> None:
    space = grid_space(4, 3, constraints=(ParameterConstraint("x + 10 * y > 0"),))
    table, ended = _run(tmp_path / "s", toy_search(space, method), trials=40)
    expected = set(itertools.product(range(4), (0.0, 0.1, 0.2))) - {(0, 0.0)}
    found = list(points(table, space))
    assert set(found) == expected
    assert len(found) == len(expected)
    assert ended.exhausted


def test_points_to_start_with_come_first(tmp_path: Path) -> None:
    start = ({"x": 9, "y": 0.4}, {"x": 0, "y": 0.0})
    space = grid_space(start=start)
    table, _ = _run(tmp_path / "s", toy_search(space, "random"), trials=12)
    assert list(points(table, space))[:2] == [(9, 0.4), (0, 0.0)]
    assert table.tags[:2].tolist() == [UNTAGGED] * 2
    assert len(set(points(table, space))) == 12


@dataclass
class Stubborn:
    """Proposes the same points whenever it is asked, and notes what it was asked."""

    rows: Any
    name: str = "stubborn"
    asked: list[tuple[int, int, int]] = field(default_factory=list)

    def propose(
        self,
        space: SearchSpace,
        history: History,
        batch: int,
        size: int,
        rng: np.random.Generator,
        state: Mapping[str, Any],
    ) -> Proposal:
        self.asked.append((batch, size, len(history)))
        rows = np.asarray(self.rows, np.float64)
        return Proposal(rows, np.arange(len(rows)), {"asked": state.get("asked", 0) + 1}, "again")


def test_a_point_that_was_evaluated_is_answered_from_the_study(tmp_path: Path) -> None:
    space = grid_space(10, 5)
    method = Stubborn([[1, 1], [2, 2], [1, 1]])
    toy = Toy()
    table, _ = _run(tmp_path / "s", toy_search(space, method), toy, trials=10)
    assert list(points(table, space))[:2] == [(1, 0.1), (2, 0.2)]
    assert len(set(points(table, space))) == len(toy.calls) == 10
    # Asked with two of five, then five times for nothing; then random points fill up.
    first, second = table.batch
    assert (first.attempts, first.repeated) == (6, 1 + 5 * 3)
    assert (second.attempts, second.repeated) == (5, 15)
    assert table.tags.tolist() == [0, 1, *[UNTAGGED] * 8]
    # The state goes from one question to the next, also of the next batch.
    assert table.state == {"asked": 11}


def test_what_constraints_forbid_is_rejected_and_counted_or_repaired(tmp_path: Path) -> None:
    rules = (ParameterConstraint("x < 5"),)
    space = grid_space(constraints=rules)
    method = Stubborn([[7, 0], [4, 0], [9, 0]])
    table, _ = _run(tmp_path / "s", toy_search(space, method), trials=5)
    assert table.batch[0].rejected == 2 * 6
    assert all(x < 5 for x, _ in points(table, space))
    mended = grid_space(constraints=(ParameterConstraint("x < 5", {"x": "4"}),))
    table, _ = _run(tmp_path / "m", toy_search(mended, Stubborn([[7, 0]])), trials=5)
    assert next(points(table, mended)) == (4, 0.0)
    assert table.batch[0].rejected == 0


def test_batches_do_not_depend_on_what_is_left_of_a_constraint(tmp_path: Path) -> None:
    space = toy_space(constraints=(ParameterConstraint("x > 100"),))
    search = toy_search(space, "random")
    assert len(search.first_batch(30).rows) == 0
    table, ended = _run(tmp_path / "s", search)
    assert (len(table), ended.exhausted) == (0, True)


def test_methods_see_whole_batches_alone(tmp_path: Path) -> None:
    method = Stubborn([[1, 1]])
    _run(tmp_path / "s", toy_search(grid_space(), method), Toy(order=3), trials=20)
    assert {(batch, seen) for batch, _, seen in method.asked} == {(b, 5 * b) for b in range(4)}


def test_random_numbers_follow_from_seed_batch_and_attempt_alone() -> None:
    drawn = {
        (seed, batch, attempt): proposing_rng(seed, batch, attempt).random()
        for seed, batch, attempt in itertools.product(range(3), range(3), range(3))
    }
    assert len(set(drawn.values())) == len(drawn)
    assert proposing_rng(2, 1, 0).random() == drawn[2, 1, 0]
    seeds = [program_seed(s, t) for s in range(3) for t in range(100)]
    assert len(set(seeds)) == 300
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert program_seed(2**63 - 1, 10**6) == program_seed(2**63 - 1, 10**6)


# The same trials, whatever happens


def _cases() -> dict[str, tuple[Search, int]]:
    weights = {
        "weights": {"height": 1, "width": 1}, "normalise": "adaptive", "adaptive": {"every": 8},
    }  # fmt: skip
    return {
        "random": (toy_search(toy_space()), 1),
        "ga": (toy_search(grid_space(), "ga"), 1),
        "de, adaptive": (toy_search(toy_space(), "de", objective=weights), 1),
        "telling, pruned": (
            toy_search(toy_space(), Telling(), objective=weights, windows=3, prune="median"),
            3,
        ),
        "stubborn": (toy_search(grid_space(), Stubborn([[1, 1], [2, 2]])), 1),
        "ga, two": (toy_search(toy_space(), "ga", objective=["height", "width"]), 1),
    }


@dataclass
class Telling:
    """Proposes by all that it is told: whatever differs makes other points."""

    name: str = "telling"

    def propose(
        self,
        space: SearchSpace,
        history: History,
        batch: int,
        size: int,
        rng: np.random.Generator,
        state: Mapping[str, Any],
    ) -> Proposal:
        told = hashlib.sha256(repr((batch, size, rng.random(), dict(state))).encode())
        for name in ("rows", "scores", "violations", "objectives", "tags", "batches", "pruned"):
            told.update(np.ascontiguousarray(getattr(history, name)).tobytes())
        own = np.random.default_rng(list(told.digest()))
        rows = space.sample(own.random((size, len(space.dimensions))))
        tags = own.integers(100, size=size)
        return Proposal(rows, tags, {"told": told.hexdigest()})


def _flaky(params: Mapping[str, Any], window: int, seed: int) -> Mapping[str, float]:
    if (params["x"] + window) % 4 == 1:
        raise ValueError(f"x = {params['x']}, seed {seed}")
    return hill(params, window, seed)


def _pruning(params: Mapping[str, Any], window: int, seed: int) -> Mapping[str, float]:
    return hill(params, window, seed)


@pytest.mark.parametrize("name", _cases())
def test_the_order_in_which_tasks_end_changes_nothing(name: str, tmp_path: Path) -> None:
    found = []
    for order in (None, 1, 2):
        search, windows = _cases()[name]
        program = _pruning if "pruned" in name else _flaky
        toy = Toy(program, windows, order=order)
        table, _ = _run(tmp_path / f"s{order}", search, toy, trials=30)
        found.append(plain(table))
    assert found[1] == found[0]
    assert found[2] == found[0]
    assert len(found[0]["rows"]) == 30
    if "pruned" in name:
        assert {"pruned", "complete"} == set(found[0]["states"])


@pytest.mark.parametrize("name", _cases())
def test_kills_at_any_moment_change_nothing(name: str, tmp_path: Path) -> None:
    def searched(toy: Toy, folder: str) -> dict[str, Any]:
        table, _ = _run(tmp_path / folder, _cases()[name][0], toy, trials=20)
        return plain(table)

    windows = _cases()[name][1]
    program = _pruning if "pruned" in name else _flaky
    expected = searched(Toy(program, windows), "straight")
    kills = 0
    for turn in itertools.count():
        toy = Toy(program, windows, order=turn, dies_after=2 + turn % 4)
        try:
            found = searched(toy, "killed")
        except Interrupted:
            kills += 1
            continue
        break
    assert kills >= 4
    assert found == expected


def test_what_has_ended_before_a_kill_is_not_evaluated_again(tmp_path: Path) -> None:
    search = toy_search(toy_space())
    dying = Toy(dies_after=7)
    with pytest.raises(Interrupted):
        _run(tmp_path / "s", search, dying)
    after = Toy()
    _run(tmp_path / "s", toy_search(toy_space()), after)
    assert len(dying.calls) == 7
    assert sorted(dying.calls + after.calls) == [(trial, 0) for trial in range(30)]


def test_a_larger_number_of_trials_goes_on(tmp_path: Path) -> None:
    first, _ = _run(tmp_path / "s", toy_search(toy_space()), trials=10)
    toy = Toy()
    more, ended = _run(tmp_path / "s", toy_search(toy_space()), toy, trials=25)
    assert ended == Ended(25, exhausted=False)
    assert plain(more)["rows"][:10] == plain(first)["rows"]
    assert [trial for trial, _ in toy.calls] == list(range(10, 25))
    fewer, _ = _run(tmp_path / "s", toy_search(toy_space()), Toy(dies_after=0), trials=5)
    assert plain(fewer) == plain(more)


def test_what_was_evaluated_before_the_study_is_not_evaluated_again(tmp_path: Path) -> None:
    search = toy_search(toy_space())
    task = search.task(0, search.first_batch(30).rows[0])
    known: list[Outcome] = []
    Toy().evaluate([task], known.append)
    toy = Toy()
    table, _ = _run(tmp_path / "s", search, toy, first=known[0])
    straight, _ = _run(tmp_path / "straight", toy_search(toy_space()))
    assert (0, 0) not in toy.calls
    assert plain(table) == plain(straight)


def test_the_best_so_far_is_told_and_its_scores_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "_SAID", 0.0)
    monkeypatch.setattr(driver, "_KEPT", 0.0)
    told: list[str] = []

    class Noting(Silent):
        def say(self, text: str) -> None:
            told.append(text)

    search = toy_search(toy_space(), "ga")
    with toy_study(tmp_path / "s", search) as study:
        run_search(study, search, Toy(), trials=30, progress=Noting())
        table = study.load()
    bests = [line for line in told if line.startswith("best so far: trial ")]
    running = np.maximum.accumulate(table.scores)[4::5]
    # Once for each batch that is better than those before it.
    assert len(bests) == 1 + np.count_nonzero(np.diff(running))
    assert bests[-1].startswith(f"best so far: trial {int(table.scores.argmax())}, score ")


# What failed, and what was pruned


def test_all_trials_may_fail(tmp_path: Path) -> None:
    def fails(params: Mapping[str, Any], window: int, seed: int) -> Mapping[str, float]:
        raise ValueError("no luck")

    table, ended = _run(tmp_path / "s", toy_search(toy_space(), "ga"), Toy(fails))
    assert ended == Ended(30, exhausted=False)
    assert table.counts == {"failed": 30}
    assert set(table.errors.values()) == {"no luck"}
    assert np.isnan(table.scores).all()
    assert np.isinf(table.violations).all()


def test_pruning_compares_with_whole_earlier_batches(tmp_path: Path) -> None:
    seen: list[Any] = []

    class Watching(Telling):
        def propose(self, space: Any, history: Any, *rest: Any) -> Proposal:
            seen.append(history.pruned.tolist())
            return super().propose(space, history, *rest)

    search = toy_search(toy_space(), Watching(), windows=3, prune="median", batch=10)
    toy = Toy(_pruning, 3, order=5)
    table, _ = _run(tmp_path / "s", search, toy, trials=40)
    # The median needs ten trials: the first batch has nothing to be compared with.
    assert table.of_state("complete")[:10].all()
    values = {
        trial: [w[""]["height"] for w in table.figures_of(trial)] for trial in range(len(table))
    }
    # Figures are in the order of windows, though each is a task of its own.
    for trial, params in enumerate(search.space.decode(table.rows)):
        had = range(len(values[trial]))
        assert values[trial] == [hill(params, window, 0)["height"] for window in had]
    pruned = table.of_state("pruned")
    assert pruned.sum() > 5
    assert seen == [pruned[:count].tolist() for count in (0, 10, 20, 30)]
    for trial in range(10, 40):
        earlier = [t for t in range(10 * (trial // 10)) if not pruned[t]]
        windows = len(values[trial])
        for seen in range(1, windows + 1 if pruned[trial] else windows):
            own = np.mean(values[trial][:seen])
            median = np.median([np.mean(values[t][:seen]) for t in earlier])
            assert (own < median) == (bool(pruned[trial]) and seen == windows), (trial, seen)
    assert [w for t, w in sorted(toy.calls) if t == 0] == [0, 1, 2]


@pytest.mark.parametrize(
    ("batch", "moves"),
    [
        (5, [0, 0, 0, 20, 20, 20, 20, 40, 40, 40]),
        # No batch ends with trial 20 or 40: the next one that ends is it.
        (7, [0, 0, 21, 21, 21, 42, 42, 42]),
    ],
)
def test_bounds_move_at_the_ends_of_batches_and_all_scores_with_them(
    batch: int, moves: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Scores are kept at every batch's end, and those of earlier bounds are not left.
    monkeypatch.setattr(driver, "_KEPT", 0.0)
    goal = {
        "weights": {"height": 3, "width": 1},
        "normalise": "adaptive",
        "adaptive": {"every": 20},
    }
    search = toy_search(toy_space(), objective=goal, batch=batch)
    table, _ = _run(tmp_path / "s", search, trials=50)
    heights, widths = table.figure("", "height"), table.figure("", "width")
    # By hand: percentiles of all trials up to the end of the batch that has the fortieth.
    scales = [np.percentile(each[: moves[-1]], [5, 95]) for each in (heights, widths)]
    parts = [
        (each - low) / (high - low)
        for each, (low, high) in zip((heights, widths), scales, strict=True)
    ]
    expected = (3 * parts[0] + parts[1]) / 4
    np.testing.assert_allclose(table.scores, expected, rtol=1e-12)
    moved = [each.bounds["trials"] for each in table.batch]
    assert moved == moves
    assert math.isclose(table.batch[-1].bounds["scales"]["height"][0], scales[0][0])


def test_scores_of_the_history_are_those_of_today(tmp_path: Path) -> None:
    """A method is told every earlier trial anew where bounds have moved."""

    @dataclass
    class Watching(Stubborn):
        histories: list[Any] = field(default_factory=list)

        def propose(self, space: Any, history: Any, *rest: Any) -> Proposal:
            self.histories.append(history.scores.copy())
            return super().propose(space, history, *rest)

    goal = {"weights": {"height": 1, "width": 1}, "normalise": "adaptive", "adaptive": {"every": 5}}
    method = Watching([[1, 1]])
    search = toy_search(grid_space(), method, objective=goal)
    table, _ = _run(tmp_path / "s", search, trials=20)
    seen = {len(scores): scores for scores in method.histories}
    for count in (5, 10, 15):
        scoring = Scoring(search.scoring.objective)
        columns = scoring.table()
        for trial in range(count):
            columns.append(table.figures_of(trial))
        scoring.restore(table.batch[count // 5 - 1].bounds)
        assert seen[count].tolist() == scoring.view(columns).scores.tolist()
    assert seen[5].tolist() != seen[10][:5].tolist()


@pytest.mark.parametrize("method", ["grid", "sobol", "ga", "de", "anneal", "bandit"])
@pytest.mark.parametrize("value", ["x", None, [], {}, -1, 0, 2**62, 1e300, [[1]], True])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_states_of_others_are_an_error_or_of_no_effect(method: str, value: Any) -> None:
    """What a database states as a method's own may have been written by anyone."""
    search = toy_search(grid_space(), method)
    usual = dict(search.first_batch(30).state)
    for key in usual or {"at": 0}:
        with contextlib.suppress(ResultsError):
            found = search.propose(1, 5, search.no_history(), {**usual, key: value}, {})
            assert len(found.rows) <= 5


def test_a_batch_is_filled_up_or_says_that_it_cannot_be() -> None:
    space = grid_space(3, 1)
    search = toy_search(space, "random")

    def batch(seen: set[bytes], patience: Patience = PATIENCE) -> Any:
        return propose_batch(
            space, Stubborn([[0, 0]]), search.no_history(), number=0, size=5, seed=1, state={},
            seen=seen, patience=patience,
        )  # fmt: skip

    found = batch(set())
    assert (len(found.rows), found.exhausted, found.counts.filled) == (3, True, 2)
    keys = set(space.keys(found.rows))
    nothing = batch(keys)
    assert (len(nothing.rows), nothing.exhausted) == (0, True)
    # Of a space that is too large to be gone through, points are drawn.
    drawn = batch(keys, Patience(attempts=1, draws=3, enumerated=1))
    assert (len(drawn.rows), drawn.exhausted, drawn.counts.attempts) == (0, True, 1)

"""Methods of a search: pure functions of the history that propose new points of a space."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import json
import subprocess
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wfo.errors import InputError
from wfo.search.batches import UNTAGGED, Patience, propose_batch
from wfo.search.methods import METHOD_NAMES, METHODS, choose, make_method, method_errors
from wfo.search.methods.options import read_defaults
from wfo.search.methods.ranking import best_trials, crowding, survivors
from wfo.search.methods.variation import Frame
from wfo.search.objective.pareto import hypervolume
from wfo.search.space import Dimension, ParameterConstraint, SearchSpace
from wfo.search.values import History, Method, Proposal

FloatArray = NDArray[np.float64]

PATIENCE = Patience(attempts=8, draws=50, enumerated=1 << 16)
LEARNING = [name for name, entry in METHODS.items() if entry.learns]
SEVERAL = [name for name, entry in METHODS.items() if entry.several and entry.learns]


def number(name: str, values: int) -> Dimension:
    return Dimension(name, "int", low=0, high=values - 1)


def smooth(name: str) -> Dimension:
    return Dimension(name, "float", low=-2.0, high=3.0)


GRID = SearchSpace((number("a", 7), number("b", 9), number("c", 5)))
HOLES = SearchSpace(
    (number("a", 12), number("b", 12), Dimension("word", "choice", values=("x", "y", "z"))),
    constraints=(ParameterConstraint("a < b"), ParameterConstraint("(a + b) % 3 != 1")),
)
REPAIRED = SearchSpace(
    (number("a", 10), number("b", 20)),
    constraints=(ParameterConstraint("a < b", {"b": "a + 3"}),),
)
SMOOTH = SearchSpace(tuple(smooth(name) for name in "abcd"))
MIXED = SearchSpace(
    (
        smooth("a"),
        number("b", 6),
        Dimension("flag", "choice", values=(False, True)),
        Dimension("word", "choice", values=("one", "two", "three", "four")),
        Dimension("only", "int", values=(7,)),
        Dimension("log", "float", low=1e-4, high=1.0, log=True),
    )
)
SPACES = {"grid": GRID, "holes": HOLES, "repaired": REPAIRED, "smooth": SMOOTH, "mixed": MIXED}


def rng(*seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


def history(
    rows: FloatArray,
    objectives: FloatArray,
    *,
    violations: FloatArray | None = None,
    tags: NDArray[np.int64] | None = None,
    batches: NDArray[np.int64] | None = None,
    pruned: NDArray[np.bool_] | None = None,
) -> History:
    n = len(rows)
    values = np.asarray(objectives, float)
    values = values.copy() if values.ndim == 2 else values.reshape(n, 1)
    found = History(
        np.asarray(rows, float),
        values[:, 0].copy(),
        np.zeros(n) if violations is None else np.asarray(violations, float),
        values,
        np.full(n, UNTAGGED) if tags is None else tags,
        np.zeros(n, np.int64) if batches is None else batches,
        np.zeros(n, bool) if pruned is None else np.asarray(pruned, bool),
    )
    # A method that writes into what it is given raises.
    for name in History.__slots__:
        getattr(found, name).setflags(write=False)
    return found


def empty(space: SearchSpace, objectives: int = 1) -> History:
    return history(np.zeros((0, len(space.dimensions))), np.zeros((0, objectives)))


def sphere(space: SearchSpace) -> Callable[[FloatArray], FloatArray]:
    target = rng(3).uniform(0.15, 0.85, len(space.dimensions))
    return lambda rows: -((space.unit(rows) - target) ** 2).sum(axis=1)


Evaluated = Callable[[FloatArray], FloatArray]


def search(
    space: SearchSpace,
    make: Callable[[], Method],
    objectives: Evaluated,
    *,
    trials: int,
    size: int = 10,
    seed: int = 0,
    violations: Evaluated | None = None,
    stop: Callable[[History, Mapping[str, Any]], None] | None = None,
) -> tuple[History, list[str]]:
    """Search batch by batch; each has a new method, and a state that went through JSON."""
    k = objectives(np.zeros((1, len(space.dimensions)))).reshape(1, -1).shape[1]
    known = empty(space, k)
    state: Mapping[str, Any] = {}
    notes: list[str] = []
    for batch in itertools.count():
        if len(known) >= trials:
            break
        found = propose_batch(
            space,
            make(),
            known,
            number=batch,
            size=min(size, trials - len(known)),
            seed=seed,
            state=state,
            seen=set(space.keys(known.rows)),
            patience=PATIENCE,
        )
        if not len(found.rows):
            break
        state = json.loads(json.dumps(found.state))
        notes += [f"{batch}: {found.note}"] if found.note else []
        rows = np.concatenate([known.rows, found.rows])
        known = history(
            rows,
            np.concatenate([known.objectives, objectives(found.rows).reshape(len(found.rows), -1)]),
            violations=None if violations is None else violations(rows),
            tags=np.concatenate([known.tags, found.tags]),
            batches=np.concatenate([known.batches, np.full(len(found.rows), batch)]),
        )
        if stop is not None:
            stop(known, state)
    return known, notes


def equal(one: Proposal, other: Proposal) -> bool:
    return (
        one.rows.tobytes() == other.rows.tobytes()
        and one.tags.tolist() == other.tags.tolist()
        and one.state == other.state
        and one.note == other.note
    )


#: Every method in every space; tpe, which costs most, only in some of them every time.
CASES = [
    pytest.param(
        name,
        where,
        marks=[pytest.mark.slow] if name == "tpe" and where not in {"holes", "mixed"} else [],
    )
    for name in METHODS
    for where, space in SPACES.items()
    if name != "grid" or space.size is not None
]


# What all methods keep to


@pytest.mark.parametrize(("name", "where"), CASES)
def test_a_proposal_follows_from_its_arguments_alone(name: str, where: str) -> None:
    space = SPACES[where]
    score = sphere(space)
    calls: list[tuple[History, dict[str, Any], int]] = []

    def keep(known: History, state: Mapping[str, Any]) -> None:
        calls.append((known, dict(state), len(calls) + 1))

    before = np.random.get_state()[1].tobytes()  # noqa: NPY002  # that it is not touched
    known, _ = search(
        space, lambda: make_method(name, budget=30), score, trials=30, size=10, stop=keep
    )
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002
    again, _ = search(space, lambda: make_method(name, budget=30), score, trials=30, size=10)
    assert known.rows.tobytes() == again.rows.tobytes()
    assert known.tags.tolist() == again.tags.tolist()
    # Whatever it was asked in between, one method answers as another one does.
    used = make_method(name, budget=30)
    for past, state, batch in [calls[-1], calls[0], calls[1]]:
        one = used.propose(space, past, batch, 7, rng(5, batch), state)
        other = make_method(name, budget=30).propose(
            space, past, batch, 7, rng(5, batch), json.loads(json.dumps(state))
        )
        assert equal(one, other)
        assert json.loads(json.dumps(one.state)) == one.state


def test_methods_load_without_what_only_some_of_them_need() -> None:
    said = "import sys, wfo.search.methods; print({'optuna', 'scipy'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


@pytest.mark.parametrize(("name", "where"), CASES)
def test_proposals_are_new_points_of_the_space(name: str, where: str) -> None:
    space = SPACES[where]
    made = make_method(name, budget=60)
    assert made.name == name
    known = empty(space)
    state: Mapping[str, Any] = {}
    for batch in range(4):
        found = made.propose(space, known, batch, 12, rng(batch), state)
        assert found.rows.dtype == np.float64
        assert found.rows.shape[1] == len(space.dimensions)
        assert found.tags.dtype == np.int64
        assert len(found.tags) == len(found.rows)
        assert (found.tags >= 0).all()
        assert (space.snap(found.rows) == found.rows).all()
        fixed = space.repaired(found.rows)
        keys = space.keys(fixed)
        # Grid order is kept, and two points that are repaired may become one.
        if name != "grid":
            assert len(set(keys)) == len(keys)
            assert not set(keys) & set(space.keys(known.rows))
            assert int(space.allowed(fixed).sum()) == 12
        fixed = fixed[space.allowed(fixed)]
        state = found.state
        new = fixed[[key not in space.keys(known.rows) for key in space.keys(fixed)]]
        rows = np.concatenate([known.rows, new])
        known = history(rows, sphere(space)(rows))


@pytest.mark.parametrize("name", LEARNING)
def test_only_the_order_of_scores_and_their_distances_count(name: str) -> None:
    # A score that is moved and stretched is another view of the same trials: states that kept
    # scores would mix both.
    space = SMOOTH
    rows = space.sample(rng(1).random((40, 4)))
    made = make_method(name, budget=80)
    state = made.propose(space, empty(space), 0, 40, rng(2), {}).state
    score = sphere(space)(rows)
    tags = np.arange(40) % 10
    one = history(rows, score, tags=tags)
    other = history(rows, 4 * score, tags=tags)
    first = made.propose(space, one, 1, 10, rng(3), state)
    second = made.propose(space, other, 1, 10, rng(3), state)
    assert first.rows.tobytes() == second.rows.tobytes()
    # What is absorbed in the first batch is compared by the scores of the second one.
    more = np.concatenate([rows, first.rows])
    moved = -sphere(space)(more)
    third = history(more, moved, tags=np.concatenate([tags, first.tags]))
    fourth = history(more, 8 * moved, tags=np.concatenate([tags, first.tags]))
    assert equal(
        made.propose(space, third, 2, 10, rng(4), first.state),
        made.propose(space, fourth, 2, 10, rng(4), second.state),
    )


@pytest.mark.parametrize("name", LEARNING)
def test_failed_pruned_and_violating_trials_are_borne(name: str) -> None:
    space = MIXED
    rows = space.sample(rng(1).random((30, 6)))
    score = sphere(space)(rows)
    score[::3] = np.nan
    violations = np.where(np.arange(30) % 3 == 1, 0.5, 0.0)
    violations[::3] = np.inf
    bad: list[tuple[FloatArray, FloatArray]] = [
        (score, violations),
        (np.full(30, np.nan), np.full(30, np.inf)),
        (np.full(30, np.nan), np.zeros(30)),
        (np.full(30, -np.inf), np.zeros(30)),
        (np.zeros(30), np.zeros(30)),
        (np.full(30, 1e300), np.full(30, 1e-300)),
    ]
    if name == "tpe":
        bad = bad[:4]
    for values, beyond in bad:
        for pruned in (np.zeros(30, bool), np.arange(30) % 2 == 0, np.ones(30, bool)):
            known = history(rows, values, violations=beyond, pruned=pruned)
            made = make_method(name, budget=90)
            state: Mapping[str, Any] = {}
            for batch in range(1, 2 if name == "tpe" else 3):
                found = made.propose(space, known, batch, 4, rng(batch), state)
                assert len(found.rows) == 4
                assert not found.note
                state = json.loads(json.dumps(found.state))


@pytest.mark.parametrize("name", [name for name in METHODS if name != "grid"])
@pytest.mark.parametrize("size", [1, 3, 200])
def test_batches_of_any_size_are_filled(name: str, size: int) -> None:
    space = MIXED
    made = make_method(name, budget=20)
    known, state = empty(space), {}
    size = min(size, 25) if name == "tpe" else size
    for batch in range(3):
        found = made.propose(space, known, batch, size, rng(batch), state)
        assert len(found.rows) == size
        state = dict(found.state)
        rows = np.concatenate([known.rows, found.rows])
        tags = np.concatenate([known.tags, found.tags])
        known = history(rows, sphere(space)(rows), tags=tags)


@pytest.mark.parametrize("name", METHODS)
def test_a_small_space_is_exhausted(name: str) -> None:
    space = SearchSpace(
        (number("a", 4), number("b", 4), Dimension("word", "choice", values=("x", "y"))),
        constraints=(ParameterConstraint("a != b"),),
    )
    known, _ = search(space, lambda: make_method(name, budget=60), sphere(space), trials=60, size=7)
    assert len(set(space.keys(known.rows))) == len(known) == 24


@pytest.mark.parametrize("name", METHODS)
def test_a_space_of_one_point_is_proposed_once(name: str) -> None:
    space = SearchSpace((Dimension("a", "int", values=(3,)),))
    known, _ = search(space, lambda: make_method(name, budget=10), sphere(space), trials=10, size=2)
    assert known.rows.tolist() == [[0.0]]


# Methods that learn nothing


def test_the_grid_comes_in_its_order_whatever_the_batches() -> None:
    space = HOLES
    every = space.grid_rows(0, space.size or 0)
    wanted = every[space.allowed(every)]
    for size in (1, 5, 64, 1_000):
        known, _ = search(
            space, lambda: make_method("grid", budget=500), sphere(space), trials=500, size=size
        )
        assert known.rows.tolist() == wanted.tolist()
        assert not (known.tags == UNTAGGED).any()


def test_the_grid_goes_through_a_desert_in_one_batch() -> None:
    space = SearchSpace(
        (number("a", 1_000), number("b", 100)), constraints=(ParameterConstraint("a == 997"),)
    )
    found = make_method("grid", budget=100).propose(space, empty(space), 0, 3, rng(0), {})
    # What is forbidden is proposed as well, so that it is counted.
    assert len(found.rows) == 99_703
    assert found.rows[space.allowed(found.rows)].tolist() == [[997, 0], [997, 1], [997, 2]]
    assert found.state == {"next": 99_703}


def test_the_grid_of_a_continuous_space_names_its_dimensions() -> None:
    with pytest.raises(InputError, match="grid needs values or a step of a, log"):
        make_method("grid", budget=10, space=MIXED)
    with pytest.raises(InputError, match="a, log"):
        make_method("grid", budget=10).propose(MIXED, empty(MIXED), 0, 5, rng(0), {})


def test_random_points_follow_the_priors() -> None:
    space = SearchSpace(
        (
            Dimension("a", "float", low=0.0, high=1.0),
            Dimension("b", "float", low=0.0, high=10.0, prior=(2.0, 0.5)),
        )
    )
    found = make_method("random", budget=4_000).propose(space, empty(space), 0, 4_000, rng(0), {})
    a, b = space.unit(found.rows).T
    # Standard errors of a mean of 4,000 are .0046 and .008.
    assert abs(a.mean() - 0.5) < 0.02
    assert abs(10 * b.mean() - 2.0) < 0.04
    assert abs(10 * b.std() - 0.5) < 0.03


@pytest.mark.parametrize("count", [1, 8, 37])
def test_each_part_of_a_latin_hypercube_has_one_point(count: int) -> None:
    found = make_method("lhs", budget=count).propose(SMOOTH, empty(SMOOTH), 0, count, rng(1), {})
    for column in SMOOTH.unit(found.rows).T:
        assert np.sort(np.floor(column * count)).tolist() == list(range(count))


def test_a_sobol_sequence_goes_on_over_batches_and_is_balanced() -> None:
    made = make_method("sobol", budget=64)
    whole = made.propose(SMOOTH, empty(SMOOTH), 0, 64, rng(1), {})
    rows, state, known = [], {}, empty(SMOOTH)
    for batch, size in enumerate((5, 1, 26, 32)):
        # Its scrambling comes from the first batch, whatever the others' random numbers.
        found = made.propose(SMOOTH, known, batch, size, rng(1 if not batch else 99), state)
        state = dict(found.state)
        rows.append(found.rows)
        past = np.concatenate(rows)
        known = history(past, np.zeros(len(past)))
    assert np.concatenate(rows).tolist() == whole.rows.tolist()
    unit = SMOOTH.unit(whole.rows)
    for first in (16, 64):
        for column in unit[:first].T:
            assert np.bincount((column * first).astype(int)).tolist() == [1] * first
    # Points of the first two dimensions are a (0, m, 2)-net: one in each box of area 1/64.
    for power in range(7):
        across, down = 2**power, 2 ** (6 - power)
        boxes = (unit[:, 0] * across).astype(int) * down + (unit[:, 1] * down).astype(int)
        assert sorted(boxes) == list(range(64))
    assert made.propose(SMOOTH, empty(SMOOTH), 0, 64, rng(2), {}).rows.tolist() != (
        whole.rows.tolist()
    )


# Order of trials


def test_feasible_trials_are_first_and_those_without_a_score_last() -> None:
    scores = [5.0, 1.0, 9.0, np.nan, 3.0, 9.0, 2.0, 8.0, np.inf, 5.0]
    beyond = [0.0, 0.0, 2.0, np.inf, 0.0, 0.5, 0.0, np.nan, 0.0, 0.0]
    pruned = [False, False, False, False, True, True, True, False, False, False]
    known = history(np.zeros((10, 1)), np.array(scores), violations=beyond, pruned=pruned)
    # 5, 5 and 1 are feasible and whole; 3 and 2 are pruned; .5 and 2 beyond; the others undefined.
    order = [0, 9, 1, 4, 6, 5, 2, 3, 7, 8]
    for count in range(11):
        assert best_trials(known, count).tolist() == order[:count]
    assert best_trials(known, 3, since=1).tolist() == [9, 1, 4]


def test_the_best_of_many_equal_trials_are_the_earliest() -> None:
    scores = rng(1).integers(0, 4, 5_000).astype(float)
    known = history(np.zeros((5_000, 1)), scores)
    wanted = np.lexsort((np.arange(5_000), -scores))
    for count in (1, 10, 1_300, 4_999):
        assert best_trials(known, count).tolist() == wanted[:count].tolist()


def test_survivors_are_whole_fronts_and_then_the_least_crowded() -> None:
    values = rng(4).integers(0, 12, (60, 2)).astype(float)
    known = history(np.zeros((60, 1)), values, violations=np.where(np.arange(60) < 50, 0.0, 1.0))

    def dominates(one: FloatArray, other: FloatArray) -> bool:
        return bool((one >= other).all() and (one > other).any())

    left, fronts = set(range(50)), []
    while left:
        front = {i for i in left if not any(dominates(values[j], values[i]) for j in left)}
        fronts.append(front)
        left -= front
    for count in (1, 7, 20, 50, 55):
        chosen = survivors(known, np.arange(60), count).tolist()
        assert len(chosen) == len(set(chosen)) == count
        rest = count
        for front in fronts:
            taken = front & set(chosen)
            assert len(taken) == min(len(front), max(rest, 0))
            if taken < front:
                members = sorted(front)
                distance = dict(zip(members, crowding(values[members]), strict=True))
                left_out = [distance[trial] for trial in front - taken]
                assert min((distance[trial] for trial in taken), default=np.inf) >= max(left_out)
            rest -= len(taken)
        assert len({trial for trial in chosen if trial >= 50}) == max(count - 50, 0)


def test_crowding_by_hand() -> None:
    points = np.array([[0.0, 4.0], [1.0, 3.0], [3.0, 1.0], [4.0, 0.0]])
    # (3 - 0) / 4 of either objective, and (4 - 1) / 4.
    assert crowding(points).tolist() == [np.inf, 1.5, 1.5, np.inf]
    assert crowding(np.ones((1, 3))).tolist() == [np.inf]


# Dimensions without an order


def test_a_step_of_an_unordered_dimension_leads_to_any_other_value() -> None:
    space = SearchSpace((Dimension("word", "choice", values=tuple("abcde")), smooth("x")))
    frame = Frame.of(space)
    for begin in range(5):
        rows = np.tile([float(begin), 0.5], (5_000, 1))
        at = np.arange(5_000)
        frame.step(rows, at, np.zeros(5_000, np.int64), np.full(5_000, 1e-3), rng(begin))
        count = np.bincount(rows[:, 0].astype(int), minlength=5)
        assert count[begin] == 0
        # 1,250 each; the standard deviation is 31.
        assert (np.abs(np.delete(count, begin) - 1_250) < 160).all()
        assert (rows[:, 1] == 0.5).all()


@pytest.mark.parametrize("size", [1e-9, 0.01, 0.3, 1.0])
def test_a_step_of_an_ordered_dimension_is_one_digit_at_least_and_stays_inside(
    size: float,
) -> None:
    space = SearchSpace((number("a", 9), smooth("x")))
    frame = Frame.of(space)
    begin = np.repeat(np.arange(9.0), 50)
    rows = np.stack([begin, np.full(450, 0.25)], axis=1)
    at = np.arange(450)
    for column in (0, 1):
        frame.step(rows, at, np.full(450, column), np.full(450, size), rng(column))
    moved = np.abs(rows[:, 0] - begin)
    assert (moved >= 1).all()
    assert (moved <= max(1.0, np.rint(8 * size))).all()
    assert ((rows >= 0) & (rows <= [8, 1])).all()
    assert (rows[:, 1] != 0.25).all()


@pytest.mark.parametrize("name", ["ga", "de"])
def test_children_have_their_parents_values_where_there_is_no_order(name: str) -> None:
    # Twelve trials of two words out of nine: what lay between or beyond them by arithmetic would
    # be another word.
    space = SearchSpace(
        (Dimension("word", "choice", values=tuple("abcdefghi")), *SMOOTH.dimensions)
    )
    rows = space.sample(rng(1).random((12, 5)))
    rows[:, 0] = np.where(np.arange(12) % 2 == 0, 2, 5)
    made = make_method(name, {"population": 12, "mutation": 0.0}, budget=10_000)
    known = history(rows, sphere(space)(rows))
    found = made.propose(space, known, 1, 200, rng(2), {})
    assert set(found.rows[:, 0]) == {2.0, 5.0}


# The estimator


def test_without_optuna_the_estimator_gives_way_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    score = sphere(MIXED)
    known, notes = search(MIXED, lambda: make_method("tpe", budget=40), score, trials=40)
    assert len(known) == 40
    assert len(notes) == 1
    assert notes[0].startswith("0: tpe cannot go on (")
    assert "pip install 'wfo[search]'" in notes[0]
    assert notes[0].endswith("ga takes its place")


def test_another_version_of_optuna_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", types.SimpleNamespace(__version__="4.6.0"))
    found = make_method("tpe", budget=40).propose(MIXED, empty(MIXED), 0, 5, rng(0), {})
    assert "Optuna 4.6.0 is installed, and 5 is needed" in found.note
    assert len(found.rows) == 5


def test_a_sampler_that_raises_is_replaced_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    optuna = pytest.importorskip("optuna")
    level = optuna.logging.get_verbosity()
    score = sphere(MIXED)

    class Broken(optuna.samplers.TPESampler):  # type: ignore[misc, name-defined]
        def sample_relative(self, *_: Any) -> Any:
            raise RuntimeError("no more\npoints")

    known, notes = search(MIXED, lambda: make_method("tpe", budget=30), score, trials=30)
    assert notes == []
    made = make_method("tpe", budget=60)
    with monkeypatch.context() as patch:
        patch.setattr(optuna.samplers, "TPESampler", Broken)
        found = made.propose(MIXED, known, 3, 10, rng(1), {"since": 0})
    assert "RuntimeError: no more" in found.note
    assert "\n" not in found.note
    assert len(found.rows) == 10
    # It goes on as it went on, although the sampler is whole again.
    later = made.propose(MIXED, known, 3, 10, rng(1), json.loads(json.dumps(found.state)))
    assert "fallback" in later.state
    assert later.note == ""
    assert optuna.logging.get_verbosity() == level


def test_the_estimator_keeps_away_from_what_is_forbidden() -> None:
    pytest.importorskip("optuna")
    # Scores rise with the first coordinate, and what is above a half violates a limit.
    rows = SMOOTH.sample(rng(1).random((60, 4)))
    score = rows[:, 0].copy()
    beyond = np.maximum(rows[:, 0] - 0.5, 0.0)
    made = make_method("tpe", budget=100)
    kept = made.propose(SMOOTH, history(rows, score, violations=beyond), 3, 20, rng(2), {})
    free = made.propose(SMOOTH, history(rows, score), 3, 20, rng(2), {})
    assert np.median(kept.rows[:, 0]) < 0.5 < np.median(free.rows[:, 0])


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("optuna")
    search(MIXED, lambda: make_method("tpe", budget=30), sphere(MIXED), trials=30)
    assert capfd.readouterr() == ("", "")


# Several objectives


@pytest.mark.parametrize("name", SEVERAL)
def test_several_objectives_are_approached_from_all_sides(name: str) -> None:
    space = SMOOTH
    ends = np.array([[0.2] * 4, [0.8] * 4])

    def objectives(rows: FloatArray) -> FloatArray:
        unit = space.unit(rows)
        return np.stack([-((unit - end) ** 2).sum(axis=1) for end in ends], axis=1)

    trials = 60 if name == "tpe" else 300
    known, notes = search(
        space,
        lambda: make_method(name, budget=trials, objectives=2),
        objectives,
        trials=trials,
        size=20,
    )
    assert notes == []
    random, _ = search(
        space, lambda: make_method("random", budget=trials), objectives, trials=trials, size=20
    )
    low = np.full(2, -1.5)
    assert hypervolume(known.objectives, low) > hypervolume(random.objectives, low)
    # Of the last ones, distances to both ends together, which are least between them.
    late = known.objectives[-20:].sum(axis=1)
    assert np.median(late) > np.quantile(random.objectives.sum(axis=1), 0.8)


@pytest.mark.parametrize("name", [n for n, e in METHODS.items() if not e.several])
def test_a_method_of_one_objective_says_which_take_several(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} takes one objective; for several there are .*ga"):
        make_method(name, budget=10, objectives=2)


# Standing still


def flat(rows: FloatArray) -> FloatArray:
    return np.zeros(len(rows))


@pytest.mark.parametrize("name", LEARNING)
def test_a_search_that_stands_still_begins_anew(name: str) -> None:
    made: list[Mapping[str, Any]] = []
    known, notes = search(
        SMOOTH,
        lambda: make_method(name, budget=100, stalled=3),
        flat,
        trials=100,
        stop=lambda _, state: made.append(state),
    )
    # The first trial is the best: three batches after that of a beginning without a better one.
    assert [note.split(":")[0] for note in notes] == ["4", "8"]
    assert all(f"3 batches of {name} have found nothing better: it begins anew" in n for n in notes)
    assert all(set(state["inner"]) == {name} for state in made)
    assert [state["since"] for state in made] == [0] * 4 + [40] * 4 + [80] * 2
    assert len(set(SMOOTH.keys(known.rows))) == 100


def test_a_new_beginning_forgets_what_was_found() -> None:
    # Before it all trials lie in one corner; what begins anew is a hypercube over all of the space.
    rows = SMOOTH.sample(rng(1).random((50, 4)) * 0.1)
    batches = np.arange(50) // 10
    known = history(rows, -np.arange(50.0), batches=batches)
    made = make_method("ga", budget=100, stalled=3)
    found = made.propose(SMOOTH, known, 5, 10, rng(2), {})
    assert "begins anew" in found.note
    for column in SMOOTH.unit(found.rows).T:
        assert np.sort(np.floor(column * 10)).tolist() == list(range(10))
    # Asked again for the same batch, it does not begin once more.
    again = made.propose(SMOOTH, known, 5, 10, rng(3), found.state)
    assert again.note == ""
    assert again.state["since"] == 50


def test_a_search_that_stands_still_changes_its_method_and_back() -> None:
    _, notes = search(
        MIXED,
        lambda: make_method("de", budget=120, stalled=2, then="ga"),
        flat,
        trials=120,
    )
    said = [note.split("; ")[0] for note in notes]
    assert said == [
        "3: 2 batches of de have found nothing better: ga goes on",
        "6: 2 batches of ga have found nothing better: de goes on",
        "9: 2 batches of de have found nothing better: ga goes on",
    ]


def test_a_search_that_finds_something_goes_on() -> None:
    steps = iter(range(1_000_000))

    def rising(rows: FloatArray) -> FloatArray:
        return np.array([float(next(steps)) for _ in rows])

    _, notes = search(SMOOTH, lambda: make_method("ga", budget=100, stalled=2), rising, trials=100)
    assert notes == []


def test_a_method_that_learns_nothing_gives_way_and_goes_on_where_it_was() -> None:
    trials, states = 40, []
    known, notes = search(
        GRID,
        lambda: make_method("grid", budget=trials, stalled=1, then="de"),
        flat,
        trials=trials,
        size=5,
        stop=lambda _, state: states.append(state),
    )
    assert [note.split(" ")[0] for note in notes] == ["2:", "4:", "6:"]
    assert known.rows[:10].tolist() == GRID.grid_rows(0, 10).tolist()
    assert states[5]["inner"]["grid"]["next"] >= 20 - 10
    assert len(set(GRID.keys(known.rows))) == len(known) == 40


@pytest.mark.parametrize("name", LEARNING)
def test_a_method_that_takes_over_learns_of_all_trials(name: str) -> None:
    if name == "tpe":
        pytest.importorskip("optuna")
    # Forty trials of Sobol points, whose tags mean nothing to it, and near the best of them more.
    score = sphere(SMOOTH)
    rows = make_method("sobol", budget=40).propose(SMOOTH, empty(SMOOTH), 0, 40, rng(0), {}).rows
    known = history(rows, score(rows), tags=np.arange(40), batches=np.zeros(40, np.int64))
    made = make_method("sobol", budget=200, stalled=2, then=name)
    found = made.propose(SMOOTH, known, 3, 20, rng(1), {})
    assert f"{name} goes on" in found.note
    # A bandit begins with blocks of all of the space.
    if name != "bandit":
        assert np.median(score(found.rows)) > np.median(score(rows))


def test_methods_that_learn_nothing_never_begin_anew() -> None:
    for name in ("grid", "random", "lhs", "sobol"):
        _, notes = search(
            GRID,
            lambda name=name: make_method(name, budget=100, stalled=1),  # type: ignore[misc]
            flat,
            trials=100,
        )
        assert notes == []


def test_a_front_that_grows_does_not_stand_still() -> None:
    rows = SMOOTH.sample(rng(1).random((50, 4)))
    batches = np.arange(50) // 10
    made = make_method("ga", budget=100, objectives=2, stalled=3)
    grows = np.stack([np.arange(50.0), -np.arange(50.0)], axis=1)
    assert made.propose(SMOOTH, history(rows, grows, batches=batches), 5, 5, rng(0), {}).note == ""
    still = np.stack([-np.arange(50.0), -np.arange(50.0)], axis=1)
    found = made.propose(SMOOTH, history(rows, still, batches=batches), 5, 5, rng(0), {})
    assert "nothing better" in found.note


# The choice


@pytest.mark.parametrize(
    ("space", "options", "name", "said"),
    [
        (GRID, {"budget": 315}, "grid", "315 trials are enough for all 315 points"),
        (GRID, {"budget": 100, "slow": True}, "tpe", "slow"),
        (GRID, {"budget": 101, "slow": True}, "de", "101 trials are more than tpe is ahead for"),
        (GRID, {"budget": 300, "slow": True, "objectives": 2}, "tpe", "slow"),
        (GRID, {"budget": 300, "slow": False}, "de", "fast"),
        (GRID, {"budget": 300, "slow": False, "objectives": 2}, "ga", "2 objectives"),
        (SMOOTH, {"budget": 12, "slow": True}, "sobol", "too few to learn from"),
        (SMOOTH, {"budget": 50_000, "slow": True}, "de", "50,000 trials are more"),
        (
            SearchSpace((Dimension("w", "choice", values=tuple("abcdefgh")), number("a", 900))),
            {"budget": 300, "slow": False},
            "de",
            "order",
        ),
        (
            SearchSpace(
                (
                    Dimension("v", "choice", values=tuple("abcdefghijklmnop")),
                    Dimension("w", "choice", values=tuple("abcdefghijklmnop")),
                    number("a", 9),
                )
            ),
            {"budget": 300, "slow": False},
            "ga",
            "67% of the dimensions have no order",
        ),
        (GRID, {"budget": 300, "slow": False, "sweep_seconds": 8.0}, "de", "takes 8 s"),
    ],
)
def test_auto_chooses_with_a_reason(
    space: SearchSpace,
    options: Mapping[str, Any],
    name: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = importlib.util.find_spec("wfo")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: found)
    choice = choose(space, **options)
    assert choice.name == name
    assert said in choice.reason
    assert choice.name in METHODS


def test_auto_does_without_optuna(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    choice = choose(GRID, budget=100, slow=True)
    assert choice.name == "de"
    assert "wfo[search]" in choice.reason
    assert choose(GRID, budget=300, slow=True, objectives=3).name == "ga"


# Options


def test_every_option_has_a_default_and_every_default_an_option() -> None:
    defaults = read_defaults()
    assert set(defaults) == {*METHODS, "asking", "auto"}
    for name, entry in METHODS.items():
        assert set(defaults[name]) == set(entry.options)
        assert method_errors(name, defaults[name]) == []


@pytest.mark.parametrize("name", METHODS)
def test_options_of_other_kinds_and_ranges_are_refused(name: str) -> None:
    bad = ["4", [1], {}, float("nan"), float("inf"), -1, -1e9, 1 << 70, 10**12, b"4"]
    for option in METHODS[name].options:
        for value in bad:
            errors = method_errors(name, {option: value})
            assert [each for each, _ in errors] == [option], (option, value)
            assert f"option {option} of the method {name} = " in errors[0][1]
            with pytest.raises(InputError, match="must be"):
                make_method(name, {option: value}, budget=10)
    wrong = {"unknown": 1, "other": 2}
    assert len(method_errors(name, wrong)) == 2
    with pytest.raises(InputError, match="has no option 'unknown'"):
        make_method(name, wrong, budget=10)
    for options in ([], "x", 3):
        assert "must be a mapping" in method_errors(name, options)[0][1]


def test_unknown_methods_are_refused_with_the_nearest() -> None:
    assert (*METHODS, "auto") == METHOD_NAMES
    assert method_errors("auto") == []
    for name, said in [("TPE", "'tpe'"), ("rnadom", "'random'"), (None, "known:"), (3, "known:")]:
        ((_, message),) = method_errors(name)
        assert message.startswith("there is no method ")
        assert said in message
    ((where, message),) = method_errors("ga", stalled=3, then="gaa")
    assert (where, "'ga'" in message) == ("then", True)
    with pytest.raises(InputError, match="auto is a choice"):
        make_method("auto", budget=10)


# Better than random points


def rosenbrock(space: SearchSpace) -> Evaluated:
    def score(rows: FloatArray) -> FloatArray:
        x = 4 * space.unit(rows) - 2
        return -(100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(axis=1)

    return score


def fenced() -> SearchSpace:
    """Return a grid of 41^4 points with a hole in it."""
    return SearchSpace(
        tuple(number(f"x{i}", 41) for i in range(4)),
        constraints=(ParameterConstraint("not (10 <= x0 <= 20 and 10 <= x1 <= 20)"),),
    )


def bests(
    name: str, function: Callable[[SearchSpace], Evaluated], trials: int, seeds: int
) -> list[float]:
    """Return the best score of a method in so many trials, by seed."""
    space = fenced()
    score = function(space)
    return [
        search(
            space,
            lambda: make_method(name, budget=trials),
            score,
            trials=trials,
            size=20,
            seed=seed,
        )[0].scores.max()
        for seed in range(seeds)
    ]


@functools.cache
def of_random(function: Callable[[SearchSpace], Evaluated], trials: int) -> float:
    """Return the median best of random points."""
    return float(np.median(bests("random", function, trials, 5)))


@pytest.mark.parametrize("function", [sphere, rosenbrock])
@pytest.mark.parametrize("name", ["tpe", "ga", "de"])
def test_what_learns_beats_random_points_at_equal_evaluations(
    name: str, function: Callable[[SearchSpace], Evaluated]
) -> None:
    if name == "tpe":
        pytest.importorskip("optuna")
    trials, seeds = (80, 2) if name == "tpe" else (200, 3)
    found, random = bests(name, function, trials, seeds), of_random(function, trials)
    # Twice as near to the optimum, which is 0, and each of its seeds better than the median.
    assert np.median(found) > random / 2
    assert min(found) > random


@pytest.mark.slow
@pytest.mark.parametrize("function", [sphere, rosenbrock])
@pytest.mark.parametrize("name", ["tpe", "ga", "de"])
def test_what_learns_beats_random_points_with_every_seed(
    name: str, function: Callable[[SearchSpace], Evaluated]
) -> None:
    if name == "tpe":
        pytest.importorskip("optuna")
    trials = 100 if name == "tpe" else 200
    assert min(bests(name, function, trials, 10)) > of_random(function, trials)

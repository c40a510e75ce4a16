"""p-values by permutation: cases by hand, and what exchangeable figures must give exactly."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from wfo.errors import InputError
from wfo.stats.pvalues import attainable_p, combined_p, p_value

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("real", "permuted", "expected"),
    [
        (3.0, [1, 2, 2.5], Fraction(1, 4)),
        (2.0, [1, 2, 3], Fraction(3, 4)),
        (0.0, [0, 0, 0, 0], Fraction(1)),
        (0.0, [1], Fraction(1)),
        (1.0, [0], Fraction(1, 2)),
        # What does not exist is smaller than all that does, ruin too, and no smaller than itself.
        (-INF, [NAN, NAN, NAN], Fraction(1, 4)),
        (NAN, [NAN, NAN, -INF], Fraction(1)),
        (-INF, [-INF, NAN, 0], Fraction(3, 4)),
        (INF, [INF, 5, NAN], Fraction(1, 2)),
    ],
)
def test_the_p_value_of_one_figure(real: float, permuted: list[float], expected: Fraction) -> None:
    assert p_value(real, permuted) == float(expected)


def test_the_one_p_value_by_hand() -> None:
    # First figure: the real 4 is first of 5; second: 1 ties with one and has two above, 4 of 5.
    real = [4.0, 1.0]
    permuted = [[1.0, 9.0], [2.0, 1.0], [3.0, 2.0], [0.0, 0.5]]
    p, each = combined_p(real, permuted)
    # Places of the others: 4 and 1; 3 and 4; 2 and 2; 5 and 5. Their least: 1, 3, 2, 5; the real 1.
    assert each.tolist() == [1 / 5, 4 / 5]
    assert p == 2 / 5


def test_figures_that_no_search_has_say_nothing() -> None:
    permuted = np.array([[1.0, NAN], [2.0, NAN], [3.0, NAN]])
    p, each = combined_p([2.5, NAN], permuted)
    assert each.tolist() == [1 / 2, 1.0]
    assert p == p_value(2.5, permuted[:, 0])


def _slowly(values: np.ndarray, real: int) -> Fraction:
    """The one p-value by its definition, cell by cell."""
    sets, figures = values.shape
    keys = [[(not math.isnan(v), 0.0 if math.isnan(v) else v) for v in row] for row in values]
    least = [
        min(sum(keys[o][j] >= keys[i][j] for o in range(sets)) for j in range(figures))
        for i in range(sets)
    ]
    return Fraction(sum(t <= least[real] for t in least), sets)


@pytest.fixture(scope="module")
def toys() -> list[np.ndarray]:
    """Exchangeable data sets, one a row: of figures alike and apart, with many ties, with gaps."""
    rng = np.random.default_rng(5)
    apart = rng.normal(size=(40, 3))
    alike = apart[:, :1] + 0.1 * rng.normal(size=(40, 4))
    tied = rng.integers(0, 4, size=(40, 3)).astype(float)
    gaps = np.where(rng.random((40, 3)) < 0.3, NAN, rng.normal(size=(40, 3)))
    return [apart, alike, tied, gaps]


def test_the_one_p_value_follows_its_definition(toys: list[np.ndarray]) -> None:
    for values in toys:
        for real in (0, 7, 39):
            others = np.delete(values, real, axis=0)
            assert combined_p(values[real], others)[0] == float(_slowly(values, real))


def test_p_values_are_at_most_nominal_on_exchangeable_figures(toys: list[np.ndarray]) -> None:
    # Any data set may be the real one: so the shares below are exact, not drawn.
    for values in toys:
        sets = len(values)
        found = [combined_p(values[i], np.delete(values, i, axis=0)) for i in range(sets)]
        ones = sorted(p for p, _ in found)
        each = np.array([p for _, p in found])
        for level in range(1, 1 + sets):
            assert sum(p <= level / sets for p in ones) <= level
            assert ((each <= level / sets).sum(axis=0) <= level).all()

    # Without ties each figure has one first data set, and no others have so small a p-value.
    for values in toys[:2]:
        sets = len(values)
        least = min(combined_p(values[i], np.delete(values, i, axis=0))[0] for i in range(sets))
        assert least == len(set(values.argmax(axis=0))) / sets


def test_the_p_value_of_one_figure_without_ties_is_uniform(toys: list[np.ndarray]) -> None:
    column = toys[0][:, 0]
    found = sorted(p_value(column[i], np.delete(column, i)) for i in range(len(column)))
    assert found == [k / 40 for k in range(1, 41)]
    again = sorted(
        combined_p(column[i : i + 1], np.delete(column, i)[:, None])[0] for i in range(len(column))
    )
    assert again == found


def test_rejections_at_5_percent_are_5_percent_where_figures_tie_seldom() -> None:
    # 600 tests of 3 figures on 399 permutations: a standard error of 0.9 points.
    rng = np.random.default_rng(11)
    mixed = rng.normal(size=(3, 3))
    hits = 0
    for _ in range(600):
        values = rng.normal(size=(400, 3)) @ mixed
        hits += combined_p(values[0], values[1:])[0] <= 0.05
    assert 0.03 < hits / 600 < 0.07


def test_what_one_figure_alone_can_attain() -> None:
    # In the second and the third figure permuted sets 0 and 2 are first, in the first one set 0.
    permuted = [[9.0, 7.0, 1.0], [1.0, 2.0, 2.0], [2.0, 1.0, 5.0]]
    assert attainable_p(permuted) == 2 / 4
    # The real data are ahead in the third figure and last elsewhere: with set 0, two of four.
    assert combined_p([NAN, NAN, 10.0], permuted)[0] == 2 / 4
    assert combined_p([10.0, NAN, NAN], permuted)[0] == 3 / 4
    assert attainable_p([[1.0], [2.0]]) == 1 / 3
    # What ties has no first one.
    assert attainable_p([[1.0, 3.0], [1.0, 3.0], [0.0, 3.0]]) == 1 / 4


@pytest.mark.parametrize(
    ("real", "permuted"),
    [([1.0], [[1.0, 2.0]]), ([], [[]]), ([1.0], np.zeros((0, 1))), ([[1.0]], [[1.0]])],
)
def test_shapes_that_do_not_fit_are_named(real: object, permuted: object) -> None:
    with pytest.raises(InputError, match="float64"):
        combined_p(real, permuted)  # type: ignore[arg-type]


def test_an_empty_list_of_permutations_is_refused() -> None:
    with pytest.raises(InputError):
        p_value(1.0, [])
    with pytest.raises(InputError, match="B"):
        p_value(1.0, [[1.0]])
    with pytest.raises(InputError, match="B"):
        attainable_p([1.0])

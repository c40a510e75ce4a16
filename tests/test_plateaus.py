"""Plateaus: planted ones are found again, noise has none, and regimes and ranks are as stated."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from sklearn.cluster import DBSCAN

import wfo
from wfo.selection.plateaus import LEAST_STABLE, dbscan, find_clusters
from wfo.selection.scoring import Cells

TOTAL = 1_152
SHAPE = (12, 7)
X, Y = np.meshgrid(np.arange(SHAPE[0]), np.arange(SHAPE[1]), indexing="ij")

FloatMap = NDArray[np.float64]

# Two hills and a ridge along the lower edge, as masks.
HILL_LEFT = (X - 2) ** 2 + (Y - 3) ** 2 <= 2
HILL_RIGHT = ((X - 9) ** 2 / 5 + (Y - 5) ** 2 / 2) <= 1
RIDGE = (Y <= 1) & (X >= 5) & (X <= 10)


def cells(level: FloatMap) -> Cells:
    return Cells(np.round(level * TOTAL).astype(np.int64), np.full(level.shape, TOTAL))


def planted(seed: int, *, edges: str) -> FloatMap:
    """A field where most cells have some stable combinations, and three plateaus in it."""
    rng = np.random.default_rng(seed)
    level = 0.15 + 0.03 * rng.standard_normal(SHAPE)
    for mask, height in ((HILL_LEFT, 0.45), (HILL_RIGHT, 0.4), (RIDGE, 0.35)):
        if edges == "steep":
            level = level + height * mask
        else:
            # The nearer to the plateau, the higher: half its height one cell away from it.
            at = np.argwhere(mask)
            away = np.sqrt(((np.argwhere(mask | True)[:, None] - at[None]) ** 2).sum(-1)).min(1)
            level = level + height * np.exp(-0.7 * away.reshape(SHAPE) ** 2)
    return np.clip(level, 0.06, 1.0)


def quick(seeds: int, of: int) -> list[Any]:
    """Seeds of fields, of which the first so many are tried in every run of the tests."""
    return [pytest.param(k, marks=() if k < seeds else pytest.mark.slow) for k in range(of)]


@pytest.mark.parametrize("edges", ["steep", "soft"])
@pytest.mark.parametrize("seed", quick(1, of=8))
def test_two_hills_and_a_ridge_are_found_again(seed: int, edges: str) -> None:
    found = find_clusters(cells(planted(seed, edges=edges)))
    assert len(found.members) == 3, found.note
    for wanted in (HILL_LEFT, HILL_RIGHT, RIDGE):
        best = max(found.members, key=lambda m: np.count_nonzero(m & wanted))
        overlap = np.count_nonzero(best & wanted) / np.count_nonzero(best | wanted)
        assert overlap >= (0.85 if edges == "steep" else 0.6)


@pytest.mark.parametrize("edges", ["steep", "soft"])
def test_the_same_cells_with_shuffled_levels_have_none(edges: str) -> None:
    level = planted(0, edges=edges)
    rng = np.random.default_rng(1)
    for _ in range(40):
        shuffled = rng.permutation(level.ravel()).reshape(SHAPE)
        found = find_clusters(cells(shuffled))
        assert found.members == ()
        assert found.note


@pytest.mark.slow
def test_chance_plateaus_are_rarer_than_one_in_a_hundred() -> None:
    level = planted(0, edges="soft")
    rng = np.random.default_rng(2)
    with_plateaus = sum(
        bool(find_clusters(cells(rng.permutation(level.ravel()).reshape(SHAPE))).members)
        for _ in range(2_000)
    )
    assert with_plateaus <= 20


def test_a_slope_gives_its_upper_part_and_not_the_map() -> None:
    level = 0.1 + 0.07 * X + 0.01 * np.random.default_rng(3).standard_normal(SHAPE)
    (top,) = find_clusters(cells(level)).members
    assert 0.2 <= top.mean() <= 0.45
    assert X[top].min() >= 7


BLOCKS = [(3, 3), (2, 4), (4, 2)]
CORNERS = [(0, 0), (0, 2), (4, 0), (5, 3), (-1, -1)]


@pytest.mark.parametrize(
    ("shape", "at", "seed"),
    [
        # Every block and every place at least once in every run of the tests.
        pytest.param(
            shape, at, seed, marks=() if seed == 0 and (i + k) % 3 == 0 else pytest.mark.slow
        )
        for i, shape in enumerate(BLOCKS)
        for k, at in enumerate(CORNERS)
        for seed in range(3)
    ],
)
def test_a_block_is_found_wherever_it_lies(
    shape: tuple[int, int], at: tuple[int, int], seed: int
) -> None:
    """In a corner, along an edge or within: the map's border costs a plateau no cell."""
    i, j = (a if a >= 0 else n - s for a, n, s in zip(at, SHAPE, shape, strict=True))
    wanted = np.zeros(SHAPE, bool)
    wanted[i : i + shape[0], j : j + shape[1]] = True
    noise = 0.02 * np.random.default_rng(seed).standard_normal(SHAPE)
    (found,) = find_clusters(cells(0.2 + 0.4 * wanted + noise)).members
    assert np.array_equal(found, wanted)


def test_a_single_peak_is_no_plateau() -> None:
    level = np.full(SHAPE, 0.2) + 0.02 * np.random.default_rng(4).standard_normal(SHAPE)
    level[6, 3] = 0.95
    assert find_clusters(cells(level)).members == ()


def test_an_even_map_has_none() -> None:
    for height in (0.0, 0.5, 1.0):
        found = find_clusters(cells(np.full(SHAPE, height)))
        assert found.members == ()
        assert found.note


def test_cells_with_few_stable_combinations_are_dropped() -> None:
    level = planted(0, edges="steep")
    few = np.where(HILL_LEFT, (LEAST_STABLE - 1) / TOTAL, level)
    found = find_clusters(cells(few))
    assert not any((m & HILL_LEFT).any() for m in found.members)
    nearly_empty = np.zeros(SHAPE)
    nearly_empty[:3, 0] = 0.9
    assert "3 of 84 cells hold 50 or more" in find_clusters(cells(nearly_empty)).note


def test_finding_is_the_same_every_time() -> None:
    level = cells(planted(5, edges="soft"))
    one, two = find_clusters(level), find_clusters(level)
    assert (one.level, one.reach, one.density, one.quality) == (
        two.level,
        two.reach,
        two.density,
        two.quality,
    )
    assert all(np.array_equal(a, b) for a, b in zip(one.members, two.members, strict=True))


def grid() -> wfo.Grid:
    """Twelve by seven cells of 64 combinations."""
    one = wfo.Grid.load("coarse", "atr_d_l").values
    values: dict[str, Any] = {name: axis[:1] for name, axis in one.items()}
    values["atr_multiplier"] = one["atr_multiplier"]
    values["atr_buy_multiplier"] = one["atr_buy_multiplier"]
    values["atr_period"] = list(range(4, 68))
    return wfo.Grid(values, strategy="atr_d_l")


def candidates_of(grid: wfo.Grid, stable: NDArray[np.int64], score: FloatMap) -> pl.DataFrame:
    """The first so many combinations of each cell, with a score each cell has in common."""
    rows = []
    for (i, j), count in np.ndenumerate(stable):
        for k in range(count):
            row = {name: axis[0] for name, axis in grid.values.items()}
            row["atr_multiplier"] = grid.values["atr_multiplier"][i]
            row["atr_buy_multiplier"] = grid.values["atr_buy_multiplier"][j]
            row["atr_period"] = grid.values["atr_period"][k]
            rows.append(row | {"Stability_Score": float(score[i, j]) - k / 1e3})
    return pl.DataFrame(rows).sort("Stability_Score", descending=True)


@pytest.fixture(scope="module")
def scored() -> tuple[wfo.Grid, pl.DataFrame]:
    chosen = grid()
    stable = np.where(HILL_LEFT | HILL_RIGHT, 62, 0) + np.where(RIDGE, 60, 0)
    stable = np.maximum(stable, 3)
    score = np.where(HILL_LEFT, 70.0, np.where(HILL_RIGHT, 80.0, np.where(RIDGE, 60.0, 90.0)))
    return chosen, candidates_of(chosen, stable, score)


def test_plateaus_are_ranked_by_stability_and_named_by_stop_class(
    scored: tuple[wfo.Grid, pl.DataFrame],
) -> None:
    chosen, candidates = scored
    plateaus = wfo.detect_plateaus(candidates, chosen)
    # HILL_RIGHT centres on the tenth stop multiplier, 20; HILL_LEFT on the third, 6; the ridge
    # spans 12 to 22, 17 on average.
    assert [p.rank for p in plateaus] == [1, 2, 3]
    assert [p.stop_class for p in plateaus] == ["WIDE", "MEDIUM", "WIDE"]
    assert [round(p.center[0]) for p in plateaus] == [20, 6, 17]
    assert [p.stability for p in plateaus] == sorted((p.stability for p in plateaus), reverse=True)
    left = plateaus[1]
    assert left.combinations == 62 * np.count_nonzero(HILL_LEFT) == 62 * len(left.cells)
    assert left.level == pytest.approx(62 / 64)
    assert left.stability == pytest.approx(70 - 30.5e-3)
    assert (6.0, 2.0) in left.cells
    # What a notebook shows is a line each, however many cells there are.
    assert repr(left).startswith(f"Plateau(2, MEDIUM, {len(left.cells)} cells, ")
    assert len(repr(plateaus)) < 350
    page = plateaus._repr_html_()
    assert page.count("<tr>") == 4
    assert f"{left.combinations:,}" in page


def test_no_plateaus_say_why() -> None:
    chosen = grid()
    none = wfo.detect_plateaus(candidates_of(chosen, np.where(X >= 0, 1, 0), 50.0 + 0 * X), chosen)
    assert not none
    assert none.note
    assert repr(none) == f"Plateaus(none: {none.note})"
    assert "Plateaus(none" in none._repr_html_()


@pytest.mark.parametrize(
    ("at", "stop_class"), [(1, "TIGHT"), (2, "MEDIUM"), (5, "MEDIUM"), (6, "WIDE")]
)
def test_stop_classes_follow_the_mean_stop_multiplier(at: int, stop_class: str) -> None:
    # A block of three columns around multiplier 4, 6, 12 or 14.
    chosen = grid()
    block = (abs(X - at) <= 1) & (Y >= 2) & (Y <= 5)
    stable = np.where(block, 60, 2)
    (plateau,) = wfo.detect_plateaus(candidates_of(chosen, stable, 50.0 + 0 * X), chosen)
    assert plateau.center[0] == chosen.values["atr_multiplier"][at]
    assert plateau.stop_class == stop_class
    assert plateau.to_dict()["regime"] == stop_class


def test_the_top_tenth_comes_from_the_plateaus_own_cells(
    scored: tuple[wfo.Grid, pl.DataFrame],
) -> None:
    chosen, candidates = scored
    for plateau in wfo.detect_plateaus(candidates, chosen):
        own = plateau.candidates(candidates, chosen)
        assert len(own) == plateau.combinations
        inside = set(own.select("atr_multiplier", "atr_buy_multiplier").rows())
        assert inside == set(plateau.cells)
        top = plateau.top(candidates, chosen)
        assert len(top) == -(-len(own) // 10)
        assert top["Stability_Score"].min() >= own["Stability_Score"].quantile(0.89)


def test_counts_from_candidates_or_handed_in_are_one(
    scored: tuple[wfo.Grid, pl.DataFrame],
) -> None:
    chosen, candidates = scored
    counted = Cells.empty(chosen)
    for x, y in candidates.select("atr_multiplier", "atr_buy_multiplier").rows():
        i = chosen.values["atr_multiplier"].index(x)
        j = chosen.values["atr_buy_multiplier"].index(y)
        counted.stable[i, j] += 1
    one = wfo.detect_plateaus(candidates, chosen)
    two = wfo.detect_plateaus(candidates, chosen, cells=counted)
    assert one.to_dict() == two.to_dict()


def test_plateaus_without_kept_candidates_come_last(
    scored: tuple[wfo.Grid, pl.DataFrame],
) -> None:
    chosen, candidates = scored
    all_cells = wfo.detect_plateaus(candidates, chosen).cells
    kept = candidates.filter(pl.col("Stability_Score") < 75)  # HILL_RIGHT, the best, is not kept
    plateaus = wfo.detect_plateaus(kept, chosen, cells=all_cells)
    assert [round(p.center[0]) for p in plateaus] == [6, 17, 20]
    assert np.isnan(plateaus[2].stability)
    assert plateaus[2].top(kept, chosen).is_empty()


def test_candidates_of_another_grid_are_an_error(
    scored: tuple[wfo.Grid, pl.DataFrame],
) -> None:
    chosen, candidates = scored
    with pytest.raises(wfo.InputError, match=r"atr_multiplier = 2\.5, which is not in the grid"):
        wfo.detect_plateaus(candidates.with_columns(atr_multiplier=pl.lit(2.5)), chosen)
    with pytest.raises(wfo.InputError, match="lack the column 'atr_buy_multiplier'"):
        wfo.detect_plateaus(candidates.drop("atr_buy_multiplier"), chosen)


@pytest.mark.parametrize("reach", [1.0, 1.5])
def test_clusters_of_cells_are_those_of_scikit_learn(reach: float) -> None:
    rng = np.random.default_rng(int(10 * reach))
    for _ in range(150):
        cells = rng.random(rng.integers(1, 16, 2)) < rng.random()
        density = int(rng.integers(2, 10))
        expected = np.full(cells.shape, -1)
        if cells.any():
            found = DBSCAN(eps=reach, min_samples=density).fit(np.argwhere(cells))
            expected[cells] = found.labels_
        assert dbscan(cells, reach, density).tolist() == expected.tolist()

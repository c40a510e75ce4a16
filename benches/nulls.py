"""What the statistics say where the truth is known: ``python benches/nulls.py``.

Markets are made: random walks without and with drift, walks with clustered volatility, and walks
with a planted edge of three sizes. On each the shipped commands do what they do on a real one:
``wfo run`` over a small grid and ``wfo permutation-test``, called in this process; and so do the
statistics of samples of ``wfo verdict``, without its finalists. One line a market is appended to
the file of ``--out``, so that a study that was stopped goes on; ``--table`` alone prints what the
file holds.

A planted edge is a drift that changes its sign: up by so much a day over some weeks, then down by
as much, each stretch of a length that is drawn. A rule that follows the trend can be out of the
market in the bad ones.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import io
import json
import math
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: Bars: a warm-up, and ten years of weekdays.
BARS = 2_740
LAST = dt.date(2025, 12, 31)
#: Steps that the path within a bar has, and the share of a day's variance that is its gap.
STEPS, GAP = 16, 0.3
#: Standard deviation of a day's logarithmic return, and the drift of a year, where there is one.
SIGMA, DRIFT = 0.012, 0.08
DAYS = 252
#: GARCH(1, 1) of a stock index: how much of the last square and of the last variance stays.
ALPHA, BETA = 0.1, 0.88
#: Mean length of a stretch of a planted edge, in bars.
STRETCH = 60
#: Its drift a day, by size.
EDGES = {"small": 0.0015, "medium": 0.003, "large": 0.0045}

KINDS = ("walk", "drift", "clustered", *(f"edge-{size}" for size in EDGES))

SYMBOL = "NULL"
#: 288 combinations, from ones that trade every few days to ones that hardly ever sell.
GRID = """
description: a small grid for studies of statistics

atr_d_l:
  atr_period: [10, 40]
  atr_multiplier: [2, 4, 8, 16]
  bb_length: [20]
  bb_deviation: [2]
  vol_threshold: [0.1]
  min_tightening: [0.25, 0.7]
  scaling_method: [0]
  atr_buy_period: [10, 40]
  atr_buy_multiplier: [0.5, 1.5, 3]
  atr_smooth_period: [2, 6, 14]
  equity_price_method: [0]
"""

#: Probability below which a statistic rejects.
LEVEL = 0.05


class Study(NamedTuple):
    """What every market of a study has in common."""

    runs: int
    samples: int
    resamples: int
    judged: int
    block: int


def closes(kind: str, random: np.random.Generator, count: int = BARS) -> FloatArray:
    """Return a market's logarithmic returns, one a bar, without what happens within it."""
    noise = random.standard_normal(count)
    if kind == "clustered":
        noise *= clustered(noise)
    drift = np.zeros(count)
    if kind in {"drift", "clustered"}:
        drift += DRIFT / DAYS
    if kind.startswith("edge-"):
        drift += DRIFT / DAYS + EDGES[kind.removeprefix("edge-")] * stretches(random, count)
    # Without drift the expected price stays, not its logarithm.
    return drift - SIGMA**2 / 2 + SIGMA * noise


def clustered(noise: FloatArray) -> FloatArray:
    """Return the standard deviations of a GARCH(1, 1) process of unit variance."""
    variance, found = 1.0, np.empty(len(noise))
    for at, each in enumerate(noise):
        found[at] = math.sqrt(variance)
        variance = 1 - ALPHA - BETA + (ALPHA * each * each + BETA) * variance
    return found


def stretches(random: np.random.Generator, count: int) -> FloatArray:
    """Return signs that stay for a while: +1 and -1 in turn."""
    turns = np.cumsum(random.random(count) < 1 / STRETCH) + random.integers(2)
    return 1.0 - 2.0 * (turns % 2)


def market(kind: str, seed: int) -> pl.DataFrame:
    """Return the bars of a made market: a gap, then a path of many steps to the close."""
    random = np.random.default_rng([KINDS.index(kind), seed])
    moves = closes(kind, random)
    centred = moves - moves.mean()
    # The parts of a day's move: a gap, and steps that add up to the rest.
    size = np.maximum(np.abs(centred), SIGMA) if kind == "clustered" else np.full(BARS, SIGMA)
    gap = GAP * moves + size * math.sqrt(GAP * (1 - GAP)) * random.standard_normal(BARS)
    steps = random.standard_normal((BARS, STEPS))
    steps -= steps.mean(axis=1, keepdims=True)
    steps *= (size * math.sqrt((1 - GAP) / STEPS))[:, None]
    steps += ((moves - gap) / STEPS)[:, None]
    path = np.cumsum(steps, axis=1)
    close = np.cumsum(moves) + math.log(100.0)
    opened = np.concatenate([[math.log(100.0)], close[:-1]]) + gap
    # The path is continuous: between two of its points it goes beyond both (Brownian bridge). At
    # points alone orders would fill at levels that it has jumped over, better than any market does.
    points = np.concatenate([np.zeros((BARS, 1)), path], axis=1)
    before, after = points[:, :-1], points[:, 1:]
    spread = -2 * (size**2 * (1 - GAP) / STEPS)[:, None]
    above, below = (
        np.sqrt((after - before) ** 2 + spread * np.log(1 - random.random((BARS, STEPS))))
        for _ in range(2)
    )
    high = opened + ((before + after + above) / 2).max(axis=1)
    low = opened + ((before + after - below) / 2).min(axis=1)
    dates = pl.date_range(
        LAST - dt.timedelta(days=2 * BARS), LAST, interval="1d", eager=True
    ).to_frame("date")
    dates = dates.filter(pl.col("date").dt.weekday() <= 5).tail(BARS)
    prices = {"open": opened, "high": high, "low": low, "close": close}
    made = {name: np.exp(values) for name, values in prices.items()}
    # Rounding of the last step can leave the close outside by a bit.
    made["high"] = np.maximum.reduce([made["high"], made["open"], made["close"]])
    made["low"] = np.minimum.reduce([made["low"], made["open"], made["close"]])
    return dates.with_columns(**{name: pl.Series(values) for name, values in made.items()})


@contextlib.contextmanager
def silent() -> Iterator[io.StringIO]:
    """Keep what commands print."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        yield said


def command(*words: str) -> None:
    """Call a command of the program."""
    from wfo.cli import cli

    with silent() as said:
        try:
            cli.main(list(words), prog_name="wfo", standalone_mode=False)
        except Exception as error:
            raise RuntimeError(f"wfo {' '.join(words)}: {error}\n{said.getvalue()}") from error


def judged(kind: str, seed: int, study: Study) -> dict[str, Any]:
    """Make a market, search it, and return what every statistic says."""
    from wfo.data import DataStore
    from wfo.data.meta import BarsOrigin

    begun = time.perf_counter()
    folder = Path(tempfile.mkdtemp(prefix="wfo-null-"))
    try:
        store = DataStore(folder / "data")
        origin = BarsOrigin(source="a made market", calendar="weekdays")
        store.save(SYMBOL, "1day", market(kind, seed), origin)
        grid = folder / "small.yaml"
        grid.write_text(GRID)
        out, here = str(folder / "results"), str(folder / "results" / SYMBOL)
        command(
            "run", "--symbol", SYMBOL, "--strategy", "atr_d_l", "--grid", str(grid), "--threads",
            "1", "--data-dir", str(folder / "data"), "--out", out, "--no-fetch",
        )  # fmt: skip
        found: dict[str, Any] = {"kind": kind, "seed": seed}
        searched = ["permutation-test", here, "--runs", str(study.runs), "--threads", "1"]
        command(*searched)
        if study.block:
            command(*searched, "--block", str(study.block))
        found["p"] = permutation_values(Path(here))
        if seed < study.judged:
            more = verdict_values(Path(here), study)
            found["p"] |= more["statistics"]
            found["mean"] = more["mean"]
    finally:
        shutil.rmtree(folder)
    found["seconds"] = time.perf_counter() - begun
    return found


def permutation_values(folder: Path) -> dict[str, float]:
    """Return the p-values of the permutation tests of a run, by variant and figure."""
    from wfo.runs.folder import RunFolder
    from wfo.runs.permuting.record import read_tests

    found: dict[str, float] = {}
    for test in read_tests(RunFolder(folder)):
        variant = f"permuted {test.variant.name}"
        found[f"{variant}: all figures"] = test.p_all
        for values in test.p.values():
            found |= {f"{variant}: {name}": p for name, p in values.items()}
    return found


def verdict_values(folder: Path, study: Study) -> dict[str, Any]:
    """Return what the statistics of a run say: p-values, and figures that have no level."""
    from wfo.runs.folder import RunFolder
    from wfo.runs.market import Market
    from wfo.runs.stored import run_benchmarks
    from wfo.runs.verdict.prediction import predict
    from wfo.runs.verdict.sampled import (
        Periods,
        excess_returns,
        sharpe_trials,
        strategy_sample,
    )
    from wfo.stats import cpcv_paths, overfitting_probability, superior_predictive_ability

    run = RunFolder(folder)
    manifest = run.read_manifest()
    market = Market.of_run(run, manifest, run_benchmarks(run, manifest), 1)
    (grid,), periods = manifest.load_grids(), Periods.of(market)
    returns = strategy_sample(periods, grid, study.samples).returns
    excess = excess_returns(returns, periods.held)
    earned, ahead = (sharpe_trials(each, len(grid)) for each in (returns, excess))
    least = manifest.gates.required(len(manifest.phases), manifest.phases.min_phases)
    prediction = predict(market, [(grid, manifest.gates, least)])
    assert manifest.completion is not None
    stable = manifest.completion.results[0]["stable"] / len(grid)
    # A probability that skill is there rejects where it is large.
    rejects = {
        "PSR of the best sampled set": earned.best_psr,
        "DSR": earned.best_dsr,
        "PSR, excess": ahead.best_psr,
        "DSR, excess": ahead.best_dsr,
    }
    found = {name: None if p is None else 1 - p for name, p in rejects.items()}
    for name, values in (("cash", returns), ("buy-and-hold", excess)):
        tested = superior_predictive_ability(values, resamples=study.resamples, seed=0)
        for kind in ("lower", "consistent", "upper"):
            found[f"SPA {kind}, {name}"] = getattr(tested, f"p_{kind}")
        # One set or more that StepM calls better is a rejection at its level.
        found[f"StepM, {name}"] = float(len(tested.superior) == 0)
    paths = cpcv_paths(returns, periods_per_year=periods.per_year).sharpes
    predicted = [
        each.stability.value
        for one in prediction.strategies
        for each in one.associations
        if each.over == "candidates"
    ]
    means = {
        "PBO": overfitting_probability(returns).pbo,
        "median CPCV path's Sharpe ratio": float(np.median(paths)),
        "stable share, v4": stable,
        "stability against the last phase": predicted[0] if predicted else None,
    }
    return {"statistics": found, "mean": means}


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of what is known; None where nothing is."""
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def study_of(arguments: argparse.Namespace) -> Study:
    """Return what was asked for."""
    return Study(
        arguments.runs, arguments.samples, arguments.resamples, arguments.judged,
        arguments.block,
    )  # fmt: skip


def carry_out(arguments: argparse.Namespace) -> None:
    """Judge the markets that the file does not have yet."""
    path: Path = arguments.out
    there = {(line["kind"], line["seed"]) for line in lines(path)}
    wanted = [(k, s) for s in range(arguments.sets) for k in arguments.kind]
    left = [each for each in wanted if each not in there]
    study, begun = study_of(arguments), time.perf_counter()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.jobs, mp_context=context) as pool, path.open("a") as file:
        work = [pool.submit(judged, kind, seed, study) for kind, seed in left]
        for count, each in enumerate(as_completed(work), 1):
            file.write(json.dumps(each.result()) + "\n")
            file.flush()
            if count % 50 == 0 or count == len(left):
                rate = count / (time.perf_counter() - begun)
                rest = (len(left) - count) / rate
                sys.stderr.write(f"{count:,} of {len(left):,}; {rest / 60:.0f} min left\n")


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the markets that were judged; a last line that was cut short counts as none."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for line in path.read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                found.append(json.loads(line))
    return found


def rejections(values: Iterable[float | None]) -> str:
    """Return the share of p-values that reject, with its standard error, in percent."""
    known = [v for v in values if v is not None and math.isfinite(v)]
    if not known:
        return "-"
    # A p-value of a test of 19 permutations is .05 up to the rounding of 1 / 20.
    share = sum(v <= LEVEL + 1e-9 for v in known) / len(known)
    error = math.sqrt(share * (1 - share) / len(known))
    return f"{100 * share:.1f} ± {100 * error:.1f}"


def table(path: Path) -> list[list[str]]:
    """Return the rejections of every statistic in every kind of market, in percent."""
    by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines(path):
        by_kind[line["kind"]].append(line)
    kinds = [kind for kind in KINDS if kind in by_kind]
    rows = [["", *kinds], ["markets", *(f"{len(by_kind[kind]):,}" for kind in kinds)]]
    names = dict.fromkeys(n for ls in by_kind.values() for line in ls for n in line["p"])
    rows += [
        [name, *(rejections(x["p"].get(name) for x in by_kind[k]) for k in kinds)] for name in names
    ]
    means = dict.fromkeys(n for ls in by_kind.values() for line in ls for n in line.get("mean", {}))
    for name in means:
        row = [f"mean of {name}"]
        for kind in kinds:
            found = mean(x.get("mean", {}).get(name) for x in by_kind[kind])
            row.append("-" if found is None else f"{found:.2f}")
        rows.append(row)
    return rows


def main() -> None:
    """Carry out what is left of the study, and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", action="append", choices=KINDS, help="by default all")
    parser.add_argument("--sets", type=int, default=2_000, help="markets of each kind")
    parser.add_argument("--runs", type=int, default=99, help="permutations of each")
    parser.add_argument("--block", type=int, default=0, help="test by blocks of so many bars too")
    parser.add_argument("--samples", type=int, default=200, help="combinations sampled")
    parser.add_argument("--resamples", type=int, default=500, help="of bootstraps")
    parser.add_argument(
        "--judged",
        type=int,
        default=400,
        help="markets of each kind with statistics of samples too",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--out", type=Path, default=Path("nulls.jsonl"))
    parser.add_argument("--table", action="store_true", help="only print what the file holds")
    arguments = parser.parse_args()
    arguments.kind = arguments.kind or list(KINDS)
    if not arguments.table:
        carry_out(arguments)
    rows = table(arguments.out)
    sys.stdout.write("| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]) + "\n")
    for row in rows[1:]:
        sys.stdout.write("| " + " | ".join(row) + " |\n")


if __name__ == "__main__":
    main()

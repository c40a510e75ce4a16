"""The suite: what every strategy must keep to, whatever it trades and whatever computes it."""

from __future__ import annotations

import functools
import tempfile
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl

import wfo
from wfo.backtest import Evaluator, Figures, as_stored, read_feeds
from wfo.backtest.checks import Labels
from wfo.backtest.engines import engines_of
from wfo.backtest.feeds import FIRST, SECOND
from wfo.backtest.figures import WHOLE_RATIOS, concatenate
from wfo.backtest.performance import performance
from wfo.backtest.recount import Records, recount, recount_whole
from wfo.data import BarsOrigin, DataStore
from wfo.data.frames import time_column
from wfo.settings import AccountSettings
from wfo.strategy import Number, RustKernel, Strategy, get_strategy
from wfo.testing.compare import (
    TOLERANCE,
    all_figures,
    closed_bars,
    differences,
    differences_until,
    extended_differences,
    flat_closes,
    largest_mark,
    moved_differences,
    named_differences,
    near,
    open_since,
    settled,
)
from wfo.testing.samples import (
    Case,
    Frames,
    arguments,
    random_frames,
    random_settings,
    random_value,
)
from wfo.testing.stamps import (
    bar_calendar,
    bar_timeframe,
    bar_timezone,
    dated,
    first_of_higher,
    higher_timeframes,
    history_bars,
    history_windows,
    needed,
)
from wfo.windows import Windows

#: How often values are drawn until they meet a strategy's constraints.
_DRAWS = 10_000


class StrategyConformance:
    """Tests of one strategy: derive a class whose name begins with ``Test``, and say which.

    Every engine that the strategy has is tested, and what the package does with them.

    Attributes
    ----------
    strategy
        The strategy, or what stands for it, such as a class of rules.
    optional
        Engines that may be missing, as one is whose module is not built here. All others must load.
    finite_memory
        Whether bars that lie further back than the lookback have no influence at all. An
        exponential average, for one, remembers the first bar: then say False.
    sized_by_settings
        Whether every trade takes the whole base that the settings name, the equity or at most the
        capital, in lots, as the contract of the package's own strategies has it. If a strategy
        sizes its trades itself, say False.
    cases
        How many backtests are drawn.
    seed
        From which they are drawn; they are the same in every run.
    """

    strategy: ClassVar[Strategy]
    optional: ClassVar[Collection[str]] = ()
    finite_memory: ClassVar[bool] = True
    sized_by_settings: ClassVar[bool] = True
    cases: ClassVar[int] = 20
    seed: ClassVar[int] = 0

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        if "strategy" in vars(cls):
            cls.strategy = get_strategy(cls.strategy)

    # What is drawn; to be replaced where chance finds nothing of interest

    def draw_params(self, rng: np.random.Generator) -> Mapping[str, Number]:
        """Return a parameter set that meets the strategy's constraints.

        Parameters
        ----------
        rng
            Where chance comes from, and nowhere else.
        """
        for _ in range(_DRAWS):
            drawn = {p.name: random_value(p, rng) for p in self.strategy.parameters}
            if all(c.holds([drawn[n] for n in c.names]) for c in self.strategy.rules):
                return drawn
        raise AssertionError(
            f"of {_DRAWS:,} draws none met {self.strategy.constraints}; say in draw_params of the"
            " derived class what does"
        )

    def draw_settings(self, rng: np.random.Generator) -> AccountSettings:
        """Return settings; by default any costs, sizing and lots, and no others than defaults."""
        return random_settings(self.strategy, rng)

    def draw_frames(self, rng: np.random.Generator, n: int) -> Frames:
        """Return n bars of every feed, always at the same stamps.

        By default they are random walks, and positive further columns: one bar a day, or where
        higher bars are read, shorter ones in sessions of the calendar that these are read by.
        """
        frames = random_frames(self.strategy, rng, n)
        return dated(self.strategy, frames) if higher_timeframes(self.strategy) else frames

    # Tests

    def test_every_engine_loads(self) -> None:
        """Engines are there, and compiled ones have the strategy's parameters."""
        for kernel in self.strategy.kernels:
            try:
                module: Any = kernel.load()
            except wfo.EngineError:
                if set(kernel.engines) <= set(self.optional):
                    continue
                raise
            if isinstance(kernel, RustKernel) and hasattr(module, "strategies"):
                names = dict(module.strategies()).get(kernel.name or self.strategy.name)
                assert names == list(self.strategy.names), (
                    f"{kernel.module} has the parameters {names} of {self.strategy.name}, which"
                    f" has {list(self.strategy.names)}"
                )
        assert self._engines(self.strategy.settings_of(None)), f"{self.strategy.name} has no engine"

    def test_cases_trade(self) -> None:
        """The backtests that are drawn close a trade each, on average; else they test nothing."""
        trades = sum(len(self._base(case).trades) for case in self._cases())
        assert trades >= self.cases, (
            f"the {self.cases} backtests of {self.strategy.name} close {trades} trades; say in"
            " draw_params of the derived class which parameters trade"
        )

    def test_engines_agree(self) -> None:
        """All engines trade in the same bars, and their figures are the same."""
        for case in self._cases():
            self._agree(case, dict(case.params), self._engines(case.settings))

    def test_figures_follow_from_trades_and_marks(self) -> None:
        """Every figure of every engine is what a recount of its trades and marks finds."""
        for case, engine, sim in self._simulations():
            about = f"{case}, engine {engine}"
            held = closed_bars(sim, 0, case.bars)
            since = open_since(sim)
            if since is None:
                since = -1
            elif since != -1:
                last = max([case.warmup, *sim.trades["exit_bar"]])
                assert last <= since < case.bars, (
                    f"{about}: bars_held counts {case.bars - since} bars beside the {held} of"
                    f" closed trades, the last of which closes in bar {last}"
                )
            wanted = self._recount(case, sim, since)
            said = named_differences(wanted, all_figures(sim), largest_mark(sim))
            assert not said, f"{about}: not what a recount finds: {'; '.join(said)}"

    def test_figures_of_a_whole_history(self) -> None:
        """Without a boundary, figures are those of trades and marks; bars fall no less within."""
        for case, engine, sim in self._simulations():
            if _lacks(self.strategy, engine, case.settings, performance=True) is not None:
                continue
            about = f"{case}, engine {engine}"
            feeds = read_feeds(self.strategy, **arguments(case.frames))
            found = performance(
                self.strategy, feeds, case.params, case.settings, warmup=case.warmup, engine=engine
            )
            since = open_since(sim)
            records = self._records(sim, -1 if since is None else since)
            wanted = recount_whole(records, case.warmup)
            within = {name for name in wanted if name.endswith("intraday_dd")}
            for name in within:
                wanted.pop(name)
            if since is None:
                # Without extended figures it is not known when what is open was entered.
                for name in ("bars_held", "open_profit"):
                    wanted.pop(name)
            scale = largest_mark(sim)
            said = [
                f"{name}: {value} and {found[name]}"
                for name, value in wanted.items()
                if not near(value, found[name], TOLERANCE * _size(name, value, scale))
            ]
            assert not said, f"{about}: not what a recount finds: {'; '.join(said)}"
            falls = [found[name] for name in sorted(within)]
            assert np.isnan(falls).all() or found["intraday_dd"] >= found["dd"], (
                f"{about}: equity falls by {found['intraday_dd']} within bars, and its marks by"
                f" {found['dd']}"
            )

    def test_equity_adds_up(self) -> None:
        """Fills lie within their bars, and what trades earn is what equity has at flat closes."""
        for case, engine, sim in self._simulations():
            about = f"{case}, engine {engine}"
            bars = case.frames[FIRST]
            low, high = bars["low"].to_numpy(), bars["high"].to_numpy()
            for stage in ("entry", "exit"):
                at, price = (sim.trades[f"{stage}_{w}"].to_numpy() for w in ("bar", "price"))
                inside = (low[at] <= price) & (price <= high[at])
                assert inside.all(), f"{about}: an {stage} is filled outside of its bar"
            capital = case.settings.capital
            assert (sim.equity[: case.warmup] == capital).all(), f"{about}: marks of the warm-up"
            money = capital + settled(sim)
            wrong = np.flatnonzero(
                flat_closes(sim) & (abs(sim.equity - money) > TOLERANCE * largest_mark(sim))
            )
            assert not wrong.size, (
                f"{about}: at the close of bar {wrong[0]} nothing is held, and the equity is"
                f" {sim.equity[wrong[0]]}; capital and closed trades come to {money[wrong[0]]}"
            )
            for bar, mark in zip(*(sim.reversals or ((), ())), strict=True):
                closing = np.cumsum(sim.trades.filter(pl.col("exit_bar") == bar)["pnl"])
                marks = money[bar - 1] + np.array([0.0, *closing])
                assert (abs(marks - mark) <= TOLERANCE * largest_mark(sim)).any(), (
                    f"{about}: the reversal in bar {bar} is marked at {mark}, and trades come to"
                    f" {marks.tolist()}"
                )

    def test_trades_pay_their_costs(self) -> None:
        """Shares, costs and marks are those of the settings (`sized_by_settings`)."""
        if not self.sized_by_settings:
            return
        for case, engine, sim in self._simulations():
            about = f"{case}, engine {engine}"
            s, scale = case.settings, largest_mark(sim)
            close = case.frames[FIRST]["close"].to_numpy()
            money = s.capital
            for trade in sim.trades.iter_rows(named=True):
                side = 1 if trade["side"] == "long" else -1
                entry, leave = trade["entry_price"], trade["exit_price"]
                base = money if s.sizing == "compound" else min(s.capital, money)
                # A long is bought with its fee; a short is worth its base before the fee.
                basis = entry * (1 + side * s.slip) * (1 + side * s.fee)
                shares = s.whole_lots(base / (basis if side > 0 else entry * (1 - s.slip)))
                net = leave * (1 - side * s.slip) * (1 - side * s.fee)
                pnl = shares * side * (net - basis)
                assert abs(trade["pnl"] - pnl) <= TOLERANCE * scale, (
                    f"{about}: the trade {trade} earns {trade['pnl']}; with its costs it is {pnl}"
                )
                here = slice(trade["entry_bar"], trade["exit_bar"])
                marks = money + shares * side * (close[here] - basis)
                assert (abs(sim.equity[here] - marks) <= TOLERANCE * scale).all(), (
                    f"{about}: the trade {trade} is not marked at the closes of its bars"
                )
                money += trade["pnl"]

    def test_no_look_ahead(self) -> None:
        """What comes later changes nothing before; a bar's own close changes no order in it."""
        for case, engine, sim in self._simulations():
            rng = self._rng(case.number, 1)
            bars = [*sim.trades["entry_bar"], *sim.trades["exit_bar"]]
            last = case.bars - 2
            drawn = {int(rng.integers(case.warmup, last + 1)) for _ in range(2)}
            if bars:
                drawn |= {int(b) for b in rng.choice(bars, 3)}
            for t in sorted(b for b in drawn if b <= last):
                other = self.draw_frames(rng, case.bars)
                later = {
                    n: pl.concat([f[: t + 1], other[n][t + 1 :]]) for n, f in case.frames.items()
                }
                said = differences_until(sim, case.on(later).simulate(engine), t)
                assert not said, (
                    f"{case}, engine {engine}: bars after {t} change what was before: {said}"
                )
                for extreme in ("low", "high"):
                    within = _other_close(case.frames, later, other, t, extreme)
                    said = differences_until(sim, case.on(within).simulate(engine), t, closing=True)
                    assert not said, (
                        f"{case}, engine {engine}: the close of bar {t}, or a further feed in it,"
                        f" changes orders in it: {said}"
                    )

    def test_lookback_is_honoured(self) -> None:
        """A shorter warm-up is refused, and bars further back do not matter (`finite_memory`)."""
        for case in self._cases():
            need = self._need(case.params)
            if need > 1:
                short = replace(case, warmup=need - 1)
                self._refused("warmup", functools.partial(short.simulate, "auto"))
            rng = self._rng(case.number, 2)
            surplus = first_of_higher(self.strategy, self._probe, int(rng.integers(1, 40)))
            # How many bars higher ones take depends on where a history begins.
            need = self._need(case.params, surplus)
            frames = self.draw_frames(rng, need + surplus + 150)
            whole = Case(
                case.number,
                self.strategy,
                frames,
                case.params,
                case.settings,
                need + surplus,
                need + surplus + int(rng.integers(1, 150)),
            )
            cut = whole.on({n: f[surplus:] for n, f in frames.items()}, earlier=surplus)
            for engine in self._engines(case.settings):
                # Even where more is remembered, what the lookback asks for must do.
                found = cut.simulate(engine)
                if not self.finite_memory:
                    continue
                said = moved_differences(whole.simulate(engine), found, surplus)
                assert not said, (
                    f"{whole}, engine {engine}: without the first {surplus} bars, with {need} that"
                    f" the lookback asks for, {said}"
                )

    def test_cells_of_an_evaluator(self) -> None:
        """Ranges, lists and blocks, on any number of threads, are simulations of their sets."""
        for number in range(3):
            rng = self._rng(number, 3)
            grid, settings = self._grid(rng), self.draw_settings(rng)
            first = self._need_of(grid.values)
            n = first + 160
            frames = self.draw_frames(rng, n)
            phases = [(first, first + 90, n), (first + 9, first + 70, n - 30), (n - 50, n - 9, n)]
            feeds = read_feeds(self.strategy, **arguments(frames))
            labels = np.arange(n) // 7 % 3
            cells: dict[str, list[Figures]] = {}
            for engine in self._engines(settings):
                about = f"{grid!r} {grid.values}, {settings}, engine {engine}"
                extended = _lacks(self.strategy, engine, settings, extended=True) is None
                more: dict[str, Any] = {"figures": "extended", "labels": labels} if extended else {}
                try:
                    one, two = (
                        Evaluator(self.strategy, feeds, grid, phases, settings, engine, t, **more)
                        for t in (1, 2)
                    )
                except wfo.EngineError:
                    # It cannot take these axes together, and says so.
                    continue
                cells[engine] = whole = one.range(0, len(grid))
                _check_pieces(one, two, whole, rng, about)
                for index in rng.integers(len(grid), size=3).tolist():
                    for (warmup, split, end), figures in zip(phases, whole, strict=True):
                        cut = {name: f[:end] for name, f in frames.items()}
                        case = Case(
                            number, self.strategy, cut, grid.params(index), settings, warmup, split
                        )
                        sim = case.simulate(engine)
                        here = {k: v[index] for k, v in figures._asdict().items()}
                        said = named_differences(all_figures(sim), here, largest_mark(sim))
                        assert not said, f"{about}: combination {index} is not {case}: {said}"
            for (a, wanted), (b, found) in pairwise(cells.items()):
                for w, f in zip(wanted, found, strict=True):
                    said = named_differences(w._asdict(), f._asdict(), _money(one, w))
                    assert not said, f"{grid!r}: {a} and {b} differ: {'; '.join(said)}"

    def test_dated_parameters(self) -> None:
        """One set with a date is a plain simulation; a second one changes nothing before it."""
        for case in self._cases():
            rng = self._rng(case.number, 4)
            one, two = dict(case.params), dict(self.draw_params(rng))
            need = max(self._need(one), self._need(two))
            frames = self.draw_frames(rng, need + 120)
            here = Case(case.number, self.strategy, frames, one, case.settings, need, need + 70)
            days, change = (
                frames[FIRST][time_column(frames[FIRST])],
                need + int(rng.integers(1, 119)),
            )
            engines = self._engines(case.settings, dated=True)
            for engine in engines:
                plain = here.simulate(engine)
                for what, sets, wanted in (
                    ("one set with a date", [(days[0], one)], plain),
                    ("the same set twice", [(days[0], one), (days[change], one)], plain),
                    (
                        "a set that holds from the first trading bar on",
                        [(days[0], one), (days[need], two)],
                        here.simulate(engine, two),
                    ),
                ):
                    said = differences(wanted, here.simulate(engine, sets))
                    assert not said, f"{here}, engine {engine}: {what}: {'; '.join(said)}"
                until = differences_until(
                    plain, here.simulate(engine, [(days[0], one), (days[change], two)]), change - 1
                )
                assert not until, f"{here}, engine {engine}: {two} from bar {change} on: {until}"
            self._agree(here, [(days[0], one), (days[change], two)], engines)

    def test_wrong_parameters_are_refused(self) -> None:
        """What a parameter cannot be is an error that names it, for a simulation and for a grid."""
        case = next(self._cases())
        params = dict(case.params)
        for p in self.strategy.parameters:
            wrong: list[Any] = ["x", None, float("nan"), float("inf")]
            wrong += [p.low - 1] if np.isfinite(p.low) else []
            wrong += [p.high + 1] if np.isfinite(p.high) else []
            wrong += [params[p.name] + 0.5] if p.whole else []
            for value in wrong:
                given = params | {p.name: value}
                self._refused(p.name, functools.partial(case.simulate, "auto", given))
                axes = {name: [v] for name, v in given.items()}
                self._refused(p.name, functools.partial(wfo.Grid, axes, strategy=self.strategy))
            missing = {n: v for n, v in params.items() if n != p.name}
            self._refused(p.name, functools.partial(case.simulate, "auto", missing))
        unknown = params | {"no_such_parameter": 1}
        self._refused("no_such_parameter", functools.partial(case.simulate, "auto", unknown))
        rng = self._rng(0, 5)
        for constraint in self.strategy.rules:
            for _ in range(_DRAWS):
                drawn = {p.name: random_value(p, rng) for p in self.strategy.parameters}
                if not constraint.holds([drawn[n] for n in constraint.names]):
                    call = functools.partial(case.simulate, "auto", drawn)
                    self._refused(constraint.names[0], call)
                    break

    def test_grids_hold_what_is_allowed(self) -> None:
        """A grid has every set of its values that meets the constraints, once, in order."""
        for number in range(5):
            grid = self._grid(self._rng(number, 6))
            every = pl.DataFrame({"_": [0]})
            for name, values in grid.values.items():
                every = every.join(pl.DataFrame({name: list(values)}), how="cross")
            allowed = set()
            for row in every.drop("_").iter_rows(named=True):
                try:
                    allowed.add(self.strategy.check_params(row))
                except wfo.InputError:
                    continue
            found = [tuple(grid.params(i).values()) for i in range(len(grid))]
            assert len(found) == len(set(found)), f"{grid!r} has a combination twice"
            assert set(found) == allowed, (
                f"{grid!r}: {set(found) ^ allowed} are in it or allowed, and not both"
            )
            assert len(grid) + grid.left_out == len(every)

    def test_the_road_to_plateaus(self) -> None:
        """A sweep is scored, and plateaus are looked for; the best candidate is a simulation."""
        rng = self._rng(0, 7)
        grid = self._grid(rng, wide=self.strategy.map_axes or ())
        frames, windows = self._history(rng, grid)
        results = wfo.sweep(self.strategy, grid=grid, windows=windows, **arguments(frames))
        assert all(len(phase) == len(grid) for phase in results)
        with warnings.catch_warnings():
            # That fewer are stable than a schedule asks for is to be expected of chance.
            warnings.simplefilter("ignore")
            candidates = wfo.score(results, gates=wfo.Gates(min_phases=1, wfe=0, dd_ratio=1e9))
            plateaus = wfo.detect_plateaus(candidates, grid)
        assert candidates.columns[: len(grid.values)] == list(grid.values)
        scores = candidates["Stability_Score"].to_list()
        assert scores == sorted(scores, reverse=True), "the best candidate is not the first"
        for row in candidates[:1].iter_rows(named=True):
            assert results[0].phase is not None
            warmup, split, end = results[0].phase.bounds
            cut = {name: f[:end] for name, f in frames.items()}
            params = {name: row[name] for name in grid.values}
            settings = self.strategy.settings_of(None)
            case = Case(0, self.strategy, cut, params, settings, warmup, split)
            sim = case.simulate(results[0].engine)
            for column, value in (("P1_IS_PnL", sim.is_pnl), ("P1_OOS_PnL", sim.oos_pnl)):
                # Scores look at figures as files hold them.
                tolerance = max(TOLERANCE * largest_mark(sim), abs(value) * 2.0**-23)
                assert near(row[column], value, tolerance), (
                    f"{case}: {column} = {row[column]}, in a simulation {value}"
                )
        if self.strategy.map_axes is None:
            assert "has no map" in plateaus.note, plateaus.note
        else:
            assert plateaus.cells is not None
            assert int(np.sum(plateaus.cells.total)) == len(grid)

    def test_the_page_of_a_run(self) -> None:
        """`wfo.run` goes from stored bars to its page, and finds the same when it is repeated."""
        if any(f.columns or f.name not in {FIRST, SECOND} for f in self.strategy.feeds):
            # A store has bars of symbols, and nothing else yet.
            return
        rng = self._rng(0, 8)
        grid = self._grid(rng, wide=self.strategy.map_axes or ())
        frames, windows = self._history(rng, grid)
        with tempfile.TemporaryDirectory() as folder:
            store = DataStore(Path(folder) / "data")
            symbols = {FIRST: "ONE", SECOND: "TWO"}
            timeframe, calendar = bar_timeframe(self.strategy), bar_calendar(self.strategy)
            origin = BarsOrigin("wfo.testing", calendar, bar_timezone(self.strategy))
            for name, frame in frames.items():
                store.save(symbols[name], timeframe, frame, origin)
            pages = []
            # Names of one length, so that lines break at the same words.
            for out in ("results", "another"):
                report = wfo.run(
                    "ONE",
                    self.strategy,
                    symbol2="TWO" if SECOND in frames else None,
                    timeframe=timeframe,
                    grid=grid,
                    windows=windows,
                    expand=False,
                    data_dir=store.folder,
                    out=Path(folder) / out,
                )
                lines = report.page.replace(str(Path(folder) / out), "results").splitlines()
                pages.append(lines[: next(k for k, x in enumerate(lines) if "Written to" in x)])
            page = "\n".join(pages[0])
            assert pages[0] == pages[1], f"two runs differ:\n{page}\n{chr(10).join(pages[1])}"
            for text in (
                f"{self.strategy.name}, grid",
                f"{len(grid):,} combinations",
                f"Windows {windows.name!r}",
                "lateaus",
            ):
                assert text in page, f"{text!r} is not on the page:\n{page}"

    # What the tests share

    def _rng(self, *numbers: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *numbers])

    def _probe(self, n: int) -> Frames:
        """Return bars of which only the stamps are of interest."""
        return self.draw_frames(self._rng(0, 9), n)

    def _need(self, params: Mapping[str, Number], first: int = 0) -> int:
        return self._need_of({name: (value,) for name, value in params.items()}, first)

    def _need_of(self, values: Mapping[str, Sequence[Number]], first: int = 0) -> int:
        return needed(self.strategy, values, self._probe, first)

    def _cases(self) -> Iterator[Case]:
        for number in range(self.cases):
            rng = self._rng(number, 0)
            params = self.draw_params(rng)
            warmup = max(1, self._need(params)) + int(rng.choice([0, 0, 1, 30]))
            bars = warmup + int(rng.integers(3, 300))
            split = int(rng.integers(warmup + 1, bars))
            frames, settings = self.draw_frames(rng, bars), self.draw_settings(rng)
            yield Case(number, self.strategy, frames, params, settings, warmup, split)

    def _engines(self, settings: AccountSettings, *, dated: bool = False) -> list[str]:
        """Return the engines that can, the one that defines the strategy last."""
        return [
            name
            for name in engines_of(self.strategy)
            if _lacks(self.strategy, name, settings, dated=dated) is None
        ]

    def _simulations(self) -> Iterator[tuple[Case, str, wfo.Simulation]]:
        for case in self._cases():
            for engine in self._engines(case.settings):
                yield case, engine, case.simulate(engine)

    def _base(self, case: Case) -> wfo.Simulation:
        return case.simulate(self._engines(case.settings)[-1])

    def _agree(self, case: Case, params: Any, engines: list[str]) -> None:
        sims = {engine: case.simulate(engine, params) for engine in engines}
        for engine, other in pairwise(reversed(engines)):
            wanted, found = sims[engine], sims[other]
            said = differences(wanted, found)
            if wanted.extended and found.extended:
                said += extended_differences(wanted, found)
            assert not said, f"{case}, {params}: {other} is not {engine}: {'; '.join(said)}"

    def _records(self, sim: wfo.Simulation, since: int) -> Records:
        bars, marks = sim.reversals or (np.empty(0, np.int64), np.empty(0))
        return Records(
            np.where(sim.trades["side"].to_numpy() == "long", 1, -1),
            sim.trades["entry_bar"].to_numpy(),
            sim.trades["exit_bar"].to_numpy(),
            sim.trades["pnl"].to_numpy(),
            sim.equity,
            bars,
            marks,
            since,
        )

    def _recount(self, case: Case, sim: wfo.Simulation, since: int) -> dict[str, Any]:
        labels = None
        if sim.label_sum_r is not None:
            labels = Labels(case.labels, len(sim.label_sum_r))
        return recount(self._records(sim, since), case.warmup, case.split, labels)

    def _grid(self, rng: np.random.Generator, wide: Collection[str] = ()) -> wfo.Grid:
        """Return a grid of some dozens of combinations; of four values for what is `wide`."""
        sets = [self.draw_params(rng) for _ in range(5)]
        names = [*wide, *(n for n in rng.permutation(self.strategy.names) if n not in wide)]
        values, size = {}, 1
        for name in names:
            most = 5 if name in wide else int(rng.integers(1, 4))
            axis = list(dict.fromkeys(s[name] for s in sets[:most]))
            if size * len(axis) > 100:
                axis = axis[:1]
            values[name], size = axis, size * len(axis)
        return wfo.Grid(values, strategy=self.strategy, name="drawn")

    def _history(self, rng: np.random.Generator, grid: wfo.Grid) -> tuple[Frames, Windows]:
        """Return bars, and a schedule of phases that can be laid over them."""
        need = self._need_of(grid.values)
        frames = self.draw_frames(rng, need + history_bars(self.strategy))
        return frames, history_windows(self.strategy, frames[FIRST], need)

    def _refused(self, name: str, call: Callable[[], Any]) -> None:
        said = None
        try:
            call()
        except wfo.WfoError as error:
            said = str(error)
        assert said is not None, f"{self.strategy.name} takes a {name} that it cannot have"
        assert name in said, f"the error does not name {name}: {said}"


def _lacks(
    strategy: Strategy,
    engine: str,
    settings: AccountSettings,
    *,
    extended: bool = False,
    dated: bool = False,
    performance: bool = False,
) -> str | None:
    own = engines_of(strategy)[engine]
    return own.lacks(strategy, settings, extended=extended, dated=dated, performance=performance)


def _size(name: str, value: float, scale: float) -> float:
    """Return how large a figure of a whole history can be, which its rounding is a share of."""
    if name.endswith(("trades", "wins", "losses", "bars_held")):
        return 0.0
    if name.endswith("sum_pnl2"):
        return max(scale * scale, abs(value))
    return max(1.0, abs(value)) if name in WHOLE_RATIOS else max(scale, abs(value))


def _other_close(
    frames: Frames, later: Frames, other: Frames, t: int, extreme: str
) -> dict[str, pl.DataFrame]:
    """Return frames whose first one closes bar `t` elsewhere, the others having another bar `t`."""
    first = later[FIRST]
    bar = first[t : t + 1].with_columns(close=pl.col(extreme), **_columns(other[FIRST], t))
    found = {FIRST: pl.concat([first[:t], bar, first[t + 1 :]])}
    for name in frames.keys() - {FIRST}:
        found[name] = pl.concat([frames[name][:t], other[name][t:]])
    return found


def _columns(frame: pl.DataFrame, t: int) -> dict[str, pl.Series]:
    known = {"date", "datetime", "open", "high", "low", "close"}
    return {name: frame[name][t : t + 1] for name in frame.columns if name not in known}


def _check_pieces(
    one: Evaluator, two: Evaluator, whole: list[Figures], rng: np.random.Generator, about: str
) -> None:
    """Compare ways to ask for the same cells, on one thread and on two."""
    m = len(one)
    cuts = sorted({0, m, *rng.integers(m + 1, size=3).tolist()})
    pieces = [two.range(a, b) for a, b in pairwise(cuts)]
    indices = rng.integers(m, size=m + 3)
    size = max(1, m // 3)
    starts = rng.integers(m - size + 1, size=4)
    blocks = (starts[:, np.newaxis] + np.arange(size)).ravel()
    everything = np.arange(m)
    for what, found, at in (
        ("two threads", two.range(0, m), everything),
        (f"ranges {cuts}", [concatenate(p) for p in zip(*pieces, strict=True)], everything),
        (f"blocks of {size}", two.blocks(starts, size), blocks),
        (f"blocks of {size} on one thread", one.blocks(starts, size), blocks),
    ):
        for k, (cells, own) in enumerate(zip(whole, found, strict=True)):
            for name, column in cells._asdict().items():
                assert np.array_equal(column[at], getattr(own, name), equal_nan=True), (
                    f"{about}: {what}: {name} of phase {k + 1} differs from one range's"
                )
    for what, evaluator in (("a list", two), ("a list on one thread", one)):
        for k, (cells, own) in enumerate(zip(whole, evaluator.list(indices), strict=True)):
            # What stands alone may be added up in another order than in a row.
            wanted = {name: column[indices] for name, column in cells._asdict().items()}
            said = named_differences(wanted, own._asdict(), _money(one, cells))
            assert not said, f"{about}: {what}, phase {k + 1}: {'; '.join(said)}"
    for k, (cells, own) in enumerate(zip(whole, two.range(0, m, stored=True), strict=True)):
        for name, column in as_stored(cells)._asdict().items():
            assert np.array_equal(column, getattr(own, name), equal_nan=True), (
                f"{about}: stored {name} of phase {k + 1} is not what is computed"
            )


def _money(evaluator: Evaluator, cells: Figures) -> float:
    """Return how large marks are at least, in the largest of some backtests."""
    pnl = max(abs(cells.is_pnl).max(), abs(cells.oos_pnl).max())
    return float(evaluator.settings.capital + pnl)

"""The core's extended figures, its dated parameters and its grids of any axes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from cases import Case, case, random_bars
from numpy.typing import NDArray

import wfo
from wfo import _core

STRATEGIES = list(wfo.strategies())
STANDARD = ("is_pnl", "oos_pnl", "is_dd", "oos_dd", "is_trades", "oos_trades")
BY_TRADES = ("wins", "losses", "gross_profit", "gross_loss", "largest_win", "largest_loss")
SIDES = {"": (1, -1), "long_": (1,), "short_": (-1,)}
BY_MARKS = ("bars_held", "dd_share", "sum_r", "sum_r2", "sum_down2")
PART = [side + name for side in SIDES for name in BY_TRADES] + list(BY_MARKS)
PARTS = ("is_", "oos_")
NAMES = [*STANDARD, *(part + name for part in PARTS for name in PART)]
LABELS = 7
MOST_BARS = 9_000
#: Money is compared to the largest mark, a sum to the sum of what it adds up.
TOLERANCE = 1e-9


def feeds_of(this: Case) -> Any:
    named = (("bars", this.bars), ("bars2", this.bars2))
    return [
        (name, {c: frame[c].to_numpy() for c in ("open", "high", "low", "close")})
        for name, frame in named
        if frame is not None
    ]


def labels_of(this: Case) -> NDArray[np.int64]:
    """Labels of trading bars in blocks; what stands before is never looked at."""
    labels = np.arange(len(this.bars), dtype=np.int64) * LABELS // len(this.bars)
    labels[: this.warmup] = -1
    return labels


def simulate(this: Case, engine: str = "direct", sets: Any = None, **more: Any) -> Any:
    values = [float(v) for v in this.params.values()]
    return _core.simulate(
        engine,
        this.strategy,
        feeds_of(this),
        [(0, values)] if sets is None else sets,
        this.settings,
        this.warmup,
        this.split,
        **more,
    )


class Oracle:
    """The extended figures by their definitions, from marks, trades and reversals."""

    def __init__(self, this: Case, found: Any) -> None:
        self.figures: dict[str, Any] = {}
        self.scale: dict[str, float] = {}
        self.case = this
        _, self.trades, self.equity, self.reversals = found
        self.held = self._held()
        self._part("is_", this.warmup, this.split)
        self._part("oos_", this.split, len(this.bars))
        self.sums, self.squares = np.zeros(LABELS), np.zeros(LABELS)
        r = self._returns(this.warmup, len(this.bars))
        labels = labels_of(this)[this.warmup :]
        np.add.at(self.sums, labels, r)
        np.add.at(self.squares, labels, r * r)

    def _returns(self, start: int, stop: int) -> NDArray[np.float64]:
        after, before = self.equity[start:stop], self.equity[start - 1 : stop - 1]
        defined = (after > 0) & (before > 0)
        ones = np.ones_like(after)
        ratio = np.divide(after, before, out=ones, where=defined)
        return np.where(defined, ratio - 1, np.nan)

    def _held(self) -> NDArray[np.bool_]:
        """Bars at whose close something is held, but for a position that is open at the end."""
        held = np.zeros(len(self.equity), bool)
        for entry, leave in zip(self.trades["entry_bar"], self.trades["exit_bar"], strict=True):
            held[int(entry) : int(leave)] = True
        return held

    def _part(self, part: str, start: int, stop: int) -> None:
        figures, size = self.figures, float(np.abs(self.equity).max())
        closed = (self.trades["exit_bar"] >= start) & (self.trades["exit_bar"] < stop)
        for side, signs in SIDES.items():
            pnl = self.trades["pnl"][closed & np.isin(self.trades["side"], signs)]
            won, lost = pnl[pnl > 0], pnl[pnl < 0]
            values = (
                len(won),
                len(lost),
                won.sum(),
                lost.sum(),
                won.max(initial=0.0),
                lost.min(initial=0.0),
            )
            for name, value in zip(BY_TRADES, values, strict=True):
                figures[part + side + name] = value
                self.scale[part + side + name] = max(size, float(np.abs(pnl).sum()))
        figures[part + "bars_held"] = int(self.held[start:stop].sum())
        peak, share = self.equity[start - 1], 0.0
        marks = dict(zip(*(a.tolist() for a in self.reversals), strict=True))
        for t in range(start, stop):
            for mark in (marks.get(t), self.equity[t]):
                if mark is not None:
                    peak = max(peak, mark)
                    share = max(share, 1 - mark / peak)
        figures[part + "dd_share"] = share if self.equity[start - 1] > 0 else np.nan
        self.scale[part + "dd_share"] = 1 + abs(share)
        r = self._returns(start, stop)
        down = np.minimum(r, 0)
        for name, terms in (("sum_r", r), ("sum_r2", r * r), ("sum_down2", down * down)):
            figures[part + name] = terms.sum()
            self.scale[part + name] = float(np.abs(terms).sum())

    def check(self, found: dict[str, Any]) -> None:
        assert [n for n in found if not n.startswith("label_")] == NAMES
        for name, wanted in self.figures.items():
            value = found[name]
            if name.endswith("bars_held"):
                continue
            if name not in self.scale or isinstance(wanted, int):
                assert value == wanted, name
            elif np.isnan(wanted):
                assert np.isnan(value), name
            else:
                assert abs(value - wanted) <= TOLERANCE * self.scale[name], name
        self._check_held(found)

    def _check_held(self, found: dict[str, Any]) -> None:
        """What is held beside the closed trades is one position, open to the end."""
        extra = {p: found[p + "bars_held"] - self.figures[p + "bars_held"] for p in PARTS}
        last = max([0, *self.trades["exit_bar"].tolist()])
        oos = len(self.equity) - self.case.split
        assert 0 <= extra["oos_"] <= min(oos, len(self.equity) - last)
        assert extra["is_"] >= 0
        if extra["is_"]:
            assert extra["oos_"] == oos
        # A mark moves from bar to bar while something is held, but for a close that repeats.
        tail = len(self.equity) - sum(extra.values())
        assert np.all(np.diff(self.equity[max(last, self.case.warmup) : tail]) == 0)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_figures_are_those_of_marks_and_trades(strategy: str) -> None:
    for seed in range(40):
        this = case(9_000 + seed, strategy)
        plain = simulate(this)
        figures, trades, equity, reversals = simulate(
            this, labels=labels_of(this), label_count=LABELS
        )
        for name, value in plain[0].items():
            assert np.array_equal(value, figures[name], equal_nan=True)
        oracle = Oracle(this, (figures, trades, equity, reversals))
        oracle.check(figures)
        for name, wanted in (("label_sum_r", oracle.sums), ("label_sum_r2", oracle.squares)):
            assert figures[name].shape == (LABELS,)
            assert np.array_equal(np.isnan(wanted), np.isnan(figures[name])), seed
            assert np.allclose(wanted, figures[name], rtol=1e-9, atol=1e-12, equal_nan=True), seed
        n = len(trades["pnl"])
        assert n == figures["is_trades"] + figures["oos_trades"]
        assert all(len(column) == n for column in trades.values())


def test_a_trade_by_hand() -> None:
    """Buy at 98, a mark of 103, out at 97: one loss of 1 a share, and a fall of 6 from 103."""
    this = case(1)
    columns = np.full((100, 4), (100.0, 101.0, 99.0, 100.0))
    tail = [(100, 100.5, 97.5, 98), (98, 104, 98, 103), (97, 97, 95, 96), (96, 96.5, 95.5, 96)]
    frame = np.vstack([columns, tail]).T
    feeds = [("bars", dict(zip(("open", "high", "low", "close"), frame.copy(), strict=True)))]
    values = [70.0, 3.0, 10.0, 2.0, 1e-9, 1.0, 0.0, 70.0, 1.5, 1.0, 1.0]
    found, trades, equity, (bars, _) = _core.simulate(
        "direct", this.strategy, feeds, [(0, values)], wfo.Settings(), 100, 102
    )
    shares = 100_000 / 98
    assert equity[101] == pytest.approx(shares * 103)
    assert (found["is_bars_held"], found["oos_bars_held"], len(bars)) == (2, 0, 0)
    assert (found["oos_wins"], found["oos_losses"], found["oos_long_losses"]) == (0, 1, 1)
    assert found["oos_gross_loss"] == found["oos_largest_loss"] == trades["pnl"][0]
    assert trades["pnl"][0] == pytest.approx(-shares)
    assert found["oos_dd_share"] == pytest.approx(6 / 103)
    assert found["is_sum_r"] == pytest.approx(5 / 98)
    assert found["oos_sum_down2"] == found["oos_sum_r2"] == pytest.approx((6 / 103) ** 2)


def axes_of(this: Case, rng: np.random.Generator) -> tuple[Any, list[list[float]]]:
    """A small grid around a case: axes, and the values of every combination."""
    strategy = wfo.strategies()[this.strategy]
    values = {n: [float(v)] for n, v in this.params.items()}
    values["atr_multiplier"] = [0.5, 1.5, 4.0]
    values["atr_buy_multiplier"] += [values["atr_buy_multiplier"][0] * 1.7]
    values["equity_price_method"] = [0.0, 1.0]
    if "short_multiplier" in values:
        values["short_multiplier"] = [0.6, 1.0]
    if "entry_mode" in values:
        values["entry_mode"] = [0.0, 1.0, 2.0]
        values["both_triggered_mode"] = [0.0, 1.0]
        threshold = values["trend_veto_threshold"][0]
        values["trend_veto_threshold"] = [threshold, -20.0]
    names = list(strategy.names)
    axes: list[Any] = [([i], [[v] for v in values[n]]) for i, n in enumerate(names)]
    if "hma_fast_length" in values:
        lengths = [values[n][0] for n in names[-2:]]
        pairs = [lengths, [1.0, lengths[1]]]
        axes = [*axes[:-2], ([len(names) - 2, len(names) - 1], pairs)]
    rows: list[list[float]] = [[]]
    for _, options in axes:
        rows = [[*row, *option] for row in rows for option in options]
    return axes, rows


def sweep(this: Case, axes: Any, engine: str = "direct", **more: Any) -> _core.Sweep:
    n = len(this.bars)
    phases = [(this.warmup, this.split, n), (this.warmup + 1, max(this.split, this.warmup + 2), n)]
    phases = phases if phases[1][1] < n else phases[:1]
    return _core.Sweep(
        engine, this.strategy, feeds_of(this), axes, this.settings, phases, 2, **more
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_sweep_has_the_figures_of_simulations(strategy: str) -> None:
    rng = np.random.default_rng(4)
    for seed in range(6):
        this = case(9_100 + seed, strategy)
        axes, rows = axes_of(this, rng)
        labels: Any = {"labels": labels_of(this), "label_count": LABELS}
        prepared = sweep(this, axes, extended=True, **labels)
        assert len(prepared) == len(rows)
        found = prepared.run(0, len(rows))
        plain = sweep(this, axes).run(0, len(rows))
        sets = sweep(this, [(list(range(len(rows[0]))), rows)], extended=True, **labels)
        for whole, six, listed in zip(found, plain, sets.run(0, len(rows)), strict=True):
            assert [len(a) for a in whole] == [len(rows)] * (len(NAMES) + 2)
            assert all(np.array_equal(a, b) for a, b in zip(whole, six, strict=False))
            for a, b in zip(whole, listed, strict=True):
                assert np.array_equal(a, b, equal_nan=True)
        for i in range(0, len(rows), 7):
            figures, *_ = simulate(this, sets=[(0, rows[i])], **labels)
            for name, column in zip(figures, found[0], strict=True):
                assert np.array_equal(column[i], figures[name], equal_nan=True), name
        starts = np.array([3, 0], np.uint64)
        indices = np.array([3, 4, 5, 0, 1, 2], np.uint64)
        for run in (prepared.run_list(indices), prepared.run_blocks(starts, 3)):
            for whole, some in zip(found, run, strict=True):
                for a, b in zip(whole, some, strict=True):
                    assert np.array_equal(a[indices], b, equal_nan=True)


def jumping(this: Case) -> Case:
    """Prices that are tripled in every third month, which ruins shorts."""
    scale = np.where(np.arange(len(this.bars)) // 21 % 3 == 1, 3.0, 1.0)
    columns = {c: this.bars[c].to_numpy() * scale for c in ("open", "high", "low", "close")}
    return dataclasses.replace(this, bars=this.bars.with_columns(**columns))


def differences(wanted: Any, found: Any, marks: float) -> list[str]:
    """Names of the arrays that differ: counts at all, money by more than a part of the marks."""
    named = [*NAMES, "label_sum_r", "label_sum_r2"]
    by_name = dict(zip(named, wanted, strict=True))
    out = []
    for name, value in zip(named, found, strict=True):
        expected = by_name[name]
        part = name.removesuffix("2").removesuffix("sum_r").removesuffix("sum_down")
        if np.issubdtype(expected.dtype, np.integer):
            same = np.array_equal(expected, value)
        elif "sum" in name:
            # A sum of returns is compared with those that it may be made of: at most the square
            # root of their number times the sum of their squares.
            squares = by_name[part + "sum_r2"]
            scale = np.sqrt(squares * MOST_BARS) if name.endswith("sum_r") else squares
            undefined = np.isnan(expected)
            close = np.abs(value - expected) <= TOLERANCE * scale
            same = np.array_equal(undefined, np.isnan(value)) and bool((close | undefined).all())
        elif name.endswith("dd_share"):
            same = np.allclose(value, expected, rtol=TOLERANCE, atol=1e-12, equal_nan=True)
        else:
            same = bool((np.abs(value - expected) <= TOLERANCE * marks).all())
        if not same:
            out.append(name)
    return out


@pytest.mark.parametrize("style", ["pullback", "breakout"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_factored_engine_agrees(strategy: str, style: str) -> None:
    rng = np.random.default_rng(5)
    ruined = 0
    for seed in range(14):
        this = case(9_800 + seed, strategy, style)
        settings = dataclasses.replace(this.settings, sizing="compound", lot_size=0.0)
        this = dataclasses.replace(this, settings=settings)
        if seed % 2:
            this = jumping(this)
        axes, rows = axes_of(this, rng)
        more: Any = {"extended": True, "labels": labels_of(this), "label_count": LABELS}
        wanted = sweep(this, axes, **more).run(0, len(rows))
        prepared = sweep(this, axes, "factored", **more)
        found = prepared.run(0, len(rows))
        marks = max(
            this.settings.capital, *(float(np.abs(p[k]).max()) for p in wanted for k in range(4))
        )
        for a, b in zip(wanted, found, strict=True):
            assert differences(a, b, marks) == [], seed
            ruined += int(np.isnan(a[NAMES.index("oos_sum_r")]).sum())
        third = len(rows) // 3
        parts = [prepared.run(*cut) for cut in ((0, third), (third, len(rows)))]
        for k, whole in enumerate(found):
            for j, column in enumerate(whole):
                joined = np.concatenate([part[k][j] for part in parts])
                assert np.array_equal(column, joined, equal_nan=True)
        indices = np.array([len(rows) - 1, 0, 3], np.uint64)
        for a, b in zip(found, prepared.run_list(indices), strict=True):
            assert differences([c[indices] for c in a], b, marks) == []
    if wfo.strategies()[strategy].shorts:
        assert ruined, "no marks below 0 were met"


def test_the_factored_engine_says_where_it_cannot() -> None:
    this = case(9_900)
    for change in ({"sizing": "fixed"}, {"sizing": "compound", "lot_size": 1.0}):
        settings = dataclasses.replace(this.settings, **change)
        reason = _core.lacks("factored", this.strategy, settings, True, False)
        assert reason is not None
        assert "compound sizing, no lots" in reason
        assert _core.lacks("factored", this.strategy, settings, False, False) is None
        other = dataclasses.replace(this, settings=settings)
        axes, rows = axes_of(other, np.random.default_rng(1))
        with pytest.raises(wfo.EngineError, match="compound sizing, no lots"):
            sweep(other, axes, "factored", extended=True).run(0, len(rows))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_sets_take_turns(strategy: str) -> None:
    for seed in range(25):
        this = case(9_200 + seed, strategy)
        other = case(9_300 + seed, strategy)
        first, second = ([float(v) for v in c.params.values()] for c in (this, other))
        n = len(this.bars)
        turn = this.warmup + (n - this.warmup) // 3
        plain = simulate(this)
        again = simulate(this, sets=[(0, first), (turn, first), (turn + 1, first)])
        for a, b in zip(plain[:2], again[:2], strict=True):
            assert list(a) == list(b)
            assert all(np.array_equal(a[k], b[k], equal_nan=True) for k in a)
        assert np.array_equal(plain[2], again[2])
        try:
            turned = simulate(this, sets=[(this.warmup, first), (turn, second)])
        except wfo.InputError as error:
            assert "longest lookback" in str(error)  # noqa: PT017  # only where the other set looks further
            continue
        assert np.array_equal(turned[2][:turn], plain[2][:turn])
        Oracle(this, turned).check(turned[0])


def test_dated_sets_have_an_order() -> None:
    this = case(9_400)
    values = [float(v) for v in this.params.values()]
    w = this.warmup
    for sets, message in (
        ([], "at least one set"),
        ([(w + 1, values)], "the first one must hold from the first trading bar on"),
        ([(0, values), (0, values)], "parameter set 1 holds from bar 0"),
    ):
        with pytest.raises(wfo.InputError, match=message):
            simulate(this, sets=sets)
    with pytest.raises(wfo.EngineError, match="one parameter set from the first bar"):
        simulate(this, "factored", sets=[(0, values), (w + 1, values)])


def test_labels_are_checked() -> None:
    this = case(9_500)
    labels = labels_of(this)
    for wrong, message in ((labels[1:], "labels given for"), (labels + LABELS, "has label")):
        with pytest.raises(wfo.InputError, match=message):
            simulate(this, labels=wrong, label_count=LABELS)


def test_an_engine_says_what_it_lacks() -> None:
    settings = wfo.Settings()
    for engine in ("direct", "factored"):
        assert _core.lacks(engine, "atr_d_l", settings, False, False) is None
    assert _core.lacks("direct", "atr_d_ls", settings, True, True) is None
    dated = _core.lacks("factored", "atr_d_l", settings, False, True)
    assert dated == "it holds one parameter set from the first bar to the last"
    single = [[i] for i in range(11)]
    hull = [*single, [11, 12]]
    assert _core.lacks("factored", "atr_d_l", settings, False, False, single) is None
    assert _core.lacks("factored", "atr_d_hma_l", settings, False, False, hull) is None
    for strategy, axes in (
        ("atr_d_l", [list(range(11))]),
        ("atr_d_l", [single[1], single[0], *single[2:]]),
        ("atr_d_hma_l", [[i] for i in range(13)]),
        ("atr_d_l", hull),
    ):
        found = _core.lacks("factored", strategy, settings, False, False, axes)
        assert found is not None
        assert "one axis a parameter, in canonical order" in found
    this = case(9_600)
    row = [float(v) for v in this.params.values()]
    with pytest.raises(wfo.EngineError, match="one axis a parameter"):
        sweep(this, [(list(range(11)), [row])], "factored")
    with pytest.raises(wfo.InputError, match="engine = 'numba' is unknown"):
        _core.lacks("numba", "atr_d_l", settings, False, False)


def test_the_schema_names_all_figures() -> None:
    schema = _core.schema()
    assert [name for name, _ in schema] == NAMES
    kinds = dict(schema)
    assert {kinds[name] for name in STANDARD[:4]} == {"money"}
    assert kinds["oos_trades"] == kinds["is_short_wins"] == kinds["oos_bars_held"] == "count"
    assert kinds["is_dd_share"] == "share"
    assert kinds["oos_sum_down2"] == "ratio"


def test_feeds_are_named() -> None:
    this = case(9_700, "atr_d_duals_l")
    (name, columns), second = feeds_of(this)
    values = [float(v) for v in this.params.values()]

    def run(feeds: Any) -> Any:
        where = (this.settings, this.warmup, this.split)
        return _core.simulate("direct", this.strategy, feeds, [(0, values)], *where)

    volume = columns | {"volume": columns["close"] * np.nan}
    assert run([second, (name, volume)])[0] == run([(name, columns), second])[0]
    short = {c: v[1:] for c, v in columns.items()}
    for feeds, message in (
        ([(name, columns)], "reads a feed 'bars2', and none was given"),
        ([(name, columns), second, ("funding", columns)], "does not read a feed 'funding'"),
        ([(name, short), second], f"'bars2' has {len(this.bars)} bars"),
        ([(name, {"rate": columns["close"]}), second], "feed 'bars' has no column 'open'"),
        ([(name, columns), second, second], "'bars2' is given more than once"),
    ):
        with pytest.raises(wfo.InputError, match=message):
            run(feeds)


@pytest.mark.parametrize("strategy", ["atr_d_l", "atr_d_ls", "atr_d_hma_ls"])
def test_long_histories_have_the_same_figures(strategy: str) -> None:
    """So many bars that the factored engine cuts them into windows for the standard figures."""
    this = next(c for c in (case(seed, strategy) for seed in range(9_950, 9_990)) if c.split > 200)
    settings = dataclasses.replace(this.settings, sizing="compound", lot_size=0.0)
    rng = np.random.default_rng(6)
    bars = random_bars(rng, 9_000)
    this = dataclasses.replace(this, settings=settings, bars=bars, split=6_000)
    axes, rows = axes_of(this, rng)
    more: Any = {"extended": True, "labels": labels_of(this), "label_count": LABELS}
    count = min(len(rows), 48)
    wanted, found = (sweep(this, axes, e, **more).run(0, count) for e in ("direct", "factored"))
    marks = max(float(np.abs(p[k]).max()) for p in wanted for k in range(4))
    for a, b in zip(wanted, found, strict=True):
        assert differences(a, b, max(marks, settings.capital)) == []

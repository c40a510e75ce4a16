"""Let every cell of a matrix trade: choices once for all of them, then a backtest a cell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from wfo.errors import InputError
from wfo.metrics import Metrics
from wfo.progress import Progress, Silent
from wfo.stats.efficiency import tradestation_verdict, walk_forward_efficiency
from wfo.walkforward.components import Chooser, Decision, Params, WindowResult
from wfo.walkforward.history import History
from wfo.walkforward.matrix import WalkForwardMatrix
from wfo.walkforward.matrix_cells import HeldFigures, MatrixCell, finite
from wfo.walkforward.matrix_layout import LaidCell, MatrixLayout
from wfo.walkforward.matrix_table import RANKED_BY
from wfo.walkforward.parts import Part, part_of
from wfo.walkforward.results import phase_profits, sets_in_force
from wfo.walkforward.simulating import dated_sets, simulate_sets
from wfo.walkforward.slices import Slices
from wfo.walkforward.stitching import traded_slices
from wfo.windows import WalkWindow


def walk_matrix(
    history: History,
    chooser: Chooser,
    layout: MatrixLayout,
    *,
    grid_name: str,
    symbols: tuple[str, ...] = (),
    ranked_by: str = RANKED_BY,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> WalkForwardMatrix:
    """Return what all cells of a matrix come to.

    Parameters
    ----------
    history
        Bars and account.
    chooser
        Asked once, for `MatrixLayout.parts`: cells share the choices of in-sample parts that they
        have alike.
    layout
        The cells on those bars.
    grid_name, symbols, ranked_by, notes
        What the result says of itself.
    progress
        What is told how far it is.

    Raises
    ------
    WfoError
        If the chooser does not answer each window, or a set cannot be simulated.
    """
    told = progress or Silent()
    parts = layout.parts()
    decisions = list(chooser.choose(parts))
    if [d.window for d in decisions] != [w.number for w in parts]:
        raise InputError(
            f"a matrix of {len(parts)} in-sample parts needs a decision of each, in order, not"
            f" {len(decisions)} others"
        )
    chosen = {part_of(w): d for w, d in zip(parts, decisions, strict=True)}
    # Of all cells alike, since all begin with one bar and end with the last one.
    start, stop = next(cell.windows for cell in layout.cells if cell.windows).traded
    shared = _Shared(history, history.days, start, stop)
    whole = shared.held.part(start, stop)
    cells = []
    with told.stage("Matrix", len(layout.cells)) as tick:
        for laid in layout.cells:
            cells.append(_cell(shared, laid, chosen, whole))
            tick(1)
    return WalkForwardMatrix(
        strategy=history.strategy.name,
        grid=grid_name,
        symbols=tuple(symbols),
        by=chooser.by,
        in_samples=layout.in_samples,
        out_of_samples=layout.out_of_samples,
        kinds=layout.kinds,
        cells=tuple(cells),
        traded=(shared.days[start], shared.days[stop - 1]),
        bars=stop - start,
        held=HeldFigures(
            whole.total_return or 0.0,
            finite(whole.cagr),
            whole.max_drawdown_share or 0.0,
            finite(whole.sharpe),
        ),
        combinations=chooser.combinations,
        parts=len(parts),
        searched=sum(decision.searched for decision in decisions),
        capital=history.settings.capital,
        bars_per_year=history.bars_per_year,
        settings=history.settings.to_dict(),
        ranked_by=ranked_by,
        notes=tuple(notes),
    )


@dataclass(slots=True, eq=False)
class _Shared:
    """What cells have alike, each computed once.

    Attributes
    ----------
    history, days
        Bars, and their dates.
    start, stop
        First traded bar, and one past the last.
    held
        Buy-and-hold over them.
    before
        Figures of a set on an in-sample part.
    bought
        Those of buy-and-hold over a window.
    """

    history: History
    days: list[dt.date]
    start: int
    stop: int
    held: Slices = field(init=False)
    before: dict[tuple[Part, tuple[object, ...]], Metrics] = field(default_factory=dict)
    bought: dict[tuple[int, int], Metrics] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.held = Slices.held(self.history, self.days, self.start, self.stop)

    def in_sample(self, window: WalkWindow, params: Params) -> Metrics:
        """Return the figures of a set on a window's in-sample bars, beginning flat."""
        key = (part_of(window), tuple(params[name] for name in self.history.strategy.names))
        if key not in self.before:
            found = simulate_sets(
                self.history,
                [(window.first, params)],
                warmup=window.first,
                end=window.train_end,
            )
            own = Slices.of(found, self.days, self.history.bars_per_year)
            self.before[key] = own.part(window.first, window.train_end)
        return self.before[key]

    def buy_and_hold(self, window: WalkWindow) -> Metrics:
        """Return the figures of buy-and-hold while a window's set trades."""
        key = (window.split, window.until)
        if key not in self.bought:
            self.bought[key] = self.held.part(*key)
        return self.bought[key]


def _cell(
    shared: _Shared, laid: LaidCell, chosen: Mapping[Part, Decision], held: Metrics
) -> MatrixCell:
    cell = MatrixCell(laid.kind, laid.in_sample, laid.out_of_sample, reason=laid.reason)
    if laid.windows is None:
        return cell
    windows = laid.windows
    decisions = [replace(chosen[part_of(w)], window=w.number) for w in windows]
    sets = dated_sets(windows, decisions)
    traded, _ = traded_slices(shared.history, sets, shared.days, shared.stop)
    results = [
        WindowResult(
            window=window,
            decision=decision,
            params=params,
            in_sample=None if params is None else shared.in_sample(window, params),
            # What each window would have come to alone is no figure of a cell.
            alone=None,
            traded=traded.part(window.split, window.until),
            held=shared.buy_and_hold(window),
            wfe=None,
            wfe_annual=None,
            return_wfe=None,
            drift={},
        )
        for window, decision, params in zip(
            windows, decisions, sets_in_force(decisions), strict=True
        )
    ]
    whole = traded.part(shared.start, shared.stop)
    profits = phase_profits(results, shared.history.settings.capital)
    efficiency = walk_forward_efficiency(profits)
    return replace(
        cell,
        origin=windows[0].from_date,
        windows=len(windows),
        chosen=sum(decision.params is not None for decision in decisions),
        total_return=whole.total_return,
        annual_return=finite(whole.cagr),
        max_drawdown_share=whole.max_drawdown_share,
        sharpe=finite(whole.sharpe),
        excess_total=_above(whole.total_return, held.total_return),
        excess_annual=_above(whole.cagr, held.cagr),
        wfe=efficiency.raw,
        wfe_annual=efficiency.annual,
        tradestation=tradestation_verdict(profits),
        trades=whole.trades,
        exposure=whole.exposure,
    )


def _above(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value - other

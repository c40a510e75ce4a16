"""Functions in Python as engines: they go through the bars, the package counts."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.backtest.figures import LABEL_FIELDS, PERFORMANCE_FIELDS, SCHEMA, STANDARD, Figures
from wfo.backtest.one_by_one import marks_one_by_one
from wfo.backtest.recount import Records, recount, recount_whole
from wfo.backtest.reference import OneByOne, PerformanceOneByOne
from wfo.backtest.values import TRADE_COLUMNS, DatedSet, EngineResult, SaidOrders
from wfo.errors import EngineError, WfoError
from wfo.python_files import described
from wfo.strategy import PythonKernel, Walk
from wfo.text import brief, one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.backtest.checks import Bounds, Labels
    from wfo.backtest.feeds import Feeds
    from wfo.backtest.spaces import Space
    from wfo.settings import AccountSettings
    from wfo.strategy import Number, Strategy

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PythonEngine:
    """An engine of a function: one combination after the other.

    Attributes
    ----------
    name
        What it is called.
    kernel
        The function.
    """

    name: str
    kernel: PythonKernel

    def lacks(
        self,
        strategy: Strategy,  # noqa: ARG002  # a function that is there computes everything
        settings: AccountSettings,  # noqa: ARG002  # likewise
        *,
        extended: bool = False,  # noqa: ARG002  # likewise
        dated: bool = False,  # noqa: ARG002  # likewise
        performance: bool = False,  # noqa: ARG002  # likewise
        space: Space | None = None,  # noqa: ARG002  # likewise
    ) -> str | None:
        """Return why it cannot be called; None if it can."""
        try:
            self.kernel.load()
        except EngineError as error:
            return str(error)
        return None

    def simulate(
        self,
        strategy: Strategy,
        feeds: Feeds,
        sets: Sequence[DatedSet],
        settings: AccountSettings,
        bounds: Bounds,
        labels: Labels | None = None,
    ) -> EngineResult:
        """Compute one parameter set, or several one after the other."""
        warmup, split, end = bounds
        walk = self._walk(strategy, feeds.until(end), sets, settings, warmup)
        trades, records = self._records(walk, settings.capital, warmup, end)
        figures = recount(records, warmup, split, labels)
        reversals = records.reversal_bar, records.reversal_mark
        return EngineResult(figures, trades, records.equity, reversals)

    def orders(
        self,
        strategy: Strategy,  # noqa: ARG002  # the kernel is bound to what it computes
        feeds: Feeds,
        values: Sequence[Number],
        settings: AccountSettings,
        warmup: int,
    ) -> SaidOrders:
        """Return what works after the last bar; None unless the kernel has more than a walk."""
        said = self.kernel.load_orders()
        return None if said is None else said(feeds, values, settings, warmup)

    def prepare(
        self,
        strategy: Strategy,
        feeds: Feeds,
        space: Space,
        settings: AccountSettings,
        phases: Sequence[Bounds],
        threads: int,  # noqa: ARG002  # one interpreter goes through one bar at a time
        *,
        extended: bool = False,
        labels: Labels | None = None,
    ) -> OneByOne:
        """Return what computes the parameter sets; nothing is shared."""
        import numpy as np

        wanted = SCHEMA if extended else STANDARD

        def compute(rows: FloatArray) -> list[Figures]:
            found = []
            for bounds in phases:
                each = [
                    self.simulate(
                        strategy, feeds, [DatedSet(bounds[0], row)], settings, bounds, labels
                    ).figures
                    for row in map(tuple, rows.tolist())
                ]
                columns = [np.array([f[w.name] for f in each], w.dtype) for w in wanted]
                if labels is not None:
                    shape = (len(each), labels.count)
                    columns += [
                        np.array([f[n] for f in each], np.float64).reshape(shape)
                        for n in LABEL_FIELDS
                    ]
                found.append(Figures(*columns))
            return found

        return OneByOne(space, compute)

    def prepare_performance(
        self,
        strategy: Strategy,
        feeds: Feeds,
        space: Space,
        settings: AccountSettings,
        warmup: int,
        threads: int,  # noqa: ARG002  # one interpreter goes through one bar at a time
    ) -> PerformanceOneByOne:
        """Return what computes the figures of a whole history; nothing is shared."""
        import numpy as np

        end = feeds.bars

        def figures(row: tuple[float, ...]) -> dict[str, Any]:
            walk = self._walk(strategy, feeds, [DatedSet(warmup, row)], settings, warmup)
            _, records = self._records(walk, settings.capital, warmup, end)
            return recount_whole(records, warmup)

        def compute(rows: FloatArray) -> FloatArray:
            found = [figures(row) for row in map(tuple, rows.tolist())]
            table = [[each[name] for name in PERFORMANCE_FIELDS] for each in found]
            return np.array(table, np.float64).reshape(len(found), len(PERFORMANCE_FIELDS))

        note = (
            f"engine {self.name!r}: intraday drawdowns are NaN, since a kernel in Python returns"
            " trades and marks at closes, not what it holds within a bar"
        )
        return PerformanceOneByOne(space, compute, note)

    def marks(
        self,
        strategy: Strategy,
        feeds: Feeds,
        space: Space,
        indices: NDArray[np.int64],
        settings: AccountSettings,
        warmup: int,
        at: NDArray[np.int64],
        threads: int,  # noqa: ARG002  # one interpreter goes through one bar at a time
    ) -> FloatArray:
        """Return the equity of some sets at the closes of the bars `at`, float64[m, T]."""
        rows = space.rows(indices)
        return marks_one_by_one(self, strategy, feeds, rows, settings, warmup, at)

    def _walk(
        self,
        strategy: Strategy,
        feeds: Feeds,
        sets: Sequence[DatedSet],
        settings: AccountSettings,
        warmup: int,
    ) -> Walk:
        """Call the function; whole numbers are `int`."""
        given = [
            (
                first,
                tuple(
                    int(value) if parameter.whole else float(value)
                    for parameter, value in zip(strategy.parameters, values, strict=True)
                ),
            )
            for first, values in sets
        ]
        function = self.kernel.load()
        try:
            found = function(feeds, given, settings, warmup)
        except WfoError:
            raise
        except Exception as error:
            said = described(error, *_home(function))
            at = ", ".join(f"{n} {v:g}" for n, v in zip(strategy.names, given[0][1], strict=True))
            raise EngineError(f"the kernel {self.kernel.function} fails at {at}: {said}") from error
        if not (isinstance(found, tuple) and 2 <= len(found) <= len(Walk._fields)):
            raise EngineError(
                f"the kernel {self.kernel.function} returns {brief(found)}, and no"
                " wfo.strategy.Walk"
            )
        return Walk(*found)

    def _numbers(self, given: Any, what: str, columns: int) -> NDArray[np.float64]:
        """Return rows of numbers that the function has returned.

        Raises
        ------
        EngineError
            If they are none.
        """
        import numpy as np

        try:
            return np.asarray(given, np.float64).reshape(-1, columns)
        except (TypeError, ValueError) as error:
            raise EngineError(
                f"the kernel {self.kernel.function} returns {what} that are no rows of {columns}"
                f" numbers: {one_line(error):.200}"
            ) from None

    def _records(
        self, walk: Walk, capital: float, warmup: int, end: int
    ) -> tuple[dict[str, NDArray[Any]], Records]:
        """Return the columns of the trades, and what is to be counted.

        Raises
        ------
        EngineError
            If the function returned what cannot be.
        """
        import numpy as np

        table = self._numbers(walk.trades, "trades", len(TRADE_COLUMNS))
        trades: dict[str, NDArray[Any]] = dict(zip(TRADE_COLUMNS, table.T.copy(), strict=True))
        for name, dtype in (("side", np.int8), ("entry_bar", np.int64), ("exit_bar", np.int64)):
            trades[name] = trades[name].astype(dtype)
        reversals = self._numbers(walk.reversals, "reversals", 2)
        equity = self._numbers(walk.equity, "marks", 1)[:, 0].copy()
        bars = np.stack([trades["entry_bar"], trades["exit_bar"]])
        for wrong, what in (
            (equity.shape != (end,), f"marks of shape {equity.shape}, not ({end},)"),
            (np.isnan(equity).any(), "a mark that is no number"),
            ((equity[:warmup] != capital).any(), "a mark before the first trading bar"),
            ((abs(trades["side"]) != 1).any(), "a trade that is neither long (+1) nor short (-1)"),
            (((bars < warmup) | (bars >= end)).any(), "a trade outside the trading bars"),
            ((bars[0] > bars[1]).any(), "a trade that ends before it begins"),
            ((np.diff(bars[1]) < 0).any(), "trades that are not in the order of their exits"),
            ((np.diff(reversals[:, 0]) < 0).any(), "reversals that are not in order"),
            (
                not (walk.open_since == -1 or warmup <= walk.open_since < end),
                f"open_since = {walk.open_since}, which is no trading bar",
            ),
        ):
            if wrong:
                raise EngineError(f"the kernel {self.kernel.function} returns {what}")
        records = Records(
            trades["side"],
            trades["entry_bar"],
            trades["exit_bar"],
            trades["pnl"],
            equity,
            reversals[:, 0].astype(np.int64),
            reversals[:, 1].copy(),
            int(walk.open_since),
        )
        return trades, records


def _home(function: Any) -> tuple[Path, Path | None]:
    """Return the folder and the file of a function."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    file = None if code is None else Path(code.co_filename)
    return (Path.cwd() if file is None else file.parent), file

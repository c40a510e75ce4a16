"""Calls of a kernel's function: batch by batch in threads, and what is wrong with its fills."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.backtest.threads import in_threads
from wfo.errors import EngineError
from wfo.kernels.arguments import (
    FILLS_IN_A_BAR,
    Fills,
    Start,
    feed_columns,
    joined,
    room_for,
    room_of,
    set_columns,
    setting_values,
)
from wfo.python_files import described
from wfo.text import one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo import _core
    from wfo.backtest.feeds import Feeds
    from wfo.backtest.values import DatedSet
    from wfo.settings import AccountSettings
    from wfo.strategy import BatchKernel, Strategy

    FloatArray = NDArray[np.float64]

#: Parameter sets of a batch: enough that calling the function does not show, and few enough that
#: the threads finish together.
BATCH = 128

#: Bytes of room for the fills of a batch, and of one fill.
_ROOM_BYTES = 64 << 20
FILL_BYTES = 24

#: Of the threads in which functions run.
_THREADS = "wfo-kernel"


def sets_of_batch(room: int) -> int:
    """Return the sets of a batch, each with room for so many fills."""
    return max(1, min(BATCH, _ROOM_BYTES // (FILL_BYTES * max(room, 1))))


class KernelCalls:
    """A kernel's function on a history.

    Parameters
    ----------
    kernel, strategy, feeds, settings
        The function, whose it is, and what it reads.
    """

    def __init__(
        self, kernel: BatchKernel, strategy: Strategy, feeds: Feeds, settings: AccountSettings
    ) -> None:
        self._kernel = kernel
        self._strategy = strategy
        self._feeds = feeds
        self._function = kernel.load()
        self._last = (setting_values(settings),) if kernel.takes_settings else ()
        self._held = kernel.digest
        self._file = Path(kernel.file)
        self._place = f"{self._file.name}, line {kernel.line}"

    def batches(
        self,
        accounts: _core.Accounts,
        rows: FloatArray,
        warmup: int,
        end: int,
        threads: int,
        count: Callable[[_core.Fills], Any],
    ) -> list[Any]:
        """Return what `count` makes of the fills of each batch, in order.

        Raises
        ------
        EngineError
            Of the first batch in which the function fails, or adds a fill that cannot be.
        """
        import numpy as np

        columns = self._columns(end)
        start = Start(warmup, 0, warmup - 1, np.nan)
        room = FILLS_IN_A_BAR * (end - warmup)
        size = sets_of_batch(room)
        # Room is kept from batch to batch: fresh memory would cost more than the fills in it.
        spare: list[Fills] = []

        def compute(first: int) -> Any:
            own = rows[first : first + size]
            try:
                whole = spare.pop()
            except IndexError:
                whole = room_for(min(size, len(rows)), room)
            fills = room_of(whole, len(own))
            self._decide(columns, own, start, fills)
            taken = accounts.fills(fills.bar, fills.price, fills.side, fills.used, warmup, end)
            if isinstance(taken, tuple):
                which, number, why = taken
                raise self.refused(own[which], number, why)
            found = count(taken)
            spare.append(whole)
            return found

        firsts = range(0, len(rows), size)
        if not firsts:
            return []
        self._compile(columns, rows[:1], start)
        return in_threads(compute, firsts, threads, _THREADS)

    def rows(
        self,
        accounts: _core.Accounts,
        rows: FloatArray,
        warmup: int,
        threads: int,
        count: Callable[[_core.Fills], FloatArray],
        width: int,
    ) -> FloatArray:
        """Return what `count` makes of all fills until the last bar, float64[m, width]."""
        import numpy as np

        pieces = self.batches(accounts, rows, warmup, self._feeds.bars, threads, count)
        return np.concatenate(pieces) if pieces else np.empty((0, width))

    def in_turn(self, sets: Sequence[DatedSet], warmup: int, end: int) -> Fills:
        """Return the fills of sets that take turns as those of one.

        A set takes over what the one before has left, and sees no bar beyond its own.
        """
        import numpy as np

        start = Start(warmup, 0, warmup - 1, np.nan)
        room = FILLS_IN_A_BAR * (end - warmup)
        pieces = [room_for(1, 0)]
        for i, (first, values) in enumerate(sets):
            until = min(sets[i + 1].first, end) if i + 1 < len(sets) else end
            begin = max(first, warmup)
            if begin >= until:
                continue
            start = start._replace(bar=begin)
            columns, row = self._columns(until), np.array([values], np.float64)
            fills = room_for(1, room)
            self._compile(columns, row, start)
            self._decide_beside(columns, row, start, fills)
            used = int(fills.used[0])
            if used > room:
                why = f"there is room for {room}, two a bar, and it is one more"
                raise self.refused(values, room, why)
            own = fills.bar[0, :used]
            outside = np.flatnonzero((own < begin) | (own >= until))
            if outside.size:
                at = int(outside[0])
                why = f"bar {own[at]} is none of the trading bars {begin}..{until - 1}"
                raise self.refused(values, at, why)
            pieces.append(fills)
            if used:
                last = used - 1
                side, price = int(fills.side[0, last]), float(fills.price[0, last])
                start = Start(begin, side, int(own[last]), price)
        return joined(pieces)

    def refused(self, values: Sequence[float], number: int, why: str) -> EngineError:
        """Return the error of a fill that cannot be."""
        return EngineError(
            one_line(f"{self._place}: {self._called(values)}: fill {number + 1}: {why}")
        )

    def _columns(self, end: int) -> tuple[Any, ...]:
        """Return the columns of every feed before bar `end`."""
        wanted = {feed.name: feed.all_columns for feed in self._strategy.feeds}
        return tuple(
            feed_columns({c: self._feeds[name][c] for c in columns}, end)
            for name, columns in wanted.items()
        )

    def _compile(self, columns: tuple[Any, ...], row: FloatArray, start: Start) -> None:
        """Compile the function, unless that is done.

        Raises
        ------
        EngineError
            If it cannot be compiled.
        """
        from wfo.kernels.compiling import compile_for

        sets = set_columns(self._strategy, row, self._held)
        given = (*columns, sets, start, room_for(1, 1), *self._last)
        compile_for(self._function, given, self._strategy.name)  # type: ignore[arg-type]  # compiled

    def _decide_beside(
        self, columns: tuple[Any, ...], rows: FloatArray, start: Start, fills: Fills
    ) -> None:
        """Call the function as `_decide` does, in a thread that an interrupt does not wait for."""
        in_threads(lambda _: self._decide(columns, rows, start, fills), (0,), 1, _THREADS)

    def _decide(
        self, columns: tuple[Any, ...], rows: FloatArray, start: Start, fills: Fills
    ) -> None:
        """Call the function.

        Raises
        ------
        EngineError
            If it fails; of a batch the first set is named that fails alone.
        """
        try:
            sets = set_columns(self._strategy, rows, self._held)
            self._function(*columns, sets, start, fills, *self._last)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever a user's function raises
            if len(rows) > 1:
                for row in rows:
                    own = room_for(1, fills.bar.shape[1])
                    self._decide(columns, row[None], start, own)
            who = self._called(rows[0]) if len(rows) == 1 else f"{self._strategy.name}(a batch)"
            said = described(error, self._file.parent, self._file)
            raise EngineError(one_line(f"{self._place}: {who} fails: {said}")) from None
        negative = (fills.used < 0).nonzero()[0]
        if negative.size:
            who = self._called(rows[negative[0]])
            raise EngineError(f"{self._place}: {who}: it takes away from fills.used")

    def _called(self, values: Sequence[float]) -> str:
        """Return the call of a set, for messages."""
        said = (
            f"{p.name}={int(v) if p.whole else float(v)}"
            for p, v in zip(self._strategy.parameters, values, strict=True)
        )
        return f"{self._strategy.name}({', '.join(said)})"

"""What a set has working in the next bar, as a value, as a page of text, and as plain values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wfo.backtest.orders import Working, WorkingOrder
from wfo.build import build_info
from wfo.runs.assumed import Assumed, assumed_lines
from wfo.strategy import Number
from wfo.text import params_lines, table, wrap_text

_WIDTH = 80

#: What a bar does that opens beyond the level of an order.
_GAPS = {
    "stop": "A stop that the bar opens beyond is filled at the open, worse than its level.",
    "limit": "A limit order that the bar opens beyond is filled at the open, better than its"
    " level.",
    "market": "A market order is filled at the open, whatever that is; its shares are counted at"
    " the last close.",
}

#: Orders that open nothing, and those that close nothing.
_EXITS = ("exit_long", "cover_short")
_FROM_FLAT = ("buy", "sell_short")

#: What a fill at the open means for the shares of an entry that has a level.
_SHARES_AT_LEVEL = (
    "The shares of an entry are counted at its level; a fill at the open trades others."
)

#: The same where what sizes it keeps its distance from the fill, and where one of several does.
_SHARES_AT_ANY = (
    "The shares of an entry are the same at any fill, since the stop that they are sized by moves"
    " with it, unless all that may go into a trade buys fewer there, or another stop lies nearer."
)
_SHARES_AT_SOME = (
    "The shares of an entry are counted at its level; a fill at the open trades others, unless they"
    " are sized by a trail or a loss that moves with the fill."
)

#: What sizes an entry, by `WorkingOrder.protected_by`.
_SIZED_BY = {
    "stop": "a stop",
    "trail": "a trail",
    "loss": "a loss",
    "percent loss": "a loss in percent",
}

#: From when that works, by `Working.same_bar`.
_WORKS_FROM = {
    "next": "from the bar after the entry",
    "open": "in the bar of the entry after a fill at its open, else from the one after",
    "worst": "in the bar of the entry already",
}

#: What may happen in the bar of an entry, by `Working.same_bar`.
_AT_ENTRY = {
    "next": "A bar brings one event: the stop of a new position works from the bar after its"
    " entry.",
    "open": "A position that is entered at the open may be left in the same bar, where its stops"
    " and limits work by the values of this close; after a fill within the bar they work from the"
    " next one on.",
    "worst": "A position may be left in the bar of its entry, by the values of this close: after a"
    " fill at the open its stops and limits work, stops first; after a fill within the bar stops"
    " alone, wherever in the bar the price was.",
}


@dataclass(frozen=True, slots=True)
class NextBar:
    """The bar that orders are for.

    Attributes
    ----------
    session
        Its date, where the bars are daily and their calendar knows it.
    weekly
        Whether it is a week.
    over
        Sessions after the last bar that have no bar and are over: the orders are not for today.
    """

    session: dt.date | None
    weekly: bool
    over: tuple[dt.date, ...]

    def words(self, last: dt.date) -> str:
        """Return what it is called, `last` being the stamp of the last bar."""
        if self.session is not None:
            return f"the session of {self.session}"
        return f"the {'week' if self.weekly else 'bar'} after {last}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SignalReport:
    """What a set has working in the next bar.

    Attributes
    ----------
    symbol, symbol2, timeframe
        The bars.
    named
        What the set is called, such as ``refined set 3 of 40``.
    params
        Its parameters, in canonical order.
    working
        State and orders.
    begins
        Stamp of the first trading bar; None where no bar was traded yet.
    bars_held
        Bars since the entry, that of the entry included; 0 while flat.
    next_bar
        Which bar the orders are for.
    decimals
        Those of prices.
    assumed, notes
        What is assumed, and notes on the bars and the set.
    warnings
        What makes the orders doubtful, such as old or revised bars.
    methods
        By parameter, the name of the method that its value stands for.
    """

    symbol: str
    symbol2: str | None
    timeframe: str
    named: str
    params: Mapping[str, Number]
    working: Working
    begins: dt.date | None
    bars_held: int
    next_bar: NextBar
    decimals: int
    assumed: tuple[Assumed, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    methods: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        working = sum(order.works for order in self.working.orders)
        return f"SignalReport({self.title}: {self.working.side}, {working} orders)"

    @property
    def title(self) -> str:
        """Symbols, strategy and set in a line."""
        symbols = self.symbol if self.symbol2 is None else f"{self.symbol} with {self.symbol2}"
        return f"{symbols} {self.timeframe}, {self.working.strategy}, {self.named}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, prices and shares in full."""
        working = self.working.to_dict()
        orders = working.pop("orders")
        session = self.next_bar.session
        return {
            "wfo": build_info()["version"],
            "symbol": self.symbol,
            "symbol2": self.symbol2,
            "timeframe": self.timeframe,
            "strategy": working.pop("strategy"),
            "set": self.named,
            "params": dict(self.params),
            "as_of": working["stamp"],
            "first_trading_bar": None if self.begins is None else self.begins.isoformat(),
            "next_session": None if session is None else session.isoformat(),
            "sessions_missing": len(self.next_bar.over),
            "state": {
                name: working[name]
                for name in (
                    *("side", "since_stamp", "entry_price", "shares", "equity", "mark", "close"),
                    *("ruined", "both_fill", "same_bar"),
                )
            },
            "orders": orders,
            "assumed": {each.what: each.text for each in self.assumed},
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }

    def page(self) -> str:
        """Return set, state, orders and what they rest on as text."""
        lines = [self.title, *params_lines(self.params, _WIDTH, self.methods)]
        for text in self.warnings:
            lines += _wrapped(f"Warning: {text}.", "  ", hang="  ")
        lines += ["", *self._state_lines(), "", *self._order_lines(), "", *self._meaning_lines()]
        lines += ["", "What they rest on", *assumed_lines(self.assumed)]
        for text in self.notes:
            lines += _wrapped(f"Note: {text}.", "  ", hang="  ")
        return "\n".join(lines) + "\n"

    def _price(self, value: float) -> str:
        return f"{value:,.{self.decimals}f}"

    def _state_lines(self) -> list[str]:
        w = self.working
        lines = [f"State at the close of {w.stamp}, {self._price(w.close)}"]
        if w.side == "flat":
            first = w.since == w.warmup - 1
            since = "before the first trading bar" if first else "when it left its last position"
            lines.append(f"  Flat since {w.since_stamp}, {since}")
        else:
            assert w.entry_price is not None  # noqa: S101  # a position has one
            bars = "1 bar" if self.bars_held == 1 else f"{self.bars_held:,} bars"
            text = (
                f"{w.side.capitalize()} since {w.since_stamp}, from a fill at"
                f" {self._price(w.entry_price)}: {_shares(w.shares)} shares, held for {bars}"
            )
            lines += _wrapped(text, "  ", "  ")
        text = f"Equity {w.mark:,.2f}"
        if w.side != "flat":
            done = "gained" if w.open_profit >= 0 else "lost"
            text += f" at the close; the open position has {done} {abs(w.open_profit):,.2f}"
        return [*lines, *_wrapped(text, "  ")]

    def _order_lines(self) -> list[str]:
        w = self.working
        lines = [f"Orders for {self.next_bar.words(w.stamp)}"]
        if w.ruined and not w.orders:
            return [
                *lines,
                *_wrapped(
                    "None, now or later: a fill has left no equity, and after that nothing is"
                    " entered any more.",
                    "  ",
                ),
            ]
        rows: list[tuple[str, ...]] = [("Order", "Kind", "Level", "From close", "Shares", "Works")]
        for order in w.orders:
            level, away = "open" if order.kind == "market" else "none", ""
            if order.level is not None:
                level, away = (
                    self._price(order.level),
                    f"{100 * (order.level / w.close - 1):+.2f} %",
                )
            shares, works = _shares(order.shares), "yes"
            if not (order.works and order.can_touch):
                works = "no"
            elif order.fills_beyond is not None:
                works = f"{_beyond(order)} {self._price(order.fills_beyond)}"
                if not _lies_beyond(order, w.close if order.level is None else order.level):
                    shares = "by fill"
            if order.obstacle is not None and order.action not in _EXITS:
                shares = "-"
            rows.append((order.words, _kind(order), level, away, shares, works))
        lines += table(rows, "<<>>><")
        for order in w.orders:
            text = " ".join([*self._said(order), *self._sized(order)])
            lines += _wrapped(text, "  ", "  ")
        return lines

    def _said(self, order: WorkingOrder) -> list[str]:
        """Return what is to be known of one order, as sentences."""
        name = _name(order)
        if order.obstacle is not None:
            numbers = ""
            if order.numbers is not None:
                numbers = f" ({order.numbers[0]:.4g}, and it must exceed {order.numbers[1]:.4g})"
            return [f"{name}: does not work in this bar, since {order.obstacle}{numbers}."]
        if order.fills_beyond is not None and order.can_touch:
            return [self._said_of_fills(order, order.fills_beyond)]
        if order.level is None:
            return [f"{name}: at the open, without a level."]
        level = self._price(order.level)
        if not order.can_touch:
            text = f"{name}: no price falls to {level}, since the distance exceeds the price: it"
            return [f"{text} cannot be filled in this bar."]
        moves, beyond = ("rises", "above") if order.above else ("falls", "below")
        text = f"{name}: filled where the price {moves} to {level}."
        close = self.working.close
        passed = close >= order.level if order.above else close <= order.level
        if passed:
            text += f" The last close is {beyond} it or on it: an open there fills at once."
        return [text]

    def _said_of_fills(self, order: WorkingOrder, bound: float) -> str:
        """Return what is to be known of an order that works with some fills alone."""
        name, beyond = _name(order), f"{_beyond(order)} {self._price(bound)}"
        without = "has no protective level that a risk could be sized by"
        if order.level is None:
            text = f"{name}: at the open where that lies {beyond}; any other fill {without}."
        elif _lies_beyond(order, order.level):
            moves, end = ("rises", "higher") if order.above else ("falls", "lower")
            return (
                f"{name}: filled where the price {moves} to {self._price(order.level)}, but not at"
                f" an open of {self._price(bound)} or {end}, which {without}."
            )
        else:
            text = (
                f"{name}: filled at an open {beyond} alone, and not at {self._price(order.level)}:"
                f" such a fill {without}."
            )
        return f"{text} Its shares follow from the open."

    def _sized(self, order: WorkingOrder) -> list[str]:
        """Return what sized an entry by its risk, as sentences."""
        if order.protective_level is None or order.distance is None or not order.can_touch:
            return []
        at = "at the last close" if order.level is None or order.level <= 0 else "there"
        amount, share = order.amount_at_risk or 0.0, 100 * (order.share_at_risk or 0.0)
        text = (
            f"Filled {at}, it is sized by {_SIZED_BY[order.protected_by or 'stop']} at"
            f" {self._price(order.protective_level)}, {self._price(order.distance)} a share: it"
            f" risks {amount:,.2f}, {share:.4g} % of the equity, before costs. That stop works"
            f" {_WORKS_FROM[self.working.same_bar]}."
        )
        texts = [text]
        if order.buys and order.protective_level <= 0:
            texts.append("No price falls to it.")
        if order.capped:
            texts.append("All that may go into a trade buys fewer shares than the risk allows.")
        return texts

    def _meaning_lines(self) -> list[str]:
        """Return what becomes of the orders, and what they are not."""
        w = self.working
        texts = []
        if w.orders:
            kinds = dict.fromkeys(order.kind for order in w.orders)
            gaps = [_GAPS[kind] for kind in kinds]
            gaps += _shares_at_fills(w.orders)
            texts.append(" ".join(gaps))
            able = [order for order in w.orders if order.works and order.can_touch]
            if w.side == "flat" and w.both_fill and len({order.buys for order in able}) > 1:
                texts.append(
                    "Two entries may fill, one of each side: the first opens a position, the second"
                    " closes it in the same bar. Nothing else happens in that bar: the stop of a"
                    " new position works from the bar after its entry."
                )
            else:
                others = "the other order" if len(able) == 2 else "the others"
                cancels = f"The first fill cancels {others}. " if len(able) > 1 else ""
                texts.append(
                    f"{cancels}{_AT_ENTRY[w.same_bar]} After an exit nothing is entered in the same"
                    " bar."
                )
            texts.append(
                "The orders hold for that bar alone. They are void with its close, when levels and"
                " filters are computed anew, and before it if the prices are adjusted, for a split"
                " or a dividend, or revised: ask again after each bar."
            )
        begins = "nothing was traded yet" if self.begins is None else (
            f"every bar since {self.begins} is traded"
        )  # fmt: skip
        texts.append(
            f"This is what the backtest holds, in which {begins} with the capital and costs below."
            " An account of your own has another equity, and may be in another state: levels are"
            " what matters, and those of a position may hang on its own entry and the extremes"
            " since, so that one entered in another bar has others. Levels are rounded here; --json"
            " has them in full."
        )
        return ["What becomes of them", *(line for t in texts for line in _wrapped(t, "  "))]


def _shares_at_fills(orders: Iterable[WorkingOrder]) -> list[str]:
    """Return what another fill means for the shares of entries, as a sentence; none without any."""
    entries = [o for o in orders if o.action not in _EXITS]
    steady = [
        o
        for o in entries
        # A reversal trades with the equity that its own fill leaves.
        if o.protected_by in {"trail", "loss"} and not o.capped and o.action in _FROM_FLAT
    ]
    others = [o for o in entries if o.level is not None and o not in steady]
    if steady and others:
        return [_SHARES_AT_SOME]
    return [_SHARES_AT_ANY] if steady else [_SHARES_AT_LEVEL] if others else []


def _kind(order: WorkingOrder) -> str:
    """Return how an order is filled, and which one of the rules it is where that says more."""
    more = order.rule not in (None, order.kind, "at_open")
    return f"{order.kind}, {order.rule}" if more else order.kind


def _name(order: WorkingOrder) -> str:
    """Return what an order is called in a sentence."""
    more = order.rule not in (None, order.kind, "at_open")
    return f"{order.words.capitalize()}, {order.rule}" if more else order.words.capitalize()


def _beyond(order: WorkingOrder) -> str:
    """Return on which side of a price an order's fill must lie."""
    return "above" if order.buys else "below"


def _lies_beyond(order: WorkingOrder, fill: float) -> bool:
    """Return whether an order works with a fill at this price."""
    bound = order.fills_beyond
    return bound is None or (fill > bound if order.buys else fill < bound)


def _shares(count: float) -> str:
    """Return a number of shares; fractions with four decimals at most."""
    text = f"{count:,.4f}".rstrip("0").rstrip(".")
    return text if float(text.replace(",", "")) or not count else f"{count:.4g}"


def _wrapped(text: str, indent: str = "", hang: str = "") -> list[str]:
    return wrap_text(text, _WIDTH, indent, hang)

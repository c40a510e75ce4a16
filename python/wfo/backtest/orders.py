"""The orders that a parameter set would have working in the bar after the last one."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from wfo.arguments import flag
from wfo.backtest.checks import BarOrDate, bar_index
from wfo.backtest.engines import engines_of, require_engine
from wfo.backtest.feeds import FIRST, read_feeds
from wfo.backtest.figures import not_finite
from wfo.errors import EngineError, InputError
from wfo.settings import AccountSettings
from wfo.strategy import Number, RustKernel, Strategy, StrategyLike, get_strategy
from wfo.strategy.value import lookback_on
from wfo.text import brief
from wfo.windows import LEAST_WARMUP


class _Action(NamedTuple):
    words: str
    buys: bool


#: What an order does once it is filled.
ACTIONS = {
    "buy": _Action("buy", True),
    "sell_short": _Action("sell short", False),
    "exit_long": _Action("exit long", False),
    "cover_short": _Action("cover short", True),
    "reverse_to_long": _Action("reverse to long", True),
    "reverse_to_short": _Action("reverse to short", False),
}

#: How an order is filled: at its level or worse, at its level or better, at the open.
KINDS = ("stop", "limit", "market")

#: Protective exits of rules, by which an entry may be sized.
PROTECTIONS = ("stop", "trail", "loss", "percent loss")

_SIDES = {0: "flat", 1: "long", -1: "short"}


def _is_finite(value: object) -> bool:
    """Whether a value is a finite number."""
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:
        return False


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """An order of a parameter set in the bar after the last one.

    Attributes
    ----------
    action
        ``"buy"`` or ``"sell_short"`` from flat, ``"exit_long"``, ``"cover_short"``, or
        ``"reverse_to_short"`` and ``"reverse_to_long"``, which close what is held and open the
        opposite at one price.
    kind
        ``"stop"``, ``"limit"``, or ``"market"``, which is filled at the open.
    level
        In price units; None of a market order, and of one that does not work as its level is no
        number. A bar that opens beyond it is filled at its open.
    shares
        What it trades if it is filled at its level, or at the last close where it has none, or
        where every price has risen to it: those held of an exit, those opened of an entry and of a
        reversal, by the backtest's equity. A fill at an open beyond the level opens others; where
        that alone can fill it, `fills_beyond` says where, and these are 0.
    obstacle
        The filter that keeps it from working, whatever its fill, in words; None if it works.
    numbers
        What that filter looks at, and what it must exceed, where they are numbers.
    fills_beyond
        In price units. It works with fills above it alone where it buys, and below it where it
        sells, as others have no protective level that its risk could be sized by; None where any
        fill will do.
    rule
        Its kind in a class of rules, such as ``"trail"`` or ``"breakout"``, which says what `kind`
        does not; None where the strategy is another one.
    protected_by
        Of an entry of rules that works and is sized by risk: the kind of the nearest protective
        exit from the price that its shares are counted at, ``"stop"``, ``"trail"``, ``"loss"`` or
        ``"percent loss"``; else None, and so are the next three.
    protective_level
        Of that exit, in price units, by the values of the last close. `Working.same_bar` says from
        when it works; a trail and a stop are computed anew at each close.
    distance
        From that price to it, in price units, above 0: the risk of a share.
    share_at_risk
        Of the equity that the entry is made with: what these shares lose over that distance,
        before costs.
    capped
        Whether all that may go into a trade buys fewer shares than the risk allows, so that less
        is at risk.

    Raises
    ------
    InputError
        If action, kind and level do not go together, or what sizes an entry is not whole.
    """

    action: str
    kind: str
    level: float | None
    shares: float
    obstacle: str | None = None
    numbers: tuple[float, float] | None = None
    fills_beyond: float | None = None
    rule: str | None = None
    protected_by: str | None = None
    protective_level: float | None = None
    distance: float | None = None
    share_at_risk: float | None = None
    capped: bool = False

    def __post_init__(self) -> None:
        if not (isinstance(self.action, str) and self.action in ACTIONS):
            raise InputError(f"action = {brief(self.action)} must be one of {', '.join(ACTIONS)}")
        if not (isinstance(self.kind, str) and self.kind in KINDS):
            raise InputError(f"kind = {brief(self.kind)} must be one of {', '.join(KINDS)}")
        unknown = self.level is None and self.obstacle is not None
        if (self.level is None) != (self.kind == "market") and not unknown:
            raise InputError(f"a {self.kind} order cannot have level = {brief(self.level)}")
        if self.level is not None and not _is_finite(self.level):
            raise InputError(f"level = {brief(self.level)} must be a finite price")
        if self.fills_beyond is not None and not _is_finite(self.fills_beyond):
            raise InputError(f"fills_beyond = {brief(self.fills_beyond)} must be a finite price")
        if not _is_finite(self.shares):
            raise InputError(f"shares = {brief(self.shares)} must be a finite number")
        self._check_sized()

    def _check_sized(self) -> None:
        """Raise unless what says the protection of an entry is there as a whole, or not at all."""
        if not (self.rule is None or isinstance(self.rule, str)):
            raise InputError(f"rule = {brief(self.rule)} must be a word, or None")
        flag("capped", self.capped)
        by = self.protected_by
        if by is not None and not (isinstance(by, str) and by in PROTECTIONS):
            raise InputError(f"protected_by = {brief(by)} must be one of {', '.join(PROTECTIONS)}")
        for name in ("protective_level", "distance", "share_at_risk"):
            value = getattr(self, name)
            if (value is None) != (by is None):
                raise InputError(f"{name} = {brief(value)} does not go with protected_by = {by}")
            if value is not None and not _is_finite(value):
                raise InputError(f"{name} = {brief(value)} must be a finite number")

    @property
    def words(self) -> str:
        """What it does, in words."""
        return ACTIONS[self.action].words

    @property
    def buys(self) -> bool:
        """Whether it buys."""
        return ACTIONS[self.action].buys

    @property
    def above(self) -> bool:
        """Whether a rising price reaches it: a buy stop, or a limit order that sells."""
        return self.buys == (self.kind == "stop")

    @property
    def can_touch(self) -> bool:
        """Whether a price can reach it; no price falls to a level of 0 or less."""
        return self.level is None or self.level > 0 or self.above

    @property
    def works(self) -> bool:
        """Whether it works in the bar: no filter is off."""
        return self.obstacle is None

    @property
    def amount_at_risk(self) -> float | None:
        """What its shares lose from the price they are counted at to the protective level."""
        return None if self.distance is None else self.shares * self.distance

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "action": self.action,
            "kind": self.kind,
            "level": self.level,
            "shares": self.shares,
            "works": self.works,
            "can_touch": self.can_touch,
            "obstacle": self.obstacle,
            "obstacle_value": None if self.numbers is None else self.numbers[0],
            "obstacle_bound": None if self.numbers is None else self.numbers[1],
            "fills_beyond": self.fills_beyond,
            "rule": self.rule,
            "protected_by": self.protected_by,
            "protective_level": self.protective_level,
            "distance": self.distance,
            "amount_at_risk": self.amount_at_risk,
            "share_at_risk": self.share_at_risk,
            "capped": self.capped,
        }


@dataclass(frozen=True, slots=True)
class Working:
    """State and orders of a backtest after its last bar.

    Attributes
    ----------
    strategy
        Name of the strategy.
    bar, stamp, close
        The last bar: its index, its date or date-time, and its close.
    warmup
        The first trading bar.
    side
        ``"flat"``, ``"long"`` or ``"short"``.
    since, since_stamp
        The bar since which the state lasts: that of the entry, of the last exit, or the one before
        the first trading bar.
    entry_price
        Raw fill of the entry, before slippage; None while flat.
    shares
        Those held; 0 while flat, and where the equity did not pay for one lot.
    equity
        Equity after the last closed trade, in currency.
    mark
        Equity marked at the last close, in currency.
    ruined
        Whether a fill has left nothing to trade with: then no order works any more.
    both_fill
        Whether the second of two entries closes what the first has opened, in the same bar,
        instead of being cancelled by it.
    same_bar
        Which exits work in the bar of an entry: none by ``"next"``; by ``"open"`` all at a level,
        after a fill at the open; by ``"worst"`` also those that protect, after any fill.
    orders
        Those of the state, those that a filter keeps from working among them.
    """

    strategy: str
    bar: int
    stamp: dt.date
    close: float
    warmup: int
    side: str
    since: int
    since_stamp: dt.date
    entry_price: float | None
    shares: float
    equity: float
    mark: float
    ruined: bool
    both_fill: bool
    same_bar: str
    orders: tuple[WorkingOrder, ...]

    def __post_init__(self) -> None:
        if self.side not in _SIDES.values():
            raise InputError(f"side = {brief(self.side)} must be flat, long or short")
        if (self.side == "flat") != (self.entry_price is None):
            raise InputError(
                f"a {self.side} state cannot have entry_price = {brief(self.entry_price)}"
            )

    @property
    def open_profit(self) -> float:
        """Profit or loss of what is held at the last close, costs of the entry included."""
        return self.mark - self.equity

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        own = {name: getattr(self, name) for name in self.__slots__ if name != "orders"}
        for name in ("stamp", "since_stamp"):
            own[name] = own[name].isoformat()
        return own | {"orders": [order.to_dict() for order in self.orders]}


def working_orders(
    strategy: StrategyLike,
    bars: Any,
    params: Mapping[str, Any],
    *,
    warmup: BarOrDate | None = None,
    bars2: Any = None,
    feeds: Mapping[str, Any] | None = None,
    settings: AccountSettings | None = None,
    engine: str = "auto",
) -> Working:
    """Return what a parameter set has working in the bar after the last one of `bars`.

    All bars from `warmup` on are traded, as `simulate` does; state, shares and equity are those of
    that backtest. No bar after the last one is looked at: what it will do follows from its prices
    and these orders.

    Parameters
    ----------
    strategy
        Name from `wfo.strategies`, a `Strategy`, or a class of rules or kernel that is one.
    bars, bars2, feeds
        As in `simulate`; n rows.
    params
        One number for each parameter of the strategy.
    warmup
        First trading bar, its index or a date; by default 100, or the longest lookback if that is
        more. n lets nothing trade before the bar after the last one.
    settings
        Capital, costs, sizing and entry style.
    engine
        ``"auto"``, or an engine of the strategy: those of one kernel say the same.

    Returns
    -------
    Working
        State and orders.

    Raises
    ------
    EngineError
        If no kernel of the strategy says which orders work.
    WfoError
        If a parameter, the first trading bar or the bars cannot be used, or the equity has left the
        numbers.
    """
    named = get_strategy(strategy)
    values = named.check_params(params)
    require_engine(engine, named)
    read = read_feeds(named, bars, bars2, feeds)
    need = lookback_on(named, {n: (v,) for n, v in zip(named.names, values, strict=True)}, read)
    stamps = read.stamps
    assert stamps is not None  # noqa: S101  # frames have them
    first = max(LEAST_WARMUP, need) if warmup is None else bar_index("warmup", warmup, stamps)
    if first < need:  # [I6]
        raise InputError(
            f"warmup = {first} is shorter than the longest lookback; it needs at least {need}"
        )
    if not 0 < first <= read.bars:
        raise InputError(
            f"warmup = {first} must be at most the number of bars, which is {read.bars}; more bars,"
            " or an earlier first trading bar, are needed"
        )
    used = named.settings_of(settings)
    state, orders = _said(engine, named, read, values, used, first)
    for figure in ("equity", "mark", "shares"):
        if not math.isfinite(state[figure]):
            raise InputError(not_finite("the backtest", figure))
    for order in orders:
        if not math.isfinite(order["shares"]):
            raise InputError(not_finite(f"the order {order['action']}", "shares"))
    since, last = int(state["since"]), read.bars - 1
    close = float(read[FIRST]["close"][last])
    # Rules know more of their orders than a kernel says.
    told = getattr(named.kernel, "order_details", None)
    said = (state, orders)
    details = told(read, values, used, close, said) if told else [{} for _ in orders]
    return Working(
        strategy=named.name,
        bar=last,
        stamp=stamps[last],
        close=close,
        warmup=first,
        side=_SIDES[state["side"]],
        since=since,
        since_stamp=stamps[since],
        entry_price=state["entry_price"],
        shares=state["shares"],
        equity=state["equity"],
        mark=state["mark"],
        ruined=state["ruined"],
        both_fill=state["both_fill"],
        same_bar=_same_bar(named),
        orders=tuple(
            WorkingOrder(
                o["action"], o["kind"], o["level"], o["shares"], o["obstacle"],
                o["obstacle_numbers"], o.get("fills_beyond"), **more,
            )
            for o, more in zip(orders, details, strict=True)
        ),
    )  # fmt: skip


def _same_bar(strategy: Strategy) -> str:
    """Return which exits work in the bar of an entry, as the first kernel says that does."""
    said = (kernel.same_bar for kernel in strategy.kernels if isinstance(kernel, RustKernel))
    return next(said, "next")


def _said(
    name: str,
    strategy: Strategy,
    feeds: Any,
    values: tuple[Number, ...],
    settings: AccountSettings,
    warmup: int,
) -> Any:
    """Return what the first kernel says that does; an engine by name is asked alone."""
    reasons = {}
    for own, engine in engines_of(strategy).items():
        if name not in {"auto", own}:
            continue
        try:
            found = engine.orders(strategy, feeds, values, settings, warmup)
        except EngineError as error:
            if name != "auto":
                raise
            reasons[own] = str(error)
            continue
        if found is not None:
            return found
        reasons[own] = "its kernel does not say"
    why = "; ".join(f"{own}: {reason}" for own, reason in reasons.items())
    raise EngineError(
        f"{strategy.name} does not say which orders work in the next bar ({why}); a kernel in Rust"
        " says so by Kernel::standing, one in Numba by a function 'orders'; wfo simulate shows"
        " trades and equity without it"
    )

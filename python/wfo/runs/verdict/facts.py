"""What the first lines of a page are made of: plain numbers of one run, each or why it is unknown.

`wfo.runs.verdict.rules` says them in words. A figure that is not known is None, and
`Facts.unknown` says why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Literal, get_args

from wfo.errors import InputError

#: States of a run's hold-out: it keeps none; kept and not evaluated; evaluated by this run; not to
#: be evaluated any more, since another run has evaluated bars of it.
HoldOutState = Literal["none", "kept", "spent", "refused"]

#: Fields of `Facts` that may be None, for which `Facts.unknown` has a reason then.
MAY_BE_UNKNOWN = (
    "trials",
    "trades",
    "deflated",
    "deflated_excess",
    "overfitting",
    "superior_to_cash",
    "superior_to_holding",
    "prediction",
    "prediction_by_profit",
    "trusted_return",
    "trusted_held",
)

#: Why a figure is not known on a page that does not compute it.
NOT_COMPUTED = "it has not been computed"


@dataclass(frozen=True, slots=True)
class GateCount:
    """How many combinations are stable by a set of gates.

    Attributes
    ----------
    name
        The set of gates.
    stable
        Stable combinations, over all strategies of the run.
    least
        Phases in which a stable one is valid, at least.
    lowest
        The same of the strategies whose is lower, since none of their combinations was stable
        otherwise; 0 where there are none.
    """

    name: str
    stable: int
    least: int
    lowest: int = 0


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of the search beside the same of permuted searches.

    Attributes
    ----------
    real
        On the bars as they are; NaN where there is none, as of a median where nothing trades.
    median
        Median of the permuted searches.
    p
        ``(1 + #{permuted >= real}) / (1 + permutations)``.
    """

    real: float
    median: float
    p: float


@dataclass(frozen=True, slots=True)
class Chance:
    """What one permutation test says of the whole run, over all its strategies.

    Attributes
    ----------
    variant
        What was permuted, in words that follow "permuted": "bars", "blocks of 20 bars", "bars from
        the first out-of-sample part on".
    runs
        Permutations.
    figures
        How many figures `p_all` is over.
    p_all
        One p over all figures of all strategies (Westfall & Young 1993).
    stable
        Share of all combinations that are stable by the gates that rule.
    best_excess, median_excess
        Total out-of-sample log return over buy-and-hold's: of the best combination among those that
        trade, and of the median one (of several strategies: of the one where it is highest).
    p_excess
        One p over these two.
    p_least
        Smallest p of a single figure of a strategy.
    p_attainable
        Least that `p_all` can be where a single figure alone is ahead of all permuted ones; many
        figures take many permutations.
    least
        Valid phases of what is counted as stable, on the bars as they are and on permuted ones: as
        asked for, whether or not any combination is valid in so many. 0 where it is not stated.
    """

    variant: str
    runs: int
    figures: int
    p_all: float
    stable: Compared
    best_excess: Compared
    median_excess: Compared
    p_excess: float
    p_least: float
    p_attainable: float
    least: int = 0

    def __post_init__(self) -> None:
        if self.runs < 1 or self.figures < 1:
            raise InputError(
                f"a permutation test has 1 permutation and 1 figure or more, not {self.runs} and"
                f" {self.figures}"
            )
        least = 1 / (1 + self.runs)
        compared = (self.stable, self.best_excess, self.median_excess)
        single = (self.p_least, self.p_attainable, *(c.p for c in compared))
        for p in (self.p_all, self.p_excess, *single):
            if not least * (1 - 1e-9) <= p <= 1:
                raise InputError(
                    f"p = {p!r} of {self.runs} permutations is not from {least:.4g} to 1"
                )


@dataclass(frozen=True, slots=True)
class HoldOut:
    """What is known of the bars that a run has kept back.

    Attributes
    ----------
    state
        See `HoldOutState`.
    first, last
        Dates of its first and last bar; empty where there is none.
    seen
        Combinations of other searches of the symbol that reached into it; None where that is not
        known of some search.
    at
        Date on which it was evaluated; of a refused one, by the other run.
    finalists, beating
        Finalists that were evaluated on it, and those that returned more than buy-and-hold.
    best_return, held_return
        Return of the first finalist on it, and of buy-and-hold.
    changed
        Whether the finalists of the run are others now than those that were evaluated.
    peaks
        Whether those that were evaluated stand on no plateau.
    """

    state: HoldOutState = "none"
    first: str = ""
    last: str = ""
    seen: int | None = None
    at: str = ""
    finalists: int = 0
    beating: int = 0
    best_return: float = math.nan
    held_return: float = math.nan
    changed: bool = False
    peaks: bool = False

    def __post_init__(self) -> None:
        if self.state not in get_args(HoldOutState):
            raise InputError(
                f"state = {self.state!r} is none of {', '.join(get_args(HoldOutState))}"
            )
        if self.state != "none" and not (self.first and self.last):
            raise InputError("a hold-out has the dates of its first and last bar")
        if not 0 <= self.beating <= self.finalists:
            raise InputError(f"beating = {self.beating} is not from 0 to {self.finalists}")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run found, and what is known of its worth.

    Attributes
    ----------
    folder
        The run's folder, as a command line names it.
    symbol
        The symbol that was searched.
    combinations
        Those that the run searched, over all its strategies.
    gates
        Stable combinations by the gates that rule, then by the others.
    phases
        Phases of the run.
    candidates
        Stable combinations that are kept.
    beaten
        Candidates that are valid and return more than buy-and-hold in as many phases as stable
        ones are valid in.
    idle
        Share of the candidates that close one out-of-sample trade a phase or fewer.
    costs
        Whether fills cost anything.
    trials
        Combinations that were ever searched on the symbol.
    tests
        Permutation tests of this run by these gates.
    finalists
        How many there are.
    peaks
        Whether they stand on no plateau: the most stable outcome of each strategy alone.
    trades
        Trades that the first finalist closed from the first phase's first trading bar to the end of
        the last one.
    deflated, deflated_excess
        Deflated Sharpe ratio over all trials, of the finalist whose is largest: of its returns, and
        of its returns in excess of buy-and-hold's.
    sample
        Combinations that PBO and SPA are computed on.
    overfitting
        Probability of backtest overfitting (CSCV) of the best of the sample.
    superior_to_cash, superior_to_holding
        Consistent p of Hansen's test of superior predictive ability of the sample.
    prediction, prediction_by_profit
        Rank correlation, over the candidates of all phases but the last, of their stability with
        the last phase's out-of-sample excess over buy-and-hold; and of their in-sample profit.
    trusted_return, trusted_held
        Out-of-sample return in the last phase of what the phases before it put first, and of
        buy-and-hold.
    predicted
        The strategy that this is of, where the run has several; else empty.
    hold_out
        What is known of the bars that were kept back.
    unknown
        Of each figure that is None, why.

    Raises
    ------
    InputError
        If a count or share is impossible, or a figure that is None has no reason.
    """

    folder: str
    symbol: str
    combinations: int
    gates: tuple[GateCount, ...]
    phases: int
    candidates: int
    beaten: int
    idle: float
    costs: bool
    trials: int | None = None
    tests: tuple[Chance, ...] = ()
    finalists: int = 0
    peaks: bool = False
    trades: int | None = None
    deflated: float | None = None
    deflated_excess: float | None = None
    sample: int = 0
    overfitting: float | None = None
    superior_to_cash: float | None = None
    superior_to_holding: float | None = None
    prediction: float | None = None
    prediction_by_profit: float | None = None
    trusted_return: float | None = None
    trusted_held: float | None = None
    predicted: str = ""
    hold_out: HoldOut = HoldOut()
    unknown: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "unknown", MappingProxyType(dict(self.unknown)))
        if self.combinations < 1 or self.phases < 1 or not self.gates:
            raise InputError(
                "a run has 1 combination, 1 phase and 1 set of gates or more, not"
                f" {self.combinations}, {self.phases} and {len(self.gates)}"
            )
        for count in self.gates:
            if not 0 <= count.stable <= self.combinations:
                raise InputError(
                    f"{count.stable} stable by {count.name} is not from 0 to {self.combinations}"
                )
        if not 0 <= self.beaten <= self.candidates <= self.stable:
            raise InputError(
                f"{self.beaten} beating buy-and-hold, {self.candidates} candidates,"
                f" {self.stable} stable: each is part of the next"
            )
        shares = {"idle": self.idle}
        for name in ("deflated", "deflated_excess", "overfitting"):
            shares[name] = getattr(self, name)
        shares |= {n: getattr(self, n) for n in ("superior_to_cash", "superior_to_holding")}
        for name, share in shares.items():
            if share is not None and not 0 <= share <= 1:
                raise InputError(f"{name} = {share!r} is not from 0 to 1")
        known = {f.name for f in fields(self) if getattr(self, f.name) is not None}
        for name in MAY_BE_UNKNOWN:
            if (name in known) == (name in self.unknown):
                raise InputError(
                    f"{name} = {getattr(self, name)!r}, and the reason that it is not known is"
                    f" {self.unknown.get(name)!r}: it has one of the two"
                )

    @property
    def stable(self) -> int:
        """Stable combinations by the gates that rule."""
        return self.gates[0].stable

    @property
    def least(self) -> int:
        """Phases in which a stable combination is valid, by the gates that rule."""
        return self.gates[0].least

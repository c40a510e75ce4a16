"""``verdict.json``: statistics of a run's search, as values that check what they read.

Figures that could not be computed are None, and a ``reason`` beside them says why. Shares,
probabilities and returns are fractions; Sharpe ratios are per period, but where they are said to be
annual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.errors import InputError, ResultsError
from wfo.files import read_sealed, write_sealed
from wfo.runs.verdict.finalist_figures import FinalistFigures
from wfo.runs.verdict.plain import from_plain, to_plain

if TYPE_CHECKING:
    from pathlib import Path

#: The file, below the run's folder.
NAME = "verdict.json"

#: Of the layout of that file.
LAYOUT = 1


@dataclass(frozen=True, slots=True)
class Slice:
    """The simulation that returns are taken from: one, over all phases.

    Attributes
    ----------
    warmup, end
        First trading bar of the first phase, and one past the last bar of the last one.
    first, last
        Their dates.
    periods
        Returns of a set: one a session, of daily bars one a bar.
    periods_per_year
        What Sharpe ratios a year count in.
    """

    warmup: int
    end: int
    first: str
    last: str
    periods: int
    periods_per_year: float

    def __post_init__(self) -> None:
        _not_negative(self, "warmup", "periods", "periods_per_year")
        if self.end <= self.warmup:
            raise InputError(f"end = {self.end} must be above warmup = {self.warmup}")


@dataclass(frozen=True, slots=True)
class Sample:
    """A uniform sample of the whole grid, or of the grids of all strategies by their sizes.

    Attributes
    ----------
    total
        Combinations that it is of.
    drawn
        Combinations drawn, each once.
    used
        Those of them whose equity is positive at the end of every period; the others have no
        returns.
    stream
        The stream of pseudo-random numbers that drew it (`wfo.sampling`).
    """

    total: int
    drawn: int
    used: int
    stream: int

    def __post_init__(self) -> None:
        _not_negative(self, "total", "drawn", "used", "stream")
        if not self.used <= self.drawn <= self.total:
            raise InputError(
                f"of {self.total} combinations {self.drawn} were drawn, and {self.used} used"
            )


@dataclass(frozen=True, slots=True)
class SharpeTrials:
    """Sharpe ratios of sampled sets, and the one to expect of the best of all trials by luck alone.

    Attributes
    ----------
    trials
        Combinations that were searched on the symbol, by any strategy in any run.
    sampled
        Sampled sets whose returns vary, so that they have a Sharpe ratio.
    median, best, variance
        Of the sampled Sharpe ratios, per period; the variance is that of a sample.
    expected_maximum
        Of as many trials without any skill (Bailey & López de Prado 2014).
    best_psr, best_dsr
        Probability that the best sampled set's Sharpe ratio is above 0, and above that maximum.
    reason
        Why they are missing; empty where they are not.
    """

    trials: int
    sampled: int
    median: float | None
    best: float | None
    variance: float | None
    expected_maximum: float | None
    best_psr: float | None
    best_dsr: float | None
    reason: str = ""

    def __post_init__(self) -> None:
        _not_negative(self, "trials", "sampled", "variance")
        _probabilities(self, "best_psr", "best_dsr")


@dataclass(frozen=True, slots=True)
class OverfittingFigures:
    """Probability of backtest overfitting of the best of the sample, by CSCV.

    Attributes
    ----------
    pbo
        Share of splits in which the best in-sample is in the lower half out-of-sample.
    blocks, splits
        Blocks of periods, and ways to split them in halves.
    reason
        Why it is missing; empty where it is not.
    """

    pbo: float | None
    blocks: int
    splits: int
    reason: str = ""

    def __post_init__(self) -> None:
        _probabilities(self, "pbo")
        _not_negative(self, "blocks", "splits")


@dataclass(frozen=True, slots=True)
class PathFigures:
    """Sharpe ratios of combinatorial purged paths: the best of the sample, chosen path by path.

    Attributes
    ----------
    sharpes
        Out-of-sample Sharpe ratio of each path, annual, ascending; empty where they are missing.
    blocks, held
        Blocks of periods, and how many of them a split holds out.
    reason
        Why they are missing; empty where they are not.
    """

    sharpes: tuple[float, ...]
    blocks: int
    held: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Superiority:
    """Whether the best of the sample beats a benchmark: Hansen's SPA, and StepM.

    Attributes
    ----------
    benchmark
        ``"cash"`` or ``"buy-and-hold"``. Where bars drift upwards, drift alone beats cash.
    p_lower, p_consistent, p_upper
        p-values of the test for superior predictive ability.
    better
        Sampled sets that StepM calls better than the benchmark.
    level
        Its familywise error rate.
    resamples, seed
        Of the bootstrap.
    block
        Mean length of its blocks, in periods.
    reason
        Why they are missing; empty where they are not.
    """

    benchmark: str
    p_lower: float | None
    p_consistent: float | None
    p_upper: float | None
    better: int | None
    level: float
    resamples: int
    seed: int
    block: float | None
    reason: str = ""

    def __post_init__(self) -> None:
        _probabilities(self, "p_lower", "p_consistent", "p_upper", "level")
        _not_negative(self, "better", "resamples", "seed", "block")
        if self.benchmark not in BENCHMARKS:
            raise InputError(f"benchmark = {self.benchmark!r} must be one of {BENCHMARKS}")


#: What SPA and StepM compare with.
BENCHMARKS = ("cash", "buy-and-hold")


@dataclass(frozen=True, slots=True)
class IndependentTrials:
    """Clusters of sampled sets by the correlation of their returns (ONC).

    Attributes
    ----------
    count
        How many there are; shown beside the number of trials, never in its place.
    sampled
        Sets that were clustered.
    reason
        Why it is missing; empty where it is not.
    """

    count: int | None
    sampled: int
    reason: str = ""

    def __post_init__(self) -> None:
        _not_negative(self, "count", "sampled")


@dataclass(frozen=True, slots=True)
class SampleStatistics:
    """What follows from the returns of one sample.

    Attributes
    ----------
    sample
        Which one.
    returns, excess
        Sharpe ratios of returns, and of returns less those of buy-and-hold.
    overfitting, paths, independent
        See there.
    cash, held
        Superiority over cash and over buy-and-hold.
    """

    sample: Sample
    returns: SharpeTrials
    excess: SharpeTrials
    overfitting: OverfittingFigures
    paths: PathFigures
    cash: Superiority
    held: Superiority
    independent: IndependentTrials


@dataclass(frozen=True, slots=True)
class MeasureProfile:
    """One measure in one phase, over all combinations of a grid.

    Attributes
    ----------
    phase
        From 1 on.
    measure
        A figure of the store, such as ``"oos_pnl"``.
    median, mean, deviation, best
        Over all combinations, in the figure's unit; the deviation is of the population.
    profitable
        Share that is above 0.
    best_deviations
        Distance of the best from the mean in standard deviations; None where none differ.
    """

    phase: int
    measure: str
    median: float | None
    mean: float | None
    deviation: float | None
    best: float | None
    profitable: float | None
    best_deviations: float | None

    def __post_init__(self) -> None:
        _probabilities(self, "profitable")
        _not_negative(self, "phase", "deviation")


@dataclass(frozen=True, slots=True)
class Correlation:
    """Spearman's rank correlation.

    Attributes
    ----------
    value
        From -1 to 1; None where either side does not vary.
    count
        Pairs that it is of.
    exact
        Whether those are all there are, or a sample.
    reason
        Why it is missing; empty where it is not.
    """

    value: float | None
    count: int
    exact: bool
    reason: str = ""

    def __post_init__(self) -> None:
        _not_negative(self, "count")
        if self.value is not None and not -1 <= self.value <= 1:
            raise InputError(f"value = {self.value} must be from -1 to 1")


@dataclass(frozen=True, slots=True)
class EfficiencyFigures:
    """Walk-forward efficiency of sampled combinations (Pardo 2008), over all phases.

    Attributes
    ----------
    raw, annual
        Median of the efficiencies, of sums of money, and the same a year; None where none is
        defined.
    reaching
        Share of the sampled combinations whose annual one is .5 or more, as TradeStation's
        optimizer asks for.
    defined
        Share of them that earn in-sample, so that there is one.
    count
        Sampled combinations.
    exact
        Whether those are all of the grid.
    """

    raw: float | None
    annual: float | None
    reaching: float
    defined: float
    count: int
    exact: bool

    def __post_init__(self) -> None:
        _probabilities(self, "reaching", "defined")
        _not_negative(self, "count")


@dataclass(frozen=True, slots=True)
class StrategyStatistics:
    """Statistics of the search of one strategy.

    Attributes
    ----------
    strategy, grid
        Their names.
    combinations
        All of the grid.
    stable, candidates
        Stable ones, and those of them that are kept as candidates.
    beaten
        Candidates that are valid and return more than buy-and-hold in at least `least` phases.
    idle
        Share of the candidates that close one out-of-sample trade a phase or fewer.
    least
        Phases in which stable ones are valid.
    profile
        Over all combinations; empty where an earlier version has swept them.
    correlations
        In-sample against out-of-sample profit, an item a phase.
    efficiency
        Of sampled combinations.
    statistics
        From the returns of a sample.
    """

    strategy: str
    grid: str
    combinations: int
    stable: int
    candidates: int
    beaten: int
    idle: float
    least: int
    profile: tuple[MeasureProfile, ...]
    correlations: tuple[Correlation, ...]
    efficiency: EfficiencyFigures
    statistics: SampleStatistics

    def __post_init__(self) -> None:
        _not_negative(self, "combinations", "stable", "candidates", "beaten", "least")
        _probabilities(self, "idle")
        if self.combinations < 1 or self.stable > self.combinations:
            raise InputError(f"{self.stable} of {self.combinations} combinations are stable")


@dataclass(frozen=True, slots=True)
class RunStatistics:
    """Statistics of the search of all strategies of a run.

    Attributes
    ----------
    combinations
        Of all its grids.
    trials
        Combinations that were ever searched on the symbol.
    statistics
        From the returns of a sample of all grids, each strategy in proportion to its combinations.
    """

    combinations: int
    trials: int
    statistics: SampleStatistics

    def __post_init__(self) -> None:
        _not_negative(self, "combinations", "trials")


@dataclass(frozen=True, slots=True)
class FinalistStatistics:
    """A set that is judged by itself.

    Attributes
    ----------
    number
        From 1 on, in the order of `wfo.runs.finalists`.
    strategy, params, origin
        The set, and where it is from, such as ``plateau 2 of atr_d_l``.
    figures
        What is said of it; None where it could not be computed.
    reason
        Why not; empty where it could.
    """

    number: int
    strategy: str
    params: Mapping[str, int | float]
    origin: str
    figures: FinalistFigures | None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.number < 1:
            raise InputError(f"number = {self.number} of a finalist must be 1 or more")


@dataclass(frozen=True, slots=True)
class Association:
    """What came before the last phase's new bars against the return on them.

    An excess over buy-and-hold is a return less the same number for all, so its ranks are those of
    the return. Returns and shares of profit that differ by less than a millionth tie.

    Attributes
    ----------
    over
        ``"candidates"``: sampled combinations that are stable without the last phase, by their
        stability; ``"all"``: all sampled combinations, by the phases in which they are valid;
        ``"cells"``: cells of the map, by their stable share; ``"boxes"``: boxes in all parameters,
        by their stable share.
    stability
        That against the return; of cells and boxes against their median return.
    profit
        In-sample profit of the last phase against the same; of cells and boxes the median profit.
    """

    over: str
    stability: Correlation
    profit: Correlation


@dataclass(frozen=True, slots=True)
class Followed:
    """What trading one choice over the last phase's new bars came to.

    Attributes
    ----------
    choice
        ``"most stable"``, ``"best plateau"``, ``"best in-sample"``, ``"median"`` (the median of all
        sampled combinations), or ``"buy-and-hold"``.
    params
        The set, by parameter; None of the median and of buy-and-hold.
    result
        Out-of-sample return, a fraction; None where there is no such choice.
    excess
        The same less buy-and-hold's.
    better
        Share of the sampled combinations with a higher return; of equals half.
    reason
        Why there is no such choice; empty where there is one.
    """

    choice: str
    params: Mapping[str, int | float] | None
    result: float | None
    excess: float | None
    better: float | None
    reason: str = ""

    def __post_init__(self) -> None:
        _probabilities(self, "better")


@dataclass(frozen=True, slots=True)
class StrategyPrediction:
    """Whether stability predicted the last phase, of one strategy.

    Attributes
    ----------
    strategy
        Its name.
    sampled, exact, stream
        Combinations that were computed, whether they are all of the grid, and how they were drawn.
    stable
        How many of them are stable without the last phase.
    least
        Phases in which those are valid.
    associations
        See there.
    followed
        See there.
    reason
        Why nothing is known; empty where something is.
    """

    strategy: str
    sampled: int
    exact: bool
    stream: int
    stable: int
    least: int
    associations: tuple[Association, ...]
    followed: tuple[Followed, ...]
    reason: str = ""

    def __post_init__(self) -> None:
        _not_negative(self, "sampled", "stream", "stable", "least")


@dataclass(frozen=True, slots=True)
class Prediction:
    """Whether stability predicted the last phase, on bars that no choice had seen.

    Attributes
    ----------
    warmup, split, end
        Of the last phase, with its split moved to the end of the phases before; None without a
        test.
    first, last
        Dates of the first and last judged bar; empty without a test.
    strategies
        One item a strategy; empty without a test.
    reason
        Why there is no test; empty where there is one.
    """

    warmup: int | None
    split: int | None
    end: int | None
    first: str
    last: str
    strategies: tuple[StrategyPrediction, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """What a verdict follows from; where anything of it differs, it is collected anew.

    Attributes
    ----------
    run
        Fingerprint of the run.
    scored
        Digest of everything else that ``run.json`` states: gates, plateaus, files.
    version
        Of the program.
    trials
        Combinations that were ever searched on the symbol.
    analysis
        Digest of ``analysis.json``; None where there is none.
    samples, resamples
        Sampled sets of a strategy, and bootstrap resamples.
    """

    run: str
    scored: str
    version: str
    trials: int
    analysis: str | None
    samples: int
    resamples: int

    def __post_init__(self) -> None:
        _not_negative(self, "trials")
        for name in ("samples", "resamples"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} = {getattr(self, name)} must be 1 or more")


@dataclass(frozen=True, slots=True)
class AssumedItem:
    """Something that all simulations assume: a word, such as Costs, and what."""

    what: str
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What ``verdict.json`` holds.

    Attributes
    ----------
    symbol, symbol2, timeframe
        The bars; a second symbol where there is one.
    at
        When it was collected, in UTC.
    made
        What it follows from.
    slice
        The simulation that returns are taken from.
    strategies, run
        Statistics of the search, by strategy and as a whole.
    finalists
        The sets that are judged one by one; empty where nothing is stable.
    prediction
        Whether stability predicted the last phase.
    assumed
        Costs, capital, sizing, lots and bars.
    seconds
        How long each part took.
    """

    symbol: str
    symbol2: str | None
    timeframe: str
    at: str
    made: MadeFrom
    slice: Slice
    strategies: tuple[StrategyStatistics, ...]
    run: RunStatistics
    finalists: tuple[FinalistStatistics, ...]
    prediction: Prediction
    assumed: tuple[AssumedItem, ...]
    seconds: Mapping[str, float]

    def strategy(self, name: str) -> StrategyStatistics:
        """Return the statistics of a strategy.

        Raises
        ------
        InputError
            If the run has not searched it.
        """
        for each in self.strategies:
            if each.strategy == name:
                return each
        names = ", ".join(s.strategy for s in self.strategies)
        raise InputError(f"the verdict has no {name!r}; there are {names}")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values; what is not known is null."""
        found: dict[str, Any] = to_plain(self)
        return {"layout": LAYOUT} | found

    @classmethod
    def from_dict(cls, data: object) -> Verdict:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        ResultsError
            If it is something else; the message names what is wrong.
        """
        if not isinstance(data, Mapping):
            raise ResultsError(f"a verdict must be an object, not {type(data).__name__}")
        if data.get("layout") != LAYOUT:
            raise ResultsError(
                f"the verdict has the layout {data.get('layout')!r:.60}, and this version reads"
                f" {LAYOUT}; 'wfo verdict' collects it anew"
            )
        return from_plain(cls, {n: v for n, v in data.items() if n != "layout"}, "the verdict")

    def write(self, path: Path) -> None:
        """Write it whole, sealed with a digest of its own text.

        Raises
        ------
        ResultsError
            If the file cannot be written.
        """
        write_sealed(path, self.to_dict())

    @classmethod
    def read(cls, path: Path) -> Verdict:
        """Read what `write` wrote.

        Raises
        ------
        ResultsError
            If the file is missing, damaged, or no verdict.
        """
        data = read_sealed(path)
        try:
            return cls.from_dict(data)
        except ResultsError as error:
            raise ResultsError(f"{path} cannot be used: {error}") from error


def _not_negative(record: Any, *names: str) -> None:
    """Raise an `InputError` where a number of a record is negative."""
    for name in names:
        value = getattr(record, name)
        if value is not None and not value >= 0:
            raise InputError(f"{name} = {value} must be 0 or more")


def _probabilities(record: Any, *names: str) -> None:
    """Raise an `InputError` where a probability of a record is none."""
    for name in names:
        value = getattr(record, name)
        if value is not None and not 0 <= value <= 1:
            raise InputError(f"{name} = {value} must be from 0 to 1")

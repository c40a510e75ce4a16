"""The sections of a walk-forward's page: what was assumed, the curve, the verdict, the windows."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

from wfo.charts import SVG_STYLE, svg, text_chart
from wfo.data.timeframes import is_intraday
from wfo.metrics import Metrics
from wfo.runs.assumed import assumed_of_settings, assumed_of_year
from wfo.runs.optimizing.wording import params_text
from wfo.runs.verdict.parts import Explained, Part, Picture, Section, Table, Words
from wfo.runs.verdict.texts import NONE, middle, share, two
from wfo.runs.walkforward import words as say
from wfo.runs.walkforward.curves import STITCHED, fixed_name, symbols_text, walk_chart
from wfo.runs.walkforward.found import WalkFindings
from wfo.runs.walkforward.last_set import LAST_SET, has_last_set, next_split
from wfo.runs.walkforward.tables import Shown, set_numbers, sets_section, windows_section
from wfo.search.objective import known
from wfo.settings import AccountSettings
from wfo.walkforward.assumptions import NO_LOT
from wfo.walkforward.results import condition_name
from wfo.walkforward.values import WalkForward, WindowResult

#: Columns of a page of text.
WIDTH = 98

_ACCOUNT = frozenset(f.name for f in fields(AccountSettings))

_BOUNDARY = (
    "position, stop and cash go over from one set to the next; its orders act from the first bar"
    " after the decision on, and nothing is bought or sold just because sets change"
)

_HELD = (
    "bought at the open of the first traded bar with the same capital, costs and lots, and never"
    " sold"
)

# The default schedule, which they come from, looks back no further.
_SCORED = "in-sample part (of a longer one the last ten years)"

#: What sets are chosen by, where that is no figure.
_CRITERIA = {
    "stability": f"stability: the score that a run has, of the windows inside the {_SCORED}",
    "plateau": f"plateau: the centre of the best plateau of the {_SCORED}",
    "region": f"region: the centre of the best region of the {_SCORED}",
}


def sections(found: WalkFindings, walk: WalkForward, shown: Shown) -> tuple[Section, ...]:
    """Return the sections of a page, in order."""
    # What the page begins with is not said again.
    assumed = [note for note in walk.notes if not note.startswith(NO_LOT)]
    return (
        Section(
            "What was assumed",
            (Table(tuple(_assumed(found, walk)), "<<"), *map(Words, sentences(assumed))),
        ),
        _curve(walk),
        _criteria(walk),
        _onward(found, walk),
        windows_section(walk, shown),
        sets_section(walk, shown),
        not_known(found, walk.symbols, walk.searched, _chance(found)),
    )


def first_lines(found: WalkFindings, walk: WalkForward) -> list[str]:
    """Return what a page begins with: warnings, the verdict, and what weakens it."""
    own, held = walk.stitched.metrics, walk.held.metrics
    year = own.bars >= walk.bars_per_year
    slip, fee = account_costs(walk.settings)
    costs = None if slip is None or fee is None else slip + fee
    sets = len(set_numbers(walk.results))
    decided = [each for each in walk.results if each.decision.params is not None]
    first = next((each for each in walk.fixed if each.key == "first"), None)
    conditions = walk.tradestation.conditions
    missed = [condition_name(c) for c in conditions if not c.passed]
    returns = [
        (each.traded.total_return, each.held.total_return)
        for each in walk.results
        if each.traded.total_return is not None
    ]
    cash = sum(each.params is None for each in walk.results)
    nothing = say.none_chosen(len(walk.results) - len(decided) - cash, cash, len(walk.results))
    # Cash that was never put to work neither beats anything nor falls behind.
    traded = cash < len(walk.results)
    earned = own.total_return if traded else None
    lines = [
        *missing_bars(found),
        say.no_costs(costs),
        say.high_costs(slip or 0.0, fee or 0.0),
        say.ruined(float(walk.stitched.equity.min()), walk.capital),
        "" if traded else nothing,
        *(note for note in walk.notes if note.startswith(NO_LOT)),
        say.against_holding(
            earned,
            held.total_return,
            own.cagr if year else None,
            held.cagr if year else None,
            costs,
        ),
        say.falls(own.max_drawdown_share if traded else None, held.max_drawdown_share),
        say.against_exposure(earned, walk.exposure_return, walk.random_timing_return),
        say.against_first(
            earned,
            first.curve.metrics.total_return if first else None,
            sets,
            (own.max_drawdown_share, first.curve.metrics.max_drawdown_share if first else None),
        ),
        say.criteria_missed(missed, len(conditions)) or say.criteria_met(len(conditions)),
        say.one_path(
            len(walk.windows),
            sum(traded > 0 for traded, _ in returns),
            sum(other is not None and say.above(traded, other) for traded, other in returns),
        ),
        nothing if traded else "",
        say.mostly_held(own.exposure, shorts=bool((walk.trades["side"] == "short").any())),
        say.few_trades(own.trades) if traded else "",
        say.best_of(
            found.combinations if traded else 0,
            middle(_promised(decided)),
            own.cagr if year else None,
        ),
        *noted(found),
    ]
    return [line for line in lines if line]


def _promised(decided: Sequence[WindowResult]) -> list[float]:
    """Return the annual returns of sets on the bars that they were chosen on."""
    found = (each.in_sample.cagr for each in decided if each.in_sample is not None)
    return [value for value in found if value is not None]


def missing_bars(found: WalkFindings) -> Iterator[str]:
    """Yield which bars are missing at the end."""
    yield from (f"Warning: {data.stale}." for data in found.data if data.stale)


def noted(found: WalkFindings) -> Iterator[str]:
    """Yield what looks wrong with bars, and what was found or changed on the way."""
    yield from (f"Warning: {each.rstrip('.')}." for each in found.warnings)
    yield from sentences(found.notes)


def account_costs(settings: Mapping[str, object]) -> tuple[float | None, float | None]:
    """Return slippage and fee of settings; None where they do not say."""
    slip, fee = (settings.get(name) for name in ("slip", "fee"))
    return (
        float(slip) if isinstance(slip, int | float) else None,
        float(fee) if isinstance(fee, int | float) else None,
    )


def sentences(notes: Sequence[str]) -> list[str]:
    """Return notes as sentences that begin with a capital and end with a stop."""
    return [f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in notes if note]


# What was assumed


def assumed_of_findings(
    found: WalkFindings, settings: Mapping[str, object]
) -> Iterator[tuple[str, str]]:
    """Yield bars, hold-out, costs, capital and sizing, a name and words each."""
    for at, data in enumerate(found.data):
        span = f"{data.rows:,} bars of {data.timeframe}, {data.first} to {data.last}"
        yield ("Second" if at else "Bars"), f"{data.symbol}, {span}, {data.provenance}"
    if found.year is not None:
        yield assumed_of_year(found.year)
    if found.holdout is not None:
        first, last = found.holdout.dates
        yield "Hold-out", f"{first} to {last}, kept out of everything here"
    account = {name: value for name, value in settings.items() if name in _ACCOUNT}
    if account:
        # They are those of a backtest that was made, and so are allowed ones.
        made = AccountSettings(**account)  # type: ignore[arg-type]
        yield from ((item.what, item.text) for item in assumed_of_settings(made, found.strategy))
    further = [f"{name} {value}" for name, value in settings.items() if name not in _ACCOUNT]
    if further:
        yield "Settings", ", ".join(further)


def _assumed(found: WalkFindings, walk: WalkForward) -> Iterator[tuple[str, str]]:
    yield from assumed_of_findings(found, walk.settings)
    windows = walk.windows
    first = windows[0].in_sample[0].isoformat()
    yield "Schedule", say.schedule_words(windows.schedule, first)
    traded = f"{walk.results[0].traded.first} to {walk.results[-1].traded.last}"
    bars = f"{walk.stitched.metrics.bars:,} bars"
    yield "Traded", f"{traded}, {bars}, all of them after the decision that trades them"
    chosen = criterion_words(walk.by)
    chosen += f"; {found.rules}" if found.rules else ""
    yield "Chosen by", f"{chosen} ({found.by_reason})" if found.by_reason else chosen
    count = "the one window" if len(windows) == 1 else f"each of {len(windows):,} windows"
    searched = f"{walk.grid}, {found.combinations:,} combinations on the in-sample bars of {count}"
    seen = any(each.key == "hindsight" for each in walk.fixed)
    also = ", those in hindsight among them" if seen else ""
    yield "Searched", f"{searched}; {walk.searched:,} in all{also}"
    yield "Boundary", _BOUNDARY
    symbol = walk.symbols[0] if walk.symbols else "the first symbol"
    yield "Buy-and-hold", f"{symbol} {_HELD}"


def criterion_words(by: str) -> str:
    """Return what sets are chosen by, in words."""
    if by in _CRITERIA:
        return _CRITERIA[by]
    side = "lowest" if known(by).direction == "minimise" else "highest"
    return f"the {side} {by} of the in-sample part"


# The curve


def _curve(walk: WalkForward) -> Section:
    held = walk.held.metrics
    rows: list[tuple[str, ...]] = [
        ("", "Return", "A year", "Deepest fall", "Sharpe", "MAR", "Trades", "In market")
    ]
    rows.append(_curve_row(f"{STITCHED}: chosen again", walk.stitched.metrics))
    rows.append(_curve_row("Buy-and-hold", held))
    rows.append(("Same share held, rest cash", share(walk.exposure_return), *[""] * 6))
    rows.append(("As many bars at random", share(walk.random_timing_return), *[""] * 6))
    rows += [_curve_row(fixed_name(each), each.curve.metrics) for each in walk.fixed]
    parts: list[Part] = [
        Table(
            tuple(rows),
            "<>>>>>>>",
            f"{walk.results[0].traded.first} to {walk.results[-1].traded.last},"
            f" {symbols_text(walk)}, out-of-sample bars alone",
        )
    ]
    seen = next((f.curve.metrics.total_return for f in walk.fixed if f.key == "hindsight"), None)
    below = say.hindsight_below(seen, held.total_return)
    parts += [Words(below)] if below else []
    chart = walk_chart(walk)
    if chart is not None:
        lines = tuple(text_chart(chart, WIDTH).splitlines())
        title = f"{chart.title}; dotted where another window's set takes over"
        parts.append(Picture(title, lines, svg(chart), SVG_STYLE))
    parts += [*_EXPOSURE, *(_FIXED[each.key] for each in walk.fixed if each.key in _FIXED)]
    parts += [
        Words(f"{fixed_name(each)}, its parameters: {params_text(each.params)}.")
        for each in walk.fixed
        if each.key != "first"
    ]
    return Section("The stitched curve", tuple(parts))


_EXPOSURE = (
    Explained(
        "Same share held",
        "buy-and-hold's return times the share of bars at whose close a long is held.",
        "It is that share of the capital bought once: where the market rises it grows to be more of"
        " the account than that. What is held short counts as cash, and the cash earns nothing.",
    ),
    Explained(
        "As many bars at random",
        "buy-and-hold's growth to the power of that share: about the median of all ways to be long"
        " on as many bars.",
        "What lies above it was timed well, or luckily: a permutation test tells how often luck"
        " does as well.",
    ),
)

_FIXED = {
    "first": Explained(
        "First set",
        "the first set that was chosen, traded to the end.",
        "It is one set, and lucky or not by that; it has seen none of these bars.",
    ),
    "hindsight": Explained(
        "Hindsight",
        "what the same criterion chooses when it is shown all bars, those traded here among them.",
        "It has seen the FUTURE, and nobody could have traded it: it shows how much a backtest over"
        " everything flatters.",
    ),
    "run": Explained(
        "Run's best",
        "the best outcome of the run in the same results.",
        "Its windows overlap these bars, so that it has seen part of them or all: no estimate of"
        " what comes.",
    ),
}


def _curve_row(name: str, metrics: Metrics) -> tuple[str, ...]:
    return (
        name,
        share(metrics.total_return),
        share(metrics.cagr),
        share(metrics.max_drawdown_share),
        two(metrics.sharpe),
        two(metrics.mar),
        f"{metrics.trades:,}",
        share(metrics.exposure),
    )


# TradeStation's verdict


def _criteria(walk: WalkForward) -> Section:
    rows = [("Condition", "Here", "Met")]
    for at, each in enumerate(walk.tradestation.conditions):
        money = at == 0
        value = NONE if each.value is None else f"{each.value:,.0f}" if money else share(each.value)
        rows.append((condition_name(each), value, "yes" if each.passed else "NO"))
    found, total = walk.efficiency, walk.tradestation.conditions[0].value or 0.0
    differs = say.sum_differs(total, walk.stitched.metrics.total_return)
    anchored = walk.windows.schedule.anchored
    compounds = say.compounds(walk.settings.get("sizing"), anchored=anchored)
    cash = sum(each.params is None for each in walk.results)
    return Section(
        "TradeStation's walk-forward criteria",
        (
            Table(tuple(rows), "<><", "Its optimizer's five conditions, at their default limits"),
            *([Words(differs)] if differs else []),
            Words(
                f"Walk-forward efficiency of all windows: {_times(found.raw)} raw,"
                f" {_times(found.annual)} a year."
            ),
            Explained(
                "How it is counted",
                f"a window's profit is its return as traded on {walk.capital:,.0f}, so that windows"
                " weigh alike however the account has grown; in-sample it is the chosen set's on"
                " the same capital, and falls are shares of the peak before them in the window.",
                "TradeStation adds up money, and begins each window anew. The conditions ask"
                " nothing of buy-and-hold: a market that rises can pass them by itself.",
            ),
            *map(Words, filter(None, (compounds, say.cash_not_counted(cash, len(walk.results))))),
        ),
    )


def _times(value: float | None) -> str:
    return "not defined" if value is None or not math.isfinite(value) else f"{value:.2f}"


# What comes after the last bar


def signal_command(found: WalkFindings) -> str:
    """Return the command that shows what the last set has working; empty where there is none."""
    if not has_last_set(found):
        return ""
    return f"wfo signal --set-file {shlex.quote(str(found.folder / LAST_SET))}"


def _onward(found: WalkFindings, walk: WalkForward) -> Section:
    last, params = walk.results[-1].traded.last.isoformat(), walk.results[-1].params
    texts = ["Nothing is chosen so far: all of it stays in cash."]
    if params is not None:
        number = set_numbers(walk.results)[tuple(params.items())]
        texts = [say.trades_on(number, last, params_text(params))]
    split = next_split(walk.windows)
    purged = walk.windows.schedule.purge.before(split)
    texts.append(say.next_decision(split.isoformat(), purged.isoformat()))
    command = signal_command(found)
    texts += [say.handed_over(command)] if command else []
    texts += [say.none_handed_over(last)] if found.holdout is not None else []
    return Section("What trades next", tuple(map(Words, texts)))


# The end

_TRIED = (
    "Schedules, criteria and grids that were tried before this one choose too: the best of several"
    " walk-forwards is no longer out-of-sample."
)

_SURVIVED = "is here since it is still traded, and was looked at for how it did (survivorship)."

_KNOWN_THEN = (
    "What a trader saw then: prices are today's, adjusted and corrected since. And the strategy and"
    " its grid are of people who know these years."
)

_FILLS = (
    "Real fills: orders are filled whole at the price that the contract gives, whatever their size,"
    " with the costs above; taxes and interest are none."
)


def _chance(found: WalkFindings) -> str:
    folder = shlex.quote(str(found.folder))
    return (
        f"Whether chance does as well: 'wfo permutation-test {folder}' does all of it again on bars"
        " in random order."
    )


def not_known(found: WalkFindings, symbols: tuple[str, ...], searched: int, chance: str) -> Section:
    """Return what a page cannot say.

    Parameters
    ----------
    found
        What it is made of.
    symbols
        What is traded.
    searched
        Combinations that were looked at.
    chance
        What is said of chance.
    """
    texts = [
        (
            f"{symbol}: {number:,} combinations were ever searched on it, {searched:,} of them"
            f" here. {_TRIED}"
        )
        for symbol, number in found.trials.items()
    ]
    name = symbols[0] if symbols else "this symbol"
    texts += [
        chance,
        f"How it would have gone with a symbol that failed: {name} {_SURVIVED}",
        _KNOWN_THEN,
        _FILLS,
    ]
    if any(is_intraday(data.timeframe) for data in found.data):
        texts.append("How wide spreads are within a day: the same costs hold for every bar.")
    return Section("What this does not say", tuple(map(Words, texts)))

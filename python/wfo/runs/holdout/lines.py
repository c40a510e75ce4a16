"""What a page says of a hold-out."""

from __future__ import annotations

from wfo.runs.finalists import is_peak
from wfo.runs.holdout.spent import HoldoutFigures, Spent
from wfo.runs.holdout.state import HoldoutState
from wfo.runs.manifest import HoldoutRecord
from wfo.text import params_lines, percent, table, wrap_text

#: Columns of what is wrapped.
_WIDTH = 98


def holdout_lines(
    state: HoldoutState, *, folder: str = "FOLDER", changed: bool = False
) -> list[str]:
    """Return the lines of a page on a hold-out, whatever has become of it.

    Parameters
    ----------
    state
        What has become of it.
    folder
        The run's folder as a command line has it.
    changed
        Whether the finalists of the run are others now than those that were evaluated.
    """
    record, spent = state.record, state.spent
    if record is None:
        return [
            "Hold-out",
            *_said(
                "None: every bar of this history was searched, and whatever is chosen was chosen on"
                " them. 'wfo run --holdout 1y' keeps the last year untouched, for one look."
            ),
        ]
    if spent is not None:
        return spent_lines(spent, changed=changed)
    lines = ["Hold-out", *_said(_bars(state.symbols, record))]
    for other in state.others:
        lines += _said(
            f"Spent by another run: {', '.join(other.symbols)} {other.timeframe} from {other.first}"
            f" to {other.last} was evaluated on {other.at} by {other.folder} ({other.run[:8]})."
            " What is chosen since may follow from what was seen then, so that this run cannot be"
            f" tried on them; bars after {other.last} are untouched."
        )
    lines += _said(*_seen(state))
    if state.kind == "untouched":
        lines += _said(
            f"Untouched: no search of {' and '.join(state.symbols)} that is counted here reaches"
            " into it."
        )
    if not state.others:
        lines += _said(
            "Nothing of this run follows from it. It can be looked at once, for the finalists of"
            " then and for no set that is ranked later, so refine and analyze first, if at all:"
            f" wfo verdict {folder} --spend-holdout"
        )
    return lines


def _bars(symbols: tuple[str, ...], record: HoldoutRecord) -> str:
    first, last = record.dates
    return (
        f"The last {record.span} of {' with '.join(symbols)}, {record.rows:,} bars, {first} to"
        f" {last}."
    )


def _seen(state: HoldoutState) -> list[str]:
    """Return what other searches have to do with the bars; nothing where none do."""
    found, seen = [], state.seen_by
    if seen.searches:
        found.append(
            f"Not untouched: {_counted(seen.searches, 'other search', 'other searches')} of"
            f" {' and '.join(state.symbols)}, {seen.combinations:,} combinations, reached into"
            " these bars. What they showed may have led to this run."
        )
    if seen.unknown:
        found.append(
            f"Of {_counted(seen.unknown, 'further search', 'further searches')} it is not known how"
            " far they reached: an earlier version has counted them."
        )
    return found


def _counted(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


def spent_lines(spent: Spent, *, changed: bool = False) -> list[str]:
    """Return the lines of a page on what a hold-out came to.

    Parameters
    ----------
    spent
        What was recorded.
    changed
        Whether the finalists of the run are others now.
    """
    held = spent.held
    heads = ("", "Return", "A year", "Drawdown", "Trades", "Sharpe", "In market", "Excess")
    rows = [("Buy-and-hold", *_figures(held, None))]
    rows += [
        (f"{each.number} {each.strategy}", *_figures(each.figures, spent.excess(each)))
        for each in spent.finalists
    ]
    beat = [each for each in spent.finalists if spent.beats(each)]
    lost = [each for each in spent.finalists if (each.figures.total_return or 0) < 0]
    count = len(spent.finalists)
    state = HoldoutState(None, spent.symbols, spent.seen_by)
    lines = [
        "Hold-out",
        *_said(
            f"Spent on {spent.at}: the last {spent.span} of {' with '.join(spent.symbols)},"
            f" {spent.bars:,} bars, {spent.first} to {spent.last}, for the"
            f" {_counted(count, 'finalist', 'finalists')} of that time, from fresh capital at the"
            " first of these bars, with the capital and costs of the run."
        ),
        *table([heads, *rows], "<>>>>>>>"),
    ]
    for each in spent.finalists:
        lines += _said(f"{each.number} {each.strategy}, {each.origin}:")
        lines += [f"  {line}" for line in params_lines(each.params, _WIDTH - 2)]
    lines += _said(
        f"{len(beat)} of {count} returned more than buy-and-hold, and {len(lost)} lost money."
        " Excess is the return minus that of buy-and-hold.",
        "It is one stretch of one market, and so few bars tell apart little."
        + (" The best of several finalists on them is lucky too." if count > 1 else "")
        + _short(spent),
        "The run had found NO PLATEAU: what was evaluated is the most stable outcome alone, a peak,"
        " and whatever it came to here is more likely luck."
        if any(is_peak(each.origin) for each in spent.finalists)
        else "",
        *_seen(state),
        "The finalists of the run are others now; these are those that were evaluated, and the bars"
        " are not looked at again."
        if changed
        else "",
    )
    return lines


def _short(spent: Spent) -> str:
    days = (spent.last - spent.first).days
    return (
        f" Figures a year are made of {days + 1} days."
        if days < 360  # a year of bars is never quite one of the calendar
        else ""
    )


def _figures(figures: HoldoutFigures, excess: float | None) -> tuple[str, ...]:
    def said_of(value: float | None) -> str:
        return "-" if value is None else percent(value)

    return (
        said_of(figures.total_return),
        said_of(figures.annual_return),
        said_of(figures.drawdown_share),
        f"{figures.trades:,}",
        "-" if figures.sharpe is None else f"{figures.sharpe:.2f}",
        said_of(figures.exposure),
        said_of(excess),
    )


def _said(*texts: str) -> list[str]:
    """Return the sentences that are said, each on lines of its own."""
    return [line for text in texts if text for line in wrap_text(text, _WIDTH, "  ", hang="  ")]

"""Tables of a walk-forward's windows, of the sets that they chose, and of how these drift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from wfo.runs.optimizing.wording import figure_text, value_text
from wfo.runs.verdict.parts import Explained, Part, Section, Table, Words
from wfo.runs.verdict.texts import NONE, share, two
from wfo.runs.walkforward import words as say
from wfo.strategy import Number
from wfo.text import one_line
from wfo.walkforward.values import WalkForward, WindowResult

_KEY = tuple[tuple[str, Number], ...]

_NONE_LEFT_OUT = (0, -1)

#: Criteria whose sets are the middle of many, good and less good.
_CENTRES = ("plateau", "region")


@dataclass(frozen=True, slots=True)
class Shown:
    """How much a table shows.

    Attributes
    ----------
    most
        Rows; of more the middle is left out.
    where
        What is said of those that are left out.
    """

    most: int
    where: str

    def middle(self, count: int) -> tuple[int, int]:
        """Return the first and last number, from 1 on, of what is left out; 0 and -1 of nothing."""
        if count <= self.most:
            return _NONE_LEFT_OUT
        return self.most // 2 + 1, count - (self.most - self.most // 2)


def set_numbers(results: Sequence[WindowResult]) -> dict[_KEY, int]:
    """Return a number, from 1 on, for each distinct set that trades, in their order."""
    keys = (_key(each.params) for each in results if each.params is not None)
    return {key: number for number, key in enumerate(dict.fromkeys(keys), 1)}


def _key(params: Mapping[str, Number]) -> _KEY:
    return tuple(params.items())


def windows_section(walk: WalkForward, shown: Shown) -> Section:
    """Return the dates, sets and figures of every window."""
    results = walk.results
    left = shown.middle(len(results))
    overlap = any(w.until < w.end for w in walk.windows)
    days = min((w.to_date - w.split_date).days for w in walk.windows)
    end = walk.windows[-1]
    last = (end.out_of_sample[1] - end.split_date).days + 1 if end.cut else days
    tied = sum(each.decision.tied > 1 for each in results if each.decision.params is not None)
    tied = 0 if walk.by in _CENTRES else tied
    parts: list[Part] = [
        _dates_table(walk, left, overlap=overlap),
        *_said(say.left_out(*left, shown.where), say.ties(tied)),
        *_reasons(results, shown),
        _figures_table(results, left),
        *_said(say.short_parts(days, min(days, last))),
        *_explained(),
    ]
    return Section("Windows", tuple(parts))


def _said(*texts: str) -> list[Words]:
    return [Words(text) for text in texts if text]


def _kept(results: Sequence[WindowResult], left: tuple[int, int]) -> Iterator[WindowResult]:
    first, last = left
    return (each for each in results if not first <= each.window.number <= last)


def _dates_table(walk: WalkForward, left: tuple[int, int], *, overlap: bool) -> Table:
    numbers = set_numbers(walk.results)
    heads = ["Window", "Chosen on", "Out-of-sample part", *(["Trades until"] * overlap)]
    rows = [(*heads, "Set", f"Its {'stability' if walk.by in _CENTRES else walk.by}")]
    begin = walk.windows[0].split
    for each in _kept(walk.results, left):
        window = each.window
        spans = [f"{first} to {last}" for first, last in (window.in_sample, window.out_of_sample)]
        # Marks begin with the one before the first traded bar.
        until = [walk.dates[window.until - begin].isoformat()] * overlap
        value = each.decision.value
        rows.append(
            (
                f"{window.number}{' cut' if window.cut else ''}",
                *spans,
                *until,
                _set_text(each, numbers),
                NONE if value is None else figure_text(walk.by, value),
            )
        )
    caption = "What was chosen, on which bars, and which bars come after it"
    return Table(_with_gap(rows, left), "<<<" + "<" * overlap + "<>", caption)


def _with_gap(
    rows: Sequence[tuple[str, ...]], left: tuple[int, int]
) -> tuple[tuple[str, ...], ...]:
    """Return the rows of a table, headings first, with a row of dots where some are left out."""
    first, last = left
    if last < first:
        return tuple(rows)
    return (*rows[:first], ("...", *[""] * (len(rows[0]) - 1)), *rows[first:])


def _set_text(each: WindowResult, numbers: Mapping[_KEY, int]) -> str:
    if each.params is None:
        return "cash"
    return f"{numbers[_key(each.params)]}{' kept' if each.decision.params is None else ''}"


def _reasons(results: Sequence[WindowResult], shown: Shown) -> list[Words]:
    """Return the notes of decisions, each once, with the windows that have it.

    Why nothing was chosen is said with the assumptions where there is one reason.
    """
    why = {each.decision.note for each in results if each.decision.params is None}
    told = why if len(why) == 1 else set()
    found: dict[str, list[int]] = {}
    for each in results:
        note = each.decision.note
        if note and not (each.decision.params is None and note in told):
            found.setdefault(note, []).append(each.window.number)
    said = [
        Words(f"Window{'' if len(at) == 1 else 's'} {spans_text(at)}: {note.rstrip('.')}.")
        for note, at in found.items()
    ]
    return said[: shown.most]


def spans_text(numbers: Sequence[int]) -> str:
    """Return ascending numbers as ``1-3, 7``."""
    starts = [numbers[0], *(b for a, b in pairwise(numbers) if b != a + 1)]
    ends = [*(a for a, b in pairwise(numbers) if b != a + 1), numbers[-1]]
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def _figures_table(results: Sequence[WindowResult], left: tuple[int, int]) -> Table:
    heads = (
        "Window", "In-sample", "After it", "WFE", "a year", "returns", "Traded", "B&H",
        "Trades", "Fall",
    )  # fmt: skip
    rows = [heads]
    for each in _kept(results, left):
        inside, alone, traded = each.in_sample, each.alone, each.traded
        rows.append(
            (
                str(each.window.number),
                share(inside.cagr if inside else None),
                share(alone.cagr if alone else None),
                two(each.wfe),
                two(each.wfe_annual),
                two(each.return_wfe),
                share(traded.total_return),
                share(each.held.total_return),
                f"{traded.trades:,}",
                share(traded.max_drawdown_share),
            )
        )
    caption = (
        "What it came to: a year in-sample and after it, of the window's set begun flat; then what"
        " the stitched curve made while that set traded, in all, beside buy-and-hold"
    )
    return Table(_with_gap(rows, left), "<>>>>>>>>>", caption)


def _explained() -> tuple[Explained, ...]:
    return (
        Explained(
            "After it",
            "the whole out-of-sample part, by the backtest that began flat with the capital"
            " in-sample.",
            "It is not what was traded: there, position and cash come over from the set before, and"
            " a newer decision may take over. Where these parts overlap, they must not be added.",
        ),
        Explained(
            "WFE",
            "walk-forward efficiency: profit after by profit in-sample; 'a year' divides each by"
            " its years, 'returns' compares annual returns.",
            "Compounding distorts the first two, since the later part trades what the in-sample"
            " part has earned, and so earns more money by the same skill; 'returns' compares like"
            " with like. Each is '-' where the in-sample part earned nothing, and huge without"
            " saying anything where it earned next to nothing.",
        ),
        Explained(
            "Traded, B&H, Trades, Fall",
            "total return, buy-and-hold's, closed trades and the deepest fall from a peak within"
            " the stretch.",
            "Returns of stretches multiply up to the curve's; deepest falls do not add up, since"
            " one may go over a boundary.",
        ),
    )


def sets_section(walk: WalkForward, shown: Shown) -> Section:
    """Return the sets that trade, and how parameters drift from one to the next."""
    sets = set_numbers(walk.results)
    if not sets:
        return Section("Chosen sets", (Words("There is none."),))
    wheres: dict[int, list[int]] = {}
    for each in walk.results:
        if each.params is not None:
            wheres.setdefault(sets[_key(each.params)], []).append(each.window.number)
    values = [dict(key) for key in sets]
    names = list(dict.fromkeys(name for params in values for name in params))
    changing = [n for n in names if len({params.get(n) for params in values}) > 1]
    fixed = [f"{one_line(n)} {value_text(values[0][n])}" for n in names if n not in changing]
    first, last = shown.middle(len(values))
    rows = [("Set", "Windows", *map(one_line, changing))]
    for number, params in enumerate(values, 1):
        if not first <= number <= last:
            cells = (value_text(params[n]) if n in params else NONE for n in changing)
            rows.append((str(number), _short(spans_text(wheres[number])), *cells))
    shortened = _with_gap(rows, (first, last))
    parts: list[Part] = [Table(shortened, "<<" + ">" * len(changing), "In order of first use")]
    parts += _said(
        f"Sets {first:,} to {last:,} are left out here; {shown.where}." if last >= first else "",
        f"The same in all of them: {', '.join(fixed)}." if fixed and len(values) > 1 else "",
        f"It has {', '.join(fixed)}." if fixed and len(values) == 1 else "",
    )
    parts += _drift(walk, changing)
    return Section("Chosen sets", tuple(parts))


def _short(text: str, most: int = 18) -> str:
    return text if len(text) <= most else f"{text[: most - 3].rstrip(', -')}..."


def _drift(walk: WalkForward, changing: Sequence[str]) -> list[Part]:
    """Return how far and how often parameters change, those that do."""
    decided = [each.decision.params for each in walk.results if each.decision.params is not None]
    if len(decided) < 2 or not changing:
        return []
    pairs = list(pairwise(decided))
    rows = [("Parameter", "Steps, mean", "Changes", "Lowest", "Highest")]
    for name in changing:
        found = [params[name] for params in decided if name in params]
        if not found:
            continue
        changes = sum(a.get(name) != b.get(name) for a, b in pairs)
        rows.append(
            (
                one_line(name),
                two(walk.drift.get(name)),
                f"{changes:,} of {len(pairs):,}",
                value_text(min(found)),
                value_text(max(found)),
            )
        )
    return [
        Table(
            tuple(rows), "<>>>>", "Drift: how far a parameter moves from one decision to the next"
        ),
        Explained(
            "Steps, mean",
            "the distance from one decision to the next in steps of the grid, without its sign, on"
            " average; '-' where a value is none of the grid.",
            "A parameter that jumps to and fro either does not matter, or is fitted to noise; which"
            " of both, the sensitivity of a run tells.",
        ),
    ]

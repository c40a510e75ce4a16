"""The interpreter of rules with one rule broken: faults, and how a copy with one is loaded."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import wfo.rules

#: The package that is copied, and modules beside it that are copied with it.
_SOURCE = Path(wfo.rules.__file__).parent
_BESIDE = ("numbers", "lookback")
_NAME = "mutated_rules"


class Mutant(NamedTuple):
    """A fault.

    Attributes
    ----------
    file
        In which file of the reference.
    line
        What stands there, once.
    fault
        What stands there instead.
    rule
        The rule that it breaks.
    """

    file: str
    line: str
    fault: str
    rule: str


MUTANTS = (
    # Expressions
    Mutant("numbers", "return yes if condition else no", "return no if condition else yes", "E5"),
    Mutant("numbers", "        return parts[0]  # [P2]", "        return math.nan  # [P2]", "P2"),
    Mutant("columns", "np.add(a, 0.5)", "np.add(a, 0.4)", "E1"),
    Mutant(
        "columns", '"div": np.divide', '"div": np.true_divide if False else np.floor_divide', "E1"
    ),
    Mutant(
        "columns", "np.where(unknown, np.nan, np.where(np.less(a, b), a, b))", "np.fmin(a, b)", "E2"
    ),
    Mutant(
        "columns",
        "np.where(unknown, np.nan, np.where(np.greater(a, b), a, b))",
        "np.fmax(a, b)",
        "E2",
    ),
    Mutant(
        "columns",
        "np.where(unknown, np.nan, _COMPARISONS[op](a, b))",
        "np.where(unknown, 0.0, _COMPARISONS[op](a, b))",
        "E3",
    ),
    Mutant("columns", '"lt": np.less,', '"lt": np.less_equal,', "E3"),
    Mutant("columns", '"le": np.less_equal', '"le": np.less', "E3"),
    Mutant("columns", '"gt": np.greater,', '"gt": np.greater_equal,', "E3"),
    Mutant("columns", '"ge": np.greater_equal', '"ge": np.greater', "E3"),
    Mutant("columns", '"eq": np.equal', '"eq": lambda a, b: abs(a - b) <= 0.3', "E7"),
    Mutant("columns", "holds(a) & holds(b)", "holds(a) | holds(b)", "E4"),
    Mutant("columns", "holds(a) | holds(b)", "holds(a) ^ holds(b)", "E4"),
    Mutant(
        "columns",
        "np.where(np.isnan(a), np.nan, np.equal(a, 0.0))",
        "np.where(np.isnan(a), 1.0, np.equal(a, 0.0))",
        "E7",
    ),
    Mutant(
        "columns",
        "np.where(np.isnan(condition), np.nan, np.where(holds(condition), yes, no))",
        "np.where(holds(condition), yes, no)",
        "E5",
    ),
    Mutant("columns", "if which == place:", "if which >= place:", "E6"),
    # Columns of columns
    Mutant(
        "indicators",
        "found[bars:] = x[: x.size - bars]  # [C1]",
        "found[max(0, bars - 1) :] = x[: x.size - max(0, bars - 1)]",
        "C1",
    ),
    Mutant(
        "indicators",
        "_sum(x, period) / float(period))  # [C2]",
        "_sum(x, period) / float(period + (period > 3)))",
        "C2",
    ),
    Mutant(
        "indicators",
        "enumerate(_window(x, period), start=1)",
        "enumerate(reversed(list(_window(x, period))), start=1)",
        "C2",
    ),
    Mutant(
        "indicators",
        "np.sqrt(squares / float(period))",
        "np.sqrt(squares / float(max(1, period - 1)))",
        "C2",
    ),
    Mutant("indicators", "np.where(each > found, each, found)", "each + 0.0", "C2"),
    Mutant("indicators", "np.where(each < found, each, found)", "each + 0.0", "C2"),
    Mutant("indicators", "(each <= newest)", "(each < newest)", "C2"),
    Mutant(
        "indicators",
        "np.where(unknown, np.nan, values)  # [C3]",
        "np.where(unknown, np.nan_to_num(values, nan=0.5), values)",
        "C3",
    ),
    Mutant("indicators", "if began else value  # [C4]", "if began else factor * value", "C4"),
    Mutant("indicators", "2.0 / (float(period) + 1.0)", "1.0 / float(period)", "C4"),
    Mutant("indicators", "average = (total + value) / length  # [C5]", "average = value", "C5"),
    Mutant(
        "indicators",
        "(average * (length - 1.0) + value) / length",
        "average + 2.0 / (length + 1.0) * (value - average)",
        "C5",
    ),
    Mutant("indicators", "np.where(high[1:] > before, high[1:], before)", "high[1:]", "C7"),
    # Orders
    Mutant(
        "touches",
        "return extreme - side * value  # [R4]",
        "return close_before - side * value",
        "R4",
    ),
    Mutant(
        "touches",
        "return close_before + side * value  # [R5]",
        "return extreme + side * value",
        "R5",
    ),
    Mutant(
        "touches",
        'rises = (kind in ("stop", "breakout")) == (side > 0)',
        'rises = (kind in ("stop", "breakout", "pullback")) == (side > 0)',
        "R4",
    ),
    Mutant(
        "touches",
        'rises = (kind in ("limit", "target")) == (side > 0)',
        'rises = (kind in ("limit",)) == (side > 0)',
        "R11",
    ),
    Mutant(
        "touches",
        "return Touch(0, 0.0, rank, place, bar.open, side)  # [R1]",
        "return Touch(1, 0.0, rank, place, bar.open, side)",
        "R1",
    ),
    Mutant(
        "touches",
        "return Touch(0, 0.0, rank, place, bar.open, FLAT)  # [R6] [R12]",
        "return Touch(2, 0.0, rank, place, bar.open, FLAT)",
        "B2",
    ),
    Mutant("touches", "return extreme - side * value  # [R9]", "return fill - side * value", "R9"),
    Mutant(
        "touches",
        "fill * (at_entry / 100.0) if percent",
        "fill * (value / 100.0) if percent",
        "R13",
    ),
    Mutant(
        "touches", "return fill - side * distance  # [R10]", "return fill - side * value", "R10"
    ),
    Mutant(
        "touches", "return fill + side * distance  # [R11]", "return fill + side * value", "R11"
    ),
    Mutant("touches", "if not bar.high >= level:  # (L7)", "if not bar.high > level:", "R2"),
    Mutant("touches", "if not bar.low <= level:", "if not bar.low < level:", "R3"),
    Mutant("touches", "if bar.open >= level:  # (O1) (L8)", "if bar.open > level:", "B2"),
    Mutant(
        "touches",
        "if bar.open <= level:\n        return Touch(0, 0.0, rank, place, bar.open, side)",
        "if bar.open <= level:\n        return Touch(0, 0.0, rank, place, level, side)",
        "R7",
    ),
    Mutant(
        "touches",
        "return Touch(_leg(bar, rises), level, rank, place, level, side)",
        "return Touch(_leg(bar, rises), -level, rank, place, level, side)",
        "B2",
    ),
    Mutant(
        "touches",
        "bar.high - bar.open < bar.open - bar.low",
        "bar.high - bar.open <= bar.open - bar.low",
        "B2",
    ),
    Mutant(
        "touches",
        'RANKS = {"at_open": 0, "after": 0, "stop": 1',
        'RANKS = {"at_open": 0, "after": 0, "stop": 2',
        "B2",
    ),
    Mutant(
        "touches", "rank = _BUY if side > 0 else _SALE", "rank = _SALE if side > 0 else _BUY", "B2"
    ),
    Mutant("touches", "_BUY, _SALE = 3, 4", "_BUY, _SALE = -2, -1", "B2"),
    Mutant("lines", "works &= np.isfinite(value)  # [R14]", "works &= ~np.isnan(value)", "R14"),
    Mutant("lines", "works &= holds(when)  # [R14]", "works &= np.not_equal(when, 0.0)", "R14"),
    Mutant(
        "lines",
        "LONG: listed(program.exit_long), SHORT: listed(program.exit_short)",
        "LONG: listed(program.exit_long[:7]), SHORT: listed(program.exit_short[:1])",
        "R16",
    ),
    Mutant(
        "lines",
        "return place is not None and bool(holds(found[place]))",
        "return place is not None and not found[place] == 0.0",
        "R17",
    ),
    Mutant("walk", "if lines.reverses[-now.side]:", "if lines.reverses[now.side]:", "R17"),
    Mutant(
        "walk",
        "return t - now.since >= line.value[t - 1]  # [R12]",
        "return t - now.since > line.value[t - 1]",
        "R12",
    ),
    Mutant("walk", "return line.works[now.since - 1]  # [R14]", "return line.works[t - 1]", "R14"),
    # Events
    Mutant(
        "walk", "now.highest, now.lowest, now.since = bar.high, bar.low, t", "now.since = t", "B8"
    ),
    Mutant(
        "walk",
        "now.highest, now.lowest, now.since = bar.high, bar.low, t",
        "now.highest, now.lowest, now.since = bar.open, bar.open, t",
        "B8",
    ),
    Mutant("walk", "if first.side != FLAT and now.equity > 0.0:", "if first.side != FLAT:", "M8"),
    Mutant("walk", "if self.now.equity <= 0.0:  # [M8]", "if self.now.equity < -1e300:", "M8"),
    Mutant("walk", "self._leave(t, min(others).fill)  # [B3]", "self._leave(t, first.fill)", "B3"),
    Mutant("walk", "if lines.both_fill and others:", "if others and not lines.both_fill:", "B3"),
    Mutant("walk", "first = min(buys + sales)  # [B2]", "first = min(buys or sales)", "B3"),
    Mutant("walk", 'if same_bar == "next":  # [B4]', 'if same_bar == "open":', "B4"),
    Mutant(
        "walk",
        'if line.kind in ("at_open", "after") or not line.works[t - 1]:',
        'if line.kind == "after" or not line.works[t - 1]:',
        "B5",
    ),
    Mutant(
        "walk",
        "value, value, now.fill, now.fill, line.percent)",
        "value, value, now.fill, now.extreme(now.side), line.percent)",
        "B5",
    ),
    Mutant(
        "walk", '(same_bar == "open" or line.kind not in PROTECTIVE)', '(same_bar == "open")', "B6"
    ),
    Mutant(
        "walk",
        '(same_bar == "open" or line.kind not in PROTECTIVE)',
        "(line.kind not in PROTECTIVE)",
        "B5",
    ),
    Mutant(
        "walk",
        "fill = min(level, now.fill) if now.side == LONG else max(level, now.fill)",
        "fill = level",
        "B6",
    ),
    Mutant("walk", "along=-now.side * level", "along=now.side * level", "B6"),
    Mutant("walk", "[each for each in touched if each.rank == 1] or touched", "touched", "B6"),
    Mutant(
        "walk",
        "self._leave_at_once(t, bar, first, lines)\n        return True\n\n    def _entries",
        "return True\n\n    def _entries",
        "B5",
    ),
    Mutant(
        "walk",
        "while following is not None and following[0] <= t:",
        "while following is not None and following[0] < t:",
        "T4",
    ),
    # Sizing and money
    Mutant(
        "sizing",
        "return 0.0 < lines.size[before] <= 1.0  # [Z1]",
        "return 0.0 < lines.size[before]",
        "Z1",
    ),
    Mutant("sizing", "base *= lines.size[before]  # [Z1]", "pass", "Z1"),
    Mutant("sizing", "if each.distance > 0.0)", "if each.distance >= 0.5)", "Z2"),
    Mutant(
        "sizing",
        "return min(able, key=lambda each: each.distance, default=None)",
        "return max(able, key=lambda each: each.distance, default=None)",
        "Z2",
    ),
    Mutant(
        "sizing",
        "shares = min(base * lines.risk / distance, shares)  # [Z2]",
        "shares = base * lines.risk / distance",
        "Z2",
    ),
    Mutant(
        "sizing",
        "return risk_distance(lines, side, fill, before) is not None  # [Z3]",
        "return True",
        "Z3",
    ),
    Mutant(
        "sizing",
        "return money.round_to_lots(shares, settings.lot_size)  # [Z4]",
        "return shares",
        "Z4",
    ),
    Mutant("walk", "and may_enter(lines, side, touch.fill, t - 1)", "", "Z3"),
    Mutant("money", 'min(capital, q) if sizing == "fixed" else q', "q", "M5"),
    Mutant("money", "return money / (price * (1.0 - slip))  # [M2]", "return money / price", "M2"),
    Mutant("walk", "if now.shares > 0.0:  # [M7]", "if True:", "M7"),
    # Lookback
    Mutant(
        "lookback",
        "return int(numbers[node.args[1]]) - 1",
        "return int(numbers[node.args[1]])",
        "P4",
    ),
    Mutant("lookback", "parts[2] += 1  # [P4] It reads the close before.", "pass", "P4"),
    # Higher bars
    Mutant("groups", '"open": lambda before, _: before', '"open": lambda _, value: value', "G1"),
    Mutant("groups", "value if value > before else before", "value", "G1"),
    Mutant("groups", "value if value < before else before", "min(value, before) + 0.5", "G1"),
    Mutant(
        "columns",
        "indicators.shift(parts[0], int(parts[1]))",
        "indicators.shift(parts[0], int(parts[1]) * (2 if higher[place] else 1))",
        "G2",
    ),
    Mutant("groups", "int(each - first) - 1 for", "int(each - first) - 2 for", "G3"),
    Mutant("groups", "for at in self.seen", "for at in self.own", "G3"),
    Mutant("lookback", "first + bar + 1", "first + bar", "G4"),
)


def applied(mutant: Mutant) -> dict[str, str]:
    """Return the sources of the copy by module, one of them with the fault.

    Raises
    ------
    ValueError
        If the line does not stand there once.
    """
    paths = {path.stem: path for path in (_SOURCE / "reference").glob("*.py")}
    paths |= {name: _SOURCE / f"{name}.py" for name in _BESIDE}
    sources = {name: path.read_text("utf-8") for name, path in paths.items()}
    if sources[mutant.file].count(mutant.line) != 1:
        raise ValueError(
            f"{mutant.line!r} stands {sources[mutant.file].count(mutant.line)} times in"
            f" {mutant.file}.py, not once"
        )
    sources[mutant.file] = sources[mutant.file].replace(mutant.line, mutant.fault)
    for name, source in sources.items():
        moved = source.replace("wfo.rules.reference", _NAME)
        for beside in _BESIDE:
            moved = moved.replace(f"wfo.rules.{beside}", f"{_NAME}.{beside}")
        sources[name] = moved
    return sources


@contextmanager
def loaded(mutant: Mutant, folder: Path) -> Iterator[tuple[Callable[..., Any], Callable[..., int]]]:
    """Load the copy with a fault; yield its walk, and its first bar of a program."""
    package = folder / _NAME
    package.mkdir()
    for name, source in applied(mutant).items():
        (package / f"{name}.py").write_text(source, "utf-8")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        walk = importlib.import_module(f"{_NAME}.walk").walk
        yield walk, importlib.import_module(f"{_NAME}.lookback").first_bar
    finally:
        sys.path.remove(str(folder))
        for name in [n for n in sys.modules if n.partition(".")[0] == _NAME]:
            del sys.modules[name]

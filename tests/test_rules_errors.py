"""What is wrong in rules of a user's is said with the line where it stands."""

from __future__ import annotations

import importlib.util
import itertools
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import wfo
from wfo import InputError
from wfo.rules.authoring.building import drafted
from wfo.rules.authoring.rules import _stated

_HEAD = """\
import math
import numpy as np
import wfo

class Own(wfo.Rules):
    \"\"\"A strategy.\"\"\"
    length = wfo.Int(2, 50)
    width = wfo.Float(1, 5, .5)
"""
_RULES = """\
    def rules(self, x):
        up = x.close > x.sma(x.close, self.length)
"""
_ORDERS = """\
        return wfo.orders(long=x.at_open(up), exit_long=x.trail(x.atr(5) * self.width))
"""
_NUMBER = itertools.count()


def _module(folder: Path, text: str) -> Any:
    name = f"rules_of_a_user_{next(_NUMBER)}"
    path = folder / f"{name}.py"
    path.write_text(text, "utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


def _made(own: Any) -> Any:
    return drafted(_stated(own))


def _refusal(folder: Path, text: str, make: Callable[[Any], Any] = _made) -> str:
    """Return what is said of a file, and check that it names the line that is marked."""
    marked = [n for n, line in enumerate(text.splitlines(), 1) if line.endswith("# here")]
    assert len(marked) == 1, text
    with pytest.raises(InputError) as caught:
        make(_module(folder, text).Own)
    said = str(caught.value)
    place, _, rest = said.partition(": ")
    assert re.fullmatch(rf"\S*rules_of_a_user_\d+\.py:{marked[0]}", place), f"{said}\n{text}"
    assert "\n" not in said
    return rest


#: A line in the method, and what is said of it.
LINES = {
    # Python's own logic.
    "c = up and x.close > 5": "Python's `and` does not join conditions; use (a) & (b)",
    "c = up or x.close > 5": "use (a) | (b)",
    "c = not up": "use ~(a)",
    "c = 1 if up else 2": "x.where",
    "c = 5 < x.close < 10": "chained comparison",
    "c = max(x.close, x.open)": "x.maximum(a, b)",
    "c = self.length in (1, 2)": "(a == 1) | (a == 2)",
    "c = any([up, up])": "a | b",
    # Functions that take numbers.
    "c = math.sqrt(x.close)": "use x.sqrt",
    "c = np.sqrt(x.close)": "use x.sqrt",
    "c = np.maximum(x.close, 5)": "use x.sqrt",
    "c = np.mean(x.close)": "@wfo.indicator",
    "c = math.floor(self.width)": "x.floor",
    "c = int(self.length)": "x.floor",
    "c = float(x.close)": "has no value while the rules are made",
    "c = round(self.width)": "x.round_half_up",
    "c = [0] * self.length": "a part of * = [0] must be a column",
    "c = list(range(self.length))": "@wfo.indicator",
    "c = x.close ** 2": "a * a",
    "c = x.close // 2": "x.floor(a / b)",
    "c = x.close % 2": "a - b * x.floor(a / b)",
    "c = up ^ up": "!=",
    # What a column is not.
    "c = x.close[-1]": "x.shift(column, k)",
    "c = x.close.shift(1)": "functions are those of x",
    "c = x.close.rolling(5)": "functions are those of x",
    "c = x.close(3)": "no function",
    "c = len(x.close)": "no length",
    "c = [v for v in x.close]": "no sequence",
    "c = x.close + 'a'": "must be a column, a parameter or a number",
    "c = x.close + None": "None must be a column",
    "c = x.close > True": "write 1",
    "c = x.close + Own.length": "use self.NAME",
    "c = x.close + 10**400": "larger than any float",
    # Conditions.
    "c = x.close > 5 & x.open": "put comparisons that & or | join into brackets",
    "c = ~x.close": "no condition",
    "c = x.where(x.close, 1, 2)": "no condition",
    "c = x.at_open(x.close)": "at_open: when: close is a column of values and no condition",
    "c = x.stop(up)": "give it as when=",
    # Columns, numbers and lengths.
    "c = x.sma(x.close, x.close)": "the length close is a column",
    "c = x.sma(self.length, x.close)": "is the same in every bar",
    "c = x.sma(5, 10)": "is the same in every bar",
    "c = x.shift(x.close, -1)": "looks into the future",
    "c = x.shift(x.close, -self.length)": "looks into the future",
    "c = x.sma(x.close, 0)": "from 1 to",
    "c = x.sma(x.close, 2.5)": "must be a whole number",
    "c = x.sma(x.close, -self.length)": "below 0",
    "c = x.sma(x.close, up)": "is a condition",
    "c = x.rsi(self.length, 5)": "rsi: length is the same in every bar",
    "c = x.choose(x.close, 1, 2)": "x.where does it",
    "c = x.choose(self.length)": "nothing to choose from",
    "c = x.crosses_above(self.length, 5)": "cross nowhere",
    "c = x.after(x.close)": "the length close is a column",
    "c = x.after(0)": "from 1 to",
    "c = x.loss()": "needs a distance or percent=",
    "c = x.loss(5, percent=2)": "one of them",
    # Bars of another length.
    "c = x.resample('1h')": "resample: unknown timeframe '1h'; did you mean '1hour'?",
    "c = x.resample('60min')": "did you mean '1hour'?",
    "c = x.resample('abc')": "'abc'; known: 1min, 5min, 15min, 30min, 1hour, 4hour, 1day, 1week",
    "c = x.resample('1hour', calendar='NYSEE')": "unknown calendar 'NYSEE'",
    "c = x.resample('1hour', calendar=1)": "must be the name of a calendar",
    "c = x.resample('1day').resample('1week')": "these are 1day bars already",
    "c = x.sma(x.resample('1day').close, 5)": (
        "sma: 1day.close is of 1day bars, and sma here of the traded bars; write"
        ' h = x.resample("1day") and h.sma(…)'
    ),
    "c = x.resample('1day').shift(x.close, 1)": "close is of the traded bars, and shift here of 1d",
    "c = x.resample('1week').sma(x.resample('1day').close, 5)": "1day.close is of 1day bars",
    "c = x.resample('1day').crosses_above(x.close, x.open)": "is of the traded bars",
    "c = wfo.indicator(lambda a, b: a)(x.close, x.resample('1day').close)": (
        "call takes columns of bars of one length, and close is of the traded bars; 1day.close is"
    ),
    "c = x.at_open(x.resample('1day').close)": "1day.close is a column of values and no condition",
    "c = x.resample('1day').stop(5)": "has no 'stop'",
    # Names.
    "c = x.closes": "did you mean 'close'?",
    "c = x.average(x.close, 5)": "has no 'average'",
    "c = self.lenght": "did you mean 'length'?",
    "c = x.column('a b')": "as Python's names are",
    "c = x.feed(2)": "as Python's names are",
    # Whatever else is raised.
    "c = nowhere": "NameError: name 'nowhere' is not defined",
    "c = x.sma(x.close)": "missing 1 required positional argument: 'length'",
    "c = 1 / 0": "ZeroDivisionError",
    "c = Own()": "needs no instance",
    "c = sum(x.close * i for i in range(10**6))": "made of more than 10,000 expressions",
}


@pytest.mark.parametrize(("line", "said"), LINES.items())
def test_a_line_is_refused(line: str, said: str, tmp_path: Path) -> None:
    text = f"{_HEAD}{_RULES}        {line}  # here\n{_ORDERS}"
    assert said in _refusal(tmp_path, text)


#: Arguments of `wfo.orders`, and what is said of them.
CALLS = {
    "": "has no entry",
    "exit_long=out": "has no entry",
    "long=buy": "long positions are never left; give exit_long",
    "long=buy, short=sell, exit_long=out": "short positions are never left",
    "long=buy, exit_long=out, exit_short=out": "there is nothing to leave",
    "long=out": "trail, made at",
    "long=buy, exit_long=x.pullback(5)": "is an entry",
    "long=up, exit_long=out": "must be an order",
    "long=[buy, 5], exit_long=out": "5 must be an order",
    "long=[buy] * 9, exit_long=out": "9 orders; at most 8",
    "long=buy, exit_long=out, same_bar='soon'": "same_bar = 'soon' is unknown",
    "long=buy, exit_long=out, both=1": "give long and short",
    "long=buy, short=sell, exit_long=out, exit_short=out, both=1, same_bar='open'": "leave one out",
    "long=buy, exit_long=out, reverse_to_long=True": "it needs both",
    "long=buy, exit_long=out, reverse_to_short=up": "is a column",
    "long=buy, exit_long=out, risk=2": "above 0 and at most 1",
    "long=buy, exit_long=out, risk=x.close": "is a column",
    "long=buy, exit_long=out, size=0": "above 0 and at most 1",
    "long=buy, exit_long=out, size=.5, risk=.01": "exclude each other",
    "long=buy, exit_long=x.at_open(up), risk=.01": "exit_long has none",
    "long=buy, out=out": "unexpected keyword argument 'out'",
}


@pytest.mark.parametrize(("call", "said"), CALLS.items())
def test_a_call_of_orders_is_refused(call: str, said: str, tmp_path: Path) -> None:
    orders = (
        "        buy, sell = x.at_open(up), x.at_open(~up)\n"
        "        out = x.trail(x.atr(5) * self.width)\n"
        f"        return wfo.orders({call})  # here\n"
    )
    assert said in _refusal(tmp_path, f"{_HEAD}{_RULES}{orders}")


_USED = "".join((_RULES, _ORDERS))

#: A whole file, and what is said of the line that is marked.
FILES = {
    "no rules": (
        "import wfo\n\nclass Own(wfo.Rules):  # here\n    length = wfo.Int(1, 5)\n",
        "has no method rules(self, x)",
    ),
    "no parameters": (
        "import wfo\n\nclass Own(wfo.Rules):  # here\n    def rules(self, x):\n        pass\n",
        "has no parameters",
    ),
    "a parameter without its range": (
        f"{_HEAD}    more = wfo.Int  # here\n{_USED}",
        "write more = wfo.Int(low, high)",
    ),
    "an unused parameter": (
        f"{_HEAD}    more = wfo.Int(1, 5)  # here\n{_USED}",
        "the parameter more has no part in any order; use it",
    ),
    "a parameter in an expression that no order has": (
        f"{_HEAD}    more = wfo.Int(1, 5)  # here\n{_RULES}        c = self.more * 2\n{_ORDERS}",
        "although expressions of it are made",
    ),
    "a parameter twice": (
        f"{_HEAD}    length = wfo.Int(1, 5)  # here\n{_USED}",
        "length is a parameter already, at line 7",
    ),
    "a method of a parameter's name": (
        f"{_HEAD}    def width(self):  # here\n        pass\n{_USED}",
        "width is a parameter already, at line 8",
    ),
    "a parameter that is called as what a class states": (
        f"{_HEAD}    name = wfo.Int(1, 5)  # here\n{_USED}",
        "cannot be called 'name'",
    ),
    "nothing returned": (
        f"{_HEAD}{_USED.replace('return ', '').replace('x):', 'x):  # here')}",
        "not None; is a return missing?",
    ),
    "something else returned": (
        f"{_HEAD}    def rules(self, x):  # here\n        return x.at_open(x.close > 5)\n",
        "rules must return wfo.orders(…)",
    ),
    "no argument": (
        f"{_HEAD}    def rules(self):  # here\n        return 1\n",
        "TypeError",
    ),
    "feeds that are none": (
        f"{_HEAD}    feeds = ('bars',)  # here\n{_USED}",
        "must be several of wfo.strategy.Feed",
    ),
    "a column that the feeds lack": (
        (
            f"{_HEAD}    feeds = (wfo.strategy.Feed('bars'),)\n"
            f"{_RULES}        up &= x.volume > 5  # here\n{_ORDERS}"
        ),
        "read bars.volume, which is not among the feeds of the class: bars with open, high",
    ),
    "expressions of other rules": (
        (
            f"kept = []\n{_HEAD}{_RULES}        kept.append(up)\n"
            "        if len(kept) > 1:\n            up = up & kept[0]  # here\n"
            f"{_ORDERS}\nfrom wfo.rules.authoring.rules import _stated\n"
            "from wfo.rules.authoring.building import drafted\ndrafted(_stated(Own))\n"
        ),
        "belongs to the rules of Own made at",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_refused(name: str, tmp_path: Path) -> None:
    text, said = FILES[name]
    assert said in _refusal(tmp_path, text)


#: What a class states beside its rules, and what is said of the line that is marked.
STATED = {
    "constraints = ('length <',)": "is no expression",
    "constraints = ('lenght < 5',)": "did you mean 'length'?",
    "constraints = 'length < width'": "must be several, as in ('length < width',)",
    "constraints = ('length < 2',)": "the constraints leave nothing: no values of length = [2, 3,",
    "constraints = ('length > 60 * width',)": "no values of length = ",
    "map_axes = ('length', 'depth')": "has no parameter 'depth'",
    "map_axes = ('length', 'length')": "needs two map axes",
    "name = 'a b'": "cannot be called 'a b'",
    "feeds = (wfo.strategy.Feed('r', prices=False, columns=('r',)),)": "the rules read bars.close",
    "tradestation = 5": "tradestation must be a TradeStation",
}


@pytest.mark.parametrize(("line", "said"), STATED.items())
def test_what_a_class_states_is_refused_with_its_line(line: str, said: str, tmp_path: Path) -> None:
    text = f"{_HEAD}    {line}  # here\n{_USED}"
    # Feeds are what the rules do not read: the line of that is the one to look at.
    if "feeds" in line:
        text = f"{_HEAD}    {line}\n{_RULES.replace('length)', 'length)  # here')}{_ORDERS}"
    assert said in _refusal(tmp_path, text, lambda own: own.__wfo_strategy__)


def test_the_base_class_is_no_strategy() -> None:
    assert not hasattr(wfo.Rules, "__wfo_strategy__")
    with pytest.raises(InputError, match="is no strategy"):
        wfo.simulate(wfo.Rules, None, {}, split="2020-01-01")


def test_a_class_is_made_a_strategy_when_first_asked_for(tmp_path: Path) -> None:
    # A file with a broken class beside a good one is of use.
    module = _module(tmp_path, f"{_HEAD}{_USED}\nclass Broken(Own):\n    constraints = ('a <',)\n")
    assert module.Own.__wfo_strategy__ is module.Own.__wfo_strategy__
    with pytest.raises(InputError, match="is no expression"):
        _ = module.Broken.__wfo_strategy__

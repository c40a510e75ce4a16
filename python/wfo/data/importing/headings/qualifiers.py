"""Headings taken apart: ``Volume (BTC)`` is volume in BTC, ``AAPL.Open`` the open of AAPL."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

#: Letters with a stroke and the like, which Unicode does not take apart.
_LETTERS: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"}
)
#: Signs of currencies, which are letters of a heading: 'Volume ($)' is not 'Volume'.
_SIGNS: Final = str.maketrans(
    {"$": "usd", "€": "eur", "£": "gbp", "¥": "jpy", "₹": "inr", "₽": "rub", "₩": "krw"}
    | {"₺": "try", "₿": "btc", "₫": "vnd", "₪": "ils", "฿": "thb", "₴": "uah"}
)
#: Numbers in front, of Alpha Vantage: ``1. open``, ``1a. open (USD)``.
_NUMBERING: Final = re.compile(r"\s*\d{1,2}[a-z]?[.)]\s+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Money, in which prices are quoted and turnovers counted.
MONEY: Final = _words(
    "usd usdt usdc busd tusd dai fdusd usde eur euro gbp gbx jpy chf cad aud nzd sek nok dkk "
    "pln czk huf ron rub try tl inr rs cny cnh rmb hkd twd krw sgd thb idr myr php vnd brl "
    "mxn ars clp cop zar ils sar aed egp uah bgn currency quote money value notional zl kc kr "
    "ft 円 元 圆 원 港元 руб грн р"
)
#: What volumes count, where it is not one coin.
_COUNTED: Final = _words(
    "base coin coins shares units contracts lots lot pieces stuck stk szt ks db kpl adet st "
    "titres titulos azioni stuks kom шт 株 口 枚 股 手 张 주"
)
#: Words that make another thing of a price: its adjusted one, the one of the day before.
_OTHERS: Final = _words(
    "prev previous prior yesterday adj adjusted unadj ask offer ha heikin avg average mean "
    "time date timestamp interest volume vol 52w 52wk 52week week month year ytd change chg "
    "pct percent ma sma ema wma vwma vwap upper lower limit band trigger pred predicted "
    "forecast return returns log diff std min max rank index id no number count osc "
    "oscillator rsi obv yest d1 lag lag1 next future target tomorrow label"
)
#: A moving average of so many bars.
_AVERAGE: Final = re.compile(r"[a-z]{0,2}ma\d+|\d+[a-z]{0,2}ma")
#: A ticker, as it is written into a heading: capitals and digits.
_SYMBOL: Final = re.compile(r"[\^@$]?[A-Z0-9][A-Z0-9.\-=/^&]{0,19}")

#: Characters of the longest name, which Yahoo's page has for its adjusted close, and some more.
_LONGEST_NAME: Final = 200
#: Characters of a heading that is taken apart, and blanks and signs in it.
LONGEST: Final = 80
_GAPS: Final = 8

Kind = Literal["unit", "side", "symbol"]


class Part(NamedTuple):
    """A heading without what qualifies it.

    Attributes
    ----------
    name
        The rest, as `normalise` leaves it.
    mark
        What was taken off, in lower case: a currency, ``bid``, a ticker.
    kind
        What the mark is.
    """

    name: str
    mark: str
    kind: Kind


def normalise(heading: str) -> str:
    """Reduce a heading to plain letters and digits, so that ``<Adj. Close*>`` is ``adjclose``.

    Numbers in front go (``1. open``), diacritics and superscripts too; signs of currencies become
    their codes. What is too long for a name stays as it is.
    """
    text = heading.strip()
    return _normalised(text) if len(text) <= _LONGEST_NAME else text


@functools.lru_cache(maxsize=8192)
def _normalised(heading: str) -> str:
    text = heading.casefold()
    if text.isascii() and text.isalpha():
        return text
    text = _NUMBERING.sub("", text, count=1) if _NUMBERING.match(text) else text
    text = "".join(c for c in text if unicodedata.category(c) != "No")
    text = unicodedata.normalize("NFKD", text.translate(_SIGNS)).translate(_LETTERS)
    return "".join(c for c in text if c.isalnum())


def parts(heading: str) -> Iterator[Part]:
    """Yield the ways in which a heading is a name and what qualifies it."""
    if len(heading) > LONGEST:
        return
    text = _NUMBERING.sub("", heading, count=1) if _NUMBERING.match(heading) else heading
    text = text.strip()
    levels = re.fullmatch(r"\(\s*['\"](.*)['\"]\s*,\s*['\"](.*)['\"]\s*\)", text)
    if levels is not None:  # of a frame with two levels of columns, written by pandas
        yield from _marked(levels[1], levels[2])
        yield from _marked(levels[2], levels[1])
        return
    bracketed = re.fullmatch(r"(.+?)[\s_.,:-]*[(\[{]\s*(.+?)\s*[)\]}][\s*]*", text)
    if bracketed is not None:
        yield from _marked(bracketed[1], bracketed[2])
        return
    plain = normalise(text)
    for side in ("mid", "bid"):
        if plain.startswith(side):
            yield Part(plain.removeprefix(side), side, "side")
        elif plain.endswith(side):
            yield Part(plain.removesuffix(side), side, "side")
    for gap in itertools.islice(re.finditer(r"\s+in\s+|[\s_.,:|/-]+", text), _GAPS):
        before, after = text[: gap.start()], text[gap.end() :]
        yield from _marked(before, after)
        yield from _marked(after, before)


def _marked(name: str, mark: str) -> Iterator[Part]:
    plain = normalise(mark)
    if not name or not plain or plain in _OTHERS or _AVERAGE.fullmatch(plain):
        return
    if plain in MONEY or plain in _COUNTED:
        yield Part(normalise(name), plain, "unit")
    elif _SYMBOL.fullmatch(mark) and not mark.isdigit():
        yield Part(normalise(name), plain, "symbol")

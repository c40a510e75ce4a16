"""The forms of `bar_files`: how vendors, spreadsheets and people of many countries write bars."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final

from bar_files import (
    GERMAN,
    Form,
    columns,
    comma,
    dollars,
    epoch,
    grouped,
    indian,
    millions,
    named,
    serial,
    short,
    thousands,
    with_offset,
)

_OHLC: Final = "stamp,open,high,low,close"
_OHLCV: Final = f"{_OHLC},volume"
_SPLIT: Final = "stamp,time,open,high,low,close,volume"
_NONE: Final = {"calendar": "none"}
_UTC: Final = {"calendar": "24/7", "timezone": "UTC"}
_NEW_YORK: Final = {"calendar": "none", "timezone": "America/New_York"}
_STOCKS: Final = (("101.25", 2), ("23.4", 2), ("4512.5", 2))
_LARGE: Final = (("1412.5", 2), ("61234.5", 2), ("998.5", 2), ("1234567.5", 2))
_RATES: Final = (("1.1", 5), ("151.25", 3), ("0.8512", 5))
_COINS: Final = (("61234.5", 2), ("3312.25", 2), ("0.0715", 6))
_YAHOO: Final = columns("Date,Open,High,Low,Close,Adj Close,Volume", f"{_OHLC},adj,volume")


def _month_day(t: dt.datetime) -> str:
    return f"{t.month}/{t.day}/{t.year}"


def _hour(t: dt.datetime) -> str:
    return t.strftime("%Y-%m-%d %I-%p")


def _clock(t: dt.datetime) -> str:
    return t.strftime("%I:%M %p").lstrip("0")


_DAILY: Final = (
    Form("plain", columns("date,open,high,low,close,volume", _OHLCV), price=short),
    Form("prices only", columns("Date,Open,High,Low,Close", _OHLC), stamp="%Y%m%d"),
    Form("yahoo", _YAHOO, price=short),
    Form(
        "yahoo page", columns("Date\tOpen\tHigh\tLow\tClose*\tAdj Close**\tVolume",
                              f"{_OHLC},adj,volume", "\t"),
        stamp="%b %d, %Y", price=grouped(",", "."), volume=thousands(","), separator="\t",
        sizes=_LARGE, newest_first=True,
    ),
    Form(
        "tradestation days", columns("Date,Time,Open,High,Low,Close,Vol,OI", f"{_SPLIT},0"),
        stamp="%m/%d/%Y", time=lambda _: "16:00", quote="all", sizes=_STOCKS,
    ),
    Form(
        "stooq", columns("<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
                         f"XYZ.US,D,{_SPLIT},0"),
        stamp="%Y%m%d", time=lambda _: "000000", price=short,
    ),
    Form(
        "stooq in polish", columns("Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen", _OHLCV),
        price=short,
    ),
    Form(
        "metatrader 5 days",
        columns("<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
                f"{_OHLC},31,volume,2", "\t"),
        stamp="%Y.%m.%d", separator="\t", sizes=_RATES,
    ),
    Form(
        "metatrader 4", columns("a,b,c,d,e,f,g", _SPLIT), stamp="%Y.%m.%d", time=lambda _: "00:00",
        heads=(), sizes=(("1.1", 5), ("151.25", 3)),
    ),
    Form(
        "german", columns("Datum;Eröffnung;Hoch;Tief;Schluss;Volumen", _OHLCV, ";"),
        stamp="%d.%m.%Y", price=grouped(".", ","), volume=thousands("."), separator=";",
    ),
    Form(
        "german in windows", columns("Datum;Erster;Hoch;Tief;Schlusskurs;Stücke;Volumen",
                                     f"{_OHLCV},1", ";"),
        stamp="%d.%m.%Y", price=comma, separator=";", encoding="cp1252", newline="\r\n",
    ),
    Form(
        "investing", columns("Date,Price,Open,High,Low,Vol.,Change %",
                             "stamp,close,open,high,low,volume,0.17%"),
        stamp="%m/%d/%Y", price=grouped(",", "."), volume=millions(), quote="all",
        newest_first=True, unit=10, encoding="utf-8-sig",
    ),
    Form(
        "investing in german", (("Datum", "stamp"), ("Zuletzt", "close"), ("Eröffn.", "open"),
                                ("Hoch", "high"), ("Tief", "low"), ("Vol.", "volume"),
                                ("+/- %", "-0,17%")),
        stamp="%d.%m.%Y", price=grouped(".", ","), volume=millions(","), quote="all",
        newest_first=True, unit=10, encoding="utf-8-sig", sizes=_STOCKS,
    ),
    Form(
        "investing in spanish", (("Fecha", "stamp"), ("Último", "close"), ("Apertura", "open"),
                                 ("Máximo", "high"), ("Mínimo", "low"), ("Vol.", "volume"),
                                 ("% var.", "-0,17%")),
        stamp="%d.%m.%Y", price=grouped(".", ","), volume=millions(","), quote="all",
        newest_first=True, unit=10, encoding="utf-8-sig", sizes=_STOCKS,
    ),
    Form(
        "nasdaq", columns("Date,Close/Last,Volume,Open,High,Low",
                          "stamp,close,volume,open,high,low"),
        stamp="%m/%d/%Y", price=lambda p: f"${p:f}", newest_first=True, sizes=_STOCKS,
    ),
    Form(
        "dollars", columns("Date,Open,High,Low,Close,Volume", _OHLCV), stamp=_month_day,
        price=dollars, volume=thousands(","), sizes=_LARGE,
    ),
    Form(
        "alpha vantage", columns("date,1. open,2. high,3. low,4. close,5. volume", _OHLCV),
        newest_first=True, sizes=_STOCKS,
    ),
    Form(
        "yfinance", (("Price", "stamp"), ("Close", "close"), ("High", "high"), ("Low", "low"),
                     ("Open", "open"), ("Volume", "volume")),
        heads=(("Price", "Close", "High", "Low", "Open", "Volume"), ("Ticker", *("XYZ",) * 5),
               ("Date", *("",) * 5)), price=short,
    ),
    Form(
        "datareader", (("Attributes", "stamp"), ("Adj Close", "adj"), ("Close", "close"),
                       ("High", "high"), ("Low", "low"), ("Open", "open"), ("Volume", "volume")),
        heads=(("Attributes", "Adj Close", "Close", "High", "Low", "Open", "Volume"),
               ("Symbols", *("XYZ",) * 6), ("Date", *("",) * 6)), price=short,
    ),
    Form(
        "french", columns("Date;Ouverture;Plus haut;Plus bas;Clôture;Volume", _OHLCV, ";"),
        stamp="%d/%m/%Y", price=grouped("\u202f", ","), volume=thousands("\u202f"), separator=";",
    ),
    Form(
        "spanish", columns("Fecha;Apertura;Máximo;Mínimo;Cierre;Volumen", _OHLCV, ";"),
        stamp="%d/%m/%Y", price=comma, separator=";", encoding="cp1252",
    ),
    Form(
        "swiss", columns("Date;Open;High;Low;Close;Volume", _OHLCV, ";"), stamp="%d.%m.%Y",
        price=grouped("'", "."), volume=thousands("'"), separator=";", sizes=_LARGE,
    ),
    Form(
        "indian", columns("Date |series |OPEN |HIGH |LOW |PREV. CLOSE |ltp |close |vwap |VOLUME ",
                          "stamp,EQ,open,high,low,101.00,101.00,close,101.00,volume", "|"),
        stamp="%d-%b-%Y", price=indian, volume=lambda v: indian(Decimal(v)), quote="all",
        sizes=_LARGE,
    ),
    Form(
        "japanese", columns("日付,始値,高値,安値,終値,出来高", _OHLCV), stamp="%Y/%m/%d",
        price=grouped(",", "."), volume=thousands(","), encoding="cp932", sizes=_LARGE,
    ),
    Form(
        "chinese", columns("日期,开盘,收盘,最高,最低,成交量", "stamp,open,close,high,low,volume"),
        encoding="gb18030", sizes=_STOCKS,
    ),
    Form(
        "spreadsheet days", columns("Date;Open;High;Low;Close;Volume", _OHLCV, ";"), stamp=serial,
        separator=";", price=short,
    ),
    Form(
        "german months", columns("Datum;Open;High;Low;Close;Volume", _OHLCV, ";"),
        stamp=named("%d. MMM %Y", GERMAN), price=comma, separator=";",
    ),
    Form(
        "two-digit years", columns("Date|Open|High|Low|Close|Volume", _OHLCV, "|"),
        stamp=named("%d-MMM-%y", "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"), separator="|",
    ),
    Form(
        "thousands among hundreds", columns("Date\tOpen\tHigh\tLow\tClose", _OHLC, "\t"),
        price=grouped(",", "."), separator="\t", sizes=(("994", 0),),
    ),
)  # fmt: skip

_INTRADAY: Final = (
    Form(
        "tradestation minutes", columns("Date,Time,Open,High,Low,Close,Up,Down",
                                        "stamp,time,open,high,low,close,up,down"),
        stamp="%m/%d/%Y", quote="all", minutes=5, zone="America/New_York", how=_NEW_YORK, ends=True,
        sizes=_STOCKS,
    ),
    Form(
        "metatrader 5",
        columns("<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
                "stamp,time,open,high,low,close,31,volume,2", "\t"),
        stamp="%Y.%m.%d", time="%H:%M:%S", separator="\t", minutes=60, how=_UTC, sizes=_RATES,
    ),
    Form(
        "finam", columns("<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>",
                         f"XYZ,5,{_SPLIT}", ";"),
        stamp="%Y%m%d", time="%H%M%S", separator=";", minutes=5, zone="Europe/Moscow",
        how={"calendar": "none", "timezone": "Europe/Moscow"},
    ),
    Form(
        "kraken", columns("a,b,c,d,e,f,g", f"{_OHLCV},31"), stamp=epoch(1), heads=(), minutes=60,
        how=_UTC, sizes=_COINS, since=2013,
    ),
    Form(
        "binance", columns("a,b,c,d,e,f,g,h,i,j,k,l",
                           f"{_OHLCV},1710118799999,650.1,31,5.5,301.5,0"),
        stamp=epoch(1000), heads=(), minutes=60, how=_UTC, sizes=_COINS, since=2013,
    ),
    Form(
        "cryptodatadownload", columns("Unix,Date,Symbol,Open,High,Low,Close,Volume XYZ,Volume USD",
                                      "unix,stamp,XYZ/USD,open,high,low,close,volume,650.1"),
        stamp="%Y-%m-%d %H:%M:%S", minutes=60, how=_UTC, newest_first=True,
        before=("https://www.CryptoDataDownload.com",), sizes=_COINS, since=2013,
    ),
    Form(
        "hours with a half of the day", columns("Date,Symbol,Open,High,Low,Close,Volume",
                                                "stamp,XYZUSD,open,high,low,close,volume"),
        stamp=_hour, minutes=60, how=_UTC, newest_first=True, sizes=_COINS, since=2013,
    ),
    Form(
        "dukascopy", columns("Gmt time,Open,High,Low,Close,Volume", _OHLCV),
        stamp="%d.%m.%Y %H:%M:%S.000", minutes=60, how=_NONE, sizes=_RATES,
    ),
    Form(
        "dukascopy in local time", columns("Local time,Open,High,Low,Close,Volume", _OHLCV),
        stamp=with_offset("%d.%m.%Y %H:%M:%S.000", " GMT"), minutes=5, zone="Europe/Berlin",
        how={"calendar": "none", "timezone": "UTC"}, sizes=_RATES,
    ),
    Form(
        "histdata", columns("a;b;c;d;e;f", _OHLCV, ";"), stamp="%Y%m%d %H%M%S", heads=(),
        separator=";", minutes=1, zone="Etc/GMT+5",
        how={"calendar": "none", "timezone": "Etc/GMT+5"}, sizes=_RATES,
    ),
    Form(
        "first rate", columns("a,b,c,d,e,f", _OHLCV), stamp="%Y-%m-%d %H:%M:%S", heads=(),
        minutes=1, zone="America/New_York", how=_NEW_YORK, price=short, sizes=_STOCKS,
    ),
    Form(
        "kibot", columns("a,b,c,d,e,f,g", _SPLIT), stamp="%m/%d/%Y", heads=(), minutes=1,
        zone="America/New_York", how=_NEW_YORK, price=short, sizes=_STOCKS,
    ),
    Form(
        "coinbase", columns("time,low,high,open,close,volume", "stamp,low,high,open,close,volume"),
        stamp=epoch(1), minutes=5, how=_UTC, newest_first=True, sizes=_COINS, since=2013,
    ),
    Form(
        "tradingview", columns("time,open,high,low,close,Volume", _OHLCV),
        stamp=with_offset("%Y-%m-%dT%H:%M:%S", "", ":"), minutes=5, zone="America/New_York",
        how=_NEW_YORK, price=short, sizes=_STOCKS,
    ),
    Form(
        "pandas", columns(",Open,High,Low,Close,Volume", _OHLCV),
        stamp=with_offset("%Y-%m-%d %H:%M:%S", "", ":"), minutes=30, zone="America/New_York",
        how=_NEW_YORK, sizes=_STOCKS,
    ),
    Form(
        "aggregates", columns("v,vw,o,c,h,l,t,n", "volume,101.2,open,close,high,low,stamp,31"),
        stamp=epoch(1000), minutes=1, zone="America/New_York", how=_NEW_YORK, price=short,
        sizes=_STOCKS,
    ),
    Form(
        "twelve hours", columns("Date,Time,Open,High,Low,Close,Volume", _SPLIT), stamp=_month_day,
        time=_clock, minutes=30, zone="America/New_York", how=_NEW_YORK, sizes=_STOCKS,
    ),
    Form(
        "barchart", columns("Time,Open,High,Low,Latest,Change,%Change,Volume",
                            f"{_OHLC},0.5,+0.1%,volume"),
        stamp="%Y-%m-%d %H:%M", minutes=5, zone="America/Chicago",
        how={"calendar": "none", "timezone": "America/Chicago"}, newest_first=True,
        after=('"Downloaded from Barchart.com as of 03-13-2024 02:31am CDT"',), sizes=_STOCKS,
    ),
    Form(
        "interactive brokers", columns("date,open,high,low,close,volume,average,barCount",
                                       f"{_OHLCV},101.5,31"),
        stamp=lambda t: t.strftime("%Y%m%d %H:%M:%S ") + "US/Eastern", minutes=5,
        zone="America/New_York", how=_NEW_YORK, sizes=_STOCKS,
    ),
    Form(
        "spreadsheet stamps", columns("Date;Open;High;Low;Close;Volume", _OHLCV, ";"), stamp=serial,
        separator=";", minutes=5, zone="America/New_York", how=_NEW_YORK, sizes=_STOCKS,
    ),
)  # fmt: skip

FORMS: Final[dict[str, Form]] = {form.name: form for form in (*_DAILY, *_INTRADAY)}

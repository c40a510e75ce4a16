"""Headings of vendors and in languages: which column is what, and which is never taken for it."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from wfo.data.importing.headings.languages import LANGUAGES
from wfo.data.importing.headings.names import NAMES, OWN, Names
from wfo.data.importing.headings.qualifiers import normalise
from wfo.data.importing.headings.recognising import Fields, recognise


def found(line: str, separator: str = ",") -> dict[str, str]:
    """Return the heading of each field of a line of headings."""
    headings = line.split(separator)
    return {field: headings[at].strip() for field, at in recognise(headings).position.items()}


def fields(line: str) -> Fields:
    return recognise(line.split(","))


def expected(text: str) -> dict[str, str]:
    """Return fields and headings from ``field=heading`` with ``|`` between them."""
    return dict(part.split("=", 1) for part in text.split("|"))


#: Lines of headings, and the columns that they mean where these are not called as the fields.
LINES = {
    # APIs
    "date,1. open,2. high,3. low,4. close,5. volume": (
        "date=date|open=1. open|high=2. high|low=3. low|close=4. close|volume=5. volume"
    ),
    "date,1. open,2. high,3. low,4. close,5. adjusted close,6. volume,7. dividend amount": (
        "date=date|open=1. open|high=2. high|low=3. low|close=4. close"
        "|adj_close=5. adjusted close|volume=6. volume"
    ),
    "v,vw,o,c,h,l,t,n": "date=t|open=o|high=h|low=l|close=c|volume=v",
    "ticker,volume,open,close,high,low,window_start,transactions": (
        "datetime=window_start|open=open|high=high|low=low|close=close|volume=volume|ticker=ticker"
    ),
    "symbol,timestamp,open,high,low,close,volume,trade_count,vwap": (
        "datetime=timestamp|open=open|high=high|low=low|close=close|volume=volume|ticker=symbol"
    ),
    "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash": (
        "date=date|open=open|high=high|low=low|close=close|adj_close=adjClose|volume=volume"
    ),
    "Date,Open,High,Low,Close,Adjusted_close,Volume": (
        "date=Date|open=Open|high=High|low=Low|close=Close|adj_close=Adjusted_close|volume=Volume"
    ),
    "Date,Open,High,Low,Close,Volume,Ex-Dividend,Split Ratio,Adj. Open,Adj. Close,Adj. Volume": (
        "date=Date|open=Open|high=High|low=Low|close=Close|adj_close=Adj. Close|volume=Volume"
    ),
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume": (
        "datetime=open_time|open=open|high=high|low=low|close=close|volume=volume"
    ),
    "timeOpen,timeClose,timeHigh,timeLow,name,open,high,low,close,volume,marketCap,timestamp": (
        "datetime=timeOpen|open=open|high=high|low=low|close=close|volume=volume"
    ),
    "time_period_start,time_period_end,time_open,time_close,price_open,price_high,price_low,"
    "price_close,volume_traded,trades_count": (
        "datetime=time_period_start|open=price_open|high=price_high|low=price_low"
        "|close=price_close|volume=volume_traded"
    ),
    "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol": (
        "datetime=ts_event|open=open|high=high|low=low|close=close|volume=volume|ticker=symbol"
    ),
    "open;close;high;low;value;volume;begin;end": (
        "date=begin|open=open|high=high|low=low|close=close|volume=volume"
    ),
    # Programs and sites
    "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume": (
        "date=Date|time=Time|open=Open|high=High|low=Low|close=Last|volume=Volume"
    ),
    "Date,Time,Open,High,Low,Close,Up,Down,Volume,Close": (
        "date=Date|time=Time|open=Open|high=High|low=Low|close=Close|up=Up|down=Down"
    ),
    "Time,Open,High,Low,Latest,Change,%Change,Volume": (
        "time=Time|open=Open|high=High|low=Low|close=Latest|volume=Volume"
    ),
    "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>,<VOL>,<SPREAD>": (
        "date=<DATE>|time=<TIME>|open=<OPEN>|high=<HIGH>|low=<LOW>|close=<CLOSE>|volume=<VOL>"
    ),
    "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>": (
        "date=<DATE>|time=<TIME>|open=<OPEN>|high=<HIGH>|low=<LOW>|close=<CLOSE>|volume=<TICKVOL>"
    ),
    "<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>": (
        "date=<DTYYYYMMDD>|time=<TIME>|open=<OPEN>|high=<HIGH>|low=<LOW>|close=<CLOSE>"
        "|volume=<VOL>|open_interest=<OPENINT>|ticker=<TICKER>"
    ),
    "Date,Open,High,Low,Close*,Adj Close**,Volume": (
        "date=Date|open=Open|high=High|low=Low|close=Close*|adj_close=Adj Close**|volume=Volume"
    ),
    "Date,Close/Last,Volume,Open,High,Low": (
        "date=Date|open=Open|high=High|low=Low|close=Close/Last|volume=Volume"
    ),
    "Date,Open,High,Low,Last,Change,Settle,Volume,Previous Day Open Interest": (
        "date=Date|open=Open|high=High|low=Low|close=Last|volume=Volume"
    ),
    "Date,Open,High,Low,Settle,Volume": (
        "date=Date|open=Open|high=High|low=Low|close=Settle|volume=Volume"
    ),
    "Dates,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME": (
        "open=PX_OPEN|high=PX_HIGH|low=PX_LOW|close=PX_LAST|volume=PX_VOLUME|date=Dates"
    ),
    "#RIC,Date-Time,GMT Offset,Type,Open,High,Low,Last,Volume": (
        "datetime=Date-Time|open=Open|high=High|low=Low|close=Last|volume=Volume"
    ),
    "PERMNO,date,TICKER,BIDLO,ASKHI,PRC,VOL,OPENPRC": (
        "date=date|open=OPENPRC|high=ASKHI|low=BIDLO|close=PRC|volume=VOL|ticker=TICKER"
    ),
    # India: an exact close goes before the last price, and neither is that of the day before.
    "Date ,series ,OPEN ,HIGH ,LOW ,PREV. CLOSE ,ltp ,close ,vwap,52W H,52W L ,VOLUME ,VALUE ": (
        "date=Date|open=OPEN|high=HIGH|low=LOW|close=close|volume=VOLUME"
    ),
    "Symbol,Series,Date,Prev Close,Open Price,High Price,Low Price,Last Price,Close Price,"
    "Average Price,Total Traded Quantity,Turnover,No. of Trades,Deliverable Qty": (
        "date=Date|open=Open Price|high=High Price|low=Low Price|close=Close Price"
        "|volume=Total Traded Quantity|ticker=Symbol"
    ),
    "Date,Open Price,High Price,Low Price,Close Price,WAP,No.of Shares,No. of Trades": (
        "date=Date|open=Open Price|high=High Price|low=Low Price|close=Close Price"
        "|volume=No.of Shares"
    ),
    # Languages
    "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen": (
        "date=Data|open=Otwarcie|high=Najwyzszy|low=Najnizszy|close=Zamkniecie|volume=Wolumen"
    ),
    "Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen": (
        "date=Datum|open=Erster|high=Hoch|low=Tief|close=Schlusskurs|volume=Stuecke"
    ),
    "Datum;Eröffnung;Schluss;Tageshoch;Tagestief;Umsatz (Stück);Umsatz (€)": (
        "date=Datum|open=Eröffnung|high=Tageshoch|low=Tagestief|close=Schluss|volume=Umsatz (Stück)"
    ),
    "Datum;Zuletzt;Eröffn.;Hoch;Tief;Vol.;+/- %": (
        "date=Datum|open=Eröffn.|high=Hoch|low=Tief|close=Zuletzt|volume=Vol."
    ),
    "Date;Dernier;Ouv.;Plus Haut;Plus Bas;Vol.;Variation %": (
        "date=Date|open=Ouv.|high=Plus Haut|low=Plus Bas|close=Dernier|volume=Vol."
    ),
    "Fecha;Último;Apertura;Máximo;Mínimo;Vol.;% var.": (
        "date=Fecha|open=Apertura|high=Máximo|low=Mínimo|close=Último|volume=Vol."
    ),
    "Data;Ultimo;Apertura;Massimo;Minimo;Vol.;Var. %": (
        "date=Data|open=Apertura|high=Massimo|low=Minimo|close=Ultimo|volume=Vol."
    ),
    "Data;Último;Abertura;Máxima;Mínima;Vol.;Var%": (
        "date=Data|open=Abertura|high=Máxima|low=Mínima|close=Último|volume=Vol."
    ),
    "Дата;Цена;Откр.;Макс.;Мин.;Объём;Изм. %": (
        "date=Дата|open=Откр.|high=Макс.|low=Мин.|close=Цена|volume=Объём"
    ),
    "Datum;Tijd;Openen;Hoog;Laag;Slot;Volume": (
        "date=Datum|time=Tijd|open=Openen|high=Hoog|low=Laag|close=Slot|volume=Volume"
    ),
    "Datum;Senaste;Öppen;Högst;Lägst;Vol.;+/- %": (
        "date=Datum|open=Öppen|high=Högst|low=Lägst|close=Senaste|volume=Vol."
    ),
    "Dato;Siste;Åpning;Høy;Lav;Volum": (
        "date=Dato|open=Åpning|high=Høy|low=Lav|close=Siste|volume=Volum"
    ),
    "Päivämäärä;Avaus;Ylin;Alin;Päätös;Volyymi": (
        "date=Päivämäärä|open=Avaus|high=Ylin|low=Alin|close=Päätös|volume=Volyymi"
    ),
    "Datum;Otevření;Maximum;Minimum;Závěr;Objem": (
        "date=Datum|open=Otevření|high=Maximum|low=Minimum|close=Závěr|volume=Objem"
    ),
    "Dátum;Nyitó;Maximum;Minimum;Záró;Forgalom (db)": (
        "date=Dátum|open=Nyitó|high=Maximum|low=Minimum|close=Záró|volume=Forgalom (db)"
    ),
    "Tarih;Şimdi;Açılış;Yüksek;Düşük;Hac.;Fark %": (  # noqa: RUF001
        "date=Tarih|open=Açılış|high=Yüksek|low=Düşük|close=Şimdi|volume=Hac."  # noqa: RUF001
    ),
    "TARIH;ACILIS;YUKSEK;DUSUK;KAPANIS": (
        "date=TARIH|open=ACILIS|high=YUKSEK|low=DUSUK|close=KAPANIS"
    ),
    "Ημερομηνία;Άνοιγμα;Υψηλό;Χαμηλό;Κλείσιμο;Όγκος": (
        "date=Ημερομηνία|open=Άνοιγμα|high=Υψηλό|low=Χαμηλό|close=Κλείσιμο|volume=Όγκος"
    ),
    "Data;Deschidere;Maxim;Minim;Închidere;Volum": (
        "date=Data|open=Deschidere|high=Maxim|low=Minim|close=Închidere|volume=Volum"
    ),
    "日付;始値(円);高値(円);安値(円);終値(円);出来高;調整後終値*": (
        "date=日付|open=始値(円)|high=高値(円)|low=安値(円)|close=終値(円)|volume=出来高"
        "|adj_close=調整後終値*"
    ),
    "日期;开盘;收盘;最高;最低;成交量;成交额;涨跌幅": (
        "date=日期|open=开盘|high=最高|low=最低|close=收盘|volume=成交量"
    ),
    "日期;開盤價;最高價;最低價;收盤價;成交股數": (
        "date=日期|open=開盤價|high=最高價|low=最低價|close=收盤價|volume=成交股數"
    ),
    "날짜;종가;시가;고가;저가;거래량;변동 %": (
        "date=날짜|open=시가|high=고가|low=저가|close=종가|volume=거래량"
    ),
    "Ngày;Lần cuối;Mở;Cao;Thấp;KL;% Thay đổi": (
        "date=Ngày|open=Mở|high=Cao|low=Thấp|close=Lần cuối|volume=KL"
    ),
}


@pytest.mark.parametrize("line", LINES)
def test_the_columns_of(line: str) -> None:
    separator = ";" if ";" in line else ","
    assert found(line, separator) == expected(LINES[line])
    assert fields(line.replace(";", ",")).repeated == ()


@pytest.mark.parametrize(
    ("line", "volume", "said"),
    [
        ("date,open,high,low,close,Volume BTC,Volume USD", "Volume BTC", "not 'Volume USD'"),
        ("date,open,high,low,close,Volume USDT,Volume XRP", "Volume XRP", "not 'Volume USDT'"),
        ("date,open,high,low,close,Volume ETH,Volume BTC", "Volume ETH", "not 'Volume BTC'"),
        (
            "date,Open,High,Low,Close,Volume_(BTC),Volume_(Currency)",
            "Volume_(BTC)",
            "not 'Volume_(Currency)'",
        ),
        ("date,open,high,low,close,Volume ($),Volume", "Volume", ""),
        ("date,open,high,low,close,Volume USD", "Volume USD", "in money"),
        ("date,open,high,low,close,tick_volume", "tick_volume", "a count of ticks"),
        ("date,open,high,low,close,<TICKVOL>,<VOL>", "<VOL>", "'<TICKVOL>' counts ticks"),
    ],
)
def test_of_several_volumes_that_of_what_is_traded_is_read(
    line: str, volume: str, said: str
) -> None:
    assert found(line)["volume"] == volume
    notes = fields(line).notes
    assert all(said in note for note in notes)
    assert len(notes) == bool(said)


@pytest.mark.parametrize(
    "heading",
    [
        *("Prev Close", "PREV. CLOSE", "Previous Close", "Change", "% Chg", "Chg", "52W H"),
        *("52W High", "52 Week Low", "High Time", "timeHigh", "Adj Open", "adjHigh", "adjLow"),
        *(
            "Adj. Low",
            "Close Time",
            "close_time",
            "VWAP",
            "Open Interest",
            "Day Change",
            "Last Size",
        ),
        *("Ask", "AskOpen", "HA_Open", "Open (prev)", "High (52W)", "Close SMA20", "Low Limit"),
        *("Volume MA", "Volume EMA20", "Turnover", "quote_volume", "Number of Trades", "Value"),
        *("Average Price", "Weighted_Price", "Typical Price", "Market Cap", "Lowest Ask"),
        *(
            "Datum letzte Dividende",
            "Vortag Schluss",
            "Cierre anterior",
            "涨跌幅",
            "成交额",
            "前日比",
        ),
    ],
)
def test_what_is_no_price_of_the_bar_is_taken_for_none(heading: str) -> None:
    price = {"open", "high", "low", "close", "volume", "date", "time", "datetime"}
    assert not price & set(recognise([heading]).position)
    # Nor in the place of one that is missing, whatever stands beside it.
    for missing in ("open", "high", "low", "close", "volume"):
        others = [f for f in ("date", "open", "high", "low", "close", "volume") if f != missing]
        assert missing not in recognise([heading, *others]).position


TWO_CURRENCIES = (
    "date,1a. open (CNY),1b. open (USD),2a. high (CNY),2b. high (USD),3a. low (CNY),3b. low (USD),"
    "4a. close (CNY),4b. close (USD)"
)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (",AAPL.Open,AAPL.High,AAPL.Low,AAPL.Close,AAPL.Volume,AAPL.Adjusted", "AAPL"),
        ("Date,Open_BRK-B,High_BRK-B,Low_BRK-B,Close_BRK-B", "BRKB"),
        ("('Date'),('Open'; 'QQQ'),('High'; 'QQQ'),('Low'; 'QQQ'),('Close'; 'QQQ')", "QQQ"),
        ("Date,BidOpen,BidHigh,BidLow,BidClose,AskOpen,AskHigh,AskLow,AskClose", "bid prices"),
        ("Date,openBid,openMid,highBid,highMid,lowBid,lowMid,closeBid,closeMid", "halfway"),
        (TWO_CURRENCIES, "read in CNY; the file has them in USD"),
        ("Date,Open (USD),High (USD),Low (USD),Close (USD)", ""),
        ("Date,Open [€],High [€],Low [€],Close [€]", ""),
        ("Date,Price,Open in EUR,High in EUR,Low in EUR,Close in EUR", ""),
    ],
)
def test_prices_that_share_what_stands_beside_them_are_read_together(line: str, said: str) -> None:
    headings = [h.replace(";", ",") for h in line.split(",")]
    read = recognise(headings)
    chosen = [headings[read.position[p]] for p in ("open", "high", "low", "close")]
    marks = {
        heading.casefold().replace(name, "").strip("1234. ab")
        for heading, name in zip(chosen, ("open", "high", "low", "close"), strict=True)
    }
    assert len(marks) == 1
    assert all(said in note for note in read.notes)
    assert len(read.notes) == bool(said)
    assert read.repeated == ()


@pytest.mark.parametrize(
    "line",
    [
        "Date,ES.Open,ES.High,ES.Low,ES.Close,NQ.Open,NQ.High,NQ.Low,NQ.Close",
        "Date,Open (USD),High (EUR),Low (USD),Close (EUR)",
        "Date,AskOpen,AskHigh,AskLow,AskClose",
        "Date,Prev Open,Prev High,Prev Low,Prev Close",
        "Date,open_scaled,high_scaled,low_scaled,close_scaled",
    ],
)
def test_prices_of_several_kinds_are_not_mixed(line: str) -> None:
    assert not {"open", "high", "low", "close"} & set(fields(line).position)


@pytest.mark.parametrize(
    ("heading", "zone"),
    [
        *(("Gmt time", "UTC"), ("Date (UTC)", "UTC"), ("timestamp_utc", "UTC"), ("UTC", "UTC")),
        *(("Time (EST)", "America/New_York"), ("Datum (MEZ)", "Europe/Berlin")),
        *(("Time (EET)", "Europe/Athens"), ("Date/Time [GMT+2]", "Etc/GMT-2")),
        *(("Time (UTC-05:00)", "Etc/GMT+5"), ("Time (UTC+5:30)", "Asia/Kolkata")),
        *(("Datetime (America/New_York)", "America/New_York"), ("Time (Nowhere/Else)", None)),
        *(("Local time", None), ("Date", None), ("Date (DD/MM/YYYY)", None)),
    ],
)
def test_the_zone_in_a_heading(heading: str, zone: str | None) -> None:
    read = recognise([heading, "open", "high", "low", "close"])
    assert read.zone == zone
    known = heading != "Time (Nowhere/Else)"
    assert bool({"date", "time", "datetime"} & set(read.position)) == known


def test_a_zone_that_may_be_another_is_said() -> None:
    assert "UTC-5" in fields("Date,Time (EST),open,high,low,close").notes[0]
    read = fields("Date,Time (IST),open,high,low,close")
    assert (read.position["time"], read.zone) == (1, None)
    assert "--timezone" in read.notes[0]


def test_of_two_zones_that_in_utc_is_read() -> None:
    read = fields("Time (ET),Time (UTC),open,high,low,close")
    assert (read.position["time"], read.zone) == (1, "UTC")


def test_names_that_may_mean_anything_are_stamps_beside_prices_alone() -> None:
    assert fields("Data,Otwarcie,Maks.,Min.,Zamk.").position["date"] == 0
    assert fields("t,o,h,l,c").position["date"] == 0
    for line in ("Data", "t,x", "begin,end,value", "timestamp,Data,open,high,low,close"):
        assert "date" not in fields(line).position


def test_names_that_were_known_before_keep_their_order() -> None:
    """Files that are read must not be read from other columns when names are added."""
    before = {
        "date": "date,day,tradedate,tradingdate",
        "time": "time",
        "datetime": "datetime,timestamp,dateandtime,opentime,unix,unixtime,epoch",
        "open": "open,o,openprice",
        "high": "high,h,highprice",
        "low": "low,l,lowprice",
        "close": "close,c,closeprice,closelast,last,price",
        "adj_close": "adjclose,adjustedclose,adjcloseprice",
        "volume": "volume,vol,v,totalvolume",
        "ticker": "ticker,symbol",
    }
    added = [
        "Datum",
        "Zeit",
        "Data",
        "t",
        "Kurs",
        "Settle",
        "ltp",
        "Stücke",
        "tickvol",
        "Volume BTC",
    ]
    for field, names in before.items():
        for first, second in itertools.combinations(names.split(","), 2):
            others = [f for f in ("open", "high", "low", "close") if f != field]
            headings = [*added, second, *others, first]
            assert headings[recognise(headings).position[field]] == first


def test_every_name_means_one_field() -> None:
    meanings: dict[str, set[str]] = {}
    closes, volumes = ("close", "last", "price", "settle"), ("volume", "ticks")
    for names in (OWN, *NAMES, *LANGUAGES):
        for field in dataclasses.asdict(names):
            read = "close" if field in closes else "volume" if field in volumes else field
            for name in getattr(names, field).split(" | ") if field != "of" else ():
                meanings.setdefault(normalise(name), set()).add(read)
    del meanings[""]
    assert {"datum", "close", "始値", "объем"} <= set(meanings)
    assert {name: read for name, read in meanings.items() if len(read) > 1} == {}


@pytest.mark.parametrize("names", LANGUAGES, ids=lambda names: names.of)
def test_every_language_names_bars(names: Names) -> None:
    stamp = (names.date or names.vague).split(" | ")[0]
    line = [stamp, *(getattr(names, f).split(" | ")[-1] for f in ("open", "high", "low", "close"))]
    assert list(recognise(line).position.values()) == [0, 1, 2, 3, 4]
    assert list(recognise([h.upper() for h in line]).position.values()) == [0, 1, 2, 3, 4]


def test_headings_that_stand_twice_are_said() -> None:
    assert fields("Date,Open,High,Low,Close,Open,High,Low,Close").repeated == (
        *("Open", "High", "Low", "Close"),
    )
    assert fields("Date,Open (USD),Open (USD),High (USD),Low (USD),Close (USD)").repeated


def test_headings_of_ends_are_stamps_where_nothing_else_is() -> None:
    assert recognise(["Close time", "Open", "High", "Low", "Close"]).end == "'Close time'"
    both = recognise(["Close time", "Open time", "Open", "High", "Low", "Close"])
    assert (both.position["datetime"], both.end) == (1, "")
    assert recognise(["Close time", "Open", "High", "Low"]).position == {
        "open": 1,
        "high": 2,
        "low": 3,
    }
    index = recognise(["", "open", "high", "low", "close", "close_time"])
    assert (index.index, index.end) == (0, "")

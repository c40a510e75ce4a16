"""Vendors that write a line of headings, and what follows from whose it is.

Which end of a bar a vendor stamps is what its public documentation says, whose title stands beside
it; where that says nothing, or where headings are another's too, stamps are taken for opens.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

from wfo.data.importing.headings.names import SIERRA, TRADESTATION
from wfo.data.importing.vendors.vendor import StampsAt, Vendor


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known:
    """A vendor and a line of headings of its own.

    Attributes
    ----------
    name
        The vendor's.
    starts
        Headings with ``,`` between them that the line begins with, as they are written.
    has
        Headings that it has somewhere, whatever their case.
    exactly
        Whether case counts in `starts`, for what would be others' too without it.
    dates
        Its stamps as it writes them, for the documentation.
    stamps, zone
        As of `Vendor`.
    remark
        What else there is to know, for the documentation.
    """

    name: str
    starts: str = ""
    has: str = ""
    exactly: bool = False
    dates: str = ""
    stamps: StampsAt = "open"
    zone: str | None = None
    remark: str = ""

    @property
    def vendor(self) -> Vendor:
        """The vendor."""
        return Vendor(self.name, self.stamps, self.zone)

    def matches(self, headings: Sequence[str]) -> bool:
        """Tell whether headings are these."""
        starts = self.starts.split(",") if self.starts else []
        first = [h.strip() for h in headings[: len(starts)]]
        if self.exactly and first != starts:
            return False
        if [h.casefold() for h in first] != [h.casefold() for h in starts]:
            return False
        plain = {h.strip().casefold() for h in headings}
        return all(h.casefold() in plain for h in self.has.split(",") if h)


#: The first that matches is whose file it is.
KNOWN: Final = (
    # TradeStation, "EasyLanguage Reserved Words & Functions": Time is the closing time of the bar.
    *(
        Known(
            name="TradeStation",
            starts=starts,
            exactly=True,
            dates="01/16/2024, 09:35",
            stamps="close",
            remark="studies further right change nothing; volume is Up and Down together",
        )
        for starts in TRADESTATION
    ),
    # MultiCharts wiki, "Time": the closing time of the bar.
    *(
        Known(
            name="MultiCharts",
            starts=f"{before}Date,Time,Open,High,Low,Close,TotalVolume",
            exactly=True,
            dates="2024/1/16, 09:31:00",
            stamps="close",
        )
        for before in ("", "Symbol,")
    ),
    # Sierra Chart, "Exporting Bar Data to Text": the time is the bar's start.
    *(
        Known(
            name="Sierra Chart",
            starts=starts,
            dates="2024/1/16, 09:30:00",
            remark="studies further right change nothing; Last is the close",
        )
        for starts in SIERRA
    ),
    # EODHD, "Intraday Historical Data API": Datetime is in UTC.
    Known(
        name="EODHD",
        starts="Timestamp,Gmtoffset,Datetime",
        dates="2024-01-16 14:30:00",
        zone="UTC",
    ),
    Known(name="EODHD", starts="Date,Open,High,Low,Close,Adjusted_close,Volume", exactly=True),
    Known(
        name="Stooq",
        starts="<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
        dates="20240116, 153000",
        remark="MetaStock's ASCII files look the same; Stooq's own clock is Warsaw's",
    ),
    Known(
        name="Stooq",
        starts="Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie",
        dates="2024-01-16",
    ),
    Known(
        name="Stooq",
        starts="Data,Czas,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie",
        dates="2024-01-16, 15:30:00",
    ),
    Known(
        name="Finam",
        starts="<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>",
        dates="20240116, 103000",
        remark="its export page offers both ends of a bar, and Moscow's clock or UTC",
    ),
    Known(
        name="MetaStock ASCII",
        starts="<TICKER>,<DTYYYYMMDD>",
        dates="20240116, 093000",
        remark="of bossa, EODData, Forexite and AmiBroker too",
    ),
    Known(
        name="MetaTrader",
        has="<DATE>,<OPEN>,<TICKVOL>,<SPREAD>",
        dates="2024.01.16, 09:30:00",
        remark="the clock of the broker's server; volume is VOL where there is one",
    ),
    # Alpha Vantage names no end for all its series, and gives each series' zone beside it.
    Known(
        name="Alpha Vantage",
        has="1. open,2. high,3. low,4. close",
        dates="2024-01-16 09:30:00",
        remark="stocks in New York's time, currencies in UTC",
    ),
    *(
        Known(name="Alpha Vantage", has=has, dates="2024-01-16")
        for has in (
            "1b. open (USD),2b. high (USD),3b. low (USD),4b. close (USD)",
            "open (USD),high (USD),low (USD),close (USD),market cap (USD)",
        )
    ),
    Known(
        name="Alpha Vantage",
        has="timestamp,open,adjusted_close,dividend_amount,split_coefficient",
        dates="2024-01-16",
    ),
    Known(name="Nasdaq", starts="Date,Close/Last,Volume,Open,High,Low", dates="01/16/2024"),
    # Dukascopy, "Historical Data Export": the clock is in the heading or behind each time.
    Known(
        name="Dukascopy",
        starts="Local time,Open,High,Low,Close",
        dates="16.01.2024 22:00:00.000 GMT+0100",
    ),
    Known(
        name="Dukascopy",
        starts="Gmt time,Open,High,Low,Close",
        dates="16.01.2024 22:00:00.000",
        zone="UTC",
    ),
    Known(name="Dukascopy", starts="Time (EET),Open,High,Low,Close", dates="2024.01.16 22:00:00"),
    Known(
        name="Yahoo",
        starts="Date,Open,High,Low,Close,Adj Close,Volume",
        exactly=True,
        dates="2024-01-16",
    ),
    Known(
        name="Yahoo",
        starts="Date,Open,High,Low,Close*,Adj Close**,Volume",
        dates="Jan 16, 2024",
        remark="as copied from its page",
    ),
    Known(
        name="Yahoo",
        starts="Date,Open,High,Low,Close Close price adjusted for splits.",
        dates="Jan 16, 2024",
        remark="as copied from its page",
    ),
    Known(
        name="Nasdaq Data Link",
        has="Date,Ex-Dividend,Split Ratio,Adj. Open,Adj. Close",
        dates="2024-01-16",
        remark="prices are the unadjusted ones",
    ),
    Known(
        name="Tiingo",
        has="date,adjClose,adjHigh,adjLow,adjOpen,divCash,splitFactor",
        dates="2024-01-16T00:00:00.000Z",
        remark="prices are the unadjusted ones",
    ),
    # Polygon (Massive), "Flat Files, Aggregates": window_start is the start of the bar.
    Known(
        name="Polygon",
        has="ticker,open,close,high,low,window_start,transactions",
        dates="1705415400000000000",
    ),
    Known(name="Polygon", has="t,o,h,l,c,v,vw,n", dates="1705415400000"),
    # Alpaca, "Historical Bars": the timestamp is the left end of the bar.
    Known(name="Alpaca", has="timestamp,open,high,low,close,volume,trade_count,vwap"),
    # Databento, "OHLCV": ts_event is the inclusive start of the bar.
    Known(
        name="Databento",
        has="ts_event,open,high,low,close,publisher_id,instrument_id",
        dates="1705415400000000000",
    ),
    Known(
        name="CoinAPI",
        has="time_period_start,time_period_end,price_open,price_high,price_low,price_close",
        dates="2024-01-16T14:30:00.0000000Z",
    ),
    Known(
        name="Binance",
        has="open_time,open,high,low,close,volume,close_time",
        dates="1705415400000",
    ),
    Known(
        name="Binance",
        has="Open time,Open,High,Low,Close,Volume,Close time",
        dates="1705415400000",
    ),
    # CryptoDataDownload: 'Unix Timestamp' is the start of the bar, in UTC.
    *(
        Known(name="CryptoDataDownload", has=has, dates=dates, zone="UTC")
        for has, dates in (
            ("unix,date,symbol,open,high,low,close", "2024-01-16 14:00:00"),
            ("Unix Timestamp,Date,Symbol,Open,High,Low,Close", "2024-01-16 14:00:00"),
        )
    ),
    Known(
        name="CoinMarketCap",
        has="timeOpen,timeClose,timeHigh,timeLow,open,high,low,close,marketCap",
        dates="2024-01-16T00:00:00.000Z",
        remark="stamped with timeOpen",
    ),
    Known(name="FXCM", has="BidOpen,BidHigh,BidLow,BidClose,AskOpen,AskClose"),
    Known(
        name="Barchart",
        starts="Time,Open,High,Low",
        has="Volume,Change,%Chg,Last",
        dates="01/16/2024",
    ),
    Known(
        name="Barchart",
        starts="Time,Open,High,Low",
        has="Volume,Change,%Change,Latest",
        dates="2024-01-16 08:30",
        remark="its own clock is Chicago's",
    ),
    Known(name="MOEX", has="BOARDID,TRADEDATE,SECID,OPEN,LOW,HIGH,CLOSE", dates="2024-01-16"),
    # MOEX ISS, "candles": begin and end of each bar, in Moscow's time.
    Known(
        name="MOEX",
        has="open,close,high,low,value,volume,begin,end",
        dates="2024-01-16 10:00:00",
        zone="Europe/Moscow",
    ),
    Known(
        name="NSE",
        has="Date,series,OPEN,HIGH,LOW,PREV. CLOSE,ltp,close,52W H",
        dates="16-Jan-2024",
        remark="'close' is read, not 'ltp' and not 'PREV. CLOSE'",
    ),
    Known(
        name="NSE",
        has="Symbol,Series,Date,Prev Close,Open Price,High Price,Low Price,Last Price,Close Price",
        dates="16-Jan-2024",
    ),
    Known(name="NSE", has="SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY"),
    Known(
        name="BSE",
        has="Date,Open Price,High Price,Low Price,Close Price,WAP,No.of Shares",
        dates="16-January-2024",
    ),
    Known(
        name="ariva.de",
        starts="Datum,Erster,Hoch,Tief,Schlusskurs",
        dates="16.01.2024",
        remark="volume is Stuecke, not Volumen, which is money",
    ),
    Known(
        name="Börse Frankfurt",
        starts="Datum,Eröffnung,Schluss,Tageshoch,Tagestief",
        dates="16.01.24",
        remark="volume is Umsatz (Stück), not Umsatz (€)",
    ),
    Known(
        name="GPW",
        has="Data,Nazwa,ISIN,Kurs otwarcia,Kurs maksymalny,Kurs minimalny,Kurs zamknięcia",
        dates="2024-01-16",
    ),
    Known(
        name="Nasdaq Nordic",
        has="Date,Opening price,High price,Low price,Closing price,Total volume",
        dates="2024-01-16",
    ),
    # TradingView, "Export chart data": the time is the start of the bar.
    Known(
        name="TradingView",
        starts="time,open,high,low,close,Volume",
        exactly=True,
        dates="2024-01-16T09:30:00-05:00",
    ),
    Known(
        name="CryptoCompare",
        has="time,high,low,open,volumefrom,volumeto,close",
        dates="1705415400",
        remark="volume is volumefrom, in units of the coin",
    ),
    Known(
        name="Bitcoin history on Kaggle",
        has="Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency)",
        dates="1705415400",
        remark="minutes without a trade are left out",
    ),
    Known(
        name="Upbit",
        has="candle_date_time_utc,opening_price,high_price,low_price,trade_price",
        dates="2024-01-16T14:30:00",
        zone="UTC",
    ),
    Known(
        name="Tushare",
        has="ts_code,trade_date,open,high,low,close,pre_close,vol,amount",
        dates="20240116",
    ),
    Known(
        name="J-Quants",
        has="Date,Open,High,Low,Close,AdjustmentFactor,AdjustmentClose",
        dates="2024-01-16",
        remark="prices are the unadjusted ones",
    ),
    Known(
        name="KRX",
        has="일자,종가,대비,등락률,시가,고가,저가,거래량",
        dates="2024/01/16",
    ),
    Known(
        name="TWSE",
        has="日期,成交股數,開盤價,最高價,最低價,收盤價,漲跌價差",
        dates="113/01/16",
    ),
    Known(name="Bloomberg", has="PX_OPEN,PX_HIGH,PX_LOW,PX_LAST", dates="1/16/2024"),
    Known(
        name="Refinitiv",
        has="#RIC,Date-Time,Open,High,Low,Last",
        dates="2024-01-16T14:30:00.000000000Z",
    ),
    Known(
        name="Interactive Brokers",
        has="date,open,high,low,close,volume,average,barCount",
        dates="2024-01-16 09:30:00-05:00",
    ),
    Known(
        name="Euronext",
        has="Date,Open,High,Low,Last,Close,Number of Shares",
        dates="16/01/2024",
        remark="Close is read, not Last",
    ),
    *(
        Known(name="investing.com", starts=starts, dates=dates)
        for starts, dates in (
            ("Date,Price,Open,High,Low,Vol.,Change %", "01/16/2024"),
            ("Date,Price,Open,High,Low,Change %", "Jan 16, 2024"),
            ("Datum,Zuletzt,Eröffn.,Hoch,Tief,Vol.", "16.01.2024"),
            ("Date,Dernier,Ouv.,Plus Haut,Plus Bas,Vol.", "16/01/2024"),
            ("Fecha,Último,Apertura,Máximo,Mínimo,Vol.", "16.01.2024"),
            ("Data,Ultimo,Apertura,Massimo,Minimo,Vol.", "16.01.2024"),
            ("Data,Último,Abertura,Máxima,Mínima,Vol.", "16.01.2024"),
            ("Data,Ostatnio,Otwarcie,Max.,Min.,Wol.", "16.01.2024"),
            ("Дата,Цена,Откр.,Макс.,Мин.,Объём", "16.01.2024"),
            ("Datum,Laatste,Open,Hoog,Laag,Vol.", "16.01.2024"),
            ("Datum,Senaste,Öppen,Högst,Lägst,Vol.", "2024-01-16"),
            ("Tarih,Şimdi,Açılış,Yüksek,Düşük,Hac.", "16.01.2024"),
            ("日付け,終値,始値,高値,安値,出来高", "2024年01月16日"),
            ("날짜,종가,시가,고가,저가,거래량", "2024- 01- 16"),
            ("日期,收盘,开盘,高,低,交易量", "2024-1-16"),
        )
    ),
)

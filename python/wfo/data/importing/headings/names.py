"""What the columns of a file are called: by this package, in English, by vendors and their APIs.

One row of `NAMES` a vendor or way of naming, each name as it is written there. To teach the package
another, add a row: case, blanks, diacritics and signs do not matter. Names in other languages are
`wfo.data.importing.headings.languages`.
"""

from __future__ import annotations

import dataclasses
from typing import Final


@dataclasses.dataclass(frozen=True, kw_only=True)
class Names:
    """The names that one vendor or language gives to the columns of bars.

    Each is a text of names with ``|`` between them, those that are meant before others first.

    Attributes
    ----------
    of
        The vendor, the kind of file or the language.
    date, time, datetime
        Stamps: of the day, of the time of day, of both.
    vague
        Stamps too, whose name alone does not say so: believed only beside prices.
    open, high, low, close
        Prices of the bar.
    end
        When a bar ends, where no column says when it opens.
    last, price, settle
        What stands for the close where no column is called that.
    adj_close
        The close adjusted for splits and dividends.
    volume
        What was traded, in units of what is traded.
    ticks
        What stands for the volume where there is none: the number of trades or quotes.
    up, down
        TradeStation's volume at rising and at falling prices.
    open_interest, ticker
        As they say.
    """

    of: str
    date: str = ""
    time: str = ""
    datetime: str = ""
    vague: str = ""
    end: str = ""
    open: str = ""
    high: str = ""
    low: str = ""
    close: str = ""
    last: str = ""
    price: str = ""
    settle: str = ""
    adj_close: str = ""
    volume: str = ""
    ticks: str = ""
    up: str = ""
    down: str = ""
    open_interest: str = ""
    ticker: str = ""


#: The names that come before all others, in the order of preference within each field. Which
#: column a file with several is read from must not change from one version to the next.
OWN: Final = Names(
    of="wfo",
    date="date | day | trade date | trading date",
    time="time",
    datetime=(
        # CoinAPI's 'time_open' is that of the first trade, CoinMarketCap's 'timestamp' the bar's
        # last millisecond: what says more about the bar comes before.
        "time_period_start | timeOpen | datetime | timestamp | date and time | open time | unix | "
        "unix time | epoch"
    ),
    open="open | o | open price",
    high="high | h | high price",
    low="low | l | low price",
    close="close | c | close price | Close/Last",
    last="last",
    price="price",
    adj_close="adj close | adjusted close | adj close price",
    volume="volume | vol | v | total volume",
    up="up",
    down="down",
    open_interest="OI | open int | open interest",
    ticker="ticker | symbol",
)

#: What TradeStation's charts are exported under: intraday bars, and longer ones.
TRADESTATION: Final = (
    "Date,Time,Open,High,Low,Close,Up,Down",
    "Date,Time,Open,High,Low,Close,Vol,OI",
)
#: What Sierra Chart's are, by its two ways to export.
SIERRA: Final = (
    "Date,Time,Open,High,Low,Last,Volume,NumberOfTrades",
    "Date,Time,Open,High,Low,Last,Volume,# of Trades",
)
#: What a chart's export begins with; columns to the right are studies, whatever they are called.
CHARTS: Final = (*TRADESTATION, *SIERRA, "Date,Time,Open,High,Low,Close,TotalVolume")

#: English and vendors, whose names are looked for after those of `OWN`.
NAMES: Final = (
    Names(
        of="English",
        date="session date | trade day | trading day | business date | quote date",
        time="time of day | bar time | trade time | clock | hour",
        datetime=(
            "datetime utc | date time | date & time | unix timestamp | timestamp utc | "
            "unix time stamp | epoch time | time stamp | timestamp ms | unix ms | ts | ts_ms | "
            "bar start | start time | time start | bar open time | candle time | candle start | "
            "period start | utc | local"
        ),
        vague="start | begin | period | t | dt",
        end=(
            "close time | time close | closing time | end time | time end | bar end | "
            "bar close time | candle end | candle close time | kline close time | period end | "
            "time period end | end"
        ),
        open="opening | opening price | price open | first | opn | day open",
        high=(
            "high price of day | highest | highest price | price high | maximum | max | hi | "
            "max price"
        ),
        low="lowest | lowest price | price low | minimum | min | lo | min price",
        close="closing | closing price | price close | cls | close price of day",
        last="latest | last price | last trade | last traded price | ltp | last close",
        price="price close of day",
        settle="settle | settlement | settlement price | settle price",
        adj_close=(
            "adjusted closing price | close adjusted | close adj | adjusted price | "
            "adjusted close price | split adjusted close | adjustment close"
        ),
        volume=(
            "trade volume | traded volume | volume traded | trading volume | share volume | "
            "shares traded | no of shares | number of shares | quantity | traded quantity | qty | "
            "total traded quantity | total quantity | volume shares | volume (base) | "
            "base volume | volume from | volume in shares"
        ),
        ticks="tick volume | total ticks | tickvol | tick qty",
    ),
    Names(of="MetaTrader", ticks="<TICKVOL> | tick_volume"),
    Names(of="Stooq, MetaStock ASCII, Finam", date="<DTYYYYMMDD> | <DTYYMMDD>"),
    Names(of="Polygon (Massive)", vague="t", datetime="window_start"),
    Names(of="Databento", datetime="ts_event"),
    Names(
        of="CoinAPI",
        open="price_open",
        high="price_high",
        low="price_low",
        close="price_close",
        volume="volume_traded",
    ),
    Names(of="Binance, Bybit, OKX", datetime="open_time_ms | kline open time"),
    Names(of="CryptoCompare", volume="volumefrom"),
    Names(
        of="Bloomberg",
        date="Dates",
        open="PX_OPEN",
        high="PX_HIGH",
        low="PX_LOW",
        close="PX_CLOSE",
        last="PX_LAST",
        volume="PX_VOLUME",
        settle="PX_SETTLE",
    ),
    Names(
        of="Refinitiv (Eikon, Datastream, Tick History)",
        open="OPEN_PRC | OPEN_PRICE | Trade Open",
        high="HIGH_1 | Trade High",
        low="LOW_1 | Trade Low",
        close="CLOSE_PRC | Trade Close",
        last="TRDPRC_1 | Universal Close Price",
        volume="ACVOL_UNS | ACVOL_1 | Accumulated Volume",
        datetime="Date-Time | Exchange Date Time",
        date="Exchange Date",
    ),
    Names(
        of="CRSP",
        open="OPENPRC",
        high="ASKHI",
        low="BIDLO",
        price="PRC",
    ),
    Names(
        of="Compustat",
        date="datadate",
        open="prcod",
        high="prchd",
        low="prcld",
        close="prccd",
        volume="cshtrd",
    ),
    Names(
        of="Yahoo, as copied from its page",
        close="Close Close price adjusted for splits.",
        adj_close=(
            "Adj Close Adjusted close price adjusted for splits and dividend and/or capital gain "
            "distributions."
        ),
    ),
    Names(
        of="NSE and BSE (India)",
        open="OPEN_PRICE",
        high="HIGH_PRICE",
        low="LOW_PRICE",
        close="CLOSE_PRICE",
        last="LAST_PRICE",
        volume="TOTTRDQTY | TTL_TRD_QNTY | TTL_TRD_QNTY. | No.of Shares | CH_TOT_TRADED_QTY",
        date="CH_TIMESTAMP | DATE1 | TradDt | BizDt | mTIMESTAMP",
    ),
    Names(
        of="NSE, by its page's API",
        open="CH_OPENING_PRICE | OpnPric | EOD_OPEN_INDEX_VAL",
        high="CH_TRADE_HIGH_PRICE | HghPric | EOD_HIGH_INDEX_VAL",
        low="CH_TRADE_LOW_PRICE | LwPric | EOD_LOW_INDEX_VAL",
        close="CH_CLOSING_PRICE | ClsPric | EOD_CLOSE_INDEX_VAL",
        last="CH_LAST_TRADED_PRICE | LastPric",
        settle="SttlmPric",
        volume="TtlTradgVol",
    ),
    Names(
        of="NSE, indices",
        date="Index Date",
        open="Open Index Value",
        high="High Index Value",
        low="Low Index Value",
        close="Closing Index Value",
    ),
    Names(
        of="MOEX",
        date="TRADEDATE",
        vague="begin",
        close="LEGALCLOSEPRICE",
    ),
    Names(
        of="B3 (Brazil)",
        date="DATPRE",
        open="PREABE",
        high="PREMAX",
        low="PREMIN",
        last="PREULT",
        volume="QUATOT",
    ),
    Names(of="Euronext", close="Closing Price", volume="Number of Shares"),
    Names(
        of="Nasdaq Nordic",
        high="High price",
        low="Low price",
        close="Closing price",
        volume="Total volume",
    ),
    Names(of="London Stock Exchange", price="Mid Price"),
    Names(
        of="Upbit",
        datetime="candle_date_time_utc",
        open="opening_price",
        high="high_price",
        low="low_price",
        close="trade_price",
        volume="candle_acc_trade_volume",
    ),
)

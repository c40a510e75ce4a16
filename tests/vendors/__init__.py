"""The vendors of market data on loopback, for tests and for trying commands by hand.

Servers for TradeStation, Alpaca and Binance that tell a made-up `Market`, enforce what the vendors
document, and go wrong on demand. They are written from the documented facts and use nothing of the
clients. Where a fact is unconfirmed, an argument says which way it goes.

    with TradeStationVendor(Market(seed=1)) as vendor:
        vendor.faults.next("503")
        ...  # vendor.url, vendor.signin_url, vendor.log, vendor.clock

``PYTHONPATH=tests python -m vendors`` serves all three.
"""

from .alpaca import AlpacaVendor
from .binance import BinanceVendor
from .clock import BEGINNING, VendorClock
from .faults import FAULTS, Fault, Faults
from .market import Bars, Dividend, Instrument, Market, Session, Split, sessions
from .server import Logged, Vendor
from .tradestation import TradeStationVendor

__all__ = [
    "BEGINNING",
    "FAULTS",
    "AlpacaVendor",
    "Bars",
    "BinanceVendor",
    "Dividend",
    "Fault",
    "Faults",
    "Instrument",
    "Logged",
    "Market",
    "Session",
    "Split",
    "TradeStationVendor",
    "Vendor",
    "VendorClock",
    "sessions",
]

"""The package's sources, each before its vendor on loopback, on a clock that a test moves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vendors import AlpacaVendor, BinanceVendor, Market, TradeStationVendor, Vendor, VendorClock
from vendors.table import VirtualClock

from wfo.data.sources.clock import Clock
from wfo.data.sources.config import SourcesConfig
from wfo.data.sources.registry import open_source
from wfo.data.sources.source import Source

VENDORS: Mapping[str, type[Vendor]] = {
    "tradestation": TradeStationVendor,
    "alpaca": AlpacaVendor,
    "binance": BinanceVendor,
}


def vendor_of(name: str, market: Market, clock: VirtualClock, *, rotate: bool = True) -> Vendor:
    """Return a server whose time is that of a clock; it serves while it is entered."""
    vendor_clock = VendorClock(follow=clock.now)
    if name == "tradestation":
        return TradeStationVendor(market, clock=vendor_clock, rotate=rotate)
    return VENDORS[name](market, clock=vendor_clock)


def source_of(name: str, vendor: Vendor, clock: Clock, folder: Path, **http: object) -> Source:
    """Return a source that asks a server; what it has to remember lies in a folder."""
    lines = [f"{key} = {value}" for key, value in http.items()]
    folder.mkdir(exist_ok=True)
    (folder / "sources.toml").write_text("\n".join(["[http]", *lines]) + "\n")
    config = SourcesConfig.load({**vendor.environ, "WFO_CONFIG_DIR": str(folder)})
    return open_source(name, config, clock=clock)

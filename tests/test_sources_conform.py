"""The package's own sources pass the suite that it exports, asking vendors on loopback."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from vendor_sources import VirtualClock, source_of, vendor_of
from vendors import BEGINNING, Market, Vendor

from wfo.data import load_sample
from wfo.data.sources.files import Files
from wfo.data.sources.source import Source
from wfo.testing import SourceConformance


class _Asking(SourceConformance):
    """Of a vendor."""

    name: ClassVar[str]
    folder: ClassVar[Path]
    vendor: ClassVar[Vendor]
    clock: ClassVar[VirtualClock]
    unknown_symbol = "NOSUCH"
    first, last = dt.date(2025, 1, 13), dt.date(2025, 2, 7)
    cases = 2

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _serving(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        cls.folder = tmp_path_factory.mktemp(cls.name)
        cls.clock = VirtualClock(BEGINNING)
        with vendor_of(cls.name, Market(), cls.clock) as cls.vendor:
            yield

    def make_source(self) -> Source:
        return source_of(self.name, self.vendor, self.clock, self.folder)

    def requests_sent(self) -> int:
        return len(self.vendor.log)

    def make_failing_source(self) -> Source:
        source = self.make_source()
        self.vendor.faults.next(*["503"] * 5)
        return source

    @pytest.fixture(autouse=True)
    def _without_faults(self) -> None:
        self.vendor.faults.clear()


class TestTradeStation(_Asking):
    name = "tradestation"
    symbol, more_symbols = "SMH", ("BRK.B", "$SPX.X")
    timeframes = ("1day", "1hour")
    secrets = ("test-client-secret",)


class TestTradeStationFutures(_Asking):
    name = "tradestation"
    symbol, more_symbols = "@ES", ("@NQ",)
    timeframes = ("1day", "4hour")


class TestAlpaca(_Asking):
    name = "alpaca"
    symbol, more_symbols = "SMH", ("BRK.B", "QQQ")
    timeframes = ("1day", "30min")


class TestBinance(_Asking):
    name = "binance"
    symbol, more_symbols = "BTC/USDT:USDT", ("ETH/USDT:USDT",)
    unknown_symbol = "NOSUCH/USDT:USDT"
    timeframes = ("1day", "4hour")


class TestFiles(SourceConformance):
    symbol, unknown_symbol = "NASDAQ", "NOSUCH"
    more_symbols = ("^GSPC",)
    timeframes = ("1day",)
    folder: ClassVar[Path]
    first, last = dt.date(2018, 5, 7), dt.date(2018, 6, 8)

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _made(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.folder = tmp_path_factory.mktemp("files")
        load_sample("NASDAQ").write_parquet(cls.folder / "NASDAQ.parquet")
        load_sample("SP500").write_csv(cls.folder / "%5EGSPC.csv")

    def make_source(self) -> Source:
        self.source = Files(self.folder)
        return self.source

    def requests_sent(self) -> int:
        return 0

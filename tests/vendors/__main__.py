"""Serve all three vendors until interrupted: ``PYTHONPATH=tests python -m vendors``."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import signal
import threading

from . import AlpacaVendor, BinanceVendor, Market, TradeStationVendor, VendorClock


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m vendors", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the made-up market")
    parser.add_argument("--rotate", action="store_true", help="TradeStation's tokens rotate")
    parser.add_argument("--now", help="time at which the servers' clock stands; it runs otherwise")
    asked = parser.parse_args()
    market = Market(asked.seed)
    if asked.now is None:
        clock = VendorClock(follow=lambda: dt.datetime.now(dt.UTC))
    else:
        clock = VendorClock(dt.datetime.fromisoformat(asked.now))
    with contextlib.ExitStack() as stack:
        vendors = [
            stack.enter_context(TradeStationVendor(market, clock=clock, rotate=asked.rotate)),
            stack.enter_context(AlpacaVendor(market, clock=clock)),
            stack.enter_context(BinanceVendor(market, clock=clock)),
        ]
        for vendor in vendors:
            print(f"# {vendor.name}: POST {vendor.base(vendor.sites[0])}/_control")
            for name, value in vendor.environ.items():
                print(f"export {name}={value}")
        print('# Clock and faults, such as: curl -d \'{"next": ["503"]}\' …/_control', flush=True)
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        ended.wait()


if __name__ == "__main__":
    main()

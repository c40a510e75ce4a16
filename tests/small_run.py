"""The command line with blocks and states so small that a tiny grid has several.

python tests/small_run.py run --symbol NASDAQ --strategy atr_d_l --grid tiny.yaml
"""

from __future__ import annotations

import functools

import wfo.runs.run
from wfo.backtest import BlockSizes
from wfo.cli import main
from wfo.runs.options import RunOptions
from wfo.sweeps import StoreOptions

SMALL = RunOptions(
    store=StoreOptions(block=1024, checksum_rows=256, state_seconds=0, state_share=0),
    blocks=BlockSizes(largest=1500),
)

if __name__ == "__main__":
    # The command imports it when it carries out a run.
    wfo.runs.run.run = functools.partial(wfo.runs.run.run, options=SMALL)
    main()

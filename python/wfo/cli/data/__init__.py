"""The command group ``wfo data``: bars into the store, and what is stored."""

from __future__ import annotations

import click

from wfo.cli.data.checking import check
from wfo.cli.data.downloading import download
from wfo.cli.data.importing import import_
from wfo.cli.data.listing import list_
from wfo.cli.data.login import login
from wfo.cli.data.resampling import resample
from wfo.cli.data.shared import data_dir_option as data_dir_option


@click.group(context_settings={"show_default": True})
def data() -> None:
    """Download and import bars, list what is stored, and check it.

    \b
    Examples:
      wfo data download SMH QQQ
      wfo data import QQQ.csv --symbol QQQ
      wfo data list
    """


for _command in (download, import_, list_, check, resample, login):
    data.add_command(_command)

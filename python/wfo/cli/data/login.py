"""``wfo data login``: credentials that a source gives in a browser."""

from __future__ import annotations

import click

from wfo.cli.terminal import echo


@click.command()
@click.argument("source", type=click.Choice(["tradestation"]))
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port on this machine that the browser comes back to; it must be among the callback URLs "
    "of the API key.",
    show_default="31022",
)
@click.option(
    "--no-browser",
    is_flag=True,
    help="Print the address to open on this machine, and open no browser.",
)
def login(source: str, port: int | None, no_browser: bool) -> None:
    """Log in to a source in a browser, once.

    TradeStation asks for your consent and gives a refresh token, which is kept in
    the folder of the configuration, readable by you alone. The API key comes
    first: WFO_TRADESTATION_CLIENT_ID and WFO_TRADESTATION_CLIENT_SECRET, or the
    file credentials.toml. See wfo docs market-data.

    \b
    Example:
      wfo data login tradestation
    """
    del source  # there is one so far
    import webbrowser

    from wfo.data.sources import SourcesConfig
    from wfo.data.sources.login import PORTS
    from wfo.data.sources.login import login as authorise

    authorise(
        SourcesConfig.load(),
        open_browser=(lambda _: False) if no_browser else webbrowser.open,
        port=PORTS[0] if port is None else port,
        say=lambda text: echo(text, err=True),
    )

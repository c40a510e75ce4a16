"""``wfo plateaus``: a run's plateaus, looked for again and drawn."""

from __future__ import annotations

from pathlib import Path

import click

from wfo.cli.completion import complete_strategies
from wfo.cli.naming import strategy_name
from wfo.cli.run import (
    command_given,
    find_run,
    map_axes_option,
    out_option,
    run_options,
    threads_option,
)
from wfo.cli.terminal import echo
from wfo.selection.plateaus import LEAST_STABLE


@click.command()
@run_options
@click.option(
    "--strategy",
    shell_complete=complete_strategies,
    callback=strategy_name,
    help="The one of the run's strategies to look at.  [default: all]",
)
@click.option(
    "--least-stable",
    type=int,
    default=LEAST_STABLE,
    show_default=True,
    help="Stable combinations of a cell that counts, at least.",
)
@click.option(
    "--level",
    type=float,
    help="Stable share that cells of a plateau exceed: 0.4 is 40 %.  [default: searched]",
)
@click.option(
    "--reach",
    type=float,
    help="1 joins cells that share a side, 1.5 those that share a corner too.  [default: searched]",
)
@click.option(
    "--density",
    type=int,
    help="Cells above the level within reach of one, itself included, that make it the middle of a"
    " plateau.  [default: searched]",
)
@click.option(
    "--plot",
    "plots",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the map into a .png or .html file; may be given several times.",
)
@map_axes_option("the run's")
@threads_option
@out_option
def plateaus(
    folder: Path | None,
    symbol: str | None,
    symbol2: str | None,
    timeframe: str | None,
    name: str | None,
    strategy: str | None,
    least_stable: int,
    level: float | None,
    reach: float | None,
    density: int | None,
    plots: tuple[Path, ...],
    map_axes: tuple[str, ...] | None,
    threads: int | None,
    out: Path,
) -> None:
    """Look for a run's plateaus again, and draw their map.

    FOLDER is the run's folder. Its plateaus, regions and ranges are replaced by those that these
    options give; without options they are those of the run. Candidates and figures stay. What each
    plateau is made of is printed and written to plateau_details_*.csv: its stability, its
    parameters, its phases beside buy-and-hold, and what happens one grid step away from its most
    stable outcome.

    run.json states the options. A later 'wfo rescore' looks by the usual ones again, but on the map
    that --map-axes has given.

    \b
    Examples:
      wfo plateaus results/QQQ --plot map.html
      wfo plateaus results/QQQ --level 0.8 --least-stable 200
      wfo plateaus results/QQQ --map-axes atr_period,atr_multiplier
      wfo plateaus --symbol QQQ --reach 1 --density 5 --plot map.png
    """
    from wfo.progress import for_stream
    from wfo.runs.stage_alone.plateau_stage import plateaus as find_plateaus
    from wfo.selection.plateaus import PlateauOptions

    options = PlateauOptions(least_stable, level, reach, density)
    report = find_plateaus(
        find_run(folder, symbol, symbol2, out, timeframe, name),
        options=options,
        strategy=strategy,
        map_axes=map_axes,
        plots=plots,
        threads=threads,
        command=command_given(),
        progress=for_stream(),
    )
    echo(report.page, nl=False)

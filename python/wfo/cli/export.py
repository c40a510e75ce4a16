"""``wfo export``: a run's ranges for TradeStation, or one parameter set as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wfo.cli.completion import complete_strategies
from wfo.cli.naming import strategy_name
from wfo.cli.run import (
    command_given,
    find_run,
    out_option,
    range_options,
    require_one_set,
    run_options,
)
from wfo.cli.terminal import echo

#: The formats of sets; `wfo.runs.handover.set_file` has them too, and takes longer to load.
FORMS = ("json", "yaml", "easylanguage-inputs")

if TYPE_CHECKING:
    from wfo.runs.folder import RunFolder
    from wfo.tradestation.ranges import Fix


@click.command()
@run_options
@click.option(
    "--strategy",
    shell_complete=complete_strategies,
    callback=strategy_name,
    help="The one of the run's strategies whose ranges, or whose candidate, is meant."
    "  [default: of ranges all, of a candidate the run's first]",
)
@click.option(
    "--candidate",
    type=click.IntRange(min=1),
    help="Instead of ranges: one set, row N of the candidates, 1 being the best.",
)
@click.option(
    "--refined",
    type=click.IntRange(min=1),
    help="Instead of ranges: one set, row N of the combined table of the run's analysis.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMS),
    help="Format of the set's file.  [default: by the ending of --output, else json]",
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for the set.  [default: it is printed]",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@range_options("as run.json states")
@out_option
def export(
    folder: Path | None,
    symbol: str | None,
    symbol2: str | None,
    timeframe: str | None,
    name: str | None,
    strategy: str | None,
    candidate: int | None,
    refined: int | None,
    form: str | None,
    output: Path | None,
    force: bool,
    max_tests: int | None,
    fix: Fix | None,
    out: Path,
) -> None:
    """Write a run's ranges for TradeStation again, or one of its parameter sets as a file.

    FOLDER is the run's folder. Its range files and their list are replaced by those that these
    options give, from the plateaus and regions that the run has found; nothing is swept or scored.
    What is not given stays as run.json states it, from the run or from an earlier export. The files
    are sealed there as before.

    With --candidate or --refined it is one parameter set instead, with all that is known of where
    it comes from: bars, windows, settings, scores beside buy-and-hold. The set is simulated again
    first, and refused if that does not give what the run has found. 'wfo simulate --set-file' reads
    all three formats; easylanguage-inputs is text to paste, all but the inputs in comments.

    \b
    Examples:
      wfo export results/QQQ
      wfo export results/QQQ --max-tests 20000 --fix best
      wfo export --symbol QQQ --strategy atr_d_l --max-tests 5000
      wfo export results/QQQ --candidate 1 --output qqq.json
      wfo export results/QQQ --refined 3 --format easylanguage-inputs
    """
    number = candidate if refined is None else refined
    _check_usage(number, candidate, refined, form, output, force, max_tests, fix)
    found = find_run(folder, symbol, symbol2, out, timeframe, name)
    if number is not None:
        _set(found, candidate, refined, strategy, form, output, replace=force)
        return
    echo(_ranges(found, max_tests, fix, strategy), nl=False)


def _ranges(found: RunFolder, max_tests: int | None, fix: Fix | None, strategy: str | None) -> str:
    """Write the range files of a run, and return the page."""
    from wfo.progress import for_stream
    from wfo.runs.stage_alone.exporting import export as export_ranges

    return export_ranges(
        found,
        max_tests=max_tests,
        fix=fix,
        strategy=strategy,
        command=command_given(),
        progress=for_stream(),
    ).page


def _set(
    found: RunFolder,
    candidate: int | None,
    refined: int | None,
    strategy: str | None,
    form: str | None,
    output: Path | None,
    *,
    replace: bool,
) -> None:
    """Print one parameter set, or write it."""
    from wfo.runs.handover.set_export import export_set
    from wfo.runs.handover.set_file import format_of, require_absent, set_text, write_set

    # What is wrong with the file is said before anything is simulated.
    form = format_of(output, form)
    if output is not None and not replace:
        require_absent(output)
    chosen = export_set(found.path, candidate=candidate, refined=refined, strategy=strategy)
    if output is None:
        echo(set_text(chosen, form), nl=False)
        return
    write_set(chosen, output, form, replace=replace)
    echo(f"{chosen.title}: {output}")


def _check_usage(
    number: int | None,
    candidate: int | None,
    refined: int | None,
    form: str | None,
    output: Path | None,
    force: bool,
    max_tests: int | None,
    fix: Fix | None,
) -> None:
    """Raise where options of ranges and of a set are mixed, or two sets are named."""
    require_one_set({"--candidate": candidate, "--refined": refined})
    of_set = {"--format": form, "--output": output, "--force": force or None}
    of_ranges = {"--max-tests": max_tests, "--fix": fix}
    others = of_set if number is None else of_ranges
    given = [option for option, value in others.items() if value is not None]
    if given and number is None:
        raise click.UsageError(f"{given[0]} goes with --candidate or --refined, which name a set")
    if given:
        raise click.UsageError(f"{given[0]} is of ranges; leave it out, or the set's number")
    if force and output is None:
        raise click.UsageError("--force goes with --output, whose file it may replace")

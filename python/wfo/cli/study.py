"""``wfo study``: the searches that there are, and what they found."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from wfo.cli.completion import complete_examples, complete_studies
from wfo.cli.data import data_dir_option
from wfo.cli.run import out_option
from wfo.cli.terminal import echo

_name_argument = click.argument("name", shell_complete=complete_studies)

_top_option = click.option(
    "--top",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    help="Best trials that are shown.",
)


@click.group(context_settings={"show_default": True})
def study() -> None:
    """List searches, show and analyze one, export it, compare several, remove old ones.

    A study is what 'wfo optimize' keeps of a search: every trial with its figures. Commands take
    its name, or its folder.

    \b
    Examples:
      wfo study list
      wfo study show sma_cross
      wfo study analyze sma_cross
    """


@study.command("list")
@out_option
def list_(out: Path) -> None:
    """List the studies: what was searched, by which method, how far it is, and the best score.

    Studies that another process is writing are among them. One that cannot be read is named at the
    end. Scores of different objectives are not comparable.

    \b
    Examples:
      wfo study list
      wfo study list --out results
    """
    from wfo.runs.optimizing.study_page import listed_studies

    echo(listed_studies(out), nl=False)


@study.command()
@_name_argument
@_top_option
@out_option
def show(name: str, top: int, out: Path) -> None:
    """Show a study: its plan, what became of its trials, and the best ones.

    NAME is the study's name, or its folder. A search that is under way can be looked at too:
    nothing is written. Out-of-sample figures are there once the search has ended.

    \b
    Examples:
      wfo study show sma_cross
      wfo study show results/optimization/sma_cross --top 3
    """
    from wfo.runs.optimizing.study_page import shown_study

    echo(shown_study(out, name, top=top), nl=False)


@study.command()
@_name_argument
@_top_option
@click.option(
    "--fanova",
    is_flag=True,
    help="Importance by Optuna's fANOVA as well; needs pip install 'wfo[search]'.",
)
@out_option
def analyze(name: str, top: int, fanova: bool, out: Path) -> None:
    """Say what a search has learnt: importance, convergence, scores by value, in- by out-of-sample.

    NAME is the study's name, or its folder. Importance says how much of the differences in score
    among the better trials each parameter explains; where the whole space was evaluated, exact
    shares stand beside it. Convergence is the best score by trials, and where it was last improved.
    All scores are in-sample ones.

    \b
    Examples:
      wfo study analyze sma_cross
      wfo study analyze sma_cross --fanova --top 5
    """
    from wfo.runs.optimizing.analysis_page import analyzed_study

    echo(analyzed_study(out, name, top=top, fanova=fanova), nl=False)


@study.command()
@_name_argument
@click.option(
    "--csv",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write all trials as a table: parameters, figures, score, violation, state, seconds.",
)
@click.option(
    "--journal",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write an Optuna journal, for optuna-dashboard; needs pip install 'wfo[search]'.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
@out_option
def export(name: str, csv: Path | None, journal: Path | None, force: bool, out: Path) -> None:
    """Write the trials of a study to a file, as a table or as a journal for optuna-dashboard.

    NAME is the study's name, or its folder.

    \b
    Examples:
      wfo study export sma_cross --csv trials.csv
      wfo study export sma_cross --journal sma_cross.log
      optuna-dashboard sma_cross.log
    """
    if csv is None and journal is None:
        raise click.UsageError("say what to write: --csv FILE, --journal FILE, or both")
    from wfo.runs.optimizing.study_page import exported_study

    echo(exported_study(out, name, csv=csv, journal=journal, force=force), nl=False)


@study.command("spend-holdout")
@_name_argument
@data_dir_option
@out_option
def spend_holdout(name: str, data_dir: Path, out: Path) -> None:
    """Evaluate the best sets of a search on the bars that it has held out: once.

    NAME is the study's name, or its folder. What the sets and buy-and-hold come to on what
    'wfo optimize --holdout' has kept back is recorded for every search and run of the symbols
    before it is shown; the same command shows the record again, and other searches of these bars
    are told. For strategies: a program's figures are not recorded here.

    \b
    Examples:
      wfo study spend-holdout atr_d_continuous
    """
    from wfo.data import DataStore
    from wfo.progress import for_stream
    from wfo.runs.optimizing.spending import spend_study_holdout

    page = spend_study_holdout(
        out,
        name,
        DataStore(data_dir),
        command=shlex.join(["wfo", *sys.argv[1:]]),
        progress=for_stream(),
    )
    echo(page, nl=False)


@study.command()
@click.argument("names", nargs=-1, required=True, shell_complete=complete_studies)
@out_option
def compare(names: tuple[str, ...], out: Path) -> None:
    """Put several studies side by side, or one beside the baseline that its space names.

    NAMES are studies, or their folders: of several seeds or methods over the same space, or of
    different spaces. Each one's best trial stands in- and out-of-sample beside buy-and-hold and
    beside the baseline. Scores are compared only where objective, windows, bars and limits are the
    same; the page says what differs.

    \b
    Examples:
      wfo study compare sma_cross
      wfo study compare seed1 seed2 seed3
    """
    from wfo.runs.optimizing.compare_page import compared_studies

    echo(compared_studies(out, names), nl=False)


@study.command()
@click.argument("names", nargs=-1, shell_complete=complete_studies)
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(min=0),
    help="Keep the N newest of them; of all studies where no names are given.",
)
@click.option(
    "--older-than",
    metavar="SPAN",
    help="Only those that were last written to longer ago, such as 90d, 6m or 1y.",
)
@click.option("--yes", is_flag=True, help="Remove them; without it nothing is removed.")
@out_option
def cleanup(
    names: tuple[str, ...], keep: int | None, older_than: str | None, yes: bool, out: Path
) -> None:
    """Remove studies: first say which, and only with --yes do it.

    NAMES are studies, or their folders; without them --keep or --older-than says which go. A study
    that a search is writing to stays, and one whose folder holds what no search has written is
    named and stays too. Trials of removed studies still count in trials.json.

    \b
    Examples:
      wfo study cleanup --older-than 90d
      wfo study cleanup --keep 5 --yes
      wfo study cleanup first_try second_try --yes
    """
    if not names and keep is None and older_than is None:
        raise click.UsageError("say which studies go: their names, --keep N, or --older-than SPAN")
    from wfo.runs.optimizing.cleaning import cleaned_up

    echo(cleaned_up(out, names, keep=keep, older_than=older_than, remove=yes), nl=False)


@study.command()
@click.argument("name", required=False, shell_complete=complete_examples)
@click.option(
    "--to",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    show_default="here",
    help="Folder that its files go to.",
)
@click.option("--force", is_flag=True, help="Replace files that are there already.")
def example(name: str | None, folder: Path, force: bool) -> None:
    """Write a space that ships with the package, and its program, to begin with.

    Without NAME the examples are listed. The files are yours to change.

    \b
    Examples:
      wfo study example
      wfo study example sma_cross
      wfo study example swing --to searches
    """
    from wfo.runs.optimizing.examples import listed_examples, written_example

    echo(
        listed_examples() if name is None else written_example(name, folder, force=force), nl=False
    )

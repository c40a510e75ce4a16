"""The command line. It translates: what is computed and decided stands in `wfo.runs`."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from types import FrameType

import click
from click.shell_completion import CompletionItem

from wfo.cli import completion as completion  # its script for zsh counts from the start
from wfo.cli.naming import load_strategies
from wfo.cli.terminal import echo
from wfo.errors import WfoError, is_panic
from wfo.text import printable

#: Exit codes besides 0: failed, wrong usage, interrupted.
FAILED, USAGE, INTERRUPTED = 1, 2, 130

#: Seconds after which an interrupt that was swallowed is raised again.
_REMINDER = 0.2

# Where each command lives. They load when called, so that `wfo --help` is quick.
_COMMANDS = {
    "demo": ("wfo.cli.run", "Run a coarse grid on the sample that ships with the package."),
    "data": ("wfo.cli.data", "Download, import, list, check and resample bars."),
    "run": ("wfo.cli.run", "Search a strategy's whole grid, from bars to TradeStation ranges."),
    "walkforward": (
        "wfo.cli.walkforward",
        "Choose on a window, trade the next one, roll on: one out-of-sample curve.",
    ),
    "optimize": ("wfo.cli.optimize", "Search a space that cannot be swept, or a program."),
    "study": ("wfo.cli.study", "List, show, analyze, export and compare searches."),
    "rescore": ("wfo.cli.run", "Score a run again with other gates, without a sweep."),
    "plateaus": ("wfo.cli.plateaus", "Look for a run's plateaus again, and draw their map."),
    "refine": ("wfo.cli.refine", "Run the range files over the whole history, here."),
    "analyze": ("wfo.cli.analyze", "Rank the refined sets of a run beside buy-and-hold."),
    "permutation-test": (
        "wfo.cli.permutation_test",
        "Search a run again on permuted bars: what chance alone gives.",
    ),
    "verdict": (
        "wfo.cli.verdict",
        "Say how much of what a run found is luck.",
    ),
    "export": ("wfo.cli.export", "Write a run's ranges for TradeStation again, or one set."),
    "results": ("wfo.cli.results", "List the runs, those with names and the history too."),
    "verify": ("wfo.cli.run", "Check that every file of a run is as it was written."),
    "simulate": ("wfo.cli.simulate", "Simulate one parameter set: metrics, trades and equity."),
    "signal": ("wfo.cli.signaling", "Show what a set would have working in the next bar."),
    "check": ("wfo.cli.check", "Check that a strategy does not look ahead."),
    "strategies": ("wfo.cli.show", "List the strategies, or show one's parameters."),
    "grids": ("wfo.cli.show", "List the grids, or show one."),
    "docs": ("wfo.cli.docs", "Open the documentation of this version in a browser."),
    "info": ("wfo.cli.show", "Show versions and what this installation runs on."),
}


class _Lazy(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(
            importlib.import_module(_COMMANDS[cmd_name][0]), cmd_name.replace("-", "_")
        )
        if not isinstance(command, click.Command):
            raise TypeError(f"wfo {cmd_name} is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in _COMMANDS:
            from wfo.errors import did_you_mean

            raise click.UsageError(
                f"there is no command {args[0]!r}{did_you_mean(args[0], _COMMANDS)}"
            )
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete commands without importing them, and the group's own options."""
        named = [
            (name, text) for name, (_, text) in _COMMANDS.items() if name.startswith(incomplete)
        ]
        own = [CompletionItem(name, help=text) for name, text in named]
        return own + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wfo", message="wfo %(version)s")
@click.option(
    "--load",
    metavar="FILE.py:NAME",
    multiple=True,
    expose_value=False,
    callback=load_strategies,
    shell_complete=completion.complete_spaces,
    help="Load a strategy of your own for a command that opens a run of it; may be given again.",
)
def cli() -> None:
    """Walk-forward optimization of trading strategies over whole parameter grids.

    \b
    Examples:
      wfo demo
      wfo data import QQQ.csv --symbol QQQ
      wfo run --symbol QQQ --strategy atr_d_l --grid coarse
      wfo --load mine.py:MINE simulate results/QQQ

    \b
    Completion by the tab key, in this session or from a shell's start-up file:
      eval "$(_WFO_COMPLETE=bash_source wfo)"     # or zsh_source
      _WFO_COMPLETE=fish_source wfo | source
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    # A service manager's or a scheduler's request to stop is an interrupt like Ctrl-C.
    signal.signal(signal.SIGTERM, _interrupt)
    # Jobs that a shell puts into the background are to ignore Ctrl-C, and go on doing so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    shown, warnings.showwarning = warnings.showwarning, _warn
    try:
        code = cli.main(args=arguments, prog_name="wfo", standalone_mode=False)
    except click.exceptions.Abort:
        code = _interrupted()
    except KeyboardInterrupt:
        code = _interrupted()
    except click.ClickException as error:
        error.message = printable(error.message)  # type: ignore[misc]  # it is read by show()
        error.show()
        code = error.exit_code
    except WfoError as error:
        echo(f"error: {error}", err=True)
        code = FAILED
    except BrokenPipeError:
        # The pipe has no reader left; a second complaint at exit would be lost as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        echo(f"error: {where}{error.strerror or error}", err=True)
        code = FAILED
    except BaseException as error:
        if not is_panic(error):
            raise
        said = " ".join(str(error).split())
        echo(f"error: a compiled library failed: {said}", err=True)
        code = FAILED
    finally:
        _remind(0)
        warnings.showwarning = shown
    sys.exit(code if isinstance(code, int) else 0)


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning as a line for the user, without where in the code it is."""
    echo(f"warning: {message}", err=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise `KeyboardInterrupt`, again and again until it comes through.

    Compiled modules can swallow whatever is raised while they are imported; numpy.random does. An
    interrupt that is on its way out, through blocks that clean up, is left alone.
    """
    del number, frame
    _remind(_REMINDER)
    error = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return
        error = error.__context__
    raise KeyboardInterrupt


def _remind(seconds: float) -> None:
    """Call `_interrupt` once more after a while, where the system can; 0 calls that off."""
    if sys.platform != "win32":
        # One that is called off may be on its way already.
        signal.signal(signal.SIGALRM, _interrupt if seconds else _ignore)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _ignore(number: int, frame: FrameType | None) -> None:
    del number, frame


def _interrupted() -> int:
    # Everything is cleaned up; a further interrupt would only spoil the exit code.
    signal.signal(signal.SIGTERM, _ignore)
    signal.signal(signal.SIGINT, _ignore)
    _remind(0)
    # An interrupt swallowed below PyRun_String, where Cython's modules patch abc, leaves a mark by
    # which CPython ends as if killed, whatever the exit code. Any text that is run wipes it off.
    exec("")  # noqa: S102
    echo("interrupted; what was complete is kept, nothing is half-written", err=True)
    return INTERRUPTED

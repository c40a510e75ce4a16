"""Every command in a folder of its own, and what each reads and writes there, as it is traced.

A *world* is a folder with all that commands work on: a complete run with what every stage has
written, one in its history, one with a name, a store of bars, a folder of a source, and files that
a user gives and gets. Tests plant other things at the names that commands open and look at what
becomes of them; ``traced.py`` prints the names.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import select
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from planting import put

GRID = """
atr_d_l:
  atr_period: [4, 64]
  atr_multiplier: {from: 2, to: 24, step: 2}
  bb_length: [10]
  bb_deviation: [0.5, 4]
  vol_threshold: [0.04, 0.32]
  min_tightening: [0.10]
  scaling_method: [0]
  atr_buy_period: [8]
  atr_buy_multiplier: {from: 0.5, to: 3.5, step: 0.25}
  atr_smooth_period: [2]
  equity_price_method: [0]
"""

_SMALL = "\n".join(
    line if "from:" not in line else line.split("{", maxsplit=1)[0] + "[2, 12]"
    for line in GRID.splitlines()
)

#: A space, and a program that returns at once.
SPACE = """
program: program.py:evaluate
symbols: [NASDAQ]
parameters:
  fast: [5, 10, 15]
  slow: {int: [20, 40], step: 10}
baseline: {fast: 5, slow: 20}
objective: sharpe
method: random
trials: 4
batch: 2
"""

PROGRAM = """
def evaluate(params, symbols):
    return {"sharpe": params["fast"] / params["slow"], "profit": 0.1, "trades": 9}
"""

#: The run that everything is in.
RUN = "results/NASDAQ"

_OLD = "run --symbol NASDAQ --strategy atr_d_l --grid small.yaml --out results --no-fetch"
_RUN = (
    "run --symbol NASDAQ --strategy atr_d_l --grid grid.yaml --out results --no-fetch"
    " --holdout 1y --min-phases 3 --max-tests 20"
)
_STORE = "--data-dir store"
_WALK = (
    "walkforward --symbol NASDAQ --strategy atr_d_l --grid small.yaml --in 8y --out 6y"
    " --by net_profit --results results"
)
_OUTPUTS = "--out-trades out/trades.csv --out-equity out/equity.parquet"

#: How the world is made, in order.
MAKING = (
    _OLD,
    _RUN,
    f"{_OLD} --name named",
    f"plateaus {RUN} --least-stable 1 --plot out/map.html --plot out/map.png",
    f"export {RUN} --max-tests 20",
    f"refine {RUN}",
    f"analyze {RUN}",
    f"permutation-test {RUN} --runs 19",
    f"verdict {RUN}",
    f"verdict {RUN} --spend-holdout",
    f"export {RUN} --candidate 1 --output out/set.json",
    f"export {RUN} --refined 1 --output out/refined.yaml",
    f"simulate {RUN} --candidate 1 {_OUTPUTS} --plot out/chart.html",
    f"data import bars.csv --symbol TEST {_STORE}",
    f"data download ONE --source files --start 2020-01-01 {_STORE}",
    f"data resample TEST --from 1day --to 1week {_STORE}",
    "docs --build out/site",
    "optimize space.yaml --study found",
    "optimize space.yaml --study other --seed 2",
    f"{_WALK} --name walked",
)

#: What is enough for `QUICK`: a run of few combinations, one of its sets, and a store.
QUICK_MAKING = (
    _OLD,
    f"export {RUN} --candidate 1 --output out/set.json",
    f"data import bars.csv --symbol TEST {_STORE}",
    "optimize space.yaml --study found",
)


@dataclass(frozen=True)
class Command:
    """A command in a world.

    Attributes
    ----------
    name
        What it is called in tests.
    line
        Its arguments.
    before
        What is done to the world before: `_BEFORE` has the names.
    """

    name: str
    line: str
    before: str = ""

    @property
    def arguments(self) -> list[str]:
        """The arguments as a list."""
        return self.line.split(" ")


_STUDIES = (
    Command("study list", "study list --out results"),
    Command("study show", "study show found --out results"),
    Command("study analyze", "study analyze found --out results"),
    Command("study export", "study export found --csv out/trials.csv --force --out results"),
    Command("study cleanup", "study cleanup found --yes --out results"),
    Command("study example", "study example swing --to out/new"),
)

COMMANDS = (
    Command("run, new", _RUN.replace("--out results", "--out fresh")),
    Command("run, complete", _RUN),
    Command("run, going on", _RUN, "unfinished"),
    Command("run, fresh", f"{_RUN} --fresh"),
    Command("run, from the history", _OLD),
    Command("run, another", f"{_OLD} --min-trades 2 --slip 0.001"),
    Command("run, named", f"{_OLD} --name other"),
    Command("run, named again", f"{_OLD} --name named --fresh"),
    Command("run, survivors", f"{_OLD} --store survivors --name kept"),
    Command("rescore", f"rescore {RUN} --gates strict"),
    Command("verify", f"verify {RUN}"),
    Command("results", "results --out results"),
    Command("plateaus", f"plateaus {RUN} --plot out/map.html --plot out/map.png"),
    Command("export", f"export {RUN} --max-tests 30"),
    Command("export, set", f"export {RUN} --candidate 2 --output out/set.json --force"),
    Command("export, refined", f"export {RUN} --refined 2 --output out/refined.yaml --force"),
    Command("refine", f"refine {RUN}"),
    Command("refine, fresh", f"refine {RUN} --fresh --job 1"),
    Command("refine, going on", f"refine {RUN}", "refining"),
    Command("analyze", f"analyze {RUN}"),
    Command(
        "simulate",
        f"simulate {RUN} --candidate 1 {_OUTPUTS} --plot out/chart.html --plot out/chart.png",
    ),
    Command("simulate, refined", f"simulate {RUN} --refined 1"),
    Command("simulate, set", "simulate --set-file out/set.json --symbol NASDAQ"),
    Command("simulate, file", f"simulate --from-candidates {RUN}/candidates_atr_d_l_grid.csv"),
    Command("signal", f"signal {RUN} --candidate 1"),
    Command("signal, stored", f"signal --set-file out/set.json --symbol TEST {_STORE}"),
    Command("check", "check atr_d_l --symbol NASDAQ --grid small.yaml --sets 1 --cuts 1"),
    Command("verdict", f"verdict {RUN} --samples 500"),
    Command("verdict, hold-out", f"verdict {RUN} --spend-holdout", "unspent"),
    Command("verdict, spent", f"verdict {RUN} --spend-holdout"),
    Command("permutation-test", f"permutation-test {RUN} --runs 20"),
    Command("permutation-test, anew", f"permutation-test {RUN} --runs 19", "rescored"),
    Command("data import", f"data import bars.csv --symbol NEW {_STORE}"),
    Command("data import, again", f"data import other.csv --symbol TEST {_STORE}"),
    Command("data download", f"data download ONE --source files --fresh {_STORE}"),
    Command("data check", f"data check TEST {_STORE}"),
    Command("data check, fix", f"data check ONE --fix --source files {_STORE}"),
    Command("data resample", f"data resample TEST --from 1day --to 1week --fresh {_STORE}"),
    Command("data list", f"data list {_STORE}"),
    Command("docs", "docs --no-open"),
    Command("docs, built", "docs --build out/site"),
    Command("optimize", "optimize space.yaml --study new --out results"),
    Command("optimize, complete", "optimize space.yaml --study found --out results"),
    Command("optimize, going on", "optimize space.yaml --study found --trials 8 --out results"),
    Command("optimize, looked at", "optimize space.yaml --study found --dry-run --out results"),
    Command("walkforward, new", _WALK),
    Command("walkforward, complete", f"{_WALK} --name walked"),
    Command("walkforward, another", f"{_WALK} --name walked --anchored"),
    Command("walkforward, looked at", f"{_WALK} --name walked --estimate"),
    *_STUDIES,
    Command("study compare", "study compare found other --out results"),
)

#: Commands that take little time, in a world of `QUICK_MAKING`.
QUICK = (
    Command("verify", f"verify {RUN}"),
    Command("results", "results --out results"),
    Command("run, complete", _OLD),
    Command("rescore", f"rescore {RUN} --min-phases 1"),
    Command("export, set", f"export {RUN} --candidate 1 --output out/set.json --force"),
    Command("refine", f"refine {RUN}"),
    Command("analyze", f"analyze {RUN}"),
    Command("simulate", f"simulate {RUN} --candidate 1 {_OUTPUTS} --plot out/chart.html"),
    Command("signal", f"signal {RUN} --candidate 1"),
    Command("signal, stored", f"signal --set-file out/set.json --symbol TEST {_STORE}"),
    Command("verdict, hold-out", f"verdict {RUN} --spend-holdout"),
    Command("data import, again", f"data import other.csv --symbol TEST {_STORE}"),
    Command("data check", f"data check TEST {_STORE}"),
    Command("data list", f"data list {_STORE}"),
    *_STUDIES,
)


def csv_bars(rows: int, close: float = 100.0) -> str:
    """Return daily bars as text, from 2020 on."""
    import datetime as dt

    lines, day = ["Date,Open,High,Low,Close,Volume"], dt.date(2020, 1, 2)
    for row in range(rows):
        price = close + row % 7
        lines.append(f"{day},{price},{price + 2},{price - 2},{price + 1},1000")
        day += dt.timedelta(days=3 if day.weekday() == 4 else 1)
    return "\n".join(lines) + "\n"


def make_world(place: Path, worker: Worker, making: Sequence[str] = MAKING) -> None:
    """Make a world in a folder that there is."""
    (place / "grid.yaml").write_text(GRID)
    (place / "small.yaml").write_text(_SMALL)
    (place / "space.yaml").write_text(SPACE)
    (place / "program.py").write_text(PROGRAM)
    (place / "bars.csv").write_text(csv_bars(400))
    (place / "other.csv").write_text(csv_bars(450, 101))
    for name in ("out", "files", "cache", "config"):
        (place / name).mkdir()
    (place / "files" / "ONE_1day.csv").write_text(csv_bars(300))
    for line in making:
        found = worker.run(line.split(" "), place, seconds=300)
        if found.code:
            raise AssertionError(f"wfo {line}: {found.said}")


def prepare(world: Path, before: str) -> None:
    """Do to a world what a command wants to find there."""
    from wfo.files import read_sealed, write_sealed

    run = world / RUN
    if before == "unfinished":
        data = read_sealed(run / "run.json")
        write_sealed(run / "run.json", data | {"status": "interrupted"})
        path = run / "wfo" / "atr_d_l" / "phase1" / "is_pnl.npy"
        path.rename(path.with_name("is_pnl.npy.part"))
        (run / "wfo" / "atr_d_l" / "meta.json").unlink()
    elif before == "refining":
        figures = sorted((run / "refined").glob("*.parquet"))[0]
        part = figures.with_suffix(".part")
        part.mkdir()
        (part / "key").write_text("another\n")
        figures.unlink()
    elif before == "unspent":
        (run / "holdout.json").unlink()
        (run / "holdouts.json").unlink()
    elif before == "rescored":
        path = next((run / "permutations").glob("*.json"))
        data = read_sealed(path)
        data["basis"]["scored"] = "0" * 64
        write_sealed(path, data)


# A process that runs commands one after the other


@dataclass(frozen=True)
class Outcome:
    """What became of a command.

    Attributes
    ----------
    code
        Its exit status; None where it did not end in time.
    said
        All that it wrote to the error stream.
    raised
        The error that was no `WfoError`, and none of the command line's own; empty without one.
    events
        What was opened, made, moved and removed, as ``[event, path, ...]``, where it was traced.
    """

    code: int | None
    said: str
    raised: str = ""
    events: tuple[tuple[str, ...], ...] = ()


class Worker:
    """A process that runs commands, so that one that hangs can be ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, arguments: Sequence[str], world: Path, *, seconds: float = 60, trace: bool = False
    ) -> Outcome:
        """Run a command in a world."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        request = {"arguments": [*arguments], "world": str(world), "trace": trace}
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], seconds)[0]:
            self.close()
            return Outcome(None, f"it did not end within {seconds:g} seconds")
        line = process.stdout.readline()
        if not line:
            code = process.wait()
            self._process = None
            return Outcome(None, f"the process ended with {code}")
        found: dict[str, Any] = json.loads(line)
        events = tuple(tuple(event) for event in found["events"])
        return Outcome(found["code"], found["said"], found["raised"], events)

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        return self._process

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


#: What an audit hook is told of names, and which of its arguments are names.
_EVENTS = {
    "open": (0,),
    "os.rename": (0, 1),
    "os.remove": (0,),
    "os.mkdir": (0,),
    "os.rmdir": (0,),
    "os.link": (0, 1),
    "os.symlink": (0, 1),
    "os.truncate": (0,),
    "os.chmod": (0,),
    "os.utime": (0,),
    "os.scandir": (0,),
    "os.listdir": (0,),
    "sqlite3.connect": (0,),
}

#: What SQLite opens beside a database.
_BESIDE = ("-wal", "-shm")


def _path(name: Any) -> str:
    """Return a path; that of a database may stand in an address."""
    text = os.fsdecode(name)
    if not text.startswith("file:"):
        return text
    return unquote(text.removeprefix("file:").partition("?")[0])


def _serve() -> None:
    """Run the commands that are asked for on the input, each after the other."""
    import click

    from wfo.cli import cli
    from wfo.errors import WfoError
    from wfo.runs.verdict import collecting

    # What a verdict tests is no matter here, and takes most of the time.
    collecting.collect.__kwdefaults__["resamples"] = 20
    events: list[list[str]] | None = None

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if events is None or event not in _EVENTS or arguments[0] == ":memory:":
            return
        with contextlib.suppress(TypeError, ValueError):
            names = [os.path.abspath(_path(arguments[at])) for at in _EVENTS[event]]
            if event == "sqlite3.connect":
                names += [f"{names[0]}{ending}" for ending in _BESIDE]
            writes = event == "open" and (
                (isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"))
                or (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR))
            )
            events.append([f"{event}{' to write' if writes else ''}", *names])

    sys.addaudithook(hook)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        asked = json.loads(line)
        world = asked["world"]
        os.chdir(world)
        os.environ["XDG_CACHE_HOME"] = f"{world}/cache"
        os.environ["WFO_CONFIG_DIR"] = f"{world}/config"
        os.environ["WFO_FILES_DIR"] = f"{world}/files"
        os.environ.pop("WFO_DATA_DIR", None)
        said, raised, code = io.StringIO(), "", 0
        events = [] if asked["trace"] else None
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()) as out:
            try:
                code = cli.main(asked["arguments"], "wfo", standalone_mode=False) or 0
            except click.ClickException as error:
                error.show()
                code = error.exit_code
            except WfoError as error:
                said.write(f"error: {error}\n")
                code = 1
            except SystemExit as error:
                code = error.code if isinstance(error.code, int) else 1
            except BaseException as error:  # noqa: BLE001  # it is what the test is of
                import traceback

                raised = "".join(traceback.format_exception(error)[-6:])
                code = 1
        found, events = events or [], None
        answer = {
            "code": code,
            "said": said.getvalue() + ("" if code == 0 else out.getvalue()[-2000:]),
            "raised": raised,
            "events": found,
        }
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    os._exit(0)


# Names


#: Names that nothing can have been made for.
_RANDOM = re.compile(r"\.[0-9a-f]{16}\.part$|/\.new-|\.tmp$|/_?[0-9a-f]{8,}\b")


def names_below(world: Path, outcome: Outcome) -> list[str]:
    """Return the names below a world that a command opened, made, moved or removed, in order."""
    root = f"{world}{os.sep}"
    found = {
        name[len(root) :] for _, *names in outcome.events for name in names if name.startswith(root)
    }
    return sorted(name for name in found if not _RANDOM.search(name))


# Planting

#: Folders that a run has once there is something for them.
_FOLDERS = frozenset({"earlier", "permutations", "given", "refined", "runs", ".history"})

KINDS = ("link", "dangling", "folder link", "pipe", "folder", "device", "device link", "read-only")


def plant(path: Path, kind: str, outside: Path) -> None:
    """Put something else at a name; what stood there is gone, or outside."""
    outside.mkdir()
    (outside / "folder").mkdir()
    (outside / "folder" / "precious").write_text("precious\n")
    precious = outside / "precious"
    if path.is_dir() and not path.is_symlink():
        if kind == "read-only":
            path.chmod(0o555)
            return
        shutil.move(path, precious)
    elif path.exists():
        if kind == "read-only":
            path.chmod(0o444)
            return
        shutil.move(path, precious)
    else:
        precious.write_text("precious\n")
        path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "read-only":
        path.write_text("precious\n")
        path.chmod(0o444)
    else:
        put(path, kind, outside / "folder" / "precious" if kind == "folder link" else precious)


def snapshot(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Return what a folder holds: kinds, rights, times and contents."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in (folder, *_below(folder)):
        status = path.lstat()
        content: Any = None
        if stat.S_ISREG(status.st_mode):
            content = path.read_bytes()
        elif stat.S_ISLNK(status.st_mode):
            content = os.readlink(path)
        found[str(path)] = (status.st_mode, status.st_mtime_ns, status.st_nlink, content)
    return found


def _below(folder: Path) -> Iterator[Path]:
    for at, folders, names in os.walk(folder):
        for name in (*folders, *names):
            yield Path(at, name)


def is_given(command: Command, name: str) -> bool:
    """Whether a user names a file or folder outright, so that a link there is followed."""
    said = {part for part in command.arguments if part}
    # Folders of the machine's own user, which no other has made.
    above = any(part.startswith(f"{name}/") for part in said)
    return (
        above
        or name in said
        or name in {".", "files"}
        or name.split("/", maxsplit=1)[0] in {"cache", "config"}
    )


def try_planted(
    world: Path, command: Command, name: str, kind: str, worker: Worker, place: Path
) -> list[str]:
    """Run a command on a world in which something else stands at a name; return what went wrong.

    Parameters
    ----------
    world
        The world, which is copied.
    command, name, kind
        What is run, and what stands where.
    worker
        The process that runs it.
    place
        A folder for the copy, which goes again.
    """
    copy, outside = place / "world", place / "outside"
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(place)
    place.mkdir()
    # The site is large, and of no other command's concern.
    aside = () if command.name.startswith("docs") else ("site",)
    shutil.copytree(world, copy, symlinks=True, ignore=shutil.ignore_patterns(*aside))
    prepare(copy, command.before)
    path = copy / name
    was_folder = path.is_dir()
    plant(path, kind, outside)
    before = snapshot(outside)
    found = worker.run(command.arguments, copy)
    wrong = []
    if found.code is None:
        wrong.append(found.said)
    elif found.code not in {0, 1, 2}:
        wrong.append(f"exit status {found.code}")
    if found.raised:
        wrong.append(f"raised: {found.raised}")
    given = is_given(command, name)
    if not given and snapshot(outside) != before:
        after = snapshot(outside)
        differ = sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
        wrong.append(f"outside changed: {differ}")
    if kind == "folder":
        kept = [p for p in _below(copy) if p.name == "precious"]
        if not any(p.read_text() == "precious\n" for p in kept if p.is_file()):
            wrong.append("what the folder held is gone")
    # The superuser reads and writes what is read-only.
    named = path.name in found.said or path.parent.name in found.said or kind == "read-only"
    if found.code == 1 and not named:
        wrong.append(f"not named: {found.said.strip()[-300:]}")
    # A folder where a run has one holds no record of what was there.
    own = kind == "folder" and (was_folder or path.name in _FOLDERS)
    harmless = kind == "read-only" or (given and "link" in kind) or own
    if command.name == "verify" and not found.code and not harmless:
        wrong.append("verify says that all is well")
    return wrong


if __name__ == "__main__":
    _serve()

"""The paths that every command opens for writing, makes, moves and removes, as strace sees them.

``python tests/traced.py`` makes a world (`commands`), runs all commands in it one after the other,
and prints the names below it, then those elsewhere. What Rust and C open is among them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from commands import COMMANDS, Command, Worker, make_world, prepare

#: Calls that change names or what they stand for; of ``open`` those alone that may write.
CALLS = (
    *("open", "openat", "openat2", "creat", "mkdir", "mkdirat", "mknod", "mknodat", "rmdir"),
    *("unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink"),
    *("symlinkat", "truncate", "chmod", "fchmodat", "chown", "fchownat", "utimensat"),
)

_LINE = re.compile(r"(?:\[pid +\d+\] |\d+ +)?(\w+)\((.*)\) += (-?\d+|\?)")
_NAME = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FOLDER = re.compile(r"(?:AT_FDCWD|\d+)<((?:[^>\\]|\\.)*)>")
_WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")

#: What a command line may change outside of the folders that it names.
ELSEWHERE = ("/dev/null", "/dev/tty", "/proc/self/", "/dev/shm/")


@dataclass(frozen=True)
class Change:
    """A call that changed something.

    Attributes
    ----------
    call
        The system call.
    path
        The name, absolute.
    """

    call: str
    path: str


def has_strace() -> bool:
    """Whether strace is there, and may trace."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], check=False).returncode == 0


def changes(log: str, folder: str) -> Iterator[Change]:
    """Yield the calls of a log that had an effect, of a process that works in a folder."""
    # A call that another thread interrupts is written in two pieces.
    pending: dict[str, str] = {}
    for line in log.splitlines():
        process, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            pending[process] = rest.removesuffix("<unfinished ...>")
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", rest)
        if resumed:
            rest = pending.pop(process, "") + resumed[1]
        found = _LINE.match(rest)
        if found is None or found[3] == "?" or int(found[3]) < 0:
            continue
        call, arguments = found[1], found[2]
        if call.startswith(("open", "creat")) and not (
            _WRITES.search(arguments) or call == "creat"
        ):
            continue
        folders = [_plain(name) for name in _FOLDER.findall(arguments)]
        names = [_plain(name) for name in _NAME.findall(arguments)]
        if call.startswith("symlink"):
            # The first is what the link says, which may be anything.
            names = names[1:]
        for number, name in enumerate(names):
            base = folders[min(number, len(folders) - 1)] if folders else folder
            yield Change(call, os.path.normpath(os.path.join(base, name)))


def _plain(text: str) -> str:
    return os.fsdecode(
        re.sub(
            rb"\\([0-7]{1,3}|x[0-9a-f]{2}|.)",
            lambda m: _character(m[1].decode()),
            text.encode("utf-8", "surrogateescape"),
        )
    )


def _character(escape: str) -> bytes:
    if escape[0] in "01234567":
        return bytes([int(escape, 8)])
    if escape[0] == "x":
        return bytes([int(escape[1:], 16)])
    return {"n": b"\n", "t": b"\t", "r": b"\r"}.get(escape, escape.encode())


def traced(arguments: Sequence[str], world: Path, seconds: float = 120) -> tuple[int, list[Change]]:
    """Run a command in a world under strace; return its exit status, and what it changed."""
    with tempfile.TemporaryDirectory() as place:
        log = Path(place) / "log"
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "XDG_CACHE_HOME": str(world / "cache"),
            "WFO_CONFIG_DIR": str(world / "config"),
            "WFO_FILES_DIR": str(world / "files"),
            "MPLCONFIGDIR": str(world / "cache"),
            "HOME": str(world / "home"),
            "TMPDIR": place,
        }
        line = ["strace", "-f", "-qq", "-y", "-s", "4096", "-o", str(log), "-e", "signal=none"]
        line += ["-e", f"trace={','.join(f'?{call}' for call in CALLS)}"]
        run = subprocess.run(
            [*line, sys.executable, "-m", "wfo", *arguments],
            cwd=world,
            env=environment,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
        # Shown by pytest where the test fails.
        if run.returncode:
            print(run.stderr.decode(errors="replace"), file=sys.stderr)
        found = list(changes(log.read_text(errors="surrogateescape"), str(world)))
    return run.returncode, [c for c in found if not c.path.startswith(place)]


def outside(found: Sequence[Change], world: Path) -> list[Change]:
    """Return what was changed neither below a world nor where every program may."""
    root = f"{os.path.realpath(world)}{os.sep}"
    return [
        change
        for change in found
        if not change.path.startswith((root, f"{world}{os.sep}", *ELSEWHERE))
    ]


def main(commands: Sequence[Command] = COMMANDS) -> None:
    """Print what all commands change."""
    with tempfile.TemporaryDirectory() as place:
        world = Path(place) / "world"
        world.mkdir()
        worker = Worker()
        make_world(world, worker)
        worker.close()
        elsewhere: set[str] = set()
        for command in commands:
            copy = Path(place) / "copy"
            shutil.copytree(world, copy, symlinks=True)
            prepare(copy, command.before)
            code, found = traced(command.arguments, copy)
            print(f"\nwfo {command.line}  # {command.name}: exit status {code}")
            for path in sorted({c.path for c in found} - {c.path for c in outside(found, copy)}):
                name = re.sub(r"\.[0-9a-f]{16}\.part$", ".<16 hex>.part", path)
                print(
                    f"  {os.path.relpath(name, copy)}"
                    if name.startswith(str(copy))
                    else f"  {name}"
                )
            elsewhere |= {f"{c.call} {c.path}" for c in outside(found, copy)}
            shutil.rmtree(copy)
        print("\nElsewhere:", *(sorted(elsewhere) or ["nothing"]), sep="\n  ")


if __name__ == "__main__":
    main()

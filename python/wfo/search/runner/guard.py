"""The guard of a worker: starts it, watches its memory, and kills whatever descends from it.

It is run as a script, by an interpreter without the package's modules, so that it starts in some
20 ms, needs little memory, and nothing that a program does can hold it up. What reaches it is one
socket. When that is closed, as the kernel does when the process at its other end is killed in any
way, the guard kills the worker with all that it has started, and ends.

On Linux the guard is the *subreaper* of what it starts: a process whose parent has ended becomes
its child, also one that is in a session of its own, so that it finds all of them. Elsewhere it
kills the worker's process group.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from typing import Any

#: Options of Linux's prctl.
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36

#: Seconds between two looks at the memory of the worker, and at who is the guard's parent.
_LOOKS = 0.05

#: Bytes that a program has written at which the file of them is cut, and what is left of it then.
_MOST_WRITTEN, _LEFT = 16 << 20, 2 << 20

#: Seconds in which what was killed has to end; what waits for a broken disk does not.
_PATIENCE = 30.0

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def watches_memory() -> bool:
    """Whether the system says how much memory processes take."""
    return os.path.exists("/proc/self/statm")


def become_subreaper() -> None:
    """Become the parent of all descendants whose own parent ends, where the system has that."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """Return the processes that descend from one; none where the system does not say."""
    found: list[int] = []
    open_ones = [pid]
    try:
        while open_ones:
            children = _children(open_ones.pop())
            found += children
            open_ones += children
    except FileNotFoundError:
        return _scanned(pid)
    return found


def _children(pid: int) -> list[int]:
    """Return the children of a process; FileNotFoundError where the kernel has no list of them."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except FileNotFoundError:
        if pid == os.getpid():
            raise
        return []
    except OSError:
        return []
    found: list[int] = []
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
        except FileNotFoundError:
            # The thread has ended, unless it is one of this process.
            if thread == str(os.getpid()):
                raise
        except OSError:
            continue
    return found


def _scanned(pid: int) -> list[int]:
    """Return the descendants of a process from the parents of all processes."""
    children: dict[int, list[int]] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    for name in filter(str.isdigit, names):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # The command, in brackets, may have brackets and blanks itself.
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    open_ones = [pid]
    while open_ones:
        next_ones = children.get(open_ones.pop(), [])
        found += next_ones
        open_ones += next_ones
    return found


def resident(pid: int) -> int:
    """Return the bytes of memory that a process has; 0 where the system does not say."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


def proportional(pid: int) -> int:
    """Return the bytes of memory of a process, of what it shares with others its part.

    It takes the system longer to say than `resident`, which counts for each process all that it
    shares: what was forked shares all at first.
    """
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return resident(pid)


def kill_descendants() -> bool:
    """Kill all descendants of this process and wait for them; return whether none is left."""
    until = time.monotonic() + _PATIENCE
    pause = 0.0
    while True:
        # Stopped ones start nothing while the others are killed.
        stopped: set[int] = set()
        for _ in range(20):
            new = set(descendants(os.getpid())) - stopped
            if not new:
                break
            for pid in new:
                _send(pid, signal.SIGSTOP)
            stopped |= new
        for pid in stopped:
            _send(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(pause)
        pause = min(0.05, pause + 0.001)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def unnamed_file() -> int:
    """Return the descriptor of a file without a name, to which everything is appended."""
    import fcntl

    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("written")
    else:
        import tempfile

        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_APPEND)
    return descriptor


def shorten(descriptor: int) -> None:
    """Cut what is written where it has grown too long.

    A worker empties the file before each call. What was cut after that would become longer, by
    zeros, so each locks the file from the other one.
    """
    import fcntl

    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return
    try:
        if os.fstat(descriptor).st_size > _MOST_WRITTEN:
            os.ftruncate(descriptor, _LEFT)
    finally:
        fcntl.lockf(descriptor, fcntl.LOCK_UN)


class Guard:
    """A worker, and what is told of it.

    Parameters
    ----------
    options
        ``parent``: the process that starts the guard. ``control``: the socket to it. ``channel``:
        the worker's own socket to it. ``command``, ``folder``: what to start and where. ``memory``:
        bytes that the worker may have with all that it starts, 0 for any. ``remove``: a folder that
        goes when the parent has gone. ``shown``: bytes that are told of what was written.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.control: int = options["control"]
        self.written = (unnamed_file(), unnamed_file())
        self.worker = 0
        self.status: int | None = None
        self.orphaned = False

    def run(self) -> None:
        """Start the worker, stay until it has ended, and say how."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGPIPE", "SIGUSR1", "SIGUSR2"):
            # A handler, other than SIG_IGN, is not inherited by what is started.
            signal.signal(getattr(signal, name), lambda *_: None)
        woken, waker = os.pipe()
        for descriptor in (woken, waker):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        os.set_inheritable(self.control, False)
        become_subreaper()
        # A program may have stopped its guard, which goes on then when the parent is killed.
        _prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)
        with contextlib.suppress(ImportError, OSError, ValueError):
            import resource

            # Of every crash a file of the whole memory would be left.
            resource.setrlimit(
                resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1])
            )
        try:
            self.worker = os.fork()
        except OSError as error:
            said = f"no process can be started: {error.strerror}"
            self.tell({"status": 71, "printed": "", "errors": said})
            return
        if self.worker == 0:
            self.become_worker()
        os.close(self.options["channel"])
        self.tell({"worker": self.worker})
        why, taken = self.watch(woken)
        self.kill()
        printed, errors = self.shown()
        self.tell(
            {
                "status": self.status,
                "why": why,
                "resident": taken,
                "printed": printed,
                "errors": errors,
            }
        )
        if self.orphaned and self.options["remove"]:
            import shutil

            shutil.rmtree(self.options["remove"], ignore_errors=True)

    def become_worker(self) -> None:
        """Replace this process, which was forked, by the worker."""
        try:
            guard = os.getppid()
            os.setsid()
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != guard:
                os._exit(1)
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor, target in ((null, 0), (self.written[0], 1), (self.written[1], 2)):
                os.dup2(descriptor, target)
            with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
                # Where memory runs out the system ends a worker, and not the search.
                file.write("1000")
            os.chdir(self.options["folder"])
            os.set_inheritable(self.options["channel"], True)
            command = self.options["command"]
            os.execv(command[0], command)  # noqa: S606  # the interpreter that runs this
        except BaseException as error:  # noqa: BLE001  # this process must not go on as a guard
            os.write(2, f"the worker cannot be started: {error}".encode("utf-8", "replace"))
        finally:
            os._exit(127)

    def watch(self, woken: int) -> tuple[str, int]:
        """Wait for the worker's end, or a reason to end it; return that, and bytes of memory."""
        poll = select.poll()
        for descriptor in (self.control, woken):
            poll.register(descriptor, select.POLLIN)
        while True:
            ready = dict(poll.poll(_LOOKS * 1000))
            if woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(woken, 4096)
            if self.control in ready:
                try:
                    said = os.read(self.control, 4096)
                except OSError:
                    said = b""
                self.orphaned = not said
                return "killed", 0
            if os.getppid() != self.options["parent"]:
                self.orphaned = True
                return "killed", 0
            if not self.reap() or self.status is not None:
                return "", 0
            for descriptor in self.written:
                shorten(descriptor)
            most = self.options["memory"]
            if most:
                all_of_them = descendants(os.getpid())
                taken = sum(map(resident, all_of_them))
                if taken > most and len(all_of_them) > 1:
                    taken = sum(map(proportional, all_of_them))
                if taken > most:
                    return "memory", taken

    def reap(self) -> bool:
        """Take notice of children that have ended; return whether any is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == self.worker:
                self.status = os.waitstatus_to_exitcode(status)
            if pid == 0:
                return True

    def kill(self) -> None:
        """Kill the worker, its process group, and on Linux all that descends from it."""
        # The number of a worker that was waited for may be another process's by now; on Linux it
        # is not needed, either.
        if self.status is None or sys.platform != "linux":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.worker, signal.SIGKILL)
        kill_descendants()

    def shown(self) -> tuple[str, str]:
        """Return the beginning of what was printed, and the end of what was said of errors."""
        most = self.options["shown"]
        size = os.fstat(self.written[1]).st_size
        parts = (
            os.pread(self.written[0], most, 0),
            os.pread(self.written[1], most, max(0, size - most)),
        )
        printed, errors = (part.decode("utf-8", "replace") for part in parts)
        return printed, errors

    def tell(self, said: dict[str, Any]) -> None:
        """Tell the parent something, if it is still there."""
        left = json.dumps(said).encode() + b"\n"
        with contextlib.suppress(OSError):
            while left:
                left = left[os.write(self.control, left) :]


def main() -> None:
    """Guard the worker that the first argument describes."""
    Guard(json.loads(sys.argv[1])).run()
    # Nothing is left to tidy up, and what the interpreter does as it ends takes milliseconds.
    os._exit(0)


if __name__ == "__main__":
    main()

"""The pool: which worker evaluates what, until when, and what becomes of it if it ends early."""

from __future__ import annotations

import contextlib
import selectors
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from wfo.errors import EngineError, InputError
from wfo.search.runner.endings import crash_text, memory_text, timeout_text
from wfo.search.runner.processes import Answer, Ended, Loaded, WorkerProcess, now
from wfo.search.runner.settings import RunnerSettings
from wfo.search.runner.work import Slot, Work
from wfo.search.values import Ending, Finished, Outcome, Task
from wfo.text import printable

#: Seconds that a guard has to kill its worker before it is killed itself.
_PATIENCE = 40.0


class Pool:
    """Workers, started when there is something to evaluate and replaced when they end.

    Parameters
    ----------
    start
        Starts a worker.
    workers
        How many there are at most.
    settings
        How they are run.
    memory
        Bytes that each may have, 0 for any.
    name, folder
        What messages call the program, and the folder of its files.
    nested
        Makes parameters as the program gets them of those by dotted names.
    loaded
        Is told which keywords the program takes, before anything is evaluated.
    """

    def __init__(
        self,
        start: Callable[[], WorkerProcess],
        workers: int,
        settings: RunnerSettings,
        memory: int,
        name: str,
        folder: str,
        nested: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        loaded: Callable[[Sequence[str]], None],
    ) -> None:
        self._start = start
        self._settings = settings
        self._memory = memory
        self._name = name
        self._folder = folder
        self._growth = settings.recycle_growth
        self._nested = nested
        self._loaded = loaded
        self._free = list(range(workers, 0, -1))
        self._slots: dict[int, Slot] = {}
        #: Workers that were told to end, with the time until which they may take.
        self._leaving: dict[WorkerProcess, float] = {}
        self._selector = selectors.DefaultSelector()
        self._number = 0
        self._pending: deque[Work] = deque()
        self._finished: Finished | None = None
        #: Seconds of an evaluation, lately.
        self._seconds: float | None = None
        self._failed_starts = 0
        self._was_loaded = False
        #: The figures' names of the first answer; whether the last answer broke a rule.
        self.names: tuple[str, ...] | None = None
        self.broken = ""

    def evaluate(self, tasks: Iterable[Task], finished: Finished) -> None:
        """Evaluate tasks, and what `finished` returns, until none is left."""
        self._pending = deque(Work(task) for task in tasks)
        self._finished = finished
        self._failed_starts = 0
        try:
            while self._pending or any(slot.queue for slot in self._slots.values()):
                self._staff()
                self._dispatch()
                self._listen()
        except BaseException:
            self.abandon()
            raise
        finally:
            self._pending.clear()
            self._finished = None

    def close(self) -> None:
        """End all workers: those that do nothing have some seconds to do it by themselves."""
        for slot in list(self._slots.values()):
            if slot.queue or slot.doomed or slot.process.loaded is None:
                slot.process.kill()
            self._retire(slot)
        until = now() + self._settings.grace
        while self._leaving and now() < until:
            self._listen()
        self.abandon()
        self._selector.close()

    def abandon(self) -> None:
        """Kill all workers at once, with what they are doing."""
        processes = [slot.process for slot in self._slots.values()] + list(self._leaving)
        self._free += sorted(self._slots, reverse=True)
        self._slots.clear()
        self._leaving.clear()
        for process in processes:
            self._forget(process)
            process.kill()
        for process in processes:
            process.release(_PATIENCE)

    # Staff

    def _staff(self) -> None:
        """Start as many workers as there is work for."""
        while self._free and len(self._slots) < len(self._pending) + sum(
            bool(slot.queue) for slot in self._slots.values()
        ):
            process = self._start()
            number = self._free.pop()
            slot = self._slots[number] = Slot(number, process, now())
            self._selector.register(process.channel, selectors.EVENT_READ, slot)
            self._selector.register(process.control, selectors.EVENT_READ, slot)
            self._flush(slot)

    def _retire(self, slot: Slot) -> None:
        """Let a worker end, and free its place."""
        del self._slots[slot.number]
        self._free.append(slot.number)
        self._forget(slot.process)
        slot.process.dismiss()
        self._selector.register(slot.process.control, selectors.EVENT_READ, slot.process)
        self._leaving[slot.process] = now() + self._settings.grace

    def _forget(self, process: WorkerProcess) -> None:
        for end in (process.channel, process.control):
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(end)

    # Sending

    def _dispatch(self) -> None:
        """Give work to workers, the same number to each as far as it goes."""
        depth = 1
        if self._seconds is not None and self._settings.ahead:
            ahead = self._settings.ahead_seconds / max(self._seconds, 1e-6)
            depth += min(self._settings.ahead, int(ahead))
        ready = [s for s in self._slots.values() if s.process.loaded is not None and not s.doomed]
        for level in range(depth):
            for slot in ready:
                if not self._pending:
                    break
                if len(slot.queue) == level and slot.tasks < self._settings.recycle_tasks:
                    self._give(slot, self._pending.popleft())
        for slot in ready:
            self._flush(slot)

    def _give(self, slot: Slot, work: Work) -> None:
        if work.params is None:
            work.params = self._nested(work.task.params)
        self._number += 1
        slot.tasks += 1
        if not slot.queue:
            slot.since = now()
        slot.queue.append((self._number, work))
        slot.process.send(
            {
                "number": self._number,
                "params": work.params,
                "window": work.window,
                "seed": work.task.seed,
            }
        )

    def _flush(self, slot: Slot) -> None:
        if slot.process.silent:
            return
        events = selectors.EVENT_READ
        if not slot.process.flush():
            events |= selectors.EVENT_WRITE
        key = self._selector.get_key(slot.process.channel)
        if key.events != events:
            self._selector.modify(slot.process.channel, events, slot)

    # Listening

    def _listen(self) -> None:
        """Wait for what comes next, or for the next deadline, and act on it."""
        deadline = min(
            [
                *(self._deadline(slot) for slot in self._slots.values()),
                *self._leaving.values(),
            ],
            default=now() + 1.0,
        )
        # A guard that was killed closes its socket; one that is held up does not.
        for key, _ in self._selector.select(min(1.0, max(0.0, deadline - now()))):
            if isinstance(key.data, WorkerProcess):
                if key.data in self._leaving and key.data.look():
                    self._gone(key.data)
            elif self._is_there(key.data):
                self._attend(key.data)
        time = now()
        for slot in [s for s in self._slots.values() if self._deadline(s) <= time]:
            # What has come meanwhile counts, however late this process looks at it.
            self._attend(slot)
            if self._is_there(slot) and self._deadline(slot) <= time:
                self._too_late(slot)
        for process in [p for p, until in self._leaving.items() if until <= time]:
            process.kill()
            self._gone(process)

    def _is_there(self, slot: Slot) -> bool:
        return self._slots.get(slot.number) is slot

    def _deadline(self, slot: Slot) -> float:
        """Return until when a worker must have said something."""
        if slot.doomed:
            return slot.doomed_at + _PATIENCE
        if slot.process.loaded is None:
            return slot.since + self._settings.start_timeout
        return slot.since + self._settings.timeout if slot.queue else float("inf")

    def _too_late(self, slot: Slot) -> None:
        if slot.doomed:
            self._ended(slot, Ended(why="lost"))
            return
        self._doom(slot, "timeout")

    def _doom(self, slot: Slot, why: str) -> None:
        slot.doomed, slot.doomed_at = why, now()
        slot.process.kill()

    def _attend(self, slot: Slot) -> None:
        """Take what a worker and its guard have said."""
        process = slot.process
        was_loaded = process.loaded is not None
        # The guard first: what the worker said before it ended is there to be read then.
        ended = process.look()
        answers = process.answers()
        if process.loaded is not None and not was_loaded:
            self._welcome(slot, process.loaded)
        for answer in answers:
            if slot.doomed:
                break
            if not slot.queue or answer.number != slot.queue[0][0]:
                process.garbled = True
                break
            _, work = slot.queue.popleft()
            slot.since = now()
            self._answered(slot, work, answer)
        if process.garbled and not ended and not slot.doomed:
            self._doom(slot, "garbled")
        if process.silent and not ended:
            with contextlib.suppress(KeyError):
                self._selector.unregister(process.channel)
        if ended and process.ended is not None:
            self._ended(slot, process.ended)
        elif not slot.queue and not slot.doomed and self._is_worn(slot):
            self._retire(slot)
        elif not process.silent:
            self._flush(slot)

    def _welcome(self, slot: Slot, loaded: Loaded) -> None:
        if loaded.refused:
            raise InputError(loaded.refused)
        self._failed_starts = 0
        self._was_loaded = True
        self._loaded(loaded.takes)
        slot.since = now()

    def _is_worn(self, slot: Slot) -> bool:
        if slot.tasks >= self._settings.recycle_tasks:
            return True
        if not slot.first or slot.process.resident - slot.first <= self._growth:
            return False
        # A program that keeps much, and does not leak, is left alone after some replacements.
        most = self._memory // 2 or 2 * self._growth
        self._growth = max(self._growth, min(2 * self._growth, most))
        return True

    def _answered(self, slot: Slot, work: Work, answer: Answer) -> None:
        """Take an answer, and go on with the next window or tell of the task's end."""
        slot.process.resident = answer.resident
        slot.first = slot.first or answer.resident
        seconds = answer.seconds
        self._seconds = seconds if self._seconds is None else 0.8 * self._seconds + 0.2 * seconds
        work.seconds += seconds
        work.printed = work.printed or answer.printed
        if answer.ending == "crashed" and self._again(work):
            return
        self.broken = answer.error if answer.broken else ""
        if answer.ending != "complete":
            self._tell(work, slot.number, answer.ending, answer.error)
            return
        nan = float("nan")
        work.figures.append(
            {
                symbol: {n: nan if value is None else value for n, value in figures.items()}
                for symbol, figures in answer.figures.items()
            }
        )
        if self.names is None:
            self.names = tuple(dict.fromkeys(n for f in answer.figures.values() for n in f))
        work.crashes = 0
        if len(work.figures) < len(work.task.windows):
            self._pending.appendleft(work)
        else:
            self._tell(work, slot.number, "complete", "")

    def _again(self, work: Work) -> bool:
        """Whether an evaluation that has crashed is begun again; if so, it waits for a worker."""
        work.crashes += 1
        if work.crashes > self._settings.retries:
            return False
        work.attempts += 1
        self._pending.appendleft(work)
        return True

    def _ended(self, slot: Slot, ended: Ended) -> None:
        """Take notice that a worker has ended before it was to."""
        loaded = slot.process.loaded is not None
        del self._slots[slot.number]
        self._free.append(slot.number)
        self._forget(slot.process)
        slot.process.release(0.0 if ended.why == "lost" else _PATIENCE)
        if not loaded:
            self._failed(slot, ended)
        if not slot.queue:
            return
        first, *rest = [work for _, work in slot.queue]
        self._pending.extendleft(reversed(rest))
        first.seconds += now() - slot.since
        first.printed = (
            first.printed or printable(ended.printed)[: self._settings.printed_characters]
        )
        ending: Ending
        if slot.doomed == "timeout":
            ending, error = "timeout", timeout_text(self._settings.timeout)
        elif ended.why == "memory":
            ending, error = "memory", memory_text(ended.resident, self._memory)
        else:
            if self._again(first):
                return
            ending, error = (
                "crashed",
                crash_text(ended, self._folder, garbled=slot.doomed == "garbled"),
            )
        self.broken = ""
        self._tell(first, slot.number, ending, error[: self._settings.error_characters])

    def _failed(self, slot: Slot, ended: Ended) -> None:
        """Take notice that a worker ended, or took too long, while it loaded the program."""
        self._failed_starts += 1
        last = self._failed_starts >= self._settings.starts
        if slot.doomed == "timeout":
            # Of a program that was imported before, the machine is to blame.
            if last or not self._was_loaded:
                most = self._settings.start_timeout
                raise InputError(f"{self._name} takes longer than {most:g} s to be imported")
        elif ended.why == "memory":
            if last or not self._was_loaded:
                said = memory_text(ended.resident, self._memory)
                raise InputError(f"{self._name} cannot be imported: it {said}")
        elif last:
            said = crash_text(ended, self._folder, garbled=slot.doomed == "garbled")
            raise EngineError(f"{self._name} cannot be imported: it {said}")

    def _tell(self, work: Work, worker: int, ending: Ending, error: str) -> None:
        outcome = Outcome(
            work.task.trial,
            work.task.windows,
            ending,
            tuple(work.figures) if ending == "complete" else (),
            error,
            work.seconds,
            worker,
            work.printed,
            work.attempts,
        )
        if self._finished is not None:
            following = self._finished(outcome)
            if following is not None:
                self._pending.appendleft(Work(following))

    def _gone(self, process: WorkerProcess) -> None:
        """Forget a worker that was told to end."""
        self._leaving.pop(process, None)
        self._forget(process)
        process.release(_PATIENCE)

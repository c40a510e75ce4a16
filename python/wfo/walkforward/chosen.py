"""What an in-sample part chooses, before it is the decision of a window."""

from __future__ import annotations

from dataclasses import dataclass

from wfo.walkforward.values import Decision, Params


@dataclass(frozen=True, slots=True)
class Chosen:
    """A combination, or why there is none; the attributes are those of `Decision`."""

    index: int | None
    params: Params | None
    value: float | None
    tied: int
    note: str = ""

    @classmethod
    def nothing(cls, note: str) -> Chosen:
        """Return that nothing could be chosen, and why."""
        return cls(None, None, None, 0, note)

    def decision(self, window: int, searched: int) -> Decision:
        """Return the decision of a window, from 1 on, that has looked at so many combinations."""
        return Decision(window, self.params, self.index, self.value, self.tied, searched, self.note)

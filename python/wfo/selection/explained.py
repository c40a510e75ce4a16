"""The result of a functional analysis of variance; see `wfo.selection.sensitivity`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.arguments import instance, real_number, whole_number
from wfo.errors import InputError
from wfo.selection.factors import RESPONSES, Explained, Factor, Response
from wfo.text import brief, html_table, percent, table

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

#: Share of the variance below which the effect of a parameter is negligible.
NEGLIGIBLE = 0.01


@dataclass(frozen=True, slots=True, repr=False)
class Sensitivity:
    """What each parameter of a grid does.

    Attributes
    ----------
    strategy, grid
        The names of what was swept.
    combinations
        How many there are.
    min_phases
        Phases in which a stable combination is valid here.
    lines
        Lines that were sampled for each factor, at most; 0 where all of them were read.
    annual_return, stable
        The two responses.
    """

    strategy: str
    grid: str
    combinations: int
    min_phases: int
    lines: int
    annual_return: Explained
    stable: Explained

    @property
    def responses(self) -> tuple[Explained, Explained]:
        """The two responses."""
        return self.annual_return, self.stable

    def of(self, response: Response) -> Explained:
        """Return one of the responses by its name.

        Raises
        ------
        InputError
            If there is none of that name.
        """
        for each in self.responses:
            if isinstance(response, str) and each.response == response:
                return each
        raise InputError(f"response = {brief(response)} must be 'return' or 'stable'")

    def fixed_parameters(
        self, *, below: float = NEGLIGIBLE, response: Response = "return"
    ) -> tuple[str, ...]:
        """Return the parameters whose part in a response is negligible, in canonical order.

        Parameters
        ----------
        below
            The total effect below which a parameter counts as fixed.
        response
            Which response.
        """
        factors, below = self.of(response).factors, real_number("below", below)
        return tuple(n for f in factors if f.total < below for n in f.parameters)

    def to_frame(self) -> pl.DataFrame:
        """Return one row a response and factor, in canonical order.

        Returns
        -------
        polars.DataFrame
            ``response``, ``parameter``, ``values`` (how many), ``main``, ``total``,
            ``total_error``, and of the means at its values ``lowest_mean`` and ``highest_mean``
            with the values where they are, ``lowest_at`` and ``highest_at``.
        """
        import polars as pl

        rows = []
        for each in self.responses:
            for f in each.factors:
                low, high = (pick(range(len(f.means)), key=f.means.__getitem__) for pick in _ENDS)
                rows.append(
                    {
                        "response": each.response,
                        "parameter": f.name,
                        "values": len(f.values),
                        "main": f.main,
                        "total": f.total,
                        "total_error": f.total_error,
                        "lowest_mean": f.means[low],
                        "lowest_at": f.labels[low],
                        "highest_mean": f.means[high],
                        "highest_at": f.labels[high],
                    }
                )
        return pl.DataFrame(rows)

    def to_csv(self) -> str:
        """Return everything as CSV in a long format; columns that a line does not have are empty.

        ``kind`` is the subject of a line: ``response`` (mean and variance over all combinations),
        ``effect`` (a parameter: main and total effect), ``value`` (the mean at one of its values),
        ``pair`` (the interaction of two). Parameters that share constraints, and their values, are
        joined by ``+``. Returns are fractions a year, effects are shares of the variance.
        """
        heads = "kind,response,parameter,value,other,mean,variance,main,total,total_error"
        lines = [heads + ",interaction"]
        for each in self.responses:
            begin = f"response,{each.response}"
            lines.append(f"{begin},,,,{each.mean:.6f},{each.variance:.6g},,,,")
        for each in self.responses:
            for f in each.factors:
                effects = f"{f.main:.6f},{f.total:.6f},{f.total_error:.6f}"
                lines.append(f"effect,{each.response},{f.name},,,,,{effects},")
        for each in self.responses:
            for f in each.factors:
                for label, mean in zip(f.labels, f.means, strict=True):
                    lines.append(f"value,{each.response},{f.name},{label},,{mean:.6f},,,,,")
        for each in self.responses:
            for first, second, share in each.interactions:
                lines.append(f"pair,{each.response},{first},,{second},,,,,,{share:.6f}")
        return "\n".join(lines) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for the manifest."""
        return {
            "strategy": self.strategy,
            "grid": self.grid,
            "combinations": self.combinations,
            "min_phases": self.min_phases,
            "lines": self.lines,
            **{each.response: each.to_dict() for each in self.responses},
        }

    def bars(self, width: int = 72, response: Response = "return") -> list[str]:
        """Return a bar for each parameter of more than one value, the largest total effect first.

        ``#`` is what a parameter does by itself, ``-`` what it does with others; the longest bar
        takes the width that the figures leave.

        Parameters
        ----------
        width
            Characters of a line; a bar has 10 at least, however long the names are.
        response
            Which response.

        Returns
        -------
        list of str
            Headings, then a line a parameter; headings alone where none has two values.

        Raises
        ------
        InputError
            If the width is no number of characters, or there is no such response.
        """
        width = whole_number("width", width)
        if not 1 <= width <= _WIDEST:
            raise InputError(f"width = {width} must be from 1 to {_WIDEST:,} characters")
        found = [f for f in self.of(response).ordered if len(f.values) > 1]
        rows = [("parameter", "alone", "in all")]
        for f in found:
            error = f" ± {percent(f.total_error)}" if f.total_error else ""
            rows.append((f.name, percent(f.main), percent(f.total) + error))
        room = max(10, width - max(map(len, table(rows, "<>>"))) - 2)
        longest = max((max(f.main, f.total) for f in found), default=0.0)
        drawn = ["", *(_bar(f, longest, room) for f in found)]
        return table([(*row, bar) for row, bar in zip(rows, drawn, strict=True)], "<>><")

    def plot(self, path: str | Path) -> Path:
        """Write a page of bars, and of the mean at each value of each parameter.

        Parameters
        ----------
        path
            An ``.html`` file.

        Raises
        ------
        InputError
            If the ending is another one.
        ResultsError
            If the file cannot be written.
        """
        from pathlib import Path

        from wfo.files import write_text
        from wfo.selection.effects_page import sensitivity_page

        target = Path(instance("path", path, (str, Path), "a file's name"))
        if target.suffix.lower() != ".html":
            raise InputError(f"{target} must end in .html")
        page = sensitivity_page(
            self.strategy, self.combinations, self.lines, self.min_phases, self.responses
        )
        write_text(target, page)
        return target

    def __repr__(self) -> str:
        how = f", {self.lines:,} lines a parameter" if self.lines else ""
        return f"Sensitivity({self.strategy}, {self.combinations:,} combinations{how})"

    def _repr_html_(self) -> str:
        heads = ("", *(f"{r}, {what}" for r in RESPONSES for what in ("alone", "in all")))
        rows: list[tuple[str, ...]] = [heads]
        for f in self.annual_return.ordered:
            pair = (f, self.stable.factor(f.parameters[0]))
            rows.append((f.name, *(percent(e) for each in pair for e in (each.main, each.total))))
        return html_table(repr(self), rows)


#: Characters of a line of bars, at most.
_WIDEST = 10_000

_ENDS: tuple[Callable[..., int], ...] = (min, max)


def _bar(factor: Factor, longest: float, room: int) -> str:
    if longest <= 0:
        return ""
    # A sample's main effect can exceed its total one by chance.
    whole = round(room * max(factor.main, factor.total) / longest)
    alone = min(whole, round(room * max(factor.main, 0.0) / longest))
    return "#" * alone + "-" * (whole - alone)

"""What a run says at its end: a page that a trader can read."""

from __future__ import annotations

import math
from collections.abc import Iterable

from wfo.grid import Grid
from wfo.pipeline import RunReport, StrategyReport
from wfo.plateaus import Plateaus
from wfo.progress import duration
from wfo.scoring import GATE_NAMES


def summary(report: RunReport) -> str:
    """Return windows, gates, plateaus and files of a run as text."""
    data = report.manifest["data"]
    span = f"{data['rows']:,} bars, {data['first']} to {data['last']}"
    lines = ["", f"{data['symbol']} {data['timeframe']}: {span}", "", *_windows(report)]
    for item in report.strategies:
        lines += ["", *_gates(item), "", *_plateaus(item)]
    lines += ["", *_files(report)]
    return "\n".join(lines) + "\n"


def _windows(report: RunReport) -> list[str]:
    phases = report.phases
    rows = [
        (
            str(p.number),
            f"{p.in_sample[0]} to {p.in_sample[1]}",
            f"{p.out_of_sample[0]} to {p.out_of_sample[1]}",
        )
        for p in phases
    ]
    note = [f"  Note: {phases.note}."] if phases.note else []
    heads = ("Phase", "In-sample", "Out-of-sample")
    return [f"Windows '{phases.name}', as of {phases.as_of}", *_table(heads, rows, "><<"), *note]


def _gates(item: StrategyReport) -> list[str]:
    scores = item.scores
    phases = scores.phase_counts
    rows = [
        (f"{'and ' if g else ''}{name}", *(f"{c.together[g]:,}" for c in phases))
        for g, name in enumerate(GATE_NAMES)
    ]
    total = len(item.grid)
    counts = scores.valid_phases
    spread = ", ".join(f"{k}: {n:,}" for k, n in enumerate(counts))
    share = 100 * scores.stable / total
    lines = [
        f"{item.strategy.name}, grid '{item.grid.name}': {total:,} combinations; passed, by phase",
        *_table(("Gate", *(str(c.number) for c in phases)), rows, "<" + ">" * len(phases)),
        f"  Combinations by valid phases: {spread}",
        f"  Stable, valid in {scores.min_phases} or more: {scores.stable:,} ({share:.1f} %)",
    ]
    return lines + [f"  Warning: {w}." for w in scores.warnings]


def _plateaus(item: StrategyReport) -> list[str]:
    plateaus = item.plateaus
    if not len(plateaus):
        return [f"No plateaus: {plateaus.note}."]
    rows = []
    for p in plateaus:
        xs, ys = (sorted(set(v)) for v in zip(*p.cells, strict=True))
        rows.append(
            (
                f"{p.rank} {_letter(p.rank)}",
                p.regime,
                f"{p.stability:.1f}" if math.isfinite(p.stability) else "-",
                str(len(p.cells)),
                f"{p.combinations:,}",
                f"{100 * p.level:.0f} %",
                f"{xs[0]:g} to {xs[-1]:g}",
                f"{ys[0]:g} to {ys[-1]:g}",
            )
        )
    heads = ("Rank", "Regime", "Stability", "Cells", "Stable", "Share", "Stop ATRs", "Entry ATRs")
    found = (
        f"Plateaus: cells of which more than {100 * (plateaus.level or 0):.0f} % are stable"
        f" (quality {plateaus.quality:.2f})"
    )
    return [found, *_table(heads, rows, "<<>>>>>>"), "", *_map(plateaus, item.grid)]


def _map(plateaus: Plateaus, grid: Grid) -> list[str]:
    """Draw the plane: the stable share of each cell in percent, and the plateau's letter."""
    x_name, y_name = grid.strategy.map_axes
    xs, ys = grid.values[x_name], grid.values[y_name]
    letters = {cell: _letter(p.rank) for p in plateaus for cell in p.cells}
    level = plateaus.cells.level
    lines = [f"  Stable share in percent; across {x_name}, up {y_name}; letters are plateaus"]
    for j in range(len(ys) - 1, -1, -1):
        cells = "".join(
            f"{100 * level[i, j]:4.0f}{letters.get((float(x), float(ys[j])), ' ')}"
            for i, x in enumerate(xs)
        )
        lines.append(f"  {float(ys[j]):6g} |{cells}")
    lines.append("         " + "".join(f"{float(x):4g} " for x in xs))
    return [line.rstrip() for line in lines]


def _letter(rank: int) -> str:
    return chr(ord("A") + rank - 1) if rank <= 26 else "*"


def _files(report: RunReport) -> list[str]:
    lines = [f"Written to {report.folder.path}"]
    lines += [f"  {path.relative_to(report.folder.path)}" for path in report.files]
    if report.moved:
        lines.append(f"The earlier run was another one and moved to {report.moved}")
    lines.append(
        f"Took {duration(report.seconds)}; {report.trials:,} combinations were ever searched"
        f" on {report.manifest['symbol']}"
    )
    return lines


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]], align: str) -> list[str]:
    """Lay out columns by their widest cell."""
    table = [heads, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(heads))]
    return [
        (
            "  "
            + "  ".join(f"{cell:{a}{w}}" for cell, a, w in zip(row, align, widths, strict=True))
        ).rstrip()
        for row in table
    ]

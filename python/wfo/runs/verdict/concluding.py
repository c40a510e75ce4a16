"""A verdict on a run: its statistics, what chance and the hold-out say, first lines and pages."""

from __future__ import annotations

from wfo.files import write_text
from wfo.progress import Progress
from wfo.runs.finalists import finalists
from wfo.runs.folder import RunFolder
from wfo.runs.holdout.evaluating import finalists_changed, spend_holdout
from wfo.runs.holdout.state import holdout_state
from wfo.runs.machine import Machine
from wfo.runs.permuting.record import read_tests, stale_tests
from wfo.runs.verdict.collecting import collect
from wfo.runs.verdict.report import PAGE, VerdictReport
from wfo.runs.verdict.sampled import SAMPLES
from wfo.runs.verdict.searched import facts_of_run
from wfo.runs.verdict.weighed import weigh


def conclude(
    folder: RunFolder,
    *,
    spend: bool = False,
    samples: int = SAMPLES,
    threads: int | None = None,
    command: str = "",
    progress: Progress | None = None,
    machine: Machine | None = None,
) -> VerdictReport:
    """Return the verdict on a run, and write ``verdict.json`` and ``verdict.html``.

    Parameters
    ----------
    folder
        Folder of a complete run.
    spend
        Whether to evaluate its hold-out, which happens once.
    samples
        Sampled sets of each strategy, and of the whole run, at most.
    threads
        By default one for each core; results do not depend on it.
    command
        How it was called, for other processes that want the folder.
    progress
        Where to tell how far it is.
    machine
        The clock, and the version of what computes.

    Raises
    ------
    WfoError
        If there is no complete run, its files are not as they were written, its hold-out cannot be
        evaluated where that is asked for, or a file cannot be written.
    """
    machine = machine or Machine()
    if spend:
        # First, since it says at once where it cannot be done.
        spend_holdout(folder, command=command, progress=progress, machine=machine)
    verdict = collect(folder, samples=samples, threads=threads, progress=progress, machine=machine)
    manifest = folder.read_manifest()
    state = holdout_state(folder, manifest)
    chosen = finalists(folder, manifest)
    report = VerdictReport(
        folder,
        manifest,
        verdict,
        weigh(facts_of_run(folder, manifest, version=machine.version()), verdict),
        read_tests(folder, manifest, version=machine.version()),
        state,
        stale_tests(folder, manifest, version=machine.version()),
        changed=state.spent is not None and finalists_changed(state.spent, chosen),
    )
    write_text(folder.path / PAGE, report.html)
    return report

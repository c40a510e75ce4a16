"""The tree-structured Parzen estimator of Optuna, by asking a study in memory."""

from __future__ import annotations

import contextlib
import importlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from wfo.search.methods.fresh import Asking, gather
from wfo.search.methods.genetic import Genetic
from wfo.search.methods.ranking import PRUNED, UNSCORED, best_trials, survivors, tiers
from wfo.search.methods.sampling import latin_hypercube
from wfo.search.methods.variation import Frame
from wfo.search.values import History, Proposal
from wfo.text import one_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wfo.search.space import SearchSpace

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: The major version whose arguments and defaults are meant.
_VERSION = "5"

#: Characters of an error in a note.
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Tpe:
    """Points are drawn near the better trials and away from the others (Bergstra et al. 2011).

    The study of Optuna is made anew for each batch from the history, so that nothing is kept that
    a study of ours has not. Trials that violate limits are told with their violation, those
    without a score as the worst. Without Optuna, and where its sampler raises, `fallback` goes on.
    """

    name: ClassVar[str] = "tpe"
    learns: ClassVar[bool] = True

    asking: Asking
    fallback: Genetic
    objectives: int
    #: Trials before the estimator is used: a Latin hypercube.
    startup: int
    #: Points of which the most promising one is proposed.
    candidates: int
    #: Whether dimensions are estimated together; None if so with one objective.
    multivariate: bool | None
    #: Whether dimensions that always come together are groups of their own.
    group: bool
    #: Whether the other points of a batch are kept away from.
    constant_liar: bool
    #: Trials that are told, at most: half of them the best, half the newest of the others.
    told: int
    #: Powers of ten that steps go down by, away from points that are known already.
    decades: float

    def propose(
        self,
        space: SearchSpace,
        history: History,
        batch: int,
        size: int,
        rng: np.random.Generator,
        state: Mapping[str, Any],
    ) -> Proposal:
        """Propose points that the estimator prefers; see `wfo.search.values.Method`."""
        if "fallback" in state:
            return self._fallen(space, history, batch, size, rng, state["fallback"], "")
        since = int(state.get("since", 0))
        # Both ways draw from streams of their own, whatever the other one took.
        own, other = rng.spawn(2)
        try:
            optuna = _optuna()
            with _quiet(optuna):
                rows, tags = self._points(optuna, space, history, since, size, own)
        except Exception as error:  # noqa: BLE001  # of a foreign library; the note says it
            kind = "" if isinstance(error, ImportError) else f"{type(error).__name__}: "
            said = f"{kind}{one_line(error)}"[:_LONGEST]
            begun = {"since": since}
            return self._fallen(space, history, batch, size, other, begun, f"({said})")
        return Proposal(rows, tags, {"since": since})

    def _fallen(
        self,
        space: SearchSpace,
        history: History,
        batch: int,
        size: int,
        rng: np.random.Generator,
        state: Mapping[str, Any],
        why: str,
    ) -> Proposal:
        found = self.fallback.propose(space, history, batch, size, rng, state)
        note = f"tpe cannot go on {why}, and ga takes its place" if why else ""
        return Proposal(found.rows, found.tags, {"fallback": dict(found.state)}, note)

    def _points(
        self,
        optuna: Any,
        space: SearchSpace,
        history: History,
        since: int,
        size: int,
        rng: np.random.Generator,
    ) -> tuple[FloatArray, IndexArray]:
        frame = Frame.of(space)
        known = len(history) - since
        begun = size if not known else min(max(self.startup - known, 0), size)
        estimate = known > 0 and len(frame.free) > 0 and begun < size
        study = self._study(optuna, frame, history, since, rng) if estimate else None
        asked: list[FloatArray] = []

        def draw(wanted: int, number: int) -> tuple[FloatArray, IndexArray]:
            tags = np.zeros(wanted, np.int64)
            if study is None:
                return space.sample(latin_hypercube(space, wanted, rng)), tags
            if not number:
                rows = space.sample(latin_hypercube(space, begun, rng)) if begun else None
                asked.append(_asked(study, optuna, frame, wanted - begun))
                return (asked[0] if rows is None else np.concatenate([rows, asked[0]])), tags
            # Points that are known already are what the estimator prefers: their neighbours.
            rows = asked[0][rng.integers(len(asked[0]), size=wanted)]
            frame.mutate(rows, 2.0 ** (number - 1), self.decades, rng)
            return rows, tags

        return gather(space, history.rows, size, self.asking, draw)

    def _study(
        self, optuna: Any, frame: Frame, history: History, since: int, rng: np.random.Generator
    ) -> Any:
        # Each argument is given: defaults differ between versions. Those that are None are
        # deprecated, and warn of anything else.
        sampler = optuna.samplers.TPESampler(
            consider_prior=None,
            prior_weight=None,
            consider_magic_clip=None,
            consider_endpoints=None,
            n_startup_trials=1,
            n_ei_candidates=self.candidates,
            gamma=None,
            weights=None,
            seed=int(rng.integers(2**32)),
            multivariate=self.objectives == 1 if self.multivariate is None else self.multivariate,
            group=self.group,
            warn_independent_sampling=None,
            constant_liar=self.constant_liar,
            constraints_func=None,
        )
        study = optuna.create_study(
            storage=optuna.storages.InMemoryStorage(),
            sampler=sampler,
            pruner=optuna.pruners.NopPruner(),
            study_name="wfo",
            direction=None,
            load_if_exists=False,
            directions=["maximize"] * self.objectives,
        )
        distributions = _distributions(optuna, frame)
        tier = tiers(history)
        states = optuna.trial.TrialState
        for trial in self._chosen(history, since):
            worst = tier[trial] == UNSCORED
            violation = np.inf if worst else float(max(history.violations[trial], 0.0))
            values = [0.0] * self.objectives if worst else history.objectives[trial].tolist()
            # Of several objectives there is no pruned trial.
            pruned = tier[trial] == PRUNED and self.objectives == 1
            study.add_trial(
                optuna.trial.create_trial(
                    state=states.PRUNED if pruned else states.COMPLETE,
                    values=None if pruned else values,
                    params=_params(frame, history.rows[trial]),
                    distributions=distributions,
                    intermediate_values={0: values[0]} if pruned else None,
                    constraints={"violation": violation},
                )
            )
        return study

    def _chosen(self, history: History, since: int) -> list[int]:
        count = len(history) - since
        every = np.arange(since, len(history), dtype=np.int64)
        if count <= self.told:
            return list(range(since, len(history)))
        half = self.told // 2
        if self.objectives == 1:
            best = best_trials(history, half, since)
        else:
            best = survivors(history, every, half)
        others = np.setdiff1d(every, best)
        newest = others[len(others) - (self.told - half) :]
        return [int(trial) for trial in np.sort(np.concatenate([best, newest]))]


def _optuna() -> Any:
    try:
        optuna = importlib.import_module("optuna")
    except ImportError as error:
        said = "Optuna cannot be loaded; pip install 'wfo[search]' brings it"
        raise ImportError(f"{said}: {error}") from None
    version = str(optuna.__version__)
    if version.split(".", maxsplit=1)[0] != _VERSION:
        raise ImportError(f"Optuna {version} is installed, and {_VERSION} is needed")
    return optuna


@contextlib.contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Keep a study's messages from standard error: each batch makes a study."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)


def _names(frame: Frame) -> list[tuple[str, int]]:
    # Optuna sorts dimensions by name.
    return [(f"{place:05d}", int(place)) for place in frame.free]


def _distributions(optuna: Any, frame: Frame) -> dict[str, Any]:
    made = optuna.distributions
    found: dict[str, Any] = {}
    for name, place in _names(frame):
        if not frame.discrete[place]:
            found[name] = made.FloatDistribution(low=0.0, high=1.0, log=False, step=None)
        elif frame.ordered[place]:
            found[name] = made.IntDistribution(low=0, high=int(frame.top[place]), log=False, step=1)
        else:
            found[name] = made.CategoricalDistribution(choices=range(int(frame.sizes[place])))
    return found


def _params(frame: Frame, row: FloatArray) -> dict[str, Any]:
    return {
        name: int(row[place]) if frame.discrete[place] else float(row[place])
        for name, place in _names(frame)
    }


def _asked(study: Any, optuna: Any, frame: Frame, count: int) -> FloatArray:
    distributions = _distributions(optuna, frame)
    rows = np.zeros((count, len(frame.top)))
    for each in range(count):
        params = study.ask(fixed_distributions=distributions).params
        for name, place in _names(frame):
            rows[each, place] = params[name]
    return rows

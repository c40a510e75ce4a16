"""What Optuna computes of a study: fANOVA. It comes with ``wfo[search]``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from wfo.errors import EngineError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.search.study.cells import Cells

    FloatArray = NDArray[np.float64]

#: Trials that fANOVA grows its trees on, at most: of more, some that are evenly spaced. Its time
#: grows faster than they do: 1,000 of a rough function take 45 s.
MOST_TRIALS: Final = 400


def optuna_for(what: str) -> Any:
    """Return Optuna.

    Raises
    ------
    EngineError
        If it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise EngineError(
            f"{what} needs Optuna ({error}); pip install 'wfo[search]', or do without it"
        ) from None
    return optuna


@contextlib.contextmanager
def quiet(optuna: Any) -> Iterator[None]:
    """Keep Optuna from telling of every study on standard error."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def fanova(cells: Sequence[Cells], values: FloatArray, seed: int) -> FloatArray:
    """Return the importance of each dimension by a forest of regression trees.

    Parameters
    ----------
    cells
        The dimensions, each with the cells that its values lie in.
    values
        The scores, float64[n].
    seed
        For the trees.

    Returns
    -------
    float64[d]
        Not normalised.

    Raises
    ------
    EngineError
        If Optuna is not installed.

    References
    ----------
    Hutter, Hoos and Leyton-Brown (2014), "An Efficient Approach for Assessing Hyperparameter
    Importance", *ICML 2014*, 754-762.
    """
    import numpy as np

    optuna = optuna_for("fANOVA")
    count = min(len(values), MOST_TRIALS)
    some = np.unique(np.linspace(0, len(values) - 1, count).astype(np.int64))
    # Choices as numbers too: trees cut out any of them by two splits, where a column for each of
    # 60 choices takes them minutes.
    distributions = {
        str(at): optuna.distributions.IntDistribution(0, each.count - 1)
        for at, each in enumerate(cells)
    }
    names = tuple(distributions)
    rows = np.column_stack([each.of[some] for each in cells]).tolist()
    with quiet(optuna):
        study = optuna.create_study(direction="maximize")
        study.add_trials(
            [
                optuna.trial.create_trial(
                    params=dict(zip(names, row, strict=True)),
                    distributions=distributions,
                    value=value,
                )
                for row, value in zip(rows, values[some].tolist(), strict=True)
            ]
        )
        found = optuna.importance.get_param_importances(
            study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=seed)
        )
    return np.array([found.get(name, 0.0) for name in names])

"""Choose the next combination to try by a tree-structured Parzen estimator, optuna's, as MIPROv2 does.

Nothing is carried from one choice to the next: the estimator is built anew from all points so far and a derived seed,
so that a run that was killed chooses as one that was not.
"""

import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from metatextgrad.core.identity import Value
from metatextgrad.stages.quiet import changed, silent_optuna

Combination = dict[str, int]
"""By parameter: the place of what was chosen among its choices. The default has the place 0 everywhere."""


class Point(Value):
    """A combination that was tried."""

    combination: Combination
    program: str
    score: float | None
    """None when so many replies could not be used that there is no score."""
    full: bool
    """Whether the whole validation set was scored, and not only a minibatch."""


def suggested(sizes: Mapping[str, int], points: Sequence[Point], seed: int) -> Combination:
    """Return the combination to try next.

    Args:
        sizes: how many choices each parameter has.
        points: what was tried before, oldest first.
        seed: decides what is left to chance.
    """
    optuna: Any = import_module("optuna")
    distributions: dict[str, Any] = {
        name: optuna.distributions.CategoricalDistribution(tuple(range(size))) for name, size in sizes.items()
    }
    with changed("optuna's log", silent_optuna(optuna)), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # optuna 4 calls `multivariate` experimental; MIPROv2 stands on it
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for point in points:
            if point.score is not None:
                done = optuna.trial.create_trial(
                    params=dict(point.combination), distributions=distributions, value=point.score
                )
                study.add_trial(done)
        chosen = study.ask(distributions).params
    return {name: int(chosen[name]) for name in sizes}

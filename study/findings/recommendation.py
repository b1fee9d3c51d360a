"""Where more data, more capacity or more regularization help, measured over a study; at a point: maps/advice.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import logit
from statsmodels.regression.linear_model import OLS  # not statsmodels.api: a third of a second

from fitscape.study.findings.context import Context, Labels, Question, by_configuration, drawn_alike, ended, val_error
from fitscape.study.findings.evidence import slope_evidence
from fitscape.study.findings.finding import Finding, judge
from fitscape.study.records import TrialRecord
from fitscape.study.regimes.rule import Array, rate


@dataclass(frozen=True)
class Move:
    """A change of one hyperparameter that a person can make."""

    name: str
    hyperparameter: str
    factor: float
    unit: str
    source: str


MOVES: Final = (
    Move(
        "more data", "train_fraction", 2.0, "doubling of the training images", "Ng, Machine Learning Yearning, ch. 21"
    ),
    Move("more capacity", "width", 2.0, "doubling of the width", "Ng, Machine Learning Yearning, ch. 25"),
    Move("more regularization", "weight_decay", 10.0, "tenfold weight decay", "Ng, Machine Learning Yearning, ch. 27"),
)
MARGIN: Final = float(np.log(1.05))  # odds of an error 5 % lower
LEAST_CONFIGURATIONS: Final = 12


def what_helps(trials: Sequence[TrialRecord], labels: Labels, context: Context) -> list[Finding]:
    """By family: does each move lower the odds of a validation error, averaged over the space that was run?

    Least squares of the logit error on the log hyperparameters that vary, with robust errors (HC3): a summary
    over the space, not a law; the map says where. A configuration counts once, with the mean of its seeds.
    """
    told = drawn_alike(ended(trials))
    found: list[Finding] = []
    for family in sorted({t.config.model.family for t in told}):
        nets = by_configuration(t for t in told if t.config.model.family == family)
        first = [seeds[0] for seeds in nets]
        moves = [m for m in MOVES if len({h for t in first if (h := _hyperparameter(t, m)) > 0}) >= 3]
        x = np.column_stack([np.ones(len(nets)), *(_in_factors(first, m) for m in moves), *_zeros(first, moves)])
        if len(nets) < max(LEAST_CONFIGURATIONS, 4 * x.shape[1]) or not moves:
            continue
        y = np.array([np.mean([_logit_error(t, context.chance_error) for t in seeds]) for seeds in nets])
        fit = OLS(y, x).fit(cov_type="HC3")
        for i, move in enumerate(moves, start=1):
            df = len(nets) - x.shape[1]
            evidence = slope_evidence(-float(fit.params[i]), float(fit.bse[i]), df, len(nets), MARGIN)
            found.append(
                judge(
                    evidence,
                    claim=f"Regimes: {move.name} helps {family} nets, averaged over the space that was run",
                    question="regimes",
                    family=family,
                    unit=f"fall of the logit validation error per {move.unit}",
                    explanation=f"Over {len(nets)} configurations a {move.unit} goes with the odds of a validation "
                    f"error times {np.exp(-evidence.estimate):.2f}, the other hyperparameters held.",
                    source=move.source,
                    effect=f"a fall of the error with {move.name}",
                    if_found="The map shows where.",
                )
            )
    return found


def _in_factors(nets: Sequence[TrialRecord], move: Move) -> Array:
    """[T] the hyperparameter in steps of the move's factor; 0 where it is 0, which is no number of steps away."""
    values = np.array([_hyperparameter(t, move) for t in nets])
    return np.log(np.where(values > 0, values, 1.0)) / np.log(move.factor)


def _zeros(nets: Sequence[TrialRecord], moves: Sequence[Move]) -> list[Array]:
    """A level of its own, [T], for trials in which a move's hyperparameter is off: no weight decay, for one."""
    off = [np.array([float(_hyperparameter(t, m) == 0) for t in nets]) for m in moves]
    return [column for column in off if column.any()]


def _hyperparameter(trial: TrialRecord, move: Move) -> float:
    return float(trial.config.flattened[move.hyperparameter])


def _logit_error(trial: TrialRecord, chance: float) -> float:
    n = trial.last.val_n if trial.last is not None else 1000
    return float(logit(rate(val_error(trial, chance), n)))


QUESTION = Question(
    name="regimes",
    title="What helps: data, capacity or regularization?",
    asked="Over the space that was run, how the odds of an error on unseen images change when one "
    "hyperparameter is moved and the others are held. The map shows where that is so.",
    answer=what_helps,
    needs="configurations that were drawn without looking at results; of runs that were read nobody knows it",
    takes="twelve configurations of one family that were drawn without looking at results, sixteen where data, width "
    "and weight decay all vary",
)

"""Where more data, more capacity or more regularization help, measured over a study; at a point: maps/advice.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import statsmodels.api as sm
from scipy.special import logit

from fitscape.study.findings.context import Context, Labels, by_configuration, drawn_alike, ended, val_error
from fitscape.study.findings.evidence import slope_evidence
from fitscape.study.findings.finding import Finding, judge
from fitscape.study.records import TrialRecord
from fitscape.study.regimes.rule import rate


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
        moves = [m for m in MOVES if len({_hyperparameter(seeds[0], m) for seeds in nets}) >= 3]
        if len(nets) < max(LEAST_CONFIGURATIONS, 4 * (len(moves) + 1)) or not moves:
            continue
        y = np.array([np.mean([_logit_error(t, context.chance_error) for t in seeds]) for seeds in nets])
        x = np.array([[np.log(max(_hyperparameter(s[0], m), 1e-12)) / np.log(m.factor) for m in moves] for s in nets])
        fit = sm.OLS(y, sm.add_constant(x)).fit(cov_type="HC3")
        for i, move in enumerate(moves, start=1):
            df = len(nets) - len(moves) - 1
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


def _hyperparameter(trial: TrialRecord, move: Move) -> float:
    return float(trial.config.flat()[move.hyperparameter])


def _logit_error(trial: TrialRecord, chance: float) -> float:
    n = trial.last.val_n if trial.last is not None else 1000
    return float(logit(rate(val_error(trial, chance), n)))

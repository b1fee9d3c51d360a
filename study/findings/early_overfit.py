"""Is the last epoch worse than the best one? Loss and error, over trials (Prechelt 1998; Zhang et al. 2017)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np
from scipy.stats import t as student

from fitscape.study.findings.context import Context, Labels, Question, by_configuration, sampled
from fitscape.study.findings.evidence import mean_evidence
from fitscape.study.findings.finding import Counted, Evidence, Finding, judge
from fitscape.study.records import EpochRecord, TrialRecord, TrialState
from fitscape.study.regimes.late import RISE
from fitscape.study.regimes.replicates import finite
from fitscape.study.regimes.rule import Array

LEAST_UNITS: Final = 4
LEAST_EPOCHS: Final = 4
ERROR_MARGIN: Final = 0.01
SOURCE: Final = "Prechelt 1998, generalization loss"

Measure = Literal["loss", "error"]


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Validation loss and error over the run, of N runs or configurations.

    The same E points of the run for all; half A chooses an epoch, half B judges it.
    """

    a: dict[Measure, Array]  # [N, E]; of the loss its logarithm
    b: dict[Measure, Array]
    epochs: Array  # [E] epochs of the longest run
    counted: Counted

    @cached_property
    def choosing(self) -> int:
        """Rows, the first of them, that choose the best epoch. Of a third as many as there are is enough, and
        choosing by each row's fellows in turn would not do: rows that agree on an epoch do so because it is low
        among all of them."""
        return max(1, len(self.a["loss"]) // 3)

    @cached_property
    def best(self) -> int:
        """Index of the epoch of lowest mean loss on half A, by the rows that choose; never the last one."""
        return int(np.argmin(self.a["loss"][: self.choosing, :-1].mean(axis=0)))

    def evidence(self, measure: Measure, margin: float) -> Evidence:
        """t tests of last less best epoch on half B, over the rows that did not choose. The lowest point of a curve
        that fluctuates lies below its last one by construction; of other runs' fluctuations a run knows nothing.
        That there is no rise of ``margin`` must hold of every earlier epoch, over all rows.
        """
        rises = self.b[measure][:, -1:] - self.b[measure][:, :-1]
        test = f"t over {self.counted.value}, best epoch of others"
        judged = rises[self.choosing :, self.best]
        found = mean_evidence(judged, margin=margin, resolution=1e-3, test=test, counted=self.counted)
        se = np.maximum(rises.std(axis=0, ddof=1), 1e-3) / np.sqrt(len(rises))
        p_below = student.cdf((rises.mean(axis=0) - margin) / se, len(rises) - 1)
        return replace(found, p_below=float(p_below.max()))


def early_overfit(trials: Sequence[TrialRecord], labels: Labels, context: Context) -> list[Finding]:
    """Last against best epoch, the best chosen by some runs and judged on the others, over the runs of a family;
    those on noisy labels apart."""
    found: list[Finding] = []
    for (family, noisy), group in _groups(trials).items():
        curves = learning_curves(group)
        if curves is None:
            continue
        nets = f"{family} nets on noisy labels" if noisy else f"{family} nets"
        found += [_loss_finding(curves, family, nets), _error_finding(curves, family, nets)]
    return found


def learning_curves(trials: Sequence[TrialRecord]) -> Curves | None:
    """Curves of runs that ended with finite losses; a row a configuration where those were drawn from the space,
    else a row a run. None where there are too few."""
    usable = [t for t in trials if t.state is TrialState.FINISHED and t.late is not None]
    usable = [t for t in usable if len(t.epochs) >= LEAST_EPOCHS]
    usable = [t for t in usable if all(finite(e) and e.val_loss_a > 0 and e.val_loss_b > 0 for e in t.epochs)]
    groups = by_configuration(usable) if sampled(usable) else [[t] for t in usable]
    if len(groups) < LEAST_UNITS:
        return None
    points = min(len(t.epochs) for t in usable)

    def of(half: str, measure: Measure) -> Array:
        rows = [np.mean([_curve(t, f"val_{measure}_{half}", points) for t in seeds], axis=0) for seeds in groups]
        return np.log(rows) if measure == "loss" else np.array(rows)

    measures: tuple[Measure, ...] = ("loss", "error")
    a, b = ({m: of(half, m) for m in measures} for half in "ab")
    longest = max(usable, key=lambda t: len(t.epochs))
    return Curves(
        a=a,
        b=b,
        epochs=np.array([e.epoch for e in _at(longest.epochs, points)], dtype=float),
        counted=Counted.CONFIGURATIONS if sampled(usable) else Counted.RUNS,
    )


def _curve(trial: TrialRecord, name: str, points: int) -> Array:
    return np.array([getattr(e, name) for e in _at(trial.epochs, points)], dtype=float)


def _at(epochs: Sequence[EpochRecord], points: int) -> list[EpochRecord]:
    """Epochs at the same shares of each run, the last one among them."""
    return [epochs[int(np.ceil(len(epochs) * k / points)) - 1] for k in range(1, points + 1)]


def _groups(trials: Sequence[TrialRecord]) -> dict[tuple[str, bool], list[TrialRecord]]:
    groups: dict[tuple[str, bool], list[TrialRecord]] = {}
    for trial in sorted(trials, key=lambda t: (t.config.model.family, t.config.data.label_noise > 0, t.trial_id)):
        groups.setdefault((trial.config.model.family, trial.config.data.label_noise > 0), []).append(trial)
    return groups


def _loss_finding(curves: Curves, family: str, nets: str) -> Finding:
    """Tested as the logarithm of the ratio of two losses, given as a share."""
    evidence = curves.evidence("loss", float(np.log1p(RISE)))
    low, estimate, high, margin = (
        float(np.expm1(x)) for x in (evidence.low, evidence.estimate, evidence.high, evidence.margin)
    )
    return judge(
        replace(evidence, low=low, estimate=estimate, high=high, margin=margin),
        claim=f"Early overfitting: {nets} trained to the end have a higher validation loss than at their best epoch",
        question="early_overfit",
        family=family,
        unit="relative rise of validation loss, last over best epoch",
        explanation=f"Over {evidence.n} {evidence.counted.value} the loss at the last epoch differs by "
        f"{100 * estimate:+.1f} % from that at the best one (epoch {curves.epochs[curves.best]:g}), "
        f"which {curves.choosing} others chose on one half of validation; it is measured on the other half.",
        source=SOURCE,
        effect="a rise of the validation loss after the best epoch",
        if_found="Stopping earlier would have helped the loss.",
    )


def _error_finding(curves: Curves, family: str, nets: str) -> Finding:
    evidence = curves.evidence("error", ERROR_MARGIN)
    return judge(
        evidence,
        claim=f"Early overfitting: {nets} trained to the end have a higher validation error than at their best epoch",
        question="early_overfit",
        family=family,
        unit="validation error, last - best epoch",
        explanation=f"Over {evidence.n} {evidence.counted.value} the error changes by "
        f"{100 * evidence.estimate:+.1f} points from the epoch of lowest loss to the last. A loss that rises without "
        "the error is overconfidence, not worse decisions.",
        source=SOURCE,
        effect="a rise of the validation error after the best epoch",
        if_found="Stopping earlier would have helped the decisions.",
    )


QUESTION = Question(
    name="early_overfit",
    title="Would stopping earlier have been better?",
    asked="Each net is judged at its last epoch and at the one that is best for other runs, chosen on one half of "
    "validation, both on the other half: the lowest point of its own curve would lie below its end by chance. "
    "A loss that rises without the error is overconfidence, not worse decisions.",
    answer=early_overfit,
    needs="validation losses of single images, at the best and at the last epoch",
    takes="four runs of one family that ended with finite losses after four epochs or more",
)

"""Is the last epoch worse than the best one? Loss and error, over trials (Prechelt 1998; Zhang et al. 2017)."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from fitscape.study.findings.context import Context, Labels, Question, percent
from fitscape.study.findings.evidence import bootstrap_evidence
from fitscape.study.findings.finding import Finding, judge
from fitscape.study.records import TrialRecord
from fitscape.study.regimes import error_rises, loss_rises
from fitscape.study.regimes.late import RISE

LEAST_TRIALS: Final = 4
ERROR_MARGIN: Final = 0.01
SOURCE: Final = "Prechelt 1998, generalization loss"


def early_overfit(trials: Sequence[TrialRecord], labels: Labels, context: Context) -> list[Finding]:
    """Last against best epoch, the best chosen on half A and both judged on half B, over the trials of a
    family, those on noisy labels apart."""
    found: list[Finding] = []
    late = sorted((t for t in trials if t.late is not None), key=lambda t: t.trial_id)
    for family, noisy in sorted({_kind(t) for t in late}):
        pairs = [t.late for t in late if _kind(t) == (family, noisy) and t.late is not None]
        nets = f"{family} nets on noisy labels" if noisy else f"{family} nets"
        losses = [r for r in loss_rises(pairs, seed=context.seed) if np.isfinite(r.difference) and r.best > 0]
        errors = [r for r in error_rises(pairs, seed=context.seed) if np.isfinite(r.difference)]
        if len(losses) < LEAST_TRIALS:
            continue
        relative = np.array([r.difference / r.best for r in losses])
        rising = sum(r.overfits for r in losses)
        found.append(
            judge(
                bootstrap_evidence(relative, margin=RISE, seed=context.seed, test="studentized bootstrap over trials"),
                claim=f"Early overfitting: {nets} trained to the end have a higher validation loss than at "
                "their best epoch",
                question="early_overfit",
                family=family,
                unit="relative rise of validation loss, last over best epoch",
                explanation=f"In {len(losses)} trials the loss at the last epoch is {percent(relative.mean())} above "
                f"that at the best one; in {rising} of them the rise is sure by itself and above {percent(RISE)}. "
                "Stopping earlier would have helped the loss.",
                source=SOURCE,
            )
        )
        rise = np.array([r.difference for r in errors])
        found.append(
            judge(
                bootstrap_evidence(
                    rise, margin=ERROR_MARGIN, seed=context.seed, test="studentized bootstrap over trials"
                ),
                claim=f"Early overfitting: {nets} trained to the end have a higher validation error than at "
                "their best epoch",
                question="early_overfit",
                family=family,
                unit="validation error, last - best epoch",
                explanation=f"In {len(errors)} trials the error changes by {100 * rise.mean():+.2f} points from the "
                "epoch of lowest loss to the last. A loss that rises without the error is overconfidence, "
                "not worse decisions.",
                source=SOURCE,
            )
        )
    return found


def _kind(trial: TrialRecord) -> tuple[str, bool]:
    return trial.config.model.family, trial.config.data.label_noise > 0


QUESTION = Question(
    name="early_overfit",
    title="Would stopping earlier have been better?",
    asked="Each net is judged at its best epoch, chosen on one half of validation, and at its last, both on the "
    "other half. A loss that rises without the error is overconfidence, not worse decisions.",
    answer=early_overfit,
)

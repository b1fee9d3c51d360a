"""The labels that a run leaves in the ledger; those of stopped trials rest on what stopped them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fitscape.study.records import Regime, TrialRecord, TrialState

if TYPE_CHECKING:
    from fitscape.study.opened import OpenStudy

DRAWS = 300


def put_labels(study: "OpenStudy") -> None:
    """Label every trial that has something to show, in the study's own ledger.

    A trial that was stopped without a label stays undecided: it was promised none, however sure the draws are.
    """
    from fitscape.study.ledger import Ledger
    from fitscape.study.regimes import label_all

    labels = label_all(
        study.trials,
        study.config.regimes,
        classes=study.classes,
        chance_error=study.chance_error,
        finals=predicted_finals(study.trials),
    )
    promised_none = {t.trial_id for t in study.trials if t.extra.get("predicted", {}).get("labelled") is False}
    with Ledger.open(study.ledger.path) as ledger:
        ledger.put_labels(
            replace(label, regime=Regime.UNDECIDED) if label.trial_id in promised_none else label for label in labels
        )


def predicted_finals(trials: Iterable[TrialRecord]) -> Mapping[str, NDArray[np.float64]]:
    """Trial id -> draws [R, 2] of the final (training, validation) error that the stopping rule predicted.

    The ledger keeps medians and deviations on the logit scale; drawing from them is enough for a label that
    was beyond doubt, or is not given.
    """
    finals = {}
    for trial in trials:
        predicted = trial.extra.get("predicted", {})
        if trial.state is TrialState.STOPPED and "train_sd" in predicted:
            middle = np.array([predicted["train_error"], predicted["val_error"]]).clip(1e-4, 1 - 1e-4)
            spread = np.array([predicted["train_sd"], predicted["val_sd"]])
            rng = np.random.default_rng(int(trial.trial_id, 16))
            logits = np.log(middle / (1 - middle)) + spread * rng.standard_normal((DRAWS, 2))
            finals[trial.trial_id] = 1 / (1 + np.exp(-logits))
    return finals

"""A trial of the head alone trains on kept features, and comes to what it comes to without them."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.training import Settings, run_trial
from fitscape.study.training.progress import Progress
from fitscape.study.training.retrain import evaluate_again
from fitscape.study.training.state import TrialRun

HEAD = {"freeze": 9, "dropout": 0.0, "epochs": 3, "steps_per_epoch": 6, "lr": 0.1}
NUMBERS = ("train_loss", "val_loss", "val_loss_a", "val_loss_b", "batch_loss", "train_error", "val_error")
# A kernel adds up in another order where a batch has another size: that is all the difference there is.
TOLERANCE = 1e-4


def ran(config: TrialConfig, data: TrialData, *, kept: bool, patch: pytest.MonkeyPatch) -> list[Progress]:
    with patch.context() as patched:
        if not kept:
            patched.setattr("fitscape.study.training.features.can_be_kept", lambda *_: False)
        return list(run_trial(config, data, settings=Settings()))


@pytest.mark.parametrize(
    "net",
    [
        {},
        {"architecture": "densenet121", "width": 0.125, "epochs": 1, "steps_per_epoch": 3},
        {"optimizer": "adamw", "train_fraction": 0.1},
    ],
)
def test_the_head_alone_comes_to_the_same_with_and_without_kept_features(
    net: dict[str, Any], digits: TrialData, tiny: Callable[..., TrialConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny(**HEAD).with_hyperparameters(net)
    with_them, without = (ran(config, digits, kept=kept, patch=monkeypatch) for kept in (True, False))
    assert TrialRun(config, digits, Settings())._kept
    for ours, theirs in zip(with_them, without, strict=True):
        for name in NUMBERS:
            assert getattr(ours.record, name) == pytest.approx(getattr(theirs.record, name), rel=TOLERANCE), name
        assert ours.record.gradients[0].layers == theirs.record.gradients[0].layers
    said, known = with_them[-1].predictions, without[-1].predictions
    assert said is not None
    assert known is not None
    assert (said.classes == known.classes).all()


def test_a_head_goes_on_from_its_checkpoint_and_meets_other_images_as_pictures(
    digits: TrialData, tiny: Callable[..., TrialConfig]
) -> None:
    config = tiny(**HEAD)
    whole = list(run_trial(config, digits, settings=Settings()))
    first = next(iter(run_trial(config, digits, settings=Settings())))
    rest = list(run_trial(config, digits, settings=Settings(), checkpoint=first.checkpoint()))
    assert [p.record.val_loss for p in rest] == [p.record.val_loss for p in whole[1:]]
    again = evaluate_again(config, digits, digits.val_images, digits.val_labels, settings=Settings())
    assert again.results.error() == whole[-1].record.val_error
    assert again.results.loss() == pytest.approx(whole[-1].record.val_loss, rel=TOLERANCE)
    logits = again.classifier(digits.val_images)
    assert torch.equal(logits.argmax(1), again.results.predictions)


@pytest.mark.parametrize(
    "changed", [{"augment": "flip"}, {"rotation": 5.0}, {"mixup": 0.2}, {"dropout": 0.2}, {"freeze": 3}]
)
def test_features_are_kept_only_where_that_is_exact(
    changed: dict[str, Any], digits: TrialData, tiny: Callable[..., TrialConfig]
) -> None:
    assert not TrialRun(tiny(**HEAD).with_hyperparameters(changed), digits, Settings())._kept


def test_kept_features_take_a_fraction_of_the_time(
    digits: TrialData, tiny: Callable[..., TrialConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny(**HEAD).with_hyperparameters({"architecture": "resnet18", "width": 0.25, "steps_per_epoch": 20})

    def seconds(*, kept: bool) -> float:
        began = time.process_time()
        ran(config, digits, kept=kept, patch=monkeypatch)
        return time.process_time() - began

    assert max(seconds(kept=False) / seconds(kept=True) for _ in range(2)) > 2

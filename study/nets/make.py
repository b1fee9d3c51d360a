"""``fitscape net``: train a trial again, without the test part, and write its net for other people."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from fitscape.models.starting_weights import StartingWeights
from fitscape.models.weight_names import parse_weights
from fitscape.study.config import Metric, TrialConfig
from fitscape.study.data import TrialData, load
from fitscape.study.data.moments import moments
from fitscape.study.errors import UserError
from fitscape.study.files import LEDGER
from fitscape.study.ledger import SETTINGS, Ledger
from fitscape.study.maps import RegimeMap
from fitscape.study.maps.advice import recommended
from fitscape.study.measures.metric import judged
from fitscape.study.nets.network import Normalized, Pictures
from fitscape.study.nets.temperature import calibrate, logits_of
from fitscape.study.nets.write import NetFacts, require_onnx, write
from fitscape.study.records import TrialRecord
from fitscape.study.regimes import final_record
from fitscape.study.training import Settings
from fitscape.study.training.retrain import Again, train_again
from fitscape.study.weights import read

SAME = 1e-6  # difference of validation errors up to which a net trained again is the same net


def best_trial(trials: Iterable[TrialRecord], metric: Metric = "error") -> TrialRecord | None:
    """The first seed of the configuration with the lowest mean validation error by the study's metric.

    None where no trial has finished.
    """
    groups: dict[str, list[tuple[float, TrialRecord]]] = defaultdict(list)
    for trial in trials:
        if record := final_record(judged(trial, metric)):
            groups[trial.config.group_id].append((record.val_error, trial))
    if not groups:
        return None
    best = min(groups.values(), key=lambda group: fmean(error for error, _ in group))
    return min((trial for _, trial in best), key=lambda t: t.config.seed)


def recommended_trial(
    trials: Iterable[TrialRecord], fitted: RegimeMap | None, base: TrialConfig, metric: Metric = "error"
) -> TrialRecord | None:
    """The configuration that the report recommends, as its first seed; without a map `best_trial`.

    Where no trial has run it, a pending trial of it, which is in no ledger.

    Args:
        trials: of the study.
        fitted: its map; None where it has none.
        base: the study's.
        metric: the study's.
    """
    trials = list(trials)
    if fitted is None:
        return best_trial(trials, metric)
    point = recommended(fitted, base)
    config = base.with_hyperparameters(point)
    ran = [t for t in trials if t.config.group_id == config.group_id and final_record(t)]
    if ran:
        return min(ran, key=lambda t: t.config.seed)
    return TrialRecord(
        number=len(trials), trial_id=config.trial_id, config=config, hyperparameters=point, origin="recommended"
    )


def make_net(
    folder: Path,
    trial: TrialRecord,
    *,
    seeds: int = 1,
    with_validation: bool = False,
    onnx: bool = False,
    regime: str = "",
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Path, Pictures]:
    """Train ``trial`` again and write its net into ``FOLDER/nets/TRIAL``; the test part stays sealed.

    Args:
        folder: the study's.
        trial: of the study, or one that it recommends.
        seeds: nets of an ensemble: the trial's seed and those after it.
        with_validation: train on train and validation. Temperature, errors and agreement are then those of a twin
            that saw train alone.
        onnx: write ``net.onnx`` too.
        regime: the trial's label, for the model card.
        say: gets a sentence about each step.

    Raises:
        UserError: nothing here can train the study's trials, the tools for ONNX are not installed, the data or the
            weights differ from the study's, or a training crashes.
    """
    if onnx:
        require_onnx()
    with Ledger.open(folder / LEDGER, read_only=True) as ledger:
        study, provenance, settings = ledger.config, ledger.provenance, settings_of(ledger)
        require_trained_here(ledger)
    whole = load(study.data).trial_data
    if whole.fingerprint != provenance["data_fingerprint"]:
        raise UserError("the data differ from the study's", where="data", fix="restore the files that it ran on")
    if seeds > 1 and whole.folds is not None:
        what = "its seeds validate on different folds, so an ensemble has no image that none of its nets was trained on"
        raise UserError(what, where=study.name, fix="take one seed")
    data = whole.of_trial(trial.config)
    layout = trial.extra.get("memory_format", settings.memory_format)
    settings = replace(settings, memory_format=layout)
    start = starting_weights(trial.config, folder.parent)
    configs = [trial.config.with_hyperparameters({"seed": trial.config.seed + i}) for i in range(seeds)]
    twins = [_trained(config, whole, data, settings, start, say) for config in configs]
    known = final_record(trial)
    reproduced = known is None or abs(twins[0].record.val_error - known.val_error) < SAME
    logits = [logits_of(twin.classifier, data.val_images) for twin in twins]
    found = [calibrate(each, data.val_labels, data.val_half) for each in logits]
    members, images = twins, data
    if with_validation:
        images = with_validation_images(data)
        members = [_trained(config, images, images, settings, start, say) for config in configs]
    scales = [each.temperature for each in found]
    twin, net = (
        Pictures(Normalized([m.classifier for m in group], scales), *data.input_shape).eval()
        for group in (twins, members)
    )
    probabilities = torch.stack([(each / t).softmax(1) for each, t in zip(logits, scales, strict=True)]).mean(0)
    facts = NetFacts(
        study=study.name,
        trials=configs,
        dataset=study.data.dataset,
        data=images,
        provenance=provenance,
        regime=regime,
        reproduced=reproduced,
        with_validation=with_validation,
        calibration=calibrate(probabilities.log(), data.val_labels, data.val_half),
        temperatures=scales,
        wrong=probabilities.argmax(1) != data.val_labels,
        trials_own=_mode([t.results.predictions for t in twins], probabilities),
        validation=data,
    )
    return write(folder, facts, net, twin, onnx=onnx), net


def require_trained_here(ledger: Ledger) -> None:
    """
    Raises:
        UserError: the study was read, or code of the user's own runs its trials and keeps no net.
    """
    if ledger.read_from is not None:
        raise UserError("was read, so its nets are where its runs were trained", where=ledger.config.name)
    if ledger.config.base.trial is not None:
        what = "its trials are run by code of your own, which keeps no net to write"
        raise UserError(what, where=ledger.config.name)


def with_validation_images(data: TrialData) -> TrialData:
    """Train and validation as training images; what is measured on validation then says nothing."""
    return replace(
        data,
        train_images=torch.cat([data.train_images, data.val_images]),
        train_labels=torch.cat([data.train_labels, data.val_labels]),
        train_moments=torch.cat([data.train_moments, torch.from_numpy(moments(data.val_images.numpy()))]),
        fingerprint=f"{data.fingerprint}+validation",
    )


def starting_weights(config: TrialConfig, root: Path) -> StartingWeights | None:
    """The weights that a trial names, read anew and found to be the same; None where it names none.

    Raises:
        UserError: they are gone or have changed.
    """
    name = parse_weights(config.model.weights)
    return None if name is None else read(name, root).weights


def settings_of(ledger: Ledger, device: str = "cpu") -> Settings:
    """As the study's trials were run."""
    kept: dict[str, Any] = ledger.get_meta(SETTINGS, {})
    known = {k: kept[k] for k in ("precision", "memory_format") if k in kept}
    return Settings(device=device, threads=max(1, int(ledger.config.resources.cpus_per_trial)), **known)


def _trained(
    config: TrialConfig,
    whole: TrialData,
    data: TrialData,
    settings: Settings,
    start: StartingWeights | None,
    say: Callable[[str], None],
) -> Again:
    say(f"training {config.model.name}, seed {config.seed}, on {len(data.train_labels)} images")
    return train_again(config, whole, data.val_images, data.val_labels, settings=settings, weights=start)


def _mode(predictions: Sequence[torch.Tensor], probabilities: torch.Tensor) -> torch.Tensor:
    """What the trial's own evaluator says of validation; of an ensemble, what its members' probabilities say."""
    return predictions[0] if len(predictions) == 1 else probabilities.argmax(1)

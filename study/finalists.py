"""The sealed test part, opened for the finalists: the best configuration of each architecture, all its seeds."""

import getpass
import json
import os
import socket
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from fitscape.study.config import Metric
from fitscape.study.data import SealedData, load
from fitscape.study.errors import UserError
from fitscape.study.files import NETS
from fitscape.study.ledger import TEST_ERRORS, TEST_OPENED, Ledger
from fitscape.study.measures.metric import judged
from fitscape.study.nets.make import SAME, settings_of, starting_weights
from fitscape.study.nets.temperature import logits_of
from fitscape.study.nets.write import EXPORTED, PREPROCESS, jeffreys
from fitscape.study.records import EpochRecord, TrialRecord
from fitscape.study.regimes import final_record
from fitscape.study.training.classifier import Classifier
from fitscape.study.training.retrain import train_again


@dataclass(frozen=True, kw_only=True)
class TestError:
    """One finalist on the test part."""

    trial_id: str
    architecture: str
    seed: int
    val_error: float  # as in the ledger: what it was chosen by
    test_error: float
    low: float  # 95 % Jeffreys interval of the test error
    high: float
    images: int
    reproduced: bool  # trained again, it gave the validation error that the ledger holds
    net: str = ""  # folder of the net that `fitscape net` had written and that was evaluated; empty: trained again


def choose(trials: Iterable[TrialRecord], metric: Metric = "error") -> list[TrialRecord]:
    """Of each architecture, every seed of the configuration with the lowest mean validation error by the metric."""
    groups: dict[str, list[tuple[TrialRecord, float]]] = defaultdict(list)
    for trial in trials:
        if record := final_record(judged(trial, metric)):
            groups[trial.config.group_id].append((trial, record.val_error))
    best: dict[str, tuple[float, list[TrialRecord]]] = {}
    for group in groups.values():
        mean = fmean(error for _, error in group)
        name = group[0][0].config.model.name
        if name not in best or mean < best[name][0]:
            best[name] = (mean, [trial for trial, _ in group])
    return [trial for _, group in best.values() for trial in group]


@dataclass(frozen=True)
class Finalist:
    """The net to take of an architecture: of the finalists, the seed with the lowest validation error."""

    trial_id: str
    classifier: Classifier
    example: Tensor  # uint8 [2, C, H, W], training images
    classes: tuple[str, ...]


def open_test(
    ledger: Ledger,
    *,
    reason: str,
    device: str = "cpu",
    data: SealedData | None = None,
    keep: Callable[[Finalist], object] | None = None,
) -> list[TestError]:
    """Train the finalists again and evaluate them on the test part; ``keep`` is given a net an architecture.

    The nets that `fitscape net` has written are evaluated too, as they are loaded from their files; they come last.

    The ledger notes the opening before the seal is broken: whatever happens then, it is on record. What was
    measured follows in a note of its own.

    Raises:
        UserError: no trial has finished, the data differ from the study's, or the ledger cannot be written.
    """
    if ledger.config.base.trial is not None:
        what = "its trials are run by code of your own, which keeps no net to evaluate"
        raise UserError(what, where=ledger.config.name)
    finalists = choose(ledger.trials(details=False), ledger.config.data.metric)
    if not finalists:
        raise UserError("has no finished trial to open the test part for", where=ledger.config.name)
    data = data or load(ledger.config.data)
    if data.fingerprint != ledger.provenance["data_fingerprint"]:
        raise UserError("the data differ from the study's", where="data", fix="restore the files that it ran on")
    settings = settings_of(ledger, device)
    # Before the seal is broken: weights that are gone must not cost an opening.
    starts = {t.trial_id: starting_weights(t.config, ledger.path.parent.parent) for t in finalists}
    about = {"dataset": data.config.dataset, "fingerprint": data.fingerprint}
    trials = [trial.trial_id for trial in finalists]
    ledger.add_note(TEST_OPENED, {"reason": reason, "by": _who(), "trials": trials, **about})
    test = data.open_test(reason)
    errors, nets, lowest = [], [], _lowest(finalists)
    for trial in finalists:
        layout = trial.extra.get("memory_format", settings.memory_format)
        again = train_again(
            trial.config,
            data.trial_data,
            test.images,
            test.labels,
            settings=replace(settings, memory_format=layout),
            weights=starts[trial.trial_id],
        )
        known = final_record(trial)
        assert known is not None  # choose() takes finished trials only
        reproduced = abs(again.record.val_error - known.val_error) < SAME
        errors.append(_test_error(trial, known, again.results.wrong, reproduced=reproduced))
        if trial.trial_id in lowest:
            shared = data.trial_data
            nets.append(
                Finalist(trial.trial_id, again.classifier, shared.train_images[:2].clone(), tuple(shared.classes))
            )
    errors += _written(ledger, test.images, test.labels)
    ledger.add_note(TEST_ERRORS, {"opening": test.opening, "finalists": [asdict(e) for e in errors]})
    if keep:  # only now: a net that cannot be written must not cost the errors
        for net in nets:
            keep(net)
    return errors


def _written(ledger: Ledger, images: Tensor, labels: Tensor) -> Iterator[TestError]:
    """The nets in the study's folder that `fitscape net` has written, as they are loaded by whoever takes them."""
    trials = {trial.trial_id: trial for trial in ledger.trials(details=False)}
    for file in sorted((ledger.path.parent / NETS).glob(f"*/{EXPORTED}")):
        trial, folder = trials.get(file.parent.name), file.parent
        wrong = logits_of(torch.export.load(file).module(), images).argmax(1) != labels
        if trial is not None and (known := final_record(trial)) is not None:
            yield _test_error(trial, known, wrong, reproduced=True, net=str(folder))
            continue
        about = json.loads((folder / PREPROCESS).read_text())  # recommended, and run by no trial
        named = {"trial_id": folder.name, "architecture": about["net"], "seed": about["seed"], "net": str(folder)}
        yield TestError(**named, **_of_test(wrong), val_error=about["validation_error"], reproduced=True)


def _test_error(trial: TrialRecord, known: EpochRecord, wrong: Tensor, *, reproduced: bool, net: str = "") -> TestError:
    """What a net of a trial is wrong about, ``wrong`` [N] bool, beside what the ledger knows of the trial."""
    return TestError(
        trial_id=trial.trial_id,
        architecture=trial.config.model.name,
        seed=trial.config.seed,
        val_error=known.val_error,
        **_of_test(wrong),
        reproduced=reproduced,
        net=net,
    )


def _of_test(wrong: Tensor) -> dict[str, Any]:
    count, n = int(wrong.sum()), len(wrong)
    low, high = jeffreys(count, n)
    return {"test_error": count / n, "low": low, "high": high, "images": n}


def _lowest(finalists: Iterable[TrialRecord]) -> set[str]:
    """Of each architecture the trial with the lowest validation error. Its test error stands beside the others'."""
    best: dict[str, tuple[float, str]] = {}
    for trial in finalists:
        record = final_record(trial)
        assert record is not None
        name = trial.config.model.name
        best[name] = min(best.get(name, (1.0, "~")), (record.val_error, trial.trial_id))
    return {trial_id for _, trial_id in best.values()}


def _who() -> str:
    """User and host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"

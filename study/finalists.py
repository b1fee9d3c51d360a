"""The sealed test part, opened for the finalists: the best configuration of each architecture, all its seeds."""

import getpass
import os
import socket
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any

from scipy.stats import beta
from torch import Tensor

from fitscape.study.config import Metric, StudyConfig, TrialConfig
from fitscape.study.data import SealedData, TrialData, load
from fitscape.study.errors import UserError
from fitscape.study.isolated import Crashed, call
from fitscape.study.ledger import SETTINGS, TEST_ERRORS, TEST_OPENED, Ledger
from fitscape.study.measures.metric import judged
from fitscape.study.records import TrialRecord
from fitscape.study.regimes import final_record
from fitscape.study.training import SAFE_FORMAT, Settings
from fitscape.study.training.classifier import Classifier
from fitscape.study.training.retrain import Again, evaluate_again

SAME = 1e-6  # difference of validation errors up to which a net trained again is the same net


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

    The ledger notes the opening before the seal is broken: whatever happens then, it is on record. What was
    measured follows in a note of its own.

    Raises:
        UserError: no trial has finished, the data differ from the study's, or the ledger cannot be written.
    """
    finalists = choose(ledger.trials(), ledger.config.data.metric)
    if not finalists:
        raise UserError("has no finished trial to open the test part for", where=ledger.config.name)
    data = data or load(ledger.config.data)
    if data.fingerprint != ledger.provenance["data_fingerprint"]:
        raise UserError("the data differ from the study's", where="data", fix="restore the files that it ran on")
    settings = _settings(ledger.config, ledger.get_meta(SETTINGS, {}), device)
    about = {"dataset": data.config.dataset, "fingerprint": data.fingerprint}
    trials = [trial.trial_id for trial in finalists]
    ledger.add_note(TEST_OPENED, {"reason": reason, "by": _who(), "trials": trials, **about})
    test = data.open_test(reason)
    errors, nets, lowest = [], [], _lowest(finalists)
    for trial in finalists:
        layout = trial.extra.get("memory_format", settings.memory_format)
        again = _again(trial.config, data.trial_data, test.images, test.labels, replace(settings, memory_format=layout))
        known = final_record(trial)
        assert known is not None  # choose() takes finished trials only
        wrong, n = int(again.results.wrong.sum()), len(again.results.wrong)
        low, high = _jeffreys(wrong, n)
        errors.append(
            TestError(
                trial_id=trial.trial_id,
                architecture=trial.config.model.name,
                seed=trial.config.seed,
                val_error=known.val_error,
                test_error=wrong / n,
                low=low,
                high=high,
                images=n,
                reproduced=abs(again.record.val_error - known.val_error) < SAME,
            )
        )
        if trial.trial_id in lowest:
            shared = data.trial_data
            nets.append(
                Finalist(trial.trial_id, again.classifier, shared.train_images[:2].clone(), tuple(shared.classes))
            )
    ledger.add_note(TEST_ERRORS, {"opening": test.opening, "finalists": [asdict(e) for e in errors]})
    if keep:  # only now: a net that cannot be written must not cost the errors
        for net in nets:
            keep(net)
    return errors


def _again(config: TrialConfig, data: TrialData, images: Tensor, labels: Tensor, settings: Settings) -> Again:
    """Trained again in a process of its own: one whose kernels crash is tried once more in the safe layout.

    Raises:
        UserError: it crashes in that one too.
    """
    for layout in (settings.memory_format, SAFE_FORMAT):
        try:
            return call(evaluate_again, config, data, images, labels, settings=replace(settings, memory_format=layout))
        except Crashed as error:
            crash = str(error)
    raise UserError(crash, where=f"trial {config.trial_id}", fix="run it on another machine, or leave it out")


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


def _settings(config: StudyConfig, kept: Mapping[str, Any], device: str) -> Settings:
    """As the study's trials were run."""
    threads = max(1, int(config.resources.cpus_per_trial))
    known = {k: kept[k] for k in ("precision", "memory_format") if k in kept}
    return Settings(device=device, threads=threads, **known)


def _jeffreys(wrong: int, n: int) -> tuple[float, float]:
    """95 % interval; closed at 0 and 1 (Brown, Cai and DasGupta 2001, section 3.1.2)."""
    error = beta(wrong + 0.5, n - wrong + 0.5)
    return (0.0 if wrong == 0 else float(error.ppf(0.025))), (1.0 if wrong == n else float(error.ppf(0.975)))

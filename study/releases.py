"""What earlier releases stored, as this release reads it: the ids of trials, and configs in ledgers and folders.

Everything here works on plain values as JSON holds them, so that it needs no class of an earlier release.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fitscape.models.spec import published_shortcut
from fitscape.models.weight_names import content_of

# Fields of a trial that came after 0.1.0, by section, each with what releases before it did. An id leaves a field
# out where it has that value, and a config that was stored without the field has that value, whatever new studies
# default to. An entry never changes and never goes: ids depend on it.
FROZEN: dict[str, dict[str, Any]] = {
    "evaluation": {"batch_norm": "running"},
    "model": {"keywords": {}, "weights": "none"},
    "optimization": {
        **{"warmup_epochs": 0.0, "freeze": 0, "head_lr_ratio": 1.0, "layer_decay": 1.0, "bn": "train"},
        **{"class_weights": "none", "label_smoothing": 0.0, "loss": "cross_entropy"},
    },
    "theirs": {},
    "data": {
        **{"crop_scale": 1.0, "rotation": 0.0, "colour_jitter": 0.0, "rand_augment": 0.0},
        **{"mixup": 0.0, "cutmix": 0.0, "image_size": None},
    },
}
FROZEN_ALONE: dict[str, Any] = {"trial": None}  # the same of fields that are in no section

# Sections of a study that a later release took away. Stored configs still hold them: they are read and dropped.
# `reading` refuses a new study that asks for what they did.
RETIRED = frozenset({"stopping"})


def trial_id(config: dict[str, Any]) -> str:
    """12 hexadecimal digits of a trial's whole config, equal on every machine, version of Python and release.

    Hashes every field of 0.1.0 always, and a later one only where it differs from its frozen value. Of weights
    their content counts, and not where they lie.
    """
    hashed = {k: v for k, v in config.items() if k not in FROZEN_ALONE or v != FROZEN_ALONE[k]}
    hashed["model"] = {**config["model"], "weights": content_of(config["model"]["weights"])}
    for section, fields in FROZEN.items():
        hashed[section] = {k: v for k, v in hashed[section].items() if k not in fields or v != fields[k]}
    canonical = json.dumps({k: v for k, v in hashed.items() if v != {}}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def trial_as_stored(config: dict[str, Any]) -> dict[str, Any]:
    """A stored trial's config with the later fields that it lacks; a section that is no mapping stays as it is."""
    held = {section: config.get(section, {}) for section in FROZEN}
    return {
        **FROZEN_ALONE,
        **config,
        **{s: {**FROZEN[s], **held[s]} if isinstance(held[s], dict) else held[s] for s in FROZEN},
    }


def study_as_stored(config: dict[str, Any]) -> dict[str, Any]:
    """A stored study's config, from a ledger or the study's folder, with the later fields that its base lacks."""
    base = config.get("base")
    return {**config, "base": trial_as_stored(_shortcut_as_asked_for(base))} if isinstance(base, dict) else config


def _shortcut_as_asked_for(base: dict[str, Any]) -> dict[str, Any]:
    """0.1.0 wrote a base's published shortcut where none was asked for, and did not mean it for other networks."""
    model = base.get("model")
    if "evaluation" in base or not isinstance(model, dict):
        return base
    published = published_shortcut(model.get("family", "resnet"), model.get("depth", 18))
    return {**base, "model": {**model, "shortcut": None}} if model.get("shortcut") == published else base


def without_retired(config: dict[str, Any]) -> dict[str, Any]:
    """A study's config without the sections of earlier releases."""
    return {key: value for key, value in config.items() if key not in RETIRED}


def chance_as_stored(provenance: Mapping[str, Any]) -> float:
    """The chance error of a study, of its provenance as its release wrote it.

    0.1.0 wrote down 1 where validation has no image of training's most frequent class, and 0 where it has no other:
    then it is computed anew from the counts, as ``TrialData.majority_error`` does.
    """
    chance = float(provenance["chance_error"])
    counts = provenance.get("data", {}).get("images_by_class")
    if 0 < chance < 1 or counts is None:
        return chance
    train, validation = counts["train"], counts["validation"]
    there = [c for c, count in enumerate(validation) if count]
    return float(1 - validation[max(there, key=lambda c: train[c])] / sum(validation))

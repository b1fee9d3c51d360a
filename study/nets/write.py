"""A net's folder: what a colleague needs, and what another study needs to start from it."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from scipy.stats import beta
from torch import Tensor

from fitscape.models.weight_names import NONE
from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData, select
from fitscape.study.data.splits import content_hashes
from fitscape.study.errors import UserError
from fitscape.study.files import NETS, SEEN, WEIGHTS
from fitscape.study.lazy import install_command
from fitscape.study.nets import texts
from fitscape.study.nets.network import Pictures, export
from fitscape.study.nets.temperature import Calibration, logits_of
from fitscape.study.weights import write_file

EXPORTED, ONNX, CLASSES, PREPROCESS, CARD, README = (
    "net.pt2",
    "net.onnx",
    "classes.json",
    "preprocess.json",
    "MODEL_CARD.md",
    "README.md",
)
STARTED_BY = ("family", "depth", "width", "norm", "stem", "shortcut", "growth_rate")  # what weights imply of a network


@dataclass(frozen=True, kw_only=True, eq=False)
class NetFacts:
    """What is known of a net beside its weights."""

    study: str
    trials: Sequence[TrialConfig]  # one a member
    dataset: str
    data: TrialData  # that it was trained on
    validation: TrialData  # the study's own split, for the agreement and the errors
    provenance: Mapping[str, Any]
    regime: str
    reproduced: bool  # trained again, the trial gave the validation error that the ledger holds
    with_validation: bool
    calibration: Calibration
    temperatures: Sequence[float]
    wrong: Tensor  # bool [M], of validation
    trials_own: Tensor  # int64 [M], what the trials' own evaluator says of validation

    @property
    def licence(self) -> str:
        """Of the weights that it started from."""
        name = self.trials[0].model.weights
        if name == NONE:
            return "none: trained from scratch"
        return str(self.provenance.get("weights", {}).get(name, {}).get("license", "not stated"))


def write(folder: Path, facts: NetFacts, net: Pictures, twin: Pictures, *, onnx: bool) -> Path:
    """Write ``net`` into ``FOLDER/nets/TRIAL``, in the place of an earlier one; returns that folder.

    Args:
        folder: the study's.
        facts: of the net.
        net: in eval mode, on the CPU.
        twin: trained on train alone, whose labels are compared with the trial's.
        onnx: write ``net.onnx`` too, by tools that are installed (`require_onnx`).
    """
    to = folder / NETS / facts.trials[0].trial_id
    to.parent.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=to.parent, prefix=".") as scratch:
        whole = Path(scratch) / "net"
        whole.mkdir()
        torch.export.save(export(net), whole / EXPORTED)
        exported = whole / EXPORTED
        if twin is not net:
            exported = Path(scratch) / EXPORTED
            torch.export.save(export(twin), exported)
        agreement = _agreement(exported, facts)
        for i, member in enumerate(net.net.members):
            name = WEIGHTS if i == 0 else WEIGHTS.replace(".", f"-{i}.", 1)
            write_file(whole / name, dict(member.net.state_dict()), _about(facts, member))  # type: ignore[union-attr]
        np.save(whole / SEEN, _seen(facts))
        _write_json(whole / CLASSES, list(facts.data.classes))
        _write_json(whole / PREPROCESS, _preprocess(facts, net, agreement))
        if onnx:
            _write_onnx(net, whole / ONNX)
        (whole / README).write_text(texts.readme(facts.study, net.channels))
        (whole / CARD).write_text(texts.card(_card(facts, agreement)))
        shutil.rmtree(to, ignore_errors=True)
        whole.rename(to)
    return to


def jeffreys(wrong: int, n: int) -> tuple[float, float]:
    """95 % interval of an error; closed at 0 and 1 (Brown, Cai and DasGupta 2001, section 3.1.2)."""
    error = beta(wrong + 0.5, n - wrong + 0.5)
    return (0.0 if wrong == 0 else float(error.ppf(0.025))), (1.0 if wrong == n else float(error.ppf(0.975)))


def _agreement(exported: Path, facts: NetFacts) -> float:
    """Share of validation images to which the net, as it is loaded from its file, gives the label of the trial."""
    loaded = torch.export.load(exported).module()
    labels = logits_of(loaded, facts.validation.val_images).argmax(1)
    return float((labels == facts.trials_own).double().mean())


def _about(facts: NetFacts, member: Any) -> dict[str, Any]:
    model = facts.trials[0].model
    return {
        "model": {name: getattr(model, name) for name in STARTED_BY},
        "classes": list(facts.data.classes),
        "mean": member.mean.flatten().tolist(),
        "std": member.std.flatten().tolist(),
        "dataset": facts.dataset,
        "fingerprint": facts.data.fingerprint,
        "input_shape": list(facts.data.input_shape),
    }


def _seen(facts: NetFacts) -> np.ndarray[Any, Any]:
    """Hashes of the images that some member was trained on."""
    chosen = [select(facts.data, trial.data, trial.seed).indices for trial in facts.trials]
    images = facts.data.train_images[torch.cat(chosen).unique()]
    return np.unique(content_hashes(images.numpy()))


def _preprocess(facts: NetFacts, net: Pictures, agreement: float) -> dict[str, Any]:
    height, width = net.size
    return {
        "input": "uint8, pictures x channels (1 or 3) x height x width, any size",
        "channels": net.channels,
        "crop": "the middle square" if height == width else "none",
        "resize": {"height": height, "width": width, "filter": "bilinear, antialiased"},
        "members": [
            {"mean": m.mean.flatten().tolist(), "std": m.std.flatten().tolist(), "temperature": t}  # type: ignore[operator]
            for m, t in zip(net.net.members, facts.temperatures, strict=True)
        ],
        "output": "logits; their softmax are probabilities, the temperature being inside",
        "calibration": asdict(facts.calibration),
        "agreement": {"share": agreement, "images": len(facts.wrong)},
        "validation_error": float(facts.wrong.double().mean()),
        "net": facts.trials[0].model.name,
        "seed": facts.trials[0].seed,
    }


def _card(facts: NetFacts, agreement: float) -> texts.ModelCard:
    labels, wrong = facts.validation.val_labels, facts.wrong
    low, high = jeffreys(int(wrong.sum()), len(wrong))
    by_class = []
    for i, name in enumerate(facts.validation.classes):
        n, missed = int((labels == i).sum()), int(wrong[labels == i].sum())
        if n:
            by_class.append((name, missed / n, *jeffreys(missed, n), n))
    trial = facts.trials[0]
    return texts.ModelCard(
        study=facts.study,
        trial=trial.trial_id,
        net=trial.model.name,
        members=len(facts.trials),
        dataset=facts.dataset,
        fingerprint=facts.validation.fingerprint,
        images=len(select(facts.data, trial.data, trial.seed).indices),
        with_validation=facts.with_validation,
        regime=facts.regime,
        reproduced=facts.reproduced,
        error=(float(wrong.double().mean()), low, high, len(wrong)),
        by_class=tuple(by_class),
        calibration=facts.calibration,
        agreement=agreement,
        weights=trial.model.weights,
        licence=facts.licence,
        size=tuple(facts.data.input_shape),
        code=str(facts.provenance.get("code", {}).get("fitscape", "")),
    )


def require_onnx() -> None:
    """Asked for before a net is trained.

    Raises:
        UserError: the tools for ONNX are not installed.
    """
    if missing := [name for name in ("onnx", "onnxscript") if find_spec(name) is None]:
        what = f"{' and '.join(missing)} {'are' if missing[1:] else 'is'} not installed"
        raise UserError(what, where="--onnx", fix=install_command("onnx"))


def _write_onnx(net: Pictures, to: Path) -> None:
    """From after the resizing: float32 [pictures, C, H, W] of pixels from 0 to 255."""
    example = torch.zeros(2, net.channels, *net.size)
    sizes = ({0: torch.export.Dim("pictures", min=1)},)
    torch.onnx.export(
        net.net,
        (example,),
        str(to),
        dynamo=True,
        dynamic_shapes=sizes,
        input_names=["pixels"],
        output_names=["logits"],
        external_data=False,
        verbose=False,
    )


def _write_json(to: Path, value: Any) -> None:
    to.write_text(json.dumps(value, indent=1) + "\n")

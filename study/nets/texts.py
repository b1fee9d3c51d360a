"""What a net's folder says in words: the README of a colleague, and the model card."""

from dataclasses import dataclass

from fitscape.study.nets.temperature import Calibration

LOADER = """\
import json, sys
import numpy as np, torch
from PIL import Image, ImageOps

net, classes = torch.export.load("net.pt2").module(), json.load(open("classes.json"))
for file in sys.argv[1:]:
    picture = ImageOps.exif_transpose(Image.open(file)).convert("{mode}")
    pixels = torch.from_numpy(np.array(picture)).reshape(1, picture.height, picture.width, -1).permute(0, 3, 1, 2)
    best = net(pixels).softmax(1)[0].topk(1)
    print(file, classes[int(best.indices)], round(float(best.values), 3))
"""

_README = """\
# A net of the study {study}

`net.pt2` takes pictures as uint8, grey or RGB, of any size from 2x2 pixels. Cropping, resizing and normalization are
inside. It needs torch, and Pillow to read files:

```python
{loader}```

| file | what it is |
|---|---|
| `net.pt2` | the whole net, by `torch.export` |
| `weights.safetensors` | its weights by torchvision's names; `base.model.weights` of another study takes the file |
| `net.onnx` | if you asked for it: the net from after the resizing, float32 pixels from 0 to 255 |
| `classes.json` | the names of the outputs, in their order |
| `preprocess.json` | what is done to a picture, the temperature, and how far the labels agree with the trial's |
| `training-images.npy` | a hash of each training image: another study refuses the weights if it holds these out |
| `MODEL_CARD.md` | what the net was trained on, its errors and its limits |

The weights of a ResNet18, ResNet34 or DenseNet121 of width 1 with the ImageNet stem go into torchvision's class too:
`net = torchvision.models.resnet18(num_classes=len(classes))`, then
`net.load_state_dict(safetensors.torch.load_file("weights.safetensors"))`. Such a net needs normalized pixels.
"""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What the model card says. An error is (error, low, high, images), with a 95 % Jeffreys interval."""

    study: str
    trial: str
    net: str
    members: int
    dataset: str
    fingerprint: str
    images: int
    with_validation: bool
    regime: str
    reproduced: bool
    error: tuple[float, float, float, int]
    by_class: tuple[tuple[str, float, float, float, int], ...]
    calibration: Calibration
    agreement: float
    weights: str
    licence: str
    size: tuple[int, ...]
    code: str


def readme(study: str, channels: int) -> str:
    return _README.format(study=study, loader=loader(channels))


def loader(channels: int) -> str:
    """Ten lines that load the net in plain torch."""
    return LOADER.format(mode="L" if channels == 1 else "RGB")


def card(facts: ModelCard) -> str:
    error, low, high, n = facts.error
    trained = "training and validation images" if facts.with_validation else "training images"
    of = "a twin that was trained without the validation images" if facts.with_validation else "this net"
    again = "" if facts.reproduced else " Trained again, the trial gave another validation error than in the study."
    several = f", an ensemble of {facts.members} seeds" if facts.members > 1 else ""
    scaled = facts.calibration
    rows = "\n".join(f"| {name} | {e:.4f} | {lo:.4f} to {hi:.4f} | {m} |" for name, e, lo, hi, m in facts.by_class)
    return f"""\
# Model card: {facts.net} of the study {facts.study}

- **Net:** {facts.net}, trial {facts.trial}{several}.
- **Data:** {facts.dataset}, fingerprint {facts.fingerprint}; {facts.images} {trained}
  of {facts.size[1]}x{facts.size[2]} pixels and {facts.size[0]} channels. The test part was not looked at.
- **Regime of the trial:** {facts.regime or "no label"}.{again}
- **Started from:** weights {facts.weights}; their licence: {facts.licence}.
- **Made by:** fitscape {facts.code}.

## Errors

Of {of}, on {n} validation images. These images helped to choose the configuration, so the error is a little too low.

| class | error | 95 % interval | images |
|---|---|---|---|
| all | {error:.4f} | {low:.4f} to {high:.4f} | {n} |
{rows}

The exported net gives {facts.agreement:.2%} of these images the label that the trial gave them.

## Probabilities

The temperature was chosen on half A of validation. On half B, {scaled.images} images, the expected calibration error is
{scaled.ece:.3f} and the negative log likelihood {scaled.nll:.3f}; of one net without a temperature, or of an ensemble
after its members' temperatures, they are {scaled.ece_before:.3f} and {scaled.nll_before:.3f}.

## Limits

The net knows these {len(facts.by_class)} classes and gives every picture one of them. Errors and probabilities are of
pictures like those of the data set; on others they may be far off.
"""

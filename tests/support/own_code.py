"""Files of a user's own code, as tests write them."""

from pathlib import Path

NETS = """
from blocks import block
from torch import nn

class SmallNet(nn.Module):
    def __init__(self, channels, classes, *, width: int = 4, slope: float = 0.1, pool: str = "mean", bias: bool = True):
        super().__init__()
        self.body = nn.Sequential(block(channels, width), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(width, classes, bias=bias)

    def forward(self, images):
        return self.head(self.body(images))
"""
BLOCKS = """
from torch import nn

def block(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU())
"""
DATA = """
def load():
    import numpy as np
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 3
    images = rng.integers(0, 60, (120, 12, 12), dtype=np.uint8)
    for image, label in zip(images, labels):
        image[label * 4 : label * 4 + 4] += 120
    return images, labels
"""
STUDY = """
name: own
plugins: [my_nets.py]
base:
  model: {family: "my_nets.py:SmallNet"}
  optimization: {epochs: 1, steps_per_epoch: 2, batch_size: 32}
space:
  width: {low: 2, high: 8}
  lr: {low: 0.01, high: 0.2, log: true}
search: {trials: 2}
"""


def write(folder: Path, **files: str) -> Path:
    """``my_nets='...'`` becomes ``my_nets.py``; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder

"""What a network costs, counted without running it."""

from functools import lru_cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from models.build import InputShape, blueprint
from models.spec import ModelSpec


@lru_cache(maxsize=1024)
def measure(spec: ModelSpec, input_shape: InputShape, classes: int) -> tuple[int, int]:
    """Parameters, and floating-point operations of one image's forward pass.

    FLOPs are torch's own count: 2 per multiply-add of convolutions and matrix products, nothing for norms,
    activations and pooling. (He et al. 2015, table 1, counts a multiply-add as one: its 1.8e9 are 3.6e9.)
    On the meta device: nothing is allocated, no weight is drawn.

    Raises:
        ValueError: as ``models.build.build``.
    """
    model = blueprint(spec, input_shape, classes).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.empty(1, *input_shape, device="meta"))
    return sum(p.numel() for p in model.parameters()), counter.get_total_flops()

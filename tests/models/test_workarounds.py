"""A canary for each workaround: it fails when torch no longer needs it (delete it then), or when it stopped working."""

import subprocess
import sys

import pytest

from fitscape.models import workarounds

# Each pair: what torch does by itself, and what we do instead. They run in processes forked from one that has imported
# torch alone, and each says whether the compiler is loaded afterwards.
PROGRAM = """
import os, sys, torch
from fitscape.models import workarounds
from torch import nn
from torch.nn import functional as F

def step(kind):
    net = nn.Linear(2, 2)
    optimizer = kind(net.parameters(), lr=0.1)
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())

def shapes():
    x = torch.empty(2, 3, 8, 8, device="meta")
    weight = torch.empty(4, 3, 3, 3, device="meta")
    x = F.batch_norm(F.conv2d(x, weight, None, (1, 1), (1, 1), (1, 1), 1), *torch.empty(2, 4, device="meta"))
    return F.linear(x.flatten(1), torch.empty(5, 256, device="meta"), torch.empty(5, device="meta"))

def blank():
    with torch.device("meta"):
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))

def within(mode, act):
    with mode:
        return act()

def flop_counter():
    from torch.utils.flop_counter import FlopCounterMode
    with FlopCounterMode(display=False):
        nn.Conv2d(3, 4, 3)(torch.ones(1, 3, 8, 8))

def torchvision_models():
    import torchvision.models

TORCH = {
    "to_empty": lambda: blank().to_empty(device="cpu"),
    "SGD": lambda: step(torch.optim.SGD),
    "AdamW": lambda: step(torch.optim.AdamW),
    "Shapes": shapes,
    "flop_counter": flop_counter,
    "torchvision": torchvision_models,
}
OURS = {
    "to_empty": lambda: workarounds.to_empty(blank()),
    "SGD": lambda: step(workarounds.SGD),
    "AdamW": lambda: step(workarounds.AdamW),
    "Shapes": lambda: within(workarounds.Shapes(), shapes),
}
for side, acts in (("torch", TORCH), ("ours", OURS)):
    for name, act in acts.items():
        child = os.fork()
        if not child:
            act()
            os._exit(10 + ("torch._dynamo" in sys.modules or "sympy" in sys.modules))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(side, name, {10: "free", 11: "loaded"}.get(code, f"exit {code}"), flush=True)
"""


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    """``torch SGD`` -> ``loaded`` or ``free``."""
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    rows = [line.split(maxsplit=2) for line in ran.stdout.splitlines()]
    return {f"{side} {name}": state for side, name, state in rows}


@pytest.mark.parametrize("name", ["to_empty", "SGD", "AdamW", "Shapes", "flop_counter", "torchvision"])
def test_torch_still_needs_it(found: dict[str, str], name: str) -> None:
    assert found[f"torch {name}"] == "loaded", f"torch no longer loads its compiler here: delete the entry of {name}"


@pytest.mark.parametrize("name", ["to_empty", "SGD", "AdamW", "Shapes"])
def test_it_still_works(found: dict[str, str], name: str) -> None:
    assert found[f"ours {name}"] == "free"
    assert hasattr(workarounds, name)

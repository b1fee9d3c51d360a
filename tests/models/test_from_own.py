"""Networks of a user's own: what they have to do is tried, and what they do wrong is said."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from own_code import BLOCKS, NETS, write

from fitscape.models.build import build
from fitscape.models.from_own import require_contract
from fitscape.models.size import measure
from fitscape.models.spec import ModelSpec
from fitscape.study.plugins import code_of, install

SHAPE = (3, 8, 8)
NET = "from torch import nn\nimport torch\nclass Net(nn.Module):\n"
INIT = (
    "    def __init__(self, channels, classes):\n        super().__init__()\n        self.a = nn.Linear(192, classes)\n"
)
FORWARD = "    def forward(self, x):\n        return self.a(x.flatten(1))"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    install(None)


def spec(folder: Path, name: str = "Net", **files: str) -> ModelSpec:
    write(folder, **files)
    found = ModelSpec(family=f"my_nets.py:{name}")
    install(code_of({"plugins": [str(folder / "my_nets.py")], "base": {"model": {"family": found.family}}}))
    return found


def test_a_network_is_built_with_its_keywords_and_counted(folder: Path) -> None:
    small = spec(folder, "SmallNet", my_nets=NETS, blocks=BLOCKS).replace(keywords={"width": 5})
    model = build(small, SHAPE, 10)
    assert model(torch.zeros(2, *SHAPE)).shape == (2, 10)
    assert measure(small, SHAPE, 10) == (sum(p.numel() for p in model.parameters()), 2 * (64 * 27 * 5 + 50))
    require_contract(small, SHAPE, 10)


def test_a_network_that_looks_at_numbers_is_counted_on_the_cpu(folder: Path) -> None:
    looks = FORWARD.replace("return", "assert x.sum().item() == 0, 'whatever memory held'\n        return")
    assert measure(spec(folder, my_nets=NET + INIT + looks), SHAPE, 10)[0] == 1930


def test_a_network_without_its_plugin_is_refused() -> None:
    with pytest.raises(ValueError, match=r"there is no module not_there; name not_there\.py in plugins"):
        build(ModelSpec(family="not_there.py:Net"), SHAPE, 10)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            NET + INIT + FORWARD + "[:, :3]",
            r"gives logits of shape \(2, 3\) for 2 images and 10 classes; expected \(2, 10\)",
        ),
        (NET + INIT + FORWARD + ".argmax(1)", r"gives logits of shape \(2,\)"),
        (NET + INIT + FORWARD + ", 1", "returns tuple for images, not logits"),
        (NET + INIT + FORWARD + ".detach()", "cannot be trained"),
        (
            NET + INIT + FORWARD.replace("flatten(1)", "flatten(2)"),
            "cannot take 8x8 images of 3 channels: RuntimeError: ",
        ),
        ("def Net(channels, classes): return 3", "gives int, not a torch.nn.Module"),
        ("def Net(channels, classes): return 1 / 0", r"Net\(3, 10\) raised ZeroDivisionError: division by zero"),
        ("from torch import nn\ndef Net(channels, classes): return nn.Flatten()", "has no parameters to train"),
    ],
)
def test_a_network_that_breaks_the_contract_is_refused(folder: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        require_contract(spec(folder, my_nets=text), SHAPE, 10)

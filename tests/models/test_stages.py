"""Stages are what a person expects of each family, hold every parameter once, and end with the head."""

import pytest

from fitscape.models.build import blueprint
from fitscape.models.spec import ModelSpec
from fitscape.models.stages import stages

LAYERS = ["layer1", "layer2", "layer3", "layer4"]
BLOCKS = ["denseblock1", "denseblock2", "denseblock3", "denseblock4"]


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        (ModelSpec(), ["stem", *LAYERS, "head"]),
        (ModelSpec(family="plain", depth=34), ["stem", *LAYERS, "head"]),
        (ModelSpec(depth=20, norm="none"), ["stem", *LAYERS[:3], "head"]),
        (ModelSpec(family="densenet", depth=121), ["stem", *BLOCKS, "head"]),
        (ModelSpec(family="timm:resnet18"), ["stem", *LAYERS, "head"]),
        (
            ModelSpec(family="timm:vit_tiny_patch16_224"),
            ["patch_embed", *(f"blocks.{i}" for i in range(12)), "norm", "head"],
        ),
        (
            ModelSpec(family="timm:convnext_atto"),
            ["stem.0", "stem.1", *(f"stages.{i}" for i in range(4)), "head.norm", "head"],
        ),
    ],
)
def test_stages_by_family(spec: ModelSpec, names: list[str]) -> None:
    model = blueprint(spec, (3, 32, 32), 10)
    found = stages(model)
    assert [stage.name for stage in found] == names
    held = [id(p) for stage in found for p in stage.parameters()]
    assert sorted(held) == sorted(id(p) for p in model.parameters())
    assert [p.shape[0] for p in found[-1].parameters()] == [10, 10]

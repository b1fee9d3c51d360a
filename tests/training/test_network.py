from collections.abc import Sequence

import pytest
import torch
from torch import nn

from fitscape.models.spec import ModelSpec
from fitscape.study.isolated import call
from fitscape.study.training import Settings
from fitscape.study.training.network import make_network
from fitscape.study.training.settings import MemoryFormat

SHAPE = (1, 28, 28)


def net(memory_format: MemoryFormat, seed: int = 0) -> nn.Module:
    spec = ModelSpec(depth=18, width=0.25)
    return make_network(spec, SHAPE, 10, seed=seed, settings=Settings(memory_format=memory_format))


def test_seed_decides_the_weights_and_layout_does_not() -> None:
    weights = [net(m, s).get_parameter("conv1.weight") for m, s in (("nchw", 0), ("mixed", 0), ("nchw", 1))]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("memory_format", ["channels_last", "mixed"])
def test_layouts_compute_the_same(memory_format: MemoryFormat) -> None:
    x = torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(0))
    expected = net("nchw")(x)
    torch.testing.assert_close(net(memory_format)(x), expected, rtol=1e-3, atol=1e-3)


def test_mixed_keeps_only_convolutions_of_small_maps_in_nchw() -> None:
    model = net("mixed")
    seen = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3) and module.in_channels > 1:
            module.register_forward_hook(
                lambda _, inputs, out, name=name: seen.update({name: (inputs[0].shape[-1], out.is_contiguous())})
            )
    model(torch.randn(2, *SHAPE))
    assert {size <= 4 for size, _ in seen.values()} == {True, False}
    assert all(contiguous == (size <= 4) for size, contiguous in seen.values())


NARROW = ((0.0625, 64), (0.125, 64), (0.1875, 256))  # width, and side of the image


@pytest.mark.parametrize("layout", ["channels_last", "mixed"])
def test_narrow_nets_on_large_maps_train_in_every_layout(layout: MemoryFormat) -> None:
    """On a CPU with AVX-512 such a step died with SIGSEGV (a strided 1x1 convolution in channels_last)."""
    call(train_a_little, NARROW, layout)


def train_a_little(nets: Sequence[tuple[float, int]], layout: MemoryFormat) -> None:
    torch.set_num_threads(1)
    settings = Settings(memory_format=layout)
    for width, size in nets:
        model = make_network(ModelSpec(width=width), (3, size, size), 2, seed=0, settings=settings)
        images = torch.randn(2, 3, size, size).to(memory_format=settings.torch_memory_format)
        for _ in range(3):
            model(images).sum().backward()


def test_so_they_do_on_a_cpu_without_avx512(monkeypatch: pytest.MonkeyPatch) -> None:
    """There such a step corrupted memory on maps of every size."""
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")  # for the process that trains
    call(train_a_little, ((0.0625, 8), (0.0625, 32)), "channels_last")


def test_maps_of_small_images_keep_their_layout() -> None:
    model = make_network(ModelSpec(width=0.125), (1, 28, 28), 2, seed=0, settings=Settings(memory_format="mixed"))
    hooked = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m._forward_pre_hooks]
    assert all(not (max(conv.stride) > 1 and conv.in_channels < 16) for conv in hooked)

import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

from fitscape.models.build import build
from fitscape.models.registry import CIFAR_DEPTHS, FAMILIES
from fitscape.models.residual import Block, ZeroPaddedSubsampling, network
from fitscape.models.size import measure
from fitscape.models.spec import ModelSpec, Shortcut, Stem

CIFAR = (3, 32, 32)


def parameters(**hyperparameters: object) -> int:
    return measure(ModelSpec(**hyperparameters), CIFAR, 10)[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("depth", "millions", "digits"), [(20, 0.27, 2), (32, 0.46, 2), (44, 0.66, 2), (56, 0.85, 2), (110, 1.7, 1)]
)
def test_cifar_resnets_have_the_parameters_of_he_table_6(depth: int, millions: float, digits: int) -> None:
    assert round(parameters(depth=depth) / 1e6, digits) == millions


@pytest.mark.parametrize("depth", FAMILIES["plain"].depths)
@pytest.mark.parametrize("width", [0.125, 0.3, 1.0])
def test_a_plain_net_and_its_option_a_resnet_have_equal_parameter_counts(depth: int, width: float) -> None:
    plain = parameters(family="plain", depth=depth, width=width)
    assert plain == parameters(family="resnet", depth=depth, width=width, shortcut="identity")
    assert plain < parameters(family="resnet", depth=depth, width=width, shortcut="projection")


def test_resnet18_on_cifar_has_the_parameters_that_the_field_reports() -> None:
    assert parameters(depth=18) == 11_173_962


def test_option_a_takes_every_second_pixel_and_pads_new_channels_with_zeros() -> None:
    x = torch.arange(2 * 3 * 5 * 5, dtype=torch.float64).reshape(2, 3, 5, 5)
    out = ZeroPaddedSubsampling(stride=2, new_channels=4)(x)
    assert out.shape == (2, 7, 3, 3)
    assert torch.equal(out[:, :3], x[:, :, ::2, ::2])
    assert not out[:, 3:].any()


def test_option_a_has_the_gradient_of_what_it_computes() -> None:
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ZeroPaddedSubsampling(stride=2, new_channels=2), x)


@pytest.mark.parametrize(("shortcut", "family"), [("identity", "resnet"), ("projection", "resnet"), ("none", "plain")])
def test_only_a_residual_block_passes_its_input_on(shortcut: Shortcut, family: str) -> None:
    block = Block(ModelSpec(family=family, shortcut=shortcut), 4, 4, stride=1).eval()
    for weight in (block.conv1.weight, block.conv2.weight):
        torch.nn.init.zeros_(weight)
    x = torch.rand(1, 4, 6, 6)
    expected = torch.zeros_like(x) if shortcut == "none" else x
    assert torch.equal(block(x), expected)


@pytest.mark.parametrize("norm", ["batch", "group", "none"])
@pytest.mark.parametrize("shortcut", ["identity", "projection"])
def test_bf16_autocast_keeps_channels_last_through_every_block(norm: str, shortcut: str) -> None:
    spec = ModelSpec(depth=20, norm=norm, shortcut=shortcut)  # type: ignore[arg-type]
    model = build(spec, (3, 16, 16), 10).to(memory_format=torch.channels_last)
    layouts = []
    for module in model.modules():
        if isinstance(module, Block):
            module.register_forward_hook(
                lambda _, __, out: layouts.append(out.is_contiguous(memory_format=torch.channels_last))
            )
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(torch.randn(2, 3, 16, 16).to(memory_format=torch.channels_last))
    logits.float().sum().backward()
    assert layouts == [True] * 9
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("depth", [18, *CIFAR_DEPTHS[:1]])
@pytest.mark.parametrize(("stem", "side"), [("small", 32), ("imagenet", 8)])
def test_either_stem_goes_with_every_depth_and_the_imagenet_stem_quarters_the_image(
    depth: int, stem: Stem, side: int
) -> None:
    model = network(ModelSpec(depth=depth, stem=stem, width=0.125), 3, 10)
    first_stage = list(dict(model.named_children())).index("layer1")
    assert model[:first_stage](torch.rand(2, *CIFAR)).shape[2:] == (side, side)


def test_dropout_acts_before_the_classifier_in_train_mode_only() -> None:
    model = build(ModelSpec(depth=20, dropout=0.5, norm="none"), (1, 8, 8), 10)
    x = torch.rand(4, 1, 8, 8)
    assert list(dict(model.named_children()))[-2:] == ["dropout", "fc"]
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_plain56_degrades_but_does_not_stand_still() -> None:
    """Training error over seeds 0 to 4 was 0.59 to 0.80 here; ResNet-56 trained alike had at most 0.001."""
    digits = load_digits()
    x = torch.tensor(digits.images[:1280], dtype=torch.float32)[:, None] / 8 - 1
    labels = torch.tensor(digits.target[:1280])
    torch.manual_seed(3)
    model = build(ModelSpec(family="plain", depth=56, width=0.5), (1, 8, 8), 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=120)
    for _ in range(120):
        batch = torch.randint(len(x), (128,))
        optimizer.zero_grad()
        F.cross_entropy(model(x[batch]), labels[batch]).backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        error = (model.eval()(x).argmax(1) != labels).float().mean().item()
    assert 0.1 < error < 0.85

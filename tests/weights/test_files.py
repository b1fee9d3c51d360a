"""Weights are read from files as tensors alone, and what a file is not is said in one line."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from fitscape.models.starting_weights import IMAGENET_MEAN
from fitscape.models.weight_names import parse_weights
from fitscape.study.errors import UserError
from fitscape.study.files import NETS, SEEN, WEIGHTS
from fitscape.study.weights import WeightSource, read, write_file

STATE = {"conv1.weight": torch.arange(27.0).view(1, 3, 3, 3), "fc.bias": torch.ones(2)}
ABOUT = {"mean": [1.0], "std": [2.0], "classes": ["a", "b"], "model": {"width": 0.5}, "input_shape": [1, 8, 8]}


class Code:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("this must not be run",)


def named(text: object, root: Path) -> WeightSource:
    name = parse_weights(str(text))
    assert name is not None
    return read(name, root)


def test_a_file_of_torch_and_one_of_safetensors_have_the_same_content(tmp_path: Path) -> None:
    torch.save({"state_dict": STATE}, tmp_path / "w.pth")
    write_file(tmp_path / "w.safetensors", STATE, {})
    first, second = (named(tmp_path / f"w.{ending}", tmp_path) for ending in ("pth", "safetensors"))
    assert first.weights.digest == second.weights.digest
    assert first.weights.mean == IMAGENET_MEAN
    assert "does not say how its images were normalized" in first.note


def test_our_own_file_says_what_it_knows(tmp_path: Path) -> None:
    write_file(tmp_path / "w.safetensors", STATE, ABOUT)
    np.save(tmp_path / SEEN, np.array([3], dtype=np.uint64))
    found = named(tmp_path / "w.safetensors", tmp_path)
    assert (found.weights.mean, found.weights.std, found.weights.classes) == ((1.0,), (2.0,), ("a", "b"))
    assert found.weights.model == {"width": 0.5}
    assert found.facts["input_shape"] == [1, 8, 8]
    assert found.seen is not None
    assert (found.seen.tolist(), found.note) == ([3], "")


def test_code_beside_tensors_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"net": Code()}, tmp_path / "w.pth")
    with pytest.raises(UserError, match="holds pickled code beside its tensors, which is not run"):
        named(tmp_path / "w.pth", tmp_path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights at all", b"hello", b"\x80\x02X\x01", b"\x80\x020", b"\x80\x02s"])
def test_any_other_file_is_refused_in_a_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        UserError, match=r"^\S+: holds (no weights|pickled code).*\(save the network's state_dict"
    ) as refused:
        named(tmp_path / name, tmp_path)
    assert "\n" not in str(refused.value)
    with pytest.raises(UserError, match="is not there"):
        named(tmp_path / f"other{name}", tmp_path)


def test_content_that_has_changed_is_refused(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "w.pth")
    digest = named(tmp_path / "w.pth", tmp_path).weights.digest
    assert named(f"{tmp_path / 'w.pth'}@{digest}", tmp_path).weights.digest == digest
    with pytest.raises(UserError, match=f"has changed: its content is {digest}, the study's is {'0' * 16}"):
        named(f"{tmp_path / 'w.pth'}@{'0' * 16}", tmp_path)


def test_the_net_of_a_study_is_its_only_one_or_the_one_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape("fitscape net shirts --recommended writes one")):
        named("study:shirts", tmp_path)
    for trial in ("0123456789ab", "ba9876543210"):
        folder = tmp_path / "shirts" / NETS / trial
        folder.mkdir(parents=True)
        write_file(folder / WEIGHTS, STATE, {**ABOUT, "dataset": trial})
        if trial == "0123456789ab":
            assert named("study:shirts", tmp_path).facts["dataset"] == trial
    assert named("study:shirts/ba9876543210", tmp_path).facts["dataset"] == "ba9876543210"
    with pytest.raises(UserError, match="has several nets"):
        named("study:shirts", tmp_path)


def test_a_registry_without_such_weights_says_so(tmp_path: Path) -> None:
    for name in ("torchvision:ResNet18_Weights.NONE_SUCH", "torchvision:nonet", "timm:nonet.at_all"):
        with pytest.raises(UserError, match="has no"):
            named(name, tmp_path)

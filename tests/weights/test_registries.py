"""Weights that torchvision or timm downloads: from a server of the test's, by their own code."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import ResNet18_Weights, resnet18

from fitscape.models.weight_names import parse_weights
from fitscape.study.errors import UserError
from fitscape.study.weights import WeightSource, read

NAME = "torchvision:ResNet18_Weights.IMAGENET1K_V1"


class Code:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("this must not be run",)


class Registry:
    """A server of files, and what was asked of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, 0
        registry = self

        class Handler(SimpleHTTPRequestHandler):
            def log_request(self, *_: Any) -> None:
                registry.asked += 1

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def publish(self, content: object) -> str:
        """The address of a file whose name ends in its hash, as torch wants it."""
        file = self.folder / "new.pth"
        torch.save(content, file)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        file.rename(self.folder / f"net-{digest[:8]}.pth")
        return f"http://127.0.0.1:{self._server.server_port}/net-{digest[:8]}.pth"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "served").mkdir()
    registry = Registry(tmp_path / "served")
    yield registry
    registry.stop()


def named(text: str, root: Path) -> WeightSource:
    name = parse_weights(text)
    assert name is not None
    return read(name, root)


def at(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(ResNet18_Weights.IMAGENET1K_V1.value, "url", url)


def test_torchvision_downloads_once_and_the_weights_are_those_of_the_file(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = resnet18().state_dict()
    at(monkeypatch, registry.publish(state))
    found = named(NAME, tmp_path)
    again = named(f"{NAME}@{found.weights.digest}", tmp_path)
    assert registry.asked == 1
    assert again.weights.digest == found.weights.digest
    assert torch.equal(found.weights.tensors["conv1.weight"], state["conv1.weight"])
    assert torch.equal(found.weights.tensors["fc.weight"], state["fc.weight"])
    assert found.weights.mean == pytest.approx((123.675, 116.28, 103.53))
    assert found.weights.classes is not None
    assert found.weights.classes[0] == "tench"


def test_what_a_registry_sends_is_never_run(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at(monkeypatch, registry.publish({"conv1.weight": Code()}))
    with pytest.raises(UserError, match=r"^model\.weights: torchvision:\S+ holds more than tensors, which is not read"):
        named(NAME, tmp_path)
    assert "this must not be run" not in capsys.readouterr().out


def test_a_download_that_fails_or_is_damaged_is_said_in_a_line(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = registry.publish(resnet18().state_dict())
    file = next(registry.folder.iterdir())
    file.write_bytes(file.read_bytes()[:-100])
    for address in (url, url.replace("net-", "gone-")):
        at(monkeypatch, address)
        with pytest.raises(UserError, match="cannot be downloaded: ") as refused:
            named(NAME, tmp_path)
        assert "\n" not in str(refused.value)


def test_timm_downloads_by_its_own_code(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registered = pytest.importorskip("timm.models._registry")._model_pretrained_cfgs
    state = resnet18().state_dict()
    config = replace(registered["resnet18.a1_in1k"], hf_hub_id=None, url=registry.publish(state))
    monkeypatch.setitem(registered, "resnet18.a1_in1k", config)
    found = named("timm:resnet18.a1_in1k", tmp_path)
    assert torch.equal(found.weights.tensors["conv1.weight"], state["conv1.weight"])
    assert found.facts["license"] == "apache-2.0"
    monkeypatch.setitem(registered, "resnet18.a1_in1k", replace(config, url=registry.publish({"w": Code()})))
    with pytest.raises(UserError, match="timm cannot load it") as refused:
        named("timm:resnet18.a1_in1k", tmp_path)
    assert "\n" not in str(refused.value)

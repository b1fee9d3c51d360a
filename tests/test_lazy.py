"""Optional packages are installed by their own names: no index holds fitscape, and somebody else may take the name."""

from importlib import metadata

import pytest

from fitscape.study.lazy import install_command

REQUIRED = [
    "torch>=2.9",
    "onnx>=1.17; extra == 'onnx'",
    'onnxscript>=0.5 ; extra == "onnx"',
    "timm>=1; extra == 'timm'",
]


def test_an_optional_part_is_installed_by_the_names_of_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda _: REQUIRED)
    assert install_command("onnx") == "pip install 'onnx>=1.17' 'onnxscript>=0.5'"


def test_sources_on_a_path_name_the_package_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: str) -> list[str]:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "requires", nothing)
    assert install_command("timm") == "pip install 'timm'"

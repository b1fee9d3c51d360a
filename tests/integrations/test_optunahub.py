"""The package for OptunaHub, loaded as that registry loads packages of a local folder; its network is not asked."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import optuna
import pytest
import yaml
from pages import REPOSITORY

import fitscape

REGISTRY = REPOSITORY / "integrations/optunahub/package"
PACKAGE = "samplers/regime"


def load_local_module(package: str, registry_root: str = str(REGISTRY)) -> ModuleType:
    """As ``optunahub.load_local_module``: the folder's ``__init__.py`` under the folder's own name."""
    name = Path(package).name
    spec = importlib.util.spec_from_file_location(name, Path(registry_root) / package / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """``optunahub`` with what is on this disk."""
    module = ModuleType("optunahub")
    vars(module)["load_module"] = load_local_module
    monkeypatch.setitem(sys.modules, "optunahub", module)
    monkeypatch.setitem(sys.modules, Path(PACKAGE).name, ModuleType("nothing"))  # and is taken out again
    return module


def test_the_package_loads_and_is_our_sampler(hub: ModuleType) -> None:
    module = hub.load_module(package=PACKAGE)
    assert module.RegimeSampler is fitscape.RegimeSampler
    assert module.report_errors is fitscape.report_errors


def test_its_example_runs(hub: ModuleType) -> None:
    spec = importlib.util.spec_from_file_location("example", REGISTRY / PACKAGE / "example.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = example.main(trials=14)
    optuna.logging.set_verbosity(optuna.logging.INFO)
    assert all(trial.user_attrs.keys() >= {"train_error", "val_error", "val_n"} for trial in study.trials)
    assert study.sampler.infer_relative_search_space(study, study.trials[-1]).keys() == {
        "max_depth",
        "min_samples_leaf",
    }


def test_it_has_what_the_registry_wants() -> None:
    folder = REGISTRY / PACKAGE
    assert {path.name for path in folder.iterdir() if path.suffix != ".pyc" and path.name != "__pycache__"} == {
        *("README.md", "LICENSE", "__init__.py", "example.py", "requirements.txt"),
    }
    _, front, text = (folder / "README.md").read_text().split("---\n", 2)
    facts = yaml.safe_load(front)
    assert facts.keys() == {"author", "title", "description", "tags", "optuna_versions", "license"}
    assert "sampler" in facts["tags"]
    assert facts["license"] == (folder / "LICENSE").read_text().splitlines()[0]
    assert optuna.__version__.partition(".")[0] in {version.partition(".")[0] for version in facts["optuna_versions"]}
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        *("## Abstract", "## APIs", "## Installation", "## Example", "## Others"),
    ]

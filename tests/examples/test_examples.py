"""The examples run, and say of what they show how it comes out."""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from own_code import write

import fitscape
from fitscape.models.spec import ModelSpec
from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.data import TrialData, load
from fitscape.study.plugins import code_of, install
from fitscape.study.reading import load_config
from fitscape.study.records import EpochRecord
from fitscape.study.training import Settings, run_trial

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def _nothing_installed() -> Iterator[None]:
    yield
    install(None)


@pytest.fixture(scope="module")
def digits() -> TrialData:
    return load(StudyConfig(name="digits").data).trial_data


def last(config: StudyConfig, data: TrialData, **hyperparameters: Any) -> EpochRecord:
    install(code_of(config))
    trial = config.base.with_hyperparameters(hyperparameters)
    return list(run_trial(trial, data, settings=Settings()))[-1].record


def test_a_plain_loop_becomes_a_trial_by_few_changed_lines(digits: TrialData) -> None:
    plain, trial = ((EXAMPLES / name).read_text().splitlines() for name in ("plain_loop.py", "plain_trial.py"))
    changes = [line for line in difflib.ndiff(plain[1:], trial[1:]) if line.startswith("+ ") and line.strip() != "+"]
    assert 0 < len(changes) <= 15
    record = last(load_config(EXAMPLES / "plain_trial.yaml"), digits)
    assert record.epoch == 3
    assert record.val_error < 0.3


def test_a_shallow_forest_underfits_and_a_deep_one_with_few_images_overfits(digits: TrialData) -> None:
    config = load_config(EXAMPLES / "forest.yaml")
    shallow, deep = (last(config, digits, max_depth=d, train_fraction=0.05) for d in (1, 16))
    assert shallow.train_error > 0.2
    assert deep.train_error < 0.02
    assert deep.val_error - deep.train_error > 0.1


@pytest.mark.filterwarnings("ignore")  # Lightning's advice on workers, and what its dependencies have deprecated
def test_a_lightning_module_is_a_trial_whose_errors_are_clean(
    digits: TrialData, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[dict[str, float]] = []

    def spied(*given: Any, measure: Any = fitscape.log_clean_errors, **how: Any) -> dict[str, float]:
        measured.append(measure(*given, **how))
        return measured[-1]

    monkeypatch.setattr(fitscape, "log_clean_errors", spied)
    record = last(load_config(EXAMPLES / "lightning_trial.yaml"), digits)
    found = measured[-1]
    assert len(measured) == record.epoch == 3
    assert (record.train_error, record.val_error) == (found["clean_train_error"], found["clean_val_error"])
    assert record.val_error < 0.1
    assert found["gap_artefact"] < 0  # dropout and moving weights made the logged training error too high


def test_a_network_and_a_loss_of_one_s_own_train(digits: TrialData) -> None:
    config = load_config(EXAMPLES / "my_nets.yaml")
    few = {"epochs": 1, "blocks": 1, "last_norm": True}
    assert last(config, digits, loss="my_nets.py:focal", **few).val_loss > 0


def test_our_network_given_as_own_code_has_equal_curves(digits: TrialData, tmp_path: Path) -> None:
    write(
        tmp_path,
        mine="from fitscape.models.build import build\nfrom fitscape.models.spec import ModelSpec\n"
        "def net(channels, classes, *, wide: float = 0.0625):\n"
        "    return build(ModelSpec(depth=18, width=wide), (channels, 8, 8), classes)\n",
    )
    steps = {"epochs": 2, "steps_per_epoch": 3, "batch_size": 32}
    base = TrialConfig(model=ModelSpec(family="mine.py:net", keywords={"wide": 0.0625}))
    own = StudyConfig(name="own", plugins=(str(tmp_path / "mine.py"),), base=base)
    ours = StudyConfig(name="ours", base=TrialConfig(model=ModelSpec(depth=18, width=0.0625)))
    one, other = (last(config, digits, **steps) for config in (own, ours))
    for name in ("batch_loss", "train_loss", "train_error", "val_loss", "val_error", "gradient_ratio"):
        assert getattr(one, name) == getattr(other, name)
    assert one.gradients == other.gradients

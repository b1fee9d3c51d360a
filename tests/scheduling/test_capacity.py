"""Cost of a trial before it has run, and how many share a card."""

from typing import Any

import pytest
from ray.util.placement_group import placement_group_table

from fitscape.study.config import Choices, Range, StudyConfig, TrialConfig
from fitscape.study.errors import UserError
from fitscape.study.scheduling import capacity
from fitscape.study.scheduling.capacity import Places, costliest, hungriest, study_settings
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.demand import Demand
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.packing import Request, SetAside
from fitscape.study.search.cost import Work
from fitscape.study.search.space import resolve

SHAPE = (1, 8, 8)


def cost(**hyperparameters: object) -> float:
    return Work(1000, 0, 0, SHAPE, 10).trial(TrialConfig().with_hyperparameters(hyperparameters))


def test_cost_grows_with_epochs_data_width_and_depth() -> None:
    base = cost(width=0.25)
    assert cost(width=0.25, epochs=20) == pytest.approx(2 * base)
    assert cost(width=0.25, train_fraction=0.5) == pytest.approx(base / 2)
    assert cost(width=0.5) == pytest.approx(4 * base)
    assert cost(width=0.25, architecture="resnet34") > base
    assert cost(width=0.25, steps_per_epoch=1, batch_size=100) == pytest.approx(base / 10)


def test_a_network_of_timm_is_counted_as_it_is() -> None:
    assert cost(architecture="timm:resnet18") > cost(architecture="timm:resnet10t") > 0
    config = StudyConfig(name="s", space={"architecture": Choices(choices=("timm:test_resnet", "timm:resnet18"))})
    base = TrialConfig().with_hyperparameters({"architecture": "timm:test_resnet"})
    found = costliest(config.model_copy(update={"base": base}), resolve(config), [], SHAPE, 10)
    assert found.model.name == "timm:resnet18"


def test_the_costliest_trial_of_a_space_is_at_its_corner() -> None:
    config = StudyConfig(
        name="s",
        base=TrialConfig().with_hyperparameters({"width": 0.125}),
        space={
            "architecture": Choices(choices=("resnet18", "resnet34")),
            "width": Range(low=0.125, high=0.5),
            "batch_size": Choices(choices=(32, 64)),
        },
    )
    found = costliest(config, resolve(config), [], SHAPE, 10)
    assert (found.model.name, found.model.width, found.optimization.batch_size) == ("resnet34", 0.5, 64)
    heavier = TrialConfig().with_hyperparameters({"width": 2.0, "batch_size": 512})
    assert costliest(config, resolve(config), [heavier], SHAPE, 10) == heavier


def test_a_study_of_nets_that_the_images_cannot_feed_is_refused() -> None:
    config = StudyConfig(name="s", base=TrialConfig().with_hyperparameters({"stem": "imagenet"}))
    with pytest.raises(UserError, match=r"base.model: 8x8 images are too small for resnet18"):
        costliest(config, {}, [], SHAPE, 10)


def test_where_only_some_nets_can_be_built_the_others_stand_for_the_study() -> None:
    config = StudyConfig(name="s", base=TrialConfig().with_hyperparameters({"width": 0.125}))
    hopeless = config.base.with_hyperparameters({"stem": "imagenet", "width": 2.0})
    assert costliest(config, {}, [hopeless], SHAPE, 10) == config.base


@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_a_network_that_raises_as_it_is_measured_is_left_to_its_trial(
    monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    """A user's own raises what it likes. It passed the look at it, and fails at another width, say."""

    def call(*_: object, **__: object) -> None:
        raise IndexError("index 4 is out of range")

    monkeypatch.setattr(capacity, "call", call)
    config = StudyConfig(name="s", resources={"precision": precision, "memory_format": "nchw"})
    settings, keep = study_settings(config, config.base, SHAPE, 10, {}, "cpu", [config.base])
    assert (settings.precision, keep["timed"], keep["problem"]) == ("fp32", [], "IndexError: index 4 is out of range")


def test_the_hungriest_trial_is_not_the_costliest_one() -> None:
    """Group norm keeps fp32 activations under autocast: the same operations, twice the memory."""
    space = {
        "norm": Choices(choices=("batch", "group")),
        "architecture": Choices(choices=("resnet18", "densenet121")),
        "width": Range(low=0.5, high=2.0),
        "batch_size": Choices(choices=(128, 512)),
    }
    config = StudyConfig(name="s", space=space)
    first, second = hungriest(config, resolve(config), [], (3, 32, 32), 10)
    assert (first.model.name, first.model.norm, first.model.width) == ("densenet121", "group", 2.0)
    assert (second.model.name, second.model.norm, second.optimization.batch_size) == ("densenet121", "batch", 512)


class Growing:
    """A cluster of so many slots."""

    local = False

    def __init__(self, slots: int) -> None:
        self.fit, self.aside = slots, SetAside()

    def slots(self, request: Request) -> int:
        return self.fit


class Shown:
    """Stands for the placement groups."""

    def __init__(self, request: Request) -> None:
        self.count = 0

    def show(self, count: int, selector: dict[str, str]) -> None:
        self.count = count

    def close(self) -> None:
        self.count = 0


def test_an_autoscaler_sees_what_lacks_and_no_trial_is_drawn_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fitscape.study.scheduling.capacity.Demand", Shown)
    cluster: Any = Growing(64)
    places = Places(cluster, Request(1, 0.25), None)
    shown: Any = places._demand
    interruption = Interruption()
    assert places.room() == 64 + 8, "slots, and a small reserve"
    places.look(64, 1000, interruption)
    assert shown.count == 64, "as much again"
    places.look(64, 70, interruption)
    assert shown.count == 6, "no more than there are trials"
    cluster.fit = 128
    places.look(64, 1000, interruption)
    assert (shown.count, places.slots) == (128, 128)
    interruption.request("enough")
    places.look(64, 1000, interruption)
    assert shown.count == 0
    limited = Places(cluster, Request(1, 0.25), 16)
    limited.look(16, 1000, Interruption())
    assert limited._demand is not None
    assert limited._demand.count == 0, "what resources.max_concurrent forbids is not asked for"  # type: ignore[attr-defined]


def test_on_one_machine_nobody_is_shown_anything() -> None:
    cluster: Any = Growing(4)
    cluster.local = True
    assert Places(cluster, Request(1, 0), None)._demand is None


def test_placement_groups_wait_and_make_room_at_once(cluster: Cluster) -> None:
    demand = Demand(Request(1, 4.0))
    demand.show(1, {})
    group = demand._waiting[0]
    assert group.wait(30)
    demand.show(2, {})
    assert placement_group_table(group)["state"] == "REMOVED", "it has got what a trial is to have"
    assert len(demand._waiting) == 2
    demand.show(2, {"ray.io/node-id": f"!in({cluster.nodes()[0].id})"})
    demand.close()
    assert demand._waiting == []

"""Which textbook test a claim's power is measured against."""

from typing import Any

import numpy as np
import pytest

from benchmarks.statistics import power
from benchmarks.statistics.planted import gradients

NAME = "architectures, 16 own configurations"


def study(effect: float, seed: int, verdict: str, p: dict[str, tuple[float, float]], *, worth: bool = True) -> Any:
    tests = {test: list(p.get(test, (1.0, 1.0))) for test in power.DESIGNS[NAME].tests}
    return {"design": NAME, "effect": effect, "seed": seed, "verdict": verdict, "worth": worth, "rivals": tests}


def test_the_claim_is_held_against_the_best_test_that_is_valid_without_an_effect() -> None:
    quick = {"Welch's t": (0.01, 0.02)}  # calls every study, one without an effect too
    done = [study(0.0, seed, "undecided", quick) for seed in range(4)]
    done += [study(0.5, seed, "supported", {"rank sum": (0.01, 0.01), **quick}) for seed in range(2)]
    done += [
        study(0.5, 2, "undecided", {"rank sum": (0.01, 0.04)}),
        study(0.5, 3, "undecided", {"rank sum": (0.01, 0.2)}),
    ]
    done += [study(0.5, 4, "undecided", {"rank sum": (0.01, 0.01)}, worth=False)]
    _, planted = power.summarize(done)
    assert "Welch's t" not in planted["valid"]
    assert (planted["best"], planted["found"]) == ("rank sum", 0.4)
    assert (planted["best_found"], planted["best_bare"]) == (0.6, 0.8), "as the claim, and without a least effect"
    assert planted["short"] == pytest.approx(0.2)


def test_every_design_has_one_finding_and_its_rivals_see_a_large_effect() -> None:
    for name, design in power.DESIGNS.items():
        told = power.run(name, design.effects[-1], 1)
        assert set(told["rivals"]) == set(design.tests), name
        assert min(p for p, _ in told["rivals"].values()) < 0.2, name


def test_the_unconditional_test_of_pairs_says_more_than_mcnemars() -> None:
    planted = gradients.plant(np.random.default_rng(3), seeds=3, stall=0.6, rescue=0.4)
    assert power.rivals.suissa_shuster(planted) <= power.rivals.mcnemar(planted) + 1e-9

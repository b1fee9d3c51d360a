"""A label names the fewest regimes that have nine tenths of the probability."""

from dataclasses import replace

import pytest

from fitscape.study.cli.wording import between
from fitscape.study.records import Label, Regime


def label(**probabilities: float) -> Label:
    everything = {r.value: 0.0 for r in Regime if r is not Regime.UNDECIDED} | probabilities
    return Label(
        trial_id="x", epoch=1, regime=Regime.UNDECIDED, probability=max(everything.values()), probabilities=everything,
        train_excess=0.1, gap_excess=0.1, bias_share=0.5, flags=(), thresholds_version=1, tau=0.05,
        reference_error=0.05, chance_error=0.9,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("probabilities", "named"),
    [
        ({"good": 0.95, "overfit": 0.05}, "good"),
        ({"good": 0.9, "overfit": 0.1}, "good"),
        ({"good": 0.75, "overfit": 0.25}, "good or overfit (0.75 / 0.25)"),
        ({"underfit": 0.4, "untrained": 0.6}, "untrained or underfit (0.60 / 0.40)"),
        ({"good": 0.545, "overfit": 0.455}, "good or overfit (0.55 / 0.45)"),  # rounded, never more than all
        ({"good": 0.4, "overfit": 0.35, "underfit": 0.25}, "good or overfit or underfit (0.40 / 0.35 / 0.25)"),
    ],
)
def test_the_set_is_as_small_as_nine_tenths_allow(probabilities: dict[str, float], named: str) -> None:
    one = label(**probabilities)
    assert one.named == named
    assert sum(one.probabilities[r.value] for r in one.regime_set) >= 0.9 - 1e-9


@pytest.mark.parametrize(
    ("why", "seeds", "images", "said"),
    [
        ("", None, None, ""),
        ("seeds", 1, None, "its seeds are too few; 1 more seed would settle it if they came out alike"),
        (
            "images",
            4,
            2400,
            "its validation images are too few; 4 more seeds or 2,400 validation images would",
        ),
        (
            "boundary",
            None,
            None,
            "it lies so near a boundary that neither seeds nor images within reach would settle it",
        ),
    ],
)
def test_an_open_label_says_what_would_settle_it(why: str, seeds: int | None, images: int | None, said: str) -> None:
    one = replace(label(good=0.6, overfit=0.4), unsettled_by=why, seeds_needed=seeds, images_needed=images)
    assert one.remedy.startswith(said)
    assert bool(one.remedy) is bool(said)


def test_open_labels_are_counted_by_the_regimes_they_lie_between() -> None:
    labels = [label(good=0.7, overfit=0.3), label(overfit=0.7, good=0.3), label(underfit=0.4, untrained=0.6)]
    decided = replace(label(good=0.99, overfit=0.01), regime=Regime.GOOD)
    assert between([*labels, decided]) == {"good or overfit": 2, "untrained or underfit": 1}

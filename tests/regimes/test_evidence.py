"""Labels rest on all runs of a configuration, and say what would settle what they leave open."""

import numpy as np
import pytest
from hand_made import make_epoch, make_trial
from planted import CHANCE, CLASSES

from fitscape.study.config import DataConfig, RegimeThresholds
from fitscape.study.records import Label, Regime, TrialRecord
from fitscape.study.regimes import Reference, SeedNoise, label_all
from fitscape.study.regimes.evidence import Draws, More

REFERENCE = Reference(error=0.05)  # good up to 9.25 %


def labels_of(trials: list[TrialRecord], **given: object) -> list[Label]:
    options = {"reference": REFERENCE, **given}
    return label_all(trials, RegimeThresholds(), classes=CLASSES, chance_error=CHANCE, **options)


def seeds(*val: float, train: float = 0.02, n: int = 20_000, **more: object) -> list[TrialRecord]:
    return [
        make_trial({"seed": i, **more}, make_epoch(train, error, train_n=n, val_n=n)) for i, error in enumerate(val)
    ]


def test_seeds_of_a_configuration_decide_what_one_leaves_open() -> None:
    (alone,) = labels_of(seeds(0.075))
    together = labels_of(seeds(*[0.075, 0.072, 0.078] * 3))
    assert alone.regime is Regime.UNDECIDED
    assert {one.regime for one in together} == {Regime.GOOD}
    assert len({tuple(one.probabilities.values()) for one in together}) == 1  # of one configuration, one answer


def test_a_run_that_collapsed_is_labelled_by_itself_and_counts_for_no_other() -> None:
    healthy, collapsed = seeds(0.05, 0.051, 0.049), make_trial({"seed": 9}, make_epoch(0.88, 0.9))
    labels = labels_of([*healthy, collapsed])
    assert [one.regime for one in labels] == [Regime.GOOD] * 3 + [Regime.UNTRAINED]
    assert max(one.probabilities["untrained"] for one in labels[:3]) < 0.01


def test_seeds_of_other_configurations_have_no_say() -> None:
    first = seeds(0.075)
    others = [trial for i in range(6) for trial in seeds(0.075, width=0.3 + i / 10)]
    assert labels_of([*first, *others])[0].regime is Regime.UNDECIDED


def test_few_images_are_not_made_up_for_by_seeds() -> None:
    """The same images measure every seed."""
    few, many = (labels_of(seeds(*[0.08] * 8, n=n)) for n in (60, 20_000))
    assert few[0].probability < 0.9 <= many[0].probability


@pytest.mark.parametrize(
    ("val", "n", "why"), [(0.075, 20_000, "seeds"), (0.05, 80, "images"), (0.0925, 2000, "boundary")]
)
def test_an_open_label_says_why_and_what_would_settle_it(val: float, n: int, why: str) -> None:
    (one,) = labels_of(seeds(val, n=n))
    assert one.regime is Regime.UNDECIDED
    assert one.unsettled_by == why
    if why == "seeds":
        assert one.seeds_needed is not None
        (_, *further) = labels_of(seeds(*[val] * (1 + one.seeds_needed), n=n))
        assert further[0].regime is not Regime.UNDECIDED
    elif why == "images":
        assert one.images_needed is not None
        (larger,) = labels_of(seeds(val, n=one.images_needed))
        assert larger.regime is not Regime.UNDECIDED
    else:
        assert (one.seeds_needed, one.images_needed) == (None, None)


def test_a_label_that_stands_needs_nothing() -> None:
    for one in labels_of(seeds(0.05)) + labels_of(seeds(0.5)):
        assert one.regime is not Regime.UNDECIDED
        assert (one.unsettled_by, one.seeds_needed, one.images_needed, one.by_map) == ("", None, None, False)


class Believing:
    """A map that is sure of an error of every trial."""

    reference = np.array([0.05])

    def __init__(self, val: float, but: str = "") -> None:
        self.val, self.but = val, but

    def holds(self, trial_id: str) -> bool:
        return trial_id != self.but

    def draws(self, trial_ids: list[str], normals: tuple[np.ndarray, np.ndarray], more: More) -> Draws:
        shape = (len(trial_ids), len(normals[0]))
        return Draws(np.full(shape, 0.01), np.full(shape, self.val))


def test_a_label_that_the_map_decided_is_marked() -> None:
    trials = [*seeds(0.075), *seeds(0.05, width=0.5), *seeds(0.075, width=0.6)]
    labels = labels_of(trials, reference=None, beliefs=Believing(0.05, but=trials[2].trial_id))
    assert [one.regime for one in labels] == [Regime.GOOD, Regime.GOOD, Regime.UNDECIDED]
    assert [one.by_map for one in labels] == [True, False, False]  # the second is good by its own run alone
    assert {one.reference_error for one in labels} == {0.05}


def test_folds_average_out_less_than_seeds_and_measure_on_more_images() -> None:
    split = {"overlap": 1 / 4}  # five folds
    noisy = seeds(*[0.075, 0.072, 0.078] * 3)
    assert labels_of(noisy, **split)[0].probability < labels_of(noisy)[0].probability
    few = seeds(*[0.06] * 5, n=300)
    assert labels_of(few, **split)[0].probability > labels_of(few)[0].probability


def test_the_variance_of_a_mean_over_folds_is_that_of_nadeau_and_bengio() -> None:
    """Errors of folds have the correlation of their training images: what is expected of the estimate is the truth."""
    folds, repeats = 5, 40_000
    rng = np.random.default_rng(0)
    common = rng.normal(0, np.sqrt(1 / folds), (repeats, 1))  # correlation: validation over all images
    errors = common + rng.normal(0, np.sqrt(1 - 1 / folds), (repeats, folds))
    noise = SeedNoise(overlap=DataConfig(folds=folds).overlap)
    estimated = errors.var(axis=1, ddof=1).mean() * float(noise.of_mean(folds))
    assert estimated == pytest.approx(errors.mean(axis=1).var(), rel=0.03)
    assert float(noise.images_of_mean(100, 1)) == pytest.approx(80)
    assert noise.images_of_mean(100, 5) == noise.images_of_mean(100, 12)  # there are no more images than folds
    assert (SeedNoise().of_mean([1, 4]) == [1, 0.25]).all()
    assert SeedNoise().images_of_mean(100, 4) == 100

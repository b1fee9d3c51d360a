"""Labels that every good net contradicts: planted ones are found, images that are only hard are not."""

import numpy as np

from fitscape.study.measures import suspects
from fitscape.study.records import ImageSet, Predictions

CLASSES, IMAGES, WRONG, HARD = 10, 1000, 20, 60


def image_set(labels: np.ndarray) -> ImageSet:
    return ImageSet(hashes=np.arange(len(labels), dtype=np.uint64), labels=labels.astype(np.uint16))


def planted(nets: int, seed: int = 0) -> tuple[ImageSet, list[Predictions]]:
    """Nets that know the true classes but for hard images, which each calls something; the first labels are wrong."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(CLASSES, size=IMAGES)
    labels = truth.copy()
    labels[:WRONG] = (truth[:WRONG] + 1 + rng.integers(CLASSES - 1, size=WRONG)) % CLASSES
    said = []
    for _ in range(nets):
        called = truth.copy()
        called[-HARD:] = rng.integers(CLASSES, size=HARD)
        sure = np.where(np.arange(IMAGES) < IMAGES - HARD, 0.9, 0.4) + 0.001 * (np.arange(IMAGES) % 7)
        said.append(Predictions(classes=called.astype(np.uint16), confidences=sure.astype(np.float32)))
    return image_set(labels), said


def test_planted_label_errors_are_found_and_hard_images_are_not() -> None:
    found = suspects(*planted(nets=5))
    assert {s.image for s in found} == set(range(WRONG))


def test_the_surest_comes_first() -> None:
    confidences = [s.confidence for s in suspects(*planted(nets=5))]
    assert confidences == sorted(confidences, reverse=True)
    assert len(set(confidences)) > 1


def test_two_nets_accuse_nobody() -> None:
    assert suspects(*planted(nets=2)) == []


def test_an_image_that_a_single_net_calls_by_its_label_is_no_suspect() -> None:
    images, nets = planted(nets=4)
    nets[2].classes[0] = images.labels[0]
    assert 0 not in {s.image for s in suspects(images, nets)}

"""Errors on the two halves of validation, where only the error of both together is known."""

import math

import numpy as np


def drawn_halves(error: float, images: tuple[int, int], rng: np.random.Generator) -> tuple[float, float]:
    """Errors on halves A and B, drawn as if the images had been dealt into them at random.

    Given the errors of all images, those of one half are hypergeometric; the halves are then independent, as choosing
    by one and judging by the other needs (thinning: Neufeld et al. 2024, section 3). An error that is not finite, and
    one of a half without images, is that of both.
    """
    if not math.isfinite(error) or min(images) < 1:
        return error, error
    in_a, in_b = images
    wrong = round(error * (in_a + in_b))
    of_b = int(rng.hypergeometric(wrong, in_a + in_b - wrong, in_b))
    return (wrong - of_b) / in_a, of_b / in_b

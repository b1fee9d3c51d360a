"""The temperature makes probabilities true without changing a label."""

import torch

from fitscape.study.nets.temperature import calibrate, expected_calibration_error


def test_overconfident_logits_are_cooled_to_the_temperature_that_made_them() -> None:
    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(8000, 5, generator=generator) * 2
    labels = torch.multinomial(honest.softmax(1), 1, generator=generator)[:, 0]
    found = calibrate(honest * 3, labels, torch.arange(8000) % 2 == 0)
    assert abs(found.temperature - 3) < 0.15
    assert found.nll < found.nll_before
    assert found.ece < 0.03 < found.ece_before
    assert found.images == 4000


def test_calibration_error_by_hand() -> None:
    sure = torch.tensor([[10.0, -10.0]] * 4)
    assert abs(expected_calibration_error(sure, torch.tensor([0, 0, 0, 1])) - 0.25) < 1e-6

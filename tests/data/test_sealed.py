"""Loading with a sealed test part, on real data."""

import json
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fitscape.study.config import DataConfig
from fitscape.study.data import SealedData, cache, load
from fitscape.study.data.datasets.source import RawData
from fitscape.study.data.pixels import resized
from fitscape.study.data.prepare import prepare
from fitscape.study.data.splits import content_groups
from fitscape.study.errors import UserError


def test_digits_are_split_whole_and_stratified(digits: SealedData) -> None:
    data, summary = digits.trial_data, digits.summary()
    assert data.train_images.dtype == torch.uint8
    assert data.input_shape == (1, 8, 8)
    assert data.train_images.max() == 255
    assert sum(summary["images"].values()) == 1797
    assert summary["images"]["test"] == pytest.approx(359, abs=1)
    for by_class in summary["images_by_class"].values():
        assert max(by_class) - min(by_class) <= 0.02 * sum(by_class) + 2
    assert data.val_half.double().mean() == pytest.approx(0.5, abs=0.01)
    assert data.majority_error == pytest.approx(0.9, abs=0.01)


def test_fashion_mnist_is_the_published_one(fashion_root: str) -> None:
    sealed = load(DataConfig(dataset="fashion_mnist", root=fashion_root))
    data = sealed.trial_data
    assert sealed.summary()["images"] == {"train": 48000, "validation": 12000, "test": 10000}
    assert data.input_shape == (1, 28, 28)
    assert data.classes[9] == "Ankle boot"
    pixels = torch.cat([data.train_images, data.val_images]).double() / 255
    assert pixels.mean().item() == pytest.approx(0.2860, abs=1e-4)  # the figures everyone normalises with
    assert pixels.std().item() == pytest.approx(0.3530, abs=1e-4)
    labels = torch.cat([data.train_labels, data.val_labels])
    assert torch.bincount(labels).tolist() == [6000] * 10
    assert torch.bincount(sealed.open_test("count").labels).tolist() == [1000] * 10


def test_no_image_of_fashion_mnist_is_in_two_parts(fashion_root: str) -> None:
    sealed = load(DataConfig(dataset="fashion_mnist", root=fashion_root))
    data = sealed.trial_data
    half_a, half_b = data.val_images[data.val_half], data.val_images[~data.val_half]
    parts = (data.train_images, half_a, half_b, sealed.open_test("leak check").images)
    groups = [set(g) for g in content_groups(*(part.numpy() for part in parts))]
    assert sum(map(len, groups)) == len(set().union(*groups))


def test_a_prepared_data_set_is_not_read_again(fashion_root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = DataConfig(dataset="fashion_mnist", root=fashion_root)
    first = load(config)
    monkeypatch.setattr("fitscape.study.data.datasets.fashion_mnist.FashionMNIST.read", None)
    assert load(config).fingerprint == first.fingerprint


def test_pickled_trial_data_holds_no_test_image(digits: SealedData) -> None:
    payload = pickle.dumps(digits.trial_data)
    assert digits.trial_data.val_images[0].numpy().tobytes() in payload
    kept = content_groups(digits.trial_data.train_images.numpy(), digits.trial_data.val_images.numpy())
    test = digits.open_test("the test of the seal").images.numpy()
    assert not any(image.tobytes() in payload for image in test)
    assert len(test) + sum(map(len, kept)) == 1797


def test_sealed_data_refuses_to_be_pickled(digits: SealedData) -> None:
    with pytest.raises(TypeError, match="give trials its trial_data"):
        pickle.dumps(digits)


def test_loading_does_not_read_the_test_file(digits: SealedData, monkeypatch: pytest.MonkeyPatch) -> None:
    test_file = Path(digits.summary()["folder"]) / "test.pt"
    test_file.write_bytes(b"unreadable")

    def read(folder: Path) -> None:
        raise AssertionError(f"the sealed part of {folder} was read")

    monkeypatch.setattr(cache, "read_test", read)
    assert load(digits.config).fingerprint == digits.fingerprint
    with pytest.raises(AssertionError, match="sealed part"):
        digits.open_test("to see that reading it would have been noticed")


def test_each_opening_is_recorded_with_its_reason(digits: SealedData, data_folder: Path) -> None:
    before = time.time()
    opened = digits.open_test("finalists of study a")
    digits.open_test("again")
    log = [json.loads(line) for line in (data_folder / "prepared/test-openings.jsonl").read_text().splitlines()]
    assert [entry["reason"] for entry in log] == ["finalists of study a", "again"]
    assert log[0] == opened.opening
    assert before <= log[0]["time"] <= time.time()
    assert (log[0]["dataset"], log[0]["fingerprint"]) == ("digits", digits.fingerprint)
    assert log[0]["images"] == len(opened.labels)
    with pytest.raises(ValueError, match="reason"):
        digits.open_test(" ")


def test_a_damaged_test_part_is_prepared_anew(digits: SealedData) -> None:
    expected = digits.open_test("before").images
    (Path(digits.summary()["folder"]) / "test.pt").write_bytes(b"damaged")
    assert torch.equal(digits.open_test("after").images, expected)


def test_a_sealed_part_of_changed_images_is_not_opened(make_folder: Callable[..., str]) -> None:
    """Its own file is damaged, and what would be prepared anew is another data set."""
    dataset = make_folder({"cat": 40, "dog": 20})
    data = load(DataConfig(dataset=dataset))
    image = Path(dataset.removeprefix("folder:")) / "cat" / "000.png"
    Image.new("RGB", (12, 12), "red").save(image)
    (Path(data.summary()["folder"]) / "test.pt").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"data\.dataset: the data set has changed since it was loaded"):
        data.open_test("after a change")


def test_image_size_resizes_every_part() -> None:
    small = load(DataConfig(dataset="digits", image_size=4))
    assert small.trial_data.input_shape == (1, 4, 4)
    assert small.open_test("size").images.shape[2:] == (4, 4)


def test_resizing_is_antialiased() -> None:
    """One bright column in eight: its share of the light survives; picking or mixing two neighbours would lose it."""
    stripes = np.zeros((5, 1, 32, 32), dtype=np.uint8)
    stripes[..., ::8] = 255
    assert resized(stripes, 4).mean() == pytest.approx(255 / 8, rel=0.2)
    assert resized(stripes, 32) is stripes


def test_limit_takes_a_nested_part_of_train_and_validation_only(digits: SealedData) -> None:
    small, large = (load(DataConfig(dataset="digits", limit=limit)) for limit in (200, 400))
    assert small.summary()["images"] == {"train": 160, "validation": 40, "test": digits.summary()["images"]["test"]}
    for part in ("train_images", "val_images"):
        contents = content_groups(*(getattr(d.trial_data, part).numpy() for d in (small, large, digits)))
        assert set(contents[0]) <= set(contents[1]) <= set(contents[2])


def test_fingerprint_tells_splits_apart_and_nothing_else(digits: SealedData, tmp_path: Path) -> None:
    moved = load(DataConfig(dataset="digits", root=str(tmp_path / "elsewhere"), probe_size=100))
    assert moved.fingerprint == digits.fingerprint
    assert moved.trial_data.probe_size == 100
    assert load(DataConfig(dataset="digits", split_seed=1)).fingerprint != digits.fingerprint


def test_a_part_too_small_is_refused_with_the_minimum() -> None:
    with pytest.raises(UserError, match="validation part would hold 2 images, it needs 4"):
        load(DataConfig(dataset="digits", limit=10))


def test_summary_is_json(digits: SealedData) -> None:
    assert json.loads(json.dumps(digits.summary())) == digits.summary()


def test_statistics_are_those_of_the_training_images(digits: SealedData) -> None:
    images = digits.trial_data.train_images.numpy().astype(np.int64)
    assert (digits.trial_data.train_moments[:, 0, 0].numpy() == images.sum((1, 2, 3))).all()
    assert (digits.trial_data.train_moments[:, 0, 1].numpy() == (images**2).sum((1, 2, 3))).all()


def test_a_validation_part_without_two_halves_is_refused() -> None:
    """Four contents, each eight times and under two labels: validation is eight copies of one image."""
    contents = np.random.default_rng(0).integers(0, 256, (4, 1, 4, 4), dtype=np.uint8)
    raw = RawData(images=np.repeat(contents, 8, axis=0), labels=np.tile([0, 1], 16), classes=("a", "b"))
    with pytest.raises(
        UserError, match="validation images are copies of each other, so they cannot be split into two halves"
    ):
        prepare(raw, DataConfig(validation_fraction=0.34, test_fraction=0.25))

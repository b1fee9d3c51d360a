"""A user's image folder: what is read, what is converted, what is refused."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_folders import TWO, MakeFolder, grey_folder, loaded, path_of, picture, truncate
from PIL import Image

from fitscape.study.config import DataConfig
from fitscape.study.data import check_files, load
from fitscape.study.data.splits import content_groups
from fitscape.study.errors import UserError


def test_classes_are_the_subfolders_and_pixels_those_of_the_files(make_folder: MakeFolder) -> None:
    dataset = make_folder(TWO)
    sealed = loaded(dataset)
    assert sealed.trial_data.classes == ("cat", "dog")
    assert sealed.trial_data.input_shape == (3, 12, 12)
    assert sealed.summary()["images"] == {"train": 32, "validation": 8, "test": 10}
    files = [np.asarray(Image.open(p)).transpose(2, 0, 1) for p in path_of(dataset).rglob("*.png")]
    read = sealed.trial_data.train_images.numpy()
    in_files, in_train = content_groups(np.stack(files), read)
    assert set(in_train) <= set(in_files)
    assert check_files(sealed.config).text.startswith("50 images in 2 classes")


@pytest.mark.usefixtures("in_own_process")
def test_corrupt_files_are_listed_by_name_and_left_out(make_folder: MakeFolder) -> None:
    dataset = make_folder({"cat": 60, "dog": 40})
    for name, content in (("cat/003.png", 60), ("dog/007.png", 0)):
        whole = (path_of(dataset) / name).read_bytes()
        (path_of(dataset) / name).write_bytes(whole[:content])
    (path_of(dataset) / "dog/008.jpg").write_text("no image at all")
    summary = loaded(dataset).summary()
    assert [line.partition(":")[0] for line in summary["unreadable"]] == ["cat/003.png", "dog/007.png", "dog/008.jpg"]
    assert summary["unreadable"][2] == "dog/008.jpg: not an image"
    assert sum(summary["images"].values()) == summary["read"] == 98


def test_names_that_are_no_text_are_escaped(make_folder: MakeFolder) -> None:
    dataset = make_folder(TWO)
    (path_of(dataset) / "dog/000.png").rename(path_of(dataset) / os.fsdecode(b"dog/\xff.png"))
    (path_of(dataset) / os.fsdecode(b"cat/\xfe.png")).write_bytes(b"no image at all")
    (path_of(dataset) / "dog").rename(path_of(dataset) / os.fsdecode(b"d\xf6g"))
    summary = loaded(dataset).summary()
    assert summary["unreadable"] == [r"cat/\xfe.png: not an image"]
    assert (summary["read"], summary["classes"]) == (50, ["cat", r"d\xf6g"])


def test_too_many_corrupt_files_are_refused_until_the_limit_is_raised(make_folder: MakeFolder) -> None:
    dataset = make_folder(TWO)
    for i in range(5):
        path = path_of(dataset) / f"cat/00{i}.png"
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=r"5 of 50 files cannot be read: cat/000\.png") as caught:
        loaded(dataset)
    assert "data.unreadable_limit" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [f"cat/00{i}.png: " in str(caught.value) for i in range(5)] == [True] * 3 + [False] * 2
    assert " ... (" in str(caught.value)
    assert loaded(dataset, unreadable_limit=0.1).summary()["read"] == 45


@pytest.mark.usefixtures("in_own_process")
def test_a_class_without_a_readable_image_is_named(make_folder: MakeFolder) -> None:
    dataset = make_folder({"cat": 60, "dog": 2})
    for path in (path_of(dataset) / "dog").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(UserError, match="class 'dog' has no readable image"):
        loaded(dataset, unreadable_limit=0.5)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "has no subfolders"),
        ({"cat": 30}, "one class only, cat"),
        ({"cat": 30, "dog": 0}, "one class only, cat"),
        ({"cat": 0, "dog": 0}, "no images in its subfolders"),
        ({"cat": 2, "dog": 1}, "has 3 images, too few .at least 20 are needed."),
        ({"train": 30, "test": 30}, "test has no class folders"),
    ],
)
def test_a_folder_that_cannot_serve_is_refused_before_it_is_read(
    counts: dict[str, int], message: str, make_folder: MakeFolder
) -> None:
    config = DataConfig(dataset=make_folder(counts))
    for look in (check_files, load):
        with pytest.raises(UserError, match=message) as caught:
            look(config)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["folder:", "folder:no/such/place"])
def test_a_missing_folder_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        check_files(DataConfig(dataset=name))


def test_a_class_missing_in_a_part_is_named(make_folder: MakeFolder) -> None:
    notes = loaded(make_folder({"cat": 40, "dog": 30, "emu": 1})).summary()["notes"]
    assert "no image of class emu in validation" in notes
    assert "no image of class emu in test" in notes


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_mode_is_converted(mode: str, make_folder: MakeFolder) -> None:
    dataset = make_folder(TWO, mode="L" if mode == "I;16" else mode)
    if mode == "I;16":
        for path in path_of(dataset).rglob("*.png"):
            Image.fromarray(np.asarray(Image.open(path)).astype(np.uint16) * 257).save(path)
    data = loaded(dataset).trial_data
    assert data.input_shape[0] == (3 if mode in ("P", "RGBA") else 1)
    assert data.train_images.double().std() > 30
    assert data.train_images.max() > 200


def test_sixteen_bits_are_scaled_and_not_clipped(make_folder: MakeFolder) -> None:
    dataset = make_folder(TWO, mode="L")
    eight = loaded(dataset).trial_data
    for path in path_of(dataset).rglob("*.png"):
        grey = np.asarray(Image.open(path)).astype(np.uint32)
        Image.fromarray((grey * 257 + 100).clip(max=65535).astype(np.uint16)).save(path)
    assert loaded(dataset).fingerprint == eight.fingerprint


def test_transparent_parts_lie_on_white(make_folder: MakeFolder) -> None:
    dataset = make_folder(TWO, mode="RGBA")
    for path in path_of(dataset).rglob("*.png"):
        pixels = np.array(Image.open(path))
        pixels[:, :6, 3] = 0
        Image.fromarray(pixels).save(path)
    images = loaded(dataset).trial_data.train_images
    assert (images[..., :6] == 255).all()
    assert (images[..., 6:] < 255).any()


def test_sizes_that_differ_become_squares_of_one_size(make_folder: MakeFolder) -> None:
    dataset = make_folder(TWO, size=(40, 24))
    wide = loaded(dataset)
    assert wide.trial_data.input_shape == (3, 64, 64)
    assert "data.image_size" in wide.summary()["sizes"]
    small = loaded(dataset, image_size=16)
    assert small.trial_data.input_shape == (3, 16, 16)
    assert small.summary()["notes"] == []


def test_other_files_hidden_ones_and_nesting_are_as_a_user_expects(make_folder: MakeFolder) -> None:
    dataset = make_folder(TWO)
    root = path_of(dataset)
    (root / "README.txt").write_text("about")
    (root / "cat/Thumbs.db").write_text("")
    (root / "cat/._000.png").write_text("a resource fork")
    (root / ".cache").mkdir()
    (root / "empty").mkdir()
    (root / "cat/.ipynb_checkpoints").mkdir()
    (root / "cat/.ipynb_checkpoints/000.png").write_bytes((root / "cat/000.png").read_bytes())
    (root / "cat/more").mkdir()
    (root / "cat/000.png").rename(root / "cat/more/000.PNG")
    summary = loaded(dataset).summary()
    assert (summary["read"], summary["unreadable"], summary["classes"]) == (50, [], ["cat", "dog"])


def test_an_orientation_tag_is_obeyed(make_folder: MakeFolder) -> None:
    dataset = make_folder(TWO)
    before = loaded(dataset).fingerprint
    for path in path_of(dataset).rglob("*.png"):
        image = Image.open(path)
        turned = image.transpose(Image.Transpose.ROTATE_90)
        turned.getexif()[0x0112] = 6  # turn right to view
        turned.save(path, exif=turned.getexif())
    assert loaded(dataset).fingerprint == before


def test_a_changed_file_changes_the_fingerprint(make_folder: MakeFolder) -> None:
    dataset = make_folder(TWO)
    before = loaded(dataset).fingerprint
    assert loaded(dataset).fingerprint == before
    Image.new("RGB", (12, 12), "red").save(path_of(dataset) / "cat/000.png")
    assert loaded(dataset).fingerprint != before


@pytest.mark.ci
@given(st.lists(st.tuples(st.integers(0, 39), st.sampled_from(["cat", "dog"])), min_size=1, max_size=12), st.integers())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_planted_copies_never_straddle_parts(
    tmp_path_factory: pytest.TempPathFactory, copies: list[tuple[int, str]], seed: int
) -> None:
    """Copies under other names and labels, in another file format even: what counts is what a trial would see."""
    root = tmp_path_factory.mktemp("copies")
    rng = np.random.default_rng(abs(seed))
    (root / "cat").mkdir()
    (root / "dog").mkdir()
    originals = [Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)) for _ in range(40)]
    for i, image in enumerate(originals):
        image.save(root / ("cat" if i % 2 else "dog") / f"{i}.png")
    for j, (i, label) in enumerate(copies):
        originals[i].save(root / label / f"copy-{j}.bmp")
    sealed = loaded(f"folder:{root}", root=str(root / ".prepared"), split_seed=abs(seed))
    data, test = sealed.trial_data, sealed.open_test("planted copies")
    half_a, half_b = data.val_images[data.val_half], data.val_images[~data.val_half]
    groups = content_groups(*(part.numpy() for part in (data.train_images, half_a, half_b, test.images)))
    assert sum(map(len, groups)) == 40 + len(copies)
    assert sum(len(set(g)) for g in groups) == 40
    assert f"{len(copies)} images are exact copies of others" in " ".join(sealed.summary()["notes"])


@pytest.mark.parametrize(
    ("size", "mode"), [((50, 40), "RGB"), ((16, 16), "RGB"), ((50, 40), "L"), ((16, 17), "L"), ((300, 300), "RGB")]
)
def test_a_file_that_is_left_out_has_no_say_in_size_and_channels(
    tmp_path: Path, size: tuple[int, int], mode: str
) -> None:
    root = grey_folder(tmp_path / "photos")
    picture(root / "cat" / "broken.png", size, mode, 99)
    truncate(root / "cat" / "broken.png")
    sealed = loaded(f"folder:{root}")
    assert sealed.trial_data.input_shape == (1, 16, 16)
    assert [line.partition(":")[0] for line in sealed.summary()["unreadable"]] == ["cat/broken.png"]
    assert not any("resized" in note for note in sealed.summary()["notes"])


def test_a_file_that_is_left_out_has_no_say_in_the_scale_of_16_bit_images(tmp_path: Path) -> None:
    root = tmp_path / "scans"
    for i in range(40):
        path = root / ("cat" if i % 2 else "dog") / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.random.default_rng(i).integers(900, 1020, size=(16, 16), dtype=np.uint16)
        Image.fromarray(values).save(path)
    Image.fromarray(np.full((16, 16), 60_000, dtype=np.int32)).save(root / "cat" / "broken.tiff")
    truncate(root / "cat" / "broken.tiff")
    (note,) = loaded(f"folder:{root}").summary()["notes"]
    assert note.endswith("scaled from 10 bits to 8")

"""Nothing of an image folder is left out in silence, and no file of it can hang or crash the driver."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fitscape.study.config import DataConfig
from fitscape.study.data import apart, check_files, load
from fitscape.study.data.datasets import get
from fitscape.study.data.datasets.journal import Journal, unfinished
from fitscape.study.errors import UserError
from fitscape.study.isolated import Crashed

MakeFolder = Callable[..., str]


@pytest.fixture
def pets(make_folder: MakeFolder) -> Path:
    """Sixty images of two classes."""
    return Path(make_folder({"cat": 40, "dog": 20}).removeprefix("folder:"))


def config(folder: Path, **options: object) -> DataConfig:
    return DataConfig.model_validate({"dataset": f"folder:{folder}", **options})


def test_a_broken_link_is_left_out_and_the_preflight_says_so(pets: Path) -> None:
    (pets / "dog" / "gone.jpg").symlink_to("/nonexistent/x.jpg")
    assert check_files(config(pets)).text.endswith(
        "; 1 files cannot be read and are left out, the first is dog/gone.jpg: broken link to /nonexistent/x.jpg"
    )
    assert load(config(pets)).summary()["unreadable"] == ["dog/gone.jpg: broken link to /nonexistent/x.jpg"]


def test_a_class_of_broken_links_is_no_class_less(pets: Path) -> None:
    for file in (pets / "dog").iterdir():
        file.unlink()
        file.symlink_to("/annex/" + file.name)
    with pytest.raises(UserError, match="class 'dog' has no readable image"):
        load(config(pets, unreadable_limit=0.9))


def test_a_pipe_that_nobody_writes_to_holds_nothing_up(pets: Path) -> None:
    os.mkfifo(pets / "cat" / "pipe.png")
    assert load(config(pets)).summary()["unreadable"] == ["cat/pipe.png: no plain file"]


@pytest.mark.parametrize("ending", ["heic", "HEIC", "npy", "dcm"])
def test_an_image_of_a_format_that_is_not_read_is_named(pets: Path, ending: str) -> None:
    (pets / "cat" / f"new.{ending}").write_bytes(b"x")
    assert load(config(pets)).summary()["unreadable"] == [f"cat/new.{ending}: .{ending.lower()} files are not read"]


def test_what_is_no_image_is_counted(pets: Path) -> None:
    (pets / "cat" / "labels.txt").write_text("x")
    (pets / "annotations").mkdir()
    (pets / "annotations" / "a.xml").write_text("x")
    Image.new("RGB", (12, 12)).save(pets / "montage.png")
    notes = load(config(pets)).summary()["notes"]
    assert "folders without images are not classes: annotations" in notes
    assert "1 images lie in no class's folder and are left out" in notes
    assert "2 files that are not images were skipped: .txt 1, .xml 1" in notes


def test_a_file_that_appears_later_is_named_too(pets: Path) -> None:
    load(config(pets))
    (pets / "cat" / "new.heic").write_bytes(b"x")
    assert load(config(pets)).summary()["unreadable"] == ["cat/new.heic: .heic files are not read"]


@pytest.mark.parametrize("beside", ["__MACOSX/train", "annotations", "docs"])
def test_parts_beside_a_folder_without_images_are_parts(pets: Path, beside: str) -> None:
    split = pets.parent / "split"
    for part in ("train", "val", "test"):
        for label in ("cat", "dog"):
            (split / part / label).mkdir(parents=True)
            for i in range(8):
                pixels = np.random.default_rng([i, len(part), len(label)]).integers(0, 255, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(split / part / label / f"{i}.png")
    (split / beside).mkdir(parents=True)
    (split / beside / "._0.png").write_bytes(b"\0\5\x16\7")
    (split / beside / "notes.txt").write_text("x")
    data = load(config(split))
    assert data.trial_data.classes == ("cat", "dog")
    assert data.summary()["images"] == {"train": 16, "validation": 16, "test": 16}


def test_a_part_with_classes_of_its_own_is_no_class_beside_a_folder_of_masks(pets: Path) -> None:
    split = pets.parent / "split"
    (split / "annotations").mkdir(parents=True)
    pets.rename(split / "train")
    Image.new("L", (8, 8)).save(split / "annotations" / "mask.png")
    with pytest.raises(UserError, match=r"holds train, which is a part with classes of its own, beside annotations"):
        check_files(config(split))


@pytest.mark.parametrize(("top", "bits"), [(255, 8), (1000, 10), (4095, 12), (40_000, 16)])
def test_sixteen_bits_are_scaled_from_what_the_data_set_needs(pets: Path, top: int, bits: int) -> None:
    for file in pets.rglob("*.png"):
        grey = np.asarray(Image.open(file).convert("L")).astype(np.uint32)
        Image.fromarray((grey * top // 255).astype(np.uint16)).save(file)
    data = load(config(pets))
    assert any(f"scaled from {bits} bits to 8" in note for note in data.summary()["notes"])
    assert data.trial_data.train_images.max() >= 240 * (top + 1) // 2**bits
    assert data.trial_data.train_images.float().std() > 25


def test_the_scale_is_one_for_the_whole_data_set(pets: Path) -> None:
    rng = np.random.default_rng(0)
    for n, file in enumerate(sorted(pets.rglob("*.png"))):
        Image.fromarray(rng.integers(0, 4096 if n == 0 else 201, (12, 12)).astype(np.uint16)).save(file)
    images = load(config(pets)).trial_data.train_images
    assert (images.amax((1, 2, 3)) <= 12).sum() >= len(images) - 1, "200 of 4095 is 12 of 255, beside a bright image"


def test_a_file_that_crashes_its_decoder_is_left_out_by_name(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = str(pets / "cat" / "007.png")
    calls = []

    def crash(function: Callable[..., object], *arguments: object) -> object:
        calls.append(function.__name__)
        if function is apart.build and bad not in arguments[2]:  # type: ignore[operator]
            with Journal(Path(str(arguments[3]))).working_on(bad):
                raise Crashed("SIGSEGV", "")
        if arguments[0] == bad:
            raise Crashed("SIGSEGV", "")
        return function(*arguments)

    def kept(path: Path) -> list[str]:
        return [bad, str(pets / "cat" / "008.png")]

    monkeypatch.setattr(apart, "call", crash)
    monkeypatch.setattr(apart, "unfinished", kept)
    summary = load(config(pets)).summary()
    assert summary["unreadable"] == ["cat/007.png: its decoder crashes (SIGSEGV)"]
    assert summary["read"] == 59
    assert calls == ["build", "look_at", "look_at", "build"]


def test_the_journal_names_what_was_open(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    with journal.working_on("a"), journal.working_on("b\nc"):
        assert unfinished(tmp_path / "j") == ["a", "b\nc"]
    assert unfinished(tmp_path / "j") == []


def test_a_crash_that_no_file_explains_is_one_line(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(function: Callable[..., object], *arguments: object) -> object:
        raise Crashed(signal.SIGKILL.name, "")

    monkeypatch.setattr(apart, "call", killed)
    with pytest.raises(UserError, match=r"decoding its images crashed \(SIGKILL\) \(free some memory\)"):
        load(config(pets))


def test_an_image_list_is_decoded_apart_as_well() -> None:
    assert get(DataConfig(dataset="csv:/x.csv")).foreign
    assert not get(DataConfig(dataset="digits")).foreign

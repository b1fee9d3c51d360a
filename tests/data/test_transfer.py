"""A folder of images on its way to a cluster: sent once, gone on with, unpacked as it was."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fitscape.study.config import DataConfig
from fitscape.study.data import check_files, load, transfer
from fitscape.study.data.transfer import MANIFEST, UPLOADS, Upload, fetch, packages, send
from fitscape.study.errors import UserError


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two classes of twenty images each."""
    folder = tmp_path / "images"
    pixels = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        for i in range(20):
            Image.fromarray(pixels.integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / name / f"{i:02}.png")
    (folder / ".hidden").write_text("stays here")
    return folder


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PART_BYTES", 1000)


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.png")}


def test_a_folder_arrives_as_it_was(images: Path, tmp_path: Path) -> None:
    upload, said = Upload.of(images), list[str]()
    assert len(upload.parts) > 2
    send(upload, str(tmp_path / "storage"), said.append)
    assert len(said) == len(upload.parts), "progress is said part by part"
    fetch(upload.id, tmp_path / "there", str(tmp_path / "storage"))
    assert content(tmp_path / "there") == content(images)
    assert not (tmp_path / "there" / ".hidden").exists()


def test_it_is_sent_once_and_a_transfer_that_was_cut_short_goes_on(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, storage = Upload.of(images), tmp_path / "storage"
    packed: list[str] = []
    tar = Upload.tar

    def cut(self: Upload, part: Any) -> bytes:
        packed.append(part.name)
        if len(packed) == 3:
            raise OSError("connection lost")
        return tar(self, part)

    monkeypatch.setattr(Upload, "tar", cut)
    with pytest.raises(UserError, match=r"cannot be written: connection lost .is FITSCAPE_STORAGE right"):
        send(upload, str(storage), lambda text: None)
    assert not (storage / UPLOADS / upload.id / MANIFEST).exists()
    send(upload, str(storage), lambda text: None)
    assert packed.count(packed[0]) == 1
    assert packed.count(packed[2]) == 2
    before, said = len(packed), list[str]()
    send(upload, str(storage), said.append)
    assert len(packed) == before
    assert "already" in said[0]


def test_a_storage_that_breaks_off_is_one_line_without_keys(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(storage: str) -> Any:
        raise OSError("connection lost")

    monkeypatch.setattr(transfer, "open_storage", gone)
    uri = "s3://key:word@bucket/x"
    with pytest.raises(UserError, match="cannot be fetched: connection lost"):
        fetch("abc", tmp_path / "there", uri)
    with pytest.raises(UserError, match="cannot be written: connection lost") as refused:
        send(Upload.of(images), uri, lambda text: None)
    assert "word" not in str(refused.value)


def test_the_id_is_that_of_names_and_contents(images: Path) -> None:
    first = Upload.of(images).id
    assert Upload.of(images).id == first
    (images / "cats" / "00.png").write_bytes((images / "cats" / "01.png").read_bytes())
    assert Upload.of(images).id != first


def test_packages_of_a_job_stand_in_for_storage(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = Upload.of(images)
    for i, package in enumerate(packages(upload, tmp_path)):  # Ray unpacks each into a folder of its own, on the path
        (tmp_path / str(i)).mkdir()
        package.rename(tmp_path / str(i) / package.name)
        monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / str(i))])
    fetch(upload.id, tmp_path / "there", None)
    assert content(tmp_path / "there") == content(images)


def test_a_data_set_of_that_name_is_the_folder(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = Upload.of(images)
    monkeypatch.setenv("FITSCAPE_STORAGE", str(tmp_path / "storage"))
    send(upload, str(tmp_path / "storage"), lambda text: None)
    config = DataConfig(dataset=f"upload:{upload.id}", root=str(tmp_path / "data"))
    assert check_files(config).download
    sent = load(config)
    here = load(DataConfig(dataset=f"folder:{images}", root=str(tmp_path / "data")))
    assert sent.fingerprint == here.fingerprint
    assert not check_files(config).download


def test_what_is_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"upload:abc: these images are not brought by the job, and FITSCAPE_STORAGE"):
        fetch("abc", tmp_path / "there", None)
    with pytest.raises(UserError, match=r"upload:abc: these images are not in "):
        fetch("abc", tmp_path / "there", str(tmp_path / "storage"))
    assert not (tmp_path / "there").exists()


def test_a_file_that_is_too_large_to_send_is_named(images: Path) -> None:
    (images / "cats" / "large.png").write_bytes(bytes(1001))
    with pytest.raises(UserError, match=r"large.png has 0 MiB, a file that is sent may have"):
        Upload.of(images)

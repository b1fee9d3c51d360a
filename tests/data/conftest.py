"""Each test has its own data folder and user's cache; folders of images are generated."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from lacking import lacking
from PIL import Image

from fitscape.study.config import DataConfig
from fitscape.study.data import SealedData, apart, check_files, load, room
from fitscape.study.data.mapped import chunks, crew

MakeFolder = Callable[..., str]


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FITSCAPE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "data"


@pytest.fixture
def in_own_process() -> None:
    """For a test whose files are decoded as in a study."""


@pytest.fixture(autouse=True)
def _decode_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that loads torch takes two seconds, a data set of a few images milliseconds."""
    if "in_own_process" not in request.fixturenames:
        monkeypatch.setattr(apart, "call", lambda function, *arguments: function(*arguments))


@pytest.fixture
def digits() -> SealedData:
    return load(DataConfig(dataset="digits"))


@pytest.fixture(scope="session")
def fashion_root(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A data folder shared by the tests on real Fashion-MNIST, so that it is prepared once."""
    root = str(tmp_path_factory.mktemp("fashion"))
    if check_files(DataConfig(dataset="fashion_mnist", root=root)).download:
        lacking("Fashion-MNIST's files (Debian: dataset-fashion-mnist)")
    return root


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """``make_folder({"cat": 12, "dog": 9})`` writes noise PNGs and returns the data set's name ``folder:PATH``."""

    def make(counts: dict[str, int], size: tuple[int, int] = (12, 12), mode: str = "RGB", name: str = "pets") -> str:
        rng = np.random.default_rng(0)
        for label, count in counts.items():
            (tmp_path / name / label).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
                Image.fromarray(pixels).convert(mode).save(tmp_path / name / label / f"{i:03}.png")
        (tmp_path / name).mkdir(exist_ok=True)
        return f"folder:{tmp_path / name}"

    return make


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 images, one of them twice and one that cannot be read."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(150):
        place = folder / ("dog", "cat", "cow")[i % 3]
        place.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 16, 3), dtype=np.uint8)).save(place / f"{i:03}.jpg")
    shutil.copy(folder / "cat/001.jpg", folder / "dog/copy.jpg")
    whole = (folder / "cow/002.jpg").read_bytes()
    (folder / "cow/002.jpg").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture
def always_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every data set of files is a large one, in chunks of 16 images; decoded in this process, which is quicker."""
    monkeypatch.setattr(crew, "call", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr(room, "MAPPED_FROM", 1)
    monkeypatch.setattr(chunks, "CHUNK_IMAGES", 16)

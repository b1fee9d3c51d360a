"""Downloaded files go to the shared storage once, and from there to every node that lacks them."""

from pathlib import Path

import pytest

from fitscape.study.data.datasets.download import download

FILES = {"raw/images.gz": b"images", "raw/labels.gz": b"labels"}


class Internet:
    """Where files are downloaded from; counts how often."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, folder: Path) -> None:
        self.asked += 1
        for name, content in FILES.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FITSCAPE_STORAGE", str(tmp_path / "storage"))
    return tmp_path / "storage"


@pytest.fixture
def internet() -> Internet:
    return Internet()


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_one_node_downloads_and_the_next_fetches(storage: Path, internet: Internet, tmp_path: Path) -> None:
    for node in ("first", "second", "third"):
        download("Set", tmp_path / node, internet)
        assert content(tmp_path / node) == FILES
    assert internet.asked == 1


@pytest.mark.parametrize("harm", ["altered", "gone", "outside", "no manifest"])
def test_what_is_not_sound_there_is_downloaded_and_put_right(
    storage: Path, internet: Internet, tmp_path: Path, harm: str
) -> None:
    download("Set", tmp_path / "first", internet)
    file, manifest = storage / "datasets/Set/raw/labels.gz", storage / "datasets/Set/manifest.json"
    if harm == "altered":
        file.write_bytes(b"labelz")
    elif harm == "gone":
        file.unlink()
    elif harm == "outside":
        manifest.write_text(manifest.read_text().replace("raw/labels.gz", "../../escaped"))
    else:
        manifest.unlink()
    download("Set", tmp_path / "second", internet)
    assert content(tmp_path / "second") == FILES
    assert internet.asked == 2
    assert not list(tmp_path.rglob("escaped"))
    download("Set", tmp_path / "third", internet)
    assert internet.asked == 2, "the storage is whole again"


def test_a_storage_that_cannot_be_used_holds_nobody_up(
    storage: Path, internet: Internet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.write_text("no folder")
    download("Set", tmp_path / "first", internet)
    monkeypatch.setenv("FITSCAPE_STORAGE", "nosuch://bucket")
    download("Set", tmp_path / "second", internet)
    assert content(tmp_path / "first") == content(tmp_path / "second") == FILES


def test_without_storage_nothing_is_kept(internet: Internet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FITSCAPE_STORAGE", raising=False)
    download("Set", tmp_path / "first", internet)
    download("Set", tmp_path / "second", internet)
    assert internet.asked == 2

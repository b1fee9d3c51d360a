"""Downloads against a local server: what fails leaves nothing, what is interrupted is tried again."""

import shutil
import socket
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from published_files import write_cifar, write_fashion_mnist
from torchvision import datasets

from fitscape.study.config import DataConfig
from fitscape.study.data import check_files, load
from fitscape.study.data.datasets import download
from fitscape.study.errors import UserError


class Mirror(SimpleHTTPRequestHandler):
    """Serves a folder, and misbehaves as told: ``faults`` maps a file name to the faults of its next requests."""

    faults: dict[str, list[str]]
    served: list[str]

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.served.append(name)
        fault = self.faults[name].pop(0) if self.faults.get(name) else ""
        if fault == "500":
            self.send_error(500)
            return
        content = (Path(self.directory) / name).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fault == "altered":
            content = bytes(len(content))
        self.wfile.write(content[: len(content) // 2] if fault == "cut" else content)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Mirror]]:
    """A server of a small Fashion-MNIST and CIFAR-10, which torchvision believes to be the published ones."""
    write_fashion_mnist(tmp_path / "served", monkeypatch)
    shutil.rmtree(write_cifar(tmp_path / "served", "CIFAR10", monkeypatch))
    handler = type("Handler", (Mirror,), {"faults": {}, "served": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(tmp_path / "served")))
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [url])
    monkeypatch.setattr(datasets.CIFAR10, "url", url + datasets.CIFAR10.filename)
    monkeypatch.setattr(download, "PAUSE", 0.01)
    yield handler
    server.shutdown()
    server.server_close()


IMAGES = "train-images-idx3-ubyte.gz"
FASHION = DataConfig(dataset="fashion_mnist")


def test_what_is_not_on_the_machine_is_downloaded_once(mirror: type[Mirror], data_folder: Path) -> None:
    assert check_files(FASHION).download
    assert load(FASHION).summary()["images"] == {"train": 32, "validation": 8, "test": 40}
    assert not check_files(FASHION).download
    requests = len(mirror.served)
    load(DataConfig(dataset="fashion_mnist", split_seed=1))
    assert len(mirror.served) == requests
    assert sorted(p.name for p in (data_folder / "fashion_mnist").iterdir()) == ["FashionMNIST"]


def test_cifar_is_downloaded_unpacked_and_its_archive_removed(mirror: type[Mirror], data_folder: Path) -> None:
    assert load(DataConfig(dataset="cifar10")).summary()["images"]["test"] == 20
    assert [p.name for p in (data_folder / "cifar10").iterdir()] == ["cifar-10-batches-py"]


@pytest.mark.parametrize("fault", ["500", "cut", "altered"])
def test_a_fault_that_passes_is_survived(mirror: type[Mirror], fault: str) -> None:
    mirror.faults[IMAGES] = [fault, fault]
    load(FASHION)
    assert mirror.served.count(IMAGES) >= 3


@pytest.mark.parametrize("fault", ["500", "cut", "altered"])
def test_a_fault_that_stays_is_one_line_and_leaves_no_file(mirror: type[Mirror], fault: str, data_folder: Path) -> None:
    mirror.faults[IMAGES] = [fault] * 50
    with pytest.raises(UserError, match="the download of fashion_mnist failed 3 times") as caught:
        load(FASHION)
    assert "\n" not in str(caught.value)
    assert list(data_folder.rglob("*")) == [data_folder / "fashion_mnist"]
    assert check_files(FASHION).download


def test_no_server_at_all_is_a_user_error(
    mirror: type[Mirror], data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [f"http://127.0.0.1:{taken.getsockname()[1]}/"])
        with pytest.raises(UserError, match=r"put its files into data\.root"):
            load(FASHION)
    assert list(data_folder.rglob("*")) == [data_folder / "fashion_mnist"]


def test_a_server_that_goes_silent_is_given_up(mirror: type[Mirror], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "STALL", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [f"http://127.0.0.1:{silent.getsockname()[1]}/"])
        with pytest.raises(UserError, match="failed 3 times"):
            load(FASHION)
    assert socket.getdefaulttimeout() is None


def test_a_download_completes_a_folder_and_removes_nothing_of_it(mirror: type[Mirror], data_folder: Path) -> None:
    folder = data_folder / "cifar10" / "cifar-10-batches-py"
    (folder / "mine").mkdir(parents=True)
    (folder / "mine" / "notes.txt").write_text("kept")
    (folder / "data_batch_1").write_bytes(b"cut short")
    assert load(DataConfig(dataset="cifar10")).summary()["images"]["test"] == 20
    assert (folder / "mine" / "notes.txt").read_text() == "kept"
    assert (folder / "data_batch_1.before").read_bytes() == b"cut short"

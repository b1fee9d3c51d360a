"""Images that become files step by step: ended early, killed, damaged, begun twice, without room."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
from mapped_photos import SIDE, config, folder_of

from fitscape.study.config import DataConfig, StudyConfig
from fitscape.study.data import cache, load, room
from fitscape.study.data.mapped import crew
from fitscape.study.data.place import unfinished
from fitscape.study.driver.preflight import first_look
from fitscape.study.errors import UserError


@pytest.mark.usefixtures("always_mapped")
@pytest.mark.parametrize("damage", ["cut", "flipped", "missing"])
def test_a_damaged_part_is_noticed_and_made_anew(photos: Path, damage: str) -> None:
    sealed = load(config(photos))
    path = folder_of(sealed) / "train.npy"
    content = bytearray(path.read_bytes())
    path.unlink()
    if damage != "missing":
        content[len(content) // 2] ^= 0x80
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else content)
    again = load(sealed.config)
    assert again.fingerprint == sealed.fingerprint
    assert not unfinished(folder_of(again)).exists()


@pytest.mark.usefixtures("always_mapped")
def test_a_preparation_that_ended_early_goes_on_where_it_was(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One chunk is lost and the pixels of another are not those that were recorded: these two are decoded again."""
    place = prepared_but_for_its_end(photos, monkeypatch)
    (pool,) = place.glob("pool-*")
    records = sorted(pool.glob("*.npz"))
    written = {record: record.stat().st_mtime_ns for record in records}
    records[2].unlink()
    with (pool / "pool.u8").open("r+b") as file:
        file.seek(4 * 16 * 3 * SIDE * SIDE + 7)
        file.write(b"\xff\x00\xff")
    ends: list[set[Path]] = []
    prepare = cache.write
    monkeypatch.setattr(
        cache,
        "write",
        lambda *a, **k: (
            ends.append({r for r in records if written[r] != r.stat().st_mtime_ns}),
            prepare(*a, **k),
        )[1],
    )
    monkeypatch.setattr("fitscape.study.data.mapped.build.headers", None)  # what was looked at is not looked at again
    sealed = load(config(photos))
    assert ends == [{records[2], records[4]}]
    assert not place.exists()
    monkeypatch.setattr(cache, "write", prepare)
    monkeypatch.setattr(room, "MAPPED_FROM", 2**40)
    assert sealed.fingerprint == load(config(photos, root=str(photos.parent / "whole"))).fingerprint


def prepared_but_for_its_end(photos: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a preparation that was ended as its parts were to be cut."""
    with monkeypatch.context() as patch:

        def killed(*given: object, **named: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("fitscape.study.data.mapped.build.prepare", killed)
        with pytest.raises(KeyboardInterrupt):
            load(config(photos))
    (place,) = Path(os.environ["FITSCAPE_DATA"]).glob("prepared/.decoding-*")
    return place


def test_a_killed_process_leaves_chunks_and_no_process(photos: Path, data_folder: Path) -> None:
    code = (
        "import time\n"
        "from pathlib import Path\n"
        "from fitscape.study.data import room\n"
        "from fitscape.study.data.mapped import chunks\n"
        "from fitscape.study.config import DataConfig\n"
        "from fitscape.study.data import load\n"
        "room.MAPPED_FROM, chunks.CHUNK_IMAGES = 1, 4\n"
        f"load(DataConfig(dataset='folder:{photos}', image_size=256), say=lambda text: print(text, flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("preparing 151 images")
        until = time.monotonic() + 60
        while not list(data_folder.glob("prepared/.decoding-*/pool-*/*.npz")) and time.monotonic() < until:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    records = list(data_folder.glob("prepared/.decoding-*/pool-*/*.npz"))
    assert records
    time.sleep(0.3)
    assert len(list(data_folder.glob("prepared/.decoding-*/pool-*/*.npz"))) <= len(records) + 2, "its processes went on"


@pytest.mark.usefixtures("always_mapped")
def test_two_that_prepare_at_once_agree_and_one_waits(photos: Path) -> None:
    said: list[str] = []
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(load(config(photos), say=said.append).fingerprint))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 2
    assert len(set(found)) == 1
    assert said.count("another process prepares these images: waiting for it") == 1
    assert sum(text.startswith("decoding") for text in said) == 1


@pytest.mark.usefixtures("always_mapped")
def test_a_disk_that_is_too_small_is_named_with_the_number_before_anything_is_decoded(
    photos: Path, monkeypatch: pytest.MonkeyPatch, data_folder: Path
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 90_000, 90_000))
    with pytest.raises(
        UserError, match=r"preparing the images takes 0 MB in .*prepared, where 0 MB are free"
    ) as caught:
        load(config(photos))
    assert "\n" not in str(caught.value)
    assert not list(data_folder.rglob("*.npz"))


@pytest.mark.usefixtures("always_mapped")
def test_a_file_that_crashes_its_decoder_is_left_out(
    photos: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The decoder of one process dies at a file, as the stand-in for ``call`` has it; the next one leaves it out."""
    bad = str(photos / "dog/003.jpg")

    def dying(function: Callable[..., object], items: object, *given: object) -> object:
        duty = given[-1]
        if function.__name__ == "fill" and bad not in duty.crashing and any(Path(bad) in c.paths for c in items):  # type: ignore[attr-defined]
            duty.journal.write_text("+" + json.dumps(bad) + "\n")  # type: ignore[attr-defined]
            raise crew.Crashed("SIGSEGV", "")
        return function(items, *given)

    monkeypatch.setattr(crew, "call", dying)
    monkeypatch.setattr(crew, "to_blame", lambda files: dict.fromkeys(files, "its decoder crashes (SIGSEGV)"))
    assert "dog/003.jpg: its decoder crashes (SIGSEGV)" in load(config(photos)).summary()["unreadable"]


@pytest.mark.usefixtures("always_mapped")
def test_the_preflight_says_what_the_images_take_and_refuses_a_small_disk(
    photos: Path, monkeypatch: pytest.MonkeyPatch, data_folder: Path
) -> None:
    study = StudyConfig(name="photos", data=config(photos))
    said = [finding for finding in first_look(study, data_folder, address=None) if "151 images" in finding.what]
    assert [finding.ok for finding in said] == [True, True]
    assert said[1].what.startswith("its 151 images become 0 MB of files in ")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 90_000, 90_000))
    refused = [finding for finding in first_look(study, data_folder, address=None) if "preparing" in finding.what]
    assert [(finding.ok, finding.fatal) for finding in refused] == [(False, True)]
    assert not list(data_folder.rglob("*.npz"))


def test_images_that_do_not_fit_memory_are_refused_before_they_are_resized(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_memory", lambda: 5 * 10**8)
    with pytest.raises(UserError, match=r"takes 1\.0 GB of memory, and 0\.5 GB are free"):
        load(DataConfig(dataset="digits", image_size=512))

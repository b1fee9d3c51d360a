"""Images that are mapped from files: the same as in memory, and made step by step."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fitscape.models.spec import ModelSpec
from fitscape.study.config import DataConfig, StudyConfig, TrialConfig
from fitscape.study.data import SealedData, cache, load, room
from fitscape.study.data.mapped import chunks, crew, sharing
from fitscape.study.data.place import CacheDamaged, unfinished
from fitscape.study.driver.preflight import first_look
from fitscape.study.errors import UserError
from fitscape.study.nets.make import with_validation_images
from fitscape.study.training import Settings, run_trial

SIDE = 12


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


def config(folder: Path, **options: object) -> DataConfig:
    return DataConfig.model_validate({"dataset": f"folder:{folder}", "image_size": SIDE, **options})


def folder_of(sealed: SealedData) -> Path:
    return Path(sealed.summary()["folder"])


@pytest.mark.parametrize("options", [{}, {"classes": ["dog", "cat"], "limit": 60}, {"folds": 3, "limit": 100}])
def test_it_is_the_same_data_as_in_memory(
    photos: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, object], data_folder: Path
) -> None:
    memory = load(config(photos, **options, root=str(data_folder / "memory")))
    monkeypatch.setattr(room, "MAPPED_FROM", 1)
    said: list[str] = []
    mapped = load(config(photos, **options, root=str(data_folder / "mapped")), say=said.append)
    assert mapped.trial_data.mapped is not None
    assert memory.trial_data.mapped is None
    assert mapped.fingerprint == memory.fingerprint
    for name, value in memory.trial_data.to_arrays().items():
        if name != "mapped":
            assert np.array_equal(value, mapped.trial_data.to_arrays()[name]), name
    assert torch.equal(mapped.open_test("a").images, memory.open_test("a").images)
    summaries = [
        {k: v for k, v in json.loads(json.dumps(s.summary())).items() if k != "folder"} for s in (mapped, memory)
    ]
    assert summaries[0] == summaries[1]
    for part, who in memory.images().items():
        assert np.array_equal(who.hashes, mapped.images()[part].hashes)
        assert who.names == mapped.images()[part].names
    assert said[0] == "preparing 151 images, once for this data set"


@pytest.mark.usefixtures("always_mapped")
def test_losses_are_those_of_the_path_in_memory(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = TrialConfig(model=ModelSpec(family="resnet", depth=20, width=0.0625)).with_hyperparameters(
        {"batch_size": 16, "epochs": 2, "steps_per_epoch": 8, "augment": "crop_flip", "train_fraction": 0.7}
    )
    mapped = load(config(photos)).trial_data
    monkeypatch.setattr(room, "MAPPED_FROM", 2**40)
    memory = load(config(photos, root=str(photos.parent / "elsewhere"))).trial_data
    assert memory.mapped is None
    again = pickle.loads(pickle.dumps(mapped))
    runs = [list(run_trial(trial, data, settings=Settings())) for data in (mapped, memory, again)]
    losses = [[(p.record.batch_loss, p.record.train_loss, p.record.val_loss) for p in run] for run in runs]
    assert losses[0] == losses[1] == losses[2]
    # From a checkpoint of one path the other goes on, and comes to the same.
    halfway = next(iter(run_trial(trial, mapped, settings=Settings()))).checkpoint()
    (last,) = run_trial(trial, memory, settings=Settings(), checkpoint=halfway)
    assert last.record.val_loss == losses[0][-1][2]


@pytest.mark.usefixtures("always_mapped")
def test_a_part_of_mapped_images_is_pickled_as_it_is(photos: Path) -> None:
    """A fold, or train and validation together, is not what the files hold."""
    data = load(config(photos, folds=3)).trial_data
    assert data.train_images[0].numpy().tobytes() not in pickle.dumps(data)
    for part in (data.of_seed(1), with_validation_images(data.of_seed(1))):
        again = pickle.loads(pickle.dumps(part))
        assert torch.equal(again.train_images, part.train_images)
        assert torch.equal(again.val_images, part.val_images)


@pytest.mark.usefixtures("always_mapped")
def test_nothing_of_the_images_is_pickled_and_the_test_part_is_not_named(photos: Path) -> None:
    sealed = load(config(photos))
    payload = pickle.dumps(sealed.trial_data)
    assert len(payload) < 20_000
    assert sealed.trial_data.val_images[0].numpy().tobytes() not in payload
    assert b"test.npy" not in payload
    with pytest.raises(TypeError, match="give trials its trial_data"):
        pickle.dumps(sealed)


@pytest.mark.usefixtures("always_mapped")
def test_loading_does_not_read_the_test_part(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = load(config(photos))
    expected = sealed.open_test("before").images.clone()
    (folder_of(sealed) / "test.npy").write_bytes(b"unreadable")
    with monkeypatch.context() as patch:
        patch.setattr(cache, "read_test", None)
        assert load(sealed.config).fingerprint == sealed.fingerprint
    assert torch.equal(sealed.open_test("after").images, expected), "a damaged test part is made anew"


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
def test_another_process_maps_the_same_file(photos: Path, tmp_path: Path) -> None:
    sealed = load(config(photos))
    (tmp_path / "data.pickle").write_bytes(pickle.dumps(sealed.trial_data))
    code = (
        "import pickle, sys\n"
        "data = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(int(data.train_images.sum()), 'train.npy' in open('/proc/self/maps').read())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data.pickle")], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(int(sealed.trial_data.train_images.sum())), "True"]


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
def test_another_node_fetches_the_images_once_and_never_the_test_part(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = load(config(photos))
    mapped = sealed.trial_data.mapped
    assert mapped is not None
    said: list[str] = []
    storage = tmp_path / "storage"
    shared = sharing.put_images(mapped, str(storage), said.append)
    assert [text.split(" images")[0].split()[-1] for text in said] == ["train", "validation"]
    sharing.put_images(mapped, str(storage), said.append)
    assert len(said) == 2, "what is there is not put again"
    assert sorted(path.name for path in storage.rglob("*.npy")) == ["train.npy", "validation.npy"]
    monkeypatch.setenv("FITSCAPE_DATA", str(tmp_path / "other node"))
    elsewhere = replace(shared, folder=str(tmp_path / "not here" / Path(mapped.folder).name))
    payload = pickle.dumps(replace(sealed.trial_data, mapped=elsewhere))
    assert torch.equal(pickle.loads(payload).train_images, sealed.trial_data.train_images)
    shutil.rmtree(storage)
    assert torch.equal(pickle.loads(payload).val_images, sealed.trial_data.val_images), "the second one is fetched too"
    with pytest.raises(CacheDamaged):
        pickle.loads(pickle.dumps(replace(sealed.trial_data, mapped=replace(elsewhere, storage=None))))


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

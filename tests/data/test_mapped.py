"""Images that are mapped from files: the same as in memory, here and in other processes."""

import json
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mapped_photos import config, folder_of

from fitscape.models.spec import ModelSpec
from fitscape.study.config import TrialConfig
from fitscape.study.data import cache, load, room
from fitscape.study.data.mapped import sharing
from fitscape.study.data.place import CacheDamaged
from fitscape.study.nets.make import with_validation_images
from fitscape.study.training import Settings, run_trial


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

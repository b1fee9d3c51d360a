"""The prepared files: whole or absent, verified, keyed by what they depend on."""

import os
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_folders import grey_folder, loaded

from fitscape.study.config import DataConfig
from fitscape.study.data import SealedData, cache, load
from fitscape.study.data import prepare as preparation


def folder_of(sealed: SealedData) -> Path:
    return Path(sealed.summary()["folder"])


def test_the_second_load_reads_the_cache(digits: SealedData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "configured_split", None)
    assert load(digits.config).fingerprint == digits.fingerprint


@pytest.mark.parametrize("name", ["trial.pt", "images.pt", "facts.json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "missing"])
def test_a_damaged_cache_is_noticed_and_prepared_anew(digits: SealedData, name: str, damage: str) -> None:
    path = folder_of(digits) / name
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    else:
        if damage == "flipped":
            content[len(content) // 2] ^= 0x80
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else content)
    again = load(digits.config)
    assert again.fingerprint == digits.fingerprint
    assert (again.trial_data.train_images == digits.trial_data.train_images).all()
    assert sorted(p.name for p in folder_of(again).iterdir()) == ["facts.json", "images.pt", "test.pt", "trial.pt"]


def test_no_pickled_code_is_run_from_the_cache(digits: SealedData, tmp_path: Path) -> None:
    """Whoever can write the cache could also write its checksum; what is read is data all the same."""
    import hashlib
    import json
    import pickle

    class Payload:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "owned"),)

    content = pickle.dumps(Payload(), protocol=2)
    (folder_of(digits) / "trial.pt").write_bytes(content)
    facts = json.loads((folder_of(digits) / "facts.json").read_text())
    facts["sha256"]["trial.pt"] = hashlib.sha256(content).hexdigest()
    (folder_of(digits) / "facts.json").write_text(json.dumps(facts))
    assert load(digits.config).fingerprint == digits.fingerprint
    assert not (tmp_path / "owned").exists()


def test_a_full_disk_names_the_folder_and_leaves_nothing(data_folder: Path) -> None:
    """A limit on the file size stands in for the full disk: the write itself fails in the system."""
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "from fitscape.study.config import DataConfig\n"
        "from fitscape.study.data import load\n"
        "from fitscape.study.errors import UserError\n"
        "try: load(DataConfig(dataset='digits'))\n"
        "except UserError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"{data_folder / 'prepared'} cannot be written" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert list((data_folder / "prepared").iterdir()) == []


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"data\.root: .*file"):
        load(DataConfig(dataset="digits", root=str(tmp_path / "file")))


def test_a_read_only_data_folder_sends_the_cache_to_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(tmp_path / "disc"))  # root may write
    (tmp_path / "disc").mkdir()
    sealed = load(DataConfig(dataset="digits", root=str(tmp_path / "disc")))
    assert folder_of(sealed).parent == tmp_path / "cache/fitscape/prepared"
    assert list((tmp_path / "disc").iterdir()) == []


def test_processes_that_prepare_at_once_agree(data_folder: Path) -> None:
    """All are done preparing before the first of them writes."""
    context = get_context("fork")
    barrier, told = context.Barrier(3), context.Queue()
    processes = [context.Process(target=_prepare, args=(barrier, told)) for _ in range(3)]
    for process in processes:
        process.start()
    answers = [told.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
    assert len(set(answers)) == 1
    assert answers[0][1] == "wrote", "no process found the folder of another one already there"
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(list((data_folder / "prepared").iterdir())) == 1, "what the slower ones prepared is not left behind"


def _prepare(barrier: Any, told: Any) -> None:
    write, wrote = cache.write, []

    def write_together(*given: Any) -> Any:
        wrote.append("wrote")
        barrier.wait(timeout=60)
        return write(*given)

    cache.write = write_together
    told.put((load(DataConfig(dataset="digits")).fingerprint, *wrote))


def test_what_decides_the_content_decides_the_folder(digits: SealedData) -> None:
    same = [DataConfig(probe_size=60), DataConfig(unreadable_limit=0.5)]
    other = [DataConfig(split_seed=1), DataConfig(image_size=8), DataConfig(limit=500)]
    assert all(folder_of(load(config)) == folder_of(digits) for config in same)
    assert len({folder_of(load(config)) for config in other} | {folder_of(digits)}) == 4


def test_a_relative_path_finds_what_its_absolute_one_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run gets the path as it was typed, and freezes the absolute one for its resume."""
    grey_folder(tmp_path / "pets")
    monkeypatch.chdir(tmp_path)
    data = {"root": str(tmp_path / "data")}
    folders = [folder_of(loaded(f"folder:{path}", **data)) for path in ("pets", tmp_path / "pets")]
    assert folders[0] == folders[1]


def test_prepared_parts_equal_those_read_back(digits: SealedData) -> None:
    again = load(digits.config)
    for name, value in digits.trial_data.to_arrays().items():
        assert np.array_equal(value, again.trial_data.to_arrays()[name])

"""Atomic, two kept, damage found and passed over."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hand_made import make_epoch

from fitscape.study.records import GradientProfile
from fitscape.study.scheduling.checkpoints import CheckpointStore, split_records, with_records


def read(epoch: int, data: bytes) -> tuple[int, bytes]:
    """Accepts what starts with ``good``."""
    if not data.startswith(b"good"):
        raise ValueError("its checksum does not match")
    return epoch, data


def test_the_newest_is_found_and_one_before_it_is_kept(tmp_path: Path) -> None:
    store = CheckpointStore(str(tmp_path))
    for epoch in (1, 2, 10):
        store.save("t", epoch, b"good %d" % epoch)
    assert store.newest("t", read) == ((10, b"good 10"), [])
    assert sorted(file.name for file in (tmp_path / "t").iterdir()) == ["000002.ckpt", "000010.ckpt"]


def test_a_damaged_checkpoint_is_passed_over_and_named(tmp_path: Path) -> None:
    store = CheckpointStore(str(tmp_path))
    store.save("t", 1, b"good 1")
    store.save("t", 2, b"gooX")
    found, refused = store.newest("t", read)
    assert found == (1, b"good 1")
    assert refused == ["trial t: checkpoint of epoch 2 is not used (its checksum does not match)"]


def test_a_checkpoint_that_is_removed_since_it_was_listed_gives_way_to_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CheckpointStore(str(tmp_path))
    for epoch in (1, 2):
        store.save("t", epoch, b"good %d" % epoch)
    listed = store._epochs

    def listed_and_removed(*where: Any) -> list[int]:
        found = listed(*where)
        (tmp_path / "t" / "000002.ckpt").unlink(missing_ok=True)
        return found

    monkeypatch.setattr(store, "_epochs", listed_and_removed)
    assert store.newest("t", read) == ((1, b"good 1"), [])


def test_a_write_cut_short_leaves_the_previous_one(tmp_path: Path) -> None:
    store = CheckpointStore(str(tmp_path))
    store.save("t", 1, b"good 1")
    (tmp_path / "t" / "000002.ckpt.partial").write_bytes(b"go")  # what a kill in the middle leaves
    assert store.newest("t", read) == ((1, b"good 1"), [])


def test_without_checkpoints_there_is_nothing_to_continue(tmp_path: Path) -> None:
    assert CheckpointStore(str(tmp_path)).newest("t", read) == (None, [])


def test_the_clock_does_not_decide_which_is_newest(tmp_path: Path) -> None:
    store = CheckpointStore(str(tmp_path))
    store.save("t", 5, b"good 5")
    store.save("t", 4, b"good 4")  # written later, of an earlier epoch
    found, _ = store.newest("t", read)
    assert found == (5, b"good 5")


def test_sweep_removes_the_checkpoints_of_ended_trials_and_nothing_else(tmp_path: Path) -> None:
    store = CheckpointStore(str(tmp_path))
    for trial in ("ended", "open", "unknown"):
        store.save(trial, 1, b"good")
    store.sweep(["ended", "ended without a checkpoint"])
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["open", "unknown"]
    store.delete("never was")


def test_a_foreign_file_beside_a_checkpoint_stays(tmp_path: Path) -> None:
    store = CheckpointStore(str(tmp_path))
    store.save("t", 1, b"good")
    (tmp_path / "t" / "000002.ckpt.partial").write_bytes(b"go")
    (tmp_path / "t" / "best.pt").write_bytes(b"weights")
    store.delete("t")
    assert [file.name for file in (tmp_path / "t").iterdir()] == ["best.pt"]


def test_records_travel_with_their_checkpoint_as_they_are() -> None:
    profile = GradientProfile(step=9, layers=("a", "b"), gradient_norms=(0.1, 1e-300), weight_norms=(1.0, math.inf))
    records = (make_epoch(0.5, 0.5, epoch=6), make_epoch(0.1 + 0.2, math.nan, epoch=7, gradients=(profile,)))
    found, state = split_records(with_records(records, b"\x00state\n\xff"))
    assert repr(found) == repr(records)  # NaN equals itself
    assert state == b"\x00state\n\xff"


@pytest.mark.parametrize("data", [b"", b"\x80\x81 torn", b"{}\nstate", b'{"epoch": 1', with_records((), b"state")])
def test_what_holds_no_record_is_refused_as_any_damage(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        split_records(data)


@pytest.mark.parametrize("at", [0, 70, 90, -25])
def test_records_that_have_changed_are_refused(at: int) -> None:
    data = bytearray(with_records([make_epoch(0.1, 0.2)], b"state of the trial, 20 long"))
    data[at] ^= 1
    if at > 0:
        with pytest.raises(ValueError, match="checksum of its records"):
            split_records(bytes(data))
    elif at == 0:
        with pytest.raises(ValueError, match=r"\S"):
            split_records(bytes(data))
    else:
        split_records(bytes(data))  # the state checks itself


def test_a_checkpoint_of_0_1_0_is_read() -> None:
    record = make_epoch(0.1, 0.2)
    assert split_records(json.dumps(asdict(record)).encode() + b"\nstate") == ((record,), b"state")

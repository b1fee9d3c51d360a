import pytest
import torch

from fitscape.study.training.checkpoint import pack, unpack


def test_round_trip() -> None:
    state = unpack(pack({"weights": torch.arange(3.0), "epoch": 2}))
    assert state["epoch"] == 2
    assert torch.equal(state["weights"], torch.arange(3.0))


@pytest.mark.parametrize("place", [25, 60, -1])
def test_changed_byte_is_detected(place: int) -> None:
    data = bytearray(pack({"weights": torch.arange(100.0)}))
    data[place] ^= 1
    with pytest.raises(ValueError, match="corrupt"):
        unpack(bytes(data))


def test_truncated_is_detected() -> None:
    data = pack({"weights": torch.arange(100.0)})
    with pytest.raises(ValueError, match="corrupt"):
        unpack(data[: len(data) // 2])


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 a bare torch file"])
def test_foreign_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a Fitscape checkpoint"):
        unpack(data)

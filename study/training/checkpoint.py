"""A trial's state as bytes: self-checking, and read without unpickling code."""

import hashlib
import io
from typing import Any

import torch

_MAGIC = b"fitscape-checkpoint-1\n"
_DIGEST_BYTES = hashlib.sha256().digest_size


def pack(state: dict[str, Any]) -> bytes:
    """Tensors and plain values to bytes, after a magic line and a SHA-256 of the rest."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getvalue()
    return _MAGIC + hashlib.sha256(payload).digest() + payload


def unpack(data: bytes) -> dict[str, Any]:
    """The state that ``pack`` wrote, tensors on the CPU.

    Raises:
        ValueError: not a checkpoint, truncated, or changed since it was written.
    """
    head = len(_MAGIC) + _DIGEST_BYTES
    if not data.startswith(_MAGIC):
        raise ValueError("checkpoint: not a Fitscape checkpoint of version 1")
    payload = data[head:]
    if hashlib.sha256(payload).digest() != data[len(_MAGIC) : head]:
        raise ValueError("checkpoint: corrupt, its checksum does not match")
    state: dict[str, Any] = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    return state

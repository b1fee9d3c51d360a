"""Gradient profiles and late pairs as compact blobs, and back without loss.

Torch measures both in 32 bits, so that four bytes hold a number; numbers that 32 bits do not hold get 64.
"""

import json
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain

from fitscape.study.records import GradientProfile

_json = json.JSONEncoder(separators=(",", ":")).encode
LEVEL = 1  # of zlib: the noise of measured numbers hardly shrinks, names and repeats do


def pack_numbers(numbers: Iterable[float]) -> bytes:
    """Every float as it is, NaN with its bits too."""
    return zlib.compress(_bytes(array("d", numbers)), LEVEL)


def unpack_numbers(blob: bytes) -> "array[float]":
    return _numbers(zlib.decompress(blob))


def pack_profiles(profiles: Sequence[GradientProfile]) -> bytes:
    """The profiles of one epoch: a line of JSON that says what the numbers after it are."""
    nets = list(dict.fromkeys(profile.layers for profile in profiles))
    shapes = [(p.step, nets.index(p.layers), len(p.gradient_norms), len(p.weight_norms)) for p in profiles]
    head = f'{{"nets":[{",".join(map(_layers, nets))}],"profiles":{_json(shapes)}}}'.encode()
    numbers = array("d", chain.from_iterable((*p.gradient_norms, *p.weight_norms) for p in profiles))
    return zlib.compress(head + b"\n" + _bytes(numbers), LEVEL)


@lru_cache(maxsize=256)
def _layers(names: tuple[str, ...]) -> str:
    """JSON; every epoch of a trial has the same."""
    return _json(names)


def unpack_profiles(blob: bytes) -> tuple[GradientProfile, ...]:
    head, _, rest = zlib.decompress(blob).partition(b"\n")
    shape, numbers = json.loads(head), _numbers(rest)
    nets = [tuple(layers) for layers in shape["nets"]]
    found, at = [], 0
    for step, net, gradients, weights in shape["profiles"]:
        norms = tuple(numbers[at : at + gradients + weights])
        found.append(
            GradientProfile(
                step=step, layers=nets[net], gradient_norms=norms[:gradients], weight_norms=norms[gradients:]
            )
        )
        at += gradients + weights
    return tuple(found)


def _bytes(numbers: "array[float]") -> bytes:
    """A letter for the width, then the numbers, little-endian."""
    short = array("f", numbers)
    fits = array("d", short).tobytes() == numbers.tobytes()
    return (b"f" if fits else b"d") + _little(short if fits else numbers).tobytes()


def _numbers(data: bytes) -> "array[float]":
    numbers = array("f" if data[:1] == b"f" else "d")
    numbers.frombytes(data[1:])
    return _little(numbers)


def _little(numbers: "array[float]") -> "array[float]":
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers

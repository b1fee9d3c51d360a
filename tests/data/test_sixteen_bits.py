"""Colour files of 16 bits keep all of them until the whole data set says how many it needs."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fitscape.study.config import DataConfig
from fitscape.study.data import load
from fitscape.study.data.datasets.decoding import decode, header

Values = NDArray[np.uint16]
TOPS = [(255, 8), (1000, 10), (4095, 12), (40_000, 16)]


def write_png(file: Path, values: Values, *extra: bytes) -> None:
    """``values`` [H, W, 2, 3 or 4]; ``extra`` chunks go before the image."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = chunk(b"IHDR", head), *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def write_tiff(file: Path, values: Values) -> None:
    """Little-endian and uncompressed."""
    height, width, channels = values.shape
    data = values.astype("<u2").tobytes()
    bits_at = 8 + 2 + 9 * 12 + 4
    tags = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, channels, bits_at),
        (259, 3, 1, 1),  # no compression
        (262, 3, 1, 2),  # RGB
        (273, 4, 1, bits_at + 2 * channels),
        (277, 3, 1, channels),
        (278, 3, 1, height),
        (279, 4, 1, len(data)),
    ]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    bits = struct.pack(f"<{channels}H", *[16] * channels)
    file.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0" * 4 + bits + data)


WRITERS: dict[str, Callable[[Path, Values], None]] = {"png": write_png, "tiff": write_tiff}


def colours(rng: np.random.Generator, top: int) -> Values:
    values = rng.integers(0, top + 1, (12, 12, 3)).astype(np.uint16)
    values[0, 0] = top
    return values


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize(("top", "bits"), TOPS)
def test_colour_is_scaled_from_what_the_data_set_needs(tmp_path: Path, top: int, bits: int, ending: str) -> None:
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for n in range(14):
            WRITERS[ending](tmp_path / name / f"{n}.{ending}", colours(rng, top))
    data = load(DataConfig(dataset=f"folder:{tmp_path}"))
    assert f"16-bit values go up to {top}: they are scaled from {bits} bits to 8" in data.summary()["notes"]
    images = data.trial_data.train_images
    assert images.max() == top * 255 // (2**bits - 1)
    assert images.float().std() > 0.2 * float(images.max())


@pytest.mark.parametrize("ending", WRITERS)
def test_every_value_is_read_whole(tmp_path: Path, ending: str) -> None:
    """0x00ff is nothing by its upper byte alone, and 0x0100 is more than 0x00ff."""
    values = np.array(
        [[[0x00FF, 0x0100, 0x0FFF], [0, 0x07FF, 0x0800]], [[1, 2, 3], [0x0101, 0x0202, 0x0F0F]]], np.uint16
    )
    file = tmp_path / f"a.{ending}"
    WRITERS[ending](file, values)
    found = header(file)
    assert not isinstance(found, str)
    assert (found.top, found.grey, found.upper_only) == (0x0FFF, False, False)
    out = np.zeros((3, 2, 2), np.uint8)
    assert decode(file, out, 4095) is None
    assert out.transpose(1, 2, 0).tolist() == (values.astype(int) * 255 // 4095).tolist()


def test_transparent_parts_lie_on_white(tmp_path: Path) -> None:
    values = np.full((4, 4, 4), 1000, np.uint16)
    values[:2, :, 3], values[2:, :, 3] = 0, 65535
    write_png(tmp_path / "a.png", values)
    out = np.zeros((3, 4, 4), np.uint8)
    assert decode(tmp_path / "a.png", out, 1023) is None
    assert out[:, 0].min() == 255
    assert out[:, 3].max() == 1000 * 255 // 1023
    assert header(tmp_path / "a.png").top == 1000  # type: ignore[union-attr]


def test_grey_with_transparent_parts_keeps_all_of_its_bits(tmp_path: Path) -> None:
    """Pillow opens such a file as colour, by the upper byte of each value: values below 256 would be black."""
    values = np.full((4, 4, 2), 200, np.uint16)
    values[:2, :, 1], values[2:, :, 1] = 0, 65535
    values[3, 3, 0] = 1000
    write_png(tmp_path / "a.png", values)
    found = header(tmp_path / "a.png")
    assert not isinstance(found, str)
    assert (found.top, found.grey, found.upper_only) == (1000, True, False)
    out = np.zeros((1, 4, 4), np.uint8)
    assert decode(tmp_path / "a.png", out, 1023) is None
    assert out[0, 0].min() == 255
    assert (out[0, 2, 0], out[0, 3, 3]) == (200 * 255 // 1023, 1000 * 255 // 1023)


def test_a_turned_image_is_put_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    data = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(data)) + b"eXIf" + data + struct.pack(">I", zlib.crc32(b"eXIf" + data))
    values = np.arange(48, dtype=np.uint16).reshape(4, 4, 3) * 80
    write_png(tmp_path / "a.png", values, chunk)
    out = np.zeros((3, 4, 4), np.uint8)
    assert decode(tmp_path / "a.png", out, 4095) is None
    assert out.transpose(1, 2, 0).tolist() == (values[::-1, ::-1].astype(int) * 255 // 4095).tolist()

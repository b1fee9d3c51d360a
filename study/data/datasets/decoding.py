"""One image file of any kind to a uint8 square."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from fitscape.study.data.datasets.source import Images

GREY_MODES = {"1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N"}

BITS = (8, 10, 12, 16)  # of what cameras and scanners put into 16-bit files

# Pillow takes one byte of each 16-bit colour value: as a file of the other byte order, it takes the other one.
_OTHER_BYTE = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}
_DEEP = re.compile(r"RGBA?;(16[BLN])|LA;16B")
_GREY_WITH_ALPHA = "LA;16B"  # of a PNG: four bytes a pixel, which Pillow opens as colour with alpha of 8 bits


@dataclass(frozen=True)
class Header:
    """What a file says of itself before it is decoded."""

    size: tuple[int, int]  # width, height
    grey: bool
    top: int = 0  # largest value of a 16-bit image, grey or colour; 0 of any other
    upper_only: bool = False  # 16 bits a channel in a form of which only the upper 8 can be read


def header(path: Path) -> Header | str:
    """The file's header, or why it cannot be read."""
    try:
        with Image.open(path) as image:
            grey, deep = image.mode in GREY_MODES or _grey_with_alpha(image), _deep(image)
            if image.mode.startswith("I"):
                top = int(np.asarray(image).max())
            elif deep:
                top = int(_sixteen_bits(path)[..., : 1 if grey else 3].max())
            else:
                top = 0
            upper_only = not grey and not deep and any("16" in str(part[3]) for part in getattr(image, "tile", ()))
            return Header(image.size, grey, top, upper_only)
    except Exception as error:  # noqa: BLE001  decoders of foreign files raise whatever they like
        return _reason(error)


def sixteen_bit_scale(headers: Sequence[Header]) -> tuple[int, str]:
    """What 255 stands for in the 16-bit images of a data set, and a sentence about it where there are any.

    The largest value of the fewest bits, of 8, 10, 12 and 16, that hold every value.
    """
    deep = [h.top for h in headers if h.top]
    upper_only = sum(h.upper_only for h in headers)
    notes = [f"{upper_only} images of 16 bits are read by their upper 8 bits"] if upper_only else []
    bits = next((b for b in BITS if max(deep, default=0) < 2**b), BITS[-1])
    if deep:
        notes.insert(0, f"16-bit values go up to {max(deep)}: they are scaled from {bits} bits to 8")
    return 2**bits - 1, "; ".join(notes)


def decode(path: Path, out: Images, full: int = 65535, *, pad: bool = False) -> str | None:
    """Decode into ``out`` [C, S, S]; None, or why the file cannot be read.

    The first frame of an animation, turned as its EXIF orientation says. ``full`` is what becomes 255 of 16 bits.
    The square is cut from the middle, or with ``pad`` the whole image on black.
    """
    try:
        with Image.open(path) as image:
            upright = _eight_bits(_sixteen_bits(path), full) if _deep(image) else ImageOps.exif_transpose(image)
            square = _square(upright, channels=out.shape[0], size=out.shape[1], full=full, pad=pad)
    except Exception as error:  # noqa: BLE001  decoders of foreign files raise whatever they like
        return _reason(error)
    out[:] = np.atleast_3d(np.asarray(square)).transpose(2, 0, 1)
    return None


def _square(image: Image.Image, channels: int, size: int, full: int, pad: bool) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point values have no known range")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("32-bit values have no known range")
        # Pillow's own conversion would clip at 255.
        image = _eight_bits(values, full)
    elif image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    image = image.convert("L" if channels == 1 else "RGB")
    return (ImageOps.pad if pad else ImageOps.fit)(image, (size, size), Image.Resampling.BILINEAR)


def _eight_bits(values: NDArray[Any], full: int) -> Image.Image:
    return Image.fromarray((values.astype(np.uint32) * 255 // full).clip(max=255).astype(np.uint8))


def _deep(image: Image.Image) -> bool:
    """Whether an opened file has 16 bits a channel in two channels or more, all of which can be read."""
    tiles = getattr(image, "tile", ())
    return bool(tiles) and all(_DEEP.fullmatch(_raw_mode(tile.args)) for tile in tiles)


def _grey_with_alpha(image: Image.Image) -> bool:
    tiles = getattr(image, "tile", ())
    return bool(tiles) and all(_raw_mode(tile.args) == _GREY_WITH_ALPHA for tile in tiles)


def _raw_mode(arguments: Any) -> str:
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _sixteen_bits(path: Path) -> NDArray[np.uint16]:
    """The values of a 16-bit image [H, W, channels], 2 of grey with alpha, turned as its EXIF orientation says."""
    with Image.open(path) as image:
        if _grey_with_alpha(image):
            image.tile = [tile._replace(args="RGBA") for tile in image.tile]
            pixels = np.asarray(ImageOps.exif_transpose(image)).astype(np.uint16)
            return (pixels[..., ::2] << 8 | pixels[..., 1::2]).astype(np.uint16)
    halves = []
    for other in (False, True):
        with Image.open(path) as image:
            if other:
                image.tile = [tile._replace(args=_of_the_other_byte(tile.args)) for tile in image.tile]
            halves.append(np.asarray(ImageOps.exif_transpose(image)).astype(np.uint16))
    upper, lower = halves
    return (upper << 8 | lower).astype(np.uint16)


def _of_the_other_byte(arguments: Any) -> Any:
    """A decoder's arguments, of which the raw mode is the only or the first one, for the other byte of each value."""
    if isinstance(arguments, tuple):
        return (_of_the_other_byte(arguments[0]), *arguments[1:])
    mode, _, order = arguments.partition(";")
    return f"{mode};{_OTHER_BYTE[order]}"


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    return " ".join(str(error).split()) or type(error).__name__

"""One image file of any kind to a uint8 square."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fitscape.study.data.datasets.source import Images

GREY_MODES = {"1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N"}

BITS = (8, 10, 12, 16)  # of what cameras and scanners put into 16-bit files


@dataclass(frozen=True)
class Header:
    """What a file says of itself before it is decoded."""

    size: tuple[int, int]  # width, height
    grey: bool
    top: int = 0  # largest value of a 16-bit grey image; 0 of any other
    deep_colour: bool = False  # more than 8 bits a channel, of which Pillow reads the upper 8


def header(path: Path) -> Header | str:
    """The file's header, or why it cannot be read."""
    try:
        with Image.open(path) as image:
            grey = image.mode in GREY_MODES
            top = int(np.asarray(image).max()) if image.mode.startswith("I") else 0
            deep = not grey and any("16" in str(part[3]) for part in getattr(image, "tile", ()))
            return Header(image.size, grey, top, deep)
    except Exception as error:  # noqa: BLE001  decoders of foreign files raise whatever they like
        return _reason(error)


def sixteen_bit_scale(headers: Sequence[Header]) -> tuple[int, str]:
    """What 255 stands for in the 16-bit images of a data set, and a sentence about it where there are any.

    The largest value of the fewest bits, of 8, 10, 12 and 16, that hold every value.
    """
    deep = [h.top for h in headers if h.top]
    colour = sum(h.deep_colour for h in headers)
    notes = [f"{colour} colour images of 16 bits are read by their upper 8 bits"] if colour else []
    bits = next((b for b in BITS if max(deep, default=0) < 2**b), BITS[-1])
    if deep:
        notes.insert(0, f"16-bit grey values go up to {max(deep)}: they are scaled from {bits} bits to 8")
    return 2**bits - 1, "; ".join(notes)


def decode(path: Path, out: Images, full: int = 65535) -> str | None:
    """Decode into ``out`` [C, S, S]; None, or why the file cannot be read.

    The first frame of an animation, turned as its EXIF orientation says. ``full`` is what becomes 255 of 16-bit grey.
    """
    try:
        with Image.open(path) as image:
            square = _square(ImageOps.exif_transpose(image), channels=out.shape[0], size=out.shape[1], full=full)
    except Exception as error:  # noqa: BLE001  decoders of foreign files raise whatever they like
        return _reason(error)
    out[:] = np.atleast_3d(np.asarray(square)).transpose(2, 0, 1)
    return None


def _square(image: Image.Image, channels: int, size: int, full: int) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point values have no known range")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("32-bit values have no known range")
        # Pillow's own conversion would clip at 255.
        image = Image.fromarray((values.astype(np.uint32) * 255 // full).clip(max=255).astype(np.uint8))
    elif image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    image = image.convert("L" if channels == 1 else "RGB")
    return ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    return " ".join(str(error).split()) or type(error).__name__

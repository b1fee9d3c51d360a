"""One image file of any kind to a uint8 square."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fitscape.study.data.datasets.source import Images

GREY_MODES = {"1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N"}


@dataclass(frozen=True)
class Header:
    """What a file says of itself before it is decoded."""

    size: tuple[int, int]  # width, height
    grey: bool


def header(path: Path) -> Header | str:
    """The file's header, or why it cannot be read."""
    try:
        with Image.open(path) as image:
            return Header(image.size, image.mode in GREY_MODES)
    except Exception as error:  # noqa: BLE001  decoders of foreign files raise whatever they like
        return _reason(error)


def decode(path: Path, out: Images) -> str | None:
    """Decode into ``out`` [C, S, S]; None, or why the file cannot be read.

    The first frame of an animation, turned as its EXIF orientation says.
    """
    try:
        with Image.open(path) as image:
            square = _square(ImageOps.exif_transpose(image), channels=out.shape[0], size=out.shape[1])
    except Exception as error:  # noqa: BLE001  decoders of foreign files raise whatever they like
        return _reason(error)
    out[:] = np.atleast_3d(np.asarray(square)).transpose(2, 0, 1)
    return None


def _square(image: Image.Image, channels: int, size: int) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point values have no known range")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("32-bit values have no known range")
        image = Image.fromarray((values // 257).astype(np.uint8))  # Pillow's own conversion would clip at 255
    elif image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    image = image.convert("L" if channels == 1 else "RGB")
    return ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    return " ".join(str(error).split()) or type(error).__name__

"""A made-up inspection set: parts photographed several times, seven classes of which one is ten times the others.

Each part has a surface of its own (smooth noise and a few marks); its frames are that surface, cropped, turned up or
down in brightness and grained anew. The class is a small mark of one of six kinds, or none ("fine").
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

CLASSES = ("fine", "dent", "scratch", "stain", "crack", "burr", "hole")
COUNTS = dict.fromkeys(CLASSES, 6) | {"fine": 60}  # parts of each class


def surface(rng: np.random.Generator, size: int) -> Image.Image:
    """A part without a defect."""
    coarse = Image.fromarray(rng.integers(60, 200, (5, 5, 3), dtype=np.uint8)).resize(
        (size, size), Image.Resampling.BICUBIC
    )
    pixels = np.asarray(coarse, dtype=np.int16)
    fine = rng.normal(0, 18, (size, size, 1))
    return Image.fromarray(np.clip(pixels + fine, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.5))


def marked(image: Image.Image, kind: int, rng: np.random.Generator) -> Image.Image:
    """The part with the mark of its class; kind 0 has none."""
    if kind == 0:
        return image
    pixels = np.array(image)
    side = image.width
    y, x = rng.integers(side // 4, 3 * side // 4, 2)
    rows, columns = np.mgrid[:side, :side]
    far = np.hypot(rows - y, columns - x)
    shape = {
        1: far < side / 12,
        2: np.abs(rows - y - (columns - x) // 2) < 2,
        3: (far < side / 7) & (far > side / 10),
        4: np.abs((rows - y) ** 2 - (columns - x) * side / 8) < side,
        5: (np.abs(rows - y) < side / 16) & (np.abs(columns - x) < side / 5),
        6: far < side / 20,
    }[kind]
    pixels[shape] = (20 + 30 * kind, 40, 200 - 25 * kind)
    return Image.fromarray(pixels)


def frame(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """One photograph of the part: cropped by up to 6 %, brighter or darker, with grain."""
    side = image.width
    left, top = rng.integers(0, max(1, side // 16), 2)
    cut = side - max(1, side // 16)
    taken = image.crop((left, top, left + cut, top + cut)).resize((side, side), Image.Resampling.BILINEAR)
    taken = ImageEnhance.Brightness(taken).enhance(float(rng.uniform(0.85, 1.15)))
    grain = rng.normal(0, 4, (side, side, 1))
    return Image.fromarray(np.clip(np.asarray(taken) + grain, 0, 255).astype(np.uint8))


def write(folder: Path, *, size: int = 64, seed: int = 0, split: bool = False) -> list[dict[str, str]]:
    """JPEGs below ``folder/CLASS/``, or ``folder/PART_OF_THE_SPLIT/CLASS/``; returns a row per image.

    Rows: ``path`` relative to the folder, ``label``, ``group`` (the part), ``split`` (whole parts, 60/20/20).
    """
    rng = np.random.default_rng(seed)
    rows = []
    for kind, (label, parts) in enumerate(COUNTS.items()):
        for number in range(parts):
            piece = marked(surface(rng, size), kind, rng)
            side = ("train", "train", "val", "train", "test")[number % 5]
            for shot in range(int(rng.integers(3, 9))):
                name = f"{side}/" * split + f"{label}/{label}{number:03}_{shot}.jpg"
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                frame(piece, rng).save(folder / name, quality=92)
                rows.append({"path": name, "label": label, "group": f"{label}{number:03}", "split": side})
    return rows

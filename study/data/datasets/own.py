"""A data set of the user's own code: a function that returns arrays, or paths of image files, with their labels."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fitscape.models.reference import CodeReference
from fitscape.study.data.datasets import image_files
from fitscape.study.data.datasets.listing import SPELLINGS, Listing, numbered, refused
from fitscape.study.data.datasets.source import Images, Labels, Presence, RawData, Source
from fitscape.study.data.given_split import Parts, SplitPart
from fitscape.study.errors import UserError
from fitscape.study.plugins import installed
from fitscape.study.plugins.examine import said

KEYS = ("images", "paths", "labels", "classes", "test_images", "test_labels", "split", "groups")
MOST_CHANNELS = 4
MOST_CLASSES = 100_000


class DataSet(Protocol):
    """What ``data.dataset: my_data.py:NAME`` names: a function of no argument, or of ``image_size`` alone."""

    def __call__(self) -> tuple[Any, Any] | Mapping[str, Any]:
        """``(images, labels)``, or a mapping.

        Its keys: ``images``, uint8 [N, H, W], [N, H, W, C] or [N, C, H, W], or ``paths``, N image files; ``labels``, N
        numbers or words. Optional: ``classes``, the names of labels 0, 1, ...; ``test_images`` and ``test_labels``, a
        test part; ``split``, N words train, val, test or empty; ``groups``, N values, equal ones stay in one part.
        """


class OwnData(Source):
    """The function is called anew by every run: whether its data have changed, only it knows."""

    name = "own"
    foreign = True
    lasting = False
    argument_name = "NAME"
    description = "FILE.py:NAME, a function of your own that returns images, or their paths, and labels"

    def presence(self) -> Presence:
        if self.groups is not None:
            raise refused(f"{self.argument} gives groups itself", "return them under `groups`", "data.groups")
        return Presence(self.name, None, f"your own code gives it, {self.argument}")

    def files(self) -> list[Path]:
        return []

    def state(self) -> list[str]:
        code = installed()
        return [code.digest] if code else []

    def read(self, image_size: int | None) -> RawData:
        returned = self._called(image_size)
        try:
            return self._taken(returned, image_size)
        except UserError:
            raise
        except Exception as error:  # noqa: BLE001  (what was returned may fail wherever it is touched)
            reason = said(error, CodeReference.parse(self.argument))
            raise refused(f"{self.argument} does not return a data set: {reason}") from None

    def _taken(self, returned: Any, image_size: int | None) -> RawData:
        given = _mapping(returned, self.argument)
        unknown = [key for key in given if key not in KEYS]
        if unknown:
            raise refused(f"{self.argument} returns an unknown key {unknown[0]}", f"its keys are {', '.join(KEYS)}")
        if ("images" in given) == ("paths" in given) or "labels" not in given:
            raise refused(f"{self.argument} returns {', '.join(given)}", "it needs labels, and images or paths")
        labels, classes = _labels(given["labels"], given.get("classes"), self.argument)
        parts = _parts(given.get("split"), self.argument)
        groups = None if given.get("groups") is None else numbered([str(group) for group in given["groups"]])
        source = "paths" if "paths" in given else "images"
        for key, values in ((source, given[source]), ("split", parts), ("groups", groups)):
            if values is not None and len(values) != len(labels):
                raise refused(f"{self.argument} returns {len(values)} {key} and {len(labels)} labels")
        if source == "paths":
            return self._from_files(given["paths"], labels, classes, parts, groups, image_size)
        return RawData(
            images=_images(given["images"], self.argument),
            labels=labels,
            classes=classes,
            parts=parts,
            groups=groups,
            **self._test(given, classes),
        )

    def _called(self, image_size: int | None) -> Any:
        reference = CodeReference.parse(self.argument)
        try:
            load = reference.load()
            takes = "image_size" in inspect.signature(load).parameters
            return load(**({"image_size": image_size} if takes else {}))
        except UserError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001  (it is the user's code)
            raise refused(f"{self.argument} raised {said(error, reference)}") from None

    def _test(self, given: Mapping[str, Any], classes: tuple[str, ...]) -> dict[str, Any]:
        if ("test_images" in given) != ("test_labels" in given):
            raise refused(f"{self.argument} returns half a test part", "give test_images and test_labels, or neither")
        if "test_images" not in given:
            return {}
        images, labels = _images(given["test_images"], self.argument), np.asarray(given["test_labels"])
        if len(images) != len(labels):
            raise refused(f"{self.argument} returns {len(images)} test images and {len(labels)} labels")
        return {"test_images": images, "test_labels": _numbered(labels, classes, self.argument)}

    def _from_files(
        self,
        paths: Sequence[Any],
        labels: Labels,
        classes: tuple[str, ...],
        parts: Parts | None,
        groups: Labels | None,
        image_size: int | None,
    ) -> RawData:
        files = tuple(Path(path).expanduser().absolute() for path in paths)
        missing = [str(file) for file in files if not file.is_file()]
        if missing:
            raise refused(f"{len(missing)} of {len(files)} files are not there, the first: {missing[0]}")
        listing = Listing(
            root=Path("/"), paths=files, labels=labels, classes=classes, parts=parts, groups=groups
        ).require_usable(allow_group_leak=self.allow_group_leak)
        return image_files.read(listing, image_size, self)


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, tuple | list) and len(value) == 2:
        return {"images": value[0], "labels": value[1]}
    raise refused(f"{name} returns {type(value).__name__}", "it returns (images, labels), or a mapping")


def _images(value: Any, name: str) -> Images:
    images = np.asarray(value)
    if images.dtype != np.uint8:
        raise refused(f"{name} returns images of type {images.dtype}", "give uint8, 0 is black and 255 is white")
    if images.ndim == 3:
        return np.ascontiguousarray(images[:, None])
    if images.ndim != 4:
        raise refused(f"{name} returns images of shape {images.shape}", "give [N, H, W], [N, H, W, C] or [N, C, H, W]")
    if images.shape[1] <= MOST_CHANNELS:
        return np.ascontiguousarray(images)
    if images.shape[3] <= MOST_CHANNELS:
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    raise refused(f"{name} returns images of shape {images.shape}: no axis has 1 to {MOST_CHANNELS} channels")


def _labels(value: Any, classes: Any, name: str) -> tuple[Labels, tuple[str, ...]]:
    labels = np.asarray(value)
    if labels.ndim != 1:
        raise refused(f"{name} returns labels of shape {labels.shape}", "give one label per image, [N]")
    if classes is None:
        known = sorted(set(labels.tolist()))
        if not all(isinstance(label, int | str) for label in known):
            raise refused(f"{name} returns labels of type {labels.dtype}", "give whole numbers or words")
        if not known:
            raise refused(f"{name} returns no image")
        if isinstance(known[0], int) and known[-1] >= MOST_CLASSES:
            raise refused(f"{name} returns the label {known[-1]}", "numbers of classes begin at 0; or give words")
        classes = list(range(int(max(known)) + 1)) if isinstance(known[0], int) and min(known) >= 0 else known
    names = tuple(map(str, classes))
    return _numbered(labels, names, name), names


def _numbered(labels: Any, classes: tuple[str, ...], name: str) -> Labels:
    """Each label as the position of its class: a whole number is one already, a word is the name of one."""
    if labels.dtype.kind in "iub":
        low, high = (int(labels.min()), int(labels.max())) if len(labels) else (0, 0)
        if not 0 <= low <= high < len(classes):
            raise refused(f"{name} returns labels from {low} to {high} for {len(classes)} classes")
        return np.asarray(labels, dtype=np.int64)
    places = {word: i for i, word in enumerate(classes)}
    unknown = [word for word in map(str, labels) if word not in places]
    if unknown:
        raise refused(f"{name} returns the label {unknown[0]}, which is not one of its classes")
    return np.array([places[str(word)] for word in labels], dtype=np.int64)


def _parts(split: Any, name: str) -> Parts | None:
    if split is None:
        return None
    words = [str(word or "").strip().lower() for word in split]
    unknown = [word for word in words if word and word not in SPELLINGS]
    if unknown:
        raise refused(f"{name} returns the split {unknown[0]}", "its words are train, val and test")
    return np.array([SPELLINGS[word] if word else SplitPart.DRAWN for word in words], dtype=np.int8)

"""The data sets by name. A new one is one file here and one line in the registry (docs/how-to/add-a-data-set.md)."""

import difflib
from dataclasses import replace

from fitscape.study.config import DataConfig
from fitscape.study.data.classes import counted, positions
from fitscape.study.data.datasets.cifar import CIFAR10, CIFAR100
from fitscape.study.data.datasets.digits import Digits
from fitscape.study.data.datasets.fashion_mnist import FashionMNIST
from fitscape.study.data.datasets.hugging_face import HuggingFace
from fitscape.study.data.datasets.image_folder import ImageFolder
from fitscape.study.data.datasets.image_list import ImageList
from fitscape.study.data.datasets.own import OwnData
from fitscape.study.data.datasets.source import Presence, Source
from fitscape.study.data.datasets.svhn import SVHN
from fitscape.study.data.datasets.uploaded import Uploaded
from fitscape.study.data.foreseen import look_ahead
from fitscape.study.errors import UserError
from fitscape.study.plugins.named import is_own_dataset

_REGISTRY: dict[str, type[Source]] = {
    source.name: source
    for source in (
        Digits,
        FashionMNIST,
        CIFAR10,
        CIFAR100,
        SVHN,
        ImageFolder,
        ImageList,
        HuggingFace,
        Uploaded,
    )
}


def names() -> list[str]:
    """What ``data.dataset`` takes; some take more after a colon, as in ``folder:PATH``."""
    return list(_REGISTRY)


def describe(name: str) -> str:
    """One line about a data set."""
    return _REGISTRY[name].description


def get(config: DataConfig) -> Source:
    """The data set that a config names.

    Raises:
        UserError: no such data set; it names the nearest one and all.
    """
    if is_own_dataset(config.dataset):
        return OwnData(config.root, config.dataset, groups=config.groups, allow_group_leak=config.allow_group_leak)
    name, colon, argument = config.dataset.partition(":")
    if name not in _REGISTRY or bool(colon) != bool(_REGISTRY[name].argument_name):
        near = difflib.get_close_matches(name, _REGISTRY, n=1, cutoff=0.5)
        known = ", ".join(f"{n}:{s.argument_name}" if s.argument_name else n for n, s in _REGISTRY.items())
        known += ", or FILE.py:NAME"
        meant = f"did you mean {near[0]}? " if near and near[0] != name else ""
        raise UserError(f"'{config.dataset}' is not a data set", where="data.dataset", fix=f"{meant}choose {known}")
    if config.groups is not None and not argument:
        raise UserError(f"{name} has no groups", where="data.groups", fix="leave it out; your own images may have them")
    return _REGISTRY[name](
        config.root, argument, groups=config.groups, allow_group_leak=config.allow_group_leak, fit=config.fit
    )


def check_files(config: DataConfig, source: Source | None = None) -> Presence:
    """Look whether the data set is there, without loading it: for the preflight.

    Args:
        source: that of the config, which then has looked its files up; None: a new one.

    Raises:
        UserError: unknown name, missing folder, unknown class, one class, too few images.
    """
    source = source or get(config)
    found = source.presence()
    if found.counts is not None:
        kept = counted(found.counts, config.classes)
        look_ahead(config, kept)
        return replace(found, counts=kept)
    if config.classes is not None and source.classes:
        positions(source.classes, config.classes)
    return found

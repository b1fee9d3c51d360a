"""The families of networks, by name. A new family is one new module and one line here.

No torch in here: ``models.spec`` reads this table to check a config in milliseconds, and ``models.build``
imports a family's module when its first network is built.
"""

from dataclasses import dataclass

IMAGENET_DEPTHS = (18, 34)  # He et al. 2015, section 4.1, the basic-block nets
CIFAR_DEPTHS = (20, 32, 44, 56, 110)  # section 4.2


@dataclass(frozen=True)
class Entry:
    """Where a family lives, and the depths it comes in.

    ``models.<module>`` offers ``network(spec, channels, classes) -> nn.Module``, the bare network, and
    ``smallest_input(spec) -> int``, the fewest pixels a side that it can take.
    """

    module: str
    depths: tuple[int, ...]


FAMILIES: dict[str, Entry] = {
    "resnet": Entry("residual", IMAGENET_DEPTHS + CIFAR_DEPTHS),
    "plain": Entry("residual", IMAGENET_DEPTHS + CIFAR_DEPTHS),
    "densenet": Entry("densenet", (121,)),
}

"""A network and a loss of your own: ``fitscape run examples/my_nets.yaml``."""

from torch import nn


class SmallNet(nn.Module):
    """Blocks of convolution, batch norm and ReLU. Its keywords with defaults are hyperparameters of the study."""

    def __init__(self, channels, classes, *, blocks: int = 2, inside: int = 16, last_norm: bool = False):
        super().__init__()
        layers = []
        for _ in range(blocks):
            layers += [nn.Conv2d(channels, inside, 3, padding=1), nn.BatchNorm2d(inside), nn.ReLU()]
            channels = inside
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(channels, classes)
        self.last = nn.BatchNorm1d(classes) if last_norm else nn.Identity()

    def forward(self, images):
        return self.last(self.head(self.features(images)))


def focal(logits, labels):
    """The focal loss with gamma 2 (Lin et al. 2017, equation 4), mean over the batch."""
    log_p = logits.log_softmax(dim=1).gather(1, labels[:, None]).squeeze(1)
    return (-((1 - log_p.exp()) ** 2) * log_p).mean()

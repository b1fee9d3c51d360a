"""plain_loop.py as a trial of Fitscape: ``fitscape run examples/plain_trial.yaml``."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def network(width):
    layers = [nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(16 * width, 10))


def wrong(model, images, labels):
    with torch.no_grad():
        return model(images).argmax(dim=1) != labels


def run(params, data, report):
    train = data.normalize(data.train_images), data.train_labels
    val = data.normalize(data.val_images), data.val_labels
    model = network(params["width"])
    optimizer = torch.optim.SGD(model.parameters(), lr=params["lr"], momentum=0.9)
    for epoch in range(1, params["epochs"] + 1):
        model.train()
        for x, y in DataLoader(TensorDataset(*train), batch_size=64, shuffle=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        model.eval()
        report(train_error=lambda: wrong(model, *train), val_error=wrong(model, *val), epoch=epoch)

"""A training loop as it is often written: torch, a DataLoader, accuracy printed. ``python examples/plain_loop.py``."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def network(width):
    layers = [nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(16 * width, 10))


def wrong(model, images, labels):
    with torch.no_grad():
        return model(images).argmax(dim=1) != labels


def run(width=16, lr=0.05, epochs=3):
    from sklearn.datasets import load_digits

    digits = load_digits()
    images, labels = torch.tensor(digits.images).float()[:, None] / 8 - 1, torch.tensor(digits.target)
    train, val = (images[:1200], labels[:1200]), (images[1200:], labels[1200:])
    model = network(width)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for epoch in range(1, epochs + 1):
        model.train()
        for x, y in DataLoader(TensorDataset(*train), batch_size=64, shuffle=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        train_error = wrong(model, *train).float().mean()
        val_error = wrong(model, *val).float().mean()
        print(f"epoch {epoch}: training error {train_error:.3f}, validation error {val_error:.3f}")


if __name__ == "__main__":
    run()

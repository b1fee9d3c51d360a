"""A LightningModule as a trial: ``pip install lightning``, then ``fitscape run examples/lightning_trial.yaml``."""

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import fitscape


class Net(lightning.LightningModule):
    """It logs what such modules log: the training error of the epoch's batches, with dropout, as the weights move."""

    def __init__(self, channels, classes, width, lr):
        super().__init__()
        self.lr = lr
        layers = [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveMaxPool2d(4)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(16 * width, classes))

    def forward(self, images):
        return self.layers(images)

    def training_step(self, batch, batch_idx):
        images, labels = batch
        logits = self(images)
        self.log("train_error", (logits.argmax(dim=1) != labels).float().mean(), on_step=False, on_epoch=True)
        return nn.functional.cross_entropy(logits, labels)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr, momentum=0.9)


class CleanErrors(lightning.Callback):
    """After each epoch both errors, measured alike: for Lightning's loggers, and for the study."""

    def __init__(self, train, val, report):
        self.train, self.val, self.report = train, val, report

    def on_train_epoch_end(self, trainer, module):
        logged = float(trainer.callback_metrics["train_error"])
        found = fitscape.log_clean_errors(module, self.train, self.val, log=module.log_dict, logged_train_error=logged)
        self.report(
            train_error=found["clean_train_error"],
            val_error=found["clean_val_error"],
            train_loss=found["clean_train_loss"],
            val_loss=found["clean_val_loss"],
        )


def run(params, data, report):
    train = data.normalize(data.train_images), data.train_labels
    val = data.normalize(data.val_images), data.val_labels
    trainer = lightning.Trainer(
        max_epochs=params["epochs"],
        accelerator="cpu" if data.device == "cpu" else "gpu",
        devices=1,
        callbacks=[CleanErrors(train, val, report)],
        logger=False,  # or one of yours
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    net = Net(data.input_shape[0], len(data.classes), params["width"], params["lr"])
    trainer.fit(net, DataLoader(TensorDataset(*train), batch_size=64, shuffle=True))

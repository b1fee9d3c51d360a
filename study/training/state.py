"""Everything one trial owns between two steps, and its way into a checkpoint and back."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from fitscape.models.size import count, measure
from fitscape.models.starting_weights import StartingWeights, load
from fitscape.models.weight_names import parse_weights
from fitscape.study.config import TrialConfig
from fitscape.study.data import TrialData, augment, probe, select
from fitscape.study.data.mixing import mixing
from fitscape.study.records import ModelSize
from fitscape.study.training import attention, checkpoint, features
from fitscape.study.training.batch_norm import choose_images, reestimated
from fitscape.study.training.batches import make_batches, make_normalize, pixel_statistics
from fitscape.study.training.card import CardPool
from fitscape.study.training.evaluation import ImageResults, batch_size, evaluate_each
from fitscape.study.training.freezing import freeze
from fitscape.study.training.gradients import GradientProbe
from fitscape.study.training.late import BestEpoch
from fitscape.study.training.loss import make_loss
from fitscape.study.training.memorization import Memorization, memorization
from fitscape.study.training.network import make_network
from fitscape.study.training.operators import why_not_captured
from fitscape.study.training.optimization import (
    learning_rate,
    load_optimizer_state,
    make_optimizer,
    optimizer_state,
    set_learning_rate,
)
from fitscape.study.training.own_loss import CROSS_ENTROPY
from fitscape.study.training.placement import is_resident, rows, upload
from fitscape.study.training.randomness import Randomness
from fitscape.study.training.settings import Settings
from fitscape.study.training.step import Gradients, TrainingStep
from fitscape.study.training.stepping import Stepping


class TrialRun:
    """Model, optimizer, data stream, random streams and counters of one trial.

    Data: the training images lie on the device once, all trials of a CPU node reading one shared copy or one mapped
    file; the trial's subset is indices into them. Validation and the probe, a fixed slice of the subset with the
    labels that are trained on, lie beside them. Where the head alone learns, their features lie there instead. Images
    that do not fit a card come to it batch by batch.
    """

    def __init__(
        self, config: TrialConfig, data: TrialData, settings: Settings, weights: StartingWeights | None = None
    ) -> None:
        """
        Raises:
            ValueError: the network cannot be built, or ``weights`` are not those that the config names, or do not fit.
        """
        require_named(config, weights)
        self.config, self.data, self.settings = config, data, settings
        device = settings.torch_device
        classes = len(data.classes)
        settings.apply()

        subset = select(data, config.data, config.seed)
        self.randomness = Randomness(config.seed, device)
        self.normalize = make_normalize(pixel_statistics(subset, weights, data.input_shape[0]), settings)
        self.augment = augment.of(config.data)
        self.mix = mixing(config.data, classes, device)
        resident = is_resident(data, device)
        train_images = upload(data.train_images, device) if resident else data.train_images
        self._val_images = upload(data.val_images, device) if resident else data.val_images
        self._val_labels = upload(data.val_labels, device)
        self._subset, self._probe = subset, probe(subset, data.probe_size)
        self._probe_images = rows(train_images, subset.indices[self._probe], device)
        self.probe_labels = subset.labels[self._probe]
        self._probe_labels = self.probe_labels.to(device)

        self.model = make_network(
            config.model,
            data.input_shape,
            classes,
            seed=config.seed,
            settings=settings,
            start=None if weights is None else lambda net: load(net, weights, data.classes),
        )
        if config.model.foreign:
            parameters, flops = measure(config.model, data.input_shape, classes)
        else:
            parameters, flops = count(self.model, self.normalize(train_images[:1]))
        self.size = ModelSize(parameters=parameters, flops=flops)
        freeze(self.model, config.optimization)
        chosen = subset.indices
        self._kept = features.can_be_kept(config, self.model)
        if self._kept:  # in the place of images from here on
            train_images, chosen = self._features(train_images, chosen), torch.arange(len(chosen))
            self._probe_images = train_images[: len(self._probe)]
            self._val_images = self._features(self._val_images)
        self._net = features.head(self.model) if self._kept else self.model
        self.batches = make_batches(
            train_images,
            subset.labels,
            chosen,
            batch_size=config.optimization.batch_size,
            generator=self.randomness.order,
            device=device,
            resident=resident or self._kept,
        )
        self.optimizer = make_optimizer(self.model, config.optimization)
        loss = make_loss(config.optimization, subset.labels, classes, device)
        self.stepping = Stepping(
            TrainingStep(
                self._load,
                Gradients(self._net, settings, loss, own=config.optimization.loss != CROSS_ENTROPY),
                self.optimizer,
                device,
            ),
            self.model,
            self.optimizer,
            self.randomness,
            card=CardPool() if device.type == "cuda" else None,
            keep_eager=self._why_eager(),
        )
        self.gradient_probe = GradientProbe(self.model)
        self.best = BestEpoch(data.val_half)

        self.epoch = self.step = 0
        self.steps_per_epoch = config.optimization.steps_per_epoch or self.batches.per_pass
        self._statistics = (
            []
            if self._kept
            else [
                rows(train_images, part, device)
                for part in choose_images(
                    chosen, epoch_images=self.steps_per_epoch * self.batches.size, batch_size=self.batches.size
                )
            ]
        )

    @property
    def learning_rate(self) -> float:
        """The rate of the last step that was taken, the first's before it."""
        config = self.config.optimization
        return learning_rate(config, max(self.step - 1, 0), self.steps_per_epoch * config.epochs)

    def take_step(self, *, last_of_epoch: bool) -> None:
        """One optimizer step; the first and an epoch's last are read for the gradients of every layer."""
        full = self.step == 0 or last_of_epoch
        config = self.config.optimization
        self.batches.advance()
        set_learning_rate(self.optimizer, learning_rate(config, self.step, self.steps_per_epoch * config.epochs))
        if self.gradient_probe.is_due(self.step, full=full):
            self.stepping.backward()
            self.gradient_probe.observe(self.step, full=full)
            self.stepping.update()
        else:
            self.stepping.whole()
        self.step += 1

    def repeatable(self) -> AbstractContextManager[None]:
        """Epochs belong in here: on a card attention gives the same numbers twice."""
        settings = self.settings
        if not settings.repeatable or settings.torch_device.type == "cpu":
            return nullcontext()
        needed = attention.has_attention(self.config.model, self.data.input_shape, len(self.data.classes))
        return attention.repeatable() if needed else nullcontext()

    def _load(self) -> tuple[torch.Tensor, torch.Tensor]:
        images, labels = self.batches.gather()
        if self._kept:
            return images, labels
        images = self.normalize(self.augment(images, self.randomness.augmentation))
        return (images, labels) if self.mix is None else self.mix(images, labels, self.randomness.augmentation)

    def _why_eager(self) -> str:
        """Why steps on a card are not captured; empty where they are, and on the CPU, which captures none."""
        if self.settings.torch_device.type == "cpu":
            return ""
        if not self.settings.captured:
            return "not asked for"
        if self.config.optimization.loss != CROSS_ENTROPY:
            return "its loss is the user's own"
        return why_not_captured(self.config.model, self.data.input_shape, len(self.data.classes))

    @contextmanager
    def as_measured(self) -> Iterator[None]:
        """Inside, the model holds the batch-norm statistics that evaluations use; afterwards those of training."""
        if self.config.evaluation.batch_norm == "running":
            yield
            return
        batches = (self.normalize(images) for images in self._statistics)
        with reestimated(self.model, batches, self.settings.autocast()):
            yield

    def evaluate(self) -> tuple[ImageResults, ImageResults]:
        """The probe and validation, by the same evaluator."""
        parts = ((self._probe_images, self._probe_labels), (self._val_images, self._val_labels))
        with self.stepping.borrowing(), self.as_measured():
            train, validation = self._evaluate(
                self._net, *parts, normalize=_as_they_are if self._kept else self.normalize
            )
        return train, validation

    def evaluate_on(self, images: torch.Tensor, labels: torch.Tensor) -> ImageResults:
        """Other images, uint8 [N, C, H, W], by the same evaluator."""
        device = self.settings.torch_device
        with self.as_measured():
            parts = (upload(images, device), upload(labels, device))
            return self._evaluate(self.model, parts, normalize=self.normalize)[0]

    def _features(self, images: torch.Tensor, chosen: torch.Tensor | None = None) -> torch.Tensor:
        batch = batch_size(images, self.config.optimization.batch_size)
        return features.features(
            self.model, images, chosen, normalize=self.normalize, settings=self.settings, batch=batch
        )

    def _evaluate(
        self,
        net: torch.nn.Module,
        *sets: tuple[torch.Tensor, torch.Tensor],
        normalize: Callable[[torch.Tensor], torch.Tensor],
    ) -> list[ImageResults]:
        return evaluate_each(
            net,
            sets,
            normalize=normalize,
            settings=self.settings,
            trained_on=self.batches.size // self.stepping.parts,
        )

    def memorization(self, train: ImageResults, validation: ImageResults) -> Memorization:
        return memorization(self._subset, self._probe, train.predictions, validation.predictions)

    def weights_are_finite(self) -> bool:
        norms = torch._foreach_norm([p.detach() for p in self.model.parameters()])
        return bool(torch.stack(norms).isfinite().all())

    def checkpoint(self) -> bytes:
        return checkpoint.pack(
            {
                **self._identity(),
                "epoch": self.epoch,
                "step": self.step,
                "parts": self.stepping.parts,
                "model": self.model.state_dict(),
                "optimizer": optimizer_state(self.optimizer),
                "randomness": self.randomness.state_dict(),
                "batches": self.batches.state_dict(),
                "best": self.best.state_dict(),
            }
        )

    def restore(self, data: bytes) -> None:
        """Continue from ``checkpoint``'s bytes.

        Raises:
            ValueError: corrupt, or of another trial, data set or precision.
        """
        state = checkpoint.unpack(data)
        for key, value in self._identity().items():
            if state[key] != value:
                raise ValueError(f"checkpoint: its {key} is {state[key]}, this trial's is {value}")
        self.epoch, self.step = state["epoch"], state["step"]
        self.stepping.parts = state["parts"]
        self.model.load_state_dict(state["model"])
        load_optimizer_state(self.optimizer, state["optimizer"])
        self.randomness.load_state_dict(state["randomness"])
        self.batches.load_state_dict(state["batches"])
        self.best.load_state_dict(state["best"])

    def _identity(self) -> dict[str, str]:
        return {
            "trial": self.config.trial_id,
            "data": self.data.fingerprint,
            "precision": self.settings.precision,
        }


def require_named(config: TrialConfig, weights: StartingWeights | None) -> None:
    """Weights are an argument of their own, as an object store holds them; they must be those of the trial's id.

    Raises:
        ValueError: they are not.
    """
    named = parse_weights(config.model.weights)
    if (named is None) != (weights is None):
        raise ValueError(f"weights: the trial names {config.model.weights}, and was given {'no' if named else 'some'}")
    if named is not None and weights is not None and named.digest not in ("", weights.digest):
        raise ValueError(f"weights: the trial names {named}, and was given {weights.digest}")


def _as_they_are(features: torch.Tensor) -> torch.Tensor:
    return features

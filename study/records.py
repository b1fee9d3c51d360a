"""What was measured: the records that every later stage reads. Plain frozen data, no behaviour but arithmetic."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from fitscape.study.config import TrialConfig

if TYPE_CHECKING:  # commands that read no predictions wait for no numpy
    import numpy as np
    from numpy.typing import NDArray

SET_LEVEL: Final = 0.9  # probability that the named regimes of a label have together
CLEAN: Final = "clean_"  # what the keys begin with under which ``fitscape.log_clean_errors`` logs


class TrialState(StrEnum):
    """How a trial ended, or where it is. STOPPED is read only: 0.1.0 could end a trial before its last epoch."""

    PENDING = "pending"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    DIVERGED = "diverged"
    FAILED = "failed"

    @property
    def terminal(self) -> bool:
        return self not in (TrialState.PENDING, TrialState.RUNNING)


class Regime(StrEnum):
    """The label of a trial at an epoch."""

    DIVERGED = "diverged"
    UNTRAINED = "untrained"
    GOOD = "good"
    OVERFIT = "overfit"
    UNDERFIT = "underfit"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class GradientProfile:
    """Gradient and weight norms of each weight layer, first (input side) to last, at one step, on one batch."""

    step: int
    layers: tuple[str, ...]
    gradient_norms: tuple[float, ...]
    weight_norms: tuple[float, ...]

    @property
    def first_last_ratio(self) -> float:
        """Relative gradient of the first layer over that of the last; far below 1 means vanishing."""
        first = self.gradient_norms[0] / max(self.weight_norms[0], 1e-12)
        last = self.gradient_norms[-1] / max(self.weight_norms[-1], 1e-12)
        return first / last if last > 0 else float("nan")


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One epoch of one trial.

    All errors and losses come from the same evaluator, in eval mode, without augmentation: ``train_*`` on the
    fixed probe slice of the training split (against its possibly noisy labels), ``val_*`` on validation.
    Validation is in two fixed halves, A and B, so that what is chosen on one is estimated on the other.
    Non-finite values are kept as they are. Of a run that was read, a loss may be None and other numbers that nobody
    logged are NaN: not measured.
    """

    epoch: int  # 1 is the first
    step: int  # optimizer steps so far
    time: float  # seconds since the Unix epoch, at the end of this epoch
    train_loss: float | None = None
    train_error: float
    val_loss: float | None = None
    val_error: float
    train_n: int
    val_n: int
    val_loss_a: float
    val_loss_b: float
    val_error_a: float
    val_error_b: float
    batch_loss: float  # mean over the epoch's training batches, train mode: never compare with train_loss
    learning_rate: float
    train_seconds: float
    eval_seconds: float
    images_per_second: float  # training only
    peak_memory_mib: float
    # Of the flipped training labels, the share the net reproduces; and of validation images given a flipped
    # label by the same draw, the share it reproduces (what chance and class confusion alone would give).
    memorized_train: float | None = None
    memorized_val: float | None = None
    flipped_n: int = 0  # flipped labels in the probe: flipped_n / train_n is the realised flip rate
    val_flipped_n: int = 0  # validation images behind memorized_val; 0 in records of 0.1.0
    val_n_a: int = 0  # validation images in half A; 0 in records of 0.1.0
    # Plain means over the classes that have images; None in records of 0.1.0. ``study.measures.errors`` says what a
    # number of images is here: of so many independent ones the error would vary as much.
    train_balanced_error: float | None = None
    train_balanced_n: float | None = None
    val_balanced_error: float | None = None
    val_balanced_n: float | None = None
    val_balanced_error_a: float | None = None
    val_balanced_error_b: float | None = None
    val_macro_f1: float | None = None  # decides nothing
    val_effective_n: float | None = None  # of val_error, where the validation images have groups
    gradients: tuple[GradientProfile, ...] = ()  # epoch 1 begins with the profile at initialization (step 0)
    gradient_ratio: float | None = None  # median first_last_ratio over this epoch's probed steps

    @property
    def gap(self) -> float:
        return self.val_error - self.train_error

    @property
    def halves(self) -> tuple[int, int]:
        """Validation images in half A and in half B; of a record that does not say, equal ones, A with the odd one."""
        in_a = self.val_n_a or self.val_n - self.val_n // 2
        return in_a, self.val_n - in_a

    @property
    def val_flipped(self) -> int:
        """Validation images behind ``memorized_val``; of a record that does not say, as many as expected."""
        return self.val_flipped_n or round(self.val_n * self.flipped_n / self.train_n)


@dataclass(frozen=True, kw_only=True)
class ModelSize:
    """What the network costs."""

    parameters: int
    flops: int  # multiply-adds x 2, one image, forward


@dataclass(frozen=True, kw_only=True)
class LatePair:
    """Per-image validation losses on half B at the epoch that is best on half A, and at the last epoch."""

    best_epoch: int
    last_epoch: int
    best_losses: tuple[float, ...]
    last_losses: tuple[float, ...]
    best_errors: tuple[bool, ...]
    last_errors: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What a trial's net says of each validation image [M] when the trial ends, in the order of the images."""

    classes: "NDArray[np.uint16]"  # the likeliest class; as many as there are classes where the loss is not finite
    confidences: "NDArray[np.float32]"  # probability of that class, to 1/255; 0 where the loss is not finite


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """The images [N] of one part of a study's split, in order: who they are, and not what they show."""

    hashes: "NDArray[np.uint64]"  # of the prepared pixels: equal where two images are equal byte for byte
    labels: "NDArray[np.uint16]"
    groups: "NDArray[np.int32] | None" = None  # equal numbers belong together, where the user says so
    names: tuple[str, ...] = ()  # files, of a user's own images

    def part(self, rows: slice) -> "ImageSet":
        """Some of them."""
        groups = None if self.groups is None else self.groups[rows]
        return ImageSet(hashes=self.hashes[rows], labels=self.labels[rows], groups=groups, names=self.names[rows])


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trial as the ledger holds it."""

    number: int  # order of creation, from 0
    trial_id: str
    config: TrialConfig
    hyperparameters: dict[str, Any]  # what the sampler or the user set
    origin: str  # sobol, regime, enqueue, replicate, read ...
    state: TrialState = TrialState.PENDING
    attempts: int = 0
    epochs: tuple[EpochRecord, ...] = ()
    size: ModelSize | None = None
    late: LatePair | None = None
    message: str = ""  # why it failed or diverged
    started_at: float | None = None
    ended_at: float | None = None
    node: str = ""
    device: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def last(self) -> EpochRecord | None:
        return self.epochs[-1] if self.epochs else None

    @property
    def seconds(self) -> float:
        """Time inside training and evaluation, all epochs."""
        return sum(e.train_seconds + e.eval_seconds for e in self.epochs)


@dataclass(frozen=True, kw_only=True)
class Label:
    """A trial's regime at an epoch, with the evidence."""

    trial_id: str
    epoch: int
    regime: Regime
    probability: float  # of that regime; of the likeliest one where undecided
    probabilities: dict[str, float]  # every regime but undecided; sums to 1
    train_excess: float  # B in skill units
    gap_excess: float  # V in skill units
    bias_share: float  # B / (B + V); between 1/3 and 2/3 the two causes mix
    flags: tuple[str, ...]  # degraded, vanishing, overfit_in_time, memorizing, interpolating, mixed
    thresholds_version: int
    tau: float
    reference_error: float
    chance_error: float
    by_map: bool = False  # the regime comes from its neighbours as well: its configuration's runs alone do not give it
    unsettled_by: str = ""  # of an undecided one: seeds, images, or boundary where more of either would hardly help
    seeds_needed: int | None = None  # of an undecided one: further seeds that would settle it if they came out alike
    images_needed: int | None = None  # ... and validation images in all; None: out of reach, or there is a label

    @property
    def regime_set(self) -> tuple[Regime, ...]:
        """The fewest regimes that together have ``SET_LEVEL`` of the probability, the likeliest first."""
        found: list[Regime] = []
        total = 0.0
        for name, p in sorted(self.probabilities.items(), key=lambda pair: -pair[1]):
            found.append(Regime(name))
            total += p
            if total >= SET_LEVEL - 1e-9:
                break
        return tuple(found)

    @property
    def named(self) -> str:
        """The set in words, with the probabilities where there is more than one: ``good or overfit (0.75 / 0.25)``."""
        names = [regime.value for regime in self.regime_set]
        if len(names) == 1:
            return names[0]
        shown = [round(100 * self.probabilities[name]) for name in names]
        shown[-1] -= max(sum(shown) - 100, 0)  # rounded, they may add up to more than all
        shares = " / ".join(f"{p / 100:.2f}" for p in shown)
        return f"{' or '.join(names)} ({shares})"

    @property
    def remedy(self) -> str:
        """Of an undecided label, why it is open and what would settle it; empty of any other."""
        if not self.unsettled_by:
            return ""
        if self.unsettled_by == "boundary":
            return "it lies so near a boundary that neither seeds nor images within reach would settle it"
        seeds, images = self.seeds_needed, self.images_needed
        ways = [f"{seeds} more seed{'s' if seeds != 1 else ''}"] if seeds is not None else []
        ways += [f"{images:,} validation images"] if images is not None else []
        why = "its seeds" if self.unsettled_by == "seeds" else "its validation images"
        return f"{why} are too few; {' or '.join(ways)} would settle it if they came out alike"

"""How many trials share a card: their memory is measured on one card of each kind, before the first trial."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fitscape.study.config import DataCondition, StudyConfig, TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.scheduling.capacity import on_worker
from fitscape.study.scheduling.cards import LOGICAL, MIB, used_mib
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.packing import CARD_SHARE, UNIT, Node, Packing, Request, pack, share
from fitscape.study.search.cost import Work
from fitscape.study.training import Settings, run_trial
from fitscape.study.training.memory import TrialOutOfMemory, is_out_of_memory
from fitscape.study.training.placement import fits_card

MEASURED_STEPS = 4
MADE_UP = 10_000  # images on which memory is measured; more of them count by their bytes


@dataclass(frozen=True, kw_only=True)
class DataShape:
    """What of a data set decides how much memory a trial takes; it travels where the data itself must not."""

    image: tuple[int, int, int]  # (C, H, W)
    classes: int
    train: int  # images
    validation: int
    probe_size: int

    @classmethod
    def of(cls, data: TrialData) -> "DataShape":
        return cls(
            image=data.input_shape,
            classes=len(data.classes),
            train=len(data.train_labels),
            validation=len(data.val_labels),
            probe_size=data.probe_size,
        )

    @property
    def work(self) -> Work:
        """What trials on it are counted by."""
        return Work(self.train, self.probe_size, self.validation, self.image, self.classes)

    @property
    def bytes(self) -> int:
        """Of all images."""
        channels, height, width = self.image
        return (self.train + self.validation) * channels * height * width

    def made_up(self, most: int | None = None) -> TrialData:
        """Noise of this shape; of ``most`` images to train on and to validate, where there are more."""
        import torch

        from fitscape.study.data.moments import moments

        if most is not None and most < max(self.train, self.validation):
            return replace(self, train=min(self.train, most), validation=min(self.validation, most)).made_up()
        train = torch.randint(0, 256, (self.train, *self.image), dtype=torch.uint8)
        return TrialData(
            train_images=train,
            train_labels=torch.arange(self.train) % self.classes,
            train_moments=torch.from_numpy(moments(train.numpy())),
            val_images=torch.randint(0, 256, (self.validation, *self.image), dtype=torch.uint8),
            val_labels=torch.arange(self.validation) % self.classes,
            val_half=torch.arange(self.validation) % 2 == 0,
            classes=tuple(map(str, range(self.classes))),
            fingerprint="made up",
            probe_size=self.probe_size,
        )


@dataclass(frozen=True, kw_only=True)
class Need:
    """What one trial takes of a card and of its machine."""

    card_mib: float  # the allocator's peak and the context of the process
    free_mib: float  # of the card, before the process began
    host_bytes: int
    too_large: bool = False  # a trial ran out of memory with the card to itself

    @property
    def fits(self) -> int:
        """Trials on one such card, at least 1."""
        return 1 if self.too_large else max(1, int(CARD_SHARE * self.free_mib / self.card_mib))


def trial_request(
    config: StudyConfig,
    hungry: Sequence[TrialConfig],
    shape: DataShape,
    settings: Settings,
    cluster: Cluster,
    *,
    trials: int,
) -> tuple[Request, str]:
    """What a trial takes, and a sentence for a person about it.

    As the config asks, or for ``auto``: the part of a card that lets most trials run at once; nothing of a card on a
    cluster without one. Kinds of card that would lower the number of trials at once are set aside.

    Args:
        config: the study.
        hungry: its trials that may need most memory.
        shape: of its data.
        settings: precision and layout.
        cluster: entered, its cards checked.
        trials: that are left to run.
    """
    resources = config.resources
    nodes = [node for node in cluster.usable() if node.gpus >= 1]
    if resources.gpus_per_trial != "auto":
        asked = int(resources.gpus_per_trial * UNIT) / UNIT
        return Request(resources.cpus_per_trial, asked), _share_text(cluster, asked and UNIT // round(asked * UNIT))
    if not nodes:
        return Request(resources.cpus_per_trial, 0.0), ""
    if config.base.trial is not None:  # nothing is known of its memory
        return Request(resources.cpus_per_trial, 1.0), _share_text(cluster, 1)
    kinds = {node.kind: node for node in nodes}
    if os.environ.get(LOGICAL):
        packing = pack(nodes, dict.fromkeys(kinds, 1), cpus_per_trial=resources.cpus_per_trial, trials=trials)
        return Request(resources.cpus_per_trial, share(packing.per_card)), _share_text(cluster, packing.per_card)
    request = Request(resources.cpus_per_trial, 1.0)
    needs: dict[str, Need] = {
        kind: on_worker(measure, request, tuple(hungry), shape, settings, node_id=node.id)
        for kind, node in kinds.items()
    }
    packing = pack(
        nodes,
        {kind: need.fits for kind, need in needs.items()},
        cpus_per_trial=resources.cpus_per_trial,
        trials=trials,
        host_memory=max(need.host_bytes for need in needs.values()),
    )
    _leave_out(cluster, nodes, packing)
    host = max(need.host_bytes for kind, need in needs.items() if kind not in packing.left_out)
    need = max((need for kind, need in needs.items() if kind not in packing.left_out), key=lambda need: need.card_mib)
    measured = (
        f", the largest was measured at {need.card_mib:,.0f} MiB of the card and {host / 2**30:.1f} GiB of memory"
    )
    return (
        Request(resources.cpus_per_trial, share(packing.per_card), host),
        _share_text(cluster, packing.per_card) + measured + _left_out_text(packing),
    )


def measure(hungry: Sequence[TrialConfig], shape: DataShape, settings: Settings) -> Need:
    """Run a few steps and one evaluation of each trial on this process's card, on made-up images.

    What the allocator reserved counts, not what tensors filled: the rest is in pieces that no other process can have.
    """
    import torch

    settings = replace(settings, device="cuda")
    others = used_mib()
    data = shape.made_up(max(shape.probe_size, *(trial.optimization.batch_size for trial in hungry), MADE_UP))
    made_up = data.train_images.nbytes + data.val_images.nbytes
    missing = (shape.bytes - made_up) / MIB if fits_card(shape.bytes, settings.torch_device) else 0.0
    peak, too_large = 0.0, False
    for trial in hungry:
        few = {"epochs": 1, "steps_per_epoch": MEASURED_STEPS, "weights": "none", **DataCondition().model_dump()}
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        try:
            for progress in run_trial(trial.with_hyperparameters(few), data, settings=settings):
                too_large = too_large or progress.halved
        except (RuntimeError, TrialOutOfMemory) as error:
            if not (isinstance(error, TrialOutOfMemory) or is_out_of_memory(error)):
                continue  # a net that cannot be trained: its trial says so
            too_large = True
        peak = max(peak, torch.cuda.max_memory_reserved() / MIB)
    torch.cuda.empty_cache()
    free, total = (amount / MIB for amount in torch.cuda.mem_get_info())
    context = max(0.0, total - free - others - torch.cuda.memory_reserved() / MIB)
    return Need(
        card_mib=peak + missing + context,
        free_mib=total - others,
        host_bytes=max(2**30, _peak_rss() - made_up),  # images lie in the object store or in files, once a machine
        too_large=too_large,
    )


def _peak_rss() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _leave_out(cluster: Cluster, nodes: Sequence[Node], packing: Packing) -> None:
    why = "its cards hold so few trials that more run at once without it"
    for node in nodes:
        if node.kind in packing.left_out:
            where: dict[str, Any] = cluster.aside.kinds if node.kind else cluster.aside.nodes
            where[node.kind or node.id] = why


def _share_text(cluster: Cluster, per_card: float) -> str:
    if not per_card or not cluster.cards:
        return ""
    share_text = f"{per_card:g} trials share a card" if per_card > 1 else "each trial has a card to itself"
    return f"trials run on {', '.join(cluster.cards)}; {share_text}"


def _left_out_text(packing: Packing) -> str:
    left = ", ".join(filter(None, packing.left_out))
    return f"; {left} left out: more trials run at once without" if left else ""

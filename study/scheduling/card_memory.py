"""How many trials share a card: their memory is measured on one card of each kind, before the first trial."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fitscape.study.config import DataCondition, StudyConfig, TrialConfig
from fitscape.study.data import TrialData
from fitscape.study.scheduling.capacity import on_worker
from fitscape.study.scheduling.card_check import card_fault, first_line
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

    peak_mib: float  # of the allocator
    context_mib: float  # of the process beside it
    free_mib: float  # of the card, before the process began
    host_bytes: int
    too_large: bool = False  # a trial ran out of memory with the card to itself
    fault: str = ""  # with which a trial ended its process's use of the card, so that nothing was measured

    @property
    def card_mib(self) -> float:
        """What other processes lack."""
        return self.peak_mib + self.context_mib

    @property
    def fits(self) -> int:
        """Trials on one such card, at least 1."""
        return 1 if self.too_large or self.fault else max(1, int(CARD_SHARE * self.free_mib / self.card_mib))


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
    trials = min(trials, resources.max_concurrent or trials)
    nodes = _by_memory(cluster, [node for node in cluster.usable() if node.gpus >= 1])
    if resources.gpus_per_trial != "auto":
        asked = int(resources.gpus_per_trial * UNIT) / UNIT
        return Request(resources.cpus_per_trial, asked), _share_text(cluster, asked and UNIT // round(asked * UNIT))
    if not nodes:
        return Request(resources.cpus_per_trial, 0.0), ""
    if config.base.trial is not None:  # nothing is known of its memory
        return Request(resources.cpus_per_trial, 1.0), _share_text(cluster, 1)
    kinds = {node.kind: node for node in nodes}  # of each kind, one node
    if os.environ.get(LOGICAL):
        packing = pack(nodes, dict.fromkeys(kinds, 1), cpus_per_trial=resources.cpus_per_trial, trials=trials)
        return Request(resources.cpus_per_trial, share(packing.per_card)), _share_text(cluster, packing.per_card)
    request = Request(resources.cpus_per_trial, 1.0)
    needs = {
        kind: _at_most(
            _smallest_mib(cluster, node),
            on_worker(measure, request, tuple(hungry), shape, settings, node_id=node.id),
        )
        for kind, node in kinds.items()
    }
    context = max(need.context_mib for need in needs.values())  # one for all kinds, as the share is
    needs = {kind: replace(need, context_mib=context) for kind, need in needs.items()}
    packing = pack(
        nodes,
        {kind: need.fits for kind, need in needs.items()},
        cpus_per_trial=resources.cpus_per_trial,
        trials=trials,
        host_memory=_host_memory(nodes, needs),
    )
    _leave_out(cluster, packing, nodes)
    used = [node for node in nodes if node.kind not in packing.left_out]
    host = _host_memory(used, needs)
    need = max((need for kind, need in needs.items() if kind not in packing.left_out), key=lambda need: need.card_mib)
    measured = (
        f": its memory was not measured, since a trial ended with: {need.fault}"
        if need.fault
        else f", the largest was measured at {need.card_mib:,.0f} MiB of the card and {host / 2**30:.1f} GiB of memory"
    )
    return (
        Request(resources.cpus_per_trial, share(packing.per_card), host, int(context * MIB)),
        _share_text(cluster, packing.per_card) + measured + _left_out_text(packing),
    )


def measure(hungry: Sequence[TrialConfig], shape: DataShape, settings: Settings) -> Need:
    """Run a few steps and one evaluation of each trial on this process's card, on made-up images.

    What the allocator reserved counts, not what tensors filled: the rest is in pieces that no other process can have.
    """
    import torch

    settings = replace(settings, device="cuda")
    others, whole = used_mib(), torch.cuda.get_device_properties(0).total_memory / MIB
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
        except Exception as error:  # noqa: BLE001  (a user's own network raises what it likes)
            if not (isinstance(error, TrialOutOfMemory) or is_out_of_memory(error)):
                if card_fault():  # CUDA's errors are sticky: this process can measure nothing more
                    free, host = whole - others, max(2**30, _peak_rss() - made_up)
                    return Need(peak_mib=free, context_mib=0, free_mib=free, host_bytes=host, fault=first_line(error))
                continue  # a net that cannot be trained: its trial says so
            too_large = True
        peak = max(peak, torch.cuda.max_memory_reserved() / MIB)
    torch.cuda.empty_cache()
    free, total = (amount / MIB for amount in torch.cuda.mem_get_info())
    return Need(
        peak_mib=peak + missing,
        context_mib=max(0.0, total - free - others - torch.cuda.memory_reserved() / MIB),
        free_mib=total - others,
        host_bytes=max(2**30, _peak_rss() - made_up),  # images lie in the object store or in files, once a machine
        too_large=too_large,
    )


def _peak_rss() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _smallest_mib(cluster: Cluster, node: Node) -> float:
    """Memory of the smallest card that trials may get there; 0 where that is not known."""
    return min((state.card.memory_mib for state in cluster.sound.get(node.id, ())), default=0.0)


def _at_most(card_mib: float, need: Need) -> Need:
    """The need where cards of one machine differ, and it was measured on a larger one."""
    return replace(need, free_mib=min(need.free_mib, card_mib or need.free_mib))


def _by_memory(cluster: Cluster, nodes: Sequence[Node]) -> list[Node]:
    """The nodes, where cards of one type differ in memory with that in their kind: Ray calls both of them A100."""
    sizes = {node.id: round(_smallest_mib(cluster, node) / 1024) for node in nodes}
    several = {node.kind for node in nodes if len({sizes[other.id] for other in nodes if other.kind == node.kind}) > 1}
    return [
        replace(node, kind=f"{node.kind} of {sizes[node.id]} GiB") if node.kind in several else node for node in nodes
    ]


def _host_memory(nodes: Sequence[Node], needs: Mapping[str, Need]) -> int:
    """Bytes of a machine's memory for each trial on these nodes; all that the largest has, where that is less.

    One trial did run there, and Ray gives out a part of the memory only.
    """
    measured = max(needs[node.kind].host_bytes for node in nodes)
    return min(measured, int(max(node.memory for node in nodes)) or measured)


def _leave_out(cluster: Cluster, packing: Packing, nodes: Sequence[Node]) -> None:
    why = "its cards hold so few trials that more run at once without it"
    types = {node.id: node.kind for node in cluster.usable()}  # as Ray labels them
    used = {types[node.id] for node in nodes if node.kind not in packing.left_out}
    for node in nodes:
        if node.kind in packing.left_out:
            kind = types[node.id]
            if kind and kind not in used:
                cluster.aside.kinds[kind] = why
            else:
                cluster.aside.nodes[node.id] = why


def _share_text(cluster: Cluster, per_card: float) -> str:
    if not per_card or not cluster.cards:
        return ""
    share_text = f"{per_card:g} trials share a card" if per_card > 1 else "each trial has a card to itself"
    return f"trials run on {', '.join(cluster.cards)}; {share_text}"


def _left_out_text(packing: Packing) -> str:
    left = ", ".join(filter(None, packing.left_out))
    return f"; {left} left out: more trials run at once without" if left else ""

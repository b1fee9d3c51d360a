"""Whether the card computes what the CPU computes, and the same numbers twice."""

import multiprocessing
from multiprocessing.connection import Connection
from typing import Any

import torch
import torch.nn.functional as F

from benchmarks.gpu.nets import CLASSES, SHAPE, WAYS, fast, made_up, resnet18, trial_config, way
from benchmarks.gpu.plain import PlainLoop
from fitscape.models.build import build
from fitscape.models.spec import ModelSpec
from fitscape.study.data import TrialData
from fitscape.study.training import Settings, run_trial

NETS = {
    "resnet18": ModelSpec(depth=18),
    "resnet18 width 0.25": ModelSpec(depth=18, width=0.25),
    "resnet18 group norm": ModelSpec(depth=18, norm="group", width=0.5),
    "resnet18 no norm": ModelSpec(depth=18, norm="none", width=0.5),
    "resnet34 imagenet stem": ModelSpec(depth=34, stem="imagenet", width=0.5),
    "resnet20": ModelSpec(depth=20),
    "resnet110": ModelSpec(depth=110),
    "plain20": ModelSpec(family="plain", depth=20),
    "plain34 width 0.25": ModelSpec(family="plain", depth=34, width=0.25),
    "densenet121 width 0.25": ModelSpec(family="densenet", depth=121, width=0.25),
}
IMAGES = 32


def precisions(device: str, names: tuple[str, ...] = tuple(NETS)) -> dict[str, Any]:
    """Relative errors of loss and gradient against float64 on the CPU: fp32 there, fp32, TF32 and bf16 here."""
    found = {}
    for name in names:
        generator = torch.Generator().manual_seed(1)
        images = torch.randn(IMAGES, *SHAPE, generator=generator)
        labels = torch.randint(CLASSES, (IMAGES,), generator=generator)
        exact = _gradient(NETS[name], images, labels, "cpu", torch.float64)
        rows = {"cpu fp32": _gradient(NETS[name], images, labels, "cpu", torch.float32)}
        if device == "cuda":
            before = torch.backends.cudnn.allow_tf32
            for row, tf32, bf16 in (("fp32", False, False), ("tf32", True, False), ("bf16", True, True)):
                torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
                rows[row] = _gradient(NETS[name], images, labels, device, torch.float32, bf16=bf16)
            torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before, False
        found[name] = {
            row: {
                "loss": abs(loss - exact[0]) / abs(exact[0]),
                "gradient": float((gradient - exact[1]).norm() / exact[1].norm()),
            }
            for row, (loss, gradient) in rows.items()
        }
    return found


def _gradient(
    spec: ModelSpec, images: torch.Tensor, labels: torch.Tensor, device: str, dtype: torch.dtype, *, bf16: bool = False
) -> tuple[float, torch.Tensor]:
    torch.manual_seed(0)
    model = build(spec, SHAPE, CLASSES).to(device=device, dtype=dtype).to(memory_format=torch.channels_last)
    with torch.autocast(device, dtype=torch.bfloat16, enabled=bf16):
        logits = model(images.to(device=device, dtype=dtype))
    loss = F.cross_entropy(logits if bf16 is False else logits.float(), labels.to(device))
    loss.backward()
    gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return loss.item(), torch.cat(gradients).double().cpu()


def repeats(device: str, *, neighbours: int) -> dict[str, Any]:
    """Whether a trial gives the same bits again, after a resume, and beside processes that keep the card busy."""
    data = made_up(2048, 512, probe=512) if device == "cuda" else made_up(64, 16, probe=16)
    found: dict[str, Any] = {}
    for name in WAYS:
        settings = way(fast(device), name)
        whole, saved = _bits(data, settings)
        rows = {"again": _bits(data, settings)[0] == whole}
        rows["resumed"] = _bits(data, settings, saved)[0] == whole[1:]
        found[name] = rows
        if name == "graph":
            rows["as eager"] = _bits(data, way(settings, "eager"))[0] == whole
    with _Busy(device, neighbours):
        for name in WAYS:
            settings = way(fast(device), name)
            whole, saved = _bits(data, settings)
            found[name]["again, busy"] = _bits(data, settings)[0] == whole
            found[name]["resumed, busy"] = _bits(data, settings, saved)[0] == whole[1:]
            found[name]["busy as alone"] = whole == _bits(data, settings)[0]
    return found


def _bits(
    data: TrialData, settings: Settings, saved: bytes | None = None
) -> tuple[list[tuple[float | None, ...]], bytes]:
    """Losses of each epoch, and the first epoch's checkpoint."""
    net = resnet18(0.25, 128) if settings.device == "cuda" else resnet18(0.0625, 32)
    drawn = {"dropout": 0.3, "augment": "crop_flip_cutout", "label_noise": 0.2}
    config = trial_config(net, steps=None, epochs=3, **drawn)
    losses: list[tuple[float | None, ...]] = []
    first = b""
    for progress in run_trial(config, data, settings=settings, checkpoint=saved):
        losses.append((progress.record.batch_loss, progress.record.train_loss, progress.record.val_loss))
        first = first or progress.checkpoint()
    return losses, first


class _Busy:
    """Processes that train on the same card."""

    def __init__(self, device: str, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes, self._processes = [], []
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_occupy, args=(theirs, device), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self) -> None:
        for pipe in self._pipes:
            pipe.recv()

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
            process.join()


def _occupy(pipe: Connection, device: str) -> None:
    torch.set_num_threads(1)
    net = resnet18(0.5, 256) if device == "cuda" else resnet18(0.0625, 8)
    loop = PlainLoop(net, made_up(512, 8), device)
    while True:
        loop.train(20 if device == "cuda" else 1)
        if not pipe.closed:
            pipe.send("busy")
            pipe.close()

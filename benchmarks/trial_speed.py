"""Training speed of one trial: Fitscape's engine against the plain loop, same nets, same images, in turn.

    python -m benchmarks.trial_speed [--device cpu] [--rounds 7] [--nets NAME ...]

Needs torch and torchvision, pydantic, numpy and this repository. Takes about 8 minutes on one core. Appends a
dated folder-free pair of files to benchmarks/results: JSON with every round, and a plot.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import facts
from benchmarks.plain_loop import PlainLoop, fashion_mnist
from models.build import build
from models.size import measure
from models.spec import ModelSpec
from study.config import DataConfig, Optimization, TrialConfig
from study.data import TrialData, load
from study.training import Progress, Settings, choose_settings, run_trial

RESULTS = Path(__file__).with_name("results")
BATCH = 128


@dataclass(frozen=True)
class Case:
    """One net, the ratio that is aimed at, and the steps that make a round of about a second."""

    spec: ModelSpec
    goal: float
    steps: int


CASES = {
    "ResNet18 width 1": Case(ModelSpec(depth=18), 2.2, 2),
    "ResNet18 width 0.25": Case(ModelSpec(depth=18, width=0.25), 2.5, 15),
    "ResNet18 width 0.125": Case(ModelSpec(depth=18, width=0.125), 3.0, 30),
    "DenseNet121": Case(ModelSpec(family="densenet", depth=121), 2.0, 1),
}


class Engine:
    """Fitscape's trial, a round being an epoch; its own clock leaves evaluation out, as the plain loop has none."""

    def __init__(self, case: Case, data: TrialData, settings: Settings) -> None:
        optimization = Optimization(
            lr=0.02, schedule="constant", batch_size=BATCH, epochs=1000, steps_per_epoch=case.steps
        )
        config = TrialConfig(model=case.spec, optimization=optimization)
        self.trial: Iterator[Progress] = run_trial(config, data, settings=settings)

    def images_per_second(self) -> float:
        return next(self.trial).record.images_per_second


def matmul_rate(device: str, dtype: torch.dtype, size: int = 2048) -> float:
    """FLOP/s of a square matrix product: what the machine can do at best."""
    a, b = (torch.randn(size, size, dtype=dtype, device=device) for _ in range(2))
    repeats = 100 if device == "cuda" else 2
    started = time.perf_counter()
    for _ in range(repeats):
        c = a @ b
    c[0, 0].item()
    return repeats * 2 * size**3 / (time.perf_counter() - started)


def run_case(case: Case, data: TrialData, plain_data: Any, *, rounds: int, device: str) -> dict[str, Any]:
    """Rounds of plain loop, engine and matrix product in turn, after one round each that does not count."""
    shape, classes = data.input_shape, len(data.classes)
    settings = choose_settings(case.spec, shape, classes, settings=Settings(device=device), batch_size=BATCH)
    plain = PlainLoop(build(case.spec, shape, classes), plain_data, batch_size=BATCH, device=device)
    engine = Engine(case, data, settings)
    dtype = torch.bfloat16 if settings.precision == "bf16" else torch.float32
    rows = [
        (plain.images_per_second(case.steps), engine.images_per_second(), matmul_rate(device, dtype))
        for _ in range(rounds + 1)
    ][1:]
    _, flops = measure(case.spec, shape, classes)
    ratios = [ours / theirs for theirs, ours, _ in rows]
    # Backward is two products for each of forward's, hence 3.
    shares = [ours * 3 * flops / peak for _, ours, peak in rows]
    return {
        "settings": asdict(settings),
        "goal": case.goal,
        "plain_images_per_second": summary([row[0] for row in rows]),
        "engine_images_per_second": summary([row[1] for row in rows]),
        "ratio": summary(ratios),
        "matmul_gflops": summary([row[2] / 1e9 for row in rows]),
        "share_of_matmul_rate": summary(shares),
    }


def summary(values: list[float]) -> dict[str, Any]:
    low, median, high = statistics.quantiles(values, n=4)
    return {"median": median, "quartiles": [low, high], "values": values}


def plot(results: dict[str, Any], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    for i, case in enumerate(results["cases"].values()):
        ratio = case["ratio"]
        axes.scatter(ratio["values"], [i] * len(ratio["values"]), color="tab:blue", alpha=0.4, s=18)
        axes.scatter(ratio["median"], i, color="tab:blue", s=80, label="median" if i == 0 else None)
        axes.scatter(case["goal"], i, color="black", marker="|", s=200, label="goal" if i == 0 else None)
    axes.axvline(1, color="grey", linewidth=1)
    axes.set_yticks(range(len(results["cases"])), list(results["cases"]))
    axes.set_xlabel("training images/s, Fitscape over plain loop (1 = equal)")
    machine = results["machine"]
    axes.set_title(f"{machine['cpu']}, {results['device']}, torch {machine['versions']['torch']}", fontsize=9)
    axes.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--nets", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--dry", action="store_true", help="print only")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, Any] = {"machine": facts(), "device": arguments.device, "batch": BATCH, "cases": {}}
    with tempfile.TemporaryDirectory() as root:
        plain_data = fashion_mnist(Path(root))
        data = load(DataConfig(dataset="fashion_mnist", limit=6000, root=root, probe_size=100)).trial_data
        for name in arguments.nets:
            case = run_case(CASES[name], data, plain_data, rounds=arguments.rounds, device=arguments.device)
            results["cases"][name] = case
            print(
                f"{name}: {case['ratio']['median']:.2f}x (goal {case['goal']}x), "
                f"{case['plain_images_per_second']['median']:.0f} -> "
                f"{case['engine_images_per_second']['median']:.0f} images/s, "
                f"{case['share_of_matmul_rate']['median']:.0%} of the matrix product's rate, "
                f"{case['settings']['precision']} {case['settings']['memory_format']}",
                flush=True,
            )
    if not arguments.dry:
        stem = RESULTS / f"trial_speed-{results['machine']['date'][:10]}-{arguments.device}"
        stem.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
        plot(results, stem.with_suffix(".png"))


if __name__ == "__main__":
    main()

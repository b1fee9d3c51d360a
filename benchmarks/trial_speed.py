"""Training speed of one trial: Fitscape's engine against the plain loop, same nets, same images, in turn.

    python -m benchmarks.trial_speed [--device cpu] [--rounds 7] [--nets NAME ...]

Needs torch and torchvision, pydantic, numpy and this repository. Takes about 8 minutes on one core. Writes a
dated pair of files to benchmarks/results: JSON with every round, and a plot.
"""

import argparse
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.clocks import Span
from benchmarks.plain_loop import PlainProcess, fashion_mnist
from benchmarks.record import dots, keep, spread, summary
from fitscape.models.size import measure
from fitscape.models.spec import ModelSpec
from fitscape.study.config import DataConfig, Optimization, TrialConfig
from fitscape.study.data import TrialData, load
from fitscape.study.training import Settings, choose_settings, run_trial

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
    """Fitscape's trial, an epoch a round. The clock runs from the end of the first step to that of the last."""

    def __init__(self, case: Case, data: TrialData, settings: Settings) -> None:
        optimization = Optimization(
            lr=0.02, schedule="constant", batch_size=BATCH, epochs=1000, steps_per_epoch=case.steps + 1
        )
        config = TrialConfig(model=case.spec, optimization=optimization)
        self.stamps: list[Span] = []
        self.device, self.last = settings.torch_device, case.steps
        self.trial = run_trial(config, data, settings=settings, on_step=self._stamp)

    def _stamp(self) -> None:
        if self.device.type == "cuda" and len(self.stamps) in (0, self.last):  # the clock's two ends
            torch.cuda.synchronize()
        self.stamps.append(Span.now())

    def train(self) -> Span:
        self.stamps.clear()
        next(self.trial)
        return self.stamps[-1].since(self.stamps[0])


def matmul_rate(device: str, dtype: torch.dtype, size: int = 2048) -> float:
    """FLOP/s of a square matrix product, by CPU time on the CPU: what the machine can do at best."""
    a, b = (torch.randn(size, size, dtype=dtype, device=device) for _ in range(2))
    repeats = 100 if device == "cuda" else 2
    started = Span.now()
    for _ in range(repeats):
        c = a @ b
    c[0, 0].item()
    taken = Span.now().since(started)
    return repeats * 2 * size**3 / (taken.wall if device == "cuda" else taken.cpu)


def run_case(case: Case, data: TrialData, root: Path, *, rounds: int, device: str) -> dict[str, Any]:
    """Rounds of plain loop, engine and matrix product in turn, after one round each that does not count."""
    shape, classes = data.input_shape, len(data.classes)
    settings = choose_settings(case.spec, shape, classes, settings=Settings(device=device), batch_size=BATCH)
    plain = PlainProcess(case.spec, root, batch_size=BATCH, device=device)
    engine = Engine(case, data, settings)
    dtype = torch.bfloat16 if settings.precision == "bf16" else torch.float32
    rows: list[tuple[Span, Span, float]] = []
    for _ in range(rounds + 1):
        rows.append((plain.train(case.steps), engine.train(), matmul_rate(device, dtype)))
    plain.close()
    rows = rows[1:]

    images = BATCH * case.steps
    # Backward is two products for each of forward's, hence 3.
    work = images * 3 * measure(case.spec, shape, classes)[1]
    report = {"settings": asdict(settings), "goal": case.goal, "matmul_gflops": summary([r[2] / 1e9 for r in rows])}
    for clock in ("wall", "cpu"):
        plain_s, engine_s = ([getattr(row[side], clock) for row in rows] for side in (0, 1))
        report[clock] = {
            "plain_images_per_second": summary([images / s for s in plain_s]),
            "engine_images_per_second": summary([images / s for s in engine_s]),
            "ratio": summary([p / e for p, e in zip(plain_s, engine_s, strict=True)]),
            "share_of_matmul_rate": summary([work / s / row[2] for s, row in zip(engine_s, rows, strict=True)]),
        }
    return report


def line(case: dict[str, Any], clock: str) -> str:
    figures, settings = case[clock], case["settings"]
    return (
        f"{spread(figures['ratio'])}, goal {case['goal']}; "
        f"{figures['plain_images_per_second']['median']:.0f} -> "
        f"{figures['engine_images_per_second']['median']:.0f} images/s, "
        f"{figures['share_of_matmul_rate']['median']:.0%} of the matrix product's rate, "
        f"{settings['precision']} {settings['memory_format']}"
    )


def plot(results: dict[str, Any], axes: Any) -> None:
    rows = [(name, case[results["clock"]]["ratio"]["values"], case["goal"]) for name, case in results["cases"].items()]
    dots(axes, rows)
    axes.axvline(1, color="grey", linewidth=1)
    axes.set_xlabel("training images/s, Fitscape over plain loop (1 = equal)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--nets", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--dry", action="store_true", help="print only")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, Any] = {
        "device": arguments.device,
        "batch": BATCH,
        # Others' turns on a shared CPU lengthen the wall's time of both sides, not evenly; not the CPU's.
        "clock": "wall" if arguments.device == "cuda" else "cpu",
        "cases": {},
    }
    with tempfile.TemporaryDirectory() as root:
        fashion_mnist(Path(root))  # unpacked once, for the plain loop's processes
        data = load(DataConfig(dataset="fashion_mnist", limit=6000, root=root, probe_size=100)).trial_data
        for name in arguments.nets:
            case = run_case(CASES[name], data, Path(root), rounds=arguments.rounds, device=arguments.device)
            results["cases"][name] = case
            for clock in ("wall", "cpu"):
                print(f"{name}, {clock} time: {line(case, clock)}", flush=True)
    if not arguments.dry:
        keep(f"trial_speed-{arguments.device}", results, lambda axes: plot(results, axes))


if __name__ == "__main__":
    main()

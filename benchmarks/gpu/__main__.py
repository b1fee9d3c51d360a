"""Measure everything that Fitscape claims about GPUs, on the card at hand.

    python -m benchmarks.gpu [--minutes 8] [--resume FILE] [--out FILE]

Most valuable first; no step is begun that would not end in time. The JSON is written after each step; a short table
is printed last, and written beside it. ``--resume`` takes the JSON of an earlier run and measures what it lacks. Needs
torch, torchvision, numpy, scikit-learn, pydantic, pytest and this repository; ``--device cpu`` rehearses it with tiny
nets.
"""

import argparse
import json
import re
from pathlib import Path

import torch

from benchmarks.gpu import agreement, card, footprint, packing, speed, suite
from benchmarks.gpu.nets import SPEED, TINY, WAYS, made_up, resnet18
from benchmarks.gpu.session import Session, Step
from benchmarks.gpu.table import lines
from benchmarks.record import RESULTS


def steps(device: str) -> list[Step]:
    """All there is to measure, in order of value."""
    cuda = device == "cuda"
    data = made_up(50_000 if cuda else 128, 2000 if cuda else 32, probe=2000 if cuda else 32)
    nets = SPEED if cuda else TINY
    rows = [Step(f"speed {net.name}", 15, lambda left, net=net: speed.speed(net, data, device)) for net in nets]
    cases = footprint.CASES if cuda else footprint.SMALL
    memory = [
        Step(
            f"memory {net.name} {precision}{' expandable' if expandable else ''}",
            15,
            lambda left, net=net, precision=precision, expandable=expandable: footprint.footprint(
                net, precision, device, expandable=expandable, left=left
            ),
        )
        for expandable in (False, True)
        for net, precision in cases
    ]
    packed = [
        Step(
            f"packed {way}{' under MPS' if mps else ''}",
            50,
            lambda left, way=way, mps=mps: packing.packed(device, way, mps=mps, left=left),
        )
        for way in reversed(WAYS)
        for mps in (False, True)
    ]
    names = tuple(agreement.NETS) if cuda else ("resnet20",)
    compiled = [
        Step(f"compiled {net.name}", 60, lambda left, net=net: speed.compiled(net, data, device))
        for net in ((resnet18(1, 512), resnet18(0.125, 128)) if cuda else ())
    ]
    profiles = [
        Step(f"profile {net.name}", 8, lambda left, net=net: speed.profile(net, data, device)) for net in nets[:3]
    ]
    return [
        Step("ceilings", 10, lambda left: card.ceilings(device, 8192 if cuda else 256)),
        *rows[:4],
        Step("repeat", 20, lambda left: agreement.repeats(device, neighbours=3 if cuda else 1)),
        Step("precision", 20, lambda left: agreement.precisions(device, names)),
        *packed[:2],
        *memory[: len(cases)],
        *(profiles if cuda else ()),
        Step("tests", 40, suite.marked_tests),
        Step("ladder", 15, lambda left: footprint.ladder(device)),
        Step("growth", 10, lambda left: footprint.growth(device)),
        Step("study", 20, lambda left: suite.study(device, left)),
        *compiled,
        *rows[4:],
        Step("choice", 15, lambda left: suite.choice(device)),
        *memory[len(cases) :],
        *packed[2:],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--resume", type=Path, help="JSON of an earlier run")
    parser.add_argument("--out", type=Path, help="where the JSON goes; else benchmarks/results/gpu-CARD-DATE.json")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--only", nargs="*", help="steps whose names begin so")
    arguments = parser.parse_args()
    described = card.describe(arguments.device)
    short = re.sub(r"[^a-z0-9]+", "-", described["card"].lower()).strip("-")
    out = arguments.out or RESULTS / f"gpu-{short}-{described['machine']['date'][:10]}.json"
    before = json.loads(arguments.resume.read_text()) if arguments.resume else {}
    session = Session(out, arguments.minutes * 60, {**before, **described})
    for step in steps(arguments.device):
        if arguments.only is None or step.name.startswith(tuple(arguments.only)):
            session.run(step)
            if arguments.device == "cuda":
                torch.cuda.empty_cache()
    session.write()
    table = "\n".join(lines(session.results))
    out.with_suffix(".txt").write_text(table + "\n")
    print(table)
    print(f"written to {out} and {out.with_suffix('.txt').name}")


if __name__ == "__main__":
    main()

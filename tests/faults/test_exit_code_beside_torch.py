"""A driver that leaves while its data is still being prepared: torch, left alone, would abort the process with 134."""

import os
import subprocess
import sys
from pathlib import Path

LEAVE = """
import threading
from fitscape.study import cli
from fitscape.study.driver.background import Background

busy = threading.Event()

def prepare():
    import torch
    net, images = torch.nn.Conv2d(8, 8, 3), torch.randn(16, 8, 16, 16)
    busy.set()
    while True:
        net(images).sum().backward()

def refuse(words, debug):
    Background(prepare)
    assert busy.wait(100)
    return 2

cli._run = refuse
cli.main()
"""


def test_a_refusal_beside_a_busy_torch_is_still_exit_2() -> None:
    repository = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", LEAVE], env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (2, "")

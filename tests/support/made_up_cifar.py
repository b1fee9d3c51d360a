"""``made_up_cifar.py FOLDER COMMAND ...``: a command of fitscape beside CIFAR-10 files of full size, filled with noise.

60,000 images of 3 x 32 x 32. torchvision refuses files whose checksums are not the published ones, so its checksums are
set to theirs in this process.
"""

import sys
from pathlib import Path

import pytest
from published_files import write_cifar

BATCH = 10_000  # images in each of the six files
TRAIN_BYTES = 5 * BATCH * 3 * 32 * 32

if __name__ == "__main__":
    from fitscape.study.cli import main

    folder, *words = sys.argv[1:]
    with pytest.MonkeyPatch.context() as patch:
        write_cifar(Path(folder), "CIFAR10", patch, BATCH, packed=False)
        main(words)

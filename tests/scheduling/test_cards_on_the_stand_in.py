"""What the check of a card says where CUDA itself answers: a stand-in for it, with torch's real host code."""

import json
from pathlib import Path

import cuda_stub

CHECK = """
import json
from fitscape.study.scheduling.cards import Card, check
there = [Card(str(i), f"GPU {i}") for i in range(CARDS)]
print(json.dumps([[s.capability, s.fault, s.bf16] for s in check(there)]))
"""
LAUNCH = """
import json, torch
from fitscape.study.scheduling.card_check import kernel
try:
    kernel()
except Exception as error:
    print(json.dumps(str(error)))
"""


def test_each_card_answers_for_itself(stub: Path, tmp_path: Path) -> None:
    (tmp_path / "break.2").touch()
    printed = cuda_stub.run(
        stub, "CARDS = 4" + CHECK, STUB_DEVICES="3", STUB_CC="90,75,89", STUB_BREAK=str(tmp_path / "break")
    )
    sound, old, broken, missing = json.loads(printed)
    assert sound == ["9.0", "", True]
    assert old == ["7.5", "", False], "a T4 runs kernels and has no bf16 units"
    assert broken[1].startswith("runs no kernel: CUDA error: an illegal memory access")
    assert "No CUDA GPUs are available" in missing[1]


def test_a_card_that_torch_has_no_kernels_for_is_named_with_what_torch_has(stub: Path) -> None:
    (state,) = json.loads(cuda_stub.run(stub, "CARDS = 1" + CHECK, STUB_CC="70"))
    assert state[0] == "7.0"
    assert state[1].startswith("torch has no kernels for compute capability 7.0, it has 75")
    assert "no kernel image is available" in json.loads(cuda_stub.run(stub, LAUNCH, STUB_CC="70")), "error 209"


def test_a_driver_that_is_too_old_is_named_with_its_remedy(stub: Path) -> None:
    code = "import json; from fitscape.study.scheduling.card_check import look; print(json.dumps(look()))"
    found = json.loads(cuda_stub.run(stub, code, STUB_DRIVER="12080"))
    assert found["fault"].startswith("its driver is too old for torch's CUDA 13")
    assert "580 or newer" in found["fix"]

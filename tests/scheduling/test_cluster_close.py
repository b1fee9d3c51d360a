"""Ray is let go beside other threads, which allocate, and so collect what held its references."""

import subprocess
import sys

import pytest

CODE = """
import threading
import ray
from fitscape.study.scheduling.cluster import Cluster

class Held:
    pass

def cycle():
    held = Held()
    held.me, held.reference = held, ray.put(1)
    return held

cluster = Cluster(None, warm=False)
cluster.__enter__()
held = [cycle() for _ in range(4000)]
closing = threading.Thread(target=cluster.close)
closing.start()
while closing.is_alive():
    del held[:1]  # to the collector, which more objects call
    more = [[] for _ in range(2000)]
closing.join()
print("whole")
"""


@pytest.mark.alone
def test_a_reference_that_is_dropped_while_ray_shuts_down_does_not_end_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "whole"), done.stderr

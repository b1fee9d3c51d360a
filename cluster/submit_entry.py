"""``ray submit CLUSTER.yaml cluster/submit_entry.py COMMAND ...``: a command of fitscape on the cluster's head.

For example ``run quickstart --trials 40`` or ``resume quickstart``. ``ray submit`` copies this file alone and runs it
in a login shell; the code is on the nodes by the cluster's setup commands.
"""

import os
import sys

from fitscape.study.cli import main

if __name__ == "__main__":
    os.environ.setdefault("RAY_ADDRESS", "auto")
    main(sys.argv[1:])

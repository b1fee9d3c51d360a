"""``one_long_trial.py ADDRESS FOLDER EPOCHS``: one trial on a cluster, which saves a checkpoint after every epoch."""

import sys
from pathlib import Path

import hand_made
import odd_trials
from no_images import ten_images

from fitscape.study.ledger import Ledger
from fitscape.study.scheduling.checkpoints import CheckpointStore
from fitscape.study.scheduling.cluster import Cluster
from fitscape.study.scheduling.events import Message
from fitscape.study.scheduling.interruption import Interruption
from fitscape.study.scheduling.packing import Request
from fitscape.study.scheduling.run_trials import run_trials
from fitscape.study.training import Settings

if __name__ == "__main__":
    address, name, epochs = sys.argv[1:]
    folder, config = Path(name), odd_trials.seeds_study([1], epochs=int(epochs), max_attempts=3)
    with Cluster(address) as cluster, Ledger.create(folder / "ledger.db", config, {}) as ledger:
        from ray import cloudpickle

        for module in (hand_made, odd_trials):  # workers do not have tests/support on their path
            cloudpickle.register_pickle_by_value(module)
        run_trials(
            config,
            ledger,
            ten_images(),
            cluster=cluster,
            request=Request(1, 0),
            settings=Settings(),
            checkpoints=CheckpointStore(str(folder / "checkpoints")),
            interruption=Interruption(),
            run=odd_trials.odd_trials(folder, seconds=0.3),
            save_every=0.0,
            observer=lambda event: print(event.text, flush=True) if isinstance(event, Message) else None,
        )

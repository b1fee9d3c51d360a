"""A repeat repeats: what an adaptive search drew is drawn again, whoever finishes first this time."""

from pathlib import Path
from typing import Any

from fitscape.study.config import StudyConfig
from fitscape.study.driver.folder import frozen
from fitscape.study.files import LEDGER
from fitscape.study.ledger import Ledger
from fitscape.study.samplers import sampler_of

Drawn = list[tuple[dict[str, Any], int, str]]  # hyperparameters, seed and origin of each trial, in order

DECIDED_BY = ("data", "base", "space", "enqueue", "search", "regimes")  # sections that a draw depends on


def drawn_beside(file: Path, config: StudyConfig) -> Drawn:
    """The trials of the study whose frozen config ``file`` is, where ``config`` repeats it; else none.

    A design draws the same by itself. A sampler that learns draws what the order of results and the clock make of it.

    Args:
        file: that a study is run from; its ledger lies beside it, or it is no study's.
        config: read from it, perhaps with changes. Another name or number of trials is a repeat too.

    Raises:
        UserError: the ledger cannot be read.
    """
    ledger = file.parent / LEDGER
    if not sampler_of(config.search.sampler).adaptive or not ledger.is_file():
        return []
    with Ledger.open(ledger, read_only=True) as there:
        if _decisive(there.config) != _decisive(config):
            return []
        return [(dict(t.hyperparameters), t.config.seed, t.origin) for t in there.trials(epochs=())]


def _decisive(config: StudyConfig) -> dict[str, Any]:
    values = frozen(config).model_dump(mode="json", include=set(DECIDED_BY))
    values["search"].pop("trials")
    return values

"""Networks and losses of the user's own, tried before the first trial in a process that may crash or hang."""

from collections.abc import Sequence

from fitscape.models.from_own import require_contract
from fitscape.models.spec import ModelSpec
from fitscape.study.config import TrialConfig
from fitscape.study.errors import UserError
from fitscape.study.isolated import Crashed, TookTooLong, call_within
from fitscape.study.plugins import installed
from fitscape.study.training.own_loss import require_loss

TRIED, TRIED_WITHIN = 8, 120.0  # networks that are built, and the seconds for all


def require_contracts(trials: Sequence[TrialConfig], shape: tuple[int, int, int], classes: int) -> None:
    """Build each network of the user's own that is among the trials, and take one step of it; try each own loss.

    Raises:
        UserError: one does not do what it has to do, crashes, or takes too long.
    """
    specs = list(
        dict.fromkeys(trial.model for trial in trials if trial.model.own and trial.model.family != trial.trial)
    )
    losses = [str(name.reference) for name in code.named if name.role == "loss"] if (code := installed()) else []
    if not (specs or losses):
        return
    where = specs[0].family if specs else losses[0]
    try:
        call_within(TRIED_WITHIN, _try, specs[:TRIED], losses, shape, classes)
    except ValueError as error:
        key, _, text = str(error).partition(": ")
        raise UserError(text, where="base.optimization.loss" if key == "loss" else "base.model.family") from None
    except TookTooLong:
        raise UserError(f"one step of two images takes more than {TRIED_WITHIN:g} s", where=where) from None
    except Crashed as error:
        raise UserError(f"one step of two images crashes ({error.by})", where=where) from None


def _try(specs: Sequence[ModelSpec], losses: Sequence[str], shape: tuple[int, int, int], classes: int) -> None:
    for spec in specs:
        require_contract(spec, shape, classes)
    for loss in losses:
        require_loss(loss, classes)

"""Sizes of images that no trial could be given: refused before a study starts."""

from fitscape.models.spec import ModelSpec
from fitscape.study.config import StudyConfig
from fitscape.study.data import TrialData
from fitscape.study.data.trial_data import unsized
from fitscape.study.errors import UserError
from fitscape.study.scheduling.capacity import largest_trials
from fitscape.study.scheduling.single_images import smallest_trials
from fitscape.study.search.space import Space

WHERE = "image_size"


def require_sizes(config: StudyConfig, space: Space, data: TrialData) -> None:
    """Look at the smallest and largest images of the study, and whether its networks can be built for them.

    Raises:
        UserError: they are larger than the prepared ones, or too many, or a network is too deep for them.
    """
    shape, mapped = data.input_shape, data.mapped is not None
    trials = [*largest_trials(config, space, ()), *smallest_trials(config, space)]
    sizes = {trial.data.image_size for trial in trials} - {None}
    for size in sorted(filter(None, sizes), reverse=True):
        if problem := unsized(shape, mapped=mapped, size=size):
            larger = size > max(shape[1:])
            fix = f"set data.image_size to {size}, or lower it" if larger else "leave image_size out, or set data.limit"
            raise UserError(problem, where=WHERE, fix=fix)
    for trial in trials:
        if trial.data.image_size is not None and not trial.model.own:
            _require_buildable(trial.model, trial.data.shape_of(shape), len(data.classes))


def _require_buildable(model: ModelSpec, shape: tuple[int, int, int], classes: int) -> None:
    from fitscape.models.build import blueprint

    try:
        blueprint(model, shape, classes)
    except ValueError as error:
        raise UserError(str(error).removeprefix("input_shape: "), where=WHERE) from error

"""Which trials to run: designs and Optuna samplers. Heavy parts are imported when first used."""

from typing import TYPE_CHECKING

from fitscape.study.lazy import lazy

if TYPE_CHECKING:
    from fitscape.study.search.asker import Asker as Asker
    from fitscape.study.search.asker import Suggestion as Suggestion
    from fitscape.study.search.regime_sampler import RegimeSampler as RegimeSampler
    from fitscape.study.search.reported_errors import report_errors as report_errors

__getattr__, __all__ = lazy(
    {
        "Asker": "fitscape.study.search.asker",
        "RegimeSampler": "fitscape.study.search.regime_sampler",
        "report_errors": "fitscape.study.search.reported_errors",
        "Suggestion": "fitscape.study.search.asker",
    }
)

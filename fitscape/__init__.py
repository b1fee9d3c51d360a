"""Fitscape: maps where image classifiers underfit, fit well, overfit, degrade or diverge.

The public API. Each name is imported when it is first used, so that ``import fitscape`` takes a fraction of a second.
The sources of the three packages inside are the top-level folders study/, models/ and search_spaces/.
"""

from typing import TYPE_CHECKING

from fitscape.study.lazy import lazy

if TYPE_CHECKING:
    from fitscape.study.api import Study as Study
    from fitscape.study.api import open_study as open_study
    from fitscape.study.api import read as read
    from fitscape.study.api import resume as resume
    from fitscape.study.api import run as run
    from fitscape.study.maps import RegimeMap as RegimeMap
    from fitscape.study.reading import load_config as load_config
    from fitscape.study.scheduling.regime_search import RegimeSearch as RegimeSearch
    from fitscape.study.search import RegimeSampler as RegimeSampler
    from fitscape.study.search import report_errors as report_errors
    from fitscape.study.training.clean_errors import log_clean_errors as log_clean_errors

__version__ = "0.2.0"

__getattr__, __all__ = lazy(
    {
        "RegimeMap": "fitscape.study.maps",
        "RegimeSampler": "fitscape.study.search",
        "RegimeSearch": "fitscape.study.scheduling.regime_search",
        "load_config": "fitscape.study.reading",
        "log_clean_errors": "fitscape.study.training.clean_errors",
        "Study": "fitscape.study.api",
        "open_study": "fitscape.study.api",
        "read": "fitscape.study.api",
        "report_errors": "fitscape.study.search",
        "resume": "fitscape.study.api",
        "run": "fitscape.study.api",
    }
)

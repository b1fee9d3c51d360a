"""What ``import fitscape`` offers: ``run``, ``resume``, ``read`` and ``open_study``, for scripts and notebooks.

Each returns a :class:`study.api.study.Study`. Heavy parts are imported when first used.
"""

from typing import TYPE_CHECKING

from fitscape.study.lazy import lazy

if TYPE_CHECKING:
    from fitscape.study.api.reading import read as read
    from fitscape.study.api.running import resume as resume
    from fitscape.study.api.running import run as run
    from fitscape.study.api.study import Study as Study
    from fitscape.study.api.study import open_study as open_study

__getattr__, __all__ = lazy(
    {
        "Study": "fitscape.study.api.study",
        "open_study": "fitscape.study.api.study",
        "read": "fitscape.study.api.reading",
        "resume": "fitscape.study.api.running",
        "run": "fitscape.study.api.running",
    }
)

"""Two or three studies side by side: images, training, best errors, and where the regimes lie."""

from fitscape.study.comparing.areas import Area, Areas
from fitscape.study.comparing.best import BestErrors
from fitscape.study.comparing.comparison import Comparison, Versus, compare
from fitscape.study.comparing.configuration import Difference
from fitscape.study.comparing.held_out import HeldOut
from fitscape.study.comparing.plane import Plane

__all__ = ["Area", "Areas", "BestErrors", "Comparison", "Difference", "HeldOut", "Plane", "Versus", "compare"]

"""What each regime's name means."""

from fitscape.study.regimes.flags import DEGRADED, FLAGS
from fitscape.study.report import vocabulary
from fitscape.study.report.section import Section

SECTION = Section(
    "words",
    "What the words mean",
    "Words",
    lambda m: {
        "looks": list(vocabulary.LOOKS.values()),
        "degraded": DEGRADED,
        "interpolating": FLAGS["interpolating"].meaning,
    },
)

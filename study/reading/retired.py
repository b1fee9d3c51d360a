"""What a study of an earlier release may ask for that this release no longer does."""

from collections.abc import Iterator

from fitscape.study.reading.document import Document
from fitscape.study.reading.explain import Problem

STOPPING = "early stopping was removed: it saved little and flipped too many labels"


def retired_problems(document: Document) -> Iterator[Problem]:
    """One for each thing that a document asks for and will not get.

    ``stopping`` with ``enabled: false`` asks for nothing: 0.1.0 wrote it into every study. It is read and dropped.
    """
    stopping = document.value.get("stopping", {})
    if not isinstance(stopping, dict) or stopping.get("enabled", False) is not False:
        yield Problem(("stopping",), STOPPING, "take the section `stopping` out; every trial runs to its last epoch")

"""The recommendation as numbers and one sentence, for a notebook; the page has its own (sections/recommendation.py)."""

from typing import Any

import pandas as pd

from fitscape.study.errors import UserError
from fitscape.study.maps.advice import forecast
from fitscape.study.opened import OpenStudy
from fitscape.study.report.sections.recommendation import recommendation
from fitscape.study.report.subject import Subject


def advised(study: OpenStudy) -> tuple[dict[str, Any], dict[str, float], str]:
    """The point, its forecast (``good``, ``val_error``, ``low``, ``high``) and what to do in a sentence.

    Raises:
        UserError: there is no map.
    """
    subject = Subject(study)
    if subject.map is None:
        raise UserError(subject.no_map, where=str(study.folder))
    point = subject.recommended
    told = forecast(subject.map, pd.DataFrame([point]), chosen=True).iloc[0]
    said = recommendation(subject, tested=False)
    advice, guessing = said["advice"], said["guessing"]
    at = f" at {advice['setting']}" if advice["setting"] else ""
    expected = f"expected validation error {advice['error']} ({advice['interval']})"
    chance = f"it is at most {advice['threshold']}, the limit of good here, with probability {advice['good']}"
    sentence = f"Use {advice['net']}{at}: {expected}, {chance}."
    if not advice["likely"]:
        sentence = (
            f"No configuration of this space is likely to be {advice['as_good']}; likeliest is {advice['net']}{at}, "
            f"{expected}."
        )
    if guessing:
        sentence = (
            f"No better than guessing: the best configuration's error is {guessing['error']} ({guessing['interval']}), "
            f"that of guessing {guessing['chance']}."
        )
    return point, {name: float(told[name]) for name in ("good", "val_error", "low", "high")}, sentence

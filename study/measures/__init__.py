"""What predictions of single images come to: confusion, errors by class, labels that look wrong. Plain numpy."""

from fitscape.study.measures.confusion import class_errors, confusion
from fitscape.study.measures.suspects import Suspect, suspects, suspects_in_folds

__all__ = ["Suspect", "class_errors", "confusion", "suspects", "suspects_in_folds"]

"""Fitscape: maps where image classifiers underfit, fit well, overfit, degrade or diverge."""

__version__ = "0.1.0"

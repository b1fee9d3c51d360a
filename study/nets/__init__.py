"""Nets for other people to use: trained again, calibrated, and written into a folder that needs none of our code."""

from fitscape.study.nets.make import best_trial, make_net
from fitscape.study.nets.predict import Prediction, predict

__all__ = ["Prediction", "best_trial", "make_net", "predict"]

"""Nets for other people to use: trained again, calibrated, and written into a folder that needs none of our code."""

from fitscape.study.nets.make import make_net, recommended_trial
from fitscape.study.nets.predict import FilePrediction, predict

__all__ = ["FilePrediction", "make_net", "predict", "recommended_trial"]

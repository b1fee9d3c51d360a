"""Weights that trials start from, read from files, registries and other studies; hashed, never unpickled as code."""

from fitscape.study.weights.files import read_file, write_file
from fitscape.study.weights.sources import WeightSource, read

__all__ = ["WeightSource", "read", "read_file", "write_file"]

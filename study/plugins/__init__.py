"""A user's own code: found, hashed, taken along to every process that needs it, and imported nowhere else."""

from fitscape.study.plugins.code import Code, install, installed
from fitscape.study.plugins.gather import code_of
from fitscape.study.plugins.named import Named, named

__all__ = ["Code", "Named", "code_of", "install", "installed", "named"]

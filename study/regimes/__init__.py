"""Records -> labels: which regime each trial is in, with what probability, and which flags it carries.

Definitions, version 1: errors as Jeffreys rates, brought to one scale under label noise, in skill units
between the reference error and chance; a decision list asked of draws of the errors; undecided where no
regime is likely enough. Pure functions of records: labels at another tau need no training and no re-reading.
"""

from fitscape.study.regimes.depth import DepthPair, DepthTest, depth_pairs, depth_tests
from fitscape.study.regimes.draws import StandardDraws, standard_draws
from fitscape.study.regimes.labels import label, label_all, regimes_at
from fitscape.study.regimes.late import Rise, error_rises, loss_rises
from fitscape.study.regimes.reference import (
    Guessing,
    Reference,
    beyond_guessing,
    estimate_reference,
    guessing,
    measured_reference,
)
from fitscape.study.regimes.replicates import SeedNoise, between_seeds, by_group, final_record, pooled_seed_noise
from fitscape.study.regimes.rule import DECIDABLE, Scale, flip_rate, rate, regime_of, split_excess, to_noisy

__all__ = [
    "DECIDABLE",
    "DepthPair",
    "DepthTest",
    "Guessing",
    "Reference",
    "Rise",
    "Scale",
    "SeedNoise",
    "StandardDraws",
    "between_seeds",
    "beyond_guessing",
    "by_group",
    "depth_pairs",
    "depth_tests",
    "error_rises",
    "estimate_reference",
    "final_record",
    "flip_rate",
    "guessing",
    "label",
    "label_all",
    "loss_rises",
    "measured_reference",
    "pooled_seed_noise",
    "rate",
    "regime_of",
    "regimes_at",
    "split_excess",
    "standard_draws",
    "to_noisy",
]
